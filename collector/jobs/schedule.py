"""When jobs run: at intervals, and soon after something happened.

APScheduler keeps the intervals, by the clock on the wall. That clock may be set, and whoever waits for a time of day
then waits for as long as it was set back. So the two clocks are compared every second; where the one on the wall was
set, every job runs at once and its interval begins anew.

A job is a loop of its own: it never overlaps itself, and what is asked of it while it runs makes it run once more.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from collector.errors import Unavailable
from collector.tasks import ended
from collector.telemetry.metrics import Metrics

log = structlog.get_logger(__name__)

CHECK = 1.0
"""Seconds between two looks at the clocks, and by how much they may differ from one look to the next."""
PATIENCE = 5.0
"""Seconds that a stop waits for what was begun: a pass over thousands of incidents takes longer than systemd waits."""

Work = Callable[[], Awaitable[Any]]


class _Job:
    """One job: its work, and whether it is to be done."""

    def __init__(self, name: str, work: Work, metrics: Metrics | None) -> None:
        self.name = name
        self._work = work
        self._metrics = metrics
        self._due = self._stopping = self._runs = False
        self._wake = asyncio.Event()

    def soon(self) -> None:
        """Have it run; once more, where it runs now."""
        self._due = True
        self._wake.set()

    async def hint(self) -> None:
        """The same, as the scheduler calls it."""
        if self._runs and self._metrics is not None:
            self._metrics.misfired(self.name)
        self.soon()

    def stop(self) -> None:
        """Finish what was asked for, and then end."""
        self._stopping = True
        self._wake.set()

    async def loop(self) -> None:
        """Do the work whenever it is due."""
        while self._due or not self._stopping:
            if not self._due:
                self._wake.clear()
                await self._wake.wait()
                continue
            self._due = False
            await self._run()

    async def _run(self) -> None:
        begun, outcome, self._runs = time.perf_counter(), "failed", True
        try:
            # A job that says its failures itself gives False for a run that did not do its work.
            outcome = "failed" if await self._work() is False else "done"
        except Unavailable as error:
            # Expected, and over by itself: a database that is away, lists that are being made anew.
            log.warning("a job has to wait; it runs again at its next time", job=self.name, reason=str(error))
        except Exception:
            log.exception("a job failed; it runs again at its next time", job=self.name)
        finally:
            self._runs = False
        if self._metrics is not None:
            self._metrics.ran(self.name, outcome, time.perf_counter() - begun)


class Schedule:
    """The jobs of one daemon, from :meth:`start` to :meth:`finish`. ``wall`` and ``monotonic`` give seconds;
    ``metrics``, if given, count what is done."""

    def __init__(
        self,
        wall: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        metrics: Metrics | None = None,
    ) -> None:
        self._metrics = metrics
        self._wall, self._monotonic = wall, monotonic
        self._scheduler = AsyncIOScheduler(timezone=UTC, job_defaults={"coalesce": True, "misfire_grace_time": None})
        self._jobs: list[_Job] = []
        self._tasks: dict[asyncio.Task[None], _Job] = {}
        self._watching: asyncio.Task[None] | None = None

    def add(self, name: str, work: Work, every: float | None = None) -> Callable[[], None]:
        """Have work done at the start and ``every`` so many seconds, if given; the answer has it done soon."""
        job = _Job(name, work, self._metrics)
        if self._metrics is not None:
            self._metrics.job(name)
        self._jobs.append(job)
        if every is not None:
            self._scheduler.add_job(job.hint, "interval", seconds=every, id=name)
            job.soon()
        if self._watching is not None:
            self._begin(job)
        return job.soon

    def start(self) -> None:
        """Begin."""
        self._scheduler.start()
        self._watching = asyncio.create_task(self._watch(), name="clocks")
        for job in self._jobs:
            self._begin(job)

    async def finish(self, patience: float = PATIENCE) -> None:
        """Begin nothing more, and end once all that was begun is done: the log that it reads is closed after this.

        What is not done after ``patience`` seconds is cut off; the next start makes up for it.
        """
        watching, self._watching = self._watching, None
        await ended(watching)
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)
        for job in self._tasks.values():
            job.stop()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=patience)
        for task, job in self._tasks.items():
            if not task.done():
                log.info("a stop cut a job off; the next start goes on with it", job=job.name)
                await ended(task)

    def _begin(self, job: _Job) -> None:
        self._tasks[asyncio.create_task(job.loop(), name=job.name)] = job

    async def _watch(self) -> None:
        offset = self._wall() - self._monotonic()
        while True:
            await asyncio.sleep(CHECK)
            now = self._wall() - self._monotonic()
            if abs(now - offset) > CHECK:
                log.warning("the clock was set; every job runs now", seconds=round(now - offset, 1))
                if self._metrics is not None:
                    self._metrics.clock_set(now - offset)
                self._run_all()
            offset = now

    def _run_all(self) -> None:
        for job in self._scheduler.get_jobs():
            job.modify(next_run_time=datetime.now(UTC))
