"""The HTTP face: webhooks in, incidents and drafts out, and pages of them for people.

A handler takes what it needs from the request, calls one function and
answers. Errors become answers in ``problems.py``, values become JSON in
``answers.py``. Nothing here opens a database, reads a setting or renders a
draft: :func:`build_app` is handed what does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from aiohttp import web
from prometheus_client import Metric

from collector.intake import Intake
from collector.intake.importing import Importer
from collector.log import EventLog
from collector.projections import Projections
from collector.publishing import Publisher
from collector.telemetry.refusals import Refusals
from collector.web import (
    amendments,
    erasures,
    events,
    imports,
    incidents,
    keys,
    openapi,
    operations,
    pages,
    privacy,
    prometheus,
    publications,
    replays,
    sections,
    streams,
    versions,
    webhooks,
)
from collector.web import (
    measures as metrics_of,
)
from collector.web.access import guard, on_prepare
from collector.web.front import Front
from collector.web.keys import Postmortem, Readiness, RequestLimits
from collector.web.options import ApiAccess, Operations, Renderings, WebLimits
from collector.web.problems import answer_errors
from collector.web.reads import READS, ReadLimits, Reads, bound
from collector.web.seen import SeenLog
from collector.web.server import Runner, server_kwargs
from collector.web.streams import StreamLimits, add_streams
from collector.web.tracing import trace

__all__ = [
    "ApiAccess",
    "Front",
    "Operations",
    "Postmortem",
    "ReadLimits",
    "Readiness",
    "Renderings",
    "RequestLimits",
    "Runner",
    "StreamLimits",
    "WebLimits",
    "build_app",
    "server_kwargs",
]


def build_app(
    *,
    intake: Intake,
    log: EventLog,
    projections: Projections,
    readiness: Callable[[], Awaitable[Readiness]],
    clock: Callable[[], int],
    renderings: Renderings | None = None,
    access: ApiAccess | None = None,
    operations: Operations | None = None,
    bounds: WebLimits | None = None,
    gauges: Callable[[], Awaitable[Sequence[Metric]]] | None = None,
    refusals: Refusals | None = None,
    front: Front | None = None,
) -> web.Application:
    """The application, to be run by :class:`Runner` with :func:`server_kwargs`.

    ``clock`` gives µs UTC. ``refusals`` counts what is refused, ``gauges`` is looked up for each scrape of
    ``/metrics``, ``front`` is how HTTP is spoken. What is handed in is not closed here.
    """
    app = web.Application(middlewares=(prometheus.count, trace, pages.shown, answer_errors, guard, bound))
    app[keys.INTAKE] = intake
    app[keys.LOG] = SeenLog(log, projections)
    app[keys.PROJECTIONS] = projections
    app[keys.READINESS] = readiness
    app[keys.CLOCK] = clock
    app[keys.REFUSALS] = refusals or Refusals(clock)
    app[keys.METRICS] = intake.writer.metrics
    app[keys.GAUGES] = gauges or _no_gauges
    app[keys.FRONT] = front or Front()
    app[keys.BRING_IN] = Importer(log, intake.writer, intake.derived, intake.forms).take
    app[keys.WRITING] = asyncio.Lock()
    app[keys.ENDING] = []
    _render_with(app, renderings or Renderings())
    _open_to(app, access or ApiAccess())
    _operate_with(app, operations or Operations(), projections)
    _bound_by(app, bounds or WebLimits())
    _add_routes(app)
    return app


def _render_with(app: web.Application, renderings: Renderings) -> None:
    app[keys.POSTMORTEMS] = renderings.postmortems
    app[keys.INLAID] = renderings.inlaid
    app[keys.STANDING] = renderings.standing
    app[keys.MEASURES] = renderings.measures
    app[keys.REMARKS] = renderings.remarks
    app[keys.CHANGES] = renderings.changes
    app[keys.ZONE] = renderings.zone
    app[keys.PEOPLE] = renderings.people
    app[keys.STYLES] = renderings.styles
    app[keys.POLICIES] = renderings.policies


def _open_to(app: web.Application, access: ApiAccess) -> None:
    app[keys.API_TOKENS] = access.api_tokens
    app[keys.PROXIES] = access.proxies
    app[keys.LOCAL_ONLY] = access.local_only
    # A set is looked into anew for each request: a reload changes it.
    hosts = access.hosts
    app[keys.HOSTS] = hosts if isinstance(hosts, set) else frozenset(name.lower() for name in hosts)


def _operate_with(app: web.Application, operations: Operations, projections: Projections) -> None:
    app[keys.PUBLISHING] = operations.publisher or Publisher(lists=projections)
    app[keys.ERASE] = operations.erase
    app[keys.REDRAW] = operations.redraw
    app[keys.REPARSE] = operations.reparse
    app[keys.RELOAD] = operations.reload
    app[keys.FOLLOWED] = operations.followed or _looking(projections)


def _bound_by(app: web.Application, bounds: WebLimits) -> None:
    app[keys.LIMITS] = bounds.limits
    app[READS] = Reads(bounds.reads)
    app.on_response_prepare.append(on_prepare)
    add_streams(app, bounds.streaming)


def _add_routes(app: web.Application) -> None:
    # Streams come first: their address looks like that of an event.
    for room in (
        streams,
        webhooks,
        incidents,
        privacy,
        versions,
        publications,
        metrics_of,
        sections,
        events,
        amendments,
        erasures,
        replays,
        imports,
        operations,
        openapi,
        prometheus,
    ):
        app.add_routes(room.routes)
    for routes in pages.ROUTES:
        app.add_routes(routes)


def _looking(projections: Projections) -> Callable[[int, float], Awaitable[bool]]:
    """Wait by looking at the lists, where nobody says how far they are."""

    async def followed(position: int, patience: float) -> bool:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + patience
        while await projections.position() < position:
            if loop.time() > deadline:
                return False
            await asyncio.sleep(0.01)
        return True

    return followed


async def _no_gauges() -> Sequence[Metric]:
    return ()
