"""Signing in by the API token, where one is set, and out again."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from urllib.parse import quote

from aiohttp import web

from collector.web import sessions
from collector.web.access import matching
from collector.web.keys import API_TOKENS, CLOCK, FRONT, LIMITS
from collector.web.pages.rendering import page
from collector.web.problems import InvalidParameter

routes = web.RouteTableDef()

THEN = "then"
"""The field that names where a form goes whose session had ended."""
_LONGEST = 4096
"""Bytes that a form which signs in may have beyond what was typed."""
_OURS = (THEN, "next", "token", "form_key")


@routes.get("/login")
async def ask(request: web.Request) -> web.Response:
    """The form that takes the token."""
    return _login_page(request, 200, _onward(request.query.get("next")))


@routes.post("/login")
async def sign_in(request: web.Request) -> web.Response:
    """Open a session for whoever has the token; the cookie tells nothing of it.

    A form whose session had ended comes with what was typed, and is sent on to where it was meant to go.
    """
    form = await form_of(request, request.app[LIMITS].command + _LONGEST)
    onward = _onward(form.get("next") or form.get(THEN))
    tokens = request.app[API_TOKENS]
    token = matching(form.get("token", "").strip().encode("utf-8", "surrogateescape"), tokens)
    if token is None:
        if THEN in form:
            return ended(request, 403, typed_in((await request.post()).items()), onward)
        return _login_page(request, 403, onward)
    # 307 has the browser send the same form again, there.
    response = web.Response(status=307 if THEN in form else 303, headers={"Location": onward})
    cookie = sessions.opened(token.secret, request.app[CLOCK]())
    safe = request.secure or request.headers.get("X-Forwarded-Proto", "").lower() == "https"
    response.set_cookie(
        sessions.COOKIE, cookie, httponly=True, samesite="Strict", secure=safe, path=request.app[FRONT].root or "/"
    )
    return response


def _login_page(request: web.Request, status: int, onward: str) -> web.Response:
    """The form that takes the token, or that there is none to be given."""
    asks = bool(request.app[API_TOKENS])
    return page(request, "login.html", status=status, onward=onward, wrong=status == 403, asks=asks)


@routes.post("/logout")
async def sign_out(request: web.Request) -> web.Response:
    """Have the browser forget its session."""
    response = web.Response(status=303, headers={"Location": "/login"})
    response.del_cookie(sessions.COOKIE, path=request.app[FRONT].root or "/", httponly=True, samesite="Strict")
    return response


def ended(request: web.Request, status: int, typed: Sequence[tuple[str, str]], then: str) -> web.Response:
    """A form whose session had ended, with a field for the token where there are any; ``then`` is where it goes."""
    return page(
        request, "ended.html", status=status, typed=typed, then=then, signs_in=bool(request.app[API_TOKENS]),
        wrong=status == 403,
    )  # fmt: skip


def typed_in(fields: Iterable[tuple[str, object]]) -> list[tuple[str, str]]:
    """What a person typed into a form, and what it says of itself; never a secret."""
    return [(name, value) for name, value in fields if isinstance(value, str) and name not in _OURS]


def to_login(request: web.BaseRequest) -> web.Response:
    """Where a browser without a session is sent; it comes back to what it asked for."""
    return web.Response(status=303, headers={"Location": f"/login?next={quote(request.rel_url.raw_path_qs, safe='')}"})


async def form_of(request: web.Request, most: int) -> dict[str, str]:
    """The fields of a form, within the bounds of a write; of several of one name the first."""
    if request.content_type != "application/x-www-form-urlencoded":
        raise InvalidParameter("cannot read the form: it must be application/x-www-form-urlencoded", "Content-Type")
    if (request.content_length or 0) > most:
        raise web.HTTPRequestEntityTooLarge(most, request.content_length or 0)
    async with asyncio.timeout(request.app[LIMITS].read_timeout):
        form = await request.post()
    return {name: value for name, value in reversed([*form.items()]) if isinstance(value, str)}


def _onward(text: str | None) -> str:
    """Where to go after signing in: an address of ours, whatever was asked for."""
    ours = text is not None and text.startswith("/") and text[1:2] not in ("/", "\\") and text.isprintable()
    return text if ours and text is not None and not text.startswith("/login") else "/"
