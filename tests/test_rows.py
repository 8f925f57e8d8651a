"""The rows of the timeline: which events become one row, which never do, and what is said of the rest."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from collector.event import MINUTE, SECOND
from renderers import change_facts, rows
from renderers.document import Claim, Options
from renderers.plain_text import plain
from renderers.replay import replay
from renderers.sections import SECTIONS
from tests.facts import fact, firing, resolved
from tests.histories import Facts, at, example, monster, storm, switched_off
from tests.timeline_lines import line, lines, table


def series(count: int, gap: int, *, name: str = "SlowCart") -> Facts:
    """So many series of one alert, each this long after the one before."""
    story = Facts()
    for n in range(count):
        story.fires(name, at("10:00:00") + n * gap, "cart", series=f"pod-{n}")
    return story


def test_series_that_fire_within_a_minute_are_one_row() -> None:
    """Series of one alert on one service: one row that counts them, with the label and three of its values."""
    assert lines(series(4, MINUTE)) == [
        "Detected: Alert SlowCart fired on cart (critical), 4 series by 10:03 (pod pod-0, pod-1, pod-2 and pod-3)"
    ]
    assert "(pod pod-0, pod-1, pod-2 and 9 more)" in lines(series(12, SECOND))[0]


def test_series_that_began_in_other_minutes_have_rows_of_their_own() -> None:
    """Two series that fire more than a minute apart are not hidden in one row, though minutes follow minutes."""
    assert len(lines(series(2, MINUTE + SECOND))) == 2
    assert len(lines(series(4, 2 * MINUTE))) == 4


def test_series_of_the_next_minutes_count_in() -> None:
    """Where others fired within a minute, those of the next five minutes count in, later ones do not."""
    story = series(3, SECOND)
    for minute in (4, 6):
        story.fires("SlowCart", f"10:0{minute}:00", "cart", series=f"late-{minute}")
    rows = table(story).rows
    assert [len(row.cites) for row in rows] == [4, 1]
    assert plain(rows[0].parts).startswith("Alert SlowCart fired on cart (critical), 4 series by 10:04")


def test_different_alerts_within_a_minute_are_one_row() -> None:
    """The row names each with its service and severity, and the minute of what began in another one."""
    story = Facts()
    story.fires("A", "10:00:40", "web", said="a")
    story.fires("B", "10:01:20", "api", severity="warning")
    story.fires("C", "10:01:41", "api")
    assert lines(story) == [
        'Detected: Alert A fired on web (critical): "a"; alert B fired on api (warning) at 10:01',
        "Alert C fired on api (critical)",
    ]


def test_the_row_of_the_end_is_of_the_minute_in_which_it_was_over() -> None:
    """A low alert that ended half a minute later has a row of its own."""
    history = replay([firing(2), firing(3, "Slow", severity="warning"), resolved(9.8, since=2),
                      resolved(10.3, "Slow", since=3)])  # fmt: skip
    told = rows.timeline(history, Options()).rows[-2:]
    assert [(row.label, row.at) for row in told] == [
        ("Resolved", history.closing.at),
        ("Last alert ended", history.alerts[-1].end),
    ]


def test_a_silence_is_told_with_the_words_of_who_made_it_and_is_no_action() -> None:
    """What was done stands apart from what was written, and it did nothing to what failed."""
    data = {"type": "alertmanager.silence_created", "operation": "silence created", "text": "Known."}
    silence = fact("observation.recorded", 4, "s", source="alertmanager", title="Silence created: x", actor="mara",
                   data=data)  # fmt: skip
    history = replay([firing(2), silence, resolved(9, since=2)])
    assert line(rows.timeline(history, Options()).rows[1]) == '"Silence created: x" (by mara): "Known."'
    assert change_facts.response_actions(history) == []
    span = {"silences_from": at("00:05"), "silences_until": at("01:05")}
    planned = msgspec.structs.replace(silence, data=data | span)
    history = replay([firing(2), planned, resolved(9, since=2)])
    assert line(rows.timeline(history, Options()).rows[1]) == (
        '"Silence created: x" (by mara): "Known."; it silences from 00:05 to 01:05'
    )


def test_what_was_observed_names_its_service_where_that_is_not_the_only_one() -> None:
    """Of four alerts that were inhibited a reader would not know which they are."""
    seen = fact("observation.recorded", 4, "s", title="Slow was muted", service="cart", data={"type": "x.y"})
    for service, named in (("checkout", ", cart"), ("cart", "")):
        told = rows.timeline(replay([firing(2, service=service), seen]), Options()).rows[1]
        assert line(told) == f'"Slow was muted" (x.y{named})'


def test_an_end_without_a_firing_is_told_as_an_end() -> None:
    """It does not say that the alert fired then; an issue of which no rule fired is called an issue."""
    issue = resolved(11, "PoolTimeout", since=None, source="sentry")
    issue = msgspec.structs.replace(
        issue, data={"type": "sentry.issue.resolved", "called": "issue resolved", "subject": "CHECKOUT-45"}
    )
    history = replay([firing(2), resolved(10, "Slow", since=None), issue, resolved(12, since=2)])
    assert [line(row) for row in rows.timeline(history, Options()).rows] == [
        "Detected: Alert HighErrorRate fired on checkout (critical)",
        "Alert Slow on checkout resolved; when it had fired is not recorded",
        '"PoolTimeout" (issue resolved, CHECKOUT-45)',
        "Alert ended, Resolved: Alert HighErrorRate on checkout resolved after 10 min",
    ]


def test_a_folded_row_proves_every_series() -> None:
    """The one row cites the events of all series, the oldest first."""
    told = series(12, SECOND)
    assert table(told).rows[0].cites == tuple(event.id for event in told.events)


def test_never_of_how_many() -> None:
    """How many series there are that did not fire is not known, so the row says nothing about it."""
    assert " of 3" not in lines(series(3, SECOND))[0]


def test_series_that_differ_in_many_labels_name_none() -> None:
    """Several labels that vary tell nothing apart and are left out."""
    story = Facts()
    for n in range(3):
        labels = {"a": f"{n}", "b": f"{n}", "c": f"{n}"}
        story.add(
            "alert.firing",
            at("10:00") + n,
            entity=f"{n}",
            title="X",
            labels=labels,
            data={"starts_at": at("10:00") + n},
        )
    assert lines(story) == ["Detected: Alert X fired, 3 series"]


def test_an_alert_that_still_fires_leaves_the_label_off() -> None:
    """While one alert has no end, no end is called the last."""
    story = Facts()
    story.ends(story.fires("A", "10:00:00", "web"), "10:05:00")
    story.fires("B", "10:01:00", "web")
    assert not any("Last alert ended" in text for text in lines(story))


@pytest.mark.parametrize(
    ("end", "expected"),
    [
        ("10:10:00", ["Deploy of web to production succeeded in 10 min, begun at 10:00"]),
        ("10:10:01", ["Deploy of web to production started", "Deploy of web to production succeeded in 10 min 1 s"]),
    ],
)
def test_a_short_change_is_one_row_at_its_end(end: str, expected: list[str]) -> None:
    """Up to ten minutes a change is told once, when it finished; a longer one also when it began."""
    story = Facts()
    story.deploys("web", "10:00:00", end)
    assert lines(story) == expected
    assert table(story).rows[-1].at == at(end)


def test_notes_and_acknowledgements_are_never_folded() -> None:
    """What people wrote and did stands in rows of its own, however close together."""
    story = Facts()
    for n in range(6):
        story.says("note.added", f"10:00:{n:02d}", f"note {n}")
    assert lines(story) == [f'Note by Ana: "note {n}"' for n in range(6)]


def test_a_first_symptom_that_was_the_detection_is_called_detected() -> None:
    """The two labels are shown together only where they are two events."""
    assert [row.label for row in table(example()).rows if row.label] == [
        "Detected", "Paged", "Acknowledged", "Last alert ended", "Resolved",
    ]  # fmt: skip


@pytest.mark.parametrize("called", [{}, {"assignees": ["Jon"]}], ids=["nobody", "somebody"])
def test_an_incident_that_somebody_declared_paged_whom_it_called(called: dict[str, list[str]]) -> None:
    """Who opens an incident in the on-call tool and calls nobody was not paged."""
    story = Facts()
    story.page("triggered", "10:01:00", actor="Mara", data=called)
    story.page("acknowledged", "10:02:00", actor="Mara")
    assert any("Paged" in row.label for row in table(story).rows) == bool(called)


def test_a_low_alert_before_the_detection_is_the_first_symptom() -> None:
    """An alert that called nobody shows when it began to show."""
    story = Facts()
    story.fires("Low", "09:00:00", "web", severity="warning")
    story.fires("High", "10:00:00", "web")
    assert [row.label for row in table(story).rows] == ["First symptom", "Detected"]


def test_mitigated_is_a_label_only_where_a_person_stated_it() -> None:
    """The derived mitigation is no row's label; a stated one is, and the row goes on from it."""
    story = Facts()
    story.ends(story.fires("A", "10:00:00", "web"), "10:05:00")
    assert "Mitigated" not in " ".join(lines(story))
    story.marks("mitigated", "10:03:00", "switched over")
    assert 'Mitigated: as stated by Ana: "switched over"' in lines(story)


def test_an_acknowledgement_goes_on_from_its_label() -> None:
    """The labelled row reads ``Acknowledged by Ana``; of several pages each names its own."""
    story = Facts()
    story.page("triggered", "10:00:00")
    story.page("acknowledged", "10:02:00", actor="Ana")
    story.page("triggered", "10:01:00", 312)
    story.page("acknowledged", "10:03:30", 312, actor="Bo")
    assert lines(story)[2:] == [
        "Acknowledged: by Ana (PagerDuty incident 311), 2 min after the page",
        "PagerDuty incident 312 was acknowledged by Bo, 2 min 30 s after the page",
    ]


def test_late_from_five_minutes_on() -> None:
    """What was received five minutes late says so; a little less does not; people are never late."""
    story = Facts()
    story.fires("A", "10:00:00", "web", late=5 * MINUTE - 1)
    story.fires("B", "10:06:00", "web", late=8 * MINUTE + 59 * SECOND)
    story.says("note.added", "10:07:00", "told in hindsight", late=60 * MINUTE)
    assert [row.suffixes for row in table(story).rows] == [(), ("received 8 min late",), ()]


@pytest.mark.parametrize(
    ("late", "words"),
    [
        (59 * MINUTE, "59 min"),
        (125 * MINUTE, "2 h 5 min"),
        (4321 * MINUTE, "3 d 1 min"),
        (76 * 60 * MINUTE, "3 d 4 h"),
    ],
)
def test_lateness_is_told_as_other_durations_are(late: int, words: str) -> None:
    """Of hours and days nobody wants to hear as minutes."""
    told = Facts()
    told.fires("A", "10:00:00", "web", late=late + 59 * SECOND)
    (row,) = table(told).rows
    assert row.suffixes == (f"received {words} late",)


def test_key_shows_what_people_did_and_says_what_it_leaves_out() -> None:
    """The short table leaves the rest out, and says how many rows that are and how to see them."""
    short = table(switched_off(), "key")
    kinds = {row.type.partition(".")[0] for row in short.rows if not row.label}
    assert kinds <= {"change", "note", "mark", "incident", "status"}
    assert short.left_out is not None
    assert plain(short.left_out.parts).startswith("4 rows are not shown here (")
    assert plain(short.left_out.parts).endswith("--detail all shows every event")


RUNS = [
    pytest.param("CI", {"event": "push", "ref": "main"}, True, id="a test run"),
    pytest.param("Stale issues", {"event": "schedule"}, True, id="a chore"),
    pytest.param("Deploy", {"event": "pull_request"}, True, id="a run of a pull request"),
    pytest.param("Deploy", {"event": "push", "branch": "fix", "default_branch": "main"}, True, id="a side branch"),
    pytest.param("Deploy", {"event": "push", "branch": "main", "default_branch": "main"}, False, id="a deployment"),
    pytest.param("Nightly deploy", {"event": "schedule"}, False, id="a scheduled deployment"),
    pytest.param("Something", {"event": "workflow_dispatch"}, False, id="by hand, and who knows what"),
]


@pytest.mark.parametrize("ending", ["succeeded", "failed", "cancelled"])
@pytest.mark.parametrize(("workflow", "data", "idle"), RUNS)
def test_runs_that_change_nothing_are_counted_below_the_table(
    workflow: str, data: dict[str, str], ending: str, *, idle: bool
) -> None:
    """Tests, chores and runs of pull requests leave the table, however they end; a deployment stays, also a failed or
    a cancelled one."""
    story = example()
    for state, when in (("started", "14:05:00"), (ending, "14:07:00")):
        story.add(f"change.{state}", when, entity="workflow_run:1", title=workflow, data={"workflow": workflow, **data})
    timeline = table(story)
    assert any("Workflow run" in line(row) for row in timeline.rows) is not idle
    assert (timeline.left_out is not None) is idle
    if timeline.left_out is not None:
        assert plain(timeline.left_out.parts) == (
            "1 row is not shown here (1 workflow run that changes nothing); --detail all shows every event"
        )
        assert set(timeline.left_out.cites) == {each.id for each in story.events[-2:]}
    assert sum("Workflow run" in text for text in lines(story, "all")) == 2


def test_all_folds_nothing() -> None:
    """Every event has its row, and none is left out."""
    told = example()
    full = table(told, "all")
    assert sorted(each for row in full.rows for each in row.cites) == sorted(event.id for event in told.events)
    assert full.left_out is None


@pytest.mark.parametrize("build", [storm, monster])
def test_nothing_disappears_silently(build: object) -> None:
    """Each event is cited by a row, however many there are."""
    told = build()  # type: ignore[operator]
    shown = table(told)
    assert {each for row in shown.rows for each in row.cites} == {event.id for event in told.events}
    assert shown.left_out is None


def test_what_people_wrote_is_never_dropped() -> None:
    """Sixty notes and two hundred messages are as many rows, whole up to five hundred characters."""
    story = storm()
    texts = lines(story)
    assert sum(text.startswith("Note by") for text in texts) == 60
    assert sum(text.startswith("Message by") for text in texts) == 200
    assert all(event.title.strip() in " ".join(texts) for event in story.events if event.type == "note.added")


def test_a_storm_of_names_is_told_by_the_minute() -> None:
    """Alerts of many names that fire within a minute are one row that names ten and counts the others."""
    story = Facts()
    for n in range(30):
        story.fires(f"Alert{n}", at("10:00:00") + n * SECOND, f"service-{n}")
    (row,) = lines(story)
    assert row.endswith("; 20 more alerts fired")
    assert row.count(" fired on ") == 10
    assert len(table(story).rows[0].cites) == 30


def test_many_alerts_of_one_service_are_named_together() -> None:
    """What is the same of them is told once, of their ends as well."""
    story = Facts()
    firings = [story.fires(f"Disk of {n}", at("10:00:00") + n * SECOND, "search", severity="P2") for n in range(5)]
    story.fires("Slow", "10:00:09", "web", severity="P2")
    for n, fired in enumerate(firings):
        story.ends(fired, at("10:40:00") + n * SECOND)
    names = ", ".join(f'"Disk of {n}"' for n in range(4)) + ' and "Disk of 4"'
    assert lines(story) == [
        f"Detected: Alerts {names} fired on search (P2); alert Slow fired on web (P2)",
        f"Alerts {names} on search resolved after 40 min",
    ]


@pytest.mark.parametrize(
    ("late", "sentence"),
    [
        (lambda at: 2**51 - at, "All 6 events were received more than a year after they happened (an import)"),
        (lambda at: 3 * 60 * MINUTE, "All 6 events were received 3 h after they happened"),
    ],
)
def test_an_import_is_told_once(late: Callable[[int], int], sentence: str) -> None:
    """Where most events came late by similar spans one sentence above the table says so, and no row does."""
    story = Facts()
    for n in range(6):
        moment = at(f"10:0{n}:30")
        story.fires(f"A{n}", moment, "web", late=late(moment))
    above = SECTIONS["timeline"](story.history(), Options()).blocks[0]
    assert isinstance(above, Claim)
    assert sentence in plain(above.parts)
    assert not any(row.suffixes for row in table(story).rows)


@pytest.mark.parametrize(("data", "by"), [({}, ""), ({"imported_at": at("+1 12:00")}, " (an import)")])
def test_what_brought_a_part_of_the_events_late_is_not_known(data: dict[str, Any], by: str) -> None:
    """The webhooks of one sender may have been off for a day; what an import fetched says so."""
    story = Facts()
    story.fires("A", "10:00:00", "web")
    for n in range(3):
        story.page("note", f"10:0{n}:30", data=data, late=26 * 60 * MINUTE)
    above = SECTIONS["timeline"](story.history(), Options()).blocks[0]
    assert isinstance(above, Claim)
    assert plain(above.parts).endswith(f"3 of the 4 events were received 1 day after they happened{by}")


def test_rows_are_in_the_order_things_happened() -> None:
    """The table reads downwards in time, whatever was folded."""
    for told in (example(), storm(), switched_off()):
        times = [row.at for row in table(told).rows]
        assert times == sorted(times)


def test_an_alert_known_only_by_its_end_still_has_its_firing_row() -> None:
    """A resolve proves its firing: both rows are there, both citing the one event."""
    story = Facts()
    fired = story.fires("A", "10:00:00", "web")
    end = story.ends(fired, "10:05:00")
    alone = story.without(fired)
    assert [row.cites for row in table(alone).rows] == [(end.id,), (end.id,)]
    assert lines(alone)[0] == "Detected: Alert A fired on web (critical)"
