"""One look at a database, whichever revision it has: for commands that check it and take nothing on trust."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

from collector.errors import Unavailable
from collector.log import open_log
from collector.projections import open_lists
from collector.proof import lost
from collector.proof.lost import UNKNOWN, LogName
from collector.settings import Settings

T = TypeVar("T")


def query(url: str, work: Callable[[Any], T]) -> T:
    """What ``work`` finds in the database, over one view of it."""

    async def read_log() -> T:
        store = await open_log(url, writable=False, any_schema=True)
        try:
            return await store.query(work)
        finally:
            await store.close()

    return asyncio.run(read_log())


def query_lists(url: str, work: Callable[[Any], T]) -> T:
    """The same over a view of the lists, with the log."""

    async def read_lists() -> T:
        store = await open_log(url, writable=False, any_schema=True)
        lists = open_lists(store)
        try:
            return await lists.query(work)
        finally:
            await lists.close()
            await store.close()

    return asyncio.run(read_lists())


def about_log(settings: Settings) -> LogName:
    """Which log this is; nothing is known of one that cannot be asked, and the verifying names why."""
    try:
        return query(settings.storage.url, lost.about)
    except Unavailable:
        return UNKNOWN
