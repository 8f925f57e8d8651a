"""Who reads a SQLite file, read-only, with a bound on how many read at once.

A reader is handed a plain connection and does its work in one view. Of
:class:`Readers`, SQLAlchemy's AsyncEngine over aiosqlite, the event loop turns
wherever one waits for rows: they come some hundred at a time, so that a large
answer holds nobody up. Of :class:`ThreadReaders` each works on a thread of its own.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

from sqlalchemy import URL, AsyncAdaptedQueuePool, Connection, NullPool, create_engine, event
from sqlalchemy.ext.asyncio import create_async_engine

from collector.storage.sql import driver_of
from collector.storage.transaction import BUSY
from collector.tasks import in_thread

T = TypeVar("T")

READERS = 4
"""Views that are open at once; whoever comes then waits."""
_ROWS = 256
"""Rows that are fetched at a time: some milliseconds of work for the event loop."""


class Readers:
    """Connections to one file, each used by one reader at a time and kept for the next."""

    def __init__(
        self, path: Path | None, *, pragmas: Sequence[str] = (), attached: Sequence[tuple[str, Path]] = ()
    ) -> None:
        """``path`` None is an empty database; ``attached`` are files beside it, by the names that statements use."""
        from collector.storage.first_rows import DRIVER  # who reads a server's log imports this module, too

        self._pragmas, self._attached = pragmas, attached
        self._slots = asyncio.Semaphore(READERS)
        self._closing: asyncio.Future[None] | None = None
        self._engine = create_async_engine(
            _address(path),
            module=DRIVER,
            connect_args={"timeout": BUSY, "isolation_level": None},
            poolclass=AsyncAdaptedQueuePool,
            pool_size=READERS,
            # An error that is logged says the statement, and never what senders told.
            hide_parameters=True,
        )
        event.listen(self._engine.sync_engine, "connect", self._prepare)

    async def run(self, work: Callable[[Connection], T], *first: str) -> T:
        """Run ``work`` over one view, which the statements ``first`` begin. Raises what the work or the driver raises.

        Meanwhile no other work of this process runs but where it waits: what takes long has a thread or a process.
        What was begun is read to its end, also where nobody waits for it any longer: a connection that is cut off in
        the middle is closed some time later, and while one is open the writer that stops cannot leave one whole file.
        """
        reading = asyncio.ensure_future(self._read(work, first))
        reading.add_done_callback(lambda done: None if done.cancelled() else done.exception() and None)
        return await asyncio.shield(reading)

    async def _read(self, work: Callable[[Connection], T], first: Sequence[str]) -> T:
        async with self._slots, self._engine.connect() as connection:
            return await connection.run_sync(partial(_streaming, work, ("BEGIN", *first)))

    async def close(self) -> None:
        """Close all connections, after those who read. Who asks again waits for the same.

        A connection that is closed is closed to its end, also where nobody waits for it any longer.
        """
        if self._closing is None:
            self._closing = asyncio.ensure_future(self._close())
        await asyncio.shield(self._closing)

    async def _close(self) -> None:
        for _ in range(READERS):
            await self._slots.acquire()
        await self._engine.dispose()

    def _prepare(self, connection: Any, record: object) -> None:
        _prepare(connection, self._attached, self._pragmas)


class ThreadReaders:
    """Connections to one file, each used on a thread by one reader at a time and kept for the next.

    A statement costs a quarter of what it costs over aiosqlite, where each is a change of threads; but the reader's own
    work goes on beside the event loop. It is for who asks a hundred questions in one view, as following does.
    """

    def __init__(
        self, path: Path | None, *, pragmas: Sequence[str] = (), attached: Sequence[tuple[str, Path]] = ()
    ) -> None:
        """See :class:`Readers`."""
        self._path, self._pragmas, self._attached = path, pragmas, attached
        self._threads = ThreadPoolExecutor(READERS, "reader")
        self._engine = create_engine("sqlite://", creator=self._connect, poolclass=NullPool, hide_parameters=True)
        self._idle: list[Connection] = []
        """Connections that nobody uses now. To take one out of a pool costs more than most of what is asked for."""

    async def run(self, work: Callable[[Connection], T], *first: str) -> T:
        """See :meth:`Readers.run`; but other work goes on meanwhile."""
        job = partial(copy_context().run, self._read, work, first)
        reading = asyncio.get_running_loop().run_in_executor(self._threads, job)
        reading.add_done_callback(lambda done: None if done.cancelled() else done.exception() and None)
        return await asyncio.shield(reading)

    def _read(self, work: Callable[[Connection], T], first: Sequence[str]) -> T:
        connection = self._take_connection()
        try:
            return viewed(connection, work, *first)
        finally:
            self._idle.append(connection)

    def _take_connection(self) -> Connection:
        try:
            return self._idle.pop()
        except IndexError:
            return self._engine.connect()

    async def close(self) -> None:
        """See :meth:`Readers.close`."""
        await asyncio.shield(in_thread(self._close, lambda _: None))

    def _close(self) -> None:
        self._threads.shutdown()
        for connection in self._idle:
            connection.close()
        self._engine.dispose()

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            _file(self._path), uri=True, timeout=BUSY, isolation_level=None, check_same_thread=False
        )
        _prepare(connection, self._attached, self._pragmas)
        return connection


def viewed(connection: Connection, work: Callable[[Connection], T], *first: str) -> T:
    """Run ``work`` over one view of an open connection to SQLite, which the statements ``first`` begin."""
    driver = driver_of(connection)
    try:
        for statement in ("BEGIN", *first):
            driver.execute(statement).fetchall()
        return work(connection)
    finally:
        # Where the work went through SQLAlchemy, that has to hear of the end as well.
        (connection if connection.in_transaction() else driver).rollback()


def _prepare(connection: Any, attached: Sequence[tuple[str, Path]], pragmas: Sequence[str]) -> None:
    """Attach the files beside a connection's own, and set what it is to keep to."""
    cursor = connection.cursor()
    for name, path in attached:
        cursor.execute(f"ATTACH ? AS {name}", (f"file:{quote(str(path))}?mode=ro",))
    for pragma in pragmas:
        cursor.execute(pragma)
    cursor.close()


def _file(path: Path | None) -> str:
    return "file::memory:" if path is None else f"file:{quote(str(path))}?mode=ro"


def _address(path: Path | None) -> URL:
    if path is None:
        return URL.create("sqlite+aiosqlite", database="file::memory:", query={"uri": "true"})
    return URL.create("sqlite+aiosqlite", database=f"file:{quote(str(path))}", query={"mode": "ro", "uri": "true"})


def _streaming(work: Callable[[Connection], T], first: Sequence[str], connection: Connection) -> T:
    for statement in first:
        connection.exec_driver_sql(statement).close()
    return work(connection.execution_options(stream_results=True, max_row_buffer=_ROWS))
