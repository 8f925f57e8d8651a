"""The application of a daemon that serves several logs: what is said of the daemon, and of all of its logs at once.

It answers whichever of them is away. :func:`build_away` answers in the place of a log that is.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence

from aiohttp import web
from prometheus_client import Metric

from collector.errors import Unavailable
from collector.web import keys, log_streams, logs, operations, prometheus, refused
from collector.web.frame import Frame, framed
from collector.web.keys import Readiness
from collector.web.pages import files, login
from collector.web.pages import logs as page_of_logs


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
        ]
    )
    for routes in (log_streams.routes, logs.routes, page_of_logs.routes, login.routes, files.routes):
        app.add_routes(routes)
    return app


def build_away(
    frame: Frame, readiness: Callable[[], Awaitable[Readiness]], sources: Collection[str], why: Callable[[], str]
) -> web.Application:
    """What answers for a log that cannot be had: 503, and ``why`` at ``/-/ready`` and to whoever may read.

    Deliveries of its sources are counted as refused.
    """
    app = framed(frame)
    app[keys.READINESS] = readiness
    app[refused.KNOWN] = sources

    async def away(request: web.Request) -> web.StreamResponse:
        """Nothing can be stored or read."""
        raise Unavailable(f"cannot answer for this log now: {why()}")

    async def delivery(request: web.Request) -> web.StreamResponse:
        """Nothing can be stored; the reason is nobody's who has not proved himself."""
        raise Unavailable("cannot store the delivery now: its log is away, and /-/ready says why; send it again")

    app.add_routes(
        [
            web.get("/-/healthy", operations.healthy),
            web.get("/-/ready", operations.ready),
            web.route("*", "/webhooks/{source}", delivery),
            web.route("*", "/webhooks/{source}/{token}", delivery),
            *login.routes,
            *files.routes,
            web.route("*", "/{address:.*}", away),
        ]
    )
    return app
