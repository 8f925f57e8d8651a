"""The log in one SQLite file.

One connection writes and makes every checkpoint, on a thread of its own; a
race between two writing connections has damaged files before SQLite 3.51.3.
WAL with ``synchronous=FULL``: a commit that was answered survives a power cut
(with NORMAL it does not). A disk that fails to keep a write ends all writing,
and so does a file that was moved away under us: ``storage.disk`` says why, and
it is looked at before anybody is answered. Readers open the file read-only and
see one consistent view each; they neither wait for the writer nor make it wait.

Order: there is one writer at a time (``storage.lock``, ``storage.datafile``, and
``BEGIN IMMEDIATE`` against any other program), and numbers come from the head row
within its transaction. So positions become visible in order and without gaps.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

from sqlalchemy import Connection, Engine, NullPool, create_engine
from sqlalchemy.exc import DBAPIError

from collector.errors import DiskFailed, LogDamaged, Unavailable
from collector.log import appending
from collector.log.base import BaseLog
from collector.log.contract import Answer, Submission
from collector.proof.acknowledged import Last
from collector.schema import guards, migrations
from collector.schema.heads import check_head
from collector.storage.datafile import DataFile
from collector.storage.disk import Disk, cause, is_damage
from collector.storage.lock import WriterLock
from collector.storage.readers import Readers
from collector.storage.transaction import BUSY, Write

log = logging.getLogger(__name__)
T = TypeVar("T")

KeepCopy = Callable[[Path, str], Path]
"""Copies a file, of an earlier revision, before it is upgraded; the answer is where the copy is."""

_WRITER_PRAGMAS = (
    # Before anything is written: it cannot change later. Larger pages halve the work of wide rows.
    "PRAGMA page_size = 8192",
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    # What is removed is overwritten at once; nearly all that is written is never removed, so it costs nothing.
    "PRAGMA secure_delete = ON",
    # SQLite's own checkpoints keep it to themselves when the disk fails; see Disk.
    "PRAGMA wal_autocheckpoint = 0",
    "PRAGMA cache_size = -8192",
)
_READER_PRAGMAS = ("PRAGMA query_only = ON", "PRAGMA wal_autocheckpoint = 0")
_ABANDONED_WRITERS: list[tuple[Connection, DataFile | None]] = []
"""Writers over a disk that failed. Closing would make a checkpoint, out of pages that may not be those we wrote."""
_ROWS_ON_LOOP = 1200
"""A batch of more deliveries and events than this is inserted on the writer's thread. Up to it, some 10 ms of the event
loop are the lesser evil: on the thread the same takes longer, and the loop is held up as well, row by row."""


class SqliteLog(BaseLog):
    """:class:`collector.log.EventLog` over one file."""

    def __init__(
        self,
        path: Path,
        *,
        writable: bool = True,
        address: str = "",
        any_schema: bool = False,
        keep_copy: KeepCopy | None = None,
    ) -> None:
        """See :func:`collector.log.open_log`."""
        super().__init__()
        self._keep_copy = keep_copy
        self.path = path
        self._closed = False
        self._busy = 0
        self._job: asyncio.Future[Any] | None = None
        """What the writer's thread was given last."""
        self._acknowledge: Callable[[int, bytes], None] | None = None
        self._lock: WriterLock | None = None
        self._writer: Connection | None = None
        self._unready: Callable[[], None] | None = None
        self._disk = Disk(path)
        self._broken = asyncio.Event()
        if writable:
            self._open_writer(address)
        else:
            _must_be_there(path)
        if not (writable or any_schema):
            self._check_readable()
        self._readers = Readers(path, pragmas=_READER_PRAGMAS)
        self._writing = ThreadPoolExecutor(1, "log-writer")

    def _open_writer(self, address: str) -> None:
        if not self.path.parent.is_dir():
            raise Unavailable(f"cannot open the log {self.path}: there is no folder {self.path.parent}; make it first")
        self._lock = WriterLock(self.path, address)
        try:
            self._disk.file = file = DataFile(self.path)
            self._writer = self._connect()
            self._prepare()
            file.connected()
        except (DBAPIError, sqlite3.Error) as error:
            self._release()
            raise self._disk.as_unopenable(error) from error
        except BaseException:
            self._release()
            raise

    def _connect(self) -> Connection:
        """The writer's connection; on a full disk the reserve is what makes one possible."""
        connecting = _engine(partial(_connect_writer, self.path)).connect
        try:
            return connecting()
        except (DBAPIError, sqlite3.Error):
            if not (self._disk.full and self._disk.reserve.give_up()):
                raise
        return connecting()

    def _prepare(self) -> None:
        """Be ready to write; on a full disk later, where what is there can be read meanwhile."""
        self._unready = self._make_ready
        try:
            self._make_ready()
        except DiskFailed:
            raise
        except Unavailable:
            if not (self._disk.full and self._is_whole()):
                raise

    def _make_ready(self) -> None:
        """Have what was left on the disk, and the schema as it should be. Nothing is written before that."""
        assert self._writer is not None  # noqa: S101 - connected
        self._disk.recover(self._writer)
        self._before_upgrade(self._writer)
        Write(self._disk, self._writer, _upgrade).whole(durable=True)
        self._unready = None
        if not self._disk.full:
            self._disk.reserve.keep()

    def _before_upgrade(self, writer: Connection) -> None:
        """Keep a verified copy of a log of an earlier schema: there is no way back but that."""
        schema = migrations.schema(writer)
        writer.rollback()
        if self._keep_copy is None or not (schema.behind and schema.revision):
            return
        try:
            copy = self._keep_copy(self.path, schema.revision)
        except (Unavailable, LogDamaged) as error:
            raise type(error)(
                f"cannot upgrade {self.path}: no copy of it could be kept before ({error}). Make room; or keep one "
                "elsewhere with timelined backup, and run `timelined db upgrade --without-copy`"
            ) from error
        log.warning("the file is upgraded from revision %s; as it was it is kept as %s", schema.revision, copy)

    def _is_whole(self) -> bool:
        """Whether nothing is missing before the log can be read: its schema is this version's, and it agrees."""
        assert self._writer is not None  # noqa: S101 - connected
        try:
            if migrations.schema(self._writer).mismatch:
                return False
            _agree(self._writer)
            return True
        finally:
            self._writer.rollback()

    def _check_readable(self) -> None:
        """What a later version wrote can be read, since revisions only add; what an earlier one wrote lacks things."""
        found = schema_of(self.path)
        if found.mismatch and not found.ahead:
            raise Unavailable(f"cannot read the log {self.path}: {found.mismatch}")

    def announce(self, address: str) -> None:
        """Say in the lock file where the API listens, once that is known."""
        if self._lock is not None:
            self._lock.announce(address)

    def shortage(self) -> str:
        """See :meth:`collector.log.EventLog.shortage`."""
        return self._disk.shortage

    async def append(self, submissions: Sequence[Submission]) -> list[Answer]:
        """See :meth:`collector.log.EventLog.append`."""
        if not submissions:
            self._disk.check_room()
            self._disk.look()
        rows = sum(1 + len(told.events) for told in submissions)
        try:
            return await self._perform(
                partial(appending.append, submissions=submissions), on_loop=rows <= _ROWS_ON_LOOP
            )
        except (Unavailable, LogDamaged):
            raise
        except Exception as error:
            self._note(error, submissions)
            return await self._perform(partial(self._singly, submissions=submissions))

    async def transact(
        self, work: Callable[[Connection], T], *, durable: bool = True, leading: bool = False
    ) -> T:  # fmt: skip
        """See :meth:`collector.log.EventLog.transact`."""
        return await self._perform(partial(appending.appended_by, work), durable=durable)

    async def scrub(self) -> str:
        """See :meth:`collector.log.EventLog.scrub`."""
        if self._writer is None or self._closed:
            raise Unavailable(f"cannot write to {self.path}: the log is {'closed' if self._closed else 'read-only'}")
        if self._unready is not None:
            await self._be_ready(self._unready)
        begun: Write[str, Last | None] = Write(self._disk, self._writer, lambda connection: ("", None))
        return await self._elsewhere(partial(begun.scrub), begun)

    async def _perform(
        self, work: Callable[[Connection], tuple[T, Last | None]], *, durable: bool = True, on_loop: bool = False
    ) -> T:  # fmt: skip
        """One write transaction, whose work says which event it added last.

        ``on_loop`` does all but the commit on the event loop, once the connection is free. The driver lets go of the
        interpreter for each row it inserts and then waits to get it back from the busy loop: for a small batch that
        costs more than the inserting. Only the commit, which waits for the disk, has to be elsewhere.
        """
        if on_loop:
            await self._idle()
        if self._writer is None or self._closed:
            raise Unavailable(f"cannot write to {self.path}: the log is {'closed' if self._closed else 'read-only'}")
        if self._unready is not None:
            await self._be_ready(self._unready)
        begun = Write(self._disk, self._writer, work)
        if not (on_loop and self._busy == 0 and begun.begin(wait=False)):
            return await self._elsewhere(partial(begun.whole, durable), begun)
        try:
            begun.work()
        except DiskFailed:
            self._broken.set()
            raise
        return await self._elsewhere(begun.commit, begun)

    async def _idle(self) -> None:
        """Wait until nothing is done on the writer's thread, and what was done is looked at."""
        while self._busy and self._job is not None:
            await asyncio.wait([self._job])

    async def _be_ready(self, make: Callable[[], None]) -> None:
        """Make up for what a full disk did not let us do at the start."""
        await asyncio.shield(self._submit(make))

    async def _elsewhere(self, job: Callable[[], T], write: Write[T, Last | None]) -> T:
        """Run a job on the writer's thread, and then wake those who follow.

        It is finished even if nobody waits for it any longer: a transaction is never left open.
        """
        running = self._submit(job)
        running.add_done_callback(partial(self._finished, write))
        answer = await asyncio.shield(running)
        if self._disk.failure:
            raise DiskFailed(self._disk.failure)
        return answer

    def _submit(self, job: Callable[[], T]) -> asyncio.Future[T]:
        self._busy += 1
        self._job = running = asyncio.get_running_loop().run_in_executor(self._writing, job)
        running.add_done_callback(self._let_go)
        return running

    def _let_go(self, running: asyncio.Future[Any]) -> None:
        self._busy -= 1
        self._tell_broken()

    def _tell_broken(self) -> None:
        if self._disk.failure:
            self._broken.set()

    def _finished(self, write: Write[Any, Last | None], running: asyncio.Future[Any]) -> None:
        if running.cancelled() or running.exception() is not None:
            return
        try:
            # What was committed counts only where it will be looked for.
            self._disk.look()
        except DiskFailed:
            self._broken.set()
            return
        if write.appended:
            if self._acknowledge:
                self._acknowledge(write.appended.position, write.appended.leaf)
            self._wake()
            if self._lock is not None:
                self._lock.repeat()
        if self._writer is not None and not self._closed and self._disk.due():
            # After those who wait were answered, and before anybody else writes.
            self._submit(partial(self._disk.checkpoint, self._writer))

    async def broken(self) -> str:
        """See :meth:`collector.log.EventLog.broken`."""
        await self._broken.wait()
        return self._disk.failure

    async def query(self, work: Callable[[Connection], T]) -> T:
        """See :meth:`collector.log.EventLog.query`."""
        if self._closed:
            raise Unavailable(f"cannot read {self.path}: the log is closed")
        if self._disk.failure:
            raise DiskFailed(self._disk.failure)
        try:
            answer = await self._readers.run(work)
        except (DBAPIError, sqlite3.Error) as error:
            if self._writer is not None and is_damage(error):
                # What is built on such pages is lost with them.
                raise self._disk.as_unavailable(error) from error
            raise Unavailable(f"cannot read the log {self.path}: {cause(error)}") from error
        finally:
            self._tell_broken()
        self.look()
        return answer

    def look(self) -> None:
        """Raises :class:`DiskFailed` where this process writes to a file that is not at its path any more.

        What was committed to such a file is shown to nobody, as it is acknowledged to nobody: who read asks this
        afterwards.
        """
        if self._writer is not None and not self._closed:
            try:
                self._disk.look()
            finally:
                self._tell_broken()

    def acknowledge(self, record: Callable[[int, bytes], None]) -> None:
        """See :meth:`collector.log.EventLog.acknowledge`."""
        self._acknowledge = record

    async def lead(self) -> bool:
        """See :meth:`collector.log.EventLog.lead`: the writer's lock is the lease.

        Whoever asks every second has the file, the locks and the size of the write-ahead log looked after.
        """
        if self._writer is None or self._lock is None or self._closed:
            return False
        try:
            self._disk.look()
            if not self._lock.in_place:
                await asyncio.to_thread(self._keep_lock, self._lock)
        except DiskFailed:
            self._broken.set()
            return False
        if self._disk.idle():
            self._submit(partial(self._disk.checkpoint, self._writer, "TRUNCATE"))
        return True

    def _keep_lock(self, lock: WriterLock) -> None:
        """Take the lock file again that somebody removed. Raises :class:`DiskFailed` where another took its place."""
        if other := lock.renew():
            self._disk.failure = f"cannot write to {self.path}: {other}; two would write to one log. Stop the other"
            raise DiskFailed(self._disk.failure)
        log.warning("the lock file %s was removed, and is locked again; leave it where it is", lock.path)

    async def others(self) -> int:
        """See :meth:`collector.log.EventLog.others`: there is one writer."""
        return 0

    async def close(self) -> None:
        """See :meth:`collector.log.EventLog.close`."""
        if not self._closed:
            self._closed = True
            # Readers first: the last connection to close makes the final checkpoint, and only the writer may.
            try:
                await self._readers.close()
            finally:
                # A file that is closed before it is looked at passes for one that is gone.
                await self._idle()
                await asyncio.to_thread(self._close)

    def _close(self) -> None:
        self._writing.shutdown()
        self._release()

    def _release(self) -> None:
        file = self._disk.file
        if self._writer is not None:
            with suppress(DiskFailed):
                self._disk.look()
            if self._disk.failure:
                self._disk.leave(self._writer)
                _ABANDONED_WRITERS.append((self._writer, file))
                file = None
            else:
                self._writer.close()
            self._writer = None
        if file is not None:
            file.close()
        if self._lock is not None:
            self._lock.release()


def _must_be_there(path: Path) -> None:
    """Raises ``Unavailable`` where no file is there to be read."""
    if path.is_dir():
        raise Unavailable(f"cannot read the log {path}: that is a folder; name the file in it, such as timelined.db")
    if not path.is_file():
        raise Unavailable(f"cannot read the log {path}: there is no such file; start the daemon once, it makes it")


def schema_of(path: Path) -> migrations.Schema:
    """The revision a file is at, whatever version wrote it; raises ``Unavailable`` where there is no such file."""
    _must_be_there(path)
    try:
        with _engine(partial(_connect_reader, path)).connect() as connection:
            return migrations.schema(connection)
    except (DBAPIError, sqlite3.Error) as error:
        raise Unavailable(f"cannot read the log {path}: {cause(error)}") from error


async def upgrade(path: Path, *, keep_copy: KeepCopy | None = None) -> migrations.Schema:
    """Open a file to write, which upgrades it; what was found before."""
    before = _schema_before(path)
    log = await asyncio.to_thread(SqliteLog, path, keep_copy=keep_copy)
    await log.close()
    return before


def _schema_before(path: Path) -> migrations.Schema:
    return schema_of(path) if path.is_file() else migrations.Schema("")


def _engine(connect: Callable[[], sqlite3.Connection]) -> Engine:
    # An error that is logged says the statement, and never what senders told.
    return create_engine("sqlite://", creator=connect, poolclass=NullPool, hide_parameters=True)


def _connect_writer(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=BUSY, isolation_level=None, check_same_thread=False)
    for pragma in _WRITER_PRAGMAS:
        connection.execute(pragma)
    (mode,) = connection.execute("PRAGMA journal_mode").fetchone()
    if mode != "wal":
        raise sqlite3.OperationalError(f"write-ahead logging is not possible here (journal mode {mode})")
    # From here on waiting is done by begin(), which knows when it may not.
    connection.execute("PRAGMA busy_timeout = 0")
    return connection


def _connect_reader(path: Path) -> sqlite3.Connection:
    address = f"file:{quote(str(path))}?mode=ro"
    connection = sqlite3.connect(address, uri=True, timeout=BUSY, isolation_level=None, check_same_thread=False)
    for pragma in _READER_PRAGMAS:
        connection.execute(pragma)
    return connection


def _upgrade(connection: Connection) -> tuple[None, None]:
    """Bring the schema up to date, in a file that does not contradict itself. It adds no event."""
    migrations.upgrade(connection)
    _agree(connection)
    return None, None


def _agree(connection: Connection) -> None:
    """Refuse a file that contradicts itself, or in which something else has a say."""
    guards.refuse_foreign(connection)
    check_head(connection)
