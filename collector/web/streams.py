"""Events as they come, as server-sent events: for pages that stay true by themselves, and for scripts.

Promises: whoever goes on after a position misses nothing and is told nothing
twice; an event is told once lists show it, with the incident it is in then.
New events are read and written once, however many listen. How many may listen
is bounded, a reader that takes nothing is let go, and all streams end at once
when the daemon stops: each client comes again by itself, and goes on after the
last position it had.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import msgspec
from aiohttp import web

from collector.errors import Unavailable
from collector.event import RecordedEvent
from collector.projections import EventFilter, Projections
from collector.projections.privacy import READER
from collector.web import answers
from collector.web.keys import ENDING, FOLLOWED, LOG, PROJECTIONS
from collector.web.places import STREAM
from collector.web.reads import READS
from collector.web.requests import LATEST, Query, whole
from collector.web.seen import SeenLog
from collector.web.server import Connection

routes = web.RouteTableDef()


class StreamLimits(msgspec.Struct, frozen=True, kw_only=True):
    """How much is streamed at once. Times in seconds."""

    streams: int = 500
    """How many may listen."""
    behind: int = 2000
    """How many events a reader may be behind before it is let go, to come again."""
    beat: float = 15.0
    """How long nothing is said at most: a comment then shows that the stream lives."""
    look: float = 2.0
    """How often it is looked whether the client is gone; a stream whose client is gone ends after three of these."""
    stall: float = 30.0
    """How long a reader may take nothing."""
    together: int = 200
    """How many events are read at a time."""
    again: float = 1.0
    """How long to wait where lists cannot be read."""


class StreamPiece(msgspec.Struct, frozen=True):
    """One event as it is told."""

    position: int
    type: str
    source: str
    event: str
    incident: int | None
    told: bytes
    """The event, as JSON in one line."""
    body: bytes
    """The message as it is sent."""


class Streams:
    """Everybody who listens, and the one reader that reads for all of them."""

    def __init__(
        self, log: SeenLog, lists: Projections, followed: Callable[[int, float], Any], limits: StreamLimits
    ) -> None:
        self.limits = limits
        self._log, self._lists, self._followed = log, lists, followed
        self._listeners: set[asyncio.Queue[StreamPiece | None]] = set()
        self._reader: asyncio.Task[None] | None = None
        self._position = 0
        self._ended = False

    @property
    def listening(self) -> int:
        """How many listen now."""
        return len(self._listeners)

    async def open(self) -> tuple[asyncio.Queue[StreamPiece | None], int]:
        """A queue of all that comes from now on, and the position that it goes on after.

        Raises :class:`Unavailable` where too many listen, or the daemon stops.
        """
        if self._ended or len(self._listeners) >= self.limits.streams:
            raise Unavailable("cannot stream events now: too many streams are open, or the daemon stops; come again")
        queue: asyncio.Queue[StreamPiece | None] = asyncio.Queue()
        self._listeners.add(queue)
        try:
            if self._reader is None or self._reader.done():
                self._position = max(0, await self._lists.position())
                if self._reader is None or self._reader.done():
                    self._reader = asyncio.create_task(self._read())
        except BaseException:
            self._listeners.discard(queue)
            raise
        return queue, self._position

    def close(self, queue: asyncio.Queue[StreamPiece | None]) -> None:
        """Nobody listens to this queue any longer; with the last one reading ends."""
        self._listeners.discard(queue)
        if not self._listeners and self._reader is not None:
            self._reader.cancel()
            self._reader = None

    def end(self) -> None:
        """End every stream, and begin no other."""
        self._ended = True
        for queue in self._listeners:
            queue.put_nowait(None)

    async def _read(self) -> None:
        # It reads for all, whoever came first; what one of them may not see is left out where it is told to them.
        READER.set(None)
        more = asyncio.Event()
        unsubscribe = self._log.subscribe(more.set)
        try:
            while True:
                more.clear()
                try:
                    await self._catch_up()
                except Unavailable:
                    await asyncio.sleep(self.limits.again)
                    continue
                await more.wait()
        finally:
            unsubscribe()

    async def _catch_up(self) -> None:
        """Hand on what is new, once lists show it."""
        head = await self._log.head()
        while self._position < head:
            await self._followed(head, self.limits.again)
            pieces = await self.after(self._position)
            if not pieces:
                # Lists lag behind the log: what is told must be found there.
                await asyncio.sleep(self.limits.again / 10)
            for piece in pieces:
                self._position = piece.position
                self._hand_on(piece)

    def _hand_on(self, piece: StreamPiece) -> None:
        for queue in self._listeners:
            if queue.qsize() < self.limits.behind:
                queue.put_nowait(piece)
            elif queue.qsize() == self.limits.behind:
                # It comes again, after the last one it had.
                queue.put_nowait(None)

    async def after(self, position: int) -> list[StreamPiece]:
        """The next events after a position, as they are sent."""
        events = await self._lists.events(EventFilter(after=position, limit=self.limits.together))
        ids = [event.id for event in events]
        where, private = await self._lists.incidents_of(ids), await self._lists.private_events(ids)
        return [_piece(event, where.get(event.id), private.get(event.id)) for event in events]

    async def shown(self, piece: StreamPiece) -> StreamPiece | None:
        """The same as the reader of now may see it; None where they may not."""
        hid = await self._lists.hidden()
        if piece.event in hid.events:
            return None
        if piece.incident not in hid.numbers:
            return piece
        where = await self._lists.incidents_of([piece.event])
        return _message(piece, where.get(piece.event))


def _piece(event: RecordedEvent, incident: int | None, private: str | None) -> StreamPiece:
    # JSON has no line end outside of its texts, and none within them.
    told = answers.encode({**msgspec.structs.asdict(answers.event(event, private)), "incident": incident})
    return StreamPiece(event.position, event.type, event.source, event.id, incident, told, _sent(event.position, told))


def _message(piece: StreamPiece, incident: int | None) -> StreamPiece:
    """The same event, told with another incident."""
    told = answers.encode({**msgspec.json.decode(piece.told), "incident": incident})
    return msgspec.structs.replace(piece, incident=incident, told=told, body=_sent(piece.position, told))


def _sent(position: int, told: bytes) -> bytes:
    return b"id: %d\nevent: event\ndata: %b\n\n" % (position, told)


STREAMS: web.AppKey[Streams] = web.AppKey("streams")


def add_streams(app: web.Application, limits: StreamLimits) -> None:
    """Let an application stream, and end it with what drains it."""
    app[STREAMS] = Streams(app[LOG], app[PROJECTIONS], app[FOLLOWED], limits)
    app[ENDING].append(app[STREAMS].end)
    app.on_shutdown.append(_end)


async def _end(app: web.Application) -> None:
    app[STREAMS].end()


@routes.get(STREAM)
async def stream(request: web.Request) -> web.StreamResponse:
    """Events from now on, or after a position, for as long as the client listens."""
    query = Query(request, "after", "type", "source", "beats")
    given = request.headers.get("Last-Event-ID") or query.text("after")
    after = None if given is None else whole(given, "after", most=LATEST)
    passes, beat_message = passing(query), beating(query)
    streams = request.app[STREAMS]
    response = started()
    if request.method == "HEAD":
        await response.prepare(request)
        return response
    queue, position = await streams.open()
    try:
        await response.prepare(request)
        with suppress(ConnectionError, TimeoutError):
            await _tell(request, response, queue, passes, beat_message, position if after is None else after)
    finally:
        streams.close(queue)
    response.force_close()
    return response


def started() -> web.StreamResponse:
    """The answer that events are written to."""
    return web.StreamResponse(headers={"Content-Type": "text/event-stream", "X-Accel-Buffering": "no"})


def passing(query: Query) -> Callable[[StreamPiece], bool]:
    """Whether an event is asked for: by its ``type``, or a family of them, and its ``source``."""
    type_name, source = query.text("type"), query.text("source")

    def passes(piece: StreamPiece) -> bool:
        family = type_name is not None and type_name.endswith(".*") and piece.type.startswith(type_name[:-1])
        return (type_name is None or family or piece.type == type_name) and source in (None, piece.source)

    return passes


def beating(query: Query) -> bytes:
    """What shows that the stream lives: a comment, or a message for who sees no comment, as the script of a page."""
    return b"event: beat\ndata: {}\n\n" if query.one_of("beats", "true", "false") == "true" else b": still here\n\n"


async def _tell(
    request: web.Request,
    response: web.StreamResponse,
    queue: asyncio.Queue[StreamPiece | None],
    passes: Callable[[StreamPiece], bool],
    beat_message: bytes,
    after: int,
) -> None:
    """All of it, to one who asked for one log."""

    async def send(body: bytes) -> None:
        async with asyncio.timeout(request.app[STREAMS].limits.stall):
            await response.write(body)

    await send(b"retry: 2000\n: position %d\n\n" % after)
    tell, beat = (lambda piece: send(piece.body)), (lambda: send(beat_message))
    await follow(request, request.app[STREAMS], queue, after, passes, tell, beat)


async def follow(
    request: web.Request,
    streams: Streams,
    queue: asyncio.Queue[StreamPiece | None],
    after: int,
    passes: Callable[[StreamPiece], bool],
    tell: Callable[[StreamPiece], Awaitable[None]],
    beat: Callable[[], Awaitable[None]],
) -> None:
    """Tell what was there before, in turn with all other reads; then what comes, until the stream is to end."""
    more = True
    while more:
        async with request.app[READS].turn():
            pieces = await streams.after(after)
        for piece in pieces:
            after = piece.position
            if passes(piece):
                await tell(piece)
        more = len(pieces) == streams.limits.together
    while (told := await _next(request, queue, streams.limits, beat)) is not None:
        if told.position > after and passes(told) and (seen := await streams.shown(told)) is not None:
            await tell(seen)


async def _next(
    request: web.Request,
    queue: asyncio.Queue[StreamPiece | None],
    limits: StreamLimits,
    beat: Callable[[], Awaitable[None]],
) -> StreamPiece | None:
    """What comes next; None once the stream is to end, or nobody is there any longer."""
    waited = 0.0
    while True:
        step = min(limits.look, limits.beat)
        try:
            async with asyncio.timeout(step):
                return await queue.get()
        except TimeoutError:
            if request.transport is None or request.transport.is_closing():
                return None
            waited += step
            # Where a client only closed its side, what is written reaches it; one that is gone resets the connection.
            if waited >= limits.beat or (isinstance(request.protocol, Connection) and request.protocol.heard_out):
                waited = 0.0
                await beat()
