"""The listening end, set up as the daemon runs it and as the tests do.

aiohttp's defaults inflate bodies before anybody looks, keep idle connections
for an hour, write senders' bytes unescaped into an access log, and answer a
malformed request by repeating it. Here they do not.
"""

from __future__ import annotations

import logging
from typing import Any

from aiohttp import web

from collector.web import problems
from collector.web.access import secure
from collector.web.door import Door

log = logging.getLogger(__name__)


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
        return Listener(server, Door(self.app, server.request_handler), self._kwargs)


class Listener(web.Server):
    """Accepts connections."""

    def __init__(self, server: web.Server, door: Door, settings: dict[str, Any]) -> None:
        super().__init__(door, request_factory=server.request_factory, **settings)
        self._settings = settings

    def __call__(self) -> web.RequestHandler:
        return Connection(self, loop=self._loop, **self._settings)


class Connection(web.RequestHandler):
    """One connection. Whatever aiohttp itself refuses on it has the shape of every other error."""

    __slots__ = ()

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
        return await super().finish_response(request, resp, start_time)
