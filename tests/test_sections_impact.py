"""What the section on impact says, and what it quotes."""

from __future__ import annotations

import msgspec
import pytest

from renderers import facts
from renderers.plain_text import plain
from tests.histories import Facts, at, example, report_alone, reported_first, storm, switched_off
from tests.sections import claims, prompts, said


def test_impact_quotes_ten_alerts_and_counts_the_others() -> None:
    """Services and environment once, then what ten alerts said; that others spoke is told."""
    texts = said(storm(), "impact")
    assert texts[0].startswith("Alerts fired on service-0, service-1, service-10")
    assert texts[0].endswith("54 more services in production")
    assert sum(text.startswith("Alert") and ': "' in text for text in texts) == 10
    assert texts[-1] == "50 more alerts say what they found"


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
    story = Facts()
    for minute, text in enumerate(texts):
        story.fires("X", f"10:0{minute}:00", "web", series=f"pod-{minute}", description=text)
    assert expected in said(story, "impact")


def test_a_person_s_impact_comes_first_and_answers_the_prompt() -> None:
    """The stated impact is shown whole, cites the edit, and only the rest is asked."""
    story = example()
    text = "Some 400 customers could not pay. " * 20
    edit = story.edits("impact", text.strip())
    first = claims(story, "impact")[0]
    assert plain(first.parts) == text.strip()
    assert first.cites == (edit.id,)
    assert prompts(story, "impact") == ["which SLA or SLO was missed, and what did it cost?"]
    assert prompts(example(), "impact")[0] == "who could not do what, and how many were they?"


def test_severity_set_by_a_person_replaces_the_page_s_priority() -> None:
    """The newest word of a person on the severity is the one shown."""
    story = switched_off()
    assert "The priority was P2" in said(story, "impact")
    story.edits("severity", "SEV1")
    assert "Severity SEV1, set by Ana" in said(story, "impact")
    assert not any("priority" in text for text in said(story, "impact"))


def test_priorities_are_told_in_order_with_their_times() -> None:
    """One that never changed has no time; else each has the time from which on it was so."""
    story = Facts()
    story.page("triggered", "11:00:00")
    story.page("priority_updated", "11:03:00", data={"priority": "P2"})
    assert "The priority was P2" in said(story, "impact")
    story.page("priority_updated", "11:45:00", data={"priority": "P1"})
    story.page("priority_updated", "12:05:00", data={"priority": ""})
    assert "The priority was P2 from 11:03:00, P1 from 11:45:00 and none from 12:05:00" in said(story, "impact")


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


def test_an_update_is_quoted_by_what_was_written_and_not_by_its_page() -> None:
    """What subscribers read stands in the impact as in the timeline; the page's title is not it."""
    story = Facts()
    story.fires("X", "10:00:00", "web")
    story.page("triggered", "10:01:00", title="X on web")
    story.page("update_sent", "10:05:00", title="X on web", data={"text": "It works again."})
    assert 'Update to subscribers, 10:05:00: "It works again."' in said(story, "impact")


def test_the_impact_is_at_least_as_long_as_since_the_first_report() -> None:
    """Whoever reports it is hit already: the first alert is not where the impact began."""
    story = Facts()
    story.add("report.received", "09:50:00", title="Cannot pay", service="web", actor="Mia")
    story.ends(story.fires("X", "10:00:00", "web"), "10:12:00")
    lasted = "Duration of the impact: at least 22 min, from the report to the end of the alert"
    assert any(text.startswith(lasted) for text in said(story, "impact"))


def test_one_alert_is_no_alerts() -> None:
    """One alert, also one that fired twice, one page and one report are told in the singular; several are not."""
    story = Facts()
    story.ends(story.fires("X", "10:00:00", "web"), "10:04:00")
    story.page("triggered", "10:01:00", service="cart")
    story.add("report.received", "10:02:00", service="blog", title="Blog is slow", source="support")
    lasted = "Duration of the impact: 4 min"
    assert said(story, "impact")[:4] == [
        "An alert fired on web in production",
        "A page was opened for cart",
        "A report named blog",
        f"{lasted}, from the start of the alert to its end; nobody has stated it yet, and the incident is not resolved",
    ]
    assert "The alert was firing for 4 min" in said(story, "summary")
    story.ends(story.fires("X", "10:06:00", "web"), "10:10:00")
    assert said(story, "impact")[0] == "An alert fired on web in production"
    assert "The alert was firing for 8 min, with 1 pause; from its first start to its last end it took 10 min" in said(
        story, "summary"
    )
    story.ends(story.fires("Y", "10:07:00", "web"), "10:09:00")
    assert said(story, "impact")[0] == "Alerts fired on web in production"


def test_each_page_has_a_priority_of_its_own() -> None:
    """What another page is given changes no page's priority; pages of one priority are told together."""
    story = Facts()
    story.page("triggered", "11:00:00", 1, data={"priority": "P2"})
    story.page("triggered", "11:01:00", 2, data={"priority": "P2"})
    assert "The priority was P2" in said(story, "impact")
    story.page("triggered", "11:02:00", 3, data={"priority": "P3"})
    story.page("priority_updated", "11:05:00", 3, data={"priority": "P1"})
    texts = said(story, "impact")
    assert "The priority of PagerDuty incident 1 and PagerDuty incident 2 was P2" in texts
    assert "The priority of PagerDuty incident 3 was P3 from 11:02:00 and P1 from 11:05:00" in texts


def test_how_many_alerts_have_no_end_is_told() -> None:
    """Series of one alert are one."""
    story = Facts()
    story.fires("X", "10:00:00", "web", series="a")
    story.fires("X", "10:00:00", "web", series="b")
    assert "Duration of the impact: not known, since an alert has no recorded end" in said(story, "impact")
    story.fires("Y", "10:00:00", "web")
    assert "Duration of the impact: not known, since 2 alerts have no recorded end" in said(story, "impact")


def test_a_check_called_like_its_service_is_told_from_that() -> None:
    """In the list of what followed, and where it is quoted."""
    story = Facts()
    story.fires("Slow", "10:00:00", "web")
    story.fires("web", "10:07:00", "web", description="Connection refused")
    assert 'Alert web: "Connection refused"' in said(story, "impact")
    assert said(story, "summary")[0].endswith("; the alert web followed 7 min later")


def test_that_alerts_fired_is_proven_by_two() -> None:
    """One event proves one alert; of one service the first alone was cited."""
    story = Facts()
    first = story.fires("Slow", "10:00:00", "web", series="a")
    assert claims(story, "impact")[0].cites == (first.id,)
    second = story.fires("Slow", "10:01:00", "web", series="b")
    story.fires("Slow", "10:02:00", "web", series="c")
    assert claims(story, "impact")[0].cites == (first.id, second.id)


def test_further_services_that_a_sender_names_are_told_as_named() -> None:
    """By whom, once each, and not where an alert proves it; what a maintenance names is not affected."""
    story = Facts()
    story.fires("X", "10:00:00", "cart")
    for step in ("triggered", "acknowledged"):
        story.page(step, "10:01:00", service="checkout", data={"further_services": ["Cart", "search", "pay"]})
    story.page("updated", "10:02:00", service="checkout", data={"further_services": ["Search", "", "geo"]})
    story.add("status.updated", "10:03:00", service="Maps", title="Slow", data={"further_services": ["Routes"]})
    story.add("status.updated", "10:04:00", service="Mail", title="Slow", data={"kind": "scheduled"})
    impact = said(story, "impact")
    assert "PagerDuty also named geo, pay and search as affected" in impact
    assert "The status page also named Maps and Routes as affected" in impact
    proof = {claim.cites for claim in claims(story, "impact") if "PagerDuty" in plain(claim.parts)}
    assert proof == {(story.events[1].id, story.events[3].id)}
    assert not any("Mail" in each for each in impact)


def test_services_that_are_named_where_nothing_else_is_known_of_any() -> None:
    """An issue of New Relic is about several entities, and of none more than of others."""
    story = Facts()
    story.fires("Slow", "10:00:00", None, source="newrelic", environment=None)
    issue = story.events[0]
    data = {**issue.data, "further_services": ["cart", "pay", "<no value>"]}
    story.events = [msgspec.structs.replace(issue, data=data)]
    assert "New Relic named cart and pay as affected" in said(story, "impact")


def test_what_a_sender_names_is_not_judged_unrelated() -> None:
    """A deploy of a service that is named as affected may well belong."""
    story = Facts()
    story.page("triggered", "10:01:00", service="checkout", data={"further_services": ["search"]})
    story.nearby("other service", "change.succeeded", "10:00:00", service="search", title="v3")
    story.nearby("other service", "change.succeeded", "10:00:30", service="geo", title="v7")
    history = story.history()
    assert [facts.unrelated(history, near) for near in history.context.nearby] == ["", "other service"]


@pytest.mark.parametrize(
    ("source", "data", "expected"),
    [
        ("incidentio", {}, "incident.io"), ("ours", {}, "ours"), ("mapped", {}, "mapped"),
        ("cloudevents", {"source": "/paging"}, "/paging"), ("cloudevents", {}, "cloudevents"),
    ],
)  # fmt: skip
def test_who_names_a_service_is_called_as_everywhere(source: str, data: dict[str, str], expected: str) -> None:
    """By its maker's name, by that of the source, or by what a carrier says that it comes from."""
    story = Facts()
    story.page("triggered", "10:01:00", service="checkout", source=source, data={"further_services": ["pay"], **data})
    assert f"{expected} also named pay as affected" in said(story, "impact")


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (("950 ms", "1.9 s", "800 ms"), '"950 ms" at 10:00:00 and "800 ms" at 10:02:00; it told 1 more text'),
        (("9e-05", "0.5", "2e-05"), '"9e-05" at 10:00:00, "0.5" at 10:01:00 and "2e-05" at 10:02:00'),
        (("1,204", "1.3e3", "12"), '"1,204" at 10:00:00, "1.3e3" at 10:01:00 and "12" at 10:02:00'),
        (("3e8f of 5", "7e2f of 4"), '"3e8f of 5" at 10:00:00 and "7e2f of 4" at 10:01:00'),
    ],
)
def test_the_largest_value_is_found_however_it_is_written_or_not_called_so(
    texts: tuple[str, ...], expected: str
) -> None:
    """Prometheus writes small numbers with an exponent; what another unit says is counted where it is not shown."""
    story = Facts()
    fired = story.fires("Slow", "10:00:00", "web", said=texts[0])
    for minute, text in enumerate(texts[1:], 1):
        story.add("alert.updated", f"10:0{minute}:00", source=fired.source, entity=fired.entity, title="Slow",
                  service="web", data={**fired.data, "summary": text})  # fmt: skip
    assert f"Slow on web: {expected}" in said(story, "impact")


def test_what_another_series_says_at_the_same_time_is_no_newer() -> None:
    """Of three at one time the largest is told alone."""
    story = Facts()
    for pod, share in enumerate((5, 90, 7)):
        story.fires("Errors", "10:00:00", "web", series=f"p{pod}", said=f"{share}% fail")
    [sentence] = [text for text in said(story, "impact") if text.startswith("Errors on web: ")]
    assert sentence == 'Errors on web: "90% fail"'


def test_how_often_an_error_was_counted_and_for_whom_is_told() -> None:
    """By the newest word on each issue; whom it hit is what a manager asks first."""
    story = Facts()
    alert = story.fires("PoolTimeout", "10:00:00", "checkout")
    for when, times, users in (("10:00:05", 3, 1), ("10:45:00", 4100, 212), ("10:50:00", 0, 0)):
        seen = {"seen_events": times, "seen_users": users, "seen_since": at("09:59:00"), "seen_until": at(when)}
        story.add("observation.recorded", when, entity="issue:8", source="sentry", service="checkout",
                  title="PoolTimeout: 2 s", data=seen if times else {})  # fmt: skip
    story.add("observation.recorded", "10:20:00", entity="issue:9", source="sentry", service="checkout", title="Retry",
              data={"seen_events": 1, "seen_since": at("10:19:00"), "seen_until": at("10:20:00")})  # fmt: skip
    story.ends(alert, "10:50:00")
    assert [line for line in said(story, "impact") if "counted" in line] == [
        'Between 09:59:00 and 10:45:00 Sentry counted "PoolTimeout: 2 s" 4,100 times, for 212 users',
        'Between 10:19:00 and 10:20:00 Sentry counted "Retry" 1 time',
    ]
