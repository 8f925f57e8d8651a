"""The application of a daemon that serves several logs: what is said of the daemon, and of all of its logs at once.

It answers whichever of them is away. :func:`build_away` answers in the place of a log that is.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from aiohttp import web
from prometheus_client import Metric

from collector.errors import NotFound, Unavailable
from collector.intake import Verifier
from collector.web import keys, log_streams, logs, measures, operations, prometheus, refused, webhooks
from collector.web.frame import Frame, framed
from collector.web.keys import Readiness
from collector.web.pages import analytics, files, login
from collector.web.pages import logs as page_of_logs
from collector.web.requests import headers_of, incoming


def build_overall(
    frame: Frame,
    readiness: Callable[[], Awaitable[Readiness]],
    gauges: Callable[[], Awaitable[Sequence[Metric]]],
    reload: Callable[[], Awaitable[None]] | None,
) -> web.Application:
    """The daemon's own addresses over its logs; ``gauges`` are looked up for each scrape."""
    app = framed(frame)
    app[keys.READINESS], app[keys.GAUGES], app[keys.RELOAD] = readiness, gauges, reload
    app.add_routes(
        [
            web.get("/-/healthy", operations.healthy),
            web.get("/-/ready", operations.ready),
            web.post("/-/reload", operations.reload),
            web.get(prometheus.ADDRESS, prometheus.looked_up),
            web.get(measures.ADDRESS, measures.over_several),
        ]
    )
    app.router.add_route("*", "/logs/{log}/{address:.*}", _no_such_log)
    for routes in (log_streams.routes, logs.routes, page_of_logs.routes, analytics.routes, login.routes, files.routes):
        app.add_routes(routes)
    return app


async def _no_such_log(request: web.Request) -> web.StreamResponse:
    """Of an address beneath a log that is not there, which no application answers."""
    served = ", ".join(log.name for log in request.app[keys.LOGS]())
    name = request.match_info["log"]
    shown = name if name.isprintable() else "of this name"
    raise NotFound(f"cannot find a log {shown}: this daemon serves {served}", "log")


def build_away(
    frame: Frame, readiness: Callable[[], Awaitable[Readiness]], verifier: Verifier, why: Callable[[], str]
) -> web.Application:
    """What answers for a log that cannot be had: 503, and ``why`` at ``/-/ready`` and to whoever may read.

    The sender is verified first. An answer tells nobody else of the source, or of its log. Deliveries of its
    sources are counted as refused.
    """
    app = framed(frame)
    app[keys.READINESS] = readiness
    app[refused.KNOWN] = verifier

    async def away(request: web.Request) -> web.StreamResponse:
        """Nothing can be stored or read."""
        raise Unavailable(f"cannot answer for this log now: {why()}")

    async def delivery(request: web.Request) -> web.StreamResponse:
        """Nothing can be stored; the reason is nobody's who has not proved himself."""
        named, headers = request.match_info, headers_of(request)
        length, token = request.content_length, named.get("token", "")
        await verifier.refuse(named["source"], headers, incoming(request), token, app[keys.CLOCK], length)

    async def no_way(request: web.Request) -> web.StreamResponse:
        raise web.HTTPMethodNotAllowed(request.method, ("OPTIONS", "POST"))

    async def nothing(request: web.Request) -> web.StreamResponse:
        raise web.HTTPNotFound

    addresses = (webhooks.ADDRESS, webhooks.SECRET_ADDRESS)
    app.add_routes(
        [
            web.get("/-/healthy", operations.healthy),
            web.get("/-/ready", operations.ready),
            *(web.post(address, delivery) for address in addresses),
            *(web.options(address, webhooks.allow) for address in addresses),
            *(web.route("*", address, no_way) for address in addresses),
            web.route("*", "/webhooks/{address:.*}", nothing),
            *login.routes,
            *files.routes,
            web.route("*", "/{address:.*}", away),
        ]
    )
    return app
