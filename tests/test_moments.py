"""The seven moments, what proves them, and the durations that may be told of them."""

from __future__ import annotations

import pytest

from collector.event import MINUTE, RecordedEvent
from renderers import moments, times, words
from renderers.history import Duration, History
from renderers.replay import replay
from tests.facts import at, fact, firing, mark, page, resolved, stated


def minutes(history: History, name: str) -> float | None:
    """When a moment was, in minutes after the start."""
    found = history.moments[name].at
    return None if found is None else (found - at(0)) / MINUTE


def told(duration: Duration) -> tuple[str, float | None]:
    """A duration's status and its length in minutes."""
    return duration.status, None if duration.micros is None else duration.micros / MINUTE


ORDINARY = [
    firing(1, "SlowCart", severity="warning"),
    firing(2),
    page("triggered", 2.5),
    page("acknowledged", 4),
    resolved(23, since=2),
    resolved(24, "SlowCart", since=1),
    page("resolved", 26),
]


def test_each_moment_of_an_ordinary_incident_is_observed_or_derived() -> None:
    """Symptom, detection, acknowledgement, mitigation and end each have their time, basis and event."""
    history = replay(ORDINARY)
    assert {name: (minutes(history, name), history.moments[name].known) for name in moments.NAMES} == {
        "impact_started": (None, "unknown"),
        "first_symptom": (1, "observed"),
        "detected": (2, "observed"),
        "acknowledged": (4, "observed"),
        "mitigated": (23, "derived"),
        "resolved": (26, "observed"),
        "recorded": (1 + 20 / 60, "observed"),
    }
    ids = {event.id for event in history.events}
    for moment in history.moments.values():
        assert bool(moment.cites) == (moment.at is not None)
        assert set(moment.cites) <= ids


def test_a_page_whose_clock_is_ahead_of_its_alert_did_not_detect_it() -> None:
    """It names the alert, so it came after it; a page that names none may have been first."""
    page_event = page("triggered", 1.5, refs=("alert:HighErrorRate",))
    assert minutes(replay([firing(2), page_event]), "detected") == 2
    assert minutes(replay([firing(2), page("triggered", 1.5)]), "detected") == 1.5
    assert minutes(replay([page_event]), "detected") == 1.5


def status(to: str, minutes: float, entity: str = "P311") -> RecordedEvent:
    """An on-call tool's page is set to a state."""
    return page("status_updated", minutes, entity, data={"to": to})


def post(kind: str, minutes: float) -> RecordedEvent:
    """A status page's incident is set to a state."""
    return fact("status.updated", minutes, "incident:s", data={"kind": kind})


def chat(state: str, minutes: float, entity: str = "chat#inc-7") -> RecordedEvent:
    """A tool for chats tells of the incident: ``incident mitigated``."""
    return fact("observation.recorded", minutes, entity, data={"called": f"incident {state}"})


@pytest.mark.parametrize(
    ("events", "at_minute", "certainty"),
    [
        ([status("Fixing", 10), status("Mitigated", 20)], 20, "stated"),
        ([status("monitoring", 15), status("mitigated", 18)], 18, "stated"),
        ([status("mitigated", 15), status("Monitoring", 18)], 15, "stated"),
        ([status("Monitoring", 15), status("Investigating", 16), status("Monitoring", 21)], 21, "derived"),
        ([status("mitigated", 15), status("fixing", 16)], 23, "derived"),
        ([status("mitigated", 15), firing(18, "New"), resolved(21, "New", since=18)], 23, "derived"),
        ([mark("mitigated", 15), firing(18, "New"), resolved(21, "New", since=18)], 15, "stated"),
        ([status("mitigated", 15), page("reopened", 16)], 23, "derived"),
        ([status("mitigated", 15), status("mitigated", 17, "P312")], 17, "stated"),
        ([status("mitigated", 15), status("fixing", 17, "P312")], 23, "derived"),
        ([status("Monitoring", 25)], 23, "derived"),
        ([post("investigating", 5), post("monitoring", 20)], 20, "derived"),
        ([post("monitoring", 12), status("monitoring", 20)], 20, "derived"),
        ([status("mitigated", 20), mark("mitigated", 19)], 19, "stated"),
        ([status("Watching", 20)], 23, "derived"),
        ([chat("declared", 12), chat("mitigated", 20), chat("resolved", 26)], 20, "stated"),
        ([chat("mitigated", 15), chat("reopened", 16)], 23, "derived"),
        ([chat("mitigated", 15), page("reopened", 16)], 23, "derived"),
        ([post("monitoring", 20), chat("mitigated", 21)], 20, "derived"),
    ],
)
def test_a_tool_may_say_when_it_was_mitigated(events: list[RecordedEvent], at_minute: float, certainty: str) -> None:
    """Its state says so, unless it went back; a person's word goes before, and that it is watched is the latest that it
    was mitigated."""
    history = replay([*ORDINARY, *events])
    moment = history.moments["mitigated"]
    assert (minutes(history, "mitigated"), moment.known) == (at_minute, certainty)
    assert moment.cites


def test_durations_count_from_what_is_known() -> None:
    """Without a start of the impact nothing is said of detection, and the rest counts from page and detection."""
    durations = replay(ORDINARY).durations
    assert told(durations["detect"]) == ("not applicable", None)
    assert durations["detect"].why == "when the impact began is not recorded"
    assert told(durations["acknowledge"]) == ("recorded", 1.5)
    assert (told(durations["mitigate"]), durations["mitigate"].start) == (("recorded", 21), "detected")
    assert (told(durations["resolve"]), durations["resolve"].start) == (("recorded", 24), "detected")
    assert durations["mitigate"].known == "derived"


def test_a_stated_moment_overrides_what_would_be_derived() -> None:
    """What a person states holds, is called so, and gives a start to count from."""
    history = replay([*ORDINARY, mark("impact_started", -3), mark("mitigated", 15), mark("detected", 1.5)])
    assert [minutes(history, name) for name in ("impact_started", "detected", "mitigated")] == [-3, 1.5, 15]
    assert history.moments["mitigated"].known == "stated"
    assert told(history.durations["detect"]) == ("recorded", 4.5)
    assert told(history.durations["mitigate"]) == ("recorded", 13.5)


def test_a_report_detects_but_does_not_date_the_impact() -> None:
    """That a customer reported it proves that it had begun, not when; time to detect is never zero for that."""
    history = replay([stated("incident.opened", 0, stated_at=1, title="Customers cannot pay"), firing(5)])
    assert (minutes(history, "detected"), minutes(history, "first_symptom")) == (0, 0)
    assert history.moments["detected"].basis == "first report"
    assert told(history.durations["detect"]) == ("not applicable", None)


def test_an_event_that_names_the_start_of_the_impact_proves_it() -> None:
    """A status post that says when it began is evidence; the earliest such event counts."""
    post = fact("status.updated", 10, "post", title="Since 13:50 …", data={"impact_started_at": at(-10)})
    history = replay([*ORDINARY, post])
    assert (minutes(history, "impact_started"), history.moments["impact_started"].known) == (-10, "observed")
    assert history.moments["impact_started"].cites == (post.id,)


def test_what_a_page_dates_itself_goes_before_when_it_was_said() -> None:
    """The start and the mitigation, by the newest word; give or take a minute it is when it was said."""
    set_to = page("status_updated", 20, data={"to": "mitigated", "mitigated_at": at(19.5)})
    history = replay([*ORDINARY, set_to])
    assert (minutes(history, "mitigated"), history.moments["mitigated"].cites) == (20, (set_to.id,))
    newer = page("updated", 30, data={"mitigated_at": at(12), "impact_started_at": at(-5)})
    history = replay([*ORDINARY, set_to, newer])
    assert (minutes(history, "mitigated"), minutes(history, "impact_started")) == (12, -5)
    assert history.moments["mitigated"].cites == (set_to.id, newer.id)
    assert history.moments["mitigated"].basis == "status dated mitigated"


def test_an_open_incident_is_pending_not_zero() -> None:
    """While an alert fires, its mitigation and its end have not come yet."""
    durations = replay([firing(2), page("triggered", 3)]).durations
    assert [durations[name].status for name in ("acknowledge", "mitigate", "resolve")] == ["pending"] * 3
    assert all(each.micros is None for each in durations.values())


def test_what_never_came_is_not_applicable_once_it_is_over() -> None:
    """A resolved incident that nobody acknowledged has no time to acknowledge."""
    durations = replay([firing(2), resolved(9, since=2)]).durations
    assert told(durations["acknowledge"]) == ("not applicable", None)
    assert durations["acknowledge"].why == "no page of this incident is recorded"


def test_inverted_ends_are_invalid() -> None:
    """An impact said to begin after it was detected gives no duration, and no negative one."""
    duration = replay([*ORDINARY, mark("impact_started", 3)]).durations["detect"]
    assert told(duration) == ("invalid", None)
    assert len(duration.cites) == 2


def test_a_straggling_alert_offers_an_alternative() -> None:
    """Where all other opening alerts had ended ten minutes before the last one, that time is offered beside it."""
    straggler = [*ORDINARY, firing(3, "QueueBacklog"), resolved(40, "QueueBacklog", since=3)]
    mitigated = replay(straggler).moments["mitigated"]
    assert (mitigated.at, mitigated.alternative) == (at(40), at(23))
    assert len(mitigated.alternative_cites) == 1
    assert replay(ORDINARY).moments["mitigated"].alternative is None


def test_flapping_is_no_straggler() -> None:
    """The earlier episodes of the last alert itself are not the others."""
    history = replay([firing(2), resolved(4, since=2), firing(30), resolved(40, since=30)])
    assert (history.moments["mitigated"].at, history.moments["mitigated"].alternative) == (at(40), None)


def test_a_lost_end_that_a_later_firing_covers_does_not_hold_things_open() -> None:
    """Only an alert that may still be firing keeps the mitigation pending."""
    history = replay([firing(2), firing(30), resolved(40, since=30)])
    assert minutes(history, "mitigated") == 40
    assert history.resolved


def test_pages_alone_are_symptom_and_detection() -> None:
    """Where the monitoring does not report here, the page is the first thing known."""
    history = replay([page("triggered", 2), page("resolved", 9)])
    assert (minutes(history, "first_symptom"), minutes(history, "detected")) == (2, 2)
    assert history.moments["mitigated"].known == "unknown"


def test_recorded_is_the_first_receipt() -> None:
    """When the log learnt of it, which may be long after it happened."""
    assert minutes(replay([firing(2, received=50), page("triggered", 3, received=44)]), "recorded") == 44


FULL = [
    *ORDINARY,
    mark("impact_started", -3),
    mark("impact_ended", 22),
    page("responder_added", 6),
    stated("incident.opened", 3, stated_at=3, title="Declared"),
    stated("incident.resolved", 30, stated_at=30),
]


@pytest.mark.parametrize(
    ("profile", "expected"),
    [
        ("pagerduty", {"acknowledge": 1.5, "mobilize": 3.5, "resolve": 23.5}),
        ("datadog", {"detect": 5, "repair": 20, "resolve": 27}),
        ("rootly", {"detect": 5, "acknowledge": 7, "mitigate": 26, "resolve": 33, "duration": 26}),
        (
            "timelined",
            {"detect": 5, "acknowledge": 1.5, "mitigate": 21, "resolve": 28},
        ),
    ],
)
def test_a_profile_restates_the_same_moments(profile: str, expected: dict[str, float]) -> None:
    """Each vendor counts between other ends: the page's own, the customers' impact, the declaration, the start."""
    restated = moments.restate(replay(FULL), profile)
    assert {each.name: (each.micros or 0) / MINUTE for each in restated} == expected
    assert all(each.term and each.status == "recorded" for each in restated)


@pytest.mark.parametrize("name", ["HighErrorRate", "SlowCart", "DiskFull", "Down"])
def test_an_alert_at_the_time_of_its_page_goes_first(name: str) -> None:
    """Not whichever has the lower id: the alert leads to the page, and a draft tells what fired first."""
    story = (firing(0, name), page("triggered", 0), resolved(10, name, since=0))
    detected = moments.moments(replay(story))["detected"]
    assert (detected.basis, detected.cites) == ("first alert", (story[0].id,))


def test_an_unknown_profile_is_refused() -> None:
    """The message names what there is."""
    with pytest.raises(ValueError, match="use one of timelined, pagerduty, datadog, rootly"):
        moments.restate(replay(FULL), "vendor")


@pytest.mark.parametrize(
    ("seconds", "words_"),
    [
        (0, "0 s"),
        (0.2, "less than 1 s"),
        (0.5, "1 s"),
        (59.4, "59 s"),
        (59.5, "1 min"),
        (90, "1 min 30 s"),
        (4_055, "1 h 7 min 35 s"),
        (3_605, "1 h 5 s"),
        (86_399.5, "1 d"),
        (90_061, "1 d 1 h 1 min"),
        (-90, "minus 1 min 30 s"),
    ],
)
def test_a_duration_reads_as_people_say_it(seconds: float, words_: str) -> None:
    """To the second below a day, to the minute above, without units of zero."""
    assert words.duration(round(seconds * 1_000_000)) == words_


def test_lists_and_counts_read_as_sentences() -> None:
    """``a, b, c and d``; ``1 alert``, ``3 series``."""
    assert [words.listed(list("abcd")[:n]) for n in range(5)] == ["", "a", "a and b", "a, b and c", "a, b, c and d"]
    assert [words.counted(1, "alert"), words.counted(1_200, "alert"), words.counted(3, "series", "series")] == [
        "1 alert",
        "1,200 alerts",
        "3 series",
    ]
    assert [words.lag(20_000_000), words.lag(-20_000_000)] == ["+20 s", "minus 20 s"]


def test_times_are_told_in_the_zone_asked_for() -> None:
    """The wall clock of the zone, on both sides of a change of the clocks, with the offset that tells them apart."""
    before, after = 1_792_886_400_000_000, 1_792_890_000_000_000  # 2026-10-25T00:00Z and 01:00Z
    assert times.minute(before, "Europe/Berlin") == times.minute(after, "Europe/Berlin") == "2026-10-25 02:00"
    assert times.offsets([after, before], "Europe/Berlin") == ("+02:00", "+01:00")
    assert times.clock(at(2.5), "Asia/Kolkata") == ("2026-03-04", "19:32:30")
    assert (times.offset(at(0), "America/New_York"), times.utc(at(0.5))) == ("-05:00", "2026-03-04T14:00:30.000000Z")


@pytest.mark.parametrize("zone", ["Mars/Olympus", "../etc/passwd", "", "/etc/localtime"])
def test_a_zone_that_does_not_exist_is_refused(zone: str) -> None:
    """The message says what to write instead."""
    with pytest.raises(ValueError, match="use an IANA name like Europe/Berlin"):
        times.day(at(0), zone)


def test_times_beyond_any_calendar_can_be_shown() -> None:
    """A sender's impossible time is shown as the nearest day there is, and stops no draft."""
    assert times.day(10**19, "Pacific/Kiritimati").startswith("9999-12-31")
    assert times.day(-(10**19), "America/Los_Angeles") == "0001-01-01"


def test_what_a_status_page_called_over_before_says_nothing_of_the_incident() -> None:
    """It was of an outage before; one that it opens again, or has not called over, is of this one."""
    before = [post("investigating", -20), post("monitoring", -15)]
    over = [*before, post("resolved", -14)]
    paged = [page("triggered", 0), page("resolved", 9)]
    assert replay([*over, *paged]).moments["mitigated"].at is None
    assert minutes(replay([*over, *paged, post("monitoring", 7)]), "mitigated") == -15
    assert minutes(replay([*before, *paged]), "mitigated") == -15
