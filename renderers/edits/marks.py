"""The marks by which a draft in a file says which of its lines a machine wrote, and as what.

A mark is an HTML comment at the end of a line: nobody sees it in the rendered
draft, and editors keep it. It holds the key of the statement and a digest of
the line as it was written, so that a line which a person changed is known from
one that nobody touched. The index, one comment at the end of the file, lists
all that was written: what it names and the file lacks, a person removed.

A mark is believed at the end of its line, or outside of code: a sender's
words have no comment there.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence

import msgspec

LIVE, TOLD, QUIET = "+", "-", "="
"""States of what the index lists: it stands in the file; a person removed it, and the file says so; they removed that
note, too."""

_MARK = re.compile(r"\s?<!-- tl ([a-z0-9_/~]+) ([0-9a-f]{10}) -->")
_LAST = re.compile(r"(?:\s?<!-- tl [a-z0-9_/~]+ [0-9a-f]{10} -->)+\s*\|?\s*\Z")
_RAW = re.compile("\x02([a-z0-9_/]+)((?: [0-9a-f]+)*)\x03")
"""No sender's text holds these two characters: :mod:`renderers.escape` leaves none."""
_INDEX = re.compile(r"^[ \t]*<!-- tl index[ \t]*\r?$\n?(.*?)(?:^[ \t]*-->[ \t]*\r?$\n?|\Z)", re.DOTALL | re.MULTILINE)
_CUT = re.compile(r"[-+=] [a-z_]+/[a-z0-9_/~]*(?: [0-9a-f ]*)?\Z")
"""The last line of an index that was cut off."""
_CONFLICT = re.compile(r"<{7} .*|={7}|>{7} .*|\|{7} .*")
"""What Git puts between the two sides of a conflict."""
_FOLDED = re.compile(r"<!--\s+(?:> *)?tl\s+(?:> *)?([a-z0-9_/~]+)\s+(?:> *)?([0-9a-f]{10})\s+(?:> *)?-->")
_ENTRY = re.compile(r"([-+=]) ([a-z0-9_/~]+) ([0-9a-f]{10})((?: [0-9a-f]{1,32})*)\Z")
_ITEM = re.compile(r"(?:[-*+]|\d{1,9}[.)])[ \t]+")
_PIPE = re.compile(r"(?<!\\)\|")
_REFERENCE = re.compile(r"\[([0-9a-f, +]+)\]: \S+\Z")

WORDS = "words/of"
"""The key under which the index names the record of people's words that the draft was written with."""
UNKNOWN = "0" * 10
"""Stands for the digest of a statement of which evidence was erased since."""
ID_DIGITS = 12
"""How much of an event's id a mark holds: its last digits, a hash."""


class Mark(msgspec.Struct, frozen=True):
    """What one mark says: a statement's key, and the digest of what was written as that."""

    key: str
    digest: str


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One statement in the index."""

    key: str
    digest: str
    cites: tuple[str, ...] = ()
    """The last digits of the ids of the events that prove it."""
    state: str = LIVE


def stem(text: str) -> str:
    """A short name for the words by which a statement is known again."""
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:6]


def raw(key: str, cites: Sequence[str] = ()) -> str:
    """The mark as a renderer writes it, before the line it stands in is known."""
    return f"\x02{' '.join((key, *(each[-ID_DIGITS:] for each in cites)))}\x03"


def marks_of(line: str) -> tuple[Mark, ...]:
    """The marks in a line, but for those in code."""
    return tuple(Mark(match[1], match[2]) for match in _believed(line))


def _believed(line: str) -> list[re.Match[str]]:
    comment = line.find("<!-- tl ")
    if comment < 0:
        return []
    # With the space before it. To try what was said before that takes four times as long as the rest.
    first = max(comment - 1, 0)
    last = _LAST.search(line, first)
    end = last.start() if last else len(line)
    return [m for m in _MARK.finditer(line, first) if m.start() >= end or line[: m.start()].count("`") % 2 == 0]


def bare(line: str) -> str:
    """The line without its marks."""
    for match in reversed(_believed(line)):
        line = line[: match.start()] + line[match.end() :]
    return line


def plain(text: str) -> str:
    """A marked draft as one that nobody marked."""
    return "\n".join(map(bare, _without_indexes(text).split("\n"))).rstrip("\n") + "\n" if "<!-- tl " in text else text


def cells(line: str) -> list[str] | None:
    """The cells of a table's row; None for any other line."""
    text = line.strip()
    if not text.startswith("|"):
        return None
    return [cell.strip() for cell in _PIPE.split(text.removesuffix("|")[1:])]


def words(line: str) -> str:
    """What a line says, whatever its white space, and as an item of a list or as a row of a table."""
    text = bare(line).strip()
    row = cells(text)
    said = " ".join(row) if row is not None else _ITEM.sub("", text, count=1) if _ITEM.match(text) else text
    return " ".join(said.split())


def digest(line: str) -> str:
    """The digest of what a line says."""
    return hashlib.sha256(words(line).encode("utf-8", "surrogatepass")).hexdigest()[:10]


def marked(line: str, digests: Mapping[str, str]) -> str:
    """The line with a mark for each of these statements (key → digest of what was written as it) and no other: at its
    end, or in a table's last cell. A definition of a link cannot hold one."""
    text = bare(line)
    comment = "".join(f" <!-- tl {key} {seen} -->" for key, seen in digests.items() if not key.startswith("ref/"))
    if not comment:
        return text
    body = text.rstrip()
    if body.startswith("|") and body.endswith("|") and len(body) > 1:
        cell = body[:-1].rstrip()
        return f"{cell}{comment}{text[len(cell) :]}"
    return f"{body}{comment}{text[len(body) :]}"


def reference_key(line: str) -> str:
    """The key of a definition of a link that turns citations into links; empty for any other line."""
    found = _REFERENCE.match(line.rstrip())
    return f"ref/{re.sub('[^0-9a-f]+', '_', found[1])}" if found else ""


def index_of(text: str) -> tuple[str, dict[str, Entry]]:
    """The text without its index, and what that lists; of several the last one counts.

    What people wrote among its lines, or behind one that has no end, stays in the text.
    """
    indexes = list(_INDEX.finditer(text))
    if not indexes:
        return text, {}
    lines = (_ENTRY.match(line.strip()) for line in indexes[-1][1].split("\n"))
    entries = [Entry(state=m[1], key=m[2], digest=m[3], cites=tuple(m[4].split())) for m in lines if m]
    return _without_indexes(text), {entry.key: entry for entry in entries}


def _without_indexes(text: str) -> str:
    return _INDEX.sub(_written_among, text)


def _written_among(index: re.Match[str]) -> str:
    """The lines in an index that are none of its own; without what is left of a conflict that was all ours."""
    pieces = [piece for piece in re.split(r"(?<=\n)", index[1]) if not _of_index(piece.strip())]
    if pieces and index.end() == len(index.string) and _CUT.match(pieces[-1].strip()):
        pieces.pop()
    return "" if all(_CONFLICT.fullmatch(piece.strip()) for piece in pieces) else "".join(pieces)


def is_entry(line: str) -> bool:
    """Whether a line lists a statement, as those of an index do."""
    return bool(_ENTRY.match(line.strip()))


def _of_index(line: str) -> bool:
    return not line or line == "<!-- tl index" or is_entry(line)


_UNFINISHED = re.compile(r"[ \t]*<!--(?: t?l?| tl (?!index)[^\n>]*)?\Z")


def unfolded(text: str) -> str:
    """The text with each mark on one line: an editor that keeps to a width breaks lines within them, too. One that was
    cut off at the end goes: as a comment without an end it would hide all that comes after it."""
    text = _UNFINISHED.sub("", text)
    return _FOLDED.sub(lambda mark: f"<!-- tl {mark[1]} {mark[2]} -->" if "\n" in mark[0] else mark[0], text)


def words_entry(event: str) -> Entry:
    """What the index says of the record (its id) of people's words that the draft has."""
    return Entry(key=WORDS, digest=UNKNOWN, cites=(event[-ID_DIGITS:],), state=QUIET)


def with_words(text: str, event: str) -> str:
    """The marked draft with an index that names the record of the words that it has."""
    body, index = index_of(text)
    return body + index_text([*(entry for key, entry in index.items() if key != WORDS), words_entry(event)])


def index_text(entries: Iterable[Entry]) -> str:
    """The index as it stands in a file."""
    lines = (" ".join((entry.state, entry.key, entry.digest, *entry.cites)) for entry in entries)
    return "\n".join(("<!-- tl index", *lines, "-->")) + "\n"


def finished(text: str) -> str:
    """A draft as it came from a renderer with raw marks: each mark with its digest, at the end of its line, and the
    index below. A heading gets the key of the section that follows it."""
    lines = text.rstrip("\n").split("\n")
    entries: dict[str, Entry] = {}
    for at, (name, cites) in sorted(_keyed(lines).items()):
        key, count = name, 1
        while key in entries:
            count += 1
            key = f"{name}~{count}"
        lines[at] = _RAW.sub("", lines[at])
        seen = digest(lines[at])
        entries[key] = Entry(key=key, digest=seen, cites=cites)
        lines[at] = marked(lines[at], {key: seen})
    return "\n".join(lines) + "\n\n" + index_text(entries.values())


def _keyed(lines: Sequence[str]) -> Mapping[int, tuple[str, tuple[str, ...]]]:
    """Line → its key and its evidence, with those of headings and definitions of links."""
    keyed: dict[int, tuple[str, tuple[str, ...]]] = {}
    heading: int | None = None
    for at, line in enumerate(lines):
        if here := _RAW.search(line):
            keyed[at] = here[1], tuple(here[2].split())
            section = here[1].partition("/")[0]
            if heading is not None and section != "head":
                keyed[heading] = f"{section}/heading", ()
            heading = None
        elif line.startswith("#"):
            heading = at
        elif key := reference_key(line):
            keyed[at] = key, ()
    return keyed
