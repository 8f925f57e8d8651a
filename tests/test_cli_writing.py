"""The command line, writing: to a file, and through the daemon that has it."""

from __future__ import annotations

import json
import os
import re
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import Result

from collector.cli import output
from tests import forks
from tests.commands import printed, run

# --- writing, without a daemon ----------------------------------------------------------------------------------------


def test_a_report_opens_an_incident_and_all_commands_find_it(empty_log: str) -> None:
    """open, note, action, mark, edit, resolve and reopen each record one fact that the next command shows."""
    where = ("--storage.url", empty_log)
    opened = printed(run("open", "Payments fail", "--service", "checkout", *where, "-o", "json"))
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
    types = [event["type"] for event in printed(run("events", "--source", "people", *where, "-o", "json"))["events"]]
    expected = "incident.opened note.added action.added mark.set incident.edited incident.reviewed"
    assert types == [*expected.split(), "incident.resolved", "incident.reopened"]
    (version,) = printed(run("versions", "1", *where, "-o", "json"))["versions"]
    assert (version["status"], version["text"], version["changed"]) == ("in_review", "with the team", True)
    assert re.search(r"1 +in review +\d.* yes +with the team", run("versions", "1", *where).stdout)
    since = run("diff", "1", "--version", "1", *where).stdout
    assert "What people changed:" in since
    assert "What evidence changed:" not in since
    assert run("diff", "1", "--version", "2", *where).exit_code == output.NOT_FOUND
    assert run("diff", "1", *where).exit_code == output.USAGE
    assert printed(run("incidents", *where, "-o", "json"))["incidents"][0]["lead"] == "Ana"


def test_events_can_be_moved_and_incidents_merged(empty_log: str) -> None:
    """leave, join and merge name events and incidents as lists show them; one incident keeps the older one's number."""
    where = ("--storage.url", empty_log)
    first = printed(run("open", "Payments fail", "--service", "checkout", *where, "-o", "json"))
    second = printed(run("open", "Search is slow", "--service", "search", "--at", "-3h", *where, "-o", "json"))
    assert {first["incident"], second["incident"]} == {1, 2}
    merged = run("merge", "1", "2", *where)
    assert merged.exit_code == 0, merged.stderr
    for event in (first["event"], second["event"]):
        assert f"Incident: {second['incident']}" in read_plain(run("why", event, *where))
    [gone] = printed(run("incidents", "--status", "merged", *where, "-o", "json"))["incidents"]
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
    notes = printed(run("events", "--type", "note.added", *where, "-o", "json"))["events"]
    assert [note["title"] for note in notes] == ["Pool exhausted"]


def test_a_statement_has_an_author(empty_log: str) -> None:
    """--by goes before the variable, the variable before the login name."""
    where = ("--storage.url", empty_log)
    run("open", "Payments fail", *where)
    run("note", "1", "Mine", *where)
    run("note", "1", "Theirs", "--by", "Ben", *where)
    notes = printed(run("events", "--type", "note.added", *where, "-o", "json"))["events"]
    assert [note["actor"] for note in notes] == ["Ana", "Ben"]


def test_a_statement_about_nothing_is_not_found_and_not_recorded(empty_log: str) -> None:
    """An incident that does not exist ends with 3."""
    where = ("--storage.url", empty_log)
    run("open", "Payments fail", *where)
    assert run("note", "7", "Pool exhausted", *where).exit_code == output.NOT_FOUND
    assert printed(run("events", "--type", "note.added", *where, "-o", "json"))["events"] == []


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
            self.process = forks.start(["serve", *flags, *arguments], folder, environment, streams, follower=True)
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
