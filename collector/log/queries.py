"""Reading, on an open connection; each function sees the transaction it is called in."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from operator import attrgetter
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, func, select

from collector.event import Event, RecordedEvent
from collector.log import decode
from collector.log.appending import ITEMS
from collector.log.contract import REDACTED, Delivery, ReceiptItem, Repeats
from collector.log.headers import Headers, contains, headers_of
from collector.log.updating import may_be_updated, update_id
from collector.people.citations import SHORTEST
from collector.schema import tables
from collector.schema.tables import NOT_READ, alert_text, content, event, repeat
from collector.schema.tables import delivery as stored
from collector.semantics.episodes import UPDATED
from collector.storage.sql import AMONG, firsts_of, select_among

_HEAD = select(tables.head.c.position)
_NEXT = (
    decode.PLACED.where(event.c.position > bindparam("after"))
    .order_by(event.c.position)
    .limit(bindparam("most", type_=event.c.position.type))
)
_WITH_IDS = decode.PLACED.where(event.c.id.in_(AMONG))
_AT = select(event.c.id).where(event.c.position == bindparam("position"))
_WITH_ID = select(event.c.id).where(event.c.id == bindparam("identity"), event.c.revision == 0)
# Of the whole log the index of ids is read, which is smaller than the table.
_ENDING = select(event.c.id).where(func.substr(event.c.id, bindparam("first")) == bindparam("ending"))
_ENDING_AFTER = _ENDING.where(event.c.position > bindparam("after"))
_DELIVERIES = select(*(column for column in stored.c if column.name not in ("commitment", "leaf")))
_DELIVERY = _DELIVERIES.where(stored.c.number == bindparam("number"))
_BODY = (
    select(content.c.bytes)
    .join_from(stored, content, content.c.number == stored.c.content)
    .where(stored.c.number == bindparam("number"))
)
_REPEATS = select(repeat.c.id, repeat.c["count"], repeat.c.last_at).where(repeat.c.id.in_(AMONG))
_TEXTS = select(alert_text.c.text, alert_text.c.last_at).where(alert_text.c.firing.in_(AMONG))
_CONTENT = select(content.c.bytes).where(content.c.number == bindparam("number"))


def head(connection: Connection) -> int:
    """The last position, 0 for an empty log."""
    return int(firsts_of(connection, _HEAD)[0])


def read(connection: Connection, after: int = 0, limit: int = 1000) -> list[RecordedEvent]:
    """Events after a position in the order of positions, at most ``limit``."""
    return decode.events(connection, _NEXT, {"after": after, "most": limit})


def read_ids(connection: Connection, ids: Sequence[str], as_of: int | None = None) -> list[RecordedEvent]:
    """Every revision of these events in the order of positions; those received by ``as_of`` if given."""
    identities = [identity for text in dict.fromkeys(ids) if (identity := _identity(text)) is not None]
    events = decode.events_among(connection, _WITH_IDS, identities)
    if as_of is not None:
        events = [event for event in events if event.received_at <= as_of]
    events.sort(key=attrgetter("position"))
    return events


def resolve_id(connection: Connection, text: str, *, after: int = 0) -> list[str]:
    """The ids that a whole id, a position or a citation (the last digits of an id) names.

    A citation is looked for after a position only: the lists have an index of those up to theirs.
    """
    text = _normalised(text)
    identities: list[bytes] = []
    if len(text) <= 18 and text.isascii() and text.isdigit():
        identities += connection.execute(_AT, {"position": int(text)}).scalars()
    identity = _identity(text)
    if identity is not None:
        identities += connection.execute(_WITH_ID, {"identity": identity}).scalars()
    elif digits := citation(text):
        identities += _ending_in(connection, digits, after)
    return [identity.hex() for identity in dict.fromkeys(identities)]


def citation(text: str) -> str:
    """The digits of a citation; empty where it is none."""
    digits = _normalised(text)
    cited = SHORTEST <= len(digits) < 32 and not set(digits) - set("0123456789abcdef")
    return digits if cited else ""


def _normalised(text: str) -> str:
    return text.strip().removeprefix("#").lower()


def _ending_in(connection: Connection, digits: str, after: int) -> list[bytes]:
    """The ids whose last digits these are. The database compares whole bytes; an odd digit is looked at here."""
    ending = bytes.fromhex(digits[len(digits) % 2 :])
    values = {"first": 17 - len(ending), "ending": ending, "after": after}
    ids = connection.execute(_ENDING_AFTER if after else _ENDING, values).scalars()
    return [identity for identity in ids if identity.hex().endswith(digits)]


def deliveries(
    connection: Connection,
    *,
    source: str | None = None,
    status: str | None = None,
    before: str | None = None,
    limit: int = 50,
) -> list[Delivery]:
    """Stored deliveries, newest first; ``before`` is the id of the last one seen."""
    statement = _DELIVERIES.order_by(stored.c.number.desc()).limit(limit)
    if source is not None:
        statement = statement.where(stored.c.source == source)
    if status == "redacted":
        statement = statement.where(contains(connection, REDACTED))
    elif status is not None:
        statement = of_status(statement, status)
    if before is not None:
        statement = statement.where(stored.c.number < (_number(before) or 0))
    rows = connection.execute(statement).all()
    headers = headers_of(connection, [row.headers for row in rows])
    return [_delivery(connection, row, pairs) for row, pairs in zip(rows, headers, strict=True)]


def of_status(statement: Select[Any], status: str) -> Select[Any]:
    """Those deliveries of a statement that have a status."""
    statement = statement.where(stored.c.status == status)
    # Says again what the index of unread deliveries is built on, so that it can be used.
    return statement if status == "read" else statement.where(NOT_READ)


def delivery(connection: Connection, delivery_id: str) -> Delivery | None:
    """One stored delivery; None where there is none of that id."""
    row = connection.execute(_DELIVERY, {"number": _number(delivery_id) or 0}).one_or_none()
    return None if row is None else _delivery(connection, row, headers_of(connection, [row.headers])[0])


def body(connection: Connection, delivery_id: str) -> bytes | None:
    """The raw bytes of a delivery; None where it is unknown or its content was erased."""
    found: bytes | None = connection.execute(_BODY, {"number": _number(delivery_id) or 0}).scalar()
    return found


def repeats(connection: Connection, ids: Sequence[str]) -> dict[str, Repeats]:
    """How often each of these facts was told again; those told once are left out."""
    identities = [identity for text in dict.fromkeys(ids) if (identity := _identity(text)) is not None]
    rows = select_among(connection, _REPEATS, identities)
    found = (Repeats(event_id=identity.hex(), count=count, last_at=last_at) for identity, count, last_at in rows)
    return {each.event_id: each for each in found}


def last_told(connection: Connection, events: Sequence[Event]) -> dict[str, int]:
    """When each text of the alerts that say several was told last, by the id of the firing or update that says it, µs.

    What is told by none of these events is left out.
    """
    firings = {bytes.fromhex(event.id): event for event in events if may_be_updated(event)}
    by_text = {update_id(event): event.id for event in firings.values()}
    by_text.update((event.id, event.id) for event in events if event.type == UPDATED)
    rows = [(row.text.hex(), row.last_at) for row in select_among(connection, _TEXTS, sorted(firings))]
    return {by_text[text]: last_at for text, last_at in rows if text in by_text}


def _digest(connection: Connection, number: int | None) -> str:
    """The SHA-256 of a body; empty where it was erased. A body at a time: many large ones would fill the memory."""
    found = None if number is None else connection.execute(_CONTENT, {"number": number}).scalar()
    return "" if found is None else sha256(found).hexdigest()


def _delivery(connection: Connection, row: Row[*tuple[Any, ...]], headers: Headers) -> Delivery:
    return Delivery(
        id=f"d{row.number}",
        source=row.source,
        received_at=row.received_at,
        size=row.size,
        digest=_digest(connection, row.content),
        authentication=row.authentication,
        status=row.status,
        reason=row.reason,
        headers=tuple(pair for pair in headers if pair[0] != REDACTED),
        redacted=int(next((value for name, value in headers if name == REDACTED), "0")),
        items=tuple(
            ReceiptItem(event_id=identity.hex(), position=position, stored_before=known)
            for identity, position, known in ITEMS.iter_unpack(row.told)
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
