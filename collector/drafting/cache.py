"""Texts that are dear to make, kept by a digest of all that they are made from.

Whoever asks for one while it is being made waits for it instead of making it
again. What was asked for longest ago goes first where there is no more room.
"""

from __future__ import annotations

import asyncio
import zlib
from collections import OrderedDict
from collections.abc import Callable

ROOM = 8 << 20
"""Bytes of compressed texts that are kept."""


class TextCache:
    """Texts by key; the key has to change with whatever changes the text."""

    def __init__(self, room: int = ROOM) -> None:
        self._room = room
        self._size = 0
        self._texts: OrderedDict[bytes, bytes] = OrderedDict()
        self._making: dict[bytes, asyncio.Task[bytes]] = {}

    async def text(self, key: bytes, make: Callable[[], str]) -> str:
        """The text of a key: what is kept, or what ``make`` gives in a thread. Raises what ``make`` raises."""
        packed = self._texts.get(key)
        if packed is not None:
            self._texts.move_to_end(key)
        else:
            # Not cancelled with whoever asked first: others may wait for it.
            packed = await asyncio.shield(self._made(key, make))
        return await asyncio.to_thread(lambda: zlib.decompress(packed).decode())

    def _made(self, key: bytes, make: Callable[[], str]) -> asyncio.Task[bytes]:
        if key not in self._making:
            making = asyncio.create_task(asyncio.to_thread(lambda: zlib.compress(make().encode(), 1)))
            self._making[key] = making
            making.add_done_callback(lambda done: self._keep(key, done))
        return self._making[key]

    def _keep(self, key: bytes, done: asyncio.Task[bytes]) -> None:
        del self._making[key]
        if done.cancelled() or done.exception() is not None:
            return
        self._texts[key] = done.result()
        self._size += len(done.result())
        while self._size > self._room:
            self._size -= len(self._texts.popitem(last=False)[1])
