"""How many events joined nothing, by reason: kept up with every write, since to count them is to read them all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from sqlalchemy import BigInteger, Connection, bindparam, cast, exists, func, insert, select, update

from collector.projections.tables import belongs, joined_nothing, placement, signal, unjoined
from collector.storage.sql import AMONG, select_among

loose = joined_nothing & ~exists().where(placement.c.uid == signal.c.uid, belongs).correlate(signal)
"""Holds for a signal that joined nothing, and was placed nowhere either."""
_COUNT = (
    select(signal.c.missed, cast(func.sum(signal.c.events), BigInteger).label("events"))
    .where(signal.c.uid.in_(AMONG), loose)
    .group_by(signal.c.missed)
)
_ADD = (
    update(unjoined).where(unjoined.c.reason == bindparam("why")).values(events=unjoined.c.events + bindparam("more"))
)
_COUNTS = select(unjoined.c.reason, unjoined.c.events).where(unjoined.c.events > 0)
_DISTANCES = ("started ", "ended ")
"""How reasons begin that say how far off something was."""


@contextmanager
def recounted(connection: Connection, before: Iterable[str], after: Iterable[str]) -> Iterator[None]:
    """Keep the counts true over a block that changes signals, or where they are placed.

    ``before`` has all of them that may join nothing when it begins, ``after`` all that may when it ends.
    """
    counts_before = _counted(connection, list(dict.fromkeys(before)))
    yield
    after_it = _counted(connection, list(dict.fromkeys(after)))
    after_it.subtract(counts_before)
    for reason, events in sorted(after_it.items()):
        if events and not connection.execute(_ADD, {"why": reason, "more": events}).rowcount:
            connection.execute(insert(unjoined), {"reason": reason, "events": events})


def _counted(connection: Connection, signals: list[str]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for missed, events in select_among(connection, _COUNT, signals):
        counts["outside the window" if missed.startswith(_DISTANCES) else missed] += events
    return counts


def counts(connection: Connection) -> dict[str, int]:
    """The counts by reason, the highest first."""
    rows = connection.execute(_COUNTS)
    return dict(sorted(((str(reason), int(events)) for reason, events in rows), key=lambda row: (-row[1], row[0])))
