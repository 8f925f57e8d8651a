"""The append-only log of events.

Order is settled here and nowhere else: whoever reads after a position has
seen every event before it. Nothing here interprets an event. There is no
update and no delete to call by mistake.

``promise.py`` holds the promise, :class:`EventLog`, and the values it takes and
gives; ``tests/test_log.py`` holds every back end to it. ``reading`` and
``store`` do the same on an open connection, for those who already have one.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import MetaData, make_url
from sqlalchemy.exc import ArgumentError

from collector.errors import InvalidInput, InvalidSettings
from collector.log import sqlite
from collector.log.backup import Backup, Progress
from collector.log.backup import backup as _backup
from collector.log.migrations import HEAD, Schema
from collector.log.promise import Delivery, EventLog, Receipt, ReceiptItem, Repeats, Submission, Tail
from collector.log.sqlite import SqliteLog

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
    "open_log",
    "schema_of",
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
    """Open the log a URL names: ``sqlite:///path`` or ``sqlite+aiosqlite:///path`` (four slashes: absolute).

    ``writable`` takes the writer's lock, naming ``address`` for whoever comes second, and creates what is missing,
    the tables of ``extra_metadata`` (projections) included. A reader that looks for damage opens ``any_schema``, since
    what says the schema may be damaged too. Raises :class:`collector.errors.InvalidSettings` for a
    URL that cannot be used, :class:`collector.errors.Unavailable` where the file is missing or another process
    writes to it, and :class:`collector.errors.LogDamaged` where the log contradicts itself.
    """
    return SqliteLog(
        database_path(url), writable=writable, address=address, extra_metadata=extra_metadata, any_schema=any_schema
    )


async def schema_of(url: str) -> Schema:
    """Which revision the log of a URL is at; a log of any version can be asked, also while a daemon writes to it."""
    return sqlite.schema_of(database_path(url))


async def upgrade(url: str) -> Schema:
    """Bring the log of a URL to this version's schema, making it where there is none; what was found before.

    Raises :class:`collector.errors.Unavailable` where another process writes to it or a later version wrote it.
    """
    return await sqlite.upgrade(database_path(url))


def back_up(url: str, target: Path, progress: Progress = lambda what, done, of: None) -> Backup:
    """Copy the log of a URL to a file, while whoever writes to it goes on; see :func:`collector.log.backup.backup`."""
    if make_url(url).get_backend_name() == "postgresql":
        raise InvalidInput(
            "cannot back up a PostgreSQL database: its own tools do, and follow it continuously; use pg_basebackup or "
            "pgBackRest (docs/backup.md)"
        )
    return _backup(database_path(url), target, progress)


def database_path(url: str) -> Path:
    """The file a URL names; raises :class:`collector.errors.InvalidSettings` where it names none."""
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise InvalidSettings(("storage.url is not a database URL; write sqlite:///timelined.db",)) from error
    kind = parsed.get_backend_name()
    if kind == "postgresql":
        raise InvalidSettings(("storage.url names PostgreSQL, which is not there yet; write sqlite:///timelined.db",))
    if kind != "sqlite":
        raise InvalidSettings((f"storage.url names {kind}, which is not supported; write sqlite:///timelined.db",))
    if not parsed.database or parsed.database == ":memory:":
        raise InvalidSettings(("storage.url names no file, and a log in memory keeps nothing; write sqlite:///PATH",))
    return Path(parsed.database)
