"""Logs that are verified after something was changed behind their back."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection

from collector.event import MACHINE, PEOPLE, Event, event_id
from collector.jobs.sealing import SealJob
from collector.log import EventLog, Submission, open_log
from collector.proof import acknowledged, lost
from collector.proof.folder import ProofFolder
from collector.schema.tables import TRIGGERS
from collector.verification.verify import Beyond, Verdict, verify
from collector.verification.workers import VerifyWorkers

AT = 1_772_600_000_000_000


def fact(name: str, at: int = AT, **fields: Any) -> Event:
    """An event whose id follows from its name and time."""
    defaults: dict[str, Any] = {
        "type": "alert.firing",
        "source": "am",
        "entity": name,
        "occurred_at": at,
        "title": name,
    } | fields
    return Event(id=event_id("test.1", "am", at, name), **defaults)


def told(*events: Event, at: int = AT, source: str = "am", **fields: Any) -> Submission:
    """A delivery that tells these events."""
    body = repr([event.title for event in events]).encode()
    headers = (("content-type", "application/json"),)
    return Submission(
        source=source, received_at=at, body=body, headers=headers, events=events, authentication="bearer", **fields
    )


async def fill(log: EventLog) -> None:
    """Deliveries of one and of several events, a repeat, one that spoke earlier, one not understood, a person's fact,
    and an erasure with its content gone."""
    await log.append([told(fact("a"), fact("b"), at=AT + 5), told(fact("c"), at=AT + 6)])
    await log.append([told(fact("c"), fact("d"), at=AT + 7), told(fact("a", title="first"), at=AT + 1)])
    await log.append([told(fact("x", type="source.unrecognised"), at=AT + 8, status="unrecognised", reason="odd")])
    await log.append([told(at=AT + 8)])
    await log.append([Submission(source=PEOPLE, received_at=AT + 9, events=(fact("n", type="note.added"),))])
    gone = fact("d", revision=1, amendment="erasure", title="erased")
    removed = fact("r", type="delivery.erased", source=MACHINE, data={"deliveries": [[3, 3]]})
    await log.append([Submission(source=MACHINE, received_at=AT + 10, events=(gone, removed))])
    statement = (
        "DELETE FROM content WHERE number IN (SELECT content FROM event WHERE id = (SELECT id FROM event WHERE "
        "amendment = 'erasure') AND revision = 0 UNION SELECT content FROM delivery WHERE number = 3)"
    )
    await log.transact(lambda connection: connection.exec_driver_sql(statement))


async def make(folder: Path) -> None:
    """A log with two checkpoints, both in the database and beside it, and what was acknowledged."""
    log = await open_log(f"sqlite:///{folder / 'log.db'}")
    job = SealJob(log=log, beside=ProofFolder(folder / "beside", "test"), origin="test", signer=None)
    (folder / "beside").mkdir()
    record = acknowledged.Acknowledged(folder / "beside" / "acknowledged")
    record.belong(await log.query(lost.identity), 0)
    log.acknowledge(record.record)
    await log.append([told(fact("0"), at=AT)])
    await job.run()
    await fill(log)
    await job.run()
    record.close()
    await log.close()
    assert job.failure == ""


@pytest.fixture(scope="module")
def verified_log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of such a log; not to be changed."""
    folder = tmp_path_factory.mktemp("verify")
    asyncio.run(make(folder))
    return folder


@pytest.fixture
def copy(verified_log: Path, tmp_path: Path) -> Path:
    """A copy of it, to be changed."""
    return Path(shutil.copytree(verified_log, tmp_path / "copy"))


def beyond(folder: Path) -> Beyond:
    """What lies beside the database."""
    kept = ProofFolder(folder / "beside", "test")
    last = acknowledged.read(kept.acknowledged)
    return Beyond(notes=list(kept.checkpoint_files()), acknowledged=[last] if last else [])


class Inline(VerifyWorkers):
    """Help without processes, over the very connection that asks; ``first`` is done before any of it."""

    def __init__(self, connection: Connection, first: Callable[[], object] = lambda: None) -> None:
        super().__init__(lambda: pytest.fail("nobody opens the log again"), 2, chunk_size=2, worth=0)
        self.connection, self.first = connection, first

    def _ask(self, work: Callable[[Connection], Any]) -> Future[Any]:
        self.first()
        future: Future[Any] = Future()
        try:
            future.set_result(work(self.connection))
        except Exception as error:
            future.set_exception(error)
        return future


def both_ways(connection: Connection, *, beyond: Beyond, only: list[tuple[int, int]] | None = None) -> Verdict:
    """What verifying says, which is the same to the letter alone and with helpers, who take two rows at a time."""
    alone = verify(connection, beyond=beyond, only=only)
    assert verify(connection, beyond=beyond, only=only, helpers=Inline(connection)) == alone
    return alone


def verified(folder: Path, only: list[tuple[int, int]] | None = None, *, beside: bool = True) -> Verdict:
    """What verifying says, from the folder beside the database too unless that is not there."""
    known = beyond(folder) if beside else Beyond()
    return asyncio.run(asked_of(folder, partial(both_ways, beyond=known, only=only)))


async def asked_of(folder: Path, work: Callable[[Connection], Verdict]) -> Verdict:
    """What some way of verifying says of the log in a folder."""
    log = await open_log(f"sqlite:///{folder / 'log.db'}", writable=False, any_schema=True)
    try:
        return await log.query(work)
    finally:
        await log.close()


@contextmanager
def unguarded(folder: Path) -> Iterator[sqlite3.Connection]:
    """The database as somebody opens it who removes what refuses changes, and puts it back."""
    connection = sqlite3.connect(folder / "log.db", isolation_level=None)
    for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        connection.execute(f"DROP TRIGGER {name}")
    yield connection
    for trigger in TRIGGERS:
        connection.execute(trigger)
    connection.close()
