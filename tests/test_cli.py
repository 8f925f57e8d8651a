"""The command line: what it prints, where it asks, and how it ends."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import re
import sqlite3
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from collector.cli import output
from collector.cli.client import ApiRefusal, problem
from collector.cli.moments import MOMENT
from collector.errors import InvalidInput, NotFound, TimelinedError, Unavailable
from renderers import edits
from tests import forks
from tests.commands import read, run
from tests.conftest import Played

STYLE = re.compile("\x1b\\[[0-9;]*m")
"""What sets a style on a terminal and takes no room."""
EVIL = "\x1b[31mred\x1b]0;title\x07 \u202egnp.exe\u2066 [bold]x[/bold] a\nb\u200b"
"""A sender's text that would colour, retitle, reverse, mark up and break a line."""


def told(result: Result) -> Any:
    """The JSON a command printed."""
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


# --- text that strangers wrote ----------------------------------------------------------------------------------------


def test_a_senders_text_cannot_command_a_terminal() -> None:
    """Escapes, controls, direction marks and unseen characters come out as a visible mark, on one line."""
    shown = output.harmless(EVIL)
    assert shown == "\ufffd[31mred\ufffd]0;title\ufffd \ufffdgnp.exe\ufffd [bold]x[/bold] a b\ufffd"


@pytest.mark.parametrize(
    "unseen",
    ["\u2065", "\u115f", "\u3164", "\uffa0", "\ufff0", "\ufe00", "\u180f", "\U000e0fff", "\U0001bca0", "\u034f"],
)
def test_what_no_terminal_shows_is_seen_all_the_same(unseen: str) -> None:
    """Characters that Unicode wants ignored, those that it has not assigned included, do not hide in a name."""
    assert output.harmless(f"a{unseen}b") == "a\ufffdb"
    assert output.harmless_lines(f"a\n{unseen}") == "a\n\ufffd"


def test_letters_of_every_language_stay_as_they_are() -> None:
    """Only what cannot be seen is replaced."""
    assert output.harmless("café 東京 Ωmega – “ok” 🚒") == "café 東京 Ωmega – “ok” 🚒"


def test_a_table_on_a_pipe_is_plain_columns(capsys: pytest.CaptureFixture[str]) -> None:
    """No colour, no box, no cutting, no blanks at the end; wide characters are counted as two."""
    output.table(("NO", "TITLE"), [("1", "東京"), ("12", "[red]" + "x" * 200)])
    assert capsys.readouterr().out == f"NO  TITLE\n1   東京\n12  [red]{'x' * 200}\n"


def test_json_is_exact_and_ascii(capsys: pytest.CaptureFixture[str]) -> None:
    """JSON keeps every character, escaped, so that it is exact on a pipe and harmless on a terminal."""
    output.as_json({"title": EVIL})
    printed = capsys.readouterr().out
    assert printed.isascii()
    assert "\x1b" not in printed
    assert json.loads(printed) == {"title": EVIL}


# --- times ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("text", "ago"), [("now", 0), ("-15m", 900), ("-1h30m", 5400), ("-2d", 172_800), ("-45s", 45)])
def test_a_time_may_be_so_long_ago(text: str, ago: int) -> None:
    """`now` and `-15m` count from the clock of whoever asks."""
    at = datetime.fromisoformat(MOMENT.convert(text, None, None))
    assert abs(datetime.now(UTC) - timedelta(seconds=ago) - at) < timedelta(seconds=5)


# --- how it ends ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "kind", "code"),
    [
        (404, NotFound, output.NOT_FOUND),
        (400, InvalidInput, output.FAILED),
        (422, InvalidInput, output.FAILED),
        (409, InvalidInput, output.FAILED),
        (401, ApiRefusal, output.FAILED),
        (302, ApiRefusal, output.FAILED),
        (503, Unavailable, output.UNAVAILABLE),
        (500, Unavailable, output.UNAVAILABLE),
    ],
)
def test_every_answer_has_its_exit_code(status: int, kind: type[TimelinedError], code: int) -> None:
    """A problem of the API becomes one of our errors, which keeps the server's words and has one exit code."""
    error = problem(status, json.dumps({"detail": "because"}).encode())
    assert type(error) is kind
    assert "because" in str(error)
    assert output.exit_code(error) == code


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'"x"', b"\xff"])
def test_an_answer_that_is_no_problem_json_is_told_by_its_status(body: bytes) -> None:
    """A proxy's page instead of ours does not break the command."""
    assert "502" in str(problem(502, body))


def test_a_wrong_command_line_is_a_usage_error() -> None:
    """An unknown option, a missing argument and a bad value end with 2 and say so on stderr."""
    for arguments in (["incidents", "--nonsense"], ["draft"], ["mark", "1", "sometime"], ["nonsense"]):
        result = run(*arguments)
        assert result.exit_code == output.USAGE
        assert result.stdout == ""
        assert result.stderr


def test_help_tells_the_exit_codes() -> None:
    """Every exit code and its meaning stand in the help."""
    text = " ".join(run("--help").stdout.split())
    for code, meaning in output.EXIT_CODES.items():
        assert f"{code} {meaning}" in text


def test_a_missing_database_is_unavailable(tmp_path: Path) -> None:
    """Reading a log that is not there creates nothing, says what is missing and ends with 4."""
    result = run("incidents", "--storage.url", f"sqlite:///{tmp_path / 'none.db'}")
    assert result.exit_code == output.UNAVAILABLE
    assert result.stdout == ""
    assert "none.db" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_daemon_that_is_not_there_is_unavailable(free_port: int) -> None:
    """Nobody listens: the message names the address, and the exit code is 4."""
    result = run("incidents", "--server", f"127.0.0.1:{free_port}")
    assert result.exit_code == output.UNAVAILABLE
    assert f"127.0.0.1:{free_port}" in result.stderr


# --- reading, without a daemon ----------------------------------------------------------------------------------------


def test_incidents_are_listed_from_the_file(played: Played) -> None:
    """No daemon runs; the list is read from the database alone."""
    lines = read(played, "incidents").stdout.splitlines()
    assert lines[0].split()[:2] == ["NO", "STATUS"]
    assert lines[1].startswith("1 ")
    assert "resolved" in lines[1]
    assert "2026-03-04 18:02" in lines[1]


def test_reading_changes_nothing_in_the_file(played: Played) -> None:
    """A reader leaves the database byte for byte as it was."""
    path = Path(played.url.removeprefix("sqlite:///"))
    before = path.read_bytes()
    for arguments in (["incidents"], ["incident", "1"], ["events"], ["deliveries"], ["draft", "1"], ["signals"]):
        assert read(played, *arguments).exit_code == 0
    assert path.read_bytes() == before


def test_lists_are_readable_at_eighty_columns(played: Played) -> None:
    """On a terminal of 80 columns no line is longer, and no column is lost."""
    for command in (["incidents"], ["incident", "1"], ["events"], ["deliveries"]):
        shown = on_a_terminal(played, *command)
        plain = [line for line in STYLE.sub("", shown).splitlines() if line.strip()]
        assert max(len(line) for line in plain) <= 80, shown


def test_an_incident_shows_its_events(played: Played) -> None:
    """The facts first, then each event with the end of its id, in the order they happened."""
    shown = read(played, "incident", "1").stdout
    times = [line[:19] for line in shown.splitlines() if line.startswith("2026-03-04 ")]
    assert len(times) == 18
    assert times == sorted(times)
    assert "Status:" in shown
    assert "change.rolled_back" in shown
    assert "page.acknowledged" in shown


def test_an_unknown_incident_is_not_found(played: Played) -> None:
    """A number nobody gave ends with 3, whatever is asked of it."""
    for arguments in (["incident", "99"], ["draft", "99"]):
        result = read(played, *arguments)
        assert result.exit_code == output.NOT_FOUND
        assert result.stdout == ""


def test_why_takes_the_end_of_an_id(played: Played) -> None:
    """The digits a list shows name the event, and the answer names the incident and the rule."""
    event = told(read(played, "events", "--type", "page.triggered", "-o", "json"))["events"][0]
    shown = read(played, "why", output.short(event["id"])).stdout
    assert event["id"] in shown
    assert "Incident: 1" in shown
    assert "Rule:" in shown


def test_why_says_why_an_event_is_in_no_incident(played: Played) -> None:
    """Somebody else's deploy joined nothing, for a reason."""
    events = told(read(played, "events", "--service", "newsletter", "-o", "json"))["events"]
    shown = read(played, "why", events[0]["id"]).stdout
    assert "Incident: none" in shown
    assert "Why:" in shown


@pytest.mark.parametrize("name", ["../incidents", "a/b", "", "zz%2f", "ffffffffffff"])
def test_a_name_that_is_no_id_is_not_found(played: Played, name: str) -> None:
    """Whatever is typed as an id stays one segment of one path."""
    assert read(played, "why", name).exit_code == output.NOT_FOUND
    assert read(played, "delivery", name).exit_code == output.NOT_FOUND


def test_a_delivery_gives_back_its_bytes(played: Played, tmp_path: Path) -> None:
    """The body comes out as it went in, on a pipe and into a file."""
    row = told(read(played, "deliveries", "--source", "pagerduty", "-o", "json"))["deliveries"][0]
    body = read(played, "delivery", row["id"], "--body").stdout_bytes
    assert json.loads(body)["event"]["resource_type"] == "incident"
    assert len(body) == row["size"]
    assert read(played, "delivery", row["id"], "--to", str(tmp_path / "body")).stdout == ""
    assert (tmp_path / "body").read_bytes() == body


def test_a_list_shows_delivery_ids_that_name_a_delivery(played: Played) -> None:
    """What the table shows can be typed into the next command."""
    line = read(played, "deliveries").stdout.splitlines()[1]
    assert read(played, "delivery", line.split()[2]).exit_code == 0


def test_a_draft_on_a_pipe_is_exactly_the_draft(played: Played, tmp_path: Path) -> None:
    """stdout and the daemon's own answer are the same bytes; --to adds marks that nobody sees."""
    written = (played.folder / "incident-1.md").read_bytes()
    assert read(played, "draft", "1").stdout_bytes == written
    result = read(played, "draft", "1", "--to", str(tmp_path / "d.md"))
    assert result.stdout == ""
    assert "written to" in result.stderr
    assert edits.plain((tmp_path / "d.md").read_text("utf-8")).encode() == written


def test_a_draft_in_a_file_is_brought_up_to_date_around_what_a_person_wrote(played: Played, tmp_path: Path) -> None:
    """A draft as of an earlier moment, edited, learns what came later; the version before is kept."""
    path = tmp_path / "postmortem.md"
    assert "written to" in read(played, "draft", "1", "--as-of", "2026-03-04T18:10:00Z", "--to", str(path)).stderr
    early = path.read_text("utf-8").replace("## Impact", "Shoppers could not pay.\n\n## What they lost", 1)
    path.write_text(early, "utf-8")
    assert "brought up to date" in read(played, "draft", "1", "--to", str(path)).stderr
    text = path.read_text("utf-8")
    assert "Shoppers could not pay.\n\n## What they lost" in text
    assert "Rollback" in text
    assert "**Status:** Resolved" in text
    assert (tmp_path / "postmortem.md.~1~").read_text("utf-8") == early
    assert "is up to date" in read(played, "draft", "1", "--to", str(path)).stderr
    assert sorted(each.name for each in tmp_path.iterdir()) == ["postmortem.md", "postmortem.md.~1~"]


def test_what_was_learnt_between_two_moments_is_listed(played: Played) -> None:
    """What the later draft states and the earlier did not, and the reverse; of one moment nothing differs."""
    early = "2026-03-04T18:10:00Z"
    found = told(read(played, "diff", "1", "--as-of", early, "-o", "json"))["differences"]
    (status,) = [each for each in found if "Status:" in each["after"]]
    assert status["before"].startswith("**Status:** Unresolved")
    assert (status["section"], status["after"]) == ("head", "**Status:** Resolved")
    new = [each["after"] for each in found if each["section"] == "timeline" and not each["before"]]
    assert any("Rollback" in row for row in new)
    assert not any("Deploy of checkout" in row for row in new)
    shown = read(played, "diff", "1", "--as-of", early).stdout
    assert "+ timeline: " in shown
    assert "- head: " in shown
    none = read(played, "diff", "1", "--as-of", early, "--as-of", early)
    assert (none.exit_code, none.stdout) == (0, "")


def test_a_file_that_is_no_draft_is_not_written_over(played: Played, tmp_path: Path) -> None:
    """It stays as it is unless --overwrite says so, and is kept even then."""
    path = tmp_path / "notes.md"
    path.write_text("My notes.\n", "utf-8")
    assert read(played, "draft", "1", "--to", str(path)).exit_code == output.FAILED
    assert path.read_text("utf-8") == "My notes.\n"
    assert read(played, "draft", "1", "--to", str(path), "--overwrite").exit_code == 0
    assert path.read_text("utf-8").startswith("# Postmortem Report: ")
    assert (tmp_path / "notes.md.~1~").read_text("utf-8") == "My notes.\n"


def test_a_draft_can_be_read_as_of_an_earlier_moment(played: Played) -> None:
    """What came later is not in it, and the incident is not over."""
    early = read(played, "draft", "1", "--as-of", "2026-03-04T18:10:00Z").stdout
    assert "Rollback" not in early
    assert "**Status:** Unresolved" in early


def test_a_zone_that_does_not_exist_is_refused(played: Played) -> None:
    """A bad option value is a usage error that repeats it."""
    result = read(played, "draft", "1", "--zone", "Europe/Atlantis")
    assert result.exit_code == output.USAGE
    assert "Atlantis" in result.stderr


def test_lint_finds_nothing_in_a_draft_of_ours(played: Played) -> None:
    """Every generated claim of the demo's draft is cited."""
    assert told(read(played, "lint", "1", "-o", "json")) == {"findings": []}
    assert read(played, "lint", "1").exit_code == 0


def test_lists_go_on_where_they_ended(played: Played) -> None:
    """Following the cursor gives every event once, in order."""
    whole = [e["position"] for e in told(read(played, "events", "-o", "json"))["events"]]
    seen: list[int] = []
    cursor: list[str] = []
    while True:
        page = told(read(played, "events", "--limit", "5", "-o", "json", *cursor))
        seen += [event["position"] for event in page["events"]]
        if not page["next"]:
            break
        cursor = ["--after", str(page["next"])]
    assert seen == whole
    assert len(whole) > 15


def test_a_senders_text_is_harmless_on_a_terminal(tmp_path: Path, empty_log: str) -> None:
    """A title with escapes is shown without them, in lists, in an incident and in a draft."""
    url = empty_log
    assert run("open", EVIL, "--service", EVIL, "--storage.url", url).exit_code == 0
    for arguments in (["incidents"], ["incident", "1"], ["events"], ["draft", "1"]):
        shown = on_a_terminal(Played(0, "", "", tmp_path, url), *arguments)
        assert "red" in shown
        assert not {"\x07", "\u202e", "\u2066", "\u200b"} & set(shown)
        assert "\x1b]0" not in shown
        assert "\x1b[31mred" not in shown


def on_a_terminal(played: Played, *arguments: str) -> str:
    """What a command shows on a terminal of 80 columns, without the colours we set ourselves."""
    ours, theirs = pty.openpty()
    command, *rest = arguments
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("TIMELINED_", "COLUMNS", "FORCE_"))}
    environment |= {"COLUMNS": "80", "TERM": "xterm", "NO_COLOR": "1", "PYTHONPATH": str(Path(__file__).parents[1])}
    with Path(os.devnull).open("r+b") as nothing:
        streams = (nothing.fileno(), theirs, nothing.fileno())
        process = forks.start([command, "--storage.url", played.url, *rest], played.folder, environment, streams)
    os.close(theirs)
    shown = b"".join(_chunks(ours))
    os.close(ours)
    assert process.wait(30) == 0
    return shown.decode().replace("\r\n", "\n")


def _chunks(terminal: int) -> Iterator[bytes]:
    # Linux answers EIO where the other end of a terminal has closed.
    with contextlib.suppress(OSError):
        while chunk := os.read(terminal, 65536):
            yield chunk


# --- an empty log -----------------------------------------------------------------------------------------------------


def test_no_incident_is_said_on_stderr(played: Played) -> None:
    """A filter that nothing matches gives an empty result, a word about it, and 0."""
    result = read(played, "incidents", "--service", "nobody")
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == 'No incident matches: nothing in the log has the service "nobody".\n'


# --- writing, without a daemon ----------------------------------------------------------------------------------------


def test_a_report_opens_an_incident_and_all_commands_find_it(empty_log: str) -> None:
    """open, note, action, mark, edit, resolve and reopen each record one fact that the next command shows."""
    where = ("--storage.url", empty_log)
    opened = told(run("open", "Payments fail", "--service", "checkout", *where, "-o", "json"))
    assert opened["incident"] == 1
    steps = (
        ["note", "1", "Pool exhausted"],
        ["action", "1", "Watch the pool", "--owner", "Ben", "--due", "2026-03-18"],
        ["mark", "1", "mitigated", "--at", "-1m"],
        ["edit", "1", "lead", "Ana"],
        ["review", "1", "in_review", "--text", "with the team"],
        ["resolve", "1"],
        ["reopen", "1"],
    )
    for arguments in steps:
        result = run(*arguments, *where)
        assert result.exit_code == 0, (arguments, result.stderr)
        assert "incident 1" in result.stdout
    types = [event["type"] for event in told(run("events", "--source", "people", *where, "-o", "json"))["events"]]
    expected = "incident.opened note.added action.added mark.set incident.edited incident.reviewed"
    assert types == [*expected.split(), "incident.resolved", "incident.reopened"]
    (version,) = told(run("versions", "1", *where, "-o", "json"))["versions"]
    assert (version["status"], version["text"], version["changed"]) == ("in_review", "with the team", True)
    assert re.search(r"1 +in review +\d.* yes +with the team", run("versions", "1", *where).stdout)
    since = run("diff", "1", "--version", "1", *where).stdout
    assert "What people changed:" in since
    assert "What evidence changed:" not in since
    assert run("diff", "1", "--version", "2", *where).exit_code == output.NOT_FOUND
    assert run("diff", "1", *where).exit_code == output.USAGE
    assert told(run("incidents", *where, "-o", "json"))["incidents"][0]["lead"] == "Ana"


def test_events_can_be_moved_and_incidents_merged(empty_log: str) -> None:
    """leave, join and merge name events and incidents as lists show them; one incident keeps the older one's number."""
    where = ("--storage.url", empty_log)
    first = told(run("open", "Payments fail", "--service", "checkout", *where, "-o", "json"))
    second = told(run("open", "Search is slow", "--service", "search", "--at", "-3h", *where, "-o", "json"))
    assert {first["incident"], second["incident"]} == {1, 2}
    merged = run("merge", "1", "2", *where)
    assert merged.exit_code == 0, merged.stderr
    for event in (first["event"], second["event"]):
        assert f"Incident: {second['incident']}" in read_plain(run("why", event, *where))
    [gone] = told(run("incidents", "--status", "merged", *where, "-o", "json"))["incidents"]
    assert (gone["number"], gone["merged_into"]) == (first["incident"], second["incident"])
    for command in ("leave", "join"):
        result = run(command, "1", second["event"], *where)
        assert result.exit_code == 0, result.stderr


def read_plain(result: Result) -> str:
    """What a command printed, its blanks folded."""
    assert result.exit_code == 0, result.stderr
    return " ".join(result.stdout.split())


def test_a_key_makes_saying_it_twice_the_same_as_once(empty_log: str) -> None:
    """The second time the fact is known already, and the log holds it once."""
    where = ("--storage.url", empty_log)
    run("open", "Payments fail", *where)
    first = run("note", "1", "Pool exhausted", "--key", "k1", *where)
    again = run("note", "1", "Pool exhausted", "--key", "k1", *where)
    assert first.stdout.startswith("Noted in incident 1")
    assert again.stdout.startswith("Known already: noted in incident 1")
    notes = told(run("events", "--type", "note.added", *where, "-o", "json"))["events"]
    assert [note["title"] for note in notes] == ["Pool exhausted"]


def test_a_statement_has_an_author(empty_log: str) -> None:
    """--by goes before the variable, the variable before the login name."""
    where = ("--storage.url", empty_log)
    run("open", "Payments fail", *where)
    run("note", "1", "Mine", *where)
    run("note", "1", "Theirs", "--by", "Ben", *where)
    notes = told(run("events", "--type", "note.added", *where, "-o", "json"))["events"]
    assert [note["actor"] for note in notes] == ["Ana", "Ben"]


def test_a_statement_about_nothing_is_not_found_and_not_recorded(empty_log: str) -> None:
    """An incident that does not exist ends with 3."""
    where = ("--storage.url", empty_log)
    run("open", "Payments fail", *where)
    assert run("note", "7", "Pool exhausted", *where).exit_code == output.NOT_FOUND
    assert told(run("events", "--type", "note.added", *where, "-o", "json"))["events"] == []


# --- with a daemon ----------------------------------------------------------------------------------------------------


class Served:
    """A daemon in a process of its own."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.url = f"sqlite:///{folder / 'served.db'}"
        environment = {name: value for name, value in os.environ.items() if not name.startswith("TIMELINED_")}
        environment["PYTHONPATH"] = str(Path(__file__).parents[1])
        flags = ["--web.listen-address", "127.0.0.1:0", "--storage.url", self.url, "--log.level", "warning"]
        ours, theirs = os.pipe()
        with Path(os.devnull).open("r+b") as nothing:
            streams = (nothing.fileno(), nothing.fileno(), theirs)
            self.process = forks.start(["serve", *flags, *arguments], folder, environment, streams)
        os.close(theirs)
        self.stderr = os.fdopen(ours, encoding="utf-8")
        self.ready = self.stderr.readline()
        self.address = self.ready.split()[-1] if self.ready.startswith("timelined is ready at ") else ""

    def end(self) -> int:
        """Ask it to end; its exit code."""
        self.process.terminate()
        with self.stderr:
            assert "Traceback" not in self.stderr.read()
        return self.process.wait(30)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    """A daemon on a free port over a database of this test's own."""
    daemon = Served(tmp_path)
    yield daemon
    assert daemon.end() == 0


def test_while_a_daemon_runs_writing_goes_through_it(served: Served) -> None:
    """The database is locked; the same command finds the daemon by its lock file and the fact arrives."""
    assert served.address, served.ready
    result = run("open", "Payments fail", "--storage.url", served.url)
    assert result.exit_code == 0, result.stderr
    assert "Payments fail" in run("incidents", "--storage.url", served.url).stdout
    assert "Payments fail" in run("incidents", "--server", served.address).stdout


def test_the_file_and_the_daemon_give_the_same_answers(served: Served) -> None:
    """Every reading command prints the same from the database as from the daemon."""
    run("open", "Payments fail", "--server", served.address)
    for arguments in (["incidents"], ["incident", "1"], ["events"], ["deliveries"], ["signals"], ["draft", "1"]):
        direct = run(*arguments, "--storage.url", served.url)
        asked = run(*arguments, "--server", served.address)
        assert direct.exit_code == 0, direct.stderr
        assert direct.stdout == asked.stdout


def test_an_empty_list_says_what_joined_nothing_and_why(served: Served) -> None:
    """No incident, but events: how many, and the reasons, on stderr; the result stays empty and the exit code 0."""
    event = {
        "specversion": "1.0",
        "id": "1",
        "source": "/ci",
        "type": "dev.example.build",
        "time": "2026-03-04T18:00:00Z",
    }
    request = urllib.request.Request(  # noqa: S310 - our own daemon
        f"{served.address}/webhooks/cloudevents",
        json.dumps(event).encode(),
        {"Content-Type": "application/cloudevents+json"},
    )
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
        assert answer.status == 202
    for _ in range(200):
        result = run("incidents", "--server", served.address)
        if "joined none" in result.stderr:
            break
    assert (result.exit_code, result.stdout) == (0, "")
    assert "have joined none, because:" in result.stderr or "has joined none, because:" in result.stderr


def test_a_second_daemon_over_one_file_is_refused(served: Served, tmp_path: Path) -> None:
    """Two writers would tear the order apart; the second says who holds the log and ends with 4."""
    second = Served(tmp_path)
    assert second.address == ""
    assert second.process.wait(30) == output.UNAVAILABLE
    with second.stderr:
        assert served.address in second.ready + second.stderr.read()


def test_a_token_opens_a_guarded_api(tmp_path: Path) -> None:
    """Without the token the API refuses with 1 and says what to do; with it, it answers."""
    (tmp_path / "token").write_text("correct-horse-battery-staple-0123\n", "utf-8")
    (tmp_path / "t.yml").write_text("api:\n  token_file: token\n", "utf-8")
    daemon = Served(tmp_path, "--config.file", "t.yml")
    try:
        refused = run("incidents", "--server", daemon.address)
        assert refused.exit_code == output.FAILED
        assert "--token-file" in refused.stderr
        opened = run("incidents", "--server", daemon.address, "--token-file", str(tmp_path / "token"))
        assert opened.exit_code == 0, opened.stderr
        config = ["--config.file", str(tmp_path / "t.yml"), "--storage.url", daemon.url]
        assert run("open", "Payments fail", *config).exit_code == 0
    finally:
        assert daemon.end() == 0


# --- configuration ----------------------------------------------------------------------------------------------------


def test_check_reports_every_mistake_and_fails(tmp_path: Path) -> None:
    """All mistakes at once, as the result, each with its line; exit code 1."""
    bad = tmp_path / "bad.yml"
    bad.write_text("web:\n  listen_adress: x\nsources:\n  pagerduty:\n    kind: pager\n", "utf-8")
    result = run("check", str(bad))
    assert result.exit_code == output.FAILED
    assert "line 2" in result.stdout
    assert "line 5" in result.stdout
    machine = run("check", str(bad), "-o", "json")
    assert machine.exit_code == output.FAILED
    assert len(json.loads(machine.stdout)["mistakes"]) >= 2


def test_check_passes_the_configuration_we_ship() -> None:
    """config/timelined.yml has no mistakes."""
    result = run("check", str(Path(__file__).parents[1] / "config" / "timelined.yml"))
    assert result.exit_code == 0, result.stdout
    assert "no mistakes" in result.stdout


def test_a_wrong_configuration_stops_every_command_with_its_mistakes(tmp_path: Path) -> None:
    """The same sentences on stderr, and exit code 1."""
    bad = tmp_path / "bad.yml"
    bad.write_text("webb: {}\n", "utf-8")
    result = run("incidents", "--config.file", str(bad))
    assert result.exit_code == output.FAILED
    assert "webb" in result.stderr


def test_sources_tells_what_to_enter_where_and_no_secret(tmp_path: Path) -> None:
    """Each source with its authentication and address; the secret itself is never shown."""
    (tmp_path / "secret").write_text("do-not-show-this-secret", "utf-8")
    (tmp_path / "t.yml").write_text(
        "sources:\n  pd-eu:\n    kind: pagerduty\n    secret_file: secret\n"
        "  am:\n    kind: alertmanager\n    open: true\n",
        "utf-8",
    )
    shown = run("sources", "--config.file", str(tmp_path / "t.yml"))
    assert shown.exit_code == 0, shown.stderr
    assert "signature" in shown.stdout
    assert "http://127.0.0.1:9720/webhooks/pd-eu" in shown.stdout
    assert "anybody may send" in shown.stdout
    assert "do-not-show" not in shown.output


def test_the_database_of_a_reader_is_never_written(played: Played) -> None:
    """Reading opens the file read-only: not even a journal of ours stays beside it."""
    path = Path(played.url.removeprefix("sqlite:///"))
    path.chmod(0o444)
    try:
        assert read(played, "incidents").exit_code == 0
    finally:
        path.chmod(0o644)
    with contextlib.closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
