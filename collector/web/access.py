"""Who may ask, and what every answer carries.

Only ``/api`` is guarded here: webhooks prove themselves by their source's own
means, and health is for anybody. Tokens are compared in constant time, as
bytes, every one of them whatever the first comparison said.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, MutableMapping

from aiohttp import web
from aiohttp.typedefs import Handler

from collector.web.keys import API_TOKENS, LOCAL_ONLY
from collector.web.problems import Misdirected, Unauthorised

LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})
"""The names under which a daemon bound to loopback is asked."""

HEADERS = {
    "Server": "timelined",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
}
"""On every answer: nothing here is a page, and no page may use it."""


@web.middleware
async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Let a request into ``/api`` only under a local name (on loopback) and with a token (where one is set)."""
    if _guarded(request):
        if request.app[LOCAL_ONLY] and not _local(request.headers.get("Host", "")):
            raise Misdirected(
                "cannot answer under this Host: the daemon listens on loopback only; ask for localhost or 127.0.0.1"
            )
        tokens = request.app[API_TOKENS]
        if tokens and not token_matches(_bearer(request), tokens):
            raise Unauthorised("The API token is missing or wrong; send it as Authorization: Bearer TOKEN.")
    return await handler(request)


def token_matches(given: bytes, tokens: Iterable[bytes]) -> bool:
    """Whether these bytes are one of the tokens, in a time that tells nothing."""
    digest = hashlib.sha256(given).digest()
    matches = [hmac.compare_digest(digest, hashlib.sha256(token).digest()) for token in tokens]
    return bool(given) and any(matches)


def secure(headers: MutableMapping[str, str]) -> None:
    """Put on an answer what every answer carries."""
    for name, value in HEADERS.items():
        headers[name] = value
    headers.setdefault("Cache-Control", "no-store")


async def on_prepare(request: web.Request, response: web.StreamResponse) -> None:
    """The application's hook before headers are sent."""
    secure(response.headers)


def _guarded(request: web.Request) -> bool:
    return request.path == "/api" or request.path.startswith("/api/")


def _local(host: str) -> bool:
    name, colon, port = host.rpartition(":")
    return (name if colon and port.isdigit() else host).lower() in LOCAL_NAMES


def _bearer(request: web.Request) -> bytes:
    """The token as bytes; a header's stray bytes come as surrogate escapes."""
    given = request.headers.getall("Authorization", [])
    scheme, _, token = given[0].partition(" ") if len(given) == 1 else ("", "", "")
    return token.strip().encode("utf-8", "surrogateescape") if scheme.lower() == "bearer" else b""
