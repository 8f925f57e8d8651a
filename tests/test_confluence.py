"""A draft for Confluence, which takes strict XML or nothing, and for an archive in Git."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.publishing.storage import shortened, words_of
from renderers.archive import archive
from renderers.confluence import confluence, well_formed
from renderers.document import Bullets, Claim, Row, Timeline
from renderers.markdown import markdown
from renderers.outline import HEADINGS
from renderers.plain_text import plain
from tests.histories import MADE_UP, Facts

HOSTILE = ("<@AC123>", "]]>", "&nbsp;", "a||b", "</br>", "<details>", "<Id,List<..>>", "R&D", "<ac:structured-macro>",
           "---\nowner: eve", "\x00\x0b\u202e", '"', "\ufffe", "\U0001fffe", "日本語")  # fmt: skip
ALLOWED = {"page", "p", "strong", "em", "br", "hr", "h2", "h3", "ul", "ol", "li", "table", "tbody", "tr", "th", "td",
           "code", "a", "{urn:ac}structured-macro", "{urn:ac}rich-text-body"}  # fmt: skip


def parsed(body: str) -> ElementTree.Element:
    """The page as XML."""
    whole = f'<page xmlns:ac="urn:ac">{body}</page>'
    return ElementTree.fromstring(whole)  # noqa: S314 - our own text


@pytest.mark.parametrize("name", MADE_UP)
def test_it_says_what_the_draft_says(name: str) -> None:
    """Every section under its heading, every sentence and every row, whole."""
    document = MADE_UP[name]().draft(citations="none")
    root = parsed(confluence(document))
    assert [each.text for each in root.iter("h2")] == list(HEADINGS.values())
    text = " ".join(" ".join(root.itertext()).split())
    squeezed = text.replace(" ", "")
    for section in document.sections:
        for block in section.blocks:
            items: tuple[Claim | Row, ...] = ()
            if isinstance(block, Bullets):
                items = block.items
            elif isinstance(block, Timeline):
                items = block.rows
            elif isinstance(block, Claim):
                items = (block,)
            for each in items:
                assert plain(each.parts).replace(" ", "") in squeezed


@given(st.text(max_size=60) | st.sampled_from(HOSTILE))
@settings(max_examples=40)
def test_a_strangers_text_is_never_structure(text: str) -> None:
    """Whatever is written, the page is XML of elements that Confluence knows, and the front matter keeps its keys."""
    story = Facts()
    alert = story.fires(text, "18:02:10", text, severity=text, series=text, said=text, query=text)
    story.says("note.added", "18:05:00", text, by=text)
    story.says("action.added", "18:06:00", text, data={"owner": text, "due": text, "state": "open"})
    story.ends(alert, "18:23:35")
    document = story.draft()
    assert {each.tag for each in parsed(confluence(document)).iter()} <= ALLOWED
    _, front, rest = archive(document).split("---\n", 2)
    assert list(yaml.safe_load(front)) == [
        "title", "incident", "date", "status", "review", "severity", "services", "environments", "started_at",
        "resolved_at", "durations", "digest", "renderer",
    ]  # fmt: skip
    assert rest == f"\n{markdown(document)}"


def test_what_is_no_xml_does_not_leave() -> None:
    """The message says where, as Confluence would not."""
    assert well_formed("<p>x</p>") == "<p>x</p>"
    for broken in ("<p>x", "a &nbsp; b", "<p a>x</p>", "]]>", "</page><page>"):
        with pytest.raises(ValueError, match=r"cannot write a page for Confluence: line 1, column \d+"):
            well_formed(f"<p>{broken}</p>")


def test_citations_lead_to_the_daemon() -> None:
    """Where its address is known; evidence can be left out for the copy that goes to customers."""
    story = Facts()
    story.fires("HighErrorRate", "18:02:10", "checkout", tail="a3f9c")
    story.context["external_url"] = "https://timelined.example"
    links = {each.get("href") for each in parsed(confluence(story.draft())).iter("a")}
    assert f"https://timelined.example/events/{story.events[0].id}" in links
    assert "a3f9c" not in confluence(story.draft(citations="none"))
    assert "Evidence, numbered" in confluence(story.draft(citations="end"))


def test_front_matter_tells_programs_what_they_ask_for() -> None:
    """Durations are seconds, and what is not known is null."""
    story = MADE_UP["example"]()
    front = yaml.safe_load(archive(story.draft()).split("---\n")[1])
    assert front["services"] == list(story.history().services)
    assert front["durations"].keys() <= {"detect", "acknowledge", "mitigate", "resolve"}
    assert front["digest"] == story.draft().digest


@pytest.mark.parametrize("most", [400, 1_000, 3_000])
def test_a_page_that_is_too_large_ends_with_how_much_is_missing(most: int) -> None:
    """Behind a row or a block, as XML that is whole; what fits is not touched."""
    rows = "".join(f"<tr><td>row {n}</td><td>Größe &amp; <em>more</em></td></tr>" for n in range(80))
    page = f"<h1>One</h1><p>First.</p><table><tbody>{rows}</tbody></table><ul><li>a<p>b</p></li></ul><p>Last.</p>"
    kept, left = shortened(page, most, "https://x.example/1?a=1&b=2")
    assert len(kept.encode()) <= most
    words = words_of(kept)
    assert words.startswith("One\nFirst.\nrow 0")
    assert f"goes on for {left:,} characters" in words
    assert words.endswith("The whole of it is at https://x.example/1?a=1&b=2.")
    assert left == len(words_of(page)) - len(words.rpartition("\n")[0])
    assert "Last." not in words
    assert shortened(page, 1 << 20, "") == (page, 0)
