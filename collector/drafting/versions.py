"""What lies between two versions of a postmortem: what people changed in it, and what evidence changed.

A version is what was known at a moment; replay makes it again. Rendering is
somebody else's: it may be in another process.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from renderers import edits

STANDING = "standing"
"""How an incident stands, for answers; see :mod:`renderers.standing`."""

Render = Callable[[int, str, int | None, Mapping[str, str]], Awaitable[str | None]]
"""An incident's number, a format, as known when (µs, None: now), the options → the text, None where there is none."""


class Changed(msgspec.Struct, frozen=True, kw_only=True):
    """One statement that is new, gone or another one."""

    section: str
    """The key of the section, or ``head``."""
    before: str
    """What was stated; empty where it is new."""
    after: str
    """What is stated; empty where it is gone."""
    by: str
    """``people`` where only what they stated through timelined differs of what it rests on, else ``evidence``."""
    events: tuple[str, ...]
    """The events that prove either and are new, gone or amended between the two."""


class DraftVersion(msgspec.Struct, frozen=True):
    """What was known of an incident at a moment, and the draft of that."""

    text: str = ""
    revisions: dict[str, tuple[int, bool]] = {}
    """Id → its revision, and whether a person stated it."""
    theirs: tuple[tuple[str, str], ...] = ()
    """The lines that people wrote in the whole of it, each with its section."""
    revised: str = ""
    """The event that has those lines; empty where there are none."""


async def changes(
    render: Render, number: int, since: int | None, until: int | None, options_given: Mapping[str, str]
) -> Sequence[Changed] | None:
    """What changed of an incident's postmortem from one moment to another (µs, None: now).

    None where nothing was known of the incident by the later one.
    """
    options = {**options_given, "citations": "inline"}
    moments = (since, until)
    before, after = [await render(number, STANDING, moment, options) for moment in moments]
    return None if after is None else await asyncio.to_thread(_compared, before or "{}", after)


def _compared(*standings: str) -> tuple[Changed, ...]:
    before, after = (msgspec.json.decode(each, type=DraftVersion) for each in standings)
    old, new = before.revisions, after.revisions
    differ = {each for each in old.keys() | new.keys() if old.get(each) != new.get(each)}
    endings: dict[str, list[str]] = {}
    for each in differ:
        endings.setdefault(each[-5:], []).append(each)
    said = {each: (new.get(each) or old[each])[1] for each in differ}
    edited = before.revised != after.revised
    judged = [_judged(each, endings, said, edited=edited) for each in edits.compare(before.text, after.text)]
    return (*judged, *_edited(before, after), *_edited(after, before, new=True))


def _edited(version: DraftVersion, other: DraftVersion, *, new: bool = False) -> Iterator[Changed]:
    """The lines that people wrote in the whole of one version and that the other one lacks."""
    events = tuple(each for each in (version.revised or other.revised,) if each)
    for section, text in (Counter(version.theirs) - Counter(other.theirs)).elements():
        before, after = ("", text) if new else (text, "")
        yield Changed(section=section, before=before, after=after, by="people", events=events)


def _judged(
    difference: edits.StatementDifference,
    endings: Mapping[str, Sequence[str]],
    by_people: Mapping[str, bool],
    *,
    edited: bool,
) -> Changed:
    events = sorted(
        {event for each in difference.cites for event in endings.get(each[-5:], ()) if event.endswith(each)}
    )
    # What cites nothing that differs follows from the rest: it is people's where nothing but theirs differs.
    # What is gone, though nothing that proves it is another, somebody removed who edited the whole.
    removed = edited and not events and not difference.after
    people = removed or all(by_people[each] for each in events or by_people)
    told: dict[str, Any] = {"section": difference.section, "before": difference.before, "after": difference.after}
    return Changed(**told, by="people" if people else "evidence", events=tuple(events))
