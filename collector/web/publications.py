"""Publishing a postmortem, and what was published of it."""

from __future__ import annotations

from aiohttp import web

from collector.event import RecordedEvent
from collector.publishing.publisher import Asking, Published
from collector.times import rfc3339
from collector.web import answers, shapes, statements
from collector.web.keys import PUBLISHING
from collector.web.payloads import PublishingBody
from collector.web.requests import Query, statement

routes = web.RouteTableDef()
ONE = "/api/v1/incidents/{number}"


@routes.post(ONE + "/publish")
async def publish(request: web.Request) -> web.Response:
    """Publish the postmortem, or say what that would change there."""
    request_values = await _asked(request)
    told = await request.app[PUBLISHING].publish(request_values)
    status = 201 if told.outcome == "published" else 202 if told.outcome == "failed" else 200
    return _answered(request_values, told, status)


@routes.post(ONE + "/pull")
async def pull(request: web.Request) -> web.Response:
    """Take in what people edited where it is published, or say what that is."""
    asked = await _asked(request)
    told = await request.app[PUBLISHING].pull(asked)
    return _answered(asked, told, 201 if told.event else 200)


async def _asked(request: web.Request) -> Asking:
    received, row = await statement(request, PublishingBody), await statements.incident(request)
    body = received.body
    return Asking(
        number=row.number, incident=row.key, target=body.target, key=received.key, by=body.by, now=received.now,
        issue=body.issue, dry_run=body.dry_run, replace=body.replace, private=body.private,
    )  # fmt: skip


def _answered(asked: Asking, published: Published, status: int) -> web.Response:
    answer = shapes.Published(
        incident=asked.number, target=asked.target, outcome=published.outcome, url=published.url or None,
        revision=published.revision or None, request=published.request or None, cut=published.cut,
        diff=published.diff or None,
        reason=published.reason or None, event=published.event or None,
    )  # fmt: skip
    return answers.json(answer, status=status)


@routes.get(ONE + "/publications")
async def list_publications(request: web.Request) -> web.Response:
    """Where and when the postmortem was published, and what failed, oldest first."""
    Query(request)
    row = await statements.incident(request)
    found = await request.app[PUBLISHING].publications(row.number)
    body = shapes.Publications(row.number, [_shown(each) for each in found])
    return answers.fresh(request, answers.json(body, headers=statements.moved(request, row)))


def _shown(event: RecordedEvent) -> shapes.Publication:
    told = {name: event.data.get(name) for name in ("status", "target", "url", "revision", "digest", "cut", "reason")}
    return shapes.Publication(**told, by=event.actor, at=rfc3339(event.occurred_at), event=event.id)
