"""Words for environments, and what they make of the words around them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from collector.names.regions import region_at, region_key

ENVIRONMENTS = {
    "production": "production", "prod": "production", "prd": "production", "live": "production",
    "staging": "staging", "stage": "staging", "stg": "staging", "stag": "staging",
    "preproduction": "preproduction", "preprod": "preproduction", "preprd": "preproduction", "ppe": "preproduction",
    "nonproduction": "nonproduction", "nonprod": "nonproduction", "nonprd": "nonproduction",
    "development": "development", "dev": "development", "devel": "development", "develop": "development",
    "testing": "testing", "test": "testing", "tst": "testing", "qa": "qa", "uat": "uat", "acceptance": "uat",
    "acc": "uat",
    "sandbox": "sandbox", "sbx": "sandbox", "demo": "demo", "integration": "integration", "int": "integration",
    "preview": "preview",
}  # fmt: skip
"""Words for environments, each with the one that stands for them."""
AT_AN_END = frozenset({"prod", "production", "staging", "stg", "dev", "preprod", "preproduction", "nonprod"})
"""Those that are no part of a service's name where they come first or last in it."""
PRODUCTION = "production"
NEGATIONS = {"pre": "preproduction", "non": "nonproduction", "not": "nonproduction", "no": "nonproduction"}
"""Words that make another environment of the word for production behind them."""


_OF_ENVIRONMENTS = frozenset({"env", "environment", "environments"})
_NUMBERED = re.compile(r"([a-z]+)(\d+)")


class EnvironmentWords(NamedTuple):
    """Environment words among other words."""

    stages: tuple[str, ...]
    """In the order they were written, each as the word that stands for it."""
    regions: tuple[str, ...]
    others: tuple[str, ...]


def environment_words(words: Sequence[str]) -> EnvironmentWords:
    """Which of these words are environments, which regions, and which neither."""
    stages, regions, remaining = [], [], []
    at = 0
    while at < len(words):
        if at + 1 < len(words) and words[at] in NEGATIONS and ENVIRONMENTS.get(words[at + 1]) == PRODUCTION:
            stages.append(NEGATIONS[words[at]])
            at += 2
        elif words[at] in ENVIRONMENTS:
            stages.append(ENVIRONMENTS[words[at]])
            at += 1
        elif (numbered := _NUMBERED.fullmatch(words[at])) and numbered[1] in ENVIRONMENTS:
            stages.append(ENVIRONMENTS[numbered[1]])
            remaining.append(numbered[2])
            at += 1
        elif size := region_at(words, at):
            regions.append(region_key("-".join(words[at : at + size])))
            at += size
        else:
            remaining.append(words[at])
            at += 1
    return EnvironmentWords(tuple(stages), tuple(regions), _naming(remaining, alone=not stages and not regions))


def _naming(words: Sequence[str], *, alone: bool) -> tuple[str, ...]:
    """Without the words for what an environment is, unless nothing else is there: ``env: prod`` is ``prod``."""
    naming = tuple(word for word in words if word not in _OF_ENVIRONMENTS)
    return tuple(words) if alone and not naming else naming
