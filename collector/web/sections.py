"""What people write in a section of a postmortem: read with its ETag, replaced only by who has read the newest.

Promises: each text is an event, so that every format shows it and none is
lost; of two who write at a time, the second is told of the first (412). With
several daemons over one log this holds within each of them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from aiohttp import web

from collector import people
from collector.errors import NotFound, Unavailable
from collector.event import Event, RecordedEvent
from collector.log import ReceiptItem
from collector.projections import EventFilter, IncidentRow
from collector.times import rfc3339
from collector.web import answers, shapes, statements
from collector.web.keys import FOLLOWED, LIMITS, LOG, PROJECTIONS, WRITING
from collector.web.payloads import WritingBody
from collector.web.problems import Outdated, Unconditional
from collector.web.requests import MOST, Query, statement

routes = web.RouteTableDef()
ONE = "/api/v1/incidents/{number}/postmortem/{section}"


@routes.get(ONE)
async def get_section(request: web.Request) -> web.Response:
    """What a person wrote in a section, and its ETag; an empty text where nobody did."""
    Query(request)
    row = await _incident(request)
    return await _response(request, row, await _newest(request.app, row, _section(request)))


@routes.put(ONE)
async def put_section(request: web.Request) -> web.Response:
    """Write what a section says, over exactly the text that was read."""
    received = await statement(request, WritingBody)
    row, section = await _incident(request), _section(request)
    fact = people.edited(
        key=received.key,
        by=received.body.by,
        stated_at=received.now,
        incident=row.key,
        field=section,
        value=received.body.text,
    )
    held = request.if_match
    tags = None if held is None else [entry.value for entry in held if not entry.is_weak]
    told = await write(request.app, row, section, fact, tags)
    answer = statements.stated(told, row.number)
    newest = await _newest(request.app, row, section)
    answer.headers["ETag"] = f'"{tag(newest)}"'
    return answer


async def write(
    app: web.Application, row: IncidentRow, section: str, fact: Event, tags: Collection[str] | None
) -> ReceiptItem:
    """Store what a section says, over the text that one of ``tags`` names, or ``*`` over any.

    Raises :class:`Outdated` where there is a newer one, and :class:`Unconditional` without tags. A fact that is on
    record already is answered as known.
    """
    async with app[WRITING]:
        if not await app[LOG].read_ids([fact.id]):
            await _check(app, row, section, tags)
        return await statements.store(app, fact)


async def texts(app: web.Application, row: IncidentRow) -> Mapping[str, RecordedEvent]:
    """The statement that drafts show in each section in which people wrote."""
    event_filter, newest = (
        EventFilter(incident=row.number, type="incident.edited", limit=MOST),
        dict[str, RecordedEvent](),
    )
    while page := await app[PROJECTIONS].events(event_filter):
        for event in page:
            section = event.data.get("field")
            if isinstance(section, str) and event.amendment != "retraction":
                known = newest.get(section, event)
                newest[section] = max(known, event, key=_order)
        event_filter = EventFilter(incident=row.number, type="incident.edited", limit=MOST, after=page[-1].position)
    return newest


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


async def _check(app: web.Application, row: IncidentRow, section: str, tags: Collection[str] | None) -> None:
    """Raise unless the client has read the newest text."""
    if tags is None:
        raise Unconditional("cannot write the section: If-Match is missing; read the section and send its ETag")
    newest = await _newest(app, row, section)
    if not {tag(newest), "*"}.intersection(tags):
        by = f" by {newest.actor}" if newest is not None else ""
        raise Outdated(f"cannot write the section: there is a newer text{by}; read it, and write over that")


async def _newest(app: web.Application, row: IncidentRow, section: str) -> RecordedEvent | None:
    """The statement that drafts show in this section."""
    return (await texts(app, row)).get(section)


def _order(event: RecordedEvent) -> tuple[int, str]:
    """Puts the newest statement last, as replay does."""
    at = event.data.get("stated_at")
    return (at if isinstance(at, int) else event.occurred_at, event.id)


def tag(event: RecordedEvent | None) -> str:
    """The name of a text, for whoever writes over it; ``none`` where nobody wrote."""
    return "none" if event is None else f"{event.id}-{event.revision}"


async def _response(request: web.Request, row: IncidentRow, event: RecordedEvent | None) -> web.Response:
    value = event.data.get("value") if event is not None else ""
    body = shapes.Section(
        incident=row.number,
        section=_section(request),
        text=value if isinstance(value, str) else "",
        event=event.id if event is not None else None,
        by=event.actor if event is not None else None,
        at=rfc3339(_order(event)[0]) if event is not None else None,
    )
    headers = {**statements.moved(request, row), "Cache-Control": "private, no-cache"}
    response = answers.json(body, headers=headers)
    response.etag = tag(event)
    held = request.if_none_match or ()
    if any(entry.value in (tag(event), "*") for entry in held):
        return web.Response(status=304, headers={"ETag": f'"{tag(event)}"', **headers})
    return response
