"""The short way in for deliveries.

Nearly every request is a POST to the address of a source, written plainly and
here as a whole. Such a one needs no routing, no token of the API, no
middleware, no task and no stream of its own, which together cost more than
storing it does; so it is taken here, and answered by a callback once it is
stored. Whatever is unusual about a request (:mod:`collector.web.plain` says
what that is) goes the long way through the application, where the same
functions take it, and the answer is the same (``tests/test_door.py``).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from aiohttp import web

from collector.log import Receipt
from collector.web import answers, direct, problems
from collector.web.keys import CLOCK, INTAKE, LIMITS
from collector.web.plain import Plain
from collector.web.webhooks import status_of

Reply = Callable[[bytes, bool], None]
"""Sends an answer; the second argument says whether it is the connection's last."""


class Door:
    """Stands before an application."""

    def __init__(self, app: web.Application) -> None:
        self._intake = app[INTAKE]
        self._clock = app[CLOCK]
        self._patience = app[LIMITS].retry_after
        self.closing = False
        """Whether connections end with their next answer, which says so."""

    def take(self, request: Plain, reply: Reply) -> None:
        """Take one delivery in, and reply to it once it is stored, or at once where it cannot be."""
        source, token, headers, body = request
        try:
            self._intake.accept(source, headers, body, token, self._clock(), partial(self._answer, reply))
        except Exception as error:
            self._refuse(error, reply)

    def _answer(self, reply: Reply, told: Receipt | Exception) -> None:
        if isinstance(told, Exception):
            self._refuse(told, reply)
            return
        last = self.closing
        reply(direct.receipt(answers.encode(answers.receipt(told)), status_of(told), last=last), last)

    def _refuse(self, error: Exception, reply: Reply) -> None:
        answer = problems.answer(error, "/webhooks", from_sender=True, retry_after=self._patience)
        last = self.closing or problems.final(answer).keep_alive is False
        reply(direct.written(answer, last=last), last)
