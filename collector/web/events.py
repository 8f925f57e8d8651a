"""Events: the facts of the log, each with its revisions, and why it is where it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from aiohttp import web

from collector.drafting.explaining import in_words
from collector.errors import NotFound
from collector.event import RecordedEvent
from collector.projections import EventFilter
from collector.web import answers, shapes, statements
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
    event_filter = EventFilter(
        source=query.text("source"),
        type=query.text("type"),
        service=query.text("service"),
        entity=query.text("entity"),
        incident=None if number is None else (await statements.follow(request.app, number)).number,
        since=query.moment("since"),
        until=query.moment("until"),
        after=query.number("after") or 0,
        before=query.number("before"),
        newest_first=newest_first,
    )
    return await page_of_events(request, event_filter, limit)


async def page_of_events(
    request: web.Request, event_filter: EventFilter, limit: int, more: Mapping[str, Any] | None = None,
    shape_of: Callable[[RecordedEvent], shapes.Event] = answers.event,
) -> web.Response:  # fmt: skip
    """A page of the events that pass a filter; its own limit is not looked at."""
    cursor = "before" if event_filter.newest_first else "after"
    lists, private = request.app[PROJECTIONS], dict[str, str]()

    async def fetch(following: str | None, count: int) -> list[RecordedEvent]:
        place = {} if following is None else {cursor: int(following)}
        found = await lists.events(msgspec.structs.replace(event_filter, limit=count, **place))
        private.update(await lists.private_events([event.id for event in found]))
        return found

    def marked(fact: RecordedEvent) -> shapes.Event:
        return msgspec.structs.replace(shape_of(fact), private=private.get(fact.id))

    return await page(request, "events", fetch, limit, marked, cursor, lambda fact: str(fact.position), more)


@routes.get("/api/v1/events/{event}")
async def get_event(request: web.Request) -> web.Response:
    """One event: all its revisions, how often it was told, and why it is in its incident."""
    Query(request)
    name = await statements.event_named(request.app, request.match_info["event"], "event")
    revisions = await request.app[LOG].read_ids([name])
    repeats = await request.app[LOG].repeats([name])
    why = await request.app[PROJECTIONS].why(name)
    why = why and await in_words(request.app[PROJECTIONS], why)
    private = (await request.app[PROJECTIONS].private_events([name])).get(name)
    body = shapes.Whole(
        id=name,
        events=[answers.event(revision, private) for revision in revisions],
        repeats=answers.repeats(repeats.get(name)),
        why=answers.reason(why) if why else None,
    )
    return answers.with_etag(request, answers.json(body))


@routes.get("/api/v1/why/{event}")
async def why_event(request: web.Request) -> web.Response:
    """Why an event is in, or not in, an incident."""
    Query(request)
    name = await statements.event_named(request.app, request.match_info["event"], "event")
    why = await request.app[PROJECTIONS].why(name)
    if why is None:
        raise NotFound(f"cannot explain event {name}: it was not grouped yet; ask again shortly", "event")
    why = await in_words(request.app[PROJECTIONS], why)
    private = await request.app[PROJECTIONS].private_events([name])
    return answers.json(answers.explanation(why, private.get(name)))
