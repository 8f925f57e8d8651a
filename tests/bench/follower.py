"""What following costs: a thousand services at once, and one incident of ten thousand signals.

Three promises are measured, on the real log: an event costs the same however
large its incident has grown (the last thousand alerts that fire and the last
thousand that end, against the first thousand of one incident), 20,000 events
are followed in under six seconds of one processor, and an event costs little
more where fifty come at a time than where a thousand do.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from collector import projections
from collector.correlation import Rules
from collector.event import SECOND, Event, event_id
from collector.following.follower import Follower
from collector.interpreter import loop_factory, tune_gc
from collector.log import EventLog, Submission
from tests.bench import entry, results
from tests.bench.entry import Option
from tests.lists import opened

START = 1_772_582_400 * SECOND
SERVICES = 1_000
SIGNALS = 10_000
SLOWEST = 6.0
"""Processor seconds for 20,000 events."""
STEEPEST = 1.5
"""How much dearer the last thousand events of an incident may be than the first."""
FEW, MANY = 50, 1_000
"""Events of a small round and of a large one."""
SMALLEST = 1.5
"""How much dearer an event of a small round may be."""


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
    submissions = []
    for turn in range(5):
        for service in range(services):
            since = START + (turn * services + service) * 60 * SECOND
            name = f"svc-{service}"
            submissions.append(alert("firing", name, name, since, since, since + 30 * SECOND))
            submissions.append(alert("resolved", name, name, since, since + 40 * SECOND, since + 70 * SECOND))
    return submissions


def one_incident(signals: int = SIGNALS) -> list[Submission]:
    """One service, many pods: each fires, late by up to a minute, and ends while others begin."""
    submissions = []
    start = START + 10_000_000 * SECOND
    for pod in range(signals):
        since = start + pod * 5 * SECOND
        submissions.append(alert("firing", f"pod-{pod}", "checkout", since, since, since + (pod * 7919 % 60) * SECOND))
    for pod in range(signals):
        since = start + pod * 5 * SECOND
        submissions.append(
            alert("resolved", f"pod-{pod}", "checkout", since, since + 3_600 * SECOND, since + 3_650 * SECOND)
        )
    return sorted(submissions, key=lambda submission: submission.received_at)


async def follow(log: EventLog, follower: Follower, submissions: Sequence[Submission], step: int) -> list[float]:
    """Processor seconds of following for each thousand events; appending is not counted, nor is what others use."""
    spent = [0.0] * ((len(submissions) + 999) // 1000)
    for at in range(0, len(submissions), step):
        await log.append(submissions[at : at + step])
        began = time.process_time()
        await follower.catch_up()
        spent[at // 1000] += time.process_time() - began
    return spent


class Round(NamedTuple):
    """Processor seconds on one fresh log."""

    many: float
    """The quiet days of all services."""
    large: list[float]
    """The one incident, thousand by thousand; each signal is two events."""
    rebuilt: float
    """Events a second of a rebuild of all there is."""
    by_few: float
    """The same in small rounds."""
    told: str
    """What there was in the end."""


async def one_round(options: argparse.Namespace, folder: Path) -> Round:
    """Both kinds of traffic, one after the other, and a rebuild."""
    async with opened(folder / "bench.db") as (log, lists):
        many = await follow(log, Follower(lists, log, Rules()), quiet_days(options.services), 500)
        # A new one, so that what it needs of the first part has to be fetched from the database.
        large = await follow(log, Follower(lists, log, Rules()), one_incident(options.signals), 10)
        rows = await projections.Projections(lists, Rules()).incidents(limit=10_000)
        rebuilt, by_few = [await _rebuilt(log, lists, batch) for batch in (MANY, FEW)]
    told = f"{len(rows)} incidents, the largest of {max(row.events for row in rows)} events"
    return Round(sum(many), large, rebuilt, by_few, told)


async def _rebuilt(log: EventLog, lists: projections.Lists, batch: int) -> float:
    """Events a second of a rebuild in rounds of so many, by processor time."""
    began = time.process_time()
    await Follower(lists, log, Rules(), batch=batch).rebuild()
    return await log.head() / (time.process_time() - began)


def measure(options: argparse.Namespace, report: results.Report) -> None:
    """Every round on a fresh log."""
    tune_gc()
    rounds = []
    for _ in range(options.rounds):
        with results.workplace() as folder, asyncio.Runner(loop_factory=loop_factory()) as runner:
            rounds.append(runner.run(one_round(options, folder)))
    for told in {each.told for each in rounds}:
        report.note(f"{told}.")
    steps = " ".join(f"{1000 * part:.0f}" for part in rounds[-1].large)
    report.note(f"One incident, ms of processor time for each thousand events, last round: {steps}.")
    # Half of them of many services, half of one incident.
    seconds = [each.many + sum(each.large) / 2 for each in rounds]
    extra = {
        "10,000 of many services s": tuple(each.many for each in rounds),
        "20,000 of one incident s": tuple(sum(each.large) for each in rounds),
    }
    report.add("following 20,000 events", seconds, "s", below=SLOWEST, beside=extra)
    first = [each.large[0] for each in rounds]
    for what, at in (("fire", len(rounds[0].large) // 2 - 1), ("end", -1)):
        ratios = [each.large[at] / one for each, one in zip(rounds, first, strict=True)]
        report.add(f"the last thousand alerts that {what}, of the first", ratios, "times", below=STEEPEST)
    ratios = [each.rebuilt / each.by_few for each in rounds]
    report.add(f"an event in rounds of {FEW}, of one in rounds of {MANY:,}", ratios, "times", below=SMALLEST)
    report.add("a rebuild", [each.rebuilt for each in rounds], "events/s")


OPTIONS = (
    Option("rounds", 3, 1),
    Option("services", SERVICES, 20),
    Option("signals", SIGNALS, 500),
)


if __name__ == "__main__":
    sys.exit(entry.main("follower", __doc__, OPTIONS, measure))
