"""The command line takes what people type: times as printed, events as cited; and it says what was typed."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from collector.cli import output, timelined
from collector.people import citations, moments
from tests import forks
from tests.conftest import Played

NOW = datetime(2026, 11, 28, 22, 30, 5, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")


def run(*arguments: str, **environment: str) -> Result:
    """One command in this process."""
    return CliRunner(env={"TIMELINED_BY": "Ana", **environment}).invoke(timelined, list(arguments))


def at(text: str, zone: ZoneInfo | timezone = UTC) -> datetime:
    """What a text names, typed at NOW."""
    return datetime.fromisoformat(moments.read(text, zone, NOW))


# --- times ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "means"),
    [
        ("2026-11-28 21:27", "2026-11-28T21:27:00"),
        ("2026-11-28 21:27:56", "2026-11-28T21:27:56"),
        ("2026-11-28T21:27", "2026-11-28T21:27:00"),
        ("2026-11-28", "2026-11-28T00:00:00"),
        ("21:27", "2026-11-28T21:27:00"),
        ("22:45", "2026-11-27T22:45:00"),
        ("9:05", "2026-11-28T09:05:00"),
        ("5m", "2026-11-28T22:25:05"),
        ("-5m", "2026-11-28T22:25:05"),
        ("1d", "2026-11-27T22:30:05"),
        ("1h30m", "2026-11-28T21:00:05"),
        ("now", "2026-11-28T22:30:05"),
        ("2026-11-28T23:27:00+01:00", "2026-11-28T22:27:00"),
        ("2026-11-28 21:27Z", "2026-11-28T21:27:00"),
        ("today", "2026-11-28T00:00:00"),
        ("yesterday", "2026-11-27T00:00:00"),
        ("2 days ago", "2026-11-26T22:30:05"),
        ("5 min", "2026-11-28T22:25:05"),
        ("1w", "2026-11-21T22:30:05"),
        ("1.5h", "2026-11-28T21:00:05"),
        ("21:27 UTC", "2026-11-28T21:27:00"),
        ("21:27+01:00", "2026-11-28T20:27:00"),
        ("21:27 Europe/Berlin", "2026-11-28T20:27:00"),
        ("2026-11-28 21:27 CET", "2026-11-28T20:27:00"),
        ("1772647330", "2026-03-04T18:02:10"),
        ("@1772647330.5", "2026-03-04T18:02:10.5"),
    ],
)
def test_a_time_is_read_as_it_is_printed(text: str, means: str) -> None:
    """As lists and drafts print it, a clock's time, a date, so long ago; UTC where no zone is said."""
    assert at(text) == datetime.fromisoformat(means).replace(tzinfo=UTC)


@given(st.datetimes(datetime(1990, 1, 1), datetime(2090, 1, 1)).map(lambda d: d.replace(microsecond=0)))  # noqa: DTZ001
def test_what_a_list_prints_is_read_back_as_the_same_moment(moment: datetime) -> None:
    """Whatever a list shows can be typed into the next command."""
    stated = moment.replace(tzinfo=UTC)
    assert at(output.time(stated.isoformat())) == stated


def test_a_time_without_an_offset_is_one_of_the_zone_that_was_said() -> None:
    """--zone moves what has no offset, the date and the clock's time too, and nothing that has one."""
    assert at("2026-11-28 21:27", BERLIN) == datetime(2026, 11, 28, 20, 27, tzinfo=UTC)
    assert at("2026-11-28", BERLIN) == datetime(2026, 11, 27, 23, 0, tzinfo=UTC)
    assert at("23:29", BERLIN) == datetime(2026, 11, 28, 22, 29, tzinfo=UTC)
    assert at("23:31", BERLIN) == datetime(2026, 11, 27, 22, 31, tzinfo=UTC)
    assert at("2026-11-28T21:27:00Z", BERLIN) == datetime(2026, 11, 28, 21, 27, tzinfo=UTC)


@pytest.mark.parametrize(("text", "why"), [("2026-10-25 02:30", "twice"), ("2026-03-29 02:30", "never")])
def test_what_a_clock_showed_twice_or_never_is_refused(text: str, why: str) -> None:
    """A time that could be two moments is not guessed."""
    with pytest.raises(ValueError, match=why):
        moments.read(text, BERLIN, NOW)


@pytest.mark.parametrize(
    "text",
    ["", "-", "15", "m", "04/03/2026 14:02", "2026-02-30", "25:00", "17726293", "2026-3-4", "24:00", "5 months",
     "999999d", "0001-01-01", "2026-03-0414:02"],
)  # fmt: skip
def test_what_is_no_time_is_refused_with_what_was_typed(text: str, played: Played) -> None:
    """The message repeats it and shows what can be written; nothing ends in a traceback."""
    result = run("events", "--since", text, "--storage.url", played.url)
    if text == "0001-01-01":  # a time, which the API does not take
        assert result.exit_code == output.FAILED
        return
    assert result.exit_code == output.USAGE, result.output
    assert repr(text) in result.stderr
    assert "2026-03-04 14:02" in result.stderr


def test_the_zone_of_a_command_is_told_before_its_times(played: Played) -> None:
    """--zone counts wherever it stands, and TIMELINED_ZONE counts too."""
    plain = run("events", "--since", "2026-03-04 18:10", "--storage.url", played.url)
    for arguments, environment in (
        (["--since", "2026-03-04 19:10", "--zone", "Europe/Berlin"], {}),
        (["--since", "2026-03-04 19:10"], {"TIMELINED_ZONE": "Europe/Berlin"}),
    ):
        assert run("events", *arguments, "--storage.url", played.url, **environment).stdout == plain.stdout
    assert plain.stdout.count("\n") > 3
    wrong = run("events", "--zone", "Europe/Atlantis", "--storage.url", played.url)
    assert (wrong.exit_code, "Atlantis" in wrong.stderr) == (output.USAGE, True)


def test_a_span_too_long_for_a_calendar_is_refused() -> None:
    """A million days are no time."""
    with pytest.raises((ValueError, OverflowError)):
        moments.read("999999d", UTC, NOW)
    assert at("2d") == NOW - timedelta(days=2)


@pytest.mark.parametrize("text", ["2026-07-04 18:02 CET", "2026-07-04 18:02 PDT", "18:02 Berlin"])
def test_a_clocks_word_for_its_zone_is_never_guessed(text: str) -> None:
    """It is taken where the zone of the command shows it then; a zone's name is shown as it is written."""
    assert at("2026-07-04 18:02 CEST", BERLIN) == datetime(2026, 7, 4, 16, 2, tzinfo=UTC)
    with pytest.raises(ValueError, match="Europe/"):
        at(text, BERLIN)


# --- events and incidents ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "digits", "incident"),
    [("[b61d0]", "b61d0", None), ("#B61D0", "b61d0", None), ("1/b61d0", "b61d0", 1), ("[INC-12/b61d0]", "b61d0", 12),
     ("(b61d0).", "b61d0", None), ("`b61d0`,", "b61d0", None), ("1/[b61d0]", "b61d0", 1)],
)  # fmt: skip
def test_an_event_is_named_as_a_draft_cites_it(text: str, digits: str, incident: int | None) -> None:
    """Brackets, a hash, an incident before it, and whatever stood around it where it was copied."""
    assert citations.read(text) == citations.Citation(digits, incident)


def test_commands_take_citations_as_drafts_print_them(played: Played) -> None:
    """Pasted with its brackets, or within its incident; within another incident there is none."""
    text = (played.folder / "incident-1.md").read_text("utf-8")
    cited = text[text.index("[") + 1 :].split("]")[0].split(",")[0]
    whole = run("why", cited, "--storage.url", played.url)
    assert whole.exit_code == 0, whole.stderr
    links = (f"http://t.example/events/{cited}", f"https://t.example/t/incidents/1?zone=UTC#e-{cited}")
    for name in (f"[{cited}]", f"1/{cited}", f"INC-1/{cited}", f"#{cited}", *links):
        assert run("why", name, "--storage.url", played.url).stdout == whole.stdout, name
    incident = run("incident", "1", "--storage.url", played.url).stdout
    assert run("incident", links[1], "--storage.url", played.url).stdout == incident
    other = run("why", f"2/{cited}", "--storage.url", played.url)
    assert (other.exit_code, other.stdout) == (output.NOT_FOUND, "")


def test_a_citation_of_digits_alone_is_proved(played: Played) -> None:
    """The demo's draft has such ones: each is proved as the event it is, and --incident is an incident always."""
    ids = [line.split()[2] for line in run("events", "--storage.url", played.url).stdout.splitlines()[1:]]
    digits = [one[-5:] for one in ids if one[-5:].isdigit()]
    assert digits, "the recording has no such id any more; record another"
    for cited in digits:
        proved = run("proof", cited, "--storage.url", played.url)
        assert proved.exit_code == 0, proved.stderr
        assert cited in proved.stdout
    named = run("proof", "--incident", digits[0], "--storage.url", played.url)
    assert (named.exit_code, digits[0] in named.stderr) == (output.NOT_FOUND, True)


@pytest.mark.parametrize(
    ("arguments", "phrase"),
    [
        (["why", "zzzzz"], '"zzzzz"'),
        (["why", "8e"], "too short"),
        (["why", "[b61d0, c8524]"], "those are several"),
        (["proof", "--position", "9999"], "no event is there"),
        (["events", "--zone", "berlin"], "write it like Europe/Berlin"),
        (["mark", "1", "impact"], "impact_started"),
        (["edit", "1", "titel", "titel"], "'titel' is not one of 'title'"),
        (["retract", "1", "--reason", ""], "it is empty"),
        (["deliveries", "--before", "xyz"], "timelined deliveries"),
        (["restore", "/nonexistent"], "cannot restore /nonexistent"),
        (["draft", "1", "--to", ""], "name a file, or - for standard output"),
        (["backup", "verfy"], "did you mean verify?"),
        (["why", "fffffff"], "timelined events"),
        (["proof", "fffffff"], "timelined events"),
        (["incident", "99"], "timelined incidents"),
        (["incident", "abc"], "'abc' is not an incident's number"),
        (["delivery", "d99"], "timelined deliveries"),
    ],
)
def test_an_error_repeats_what_was_typed_and_names_the_command_that_helps(
    played: Played, arguments: list[str], phrase: str
) -> None:
    """No address of the API is advised to somebody at a terminal."""
    result = run(*arguments, "--storage.url", played.url)
    assert result.exit_code in (output.NOT_FOUND, output.USAGE)
    assert phrase in result.stderr
    assert arguments[-1] in result.stderr
    assert "/api/" not in result.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "phrase"),
    [
        (["--server", "http://127.0.0.1:99999"], output.FAILED, "cannot use 'http://127.0.0.1:99999' as a server"),
        (["--server", "http://"], output.FAILED, "as a server; write it like http://127.0.0.1:9720"),
        (["--server", "127.0.0.1:1"], output.UNAVAILABLE, "http://127.0.0.1:1: Connection refused; is the daemon"),
        (["--server", "127.0.0.1:1", "--token-file", __file__], output.FAILED, "it has to hold one line of text"),
        (["--storage.url", "log.db"], output.FAILED, "--storage.url is 'log.db', which is no address of a database"),
        (["--storage.url", "/srv/log.db"], output.FAILED, "write it like sqlite:////srv/log.db"),
        (["--storage.url", "postgres://me:secret@h/d"], output.FAILED, "write it like postgresql://h/d"),
        (["--storage.url", "postgresql://127.0.0.1:1/d"], output.UNAVAILABLE, "127.0.0.1:1/d: Connection refused"),
        (["--storage.url", f"sqlite:///{Path(__file__).parent}"], output.UNAVAILABLE, "that is a folder"),
    ],
)
def test_where_nobody_can_be_asked_is_said_in_plain_words(arguments: list[str], code: int, phrase: str) -> None:
    """In one sentence of the system's own words, with what was typed and no secret; and once, however it was given."""
    result = run("incidents", *arguments)
    assert (result.exit_code, result.stderr.count("\n")) == (code, 1)
    assert phrase in result.stderr
    assert "secret" not in result.stderr
    if arguments[0] == "--storage.url" and code == output.FAILED:
        variable = run("incidents", TIMELINED_STORAGE_URL=arguments[1])
        assert variable.stderr == result.stderr.replace("--storage.url", "TIMELINED_STORAGE_URL")


class Stranger(BaseHTTPRequestHandler):
    """A server of something else: a page for whatever is asked."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<h1>Hello</h1>")

    def do_POST(self) -> None:
        self.do_GET()

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""


def test_what_is_no_daemon_of_ours_is_not_believed() -> None:
    """Neither its page for a draft nor its 200 for a note, and nobody follows it for ever."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Stranger) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        for words in (["incidents"], ["draft", "1"], ["lint", "1"], ["note", "1", "x"], ["events", "--follow"]):
            result = run(*words, "--server", f"http://127.0.0.1:{server.server_port}")
            assert (result.exit_code, result.stdout) == (output.FAILED, ""), words
            assert "is what answers there a timelined daemon?" in result.stderr
        server.shutdown()


# --- where a result goes ----------------------------------------------------------------------------------------------


def test_a_target_that_cannot_be_written_is_a_sentence(played: Played, tmp_path: Path) -> None:
    """A folder in the place of a file, or a file in that of a folder: one line, exit code 1."""
    (tmp_path / "file").touch()
    for arguments in (["draft", "1"], ["delivery", "d1"], ["proof", "--incident", "1"]):
        target = str(tmp_path / "file" / "x")
        result = run(*arguments, "--to", target, "--storage.url", played.url)
        assert result.exit_code == output.FAILED, result.output
        assert result.stderr == f"cannot write {target}: Not a directory\n" or "File exists" in result.stderr


def test_a_dash_is_standard_output(played: Played) -> None:
    """As everywhere: no file of that name is made."""
    draft = run("draft", "1", "--storage.url", played.url).stdout
    assert run("draft", "1", "--to", "-", "--storage.url", played.url).stdout == draft
    body = run("delivery", "d1", "--body", "--storage.url", played.url).stdout_bytes
    assert run("delivery", "d1", "--to", "-", "--storage.url", played.url).stdout_bytes == body
    proof = run("proof", "--incident", "1", "--to", "-", "--storage.url", played.url)
    assert (proof.exit_code, '"kind"' in proof.stdout, Path("-").exists()) == (0, True, False)


def test_a_draft_is_not_written_over_what_a_person_wrote(played: Played, tmp_path: Path) -> None:
    """An edited file stays as it is unless --overwrite is said; the same draft again is no matter."""
    target = tmp_path / "d.md"
    arguments = ("draft", "1", "--to", str(target), "--storage.url", played.url)
    assert [run(*arguments).exit_code for _ in range(2)] == [0, 0]
    target.write_text("Mine", "utf-8")
    refused = run(*arguments)
    assert (refused.exit_code, target.read_text("utf-8")) == (output.FAILED, "Mine")
    assert "--overwrite" in refused.stderr
    assert run(*arguments, "--overwrite").exit_code == 0
    assert target.read_text("utf-8").startswith("# ")


@pytest.mark.parametrize("command", [["draft", "1"], ["events", "-o", "json"], ["incidents"]])
def test_a_full_disk_behind_standard_output_is_a_sentence(played: Played, command: list[str]) -> None:
    """No traceback, and not the code of success."""
    with Path("/dev/full").open("wb") as full:
        words = (*command, "--storage.url", played.url)
        ran = forks.run(words, Path(__file__).parents[1], os.environ, stdout=full.fileno())
    assert ran.returncode == output.FAILED
    assert ran.stderr == "cannot write the result to standard output: No space left on device\n"


def test_a_reader_that_went_away_is_no_traceback(played: Played) -> None:
    """`timelined draft 1 | head -1`."""
    ours, theirs = os.pipe()
    os.close(ours)
    ran = subprocess.run(
        [sys.executable, "-m", "collector", "draft", "1", "--storage.url", played.url],
        stdout=theirs, stderr=subprocess.PIPE, text=True, cwd=Path(__file__).parents[1], check=False,
    )  # fmt: skip
    os.close(theirs)
    assert ran.stderr == ""
