"""The numbers of incidents, as the lists have them, and as our own events in the log name them.

Lists that are lost take no number with them: those events name each, and what it hangs on. Where lists are made again,
the numbers that were announced are known by it, the others are not.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, delete, func, or_, select, update

from collector.event import MACHINE, Event
from collector.following.announcements import FormerIncident, ListedNumber, of_moved, of_new
from collector.log import queries
from collector.projections.tables import cursor, incident, incident_number
from collector.schema.tables import event
from collector.storage.sql import AMONG, select_among

_number = incident_number.c
_numbered = incident.join(incident_number, _number.number == incident.c.number)
_FORMER = (
    select(_number.number, incident.c.started_at, incident.c.ended_at, incident.c.high)
    .select_from(_numbered)
    .where(_number.number.in_(AMONG), _number.goes_by == _number.number)
)
_LISTED = (
    select(
        _number.number,
        _number.goes_by,
        _number.anchor,
        incident.c.key,
        incident.c.title,
        incident.c.started_at,
        incident.c.ended_at,
    )
    .select_from(_numbered)
    .where(_number.goes_by.is_not(None))
    .order_by(_number.number)
)
_passing = (_number.number >= bindparam("first")) & or_(_number.goes_by.is_(None), _number.goes_by != _number.number)
_DROP_INCIDENTS = delete(incident).where(incident.c.number.in_(select(_number.number).where(_passing)))
_DROP_NUMBERS = delete(incident_number).where(_passing)
_SETTLE = update(cursor).values(settled=0)
_LAST_SAID = select(func.coalesce(func.max(event.c.position), 0)).where(
    event.c.source == MACHINE, event.c.type.like("incident.%")
)
_NUMBERING = select(event.c.id).where(
    event.c.source == MACHINE, event.c.revision == 0, event.c.type.in_(("incident.opened", "incident.merged"))
)


class AnnouncedNumber(NamedTuple):
    """A number as it was announced last."""

    number: int
    anchor: str
    """The event that it hangs on; it may hang on another one since."""
    title: str
    started_at: int


def former_incidents(connection: Connection, numbers: Collection[int]) -> dict[int, FormerIncident]:
    """The incidents that go by these numbers, before a round is written."""
    rows = select_among(connection, _FORMER, list(numbers))
    return {row.number: FormerIncident(row.started_at, row.ended_at, row.high) for row in rows}


def listed(connection: Connection) -> list[ListedNumber]:
    """All numbers that go by an incident, the smallest first."""
    return [
        ListedNumber(
            number=row.number, current_number=row.goes_by, anchor=row.anchor, key=row.key, title=row.title,
            started_at=row.started_at, ended_at=row.ended_at,
        )
        for row in connection.execute(_LISTED)
    ]  # fmt: skip


def announced(connection: Connection) -> list[AnnouncedNumber]:
    """Each number with the event that its last announcement names, as ``data["event"]``; the smallest first."""
    ids = [identity.hex() for identity in connection.execute(_NUMBERING).scalars()]
    by_position = sorted(queries.read_ids(connection, ids), key=lambda fact: fact.position)
    last = {fact.data["number"]: fact for fact in by_position if {"number", "event"} <= fact.data.keys()}
    return [
        AnnouncedNumber(number, fact.data["event"], fact.title, fact.occurred_at)
        for number, fact in sorted(last.items())
    ]


def last_announcement(connection: Connection) -> int:
    """The position of the last thing that was said of incidents; 0 where nothing was."""
    return int(connection.execute(_LAST_SAID).scalar_one())


def settle(connection: Connection, first: int, cause: int) -> list[Event]:
    """The log was read again, and lists go on: what is to be said of numbers that nobody was told of, or was told that
    they hang on another event.

    Numbers from ``first`` on that no incident goes by are forgotten: they are of what was one only on the way.
    """
    for statement in (_DROP_INCIDENTS, _DROP_NUMBERS):
        connection.execute(statement, {"first": first})
    connection.execute(_SETTLE)
    rows, anchors = listed(connection), {number.number: number.anchor for number in announced(connection)}
    return [*of_moved(rows, anchors, first, cause), *of_new(rows, first, cause)]
