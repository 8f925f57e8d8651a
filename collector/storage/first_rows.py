"""A driver for SQLAlchemy's AsyncEngine over aiosqlite that takes a statement and its first rows in one step.

Each step of aiosqlite is a change of threads and back. By itself a statement takes
five or six of them: a cursor, the statement, one row, five more, twenty-five, the
end of the cursor. Most answers are a few rows, and are whole after one here. What
needs no disk (a cursor, its end once all rows were taken) is done where it is asked.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import aiosqlite
from sqlalchemy.dialects.sqlite.aiosqlite import AsyncAdapt_aiosqlite_dbapi

_FIRST = 64
"""Rows that come with a statement."""


class _RowsCursor(sqlite3.Cursor):
    """What works on aiosqlite's thread."""

    first: Sequence[Any] = ()
    """Rows that were taken, and not asked for yet."""
    whole = False
    """Whether there are no others."""

    def execute(self, statement: str, values: Any = (), /) -> _RowsCursor:
        """Run a statement, and take its first rows."""
        super().execute(statement, values)
        self.first = super().fetchmany(_FIRST)
        self.whole = len(self.first) < _FIRST
        return self


class _StepsCursor(aiosqlite.Cursor):
    """What is asked on the event loop."""

    def __init__(self, connection: aiosqlite.Connection, plain: _RowsCursor) -> None:
        super().__init__(connection, plain)
        self._plain = plain

    async def fetchone(self) -> Any:
        """The next row; None if there is none."""
        return next(iter(await self.fetchmany(1)), None)

    async def fetchmany(self, size: int | None = None) -> Sequence[Any]:
        """The next rows, fewer than asked for only at the end."""
        count = size or self.arraysize
        rows = self._plain.first[:count]
        self._plain.first = self._plain.first[count:]
        if len(rows) == count or self._plain.whole:
            return rows
        return [*rows, *await super().fetchmany(count - len(rows))]

    async def fetchall(self) -> Sequence[Any]:
        """All others."""
        rows, self._plain.first = self._plain.first, ()
        return rows if self._plain.whole else [*rows, *await super().fetchall()]

    async def close(self) -> None:
        """Let go of the statement; the driver has once it was whole."""
        if self._plain.whole:
            self._plain.close()
        else:
            await super().close()


class _StepsConnection(aiosqlite.Connection):
    """Has such cursors."""

    def __init__(self, database: str, **options: Any) -> None:
        super().__init__(lambda: self._connected(database, options), _FIRST)
        self._plain: sqlite3.Connection | None = None

    def _connected(self, database: str, options: dict[str, Any]) -> sqlite3.Connection:
        self._plain = sqlite3.connect(database, **options)
        return self._plain

    def cursor(self) -> Any:
        """A cursor, which SQLAlchemy enters and leaves."""
        assert self._plain is not None  # noqa: S101 - connected
        return _StepsCursor(self, self._plain.cursor(_RowsCursor))


_aiosqlite: Any = SimpleNamespace(**{**vars(aiosqlite), "connect": _StepsConnection})

DRIVER = AsyncAdapt_aiosqlite_dbapi(_aiosqlite, sqlite3)
"""For ``create_async_engine(module=...)``."""
