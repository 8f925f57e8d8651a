"""Publishing a postmortem from its page: what would change there is shown first, and what was published is listed."""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import web

from collector.projections import IncidentRow
from collector.publishing.publisher import Asking, Published
from collector.web import statements
from collector.web.keys import CLOCK, PUBLISHING
from collector.web.pages.clocks import Clock
from collector.web.pages.doing import read
from collector.web.pages.rendering import page
from collector.web.requests import Query

routes = web.RouteTableDef()
ONE = "/incidents/{number}/publish"


@routes.get(ONE)
async def ask(request: web.Request) -> web.Response:
    """Where it can be published, and what was published of it."""
    query = Query(request, "zone", "said")
    row = await statements.incident(request)
    return await _response(request, row, Clock(query.text("zone") or "UTC"), outcome=query.text("said") or "")


@routes.post(ONE)
async def publish(request: web.Request) -> web.Response:
    """Publish it, or show what that would change."""
    row = await statements.incident(request)
    fields = dict(reversed(await read(request)))
    clock = Clock(fields.get("zone") or "UTC")
    request_values = Asking(
        number=row.number, incident=row.key, target=fields.get("target", ""), key=fields.get("key", "")[:100],
        by=fields.get("by", ""), now=request.app[CLOCK](), issue=fields.get("issue", ""),
        dry_run=fields.get("what") != "publish", replace=fields.get("replace") == "yes",
    )  # fmt: skip
    published = await request.app[PUBLISHING].publish(request_values)
    if request_values.dry_run:
        return await _response(request, row, clock, published=published, fields=fields)
    zone = "" if clock.zone == "UTC" else f"&zone={clock.zone}"
    return web.Response(
        status=303, headers={"Location": f"/incidents/{row.number}/publish?said={published.outcome}{zone}#published"}
    )  # fmt: skip


async def _response(
    request: web.Request, row: IncidentRow, clock: Clock, *, published: Published | None = None,
    fields: Mapping[str, str] | None = None, outcome: str = "",
) -> web.Response:  # fmt: skip
    publisher = request.app[PUBLISHING]
    # The newest first: whoever has just published looks for that one.
    publications = [*reversed(await publisher.publications(row.number))]
    return page(
        request, "publish.html", clock, row=row, targets=publisher.targets, published=published, fields=fields or {},
        outcome=outcome,
        publications=publications,
    )  # fmt: skip
