"""Who reads a SQLite file: each row once, and connections are closed whole, whoever stops waiting for it."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, CursorResult, text

from collector.projections.database import SqliteLists
from collector.storage.readers import Readers, ThreadReaders


def _one(connection: Connection) -> int:
    return int(connection.execute(text("SELECT 1")).scalar_one())


@pytest.mark.parametrize("kind", [Readers, ThreadReaders])
@pytest.mark.parametrize("turns", range(12))
async def test_a_close_that_nobody_waits_for_is_done_to_its_end(
    turns: int, kind: type[Readers | ThreadReaders], caplog: pytest.LogCaptureFixture
) -> None:
    """A cancellation anywhere in it leaves no connection half closed, which SQLAlchemy would log as an error."""
    before = set(threading.enumerate())
    readers = kind(None)
    assert await asyncio.gather(*(readers.run(_one) for _ in range(3))) == [1, 1, 1]
    closing = asyncio.create_task(readers.close())
    for _ in range(turns):
        await asyncio.sleep(0)
    closing.cancel()
    await asyncio.wait([closing])
    await asyncio.wait_for(readers.close(), 10)
    assert [record.getMessage() for record in caplog.records] == []
    for thread in set(threading.enumerate()) - before:
        thread.join(10)
    assert {thread for thread in threading.enumerate() if thread not in before} == set()


@pytest.mark.parametrize("size", [1, 3, 64, 65, 1000])
@pytest.mark.parametrize("count", [0, 1, 63, 64, 65, 129, 1000])
async def test_each_row_is_read_once(count: int, size: int, tmp_path: Path) -> None:
    """However they are taken: one by one, some at a time, the rest at once; also where a reader takes a few of many."""
    file = tmp_path / "rows.db"
    with closing(sqlite3.connect(file)) as made, made:
        made.execute("CREATE TABLE number (n INTEGER)")
        made.executemany("INSERT INTO number VALUES (?)", ((each,) for each in range(count)))

    def read(connection: Connection) -> list[list[int]]:
        def asked() -> CursorResult[Any]:
            return connection.exec_driver_sql("SELECT n FROM number ORDER BY n")

        mixed, cut, some = asked(), asked(), asked()
        first = mixed.fetchone()
        together = [*([first] if first else []), *mixed.fetchmany(size), *mixed]
        cut.fetchmany(size)
        cut.close()
        pieces = list(iter(lambda: some.fetchmany(size), []))
        assert [len(piece) for piece in pieces[:-1]] == [size] * (len(pieces) - 1)
        each = [list(asked()), asked().all(), together, [row for piece in pieces for row in piece]]
        return [[row[0] for row in rows] for rows in each]

    readers = Readers(file)
    assert await readers.run(read) == [list(range(count))] * 4
    assert await readers.run(read) == [list(range(count))] * 4
    await readers.close()


async def test_what_has_few_rows_is_one_change_of_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where each step of a statement is one of its own, most of what a page costs are those."""
    loop = asyncio.get_running_loop()
    ask, changes = loop.call_soon_threadsafe, 0

    def counted(*arguments: Any, **more: Any) -> asyncio.Handle:
        nonlocal changes
        changes += 1
        return ask(*arguments, **more)

    monkeypatch.setattr(loop, "call_soon_threadsafe", counted)
    readers = Readers(None)
    await readers.run(_one)
    changes = 0
    await readers.run(_one)
    once, changes = changes, 0
    await readers.run(lambda connection: sum(_one(connection) for _ in range(11)))
    assert changes == once + 10
    await readers.close()


async def test_lists_that_end_wait_for_readers_of_a_file_that_was_there_before(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A look that is cut off while it closes what was open leaves that to the end of the lists."""
    (tmp_path / "log.db").touch()
    for turns in range(12):
        lists = SqliteLists(tmp_path / "log.db", owner=True, file=tmp_path / f"{turns}.lists.db")
        slow = SqliteLists(tmp_path / "log.db", file=tmp_path / f"{turns}.lists.db")
        assert await slow.query(_one) == 1
        await lists.write(lambda connection: None)
        look = asyncio.create_task(slow.query(_one))
        for _ in range(turns):
            await asyncio.sleep(0)
        look.cancel()
        await asyncio.wait([look])
        await slow.close()
        await lists.close()
    assert [record.getMessage() for record in caplog.records] == []
