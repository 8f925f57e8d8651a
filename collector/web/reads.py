"""Reads within bounds, so that readers never keep a webhook waiting nor fill the memory.

A few answers are made at once; the others wait for their turn, briefly, and are
asked to come again. Between two pieces of an answer webhooks go first. A large
answer is sent piece by piece as its reader takes it; how many bytes of such
answers there are at once is bounded, and a reader that takes nothing is let go.
"""

from __future__ import annotations

import asyncio
import random
import weakref
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import msgspec
from aiohttp import payload, web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.typedefs import Handler

from collector.errors import Unavailable
from collector.web.places import STREAMS, is_api, is_page

PIECE = 64 << 10
"""Bytes that are sent at once; an answer of more is a large one."""
_STEP = 0.002
"""Seconds between two looks whether webhooks are being taken."""


class ReadLimits(msgspec.Struct, frozen=True, kw_only=True):
    """How much reading is done at once. Sizes in bytes, times in seconds."""

    answers: int = 2
    """Answers that are made at once: each takes the interpreter from those who send webhooks."""
    waiting: int = 1000
    """Requests that may wait for their turn."""
    patience: float = 5.0
    """How long one waits at most."""
    bytes: int = 64 << 20
    """Large answers that are not sent yet."""
    page: int = 4 << 20
    """What a page of a list may have: it ends before its limit, and its cursor says where to go on."""
    courtesy: float = 0.02
    """How long a piece of an answer waits for webhooks that are being taken."""
    stall: float = 30.0
    """How long a reader may take nothing of a large answer."""


class Reads:
    """The answers to reads that are being made, and what of them is not sent yet."""

    def __init__(self, limits: ReadLimits) -> None:
        self.limits = limits
        self.slots = asyncio.Semaphore(limits.answers)
        """What those have that are being made."""
        self.waiting = 0
        """Requests that wait for their turn."""
        self.bytes = 0
        """Bytes of large answers that are not sent yet."""
        self.webhooks = 0
        """Webhooks that are being taken; whoever takes one counts here, and reads give way."""

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """The right to make one answer. Raises :class:`Unavailable` where too many wait, or for too long."""
        if self.waiting >= self.limits.waiting or self.bytes >= self.limits.bytes:
            raise _busy()
        # Not all who came together give up together: their next tries would come together, too.
        patience = self.limits.patience * random.uniform(0.5, 1.0)  # noqa: S311 - nothing is to be guessed
        self.waiting += 1
        try:
            async with asyncio.timeout(patience):
                await self.slots.acquire()
        except TimeoutError:
            raise _busy() from None
        finally:
            self.waiting -= 1
        try:
            await self.give_way()
            yield
        finally:
            self.slots.release()

    async def give_way(self) -> None:
        """Let webhooks go first, for a moment: reads go on under steady load, too."""
        clock = asyncio.get_running_loop().time
        until = clock() + self.limits.courtesy
        await asyncio.sleep(0)
        while self.webhooks and clock() < until:  # noqa: ASYNC110 - it ends by itself, and nobody else waits for it
            await asyncio.sleep(_STEP)

    def large(self, body: bytes, transport: asyncio.Transport | None) -> Pieces:
        """A large answer's body, counted until it was sent or given up; :class:`Unavailable` beyond the bound."""
        if self.bytes and self.bytes + len(body) > self.limits.bytes:
            raise _busy()
        return self.pieces(body, transport)

    def pieces(self, body: bytes, transport: asyncio.Transport | None) -> Pieces:
        """The same for what is counted and not refused: an answer that was begun is sent to its end."""
        size = len(body)
        self.bytes += size
        pieces = Pieces(body, transport, self.limits.stall)
        # However it ends: also where the connection was lost before any of it was sent.
        pieces.release = weakref.finalize(pieces, self._release, size)
        return pieces

    def _release(self, size: int) -> None:
        self.bytes -= size


class Pieces(payload.Payload):
    """A body that is sent piece by piece."""

    def __init__(self, body: bytes, transport: asyncio.Transport | None, stall: float) -> None:
        super().__init__(b"")
        self._size = len(body)
        self._body = body
        self.release: Callable[[], object] = lambda: None
        """Called once nothing of it is to be sent any longer."""
        self._transport = transport
        self._stall = stall

    async def write(self, writer: AbstractStreamWriter) -> None:
        """Send it. Raises ConnectionError where the reader takes nothing for too long, and lets it go."""
        # The connection remembers its last answer until the next one.
        body, self._body = memoryview(self._body), b""
        try:
            for start in range(0, len(body), PIECE):
                async with asyncio.timeout(self._stall):
                    await writer.write(body[start : start + PIECE])
                    await writer.drain()
        except TimeoutError as error:
            if self._transport is not None:
                self._transport.abort()
            raise ConnectionError("the reader takes nothing of its answer") from error
        finally:
            self.release()

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        """The body as text."""
        return self._body.decode(encoding, errors)


class BegunBody(payload.Payload):
    """A body whose beginning is sent while its end is made: its reader sees something sooner."""

    def __init__(self, first: bytes, rest: Callable[[], bytes]) -> None:
        """``rest`` makes the end, in a thread."""
        super().__init__(b"")
        self._size = None
        self._first, self._rest = first, rest
        self._reads: Reads | None = None
        self._transport: asyncio.Transport | None = None
        self._begun: Pieces | None = None

    def bound(self, reads: Reads, transport: asyncio.Transport | None) -> None:
        """Count it among the large answers; :class:`Unavailable` beyond their bound."""
        self._reads, self._transport = reads, transport
        self._begun, self._first = reads.large(self._first, transport), b""

    async def write(self, writer: AbstractStreamWriter) -> None:
        """See :meth:`Pieces.write`."""
        if self._reads is None or self._begun is None:
            await writer.write(self._first + await asyncio.to_thread(self._rest))
            return
        making = asyncio.create_task(self._make_rest(self._reads))
        # Where the reader is gone by then nobody is told what became of it.
        making.add_done_callback(lambda done: None if done.cancelled() else done.exception() and None)
        await self._begun.write(writer)
        await self._reads.pieces(await making, self._transport).write(writer)

    async def _make_rest(self, reads: Reads) -> bytes:
        async with reads.slots:
            return await asyncio.to_thread(self._rest)

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        """The body as text."""
        return (self._first + self._rest()).decode(encoding, errors)


READS: web.AppKey[Reads] = web.AppKey("reads")


@web.middleware
async def bound(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Make an answer to a read only in its turn, and send a large one in pieces."""
    path = request.path
    # A stream takes its turns by itself, and gives them back.
    if request.method not in ("GET", "HEAD") or path in STREAMS or not (is_api(path) or is_page(path)):
        return await handler(request)
    reads = request.app[READS]
    async with reads.turn():
        response = await handler(request)
        if request.method == "GET" and isinstance(response, web.Response):
            body = response.body
            if isinstance(body, BegunBody):
                body.bound(reads, request.transport)
            elif isinstance(body, bytes) and len(body) > PIECE:
                response.body = reads.large(body, request.transport)
    return response


def _busy() -> Unavailable:
    return Unavailable("cannot read now: too many others do; ask again")
