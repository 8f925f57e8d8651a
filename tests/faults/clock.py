"""The wall clock steps, back and forth, under a daemon that runs: nothing it takes suffers, and no job stands still."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path

import aiohttp
from sqlalchemy import Connection

from tests.faults.history import now
from tests.faults.report import Report
from tests.faults.rig import Rig, rigged
from tests.faults.shims import SteppedClock
from tests.faults.supervisor import DidNotHappenError, reached, until
from tests.processes import pause

ACKS = 20
"""Acknowledgements before each step, and after it."""
_JOBS = """
drafts: {enabled: true, dir: drafts}
proof: {every: 1m}
sources: {alertmanager: {kind: alertmanager, open: true, retention: {deliveries: 30d}}}
"""
"""Jobs that have something to do."""
_CLIENTS = 2
"""Few senders: every incident is a draft in the end, and its files are synced to the disk one by one."""
PACE = 0.05
"""Seconds between two deliveries of one of them: they send until the run has got on, however long that takes."""
_OWED = 120.0
"""Seconds within which another draft is written while some are owed."""
_SOON = 45.0
"""Seconds in which every job has to have run after a step, however busy the machine; the interval is a minute."""
_INTERVAL = 90.0
"""Seconds in which one has to run by its interval of a minute."""
STEPS = {"-1h": timedelta(hours=-1), "+24h": timedelta(hours=24), "+0": timedelta()}


async def clock_steps(
    folder: Path, report: Report, intervals: bool = True, acks: int = ACKS, pace: float = PACE
) -> None:  # fmt: skip
    """An hour back, a day ahead: order, answers and lists are what they would have been, and every job goes on.

    ``intervals`` says whether also to wait for jobs that come at their interval after the first step.
    """
    slowest = 0.0
    for number in range(report.rounds):
        log_folder = folder / f"log-{number}"
        clock = SteppedClock(log_folder)
        seed = f"{report.seed}/{number}"
        async with rigged(log_folder, seed, clients=_CLIENTS, environ=clock.environ, config=_JOBS) as rig:
            rig.clients.pace = pace
            rig.clients.start()
            await rig.clients.acked(acks)
            for step, offset in STEPS.items():
                clock.step(step)
                await _stepped(rig, offset)
                began = now()
                await rig.clients.acked(acks)
                slowest = max(slowest, now() - began)
            await rig.clients.stop()
            report.require(rig.daemon.starts == 1 and rig.daemon.alive, "restart", "the daemon ended on a clock's step")
            report.add(await rig.judge())
            await report.verify(rig.daemon)
            await _jobs_go_on(rig, clock, intervals)
            report.next_log()
    report.facts |= {"steps": list(STEPS), "slowest_after_a_step_s": round(slowest, 3)}


async def _jobs_go_on(rig: Rig, clock: SteppedClock, intervals: bool) -> None:
    """With nobody sending: a day back, then right again, then two months ahead. Raises where a job stands still."""
    # How long the drafts of all incidents take says nothing about the clock: a step of its own has them written.
    clock.step("-1h")
    await reached(0, lambda: _owed(rig), "the drafts of incidents that are over, less their number", _OWED)
    for step in ("-24h", "+0"):
        await _step_goes_on(rig, clock, step, intervals)
    clock.step("+60d")
    await until(lambda: _expired(rig), "bodies of a month ago are removed", _SOON)


async def _step_goes_on(rig: Rig, clock: SteppedClock, step: str, intervals: bool) -> None:
    sealed, before, later = await _sealed(rig), f"told before the step {step}", f"told after the step {step}"
    await _note(rig, before)
    # The pass that the step brings looks at the lists: what they do not show yet would be left to the next interval.
    await rig.caught_up()
    clock.step(step)
    await until(lambda: _is_sealed(rig, sealed + 1), f"sealed at the step {step}", _SOON)
    if intervals:
        # The step itself has every job run; what is said after that is for the next interval.
        await _note(rig, later)
        await until(lambda: _drafted(rig, later), f"drafted at the interval after {step}", _INTERVAL)
    else:
        await until(lambda: _drafted(rig, before), f"drafted at the step {step}", _SOON)


async def _note(rig: Rig, text: str) -> None:
    """A person says something of the first incident: of that only a pass over all drafts takes notice."""
    address = f"{rig.daemon.address}/api/v1/incidents/1/notes"
    async with aiohttp.ClientSession() as session, session.post(address, json={"by": "Ana", "text": text}) as answer:
        assert answer.status == 201, await answer.text()


async def _sealed(rig: Rig) -> int:
    _, _, ready = await rig.get("/-/ready")
    return int(ready["sealed"])


async def _is_sealed(rig: Rig, size: int) -> bool:
    return await _sealed(rig) >= size


async def _owed(rig: Rig) -> int:
    """How many drafts there are, less those that there have to be: 0 where none is missing."""
    numbers: set[int] = await rig.store.view(_over)
    return sum(_draft(rig, number).exists() for number in numbers) - len(numbers)


def _over(connection: Connection) -> set[int]:
    """The incidents that have ended, or of which nothing was told for days."""
    statement = """SELECT number FROM incident JOIN incident_number USING (number)
        WHERE goes_by = number AND (ended_at IS NOT NULL OR last_at < ?)"""
    days_ago = (datetime.now(UTC) - timedelta(days=2)).timestamp() * 1e6
    return set(connection.exec_driver_sql(statement, (int(days_ago),)).scalars())


def _draft(rig: Rig, number: int) -> Path:
    return rig.daemon.folder / "drafts" / f"incident-{number}.json"


def _drafted(rig: Rig, text: str) -> bool:
    draft = _draft(rig, 1)
    return draft.exists() and json.dumps(text)[1:-1] in draft.read_text()


async def _expired(rig: Rig) -> bool:
    _, _, page = await rig.get("/api/v1/events?type=delivery.*")
    return bool(page["events"])


async def _stepped(rig: Rig, offset: timedelta) -> None:
    """Wait until the daemon's own answers are dated by the stepped clock: without that the run shows nothing."""
    began = now()
    while now() - began < 30:
        _, headers, _ = await rig.get("/api/v1/signals")
        away = parsedate_to_datetime(headers["Date"]) - datetime.now(UTC)
        if abs(away - offset) < timedelta(minutes=5):
            return
        await asyncio.sleep(pause(now() - began))
    raise DidNotHappenError(f"the daemon's clock does not step by {offset}")
