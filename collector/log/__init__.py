"""The append-only log of events.

Order is settled here and nowhere else: whoever reads after a position has
seen every event before it. Nothing here interprets an event. There is no
update and no delete to call by mistake.

``contract`` holds the promise, :class:`EventLog`, and the values it takes and
gives; ``tests/test_log.py`` holds every back end to it. ``queries`` and
``appending`` do the same on an open connection, for those who already have one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from types import ModuleType

from sqlalchemy import Connection, MetaData

from collector.errors import InvalidSettings
from collector.log import sqlite
from collector.log.contract import (
    FOLLOWING,
    JOBS,
    Answer,
    Delivery,
    EventLog,
    Lease,
    Receipt,
    ReceiptItem,
    Refused,
    Repeats,
    Submission,
    receipt_of,
)
from collector.log.sqlite import KeepCopy, SqliteLog
from collector.schema.migrations import HEAD, Schema
from collector.storage.urls import database_path
from collector.tasks import in_thread

__all__ = [
    "FOLLOWING",
    "HEAD",
    "JOBS",
    "Answer",
    "Delivery",
    "EventLog",
    "KeepCopy",
    "Lease",
    "Receipt",
    "ReceiptItem",
    "Refused",
    "Repeats",
    "Schema",
    "SqliteLog",
    "Submission",
    "open_log",
    "receipt_of",
    "schema_of",
    "upgrade",
]


async def open_log(
    url: str,
    *,
    writable: bool = True,
    address: str = "",
    extra_metadata: Sequence[MetaData] = (),
    any_schema: bool = False,
    lease: Lease = FOLLOWING,
    keep_copy: KeepCopy | None = None,
) -> EventLog:
    """Open the log a URL names, while the event loop turns: a disk or a server may be slow.

    Cancelled, this ends at once, and the log is closed as soon as it is open.

    ``sqlite:///path`` or ``sqlite+aiosqlite:///path`` (four slashes: absolute) is a file, with one writer;
    ``postgresql://user@host/database``, also written ``postgresql+asyncpg://``, a database that several may write to.

    ``writable`` takes the writer's lock, naming ``address`` for whoever comes second, and creates what is missing; in a
    PostgreSQL database also the tables of ``extra_metadata`` (the lists), in a schema beside the log's. A reader that
    looks for damage opens ``any_schema``, since what says the schema may be damaged too. ``lease`` is what
    :meth:`EventLog.lead` asks for: of a database that several share, one follows and one does the jobs. ``keep_copy``
    copies a file before it is upgraded, as :func:`collector.backup.before_upgrade` does; None upgrades without a copy.

    Raises :class:`collector.errors.InvalidSettings` for a URL that cannot be used,
    :class:`collector.errors.Unavailable` where the file is missing or another process writes to it, and
    :class:`collector.errors.LogDamaged` where the log contradicts itself.
    """
    path = database_path(url)
    if path is None:
        opened: EventLog = await _postgres().PostgresLog.opened(
            url, writable=writable, extra_metadata=extra_metadata, any_schema=any_schema, lease=lease
        )
        return opened
    opening = partial(
        SqliteLog, path, writable=writable, address=address, any_schema=any_schema, keep_copy=keep_copy
    )  # fmt: skip
    return await in_thread(opening, _close_abandoned)


_CLOSING: set[asyncio.Task[None]] = set()
"""Logs that nobody waited for any longer when they were open."""


def _close_abandoned(log: EventLog) -> None:
    closing = asyncio.ensure_future(log.close())
    _CLOSING.add(closing)
    closing.add_done_callback(_CLOSING.discard)


def _postgres() -> ModuleType:
    """The back end of PostgreSQL, whose driver not everybody needs."""
    try:
        from collector.log import postgres
    except ImportError as error:
        message = "storage.url names PostgreSQL, whose driver is not installed; install timelined[postgres]"
        raise InvalidSettings((message,)) from error
    return postgres


async def schema_of(url: str) -> Schema:
    """Which revision the log of a URL is at; a log of any version can be asked, also while a daemon writes to it."""
    path = database_path(url)
    if path is None:
        found: Schema = await _postgres().schema_of(url)
        return found
    return sqlite.schema_of(path)


async def upgrade(
    url: str,
    extra_metadata: Sequence[MetaData] = (),
    fit: Callable[[Connection], object] = lambda connection: None,
    *,
    keep_copy: KeepCopy | None = None,
) -> Schema:
    """Bring the log of a URL to this version's schema, making it where there is none; what was found before.

    Beside a file the follower makes its lists by itself. In a database the daemon's role may not, so the tables of
    ``extra_metadata`` are made here, in a schema of their own, and ``fit`` gives them their shape. ``keep_copy``
    copies a file before, as in :func:`open_log`.

    Raises :class:`collector.errors.Unavailable` where another process writes to it or a later version wrote it.
    """
    path = database_path(url)
    if path is None:
        found: Schema = await _postgres().upgrade(url, extra_metadata, fit)
        return found
    return await sqlite.upgrade(path, keep_copy=keep_copy)
