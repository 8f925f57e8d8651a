"""What a client may send on one connection: requests, right ones and wrong ones, one behind the other.

Made out of a number alone, so that a stream can be made again.
"""

from __future__ import annotations

import gzip
import random

METHODS = ("GET", "GET", "POST", "POST", "POST", "HEAD", "OPTIONS", "PUT", "DELETE", "PATCH", "CONNECT", "TRACE", "get")
PATHS = (
    "/", "/-/healthy", "/-/ready", "/webhooks/bell", "/webhooks/bell", "/webhooks/bell", "/webhooks/signed",
    "/webhooks/secret/letmein", "/webhooks/secret%2Fletmein", "/webhooks/nobody", "/webhooks/", "/webhooks/%62ell",
    "/webhooks/bell?x=1", "/webhooks/%ff", "/webhooks/a/b/c", "//webhooks/bell", "/webhooks/bell#x", "/webhooks/{x}",
    "/api/v1/incidents", "/api/v1/incidents/1", "/api/v1/incidents/2", "/api/v1/incidents/1/notes",
    "/api/v1/incidents/1/postmortem", "/api/v1/incidents/1/postmortem.md", "/api/v1/incidents/1/postmortem.html",
    "/api/v1/incidents/99999999999999999999", "/api/v1/incidents/x", "/api/v1/events", "/api/v1/events?limit=1",
    "/api/v1/events?limit=0", "/api/v1/events?type=%ff&x=%00", "/api/v1/events/1", "/api/v1/events/%ff",
    "/api/v1/signals", "/api/v1/signals?limit=1", "/api/v1/deliveries", "/api/v1/deliveries/d1",
    "/api/v1/deliveries/d1/body", "/api/v1/why/1", "/api/v1/nothing", "/%", "/%zz", "*", "http://localhost/",
    "http://[/", "http://localhost:99999/", "localhost:80", "/..//../", "/\xe9", "/\u20ac", "", "/a b", "?", "#",
)  # fmt: skip
VERSIONS = ("HTTP/1.1",) * 12 + ("HTTP/1.0", "HTTP/2.0", "HTTP/9.9", "http/1.1", "HTTP/1.1 ", "")
HEADERS = (
    "Host: localhost", "Host: 127.0.0.1:9720", "Host: evil.example", "Host:", "Host: [", "Host: localhost:x",
    "Expect: 100-continue", "Expect: 100-Continue", "Expect: \xe1", "Expect: x", "Expect:", "Connection: close",
    "Connection: keep-alive", "Connection: upgrade", "Upgrade: h2c", "Upgrade: websocket", "Upgrade: \xe1",
    "Content-Type: application/json", "Content-Type: text/plain", "Content-Type: \xe1", "Content-Type: ;;;=\"",
    "Accept: text/markdown", "Accept: application/json;q=0.1", "Accept: \xe1;q=\xb2", "Accept: */*;q=nan",
    "If-None-Match: *", "If-None-Match: \"x\"", "If-None-Match: \xe1", "If-Modified-Since: \xe1", "Range: bytes=0-1",
    "Range: \xe1", "Cookie: a=b; \xe1", "Authorization: Basic \xe1", "Authorization: Bearer x", "Idempotency-Key: k",
    "Idempotency-Key: \xe1", "Origin: http://evil.example", "Origin: null", "Origin: \xe1", "Origin: http://localhost",
    "Sec-Fetch-Site: cross-site", "Sec-Fetch-Site: same-origin", "Sec-Fetch-Site: \xe1", "User-Agent: \xe1\xff",
    "X-Bell-Signature: sha256=\xe1", "Content-Encoding: gzip", "Content-Encoding: br", "Content-Encoding: \xe1",
    "WebHook-Request-Origin: \xe1", "Sec-WebSocket-Key1: x", "X: \x00", "X: a\rb", "X", ": x", "X : y", " folded",
    "TE: trailers", "Trailer: X", "X-Forwarded-For: \xe1", "Content-Length: 3", "Transfer-Encoding: identity",
)  # fmt: skip
BODIES = (
    b"", b"[]", b'[{"name": "a"}]', b'[{"name": "b"}, {"name": "c"}]', b'{"novel": 1}', b"[{", b"\xff\xfe", b"[" * 70,
    b'{"by": "Ada", "text": "hello"}', b'{"by": "Ada"}', b'{"by": 1}', b'{"by": "Ada", "title": "down"}',
    b'{"by": "Ada", "text": "\\ud800"}', b"[" + b" " * 3000 + b"]", gzip.compress(b"[]", mtime=0),
    gzip.compress(b'[{"name": "z"}]', mtime=0)[:-4], b"POST /webhooks/bell HTTP/1.1\r\n\r\n", b"\r\n\r\n",
)  # fmt: skip
JUNK = (
    b"\r\n", b"\n", b"\r", b"\x00", b"\xff", b" ", b":", b"0\r\n\r\n", b"zz\r\n", b"GET / HTTP/1.1\r\n\r\n",
    b"\x16\x03\x01", b"HTTP/1.1", b"\r\nContent-Length: 5",
    b"\r\nTransfer-Encoding: chunked", b"\r\nExpect: \xe1", b"%", b"-1", b";",
)  # fmt: skip


def stream(number: int) -> bytes:
    """The stream of this number."""
    chance = random.Random(number)  # noqa: S311 - to be made again
    data = b"".join(_request(chance) for _ in range(chance.choice((1, 1, 2, 2, 3, 5))))
    for _ in range(chance.choice((0, 0, 0, 0, 0, 1, 1, 3))):
        at = chance.randrange(len(data) + 1)
        junk = chance.choice(JUNK) if chance.random() < 0.8 else chance.randbytes(chance.randrange(4))
        data = data[:at] + junk + data[at + chance.choice((0, 0, 1, 4)) :]
    if chance.random() < 0.1:
        data = data[: chance.randrange(len(data) + 1)]
    return data


def cut(data: bytes, number: int) -> list[bytes]:
    """The same bytes in pieces; the number says in which."""
    chance = random.Random(number)  # noqa: S311 - to be made again
    if len(data) < 2:
        return [data]
    marks = sorted(chance.sample(range(1, len(data)), min(len(data) - 1, chance.choice((1, 2, 5, 12)))))
    return [data[start:end] for start, end in zip([0, *marks], [*marks, len(data)], strict=True)]


def _request(chance: random.Random) -> bytes:
    """Each of its parts is an ordinary one more often than not: what follows a mistake is seldom looked at."""
    path = chance.choice(PATHS if chance.random() < 0.3 else PATHS[: PATHS.index("/api/v1/nothing")])
    usual = "POST" if path.startswith(("/webhooks", "/api/v1/incidents/1/notes")) else "GET"
    method = chance.choice(METHODS) if chance.random() < 0.15 else usual
    version = chance.choice(VERSIONS) if chance.random() < 0.1 else "HTTP/1.1"
    lines = [f"{method} {path} {version}"]
    if chance.random() < 0.95:
        lines.append("Host: localhost")
    lines += chance.sample(HEADERS, chance.choice((0, 0, 0, 0, 1, 1, 2, 4)))
    if chance.random() < 0.3:
        lines.append("Content-Type: application/json")
    if "/notes" in lines[0] or "incidents " in lines[0]:
        # Without it, a new fact has another name each time.
        lines.append(f"Idempotency-Key: {chance.randrange(3)}")
    body, framed = chance.choice(BODIES), chance.random()
    if framed < 0.6:
        lines.append(f"Content-Length: {len(body)}")
    elif framed < 0.85:
        lines.append("Transfer-Encoding: chunked")
        body = _chunked(chance, body)
    elif framed < 0.9:
        lines.append(f"Content-Length: {len(body) + chance.choice((-1, 1, 70_000))}")
    else:
        body = b""
    return "\r\n".join([*lines, "", ""]).encode("latin-1", "replace") + body


def _chunked(chance: random.Random, body: bytes) -> bytes:
    pieces = cut(body, chance.randrange(1000)) if body else []
    chunks = [b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces] + [b"0\r\n\r\n"]
    if chance.random() < 0.15:
        chunks[chance.randrange(len(chunks))] = chance.choice(
            (b"zz\r\n", b"-1\r\n\r\n", b"5\r\nab\r\n", b"\r\n", b"1;x")
        )
    return b"".join(chunks)
