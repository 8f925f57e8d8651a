"""Reading the log as typed events, against sqlite3's own reading of the same rows.

Both read the whole log in pages, by position, on one thread; the one gets
decoded events, the other tuples of the same joined columns. The log's own
readers (the follower, lists, drafts) work like that: whatever they read they
use in the query that reads it, since events are dearer to another thread, whose
processor has none of them in its cache. What they cost there is told beside it:
pages handed to the event loop. The events are real ones: bodies of Alertmanager
that went through intake.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import sqlite3
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from time import perf_counter, process_time
from typing import NamedTuple

from sqlalchemy import Connection

from collector.daemon import seldom_collect
from collector.event import SECOND, RecordedEvent
from collector.follower import BATCH
from collector.intake import Endpoint, Intake
from collector.log import EventLog, open_log, reading
from collector.sources import alertmanager
from collector.webhook import Credentials
from collector.writer import Writer
from tests.bench import load, results
from tests.bench.bodies import body_of

GOAL = 0.50
PAGE = BATCH
"""Events of one read, as the follower reads them."""
HANDED = 1_000
"""Events of one read across threads, where a page costs a trip."""
ALERTS = 100
START = 1_772_582_400 * SECOND
_COLUMNS = """SELECT event.position, event.id, event.revision, event.amendment, event.type, event.source,
    event.received_at, event.occurred_at, event.delivery, event.item, content.bytes
    FROM event LEFT JOIN content ON content.number = event.content
    WHERE event.position > ? ORDER BY event.position LIMIT ?"""


class Reading(NamedTuple):
    """The whole log, read once."""

    seconds: float
    cpu: float
    """Seconds of processor time."""
    events: int


async def fill(log: EventLog, events: int) -> None:
    """Take in so many alerts, in bodies of a hundred."""
    writer = Writer(log)
    endpoint = Endpoint(source=alertmanager.SOURCE, credentials=Credentials(open=True))
    intake = Intake(writer, {"alertmanager": endpoint})
    body = body_of(ALERTS).decode()
    headers = {"content-type": "application/json"}
    for number in range(events // ALERTS):
        clock = f"{number // 3600 % 24:02d}:{number // 60 % 60:02d}:{number % 60:02d}.000"
        filled = body.replace(load.MARK, f"{number:016d}").replace(load.CLOCK, clock).encode()
        receipt = await intake.receive("alertmanager", headers, filled, "", START + number * SECOND)
        assert len(receipt.items) == ALERTS
    await writer.close()


def typed(connection: Connection) -> Reading:
    """Read all events, on the thread of a query."""
    began, spent, count, after = perf_counter(), process_time(), 0, 0
    while page := reading.read(connection, after, PAGE):
        assert isinstance(page[0], RecordedEvent)
        count, after = count + len(page), page[-1].position
    return Reading(perf_counter() - began, process_time() - spent, count)


async def handed(log: EventLog) -> Reading:
    """Have all events read by another thread."""
    began, spent, count, after = perf_counter(), process_time(), 0, 0
    while page := await log.read(after, HANDED):
        count, after = count + len(page), page[-1].position
    return Reading(perf_counter() - began, process_time() - spent, count)


def raw(database: Path) -> Reading:
    """The same rows by the driver alone."""
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    began, spent, count, after = perf_counter(), process_time(), 0, 0
    while page := connection.execute(_COLUMNS, (after, PAGE)).fetchall():
        count, after = count + len(page), page[-1][0]
    found = Reading(perf_counter() - began, process_time() - spent, count)
    connection.close()
    return found


Pair = tuple[Reading, Reading]
"""By the driver, and by the log."""


async def rounds(given: argparse.Namespace, database: Path) -> tuple[list[Pair], list[Pair]]:
    """The driver and the log in turn: first on one thread, then handed to another."""
    log = open_log(f"sqlite:///{database}")
    try:
        await fill(log, given.events)
        seldom_collect()
        # One after the other: pages freed on another thread leave a memory in which the next reading finds its way
        # less quickly.
        return await _pairs(given, database, lambda: log.query(typed)), await _pairs(
            given, database, lambda: handed(log)
        )
    finally:
        await log.close()


async def _pairs(given: argparse.Namespace, database: Path, ours: Callable[[], Awaitable[Reading]]) -> list[Pair]:
    found = []
    for number in range(given.rounds + 1):
        gc.collect()
        pair = raw(database), await ours()
        if not pair[0].events == pair[1].events == given.events:
            counts = f"{pair[0].events} rows fetched, {pair[1].events} events read"
            raise SystemExit(f"cannot compare: {given.events} events taken in, {counts}")
        # The first one warms the caches.
        found += [pair] if number else []
    return found


def measure(given: argparse.Namespace, report: results.Report) -> None:
    """One log, read by both in turn."""
    with results.workplace() as folder:
        found, across = asyncio.run(rounds(given, folder / "log.db"))
    report.note(f"{given.events} events, as many rows, in pages of {PAGE}.")
    extra = {
        "events/s": tuple(given.events / ours.seconds for _, ours in found),
        "rows/s": tuple(given.events / plain.seconds for plain, _ in found),
    }
    ratios = [plain.seconds / ours.seconds for plain, ours in found]
    report.add("typed events a second, of raw sqlite3 rows", ratios, at_least=GOAL, beside=extra)
    report.add("the same by processor time", [plain.cpu / ours.cpu for plain, ours in found])
    handing = [plain.seconds / ours.seconds for plain, ours in across]
    report.add(f"handed to another thread, {HANDED} at a time", handing)


def main() -> int:
    """Run the benchmark; the exit status says whether the goal was reached."""
    parser = results.parser(__doc__)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=7)
    given = parser.parse_args()
    if given.short:
        given.events, given.rounds = 2_000, 1
    given.events -= given.events % ALERTS
    return results.run("replay", given, measure)


if __name__ == "__main__":
    sys.exit(main())
