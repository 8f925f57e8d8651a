"""One connection's deliveries: each is answered once it is stored, in its turn, and none is forgotten."""

from __future__ import annotations

import ast
import asyncio
import re
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from importlib.metadata import requires, version
from pathlib import Path

import pytest
from aiohttp import web

from collector.log import Answer, Submission
from collector.web import server_kwargs
from collector.web.server import PRIVATE, Connection, Listener
from tests.face import Face, running
from tests.fuzz.exchange import exchange
from tests.syntax import module_of, nodes_of

ANSWER = re.compile(rb"HTTP/1\.[01] (\d{3}) ")
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

    async def _wait(self, submissions: Sequence[Submission]) -> list[Answer]:
        self.reached.set()
        await self._open.wait()
        return await self._append(submissions)

    def open(self) -> None:
        self._open.set()


@contextmanager
def gated(face: Face, monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
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
            while len(statuses := ANSWER.findall(self.seen)) < count:
                more = await self._reader.read(65_536)
                assert more, f"the connection ended after {self.seen!r}"
                self.seen += more
        return [int(status) for status in statuses]

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


async def test_what_comes_behind_a_delivery_that_is_being_stored_waits_its_turn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Requests sent before the answer to the one before them are answered after it, in order, and all are stored."""
    async with running(tmp_path) as face, connected(face) as sender:
        with gated(face, monkeypatch) as gate:
            await sender.send(request("first"))
            await gate.reached.wait()
            for name in ("second", "third"):
                await sender.send(request(name))
            await until(lambda: any(one._request_count == 3 for one in connections(face)))
            assert sender.seen == b""
            gate.open()
            assert await sender.answers(3) == [202, 202, 202]
            await sender.send(request("fourth"))
            assert await sender.answers(4) == [202] * 4
            assert await names(face) == ["first", "second", "third", "fourth"]


async def test_hundreds_of_requests_in_one_write_are_answered_in_order(tmp_path: Path) -> None:
    """More requests than may wait for their turn are read as room comes free; none is lost, none is answered twice."""
    sent = [f"r{number}" for number in range(300)]
    async with running(tmp_path) as face, connected(face) as sender:
        await sender.send(b"".join(request(name) for name in sent))
        sender.writer.write_eof()
        assert await sender.answers(300) == [202] * 300
        assert await sender.ended()
        assert await names(face) == sent


async def test_the_last_request_of_a_connection_is_answered_and_ends_it(tmp_path: Path) -> None:
    """What says Connection: close is answered so, and nothing behind it is."""
    written = [request("a"), request("b", query="?x=1"), request("c", "Connection: close"), request("never")]
    async with running(tmp_path) as face, connected(face) as sender:
        await sender.send(b"".join(written))
        assert await sender.ended()
        assert await sender.answers(3) == [202] * 3
        assert await names(face) == ["a", "b", "c"]
        assert sender.seen.lower().count(b"connection: close") == 1


async def test_a_request_in_pieces_is_put_together(tmp_path: Path) -> None:
    """A head and a body that arrive apart, at any place, are one request."""
    whole = request("slow")
    async with running(tmp_path) as face:
        for at in range(1, len(whole), 7):
            answer = await exchange(face, [whole[:at], whole[at:]], pause=1)
            assert ANSWER.findall(answer) == [b"202" if at == 1 else b"200"]


async def test_a_large_body_in_chunks_is_put_together(tmp_path: Path) -> None:
    """A body beyond what waits in memory, in chunks of every size, is stored as it was sent, and so is what follows."""
    body = b'[{"name": "' + b"x" * 500 + b'"}, ' + b" " * 60_000 + b'{"name": "y\r\n\r\n"}]'.replace(b"\r\n", b"  ")
    pieces = [body[at : at + 1 + at % 997] for at in _steps(len(body))]
    chunked = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\nX: trailer\r\n\r\n"
    head = b"POST /webhooks/bell HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    async with running(tmp_path) as face:
        for size in (1000, 70_000, 1_000_000):
            data = head + chunked + request("behind")
            answer = await exchange(face, [data[at : at + size] for at in range(0, len(data), size)], pause=1)
            assert len(ANSWER.findall(answer)) == 2
            newest, *_ = await face.log.deliveries(limit=2)
            assert await face.log.body(f"d{int(newest.id[1:]) - 1}") == body


def _steps(length: int) -> Iterator[int]:
    at = 0
    while at < length:
        yield at
        at += 1 + at % 997


async def test_a_whole_request_before_a_broken_one_is_answered(tmp_path: Path) -> None:
    """What is not HTTP takes nothing from the requests before it, in the same write or not; it is a 400 of its own."""
    for number, broken in enumerate((
        b"\x16\x03\x01\r\n\r\n", b"POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: %b2\r\n\r\n[]" % (b"0" * 5_000),
    )):  # fmt: skip
        data = request("first") + request("second") + broken
        folder = tmp_path / str(number)
        folder.mkdir()
        async with running(folder) as face:
            whole = await exchange(face, [data], pause=1)
            assert ANSWER.findall(whole) == [b"202", b"202", b"400"]
            assert await names(face) == ["first", "second"]


async def test_a_malformed_chunk_is_a_400_at_once(tmp_path: Path) -> None:
    """Nobody waits for the rest of a body whose framing broke, whenever it broke; the connection ends."""
    head = b"POST /webhooks/%b HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n[\r\n"
    async with running(tmp_path, seconds=3600.0) as face:
        for source in (b"bell", b"signed", b"nobody"):
            for pieces in ([head % source + b"zzz\r\n"], [head % source, b"zzz\r\n"]):
                async with connected(face) as sender:
                    await sender.send(pieces[0])
                    for piece in pieces[1:]:
                        await until(lambda: any(one._request_count for one in connections(face)))
                        await sender.send(piece)
                    assert await sender.ended()
                    assert await sender.answers(1) == [400]
                await until(lambda: not connections(face))
        assert await face.log.deliveries() == []


async def test_a_malformed_chunk_behind_an_answer_ends_the_connection(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Where the answer did not need the body, its breaking is no second answer and no mistake of ours."""
    head = b"GET /-/healthy HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    async with running(tmp_path) as face, connected(face) as sender:
        await sender.send(head)
        assert await sender.answers(1) == [200]
        await sender.send(b"zzz\r\n")
        assert await sender.ended()
        assert await sender.answers(1) == [200]
        assert "Traceback" not in caplog.text


async def test_a_sender_that_closes_its_side_gets_its_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever was sent whole before the end of the sending is stored and answered; then the connection ends."""
    async with running(tmp_path) as face, connected(face) as sender:
        with gated(face, monkeypatch) as gate:
            await sender.send(request("first") + request("second"))
            sender.writer.write_eof()
            await gate.reached.wait()
            gate.open()
            assert await sender.ended()
            assert await sender.answers(2) == [202, 202]
            assert b"Connection: close" in sender.seen
        assert await names(face) == ["first", "second"]


async def test_a_sender_that_closes_its_side_within_a_body_hears_where(tmp_path: Path) -> None:
    """A body that ends too early is a 400 that says at which byte, and nothing is stored."""
    async with running(tmp_path) as face, connected(face) as sender:
        await sender.send(request("cut")[:-4])
        sender.writer.write_eof()
        assert await sender.ended()
        assert await sender.answers(1) == [400]
        assert b"it broke off at byte " in sender.seen
        assert await face.log.deliveries() == []


async def test_a_sender_that_hangs_up_has_been_stored_all_the_same(tmp_path: Path) -> None:
    """Whoever closes before the answer loses the answer and nothing else; the daemon goes on."""
    async with running(tmp_path) as face:
        async with connected(face) as sender:
            await sender.send(request("gone"))
            sender.writer.transport.abort()
        async with asyncio.timeout(PATIENCE):
            while await face.log.head() == 0:  # noqa: ASYNC110 - the log announces within its own process only
                await asyncio.sleep(0.01)
        assert (await face.deliver(b'[{"name": "gone"}]')).status == 200


@pytest.mark.parametrize(
    "protocol_header", ["Upgrade: h2c\r\nConnection: Upgrade", "Upgrade: websocket\r\nConnection: Upgrade"]
)
async def test_a_request_for_another_protocol_is_answered_in_this_one(tmp_path: Path, protocol_header: str) -> None:
    """Nobody speaks it here: the request is answered as any other, and the connection ends, however it was cut."""
    async with running(tmp_path) as face:
        data = request("up", protocol_header) + request("behind")
        for pieces in ([data], [data[at : at + 1] for at in range(len(data))]):
            answer = await exchange(face, pieces, pause=1)
            assert len(ANSWER.findall(answer)) == 1
            assert b"Connection: close" in answer
        assert await names(face) == ["up"]


@pytest.mark.parametrize("path", ["/webhooks/bell", "/", "/nowhere", "/api/v1/incidents", "*"])
@pytest.mark.parametrize("expected", [b"\xe1", b"x", b"100-continue, x", b"100-continue\r\nExpect: \xe1"])
async def test_an_expectation_that_is_not_met_is_417(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, path: str, expected: bytes
) -> None:
    """Of expectations only 100-continue is met; any other is refused at any address, and never fails."""
    sent = b"OPTIONS %b HTTP/1.1\r\nHost: localhost\r\nExpect: %b\r\n\r\n" % (path.encode(), expected)
    async with running(tmp_path) as face:
        answer = await exchange(face, [sent], pause=1)
        assert ANSWER.findall(answer) == [b"417"]
        assert b"X-Content-Type-Options: nosniff" in answer
        assert "Traceback" not in caplog.text


async def test_an_expectation_that_is_met_is_answered_twice(tmp_path: Path) -> None:
    """100-continue asks for the body, in any case of letters; the delivery's answer comes after it."""
    async with running(tmp_path) as face, connected(face) as sender:
        whole = request("polite", "Expect: 100-Continue")
        await sender.send(whole[:-5])
        assert await sender.answers(1) == [100]
        await sender.send(whole[-5:])
        assert await sender.answers(2) == [100, 202]


async def test_a_connection_is_kept_while_its_delivery_is_being_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Storing may take longer than a silent connection is kept; afterwards it is let go as any other."""
    async with running(tmp_path, server=server_kwargs(idle=0.1)) as face, connected(face) as sender:
        with gated(face, monkeypatch) as gate:
            await sender.send(request("patient"))
            await gate.reached.wait()
            # As long as a silent connection is kept, three times over.
            await asyncio.sleep(0.3)
            gate.open()
            assert await sender.answers(1) == [202]
            assert await sender.ended()


async def test_a_stop_answers_what_is_being_stored_and_says_that_it_was_the_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A daemon that stops answers the deliveries it took; their connections end with it."""
    async with running(tmp_path) as face, connected(face) as sender:
        with gated(face, monkeypatch) as gate:
            await sender.send(request("last"))
            await gate.reached.wait()
            draining = asyncio.create_task(face.runner.drain(PATIENCE))
            await until(lambda: listener(face).draining)
            gate.open()
            assert await sender.answers(1) == [202]
            assert await sender.ended()
            assert b"\r\nConnection: close\r\n" in sender.seen
            await draining


async def test_every_private_name_of_aiohttp_is_listed_and_there(tmp_path: Path) -> None:
    """What aiohttp does not promise is used in one module, each name with its reason; this version has all of them."""
    async with running(tmp_path) as face, connected(face):
        await until(lambda: bool(connections(face)))
        [connection] = connections(face)
        things = [face.runner, listener(face), connection]
        theirs = {name for thing in things for kind in type(thing).__mro__[1:] for name in _names_in(kind)}
        theirs |= set(vars(web.Server(listener(face).request_handler)))
    theirs = {name for name in theirs if name.startswith("_") and not name.startswith("__")}
    assert set(PRIVATE) <= theirs
    for path in _modules():
        text = path.read_text(encoding="utf-8")
        if re.search(r"^(from|import) aiohttp", text, re.MULTILINE):
            nodes = [node for node in nodes_of(module_of(text)) if isinstance(node, ast.Attribute)]
            defined = {node.attr for node in nodes if isinstance(node.ctx, ast.Store)}
            defined |= {node.name for node in nodes_of(module_of(text)) if isinstance(node, ast.FunctionDef)}
            used = {node.attr for node in nodes} & theirs
            assert used - defined <= (set(PRIVATE) if path.name == "server.py" else set()), path


def _modules() -> list[Path]:
    found = sorted((Path(__file__).parents[1] / "collector").rglob("*.py"))
    assert found != []
    return found


def _names_in(kind: type) -> set[str]:
    return set(vars(kind)) | set(getattr(kind, "__slots__", ()))


def test_the_minor_version_of_aiohttp_is_one_that_was_seen() -> None:
    """A later one may have other private names: it is not installed before these tests passed with it."""
    [wanted] = [one for one in requires("timelined") or () if one.startswith("aiohttp")]
    assert set(wanted.removeprefix("aiohttp").split(",")) == {">=3.14.3", "<3.15"}
    assert version("aiohttp").startswith("3.14.")


def listener(face: Face) -> Listener:
    server = face.runner.server
    assert isinstance(server, Listener)
    return server


def connections(face: Face) -> list[Connection]:
    return [one for one in listener(face).connections if isinstance(one, Connection)]
