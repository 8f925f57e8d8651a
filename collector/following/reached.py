"""How far the lists are, for those who wait until they are further."""

from __future__ import annotations

import asyncio


class Reached:
    """A position, and who waits for it."""

    def __init__(self) -> None:
        self.position = -1
        """The last one that the lists have taken in; below 0 before they were there."""
        self._moved = asyncio.Event()

    def move(self, position: int) -> None:
        """The lists are here now: further, or back where they are made anew."""
        self.position = position
        moved, self._moved = self._moved, asyncio.Event()
        moved.set()

    async def wait(self, position: int, patience: float) -> bool:
        """Wait until the lists have a position, or so many seconds; whether they have."""
        try:
            async with asyncio.timeout(max(0.0, patience)):
                while self.position < position:
                    await self._moved.wait()
        except TimeoutError:
            return False
        return True
