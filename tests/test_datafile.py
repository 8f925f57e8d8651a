"""The database file under a daemon: moved, cut, replaced, reached by other names, and readable by its owner alone."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
import urllib.error
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from collector.errors import DiskFailed, LogDamaged, Unavailable
from collector.log import EventLog, open_log
from collector.projections import open_lists
from collector.storage import datafile, disk, walfile
from collector.storage.datafile import DataFile
from collector.storage.walfile import WalFile
from tests.log_facts import append, fact, told
from tests.processes import PATIENCE, PROJECT, Process, alert, eventually, get, post


@pytest.fixture
def process(tmp_path: Path) -> Iterator[Process]:
    """A daemon that is not started yet."""
    made = Process(tmp_path)
    yield made
    made.kill()


def database(process: Process) -> Path:
    """Its database file; that of its lists may be there as well."""
    found = (path for path in process.folder.rglob("*.db") if not path.is_symlink())
    (log,) = (path for path in found if not path.name.endswith(".incidents.db"))
    return log


def status(address: str, number: int) -> int:
    """What a delivery is answered; 0 where nobody answers."""
    try:
        return post(f"{address}/webhooks/alertmanager", alert("firing", number=number))[0]
    except urllib.error.HTTPError as refused:
        with closing(refused):
            return refused.code
    except (urllib.error.URLError, ConnectionError):
        return 0


def not_ready(address: str) -> str:
    """Why the daemon is not ready, or has ended; empty while it is ready."""
    try:
        get(f"{address}/-/ready")
    except urllib.error.HTTPError as refused:
        with closing(refused):
            return str(json.load(refused)["reason"])
    except (urllib.error.URLError, ConnectionError):
        return "ended"
    return ""


def overwrite(path: Path) -> None:
    """Copy something else over a file, byte by byte, as ``cp`` does."""
    path.write_bytes(os.urandom(path.stat().st_size))


def replace(path: Path) -> None:
    """Put a copy in its place."""
    copy = path.with_name("copy")
    shutil.copyfile(path, copy)
    copy.replace(path)


MOVES: dict[str, Callable[[Path], object]] = {
    "removed": lambda path: path.unlink(),
    "moved": lambda path: path.rename(path.with_name("away")),
    "cut": lambda path: os.truncate(path, 0),
    "cut in the middle": lambda path: os.truncate(path, path.stat().st_size // 2),
    "replaced": replace,
    "written over": overwrite,
}


@pytest.mark.parametrize("suffix", ["", "-wal"])
@pytest.mark.parametrize("move", MOVES)
def test_nothing_is_acknowledged_into_a_file_that_is_gone(process: Process, move: str, suffix: str) -> None:
    """Not one delivery is, readiness says why, and the process ends as for a failed sync."""
    address = process.start()
    assert [status(address, number) for number in range(5)] == [202] * 5
    path = database(process)
    MOVES[move](path.with_name(path.name + suffix))
    assert {status(address, number) for number in range(10, 20)} <= {0, 503}
    assert not_ready(address)
    assert process.process.wait(PATIENCE) == 4
    assert "ending, since what is on the disk is not known" in process.said.read_text()


@pytest.mark.parametrize("suffix", ["", "-wal"])
def test_an_idle_daemon_notices_too(process: Process, suffix: str) -> None:
    """Readiness does not wait for a delivery: a balancer sends none to who is not ready."""
    address = process.start()
    path = database(process)
    path.with_name(path.name + suffix).rename(path.with_name("away"))
    eventually(lambda: not_ready(address))
    assert process.process.wait(PATIENCE) == 4


def test_a_file_that_was_moved_holds_all_that_was_acknowledged(process: Process) -> None:
    """Whoever moved it can move it back: the write-ahead log, which stayed, was copied into it."""
    address = process.start()
    assert [status(address, number) for number in range(20)] == [202] * 20
    path = database(process)
    path.rename(path.with_name("away"))
    assert process.process.wait(PATIENCE) == 4
    path.with_name("away").rename(path)
    address = process.start()
    entities = {f"{number:016x}" for number in range(20)}
    found = eventually(lambda: get(f"{address}/api/v1/events?type=alert.firing&limit=100")["events"])
    assert {event["entity"] for event in found} == entities
    assert process.end(signal.SIGTERM) == 0


def test_a_write_ahead_log_is_never_put_over_another_database(process: Process) -> None:
    """SQLite would take one that is left for the new file's own, and write its pages over it."""
    address = process.start()
    path = database(process)
    copy = path.with_name("copy")
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as source, closing(sqlite3.connect(copy)) as to:
        source.backup(to)
    before = copy.read_bytes()
    assert [status(address, number) for number in range(20)] == [202] * 20
    copy.replace(path)
    assert process.process.wait(PATIENCE) == 4
    assert path.read_bytes() == before
    assert list(path.parent.glob("*-wal.set-aside-*"))
    with closing(sqlite3.connect(path)) as opened:
        assert opened.execute("PRAGMA integrity_check").fetchone() == ("ok",)


async def test_a_write_ahead_log_without_its_database_is_not_thrown_away(tmp_path: Path) -> None:
    """SQLite would, at the first opening; it holds the last of what was acknowledged."""
    left = tmp_path / "timelined.db-wal"
    left.write_bytes(b"frames")
    with pytest.raises(LogDamaged, match=r"is gone, and timelined\.db-wal"):
        await open_log(f"sqlite:///{tmp_path / 'timelined.db'}")
    (tmp_path / "timelined.db").touch()
    with pytest.raises(LogDamaged, match=r"is empty, and timelined\.db-wal"):
        await open_log(f"sqlite:///{tmp_path / 'timelined.db'}")
    assert left.read_bytes() == b"frames"


async def opened(path: Path, events: int = 50) -> EventLog:
    """A log with some events in its file."""
    log = await open_log(f"sqlite:///{path}")
    for number in range(events):
        await append(log, told(fact(str(number)), body=os.urandom(5000)))
    return log


@pytest.mark.parametrize("suffixes", [[""], ["", "-wal"]])
async def test_a_file_that_lacks_pages_is_not_opened(tmp_path: Path, suffixes: list[str]) -> None:
    """With a write-ahead log beside it SQLite opens it, and would find out when it reads one of those pages."""
    path, copy = tmp_path / "timelined.db", tmp_path / "copy.db"
    await (await opened(path)).close()
    log = await opened(path, events=60)
    for suffix in suffixes:
        shutil.copyfile(f"{path}{suffix}", f"{copy}{suffix}")
    await log.close()
    os.truncate(copy, copy.stat().st_size - 10 * 8192)
    with pytest.raises(LogDamaged, match=r"pages at its end are missing|a damaged one"):
        await open_log(f"sqlite:///{copy}")


async def test_a_reader_that_meets_damage_stops_the_writer(tmp_path: Path) -> None:
    """What is built on such pages is lost with them."""
    path = tmp_path / "timelined.db"
    log = await opened(path)
    (root,) = await log.query(
        lambda connection: connection.exec_driver_sql(
            "SELECT rootpage FROM sqlite_master WHERE name = 'delivery'"
        ).one()
    )
    disk.Disk.checkpoint(log._disk, log._writer)  # type: ignore[attr-defined]
    with path.open("r+b") as file:
        file.seek((root - 1) * 8192)
        file.write(os.urandom(8192))
    with pytest.raises(Unavailable):
        await log.query(lambda c: c.exec_driver_sql("SELECT * FROM delivery").all())
    with pytest.raises(DiskFailed):
        await append(log, told(fact("after")))
    assert await log.broken()
    await log.close()


@pytest.mark.parametrize("suffix", ["", "-wal"])
async def test_nothing_is_shown_of_a_file_that_is_gone(tmp_path: Path, suffix: str) -> None:
    """Neither by the log nor by its lists, before any writer found out: it may have been committed to that file."""
    path = tmp_path / "timelined.db"
    log = await opened(path, events=3)
    lists = open_lists(log)
    count = "SELECT count(*) FROM event"
    for reads in (log, lists):
        assert await reads.query(lambda c: c.exec_driver_sql(count).scalar_one()) == 3
    path.with_name(path.name + suffix).unlink()
    for reads in (log, lists):
        with pytest.raises(DiskFailed, match="was removed or moved"):
            await reads.query(lambda c: c.exec_driver_sql(count).scalar_one())
    assert await log.broken()
    await lists.close()
    await log.close()


def test_a_shared_file_that_says_nothing_whole_is_a_difference(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    """Cut, or with two heads that differ: what the write-ahead log should hold is not known then, nor waited for."""
    monkeypatch.setattr(walfile, "_PATIENCE", 0.0)
    path = tmp_path / "timelined.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.execute("PRAGMA journal_mode = WAL")
        writer.execute("CREATE TABLE fact (text)")
        wal, shared = WalFile(path), path.with_name("timelined.db-shm")
        whole = shared.read_bytes()
        for harmed in (b"", whole[:60], whole[:48] + bytes(48) + whole[96:]):
            assert wal.difference() == ""
            shared.write_bytes(harmed)
            assert wal.difference() == "timelined.db-shm was cut or written over while it was in use"
            shared.write_bytes(whole)
    wal.close()


async def test_a_copy_is_no_checkpoint(tmp_path: Path) -> None:
    """A file that is as new as the log, written over it by ``cp``: what it lacks would be found out too late."""
    path, copy = tmp_path / "timelined.db", tmp_path / "copy.db"
    log = await opened(path)
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as source, closing(sqlite3.connect(copy)) as to:
        source.backup(to)
    shutil.copyfile(copy, path)
    with pytest.raises(DiskFailed, match="another program wrote over the file"):
        await append(log, told(fact("after")))
    await log.close()


async def test_a_checkpoint_of_another_program_is_no_difference(tmp_path: Path) -> None:
    """Litestream makes its own; the file that it writes to goes on from what was there."""
    path = tmp_path / "timelined.db"
    log = await opened(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        assert other.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()[2] > 0
        await append(log, told(fact("between")))
        other.execute("PRAGMA wal_checkpoint(RESTART)")
        await append(log, told(fact("after")))
    await append(log, told(fact("at last")))
    await log.close()


# One writer


def link(path: Path) -> Path:
    """A symbolic link to a database, in another folder."""
    (path.parent / "links").mkdir()
    (path.parent / "links" / "link.db").symlink_to(path)
    return path.parent / "links" / "link.db"


def second_name(path: Path) -> Path:
    """A hard link."""
    path.with_name("second.db").hardlink_to(path)
    return path.with_name("second.db")


def without_lock(path: Path) -> Path:
    """The same path, its lock file removed."""
    path.with_name(path.name + ".lock").unlink()
    return path


@pytest.mark.parametrize("way", [lambda path: path, link, second_name, without_lock])
async def test_one_process_writes_whatever_the_path(tmp_path: Path, way: Callable[[Path], Path]) -> None:
    """By a link, by a second name, or with the lock file removed: the second writer is refused, in a process too."""
    path = tmp_path / "timelined.db"
    log = await opened(path, events=3)
    script = "import asyncio, sys; from collector.log import open_log; asyncio.run(open_log(sys.argv[1]))"
    command = [sys.executable, "-c", script, f"sqlite:///{way(path)}"]
    ran = await asyncio.to_thread(
        subprocess.run, command, cwd=PROJECT, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert ran.returncode != 0
    assert "Unavailable: cannot write to" in ran.stderr
    await append(log, told(fact("after")))
    await log.close()


async def test_a_removed_lock_file_is_made_again(tmp_path: Path) -> None:
    """Whoever writes says where it listens, to commands too, so the file comes back and is locked."""
    path = tmp_path / "timelined.db"
    log = await opened(path, events=1)
    log.announce("http://127.0.0.1:1")
    without_lock(path)
    assert await log.lead()
    assert json.loads(path.with_name("timelined.db.lock").read_bytes())["address"] == "http://127.0.0.1:1"
    assert await log.lead()
    await log.close()


async def test_a_lock_file_that_another_holds_ends_all_writing(tmp_path: Path) -> None:
    """Somebody took its place, an older version perhaps, which looks at nothing else."""
    path = tmp_path / "timelined.db"
    log = await opened(path, events=1)
    without_lock(path)
    script = (
        "import fcntl, os, sys; f = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT); fcntl.flock(f, fcntl.LOCK_EX);"
        "print(flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", script, f"{path}.lock"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:  # noqa: ASYNC220 - it waits
        assert other.stdout is not None
        other.stdout.readline()
        assert not await log.lead()
        with pytest.raises(DiskFailed, match="took the place of ours"):
            await append(log, told(fact("after")))
        assert await log.broken()
        other.communicate(b"")
    await log.close()


async def test_what_is_beside_the_file_belongs_to_the_file(tmp_path: Path) -> None:
    """Reached by a link, a database has the same lock, write-ahead log and memory of what was acknowledged."""
    path = tmp_path / "timelined.db"
    await (await opened(path, events=1)).close()
    log = await open_log(f"sqlite:///{link(path)}")
    assert [each.name for each in (tmp_path / "links").iterdir()] == ["link.db"]
    await log.close()


@pytest.mark.parametrize("way", ["hard link", "mounted"])
async def test_a_file_with_two_names_is_not_written_to(
    way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    """Each name would have a write-ahead log of its own: through the other one the last events are not there."""
    path = tmp_path / "time lined.db"
    path.touch()
    if way == "hard link":
        path.with_name("other").hardlink_to(path)
    else:
        mounts = tmp_path / "mounts"
        escaped = str(path).replace(" ", "\\040")
        mounts.write_text(f"36 35 8:1 /x {escaped} rw - ext4 /dev/sda1 rw\n")
        monkeypatch.setattr(datafile, "_MOUNTS", mounts)
    with pytest.raises(Unavailable, match="hard links" if way == "hard link" else "mounted by itself"):
        await open_log(f"sqlite:///{path}")


# Who may read


def modes(folder: Path) -> dict[str, int]:
    """Of everything in a folder."""
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.rglob("*")}


def others_can(folder: Path) -> dict[str, int]:
    """What somebody else than the owner may read, write or enter."""
    return {name: mode for name, mode in modes(folder).items() if mode & 0o077}


def test_the_files_are_readable_by_their_owner_alone(process: Process) -> None:
    """With any umask: the database, what SQLite and we put beside it, the folder of proofs and the data folder."""
    before = os.umask(0)
    try:
        address = process.start("--storage.url", f"sqlite:///{process.folder}/new/data/timelined.db")
    finally:
        os.umask(before)
    assert status(address, 1) == 202
    folder = process.folder / "new" / "data"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {"timelined.db", "timelined.db-wal", "timelined.db-shm", "timelined.db.lock", "timelined.db.reserve",
            "timelined.db.proof", "acknowledged"} <= set(modes(folder))  # fmt: skip
    assert others_can(folder) == {}
    assert process.end(signal.SIGTERM) == 0
    assert list((folder / "timelined.db.proof" / "checkpoints" / "timelined").iterdir()), "sealed at its end"
    assert others_can(folder) == {}


def test_files_of_an_earlier_version_are_closed_to_others(process: Process) -> None:
    """They were made readable for a group, or for all; a folder that may hold other things is said, and left."""
    data = process.folder / "data"
    url = f"sqlite:///{data}/timelined.db"
    address = process.start("--storage.url", url)
    assert status(address, 1) == 202
    assert process.end(signal.SIGTERM) == 0
    for path in (data, *data.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    process.start("--storage.url", url)
    checkpoints = {"checkpoints", "timelined"} | {path.name for path in data.rglob("*-*") if "wal" not in path.name}
    assert not set(others_can(data)) - checkpoints, "what lies in a closed folder is closed"
    assert "others can look into the folder of the database" in process.said.read_text()
    assert process.end(signal.SIGTERM) == 0


def test_a_database_is_never_readable_by_others_for_a_moment(tmp_path: Path) -> None:
    """It is made with its mode, not made and then closed."""
    before = os.umask(0)
    try:
        file = DataFile(tmp_path / "timelined.db")
    finally:
        os.umask(before)
    assert modes(tmp_path) == {"timelined.db": 0o600}
    file.close()


@pytest.mark.parametrize("rows", [1, 200], ids=["the file stays as long", "the file grows"])
def test_a_checkpoint_of_ours_beside_a_look_is_no_alarm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: int
) -> None:
    """The look's thread stands still after it asked for the size and the last change; the checkpoint's goes on."""
    path = tmp_path / "timelined.db"
    file = DataFile(path)
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as writer:
        writer.execute("PRAGMA journal_mode = WAL")
        writer.execute("CREATE TABLE fact (text)")
        writer.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        file.connected()
        writer.executemany("INSERT INTO fact VALUES (?)", [("long" * 1000,)] * rows)

        def copy() -> None:
            with file.changing(0):
                writer.execute("PRAGMA wal_checkpoint(FULL)")

        copying = threading.Thread(target=copy)
        real = Path.stat

        def stat(self: Path, **more: bool) -> os.stat_result:
            status = real(self, **more)
            if self == path and copying.ident is None:
                copying.start()
                copying.join(0.2)
            return status

        with monkeypatch.context() as slow:
            slow.setattr(Path, "stat", stat)
            assert file.difference() == ""
        copying.join()
        assert file.difference() == ""
        os.utime(path, ns=(0, path.stat().st_mtime_ns + 2_000_000))
        assert "another program wrote over" in file.difference()
    file.close()
