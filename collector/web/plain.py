"""A delivery's HTTP request, where it is written in the plainest way there is.

aiohttp's parser reads all of HTTP and makes a stream and an address of each
request, which costs as much as reading the delivery itself. Nearly every
sender writes the same few lines, so those are read here. Promises: what is
taken here means the same to every reader of RFC 9112, aiohttp's included
(``tests/test_plain.py`` compares). Refuses everything that two readers might
take differently, whether it is allowed or not: aiohttp decides about that.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

_START = re.compile(r"POST /webhooks/([A-Za-z0-9._~-]+)(?:/([A-Za-z0-9._~-]+))? HTTP/1\.1")
"""A source's address in characters that stand for themselves, and its token where it has one."""
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}")
_LENGTH = re.compile(r"0|[1-9][0-9]{0,8}")
_LONGEST_HEAD = 4096
_UNUSUAL = frozenset((
    "content-encoding", "expect", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding",
    "upgrade",
))  # fmt: skip
"""Headers that are about how the message or the connection is to be read."""


class Plain(NamedTuple):
    """One whole request to the address of a source."""

    source: str
    token: str
    headers: Mapping[str, str]
    """By names in lower case; each came once."""
    body: bytes


def read(data: bytes) -> Plain | None:
    """The request that these bytes are, from the first to the last; None where they are anything else."""
    end = data.find(b"\r\n\r\n", 0, _LONGEST_HEAD)
    if end < 0 or not data.startswith(b"POST /webhooks/"):
        return None
    head = _head(data[:end])
    body = data[end + 4 :]
    if head is None or head.length != len(body):
        return None
    return Plain(head.source, head.token, head.headers, body)


class _Head(NamedTuple):
    """All of a request but its body."""

    source: str
    token: str
    headers: dict[str, str]
    length: int


# A sender says the same head again and again; at most 4 MB of them are kept.
@lru_cache(maxsize=1024)
def _head(head: bytes) -> _Head | None:
    if not head.isascii():
        return None
    start, *lines = head.decode("ascii").split("\r\n")
    address = _START.fullmatch(start)
    if address is None or not "".join(lines).isprintable():
        # Not printable: also a lone CR or LF, which some take for the end of a line.
        return None
    headers: dict[str, str] = {}
    for line in lines:
        written, colon, value = line.partition(":")
        name = _named(written)
        if not colon or not name or name in headers:
            return None
        headers[name] = value.strip(" ")
    length = headers.get("content-length", "")
    if not _LENGTH.fullmatch(length) or "host" not in headers or not _UNUSUAL.isdisjoint(headers):
        return None
    if headers.get("connection", "keep-alive").lower() != "keep-alive":
        return None
    source, token = address.groups("")
    return _Head(source, token, headers, int(length))


@lru_cache(maxsize=1024)
def _named(name: str) -> str:
    """A header's name in lower case; empty where it is no name. Senders write the same few."""
    return name.lower() if _TOKEN.fullmatch(name) else ""
