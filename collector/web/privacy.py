"""Who may read of an incident: stated here, held to wherever lists and log are read."""

from __future__ import annotations

from aiohttp import web

from collector import people
from collector.projections.privacy import READER
from collector.web import statements
from collector.web.keys import PROJECTIONS
from collector.web.payloads import RestrictionBody
from collector.web.problems import NotAllowed
from collector.web.requests import statement

routes = web.RouteTableDef()


@routes.post("/api/v1/incidents/{number}/private")
async def restrict(request: web.Request) -> web.Response:
    """Say which group alone may read of it, or that everybody may."""
    received, row = await statement(request, RestrictionBody), await statements.incident(request)
    group, reader = received.body.group, READER.get()
    if group and reader is not None and group not in reader:
        raise NotAllowed(
            f"cannot make incident {row.number} private to {group}: your token is not in that group; name one that it "
            "is in (api.tokens)"
        )
    # What was made private under other events, before incidents became one, is to be said of those, too.
    private = await request.app[PROJECTIONS].private()
    keys = dict.fromkeys((row.key, *private.keys.get(row.number, ())))
    numbers = sorted({row.number, *private.numbers.get(row.number, ())})
    facts = [
        people.restricted(
            key=received.key if at == 0 else f"{received.key} {at}", by=received.body.by, stated_at=received.now,
            incident=key,
            group=group, numbers=numbers,
        )
        for at, key in enumerate(keys)
    ]  # fmt: skip
    told = await statements.store_all(request.app, facts)
    return statements.stated(told[0], row.number)
