"""What is placed, as the lists keep it: the same everywhere, whatever comes when, and on PostgreSQL."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from collector import people
from collector.correlation import Rules
from collector.event import RecordedEvent
from collector.following.follower import Follower
from collector.log import Submission
from collector.projections import Projections
from tests.examples import examples
from tests.followed import database_url
from tests.lists import opened
from tests.placed_story import REPOSITORY, STORY, deploy, merge, observed
from tests.scenario import played
from tests.stories import firing, page, resolved, says


async def rows(lists: Projections, events: Sequence[RecordedEvent]) -> list[tuple[str, str, str]]:
    """What became of each event: its title, the rule and the reason."""
    answers = [(one, await lists.why(one.id)) for one in events]
    return [(one.title, why.rule, why.reason) if why else (one.title, "", "unknown") for one, why in answers]


def submitted(events: Sequence[RecordedEvent]) -> list[Submission]:
    return [Submission(source=one.source, received_at=one.received_at, events=(one,)) for one in events]


async def test_lists_drafts_and_why_agree_on_what_was_placed(tmp_path: Path) -> None:
    """What is placed counts as the incident's in its list row, its events, its case and in ``why``."""
    async with played(submitted(STORY), Rules(), tmp_path / "log.db", live=True) as lists:
        whys = {title: rule for title, rule, _ in await rows(lists, STORY)}
        assert whys["Pod deleted"] == "responder"
        assert whys["Tune rules"] == "named"
        assert whys["Index rebuilt"] == "responder"
        assert whys["Release 7"] == ""
        (first,) = [row for row in await lists.incidents() if "Slow" in row.title]
        case = await lists.case(first.number)
        assert case is not None
        assert first.events == len(case.memberships) == len({event.id for event in case.events})
        assert [near.event.title for near in case.followed] == ["Tune rules again"]
        reasons = {near.event.title: near.reason for near in case.nearby}
        assert reasons["Index rebuilt"] == "it belongs to another incident"
        assert reasons["Release 7"] == "no service, and its references are in no incident"
        total, _, newest = await lists.unjoined()
        assert (total, {near.event.title for near in newest}) == (2, {"Release 7", "Tune rules again"})


async def test_what_a_person_took_out_is_not_placed_there_again(tmp_path: Path) -> None:
    """Nothing but a responder's hand had put it in; the draft says whose word it is, and asks nobody to join it."""
    [loose] = [one for one in STORY if one.title == "Pod deleted"]
    async with played(submitted(STORY), Rules(), tmp_path / "log.db", live=True) as lists:
        [row] = [row for row in await lists.incidents() if "Slow" in row.title]
        left = people.left(key="l", by="Ana Lima", stated_at=loose.received_at, incident=row.key, event=loose.id)
    told = [*submitted(STORY), Submission(source="people", received_at=loose.received_at, events=(left,))]
    for live in (True, False):
        async with played(told, Rules(), tmp_path / f"{live}.db", live=live) as lists:
            [row] = [row for row in await lists.incidents() if "Slow" in row.title]
            case = await lists.case(row.number)
            assert case is not None
            assert loose.id not in case.memberships
            assert {near.event.id: near.reason for near in case.nearby}[loose.id] == "a person took it out"


async def test_lists_say_where_placing_is_still_to_be_done(tmp_path: Path) -> None:
    """Whoever waits until nothing lags reads drafts that have what belongs to them."""
    async with opened(tmp_path / "log.db") as (log, lists):
        assert await log.lead()
        follower, readable = Follower(lists, log, Rules()), Projections(lists, Rules())
        await log.append(submitted(STORY))
        await follower.catch_up()
        assert (await readable.state()).unplaced == 0
        await lists.write(lambda c: c.exec_driver_sql("INSERT INTO placement_due SELECT number FROM incident") and None)
        assert (await readable.state()).unplaced > 0
        await follower.catch_up()
        assert (await readable.state()).unplaced == 0


BESIDE = (
    *STORY, resolved("Backlog", 15, 40, "search"), page("P2", "resolved", 45, "search", actor="Ana Lima"),
    page("P2", "acknowledged", 21, "search", actor="Ana Lima"), deploy(22, "Release 8", repository=REPOSITORY),
    firing("Late", 35, "checkout"), resolved("Late", 35, 36, "checkout"), observed(300, "Cache emptied", "ana-lima"),
    says("incident.merged", 60, STORY[0], into=STORY[0].id, **{"from": STORY[11].id}),
    says("incident.resolved", 2000, STORY[11]), says("incident.resolved", 26, STORY[0]),
)  # fmt: skip
"""What goes on in another incident as well, and what people say of both."""


@examples(5, allowed=list(HealthCheck))
@given(order=st.permutations(BESIDE), live=st.booleans(), left_out=st.sets(st.sampled_from(range(len(BESIDE)))))
def test_placing_does_not_depend_on_arrival(order: list[RecordedEvent], live: bool, left_out: set[int]) -> None:
    """In any order, in one batch or event by event, the same things are placed for the same reasons."""
    ids = {BESIDE[n].id for n in range(len(BESIDE)) if n not in left_out}
    events = [one for one in BESIDE if one.id in ids]

    async def answers(arrived: Sequence[RecordedEvent], live: bool) -> list[tuple[str, str, str]]:
        with tempfile.TemporaryDirectory() as folder:
            async with played(submitted(arrived), Rules(), Path(folder) / "log.db", live=live) as lists:
                return await rows(lists, events)

    expected = asyncio.run(answers(events, False))
    assert asyncio.run(answers([one for one in order if one.id in ids], live)) == expected


ALONE = (firing("Slow", 0, "checkout"), merge(-60), merge(30, 'Revert "Tune rules"', number=42))


@pytest.mark.parametrize(
    "late",
    [
        (firing("Backlog", 15, "search"),),
        (firing("Backlog", 15, "search"), resolved("Backlog", 15, 20, "search")),
        (resolved("Slow", 0, 20, "checkout"), resolved("Slow", 0, 50, "checkout")),
        (firing("Backlog", -400, "search"), resolved("Backlog", -400, -390, "search"), firing("Backlog", 25, "search")),
    ],
    ids=lambda late: "-".join(one.type for one in late),
)
async def test_another_incident_that_comes_later_counts_as_one_that_was_there(
    late: tuple[RecordedEvent, ...], tmp_path: Path
) -> None:
    """What undoes something while two incidents go on shows of neither, whichever of them was known first."""
    events = (*ALONE, *late)
    answers = []
    for number, (order, live) in enumerate([(events, False), (events, True), (events[::-1], True)]):
        async with played(submitted(order), Rules(), tmp_path / f"log-{number}.db", live=live) as lists:
            answers.append(await rows(lists, events))
    assert answers[1] == answers[2] == answers[0]


async def test_postgresql_places_the_same(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """What is asked to find out which incidents are due, and by what they are decided, means the same there."""
    answers = []
    for where in (tmp_path / "log.db", database_url(request)):
        async with played(submitted(BESIDE), Rules(), where, live=True) as lists:
            answers.append(await rows(lists, BESIDE))
    assert answers[1] == answers[0]
    assert {"responder", "acted_on"} & {rule for _, rule, _ in answers[0]}
