"""What a person states, stored as one fact and answered once lists show it.

Promises: the answer comes after the commit; the same ``Idempotency-Key``
states one fact however often it is sent, and with something else to say it is
refused; a follower that lags makes an answer later, by two seconds at most,
and never an error.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from aiohttp import web

from collector.errors import InvalidInput, NotFound, Unavailable
from collector.event import Event
from collector.log import ReceiptItem
from collector.people import citations
from collector.projections import IncidentRow
from collector.web import answers, shapes
from collector.web.keys import CLOCK, FOLLOWED, INTAKE, LIMITS, LOG, PROJECTIONS
from collector.web.problems import Ambiguous
from collector.web.requests import LATEST, whole

_OF_THE_MOMENT = frozenset({"stated_at", "into", "from", "evidence", "number", "numbers"})
"""Data of a statement that tell how things were when it was sent, and not what was said."""


async def record(request: web.Request, fact: Event, number: int, former_end: int | None = None) -> web.Response:
    """Store what was stated about an incident, and answer with where it stands now.

    ``former_end`` is when it had ended, µs, where what is stated is another end of it.
    """
    told = await store(request.app, fact)
    row = await follow(request.app, number)
    return stated(told, row.number, None if told.stored_before else former_end)


async def record_opening(request: web.Request, fact: Event, separate: Callable[..., Event] | None) -> web.Response:
    """Store a report, and answer with the incident it opened or joined; ``null`` while that is not known.

    ``separate`` makes the statement that it is an incident of its own, which is stored where it joined one.
    """
    item = await store(request.app, fact)
    why = await request.app[PROJECTIONS].why(item.event_id)
    if separate is not None:
        if why is None:
            raise Unavailable("recorded, and not grouped yet; send it again with the same Idempotency-Key")
        row = None if why.incident is None else await follow(request.app, why.incident)
        if row is not None and row.key != item.event_id:
            await store(request.app, separate(incident=row.key, events=[item.event_id], number=row.number))
            why = await request.app[PROJECTIONS].why(item.event_id)
    return stated(item, why.incident if why else None)


async def record_about(request: web.Request, fact: Event, event: str) -> web.Response:
    """Store what was stated, and answer with the incident that an event is in now; ``null`` where it is in none."""
    told = await store(request.app, fact)
    why = await request.app[PROJECTIONS].why(event)
    return stated(told, why.incident if why else None)


def stated(item: ReceiptItem, number: int | None, former_end: int | None = None) -> web.Response:
    """201 for a new fact, 200 for one that was stated before."""
    location_header = {"Location": f"/api/v1/events/{item.event_id}"}
    return answers.json(
        shapes.Stated(item.event_id, item.position, item.stored_before, number, answers.time(former_end)),
        status=200 if item.stored_before else 201,
        headers=location_header,
    )


async def store(app: web.Application, fact: Event) -> ReceiptItem:
    """Append a person's fact and wait, within bounds, until lists show it."""
    [told] = await store_all(app, (fact,))
    return told


async def store_all(app: web.Application, facts: Sequence[Event]) -> Sequence[ReceiptItem]:
    """Append several facts of one person, all or none, and wait as :func:`store` does."""
    receipt = await app[INTAKE].append_facts(facts, app[CLOCK]())
    for told, fact in zip(receipt.items, facts, strict=True):
        if told.stored_before:
            await _refuse_another(app, fact)
    await wait_for_lists(app, max(told.position for told in receipt.items))
    return receipt.items


async def incident(request: web.Request) -> IncidentRow:
    """The incident a request's path names, also by a number that was merged away."""
    return await follow(request.app, whole(request.match_info["number"], "number", most=LATEST))


async def follow(app: web.Application, number: int) -> IncidentRow:
    """The incident a number leads to now."""
    row = await app[PROJECTIONS].incident(number)
    numbers = {number}
    # A circle of merges should never be; where there is one, it ends where it began.
    while row is not None and row.merged_into is not None and row.merged_into not in numbers:
        numbers.add(row.merged_into)
        row = await app[PROJECTIONS].incident(row.merged_into)
    if row is None:
        raise NotFound(f"cannot find incident {number}: no incident has this number; list /api/v1/incidents", "number")
    return row


async def event_named(app: web.Application, text: str, name: str) -> str:
    """The one event that an id, a citation or a position names, as a person writes it."""
    cited = citations.read(text)
    ids = await app[PROJECTIONS].resolve_id(cited.digits) if cited else []
    if cited and cited.incident is not None:
        row = await follow(app, cited.incident)
        ids = [one for one in ids if (why := await app[PROJECTIONS].why(one)) and why.incident == row.number]
    if not ids:
        raise NotFound(citations.missing(text), name)
    if len(ids) > 1:
        raise Ambiguous(f"cannot tell which event is meant: {', '.join(ids[:10])}; give more digits", name)
    return ids[0]


def moved(request: web.Request, row: IncidentRow) -> Mapping[str, str]:
    """Where a number leads that was merged away, as a header; nothing for one that was not."""
    if request.match_info["number"] == str(row.number):
        return {}
    return {"Link": f'</api/v1/incidents/{row.number}>; rel="canonical"'}


async def wait_for_lists(app: web.Application, position: int) -> None:
    """Wait until the lists have taken a position in. The fact is stored already: whatever fails here is no error."""
    with suppress(Unavailable):
        await app[FOLLOWED](position, app[LIMITS].patience)


async def _refuse_another(app: web.Application, fact: Event) -> None:
    """Refuse a key that was used to say something else."""
    [first, *_] = await app[LOG].read_ids([fact.id])
    if (
        not _is_same_time(first, fact)
        or _gist(first) != _gist(fact)
        or await _incidents(app, first) != await _incidents(app, fact)
    ):
        raise InvalidInput(
            "cannot record the statement: its Idempotency-Key was used for another one; take a new key",
            "Idempotency-Key",
        )


def _is_same_time(first: Event, fact: Event) -> bool:
    """Whether two requests name one time. What is sent again is sent later: what was said to be now, or to be so long
    ago, is so still."""
    return first.occurred_at == fact.occurred_at or _ago(first) == _ago(fact)


def _ago(fact: Event) -> int | None:
    stated_at = fact.data.get("stated_at")
    return stated_at - fact.occurred_at if isinstance(stated_at, int) else None


def _gist(fact: Event) -> tuple[Any, ...]:
    """What was said, but for its time."""
    data = {name: value for name, value in fact.data.items() if name not in _OF_THE_MOMENT}
    return (fact.type, fact.title, fact.actor, fact.service, fact.environment, fact.severity, data)


async def _incidents(app: web.Application, fact: Event) -> list[int | str]:
    """The incidents a fact is about, by number: a late event may have given one of them another opening event."""
    incidents: list[int | str] = []
    for ref in fact.refs:
        why = await app[PROJECTIONS].why(ref.removeprefix("incident:"))
        incidents.append(why.incident if why and why.incident else ref)
    return incidents
