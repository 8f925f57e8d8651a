"""Incidents as they stood at an earlier moment: what was received by then, grouped as it is grouped now.

A row is what the draft of that moment says of it, so that lists and drafts
agree about every moment. What is asked of rows is asked of those.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from aiohttp import web

from collector.errors import NotFound
from collector.projections import IncidentRow
from collector.web.keys import PROJECTIONS, STANDING

TOGETHER = 50
"""How many incidents are looked at between two answers of the lists."""

_Passes = Callable[[IncidentRow], bool]


async def row_at(app: web.Application, row: IncidentRow, as_of: int) -> IncidentRow:
    """The incident as it stood then. Raises :class:`NotFound` where nothing was known of it."""
    stood = await _stood(app, row, as_of)
    if stood is None:
        raise NotFound(f"cannot show incident {row.number}: nothing was known of it by then", "as_of")
    return stood


async def rows_at(
    app: web.Application, as_of: int, before: int | None, limit: int, passes: _Passes
) -> list[IncidentRow]:
    """Incidents as they stood then that pass, newest number first; ``before`` is the last number seen."""
    found_rows: list[IncidentRow] = []
    while len(found_rows) < limit:
        rows = await app[PROJECTIONS].incidents(before=before, limit=TOGETHER, known_by=as_of)
        for row in rows:
            stood = await _stood(app, row, as_of)
            if stood is not None and passes(stood):
                found_rows.append(stood)
            if len(found_rows) == limit:
                break
        if len(rows) < TOGETHER:
            break
        before = rows[-1].number
    return found_rows


async def _stood(app: web.Application, row: IncidentRow, as_of: int) -> IncidentRow | None:
    text = await app[STANDING](row.number, as_of, {"people": "names"})
    if text is None:
        return None
    told: dict[str, Any] = msgspec.json.decode(text)["row"]
    lists = {name: tuple(told.pop(name)) for name in ("services", "environments")}
    return msgspec.structs.replace(row, **told, **lists)
