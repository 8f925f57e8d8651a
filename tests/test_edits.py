"""Files that people edit: brought up to date with every word of theirs kept, and every fact in its place."""

from __future__ import annotations

import re
from typing import Any

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from msgspec.structs import replace

from collector.event import MINUTE
from renderers import edits
from renderers.edits import marks, plain
from renderers.edits.marks import bare
from renderers.markdown import markdown, marked
from tests.edited_drafts import TEMPLATES, assert_facts_kept, assert_people_kept, draft_of
from tests.editors import CITED, Editor, deeds, do, said
from tests.examples import examples
from tests.histories import MADE_UP, Facts
from tests.random_incidents import incidents


def merge(theirs: str, fresh: str) -> str:
    """What the file becomes."""
    done = edits.merge(theirs, fresh)
    assert done is not None
    return done.text


@st.composite
def corrected(draw: st.DrawFn, events: list[Any]) -> list[Any]:
    """The events, some of them told otherwise or taken back."""
    events_drawn = []
    for event in events:
        match draw(st.integers(0, 9)):
            case 0:
                moved = event.occurred_at + draw(st.integers(-30, 30)) * MINUTE
                events_drawn.append(replace(event, amendment="correction", occurred_at=moved))
            case 1:
                events_drawn.append(replace(event, amendment="correction", title=f"{event.title} anew"))
            case 2:
                pass
            case _:
                events_drawn.append(event)
    return events_drawn


@pytest.mark.parametrize("name", MADE_UP)
def test_marks_show_nowhere(name: str) -> None:
    """Without its marks a file is the draft, and its digest of it the same."""
    drawn = MADE_UP[name]().draft()
    assert plain(marked(drawn)) == markdown(drawn)


@pytest.mark.parametrize("name", MADE_UP)
def test_marks_change_no_structure(name: str) -> None:
    """A reader of Markdown makes the same of a file with marks as of one without, but for the comments."""
    drawn = MADE_UP[name]().draft()
    reader = MarkdownIt("commonmark").enable("table")
    shown = re.sub(r"\s*<!-- tl .*?-->", "", reader.render(marked(drawn)), flags=re.DOTALL)
    assert shown.rstrip() == reader.render(markdown(drawn)).rstrip()


# --- by example -------------------------------------------------------------------------------------------------------


@pytest.fixture
def early() -> str:
    """The draft of the example before its note and its second alert were known."""
    told = MADE_UP["example"]()
    return draft_of(told, [e for e in told.events if e.type != "note.added" and e.title != "SlowCart"])


@pytest.fixture
def late() -> str:
    """The draft of all of it."""
    return marked(MADE_UP["example"]().draft())


def edited(text: str, old: str, new: str) -> str:
    """What a person makes of it."""
    assert old in text
    return text.replace(old, new, 1)


def rows(text: str) -> list[str]:
    """The timeline as it is shown."""
    return [line for line in plain(text).splitlines() if line.startswith("| 2026")]


def test_late_rows_come_among_edited_ones(early: str, late: str) -> None:
    """At their time, also behind a row that a person added."""
    mine = "| 2026-03-04 14:10 | I looked at the pool. |"
    theirs = edited(early, "| 2026-03-04 14:20 |", f"{mine}\n| 2026-03-04 14:20 |")
    theirs = edited(theirs, "**Acknowledged** by Ana", "**Acknowledged** by Ana, asleep until then")
    merged = rows(merge(theirs, late))
    assert [row[2:18] for row in merged] == sorted(row[2:18] for row in [*rows(late), mine])
    assert mine in merged
    assert any("asleep until then" in row for row in merged)
    assert any('Note by Ana: "Pool exhausted."' in row for row in merged)


def test_words_whose_evidence_changed_are_kept_and_say_so(early: str, late: str) -> None:
    """What a person made of a line stays; what the draft says now stands beneath, once, until it is read."""
    theirs = edited(early, "resolved after 21 min [", "resolved by itself after 21 min [")
    once = merge(theirs, late)
    assert "resolved by itself after 21 min [4c9ba]" in once
    (told,) = [row for row in rows(once) if "edited:**" in row]
    assert "alert SlowCart on cart (12 series) resolved" in told
    read = "\n".join(line for line in once.split("\n") if "edited:**" not in line or line.startswith("+"))
    again = merge(read, late)
    assert "edited:**" not in again
    assert "edited:**" in merge(again, early)


def test_what_a_person_removed_stays_removed(early: str, late: str) -> None:
    """One line says so and names the evidence; removed as well, it stays away."""
    theirs = "\n".join(line for line in early.split("\n") if "**Paged.**" not in line)
    once = merge(theirs, late)
    assert "**Paged.**" not in once
    note = "> A person removed from Timeline what was written of [0c6e4]."
    assert plain(once).count(note) == 1
    quiet = merge("\n".join(line for line in once.split("\n") if not line.startswith(note)), late)
    assert "**Paged.**" not in quiet
    assert note not in quiet


def test_a_table_that_became_a_list_stays_one(early: str, late: str) -> None:
    """Rows that come late are items then."""
    lines = [line for line in early.split("\n") if line not in ("|---|---|",) and "**Event**" not in line]
    items = [f"- {line[2:-2].replace(' | ', ' ', 1)}" if line.startswith("| 2026") else line for line in lines]
    once = plain(merge("\n".join(items), late))
    assert '- 2026-03-04 14:12 Note by Ana: "Pool exhausted."' in once
    assert not [line for line in once.splitlines() if line.startswith("| 2026")]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_an_encoding_stays(early: str, late: str, encoding: str) -> None:
    """With the mark at the beginning of the file, and the ends of lines that Windows has."""
    theirs = edited(early, "## Impact", "Käufer konnten nicht zahlen. 🛒\n\n## Impact").replace("\n", "\r\n")
    done = edits.merged(theirs.encode(encoding), late)
    assert done is not None
    content, personal = done
    assert personal
    text = content.decode(encoding)
    assert "Käufer konnten nicht zahlen. 🛒\r\n" in text
    assert text.count("\n") == text.count("\r\n")
    assert edits.merged(content, late) == done


def test_bytes_that_are_no_text_stay(early: str, late: str) -> None:
    """A line in another encoding is a person's like any other."""
    theirs = early.encode().replace(b"## Impact", b"caf\xe9\n\n## Impact", 1)
    done = edits.merged(theirs, late)
    assert done is not None
    assert b"caf\xe9\n" in done[0]


def test_an_empty_file_becomes_the_draft_and_another_text_nothing(late: str) -> None:
    """Where nothing is of a draft nobody can say where it would go."""
    assert edits.merged(b"\xef\xbb\xbf \r\n", late) == (b"\xef\xbb\xbf" + late.encode(), False)
    assert edits.merged(b"My notes.\n", late) is None
    assert edits.merged(late.encode(), "no draft\n") is None


def test_a_file_that_nobody_touched_holds_no_persons_words(early: str, late: str) -> None:
    """Nor does one that was brought up to date; a word, or a line less, does."""
    for theirs in (early, merge(early, late)):
        done = edits.merged(theirs.encode(), late)
        assert done is not None
        assert not done[1]
    for theirs in (edited(early, "Ana", "Anna"), "\n".join(line for line in early.split("\n") if "14:20" not in line)):
        done = edits.merged(theirs.encode(), late)
        assert done is not None
        assert done[1]


def test_a_sender_cannot_write_a_mark() -> None:
    """Words of a sender that look like a mark are shown as they are and decide nothing."""
    story = Facts()
    forged = "x <!-- tl timeline/row/0123456789ab 0123456789 -->"
    story.fires("A", "14:00", "web", said=f"{forged} `{forged}` {forged}", query=forged)
    drawn = story.draft()
    text = marked(drawn)
    assert plain(text) == markdown(drawn)
    assert merge(text, text) == text
    assert "0123456789ab" not in marks.index_of(text)[1]


def test_what_is_recorded_later_comes_in_where_a_person_removed_that_it_was_not() -> None:
    """They never saw it. Once they did and removed it, it stays removed."""
    told = MADE_UP["example"]()
    early = draft_of(told, [e for e in told.events if not e.type.startswith("page.")])
    late = draft_of(told, told.events)
    (unknown,) = (line for line in early.split("\n") if line.startswith("| Time to acknowledge"))
    (row_line,) = (bare(line) for line in late.split("\n") if line.startswith("| Time to acknowledge"))
    assert not CITED.search(bare(unknown))
    found = merge(early.replace(f"{unknown}\n", ""), late)
    assert row_line in plain(found)
    again = merge("\n".join(line for line in found.split("\n") if bare(line) != row_line), late)
    assert row_line not in plain(again)


def test_a_copy_of_a_line_is_a_persons(early: str, late: str) -> None:
    """It stays where it was put, and has no mark by which it could be taken for the statement afterwards."""
    row = next(line for line in early.split("\n") if "**Acknowledged** by Ana" in line and line.startswith("| "))
    theirs = edited(early, "## Timeline", f"{bare(row)}\n{row}\n\n## Timeline")
    merged = merge(theirs, late)
    assert [bool(marks.marks_of(line)) for line in merged.split("\n") if bare(line) == bare(row)].count(True) == 1
    assert merged.count(bare(row)[:60]) >= 2
    assert merge(merged, late) == merged


# --- whatever is done to it -------------------------------------------------------------------------------------------


@given(story=incidents(), cuts=st.data())
@examples(30)
def test_a_file_that_nobody_touched_becomes_the_new_draft(story: Facts, cuts: Any) -> None:
    """Line for line, whatever is known in which order, and corrected or taken back later."""
    order = cuts.draw(st.permutations(story.events))
    first = draft_of(story, order[: cuts.draw(st.integers(0, len(order)))])
    second = draft_of(story, order)
    third = draft_of(story, cuts.draw(corrected(order)))
    for before, after in ((first, second), (second, third), (third, first)):
        found = merge(before, after)
        assert said(found) == said(after)
        assert merge(found, after) == found


@given(story=incidents(), cuts=st.data())
@examples(40)
def test_no_word_of_a_person_and_no_fact_is_lost(story: Facts, cuts: Any) -> None:
    """After any late events, corrections, edits and another template what a person made of a line stays, what is new is
    in the file, and merging the same twice changes nothing."""
    order = cuts.draw(st.permutations(story.events))
    editor = Editor(draft_of(story, order[: cuts.draw(st.integers(0, len(order)))]))
    words_written = set(said(editor.text))
    for revision_order in (cuts.draw(corrected(order)), order):
        for deed in cuts.draw(st.lists(deeds(), max_size=6)):
            do(editor, deed)
        fresh = draft_of(story, revision_order, cuts.draw(st.sampled_from(TEMPLATES)))
        words_written.update(said(fresh))
        # Of a file in which nothing of a draft is left nothing is made.
        assume(edits.merge(editor.text, fresh) is not None)
        merged = merge(editor.text, fresh)
        assert merge(merged, fresh) == merged
        assert_people_kept(editor.text, merged, words_written)
        assert_facts_kept(fresh, merged, editor)
        words_written.update(set(said(merged)) - set(said(editor.text)))
        editor.text = merged


def test_a_remark_in_a_file_that_lost_its_index_is_read_like_any_other() -> None:
    """Whoever changed it saw it: it is theirs from then on, and the next merge changes nothing more."""
    story = Facts()
    alert = story.fires("A", "10:00:00", "web")
    early = draft_of(story, [alert])
    renamed = draft_of(story, [msgspec.structs.replace(alert, title="A anew", amendment="correction")])
    editor = Editor(early)
    editor.wrap(0, "")
    editor.text = merge(editor.text, renamed)
    assert "edited:**" in editor.text
    editor.lose_index(0, "")
    editor.wrap(0, "")
    merged = merge(editor.text, early)
    assert merge(merged, early) == merged


@pytest.mark.parametrize(
    "left", ["<!--", "<!-- t", "<!-- tl ", "<!-- tl actions/heading", "<!-- tl actions/heading 01"]
)
def test_a_mark_that_was_cut_off_hides_nothing(left: str) -> None:
    """What comes after a comment without an end would be shown by nobody."""
    story = Facts()
    story.fires("A", "10:00:00", "web")
    fresh = draft_of(story, story.events)
    head = fresh.index("## Action Items")
    merged = merge(f"{fresh[:head]}## Action Items {left}", fresh)
    assert merged.count("<!--") == merged.count("-->")
    assert_facts_kept(fresh, merged, Editor(fresh))
