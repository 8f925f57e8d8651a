"""What an operator asks: what is firing, what arrived, and whether the daemon is well."""

from __future__ import annotations

import re

import msgspec
from aiohttp import web

from collector.errors import InvalidInput, InvalidSettings, NotFound, Unavailable
from collector.log import Delivery
from collector.projections import SignalRow
from collector.telemetry.refusals import RefusedRow
from collector.times import rfc3339
from collector.web import answers, marks, refused, shapes
from collector.web.arrived import arrived, named_delivery
from collector.web.keys import INTAKE, LOG, PROJECTIONS, READINESS, REFUSALS, RELOAD
from collector.web.paging import page, paged
from collector.web.problems import InvalidParameter, NotEnabled
from collector.web.requests import Query

routes = web.RouteTableDef()


@routes.get("/api/v1/signals")
async def list_signals(request: web.Request) -> web.Response:
    """What is firing or unacknowledged now, by when it began."""
    query = Query(request, "after", "limit")
    limit, after = query.limit(100), query.text("after")

    async def fetch(following: str | None, count: int) -> list[SignalRow]:
        return await request.app[PROJECTIONS].signals(_start_and_event(following or after), limit=count)

    return await page(request, "signals", fetch, limit, answers.signal, "after", lambda row: f"{row.since}-{row.event}")


def _start_and_event(cursor: str | None) -> tuple[int, str] | None:
    """The start and the event that a cursor of signals names."""
    if cursor is None:
        return None
    start, _, event = cursor.partition("-")
    if not re.fullmatch(r"[0-9]{1,18}-[0-9a-f]{32}", cursor):
        raise InvalidParameter("cannot read the request: after is no cursor of this list; take it from next", "after")
    return int(start), event


@routes.get("/api/v1/sources")
async def list_sources(request: web.Request) -> web.Response:
    """Each source with what became of its last deliveries, and when it was heard last."""
    Query(request)
    kinds, arrivals = request.app[INTAKE].sources, await arrived(request.app)
    listed = [
        shapes.SourceCounts(
            source=name,
            kind=kinds[name].kind if name in kinds else None,
            received=counts.stored + arrivals.refused.get(name, 0),
            stored=counts.stored,
            repeats=counts.repeats,
            set_aside=counts.set_aside,
            unrecognised=counts.unrecognised,
            malformed=counts.malformed,
            refused=arrivals.refused.get(name, 0),
            last_received_at=None if counts.last_at is None else rfc3339(counts.last_at),
        )
        for name, counts in sorted(arrivals.sources.items())
    ]
    not_listed = f"what was refused: {arrivals.not_read}" if arrivals.not_read else msgspec.UNSET
    since = rfc3339(arrivals.since) if arrivals.since else None
    return answers.json(
        shapes.SourceList(sources=listed, deliveries=arrivals.looked, since=since, not_listed=not_listed)
    )


@routes.get("/api/v1/deliveries")
async def list_deliveries(request: web.Request) -> web.Response:
    """What arrived, newest first."""
    query = Query(request, "source", "status", "before", "limit")
    limit, status = query.limit(50), query.one_of("status", "read", "unrecognised", "malformed", "refused", "redacted")
    source, before = query.text("source"), query.text("before")
    if status == "refused":
        return await _refused(request, source, query.number("before"), limit)
    if status is None:
        return await _with_refused(request, source, before, limit)

    private: dict[str, str] = {}

    async def fetch(following: str | None, count: int) -> list[Delivery]:
        place = following or before
        found = await request.app[LOG].deliveries(source=source, status=status, before=place, limit=count)
        private.update(await marks.of_deliveries(request.app, found))
        return found

    def marked(stored: Delivery) -> shapes.Delivery:
        return answers.delivery(stored, private)

    return await page(request, "deliveries", fetch, limit, marked, "before", lambda stored: stored.id)


async def _refused(request: web.Request, source: str | None, before: int | None, limit: int) -> web.Response:
    """What was refused alone; ``before`` is a position."""
    app = request.app

    async def fetch(following: str | None, count: int) -> list[tuple[RefusedRow, int]]:
        cursor = before if following is None else int(following)
        return await refused.refused(app[REFUSALS], app[PROJECTIONS], source=source, before=cursor, limit=count)

    return await page(request, "deliveries", fetch, limit, refused.refused_row, "before", lambda row: str(row[1]))


async def _with_refused(request: web.Request, source: str | None, before: str | None, limit: int) -> web.Response:
    """A page of deliveries, with what was refused in the time that it is about between them."""
    app = request.app
    stored_deliveries = await app[LOG].deliveries(source=source, before=before, limit=limit + 1)
    last = await app[LOG].delivery(before) if before else None
    since = stored_deliveries[limit - 1].received_at if len(stored_deliveries) > limit else None
    until, more = last.received_at if last else None, {}
    try:
        rows = await refused.refused(app[REFUSALS], app[PROJECTIONS], source=source, since=since, until=until)
    except Unavailable as error:
        # What arrived is in the log, and is shown whatever becomes of the lists.
        rows, more = [], {"not_listed": f"what was refused: {error}"}
    private = await marks.of_deliveries(app, stored_deliveries[:limit])
    timed: list[tuple[int, object]] = [
        (stored.received_at, answers.delivery(stored, private)) for stored in stored_deliveries[:limit]
    ]
    timed += [(row[0].last_at, refused.refused_row(row)) for row in rows]
    timed.sort(key=lambda row: row[0], reverse=True)
    following = stored_deliveries[limit - 1].id if len(stored_deliveries) > limit else None
    return await paged(request, "deliveries", [row for _, row in timed], "before", following, more)


@routes.get("/api/v1/deliveries/{delivery}")
async def get_delivery(request: web.Request) -> web.Response:
    """One delivery: its headers, and what became of it."""
    Query(request)
    stored = await named_delivery(request)
    return answers.json(answers.delivery(stored, await marks.of_deliveries(request.app, [stored])))


@routes.get("/api/v1/deliveries/{delivery}/body")
async def get_body(request: web.Request) -> web.Response:
    """The raw bytes, as a file that no browser shows."""
    Query(request)
    stored = await named_delivery(request)
    body = await request.app[LOG].body(stored.id)
    if body is None:
        raise NotFound(f"cannot read the body of delivery {stored.id}: its content was erased", "delivery")
    name = "".join(character for character in stored.id if character.isascii() and character.isalnum())
    attachment = {"Content-Disposition": f'attachment; filename="delivery-{name}.bin"'}
    return web.Response(body=body, headers=attachment, content_type="application/octet-stream")


@routes.get("/-/healthy")
async def healthy(request: web.Request) -> web.Response:
    """Whether the daemon's loop runs; whoever reads this knows that it does."""
    return answers.json(shapes.Healthy(healthy=True))


@routes.get("/-/ready")
async def ready(request: web.Request) -> web.Response:
    """Whether webhooks can be stored and lists read; 503 with the reason where not."""
    state = await request.app[READINESS]()
    return answers.json(shapes.Ready(state.ready, state.reason, **state.facts), status=200 if state.ready else 503)


@routes.post("/-/reload")
async def reload(request: web.Request) -> web.Response:
    """Take a changed configuration in: all of it, or nothing and why."""
    Query(request)
    reload_all = request.app[RELOAD]
    if reload_all is None:
        raise NotEnabled("cannot reload here: web.enable_lifecycle is off; send the process SIGHUP, or set it")
    try:
        await reload_all()
    except InvalidSettings as error:
        raise InvalidInput(str(error)) from error
    return answers.json(shapes.Reloaded(reloaded=True))
