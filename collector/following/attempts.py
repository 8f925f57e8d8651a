"""Which events are being taken in, noted before they are.

Where one of them makes the follower fail, the follower knows which ones it was at. Where one ends the process, its
successor reads it from the lists.

:mod:`collector.following.suspects` decides what is read together after that, and which event is set aside.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from secrets import token_hex

import structlog
from sqlalchemy import Connection, delete, func, select

from collector.errors import Unavailable
from collector.event import RecordedEvent
from collector.following.suspects import Attempt, Suspects, accuses_an_event
from collector.log import queries
from collector.projections import Lists, tables
from collector.projections.tables import put
from collector.telemetry.crashes import way_of

log = structlog.get_logger(__name__)

ENDED = "the process ended over it"
"""Why an event was set aside that cost the follower its life: a memory that is full tells no more."""

_attempt = tables.attempt.c
_next = select(func.coalesce(func.max(tables.cursor.c.position), 0) + 1).scalar_subquery()
_CUT_OFF = select(_attempt.first, _attempt.last, _attempt.tries, _attempt.life, _attempt.ends).where(
    _attempt.first == _next
)


class Attempts:
    """One follower's attempts at the events it takes in."""

    def __init__(self, lists: Lists, life: str) -> None:
        """``life`` stands for the daemon's process; without one that is this very process."""
        self._lists, self._life, self._suspects = lists, life or token_hex(8), Suspects()
        self._recalled = False
        self._ids: dict[int, str] = {}
        """Of the events being taken in, by position."""
        self._aside: set[int] = set()
        """Positions that were set aside here: one that fails even so is not at fault."""

    def size(self, position: int, usual: int) -> int:
        """How many events to take after a position, ``usual`` where none is looked for."""
        return self._suspects.size(position, usual)

    def note(self, connection: Connection, first: int, last: int) -> None:
        """Note which are taken next: our successor has to know over which of them we ended."""
        tries = self._suspects.tries(first) if first == last else 0
        noted = Attempt(first, last, tries, self._life, self._suspects.ends(first))
        put(connection, tables.attempt, [(1, *noted)])

    def begin(self, events: Iterable[RecordedEvent]) -> None:
        """These are being taken in: what fails from here on may be the doing of one of them."""
        self._ids = {event.position: event.id for event in events}

    def end(self) -> None:
        """None is being taken in: what fails now is no event's doing."""
        self._ids = {}

    def clear(self) -> None:
        """Nothing is set aside any more: the lists are made anew."""
        self._aside.clear()

    async def blame(self, error: BaseException) -> bool:
        """Have fewer events taken together after an error, and set one aside that grouping cannot take by itself; False
        where it accuses none of them."""
        if not (self._ids and accuses_an_event(error)):
            return False
        position = self._suspects.blame(list(self._ids))
        if position in self._aside:
            return False
        if position is not None:
            way = " > ".join(way_of(error)[-8:])
            await self._set_aside(position, self._ids[position], type(error).__name__, way)
        return True

    async def _set_aside(self, position: int, event: str, error: str, trace: str) -> None:
        self._aside.add(position)
        await self._lists.write(lambda c: put(c, tables.set_aside, [(position, event, error)]), durable=False)
        log.error(
            "grouping cannot take an event: it is set aside", position=position, id=event, error=error, trace=trace
        )

    async def recall(self) -> None:
        """Take heed, once, of what the process before us ended over, if it did."""
        if self._recalled:
            return
        self._recalled = True
        row = await self._lists.query(lambda c: c.execute(_CUT_OFF).one_or_none())
        if row is None or self._suspects.ended_together(Attempt(*row), self._life):
            return
        first, last, tries = row[:3]
        log.warning("the follower ended over these events; taking fewer of them at a time", first=first, last=last)
        if self._suspects.ended_over(first, last, tries):
            event = await self._lists.query(lambda c: queries.read(c, first - 1, 1))
            await self._set_aside(first, event[0].id, ENDED, "")

    async def rest(self) -> None:
        """Say that nothing is being taken: this end was wanted. Ended before it looked at lists, nothing was."""
        if not self._recalled:
            return
        with suppress(Unavailable):
            await self._lists.write(lambda c: c.execute(delete(tables.attempt)), durable=False)
