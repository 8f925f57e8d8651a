"""What the daemon recorded of itself and of its sources, as lists and the log have it: starts, stops, silences.

What lists show is found by its kind there; what came after it is looked through in the log.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, select

from collector.event import MACHINE, Event, RecordedEvent
from collector.log import queries
from collector.projections.tables import event_index
from collector.schema.tables import event as stored

GAP = "source.gap"
_LIVES = ("collector.started", "collector.stopped", "collector.lost")
_SILENCES = 200
"""Records of silences that are looked at, the latest: a silence has two."""

_SILENT = (
    select(event_index.c.id)
    .where(
        event_index.c.source == MACHINE,
        event_index.c.type == GAP,
        event_index.c.occurred_at <= bindparam("until"),
    )
    .order_by(event_index.c.position.desc())
    .limit(_SILENCES)
)
_types: Any = bindparam("types", expanding=True)
_most = bindparam("most", type_=event_index.c.position.type)
_UNREAD = (
    select(stored.c.id)
    .where(stored.c.position > bindparam("read"), stored.c.source == MACHINE, stored.c.type.in_(_types))
    .order_by(stored.c.position.desc())
    .limit(_most)
)
_READ = (
    select(event_index.c.id)
    .where(
        event_index.c.family == bindparam("family"),
        event_index.c.source == MACHINE,
        event_index.c.type.in_(_types),
    )
    .order_by(event_index.c.position.desc())
    .limit(_most)
)


def lives(connection: Connection, read: int, limit: int) -> list[RecordedEvent]:
    """The last records of starts, stops and losses, newest first; ``read`` is the last position that lists show."""
    return _recorded(connection, "collector", _LIVES, read, limit)


def gaps(connection: Connection, read: int, limit: int) -> list[RecordedEvent]:
    """The last silences on record, likewise."""
    return _recorded(connection, "source", (GAP,), read, limit)


def is_silence(event: Event) -> bool:
    """Whether a gap is a heartbeat that was missed, which the daemon records; else its sender told of it."""
    return event.type == GAP and event.source == MACHINE


def silences(connection: Connection, high: int) -> list[str]:
    """The ids of the records of silences that began up to a time, µs, however long before it."""
    return list(connection.execute(_SILENT, {"until": high}).scalars())


def touching(records: Sequence[RecordedEvent], low: int) -> list[RecordedEvent]:
    """Those of them that were not over before a time, µs; both records of each."""
    over = {event.entity for event in records if isinstance(until := event.data.get("until"), int) and until < low}
    return [event for event in records if event.entity not in over]


def _recorded(
    connection: Connection, family: str, types: tuple[str, ...], read: int, limit: int
) -> list[RecordedEvent]:  # fmt: skip
    values = {"read": read, "types": types, "family": family, "most": limit}
    ids = [identity.hex() for identity in connection.execute(_UNREAD, values).scalars()]
    if read:
        ids += connection.execute(_READ, values).scalars()
    return queries.read_ids(connection, ids)[::-1][:limit]
