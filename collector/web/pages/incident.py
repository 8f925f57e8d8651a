"""One incident: its head, its picture, its timeline with the events in place, and its draft section by section."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
from aiohttp import web
from markupsafe import Markup

from collector.correlation import Membership
from collector.drafting.explaining import members_in_words
from collector.errors import NotFound
from collector.event import MINUTE, RecordedEvent, is_erased, is_retracted
from collector.people import ANSWERED, FIELDS, MARKS, REVIEWS
from collector.projections import EventFilter, IncidentRow
from collector.web import sections, statements
from collector.web.keys import CLOCK, INLAID, LOG, POSTMORTEMS, PROJECTIONS, PUBLISHING, REMARKS, ROOT
from collector.web.negotiation import MEDIA
from collector.web.pages import stated
from collector.web.pages.clocks import Clock
from collector.web.pages.rendering import page
from collector.web.pages.rows import (
    FAMILIES,
    InlaidDraft,
    PageRow,
    RowsView,
    by_arrival,
    evidence,
    linked,
    owners,
    with_actions,
)
from collector.web.pages.zooming import ends, rooms, steps
from collector.web.problems import InvalidParameter
from collector.web.requests import Query

routes = web.RouteTableDef()

HEAD = tuple(field for field in FIELDS if field not in ANSWERED)
"""What the form of the head sets."""
EACH = 100
"""How many rows a page has."""
FURTHER = 200
"""How many events beyond the timeline are named."""
SYSTEM = 200
"""How many records of the daemon's own are shown."""
REMARKED = 300
"""Up to how many rows a draft that is over shows a reviewer's remarks without being asked: they are looked for in the
whole of it."""
AROUND = 30 * MINUTE
"""How far before and after an incident such records are looked for, µs."""


class IncidentFacts(NamedTuple):
    """What a page of an incident is made of."""

    inlaid: InlaidDraft
    stating: Sequence[RecordedEvent]
    """What people stated of it."""
    why: Mapping[str, Membership]
    """Each of its events, and why it is one."""
    texts: Mapping[str, RecordedEvent]
    """Section → what people wrote in it."""


@routes.get("/incidents/{number}")
async def incident(request: web.Request) -> web.Response:
    """One incident, also as it was known at some moment; a number that was merged away leads to where it went."""
    query = Query(
        request, "zone", "order", "page", "row", "text", "kind", "system", "as_of", "at", "said", "stated", "from",
        "to", "remarks", "only", "phone", "into",
    )  # fmt: skip
    clock, now = Clock(query.text("zone") or "UTC"), request.app[CLOCK]()
    row = await statements.incident(request)
    if request.match_info["number"] != str(row.number):
        return web.Response(
            status=303, headers={"Location": f"/incidents/{row.number}?{request.rel_url.raw_query_string}"}
        )
    as_of = clock.moment(query.text("as_of"), "as_of", now)
    view = _view(query, clock, now)
    # Who works on it reads names, however drafts show people.
    options = {"zone": clock.zone, "detail": "all", "people": "names", "view": msgspec.json.encode(view).decode()}
    # What does not depend on the draft is read while that is made.
    text, stating, why, texts = await asyncio.gather(
        request.app[INLAID](row.number, as_of, options), stated.statements_of(request.app, row),
        request.app[PROJECTIONS].members(row.number), sections.texts(request.app, row),
    )  # fmt: skip
    if text is None:
        raise NotFound(f"cannot show incident {row.number}: nothing was known of it by then", "as_of")
    # In a thread, here and below: a page of a large incident must not hold up deliveries.
    inlaid = await asyncio.to_thread(msgspec.json.decode, text, type=InlaidDraft)
    return await _response(request, query, clock, row, IncidentFacts(inlaid, stating, why, texts), view)


async def _response(
    request: web.Request, query: Query, clock: Clock, row: IncidentRow, facts: IncidentFacts, view: RowsView
) -> web.Response:
    app, inlaid, stating, why = request.app, facts.inlaid, facts.stating, facts.why
    formats = [form for form in app[POSTMORTEMS] if form in MEDIA]
    order = query.one_of("order", "happened", "arrived") or "happened"
    as_of = clock.moment(query.text("as_of"), "as_of", app[CLOCK]())
    every, visible = await asyncio.to_thread(_rows, inlaid, stating, view, as_of)
    timed: Sequence[tuple[int, PageRow]] = [(each.at, each) for each in visible]
    if order == "arrived":
        timed = by_arrival(visible, await app[LOG].read_ids([name for each in visible for name in each.cites]))
    event_id = query.text("row")
    page_rows, at, last = _page(timed, event_id, query.number("page"))
    owner = owners(page_rows, event_id)
    names = list(owner)
    revisions = await app[LOG].read_ids(names)
    why = await members_in_words(app[PROJECTIONS], revisions, why)
    events = await asyncio.to_thread(evidence, revisions, why)
    cited = {name for each in every for name in each.cites}
    further = sorted(set(why) - cited)
    system = await _system(request, row) if query.one_of("system", "1") else None
    pictures = {
        name: Markup(linked(picture, owner, f"{app[ROOT]}/events/"))  # noqa: S704 - drawn by ours, every text in it escaped
        for name, picture in inlaid.pictures.items()
    }
    only = query.one_of("only", "view", "picture")
    remarked = query.one_of("remarks", "1", "0") or ("1" if row.status != "open" and len(every) <= REMARKED else "0")
    remarks = await _remarks(app, row, clock) if remarked == "1" and not query.text("as_of") else None
    statement_rows = [
        (each, stated.stated_at(each), *stated.words_of(each), _end_of_statement(each)) for each in stating
    ]
    return await asyncio.to_thread(
        page, request, "incident.html", clock, row=row, draft=inlaid.draft, short=inlaid.short, order=order,
        text=view.text, kind=view.kind, since=view.since, until=view.until, kinds=FAMILIES,
        zoom=steps([each.at for each in every], view.since, view.until), ends=ends([each.at for each in every]),
        timed=page_rows, total=len(visible), every=len(every), at=at, last=last, wanted=event_id, events=events,
        owner=owner,
        further=further[:FURTHER], further_count=len(further), further_most=FURTHER, system=system, pictures=pictures,
        as_of=query.text("as_of"), noted_at=query.text("at") or "", said=query.text("said"),
        stated=query.text("stated"), into=query.number("into"), statements=statement_rows, marks=MARKS, fields=HEAD,
        formats=formats,
        remarks=remarks, publishes=bool(app[PUBLISHING].targets),
        rooms=rooms(pictures), only=only, answered=ANSWERED, texts=facts.texts, tag_of=sections.tag, reviews=REVIEWS,
    )  # fmt: skip


def _view(query: Query, clock: Clock, now: int) -> RowsView:
    since, until = (clock.moment(query.text(name), name, now) for name in ("from", "to"))
    if since is not None and until is not None and since >= until:
        raise InvalidParameter("cannot read the request: from is not before to; name the earlier time first", "from")
    # A script that asks for what the view changes shows one picture, and says so where it is the one for a phone.
    narrow = query.text("only") is None or query.text("phone") == "1"
    text, kind = query.text("text") or "", query.one_of("kind", *FAMILIES) or ""
    return RowsView(since=since, until=until, text=text, kind=kind, narrow=narrow)


def _rows(
    inlaid: InlaidDraft, stating: Sequence[RecordedEvent], view: RowsView, as_of: int | None
) -> tuple[list[PageRow], list[PageRow]]:
    """All rows of the timeline, those of follow-up actions included, and those of them that the view shows."""
    rows = inlaid.rows
    actions = [
        each for each in stating
        if each.type == "action.added" and not _end_of_statement(each) and (as_of is None or each.received_at <= as_of)
    ]  # fmt: skip
    every = with_actions(rows, actions, RowsView())
    return every, with_actions([rows[place] for place in inlaid.passing], actions, view)


async def _remarks(app: web.Application, row: IncidentRow, clock: Clock) -> Mapping[str, Sequence[Mapping[str, Any]]]:
    """What a reviewer would remark on the draft, by section."""
    text = await app[REMARKS](row.number, None, {"zone": clock.zone, "people": "names"})
    by_section: dict[str, list[Mapping[str, Any]]] = {}
    for each in msgspec.json.decode(text or "[]"):
        by_section.setdefault(each["section"], []).append(each)
    return by_section


def _end_of_statement(event: RecordedEvent) -> str:
    """Whether a statement no longer counts, and by what."""
    return "erased" if is_erased(event) else "retracted" if is_retracted(event) else ""


def _page(
    timed: Sequence[tuple[int, PageRow]], event_id: str | None, number: int | None
) -> tuple[Sequence[tuple[int, PageRow]], int, int]:
    """The rows of a page, its number, and the last page's: the page that was asked for, or that has an event's row."""
    last = max(1, -(-len(timed) // EACH))
    place = next((index for index, (_, row) in enumerate(timed) if event_id in row.cites), None)
    at = min(max(1, number or 1), last) if place is None else place // EACH + 1
    return timed[(at - 1) * EACH : at * EACH], at, last


async def _system(request: web.Request, row: IncidentRow) -> list[RecordedEvent]:
    """What the daemon recorded of itself and of its sources around the incident: starts, stops, refusals, gaps."""
    until = max(row.ended_at or 0, row.last_at) + AROUND
    events: list[RecordedEvent] = []
    for family in ("collector.*", "source.*", "delivery.*"):
        wanted = EventFilter(type=family, since=row.started_at - AROUND, until=until, limit=SYSTEM)
        events += await request.app[PROJECTIONS].events(wanted)
    return sorted(events, key=lambda event: (event.occurred_at, event.position))


@routes.get("/events/{event}")
async def event(request: web.Request) -> web.Response:
    """One event in its surroundings: the row of its incident that has it, or by itself where it is in none."""
    query = Query(request, "zone")
    clock = Clock(query.text("zone") or "UTC")
    name = await statements.event_named(request.app, request.match_info["event"], "event")
    why = await request.app[PROJECTIONS].why(name)
    if why is not None and why.incident is not None:
        zone = "" if clock.zone == "UTC" else f"&zone={clock.zone}"
        place = f"/incidents/{why.incident}?row={name}{zone}#e-{name}"
        return web.Response(status=303, headers={"Location": place})
    event_row = evidence(await request.app[LOG].read_ids([name]), {})[name]
    repeats = (await request.app[LOG].repeats([name])).get(name)
    private = (await request.app[PROJECTIONS].private_events([name])).get(name)
    return page(
        request, "event.html", clock, row=event_row, why=why.reason if why else "", repeats=repeats, private=private
    )  # fmt: skip
