"""How much memory the daemon takes while nothing restarts."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from statistics import median

from tests.soak.unit import Unit


class Memory:
    """Samples of both processes of a unit, one a second."""

    def __init__(self, unit: Unit) -> None:
        self._unit = unit
        self.samples: list[tuple[float, float]] = []
        """MiB of the daemon, and of the process that follows."""

    async def watch(self) -> None:
        """Sample until it is cancelled."""
        while True:
            pids = (self._unit.process.pid, self._unit.follower_pid())
            self.samples.append((resident(pids[0]), resident(pids[1])))
            await asyncio.sleep(1)

    @property
    def told(self) -> dict[str, list[float]]:
        """The middle of each third, of both processes."""
        names = ("daemon", "follower")
        return {name: [round(each, 1) for each in self._thirds(place)] for place, name in enumerate(names)}

    @property
    def grown(self) -> float:
        """How much more the last third has than the first, of both together."""
        first, last = (sum(self._thirds(place)[third] for place in (0, 1)) for third in (0, 2))
        return last / first - 1

    def _thirds(self, place: int) -> list[float]:
        size = len(self.samples) // 3
        return [median(each[place] for each in self.samples[third * size : (third + 1) * size]) for third in range(3)]


def resident(pid: int) -> float:
    """MiB that a process has in memory; 0 where there is none."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text("ascii").split()[1])
    except (OSError, IndexError):
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20
