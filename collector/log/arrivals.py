"""What became of the deliveries of each source, counted over the last ones, on an open connection."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec
from sqlalchemy import Connection, bindparam, select

from collector.log.appending import ITEMS
from collector.schema.tables import delivery

_newest = delivery.c.number.desc()
_LAST = select(delivery.c.source, delivery.c.status, delivery.c.received_at, delivery.c.told).order_by(_newest)
_LAST_OF = select(delivery.c.received_at).where(delivery.c.source == bindparam("source")).order_by(_newest).limit(1)
_TOLD = ITEMS.size


class SourceArrivals(msgspec.Struct, kw_only=True):
    """What became of a source's deliveries."""

    stored: int = 0
    repeats: int = 0
    """Those of which all was known."""
    set_aside: int = 0
    """Those that were read and told nothing."""
    unrecognised: int = 0
    malformed: int = 0
    last_at: int | None = None
    """When the last one was received, µs UTC, whenever that was; None where none ever was."""


class Arrivals(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the last deliveries."""

    sources: Mapping[str, SourceArrivals]
    looked: int
    """How many deliveries were counted."""
    since: int
    """When the first of these was received, µs UTC; 0 where all that the log has were counted."""


def arrivals(connection: Connection, names: Iterable[str], most: int) -> Arrivals:
    """Count the last ``most`` deliveries, whichever sources they are of; ``names`` are listed also without any."""
    by_source: dict[str, SourceArrivals] = {}
    looked, first = 0, 0
    for row in connection.execute(_LAST.limit(most)):
        each = by_source.setdefault(row.source, SourceArrivals(last_at=row.received_at))
        _count(each, row.status, row.told)
        looked, first = looked + 1, row.received_at
    for name in names:
        if name not in by_source:
            by_source[name] = SourceArrivals(last_at=connection.execute(_LAST_OF, {"source": name}).scalar())
    return Arrivals(sources=by_source, looked=looked, since=first if looked == most else 0)


def _count(source: SourceArrivals, status: str, items: bytes) -> None:
    source.stored += 1
    if status == "unrecognised":
        source.unrecognised += 1
    elif status == "malformed":
        source.malformed += 1
    elif not items:
        source.set_aside += 1
    # The last byte of each item says whether that was known.
    elif all(items[_TOLD - 1 :: _TOLD]):
        source.repeats += 1
