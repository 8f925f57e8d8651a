"""Errors as pages: what ``problems.py`` answers, shown to whoever looks at it in a browser."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler

from collector.web.keys import API_TOKENS, FRONT, LIMITS
from collector.web.pages.clocks import Clock
from collector.web.pages.login import ended, to_login, typed_in
from collector.web.pages.rendering import field_label, is_asked_for, page
from collector.web.places import is_api, is_page
from collector.web.problems import MEDIA_TYPE, Problem

FORM = "application/x-www-form-urlencoded"


@web.middleware
async def as_page(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Show an error as a page where a browser asked for one."""
    response = await handler(request)
    if response.status < 400 or response.content_type != MEDIA_TYPE or not isinstance(response, web.Response):
        return response
    if is_api(request.path) or request.path.startswith("/webhooks") or not is_asked_for(request):
        return response
    typed = await _typed(request)
    # Where there are users, the browser itself asks for a name and a password; without a token nobody can sign in here.
    if response.status == 401 and not typed and request.app[API_TOKENS] and not request.app[FRONT].users:
        # A link on another site brings no cookie; the same address asked for by a page of ours does.
        is_led_here = request.headers.get("Sec-Fetch-Site") == "cross-site"
        return page(request, "again.html", Clock(), status=401) if is_led_here else to_login(request)
    if response.status == 401 and typed:
        answer = ended(request, 401, typed, request.rel_url.raw_path)
    else:
        problem = msgspec.json.decode(response.body if isinstance(response.body, bytes) else b"", type=Problem)
        answer = page(
            request, "error.html", Clock(), status=response.status, problem=problem, typed=typed,
            detail=in_words(problem.detail, typed), wrong=[each["pointer"] for each in problem.errors],
        )  # fmt: skip
    for name in ("Retry-After", "Allow", "WWW-Authenticate"):
        if name in response.headers:
            answer.headers[name] = response.headers[name]
    if response.keep_alive is False:
        answer.force_close()
    return answer


async def _typed(request: web.Request) -> list[tuple[str, str]]:
    """The fields of a form that could not be taken, so that nothing that was typed is lost."""
    if request.method != "POST" or not is_page(request.path) or request.content_type != FORM:
        return []
    if not 0 < (request.content_length or 0) <= request.app[LIMITS].command:
        return []
    try:
        async with asyncio.timeout(request.app[LIMITS].read_timeout):
            form = await request.post()
    except (TimeoutError, ValueError, OSError, web.HTTPException):
        return []
    return typed_in(form.items())


_ADVICE = {
    "list /api/v1/incidents": "look for it in the list of incidents",
    "list /api/v1/events": "open it from the row of its incident",
    "list /api/v1/deliveries": "look for it among the deliveries",
    "Nothing answers at this address; GET / lists what there is.": "There is no page at this address.",
}
"""What an answer of the API advises, and what a reader of pages can do."""


def in_words(detail: str, typed: Sequence[tuple[str, str]] = ()) -> str:
    """What went wrong, for who looks at a page and asks no API; a field of a form is called as the form calls it."""
    for name, _ in typed:
        called = field_label(name).partition(";")[0]
        detail = detail.replace(f": {name} is ", f": the field {called} is ", 1)
    for advice, words in _ADVICE.items():
        detail = detail.replace(advice, words)
    return detail
