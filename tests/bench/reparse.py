"""Reading stored deliveries again, as a ratio to taking them in first.

Turn by turn the same deliveries are taken into a new log (read, parsed and
appended by the thousand, without HTTP: what is compared is the same work) and
then read again: once where nothing differs, and once with labels under which
each event has another service, so that each gets a revision. What counts is
processor time, since other programs share the machine. The goal: half the speed
of taking them in, or better.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from time import process_time

from collector.intake import Endpoint, derive
from collector.log import EventLog, Submission, open_log, receipt_of
from collector.reparsing import Selection, reparse
from collector.sources import SOURCES
from collector.webhook import Credentials, Reading, Webhook
from tests import senders
from tests.bench import entry, results
from tests.bench.entry import Option

OF_INGEST = 0.5
AT = 1_772_600_000_000_000
_TOGETHER = 1_000
_PAGE = 200
"""Deliveries at a time, as the command reads them."""

BEFORE = Endpoint(source=SOURCES["alertmanager"], credentials=Credentials(open=True))
AFTER = Endpoint(source=SOURCES["alertmanager"], reading=Reading(service_labels=("pod",)))


def webhooks(count: int) -> list[Webhook]:
    """So many deliveries of one alert each."""
    hooks = []
    for number in range(count):
        sent = senders.alertmanager(senders.alert("HighErrorRate", since="14:02", pod=f"shop-{number}"))
        hooks.append(Webhook(source="alertmanager", headers=sent.headers, body=sent.body, received_at=AT + number))
    return hooks


async def taken_in(log: EventLog, hooks: list[Webhook]) -> None:
    """Read, parse and append them."""
    for start in range(0, len(hooks), _TOGETHER):
        batch = [derive(webhook, BEFORE) for webhook in hooks[start : start + _TOGETHER]]
        for answer in await log.append(batch):
            receipt_of(answer)


async def read_again(log: EventLog, endpoint: Endpoint) -> int:
    """Read all of them again; how many events changed."""
    changed, after = 0, 0

    def derived(webhook: Webhook, authentication: str) -> Submission | None:
        return derive(webhook, endpoint, authentication)

    while True:
        result = await reparse(log, derived, Selection(after=after, limit=_PAGE), AT * 2)
        changed += len(result.changes)
        if result.after is None:
            return changed
        after = result.after


async def timed(work: Callable[[], Awaitable[object]]) -> tuple[float, object]:
    """Processor seconds of this process, its threads included, and what came of it."""
    before = process_time()
    done = await work()
    return process_time() - before, done


async def one_round(path: Path, hooks: list[Webhook]) -> tuple[float, float, float]:
    """Deliveries a second: taken in, read again without a difference, and with one in each."""
    log = await open_log(f"sqlite:///{path}")
    try:
        first, _ = await timed(lambda: taken_in(log, hooks))
        same, none = await timed(lambda: read_again(log, BEFORE))
        other, every = await timed(lambda: read_again(log, AFTER))
    finally:
        await log.close()
    if (none, every) != (0, len(hooks)):
        raise SystemExit(f"cannot trust this run: {none} and {every} of {len(hooks)} events changed, not 0 and all")
    return len(hooks) / first, len(hooks) / same, len(hooks) / other


def measure(options: argparse.Namespace, report: results.Report) -> None:
    """Round by round, each over a log of its own."""
    told = webhooks(options.deliveries)
    with results.workplace() as folder:
        rounds = [asyncio.run(one_round(folder / f"{number}.db", told)) for number in range(options.rounds)]
    first, same, other = zip(*rounds, strict=True)
    beside = {"taken in, deliveries/s": tuple(first)}
    for name, rates in (("nothing differs", same), ("each event differs", other)):
        ratios = [rate / ingest for rate, ingest in zip(rates, first, strict=True)]
        report.add(f"read again, {name}, of taking in", ratios, at_least=OF_INGEST,
                   beside=beside | {"read again, deliveries/s": tuple(rates)})  # fmt: skip


OPTIONS = (
    Option("deliveries", 100_000, 500),
    Option("rounds", 3, 1),
)


if __name__ == "__main__":
    sys.exit(entry.main("reparse", __doc__, OPTIONS, measure))
