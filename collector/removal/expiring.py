"""Removing bodies that reached their age, on an open connection, with the record of it in the same transaction.

Deliveries are looked through in the order of their numbers, from the last one
that a record covers on. What was read out of a body stays: only rows of
``content`` that a delivery names are removed.
"""

from __future__ import annotations

import msgspec
from sqlalchemy import Connection, bindparam, select

from collector.event import MACHINE, Event, event_id
from collector.log import queries
from collector.log.appending import ITEMS, append
from collector.log.contract import Submission, receipt_of
from collector.removal.erasing import remove_bodies
from collector.schema.tables import content, delivery
from collector.schema.tables import event as stored

EXPIRED = "delivery.expired"
REPEATS, DELIVERIES = "repeats", "deliveries"
"""What a retention removes: deliveries that told nothing new, or all of them. ``recorded_removals`` says what the
record means.
"""

_NEXT = (
    select(
        delivery.c.number,
        delivery.c.received_at,
        delivery.c.told,
        delivery.c.size,
        content.c.number.is_not(None).label("has_body"),
    )
    .join_from(delivery, content, content.c.number == delivery.c.content, isouter=True)
    .where(delivery.c.number > bindparam("after"), delivery.c.source == bindparam("source"))
    .order_by(delivery.c.number)
)
_RECORDS = select(stored.c.id).where(stored.c.type == EXPIRED)


class ExpiredRow(msgspec.Struct, frozen=True, kw_only=True):
    """A row of one source's deliveries that reached their age."""

    source: str
    kind: str
    """``repeats`` or ``deliveries``."""
    first: int
    last: int
    """The numbers looked at, both included."""
    numbers: tuple[int, ...]
    """Those of them whose bodies go."""
    size: int
    """Of these bodies together, in bytes."""
    until: int
    """Bodies received up to this moment go, µs."""
    more: bool
    """Whether the row was cut off, and more may be due."""


def due(connection: Connection, source: str, kind: str, *, after: int, until: int, most: int) -> ExpiredRow | None:
    """The next deliveries of a source, at most ``most``, that were received ``until`` then; None where none is left.

    Looking ends at the first that is younger: deliveries are numbered in the order they came, but for a clock that was
    set back, and then the rest is a little late.
    """
    rows = []
    for row in connection.execute(_NEXT.limit(most), {"after": after, "source": source}):
        if row.received_at > until:
            break
        rows.append(row)
    if not rows:
        return None
    going = [row for row in rows if row.has_body and (kind != REPEATS or is_repeat(row.told))]
    return ExpiredRow(
        source=source, kind=kind, first=rows[0].number, last=rows[-1].number,
        numbers=tuple(row.number for row in going), size=sum(row.size for row in going), until=until,
        more=len(rows) == most,
    )  # fmt: skip


def is_repeat(told: bytes) -> bool:
    """Whether a delivery told something, and nothing new."""
    return bool(told) and all(known for _, _, known in ITEMS.iter_unpack(told))


def reached(connection: Connection) -> dict[tuple[str, str], int]:
    """Source and kind → the last delivery that a record covers. Reads the types of all events once."""
    ids = connection.execute(_RECORDS).scalars()
    last_by_kind: dict[tuple[str, str], int] = {}
    for event in queries.read_ids(connection, [identity.hex() for identity in ids]):
        key = (str(event.data.get("source")), str(event.data.get("kind")))
        last_by_kind[key] = max(last_by_kind.get(key, 0), int(event.data.get("last", 0)))
    return last_by_kind


def expire(connection: Connection, expired: ExpiredRow, now: int) -> None:
    """Remove these bodies and record it; ``collector.removal.recorded_removals`` says what the record accounts for."""
    fact = Event(
        id=event_id("retention.1", MACHINE, None, expired.source, expired.kind, str(expired.first), str(expired.last)),
        type=EXPIRED,
        source=MACHINE,
        entity=f"source:{expired.source}",
        occurred_at=now,
        data={
            "source": expired.source, "kind": expired.kind, "first": expired.first, "last": expired.last,
            "until": expired.until, "removed": len(expired.numbers), "bytes": expired.size,
        },
    )  # fmt: skip
    receipt_of(*append(connection, [Submission(source=MACHINE, received_at=now, events=(fact,))]).answers)
    remove_bodies(connection, expired.numbers)
