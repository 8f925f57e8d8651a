"""What the follower has to say: it waits in the lists until the log has it.

It is written with the round that it is true after, and appended after that round is on the disk: the log must never
know a number that a power cut takes from the lists. Cut off in between, it is said again under the same ids, and
stored once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec
from sqlalchemy import Connection, select, update

from collector.event import MACHINE, Event, RecordedEvent
from collector.following import announcements
from collector.log import Answer, Submission, receipt_of
from collector.projections import Lists, tables
from collector.projections.tables import put, remove
from collector.storage.sql import rows_of

News = tuple[tuple[str, bytes], ...]
"""Ids and events."""

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(RecordedEvent).decode

_WAITING = select(tables.outbox.c.id, tables.outbox.c.body)
_TOUCH = update(tables.cursor).values(one=tables.cursor.c.one)
"""Changes nothing, and has something to commit."""


class AppendableLog(Protocol):
    """What the follower appends to, and is woken by; what it reads it reads beside the lists."""

    async def append(self, submissions: Sequence[Submission]) -> Sequence[Answer]:
        """See :meth:`collector.log.EventLog.append`; who keeps nothing of it answers nothing."""

    def subscribe(self, wake: Callable[[], None]) -> Callable[[], None]:
        """See :meth:`collector.log.EventLog.subscribe`."""


class Outbox:
    """What waits to be said, as its only owner knows it without looking each time."""

    def __init__(self, lists: Lists, log: AppendableLog, clock: Callable[[], int]) -> None:
        self._lists, self._log, self._clock = lists, log, clock
        self.forget()

    def forget(self) -> None:
        """Know nothing: what waits has to be looked up."""
        self.unsaid = True
        """Whether something may wait."""
        self._news: News | None = None
        self._durable = False
        """Whether a power cut leaves the round in the lists that the news is of."""
        self._announced: list[tuple[str]] = []
        """What was said, and still stands among what waits."""

    def put(self, connection: Connection, news: Sequence[Event]) -> News:
        """Have this wait, and no longer what was said: with a round, whose commit is told by :meth:`on_commit`."""
        waiting = tuple([(event.id, _encode(event)) for event in news])
        remove(connection, self._announced, tables.outbox.c.id)
        put(connection, tables.outbox, waiting)
        return waiting

    def on_commit(self, news: News, *, durable: bool) -> None:
        """A round was committed, with what :meth:`put` gave for it."""
        self.unsaid, self._news, self._durable, self._announced = bool(news), news, durable, []

    async def say(self) -> list[RecordedEvent]:
        """Append what waits; the answer is what was new to the log, as that has it now.

        It comes back as events: the round that takes those in writes that it waits no longer.
        """
        if not self.unsaid:
            return []
        if self._news is None:
            rows = await self._lists.query(lambda connection: rows_of(connection, _WAITING))
            self._news, self._durable = tuple([(row.id, row.body) for row in rows]), False
        events: list[RecordedEvent] = []
        if self._news:
            events = await self._append(self._news)
            self._announced = [(identity,) for identity, _ in self._news]
        self.unsaid, self._news = False, ()
        return events

    async def _append(self, news: News) -> list[RecordedEvent]:
        if not self._durable:
            await self._lists.write(lambda connection: connection.execute(_TOUCH), durable=True)
        events = tuple(sorted((_decode(body) for _, body in news), key=announcements.speaking_order))
        submission = Submission(source=MACHINE, received_at=self._clock(), events=events)
        receipts = map(receipt_of, await self._log.append([submission]))
        items = [item for receipt in receipts for item in receipt.items]
        return [
            msgspec.structs.replace(event, position=item.position, received_at=submission.received_at)
            for event, item in zip(events, items, strict=False)
            if not item.stored_before
        ]
