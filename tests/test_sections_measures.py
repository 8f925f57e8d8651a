"""How long it took: which alert counts as the first and the last, and what is said where one outlived the others."""

from __future__ import annotations

import re

import pytest

from tests.histories import Facts, many_changes
from tests.sections import cells, prompts, said


def _with_warnings(first: str, last: str) -> Facts:
    """A critical alert from 10:00 to 10:20, a report, a deploy and a rollback, and a warning as told."""
    story = Facts()
    story.says("report.received", "09:58:00", "slow", by=None, service="web")
    story.deploys("web", "09:00:00", "09:50:00", "v2")
    story.ends(story.fires("High", "10:00:00", "web"), "10:20:00")
    story.ends(story.fires("Low", first, "web", severity="warning"), last)
    story.deploys("web", "10:10:00", "10:15:00", "v1", rollback=True)
    return story


@pytest.mark.parametrize(
    ("first", "last", "called"),
    [
        ("10:05:00", "10:10:00", ("the first alert", "the last alert")),
        ("09:40:00", "10:10:00", ("the first alert above warning", "the last alert")),
        ("10:05:00", "10:30:00", ("the first alert", "the last alert above warning")),
        ("09:40:00", "10:30:00", ("the first alert above warning", "the last alert above warning")),
    ],
)
def test_the_first_and_the_last_alert_are_that_of_all(first: str, last: str, called: tuple[str, str]) -> None:
    """Where a warning fired before or ended after it, an alert above warning is not called the first or the last."""
    text = _with_warnings(first, last).markdown()
    for name in called:
        assert name in text
        if not name.endswith("warning"):
            assert f"{name} above" not in text
        else:
            assert not re.search(f"{name.removesuffix(' above warning')}(?! above)", text)


def test_the_alert_that_outlived_the_others_does_not_pass_over_a_warning() -> None:
    """The others are those above warning, where a warning went on."""
    told = many_changes()
    told.fires("Low", "12:00:00", "web", severity="warning")
    assert cells(told, "measures")[2].endswith("ended 23 min after the other alert above warning")


def test_who_declared_it_mitigated_is_told_with_what_they_said() -> None:
    """A tool for chats tells it as an event of its own; the measure names it, and so do summary and resolution."""
    story = Facts()
    alert = story.fires("X", "10:00:00", "web")
    story.says("observation.recorded", "10:20:00", "Traffic flows again", data={"called": "incident mitigated"})
    story.ends(alert, "10:40:00")
    assert cells(story, "measures")[2].endswith("it was declared mitigated")
    for section in ("summary", "resolution"):
        assert any('Ana declared it mitigated at 10:20:00' in text and "Traffic flows" in text
                   for text in said(story, section))  # fmt: skip


HALF = "how could we have noticed this in half the time?"


def test_one_alert_that_ended_long_after_all_others_has_an_alternative_and_a_question() -> None:
    """The time to mitigate is also told without it, and a person is asked."""
    facts = many_changes()
    words = "; 8 min without High5xx on api, which ended 23 min after "
    assert cells(facts, "measures")[2].endswith(f"{words}the other alert")
    assert prompts(facts, "detection") == ["when was it mitigated?", HALF]
    facts.ends(facts.fires("Third", "12:10:00", "web"), "12:12:00")
    assert cells(facts, "measures")[2].endswith(f"{words}all others")


def test_a_flapping_alert_is_no_outlier_of_itself() -> None:
    """The last firing of one alert is not called another alert."""
    story = Facts()
    for start, end in (("10:00:00", "10:02:00"), ("10:10:00", "10:30:00")):
        story.ends(story.fires("X", start, "web"), end)
    measures = cells(story, "measures")
    assert measures[2].startswith("Time to mitigate | 30 min | detected 10:00:00 | mitigated 10:30:00 | ")
    assert not any("without" in text for text in measures)
    assert prompts(story, "detection") == [HALF]


def test_a_lost_end_is_asked_for() -> None:
    """Where an alert has no recorded end, a person is asked when it was mitigated."""
    story = Facts()
    story.fires("X", "10:00:00", "web")
    story.page("resolved", "10:20:00")
    assert prompts(story, "detection") == ["when was it mitigated?", HALF]


def test_an_alert_that_outlived_the_opening_ones_is_not_passed_over() -> None:
    """Where a low alert ended later, the end that counts is not called the last alert's."""
    story = Facts()
    story.deploys("web", "09:58:00", "09:59:00", "v2")
    fired, low = story.fires("X", "10:00:00", "web"), story.fires("Low", "10:01:00", "web", severity="warning")
    story.deploys("web", "10:04:00", "10:05:00", "v1", rollback=True)
    story.ends(fired, "10:06:00")
    assert cells(story, "measures")[2].endswith("mitigated 10:06:00 | derived: the last alert above warning ended")
    story.ends(low, "10:07:00")
    assert cells(story, "measures")[2].endswith("mitigated 10:06:00 | derived: the last alert above warning ended")
    assert "and the last alert above warning ended 1 min later" in said(story, "root_causes")[-1]


def test_a_series_that_outlived_the_others_is_called_one_series() -> None:
    """The alternative is told without one series, not without the whole alert."""
    story = Facts()
    for pod, end in (("a", "10:05:00"), ("b", "10:30:00")):
        story.ends(story.fires("X", "10:00:00", "web", series=pod), end)
    assert "; 5 min without one series of X on web, which ended 25 min after" in cells(story, "measures")[2]


def test_an_unknown_measure_shows_no_clock_that_reads_as_a_length() -> None:
    """Beside an unknown value 00:07:10 would be seven minutes to a program, and to a reader in a hurry."""
    told = Facts()
    told.fires("X", "00:07:10", "web")
    detect = cells(told, "measures")[0]
    assert "detected at 00:07 |" in detect
    assert "00:07:10" not in detect


def test_a_change_after_a_symptom_is_no_start_of_the_impact() -> None:
    """What it would be said to have begun had shown before."""
    story = Facts()
    story.fires("Low", "09:40:00", "web", severity="warning")
    story.deploys("web", "09:50:00", "09:55:00", "v1")
    story.fires("X", "10:00:00", "web")
    expected = "detected at 10:00 | 20 min if the impact began with the alert Low on web at 09:40:00"
    assert cells(story, "measures")[0].endswith(expected)


def test_an_observation_before_the_first_alert_is_a_basis_for_the_time_to_detect() -> None:
    """What a machine saw first, what a person did last, and the likeliest change, the later first."""
    story = Facts()
    story.deploys("web", "09:40:00", "09:50:00", "v1")
    story.add("observation.recorded", "09:55:00", title="cache off", actor="Ana", service="web")
    story.add("observation.recorded", "09:58:10", title="Packet loss 38%", service="web")
    story.fires("X", "10:00:00", "web")
    assert cells(story, "measures")[0].endswith(
        'detected at 10:00 | 1 min 50 s if the impact began with "Packet loss 38%" at 09:58:10; '
        '5 min if it began when "cache off" was recorded at 09:55:00; '
        "10 min if it began when the deploy finished at 09:50:00"
    )


def test_what_was_reopened_has_no_end_since() -> None:
    """That no end is recorded at all would be wrong: one is, and it was taken back, by the tool or by a person."""
    story = Facts()
    story.page("triggered", "10:00:00")
    story.page("resolved", "10:20:00", actor="Ana")
    story.page("reopened", "10:30:00", actor="Bo")
    [*_, last] = cells(story, "measures")
    assert last.endswith("it was reopened at 10:30:00, and no end is recorded since")
    assert "No end is recorded since it was reopened; the last event came at 10:30:00" in said(story, "summary")
    story.page("resolved", "10:50:00")
    assert "reopened" not in cells(story, "measures")[-1]

    story = Facts()
    story.ends(story.fires("High", "10:00:00", "web"), "10:20:00")
    story.says("incident.resolved", "10:25:00")
    story.says("incident.reopened", "10:30:00", by="Bo")
    assert cells(story, "measures")[-1].endswith("it was reopened at 10:30:00, and no end is recorded since")
    sentence = "Ana declared it resolved at 10:25:00, and Bo declared at 10:30:00 that it was not resolved after all"
    assert sentence in said(story, "summary")
    story.says("incident.resolved", "10:40:00")
    assert sentence in said(story, "summary")
    assert cells(story, "measures")[-1].endswith("resolved 10:40:00 | stated by a person")


def test_what_came_after_an_action_is_that_a_tool_was_set_to_mitigated() -> None:
    """Without an alert, what a person set is what showed that it helped; an hour later it was closed."""
    story = Facts()
    story.page("triggered", "09:00:00", source="rootly", actor="Ida")
    story.deploys("checkout", "09:12:00", "09:14:00", "use key 13")
    story.page("status_updated", "10:00:00", source="rootly", data={"to": "mitigated"})
    story.page("resolved", "11:00:00", source="rootly")
    mitigated = "the incident was set to mitigated 46 min"
    assert any(
        text.endswith(f'"use key 13" of checkout finished; {mitigated} later') for text in said(story, "resolution")
    )
    assert any(text.endswith(f"at 09:14:00; {mitigated} after it") for text in said(story, "summary"))


def test_what_a_person_declared_over_was_not_stated_to_be_mitigated() -> None:
    """And it is an end, where no alert and no page has one; one report alone is not the first."""
    story = Facts()
    story.says("report.received", "10:00:00", "slow", service="web")
    story.deploys("web", "10:10:00", "10:20:00", "v2")
    story.says("incident.resolved", "10:26:00")
    assert any(sentence.endswith("; it was declared resolved 6 min after it") for sentence in said(story, "summary"))
    assert "From the report to the end it lasted 26 min" in said(story, "summary")
    assert said(story, "resolution")[0].endswith("finished; it was declared resolved 6 min later")
    story.marks("impact_started", "09:50:00")
    assert any("to when it was declared resolved" in sentence for sentence in said(story, "impact"))


def test_what_was_reported_is_open_until_somebody_declares_it_over() -> None:
    """Though all else ended: that no end is recorded would leave a reader looking for what goes on."""
    story = Facts()
    alert = story.fires("High", "10:00:00", "web")
    story.says("incident.opened", "10:05:00", "slow", service="web")
    assert cells(story, "measures")[-1].endswith("no end is recorded")
    story.ends(alert, "10:20:00")
    assert cells(story, "measures")[-1].endswith("nobody has declared it over since it was reported")
    assert "Nobody has declared it over since it was reported at 10:05:00" in said(story, "summary")


@pytest.mark.parametrize("first", ["alert", "page", "report"])
def test_what_somebody_stated_to_be_detected_before_was_not_discovered_later(first: str) -> None:
    """Neither by monitoring, nor by a page or a report, and no length that counts from then is called after these."""
    story = Facts()
    if first == "alert":
        story.ends(story.fires("High", "10:00:00", "web"), "10:20:00")
    elif first == "page":
        story.page("triggered", "10:00:00")
        story.page("resolved", "10:20:00")
    else:
        story.says("incident.opened", "10:00:00", "slow", by="Bo")
        story.says("incident.resolved", "10:20:00")
    story.marks("detected", "09:40:00", "A customer called")
    opened = {
        "alert": "The alert about it came at 10:00:00, 20 min later: High (critical) on web",
        "page": 'PagerDuty incident 311 was opened at 10:00:00, "Page 311"',
        "report": 'Bo reported it at 10:00:00, "slow"',
    }
    assert said(story, "detection")[:2] == ['Ana stated that it was detected at 09:40:00: "A customer called"',
                                            opened[first]]  # fmt: skip
    assert ("From the detection to the end it lasted 40 min" in said(story, "summary")) == (first != "alert")


def test_a_rollback_that_failed_put_nothing_back() -> None:
    """It is told as what it was, and not as done."""
    story = Facts()
    alert = story.fires("High", "10:00:00", "web")
    start, end = "10:05:00", "10:06:00"
    story.add("change.started", start, entity="deployment:7", service="web", title="v4", data={"task": "rollback"})
    story.add("change.failed", end, entity="deployment:7", service="web", title="v4", actor="Ana",
              data={"task": "rollback"})  # fmt: skip
    story.ends(alert, "10:20:00")
    [sentence] = [each for each in said(story, "resolution") if "v4" in each and each.startswith("At ")]
    assert sentence == 'At 10:06:00 the rollback "v4" of web by Ana failed; the alert ended 14 min later'
