"""The listening end, set up as the daemon runs it and as the tests do.

aiohttp's defaults inflate bodies before anybody looks, keep idle connections
for an hour, write senders' bytes unescaped into an access log, and answer a
malformed request by repeating it. On stopping they close connections whose
request is still on its way. Here they do not.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from aiohttp import web

from collector.web import plain, problems
from collector.web.access import secure
from collector.web.door import Door

log = logging.getLogger(__name__)

_SILENCE = 0.5
"""Seconds without a byte after which a connection is taken to have nothing more to say, once we stop."""
_LOOK = 0.02


def server_kwargs(*, idle: float = 15.0) -> dict[str, Any]:
    """The settings of the listening end, for :class:`Runner`; a silent connection is kept for ``idle`` seconds."""
    return {
        # Signatures are over the bytes as sent, and intake inflates within its own bounds.
        "auto_decompress": False,
        # Also how long a client may take over its headers: there is no other bound on those.
        "keepalive_timeout": idle,
        # How long a refused body is still read, so that its sender sees the answer.
        "lingering_time": 2.0,
        # aiohttp's own writes User-Agent unescaped, so a client could forge lines.
        "access_log": None,
        "max_line_size": 8190,
        "max_field_size": 8190,
        "max_headers": 128,
        "shutdown_timeout": 10.0,
    }


class Runner(web.AppRunner):
    """Runs an application behind :class:`Door` and :class:`Connection`; otherwise as aiohttp's own."""

    async def _make_server(self) -> web.Server:
        server = await super()._make_server()
        return Listener(server, Door(self.app), self._kwargs)

    async def drain(self, grace: float) -> None:
        """Accept nothing more, and answer what was sent or is being sent; at most ``grace`` seconds."""
        for site in list(self.sites):
            await site.stop()
        if isinstance(self.server, Listener):
            await self.server.drain(grace)


class Listener(web.Server):
    """Accepts connections."""

    def __init__(self, server: web.Server, door: Door, settings: dict[str, Any]) -> None:
        super().__init__(server.request_handler, request_factory=server.request_factory, **settings)
        self._settings = settings
        self._door = door
        self.draining = False
        """Whether each connection ends with its next answer."""

    async def drain(self, grace: float) -> None:
        """Wait until every connection that still may say something was answered or is silent."""
        self.draining = self._door.closing = True
        until = self._loop.time() + grace
        silent_from = self._loop.time() + _SILENCE
        while self._loop.time() < until:
            await asyncio.sleep(_LOOK)
            now = self._loop.time()
            if not any(one.awaited(now, silent_from) for one in self.connections if isinstance(one, Connection)):
                return

    def __call__(self) -> web.RequestHandler:
        return Connection(self, self._door, loop=self._loop, **self._settings)


class Connection(web.RequestHandler):
    """One connection. Whatever aiohttp itself refuses on it has the shape of every other error.

    As long as its sender writes plainly, :class:`Door` takes what it sends, and aiohttp sees none of it. From the first
    request on that is written otherwise, aiohttp reads all of them: it alone knows where such a one ends.
    """

    __slots__ = ("_behind", "_door", "_heard", "_plainly", "_storing")

    def __init__(self, listener: Listener, door: Door, **settings: Any) -> None:
        super().__init__(listener, **settings)
        self._door = door
        self._plainly = True
        """Whether aiohttp has seen nothing yet."""
        self._storing = False
        """Whether a delivery that the door took is not answered yet."""
        self._behind = b""
        """What came behind that one; it waits, and its sender with it."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._heard = self._loop.time()
        super().connection_made(transport)

    def data_received(self, data: bytes) -> None:
        """Take what the client sends, and remember when it last did."""
        self._heard = self._loop.time()
        if self._plainly and self._taken(data):
            return
        self._plainly = False
        super().data_received(data)

    def _taken(self, data: bytes) -> bool:
        """Whether the door took what came, or it has to wait."""
        if self._storing:
            self._behind += data
            self._pause_transport_reading()
            return True
        # Whoever takes no answers gets no more of them made; aiohttp waits for them.
        if self._paused or self._door.closing or self._force_close:
            return False
        request = plain.read(data)
        if request is None:
            return False
        self._storing = self._request_in_progress = True
        self._door.take(request, self._reply)
        return True

    def _reply(self, answer: bytes, last: bool) -> None:
        """Answer what the door took, and go on with what came behind it."""
        self._storing = self._request_in_progress = False
        if self._handler_waiter is not None and not self._handler_waiter.done():
            self._handler_waiter.set_result(None)
        if self.transport is None or self.transport.is_closing():
            return  # nobody listens any longer
        self.transport.write(answer)
        if last:
            self.force_close()
            return
        self._next_keepalive_close_time = self._loop.time() + self._keepalive_timeout
        if self._behind:
            behind, self._behind = self._behind, b""
            self._resume_transport_reading()
            self.data_received(behind)

    def _process_keepalive(self) -> None:
        """Close a silent connection; one whose delivery is being stored is not silent."""
        if self._storing:
            self._next_keepalive_close_time = self._loop.time() + self._keepalive_timeout
        super()._process_keepalive()

    def awaited(self, now: float, silent_from: float) -> bool:
        """Whether a request is being answered, or one may be on its way: nobody can see bytes that are not here yet.

        Before ``silent_from`` every connection may be about to say something.
        """
        if self._request_in_progress or self._messages:
            return True
        return now < max(silent_from, self._heard + _SILENCE)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """The answer to what is not HTTP, or to what went wrong beyond the application; it ends the connection."""
        if request.writer.output_size > 0:
            raise ConnectionError("an answer was begun already")
        if status == 400:
            log.info("refused a request that is not HTTP: %s", type(exc).__name__)
            response = problems.problem(problems.NOT_HTTP, problems.DETAILS[400])
        else:
            response = problems.answer(exc if isinstance(exc, Exception) else RuntimeError(), "/")
        secure(response.headers)
        response.force_close()
        return response

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Send an answer; what aiohttp raised before any of our code ran is put in our shape first."""
        if isinstance(resp, web.HTTPException):
            resp = problems.from_http(resp)
        if isinstance(self._manager, Listener) and self._manager.draining:
            resp.force_close()
        return await super().finish_response(request, resp, start_time)
