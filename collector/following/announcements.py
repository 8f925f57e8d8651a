"""What is said of a round: ``incident.*`` events, made of what changed and of what was known before.

Their ids come from what is said and from the position after which it was true, so that saying it twice says it once.
Pure: values in, events out. What asks the lists and the log for those values is ``numbers``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from collector.correlation.changes import Changes, Grounds
from collector.correlation.placing import FOLLOW_UP, Placement, PlacementMove
from collector.event import MACHINE, Event, event_id, id_time, reading_order

_RECIPE = "follower.1"
_TOGETHER = 100
"""Ids of events that one record names at most."""


class FormerIncident(msgspec.Struct, frozen=True):
    """An incident that a round changed, as it was."""

    started_at: int
    ended_at: int | None
    high: int
    """The end of its window, µs."""

    @property
    def span(self) -> tuple[int, int]:
        """From when until when it lasted, as far as was known."""
        return self.started_at, self.high if self.ended_at is None else self.ended_at


FormerIncidents = Mapping[int, FormerIncident]
"""By the numbers they went by; a number that no incident went by is not there."""


class ListedNumber(msgspec.Struct, frozen=True, kw_only=True):
    """A number that lists have, and what they show under it."""

    number: int
    current_number: int
    """The one that its incident goes by."""
    anchor: str
    """The event that it hangs on."""
    key: str
    title: str
    started_at: int
    ended_at: int | None


def speaking_order(said: Event) -> tuple[bool, tuple[int, int, str]]:
    """Incidents first, then who moved; among those as they are read."""
    return said.type in ("incident.joined", "incident.left"), reading_order(said)


def changed(changes: Changes, before: FormerIncidents) -> tuple[int, ...]:
    """Numbers under which lists show something else than before."""
    merged = (n for n, (_, current_number) in changes.numbers.items() if current_number != n and n in before)
    return tuple(sorted({*changes.incidents, *merged}))


def resolved(changes: Changes, before: FormerIncidents) -> tuple[int, ...]:
    """Incidents that are over and were not."""
    over = (n for n, (summary, _) in changes.incidents.items() if summary.ended_at is not None)
    return tuple(sorted(n for n in over if not _was_over(n, before)))


def _was_over(number: int, before: FormerIncidents) -> bool:
    return number in before and before[number].ended_at is not None


def news(changes: Changes, before: FormerIncidents, cause: int) -> Iterable[Event]:
    """What changed, as events of our own: incidents first, then who moved."""
    came_from: dict[int, int] = {}
    for old, new in _moves(changes):
        came_from.setdefault(new, old)
    for number, (summary, _) in sorted(changes.incidents.items()):
        about = _Notice(number, [summary.key], summary.title, cause)
        if number in came_from and number not in before:
            yield about.event("incident.split", summary.started_at, data={"from": came_from[number]})
        if number in changes.first:
            yield about.event("incident.opened", summary.started_at, data={"event": changes.numbers[number][0]})
        yield from _turn(about, before, summary.ended_at, summary.last_at)
    for number, (anchor, current_number) in sorted(changes.numbers.items()):
        if current_number != number and (number in before or number in changes.first):
            into = changes.incidents.get(current_number or 0)
            at = into[0].started_at if into is not None else id_time(anchor)
            yield _merged(number, current_number, anchor, at, cause)
    yield from _moved(changes, before, cause)


def _merged(number: int, current_number: int | None, anchor: str, at: int, cause: int) -> Event:
    data: dict[str, Any] = {"event": anchor} if current_number is None else {"into": current_number, "event": anchor}
    return _Notice(number, [anchor], "", cause).event("incident.merged", at, data=data)


def _turn(about: _Notice, before: FormerIncidents, ended_at: int | None, last_at: int) -> Iterable[Event]:
    was_over = _was_over(about.number, before)
    if ended_at is not None and not was_over:
        yield about.event("incident.resolved", ended_at)
    elif ended_at is None and was_over:
        yield about.event("incident.reopened", last_at)


def _moves(changes: Changes) -> Iterable[tuple[int, int]]:
    """From which incident signals came into which, where the one they came from lives on."""
    for move in changes.moves.values():
        for number in move.before - move.after:
            for other in move.after - move.before:
                if _current_number(changes, number) == number:
                    yield number, other


def _moved(changes: Changes, before: FormerIncidents, cause: int) -> Iterable[Event]:
    """Who joined and who left, other than by a merge, a split or by opening an incident."""
    joined = _Joined(cause)
    for signal_id, move in sorted(changes.moves.items()):
        old, new = move.before - move.after, move.after - move.before
        merged = {_current_number(changes, number) for number in old}
        for number in sorted(new - merged):
            grounds = changes.grounds.get((signal_id, number))
            if grounds is None or grounds.rule == "opened" or (old and number not in before):
                continue
            joined.add(number, signal_id, grounds, move.start)
        for number in sorted(old):
            if _current_number(changes, number) == number and not new:
                yield _left(number, signal_id, move.start, cause)
    yield from joined.events()


class _Joined:
    """Who joined an incident in one round: those of one reason in one record, since a storm of alerts has thousands."""

    def __init__(self, cause: int) -> None:
        self._cause = cause
        self._members: dict[tuple[int, str, str], list[tuple[str, int]]] = {}

    def add(self, number: int, signal_id: str, grounds: Grounds | Placement, start: int) -> None:
        self._members.setdefault((number, grounds.rule, grounds.reason), []).append((signal_id, start))

    def events(self) -> Iterable[Event]:
        """By incident, dated as the first of those that a record names."""
        for (number, rule, reason), members in sorted(self._members.items()):
            for first in range(0, len(members), _TOGETHER):
                together = members[first : first + _TOGETHER]
                names = [signal_id for signal_id, _ in together]
                data: dict[str, Any] = {"event": names[0]} if len(names) == 1 else {"events": names}
                data |= {"rule": rule, "reason": reason}
                notice = _Notice(number, names, reason, self._cause)
                yield notice.event("incident.joined", min(start for _, start in together), data)


def _left(number: int, signal_id: str, at: int, cause: int) -> Event:
    return _Notice(number, [signal_id], "", cause).event("incident.left", at, data={"event": signal_id})


def of_new(numbers: Iterable[ListedNumber], first: int, cause: int) -> Iterable[Event]:
    """What is said of incidents that live under numbers from ``first`` on, of which nothing was said yet."""
    for row in numbers:
        if row.number < first or row.current_number != row.number:
            continue
        about = _Notice(row.number, [row.key], row.title, cause)
        # What the number hangs on, which need not be the first event of the incident as it is now.
        yield about.event("incident.opened", row.started_at, data={"event": row.anchor})
        if row.ended_at is not None:
            yield about.event("incident.resolved", row.ended_at)


def of_moved(
    numbers: Iterable[ListedNumber], announced: Mapping[int, str], first: int, cause: int
) -> Iterable[Event]:  # fmt: skip
    """What is said of numbers below ``first`` that hang on another event than was ``announced`` of them.

    Reading a log anew by other steps than it was read at first can hang a number on another event on the way. Unsaid,
    whoever makes the lists next would find the number elsewhere.
    """
    for row in numbers:
        if row.number >= first or announced.get(row.number, row.anchor) == row.anchor:
            continue
        if row.current_number == row.number:
            about = _Notice(row.number, [row.anchor], row.title, cause)
            yield about.event("incident.opened", row.started_at, data={"event": row.anchor})
        else:
            yield _merged(row.number, row.current_number, row.anchor, row.started_at, cause)


def placement_news(moves: Iterable[PlacementMove], keys: Mapping[int, str], cause: int) -> Iterable[Event]:
    """What was placed in incidents and what left them; what only followed an incident is not of it."""
    joined = _Joined(cause)
    for move in (move for move in moves if move.number in keys):
        before, after = _as_member(move.before), _as_member(move.after)
        if after is not None and before is None:
            joined.add(move.number, move.signal_id, after, move.start)
        elif before is not None and after is None:
            yield _left(move.number, move.signal_id, move.start, cause)
    yield from joined.events()


def _as_member(placement: Placement | None) -> Placement | None:
    return None if placement is None or placement.rule == FOLLOW_UP else placement


def _current_number(changes: Changes, number: int) -> int | None:
    """The number under which an incident is found after this round."""
    return changes.numbers[number][1] if number in changes.numbers else number


class _Notice:
    """An incident or members of it, while something is said of it."""

    def __init__(self, number: int, events: Sequence[str], title: str, cause: int) -> None:
        self.number, self._events, self._title, self._cause = number, events, title, cause

    def event(self, kind: str, at: int, data: dict[str, Any] | None = None) -> Event:
        """Its id comes from what is said and the position after which it was true."""
        return Event(
            id=event_id(_RECIPE, MACHINE, at, kind, str(self.number), *self._events, str(self._cause)),
            type=kind, source=MACHINE, entity=f"incident:{self.number}", occurred_at=at, title=self._title,
            refs=tuple([f"incident:{event}" for event in self._events]), data={"number": self.number, **(data or {})},
        )  # fmt: skip
