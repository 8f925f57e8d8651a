"""A connection for work that is written as if it waited.

Projections and readers are handed a plain SQLAlchemy connection and do their
work in one go, decoding and deciding included. SQLAlchemy lets the event loop
turn wherever the work waits for the server.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import lru_cache
from typing import Any, TypeVar

import asyncpg
from sqlalchemy import Connection, NullPool, event
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from collector.errors import Unavailable
from collector.log.postgres.connecting import NOT_KEPT

T = TypeVar("T")

_FAREWELL = 2.0
"""Seconds for saying goodbye to a server that may be gone."""


class Session:
    """One connection, made when it is first needed and made anew when it was lost. It does one thing at a time."""

    def __init__(self, connect: Callable[[], Awaitable[asyncpg.Connection]], isolation: str) -> None:
        self._writes = isolation == "READ COMMITTED"
        # The address is the connector's business; SQLAlchemy is told no more than the dialect.
        self._engine = create_async_engine(
            "postgresql+asyncpg://",
            async_creator=connect,
            poolclass=NullPool,
            isolation_level=isolation,
            # An error that is logged says the statement, and never what senders told.
            hide_parameters=True,
        )
        event.listen(self._engine.sync_engine, "before_cursor_execute", _number_marks, retval=True)
        self._alone = asyncio.Lock()
        self._connection: AsyncConnection | None = None
        self._driver: asyncpg.Connection | None = None
        self.pid = 0
        """The server's process that serves it; 0 before there was one."""
        self.locks: set[str] = set()
        """Which advisory locks this very connection holds, by the statements that took them; they go with it."""

    async def run(self, work: Callable[[Connection], T], *, first: str = "", renewed: bool = True) -> T:
        """Run ``work`` in one transaction, after the statement ``first``, and commit unless it raises.

        With ``renewed=False`` a connection that was lost is not made anew: what was known of it (a lease) went with it.
        Raises what the work or the driver raises; :class:`Unavailable` where there is no connection, and
        ``ConnectionError`` where one that writes ended with the commit.
        """
        async with self._alone:
            connection = await self._ready(renewed)
            try:
                async with connection.begin():
                    if first:
                        await connection.exec_driver_sql(first)
                    answer = await connection.run_sync(work)
                if self._writes and self._lost:
                    raise ConnectionError(NOT_KEPT)
                return answer
            finally:
                if self._lost:
                    await self._drop()

    def cut(self) -> None:
        """Give the connection up: what waits for an answer on it fails, the next work has another."""
        if self._driver is not None:
            self._driver.terminate()

    async def close(self) -> None:
        """End the connection, after the work under way."""
        async with self._alone:
            await self._drop()

    async def _ready(self, renewed: bool) -> AsyncConnection:
        if self._connection is not None and self._lost:
            await self._drop()
        if self._connection is None:
            if not renewed:
                raise Unavailable("cannot go on: the connection to the database was lost")
            self._connection = await self._engine.connect()
            raw = await self._connection.get_raw_connection()
            self._driver = raw.driver_connection
            self.pid = raw.driver_connection.get_server_pid() if raw.driver_connection else 0
        return self._connection

    @property
    def _lost(self) -> bool:
        gone = self._connection is None or self._connection.invalidated
        return gone or self._driver is None or self._driver.is_closed()

    async def _drop(self) -> None:
        connection, self._connection, self._driver = self._connection, None, None
        self.locks.clear()
        if connection is None:
            return
        with suppress(Exception):  # it may be gone, and then there is nobody to say goodbye to
            async with asyncio.timeout(_FAREWELL):
                await connection.close()


def _number_marks(
    connection: Connection, cursor: Any, statement: str, parameters: Any, context: Any, executemany: bool
) -> tuple[str, Any]:
    return (_numbered(statement) if "?" in statement else statement), parameters


@lru_cache(maxsize=2048)
def _numbered(statement: str) -> str:
    """``$1``, ``$2`` … for each ``?``. No statement of ours has one in a text."""
    first, *rest = statement.split("?")
    return first + "".join(f"${number}{part}" for number, part in enumerate(rest, 1))
