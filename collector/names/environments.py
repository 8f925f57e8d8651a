"""Environments as they are compared: what they are, and which lies within which."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache

from collector.names.placeholders import is_placeholder
from collector.names.regions import is_region, lies_within
from collector.names.stages import PRODUCTION, environment_words
from collector.names.words import words_of


@lru_cache(maxsize=4096)
def fold_environment(text: str) -> tuple[str, ...]:
    """An environment in parts: what it is, then where it is, then what else its name says.

    ``prod-us-west-1`` is ``("production", "us-west-1")``, ``Production – shop`` is ``("production", "shop")``,
    ``pre-prod`` is ``("preproduction",)``. Empty where the text is no name.
    """
    if is_placeholder(text):
        return ()
    words = environment_words(words_of(text))
    # "staging copy of production" is no production.
    stage = next((each for each in words.stages if each != PRODUCTION), PRODUCTION) if words.stages else ""
    return tuple(filter(None, (stage, *words.regions, "-".join(words.others))))


def environment_key(text: str) -> str:
    """How an environment's name is compared, its parts joined by ``/``; empty where the text is no name."""
    return "/".join(fold_environment(text))


def in_production(key: str) -> str:
    """The key of an environment that its sender says is production, whatever its name."""
    parts = key.split("/") if key else []
    return "/".join((PRODUCTION, *(part for part in parts if part != PRODUCTION)))


@lru_cache(maxsize=4096)
def apart(a: str | None, b: str | None) -> bool:
    """Whether two keys of environments are two named ones: neither is the other, nor within it.

    ``production`` is not apart from ``production/eu``, which is apart from ``production/us``. One that says only where
    it is, as ``us``, is taken to be of production. An absent one is apart from none.
    """
    if not a or not b or a == b:
        return False
    first, second = a.split("/"), b.split("/")
    return not (_covers(first, second) or _covers(second, first))


def _covers(wide: Sequence[str], narrow: Sequence[str]) -> bool:
    """Whether each part of the one is a part of the other, or has one within it: ``eu`` has ``eu-west-1``.

    Regions alone are of production: ``eu`` has ``production/eu-west-1``, and ``production``, which does not say where
    it is.
    """
    if wide[0] == narrow[0]:
        return _has(wide[1:], narrow[1:])
    if narrow[0] != PRODUCTION:
        return len(wide) == 1 and len(narrow) == 1 and lies_within(narrow[0], wide[0])
    return all(map(is_region, wide)) and (_has(wide, narrow[1:]) or not any(map(is_region, narrow)))


def _has(wide: Sequence[str], narrow: Sequence[str]) -> bool:
    return all(any(part == one or lies_within(one, part) for one in narrow) for part in wide)


def narrowest(keys: Iterable[str]) -> tuple[str, ...]:
    """Of several keys those within which no other lies: where something was, as nearly as is known."""
    known = sorted(set(keys))
    return tuple(
        one for one in known if not any(other != one and _covers(one.split("/"), other.split("/")) for other in known)
    )


def elsewhere(environment: str | None, there: Iterable[str]) -> bool:
    """Whether something is apart from all of several environments; never where either names none."""
    environments = set(there)
    if not environment or not environments or environment in environments:
        return False
    places = environments if len(environments) == 1 else narrowest(environments)
    return all(apart(environment, place) for place in places)


def environments_match(a: str | None, b: str | None) -> bool:
    """Whether two names of environments can be of one place; an absent one matches any."""
    return not apart(environment_key(a or ""), environment_key(b or ""))


def only_environment(text: str) -> bool:
    """Whether a text is nothing but an environment or a region: ``prod``, ``eu-west-1``, ``staging us``."""
    return not is_placeholder(text) and not environment_words(words_of(text)).others
