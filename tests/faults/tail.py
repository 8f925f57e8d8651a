"""A reader that follows positions over HTTP, through every restart, and keeps all it was shown."""

from __future__ import annotations

import asyncio

import aiohttp
import msgspec

from tests.faults.checker import Observation
from tests.faults.supervisor import reached

_TIMEOUT = aiohttp.ClientTimeout(total=10)


class Tail:
    """Asks for what stands after the last position it was shown, and never for anything else."""

    def __init__(self, address: str) -> None:
        self._address = address
        self.seen: list[Observation] = []
        self.failures = 0
        """Requests that were not answered with a page."""
        self._task: asyncio.Task[None] | None = None

    @property
    def position(self) -> int:
        """The last position it was shown."""
        return self.seen[-1].position if self.seen else 0

    def start(self) -> None:
        """Begin to follow."""
        self._task = asyncio.create_task(self._follow())

    async def stop(self) -> None:
        """Stop following."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def reach(self, position: int) -> None:
        """Wait until it was shown everything up to a position."""
        await reached(position, lambda: self.position, "the position that the tail was shown")

    async def _follow(self) -> None:
        async with aiohttp.ClientSession(timeout=_TIMEOUT) as session:
            while True:
                if not await self._page(session):
                    await asyncio.sleep(0.1)  # the pace of asking; nothing is waited for

    async def _page(self, session: aiohttp.ClientSession) -> bool:
        """Ask once; whether there was more."""
        url = f"{self._address}/api/v1/events?after={self.position}&limit=1000"
        try:
            async with session.get(url) as answer:
                raw = await answer.read()
        except (aiohttp.ClientError, OSError, TimeoutError):
            self.failures += 1
            return False
        if answer.status != 200:
            self.failures += 1
            return False
        page = msgspec.json.decode(raw)["events"]
        self.seen += [Observation(each["position"], each["id"], each["revision"]) for each in page]
        return bool(page)
