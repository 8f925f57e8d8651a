"""The log as a reader may see it: without what belongs to incidents that are private to others.

For whoever may read everything it is the log itself. For others a delivery
that told anything hidden is hidden whole: its body has it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from collector.event import RecordedEvent
from collector.log import Delivery, EventLog, Repeats
from collector.projections import Projections
from collector.projections.privacy import Hidden, query, read_ids

T = TypeVar("T")


class SeenLog:
    """What web pages and the API read of the log."""

    def __init__(self, log: EventLog, lists: Projections) -> None:
        self._log, self._lists = log, lists

    async def head(self) -> int:
        """The last position, 0 for an empty log."""
        return await self._log.head()

    def subscribe(self, wake: Callable[[], None]) -> Callable[[], None]:
        """See :meth:`EventLog.subscribe`."""
        return self._log.subscribe(wake)

    async def read_ids(self, ids: Sequence[str], as_of: int | None = None) -> list[RecordedEvent]:
        """See :meth:`EventLog.read_ids`."""
        return await read_ids(self._log, await self._lists.hidden(), ids, as_of)

    async def query(self, work: Callable[[Any], T]) -> T:
        """See :meth:`EventLog.query`."""
        return await query(self._log, await self._lists.hidden(), work)

    async def repeats(self, ids: Sequence[str]) -> dict[str, Repeats]:
        """See :meth:`EventLog.repeats`."""
        hid = await self._lists.hidden()
        return await self._log.repeats([each for each in ids if each not in hid.events])

    async def deliveries(
        self, *, source: str | None = None, status: str | None = None, before: str | None = None, limit: int = 50
    ) -> list[Delivery]:
        """See :meth:`EventLog.deliveries`."""
        hid = await self._lists.hidden()
        deliveries: list[Delivery] = []
        while len(deliveries) < limit:
            page = await self._log.deliveries(source=source, status=status, before=before, limit=limit)
            deliveries += [each for each in page if _is_seen(each, hid)]
            if len(page) < limit:
                break
            before = page[-1].id
        return deliveries[:limit]

    async def delivery(self, delivery_id: str) -> Delivery | None:
        """See :meth:`EventLog.delivery`."""
        found = await self._log.delivery(delivery_id)
        return found if found is None or _is_seen(found, await self._lists.hidden()) else None

    async def body(self, delivery_id: str) -> bytes | None:
        """See :meth:`EventLog.body`."""
        return None if await self.delivery(delivery_id) is None else await self._log.body(delivery_id)


def _is_seen(delivery: Delivery, hid: Hidden) -> bool:
    """Whether nothing that it told is hidden, or not grouped yet."""
    return not hid or all(item.event_id not in hid.events and item.position <= hid.position for item in delivery.items)
