"""The short form of two benchmarks: what the follower does and holds, counted and not timed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Sized
from pathlib import Path
from typing import Any

import pytest

from collector import projections
from collector.correlation import Rules
from collector.correlation.changes import Changes
from collector.correlation.reattaching import Reattacher
from collector.correlation.signals import Signal
from collector.following import follower as following
from collector.following.follower import Follower
from collector.log import EventLog, Submission
from collector.projections import grouping_store, tables
from collector.projections.grouping_store import SqlGroupingStore
from tests.bench.follower import alert, one_incident, quiet_days
from tests.executed import seen
from tests.followed import submission
from tests.lists import opened
from tests.placed_story import STORY, note
from tests.stories import change, firing, resolved

STEP = 10


@pytest.fixture
async def both(tmp_path: Path) -> Any:
    """A log of one's own, and its lists."""
    async with opened(tmp_path / "log.db") as made:
        yield made


@pytest.fixture
def log(both: Any) -> EventLog:
    """The log."""
    return both[0]  # type: ignore[no-any-return]


@pytest.fixture
def lists(both: Any) -> Any:
    """The lists."""
    return both[1]


class Counted:
    """What the rounds of a follower wrote, fetched and asked, since :meth:`since` was called last."""

    def __init__(self) -> None:
        self.rows = self.signals = self.events = self.statements = 0

    def since(self) -> tuple[int, int, int, int]:
        """Rows written, signals and events fetched, statements executed; counting begins anew."""
        found = (self.rows, self.signals, self.events, self.statements)
        self.rows = self.signals = self.events = self.statements = 0
        return found

    def wrote(self, changes: Changes) -> None:
        """Note a round's rows."""
        rows: tuple[Sized, ...] = (
            changes.signals, changes.homes, changes.keys, changes.grounds, changes.incidents, changes.incident_keys,
            changes.numbers,
        )  # fmt: skip
        self.rows += sum(map(len, rows))


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Iterator[Counted]:
    """Counts for every follower of the test."""
    counts = Counted()
    write, signals_kept, events = grouping_store.write, SqlGroupingStore._stored_signals, SqlGroupingStore.events

    def writing(connection: Any, changes: Changes) -> None:
        counts.wrote(changes)
        write(connection, changes)

    def keeping(reader: SqlGroupingStore, rows: Sequence[Any]) -> Any:
        counts.signals += len(rows)
        return signals_kept(reader, rows)

    def reading(reader: SqlGroupingStore, ids: Sequence[str]) -> Any:
        counts.events += len(ids)
        return events(reader, ids)

    def executing(*_: Any) -> None:
        counts.statements += 1

    monkeypatch.setattr(following, "write", writing)
    monkeypatch.setattr(SqlGroupingStore, "_stored_signals", keeping)
    monkeypatch.setattr(SqlGroupingStore, "events", reading)
    with seen(executing):
        yield counts


async def follow(log: EventLog, follower: Follower, submissions: Sequence[Submission], step: int = STEP) -> None:
    """Append and follow, a few at a time."""
    for at in range(0, len(submissions), step):
        await log.append(submissions[at : at + step])
        await follower.catch_up()


async def test_an_event_costs_the_same_however_large_its_incident_is(
    log: EventLog, lists: Any, counted: Counted
) -> None:
    """The last hundred alerts of an open incident write, fetch and ask what the second hundred did.

    The follower may keep far fewer signals than the incident has, and keeps the incident all the same: it is open.
    """
    follower = Follower(lists, log, Rules(), crowded=100)
    firings = [one for one in one_incident(1_000) if one.events[0].type == "alert.firing"]
    await follow(log, follower, firings[:100])
    counted.since()
    await follow(log, follower, firings[100:200])
    early = counted.since()
    await follow(log, follower, firings[200:900])
    counted.since()
    await follow(log, follower, firings[900:])
    late = counted.since()
    assert all(after <= 1.1 * before + 2 for before, after in zip(early, late, strict=True)), (early, late)
    assert follower.in_memory >= 900


async def test_an_incident_that_ends_later_has_nothing_of_other_services_judged_again(
    log: EventLog, lists: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What happens on a day to other services is not looked at in each round in which an incident goes on."""
    judged: list[str] = []
    judge_one = Reattacher._judge_one

    def judging(judging: Reattacher, signal: Signal, ignored: bool) -> None:
        judged.append(signal.service or "")
        judge_one(judging, signal, ignored)

    monkeypatch.setattr(Reattacher, "_judge_one", judging)
    follower = Follower(lists, log, Rules())
    elsewhere = [change(f"d{n}", 200 + 5 * n, "checkout" if n == 7 else f"s{n}") for n in range(60)]
    await follow(log, follower, [submission(one) for one in elsewhere])
    judged.clear()
    for number in range(6):
        fired = firing(f"a{number}", 10 * number)
        ended = resolved(f"a{number}", 10 * number, 10 * number + 5)
        await follow(log, follower, [submission(fired), submission(ended)], step=1)
    assert "checkout" in judged
    assert set(judged) <= {"checkout"}


async def test_what_joins_nothing_fetches_no_incident_and_nothing_of_other_services(
    log: EventLog, lists: Any, counted: Counted
) -> None:
    """Deployments hours after incidents of more services than memory keeps: each misses one by its outline."""
    follower = Follower(lists, log, Rules(), crowded=20)
    services = [f"service-{number}" for number in range(30)]
    fired = [firing(name, n, name) for n, name in enumerate(services)]
    ended = [resolved(name, n, n + 1, name) for n, name in enumerate(services)]
    late = [change(f"{name} {turn}", 400 + 40 * turn + n, name) for turn in range(3) for n, name in enumerate(services)]
    submissions = [submission(one) for one in (*fired, *ended, *late)]
    await follow(log, follower, submissions[:-30])
    counted.since()
    await follow(log, follower, submissions[-30:])
    assert counted.since()[1] == 0
    reasons = (await projections.Projections(lists, Rules()).unjoined())[1]
    assert reasons == {"outside the window": 90}


async def test_an_alert_that_fires_for_the_hundredth_time_costs_what_it_cost_before(
    log: EventLog, lists: Any, counted: Counted
) -> None:
    """An alert's earlier episodes are neither read nor written again when it fires once more."""
    follower = Follower(lists, log, Rules(), crowded=20)
    submissions = []
    for turn in range(150):
        since = start_of(turn)
        submissions.append(alert("firing", "a", "checkout", since, since, since))
        submissions.append(alert("resolved", "a", "checkout", since, since + 60_000_000, since + 60_000_000))
    await follow(log, follower, submissions[:80])
    counted.since()
    await follow(log, follower, submissions[80:120])
    early = counted.since()
    await follow(log, follower, submissions[120:260])
    counted.since()
    await follow(log, follower, submissions[260:])
    late = counted.since()
    assert all(after <= 1.1 * before + 2 for before, after in zip(early, late, strict=True)), (early, late)
    assert early[2] <= 40


def start_of(turn: int) -> int:
    """Two days apart, so that each episode is an incident of its own; µs."""
    return 1_772_582_400_000_000 + turn * 172_800_000_000


async def test_a_round_reads_what_it_asks_for_by_key(log: EventLog, lists: Any) -> None:
    """No statement of a round goes through all rows of a list that grows with the log."""
    statements: dict[str, Any] = {}

    def executing(statement: str, values: Any) -> None:
        if statement.lstrip().startswith(("SELECT", "INSERT", "DELETE", "UPDATE")):
            statements.setdefault(statement, values)

    follower = Follower(lists, log, Rules(), crowded=10)
    with seen(executing):
        told = [submission(one) for one in (*STORY, firing("Slow", 300, "checkout"), note(305, "see #4"))]
        await follow(log, follower, told, step=1)
    read = await lists.query(lambda c: {one: GROWING & passed(c, one, values) for one, values in statements.items()})
    assert len(read) > 20
    assert {one: tables for one, tables in read.items() if tables and not looks_for_any(one, statements[one])} == {}


def looks_for_any(statement: str, values: Any) -> bool:
    """Whether it asks for one row at most, whichever comes first."""
    return statement.endswith("LIMIT ? OFFSET ?") and tuple(values)[-2:] == (1, 0)


GROWING = {table.name for table in tables.metadata.sorted_tables} - {
    "shape", "cursor", "placement_due", "set_aside", "attempt", "outbox", "ignored",
}  # fmt: skip
"""Lists with a row for each event, signal or incident."""


def passed(connection: Any, statement: str, values: Any) -> set[str]:
    """The tables that SQLite goes through from their beginning for a statement."""
    one = values[0] if isinstance(values, list) else values
    steps = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", one)
    told = [row[-1].split() for row in steps]
    return {words[1] for words in told if words[0] == "SCAN"}


async def test_memory_holds_what_is_open_and_few_others(log: EventLog, lists: Any) -> None:
    """However many incidents came and went, the signals kept stay near the bound."""
    follower = Follower(lists, log, Rules(), crowded=100)
    sizes = []
    told = quiet_days(200)
    for at in range(0, len(told), 100):
        await follow(log, follower, told[at : at + 100], step=50)
        sizes.append(follower.in_memory)
    # A round of fifty events comes on top, and alerts of the last quarter of an hour are not closed yet.
    assert max(sizes) <= 200
    rows = await projections.Projections(lists, Rules()).incidents(limit=2_000)
    assert len(rows) == 1_000
