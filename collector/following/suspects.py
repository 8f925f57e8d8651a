"""The one event of a batch that grouping cannot take, found so that all others are grouped.

A batch that fails is read again in halves; one over which the process ended, in sixteenths, since each end costs a
start. Most ends are no event's doing (somebody killed the process, or the machine stopped), so a batch is not taken
event by event at once; and where the daemon ended with its follower, it accuses none but for the second time. An event
that fails alone three times is set aside: grouping goes on as if it were not there, until the lists are made anew. A
database that is away accuses no event.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from collector.errors import TimelinedError
from collector.storage.outage import is_outage

TRIES = 3
"""How often an event fails alone before it is set aside."""
_PORTIONS = 16
"""In how many portions a batch is taken over which a process ended."""


class Attempt(NamedTuple):
    """A round, as it is noted before it is taken."""

    first: int
    last: int
    tries: int
    """How often before a process ended over the first alone."""
    life: str
    """Of the daemon whose follower took it."""
    ends: int
    """How often before a daemon ended over it, and its follower with it."""


class Suspects:
    """What is read together while one event of a batch is looked for."""

    def __init__(self) -> None:
        self._until = -1
        """The last position of the batch that failed."""
        self._size = 0
        self._tries: dict[int, int] = {}
        self._together = (0, 0)
        """A position, and how often a daemon ended over what begins there."""

    def size(self, position: int, usual: int) -> int:
        """How many events to read after a position, ``usual`` where none is looked for."""
        return min(self._size, usual) if position < self._until else usual

    def ended_together(self, noted: Attempt, life: str) -> bool:
        """Whether the process before the one of ``life`` ended over a round for the first time, and its daemon with it:
        somebody killed that, or the power went. What does so again is no accident."""
        daemon_lives = noted.life == life
        self._together = (noted.first, noted.ends if daemon_lives else noted.ends + 1)
        return not daemon_lives and not noted.ends

    def ends(self, position: int) -> int:
        """How often a daemon ended over what begins at a position."""
        return self._together[1] if position == self._together[0] else 0

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
