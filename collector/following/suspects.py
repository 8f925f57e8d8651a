"""The one event of a batch that grouping cannot take, found so that all others are grouped.

A batch that fails is read again in halves; one over which the process ended, in sixteenths, since each end costs a
start. Most ends are no event's doing (somebody killed the process, or the machine stopped), so a batch is not taken
event by event at once. An event that fails alone three times is set aside: grouping goes on as if it were not there,
until the lists are made anew. A database that is away accuses no event.
"""

from __future__ import annotations

from collections.abc import Sequence

from collector.errors import TimelinedError
from collector.storage.outage import is_outage

TRIES = 3
"""How often an event fails alone before it is set aside."""
_PORTIONS = 16
"""In how many portions a batch is taken over which a process ended."""


class Suspects:
    """What is read together while one event of a batch is looked for."""

    def __init__(self) -> None:
        self._until = -1
        """The last position of the batch that failed."""
        self._size = 0
        self._tries: dict[int, int] = {}

    def size(self, position: int, usual: int) -> int:
        """How many events to read after a position, ``usual`` where none is looked for."""
        return min(self._size, usual) if position < self._until else usual

    def ended_over(self, first: int, last: int, tries: int) -> bool:
        """An earlier process ended while it took these; ``tries`` is how often one did so before over the first alone.
        Whether that is to be set aside."""
        self._until, self._size = max(self._until, last), max(1, (last - first + 1) // _PORTIONS)
        if first == last:
            self._tries[first] = tries + 1
        return first == last and tries + 1 >= TRIES

    def tries(self, position: int) -> int:
        """How often this one failed alone."""
        return self._tries.get(position, 0)

    def blame(self, positions: Sequence[int]) -> int | None:
        """These failed together: read fewer of them. The answer is one to be set aside, if there is one."""
        if len(positions) > 1:
            self._until, self._size = max(self._until, positions[-1]), len(positions) // 2
            return None
        position = positions[0]
        self._tries[position] = self._tries.get(position, 0) + 1
        if self._tries[position] < TRIES:
            return None
        del self._tries[position]
        return position


def accuses_an_event(error: BaseException) -> bool:
    """Whether an error may be an event's doing, and not a stop's, the database's, or one that we know."""
    return isinstance(error, Exception) and not isinstance(error, TimelinedError) and not is_outage(error)
