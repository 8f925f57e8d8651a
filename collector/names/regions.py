"""Regions, zones and cells as cloud providers write them, recognised among the words of a name."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

_SIDE = r"(?:north|south|east|west|central|northeast|northwest|southeast|southwest)"
_LAND = (
    r"(?:eu|us|usa|uk|gb|ap|sa|na|ca|cn|il|mx|jp|au|br|de|fr|nl|sg|kr|hk|ch|se|emea|apac|latam|global|europe|asia"
    r"|america|australia|africa|canada|japan|india|brazil|germany|france|korea)"
)
_SHORT_REGION = re.compile(r"(eu|us|ap)(ne|nw|se|sw|n|s|e|w|c)(\d)")
_SIDES = {"n": "north", "s": "south", "e": "east", "w": "west", "c": "central", "ne": "northeast", "nw": "northwest",
          "se": "southeast", "sw": "southwest"}  # fmt: skip
_SIDED_REGION = re.compile(rf"({_SIDE})-?({_LAND})(\d?)")
_ZONE_OF_SIDED = re.compile(rf"({_SIDE})({_LAND})(\d?)-(\d)")
"""Azure writes a zone so: ``westus2-1`` is the first one of ``westus2``."""
_FIRST_SIDED = re.compile(rf"{_SIDE}-{_LAND}")
"""A region of Azure's without a number: ``westus``, which ``westus2`` is not in."""
_LANDS = {"europe": "eu", "usa": "us", "gb": "uk"}
"""Lands that have two names, each with the one that stands for both."""
_IS_LAND = frozenset({"eu", "us", "uk"})
"""Lands whose regions are called in several ways."""
_REGIONS = (
    rf"{_SHORT_REGION.pattern}|{_LAND}\d?(?:-gov)?(?:-?{_SIDE})?(?:-?\d{{1,2}}[a-z]?)?(?:-[a-z])?"
    rf"|(?:me|af|in|northamerica|southamerica)-?{_SIDE}-?\d{{1,2}}(?:-?[a-z])?"
    rf"|{_SIDE}-?{_LAND}(?:-?\d)?|{_SIDE}{_LAND}\d?-\d|{_SIDE}-?\d{{1,2}}[a-z]?"
    r"|(?:fra|ams|nyc|sfo|lon|lhr|iad|sjc|sin|sgp|tor|blr|syd|dub|cdg|hel|nbg|fsn|dfw|ord|sea|lax|hkg|nrt|gru|mad|waw)"
    r"-?\d{1,2}|(?:dc|az|zone|cell|region|cluster|shard)-?(?:\d{1,3}|[a-z])"
)
"""Regions, zones and cells, their words joined by dashes."""
_LONGEST_REGION = 4
"""Most words of a region: ``us-gov-west-1``."""


@lru_cache(maxsize=1)
def _region() -> re.Pattern[str]:
    """A region, a zone or a cell. It takes long to compile, so it is done for the first name and not for each start."""
    return re.compile(_REGIONS)


def region_key(region: str) -> str:
    """``us-east1-b`` and ``us-east-1b`` are ``us-east-1-b``, ``euw1`` is ``eu-west-1``, ``Europe`` is ``eu``."""
    if short := _SHORT_REGION.fullmatch(region):
        return f"{short[1]}-{_SIDES[short[2]]}-{short[3]}"
    if sided := _SIDED_REGION.fullmatch(region):
        region = f"{sided[1]}-{sided[2]}{sided[3]}"
    elif zone := _ZONE_OF_SIDED.fullmatch(region):
        region = f"{zone[1]}-{zone[2]}{zone[3]}-z{zone[4]}"
    key = re.sub(r"(?<=[a-z])(?=\d)|(?<=\d)(?=[a-z])", "-", region)
    return _LANDS.get(key, key)


def region_at(words: Sequence[str], at: int) -> int:
    """How many words from here on are one region; 0 where none begins."""
    for size in range(min(_LONGEST_REGION, len(words) - at), 0, -1):
        if _region().fullmatch("-".join(words[at : at + size])):
            return size
    return 0


def region_ending(words: Sequence[str]) -> int:
    """How many words at the end are one region."""
    for size in range(min(_LONGEST_REGION, len(words)), 0, -1):
        if _region().fullmatch("-".join(words[-size:])):
            return size
    return 0


@lru_cache(maxsize=4096)
def is_region(part: str) -> bool:
    """Whether a part of an environment's key is a region, a zone or a cell."""
    return bool(_region().fullmatch(part.partition("-z-")[0]))


def lies_within(narrow: str, wide: str) -> bool:
    """``eu-west-1`` is within ``eu``, and so is ``west-europe``, which another provider calls so."""
    if narrow.startswith(f"{wide}-"):
        return not (_FIRST_SIDED.fullmatch(wide) and narrow[len(wide) + 1].isdigit())
    return wide in _IS_LAND and is_region(narrow) and wide in {_LANDS.get(word, word) for word in narrow.split("-")}
