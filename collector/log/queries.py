"""Reading, on an open connection; each function sees the transaction it is called in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import sha256
from operator import attrgetter
from typing import Any

from sqlalchemy import Connection

from collector.event import Event, RecordedEvent
from collector.log import decode
from collector.log.appending import ITEMS
from collector.log.contract import REDACTED, Delivery, ReceiptItem, Repeats
from collector.log.headers import Headers, headers_of
from collector.log.updating import may_be_updated, update_id
from collector.people.citations import SHORTEST
from collector.semantics.episodes import UPDATED
from collector.storage.sql import select_in

_REDACTED_IN = {"sqlite": "instr(headers, ?) > 0", "postgresql": "position(? IN headers) > 0"}
_DELIVERIES = """SELECT delivery.number, source, received_at, size, authentication, status, reason, headers, told,
    content FROM delivery """


def head(connection: Connection) -> int:
    """The last position, 0 for an empty log."""
    return int(connection.exec_driver_sql("SELECT position FROM head").scalar_one())


def read(connection: Connection, after: int = 0, limit: int = 1000) -> list[RecordedEvent]:
    """Events after a position in the order of positions, at most ``limit``."""
    where = "WHERE event.position > ? ORDER BY event.position LIMIT ?"
    return decode.events(connection, where, (after, limit))


def read_ids(connection: Connection, ids: Sequence[str], as_of: int | None = None) -> list[RecordedEvent]:
    """Every revision of these events in the order of positions; those received by ``as_of`` if given."""
    identities = [identity for text in dict.fromkeys(ids) if (identity := _identity(text)) is not None]
    found = decode.events_in(connection, "WHERE event.id IN ({})", identities)
    if as_of is not None:
        found = [event for event in found if event.received_at <= as_of]
    found.sort(key=attrgetter("position"))
    return found


def resolve_id(connection: Connection, text: str, *, after: int = 0) -> list[str]:
    """The ids that a whole id, a position or a citation (the last digits of an id) names.

    A citation is looked for after a position only: the lists have an index of those up to theirs.
    """
    text = _written(text)
    found: list[bytes] = []
    execute = connection.exec_driver_sql
    if len(text) <= 18 and text.isascii() and text.isdigit():
        found += execute("SELECT id FROM event WHERE position = ?", (int(text),)).scalars()
    identity = _identity(text)
    if identity is not None:
        found += execute("SELECT id FROM event WHERE id = ? AND revision = 0", (identity,)).scalars()
    elif digits := citation(text):
        found += _ending_in(connection, digits, after)
    return [identity.hex() for identity in dict.fromkeys(found)]


def citation(text: str) -> str:
    """The digits of a citation; empty where it is none."""
    digits = _written(text)
    cited = SHORTEST <= len(digits) < 32 and not set(digits) - set("0123456789abcdef")
    return digits if cited else ""


def _written(text: str) -> str:
    return text.strip().removeprefix("#").lower()


def _ending_in(connection: Connection, digits: str, after: int) -> list[bytes]:
    """The ids whose last digits these are. The database compares whole bytes; an odd digit is looked at here."""
    ending = bytes.fromhex(digits[len(digits) % 2 :])
    # Of the whole log the index of ids is read, which is smaller than the table.
    where, values = ("position > ? AND", (after,)) if after else ("", ())
    statement = f"SELECT id FROM event WHERE {where} substr(id, ?) = ?"  # noqa: S608 - one of two constants
    rows = connection.exec_driver_sql(statement, (*values, 17 - len(ending), ending))
    return [bytes(one) for one in rows.scalars() if one.hex().endswith(digits)]


def deliveries(
    connection: Connection,
    *,
    source: str | None = None,
    status: str | None = None,
    before: str | None = None,
    limit: int = 50,
) -> list[Delivery]:
    """Stored deliveries, newest first; ``before`` is the id of the last one seen."""
    conditions: list[tuple[str, Any]] = []
    if source is not None:
        conditions.append(("source = ?", source))
    if status == "redacted":
        conditions.append((_REDACTED_IN[connection.dialect.name], REDACTED.encode()))
    elif status is not None:
        # Says again what the index of unread deliveries is built on, so that it can be used.
        unread = "" if status == "read" else " AND status <> 'read'"
        conditions.append(("status = ?" + unread, status))
    if before is not None:
        conditions.append(("delivery.number < ?", _number(before) or 0))
    where = "WHERE " + " AND ".join(text for text, _ in conditions) if conditions else ""
    values = (*(value for _, value in conditions), limit)
    rows = connection.exec_driver_sql(f"{_DELIVERIES} {where} ORDER BY delivery.number DESC LIMIT ?", values)
    found = list(rows)
    headers = headers_of(connection, _headers(found))
    return [_delivery(connection, row, told) for row, told in zip(found, headers, strict=True)]


def delivery(connection: Connection, delivery_id: str) -> Delivery | None:
    """One stored delivery; None where there is none of that id."""
    number = _number(delivery_id)
    row = connection.exec_driver_sql(_DELIVERIES + "WHERE delivery.number = ?", (number or 0,)).one_or_none()
    return None if row is None else _delivery(connection, row, headers_of(connection, _headers([row]))[0])


def body(connection: Connection, delivery_id: str) -> bytes | None:
    """The raw bytes of a delivery; None where it is unknown or its content was erased."""
    statement = (
        "SELECT content.bytes FROM delivery JOIN content ON content.number = delivery.content WHERE delivery.number = ?"
    )
    found = connection.exec_driver_sql(statement, (_number(delivery_id) or 0,)).scalar()
    return None if found is None else bytes(found)


def repeats(connection: Connection, ids: Sequence[str]) -> dict[str, Repeats]:
    """How often each of these facts was told again; those told once are left out."""
    identities = [identity for text in dict.fromkeys(ids) if (identity := _identity(text)) is not None]
    rows = select_in(connection, "SELECT id, count, last_at FROM repeat WHERE id IN ({})", identities)
    return {one.hex(): Repeats(event_id=one.hex(), count=count, last_at=last_at) for one, count, last_at in rows}


def last_told(connection: Connection, events: Sequence[Event]) -> dict[str, int]:
    """When each text of the alerts that say several was told last, by the id of the firing or update that says it, µs.

    What is told by none of these events is left out.
    """
    firings = {bytes.fromhex(event.id): event for event in events if may_be_updated(event)}
    by_text = {update_id(event): event.id for event in firings.values()}
    by_text.update((event.id, event.id) for event in events if event.type == UPDATED)
    statement = "SELECT text, last_at FROM alert_text WHERE firing IN ({})"
    rows = [(text.hex(), last_at) for text, last_at in select_in(connection, statement, sorted(firings))]
    return {by_text[text]: last_at for text, last_at in rows if text in by_text}


def _headers(rows: Iterable[Any]) -> list[bytes]:
    return [row[7] for row in rows]


def _digest(connection: Connection, content: int | None) -> str:
    """The SHA-256 of a body; empty where it was erased. A body at a time: many large ones would fill the memory."""
    statement = "SELECT bytes FROM content WHERE number = ?"
    found = None if content is None else connection.exec_driver_sql(statement, (content,)).scalar()
    return "" if found is None else sha256(found).hexdigest()


def _delivery(connection: Connection, row: Any, headers: Headers) -> Delivery:
    number, source, received_at, size, authentication, status, reason, _, told, content = row
    return Delivery(
        id=f"d{number}",
        source=source,
        received_at=received_at,
        size=size,
        digest=_digest(connection, content),
        authentication=authentication,
        status=status,
        reason=reason,
        headers=tuple(pair for pair in headers if pair[0] != REDACTED),
        redacted=int(next((value for name, value in headers if name == REDACTED), "0")),
        items=tuple(
            ReceiptItem(event_id=identity.hex(), position=position, known=known)
            for identity, position, known in ITEMS.iter_unpack(told)
        ),
    )


def _identity(text: str) -> bytes | None:
    try:
        identity = bytes.fromhex(text)
    except ValueError:
        return None
    return identity if len(identity) == 16 else None


def _number(delivery_id: str) -> int | None:
    """The number in a delivery's id (``d42``)."""
    digits = delivery_id.removeprefix("d")
    return int(digits) if len(digits) <= 18 and digits.isascii() and digits.isdigit() else None
