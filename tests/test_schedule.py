"""Jobs: at intervals whatever becomes of the clock on the wall, soon where asked, and a stop that ends."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from structlog.testing import capture_logs

from collector.jobs import schedule
from collector.jobs.schedule import Schedule
from collector.projections import ListsRemoved

DAY = 86_400.0


async def until(happened: Callable[[], Any]) -> None:
    """Look until it happened; fail after a minute."""
    async with asyncio.timeout(60):
        while not happened():  # noqa: ASYNC110 - a counter has no event to wait for
            await asyncio.sleep(0.005)


class Counting:
    """A job that counts its runs, and can be held up in one."""

    def __init__(self) -> None:
        self.begun = self.done = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.failure: Exception | None = None

    async def run(self) -> None:
        """Once."""
        self.begun += 1
        await self.gate.wait()
        if self.failure:
            raise self.failure
        self.done += 1


async def test_a_job_runs_at_the_start_and_at_its_interval() -> None:
    """What fell due while the daemon was down is done at its start, and again after the interval."""
    job, runs = Counting(), Schedule()
    runs.add("job", job.run, every=0.05)
    runs.start()
    await until(lambda: job.done >= 3)
    await runs.finish()


async def test_a_job_runs_soon_and_never_overlaps_itself() -> None:
    """What is asked while a job runs makes it run once more, however often it was asked."""
    job, runs = Counting(), Schedule()
    soon = runs.add("job", job.run)
    job.gate.clear()
    runs.start()
    soon()
    await until(lambda: job.begun == 1)
    for _ in range(5):
        soon()
    job.gate.set()
    await until(lambda: job.done == 2)
    await runs.finish()
    assert job.begun == 2


@pytest.mark.parametrize("step", [-DAY, DAY, -3600.0])
async def test_a_clock_that_is_set_stops_no_job(step: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the clock on the wall jumps, every job runs at once, and goes on at its interval; so does setting it right.

    The scheduler reads that clock by itself, so the jump is made with the other one: what counts is the difference.
    """
    monkeypatch.setattr(schedule, "CHECK", 0.02)
    apart = [0.0]
    loop = asyncio.get_running_loop()
    job, runs = Counting(), Schedule(wall=lambda: loop.time() + apart[0], monotonic=loop.time)
    runs.add("job", job.run, every=3600)
    with capture_logs() as lines:
        runs.start()
        await until(lambda: job.done == 1)
        apart[0] = step
        await until(lambda: job.done == 2)
        apart[0] = 0.0
        await until(lambda: job.done == 3)
        await runs.finish()
    assert [line["event"][:17] for line in lines] == ["the clock was set", "the clock was set"]


async def test_a_job_that_fails_runs_again() -> None:
    """A failure is said, and is the end of that run alone."""
    job, runs = Counting(), Schedule()
    job.failure = ValueError("odd")
    with capture_logs() as lines:
        soon = runs.add("job", job.run, every=3600)
        runs.start()
        await until(lambda: lines)
        job.failure = None
        soon()
        await until(lambda: job.done == 1)
        await runs.finish()
    assert lines[0]["event"].startswith("a job failed")
    assert lines[0]["exc_info"]


async def test_a_job_that_meets_what_is_away_says_so_in_one_plain_line() -> None:
    """A database that is away, or lists that were just removed: expected, and mended without anybody."""
    job, runs = Counting(), Schedule()
    job.failure = ListsRemoved("cannot read the lists a.db: the file was removed")
    with capture_logs() as lines:
        runs.add("job", job.run, every=3600)
        runs.start()
        await until(lambda: lines)
        await runs.finish()
    (line,) = lines
    assert (line["log_level"], line["reason"]) == ("warning", str(job.failure))
    assert "exc_info" not in line


async def test_a_job_that_is_added_later_runs_as_well() -> None:
    """Drafts begin once the lists are there."""
    job, runs = Counting(), Schedule()
    runs.start()
    runs.add("job", job.run, every=3600)
    await until(lambda: job.done == 1)
    await runs.finish()


async def test_a_stop_finishes_what_was_begun() -> None:
    """A run that was begun is not cut off, nor one that waits for its turn; an idle job does not run again."""
    job, idle, runs = Counting(), Counting(), Schedule()
    soon = runs.add("job", job.run)
    runs.add("idle", idle.run, every=3600)
    job.gate.clear()
    runs.start()
    soon()
    await until(lambda: job.begun == 1 and idle.done == 1)
    soon()
    stopping = asyncio.create_task(runs.finish())
    await asyncio.sleep(0)
    job.gate.set()
    await stopping
    assert (job.done, idle.done) == (2, 1)


async def test_a_stop_waits_no_longer_than_its_patience() -> None:
    """A run that does not end is cut off, so that the daemon ends; that is no error."""
    job, runs = Counting(), Schedule()
    soon = runs.add("job", job.run)
    job.gate.clear()
    runs.start()
    soon()
    await until(lambda: job.begun == 1)
    with capture_logs() as lines:
        async with asyncio.timeout(5):
            await runs.finish(patience=0.05)
    assert job.done == 0
    assert [line["log_level"] for line in lines] == ["info"]


async def test_a_schedule_that_never_began_ends() -> None:
    """A start that fails on the way closes what it has."""
    runs = Schedule()
    runs.add("job", Counting().run, every=3600)
    async with asyncio.timeout(5):
        await runs.finish()
