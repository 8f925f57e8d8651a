"""A page as a wiki stores it, as lines of Markdown again: what people changed on it is known by what had stood there.

A wiki keeps no marks. So each line of the page is compared with what was
published: a line that says the same is timelined's, any other is a person's.
"""

from __future__ import annotations

import hashlib
import html
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from difflib import SequenceMatcher
from typing import NamedTuple
from xml.etree import ElementTree

from renderers import escape
from renderers.edits import marks
from renderers.edits.marks import Entry
from renderers.edits.sheets import delimits, form

_ENTITY = re.compile(r"&(?!(?:amp|lt|gt|quot|apos|#\d+|#x[0-9A-Fa-f]+);)([A-Za-z][A-Za-z0-9]*);")
_AC, _RI = "{urn:ac}", "{urn:ri}"
_ROOT = '<page xmlns:ac="urn:ac" xmlns:ri="urn:ri">'
_BLOCKS = frozenset({"p", "ul", "ol", "table", "blockquote", "pre", "hr", "div", *(f"h{n}" for n in range(1, 7))})
_STRONG, _EMPHASIS = ("strong", "b"), ("em", "i")
_QUOTED = ("note", "info", "tip", "warning", "panel", "expand")
_BAR = re.compile(r"(?<!\\)\|")
_ALIKE = 0.6
"""How much of a line has to be the same for another one to be what a person made of it."""
_DIGITS = 10

Element = ElementTree.Element


class StoredLine(NamedTuple):
    """One line of a page."""

    text: str
    """What it says, without markup."""
    markdown: str
    """The same as a line of Markdown."""
    table: int = 0
    """Of a row, which table of the page it stands in, from 1."""
    number: int = -1
    """Of a page that was made for it, the line of the draft that this is."""


class _StoredReader:
    """A page being read."""

    def __init__(self) -> None:
        self.tables = 0

    def blocks(self, element: Element, indent: str = "") -> Iterator[StoredLine]:
        """The lines of what stands in an element, block by block; text beside blocks is a paragraph."""
        loose: list[Element | str] = [element.text or ""]
        for child in element:
            if _is_block(child):
                yield from self._paragraph(loose, indent)
                yield from self._block(child, indent)
                loose = [child.tail or ""]
            else:
                loose += [child, child.tail or ""]
        yield from self._paragraph(loose, indent)

    def _block(self, element: Element, indent: str) -> Iterator[StoredLine]:
        tag = element.tag
        if tag == "table":
            yield from self._rows(element)
        elif tag in ("ul", "ol"):
            yield from self._items(element, indent)
        elif re.fullmatch("h[1-6]", tag):
            yield from _led(self._paragraph(_pieces(element), ""), f"{'#' * int(tag[1])} ")
        elif tag == "blockquote" or _macro(element) in _QUOTED:
            inside = element.find(f"{_AC}rich-text-body")
            yield from _led(self.blocks(element if inside is None else inside), "> ", every=True)
        elif tag == "pre" or element.find(f"{_AC}plain-text-body") is not None:
            yield from _code(element)
        elif tag == "p":
            yield from self._paragraph(_pieces(element), indent)
        elif tag != "hr":
            yield from self.blocks(element, indent)

    def _items(self, element: Element, indent: str) -> Iterator[StoredLine]:
        for number, item in enumerate((child for child in element if child.tag == "li"), 1):
            mark = f"{number}. " if element.tag == "ol" else "- "
            lines = list(self.blocks(item, indent + " " * len(mark)))
            first = lines[0] if lines else StoredLine("", "")
            yield first._replace(markdown=f"{indent}{mark}{first.markdown.lstrip()}")
            yield from lines[1:]

    def _rows(self, element: Element) -> Iterator[StoredLine]:
        self.tables += 1
        table = self.tables
        for row in element.iter("tr"):
            cells = [list(self.blocks(cell)) for cell in row if cell.tag in ("td", "th")]
            columns = [_BAR.sub(r"\\|", " ".join(line.markdown.strip() for line in cell)) for cell in cells]
            text = " ".join(line.text for cell in cells for line in cell)
            number = max((line.number for cell in cells for line in cell), default=-1)
            yield StoredLine(text, f"| {' | '.join(columns)} |", table, number)

    def _paragraph(self, pieces: Iterable[Element | str], indent: str) -> Iterator[StoredLine]:
        words: list[tuple[str, str]] = [("", "")]
        number = -1
        for piece in pieces:
            if isinstance(piece, Element) and piece.tag == "br":
                yield from _line(words, indent, number)
                words, number = [], -1
                continue
            found = list(piece.iter(f"{_RI}line")) if isinstance(piece, Element) else []
            number = max([number, *(int(each.get("n", -1)) for each in found)])
            words.append(_inline(piece))
        yield from _line(words, indent, number)


def _line(words: Sequence[tuple[str, str]], indent: str, number: int) -> Iterator[StoredLine]:
    text = " ".join("".join(each for each, _ in words).split())
    if text:
        shown = " ".join("".join(each for _, each in words).split())
        yield StoredLine(text, indent + escape.line(shown), 0, number)


def _is_block(element: Element) -> bool:
    inline = f"{_AC}link", f"{_AC}image", f"{_AC}emoticon"
    return element.tag in _BLOCKS or (element.tag.startswith(_AC) and element.tag not in inline)


def _macro(element: Element) -> str:
    return element.get(f"{_AC}name", "") if element.tag == f"{_AC}structured-macro" else ""


def _pieces(element: Element) -> Iterator[Element | str]:
    yield element.text or ""
    for child in element:
        yield child
        yield child.tail or ""


def _led(lines: Iterable[StoredLine], mark: str, *, every: bool = False) -> Iterator[StoredLine]:
    """Lines behind a mark: the first one, or every one."""
    for at, line in enumerate(lines):
        yield line._replace(markdown=f"{mark}{line.markdown}") if every or not at else line


def _code(element: Element) -> Iterator[StoredLine]:
    text = "".join(element.itertext())
    fence = "`" * max(3, max((len(run) for run in re.findall("`+", text)), default=0) + 1)
    yield StoredLine(fence, fence)
    for line in text.strip("\n").split("\n"):
        yield StoredLine(line.strip() or " ", line)
    yield StoredLine(fence, fence)


def _inline(piece: Element | str) -> tuple[str, str]:
    """What stands within a line: as text, and as Markdown."""
    if isinstance(piece, str):
        said = piece.replace("\xa0", " ")
        return said, escape.inner(said) if said.strip() else said
    if piece.tag == f"{_RI}user":
        name = f"@{next(iter(piece.attrib.values()), '')}"
        return name, escape.code(name)
    inside = [_inline(each) for each in _pieces(piece)]
    text, markdown = "".join(each for each, _ in inside), "".join(each for _, each in inside)
    if piece.tag == "br":
        return " ", " "
    if piece.tag == "code" and text.strip():
        return text, escape.code(text, longest=len(text) + 1)
    if piece.tag in (*_STRONG, *_EMPHASIS) and text.strip():
        mark = "**" if piece.tag in _STRONG else "_"
        before, after = markdown[: len(markdown) - len(markdown.lstrip())], markdown[len(markdown.rstrip()) :]
        return text, f"{before}{mark}{markdown.strip()}{mark}{after}"
    if piece.tag == "a" and (target := escape.safe_url(piece.get("href", ""))):
        return text, f"[{markdown.strip() or target}]({target})"
    return text, markdown


def stored_lines(body: str) -> list[StoredLine]:
    """The lines of a page in storage format. Raises ValueError for one that is no XML."""
    text = _ENTITY.sub(lambda found: html.escape(html.unescape(found[0])), body)
    try:
        root = ElementTree.fromstring(f"{_ROOT}{text}</page>")  # noqa: S314 - entities of its own are not expanded twice
    except ElementTree.ParseError as error:
        raise ValueError(f"the page is no XML: {error}") from error
    return list(_StoredReader().blocks(root))


def digests(body: str) -> list[str]:
    """What each line of a page says, by its digest: a line that nobody touched is known by it later."""
    return [_digest(line) for line in stored_lines(body)]


def _digest(line: StoredLine) -> str:
    return hashlib.sha256(line.text.encode("utf-8", "replace")).hexdigest()[:_DIGITS]


def returned(base: str, tagged: str, now: str, visible: Collection[str]) -> str:
    """The page as a file that people edited.

    ``base`` is the marked draft as it was published, ``tagged`` the same as a page whose lines name those of the
    draft, ``now`` what the page is, ``visible`` the digests of the lines that were published. A line among those is not
    a person's: it is the draft's, or was. Raises ValueError for a page that is no XML.
    """
    return _Return(base, stored_lines(tagged), stored_lines(now), frozenset(visible)).text()


class _Return:
    """One page on its way back."""

    def __init__(
        self, base: str, before: Sequence[StoredLine], after: Sequence[StoredLine], visible: frozenset[str]
    ) -> None:
        body, self._index = marks.index_of(base)
        self._lines = body.split("\n")
        self._before, self._after, self._visible = before, after, visible
        self._draft: list[str] = []
        self._table = 0
        self._last: tuple[int, int] = (-1, 0)
        """Of the line written last, the line of the draft that it is, and its table."""

    def text(self) -> str:
        """The file."""
        old, new = [line.text for line in self._before], [line.text for line in self._after]
        for kind, low, high, begin, end in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
            if kind == "equal":
                for ours, theirs in zip(self._before[low:high], self._after[begin:end], strict=True):
                    self._keep(ours, theirs)
            else:
                self._change(self._before[low:high], self._after[begin:end])
        entries = [entry for entry in self._index.values() if not self._never_shown(entry)]
        tail = [line for line in self._lines if marks.reference_key(line)]
        last = max((line.number for line in self._before), default=-1)
        ending = self._between(last, len(self._lines)) if self._last[0] == last else None
        return "\n".join([*self._draft, *(ending or [""]), *tail, ""]) + marks.index_text(entries)

    def _never_shown(self, entry: Entry) -> bool:
        """Whether a statement was not on the page when it was published: then nobody removed it there."""
        known = self._numbered.get(entry.key)
        return known is not None and _digest(known) not in self._visible

    @property
    def _numbered(self) -> dict[str, StoredLine]:
        """Key → the statement's line on the page as it would be written now for then."""
        lines: dict[str, StoredLine] = {}
        for line in self._before:
            said = marks.marks_of(self._lines[line.number]) if 0 <= line.number < len(self._lines) else ()
            lines |= {mark.key: line for mark in said}
        return lines

    def _keep(self, ours: StoredLine, theirs: StoredLine) -> None:
        """A line that nobody touched, as it stands in the draft."""
        known = 0 <= ours.number < len(self._lines)
        self._write(self._lines[ours.number] if known else theirs.markdown, ours.number if known else -1, theirs.table)

    def _change(self, ours: Sequence[StoredLine], theirs: Sequence[StoredLine]) -> None:
        """What stands there in place of some lines: each that is like one of them is what a person made of it."""
        waiting = list(ours)
        for line in theirs:
            if _digest(line) in self._visible:
                continue
            near = max(waiting, key=lambda each: _likeness(each, line), default=None)
            if near is None or _likeness(near, line) < _ALIKE or not 0 <= near.number < len(self._lines):
                self._write(line.markdown, -1, line.table)
                continue
            del waiting[: waiting.index(near) + 1]
            said = {mark.key: mark.digest for mark in marks.marks_of(self._lines[near.number])}
            self._write(marks.marked(line.markdown, said), near.number, line.table)

    def _write(self, text: str, number: int, table: int) -> None:
        before, in_table = self._last
        apart = self._between(before, number) if number > before >= 0 else None
        if apart is None:
            above = self._draft[-1] if self._draft else ""
            together = (table and table == in_table) or {form(above), form(text)} == {"item"} or text.startswith("  ")
            apart = [] if together or not self._draft else [""]
        self._draft += [*apart, text]
        if table and table != self._table and form(text) == "table":
            self._table = table
            self._draft.append(f"|{'---|' * len(marks.cells(marks.bare(text)) or [''])}")
        self._last = (number, table)

    def _between(self, before: int, number: int) -> list[str] | None:
        """What stands between two lines of the draft that says nothing; None where something does."""
        between = [line for line in self._lines[before + 1 : number] if not delimits(line)]
        silent = all(form(line) in ("blank", "rule", "reference") for line in between)
        between = [line for line in between if form(line) != "reference"]
        return between if silent else None


def _likeness(one: StoredLine, other: StoredLine) -> float:
    return SequenceMatcher(None, one.text, other.text).ratio()
