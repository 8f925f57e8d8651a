"""A document as one HTML file: no script, no request, in light and dark, on a phone and on paper.

Written from the document and not from its Markdown, so a stranger's words
stand here whole. The timeline is there twice, as a picture and as a table.
Each citation leads to the event's line in the appendix, and that line to the
daemon, where its address is known. The template holds what is ours; whatever
reaches it as a plain string is escaped. The same document gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from typing import NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from renderers import escape, times
from renderers.cite import SHOWN, short_ids
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
from renderers.html_style import STYLE
from renderers.markdown import facts_of
from renderers.markup import address, clean, escaped, lines
from renderers.mixed import MarkupPen, mixed
from renderers.outline import FOOTER, HEADINGS, status
from renderers.picture import svgs
from renderers.plain_text import finished, goes_on, plain
from renderers.policy import policy
from renderers.prose import Passage, xhtml
from renderers.skeleton import DEFAULT, pieces

TEMPLATE = "postmortem.html.j2"
TITLE = "Postmortem Report:"
"""What stands before an incident's title."""
WIDE, NARROW = 1024, 360
"""The widths of the two pictures; the style sheet shows the one that fits."""
UNKNOWN = "not recorded"
CAPTIONS = {"alerts": "The alerts, and what they told", "measures": "How long it took"}
POLICY = policy(STYLE)
"""What the file lets a browser do, also where nobody serves it: show it with its own style sheet."""


class Html(str):
    """Text that is finished HTML; any other string is escaped when the template shows it."""

    __slots__ = ()

    def __html__(self) -> str:
        return str(self)


class Headed(NamedTuple):
    """One section as the template is given it."""

    key: str
    """The section's key, and its address within the file."""
    heading: str
    body: Html
    level: int = 2
    """Of the heading."""


@dataclass(frozen=True)
class HtmlContext:
    """All that the template is given."""

    title: Html
    """The incident's title as text, for the browser's tab."""
    policy: str
    """The policy that the file carries."""
    style: Html
    """The style sheet."""
    heading: Html
    """The title, with its parts."""
    facts: tuple[tuple[str, Html], ...]
    """Lead, date, status and the line of the incident."""
    sections: tuple[Headed, ...]
    footer: str
    has_prefix: bool = True
    """Whether the heading is behind the name of what this is; people may have changed that."""


def html(document: Document) -> str:
    """The document as one HTML text, with what people wrote in the whole of it. Raises ValueError for a zone that does
    not exist."""
    pen = _HtmlPen(document)
    page = _edited(document, pen) if document.history.revised else _page(document, pen)
    return _template().render(page=page)


def _page(document: Document, pen: _HtmlPen) -> HtmlContext:
    review = document.review
    facts = (
        ("Incident Lead", pen.cited(document.lead, stop=False) if document.lead else Html(f"<em>{UNKNOWN}</em>")),
        ("Date", Html(escaped(times.day(document.date, document.options.zone)))),
        ("Status", Html(escaped(status(document)) + (f" · {pen.cited(review.said)}" if review else ""))),
        ("Incident", pen.parts(document.incident.parts) if document.incident else Html(f"<em>{UNKNOWN}</em>")),
    )
    sections, footer = _sections(document, pen)
    return HtmlContext(
        title=Html(clean(plain(document.title.parts))),
        policy=POLICY,
        style=Html(STYLE),
        heading=pen.parts(document.title.parts),
        facts=facts,
        sections=sections,
        footer=footer,
    )


def _edited(document: Document, pen: _HtmlPen) -> HtmlContext:
    """The page of a draft that people edited as a whole: its lines are those of the file, head and footer included."""
    parts = mixed(document, MarkupPen(_inline, pen.evidence, pen.called))
    first = next((part for _, part in parts if part.level == 1), None)
    headed = [_headed(key or f"part-{number}", part, part is first) for number, (key, part) in enumerate(parts)]
    index = next((at for at, (key, _) in enumerate(parts) if key == "timeline"), None)
    if index is None:
        headed.append(Headed("picture", "", Html(pen.pictures())))
    else:
        headed[index] = headed[index]._replace(body=Html(pen.pictures() + headed[index].body))
    title = first.title.removeprefix(TITLE).strip() if first is not None else ""
    return HtmlContext(
        title=Html(clean(title or plain(document.title.parts))),
        policy=POLICY,
        style=Html(STYLE),
        heading=Html(first.heading if first is not None else escaped(TITLE)),
        facts=(),
        sections=tuple(headed),
        footer="",
        has_prefix=False,
    )


def _headed(key: str, part: Passage, first: bool) -> Headed:
    """A passage of an edited draft; only the first heading of the highest level is that of the page."""
    return Headed(key, Html("" if first else part.heading), Html(part.body), max(2, part.level))


def _sections(document: Document, pen: _HtmlPen) -> tuple[tuple[Headed, ...], str]:
    """The sections under the headings of the template, with what else it says; and the footer of ours."""
    by_key = {section.key: section for section in document.sections}
    if document.options.template == DEFAULT:
        return tuple(
            Headed(key, text, pen.section(by_key[key])) for key, text in HEADINGS.items() if key in by_key
        ), FOOTER
    headed: list[Headed] = []
    for number, piece in enumerate(pieces(document.options.template, facts_of(document))):
        if piece.kind == "heading" or not headed:
            heading = piece.text if piece.kind == "heading" else ""
            headed.append(Headed(f"part-{number}", heading, Html(""), piece.level or 2))
        if piece.kind == "section" and piece.text in by_key:
            body = pen.section(by_key[piece.text])
        elif piece.kind == "text":
            body = Html(xhtml(piece.text))
        else:
            continue
        last = headed[-1]
        key = piece.text if piece.kind == "section" and last.key.startswith("part-") else last.key
        headed[-1] = Headed(key, last.heading, Html(f"{last.body}{body}"), last.level)
    return tuple(headed), ""


@lru_cache(maxsize=1)
def _template() -> Template:
    environment = Environment(loader=PackageLoader("renderers"), autoescape=True, undefined=StrictUndefined,
                              keep_trailing_newline=True, trim_blocks=True, lstrip_blocks=True)  # fmt: skip
    return environment.get_template(TEMPLATE)


class _HtmlPen:
    """Writes the blocks and sentences of one document."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._zone = document.options.zone
        self._where = document.options.citations
        self._url = document.external_url.rstrip("/")
        indexes = [block for section in document.sections for block in section.blocks if isinstance(block, Index)]
        self._indexed = {line.id for block in indexes for line in block.lines} if self._where != "none" else set()
        self._short = short_ids(document.events)
        self._evidence: list[str] = []
        self._gathered: list[str] = []

    def section(self, section: Section) -> Html:
        """One section; the Appendix ends in the evidence of all, where it is gathered there."""
        text = self.blocks(section.blocks)
        if section.key == "timeline":
            text = self.pictures() + text
        if self._evidence:
            items = "".join(f"<li>{each}</li>" for each in self._evidence)
            self._gathered.append(f"<h3>{escaped(HEADINGS[section.key])}</h3><ol>{items}</ol>")
            self._evidence = []
        if section.key == "appendix" and self._gathered:
            text += "<p>Evidence, numbered as the statements of each section:</p>" + "".join(self._gathered)
        return Html(text)

    def blocks(self, blocks: Sequence[Block]) -> str:
        """The blocks; lists that follow each other are one list."""
        texts: list[str] = []
        for listed, run in groupby(blocks, key=lambda block: isinstance(block, Bullets) and not block.numbered):
            if listed:
                items = [item for block in run if isinstance(block, Bullets) for item in block.items]
                texts.append(self._list(items, "ul"))
            else:
                texts += [self._block(block) for block in run]
        return "\n".join(text for text in texts if text)

    def _block(self, block: Block) -> str:
        match block:
            case Bullets():
                return self._list(block.items, "ol" if block.numbered else "ul")
            case Prompt():
                command = f" (<code>{clean(block.command)}</code>)" if block.command else ""
                return f'<p class="ask"><strong>Fill in:</strong> {escaped(block.question.strip())}{command}</p>'
            case Timeline():
                return self._timeline(block)
            case Table():
                return self._table(block)
            case Actions():
                return self._actions(block)
            case Index():
                return self._index(block)
            case Claim():
                return f"<p{_searched(block)}>{self.cited(block)}</p>"

    def _list(self, items: Iterable[Claim], tag: str) -> str:
        lines = "".join(f"<li{_searched(item)}>{self.cited(item)}</li>" for item in items)
        return f"<{tag}>{lines}</{tag}>" if lines else ""

    # Sentences

    def cited(self, claim: Claim, *, stop: bool | None = None) -> Html:
        """A sentence, its citation, and a full stop where it has none."""
        ends = claim.stop if stop is None else stop
        text = f"{self.parts(claim.parts)}{self._cite(claim.cites)}"
        return Html(f"{text}." if ends and not finished(plain(claim.parts)) else text)

    def _cite(self, cites: Sequence[str]) -> str:
        """The citation behind what it proves: three events and how many more, each a link to its line."""
        if self._where == "none" or not cites:
            return ""
        if self._where == "end":
            self._evidence.append(self.evidence(cites))
            return ""
        return f" {self.evidence(cites)}"

    def evidence(self, cites: Sequence[str]) -> str:
        """The citation itself."""
        links = [self._event(each, self._short.get(each, each)) for each in cites[:SHOWN]]
        rest = cites[SHOWN:]
        if rest:
            ids = " ".join(self._short.get(each, each) for each in rest[:50])
            links.append(self._event(rest[0], f"+{len(rest)}", ids))
        return f'<span class="cites">[{", ".join(links)}]</span>'

    def called(self, line: IndexLine) -> str:
        """How the event of a line in the index is cited, as what citations lead to."""
        short = escaped(self._short.get(line.id, line.id))
        called = f'<a href="{escaped(self._url)}/events/{line.id}">{short}</a>' if self._url else short
        return f'<span id="e-{line.id}" title="{line.id}">{called}</span>'

    def _event(self, event: str, text: str, title: str = "") -> str:
        """A link to the event: its line in the appendix, else where the daemon shows it."""
        address = f"#e-{event}" if event in self._indexed else f"{self._url}/events/{event}" if self._url else ""
        if not address:
            return escaped(text)
        return f'<a href="{escaped(address)}" title="{escaped(title or event)}">{escaped(text)}</a>'

    def parts(self, parts: Iterable[Inline]) -> Html:
        """The parts in a row."""
        return Html("".join(map(_inline, parts)).strip() or escape.EMPTY)

    # Tables

    def pictures(self) -> str:
        """The timeline as a picture, in two widths of which one is shown."""
        broad, narrow = svgs(self._document, (WIDE, NARROW), style=False, anchor="")
        caption = "The timeline as a picture; the table below tells the same in words."
        return (f'<figure><div class="broad">{broad}</div><div class="narrow">{narrow}</div>'
                f"<figcaption>{caption}</figcaption></figure>\n")  # fmt: skip

    def _timeline(self, block: Timeline) -> str:
        instants = [row.at for row in block.rows]
        offsets = len(times.offsets(instants, self._zone)) > 1 or any(times.repeated(at, self._zone) for at in instants)
        rows = "\n".join(self._row(row, offset=offsets) for row in block.rows)
        left = f"<p>{self.cited(block.left_out)}</p>" if block.left_out is not None else ""
        return _table_of("What happened, oldest first", ("Time", "Event"), rows, "stack") + left

    def _row(self, row: Row, *, offset: bool) -> str:
        seconds = self._document.options.seconds
        time_text = " ".join(times.clock(row.at, self._zone)) if seconds else times.minute(row.at, self._zone)
        time_text += f" {times.offset(row.at, self._zone)}" if offset else ""
        label = f"<strong>{escaped(row.label)}{'' if goes_on(row.parts) else '.'}</strong> " if row.label else ""
        suffixes = "".join(f" <em>({escaped(suffix)})</em>" for suffix in row.suffixes)
        time = f'<th scope="row"><time datetime="{times.utc(row.at)}">{escaped(time_text)}</time></th>'
        return f"<tr>{time}<td>{label}{self.parts(row.parts)}{suffixes}{self._cite(row.cites)}</td></tr>"

    def _table(self, block: Table) -> str:
        rows = "\n".join(self._table_row(row, block.head) for row in block.rows)
        left = f"<p>{self.cited(block.left_out)}</p>" if block.left_out is not None else ""
        return _table_of(CAPTIONS.get(block.key, block.key), block.head, rows, "stack") + left

    def _table_row(self, row: TableRow, head: Sequence[str]) -> str:
        """What names the row heads it; what proves it stands in its last cell."""
        cells = [str(self.parts(cell)) if cell else "" for cell in row.cells]
        cells[-1] += self._cite(row.cites)
        cells_between = [
            f'<td data-head="{escaped(head[place])}">{cell}</td>' if place < len(head) else f"<td>{cell}</td>"
            for place, cell in enumerate(cells[1:], 1)
        ]
        return f'<tr><th scope="row">{cells[0]}</th>{"".join(cells_between)}</tr>'

    def _actions(self, block: Actions) -> str:
        rows = "\n".join(self._action(row) for row in block.rows)
        return _table_of("What is to be done", ("Action", "Owner", "Due Date"), rows, "stack")

    def _action(self, row: ActionRow) -> str:
        owner = self.parts(row.owner) if row.owner else f"<em>{UNKNOWN}</em>"
        due = clean(row.due) if row.due else f"<em>{UNKNOWN}</em>"
        return (f"<tr><td>{self.parts(row.action)}{self._cite(row.cites)}</td>"
                f'<td data-head="Owner">{owner}</td><td data-head="Due Date">{due}</td></tr>')  # fmt: skip

    def _index(self, block: Index) -> str:
        """One line an event, to which its citations lead."""
        if self._where == "none" or not block.lines:
            return ""
        lines: list[str] = []
        for line in block.lines:
            day, time = times.clock(line.at, self._zone)
            offset = f" {times.offset(line.at, self._zone)}" if times.repeated(line.at, self._zone) else ""
            short = escaped(self._short.get(line.id, line.id))
            called = f'<a href="{escaped(self._url)}/events/{line.id}">{short}</a>' if self._url else short
            lines.append(f'<tr id="e-{line.id}"><th scope="row" title="{line.id}">{called}</th><td>'
                         f'<time datetime="{times.utc(line.at)}">{day} {time}{offset}</time></td>'
                         f"<td>{clean(line.type)}</td><td>{clean(line.source)}</td></tr>")  # fmt: skip
        return _table_of("The events cited, oldest first", ("Id", "Time", "Type", "Source"), "\n".join(lines), "index")


def _table_of(caption: str, head: Sequence[str], rows: str, kind: str) -> str:
    cells = "".join(f'<th scope="col">{escaped(each)}</th>' for each in head)
    return (f'<div class="wide"><table class="{kind}"><caption>{escaped(caption)}</caption>'
            f"<thead><tr>{cells}</tr></thead>\n<tbody>{rows}</tbody></table></div>\n")  # fmt: skip


def _searched(claim: Claim) -> str:
    """The query that found nothing, if a sentence rests on it."""
    return f' title="Searched for: {escaped(claim.none)}"' if claim.none else ""


def _inline(inline: Inline) -> str:
    match inline:
        case Words():
            text = escaped(inline.text)
            return f"<strong>{text}</strong>" if inline.strong and text.strip() else text
        case Time():
            return f'<time datetime="{times.utc(inline.at)}">{escaped(inline.text)}</time>'
        case Span():
            return escaped(inline.text)
        case Name():
            return clean(inline.text)
        case Quote():
            return f"<q>{lines(inline.text)}</q>"
        case Code():
            return f"<code>{clean(inline.text)}</code>"
        case LinkedText():
            return _link(inline)


def _link(link: LinkedText) -> str:
    """A link out; an address that is none to link to stands as text."""
    target = address(link.url)
    if not target:
        return f"{clean(link.text)} <code>{clean(link.url)}</code>"
    return f'<a href="{escaped(target)}" rel="noreferrer nofollow">{clean(link.text)}</a>'
