"""Pages of a wiki on their way back: whatever people do to one, no word of theirs and no fact is lost."""

from __future__ import annotations

import json
import re
from typing import Any
from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from renderers.article import article
from renderers.edits import plain, revised, stored, taken_in
from renderers.edits.marks import bare
from tests.editors import CITED, said
from tests.examples import examples
from tests.histories import MADE_UP, Facts
from tests.random_incidents import incidents

_ROOT = '<page xmlns:ac="urn:ac" xmlns:ri="urn:ri">'
_BLOCKS = ("p", "li", "tr", "h2", "blockquote")


class WikiEditor:
    """A page that a person edits in the wiki's editor, which stores it with markup of its own."""

    def __init__(self, body: str) -> None:
        self.root = ElementTree.fromstring(f"{_ROOT}{body}</page>")  # noqa: S314 - our own text
        self.typed: list[str] = []
        self.touched: set[str] = set()

    @property
    def body(self) -> str:
        """What is stored."""
        text = ElementTree.tostring(self.root, encoding="unicode")
        return text[text.index(">") + 1 : text.rindex("<")].replace("<p>", '<p local-id="x">')

    def word(self) -> str:
        self.typed.append(f"word{len(self.typed) + 1}x")
        return self.typed[-1]

    def _places(self) -> list[tuple[ElementTree.Element, ElementTree.Element]]:
        return [(parent, child) for parent in self.root.iter() for child in parent if child.tag in _BLOCKS]

    def do(self, action: str, where: float) -> None:
        """One thing, somewhere on the page."""
        places = self._places()
        if not places:
            return
        parent, child = places[int(where * len(places))]
        getattr(self, action)(parent, child)

    def _touch(self, element: ElementTree.Element) -> None:
        self.touched |= set(CITED.findall("".join(element.itertext())))

    def insert(self, parent: ElementTree.Element, child: ElementTree.Element) -> None:
        """Another block of the same kind below this one."""
        new = ElementTree.Element(child.tag)
        inside = [ElementTree.SubElement(new, "td") for _ in range(2)] if child.tag == "tr" else [new]
        for each in inside:
            ElementTree.SubElement(each, "strong").text = self.word()
            each[0].tail = f" & {self.word()} | <b>"
        parent.insert(list(parent).index(child) + 1, new)

    def rewrite(self, _: ElementTree.Element, child: ElementTree.Element) -> None:
        """Another word at its end."""
        self._touch(child)
        last = ElementTree.SubElement(next(reversed(list(child)), child) if child.tag == "tr" else child, "em")
        last.text = self.word()

    def delete(self, parent: ElementTree.Element, child: ElementTree.Element) -> None:
        self._touch(child)
        parent.remove(child)

    def move(self, parent: ElementTree.Element, child: ElementTree.Element) -> None:
        """To the top of the block that it stands in."""
        self._touch(child)
        parent.remove(child)
        parent.insert(0, child)

    def wrap(self, _: ElementTree.Element, child: ElementTree.Element) -> None:
        """The wiki puts an item's or a cell's text into a paragraph."""
        for cell in [child] if child.tag == "li" else list(child) if child.tag == "tr" else ():
            inside = ElementTree.Element("p")
            inside.text, cell.text = cell.text, None
            inside.extend(list(cell))
            for part in list(cell):
                cell.remove(part)
            cell.append(inside)


DEEDS = st.lists(
    st.tuples(st.sampled_from(["insert", "rewrite", "delete", "move", "wrap"]), st.floats(0, 1, exclude_max=True)),
    min_size=1, max_size=6,
)  # fmt: skip


def made(told: Facts) -> dict[str, Any]:
    """What would be published of it."""
    found: dict[str, Any] = json.loads(article(told.draft()))
    return found


def taken(base: dict[str, Any], page: str, shown: list[str]) -> str:
    """What is kept of a page that people edited."""
    theirs = stored.returned(base["text"], base["tagged"], page, shown)
    return taken_in(base["text"], base["text"], theirs, base["machine"], "wiki")[0]


@examples(25)
@given(story=incidents(), cut=st.integers(0, 4), acts=DEEDS)
def test_what_is_edited_on_a_page_is_not_lost(story: Facts, cut: int, acts: list[tuple[str, float]]) -> None:
    """Every word typed there that is still on the page stands in every later draft, and every fact whose line nobody
    touched; the same again changes nothing."""
    early = Facts()
    early.events, early.context, early.near = story.events[: len(story.events) - cut or 1], story.context, story.near
    base, late = made(early), made(story)
    editor = WikiEditor(base["page"])
    for what, where in acts:
        editor.do(what, where)
    text = taken(base, editor.body, stored.digests(base["page"]))
    now = revised(text, late["machine"])
    left = [word for word in editor.typed if word in editor.body]
    assert [word for word in left if word not in now] == []
    lines = "\n".join(said(now))
    for line in said(late["machine"]):
        cited = set(CITED.findall(line))
        assert not cited or cited & editor.touched or line in lines
    assert revised(text, late["machine"]) == now


@examples(15)
@given(told=incidents())
def test_a_page_that_nobody_edited_comes_back_as_it_was(told: Facts) -> None:
    """Line for line, whatever markup the wiki put into it."""
    base = made(told)
    editor = WikiEditor(base["page"])
    for number in range(12):
        editor.do("wrap", number / 12)
    now = revised(taken(base, editor.body, stored.digests(base["page"])), base["machine"])
    assert said(now) == said(base["machine"])


def test_what_was_published_in_other_words_is_nobodys() -> None:
    """A line as it was published is known by that, also where today's draft of then has another one in its place."""
    base = made(MADE_UP["example"]())
    page = base["page"].replace("<strong>Status:</strong> Resolved", "<strong>Status:</strong> Over, in older words")
    kept = taken(base, page.replace("</h2>", "</h2><p>Mine.</p>", 1), stored.digests(page))
    now = plain(revised(kept, base["machine"]))
    assert "in older words" not in now
    assert "**Status:** Resolved" in now
    assert "Mine." in now


def test_markup_of_a_wiki_becomes_markdown() -> None:
    """Emphasis, code, links, lists within lists, tables, quotations, code blocks, notes, people; the rest is text."""
    body = (
        '<h3>A <em>b</em></h3><p local-id="x">One<br/>two&nbsp;&mdash; <code>c</code> <a href="https://e.example/x">l</a>'
        '<a href="javascript:x">j</a></p><ul><li><p>i</p><ol><li>k</li></ol></li></ul><table><tbody><tr><th>H</th></tr>'
        "<tr><td><p>a</p><p>b|c</p></td></tr></tbody></table><blockquote><p>q</p></blockquote>"
        '<ac:structured-macro ac:name="info"><ac:rich-text-body><p>n</p></ac:rich-text-body></ac:structured-macro>'
        '<ac:structured-macro ac:name="code"><ac:plain-text-body><![CDATA[x = 1\n# y]]></ac:plain-text-body>'
        '</ac:structured-macro><p><ac:link><ri:user ri:account-id="42"/></ac:link> # no heading</p>'
    )
    assert [line.markdown for line in stored.stored_lines(body)] == [
        "### A _b_", "One", "two — `c` [l](https://e.example/x)j", "- i", "  1. k", "| H |", "| a b\\|c |", "> q",
        "> n",
        "```", "x = 1", "# y", "```", "`@42` # no heading",
    ]  # fmt: skip
    assert bare(stored.stored_lines("<p># x</p>")[0].markdown) == "\\# x"
    assert re.search("no XML", str(_error("<p>")))


def _error(body: str) -> ValueError:
    try:
        stored.stored_lines(body)
    except ValueError as error:
        return error
    raise AssertionError(body)
