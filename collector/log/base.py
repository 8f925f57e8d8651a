"""What every back end answers alike, once it can run a query and knows when to wake.

A back end derives from :class:`BaseLog` and supplies :meth:`BaseLog.query`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from sqlalchemy import Connection

from collector.event import RecordedEvent
from collector.log import queries
from collector.log.appending import Appended, append_singly
from collector.log.contract import Delivery, Repeats, Submission
from collector.storage.outage import may_be_of_a_value
from collector.telemetry.crashes import Crashes

T = TypeVar("T")


class BaseLog:
    """The reading half of :class:`collector.log.EventLog`, and the wake-ups of those who follow."""

    def __init__(self) -> None:
        self._wakes: list[Callable[[], None]] = []
        self._crashes = Crashes()

    async def query(self, work: Callable[[Connection], T]) -> T:
        """See :meth:`collector.log.EventLog.query`."""
        raise NotImplementedError

    def subscribe(self, wake: Callable[[], None]) -> Callable[[], None]:
        """See :meth:`collector.log.EventLog.subscribe`."""
        self._wakes.append(wake)
        return lambda: self._wakes.remove(wake)

    def _wake(self) -> None:
        for wake in tuple(self._wakes):
            wake()

    def _note(self, error: Exception, submissions: Sequence[Submission]) -> None:
        """Say what broke a batch, unless a value may have: which one, and whose, is found by taking them singly."""
        if not may_be_of_a_value(error):
            sources = ", ".join(sorted({submission.source for submission in submissions}))
            self._crashes.note("cannot store deliveries together: a mistake of ours", sources, error)

    def _singly(self, connection: Connection, submissions: Sequence[Submission]) -> Appended:
        """See :func:`collector.log.appending.append_singly`."""
        return append_singly(connection, submissions, self._crashes)

    async def head(self) -> int:
        return await self.query(queries.head)

    async def read(self, after: int = 0, limit: int = 1000) -> list[RecordedEvent]:
        return await self.query(lambda c: queries.read(c, after, limit))

    async def read_ids(self, ids: Sequence[str], as_of: int | None = None) -> list[RecordedEvent]:
        return await self.query(lambda c: queries.read_ids(c, ids, as_of))

    async def deliveries(
        self, *, source: str | None = None, status: str | None = None, before: str | None = None, limit: int = 50
    ) -> list[Delivery]:
        return await self.query(
            lambda c: queries.deliveries(c, source=source, status=status, before=before, limit=limit)
        )

    async def delivery(self, delivery_id: str) -> Delivery | None:
        return await self.query(lambda c: queries.delivery(c, delivery_id))

    async def body(self, delivery_id: str) -> bytes | None:
        return await self.query(lambda c: queries.body(c, delivery_id))

    async def repeats(self, ids: Sequence[str]) -> dict[str, Repeats]:
        return await self.query(lambda c: queries.repeats(c, ids))
