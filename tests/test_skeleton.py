"""HTML and pages for Confluence under the headings of a team's own template, in its order, with what else it says."""

from __future__ import annotations

import re
from html import unescape
from xml.etree import ElementTree

import pytest

from renderers.confluence import confluence, well_formed
from renderers.document import Options
from renderers.draft import draft
from renderers.html import html
from renderers.markdown import markdown
from renderers.outline import HEADINGS
from renderers.prose import xhtml
from renderers.shipped import SHIPPED
from tests.histories import example

OWN = """# {{ sheet.title }}
**Status:** {{ sheet.status }}
## What broke & where
{{ sheet.impact }}

Ask <b>legal</b> first.

### In order
{{ sheet.timeline }}

## How long
It took {{ facts.started }}.
"""


def headings(text: str) -> list[str]:
    """The headings below the title, in their order."""
    found = re.findall(r"<h([2-6])[^>]*>(.*?)</h\1>", text)
    return [unescape(said) for _, said in found]


@pytest.mark.parametrize("name", SHIPPED)
def test_headings_are_those_of_the_template(name: str) -> None:
    """What Markdown has, HTML and Confluence have, in the same order."""
    document = example().draft(template=name)
    text = markdown(document)
    wanted = [line.lstrip("# ") for line in re.findall(r"(?m)^##+ .*$", text) if "Footer" not in line]
    assert headings(html(document)) == wanted
    assert headings(confluence(document)) == wanted


def test_a_teams_own_words_stand_where_they_put_them() -> None:
    """Sections that it leaves out are left out; its HTML is text; the footer of ours goes."""
    document = draft(example().history(), Options(template=OWN))
    for text in (html(document), confluence(document)):
        assert headings(text) == ["What broke & where", "In order", "How long"]
        assert "Ask &lt;b&gt;legal&lt;/b&gt; first." in text
        assert "It took 2026-03-04 14:00:10." in text or "It took 2026-03-04 14:02:10." in text
        assert "blameless analysis" not in text
        assert HEADINGS["root_causes"] not in text
    assert well_formed(confluence(document))


@pytest.mark.parametrize(
    "said", ["<script>x</script>", "[x](javascript:alert(1))", "![x](http://x/y.png)", "a\x00b", "a & b"]
)
def test_what_people_write_becomes_markup_of_ours_alone(said: str) -> None:
    """Well-formed, without scripts, images or links that are none of the web."""
    made = xhtml(said)
    ElementTree.fromstring(f"<page>{made}</page>")  # noqa: S314 - our own
    assert not re.search(r"<script|<img|href=\"javascript", made)
