"""The list of incidents: open ones first, filters in the address, and what joined none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aiohttp import web

from collector.projections import IncidentRow
from collector.web.keys import CLOCK, INTAKE, LOGS, PROJECTIONS, ROOT
from collector.web.pages.clocks import Clock
from collector.web.pages.rendering import is_asked_for, page
from collector.web.pages.spans import WIDE, spans
from collector.web.pages.trials import Trial, first_alert, webhooks_of
from collector.web.requests import Query

routes = web.RouteTableDef()

FILTERS = ("status", "service", "severity", "source", "text", "since", "until")
STATUSES = ("open", "resolved", "merged")
OPEN = 100
"""How many open incidents stand before the others."""
SHOWN = 50
"""How many others a page has."""
GAPS = 100
"""How many times in which a source was not heard are looked at, the newest."""
UNJOINED = 8
"""How many events that joined nothing are shown."""
INDEX = """\
timelined: webhooks in, one log, incidents and draft postmortems out

A browser is shown pages for people: /incidents /deliveries /analytics

POST /webhooks/{source}                  where senders deliver
GET  /api/v1/incidents                   incidents, newest first
GET  /api/v1/incidents/1/postmortem.md   the draft of the first one
GET  /api/v1/signals                     what is firing or unacknowledged now
GET  /api/v1/events                      every fact
GET  /api/v1/deliveries                  what arrived, understood or not
GET  /api/v1/openapi.json                all of it, as OpenAPI 3.1
GET  /metrics                            for Prometheus
GET  /-/healthy  /-/ready                whether the daemon runs, and can work

docs/api.md says the rest.
"""


@routes.get("/")
async def front(request: web.Request) -> web.Response:
    """The list for a browser; for a program, where to look, in plain text."""
    if is_asked_for(request):
        return await _overview(request)
    root = request.app[ROOT]
    return web.Response(text=INDEX.replace(" /", f" {root}/"), headers={"Vary": "Accept"})


@routes.get("/incidents")
async def overview(request: web.Request) -> web.Response:
    """Incidents, open ones first."""
    return await _overview(request)


async def _overview(request: web.Request) -> web.Response:
    query = Query(request, *FILTERS, "before", "zone")
    clock = Clock(query.text("zone") or "UTC")
    filters, before = filters_of(query, clock, request.app[CLOCK]()), query.number("before")
    status = query.one_of("status", *STATUSES)
    lists = request.app[PROJECTIONS]
    first: Sequence[IncidentRow] = ()
    if status is None and before is None:
        first = await lists.incidents(status="open", limit=OPEN + 1, **filters)
    rest = await lists.incidents(status=status or "resolved", before=before, limit=SHOWN + 1, **filters)
    rows = [*first[:OPEN], *rest[:SHOWN]]
    filtered = any(query.text(name) for name in FILTERS)
    whole = not filtered and before is None
    return page(
        request,
        "overview.html",
        clock,
        first=first[:OPEN],
        more_open=len(first) > OPEN,
        rest=rest[:SHOWN],
        following=rest[SHOWN - 1].number if len(rest) > SHOWN else None,
        before=before,
        chosen=status,
        statuses=STATUSES,
        filtered=filtered,
        query={name: query.text(name) or "" for name in FILTERS},
        spans=spans(rows, await lists.gaps(GAPS), request.app[CLOCK](), filters["since"], filters["until"]),
        wide=WIDE,
        news=await lists.news(rows),
        unjoined=await lists.unjoined(UNJOINED) if whole else None,
        sources=request.app[INTAKE].sources,
        entry=request.app[INTAKE].entry,
        words=_words(rows),
        empty=whole and not rows,
        delivery_url=webhooks_of(request),
        trial=_trial(request),
        other_logs=[log for log in request.app[LOGS]() if log.app is not request.app],
    )


def filters_of(query: Query, clock: Clock, now: int) -> dict[str, Any]:
    """What of a list is asked for, as :meth:`Projections.incidents` takes it."""
    asked: dict[str, Any] = {name: query.text(name) for name in ("service", "severity", "source", "text")}
    asked |= {name: clock.moment(query.text(name), name, now) for name in ("since", "until")}
    return asked


def _words(rows: Sequence[IncidentRow]) -> dict[str, list[str]]:
    """What the filters of a page propose: what stands on it."""
    return {
        "service": sorted({service for row in rows for service in row.services}),
        "severity": sorted({row.severity for row in rows if row.severity}),
    }


def _trial(request: web.Request) -> Trial | None:
    """What sends a first alert to the first source for which one can be typed."""
    address, endpoints = webhooks_of(request), request.app[INTAKE].verifier.endpoints
    tried = (first_alert(endpoint, f"{address}/{name}") for name, endpoint in endpoints.items())
    return next((each for each in tried if each is not None), None)
