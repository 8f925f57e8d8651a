"""Ending a task, and duties that are laid down whatever they are in the middle of."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from structlog.testing import capture_logs

from collector.errors import Unavailable
from collector.jobs import leadership
from collector.jobs.leadership import Leadership
from collector.tasks import ended

PATIENCE = 60.0
"""Seconds after which something hangs."""


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Asks for the lease again at once."""
    monkeypatch.setattr(leadership, "EVERY", 0.001)


class Lease:
    """A log, as far as its lease goes."""

    def __init__(self) -> None:
        self.answer: Callable[[], bool] = lambda: True
        self.hangs = False
        self.asked = asyncio.Event()

    async def lead(self) -> bool:
        """Whether the lease is ours."""
        self.asked.set()
        if self.hangs:
            await asyncio.Event().wait()
        return self.answer()


class Duties:
    """Duties that note what becomes of them, and can be held up in each of their steps."""

    def __init__(self) -> None:
        self.open = 0
        self.begun, self.ending = asyncio.Event(), asyncio.Event()
        self.may_begin, self.may_end = asyncio.Event(), asyncio.Event()
        self.may_begin.set()
        self.may_end.set()
        self.failure: Exception | None = None

    @asynccontextmanager
    async def __call__(self) -> AsyncIterator[None]:
        """Perform them."""
        self.open += 1
        self.begun.set()
        try:
            await self.may_begin.wait()
            if self.failure:
                raise self.failure
            yield
        finally:
            self.ending.set()
            await self.may_end.wait()
            self.open -= 1


@asynccontextmanager
async def leading(lease: Lease, duties: Duties) -> AsyncIterator[Leadership]:
    """Leadership that is closed at the end, which has to end."""
    leader = Leadership(lease, duties)  # type: ignore[arg-type]
    async with asyncio.timeout(PATIENCE):
        try:
            yield leader
        finally:
            await leader.close()
    assert duties.open == 0
    assert not leader.holds


# --- tasks ------------------------------------------------------------------------------------------------------------


async def test_a_task_is_ended_and_what_it_raises_is_raised() -> None:
    """A cancelled task raises nothing; one that fails at its end says so."""

    async def fails() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            raise Unavailable("no room")

    quiet, failing = asyncio.create_task(asyncio.Event().wait()), asyncio.create_task(fails())
    await asyncio.sleep(0)
    await ended(None)
    await ended(quiet)
    with pytest.raises(Unavailable):
        await ended(failing)


async def test_who_waits_for_a_task_can_be_cancelled() -> None:
    """A task that does not end does not keep whoever waits for it; later it is only waited for."""
    may_end, cleaned = asyncio.Event(), []

    async def slow() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await may_end.wait()
            cleaned.append(True)

    task = asyncio.create_task(slow())
    await asyncio.sleep(0)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await ended(task)
    assert not task.done()
    may_end.set()
    await ended(task)
    assert cleaned == [True]


# --- leadership -------------------------------------------------------------------------------------------------------


async def test_closed_before_it_began() -> None:
    """There is nothing to lay down."""
    async with leading(Lease(), Duties()):
        pass


async def test_closed_while_it_leads() -> None:
    """Duties that are performed are laid down."""
    duties = Duties()
    async with leading(Lease(), duties) as made:
        await made.begin()
        assert made.holds


async def test_closed_while_another_leads() -> None:
    """Asking for the lease ends."""
    lease, duties = Lease(), Duties()
    lease.answer = lambda: False
    async with leading(lease, duties) as made:
        await made.begin()
        lease.asked.clear()
        await lease.asked.wait()
    assert not duties.begun.is_set()


async def test_closed_while_the_lease_does_not_answer() -> None:
    """A question that hangs is given up."""
    lease, duties = Lease(), Duties()
    async with leading(lease, duties) as made:
        await made.begin()
        lease.hangs = True
        lease.asked.clear()
        await lease.asked.wait()


async def test_closed_while_a_lost_lease_is_laid_down() -> None:
    """The stop waits for duties that are ending, and ends with them: it once went on for ever."""
    lease, duties = Lease(), Duties()
    async with leading(lease, duties) as leader:
        await leader.begin()
        duties.may_end.clear()
        lease.answer = lambda: False
        await duties.ending.wait()
        closing = asyncio.create_task(leader.close())
        await asyncio.sleep(0.01)
        assert not closing.done()
        duties.may_end.set()
        await closing


async def test_a_stop_that_is_cut_off_is_cut_off() -> None:
    """Whoever bounds the time that a stop takes is heard, though duties do not end."""
    lease, duties = Lease(), Duties()
    async with leading(lease, duties) as leader:
        await leader.begin()
        duties.may_end.clear()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await leader.close()
        duties.may_end.set()


async def test_closed_while_duties_begin() -> None:
    """Duties that are taken up, and have not begun, are laid down."""
    lease, duties = Lease(), Duties()
    lease.answer = lambda: False
    duties.may_begin.clear()
    async with leading(lease, duties) as leader:
        await leader.begin()
        lease.answer = lambda: True
        await duties.begun.wait()
        assert not leader.holds


async def test_begun_is_cut_off() -> None:
    """A start that is stopped while duties begin lays them down."""
    duties = Duties()
    duties.may_begin.clear()
    async with leading(Lease(), duties) as made:
        beginning = asyncio.create_task(made.begin())
        await duties.begun.wait()
        await ended(beginning)


async def test_closed_after_duties_failed() -> None:
    """What keeps duties from beginning is raised at the start, and closing ends all the same."""
    duties = Duties()
    duties.failure = Unavailable("no room")
    async with leading(Lease(), duties) as made:
        with pytest.raises(Unavailable):
            await made.begin()


async def test_a_failure_to_ask_is_said_once() -> None:
    """The same trouble at each question is one line of the log, and not one each time."""
    lease, duties, attempts = Lease(), Duties(), []

    def fails() -> bool:
        attempts.append(1)
        raise RuntimeError("odd")

    with capture_logs() as lines:
        async with leading(lease, duties) as made:
            await made.begin()
            lease.answer = fails
            while len(attempts) < 5:  # noqa: ASYNC110 - counted by the code under test
                await asyncio.sleep(0.001)
    assert [line["event"][:11] for line in lines].count("cannot tell") == 1
