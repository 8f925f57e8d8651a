"""A document as Markdown, in the words and the order of the postmortem template.

The template holds the headings, the rules and the footer; this module turns
blocks and sentences into lines. Whatever reaches the template as a plain
string is taken for a stranger's and escaped on the way out, so forgetting it
is safe. The same document gives the same bytes on any machine.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import fields
from itertools import groupby

import msgspec

from collector.event import EVENT_TYPES
from collector.semantics.closing import peak
from renderers import escape, times
from renderers.choices import NAMES
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
    Inline,
    LinkedText,
    Name,
    Prompt,
    Quote,
    Row,
    Section,
    Span,
    Table,
    TableRow,
    Time,
    Timeline,
    Words,
)
from renderers.draft import draft
from renderers.edits import marks
from renderers.edits.renamed import restated
from renderers.edits.revised import revised
from renderers.outline import status
from renderers.phrases import text_in
from renderers.plain_text import finished, goes_on, plain
from renderers.sandbox import template
from renderers.sheet import Md, Sheet, ShownMeasure, TemplateFacts
from renderers.words import duration

NOT_RECORDED = "_not recorded_"
"""What stands for something that no event tells and no prompt can ask for in its place."""


def markdown(document: Document) -> str:
    """The document as one Markdown text, with what people wrote in the whole of it. Raises ValueError for a zone that
    does not exist."""
    return (
        marks.plain(marked(document)) if document.history.revised else filled_template(document, MarkdownPen(document))
    )


def marked(document: Document) -> str:
    """The same for a file that people edit: invisible marks say what each line is, so that it can be brought up to
    date around their words (:func:`renderers.edits.merge`)."""
    fresh, people = machine_marked(document), document.history.revised
    if people is None:
        return fresh
    kept = text_in(people.data, "text")
    kept = restated(kept, named_machine_marked(document), fresh) if document.named_history else kept
    return marks.with_words(revised(kept, fresh), people.id)


def named_machine_marked(document: Document) -> str:
    """Of a draft in which people stand as roles, what timelined writes of it where they have their names; empty of any
    other."""
    if document.named_history is None:
        return ""
    return machine_marked(draft(document.named_history, msgspec.structs.replace(document.options, people=NAMES)))


def machine_marked(document: Document) -> str:
    """The same without what people wrote in the whole of it."""
    return marks.finished(filled_template(document, MarkingPen(document)))


def filled_template(document: Document, pen: MarkdownPen) -> str:
    """The document as this pen writes it, in the words and the order of its template."""
    sections = {section.key: section for section in document.sections}
    review = document.review
    texts = {
        "title": pen.line(document.title.parts),
        "lead": pen.cited(document.lead, stop=False) if document.lead else NOT_RECORDED,
        "date": times.day(document.date, document.options.zone),
        "status": " · ".join([status(document), *([pen.cited(review.said)] if review else [])]),
        "incident": pen.line(document.incident.parts) if document.incident else NOT_RECORDED,
    }
    proof = {"title": document.title, "lead": document.lead, "status": review.said if review else None}
    cites = {name: claim.cites for name, claim in proof.items() if claim is not None}
    head = {name: Md(text + pen.mark(name, cites=cites.get(name, ()), led=False)) for name, text in texts.items()}
    names = [field.name for field in fields(Sheet) if field.name not in (*head, "references")]
    body = {name: Md(pen.section(sections[name]) if name in sections else "") for name in names}
    sheet = Sheet(**head, **body, references=Md(pen.references()))
    return template(document.options.template).render(sheet=sheet, facts=facts_of(document))


def facts_of(document: Document) -> TemplateFacts:
    """What a template may build its own sentences with."""
    history, zone = document.history, document.options.zone
    over = history.closing.at
    return TemplateFacts(
        number=history.context.number,
        title=plain(document.title.parts),
        services=history.services,
        environments=history.environments,
        severity=peak("", [alert.severity for alert in history.openers]) or "",
        resolved=document.resolved,
        started=" ".join(times.clock(document.date, zone)),
        ended=" ".join(times.clock(over, zone)) if over is not None else "",
        durations=tuple(
            ShownMeasure(term=each.term, value=duration(each.micros), known=each.known)
            for each in document.durations
            if each.micros is not None
        ),
    )


class MarkdownPen:
    """Writes blocks and sentences of one document: knows its short ids, its zone and where citations go."""

    def __init__(self, document: Document) -> None:
        self._short = short_ids(document.events, printed(document))
        self._zone = document.options.zone
        self._date = document.date
        self._seconds = document.options.seconds
        self._where = document.options.citations
        self._url = document.external_url.rstrip("/")
        self._used: dict[str, str] = {}
        """Text of a citation → the id of the event that it leads to."""
        self._evidence: list[str] = []
        self._gathered: list[str] = []
        self._within = "head"
        self._inline_texts: dict[tuple[Inline, bool], str] = {}
        """What parts look like: a name or a word of ours stands in thousands of rows of a large incident. It ends with
        the draft, so that no erasure has to look for it."""

    def mark(self, kind: str, said: str = "", cites: Sequence[str] = (), *, led: bool = True) -> str:
        """What says which statement a line is; nothing, in a text that nobody edits."""
        return ""

    def section(self, section: Section) -> str:
        """One section; the Appendix ends in the evidence of all, where it is gathered there."""
        self._within = section.key
        text = self.blocks(section.blocks)
        if self._evidence:
            cited = "; ".join(f"{number} {each}" for number, each in enumerate(self._evidence, 1))
            self._gathered.append(f"- {_NAMES.get(section.key, section.key)}: {cited}")
            self._evidence = []
        if section.key == "appendix" and self._gathered:
            gathered = "\n".join(line + self.mark("evidence", line.partition(":")[0]) for line in self._gathered)
            said = f"Evidence, numbered as the statements of each section:{self.mark('gathered')}"
            text = f"{text}\n\n{said}\n\n{gathered}"
        return text

    def blocks(self, blocks: Sequence[Block]) -> str:
        """The blocks with blank lines between; lists that follow each other are one list."""
        runs = groupby(blocks, key=lambda block: isinstance(block, Bullets) and not block.numbered)
        texts: list[str] = []
        for listed, run in runs:
            written = [text for block in run if (text := self._block(block))]
            texts += ["\n".join(written)] if listed and written else written
        return "\n\n".join(texts)

    def references(self) -> str:
        """A definition for each citation and each event that one names, at the very end, where nobody sees it."""
        if not self._url:
            return ""
        names = {self._short.get(each, each): each for each in self._short} if self._used else {}
        labels = {f"[{name}]": each for name, each in names.items()} | self._used
        return "\n" + "\n".join(f"{label}: {self._url}/events/{each}" for label, each in sorted(labels.items())) + "\n"

    def _block(self, block: Block) -> str:
        match block:
            case Bullets():
                return "\n".join(
                    f"{f'{n}.' if block.numbered else '-'} {self.cited(item)}{self._marked(item)}"
                    for n, item in enumerate(block.items, 1)
                )
            case Prompt():
                return self._prompt(block)
            case Timeline():
                return self._timeline(block)
            case Table():
                return self._table(block)
            case Actions():
                return self._actions(block)
            case Index():
                return self._index(block)
            case Claim():
                return self.cited(block) + self._marked(block)

    def _marked(self, claim: Claim) -> str:
        """The mark of a sentence: it is known again by its first words of ours."""
        said = next((part.text for part in claim.parts if isinstance(part, Words)), "")
        return self.mark("say", said, claim.cites)

    def _prompt(self, prompt: Prompt) -> str:
        command = f" ({escape.code(prompt.command)})" if prompt.command else ""
        return f"> **Fill in:** {escape.inner(prompt.question.strip())}{command}{self.mark('ask', prompt.question)}"

    # Sentences

    def line(self, parts: Iterable[Inline]) -> str:
        """The parts on a line of their own."""
        return escape.line(self._parts(parts)) or escape.EMPTY

    def cited(self, claim: Claim, *, stop: bool | None = None) -> str:
        """A sentence, its citation, and a full stop where it has none."""
        ends = claim.stop if stop is None else stop
        text = " ".join([self._parts(claim.parts) or escape.EMPTY, *self._cite(claim.cites)])
        return escape.line(f"{text}." if ends and not finished(plain(claim.parts)) else text)

    def _cite(self, cites: Sequence[str]) -> list[str]:
        """The citation, where it stands behind what it proves. A query that found nothing has its words in the
        sentence, and stands in JSON."""
        text = self.evidence(cites) if self._where != "none" else ""
        if text and self._where == "end":
            self._evidence.append(text)
        return [text] if text and self._where == "inline" else []

    def evidence(self, cites: Sequence[str]) -> str:
        """The citation itself; empty for none."""
        text = citation(cites, self._short)
        if text:
            self._used[text] = cites[0]
        return text

    def _parts(self, parts: Iterable[Inline], *, table: bool = False) -> str:
        return escape.join(self.inline(inline, table=table) for inline in parts).strip()

    def inline(self, inline: Inline, *, table: bool) -> str:
        """One part of a sentence; in a table, bars are no ends of cells."""
        text = self._inline_texts.get((inline, table))
        if text is None:
            text = self._inline_texts[inline, table] = _inline(inline, table=table)
        return text

    # Tables

    def _timeline(self, block: Timeline) -> str:
        """The table; where the clocks changed between its rows, each of them has its offset."""
        instants = [row.at for row in block.rows]
        offsets = len(times.offsets(instants, self._zone)) > 1 or any(times.repeated(at, self._zone) for at in instants)
        lines = [
            f"| **Time** | **Event**{self.mark('head', 'rows')} |",
            "|---|---|",
            *(self._row(row, offset=offsets) for row in block.rows),
        ]
        if block.left_out is not None:
            lines += ["", self.cited(block.left_out) + self._marked(block.left_out)]
        return "\n".join(lines)

    def _row(self, row: Row, *, offset: bool) -> str:
        time_text = " ".join(times.clock(row.at, self._zone)) if self._seconds else times.minute(row.at, self._zone)
        time_text += f" {times.offset(row.at, self._zone)}" if offset else ""
        pieces = [
            _label(row),
            self._parts(row.parts, table=True),
            *(f"({escape.inner(suffix)})" for suffix in row.suffixes),
            *self._cite(row.cites),
        ]
        text = " ".join(piece for piece in pieces if piece) or escape.EMPTY
        return f"| {time_text} | {text}{self.mark('row', cites=row.cites)} |"

    def _table(self, block: Table) -> str:
        """A table of ours; what proves a row stands in its last cell."""
        head = [f"| {' | '.join(block.head)}{self.mark('head', block.key)} |", f"|{'---|' * len(block.head)}"]
        lines = [*head, *(self._table_row(row, block.key) for row in block.rows)]
        if block.left_out is not None:
            lines += ["", self.cited(block.left_out) + self._marked(block.left_out)]
        return "\n".join(lines)

    def _table_row(self, row: TableRow, table: str) -> str:
        cells = [self._parts(cell, table=True) for cell in row.cells]
        cells[-1] = " ".join(piece for piece in (cells[-1], *self._cite(row.cites)) if piece)
        return f"| {' | '.join(cells)}{self.mark(table, plain(row.cells[0]), row.cites)} |"

    def _actions(self, block: Actions) -> str:
        head = [f"| **Action** | **Owner** | **Due Date**{self.mark('head', 'actions')} |", "|---|---|---|"]
        return "\n".join(head + [self._action(row) for row in block.rows])

    def _action(self, row: ActionRow) -> str:
        action = self._parts(row.action, table=True) or escape.EMPTY
        cells = " ".join([action, *self._cite(row.cites)])
        owner = self._parts(row.owner, table=True) or NOT_RECORDED
        due = escape.prose(row.due, table=True) if row.due else NOT_RECORDED
        return f"| {cells} | {owner} | {due}{self.mark('action', cites=row.cites)} |"

    # The index

    def _index(self, block: Index) -> str:
        """One line an event; the copy that shows no citations needs none."""
        if self._where == "none" or not block.lines:
            return ""
        days = {times.day(line.at, self._zone) for line in block.lines} | {times.day(self._date, self._zone)}
        lines = [f"| Id | Time | Type | Source{self.mark('head', 'index')} |", "|---|---|---|---|"]
        sources = {name: escape.prose(name, table=True) for name in {line.source for line in block.lines}}
        for line in block.lines:
            day, time = times.clock(line.at, self._zone)
            offset = f" {times.offset(line.at, self._zone)}" if times.repeated(line.at, self._zone) else ""
            kind = line.type if line.type in EVENT_TYPES else escape.prose(line.type, table=True)
            time_text = f"{day} {time}" if len(days) > 1 else time
            short = self.called(line)
            marked_as = self.mark("index", cites=(line.id,))
            lines.append(f"| {short} | {time_text}{offset} | {kind} | {sources[line.source]}{marked_as} |")
        return "\n".join(lines)

    def called(self, line: IndexLine) -> str:
        """How the event of a line in the index is cited."""
        return self._short.get(line.id, line.id)


class MarkingPen(MarkdownPen):
    """A pen whose lines say what they are."""

    def mark(self, kind: str, stem: str = "", cites: Sequence[str] = (), *, led: bool = True) -> str:
        """The section, the kind, what the statement is known by, and the first event that proves it, unless there is
        only one statement of the kind whatever proves it (``led``)."""
        lead = cites[0][-marks.ID_DIGITS :] if cites and led else ""
        names = (self._within, kind, marks.stem(stem) if stem else "", lead)
        return marks.raw("/".join(name for name in names if name), cites)


_NAMES = {
    "summary": "Summary",
    "impact": "Impact",
    "timeline": "Timeline",
    "detection": "Detection",
    "root_causes": "Root Causes",
    "diagnostics": "Diagnostic Steps",
    "resolution": "Resolution and Mitigation",
    "lessons": "Lessons Learned",
    "actions": "Action Items",
    "appendix": "Appendix",
}
"""How the sections are called where their evidence is gathered."""


def _inline(inline: Inline, *, table: bool) -> str:
    match inline:
        case Words():
            return _strong(inline.text) if inline.strong else escape.inner(inline.text)
        case Time() | Span():
            return inline.text
        case Name():
            return escape.prose(inline.text, table=table)
        case Quote():
            return escape.quote(inline.text, table=table, longest=inline.longest)
        case Code():
            return escape.code(inline.text, table=table)
        case LinkedText():
            return escape.link(inline.text, inline.url, table=table)


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
    return f"**{escape.inner(row.label)}{'' if goes_on(row.parts) else '.'}**"
