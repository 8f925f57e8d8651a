"""A connection on a thread of its own, for work that is written as if it waited.

Projections and readers are handed a plain SQLAlchemy connection and do their
work in one go, decoding and deciding included: on a thread, so that the event
loop goes on taking webhooks. asyncpg belongs to one event loop, therefore each
session has its own, which turns only while there is work.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import lru_cache, partial
from typing import Any, TypeVar

import asyncpg
from sqlalchemy import Connection, NullPool, event
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from collector.errors import Unavailable

T = TypeVar("T")

_FAREWELL = 2.0
"""Seconds for saying goodbye to a server that may be gone."""


class Session:
    """One connection, made when it is first needed and made anew when it was lost.

    Every method blocks the calling thread or gives a future; none is called by two threads at a time.
    """

    def __init__(self, connect: Callable[[], Awaitable[asyncpg.Connection]], name: str, isolation: str) -> None:
        self._connect = connect
        self._isolation = isolation
        self._thread = ThreadPoolExecutor(1, name)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._connection: AsyncConnection | None = None
        self._driver: asyncpg.Connection | None = None
        self.pid = 0
        """The server's process that serves it; 0 before there was one."""

    def submit(self, work: Callable[[Connection], T], *, first: str = "", renewed: bool = True) -> Future[T]:
        """Run ``work`` in one transaction, after the statement ``first``, and commit unless it raises.

        With ``renewed=False`` a connection that was lost is not made anew: what was known of it (a lease) went with it.
        Raises what the work or the driver raises; :class:`Unavailable` where there is no connection.
        """
        return self._thread.submit(self._turn, partial(self._transaction, work, first, renewed))

    def cut(self) -> None:
        """Give the connection up, from any thread: what waits for an answer on it fails, the next work has another."""
        loop, driver = self._loop, self._driver
        if loop is not None and driver is not None:
            with suppress(RuntimeError):  # closed meanwhile
                loop.call_soon_threadsafe(driver.terminate)

    def close(self) -> None:
        """End the connection and the thread, after the work that was submitted."""
        with suppress(RuntimeError):  # closed before
            self._thread.submit(self._finish).result()
        self._thread.shutdown()

    def _turn(self, task: Callable[[], Coroutine[Any, Any, T]]) -> T:
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
        return self._loop.run_until_complete(task())

    def _finish(self) -> None:
        if self._loop is not None:
            self._loop.run_until_complete(self._drop())
            self._loop.close()
            self._loop = None

    async def _transaction(self, work: Callable[[Connection], T], first: str, renewed: bool) -> T:
        connection = await self._ready(renewed)
        try:
            async with connection.begin():
                if first:
                    await connection.exec_driver_sql(first)
                return await connection.run_sync(work)
        finally:
            if _lost(await connection.get_raw_connection() if not connection.invalidated else None):
                await self._drop()

    async def _ready(self, renewed: bool) -> AsyncConnection:
        # While the loop stood still nobody heard the server hang up.
        for _ in range(3):
            await asyncio.sleep(0)
        known = self._connection
        if known is not None and (known.invalidated or _lost(await known.get_raw_connection())):
            await self._drop()
        if self._connection is None:
            if not renewed:
                raise Unavailable("cannot go on: the connection to the database was lost")
            self._connection = await self._engine().connect()
            raw: Any = await self._connection.get_raw_connection()
            self._driver = raw.driver_connection
            self.pid = raw.driver_connection.get_server_pid()
        return self._connection

    def _engine(self) -> Any:
        # The address is the connector's business; SQLAlchemy is told no more than the dialect.
        engine = create_async_engine(
            "postgresql+asyncpg://",
            async_creator=self._connect,
            poolclass=NullPool,
            isolation_level=self._isolation,
            # An error that is logged says the statement, and never what senders told.
            hide_parameters=True,
        )
        event.listen(engine.sync_engine, "before_cursor_execute", _number_marks, retval=True)
        return engine

    async def _drop(self) -> None:
        connection, self._connection, self._driver = self._connection, None, None
        if connection is None:
            return
        with suppress(Exception):  # it may be gone, and then there is nobody to say goodbye to
            async with asyncio.timeout(_FAREWELL):
                await connection.close()


def _lost(raw: Any) -> bool:
    return raw is None or raw.driver_connection is None or raw.driver_connection.is_closed()


def _number_marks(
    connection: Connection, cursor: Any, statement: str, parameters: Any, context: Any, executemany: bool
) -> tuple[str, Any]:
    return (_numbered(statement) if "?" in statement else statement), parameters


@lru_cache(maxsize=2048)
def _numbered(statement: str) -> str:
    """``$1``, ``$2`` … for each ``?``. No statement of ours has one in a text."""
    first, *rest = statement.split("?")
    return first + "".join(f"${number}{part}" for number, part in enumerate(rest, 1))
