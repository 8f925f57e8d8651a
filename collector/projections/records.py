"""What the daemon recorded of itself and of its sources, as lists and the log have it: starts, stops, silences.

What lists show is found by its kind there; what came after it is looked through in the log.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.engine import Connection

from collector.event import MACHINE, Event, RecordedEvent
from collector.log import queries

GAP = "source.gap"
_LIVES = ("collector.started", "collector.stopped", "collector.lost")
_SILENCES = 200
"""Records of silences that are looked at, the latest: a silence has two."""


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
    statement = """SELECT id FROM event_index WHERE source = ? AND type = ? AND occurred_at <= ?
        ORDER BY position DESC LIMIT ?"""
    return list(connection.exec_driver_sql(statement, (MACHINE, GAP, high, _SILENCES)).scalars())


def touching(told: Sequence[RecordedEvent], low: int) -> list[RecordedEvent]:
    """Those of them that were not over before a time, µs; both records of each."""
    over = {event.entity for event in told if isinstance(until := event.data.get("until"), int) and until < low}
    return [event for event in told if event.entity not in over]


def _recorded(
    connection: Connection, family: str, types: tuple[str, ...], read: int, limit: int
) -> list[RecordedEvent]:  # fmt: skip
    among = ", ".join("?" * len(types))
    statement = f"""SELECT id FROM event WHERE position > ? AND source = ? AND type IN ({among})
        ORDER BY position DESC LIMIT ?"""  # noqa: S608 - question marks
    ids = [bytes(one).hex() for one in connection.exec_driver_sql(statement, (read, MACHINE, *types, limit)).scalars()]
    if read:
        statement = f"""SELECT id FROM event_index WHERE family = ? AND source = ? AND type IN ({among})
            ORDER BY position DESC LIMIT ?"""  # noqa: S608 - question marks
        ids += connection.exec_driver_sql(statement, (family, MACHINE, *types, limit)).scalars()
    return queries.read_ids(connection, ids)[::-1][:limit]
