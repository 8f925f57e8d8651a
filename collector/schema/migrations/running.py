"""Running Alembic on an open connection, without a file of settings.

A database of 0.1.0 is adopted: its tables, indexes and triggers are compared
with what revision 0001 makes, and only then is it marked as being there.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
from sqlalchemy.util import await_only

from collector.errors import LogDamaged
from collector.schema.migrations.statements import plain

_HERE = Path(__file__).parent
_SQL = "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL"


def run(connection: Connection, *, adopt: str | None) -> None:
    """Upgrade to the newest revision, in the transaction that is open; first mark it as being at ``adopt``, if given.

    Raises :class:`collector.errors.LogDamaged` where what is to be adopted is something else.
    """
    settings = config(connection)
    with _alone(connection):
        if adopt is not None:
            _compare(connection, adopt)
            command.stamp(settings, adopt)
        command.upgrade(settings, "head")
    if connection.dialect.name == "sqlite":
        newest = ScriptDirectory.from_config(settings).get_current_head()
        # What timelined 0.1.0 looks at: it refuses a file whose number is above its own.
        connection.exec_driver_sql(f"PRAGMA user_version = {int(newest or 0)}")


@contextmanager
def _alone(connection: Connection) -> Iterator[None]:
    """Alembic keeps what it is at in its modules, so that one process upgrades one database at a time.

    On the event loop, where several connections may wait, none of them holds up the others.
    """
    while not _UPGRADING.acquire(blocking=not connection.dialect.is_async):
        await_only(asyncio.sleep(_LOOK))
    try:
        yield
    finally:
        _UPGRADING.release()


_UPGRADING = threading.Lock()
_LOOK = 0.01
"""Seconds."""


def config(connection: Connection | None = None) -> Config:
    """Alembic's settings: where the revisions are, and for ``env.py`` the connection to run them on."""
    settings = Config(attributes={"connection": connection})
    settings.set_main_option("script_location", str(_HERE).replace("%", "%%"))
    return settings


def _compare(connection: Connection, revision: str) -> None:
    """Refuse a database that is not exactly what this revision makes; what it holds besides is nobody's business."""
    existing = {name: plain(sql) for name, sql in connection.exec_driver_sql(_SQL)}
    for name, sql in _objects_of(revision).items():
        if existing.get(name) != sql:
            what = "is missing" if name not in existing else "is not as it was made"
            raise LogDamaged(
                f"cannot upgrade this log: it says no revision, and its {name} {what}; restore a backup, "
                "or report how it came about"
            )


def _objects_of(revision: str) -> dict[str, str]:
    """Everything the revision makes in an empty database."""
    script = ScriptDirectory.from_config(config()).get_revision(revision)
    fresh = sqlite3.connect(":memory:")
    try:
        for statement in script.module.SQLITE:
            fresh.execute(statement)
        return {name: plain(sql) for name, sql in fresh.execute(_SQL)}
    finally:
        fresh.close()
