"""Intervals by their start, asked who covers a moment.

Blocks of a hundred or so remember how far the longest of them reaches, so that
a question passes by those that ended before, however many there are.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator

_FULL = 128
Order = tuple[int, str]
"""Start and id."""


class Spans:
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
        return max(0, bisect_right(self._blocks, order, key=lambda block: block[0]) - 1)

    def covering(self, before: Order, moment: int) -> Iterator[str]:
        """Ids of entries before ``before`` that cover ``moment``, latest first."""
        for at in range(self._at(before), -1, -1):
            if self._tops[at] < moment:
                continue
            block = self._blocks[at]
            found = False
            for order in reversed(block[: bisect_left(block, before)]):
                if self._cover[order[1]] >= moment:
                    found = True
                    yield order[1]
            if not found:
                self._tops[at] = max((self._cover[order[1]] for order in block), default=0)

    def overlapping(self, low: int, high: int) -> Iterator[str]:
        """Ids of entries that start by ``high`` and cover ``low`` or later, latest first."""
        return self.covering((high + 1, ""), low)

    def after(self, order: Order, high: int) -> Iterator[str]:
        """Ids of entries after ``order`` that start by ``high``, earliest first."""
        for at in range(self._at(order), len(self._blocks)):
            block = self._blocks[at]
            for start, uid in block[bisect_right(block, order) :]:
                if start > high:
                    return
                yield uid
