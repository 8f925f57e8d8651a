"""Raw bodies that are kept for so long and no longer, source by source.

A job of the scheduler's. It keeps no state but how far it looked, and finds that
in the log's own records when it starts; a pass may be cut off anywhere and run
twice. Events are never removed. Each removal is on record with the bodies' own
source, kind and numbers, so that a removed body is never taken for a lost one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from functools import partial

import structlog

from collector.errors import TimelinedError
from collector.log import EventLog
from collector.removal.expiring import DELIVERIES, REPEATS, due, expire, reached
from collector.removal.rights import missing_to_remove

log = structlog.get_logger(__name__)

EVERY = 3600
"""Seconds between passes."""
_MOST = 500
"""Deliveries of one transaction: senders wait no longer than for an ordinary batch."""


class RetentionJob:
    """Removes what reached its age. ``ages``: source → kind (``repeats``, ``deliveries``) → µs."""

    def __init__(self, store: EventLog, ages: Mapping[str, Mapping[str, int]], clock: Callable[[], int]) -> None:
        self._log, self._ages, self._clock = store, ages, clock
        self._reached: dict[tuple[str, str], int] | None = None
        self._alone = asyncio.Lock()

    def keep(self, ages: Mapping[str, Mapping[str, int]]) -> None:
        """Go by these ages from the next pass on."""
        self._ages, self._reached = ages, None

    async def run(self) -> int:
        """One pass over all sources, repeats first; how many bodies went, and False where not all that are to go could.
        That is tried again next time."""
        async with self._alone:
            removed = 0
            try:
                if await self.hindered():
                    return False
                for kind in (REPEATS, DELIVERIES):
                    for source, ages in self._ages.items():
                        if kind in ages:
                            removed += await self._remove(source, kind, self._clock() - ages[kind])
            except TimelinedError as error:
                log.warning("cannot remove expired bodies; the next pass tries again", error=str(error))
                return False
            return removed

    async def hindered(self) -> bool:
        """Whether ages are set and the database does not let us remove anything; what to grant is said."""
        missing = await self._log.query(missing_to_remove) if self._ages else ""
        if missing:
            log.error("cannot remove expired bodies: retention is set and a right is missing", reason=missing)
        return bool(missing)

    async def _remove(self, source: str, kind: str, until: int) -> int:
        removed, more = 0, True
        ends = await self._ends()
        while more:
            after = ends.get((source, kind), 0)
            expired = await self._log.query(
                partial(due, source=source, kind=kind, after=after, until=until, most=_MOST)
            )  # fmt: skip
            if expired is None:
                break
            if expired.numbers:
                await self._log.transact(partial(expire, expired=expired, now=self._clock()))
            ends[source, kind] = expired.last
            removed, more = removed + len(expired.numbers), expired.more
        if removed:
            log.info("removed expired bodies", source=source, kind=kind, removed=removed)
        return removed

    async def _ends(self) -> dict[tuple[str, str], int]:
        """How far each kind of each source was looked through, by the log's own records."""
        if self._reached is None:
            self._reached = await self._log.query(reached)
        return self._reached
