"""What every application has, whatever it answers: who may ask, how errors are answered, what is counted."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec
from aiohttp import web

from collector.telemetry.metrics import Metrics
from collector.telemetry.refusals import Refusals
from collector.web import keys, pages, prometheus
from collector.web.access import guard, on_prepare
from collector.web.front import Front
from collector.web.keys import OneLog
from collector.web.options import ApiAccess, Renderings, WebLimits
from collector.web.problems import answer_errors
from collector.web.reads import READS, Reads, bound
from collector.web.tracing import trace


class Frame(msgspec.Struct, frozen=True, kw_only=True):
    """What an application is put into."""

    clock: Callable[[], int]
    """Now, µs UTC."""
    metrics: Metrics
    """What is counted."""
    refusals: Refusals
    """Counts what is refused."""
    renderings: Renderings = Renderings()
    access: ApiAccess = ApiAccess()
    bounds: WebLimits = WebLimits()
    front: Front | None = None
    """How HTTP is spoken."""
    root: str | None = None
    """What the addresses in our links begin with, where that is not the front's."""
    logs: Callable[[], Sequence[OneLog]] | None = None
    """All that the daemon serves, the default one first; by default the one of this application."""


def framed(frame: Frame) -> web.Application:
    """An application without an address."""
    app = web.Application(middlewares=(prometheus.count, trace, pages.as_page, answer_errors, guard, bound))
    app[keys.CLOCK] = frame.clock
    app[keys.METRICS] = frame.metrics
    app[keys.REFUSALS] = frame.refusals
    app[keys.FRONT] = frame.front or Front()
    app[keys.ROOT] = app[keys.FRONT].root if frame.root is None else frame.root
    app[keys.LOGS] = frame.logs or (lambda: (OneLog(app=app),))
    app[keys.ZONE] = frame.renderings.zone
    app[keys.PEOPLE] = frame.renderings.people
    app[keys.STYLES] = frame.renderings.styles
    app[keys.LIMITS] = frame.bounds.limits
    app[keys.ENDING] = []
    app[READS] = Reads(frame.bounds.reads)
    app.on_response_prepare.append(on_prepare)
    _open_to(app, frame.access)
    return app


def _open_to(app: web.Application, access: ApiAccess) -> None:
    app[keys.API_TOKENS] = access.api_tokens
    app[keys.PROXIES] = access.proxies
    app[keys.LOCAL_ONLY] = access.local_only
    # A set is looked into anew for each request: a reload changes it.
    hosts = access.hosts
    app[keys.HOSTS] = hosts if isinstance(hosts, set) else frozenset(name.lower() for name in hosts)
