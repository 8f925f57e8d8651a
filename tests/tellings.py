"""What alerts tell, stored in one order and in another: the log, the lists and the drafts have to come out the same."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from collector.drafting.rendering import document_of
from collector.event import current
from collector.log import Submission, receipt_of
from collector.projections import Case
from renderers.formats import RENDERERS
from tests.followed import following
from tests.scenario import Arrival, submission
from tests.senders import Alert, alertmanager, micros


def received(at: str | int, alert: Alert) -> Submission:
    """What the log is given when this is received."""
    moment = at if isinstance(at, int) else micros(at)
    return submission(Arrival(moment, alertmanager(alert)))


def assert_same_in_another_order(told: Sequence[Submission], shuffled: Sequence[Submission], cuts: Any) -> None:
    """Stored as received, and stored in this other order and in pieces that ``cuts`` decides."""
    by_receipt = sorted(told, key=lambda one: one.received_at)
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        assert asyncio.run(outcome(Path(one), by_receipt, cuts)) == asyncio.run(outcome(Path(other), shuffled, cuts))


def assert_same_on_a_server(submissions: Sequence[Submission], url: str, cuts: Any) -> None:
    """What is stored in PostgreSQL comes to what a file holds."""
    shuffled = list(submissions)
    cuts.shuffle(shuffled)
    with tempfile.TemporaryDirectory() as folder:
        expected = asyncio.run(outcome(Path(folder), submissions, cuts))
    assert asyncio.run(outcome(Path(), shuffled, cuts, url)) == expected


async def outcome(folder: Path, submissions: Sequence[Submission], cuts: Any, url: str = "") -> Any:
    """What stands in the log, and in the lists, after these were stored in this order."""
    async with following(folder, url=url) as followed:
        left = list(submissions)
        while left:
            size = cuts.randint(1, len(left))
            for answer in await followed.log.append(left[:size]):
                receipt_of(answer)
            del left[:size]
            if cuts.random() < 0.5:
                await followed.follower.catch_up()
        await followed.follower.catch_up()
        alerts = [event for event in current(await followed.log.read(0, 1000)) if event.source == "alertmanager"]
        # A number stays with what was an incident only until more was known, so numbers follow the order of storing.
        listed = [row for row in await followed.lists.incidents() if row.status != "merged"]
        rows = [(row.key, row.ended_at, row.title) for row in listed]
        cases = [await followed.lists.case(row.number) for row in listed]
        told_by = [(e.id, e.occurred_at, e.received_at, e.type, e.data, e.labels) for e in alerts]
        return told_by, sorted(rows), sorted(unnumbered(case) for case in cases if case is not None)


def unnumbered(case: Case) -> str:
    """The draft of an incident as if its number were 1."""
    first = msgspec.structs.replace(case, row=msgspec.structs.replace(case.row, number=1))
    return RENDERERS["md"](document_of(first))
