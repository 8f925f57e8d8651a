"""What a draft must not do: state something without evidence, cite what is not there, grow beyond reading.

``lint`` looks at the document as a value, where a generated sentence and its
evidence cannot be confused with a person's words. ``lint_text`` looks at a
finished file, where they can: it reports every line of a section that has no
citation, and a person who wrote that line may say so. Neither changes anything.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import msgspec

from renderers.document import (
    ActionRow,
    Actions,
    Block,
    Bullets,
    Claim,
    Document,
    Index,
    Prompt,
    Row,
    Section,
    Timeline,
)
from renderers.plain import plain

MOST_WORDS = 700
MOST_ROWS = 40
MOST_PROMPTS = 10
"""What a reader can be asked to read above the Appendix."""

_CITED = re.compile(r"\[(?:[0-9a-f]{5,32}(?:, [0-9a-f]{5,32})*(?:, \+\d+)?|none: `+.+`+)\][.]?$")
_LABEL = re.compile(r"\*\*[^*]+:\*\*$")
_RULE = re.compile(r"\|[-:| ]+\|$")
_SAYS_NOTHING = re.compile(r": not observed\b|^- Completeness: webhooks do not tell\b")
"""Sentences that state nothing about the incident: nobody was listening, or what webhooks never tell."""
_INDEX = re.compile(r"- Index:$")


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is wrong with a draft."""

    kind: str
    """``uncited``, ``unknown`` (a citation of an event the draft does not know) or ``long``."""
    place: str
    """The section's key, or ``line 12`` of a file."""
    text: str
    """The sentence in question, or what was counted."""


def lint(document: Document) -> tuple[Finding, ...]:
    """Everything wrong with a document, in reading order; nothing for one that keeps its promises.

    The title, the date, the status and labels need no evidence; the lead does.
    """
    found = list(_claims("head", [document.lead] if document.lead else [], document))
    for section in document.sections:
        for block in section.blocks:
            found += _block(section.key, block, document)
    return (*found, *_lengths(document))


def _block(place: str, block: Block, document: Document) -> Iterator[Finding]:
    match block:
        case Bullets():
            yield from _claims(place, block.items, document)
        case Claim():
            yield from _claims(place, [block], document)
        case Timeline():
            yield from _rows(place, block.rows, document)
        case Actions():
            yield from _rows(place, block.rows, document)
        case Index():
            for line in block.lines:
                yield from _known(place, line.cites, line.type, document)
        case Prompt():
            pass


def _claims(place: str, claims: Iterable[Claim], document: Document) -> Iterator[Finding]:
    for claim in claims:
        text = plain(claim.parts)
        if not (claim.cites or claim.none or claim.label):
            yield Finding(kind="uncited", place=place, text=text)
        yield from _known(place, claim.cites, text, document)


def _rows(place: str, rows: Iterable[Row | ActionRow], document: Document) -> Iterator[Finding]:
    for row in rows:
        text = plain(row.parts if isinstance(row, Row) else row.action)
        if not row.cites:
            yield Finding(kind="uncited", place=place, text=text)
        yield from _known(place, row.cites, text, document)


def _known(place: str, cites: Iterable[str], text: str, document: Document) -> Iterator[Finding]:
    for each in cites:
        if each not in document.events:
            yield Finding(kind="unknown", place=place, text=f"{each}, cited by: {text}")


def _lengths(document: Document) -> Iterator[Finding]:
    above = [section for section in document.sections if section.key != "appendix"]
    blocks = [block for section in above for block in section.blocks]
    counts = (
        ("generated words", words(above), MOST_WORDS),
        ("timeline rows", sum(len(block.rows) for block in blocks if isinstance(block, Timeline)), MOST_ROWS),
        ("prompts", sum(isinstance(block, Prompt) for block in blocks), MOST_PROMPTS),
    )
    for what, count, most in counts:
        if count > most:
            yield Finding(kind="long", place="document", text=f"{count} {what} above the Appendix; {most} at most")


def words(sections: Iterable[Section]) -> int:
    """How many words were generated in these sections: sentences and rows, without prompts, labels and citations."""
    return sum(_words(block) for section in sections for block in section.blocks)


def _words(block: Block) -> int:
    match block:
        case Bullets():
            return sum(_words(item) for item in block.items)
        case Claim():
            return 0 if block.label else len(plain(block.parts).split())
        case Timeline():
            return sum(len(plain(row.parts).split()) for row in block.rows)
        case _:
            return 0


def lint_text(markdown: str) -> tuple[Finding, ...]:
    """Every list item and table row of a finished draft that ends in no citation, with its line.

    Labels, prompts, table heads and the index in the Appendix need none. What a person wrote is reported too, since a
    file does not say who wrote a line.
    """
    return tuple(
        Finding(kind="uncited", place=f"line {number}", text=text)
        for number, text in _statements(markdown)
        if not _CITED.search(_sentence(text))
    )


def _statements(markdown: str) -> Iterator[tuple[int, str]]:
    """The lines that state something: items and rows below the first section's heading, up to the footer."""
    inside, index, before = False, False, ""
    for number, line in enumerate(markdown.splitlines(), 1):
        if line.startswith("#"):
            inside = line.startswith("## ")
        index = bool(_INDEX.match(line)) or (index and line.startswith("  "))
        head = before.startswith("|") and _RULE.match(line)
        if inside and not index and not head and _states(line) and not _heads(markdown, number):
            yield number, line
        before = line


def _states(line: str) -> bool:
    return line.startswith("| ") or (
        line.lstrip().startswith("- ") and not (_LABEL.search(line) or _SAYS_NOTHING.search(line))
    )


def _heads(markdown: str, number: int) -> bool:
    """Whether the next line is a table's rule, so that this one is its head."""
    following = markdown.splitlines()[number : number + 1]
    return bool(following and _RULE.match(following[0]))


def _sentence(line: str) -> str:
    """The item, or of a row the cell that holds the evidence."""
    if not line.startswith("|"):
        return line.rstrip()
    cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip().strip("|"))]
    return cells[0] if len(cells) == 3 else cells[-1]
