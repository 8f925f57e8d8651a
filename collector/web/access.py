"""Who may ask, and what every answer carries.

On loopback everything but ``/-/healthy`` answers only under a name of this
daemon. Beyond that only ``/api`` and ``/metrics`` are guarded here: webhooks prove themselves by
their source's own means. Tokens are compared in constant time, as bytes, every
one of them whatever the first comparison said.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, MutableMapping

from aiohttp import web
from aiohttp.typedefs import Handler

from collector.browsers import foreign_page, is_ours
from collector.web.keys import API_TOKENS, HOSTS, LOCAL_ONLY
from collector.web.problems import CrossSite, Misdirected, Unauthorised
from collector.web.requests import headers_of

HEALTHY = "/-/healthy"
"""What whoever watches a process may ask, under whatever name."""

HEADERS = {
    "Server": "timelined",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
}
"""On every answer: no page may use it. What a browser shows says itself which style sheets it has."""
POLICY = "Content-Security-Policy"


@web.middleware
async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Let a request in only under a name of ours (on loopback), into ``/api`` and ``/metrics`` only with a token (where
    one is set).

    Where the API stands open, a page of another site may not write through its visitor's browser.
    """
    named = not request.app[LOCAL_ONLY] or is_ours(request.headers.get("Host"), request.app[HOSTS])
    if not named and request.path != HEALTHY:
        raise Misdirected(
            "cannot answer under this Host: the daemon listens on loopback only; ask for localhost or 127.0.0.1, or "
            "name the host in web.hosts"
        )
    if _guarded(request):
        tokens = request.app[API_TOKENS]
        if tokens and not token_matches(_bearer(request), tokens):
            raise Unauthorised("The API token is missing or wrong; send it as Authorization: Bearer TOKEN.")
        if not tokens and request.method not in ("GET", "HEAD", "OPTIONS") and foreign_page(headers_of(request)):
            raise CrossSite("cannot take the request: a page of another site sends it; set api.token_file to let it in")
    return await handler(request)


def token_matches(given: bytes, tokens: Iterable[bytes]) -> bool:
    """Whether these bytes are one of the tokens, in a time that tells nothing."""
    digest = hashlib.sha256(given).digest()
    matches = [hmac.compare_digest(digest, hashlib.sha256(token).digest()) for token in tokens]
    return bool(given) and any(matches)


def secure(headers: MutableMapping[str, str]) -> None:
    """Put on an answer what every answer carries."""
    for name, value in HEADERS.items():
        headers[name] = value if name != POLICY else headers.get(name, value)
    headers.setdefault("Cache-Control", "no-store")


async def on_prepare(request: web.Request, response: web.StreamResponse) -> None:
    """The application's hook before headers are sent."""
    secure(response.headers)


def _guarded(request: web.Request) -> bool:
    return request.path in ("/api", "/metrics") or request.path.startswith("/api/")


def _bearer(request: web.Request) -> bytes:
    """The token as bytes; a header's stray bytes come as surrogate escapes."""
    given = request.headers.getall("Authorization", [])
    scheme, _, token = given[0].partition(" ") if len(given) == 1 else ("", "", "")
    return token.strip().encode("utf-8", "surrogateescape") if scheme.lower() == "bearer" else b""
