"""A draft as one HTML file: by the standard, readable by anybody, whole, and with a stranger's text only as text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from xml.etree import ElementTree

import html5lib
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from renderers.document import Bullets, Claim, Document, Inline, Options, Timeline
from renderers.draft import draft
from renderers.formats import POLICIES
from renderers.html import html
from renderers.markdown import markdown
from renderers.plain_text import plain
from tests.histories import MADE_UP, Facts

HOSTILE = (
    "<script>alert(1)</script>", "</q></td></table></main>", "<!--", "-->", "]]>", "&lt;b&gt; &amp;amp;", "{{ 7 * 7 }}",
    '" onmouseover="alert(1)', "' autofocus onfocus='x", "javascript:alert(1)", "\u202eevil\x00\x1b[31m", "a\r\nb\tc",
    "<style>*{display:none}</style>", "<svg/onload=alert(1)>", "</title><base href=//evil.example>", "日本語",
)  # fmt: skip


def parsed(text: str) -> ElementTree.Element:
    """The document as a browser reads it; the first error of its syntax is an error here."""
    parser = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False)
    root: ElementTree.Element = parser.parse(text)
    return root


def said(root: ElementTree.Element) -> str:
    """All text on one line, citations left out."""
    return " ".join("".join(_texts(root)).split())


def _texts(node: ElementTree.Element) -> Iterator[str]:
    if node.get("class") == "cites" or not isinstance(node.tag, str):
        return
    quote = '"' if node.tag == "q" else ""
    yield quote + (node.text or "")
    for child in node:
        yield from _texts(child)
        yield child.tail or ""
    yield quote


def structure(text: str) -> set[str]:
    """The elements with the names of their attributes, pictures left out: they have tests of their own."""
    bare = re.sub(r"<figure>.*?</figure>|<style>.*?</style>", "", text, flags=re.DOTALL)
    return {f"{each.tag} {sorted(map(str, each.attrib))}" for each in parsed(bare).iter()}


@pytest.mark.parametrize("name", MADE_UP)
def test_it_keeps_to_the_standard(name: str) -> None:
    """A strict parser finds nothing to mend, ids are there once, and addresses within the file lead somewhere."""
    root = parsed(html(MADE_UP[name]().draft()))
    ids = [each.get("id") for each in root.iter() if each.get("id")]
    assert len(ids) == len(set(ids))
    links = [each.get("href") or "" for each in root.iter("a")]
    assert {link[1:] for link in links if link.startswith("#")} <= set(ids)
    assert all(re.match(r"#|https?://", link) for link in links)


@pytest.mark.parametrize("name", MADE_UP)
def test_it_says_what_the_draft_says(name: str) -> None:
    """Every sentence and every row of the document stands in it, whole."""
    document = MADE_UP[name]().draft()
    text = said(parsed(html(document)))
    for section in document.sections:
        for block in section.blocks:
            for parts in _statements(block):
                assert " ".join(plain(parts).split()) in text


def _statements(block: object) -> Iterator[tuple[Inline, ...]]:
    if isinstance(block, Bullets):
        yield from (item.parts for item in block.items)
    elif isinstance(block, Timeline):
        yield from (row.parts for row in block.rows)
    elif isinstance(block, Claim):
        yield block.parts


@pytest.mark.parametrize("name", ["example", "report_alone"])
def test_its_headings_are_those_of_the_markdown(name: str) -> None:
    """The same sections in the same order, called the same, and the same head and footer."""
    document = MADE_UP[name]().draft()
    root, text = parsed(html(document)), markdown(document)
    assert [said(each) for each in root.iter("h2")] == re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert [said(each) for each in root.iter("dt")] == re.findall(r"^\*\*([\w ]+):\*\*", text, re.MULTILINE)[:4]
    footer = next(root.iter("footer"))
    assert f"_{said(footer)}_" in text


def test_one_file_needs_nothing_else() -> None:
    """No script, no style but its own, nothing to fetch; what it may do is written in it."""
    text = html(MADE_UP["example"]().draft())
    root = parsed(text)
    tags = {each.tag for each in root.iter() if isinstance(each.tag, str)}
    assert not tags & {"script", "link", "img", "iframe", "object", "embed", "form", "input", "base", "use", "image"}
    attributes = {str(name) for each in root.iter() for name in each.attrib}
    assert not {name for name in attributes if name in ("style", "src", "srcset") or name.startswith("on")}
    policy = next(each.get("content") or "" for each in root.iter("meta") if each.get("http-equiv"))
    assert POLICIES["html"] == f"{policy}; frame-ancestors 'none'"
    assert policy.startswith("default-src 'none'; style-src 'sha256-")


def test_tables_are_data_that_anybody_can_read() -> None:
    """Each table has a caption, each column and each row a head, and each time its instant."""
    root = parsed(html(MADE_UP["example"]().draft()))
    tables = list(root.iter("table"))
    assert len(tables) >= 4
    for table in tables:
        assert table.find("caption") is not None
        assert all(cell.get("scope") == "col" for cell in table.findall("thead/tr/th"))
        assert all(cell.get("scope") == "row" for cell in table.findall("tbody/tr/th"))
    assert all((each.get("datetime") or "").endswith("Z") for each in root.iter("time"))
    assert root.get("lang") == "en"
    assert len(list(root.iter("h1"))) == 1


def test_citations_lead_to_the_appendix_and_from_there_to_the_daemon() -> None:
    """Where its address is known; else they end in the appendix."""
    story = Facts()
    story.ends(story.fires("HighErrorRate", "18:02:10", "checkout", tail="a3f9c"), "18:23:35")
    story.context["external_url"] = "https://timelined.example/x/"
    root = parsed(html(story.draft()))
    event = story.events[0].id
    cites = [each for each in root.iter("a") if each.get("href") == f"#e-{event}"]
    assert cites
    assert {each.text for each in cites} == {"a3f9c"}
    line = next(each for each in root.iter("tr") if each.get("id") == f"e-{event}")
    assert next(line.iter("a")).get("href") == f"https://timelined.example/x/events/{event}"


@pytest.mark.parametrize("where", ["inline", "end", "none"])
def test_citations_stand_where_they_are_asked_for(where: str) -> None:
    """Behind each sentence, gathered in the appendix, or nowhere for the copy that goes to customers."""
    root = parsed(html(MADE_UP["example"]().draft(citations=where)))
    summary = next(each for each in root.iter("section") if each.get("aria-labelledby") == "summary")
    appendix = next(each for each in root.iter("section") if each.get("aria-labelledby") == "appendix")
    inside = [each for each in summary.iter("span") if each.get("class") == "cites"]
    assert bool(inside) == (where == "inline")
    assert bool(list(appendix.iter("h3"))) == (where == "end")
    assert bool([each for each in appendix.iter("tr") if each.get("id")]) == (where != "none")


def test_what_people_wrote_stands_whole() -> None:
    """Markdown cuts a long note; here it is to its last word, and its lines are kept."""
    story = Facts()
    story.fires("HighErrorRate", "18:02:10", "checkout")
    note = "First line.\nSecond line. " + "The pool was exhausted. " * 100 + "Its last word."
    story.says("note.added", "18:05:00", note)
    text = html(story.draft())
    assert "Its last word." in text
    assert "First line.\nSecond line." in text
    assert "Its last word." not in markdown(story.draft())


@lru_cache(maxsize=1)
def vocabulary() -> frozenset[str]:
    """Every element with its attributes that the drafts of harmless incidents have."""
    known = (MADE_UP["example"]().draft(), _said("z"), _said("y("))
    return frozenset().union(*(structure(html(each)) for each in known))


@given(st.text(max_size=80) | st.sampled_from(HOSTILE))
@settings(max_examples=25)
def test_a_strangers_text_is_never_structure(text: str) -> None:
    """Whatever senders and people write in any field, the file has no element or attribute but its own, and says it."""
    shown = html(_said(f"z{text}"))
    assert structure(shown) <= vocabulary()
    assert all(re.fullmatch(r"#e-[0-9a-f]{32}|#[a-z_]+", link) for link in re.findall(r'href="([^"]*)"', shown))


def _said(text: str) -> Document:
    """An incident in which every name and word begins with a letter and goes on with this text."""
    story = Facts()
    alert = story.fires(text, "18:02:10", text, severity="critical", series=text, said=text, query=text)
    story.page("triggered", "18:02:31", service=text, title=text, data={"assignees": [text], "priority": text})
    story.page("acknowledged", "18:04:01", actor=text)
    story.deploys(text, "18:00:00", "18:00:05", text)
    story.says("note.added", "18:05:00", text, by=text)
    story.says("action.added", "18:06:00", text, data={"owner": text, "due": text, "state": "open"})
    story.add("status.updated", "18:07:00", title=text, actor=text)
    story.ends(alert, "18:23:35")
    return draft(story.history(), Options())


def test_an_address_that_is_none_is_no_link() -> None:
    """Only http and https are linked, as they were told, and nothing gets out of the attribute."""
    story = Facts()
    story.fires("A", "18:02:10", "s", runbook='https://wiki.example/a?x=1&amp;y=2&copy=3"onclick="x')
    story.fires("B", "18:02:11", "s", runbook="javascript:alert(1)")
    root = parsed(html(story.draft()))
    links = {each.get("href") for each in root.iter("a") if not (each.get("href") or "").startswith("#")}
    assert links == {"https://wiki.example/a?x=1&amp;y=2&copy=3%22onclick=%22x"}


def test_the_same_document_gives_the_same_bytes() -> None:
    document = MADE_UP["example"]().draft()
    assert html(document) == html(document)
