"""What a template of Markdown says around the sections, for formats that are not made from Markdown.

The template is rendered with a mark in place of each section. What stands
between the marks is the team's own: headings, questions, sentences.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import fields
from functools import lru_cache
from typing import Literal, NamedTuple

from renderers.outline import FOOTER, HEADINGS
from renderers.sandbox import template
from renderers.sheet import Md, Sheet, TemplateFacts

DEFAULT = "default"
_HEAD = ("title", "lead", "date", "status", "incident")
_MARK = re.compile("\x02([a-z_]+)\x03")
_HEADING = re.compile(r"(#{1,6})[ \t]+(.*?)[ \t]*#*$")
_RULE = re.compile(r" {0,3}(?:-[ \t]*){3,}$")


class SkeletonPiece(NamedTuple):
    """One piece of a document, in the template's order."""

    kind: Literal["heading", "section", "text"]
    text: str
    """A heading's words, a section's key, or Markdown of the team's own."""
    level: int = 0
    """Of a heading: 2 to 6."""


def pieces(name: str, facts: TemplateFacts) -> tuple[SkeletonPiece, ...]:
    """What stands below the head: sections, their headings, and what else the template says."""
    if name == DEFAULT:
        return _shipped()
    marks = {field.name: Md(f"\x02{field.name}\x03") for field in fields(Sheet)}
    return tuple(_read(template(name).render(sheet=Sheet(**marks), facts=facts)))


@lru_cache(maxsize=1)
def _shipped() -> tuple[SkeletonPiece, ...]:
    skeleton: list[SkeletonPiece] = []
    for key, heading in HEADINGS.items():
        skeleton += [SkeletonPiece("heading", heading, 2), SkeletonPiece("section", key)]
    return (*skeleton, SkeletonPiece("text", f"_{FOOTER}_"))


def _read(text: str) -> Iterator[SkeletonPiece]:
    """The pieces of a rendered template; its head, which every format writes itself, is left out."""
    own: list[str] = []
    for line in text.split("\n"):
        keys = _MARK.findall(line)
        if any(key in _HEAD for key in keys) or _RULE.fullmatch(line) or keys == ["references"]:
            continue
        heading = _HEADING.fullmatch(_MARK.sub("", line)) if line.startswith("#") else None
        if heading or keys:
            yield from _text(own)
            own = []
        if heading:
            yield SkeletonPiece("heading", heading[2], max(2, len(heading[1])))
        elif keys:
            yield from (SkeletonPiece("section", key) for key in keys)
        else:
            own.append(line)
    yield from _text(own)


def _text(lines: list[str]) -> Iterator[SkeletonPiece]:
    said = "\n".join(lines).strip("\n")
    if said.strip():
        yield SkeletonPiece("text", said)
