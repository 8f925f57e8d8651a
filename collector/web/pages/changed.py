"""What changed of a draft from one moment to another, and the versions that people stated of it."""

from __future__ import annotations

from collections.abc import Sequence

from aiohttp import web

from collector.drafting.versions import Changed
from collector.errors import NotFound
from collector.web import statements, versions
from collector.web.keys import CHANGES, CLOCK
from collector.web.pages.clocks import Clock
from collector.web.pages.rendering import page
from collector.web.requests import Query

routes = web.RouteTableDef()

OPEN = 40
"""Up to how many statements stand open on the page; of more than these only those of the first section do."""


@routes.get("/incidents/{number}/changes")
async def changes(request: web.Request) -> web.Response:
    """Statement by statement what was stated then and is stated later; people's words apart from other evidence."""
    query = Query(request, "from", "to", "zone")
    clock = Clock(query.text("zone") or "UTC")
    row, app = await statements.incident(request), request.app
    now = app[CLOCK]()
    since, until = (clock.moment(query.text(name), name, now) for name in ("from", "to"))
    differences = None
    if since is not None or until is not None:
        differences = await app[CHANGES](row.number, since, until, {"zone": clock.zone, "people": "names"})
        if differences is None:
            raise NotFound(f"cannot compare drafts of incident {row.number}: nothing was known of it by then", "to")
    return page(
        request, "changes.html", clock, row=row, differences=differences, sections=_by_section(differences or ()),
        open_until=OPEN,
        since=since, until=until,
        query={name: query.text(name) or "" for name in ("from", "to")},
        versions=await versions.reviews(app, row), evidence=await versions.evidence(app, row.number),
    )  # fmt: skip


def _by_section(differences: Sequence[Changed]) -> list[tuple[str, list[Changed]]]:
    """Statements by their section, in the order in which sections come up."""
    sections: dict[str, list[Changed]] = {}
    for each in differences:
        sections.setdefault(each.section, []).append(each)
    return list(sections.items())
