"""To whom deliveries are private, as whoever may read them is told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aiohttp import web

from collector.errors import Unavailable
from collector.log import Delivery
from collector.projections.privacy import READER
from collector.web.keys import PROJECTIONS


async def of_deliveries(app: web.Application, deliveries: Sequence[Delivery]) -> Mapping[str, str]:
    """The groups of those of these deliveries that are private, by their ids.

    Without lists nobody can say; who reads all the same is somebody who may read everything.
    """
    try:
        return await app[PROJECTIONS].private_deliveries(deliveries)
    except Unavailable:
        if READER.get() is not None:
            raise
        return {}
