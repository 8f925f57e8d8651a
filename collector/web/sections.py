"""What people write in a section of a postmortem: read with its ETag, replaced only by who has read the newest.

Promises: each text is an event, so that every format shows it and none is
lost; of two who write at a time, the second is told of the first (412). With
several daemons over one log this holds within each of them.
"""

from __future__ import annotations

from typing import Any

from aiohttp import web

from collector import people
from collector.errors import NotFound, Unavailable
from collector.event import RecordedEvent
from collector.projections import EventFilter, IncidentRow
from collector.times import rfc3339
from collector.web import answers, statements
from collector.web.bodies import Writing
from collector.web.keys import FOLLOWED, LIMITS, LOG, PROJECTIONS, WRITING
from collector.web.problems import Outdated, Unconditional
from collector.web.requests import MOST, Query, statement

routes = web.RouteTableDef()
ONE = "/api/v1/incidents/{number}/postmortem/{section}"


@routes.get(ONE)
async def get_section(request: web.Request) -> web.Response:
    """What a person wrote in a section, and its ETag; an empty text where nobody did."""
    Query(request)
    row = await _incident(request)
    return await _shown(request, row, await _newest(request.app, row, _section(request)))


@routes.put(ONE)
async def put_section(request: web.Request) -> web.Response:
    """Write what a section says, over exactly the text that was read."""
    said = await statement(request, Writing)
    row, section = await _incident(request), _section(request)
    fact = people.edited(
        key=said.key, by=said.body.by, stated_at=said.now, incident=row.key, field=section, value=said.body.text
    )
    async with request.app[WRITING]:
        if not await request.app[LOG].read_ids([fact.id]):
            await _check(request, row, section)
        told = await statements.store(request.app, fact)
    answer = statements.stated(told, row.number)
    newest = await _newest(request.app, row, section)
    answer.headers["ETag"] = f'"{_tag(newest)}"'
    return answer


def _section(request: web.Request) -> str:
    section = request.match_info["section"]
    if section not in people.ANSWERED:
        raise NotFound(f"cannot find the section: use one of {', '.join(people.ANSWERED)}", "section")
    return section


async def _incident(request: web.Request) -> IncidentRow:
    """The incident, once lists have taken in all that was stated before this request."""
    app = request.app
    if not await app[FOLLOWED](await app[LOG].head(), app[LIMITS].patience):
        raise Unavailable("cannot say which text is the newest: the lists lag behind the log; come again")
    return await statements.incident(request)


async def _check(request: web.Request, row: IncidentRow, section: str) -> None:
    """Raise unless the client has read the newest text."""
    held = request.if_match
    if held is None:
        raise Unconditional("cannot write the section: If-Match is missing; read the section and send its ETag")
    newest = await _newest(request.app, row, section)
    if not any(entry.value in (_tag(newest), "*") and not entry.is_weak for entry in held):
        by = f" by {newest.actor}" if newest is not None else ""
        raise Outdated(f"cannot write the section: there is a newer text{by}; read it, and write over that")


async def _newest(app: web.Application, row: IncidentRow, section: str) -> RecordedEvent | None:
    """The statement that drafts show in this section."""
    wanted, newest = EventFilter(incident=row.number, type="incident.edited", limit=MOST), None
    while page := await app[PROJECTIONS].events(wanted):
        for event in page:
            told = event.data.get("field") == section and event.amendment != "retraction"
            if told and (newest is None or _said(event) > _said(newest)):
                newest = event
        wanted = EventFilter(incident=row.number, type="incident.edited", limit=MOST, after=page[-1].position)
    return newest


def _said(event: RecordedEvent) -> tuple[int, str]:
    """Puts the newest statement last, as replay does."""
    at = event.data.get("stated_at")
    return (at if isinstance(at, int) else event.occurred_at, event.id)


def _tag(event: RecordedEvent | None) -> str:
    return "none" if event is None else f"{event.id}-{event.revision}"


async def _shown(request: web.Request, row: IncidentRow, event: RecordedEvent | None) -> web.Response:
    value = event.data.get("value") if event is not None else ""
    body: dict[str, Any] = {
        "incident": row.number,
        "section": _section(request),
        "text": value if isinstance(value, str) else "",
        "event": event.id if event is not None else None,
        "by": event.actor if event is not None else None,
        "at": rfc3339(_said(event)[0]) if event is not None else None,
    }
    headers = {**statements.moved(request, row), "Cache-Control": "private, no-cache"}
    response = answers.json(body, headers=headers)
    response.etag = _tag(event)
    held = request.if_none_match or ()
    if any(entry.value in (_tag(event), "*") for entry in held):
        return web.Response(status=304, headers={"ETag": f'"{_tag(event)}"', **headers})
    return response
