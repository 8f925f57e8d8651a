"""aiohttp's parser, fed so that an answer does not depend on how the bytes were cut.

Given several requests at once, aiohttp's parser forgets the whole ones where a
later one is broken. Given one whose body breaks in its middle, it tells nobody.
So it is given no more than one head, or the rest of one body, at a time, and a
failure is kept until all that came before it was handed on. What is a head and
what is a body, the parser alone decides. Only names without an underscore are
used of it; aiohttp documents few of them, which is why its minor version is pinned.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from aiohttp import StreamReader, web
from aiohttp.base_protocol import BaseProtocol
from aiohttp.http import HttpRequestParser, HttpVersion10, RawRequestMessage
from aiohttp.http_exceptions import BadHttpMessage, HttpProcessingError

Message = tuple[RawRequestMessage, StreamReader]
"""A request's head and the stream of its body."""

_BUFFER = 2**16
"""Bytes of a body that wait for whoever reads it, before its sender has to wait."""
_END = b"\r\n\r\n"
"""What heads and bodies in chunks end with. It may stand elsewhere, too: then one piece more is given."""
_LONGEST_LENGTH = 20
"""Digits of a Content-Length. The parser takes any number of zeros before it, and Python reads no number that long."""


class Parser(HttpRequestParser):
    """Reads one connection's requests. At most ``queue`` of them are handed on before their turn comes."""

    def __init__(self, protocol: BaseProtocol, loop: asyncio.AbstractEventLoop, queue: int) -> None:
        super().__init__(
            protocol,
            loop,
            _BUFFER,
            max_line_size=8190,
            max_field_size=8190,
            max_headers=128,
            payload_exception=web.RequestPayloadError,
            # Signatures are over the bytes as sent, and intake inflates within its own bounds.
            auto_decompress=False,
        )
        self.body: StreamReader | None = None
        """The body of the last request, while more of it is to come."""
        self.failure: HttpProcessingError | None = None
        """Why nothing more can be read."""
        self.finished = False
        """Whether nothing more is read because the last request asks for another protocol, which nobody speaks here."""
        self._room = queue
        self._left: int | None = None
        """How many bytes of the body are still to be given; None where the body itself says when it ends."""
        self._paused = False
        self._unread = b""
        self._within = False
        """Whether the last bytes that were given end within a head or a body."""
        self._last = b""
        """Those bytes, where they do: an end may be cut in two."""

    def feed_data(  # type: ignore[override]  # of what it may be given, the server gives the bytes alone
        self, data: bytes
    ) -> tuple[Sequence[Message], bool, bytes]:
        """The requests that begin in these bytes. Raises what ended the reading, once all before it was handed on."""
        if self.failure is not None:
            raise self.failure
        messages: list[Message] = []
        if self._unread:
            data = self._unread + data
        at = 0
        if self._paused:
            self._paused = False
            self._feed(b"", messages)
        while at < len(data) and not self._must_wait():
            end = self._end(data, at)
            self._feed(data[at:end], messages)
            at = end
        self._unread = data[at:]
        self._last = (self._last + data[max(0, at - 3) : at])[-3:] if self._within else b""
        return messages, False, b""

    def pause_reading(self) -> None:
        """Whoever reads the body has enough of it for now."""
        self._paused = True
        super().pause_reading()

    def message_consumed(self) -> None:
        """A request's turn has come: there is room for another one."""
        self._room += 1

    def _must_wait(self) -> bool:
        if self.failure is not None or self._paused:
            return True
        return self.body is None and (self.finished or self._room <= 0)

    def _end(self, data: bytes, at: int) -> int:
        """Up to where the parser may be given these bytes at once."""
        if self.body is not None and self._left is not None:
            end = min(len(data), at + self._left)
            self._left -= end - at
            return end
        if at == 0 and self._last:
            cut = (self._last + data[:3]).find(_END)
            if cut >= 0:
                return cut + len(_END) - len(self._last)
        found = data.find(_END, at)
        return len(data) if found < 0 else found + len(_END)

    def _feed(self, piece: bytes, messages: list[Message]) -> None:
        try:
            begun, _, _ = super().feed_data(piece)
        except HttpProcessingError as error:
            self.failure = error
            return
        head_goes_on = self.body is None and not begun
        for head, body in begun:
            # A line without a version is one, or the beginning of a broken one, as the bytes are cut.
            if head.version < HttpVersion10:
                self.failure = BadHttpMessage("a request without a version of HTTP")
                return
            length = head.headers.get("Content-Length", "0")
            if len(length) > _LONGEST_LENGTH:
                self.failure = BadHttpMessage("a Content-Length of too many digits")
                return
            messages.append((head, body))
            self._room -= 1
            self.finished = bool(head.upgrade) or head.method == "CONNECT"
            self.body = body
            self._left = None if head.chunked else int(length)
        if self.body is not None and self.body.is_eof():
            self.body = None
            self._paused = False
        self._within = head_goes_on or self.body is not None
