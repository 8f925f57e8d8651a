"""Writing in a section of the postmortem, over exactly the text that was read.

Where somebody else wrote meanwhile, the answer shows both texts, and the form
is sent again over what is there now: no word of either is lost.
"""

from __future__ import annotations

from aiohttp import web

from collector import people
from collector.errors import InvalidInput, NotFound
from collector.web import sections, statements, versions
from collector.web.keys import CLOCK
from collector.web.pages.clocks import Clock
from collector.web.pages.doing import SHORT, read
from collector.web.pages.rendering import page
from collector.web.problems import Outdated

routes = web.RouteTableDef()


@routes.post("/incidents/{number}/sections/{section}")
async def write(request: web.Request) -> web.Response:
    """Write what a section says, and lead back to it."""
    section, row = request.match_info["section"], await statements.incident(request)
    if section not in people.ANSWERED:
        raise NotFound(f"cannot find the section: use one of {', '.join(people.ANSWERED)}", "section")
    fields = dict(reversed(await read(request)))
    clock, text = Clock(fields.get("zone") or "UTC"), fields.get("text", "")
    fact = people.edited(
        key=fields.get("key", "")[:100], by=fields.get("by", ""), stated_at=request.app[CLOCK](), incident=row.key,
        field=section, value=text,
    )  # fmt: skip
    try:
        item = await sections.write(request.app, row, section, fact, [fields.get("tag", "")])
    except Outdated:
        current = (await sections.texts(request.app, row)).get(section)
        return page(
            request, "conflict.html", clock, status=412, row=row, section=section, current=current,
            tag=sections.tag(current), text=text, by=fields.get("by", ""),
        )  # fmt: skip
    return _back(row.number, f"write-{section}", item.event_id, clock, f"#s-{section}")


@routes.post("/incidents/{number}/review")
async def review(request: web.Request) -> web.Response:
    """State how far the review of the postmortem is."""
    row = await statements.incident(request)
    fields = dict(reversed(await read(request)))
    if not fields.get("key"):
        raise InvalidInput("cannot take the form: its key is missing; send it again from the page", "key")
    fact = people.reviewed(
        key=fields["key"][:100], by=fields.get("by", ""), stated_at=request.app[CLOCK](), incident=row.key,
        status=fields.get("status", ""), text=fields.get("text", ""),
        evidence=await versions.evidence(request.app, row.number),
    )  # fmt: skip
    told = await statements.store(request.app, fact)
    return _back(row.number, "review", told.event_id, Clock(fields.get("zone") or "UTC"), "#draft")


def _back(number: int, said: str, event: str, clock: Clock, place: str) -> web.Response:
    zone = "" if clock.zone == "UTC" else f"&zone={clock.zone}"
    where = f"/incidents/{number}?said={said}&stated={event[-SHORT:]}{zone}{place}"
    return web.Response(status=303, headers={"Location": where})
