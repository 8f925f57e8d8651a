"""How far the review of a postmortem is, its versions, and what lies between two of them."""

from __future__ import annotations

import msgspec
from aiohttp import web

from collector import people
from collector.errors import NotFound
from collector.event import REVIEWED, RecordedEvent
from collector.projections import EventFilter, IncidentRow
from collector.times import rfc3339
from collector.web import answers, shapes, statements
from collector.web.keys import CHANGES, LOG, PROJECTIONS, STANDING
from collector.web.payloads import ReviewBody
from collector.web.requests import MOST, Query, statement

routes = web.RouteTableDef()
ONE = "/api/v1/incidents/{number}"


@routes.post(ONE + "/review")
async def review(request: web.Request) -> web.Response:
    """Say how far the review of the postmortem is."""
    received, row = await statement(request, ReviewBody), await statements.incident(request)
    body = received.body
    fact = people.reviewed(
        key=received.key, by=body.by, stated_at=received.now, incident=row.key, status=body.status, text=body.text,
        evidence=await evidence(request.app, row.number),
    )  # fmt: skip
    return await statements.record(request, fact, row.number)


@routes.get(ONE + "/versions")
async def list_versions(request: web.Request) -> web.Response:
    """What the postmortem was each time that its review was stated, oldest first, and what it is now."""
    Query(request)
    row = await statements.incident(request)
    said = await reviews(request.app, row)
    now = await evidence(request.app, row.number)
    versions = [_version(number, event, now) for number, event in enumerate(said, 1)]
    body = shapes.Versions(row.number, versions)
    return answers.with_etag(request, answers.json(body, headers=statements.moved(request, row)))


@routes.get(ONE + "/diff")
async def compare(request: web.Request) -> web.Response:
    """What people changed, and what evidence changed, between two moments."""
    query = Query(request, "from", "to")
    since, until = query.moment("from"), query.moment("to")
    row = await statements.incident(request)
    differences_found = await request.app[CHANGES](row.number, since, until, {})
    if differences_found is None:
        raise NotFound(f"cannot compare drafts of incident {row.number}: nothing was known of it by then", "to")
    differences = msgspec.convert(differences_found, list[shapes.Difference], from_attributes=True)
    body = shapes.Differences(row.number, answers.time(since), answers.time(until), differences)
    return answers.with_etag(request, answers.json(body, headers=statements.moved(request, row)))


async def evidence(app: web.Application, number: int) -> str:
    """The digest of what the draft is made from now; empty where there is no draft."""
    text = await app[STANDING](number, None, {})
    return str(msgspec.json.decode(text)["evidence"]) if text is not None else ""


async def reviews(app: web.Application, row: IncidentRow) -> list[RecordedEvent]:
    """The statements on the review, without those retracted or erased, by when they were received."""
    event_filter, ids = EventFilter(incident=row.number, type=REVIEWED, limit=MOST), dict[str, None]()
    while page := await app[PROJECTIONS].events(event_filter):
        ids.update((event.id, None) for event in page)
        event_filter = EventFilter(incident=row.number, type=REVIEWED, limit=MOST, after=page[-1].position)
    revisions = await app[LOG].read_ids(list(ids))
    last = {event.id: event for event in sorted(revisions, key=lambda review: review.revision)}
    first = {event.id: event for event in revisions if event.revision == 0}
    told = [review for review in last.values() if review.amendment != "retraction" and "status" in review.data]
    return sorted(
        (msgspec.structs.replace(review, received_at=first[review.id].received_at) for review in told),
        key=lambda review: (review.received_at, first[review.id].position),
    )


def _version(number: int, event: RecordedEvent, now: str) -> shapes.Version:
    return shapes.Version(
        version=number,
        status=event.data["status"],
        by=event.actor,
        at=rfc3339(event.occurred_at),
        text=event.title or None,
        event=event.id,
        as_of=rfc3339(event.received_at),
        changed=event.data.get("evidence") != now,
    )
