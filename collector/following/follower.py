"""The log, followed: new events in, incidents and their history out.

Reads after its cursor, hands what it read to correlation, and writes what
changed together with the new cursor in one transaction: whatever is cut off is
read again and gives the same. What changed is also said as ``incident.*``
events; they wait in the same transaction and are appended after it, under ids
that do not change, so saying them twice says them once. No webhook waits for
any of this.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TypeVar

import msgspec
import structlog
from sqlalchemy import Connection

from collector.correlation import Catalog, Rules
from collector.correlation.changes import Changes
from collector.correlation.incremental import Regrouping
from collector.errors import Unavailable
from collector.event import MACHINE
from collector.following import announcements, numbers
from collector.following.attempts import Attempts
from collector.following.outbox import AppendableLog, Outbox
from collector.following.round_input import RoundInput, round_of
from collector.log import queries
from collector.projections import Lists, ListsRemoved, placing, shape, tables
from collector.projections.cursor import Cursor, read_cursor
from collector.projections.grouping_store import SqlGroupingStore, write, write_news
from collector.projections.search import index_events
from collector.projections.tables import put

log = structlog.get_logger(__name__)

BATCH = 1_000
"""Events read in one round."""
CROWDED = 2_000
"""Signals kept in memory before those are let go of that nothing is likely to touch; they are fetched if it does."""

_SLOWEST = 10.0
"""Seconds between attempts when every attempt fails."""
_REST = 0.05
"""Seconds in which what comes in is gathered for the next round; grouping lags that much behind the log."""

ProgressListener = Callable[[int, tuple[int, ...]], None]
"""Told the position reached, and the incidents that are over since the last time."""
Listener = Callable[[int], None]
"""Told an incident's number, on the event loop; it must not wait."""

_LOOK = 1.0
"""Seconds after which one who waits for events looks whether the lists are still there."""

T = TypeVar("T")


class Outcome(msgspec.Struct, frozen=True):
    """What one round came to."""

    position: int
    changed: tuple[int, ...] = ()
    resolved: tuple[int, ...] = ()
    news: tuple[tuple[str, bytes], ...] = ()
    """What is to be said of it: ids and events."""
    placeable: bool = False
    """Whether something may have to be placed now."""


class Follower:
    """Keeps the lists of one log up to date, as their only owner (on PostgreSQL while the lease is ours)."""

    def __init__(
        self, lists: Lists, log: AppendableLog, rules: Rules, *, batch: int = BATCH, crowded: int = CROWDED,
        clock: Callable[[], int] = lambda: time.time_ns() // 1000, life: str = "",
    ) -> None:  # fmt: skip
        """``life``: see :class:`Attempts`."""
        self._lists, self._log, self._rules, self._catalog = lists, log, rules, Catalog(rules)
        self._batch, self._crowded, self._clock = batch, crowded, clock
        self._digest = self._grouped_by = shape.rules_digest(rules)
        """Of the rules in force, and of those that grouped what is in the lists."""
        self._groups = Regrouping(rules)
        self._position = -1
        self._opened = 0
        """Which of the files of the lists is followed, by how many were opened."""
        self._quiet = self._settled = self._head = 0
        """As in :class:`Cursor`; and the last position that the log is known to have."""
        self._on_resolved: list[Listener] = []
        self._on_changed: list[Listener] = []
        self._on_progress: list[ProgressListener] = []
        self._alone = asyncio.Lock()
        self._level = asyncio.Event()
        """Set once everything that was there was taken in for the first time."""
        self._begun = False
        self._attempts = Attempts(lists, life)
        self.failure = ""
        """Why the log cannot be followed now; empty where it can."""
        self._placeable = True
        self._outbox = Outbox(lists, log, clock)

    @property
    def in_memory(self) -> int:
        """How many signals lie in memory; all else is in the database alone."""
        return len(self._groups)

    def on_resolved(self, listener: Listener) -> Callable[[], None]:
        """Have ``listener`` told when an incident is over; the answer unsubscribes it."""
        self._on_resolved.append(listener)
        return lambda: self._on_resolved.remove(listener)

    def on_changed(self, listener: Listener) -> Callable[[], None]:
        """Have ``listener`` told when anything that lists show of an incident changed."""
        self._on_changed.append(listener)
        return lambda: self._on_changed.remove(listener)

    def on_progress(self, listener: ProgressListener) -> Callable[[], None]:
        """Have ``listener`` told after each round, and where following begins."""
        self._on_progress.append(listener)
        return lambda: self._on_progress.remove(listener)

    async def run(self) -> None:
        """Follow until cancelled. What fails is said, forgotten and tried again; the log keeps what was not read."""
        more = asyncio.Event()
        unsubscribe = self._log.subscribe(more.set)
        pause = 1.0
        try:
            while True:
                more.clear()
                try:
                    await self.catch_up()
                    pause, self.failure = 1.0, ""
                except Exception as error:
                    # Where it came from says nothing of a database that is away.
                    self.failure = str(error) or type(error).__name__
                    trace = not isinstance(error, Unavailable)
                    log.error("cannot follow the log; trying again", error=str(error), seconds=pause, exc_info=trace)
                    await asyncio.sleep(pause)
                    pause = min(2 * pause, _SLOWEST)
                    continue
                if not await self._woken(more):
                    continue
                # A round costs about the same for one event as for a hundred, and it shares the processor with intake.
                await asyncio.sleep(_REST)
        finally:
            unsubscribe()

    async def _woken(self, more: asyncio.Event) -> bool:
        """Wait for more events; False where the lists went away meanwhile."""
        while not more.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(_LOOK):
                    await more.wait()
            if not self._in_place():
                return False
        return True

    def _in_place(self) -> bool:
        """Whether the lists are those that are followed; whoever else reads them may have found them gone."""
        return self._lists.in_place and self._lists.opened == self._opened

    async def catch_up(self) -> int:
        """Take in everything there is; the position reached. Safe to call while :meth:`run` runs."""
        more = True
        while more:
            async with self._alone:
                more = await self._step()
        self._level.set()
        return self._position

    @property
    def begun(self) -> bool:
        """Whether the lists have this version's shape: the first thing that following does."""
        return self._begun

    async def level(self) -> None:
        """Wait until everything that was there was taken in for the first time."""
        await self._level.wait()

    async def forget(self) -> None:
        """Let go of what is in memory: it is read anew out of the log and the projections, as after a start."""
        async with self._alone:
            self._position = -1

    async def rebuild(self) -> None:
        """Drop the projections and make them again; numbers stay, and nothing is announced a second time."""
        async with self._alone:
            await self._write(shape.emptied)
            self._position = -1
            self._attempts.clear()
            while await self._step():
                pass

    async def _step(self) -> bool:
        """One round; whether there may be more to read."""
        file = 0
        try:
            if self._position >= 0 and not self._in_place():
                raise ListsRemoved("another reader found them removed")
            if self._position < 0:
                await self._open()
            file = self._opened
            if self._settled and self._position >= self._quiet:
                await self._outbox.say()
                await self._settle()
            round_input, went_out = await self._go_on()
            if round_input is None:
                return went_out or await self._place()
            # What is announced must be on the disk before; most of what regroups is.
            durable = round_input.last > self._quiet and round_input.changes.regroups
            outcome = await self._lists.write(lambda c: self._commit(c, round_input), durable=durable)
        except BaseException as error:
            # What is in memory may be ahead of what was kept.
            self._position = -1
            # Another reader of this process may hear first that the file is gone, and have had the next one made.
            replaced = isinstance(error, Exception) and file and self._lists.opened != file
            if replaced or isinstance(error, ListsRemoved):
                log.warning("the lists are gone; making them anew out of the log", reason=str(error))
                return True
            if await self._attempts.blame(error):
                return True
            raise
        for position in round_input.damaged:
            # Once for each event, since none is followed twice; whoever reads it later sees it as well.
            log.error("the stored content of an event cannot be read; run timelined verify", position=position)
        # Another daemon may have erased: what was said before goes from this one's memory, too.
        self._position = -1 if round_input.erased else outcome.position
        self._note(outcome, durable=durable)
        # What comes after the log was asked for its length wakes this loop by itself.
        at_end = 0 <= self._head <= self._position and not self._settled
        return went_out or not at_end or self._outbox.unsaid or self._placeable

    async def _place(self) -> bool:
        """Place what no service and no reference places, in the incidents that are due; whether more is to be done.

        Only once the log is followed to its end: it takes a whole incident to say whose a thing is.
        """
        decisions = await self._lists.query(self._decide)
        self._placeable = len(decisions) >= placing.TOGETHER
        if not decisions:
            return False
        self._note(await self._write(lambda c: self._commit_placed(c, decisions)), durable=False)
        return self._outbox.unsaid or self._placeable

    def _decide(self, connection: Connection) -> list[placing.Decision]:
        deciding = placing.Deciding(connection, self._rules, self._catalog)
        return [deciding.decide(number) for number in placing.due(connection)]

    def _commit_placed(self, connection: Connection, decisions: Sequence[placing.Decision]) -> Outcome:
        moved = placing.write_decisions(connection, decisions, self._position)
        keys = {decision.number: decision.key for decision in decisions if decision.alive}
        news = list(announcements.placement_news(moved, keys, self._position)) if self._position > self._quiet else []
        waiting = self._outbox.put(connection, news)
        return Outcome(self._position, tuple(sorted({move.number for move in moved})), news=waiting)

    def _note(self, outcome: Outcome, *, durable: bool) -> None:
        """Note what was written, and tell those who listen."""
        self._outbox.on_commit(outcome.news, durable=durable)
        self._placeable = self._placeable or outcome.placeable
        self._call_listeners(outcome)

    async def _go_on(self) -> tuple[RoundInput | None, bool]:
        """The next round, None where there is nothing to read; and whether anything was announced meanwhile.

        The news of the round before is announced while the next events are read. Where none are known to wait, it is
        announced first, and is itself what comes next.
        """
        self._attempts.end()
        if self._position >= self._head:
            own, after = await self._outbox.say(), self._position
            if own and (own[0].position, own[-1].position) == (after + 1, after + len(own)):
                # None of it is grouped and nothing of it has to be read: nobody has to know that we are at it.
                self._head = own[-1].position
                return round_of(own, Changes(), self._catalog), False
        saying = asyncio.create_task(self._outbox.say())
        try:
            round_input = await self._lists.write_then_read(self._note_attempt, self._take)
        except asyncio.CancelledError:
            saying.cancel()
            await asyncio.wait([saying])
            raise
        except BaseException:
            # Cut off, an announcement could reach the log all the same, after its numbers were looked for there.
            await asyncio.gather(saying, return_exceptions=True)
            raise
        try:
            return round_input, bool(await saying)
        except Exception:
            self._attempts.end()
            raise

    def _note_attempt(self, connection: Connection) -> bool:
        """Note which events are taken next; whether there are any."""
        end, first = self._position + self._size(), self._position + 1
        # A log only grows: a long one is not asked for its length at each round.
        if end > self._head:
            self._head = queries.head(connection)
        last = min(end, self._head)
        if first <= last:
            self._attempts.note(connection, first, last)
        return first <= last

    def _size(self) -> int:
        """How many events to read in the next round."""
        unheard = self._quiet - self._position
        size = min(self._batch, unheard) if unheard > 0 else self._batch
        return self._attempts.size(self._position, size)

    async def rest(self) -> None:
        """See :meth:`Attempts.rest`."""
        await self._attempts.rest()

    async def _write(self, work: Callable[[Connection], T]) -> T:
        """Write lists. Durable is only what is announced (:class:`Outbox`): the rest follows again."""
        return await self._lists.write(work, durable=False)

    def _take(self, connection: Connection) -> RoundInput | None:
        """Read a round's events and take them in; None where there are none.

        All on the thread that writes: events cost less where they were made, and what the rounds before left behind is
        read on the same connection.
        """
        events = queries.read(connection, self._position, self._size())
        if not events:
            return None
        self._attempts.begin(events)
        store = SqlGroupingStore(connection)
        self._groups.evict(self._crowded)
        changes = self._groups.take((e for e in events if e.source != MACHINE and e.position not in store.aside), store)
        return round_of(events, changes, self._catalog, store.aside)

    async def _open(self) -> None:
        """Go on where following stopped. A log whose lists are gone is read from its beginning, and nothing of that is
        announced."""
        unusable = await self._lists.query(shape.unusable)
        # Whatever takes their place from here on is opened anew.
        self._opened = self._lists.opened
        if unusable:
            remade = await self._write(shape.fit)
            if remade:
                log.warning("the lists are another version's or another log's; making them anew out of the log")
        self._begun = True
        cursor, numbered = await self._lists.query(lambda c: (read_cursor(c), shape.has_numbers(c)))
        if cursor is None:
            quiet, settled = (0, 0) if numbered else await self._recover_numbers()
            cursor = Cursor(0, quiet, settled, self._digest)
        if cursor.rules != self._digest and cursor.position > 0:
            log.warning("the rules of grouping changed; what is grouped already stays so until timelined db rebuild")
        # Once other rules grouped any of it, the lists are those of no one set of rules until a rebuild.
        self._grouped_by = cursor.rules if cursor.position > 0 else self._digest
        self._groups.forget(complete=cursor.position == 0, settled=cursor.settled)
        self._quiet, self._settled, self._head = cursor.quiet, cursor.settled, 0
        self._position, self._placeable = cursor.position, True
        self._outbox.forget()
        self._call_listeners(Outcome(cursor.position))
        await self._attempts.recall()

    async def _settle(self) -> None:
        """The log was read again up to where it was: say what was not announced of it.

        What has a new number was not: its number was lost with lists that were deleted, or other rules made it.
        """
        first, cause = self._settled, self._position
        await self._write(lambda connection: self._outbox.put(connection, numbers.settle(connection, first, cause)))
        self._groups.forget()
        self._settled = 0
        self._outbox.forget()

    async def _recover_numbers(self) -> tuple[int, int]:
        """Take the numbers that our own events name; the position of the last thing we said, and the next number."""
        last, rows = await self._lists.query(lambda c: (numbers.last_announcement(c), numbers.announced(c)))
        if rows:
            await self._write(lambda connection: shape.give_numbers(connection, rows))
        return last, max((row.number for row in rows), default=0) + 1 if last else 0

    def _commit(self, connection: Connection, round_input: RoundInput) -> Outcome:
        """Write a round: what changed, what is to be said of it, and how far we are."""
        position = round_input.last
        outcome = self._commit_groups(connection, round_input) if round_input.grouped else Outcome(position)
        if not round_input.grouped:
            index_events(connection, round_input.rows)
            self._outbox.put(connection, ())
        leaf = shape.leaf_at(connection, position)
        put(connection, tables.cursor, [(1, position, self._quiet, self._settled, self._grouped_by, leaf)])
        return outcome

    def _commit_groups(self, connection: Connection, round_input: RoundInput) -> Outcome:
        position, changes = round_input.last, round_input.changes
        before = numbers.former_incidents(connection, {*changes.numbers, *changes.incidents})
        spans = {number: incident.span for number, incident in before.items()}
        placed_by = placing.FormerPlacing(connection, changes, spans)
        write(connection, changes)
        index_events(connection, round_input.rows)
        write_news(connection, round_input.first, position)
        read = placing.Positions(round_input.first, position, round_input.amended)
        placeable = placing.note_due(connection, changes, placed_by, read, self._rules)
        news = list(announcements.news(changes, before, position)) if position > self._quiet else []
        return Outcome(
            position, announcements.changed(changes, before), announcements.resolved(changes, before),
            self._outbox.put(connection, news), placeable,
        )  # fmt: skip

    def _call_listeners(self, outcome: Outcome) -> None:
        for progress in tuple(self._on_progress):
            progress(outcome.position, outcome.resolved)
        for listeners, incidents in ((self._on_changed, outcome.changed), (self._on_resolved, outcome.resolved)):
            for listener in tuple(listeners):
                for number in incidents:
                    listener(number)
