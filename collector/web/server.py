"""The listening end, set up as the daemon runs it and as the tests do.

aiohttp's defaults inflate bodies before anybody looks, keep idle connections
for an hour, write senders' bytes unescaped into an access log, and answer a
malformed request by repeating it. On stopping they close connections whose
request is still on its way, and they leave a sender without its answer who
closes its own side first. Here they do not.

aiohttp has no public way for some of this. Its private names that are used
stand in :data:`PRIVATE`, and in no other module: ``tests/test_connection.py``
checks both, and that this version of aiohttp still has them.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from aiohttp import StreamReader, web
from aiohttp.hdrs import EXPECT

from collector.web import problems
from collector.web.access import secure
from collector.web.front import Front
from collector.web.keys import ENDING, FRONT
from collector.web.mounts import Mounts
from collector.web.parser import Parser
from collector.web.prefix import Find, answerer, outside, within

log = logging.getLogger(__name__)

PRIVATE = {
    "_make_server": "web.AppRunner: makes the server out of the application",
    "_loop": "web.Server, web.RequestHandler: the event loop",
    "_manager": "web.RequestHandler: the server of this connection",
    "_parser": "web.RequestHandler: what reads requests; ours is put in its place",
    "_max_msg_queue_size": "web.RequestHandler: how many requests of a connection may wait for their turn",
    "_request_count": "web.RequestHandler: how many requests were read, those that are not HTTP included",
}
"""What is used of aiohttp that it does not promise to keep, and for what."""

_MET = ("", "100-continue")
"""Expectations that are met."""
_SILENCE = 0.5
"""Seconds without a byte after which a connection is taken to have nothing more to say, once we stop."""
_LOOK = 0.02


def server_kwargs(*, idle: float = 15.0) -> dict[str, Any]:
    """The settings of the listening end, for :class:`Runner`; a silent connection is kept for ``idle`` seconds."""
    return {
        # Also how long a client may take over its headers: there is no other bound on those.
        "keepalive_timeout": idle,
        # How long a refused body is still read, so that its sender sees the answer.
        "lingering_time": 2.0,
        # aiohttp's own writes User-Agent unescaped, so a client could forge lines.
        "access_log": None,
        "shutdown_timeout": 10.0,
    }


class Runner(web.AppRunner):
    """Runs an application behind :class:`Listener`; otherwise as aiohttp's own."""

    def __init__(
        self, app: web.Application, mounts: Mounts | None = None, *, shutdown_timeout: float, **settings: Any
    ) -> None:
        """``mounts`` are the applications that answer some of the addresses instead of ``app``."""
        super().__init__(app, shutdown_timeout=shutdown_timeout, **settings)
        self._settings = settings
        self._mounts = mounts

    async def _make_server(self) -> web.Server:
        find = self._mounts.find if self._mounts is not None else None
        return Listener(await super()._make_server(), self._settings, self.app.get(FRONT) or Front(), find)

    async def drain(self, grace: float) -> None:
        """Accept nothing more, and answer what was sent or is being sent; at most ``grace`` seconds."""
        for site in list(self.sites):
            await site.stop()
        for end in self.app.get(ENDING, ()):
            end()
        if self._mounts is not None:
            self._mounts.end()
        if isinstance(self.server, Listener):
            await self.server.drain(grace)


class Listener(web.Server):
    """Accepts connections, and meets each request before the application does."""

    def __init__(
        self, server: web.Server, settings: dict[str, Any], front: Front, find: Find | None = None
    ) -> None:  # fmt: skip
        super().__init__(self._meet, request_factory=within(front.prefix, server.request_factory, find), **settings)
        self._application = server.request_handler
        self._below = bool(front.prefix) or find is not None
        """Whether an address says more than what the application is asked for: see :mod:`collector.web.prefix`."""
        self._settings = settings
        self.front = front
        """How HTTP is spoken."""
        self.draining = False
        """Whether each connection ends with its next answer."""

    async def drain(self, grace: float) -> None:
        """Wait until every connection that still may say something was answered or is silent."""
        self.draining = True
        until = self._loop.time() + grace
        silent_from = self._loop.time() + _SILENCE
        while self._loop.time() < until:
            await asyncio.sleep(_LOOK)
            now = self._loop.time()
            if not any(one.is_busy(now, silent_from) for one in self.connections if isinstance(one, Connection)):
                return

    async def _meet(self, request: web.BaseRequest) -> web.StreamResponse:
        """Refuse here whose certificate is not let in, what is not below our path, and an expectation.

        That one aiohttp repeats in its answer, and cannot where it is not UTF-8.
        """
        if not self.front.lets_in(request.get_extra_info("peercert")):
            raise web.HTTPForbidden
        if self._below and (prefix := outside(request)) is not None:
            if request.path != "/":
                raise web.HTTPNotFound
            found = web.Response(status=303, headers={"Location": f"{prefix}/"})
            secure(found.headers, self.front.headers)
            return found
        expected = request.headers.getall(EXPECT, None)
        if expected and request.version >= (1, 1) and any(text.lower() not in _MET for text in expected):
            raise web.HTTPExpectationFailed
        application = answerer(request, self._application) if self._below else self._application
        return await application(request)

    def __call__(self) -> web.RequestHandler:
        return Connection(self, loop=self._loop, **self._settings)


class Connection(web.RequestHandler):
    """One connection. Whatever aiohttp itself refuses on it has the shape of every other error.

    Each request is answered in its turn, whatever comes behind it: what is not HTTP, or the end of the sending.
    """

    __slots__ = ("_answered", "_answering", "_front", "_last_data_at", "_over")

    def __init__(self, listener: Listener, *, loop: asyncio.AbstractEventLoop, **settings: Any) -> None:
        super().__init__(listener, loop=loop, **settings)
        self._front = listener.front
        self._parser = Parser(self, loop, self._max_msg_queue_size)
        self._answered = 0
        """How many requests were answered."""
        self._answering: StreamReader | None = None
        """The body of the request whose answer was begun last: nobody reads it any longer."""
        self._last_data_at = loop.time()
        """When the client said something last."""
        self._over = False
        """Whether the connection ends once all that was read is answered."""

    def data_received(self, data: bytes) -> None:
        """Take what the client sends, and remember when it last did."""
        if data:
            self._last_data_at = self._loop.time()
        parser = self._parser
        if not isinstance(parser, Parser) or parser.failure is not None:
            return
        super().data_received(data)
        if parser.failure is not None:
            if parser.body is None:
                # The parser raises it now, and aiohttp has it wait for its turn.
                super().data_received(b"")
            self._end("the rest of the body is not HTTP")

    def eof_received(self) -> bool:  # type: ignore[override]  # aiohttp closes at once, and says so by its type
        """Answer what was sent before the client closed its side; True: our side stays open until then.

        TLS ends both sides at once.
        """
        self._end("the body broke off")
        return self._request_count > self._answered and self.ssl_context is None

    def connection_lost(self, exc: BaseException | None) -> None:
        """Nobody listens any longer; what was sent is stored all the same, if it is whole."""
        self._end("the connection broke off")
        super().connection_lost(exc)

    def _end(self, reason: str) -> None:
        """Read nothing more. Whoever waits for the rest of a body hears that there is none."""
        self._over = True
        if self._request_count == self._answered:
            self.close()
        parser = self._parser
        if not isinstance(parser, Parser) or parser.body is None:
            return
        body, parser.body = parser.body, None
        if body is not self._answering:
            body.set_exception(web.RequestPayloadError(reason))
        body.feed_eof()

    @property
    def heard_out(self) -> bool:
        """Whether the client has closed its side: it is gone, or wants only to be answered. What is written tells."""
        return self._over

    def is_busy(self, now: float, silent_from: float) -> bool:
        """Whether a request is being answered, or one may be on its way: nobody can see bytes that are not here yet.

        Before ``silent_from`` every connection may be about to say something.
        """
        return self._request_count > self._answered or now < max(silent_from, self._last_data_at + _SILENCE)

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
        secure(response.headers, self._front.headers)
        response.force_close()
        return response

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Send an answer; what aiohttp raised before any of our code ran is put in our shape first."""
        if isinstance(resp, web.HTTPException):
            resp = problems.from_http(resp, problems.instance_of(request))
            secure(resp.headers, self._front.headers)
        self._answering = request.content
        if self._is_last():
            resp.force_close()
        try:
            return await super().finish_response(request, resp, start_time)
        finally:
            self._answered += 1

    def _is_last(self) -> bool:
        """Whether the connection ends with the answer that is given now."""
        if isinstance(self._manager, Listener) and self._manager.draining:
            return True
        none_waits = self._request_count == self._answered + 1
        return none_waits and (self._over or (isinstance(self._parser, Parser) and self._parser.finished))
