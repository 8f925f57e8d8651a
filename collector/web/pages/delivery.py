"""One delivery: its receipt, its events, and its body."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec
from aiohttp import web

from collector.event import RecordedEvent, newest_revisions
from collector.log import Delivery
from collector.web import marks
from collector.web.arrived import named_delivery
from collector.web.keys import LOG, PROJECTIONS
from collector.web.pages.clocks import Clock
from collector.web.pages.deliveries import UNREAD
from collector.web.pages.rendering import page
from collector.web.requests import Query

routes = web.RouteTableDef()

SHOWN = 100
"""How many of its events are listed."""
LONGEST = 64 * 1024
"""Bytes of a body that are shown; all of it is downloaded."""


class ListedEvent(NamedTuple):
    """An event that the delivery told."""

    id: str
    event: RecordedEvent | None
    """As it stands now; None where it cannot be read."""
    stored_before: bool
    incident: int | None
    """The incident it is in now."""


@routes.get("/deliveries/{delivery}")
async def delivery(request: web.Request) -> web.Response:
    """What became of one delivery, and what it said."""
    query = Query(request, "zone")
    clock = Clock(query.text("zone") or "UTC")
    stored = await named_delivery(request)
    body = await request.app[LOG].body(stored.id)
    return page(
        request, "delivery.html", clock, delivery=stored, events=await _events_of(request.app, stored),
        left_out=max(0, len(stored.items) - SHOWN), body=None if body is None else body_text(body),
        cut=body is not None and len(body) > LONGEST, longest=LONGEST, hint=UNREAD.get(stored.status, ""),
        private=(await marks.of_deliveries(request.app, [stored])).get(stored.id),
    )  # fmt: skip


async def _events_of(app: web.Application, stored: Delivery) -> Sequence[ListedEvent]:
    """The first of its events, each as it stands now and with where it is."""
    items = stored.items[:SHOWN]
    revisions = await app[LOG].read_ids([item.event_id for item in items])
    newest = {event.id: event for event in newest_revisions(revisions)}
    incidents: Mapping[str, int | None] = {name: await _incident(app, name) for name in newest}
    return [
        ListedEvent(item.event_id, newest.get(item.event_id), item.stored_before, incidents.get(item.event_id))
        for item in items
    ]


async def _incident(app: web.Application, event: str) -> int | None:
    why = await app[PROJECTIONS].why(event)
    return why.incident if why else None


def body_text(body: bytes) -> str:
    """A body as text: JSON with its members on lines of their own, everything else as it came.

    Numbers and names stay as they were written. A long body is cut.
    """
    if len(body) <= LONGEST:
        try:
            return msgspec.json.format(body, indent=2).decode("utf-8", "replace")
        except (msgspec.DecodeError, RecursionError):
            pass
    return body[:LONGEST].decode("utf-8", "replace")
