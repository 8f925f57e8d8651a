"""Events: the facts of the log, each with its revisions, and why it is where it is."""

from __future__ import annotations

from aiohttp import web

from collector.errors import NotFound
from collector.projections import EventFilter
from collector.web import answers, statements
from collector.web.keys import LOG, PROJECTIONS
from collector.web.paging import page
from collector.web.requests import Query

routes = web.RouteTableDef()


@routes.get("/api/v1/events")
async def list_events(request: web.Request) -> web.Response:
    """Events in the order of positions, or newest position first."""
    query = Query(
        request,
        "source",
        "type",
        "service",
        "entity",
        "incident",
        "since",
        "until",
        "after",
        "before",
        "limit",
        "order",
    )
    number = query.number("incident")
    limit, newest_first = query.limit(100), query.one_of("order", "asc", "desc") == "desc"
    wanted = EventFilter(
        source=query.text("source"),
        type=query.text("type"),
        service=query.text("service"),
        entity=query.text("entity"),
        incident=None if number is None else (await statements.follow(request.app, number)).number,
        since=query.moment("since"),
        until=query.moment("until"),
        after=query.number("after") or 0,
        before=query.number("before"),
        limit=limit + 1,
        newest_first=newest_first,
    )
    found = await request.app[PROJECTIONS].events(wanted)
    cursor = "before" if newest_first else "after"
    return page(request, "events", found, limit, answers.event, cursor, lambda fact: str(fact.position))


@routes.get("/api/v1/events/{event}")
async def get_event(request: web.Request) -> web.Response:
    """One event: all its revisions, how often it was told, and why it is in its incident."""
    Query(request)
    name = await statements.event_named(request.app, request.match_info["event"], "event")
    revisions = await request.app[LOG].read_ids([name])
    told = await request.app[LOG].repeats([name])
    why = await request.app[PROJECTIONS].why(name)
    body = {
        "id": name,
        "events": [answers.event(revision) for revision in revisions],
        "repeats": answers.repeats(told.get(name)),
        "why": answers.reason(why) if why else None,
    }
    return answers.fresh(request, answers.json(body))


@routes.get("/api/v1/why/{event}")
async def why_event(request: web.Request) -> web.Response:
    """Why an event is in, or not in, an incident."""
    Query(request)
    name = await statements.event_named(request.app, request.match_info["event"], "event")
    why = await request.app[PROJECTIONS].why(name)
    if why is None:
        raise NotFound(f"cannot explain event {name}: it was not grouped yet; ask again shortly", "event")
    return answers.json(answers.explanation(why))
