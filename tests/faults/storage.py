"""The disk and the database file: power cuts, no room, somebody else's lock, fsync that fails."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy.exc import DatabaseError

from tests.faults import stored
from tests.faults.bits import places
from tests.faults.checker import Verdict, check
from tests.faults.disks import Image, image, resize, small_disk
from tests.faults.history import Outcome, now
from tests.faults.process import logs
from tests.faults.report import Report
from tests.faults.rig import Rig, rigged
from tests.faults.shims import FailingSync
from tests.faults.stores import SqliteStore, view
from tests.faults.supervisor import PROJECT, until

_JOURNALLING = ("", "data=writeback", "data=journal", "commit=1")
"""Ways to mount ext4 that differ in what reaches the disk unasked, and when. All must keep what was synced."""

# --- power cuts -------------------------------------------------------------------------------------------------------


async def power_cuts(folder: Path, report: Report) -> None:
    """The power goes: what was acknowledged was on the disk. Without ``synchronous`` the same cuts must take some."""
    for place, seed, rounds in logs(folder, report):
        with image(place / "image") as disk:
            async with rigged(place, seed, store=SqliteStore(disk.mountpoint / "timelined.db")) as rig:
                for _ in range(rounds):
                    await _cut(rig, disk)
                    await rig.daemon.start()
                    await rig.clients.send_again()
                    if not report.add(await rig.judge()):
                        break
                rig.daemon.close()
    await _weak_cuts(folder / "weak", report)


async def _cut(rig: Rig, disk: Image) -> None:
    """Load, and the power goes at a random moment of it."""
    rig.clients.start()
    await rig.clients.acked(rig.random.randint(5, 150))
    await rig.daemon.stop_still()
    # What readers can see at this moment must have been on the disk.
    await rig.remember()
    disk.photograph()
    rig.daemon.kill()
    await rig.clients.stop()
    disk.lose_power()
    disk.mount(rig.random.choice(_JOURNALLING))


async def _weak_cuts(folder: Path, report: Report) -> None:
    """The same with ``synchronous=OFF``: the checker must say that acknowledged events are lost."""
    lost = 0
    rounds = min(3, report.rounds)
    for number in range(rounds):
        place = folder / f"log-{number}"
        with image(place / "image") as disk:
            database = disk.mountpoint / "timelined.db"
            async with rigged(
                place, f"{report.seed}/{number}", store=SqliteStore(database), module="tests.faults.weak"
            ) as rig:
                await _cut(rig, disk)
                lost += _found(rig, database).count("lost") > 0
    report.facts["synchronous_off"] = {"cuts": rounds, "cuts_that_lost": lost}
    report.require(lost > 0, "simulation", "synchronous=OFF lost nothing, so that FULL lost nothing proves nothing")


def _found(rig: Rig, database: Path) -> Verdict:
    """What is on the disk after a cut, without a daemon to look at it; a file that is none holds nothing."""
    try:
        log = view(database, stored.read)
    except DatabaseError:
        log = stored.EMPTY
    return check(rig.history, log)


# --- no room ----------------------------------------------------------------------------------------------------------


async def disk_full(folder: Path, report: Report) -> None:
    """No room: 503 with Retry-After, reads stay up; with room again it goes on, without a restart."""
    slowest = 0.0
    for number in range(report.rounds):
        place = folder / f"log-{number}"
        with small_disk(place / "disk", "12m") as disk:
            async with rigged(place, f"{report.seed}/{number}", store=SqliteStore(disk / "timelined.db")) as rig:
                rig.clients.start()
                await rig.clients.refused(20)
                await _readable(rig, report, "while the disk is full")
                resize(disk, "256m")
                began = now()
                await rig.clients.acked(50)
                slowest = max(slowest, now() - began)
                await rig.clients.stop()
                await _same_life(rig, report)
                report.add(await rig.judge())
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


async def _same_life(rig: Rig, report: Report) -> None:
    """It is the process that was started, and it says that it is ready."""
    report.require(rig.daemon.alive and rig.daemon.starts == 1, "restart", "the daemon did not recover by itself")
    status, _, said = await rig.get("/-/ready")
    report.require(status == 200, "ready", f"/-/ready answered {status} after the recovery, with {said}")


# --- somebody else's lock ---------------------------------------------------------------------------------------------


async def foreign_lock(folder: Path, report: Report, seconds: float = 60.0) -> None:
    """Another program holds the database: refused within a bound, readable, and nothing lost."""
    slowest = 0.0
    for number in range(report.rounds):
        database = folder / f"log-{number}" / "timelined.db"
        async with rigged(database.parent, f"{report.seed}/{number}", store=SqliteStore(database)) as rig:
            rig.clients.start()
            await rig.clients.acked(50)
            with _held(database):
                began = now()
                await rig.clients.refused(8)
                await _readable(rig, report, "while another program holds the database")
                await until(lambda since=began: now() - since >= seconds, "the lock was held long enough", 2 * seconds)
            await rig.clients.acked(50)
            await rig.clients.stop()
            held = [each for each in rig.history.since(began) if each.status == 503]
            slowest = max(slowest, *(each.heard_at - each.sent_at for each in held))
            await _same_life(rig, report)
            report.add(await rig.judge())
            report.next_log()
    report.facts |= {"seconds": seconds, "slowest_refusal_s": round(slowest, 3)}
    report.require(slowest < 25, "bound", f"a refusal took {slowest:.1f} s")


@contextmanager
def _held(database: Path) -> Iterator[None]:
    other = sqlite3.connect(database, isolation_level=None, timeout=30)
    try:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")
    finally:
        other.close()


# --- bits that turn ---------------------------------------------------------------------------------------------------


async def bit_flips(folder: Path, report: Report) -> None:
    """One bit of one row turns, in the file itself: ``timelined verify`` says so and names the row."""
    database = folder / "log" / "timelined.db"
    async with rigged(database.parent, str(report.seed), store=SqliteStore(database)) as rig:
        rig.clients.start()
        await rig.clients.acked(150)
        await rig.clients.stop()
        verdict = await rig.judge()
        await rig.daemon.terminate()
    whole = await asyncio.to_thread(_verify, database)
    report.require(whole == (0, []), "verify", f"a log that nobody touched was found to differ: {whole}")
    kinds: Counter[str] = Counter()
    owners = _owners(view(database, stored.read))
    for place in places(database, TABLES, rig.random, report.rounds):
        place.flip(database)
        code, found = await asyncio.to_thread(_verify, database)
        place.flip(database)
        report.require(code == 6, "verify", f"{place} was not found: exit code {code}")
        named = {(each["table"], each["number"]) for each in found}
        report.require(bool(named & owners[place.table, place.row]), "verify", f"{place} was not named: {found[:5]}")
        kinds[place.table] += 1
        report.add(verdict)
    report.facts["flipped"] = dict(kinds)


TABLES = ("event", "delivery", "content")


def _verify(database: Path) -> tuple[int, list[dict[str, Any]]]:
    """The exit code of ``timelined verify``, and what it found to differ."""
    command = [sys.executable, "-m", "collector", "verify", "--storage.url", f"sqlite:///{database}", "-o", "json"]
    ran = subprocess.run(
        command, cwd=database.parent, env=os.environ | {"PYTHONPATH": str(PROJECT)}, capture_output=True, check=False
    )
    try:
        return ran.returncode, msgspec.json.decode(ran.stdout)["differences"]
    except msgspec.DecodeError:
        return ran.returncode, [{"table": "?", "number": 0, "what": ran.stderr.decode("utf-8", "replace")}]


def _owners(log: stored.StoredLog) -> dict[tuple[str, int], set[tuple[str, int]]]:
    """Each row, and the rows that may be named for it: itself, or whose content it is."""
    owners: dict[tuple[str, int], set[tuple[str, int]]] = defaultdict(set)
    for event in log.events:
        owners["event", event.position].add(("event", event.position))
        owners["content", event.number] |= {("event", event.position), ("content", event.number)}
    for delivery in log.deliveries:
        owners["delivery", delivery.number].add(("delivery", delivery.number))
        owners["content", delivery.content] |= {("delivery", delivery.number), ("content", delivery.content)}
    return owners


# --- fsync fails ------------------------------------------------------------------------------------------------------


async def failing_sync(folder: Path, report: Report) -> None:
    """fsync fails with EIO: nothing is acknowledged from then on, and what was acknowledged before stays."""
    ended = 0
    for number in range(report.rounds):
        place = folder / f"log-{number}"
        shim = FailingSync(place)
        async with rigged(place, f"{report.seed}/{number}", environ=shim.environ) as rig:
            rig.clients.start()
            await rig.clients.acked(rig.random.randint(5, 100))
            shim.fail()
            began = now()
            await until(lambda: not rig.daemon.alive or _refusals(rig, began) >= 8, "the error is noticed")  # noqa: B023
            ended += await _end(rig, report)
            await rig.clients.stop()
            for attempt in rig.history.since(began):
                report.require(attempt.outcome is not Outcome.ACKED, "lost", "acknowledged without a sync")
            shim.work()
            await rig.daemon.start()
            await rig.clients.send_again()
            report.add(await rig.judge())
            report.next_log()
    report.facts["ended_by_themselves"] = ended


def _refusals(rig: Rig, since: float) -> int:
    return sum(attempt.status == 503 for attempt in rig.history.since(since))


async def _end(rig: Rig, report: Report) -> bool:
    """Whether the daemon ended by itself, with a failure; otherwise it is killed."""
    if rig.daemon.alive:
        rig.daemon.kill()
        return False
    code = rig.daemon.process.returncode
    report.require(code not in (0, None), "exit", f"the daemon ended with {code} after an error of fsync")
    return True
