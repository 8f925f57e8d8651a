"""Whether people's words name a thing: a repository, a pull request, a flag, an image, a host, a service.

A text names a thing where the thing's name stands in it as whole words, in any
case and with any separators between its parts. Names that say nothing, such as
``deploy`` or ``api``, name nothing by themselves. Nothing here knows of
incidents.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from collector.event import RecordedEvent
from collector.names import fold_service, says_nothing

_WORD = re.compile(r"#?\w+")
_SHA = re.compile(r"[0-9a-f]{7,40}")
_RELEASE = re.compile(r"v?\d+(?:\.\d+)+(?:[-+.]\w+)*|v\d{2,}", re.IGNORECASE)
_NUMBERED = re.compile(r"(?:#|pull request |pull/|pr |merge request |mr )(\d{2,9})(?!\d)", re.IGNORECASE)
_SHORTEST = 3
_LONGEST = 6
"""Words of a service's name that are put together at most."""
_THINGS = ("image", "flag", "host", "hostname", "node", "instance", "pod", "cluster", "deployment", "subject", "key")
"""Keys of an event's data and labels that hold the name of the one thing it is about."""


class Mention(msgspec.Struct, frozen=True):
    """One name of a thing."""

    text: str
    precise: bool
    """Whether nothing else has this name: a pull request's number, a commit, a flag; not a service or a repository."""


def names_of(events: Iterable[RecordedEvent]) -> list[Mention]:
    """Every name by which people may speak of what these events are about, each once, the precise ones first."""
    names = dict.fromkeys(name for event in events for name in _names(event))
    return sorted(names, key=lambda name: (not name.precise, -len(name.text), name.text))


def _names(event: RecordedEvent) -> Iterator[Mention]:
    data = event.data
    repository = data.get("repository")
    if isinstance(repository, str) and repository:
        yield Mention(repository, False)
        yield from _usable(repository.rpartition("/")[2], precise=False)
    if isinstance(number := data.get("number"), int) and number >= 10 and event.type.startswith("change."):
        yield Mention(f"#{number}", True)
    if isinstance(sha := data.get("sha"), str) and _SHA.fullmatch(sha):
        yield Mention(sha, True)
    for release in (data.get("ref"), data.get("version")):
        if isinstance(release, str) and _RELEASE.fullmatch(release):
            yield Mention(release, True)
    if event.type == "change.flag_toggled":
        yield from _usable(flag_name(event.entity), precise=True)
    if event.service:
        yield from _usable(event.service, precise=False)
    yield from _things(data)
    yield from _things(event.labels)


def flag_name(entity: str) -> str:
    """A flag's name out of its entity: of ``flag/fast-path``, and of ``/console#fast-path@fast-path`` as CloudEvents
    have it."""
    subject = entity.rpartition("#")[2].partition("@")[0] or entity
    return subject.rpartition("/")[2].removeprefix("flag:") or entity


def _things(fields: Mapping[str, Any]) -> Iterator[Mention]:
    for key in _THINGS:
        value = fields.get(key)
        if isinstance(value, str) and value:
            yield from _usable(value, precise=False)
            yield from _usable(value.rpartition("/")[2], precise=False)
    inner = fields.get("data")
    if isinstance(inner, dict):
        yield from _things(inner)


def _usable(text: str, *, precise: bool) -> Iterator[Mention]:
    words = _words(text)
    if words and sum(map(len, words)) >= _SHORTEST and not says_nothing(words) and not "".join(words).isdigit():
        yield Mention(text, precise)


class SearchedText:
    """A text in which names are looked for."""

    def __init__(self, text: str) -> None:
        self._joined = f" {' '.join(_words(text))} "
        self._numbers = set(_NUMBERED.findall(text))
        self._hashes = set(_SHA.findall(text.casefold()))

    def service_among(self, keys: Iterable[str]) -> str:
        """The first of these services, by their folded names, that it names; empty where it names none.

        People write a service's name with any separators, and ``PaymentService`` as one word. A key that says nothing
        by itself is named by nobody.
        """
        words = self._joined.split()
        runs = {"".join(words[at : at + size]) for size in range(1, _LONGEST + 1) for at in range(len(words))}
        runs |= {fold_service(word) for word in words if word.endswith("service")}
        return next((key for key in keys if key in runs and len(key) >= _SHORTEST and not says_nothing([key])), "")

    def names(self, name: Mention) -> bool:
        """Whether it names this."""
        if name.text.startswith("#"):
            return name.text[1:] in self._numbers
        if name.precise and _SHA.fullmatch(name.text):
            return any(name.text.startswith(one) for one in self._hashes)
        words = _words(name.text)
        return bool(words) and f" {' '.join(words)} " in self._joined


def _words(text: str) -> list[str]:
    return [word for piece in _WORD.findall(text.casefold()) for word in piece.strip("#").split("_") if word]
