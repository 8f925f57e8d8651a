"""Taking back what was stated: a page that says what goes, and a form that has it no longer count.

Nothing is removed. Each statement gets a further revision that says who took
it back, when and why; drafts and grouping then leave it out.
"""

from __future__ import annotations

from collections.abc import Sequence

from aiohttp import web

from collector.errors import InvalidInput
from collector.event import PEOPLE, RecordedEvent, is_retracted, newest_revisions
from collector.web import amendments, statements
from collector.web.keys import CLOCK, LOG, PROJECTIONS
from collector.web.pages.clocks import Clock
from collector.web.pages.doing import MOST, read
from collector.web.pages.rendering import page
from collector.web.pages.stated import words_of
from collector.web.requests import Query

routes = web.RouteTableDef()


@routes.get("/undo")
async def ask(request: web.Request) -> web.Response:
    """What would be taken back, and the form that does it."""
    query = Query(request, "events", "zone")
    clock = Clock(query.text("zone") or "UTC")
    events = await _newest_revisions(request.app, query.text("events") or "")
    return page(
        request, "undo.html", clock, events=[(one, words_of(one)) for one in events],
        back=await _incident_address(request.app, events), gone=[one.id for one in events if is_retracted(one)],
        people=all(one.source == PEOPLE for one in events),
    )  # fmt: skip


@routes.post("/undo")
async def undo(request: web.Request) -> web.Response:
    """Take it back, and lead to where it stood."""
    app, fields = request.app, dict(reversed(await read(request)))
    found = await _newest_revisions(app, fields.get("events", ""))
    back = await _incident_address(app, found)
    for one in found:
        await amendments.take_back(
            app, one.id, key=f"{fields.get('key', '')[:100]}-{one.id}", by=fields.get("by", ""),
            reason=fields.get("reason", ""), stated_at=app[CLOCK](),
        )  # fmt: skip
    zone = fields.get("zone", "")
    query = "said=undo" + (f"&zone={Clock(zone).zone}" if zone not in ("", "UTC") else "")
    return web.Response(status=303, headers={"Location": f"{back}?{query}" if "incidents/" in back else back})


async def _newest_revisions(app: web.Application, names: str) -> list[RecordedEvent]:
    """The newest revision of each event that is named."""
    event_names = [name for name in names.replace(",", " ").split() if name]
    if not event_names or len(event_names) > MOST:
        raise InvalidInput(f"cannot take anything back: name one event, or {MOST} at most", "events")
    ids = [await statements.event_named(app, name, "events") for name in dict.fromkeys(event_names)]
    return list(newest_revisions(await app[LOG].read_ids(ids)))


async def _incident_address(app: web.Application, found: Sequence[RecordedEvent]) -> str:
    """The page of the incident that these are about: the one they are in, else the one they name."""
    for one in found:
        for event in (one.id, *(ref.removeprefix("incident:") for ref in one.refs if ref.startswith("incident:"))):
            why = await app[PROJECTIONS].why(event)
            if why is not None and why.incident is not None:
                return f"/incidents/{(await statements.follow(app, why.incident)).number}"
    return "/incidents"
