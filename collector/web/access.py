"""Who may ask, and what every answer carries.

On loopback everything but ``/-/healthy`` answers only under a name of this
daemon. Beyond that ``/api``, ``/metrics`` and the pages are guarded here, by tokens and by
users with passwords, or by who a proxy says has signed in: webhooks prove themselves by their source's own means. A
session of a browser reads; what it writes goes through a page's form. Tokens are
compared in constant time, as bytes, every one of them whatever the first
comparison said.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Collection, Iterable, Mapping, MutableMapping

from aiohttp import web
from aiohttp.hdrs import HOST
from aiohttp.typedefs import Handler

from collector.intake.browsers import foreign_page, is_ours
from collector.projections.privacy import READER
from collector.tokens import ADMIN, READ, WRITE, ProxyLogin, Token
from collector.web import sessions
from collector.web.front import Users
from collector.web.keys import API_TOKENS, CLOCK, FRONT, HOSTS, LOCAL_ONLY, PROXIES, ROOT, WHO
from collector.web.places import is_api, is_open, is_page
from collector.web.prefix import lead
from collector.web.problems import CrossSite, Misdirected, NotAllowed, Unauthorised
from collector.web.requests import headers_of

HEALTHY = "/-/healthy"
"""What whoever watches a process may ask, under whatever name."""

POLICY = "Content-Security-Policy"
HEADERS = {
    "Server": "timelined",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    POLICY: "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
}
"""On every answer: no page may use it."""
OWN = (POLICY, "Referrer-Policy")
"""What a browser shows says for itself: what it may load, and that its own forms name where they come from."""
_FIXED = {name: value for name, value in HEADERS.items() if name not in OWN}
_UNLESS_GIVEN = {name: HEADERS[name] for name in OWN} | {"Cache-Control": "no-store"}
_NOTHING: Mapping[str, str] = {}


_READS = frozenset({"GET", "HEAD", "OPTIONS"})


@web.middleware
async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Let a request in only under a name of ours (on loopback), and to all but what is open only with a token, a
    password or a session (where there are tokens or users).

    Where the API stands open, or a browser knows a password and sends it by itself, a page of another site may not
    write through its visitor's browser. No form of ours may be sent by one in any case.
    """
    app, path = request.app, request.path
    if app[LOCAL_ONLY] and path != HEALTHY and not _is_under_our_name(request, app[HOSTS]):
        raise Misdirected(
            "cannot answer under this Host: the daemon listens on loopback only; ask for localhost or 127.0.0.1, or "
            "name the host in web.hosts"
        )
    reads, page = request.method in _READS, is_page(path)
    inside = page or is_api(path) or (not is_open(path) and request.match_info.http_exception is None)
    tokens, users, proxies = app[API_TOKENS], app[FRONT].users, app[PROXIES]
    who = None
    if inside and (tokens or users or proxies):
        # A session writes through a page's form alone, which proves that it is ours.
        who = (in_session(request) if reads or page else None) or matching(_credentials(request, "bearer"), tokens)
        if (who := who or by_proxy(request, proxies) or await _by_password(request, users)) is None:
            raise Unauthorised(_asks(request), basic=bool(users))
        _check(who, READ if reads else ADMIN if path in _ADMIN else WRITE)
        request[WHO] = who
    by_itself = bool(users or proxies) or not tokens
    open_to_pages = page or path in ("/login", "/logout") or (inside and by_itself)
    if not reads and open_to_pages and foreign_page(headers_of(request)):
        raise CrossSite("cannot take the request: a page of another site sends it; set api.token_file to let it in")
    before = READER.set(who.reads if who is not None else None)
    try:
        return await handler(request)
    finally:
        READER.reset(before)


def _is_under_our_name(request: web.Request, names: Collection[str]) -> bool:
    """Whether every host that a request names is ours: in its header, and in its target where that is a whole URL,
    which goes first (RFC 9112, 3.2.2)."""
    host = request.headers.get(HOST)
    # Without a header aiohttp gives a name of this machine.
    if host is None or request.host == host:
        return is_ours(host, names)
    return is_ours(host, names) and is_ours(request.url.raw_authority, names)


_BEARER, _BASIC = "the API token as Authorization: Bearer TOKEN", "a user's name and password (Authorization: Basic)"
_ASKS = {
    (True, False): "The API token is missing or wrong; send it as Authorization: Bearer TOKEN.",
    (False, True): f"A user's name or password is missing or wrong; send {_BASIC}.",
    (True, True): f"The API token or a password is missing or wrong; send {_BEARER}, or {_BASIC}.",
}
"""Whether there are tokens, and users → what is said to who has none of either."""


def _asks(request: web.Request) -> str:
    """What is said to who proves nothing."""
    tokens, users = request.app[API_TOKENS], request.app[FRONT].users
    if request.app[PROXIES] and not (tokens or users):
        return "Nobody has signed in: ask through the proxy that api.proxy names, which says who asks."
    return _ASKS[bool(tokens), bool(users)]


_ADMIN = ("/api/v1/erasures", "/-/reload")
"""Where only an administrator may write."""


def _check(who: Token, role: str) -> None:
    """Raise :class:`NotAllowed` for a token that may not do what is asked."""
    if not who.may(role):
        raise NotAllowed(
            f"cannot take the request: {who.name} has {f'the role {who.role}' if who.role else 'no role'}, and this "
            f"needs {role}; ask with a token that has it (api.tokens), or as somebody whose group has (api.proxy)"
        )


async def _by_password(request: web.Request, users: Users) -> Token | None:
    """The user whose name and password the request has; users may do everything."""
    credentials = _credentials(request, "basic")
    if not users or not credentials:
        return None
    try:
        name, colon, password = base64.b64decode(credentials, validate=True).partition(b":")
        known = bool(colon) and await users.know(name.decode(), password)
        return Token(name=name.decode()) if known else None
    except ValueError:
        return None


def by_proxy(request: web.Request, proxies: Iterable[ProxyLogin]) -> Token | None:
    """Whoever a proxy says has signed in there; None where it is not the proxy that connects, or it names nobody.

    A header that stands twice is believed neither time: one of both may be what the client sent.
    """
    proxy = next((each for each in proxies if each.is_at(request.remote or "")), None)
    if proxy is None:
        return None
    users, groups = (request.headers.getall(name, []) for name in (proxy.user_header, proxy.groups_header))
    if len(users) != 1 or len(groups) > 1:
        return None
    return proxy.person(users[0], groups[0] if groups else "")


def matching(secret: bytes, tokens: Iterable[Token]) -> Token | None:
    """The one of the tokens that these bytes are, in a time that tells nothing; None where they are none."""
    digest = hashlib.sha256(secret).digest()
    matches = [token for token in tokens if hmac.compare_digest(digest, hashlib.sha256(token.secret).digest())]
    return matches[0] if secret and matches else None


def secure(headers: MutableMapping[str, str], more: Mapping[str, str] = _NOTHING) -> None:
    """Put on an answer what every answer carries, and beside it what the operator asks for."""
    headers.update(_FIXED)
    for unless_given in (_UNLESS_GIVEN, more):
        for name, value in unless_given.items():
            headers.setdefault(name, value)


async def on_prepare(request: web.Request, response: web.StreamResponse) -> None:
    """The application's hook before headers are sent."""
    secure(response.headers, request.app[FRONT].headers)
    if root := request.app[ROOT]:
        lead(response.headers, root)


def in_session(request: web.Request) -> Token | None:
    """The token that the browser has given which asks; None where it has given none."""
    tokens, now = request.app[API_TOKENS], request.app[CLOCK]()
    return sessions.holder(request.cookies.get(sessions.COOKIE), tokens, now)


def _credentials(request: web.Request, scheme_name: str) -> bytes:
    """What is given by this scheme, as bytes; a header's stray bytes come as surrogate escapes."""
    given = request.headers.getall("Authorization", [])
    scheme, _, token = given[0].partition(" ") if len(given) == 1 else ("", "", "")
    return token.strip().encode("utf-8", "surrogateescape") if scheme.lower() == scheme_name else b""
