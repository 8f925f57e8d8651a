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
from tests import new_logs
from tests.postgres import Server
from tests.scenario import Arrival, submission
from tests.senders import alert, alertmanager, micros

ORDERS = {f"Queue{''.join(map(str, order))}": order for order in permutations(range(4))}
"""Each order of storing, by the name of an alert of its own."""


def arrivals(name: str) -> tuple[Arrival, ...]:
    """An alert that says a new value, ends, and fires again under its old start."""
    fired = alert(name, since="09:02:10", service="billing", summary="300 wait.")
    more = alert(name, since="09:02:10", service="billing", summary="4,000 wait.")
    return (
        Arrival(micros("09:02:25"), alertmanager(fired)),
        Arrival(micros("09:10:00"), alertmanager(more)),
        Arrival(micros("09:20:02"), alertmanager(fired.resolved("09:19:50"))),
        Arrival(micros("09:31:02"), alertmanager(fired)),
    )


@pytest.fixture(params=["sqlite", "postgresql"])
async def log(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[EventLog]:
    """An empty log on either back end."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path}/log.db"
    else:
        server: Server = request.getfixturevalue("postgres")
        url = new_logs.placed_in(server)
    opened = await open_log(url)
    yield opened
    await opened.close()


async def test_a_log_with_derived_events_is_in_order(log: EventLog) -> None:
    """Whatever the order of storing, verify finds no difference, and the derived events say whence they are."""
    for name, order in ORDERS.items():
        told = arrivals(name)
        for number in order:
            for answer in await log.append([submission(told[number])]):
                assert len(receipt_of(answer).items) == 1
    findings = await log.query(partial(verify, beyond=Beyond()))
    assert [str(one) for one in findings.differences] == []
    derived = [event for event in await log.read() if event.item == DERIVED]
    assert all(event.delivery for event in derived)
    for name in ORDERS:
        assert {event.type for event in derived if event.labels["alertname"] == name} >= {
            "alert.firing",
            "alert.updated",
        }
