"""Events that the log derives from deliveries prove themselves as all others do."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from itertools import permutations
from pathlib import Path

import pytest

from collector.event import DERIVED
from collector.log import EventLog, open_log, receipt_of
from collector.verification.verify import Beyond, verify
from tests.postgres import Server
from tests.scenario import Arrival, submission
from tests.senders import alert, alertmanager, micros

FIRED = alert("QueueGrows", since="09:02:10", service="billing", summary="300 wait.")
MORE = alert("QueueGrows", since="09:02:10", service="billing", summary="4,000 wait.")
ARRIVALS = (
    Arrival(micros("09:02:25"), alertmanager(FIRED)),
    Arrival(micros("09:10:00"), alertmanager(MORE)),
    Arrival(micros("09:20:02"), alertmanager(FIRED.resolved("09:19:50"))),
    Arrival(micros("09:31:02"), alertmanager(FIRED)),
)
"""An alert that says a new value, ends, and fires again under its old start."""


@pytest.fixture(params=["sqlite", "postgresql"])
async def log(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[EventLog]:
    """An empty log on either back end."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path}/log.db"
    else:
        server: Server = request.getfixturevalue("postgres")
        url = server.fresh()
    opened = await open_log(url)
    yield opened
    await opened.close()


@pytest.mark.parametrize("order", list(permutations(range(4))))
async def test_a_log_with_derived_events_is_in_order(log: EventLog, order: tuple[int, ...]) -> None:
    """Whatever the order of storing, verify finds no difference, and the derived events say whence they are."""
    for number in order:
        for answer in await log.append([submission(ARRIVALS[number])]):
            assert len(receipt_of(answer).items) == 1
    findings = await log.query(partial(verify, beyond=Beyond()))
    assert [str(one) for one in findings.differences] == []
    derived = [event for event in await log.read() if event.item == DERIVED]
    assert {event.type for event in derived} >= {"alert.firing", "alert.updated"}
    assert all(event.delivery for event in derived)
