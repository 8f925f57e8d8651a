"""What goes wrong in a run: each episode brings some alerts of the mixin about, and then ends what brought them.

Between them they cause every alert that the mixin has; a test compares the two.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import subprocess
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

from tests.faults.deliveries import Delivery
from tests.faults.shims import SteppedClock
from tests.faults.supervisor import Supervisor, die_with_parent, until
from tests.soak.asking import ready
from tests.soak.routine import command, every
from tests.soak.stage import BACKUPS, DRAFTS, Stage, config

Cause = Callable[[Stage], AbstractAsyncContextManager[None]]
_ROOM_LEFT = 400_000_000
"""Bytes that are free while the disk is all but full."""
_BALLAST = "kept = bytearray(b'x') * 640_000_000; from collector.cli import main; main()"
"""A daemon that takes more memory than one should."""
_STORM = 62
"""Senders of a storm of a hundred alerts each."""


class Episode(NamedTuple):
    """What is done, and which alerts have to fire by it and end after it."""

    cause: Cause
    alerts: tuple[str, ...]


@asynccontextmanager
async def meanwhile(*works: Callable[[], Awaitable[object]]) -> AsyncIterator[None]:
    """These go on for the length of the block."""
    tasks = [asyncio.ensure_future(work()) for work in works]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
    failed = [each for each in ended if isinstance(each, Exception)]
    if failed:
        raise failed[0]


# --- what ends the daemon ---------------------------------------------------------------------------------------------


@asynccontextmanager
async def restarted(stage: Stage) -> AsyncIterator[None]:
    """It is told to stop under load, and started again."""
    assert await stage.unit.restart() == 0, "the daemon did not end well"
    yield


@asynccontextmanager
async def killed_often(stage: Stage) -> AsyncIterator[None]:
    """SIGKILL again and again; each time it is started anew."""

    async def kill() -> None:
        stage.unit.kill()
        # The kernel counts a process's start in whole ticks.
        since = time.time() - 1
        await until(lambda: stage.watchers.scraped(since), "the daemon is started again, and scraped")

    async with meanwhile(lambda: every(2.0, kill)):
        yield


@asynccontextmanager
async def stopped(stage: Stage) -> AsyncIterator[None]:
    """It is stopped, and nobody starts it."""
    await stage.unit.stop()
    yield
    await stage.unit.start()


@asynccontextmanager
async def follower_killed_often(stage: Stage) -> AsyncIterator[None]:
    """SIGKILL to the process that follows, again and again."""

    async def kill() -> None:
        ended = stage.unit.follower_pid()
        stage.unit.kill_follower()
        await until(lambda: stage.unit.follower_pid() not in (0, ended), "the process that follows is started again")

    # It has to get on in between, else it is started more and more rarely.
    async with meanwhile(lambda: every(3.0, kill)):
        yield


@asynccontextmanager
async def follower_stopped(stage: Stage) -> AsyncIterator[None]:
    """The process that follows stands still, while thousands of events arrive."""
    follower = stage.unit.follower_pid()
    os.kill(follower, signal.SIGSTOP)
    try:
        for _ in range(15):
            await stage.senders.delivered(stage.senders.storm())
        yield
    finally:
        os.kill(follower, signal.SIGCONT)


# --- the disk ---------------------------------------------------------------------------------------------------------


@asynccontextmanager
async def slow_then_locked(stage: Stage) -> AsyncIterator[None]:
    """Each sync takes seconds under a storm; then another program holds the database."""

    async def storm() -> None:
        while True:
            await stage.senders.delivered(stage.senders.storm())

    stage.disk.slow(4.6)
    try:
        async with meanwhile(*[storm] * (2 * _STORM)):
            await stage.fires("TimelinedCommitsSlow", "TimelinedCommitsStalled", "TimelinedQueueFilling")
    finally:
        stage.disk.work()
    # One that was ended meanwhile, since it showed no life, could not start again while the database is locked.
    await until(lambda: ready(stage.unit.port), "the daemon is ready", 120.0)
    # What fired while nothing was taken in time is told for as long as it fires; later there is nothing to tell.
    await until(lambda: stage.heard("TimelinedCommitsSlow", "TimelinedCommitsStalled"), "slow commits are in the log")
    with locked(stage.database):
        yield


class locked:  # noqa: N801 - used as a function is
    """Another program's write lock on a database."""

    def __init__(self, database: Path) -> None:
        self._other = sqlite3.connect(database, isolation_level=None, timeout=60)

    def __enter__(self) -> None:
        self._other.execute("BEGIN IMMEDIATE")

    def __exit__(self, *_: object) -> None:
        self._other.execute("ROLLBACK")
        self._other.close()


@asynccontextmanager
async def disk_filled(stage: Stage) -> AsyncIterator[None]:
    """Somebody else's file takes the room."""
    filesystem = os.statvfs(stage.database.parent)
    ballast = stage.database.with_name("ballast")
    with ballast.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, filesystem.f_bavail * filesystem.f_frsize - _ROOM_LEFT)
    yield
    ballast.unlink()


# --- what is sent -----------------------------------------------------------------------------------------------------


@asynccontextmanager
async def sent_wrongly(stage: Stage) -> AsyncIterator[None]:
    """Without a proof, too large, and in a shape that nobody knows."""

    async def send() -> None:
        await stage.astray.send(Delivery(b"{}", (), "watch"))
        await stage.astray.send(Delivery(b'{"shape": "new"}', (), "odd"))

    async with meanwhile(lambda: every(0.4, send)):
        await stage.astray.send(Delivery(b" " * 5_000_000, (), "odd"))
        yield


@asynccontextmanager
async def silent(stage: Stage) -> AsyncIterator[None]:
    """A source that was heard sends nothing."""
    stage.quiet_sends.clear()
    yield
    stage.quiet_sends.set()


@asynccontextmanager
async def clock_ahead(stage: Stage) -> AsyncIterator[None]:
    """A sender's clock is minutes ahead."""
    stage.odd_sends.clear()
    await stage.senders.delivered(stage.senders.one("odd", timedelta(minutes=5)))
    yield
    stage.odd_sends.set()


# --- what operators do ------------------------------------------------------------------------------------------------


@asynccontextmanager
async def reloaded_with_a_mistake(stage: Stage) -> AsyncIterator[None]:
    """A configuration with a key that there is not."""
    async with stage.configuring:
        await stage.unit.reload(config(stage.folder, stage.pace) + "mistake: true\n")
        try:
            yield
        finally:
            await stage.unit.reload(config(stage.folder, stage.pace))


@asynccontextmanager
async def upkeep_fails(stage: Stage) -> AsyncIterator[None]:
    """Backups and drafts cannot be written, and nobody verifies."""
    stage.verified.clear()
    for name in (BACKUPS, DRAFTS):
        folder = stage.folder / name
        folder.rename(folder.with_suffix(".away"))
        folder.touch()
    yield
    for name in (BACKUPS, DRAFTS):
        folder = stage.folder / name
        folder.unlink()
        folder.with_suffix(".away").rename(folder)
    stage.verified.set()


@asynccontextmanager
async def checkpoint_altered(stage: Stage) -> AsyncIterator[None]:
    """What lies beside the log tells of another one."""
    await stage.sealed()
    # An early one: over the latest the log would not be sealed any more.
    checkpoint = min(stage.beside.glob("checkpoints/*/event-0*"))
    original = checkpoint.read_bytes()
    lines = original.split(b"\n")
    lines[2] = b"A" * 43 + b"="
    checkpoint.write_bytes(b"\n".join(lines))
    await command(stage.unit, "verify")
    yield
    checkpoint.write_bytes(original)
    await command(stage.unit, "verify")


@asynccontextmanager
async def lists_locked(stage: Stage) -> AsyncIterator[None]:
    """Another program holds the lists."""
    with locked(stage.database.with_name("timelined.incidents.db")):
        yield


@asynccontextmanager
async def second_daemon(stage: Stage) -> AsyncIterator[None]:
    """A daemon over a log of its own is taken for one of the job; it is large, and its clock is set."""
    place = stage.folder / "stray"
    clock = SteppedClock(place)
    stray = Stray(place, f"sqlite:///{place / 'timelined.db'}", environ=clock.environ)
    try:
        await stray.start()
        stage.watchers.scrape(stage.unit.address, stray.address)
        # Nothing increases that was not scraped before.
        await until(lambda: stage.pager.firing("TimelinedNoLeader"), "two daemons are seen to lead")
        clock.step("+20")
        yield
    finally:
        stage.watchers.scrape(stage.unit.address)
        stray.close()


class Stray(Supervisor):
    """Another daemon, with ballast."""

    def _launched(self, environ: dict[str, str]) -> subprocess.Popen[bytes]:
        python, _, _, *words = self._command()
        with self.said.open("ab") as said:
            return subprocess.Popen(
                (python, "-c", _BALLAST, *words), cwd=self.folder, env=environ, stderr=said,
                preexec_fn=die_with_parent,  # noqa: PLW1509 - as in the supervisor
            )  # fmt: skip


EPISODES = (
    Episode(restarted, ()),
    Episode(stopped, ("TimelinedDown",)),
    # After it nothing starts anew for long: one start more would be one too many again.
    Episode(killed_often, ("TimelinedRestarts",)),
    Episode(slow_then_locked, ("TimelinedCommitsSlow", "TimelinedCommitsStalled", "TimelinedQueueFilling",
                               "TimelinedNotReady", "TimelinedDeliveriesUnavailable", "TimelinedNotSealed",
                               "TimelinedJobFailing")),
    Episode(sent_wrongly, ("TimelinedDeliveriesUnauthorized", "TimelinedDeliveriesTooLarge",
                           "TimelinedDeliveriesUnreadable")),
    Episode(follower_killed_often, ("TimelinedFollowerRestarts",)),
    Episode(follower_stopped, ("TimelinedListsLag",)),
    Episode(lists_locked, ("TimelinedListsFailed",)),
    Episode(clock_ahead, ("TimelinedSourceClockAhead",)),
    Episode(silent, ("TimelinedSourceSilent",)),
    Episode(reloaded_with_a_mistake, ("TimelinedReloadFailed",)),
    Episode(checkpoint_altered, ("TimelinedVerifyFailed",)),
    Episode(disk_filled, ("TimelinedDiskFull", "TimelinedDiskFilling")),
    Episode(second_daemon, ("TimelinedNoLeader", "TimelinedLogsDiffer", "TimelinedMemory", "TimelinedClockSet")),
    Episode(upkeep_fails, ("TimelinedBackupFailed", "TimelinedBackupOld", "TimelinedVerifyOld",
                           "TimelinedDraftsFailing")),
)  # fmt: skip
