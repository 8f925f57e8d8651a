"""The duties of the one who holds the lease; of several daemons over one log, the others only take webhooks in."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog

from collector import jobs, retention
from collector.daemon.parts import Parts
from collector.errors import DiskFailed, Unavailable
from collector.event import SECOND
from collector.follower import Follower
from collector.sealing import SealJob
from collector.tasks import ended

log = structlog.get_logger(__name__)

SEAL_AFTER = 10.0
"""Seconds from an incident's resolve to a checkpoint that covers it."""


@asynccontextmanager
async def duties(parts: Parts, jobs_too: bool) -> AsyncIterator[None]:
    """What only the one who holds the lease does: follow the log, from being caught up with it on, and the jobs."""
    follower = Follower(parts.log, parts.settings.correlation, clock=parts.clock)
    await _caught_up(parts, follower, may_wait=jobs_too)
    async with AsyncExitStack() as stack:
        task = asyncio.create_task(follower.run(), name="follower")
        stack.push_async_callback(ended, task)
        parts.follower = follower
        stack.callback(setattr, parts, "follower", None)
        if jobs_too:
            _start_jobs(stack, parts, follower)
        yield


async def _caught_up(parts: Parts, follower: Follower, *, may_wait: bool) -> None:
    """Read what is there; a daemon may begin without, while nothing can be stored, and catches up as it follows."""
    try:
        await follower.catch_up()
    except DiskFailed:
        raise
    except Unavailable as error:
        if not (may_wait and await _takes_nothing(parts)):
            raise
        log.warning("the lists are behind until something can be stored again", reason=str(error))


async def _takes_nothing(parts: Parts) -> bool:
    """Whether the log is why nothing could be written: it would not take anybody's event now."""
    try:
        await parts.log.append([])
    except Unavailable:
        return True
    return False


def _start_jobs(stack: AsyncExitStack, parts: Parts, follower: Follower) -> None:
    runs = jobs.Scheduler()
    every = parts.settings.proof.every / SECOND
    runs.add_job(parts.sealing.run, "interval", seconds=every, id="seal", next_run_time=datetime.now(UTC))
    hourly = retention.EVERY
    runs.add_job(parts.retention.run, "interval", seconds=hourly, id="retention", next_run_time=datetime.now(UTC))
    stack.callback(follower.on_resolved(lambda number: _seal_soon(runs, parts.sealing)))
    if parts.settings.drafts.enabled:
        stack.callback(parts.drafts.listen(follower.on_changed))
        stack.callback(follower.on_resolved(jobs.schedule(runs, parts.drafts)))
    runs.start()
    stack.push_async_callback(runs.finish)


def _seal_soon(runs: Any, sealing: SealJob) -> None:
    """A resolved incident is what proofs are asked for; those that resolve within seconds share a checkpoint."""
    if runs.get_job("seal-soon") is None:
        at = datetime.now(UTC) + timedelta(seconds=SEAL_AFTER)
        runs.add_job(sealing.run, "date", run_date=at, id="seal-soon")
