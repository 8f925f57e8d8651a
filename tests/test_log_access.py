"""Every back end of the log: who writes and reads at once, and what becomes of it where one is cut off."""

from __future__ import annotations

import asyncio
import os
import traceback
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import Column, Connection, Integer, MetaData, Table
from sqlalchemy.exc import DBAPIError
from sqlalchemy.util import await_only

from collector.errors import InvalidSettings, Unavailable
from collector.event import MACHINE
from collector.log import EventLog, Submission, appending, open_log, queries
from tests import forks
from tests.log_facts import AT, append, fact, opened, told
from tests.log_facts import database as database
from tests.log_facts import log as log

# A database that is away


async def test_kill_9_loses_nothing_acknowledged(database: str, tmp_path: Path) -> None:
    """What a killed process had acknowledged is there, at the position it said, without gaps; writing goes on."""
    for round_number in range(3):
        acknowledged = killed(database, tmp_path, after=40 + 25 * round_number)
        async with opened(database) as log:
            stored = {event.position: event.title for event in await log.read(limit=1_000_000)}
            assert list(stored) == list(range(1, len(stored) + 1))
            for line in acknowledged:
                position, _, title = line.rstrip("\n").partition(" ")
                assert not line.endswith("\n") or stored[int(position)] == title
            await append(log, told(fact(f"after {round_number}")))


def killed(database: str, folder: Path, *, after: int) -> list[str]:
    """What a writer had printed that was killed after so many lines; the last may be cut."""
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as printed, Path(os.devnull).open("rb") as nothing:
        with os.fdopen(writing, "wb") as handed:
            streams = (nothing.fileno(), handed.fileno(), 2)
            process = forks.start([database], folder, os.environ, streams, module="tests.endless_writer")
        lines = [printed.readline().decode() for _ in range(after)]
        process.kill()
        process.wait(60)
        return lines + printed.read().decode().splitlines(keepends=True)


# What an error says


async def test_an_error_of_the_database_says_no_value(log: EventLog) -> None:
    """It ends in the daemon's log, and what senders told is no line of that: a token, a customer's name."""
    token = "-".join(("a", "sender's", "token"))
    with pytest.raises(Exception, match="nowhere") as raised:
        await log.query(lambda c: c.exec_driver_sql("SELECT ? FROM nowhere", (token,)))
    with pytest.raises(Exception, match="nowhere") as written:
        await log.transact(lambda c: c.exec_driver_sql("INSERT INTO nowhere VALUES (?)", [(token,)]))
    for error in (raised, written):
        assert token not in "".join(traceback.format_exception(error.value))


# Projections in the same database


_counters = MetaData()
_counter = Table("counter", _counters, Column("n", Integer, primary_key=True))


def count(number: int, connection: Connection) -> None:
    """A projection's own write."""
    connection.execute(_counter.insert(), {"n": number})


def fail(connection: Connection) -> None:
    """A projection's write that goes wrong half way."""
    count(99, connection)
    raise ZeroDivisionError


async def test_others_write_between_appends(database: str) -> None:
    """Tables of others in the same database are written between appends, and read in one view with the log."""
    log = await open_log(database)
    await log.transact(_counters.create_all)
    await asyncio.gather(
        *(log.transact(partial(count, n), durable=n % 2 == 0) for n in range(10)),
        *(append(log, told(fact(str(n)))) for n in range(10)),
    )
    counts = await log.query(
        lambda c: (c.exec_driver_sql("SELECT count(*) FROM counter").scalar(), len(queries.read(c)))
    )
    assert counts == (10, 10)
    with pytest.raises(ZeroDivisionError):
        await log.transact(fail)
    assert await log.query(lambda c: c.exec_driver_sql("SELECT count(*) FROM counter").scalar()) == 10
    await log.close()


async def test_a_mistake_in_sql_is_not_taken_for_an_outage(log: EventLog) -> None:
    """Whoever wrote it hears about it, instead of trying again for ever; nothing of it is kept."""
    with pytest.raises(DBAPIError, match=r"no such table|does not exist"):
        await log.transact(
            lambda c: [appending.append(c, [told(fact("a"))]), c.exec_driver_sql("SELECT * FROM nowhere")]
        )
    assert await log.head() == 0
    await append(log, told(fact("a")))


async def test_events_can_be_appended_within_a_transaction_of_ones_own(log: EventLog) -> None:
    """``appending.append`` takes part in it: both or nothing, and followers wake."""
    woken: list[int] = []
    log.subscribe(lambda: woken.append(1))
    note = Submission(source=MACHINE, received_at=AT, events=(fact("m", source=MACHINE),))
    await log.transact(lambda c: appending.append(c, [note]))
    assert (await log.head(), woken) == (1, [1])


async def test_a_reader_cannot_write(log: EventLog) -> None:
    """The connections that read are read-only."""
    with pytest.raises(Unavailable, match=r"read-?only"):
        await log.query(lambda c: c.exec_driver_sql("DELETE FROM repeat"))


async def test_a_reader_sees_one_view(log: EventLog) -> None:
    """What is committed while a query runs is not seen by it."""

    def work(connection: Connection) -> tuple[int, int]:
        before = len(queries.read(connection))
        await_only(append(log, told(fact("a"))))
        return before, len(queries.read(connection))

    assert await log.query(work) == (0, 0)
    assert await log.head() == 1


async def test_a_cancelled_write_leaves_the_log_usable(log: EventLog) -> None:
    """Whoever gives up waiting does not leave a transaction open."""
    for turn in range(20):
        task = asyncio.create_task(append(log, told(fact(str(turn)))))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    await append(log, told(fact("last")))
    titles = [event.title for event in await log.read()]
    assert titles[-1] == "last"
    assert len(set(titles)) == len(titles) == await log.head()


# One writer


async def test_reading_needs_no_daemon_and_disturbs_none(database: str) -> None:
    """A reader opens the file while it is written, after it was closed, and never locks it."""
    async with opened(database) as log:
        await append(log, told(fact("a")))
        async with opened(database, writable=False) as reader:
            assert await reader.head() == 1
            await append(log, told(fact("b")))
            assert await reader.head() == 2
            with pytest.raises(Unavailable, match="read-only"):
                await reader.append([told(fact("c"))])
    async with opened(database, writable=False) as reader:
        assert [event.title for event in await reader.read()] == ["a", "b"]


@pytest.mark.parametrize("url", ["mysql://x/y", "sqlite://", "sqlite:///:memory:", "words"])
async def test_a_url_that_cannot_be_a_log_is_refused(url: str) -> None:
    """Other databases, memory and nonsense are mistakes of the settings."""
    with pytest.raises(InvalidSettings, match=r"storage\.url"):
        await open_log(url)


async def test_a_closed_log_says_so(database: str) -> None:
    """Nothing hangs after closing; closing twice is fine."""
    log = await open_log(database)
    await log.close()
    await log.close()
    with pytest.raises(Unavailable, match="closed"):
        await log.append([told(fact("a"))])
    with pytest.raises(Unavailable, match="closed"):
        await log.head()
