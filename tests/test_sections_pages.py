"""How pages are told: whose they are, how long they waited, and what they say of alerts."""

from __future__ import annotations

import re
from typing import Any

import msgspec
import pytest

from renderers import phrases
from renderers.document import Table, Timeline
from renderers.plain_text import plain
from tests.histories import Facts, at
from tests.sections import cells, rows, said, section


def test_a_page_that_was_moved_is_told_of_the_service_it_was_opened_for() -> None:
    """What was so at the time is told; the move has a row of its own."""
    story = Facts()
    story.page("triggered", "11:00:00", service="checkout", data={"assignees": ["Ana"]})
    story.page("reclassified", "11:47:00", service="payments", actor="Oz")
    story.page("resolved", "12:00:00", service="payments", title="Card payments fail")
    assert said(story, "summary")[0] == 'At 11:00:00 PagerDuty incident 311 paged Ana for checkout: "Page 311"'
    assert said(story, "impact")[0] == "A page was opened for checkout"
    rows = [plain(row.parts) for block in section(story, "timeline").blocks if isinstance(block, Timeline)
            for row in block.rows]  # fmt: skip
    assert "PagerDuty incident 311 was moved to the service payments by Oz" in rows
    assert not any("moved" in row for row in rows if "Oz" not in row)


def test_an_environment_in_a_service_s_name_is_not_told_twice() -> None:
    """``Checkout (prod)`` is not said to be in prod; another environment still is."""
    story = Facts()
    story.page("triggered", "11:00:00", service="Checkout (prod)", environment="prod", data={"assignees": ["Ana"]})
    assert said(story, "summary")[0] == 'At 11:00:00 PagerDuty incident 311 paged Ana for Checkout (prod): "Page 311"'
    assert said(story, "impact")[0] == "A page was opened for Checkout (prod)"
    assert phrases.environment_beside("Checkout (card)", "prod") == "prod"


@pytest.mark.parametrize(
    ("between", "expected"),
    [
        ((), "44 min after the page"),
        (("acknowledged", "reopened"), "6 min after it was reopened"),
        (("acknowledged", "unacknowledged"), "6 min after it was no longer acknowledged"),
        (("snoozed", "snooze_ended"), "6 min after it was no longer snoozed"),
    ],
)
def test_how_long_a_page_waited_counts_from_when_it_waited_last(between: tuple[str, ...], expected: str) -> None:
    """A page that was taken and given back, or opened again, waits from then on."""
    story = Facts()
    story.page("triggered", "11:00:00")
    for minute, step in zip(("11:02:00", "11:38:00"), between, strict=False):
        story.page(step, minute, actor="Ana")
    taken = story.page("acknowledged", "11:44:00", actor="Oz")
    [row] = [row for block in section(story, "timeline").blocks if isinstance(block, Timeline) for row in block.rows
             if taken.id in row.cites]  # fmt: skip
    assert plain(row.parts).endswith(f"by Oz, {expected}")


@pytest.mark.parametrize(
    ("source", "data", "called"),
    [
        ("oncall-eu", {"number": 12}, "the page 12 from oncall-eu"),
        ("oncall-eu", {"number": "AB-7"}, "the page AB-7 from oncall-eu"),
        ("cloudevents", {"source": "/oncall", "number": None}, "the page from /oncall"),
        ("cloudevents", {"number": None}, "the page from CloudEvents"),
        ("pagerduty", {"number": 12}, "PagerDuty incident 12"),
        ("pagerduty-eu", {"number": None}, "PagerDuty incident"),
        ("platform-pages", {"number": 12, "sender": "pagerduty"}, "PagerDuty incident 12"),
        ("pagerduty-relay", {"number": None, "sender": "cloudevents", "source": "/oncall"}, "the page from /oncall"),
        ("opsgenie", {"number": 12, "sender": "cloudevents"}, "the page 12 from CloudEvents"),
    ],
)
def test_a_page_says_whose_it_is(source: str, data: dict[str, Any], called: str) -> None:
    """A sender whose pages have no name of their own is named with each; so is the system behind CloudEvents.

    What kind of sender it is the events say, and only where they do not, the name of the source."""
    story = Facts()
    story.page("triggered", "11:00:00", source=source, data={"assignees": ["Ana", "Bo"], **data})
    story.page("acknowledged", "11:01:00", source=source, data=data, actor="Ana")
    story.page("resolved", "11:20:00", source=source, data=data)
    verb = "paged" if called.startswith("PagerDuty") else "called"
    assert said(story, "summary")[0] == f'At 11:00:00 {called} {verb} Ana and Bo for checkout: "Page 311"'
    assert f"Ana acknowledged {called} at 11:01:00, 1 min after the page" in said(story, "detection")
    assert not re.search(r"\bPage (?:was|acknowledged|paged)", story.markdown())
    assert f"{called[:1].upper()}{called[1:]} was resolved" in story.markdown().replace("`", "")


def test_a_page_opened_by_hand_reads_as_a_sentence() -> None:
    """Who opened it stands before whom it called."""
    told = Facts()
    told.page("triggered", "11:00:00", actor="Ana", data={"assignees": ["Bo"]})
    assert said(told, "summary")[0] == (
        'At 11:00:00 PagerDuty incident 311, opened by Ana, paged Bo for checkout: "Page 311"'
    )


def test_a_page_that_names_its_alert_says_nothing_of_its_own_service() -> None:
    """A page under a team's service, tied to its alert by the alert group, is not a service without an alert."""
    story = Facts()
    story.fires("X", "10:00:00", "web", refs=("alertgroup:1",))
    story.page("triggered", "10:01:00", service="Platform")
    assert any(text.startswith("No alert of Platform") for text in said(story, "detection"))
    story = story.changed(lambda event: msgspec.structs.replace(event, refs=("alertgroup:1",)))
    assert not any(text.startswith("No alert of Platform") for text in said(story, "detection"))


@pytest.mark.parametrize(
    ("step", "actor", "data", "words"),
    [
        ("role_assigned", "Ana", {"text": "Scribe", "from": "Zoe"}, "The role Scribe was taken from Zoe by Ana"),
        ("role_assigned", "Zoe", {"text": "Scribe", "from": "Zoe"}, "Zoe gave up the role Scribe"),
        ("role_assigned", "Ana", {"text": "Scribe", "from": "Zoe", "to": "Bo"},
         "The role Scribe was given to Bo by Ana; until then Zoe had it"),
        ("reclassified", "Ana", {"to": "major incident"},
         "PagerDuty incident 311 was reclassified as major incident by Ana"),
        ("escalated", "Ana", {"assignees": ["Bo"]}, "Escalated to Bo by Ana"),
        ("reassigned", "Ana", {"to": "Bo", "assignees": ["Oz", "Bo"]},
         "PagerDuty incident 311 was reassigned to Bo by Ana"),
        ("delegated", "Ana", {"to": "Database on-call", "assignees": ["Bo"]},
         "PagerDuty incident 311 was delegated to Database on-call (Bo) by Ana"),
        ("delegated", "Ana", {"to": "Bo", "assignees": ["Bo"]}, "PagerDuty incident 311 was delegated to Bo by Ana"),
        ("responder_added", None, {"to": "Network on-call"}, "Network on-call was asked to join"),
        ("merged", "Ana", {"merged_into": "Q", "to": "incident 312, Cart is down"},
         "PagerDuty incident 311 was merged into incident 312, Cart is down, by Ana"),
        ("merged", "Ana", {}, "PagerDuty incident 311 was merged into another one by Ana"),
        ("resolved", "Ana", {"resolve_reason": "declined", "text": "My VPN."},
         'PagerDuty incident 311 was declined by Ana: "My VPN."'),
        ("status_updated", "Ana", {"to": "mitigated", "text": "Restarted.", "mitigated_at": at("10:40")},
         'PagerDuty incident 311 was set to mitigated by Ana: "Restarted."; its mitigation is dated 10:40'),
        ("updated", None, {"impact_started_at": at("10:30")},
         "PagerDuty incident 311 was updated; its start is dated 10:30"),
    ],
)  # fmt: skip
def test_what_became_of_a_page_is_told_whole(step: str, actor: str | None, data: dict[str, Any], words: str) -> None:
    """To whom and from whom, as what, and by whom."""
    story = Facts()
    story.page("triggered", "11:00:00", data={"assignees": ["Oz"]})
    story.page("acknowledged", "11:01:00", actor="Oz")
    told = story.page(step, "11:02:00", actor=actor, data=data)
    [row] = [row for block in section(story, "timeline").blocks if isinstance(block, Timeline) for row in block.rows
             if told.id in row.cites]  # fmt: skip
    assert plain(row.parts) == words


def test_a_page_that_gets_another_title_was_renamed() -> None:
    """Whatever else a sender says with it: it is what somebody wrote, and no detail."""
    story = Facts()
    story.page("triggered", "11:00:00", title="Slow")
    story.page("updated", "11:01:00", title="Slow")
    story.page("updated", "11:02:00", title="Pool is full", actor="Ana", data={"text": "Pool is full"})
    rows = [plain(row.parts) for block in section(story, "timeline").blocks if isinstance(block, Timeline)
            for row in block.rows]  # fmt: skip
    assert rows[1:] == ['PagerDuty incident 311 was updated by Ana, and renamed to "Pool is full"']


def test_an_incident_that_was_none_is_summed_up_as_that() -> None:
    """Who reads the summary alone learns that it was called off, and in which words."""
    story = Facts()
    story.page("triggered", "11:00:00", actor="Ana")
    story.page("resolved", "11:06:00", actor="Ana", data={"resolve_reason": "cancelled", "text": "My VPN."})
    assert 'PagerDuty incident 311 was cancelled by Ana at 11:06:00: "My VPN."' in said(story, "summary")


def test_a_page_that_was_merged_was_not_resolved() -> None:
    """The end of the incident rests on the merge and cites it."""
    story = Facts()
    story.page("triggered", "11:00:00")
    merged = story.page("merged", "11:30:00", data={"merged_into": "Q", "to": "incident 312"})
    tables = [block for block in section(story, "detection").blocks if isinstance(block, Table)]
    [last] = [row for table in tables for row in table.rows if plain(row.cells[0]) == "Time to resolve"]
    assert plain(last.cells[-1]) == "the page was merged into another one"
    assert merged.id in last.cites


def test_what_is_written_of_a_page_is_told_once() -> None:
    """Its description where it is told first and where it is another one, and a message with the step that it came
    with; some senders repeat both with every step. A priority that is told beside something else is told, too."""
    story = Facts()
    fields = {"summary": "Half of them fail", "text": "Half of them fail", "priority": "P2"}
    story.page("triggered", "11:00:00", actor="Ana", data=fields)
    story.page("acknowledged", "11:01:00", actor="Oz", data=fields | {"text": "Looking"})
    story.page(
        "status_updated", "11:02:00", actor="Oz", data=fields | {"text": "Looking", "from": "Open", "to": "Live"}
    )
    story.page("updated", "11:03:00", data=fields | {"text": "", "priority": "P1"})
    story.page("updated", "11:04:00", data=fields | {"summary": "All of them fail", "priority": "P1"})
    story.page("updated", "11:05:00", data=fields | {"summary": "All of them fail", "priority": "P1"})
    assert rows(story) == [
        'Detected: PagerDuty incident 311 was opened by Ana (P2): "Page 311", and described as "Half of them fail"',
        'Acknowledged: by Oz, 1 min after the declaration: "Looking"',
        "PagerDuty incident 311 was set from Open to Live by Oz",
        "PagerDuty incident 311 was updated; its priority went from P2 to P1",
        'PagerDuty incident 311 was updated, and described as "All of them fail"',
    ]
    assert said(story, "diagnostics") == ['Acknowledgement of PagerDuty incident 311 by Oz, 11:01:00: "Looking"']
    assert "**Incident:** P1" in story.markdown()
    story = Facts()
    story.page("triggered", "11:00:00", data={"priority": "P2"})
    story.page("updated", "11:03:00", data={"priority": "P1", "text": "renamed"})
    story.page("priority_updated", "11:03:00", actor="Ana", data={"priority": "P1"})
    assert rows(story)[1:] == ["Priority raised from P2 to P1 by Ana"]


def test_what_a_tool_opened_paged_nobody() -> None:
    """What an automation opened waits for no acknowledgement; where it says whom it called, it is a page."""
    story = Facts()
    story.page("triggered", "11:00:00", data={"declares": True, "agent": "Alert Bot"})
    assert rows(story) == ['Detected: PagerDuty incident 311 was opened automatically by Alert Bot: "Page 311"']
    assert said(story, "detection")[0] == 'PagerDuty incident 311 was opened automatically at 11:00:00, "Page 311"'
    assert cells(story, "measures")[1].endswith("opened automatically; nobody was paged")
    assert not any("acknowledge" in sentence for sentence in said(story, "summary"))
    story = Facts()
    story.page("triggered", "11:00:00", data={"declares": True, "escalation_policy": "Shop"})
    assert rows(story) == ['Detected, Paged: PagerDuty incident 311 went to Shop: "Page 311"']


def test_whose_a_page_is_reads_as_what_was_done() -> None:
    """Who takes it, who is given it first, and from whom it is taken."""
    story = Facts()
    story.page("triggered", "11:00:00", actor="Ana")
    story.page("reassigned", "11:01:00", actor="Ana", data={"to": "Bo"})
    story.page("reassigned", "11:02:00", actor="Bo", data={"from": "Bo"})
    story.page("reassigned", "11:03:00", actor="Oz", data={"to": "Oz"})
    assert rows(story)[1:] == [
        "PagerDuty incident 311 was assigned to Bo by Ana", "PagerDuty incident 311 was taken from Bo by Bo",
        "Oz took PagerDuty incident 311",
    ]  # fmt: skip


def test_a_page_that_was_escalated_after_it_was_taken_says_so() -> None:
    """Who was called then is in the summary as well as who had acknowledged it."""
    story = Facts()
    story.page("triggered", "11:00:00", data={"assignees": ["Ana"]})
    story.page("acknowledged", "11:01:00", actor="Ana")
    story.page("escalated", "11:40:00", data={"assignees": ["Oz"]})
    story.page("reassigned", "11:50:00", actor="Oz", data={"assignees": ["Bo"]})
    story.page("reassigned", "11:55:00", actor="Cy", data={"assignees": ["Cy"]})
    assert (
        "After that it was escalated to Oz at 11:40:00, reassigned to Bo at 11:50:00 and taken by Cy at 11:55:00"
    ) in said(story, "summary")


def test_an_alert_without_a_service_that_is_called_like_one_is_an_alert_of_it() -> None:
    """No absence is claimed beside its row."""
    story = Facts()
    story.fires("export", "10:00:00", None)
    story.page("triggered", "10:01:00", service="export")
    assert not any(text.startswith("No alert of export") for text in said(story, "detection"))


def test_a_step_without_the_page_s_number_names_its_page() -> None:
    """An escalation of Opsgenie tells the alert's id alone: another step has what people call it."""
    story = Facts()
    story.page("triggered", "11:00:00", 1)
    story.page("triggered", "11:01:00", 2)
    story.page("escalated", "11:05:00", 2, data={"number": None, "to": "Bo"})
    assert any("PagerDuty incident 2 was escalated to Bo" in text for text in said(story, "summary"))
    (row,) = [plain(row.parts) for block in section(story, "timeline").blocks if isinstance(block, Timeline)
              for row in block.rows if row.type == "page.escalated"]  # fmt: skip
    assert row == "PagerDuty incident 2 was escalated to Bo after 4 min without acknowledgement"


def test_a_page_that_was_given_back_is_told_in_the_summary() -> None:
    """And who acknowledged it then, or that nobody did: an acknowledgement alone says that somebody looks after it."""
    story = Facts()
    story.fires("X", "11:00:00", "checkout")
    story.page("triggered", "11:00:00", data={"assignees": ["Ana"]})
    story.page("acknowledged", "11:02:00", actor="Ana")
    story.page("unacknowledged", "11:05:00", actor="Ana")
    opening = "Ana gave PagerDuty incident 311 back at 11:05:00"
    assert f"{opening}, and no acknowledgement was recorded since" in said(story, "summary")
    story.page("acknowledged", "11:09:00", actor="Bo")
    assert f"{opening}, and it was acknowledged again by Bo at 11:09:00" in said(story, "summary")


def test_a_status_that_an_update_tells_is_told() -> None:
    """Rootly says in no other way that an incident was opened again, or was not mitigated after all."""
    story = Facts()
    story.page("triggered", "11:00:00", actor="Ana", data={"status": "started"})
    story.page("status_updated", "11:10:00", actor="Ana", data={"to": "mitigated", "text": "Restarted."})
    story.page("responder_added", "11:11:00", data={"to": "Bo", "status": "mitigated"})
    story.page("updated", "11:12:00", data={"status": "started"})
    rows = [plain(row.parts) for block in section(story, "timeline").blocks if isinstance(block, Timeline)
            for row in block.rows]  # fmt: skip
    assert rows[-1] == "PagerDuty incident 311 was updated; its status went from mitigated to started"
    assert story.history().moments["mitigated"].at is None
    story.page("status_updated", "11:20:00", actor="Ana", data={"to": "mitigated", "mitigated_at": at("11:18")})
    assert story.history().moments["mitigated"].at == at("11:18")
    story.page("resolved", "11:30:00", data={"status": "resolved"})
    story.page("updated", "11:35:00", data={"status": "resolved"})
    assert story.history().resolved
    story.page("updated", "11:40:00", data={"status": "started"})
    assert not story.history().resolved


def test_an_update_that_names_further_services_says_so() -> None:
    """Those that an earlier step did not name; what a page names from its beginning, the impact tells."""
    story = Facts()
    story.page("triggered", "10:00:00", data={"further_services": ["search"]})
    story.page("updated", "10:05:00", actor="Ana", data={"further_services": ["search", "pay", "geo"]})
    story.page("updated", "10:06:00", actor="Ana", data={"further_services": ["search", "pay"]})
    texts = rows(story)
    assert "PagerDuty incident 311 was updated by Ana; it named pay and geo as affected, too" in texts
    assert sum("as affected" in text for text in texts) == 1


def test_an_escalation_says_for_how_long_nobody_had_the_page() -> None:
    """A page that was closed meanwhile waited for nobody; one that was given back waits from then on."""
    story = Facts()
    story.page("triggered", "14:00:00", data={"assignees": ["Ana"]})
    story.page("resolved", "14:04:00", actor="Ana")
    story.page("escalated", "14:05:00", data={"to": "Mia"})
    story.page("reopened", "14:10:00", actor="Ana")
    story.page("escalated", "14:15:00", data={"to": "Jon"})
    story.page("acknowledged", "14:16:00", actor="Jon")
    story.page("escalated", "14:20:00", actor="Jon", data={"to": "Kim"})
    story.page("unacknowledged", "14:46:00")
    story.page("escalated", "14:53:00", data={"to": "Lea"})
    assert [row for row in rows(story) if row.startswith("Escalated")] == [
        "Escalated to Mia", "Escalated to Jon after 5 min without acknowledgement", "Escalated to Kim by Jon",
        "Escalated to Lea after 7 min without acknowledgement",
    ]  # fmt: skip


def test_a_page_that_was_snoozed_waits_when_that_ends() -> None:
    """What somebody snoozed is not counted as waiting; when that ends it is acknowledged no longer."""
    story = Facts()
    story.page("triggered", "14:00:00", data={"assignees": ["Ana"]})
    story.page("snoozed", "14:08:00", actor="Ana")
    story.page("snooze_ended", "15:08:00")
    story.page("acknowledged", "15:14:00", actor="Jon")
    assert [row for row in rows(story) if "snooz" in row] == [
        "PagerDuty incident 311 was snoozed by Ana", "PagerDuty incident 311 was no longer snoozed",
        "Acknowledged: by Jon, 6 min after it was no longer snoozed",
    ]  # fmt: skip
    assert "Observed: PagerDuty incident 311 was unacknowledged for 6 min" in said(story, "lessons")
    assert not [line for line in said(story, "summary") if "no longer" in line]
    story.page("snoozed", "15:20:00", actor="Jon")
    story.page("snooze_ended", "16:20:00")
    given = "PagerDuty incident 311 was no longer snoozed at 16:20:00, and no acknowledgement was recorded since"
    assert given in said(story, "summary")


def test_a_page_is_not_unacknowledged_while_it_is_closed() -> None:
    """What is counted is the longest time in which it was open and nobody had it."""
    story = Facts()
    story.page("triggered", "14:00:00", data={"assignees": ["Ana"]})
    story.page("resolved", "14:04:00", actor="Ana")
    story.page("reopened", "18:10:00", actor="Ana")
    story.page("acknowledged", "18:16:00", actor="Jon")
    assert "Observed: PagerDuty incident 311 was unacknowledged for 6 min" in said(story, "lessons")
    story.page("unacknowledged", "18:46:00")
    story.page("acknowledged", "18:53:00", actor="Jon")
    assert "Observed: PagerDuty incident 311 was unacknowledged for 7 min" in said(story, "lessons")


def test_a_page_that_names_nobody_says_to_which_team_it_went() -> None:
    """Whom the team's rules called is not told; that nobody was to be called would be wrong."""
    story = Facts()
    story.fires("Slow", "10:00:00", "checkout")
    story.page("triggered", "10:00:30", 7, source="opsgenie", data={"escalation_policy": "Payments"})
    assert rows(story)[1] == 'Paged: Opsgenie alert 7 went to Payments: "Page 7"'
    assert said(story, "summary")[1].startswith("Opsgenie alert 7 went to Payments at 10:00:30")
    assert any(line.startswith("Opsgenie alert 7 went to Payments at 10:00:30") for line in said(story, "detection"))


def test_a_page_that_went_to_a_team_called_like_its_service_names_it_once() -> None:
    """``Went to Checkout for checkout`` says one thing twice."""
    story = Facts()
    story.page("triggered", "10:00:30", 7, "checkout", source="opsgenie", data={"escalation_policy": "Checkout"})
    assert said(story, "summary")[0] == 'At 10:00:30 Opsgenie alert 7 went to Checkout: "Page 7"'
    story = Facts()
    story.page("triggered", "10:00:30", 7, "checkout", source="opsgenie",
               data={"escalation_policy": "Checkout", "assignees": ["Ana"]})  # fmt: skip
    assert said(story, "summary")[0] == 'At 10:00:30 Opsgenie alert 7 paged Ana for checkout: "Page 7"'


def test_who_takes_an_acknowledgement_back_need_not_have_given_it() -> None:
    """``No longer acknowledged by Ana`` reads as if she had acknowledged it; one that ran out has nobody's name."""
    story = Facts()
    story.page("triggered", "10:00:00", data={"assignees": ["Bo"]})
    story.page("acknowledged", "10:01:00", actor="Bo")
    story.page("unacknowledged", "10:05:00", actor="Ana", data={"text": "Bo is on a train"})
    story.page("unacknowledged", "10:30:00")
    assert rows(story)[2:] == [
        'The acknowledgement of PagerDuty incident 311 was taken back by Ana: "Bo is on a train"',
        "PagerDuty incident 311 was no longer acknowledged",
    ]
