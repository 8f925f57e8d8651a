"""Events as they come, as server-sent events: for pages that stay true by themselves, and for scripts.

Promises: whoever goes on after a position misses nothing and is told nothing
twice; an event is told once lists show it, with the incident it is in then.
New events are read and written once, however many listen, and what comes within
a tenth of a second, or half a second where five hundred listen, is told to each in
one message of several. How many may listen is bounded, a reader that takes nothing
is let go, and all streams end at once when the daemon stops: each client comes
again by itself, and goes on after the last position it had.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any

import msgspec
from aiohttp import web

from collector.errors import Unavailable
from collector.event import RecordedEvent
from collector.projections import EventFilter, Projections
from collector.projections.privacy import READER
from collector.telemetry.crashes import Crashes
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
    gather: float = 0.1
    """How long more is waited for at least once something was told: of what comes together everybody is woken once."""
    gather_each: float = 0.001
    """The same for each who listens. What all of them cost stays a bounded share of what the daemon does."""
    again: float = 1.0
    """How long to wait where lists cannot be read."""

    def pause(self, listening: int) -> float:
        """Seconds between two times that something is told to so many."""
        return max(self.gather, self.gather_each * listening)


class StreamPiece(msgspec.Struct, frozen=True):
    """One event as it is told."""

    position: int
    type: str
    source: str
    event: str
    incident: int | None
    event_json: bytes
    """The event, as JSON in one line."""
    body: bytes
    """The message as it is sent."""


class StreamListener:
    """Whoever listens, and what waits to be told to them."""

    def __init__(self) -> None:
        self.position = 0
        """All that comes after it is put here."""
        self._pieces: list[StreamPiece] = []
        self._woken = asyncio.Event()
        self._ended = False

    def put(self, pieces: Sequence[StreamPiece], most: int) -> None:
        """Have these told; one who is more than ``most`` events behind is let go, to come again after the last one."""
        if len(self._pieces) + len(pieces) > most:
            self.end()
        self._pieces += pieces
        self._woken.set()

    def end(self) -> None:
        """Tell nothing any more."""
        self._ended = True
        self._woken.set()

    async def take(self, seconds: float) -> Sequence[StreamPiece] | None:
        """What waits, as soon as anything does; None at the end. Raises TimeoutError after so many seconds."""
        async with asyncio.timeout(seconds):
            await self._woken.wait()
        if self._ended:
            return None
        self._woken.clear()
        pieces, self._pieces = self._pieces, []
        return pieces


class Streams:
    """Everybody who listens, and the one reader that reads for all of them."""

    def __init__(
        self, log: SeenLog, lists: Projections, followed: Callable[[int, float], Any], limits: StreamLimits
    ) -> None:
        self.limits = limits
        self._log, self._lists, self._followed = log, lists, followed
        self._listeners: set[StreamListener] = set()
        self._reader: asyncio.Task[None] | None = None
        self._position = 0
        self._ended = False
        self._crashes = Crashes()

    @property
    def listening(self) -> int:
        """How many listen now."""
        return len(self._listeners)

    async def open(self) -> StreamListener:
        """A listener to all that comes from now on.

        Raises :class:`Unavailable` where too many listen, or the daemon stops.
        """
        if self._ended or len(self._listeners) >= self.limits.streams:
            raise Unavailable("cannot stream events now: too many streams are open, or the daemon stops; come again")
        listener = StreamListener()
        self._listeners.add(listener)
        try:
            if not self._reading:
                position = max(0, await self._lists.position())
                # Another may have begun to read meanwhile, and may have come further.
                if not self._reading:
                    self._position, self._reader = position, asyncio.create_task(self._read())
        except BaseException:
            self._listeners.discard(listener)
            raise
        listener.position = self._position
        return listener

    @property
    def _reading(self) -> bool:
        return self._reader is not None and not self._reader.done()

    def close(self, listener: StreamListener) -> None:
        """They listen no longer; with the last one reading ends."""
        self._listeners.discard(listener)
        if not self._listeners and self._reader is not None:
            self._reader.cancel()
            self._reader = None

    def end(self) -> None:
        """End every stream, and begin no other."""
        self._ended = True
        for listener in self._listeners:
            listener.end()

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
                except Exception as error:
                    if not isinstance(error, Unavailable):
                        self._crashes.note("cannot read what streams tell: a mistake of ours; trying again", "", error)
                    await asyncio.sleep(self.limits.again)
                    continue
                await asyncio.sleep(self.limits.pause(self.listening))
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
                continue
            self._position = pieces[-1].position
            for listener in self._listeners:
                listener.put(pieces, self.limits.behind)

    async def after(self, position: int) -> list[StreamPiece]:
        """The next events after a position, as they are sent."""
        events = await self._lists.events(EventFilter(after=position, limit=self.limits.together))
        ids = [event.id for event in events]
        where, private = await self._lists.incidents_of(ids), await self._lists.private_events(ids)
        return [_piece(event, where.get(event.id), private.get(event.id)) for event in events]

    async def visible_pieces(self, pieces: Sequence[StreamPiece]) -> Sequence[StreamPiece]:
        """Those of them that the reader of now may see, as they may see them."""
        hid = await self._lists.hidden()
        if not hid:
            return pieces
        visible = [piece for piece in pieces if piece.event not in hid.events]
        elsewhere = [piece.event for piece in visible if piece.incident in hid.numbers]
        where = await self._lists.incidents_of(elsewhere) if elsewhere else {}
        return [_message(each, where.get(each.event)) if each.incident in hid.numbers else each for each in visible]


def _piece(event: RecordedEvent, incident: int | None, private: str | None) -> StreamPiece:
    # JSON has no line end outside of its texts, and none within them.
    told = answers.encode({**msgspec.structs.asdict(answers.event(event, private)), "incident": incident})
    return StreamPiece(event.position, event.type, event.source, event.id, incident, told, _sent(event.position, told))


def _message(piece: StreamPiece, incident: int | None) -> StreamPiece:
    """The same event, told with another incident."""
    told = answers.encode({**msgspec.json.decode(piece.event_json), "incident": incident})
    return msgspec.structs.replace(piece, incident=incident, event_json=told, body=_sent(piece.position, told))


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
    listener = await streams.open()
    begin = listener.position if after is None else after
    try:
        await response.prepare(request)
        with suppress(ConnectionError, TimeoutError):
            await _tell(request, response, listener, passes, beat_message, begin)
    finally:
        streams.close(listener)
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
    listener: StreamListener,
    passes: Callable[[StreamPiece], bool],
    beat_message: bytes,
    after: int,
) -> None:
    """All of it, to one who asked for one log."""

    async def send(body: bytes) -> None:
        async with asyncio.timeout(request.app[STREAMS].limits.stall):
            await response.write(body)

    await send(b"retry: 2000\n: position %d\n\n" % after)
    tell, beat = (lambda pieces: send(b"".join(piece.body for piece in pieces))), (lambda: send(beat_message))
    await follow(request, request.app[STREAMS], listener, after, passes, tell, beat)


async def follow(
    request: web.Request,
    streams: Streams,
    listener: StreamListener,
    after: int,
    passes: Callable[[StreamPiece], bool],
    tell: Callable[[Sequence[StreamPiece]], Awaitable[None]],
    beat: Callable[[], Awaitable[None]],
) -> None:
    """Tell what was there before, in turn with all other reads; then what comes, until the stream is to end."""
    while after < listener.position:
        async with request.app[READS].turn():
            pieces = await streams.after(after)
        if not pieces:
            break
        after = pieces[-1].position
        if matches := [piece for piece in pieces if passes(piece)]:
            await tell(matches)
    while (new := await _next(request, listener, streams.limits, beat)) is not None:
        matches = [piece for piece in new if piece.position > after and passes(piece)]
        if matches and (visible := await streams.visible_pieces(matches)):
            await tell(visible)


async def _next(
    request: web.Request, listener: StreamListener, limits: StreamLimits, beat: Callable[[], Awaitable[None]]
) -> Sequence[StreamPiece] | None:
    """What comes next; None once the stream is to end, or nobody is there any longer."""
    waited = 0.0
    while True:
        step = min(limits.look, limits.beat)
        try:
            return await listener.take(step)
        except TimeoutError:
            if request.transport is None or request.transport.is_closing():
                return None
            waited += step
            # Where a client only closed its side, what is written reaches it; one that is gone resets the connection.
            if waited >= limits.beat or (isinstance(request.protocol, Connection) and request.protocol.heard_out):
                waited = 0.0
                await beat()
