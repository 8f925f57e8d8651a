"""What an operator asks: what is firing, what arrived, and whether the daemon is well."""

from __future__ import annotations

from aiohttp import web

from collector.errors import NotFound
from collector.log import Delivery
from collector.web import answers
from collector.web.keys import LOG, PROJECTIONS, READINESS
from collector.web.paging import page
from collector.web.requests import Query

routes = web.RouteTableDef()

INDEX = """\
timelined: webhooks in, one log, incidents and draft postmortems out

POST /webhooks/{source}        where senders deliver
GET  /api/v1/incidents         incidents, newest first
GET  /api/v1/incidents/1/postmortem.md
GET  /api/v1/signals           what is firing or unacknowledged now
GET  /api/v1/events            every fact
GET  /api/v1/deliveries        what arrived, understood or not
GET  /-/healthy  /-/ready      whether the daemon runs, and can work

docs/api.md says the rest.
"""


@routes.get("/")
async def index(request: web.Request) -> web.Response:
    """Where to look."""
    return web.Response(text=INDEX)


@routes.get("/api/v1/signals")
async def list_signals(request: web.Request) -> web.Response:
    """What is firing or unacknowledged now."""
    Query(request)
    rows = await request.app[PROJECTIONS].signals()
    return answers.json({"signals": [answers.signal(row) for row in rows]})


@routes.get("/api/v1/deliveries")
async def list_deliveries(request: web.Request) -> web.Response:
    """What arrived, newest first."""
    query = Query(request, "source", "status", "before", "limit")
    limit, status = query.limit(50), query.one_of("status", "read", "unrecognised", "malformed")
    found = await request.app[LOG].deliveries(
        source=query.text("source"), status=status, before=query.text("before"), limit=limit + 1
    )
    return page(request, "deliveries", found, limit, answers.delivery, "before", lambda stored: stored.id)


@routes.get("/api/v1/deliveries/{delivery}")
async def get_delivery(request: web.Request) -> web.Response:
    """One delivery: its headers, and what became of it."""
    Query(request)
    return answers.json(answers.delivery(await _named(request)))


@routes.get("/api/v1/deliveries/{delivery}/body")
async def get_body(request: web.Request) -> web.Response:
    """The raw bytes, as a file that no browser shows."""
    Query(request)
    stored = await _named(request)
    body = await request.app[LOG].body(stored.id)
    if body is None:
        raise NotFound(f"cannot read the body of delivery {stored.id}: its content was erased", "delivery")
    name = "".join(character for character in stored.id if character.isascii() and character.isalnum())
    attachment = {"Content-Disposition": f'attachment; filename="delivery-{name}.bin"'}
    return web.Response(body=body, headers=attachment, content_type="application/octet-stream")


@routes.get("/-/healthy")
async def healthy(request: web.Request) -> web.Response:
    """Whether the daemon's loop runs; whoever reads this knows that it does."""
    return answers.json({"healthy": True})


@routes.get("/-/ready")
async def ready(request: web.Request) -> web.Response:
    """Whether webhooks can be stored and lists read; 503 with the reason where not."""
    state = await request.app[READINESS]()
    body = {"ready": state.ready, "reason": state.reason, **state.facts}
    return answers.json(body, status=200 if state.ready else 503)


async def _named(request: web.Request) -> Delivery:
    """The delivery a path names."""
    stored = await request.app[LOG].delivery(request.match_info["delivery"])
    if stored is None:
        raise NotFound("cannot find the delivery: no delivery has this id; list /api/v1/deliveries", "delivery")
    return stored
