"""Texts that are dear to make, kept by a digest of all that they are made from.

Whoever asks for one while it is being made waits for it instead of making it
again. What was asked for longest ago goes first where there is no more room.
The document of the page that was made last is kept for a minute: whoever zooms
in its picture asks for the same one again and again.
"""

from __future__ import annotations

import asyncio
import zlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from typing import Any, TypeVar

import msgspec

from renderers.document import Document

T = TypeVar("T")
ROOM = 8 << 20
"""Bytes of compressed texts that are kept."""
LOOKED = 60.0
"""How long a document is kept that nobody asks for again, in seconds."""
_VIEWS = 256
"""Of how many views it is known what they show."""


class LaidDocument(msgspec.Struct, frozen=True):
    """A document, and what of its page is the same whatever is shown of it."""

    document: Document
    unviewed: str


class LastDocument:
    """The document that was asked for last, until nobody asked for a minute."""

    def __init__(self) -> None:
        self._digest: bytes | None = None
        self._laid: LaidDocument | None = None
        self._end: asyncio.TimerHandle | None = None

    def of(self, digest: bytes) -> LaidDocument | None:
        """The one that is kept, if it is of this digest."""
        return self._laid if self._digest == digest else None

    def keep(self, digest: bytes, laid: LaidDocument) -> None:
        """Keep this one instead."""
        self.forget()
        self._digest, self._laid = digest, laid
        self._end = asyncio.get_running_loop().call_later(LOOKED, self.forget)

    def forget(self) -> None:
        """Let go of it."""
        if self._end is not None:
            self._end.cancel()
        self._digest = self._laid = None


class TextCache:
    """Texts by key; the key has to change with whatever changes the text."""

    def __init__(self, room: int = ROOM) -> None:
        self._room = room
        self._size = 0
        self._texts: OrderedDict[Hashable, bytes] = OrderedDict()
        self._making: dict[Hashable, asyncio.Task[bytes]] = {}
        self._digests: OrderedDict[Hashable, bytes] = OrderedDict()
        self._reading: dict[Hashable, asyncio.Future[Any]] = {}
        self.last = LastDocument()

    def __contains__(self, key: Hashable) -> bool:
        return key in self._texts or key in self._making

    async def text(self, key: Hashable, make: Callable[[], str]) -> str:
        """The text of a key: what is kept, or what ``make`` gives in a thread. Raises what ``make`` raises."""
        packed = self._texts.get(key)
        if packed is not None:
            self._texts.move_to_end(key)
        else:
            # Not cancelled with whoever asked first: others may wait for it.
            packed = await asyncio.shield(self._task(key, make))
        return await asyncio.to_thread(lambda: zlib.decompress(packed).decode())

    def digest(self, source: Hashable) -> bytes | None:
        """The digest of what is read at a source; None where that was not read."""
        return self._digests.get(source)

    async def learned(
        self, source: Hashable, read: Callable[[], Awaitable[tuple[bytes, T] | None]]
    ) -> tuple[bytes, T] | None:
        """What ``read`` gives of a source, with its digest, which is known from then on: read once for all who ask
        meanwhile."""
        if source not in self._reading:
            reading = self._reading[source] = asyncio.ensure_future(read())
            reading.add_done_callback(lambda done: self._learn(source, done))
        found: tuple[bytes, T] | None = await asyncio.shield(self._reading[source])
        return found

    def _learn(self, source: Hashable, future: asyncio.Future[Any]) -> None:
        del self._reading[source]
        if not future.cancelled() and future.exception() is None and future.result() is not None:
            self._digests[source] = future.result()[0]
            while len(self._digests) > _VIEWS:
                self._digests.popitem(last=False)

    def _task(self, key: Hashable, make: Callable[[], str]) -> asyncio.Task[bytes]:
        if key not in self._making:
            making = asyncio.create_task(asyncio.to_thread(lambda: zlib.compress(make().encode(), 1)))
            self._making[key] = making
            making.add_done_callback(lambda done: self._keep(key, done))
        return self._making[key]

    def _keep(self, key: Hashable, task: asyncio.Task[bytes]) -> None:
        del self._making[key]
        if task.cancelled() or task.exception() is not None:
            return
        self._texts[key] = task.result()
        self._size += len(task.result())
        while self._size > self._room:
            self._size -= len(self._texts.popitem(last=False)[1])
