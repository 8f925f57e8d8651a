"""Publish, edit there, take in, render: of what people wrote apart nothing is lost, and no fact either."""

from __future__ import annotations

import json
import re
from html import unescape
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from renderers.confluence import confluence
from renderers.edits import combined, merge, people_of, plain, revised, taken_in
from renderers.edits.marks import bare
from renderers.html import html
from renderers.json import to_json
from renderers.markdown import markdown
from renderers.prose import Fragment, clean, passages, placeholder
from tests.edited_drafts import assert_facts_kept, assert_people_kept, draft_of, with_edits
from tests.editors import CITED, Editor, deeds, do, said
from tests.examples import examples
from tests.histories import Facts
from tests.random_incidents import incidents

DEEDS = st.lists(deeds(), min_size=1, max_size=6)


@examples(25)
@given(told=incidents(), cut=st.integers(0, 20), acts=DEEDS)
def test_what_is_edited_where_it_is_published_is_not_lost(told: Facts, cut: int, acts: list[Any]) -> None:
    """Their words stand in every later draft; so does what is recorded later; the same again changes nothing."""
    early, late = draft_of(told, told.events[: len(told.events) - cut % 5 or 1]), draft_of(told, told.events)
    editor = Editor(early)
    for act in acts:
        before = editor.text
        do(editor, act)
        # What stands where it is published is whole: what is not there was removed by somebody.
        if act[0] == "cut":
            editor.touched.update(CITED.findall(before.removeprefix(editor.text)))
    text, reads = taken_in(early, early, editor.text, early, "archive")
    now = revised(text, late)
    assert_people_kept(editor.text, now, set(said(early)))
    assert_facts_kept(late, now, editor)
    assert revised(text, late) == now
    assert reads == plain(revised(text, early))
    assert said(revised(taken_in(now, now, now, late, "archive")[0], late)) == said(now)


@examples(15)
@given(story=incidents(), acts=DEEDS)
def test_what_is_taken_in_shows_in_every_format(story: Facts, acts: list[Any]) -> None:
    """Each word that somebody typed, and all that stands in the Markdown; the page for Confluence is XML."""
    base = draft_of(story, story.events)
    editor = Editor(base)
    for act in acts:
        do(editor, act)
    document = with_edits(story, taken_in(base, base, editor.text, base, "archive")[0])
    reads = markdown(document)
    typed = {f"word{n}x" for n in range(1, editor.typed + 1)}
    typed_words = {word for word in typed if word in reads}
    page, wiki = html(document), confluence(document)
    for text in (page, wiki):
        assert {word for word in typed_words if word not in text} == set()
        assert not set(text) & set("\x02\x03\x0e\x0f")
        assert set(CITED.findall(unescape(re.sub("<[^>]*>", " ", text)))) >= set(CITED.findall(reads))
    edited = json.loads(to_json(document))["edited"]
    assert edited["text"] == reads
    theirs = "\n".join(line["text"] for line in edited["lines"])
    assert {word for word in typed_words if word not in theirs} == set()


def test_lines_that_nobody_touched_are_written_as_the_format_writes_them() -> None:
    """A long quotation stands whole, citations lead to the appendix; a person's HTML and addresses stay text."""
    story = Facts()
    story.context["external_url"] = "https://timelined.example"
    story.ends(story.fires("HighErrorRate", "18:02:10", "checkout", tail="a3f9c"), "18:23:35")
    story.says("note.added", "18:05:00", "Long. " * 200 + "Its last word.")
    base = draft_of(story, story.events)
    theirs = "<b onclick=x>Two</b> shops [closed](javascript:x) ![p](http://x/y.png) <!-- tl x -->"
    edited = re.sub("(?m)^## Impact(.*)$", lambda found: f"## Impact on shops{found[1]}\n\n{theirs}", base)
    edited = edited.replace("# Postmortem Report", "# Report", 1)
    document = with_edits(story, taken_in(base, base, edited, base, "archive")[0])
    page = html(document)
    assert "Its last word." in page
    assert "Its last word." in confluence(document)
    assert "Its last word." not in markdown(document)
    assert "<h1>Report: <strong>checkout: HighErrorRate</strong></h1>" in page
    assert '<h2 id="impact">Impact on shops</h2>' in page
    event = story.events[0].id
    assert f'<a href="#e-{event}"' in page
    assert f'<span id="e-{event}"' in page
    assert page.count('<div class="broad"><svg') == 1
    assert "&lt;b onclick=x&gt;Two&lt;/b&gt; shops [closed](javascript:x)" in page
    assert "<img" not in page
    lines = json.loads(to_json(document))["edited"]["lines"]
    assert [line["section"] for line in lines] == ["head", "impact", "impact"]


def test_a_person_cannot_reach_what_stands_in_our_places() -> None:
    """Whatever they write around a line of ours, or as one, our markup stands in text alone."""
    fragments = (Fragment("<i>x</i>", "x"),)
    here = placeholder(0)
    for text, expected in (
        (here, "<p><i>x</i></p>"),
        (f"`{here}`", "<p><code>x</code></p>"),
        (f"```{here}\n{here}\n```", '<pre><code class="language-x">x\n</code></pre>'),
        (f'[a](https://e.example "{here}")', '<p><a href="https://e.example" title="x">a</a></p>'),
        (clean(f"a{here}"), "<p>a\ufffd0\ufffd</p>"),
    ):
        (passage,) = passages(text, fragments, 2)
        assert passage.body.strip() == expected


@examples(25)
@given(told=incidents(), here=DEEDS, there=DEEDS)
def test_of_two_who_edit_apart_no_word_is_lost(told: Facts, here: list[Any], there: list[Any]) -> None:
    """Whatever both do to their copies, each word that either typed stands in what both became."""
    base = draft_of(told, told.events)
    first, two = Editor(base), Editor(base)
    two.typed = 1_000
    for editor, acts in ((first, here), (two, there)):
        for act in acts:
            do(editor, act)
    both = revised(taken_in(base, first.text, two.text, base, "tracker")[0], base)
    typed = [f"word{n}x" for n in (*range(1, first.typed + 1), *range(1_001, two.typed + 1))]
    before = first.text + two.text
    assert [word for word in typed if word in before and word not in both] == []


@examples(15)
@given(told=incidents())
def test_nothing_that_nobody_edited_is_kept(told: Facts) -> None:
    """Of a copy that nobody touched nothing but marks is kept, and combining it changes nothing."""
    draft = draft_of(told, told.events)
    assert revised(people_of(draft, draft), draft) == draft
    merged = merge(combined(draft, draft, draft, "x"), draft)
    assert merged is not None
    assert merged.text == draft
    statements = {bare(line) for line in draft.split("\n") if bare(line) != line}
    assert statements.isdisjoint(people_of(draft, draft).split("\n"))
