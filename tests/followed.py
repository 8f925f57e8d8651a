"""A log and its follower in this process, over SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from collector import projections
from collector.correlation import Rules, Service
from collector.event import HOUR, MACHINE, MINUTE, Event, RecordedEvent
from collector.following.follower import Follower
from collector.log import EventLog, Submission
from collector.projections import EventFilter
from tests import new_logs
from tests.lists import opened
from tests.postgres import Server
from tests.regrouped import batch, kept

CATALOG = Rules(
    services=(
        Service(name="checkout", depends_on=("cart",)),
        Service(name="cart", depends_on=()),
        Service(name="billing", depends_on=("search",), repositories=("acme/web",)),
    )
)
HASTY = Rules(longest=30 * MINUTE, reach=HOUR)
"""Incidents that soon take nothing in, so that components are rarely plain."""


def submission(event: RecordedEvent) -> Submission:
    """The delivery that tells one event."""
    plain = Event(**{name: getattr(event, name) for name in Event.__struct_fields__})
    return Submission(source=event.source, received_at=event.received_at, events=(plain,))


class Followed:
    """A log, its follower, and what it reads."""

    def __init__(self, log: EventLog, base: projections.Lists, rules: Rules, **more: Any) -> None:
        self.log, self.base, self.rules, self.more = log, base, rules, more
        self.lists = projections.Projections(base, rules)
        self.restart()

    def restart(self) -> None:
        """A new follower over the same log, as after a crash."""
        self.follower = Follower(self.base, self.log, self.rules, clock=lambda: 0, **self.more)

    async def told(self, *events: RecordedEvent) -> None:
        """These arrive, and are followed."""
        await self.log.append([submission(told) for told in events])
        await self.follower.catch_up()

    async def said(self, kind: str = "incident.*") -> list[RecordedEvent]:
        """What the daemon said of its incidents."""
        return await self.lists.events(EventFilter(type=kind, source=MACHINE, limit=1000))

    async def numbers(self) -> dict[int, str]:
        """Every number and its incident's status."""
        return {row.number: row.status for row in await self.lists.incidents(limit=1000)}


@asynccontextmanager
async def following(
    folder: Path, rules: Rules | None = None, *, url: str = "", lists: bool = True, **more: Any
) -> AsyncIterator[Followed]:
    """A log of one's own, followed; in a file of this folder unless ``url`` names a database.

    Without ``lists`` there are none before the follower makes them, as in a new database.
    """
    if not url:
        new_logs.place(folder / "log.db", lists=lists)
    async with opened(url or folder / "log.db") as (log, base):
        assert await log.lead()
        yield Followed(log, base, rules or Rules(), **more)


@pytest.fixture(params=["sqlite", "postgresql"])
async def followed(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Followed]:
    """A log of one's own, followed, over each back end."""
    url = database_url(request) if request.param == "postgresql" else ""
    async with following(tmp_path, url=url) as made:
        yield made


def database_url(request: pytest.FixtureRequest) -> str:
    """A place of one's own on the server that the tests share, with an empty log and its lists."""
    server: Server = request.getfixturevalue("postgres")
    return new_logs.placed_in(server)


async def follow_anyhow(followed: Followed, events: list[RecordedEvent], order: Any, *, restarts: float) -> None:
    """Let events arrive in any order, some taken in at once; ``restarts`` is how probable one is after each."""
    order.shuffle(events)
    for event in events:
        await followed.log.append([submission(event)])
        if order.random() < 0.4:
            await followed.follower.catch_up()
        if order.random() < restarts:
            followed.restart()
    await followed.follower.catch_up()


async def followed_equals_batch(
    folder: Path, events: list[RecordedEvent], order: Any, rules: Rules, **more: Any
) -> None:  # fmt: skip
    """Let events arrive in any order, and compare what was followed with what correlation says of all at once."""
    async with following(folder, rules, **more) as followed:
        await follow_anyhow(followed, events, order, restarts=0.1)
        assert await followed.base.query(kept) == batch(events, rules)
        numbers, head = await followed.numbers(), await followed.log.head()
        assert sum(status != "merged" for status in numbers.values()) == len(batch(events, rules)[0])
        await followed.follower.rebuild()
        assert await followed.base.query(kept) == batch(events, rules)
        assert numbers == await followed.numbers()
        assert await followed.log.head() == head
