"""What records of publications and reviews forget once evidence of their incident was erased.

A record knows what was published by digests: of the whole, of its lines, of
the statements in a text that people edited; and a review what it was of. Of
what can be guessed a digest confirms the guess, so those that may be of what
was erased go with it. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

from collector.event import Event
from collector.people.statements import required_text

DIGESTS = ("digest", "lines", "shown", "evidence")
"""Keys of ``data`` that hold digests of what was published, or of the evidence that was reviewed."""
MARKED = ("text", "copy")
"""Keys of ``data`` that hold a text that people edited, whose marks have digests."""
FORGOTTEN = "forgotten"
"""The key of ``data`` that says that digests went."""
UNKNOWN = "0" * 10
"""Stands in a mark for the digest of a statement that nobody knows any more."""

_ENTRY = re.compile(r"^([-+=] ([a-z0-9_/~]+) )([0-9a-f]{10})((?: [0-9a-f]{1,32})*)$", re.MULTILINE)
_MARK = re.compile(r"(<!-- tl ([a-z0-9_/~]+) )([0-9a-f]{10})( -->)")


def forgotten(event: Event, erased: Collection[str], *, by: str, reason: str, stated_at: int) -> Event | None:
    """The record without what may be a digest of what these events (ids) said; None where it holds nothing of that.

    Where it was published, who did, and every word of people's in it stay.
    """
    remaining = {name: value for name, value in event.data.items() if name not in DIGESTS}
    for name in MARKED:
        if isinstance(text := event.data.get(name), str):
            remaining[name] = _without_digests(text, erased)
    if remaining == event.data:
        return None
    statement: dict[str, Any] = {
        FORGOTTEN: True,
        "amended_by": required_text(by, "by"),
        "amended_at": stated_at,
        "amended_because": required_text(reason, "reason"),
    }
    fields = {name: getattr(event, name) for name in Event.__struct_fields__}
    return Event(**{**fields, "data": remaining | statement, "revision": event.revision + 1, "amendment": "erasure"})


def _without_digests(text: str, erased: Collection[str]) -> str:
    """An edited text whose marks know no statement any more that these events prove, nor one that names no evidence."""
    removed: set[str] = set()

    def entry(match: re.Match[str]) -> str:
        cites = match[4].split()
        if cites and not any(each.endswith(ending) for ending in cites for each in erased):
            return match[0]
        removed.add(match[2])
        return f"{match[1]}{UNKNOWN}{match[4]}"

    def mark(found: re.Match[str]) -> str:
        known = found[2] not in removed and found[2] in listed
        return found[0] if known else f"{found[1]}{UNKNOWN}{found[4]}"

    listed = {found[2] for found in _ENTRY.finditer(text)}
    text = _ENTRY.sub(entry, text)
    return _MARK.sub(mark, text)
