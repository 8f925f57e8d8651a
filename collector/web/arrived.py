"""What became of the last deliveries of each source, those that were refused among them: for the API and for pages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from functools import partial

import msgspec
from aiohttp import web

from collector.errors import NotFound, Unavailable
from collector.log import Delivery
from collector.log.arrivals import SourceArrivals, arrivals
from collector.web import refused
from collector.web.keys import INTAKE, LOG, PROJECTIONS, REFUSALS
from collector.web.requests import printable

COUNTED = 10_000
"""The most deliveries that are counted, whichever sources they are of."""


class ArrivedSources(msgspec.Struct, frozen=True, kw_only=True):
    """Each source with what became of its last deliveries."""

    sources: Mapping[str, SourceArrivals]
    """Those that are configured, and those of which anything is on record."""
    refused: Mapping[str, int]
    """Source → how many of its deliveries were refused; zero where it is not named."""
    looked: int
    """How many deliveries were counted, those that were refused not among them."""
    since: int
    """When the first of these was received, µs UTC; 0 where all that the log has were counted."""
    not_read: str
    """Why what was refused could not be read; empty where it was."""


async def arrived(app: web.Application) -> ArrivedSources:
    """Count the last deliveries; what arrived is told whatever becomes of the lists."""
    counts_of_log = await app[LOG].query(partial(arrivals, names=list(app[INTAKE].sources), most=COUNTED))
    counts: Counter[str] = Counter()
    not_read = ""
    try:
        for row, _ in await refused.refused(
            app[REFUSALS], app[PROJECTIONS], since=counts_of_log.since or None, limit=COUNTED
        ):
            counts[row.source] += row.count
    except Unavailable as error:
        not_read = str(error)
    known = {name: SourceArrivals() for name in counts} | dict(counts_of_log.sources)
    return ArrivedSources(
        sources=known, refused=counts, looked=counts_of_log.looked, since=counts_of_log.since, not_read=not_read
    )


async def named_delivery(request: web.Request) -> Delivery:
    """The delivery that a path names. Raises :class:`NotFound`."""
    name = request.match_info["delivery"]
    stored = await request.app[LOG].delivery(name)
    if stored is None:
        raise NotFound(
            f"cannot find delivery {printable(name)}: no delivery has this id; list /api/v1/deliveries", "delivery"
        )
    return stored
