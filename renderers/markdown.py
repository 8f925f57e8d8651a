"""A document as Markdown, in the words and the order of the postmortem template.

The template holds the headings, the rules and the footer; this module turns
blocks and sentences into lines. Whatever reaches the template as a plain
string is taken for a stranger's and escaped on the way out, so forgetting it
is safe. The same document gives the same bytes on any machine.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from functools import lru_cache
from itertools import groupby

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from collector.event import EVENT_TYPES
from renderers import escape, times
from renderers.cite import citation, printed, short_ids
from renderers.document import (
    ActionRow,
    Actions,
    Block,
    Bullets,
    Claim,
    Code,
    Document,
    Index,
    IndexLine,
    Link,
    Name,
    Part,
    Prompt,
    Quote,
    Row,
    Timeline,
    Words,
)
from renderers.plain import finished, plain

TEMPLATE = "postmortem.md.j2"
NOT_RECORDED = "_not recorded_"
"""What stands for something that no event tells and no prompt can ask for in its place."""


class Md(str):
    """Text that is finished Markdown; any other string is escaped when the template shows it."""

    __slots__ = ()


@dataclass(frozen=True)
class Sheet:
    """All that the template is given."""

    title: Md
    """The incident's title, on one line."""
    lead: Md
    """Who led, with the evidence."""
    date: Md
    """The day it began, in the chosen zone."""
    status: Md
    """``Resolved`` or ``Unresolved``, and as known at what time, if the draft is about an earlier one."""
    summary: Md
    """What happened, in four sentences."""
    impact: Md
    """What was hit, and what the alerts said."""
    timeline: Md
    """The zone it is told in, and the table."""
    detection: Md
    """Who or what noticed, and how fast."""
    root_causes: Md
    """Labels, prompts and candidates."""
    diagnostics: Md
    """Notes, queries, runbooks."""
    resolution: Md
    """What was done, and what ended next."""
    lessons: Md
    """Observations with numbers."""
    actions: Md
    """The table of follow-ups."""
    appendix: Md
    """What was near, what was missing, the index and the digest."""


def markdown(document: Document) -> str:
    """The document as one Markdown text. Raises ValueError for a zone that does not exist."""
    pen = _Pen(document)
    blocks = {section.key: section.blocks for section in document.sections}
    head = {
        "title": Md(pen.line(document.title.parts)),
        "lead": Md(pen.cited(document.lead, stop=False) if document.lead else NOT_RECORDED),
        "date": Md(times.day(document.date, document.options.zone)),
        "status": Md(_status(document)),
    }
    body = {field.name: Md(pen.blocks(blocks.get(field.name, ()))) for field in fields(Sheet) if field.name not in head}
    return _template().render(sheet=Sheet(**head, **body))


def _status(document: Document) -> str:
    """Whether it is over; a draft of what was known at some time says at which."""
    over = "Resolved" if document.resolved else "Unresolved"
    if document.as_of is None:
        return over
    zone = document.options.zone
    day, time = times.clock(document.as_of, zone)
    return f"{over}, as known at {day} {time} ({times.offset(document.as_of, zone)})"


@lru_cache(maxsize=1)
def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("renderers"),
        autoescape=False,  # noqa: S701 - autoescape is for HTML; finalize escapes for Markdown
        finalize=_finalize,
        undefined=StrictUndefined,
        keep_trailing_newline=True,
    )
    return environment.get_template(TEMPLATE)


def _finalize(value: object) -> str:
    """What the template shows: finished Markdown as it is, anything else as a stranger's words."""
    return value if isinstance(value, Md) else escape.prose(str(value))


class _Pen:
    """Writes blocks and sentences of one document: knows its short ids and its zone."""

    def __init__(self, document: Document) -> None:
        self._short = short_ids(document.events, printed(document))
        self._zone = document.options.zone
        self._date = document.date

    def blocks(self, blocks: Sequence[Block]) -> str:
        """The blocks with blank lines between; lists that follow each other are one list."""
        runs = groupby(blocks, key=lambda block: isinstance(block, Bullets | Index))
        texts: list[str] = []
        for listed, run in runs:
            written = [text for block in run if (text := self._block(block))]
            texts += ["\n".join(written)] if listed and written else written
        return "\n\n".join(texts)

    def _block(self, block: Block) -> str:
        match block:
            case Bullets():
                return "\n".join(f"- {self.cited(item)}" for item in block.items)
            case Prompt():
                return f"> **Fill in:** {escape.inner(block.question.strip())}"
            case Timeline():
                return self._timeline(block)
            case Actions():
                return self._actions(block)
            case Index():
                return self._index(block)
            case Claim():
                return self.cited(block)

    # Sentences

    def line(self, parts: Iterable[Part]) -> str:
        """The parts on a line of their own."""
        return escape.line(self._parts(parts)) or escape.EMPTY

    def cited(self, claim: Claim, *, stop: bool | None = None) -> str:
        """A sentence, its citation, and a full stop where it has none."""
        ends = claim.stop if stop is None else stop
        evidence = [text for text in (citation(claim.cites, self._short), self._nothing(claim.none)) if text]
        text = " ".join([self._parts(claim.parts) or escape.EMPTY, *evidence])
        return escape.line(f"{text}." if ends and not finished(plain(claim.parts)) else text)

    def _nothing(self, query: str) -> str:
        return f"[none: {escape.code(query)}]" if query else ""

    def _parts(self, parts: Iterable[Part], *, table: bool = False) -> str:
        return escape.join(_part(part, table=table) for part in parts).strip()

    # Tables

    def _timeline(self, block: Timeline) -> str:
        """The table; where the clocks changed between its rows, each of them has its offset."""
        offsets = times.offsets((row.at for row in block.rows), self._zone)
        lines = [
            "| **Time** | **Event** |",
            "|---|---|",
            *(self._row(row, offset=len(offsets) > 1) for row in block.rows),
        ]
        if block.left_out is not None:
            lines += ["", self.cited(block.left_out)]
        return "\n".join(lines)

    def _row(self, row: Row, *, offset: bool) -> str:
        shown = times.minute(row.at, self._zone) + (f" {times.offset(row.at, self._zone)}" if offset else "")
        pieces = [
            _label(row),
            self._parts(row.parts, table=True),
            *(f"({escape.inner(suffix)})" for suffix in row.suffixes),
            citation(row.cites, self._short),
        ]
        return f"| {shown} | {' '.join(piece for piece in pieces if piece) or escape.EMPTY} |"

    def _actions(self, block: Actions) -> str:
        head = ["| **Action** | **Owner** | **Due Date** |", "|---|---|---|"]
        return "\n".join(head + [self._action(row) for row in block.rows])

    def _action(self, row: ActionRow) -> str:
        action = self._parts(row.action, table=True) or escape.EMPTY
        evidence = citation(row.cites, self._short)
        owner = self._parts(row.owner, table=True) or NOT_RECORDED
        due = escape.prose(row.due, table=True) if row.due else NOT_RECORDED
        return f"| {action}{' ' * bool(evidence)}{evidence} | {owner} | {due} |"

    # The index

    def _index(self, block: Index) -> str:
        lines = ["- Index:", *(f"  - {self._index_line(line)}" for line in block.lines)]
        if block.left_out:
            lines.append(f"  - and {block.left_out:,} more")
        return "\n".join(lines)

    def _index_line(self, line: IndexLine) -> str:
        ids = ", ".join(self._short.get(each, each) for each in line.cites)
        day, time = times.clock(line.at, self._zone)
        shown = time if day == times.day(self._date, self._zone) else f"{day} {time}"
        kind = line.type if line.type in EVENT_TYPES else escape.prose(line.type)
        return f"{ids} {shown} {kind} {escape.prose(line.source)}" + (f" +{line.more}" if line.more else "")


def _part(part: Part, *, table: bool) -> str:
    match part:
        case Words():
            return _strong(part.text) if part.strong else escape.inner(part.text)
        case Name():
            return escape.prose(part.text, table=table)
        case Quote():
            return escape.quote(part.text, table=table)
        case Code():
            return escape.code(part.text, table=table)
        case Link():
            return escape.link(part.text, part.url, table=table)


def _strong(text: str) -> str:
    """Our own emphasis; spaces at the ends stay outside, where they do not break it."""
    inside = text.strip()
    if not inside:
        return text
    before, _, after = text.partition(inside)
    return f"{before}**{escape.inner(inside)}**{after}"


def _label(row: Row) -> str:
    """The row's bold label: ``**Detected.**``, or ``**Acknowledged**`` where the row goes on in lower case."""
    if not row.label:
        return ""
    first = row.parts[0] if row.parts else None
    goes_on = isinstance(first, Words) and first.text.lstrip()[:1].islower()
    return f"**{escape.inner(row.label)}{'' if goes_on else '.'}**"
