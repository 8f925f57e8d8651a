"""Errors as pages: what ``problems.py`` answers, shown to whoever looks at it in a browser."""

from __future__ import annotations

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler

from collector.web.pages.clocks import Clock
from collector.web.pages.login import to_login
from collector.web.pages.rendering import is_asked_for, page
from collector.web.places import is_api
from collector.web.problems import Problem


@web.middleware
async def shown(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Show an error as a page where a browser asked for one."""
    response = await handler(request)
    if response.content_type != "application/problem+json" or not isinstance(response, web.Response):
        return response
    if is_api(request.path) or request.path.startswith("/webhooks") or not is_asked_for(request):
        return response
    if response.status == 401:
        return to_login(request)
    problem = msgspec.json.decode(response.body if isinstance(response.body, bytes) else b"", type=Problem)
    answer = page(request, "error.html", Clock(), status=response.status, problem=problem)
    for name in ("Retry-After", "Allow"):
        if name in response.headers:
            answer.headers[name] = response.headers[name]
    if response.keep_alive is False:
        answer.force_close()
    return answer
