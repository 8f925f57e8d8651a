"""Following in the process that asks: for commands without a daemon, and for daemons inside of a program."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping

from collector.drafting import DraftJob
from collector.erasure import Redrawn
from collector.following import Setup, Vitals, Work
from collector.following.follower import Listener
from collector.following.reached import Reached
from collector.following.work import rendered
from collector.projections import Projections

PATIENCE = 5.0
"""Seconds that readers wait for lists that are about to be made."""
_LOOK = 0.02
"""Seconds between two looks at lists that another daemon follows."""


class FollowedHere:
    """:class:`collector.following.Following` in this very process, while the lease is ours (:attr:`work`)."""

    def __init__(self, setup: Setup, lists: Projections, idle: Work) -> None:
        self._setup, self._lists, self._idle = setup, lists, idle
        self.work: Work | None = None
        """What follows the log now; None while another daemon does."""
        self._reached = Reached()

    @property
    def follows(self) -> bool:
        """See :class:`Following`."""
        return self.work is not None

    @property
    def trouble(self) -> str:
        """See :class:`Following`."""
        failure = self.work.follower.failure if self.work is not None else ""
        return f"cannot follow the log: {failure}" if failure else ""

    @property
    def vitals(self) -> Vitals:
        """See :class:`Following`."""
        return Vitals(drafts=self.job.writes, draft_failures=self.job.failures)

    def begin(self, work: Work) -> None:
        """The lease is ours: this follows from now on, until :meth:`end`."""
        self.work = work
        work.follower.on_progress(lambda position, resolved: self._reached.move(position))

    def end(self) -> None:
        """Nobody follows here any longer."""
        self.work = None

    @property
    def job(self) -> DraftJob:
        """What writes drafts here."""
        return (self.work or self._idle).drafts

    async def begun(self) -> None:
        """See :class:`Following`. The start itself waits for what is left to read; here it is for the lists alone."""
        if self.work is not None and self._reached.position < 0:
            await self._reached.wait(0, PATIENCE)

    async def reached(self, position: int, patience: float) -> bool:
        """See :class:`Following`."""
        deadline = asyncio.get_running_loop().time() + patience
        while self.work is None:
            if await self._lists.position() >= position:
                return True
            if asyncio.get_running_loop().time() > deadline:
                return False
            await asyncio.sleep(_LOOK)
        return await self._reached.wait(position, deadline - asyncio.get_running_loop().time())

    async def forget(self) -> None:
        """See :class:`Following`."""
        if self.work is not None:
            await self.work.forget()

    async def redraw(self, events: Collection[str]) -> Redrawn:
        """See :class:`Following`."""
        return await (self.work or self._idle).redraw(events)

    async def render(self, number: int, form: str, as_of: int | None, asked: Mapping[str, str]) -> str | None:
        """See :class:`Following`."""
        return await rendered(self._lists, self._setup, number, form, as_of, asked)

    def on_resolved(self, listener: Listener) -> Callable[[], None]:
        """See :class:`Following`."""
        return (self.work or self._idle).follower.on_resolved(listener)
