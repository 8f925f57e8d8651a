"""Following, and the jobs of the one who leads; of several daemons over one log, the others only take webhooks in.

A daemon's log is followed by a process of its own, which on PostgreSQL asks for
the lease of following itself; the lease of this process is that of the jobs. A
command follows in its own process, and so does a daemon inside of a program.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

import structlog

from collector import projections
from collector.daemon import backing_up
from collector.daemon.backing_up import BackupJob
from collector.daemon.follower_process import FollowerProcess
from collector.daemon.runtime import Runtime, fetched_from
from collector.event import SECOND
from collector.fetching import client as fetching
from collector.fetching.client import ReconcileJob
from collector.following.work import Work, rendered
from collector.intake import doubles
from collector.jobs import retention, silences
from collector.jobs.leadership import Leadership
from collector.jobs.schedule import Schedule
from collector.publishing import publisher

log = structlog.get_logger(__name__)

GRACE = 0.3
"""Seconds that a start gives the follower to catch up; what takes longer is done while deliveries are taken."""
SEAL_AFTER = 10.0
"""Seconds from an incident's resolve to a checkpoint that covers it."""


@asynccontextmanager
async def followed(runtime: Runtime, *, jobs_too: bool, own_process: bool) -> AsyncIterator[None]:
    """Have the log followed for the length of the block, and with ``jobs_too`` the jobs done."""
    async with AsyncExitStack() as stack:
        duties = partial(_jobs, runtime)
        if own_process:
            await stack.enter_async_context(_in_own_process(runtime))
        else:
            duties = partial(_in_this_process, runtime, jobs_too)
        leadership = Leadership(runtime.log, duties)
        stack.push_async_callback(leadership.close)
        await leadership.begin()
        yield


@asynccontextmanager
async def _in_own_process(runtime: Runtime) -> AsyncIterator[None]:
    here = partial(rendered, runtime.projections, runtime.setup)
    process = FollowerProcess(runtime.setup, runtime.log, runtime.projections, here)
    runtime.following = process
    await process.start()
    try:
        yield
    finally:
        await process.close()


@asynccontextmanager
async def _in_this_process(runtime: Runtime, jobs_too: bool) -> AsyncIterator[None]:
    """Following in this process, and the jobs.

    A daemon begins at once and catches up behind its back; a command, whose answer may rest on it, waits.
    """
    async with AsyncExitStack() as stack:
        lists = projections.open_lists(runtime.log, owner=True)
        stack.push_async_callback(lists.close)
        work = Work(runtime.setup, lists, runtime.log, runtime.clock)
        runtime.here.begin(work)
        stack.callback(runtime.here.end)
        if not jobs_too:
            await work.follower.catch_up()
        level = await stack.enter_async_context(work.running(drafting=jobs_too))
        if jobs_too:
            await stack.enter_async_context(_jobs(runtime))
            # Where little is left to read, the lists are there when it serves.
            await asyncio.wait([level], timeout=GRACE)
        yield


@asynccontextmanager
async def _jobs(runtime: Runtime) -> AsyncIterator[None]:
    """Sealing, removing what reached its age, publishing what could not be before, listening for heartbeats, and asking
    for what senders could not deliver."""
    async with AsyncExitStack() as stack:
        runs = Schedule(metrics=runtime.metrics)
        seal = runs.add("seal", runtime.sealing.run, every=runtime.settings.proof.every / SECOND)
        runs.add("retention", runtime.retention.run, every=retention.EVERY)
        if runtime.settings.backup.dir:
            copying = BackupJob(runtime.settings, runtime.sealing.beside.folder, runtime.clock)
            runs.add("backup", copying.run, every=backing_up.EVERY)
        if runtime.settings.publishing.targets:
            runs.add("publishing", runtime.publisher.retry, every=publisher.EVERY)
        runs.add("doubles of imports", partial(_made_up, runtime), every=doubles.EVERY)
        runs.add("heartbeats", runtime.silences.run, every=silences.EVERY)
        reconciling = ReconcileJob(partial(fetched_from, runtime), runtime.importer.take, runtime.clock)
        runs.add("reconciling", reconciling.run, every=fetching.EVERY)
        stack.callback(runtime.following.on_resolved(_Later(SEAL_AFTER, seal)))
        runs.start()
        stack.push_async_callback(runs.finish)
        yield


async def _made_up(runtime: Runtime) -> None:
    """What the daemon before this one had no time for, and what could not be stored."""
    if count := await runtime.intake.make_up(runtime.clock()):
        log.info("took back what an import had brought and a delivery told", events=count)


class _Later:
    """A resolved incident is what proofs are asked for; those that resolve within seconds share a checkpoint."""

    def __init__(self, seconds: float, work: Callable[[], None]) -> None:
        self._seconds, self._work = seconds, work
        self._waiting = False

    def __call__(self, number: int) -> None:
        """An incident resolved."""
        if not self._waiting:
            self._waiting = True
            asyncio.get_running_loop().call_later(self._seconds, self._now)

    def _now(self) -> None:
        self._waiting = False
        self._work()
