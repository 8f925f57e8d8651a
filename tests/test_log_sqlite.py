"""What only a log in one SQLite file promises: its triggers, its lock, a disk that is full."""

# ruff: noqa: ASYNC221, ASYNC240 - a test may wait for its own process or file

from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
import threading
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from collector.errors import LogDamaged, Unavailable
from collector.log import EventLog, Submission, appending, open_log
from collector.log.sqlite import SqliteLog
from collector.storage import disk
from collector.storage.lock import holder
from tests.log_facts import append, fact, opened, told


@pytest.fixture
async def log(database: str) -> AsyncIterator[EventLog]:
    """An open, empty log."""
    async with opened(database) as made:
        yield made


PROTECTED = ("event", "delivery", "content", "head")


@pytest.mark.parametrize("table", PROTECTED)
async def test_no_row_is_ever_replaced(log: EventLog, table: str) -> None:
    """INSERT OR REPLACE of any existing row is refused, with the connection the log itself writes with."""
    await append(log, told(fact("a")))
    statement = f"INSERT OR REPLACE INTO {table} SELECT * FROM {table}"  # noqa: S608 - a table of our own
    with pytest.raises(IntegrityError, match="append-only"):
        await log.transact(lambda c: c.exec_driver_sql(statement))


async def test_no_event_is_replaced_under_another_position(log: EventLog) -> None:
    """The same id and revision under a free position would remove the first row; it is refused."""
    await append(log, told(fact("a")))
    statement = (
        "INSERT OR REPLACE INTO event SELECT 99, id, revision, amendment, type, source, received_at, occurred_at, "
        "delivery, item, content, content_commitment, commitment, leaf FROM event"
    )
    with pytest.raises(IntegrityError, match="append-only"):
        await log.transact(lambda c: c.exec_driver_sql(statement))
    assert [event.position for event in await log.read()] == [1]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE event SET type = 'x'",
        "UPDATE event SET position = position + 1",
        "UPDATE OR REPLACE event SET position = 2",
        "DELETE FROM event",
        "UPDATE delivery SET status = 'x'",
        "DELETE FROM delivery",
        "UPDATE content SET bytes = x'00'",
        "UPDATE head SET position = position - 1",
        "DELETE FROM head",
    ],
)
async def test_no_fact_is_changed_or_removed(database: str, statement: str) -> None:
    """The file itself refuses, whatever program opens it."""
    async with opened(database) as log:
        await append(log, told(fact("a"), fact("b")))
        connection = sqlite3.connect(database.removeprefix("sqlite:///"))
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            connection.execute(statement)
        connection.close()
        assert [event.title for event in await log.read()] == ["a", "b"]


async def test_a_locked_database_refuses_now_and_recovers(log: EventLog, monkeypatch: pytest.MonkeyPatch) -> None:
    """While another program holds the write lock the answer is Unavailable; reading goes on, and then all is well."""
    assert isinstance(log, SqliteLog)
    monkeypatch.setattr("collector.storage.transaction.BUSY", 0.1)
    other = sqlite3.connect(log.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Unavailable, match="locked"):
        await log.append([told(fact("a"))])
    assert await log.read() == []
    other.execute("ROLLBACK")
    other.close()
    await append(log, told(fact("a")))


async def test_a_full_disk_refuses_and_recovers_by_itself(tmp_path: Path) -> None:
    """No space: Unavailable for everyone, reading goes on; with space again the same log goes on, nothing missing."""
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(tmp_path)], check=False).returncode:
        pytest.skip("a small file system of one's own can only be mounted as root")
    try:
        async with opened(f"sqlite:///{tmp_path / 'timelined.db'}") as log:
            acknowledged = await _fill(log)
            assert acknowledged
            assert len(await log.read()) == len(acknowledged)
            subprocess.run(["mount", "-o", "remount,size=16m", str(tmp_path)], check=True)
            (receipt,) = await append(log, told(fact("after"), body=b"x" * 20_000))
            assert receipt.items[0].position == len(acknowledged) + 1
            assert [event.title for event in await log.read()] == [*acknowledged, "after"]
            check = await log.query(lambda c: c.exec_driver_sql("PRAGMA integrity_check").scalar())
            assert check == "ok"
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)


async def _fill(log: EventLog) -> list[str]:
    """Append until the disk is full; the titles that were acknowledged."""
    acknowledged: list[str] = []
    for number in range(1000):
        try:
            await append(log, told(fact(str(number)), body=os.urandom(20_000)))
        except Unavailable as refusal:
            assert "full" in str(refusal)  # noqa: PT017 - which failure it is matters as much as that there is one
            return acknowledged
        acknowledged.append(str(number))
    raise AssertionError("the disk never became full")


async def test_what_is_not_durable_does_not_weaken_what_is(log: EventLog) -> None:
    """After a transaction that need not wait for the disk the connection waits again."""
    await log.transact(lambda c: None, durable=False)
    level = await log.transact(lambda c: c.exec_driver_sql("PRAGMA synchronous").scalar())
    assert level == 2
    assert await log.transact(lambda c: c.exec_driver_sql("PRAGMA synchronous").scalar(), durable=False) == 1


async def _at_work(log: EventLog) -> tuple[asyncio.Task[None], threading.Event]:
    """Keep the writer's thread busy until the event is set; the task that waits for it."""
    begun, go_on = threading.Event(), threading.Event()

    def work(connection: Connection) -> None:
        begun.set()
        assert go_on.wait(60)

    working = asyncio.create_task(log.transact(work))
    await asyncio.to_thread(begun.wait, 60)
    return working, go_on


async def test_a_small_batch_waits_for_the_writers_thread(log: EventLog, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is inserted on the event loop once the connection is free: on the thread each row would wait for the loop."""
    threads: list[int] = []
    inserting = appending.append

    def inserted(connection: Connection, submissions: Sequence[Submission]) -> object:
        threads.append(threading.get_ident())
        return inserting(connection, submissions)

    monkeypatch.setattr(appending, "append", inserted)
    working, go_on = await _at_work(log)
    waiting = [asyncio.create_task(append(log, told(fact(name)))) for name in ("a", "b", "c")]
    await asyncio.sleep(0)
    assert threads == []
    go_on.set()
    await asyncio.gather(working, *waiting)
    assert threads == [threading.get_ident()] * 3
    assert len(await log.read()) == 3


async def test_a_batch_that_waited_for_a_log_that_closed_is_refused(log: EventLog) -> None:
    """It is written nowhere, and its sender comes again."""
    working, go_on = await _at_work(log)
    waiting = asyncio.create_task(append(log, told(fact("a"))))
    await asyncio.sleep(0)
    closing_it = asyncio.create_task(log.close())
    await asyncio.sleep(0)
    go_on.set()
    await working
    with pytest.raises(Unavailable, match="closed"):
        await waiting
    await closing_it


async def test_what_is_written_while_the_log_closes_is_no_failure_of_the_disk(
    log: EventLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is committed, and its file is looked at before that is closed, however busy the event loop is."""
    begun, closed, closing_file = threading.Event(), threading.Event(), SqliteLog._close

    def close_file(self: SqliteLog) -> None:
        begun.set()
        closing_file(self)
        closed.set()

    monkeypatch.setattr(SqliteLog, "_close", close_file)
    working, go_on = await _at_work(log)
    closing_it = asyncio.create_task(log.close())
    await asyncio.to_thread(begun.wait, 0.3)
    go_on.set()
    # Where the file is closed by now, it is so before the event loop hears that the transaction ended.
    closed.wait(0.3)
    await working
    await closing_it
    assert closed.is_set()


async def test_a_second_writer_is_sent_to_the_first(database: str, tmp_path: Path) -> None:
    """The error names the address of the process that writes; after it closed, the next may."""
    path = tmp_path / "timelined.db"
    log = await open_log(database, address="http://127.0.0.1:9720")
    with pytest.raises(Unavailable, match=r"http://127\.0\.0\.1:9720"):
        await open_log(database)
    lock = holder(path)
    assert lock is not None
    assert (lock.pid, lock.address) == (os.getpid(), "http://127.0.0.1:9720")
    log.announce("http://127.0.0.1:1")
    lock = holder(path)
    assert lock is not None
    assert lock.address == "http://127.0.0.1:1"
    await log.close()
    assert holder(path) is None
    await (await open_log(database)).close()


async def test_a_lock_file_left_behind_locks_nothing(database: str, tmp_path: Path) -> None:
    """A killed writer's file, whole or torn, names nobody."""
    for left in (b'{"pid": 1, "address": "http://x"}', b'{"pid', b""):
        (tmp_path / "timelined.db.lock").write_bytes(left)
        assert holder(tmp_path / "timelined.db") is None
        await (await open_log(database)).close()


async def test_a_missing_file_is_named(database: str) -> None:
    """Reading what does not exist says so, and makes no empty file."""
    with pytest.raises(Unavailable, match="no such file"):
        await open_log(database, writable=False)
    assert not Path(database.removeprefix("sqlite:///")).exists()
    with pytest.raises(Unavailable, match="no folder"):
        await open_log("sqlite:////nowhere/at/all.db")


async def test_a_head_that_contradicts_the_events_stops_the_start(database: str) -> None:
    """A cut tail is found when the log is opened."""
    async with opened(database) as log:
        await append(log, told(fact("a"), fact("b")))
    connection = sqlite3.connect(database.removeprefix("sqlite:///"))
    (guard,) = connection.execute("SELECT sql FROM sqlite_master WHERE name = 'event_refuses_delete'").fetchone()
    connection.execute("DROP TRIGGER event_refuses_delete")
    connection.execute("DELETE FROM event WHERE position = 2")
    connection.execute(guard)
    connection.commit()
    connection.close()
    with pytest.raises(LogDamaged, match="2 events and the last one is 1"):
        await open_log(database)


async def test_the_write_ahead_log_has_a_bound_while_others_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    """Readers that overlap keep it from starting over; beyond its bound the writer waits for them for a moment."""
    monkeypatch.setattr(disk, "_CHECKPOINT", 100)
    monkeypatch.setattr(disk, "_BOUND", 200)
    monkeypatch.setattr(disk, "_WAIT", 0.25)
    path = tmp_path / "timelined.db"
    log = await open_log(f"sqlite:///{path}")
    reading = True

    def look(connection: Connection) -> None:
        connection.exec_driver_sql("SELECT count(*) FROM event").one()
        time.sleep(0.02)

    async def read() -> None:
        while reading:
            await log.query(look)

    readers = [asyncio.create_task(read()) for _ in range(3)]
    largest = 0
    for number in range(600):
        await append(log, told(fact(str(number)), body=os.urandom(5000)))
        largest = max(largest, path.with_name("timelined.db-wal").stat().st_size)
    reading = False
    await asyncio.gather(*readers)
    assert path.stat().st_size > 400 * 8192
    assert largest < 350 * 8192, "some transactions come between two looks"
    await log.close()


async def test_a_reader_between_two_looks_does_not_let_the_write_ahead_log_grow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever read older pages when it was copied is gone when it is tried again, long before anybody has to wait."""
    monkeypatch.setattr(disk, "_CHECKPOINT", 100)
    monkeypatch.setattr(disk, "_WAIT", 60.0)
    monkeypatch.setattr(disk, "_LONGEST", 60.0)
    path = tmp_path / "timelined.db"
    log = await open_log(f"sqlite:///{path}")
    wal, largest, restarts = path.with_name("timelined.db-wal"), 0, 0
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, isolation_level=None)) as other:
        for number in range(200):
            if number % 10 == 0:
                other.execute("BEGIN")
                other.execute("SELECT * FROM head").fetchone()
            await append(log, told(fact(str(number)), body=os.urandom(5000)))
            if number % 10 == 5:
                other.execute("COMMIT")
            before, largest = largest, max(largest, wal.stat().st_size)
            restarts += before == largest
    assert path.stat().st_size > 200 * 8192
    assert largest < 250 * 8216
    assert restarts
    await log.close()


async def test_the_write_ahead_log_shrinks_when_there_is_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a long reader, a backup for one, let it grow to is given back once nothing is written."""
    monkeypatch.setattr(disk, "IDLE", 0.0)
    path = tmp_path / "timelined.db"
    wal = path.with_name("timelined.db-wal")
    log = await open_log(f"sqlite:///{path}")
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, isolation_level=None)) as other:
        other.execute("BEGIN")
        other.execute("SELECT * FROM head").fetchone()
        for number in range(100):
            await append(log, told(fact(str(number)), body=os.urandom(60_000)))
        assert wal.stat().st_size > disk.SPARE
        other.execute("COMMIT")
    async with asyncio.timeout(60):
        while wal.stat().st_size:
            assert await log.lead(), "the daemon asks every second"
            await asyncio.sleep(0.01)
    await log.close()
