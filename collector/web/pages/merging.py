"""What would become one incident, shown before anybody says that two are."""

from __future__ import annotations

from aiohttp import web

from collector.errors import InvalidInput
from collector.event import RecordedEvent
from collector.projections import EventFilter, IncidentRow
from collector.web import statements
from collector.web.keys import PROJECTIONS
from collector.web.pages.clocks import Clock
from collector.web.pages.rendering import page
from collector.web.requests import LATEST, Query, whole

routes = web.RouteTableDef()

SHOWN = 50
"""How many events of each incident are shown."""


@routes.get("/incidents/{number}/merge")
async def preview(request: web.Request) -> web.Response:
    """Both incidents beside each other, and what they would be together."""
    query = Query(request, "other", "zone")
    clock = Clock(query.text("zone") or "UTC")
    row, app = await statements.incident(request), request.app
    other = await statements.follow(app, whole(query.text("other") or "", "other", most=LATEST))
    if other.number == row.number:
        raise InvalidInput(f"cannot merge: {query.text('other')} is incident {row.number} already", "other")
    timeline = sorted([*await _events(app, row), *await _events(app, other)], key=lambda pair: pair[1].occurred_at)
    return page(
        request, "merge.html", clock, row=row, other=other, timeline=timeline, limit=SHOWN,
        services=sorted({*row.services, *other.services}), both=sorted({*row.services} & {*other.services}),
        began=min(row.started_at, other.started_at),
        ended=None if None in (row.ended_at, other.ended_at) else max(row.ended_at or 0, other.ended_at or 0),
    )  # fmt: skip


async def _events(app: web.Application, row: IncidentRow) -> list[tuple[int, RecordedEvent]]:
    """The first events of an incident by position, each with its number."""
    found = await app[PROJECTIONS].events(EventFilter(incident=row.number, limit=SHOWN))
    return [(row.number, event) for event in found]
