"""An alert that fires again under the start that its sender told an end of: what comes back is seen."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from collector.drafting.rendering import postmortem
from collector.event import MINUTE, SECOND, RecordedEvent, current
from collector.log import Submission
from collector.semantics.episodes import episodes
from tests.examples import examples
from tests.followed import Followed, database_url
from tests.followed import followed as followed
from tests.scenario import Arrival, submission
from tests.senders import alert, incident_key, micros, page
from tests.tellings import assert_same_in_another_order, assert_same_on_a_server, received

ALERT = alert("HighErrorRate", since="14:00:00")
FIRST, SECOND_END = ALERT.resolved("14:20:00"), ALERT.resolved("15:10:00")


async def story(followed: Followed, *told: Submission) -> list[tuple[int, int | None]]:
    """The alert's episodes after these deliveries."""
    await followed.log.append(list(told))
    await followed.follower.catch_up()
    return spans(await followed.log.read(0, 1000))


def spans(events: Sequence[RecordedEvent]) -> list[tuple[int, int | None]]:
    """The alert's episodes by these events."""
    alerts = [event for event in current(events) if event.type.startswith("alert.")]
    return [(episode.start, episode.end) for episode in episodes(alerts)]


async def test_a_firing_told_long_after_its_resolve_is_a_firing(followed: Followed) -> None:
    """It is open, it is listed among what fires, and the draft tells it, at the time its delivery was received."""
    ended, again = micros("14:20:00"), micros("15:00:07")
    found = await story(followed, received("14:00:10", ALERT), received("14:20:05", FIRST), received(again, ALERT))
    assert found == [(micros("14:00:00"), ended), (again, None)]
    (signal,) = await followed.lists.signals()
    assert (signal.state, signal.since, signal.title) == ("firing", again, "HighErrorRate")
    rows = {row.started_at: row.status for row in await followed.lists.incidents()}
    assert rows == {micros("14:00:00"): "resolved", again: "open"}
    text = await postmortem(followed.lists, 2)
    assert text is not None
    assert "Unresolved" in text
    assert "15:00" in text


@pytest.mark.parametrize("seed", range(6))
def test_what_was_told_on_the_way_is_no_part_of_a_draft(seed: int) -> None:
    """A repeat that is stored first fired again on the way; one that was received before it did."""
    firings = [received(f"14:05:0{second}", ALERT) for second in range(5)]
    ends = [received("14:05:05", FIRST), received("14:06:06", ALERT.resolved("14:20:01"))]
    late, early = received("14:35:07", ALERT), received("14:11:08", ALERT)
    cuts = random.Random(seed)  # noqa: S311 - how the log is cut into pieces is no secret
    assert_same_in_another_order([*firings, *ends, early, late], [*firings, *ends, late, early], cuts)


async def test_it_is_one_event_however_often_it_is_told(followed: Followed) -> None:
    """It names the delivery that it follows from; later repeats are counted, as those of any firing are."""
    submissions = [
        received("14:00:10", ALERT),
        received("14:20:05", FIRST),
        *(received(f"15:{m:02}:00", ALERT) for m in (0, 5, 9)),
    ]
    await story(followed, *submissions)
    again = [event for event in await followed.log.read() if "again_after" in event.data]
    assert [event.occurred_at for event in again] == [micros("15:00:00")]
    delivery = await followed.log.delivery(again[0].delivery)
    assert delivery is not None
    # What a delivery tells is fixed when it is stored: it lists the firing that it repeats, and nothing derived.
    assert [(item.event_id == again[0].id, item.stored_before) for item in delivery.items] == [(False, True)]


async def test_a_stale_telling_says_nothing(followed: Followed) -> None:
    """A peer's late word within six minutes, and an import of everything at once, are no firings."""
    stale = [received("14:00:10", ALERT), received("14:20:05", FIRST), received("14:26:05", ALERT)]
    assert await story(followed, *stale) == [(micros("14:00:00"), micros("14:20:00"))]
    assert await followed.lists.signals() == []


async def test_a_second_import_of_known_traffic_says_nothing(followed: Followed) -> None:
    """The resolve is told again after the firing: that was no word of now."""
    live = [received("14:00:10", ALERT), received("14:20:05", FIRST)]
    imported = [received("19:00:00", ALERT), received("19:00:02", FIRST)]
    assert await story(followed, *live, *imported) == [(micros("14:00:00"), micros("14:20:00"))]
    assert await followed.lists.signals() == []
    assert {row.status for row in await followed.lists.incidents()} == {"resolved"}


async def test_the_next_resolve_ends_what_fires_again(followed: Followed) -> None:
    """It names the start that both share; the first episode stays what it was."""
    told = [received("14:00:10", ALERT), received("14:20:05", FIRST), received("15:00:00", ALERT)]
    found = await story(followed, *told, received("15:10:05", SECOND_END))
    assert found == [(micros("14:00:00"), micros("14:20:00")), (micros("15:00:00"), micros("15:10:00"))]
    assert await followed.lists.signals() == []


async def test_it_fires_again_and_again(followed: Followed) -> None:
    """Each resolve may be followed by another firing under the same start."""
    told = [received("14:00:10", ALERT), received("14:20:05", FIRST), received("15:00:00", ALERT)]
    found = await story(followed, *told, received("15:10:05", SECOND_END), received("15:40:00", ALERT))
    assert [start for start, _ in found] == [micros("14:00:00"), micros("15:00:00"), micros("15:40:00")]
    assert [end is None for _, end in found] == [False, False, True]


async def test_it_belongs_to_the_incident_whose_page_is_open(followed: Followed) -> None:
    """PagerDuty names the alert's group: while its page is open, the alert that comes back is of the same incident."""
    call = page(311, "Errors", at="14:00:30", service="Web team", key=incident_key(ALERT))
    paged = submission(Arrival(micros("14:00:31"), call.triggered("Ana Lima")))
    told = [received("14:00:10", ALERT), paged, received("14:20:05", FIRST), received("15:00:00", ALERT)]
    assert len(await story(followed, *told)) == 2
    assert [row.status for row in await followed.lists.incidents()] == ["open"]


async def test_how_long_is_a_setting(followed: Followed) -> None:
    """A source whose cluster speaks sooner or later may say so."""
    told = [received("14:00:10", ALERT), received("14:20:05", FIRST), received("14:23:00", ALERT)]
    hasty = [msgspec.structs.replace(one, refire_after=2 * MINUTE) for one in told]
    assert len(await story(followed, *hasty)) == 2


# --- any order --------------------------------------------------------------------------------------------------------

_MINUTES = st.integers(0, 40)


@st.composite
def deliveries(draw: st.DrawFn) -> list[Submission]:
    """Tellings of one firing and of some ends of it, each received at a minute of its own."""
    ends = [ALERT, ALERT, FIRST, ALERT.resolved("14:20:01"), ALERT.resolved("14:31:00")]
    told = draw(st.lists(st.tuples(_MINUTES, st.sampled_from(ends)), min_size=1, max_size=9))
    base = micros("14:05:00")
    return [received(base + minutes * MINUTE + place * SECOND, one) for place, (minutes, one) in enumerate(told)]


@examples(8)
@given(submissions=deliveries(), cuts=st.randoms(use_true_random=False))
def test_the_order_of_storing_does_not_matter(submissions: list[Submission], cuts: Any) -> None:
    """The deliveries and their times of receipt decide, in whatever order and by how many at once they are stored."""
    shuffled = list(submissions)
    cuts.shuffle(shuffled)
    assert_same_in_another_order(submissions, shuffled, cuts)


@examples(2, allowed=[HealthCheck.function_scoped_fixture])
@given(told=deliveries(), cuts=st.randoms(use_true_random=False))
def test_postgresql_says_the_same(request: pytest.FixtureRequest, told: list[Submission], cuts: Any) -> None:
    """What is stored there comes to what a file holds."""
    assert_same_on_a_server(told, database_url(request), cuts)
