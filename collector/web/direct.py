"""An answer that is written in one piece.

aiohttp builds an answer's headers anew each time, through four coroutines. A
receipt has always the same ones, so they are written as they stand: that saves
a delivery a quarter of what aiohttp costs. Only for a small JSON body on an
HTTP/1.1 connection that goes on; any other answer goes aiohttp's way.
"""

from __future__ import annotations

from functools import lru_cache
from http import HTTPStatus

from aiohttp import HttpVersion11, web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.helpers import rfc822_formatted_time

from collector.web.access import secure


def possible(request: web.BaseRequest) -> bool:
    """Whether a request can be answered so."""
    return request.version == HttpVersion11 and request.keep_alive


class Direct(web.StreamResponse):
    """A small JSON answer, complete when it is made."""

    def __init__(self, body: bytes, status: int) -> None:
        super().__init__(status=status)
        self._whole = _head(status, len(body), rfc822_formatted_time()) + body
        self._transport_of: web.BaseRequest | None = None

    @property
    def keep_alive(self) -> bool:
        """It is only used where the connection goes on."""
        return True

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        """Nothing is left to prepare."""
        self._transport_of = request
        return None

    async def write_eof(self, data: bytes = b"") -> None:
        """Write it. Raises :class:`ConnectionResetError` where nobody listens any longer."""
        transport = self._transport_of.transport if self._transport_of is not None else None
        if transport is None or transport.is_closing():
            raise ConnectionResetError("the sender has gone")
        transport.write(self._whole)


@lru_cache(maxsize=64)
def _head(status: int, length: int, date: str) -> bytes:
    """Status line and headers; they change with the length of the body and once a second."""
    headers: dict[str, str] = {}
    secure(headers)
    headers |= {"Content-Type": "application/json", "Content-Length": str(length), "Date": date}
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode("ascii")
