"""The files under a daemon: moved away, cut or replaced while it writes, and asked for by a second daemon."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from tests.faults.history import Outcome, now
from tests.faults.report import Report, logs
from tests.faults.rig import Rig, rigged
from tests.faults.stores import SqliteStore
from tests.faults.supervisor import Supervisor, until

REFUSED = 6
"""How a daemon ends that finds the log shorter than what was acknowledged, or damaged."""
_MORE = 200
"""Acknowledgements after which a daemon goes on."""
_HEARD = 10.0
"""Seconds after which no answer that was given before the fault is still on its way, however busy the machine."""


class Way(NamedTuple):
    """What is done to a file, and how it is brought back, where that is possible."""

    name: str
    move: Callable[[Rig, Path], None]
    back: Callable[[Path], None] | None = None
    whole: bool = False
    """Whether everything that was acknowledged is there again at the next start."""


def _aside(path: Path) -> Path:
    return path.with_name("moved-away")


def _rename(rig: Rig, path: Path) -> None:
    path.rename(_aside(path))


def _return(path: Path) -> None:
    _aside(path).rename(path)


def _delete(rig: Rig, path: Path) -> None:
    path.unlink()


def _truncate(rig: Rig, path: Path) -> None:
    size = path.stat().st_size
    os.truncate(path, rig.random.choice((0, size // 2, rig.random.randrange(max(1, size)))))


def _replace(rig: Rig, path: Path) -> None:
    """Put a copy of a moment ago there: under another name first, or byte by byte into the file itself."""
    copy = path.with_name("copy")
    # What was committed between the copy and its coming would be lost by our own hand, and readers were shown it.
    os.kill(rig.daemon.process.pid, signal.SIGSTOP)
    try:
        _put_copy(rig, path, copy)
    finally:
        os.kill(rig.daemon.process.pid, signal.SIGCONT)


def _put_copy(rig: Rig, path: Path, copy: Path) -> None:
    if path.name.endswith("-wal"):
        shutil.copyfile(path, copy)
    else:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as source, closing(sqlite3.connect(copy)) as to:
            source.backup(to)
    if rig.random.random() < 0.5:
        copy.replace(path)
    else:
        shutil.copyfile(copy, path)
        copy.unlink()


WAYS = (
    Way("delete", _delete),
    Way("rename", _rename, _return, whole=True),
    Way("truncate", _truncate),
    Way("replace", _replace),
)
WAL_WAYS = (
    Way("delete", _delete, whole=True),
    Way("rename", _rename, lambda path: _aside(path).unlink(), whole=True),
    Way("truncate", _truncate),
    Way("replace", _replace),
)


async def moved(folder: Path, report: Report) -> None:
    """A file is moved under load: nothing is acknowledged from then on, the daemon ends, and the next start knows."""
    cases = [("", way) for way in WAYS] + [("-wal", way) for way in WAL_WAYS]
    slowest = 0.0
    for number in range(report.rounds):
        suffix, way = cases[number % len(cases)]
        database = folder / f"log-{number}" / "timelined.db"
        async with rigged(database.parent, f"{report.seed}/{number}", store=SqliteStore(database)) as rig:
            name = f"{way.name} of the {'write-ahead log' if suffix else 'database'}"
            slowest = max(slowest, await _move(rig, report, way, database.with_name(database.name + suffix), name))
            await _start_again(rig, report, way, name)
            if not report.findings:
                shutil.rmtree(database.parent, ignore_errors=True)
    report.facts["slowest_end_s"] = round(slowest, 3)


async def _move(rig: Rig, report: Report, way: Way, path: Path, name: str) -> float:
    """Do it under load, and wait for the daemon's end; the seconds until then."""
    rig.clients.start()
    await rig.clients.acked(rig.random.randint(20, 200))
    way.move(rig, path)
    began, acked = now(), rig.history.acked
    # What is cut may be a rest that is not in use; a copy that is written over the file it was taken from a moment ago
    # may be that very file, byte for byte.
    may_go_on = way.move in (_truncate, _replace)

    def ended() -> bool:
        return not rig.daemon.alive or (may_go_on and rig.history.acked > acked + _MORE)

    await until(ended, f"the daemon ends after {name}")
    if rig.daemon.alive:
        # Then everything must be there, what was acknowledged afterwards too.
        rig.daemon.kill()
        await rig.clients.stop()
        return 0.0
    took, code = now() - began, rig.daemon.process.returncode
    report.require(code > 0, "exit", f"the daemon ended with {code} after {name}")
    report.require("cannot write to" in rig.daemon.last_words(), "exit", f"it did not say why after {name}")
    await rig.clients.stop()
    for attempt in rig.history:
        late = attempt.sent_at >= began or attempt.heard_at >= began + _HEARD
        taken = attempt.outcome is Outcome.ACKED and bool(attempt.delivery)
        report.require(not (late and taken), "lost", f"{attempt.delivery} was acknowledged after {name}")
    if way.back is not None:
        way.back(path)
    return took


async def _start_again(rig: Rig, report: Report, way: Way, name: str) -> None:
    """The next daemon has everything that was acknowledged, or refuses to go on without it."""
    whole = way.whole or rig.daemon.process.returncode < 0
    rig.daemon.launch()
    await until(lambda: not rig.daemon.alive or rig.daemon.accepts(), "the next daemon listens or ends")
    if rig.daemon.alive:
        report.add(await rig.judge())
        await report.verify(rig.daemon)
    else:
        code = rig.daemon.process.returncode
        report.require(not whole, "lost", f"the next start refused after {name}: {rig.daemon.last_words()}")
        report.require(code == REFUSED, "exit", f"the next start ended with {code} after {name}")
        report.passed(rig.history)
    report.next_log()


# --- a second daemon --------------------------------------------------------------------------------------------------


def _by_path(database: Path) -> Path:
    return database


def _by_symlink(database: Path) -> Path:
    link = database.parent / "elsewhere" / "link.db"
    link.parent.mkdir(exist_ok=True)
    if not link.is_symlink():
        link.symlink_to(database)
    return link


def _by_hard_link(database: Path) -> Path:
    link = database.with_name("second.db")
    if not link.exists():
        link.hardlink_to(database)
    return link


def _without_lock(database: Path) -> Path:
    database.with_name(database.name + ".lock").unlink(missing_ok=True)
    return database


def _with_another_lock(database: Path) -> Path:
    other = database.with_name("other.lock")
    other.write_bytes(b"")
    other.replace(database.with_name(database.name + ".lock"))
    return database


BY = (_by_path, _by_symlink, _by_hard_link, _without_lock, _with_another_lock)


async def second_daemons(folder: Path, report: Report, pace: float = 0.0) -> None:
    """A second daemon over the same file, whatever the path: it ends, and the first goes on.

    ``pace`` is how long each sender rests between two deliveries, in seconds.
    """
    for log_folder, seed, rounds in logs(folder, report):
        database = log_folder / "timelined.db"
        async with rigged(log_folder, seed, store=SqliteStore(database), clients=4) as rig:
            rig.clients.pace = pace
            for number in range(rounds):
                await _second(rig, report, database, BY[number % len(BY)], log_folder / f"second-{number}")
                if not report.add(await rig.judge()):
                    return
            await report.verify(rig.daemon)


async def _second(rig: Rig, report: Report, database: Path, way: Callable[[Path], Path], folder: Path) -> None:
    """Start another daemon beside the one under load, and wait for its end."""
    name = way.__name__.removeprefix("_")
    rig.clients.start()
    await rig.clients.acked(20)
    second = Supervisor(folder, f"sqlite:///{way(database)}")
    try:
        second.launch()
        await until(lambda: not second.alive, f"the second daemon ends ({name})")
        code, said = second.process.returncode, second.last_words()
        report.require(code > 0, "exit", f"the second daemon ended with {code} ({name})")
        report.require("cannot write to" in said, "exit", f"it did not say why ({name}): {said}")
    finally:
        second.close()
    await rig.clients.acked(20)
    await rig.clients.stop()
    report.require(rig.daemon.alive, "restart", f"the first daemon ended ({name})")
    database.with_name("second.db").unlink(missing_ok=True)
