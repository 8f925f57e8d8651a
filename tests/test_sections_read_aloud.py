"""Sentences that somebody who was not there would take for something else than what was recorded."""

from __future__ import annotations

import json
import re
from typing import Any

import msgspec
import pytest

from collector.event import MINUTE
from collector.semantics.exclusions import UNNAMED_SERVICE
from renderers import facts
from renderers.measured import detected_by, measured
from renderers.plain_text import plain
from renderers.reasons import spelt
from tests.histories import Facts
from tests.sections import cells, claims, rows, said

# --- changes ----------------------------------------------------------------------------------------------------


def test_of_two_rollbacks_each_has_the_end_of_its_own_service() -> None:
    """The last alert ended after the other one: it says nothing for the first."""
    story = Facts()
    for service, when in (("web", "09:50:00"), ("cart", "09:55:00")):
        story.deploys(service, when, when, f"{service}-2")
    web, cart = story.fires("Errors", "10:00:00", "web"), story.fires("Slow", "10:01:00", "cart")
    story.deploys("cart", "10:06:00", "10:06:00", "cart-1", rollback=True)
    story.ends(cart, "10:07:00")
    story.deploys("web", "10:11:00", "10:11:00", "web-1", rollback=True)
    story.ends(web, "10:13:00")
    first, second = said(story, "root_causes")[-2:]
    assert "it was rolled back at 10:06:00 and the alert Slow on cart ended 1 min later" in first
    assert "it was rolled back at 10:11:00 and the last alert ended 2 min later" in second


def test_an_end_that_did_not_last_is_told_with_the_firing_that_shows_it() -> None:
    """What was done before it neither ended the alert for good, nor does that speak for a change it took back."""
    story = Facts()
    story.deploys("web", "09:55:00", "09:55:00", "web-2")
    first = story.fires("Errors", "10:00:00", "web")
    story.add("observation.recorded", "10:05:00", title="Pods deleted", actor="Eli", service="web")
    story.deploys("web", "10:10:00", "10:10:00", "web-1", rollback=True)
    story.ends(first, "10:12:00")
    again = story.fires("Errors", "10:20:00", "web")
    story.add("observation.recorded", "10:40:00", title="Cache emptied", actor="Eli", service="web")
    story.ends(again, "10:50:00")
    deleted, rollback, emptied = claims(story, "resolution")[:3]
    # The last that was done before that end tells it, and those before point to it.
    assert plain(deleted.parts).endswith("; the alert Errors on web ended 7 min later, after the next action")
    assert plain(rollback.parts).endswith("; the alert Errors on web ended 2 min later, but it fired again at 10:20:00")
    assert again.id in rollback.cites
    assert plain(emptied.parts).endswith("; the last alert ended 10 min later")
    candidate = said(story, "root_causes")[-1]
    assert "It speaks for it that it was rolled back at 10:10:00, and that it is of web, which was hit" in candidate
    assert "1 alert fired after the rollback" in candidate


def test_series_that_say_other_names_are_counted_and_none_is_the_newest() -> None:
    """Two of four clusters would read as if the others were well."""
    story = Facts()
    for n in range(4):
        story.fires("Broken", "10:00:00", "mysql", series=f"m{n}", said=f"Replication of cluster mysql{n} is broken")
    [sentence] = [text for text in said(story, "impact") if text.startswith("Broken on mysql: ")]
    assert re.fullmatch(r'Broken on mysql: "Replication of cluster mysql\d is broken"; it told 3 more texts', sentence)


def test_an_alert_that_is_called_like_its_service_says_so_once() -> None:
    """A check of ``backup`` by that name."""
    story = Facts()
    alert = story.fires("backup", "10:00:00", "Backup", severity=None)
    story.ends(alert, "10:20:00")
    assert said(story, "summary")[0] == "At 10:00:00 the alert backup fired in production"
    assert said(story, "detection")[0] == "Monitoring discovered it: the alert backup, at 10:00:00"
    assert [row.partition(": ")[2] for row in rows(story)] == [
        "Alert backup fired",
        "Alert backup resolved after 20 min",
    ]


def test_no_page_is_asked_for_the_name_of_an_alert_where_nobody_was_paged() -> None:
    """What a person declared is no page that could have named it."""
    story = Facts()
    story.ends(story.fires("Errors", "10:00:00", "web"), "10:20:00")
    story.ends(story.fires("Slow", "10:00:30", "api"), "10:20:00")
    story.page("triggered", "10:05:00", 7, "web", actor="Mia", source="rootly", title="It is down")
    alert = "The alert Slow on api (critical) fired at 10:00:30, 4 min 30 s before the declaration"
    assert alert in said(story, "detection")
    assert not [text for text in said(story, "detection") if "no page names" in text]


@pytest.mark.parametrize(
    ("reason", "service", "was"),
    [
        ("no service and no reference", None, "1 change that names no service was recorded"),
        (UNNAMED_SERVICE, "edge-flags", "a change that is not known to belong to this incident was recorded"),
    ],
)
def test_a_change_of_no_known_service_is_named_where_nothing_else_was_done(
    reason: str, service: str | None, was: str
) -> None:
    """The flag that somebody turned off while it lasted may be what ended it: a count hides it."""
    story = Facts()
    story.ends(story.fires("Errors", "10:00:00", "web"), "10:20:00")
    story.nearby(reason, "change.flag_toggled", "10:10:00", entity="flag:shield", actor="Omar", service=service,
                title="Shield", data={"flag": "Shield", "state": "off"})  # fmt: skip
    denial, flag = said(story, "resolution")[:2]
    assert denial.endswith(f"; {was}")
    assert flag.startswith("In that time, not known to belong to this incident: the flag")
    assert flag.endswith("by Omar at 10:10:00")


def test_an_address_in_a_reason_is_told_as_in_sentences() -> None:
    """The part before the ``@`` is the name, where a sender gives no other."""
    history = Facts().history()
    assert spelt(history, "jay.fox@acme.example, a responder of this incident, did it") == (
        "jay.fox, a responder of this incident, did it"
    )
    assert spelt(history, "named by kim@acme.example's note at 19:09 UTC") == "named by kim's note at 19:09 UTC"


def test_a_deploy_that_failed_did_not_finish() -> None:
    """Not in the list of candidates, and not where the impact may have begun with it."""
    story = Facts()
    story.deploys("web", "09:58:00", "09:59:30", "v42", failed=True)
    story.fires("X", "10:00:00", "web")
    assert "which failed at 09:59:30, 30 s before the alert" in said(story, "summary")[1]
    assert cells(story, "measures")[0].endswith("30 s if the impact began when the deploy failed at 09:59:30")


def test_of_an_open_incident_no_rollback_is_the_end() -> None:
    """The alert fires still: from the deploy to its rollback is not how long it hurts."""
    story = Facts()
    story.deploys("web", "09:58:00", "09:59:00", "v42")
    story.fires("X", "10:00:00", "web")
    story.deploys("web", "10:10:00", "10:11:00", "v41", rollback=True)
    assert said(story, "impact")[1] == "Duration of the impact: not known, since an alert has no recorded end"


def test_a_deploy_without_a_title_is_called_by_its_version() -> None:
    """A service that is deployed again and again has candidates that differ; a branch tells none from another."""
    story = Facts()
    story.add("change.succeeded", "09:58:00", service="web", title="web", data={"ref": "v2"}, environment="production")
    story.fires("X", "10:00:00", "web")
    assert said(story, "root_causes")[-1].startswith('Deploy "v2" of web to production, finished at 09:58:00')
    assert 'Deploy of web to production succeeded: "v2"' in rows(story)
    story.events[0] = msgspec.structs.replace(story.events[0], data={"ref": "main"})
    assert said(story, "root_causes")[-1].startswith("Deploy of web to production, finished at")


def test_a_flag_is_called_by_its_name() -> None:
    """What it was set to is told once, and what was done with it in words is no state."""
    story = Facts()
    flag: dict[str, Any] = {"entity": "flag:shop/production/new-pricing", "source": "launchdarkly", "service": None}
    story.add("change.flag_toggled", "09:59:00", title="new-pricing on", actor="Jon", data={"state": "on"}, **flag)
    alert = story.fires("X", "10:00:00", "pricing")
    story.add("change.flag_toggled", "10:05:00", title="new-pricing off", actor="Ana", data={"state": "off"}, **flag)
    story.ends(alert, "10:06:00")
    story.add("change.flag_toggled", "10:09:00", title="new-pricing", actor="Ana",
             data={"state": "changed rules of the flag"}, **flag)  # fmt: skip
    assert said(story, "summary")[1].startswith(
        'The closest earlier change was the flag "new-pricing", set to on by Jon at 09:59:00'
    )
    assert said(story, "summary")[2].startswith(
        'The last recorded action before the recovery was the setting of the flag "new-pricing" to off by Ana'
    )
    assert 'Flag "new-pricing" changed by Ana: "changed rules of the flag"' in rows(story)


def test_a_change_elsewhere_has_that_against_it() -> None:
    """A deploy to staging did not reach production, which was hit too; one to a region not the alerts' region."""
    both = Facts()
    both.deploys("web", "09:57:00", "09:58:00", "v2", environment="staging")
    both.fires("X", "10:00:00", "web", environment="staging", series="a")
    both.fires("X", "10:02:00", "web", environment="production", series="b")
    assert said(both, "root_causes")[-1].endswith("It speaks against it that alerts fired in production, too")
    region = Facts()
    region.deploys("web", "09:57:00", "09:58:00", "v2", environment="production-us-east-1")
    alert = region.fires("X", "10:00:00", "web")
    region.events[-1] = msgspec.structs.replace(alert, labels={"region": "eu-west-1"})
    assert said(region, "root_causes")[-1].endswith(
        "It speaks against it that it went to production-us-east-1, while the alerts are of the region eu-west-1"
    )
    assert 'deploy "v2" of web in production-us-east-1' in said(region, "summary")[1]
    region.events[-1] = msgspec.structs.replace(alert, labels={"region": "us-east-1"})
    assert said(region, "root_causes")[-1].endswith("Nothing recorded speaks against it")


def test_a_change_received_before_the_alert_is_no_answer_to_it() -> None:
    """Its sender's clock is ahead: it had happened by then, so it is neither denied before nor told as an action."""
    story = Facts()
    alert = story.fires("X", "10:00:00", "web")
    story.add("change.succeeded", "10:06:00", entity="deployment:1", service="web", environment="production",
             title="v7",
             late=-7 * MINUTE)  # fmt: skip
    story.ends(alert, "10:20:00")
    assert said(story, "summary")[1] == (
        'Between 08:00:00 and 10:00:00 one change of web was recorded: deploy "v7" at 09:59:00 (received then; its '
        "sender's clock says 10:06:00)"
    )
    assert not any("last recorded action" in text for text in said(story, "summary"))
    assert 'Deploy of web to production succeeded: "v7" (received 7 min before that)' in rows(story)


# --- alerts and pages -------------------------------------------------------------------------------------------


def test_an_alert_that_fires_still_is_named_though_the_incident_is_over() -> None:
    """A warning holds nothing open; that it has no recorded end is told all the same."""
    story = Facts()
    low = story.fires("DiskFull", "09:50:00", "db", severity="warning")
    story.ends(story.fires("Lag", "10:00:00", "db"), "10:10:00")
    (claim,) = [each for each in claims(story, "summary") if plain(each.parts).startswith("No end")]
    assert plain(claim.parts) == "No end is recorded for DiskFull on db (warning)"
    assert claim.cites == (low.id,)
    story.ends(low, "10:30:00")
    assert not any(text.startswith("No end") for text in said(story, "summary"))


def test_what_an_alert_is_called_later_has_a_row() -> None:
    """A monitor that has no data any more says so by its name; names that differ in a number are one."""
    story = Facts()
    first = story.fires("Lag 40 s", "10:00:00", "orders")
    for when, title in (("10:04:00", "Lag 50 s"), ("10:12:00", "Lag: no data")):
        again = story.fires("Lag 40 s", when, "orders")
        story.events[-1] = msgspec.structs.replace(again, title=title)
    story.ends(first, "10:20:00")
    assert 'Alert "Lag 50 s" on orders went on as "Lag: no data"' in rows(story)
    assert sum("went on as" in row for row in rows(story)) == 1


def test_an_alert_that_a_person_called_over_says_who() -> None:
    """An issue that Ana resolves ended because Ana said so."""
    told = Facts()
    told.ends(told.fires("PoolTimeout", "10:00:00", "web"), "10:30:00", actor="Ana")
    assert rows(told)[-1] == "Alert ended, Resolved: Alert PoolTimeout on web resolved after 30 min, by Ana"


def test_a_page_that_is_called_like_an_alert_names_it() -> None:
    """It may give no reference; that no page names the alert would be false. Part of a name is no name."""
    story = Facts()
    story.fires("Slow", "09:58:00", "reports", severity="warning")
    story.page("triggered", "10:00:00", title="[reports] SlowQueries", service="reports")
    assert any(text.endswith("and no page names it") for text in said(story, "detection"))
    story.events[-1] = msgspec.structs.replace(story.events[-1], title="[reports] slow")
    assert not any("no page names it" in text for text in said(story, "detection"))


def test_nobody_was_paged_where_somebody_declared_it() -> None:
    """What a person opened who called nobody is no page to count from."""
    story = Facts()
    story.add("report.received", "09:50:00", title="Invoices fail", service="billing")
    story.page("triggered", "10:00:00", service="billing", actor="Mara")
    acknowledge = cells(story, "measures")[1]
    assert acknowledge.split(" | ")[1:3] == ["unknown", "nobody paged"]
    assert acknowledge.endswith("opened by hand; nobody was paged")
    story.page("acknowledged", "10:05:00", service="billing", actor="Jon")
    assert cells(story, "measures")[1].startswith("Time to acknowledge | 5 min | opened 10:00:00")


def test_who_acknowledges_again_is_told_so() -> None:
    """A second person's word is another one; the same person's is one again."""
    story = Facts()
    story.fires("X", "09:59:00", "checkout")
    story.page("triggered", "10:00:00", data={"assignees": ["Ana", "Jon"]})
    for when, who in (("10:01:00", "Ana"), ("10:02:00", "Jon"), ("10:30:00", "Ana")):
        story.page("acknowledged", when, actor=who)
    assert said(story, "summary")[1] == (
        "PagerDuty incident 311 paged Ana and Jon at 10:00:00, and Ana acknowledged it at 10:01:00"
    )
    assert rows(story)[-2:] == [
        "PagerDuty incident 311 was acknowledged by Jon", "PagerDuty incident 311 was acknowledged again by Ana",
    ]  # fmt: skip


def test_the_summary_begins_with_a_page_that_came_well_before_any_alert() -> None:
    """Somebody called an hour before monitoring saw it; what comes a few seconds before its alert follows it."""
    story = Facts()
    story.page("triggered", "08:41:00", data={"assignees": ["Ruth"]}, title="No logins")
    story.page("acknowledged", "08:44:00", actor="Ruth")
    story.ends(story.fires("ProbeFailed", "09:09:00", "api"), "09:29:00")
    assert [text.partition(",")[0] for text in said(story, "summary")[:3]] == [
        'At 08:41:00 PagerDuty incident 311 paged Ruth for checkout: "No logins"',
        "At 09:09:00 the alert ProbeFailed fired on api in production",
        "Ruth acknowledged PagerDuty incident 311 at 08:44:00",
    ]
    story.fires("Slow", "08:41:30", "api")
    assert said(story, "summary")[0].startswith("At 08:41:30 the alert Slow fired on api")


def test_what_a_person_opened_is_no_page() -> None:
    """Mara declares it and calls nobody: nothing in the draft counts from a page, and she discovered it."""
    story = Facts()
    story.deploys("checkout", "09:57:00", "09:58:00", "v42")
    story.page("triggered", "10:00:00", source="incidentio", actor="Mara", title="Slow")
    story.page("acknowledged", "10:05:00", source="incidentio", actor="Jon", title="Slow")
    story.page("resolved", "12:00:00", source="incidentio", actor="Mara", title="Slow")
    assert said(story, "summary")[1:] == [
        "Jon acknowledged it at 10:05:00, 5 min after the declaration",
        ('The closest earlier change was the deploy "v42" of checkout, finished at 09:58:00, 2 min before '
         "the declaration"),
        "From the declaration to the end it lasted 2 h",
    ]  # fmt: skip
    assert said(story, "impact")[0] == "An incident was opened for checkout"
    assert said(story, "detection")[0].startswith("A person discovered it: Mara opened incident.io incident 311")
    assert cells(story, "measures")[3].endswith("the incident was resolved")
    assert detected_by(story.history()) == "people"
    assert not any("page" in text.casefold() for text in rows(story))
    story.ends(story.fires("DiskFull", "10:03:00", "db"), "10:09:00")
    assert "Alert DiskFull fired on db (critical)" in rows(story)
    assert [text.partition(" at ")[0] for text in said(story, "summary")[:3]] == [
        'At 10:00:00 incident.io incident 311 was opened by Mara for checkout: "Slow"',
        "At 10:03:00 the alert DiskFull fired on db in production", "Jon acknowledged incident.io incident 311",
    ]  # fmt: skip
    assert any(text.startswith("No alert of checkout, which an incident was opened for, was recorded")
               for text in said(story, "detection"))  # fmt: skip
    story.fires("DiskFull", "09:30:00", "checkout", severity="warning")
    assert any(text.startswith("Mara opened incident.io incident 311 by hand at 10:00:00")
               for text in said(story, "detection"))  # fmt: skip


def test_a_page_that_a_person_opened_and_that_called_somebody_is_a_page() -> None:
    """By the rules of an escalation policy somebody was called, though the sender does not say who."""
    story = Facts()
    story.page("triggered", "10:00:00", actor="Mara", data={"escalation_policy": "Shop on call"})
    story.page("resolved", "12:00:00", actor="Mara")
    assert said(story, "summary")[-1] == "From the page to the end it lasted 2 h"


def test_an_automation_that_acknowledges_is_no_lead() -> None:
    """Its sender names what acted: no person took the page by that, and the first person who did is the first."""
    story = Facts()
    story.fires("X", "09:59:00", "checkout")
    story.page("triggered", "10:00:00", data={"assignees": ["Ana"]})
    story.page("acknowledged", "10:00:02", data={"agent": "Auto-Remediate"})
    assert said(story, "summary")[1].endswith("and it was acknowledged automatically by Auto-Remediate at 10:00:02")
    assert rows(story)[-1] == "Acknowledged: automatically by Auto-Remediate, 2 s after the page"
    assert cells(story, "measures")[1].endswith("acknowledged automatically, by no person; 1 min 2 s from detection")
    for durations in json.loads(measured(story.draft()))["profiles"].values():
        for end in (each[side] for each in durations for side in ("from", "to")):
            is_taken = end["moment"] in ("acknowledged", "page_acknowledged")
            assert (end["basis"] == "acknowledged automatically, by no person") == is_taken, end
    assert "assumed" not in story.markdown()
    story.page("acknowledged", "10:09:00", actor="Ana")
    assert said(story, "summary")[1].endswith("who acknowledged it at 10:09:00")
    assert "PagerDuty incident 311 was acknowledged automatically by Auto-Remediate" in " ".join(rows(story))
    assert "Ana (assumed: first to acknowledge)" in story.markdown()


def test_an_alert_that_is_called_by_a_sentence_is_quoted() -> None:
    """Nobody sees where such a name ends."""
    story = Facts()
    story.ends(story.fires("TypeError: t is undefined", "10:00:00", "web"), "10:05:00")
    assert said(story, "summary")[0].startswith('At 10:00:00 the alert "TypeError: t is undefined" fired on web')
    assert rows(story)[0] == 'Detected: Alert "TypeError: t is undefined" fired on web (critical)'


def test_an_alert_whose_data_comes_back_has_a_row() -> None:
    """It fired before its sender missed data, and fires on with the first data."""
    story = Facts()
    first = story.fires("Lag", "10:00:00", "orders", source="aws")
    story.add("observation.recorded", "10:05:00", entity=first.entity, source="aws", title="Lag", service="orders",
              data={"type": "aws.no_data", "called": "no data"})  # fmt: skip
    again = story.fires("Lag", "10:12:00", "orders", source="aws")
    story.events[-1] = msgspec.structs.replace(again, data={**again.data, "continues": True, "reason": "90 > 10"})
    story.ends(first, "10:20:00", source="aws")
    assert 'Alert Lag on orders had data again and still fired: "90 > 10"' in rows(story)


# --- people -----------------------------------------------------------------------------------------------------


def test_who_led_is_whom_the_on_call_tool_had_as_the_lead() -> None:
    """It is no guess by the first acknowledgement, and a lead that was handed over says from whom."""
    story = Facts()
    story.fires("X", "10:00:00", "web")
    story.page("triggered", "10:00:30", data={"assignees": ["Bo"]})
    story.page("acknowledged", "10:01:00", actor="Bo")
    for when, who in (("10:02:00", "Ana"), ("11:02:00", "Jon")):
        story.page("role_assigned", when, actor="Ana", data={"text": "Incident Commander", "to": who})
    story.page("role_assigned", "11:03:00", actor="Ana", data={"text": "Scribe", "to": "Bo"})
    assert "**Incident Lead:** Jon (Incident Commander, after Ana)" in story.markdown()
    assert rows(story)[-3:] == [
        "Ana took the role Incident Commander", "The role Incident Commander was given to Jon by Ana",
        "The role Scribe was given to Bo by Ana",
    ]  # fmt: skip


def test_who_lost_the_lead_is_named_with_until_when() -> None:
    """Whoever has the role still, on this page or another one, leads; where nobody has, the first to acknowledge."""
    story = Facts()
    story.page("triggered", "10:00:30", data={"assignees": ["Bo"]})
    story.page("acknowledged", "10:01:00", actor="Bo")
    role = {"text": "Incident Commander"}
    story.page("role_assigned", "10:02:00", actor="Ana", data=role | {"to": "Ana"})
    story.page("role_assigned", "10:30:00", actor="Jon", data=role | {"from": "Ana"})
    lead = "**Incident Lead:** Bo (assumed: first to acknowledge; Ana was Incident Commander until 10:30:00)"
    assert lead in story.markdown()
    assert facts.lead(story.history()) == "Bo"
    story.page("role_assigned", "10:10:00", 312, actor="Oz", data=role | {"to": "Oz"})
    assert "**Incident Lead:** Oz (Incident Commander, after Ana)" in story.markdown()
    story.page("role_assigned", "10:40:00", 312, actor="Oz", data=role | {"from": "Oz"})
    story = story.changed(lambda each: None if each.type == "page.acknowledged" else each)
    assert "**Incident Lead:** Nobody at the end (Oz was Incident Commander until 10:40:00)" in story.markdown()


def test_a_lead_that_is_told_with_every_step_is_told_where_it_changes() -> None:
    """Some tools say with each step who leads by then: who it is once more, or nobody, is told as well."""
    story = Facts()
    story.page("triggered", "10:00:00", actor="Ana", data={"lead": ""})
    for when, lead in (("10:01:00", "Ana"), ("10:02:00", "Ana"), ("10:03:00", "Bo"), ("10:04:00", "Ana")):
        story.page("updated", when, data={"lead": lead})
    assert "**Incident Lead:** Ana (Incident Lead, after Bo)" in story.markdown()
    story.page("updated", "10:05:00", data={"lead": ""})
    assert "**Incident Lead:** Nobody at the end (Ana was Incident Lead until 10:05:00)" in story.markdown()
    assert [row.removeprefix("PagerDuty incident 311 was updated; ") for row in rows(story)[1:]] == [
        "its lead is Ana", "its lead is Bo", "its lead is Ana", "nobody is its lead any more",
    ]  # fmt: skip


def test_a_moment_that_was_stated_anew_says_so() -> None:
    """Two rows of one moment are not two moments."""
    story = Facts()
    story.ends(story.fires("X", "10:00:00", "web"), "10:30:00")
    story.marks("mitigated", "10:09:00")
    story.marks("mitigated", "10:12:00", by="Ben")
    assert "Mitigated, as stated by Ana at first; Ben later stated 10:12:00" in rows(story)
    assert "Mitigated: as stated by Ben" in rows(story)


def test_a_follow_up_of_an_on_call_tool_is_an_action_item() -> None:
    """It is to be done when the incident is over, whoever keeps it; each of several has a row of its own."""
    story = Facts()
    story.page("triggered", "10:00:00", actor="Mara")
    for when, text in (("11:00:00", "Alert on expiry"), ("11:01:00", "Rotate by hand")):
        story.add("note.added", when, entity="P311", title=text, data={"task": "follow-up", "owner": "Mara"})
    story.add("note.added", "10:20:00", entity="P311", title="Ask the vendor", data={"task": "action"})
    whole = story.markdown()
    assert "| Alert on expiry" in whole
    assert "| Rotate by hand" in whole
    assert "| Ask the vendor" not in whole
    assert {'Follow-up for Mara: "Alert on expiry"', 'Action to take: "Ask the vendor"'} <= set(rows(story))


def test_a_follow_up_is_told_among_the_action_items_alone() -> None:
    """It is no step of the diagnosis, even if it was written down while people still looked; an action to take is."""
    story = Facts()
    alert = story.fires("X", "10:00:00", "web")
    story.page("triggered", "10:00:30", actor="Mara")
    story.add("note.added", "10:05:00", entity="P311", title="Alert on expiry", data={"task": "follow-up"})
    story.add("note.added", "10:06:00", entity="P311", title="Ask the vendor", data={"task": "action"})
    story.ends(alert, "10:30:00")
    whole = story.markdown(citations="none")
    steps = whole.partition("## Diagnostic Steps")[2].partition("\n## ")[0]
    assert "Alert on expiry" not in steps
    assert 'Action to take, 10:06:00 UTC: "Ask the vendor"' in steps
    assert whole.partition("## Action Items")[2].count("Alert on expiry") == 1


def test_what_was_done_with_an_alert_reads_as_a_sentence() -> None:
    """Where nothing was written with it; what is a list of doings stands in brackets."""
    story = Facts()
    story.fires("Slow", "10:00:00", "web")
    for when, done in (("10:01:00", "acknowledged"), ("10:02:00", "assigned to Bo"), ("10:03:00", "closed, commented")):
        story.add("note.added", when, title="Slow", actor="Ana", source="zabbix", data={"operation": done})
    assert rows(story)[1:] == [
        'Acknowledged: "Slow" was acknowledged by Ana in Zabbix', '"Slow" was assigned to Bo by Ana in Zabbix',
        '"Slow" (closed, commented, by Ana)',
    ]  # fmt: skip


def test_a_name_that_is_written_small_stays_small() -> None:
    """A sentence may begin with incident.io, and its row is a sentence of its own behind the label."""
    story = Facts()
    story.fires("X", "09:59:00", "checkout")
    story.page("triggered", "10:00:00", source="incidentio", actor="Mara", data={"number": "INC-42"})
    story.page("resolved", "10:30:00", source="incidentio", data={"number": "INC-42"})
    whole = story.markdown()
    assert "- incident.io incident INC-42 was opened by Mara" in whole
    assert "Incident.io" not in whole


def test_a_row_says_where_its_time_is_that_of_receipt() -> None:
    """A sender that names no time may tell of something long past."""
    told = Facts()
    told.fires("X", "10:00:00", "web", time_quality="absent")
    assert rows(told)[0].endswith("(time of receipt)")
