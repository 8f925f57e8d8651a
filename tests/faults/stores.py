"""Where a run keeps its log, and how the checker looks into it past the daemon."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Protocol, TypeVar

from sqlalchemy import Connection, NullPool, create_engine

from collector.projections import lists_path

T = TypeVar("T")


class Store(Protocol):
    """A database that a daemon writes to."""

    @property
    def url(self) -> str:
        """What the daemon is told."""

    async def view(self, work: Callable[[Connection], T]) -> T:
        """Run ``work`` on one consistent view of it, whoever writes meanwhile."""

    def copy(self, to: Path) -> None:
        """Keep it as it is, for whoever looks into a failure."""


class SqliteStore:
    """A file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def url(self) -> str:
        """See :class:`Store`."""
        return f"sqlite:///{self.path}"

    async def view(self, work: Callable[[Connection], T]) -> T:
        """See :class:`Store`."""
        return view(self.path, work)

    def copy(self, to: Path) -> None:
        """See :class:`Store`."""
        with closing(_open(self.path)) as broken, closing(sqlite3.connect(to)) as copy:
            broken.backup(copy)


def view(path: Path, work: Callable[[Connection], T]) -> T:
    """Run ``work`` on one consistent view of a file; ``sqlalchemy.exc.DatabaseError`` where it is no database."""
    engine = create_engine("sqlite://", creator=lambda: _open(path), poolclass=NullPool)
    with engine.connect() as connection:
        connection.exec_driver_sql("BEGIN")
        # They may come up between two looks at the folder: whether they are attached is asked of the connection.
        if any(name == "lists" for _, name, _ in connection.exec_driver_sql("PRAGMA database_list")):
            # Their view begins first: the log is ahead of them, and never behind.
            connection.exec_driver_sql("SELECT 1 FROM lists.sqlite_master LIMIT 1").all()
        return work(connection)


def alter(path: Path, *statements: str) -> None:
    """Do to a file what the log itself refuses: its triggers go first."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            connection.execute(statement)


def _open(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, isolation_level=None)
    if (lists := lists_path(path)).exists():
        connection.execute("ATTACH ? AS lists", (f"file:{lists}?mode=ro",))
    return connection
