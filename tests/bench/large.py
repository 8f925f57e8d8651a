"""A log of a million events: what one more costs, what a list and an incident cost.

The log is built by appending and followed by the real follower: five events in
a hundred are alerts, in incidents of two episodes on one of 500 services, the
rest are observations. Then three things are measured there: appending the same
bodies to it and to an empty log, batch by batch in turn; listing fifty
incidents; reading one incident with its events. The two reads are given in
units of a read by primary key on the same way, which is what a question to the
database costs at least.
"""

# ruff: noqa: T201 - saying how far it is, is part of a long benchmark

from __future__ import annotations

import argparse
import asyncio
import random
import statistics
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from time import perf_counter

from collector.correlation import Rules
from collector.event import HOUR, SECOND, Event, event_id
from collector.following.follower import Follower
from collector.log import EventLog, Receipt, Submission, open_log
from collector.projections import EventFilter, Lists, Projections
from tests.bench import entry, results
from tests.bench.entry import Option
from tests.lists import opened

APPEND_GOAL = 0.8
READ_GOAL = 10.0
SERVICES = 500
ALERT_EVERY = 20
"""One event in so many is of an alert."""
OF_INCIDENT = 4
"""Alert events of an incident: two episodes, each firing and ending."""
APART = 12 * HOUR
"""Between the incidents of one service."""
START = 1_772_582_400 * SECOND
BATCH = 5_000
"""Events of one append while the log is built."""
GROUP = 30
"""Deliveries of one commit where appending is measured: what gathers at 64 connections."""
LISTED = 50

STEP = APART // (SERVICES * OF_INCIDENT * ALERT_EVERY)
"""Between two events."""

Read = Callable[[random.Random], Awaitable[int]]
"""Reads something chosen at random; how much it found."""


# --- what is in the log -----------------------------------------------------------------------------------------------


def event(number: int) -> Event:
    """The event of a number; the higher the later."""
    return observation(number) if number % ALERT_EVERY else alert(number)


def alert(number: int) -> Event:
    """A firing or its end. Two of each in a row make an incident."""
    turn, at = number // ALERT_EVERY, START + number * STEP
    service = f"service-{turn // OF_INCIDENT % SERVICES}"
    kind, since = ("resolved", at - ALERT_EVERY * STEP) if turn % 2 else ("firing", at)
    return Event(
        id=event_id("bench.1", "bench", at, str(number)), type=f"alert.{kind}", source="bench", entity=service,
        occurred_at=at, service=service, environment="production", severity="critical", title="HighErrorRate",
        labels={"service": service, "alertname": "HighErrorRate"},
        data={"starts_at": since, "summary": "12 % of requests fail."},
    )  # fmt: skip


def observation(number: int) -> Event:
    """Something that happened to a service: a ticket, a failover, a probe."""
    at, service = START + number * STEP, f"service-{number * 7919 % SERVICES}"
    return Event(
        id=event_id("bench.1", "bench", at, str(number)), type="observation.recorded", source="bench",
        entity=f"probe-{number}", occurred_at=at, service=service, environment="production",
        title="The probe took longer than usual", labels={"service": service, "region": "eu-west-1"},
        data={"type": "org.example.probe", "subject": service, "data": {"milliseconds": number % 5_000}},
    )  # fmt: skip


def delivery(first: int, count: int) -> Submission:
    """A body of so many events."""
    events = tuple(event(number) for number in range(first, first + count))
    # As long as what a sender would have sent, and as little alike.
    body = b"".join(random.Random(number).randbytes(200).hex().encode() for number in range(first, first + count))  # noqa: S311
    return Submission(source="bench", received_at=events[-1].occurred_at + SECOND, body=body, events=events)


async def append(log: EventLog, submissions: Sequence[Submission]) -> float:
    """Append in one transaction; the seconds it took."""
    began = perf_counter()
    receipts = await log.append(submissions)
    seconds = perf_counter() - began
    if any(not isinstance(one, Receipt) or one.nothing_new for one in receipts):
        raise SystemExit("cannot measure: something was refused, or known before")
    return seconds


async def build(log: EventLog, base: Lists, size: int) -> None:
    """Append the whole history, and follow it; the time of both is printed."""
    began, per_body = perf_counter(), 50
    for first in range(0, size, BATCH):
        last = min(first + BATCH, size)
        await append(log, [delivery(at, min(per_body, last - at)) for at in range(first, last, per_body)])
    print(f"  {size} events appended in {perf_counter() - began:.1f} s", flush=True)
    began = perf_counter()
    watching = asyncio.create_task(_watch(base, began))
    await Follower(base, log, Rules()).catch_up()
    watching.cancel()
    print(f"  and followed in {perf_counter() - began:.1f} s", flush=True)


async def _watch(base: Lists, began: float) -> None:
    lists = Projections(base, Rules())
    while True:
        await asyncio.sleep(30)
        print(f"  followed up to {await lists.position()} after {perf_counter() - began:.0f} s", flush=True)


# --- what is measured -------------------------------------------------------------------------------------------------


async def append_to_both(log: EventLog, folder: Path, options: argparse.Namespace) -> list[float]:
    """The rate of appending to the large log as a ratio to an empty one's, round by round."""
    ratios, number = [], options.events
    for turn in range(options.rounds):
        empty = await open_log(f"sqlite:///{folder / f'empty-{turn}.db'}")
        spent = {log: 0.0, empty: 0.0}
        try:
            for batch in range(options.batches):
                submissions = [delivery(number + one, 1) for one in range(GROUP)]
                number += GROUP
                for each in (log, empty) if batch % 2 else (empty, log):
                    spent[each] += await append(each, submissions)
            if await empty.head() != options.batches * GROUP:
                raise SystemExit("cannot compare: the empty log does not hold what was appended to it")
        finally:
            await empty.close()
        ratios.append(spent[empty] / spent[log])
    return ratios


def reads(log: EventLog, base: Lists, size: int, incidents: int) -> dict[str, Read]:
    """What is compared, each by its name."""
    lists = Projections(base, Rules())

    async def key(dice: random.Random) -> int:
        values = (dice.randint(1, size),)
        statement = "SELECT * FROM event WHERE position = ?"
        return len(await log.query(lambda c: c.exec_driver_sql(statement, values).all()))

    async def listing(dice: random.Random) -> int:
        return len(await lists.incidents(limit=LISTED))

    async def incident(dice: random.Random) -> int:
        number = dice.randint(1, incidents)
        row = await lists.incident(number)
        events = await lists.events(EventFilter(incident=number, limit=1_000))
        if row is None or len(events) != row.events:
            raise SystemExit(f"cannot measure: incident {number} says {row}, and {len(events)} events were read")
        return len(events)

    return {"key": key, "listing": listing, "incident": incident}


async def read_in_turn(
    readers: Mapping[str, Read], options: argparse.Namespace
) -> tuple[dict[str, list[float]], float]:
    """The median seconds of each read, round by round; and how many events an incident had, at the median."""
    dice = random.Random(options.events)  # noqa: S311 - which rows are read is no secret
    medians: dict[str, list[float]] = {name: [] for name in readers}
    sizes = []
    for _ in range(options.rounds):
        spent: dict[str, list[float]] = {name: [] for name in readers}
        for _ in range(options.reads):
            for name, read in readers.items():
                began = perf_counter()
                count = await read(dice)
                spent[name].append(perf_counter() - began)
                sizes += [count] if name == "incident" else []
        for name, seconds in spent.items():
            medians[name].append(statistics.median(seconds))
    return medians, statistics.median(sizes)


async def all_phases(options: argparse.Namespace, report: results.Report, folder: Path) -> None:
    """Build, read, append."""
    url = f"sqlite:///{folder / 'large.db'}"
    async with opened(url) as (log, lists):
        await build(log, lists, options.events)
    # Opened anew, so that it has no warmer caches than the empty one.
    async with opened(url) as (log, lists):
        newest = (await Projections(lists, Rules()).incidents(limit=1))[0].number
        head = await log.head()
        size = sum((folder / name).stat().st_size for name in ("large.db", "large.incidents.db")) / 2**20
        report.note(
            f"{options.events} events of senders, {head} with the follower's own, {newest} incidents, {size:.0f} MiB."
        )
        medians, events = await read_in_turn(reads(log, lists, head, newest), options)
        ratios = await append_to_both(log, folder, options)
    appended = options.rounds * options.batches * GROUP
    report.note(f"{appended} deliveries of one event appended to each, {GROUP} in a transaction.")
    report.add("appending, of an empty log", ratios, at_least=APPEND_GOAL)
    for name, label in (("listing", f"listing {LISTED} incidents"), ("incident", f"one incident, {events:.0f} events")):
        times = [one / key for one, key in zip(medians[name], medians["key"], strict=True)]
        extra = {"ms": tuple(1e3 * one for one in medians[name]), "by key, ms": tuple(1e3 * s for s in medians["key"])}
        report.add(label, times, "reads by key", below=READ_GOAL, beside=extra)


def measure(options: argparse.Namespace, report: results.Report) -> None:
    """One large log, and empty ones beside it."""
    with results.workplace() as folder:
        asyncio.run(all_phases(options, report, folder))


OPTIONS = (
    Option("events", 1_000_000, 1_000),
    Option("rounds", 5, 1),
    Option("batches", 200, 5, help="transactions of one round, on each log"),
    Option("reads", 100, 5, help="reads of each kind in one round"),
)


if __name__ == "__main__":
    sys.exit(entry.main("large", __doc__, OPTIONS, measure))
