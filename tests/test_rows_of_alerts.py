"""How the firings, changes and ends of an alert become rows of the timeline."""

from __future__ import annotations

import msgspec

from collector.event import MINUTE, SECOND
from renderers.plain_text import plain
from tests.histories import Facts, at
from tests.sections import claims, said
from tests.timeline_lines import lines, table


def flapping(times: int) -> Facts:
    """An alert that fires for two minutes, every four, and once more than it flaps."""
    story = Facts()
    for n in range(times + 1):
        alert = story.fires("X", at("14:06:00") + n * 4 * MINUTE, "web")
        story.ends(alert, at("14:08:00") + n * 4 * MINUTE)
    return story


def test_one_that_fires_again_has_rows_of_its_own() -> None:
    """Once or twice is no going on and off: each firing has its row, and says how long it had been quiet."""
    assert lines(flapping(1)) == [
        "Detected: Alert X fired on web (critical)",
        "Alert X on web resolved after 2 min",
        "Alert X fired again on web (critical), 2 min after it had ended",
        "Last alert ended, Resolved: Alert X on web resolved after 2 min",
    ]


def test_going_on_and_off_is_one_row_and_the_last_end_another() -> None:
    """From three pauses of five minutes at most on, the row where it begins counts them; the last end has its row."""
    assert lines(flapping(3)) == [
        "Detected: Alert X fired on web (critical), on and off, 4 times until 14:20",
        "Last alert ended, Resolved: Alert X on web resolved after 14 min on and off",
    ]


def test_a_severity_that_changes_while_an_alert_fires_has_a_row() -> None:
    """Of senders that raise one alert: when, from what to what, of how many series; each firing stands in one row."""
    story = Facts()
    for n in range(3):
        story.fires("Errors", at("10:00:00") + n * SECOND, "web", series=f"pod-{n}", severity="warning", said="5 fail")
    for n in range(3):
        story.fires(
            "Errors", at("10:05:00") + n * SECOND, "web", series=f"pod-{n}", severity="critical", said="50 fail"
        )
    story.fires("Errors", at("10:09:00"), "web", series="pod-0", severity="WARN", said="6 fail")
    same = story.fires("Errors", at("10:10:00"), "web", series="pod-0", severity="warning", said="6 fail")
    assert lines(story)[1:] == [
        'Severity of the alert Errors on web (3 series) was raised from warning to critical: "50 fail"',
        'Severity of the alert Errors on web was lowered from critical to WARN: "6 fail"',
        'Alert Errors fired again on web; whether it had ended before is not recorded: "6 fail"',
    ]
    cited = [each for row in table(story).rows for each in row.cites]
    assert len(cited) == len(set(cited)) == len(story.events)
    assert same.id in table(story).rows[-1].cites, "words of one grade are no change"


def test_an_alert_that_two_senders_tell_is_one_alert() -> None:
    """It is no two series; who tells it is said, and it fired and ended as one."""
    story = Facts()
    first = story.fires("Errors", "10:00:00", "web")
    other = story.fires("Errors", "10:00:20", "web", source="grafana", series="f")
    story.ends(first, "10:10:00")
    story.ends(other, "10:10:40", source="grafana")
    assert lines(story) == [
        "Detected: Alert Errors fired on web (critical), told by Alertmanager and Grafana",
        "Alert ended, Resolved: Alert Errors on web resolved after 10 min 40 s",
    ]
    assert said(story, "impact")[0] == "An alert fired on web in production"
    assert "The alert was firing for 10 min 40 s" in said(story, "summary")
    story.fires("Errors", "10:00:30", "web", source="alertmanager-eu")
    assert lines(story)[0].endswith(", told by alertmanager, Grafana and alertmanager-eu")


def test_series_of_one_alert_in_two_clusters_are_all_counted() -> None:
    """Two sources of one kind name a series alike, so what they name apart is two; another kind tells of the same."""
    story = Facts()
    for source, series in (("eu", "a"), ("eu", "b"), ("us", "b"), ("us", "c"), ("grafana", "f")):
        story.fires("Errors", "10:00:00", "web", source=source, series=series)
    story = story.changed(
        lambda each: msgspec.structs.replace(
            each, data=each.data | {"sender": "grafana" if each.source == "grafana" else "alertmanager"}
        )
    )
    assert lines(story) == ["Detected: Alert Errors fired on web (critical), 3 series, told by eu, us and Grafana"]
    assert said(story, "summary")[0].startswith("At 10:00:00 the alert Errors (3 series) fired on web")


def test_what_was_only_asked_for_has_one_row() -> None:
    """However many states say that it waits."""
    story = Facts()
    for minute in ("10:00:00", "10:01:00", "10:30:00"):
        story.add("change.requested", minute, entity="deployment:1", service="web", title="v6", actor="Ana")
    assert lines(story) == ['Deploy of web was requested: "v6" (by Ana)']
    assert len(table(story).rows[0].cites) == 3


def test_ends_of_one_moment_are_one_row() -> None:
    """Also where the incident was over with one of them."""
    story = Facts()
    fired = [story.fires("Errors", "10:00:00", "web", series=series) for series in "abcd"]
    for each in fired:
        story.ends(each, "10:10:00")
    assert lines(story)[1:] == ["Last alert ended, Resolved: Alert Errors on web (4 series) resolved after 10 min"]


def test_sources_that_disagree_are_all_told() -> None:
    """Each time of a moment has a row: of two people, of two senders of one alert, of a page and of a status page."""
    story = Facts()
    alerts = [story.fires("Slow", "14:02", "web"), story.fires("Slow", "14:05", "web", source="grafana")]
    for mark, first, second in (
        ("impact_started", "13:50", "13:40"), ("detected", "13:58", "13:55"), ("mitigated", "14:15", "14:18"),
    ):  # fmt: skip
        story.marks(mark, first)
        story.marks(mark, second, by="Ben")
    for fired, when, source in zip(alerts, ("14:23", "14:27"), ("alertmanager", "grafana"), strict=True):
        story.ends(fired, when, source=source)
    for when, by in (("14:40", "Ben"), ("14:45", "Ana")):
        story.says("incident.resolved", when, by=by)
    story.add("status.updated", "14:50", title="All good", data={"status": "resolved"})
    told = {each.at for each in table(story).rows}
    assert {event.occurred_at for event in story.events} == told
    assert not any("after it had ended" in each for each in lines(story))


def test_a_start_before_which_no_end_was_told_is_told_as_one() -> None:
    """Whether the alert had ended nobody knows: its start has a row, and the length says what it rests on."""
    story = Facts()
    story.fires("Errors", "10:00:00", "web")
    again = story.fires("Errors", "10:18:00", "web")
    story.ends(again, "10:30:00")
    assert lines(story)[1:] == [
        "Alert Errors fired again on web; whether it had ended before is not recorded",
        "Alert ended, Resolved: Alert Errors on web resolved 30 min after its first start",
    ]
    [length] = [claim for claim in claims(story, "summary") if plain(claim.parts).startswith("The alert was firing")]
    assert plain(length.parts).endswith("for 30 min, unless it had ended before it fired again at 10:18:00")
    assert again.id in length.cites


def test_a_length_of_several_series_rests_on_their_first_starts_where_one_began_anew() -> None:
    """That one of them fired all the time is not known, either."""
    story = Facts()
    story.fires("Errors", "10:00:00", "web", series="a")
    other = story.fires("Errors", "10:00:05", "web", series="b")
    again = story.fires("Errors", "10:18:00", "web", series="a")
    story.ends(other, "10:29:50")
    story.ends(again, "10:30:00")
    assert lines(story)[-1].endswith(" (2 series) resolved up to 30 min after their first start, from 10:29 on")


def test_a_firing_long_after_an_end_is_no_flap() -> None:
    """More than five minutes of quiet make a new firing of it, however often."""
    story = Facts()
    for start in ("10:00:00", "10:30:00", "11:00:00", "11:30:00", "12:00:00"):
        story.ends(story.fires("X", start, "web"), at(start) + 24 * MINUTE)
    assert [row.type for row in table(story).rows] == ["alert.firing", "alert.resolved"] * 5


def test_ends_of_different_alerts_within_a_minute_are_one_row() -> None:
    """Two alerts that end together end on one row, in the order they began, with the time of another minute."""
    story = Facts()
    first, second = story.fires("A", "10:00:00", "web"), story.fires("B", "10:01:30", "api")
    story.ends(second, "10:09:10")
    story.ends(first, "10:10:00")
    assert lines(story)[-1] == (
        "Last alert ended, Resolved: Alert A on web resolved after 10 min; alert B on api resolved after 7 min 40 s at "
        "10:09"
    )


def test_ends_further_apart_stay_apart() -> None:
    """Ends more than a minute apart are rows of their own, with how long each alert fired."""
    story = Facts()
    first, second = story.fires("A", "10:00:00", "web"), story.fires("B", "10:01:01", "api")
    story.ends(second, "10:05:01")
    story.ends(first, "10:06:02")
    assert lines(story)[2:] == [
        "Alert B on api resolved after 4 min",
        "Last alert ended, Resolved: Alert A on web resolved after 6 min 2 s",
    ]
