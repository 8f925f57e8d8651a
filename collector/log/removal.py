"""Which contents may be absent, by what the log itself records: how ``verify`` tells the removed from the lost.

A content that is absent and not accounted for here was lost. The rules, in
full:

- An **event's** content may be absent if a revision above it has the amendment
  ``erasure``. That revision's own content must be there, unless a further
  erasure stands above it.
- A **delivery's** body may be absent if its row says that none was kept
  (``content`` is 0: it told an event that was erased before), or
- a ``delivery.erased`` event names its number: in ``data.deliveries``, pairs of
  the first and the last number of a row of deliveries, both included; or
- a ``delivery.expired`` event of its source covers it: its number is within
  ``data.first`` … ``data.last`` (both included), and ``data.kind`` is
  ``deliveries``, or is ``repeats`` and the delivery told nothing new (it told
  something, and all of it was known).

These two kinds of events cannot be erased, corrected or retracted. An event
covers what it names whether or not a body was there to remove, so they account
for absence and never prove that something was once present; the delivery's
commitment does that.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence

from sqlalchemy import Connection

from collector.event import RecordedEvent
from collector.log import reading
from collector.log.store import TOLD

ERASED, EXPIRED = "delivery.erased", "delivery.expired"
REPEATS, DELIVERIES = "repeats", "deliveries"
"""What a retention removes: deliveries that told nothing new, or all of them."""


class Removals:
    """What the log records of removed bodies. Made of every ``delivery.*`` event, in any order."""

    def __init__(self, recorded: Iterable[RecordedEvent]) -> None:
        self._erased: list[tuple[int, int]] = []
        self._expired: dict[tuple[str, str], list[tuple[int, int]]] = {}
        for event in recorded:
            if event.type == ERASED:
                self._erased += [(first, last) for first, last in event.data.get("deliveries", ())]
            elif event.type == EXPIRED:
                key = (str(event.data.get("source")), str(event.data.get("kind")))
                span = (int(event.data.get("first", 0)), int(event.data.get("last", -1)))
                self._expired.setdefault(key, []).append(span)
        self._erased = _joined(self._erased)
        self._expired = {key: _joined(spans) for key, spans in self._expired.items()}

    def account_for(self, number: int, source: str, told: bytes) -> str:
        """Why the body of a delivery may be absent: ``erased``, ``expired``, or empty where nothing accounts for it.

        ``told`` is the delivery's row's list of what it told.
        """
        if _within(self._erased, number):
            return "erased"
        kinds = (DELIVERIES, REPEATS) if is_repeat(told) else (DELIVERIES,)
        expired = any(_within(self._expired.get((source, kind), ()), number) for kind in kinds)
        return "expired" if expired else ""

    def reached(self, source: str, kind: str) -> int:
        """The last delivery of a source that a retention of this kind has covered; 0 for none."""
        return max((last for _, last in self._expired.get((source, kind), ())), default=0)


def recorded_removals(connection: Connection) -> Removals:
    """What the log records. Reads the kinds of all events once, so it takes longer in a larger log."""
    statement = "SELECT id FROM event WHERE type IN (?, ?)"
    ids = [bytes(one).hex() for one in connection.exec_driver_sql(statement, (ERASED, EXPIRED)).scalars()]
    return Removals(reading.read_ids(connection, ids))


def is_repeat(told: bytes) -> bool:
    """Whether a delivery told something, and nothing new."""
    return bool(told) and all(known for _, _, known in TOLD.iter_unpack(told))


def _joined(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Spans that do not overlap, in order."""
    found: list[tuple[int, int]] = []
    for first, last in sorted(spans):
        if found and first <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(found[-1][1], last))
        else:
            found.append((first, last))
    return found


def _within(spans: Sequence[tuple[int, int]], number: int) -> bool:
    at = bisect_right(spans, (number, 1 << 63)) - 1
    return at >= 0 and spans[at][0] <= number <= spans[at][1]
