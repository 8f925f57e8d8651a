"""The follower's process, as intake has it: started, talked to, and started again whatever ended it.

Intake waits for it nowhere but where somebody asked what only the follower can
say, and then within bounds. A process that makes progress is started again at
once; one that does not, after pauses that grow.
"""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
from asyncio.subprocess import DEVNULL, Process, create_subprocess_exec
from collections.abc import Awaitable, Callable, Collection, Mapping
from contextlib import suppress
from secrets import token_hex

import msgspec
import structlog

from collector.erasure import Redrawn
from collector.errors import TimelinedError, Unavailable
from collector.following.follower import Listener
from collector.following.reached import Reached
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
    PeerEnded,
    Progress,
    Receipts,
    Redraw,
    Render,
    Setup,
    Vitals,
)
from collector.interpreter import handed_down
from collector.log import EventLog, receipt_of
from collector.projections import Projections
from collector.tasks import ended

log = structlog.get_logger(__name__)

_SOON, _LONGEST = 0.2, 15.0
"""Seconds until another is started: after one that made progress, and at most."""
_STOP = 8.0
"""Seconds that it gets to finish the drafts it is at when the daemon stops."""
SILENCE = 60
"""Heartbeats that may be missed. A process that says nothing for longer stands still: it is ended, and another
started. They are counted, and no clock is read: where intake itself was stopped, the follower is not to blame."""
BEGINNING = 300
"""The same until its first word: on a busy machine it takes an interpreter long to begin."""
_HINT = 0.02
"""Seconds in which commits are gathered for one hint."""
PATIENCE = 5.0
"""Seconds in which readers wait for a follower that has begun to have read what was there."""
_BEGINS = 20.0
"""Seconds after a start in which they wait for it to begin at all: a busy machine takes its time, and without a
follower that has begun there may be no lists to read."""
_SLICE = 0.25
"""Seconds after which one who waits asks whether it is still our process that follows."""
_LOOK = 0.1
"""Seconds between two looks at lists that another daemon follows."""
UNKNOWN = Condition(False, "")
"""Of a process that did not say anything yet."""

Rendering = Callable[[int, str, int | None, Mapping[str, str]], Awaitable[str | None]]


class FollowerProcess:
    """:class:`collector.following.Following`, by a process that :meth:`start` starts and :meth:`close` ends."""

    def __init__(self, setup: Setup, store: EventLog, lists: Projections, render: Rendering) -> None:
        self._setup = msgspec.structs.replace(setup, life=token_hex(8))
        self._log, self._lists, self._render_here = store, lists, render
        self._supervising: asyncio.Task[None] | None = None
        self._beginning: asyncio.Task[None] | None = None
        self._process: Process | None = None
        self._channel: Channel | None = None
        self._ended = ""
        """Why there is no process now; empty once another has begun."""
        self._condition = UNKNOWN
        self._lives = 0
        """Processes that ended, and were not told to."""
        self._before = Vitals()
        """The drafts of the lives before this one."""
        self._reached = Reached()
        self._first = -1
        self._advanced = False
        """Whether this life of the process brought the lists on."""
        self._on_resolved: list[Listener] = []
        self._hinted = self._stopping = self._alive = False
        self._missed = 0
        """Heartbeats that this life of the process missed, up to now."""
        self._appending: set[asyncio.Task[None]] = set()

    @property
    def follows(self) -> bool:
        """See :class:`Following`."""
        return self._channel is not None and self._condition.follows

    @property
    def trouble(self) -> str:
        """See :class:`Following`."""
        return self._ended or (f"cannot follow the log: {self._condition.failure}" if self._condition.failure else "")

    @property
    def pid(self) -> int:
        """The process, 0 where there is none."""
        return 0 if self._process is None else self._process.pid

    @property
    def vitals(self) -> Vitals:
        """See :class:`Following`."""
        before, now = self._before, self._condition
        return Vitals(
            0 if self._channel is None else self.pid, self._lives, before.drafts + now.drafts,
            before.draft_failures + now.draft_failures,
        )  # fmt: skip

    async def start(self) -> None:
        """Start the process, and see to it that there is one from now on."""
        head = await self._log.head()
        self._supervising = asyncio.create_task(self._supervise(), name="follower")
        self._beginning = asyncio.create_task(self._begin(head), name="beginning")

    async def _begin(self, head: int) -> None:
        """Ends once readers need not wait any longer; what is wrong with the lists they hear by reading them."""
        try:
            for _ in range(round(_BEGINS / _LOOK)):
                if self.trouble or not (await self._lists.state()).unusable:
                    break
                await asyncio.sleep(_LOOK)
            await self.reached(head, PATIENCE)
        except Exception as error:
            log.info("cannot see whether the lists are there", reason=str(error) or type(error).__name__)
        self._beginning = None

    async def close(self) -> None:
        """End the process, whatever it does."""
        self._stopping = True
        if self._channel is not None:
            self._channel.finish()
        if self._process is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(_STOP):
                    await self._process.wait()
        await ended(self._beginning)
        await ended(self._supervising)

    # --- what is asked ------------------------------------------------------------------------------------------------

    async def begun(self) -> None:
        """See :class:`Following`."""
        if self._beginning is not None:
            await asyncio.wait([self._beginning])

    async def reached(self, position: int, patience: float) -> bool:
        """See :class:`Following`. Where another daemon follows there is nobody to say so: the lists are looked at."""
        clock = asyncio.get_running_loop().time
        deadline = clock() + patience
        while clock() < deadline:
            if not self._elsewhere:
                if await self._reached.wait(position, min(_SLICE, deadline - clock())):
                    return True
            elif await self._lists.position() >= position:
                return True
            else:
                await asyncio.sleep(_LOOK)
        return False

    async def forget(self) -> None:
        """See :class:`Following`: a process that is started anew remembers nothing."""
        if self._channel is not None:
            with suppress(PeerEnded):
                await self._channel.ask(Forget(self._channel.number()))

    async def redraw(self, events: Collection[str]) -> Redrawn:
        """See :class:`Following`."""
        try:
            await self.begun()
            if self._channel is None:
                return Redrawn(failed=f"there is no follower now, which writes drafts; {self.trouble or 'try again'}")
            answer = await self._channel.ask(Redraw(self._channel.number(), tuple(events)))
            assert isinstance(answer, Answer)  # noqa: S101 - what is asked so is answered so
        except TimelinedError as error:
            return Redrawn(failed=str(error))
        return Redrawn(files=answer.files, edited=answer.edited)

    async def render(self, number: int, form: str, as_of: int | None, options: Mapping[str, str]) -> str | None:
        """See :class:`Following`. While there is no process the draft is rendered in this one, at intake's cost."""
        if self._channel is not None:
            with suppress(PeerEnded):
                answer = await self._channel.ask(Render(self._channel.number(), number, form, as_of, options))
                assert isinstance(answer, Answer)  # noqa: S101 - what is asked so is answered so
                return answer.text
        return await self._render_here(number, form, as_of, options)

    def on_resolved(self, listener: Listener) -> Callable[[], None]:
        """See :class:`Following`."""
        self._on_resolved.append(listener)
        return lambda: self._on_resolved.remove(listener)

    @property
    def _elsewhere(self) -> bool:
        """Whether our process is well, and another daemon's has the lease."""
        return self._channel is not None and not self._condition.follows and self._condition is not UNKNOWN

    # --- its lives ----------------------------------------------------------------------------------------------------

    async def _supervise(self) -> None:
        pause = _SOON
        while True:
            self._first, self._advanced = -1, False
            try:
                cause = await self._live()
            except Exception:
                # A mistake of ours must not leave the log without a follower for good.
                log.exception("cannot talk to the follower")
                cause = "could not be talked to"
            if self._stopping:
                return
            self._before, self._lives = self.vitals, self._lives + 1
            pause = _SOON if self._advanced else min(2 * pause, _LONGEST)
            self._ended = f"the follower {cause}, and is started again"
            self._condition = UNKNOWN
            log.error("the follower ended; another is started", cause=cause, seconds=pause)
            await asyncio.sleep(pause)

    async def _live(self) -> str:
        """One life of the process; what ended it."""
        parent_end, child_end = socket.socketpair()
        try:
            # Of intake's descriptors it gets this one alone: not the socket that listens, nor a database.
            self._process = await create_subprocess_exec(
                sys.executable, "-m", "collector.following.child", str(child_end.fileno()),
                pass_fds=[child_end.fileno()], stdin=DEVNULL, env=handed_down(),
            )  # fmt: skip
        except OSError as error:
            parent_end.close()
            return f"could not be started ({error.strerror})"
        finally:
            child_end.close()
        unsubscribe = self._log.subscribe(self._commit)
        watching = asyncio.create_task(self._watch(self._process), name="heartbeat")
        try:
            self._channel = await Channel.over(parent_end)
            self._channel.send(self._setup)
            async for message in self._channel.messages():
                self._alive = True
                self._take(message)
        finally:
            unsubscribe()
            await ended(watching)
            await self._bury(self._process)
        if watching.done() and not watching.cancelled():
            return f"said nothing for {self._missed * HEARTBEAT:g} s and was ended"
        code = self._process.returncode or 0
        return f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with {code}"

    async def _watch(self, process: Process) -> None:
        """End a process that stands still: somebody stopped it, or it waits for something that never comes."""
        self._missed, began = 0, False
        while self._missed < (SILENCE if began else BEGINNING):
            self._alive = False
            await asyncio.sleep(HEARTBEAT)
            began = began or self._alive
            self._missed = 0 if self._alive else self._missed + 1
        with suppress(ProcessLookupError):
            process.kill()

    async def _bury(self, process: Process) -> None:
        """Let nothing of one life reach into the next."""
        channel, self._channel = self._channel, None
        if channel is not None:
            channel.close()
        with suppress(ProcessLookupError):
            if process.returncode is None:
                process.kill()
        await process.wait()
        # Waited for and not cut off: the next one looks in the log for the numbers that were announced.
        if self._appending:
            await asyncio.wait(self._appending)

    def _take(self, message: Message) -> None:
        if isinstance(message, Progress):
            self._progressed(message)
        elif isinstance(message, Condition):
            self._condition = message
        elif isinstance(message, Append) and self._channel is not None:
            task = asyncio.create_task(self._append(self._channel, message))
            self._appending.add(task)
            task.add_done_callback(self._appending.discard)

    def _progressed(self, message: Progress) -> None:
        self._ended = ""
        self._reached.move(message.position)
        self._first = self._first if self._first >= 0 else message.position
        self._advanced = self._advanced or message.position > self._first
        for listener in tuple(self._on_resolved):
            for number in message.resolved:
                listener(number)

    async def _append(self, channel: Channel, append_request: Append) -> None:
        try:
            receipts = tuple(receipt_of(answer) for answer in await self._log.append(append_request.submissions))
        except Exception as error:
            if not isinstance(error, Unavailable):
                log.error("cannot store what the follower announces", error=type(error).__name__, exc_info=error)
            channel.send(Receipts(append_request.number, failure=Failure.of(error)))
        else:
            channel.send(Receipts(append_request.number, receipts))

    def _commit(self) -> None:
        """Tell it that there is more, once for all commits of a moment."""
        if not self._hinted:
            self._hinted = True
            asyncio.get_running_loop().call_later(_HINT, self._hint)

    def _hint(self) -> None:
        self._hinted = False
        if self._channel is not None:
            self._channel.send(Commit())
