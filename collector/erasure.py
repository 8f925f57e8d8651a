"""Erasing what was said: in the log, in what is made of it, and in the files it is kept in.

In one transaction the erasure is recorded and the contents are removed: all
revisions of the chosen events, and the bodies of every delivery that told them.
Then what repeats them goes: the daemon's own words on the incidents they are
in, the lists, the drafts it wrote, and what SQLite leaves behind in its files.
Each of these can be done again: erasing what is erased does them once more.

``docs/erasure.md`` says what stays and why.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection
from functools import partial

import msgspec

from collector.errors import NotPermitted
from collector.log import EventLog
from collector.people import required_text
from collector.projections.database import Lists
from collector.projections.erasing import (
    ErasurePlan,
    RequestedErasure,
    announcements_with,
    clean,
    erase_announcements,
    execute,
    plan_erasure,
)
from collector.removal.rights import missing_to_remove

__all__ = ["Eraser", "Erasure", "Redraw", "Redrawn", "RequestedErasure"]

PATIENCE = 30.0
"""Seconds to wait until the lists have taken an erasure in."""
_ROUNDS = 5
"""How often what grouping says meanwhile is looked through; it has nothing to say of it once it took the erasure in."""


class Redrawn(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the drafts that show certain events."""

    files: tuple[str, ...] = ()
    """Files that were written again."""
    edited: tuple[str, ...] = ()
    """Files that a person edited, which are never touched: they may still show it."""
    failed: str = ""
    """Why drafts of ours may still show it."""


class Erasure(msgspec.Struct, frozen=True, kw_only=True):
    """What an erasure did, or would do."""

    events: tuple[str, ...]
    """The events whose content is gone."""
    new: tuple[str, ...]
    """Those of them that had a content before."""
    deliveries: tuple[str, ...]
    """The deliveries whose bodies went."""
    spared: tuple[str, ...]
    """Other events that those bodies told; their own content stays."""
    echoes: int = 0
    """The daemon's own records that repeated what was said, erased with it."""
    drafts: Redrawn = Redrawn()
    published: tuple[str, ...] = ()
    """Where postmortems of its incidents were published, which may still show it."""
    remaining: str = ""
    """What is not done yet, and why; doing the same again completes it."""


Followed = Callable[[int, float], Awaitable[bool]]
Redraw = Callable[[Collection[str]], Awaitable[Redrawn]]
"""Write the drafts again that show one of these events."""


class Eraser:
    """Erases from one log and its lists. ``redraw`` writes drafts again; ``forget`` has the follower let go of what it
    remembers; ``followed`` waits, for so many seconds, until lists have taken a position in, and says whether they
    have."""

    def __init__(
        self, log: EventLog, lists: Lists, redraw: Redraw, forget: Callable[[], Awaitable[None]], followed: Followed
    ) -> None:
        self._log, self._lists, self._redraw, self._forget, self._followed = log, lists, redraw, forget, followed
        self._alone = asyncio.Lock()

    async def erase(self, request: RequestedErasure) -> Erasure:
        """Erase, or with ``dry_run`` say what would go.

        Raises :class:`NotFound` for an event or a delivery that is not there, :class:`InvalidInput` for what may not be
        erased, :class:`collector.errors.NotPermitted` where the database does not let us, and
        :class:`collector.errors.Unavailable` where nothing can be written now.
        """
        required_text(request.reason, "reason"), required_text(request.by, "by")
        async with self._alone:
            return await self._erase(request)

    async def _erase(self, request: RequestedErasure) -> Erasure:
        plan = await self._lists.query(lambda connection: plan_erasure(connection, request))
        if request.dry_run:
            return _erasure(plan)
        if missing := await self._log.query(missing_to_remove):
            raise NotPermitted(f"cannot erase: {missing}")
        executed = await self._log.transact(lambda connection: execute(connection, request, plan))
        echoes, remaining = await self._complete(request, executed)
        drafts = await self._redraw(executed.ids)
        remaining = remaining or drafts.failed or await self._lists.scrub() or await self._log.scrub()
        return msgspec.structs.replace(_erasure(executed), echoes=echoes, drafts=drafts, remaining=remaining)

    async def _complete(self, request: RequestedErasure, executed: ErasurePlan) -> tuple[int, str]:
        """Have the lists take it in, and erase what the daemon said of it meanwhile; how many of its records that were,
        and what is not done yet."""
        position, echoes = executed.position, 0
        for _ in range(_ROUNDS):
            if not await self._followed(position, PATIENCE):
                return echoes, "the lists have not taken the erasure in yet, and may still show what was said"
            announcements = await self._lists.query(lambda c: announcements_with(c, executed.texts, executed.numbers))
            if announcements:
                echoes += len(announcements)
                erase = partial(erase_announcements, request=request, announcements=announcements)
                position = await self._log.transact(erase)
            cleaned = await self._lists.write(lambda connection: clean(connection, executed))
            await self._forget()
            if not (announcements or cleaned):
                return echoes, ""
        return echoes, "what was said is still being repeated by the lists"


def _erasure(plan: ErasurePlan) -> Erasure:
    """The answer."""
    return Erasure(
        events=plan.ids,
        new=plan.erased,
        deliveries=tuple(f"d{number}" for number in plan.bodies),
        spared=plan.extent.spared,
        published=plan.published,
    )
