"""What people write in several lines: their lines stay lines, or are told apart where there is room for one."""

from __future__ import annotations

import json
from xml.etree import ElementTree

import pytest

from renderers import escape
from renderers.article import article
from renderers.confluence import confluence
from renderers.formats import RENDERERS
from renderers.html import html
from renderers.markdown import markdown
from tests.histories import Facts
from tests.hostile import read_by_markdown_it

BEGINNINGS = ("# a", "- a", "* a", "> a", "```", "| a | b |", "|---|---|", "<script>a</script>", "    a", "\ta", "1. a",
              "---", "===",
              "<!-- tl a", "-->", "[a]: http://a.example", "~~~", "+ a", "![a](b)", "</q></td>")  # fmt: skip
"""How a line begins that would be structure in Markdown, in HTML or in the marks of a file."""
ANSWER = "> is it the pool?\nNo.\r\n\r\n- restarted checkout-1\n  again at noon"
SHOWN = "> is it the pool? ↵ No. ↵ - restarted checkout-1 ↵ again at noon"


def story(text: str) -> Facts:
    """An incident in which this was written as a note, in a chat, with a moment, and as what is to be done."""
    facts = Facts()
    alert = facts.fires("HighErrorRate", "14:02", "checkout", said="12% fail")
    facts.says("note.added", "14:04", text)
    facts.says("chat.message", "14:05", "Beginning", data={"text": text, "channel": "incidents"})
    facts.marks("impact_started", "14:01", text)
    facts.says("action.added", "14:30", text, data={"state": "open"})
    facts.add("status.updated", "14:10", title="Checkout", data={"text": text}, actor="Ana")
    facts.ends(alert, "14:20")
    return facts


def test_a_sign_stands_where_a_line_ended() -> None:
    """Also behind another kind of line end, once for several, and never at the beginning or at the end."""
    assert escape.one_line(ANSWER) == SHOWN
    assert escape.one_line("\n a  b \n\n") == "a b"
    assert escape.one_line("a\u2028b\x0bc\x85d") == "a ↵ b ↵ c ↵ d"
    assert escape.one_line("") == ""


WRAPPED = """\
The pool was exhausted because each worker held its connection for as
long as the gateway took to answer. Since Tuesday it has taken twice as
long, and nobody had noticed that the limit of the pool was the old one.
"""
"""A paragraph as ``git commit`` and mail programs wrap it."""


def test_what_only_a_width_ended_goes_on_behind_a_space() -> None:
    """A paragraph of three lines or more; what follows a blank line, and each item of a list, begins anew."""
    paragraph = " ".join(WRAPPED.split())
    assert escape.one_line(WRAPPED) == paragraph
    shown = f"Limit the pool ↵ {paragraph} ↵ - raise it ↵ - watch it ↵ {paragraph}"
    assert escape.one_line(f"Limit the pool\r\n\r\n{WRAPPED}- raise it\n- watch it\n\n{WRAPPED}") == shown
    assert markdown(story(WRAPPED).draft(citations="none")).count(f'"{paragraph}"') >= 3


_LINES = WRAPPED.splitlines()


@pytest.mark.parametrize(
    "lines",
    [
        _LINES[:2],
        ["Looked at the dashboards of checkout, nothing unusual in the last hour", "restarted the pod"],
        [_LINES[0], f"  {_LINES[1]}", _LINES[2]],
        [_LINES[0], f"> {_LINES[1]}", _LINES[2]],
        [_LINES[0].lower(), *_LINES[1:]],
        [_LINES[0], _LINES[1][:40], _LINES[2]],
        [_LINES[0], f"{_LINES[1]} as ever before", _LINES[2]],
        [f"{line}." for line in _LINES],
        [line.capitalize() for line in _LINES],
        [
            "Ran on both of the replicas of the database of checkout, one by one:",
            "kubectl rollout undo deployment checkout to the revision before it",
            "kubectl rollout undo deployment payments to the revision before it",
        ],
        [
            "Put back what ran before on all of the machines that serve checkout",
            "kubectl rollout undo deployment/checkout -n production --timeout 5m",
            "kubectl rollout undo deployment/payments -n production --timeout 5m",
        ],
        [f"ERROR worker-{n} could not take a connection from the pool in time" for n in range(4)],
        [f"2026-03-04 14:02:1{n} could not take a connection from the pool" for n in range(4)],
    ],
)
def test_a_sign_stays_where_somebody_may_have_ended_the_line(lines: list[str]) -> None:
    """Two lines, lines of other lengths, code, logs, quotations, lists: none is known to be one paragraph."""
    assert escape.one_line("\n".join(lines)) == " ↵ ".join(" ".join(line.split()) for line in lines)


def test_an_answer_does_not_run_into_what_it_answers() -> None:
    """In a list, in a row and in what is to be done; a quotation is cut by what it shows."""
    text = markdown(story(ANSWER).draft(citations="none"))
    rows = [line for line in text.splitlines() if "No. ↵" in line]
    assert len(rows) >= 5
    assert all(f"{SHOWN}" in line for line in rows)
    assert next(line for line in rows if "as stated by" in line).count(f'"\\{SHOWN}"') == 1
    assert escape.quote("ab\ncd", longest=5) == '"ab ↵…"'


def test_programs_and_readers_of_a_picture_are_told_where_lines_ended() -> None:
    """The parts of a sentence have the lines as they were written, its text has the sign; so has the picture."""
    value = json.loads(RENDERERS["json"](story(ANSWER).draft()))
    rows = [row for section in value["sections"] for block in section["blocks"] if block["kind"] == "timeline"
            for row in block["rows"] if row["type"] == "note.added"]  # fmt: skip
    assert SHOWN in rows[0]["text"]
    assert ANSWER in [part["text"] for part in rows[0]["parts"]]
    assert SHOWN.replace(">", "&gt;") in RENDERERS["svg"](story(ANSWER).draft())


def test_lines_stay_lines_where_there_is_room() -> None:
    """On a page and in a wiki; what is indented stays so on a page."""
    assert "No.\n\n- restarted checkout-1\n  again at noon</q>" in html(story(ANSWER).draft())
    assert "q{quotes:'\"' '\"';white-space:pre-wrap}" in html(story(ANSWER).draft())
    assert "No.<br/><br/>- restarted checkout-1" in confluence(story(ANSWER).draft())


def test_a_line_of_a_wiki_that_people_edit_is_one() -> None:
    """There a line break would be another line of theirs."""
    assert SHOWN.replace(">", "&gt;") in json.loads(article(story(ANSWER).draft()))["page"]


@pytest.mark.parametrize("begun", BEGINNINGS)
def test_a_further_line_is_never_structure(begun: str) -> None:
    """Whatever it begins with, the draft is built like one with a plain word in its place, in each format."""
    hostile, tame = (story(f"first\n{second}\nthird") for second in (begun, "word"))
    assert read_by_markdown_it(markdown(hostile.draft(citations="none"))) == read_by_markdown_it(
        markdown(tame.draft(citations="none"))
    )
    page = confluence(hostile.draft())
    assert [each.tag for each in _xml(page)] == [each.tag for each in _xml(confluence(tame.draft()))]
    assert "<script>a" not in html(hostile.draft())
    assert html(hostile.draft()).count("</td>") == html(tame.draft()).count("</td>")


def _xml(page: str) -> list[ElementTree.Element]:
    return list(ElementTree.fromstring(f'<page xmlns:ac="urn:ac">{page}</page>').iter())  # noqa: S314 - our own text


@pytest.mark.parametrize("section", ["impact", "root_causes", "resolution", "lessons"])
def test_each_item_of_a_list_in_an_answer_is_a_statement(section: str) -> None:
    """What people write in a section: paragraphs and items stand by themselves, other lines are told apart."""
    facts = story("a")
    facts.edits(
        section, "Two things:\n- the pool\n* a retry\n1. first\n2) second\n\nSee `top`\n-5 °C\nand so on", "18:00", "ed"
    )
    text = markdown(facts.draft(citations="none"))
    lines = [line.removeprefix("- ").replace("\\", "") for line in text.splitlines()]
    at = lines.index("Two things:")
    mark = ("", "") if section == "impact" else ("- ", "* ")
    said = [line for line in lines[at : at + 12] if line]
    assert said[:6] == ["Two things:", f"{mark[0]}the pool.", f"{mark[1]}a retry.", "1. first.", "2) second.",
                        "See `top` ↵ -5 °C ↵ and so on."]  # fmt: skip


def test_a_title_of_two_lines_shows_where_the_first_one_ended() -> None:
    """A heading has one line: of a report, and as a person set it."""
    facts = Facts()
    facts.says("incident.opened", "13:55", "Login is broken\nNobody can log in", "Kim", service="login")
    assert facts.markdown().startswith("# Postmortem Report: **Login is broken ↵ Nobody can log in**\n")
    assert "Login is broken ↵ Nobody can log in</title>" in html(facts.draft())
    facts.edits("title", "No login\nat all")
    assert facts.markdown().startswith("# Postmortem Report: **No login ↵ at all**\n")
