"""An alert that says another value with each repeat: what it says anew is seen, once, in whatever order it came."""

from __future__ import annotations

import asyncio
import re
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from collector.correlation import Rules, correlate
from collector.drafting.rendering import postmortem
from collector.event import MINUTE, RecordedEvent, current
from collector.log import Submission
from collector.log.updating import compared
from tests.examples import examples
from tests.followed import Followed, database_url, following
from tests.followed import followed as followed
from tests.senders import Alert, alert, micros
from tests.tellings import assert_same_in_another_order, assert_same_on_a_server, received

ALERT = alert("HighErrorRate", since="14:00:00")


def saying(text: str, one: Alert = ALERT) -> Alert:
    """The alert with another summary."""
    return replace(one, annotations={**one.annotations, "summary": text})


def fails(percent: int) -> Alert:
    """The alert with a value in its summary."""
    return saying(f"{percent}% fail")


def updates(events: Sequence[RecordedEvent]) -> list[tuple[int, str]]:
    """When what was said anew, by these events."""
    found = [event for event in current(events) if event.type == "alert.updated"]
    return [(event.occurred_at, event.data["summary"]) for event in found]


async def stored(followed: Followed, *told: Submission) -> list[tuple[int, str]]:
    """The updates after these deliveries, each stored by itself."""
    for one in told:
        await followed.log.append([one])
    return updates(await followed.log.read(0, 1000))


async def test_each_new_value_is_an_event(followed: Followed) -> None:
    """It stands at the time at which its delivery was received, which it says is no time of the sender's."""
    told = [received("14:00:10", fails(12)), received("14:20:10", fails(31)), received("14:30:10", fails(18))]
    found = await stored(followed, *told)
    assert found == [(micros("14:20:10"), "31% fail"), (micros("14:30:10"), "18% fail")]
    log = await followed.log.read(0, 1000)
    assert [event.type for event in log if event.source == "alertmanager"] == [
        "alert.firing",
        "alert.updated",
        "alert.updated",
    ]
    assert {event.time_quality for event in log if event.type == "alert.updated"} == {"absent"}


async def test_a_repeat_and_a_value_that_comes_back_add_nothing(followed: Followed) -> None:
    """Neither the same text again, nor what it had said before."""
    told = [received(f"14:{m:02}:10", fails(v)) for m, v in ((0, 90), (5, 90), (10, 95), (15, 95), (20, 90), (25, 95))]
    assert await stored(followed, *told) == [(micros("14:10:10"), "95% fail")]


async def test_a_delivery_received_before_moves_what_was_said_first(followed: Followed) -> None:
    """What the firing said is then an update; what the earlier delivery says is one no more."""
    later = [received("14:10:10", fails(31)), received("14:20:10", fails(12))]
    found = await stored(followed, *later, received("14:00:10", fails(12)))
    assert found == [(micros("14:10:10"), "31% fail")]
    (firing,) = [e for e in current(await followed.log.read(0, 1000)) if e.type == "alert.firing"]
    assert firing.data["summary"] == "12% fail"


async def test_other_annotations_and_addresses_are_nothing_new(followed: Followed) -> None:
    """Members of a cluster name themselves in links; a runbook that moved says nothing of the incident."""
    one, other = (saying(f"12% fail, see http://{name}.example/d/1") for name in ("am-0", "am-1"))
    moved = replace(other, annotations={**other.annotations, "runbook_url": "https://new.example"})
    assert await stored(followed, received("14:00:10", one), received("14:00:12", moved)) == []


def at(hour_and_minute: str, percent: int) -> Submission:
    """A delivery that tells a value."""
    return received(f"{hour_and_minute}:10", fails(percent))


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ((12, 31, 18), ': "12% fail" at 14:00, "31% fail" at 14:10 and "18% fail" at 14:20'),
        ((12, 31), ': "12% fail" at 14:00 and "31% fail" at 14:10'),
        ((90, 95, 90), ': "90% fail" at 14:00, "95% fail" at 14:10 and "90% fail" again at 14:20'),
        ((90, 95, 90, 95), ': "90% fail" at 14:00 and "95% fail" at 14:10'),
        ((90, 95, 90, 95, 90, 90), ': "90% fail" at 14:00, "95% fail" at 14:10 and "90% fail" again at 14:50'),
        ((10, 95, 50, 60, 50), ': "10% fail" at 14:00, "95% fail" at 14:10 and "50% fail" again at 14:40'),
        ((31, 18), ': "31% fail" at 14:00 and "18% fail" at 14:10'),
        ((31, 31), ': "31% fail"'),
    ],
)
async def test_the_draft_tells_the_first_the_largest_and_the_newest(
    followed: Followed, values: tuple[int, ...], expected: str
) -> None:
    """Each with the time it was told first; a value that came back is told again, with the time it was told last."""
    await stored(followed, *[at(f"14:{10 * n:02}", value) for n, value in enumerate(values)])
    await followed.follower.catch_up()
    text = await postmortem(followed.lists, 1)
    assert text is not None
    plain = re.sub(r"(\d\d:\d\d):\d\d", r"\1", text.replace("\\", "").replace(" UTC", ""))
    assert f"HighErrorRate on checkout{expected}" in plain
    timeline = text.partition("## Timeline")[2].partition("\n## ")[0]
    assert timeline.count("% fail") == 1 + (max(values) > values[0]), "what came back has no row"
    assert f"{max(values)}% fail" in timeline


@pytest.mark.parametrize("annotation", ["summary", "description", "message"])
async def test_the_annotation_that_changes_is_quoted(followed: Followed, annotation: str) -> None:
    """A rule may say its value in any of them, and the same words in the others."""
    words = {"summary": "Requests fail", "description": "Look at the dashboard."}
    words = {key: text for key, text in words.items() if (key, annotation) != ("description", "message")}
    values = [replace(ALERT, annotations={**words, annotation: f"{value}% fail"}) for value in (12, 31)]
    await stored(followed, received("14:00:10", values[0]), received("14:10:10", values[1]))
    await followed.follower.catch_up()
    text = await postmortem(followed.lists, 1)
    assert text is not None
    assert 'checkout: "12% fail" at 14:00:00 UTC and "31% fail" at 14:10:10' in text
    assert 'still fired: "31% fail"' in text


async def test_what_is_told_after_the_end_tells_nothing_of_the_incident(followed: Followed) -> None:
    """A member of a cluster that lags, or an import, says no value of the time in which the alert fired."""
    ended = received("14:10:05", fails(12).resolved("14:10:00"))
    await stored(followed, at("14:00", 12), ended, at("14:12", 77))
    await followed.follower.catch_up()
    text = await postmortem(followed.lists, 1)
    assert text is not None
    assert "77%" not in text


async def test_values_of_an_alert_that_is_told_as_a_whole_afterwards_are_told(followed: Followed) -> None:
    """An import tells them after the end: that they were said is known, and when is not."""
    ended = fails(12).resolved("14:20:00")
    await stored(followed, *[received(f"18:00:0{n}", one) for n, one in enumerate((fails(12), fails(31), ended))])
    await followed.follower.catch_up()
    text = await postmortem(followed.lists, 1)
    assert text is not None
    assert 'checkout: "12% fail" at 14:00:00 UTC and "31% fail" at a time that is not known' in text
    assert "still fired" not in text


async def test_a_value_that_comes_back_after_the_end_is_not_the_last(followed: Followed) -> None:
    """When it was told last while the alert fired is then not known, and nothing is said of it."""
    ended = received("14:20:05", fails(12).resolved("14:20:00"))
    await stored(followed, at("14:00", 12), at("14:10", 31), ended, at("14:22", 12))
    await followed.follower.catch_up()
    text = await postmortem(followed.lists, 1)
    assert text is not None
    assert 'checkout: "12% fail" at 14:00:00 UTC and "31% fail" at 14:10:10' in text
    assert "again" not in text


async def test_as_of_a_moment_before_it_came_back_nothing_is_said_of_that(followed: Followed) -> None:
    """Only the last time is kept, so of an earlier moment it is not known what had been told last."""
    await stored(followed, at("14:00", 12), at("14:10", 31), at("14:20", 12))
    await followed.follower.catch_up()
    now, then = [await postmortem(followed.lists, 1, as_of=moment) for moment in (None, micros("14:15:00"))]
    assert '"12% fail" again at 14:20:10' in str(now)
    assert "again" not in str(then)
    assert '"31% fail" at 14:10:10' in str(then)


async def test_where_only_other_texts_were_kept_no_last_one_is_made_up(followed: Followed) -> None:
    """A log of an earlier version kept no such times: what was told there, and not since, is not the last."""
    await stored(followed, at("14:00", 12), at("14:10", 31), at("14:12", 12), at("14:14", 31))
    await followed.log.transact(lambda connection: connection.exec_driver_sql("DELETE FROM alert_text"))
    await stored(followed, at("14:20", 31))
    await followed.follower.catch_up()
    assert "again" not in str(await postmortem(followed.lists, 1))


async def test_a_firing_that_only_its_end_tells_tells_its_value(followed: Followed) -> None:
    """Where the firing was lost the resolve is all that was received of it, and what it says counts."""
    again = fails(31).again("14:12:00").resolved("14:20:00")
    ended = received("14:10:05", fails(12).resolved("14:10:00"))
    await stored(followed, at("14:00", 12), ended, received("14:20:05", again))
    await followed.follower.catch_up()
    text = await postmortem(followed.lists, 1)
    assert text is not None
    assert 'HighErrorRate on checkout: "12% fail" at 14:00:00 UTC and "31% fail" at 14:20:00' in text


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("12% fail", "12% fail"),
        ("at 14:02 12% fail", "at 14:07:31 12% fail"),
        ("since 2026-03-04T14:02:00Z", "since 2026-03-05 14:02:00 +0000"),
        ("see https://am-0.example/#x", "see https://am-1.example/#y"),
        ("trace 0af7651916cd43dd", "trace b7ad6b7169203331"),
        ("14,233,211 messages", "14,233,999 messages"),
        ("last seen 1793900000", "last seen 1793900300"),
    ],
)
def test_texts_that_say_the_same(one: str, other: str) -> None:
    """What changes by itself is not compared."""
    assert compared(one) == compared(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("12% fail", "13% fail"),
        ("1.25 s", "1.26 s"),
        ("0.001", "0.002"),
        ("0.1", "1.0"),
        ("120 wait", "12 wait"),
        ("-5 °C", "5 °C"),
        ("cart fails", "cart and search fail"),
        ("deadline passed", "deadline is near"),
        ("4m5s", "4m6s"),
    ],
)
def test_texts_that_say_something_else(one: str, other: str) -> None:
    """Another value of three digits, and other words, are news."""
    assert compared(one) != compared(other)


# --- any order --------------------------------------------------------------------------------------------------------


@st.composite
def deliveries(draw: st.DrawFn) -> list[Submission]:
    """Tellings of one firing with a few values, and of an end of it; some received in one microsecond."""
    alerts = [fails(12), fails(31), fails(18), saying("31% fail at 14:10"), fails(31).resolved("14:20:00")]
    told = draw(st.lists(st.tuples(st.integers(0, 12), st.sampled_from(alerts)), min_size=1, max_size=8))
    return [received(micros("14:05:00") + 3 * minutes * MINUTE, one) for minutes, one in told]


@examples(8)
@given(submissions=deliveries(), cuts=st.randoms(use_true_random=False))
def test_the_order_of_storing_does_not_matter(submissions: list[Submission], cuts: Any) -> None:
    """Events, lists and drafts follow from what was told and when; a delivery stored twice changes nothing."""
    shuffled = submissions + [one for one in submissions if cuts.random() < 0.3]
    cuts.shuffle(shuffled)
    assert_same_in_another_order(submissions, shuffled, cuts)


@examples(8)
@given(submissions=deliveries())
def test_updates_change_no_incident(submissions: list[Submission]) -> None:
    """Incidents begin, end and reach as they would without any update."""

    async def read(folder: Path) -> list[RecordedEvent]:
        async with following(folder) as followed:
            await followed.log.append(submissions)
            return await followed.log.read(0, 1000)

    with tempfile.TemporaryDirectory() as folder:
        events = asyncio.run(read(Path(folder)))
    incidents, without = (
        [(i.key, i.anchors, i.started_at, i.ended_at, i.window) for i in correlate(chosen, Rules()).incidents]
        for chosen in (events, [event for event in events if event.type != "alert.updated"])
    )
    assert incidents == without


@examples(2, allowed=[HealthCheck.function_scoped_fixture])
@given(told=deliveries(), cuts=st.randoms(use_true_random=False))
def test_postgresql_says_the_same(request: pytest.FixtureRequest, told: list[Submission], cuts: Any) -> None:
    """What is stored there comes to what a file holds."""
    assert_same_on_a_server(told, database_url(request), cuts)
