"""How much memory the daemon holds after 200,000 events, its follower having read them all.

The daemon is a process of its own and takes everything over HTTP: one hundred
services, each with an incident of ten episodes every twelve hours, in bodies of
an alert of each. The goal: under 230 MB resident, of all its processes. What it holds is noted again
and again on the way, the follower having caught up each time, so that a leak
shows as a slope.
"""

# ruff: noqa: S310 - it talks to loopback only

from __future__ import annotations

import argparse
import json
import sys
import time
import urllib.request
from datetime import UTC, datetime, timedelta

from tests.bench import entry, results
from tests.bench.entry import Option
from tests.bench.servers import Running, resident, server

GOAL = 230
"""MB resident, of all its processes."""
LONGEST = 300.0
"""Seconds that the follower may take to catch up."""
BEGIN = datetime(2026, 3, 1, tzinfo=UTC)


def body_of(number: int, services: int) -> bytes:
    """The firing (even numbers) or the end (odd ones) of alerts, one of each service."""
    step, ended = divmod(number, 2)
    evening, episode = divmod(step, 10)
    since = BEGIN + timedelta(hours=12 * evening, minutes=10 * episode)
    until = since + timedelta(minutes=5)
    alerts = [
        {
            "status": "resolved" if ended else "firing",
            "labels": {"alertname": "HighLatency", "service": f"service-{n}", "severity": "critical"},
            "annotations": {"summary": "p99 is above 2 s."},
            "startsAt": since.isoformat(),
            "endsAt": until.isoformat() if ended else "0001-01-01T00:00:00Z",
            "fingerprint": f"{n:016x}",
            "generatorURL": "http://prometheus.example/graph?g0.expr=up",
        }
        for n in range(services)
    ]
    group = {"groupKey": '{}:{alertname="HighLatency"}', "groupLabels": {"alertname": "HighLatency"}}
    return json.dumps({"version": "4", "status": "firing", "receiver": "t", "alerts": alerts, **group}).encode()


def wait(address: str) -> None:
    """Wait until the daemon's follower has read everything."""
    until = time.monotonic() + LONGEST
    while _lag(address):
        if time.monotonic() > until:
            raise SystemExit(f"cannot measure: the follower is still behind after {LONGEST:.0f} s")
        time.sleep(0.2)


def _lag(address: str) -> int:
    """How many events the follower is behind, by the daemon's own word."""
    with urllib.request.urlopen(f"{address}/-/ready", timeout=60) as answer:
        return int(json.load(answer)["lag"])


def send(address: str, first: int, last: int, services: int) -> None:
    """Post some of the bodies, one after the other."""
    for number in range(first, last):
        sent = urllib.request.Request(f"{address}/webhooks/alertmanager", body_of(number, services))
        urllib.request.urlopen(sent, timeout=60).close()


def resident_sizes(options: argparse.Namespace, daemon: Running) -> list[float]:
    """MB that the daemon holds before the first event and after each ``given.every``."""
    address = f"http://127.0.0.1:{daemon.port}"
    wait(address)
    sizes = [resident(daemon.pids)]
    for done in range(0, options.events, options.every):
        last = min(done + options.every, options.events) // options.services
        send(address, done // options.services, last, options.services)
        wait(address)
        sizes.append(resident(daemon.pids))
    return sizes


def measure(options: argparse.Namespace, report: results.Report) -> None:
    """Every round with a daemon of its own over an empty log."""
    rounds = []
    for _ in range(options.rounds):
        with results.workplace() as folder:
            command = ("collector", "serve", "--web.listen-address", "127.0.0.1:PORT", "--log.level", "error")
            with server(*command, "--storage.url", f"sqlite:///{folder / 'log.db'}", cwd=folder) as daemon:
                rounds.append(resident_sizes(options, daemon))
        way = " ".join(f"{each:.0f}" for each in rounds[-1])
        report.note(f"MB before the first event and after each {options.every}: {way}.")
    extra = {"at the start MB": tuple(each[0] for each in rounds), "halfway MB": tuple(e[len(e) // 2] for e in rounds)}
    last = [each[-1] for each in rounds]
    report.add(f"resident after {options.events:,} events", last, "MB", below=GOAL, worst=True, beside=extra)


OPTIONS = (
    Option("events", 200_000, 40),
    Option("every", 20_000, 20),
    Option("services", 100, 10, help="with an alert in each body"),
    Option("rounds", 1, 1),
)


if __name__ == "__main__":
    sys.exit(entry.main("memory", __doc__, OPTIONS, measure))
