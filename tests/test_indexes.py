"""What readers ask for is found by key, over the real schema of both databases, however long the log is.

Each question is put through the public face, and the statements that it takes
are explained by the database that ran them.
"""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from sqlalchemy import Connection

from collector.correlation import Rules
from collector.event import event_id
from collector.log import EventLog, Submission
from collector.projections import EventFilter, Lists, Projections, search, shape, tables
from collector.projections.tables import put
from tests import lists as lists_of
from tests.executed import seen
from tests.followed import Followed
from tests.followed import followed as followed
from tests.stories import at

BACKENDS = ("sqlite", "postgresql")
EVENTS = 6_000
BLOCKS = 3
"""Blocks of citations that the events are spread over."""
TYPES = ("alert.firing", "alert.resolved", "alert.updated", "change.succeeded")


class Rig(NamedTuple):
    log: EventLog
    lists: Lists
    projections: Projections


@asynccontextmanager
async def filled(where: str | Path) -> AsyncIterator[Rig]:
    """Lists of many events of one source and few of another, and as many deliveries."""
    async with lists_of.opened(where) as (log, lists):
        await log.lead()
        await lists.write(shape.fit)
        await lists.write(_fill)
        few = [Submission(source="seldom", received_at=at(n), body=b"x") for n in range(5)]
        many = [Submission(source="often", received_at=at(n), body=b"x") for n in range(900)]
        for start in range(0, len(many), 500):
            await log.append(many[start : start + 500])
        await log.append(few)
        if not isinstance(where, Path):
            await lists.write(lambda c: c.exec_driver_sql("ANALYZE event_index"))
        yield Rig(log, lists, Projections(lists, Rules()))


def identity(number: int) -> str:
    return event_id("test.1", "test", at(number // 100), str(number))


def _fill(connection: Connection) -> None:
    chance = random.Random(7)  # noqa: S311 - any spread will do
    step = BLOCKS * (1 << 14) // EVENTS
    rows = [
        (
            number * step, identity(number), 0, kind := chance.choice(TYPES), kind.partition(".")[0], "often", None,
            f"alert:{number % 50}", at(number), at(number),
        )
        for number in range(1, EVENTS + 1)
    ]  # fmt: skip
    position = rows[-1][0]
    rows += [
        (position + n, identity(EVENTS + n), 0, "page.triggered", "page", "seldom", None, "page:1", at(n), at(n))
        for n in range(1, 6)
    ]
    search.index_events(connection, rows)
    put(connection, tables.cursor, [(1, position + 5, 0, 0, "", b"")])


async def plans(rig: Rig, ask: Callable[[], Awaitable[Any]]) -> list[str]:
    """How the database runs each statement that a question takes, which is about a list or the log."""
    statements: list[tuple[str, Any]] = []

    def executing(statement: str, values: Any) -> None:
        if any(name in statement for name in ("event_index", "event_kind", "delivery", "signal", "unjoined")):
            statements.append((statement, values))

    with seen(executing):
        await ask()
    assert statements
    return await rig.lists.query(lambda connection: [_plan(connection, *one) for one in statements])


def _plan(connection: Connection, statement: str, values: Any) -> str:
    verb = "EXPLAIN QUERY PLAN" if connection.dialect.name == "sqlite" else "EXPLAIN"
    return "\n".join(str(row[-1]) for row in connection.exec_driver_sql(f"{verb} {statement}", tuple(values)))


def reads_all(plan: str, table: str) -> bool:
    """Whether a plan goes through a table from one end."""
    return any(
        (line.split()[:2] == ["SCAN", table]) or (f"Seq Scan on {table}" in line) or (f"{table}_pkey on {table}" in line
        and "Index Cond" not in plan) for line in plan.splitlines()
    )  # fmt: skip


@pytest.fixture(params=BACKENDS)
def where(request: pytest.FixtureRequest, tmp_path: Path) -> str | Path:
    if request.param == "sqlite":
        return tmp_path / "timelined.db"
    url: str = request.getfixturevalue("url")
    return url


async def test_events_are_found_by_source_and_type(where: str | Path) -> None:
    """The five of a source that seldom speaks, of a type there are few of, of a family: none reads the others."""
    async with filled(where) as rig:
        few = [identity(EVENTS + n) for n in range(5, 0, -1)]
        for event_filter in (
            EventFilter(source="seldom", limit=50, newest_first=True),
            EventFilter(type="page.triggered", limit=50, newest_first=True),
            EventFilter(type="page.*", limit=50, newest_first=True),
            EventFilter(source="seldom", type="page.*", limit=50, newest_first=True),
            EventFilter(source="often", limit=50, newest_first=True),
        ):

            async def matching(asked: EventFilter = event_filter) -> Sequence[tuple[int, str]]:
                return await rig.lists.query(lambda c: search.matching(c, asked, None))

            rows = await matching()
            assert len(rows) == 50 if event_filter.source == "often" else [identity for _, identity in rows] == few
            assert rows == sorted(rows, reverse=True)
            if event_filter.source == "often":
                # Nearly all are of it: to go through them from the end is as good.
                continue
            found = await plans(rig, matching)
            assert any("event_index_kind" in plan for plan in found), found
            assert not any(reads_all(plan, "event_index") for plan in found), found


async def test_events_of_several_types_come_in_the_order_of_positions(where: str | Path) -> None:
    """Whatever a list is filtered by, a page is what comes next, from either end and from the middle."""
    async with filled(where) as rig:

        def expected(connection: Connection, clause: str, order: str) -> list[tuple[int, str]]:
            statement = f"SELECT position, id FROM event_index WHERE {clause} ORDER BY position {order} LIMIT 30"  # noqa: S608
            return [(position, name) for position, name in connection.exec_driver_sql(statement)]

        for event_filter, clause, order in (
            (EventFilter(type="alert.*", limit=30), "family = 'alert'", "ASC"),
            (EventFilter(source="often", newest_first=True, before=9_000, limit=30),
             "source = 'often' AND position < 9000", "DESC"),
            (EventFilter(source="often", type="alert.*", after=700, limit=30),
             "source = 'often' AND family = 'alert' AND position > 700", "ASC"),
            (EventFilter(type="alert.*", entity="alert:7", limit=30), "family = 'alert' AND entity = 'alert:7'", "ASC"),
            (EventFilter(source="nobody", limit=30), "source = 'nobody'", "ASC"),
        ):  # fmt: skip
            rows = await rig.lists.query(lambda c, asked=event_filter: search.matching(c, asked, None))  # type: ignore[misc]
            wanted = await rig.lists.query(lambda c, one=(clause, order): expected(c, *one))  # type: ignore[misc]
            assert rows == wanted


async def test_a_citation_is_found_by_its_digits(where: str | Path) -> None:
    """In whatever block of the list the event stands, by four digits and by more; nobody reads the ids of all."""
    async with filled(where) as rig:
        for number in (1, EVENTS // 2, EVENTS):
            identifier = identity(number)
            assert await rig.projections.resolve_id(identifier[-12:]) == [identifier]
            assert identifier in await rig.projections.resolve_id(identifier[-4:])
            assert await rig.projections.resolve_id(identifier[-7:].upper()) == [identifier]
        found = await plans(rig, lambda: rig.projections.resolve_id(identity(5)[-7:]))
        assert any("event_index_ending" in plan for plan in found), found
        assert not any(reads_all(plan, "event_index") for plan in found), found


async def test_deliveries_are_found_by_source(where: str | Path) -> None:
    """The five of a source that seldom speaks do not take reading those of the others."""
    async with filled(where) as rig:
        if not isinstance(where, Path):
            # As the server does by itself; here nothing happens that a test did not ask for.
            await rig.log.transact(lambda c: c.exec_driver_sql("ANALYZE delivery"))
        query_plans = await plans(rig, lambda: rig.log.deliveries(source="seldom"))
        assert len(await rig.log.deliveries(source="seldom")) == 5
        assert any("delivery_source" in plan for plan in query_plans), query_plans
        assert not any(reads_all(plan, "delivery") for plan in query_plans), query_plans


async def test_what_joined_nothing_is_counted_without_reading_it(followed: Followed, tmp_path: Path) -> None:
    """The counts are a list of their own, kept by the writes."""
    async with filled(tmp_path / "timelined.db") as place:
        query_plans = await plans(place, place.projections.unjoined)
    assert not any(reads_all(plan, "signal") for plan in query_plans if "signal_missed" not in plan), query_plans
    assert any("SCAN unjoined" in plan for plan in query_plans), query_plans
    assert not any("GROUP BY" in plan for plan in query_plans)
