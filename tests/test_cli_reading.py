"""The command line, reading a file without a daemon."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from collector.cli import output
from renderers import edits
from tests import forks
from tests.commands import EVIL, printed, read, run
from tests.conftest import Played

STYLE = re.compile("\x1b\\[[0-9;]*m")
"""What sets a style on a terminal and takes no room."""


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
    text = read(played, "incident", "1").stdout
    times = [line[:19] for line in text.splitlines() if line.startswith("2026-03-04 ")]
    assert len(times) == 18
    assert times == sorted(times)
    assert "Status:" in text
    assert "change.rolled_back" in text
    assert "page.acknowledged" in text


def test_an_unknown_incident_is_not_found(played: Played) -> None:
    """A number nobody gave ends with 3, whatever is asked of it."""
    for arguments in (["incident", "99"], ["draft", "99"]):
        result = read(played, *arguments)
        assert result.exit_code == output.NOT_FOUND
        assert result.stdout == ""


def test_why_takes_the_end_of_an_id(played: Played) -> None:
    """The digits a list shows name the event; the answer names the incident and the rule, what was said and where."""
    event = printed(read(played, "events", "--type", "alert.firing", "-o", "json"))["events"][0]
    text = read(played, "why", output.short(event["id"])).stdout
    answer = dict(line.split(maxsplit=1) for line in text.splitlines())
    assert (answer["Event:"], answer["Incident:"], answer["Delivery:"]) == (event["id"], "1", event["delivery"])
    assert answer["Summary:"] == event["data"]["summary"]
    assert "service=checkout" in answer["Labels:"]
    assert answer["Why:"].endswith(")")
    assert "(rule " in answer["Why:"]
    assert len({len(line) - len(line.split(": ", 1)[1].lstrip()) for line in text.splitlines()}) == 1


def test_why_says_why_an_event_is_in_no_incident(played: Played) -> None:
    """Somebody else's deploy joined nothing, for a reason."""
    events = printed(read(played, "events", "--service", "newsletter", "-o", "json"))["events"]
    shown = read(played, "why", events[0]["id"]).stdout
    assert "Incident: none" in " ".join(shown.split())
    assert "Why:" in shown


@pytest.mark.parametrize("name", ["../incidents", "a/b", "", "zz%2f", "ffffffffffff"])
def test_a_name_that_is_no_id_is_not_found(played: Played, name: str) -> None:
    """Whatever is typed as an id stays one segment of one path."""
    assert read(played, "why", name).exit_code == output.NOT_FOUND
    assert read(played, "delivery", name).exit_code == output.NOT_FOUND


def test_a_delivery_gives_back_its_bytes(played: Played, tmp_path: Path) -> None:
    """The body comes out as it went in, on a pipe and into a file."""
    row = printed(read(played, "deliveries", "--source", "pagerduty", "-o", "json"))["deliveries"][0]
    body = read(played, "delivery", row["id"], "--body").stdout_bytes
    assert json.loads(body)["event"]["resource_type"] == "incident"
    assert len(body) == row["size"]
    parts = [part.splitlines()[0] for part in read(played, "delivery", row["id"]).stdout.split("\n\n")]
    assert [part.split(":")[0] for part in parts] == ["Delivery", "Headers", "Events"]
    assert read(played, "delivery", row["id"], "--to", str(tmp_path / "body")).stdout == ""
    assert (tmp_path / "body").read_bytes() == body


def test_a_list_shows_delivery_ids_that_name_a_delivery(played: Played) -> None:
    """What the table shows can be typed into the next command."""
    line = read(played, "deliveries").stdout.splitlines()[1]
    assert read(played, "delivery", line.split()[2]).exit_code == 0


def test_a_draft_on_a_pipe_is_exactly_the_draft(played: Played, tmp_path: Path) -> None:
    """stdout and the daemon's own answer are the same bytes; --to adds marks that nobody sees."""
    file_bytes = (played.folder / "incident-1.md").read_bytes()
    assert read(played, "draft", "1").stdout_bytes == file_bytes
    result = read(played, "draft", "1", "--to", str(tmp_path / "d.md"))
    assert result.stdout == ""
    assert "written to" in result.stderr
    assert edits.plain((tmp_path / "d.md").read_text("utf-8")).encode() == file_bytes


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
    differences = printed(read(played, "diff", "1", "--as-of", early, "-o", "json"))["differences"]
    (status,) = [each for each in differences if "Status:" in each["after"]]
    assert status["before"].startswith("**Status:** Unresolved")
    assert (status["section"], status["after"]) == ("head", "**Status:** Resolved")
    new = [each["after"] for each in differences if each["section"] == "timeline" and not each["before"]]
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
    assert printed(read(played, "lint", "1", "-o", "json")) == {"findings": []}
    assert read(played, "lint", "1").exit_code == 0


def test_lists_go_on_where_they_ended(played: Played) -> None:
    """Following the cursor gives every event once, in order."""
    whole = [e["position"] for e in printed(read(played, "events", "-o", "json"))["events"]]
    positions: list[int] = []
    cursor: list[str] = []
    while True:
        page = printed(read(played, "events", "--limit", "5", "-o", "json", *cursor))
        positions += [event["position"] for event in page["events"]]
        if not page["next"]:
            break
        cursor = ["--after", str(page["next"])]
    assert positions == whole
    assert len(whole) > 15


def test_a_senders_text_is_harmless_on_a_terminal(tmp_path: Path, empty_log: str) -> None:
    """A title with escapes is shown without them, in lists, in an incident and in a draft."""
    url = empty_log
    assert run("open", EVIL, "--service", EVIL, "--storage.url", url).exit_code == 0
    for arguments in (["incidents"], ["incident", "1"], ["events"], ["draft", "1"]):
        text = on_a_terminal(Played(0, "", "", tmp_path, url), *arguments)
        assert "red" in text
        assert not {"\x07", "\u202e", "\u2066", "\u200b"} & set(text)
        assert "\x1b]0" not in text
        assert "\x1b[31mred" not in text


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
    text = b"".join(_chunks(ours))
    os.close(ours)
    assert process.wait(30) == 0
    return text.decode().replace("\r\n", "\n")


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
