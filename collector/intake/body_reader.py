"""A stranger's body: received and inflated within bounds of size, compression, time, memory and depth.

What aiohttp and zlib do by default lets a few kilobytes become gigabytes, or a
connection stay open for ever. Nothing here looks at what a body says. Whoever
does has it done beside the event loop where a body is large (:meth:`BodyReader.apart`).
"""

from __future__ import annotations

import asyncio
import re
import zlib
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import TypeVar

import msgspec

from collector import normalise
from collector.errors import BrokenOff, DamagedBody, TooLarge, TooSlow, Unavailable, UnsupportedEncoding
from collector.webhook import DEEPEST, Webhook

LARGE = 256 << 10
"""Bytes of a body from which on it is worked on in a thread: to read one takes a millisecond, to redact it ten."""
_LARGE_GZIP = 32 << 10
"""The same of one that is still to be inflated: alerts become eight times as much and more."""
_APART = 2
"""Large bodies that are worked on at one time. More would take the interpreter from the event loop."""

T = TypeVar("T")


class BodyLimits(msgspec.Struct, frozen=True, kw_only=True):
    """How much of a stranger's body is taken."""

    size: int = 4 << 20
    """Bytes after inflating; a source may have its own. PagerDuty sends up to 256 KB, GitHub up to 25 MB."""
    ratio: int = 200
    """Bytes inflated out of one byte. Groups of near-identical alerts reach about 60."""
    seconds: float = 10.0
    """For the whole body to arrive."""
    in_flight: int = 64 << 20
    """Bytes of bodies being received at one time."""


class BodyReader:
    """Receives bodies within bounds of size, compression, time and memory."""

    def __init__(self, limits: BodyLimits) -> None:
        self.limits = limits
        self.in_flight = 0
        """Bytes of bodies that are being received."""
        self._apart = asyncio.Semaphore(_APART)

    async def apart(self, size: int, work: Callable[[], T]) -> T:
        """What ``work`` gives over a body of this size in bytes; of a large one in a thread, so that others go on."""
        if size <= LARGE:
            return work()
        async with self._apart:
            return await asyncio.to_thread(work)

    async def read(
        self,
        chunks: AsyncIterator[bytes] | bytes,
        *,
        encoding: str = "",
        length: int | None = None,
        size: int | None = None,
    ) -> bytes:
        """The whole body, inflated; ``chunks`` are its bytes where all of them are there already.

        ``length`` is the announced one; ``size`` replaces the usual bound.

        Raises :class:`TooLarge`, :class:`TooSlow`, :class:`UnsupportedEncoding`, :class:`DamagedBody` for what is not
        exactly one complete gzip member, and :class:`Unavailable` while too much else is being received.
        """
        most = self.limits.size if size is None else size
        gzipped = _is_gzip(encoding)
        if length is not None and length > most:
            raise _too_large(most)
        raw = chunks if isinstance(chunks, bytes) else await self._receive(chunks, length or 0, most)
        self.check(raw, size)
        if not gzipped:
            return raw
        inflate = partial(_inflate, raw, most, self.limits.ratio)
        return await self.apart(LARGE + 1 if len(raw) > _LARGE_GZIP else 0, inflate)

    def check(self, body: bytes, size: int | None = None) -> None:
        """Raises :class:`TooLarge` for a body beyond the bound; ``size`` replaces the usual one."""
        most = self.limits.size if size is None else size
        if len(body) > most:
            raise _too_large(most)

    async def _receive(self, chunks: AsyncIterator[bytes], announced: int, most: int) -> bytes:
        reserved = announced
        self._reserve(announced)
        pieces, received = [], 0
        try:
            async with asyncio.timeout(self.limits.seconds):
                async for chunk in chunks:
                    received += len(chunk)
                    if received > most:
                        raise _too_large(most)
                    if received > reserved:
                        self._reserve(received - reserved)
                        reserved = received
                    pieces.append(chunk)
        except BrokenOff as error:
            # Whether what came before had been looked at already is a matter of time alone.
            if error.received > most:
                raise _too_large(most) from error
            raise
        except TimeoutError as error:
            raise TooSlow(
                f"cannot take the delivery: its body took over {self.limits.seconds:g} s; send again"
            ) from error
        finally:
            self.in_flight -= reserved
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _reserve(self, count: int) -> None:
        if count and self.in_flight and self.in_flight + count > self.limits.in_flight:
            raise Unavailable("cannot take the delivery now: too many bytes are being received; send again")
        self.in_flight += count


def _is_gzip(encoding: str) -> bool:
    name = encoding.strip().lower()
    if name not in ("", "identity", "gzip", "x-gzip"):
        raise UnsupportedEncoding("cannot take the delivery: its Content-Encoding is neither identity nor gzip")
    return name.endswith("gzip")


def _too_large(most: int) -> TooLarge:
    return TooLarge(f"cannot take the delivery: its body is larger than {most} bytes; raise max_body, or send less")


def _inflate(raw: bytes, most: int, ratio: int) -> bytes:
    """Exactly one complete gzip member; what it would become beyond the bounds is never made."""
    bound = min(most, max(ratio * len(raw), 65_536))
    member = zlib.decompressobj(wbits=31)
    try:
        body = member.decompress(raw, bound + 1)
    except zlib.error as error:
        raise _bad_gzip("it is damaged", len(raw), raw) from error
    if len(body) > bound:
        raise _too_large(bound)
    if not member.eof:
        raise _bad_gzip("it is cut short", len(raw), raw)
    if member.unused_data:
        raise _bad_gzip("something follows it", len(raw) - len(member.unused_data), raw)
    return body


def _bad_gzip(what: str, place: int, raw: bytes) -> DamagedBody:
    place_text = f"byte {place}"
    return DamagedBody(f"cannot read the delivery's gzip: {what}, at {place_text}; send one member", place_text, raw)


_BRACKETS = bytes.maketrans(b"[]{}", b"()()")
_ESCAPED = re.compile(rb'\\["\\]')
_BESIDES = bytes(set(range(256)) - set(b'[]{}"'))


def check_depth(webhook: Webhook) -> None:
    """Raises :class:`MalformedWebhook` for JSON of more than 64 levels; only brackets outside strings count."""
    body = webhook.body
    if body.count(b"{") + body.count(b"[") <= DEEPEST or body.lstrip()[:1] not in (b"{", b"["):
        return
    if b"\\" in body:
        body = _ESCAPED.sub(b"", body)
    # Two quotes side by side hold no bracket between them; then every other piece is outside of strings.
    marks = body.translate(_BRACKETS, _BESIDES).replace(b'""', b"")
    brackets = b"".join(marks.split(b'"')[::2])
    # Each round takes away the innermost pairs, so as many rounds as levels leave nothing of a sound body.
    for _ in range(DEEPEST):
        fewer = brackets.replace(b"()", b"")
        if len(fewer) == len(brackets):
            break
        brackets = fewer
    # What is left without a pair in it is not balanced; the parser says so better.
    if b"()" in brackets or brackets.count(b"(") > DEEPEST:
        raise normalise.malformed(webhook.source, f"is nested deeper than {DEEPEST} levels", f"level {DEEPEST + 1}")
