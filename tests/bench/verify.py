"""Verifying the log, measured in events a second and against the least that reading it in order could cost.

Two logs are made: one alert in each
delivery, and a hundred. Turn by turn each is verified as ``timelined verify``
does it (SQLite's own check, every commitment, leaf and column, both trees,
every checkpoint), and its rows are fetched in order, joined with their
contents, each content hashed once and nothing compared. First in one process:
what counts is its processor time, since other programs share the machine. Then
with a process for each processor: what counts is how long a person waits, which
on a machine that does other work as well is longer; the processor time of all
of them is told too, and starting them is part of both. The goals: 100,000
events a second in one process where deliveries carry a hundred alerts, and with
all processors also where each carries one; then there are as many deliveries to
verify as events.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sqlite3
import sys
from collections.abc import Callable
from functools import partial
from hashlib import sha256
from pathlib import Path
from time import perf_counter, process_time
from typing import NamedTuple

from collector.event import Event, event_id
from collector.jobs.sealing import SealJob
from collector.log import Submission, open_log
from collector.proof.folder import ProofFolder
from collector.telemetry import log_output
from collector.verification.verify import Beyond, Verdict, verify
from collector.verification.workers import VerifyWorkers
from tests.bench import entry, results
from tests.bench.entry import Option

GOAL = 100_000
"""Events a second."""
AT = 1_772_600_000_000_000
_BARE = "SELECT e.position, e.leaf, c.bytes FROM event e JOIN content c ON c.number = e.content ORDER BY e.position"


def alert(number: int) -> Event:
    """An alert as Alertmanager tells it: some 700 bytes of content."""
    at = AT + number * 1000
    labels = {"alertname": "HighErrorRate", "service": "checkout", "severity": "critical", "instance": f"shop-{number}"}
    return Event(
        id=event_id("bench.1", "alertmanager", at, str(number)),
        type="alert.firing",
        source="alertmanager",
        entity=f"{number:016x}",
        occurred_at=at,
        time_text="2026-03-04T14:02:10.000000000Z",
        service="checkout",
        environment="production",
        severity="critical",
        title="HighErrorRate",
        labels=labels,
        data={
            "starts_at": at,
            "status": "firing",
            "group_key": '{}:{alertname="HighErrorRate"}',
            "summary": "12% fail",
        },
    )


async def filled(path: Path, events: int, per_delivery: int) -> None:
    """A log of so many events, ``per_delivery`` in a delivery, sealed ten times on the way."""
    log = await open_log(f"sqlite:///{path}")
    job = SealJob(log=log, beside=ProofFolder(path.with_suffix(".proof"), "bench"), origin="bench", signer=None)
    step = max(per_delivery, 1000)
    for start in range(0, events, step):
        numbers = range(start, start + step, per_delivery)
        await log.append([_delivery(number, per_delivery) for number in numbers])
        if start % (step * max(1, events // step // 10)) == 0:
            await job.run()
    await job.run()
    await log.close()


def _delivery(first: int, per_delivery: int) -> Submission:
    events = tuple(alert(number) for number in range(first, first + per_delivery))
    headers = (("content-type", "application/json"), ("user-agent", "Alertmanager/0.27.0"))
    body = b"x" * (600 * per_delivery)
    return Submission(source="alertmanager", received_at=AT + first * 1000, body=body, headers=headers, events=events)


async def verified(path: Path, jobs: int = 1) -> Verdict:
    """What ``timelined verify --jobs`` does."""
    beyond = Beyond(notes=list(ProofFolder(path.with_suffix(".proof"), "bench").checkpoint_files()))
    opener = partial(open_log, f"sqlite:///{path}", writable=False)
    log = await opener()
    try:
        with VerifyWorkers(opener, jobs) as helpers:
            return await log.query(partial(verify, beyond=beyond, helpers=helpers))
    finally:
        await log.close()


def bare(path: Path) -> int:
    """Fetch every event in order with its content, and hash that; how many there were."""
    connection = sqlite3.connect(path)
    count = 0
    for _, _, content in connection.execute(_BARE):
        sha256(content).digest()
        count += 1
    connection.close()
    return count


def spent(work: Callable[[], object]) -> float:
    """Processor seconds of this process, its threads included."""
    before = process_time()
    work()
    return process_time() - before


class Helped(NamedTuple):
    """Verifying with all processors."""

    waited: float
    """Seconds by the clock on the wall."""
    spent: float
    """Seconds of processor time, of every process."""


def together(path: Path, given: argparse.Namespace) -> list[Helped]:
    """Verifying with a process for each processor, round by round."""
    return [helped(path, given.events) for _ in range(given.rounds)]


def helped(path: Path, events: int) -> Helped:
    """The same once."""
    before, began = os.times(), perf_counter()
    check(asyncio.run(verified(path, len(os.sched_getaffinity(0)))), events)
    waited, after = perf_counter() - began, os.times()
    return Helped(waited, sum(after[:4]) - sum(before[:4]))


def in_turn(path: Path, options: argparse.Namespace) -> tuple[list[float], list[float]]:
    """Events a second of verifying and of the bare loop, round by round."""
    ours, least = [], []
    for _ in range(options.rounds):
        ours.append(options.events / spent(lambda: check(asyncio.run(verified(path)), options.events)))
        least.append(options.events / spent(lambda: bare(path)))
    return ours, least


def check(verdict: Verdict, events: int) -> None:
    """A measurement of something that did not verify measures nothing."""
    if verdict.differences or verdict.size != events or not verdict.checkpoints:
        raise SystemExit(f"the log did not verify: {verdict.differences[:3]}")


def measure(options: argparse.Namespace, report: results.Report) -> None:
    """Both logs, one after the other."""
    log_output.set_up("warning", "logfmt")
    for per_delivery, alone, all_of_them in ((100, GOAL, None), (1, None, GOAL)):
        with results.workplace() as folder:
            path = folder / "log.db"
            asyncio.run(filled(path, options.events, per_delivery))
            ours, least = in_turn(path, options)
            turns = together(path, options)
        name = f"verifying, {per_delivery} alerts a delivery" if per_delivery > 1 else "verifying, one alert a delivery"
        report.add(name, ours, "events/s", at_least=alone, beside={"fetch and sha256 events/s": tuple(least)})
        cpu = {"events a second of processor time": tuple(options.events / turn.spent for turn in turns)}
        waited = [options.events / turn.waited for turn in turns]
        report.add(f"{name}, all processors", waited, "events/s", at_least=all_of_them, beside=cpu)
        report.add(f"{name}, of fetch and sha256", [one / other for one, other in zip(ours, least, strict=True)])


OPTIONS = (
    Option("events", 400_000, 2_000),
    Option("rounds", 5, 1),
)


if __name__ == "__main__":
    sys.exit(entry.main("verify", __doc__, OPTIONS, measure))
