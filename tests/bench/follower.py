"""What following costs: a thousand services at once, and one incident of ten thousand signals.

    python -m tests.bench.follower

Two promises are measured, on the real log in a temporary folder: an event
costs the same however large its incident has grown (the last thousand against
the first thousand of one incident), and 20,000 events are followed in under
twenty seconds of one processor. Ends with status 1 where one of them is broken.
"""

# ruff: noqa: T201 - printing the result is what a benchmark does

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from collector import projections
from collector.correlation import Rules
from collector.event import SECOND, Event, event_id
from collector.follower import Follower
from collector.log import EventLog, Submission, open_log

START = 1_772_582_400 * SECOND
SERVICES = 1_000
SIGNALS = 10_000
SLOWEST = 20.0
"""Processor seconds for 20,000 events."""
STEEPEST = 1.5
"""How much dearer the last thousand events of an incident may be than the first."""


def alert(kind: str, name: str, service: str, since: int, at: int, received_at: int) -> Submission:
    """One delivery of one alert."""
    event = Event(
        id=event_id("bench.1", "bench", at, name, kind, str(since)), type=f"alert.{kind}", source="bench",
        entity=name, occurred_at=at, service=service, environment="production", severity="critical",
        title="HighLatency", data={"starts_at": since}, labels={"service": service, "pod": name},
    )  # fmt: skip
    return Submission(source="bench", received_at=received_at, events=(event,))


def quiet_days(services: int = SERVICES) -> list[Submission]:
    """Every service has an alert that fires and ends, five times; none has to do with another."""
    told = []
    for turn in range(5):
        for service in range(services):
            since = START + (turn * services + service) * 60 * SECOND
            name = f"svc-{service}"
            told.append(alert("firing", name, name, since, since, since + 30 * SECOND))
            told.append(alert("resolved", name, name, since, since + 40 * SECOND, since + 70 * SECOND))
    return told


def one_incident(signals: int = SIGNALS) -> list[Submission]:
    """One service, many pods: each fires, late by up to a minute, and ends while others begin."""
    told = []
    start = START + 10_000_000 * SECOND
    for pod in range(signals):
        since = start + pod * 5 * SECOND
        told.append(alert("firing", f"pod-{pod}", "checkout", since, since, since + (pod * 7919 % 60) * SECOND))
    for pod in range(signals):
        since = start + pod * 5 * SECOND
        told.append(alert("resolved", f"pod-{pod}", "checkout", since, since + 3_600 * SECOND, since + 3_650 * SECOND))
    return sorted(told, key=lambda submission: submission.received_at)


async def follow(log: EventLog, follower: Follower, told: Sequence[Submission], step: int) -> list[float]:
    """Processor seconds of following for each thousand events; appending is not counted, nor is what others use."""
    spent = [0.0] * ((len(told) + 999) // 1000)
    for at in range(0, len(told), step):
        await log.append(told[at : at + step])
        began = time.process_time()
        await follower.catch_up()
        spent[at // 1000] += time.process_time() - began
    return spent


async def measure(folder: Path) -> bool:
    """Both promises; whether they hold."""
    log = open_log(f"sqlite:///{folder / 'bench.db'}", extra_metadata=[projections.metadata])
    try:
        follower = Follower(log, Rules())
        many = await follow(log, follower, quiet_days(), 500)
        print(f"{SERVICES} services, 10,000 events in batches of 500: {sum(many):.1f} s")
        # A new one, so that what it needs of the first part has to be fetched from the database.
        large = await follow(log, Follower(log, Rules()), one_incident(), 10)
        first, last = large[0], large[len(large) // 2 - 1]
        print(f"one incident of {SIGNALS} signals, 20,000 events in batches of 10: {sum(large):.1f} s")
        print("  ms for each thousand: " + " ".join(f"{1000 * part:.0f}" for part in large))
        print(f"  firing: {last / first:.2f} times the first thousand; ends: {large[-1] / first:.2f} times")
        lists = projections.open_projections(log, Rules())
        rows = await lists.incidents(limit=10_000)
        print(f"  {len(rows)} incidents; the largest has {max(row.events for row in rows)} events")
        began = time.process_time()
        await Follower(log, Rules()).rebuild()
        print(f"a rebuild of all {await log.head()} events: {time.process_time() - began:.1f} s")
    finally:
        await log.close()
    seconds = sum(many) + sum(large) / 2
    holds = seconds < SLOWEST and max(last, large[-1]) / first < STEEPEST
    print(f"20,000 events: {seconds:.1f} s (at most {SLOWEST}); promises {'hold' if holds else 'BROKEN'}")
    return holds


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        sys.exit(not asyncio.run(measure(Path(place))))
