"""Stored deliveries and what the log holds of their events, on an open connection."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, select

from collector.event import Event
from collector.log.appending import ITEMS
from collector.log.contract import REDACTED
from collector.log.headers import headers_of
from collector.log.queries import of_status
from collector.log.refiring import again_id
from collector.reparsing.matching import record_id
from collector.reparsing.values import Selection
from collector.schema.tables import alert_end, alert_text, content, delivery, event, head
from collector.storage.sql import AMONG, select_among

TOGETHER = 16 << 20
"""Bytes of bodies that are read at a time."""

_ROWS = select(*(column for column in delivery.c if column.name not in ("reason", "leaf")))
_BODIES = select(content.c.number, content.c.bytes).where(content.c.number.in_(AMONG))
_FACTS = (
    select(event.c.id, event.c.revision, event.c.amendment, event.c.delivery, content.c.bytes)
    .join_from(event, content, content.c.number == event.c.content, isouter=True)
    .where(event.c.id.in_(AMONG))
)
_TEXTS = select(alert_text.c.firing, alert_text.c.text).where(alert_text.c.firing.in_(AMONG))
_ENDS = select(alert_end).where(alert_end.c.firing.in_(AMONG))
_LAST = select(head.c.delivery)

_event = msgspec.json.Decoder(Event).decode
_WRONG = (msgspec.DecodeError, UnicodeDecodeError, RecursionError, TypeError)


class StoredDelivery(msgspec.Struct, kw_only=True):
    """A stored delivery, whole."""

    number: int
    source: str
    received_at: int
    authentication: str
    status: str
    headers: tuple[tuple[str, str], ...]
    event_ids: tuple[str, ...]
    """The events that its row names."""
    commitment: bytes
    body: bytes | None
    """None where it was removed."""
    redacted: int = 0


class LoggedEvent(msgspec.Struct):
    """What the log holds of one id."""

    revision: int
    amendment: str
    content: bytes | None
    """Of the last revision; None where it was erased."""
    teller: int = 0
    """The number of the delivery that speaks for it."""

    def event(self) -> Event | None:
        """The last revision; None where nothing of it can be read."""
        try:
            return None if self.content is None else _event(self.content)
        except _WRONG:
            return None


def deliveries(connection: Connection, asked: Selection) -> tuple[list[StoredDelivery], int | None]:
    """The next deliveries that are asked for, and the number of the last of them; None where no more follow."""
    rows, more = _rows(connection, asked)
    headers = headers_of(connection, [row.headers for row in rows])
    bodies = {row.number: row.bytes for row in select_among(connection, _BODIES, [row.content for row in rows])}
    found = [_stored(row, pairs, bodies.get(row.content)) for row, pairs in zip(rows, headers, strict=True)]
    return found, (rows[-1].number if rows and more else None)


def _rows(connection: Connection, selection: Selection) -> tuple[list[Row[*tuple[Any, ...]]], bool]:
    """The rows, as many as are asked for and as their bodies' size allows; whether there may be more."""
    statement = _ROWS.where(delivery.c.number > selection.after).order_by(delivery.c.number).limit(selection.limit + 1)
    if selection.source is not None:
        statement = statement.where(delivery.c.source == selection.source)
    if selection.status is not None:
        statement = of_status(statement, selection.status)
    if selection.since is not None:
        statement = statement.where(delivery.c.received_at >= selection.since)
    if selection.until is not None:
        statement = statement.where(delivery.c.received_at < selection.until)
    fetched = connection.execute(statement).all()
    rows: list[Row[*tuple[Any, ...]]] = []
    size = 0
    for row in fetched[: selection.limit]:
        if rows and size + row.size > TOGETHER:
            break
        rows.append(row)
        size += row.size
    return rows, len(rows) < len(fetched)


def stored_delivery(connection: Connection, number: int) -> StoredDelivery | None:
    """One delivery."""
    found, _ = deliveries(connection, Selection(after=number - 1, limit=1))
    return found[0] if found and found[0].number == number else None


def _stored(
    row: Row[*tuple[Any, ...]], headers: tuple[tuple[str, str], ...], body: bytes | None
) -> StoredDelivery:  # fmt: skip
    redacted = next((value for name, value in headers if name == REDACTED), "0")
    return StoredDelivery(
        number=row.number,
        source=row.source,
        received_at=row.received_at,
        authentication=row.authentication,
        status=row.status,
        headers=tuple([pair for pair in headers if pair[0] != REDACTED]),
        event_ids=tuple([identity.hex() for identity, _, _ in ITEMS.iter_unpack(row.told)]),
        commitment=row.commitment,
        body=body,
        redacted=int(redacted) if redacted.isdecimal() else 0,
    )


def facts(connection: Connection, ids: Iterable[str]) -> dict[str, LoggedEvent]:
    """What the log holds of these ids; those that it does not know are left out."""
    by_id: dict[str, LoggedEvent] = {}
    identities = [bytes.fromhex(each) for each in dict.fromkeys(ids)]
    rows = select_among(connection, _FACTS, identities)
    for row in sorted(rows, key=lambda row: (row.id, row.revision)):
        known = by_id.setdefault(row.id.hex(), LoggedEvent(0, "", None))
        known.revision, known.amendment, known.content = row.revision, row.amendment, row.bytes
        known.teller = row.delivery or known.teller
    return by_id


def records(connection: Connection, numbers: Iterable[int]) -> dict[int, Event]:
    """By delivery: what the daemon recorded of an earlier reading again."""
    names = {record_id(number): number for number in numbers}
    known = facts(connection, names)
    return {names[name]: event for name, fact in known.items() if (event := fact.event()) is not None}


def followers(connection: Connection, firings: Mapping[str, str]) -> dict[str, list[str]]:
    """By firing: the ids of what the log itself may have said of it, its updates and its firing again.

    ``firings`` are ids with the names of their sources.
    """
    by_firing: dict[str, list[str]] = {}
    identities = [bytes.fromhex(each) for each in firings]
    for row in select_among(connection, _TEXTS, identities):
        by_firing.setdefault(row.firing.hex(), []).append(row.text.hex())
    for row in select_among(connection, _ENDS, identities):
        name = row.firing.hex()
        if row.again_at is not None:
            by_firing.setdefault(name, []).append(again_id(firings[name], row.firing, row.resolve))
    return by_firing


def last(connection: Connection) -> int:
    """The number of the last delivery."""
    return int(connection.execute(_LAST).scalar_one())
