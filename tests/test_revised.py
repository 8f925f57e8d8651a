"""Publish, edit there, take in, render: of what people wrote apart nothing is lost, and no fact either."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from renderers.edits import combined, merge, people_of, plain, revised, taken_in
from renderers.edits.marks import bare
from tests.editors import Editor, deeds, do, said
from tests.examples import examples
from tests.histories import Told
from tests.test_draft_agrees import incidents
from tests.test_edits import assert_facts_kept, assert_people_kept, draft_of

DEEDS = st.lists(deeds(), min_size=1, max_size=6)


@examples(25)
@given(told=incidents(), cut=st.integers(0, 20), acts=DEEDS)
def test_what_is_edited_where_it_is_published_is_not_lost(told: Told, cut: int, acts: list[Any]) -> None:
    """Their words stand in every later draft; so does what is recorded later; the same again changes nothing."""
    early, late = draft_of(told, told.events[: len(told.events) - cut % 5 or 1]), draft_of(told, told.events)
    editor = Editor(early)
    for act in acts:
        do(editor, act)
    kept, reads = taken_in(early, early, editor.text, early, "archive")
    now = revised(kept, late)
    assert_people_kept(editor.text, now, set(said(early)))
    assert_facts_kept(late, now, editor)
    assert revised(kept, late) == now
    assert reads == plain(revised(kept, early))
    assert said(revised(taken_in(now, now, now, late, "archive")[0], late)) == said(now)


@examples(25)
@given(told=incidents(), here=DEEDS, there=DEEDS)
def test_of_two_who_edit_apart_no_word_is_lost(told: Told, here: list[Any], there: list[Any]) -> None:
    """Whatever both do to their copies, each word that either typed stands in what both became."""
    base = draft_of(told, told.events)
    one, two = Editor(base), Editor(base)
    two.typed = 1_000
    for editor, acts in ((one, here), (two, there)):
        for act in acts:
            do(editor, act)
    both = revised(taken_in(base, one.text, two.text, base, "tracker")[0], base)
    typed = [f"word{n}x" for n in (*range(1, one.typed + 1), *range(1_001, two.typed + 1))]
    before = one.text + two.text
    assert [word for word in typed if word in before and word not in both] == []


@examples(15)
@given(told=incidents())
def test_nothing_that_nobody_edited_is_kept(told: Told) -> None:
    """Of a copy that nobody touched nothing but marks is kept, and combining it changes nothing."""
    draft = draft_of(told, told.events)
    assert revised(people_of(draft, draft), draft) == draft
    merged = merge(combined(draft, draft, draft, "x"), draft)
    assert merged is not None
    assert merged.text == draft
    statements = {bare(line) for line in draft.split("\n") if bare(line) != line}
    assert statements.isdisjoint(people_of(draft, draft).split("\n"))
