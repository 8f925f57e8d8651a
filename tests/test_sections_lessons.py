"""Diagnostics, resolution and lessons: what was looked at, what was done, and what is counted."""

from __future__ import annotations

from collector.event import HOUR
from renderers.document import Code, LinkedText
from renderers.plain_text import plain
from tests.histories import (
    Facts,
    example,
    going_on,
    many_changes,
    page_alone,
    report_alone,
    storm,
    switched_off,
)
from tests.sections import claims, prompts, said


def test_diagnostics_quote_notes_and_have_each_runbook_and_query_once() -> None:
    """Notes are quotes with their time, runbooks links out of URL fields, queries code."""
    story = example()
    story.fires("Other", "14:05:00", "cart", query="up == 0")
    items = claims(story, "diagnostics")
    assert plain(items[0].parts) == 'Note by Ana, 14:12:00: "Pool exhausted."'
    assert [part for item in items for part in item.parts if isinstance(part, LinkedText | Code)] == [
        LinkedText("Runbook", "https://runbooks.example/errors"), Code("ratio > 0.05"), Code("up == 0"),
    ]  # fmt: skip


def test_nothing_looked_at_is_asked_for() -> None:
    """Without a note, a query or a runbook the section asks."""
    assert prompts(report_alone(), "diagnostics") == ["what was looked at, and what did it show?"]


def test_actions_tell_what_ended_next() -> None:
    """Each action has its time and its author, and what ended next with how much later."""
    assert said(example(), "resolution") == [
        'At 14:20:10 Ana rolled checkout back: "v41"; the last alert ended 3 min later'
    ]
    assert said(switched_off(), "resolution") == [
        (
            'At 09:30:00 this was recorded: "bulk mail off" (com.acme.switch.set, bulk-mail, by Eli); '
            "the alert ended 4 min later"
        )
    ]
    assert said(many_changes(), "resolution")[0] == (
        'At 12:15:00 the flag "new-cache" of web was set to off by bo; the alert High5xx on web ended 2 min later'
    )


def test_an_action_after_which_more_was_done_says_so() -> None:
    """An end that came only after the next action is not left to stand as if the first had brought it."""
    story = Facts()
    fired = story.fires("X", "10:00:00", "web")
    story.deploys("web", "10:04:00", "10:05:00", rollback=True)
    restart = story.add("observation.recorded", "10:20:00", actor="Eli", data={"type": "com.acme.db.restarted"})
    end = story.ends(fired, "10:22:00")
    first, second = claims(story, "resolution")[:2]
    assert plain(first.parts) == (
        "At 10:05:00 the rollback of web finished; the alert ended 17 min later, after the next action"
    )
    assert {restart.id, end.id} <= set(first.cites)
    assert plain(second.parts) == "At 10:20:00 this was recorded: Db restarted by Eli; the alert ended 2 min later"


def test_a_deploy_under_way_at_the_detection_was_no_answer_to_it() -> None:
    """What began before the detection is a candidate, not an action."""
    assert any("slow one" in text for text in said(many_changes(), "root_causes"))
    assert said(many_changes(), "resolution")[0].startswith('At 12:15:00 the flag "new-cache" of web was set to off')
    assert not any("slow one" in text for text in said(many_changes(), "resolution"))


def test_pull_requests_are_linked_under_the_template_s_words() -> None:
    """The template's line on links holds the links of the changes."""
    links = claims(many_changes(), "resolution")[-1]
    assert plain(links.parts) == "Links to pull requests or relevant changes: PR #9"
    assert LinkedText("PR #9", "https://code.example/acme/web/pull/9") in links.parts


LABELS = ["What went well:", "What didn’t go well:", "Improvement Opportunities:"]


def test_lessons_are_numbers() -> None:
    """Waiting, firing again, missing runbooks and late events, without a verdict; then the template's lines."""
    assert said(switched_off(), "lessons") == [
        "Observed: PagerDuty incident 500 was unacknowledged for 15 min",
        "Observed: the alert QueueFull links no runbook",
        "Observed: 1 event was received 41 min late",
        *LABELS,
    ]
    assert "Observed: the alert SlowQueries on db fired again 3 times" in said(going_on(), "lessons")
    assert said(page_alone(), "lessons")[0] == "Observed: PagerDuty incident 7 was resolved without an acknowledgement"


def test_nobody_is_waited_for_where_a_person_declared_it() -> None:
    """A page that somebody opened and that called nobody else needs no acknowledgement, and none is missed."""
    story = Facts()
    story.page("triggered", "10:01:00", actor="Mara")
    story.page("resolved", "10:20:00", actor="Mara")
    assert said(story, "lessons") == LABELS
    assert said(story, "summary")[1:] == ["From the declaration to the end it lasted 19 min"]
    assert not any("acknowledgement" in text for key in ("lessons", "summary") for text in said(story, key)[1:])
    story.page("triggered", "10:01:00", 312, actor="Mara", data={"assignees": ["Ben"]})
    story.page("resolved", "10:20:00", 312)
    assert "Observed: PagerDuty incident 312 was resolved without an acknowledgement" in said(story, "lessons")


def test_of_a_page_known_by_its_end_alone_no_acknowledgement_is_missed() -> None:
    """What came before timelined listened may have had one."""
    story = Facts()
    story.fires("X", "10:00:00", "checkout")
    story.page("resolved", "10:20:00")
    assert said(story, "lessons") == ["Observed: the alert X links no runbook", *LABELS]


def test_what_a_tool_says_of_the_mitigation_is_told() -> None:
    """Who set it to that state, when, and with which words."""
    story = Facts()
    story.ends(story.fires("X", "10:00:00", "checkout"), "10:30:00")
    story.page("triggered", "10:01:00")
    story.page("status_updated", "10:12:00", actor="Mara", data={"to": "mitigated", "text": "Pool doubled."})
    expected = 'Mara set PagerDuty incident 311 to mitigated at 10:12:00: "Pool doubled."'
    for key in ("summary", "resolution"):
        assert any(text.replace(" UTC", "") == expected for text in said(story, key))


def test_lessons_are_five_at_most() -> None:
    """However much there is to say, at most five numbers are told."""
    assert all(len(LABELS) < len(claims(build(), "lessons")) <= 8
               for build in (storm, going_on, many_changes, switched_off))  # fmt: skip
    story = Facts()
    story.add("status.updated", "09:50:00", service="web", title="Errors", source="statuspage")
    story.says("report.received", "09:51:00", "Cannot pay")
    for minute in (0, 10, 20, 30):
        story.ends(story.fires("X", f"10:{minute:02d}:00", "web"), f"10:{minute + 5:02d}:00", late=HOUR)
    story.page("triggered", "10:01:00", 312)
    story.page("acknowledged", "10:20:00", 312)
    story.page("triggered", "10:01:00", 313)
    story.page("resolved", "10:20:00", 313)
    assert len(said(story, "lessons")) == 8
    assert said(story, "lessons")[5:] == LABELS


def test_without_a_recorded_action_a_person_is_asked_for_it() -> None:
    """The template's line on restoring service is answered by an action or asked for."""
    story = Facts()
    story.ends(story.fires("X", "10:00:00", "web"), "10:12:00")
    asked = "what was done to restore service, when and by whom?"
    assert asked in prompts(story, "resolution")
    assert asked not in prompts(example(), "resolution")


def test_who_was_asked_to_join_and_did_not_answer_is_told() -> None:
    """Who answered, or acted after that, did; who was not asked by name may answer for a team."""
    story = Facts()
    story.page("triggered", "10:00:00", data={"assignees": ["Ana"]})
    for name in ("Jon", "Kim", "Lea"):
        story.page("responder_added", "10:10:00", actor="Ana", data={"to": name})
    story.page("responder_replied", "10:11:00", actor="Kim", data={"to": "Kim", "state": "declined"})
    story.page("acknowledged", "10:12:00", actor="Lea")
    assert [line for line in said(story, "lessons") if "join" in line] == [
        "Observed: Jon was asked to join, and no answer was recorded"
    ]
    story.page("responder_added", "10:20:00", actor="Ana", data={"to": "Network on-call"})
    assert "Observed: Jon and Network on-call were asked to join, and no answers were recorded" in said(
        story, "lessons"
    )
    story.page("responder_replied", "10:21:00", actor="Mia", data={"to": "Mia", "state": "accepted"})
    assert not [line for line in said(story, "lessons") if "join" in line]
