"""Stored deliveries and what the log holds of their events, on an open connection."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection

from collector.event import Event
from collector.log.appending import ITEMS
from collector.log.contract import REDACTED
from collector.log.headers import headers_of
from collector.log.refiring import ENDS_OF, again_id
from collector.reparsing.matching import record_id
from collector.reparsing.values import Selection
from collector.storage.sql import select_in

TOGETHER = 16 << 20
"""Bytes of bodies that are read at a time."""

_ROWS = """SELECT delivery.number, source, received_at, size, authentication, status, headers, told, content, commitment
    FROM delivery WHERE delivery.number > ? """
_FACTS = """SELECT event.id, event.revision, event.amendment, event.delivery, content.bytes
    FROM event LEFT JOIN content ON content.number = event.content WHERE event.id IN ({})"""

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
    told: tuple[str, ...]
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
    headers = headers_of(connection, [row[6] for row in rows])
    numbers = [row[8] for row in rows]
    bodies = dict(_pairs(connection, "SELECT number, bytes FROM content WHERE number IN ({})", numbers))
    found = [_stored(row, said, bodies.get(row[8])) for row, said in zip(rows, headers, strict=True)]
    return found, (rows[-1][0] if rows and more else None)


def _pairs(connection: Connection, statement: str, numbers: Sequence[int]) -> Iterable[tuple[int, bytes]]:
    return ((number, bytes(content)) for number, content in select_in(connection, statement, numbers))


def _rows(connection: Connection, asked: Selection) -> tuple[list[Any], bool]:
    """The rows, as many as are asked for and as their bodies' size allows; whether there may be more."""
    conditions, values = "", [asked.after]
    for column, value in (
        ("source = ?", asked.source), ("status = ?", asked.status), ("received_at >= ?", asked.since),
        ("received_at < ?", asked.until),
    ):  # fmt: skip
        if value is not None:
            # Says again what the index of unread deliveries is built on, so that it can be used.
            unread = " AND status <> 'read'" if column == "status = ?" and value != "read" else ""
            conditions += f"AND {column}{unread} "
            values.append(value)  # type: ignore[arg-type]
    statement = f"{_ROWS} {conditions} ORDER BY delivery.number LIMIT ?"
    found = list(connection.exec_driver_sql(statement, (*values, asked.limit + 1)))
    rows: list[Any] = []
    size = 0
    for row in found[: asked.limit]:
        if rows and size + row[3] > TOGETHER:
            break
        rows.append(row)
        size += row[3]
    return rows, len(rows) < len(found)


def one(connection: Connection, number: int) -> StoredDelivery | None:
    """One delivery."""
    found, _ = deliveries(connection, Selection(after=number - 1, limit=1))
    return found[0] if found and found[0].number == number else None


def _stored(row: Any, headers: tuple[tuple[str, str], ...], body: bytes | None) -> StoredDelivery:
    redacted = next((value for name, value in headers if name == REDACTED), "0")
    return StoredDelivery(
        number=row[0],
        source=row[1],
        received_at=row[2],
        authentication=row[4],
        status=row[5],
        headers=tuple([pair for pair in headers if pair[0] != REDACTED]),
        told=tuple([identity.hex() for identity, _, _ in ITEMS.iter_unpack(row[7])]),
        commitment=bytes(row[9]),
        body=body,
        redacted=int(redacted) if redacted.isdecimal() else 0,
    )


def facts(connection: Connection, ids: Iterable[str]) -> dict[str, LoggedEvent]:
    """What the log holds of these ids; those that it does not know are left out."""
    found: dict[str, LoggedEvent] = {}
    identities = [bytes.fromhex(each) for each in dict.fromkeys(ids)]
    rows = select_in(connection, _FACTS, identities)
    for identity, revision, amendment, delivery, content in sorted(rows, key=lambda row: (row[0], row[1])):
        known = found.setdefault(bytes(identity).hex(), LoggedEvent(0, "", None))
        known.revision, known.amendment = revision, amendment
        known.content = None if content is None else bytes(content)
        known.teller = delivery or known.teller
    return found


def records(connection: Connection, numbers: Iterable[int]) -> dict[int, Event]:
    """By delivery: what the daemon recorded of an earlier reading again."""
    names = {record_id(number): number for number in numbers}
    known = facts(connection, names)
    return {names[name]: event for name, fact in known.items() if (event := fact.event()) is not None}


def followers(connection: Connection, firings: Mapping[str, str]) -> dict[str, list[str]]:
    """By firing: the ids of what the log itself may have said of it, its updates and its firing again.

    ``firings`` are ids with the names of their sources.
    """
    found: dict[str, list[str]] = {}
    identities = [bytes.fromhex(each) for each in firings]
    for firing, text in select_in(connection, "SELECT firing, text FROM alert_text WHERE firing IN ({})", identities):
        found.setdefault(bytes(firing).hex(), []).append(bytes(text).hex())
    for firing, resolve, _, again_at in select_in(connection, ENDS_OF, identities):
        name = bytes(firing).hex()
        if again_at is not None:
            found.setdefault(name, []).append(again_id(firings[name], bytes(firing), bytes(resolve)))
    return found


def last(connection: Connection) -> int:
    """The number of the last delivery."""
    return int(connection.exec_driver_sql("SELECT delivery FROM head").scalar_one())
