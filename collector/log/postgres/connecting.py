"""Getting a connection to PostgreSQL that may be trusted, and saying what is wrong with one.

Every connection is asked, when it is made and with each commit, whether that lasts there: with
``fsync=off`` or ``synchronous_commit=off`` an answer of ours would promise what
the server does not keep. What a connection needs to be told (how long to wait,
how soon to notice that the other side is gone) is said here and nowhere else.

No password ever stands in a message: :attr:`Database.public_dsn` has none.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from time import monotonic
from types import MappingProxyType
from typing import Any

import asyncpg
from sqlalchemy import ClauseElement, bindparam, select
from sqlalchemy.dialects.postgresql.asyncpg import dialect
from sqlalchemy.exc import DBAPIError

from collector.errors import Unavailable
from collector.proof.acknowledged import Last
from collector.schema.tables import event
from collector.storage.outage import is_outage
from collector.storage.urls import each_host, without_credentials

PATIENCE = 3.0
"""Seconds for making a connection to one host. A sender that waits is answered 503 then, and comes again."""
SLOW_FOR = 10.0
"""Seconds for which a host that said nothing is tried last: every connection would wait for it otherwise."""
COMMAND = 60.0
"""Seconds a single statement may take where nothing else is said."""
APPEND = 10.0
"""The same for an append: a batch is answered 503 then, though it may yet be committed. What comes again is then known.
"""
LOCK_PATIENCE = "4s"
"""How long to wait for the head row while another session holds it."""
OLDEST = 14
"""The oldest major version with everything that ``schema.py`` says."""

_SETTINGS = {
    "application_name": "timelined",
    # Whatever the database's own default is: an append has to see what was committed while it waited for the head.
    "default_transaction_isolation": "read committed",
    "lock_timeout": LOCK_PATIENCE,
    # A daemon that was frozen in the middle of a transaction must not stop the others for ever.
    "idle_in_transaction_session_timeout": "30s",
    # A machine that lost its power says no goodbye. Its lease is free after some four seconds, by the last of these
    # where an answer was on its way to it: nothing else is sent then.
    "tcp_keepalives_idle": "2",
    "tcp_keepalives_interval": "1",
    "tcp_keepalives_count": "2",
    "tcp_user_timeout": "3000",
    # One of them says that a commit was not waited for.
    "client_min_messages": "warning",
    # Compiling a statement takes tens of milliseconds, and ours are many and short. A server does so as soon as a plan
    # looks dear, which every plan does with the ways switched off that a session does not want.
    "jit": "off",
}
READING = {"default_transaction_read_only": "on"}
"""For connections that only read."""
APPENDING = {"plan_cache_mode": "force_generic_plan", "enable_seqscan": "off"}
"""For the one that appends. Plans are made once, of what holds for a large log: an index for every id, whatever the
table's size was then."""
_CONNECT = re.compile(r"\[Errno (\d+)\] Connect call failed")
_WAITED = ("55P03", "57014")
"""SQLSTATE of a lock that was waited for in vain, and of a statement that was cancelled for taking too long."""
_DIALECT = dialect()  # type: ignore[no-untyped-call]
LASTS = "current_setting('fsync') AS fsync, current_setting('synchronous_commit') AS synchronous_commit"
"""What :meth:`Database.trust` is to be told."""
_PROMISES = f"""SELECT {LASTS}, current_setting('server_encoding') AS encoding,
    current_setting('server_version_num')::int / 10000 AS version, current_database() AS database"""
_BESIDE = """SELECT set_config('search_path',
    current_setting('search_path') || ', ' || quote_ident(current_schema() || '_incidents'), false)
    WHERE current_schema() IS NOT NULL"""
"""Tables that are not in the log's schema are looked for in that of the lists, which need not be there."""
NOT_KEPT = (
    "the connection ended with the commit, or that was cancelled while it waited for the synchronous standby, which "
    "need not have it"
)
"""Of a commit that was answered on a connection that is closed: which servers have it is not known."""
_BROKEN = {
    "fsync": "fsync=off there, so a power cut would lose what was acknowledged; set fsync=on",
    "synchronous_commit": "synchronous_commit=off there, so a crash would lose what was acknowledged; set it to on",
}


def as_text(statement: ClauseElement) -> str:
    """An expression as asyncpg takes it: a connection that begins, or that listens, is not yet one of SQLAlchemy's."""
    return str(statement.compile(dialect=_DIALECT))


_LEAF = as_text(select(event.c.leaf).where(event.c.position == bindparam("position")))


class Database:
    """A database of a PostgreSQL server, as ``storage.url`` names it."""

    def __init__(self, url: str) -> None:
        scheme, _, rest = url.partition("://")
        self.dsn = f"{scheme.partition('+')[0]}://{rest}"
        """As libpq would take it: several hosts, ``target_session_attrs``, ``passfile`` and ``sslmode`` included."""
        self._hosts = each_host(self.dsn)
        self.hindrance = ""
        """What keeps commits waiting, in an operator's words, as last seen; empty while nothing does."""
        self._slow_hosts: dict[str, float] = {}
        """Addresses of hosts that said nothing, each with the time until which it is tried last."""
        self.public_dsn = without_credentials(self.dsn)
        """The same for messages, without user and password."""
        self.last_acknowledged: Last | None = None
        """The last event that was acknowledged, as far as it is known here. A server without it was promoted too
        early, or is an old primary that came back: whatever we asked of it would be about another log."""

    async def connect(
        self, settings: Mapping[str, str] = MappingProxyType({}), longest: float = COMMAND
    ) -> asyncpg.Connection:  # fmt: skip
        """A new connection, sound by :data:`_PROMISES`, with settings of its own; ``longest`` a statement may take, s.

        Raises :class:`Unavailable` where there is none to be had.
        """
        connection = await self._reach(longest)
        connection.add_log_listener(_end_unless_kept)
        try:
            # Said only now: a session that began as one that only reads is refused by target_session_attrs=read-write.
            if settings:
                said = "; ".join(f"SET {name} = {value}" for name, value in settings.items())
                await connection.execute(said, timeout=PATIENCE)
            self._trust(dict(await connection.fetchrow(_PROMISES, timeout=PATIENCE)))
            await connection.execute(_BESIDE, timeout=PATIENCE)
            await self._recognise(connection)
        except BaseException as error:
            connection.terminate()
            if isinstance(error, Unavailable) or not isinstance(error, Exception):
                raise
            raise self.unavailable("reach", error) from error
        return connection

    async def _reach(self, longest: float) -> asyncpg.Connection:
        """A connection to the first host that gives one. Each has its own time: one that is silent takes only that."""
        failed: list[tuple[str, Exception]] = []
        now = monotonic()
        for name, dsn in sorted(self._hosts, key=lambda host: self._slow_hosts.get(host[1], now) > now):
            try:
                return await asyncpg.connect(dsn, timeout=PATIENCE, command_timeout=longest, server_settings=_SETTINGS)
            except Exception as error:
                failed.append((name, error))
                if isinstance(error, TimeoutError):
                    self._slow_hosts[dsn] = monotonic() + SLOW_FOR
        last = failed[-1][1]
        if len(failed) == 1:
            raise self.unavailable("reach", last) from last
        causes = "; ".join(f"{name}: {cause(error)}" for name, error in failed)
        raise Unavailable(f"cannot reach the database {self.public_dsn}: {causes}") from last

    def trust(self, fsync: str, synchronous_commit: str) -> None:
        """Raises :class:`Unavailable` where a commit with these settings does not last. A server that reads its
        configuration again changes them under its connections."""
        for name, found in (("fsync", fsync), ("synchronous_commit", synchronous_commit)):
            if found == "off":
                raise Unavailable(f"cannot use the database {self.public_dsn}: {_BROKEN[name]}")

    def _trust(self, server: Mapping[str, Any]) -> None:
        self.trust(server["fsync"], server["synchronous_commit"])
        if server["encoding"] != "UTF8":
            complaint = f"its encoding is {server['encoding']}; make one with ENCODING 'UTF8'"
            raise Unavailable(f"cannot use the database {self.public_dsn}: {complaint}")
        if server["version"] < OLDEST:
            complaint = f"the server is PostgreSQL {server['version']}; it has to be {OLDEST} or newer"
            raise Unavailable(f"cannot use the database {self.public_dsn}: {complaint}")

    async def _recognise(self, connection: asyncpg.Connection) -> None:
        """Refuse a server whose log is not the one that events were acknowledged of: a failover may lose some."""
        last = self.last_acknowledged
        if last is None:
            return
        leaf = await connection.fetchval(_LEAF, last.position, timeout=PATIENCE)
        if leaf != last.leaf:
            raise Unavailable(
                f"cannot use the database {self.public_dsn}: acknowledged events are lost there, position "
                f"{last.position} is not the one that was acknowledged; bring back the server that has it, or run "
                "timelined accept-loss and start again"
            )

    def unavailable(self, verb: str, error: BaseException) -> Unavailable:
        """The error for whoever waits, with the server's own words and none of the values."""
        what = self.hindrance if self.hindrance and _waited(error) else cause(error)
        return Unavailable(f"cannot {verb} the database {self.public_dsn}: {what}")

    def as_unavailable(self, verb: str, error: Exception) -> Exception:
        """The database's failures as ours; a mistake of the work's own, in its SQL too, stays what it is."""
        return self.unavailable(verb, error) if is_outage(error) else error


def _end_unless_kept(connection: Any, message: Any) -> None:
    """Give a connection up whose commit somebody cancelled while it waited for the standby.

    The server answers such a commit as any other and only warns: it is on this server alone. Listeners hear of it
    before whoever waits for the answer, and a success of a connection that is closed is not believed.
    """
    if message.server_source_function == "SyncRepWaitForLSN":
        connection.terminate()


def _waited(error: BaseException) -> bool:
    """Whether it is about having waited too long: for a lock that a waiting commit holds, or for the commit itself."""
    original = (error.orig if isinstance(error, DBAPIError) else None) or error
    original = original if isinstance(original, TimeoutError) else (original.__cause__ or original)
    return isinstance(original, TimeoutError) or getattr(original, "sqlstate", "") in _WAITED


def cause(error: BaseException) -> str:
    """The database's own words, without the statement and its values."""
    original: BaseException = error
    if isinstance(error, DBAPIError) and error.orig is not None:
        original = error.orig.__cause__ or error.orig
    if isinstance(original, OSError) and (refused := _CONNECT.search(str(original))):
        # What asyncio says of it names each address in brackets, and twice where a name has two.
        return os.strerror(int(refused[1]))
    return str(original) or type(original).__name__
