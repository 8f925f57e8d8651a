"""Reading the log as typed events, against sqlite3's own reading of the same rows.

Both read the whole log in pages, by position, on one thread; the one gets
decoded events, the other tuples of the same joined columns. The log's own
readers (the follower, lists, drafts) work like that: whatever they read they
use in the query that reads it, since events are dearer to another thread, whose
processor has none of them in its cache. What they cost there is told beside it,
and so is what they cost in pages as large as the follower's, which no cache
holds. The events are real ones: bodies of Alertmanager that went through
intake, once with as little and once with as much as people write into a rule.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import sqlite3
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from time import perf_counter, process_time
from typing import NamedTuple

from sqlalchemy import Connection

from collector.daemon import tune_gc
from collector.event import SECOND, RecordedEvent
from collector.following.follower import BATCH
from collector.intake import Endpoint, Intake
from collector.intake.writer import Writer
from collector.log import EventLog, open_log, queries
from collector.sources import alertmanager
from collector.webhook import Credentials
from tests.bench import entry, load, results
from tests.bench.bodies import body_of, plain_body_of
from tests.bench.entry import Option

GOAL = 0.50
PAGE = 100
"""Events of one read, as the API answers them where nothing else is asked for."""
HANDED = 1_000
"""Events of one read across threads, where a page costs a trip."""
ALERTS = 100
START = 1_772_582_400 * SECOND
_COLUMNS = """SELECT event.position, event.id, event.revision, event.amendment, event.type, event.source,
    event.received_at, event.occurred_at, event.delivery, event.item, content.bytes
    FROM event LEFT JOIN content ON content.number = event.content
    WHERE event.position > ? ORDER BY event.position LIMIT ?"""
_SIZE = "SELECT avg(length(bytes)) FROM content JOIN event ON event.content = content.number"


class Reading(NamedTuple):
    """The whole log, read once."""

    seconds: float
    cpu: float
    """Seconds of processor time."""
    events: int


async def fill(log: EventLog, events: int, bodies: Callable[[int], bytes] = body_of) -> None:
    """Take in so many alerts, in bodies of a hundred."""
    writer = Writer(log)
    endpoint = Endpoint(source=alertmanager.SOURCE, credentials=Credentials(open=True))
    intake = Intake(writer, {"alertmanager": endpoint})
    body = bodies(ALERTS).decode()
    headers = {"content-type": "application/json"}
    for number in range(events // ALERTS):
        clock = f"{number // 3600 % 24:02d}:{number // 60 % 60:02d}:{number % 60:02d}.000"
        filled = body.replace(load.MARK, f"{number:016d}").replace(load.CLOCK, clock).encode()
        receipt = await intake.receive("alertmanager", headers, filled, "", START + number * SECOND)
        assert len(receipt.items) == ALERTS
    await writer.close()


def typed(connection: Connection, size: int) -> Reading:
    """Read all events, on the thread of a query."""
    began, spent, count, after = perf_counter(), process_time(), 0, 0
    while page := queries.read(connection, after, size):
        assert isinstance(page[0], RecordedEvent)
        count, after = count + len(page), page[-1].position
    return Reading(perf_counter() - began, process_time() - spent, count)


async def handed(log: EventLog) -> Reading:
    """Have all events read by another thread."""
    began, spent, count, after = perf_counter(), process_time(), 0, 0
    while page := await log.read(after, HANDED):
        count, after = count + len(page), page[-1].position
    return Reading(perf_counter() - began, process_time() - spent, count)


def raw(database: Path, size: int) -> Reading:
    """The same rows by the driver alone."""
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    began, spent, count, after = perf_counter(), process_time(), 0, 0
    while page := connection.execute(_COLUMNS, (after, size)).fetchall():
        count, after = count + len(page), page[-1][0]
    found = Reading(perf_counter() - began, process_time() - spent, count)
    connection.close()
    return found


Pair = tuple[Reading, Reading]
"""By the driver, and by the log."""


class Figures(NamedTuple):
    """One log, read in several ways; each with the driver's reading beside it."""

    size: float
    """Bytes of an event's content."""
    typed: list[Pair]
    by_batches: list[Pair]
    """In pages of the follower's."""
    handed: list[Pair]
    """By another thread."""


async def rounds(options: argparse.Namespace, database: Path, bodies: Callable[[int], bytes]) -> Figures:
    """The driver and the log in turn, one way of reading after the other.

    Pages freed on another thread leave a memory in which the next reading finds its way less quickly: that comes last.
    """
    log = await open_log(f"sqlite:///{database}")
    try:
        await fill(log, options.events, bodies)
        tune_gc()
        size = await log.query(lambda c: float(c.exec_driver_sql(_SIZE).scalar_one()))
        return Figures(
            size,
            await _pairs(options, database, PAGE, lambda: log.query(lambda c: typed(c, PAGE))),
            await _pairs(options, database, BATCH, lambda: log.query(lambda c: typed(c, BATCH))),
            await _pairs(options, database, HANDED, lambda: handed(log)),
        )
    finally:
        await log.close()


async def _pairs(
    options: argparse.Namespace, database: Path, size: int, ours: Callable[[], Awaitable[Reading]]
) -> list[Pair]:
    pairs = []
    for number in range(options.rounds + 1):
        gc.collect()
        pair = raw(database, size), await ours()
        if not pair[0].events == pair[1].events == options.events:
            counts = f"{pair[0].events} rows fetched, {pair[1].events} events read"
            raise SystemExit(f"cannot compare: {options.events} events taken in, {counts}")
        # The first one warms the caches.
        pairs += [pair] if number else []
    return pairs


def measure(options: argparse.Namespace, report: results.Report) -> None:
    """Two logs, each read by both in turn."""
    options.events -= options.events % ALERTS
    for kind, bodies in (("plain", plain_body_of), ("annotated", body_of)):
        with results.workplace() as folder:
            found = asyncio.run(rounds(options, folder / "log.db", bodies))
        report.note(f"{options.events} {kind} alerts of {found.size:.0f} bytes, as many rows, in pages of {PAGE}.")
        record(report, kind, found)


def record(report: results.Report, kind: str, figures: Figures) -> None:
    """Note what one log's readings came to."""
    extra = {
        "events/s": tuple(ours.events / ours.seconds for _, ours in figures.typed),
        "rows/s": tuple(plain.events / plain.seconds for plain, _ in figures.typed),
    }
    report.add(
        f"typed events a second, of raw sqlite3 rows, {kind}", _ratios(figures.typed), at_least=GOAL, beside=extra
    )
    report.add(f"by processor time, {kind}", [plain.cpu / ours.cpu for plain, ours in figures.typed])
    report.add(f"in pages of {BATCH}, {kind}", _ratios(figures.by_batches))
    report.add(f"handed to another thread, {HANDED} at a time, {kind}", _ratios(figures.handed))


def _ratios(pairs: Sequence[Pair]) -> list[float]:
    return [plain.seconds / ours.seconds for plain, ours in pairs]


OPTIONS = (
    Option("events", 100_000, 1_000),
    Option("rounds", 7, 1),
)


if __name__ == "__main__":
    sys.exit(entry.main("replay", __doc__, OPTIONS, measure))
