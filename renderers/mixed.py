"""A draft in the whole of which people wrote, as markup: their lines are read as Markdown, others are written whole.

What a line is, is known by the marks that Markdown for people carries. A line
of ours that nobody touched is written as the format writes it, so that a long
quotation stands whole and a citation leads where it leads everywhere.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from renderers import prose
from renderers.cite import citation, short_ids
from renderers.document import Document, IndexLine, Inline, Span, Words
from renderers.edits import marks
from renderers.edits.merge import shaped
from renderers.edits.sheets import DraftLine, delimits, form, sheet_of, units_of
from renderers.markdown import MarkdownPen, MarkingPen, filled_template, marked
from renderers.plain_text import plain
from renderers.prose import Fragment, Passage

Tag = Callable[[int], str]


class MarkupPen(NamedTuple):
    """How a format writes what stands within a sentence."""

    inline: Callable[[Inline], str]
    cite: Callable[[Sequence[str]], str]
    called: Callable[[IndexLine], str]
    """The first cell of a line in the index."""


def mixed(document: Document, pen: MarkupPen, tag: Tag | None = None) -> tuple[tuple[str, Passage], ...]:
    """The draft as markup, cut at each heading of the first two levels; with each passage the key of the section, where
    its heading is one of ours.

    With ``tag`` each line begins with what it makes of the line's number.
    """
    text, fragments, keys = _source(document, pen, tag)
    return tuple((keys.get(each.line, "") if each.level else "", each) for each in prose.passages(text, fragments, 2))


def _source(document: Document, pen: MarkupPen, tag: Tag | None) -> tuple[str, Sequence[Fragment], dict[int, str]]:
    """The draft as Markdown with places of fragments, the fragments, and the line of each section's heading."""
    hand = _PlacingPen(document, pen)
    ours = {unit.key: unit for unit in units_of(marks.finished(filled_template(document, hand)))}
    sheet = sheet_of(marked(document), ())
    lines, keys = [], {}
    for at, line in enumerate(sheet.lines):
        unit = ours.get(line.key)
        text = marks.bare(line.text)
        lines.append(shaped(unit, text) if unit is not None else prose.clean(text))
        heading = next((key for key in line.says if key.endswith("/heading")), "")
        if heading:
            keys[at] = heading.partition("/")[0]
    lines = list(_within_tables(lines))
    if tag is not None:
        lines = [_tagged(line, hand.placed(tag(at), "")) if free else line
                 for at, (line, free) in enumerate(zip(lines, _outside_code(lines), strict=True))]  # fmt: skip
    return "\n".join(lines), hand.fragments, keys


def _outside_code(lines: Iterable[str]) -> Iterator[bool]:
    """Whether each line is neither within a block of code nor one of its fences."""
    inside = ""
    for line in lines:
        fence = re.match(r" {0,3}(```+|~~~+)", line)
        yield not (inside or fence)
        if fence:
            inside = "" if inside and fence[1].startswith(inside) else inside or fence[1]


_LEAD = re.compile(r"\s*(?:>\s?)*(?:(?:[-*+]|\d{1,9}[.)])[ \t]+|#{1,6}[ \t]+|\|[ \t]*)?")


def _tagged(line: str, tag: str) -> str:
    """The line with a tag before what it says; what says nothing stays."""
    if delimits(line) or form(line) in ("blank", "rule", "reference"):
        return line
    lead = _LEAD.match(line)
    at = lead.end() if lead else 0
    return f"{line[:at]}{tag} {line[at:]}" if line[at:].strip() else line


def _within_tables(lines: Iterable[str]) -> Iterator[str]:
    """Rows with more cells than their table has columns keep what stands in them: Markdown shows no cell beyond."""
    before, columns = "", 0
    for line in lines:
        if delimits(line) and (head := marks.cells(before)):
            columns = len(head)
        elif form(line) == "blank":
            columns = 0
        before = _narrowed(line, columns) if columns else line
        yield before


def _narrowed(line: str, columns: int) -> str:
    row = marks.cells(line if line.lstrip().startswith("|") else f"|{line}")
    if row is None or len(row) <= columns:
        return line
    return f"| {' | '.join((*row[: columns - 1], ' &#124; '.join(row[columns - 1 :])))} |"


def people_lines(document: Document) -> Iterator[tuple[str, str]]:
    """The lines that people wrote or changed in the whole of a draft, each with the section it stands in."""
    units = units_of(marked(document))
    frame = {marks.words(line) for line in filled_template(document, MarkdownPen(document)).split("\n")}
    section = "head"
    for line in sheet_of(marked(document), units).lines:
        section = next((key.partition("/")[0] for key in line.says if key.endswith("/heading")), section)
        said = marks.words(line.text)
        if said and _is_theirs(line) and said not in frame:
            yield section, marks.bare(line.text).strip()


def _is_theirs(line: DraftLine) -> bool:
    return line.edited or not line.key


class _PlacingPen(MarkingPen):
    """A pen that leaves a place for each part which the format writes by itself."""

    def __init__(self, document: Document, pen: MarkupPen) -> None:
        super().__init__(document)
        self._pen, self._ids = pen, short_ids(document.events)
        self.fragments: list[Fragment] = []

    def references(self) -> str:
        """Citations lead by themselves."""
        return ""

    def inline(self, inline: Inline, *, table: bool) -> str:
        """Words of ours may carry emphasis of ours; all else has a place."""
        if isinstance(inline, Words | Span):
            return super().inline(inline, table=table)
        return self.placed(self._pen.inline(inline), plain([inline]))

    def evidence(self, cites: Sequence[str]) -> str:
        """A place for the citation."""
        return self.placed(self._pen.cite(cites), citation(cites, self._ids)) if cites else ""

    def called(self, line: IndexLine) -> str:
        """A place for what the line is called, to which citations lead."""
        return self.placed(self._pen.called(line), self._ids.get(line.id, line.id))

    def placed(self, markup: str, text: str) -> str:
        """The place of a fragment."""
        self.fragments.append(Fragment(markup, text))
        return prose.placeholder(len(self.fragments) - 1)
