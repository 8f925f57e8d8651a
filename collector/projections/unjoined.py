"""How many events joined nothing, by reason: kept up with every write, since to count them is to read them all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from sqlalchemy import Connection

from collector.storage.sql import select_in

LOOSE = """missed <> '' AND NOT EXISTS
    (SELECT 1 FROM placement WHERE placement.uid = signal.uid AND rule <> 'follow_up')"""
"""Holds for a signal that joined nothing, and was placed nowhere either."""
_COUNT = f"""SELECT missed, CAST(sum(events) AS BIGINT) FROM signal WHERE uid IN ({{}}) AND {LOOSE}
    GROUP BY missed"""  # noqa: S608 - a constant of ours
_ADD = """INSERT INTO unjoined VALUES (?, ?)
    ON CONFLICT (reason) DO UPDATE SET events = unjoined.events + excluded.events"""
_DISTANCES = ("started ", "ended ")
"""How reasons begin that say how far off something was."""


@contextmanager
def recounted(connection: Connection, signals: Iterable[str]) -> Iterator[None]:
    """Keep the counts true over a block that changes these signals, or where they are placed."""
    signals = list(dict.fromkeys(signals))
    before = _counted(connection, signals)
    yield
    after = _counted(connection, signals)
    after.subtract(before)
    for reason, events in sorted(after.items()):
        if events:
            connection.exec_driver_sql(_ADD, (reason, events))


def _counted(connection: Connection, signals: list[str]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for missed, events in select_in(connection, _COUNT, signals):
        counts["outside the window" if missed.startswith(_DISTANCES) else missed] += events
    return counts


def counts(connection: Connection) -> dict[str, int]:
    """The counts by reason, the highest first."""
    rows = connection.exec_driver_sql("SELECT reason, events FROM unjoined WHERE events > 0")
    return dict(sorted(((str(reason), int(events)) for reason, events in rows), key=lambda row: (-row[1], row[0])))
