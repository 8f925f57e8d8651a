"""Deliveries take a short way in; whoever sends them cannot tell."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest

from tests.face import Answer, Face, running

RING = b'[{"name": "a"}]'
REQUEST = b"POST /webhooks/bell HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%b"


async def both_ways(folder: Path, path: str, body: bytes, **more: object) -> list[Answer]:
    """The answers to one delivery, the short way and the long way (a query that nobody reads), each to an empty log."""
    answers = []
    for name, address in (("short", path), ("long", f"{path}?x=1")):
        (folder / name).mkdir()
        async with running(folder / name, **more) as face:
            answers.append(await face.deliver(body, address))
    return answers


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/webhooks/bell", RING),
        ("/webhooks/bell", b"[]"),
        ("/webhooks/bell", b"[{"),
        ("/webhooks/bell", b'"crash"'),
        ("/webhooks/bell", b"[" + b" " * (70 << 10) + b"]"),
        ("/webhooks/secret/letmein", RING),
        ("/webhooks/secret/guessed", RING),
        ("/webhooks/nobody", RING),
        ("/webhooks/signed", RING),
    ],
)
async def test_both_ways_answer_the_same(tmp_path, path, body):
    """Status, headers and body are the same the short way and through the application."""
    short, long = await both_ways(tmp_path, path, body)
    assert short.status == long.status
    assert short.body == long.body
    assert {n: v for n, v in short.headers.items() if n != "Date"} == {
        n: v for n, v in long.headers.items() if n != "Date"
    }


async def test_a_full_queue_is_answered_the_same_both_ways(tmp_path):
    """A 503 has its Retry-After and ends its connection, whichever way the delivery came."""
    for folder, address in (("short", "/webhooks/bell"), ("long", "/webhooks/bell?x=1")):
        (tmp_path / folder).mkdir()
        async with running(tmp_path / folder) as face:
            await face.writer.close()
            answer = await face.deliver(RING, address)
            answer.problem(503)
            assert answer.headers["Retry-After"] == "5"
            assert answer.headers["Connection"] == "close"


async def exchange(face: Face, version: str, *headers: str) -> bytes:
    """What one request on a connection of its own is answered, until the server closes or the answer is whole."""
    lines = [f"POST /webhooks/bell HTTP/{version}", "Host: localhost", *headers, f"Content-Length: {len(RING)}"]
    head = "\r\n".join(lines)
    reader, writer = await asyncio.open_connection(*face.address)
    writer.write(head.encode() + b"\r\n\r\n" + RING)
    async with asyncio.timeout(10):
        answer = await reader.readuntil(b"\r\n\r\n")
        length = int(re.search(rb"(?i)content-length: (\d+)", answer)[1])  # type: ignore[index]
        answer += await reader.readexactly(length)
    writer.close()
    await writer.wait_closed()
    return answer


@pytest.mark.parametrize(("version", "headers"), [("1.0", ()), ("1.1", ("Connection: close",))])
async def test_a_connection_that_ends_is_told_so(tmp_path, version, headers):
    """Where the connection does not go on, the answer says it, or is of a version in which that goes without saying."""
    async with running(tmp_path) as face:
        answer = await exchange(face, version, *headers)
        assert answer.startswith(f"HTTP/{version} 202".encode())
        assert version == "1.0" or b"connection: close" in answer.lower()


async def test_requests_one_behind_the_other_are_answered_in_order(tmp_path):
    """Deliveries sent on one connection without waiting are each answered, in the order they were sent."""

    rings = [b'[{"name": "%d"}]' % number for number in range(20)]
    async with running(tmp_path) as face:
        reader, writer = await asyncio.open_connection(*face.address)
        writer.write(b"".join(REQUEST % (len(ring), ring) for ring in rings))
        seen = b""
        async with asyncio.timeout(10):
            while seen.count(b"HTTP/1.1 202") < len(rings) or not seen.endswith(b"]}"):
                seen += await reader.read(65_536)
        writer.close()
        await writer.wait_closed()
        stored = [fact.id.encode() for fact in await face.log.read()]
        assert re.findall(rb'"event":"([0-9a-f]+)"', seen) == stored


async def test_a_sender_that_hangs_up_has_been_stored_all_the_same(tmp_path):
    """Whoever closes before the answer loses the answer and nothing else; the daemon goes on."""
    async with running(tmp_path) as face:
        _, writer = await asyncio.open_connection(*face.address)
        writer.write(
            b"POST /webhooks/bell HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(RING) + RING
        )
        await writer.drain()
        writer.transport.abort()
        async with asyncio.timeout(10):
            while await face.log.head() == 0:  # noqa: ASYNC110 - the log announces within its own process only
                await asyncio.sleep(0.01)
        assert (await face.deliver(RING)).status == 200
