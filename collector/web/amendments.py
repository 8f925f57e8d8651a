"""What a person changes about an event: the next revision of it, and the drafts that show it.

Promises: the answer comes after the commit; the same ``Idempotency-Key`` amends
once, and with something else to say it is refused; two people who amend one
event at once both do, one after the other.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from itertools import pairwise
from typing import Any

from aiohttp import web

from collector import people
from collector.errors import InvalidInput
from collector.event import Event, RecordedEvent
from collector.log import ReceiptItem
from collector.people import amendments
from collector.web import statements
from collector.web.keys import CLOCK, INTAKE, LOG, PROJECTIONS, REDRAW
from collector.web.payloads import AmendmentBody, CorrectionBody
from collector.web.requests import Statement, moment, statement

routes = web.RouteTableDef()
ONE = "/api/v1/events/{event}"

Amend = Callable[[Event], Event]
"""An event as it stands → its next revision."""


@routes.post(ONE + "/correct")
async def correct(request: web.Request) -> web.Response:
    """Say what an event should have said."""
    received = await statement(request, CorrectionBody)
    fields = _fields(received.body)

    def amend(event: Event) -> Event:
        return amendments.corrected(event, **_common(received), fields=fields, clear=received.body.clear)

    return await _amended(request, received.key, amend)


@routes.post(ONE + "/retract")
async def retract(request: web.Request) -> web.Response:
    """Say that an event does not count."""
    received = await statement(request, AmendmentBody)

    async def before(name: str) -> None:
        await _keep_private(request.app, name, key=received.key, by=received.body.by, stated_at=received.now)

    return await _amended(request, received.key, lambda event: amendments.retracted(event, **_common(received)), before)


async def take_back(app: web.Application, name: str, *, key: str, by: str, reason: str, stated_at: int) -> None:
    """Say that an event does not count, and have the drafts written again that show it."""

    def amend(event: Event) -> Event:
        return amendments.retracted(event, key=key, by=by, reason=reason, stated_at=stated_at)

    await _keep_private(app, name, key=key, by=by, stated_at=stated_at)
    await _amend(app, name, key, amend)


async def _keep_private(app: web.Application, name: str, *, key: str, by: str, stated_at: int) -> None:
    """Say, before an event counts no longer and so is in no incident, that it stays as private as its incident is."""
    lists = app[PROJECTIONS]
    why = await lists.why(name) if await lists.private_events([name]) else None
    if why is None or why.incident is None:
        return
    row = await statements.follow(app, why.incident)
    fact = people.kept_private(
        key=f"{key} private {name}", by=by, stated_at=stated_at, incident=row.key, event=name, number=row.number
    )
    await statements.store(app, fact)


def _common(said: Statement[Any]) -> dict[str, Any]:
    return {"key": said.key, "by": said.body.by, "reason": said.body.reason, "stated_at": said.now}


def _fields(body: CorrectionBody) -> dict[str, Any]:
    """The fields that are corrected, each as the event holds it."""
    changes: dict[str, Any] = {name: getattr(body, name) for name in amendments.CORRECTABLE}
    if body.occurred_at is not None:
        changes["occurred_at"] = moment(body.occurred_at, "occurred_at")
    return {name: value for name, value in changes.items() if value is not None}


async def _amended(
    request: web.Request, key: str, amend: Amend, before: Callable[[str], Awaitable[None]] | None = None
) -> web.Response:  # fmt: skip
    app = request.app
    name = await statements.event_named(app, request.match_info["event"], "event")
    if before is not None:
        await before(name)
    told = await _amend(app, name, key, amend)
    why = await app[PROJECTIONS].why(name)
    return statements.stated(told, why.incident if why else None)


async def _amend(app: web.Application, name: str, key: str, amend: Amend) -> ReceiptItem:
    """Append the next revision of an event, and wait until lists and drafts show it."""
    item = await _store(app, name, amendments.statement_of(key), amend)
    await statements.wait_for_lists(app, item.position)
    await app[REDRAW]((name,))
    return item


async def _store(app: web.Application, name: str, key: str, amend: Amend) -> ReceiptItem:
    """Append the next revision; where somebody else's came first, the one after it."""
    while True:
        revisions = await app[LOG].read_ids([name])
        if (known := _earlier_item(revisions, key, amend)) is not None:
            return known
        receipt = await app[INTAKE].amend(amend(revisions[-1]), app[CLOCK]())
        if not receipt.items[0].stored_before:
            return receipt.items[0]


def _earlier_item(revisions: list[RecordedEvent], key: str, amend: Amend) -> ReceiptItem | None:
    """The revision that this very command made already; a key that said something else is refused."""
    for before, revision in pairwise(revisions):
        if revision.data.get("statement") != key:
            continue
        if not amendments.same_statement(_plain(amend(before)), _plain(revision)):
            raise InvalidInput(
                "cannot amend the event: its Idempotency-Key was used for another statement; take a new key",
                "Idempotency-Key",
            )
        return ReceiptItem(event_id=revision.id, position=revision.position, stored_before=True)
    return None


def _plain(event: Event) -> Event:
    return Event(**{name: getattr(event, name) for name in Event.__struct_fields__})
