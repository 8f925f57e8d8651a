"""Who follows the log where several daemons share it.

Each asks for the log's lease once a second. Who has it takes up its duties: the
follower, and with a daemon the jobs. Who loses it lays them down at once, and
takes them up again when the lease comes back. Nothing rests on how soon that
is: a follower without the lease cannot write.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import structlog

from collector.log import EventLog
from collector.tasks import ended

log = structlog.get_logger(__name__)

EVERY = 1.0
"""Seconds between two questions. A holder that dies is replaced within this and the moment the database needs."""

Duties = Callable[[], AbstractAsyncContextManager[None]]


class Leadership:
    """Duties of one process among several, performed while the lease is its own."""

    def __init__(self, store: EventLog, duties: Duties) -> None:
        self._log = store
        self._duties = duties
        self._performing: asyncio.Task[None] | None = None
        self._asking: asyncio.Task[None] | None = None
        self._ready = asyncio.Event()
        self._trouble = ""
        """What kept us from asking last: said once, and again when it is something else."""

    @property
    def holds(self) -> bool:
        """Whether the duties are being performed here."""
        return self._ready.is_set()

    async def begin(self) -> None:
        """Ask for the lease, and go on asking. Where we have it the duties have begun on return.

        Raises what keeps them from beginning.
        """
        if await self._log.lead():
            self._take_up()
            await self._begun()
        self._asking = asyncio.create_task(self._ask(), name="leadership")

    async def close(self) -> None:
        """Lay down the duties, in their own order. The lease goes with the log."""
        try:
            await ended(self._asking)
        finally:
            await ended(self._performing)

    async def _ask(self) -> None:
        while True:
            await asyncio.sleep(EVERY)
            try:
                await self._turn(await self._log.lead())
            except Exception as error:
                self._say(error)
            else:
                self._trouble = ""

    def _say(self, error: Exception) -> None:
        trouble = f"{type(error).__name__}: {error}"
        if trouble != self._trouble:
            log.error("cannot tell whether to follow the log; asking again", seconds=EVERY, exc_info=error)
        self._trouble = trouble

    async def _turn(self, leads: bool) -> None:
        if self._performing is not None and (not leads or self._performing.done()):
            await self._lay_down()
        if leads and self._performing is None:
            log.info("following the log: the lease is ours")
            self._take_up()

    def _take_up(self) -> None:
        self._performing = asyncio.create_task(self._perform(), name="duties")

    async def _lay_down(self) -> None:
        task = self._performing
        try:
            await ended(task)
        except Exception as error:
            log.warning("stopped following the log; trying again", error=str(error))
        else:
            log.warning("not following the log any longer: the lease was lost")
        # Where this was cut off, the task is still ours to wait for.
        self._performing = None

    async def _perform(self) -> None:
        try:
            async with self._duties():
                self._ready.set()
                await asyncio.Event().wait()
        finally:
            self._ready.clear()

    async def _begun(self) -> None:
        """Wait until the duties have begun; raises what kept them from it."""
        assert self._performing is not None  # noqa: S101 - taken up just now
        ready = asyncio.create_task(self._ready.wait())
        try:
            await asyncio.wait((ready, self._performing), return_when=asyncio.FIRST_COMPLETED)
        finally:
            ready.cancel()
            if not self._ready.is_set():
                task, self._performing = self._performing, None
                await ended(task)
