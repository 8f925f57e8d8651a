"""Lines of drafts on the page of changes: what Markdown marks, and words as they read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.web.pages.marked import marked_texts
from collector.web.pages.rendering import visible
from renderers import escape
from tests.examples import examples
from tests.page_checks import HOSTILE


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("# Postmortem Report: **launcher**", [("words", "Postmortem Report: "), ("strong", "launcher")]),
        (
            "2026-03-04 14:08 | **Paged.** Ana",
            [("words", "2026-03-04 14:08 | "), ("strong", "Paged."), ("words", " Ana")],
        ),
        ("of `a.example` now", [("words", "of "), ("code", "a.example"), ("words", " now")]),
        ("``a ` b``", [("code", "a ` b")]),
        ("a \\*b\\* &lt;i&gt; &#42; \\&amp;", [("words", "a *b* <i> * &amp;")]),
        ("[Page 6](https://a.example/?a&amp;b)", [("link", "Page 6")]),
        ("**Lead:** _not recorded_ a_b_c \\_x\\_", [("strong", "Lead:"), ("words", " not recorded a_b_c _x_")]),
        ("half ** a `mark [ _", [("words", "half ** a `mark [ _")]),
        ("", []),
    ],
)
def test_marks_are_read(line: str, expected: list[tuple[str, str]]) -> None:
    """What draft lines are made of; any other mark stays as it was typed."""
    assert [(part.kind, part.text) for part in marked_texts(line)] == expected


def test_citations_are_left_out_where_links_stand_for_them() -> None:
    """Those of the events alone: what a person cited besides stays."""
    events = ["0" * 27 + "ce22f", "0" * 27 + "1692d"]
    assert marked_texts("it fired [ce22f, 1692d].", events) == [("words", "it fired.", "")]
    assert marked_texts("it fired [ce22f, 1692d, +3]", events) == [("words", "it fired", "")]
    assert marked_texts("see [ce22f, abcde]", events) == [("words", "see [ce22f, abcde]", "")]
    assert marked_texts("see [ce22f]") == [("words", "see [ce22f]", "")]


@examples(200)
@given(st.text(st.one_of(st.characters(), st.sampled_from(sorted(set("".join(HOSTILE))))), max_size=12))
def test_no_character_that_nobody_sees_reaches_a_page(hostile: str) -> None:
    """Whichever of the ways to look is taken, each is looked for alone and beside others."""
    assert visible(hostile) == "".join(map(visible, hostile))
    assert "".join(visible(f"{each}\U0001f600")[0] for each in hostile) == visible(hostile)
    assert not set(visible(hostile)) & set("\x00\x1b\x7f\x85\u202e\u202c\ufeff\ufdd0\ufffe\U0001fffe\U000e0041")


@examples(60)
@given(st.text(max_size=40))
def test_a_strangers_words_read_as_a_draft_shows_them(words: str) -> None:
    """What was escaped comes out as it was, on one line, whatever it is."""
    shown = escape.clean(words)
    read = "".join(part.text for part in marked_texts(escape.prose(words, longest=200)))
    assert read.replace("`", "") == (shown or escape.EMPTY).replace("`", "")
