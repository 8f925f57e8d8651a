"""Events of all logs as they come, as one stream of server-sent events.

Its ids are cursors with a place in each log, so that whoever goes on after one misses nothing. Where a log goes away or
comes back the stream ends, and its client comes again by itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, suppress

import msgspec
from aiohttp import web

from collector.errors import Unavailable
from collector.tasks import all_ended
from collector.web.keys import LOGS, OneLog
from collector.web.merged import cursor_of, places
from collector.web.places import LOGS_STREAM
from collector.web.requests import Query
from collector.web.streams import STREAMS, StreamListener, StreamPiece, Streams, beating, follow, passing, started

routes = web.RouteTableDef()


class _Listened(msgspec.Struct, frozen=True):
    """One log that is listened to."""

    log: OneLog
    streams: Streams
    listener: StreamListener


@routes.get(LOGS_STREAM)
async def stream(request: web.Request) -> web.StreamResponse:
    """Events of all logs from now on, or after a cursor, for as long as the client listens."""
    query = Query(request, "cursor", "type", "source", "beats")
    logs = request.app[LOGS]()
    passes, beat_message = passing(query), beating(query)
    positions = places(request.headers.get("Last-Event-ID") or query.text("cursor"), logs)
    if not any(STREAMS in log.app for log in logs):
        raise Unavailable("cannot stream events now: no log can be read; come again")
    response = started()
    if request.method == "HEAD":
        await response.prepare(request)
        return response
    async with AsyncExitStack() as stack:
        listened = []
        for log in logs:
            if (streams := log.app.get(STREAMS)) is not None:
                listener = await streams.open()
                stack.callback(streams.close, listener)
                positions.setdefault(log.name, listener.position)
                listened.append(_Listened(log, streams, listener))
        await response.prepare(request)
        with suppress(ConnectionError, TimeoutError):
            await _tell(request, response, listened, positions, passes, beat_message)
    response.force_close()
    return response


async def _tell(
    request: web.Request, response: web.StreamResponse, listened: Sequence[_Listened], positions: dict[str, int],
    passes: Callable[[StreamPiece], bool], beat_message: bytes,
) -> None:  # fmt: skip
    """What comes of each log, until one of them ends; each message says what was told by then of all."""
    one_at_a_time, limits = asyncio.Lock(), listened[0].streams.limits

    async def send(body: bytes) -> None:
        async with asyncio.timeout(limits.stall):
            await response.write(body)

    async def beat() -> None:
        async with one_at_a_time:
            await send(beat_message)

    def telling(log: OneLog) -> Callable[[Sequence[StreamPiece]], Awaitable[None]]:
        log_field = b'{"log":"%b",' % log.name.encode()

        def message(piece: StreamPiece) -> bytes:
            # What a cursor names was sent before it.
            positions[log.name] = piece.position
            told = (cursor_of(positions).encode(), log_field + piece.event_json[1:])
            return b"id: %b\nevent: event\ndata: %b\n\n" % told

        async def tell(pieces: Sequence[StreamPiece]) -> None:
            async with one_at_a_time:
                await send(b"".join(map(message, pieces)))

        return tell

    await send(b"retry: 2000\n: position %b\n\n" % cursor_of(positions).encode())
    following = [
        follow(request, each.streams, each.listener, positions[each.log.name], passes, telling(each.log), beat)
        for each in listened
    ]
    tasks = [asyncio.create_task(one) for one in (*following, _until_others(request, limits.look))]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        await all_ended(tasks)


async def _until_others(request: web.Request, look: float) -> None:
    """Wait until other applications answer for the logs: one was opened, or went away."""
    before = [log.app for log in request.app[LOGS]()]
    while [log.app for log in request.app[LOGS]()] == before:  # noqa: ASYNC110 - nobody tells
        await asyncio.sleep(look)
