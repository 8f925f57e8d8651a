"""A document in the storage format of Confluence: strict XML that is parsed before it leaves.

Confluence refuses a whole page over one entity that it does not know or one
element that is not closed. So only the entities of XML are written, and what
cannot be parsed is an error here and not there. Written from the document and
not from its HTML or Markdown; a stranger's words stand whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from xml.parsers import expat

from renderers import escape, times
from renderers.cite import citation, short_ids
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
    Time,
    Timeline,
    Words,
)
from renderers.escape import quotation_marks
from renderers.markdown import facts_of
from renderers.markup import address, clean, escaped, lines
from renderers.mixed import MarkupPen, Tag, mixed
from renderers.outline import FOOTER, HEADINGS, status
from renderers.plain_text import finished, goes_on, plain
from renderers.prose import xhtml
from renderers.skeleton import DEFAULT, pieces

UNKNOWN = "<em>not recorded</em>"
_ROOT = '<page xmlns:ac="urn:ac" xmlns:ri="urn:ri">'


def confluence(document: Document) -> str:
    """The body of a page, with what people wrote in the whole of it; its title is a field of its own there. Raises
    ValueError for a zone that does not exist."""
    if document.history.revised:
        return edited(document)
    pen = _ConfluencePen(document)
    lead = pen.cited(document.lead, stop=False) if document.lead else UNKNOWN
    incident = pen.parts(document.incident.parts) if document.incident else UNKNOWN
    review = f" · {pen.cited(document.review.said)}" if document.review else ""
    day = escaped(times.day(document.date, document.options.zone))
    head = (
        f"<p><strong>Postmortem Report:</strong> {pen.parts(document.title.parts)}</p>",
        (
            f"<p><strong>Incident Lead:</strong> {lead}<br/><strong>Date:</strong> {day}<br/>"
            f"<strong>Status:</strong> {escaped(status(document))}{review}<br/>"
            f"<strong>Incident:</strong> {incident}</p>"
        ),
    )
    return well_formed("\n".join([*head, *_body(document, pen)]) + "\n")


def edited(document: Document, tag: Tag | None = None) -> str:
    """The page whose lines are those of the draft's file; ``tag`` makes of a line's number what it begins with."""
    pen = _ConfluencePen(document)
    parts = mixed(document, MarkupPen(_on_a_line, pen.evidence, pen.called), tag)
    page = (
        f"<h{part.level}>{part.heading}</h{part.level}>{part.body}" if part.level else part.body for _, part in parts
    )
    return well_formed("\n".join(page))


def _body(document: Document, pen: _ConfluencePen) -> list[str]:
    """The sections under the headings of the template, and what else it says."""
    by_key = {section.key: section for section in document.sections}
    if document.options.template == DEFAULT:
        body = [
            f"<h2>{escaped(text)}</h2>{pen.section(by_key[key])}" for key, text in HEADINGS.items() if key in by_key
        ]
        return [*body, f"<hr/><p><em>{escaped(FOOTER)}</em></p>"]
    body_parts = []
    for piece in pieces(document.options.template, facts_of(document)):
        if piece.kind == "heading":
            body_parts.append(f"<h{piece.level}>{escaped(piece.text)}</h{piece.level}>")
        elif piece.kind == "text":
            body_parts.append(xhtml(piece.text).strip())
        elif piece.text in by_key:
            body_parts.append(pen.section(by_key[piece.text]))
    return body_parts


def well_formed(body: str) -> str:
    """The same body, once it was parsed. Raises ValueError, saying where, for one that Confluence would refuse."""
    parser = expat.ParserCreate("UTF-8")
    try:
        parser.Parse(f"{_ROOT}{body}</page>".encode("utf-8", "replace"), True)
    except expat.ExpatError as error:
        raise ValueError(
            f"cannot write a page for Confluence: line {error.lineno}, column {error.offset} is no XML: {error}"
        ) from error
    return body


class _ConfluencePen:
    """Writes the blocks and sentences of one document."""

    def __init__(self, document: Document) -> None:
        self._zone = document.options.zone
        self._seconds = document.options.seconds
        self._where = document.options.citations
        self._url = document.external_url.rstrip("/")
        self._short = short_ids(document.events)
        self._evidence: list[str] = []
        self._gathered: list[str] = []

    def section(self, section: Section) -> str:
        """One section; the Appendix ends in the evidence of all, where it is gathered there."""
        text = "".join(map(self._block, section.blocks))
        if self._evidence:
            items = "".join(f"<li>{each}</li>" for each in self._evidence)
            self._gathered.append(f"<h3>{escaped(HEADINGS[section.key])}</h3><ol>{items}</ol>")
            self._evidence = []
        if section.key == "appendix" and self._gathered:
            text += "<p>Evidence, numbered as the statements of each section:</p>" + "".join(self._gathered)
        return text

    def _block(self, block: Block) -> str:
        match block:
            case Bullets():
                tag = "ol" if block.numbered else "ul"
                items = "".join(f"<li>{self.cited(item)}</li>" for item in block.items)
                return f"<{tag}>{items}</{tag}>" if items else ""
            case Prompt():
                return _prompt(block)
            case Timeline():
                rows = [self._row(row) for row in block.rows]
                return _table(("Time", "Event"), rows) + self._left_out(block.left_out)
            case Table():
                rows = [[*map(self._cell, row.cells[:-1]), self._cell(row.cells[-1]) + self._cite(row.cites)]
                        for row in block.rows]  # fmt: skip
                return _table(block.head, rows) + self._left_out(block.left_out)
            case Actions():
                return _table(("Action", "Owner", "Due Date"), [self._action(row) for row in block.rows])
            case Index():
                return self._index(block)
            case Claim():
                return f"<p>{self.cited(block)}</p>"

    def _left_out(self, claim: Claim | None) -> str:
        return f"<p>{self.cited(claim)}</p>" if claim is not None else ""

    # Sentences

    def cited(self, claim: Claim, *, stop: bool | None = None) -> str:
        """A sentence, its citation, and a full stop where it has none."""
        ends = claim.stop if stop is None else stop
        text = f"{self.parts(claim.parts)}{self._cite(claim.cites)}"
        return f"{text}." if ends and not finished(plain(claim.parts)) else text

    def parts(self, parts: Iterable[Inline]) -> str:
        """The parts in a row."""
        return "".join(map(_inline, parts)).strip() or escape.EMPTY

    def _cell(self, parts: Sequence[Inline]) -> str:
        return self.parts(parts) if parts else ""

    def _cite(self, cites: Sequence[str]) -> str:
        """The citation, which leads to the daemon where its address is known."""
        text = self.evidence(cites) if self._where != "none" else ""
        if text and self._where == "end":
            self._evidence.append(text)
        return f" {text}" if text and self._where == "inline" else ""

    def evidence(self, cites: Sequence[str]) -> str:
        """The citation itself; empty for none."""
        text = citation(cites, self._short)
        return f'<a href="{escaped(self._url)}/events/{cites[0]}">{text}</a>' if self._url and text else text

    def called(self, line: IndexLine) -> str:
        """How the event of a line in the index is cited."""
        short = escaped(self._short.get(line.id, line.id))
        return f'<a href="{escaped(self._url)}/events/{line.id}">{short}</a>' if self._url else short

    # Tables

    def _row(self, row: Row) -> list[str]:
        time_cell = " ".join(times.clock(row.at, self._zone)) if self._seconds else times.minute(row.at, self._zone)
        time_cell += f" {times.offset(row.at, self._zone)}" if times.repeated(row.at, self._zone) else ""
        label = f"<strong>{escaped(row.label)}{'' if goes_on(row.parts) else '.'}</strong> " if row.label else ""
        suffixes = "".join(f" <em>({escaped(suffix)})</em>" for suffix in row.suffixes)
        return [escaped(time_cell), f"{label}{self.parts(row.parts)}{suffixes}{self._cite(row.cites)}"]

    def _action(self, row: ActionRow) -> list[str]:
        owner = self.parts(row.owner) if row.owner else UNKNOWN
        due = clean(row.due) if row.due else UNKNOWN
        return [f"{self.parts(row.action)}{self._cite(row.cites)}", owner, due]

    def _index(self, block: Index) -> str:
        if self._where == "none" or not block.lines:
            return ""
        rows = []
        for line in block.lines:
            offset = f" {times.offset(line.at, self._zone)}" if times.repeated(line.at, self._zone) else ""
            time = f"{' '.join(times.clock(line.at, self._zone))}{offset}"
            rows.append([self.called(line), time, clean(line.type), clean(line.source)])
        return _table(("Id", "Time", "Type", "Source"), rows)


def _prompt(prompt: Prompt) -> str:
    command = f" (<code>{clean(prompt.command)}</code>)" if prompt.command else ""
    text = f"<p><strong>Fill in:</strong> {escaped(prompt.question.strip())}{command}</p>"
    return (f'<ac:structured-macro ac:name="note"><ac:rich-text-body>{text}</ac:rich-text-body>'
            "</ac:structured-macro>")  # fmt: skip


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    first = "".join(f"<th>{escaped(each)}</th>" for each in head)
    rest = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><tbody><tr>{first}</tr>{rest}</tbody></table>"


def _on_a_line(inline: Inline) -> str:
    """A part of a line that people may edit there: a quotation's own lines would be lines of the page."""
    return _quoted(inline.text, clean(escape.one_line(inline.text))) if isinstance(inline, Quote) else _inline(inline)


def _quoted(text: str, shown: str) -> str:
    opening, closing = map(escaped, quotation_marks(text))
    return f"{opening}{shown}{closing}"


def _inline(inline: Inline) -> str:
    match inline:
        case Words():
            return (
                f"<strong>{escaped(inline.text)}</strong>"
                if inline.strong and inline.text.strip()
                else escaped(inline.text)
            )
        case Time() | Span():
            return escaped(inline.text)
        case Name():
            return clean(inline.text)
        case Quote():
            return _quoted(inline.text, lines(inline.text)).replace("\n", "<br/>")
        case Code():
            return f"<code>{clean(inline.text)}</code>"
        case LinkedText():
            target = address(inline.url)
            if not target:
                return f"{clean(inline.text)} <code>{clean(inline.url)}</code>"
            return f'<a href="{escaped(target)}">{clean(inline.text)}</a>'
