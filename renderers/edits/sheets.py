"""A draft's file as lines, and which statement each of them is."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from renderers.edits import marks
from renderers.edits.marks import Entry

_ITEM = re.compile(r"[ \t]*(?:[-*+]|\d{1,9}[.)])(?:[ \t]+|\Z)")
_RULE = re.compile(r" {0,3}(?:-[ \t]*){3,}\Z|(?:\*[ \t]*){3,}\Z|(?:_[ \t]*){3,}\Z")
_DELIMITER = re.compile(r"[ \t]*\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*\Z")


@dataclass(slots=True, eq=False)
class DraftLine:
    """One line of a person's file."""

    text: str
    """Without its end."""
    end: str = "\n"
    says: dict[str, str] = field(default_factory=dict)
    """The statement that it is, or those that a person drew together in it: the key that was last written → the digest
    of what a machine wrote as it. Empty for a person's line."""
    edited: bool = False
    """Whether a person changed it since."""

    @property
    def key(self) -> str:
        """The key of a statement that nobody touched, or of a remark of ours; empty for any other line."""
        return next(iter(self.says)) if len(self.says) == 1 and not self.edited else ""


def form(text: str) -> str:
    """What kind of line this is for Markdown: ``blank``, ``table``, ``item``, ``quote``, ``heading``, ``rule``,
    ``reference``, ``comment`` or ``text``."""
    bare = text.strip()
    if bare.startswith("<!-- tl "):
        # Whichever end of the line the marks stand at, it is the same kind of line.
        text = marks.bare(text)
        bare = text.strip() or bare
    if not bare:
        return "blank"
    if _RULE.match(text):
        return "rule"
    if _ITEM.match(text):
        return "item"
    first = {"|": "table", ">": "quote", "#": "heading"}.get(bare[0], "")
    if first:
        return first
    if bare.startswith("<!--"):
        return "comment"
    return "reference" if marks.reference_key(bare) else "text"


def delimits(text: str) -> bool:
    """Whether a line stands between the head and the rows of a table."""
    return "|" in text and bool(_DELIMITER.match(text))


def prefix(text: str) -> str:
    """The indent of a line and the mark of its item."""
    found = _ITEM.match(text)
    return found[0] if found else text[: len(text) - len(text.lstrip())]


@dataclass(slots=True)
class DraftSheet:
    """A person's file: its lines, and what a machine had written into it."""

    lines: list[DraftLine]
    index: Mapping[str, Entry]
    end: str
    """How most of its lines end."""
    marked: bool = False
    """Whether any of its lines has kept its mark."""
    line_by_key: dict[str, DraftLine] = field(default_factory=dict)
    """Key → the line that is this statement."""


@dataclass(slots=True, eq=False)
class EditUnit:
    """One statement as it is to be written now."""

    key: str
    text: str
    cites: tuple[str, ...] = ()
    digest: str = ""
    below: str = ""
    """Of a table's head, the line beneath it."""
    after: str = ""
    """Of a remark of ours about a line, the key of that line's statement."""

    def __post_init__(self) -> None:
        self.digest = self.digest or marks.digest(self.text)

    @property
    def section(self) -> str:
        """The section that it stands in."""
        return self.key.partition("/")[0]

    @property
    def kind(self) -> str:
        """The section and the kind of statement."""
        return "/".join(self.key.split("/")[:2])

    @property
    def stem(self) -> str:
        """The key without the event that leads it."""
        return "/".join(self.key.partition("~")[0].split("/")[:3])


def units_of(fresh: str) -> list[EditUnit]:
    """The statements of a marked draft, in its order."""
    text, index = marks.index_of(fresh)
    lines = text.split("\n")
    units = []
    for at, line in enumerate(lines):
        here = marks.marks_of(line)
        key = here[-1].key if here else marks.reference_key(line)
        if not key or key not in index:
            continue
        following = lines[at + 1] if at + 1 < len(lines) else ""
        below = following if form(line) == "table" and delimits(following) else ""
        units.append(EditUnit(key, marks.bare(line), index[key].cites, index[key].digest, below))
    return units


def sheet_of(text: str, units: Sequence[EditUnit]) -> DraftSheet:
    """A person's file as lines. A line without a mark is a statement of ours if it says what we wrote, or write now."""
    body, index = marks.index_of(marks.unfolded(text))
    ends = body.count("\r\n")
    lines = _with_own_marks(_lines(body))
    sheet = DraftSheet(lines=lines, index=index, end="\r\n" if ends * 2 > body.count("\n") else "\n")
    for line in sheet.lines:
        _read_marks(sheet, line)
    for line in sheet.lines:
        # A copy of a statement is a person's line. With its mark left in, its place would decide which is the copy.
        if not line.says:
            line.text = marks.bare(line.text)
    _recognise(sheet, [(entry.digest, entry.key) for entry in index.values() if entry.state == marks.LIVE])
    _recognise(sheet, [(unit.digest, unit.key) for unit in units])
    return sheet


def _lines(body: str) -> Iterator[DraftLine]:
    for piece in re.split(r"(?<=\n)", body):
        text = piece.removesuffix("\n").removesuffix("\r")
        if piece:
            yield DraftLine(text, piece[len(text) :])


def _with_own_marks(lines: Iterable[DraftLine]) -> list[DraftLine]:
    """The lines, each with a mark that an editor put on a line below it."""
    joined: list[DraftLine] = []
    for line in lines:
        lone = "<!-- tl " in line.text and not marks.bare(line.text).strip()
        above = joined[-1] if lone and joined else None
        if above is not None and form(above.text) != "blank" and not marks.marks_of(above.text):
            above.text = marks.marked(above.text, {mark.key: mark.digest for mark in marks.marks_of(line.text)})
        else:
            joined.append(line)
    return joined


def _read_marks(sheet: DraftSheet, line: DraftLine) -> None:
    """What the marks say that a line is. Of several lines of one key the first that nobody touched is the statement."""
    line_marks = marks.marks_of(line.text)
    if not line_marks:
        return
    sheet.marked = True
    line.edited = len(line_marks) > 1 or marks.digest(line.text) != line_marks[-1].digest
    for mark in line_marks:
        earlier = sheet.line_by_key.get(mark.key)
        if earlier is not None and (line.edited or not earlier.edited):
            continue
        if earlier is not None:
            del earlier.says[mark.key]
        line.says[mark.key] = mark.digest
        sheet.line_by_key[mark.key] = line


def _recognise(sheet: DraftSheet, statements: Sequence[tuple[str, str]]) -> None:
    """Find statements that lost their mark by what they say; definitions of links by what they define."""
    waiting: dict[str, list[str]] = {}
    for digest, key in statements:
        if key not in sheet.line_by_key:
            name = key if key.startswith("ref/") else digest
            waiting.setdefault(name, []).append(digest if name is key else key)
    for line in sheet.lines if waiting else ():
        if line.says or form(line.text) == "blank" or marks.marks_of(line.text):
            continue
        text_digest, defines = marks.digest(line.text), marks.reference_key(line.text)
        if defines and waiting.get(defines):
            line.says = {defines: waiting[defines].pop(0)}
            line.edited = text_digest != line.says[defines]
        elif not defines and waiting.get(text_digest):
            line.says = {waiting[text_digest].pop(0): text_digest}
        sheet.line_by_key |= dict.fromkeys(line.says, line)
