"""Sentences that are true of what was sent only if they are made with care: clocks that differ, and what was done again
and again."""

from __future__ import annotations

import msgspec
import pytest

from collector.event import MINUTE, Link
from renderers.history import Nearby
from renderers.plain_text import plain
from tests.histories import Facts, at
from tests.sections import cells, claims, rows, said

# --- links ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("rel", "kind"), [("release", "change.released"), ("compare", "change.pushed")])
def test_a_link_leads_to_the_change_and_not_to_its_repository(rel: str, kind: str) -> None:
    """Two releases have a page each; the repository's would be one link for both."""
    story = Facts()
    story.fires("Errors", "10:00:00", "web")
    for minute in (5, 9):
        links = (Link(rel=rel, url=f"https://forge.example/{minute}"), Link(rel="source", url="https://forge.example"))
        data = {"branch": "main", "default_branch": "main"}
        story.add(kind, f"10:0{minute}:00", title=f"v{minute}", service="web", links=links, data=data)
    links_line = next(line for line in story.markdown().split("\n") if line.startswith("- Links to pull requests"))
    assert "https://forge.example/5)" in links_line
    assert "https://forge.example/9)" in links_line


# --- clocks -----------------------------------------------------------------------------------------------------------


def test_what_came_before_the_page_was_not_after_it() -> None:
    """By the sender's own times: neither ``0 s after the page`` nor a length is true."""
    story = Facts()
    story.fires("Errors", "09:59:00", "web")
    story.page("triggered", "10:00:01", 5, "web", data={"assignees": ["Ida"]})
    story.page("acknowledged", "10:00:00", 5, "web", actor="Ida")
    assert "Ida acknowledged PagerDuty incident 5 at 10:00:00" in said(story, "detection")
    alone = story.without(story.events[0])
    assert "Ida acknowledged it at 10:00:00" in said(alone, "summary")


def test_the_clock_of_a_change_is_told_of_the_event_that_is_cited() -> None:
    """What was received before the incident began though its sender's clock puts it later: both times are of one
    event, and not one of its beginning and one of its end."""
    story = Facts()
    story.context["reported"] = {"change": ("a",)}
    story.deploys("web", "10:00:10", "10:02:00", "v7", late=-4 * MINUTE)
    alert = story.fires("Errors", "09:59:30", "web")
    story.ends(alert, "10:20:00")
    finished = story.events[1]
    before = claims(story, "summary")[1]
    assert plain(before.parts) == (
        'Between 07:59:30 and 09:59:30 one change of web was recorded: deploy "v7" at 09:58:00 (received then; its '
        "sender's clock says 10:02:00)"
    )
    assert before.cites == (finished.id,)
    during = claims(story, "resolution")[0]
    assert plain(during.parts) == (
        'Between 09:59:30 and 10:20:00 one change of web was recorded: deploy "v7" at 10:00:10 (by its '
        "sender's clock; received at 09:58:00)"
    )
    assert set(during.cites) == {story.events[0].id, finished.id}


# --- what was done again and again ------------------------------------------------------------------------------------


def _flagged(story: Facts, when: str, state: str) -> None:
    story.add("change.flag_toggled", when, service="web", title="new-cart", entity="new-cart", data={"state": state})


def test_what_came_when_a_flag_was_set_again_does_not_speak_for_its_innocence() -> None:
    """Off, on again and off: the alert fired while it was on, and ended after the last time that it was set off."""
    story = Facts()
    _flagged(story, "09:52:00", "on")
    story.page("triggered", "10:06:00", 7, "web", data={"assignees": ["Ida"]})
    for when, state in (("10:20:00", "off"), ("10:31:00", "on"), ("10:49:00", "off")):
        _flagged(story, when, state)
    alert = story.fires("Doubled", "10:40:00", "web")
    story.ends(alert, "10:55:00")
    candidate = claims(story, "root_causes")[-1]
    assert plain(candidate.parts).partition(". ")[2] == (
        "It speaks for it that it was set back at 10:20:00, that it was set back at 10:49:00, after it had been set to "
        "on again at 10:31:00, and the alert ended 6 min later, and that it is of web, which was hit. Nothing recorded "
        "speaks against it"
    )
    assert {event.id for event in story.events if event.type == "change.flag_toggled"} <= set(candidate.cites)


def test_each_rollback_of_a_change_that_was_deployed_again_has_the_end_that_followed() -> None:
    """That it fired again when the same commit was there again takes nothing from the first end: it speaks for it."""
    story = Facts()
    story.deploys("web", "09:58:00", "10:00:00", "v2")
    for fired, back, ended in (("10:03", "10:18", "10:24"), ("11:03", "11:08", "11:14")):
        if fired > "11":
            story.deploys("web", "10:58:00", "11:00:00", "v2")
        alert = story.fires("Errors", f"{fired}:00", "web")
        story.deploys("web", f"{back}:00", f"{back}:30", "v1", rollback=True)
        story.ends(alert, f"{ended}:00")
    first = said(story, "root_causes")[2]
    assert first.partition(". ")[2] == (
        "It speaks for it that it was rolled back at 10:18:30 and the alert Errors on web ended 5 min 30 s later, that "
        "it was rolled back at 11:08:30, after its commit had been deployed again at 11:00:00, and the last alert "
        "ended 5 min 30 s later, and that it is of web, which was hit. Nothing recorded speaks against it"
    )


def test_an_alert_that_fired_while_a_flag_was_off_speaks_against_it() -> None:
    """Before it was set again; of several times that it was set back it says which."""
    story = Facts()
    _flagged(story, "09:52:00", "on")
    first = story.fires("Errors", "10:00:00", "web")
    for when, state in (("10:20:00", "off"), ("10:31:00", "on"), ("10:49:00", "off")):
        _flagged(story, when, state)
    story.ends(first, "10:22:00")
    second = story.fires("Doubled", "10:25:00", "web")
    story.ends(second, "10:55:00")
    text = said(story, "root_causes")[-1]
    assert "against it that alerts went on for 35 min after it was set back at 10:20:00" not in text
    assert "1 alert fired after it was set back at 10:20:00" in text


@pytest.mark.parametrize(
    ("finished", "says"),
    [
        ("09:58:00", "its commit was deployed at 09:58:00"),
        ("10:03:00", "its commit was deployed at 10:03:00, after the alert"),
    ],
)
def test_a_deploy_of_what_was_merged_shows_when_it_ran(finished: str, says: str) -> None:
    """That it is not recorded would be false: the two name one commit."""
    story = Facts()
    merged = {"number": 70, "repository": "acme/web", "sha": "a" * 40, "branch": "main"}
    story.add("change.merged", "09:50:00", entity="pull:70", title="New tax", data=merged)
    story.deploys(None, "09:57:00", finished, "main", data={"repository": "acme/web", "sha": "a" * 40})
    story.ends(story.fires("Errors", "10:00:00", "web"), "10:22:00")
    [merge] = [text for text in said(story, "root_causes") if text.startswith("Pull request #70")]
    assert says in merge.partition("for it" if finished < "10" else "against it")[2]
    assert "not recorded whether" not in merge


# --- what has no end --------------------------------------------------------------------------------------------------


def test_an_alert_without_an_end_says_where_if_one_of_its_name_ended() -> None:
    """Else it reads as if the one that ended had no end."""
    story = Facts()
    story.fires("Down", "10:00:00", "gateway", environment="production-eu")
    other = story.fires("Down", "10:03:00", "gateway", environment="production-us", series="b")
    story.ends(other, "10:09:00")
    assert any(
        text.startswith("No end is recorded for Down on gateway in production-eu; ") for text in said(story, "summary")
    )
    story.ends(story.fires("Down", "10:04:00", "mailer", environment="production-eu"), "10:08:00")
    story.fires("Slow", "10:05:00", "mailer", environment="production-eu")
    assert any(
        text.startswith("No end is recorded for Down on gateway in production-eu and Slow; ")
        for text in said(story, "summary")
    )


# --- what was run -----------------------------------------------------------------------------------------------------


def test_a_run_of_a_workflow_says_in_sentences_what_it_ran() -> None:
    """The name of a workflow is the same for every deployment: what is deployed stands in the title of the run."""
    story = Facts()
    story.context["reported"] = {"change": ("a",)}
    data = {"workflow": "Deploy", "branch": "main", "default_branch": "main", "event": "push", "repository": "acme/web"}
    story.add("change.succeeded", "09:55:00", entity="workflow_run:1", title="Lower the limits (#9)", data=data)
    alert = story.fires("Errors", "10:00:00", "web")
    story.add("change.succeeded", "10:10:00", entity="workflow_run:2", title="Deploy", data=data)
    story.ends(alert, "10:20:00")
    run = 'workflow run "Deploy" ("Lower the limits (#9)") of web'
    assert f"The closest earlier change was the {run}, finished at 09:55:00, 5 min before the alert" in said(
        story, "summary"
    )
    assert said(story, "root_causes")[-1].startswith(f"W{run[1:]}, finished at 09:55:00")
    assert 'At 10:10:00 the workflow run "Deploy" of web finished; the alert ended 10 min later' in said(
        story, "resolution"
    )


# --- when it was over -------------------------------------------------------------------------------------------------


def _silenced(by: str | None = "Ida", again: str = "") -> Facts:
    """A person closes the page at 10:22, and the alert ends at 11:05."""
    story = Facts()
    alert = story.fires("Errors", "10:00:00", "web")
    story.page("triggered", "10:00:40", 7, "web", data={"assignees": ["Ida"]})
    story.page("resolved", "10:22:00", 7, "web", actor=by)
    story.ends(alert, "11:05:00")
    if again:
        story.ends(story.fires("Slow", again, "web"), "11:06:00")
    return story


def test_an_alert_that_ends_long_after_people_called_it_over_is_not_all_there_is() -> None:
    """It may have been silenced, or lag: both lengths are told, and a person is asked."""
    story = _silenced()
    sooner = "22 min if it was over when PagerDuty incident 7 was resolved at 10:22:00"
    length = "Duration of the impact: 1 h 5 min, from the start of the alert to its end"
    assert f"{length}; {sooner}; nobody has stated it yet" in said(story, "impact")
    assert cells(story, "measures")[2].endswith(f"derived: the alert ended; {sooner}")
    assert cells(story, "measures")[3].endswith(f"derived: the alert ended; {sooner}")
    assert "when was it mitigated?" in story.markdown()
    story.marks("mitigated", "10:18:00")
    assert "if it was over" not in cells(story, "measures")[2]


@pytest.mark.parametrize(("by", "again"), [(None, ""), ("Ida", "10:30:00")])
def test_a_page_that_closed_by_itself_or_before_another_alert_says_nothing_of_the_end(
    by: str | None, again: str
) -> None:
    """A tool closes pages by its own rules, and what fired after it shows that it was not over."""
    assert "if it was over" not in _silenced(by, again).markdown()


# --- pages ------------------------------------------------------------------------------------------------------------


def test_a_further_page_is_told_before_what_became_of_it() -> None:
    """A reader has not met the second page when its escalation is told first."""
    story = Facts()
    story.fires("Lag", "05:00:00", "ledger")
    story.page("triggered", "05:00:40", 1001, "ledger", data={"assignees": ["Bo"]})
    story.page("acknowledged", "05:03:00", 1001, "ledger", actor="Bo")
    story.page("triggered", "05:15:00", 1002, "ledger", data={"assignees": ["Bo"]})
    story.page("escalated", "05:20:00", 1002, "ledger", data={"assignees": ["Eve"]})
    story.page("acknowledged", "05:22:00", 1002, "ledger", actor="Eve")
    assert said(story, "summary")[1:4] == [
        "PagerDuty incident 1001 paged Bo at 05:00:40, who acknowledged it at 05:03:00",
        "PagerDuty incident 1002 paged Bo at 05:15:00, and Eve acknowledged it at 05:22:00",
        "PagerDuty incident 1002 was escalated to Eve at 05:20:00",
    ]


# --- states of an alert -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [f"Errors {n}" for n in range(6)])
def test_a_severity_was_raised_when_its_sender_said_so(name: str) -> None:
    """Some give every state of an alert the time at which it began to fire; which id is smaller says no order."""
    story = Facts()
    for severity, told, text in (("warning", "10:02:02", "60 a minute"), ("critical", "10:05:02", "400 a minute")):
        fired = story.fires(name, "10:02:00", "web", severity=severity, said=text)
        story.events[-1] = msgspec.structs.replace(fired, data=fired.data | {"told_at": at(told)})
    story.ends(story.events[0], "10:30:00")
    alert = f'lert "{name}"'
    assert [row for row in rows(story) if alert in row][:2] == [
        f'Detected: A{alert} fired on web (warning): "60 a minute"',
        f'Severity of the a{alert} on web was raised from warning to critical: "400 a minute"',
    ]
    assert any(
        text.endswith('"60 a minute" at 10:02:02 and "400 a minute" at 10:05:02') for text in said(story, "impact")
    )
    assert "| 2026-03-04 10:05 | Severity of" in story.markdown()


def test_what_was_opened_again_was_not_mitigated_when_the_last_alert_ended() -> None:
    """Somebody who says that it was not over knows better than the alert: the time is asked for."""
    story = Facts()
    story.ends(story.fires("Sealed", "14:30:00", "vault"), "14:50:00")
    assert cells(story, "measures")[2].startswith("Time to mitigate | 20 min")
    story.says("incident.resolved", "15:00:00")
    story.says("incident.reopened", "15:20:00", by="Jon")
    story.says("incident.resolved", "16:00:00", by="Jon")
    assert cells(story, "measures")[2].endswith("it was opened again after the last alert had ended")
    assert "when was it mitigated?" in story.markdown()
    [length] = [text for text in said(story, "impact") if text.startswith("Duration of the impact: ")]
    assert length == (
        "Duration of the impact: at least 20 min, from the start of the alert to its end, after which it was opened "
        "again; nobody has stated it yet"
    )


def test_a_commit_is_pushed_and_a_push_is_not() -> None:
    """``when the push was pushed`` and ``the push "…" was pushed`` are no sentences."""
    story = Facts()
    data = {"branch": "main", "default_branch": "main", "repository": "acme/web"}
    story.add("change.pushed", "09:50:00", title="Read the feed", data=data, actor="Ola")
    alert = story.fires("Errors", "10:00:00", "web")
    story.add("change.pushed", "10:10:00", title="Read it no more", data=data, actor="Ola")
    story.ends(alert, "10:20:00")
    assert cells(story, "measures")[0].endswith("10 min if the impact began when the commit was pushed at 09:50:00")
    assert 'At 10:10:00 the commit "Read it no more" of web was pushed by Ola; the alert ended 10 min later' in said(
        story, "resolution"
    )


# --- what was done again after the end --------------------------------------------------------------------------------


def switched(story: Facts, when: str, state: str, *, followed: bool = False) -> None:
    """A flag is set; after the end that is told beside the incident."""
    event = story.add("change.flag_toggled", when, entity="flag:1", service="web", title="Fast cart",
                      data={"state": state})  # fmt: skip
    if followed:
        story.events.remove(event)
        before = story.context.get("followed", ())
        story.context["followed"] = (*before, Nearby(event=event, reason="flag fast-cart was switched in the incident"))


@pytest.mark.parametrize("followed", [True, False])
def test_what_was_there_again_after_the_end_did_no_harm_then(followed: bool) -> None:
    """``Nothing recorded speaks against it`` would deny what the log has."""
    story = Facts()
    switched(story, "09:55:00", "on")
    alert = story.fires("Slow", "10:00:00", "web")
    switched(story, "10:10:00", "off")
    story.ends(alert, "10:20:00")
    switched(story, "10:40:00", "on", followed=followed)
    (candidate,) = [text for text in said(story, "root_causes") if "Fast cart" in text]
    assert candidate.endswith(
        "It speaks against it that it was set to on again at 10:40:00, 20 min after the alert had ended"
    )


def test_what_did_not_stay_after_the_end_shows_nothing() -> None:
    """A flag that was set back once more, or after which an alert of the service fired."""
    story = Facts()
    switched(story, "09:55:00", "on")
    alert = story.fires("Slow", "10:00:00", "web")
    switched(story, "10:10:00", "off")
    story.ends(alert, "10:20:00")
    switched(story, "10:40:00", "on", followed=True)
    near = story.nearby("it belongs to another incident", "alert.firing", "10:41:00", title="Slow", service="web")
    assert "speaks against it that" not in said(story, "root_causes")[-1]
    story.near = [each for each in story.near if each.event is not near]
    assert "speaks against it that" in said(story, "root_causes")[-1]
    switched(story, "10:45:00", "off", followed=True)
    assert "speaks against it that" not in said(story, "root_causes")[-1]


def test_a_commit_that_was_deployed_again_after_the_end_did_no_harm_then() -> None:
    """What was rolled back went out once more, and nothing fired."""
    story = Facts()
    story.deploys("web", "09:50:00", "09:55:00", "v2")
    alert = story.fires("Slow", "10:00:00", "web")
    story.deploys("web", "10:08:00", "10:10:00", "v1", rollback=True)
    story.ends(alert, "10:12:00")
    story.deploys("web", "11:00:00", "11:02:00", "v2")
    (candidate,) = [text for text in said(story, "root_causes") if 'Deploy "v2"' in text]
    assert candidate.endswith("its commit was deployed again at 11:02:00, 50 min after the alert had ended")


def test_a_change_beside_the_incident_that_finished_in_it_is_not_denied() -> None:
    """It had begun a minute before; the timeline of the other incident has its end."""
    story = Facts()
    alert = story.fires("Cron", "10:01:00")
    begun = story.nearby("it belongs to another incident", "change.started", "10:00:00", entity="deployment:7",
                         service="web", title="Undo")  # fmt: skip
    done = story.add("change.rolled_back", "10:03:00", entity="deployment:7", service="web", title="Undo")
    story.events.remove(done)
    story.near = [Nearby(event=begun, reason="it belongs to another incident", end=done)]
    story.ends(alert, "10:15:00")
    assert said(story, "resolution")[0] == (
        'Between 10:01:00 and 10:15:00 one change was recorded: rollback "Undo" of web at 10:03:00'
        " (it belongs to another incident)"
    )
    assert said(story, "appendix")[0].startswith("At the same time, judged unrelated: ")


def test_what_came_without_a_time_is_told_at_the_time_of_receipt() -> None:
    """A length that is counted from when it was received is not one from when it was done."""
    story = Facts()
    story.add("change.succeeded", "09:50:00", entity="d1", title="v7", service="web", environment="production",
              data={"kind": "deploy"}, time_quality="absent")  # fmt: skip
    story.ends(story.fires("X", "10:00:00", "web"), "10:20:00")
    story.add("observation.recorded", "10:10:00", actor="Eli", service="web", title="Cache off",
              data={"type": "com.acme.switch.set"}, time_quality="absent")  # fmt: skip
    closest, action = [text for text in said(story, "summary") if "(time of receipt)" in text]
    assert closest.endswith(", finished at 09:50:00 (time of receipt), 10 min before the alert")
    assert action.endswith(" at 10:10:00 (time of receipt); the alert ended 10 min after it")
    assert said(story, "resolution")[0].startswith("At 10:10:00 (time of receipt) this was recorded: ")
    assert any("finished at 09:50:00 (time of receipt), 10 min" in text for text in said(story, "root_causes"))


def test_an_end_that_its_sender_dates_before_the_start_says_so() -> None:
    """How long it fired is not known: 0 s is what the two clocks leave of it."""
    story = Facts()
    fired = story.fires("X", "10:00:00", "web")
    story.add("alert.resolved", "09:58:00", entity=fired.entity, source=fired.source, title="X", service="web",
              data={"starts_at": fired.occurred_at}, late=6 * MINUTE)  # fmt: skip
    back = "by its sender's clock X on web ended 2 min before it fired"
    assert f"The alert was firing for 0 s; {back}" in said(story, "summary")
    assert any(f"0 s, from the start of the alert to its end; {back}" in text for text in said(story, "impact"))
    assert any("resolved after 0 s, by its sender's clock 2 min before it fired" in row for row in rows(story))
    assert [cell for cell in cells(story, "measures") if f"derived: the alert ended; {back}" in cell]
