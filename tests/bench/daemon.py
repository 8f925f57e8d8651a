"""What a user has of the speed: the whole daemon, its follower working, under the traffic of real Alertmanagers.

Three questions, each in one run on one machine:

- how many deliveries of 1, 8 and 30 alerts it answers a second, as a ratio to
  aiohttp's own no-op, slice by slice in turn with the same bodies;
- how long an answer takes at a steady 300 requests a second, which is more
  than a large team's systems send;
- and how long it takes while somebody has the draft of an incident of 10,000
  events rendered, again and again.

Requests are written in pieces of 4,096 bytes, as Go's client writes them. An
answer's time counts from the moment its request was due, so that a server that
stalls pays for all that had to wait.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from collector import projections
from collector.log import open_log
from tests import postgres
from tests.bench import draft, entry, keepup, memory, results
from tests.bench.bodies import body_of
from tests.bench.entry import Option
from tests.bench.servers import Running, server
from tests.bench.slices import Slice, Traffic, beside, check, described, stored

ALERTS = (1, 8, 30)
"""Alerts of a body; the last ones are written in several pieces."""
OF_NOOP = (0.20, 0.25)
"""Of bodies of one alert: at least, and wanted."""
OF_NOOP_POSTGRESQL = (0.12, None)
STEADY = 15.0
"""Milliseconds that 99 of 100 answers stay below at the steady rate."""
STEADY_WITH_DRAFT = 50.0
DRAFT = "/api/v1/incidents/1/postmortem.md"
PATIENCE = 60.0
"""Seconds that one draft may take."""


def command(url: str) -> tuple[str, ...]:
    """The daemon as people start it."""
    where = ("--web.listen-address", "127.0.0.1:PORT", "--storage.url", url)
    return ("collector", "serve", *where, "--log.level", "error")


def ratios(options: argparse.Namespace, report: results.Report) -> None:
    """Bodies of each size against the no-op, each size on a log of its own."""
    for alerts in options.alerts:
        with results.workplace() as folder:
            goal = OF_NOOP if alerts == 1 else (None, None)
            _ratio(options, report, alerts, f"sqlite:///{folder / 'log.db'}", folder, goal)
    if reason := postgres.absent():
        report.note(f"Not measured on PostgreSQL: {reason}.")
        return
    with postgres.plain(results.disk()) as database, results.workplace() as folder:
        url, pids = keepup.made(database), (database.pid,)
        _ratio(options, report, 1, url, folder, OF_NOOP_POSTGRESQL, pids, " on PostgreSQL")


def _ratio(
    options: argparse.Namespace, report: results.Report, alerts: int, url: str, folder: Path,
    goal: tuple[float | None, float | None], pids: tuple[int, ...] = (), where: str = "",
) -> None:  # fmt: skip
    """One size of bodies on one log, slice by slice in turn with the no-op."""
    with (
        server("tests.bench.noop", "PORT") as noop,
        server(*command(url), beside=pids, cwd=folder) as daemon,
    ):
        traffic = Traffic(body_of(alerts), connections=options.connections, seconds=options.seconds, tool="python")
        warm = [traffic.slice(each, min(1, options.seconds)) for each in (noop, daemon)]
        rounds = [(traffic.slice(noop), traffic.slice(daemon)) for _ in range(options.rounds)]
    noops, ours = [slices[0] for slices in rounds], [slices[1] for slices in rounds]
    report.note(check(stored(url), [warm[1], *ours], alerts=alerts, connections=options.connections))
    report.note(described(f"no-op, {alerts} alerts", noops))
    report.note(described(f"daemon{where}, {alerts} alerts", ours))
    name = f"{alerts} alerts, {options.connections} connections, of the no-op{where}"
    values = [mine.rate / theirs.rate for theirs, mine in zip(noops, ours, strict=True)]
    report.add(name, values, at_least=goal[0], wanted=goal[1], beside=beside(ours))


def steady(options: argparse.Namespace, report: results.Report) -> None:
    """The slowest answers at a steady rate, alone and beside the rendering of a large draft."""
    with results.workplace() as folder:
        database = folder / "log.db"
        asyncio.run(_incident(database, options.events))
        with server(*command(f"sqlite:///{database}"), cwd=folder) as daemon:
            memory.wait(f"http://127.0.0.1:{daemon.port}")
            traffic = Traffic(
                body_of(1), connections=options.connections, seconds=options.steady, tool="python", rate=options.rate
            )  # fmt: skip
            traffic.slice(daemon, min(1, options.steady))
            alone = [traffic.slice(daemon) for _ in range(options.rounds)]
            with rendering(daemon) as drafts:
                crowded = [traffic.slice(daemon) for _ in range(options.rounds)]
        report.note(f"{len(drafts)} drafts of {options.events} events rendered meanwhile.")
    _latency(report, f"p99 at {options.rate:g} requests a second", alone, STEADY)
    _latency(report, "the same while a large draft is rendered", crowded, STEADY_WITH_DRAFT)


async def _incident(database: Path, size: int) -> None:
    log = await open_log(f"sqlite:///{database}", extra_metadata=[projections.metadata])
    try:
        await draft.stored(log, draft.incident(size))
    finally:
        await log.close()


@contextmanager
def rendering(daemon: Running) -> Iterator[list[float]]:
    """Have the draft rendered again and again by one reader; how long each took, seconds."""
    over, took = threading.Event(), list[float]()

    def read() -> None:
        while not over.is_set():
            began = time.monotonic()
            urllib.request.urlopen(f"http://127.0.0.1:{daemon.port}{DRAFT}", timeout=PATIENCE).read()
            took.append(time.monotonic() - began)

    reader = threading.Thread(target=read)
    reader.start()
    try:
        yield took
    finally:
        over.set()
        reader.join()


def _latency(report: results.Report, name: str, slices: list[Slice], below: float) -> None:
    """One waits for the disk now and then, so rounds differ: each of them has to keep the goal."""
    extra = {"p50 ms": tuple(each.seen.p50 for each in slices), "req/s": tuple(each.rate for each in slices)}
    report.add(name, [each.seen.p99 for each in slices], "ms", below=below, worst=True, beside=extra)


def measure(options: argparse.Namespace, report: results.Report) -> None:
    """What was asked for."""
    for name, part in (("ratios", ratios), ("steady", steady)):
        if options.only in (None, name):
            part(options, report)


OPTIONS = (
    Option("rounds", 5, 1),
    Option("seconds", 3.0, 0.1, help="of one slice at the highest rate"),
    Option("connections", 64, 8),
    Option("alerts", ALERTS, (8,), help="in a body"),
    Option("rate", 300.0, help="requests a second, steadily"),
    Option("steady", 10.0, 0.2, help="seconds of one slice at the steady rate"),
    Option("events", 10_000, 100, help="of the incident whose draft is rendered"),
    Option("only", None, choices=("ratios", "steady")),
)


if __name__ == "__main__":
    sys.exit(entry.main("daemon", __doc__, OPTIONS, measure))
