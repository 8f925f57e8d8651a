"""The database of the lists, beside the log: what is in it follows from the log, and deleting it loses only time.

Of a file ``timelined.db`` it is ``timelined.incidents.db``, with the log attached read-only; of a PostgreSQL
database, a schema of its own. A view begins with the lists, so the log in it is never behind them. Who owns the lists
is the follower; whoever else writes to them (an erasure) does so between its transactions.

A file that was removed, replaced or damaged is no failure: the owner is told so with :class:`ListsRemoved`, and makes
the lists anew.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from functools import partial
from pathlib import Path
from typing import Protocol, TypeVar
from urllib.parse import quote

from sqlalchemy import Connection, NullPool, create_engine
from sqlalchemy.exc import DBAPIError

from collector.errors import Unavailable
from collector.files import FILE_MODE, close_to_others
from collector.log import EventLog, SqliteLog
from collector.storage.disk import cause, is_damage, is_passing
from collector.storage.readers import Readers, ThreadReaders, viewed
from collector.storage.sql import driver_of

T = TypeVar("T")

_BUSY = 5.0
"""Seconds to wait for another process's transaction on the lists."""
_PATIENCE = 5.0
"""Seconds to wait for readers before what was removed is written over."""
_VIEW = "SELECT 1 FROM main.sqlite_master LIMIT 1"
"""Begins a view of the lists before one of the log."""
_OWNER = (
    # Before anything is written: it cannot change later.
    "PRAGMA page_size = 8192",
    "PRAGMA journal_mode = WAL",
    # An erasure overwrites what it removes.
    "PRAGMA secure_delete = ON",
    "PRAGMA cache_size = -8192",
)


class ListsRemoved(Unavailable):
    """The file of the lists is gone, or is another one: they are to be made anew."""


class Lists(Protocol):
    """Where the lists are read and written, with the log at hand."""

    async def query(self, work: Callable[[Connection], T]) -> T:
        """Run ``work`` over one view of the lists, and of the log at that moment or a later one.

        Raises :class:`Unavailable` where they cannot be read, to their owner :class:`ListsRemoved`.
        """

    async def write(self, work: Callable[[Connection], T], *, durable: bool = True) -> T:
        """Run ``work`` in one transaction on the lists; it may read the log.

        With ``durable=False`` a power cut may take the commit back. Raises as :meth:`query` does, and on PostgreSQL
        where the owner does not hold the lease.
        """

    async def write_then_read(self, note: Callable[[Connection], bool], work: Callable[[Connection], T]) -> T | None:
        """Run ``note`` as :meth:`write` does, not durably; where it says so, then ``work`` as :meth:`query` does."""

    async def scrub(self) -> str:
        """Leave nothing in the files of what was removed; empty once that is so, else why it is not."""

    @property
    def in_place(self) -> bool:
        """Whether what the owner has open is what is there."""

    opened: int
    """How many files the owner opened so far. Whoever reads beside it may have found the former one removed, and have
    had the next one made, which is empty."""

    async def close(self) -> None:
        """Let go of it."""


def lists_path(log: Path) -> Path:
    """The file of the lists of a log: ``timelined.db`` has ``timelined.incidents.db``."""
    name = log.name.removesuffix(".db")
    return log.with_name(f"{name}.incidents.db")


_connections = itertools.count()


def version(connection: Connection) -> tuple[int, ...] | None:
    """What is another one wherever anything was committed to the lists or the log since; None where nobody can tell.

    The same view over another connection may have another one.
    """
    if connection.dialect.name != "sqlite":
        return None
    known = connection.info.setdefault("timelined", next(_connections))
    return known, *(connection.exec_driver_sql(f"PRAGMA {name}.data_version").scalar_one() for name in ("main", "log"))


def open_lists(log: EventLog, *, owner: bool = False) -> Lists:
    """The lists of an open log; ``owner`` is the one who follows it."""
    if isinstance(log, SqliteLog):
        return SqliteLists(log.path, owner=owner, look=log.look)
    return PostgresLists(log, owner=owner)


def close_lists_to_others(log: Path) -> None:
    """Take others' rights to the lists of a log away, if there are any."""
    for beside in ("", "-wal", "-shm"):
        close_to_others(Path(f"{lists_path(log)}{beside}"))


class PostgresLists:
    """A schema beside the log's: the same connections, and to write to it the lease."""

    def __init__(self, log: EventLog, *, owner: bool = False) -> None:
        self._log, self._owner = log, owner
        self.in_place, self.opened = True, 0

    async def query(self, work: Callable[[Connection], T]) -> T:
        """See :class:`Lists`."""
        return await self._log.query(work)

    async def write(self, work: Callable[[Connection], T], *, durable: bool = True) -> T:
        """See :class:`Lists`."""
        return await self._log.transact(work, durable=durable, leading=self._owner)

    async def write_then_read(self, note: Callable[[Connection], bool], work: Callable[[Connection], T]) -> T | None:
        """See :class:`Lists`."""
        return await self.query(work) if await self.write(note, durable=False) else None

    async def scrub(self) -> str:
        """See :class:`Lists`: the log's own answer is about the whole database."""
        return ""

    async def close(self) -> None:
        """See :class:`Lists`: the log is closed by whoever opened it."""


class SqliteLists:
    """A file of its own. Only its owner makes it and its checkpoints; others open it for one transaction."""

    def __init__(
        self, log: Path, *, owner: bool = False, file: Path | None = None, look: Callable[[], None] = lambda: None
    ) -> None:
        """``look`` raises where what was just read of the log may not be shown."""
        self._log, self._owner, self._look = log, owner, look
        self.path = file or lists_path(log)
        self._closed = False
        self.opened = 0
        self._opened: tuple[int, int] | None = None
        """The file that the owner has open, by device and inode."""
        self._readers_file: tuple[int, int] | None = None
        """The file that readers have open."""
        self._readers = self._reading()
        self._former_readers: list[Readers | ThreadReaders] = []
        """Those over a file that was there before, until they are closed."""
        self._writer: Connection | None = None
        self._durable: bool | None = None
        """Whether a commit of the writer's is on the disk with its end; None of one that is new."""
        self._writing = ThreadPoolExecutor(1, "lists-writer")

    @property
    def in_place(self) -> bool:
        """See :class:`Lists`. Whoever found the file removed, and let go of it, is not the last to know."""
        return not (self._owner and self.opened) or (self._opened is not None and self._opened == self._identity())

    async def query(self, work: Callable[[Connection], T]) -> T:
        """See :class:`Lists`."""
        self._check_open()
        try:
            # Where the lists were made since this connection looked last, it finds them, and not tables of an earlier
            # version in the log.
            answer = await (await self._reader()).run(work, _VIEW)
        except (DBAPIError, sqlite3.Error) as error:
            raise await asyncio.to_thread(self._as_unavailable, "read", error) from error
        self._look()
        return answer

    async def write(self, work: Callable[[Connection], T], *, durable: bool = True) -> T:
        """See :class:`Lists`."""
        return await self._run(partial(self._transaction, work, durable))

    async def write_then_read(self, note: Callable[[Connection], bool], work: Callable[[Connection], T]) -> T | None:
        """See :class:`Lists`. Both on the connection that writes, which has in memory what it wrote last: each commit
        takes all of that from those that read."""
        answer = await self._run(partial(self._view_after, note, work))
        self._look()
        return answer

    async def scrub(self) -> str:
        """See :class:`Lists`."""
        return await self._run(self._scrub)

    async def close(self) -> None:
        """See :class:`Lists`. What was begun is finished."""
        if not self._closed:
            self._closed = True
            for each in (*self._former_readers, self._readers):
                await each.close()
            await asyncio.to_thread(self._close)

    def _check_open(self) -> None:
        if self._closed:
            raise Unavailable(f"cannot use the lists {self.path}: they are closed")

    async def _run(self, job: Callable[[], T]) -> T:
        """Run a job on the thread that writes."""
        self._check_open()
        running = asyncio.get_running_loop().run_in_executor(self._writing, job)
        # Where nobody waits for it any longer there is nobody to tell.
        running.add_done_callback(lambda done: None if done.cancelled() else done.exception() and None)
        return await asyncio.shield(running)

    def _close(self) -> None:
        self._writing.submit(self._let_go).result()
        self._writing.shutdown()

    def _identity(self) -> tuple[int, int] | None:
        try:
            status = self.path.stat()
        except FileNotFoundError:
            return None
        return status.st_dev, status.st_ino

    # --- reading ------------------------------------------------------------------------------------------------------

    def _reading(self) -> Readers | ThreadReaders:
        """Where there are no lists, an empty database stands for them: the log can be read all the same.

        What an owner reads beside its rounds is many small questions, and nobody's answer waits for its event loop.
        """
        path = self.path if self._readers_file else None
        kind = ThreadReaders if self._owner else Readers
        return kind(path, pragmas=("PRAGMA query_only = ON",), attached=[("log", self._log)])

    async def _reader(self) -> Readers | ThreadReaders:
        if self._owner and self._opened is None:
            await self._run(self._connected)
        identity = self._identity()
        if self._owner and identity != self._opened:
            await self._run(self._let_go)
            raise ListsRemoved(f"cannot read the lists {self.path}: the file was removed")
        if identity != self._readers_file:
            # What was read so far is read to its end; whoever comes now reads what is there.
            former, self._readers_file = self._readers, identity
            self._readers = self._reading()
            await self._close_former(former)
        return self._readers

    async def _close_former(self, former: Readers | ThreadReaders) -> None:
        """Where who asked is cut off meanwhile, the end of these lists waits for them."""
        self._former_readers.append(former)
        await former.close()
        self._former_readers.remove(former)

    def _attach(self, connection: sqlite3.Connection) -> None:
        connection.execute("ATTACH ? AS log", (f"file:{quote(str(self._log))}?mode=ro",))

    # --- writing ------------------------------------------------------------------------------------------------------

    def _transaction(self, work: Callable[[Connection], T], durable: bool) -> T:
        try:
            connection = self._connected()
            try:
                self._commit_as(connection, durable)
                answer = _committed(connection, work)
            finally:
                if not self._owner:
                    self._let_go()
        except (DBAPIError, sqlite3.Error) as error:
            raise self._as_unavailable("write to", error) from error
        return answer

    def _commit_as(self, connection: Connection, durable: bool) -> None:
        if self._durable != durable:
            driver_of(connection).execute(f"PRAGMA main.synchronous = {'FULL' if durable else 'NORMAL'}")
            self._durable = durable

    def _view_after(self, note: Callable[[Connection], bool], work: Callable[[Connection], T]) -> T | None:
        if not self._transaction(note, durable=False):
            return None
        try:
            return viewed(self._connected(), work, _VIEW)
        except (DBAPIError, sqlite3.Error) as error:
            raise self._as_unavailable("read", error) from error

    def _connected(self) -> Connection:
        """The connection that writes, to the file that is at its path."""
        if self._writer is not None and self._identity() != self._opened:
            self._let_go()
            raise ListsRemoved(f"cannot write to the lists {self.path}: the file was removed")
        if self._writer is None:
            self._writer = create_engine(
                "sqlite://", creator=self._connect_writer, poolclass=NullPool, hide_parameters=True
            ).connect()
        return self._writer

    def _connect_writer(self) -> sqlite3.Connection:
        if self._owner:
            self._make_file()
        address = f"file:{quote(str(self.path))}?mode=rw"
        connection = sqlite3.connect(address, uri=True, timeout=_BUSY, isolation_level=None, check_same_thread=False)
        try:
            for pragma in _OWNER if self._owner else ("PRAGMA secure_delete = ON", "PRAGMA wal_autocheckpoint = 0"):
                connection.execute(pragma)
            self._attach(connection)
        except BaseException:
            connection.close()
            raise
        self._opened = self._identity()
        self.opened += 1
        return connection

    def _make_file(self) -> None:
        """An empty file where there is none, without what an earlier one left beside it."""
        if self.path.exists():
            return
        for beside in ("-wal", "-shm"):
            Path(f"{self.path}{beside}").unlink(missing_ok=True)
        try:
            os.close(os.open(self.path, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, FILE_MODE))
        except OSError as error:
            raise Unavailable(f"cannot make the lists {self.path}: {error.strerror}") from error

    def _let_go(self) -> None:
        connection, self._writer, self._durable = self._writer, None, None
        whole, self._opened = self._opened == self._identity(), None
        if connection is None:
            return
        with suppress(DBAPIError, sqlite3.Error):
            if self._owner and whole:
                # Readers in other processes may close after us, and make no checkpoint.
                connection.exec_driver_sql("PRAGMA main.wal_checkpoint(TRUNCATE)")
                connection.rollback()
        with suppress(DBAPIError, sqlite3.Error):
            connection.close()

    def _as_unavailable(self, verb: str, error: Exception) -> Exception:
        """The database's failures as ours; a mistake of the work's own stays what it is."""
        if is_damage(error) and self._owner and not self._sound():
            # Whoever uses what is open next finds that it is not in its place.
            self.path.unlink(missing_ok=True)
            return ListsRemoved(f"cannot {verb} the lists {self.path}: they are damaged, and made anew")
        return Unavailable(f"cannot {verb} the lists {self.path}: {cause(error)}") if is_passing(error) else error

    def _sound(self) -> bool:
        """Whether what is damaged is not the lists; it takes reading all of them."""
        try:
            with closing(sqlite3.connect(f"file:{quote(str(self.path))}?mode=ro", uri=True)) as connection:
                return bool(connection.execute("PRAGMA quick_check(1)").fetchone() == ("ok",))
        except sqlite3.Error:
            return False

    def _scrub(self) -> str:
        until = time.monotonic() + _PATIENCE
        try:
            connection = self._connected()
            try:
                connection.rollback()
                connection.exec_driver_sql("VACUUM main")
                while True:
                    busy = connection.exec_driver_sql("PRAGMA main.wal_checkpoint(TRUNCATE)").one()[0]
                    if not busy:
                        return ""
                    if time.monotonic() > until:
                        return "another process reads the lists, which keeps their write-ahead log from being emptied"
                    time.sleep(0.02)
            finally:
                connection.rollback()
                if not self._owner:
                    self._let_go()
        except (DBAPIError, sqlite3.Error, Unavailable) as error:
            return f"the lists could not be written anew: {cause(error)}"


def _committed(connection: Connection, work: Callable[[Connection], T]) -> T:
    driver = driver_of(connection)
    try:
        driver.execute("BEGIN IMMEDIATE")
        answer = work(connection)
        driver.commit()
    except BaseException:
        with suppress(sqlite3.Error):
            driver.rollback()
        raise
    finally:
        if connection.in_transaction():
            # Where the work went through SQLAlchemy, that has to hear of the end as well.
            with suppress(DBAPIError, sqlite3.Error):
                connection.rollback()
    return answer
