"""Publishing a postmortem, and what was published of it."""

from __future__ import annotations

from typing import Any

import msgspec
from aiohttp import web

from collector.event import RecordedEvent
from collector.publishing import Asking
from collector.times import rfc3339
from collector.web import answers, statements
from collector.web.bodies import Publishing
from collector.web.keys import PUBLISHING
from collector.web.requests import Query, statement

routes = web.RouteTableDef()
ONE = "/api/v1/incidents/{number}"


@routes.post(ONE + "/publish")
async def publish(request: web.Request) -> web.Response:
    """Publish the postmortem, or say what that would change there."""
    said, row = await statement(request, Publishing), await statements.incident(request)
    body = said.body
    asked = Asking(
        number=row.number, incident=row.key, target=body.target, key=said.key, by=body.by, now=said.now,
        issue=body.issue, dry_run=body.dry_run,
    )  # fmt: skip
    told = await request.app[PUBLISHING].publish(asked)
    status = 201 if told.outcome == "published" else 202 if told.outcome == "failed" else 200
    shown = {name: value or None for name, value in msgspec.structs.asdict(told).items()}
    return answers.json({"incident": row.number, "target": body.target, **shown, "cut": told.cut}, status=status)


@routes.get(ONE + "/publications")
async def list_publications(request: web.Request) -> web.Response:
    """Where and when the postmortem was published, and what failed, oldest first."""
    Query(request)
    row = await statements.incident(request)
    found = await request.app[PUBLISHING].publications(row.number)
    body = {"incident": row.number, "publications": [_shown(each) for each in found]}
    return answers.fresh(request, answers.json(body, headers=statements.moved(request, row)))


def _shown(event: RecordedEvent) -> dict[str, Any]:
    told = {name: event.data.get(name) for name in ("status", "target", "url", "revision", "digest", "cut", "reason")}
    return told | {"by": event.actor, "at": rfc3339(event.occurred_at), "event": event.id}
