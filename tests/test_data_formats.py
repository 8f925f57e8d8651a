"""Drafts and events for machines: the published schema, one event a line, and a table without formulas."""

from __future__ import annotations

import csv
import io
import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from renderers import events
from renderers.document import Document
from renderers.json import to_json
from renderers.json_shape import Draft
from tests.histories import MADE_UP, Facts

FORMULAS = ("=1+1", "+1", "-1", "@SUM(A1)", " =1", "\t=1", "\r=1", "\n=1", "|calc", "%0", "＝1", "\u200b=1", "\x00=1")


@pytest.mark.parametrize("name", MADE_UP)
def test_a_draft_as_json_is_what_the_schema_says(name: str) -> None:
    """Every key is there with its type, and none that the schema does not know."""
    text = to_json(MADE_UP[name]().draft())
    assert msgspec.to_builtins(msgspec.json.decode(text, type=Draft)) == json.loads(text)


def rows(document: Document) -> list[dict[str, str]]:
    """The table as a program reads it."""
    return list(csv.DictReader(io.StringIO(events.table(document), newline=""), strict=True))


@pytest.mark.parametrize("name", MADE_UP)
def test_every_event_is_a_line_and_a_row(name: str) -> None:
    """In reading order, with its time, who did it and what was said."""
    document = MADE_UP[name]().draft()
    lines = [json.loads(line) for line in events.jsonl(document).splitlines()]
    assert [each["id"] for each in lines] == [each.id for each in document.history.events]
    assert [each["id"] for each in rows(document)] == [each["id"] for each in lines]
    assert [each["occurred_at"] for each in rows(document)] == [each["occurred_at"] for each in lines]


@given(st.text(max_size=60) | st.sampled_from(FORMULAS))
def test_no_text_breaks_a_line_or_begins_a_formula(text: str) -> None:
    """Whatever people write, a row has its columns, a line is one object, and no cell begins as a formula does."""
    story = Facts()
    story.fires(text, "18:02:10", text, severity=text, said=text)
    story.says("note.added", "18:05:00", text, by=text, data={"text": text})
    document = story.draft()
    lines = events.jsonl(document).split("\n")
    assert [json.loads(line)["title"] for line in lines[:-1]] == [each.title for each in document.history.events]
    for row in rows(document):
        assert set(row) == set(events.COLUMNS)
        assert not [cell for cell in row.values() if cell.lstrip().startswith(("=", "+", "-", "@", "|", "%"))]
        assert not [cell for cell in row.values() if cell.startswith(("\t", "\r", "\n"))]


@pytest.mark.parametrize("formula", FORMULAS)
def test_a_formula_becomes_text(formula: str) -> None:
    """An apostrophe before it says so, and what was written is still there."""
    told = Facts()
    told.says("note.added", "18:05:00", formula)
    (row,) = rows(told.draft())
    assert row["title"].startswith("'")
    assert row["title"].endswith(formula[-2:])


def test_what_people_wrote_is_whole() -> None:
    """A note of several lines, to its last word, in one cell and on one line."""
    note = 'First line.\nSecond, with "quotes", commas; and 日本語. ' + "word " * 5_000 + "the end"
    story = Facts()
    story.says("note.added", "18:05:00", "First line. …", data={"text": note})
    (row,) = rows(story.draft())
    assert row["text"] == note
    (line,) = events.jsonl(story.draft()).splitlines()
    assert json.loads(line)["data"]["text"] == note
