"""The log followed: incidents kept up to date, numbers that stay, and what is said of it."""

from __future__ import annotations

import asyncio
import tempfile
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st
from sqlalchemy import Connection

from collector import projections
from collector.correlation import Rules
from collector.errors import Unavailable
from collector.event import Event, RecordedEvent
from collector.following.follower import Follower
from collector.log import Answer, EventLog, Submission, queries, receipt_of
from collector.projections import lists_path
from tests.examples import examples
from tests.followed import CATALOG, HASTY, Followed, database_url, followed_equals_batch, following, submission
from tests.followed import followed as followed
from tests.regrouped import batch, kept
from tests.stories import at, firing, resolved, says, streams

# --- incremental equals batch -----------------------------------------------------------------------------------------


@examples(10)
@given(
    events=streams(longest=16),
    order=st.randoms(use_true_random=False),
    rules=st.sampled_from([Rules(), CATALOG, HASTY]),
    size=st.sampled_from([1, 2, 500]),
    crowded=st.sampled_from([0, 5, 10_000]),
)
def test_any_arrival_and_any_batching_equal_correlation(
    events: list[RecordedEvent], order: Any, rules: Rules, size: int, crowded: int
) -> None:
    """However events arrive, and wherever the follower stops and forgets, it comes to what correlation says."""
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(followed_equals_batch(Path(folder), events, order, rules, batch=size, crowded=crowded))


@examples(2, allowed=[HealthCheck.function_scoped_fixture])
@given(
    events=streams(longest=16),
    order=st.randoms(use_true_random=False),
    rules=st.sampled_from([Rules(), CATALOG, HASTY]),
    crowded=st.sampled_from([0, 10_000]),
)
def test_any_arrival_over_postgresql_equals_correlation(
    request: pytest.FixtureRequest, events: list[RecordedEvent], order: Any, rules: Rules, crowded: int
) -> None:
    """The projections' SQL means the same there."""
    url = database_url(request)
    asyncio.run(followed_equals_batch(Path(), events, order, rules, url=url, crowded=crowded))


@pytest.mark.parametrize("late", [False, True])
async def test_what_a_person_says_late_of_a_reopening_ties_what_fired_since(tmp_path: Path, late: bool) -> None:
    """The alert fired again a day after it; whether the word came before or after that is no matter."""
    first, again = firing("A1", 0), firing("A1", 1609)
    word = says("incident.reopened", 200, first)
    events = [first, again, word] if late else [first, word, again]
    async with following(tmp_path, batch=1) as followed:
        for each in events:
            await followed.told(each)
        assert await followed.base.query(kept) == batch(events, followed.rules)
        (row,) = [row for row in await followed.lists.incidents() if row.status != "merged"]
        assert row.key == first.id


async def test_a_reopening_that_was_stated_before_an_alert_was_grave_ties_what_fired_since(tmp_path: Path) -> None:
    """A warning opens nothing; that it had been critical is told last."""
    low_end, word = resolved("A3", 0, 0, severity="warning"), says("incident.reopened", 43_200, resolved("A3", 0, 0))
    grave = msgspec.structs.replace(resolved("A3", 1, 1), data={})
    events = [low_end, word, firing("A3", 43_201), grave]
    async with following(tmp_path, batch=1) as followed:
        for each in events:
            await followed.told(each)
        assert await followed.base.query(kept) == batch(events, followed.rules)


@st.composite
def flapping(draw: st.DrawFn) -> list[Submission]:
    """One alert's events in any order, some without a start, some told again otherwise or taken back later."""
    submissions: list[Submission] = []
    for number in range(draw(st.integers(1, 12))):
        since = draw(st.integers(0, 60))
        until = since + draw(st.integers(0, 20))
        event = firing("A1", since, identity=number) if draw(st.booleans()) else resolved("A1", since, until)
        if draw(st.integers(0, 3)) == 0:
            event = msgspec.structs.replace(event, data={})
        submissions.append(submission(event))
        if draw(st.integers(0, 3)) == 0:
            amendment = draw(st.sampled_from(["correction", "retraction"]))
            again = msgspec.structs.replace(
                submissions[-1].events[0], occurred_at=at(draw(st.integers(0, 80))), revision=1, amendment=amendment
            )
            submissions.append(Submission(source="people", received_at=at(90), events=(again,)))
    return list({(one.events[0].id, one.events[0].revision): one for one in submissions}.values())


@examples(10)
@given(
    submissions=flapping(),
    order=st.randoms(use_true_random=False),
    size=st.sampled_from([1, 500]),
    crowded=st.sampled_from([0, 2, 10_000]),
)
def test_an_alerts_last_episodes_fold_as_all_of_them_do(
    submissions: list[Submission], order: Any, size: int, crowded: int
) -> None:
    """Folding again only what an event could concern gives the same episodes as folding all of an alert's events."""
    corrections = [one for one in submissions if one.events[0].revision]
    submissions = [one for one in submissions if not one.events[0].revision]
    order.shuffle(submissions)
    for each_submission in corrections:
        first = next(i for i, other in enumerate(submissions) if other.events[0].id == each_submission.events[0].id)
        submissions.insert(order.randint(first + 1, len(submissions)), each_submission)

    async def story(folder: Path) -> None:
        async with following(folder, batch=size, crowded=crowded) as followed:
            for one in submissions:
                receipt_of(*await followed.log.append([one]))
                if order.random() < 0.6:
                    await followed.follower.catch_up()
                if order.random() < 0.1:
                    followed.restart()
            await followed.follower.catch_up()
            whole = batch(await followed.log.read(0, 1000), followed.rules)
            assert await followed.base.query(kept) == whole
            numbers = await followed.numbers()
            assert sum(status != "merged" for status in numbers.values()) == len(whole[0])
            await followed.follower.rebuild()
            assert numbers == await followed.numbers()

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(story(Path(folder)))


@examples(8)
@given(events=streams(longest=12), order=st.randoms(use_true_random=False))
def test_a_case_does_not_depend_on_arrival(events: list[RecordedEvent], order: Any) -> None:
    """What a draft is rendered from is the same after any order of arrival, positions aside: of each incident."""
    expected, _, _ = batch(events, Rules())

    async def story(folder: Path, told: Sequence[RecordedEvent], size: int) -> list[Any]:
        async with following(folder, batch=size) as followed:
            for one in told:
                await followed.told(one)
            rows = [row for row in await followed.lists.incidents(limit=100) if row.status != "merged"]
            assert sorted(row.key for row in rows) == sorted(expected)
            cases = [await followed.lists.case(row.number) for row in rows]
            assert None not in cases
            return sorted(
                [
                    (c.row.key, c.row.title, c.row.lead, c.row.severity, c.row.services, c.row.last_at, c.memberships,
                     [e.id for e in c.events], [(n.event.id, n.reason) for n in c.nearby], c.reported)
                    for c in cases if c is not None
                ],
                key=str,
            )  # fmt: skip

    shuffled = list(events)
    order.shuffle(shuffled)
    with tempfile.TemporaryDirectory() as event, tempfile.TemporaryDirectory() as other:
        first = asyncio.run(story(Path(event), events, 500))
        assert first == asyncio.run(story(Path(other), shuffled, 1))


# --- numbers ----------------------------------------------------------------------------------------------------------


async def test_two_numbers_never_hang_on_one_event(tmp_path: Path) -> None:
    """One whose event is gone hangs on another than those that are there: lists made anew would not tell them apart."""
    first, last = firing("A1", 0), resolved("A1", 17, 17)
    unnamed = msgspec.structs.replace(resolved("A1", 1, 1), data={})
    correction = msgspec.structs.replace(unnamed, occurred_at=at(2), revision=1, amendment="correction")
    other = msgspec.structs.replace(resolved("A1", 0, 0), data={})
    retraction = msgspec.structs.replace(first, revision=1, amendment="retraction")
    async with following(tmp_path, batch=1, crowded=0) as followed:
        await followed.told(last)
        await followed.told(unnamed)
        await followed.log.append([submission(first)])
        await followed.told(correction)
        await followed.told(other)
        await followed.told(retraction)
        numbers = await followed.numbers()
        await followed.follower.rebuild()
        assert await followed.numbers() == numbers


async def test_incidents_are_numbered_as_they_become_known(followed: Followed) -> None:
    """The first is 1, and more of it does not make another."""
    await followed.told(firing("A", 0))
    await followed.told(firing("B", 500, "search"), resolved("A", 0, 5))
    assert await followed.numbers() == {1: "resolved", 2: "open"}


async def test_a_merged_number_says_where_it_went(followed: Followed) -> None:
    """The number of the part that began first stays; the other answers with it, and so does its case."""
    first, second = firing("A", 500, "a"), firing("B", 0, "b")
    await followed.told(first)
    await followed.told(second)
    await followed.told(says("incident.merged", 600, first, into=first.id, **{"from": second.id}))
    row = await followed.lists.incident(1)
    case = await followed.lists.case(1)
    assert row is not None
    assert case is not None
    assert (row.status, row.merged_into, case.row.number) == ("merged", 2, 2)


async def test_a_split_gives_the_old_number_back(followed: Followed) -> None:
    """What was merged and is parted again goes by the numbers it had."""
    first, second = firing("A", 0, "a"), firing("B", 500, "b")
    await followed.told(first)
    await followed.told(second)
    await followed.told(says("incident.merged", 600, first, into=first.id, **{"from": second.id}))
    await followed.told(says("incident.left", 601, first, event=second.id))
    assert await followed.numbers() == {1: "open", 2: "open"}


async def test_an_earlier_signal_does_not_change_the_number(followed: Followed) -> None:
    """A late delivery gives the incident another key, and leaves its number."""
    late = firing("B", 0)
    await followed.told(firing("A", 10))
    await followed.told(late)
    row = await followed.lists.incident(1)
    assert row is not None
    assert (row.key, row.number) == (late.id, 1)


async def lose(lists: projections.Lists) -> None:
    """Every table of the lists is emptied, as where their file was deleted."""

    def drop(connection: Connection) -> None:
        for table in projections.metadata.sorted_tables:
            connection.execute(table.delete())

    await lists.write(drop)


async def test_numbers_are_recovered_from_the_log(followed: Followed) -> None:
    """Where every table is lost, what the daemon said gives the numbers back, and is not said again."""
    first, second, third = firing("B", 500, "b"), firing("A", 0, "a"), firing("C", 900, "c")
    for told in (first, second, third):
        await followed.told(told)
    await followed.told(says("incident.merged", 990, first, into=first.id, **{"from": third.id}))
    before = [(row.number, row.key, row.merged_into) for row in await followed.lists.incidents()]
    assert before == [(3, third.id, 1), (2, second.id, None), (1, first.id, None)]
    head = await followed.log.head()

    await lose(followed.base)
    followed.restart()
    await followed.follower.catch_up()
    assert [(row.number, row.key, row.merged_into) for row in await followed.lists.incidents()] == before
    assert await followed.log.head() == head


@pytest.mark.parametrize("how", ["rebuilt", "lost"])
@pytest.mark.parametrize("amended", [{"amendment": "retraction"}, {"amendment": "correction", "severity": "warning"}])
async def test_an_incident_keeps_its_number_without_what_opened_it(
    followed: Followed, amended: dict[str, Any], how: str
) -> None:
    """Also in lists that are made anew, in which that event opens nothing from the beginning."""
    first, second, other = firing("A", 0), firing("B", 5), firing("C", 900, "search")
    for told in (first, second, other):
        await followed.told(told)
    before = [(row.number, row.merged_into) for row in await followed.lists.incidents()]
    gone = submission(first).events[0]
    fields = {name: getattr(gone, name) for name in Event.__struct_fields__}
    await followed.log.append([
        Submission(source="people", received_at=at(990), events=(Event(**{**fields, "revision": 1, **amended}),))
    ])  # fmt: skip
    await followed.follower.catch_up()
    found = [(row.number, row.merged_into) for row in await followed.lists.incidents()]
    assert found == before == [(2, None), (1, None)]
    row = await followed.lists.incident(1)
    assert row is not None
    assert row.key == second.id

    if how == "lost":
        await lose(followed.base)
        followed.restart()
    else:
        await followed.follower.rebuild()
    await followed.follower.catch_up()
    assert [(row.number, row.merged_into) for row in await followed.lists.incidents()] == before
    assert (await followed.lists.incident(1)) == row


@pytest.mark.parametrize("looks", [0, 1, 2])
async def test_lists_that_another_reader_found_removed_are_made_anew(tmp_path: Path, looks: int) -> None:
    """A draft that is rendered beside the follower hears first that the file is gone, and its next look has an empty
    one made: the follower takes that for what it is, also where nothing more comes in."""
    async with following(tmp_path) as followed:
        await followed.told(firing("A", 0))
        lists_path(tmp_path / "log.db").unlink()
        for _ in range(looks):
            with pytest.raises(Unavailable):
                await followed.lists.incidents()
        assert followed.base.in_place == (looks == 2)
        await followed.follower.catch_up()
        assert await followed.numbers() == {1: "open"}


async def announced(followed: Followed) -> list[tuple[int, str]]:
    """The numbers that were announced, each with the event it hangs on."""
    return sorted((fact.data["number"], fact.data["event"]) for fact in await followed.said("incident.opened"))


async def anchors(followed: Followed) -> list[tuple[int, str]]:
    """The same, as the lists have it."""
    statement = "SELECT number, anchor FROM incident_number ORDER BY number"
    return await followed.base.query(lambda c: [(row[0], row[1]) for row in c.exec_driver_sql(statement)])


async def test_a_number_that_is_announced_late_names_what_it_hangs_on(
    followed: Followed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lists that were lost before an incident was announced: its number hangs on what opened it, and not on what came
    in later and was earlier. Made anew once more, every incident has its number."""
    followed.more = {"batch": 1}
    followed.restart()
    opening, other, earlier = firing("A", 0, "a"), firing("B", 500, "b"), firing("C", 490, "b")
    await followed.log.append([submission(event) for event in (opening, other, earlier)])
    append, allowed = followed.log.append, iter([True])

    async def once(submissions: Sequence[Submission]) -> list[Answer]:
        if not next(allowed, False):
            raise Unavailable("cannot append: the disk is full")
        return await append(submissions)

    with monkeypatch.context() as broken:
        broken.setattr(followed.log, "append", once)
        with pytest.raises(Unavailable):
            await followed.follower.catch_up()
    assert await followed.log.head() == 4  # the three, and the announcement of the first
    for _ in range(2):
        await lose(followed.base)
        followed.restart()
        await followed.follower.catch_up()
        assert await announced(followed) == await anchors(followed) == [(1, opening.id), (2, other.id)]


async def test_a_number_that_was_hung_on_another_event_on_the_way_is_announced_anew(followed: Followed) -> None:
    """So that lists which are made of the log next time find it in the same place."""
    first, second = firing("A", 0), firing("B", 5)
    await followed.told(first, second)

    def hang(connection: Connection) -> None:
        connection.exec_driver_sql("UPDATE incident_number SET anchor = ?", (second.id,))
        connection.exec_driver_sql("UPDATE cursor SET settled = 2")

    await followed.base.write(hang)
    followed.restart()
    await followed.follower.catch_up()
    assert await announced(followed) == sorted([(1, first.id), (1, second.id)])
    await lose(followed.base)
    followed.restart()
    await followed.follower.catch_up()
    assert await anchors(followed) == [(1, second.id)]


class _InFlight:
    """A log that goes on storing what it was given, also when nobody waits for it any longer.

    Before the first announcement is stored, more arrives and the lists are removed; whoever does not wait for the
    announcement makes them anew in the meantime.
    """

    def __init__(self, log: EventLog, lists: Path, more: RecordedEvent) -> None:
        self._log, self._lists, self._more = log, lists, more
        self.removed = threading.Event()
        self.anew = asyncio.Event()
        self._storing: asyncio.Task[list[Answer]] | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._log, name)

    async def append(self, submissions: Sequence[Submission]) -> list[Answer]:
        if self._storing is not None:
            return await self._log.append(submissions)
        self._storing = asyncio.create_task(self._store(submissions))
        return await asyncio.shield(self._storing)

    async def stored(self) -> None:
        """Wait until the first announcement is in the log."""
        assert self._storing is not None
        await self._storing

    async def _store(self, submissions: Sequence[Submission]) -> list[Answer]:
        await self._log.append([submission(self._more)])
        self._lists.unlink()
        self.removed.set()
        with suppress(TimeoutError):
            await asyncio.wait_for(self.anew.wait(), 0.5)
        return await self._log.append(submissions)


async def test_a_number_is_not_given_twice_while_it_is_being_announced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lists that are removed in the middle of an announcement are made anew with the number that it names."""
    later, earlier = firing("A", 500, "a"), firing("B", 0, "b")
    async with following(tmp_path) as followed:
        slow = _InFlight(followed.log, lists_path(tmp_path / "log.db"), earlier)
        followed.follower = Follower(followed.base, slow, followed.rules, clock=lambda: 0)
        followed.follower.on_progress(lambda position, _: slow.anew.set() if position > 1 else None)
        looks = iter([True])
        head = queries.head
        # The second round looks for more only when the first one's announcement is on its way.
        monkeypatch.setattr(queries, "head", lambda c: (next(looks, False) or slow.removed.wait(10)) and head(c))
        await followed.log.append([submission(later)])
        await followed.follower.catch_up()
        await slow.stored()
        said = [(fact.data["number"], fact.data["event"]) for fact in await followed.said("incident.opened")]
        assert sorted(said) == [(1, later.id), (2, earlier.id)]
        assert await followed.numbers() == {1: "open", 2: "open"}


# --- what is said -----------------------------------------------------------------------------------------------------


async def test_what_changed_is_said_once(followed: Followed) -> None:
    """Opening, joining and the end are events with rule and reason; more of a signal says nothing."""
    await followed.told(firing("A", 0), firing("B", 5))
    await followed.told(firing("C", 6), resolved("A", 0, 7), resolved("B", 5, 8), resolved("C", 6, 9))
    await followed.follower.catch_up()
    said = [(told.type, told.data.get("rule")) for told in await followed.said()]
    assert said == [
        ("incident.opened", None),
        ("incident.joined", "service"),
        ("incident.resolved", None),
        ("incident.joined", "service"),
    ]


async def test_a_merge_and_a_split_are_said_without_a_word_on_each_member(followed: Followed) -> None:
    """One event each, however many signals moved."""
    first, second = firing("A", 0, "a"), firing("B", 500, "b")
    await followed.told(first, second, firing("C", 501, "b"), firing("D", 502, "b"))
    head = await followed.log.head()
    await followed.told(says("incident.merged", 600, first, into=first.id, **{"from": second.id}))
    merged = [e.type for e in await followed.said() if e.position > head and e.data.get("rule") != "ref"]
    assert merged == ["incident.merged"]
    head = await followed.log.head()
    await followed.told(says("incident.left", 601, first, event=second.id))
    parted = [e.type for e in await followed.said() if e.position > head and e.data.get("rule") != "ref"]
    # What left is the word that merged them: a newer one contradicts it.
    assert parted == ["incident.split", "incident.left"]


async def test_the_daemons_own_events_change_nothing(followed: Followed) -> None:
    """Following what was said of the last round says nothing more."""
    await followed.told(firing("A", 0))
    head = await followed.log.head()
    await followed.follower.catch_up()
    assert await followed.log.head() == head == await followed.lists.position()


async def test_listeners_hear_of_ends_and_changes(followed: Followed) -> None:
    """Jobs are told the number of each incident that is over, until they unsubscribe."""
    over: list[int] = []
    changed: list[int] = []
    unsubscribe = followed.follower.on_resolved(over.append)
    followed.follower.on_changed(changed.append)
    await followed.told(firing("A", 0))
    assert (over, changed) == ([], [1])
    await followed.told(resolved("A", 0, 5))
    assert over == [1]
    unsubscribe()
    await followed.told(firing("B", 6), resolved("B", 6, 7))
    assert over == [1]


async def test_a_running_follower_is_woken_by_appends(followed: Followed) -> None:
    """It follows what is appended while it runs, and ends when cancelled."""
    changed_event = asyncio.Event()
    followed.follower.on_changed(lambda number: changed_event.set())
    task = asyncio.create_task(followed.follower.run())
    await followed.log.append([submission(firing("A", 0))])
    async with asyncio.timeout(60):
        await changed_event.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_follower_that_is_ended_as_it_is_woken_ends(tmp_path: Path) -> None:
    """At whatever turn of the loop its end comes: one that swallowed it would keep who ends it waiting for ever."""
    async with following(tmp_path) as followed:
        for turns in range(5):
            more = asyncio.Event()
            waiting = asyncio.create_task(followed.follower._woken(more))
            for _ in range(3):
                await asyncio.sleep(0)
            more.set()
            for _ in range(turns):
                await asyncio.sleep(0)
            accepts = waiting.cancel()
            await asyncio.wait([waiting])
            assert waiting.cancelled() is accepts
