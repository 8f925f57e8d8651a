"""Publishing a postmortem, and what was published of it."""

from __future__ import annotations

from aiohttp import web

from collector.errors import InvalidInput
from collector.event import RecordedEvent
from collector.publishing.edited_files import EditedFile
from collector.publishing.publisher import Asking, Published
from collector.times import rfc3339
from collector.web import answers, shapes, statements
from collector.web.keys import LIMITS, PUBLISHING
from collector.web.payloads import PublicationBody, PullBody
from collector.web.requests import Query, statement

routes = web.RouteTableDef()
ONE = "/api/v1/incidents/{number}"


@routes.post(ONE + "/publish")
async def publish(request: web.Request) -> web.Response:
    """Publish the postmortem, or say what that would change there."""
    request_values = await _publication_request(request)
    told = await request.app[PUBLISHING].publish(request_values)
    status = 201 if told.outcome == "published" else 202 if told.outcome == "failed" else 200
    return _answered(request_values, told, status)


@routes.post(ONE + "/pull")
async def pull(request: web.Request) -> web.Response:
    """Take in what people edited where it is published, or in a file, or say what that is."""
    received = await statement(request, PullBody, request.app[LIMITS].draft)
    row, body = await statements.incident(request), received.body
    if bool(body.target) == bool(body.text.strip()):
        what = f"a target ({body.target!r}) and a text are given" if body.target else "it has no text"
        raise InvalidInput(
            f"cannot take in incident {row.number}: {what}; name a target, or give the text of a file", "text"
        )
    wish = Asking(
        number=row.number, incident=row.key, target=body.target, key=received.key, by=body.by, now=received.now,
        dry_run=body.dry_run,
    )  # fmt: skip
    publisher, file = request.app[PUBLISHING], EditedFile(body.text, body.file.strip() or "a file")
    told = await (publisher.pull(wish) if body.target else publisher.take_in(wish, file))
    return _answered(wish, told, 201 if told.event else 200)


async def _publication_request(request: web.Request) -> Asking:
    received, row = await statement(request, PublicationBody), await statements.incident(request)
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
    body = shapes.Publications(row.number, [_publication(each) for each in found])
    return answers.with_etag(request, answers.json(body, headers=statements.moved(request, row)))


def _publication(event: RecordedEvent) -> shapes.Publication:
    told = {name: event.data.get(name) for name in ("status", "target", "url", "revision", "digest", "cut", "reason")}
    return shapes.Publication(**told, by=event.actor, at=rfc3339(event.occurred_at), event=event.id)
