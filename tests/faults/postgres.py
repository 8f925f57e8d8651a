"""Faults of PostgreSQL: restarts, crashes, failovers, the return of an old primary, several daemons at once."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path
from typing import TypeVar

import aiohttp
from sqlalchemy import Connection

from collector.log import open_log
from tests.faults import stored
from tests.faults.checker import check
from tests.faults.history import Outcome, now
from tests.faults.report import Report, Skipped
from tests.faults.rig import Rig, rigged
from tests.faults.supervisor import Supervisor, until
from tests.postgres import Server, absent, placed, tested
from tests.processes import eventually

T = TypeVar("T")


class PostgresStore:
    """A database that may move from one server to another."""

    def __init__(self, *servers: Server, name: str) -> None:
        self._servers, self.name = servers, name

    @property
    def url(self) -> str:
        """Every server; whichever takes writes is used."""
        hosts = ",".join(str(server.folder) for server in self._servers)
        more = "&target_session_attrs=primary" if len(self._servers) > 1 else ""
        return f"postgresql+asyncpg://owner@/{self.name}?host={hosts}{more}"

    async def view(self, work: Callable[[Connection], T]) -> T:
        """One consistent view, on connections of its own."""
        log = await open_log(self.url, writable=False)
        try:
            return await log.query(work)
        finally:
            await log.close()

    def copy(self, to: Path) -> None:
        """A dump."""
        for server in self._servers:
            try:
                to.write_text(server.run("pg_dump", "-h", str(server.folder), "-U", "owner", self.name))
            except AssertionError:
                continue
            return


@contextmanager
def server(**settings: str) -> Iterator[Server]:
    """A server that runs for the length of the block."""
    if reason := absent():
        raise Skipped(f"{reason}; on Debian: apt-get install postgresql")
    with tested(**settings) as made:
        yield made


@contextmanager
def standby(primary: Server, name: str) -> Iterator[Server]:
    """A streaming replica of a server, caught up."""
    with placed() as copy:
        copy.run("pg_basebackup", "-h", str(primary.folder), "-U", "owner", "-D", str(copy.data), "--checkpoint=fast")
        conninfo = f"host={primary.folder} user=owner application_name={name}"
        copy.configure(f"primary_conninfo = '{conninfo}'\nunix_socket_directories = '{copy.folder}'")
        (copy.data / "standby.signal").touch()
        copy.start()
        yield copy


async def on_thread(work: Callable[..., T], *arguments: object) -> T:
    """What blocks, beside clients that go on."""
    return await asyncio.to_thread(work, *arguments)


# --- the server stops -------------------------------------------------------------------------------------------------


async def restarts(folder: Path, report: Report) -> None:
    """The server is restarted under load: refused meanwhile, and it goes on without a restart of the daemon."""
    await _stopped(folder, report, signal.SIGINT)


async def crashes(folder: Path, report: Report) -> None:
    """The server is stopped with ``immediate``, as by a crash."""
    await _stopped(folder, report, signal.SIGQUIT)


async def _stopped(folder: Path, report: Report, how: signal.Signals) -> None:
    slowest = 0.0
    with server() as database:
        async with rigged(folder, str(report.seed), store=PostgresStore(database, name=database.database())) as rig:
            for _ in range(report.rounds):
                rig.clients.start()
                await rig.clients.acked(rig.random.randint(5, 150))
                await rig.remember()
                await on_thread(database.stop, how)
                await rig.clients.refused(8)
                await on_thread(database.start)
                began = now()
                await rig.clients.acked(20)
                slowest = max(slowest, now() - began)
                await rig.clients.stop()
                await rig.clients.send_again()
                report.require(rig.daemon.alive and rig.daemon.starts == 1, "restart", "the daemon ended")
                if not report.add(await rig.judge()):
                    break
            await report.verify(rig.daemon)
    report.facts["slowest_recovery_s"] = round(slowest, 3)


# --- failover ---------------------------------------------------------------------------------------------------------


async def failovers(folder: Path, report: Report) -> None:
    """The primary is gone and its synchronous standby is promoted: nothing that was acknowledged is lost."""
    slowest = 0.0
    for number in range(report.rounds):
        async with _pair(folder / f"log-{number}", report, number) as (rig, primary, replica):
            _synchronous(primary)
            rig.clients.start()
            await rig.clients.acked(rig.random.randint(20, 150))
            await rig.remember()
            await on_thread(primary.stop, signal.SIGQUIT)
            began = now()
            await on_thread(replica.execute, "SELECT pg_promote()")
            await rig.clients.acked(20)
            slowest = max(slowest, now() - began)
            await rig.clients.stop()
            await rig.clients.send_again()
            report.require(rig.daemon.alive and rig.daemon.starts == 1, "restart", "the daemon ended")
            report.add(await rig.judge())
            await report.verify(rig.daemon)
            report.next_log()
    report.facts["slowest_failover_s"] = round(slowest, 3)


def _synchronous(primary: Server) -> None:
    primary.execute("ALTER SYSTEM SET synchronous_standby_names = 'standby'")
    primary.reload()


@asynccontextmanager
async def _pair(
    folder: Path, report: Report, number: int, daemons: int = 1
) -> AsyncIterator[tuple[Rig, Server, Server]]:
    with server() as primary:
        name = primary.database()
        with standby(primary, "standby") as replica:
            store = PostgresStore(primary, replica, name=name)
            async with rigged(folder, f"{report.seed}/{number}", store=store, daemons=daemons, clients=4) as rig:
                yield rig, primary, replica


async def returns(folder: Path, report: Report) -> None:
    """After a failover the old primary comes back as one who takes writes: nothing is ever written to it again.

    It stands first in the address, so whoever connects anew finds it. Refusing is right until somebody takes it away.
    """
    for number in range(report.rounds):
        async with _pair(folder / f"log-{number}", report, number) as (rig, primary, replica):
            _synchronous(primary)
            rig.clients.start()
            await rig.clients.acked(rig.random.randint(20, 150))
            await on_thread(primary.stop, signal.SIGQUIT)
            await on_thread(replica.execute, "SELECT pg_promote()")
            await rig.clients.acked(20)
            (primary.data / "postgresql.auto.conf").unlink()
            await on_thread(primary.start)
            before = await _head(primary, rig)
            await on_thread(replica.execute, _DISCONNECT)
            await rig.clients.refused(8)
            await _refuses_to_start(rig.daemon, report)
            report.require(await _head(primary, rig) == before, "split", "the old primary was written to")
            await on_thread(primary.stop, signal.SIGQUIT)
            await rig.daemon.start()
            await rig.clients.acked(20)
            await rig.clients.stop()
            await rig.clients.send_again()
            report.add(await rig.judge())
            await report.verify(rig.daemon)
            report.next_log()


async def _head(database: Server, rig: Rig) -> int:
    assert isinstance(rig.store, PostgresStore)
    rows = await on_thread(database.execute, "SELECT position FROM head", rig.store.name)
    return int(rows[0]["position"])


_DISCONNECT = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'timelined'"


async def lossy_failovers(folder: Path, report: Report) -> None:
    """An asynchronous standby that lagged is promoted: what is lost is found and said, and nothing goes on over it.

    Here the checker must find losses: they are the fault. What must hold is that each daemon says so itself, whichever
    of them acknowledged what is lost.
    """
    for number in range(report.rounds):
        async with _pair(folder / f"log-{number}", report, number, daemons=2) as (rig, primary, replica):
            rig.clients.start()
            await rig.clients.acked(50)
            await on_thread(_caught_up, primary)
            await on_thread(replica.stop)
            await rig.clients.acked(100)
            await on_thread(primary.stop, signal.SIGQUIT)
            began = now()
            await on_thread(replica.start)
            await on_thread(replica.execute, "SELECT pg_promote()")
            for daemon in rig.daemons:
                await until(partial(_says_lost, rig, daemon), "each daemon says that acknowledged events are lost")
            await rig.clients.stop()
            acked = sum(each.outcome is Outcome.ACKED for each in rig.history.since(began))
            report.require(acked == 0, "lost", f"{acked} deliveries were acknowledged on top of a log that lost some")
            for daemon in rig.daemons:
                await _refuses_to_start(daemon, report)
            log = await rig.store.view(stored.read)
            missing = check(rig.history, log).count("lost")
            report.require(missing > 0, "simulation", "nothing was lost, so nothing was shown")
            report.facts.setdefault("lost_and_said", []).append(missing)
            report.done += 1


async def _says_lost(rig: Rig, daemon: Supervisor) -> bool:
    """Whether a daemon has ended, or says that it is not ready because something is lost."""
    if not daemon.alive:
        return "acknowledged" in daemon.last_words()
    try:
        status, _, body = await rig.get("/-/ready", daemon)
    except (aiohttp.ClientError, OSError):
        return False
    return status == 503 and "acknowledged" in str(body)


async def _refuses_to_start(daemon: Supervisor, report: Report) -> None:
    """Whoever starts it again is told as well."""
    daemon.close()
    daemon.launch()
    await until(lambda: not daemon.alive, "the daemon does not start on a log that lost what was acknowledged")
    code, said = daemon.process.returncode, daemon.last_words()
    report.require(code != 0 and "acknowledged" in said, "said", f"it ended with {code}, saying {said[-300:]!r}")


def _caught_up(primary: Server) -> None:
    """Wait until the standby has everything there is now."""
    (row,) = primary.execute("SELECT pg_current_wal_lsn()::text AS lsn")
    statement = f"SELECT count(*) AS n FROM pg_stat_replication WHERE replay_lsn >= '{row['lsn']}'"  # noqa: S608 - ours
    eventually(lambda: primary.execute(statement)[0]["n"])


# --- several daemons --------------------------------------------------------------------------------------------------


async def storms(folder: Path, report: Report, acks: int = 100) -> None:
    """Two to four daemons over one database, and every delivery sent to two of them at once: each fact once."""
    with server() as database:
        for number in range(report.rounds):
            daemons = 2 + number % 3
            store = PostgresStore(database, name=database.database())
            place, seed = folder / f"log-{number}", f"{report.seed}/{number}"
            async with rigged(place, seed, store=store, daemons=daemons, pairs=True) as rig:
                rig.clients.start()
                await rig.clients.acked(2 * acks)
                # Whoever holds the lease, too: another must go on with what it did.
                rig.random.choice(rig.daemons[1:]).kill()
                await rig.clients.acked(acks)
                rig.daemons[0].kill()
                for daemon in rig.daemons:
                    if not daemon.alive:
                        await daemon.start()
                await rig.clients.acked(acks)
                await rig.clients.stop()
                await rig.clients.send_again()
                report.add(await rig.judge())
                await report.verify(rig.daemon)
            report.next_log()
