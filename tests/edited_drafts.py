"""Drafts that people edited, and what has to be left of them."""

from __future__ import annotations

from collections import Counter
from typing import Any

from renderers import shipped
from renderers.document import Document
from renderers.edits.marks import bare, words
from renderers.edits.notes import CHANGED
from renderers.markdown import marked
from tests.editors import CITED, Editor, said, visible_lines
from tests.histories import Facts

OWN = """\
# {{ facts.title }}

{{ sheet.status }}

## Story
{{ sheet.timeline }}

> **Fill in:** who was told, and when?

## Next
{{ sheet.actions }}

### Small print
{{ sheet.appendix }}
{{ sheet.references }}
"""
ODD = """\
{{ sheet.root_causes }}

# Late title
{{ sheet.summary }}

{{ sheet.summary }}
{% for each in facts.durations %}- {{ each.term }}: {{ each.value }}
{% endfor %}
## Timeline

{{ sheet.timeline }}
{{ sheet.impact }}{{ sheet.lead }}"""
TEMPLATES = (*shipped.SHIPPED, OWN, ODD)
"""Templates of ours and two of teams: sections are renamed, left out, in another order, there twice, without a heading,
and lines stand between them that no statement is."""


def draft_of(told: Facts, events: list[Any], template: str = "default") -> str:
    """The marked draft of an incident of which so much is known, by one of our templates."""
    return marked(told.draft(template=template) if events is told.events else _known(told, events, template))


def with_edits(story: Facts, text: str, **options: Any) -> Document:
    """The draft once edits of the whole of it were taken in."""
    more = Facts()
    more.events, more.context, more.near = list(story.events), story.context, story.near
    more.says("incident.revised", "23:00:00", "edits", data={"text": text})
    return more.draft(**options)


def _known(told: Facts, events: list[Any], template: str) -> Any:
    part = Facts()
    part.events, part.context, part.near = events, told.context, told.near
    return part.draft(template=template)


def assert_people_kept(before: str, after: str, known_lines: set[str]) -> None:
    """Every line that is not word for word a machine's is there, as it was, as often as it was."""
    theirs = Counter(_lines(before))
    for line in list(theirs):
        if words(line) in known_lines or not words(line):
            del theirs[line]
    assert theirs - Counter(_lines(after)) == Counter()


def _lines(text: str) -> list[str]:
    return [bare(line) for line in visible_lines(text)]


def assert_facts_kept(fresh: str, after: str, editor: Editor) -> None:
    """Every statement of the new draft stands in the file, but for those whose evidence a person touched; of what they
    removed, whatever proves it now, the evidence is named."""
    visible = "\n".join(said(after)).replace(f"{CHANGED} ", "")
    removal_evidence = set(CITED.findall("\n".join(line for line in said(after) if "A person removed from" in line)))
    for line in said(fresh):
        cited = set(CITED.findall(line))
        if cited and not editor.touched & cited and not cited <= removal_evidence:
            assert line in visible
