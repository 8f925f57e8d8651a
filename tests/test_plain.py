"""What is read without aiohttp's parser means the same to it, and to everybody else."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from aiohttp.base_protocol import BaseProtocol
from aiohttp.http_parser import HttpRequestParser
from hypothesis import example, given
from hypothesis import strategies as st

from collector.web import plain

HEAD = b"POST /webhooks/bell HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 2\r\n"
REQUEST = HEAD + b"\r\n[]"


def parsed(data: bytes) -> tuple[str, str, dict[str, str], bytes] | None:
    """What aiohttp makes of these bytes; None where they are not one whole request and nothing else."""
    loop = asyncio.new_event_loop()
    try:
        protocol = BaseProtocol(loop)
        parser = HttpRequestParser(protocol, loop, 2**16, auto_decompress=False)
        protocol._parser = parser
        messages, upgraded, rest = parser.feed_data(data)
        if len(messages) != 1 or upgraded or rest:
            return None
        message, payload = messages[0]
        if not payload.is_eof() or message.should_close or message.chunked:
            return None
        headers = {name.lower(): value for name, value in message.headers.items()}
        assert len(headers) == len(message.headers)
        return message.method, message.path, headers, payload.read_nowait()
    finally:
        loop.close()


def test_a_plain_request_is_read() -> None:
    """Its source, its token, its headers by names in lower case, and its body."""
    assert plain.read(REQUEST) == plain.Plain(
        "bell", "", {"host": "localhost", "content-type": "application/json", "content-length": "2"}, b"[]"
    )
    secret = plain.read(REQUEST.replace(b"/bell ", b"/bell/letmein "))
    assert secret is not None
    assert (secret.source, secret.token) == ("bell", "letmein")


def test_a_body_may_hold_anything() -> None:
    """Also what looks like another request, and bytes that are no text."""
    body = b"\xff\r\n\r\nPOST / HTTP/1.1\r\n\r\n\x00"
    found = plain.read(REQUEST[:-2].replace(b"Length: 2", b"Length: %d" % len(body)) + body)
    assert found is not None
    assert found.body == body


@pytest.mark.parametrize(
    ("unusual", "instead"),
    [
        (b"POST", b"PUT"),
        (b"POST", b"post"),
        (b"POST /", b"POST  /"),
        (b"/webhooks/bell", b"/webhooks/bell?x=1"),
        (b"/webhooks/bell", b"/webhooks/b%65ll"),
        (b"/webhooks/bell", b"/webhooks/bell/a/b"),
        (b"/webhooks/bell", b"/webhooks/"),
        (b"/webhooks/bell", b"http://localhost/webhooks/bell"),
        (b"HTTP/1.1", b"HTTP/1.0"),
        (b"HTTP/1.1", b"HTTP/1.1 "),
        (b"Host: localhost\r\n", b""),
        (b"Host: localhost", b"Host: localhost\r\nHost: other"),
        (b"Host: localhost", b" Host: localhost"),
        (b"Host: localhost", b"Host : localhost"),
        (b"Host: localhost", b"Host"),
        (b"Host: localhost", b"Host: local\nhost"),
        (b"Host: localhost", b"Host: local\rhost"),
        (b"Host: localhost", b"Host: local\x00host"),
        (b"Host: localhost", b"Host: localh\xc3\xb6st"),
        (b"Host: localhost", b"Host: localhost\r\n folded"),
        (b"Host: localhost", b"Host: localhost\r\n\tfolded"),
        (b"Host: localhost", b"Host:\tlocalhost"),
        (b"Host: localhost\r\n", b"Host: localhost\n"),
        (b"Content-Length: 2", b"Content-Length: 2\r\nContent-Length: 2"),
        (b"Content-Length: 2", b"Content-Length: 2\r\ncontent-length: 3"),
        (b"Content-Length: 2", b"Content-Length: 2, 2"),
        (b"Content-Length: 2", b"Content-Length: +2"),
        (b"Content-Length: 2", b"Content-Length: 02"),
        (b"Content-Length: 2", b"Content-Length: 0x2"),
        (b"Content-Length: 2", b"Content-Length: 1"),
        (b"Content-Length: 2", b"Content-Length: 3"),
        (b"Content-Length: 2", b"X: 2"),
        (b"Content-Length: 2", b"Content-Length: 2\r\nTransfer-Encoding: chunked"),
        (b"Content-Length: 2", b"Content-Length: 2\r\nTransfer-Encoding: identity"),
        (b"Content-Length: 2", b"Content-Length: 2\r\nContent-Encoding: gzip"),
        (b"Content-Length: 2", b"Content-Length: 2\r\nExpect: 100-continue"),
        (b"Content-Length: 2", b"Content-Length: 2\r\nConnection: close"),
        (b"Content-Length: 2", b"Content-Length: 2\r\nConnection: keep-alive, upgrade"),
        (b"Content-Length: 2", b"Content-Length: 2\r\nUpgrade: h2c"),
        (b"[]", b"["),
        (b"[]", b"[]x"),
        (b"[]", b"[]" + REQUEST),
        (b"Host: localhost", b"Host: localhost\r\nX: " + b"x" * 5000),
    ],
)
def test_what_is_unusual_is_left_to_aiohttp(unusual: bytes, instead: bytes) -> None:
    """Whatever readers of HTTP have been seen to differ about, and what only aiohttp reads."""
    assert unusual in REQUEST
    assert plain.read(REQUEST.replace(unusual, instead, 1)) is None


PIECES = st.sampled_from([
    b"\r\n", b"\n", b"\r", b" ", b"\t", b":", b": ", b"\x00", b"\x7f", b"\xff", b",", b"2", b"0", b"/", b"?", b"#",
    b"Host: a", b"\r\nHost: a", b"\r\nContent-Length: 2", b"\r\nTransfer-Encoding: chunked", b"\r\nX-Y: z", b"\r\nx_y:",
    b"HTTP/1.1", b"POST ", b"[]", b"\r\n\r\n", b"\r\nConnection: keep-alive", b"\r\nAuthorization: Bearer a",
])  # fmt: skip


@st.composite
def written(draw: st.DrawFn) -> bytes:
    """A request with some pieces put in, left out or put in the place of others."""
    data = REQUEST
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(data)))
        data = data[:at] + draw(PIECES | st.binary(max_size=2)) + data[at + draw(st.integers(0, 3)) :]
    return data


@given(written())
@example(REQUEST)
@example(REQUEST.replace(b"Host: localhost", b"Host:  localhost  "))
@example(REQUEST.replace(b"Host: localhost", b"Host:"))
@example(REQUEST.replace(b"Host: localhost", b"Host: localhost\r\nConnection: Keep-Alive"))
@example(REQUEST.replace(b"Host", b"!#$%&'*+.^_`|~"))
@example(REQUEST.replace(b"[]", b"").replace(b"Length: 2", b"Length: 0"))
def test_what_is_read_here_means_the_same_to_aiohttp(data: bytes) -> None:
    """The same method, address, headers and body, and nothing before or behind them."""
    found: Any = plain.read(data)
    if found is not None:
        address = f"/webhooks/{found.source}" + (f"/{found.token}" if found.token else "")
        assert parsed(data) == ("POST", address, found.headers, found.body)
