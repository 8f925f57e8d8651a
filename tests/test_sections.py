"""What each section says, of which events, and what it says where there are none."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from collector.event import HOUR, MINUTE, SECOND
from renderers import phrases
from renderers.document import Actions, Bullets, Claim, Code, Link, Options, Prompt, Section
from renderers.plain import plain
from renderers.sections import SECTIONS
from tests.histories import (
    Told,
    at,
    change_alone,
    corrected,
    example,
    going_on,
    many_changes,
    page_alone,
    report_alone,
    reported_first,
    storm,
    switched_off,
)


def section(told: Told, key: str, **options: Any) -> Section:
    """One section of this incident's draft."""
    return SECTIONS[key](told.history(), Options(**options))


def claims(told: Told, key: str, **options: Any) -> list[Claim]:
    """Its sentences."""
    return [
        item for block in section(told, key, **options).blocks if isinstance(block, Bullets) for item in block.items
    ]


def said(told: Told, key: str, **options: Any) -> list[str]:
    """Its sentences as a reader sees them."""
    return [plain(item.parts) for item in claims(told, key, **options)]


def prompts(told: Told, key: str) -> list[str]:
    """What it asks."""
    return [block.question for block in section(told, key).blocks if isinstance(block, Prompt)]


def test_the_sections_are_the_template_s_in_its_order() -> None:
    """Ten sections, in the order of the template."""
    assert list(SECTIONS) == ["summary", "impact", "timeline", "detection", "root_causes", "diagnostics", "resolution",
                              "lessons", "actions", "appendix"]  # fmt: skip


# --- summary ----------------------------------------------------------------------------------------------------


def test_the_summary_has_four_sentences() -> None:
    """What fired, the closest earlier change, the last action before recovery, how long."""
    assert said(example(), "summary") == [
        "HighErrorRate fired on checkout (production) at 14:02:10; SlowCart followed on cart",
        "Closest earlier change: deploy of checkout, finished 2 min before",
        "Last action: rollback, 3 min before recovery",
        "Alerts fired for 21 min",
    ]


def test_an_alert_of_many_series_is_counted() -> None:
    """Fifty pods are not told as one, and what one of them said is not said of all."""
    told = Told()
    fired = [
        told.fires("X", f"10:0{pod}:00", "web", series=f"pod-{pod}", said=f"pod-{pod} is down.") for pod in range(3)
    ]
    assert said(told, "summary")[0] == "X (3 series) fired on web (production), first at 10:00:00"
    assert claims(told, "summary")[0].cites == tuple(event.id for event in fired)
    assert 'One series of the alert said: "pod-0 is down."' in said(told, "impact")


def test_a_stated_mitigation_stands_where_no_action_was_recorded() -> None:
    """The summary has what a person said ended it; an action that was recorded goes first."""
    told = Told()
    told.ends(told.fires("X", "10:00:00", "web"), "10:30:00")
    told.marks("mitigated", "10:20:00", "Traffic moved")
    assert 'Mitigated at 10:20:00, stated by Ana: "Traffic moved"' in said(told, "summary")
    told.add("observation.recorded", "10:10:00", actor="Eli", data={"type": "com.acme.switch.set"})
    assert not any(text.startswith("Mitigated") for text in said(told, "summary"))


def test_how_far_back_changes_were_looked_for_is_said() -> None:
    """ "None recorded" holds for as long as correlation looks back, which is a setting."""
    told = Told()
    told.fires("X", "10:00:00", "web")
    told.context = {"reported": {"change": ("x",)}, "lookback": 30 * MINUTE}
    change = claims(told, "summary")[1]
    assert plain(change.parts) == "Closest earlier change: none recorded in the 30 min before"
    assert change.none == "change.* service=web 09:30..10:00"


def test_an_earlier_low_alert_and_an_earlier_report_are_told() -> None:
    """What came before the first opening alert is not said to have followed it."""
    assert said(going_on(), "summary")[0].endswith("; DiskFilling fired earlier on db")
    assert said(reported_first(), "summary")[0].endswith("; a report by Support had come 11 min before")


def test_a_flapping_alert_fired_on_and_off() -> None:
    """One alert that fired twice is one alert, on and off."""
    told = Told()
    for start, end in (("10:00:00", "10:02:00"), ("10:04:00", "10:10:00")):
        told.ends(told.fires("X", start, "web"), end)
    assert said(told, "summary")[-1] == "The alert fired on and off for 10 min"


def test_low_alerts_do_not_lengthen_the_incident() -> None:
    """Where an opening alert fired, the length is told of those above warning alone."""
    told = Told()
    told.ends(told.fires("Low", "08:00:00", "web", severity="warning"), "12:00:00")
    told.ends(told.fires("High", "10:00:00", "web"), "10:10:00")
    assert said(told, "summary")[-1] == "High fired for 10 min"


def test_a_change_under_way_is_the_closest_one() -> None:
    """A change that had begun and not finished is told with both of its times."""
    told = Told()
    told.deploys("web", "09:56:00", "10:05:00")
    told.fires("X", "10:00:00", "web")
    assert said(told, "summary")[1].endswith("deploy of web, started 4 min before and finished 5 min after")


def test_an_alert_without_an_end_is_not_given_one() -> None:
    """The length of what goes on is not told; the last event's time is."""
    assert said(going_on(), "summary")[-1] == "No end was recorded for SlowQueries; the last event came at 07:30:00"


def test_a_page_a_report_or_a_change_alone_is_what_happened() -> None:
    """Without an alert the first sentence tells what there is."""
    assert said(page_alone(), "summary")[0] == 'PagerDuty incident 7 triggered on ledger at 03:00:00: "Ledger is down"'
    assert said(report_alone(), "summary")[0] == 'A report by Support on payments came in at 11:00:00: "Cannot pay"'
    assert said(change_alone(), "summary") == ['The first event was a deploy of search "index v3" at 08:00:00']


def test_a_time_of_another_day_has_its_date() -> None:
    """A time alone is of the day the incident began; later ones say their day."""
    told = Told()
    told.fires("X", "23:50:00", "web")
    told.says("note.added", "+1 00:10:00", "still there")
    assert said(told, "summary")[-1].endswith("the last event came at 2026-03-05 00:10:00")


# --- negative evidence ------------------------------------------------------------------------------------------


def test_no_change_is_said_only_where_a_source_of_changes_reported() -> None:
    """With a source of changes heard in the window the query that found nothing is cited; else it was not observed."""
    told = Told()
    told.fires("X", "14:02:00", "cart")
    assert said(told, "summary")[1] == "Closest earlier change: not observed."
    told.context["reported"] = {"change": ("a",)}
    nothing = claims(told, "summary")[1]
    assert plain(nothing.parts) == "Closest earlier change: none recorded in the 2 h before"
    assert nothing.none == "change.* service=cart 12:02..14:02"


def test_a_nearby_change_is_not_denied() -> None:
    """A change of the service that was not joined is named beside the claim that the incident has none."""
    told = Told()
    told.fires("X", "14:02:00", "cart")
    told.context["reported"] = {"change": ("a",)}
    near = told.nearby("other environment", "change.succeeded", "13:00:00", service="cart", title="v1")
    claim = claims(told, "root_causes")[-1]
    assert plain(claim.parts) == "Candidates: none recorded in the 2 h before; 1 nearby change was not joined"
    assert claim.cites == (near.id,)
    assert not claim.none


def test_no_page_is_said_only_where_pages_reported() -> None:
    """The absence of a page means something only if a paging system was heard."""
    told = Told()
    told.fires("X", "14:02:00", "cart")
    assert not any("No page" in text for text in said(told, "detection"))
    told.context["reported"] = {"page": ("a",)}
    assert "No page was recorded" in said(told, "detection")


# --- impact -----------------------------------------------------------------------------------------------------


def test_impact_quotes_three_alerts_at_most() -> None:
    """Services and environment once, then at most three alerts' own words."""
    told = said(storm(), "impact")
    assert told[0].startswith("Alerts on service-0, service-1, service-10")
    assert told[0].endswith("54 more services; production")
    assert sum(" said: " in text for text in told) == 3


def test_a_person_s_impact_comes_first_and_answers_the_prompt() -> None:
    """The stated impact is shown whole, cites the edit, and nothing is asked any more."""
    told = example()
    text = "Some 400 customers could not pay. " * 20
    edit = told.edits("impact", text.strip())
    first = claims(told, "impact")[0]
    assert plain(first.parts) == text.strip()
    assert first.cites == (edit.id,)
    assert prompts(told, "impact") == []
    assert prompts(example(), "impact") == ["customers, business, SLA."]


def test_severity_set_by_a_person_replaces_the_page_s_priority() -> None:
    """The newest word of a person on the severity is the one shown."""
    told = switched_off()
    assert "Priority of the page: P2" in said(told, "impact")
    told.edits("severity", "SEV1")
    assert "Severity SEV1, set by Ana" in said(told, "impact")
    assert not any("Priority" in text for text in said(told, "impact"))


def test_status_posts_and_the_stated_duration_are_impact() -> None:
    """Posts carry their time; the duration is told only where a person stated both ends."""
    assert 'Status page, 09:20:00: "Mails are late."' in said(switched_off(), "impact")
    assert "Impact lasted 38 min, from 09:50:00 to 10:28:00, stated by Mia" in said(reported_first(), "impact")


# --- detection --------------------------------------------------------------------------------------------------


def test_detection_of_the_example() -> None:
    """Who, the rule's query, the path with its lags, and the durations with their basis."""
    assert said(example(), "detection") == [
        "Monitoring: HighErrorRate, 14:02:10, ratio > 0.05",
        "Path: alert → page +20 s → acknowledged +1 min 30 s",
        "Time to detect: not applicable; 2 min if impact began with the deploy",
        "Time to mitigate: 21 min, derived, last alert ended",
        "Time to resolve: 21 min 50 s, page resolved",
    ]


def test_detection_by_a_person() -> None:
    """A report that came first is the detection, and the path begins with it."""
    told = said(reported_first(), "detection")
    assert told[0] == 'Report by Support, 10:00:00: "Cannot pay"'
    assert told[1] == "Path: report → alert +11 min → page +30 s → acknowledged +1 min 30 s"
    assert told[2] == "Impact began at 09:50:00, stated by Mia"
    assert told[3] == "Time to detect: 10 min, from impact start to first report"


def test_a_stated_detection_names_who_detected() -> None:
    """What a person says about the detection stands before what monitoring shows."""
    told = example()
    told.marks("detected", "13:58:00", "saw it in a demo", by="Bo", said="a customer")
    assert said(told, "detection")[0] == 'Detected by a customer at 13:58:00, stated by Bo: "saw it in a demo"'
    assert said(told, "detection")[1].startswith("Monitoring: HighErrorRate")


def test_an_alert_that_led_to_no_page_is_told() -> None:
    """An alert that fired well before the page, and shares nothing with it, is named with its lead."""
    assert "DiskFilling on db (warning) fired 41 min before the page and led to no page" in said(
        going_on(), "detection"
    )


def test_an_alert_that_shares_the_page_s_key_did_lead_to_it() -> None:
    """An alert whose group the page names is not said to have led to none, however much later the page came."""
    told = Told()
    told.fires("Slow", "09:00:00", "web", refs=("alertgroup:" + "a" * 64,))
    told.page("triggered", "09:30:00", refs=("alertgroup:" + "a" * 64,))
    assert not any("no page" in text for text in said(told, "detection"))


def test_a_paged_service_without_an_alert_is_told() -> None:
    """The page is the evidence that it was hit, the empty query that no alert fired."""
    told = example()
    told.page("triggered", "14:05:00", 312, "search")
    silent = next(item for item in claims(told, "detection") if "no alert fired" in plain(item.parts))
    assert plain(silent.parts) == "search was paged, but no alert fired for it"
    assert silent.none == "alert.* service=search 14:02..14:24"
    assert silent.cites


def test_one_alert_that_ended_long_after_all_others_has_an_alternative_and_a_question() -> None:
    """The time to mitigate is also told without it, and a person is asked."""
    told = many_changes()
    assert any(
        "; 8 min without High5xx on api, which ended 23 min after all others" in t for t in said(told, "detection")
    )
    assert prompts(told, "detection") == ["when was it mitigated?", "how would we halve this?"]


def test_a_flapping_alert_is_no_outlier_of_itself() -> None:
    """The last firing of one alert is not called another alert."""
    told = Told()
    for start, end in (("10:00:00", "10:02:00"), ("10:10:00", "10:30:00")):
        told.ends(told.fires("X", start, "web"), end)
    assert not any("without" in text for text in said(told, "detection"))
    assert prompts(told, "detection") == ["how would we halve this?"]


def test_profiles_state_the_same_incident_in_a_vendor_s_terms() -> None:
    """The terms change with the profile; the path and the alert do not."""
    assert any(
        text.startswith("Time to first ack: 1 min 30 s") for text in said(example(), "detection", profile="pagerduty")
    )
    assert said(example(), "detection", profile="rootly")[:2] == said(example(), "detection")[:2]


def test_a_lost_end_is_asked_for() -> None:
    """Where an alert has no recorded end, a person is asked when it was mitigated."""
    told = Told()
    told.fires("X", "10:00:00", "web")
    told.page("resolved", "10:20:00")
    assert prompts(told, "detection") == ["when was it mitigated?", "how would we halve this?"]


def test_an_alert_that_outlived_the_opening_ones_is_not_passed_over() -> None:
    """Where a low alert ended later, the end that counts is not called the last alert's."""
    told = Told()
    told.deploys("web", "09:58:00", "09:59:00", "v2")
    fired, low = told.fires("X", "10:00:00", "web"), told.fires("Low", "10:01:00", "web", severity="warning")
    told.deploys("web", "10:04:00", "10:05:00", "v1", rollback=True)
    told.ends(fired, "10:06:00")
    assert "Time to mitigate: 6 min, derived, last alert above warning ended" in said(told, "detection")
    told.ends(low, "10:07:00")
    assert "Time to mitigate: 6 min, derived, last alert above warning ended" in said(told, "detection")
    assert "For: rolled back, last alert above warning ended 1 min later." in said(told, "root_causes")[-1]


def test_a_series_that_outlived_the_others_is_called_one_series() -> None:
    """The alternative is told without one series, not without the whole alert."""
    told = Told()
    for pod, end in (("a", "10:05:00"), ("b", "10:30:00")):
        told.ends(told.fires("X", "10:00:00", "web", series=pod), end)
    assert any("; 5 min without one series of X on web, which ended 25 min after" in t for t in said(told, "detection"))


def test_a_page_that_names_its_alert_says_nothing_of_its_own_service() -> None:
    """A page under a team's service, tied to its alert by the alert group, is not a service without an alert."""
    told = Told()
    told.fires("X", "10:00:00", "web", refs=("alertgroup:1",))
    told.page("triggered", "10:01:00", service="Platform")
    assert any(text.startswith("Platform was paged") for text in said(told, "detection"))
    told = told.changed(lambda event: msgspec.structs.replace(event, refs=("alertgroup:1",)))
    assert not any(text.startswith("Platform was paged") for text in said(told, "detection"))


def test_a_time_after_the_clocks_changed_has_its_offset() -> None:
    """In the hour that comes twice, a time of day alone would name two instants."""
    before = 1_792_888_200 * SECOND  # 2026-10-25T00:30:00Z, 02:30 in Berlin; an hour later it is 02:30 again
    assert phrases.at(before, "Europe/Berlin", before) == "02:30:00"
    assert phrases.at(before + HOUR, "Europe/Berlin", before) == "02:30:00 +01:00"
    assert phrases.minute(before + HOUR, "Europe/Berlin", before) == "02:30 +01:00"


# --- root causes ------------------------------------------------------------------------------------------------


def test_a_candidate_has_its_lag_its_tie_and_both_sides() -> None:
    """A reverted deploy speaks for itself: what ended after the rollback, and nothing against."""
    candidate = claims(example(), "root_causes")[-1]
    assert plain(candidate.parts) == (
        'Candidate: deploy of checkout "v42", finished 2 min before; same service. '
        "For: rolled back, last alert ended 3 min later. Against: none recorded"
    )
    assert [each[-5:] for each in candidate.cites[:2]] == ["41fc0", "7f21d"]


def test_candidates_are_five_at_most_the_nearest_first() -> None:
    """The five nearest changes are named, the others counted."""
    told = said(many_changes(), "root_causes")[2:]
    assert [text.split(",")[0] for text in told[:2]] == [
        'Candidate: deploy of web "v1.9"',
        'Candidate: deploy of web "slow one"',
    ]
    assert sum(text.startswith("Candidate:") for text in told) == 5
    assert told[5] == "1 earlier change, up to 9 min before"


def test_what_speaks_against_a_candidate_is_told() -> None:
    """A symptom before it, its failure, alerts that went on after the rollback."""
    against = said(going_on(), "root_causes")[-1].partition("Against: ")[2]
    assert against == (
        "the first symptom came 30 min before it began; it failed; "
        "alerts went on with no end recorded after the rollback"
    )


def test_a_rollback_that_did_not_help_is_no_argument_for() -> None:
    """Alerts that ended long after the rollback speak against the change, not for it."""
    told = Told()
    told.deploys("web", "09:50:00", "09:55:00", "v7")
    alert = told.fires("X", "10:00:00", "web")
    told.deploys("web", "10:05:00", "10:06:00", "v6", rollback=True)
    told.ends(alert, "10:36:00")
    assert said(told, "root_causes")[-1].endswith(
        "For: none recorded. Against: alerts went on for 30 min after the rollback"
    )
    assert next(e.id for e in told.events if e.type == "change.rolled_back") in claims(told, "root_causes")[-1].cites


def test_another_service_speaks_against() -> None:
    """A change of another service than the first alert's says whose alert it was."""
    told = Told()
    told.deploys("search", "09:50:00", "09:55:00", "v7")
    told.fires("X", "10:00:00", "web")
    assert said(told, "root_causes")[-1].endswith("Against: the first alert was on web")


def test_a_person_s_cause_fills_the_template_s_line() -> None:
    """A stated cause stands behind its label, in quotes and with its author; the other label stays empty."""
    assert said(reported_first(), "root_causes")[:2] == [
        'Primary Cause: "expired certificate", stated by Ana', "Contributing Factors:",
    ]  # fmt: skip
    assert prompts(reported_first(), "root_causes") == ["contributing factors."]
    assert prompts(example(), "root_causes") == ["both; candidates are not causes."]


# --- diagnostics, resolution, lessons ---------------------------------------------------------------------------


def test_diagnostics_link_runbooks_and_show_queries_and_notes() -> None:
    """Runbooks are links out of URL fields, queries code, notes quotes, in order."""
    told = example()
    told.fires("Other", "14:05:00", "cart", query="up == 0")
    items = claims(told, "diagnostics")
    assert [part for item in items for part in item.parts if isinstance(part, Link | Code)] == [
        Link("runbook", "https://runbooks.example/errors"), Code("up == 0"),
    ]  # fmt: skip
    assert plain(items[-1].parts) == 'Note, Ana: "Pool exhausted."'


def test_nothing_looked_at_is_asked_for() -> None:
    """Without a note, a query or a runbook the section asks."""
    assert prompts(report_alone(), "diagnostics") == ["what was looked at, and what did it show?"]


def test_actions_tell_what_ended_next() -> None:
    """Each action names its author and the next end, with how much later it came."""
    assert said(example(), "resolution") == ["Rollback by Ana; last alert ended 3 min later"]
    assert said(switched_off(), "resolution") == [
        'Switch set, bulk-mail, by Eli: "bulk mail off"; last alert ended 4 min later'
    ]
    assert said(many_changes(), "resolution")[0] == 'Flag "new-cache" by bo; High5xx on web ended 2 min later'


def test_an_action_after_which_more_was_done_says_so() -> None:
    """An end that came only after the next action is not left to stand as if the first had brought it."""
    told = Told()
    fired = told.fires("X", "10:00:00", "web")
    told.deploys("web", "10:04:00", "10:05:00", rollback=True)
    restart = told.add("observation.recorded", "10:20:00", actor="Eli", data={"type": "com.acme.db.restarted"})
    end = told.ends(fired, "10:22:00")
    first, second = claims(told, "resolution")[:2]
    assert plain(first.parts) == "Rollback; last alert ended 17 min later, after the next action"
    assert {restart.id, end.id} <= set(first.cites)
    assert plain(second.parts) == "Db restarted, by Eli; last alert ended 2 min later"


def test_a_deploy_under_way_at_the_detection_was_no_answer_to_it() -> None:
    """What began before the detection is a candidate, not an action."""
    assert not any("slow one" in text for text in said(many_changes(), "resolution"))


def test_pull_requests_are_linked_under_the_template_s_words() -> None:
    """The template's line on links holds the links of the changes."""
    links = claims(many_changes(), "resolution")[-1]
    assert plain(links.parts) == "Links to pull requests or relevant changes: PR #9"
    assert Link("PR #9", "https://code.example/acme/web/pull/9") in links.parts


def test_lessons_are_numbers() -> None:
    """Waiting, flapping, missing runbooks and late events, each once, without a verdict."""
    assert said(switched_off(), "lessons") == [
        "Observed: PagerDuty incident 500 was unacknowledged for 15 min",
        "Observed: QueueFull has no runbook",
        "Observed: 1 event was received 41 min late",
    ]
    assert "Observed: SlowQueries flapped 3 times" in said(going_on(), "lessons")
    assert said(page_alone(), "lessons") == ["Observed: 1 page was resolved without an acknowledgement"]


def test_lessons_are_five_at_most() -> None:
    """However much there is to say, at most five numbers are told."""
    assert all(len(claims(build(), "lessons")) <= 5 for build in (storm, going_on, many_changes, switched_off))


# --- actions and appendix ---------------------------------------------------------------------------------------


def test_actions_have_owner_due_date_and_state() -> None:
    """An open action is plain, a done one says so; what is no date stays out of the date column."""
    [actions] = section(reported_first(), "actions").blocks
    assert isinstance(actions, Actions)
    shown = [(plain(row.action), plain(row.owner), row.due) for row in actions.rows]
    assert shown == [("Watch certificates", "Ana", "2026-03-11"), ("Write it down (done)", "", "")]


def test_nearby_events_stand_with_their_reason() -> None:
    """What was not joined is named with why; what reads alike is one line; beyond ten they are counted."""
    assert said(example(), "appendix")[0] == "Nearby, not joined: DiskFilling on search (warning): other service"
    told = example()
    for n in range(12):
        told.nearby("other service", "note.added", f"14:{n:02d}:00", title=f"note {n}")
    told.nearby("other service", "alert.firing", "14:01:00", title="DiskFilling", service="search", severity="warning")
    assert "Nearby, not joined: DiskFilling on search (warning) (2 events): other service" in said(told, "appendix")
    assert "3 more events nearby, not joined" in said(told, "appendix")


def test_grouping_is_told_by_rule() -> None:
    """One line a rule, with the first reason and how many events it joined."""
    assert "Grouping: same service checkout, 2 events" in said(example(), "appendix")


def test_completeness_names_gaps_outages_and_unread_deliveries() -> None:
    """What a sender left out, when the collector was down, what nobody understood; silences are never told."""
    assert said(corrected(), "appendix") == [
        "Completeness: webhooks do not tell of silenced or inhibited alerts.",
        "Completeness: alertmanager left out 3 items at 12:01:00",
        "Completeness: the collector was down, 11:00:00 to 11:20:00",
        "Completeness: 1 delivery of pagerduty was not understood",
    ]


@pytest.mark.parametrize(
    ("data", "what"),
    [
        ({"acknowledged": 9, "found": 7}, "2 acknowledged events"),
        ({"acknowledged": 9, "found": 12}, "acknowledged events"),
    ],
)
def test_a_log_that_lost_events_says_so(data: dict[str, int], what: str) -> None:
    """A draft made out of a log that went on after a loss names it, with how many where that is known."""
    told = corrected()
    lost = told.add("collector.lost", "11:20:00", source="timelined", data=data)
    told.events = told.events[:2]
    told.context["collector"] = (*told.context["collector"], lost)
    assert f"Completeness: the log was found to have lost {what} at 11:20:00" in said(told, "appendix")


def test_a_log_that_may_lack_events_claims_no_number() -> None:
    """Restored without its record, nobody knows what is lost: the draft says so, and says no loss that nobody found."""
    told = corrected()
    lost = told.add("collector.lost", "11:20:00", source="timelined", data={"found": 7, "known": False})
    told.events = told.events[:2]
    told.context["collector"] = (*told.context["collector"], lost)
    text = "\n".join(said(told, "appendix"))
    assert "what it lacks of acknowledged events is not known, 11:20:00" in text
    assert "found to have lost" not in text


def test_times_that_senders_did_not_give_are_told() -> None:
    """An assumed zone or an absent time is said once, with how many events it concerns."""
    told = example()
    told.events[0] = msgspec.structs.replace(told.events[0], time_quality="assumed_zone")
    assert "Completeness: 1 event came without a zone; UTC was assumed" in said(told, "appendix")


# --- grammar ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pods", "expected"),
    [(1, "Alert X fired on web (critical)"), (3, "Alert X fired on web (critical), 3 series (pod)")],
)
def test_one_series_is_not_counted(pods: int, expected: str) -> None:
    """One of a thing is told without a number."""
    told = Told()
    for n in range(pods):
        told.fires("X", at("10:00:00"), "web", series=f"pod-{n}")
    table = section(told, "timeline").blocks[1]
    assert [plain(row.parts) for row in table.rows] == [expected]  # type: ignore[union-attr]


def test_one_and_many_in_the_lessons() -> None:
    """One alert has, two have; one event was, two were."""
    told = Told()
    told.fires("A", "10:00:00", "web", late=6 * 60_000_000)
    assert said(told, "lessons") == ["Observed: A has no runbook", "Observed: 1 event was received 6 min late"]
    told.fires("B", "10:01:00", "web", late=9 * 60_000_000)
    assert said(told, "lessons") == [
        "Observed: A and B have no runbook", "Observed: 2 events were received up to 9 min late",
    ]  # fmt: skip
