"""Intervals by their start, asked who covers a moment.

Blocks of a hundred or so remember how far the longest of them reaches, so that
a question passes by those that ended before, however many there are.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator
from operator import itemgetter

_FULL = 128
_FIRST = itemgetter(0)
Order = tuple[int, str]
"""Start and id."""
LAST = "\U0010ffff"
"""An id after all others."""
FAR = 1 << 62
"""A moment after all others."""


class IntervalIndex:
    """Entries (start, id), each covering from its start to a moment that may change."""

    __slots__ = ("_blocks", "_cover", "_tops")

    def __init__(self) -> None:
        self._blocks: list[list[Order]] = [[]]
        self._tops: list[int] = [0]
        self._cover: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._cover)

    def put(self, order: Order, cover: int) -> None:
        """Add an entry, or change how far it covers."""
        at = self._at(order)
        if order[1] not in self._cover:
            block = self._blocks[at]
            insort(block, order)
            if len(block) > _FULL:
                half = len(block) // 2
                self._blocks[at : at + 1] = [block[:half], block[half:]]
                self._tops.insert(at, self._tops[at])
                at = self._at(order)
        self._cover[order[1]] = cover
        # A block's top may be too high after an entry shrank; it is never too low.
        self._tops[at] = max(self._tops[at], cover)

    def drop(self, order: Order) -> None:
        """Remove an entry, if it is there."""
        if self._cover.pop(order[1], None) is None:
            return
        at = self._at(order)
        self._blocks[at].remove(order)
        if not self._blocks[at] and len(self._blocks) > 1:
            del self._blocks[at], self._tops[at]

    def _at(self, order: Order) -> int:
        if len(self._blocks) == 1:
            return 0
        return max(0, bisect_right(self._blocks, order, key=_FIRST) - 1)

    def covering(self, before: Order, moment: int) -> Iterator[str]:
        """Ids of entries before ``before`` that cover ``moment``, latest first."""
        return (signal_id for _, signal_id in self.covering_orders(before, moment))

    def covering_orders(self, before: Order, moment: int) -> Iterator[Order]:
        """The same entries, each with its start."""
        for at in range(self._at(before), -1, -1):
            if self._tops[at] < moment:
                continue
            block = self._blocks[at]
            covered = False
            for order in reversed(block[: bisect_left(block, before)]):
                if self._cover[order[1]] >= moment:
                    covered = True
                    yield order
            if not covered:
                self._tops[at] = max((self._cover[order[1]] for order in block), default=0)

    def overlapping(self, low: int, high: int) -> Iterator[str]:
        """Ids of entries that start by ``high`` and cover ``low`` or later, latest first."""
        return self.covering((high + 1, ""), low)

    def first(self, until: int, moment: int) -> str | None:
        """The id of the earliest entry that starts by ``until`` and covers ``moment``."""
        for at, block in enumerate(self._blocks):
            if not block or block[0][0] > until:
                return None
            if self._tops[at] < moment:
                continue
            found = next((order for order in block if self._cover[order[1]] >= moment), None)
            if found is not None:
                return found[1] if found[0] <= until else None
            self._tops[at] = max(self._cover[order[1]] for order in block)
        return None

    def after(self, order: Order, high: int) -> Iterator[str]:
        """Ids of entries after ``order`` that start by ``high``, earliest first."""
        return (signal_id for _, signal_id in self.after_orders(order, high))

    def after_orders(self, order: Order, high: int) -> Iterator[Order]:
        """The same entries, each with its start."""
        for at in range(self._at(order), len(self._blocks)):
            block = self._blocks[at]
            for entry in block[bisect_right(block, order) :]:
                if entry[0] > high:
                    return
                yield entry

    def runs(self, order: Order, high: int) -> Iterator[str]:
        """Ids of such entries without those that start while one given before covers them."""
        while (first := next(self.after_orders(order, high), None)) is not None:
            yield first[1]
            order = (max(first[0], self._cover[first[1]]), LAST)

    def until(self, signal_id: str) -> int:
        """How far an entry covers."""
        return self._cover[signal_id]
