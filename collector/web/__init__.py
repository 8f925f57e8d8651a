"""The HTTP face: webhooks in, incidents and drafts out, and pages of them for people.

A handler takes what it needs from the request, calls one function and
answers. Errors become answers in ``problems.py``, values become JSON in
``answers.py``. Nothing here opens a database, reads a setting or renders a
draft: :func:`build_app` is handed what does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence

import msgspec
from aiohttp import web
from prometheus_client import Metric

from collector.erasure import Erasure, Redraw, Redrawn, RequestedErasure
from collector.errors import Unavailable
from collector.intake import Intake
from collector.intake.importing import Importer
from collector.log import EventLog
from collector.projections import Projections
from collector.publishing import Publisher
from collector.reparsing import Found, Selection
from collector.telemetry.refusals import Refusals
from collector.tokens import ProxyLogin, Token
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
from collector.web.keys import Changes, Postmortem, Readiness, RequestLimits
from collector.web.problems import answer_errors
from collector.web.reads import READS, ReadLimits, Reads, bound
from collector.web.server import Runner, server_kwargs
from collector.web.streams import StreamLimits, add_streams
from collector.web.tracing import trace

__all__ = [
    "Front",
    "Postmortem",
    "ReadLimits",
    "Readiness",
    "RequestLimits",
    "Runner",
    "StreamLimits",
    "build_app",
    "server_kwargs",
]


def build_app(
    *,
    intake: Intake,
    log: EventLog,
    projections: Projections,
    postmortems: Mapping[str, Postmortem],
    inlaid: Postmortem | None = None,
    standing: Postmortem | None = None,
    measures: Postmortem | None = None,
    changes: Changes | None = None,
    publisher: Publisher | None = None,
    styles: Mapping[str, str] | None = None,
    policies: Mapping[str, str] | None = None,
    readiness: Callable[[], Awaitable[Readiness]],
    gauges: Callable[[], Awaitable[Sequence[Metric]]] | None = None,
    clock: Callable[[], int],
    api_tokens: Sequence[Token] = (),
    proxies: Sequence[ProxyLogin] = (),
    local_only: bool = True,
    hosts: Collection[str] = (),
    erase: Callable[[RequestedErasure], Awaitable[Erasure]] | None = None,
    redraw: Redraw | None = None,
    reparse: Callable[[Selection, bool], Awaitable[Found]] | None = None,
    limits: RequestLimits | None = None,
    refusals: Refusals | None = None,
    reads: ReadLimits | None = None,
    streaming: StreamLimits | None = None,
    followed: Callable[[int, float], Awaitable[bool]] | None = None,
    reload: Callable[[], Awaitable[None]] | None = None,
    front: Front | None = None,
) -> web.Application:
    """The application, to be run by :class:`Runner` with :func:`server_kwargs`.

    ``postmortems`` maps a format (``md``, ``json``) to what renders it, ``policies`` to the Content-Security-Policy of
    those that a browser shows. ``inlaid`` renders what a page shows of a draft, which needs ``styles``;
    ``standing`` how an incident stands, ``measures`` its durations;
    ``changes`` what changed of its draft; ``publisher`` publishes it.
    ``clock`` gives µs UTC; with ``local_only``
    (bound to loopback) everything but ``/-/healthy`` answers only under local names and ``hosts``. ``erase`` erases,
    ``reparse`` reads stored deliveries again, and ``redraw`` writes drafts again that cite amended events; without
    them there is nothing to do it with and no draft.
    ``followed`` waits until lists have taken a position in, for so many seconds. ``refusals`` counts what is
    refused; ``proxies`` sign people in before us;
    ``reload`` takes a changed configuration in, where that may be asked for; ``front`` is how HTTP is spoken;
    ``gauges`` is looked up for each scrape of ``/metrics``. What is handed in is not closed here.
    """
    app = web.Application(middlewares=(prometheus.count, trace, pages.shown, answer_errors, guard, bound))
    app[keys.INTAKE] = intake
    app[keys.REFUSALS] = refusals or Refusals(clock)
    app[keys.LOG] = log
    app[keys.PROJECTIONS] = projections
    app[keys.POSTMORTEMS] = postmortems
    app[keys.INLAID] = inlaid or _no_draft
    app[keys.STANDING] = standing or _no_draft
    app[keys.MEASURES] = measures or _no_draft
    app[keys.CHANGES] = changes or _no_changes
    app[keys.PUBLISHING] = publisher or Publisher(lists=projections)
    app[keys.STYLES] = styles or {}
    app[keys.POLICIES] = policies or {}
    app[keys.READINESS] = readiness
    app[keys.METRICS] = intake.writer.metrics
    app[keys.GAUGES] = gauges or _no_gauges
    app[keys.CLOCK] = clock
    app[keys.API_TOKENS] = api_tokens
    app[keys.PROXIES] = proxies
    app[keys.LOCAL_ONLY] = local_only
    # A set is looked into anew for each request: a reload changes it.
    app[keys.HOSTS] = hosts if isinstance(hosts, set) else frozenset(name.lower() for name in hosts)
    app[keys.RELOAD] = reload
    app[keys.FRONT] = front or Front()
    app[keys.ERASE] = erase or _cannot_erase
    app[keys.BRING_IN] = Importer(log, intake.writer, intake.derived, intake.forms).take
    app[keys.REPARSE] = reparse or _cannot_reparse
    app[keys.REDRAW] = redraw or _no_drafts
    app[keys.WRITING] = asyncio.Lock()
    app[keys.LIMITS] = limits or RequestLimits()
    app[keys.FOLLOWED] = followed or _looking(projections)
    app[keys.ENDING] = []
    app[READS] = Reads(reads or ReadLimits())
    app.on_response_prepare.append(on_prepare)
    add_streams(app, streaming or StreamLimits())
    # Streams come first: their address looks like that of an event.
    for room in (
        streams,
        webhooks,
        incidents,
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
    return app


async def _no_draft(number: int, as_of: int | None, asked: Mapping[str, str]) -> str | None:
    raise Unavailable("cannot show the incident here: this process renders no drafts")


async def _no_changes(
    number: int, since: int | None, until: int | None, asked: Mapping[str, str]
) -> Sequence[msgspec.Struct] | None:
    raise Unavailable("cannot compare drafts here: this process renders none")


async def _cannot_erase(asked: RequestedErasure) -> Erasure:
    raise Unavailable(
        "cannot erase here: this process has nothing to erase with; ask the daemon that writes to the log"
    )


async def _cannot_reparse(asked: Selection, dry_run: bool) -> Found:
    raise Unavailable("cannot read deliveries again here: this process knows no sources; ask the daemon that does")


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


async def _no_drafts(events: Collection[str]) -> Redrawn:
    return Redrawn()
