"""Incidents: lists, one of them, its postmortem, and what people state about it.

A number that was merged away keeps answering: alone it says where it went, and
everything beneath it is the incident it went to.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from aiohttp import web

from collector import people
from collector.errors import NotFound
from collector.event import Event
from collector.projections import EventFilter, IncidentRow
from collector.web import answers, standing, statements
from collector.web.events import page_of_events
from collector.web.keys import POLICIES, POSTMORTEMS, PROJECTIONS
from collector.web.known import row_at, rows_at
from collector.web.negotiation import MEDIA, accepted
from collector.web.paging import page
from collector.web.payloads import (
    ActionItemBody,
    EditBody,
    MarkBody,
    MergeBody,
    MoveBody,
    NoteBody,
    ReportBody,
    SplitBody,
    StatusBody,
)
from collector.web.problems import InvalidParameter
from collector.web.requests import LATEST, Query, moment, optional_moment, statement, whole

routes = web.RouteTableDef()
ONE = "/api/v1/incidents/{number}"
OPTIONS = ("zone", "detail", "profile", "citations", "people", "seconds", "width", "template")
"""What a reader of a draft may choose."""
STATUSES = ("open", "resolved", "merged")


@routes.get("/api/v1/incidents")
async def list_incidents(request: web.Request) -> web.Response:
    """Incidents, newest number first; an empty list says what joined nothing, and why."""
    query = Query(request, "status", "service", "since", "until", "as_of", "before", "limit")
    limit, before = query.limit(50), query.number("before")
    if query.moment("as_of") is not None:
        return await _as_known(request, query)
    lists, more = request.app[PROJECTIONS], {}
    query_rows = partial(
        lists.incidents,
        status=query.one_of("status", *STATUSES),
        service=query.text("service"),
        since=query.moment("since"),
        until=query.moment("until"),
    )

    async def fetch(following: str | None, count: int) -> list[IncidentRow]:
        cursor = before if following is None else int(following)
        rows = await query_rows(before=cursor, limit=count)
        if not rows and not cursor:
            count, reasons, newest = await lists.unjoined()
            private = await lists.private_events([near.event.id for near in newest])
            more["unjoined"] = answers.unjoined(count, reasons, newest, private)
        return rows

    return await page(request, "incidents", fetch, limit, answers.incident, "before", lambda row: str(row.number), more)


async def _as_known(request: web.Request, query: Query) -> web.Response:
    """The same as it was known at a moment: filters are asked of what stood then."""
    as_of, limit, first = query.moment("as_of") or 0, query.limit(50), query.number("before")
    status, service = query.one_of("status", *STATUSES), query.text("service")
    since, until = query.moment("since"), query.moment("until")
    same_service = request.app[PROJECTIONS].same_service

    def passes(row: IncidentRow) -> bool:
        within = (since is None or row.started_at >= since) and (until is None or row.started_at < until)
        touched = service is None or any(same_service(service, each) for each in row.services)
        return within and touched and status in (None, row.status)

    async def fetch(following: str | None, count: int) -> list[IncidentRow]:
        before = first if following is None else int(following)
        return await rows_at(request.app, as_of, before, count, passes)

    return await page(request, "incidents", fetch, limit, answers.incident, "before", lambda row: str(row.number))


@routes.post("/api/v1/incidents")
async def open_incident(request: web.Request) -> web.Response:
    """Report that something is wrong."""
    received = await statement(request, ReportBody)
    body = received.body
    fact = people.opened(
        key=received.key,
        by=body.by,
        stated_at=received.now,
        title=body.title,
        at=optional_moment(body.at, "at"),
        service=body.service,
        environment=body.environment,
        severity=body.severity,
        future=body.future,
        reported_by=body.reported_by,
    )
    apart = partial(people.split, key=f"{received.key} apart", by=body.by, stated_at=received.now) if body.new else None
    return await statements.record_opening(request, fact, apart)


@routes.get(ONE)
async def get_incident(request: web.Request) -> web.Response:
    """One incident; a number merged away says where it went."""
    as_of = Query(request, "as_of").moment("as_of")
    number = whole(request.match_info["number"], "number", most=LATEST)
    now = await statements.incident(request)
    row = await request.app[PROJECTIONS].incident(number)
    if as_of is not None:
        row = await row_at(request.app, now, as_of)
    return answers.with_etag(
        request, answers.json(answers.incident(row or now), headers=statements.moved(request, now))
    )


@routes.get(ONE + "/events")
async def list_events(request: web.Request) -> web.Response:
    """What belongs to an incident, in the order of positions."""
    query = Query(request, "type", "service", "since", "until", "as_of", "zone", "after", "limit")
    zone, row, limit = query.zone("zone"), await statements.incident(request), query.limit(100)
    event_filter = EventFilter(
        incident=row.number, type=query.text("type"), service=query.text("service"), since=query.moment("since"),
        until=query.moment("until"), known_by=query.moment("as_of"), after=query.number("after") or 0,
    )  # fmt: skip
    shown = answers.event if zone is None else partial(answers.event_in, zone)
    return await page_of_events(request, event_filter, limit, {"incident": row.number}, shown)


@routes.get(ONE + "/postmortem")
async def negotiate_postmortem(request: web.Request) -> web.Response:
    """The draft in the format that ``Accept`` asks for; Markdown where it does not matter."""
    renderers = request.app[POSTMORTEMS]
    response = await _postmortem(request, accepted(request, [form for form in renderers if form in MEDIA]))
    response.headers["Vary"] = "Accept"
    return response


@routes.get(ONE + "/postmortem.{format}")
async def get_postmortem(request: web.Request) -> web.Response:
    """The draft in the format that its name ends in."""
    return await _postmortem(request, request.match_info["format"])


async def _postmortem(request: web.Request, form: str) -> web.Response:
    query = Query(request, "as_of", "marks", *OPTIONS)
    renderers = request.app[POSTMORTEMS]
    if form not in renderers or form not in MEDIA:
        offered = ", ".join(each for each in renderers if each in MEDIA)
        raise NotFound(f"cannot render a postmortem in that format: use one of {offered}", "format")
    marks = query.one_of("marks", "true", "false") == "true"
    if marks and form != "md":
        raise InvalidParameter("cannot render with marks: only Markdown has them; ask for postmortem.md", "marks")
    row, as_of = await statements.incident(request), query.moment("as_of")
    text = await renderers["marked" if marks else form](row.number, as_of, query.texts(*OPTIONS))
    if text is None:
        raise NotFound(f"cannot render incident {row.number}: nothing was known of it by then", "as_of")
    response = web.Response(
        body=text.encode("utf-8", "replace"), headers={"Content-Type": MEDIA[form], **statements.moved(request, row)}
    )
    if form in request.app[POLICIES]:
        response.headers["Content-Security-Policy"] = request.app[POLICIES][form]
    response.headers["Content-Location"] = f"/api/v1/incidents/{row.number}/postmortem.{form}"
    return answers.with_etag(request, response)


@routes.post(ONE + "/notes")
async def add_note(request: web.Request) -> web.Response:
    """Write down what a person saw, did or thought."""
    said, row = await statement(request, NoteBody), await statements.incident(request)
    at = optional_moment(said.body.at, "at")
    fact = people.note(key=said.key, by=said.body.by, stated_at=said.now, incident=row.key, text=said.body.text, at=at)
    return await statements.record(request, fact, row.number)


@routes.post(ONE + "/actions")
async def add_action(request: web.Request) -> web.Response:
    """Record a follow-up, or its new state."""
    received, row = await statement(request, ActionItemBody), await statements.incident(request)
    body = received.body
    fact = people.action(
        key=received.key,
        by=body.by,
        stated_at=received.now,
        incident=row.key,
        text=body.text,
        owner=body.owner,
        due=body.due,
        state=body.state,
    )
    return await statements.record(request, fact, row.number)


@routes.post(ONE + "/marks")
async def set_mark(request: web.Request) -> web.Response:
    """State a moment: when the impact started, what detected it, when it was mitigated."""
    received, row = await statement(request, MarkBody), await statements.incident(request)
    body = received.body
    fact = people.mark(
        key=received.key,
        by=body.by,
        stated_at=received.now,
        incident=row.key,
        mark=body.mark,
        at=moment(body.at, "at"),
        text=body.text,
        detected_by=body.detected_by,
        future=body.future,
    )
    return await statements.record(request, fact, row.number)


@routes.post(ONE + "/join")
async def join(request: web.Request) -> web.Response:
    """Say that an event belongs here."""
    return await statements.record(request, *(await _moved(request, people.joined)))


@routes.post(ONE + "/leave")
async def leave(request: web.Request) -> web.Response:
    """Say that an event does not belong here."""
    fact, number = await _moved(request, people.left)
    row = await statements.follow(request.app, number)
    await standing.check_has(request.app, row, [fact.data["event"]], fact, "event")
    return await statements.record(request, fact, number)


async def _moved(request: web.Request, fact: Callable[..., Event]) -> tuple[Event, int]:
    received, row = await statement(request, MoveBody), await statements.incident(request)
    event = await statements.event_named(request.app, received.body.event, "event")
    told = {"incident": row.key, "event": event, "number": row.number}
    return fact(key=received.key, by=received.body.by, stated_at=received.now, **told), row.number


@routes.post(ONE + "/merge")
async def merge(request: web.Request) -> web.Response:
    """Say that another incident is this one."""
    said, row = await statement(request, MergeBody), await statements.incident(request)
    other = await statements.follow(request.app, said.body.other)
    fact = people.merged(key=said.key, by=said.body.by, stated_at=said.now, into=row.key, other=other.key)
    return await statements.record(request, fact, row.number)


@routes.post(ONE + "/split")
async def split(request: web.Request) -> web.Response:
    """Say that some of its events are an incident of their own."""
    received, row = await statement(request, SplitBody), await statements.incident(request)
    events = [await statements.event_named(request.app, text, "events") for text in received.body.events]
    fact = people.split(
        key=received.key,
        by=received.body.by,
        stated_at=received.now,
        incident=row.key,
        events=events,
        number=row.number,
    )
    await standing.check_has(request.app, row, events, fact, "events")
    return await statements.record_about(request, fact, events[0])


@routes.post(ONE + "/resolve")
async def resolve(request: web.Request) -> web.Response:
    """Say that it is over; of one that was, when it had ended so far."""
    fact, row = await _turned(request, people.resolved)
    return await statements.record(request, fact, row.number, former_end=row.ended_at)


@routes.post(ONE + "/reopen")
async def reopen(request: web.Request) -> web.Response:
    """Say that it is not over after all."""
    fact, row = await _turned(request, people.reopened)
    await standing.check_over(request.app, row, fact)
    return await statements.record(request, fact, row.number)


async def _turned(request: web.Request, state: Callable[..., Event]) -> tuple[Event, IncidentRow]:
    """That an incident is over, or is not, as ``state`` says it; and the incident."""
    received, row = await statement(request, StatusBody), await statements.incident(request)
    at = optional_moment(received.body.at, "at")
    fact = state(
        key=received.key,
        by=received.body.by,
        stated_at=received.now,
        incident=row.key,
        at=at,
        future=received.body.future,
    )
    return fact, row


@routes.post(ONE + "/edit")
async def edit(request: web.Request) -> web.Response:
    """Set the title, lead, severity or impact."""
    received, row = await statement(request, EditBody), await statements.incident(request)
    body = received.body
    fact = people.edited(
        key=received.key, by=body.by, stated_at=received.now, incident=row.key, field=body.field, value=body.value
    )
    return await statements.record(request, fact, row.number)
