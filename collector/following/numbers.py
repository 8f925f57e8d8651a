"""The numbers of incidents where lists are made again: those that were announced are known by it, the others are not.

Lists that are lost take no number with them: our own events in the log name each, and what it hangs on.
"""

from __future__ import annotations

from sqlalchemy import Connection, bindparam, delete, func, or_, select

from collector.event import MACHINE
from collector.following import announcements
from collector.projections import tables
from collector.schema.tables import event

_number = tables.incident_number.c
_passing = (_number.number >= bindparam("first")) & or_(_number.goes_by.is_(None), _number.goes_by != _number.number)
_DROP_INCIDENTS = delete(tables.incident).where(tables.incident.c.number.in_(select(_number.number).where(_passing)))
_DROP_NUMBERS = delete(tables.incident_number).where(_passing)
_LAST_SAID = select(func.coalesce(func.max(event.c.position), 0)).where(
    event.c.source == MACHINE, event.c.type.like("incident.%")
)


def announced(connection: Connection) -> tuple[int, list[tuple[int, str, str, int]]]:
    """The position of the last thing that was said of incidents; and each number, with the event it hangs on, its title
    and when it began (µs). What was said last of a number counts: it may hang on another event since."""
    last = int(connection.execute(_LAST_SAID).scalar_one())
    anchors = announcements.anchors(connection)
    return last, [
        (number, fact.data["event"], fact.title, fact.occurred_at) for number, fact in sorted(anchors.items())
    ]


def forget_passing(connection: Connection, first: int) -> None:
    """Forget the numbers from ``first`` on that no incident goes by: of what was one only while the log was read."""
    for statement in (_DROP_INCIDENTS, _DROP_NUMBERS):
        connection.execute(statement, {"first": first})
