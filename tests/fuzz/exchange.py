"""One stream against the HTTP face, however it is cut, and what comes back.

The transport is in memory, so that each piece is one read of the server, and
the last one is followed by the end of what the client says. Everything behind
it is real: the server as the daemon sets it up, and a log in a file.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Iterable, MutableMapping, Sequence
from typing import Any

from tests.face import Face
from tests.fuzz.streams import cut, stream

PATIENCE = 10.0
"""Seconds in which a connection must have ended."""

_STATUS = re.compile(rb"HTTP/1\.[01] (\d{3}) ")
# When it was sent; and whether the connection goes on, which nobody knows before the rest of the body came.
_VARIES = re.compile(rb"\r\n(?:Date|Connection): [^\r]*|[0-9a-f]{32}")


class Wire(asyncio.Transport):
    """A transport that keeps what is written to it."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self._loop = loop
        self._protocol: Any = None
        self._closing = False
        self._reading = asyncio.Event()
        self._reading.set()
        self.closed = asyncio.Event()
        self.written = bytearray()

    def connect(self, protocol: asyncio.BaseProtocol) -> None:
        self._protocol = protocol
        self._protocol.connection_made(self)

    async def send(self, data: bytes) -> None:
        """One read of the server's, as soon as it reads."""
        await self._reading.wait()
        if not self._closing:
            self._protocol.data_received(data)

    async def end(self) -> None:
        """The client says nothing more."""
        await self._reading.wait()
        if not self._closing and not self._protocol.eof_received():
            self.close()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if not self._closing:
            self.written += data

    def writelines(self, list_of_data: Iterable[bytes | bytearray | memoryview]) -> None:
        self.write(b"".join(list_of_data))

    def pause_reading(self) -> None:
        self._reading.clear()

    def resume_reading(self) -> None:
        self._reading.set()

    def close(self) -> None:
        if not self._closing:
            self._closing = True
            self._reading.set()
            self._loop.call_soon(self._lose)

    abort = close

    def _lose(self) -> None:
        self._protocol.connection_lost(None)
        self.closed.set()

    def is_closing(self) -> bool:
        return self._closing

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return ("127.0.0.1", 1) if name in ("peername", "sockname") else default

    def get_write_buffer_size(self) -> int:
        return 0


async def exchange(face: Face, pieces: Iterable[bytes], *, pause: int) -> bytes:
    """What these pieces are answered. After each ``pause`` of them the server may work for a while."""
    wire = Wire(asyncio.get_running_loop())
    assert face.runner.server is not None
    wire.connect(face.runner.server())
    for number, piece in enumerate(pieces, 1):
        await wire.send(piece)
        if number % pause == 0:
            await asyncio.sleep(0)
    await wire.end()
    async with asyncio.timeout(PATIENCE):
        await wire.closed.wait()
    return bytes(wire.written)


class Watch(logging.Handler):
    """Hears what must never be logged: an error, or a traceback."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[str] = []
        self.lines: list[MutableMapping[str, Any]] = []
        """What is logged in the daemon's own way."""

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno >= logging.ERROR or record.exc_info:
            self.heard.append(logging.Formatter().format(record))

    def complaints(self) -> list[str]:
        """What was logged since the last time and must not be."""
        wrong = [str(line) for line in self.lines if line["log_level"] in ("error", "critical") or "exc_info" in line]
        complaints_found = self.heard + wrong
        self.heard.clear()
        self.lines.clear()
        return complaints_found


async def compare(faces: Sequence[Face], number: int, watch: Watch) -> list[int]:
    """Send the stream of this number in one write, in pieces and byte by byte, each to a face of its own.

    The answer is the statuses; raises AssertionError where the three differ, or one of them is a failure of ours.
    """
    data = stream(number)
    whole, some, singly = faces
    answers = [
        await exchange(whole, [data], pause=1),
        await exchange(some, cut(data, number), pause=1),
        await exchange(singly, [data[at : at + 1] for at in range(len(data))], pause=1 + number % 7),
    ]
    seen = [_VARIES.sub(b"", answer) for answer in answers]
    assert seen[0] == seen[1] == seen[2], f"stream {number} {data!r} is answered differently: {answers}"
    statuses = [int(status) for status in _STATUS.findall(seen[0])]
    assert 500 not in statuses, f"stream {number} {data!r} is answered {answers[0]!r}"
    complaints = watch.complaints()
    assert not complaints, f"stream {number} {data!r} is logged: {complaints}"
    return statuses
