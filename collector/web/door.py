"""The short way in for deliveries.

Nearly every request is a POST to the address of a source. Such a one needs no
routing, no token of the API and no middleware, which together cost a third of
what aiohttp does for it; so it is taken here. Whatever is unusual about a
request (an ``Expect``, a query, a percent sign, another method) sends it the
long way through the application, where the same functions take it, and the
answer is the same (``tests/test_web.py``).
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable

from aiohttp import web

from collector.web import answers, direct, problems
from collector.web.access import secure
from collector.web.keys import CLOCK, INTAKE, LIMITS
from collector.web.webhooks import status_of, take

_PLAIN = re.compile(r"/webhooks/([A-Za-z0-9._~-]+)(?:/([A-Za-z0-9._~-]+))?")
"""A source's address in characters that stand for themselves, and its token where it has one."""

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class Door:
    """Stands before an application."""

    def __init__(self, app: web.Application, long_way: Handler) -> None:
        self._long_way = long_way
        self._intake = app[INTAKE]
        self._clock = app[CLOCK]
        self._patience = app[LIMITS].retry_after
        self.closing = False
        """Whether connections end with their next answer, which says so."""

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request."""
        if request.method == "POST" and "Expect" not in request.headers:
            address = _PLAIN.fullmatch(request.raw_path)
            if address is not None:
                return await self._delivery(request, *address.groups(""))
        return await self._long_way(request)

    async def _delivery(self, request: web.BaseRequest, source: str, token: str) -> web.StreamResponse:
        try:
            receipt = await take(request, self._intake, self._clock, source, token)
        except Exception as error:
            failed = problems.answer(error, "/webhooks", from_sender=True, retry_after=self._patience)
            return _secured(problems.final(failed))
        told, status = answers.receipt(receipt), status_of(receipt)
        if not self.closing and direct.possible(request):
            return direct.Direct(answers.encode(told), status)
        return _secured(answers.json(told, status=status))


def _secured(response: web.Response) -> web.Response:
    """With the headers of every answer; the application's hook sees only what the application answers."""
    secure(response.headers)
    return response
