"""What a draft must not do: state something without evidence, cite what is not there, ask too much.

``lint`` looks at the document as a value, where a generated sentence and its
evidence cannot be confused with a person's words. ``lint_text`` looks at a
finished file, where they can: it reports every line of a section that has no
citation, and a person who wrote that line may say so. Neither changes anything.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from renderers.document import (
    ActionRow,
    Actions,
    Block,
    Bullets,
    Claim,
    Document,
    Index,
    Inline,
    Prompt,
    Row,
    Table,
    TableRow,
    Timeline,
    Words,
)
from renderers.plain_text import plain

MOST_PROMPTS = 12
"""How many questions a draft may ask."""

_CITED = re.compile(r"\[(?:[0-9a-f]{5,32}(?:, [0-9a-f]{5,32})*(?:, \+\d+)?)\][.]?$")
_LABEL = re.compile(r"\*\*[^*]+:\*\*$")
_RULE = re.compile(r"\|[-:| ]+\|$")
SAYS_NOTHING = re.compile(
    r"^- (?:No (?:change|alert|page)\b.* was recorded between |No \w+ system reports"
    r"|Not visible here: alerts that were silenced\b|When the impact began is not recorded\b"
    r"|No alert, page or report was recorded, so how\b|Duration of the impact: not known\b)"
)
"""Sentences that no event can prove: what was looked for and not recorded, that nobody was listening, or what webhooks
never tell."""
_ITEM = re.compile(r"\s*(?:-|\d+\.) ")
_UNKNOWN = re.compile(r"\| [^|]+ \| (?:unknown|not known yet) \|")
"""A measure that nothing is known of."""
_INDEX = re.compile(r"\| Id \| Time \|")


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is wrong with a draft."""

    kind: str
    """``uncited``, ``unknown`` (a citation of an event the draft does not know) or ``prompts`` (it asks too much)."""
    location: str
    """The section's key, or ``line 12`` of a file."""
    text: str
    """The sentence in question, or what was counted."""


def lint(document: Document) -> tuple[Finding, ...]:
    """Everything wrong with a document, in reading order; nothing for one that keeps its promises.

    The title, the date, the status and labels need no evidence; the lead does.
    """
    heads = [document.lead, document.review.said if document.review else None]
    findings = list(_claims("head", [each for each in heads if each], document))
    for section in document.sections:
        for block in section.blocks:
            findings += _block(section.key, block, document)
    return (*findings, *_prompts(document))


def _block(section: str, block: Block, document: Document) -> Iterator[Finding]:
    match block:
        case Bullets():
            yield from _claims(section, block.items, document)
        case Claim():
            yield from _claims(section, [block], document)
        case Timeline():
            yield from _rows(section, block.rows, document)
        case Actions():
            yield from _rows(section, block.rows, document)
        case Table():
            yield from _rows(section, block.rows, document)
        case Index():
            for line in block.lines:
                yield from _unknown_citations(section, [line.id], line.type, document)
        case Prompt():
            pass


def _claims(section: str, claims: Iterable[Claim], document: Document) -> Iterator[Finding]:
    for claim in claims:
        text = plain(claim.parts)
        if not (claim.cites or claim.none or claim.label):
            yield Finding(kind="uncited", location=section, text=text)
        yield from _unknown_citations(section, claim.cites, text, document)


def _rows(section: str, rows: Iterable[Row | ActionRow | TableRow], document: Document) -> Iterator[Finding]:
    for row in rows:
        text = plain(_stated(row))
        if not row.cites and not (isinstance(row, TableRow) and row.label):
            yield Finding(kind="uncited", location=section, text=text)
        yield from _unknown_citations(section, row.cites, text, document)


def _unknown_citations(section: str, cites: Iterable[str], text: str, document: Document) -> Iterator[Finding]:
    for each in cites:
        if each not in document.events:
            yield Finding(kind="unknown", location=section, text=f"{each}, cited by: {text}")


def _stated(row: Row | ActionRow | TableRow) -> tuple[Inline, ...]:
    """What the row states."""
    if isinstance(row, TableRow):
        return tuple(part for cell in row.cells for part in (*cell, Words(" ")))
    return row.parts if isinstance(row, Row) else row.action


def _prompts(document: Document) -> Iterator[Finding]:
    count = sum(isinstance(block, Prompt) for section in document.sections for block in section.blocks)
    if count > MOST_PROMPTS:
        yield Finding(kind="prompts", location="document", text=f"{count} prompts; {MOST_PROMPTS} at most")


def lint_text(markdown: str) -> tuple[Finding, ...]:
    """Every list item and table row of a finished draft that ends in no citation, with its line.

    Labels, prompts, table heads and the index in the Appendix need none. What a person wrote is reported too, since a
    file does not say who wrote a line.
    """
    return tuple(
        Finding(kind="uncited", location=f"line {number}", text=text)
        for number, text in _statements(markdown)
        if not _CITED.search(_sentence(text))
    )


def _statements(markdown: str) -> Iterator[tuple[int, str]]:
    """The lines that state something: items and rows below the first section's heading, up to the footer."""
    inside, index, before = False, False, ""
    lines = markdown.split("\n")
    for number, line in enumerate(lines, 1):
        if line.startswith("#"):
            inside = line.startswith("## ")
        index = bool(_INDEX.match(line)) or (index and line.startswith("|"))
        head = before.startswith("|") and _RULE.match(line)
        if inside and not index and not head and _states(line) and not _heads(lines, number):
            yield number, line
        before = line


def _states(line: str) -> bool:
    return (line.startswith("| ") and not _UNKNOWN.match(line)) or (
        bool(_ITEM.match(line)) and not (_LABEL.search(line) or SAYS_NOTHING.search(line))
    )


def _heads(lines: Sequence[str], number: int) -> bool:
    """Whether the next line is a table's rule, so that this one is its head."""
    return number < len(lines) and bool(_RULE.match(lines[number]))


def _sentence(line: str) -> str:
    """The item, or of a row the cell that holds the evidence."""
    if not line.startswith("|"):
        return line.rstrip()
    cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip().strip("|"))]
    return cells[0] if len(cells) == 3 else cells[-1]
