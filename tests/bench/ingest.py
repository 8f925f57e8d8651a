"""How fast a durable answer is: what ``timelined`` takes in, as a ratio to aiohttp's own no-op.

Both are measured in one run on one machine, slice by slice in turn, with the
same bodies; only the ratio means anything. The subject is the whole way of a
webhook: read, verify, parse, commit (WAL, ``synchronous=FULL``), answer, with
nothing that follows; ``daemon.py`` measures the whole daemon.

Large bodies are compared with what SQLite itself takes: rows of the same size
by ``executemany`` in the same folder. ``matrix.py`` measures everything else.
"""

from __future__ import annotations

import argparse
import os
import sqlite3
import sys
import time
from pathlib import Path

from tests.bench import entry, results
from tests.bench.bodies import body_of
from tests.bench.entry import TOOL, Option
from tests.bench.servers import server
from tests.bench.slices import Slice, Traffic, beside, check, described, stored

OF_NOOP = (0.25, 0.40)
"""At least, and wanted."""
OF_ROWS = 0.50
LARGE = 100
"""Alerts of a large body."""


def subject_of(database: Path) -> tuple[str, ...]:
    """Intake and log alone."""
    return ("tests.bench.subject", "PORT", str(database))


def one_alert(options: argparse.Namespace, report: results.Report, folder: Path) -> None:
    """Deliveries of one alert against the no-op on both event loops."""
    database = folder / "one.db"
    traffic = Traffic(body_of(1), connections=options.connections, seconds=options.seconds, tool=options.tool)
    rounds: list[list[Slice]] = []
    with (
        server("tests.bench.noop", "PORT") as plain,
        server("tests.bench.noop", "PORT", "--loop", "uvloop") as fast,
        server(*subject_of(database)) as subject,
    ):
        warm = [traffic.slice(each, min(1, options.seconds)) for each in (plain, fast, subject)]
        for _ in range(options.rounds):
            rounds.append([traffic.slice(each) for each in (plain, fast, subject)])  # noqa: PERF401 - one by one
    plain_ones, fast_ones, ours = (list(slices) for slices in zip(*rounds, strict=True))
    report.note(check(stored(f"sqlite:///{database}"), [warm[-1], *ours], alerts=1, connections=options.connections))
    for name, slices in (("no-op, asyncio", plain_ones), ("no-op, uvloop", fast_ones), ("timelined", ours)):
        report.note(described(name, slices))
    name = f"1 alert, {options.connections} connections, of the no-op on"
    report.add(f"{name} uvloop", [s.rate / f.rate for _, f, s in rounds])
    ratios = [s.rate / p.rate for p, _, s in rounds]
    report.add(f"{name} asyncio", ratios, at_least=OF_NOOP[0], wanted=OF_NOOP[1], beside=beside(ours))


def many_alerts(options: argparse.Namespace, report: results.Report, folder: Path) -> None:
    """Deliveries of many alerts, as events a second, against SQLite's own rows a second."""
    database = folder / "many.db"
    # A hundred bodies like these fill the daemon's queue, and one Alertmanager sends a few at a time.
    connections = min(options.connections, 16)
    traffic = Traffic(body_of(LARGE), connections=connections, seconds=options.seconds, tool=options.tool)
    slices, raw = [], []
    with server(*subject_of(database)) as subject:
        for number in range(options.rounds):
            raw.append(raw_rows(folder / f"raw-{number}.db", options.seconds))
            slices.append(traffic.slice(subject))
    report.note(check(stored(f"sqlite:///{database}"), slices, alerts=LARGE, connections=connections))
    events = tuple(each.rate * LARGE for each in slices)
    ratios = [one / row for one, row in zip(events, raw, strict=True)]
    extra = {"events/s": events, "raw rows/s": tuple(raw)} | beside(slices)
    report.add(f"{LARGE} alerts, {connections} connections, events of raw rows", ratios, at_least=OF_ROWS, beside=extra)


def raw_rows(database: Path, seconds: float, rows: int = 1000) -> float:
    """Rows a second by ``executemany`` alone: 1 KB of payload, three indexes, a durable commit every thousand."""
    connection = sqlite3.connect(database, isolation_level=None)
    for statement in (
        "PRAGMA journal_mode = WAL",
        "PRAGMA synchronous = FULL",
        "CREATE TABLE event (position INTEGER PRIMARY KEY, id BLOB, incident INTEGER, at INTEGER, payload BLOB)",
        "CREATE UNIQUE INDEX event_id ON event (id)",
        "CREATE INDEX event_incident ON event (incident, position)",
        "CREATE INDEX event_at ON event (at)",
    ):
        connection.execute(statement)
    payload, done, started = os.urandom(1000), 0, time.monotonic()
    while time.monotonic() - started < seconds:
        ids = [os.urandom(16) for _ in range(rows)]
        connection.execute("BEGIN IMMEDIATE")
        batch = [(done + i + 1, ids[i], i % 10, done + i, payload) for i in range(rows)]
        connection.executemany("INSERT INTO event VALUES (?,?,?,?,?)", batch)
        connection.execute("COMMIT")
        done += rows
    rate = done / (time.monotonic() - started)
    connection.close()
    return rate


def measure(options: argparse.Namespace, report: results.Report) -> None:
    """What was asked for."""
    with results.workplace() as folder:
        for name, part in (("one", one_alert), ("many", many_alerts)):
            if options.only in (None, name):
                part(options, report, folder)


OPTIONS = (
    Option("rounds", 5, 1),
    Option("seconds", 3.0, 0.1),
    Option("connections", 64, 8),
    TOOL,
    Option("only", None, choices=("one", "many")),
)


if __name__ == "__main__":
    sys.exit(entry.main("ingest", __doc__, OPTIONS, measure))
