"""Verifying with the help of other processes: it says what one process alone would say."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, create_engine

from collector.event import PEOPLE
from collector.log import Submission, open_log
from collector.removal.erasing import erase
from collector.verification.verify import Verdict, verify
from collector.verification.workers import VerifyWorkers
from tests.verified_logs import AT, Inline, beyond, fact, unguarded, verified
from tests.verified_logs import copy as copy
from tests.verified_logs import verified_log as verified_log


def processes(folder: Path, **more: Any) -> VerifyWorkers:
    """Two processes that read this log, two rows at a time."""
    opener = partial(open_log, f"sqlite:///{folder / 'log.db'}", writable=False, any_schema=True)
    return VerifyWorkers(opener, 2, chunk_size=2, **more)


def helped(folder: Path, helpers: VerifyWorkers) -> tuple[Verdict, int]:
    """What verifying with help says, and how many rows went by."""
    rows: list[int] = []

    async def asked() -> Verdict:
        log = await open_log(f"sqlite:///{folder / 'log.db'}", writable=False, any_schema=True)
        try:
            work = partial(verify, beyond=beyond(folder), helpers=helpers, progress=rows.append)
            return await log.query(work)
        finally:
            await log.close()

    with helpers:
        return asyncio.run(asked()), sum(rows)


def test_several_processes_say_what_one_does(copy: Path) -> None:
    """Of a sound log, each row once; and of one that differs, though they see no more than a part."""
    assert helped(copy, processes(copy, worth=0)) == (verified(copy), 17)
    with unguarded(copy) as connection:
        connection.execute("DELETE FROM event WHERE position = 4")
        connection.execute("UPDATE delivery SET reason = 'x' WHERE number = 6")
    found, _ = helped(copy, processes(copy, worth=0))
    assert found == verified(copy)
    rows = [(each.table, each.number) for each in found.differences if each.table in ("event", "delivery")]
    assert rows == [("event", 4), ("delivery", 6)]


def test_a_small_log_needs_no_help(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other processes would not have started before it is verified, so none is asked for."""
    monkeypatch.setattr(VerifyWorkers, "_ask", lambda *given: pytest.fail("a process was asked for"))
    assert helped(copy, processes(copy))[0].differences == ()


def test_where_no_process_can_be_had_one_does_it_all(copy: Path) -> None:
    """Helpers that cannot open the log end at once, and nothing is missed for it."""
    nowhere = VerifyWorkers(
        partial(open_log, f"sqlite:///{copy / 'nowhere.db'}", writable=False), 2, chunk_size=2, worth=0
    )
    assert helped(copy, nowhere) == (verified(copy), 17)


def test_what_is_erased_meanwhile_is_no_difference(copy: Path) -> None:
    """Helpers see a later moment, at which more was said and a content is gone; it is all on record there."""

    def erases() -> None:
        erasure = fact("a", at=AT, revision=2, amendment="erasure", title="")
        recorded = Submission(source=PEOPLE, received_at=AT + 99, events=(erasure,))
        work = written(copy, lambda connection: erase(connection, recorded, [erasure.id], [2]))
        # The loop of whoever verifies waits for us.
        with ThreadPoolExecutor(1) as beside:
            beside.submit(asyncio.run, work).result()

    driver = sqlite3.connect(copy / "log.db", isolation_level=None, check_same_thread=False)
    with create_engine("sqlite://", creator=lambda: driver).connect() as later:
        found, rows = helped(copy, Inline(later, once(erases)))
        assert (found.differences, found.size, rows) == ((), 10, 17)
        assert found.removed == 4


def once(work: Callable[[], None]) -> Callable[[], None]:
    """Does it the first time only."""
    left = [work]
    return lambda: left.pop()() if left else None


async def written(folder: Path, work: Callable[[Connection], Any]) -> None:
    """Do something to the log as a daemon would."""
    log = await open_log(f"sqlite:///{folder / 'log.db'}")
    await log.transact(work)
    await log.close()
