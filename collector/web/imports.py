"""Where records come in that a sender gave out afterwards: some at a time, as often as wanted.

Promises: the answer comes after the commit; what is known adds nothing. Who may
write to the API may bring records in; the source's own proof is not asked for.
"""

from __future__ import annotations

from aiohttp import web

from collector.web import answers, shapes, statements
from collector.web.keys import BRING_IN, CLOCK, INTAKE, LOG
from collector.web.problems import UnsupportedMedia
from collector.web.requests import Query, incoming

routes = web.RouteTableDef()


@routes.post("/api/v1/imports/{source}")
async def bring_in(request: web.Request) -> web.Response:
    """Take a list of records in the form that is named: 201 where any of it is new, 200 where all was known."""
    if request.content_type != "application/json":
        raise UnsupportedMedia("cannot read the body: an import takes only Content-Type application/json")
    form = Query(request, "form").text("form") or ""
    app = request.app
    encoding = request.headers.get("Content-Encoding", "")
    records = await app[INTAKE].verifier.read_body(incoming(request), encoding=encoding, length=request.content_length)
    imported = await app[BRING_IN](request.match_info["source"], form, records, app[CLOCK]())
    if imported.new:
        await statements.wait_for_lists(app, await app[LOG].head())
    result = shapes.Imported(
        delivery=imported.delivery or None,
        new=list(imported.new),
        known=imported.stored_before,
        merged=imported.merged,
        withdrawn=imported.withdrawn,
        not_understood=list(imported.not_understood),
    )
    return answers.json(result, status=201 if imported.new or imported.withdrawn else 200)
