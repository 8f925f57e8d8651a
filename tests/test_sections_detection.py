"""What the section on detection says: who or what noticed, what had warned, and what did not page."""

from __future__ import annotations

import msgspec
import pytest

from collector.event import MINUTE
from renderers.history import Nearby
from renderers.plain_text import plain
from tests.histories import Facts, example, going_on, reported_first
from tests.sections import cells, claims, rows, said


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


@pytest.mark.parametrize(
    ("firings", "called", "again"),
    [
        ({"a": 3, "b": 3}, "SlowCart (2 series, each fired 3 times)", "the alert SlowCart on cart fired again 2 times"),
        ({"a": 4, "b": 1}, "SlowCart (2 series, fired 5 times in all)",
         "one series of the alert SlowCart on cart fired again 3 times"),
        ({"a": 3}, "SlowCart (fired 3 times)", "the alert SlowCart on cart fired again 2 times"),
    ],
    ids=["alike", "one more often", "one series"],
)  # fmt: skip
def test_an_alert_fires_as_often_as_its_series_do(firings: dict[str, int], called: str, again: str) -> None:
    """Two series that fire together three times are an alert that fired three times, and not six."""
    story = Facts()
    for series, times in firings.items():
        for minute in range(0, 10 * times, 10):
            story.ends(story.fires("SlowCart", f"10:{minute:02d}:00", "cart", series=series), f"10:{minute + 5:02d}:00")
    assert cells(story, "alerts")[0].startswith(f"{called} | cart |")
    assert [text for text in said(story, "lessons") if "fired again" in text] == [f"Observed: {again}"]


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


@pytest.mark.parametrize(
    ("stated", "lag"), [("13:58:00", ", 4 min 10 s later"), ("14:02:10", ""), ("14:05:00", ", 2 min 50 s before that")]
)
def test_a_stated_detection_names_who_detected(stated: str, lag: str) -> None:
    """What a person says about the detection stands before what monitoring shows, and then no alert discovered it."""
    story = example()
    story.marks("detected", stated, "saw it in a demo", by="Bo", said="a customer")
    sentences = said(story, "detection")
    assert sentences[:2] == [
        f'Bo stated that it was detected at {stated} by a customer: "saw it in a demo"',
        f"The first alert about it came at 14:02:10{lag}: HighErrorRate (critical) on checkout",
    ]
    assert sentences[2].endswith("at 14:02:30, 20 s after that alert")


def test_a_warning_before_the_detection_is_told_with_its_lead() -> None:
    """An alert that opens nothing and had fired before is named once, with how long before the detection it did."""
    story = going_on()
    [warning] = [each for each in claims(story, "detection") if "DiskFilling" in plain(each.parts)]
    assert plain(warning.parts) == (
        "The first symptom was the alert DiskFilling on db (warning): it fired at 06:20:00, "
        "40 min before the incident was detected, "
        "and no page names it"
    )
    fired = next(each for each in story.events if each.title == "DiskFilling")
    detected = story.history().moments["detected"]
    assert warning.cites == (fired.id, *detected.cites)


@pytest.mark.parametrize(
    ("until", "ended"), [("09:50:00", "; it had ended at 09:50:00"), ("10:00:00", "; it had ended at 10:00:00"),
                         ("10:05:00", ""), (None, "")]
)  # fmt: skip
def test_a_warning_that_had_ended_by_then_says_so(until: str | None, ended: str) -> None:
    """Whether what had warned still fired when the incident was detected is told, with the end as its proof."""
    story = Facts()
    fired = story.fires("Low", "09:40:00", "web", severity="warning")
    over = [story.ends(fired, until)] if until else []
    critical = story.fires("High", "10:00:00", "web")
    [warning] = [each for each in claims(story, "detection") if "alert Low" in plain(each.parts)]
    lead = "The first symptom was the alert Low on web (warning): it fired at 09:40:00, "
    lead += "20 min before the incident was detected"
    assert plain(warning.parts) == lead + ended
    assert set(warning.cites) == {fired.id, critical.id, *(each.id for each in over if ended)}


def test_a_warning_is_a_basis_for_the_time_to_detect() -> None:
    """Whether the impact began with it nobody knows: what the time to detect would be is told beside unknown."""
    story = Facts()
    story.fires("Low", "09:40:00", "web", severity="warning")
    story.fires("High", "10:00:00", "web")
    assert cells(story, "measures")[0].startswith("Time to detect | unknown |")
    assert cells(story, "measures")[0].endswith("20 min if the impact began with the alert Low on web at 09:40:00")


@pytest.mark.parametrize("severity", ["critical", "page", "sev1", None])
def test_what_detected_it_is_no_warning_of_it(severity: str | None) -> None:
    """An alert that opens an incident detects it, and a low one that came with it or after it warned of nothing."""
    story = Facts()
    story.fires("High", "10:00:00", "web", severity=severity)
    story.fires("Low", "10:00:00", "web", severity="warning")
    story.fires("Lower", "10:03:00", "web", severity="info")
    discovered, unstated = said(story, "detection")
    assert discovered.startswith("Monitoring discovered it: the alert High")
    assert unstated.startswith("When the impact began is not recorded")


def test_an_alert_that_had_fired_for_days_is_told() -> None:
    """It is no part of the incident, and what warned of it all the same; where no end is known, none is said."""
    story = Facts()
    story.ends(story.fires("Down", "+3 10:00", "web"), "+3 11:00")
    fired = [story.fires(name, f"{day}:00", "web", severity="warning") for name, day in
             (("Expires", "08"), ("Filling", "07"), ("Old", "06"), ("Older", "05"))]  # fmt: skip
    fired.insert(1, story.fires("Throttled", "07:30", "web", severity="info"))
    end = story.ends(fired[0], "+3 10:30")
    story.events = story.events[:2]
    reason = "severity warning opens no incident"
    story.context["lasting"] = tuple(
        Nearby(event=each, reason=reason, end=end if each is fired[0] else None) for each in fired
    )
    lead = " on web (warning), which is no part of this incident, had"
    assert said(story, "detection")[1:5] == [
        f"The alert Expires{lead} been firing since 2026-03-04 08:00:00 and ended at 10:30:00",
        f"The alert Filling{lead} fired at 2026-03-04 07:00:00; no end of it is recorded",
        f"The alert Old{lead} fired at 2026-03-04 06:00:00; no end of it is recorded",
        "1 more alert of the same services that is no part of it had fired before",
    ]
    assert claims(story, "detection")[1].cites == (fired[0].id, end.id)
    listed = (
        "Since before it began, not known to belong: the alert Expires on web (warning): severity warning opens no "
    )
    assert said(story, "appendix")[0] == f"{listed}incident; if it does: timelined join N {fired[0].id}"


def test_an_alert_that_was_silenced_says_so() -> None:
    """An hour between an alert and its page is no slow pager's: nobody was to be called."""
    story = Facts()
    fired = story.fires("Down", "20:02:10", "orders")
    for when, kind in (("20:02:30", "silence_muted_alert"), ("20:40:00", "silence_muted_alert"), ("20:50:00", "x")):
        story.add("observation.recorded", when, source=fired.source, entity=fired.entity, title="Alert was silenced",
                  data={"type": f"alertmanager.{kind}", "text": "CHG-881"})  # fmt: skip
    story.page("triggered", "21:00:45", data={"assignees": ["Rob"]}, service="orders", title="Down")
    assert said(story, "detection")[1:3] == [
        "Rob was paged by PagerDuty incident 311 at 21:00:45, 58 min 35 s after that alert",
        'The alert Down on orders was silenced at 20:02:30: "CHG-881"',
    ]


def test_warnings_beyond_three_are_counted() -> None:
    """Each name on each service counts once, however often it fired."""
    story = Facts()
    for n in range(5):
        for minute in (10, 20):
            story.ends(story.fires(f"Low{n}", f"09:{minute + n}:00", "web", severity="warning"), f"09:{minute + n}:30")
    story.fires("High", "10:00:00", "web")
    texts = [text for text in said(story, "detection") if "before" in text]
    assert [text.startswith("The first symptom was") for text in texts] == [True, False, False, False]
    assert texts[-1] == "2 more alerts that opened no incident fired before it was detected"


def test_an_alert_that_led_to_no_page_is_told() -> None:
    """An alert that fired well before the page, and shares nothing with it, is named with its lead."""
    story = Facts()
    story.fires("First", "10:00:00", "web")
    story.fires("Second", "10:01:00", "web")
    story.page("triggered", "10:30:00", service="web")
    unpaged = "The alert Second on web (critical) fired at 10:01:00, 29 min before the page, and no page names it"
    assert unpaged in said(story, "detection")


def test_an_alert_that_shares_the_page_s_key_did_lead_to_it() -> None:
    """An alert whose group the page names is not said to have led to none, however much later the page came."""
    story = Facts()
    story.fires("Slow", "09:00:00", "web", refs=("alertgroup:" + "a" * 64,))
    story.page("triggered", "09:30:00", refs=("alertgroup:" + "a" * 64,))
    assert said(story, "detection")[:2] == [
        "Monitoring discovered it: the alert Slow (critical) on web, at 09:00:00",
        "PagerDuty incident 311 was opened at 09:30:00, 30 min after that alert",
    ]
    assert not any("no page" in text for text in said(story, "detection"))
    story.fires("Another", "09:00:00", "web", refs=("alertgroup:" + "b" * 64,))
    assert "30 min before the page, and no page names it" in said(story, "detection")[2]


def test_a_paged_service_without_an_alert_is_told() -> None:
    """The page proves that it was hit, the empty query that no alert fired; any spelling of it refutes that."""
    story = example()
    story.page("triggered", "14:05:00", 312, "Search API")
    silent = next(item for item in claims(story, "detection") if plain(item.parts).startswith("No alert of Search API"))
    assert plain(silent.parts) == (
        "No alert of Search API, which was paged for, was recorded between 12:02:10 and 14:24:00"
    )
    assert silent.none == "alert.firing service=Search API 12:02:10..14:24:00"
    assert silent.cites
    story.fires("Y", "14:06:00", "search-api")
    assert not any(text.startswith("No alert of Search API") for text in said(story, "detection"))


def test_a_service_whose_page_names_its_alert_by_its_title_is_not_called_silent() -> None:
    """The page was sent for that alert: the service that it calls is the team's, and not another one that was hit."""
    story = Facts()
    story.fires("SlowQueries", "10:00:00", "postgres")
    story.page("triggered", "10:02:00", 312, "database", title="SlowQueries: p99 above 2 s")
    assert "PagerDuty incident 312 was opened at 10:02:00, 2 min after that alert" in said(story, "detection")
    assert not any(text.startswith("No alert of database") for text in said(story, "detection"))
    story.page("triggered", "10:03:00", 312, "database", title="Fast")
    story.events = [event for event in story.events if "p99" not in (event.title or "")]
    assert any(text.startswith("No alert of database") for text in said(story, "detection"))


def test_every_service_without_an_alert_is_named() -> None:
    """However many were paged for or reported, each is named: what is left out would read as if an alert had fired."""
    story = example()
    for n in range(6):
        story.page("triggered", f"14:0{n}:30", 320 + n, f"paged-{n}")
        story.says("report.received", f"14:0{n}:40", "slow", by=None, service=f"reported-{n}")
    silent = [each for each in claims(story, "detection") if plain(each.parts).startswith("No alert of ")]
    texts = [plain(each.parts) for each in silent]
    assert [text.count("paged-") + text.count("reported-") for text in texts] == [6, 6]
    assert "paged-4 or paged-5, which were paged for, was recorded between" in texts[0]
    assert "reported-4 or reported-5, which were named by reports, was recorded between" in texts[1]
    assert [len(each.cites) for each in silent] == [6, 6]
    assert all(f"{kind}-{n}" in each.none for each, kind in zip(silent, ("paged", "reported"), strict=True)
               for n in range(6))  # fmt: skip


def test_what_the_window_has_more_of_is_counted() -> None:
    """Beside what is named, the number of what else began in the window."""
    told = example()
    told.context["unlisted"] = 1_280
    assert "At the same time, not joined: 1,280 more events" in said(told, "appendix")


def test_a_post_ahead_of_the_first_alert_is_told_before_it() -> None:
    """Monitoring did not discover what a status page had told of."""
    story = Facts()
    story.add("status.updated", "10:52:00", service="api", title="Errors on the API", source="statuspage")
    story.fires("Fails", "11:00:00", "api")
    found = said(story, "detection")
    assert found[0] == 'The status page said at 10:52:00, 8 min before the alert: "Errors on the API"'
    assert found[1] == "The alert Fails (critical) on api fired at 11:00:00"
    assert "Observed: the status page had a post 8 min before the alert fired" in said(story, "lessons")
    planned = msgspec.structs.replace(story.events[0], data={"kind": "in_progress"})
    assert said(story.changed(lambda event: planned if event.id == planned.id else event), "detection")[0].startswith(
        "Monitoring discovered it: the alert Fails"
    )
    for ahead in (-1, 31 * MINUTE):
        story.events[0] = msgspec.structs.replace(story.events[0], occurred_at=story.events[1].occurred_at - ahead)
        assert said(story, "detection")[0].startswith("Monitoring discovered it: the alert Fails")


def test_a_page_of_another_company_announces_and_ends_nothing() -> None:
    """It is told in the timeline, under that company's name, and is no word to our customers."""
    story = Facts()
    story.add("status.updated", "10:52:00", title="Errors at the edge", source="edge",
              data={"vendor": "Fastly", "kind": "investigating"})  # fmt: skip
    story.fires("Fails", "11:00:00", "api")
    story.add("status.updated", "11:20:00", title="A fix is in", source="edge",
              data={"vendor": "Fastly", "kind": "monitoring"})  # fmt: skip
    assert said(story, "detection")[0].startswith("Monitoring discovered it: the alert Fails")
    assert not [line for line in (*said(story, "impact"), *said(story, "lessons")) if "tatus page" in line]
    assert not [line for key in ("summary", "resolution") for line in said(story, key) if "monitoring" in line]
    assert [row for row in rows(story) if "Status page" in row] == [
        'Status page of Fastly (investigating): "Errors at the edge"',
        'Status page of Fastly (monitoring): "A fix is in"',
    ]


def test_what_a_status_page_called_over_discovers_nothing_later() -> None:
    """An outage twenty minutes before, or a maintenance that is planned, is told by the timeline alone."""
    story = Facts()
    posts = (("investigating", "09:40:00"), ("resolved", "09:50:00"))
    for kind, when in posts:
        story.add("status.updated", when, entity="incident:1", service="web", title=f"Web: {kind}", data={"kind": kind})
    story.page("triggered", "10:00:00", 5, "web")
    assert said(story, "detection")[0].startswith("It became known by a page")
    assert not [line for line in said(story, "impact") if "Status page" in line]
    assert len([row for row in rows(story) if "Status page" in row]) == 2
    story.add("status.updated", "09:45:00", entity="maintenance:7", service="web", title="Read-only tonight")
    assert said(story, "detection")[0].startswith("It became known by a page")
    story.add("status.updated", "10:05:00", entity="incident:1", service="web", title="Web: it is back", data={})
    assert "The status page said at 09:40:00" in said(story, "detection")[0]
