"""How fast a durable answer is: what ``timelined`` takes in, as a ratio to aiohttp's own no-op.

Both are measured in one run on one machine, slice by slice in turn, with the
same bodies; only the ratio means anything. The subject is the whole way of a
webhook: read, verify, parse, commit (WAL, ``synchronous=FULL``), answer; with
``--daemon`` the daemon itself, whose follower works beside it. After
each run the database is counted: as many events as were acknowledged, in
positions without a gap.

Large bodies are compared with what SQLite itself takes: rows of the same size
by ``executemany`` in the same folder.
"""

# ruff: noqa: T201 - printing the result is what a benchmark does

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from tests.bench import load

PATH = "/webhooks/alertmanager"
GOAL = {1: 0.30, 100: 0.50}
"""Alerts in a body → what the median ratio must reach: of the no-op for one, of raw rows for a hundred."""


class Slice(NamedTuple):
    """One server under load for a while."""

    seen: load.Result
    cpu: float
    """Microseconds of the server's processor time for each answer."""


def body_of(alerts: int) -> bytes:
    """An Alertmanager body. Every alert has a fingerprint of its own, made of the mark and its number."""
    group = {"alertname": "HighErrorRate", "service": "checkout"}
    items = [_alert(number, group) for number in range(alerts)]
    whole = {
        "receiver": "timelined",
        "status": "firing",
        "alerts": items,
        "groupLabels": group,
        "commonLabels": group | {"severity": "critical"},
        "commonAnnotations": {"runbook_url": "https://runbooks.example.org/checkout/errors"},
        "externalURL": "https://alertmanager.example.org",
        "version": "4",
        "groupKey": '{}/{severity="critical"}:{alertname="HighErrorRate", service="checkout"}',
        "truncatedAlerts": 0,
    }
    return json.dumps(whole).encode()


def _alert(number: int, group: dict[str, str]) -> dict[str, Any]:
    return {
        "status": "firing",
        "labels": group
        | {
            "severity": "critical",
            "environment": "production",
            "instance": f"10.0.3.{number % 250}:8080",
            "n": load.MARK,
        },
        "annotations": {
            "summary": f"5xx ratio of checkout is 7.3 % on instance {number}",
            "description": "More than 5 % of requests failed during the last five minutes.",
            "runbook_url": "https://runbooks.example.org/checkout/errors",
        },
        "startsAt": f"2026-03-04T{load.CLOCK}456789Z",
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "https://prometheus.example.org/graph?g0.expr=sum%28rate%28errors%5B5m%5D%29%29&g0.tab=1",
        "fingerprint": f"{load.MARK}{number:04d}",
    }


@contextmanager
def server(*command: str) -> Iterator[tuple[int, int]]:
    """A server module in a process of its own, ``PORT`` standing for a free port: that port, and its pid."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen([sys.executable, "-m", *(part.replace("PORT", str(port)) for part in command)])
    try:
        _await(port, process)
        yield port, process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def subject_of(given: argparse.Namespace, database: Path) -> tuple[str, ...]:
    """Intake and log alone, or the daemon as it is run: then the follower competes for the same processor."""
    if not given.daemon:
        return ("tests.bench.subject", "PORT", str(database))
    where = ("--web.listen-address", "127.0.0.1:PORT", "--storage.url", f"sqlite:///{database}")
    return ("collector", "serve", *where, "--log.level", "error")


def _await(port: int, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 20
    while process.poll() is None and time.monotonic() < until:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise SystemExit(f"the server on port {port} did not start")


def _cpu(pid: int) -> float:
    """Processor seconds of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Run:
    """Slices of load with one body, each with its own tokens."""

    def __init__(self, given: argparse.Namespace, alerts: int, connections: int) -> None:
        self._tool = given.tool
        self.connections = connections
        self._body = body_of(alerts)
        self._slices = 0

    def slice(self, port: int, pid: int, seconds: float) -> Slice:
        """Load one server."""
        self._slices += 1
        before = _cpu(pid)
        seen = load.run(
            port,
            PATH,
            self._body,
            connections=self.connections,
            seconds=seconds,
            slice_number=self._slices,
            tool=self._tool,
        )
        if seen.refused or seen.broken:
            raise SystemExit(f"{seen.refused} answers were not 2xx and {seen.broken} connections broke")
        return Slice(seen, 1e6 * (_cpu(pid) - before) / max(1, seen.answered))


def one_alert(given: argparse.Namespace, folder: Path) -> bool:
    """Deliveries of one alert against the no-op on both event loops."""
    database = folder / "one.db"
    run, rounds, acknowledged = Run(given, 1, given.connections), [], 0
    with (
        server("tests.bench.noop", "PORT") as plain,
        server("tests.bench.noop", "PORT", "--loop", "uvloop") as fast,
        server(*subject_of(given, database)) as subject,
    ):
        warm = [run.slice(*each, seconds=1) for each in (plain, fast, subject)]
        acknowledged += warm[-1].seen.answered
        for _ in range(given.rounds):
            slices = [run.slice(*each, seconds=given.seconds) for each in (plain, fast, subject)]
            acknowledged += slices[-1].seen.answered
            rounds.append(slices)
    _check(database, acknowledged, 1, run.connections * (given.rounds + 1))
    names = ("no-op, asyncio", "no-op, uvloop", "timelined")
    for index, name in enumerate(names):
        _print_slices(name, [slices[index] for slices in rounds])
    _print_ratio("of the no-op on uvloop", [s.seen.rate / f.seen.rate for _, f, s in rounds])
    ratio = _print_ratio("of the no-op on asyncio", [s.seen.rate / p.seen.rate for p, _, s in rounds])
    return ratio >= GOAL[1]


def many_alerts(given: argparse.Namespace, folder: Path, alerts: int = 100) -> bool:
    """Deliveries of many alerts, as events a second, against SQLite's own rows a second."""
    database = folder / "many.db"
    # A hundred bodies like these fill the daemon's queue, and one Alertmanager sends a few at a time.
    run, ratios, slices, raw = Run(given, alerts, min(given.connections, 16)), [], [], []
    acknowledged = 0
    with server(*subject_of(given, database)) as subject:
        for number in range(given.rounds):
            raw.append(raw_rows(folder / f"raw-{number}.db", given.seconds))
            slices.append(run.slice(*subject, seconds=given.seconds))
            acknowledged += slices[-1].seen.answered
            ratios.append(slices[-1].seen.rate * alerts / raw[-1])
    _check(database, acknowledged, alerts, run.connections * given.rounds)
    _print_slices(f"timelined, {alerts} alerts", slices)
    print(f"  events/s {statistics.median(each.seen.rate for each in slices) * alerts:9.0f}")
    print(f"  raw executemany rows/s {statistics.median(raw):9.0f}")
    return _print_ratio("of raw rows", ratios) >= GOAL[100]


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


def _check(database: Path, acknowledged: int, alerts: int, unheard: int) -> None:
    """Every acknowledged event is there; beyond them only answers that were under way when a slice ended."""
    connection = sqlite3.connect(database)
    every, last = connection.execute("SELECT count(*), max(position) FROM event").fetchone()
    (count,) = connection.execute("SELECT count(*) FROM event WHERE source <> 'timelined'").fetchone()
    connection.close()
    if every != last or not acknowledged * alerts <= count <= (acknowledged + unheard) * alerts:
        raise SystemExit(f"{acknowledged} deliveries acknowledged, {count} events stored, last position {last}")
    print(f"stored {count} events for {acknowledged} acknowledged deliveries, positions without a gap")


def _print_slices(name: str, slices: list[Slice]) -> None:
    rates = [each.seen.rate for each in slices]
    middle = statistics.median
    print(
        f"{name:24} {middle(rates):8.0f} req/s [{min(rates):.0f} .. {max(rates):.0f}]"
        f"  p50 {middle(e.seen.p50 for e in slices):6.2f} ms  p99 {middle(e.seen.p99 for e in slices):6.2f} ms"
        f"  cpu {middle(e.cpu for e in slices):6.1f} us"
    )


def _print_ratio(name: str, ratios: list[float]) -> float:
    median = statistics.median(ratios)
    print(f"  {name}: {median:.2f} [{min(ratios):.2f} .. {max(ratios):.2f}]")
    if max(ratios) > 2 * min(ratios):
        print("  the rounds differ by more than a factor of two: no result, run it again")
    return median


def main() -> None:
    """Run the benchmark; the exit status says whether the goals were reached."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--tool", choices=("auto", "wrk", "python"), default="auto")
    parser.add_argument("--daemon", action="store_true", help="measure the whole daemon, follower and API included")
    parser.add_argument("--only", choices=("one", "many"))
    given = parser.parse_args()
    given.tool = load.tool_of(given.tool)
    with tempfile.TemporaryDirectory() as folder:
        reached = [
            measure(given, Path(folder))
            for name, measure in (("one", one_alert), ("many", many_alerts))
            if given.only in (None, name)
        ]
    sys.exit(0 if all(reached) else 1)


if __name__ == "__main__":
    main()
