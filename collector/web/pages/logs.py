"""The logs that the daemon serves, and the incidents of all of them as one list."""

from __future__ import annotations

import asyncio

from aiohttp import web

from collector.web.keys import CLOCK, LOGS, READINESS
from collector.web.logs import merged_incidents
from collector.web.pages.clocks import Clock
from collector.web.pages.overview import FILTERS, STATUSES, filters_of
from collector.web.pages.rendering import page
from collector.web.requests import Query

routes = web.RouteTableDef()

SHOWN = 50
"""How many incidents a page has."""


@routes.get("/logs")
async def overview(request: web.Request) -> web.Response:
    """Each log and whether it takes deliveries; then the incidents, newest first."""
    query = Query(request, *FILTERS, "cursor", "zone")
    clock, logs = Clock(query.text("zone") or "UTC"), request.app[LOGS]()
    status, cursor = query.one_of("status", *STATUSES), query.text("cursor")
    states = await asyncio.gather(*(log.app[READINESS]() for log in logs))
    filters = filters_of(query, clock, request.app[CLOCK]())
    incidents = await merged_incidents(logs, cursor, SHOWN, status=status, **filters)
    return page(
        request, "logs.html", clock, logs=list(zip(logs, states, strict=True)), incidents=incidents, statuses=STATUSES,
        cursor=cursor, filtered=any(query.text(name) for name in FILTERS),
        query={name: query.text(name) or "" for name in FILTERS},
    )  # fmt: skip
