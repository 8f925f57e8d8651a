"""A body as it comes: how much of it is read, what its compression may do, and how long it may take."""

from __future__ import annotations

import asyncio
import gzip
import zlib
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest

from collector.errors import MalformedWebhook, TooLarge, TooSlow, Unavailable, UnsupportedEncoding
from collector.intake.body_reader import BodyLimits, BodyReader
from tests.bodies import chunks


def reader(**limits: float) -> BodyReader:
    """A reader of bodies up to 1000 bytes."""
    return BodyReader(BodyLimits(**({"size": 1000} | limits)))  # type: ignore[arg-type]


PLAIN = b"x" * 700
PACKED = gzip.compress(bytes(range(256)) * 3)


@pytest.mark.parametrize("encoding", ["", "identity", " Identity "])
async def test_a_plain_body_is_taken_as_it_is(encoding: str) -> None:
    """In pieces, whole, or empty."""
    assert await reader().read(chunks(PLAIN[:3], PLAIN[3:]), encoding=encoding, length=700) == PLAIN
    assert await reader().read(PLAIN, encoding=encoding) == PLAIN
    assert await reader().read(chunks()) == b""


@pytest.mark.parametrize("encoding", ["gzip", "GZIP", "x-gzip"])
async def test_one_gzip_member_is_inflated(encoding: str) -> None:
    """In whatever pieces it comes."""
    pieces = [PACKED[n : n + 1] for n in range(len(PACKED))]
    assert await reader().read(chunks(*pieces), encoding=encoding) == bytes(range(256)) * 3


async def test_gzip_cut_anywhere_is_refused() -> None:
    """A part is never taken for the whole."""
    whole = []
    for cut in range(len(PACKED)):
        with suppress(MalformedWebhook):
            await reader().read(chunks(PACKED[:cut]), encoding="gzip")
            whole.append(cut)
    assert whole == []


@pytest.mark.parametrize(
    "raw",
    [
        PACKED + b"x",
        PACKED + PACKED,
        PACKED[:-8] + bytes(4) + PACKED[-4:],
        PACKED[:-4] + bytes(4),
        b"not gzip at all",
        zlib.compress(PLAIN),
    ],
    ids=["junk after it", "two members", "wrong checksum", "wrong length", "no gzip", "zlib"],
)
async def test_what_is_not_exactly_one_member_is_refused(raw: bytes) -> None:
    """Junk after it, a second member, a wrong checksum or another format."""
    with pytest.raises(MalformedWebhook):
        await reader().read(chunks(raw), encoding="gzip")


@pytest.mark.parametrize("encoding", ["br", "deflate", "gzip, gzip", "identity, gzip", "zstd", "\x00"])
async def test_other_encodings_are_refused_unread(encoding: str) -> None:
    """Nothing is read of what would not be understood."""
    untouched = chunks(PLAIN)
    with pytest.raises(UnsupportedEncoding):
        await reader().read(untouched, encoding=encoding)
    assert await anext(untouched) == PLAIN


async def test_a_body_beyond_the_bound_is_refused() -> None:
    """By its announced length without reading, by its pieces as soon as they are too many, by what it inflates to."""
    untouched = chunks(PLAIN)
    with pytest.raises(TooLarge):
        await reader().read(untouched, length=1001)
    assert await anext(untouched) == PLAIN
    for body in (chunks(PLAIN, PLAIN), b"x" * 1001):
        with pytest.raises(TooLarge):
            await reader().read(body)
    assert await reader().read(chunks(b"x" * 1000), length=1000)
    with pytest.raises(TooLarge):
        await reader().read(chunks(gzip.compress(bytes(1001))), encoding="gzip")
    assert len(await reader().read(chunks(gzip.compress(bytes(1000))), encoding="gzip")) == 1000
    assert await reader().read(chunks(PLAIN, PLAIN), size=2000)


async def test_a_bomb_is_never_inflated() -> None:
    """Beyond the ratio nothing more is made of it, however large a body may be."""
    bomb = gzip.compress(bytes(50 << 20), 9)
    with pytest.raises(TooLarge):
        await reader(size=100 << 20, ratio=200).read(chunks(bomb), encoding="gzip")


async def test_a_body_that_stalls_is_given_up() -> None:
    """After its time the sender is told to come again, and the bytes are not counted any longer."""

    async def stalled() -> AsyncIterator[bytes]:
        yield b"x"
        await asyncio.Event().wait()

    bodies = reader(seconds=0.01)
    with pytest.raises(TooSlow):
        await bodies.read(stalled(), length=500)
    assert bodies.in_flight == 0


async def test_bytes_in_flight_are_bounded() -> None:
    """Announced or not, what is being received at one time has a bound; afterwards there is room again."""
    gate, received = asyncio.Event(), asyncio.Event()

    async def waiting() -> AsyncIterator[bytes]:
        yield b"x" * 600
        received.set()
        await gate.wait()

    bodies = reader(in_flight=1000)
    first = asyncio.create_task(bodies.read(waiting()))
    await received.wait()
    assert bodies.in_flight == 600
    with pytest.raises(Unavailable):
        await bodies.read(chunks(PLAIN), length=700)
    with pytest.raises(Unavailable):
        await bodies.read(chunks(PLAIN))
    assert await bodies.read(chunks(b"x" * 300), length=300)
    gate.set()
    await first
    assert bodies.in_flight == 0
