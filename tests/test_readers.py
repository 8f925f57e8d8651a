"""Who reads a SQLite file: connections are closed whole, whoever stops waiting for it."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

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
