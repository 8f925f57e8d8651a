"""A task that is to end does, whatever it is at; and what it raised is heard."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest

from collector.tasks import all_ended, ended


async def _overrun(started: list[asyncio.Timeout]) -> None:
    """Go on after each timeout, for ever."""
    while True:
        with suppress(TimeoutError):
            async with asyncio.timeout(60) as limit:
                started.append(limit)
                await asyncio.sleep(3600)


async def _expiring() -> asyncio.Task[None]:
    """A task whose timeout has run out, and that has not heard of it yet."""
    started: list[asyncio.Timeout] = []
    task = asyncio.create_task(_overrun(started))
    await asyncio.sleep(0)
    started[0].reschedule(asyncio.get_running_loop().time() - 1)
    await asyncio.sleep(0)
    assert task.cancelling()
    assert not task.done()
    return task


async def test_a_timeout_within_a_task_does_not_keep_it_from_ending() -> None:
    """It counts as a cancellation of the task, which goes on after it: a close waited for ever."""
    async with asyncio.timeout(10):
        await ended(await _expiring())


async def test_several_end_though_the_timeout_of_one_has_run_out() -> None:
    """Each is looked at by itself."""
    other = asyncio.create_task(asyncio.sleep(3600))
    async with asyncio.timeout(10):
        await all_ended([other, await _expiring()])
    assert other.cancelled()


async def test_what_a_task_does_at_its_end_is_not_cut_off() -> None:
    """One that was cancelled before is waited for, however long its end takes."""
    steps: list[str] = []

    async def work() -> None:
        try:
            await asyncio.sleep(3600)
        finally:
            await asyncio.sleep(0.2)
            steps.append("put away")

    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    task.cancel()
    await ended(task)
    assert steps == ["put away"]


async def test_what_a_task_raised_is_raised_and_all_have_ended() -> None:
    """The first that failed is heard of, once the others have ended as well."""

    async def fail() -> None:
        try:
            await asyncio.sleep(3600)
        finally:
            raise OSError("the disk is gone")

    failing, other = asyncio.create_task(fail()), asyncio.create_task(asyncio.sleep(3600))
    await asyncio.sleep(0)
    with pytest.raises(OSError, match="the disk is gone"):
        await all_ended([failing, other])
    assert other.cancelled()


async def test_who_waits_can_be_cancelled() -> None:
    """A stop that meets one that does not end gives up by its own cancellation."""

    async def stubborn() -> None:
        while not released.is_set():
            with suppress(asyncio.CancelledError):
                await released.wait()

    released = asyncio.Event()
    task = asyncio.create_task(stubborn())
    await asyncio.sleep(0)
    waiting = asyncio.create_task(ended(task))
    await asyncio.sleep(0.1)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert not task.done()
    released.set()
    await task
