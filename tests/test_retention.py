"""Retention: bodies go when their age has come, repeats first; what was read out of them stays, and it is on record."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from collector.errors import Unavailable
from collector.event import HOUR, Event, event_id
from collector.jobs import retention
from collector.jobs.retention import RetentionJob
from collector.log import EventLog, Submission, open_log, receipt_of
from collector.verification.verify import Beyond, verify

DAY = 24 * HOUR
START = 1_772_632_800_000_000


class Rig:
    """A log whose deliveries came a day apart, and a clock."""

    def __init__(self, log: EventLog) -> None:
        self.log = log
        self.now = START
        self.count = 0

    def job(self, **ages: dict[str, int]) -> RetentionJob:
        """A job as after a start."""
        return RetentionJob(self.log, {name.replace("_", "-"): kinds for name, kinds in ages.items()}, lambda: self.now)

    async def told(self, *names: str, source: str = "am") -> str:
        """A delivery that tells these, received now; a day passes."""
        events = tuple(fact(name, source) for name in names)
        self.count += 1
        body = f"body {self.count} of {source}".encode()
        submission = Submission(source=source, received_at=self.now, body=body, events=events)
        receipt = receipt_of(*await self.log.append([submission]))
        self.now += DAY
        return receipt.delivery

    async def kept(self) -> list[str]:
        """The deliveries that have a body, oldest first."""
        stored = await self.log.deliveries(limit=1000)
        return [one.id for one in reversed(stored) if await self.log.body(one.id) is not None]

    async def records(self) -> list[dict[str, Any]]:
        """What was recorded of removals."""
        return [event.data for event in await self.log.read(limit=1000) if event.type == "delivery.expired"]

    async def differences(self) -> Sequence[object]:
        """What the verification of the whole log finds."""
        return (await self.log.query(lambda connection: verify(connection, beyond=Beyond()))).differences


def fact(name: str, source: str) -> Event:
    """An event whose id follows from its name."""
    return Event(
        id=event_id("t.1", source, START, name), type="alert.firing", source=source, entity=name, occurred_at=START,
        title=name,
    )  # fmt: skip


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    log = await open_log(f"sqlite:///{tmp_path / 't.db'}")
    yield Rig(log)
    await log.close()


async def test_repeats_go_first(rig: Rig) -> None:
    """A body that told nothing new goes at its age; one with anything new, or with nothing at all, stays."""
    for names in (("a",), ("a",), ("a", "b"), (), ("b",)):
        await rig.told(*names)
    assert await rig.job(am={"repeats": DAY}).run() == 2
    assert await rig.kept() == ["d1", "d3", "d4"]
    assert [event.title for event in await rig.log.read() if event.type == "alert.firing"] == ["a", "b"]


async def test_deliveries_go_at_their_own_age_whatever_they_told(rig: Rig) -> None:
    """Of this source alone; what was read out of them stays, and so does each delivery's row."""
    for names, source in ((("a",), "am"), (("a",), "gh"), (("a",), "am"), (("b",), "am")):
        await rig.told(*names, source=source)
    assert await rig.job(am={"repeats": DAY, "deliveries": 3 * DAY}).run() == 2
    assert await rig.kept() == ["d2", "d4"]
    assert len(await rig.log.deliveries()) == 4
    assert {event.title for event in await rig.log.read() if event.type == "alert.firing"} == {"a", "b"}


async def test_a_removal_is_on_record_and_verifies(rig: Rig) -> None:
    """Source, kind, numbers and how many: by it a removed body is told from a lost one."""
    for name in ("a", "a", "b"):
        await rig.told(name)
    await rig.job(am={"repeats": DAY}).run()
    await rig.job(am={"deliveries": 2 * DAY}).run()
    fields = {"source": "am", "until": rig.now - DAY}
    assert await rig.records() == [
        fields | {"kind": "repeats", "first": 1, "last": 3, "removed": 1, "bytes": 12},
        fields | {"kind": "deliveries", "first": 1, "last": 2, "removed": 1, "bytes": 12, "until": rig.now - 2 * DAY},
    ]
    assert await rig.differences() == ()
    lost = "DELETE FROM content WHERE number = (SELECT content FROM delivery WHERE number = 3)"
    await rig.log.transact(lambda connection: connection.exec_driver_sql(lost) and None)
    assert [str(each) for each in await rig.differences()] == [
        "delivery d3: its body is missing and no removal of it is recorded"
    ]


async def test_each_pass_goes_on_where_the_last_one_ended(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """In small transactions, also after a start; a second pass finds nothing and records nothing."""
    monkeypatch.setattr(retention, "_MOST", 2)
    for _ in range(7):
        await rig.told("a")
    job = rig.job(am={"repeats": 3 * DAY})
    assert (await job.run(), await job.run(), await rig.job(am={"repeats": 3 * DAY}).run()) == (4, 0, 0)
    records = await rig.records()
    assert [(one["first"], one["last"]) for one in records] == [(1, 2), (3, 4), (5, 5)]
    rig.now += DAY
    assert await job.run() == 1
    assert await rig.kept() == ["d1", "d7"]
    assert await rig.differences() == ()


async def test_without_an_age_nothing_goes(rig: Rig) -> None:
    """By default everything is kept."""
    await rig.told("a")
    rig.now += 10_000 * DAY
    assert await rig.job().run() == 0
    assert await rig.kept() == ["d1"]


async def test_a_log_that_cannot_be_written_is_tried_again(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pass that fails loses nothing and is made up for."""
    await rig.told("a")
    await rig.told("a")
    job = rig.job(am={"repeats": 0})
    real = rig.log.transact

    async def full(*_: object, **__: object) -> None:
        raise Unavailable("the disk is full")

    monkeypatch.setattr(rig.log, "transact", full)
    assert await job.run() is False
    monkeypatch.setattr(rig.log, "transact", real)
    assert await job.run() == 1


async def test_removed_bytes_are_overwritten(rig: Rig, tmp_path: Path) -> None:
    """What expired is not left in free pages of the file."""
    await rig.told("a")
    await rig.told("a")
    await rig.job(am={"repeats": 0}).run()
    await rig.log.close()
    content = (tmp_path / "t.db").read_bytes()
    assert (b"body 1 of am" in content, b"body 2 of am" in content) == (True, False)
