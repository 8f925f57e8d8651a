"""Following as work: grouping, and drafts when they are due or asked for.

It is given lists, somewhere to append and the configuration, and does not know
in whose process it runs.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Protocol

import structlog

from collector.drafting import EVERY, DraftJob, Resolved
from collector.drafting.cache import TextCache
from collector.drafting.rendering import MARKED, options_of, postmortem
from collector.erasure import Redrawn
from collector.errors import TimelinedError
from collector.following.follower import Follower, Listener
from collector.following.outbox import AppendableLog
from collector.following.wire import Setup, Vitals
from collector.jobs.schedule import Schedule
from collector.projections import Lists, Projections
from collector.tasks import ended
from renderers.document import Options
from renderers.edits import merged

log = structlog.get_logger(__name__)


class Following(Protocol):
    """What intake asks of whoever follows the log, in this process or in another one."""

    @property
    def follows(self) -> bool:
        """Whether the log is followed here; of several daemons over one log, one does."""

    @property
    def trouble(self) -> str:
        """Why the log is not followed now; empty where it is, or where another daemon does."""

    @property
    def vitals(self) -> Vitals:
        """How it is, for whoever watches the daemon."""

    async def begun(self) -> None:
        """Wait until the lists hold what the log held at the start; not for long, and once."""

    async def reached(self, position: int, patience: float) -> bool:
        """Wait until the lists have taken a position in, or so many seconds; whether they have."""

    async def forget(self) -> None:
        """Have what is kept in memory read anew."""

    async def redraw(self, events: Collection[str]) -> Redrawn:
        """Write the drafts again that cite these events."""

    async def render(self, number: int, form: str, as_of: int | None, asked: Mapping[str, str]) -> str | None:
        """An incident's draft as text; None where there is no such incident. Raises :class:`InvalidInput`."""

    def on_resolved(self, listener: Listener) -> Callable[[], None]:
        """Have ``listener`` told when an incident is over; the answer unsubscribes it."""


class Work:
    """A follower, and the drafts of what it follows."""

    def __init__(self, setup: Setup, lists: Lists, log: AppendableLog, clock: Callable[[], int]) -> None:
        self.setup = setup
        self.projections = Projections(lists, setup.rules)
        self._pages = TextCache()
        self.follower = Follower(lists, log, setup.rules, clock=clock, life=setup.life)
        self.drafts = DraftJob(
            projections=self.projections,
            render=lambda number, form: self.render(number, MARKED if form == "md" else form, None, {}),
            merge=_brought_up_to_date,
            folder=Path(setup.folder),
            stale_after=setup.stale_after,
            keep_versions=setup.keep_versions,
            keep=setup.keep_drafts,
            max_size=setup.drafts_size,
            clock=clock,
        )

    async def render(self, number: int, form: str, as_of: int | None, asked: Mapping[str, str]) -> str | None:
        """See :class:`Following`."""
        return await rendered(self.projections, self.setup, number, form, as_of, asked, cache=self._pages)

    async def forget(self) -> None:
        """Let go of what is remembered, texts of drafts included: what was erased is in memory no longer."""
        self._pages.last.forget()
        self._pages = TextCache()
        await self.follower.forget()

    async def redraw(self, events: Collection[str]) -> Redrawn:
        """See :class:`Following`."""
        try:
            files, edited = await self.drafts.rewrite_citing(events)
        except (OSError, TimelinedError) as error:
            log.warning("cannot write drafts again", error=str(error))
            return Redrawn(failed=str(error))
        return Redrawn(files=files, edited=edited)

    @asynccontextmanager
    async def running(self, *, drafting: bool = True) -> AsyncIterator[asyncio.Task[None]]:
        """Follow for the length of the block; gives what ends once the lists hold what the log held at the start."""
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self.follower.rest)
            task = asyncio.create_task(self.follower.run(), name="follower")
            stack.push_async_callback(ended, task)
            level = asyncio.create_task(self.follower.level(), name="level")
            stack.push_async_callback(ended, level)
            if drafting and self.setup.drafts:
                runs = Schedule()
                # Not before that: a draft of half of it would not be true.
                level.add_done_callback(lambda done: None if done.cancelled() else self._start_drafts(stack, runs))
                runs.start()
                stack.push_async_callback(runs.finish)
            yield level

    def _start_drafts(self, stack: AsyncExitStack, runs: Schedule) -> None:
        stack.callback(self.drafts.listen(self.follower.on_changed))
        runs.add("drafts", self.drafts.run, every=EVERY)
        resolved = Resolved(self.drafts)
        resolved.soon = runs.add("drafts of resolved incidents", resolved.run)
        stack.callback(self.follower.on_resolved(resolved.add))


def _brought_up_to_date(current: bytes, fresh: str) -> bytes | None:
    """See :data:`collector.drafting.Merge`."""
    merge = merged(current, fresh)
    return None if merge is None else merge[0]


async def rendered(
    projections: Projections, setup: Setup, number: int, form: str, as_of: int | None, query: Mapping[str, str], *,
    cache: TextCache | None = None,
) -> str | None:  # fmt: skip
    """An incident's draft as text, with the configured options where none is asked for."""
    options = options_of(query, options_of(setup.options, Options(template=setup.template)))
    return await postmortem(
        projections, number, format=form, as_of=as_of, options=options, external_url=setup.external_url,
        log=setup.number_prefix, cache=cache,
    )  # fmt: skip
