"""The logs that the daemon serves, and lists of all of them at once.

A row says which log it is of. Everything else that is asked of a log with a name is asked beneath ``/logs/NAME``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec
from aiohttp import web

from collector.event import RecordedEvent
from collector.projections import EventFilter, IncidentRow, Projections
from collector.web import answers, shapes
from collector.web.incidents import STATUSES
from collector.web.keys import LOGS, READINESS, OneLog
from collector.web.merged import MergedPage, merged
from collector.web.paging import paged
from collector.web.requests import Query

routes = web.RouteTableDef()


@routes.get("/api/v1/logs")
async def list_logs(request: web.Request) -> web.Response:
    """The logs that this daemon serves, and whether deliveries can be stored in each."""
    Query(request)
    return answers.json(shapes.Logs(logs=list(await asyncio.gather(*map(_stands, request.app[LOGS]())))))


async def _stands(log: OneLog) -> shapes.Log:
    state = await log.app[READINESS]()
    return shapes.Log(
        name=log.name, path=log.path, ready=state.ready, reason=state.reason, position=state.facts.get("position"),
    )  # fmt: skip


@routes.get("/api/v1/logs/incidents")
async def list_incidents(request: web.Request) -> web.Response:
    """Incidents of all logs, by when they began, newest first."""
    query = Query(request, "status", "service", "since", "until", "limit", "cursor")
    limit = query.limit(50)
    merged_rows = await merged_incidents(
        request.app[LOGS](), query.text("cursor"), limit, status=query.one_of("status", *STATUSES),
        service=query.text("service"), since=query.moment("since"), until=query.moment("until"),
    )  # fmt: skip
    rows = [_of(each.log, shapes.LogIncident, answers.incident(each.row)) for each in merged_rows.rows]
    return await paged(request, "incidents", rows, "cursor", merged_rows.following, _not_listed(merged_rows))


async def merged_incidents(
    logs: Sequence[OneLog], cursor: str | None, limit: int, **filters: object
) -> MergedPage[IncidentRow]:  # fmt: skip
    """A page of the incidents of all logs, the newest first; ``filters`` is as :meth:`Projections.incidents` "
    "takes it."""

    async def fetch(lists: Projections, before: int | None, count: int) -> list[IncidentRow]:
        return await lists.incidents(before=before, limit=count, **filters)  # type: ignore[arg-type]

    return await merged(logs, cursor, limit, fetch, lambda row: row.number, lambda row: -row.started_at)


@routes.get("/api/v1/logs/events")
async def list_events(request: web.Request) -> web.Response:
    """Events of all logs, by when they were received."""
    query = Query(
        request, "source", "type", "service", "entity", "since", "until", "order", "limit", "cursor",
    )  # fmt: skip
    limit, newest_first = query.limit(100), query.one_of("order", "asc", "desc") == "desc"
    event_filter = EventFilter(
        source=query.text("source"), type=query.text("type"), service=query.text("service"),
        entity=query.text("entity"), since=query.moment("since"), until=query.moment("until"),
        newest_first=newest_first,
    )  # fmt: skip
    private: dict[tuple[int, str], str] = {}

    async def fetch(lists: Projections, place: int | None, count: int) -> list[RecordedEvent]:
        bound = {"before": place} if newest_first else {"after": place or 0}
        events = await lists.events(msgspec.structs.replace(event_filter, limit=count, **bound))
        marks = await lists.private_events([event.id for event in events])
        private.update({(id(event), event.id): marks[event.id] for event in events if event.id in marks})
        return events

    sign = -1 if newest_first else 1
    page = await merged(
        request.app[LOGS](), query.text("cursor"), limit, fetch, lambda event: event.position,
        lambda event: sign * event.received_at,
    )  # fmt: skip
    rows = [
        _of(each.log, shapes.LogEvent, answers.event(each.row, private.get((id(each.row), each.row.id))))
        for each in page.rows
    ]
    return await paged(request, "events", rows, "cursor", page.following, _not_listed(page))


def _of(log: OneLog, shape: type[shapes.Shape], row: shapes.Shape) -> shapes.Shape:
    return shape(log=log.name, **msgspec.structs.asdict(row))


def _not_listed(page: MergedPage[IncidentRow] | MergedPage[RecordedEvent]) -> dict[str, object]:
    return {"not_listed": page.away} if page.away else {}
