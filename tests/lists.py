"""A log and its lists, opened together."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from collector import projections
from collector.log import EventLog, open_log
from collector.projections import Lists, open_lists


@asynccontextmanager
async def opened(where: str | Path) -> AsyncIterator[tuple[EventLog, Lists]]:
    """The log of a file or an address, and its lists, as their owner has them open."""
    url = where if isinstance(where, str) else f"sqlite:///{where}"
    log = await open_log(url, extra_metadata=[projections.metadata])
    lists = open_lists(log, owner=True)
    try:
        yield log, lists
    finally:
        await lists.close()
        await log.close()
