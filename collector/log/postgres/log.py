"""The log in a PostgreSQL database, which several daemons may share.

Order: positions come from the head row, which an append locks before it reads
and holds until its commit is visible. So whoever appends next numbers on from
there, and a position becomes visible only together with every one before it.

Appends have a connection of their own, with plans made for a large log. Work of
others (``transact``, ``query``) has other connections, and so has the lease.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Any, TypeVar

import structlog
from sqlalchemy import Connection, MetaData
from sqlalchemy.exc import DBAPIError

from collector.errors import LogDamaged, Unavailable
from collector.log import appending
from collector.log.appending import Appended
from collector.log.base import BaseLog
from collector.log.contract import FOLLOWING, JOBS, Answer, Lease, Submission
from collector.log.postgres import connecting
from collector.log.postgres.connecting import APPENDING, COMMAND, LASTS, READING, Database
from collector.log.postgres.sessions import Session
from collector.log.postgres.waking import SILENT, CommitListener
from collector.proof.acknowledged import Last
from collector.schema import guards, migrations, postgresql
from collector.storage.outage import is_outage

log = structlog.get_logger(__name__)
T = TypeVar("T")

_READERS = 4
_LEASE = "SELECT pg_try_advisory_lock({}, 'head'::regclass::oid::integer)"
"""The advisory lock that the one who follows holds, or does the jobs: a number of ours, and which log of this database.
"""
_LEASES = {FOLLOWING: 1818583411, JOBS: 1818583413}
_SHOW = "SELECT pg_advisory_lock_shared(1818583412, 'head'::regclass::oid::integer)"
"""What every daemon that takes webhooks holds, so that others see it."""
_OTHERS = """SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND classid = 1818583412 AND granted
    AND objid = 'head'::regclass AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND pid <> ?"""
_LAX = "SET LOCAL synchronous_commit TO off"
"""Before work whose commit may be lost with the server's power. A session begins with what the server promises."""


class PostgresLog(BaseLog):
    """:class:`collector.log.EventLog` over one database."""

    def __init__(self, url: str, *, writable: bool = True, lease: Lease = FOLLOWING) -> None:
        """Nothing is connected yet; see :meth:`opened`."""
        super().__init__()
        self._lease = _LEASE.format(_LEASES[lease])
        self.address = Database(url)
        self._closed = False
        self._announced = self._leads = self._unresponsive = False
        self._acknowledge: Callable[[int, bytes], None] | None = None
        self._acknowledged = 0
        self._running: set[asyncio.Task[Any]] = set()
        self._appender = self._session(APPENDING, connecting.APPEND) if writable else None
        self._writer = self._session() if writable else None
        self._leader = self._session() if writable else None
        self._readers = [self._session(READING) for _ in range(_READERS)]
        self._idle: asyncio.LifoQueue[Session] = asyncio.LifoQueue()
        for reader in self._readers:
            self._idle.put_nowait(reader)
        self._waker = CommitListener(self.address, self._wake, self._ours, self._remember, self._on_responsiveness)

    @classmethod
    async def opened(
        cls, url: str, *, writable: bool = True, extra_metadata: Sequence[MetaData] = (), any_schema: bool = False,
        lease: Lease = FOLLOWING,
    ) -> PostgresLog:  # fmt: skip
        """See :func:`collector.log.open_log`."""
        log = cls(url, writable=writable, lease=lease)
        try:
            await log._open(extra_metadata, any_schema)
        except BaseException:
            for session in log._sessions:
                session.cut()
                await session.close()
            raise
        return log

    def _session(self, settings: Mapping[str, str] = MappingProxyType({}), longest: float = COMMAND) -> Session:
        isolation = "REPEATABLE READ" if settings is READING else "READ COMMITTED"
        return Session(partial(self.address.connect, settings, longest), isolation)

    @property
    def _sessions(self) -> list[Session]:
        sessions = (self._appender, self._writer, self._leader, *self._readers)
        return [session for session in sessions if session is not None]

    async def _open(self, extra_metadata: Sequence[MetaData], any_schema: bool) -> None:
        """Make what is missing, or see that there is something to read."""
        try:
            if self._writer is not None:
                await self._writer.run(partial(_prepare, extra_metadata=extra_metadata))
            else:
                found = await self._readers[-1].run(migrations.schema)
                if not any_schema:
                    self._check_readable(found)
        except Exception as error:
            raise self.address.as_unavailable("open the log in", error) from error

    def _check_readable(self, schema_found: migrations.Schema) -> None:
        """What a later version wrote can be read, since revisions only add; what an earlier one wrote lacks things."""
        if schema_found.mismatch and not schema_found.ahead:
            raise Unavailable(f"cannot read the log {self.address.public_dsn}: {schema_found.mismatch}")

    # --- writing ------------------------------------------------------------------------------------------------------

    def shortage(self) -> str:
        """See :meth:`collector.log.EventLog.shortage`: how full a server's disk is, is not said to its clients."""
        return ""

    async def append(self, submissions: Sequence[Submission]) -> list[Answer]:
        """See :meth:`collector.log.EventLog.append`."""
        self._refuse_unless_writable()
        self._refuse_if_silent("write to")
        return await self._finished(self._append(submissions))

    async def _append(self, submissions: Sequence[Submission]) -> list[Answer]:
        try:
            return await self._append_by(appending.append, submissions)
        except (Unavailable, LogDamaged):
            raise
        except Exception as error:
            self._note(error, submissions)
            return await self._append_by(self._singly, submissions)

    async def _append_by(self, append: Callable[..., Appended], submissions: Sequence[Submission]) -> list[Answer]:
        """What SQLite does as well, in a transaction of the connection that appends."""
        assert self._appender is not None  # noqa: S101 - asked before
        try:
            return await self._transact(self._appender, partial(append, submissions=submissions), durable=True)
        except Unavailable:
            # What the server would still say, nobody would understand: the next batch has a connection of its own.
            self._appender.cut()
            raise

    async def transact(self, work: Callable[[Connection], T], *, durable: bool = True, leading: bool = False) -> T:
        """See :meth:`collector.log.EventLog.transact`."""
        self._refuse_unless_writable()
        session = self._leader if leading else self._writer
        assert session is not None  # noqa: S101 - asked before
        noting = partial(_leading, session, self._lease, work) if leading else partial(appending.appended_by, work)
        return await self._finished(self._transact(session, noting, durable=durable))

    async def _transact(
        self, session: Session, work: Callable[[Connection], tuple[T, Last | None]], *, durable: bool
    ) -> T:  # fmt: skip
        """One transaction, whose work says which event it added last. A lease that was lost stays lost here."""
        renewed = session is not self._leader
        work = partial(self._trusting, work) if durable else work
        try:
            answer, last = await session.run(work, first="" if durable else _LAX, renewed=renewed)
        except Exception as error:
            raise self.address.as_unavailable("write to", error) from error
        self._appended(last)
        return answer

    def _trusting(self, work: Callable[[Connection], T], connection: Connection) -> T:
        self.address.trust(*connection.exec_driver_sql(f"SELECT {LASTS}").one())
        return work(connection)

    def _appended(self, last: Last | None) -> None:
        """Have what was committed kept, before anybody is answered, and those who follow woken."""
        if last is not None:
            self._remember(last.position, last.leaf)
            self._wake()

    def _remember(self, position: int, leaf: bytes) -> None:
        """Keep what was committed, by us or by others; the answer of one connection may overtake another's."""
        if self._acknowledge is not None and position > self._acknowledged:
            self._acknowledged = position
            self._acknowledge(position, leaf)
            self.address.last_acknowledged = Last(position, leaf)

    def acknowledge(self, record: Callable[[int, bytes], None]) -> None:
        """See :meth:`collector.log.EventLog.acknowledge`. What others add is recorded as well, soon after."""
        self._acknowledge = record
        self._waker.start()

    async def broken(self) -> str:
        """See :meth:`collector.log.EventLog.broken`: a server unsure of its disk stops by itself."""
        await asyncio.Event().wait()
        return ""

    async def _finished(self, work: Coroutine[Any, Any, T]) -> T:
        """It is finished even if nobody waits for it any longer: a transaction is never left open."""
        task = asyncio.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._done)
        return await asyncio.shield(task)

    def _done(self, task: asyncio.Task[Any]) -> None:
        """Whoever waits has its error; where nobody does any longer there is nobody to tell."""
        self._running.discard(task)
        if not task.cancelled():
            task.exception()

    async def scrub(self) -> str:
        """See :meth:`collector.log.EventLog.scrub`: on another machine's disk that is not for us to do."""
        self._refuse_unless_writable()
        return "PostgreSQL keeps removed rows until it vacuums the table, and in its write-ahead log and your backups"

    def _refuse_unless_writable(self) -> None:
        if self._closed or self._writer is None:
            state = "closed" if self._closed else "read-only"
            raise Unavailable(f"cannot write to {self.address.public_dsn}: the log is {state}")

    # --- the lease ----------------------------------------------------------------------------------------------------

    async def lead(self) -> bool:
        """See :meth:`collector.log.EventLog.lead`."""
        if self._closed or self._leader is None:
            return False
        # A question that is cut off takes its connection with it, and with that the lease.
        return await self._finished(self._lead(self._leader))

    async def _lead(self, leader: Session) -> bool:
        try:
            self._leads = await leader.run(
                partial(_locked, leader, self._lease, leading=self._leads, shows=self._announced)
            )
        except Exception as error:
            self._leads = False
            if not is_outage(error) and not isinstance(error, Unavailable):
                raise
        return self._leads

    def announce(self, address: str) -> None:
        """See :meth:`collector.log.EventLog.announce`: seen by the others with the next question for the lease."""
        self._announced = True

    async def others(self) -> int:
        """See :meth:`collector.log.EventLog.others`."""
        ours = 0 if self._leader is None else self._leader.pid
        return await self.query(lambda c: int(c.exec_driver_sql(_OTHERS, (ours,)).scalar_one()))

    # --- reading ------------------------------------------------------------------------------------------------------

    async def query(self, work: Callable[[Connection], T]) -> T:
        """See :meth:`collector.log.EventLog.query`."""
        if self._closed:
            raise Unavailable(f"cannot read {self.address.public_dsn}: the log is closed")
        self._refuse_if_silent("read")
        return await self._finished(self._query(work))

    async def _query(self, work: Callable[[Connection], T]) -> T:
        session = await self._idle.get()
        try:
            return await session.run(work)
        except (DBAPIError, OSError) as error:
            self._refuse_if_silent("read")
            raise self.address.unavailable("read", error) from error
        finally:
            self._idle.put_nowait(session)

    def _on_responsiveness(self, silent: bool) -> None:
        """Have nobody wait for a server that says nothing, until it does."""
        if silent == self._unresponsive:
            return
        self._unresponsive = silent
        if not silent:
            log.info("the database answers again", database=self.address.public_dsn)
            return
        log.warning("the database does not answer; all are refused until it does", database=self.address.public_dsn)
        for session in self._sessions:
            if session is not self._leader:
                session.cut()

    def _refuse_if_silent(self, verb: str) -> None:
        if self._unresponsive:
            what = f"it does not answer within {SILENT:g} s"
            raise Unavailable(f"cannot {verb} the database {self.address.public_dsn}: {what}")

    def subscribe(self, wake: Callable[[], None]) -> Callable[[], None]:
        """See :meth:`collector.log.EventLog.subscribe`."""
        self._waker.start()
        return super().subscribe(wake)

    def _ours(self, pid: int) -> bool:
        sessions = (self._appender, self._writer, self._leader)
        return any(session is not None and session.pid == pid for session in sessions)

    # --- the end ------------------------------------------------------------------------------------------------------

    async def close(self) -> None:
        """See :meth:`collector.log.EventLog.close`."""
        if self._closed:
            return
        self._closed = True
        await self._waker.close()
        if self._running:
            await asyncio.wait(self._running)
        await asyncio.gather(*(session.close() for session in self._sessions))


def _prepare(connection: Connection, extra_metadata: Sequence[MetaData]) -> None:
    """Make what is missing, in a database in which nothing else has a say."""
    postgresql.prepare(connection, extra_metadata)
    guards.refuse_foreign(connection)


def _leading(
    session: Session, lease: str, work: Callable[[Connection], T], connection: Connection
) -> tuple[T, None]:  # fmt: skip
    """What ``work`` gives, if this connection holds the lease. Who follows adds no event by it."""
    if lease not in session.locks:
        raise Unavailable("cannot write what is made of the log: this process does not follow it, another one may")
    return work(connection), None


def _locked(session: Session, lease: str, connection: Connection, leading: bool, shows: bool) -> bool:
    """Whether this connection holds the lease; ``leading`` is whether one did when we asked last.

    If it did, and this one does not, the lease was lost: we say so once before we take it again. Another may have had
    it meanwhile, and what the holder remembers of the projections is not what they are.
    """
    if shows and _SHOW not in session.locks:
        connection.exec_driver_sql(_SHOW)
        session.locks.add(_SHOW)
    if lease in session.locks:
        connection.exec_driver_sql("SELECT 1")
        return True
    if not leading and connection.exec_driver_sql(lease).scalar_one():
        session.locks.add(lease)
    return lease in session.locks


async def schema_of(url: str) -> migrations.Schema:
    """The revision a database is at, whatever version wrote it; raises ``Unavailable`` where it cannot be asked."""
    return await _with_a_session(url, migrations.schema)


async def upgrade(
    url: str, extra_metadata: Sequence[MetaData], fit: Callable[[Connection], object]
) -> migrations.Schema:  # fmt: skip
    """Bring a database to this version, as its owner; what was found before."""

    def work(connection: Connection) -> migrations.Schema:
        found = postgresql.upgrade(connection, extra_metadata)
        fit(connection)
        return found

    return await _with_a_session(url, work)


async def _with_a_session(url: str, work: Callable[[Connection], T]) -> T:
    address = Database(url)
    session = Session(address.connect, "READ COMMITTED")
    try:
        return await session.run(work)
    except Exception as error:
        raise address.as_unavailable("use", error) from error
    finally:
        await session.close()
