"""The duties of the one who holds the lease; of several daemons over one log, the others only take webhooks in."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager

from collector import drafting, retention
from collector.daemon.parts import Parts
from collector.event import SECOND
from collector.follower import Follower
from collector.schedule import Schedule
from collector.tasks import ended

GRACE = 0.3
"""Seconds that a start gives the follower to catch up; what takes longer is done while deliveries are taken."""
SEAL_AFTER = 10.0
"""Seconds from an incident's resolve to a checkpoint that covers it."""


@asynccontextmanager
async def duties(parts: Parts, jobs_too: bool) -> AsyncIterator[None]:
    """What only the one who holds the lease does: follow the log, and the jobs.

    A daemon begins at once and catches up behind its back; a command, whose answer may rest on it, waits.
    """
    follower = Follower(parts.log, parts.settings.correlation, clock=parts.clock)
    if not jobs_too:
        await follower.catch_up()
    async with AsyncExitStack() as stack:
        task = asyncio.create_task(follower.run(), name="follower")
        stack.push_async_callback(ended, task)
        parts.follower = follower
        stack.callback(setattr, parts, "follower", None)
        level = asyncio.create_task(follower.level(), name="level")
        stack.push_async_callback(ended, level)
        if jobs_too:
            _start_jobs(stack, parts, follower, level)
            # Where little is left to read, the lists are there when it serves.
            await asyncio.wait([level], timeout=GRACE)
        yield


def _start_jobs(stack: AsyncExitStack, parts: Parts, follower: Follower, level: asyncio.Task[None]) -> None:
    runs = Schedule()
    seal = runs.add("seal", parts.sealing.run, every=parts.settings.proof.every / SECOND)
    runs.add("retention", parts.retention.run, every=retention.EVERY)
    stack.callback(follower.on_resolved(_Later(SEAL_AFTER, seal)))
    if parts.settings.drafts.enabled:
        # Not before the lists hold what the log held at the start: a draft of half of it would not be true.
        level.add_done_callback(lambda done: None if done.cancelled() else _start_drafts(stack, parts, follower, runs))
    runs.start()
    stack.push_async_callback(runs.finish)


def _start_drafts(stack: AsyncExitStack, parts: Parts, follower: Follower, runs: Schedule) -> None:
    stack.callback(parts.drafts.listen(follower.on_changed))
    runs.add("drafts", parts.drafts.run, every=drafting.EVERY)
    resolved = drafting.Resolved(parts.drafts)
    resolved.soon = runs.add("drafts of resolved incidents", resolved.run)
    stack.callback(follower.on_resolved(resolved.add))


class _Later:
    """A resolved incident is what proofs are asked for; those that resolve within seconds share a checkpoint."""

    def __init__(self, seconds: float, what: Callable[[], None]) -> None:
        self._seconds, self._what = seconds, what
        self._waiting = False

    def __call__(self, number: int) -> None:
        """An incident resolved."""
        if not self._waiting:
            self._waiting = True
            asyncio.get_running_loop().call_later(self._seconds, self._now)

    def _now(self) -> None:
        self._waiting = False
        self._what()
