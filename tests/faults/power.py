"""The power goes: what was acknowledged was on the disk, or it is lost."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy.exc import DatabaseError

from tests.faults import stored
from tests.faults.checker import Verdict, check
from tests.faults.disks import Image, image
from tests.faults.report import Report, logs
from tests.faults.rig import Rig, rigged
from tests.faults.stores import SqliteStore, view

_JOURNALLING = ("", "data=writeback", "data=journal", "commit=1")
"""Ways to mount ext4 that differ in what reaches the disk unasked, and when. All must keep what was synced."""


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
                await report.verify(rig.daemon)
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
        log_folder = folder / f"log-{number}"
        with image(log_folder / "image") as disk:
            database = disk.mountpoint / "timelined.db"
            async with rigged(
                log_folder, f"{report.seed}/{number}", store=SqliteStore(database), module="tests.faults.weak"
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
