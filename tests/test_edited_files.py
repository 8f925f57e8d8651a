"""Drafts in files that people edited, taken into the log."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from hypothesis import assume, given
from hypothesis import strategies as st

from collector import people
from collector.cli import output
from collector.errors import InvalidInput
from collector.people.forgetting import forgotten
from collector.publishing.edited_files import alike
from collector.publishing.values import kept_texts
from renderers.edits import file_taken_in, merge, revised
from renderers.edits.marks import index_of, with_words
from renderers.edits.revised import EarlierEdits, FileEdits
from tests.commands import printed, run
from tests.edited_drafts import assert_facts_kept, assert_people_kept, draft_of
from tests.editors import Editor, deeds, do, said
from tests.examples import examples
from tests.histories import Facts
from tests.random_incidents import incidents

RECORD, OTHER = "a" * 12, "b" * 12
"""The ends of the ids of two records of what was taken in."""


def below(text: str, heading: str, words: str) -> str:
    """The file with a paragraph of somebody's below a heading."""
    head, found, rest = text.partition(f"## {heading}")
    line, _, rest = rest.partition("\n")
    return f"{head}{found}{line}\n\n{words}\n{rest}"


@pytest.fixture
def command(empty_log: str) -> Callable[..., Result]:
    """Runs a command on a log with one incident."""

    def ask(*arguments: str, **environment: str) -> Result:
        return run(*arguments, "--storage.url", empty_log, **environment)

    assert ask("open", "Payments fail", "--service", "checkout").exit_code == 0
    return ask


def test_the_words_in_a_file_become_an_event(command: Callable[..., Result], tmp_path: Path) -> None:
    """Once, however often it is asked for; they stand in every draft, and the log says whose they are."""
    file, fresh = tmp_path / "postmortem.md", tmp_path / "fresh.md"
    pull = ("pull", "1", "--from", str(file))
    command("draft", "1", "--to", str(file))
    assert f"Nobody edited the postmortem of incident 1 in {file}" in command(*pull).stderr
    edited = below(file.read_text("utf-8"), "Impact", "Zwei Läden zu.")
    file.write_bytes(b"\xef\xbb\xbf" + f"---\ntags: [shop]\n---\n\n{edited}".replace("\n", "\r\n").encode())
    before = file.read_bytes()
    command("note", "1", "Pool exhausted")
    command("review", "1", "in_review")
    assert "+Zwei Läden zu." in command(*pull, "--dry-run").stdout
    assert "Took in what people edited of incident 1 in" in command(*pull).stdout
    assert "Nobody edited" in command(*pull).stderr
    (event,) = printed(command("events", "--type", "incident.revised", "-o", "json"))["events"]
    assert (event["actor"], event["data"]["file"]) == ("Ana", "postmortem.md")
    assert "tags: [shop]" in event["data"]["front"]
    assert file.read_bytes() == before
    command("draft", "1", "--to", str(file))
    command("draft", "1", "--to", str(fresh))
    for text in (file.read_text("utf-8"), fresh.read_text("utf-8"), command("draft", "1").stdout):
        assert text.count("Zwei Läden zu.") == 1
        assert "Pool exhausted" in text
    edits = printed(command("draft", "1", "-o", "json"))["edited"]
    assert (edits["by"], edits["event"]) == ("Ana", event["id"])
    changed, _, evidence = command("diff", "1", "--version", "1").stdout.partition("What evidence changed:")
    assert ("+ impact: Zwei Läden zu." in changed, "Zwei" in evidence) == (True, False)
    for path in (file, fresh):
        assert "Nobody edited" in command("pull", "1", "--from", str(path)).stderr
    fresh.write_text(fresh.read_text("utf-8").replace("Zwei Läden zu.", "Drei Läden zu."), "utf-8")
    assert "Took in" in command("pull", "1", "--from", str(fresh), TIMELINED_BY="Ben").stdout
    now = command("draft", "1").stdout
    assert ("Zwei" in now, now.count("Drei Läden zu."), "edited this apart" in now) == (False, 1, False)
    assert "took in what people edited in fresh.md" in command("events").stdout


def test_what_is_no_draft_is_refused(command: Callable[..., Result], tmp_path: Path) -> None:
    """With its name and what to do; nothing is recorded."""
    file = tmp_path / "mine.md"
    for content, reason in (
        (b" \r\n\n", "it is empty"), (b"# Mine\n\nNo mark.\n", "no line of it has the mark"),
        (b"\x89PNG\x00\x01", "it is not text"), (b"x" * 1_500_001, "it is larger than 1,500,000 bytes"),
        (None, "it is a folder"), (None, "No such file"),
    ):  # fmt: skip
        file.unlink(missing_ok=True) if not file.is_dir() else file.rmdir()
        if content is not None:
            file.write_bytes(content)
        elif reason == "it is a folder":
            file.mkdir()
        refused = command("pull", "1", "--from", str(file))
        assert refused.exit_code not in (0, output.USAGE)
        assert re.search(rf"cannot take in \S*mine\.md of incident 1: {reason}", refused.stderr), refused.stderr
        assert "timelined draft 1 " in refused.stderr
    assert printed(command("events", "--type", "incident.revised", "-o", "json"))["events"] == []


def test_a_file_of_another_draft_is_refused(command: Callable[..., Result], tmp_path: Path) -> None:
    """One of another incident, and one in which nobody is named; a place is needed, and one only."""
    file = tmp_path / "mine.md"
    command("open", "Search is slow", "--service", "search", "--at", "-3h")
    for number, shown, reason in (("2", "names", "another incident"), ("1", "roles", "people stand as roles")):
        command("draft", number, "--people", shown, "--to", str(file), "--overwrite")
        file.write_text(below(file.read_text("utf-8"), "Impact", "Two shops closed."), "utf-8")
        assert reason in command("pull", "1", "--from", str(file)).stderr
    assert command("pull", "1").exit_code == output.USAGE
    assert command("pull", "1", "--from", str(file), "--target", "archive").exit_code == output.USAGE
    assert printed(command("events", "--type", "incident.revised", "-o", "json"))["events"] == []


def test_an_erasure_forgets_the_digests_of_a_file_too() -> None:
    """Of the draft and of the file alone; every word stays."""
    entry = f"+ impact/say/aaaaaa 0123456789 {RECORD}"
    text = f"Two shops. <!-- tl impact/say/aaaaaa 0123456789 -->\n<!-- tl index\n{entry}\n-->\n"
    data = {"text": text, "copy": text, "file": "a.md", "words": ""}
    fact = people.revised(key="k", by="Ana", stated_at=1, incident="i", data=data)
    left = forgotten(fact, [RECORD], by="Ana", reason="a name", stated_at=2)
    assert left is not None
    for name in ("text", "copy"):
        assert "Two shops." in left.data[name]
        assert "0123456789" not in left.data[name]


def recorded(done: FileEdits, event: str, *, same: bool = True) -> EarlierEdits:
    """What is known later of a file that was taken in; ``same``: the next file is the same one."""
    return EarlierEdits(event, done.text, done.copy, done.words if same else None)


@examples(4)
@given(told=incidents(), cut=st.integers(0, 20), acts=st.lists(deeds(), min_size=1, max_size=6))
def test_whatever_people_do_to_a_file_is_taken_in_once(told: Facts, cut: int, acts: list[Any]) -> None:
    """With later evidence around it; the same file again, brought up to date or not, or a fresh one adds nothing."""
    early, late = draft_of(told, told.events[: len(told.events) - cut % 5 or 1]), draft_of(told, told.events)
    editor = Editor(early)
    for act in acts:
        do(editor, act)
    assume("<!-- tl index" in editor.text and " [" in early and " [" in late)
    done = file_taken_in(late, late, editor.text, (), "a.md")
    now = with_words(revised(done.text, late), RECORD)
    assert_people_kept(editor.text, now, set(said(early)))
    assert_facts_kept(late, now, editor)
    brought = merge(editor.text, now)
    assert brought is not None
    for text in (editor.text, brought.text, now):
        for same in (True, False):
            again = file_taken_in(late, now, text, [recorded(done, RECORD, same=same)], "a.md")
            assert alike(again.reads, done.reads)


def story() -> tuple[str, Facts]:
    """A draft, and what it was made of."""
    facts = Facts()
    facts.ends(facts.fires("HighErrorRate", "18:02:10", "checkout", tail="a3f9c"), "18:23:35")
    return draft_of(facts, facts.events), facts


def test_a_file_that_was_taken_in_is_edited_further() -> None:
    """What its person changes or removes of their own words is changed or removed, and nobody else's is."""
    fresh, _ = story()
    file = below(fresh, "Impact", "Two shops closed.")
    first = file_taken_in(fresh, fresh, file, (), "a.md")
    now = revised(first.text, fresh)
    theirs = below(fresh, "Timeline", "Read on.")
    second = file_taken_in(fresh, now, theirs, [recorded(first, RECORD, same=False)], "b.md")
    now = revised(second.text, fresh)
    before = [recorded(first, RECORD), recorded(second, OTHER, same=False)]
    for text in (file.replace("Two shops", "Three shops"), fresh):
        third = file_taken_in(fresh, now, text, before, "a.md")
        assert "Two shops" not in third.reads
        assert ("Three shops closed." in third.reads) == (text != fresh)
        assert third.reads.count("Read on.") == 1
        assert "edited this apart" not in third.reads


def test_who_edits_the_same_lines_is_told_from_who_edits_a_later_draft() -> None:
    """Two who did not see each other's words both stand, and it says so; a draft with the words may change them."""
    fresh, facts = story()
    first = file_taken_in(fresh, fresh, below(fresh, "Impact", "Two shops closed."), (), "a.md")
    facts.says("note.added", "18:05:00", "Pool exhausted")
    late = draft_of(facts, facts.events)
    now, before = with_words(revised(first.text, late), RECORD), [recorded(first, RECORD, same=False)]
    apart = file_taken_in(late, now, below(fresh, "Impact", "Three shops closed."), before, "b.md")
    for words in ("Two shops closed.", "Three shops closed.", "those below come from b.md", "Pool exhausted"):
        assert words in apart.reads
    seen = file_taken_in(late, now, now.replace("Two shops", "Three shops"), before, "b.md")
    assert ("Two shops" in seen.reads, "edited this apart" in seen.reads) == (False, False)
    assert index_of(seen.text)[1].keys() >= index_of(late)[1].keys() - {"words/of"}


def test_what_is_kept_of_an_edited_draft_has_a_bound() -> None:
    """The draft and the copy together; a copy that is the draft counts and is kept once."""
    half = "x" * 500_000
    assert kept_texts(half, half, "a.md of incident 1", "text") == {"text": half}
    assert kept_texts(half, half[:-1] + "y", "a.md of incident 1", "text")["copy"] == half[:-1] + "y"
    with pytest.raises(InvalidInput, match=r"a\.md of incident 1: with .* 1,000,001 characters; at most 1,000,000"):
        kept_texts(half, half + "y", "a.md of incident 1", "text")
