"""Whether a statement makes sense as things stand: nobody takes out what is not in, or reopens what is not over.

A statement that is on record already was sensible when it was made, and is answered as known.
"""

from __future__ import annotations

from collections.abc import Sequence

from aiohttp import web

from collector.errors import InvalidInput
from collector.event import Event
from collector.projections import IncidentRow
from collector.web.keys import LOG, PROJECTIONS


async def check_has(app: web.Application, row: IncidentRow, events: Sequence[str], fact: Event, name: str) -> None:
    """Raises :class:`InvalidInput` where one of these events is not in the incident."""
    if await app[LOG].read_ids([fact.id]):
        return
    for event in events:
        why = await app[PROJECTIONS].why(event)
        if why is None:
            raise InvalidInput(f"cannot take event {event} out: it is not grouped yet; ask again shortly", name)
        if why.incident != row.number:
            place = "in none" if why.incident is None else f"in incident {why.incident}"
            raise InvalidInput(f"cannot take event {event} out of incident {row.number}: it is {place}", name)


async def check_over(app: web.Application, row: IncidentRow, fact: Event) -> None:
    """Raises :class:`InvalidInput` where the incident is not over."""
    if row.status == "open" and not await app[LOG].read_ids([fact.id]):
        raise InvalidInput(f"cannot reopen incident {row.number}: it is open", "number")
