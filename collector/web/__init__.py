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
from collector.publishing.publisher import Publisher
from collector.telemetry.refusals import Refusals
from collector.web import (
    amendments,
    erasures,
    events,
    imports,
    incidents,
    keys,
    log_streams,
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
from collector.web import logs as logs_of
from collector.web import measures as metrics_of
from collector.web.frame import Frame, framed
from collector.web.front import Front
from collector.web.keys import OneLog, Postmortem, Readiness, RequestLimits
from collector.web.mounts import Mounts
from collector.web.options import ApiAccess, Operations, Renderings, WebLimits
from collector.web.overall import build_away, build_overall
from collector.web.reads import ReadLimits
from collector.web.seen import SeenLog
from collector.web.server import Runner, server_kwargs
from collector.web.streams import StreamLimits, add_streams

__all__ = [
    "ApiAccess",
    "Frame",
    "Front",
    "Mounts",
    "OneLog",
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
    "build_away",
    "build_overall",
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
    root: str | None = None,
    logs: Callable[[], Sequence[OneLog]] | None = None,
    name: str = "",
) -> web.Application:
    """The application, to be run by :class:`Runner` with :func:`server_kwargs`.

    ``clock`` gives µs UTC. ``refusals`` counts what is refused, ``gauges`` is looked up for each scrape of
    ``/metrics``, ``front`` is how HTTP is spoken, and ``root`` what the addresses in our links begin with, where that
    is not the front's. ``logs`` are all that the daemon serves, by default this one. What is handed in is not
    closed here. ``name`` is what this log is called, where there are several.
    """
    access, bounds = access or ApiAccess(), bounds or WebLimits()
    renderings, operations = renderings or Renderings(), operations or Operations()
    app = framed(
        Frame(
            clock=clock, metrics=intake.writer.metrics, refusals=refusals or Refusals(clock), renderings=renderings,
            access=access, bounds=bounds, front=front, root=root, logs=logs,
        )
    )  # fmt: skip
    app[keys.NAMED] = name
    app[keys.INTAKE] = intake
    app[keys.LOG] = SeenLog(log, projections)
    app[keys.PROJECTIONS] = projections
    app[keys.READINESS] = readiness
    app[keys.GAUGES] = gauges or _no_gauges
    app[keys.BRING_IN] = Importer(log, intake.writer, intake.derived, intake.forms).take
    app[keys.WRITING] = asyncio.Lock()
    _render_with(app, renderings)
    _operate_with(app, operations, projections)
    add_streams(app, bounds.streaming)
    _add_routes(app)
    return app


def _render_with(app: web.Application, renderings: Renderings) -> None:
    app[keys.POSTMORTEMS] = renderings.postmortems
    app[keys.INLAID] = renderings.inlaid
    app[keys.STANDING] = renderings.standing
    app[keys.MEASURES] = renderings.measures
    app[keys.REMARKS] = renderings.remarks
    app[keys.CHANGES] = renderings.changes
    app[keys.POLICIES] = renderings.policies


def _operate_with(app: web.Application, operations: Operations, projections: Projections) -> None:
    app[keys.PUBLISHING] = operations.publisher or Publisher(lists=projections)
    app[keys.ERASE] = operations.erase
    app[keys.REDRAW] = operations.redraw
    app[keys.REPARSE] = operations.reparse
    app[keys.RELOAD] = operations.reload
    app[keys.FOLLOWED] = operations.followed or _looking(projections)


def _add_routes(app: web.Application) -> None:
    # Streams come first: their address looks like that of an event.
    for room in (
        streams,
        log_streams,
        webhooks,
        incidents,
        privacy,
        versions,
        publications,
        metrics_of,
        sections,
        events,
        logs_of,
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
