"""What each section says, of which events, and what it says where there are none."""

from __future__ import annotations

import re
from typing import Any

import msgspec
import pytest

from collector.event import HOUR, MINUTE, SECOND
from renderers import phrases
from renderers.document import Actions, Bullets, Claim, Code, Link, Options, Prompt, Section, Table, Timeline
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
    blocks = section(told, key, **options).blocks
    return [item for block in blocks if isinstance(block, Bullets) for item in block.items]


def cells(told: Told, key: str, **options: Any) -> list[str]:
    """The rows of one table of the section on detection, their cells divided by bars."""
    blocks = section(told, "detection", **options).blocks
    rows = [row for block in blocks if isinstance(block, Table) and block.key == key for row in block.rows]
    return [" | ".join(plain(cell) for cell in row.cells) for row in rows]


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


def test_the_summary_has_five_sentences() -> None:
    """What fired, how people learnt of it, the closest earlier change, the last action, how long."""
    assert said(example(), "summary") == [
        (
            "At 14:02:10 the alert HighErrorRate fired on checkout in production; SlowCart on cart followed 1 min 10 s "
            "later"
        ),
        "PagerDuty incident 311 paged Ana at 14:02:30, and Ana acknowledged it at 14:04:00",
        (
            'The closest earlier change was the deploy "v42" of checkout, finished at 14:00:10, 2 min before the first '
            "alert"
        ),
        (
            'The last recorded action was the rollback "v41" of checkout by Ana at 14:20:10; '
            "the last alert ended 3 min after it"
        ),
        "Alerts were firing for 21 min",
    ]


def test_an_alert_of_many_series_is_counted() -> None:
    """Fifty pods are not told as one, and the value told of them names its service, not all of it."""
    told = Told()
    for pod in range(3):
        told.fires("X", f"10:0{pod}:00", "web", series=f"pod-{pod}", said=f"pod {pod} is down.")
    assert said(told, "summary")[0] == "At 10:00:00 the alert X (3 series) fired on web in production"
    assert cells(told, "alerts") == ['X (3 series) | web | 10:00:00 |  | "pod 2 is down."']


def test_a_stated_mitigation_stands_beside_the_actions() -> None:
    """The summary has what a person said mitigated it, and the last action that was recorded."""
    told = Told()
    told.ends(told.fires("X", "10:00:00", "web"), "10:30:00")
    told.marks("mitigated", "10:20:00", "Traffic moved")
    stated = 'Ana stated that it was mitigated at 10:20:00: "Traffic moved"'
    assert stated in said(told, "summary")
    told.add("observation.recorded", "10:10:00", actor="Eli", data={"type": "com.acme.switch.set"})
    assert stated in said(told, "summary")
    assert any(text.startswith("The last recorded action was Switch set by Eli at 10:10:00") for text in
               said(told, "summary"))  # fmt: skip


def test_how_far_back_changes_were_looked_for_is_said() -> None:
    """ "No change was recorded" holds for as long as correlation looks back, which is a setting."""
    told = Told()
    told.fires("X", "10:00:00", "web")
    told.context = {"reported": {"change": ("x",)}, "lookback": 30 * MINUTE}
    change = claims(told, "summary")[1]
    assert plain(change.parts) == "No change of web was recorded between 09:30:00 and 10:00:00"
    assert change.none == "change.* service=web 09:30:00..10:00:00"
    assert plain(change.searched) == "changes of web"


def test_an_earlier_low_alert_and_an_earlier_report_are_told() -> None:
    """What came before the first opening alert is not said to have followed it."""
    assert said(going_on(), "summary")[0].endswith("; DiskFilling on db had fired 40 min before it")
    assert said(reported_first(), "summary")[:2] == [
        'At 10:00:00 Support reported for checkout: "Cannot pay"',
        "At 10:11:00 the alert HighErrorRate fired on checkout in production",
    ]


def test_an_alert_that_fired_twice_had_a_pause() -> None:
    """The time between two firings is not said to have been one of firing."""
    told = Told()
    for start, end in (("10:00:00", "10:02:00"), ("10:04:00", "10:10:00")):
        told.ends(told.fires("X", start, "web"), end)
    assert said(told, "summary")[-1] == (
        "Alerts were firing for 8 min, with 1 pause; "
        "from the start of the first to the end of the last one it took 10 min"
    )


def test_low_alerts_do_not_lengthen_the_incident() -> None:
    """Where an opening alert fired, the length is told of those above warning alone."""
    told = Told()
    told.ends(told.fires("Low", "08:00:00", "web", severity="warning"), "12:00:00")
    told.ends(told.fires("High", "10:00:00", "web"), "10:10:00")
    assert said(told, "summary")[-1] == "Alerts above warning were firing for 10 min"


def test_a_change_under_way_is_the_closest_one() -> None:
    """A change that had begun and not finished is told with both of its times."""
    told = Told()
    told.deploys("web", "09:56:00", "10:05:00")
    told.fires("X", "10:00:00", "web")
    assert said(told, "summary")[1].endswith(
        "deploy of web, begun at 09:56:00, 4 min before the first alert, and finished 5 min after it"
    )


def test_an_alert_without_an_end_is_not_given_one() -> None:
    """The length of what goes on is not told; the last event's time is."""
    assert said(going_on(), "summary")[-1] == "No end is recorded for SlowQueries; the last event came at 07:30:00"


def test_a_page_a_report_or_a_change_alone_is_what_happened() -> None:
    """Without an alert the first sentence tells what there is, and the next does not tell it again."""
    assert said(page_alone(), "summary")[:2] == [
        'At 03:00:00 PagerDuty incident 7 paged Jon for ledger: "Ledger is down"',
        "No acknowledgement of it was recorded",
    ]
    assert said(report_alone(), "summary")[0] == 'At 11:00:00 Support reported for payments: "Cannot pay"'
    assert said(change_alone(), "summary") == ['The first event was the deploy "index v3" of search, begun at 08:00:00']


def test_a_time_of_another_day_has_its_date() -> None:
    """A time alone is of the day the incident began; later ones say their day."""
    told = Told()
    told.fires("X", "23:50:00", "web")
    told.says("note.added", "+1 00:10:00", "still there")
    assert said(told, "summary")[-1].endswith("the last event came at 2026-03-05 00:10:00")


# --- negative evidence ------------------------------------------------------------------------------------------


def test_no_change_is_said_only_where_a_source_of_changes_reported() -> None:
    """With a source of changes heard in the window what was searched is cited; else no deploy system reports."""
    told = Told()
    told.fires("X", "14:02:00", "cart")
    assert told.markdown().count("No deploy system reports to timelined.") == 1
    told.context["reported"] = {"change": ("a",)}
    nothing = claims(told, "summary")[1]
    assert plain(nothing.parts) == "No change of cart was recorded between 12:02:00 and 14:02:00"
    assert nothing.none == "change.* service=cart 12:02:00..14:02:00"


@pytest.mark.parametrize(
    ("repository", "denied"),
    [("acme/cart", False), ("acme/cart-deploy", False), ("acme/search", True), ("", True)],
)
def test_a_change_of_a_repository_called_like_the_service_is_not_denied(repository: str, *, denied: bool) -> None:
    """Most deployments name no service: by their repository they are one's, as grouping has it."""
    told = Told()
    told.fires("X", "14:02:00", "cart")
    told.context["reported"] = {"change": ("a",)}
    near = told.nearby("it belongs to another incident", "change.succeeded", "13:00:00", title="m3",
                       data={"repository": repository})  # fmt: skip
    claim = claims(told, "summary")[1]
    assert plain(claim.parts).startswith("No change of cart was recorded") is denied
    assert claim.cites == (near.id,)


def test_a_nearby_change_is_not_denied() -> None:
    """A change of the service that was not joined is named beside the claim that the incident has none."""
    told = Told()
    told.fires("X", "14:02:00", "cart")
    told.context["reported"] = {"change": ("a",)}
    near = told.nearby("other environment", "change.succeeded", "13:00:00", service="cart", title="v1")
    [claim] = [block for block in section(told, "root_causes").blocks if isinstance(block, Claim)]
    assert plain(claim.parts) == (
        'Between 12:02:00 and 14:02:00 one change of cart was recorded: deploy "v1" of cart at 13:00:00 '
        "(other environment)"
    )
    assert claim.cites == (near.id,)
    assert not claim.none


def test_no_page_is_said_only_where_pages_reported() -> None:
    """The absence of a page means something only if a paging system was heard."""
    told = Told()
    told.fires("X", "14:02:00", "cart")
    assert not any("paged" in text for text in said(told, "detection"))
    told.context["reported"] = {"page": ("a",)}
    assert any(text.startswith("No page of this incident was recorded") for text in said(told, "detection"))


# --- impact -----------------------------------------------------------------------------------------------------


def test_impact_quotes_ten_alerts_and_counts_the_others() -> None:
    """Services and environment once, then what ten alerts said; that others spoke is told."""
    told = said(storm(), "impact")
    assert told[0].startswith("Alerts fired on service-0, service-1, service-10")
    assert told[0].endswith("54 more services in production")
    assert sum(text.startswith("Alert") and ': "' in text for text in told) == 10
    assert told[-1] == "50 more alerts say what they found; the timeline has them"


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (("5% fail", "31% fail", "9% fail"), 'X on web: "31% fail" at 10:01:00 and "9% fail" at 10:02:00'),
        (("5% fail", "9% fail"), 'X on web: "9% fail"'),
        (("1,200 wait", "900 wait"), 'X on web: "1,200 wait" at 10:00:00 and "900 wait" at 10:01:00'),
        (("5 of 9 fail", "down"), 'X on web: "5 of 9 fail" at 10:00:00 and "down" at 10:01:00'),
    ],
)
def test_the_largest_value_told_is_told(texts: tuple[str, ...], expected: str) -> None:
    """What an alert said of the size of it is not what it said first, but the largest and the newest."""
    told = Told()
    for minute, text in enumerate(texts):
        told.fires("X", f"10:0{minute}:00", "web", series=f"pod-{minute}", description=text)
    assert expected in said(told, "impact")


def test_a_person_s_impact_comes_first_and_answers_the_prompt() -> None:
    """The stated impact is shown whole, cites the edit, and only the rest is asked."""
    told = example()
    text = "Some 400 customers could not pay. " * 20
    edit = told.edits("impact", text.strip())
    first = claims(told, "impact")[0]
    assert plain(first.parts) == text.strip()
    assert first.cites == (edit.id,)
    assert prompts(told, "impact") == ["which SLA or SLO was missed, and what did it cost?"]
    assert prompts(example(), "impact")[0] == "who could not do what, and how many were they?"


def test_severity_set_by_a_person_replaces_the_page_s_priority() -> None:
    """The newest word of a person on the severity is the one shown."""
    told = switched_off()
    assert "The priority was P2" in said(told, "impact")
    told.edits("severity", "SEV1")
    assert "Severity SEV1, set by Ana" in said(told, "impact")
    assert not any("priority" in text for text in said(told, "impact"))


def test_priorities_are_told_in_order_with_their_times() -> None:
    """One that never changed has no time; else each has the time from which on it was so."""
    told = Told()
    told.page("triggered", "11:00:00")
    told.page("priority_updated", "11:03:00", data={"priority": "P2"})
    assert "The priority was P2" in said(told, "impact")
    told.page("priority_updated", "11:45:00", data={"priority": "P1"})
    told.page("priority_updated", "12:05:00", data={"priority": ""})
    assert "The priority was P2 from 11:03:00, P1 from 11:45:00 and none from 12:05:00" in said(told, "impact")


def test_status_posts_and_the_duration_are_impact() -> None:
    """Posts carry their time; a duration that nobody stated says on what it rests."""
    assert 'Status page, 09:20:00: "Mails are late."' in said(switched_off(), "impact")
    stated = "Duration of the impact: 38 min, from 09:50:00 to 10:28:00, as stated by Mia"
    assert stated in said(reported_first(), "impact")
    assert said(example(), "impact")[1] == (
        "Duration of the impact: 21 min, from the first alert to the end of the last one; nobody has stated it yet"
    )
    assert said(report_alone(), "impact")[-1] == (
        "Duration of the impact: not known, since nobody has stated its start and end"
    )


# --- detection --------------------------------------------------------------------------------------------------


def test_detection_of_the_example() -> None:
    """Who, the path with its lags, the alerts with query and value, the durations with both ends and their basis."""
    assert said(example(), "detection") == [
        "Monitoring discovered it: the alert HighErrorRate (critical) on checkout, at 14:02:10",
        "Ana was paged by PagerDuty incident 311 at 14:02:30, 20 s after that alert",
        "Ana acknowledged PagerDuty incident 311 at 14:04:00, 1 min 30 s after the page",
        "When the impact began is not recorded; state it with timelined mark N impact_started --at …",
    ]
    assert cells(example(), "alerts") == [
        'HighErrorRate | checkout | 14:02:10 | ratio > 0.05 | "12% of requests fail."',
        "SlowCart (12 series) | cart | 14:03:20 |  | ",
    ]
    assert cells(example(), "measures") == [
        (
            "Time to detect | unknown | impact start not recorded | detected at 14:02 | "
            "2 min if the impact began when the deploy finished at 14:00:10"
        ),
        (
            "Time to acknowledge | 1 min 30 s | paged 14:02:30 | acknowledged 14:04:00 | "
            "recorded; 1 min 50 s from detection"
        ),
        "Time to mitigate | 21 min | detected 14:02:10 | mitigated 14:23:10 | derived: the last alert ended",
        "Time to resolve | 21 min 50 s | detected 14:02:10 | resolved 14:24:00 | the page was resolved",
    ]


def test_detection_by_a_person() -> None:
    """A report that came first is the detection, and the page counts from it."""
    told = said(reported_first(), "detection")
    assert told == [
        'A person discovered it: Support reported it at 10:00:00, "Cannot pay"',
        "PagerDuty incident 311 was opened at 10:11:30, 11 min 30 s after the report",
        "Ana acknowledged PagerDuty incident 311 at 10:13:00, 1 min 30 s after the page",
        'The impact began at 09:50:00, as stated by Mia: "first failed payment"',
    ]
    assert cells(reported_first(), "measures")[0] == (
        "Time to detect | 10 min | impact began 09:50:00 | detected 10:00:00 | stated by a person"
    )


def test_a_stated_detection_names_who_detected() -> None:
    """What a person says about the detection stands before what monitoring shows."""
    told = example()
    told.marks("detected", "13:58:00", "saw it in a demo", by="Bo", said="a customer")
    assert said(told, "detection")[0] == (
        'Bo stated that it was detected at 13:58:00 by a customer: "saw it in a demo"'
    )
    assert said(told, "detection")[1].startswith("Monitoring discovered it: the alert HighErrorRate")


def test_a_warning_before_the_detection_is_told_with_its_lead() -> None:
    """An alert that opens nothing and had fired before is named once, with how long before the detection it did."""
    told = going_on()
    [warning] = [each for each in claims(told, "detection") if "DiskFilling" in plain(each.parts)]
    assert plain(warning.parts) == (
        "The first symptom was the alert DiskFilling on db (warning): it fired at 06:20:00, "
        "40 min before the incident was detected, "
        "and no page names it"
    )
    fired = next(each for each in told.events if each.title == "DiskFilling")
    detected = told.history().moments["detected"]
    assert warning.cites == (fired.id, *detected.cites)


@pytest.mark.parametrize(
    ("until", "ended"), [("09:50:00", "; it had ended at 09:50:00"), ("10:00:00", "; it had ended at 10:00:00"),
                         ("10:05:00", ""), (None, "")]
)  # fmt: skip
def test_a_warning_that_had_ended_by_then_says_so(until: str | None, ended: str) -> None:
    """Whether what had warned still fired when the incident was detected is told, with the end as its proof."""
    told = Told()
    fired = told.fires("Low", "09:40:00", "web", severity="warning")
    over = [told.ends(fired, until)] if until else []
    critical = told.fires("High", "10:00:00", "web")
    [warning] = [each for each in claims(told, "detection") if "alert Low" in plain(each.parts)]
    lead = "The first symptom was the alert Low on web (warning): it fired at 09:40:00, "
    lead += "20 min before the incident was detected"
    assert plain(warning.parts) == lead + ended
    assert set(warning.cites) == {fired.id, critical.id, *(each.id for each in over if ended)}


def test_a_warning_is_a_basis_for_the_time_to_detect() -> None:
    """Whether the impact began with it nobody knows: what the time to detect would be is told beside unknown."""
    told = Told()
    told.fires("Low", "09:40:00", "web", severity="warning")
    told.fires("High", "10:00:00", "web")
    assert cells(told, "measures")[0].startswith("Time to detect | unknown |")
    assert cells(told, "measures")[0].endswith("20 min if the impact began with the alert Low on web at 09:40:00")


@pytest.mark.parametrize("severity", ["critical", "page", "sev1", None])
def test_what_detected_it_is_no_warning_of_it(severity: str | None) -> None:
    """An alert that opens an incident detects it, and a low one that came with it or after it warned of nothing."""
    told = Told()
    told.fires("High", "10:00:00", "web", severity=severity)
    told.fires("Low", "10:00:00", "web", severity="warning")
    told.fires("Lower", "10:03:00", "web", severity="info")
    assert not any("before the incident was detected" in text for text in said(told, "detection"))


def test_warnings_beyond_three_are_counted() -> None:
    """Each name on each service counts once, however often it fired."""
    told = Told()
    for n in range(5):
        for minute in (10, 20):
            told.ends(told.fires(f"Low{n}", f"09:{minute + n}:00", "web", severity="warning"), f"09:{minute + n}:30")
    told.fires("High", "10:00:00", "web")
    texts = [text for text in said(told, "detection") if "before" in text]
    assert [text.startswith("The first symptom was") for text in texts] == [True, False, False, False]
    assert texts[-1] == "2 more alerts that opened no incident fired before it was detected"


def test_an_alert_that_led_to_no_page_is_told() -> None:
    """An alert that fired well before the page, and shares nothing with it, is named with its lead."""
    told = Told()
    told.fires("First", "10:00:00", "web")
    told.fires("Second", "10:01:00", "web")
    told.page("triggered", "10:30:00", service="web")
    unpaged = "The alert Second on web (critical) fired at 10:01:00, 29 min before the page, and no page names it"
    assert unpaged in said(told, "detection")


def test_an_alert_that_shares_the_page_s_key_did_lead_to_it() -> None:
    """An alert whose group the page names is not said to have led to none, however much later the page came."""
    told = Told()
    told.fires("Slow", "09:00:00", "web", refs=("alertgroup:" + "a" * 64,))
    told.page("triggered", "09:30:00", refs=("alertgroup:" + "a" * 64,))
    assert not any("no page" in text for text in said(told, "detection"))


def test_a_paged_service_without_an_alert_is_told() -> None:
    """The page proves that it was hit, the empty query that no alert fired; any spelling of it refutes that."""
    told = example()
    told.page("triggered", "14:05:00", 312, "Search API")
    silent = next(item for item in claims(told, "detection") if plain(item.parts).startswith("No alert of Search API"))
    assert plain(silent.parts) == (
        "No alert of Search API, which was paged for, was recorded between 12:02:10 and 14:24:00"
    )
    assert silent.none == "alert.firing service=Search API 12:02:10..14:24:00"
    assert silent.cites
    told.fires("Y", "14:06:00", "search-api")
    assert not any(text.startswith("No alert of Search API") for text in said(told, "detection"))


def test_every_service_without_an_alert_is_named() -> None:
    """However many were paged for or reported, each is named: what is left out would read as if an alert had fired."""
    told = example()
    for n in range(6):
        told.page("triggered", f"14:0{n}:30", 320 + n, f"paged-{n}")
        told.says("report.received", f"14:0{n}:40", "slow", by=None, service=f"reported-{n}")
    silent = [each for each in claims(told, "detection") if plain(each.parts).startswith("No alert of ")]
    texts = [plain(each.parts) for each in silent]
    assert [text.count("paged-") + text.count("reported-") for text in texts] == [6, 6]
    assert "paged-4 and paged-5, which were paged for, was recorded between" in texts[0]
    assert "reported-4 and reported-5, which were named by reports, was recorded between" in texts[1]
    assert [len(each.cites) for each in silent] == [6, 6]
    assert all(f"{kind}-{n}" in each.none for each, kind in zip(silent, ("paged", "reported"), strict=True)
               for n in range(6))  # fmt: skip


def test_what_the_window_has_more_of_is_counted() -> None:
    """Beside what is named, the number of what else began in the window."""
    told = example()
    told.context["unlisted"] = 1_280
    assert "At the same time, not joined: 1,280 more events" in said(told, "appendix")


# --- pages ------------------------------------------------------------------------------------------------------------


def test_a_page_that_was_moved_is_told_of_the_service_it_was_opened_for() -> None:
    """What was so at the time is told; the move has a row of its own."""
    told = Told()
    told.page("triggered", "11:00:00", service="checkout", data={"assignees": ["Ana"]})
    told.page("reclassified", "11:47:00", service="payments", actor="Oz")
    told.page("resolved", "12:00:00", service="payments", title="Card payments fail")
    assert said(told, "summary")[0] == 'At 11:00:00 PagerDuty incident 311 paged Ana for checkout: "Page 311"'
    assert said(told, "impact")[0] == "Pages were opened for checkout"
    rows = [plain(row.parts) for block in section(told, "timeline").blocks if isinstance(block, Timeline)
            for row in block.rows]  # fmt: skip
    assert "PagerDuty incident 311 was moved to the service payments by Oz" in rows
    assert not any("moved" in row for row in rows if "Oz" not in row)


def test_an_environment_in_a_service_s_name_is_not_told_twice() -> None:
    """``Checkout (prod)`` is not said to be in prod; another environment still is."""
    told = Told()
    told.page("triggered", "11:00:00", service="Checkout (prod)", environment="prod", data={"assignees": ["Ana"]})
    assert said(told, "summary")[0] == 'At 11:00:00 PagerDuty incident 311 paged Ana for Checkout (prod): "Page 311"'
    assert said(told, "impact")[0] == "Pages were opened for Checkout (prod)"
    assert phrases.environment_beside("Checkout (card)", "prod") == "prod"


@pytest.mark.parametrize(
    ("between", "expected"),
    [
        ((), "44 min after the page"),
        (("acknowledged", "reopened"), "6 min after it was reopened"),
        (("acknowledged", "unacknowledged"), "6 min after it was no longer acknowledged"),
    ],
)
def test_how_long_a_page_waited_counts_from_when_it_waited_last(between: tuple[str, ...], expected: str) -> None:
    """A page that was taken and given back, or opened again, waits from then on."""
    told = Told()
    told.page("triggered", "11:00:00")
    for minute, step in zip(("11:02:00", "11:38:00"), between, strict=False):
        told.page(step, minute, actor="Ana")
    taken = told.page("acknowledged", "11:44:00", actor="Oz")
    [row] = [row for block in section(told, "timeline").blocks if isinstance(block, Timeline) for row in block.rows
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
    told = Told()
    told.page("triggered", "11:00:00", source=source, data={"assignees": ["Ana", "Bo"], **data})
    told.page("acknowledged", "11:01:00", source=source, data=data, actor="Ana")
    told.page("resolved", "11:20:00", source=source, data=data)
    verb = "paged" if called.startswith("PagerDuty") else "called"
    assert said(told, "summary")[0] == f'At 11:00:00 {called} {verb} Ana and Bo for checkout: "Page 311"'
    assert f"Ana acknowledged {called} at 11:01:00, 1 min after the page" in said(told, "detection")
    assert not re.search(r"\bPage (?:was|acknowledged|paged)", told.markdown())
    assert f"{called[:1].upper()}{called[1:]} was resolved" in told.markdown().replace("`", "")


def test_a_page_opened_by_hand_reads_as_a_sentence() -> None:
    """Who opened it stands before whom it called."""
    told = Told()
    told.page("triggered", "11:00:00", actor="Ana", data={"assignees": ["Bo"]})
    assert said(told, "summary")[0] == (
        'At 11:00:00 PagerDuty incident 311, opened by Ana, paged Bo for checkout: "Page 311"'
    )


def _with_warnings(first: str, last: str) -> Told:
    """A critical alert from 10:00 to 10:20, a report, a deploy and a rollback, and a warning as told."""
    told = Told()
    told.says("report.received", "09:58:00", "slow", by=None, service="web")
    told.deploys("web", "09:00:00", "09:50:00", "v2")
    told.ends(told.fires("High", "10:00:00", "web"), "10:20:00")
    told.ends(told.fires("Low", first, "web", severity="warning"), last)
    told.deploys("web", "10:10:00", "10:15:00", "v1", rollback=True)
    return told


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
    for wanted in called:
        assert wanted in text
        if not wanted.endswith("warning"):
            assert f"{wanted} above" not in text
        else:
            assert not re.search(f"{wanted.removesuffix(' above warning')}(?! above)", text)


def test_the_alert_that_outlived_the_others_does_not_pass_over_a_warning() -> None:
    """ "All others" are those above warning, where a warning went on."""
    told = many_changes()
    told.fires("Low", "12:00:00", "web", severity="warning")
    assert cells(told, "measures")[2].endswith("ended 23 min after all others above warning")


HALF = "how could we have noticed this in half the time?"


def test_one_alert_that_ended_long_after_all_others_has_an_alternative_and_a_question() -> None:
    """The time to mitigate is also told without it, and a person is asked."""
    told = many_changes()
    assert cells(told, "measures")[2].endswith("; 8 min without High5xx on api, which ended 23 min after all others")
    assert prompts(told, "detection") == ["when was it mitigated?", HALF]


def test_a_flapping_alert_is_no_outlier_of_itself() -> None:
    """The last firing of one alert is not called another alert."""
    told = Told()
    for start, end in (("10:00:00", "10:02:00"), ("10:10:00", "10:30:00")):
        told.ends(told.fires("X", start, "web"), end)
    assert not any("without" in text for text in cells(told, "measures"))
    assert prompts(told, "detection") == [HALF]


def test_profiles_state_the_same_incident_in_a_vendor_s_terms() -> None:
    """The terms change with the profile; what detected it does not."""
    assert cells(example(), "measures", profile="pagerduty")[0].startswith("Time to first ack | 1 min 30 s | paged 14:")
    assert said(example(), "detection", profile="rootly") == said(example(), "detection")


def test_a_lost_end_is_asked_for() -> None:
    """Where an alert has no recorded end, a person is asked when it was mitigated."""
    told = Told()
    told.fires("X", "10:00:00", "web")
    told.page("resolved", "10:20:00")
    assert prompts(told, "detection") == ["when was it mitigated?", HALF]


def test_an_alert_that_outlived_the_opening_ones_is_not_passed_over() -> None:
    """Where a low alert ended later, the end that counts is not called the last alert's."""
    told = Told()
    told.deploys("web", "09:58:00", "09:59:00", "v2")
    fired, low = told.fires("X", "10:00:00", "web"), told.fires("Low", "10:01:00", "web", severity="warning")
    told.deploys("web", "10:04:00", "10:05:00", "v1", rollback=True)
    told.ends(fired, "10:06:00")
    assert cells(told, "measures")[2].endswith("mitigated 10:06:00 | derived: the last alert above warning ended")
    told.ends(low, "10:07:00")
    assert cells(told, "measures")[2].endswith("mitigated 10:06:00 | derived: the last alert above warning ended")
    assert "and the last alert above warning ended 1 min later" in said(told, "root_causes")[-1]


def test_a_series_that_outlived_the_others_is_called_one_series() -> None:
    """The alternative is told without one series, not without the whole alert."""
    told = Told()
    for pod, end in (("a", "10:05:00"), ("b", "10:30:00")):
        told.ends(told.fires("X", "10:00:00", "web", series=pod), end)
    assert "; 5 min without one series of X on web, which ended 25 min after" in cells(told, "measures")[2]


def test_a_page_that_names_its_alert_says_nothing_of_its_own_service() -> None:
    """A page under a team's service, tied to its alert by the alert group, is not a service without an alert."""
    told = Told()
    told.fires("X", "10:00:00", "web", refs=("alertgroup:1",))
    told.page("triggered", "10:01:00", service="Platform")
    assert any(text.startswith("No alert of Platform") for text in said(told, "detection"))
    told = told.changed(lambda event: msgspec.structs.replace(event, refs=("alertgroup:1",)))
    assert not any(text.startswith("No alert of Platform") for text in said(told, "detection"))


def test_a_time_in_an_hour_that_repeats_has_its_offset() -> None:
    """In the hour that comes twice, a time of day alone would name two instants: both carry their offset."""
    before = 1_792_888_200 * SECOND  # 2026-10-25T00:30:00Z, 02:30 in Berlin; an hour later it is 02:30 again
    assert phrases.at(before, "Europe/Berlin", before).text == "02:30:00 +02:00"
    assert phrases.at(before + HOUR, "Europe/Berlin", before).text == "02:30:00 +01:00"
    assert phrases.minute(before + HOUR, "Europe/Berlin", before).text == "02:30 +01:00"
    assert phrases.at(before - 2 * HOUR, "Europe/Berlin", before).text == "00:30:00"


# --- root causes ------------------------------------------------------------------------------------------------


def test_a_candidate_has_its_lag_its_tie_and_both_sides() -> None:
    """A reverted deploy speaks for itself: what ended after the rollback, and nothing against."""
    candidate = claims(example(), "root_causes")[-1]
    assert plain(candidate.parts) == (
        'Deploy "v42" of checkout to production, finished at 14:00:10, 2 min before the first alert. '
        "It speaks for it that it was rolled back at 14:20:10 and the last alert ended 3 min later, and that it is of "
        "checkout, which was hit. Nothing recorded speaks against it"
    )
    assert [each[-5:] for each in candidate.cites[:2]] == ["41fc0", "7f21d"]


def test_candidates_are_five_at_most_the_likeliest_first() -> None:
    """Five changes are named, the others counted."""
    told = said(many_changes(), "root_causes")[2:]
    assert [text.split(" of web")[0] for text in told[:2]] == ['Deploy "v1.9"', 'Deploy "slow one"']
    assert len(told) == 6
    assert told[5] == "1 more change was recorded, up to 9 min before the first alert"


def test_what_speaks_against_a_candidate_is_told() -> None:
    """A symptom before it, its failure, alerts that went on after the rollback."""
    against = said(going_on(), "root_causes")[-1].partition("It speaks against it that ")[2]
    assert against == (
        "the first symptom came 30 min before it began, that it failed, and that alerts went on with no end recorded "
        "after the rollback"
    )


def test_alerts_that_went_on_after_a_rollback_speak_against_the_change() -> None:
    """That it was rolled back is told, and that alerts ended only long after."""
    told = Told()
    told.deploys("web", "09:50:00", "09:55:00", "v7")
    alert = told.fires("X", "10:00:00", "web")
    told.deploys("web", "10:05:00", "10:06:00", "v6", rollback=True)
    told.ends(alert, "10:36:00")
    assert said(told, "root_causes")[-1].endswith(
        "It speaks against it that alerts went on for 30 min after the rollback"
    )
    assert next(e.id for e in told.events if e.type == "change.rolled_back") in claims(told, "root_causes")[-1].cites


def _deployed(told: Told, title: str, start: str, **more: Any) -> None:
    told.deploys("web", f"{start}:00", f"{start}:30", title, **more)


def test_a_commit_that_is_deployed_again_takes_the_one_between_back() -> None:
    """Teams roll back by deploying what was there before: shown by service, environment and commit, and said so."""
    told = Told()
    _deployed(told, "v1", "08:00")
    _deployed(told, "v2", "10:00")
    told.ends(told.fires("X", "10:05:00", "web"), "10:22:00")
    _deployed(told, "v1", "10:20")
    candidates = said(told, "root_causes")
    again = "the commit deployed before it was deployed again at 10:20:30 and the last alert ended 1 min 30 s later"
    [newer] = [text for text in candidates if '"v2"' in text]
    assert f"It speaks for it that {again}" in newer
    [older] = [text for text in candidates if text.startswith('Deploy "v1"')]
    assert "It speaks against it that another commit was deployed over it 4 min 30 s before the first alert" in older
    assert "rolled back" not in told.markdown()


@pytest.mark.parametrize(
    "again",
    [
        pytest.param({"environment": "staging"}, id="elsewhere"),
        pytest.param({"failed": True}, id="failed"),
        pytest.param({"data": {"sha": ""}}, id="no commit"),
        pytest.param({"data": {"sha": "another"}}, id="another commit"),
    ],
)
def test_what_does_not_show_that_a_commit_came_back_says_nothing_of_it(again: dict[str, Any]) -> None:
    """Unknown equals nothing: another environment, a failure, no commit or another one take nothing back."""
    told = Told()
    _deployed(told, "v1", "08:00")
    _deployed(told, "v2", "10:00")
    told.ends(told.fires("X", "10:05:00", "web"), "10:22:00")
    _deployed(told, "v1", "10:20", **again)
    assert "deployed again" not in told.markdown()


def test_a_rollback_under_way_when_the_last_alert_ended_is_told_so() -> None:
    """It began before the end and finished after it: it is neither denied nor said to have begun later."""
    told = Told()
    _deployed(told, "v1", "08:00")
    _deployed(told, "v2", "10:00")
    told.ends(told.fires("X", "10:05:00", "web"), "10:21:00")
    told.deploys("web", "10:20:00", "10:24:00", "v1", rollback=True)
    [newer] = [text for text in said(told, "root_causes") if '"v2"' in text]
    assert "It speaks against it that all alerts had ended before the rollback was finished" in newer
    [action] = said(told, "resolution")
    assert action == (
        'Between 10:05:00 and 10:21:00 one change of web was recorded: rollback "v1" at 10:20:00 '
        "(begun then and finished 3 min after the end)"
    )


def test_another_service_speaks_against() -> None:
    """A change of another service than the first alert's says whose alert it was."""
    told = Told()
    told.deploys("search", "09:50:00", "09:55:00", "v7")
    told.fires("X", "10:00:00", "web")
    assert said(told, "root_causes")[-1].endswith("It speaks against it that the first alert was on web")


def test_a_person_s_cause_fills_the_template_s_line() -> None:
    """A stated cause stands behind its label, in quotes and with its author; the other label stays empty."""
    assert said(reported_first(), "root_causes")[:2] == [
        'Primary Cause: "expired certificate", as stated by Ana', "Contributing Factors:",
    ]  # fmt: skip
    assert prompts(reported_first(), "root_causes") == ["what made it possible, worse or longer?"]
    assert prompts(example(), "root_causes")[0] == "what broke, and why could it?"


# --- diagnostics, resolution, lessons ---------------------------------------------------------------------------


def test_diagnostics_quote_notes_and_have_each_runbook_and_query_once() -> None:
    """Notes are quotes with their time, runbooks links out of URL fields, queries code."""
    told = example()
    told.fires("Other", "14:05:00", "cart", query="up == 0")
    items = claims(told, "diagnostics")
    assert plain(items[0].parts) == 'Note by Ana, 14:12:00: "Pool exhausted."'
    assert [part for item in items for part in item.parts if isinstance(part, Link | Code)] == [
        Link("Runbook", "https://runbooks.example/errors"), Code("ratio > 0.05"), Code("up == 0"),
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
            "the last alert ended 4 min later"
        )
    ]
    assert said(many_changes(), "resolution")[0] == (
        'At 12:15:00 the flag "new-cache" of web was set to off by bo; the alert High5xx on web ended 2 min later'
    )


def test_an_action_after_which_more_was_done_says_so() -> None:
    """An end that came only after the next action is not left to stand as if the first had brought it."""
    told = Told()
    fired = told.fires("X", "10:00:00", "web")
    told.deploys("web", "10:04:00", "10:05:00", rollback=True)
    restart = told.add("observation.recorded", "10:20:00", actor="Eli", data={"type": "com.acme.db.restarted"})
    end = told.ends(fired, "10:22:00")
    first, second = claims(told, "resolution")[:2]
    assert plain(first.parts) == (
        "At 10:05:00 the rollback of web finished; the last alert ended 17 min later, after the next action"
    )
    assert {restart.id, end.id} <= set(first.cites)
    assert plain(second.parts) == "At 10:20:00 Db restarted by Eli; the last alert ended 2 min later"


def test_a_deploy_under_way_at_the_detection_was_no_answer_to_it() -> None:
    """What began before the detection is a candidate, not an action."""
    assert not any("slow one" in text for text in said(many_changes(), "resolution"))


def test_pull_requests_are_linked_under_the_template_s_words() -> None:
    """The template's line on links holds the links of the changes."""
    links = claims(many_changes(), "resolution")[-1]
    assert plain(links.parts) == "Links to pull requests or relevant changes: PR #9"
    assert Link("PR #9", "https://code.example/acme/web/pull/9") in links.parts


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
    assert said(page_alone(), "lessons")[0] == "Observed: 1 page was resolved without an acknowledgement"


def test_lessons_are_five_at_most() -> None:
    """However much there is to say, at most five numbers are told."""
    assert all(len(claims(build(), "lessons")) <= 8 for build in (storm, going_on, many_changes, switched_off))


# --- actions and appendix ---------------------------------------------------------------------------------------


def test_actions_have_owner_due_date_and_state() -> None:
    """An open action is plain, a done one says so; what is no date stays out of the date column."""
    [actions] = section(reported_first(), "actions").blocks
    assert isinstance(actions, Actions)
    shown = [(plain(row.action), plain(row.owner), row.due) for row in actions.rows]
    assert shown == [("Watch certificates", "Ana", "2026-03-11"), ("Write it down (done)", "", "")]


def test_nearby_events_stand_with_their_reason() -> None:
    """What was not joined is named with why; what reads alike is one line; beyond twenty they are counted."""
    near = "At the same time, judged unrelated: "
    assert said(example(), "appendix")[0] == f"{near}the alert DiskFilling on search (warning): other service"
    told = example()
    for n in range(22):
        told.nearby("other service", "note.added", f"14:{n:02d}:00", title=f"note {n}")
    told.nearby("other service", "alert.firing", "14:01:00", title="DiskFilling", service="search", severity="warning")
    assert f"{near}the alert DiskFilling on search (warning) (2 events): other service" in said(told, "appendix")
    assert "At the same time, not joined: 3 more events" in said(told, "appendix")


def test_what_nothing_places_stands_with_the_command_that_joins_it() -> None:
    """It is not called unrelated, since nobody knows that."""
    told = example()
    near = told.nearby("no service and no reference", "note.added", "14:09:00", title="restarted it")
    (text,) = [text for text in said(told, "appendix") if "restarted it" in text]
    assert text == (
        'At the same time, not known to belong: note "restarted it": no service and no reference; '
        f"if it does: timelined join N {near.id}"
    )


def test_refused_deliveries_are_counted_by_reason() -> None:
    """What never got in is named with how many and why."""
    told = corrected()
    refused = [told.add("source.refused", "12:03:00", source="timelined",
                        data={"of": "github", "status": 401, "reason": "no signature", "count": n})
               for n in (1, 11)]  # fmt: skip
    told.events = told.events[:2]
    told.context["collector"] = tuple(refused)
    assert said(told, "appendix")[-1] == (
        'Not visible here: 12 deliveries to github were refused with 401: "no signature"'
    )


def test_grouping_is_told_by_rule() -> None:
    """One line a rule, with the first reason and how many events it joined."""
    assert "Grouping: same service checkout, 2 events" in said(example(), "appendix")


def test_what_is_not_visible_is_named() -> None:
    """What a sender left out, when the collector was down, what nobody understood; silences are never told."""
    assert said(corrected(), "appendix") == [
        "Not visible here: alerts that were silenced or inhibited, of which webhooks do not tell.",
        "Not visible here: Alertmanager left out 3 items at 12:01:00",
        "Not visible here: the collector was down from 11:00:00 to 11:20:00",
        'Not visible here: 1 delivery from PagerDuty was not understood, such as "new kind"',
    ]


def test_deliveries_not_understood_are_a_count_with_examples() -> None:
    """Thousands of them neither fill the draft nor its evidence: three are cited."""
    told = corrected()
    unread = [told.add("source.unrecognised", "12:03:00", source="pagerduty", data={"kind": "thing.changed"})
              for n in range(300)]  # fmt: skip
    told.events = told.events[:2]
    told.context["collector"] = tuple(unread)
    claim = claims(told, "appendix")[-1]
    assert plain(claim.parts) == (
        'Not visible here: 300 deliveries from PagerDuty were not understood, such as "thing.changed"'
    )
    assert len(claim.cites) == 3


def test_a_collector_that_was_killed_was_down_since_its_last_delivery_at_most() -> None:
    """Without a recorded stop nobody knows when it went down."""
    told = corrected()
    start = told.add("collector.started", "11:20:00", source="timelined",
                     data={"previous_stop": "none", "last_received_at": at("11:05:00")})  # fmt: skip
    told.events = told.events[:2]
    told.context["collector"] = (start,)
    assert said(told, "appendix")[-1] == (
        "Not visible here: the collector was down at some time between its last delivery at 11:05:00 and its start at "
        "11:20:00"
    )


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
    assert f"Not visible here: the log was found to have lost {what} at 11:20:00" in said(told, "appendix")


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
    assert "1 event came without a zone; UTC was assumed" in said(told, "appendix")


# --- grammar ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pods", "expected"),
    [
        (1, "Alert X fired on web (critical)"),
        (3, "Alert X fired on web (critical), 3 series (pod pod-0, pod-1 and pod-2)"),
    ],
)
def test_one_series_is_not_counted(pods: int, expected: str) -> None:
    """One of a thing is told without a number; several with the label that tells them apart."""
    told = Told()
    for n in range(pods):
        told.fires("X", at("10:00:00"), "web", series=f"pod-{n}")
    table = section(told, "timeline").blocks[1]
    assert [plain(row.parts) for row in table.rows] == [expected]  # type: ignore[union-attr]


def test_one_and_many_in_the_lessons() -> None:
    """One alert links, two link; one event was, two were."""
    told = Told()
    told.fires("A", "10:00:00", "web", late=6 * 60_000_000)
    assert said(told, "lessons")[:2] == [
        "Observed: the alert A links no runbook", "Observed: 1 event was received 6 min late",
    ]  # fmt: skip
    told.fires("B", "10:01:00", "web", late=9 * 60_000_000)
    assert said(told, "lessons")[:2] == [
        "Observed: the alerts A and B link no runbook", "Observed: 2 events were received up to 9 min late",
    ]  # fmt: skip


def test_a_stop_on_record_says_nothing_of_a_later_kill() -> None:
    """Each start is told by its own stop: one that is missing is not an older one that was recorded."""
    told = corrected()
    kill = {"previous_stop": "missing", "last_received_at": at("11:30:00")}
    start = told.add("collector.started", "11:45:00", source="timelined", data=kill)
    told.events.remove(start)
    told.context["collector"] = (*told.context["collector"], start)
    stopped, killed = (line for line in said(told, "appendix") if "the collector was down" in line)
    assert "from 11:00:00 to 11:20:00" in stopped
    assert "at some time between its last delivery at 11:30:00 and its start at 11:45:00" in killed


def test_a_page_before_its_own_alert_shows_that_clocks_differ() -> None:
    """An alert leads to its page: where the page's time is earlier, the draft says by how much at least."""
    told = Told()
    told.page("triggered", "14:01:30", refs=("alert:HighErrorRate/checkout/",))
    told.fires("HighErrorRate", "14:02:10", "checkout")
    lines = [line for line in said(told, "appendix") if "clocks" in line]
    assert len(lines) == 1
    assert "came 40 s before the alert HighErrorRate that it names" in lines[0]
    assert not [line for line in said(example(), "appendix") if "clocks" in line]


# --- what readers stumbled over ---------------------------------------------------------------------------------


def test_an_update_is_quoted_by_what_was_written_and_not_by_its_page() -> None:
    """What subscribers read stands in the impact as in the timeline; the page's title is not it."""
    told = Told()
    told.fires("X", "10:00:00", "web")
    told.page("triggered", "10:01:00", title="X on web")
    told.page("update_sent", "10:05:00", title="X on web", data={"text": "It works again."})
    assert 'Update to subscribers, 10:05:00: "It works again."' in said(told, "impact")


def test_an_unknown_measure_shows_no_clock_that_reads_as_a_length() -> None:
    """Beside an unknown value 00:07:10 would be seven minutes to a program, and to a reader in a hurry."""
    told = Told()
    told.fires("X", "00:07:10", "web")
    detect = cells(told, "measures")[0]
    assert "detected at 00:07 |" in detect
    assert "00:07:10" not in detect


def test_an_observation_before_the_first_alert_is_a_basis_for_the_time_to_detect() -> None:
    """What a machine saw first, and the likeliest change, the later first; what a person did is no symptom."""
    told = Told()
    told.deploys("web", "09:40:00", "09:50:00", "v1")
    told.add("observation.recorded", "09:55:00", title="cache off", actor="Ana", service="web")
    told.add("observation.recorded", "09:58:10", title="Packet loss 38%", service="web")
    told.fires("X", "10:00:00", "web")
    assert cells(told, "measures")[0].endswith(
        'detected at 10:00 | 1 min 50 s if the impact began with "Packet loss 38%" at 09:58:10; '
        "10 min if it began when the deploy finished at 09:50:00"
    )


@pytest.mark.parametrize(
    ("reason", "service", "judged"),
    [
        ("other service", "search", True),
        ("other service", "Web (production)", False),
        ("other service", None, False),
        ("other environment", "web", True),
        ("it belongs to another incident", "web", True),
        ("started 9 min after the incident", "search", False),
        ("no service and no reference", None, False),
    ],
)
def test_only_what_is_shown_to_be_of_something_else_is_judged_unrelated(
    reason: str, service: str | None, judged: bool
) -> None:
    """A name that is the incident's own by another spelling, or a distance in time, shows nothing."""
    told = Told()
    told.fires("X", "10:00:00", "web")
    told.nearby(reason, "change.succeeded", "09:50:00", service=service, title="v1")
    [line] = [text for text in said(told, "appendix") if text.startswith("At the same time, ")]
    assert line.startswith("At the same time, judged unrelated: ") is judged
    assert ("timelined join N " in line) is not judged


def test_the_impact_is_at_least_as_long_as_since_the_first_report() -> None:
    """Whoever reports it is hit already: the first alert is not where the impact began."""
    told = Told()
    told.add("report.received", "09:50:00", title="Cannot pay", service="web", actor="Mia")
    told.ends(told.fires("X", "10:00:00", "web"), "10:12:00")
    assert any(text.startswith("Duration of the impact: at least 22 min, from the first report to the end of the last "
                               "alert") for text in said(told, "impact"))  # fmt: skip


def test_the_summary_says_who_declared_it_resolved() -> None:
    """Where a person's word ended it while an alert fires on, a reader who was not there must not miss that."""
    told = Told()
    told.fires("X", "10:00:00", "web")
    told.says("incident.resolved", "10:19:00")
    assert said(told, "summary")[-1] == "Ana declared it resolved at 10:19:00"


def test_a_flag_is_called_by_its_key_where_its_sender_gives_no_text() -> None:
    """A type in place of a title says nothing; what was set is named in the data."""
    told = Told()
    for when, state in (("09:58:00", "on"), ("10:10:00", "off")):
        told.add("change.flag_toggled", when, service="web", title="com.acme.flag.toggled", entity="flags@new-cart",
                 data={"type": "com.acme.flag.toggled", "state": state, "data": {"flag": "new-cart"}})  # fmt: skip
    told.ends(told.fires("X", "10:00:00", "web"), "10:12:00")
    text = told.markdown()
    assert 'the flag "new-cart" of web' in text
    assert "it was set back at 10:10:00" in text
    assert "com.acme" not in text


def test_an_unread_delivery_is_not_called_by_its_source() -> None:
    """``such as "alertmanager"`` says nothing; the reason does."""
    told = Told()
    told.fires("X", "10:00:00", "web")
    told.add("source.unrecognised", "10:01:00", source="alertmanager",
             data={"kind": "alertmanager", "reason": "no alerts in it"})  # fmt: skip
    assert any('such as "no alerts in it"' in text for text in said(told, "appendix"))


def test_without_a_recorded_action_a_person_is_asked_for_it() -> None:
    """The template's line on restoring service is answered by an action or asked for."""
    told = Told()
    told.ends(told.fires("X", "10:00:00", "web"), "10:12:00")
    asked = "what was done to restore service, when and by whom?"
    assert asked in prompts(told, "resolution")
    assert asked not in prompts(example(), "resolution")


@pytest.mark.parametrize("kind", ["source.refused", "source.unrecognised"])
def test_a_source_that_was_turned_away_is_not_said_to_report_nothing(kind: str) -> None:
    """Where deliveries of a deploy system were refused or not understood, there is one; its changes may be missing."""
    told = Told()
    told.fires("X", "10:00:00", "web")
    assert "No deploy system reports to timelined." in told.markdown()
    refused = told.add(kind, "10:03:00", source="github" if kind.endswith("ised") else "timelined",
                       data={"of": "github", "status": 401, "reason": "no signature", "count": 12})  # fmt: skip
    told.events.remove(refused)
    told.context["collector"] = (refused,)
    assert "No deploy system reports to timelined." not in told.markdown()
    assert told.markdown().count("Deliveries from GitHub were refused") == 1
    claim = section(told, "root_causes").blocks[-1]
    assert isinstance(claim, Claim)
    assert plain(claim.parts).endswith("were refused or not understood, so changes may be missing")
    assert claim.cites == (refused.id,)
