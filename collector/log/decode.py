"""Stored rows as events.

An event is stored as the JSON of what was told; where it stands (position,
receipt, delivery) is in its row. Contents are decoded and told where they stand
by loops that run in C: what Python does for a single row costs more than the
database needs to find it.

Where content was erased, what its erasure left stands for every revision,
whenever that was received: no reading brings the content back, and all readings
agree on what is left. Rows among which one has no content of its own, or one
that does not decode, are read once more with all that they say, one by one.

A content that was damaged stops nobody from reading on: its event is what the
row says, and says that it is no more than that.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice, repeat
from typing import Any

import msgspec
from msgspec.structs import force_setattr
from sqlalchemy import Connection, Select, func, select

from collector.event import UNREADABLE, RecordedEvent
from collector.schema.tables import content, event
from collector.storage.sql import AMONG, each_row, select_among

_with_content = event.outerjoin(content, content.c.number == event.c.content)
PLACED = select(event.c.position, event.c.received_at, event.c.delivery, event.c.item, content.c.bytes).select_from(
    _with_content
)
"""Rows of which :func:`events` makes events; conditions and an order can be added."""

_erasure, _left_over = event.alias("erasure"), content.alias("left_over")
_left = (
    select(_left_over.c.bytes)
    .join_from(_erasure, _left_over, _left_over.c.number == _erasure.c.content)
    .where(_erasure.c.id == event.c.id, _erasure.c.amendment == "erasure")
    .order_by(_erasure.c.revision.desc())
    .limit(1)
    .correlate(event)
    .scalar_subquery()
)
_WHOLE = (
    select(
        event.c.position,
        event.c.id,
        event.c.revision,
        event.c.amendment,
        event.c.type,
        event.c.source,
        event.c.received_at,
        event.c.occurred_at,
        event.c.delivery,
        event.c.item,
        func.coalesce(content.c.bytes, _left).label("bytes"),
    )
    .select_from(_with_content)
    .where(event.c.position.in_(AMONG))
)

_TOGETHER = 128
"""Rows taken at a time. Their JSON fits into the processor's cache beside what is made of it; a thousand's does not."""
_WRONG = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What decoding raises where a content is damaged."""

_decode = msgspec.json.Decoder(RecordedEvent).decode
_exhaust = deque[None](maxlen=0).extend


def events(connection: Connection, statement: Select[Any], values: Mapping[str, Any]) -> list[RecordedEvent]:
    """The events of the rows of a statement, a :data:`PLACED` with conditions, in its order."""
    return _events(connection, each_row(connection, statement, values))


def events_among(connection: Connection, statement: Select[Any], values: Sequence[Any]) -> list[RecordedEvent]:
    """The same of a statement with :data:`collector.storage.sql.AMONG` in it, in no order."""
    return _events(connection, select_among(connection, statement, values))


def _events(connection: Connection, rows: Iterator[Any]) -> list[RecordedEvent]:
    decoded: list[RecordedEvent] = []
    told_by: dict[int, str] = {}
    while some := list(islice(rows, _TOGETHER)):
        decoded += _decoded(some, told_by) or _singly(connection, some, told_by)
    return decoded


def _decoded(rows: Sequence[Any], told_by: dict[int, str]) -> list[RecordedEvent]:
    """Rows of :data:`PLACED` as events; empty where one of them is not like the others.

    ``told_by`` has the ids of deliveries by their numbers: the events of one delivery share it.
    """
    positions, received, deliveries, items, contents = zip(*rows, strict=True)
    if set(map(type, contents)) != {bytes}:
        return []
    try:
        decoded = list(map(_decode, contents))
    except _WRONG:
        return []
    _set("position", decoded, positions)
    _set("received_at", decoded, received)
    for number in set(deliveries) - told_by.keys():
        told_by[number] = f"d{number}" if number else ""
    _set("delivery", decoded, map(told_by.__getitem__, deliveries))
    _set("item", decoded, items)
    return decoded


def _set(field: str, found: Sequence[RecordedEvent], values: Iterable[Any]) -> None:
    """Set a field of events that nobody has seen yet."""
    _exhaust(map(force_setattr, found, repeat(field), values))


def _singly(connection: Connection, rows: Sequence[Any], told_by: dict[int, str]) -> list[RecordedEvent]:
    """The same events by everything that their rows say."""
    positions = [row.position for row in rows]
    whole = {row.position: row for row in select_among(connection, _WHOLE, positions)}
    return [_event(whole[position], told_by) for position in positions]


def _event(row: Any, told_by: dict[int, str]) -> RecordedEvent:
    """A row of :data:`_WHOLE` as an event."""
    for found in _decoded([(row.position, row.received_at, row.delivery, row.item, row.bytes)], told_by):
        return found if found.revision == row.revision else _stand_in(found, row)
    bare = RecordedEvent(
        id=row.id.hex(), revision=row.revision, amendment=row.amendment, type=row.type, source=row.source, entity="",
        occurred_at=row.occurred_at, position=row.position, received_at=row.received_at, item=row.item,
        delivery=f"d{row.delivery}" if row.delivery else "",
    )  # fmt: skip
    return bare if row.bytes is None else _unreadable(bare)


def _unreadable(bare: RecordedEvent) -> RecordedEvent:
    """What stands for an event whose content was damaged: its row, and an entity that it shares with no other."""
    said = {"unreadable": True}
    return msgspec.structs.replace(bare, entity=f"unreadable:{bare.id}", title=UNREADABLE, data=said)


def _stand_in(remains: RecordedEvent, row: Any) -> RecordedEvent:
    """What an erasure left, in the place of a revision that it emptied."""
    return msgspec.structs.replace(
        remains, revision=row.revision, amendment=row.amendment, occurred_at=row.occurred_at
    )  # fmt: skip
