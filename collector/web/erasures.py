"""Where a person has content removed.

The answer comes once it is gone from the log, the lists, the drafts and the
files, or says what remains. Asking for the same again completes what remained.
"""

from __future__ import annotations

from aiohttp import web

from collector.erasure import RequestedErasure
from collector.web import answers, payloads, statements
from collector.web.keys import ERASE
from collector.web.requests import statement

routes = web.RouteTableDef()


@routes.post("/api/v1/erasures")
async def erase(request: web.Request) -> web.Response:
    """Erase events and deliveries: 201 where anything was removed, 200 where all was gone already or only asked."""
    received = await statement(request, payloads.ErasureBody)
    body = received.body
    request_values = RequestedErasure(
        events=tuple([await statements.event_named(request.app, text, "events") for text in body.events]),
        deliveries=tuple(body.deliveries),
        by=body.by,
        reason=body.reason,
        key=received.key,
        stated_at=received.now,
        everything=body.everything,
        with_events=body.with_events,
        dry_run=body.dry_run,
    )
    done = await request.app[ERASE](request_values)
    removed = bool(done.new or done.deliveries) and not body.dry_run
    return answers.json(answers.erasure(done), status=201 if removed else 200)
