"""The append-only log of events.

Order is settled here and nowhere else: whoever reads after a position has
seen every event before it. Nothing here interprets an event. There is no
update and no delete to call by mistake.

``promise.py`` holds the promise, :class:`EventLog`, and the values it takes and
gives; ``tests/test_log.py`` holds every back end to it. ``reading`` and
``store`` do the same on an open connection, for those who already have one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType

from sqlalchemy import Connection, MetaData

from collector.errors import InvalidInput, InvalidSettings
from collector.log import sqlite
from collector.log.backup import Backup, Progress
from collector.log.backup import backup as _backup
from collector.log.migrations import HEAD, Schema
from collector.log.promise import Delivery, EventLog, Receipt, ReceiptItem, Repeats, Submission, Tail
from collector.log.sqlite import SqliteLog
from collector.log.urls import database_path, is_postgresql, shown

__all__ = [
    "HEAD",
    "Backup",
    "Delivery",
    "EventLog",
    "Progress",
    "Receipt",
    "ReceiptItem",
    "Repeats",
    "Schema",
    "Submission",
    "Tail",
    "back_up",
    "database_path",
    "is_postgresql",
    "open_log",
    "schema_of",
    "shown",
    "upgrade",
]


def open_log(
    url: str,
    *,
    writable: bool = True,
    address: str = "",
    extra_metadata: Sequence[MetaData] = (),
    any_schema: bool = False,
) -> EventLog:
    """Open the log a URL names.

    ``sqlite:///path`` or ``sqlite+aiosqlite:///path`` (four slashes: absolute) is a file, with one writer;
    ``postgresql://user@host/database``, also written ``postgresql+asyncpg://``, a database that several may write to.

    ``writable`` takes the writer's lock, naming ``address`` for whoever comes second, and creates what is missing,
    the tables of ``extra_metadata`` (projections) included. A reader that looks for damage opens ``any_schema``, since
    what says the schema may be damaged too. Raises :class:`collector.errors.InvalidSettings` for a
    URL that cannot be used, :class:`collector.errors.Unavailable` where the file is missing or another process
    writes to it, and :class:`collector.errors.LogDamaged` where the log contradicts itself.
    """
    path = database_path(url)
    if path is None:
        opened: EventLog = _postgres().PostgresLog(
            url, writable=writable, extra_metadata=extra_metadata, any_schema=any_schema
        )
        return opened
    return SqliteLog(path, writable=writable, address=address, extra_metadata=extra_metadata, any_schema=any_schema)


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
        found: Schema = await asyncio.to_thread(_postgres().schema_of, url)
        return found
    return sqlite.schema_of(path)


async def upgrade(
    url: str,
    extra_metadata: Sequence[MetaData] = (),
    fit: Callable[[Connection], object] = lambda connection: None,
    *,
    keep_copy: bool = True,
) -> Schema:
    """Bring the log of a URL to this version's schema, making it where there is none; what was found before.

    In a file the one who writes sees to the tables of others by itself. In a database the daemon's role may not, so
    those of ``extra_metadata`` are made here, and ``fit`` gives them their shape. A file is copied before, and the
    copy verified, unless not ``keep_copy``.

    Raises :class:`collector.errors.Unavailable` where another process writes to it or a later version wrote it.
    """
    path = database_path(url)
    if path is None:
        found: Schema = await asyncio.to_thread(_postgres().upgrade, url, extra_metadata, fit)
        return found
    return await sqlite.upgrade(path, keep_copy=keep_copy)


def back_up(url: str, target: Path, progress: Progress = lambda what, done, of: None) -> Backup:
    """Copy the log of a URL to a file, while whoever writes to it goes on; see :func:`collector.log.backup.backup`."""
    path = database_path(url)
    if path is None:
        raise InvalidInput(
            "cannot back up a PostgreSQL database: its own tools do, and follow it continuously; use pg_basebackup or "
            "pgBackRest (docs/backup.md)"
        )
    return _backup(path, target, progress)
