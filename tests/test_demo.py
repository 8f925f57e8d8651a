"""The demo: a real daemon in a process of its own, and the first thing a stranger sees."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from collector.cli.demo_deliveries import EVENING, Step
from collector.errors import UnverifiedWebhook
from collector.sources import SOURCES
from collector.webhook import Credentials, Reading, Webhook
from tests.conftest import Played, timelined

SECRET = b"a-secret-of-the-tests-own-0123456789"
README = Path(__file__).parents[1] / "README.md"


@pytest.mark.parametrize("step", [s for s in EVENING if s.path.startswith("/webhooks/")], ids=lambda s: s.summary)
def test_every_delivery_of_the_recording_is_one_its_sender_could_send(step: Step) -> None:
    """Each body is verified by its adapter and read without anything left over; a changed byte is refused."""
    kind = step.path.rpartition("/")[2]
    body, headers = step.request(SECRET)
    lower_headers = {name.lower(): value for name, value in headers.items()}
    webhook = Webhook(source=kind, headers=lower_headers, body=body, received_at=step.micros)
    credentials = Credentials(signing=(SECRET,)) if step.signature else Credentials(open=True)
    SOURCES[kind].verify(webhook, credentials)
    events = SOURCES[kind].parse(webhook, Reading())
    assert events
    assert not [event for event in events if event.type.startswith("source.")]
    assert all(event.occurred_at <= step.micros for event in events)
    if step.signature:
        forged = Webhook(source=kind, headers=lower_headers, body=body + b" ", received_at=step.micros)
        with pytest.raises(UnverifiedWebhook):
            SOURCES[kind].verify(forged, credentials)


def test_the_demo_ends_well_and_shows_the_summary(played: Played) -> None:
    """It exits with 0, prints the head of the draft as its result, and says where the rest is."""
    assert played.returncode == 0, played.stderr
    assert played.stdout.startswith("# Postmortem Report: ")
    assert "HighErrorRate" in played.stdout
    assert played.stdout.rstrip().endswith("The whole draft: out/incident-1.md")


def test_the_demo_writes_the_draft_it_shows(played: Played) -> None:
    """The files are there, in both formats, and begin with what was printed."""
    text = (played.folder / "incident-1.md").read_text("utf-8")
    shown = played.stdout.partition("\n\nThe whole draft:")[0].rstrip()
    assert text.startswith(shown)
    assert json.loads((played.folder / "incident-1.json").read_text("utf-8"))


def test_the_demo_says_what_each_step_did(played: Played) -> None:
    """Every step of the recording is told, and the repeats are recognised as known."""
    assert [step.summary for step in EVENING if step.summary not in played.stderr] == []
    known = [line for line in played.stderr.splitlines() if line.endswith("known already")]
    assert len(known) == 4


def test_the_demo_comes_out_the_same_every_time(played: Played, tmp_path: Path) -> None:
    """A second run, over another database, in another process, gives the same bytes; what was there is kept."""
    (tmp_path / "drafts").mkdir()
    (tmp_path / "drafts" / "incident-1.md").write_text("what a person made of it", "utf-8")
    again = timelined("demo", "--to", "drafts", cwd=tmp_path, PYTHONHASHSEED="7")
    assert again.returncode == 0, again.stderr
    for name in ("incident-1.md", "incident-1.json"):
        assert (tmp_path / "drafts" / name).read_bytes() == (played.folder / name).read_bytes()
    assert (tmp_path / "drafts" / "incident-1.md.~1~").read_text("utf-8") == "what a person made of it"


def test_make_clean_leaves_drafts(tmp_path: Path) -> None:
    """What a person may have edited stays; all else that was made goes, and the folder where nothing is left in it."""
    make = ["make", "--silent", "--file", str(README.with_name("Makefile")), "clean"]
    for name in ("out/drafts/incident-3.md", "out/incident-1.md.~1~", "out/bench/results.md", "dist/a.whl"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("text", "utf-8")
    subprocess.run(make, cwd=tmp_path, check=True, capture_output=True)
    left = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file())
    assert left == ["out/drafts/incident-3.md", "out/incident-1.md.~1~"]
    for name in left:
        (tmp_path / name).unlink()
    (tmp_path / "out" / "drafts").rmdir()
    subprocess.run(make, cwd=tmp_path, check=True, capture_output=True)
    assert not (tmp_path / "out").exists()


def test_the_late_note_stands_where_it_happened(played: Played) -> None:
    """PagerDuty's note of 18:06 came after everything was over, and is told between 18:05 and 18:12, as late."""
    text = (played.folder / "incident-1.md").read_text("utf-8")
    rows = [line for line in text.splitlines() if line.startswith("| 2026-03-04")]
    late = next(i for i, row in enumerate(rows) if "Errors began right after" in row)
    times = [row.split("|")[1].strip() for row in rows]
    assert times == sorted(times)
    assert times[late] == "2026-03-04 18:06"
    assert "25 min late" in rows[late]


def test_other_peoples_troubles_stay_out(played: Played) -> None:
    """A deploy of newsletter and a full disk of search are no rows of checkout's incident."""
    rows = [line for line in (played.folder / "incident-1.md").read_text("utf-8").splitlines() if line.startswith("| ")]
    assert not [row for row in rows if "newsletter" in row or "DiskFilling" in row]


def test_the_demo_refuses_to_write_into_a_database_that_exists(played: Played, tmp_path: Path) -> None:
    """Whatever lies there is somebody's log."""
    (tmp_path / "mine.db").write_bytes(b"precious")
    refused = timelined("demo", "--database", "mine.db", cwd=tmp_path)
    assert refused.returncode == 4
    assert "exists already" in refused.stderr
    assert (tmp_path / "mine.db").read_bytes() == b"precious"


def test_the_excerpt_in_the_readme_is_of_the_demo(played: Played) -> None:
    """What the README shows is what `make demo` writes, line for line, with gaps marked by `[…]`."""
    block = re.search(r"<!-- excerpt: .*?-->\n```markdown\n(.*?)```", README.read_text("utf-8"), re.DOTALL)
    assert block
    text = (played.folder / "incident-1.md").read_text("utf-8")
    pieces = [piece.strip("\n") for piece in block[1].split("[…]\n")]
    assert len(pieces) > 1
    places = [text.find(piece) for piece in pieces]
    assert -1 not in places
    assert places == sorted(places)
