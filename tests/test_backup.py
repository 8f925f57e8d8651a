"""Backups: one moment of a log that is being written, checked before it is called one; and a daemon started on it."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sqlite3
import stat
import subprocess
import urllib.request
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest

from collector import files
from collector.backup import back_up, copying
from collector.errors import InvalidInput, LogDamaged, NotFound, Unavailable
from collector.log import EventLog, open_log
from collector.proof.tree import Tree
from collector.schema.tables import TRIGGERS
from tests.conftest import timelined
from tests.log_facts import append, fact, told
from tests.processes import Process, alert, eventually, get, post

EVENTS = 500


@pytest.fixture
async def source(tmp_path: Path) -> Path:
    """A log of some hundred events, in a folder of its own; nobody writes to it."""
    (tmp_path / "data").mkdir()
    path = tmp_path / "data" / "timelined.db"
    log = await open_log(f"sqlite:///{path}")
    for start in range(0, EVENTS, 50):
        await append(log, told(*(fact(str(n), at=n * 1000) for n in range(start, start + 50)), body=os.urandom(20_000)))
    await log.close()
    return path


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """Where a backup is to be made; nothing is there."""
    (tmp_path / "backups").mkdir()
    return tmp_path / "backups" / "monday.db"


def rows(path: Path, statement: str = "SELECT * FROM event ORDER BY position") -> list[Any]:
    """What a database file holds."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        return connection.execute(statement).fetchall()


def damage(path: Path, *statements: str) -> None:
    """Change what the log protects, as a program that means harm or a disk would."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        for statement in [*statements, *TRIGGERS]:
            connection.execute(statement)


def left(folder: Path) -> list[str]:
    """The names of what lies in a folder."""
    return sorted(path.name for path in folder.iterdir())


# What a backup is


def test_a_backup_holds_all_there_is(source: Path, target: Path) -> None:
    """Every row of every table, and the root of the tree; one file that only its owner reads, and nothing beside it."""
    made = copying.backup(source, target)
    assert (made.path, made.position, made.size) == (target, EVENTS, target.stat().st_size)
    assert made.root == Tree(b"".join(row[-1] for row in rows(source))).root()
    for table in ("event", "delivery", "content", "head", "alembic_version"):
        statement = f"SELECT * FROM {table} ORDER BY 1"  # noqa: S608 - ours
        assert rows(target, statement) == rows(source, statement)
    assert left(target.parent) == ["monday.db"]
    assert stat.S_IMODE(target.stat().st_mode) == 0o600


async def test_a_backup_of_a_log_that_is_written_is_of_one_moment(
    source: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is a prefix of the log, checkpoints and all, and the writer went on meanwhile."""
    monkeypatch.setattr("collector.storage.disk._CHECKPOINT", 100)
    log = await open_log(f"sqlite:///{source}")
    writing = asyncio.create_task(_write_on(log))
    steps: list[str] = []
    try:
        before = await log.head()
        backup = await asyncio.to_thread(copying.backup, source, target, lambda what, done, of: steps.append(what))
        async with asyncio.timeout(60):
            while (after := await log.head()) <= backup.position:  # noqa: ASYNC110 - the log tells only who follows it
                await asyncio.sleep(0)
    finally:
        writing.cancel()
        await asyncio.gather(writing, return_exceptions=True)
        await log.close()
    assert before <= backup.position < after
    assert rows(target) == rows(source)[: backup.position]
    # Bounded steps: no more than half a megabyte at once.
    assert steps.count("copying") >= backup.size // (64 * 8192)


async def _write_on(log: EventLog) -> None:
    for number in range(1_000_000):
        await append(log, told(fact(f"meanwhile {number}", at=number), body=os.urandom(2_000)))


# What is not called one


FLIPPED = "UPDATE content SET bytes = CAST(x'00' || substr(bytes, 2) AS BLOB) WHERE number = "


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        (FLIPPED + "(SELECT content FROM event WHERE position = 77)", "position 77: "),  # noqa: S608 - ours
        ("UPDATE event SET received_at = received_at + 1 WHERE position = 78", "position 78: "),
        ("UPDATE event SET leaf = zeroblob(32) WHERE position = 79", "position 79: "),
        ("UPDATE event SET type = 7 WHERE position = 79", "position 79: "),
        ("DELETE FROM content WHERE number = (SELECT content FROM event WHERE position = 81)", "position 81: "),
        ("DELETE FROM event WHERE position = 80", "position 80: it is missing"),
        (FLIPPED + "(SELECT content FROM delivery WHERE number = 4)", "delivery d4: "),  # noqa: S608 - ours
        ("UPDATE head SET position = position + 1", f"position {EVENTS + 1}: it is missing"),
    ],
)
def test_a_damaged_log_gives_no_backup(statement: str, message: str, source: Path, target: Path) -> None:
    """What does not fit what was committed to is named, and nothing is left that could be taken for a backup."""
    damage(source, statement)
    with pytest.raises(LogDamaged, match=message):
        copying.backup(source, target)
    assert left(target.parent) == []


def test_a_damaged_log_ends_the_command_with_6(source: Path, target: Path) -> None:
    """As verifying does, so that a timer's mail tells damage from a missing folder."""
    damage(source, "UPDATE event SET received_at = received_at + 1 WHERE position = 78")
    made = timelined("backup", str(target), "--storage.url", f"sqlite:///{source}", cwd=target.parent)
    assert (made.returncode, made.stdout, left(target.parent)) == (6, "", [])
    assert "position 78: " in made.stderr


@pytest.mark.parametrize(
    "statement",
    [
        FLIPPED + "12",
        "DELETE FROM content WHERE number = 12",
        "DELETE FROM event WHERE position = 500",
        "DELETE FROM delivery WHERE number = 2",
        "UPDATE head SET content = content + 1",
    ],
)
def test_a_copy_that_came_out_different_is_not_kept(
    statement: str, source: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The copy is read back from the disk: a disk that loses or changes something of it is found out."""
    synced = files.sync

    def lossy(path: Path) -> None:
        if path.name.endswith(".partial"):
            damage(path, statement)
        synced(path)

    monkeypatch.setattr(copying, "sync", lossy)
    with pytest.raises(LogDamaged, match="Nothing was kept"):
        copying.backup(source, target)
    assert left(target.parent) == []


@pytest.mark.parametrize("name", ["monday.db", "monday.db-wal", "monday.db-shm", "monday.db-journal"])
def test_nothing_is_written_over(name: str, source: Path, target: Path) -> None:
    """Neither an earlier backup, nor anything that SQLite would take for a part of this one."""
    (target.parent / name).write_text("the last good one")
    with pytest.raises(InvalidInput, match="is there already; move it away"):
        copying.backup(source, target)
    assert (target.parent / name).read_text() == "the last good one"
    assert left(target.parent) == [name]


def test_a_file_that_comes_up_meanwhile_is_not_written_over(source: Path, target: Path) -> None:
    """Two backups to one name, or anything else: the one that was there first stays."""

    def meanwhile(what: str, done: int, of: int) -> None:
        target.write_text("another")

    with pytest.raises(InvalidInput, match="came up meanwhile"):
        copying.backup(source, target, meanwhile)
    assert target.read_text() == "another"
    assert left(target.parent) == ["monday.db"]


def test_a_killed_backup_leaves_no_backup_and_hinders_none(source: Path, target: Path) -> None:
    """Until it was checked it has another name, and what is left of it is written over by the next."""
    partial = target.with_name("monday.db.partial")
    partial.write_bytes(os.urandom(100_000))
    partial.chmod(0o644)
    assert copying.backup(source, target).position == EVENTS
    assert left(target.parent) == ["monday.db"]
    assert stat.S_IMODE(target.stat().st_mode) == 0o600


def test_two_backups_to_one_name_do_not_mix(source: Path, target: Path) -> None:
    """The second is refused while the first is being written."""
    refused: list[str] = []

    def second(step: str, done: int, of: int) -> None:
        if not refused:
            with pytest.raises(InvalidInput, match="another backup is being written"):
                copying.backup(source, target)
            refused.append(step)

    assert copying.backup(source, target, second).position == EVENTS
    assert refused


def test_what_cannot_be_read_or_written_is_said(source: Path, target: Path) -> None:
    """A missing database, and a folder that is not there."""
    with pytest.raises(NotFound, match="there is no such file"):
        copying.backup(source.with_name("nothing.db"), target)
    with pytest.raises(Unavailable, match="No such file or directory"):
        copying.backup(source, target.parent / "nowhere" / "monday.db")


def test_a_full_disk_at_the_other_end_is_said(source: Path, target: Path) -> None:
    """The backup is not kept, and the log is as it was."""
    mount = ["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", str(target.parent)]
    if subprocess.run(mount, check=False).returncode:
        pytest.skip("a small file system of one's own can only be mounted as root")
    try:
        with pytest.raises(Unavailable, match="full"):
            copying.backup(source, target)
        assert left(target.parent) == []
    finally:
        subprocess.run(["umount", str(target.parent)], check=True)
    assert len(rows(source)) == EVENTS


def test_postgresql_has_better_tools(target: Path) -> None:
    """The answer names them."""
    with pytest.raises(InvalidInput, match="pg_basebackup or pgBackRest"):
        back_up("postgresql+asyncpg://db/timelined", target)


# Started on a backup


def test_a_daemon_goes_on_from_a_backup(process: Process, tmp_path: Path) -> None:
    """As docs/backup.md says: the same drafts, the next event at the next position, and a word on what is missing."""
    url = "sqlite:///data/timelined.db"
    address = process.start("--storage.url", url)
    for status in ("firing", "resolved"):
        assert post(f"{address}/webhooks/alertmanager", alert(status))[0] == 202
    eventually(lambda: [each["status"] for each in get(f"{address}/api/v1/incidents")["incidents"]] == ["resolved"])
    # The follower says what it did in the log; the backup is of a time after that.
    eventually(lambda: get(f"{address}/-/ready")["lag"] == 0)
    draft = _draft(address)
    made = timelined("backup", "monday.db", "--storage.url", url, "-o", "json", cwd=tmp_path)
    position = msgspec.json.decode(made.stdout)["position"]
    later = post(f"{address}/webhooks/alertmanager", alert("firing", name="Later", number=2))[1]
    assert later["items"][0]["position"] > position
    whole = eventually(lambda: "Later" in (shown := _draft(address)) and shown)
    process.end(signal.SIGKILL)

    restored = timelined("restore", "monday.db", "--move-aside", "--storage.url", url, cwd=tmp_path)
    assert (restored.returncode, " lost" in restored.stderr) == (6, True), restored.stderr
    refused = timelined("serve", "--storage.url", url, cwd=tmp_path)
    assert (refused.returncode, "timelined accept-loss" in refused.stderr) == (6, True)
    assert timelined("accept-loss", "--storage.url", url, cwd=tmp_path).returncode == 0
    address = process.start("--storage.url", url)
    assert _draft(address) == draft
    # The loss and the start are facts of their own, and the next.
    eventually(lambda: [each["position"] for each in _told(address)][:2] == [position + 2, position + 1])
    assert [each["type"] for each in _told(address)][:2] == ["collector.started", "collector.lost"]
    again = post(f"{address}/webhooks/alertmanager", alert("firing", name="Later", number=2))[1]
    assert (again["items"][0]["event"], again["items"][0]["known"]) == (later["items"][0]["event"], False)
    eventually(lambda: _whenever(_draft(address)) == _whenever(whole))
    assert process.end(signal.SIGTERM) == 0


def _whenever(draft: str) -> str:
    """Without how late things came: the second time is later, and may be of another minute."""
    return re.sub(r"received [^)\n]*? late|Digest of .*", "", draft)


def _draft(address: str) -> str:
    with urllib.request.urlopen(f"{address}/api/v1/incidents/1/postmortem.md") as answer:  # noqa: S310 - our own
        text: bytes = answer.read()
        return text.decode()


def _told(address: str) -> list[Any]:
    events: list[Any] = get(f"{address}/api/v1/events?type=collector.*&order=desc")["events"]
    return events


def test_a_backup_is_read_where_nothing_can_be_written(source: Path, target: Path, tmp_path: Path) -> None:
    """It is one file that needs none beside it, so it can be looked at on a medium that is read-only."""
    copying.backup(source, target)
    mount = ["mount", "--bind", "-o", "ro", str(target.parent), str(target.parent)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("a folder can be made read-only, also for root, only by mounting it")
    try:
        assert len(rows(target)) == EVENTS
        copied = copying.backup(target, tmp_path / "copy.db")
    finally:
        subprocess.run(["umount", str(target.parent)], check=True)
    assert copied.position == EVENTS
