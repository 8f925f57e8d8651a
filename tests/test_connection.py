"""One connection's deliveries: each is answered once it is stored, in its turn, and none is forgotten."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import pytest

from collector.log import Receipt, Submission
from collector.web import server_kwargs
from collector.web.server import Connection, Listener
from tests.face import Face, running

ANSWER = re.compile(rb"HTTP/1\.1 (\d{3}) ")
PATIENCE = 10.0


def request(name: str, *headers: str, query: str = "") -> bytes:
    """One delivery, written plainly unless it has something unusual."""
    body = f'[{{"name": "{name}"}}]'
    lines = [f"POST /webhooks/bell{query} HTTP/1.1", "Host: localhost", *headers, f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", body]).encode()


class Gate:
    """Holds every transaction of a log until it is opened."""

    def __init__(self, face: Face, monkeypatch: pytest.MonkeyPatch) -> None:
        self._append = face.log.append
        self._open = asyncio.Event()
        self.reached = asyncio.Event()
        monkeypatch.setattr(face.log, "append", self._wait)

    async def _wait(self, submissions: Sequence[Submission]) -> list[Receipt | Exception]:
        self.reached.set()
        await self._open.wait()
        return await self._append(submissions)

    def open(self) -> None:
        self._open.set()


@contextmanager
def held(face: Face, monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    """A gate before the log; opened at the end at the latest, since nothing could be closed otherwise."""
    gate = Gate(face, monkeypatch)
    try:
        yield gate
    finally:
        gate.open()


class Sender:
    """A connection, and what came back on it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self.writer = writer
        self.seen = b""

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def answers(self, count: int) -> list[int]:
        """The statuses of the next answers."""
        async with asyncio.timeout(PATIENCE):
            while len(found := ANSWER.findall(self.seen)) < count:
                more = await self._reader.read(65_536)
                assert more, f"the connection ended after {self.seen!r}"
                self.seen += more
        return [int(status) for status in found]

    async def ended(self) -> bool:
        """Whether the server ended the connection."""
        async with asyncio.timeout(PATIENCE):
            self.seen += await self._reader.read()
        return True


@asynccontextmanager
async def connected(face: Face) -> AsyncIterator[Sender]:
    reader, writer = await asyncio.open_connection(*face.address)
    try:
        yield Sender(reader, writer)
    finally:
        writer.close()
        await writer.wait_closed()


async def until(condition: Callable[[], bool]) -> None:
    """Wait for what a connection keeps to itself."""
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110 - a condition within the server under test has no event
            await asyncio.sleep(0.005)


async def names(face: Face) -> list[str]:
    """What was stored, in order."""
    return [fact.title for fact in await face.log.read()]


async def test_what_comes_behind_a_delivery_that_is_being_stored_waits_its_turn(tmp_path, monkeypatch):
    """Requests sent before the answer to the one before them are answered after it, in order, and all are stored."""
    async with running(tmp_path) as face, connected(face) as sender:
        with held(face, monkeypatch) as gate:
            await sender.send(request("first"))
            await gate.reached.wait()
            for name in ("second", "third"):
                await sender.send(request(name))
            await until(lambda: any(one._behind for one in connections(face)))
            assert sender.seen == b""
            gate.open()
            assert await sender.answers(3) == [202, 202, 202]
            await sender.send(request("fourth"))
            assert await sender.answers(4) == [202] * 4
            assert await names(face) == ["first", "second", "third", "fourth"]


async def test_plain_and_unusual_requests_take_turns_on_a_connection(tmp_path):
    """Whatever goes the long way in between, each request has its own answer."""
    written = [request("a"), request("b", query="?x=1"), request("c"), request("d", "Connection: close")]
    async with running(tmp_path) as face, connected(face) as sender:
        for count, each in enumerate(written, 1):
            await sender.send(each)
            assert await sender.answers(count) == [202] * count
        assert await names(face) == ["a", "b", "c", "d"]
        assert await sender.ended()


async def test_a_request_in_pieces_is_put_together(tmp_path):
    """A head and a body that arrive apart, at any place, are one request."""
    whole = request("slow")
    for at in range(1, len(whole), 7):
        folder = tmp_path / str(at)
        folder.mkdir()
        async with running(folder) as face, connected(face) as sender:
            await sender.send(whole[:at])
            await until(lambda face=face: any(not one._plainly for one in connections(face)))
            await sender.send(whole[at:])
            assert await sender.answers(1) == [202]


async def test_a_connection_is_kept_while_its_delivery_is_being_stored(tmp_path, monkeypatch):
    """Storing may take longer than a silent connection is kept; afterwards it is let go as any other."""
    async with running(tmp_path, server=server_kwargs(idle=0.1)) as face, connected(face) as sender:
        with held(face, monkeypatch) as gate:
            await sender.send(request("patient"))
            await gate.reached.wait()
            (connection,) = connections(face)
            due = connection._next_keepalive_close_time
            await until(lambda: connection._next_keepalive_close_time > due)
            gate.open()
            assert await sender.answers(1) == [202]
            assert await sender.ended()


async def test_a_stop_answers_what_is_being_stored_and_says_that_it_was_the_last(tmp_path, monkeypatch):
    """A daemon that stops answers the deliveries it took; their connections end with it."""
    async with running(tmp_path) as face, connected(face) as sender:
        with held(face, monkeypatch) as gate:
            await sender.send(request("last"))
            await gate.reached.wait()
            draining = asyncio.create_task(face.runner.drain(PATIENCE))
            await until(lambda: listener(face).draining)
            gate.open()
            assert await sender.answers(1) == [202]
            assert await sender.ended()
            assert b"\r\nConnection: close\r\n" in sender.seen
            await draining


async def test_a_sender_that_cannot_be_told_keeps_it_from_nobody(tmp_path, monkeypatch, caplog):
    """Where writing one answer fails, the others of its transaction have theirs."""
    async with running(tmp_path) as face, connected(face) as first, connected(face) as second:
        with held(face, monkeypatch) as gate:
            await first.send(request("one"))
            await gate.reached.wait()
            (broken,) = [one for one in connections(face) if one._storing]
            monkeypatch.setattr(broken.transport, "write", _fail, raising=False)
            await second.send(request("two"))
            gate.open()
            assert await second.answers(1) == [202]
            assert sorted(await names(face)) == ["one", "two"]


def _fail(_: bytes) -> Any:
    raise OSError("no way out")


def listener(face: Face) -> Listener:
    server = face.runner.server
    assert isinstance(server, Listener)
    return server


def connections(face: Face) -> list[Connection]:
    return [one for one in listener(face).connections if isinstance(one, Connection)]
