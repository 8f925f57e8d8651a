"""Every format of a draft at once: nothing that a person wrote is lost, nothing breaks on a text of a megabyte."""

from __future__ import annotations

import csv
import html
import io
import json

import pytest

from renderers.choices import FORMATS
from renderers.document import Document
from renderers.formats import POLICIES, RENDERERS
from tests.histories import MADE_UP, Facts

WHOLE = ("json", "html", "svg", "confluence", "jsonl", "csv")
"""The formats in which a text stands whole; Markdown, and with it the archive, cuts long ones and says so."""


def written(text: str) -> Document:
    """An incident on which somebody wrote this."""
    story = Facts()
    story.ends(story.fires("HighErrorRate", "18:02:10", "checkout"), "18:23:35")
    story.says("note.added", "18:05:00", text)
    return story.draft()


@pytest.fixture(scope="module")
def large() -> Document:
    """A draft with a note of a megabyte that ends in a word of its own."""
    return written('The pool <was> & "exhausted". ' * 40_000 + "Thelastword")


def test_what_may_be_chosen_is_what_can_be_written() -> None:
    """The command line offers the names without importing what writes them."""
    assert tuple(RENDERERS) == FORMATS


@pytest.mark.parametrize("form", RENDERERS)
def test_a_note_of_a_megabyte_is_whole_or_says_that_it_is_cut(form: str, large: Document) -> None:
    """To its last word where the format is whole; else with an ellipsis where it was cut."""
    text = RENDERERS[form](large)
    if form in WHOLE:
        assert "Thelastword" in text
        assert len(text) > 1_000_000
    else:
        assert "Thelastword" not in text
        assert "…" in text
        assert len(text) < 20_000


def said(form: str, text: str) -> str:
    """What a reader of the format reads."""
    if form in ("html", "svg", "confluence"):
        return html.unescape(text)
    if form == "csv":
        return "\n".join(cell for row in csv.reader(io.StringIO(text, newline="")) for cell in row)
    if form == "jsonl":
        return "\n".join(str(json.loads(line)) for line in text.splitlines())
    return str(json.loads(text)) if form == "json" else text


@pytest.mark.parametrize("form", RENDERERS)
def test_what_people_wrote_is_in_every_format(form: str) -> None:
    """Notes, actions, statements: each with its words and who wrote it."""
    told = MADE_UP["reported_first"]()
    text = said(form, RENDERERS[form](told.draft()))
    for event in told.events:
        if event.type in ("note.added", "action.added", "mark.set", "incident.opened"):
            assert event.title in text, event.type
    for word in ("Ana", "Cannot pay", "switched the route", "expired certificate"):
        assert word in text


@pytest.mark.parametrize("form", RENDERERS)
def test_nothing_invisible_reaches_a_reader(form: str) -> None:
    """Marks that turn text around, and what nobody can see, come out of no format."""
    text = RENDERERS[form](written("before\u202eafter\u200b\x07\x1b[31m"))
    assert not set(text) & set("\u202e\u200b\x07\x1b")


def test_what_a_browser_shows_has_a_policy() -> None:
    """Each of them may have its own style sheet, and none of them may run or fetch anything."""
    assert set(POLICIES) == {"html", "svg"}
    for policy in POLICIES.values():
        assert policy.startswith("default-src 'none'; style-src 'sha256-")
        assert not [word for word in ("unsafe", "*", "http", "data:") if word in policy]
