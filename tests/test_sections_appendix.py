"""Actions and the appendix: what is nearby, what was not understood, and what may be missing."""

from __future__ import annotations

import msgspec
import pytest

from renderers.document import Actions
from renderers.history import Nearby
from renderers.plain_text import plain
from tests.histories import Facts, at, corrected, example, reported_first
from tests.sections import claims, said, section


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
    story = example()
    for n in range(22):
        story.nearby("other service", "note.added", f"14:{n:02d}:00", title=f"note {n}")
    story.nearby("other service", "alert.firing", "14:01:00", title="DiskFilling", service="search", severity="warning")
    assert f"{near}the alert DiskFilling on search (warning) (2 events): other service" in said(story, "appendix")
    assert "At the same time, not joined: 3 more events" in said(story, "appendix")


def test_what_was_over_by_then_was_not_at_the_same_time() -> None:
    """What came before the incident or after it stands so; an alert of which no end is known may have fired on."""
    story = Facts()
    alert = story.fires("X", "10:00:00", "web")
    story.ends(alert, "10:10:00")
    for kind, when, title, more in (
        ("note.added", "09:50:00", "early", {}),
        ("note.added", "10:30:00", "late", {}),
        ("alert.firing", "09:40:00", "Other", {"entity": "o"}),
        ("alert.firing", "09:30:00", "X", {"entity": alert.entity, "source": alert.source}),
    ):
        story.nearby("it belongs to another incident", kind, when, title=title, **more)
    near = [text.partition(", judged unrelated: ") for text in said(story, "appendix") if "another incident" in text]
    assert [(when, what.partition(":")[0]) for when, _, what in near] == [
        ("Before it began", "the alert X"),
        ("At the same time", "the alert Other"),
        ("Before it began", 'note "early"'),
        ("After it ended", 'note "late"'),
    ]


def test_an_alert_that_had_ended_was_not_at_the_same_time() -> None:
    """Its end proves it, and is cited; one that ended while the incident lasted was there then."""
    story = Facts()
    story.ends(story.fires("X", "10:00:00", "web"), "10:10:00")
    for title, end in (("Over", "09:50:00"), ("Lasting", "10:05:00")):
        fired = story.fires(title, "09:40:00", "wiki")
        ended = story.ends(fired, end)
        story.events = story.events[:-2]
        story.near.append(Nearby(event=fired, reason="it belongs to another incident", end=ended))
    lines = [line for line in claims(story, "appendix") if "another incident" in plain(line.parts)]
    assert {plain(line.parts).partition(" (critical)")[0]: len(line.cites) for line in lines} == {
        "Before it began, judged unrelated: the alert Over on wiki": 2,
        "At the same time, judged unrelated: the alert Lasting on wiki": 1,
    }


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
    story = corrected()
    refused = [story.add("source.refused", "12:03:00", source="timelined",
                        data={"of": "github", "status": 401, "reason": "no signature", "count": n})
               for n in (1, 11)]  # fmt: skip
    story.events = story.events[:2]
    story.context["collector"] = tuple(refused)
    assert said(story, "appendix")[-1] == (
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
    story = corrected()
    unread = [story.add("source.unrecognised", "12:03:00", source="pagerduty", data={"kind": "thing.changed"})
              for n in range(300)]  # fmt: skip
    story.events = story.events[:2]
    story.context["collector"] = tuple(unread)
    claim = claims(story, "appendix")[-1]
    assert plain(claim.parts) == (
        'Not visible here: 300 deliveries from PagerDuty were not understood, such as "thing.changed"'
    )
    assert len(claim.cites) == 3


def test_a_collector_that_was_killed_was_down_since_its_last_delivery_at_most() -> None:
    """Without a recorded stop nobody knows when it went down."""
    story = corrected()
    start = story.add("collector.started", "11:20:00", source="timelined",
                     data={"previous_stop": "none", "last_received_at": at("11:05:00")})  # fmt: skip
    story.events = story.events[:2]
    story.context["collector"] = (start,)
    assert said(story, "appendix")[-1] == (
        "Not visible here: the collector was down at some time between its last delivery at 11:05:00 and its start at "
        "11:20:00"
    )


@pytest.mark.parametrize(
    ("data", "loss"),
    [
        ({"acknowledged": 9, "found": 7}, "2 acknowledged events"),
        ({"acknowledged": 9, "found": 12}, "acknowledged events"),
    ],
)
def test_a_log_that_lost_events_says_so(data: dict[str, int], loss: str) -> None:
    """A draft made out of a log that went on after a loss names it, with how many where that is known."""
    story = corrected()
    lost = story.add("collector.lost", "11:20:00", source="timelined", data=data)
    story.events = story.events[:2]
    story.context["collector"] = (*story.context["collector"], lost)
    assert f"Not visible here: the log was found to have lost {loss} at 11:20:00" in said(story, "appendix")


def test_a_log_that_may_lack_events_claims_no_number() -> None:
    """Restored without its record, nobody knows what is lost: the draft says so, and says no loss that nobody found."""
    story = corrected()
    lost = story.add("collector.lost", "11:20:00", source="timelined", data={"found": 7, "known": False})
    story.events = story.events[:2]
    story.context["collector"] = (*story.context["collector"], lost)
    text = "\n".join(said(story, "appendix"))
    assert "what it lacks of acknowledged events is not known, 11:20:00" in text
    assert "found to have lost" not in text


def test_times_that_senders_did_not_give_are_told() -> None:
    """An assumed zone or an absent time is said once, with how many events it concerns."""
    told = example()
    told.events[0] = msgspec.structs.replace(told.events[0], time_quality="assumed_zone")
    assert "1 event came without a zone; UTC was assumed" in said(told, "appendix")


def test_a_stop_on_record_says_nothing_of_a_later_kill() -> None:
    """Each start is told by its own stop: one that is missing is not an older one that was recorded."""
    story = corrected()
    kill = {"previous_stop": "missing", "last_received_at": at("11:30:00")}
    start = story.add("collector.started", "11:45:00", source="timelined", data=kill)
    story.events.remove(start)
    story.context["collector"] = (*story.context["collector"], start)
    stopped, killed = (line for line in said(story, "appendix") if "the collector was down" in line)
    assert "from 11:00:00 to 11:20:00" in stopped
    assert "at some time between its last delivery at 11:30:00 and its start at 11:45:00" in killed


def test_a_page_before_its_own_alert_shows_that_clocks_differ() -> None:
    """An alert leads to its page: where the page's time is earlier, the draft says by how much at least."""
    story = Facts()
    story.page("triggered", "14:01:30", refs=("alert:HighErrorRate/checkout/",))
    story.fires("HighErrorRate", "14:02:10", "checkout")
    lines = [line for line in said(story, "appendix") if "clocks" in line]
    assert len(lines) == 1
    assert "came 40 s before the alert HighErrorRate that it names" in lines[0]
    assert not [line for line in said(example(), "appendix") if "clocks" in line]


@pytest.mark.parametrize(
    ("reason", "service", "judged"),
    [
        ("other service", "search", True),
        ("other service", "Web (production)", False),
        ("other service", "web-fleet", False),
        ("other service", "limits", False),
        ("other service", None, False),
        ("other service, which no alert, page or catalog names", "prod-network", False),
        ("other environment", "web", True),
        ("it belongs to another incident", "web", True),
        ("started 9 min after the incident", "search", False),
        ("no service and no reference", None, False),
        ("nothing else names its component", "Pay API", False),
    ],
)
def test_only_what_is_shown_to_be_of_something_else_is_judged_unrelated(
    reason: str, service: str | None, judged: bool
) -> None:
    """A name that is the incident's own by another spelling, one that is called after it, one of something that is in
    the incident, or a distance in time, shows nothing."""
    story = Facts()
    story.fires("X", "10:00:00", "web")
    story.add("observation.recorded", "10:05:00", title="raised", actor="Ana", service="limits")
    story.nearby(reason, "change.succeeded", "09:50:00", service=service, title="v1")
    [line] = [text for text in said(story, "appendix") if text.startswith("Before it began, ")]
    assert line.startswith("Before it began, judged unrelated: ") is judged
    assert ("timelined join N " in line) is not judged


@pytest.mark.parametrize(
    ("kind", "title", "reason", "though"),
    [
        ("alert.firing", "DiskFull", "it belongs to another incident",
         "though the title of PagerDuty incident 311 names it"),
        ("page.triggered", "Errors on web", "other service", "though its title names the alert Errors"),
        ("alert.firing", "Disk", "it belongs to another incident", ""),
        ("alert.firing", "Errors", "it belongs to another incident", ""),
        ("page.triggered", "ErrorsOfOthers", "other service", ""),
        ("alert.firing", "DiskFull", "other environment", ""),
    ],
)  # fmt: skip
def test_what_a_title_names_is_not_judged_unrelated(kind: str, title: str, reason: str, though: str) -> None:
    """A page that names an alert may be about it, in whatever incidents the two are."""
    story = Facts()
    story.fires("Errors", "10:00:00", "web")
    story.page("triggered", "10:00:40", 311, "web", title="DiskFull: 98% of db")
    story.nearby(reason, kind, "10:00:30", title=title, service="db", data={"number": 12}, source="pagerduty")
    [line] = [text for text in said(story, "appendix") if text.startswith("At the same time")]
    assert ("judged unrelated" in line) is (not though)
    assert f", {though}; if it does: timelined join" in line or not though


def test_an_unread_delivery_is_not_called_by_its_source() -> None:
    """``such as "alertmanager"`` says nothing; the reason does."""
    story = Facts()
    story.fires("X", "10:00:00", "web")
    story.add("source.unrecognised", "10:01:00", source="alertmanager",
             data={"kind": "alertmanager", "reason": "no alerts in it"})  # fmt: skip
    assert any('such as "no alerts in it"' in text for text in said(story, "appendix"))


def test_of_several_things_each_belongs_to_another_incident() -> None:
    """Nine series of one alert were in three other incidents."""
    story = Facts()
    story.fires("Down", "10:00:00", "web")
    for minute in range(3):
        story.nearby("it belongs to another incident", "alert.firing", f"10:0{minute}:00", title="Down", service="feed")
    assert said(story, "appendix")[0].endswith("the alert Down on feed (3 events): each belongs to another incident")


def test_what_a_title_names_is_not_judged_unrelated_however_long_it_had_fired() -> None:
    """One that fired for days belongs to an incident of its own, and the page is about it all the same."""
    story = Facts()
    story.page("triggered", "10:00:00", title="DiskFull on web")
    long_firing = story.fires("DiskFull", "06:00", "web")
    story.events = [event for event in story.events if event is not long_firing]
    story.context["lasting"] = (Nearby(event=long_firing, reason="it belongs to another incident"),)
    [line] = [text for text in said(story, "appendix") if text.startswith("Since before it began, ")]
    assert line.startswith("Since before it began, not known to belong: the alert DiskFull on web")
    assert ": it belongs to another incident, though the title of PagerDuty incident 311 names it; if it does: " in line
