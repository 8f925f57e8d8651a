"""The follower's process. Intake starts it with one end of a socket, and it ends when the other one is closed.

Signals that stop the daemon reach this process too, and are left to intake: it
ends this one when it is done with it. Whatever kills it loses nothing; intake
starts another.
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

import structlog

from collector import projections
from collector.errors import TimelinedError
from collector.following.wire import (
    HEARTBEAT,
    Answer,
    Append,
    Channel,
    Commit,
    Condition,
    Failure,
    Forget,
    Message,
    Progress,
    Receipts,
    Redraw,
    Render,
    Request,
    Setup,
)
from collector.following.work import Work
from collector.interpreter import end_with_parent, loop_factory, share_memory, tune_gc
from collector.jobs.leadership import Leadership
from collector.log import Receipt, Submission, open_log
from collector.projections import Lists, PostgresLists, SqliteLists
from collector.storage.urls import database_path
from collector.tasks import ended
from collector.telemetry import log_output

log = structlog.get_logger(__name__)

_NICE = 5
"""How much later than intake this process gets a processor; see nice(2)."""
_LARGE = 100_000
"""Characters of a draft whose rendering took memory that is worth giving back."""
_LOOK = 0.25
"""Seconds between two looks at whether the follower is in trouble."""


class IntakeLog:
    """The log as the follower sees it: intake appends, and says when there is more."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._wakes: list[Callable[[], None]] = []

    async def append(self, submissions: Sequence[Submission]) -> Sequence[Receipt]:
        """Have intake store these; the answer comes after the commit."""
        answer = await self._channel.ask(Append(self._channel.number(), tuple(submissions)))
        assert isinstance(answer, Receipts)  # noqa: S101 - what an Append is answered with
        return answer.receipts

    def subscribe(self, wake: Callable[[], None]) -> Callable[[], None]:
        """See :meth:`collector.log.EventLog.subscribe`."""
        self._wakes.append(wake)
        return lambda: self._wakes.remove(wake)

    def wake(self) -> None:
        """There are more events."""
        for wake in tuple(self._wakes):
            wake()


async def follow(end: socket.socket) -> None:
    """Do as the other end says, until it is closed."""
    channel = await Channel.over(end)
    messages = channel.messages()
    setup = await anext(messages, None)
    if not isinstance(setup, Setup):
        return
    log_output.set_up(setup.level, setup.format, process="follower")
    if setup.log:
        structlog.contextvars.bind_contextvars(log=setup.log)
    tune_gc()
    intake_is_gone = False
    try:
        async with AsyncExitStack() as stack:
            source = IntakeLog(channel)
            serving = await stack.enter_async_context(_serving(setup, source, channel))
            async for message in messages:
                serving.take(message)
            intake_is_gone = True
    except (TimelinedError, OSError) as error:
        if not intake_is_gone:
            raise
        # Nobody waits for it, and whoever follows next reads it again.
        log.info("cut off by the end of intake", reason=str(error))
    finally:
        channel.close()


@asynccontextmanager
async def _serving(setup: Setup, source: IntakeLog, channel: Channel) -> AsyncIterator[_Serving]:
    """Follow for the length of the block; on PostgreSQL whenever the lease is ours."""
    async with AsyncExitStack() as stack:
        path = database_path(setup.storage)
        if path is not None:
            lists: Lists = SqliteLists(path, owner=True)
            stack.push_async_callback(lists.close)
            serving = _Serving(Work(setup, lists, source, _wall_clock), source, channel)
            await stack.enter_async_context(serving.following())
        else:
            store = await open_log(setup.storage, extra_metadata=[projections.metadata])
            stack.push_async_callback(store.close)
            serving = _Serving(Work(setup, PostgresLists(store, owner=True), source, _wall_clock), source, channel)
            leadership = Leadership(store, serving.following)
            stack.push_async_callback(leadership.close)
            await leadership.begin()
        stack.push_async_callback(serving.close)
        yield serving


class _Serving:
    """The work of this process, and what intake is told of it."""

    def __init__(self, work: Work, source: IntakeLog, channel: Channel) -> None:
        self._work, self._source, self._channel = work, source, channel
        self._follows = False
        self._answering: set[asyncio.Task[None]] = set()
        work.follower.on_progress(self._progressed)
        self._telling = asyncio.create_task(self._tell(), name="condition")

    @asynccontextmanager
    async def following(self) -> AsyncIterator[None]:
        """Follow for the length of the block."""
        await self._work.forget()
        async with self._work.running():
            self._follows = True
            try:
                yield
            finally:
                self._follows = False

    async def close(self) -> None:
        """Answer nobody any longer."""
        await ended(self._telling)
        for task in tuple(self._answering):
            await ended(task)

    def take(self, message: Message) -> None:
        """One message of intake's."""
        if isinstance(message, Commit):
            self._source.wake()
        elif isinstance(message, Forget | Redraw | Render):
            task = asyncio.create_task(self._answer(message))
            self._answering.add(task)
            task.add_done_callback(self._answering.discard)

    async def _answer(self, request: Request) -> None:
        try:
            answer = await self._answered(request)
        except TimelinedError as error:
            answer = Answer(request.number, failure=Failure.of(error))
        except Exception as error:
            log.exception("cannot answer intake", request=type(request).__name__)
            answer = Answer(request.number, failure=Failure.of(error))
        self._channel.send(answer)

    async def _answered(self, request: Request) -> Answer:
        if isinstance(request, Render):
            text = await self._work.render(request.incident, request.form, request.as_of, request.options)
            if text is not None and len(text) > _LARGE:
                await asyncio.to_thread(_give_back)
            return Answer(request.number, text=text)
        if isinstance(request, Redraw):
            done = await self._work.redraw(request.events)
            failure = Failure("unavailable", done.failed) if done.failed else None
            return Answer(request.number, files=done.files, edited=done.edited, failure=failure)
        await self._work.forget()
        return Answer(request.number)

    def _progressed(self, position: int, resolved: tuple[int, ...]) -> None:
        self._channel.send(Progress(position, resolved))

    async def _tell(self) -> None:
        """Say how it is: whenever that changes, and at each heartbeat."""
        clock = asyncio.get_running_loop().time
        last_condition, said_at = None, 0.0
        while True:
            drafts = self._work.drafts
            condition = Condition(
                self._follows, self._work.follower.failure, drafts=drafts.writes, draft_failures=drafts.failures
            )
            if condition != last_condition or clock() - said_at >= HEARTBEAT:
                last_condition, said_at = condition, clock()
                self._channel.send(condition)
            await asyncio.sleep(_LOOK)


def _give_back() -> None:
    """Give the memory that a large draft took back to the system: another may not come for days."""
    gc.collect(1)
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc's own
    if trim is not None:
        trim(0)


def _wall_clock() -> int:
    return time.time_ns() // 1000


def _settle_in() -> None:
    """End with the parent, whatever ends that; leave its signals to it; and be the first that a full memory takes."""
    end_with_parent()
    share_memory()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    # Where there are not processors enough for all, deliveries go first.
    os.nice(_NICE)
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("300", "ascii")


def main() -> None:
    """Follow, as the process that started this one says over the socket that it handed down."""
    _settle_in()
    end = socket.socket(fileno=int(sys.argv[1]))
    os.set_inheritable(end.fileno(), False)
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(follow(end))


if __name__ == "__main__":
    main()
