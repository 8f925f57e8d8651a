"""The rows of the timeline: which events become one row, which never do, and what is said of the rest."""

from __future__ import annotations

import pytest

from collector.event import MINUTE, SECOND
from renderers import rows
from renderers.document import Options, Row, Timeline
from renderers.plain import plain
from tests.histories import Told, at, example, monster, storm, switched_off


def table(told: Told, detail: str = "normal") -> Timeline:
    """The timeline of this incident."""
    return rows.timeline(told.history(), Options(detail=detail))


def lines(told: Told, detail: str = "normal") -> list[str]:
    """Its rows as a reader sees them, without times and citations."""
    return [line(row) for row in table(told, detail).rows]


def line(row: Row) -> str:
    """One row: label, text, suffixes."""
    label = f"{row.label}: " if row.label else ""
    return label + plain(row.parts) + "".join(f" ({suffix})" for suffix in row.suffixes)


def series(count: int, gap: int, *, name: str = "SlowCart") -> Told:
    """So many series of one alert, each this long after the one before."""
    told = Told()
    for n in range(count):
        told.fires(name, at("10:00:00") + n * gap, "cart", series=f"pod-{n}")
    return told


def test_three_series_of_one_alert_are_one_row() -> None:
    """One alert name, three series, less than five minutes apart: one row that counts them and names the label."""
    assert lines(series(3, MINUTE)) == ["Detected: Alert SlowCart fired on cart (critical), 3 series (pod) by 10:02"]


def test_two_series_stay_two_rows() -> None:
    """Two series are few enough to be told one by one."""
    assert len(lines(series(2, MINUTE))) == 2


def test_series_five_minutes_apart_stay_apart() -> None:
    """A gap of five minutes ends the run."""
    assert len(lines(series(3, 5 * MINUTE))) == 3


def test_a_folded_row_proves_every_series() -> None:
    """The one row cites the events of all series, the oldest first."""
    told = series(12, SECOND)
    assert table(told).rows[0].cites == tuple(event.id for event in told.events)


def test_never_of_how_many() -> None:
    """How many series there are that did not fire is not known, so the row says nothing about it."""
    assert " of 3" not in lines(series(3, MINUTE))[0]


def test_series_that_differ_in_many_labels_name_none() -> None:
    """More than two varying labels say nothing and are left out."""
    told = Told()
    for n in range(3):
        labels = {"a": f"{n}", "b": f"{n}", "c": f"{n}"}
        told.add(
            "alert.firing",
            at("10:00") + n,
            entity=f"{n}",
            title="X",
            labels=labels,
            data={"starts_at": at("10:00") + n},
        )
    assert lines(told) == ["Detected: Alert X fired, 3 series"]


def flapping(times: int) -> Told:
    """An alert that fires for two minutes, every four, and once more than it flaps."""
    told = Told()
    for n in range(times + 1):
        alert = told.fires("X", at("14:06:00") + n * 4 * MINUTE, "web")
        told.ends(alert, at("14:08:00") + n * 4 * MINUTE)
    return told


def test_one_flap_is_told_inside_the_firing_row() -> None:
    """An alert that ended and fired again once is one row with both times."""
    assert lines(flapping(1))[0] == "Detected: Alert X fired on web (critical), ended 14:08, fired again 14:10"


def test_more_flaps_are_counted_and_the_last_end_keeps_its_row() -> None:
    """From two flaps on the row counts them with their span; the final end is told where it happened."""
    assert lines(flapping(4)) == [
        "Detected: Alert X fired on web (critical), flapped 4 times, 14:08–14:22",
        "Last alert ended, Resolved: X resolved on web after 18 min on and off",
    ]


def test_a_firing_long_after_an_end_is_no_flap() -> None:
    """More than a quarter of an hour of quiet makes a new firing of it."""
    told = Told()
    for start in ("10:00:00", "10:30:00"):
        told.ends(told.fires("X", start, "web"), at(start) + 10 * MINUTE)
    assert [row.type for row in table(told).rows] == ["alert.firing", "alert.resolved"] * 2


def test_ends_of_different_alerts_within_a_minute_are_one_row() -> None:
    """Two alerts that end together end on one row, named in the order they began."""
    told = Told()
    first, second = told.fires("A", "10:00:00", "web"), told.fires("B", "10:01:00", "api")
    told.ends(second, "10:09:10")
    told.ends(first, "10:10:00")
    assert lines(told)[-1] == "Last alert ended, Resolved: A, B resolved"


def test_ends_further_apart_stay_apart() -> None:
    """Ends more than a minute apart are rows of their own, with how long each alert fired."""
    told = Told()
    first, second = told.fires("A", "10:00:00", "web"), told.fires("B", "10:01:00", "api")
    told.ends(second, "10:05:00")
    told.ends(first, "10:06:01")
    assert lines(told)[2:] == [
        "B resolved on api after 4 min",
        "Last alert ended, Resolved: A resolved on web after 6 min 1 s",
    ]


def test_an_alert_that_still_fires_leaves_the_label_off() -> None:
    """While one alert has no end, no end is called the last."""
    told = Told()
    told.ends(told.fires("A", "10:00:00", "web"), "10:05:00")
    told.fires("B", "10:01:00", "web")
    assert not any("Last alert ended" in text for text in lines(told))


@pytest.mark.parametrize(
    ("end", "expected"),
    [
        ("10:10:00", ["Deploy of web to production succeeded in 10 min"]),
        ("10:10:01", ["Deploy of web to production started", "Deploy of web to production succeeded in 10 min 1 s"]),
    ],
)
def test_a_short_change_is_one_row_at_its_end(end: str, expected: list[str]) -> None:
    """Up to ten minutes a change is told once, when it finished; a longer one also when it began."""
    told = Told()
    told.deploys("web", "10:00:00", end)
    assert lines(told) == expected
    assert table(told).rows[-1].at == at(end)


def test_notes_and_acknowledgements_are_never_folded() -> None:
    """What people wrote and did stands in rows of its own, however close together."""
    told = Told()
    for n in range(6):
        told.says("note.added", f"10:00:{n:02d}", f"note {n}")
    assert lines(told) == [f'Note, Ana: "note {n}"' for n in range(6)]


def test_a_first_symptom_that_was_the_detection_is_called_detected() -> None:
    """The two labels are shown together only where they are two events."""
    assert [row.label for row in table(example()).rows if row.label] == [
        "Detected", "Paged", "Acknowledged", "Last alert ended", "Resolved",
    ]  # fmt: skip


def test_a_low_alert_before_the_detection_is_the_first_symptom() -> None:
    """An alert that called nobody shows when it began to show."""
    told = Told()
    told.fires("Low", "09:00:00", "web", severity="warning")
    told.fires("High", "10:00:00", "web")
    assert [row.label for row in table(told).rows] == ["First symptom", "Detected"]


def test_mitigated_is_a_label_only_where_a_person_stated_it() -> None:
    """The derived mitigation is no row's label; a stated one is, and the row goes on from it."""
    told = Told()
    told.ends(told.fires("A", "10:00:00", "web"), "10:05:00")
    assert "Mitigated" not in " ".join(lines(told))
    told.marks("mitigated", "10:03:00", "switched over")
    assert 'Mitigated: as stated by Ana: "switched over"' in lines(told)


def test_an_acknowledgement_goes_on_from_its_label() -> None:
    """The labelled row reads ``Acknowledged by Ana``; a second one names its page."""
    told = Told()
    told.page("triggered", "10:00:00")
    told.page("acknowledged", "10:02:00", actor="Ana")
    told.page("triggered", "10:01:00", 312)
    told.page("acknowledged", "10:03:30", 312, actor="Bo")
    assert lines(told)[2:] == [
        "Acknowledged: by Ana, 2 min after the page",
        "PagerDuty incident 312 acknowledged by Bo, 2 min 30 s after the page",
    ]


def test_late_from_five_minutes_on() -> None:
    """What was received five minutes late says so; a little less does not; people are never late."""
    told = Told()
    told.fires("A", "10:00:00", "web", late=5 * MINUTE - 1)
    told.fires("B", "10:06:00", "web", late=8 * MINUTE + 59 * SECOND)
    told.says("note.added", "10:07:00", "told in hindsight", late=60 * MINUTE)
    assert [row.suffixes for row in table(told).rows] == [(), ("received 8 min late",), ()]


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
    told = Told()
    told.fires("A", "10:00:00", "web", late=late + 59 * SECOND)
    (row,) = table(told).rows
    assert row.suffixes == (f"received {words} late",)


def test_key_shows_labelled_rows_changes_and_notes() -> None:
    """The short table leaves the rest out, and says how many rows that are and how to see them."""
    short = table(switched_off(), "key")
    assert all(row.label or row.type in ("note.added",) or row.type.startswith("change.") for row in short.rows)
    assert short.left_out is not None
    assert plain(short.left_out.parts).startswith("5 rows left out (")
    assert plain(short.left_out.parts).endswith("--detail all shows every event")


def test_all_folds_nothing() -> None:
    """Every event has its row, and none is left out."""
    told = example()
    full = table(told, "all")
    assert sorted(each for row in full.rows for each in row.cites) == sorted(event.id for event in told.events)
    assert full.left_out is None


@pytest.mark.parametrize("build", [storm, monster])
def test_nothing_disappears_silently(build: object) -> None:
    """Each event is cited by a row or by the sentence that says how many rows were left out."""
    told = build()  # type: ignore[operator]
    shown = table(told)
    cited = {each for row in shown.rows for each in row.cites} | set(shown.left_out.cites if shown.left_out else ())
    assert cited == {event.id for event in told.events}
    assert len(shown.rows) <= rows.ROWS


def test_a_storm_is_told_before_its_chatter() -> None:
    """With too many rows, alerts of many names become one row and messages go first."""
    told = lines(storm())
    assert "34 alerts fired: Alert1, Alert2, Alert3, Alert4 and 30 more" in told
    assert not any(text.startswith("Chat") for text in told)


def test_rows_are_in_the_order_things_happened() -> None:
    """The table reads downwards in time, whatever was folded."""
    for told in (example(), storm(), switched_off()):
        times = [row.at for row in table(told).rows]
        assert times == sorted(times)


def test_an_alert_known_only_by_its_end_still_has_its_firing_row() -> None:
    """A resolve proves its firing: both rows are there, both citing the one event."""
    told = Told()
    fired = told.fires("A", "10:00:00", "web")
    end = told.ends(fired, "10:05:00")
    alone = told.without(fired)
    assert [row.cites for row in table(alone).rows] == [(end.id,), (end.id,)]
    assert lines(alone)[0] == "Detected: Alert A fired on web (critical)"
