"""The rules of the mixin for a run that has not a day: what they wait for is shortened, and nothing else of them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, NamedTuple

import yaml

MIXIN = Path(__file__).parents[2] / "config" / "mixin"
FILES = ("alerts.yml", "rules.yml")
WAITS = ("for", "keep_firing_for")
"""What a rule waits for before it fires, and before it ends."""
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_LENGTH = re.compile(r"(\[|offset )(\d+)([smhd])")
_AGE = re.compile(r"(?<![\w.])(?:8 \* 86400|93600|86400|7200)(?![\w.])")
_UPKEEP = ("93600", "8 * 86400")
"""Ages of a backup and of a verification."""


class Pace(NamedTuple):
    """How long things take in a run, in seconds."""

    whole: float

    @property
    def lasting(self) -> int:
        """The longest that a rule waits before it fires, and before it ends."""
        return max(12, round(self.whole / 120))

    @property
    def window(self) -> int:
        """The longest range that a rule looks back over."""
        return 4 * self.lasting

    @property
    def silence(self) -> int:
        """What stands for a day."""
        return max(75, round(self.whole / 20))

    @property
    def upkeep(self) -> int:
        """How old a backup and a verification may be."""
        return max(60, round(self.whole / 6))


def alerts() -> list[str]:
    """The names of the alerts that the mixin has."""
    groups = yaml.safe_load((MIXIN / FILES[0]).read_text("utf-8"))["groups"]
    return [rule["alert"] for group in groups for rule in group["rules"]]


def shortened(text: str, pace: Pace) -> str:
    """A file of rules with each wait as long as the pace allows at most."""
    rules = yaml.safe_load(text)
    for group in rules["groups"]:
        group["rules"] = [_rule(rule, pace) for rule in group["rules"]]
    return yaml.safe_dump(rules, sort_keys=False)


def _rule(rule: dict[str, Any], pace: Pace) -> dict[str, Any]:
    shortened_rule = rule | {"expr": _expression(rule["expr"], pace)}
    return shortened_rule | {wait: f"{min(_seconds(rule[wait]), pace.lasting)}s" for wait in WAITS if wait in rule}


def _expression(text: str, pace: Pace) -> str:
    def length(match: re.Match[str]) -> str:
        # Four starts have to be seen within one, and each takes long where the machine is busy.
        window = 2 * pace.window if "changes(" in text else pace.window
        most = window if match[1] == "[" else pace.lasting
        return f"{match[1]}{min(int(match[2]) * _UNITS[match[3]], most)}s"

    def age(found: re.Match[str]) -> str:
        return str(pace.upkeep if found[0] in _UPKEEP else pace.silence)

    return _AGE.sub(age, _LENGTH.sub(length, text))


def _seconds(text: str) -> int:
    return int(text[:-1]) * _UNITS[text[-1]]
