"""What is said of a round: ``incident.*`` events, made of what changed and of what was known before.

Their ids come from what is said and from the position after which it was true, so that saying it twice says it once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Connection, bindparam, select

from collector.correlation.changes import Changes
from collector.correlation.placing import FOLLOW_UP, Placement
from collector.event import MACHINE, Event, RecordedEvent, event_id, id_time, reading_order
from collector.log import queries
from collector.projections import placing
from collector.projections.tables import incident, incident_number
from collector.schema.tables import event as logged
from collector.storage.sql import AMONG, select_among

_RECIPE = "follower.1"


_FORMER = (
    select(
        incident_number.c.number,
        incident_number.c.goes_by,
        incident.c.started_at,
        incident.c.ended_at,
        incident.c.high,
    )
    .join_from(incident_number, incident, incident.c.number == incident_number.c.number, isouter=True)
    .where(incident_number.c.number.in_(AMONG))
)
_numbered = incident.join(incident_number, incident_number.c.number == incident.c.number)
_NEW = (
    select(
        incident.c.number,
        incident_number.c.anchor,
        incident.c.key,
        incident.c.title,
        incident.c.started_at,
        incident.c.ended_at,
    )
    .select_from(_numbered)
    .where(incident.c.number >= bindparam("first"), incident_number.c.goes_by == incident.c.number)
    .order_by(incident.c.number)
)
_NUMBERS = (
    select(
        incident.c.number, incident_number.c.anchor, incident_number.c.goes_by, incident.c.title, incident.c.started_at
    )
    .select_from(_numbered)
    .where(incident.c.number < bindparam("first"), incident_number.c.goes_by.is_not(None))
    .order_by(incident.c.number)
)
_NUMBERING = select(logged.c.id).where(
    logged.c.source == MACHINE, logged.c.revision == 0, logged.c.type.in_(("incident.opened", "incident.merged"))
)


def speaking_order(said: Event) -> tuple[bool, tuple[int, int, str]]:
    """Incidents first, then who moved; among those as they are read."""
    return said.type in ("incident.joined", "incident.left"), reading_order(said)


class FormerIncidents:
    """The incidents and numbers that a round changed, as they were."""

    def __init__(self, connection: Connection, changes: Changes) -> None:
        self._changes = changes
        rows = list(select_among(connection, _FORMER, list({*changes.numbers, *changes.incidents})))
        self.ended: dict[int, int | None] = {row.number: row.ended_at for row in rows}
        self.current_numbers: dict[int, int | None] = {row.number: row.goes_by for row in rows}
        self.spans: dict[int, tuple[int, int]] = {
            row.number: (row.started_at, row.high if row.ended_at is None else row.ended_at)
            for row in rows
            if row.goes_by == row.number and row.started_at is not None
        }
        """From when until when those last that went by their own number."""

    def lived(self, number: int) -> bool:
        """Whether an incident went by this number."""
        return self.current_numbers.get(number) == number

    def changed(self) -> tuple[int, ...]:
        merged = (
            n for n, (_, current_number) in self._changes.numbers.items() if current_number != n and self.lived(n)
        )
        return tuple(sorted({*self._changes.incidents, *merged}))

    def resolved(self) -> tuple[int, ...]:
        """Incidents that are over and were not."""
        over = (n for n, (summary, _) in self._changes.incidents.items() if summary.ended_at is not None)
        return tuple(sorted(n for n in over if not self.lived(n) or self.ended.get(n) is None))


def news(changes: Changes, before: FormerIncidents, cause: int) -> Iterable[Event]:
    """What changed, as events of our own: incidents first, then who moved."""
    came_from: dict[int, int] = {}
    for old, new in _moves(changes):
        came_from.setdefault(new, old)
    for number, (summary, _) in sorted(changes.incidents.items()):
        about = _Notice(number, summary.key, summary.title, cause)
        if number in came_from and not before.lived(number):
            yield about.event("incident.split", summary.started_at, data={"from": came_from[number]})
        if number in changes.first:
            yield about.event("incident.opened", summary.started_at, data={"event": changes.numbers[number][0]})
        yield from _turn(about, before, summary.ended_at, summary.last_at)
    for number, (anchor, current_number) in sorted(changes.numbers.items()):
        if current_number != number and (before.lived(number) or number in changes.first):
            into = changes.incidents.get(current_number or 0)
            at = into[0].started_at if into is not None else id_time(anchor)
            yield _merged(number, current_number, anchor, at, cause)
    yield from _moved(changes, before, cause)


def _merged(number: int, current_number: int | None, anchor: str, at: int, cause: int) -> Event:
    data: dict[str, Any] = {"event": anchor} if current_number is None else {"into": current_number, "event": anchor}
    return _Notice(number, anchor, "", cause).event("incident.merged", at, data=data)


def _turn(about: _Notice, before: FormerIncidents, ended_at: int | None, last_at: int) -> Iterable[Event]:
    was_open = not before.lived(about.number) or before.ended.get(about.number) is None
    if ended_at is not None and was_open:
        yield about.event("incident.resolved", ended_at)
    elif ended_at is None and not was_open:
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
    for signal_id, move in sorted(changes.moves.items()):
        old, new = move.before - move.after, move.after - move.before
        merged = {_current_number(changes, number) for number in old}
        for number in sorted(new - merged):
            membership = changes.places.get((signal_id, number))
            if membership is None or membership.rule == "opened" or (old and not before.lived(number)):
                continue
            data = {"event": signal_id, "rule": membership.rule, "reason": membership.reason}
            yield _Notice(number, signal_id, membership.reason, cause).event("incident.joined", move.start, data=data)
        for number in sorted(old):
            if _current_number(changes, number) == number and not new:
                yield _Notice(number, signal_id, "", cause).event(
                    "incident.left", move.start, data={"event": signal_id}
                )


def of_new(connection: Connection, first: int, cause: int) -> Iterable[Event]:
    """What is said of incidents that live under numbers from ``first`` on, of which nothing was said yet."""
    for row in list(connection.execute(_NEW, {"first": first})):
        about = _Notice(row.number, row.key, row.title, cause)
        # What the number hangs on, which need not be the first event of the incident as it is now.
        yield about.event("incident.opened", row.started_at, data={"event": row.anchor})
        if row.ended_at is not None:
            yield about.event("incident.resolved", row.ended_at)


def anchors(connection: Connection) -> dict[int, RecordedEvent]:
    """Of each number the last announcement that names the event it hangs on, as ``data["event"]``."""
    ids = [identity.hex() for identity in connection.execute(_NUMBERING).scalars()]
    by_position = sorted(queries.read_ids(connection, ids), key=lambda event: event.position)
    return {event.data["number"]: event for event in by_position if {"number", "event"} <= event.data.keys()}


def of_moved(connection: Connection, first: int, cause: int) -> Iterable[Event]:
    """What is said of numbers below ``first`` that hang on another event than the log says.

    Reading a log anew by other steps than it was read at first can hang a number on another event on the way. Unsaid,
    whoever makes the lists next would find the number elsewhere.
    """
    announced = anchors(connection)
    for number, anchor, current_number, title, started_at in list(connection.execute(_NUMBERS, {"first": first})):
        if number not in announced or announced[number].data["event"] == anchor:
            continue
        if current_number == number:
            yield _Notice(number, anchor, title, cause).event("incident.opened", started_at, data={"event": anchor})
        else:
            yield _merged(number, current_number, anchor, started_at, cause)


def placement_news(moved: Iterable[placing.Moved], keys: Mapping[int, str], cause: int) -> Iterable[Event]:
    """What was placed in incidents and what left them; what only followed an incident is not of it."""
    for move in (move for move in moved if move.number in keys):
        before, after = _as_member(move.before), _as_member(move.after)
        if after is not None and before is None:
            data = {"event": move.signal_id, "rule": after.rule, "reason": after.reason}
            yield _Notice(move.number, move.signal_id, after.reason, cause).event(
                "incident.joined", move.start, data=data
            )
        elif before is not None and after is None:
            yield _Notice(move.number, move.signal_id, "", cause).event(
                "incident.left", move.start, data={"event": move.signal_id}
            )


def _as_member(placement: Placement | None) -> Placement | None:
    return None if placement is None or placement.rule == FOLLOW_UP else placement


def _current_number(changes: Changes, number: int) -> int | None:
    """The number under which an incident is found after this round."""
    return changes.numbers[number][1] if number in changes.numbers else number


class _Notice:
    """An incident or a member of it, while something is said of it."""

    def __init__(self, number: int, event: str, title: str, cause: int) -> None:
        self.number, self._event, self._title, self._cause = number, event, title, cause

    def event(self, kind: str, at: int, data: dict[str, Any] | None = None) -> Event:
        """Its id comes from what is said and the position after which it was true."""
        return Event(
            id=event_id(_RECIPE, MACHINE, at, kind, str(self.number), self._event, str(self._cause)),
            type=kind, source=MACHINE, entity=f"incident:{self.number}", occurred_at=at, title=self._title,
            refs=(f"incident:{self._event}",), data={"number": self.number, **(data or {})},
        )  # fmt: skip
