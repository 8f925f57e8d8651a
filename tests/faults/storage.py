"""The disk and the database file: no room, somebody else's lock, fsync that fails."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from tests.faults.disks import resize, small_disk
from tests.faults.history import Outcome, now
from tests.faults.report import Report
from tests.faults.rig import Rig, rigged
from tests.faults.shims import FailingSync
from tests.faults.stores import SqliteStore
from tests.faults.supervisor import Supervisor, until

# --- no room ----------------------------------------------------------------------------------------------------------


async def disk_full(folder: Path, report: Report) -> None:
    """No room: 503 with Retry-After, reads stay up, after a kill and a start too; with room it goes on by itself."""
    slowest = 0.0
    for number in range(report.rounds):
        place = folder / f"log-{number}"
        with small_disk(place / "disk", "12m") as disk:
            async with rigged(place, f"{report.seed}/{number}", store=SqliteStore(disk / "timelined.db")) as rig:
                # Lists that were never made cannot be made without room, nor read.
                await rig.caught_up()
                rig.clients.start()
                await rig.clients.refused(20)
                await _readable(rig, report, "while the disk is full")
                killed = number % 2 == 1
                if killed:
                    rig.daemon.kill()
                    await rig.daemon.start()
                    await _readable(rig, report, "after a start on the full disk")
                resize(disk, "256m")
                began = now()
                await rig.clients.acked(50)
                slowest = max(slowest, now() - began)
                await rig.clients.stop()
                await _same_life(rig, report, starts=1 + killed)
                report.add(await rig.judge())
                await report.verify(rig.daemon)
                rig.daemon.close()
        report.next_log()
    report.facts["slowest_recovery_s"] = round(slowest, 3)


async def _readable(rig: Rig, report: Report, when: str) -> None:
    """Lists answer, and the daemon says that it is alive and why it is not ready."""
    for path in ("/api/v1/events?limit=10", "/api/v1/incidents", "/-/healthy"):
        status, _, _ = await rig.get(path)
        report.require(status == 200, "reads", f"{path} answered {status} {when}")
    status, _, said = await rig.get("/-/ready")
    report.require(status == 503 and said.get("reason"), "ready", f"/-/ready answered {status} {when}, with {said}")


async def _same_life(rig: Rig, report: Report, starts: int = 1) -> None:
    """It is the process that was started last, and it says that it is ready."""
    report.require(rig.daemon.alive and rig.daemon.starts == starts, "restart", "the daemon did not recover by itself")
    status, _, said = await rig.get("/-/ready")
    report.require(status == 200, "ready", f"/-/ready answered {status} after the recovery, with {said}")


# --- somebody else's lock ---------------------------------------------------------------------------------------------


async def foreign_lock(folder: Path, report: Report, seconds: float = 60.0) -> None:
    """Another program holds the database: refused within a bound, readable, and nothing lost."""
    slowest = 0.0
    for number in range(report.rounds):
        database = folder / f"log-{number}" / "timelined.db"
        async with rigged(database.parent, f"{report.seed}/{number}", store=SqliteStore(database)) as rig:
            await rig.caught_up()
            rig.clients.start()
            await rig.clients.acked(50)
            with _locked(database):
                began = now()
                await rig.clients.refused(8)
                await _readable(rig, report, "while another program holds the database")
                await until(partial(_past, began + seconds), "the lock was held long enough", 2 * seconds)
            await rig.clients.acked(50)
            await rig.clients.stop()
            refused = [each for each in rig.history.since(began) if each.status == 503]
            slowest = max([slowest, *(each.heard_at - each.sent_at for each in refused)])
            await _same_life(rig, report)
            report.add(await rig.judge())
            await report.verify(rig.daemon)
            report.next_log()
    report.facts |= {"seconds": seconds, "slowest_refusal_s": round(slowest, 3)}
    report.require(slowest < 9, "bound", f"a refusal took {slowest:.1f} s")


def _past(moment: float) -> bool:
    return now() >= moment


def _ended(daemon: Supervisor) -> bool:
    return not daemon.alive


@contextmanager
def _locked(database: Path) -> Iterator[None]:
    other = sqlite3.connect(database, isolation_level=None, timeout=30)
    try:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")
    finally:
        other.close()


# --- fsync fails ------------------------------------------------------------------------------------------------------


async def failing_sync(folder: Path, report: Report) -> None:
    """fsync fails with EIO: the daemon ends with a failure, and acknowledges nothing from then on."""
    for number in range(report.rounds):
        place = folder / f"log-{number}"
        shim = FailingSync(place)
        async with rigged(place, f"{report.seed}/{number}", environ=shim.environ) as rig:
            rig.clients.start()
            await rig.clients.acked(rig.random.randint(5, 100))
            shim.fail()
            began = now()
            # What the kernel could not write it may have thrown away: going on would be pretending.
            await until(partial(_ended, rig.daemon), "the daemon ends after an error of fsync")
            code = rig.daemon.process.returncode
            report.require(code > 0, "exit", f"the daemon ended with {code} after an error of fsync")
            await rig.clients.stop()
            for attempt in rig.history.since(began):
                report.require(attempt.outcome is not Outcome.ACKED, "lost", "acknowledged without a sync")
            # The next one has a disk that works, whether the error came or not.
            rig.daemon.environ.clear()
            await rig.daemon.start()
            await rig.clients.send_again()
            report.add(await rig.judge())
            await report.verify(rig.daemon)
            report.next_log()
