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
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice, repeat
from typing import Any

import msgspec
from msgspec.structs import force_setattr
from sqlalchemy import Connection

from collector.event import UNREADABLE, RecordedEvent
from collector.storage.sql import executing, select_in

_PLACED = """SELECT event.position, event.received_at, event.delivery, event.item, content.bytes
    FROM event LEFT JOIN content ON content.number = event.content """
_WHOLE = """SELECT event.position, event.id, event.revision, event.amendment, event.type, event.source,
    event.received_at, event.occurred_at, event.delivery, event.item, coalesce(content.bytes,
    (SELECT left_over.bytes FROM event AS erasure JOIN content AS left_over ON left_over.number = erasure.content
     WHERE erasure.id = event.id AND erasure.amendment = 'erasure' ORDER BY erasure.revision DESC LIMIT 1))
    FROM event LEFT JOIN content ON content.number = event.content WHERE event.position IN ({})"""

_TOGETHER = 128
"""Rows taken at a time. Their JSON fits into the processor's cache beside what is made of it; a thousand's does not."""
_WRONG = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What decoding raises where a content is damaged."""

_decode = msgspec.json.Decoder(RecordedEvent).decode
_exhaust = deque[None](maxlen=0).extend


def events(connection: Connection, where: str, values: Sequence[Any]) -> list[RecordedEvent]:
    """The events of the rows for which ``where`` holds, in its order."""
    return _events(connection, iter(executing(connection)(_PLACED + where, values)))


def events_in(connection: Connection, where: str, values: Sequence[Any]) -> list[RecordedEvent]:
    """The same with ``{}`` in ``where`` standing for these values, however many, and in no order."""
    return _events(connection, select_in(connection, _PLACED + where, values))


def _events(connection: Connection, rows: Iterator[Any]) -> list[RecordedEvent]:
    found: list[RecordedEvent] = []
    told_by: dict[int, str] = {}
    while some := list(islice(rows, _TOGETHER)):
        found += _decoded(some, told_by) or _singly(connection, some, told_by)
    return found


def _decoded(rows: Sequence[Any], told_by: dict[int, str]) -> list[RecordedEvent]:
    """Rows of :data:`_PLACED` as events; empty where one of them is not like the others.

    ``told_by`` has the ids of deliveries by their numbers: the events of one delivery share it.
    """
    positions, received, deliveries, items, contents = zip(*rows, strict=True)
    if set(map(type, contents)) != {bytes}:
        return []
    try:
        found = list(map(_decode, contents))
    except _WRONG:
        return []
    _set("position", found, positions)
    _set("received_at", found, received)
    for number in set(deliveries) - told_by.keys():
        told_by[number] = f"d{number}" if number else ""
    _set("delivery", found, map(told_by.__getitem__, deliveries))
    _set("item", found, items)
    return found


def _set(field: str, found: Sequence[RecordedEvent], values: Iterable[Any]) -> None:
    """Set a field of events that nobody has seen yet."""
    _exhaust(map(force_setattr, found, repeat(field), values))


def _singly(connection: Connection, rows: Sequence[Any], told_by: dict[int, str]) -> list[RecordedEvent]:
    """The same events by everything that their rows say."""
    positions = [row[0] for row in rows]
    whole = {row[0]: row for row in select_in(connection, _WHOLE, positions)}
    return [_event(whole[position], told_by) for position in positions]


def _event(row: Any, told_by: dict[int, str]) -> RecordedEvent:
    """A row of :data:`_WHOLE` as an event."""
    (
        position, identity, revision, amendment, event_type, source, received_at, occurred_at, delivery, item, content,
    ) = row  # fmt: skip
    for event in _decoded([(position, received_at, delivery, item, content)], told_by):
        return event if event.revision == revision else _stand_in(event, revision, amendment, occurred_at)
    bare = RecordedEvent(
        id=identity.hex(), revision=revision, amendment=amendment, type=event_type, source=source, entity="",
        occurred_at=occurred_at, position=position, received_at=received_at, item=item,
        delivery=f"d{delivery}" if delivery else "",
    )  # fmt: skip
    return bare if content is None else _unreadable(bare)


def _unreadable(bare: RecordedEvent) -> RecordedEvent:
    """What stands for an event whose content was damaged: its row, and an entity that it shares with no other."""
    said = {"unreadable": True}
    return msgspec.structs.replace(bare, entity=f"unreadable:{bare.id}", title=UNREADABLE, data=said)


def _stand_in(left: RecordedEvent, revision: int, amendment: str, occurred_at: int) -> RecordedEvent:
    """What an erasure left, in the place of a revision that it emptied."""
    return msgspec.structs.replace(left, revision=revision, amendment=amendment, occurred_at=occurred_at)
