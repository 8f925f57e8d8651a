"""Many incidents: alerts that lead to nothing, alerts that come again, actions, what opened incidents, late senders.

Each figure leads to what it counts, and says how it is counted. Lists and
medians, never a mean. A daemon that serves several logs tells it over all of
them, and of each by itself.
"""

from __future__ import annotations

from aiohttp import web

from collector.errors import NotFound
from collector.event import HOUR
from collector.web.each_log import ALL, asked_logs, need_one, read_each
from collector.web.keys import CLOCK, LOGS, PEOPLE, PROJECTIONS, OneLog
from collector.web.pages import analytics_log, analytics_tables
from collector.web.pages.analytics_log import AnalyticsLog
from collector.web.pages.analytics_page import OFTEN, AnalyticsPage, put_together
from collector.web.pages.clocks import Clock
from collector.web.pages.rendering import page
from collector.web.requests import Query

routes = web.RouteTableDef()

PERIOD = 90 * 24 * HOUR
"""What is looked at where no period is asked for, µs."""
SHOWN = 50
"""How many rows a table has; the CSV has all."""
ASKED = ("log", "since", "until")


@routes.get("/analytics")
async def analytics(request: web.Request) -> web.Response:
    """What can be said of many incidents together."""
    query = Query(request, *ASKED, "zone")
    clock = Clock(query.text("zone") or "UTC")
    since, until = _period(request, query, clock)
    analytics_page = await _read(request, query, clock, since, until)
    # The page of one log leads to that log alone.
    offered = [ALL, *(log.name for log in request.app[LOGS]())] if PROJECTIONS not in request.app else []
    return page(
        request, "analytics.html", clock, analytics=analytics_page, since=since, until=until, limit=SHOWN, often=OFTEN,
        offered=offered,
        query={name: query.text(name) or "" for name in ASKED}, tables=list(analytics_tables.TABLES),
    )  # fmt: skip


@routes.get("/analytics.csv")
async def table(request: web.Request) -> web.Response:
    """One table of the page, whole, as CSV (RFC 4180)."""
    query = Query(request, "table", *ASKED, "zone")
    clock = Clock(query.text("zone") or "UTC")
    name = query.text("table") or ""
    if name not in analytics_tables.TABLES:
        raise NotFound(f"cannot write the table: use one of {', '.join(analytics_tables.TABLES)}", "table")
    content = await _read(request, query, clock, *_period(request, query, clock))
    return web.Response(
        body=analytics_tables.as_csv(name, content).encode("utf-8", "replace"),
        content_type="text/csv", charset="utf-8",
        headers={"Content-Disposition": f'attachment; filename="analytics-{name}.csv"'},
    )  # fmt: skip


@routes.get("/across")
@routes.get("/across.csv")
async def moved(request: web.Request) -> web.Response:
    """The addresses that the page had, which people have kept."""
    path, question_mark, query = request.rel_url.raw_path_qs.partition("?")
    # The last step alone: a log may have that name, too.
    root, _, ending = path.rpartition("/across")
    return web.Response(status=308, headers={"Location": f"{root}/analytics{ending}{question_mark}{query}"})


def _period(request: web.Request, query: Query, clock: Clock) -> tuple[int, int]:
    now = request.app[CLOCK]()
    until = clock.moment(query.text("until"), "until", now)
    until = now if until is None else until
    since = clock.moment(query.text("since"), "since", now)
    return until - PERIOD if since is None else since, until


async def _read(request: web.Request, query: Query, clock: Clock, since: int, until: int) -> AnalyticsPage:
    async def read_log(log: OneLog) -> AnalyticsLog:
        return await analytics_log.read(log.app, log.name, clock, since, until)

    found = await read_each(asked_logs(request, query.text("log")), read_log)
    need_one(found, "count incidents")
    return put_together(found, clock, found.answers[0][0].app[PEOPLE])
