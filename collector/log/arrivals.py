"""What became of the deliveries of each source, counted over the last ones, on an open connection."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec
from sqlalchemy import Connection

from collector.log.appending import ITEMS

_LAST = "SELECT source, status, received_at, told FROM delivery ORDER BY number DESC LIMIT ?"
_LAST_OF = "SELECT received_at FROM delivery WHERE source = ? ORDER BY number DESC LIMIT 1"
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
    found: dict[str, SourceArrivals] = {}
    looked, first = 0, 0
    for source, status, received_at, told in connection.exec_driver_sql(_LAST, (most,)):
        each = found.setdefault(source, SourceArrivals(last_at=received_at))
        _count(each, status, bytes(told))
        looked, first = looked + 1, received_at
    for name in names:
        if name not in found:
            found[name] = SourceArrivals(last_at=connection.exec_driver_sql(_LAST_OF, (name,)).scalar())
    return Arrivals(sources=found, looked=looked, since=first if looked == most else 0)


def _count(each: SourceArrivals, status: str, told: bytes) -> None:
    each.stored += 1
    if status == "unrecognised":
        each.unrecognised += 1
    elif status == "malformed":
        each.malformed += 1
    elif not told:
        each.set_aside += 1
    # The last byte of each item says whether that was known.
    elif all(told[_TOLD - 1 :: _TOLD]):
        each.repeats += 1
