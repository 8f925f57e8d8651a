"""What commands say: confirmations in words, lists that tell things apart, and refusals of what makes no sense."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from collector.cli import fitting, output, timelined
from tests import forks
from tests.conftest import Played

PROJECT = Path(__file__).parents[1]


def run(*arguments: str, stdin: str | None = None, **environment: str) -> Result:
    """One command in this process."""
    return CliRunner(env={"TIMELINED_BY": "Ana", **environment}).invoke(timelined, list(arguments), input=stdin)


def said(*arguments: str, stdin: str | None = None) -> str:
    """What a command that succeeds prints, its blanks folded."""
    result = run(*arguments, stdin=stdin)
    assert result.exit_code == 0, result.stderr
    return " ".join(result.stdout.split())


def told(*arguments: str) -> Any:
    """The JSON that a command printed."""
    return json.loads(run(*arguments, "-o", "json").stdout)


@pytest.fixture
def log(empty_log: str) -> tuple[str, str]:
    """An empty log, as the options that name it."""
    return ("--storage.url", empty_log)


# --- confirmations ----------------------------------------------------------------------------------------------------


def test_each_statement_is_confirmed_in_words(log: tuple[str, str]) -> None:
    """What was recorded, in which incident, when, and how to cite it; the citation names that event."""
    opened = said("open", "Payments fail", "--service", "checkout", *log)
    assert re.fullmatch(r'Opened incident 1 "Payments fail.*" at \d\d:\d\d:\d\d UTC \[[0-9a-f]{5,}\]', opened)
    for arguments, words in (
        (["note", "1", "Pool exhausted"], 'Noted in incident 1 "Payments fail'),
        (["action", "1", "Watch the pool"], 'Recorded the action "Watch the pool" in incident 1'),
        (["mark", "1", "mitigated", "--at", "2026-03-04 18:10"], "Marked mitigated in incident 1"),
        (["edit", "1", "lead", "Ben"], "Set the lead of incident 1"),
        (["resolve", "1"], "Declared incident 1"),
        (["reopen", "1"], "Declared incident 1"),
    ):
        confirmed = said(*arguments, *log)
        assert confirmed.startswith(words), confirmed
        cited = re.fullmatch(r".* at [-0-9: ]+ UTC \[([0-9a-f]+)\]", confirmed)
        assert cited, confirmed
        assert said("why", cited[1], *log)
    assert "at 2026-03-04 18:10:00 UTC" in said("mark", "1", "detected", "--at", "2026-03-04 18:10", *log)


def test_what_was_said_before_is_called_known(log: tuple[str, str]) -> None:
    """The same key again: the same sentence, and that it was known already."""
    said("open", "Payments fail", *log)
    first = said("note", "1", "Pool exhausted", "--key", "k1", *log)
    again = said("note", "1", "Pool exhausted", "--key", "k1", *log)
    assert again == f"Known already: n{first[1:]}"


def test_amendments_are_confirmed_by_what_they_amend(log: tuple[str, str]) -> None:
    """A correction and a retraction cite the event that was meant."""
    said("open", "Payments fail", *log)
    note = told("note", "1", "Restarted the wokers", *log)["event"]
    assert f"Corrected [{note[-5:]}" in said("correct", note, "--title", "Restarted", "--reason", "a typo", *log)
    assert f"Retracted [{note[-5:]}" in said("retract", note, "--reason", "wrong", *log)


def test_a_report_says_which_incident_it_joined_or_reopened(log: tuple[str, str]) -> None:
    """It opens one, joins one, makes an ended one go on; with --new it is one of its own."""
    assert said("open", "Payments fail", "--service", "checkout", *log).startswith("Opened incident 1")
    assert said("open", "Payments are slow", "--service", "checkout", *log).startswith("Joined incident 1")
    said("resolve", "1", *log)
    again = said("open", "Payments fail again", "--service", "checkout", *log)
    own = said("open", "Something else", "--service", "checkout", "--new", *log)
    assert own.startswith("Opened incident 2"), own
    assert re.match(r"Joined incident 1 .* which goes on again|Opened incident", again), again
    assert told("incident", "2", *log)["incident"]["title"].startswith("Something else")


# --- what is typed ----------------------------------------------------------------------------------------------------


def test_a_note_is_read_from_standard_input(log: tuple[str, str]) -> None:
    """With - as the text; several lines stay."""
    said("open", "Payments fail", *log)
    said("note", "1", "-", *log, stdin="first\nsecond\n")
    assert [e["title"] for e in told("events", "--type", "note.added", *log)["events"]] == ["first\nsecond"]


@pytest.mark.parametrize(
    "arguments",
    [["note", "1", ""], ["note", "1", "  "], ["action", "1", ""], ["edit", "1", "title", ""], ["open", ""]],
)
def test_an_empty_text_is_called_empty(log: tuple[str, str], arguments: list[str]) -> None:
    """And not a missing field; nothing is recorded."""
    said("open", "Payments fail", *log)
    result = run(*arguments, *log)
    assert (result.exit_code, "it is empty" in result.stderr) == (output.USAGE, True)
    assert len(told("events", "--source", "people", *log)["events"]) == 1


def test_an_empty_severity_of_a_correction_is_not_ignored(log: tuple[str, str]) -> None:
    """It is refused, and the option that says it is named."""
    event = told("open", "Payments fail", "--severity", "critical", *log)["event"]
    result = run("correct", event, "--title", "X", "--severity", "", "--reason", "r", *log)
    assert (result.exit_code, "--clear" in result.stderr) == (output.USAGE, True)


def test_without_a_text_the_editor_opens(log: tuple[str, str], tmp_path: Path) -> None:
    """What stands above the line is the note; a file left as it was records nothing."""
    said("open", "Payments fail", *log)
    editor = tmp_path / "editor"
    for script, code in (('printf \'Typed\\n\' | cat - "$1" > "$1.new" && mv "$1.new" "$1"', 0), ("true", 2)):
        editor.write_text(f"#!/bin/sh\n{script}\n", "utf-8")
        editor.chmod(0o700)
        ours, theirs = os.openpty()
        environment = {**os.environ, "VISUAL": str(editor), "TIMELINED_BY": "Ana"}
        ran = forks.run(("note", "1", *log), PROJECT, environment, stdin=theirs)
        os.close(ours)
        os.close(theirs)
        assert ran.returncode == code, ran.stderr
    assert [e["title"] for e in told("events", "--type", "note.added", *log)["events"]] == ["Typed"]


# --- nonsense ---------------------------------------------------------------------------------------------------------


def test_nobody_takes_out_what_is_not_in(log: tuple[str, str]) -> None:
    """leave and split refuse an event of another incident, say where it is, and record nothing."""
    said("open", "Payments fail", "--service", "checkout", *log)
    other = told("open", "Search is slow", "--service", "search", "--at", "3h", *log)
    assert other["incident"] == 2
    before = len(told("events", "--source", "people", *log)["events"])
    for command in ("leave", "split"):
        result = run(command, "1", other["event"], *log)
        assert result.exit_code == output.FAILED
        assert "it is in incident 2" in result.stderr
    assert len(told("events", "--source", "people", *log)["events"]) == before


def test_what_is_open_is_not_reopened(log: tuple[str, str]) -> None:
    """Said of an open incident it is refused; said again with its key it is known."""
    said("open", "Payments fail", *log)
    assert "it is open" in run("reopen", "1", *log).stderr
    said("resolve", "1", *log)
    said("reopen", "1", "--key", "k", *log)
    assert said("reopen", "1", "--key", "k", *log).startswith("Known already")


def test_another_end_is_told_with_the_one_before(log: tuple[str, str]) -> None:
    """Who ends what is over is told when it had ended; sent again with its key it has no end before it."""
    said("open", "Payments fail", "--at", "2026-03-04 17:00", *log)
    assert "had ended" not in said("resolve", "1", "--at", "2026-03-04 18:10", *log)
    again = said("resolve", "1", "--at", "2026-03-04 18:30", "--key", "k", *log)
    assert "over at 2026-03-04 18:30:00 UTC" in again
    assert again.endswith("; it had ended at 2026-03-04 18:10:00 UTC")
    assert "had ended" not in said("resolve", "1", "--at", "2026-03-04 18:30", "--key", "k", *log)


def test_a_leave_that_is_on_record_is_known(log: tuple[str, str]) -> None:
    """Sent again with its key it is no nonsense, although the event is out by now."""
    said("open", "Payments fail", "--service", "checkout", *log)
    second = told("open", "Payments are slow", "--service", "checkout", *log)["event"]
    said("leave", "1", second, "--key", "k", *log)
    assert said("leave", "1", second, "--key", "k", *log).startswith("Known already")


# --- lists ------------------------------------------------------------------------------------------------------------


def test_an_incident_shows_marks_fields_and_values(log: tuple[str, str]) -> None:
    """And no raw id of the incident."""
    said("open", "Payments fail", *log)
    said("mark", "1", "impact_started", "--at", "5m", "--text", "first complaint", *log)
    said("edit", "1", "severity", "SEV-1", *log)
    said("action", "1", "Watch the pool", "--owner", "Ben", "--due", "2026-12-18", *log)
    text = said("incident", "1", *log)
    assert "impact started: first complaint (Ana)" in text
    assert 'severity is now "SEV-1" (Ana)' in text
    assert "Watch the pool [Ben, open, due 2026-12-18] (Ana)" in text
    assert "incident:" not in text


def test_equal_alerts_are_told_apart_by_their_labels(played: Played) -> None:
    """The demo's slow carts differ in their pods: each line says which, and other alerts say nothing more."""
    text = said("incident", "1", "--storage.url", played.url)
    events = told("incident", "1", "--storage.url", played.url)["events"]
    alerts = [e for e in events if e["type"].startswith("alert.")]
    by_title: dict[str, set[str]] = {}
    for alert in alerts:
        by_title.setdefault(alert["title"], set()).add(alert["entity"])
    several = {title for title, entities in by_title.items() if len(entities) > 1}
    for alert in alerts:
        assert (f"{alert['title']} {{" in text) == (alert["title"] in several)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["events", "--type", "alrt"], 'no type is called "alrt"; the nearest is alert.*'),
        (["events", "--type", "alert"], 'no type is called "alert"; the nearest is alert.*'),
        (["events", "--service", "nosuch"], 'nothing in the log has the service "nosuch"'),
        (["events", "--since", "1h", "--until", "2h"], "--since is not before --until"),
        (["incidents", "--service", "nosuch"], 'nothing in the log has the service "nosuch"'),
        (["deliveries", "--source", "nosuch"], 'nothing in the log has the source "nosuch"'),
    ],
)
def test_an_empty_list_says_why_its_filter_could_never_match(played: Played, arguments: list[str], reason: str) -> None:
    """The filter that matches nothing by itself is named."""
    result = run(*arguments, "--storage.url", played.url)
    assert (result.exit_code, result.stdout) == (0, "")
    assert reason in result.stderr


def test_filters_that_match_alone_are_not_blamed(played: Played) -> None:
    """Two that only exclude each other: the plain sentence."""
    result = run("events", "--type", "page.*", "--source", "github", "--storage.url", played.url)
    assert result.stderr == "No event matches.\n"


# --- narrow terminals -------------------------------------------------------------------------------------------------

HEADINGS = ("NO", "STATUS", "STARTED (UTC)", "LASTED", "SERVICES", "TITLE")
ROWS = [
    (
        "1",
        "resolved",
        "2026-11-28 21:26",
        "5m",
        "Payments API, checkout, payments",
        "Card payments failed after a retry",
    ),
    ("12", "open", "2026-11-29 01:02", "ongoing", "search", "Search is slow"),
]


@pytest.mark.parametrize("room", [40, 50, 60, 80, 120])
def test_a_table_fits_and_names_stay_whole(room: int) -> None:
    """However narrow it is: no line is longer, numbers and states are not cut, and the title has room."""
    fitted = fitting.fit(HEADINGS, ROWS, room)
    assert sum(width for _, width in fitted.columns) + 2 * (len(fitted.columns) - 1) <= room
    named = dict(fitted.columns)
    assert (named["NO"], named["STATUS"]) == (2, 8)
    assert named["TITLE"] >= 14
    assert [row[0] for row in fitted.rows] == ["1", "12"]


def test_a_wide_terminal_leaves_nothing_out() -> None:
    """All columns at their own width where there is room."""
    fitted = fitting.fit(HEADINGS, ROWS, 200)
    assert [name for name, _ in fitted.columns] == list(HEADINGS)
    assert fitted.rows == [list(row) for row in ROWS]


def test_one_days_times_lose_their_date_to_the_heading() -> None:
    """Where there is no room for it in each line."""
    rows = [("2026-03-04 18:02:10", "a" * 40), ("2026-03-04 18:03:10", "b" * 40)]
    fitted = fitting.fit(("TIME (UTC)", "TITLE"), rows, 40)
    assert fitted.columns[0][0] == "2026-03-04\n(UTC)"
    assert [row[0] for row in fitted.rows] == ["18:02:10", "18:03:10"]


def test_a_narrow_terminal_tells_the_end_of_an_alert_from_its_firing() -> None:
    """Of a type its last word stays, before anything else goes."""
    rows = [
        ("2026-03-04 18:02:10", "11552841", f"alert.{each}", "checkout", "HighErrorRate " * 3)
        for each in ("firing", "resolved")
    ]
    fitted = fitting.fit(("TIME (UTC)", "EVENT", "TYPE", "SERVICE", "TITLE"), rows, 60)
    assert [row[2] for row in fitted.rows] == ["firing", "resolved"]


def test_columns_says_how_wide_a_pipe_is(played: Played, monkeypatch: pytest.MonkeyPatch) -> None:
    """As `watch` has it: nothing is wider than that, words are whole, and nobody loses a word; else it is as wide as it
    is."""
    words = ("incident", "1", "--storage.url", played.url)
    wide = run(*words).stdout
    monkeypatch.setenv("COLUMNS", "50")
    narrow = run(*words).stdout
    assert max(map(len, wide.splitlines())) > 80 > 50 >= max(len(line.rstrip()) for line in narrow.splitlines())
    sentence = "The connection pool of checkout is exhausted since v42."
    assert sentence in wide
    assert sentence not in narrow
    assert set(sentence.split()) <= set(narrow.split())
    monkeypatch.setenv("COLUMNS", "none")
    assert run(*words).stdout == wide


def test_a_writing_command_makes_no_database(tmp_path: Path) -> None:
    """It says how one is made, and leaves the folder as it was."""
    for arguments in (["note", "1", "x"], ["open", "x"], ["resolve", "1"], ["erase", "d1", "--reason", "r"]):
        result = run(*arguments, "--storage.url", f"sqlite:///{tmp_path / 'none' / 'x.db'}")
        assert result.exit_code == output.UNAVAILABLE
        assert "timelined serve" in result.stderr
    assert list(tmp_path.iterdir()) == []
