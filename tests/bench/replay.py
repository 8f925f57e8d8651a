"""Reading the log as typed events, against sqlite3's own reading of the same rows.

Both read the whole log in pages, by position, with the same joined columns;
the one answers decoded events through :meth:`EventLog.read`, the other fetches
tuples. The events are real ones: bodies of Alertmanager that went through
intake.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import sqlite3
import sys
from pathlib import Path
from time import perf_counter, process_time
from typing import NamedTuple

from collector.daemon import seldom_collect
from collector.event import SECOND, RecordedEvent
from collector.intake import Endpoint, Intake
from collector.log import EventLog, open_log
from collector.sources import alertmanager
from collector.webhook import Credentials
from collector.writer import Writer
from tests.bench import load, results
from tests.bench.bodies import body_of

GOAL = 0.50
PAGE = 1_000
"""Events of one read, as the log's readers ask for them."""
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


async def typed(log: EventLog) -> Reading:
    """Read all events through the log."""
    began, spent, count, after = perf_counter(), process_time(), 0, 0
    while page := await log.read(after, PAGE):
        assert isinstance(page[0], RecordedEvent)
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


async def rounds(given: argparse.Namespace, database: Path) -> list[tuple[Reading, Reading]]:
    """The driver and the log, round by round, in turn."""
    log = open_log(f"sqlite:///{database}")
    try:
        await fill(log, given.events)
        seldom_collect()
        found = []
        for number in range(given.rounds + 1):
            gc.collect()
            plain, ours = raw(database), await typed(log)
            if not plain.events == ours.events == await log.head() == given.events:
                counts = f"{plain.events} rows fetched, {ours.events} events read"
                raise SystemExit(f"cannot compare: {given.events} events taken in, {counts}")
            # The first one warms the caches.
            found += [(plain, ours)] if number else []
        return found
    finally:
        await log.close()


def measure(given: argparse.Namespace, report: results.Report) -> None:
    """One log, read by both in turn."""
    with results.workplace() as folder:
        found = asyncio.run(rounds(given, folder / "log.db"))
    report.note(f"{given.events} events, as many rows, in pages of {PAGE}.")
    extra = {
        "events/s": tuple(given.events / ours.seconds for _, ours in found),
        "rows/s": tuple(given.events / plain.seconds for plain, _ in found),
    }
    ratios = [plain.seconds / ours.seconds for plain, ours in found]
    report.add("typed events a second, of raw sqlite3 rows", ratios, at_least=GOAL, beside=extra)
    report.add("the same by processor time", [plain.cpu / ours.cpu for plain, ours in found])


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
