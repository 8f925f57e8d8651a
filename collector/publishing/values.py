"""What is published, where it stands, and what became of it."""

from __future__ import annotations

import codecs
import hashlib
import re
from collections.abc import Mapping

import msgspec

from collector.errors import InvalidInput, TimelinedError

NAMES, ROLES = "names", "roles"
"""How people stand in what is published."""
_LONGEST = 1_000_000
"""Characters of an edited postmortem that are kept."""
_FOREIGN = re.compile("[\udc80-\udcff]")
_MARK = "<!-- tl "
"""Begins an invisible mark of a draft: where one stands the front matter is over, whatever became of its last line."""


class Edited(TimelinedError):
    """Somebody edited there what would be written over."""


class Article(msgspec.Struct, frozen=True, kw_only=True):
    """A postmortem as it is to be published."""

    number: int
    title: str
    """The incident's title as text."""
    date: str
    """The day it began: ``2026-03-04``."""
    front: str
    """Its front matter, from ``---`` to ``---``, for an archive."""
    text: str
    """Markdown with the marks by which people's edits are known."""
    plain: str
    """The same without marks."""
    page: str = ""
    """The same as a page of Confluence, in its storage format."""
    tagged: str = ""
    """The same page, whose lines name those of ``text``."""
    people: tuple[str, ...] = ()
    """Lines of its front matter that people wrote."""
    machine: str = ""
    """The text with marks, without what people wrote in the whole of it."""
    machine_named: str = ""
    """Where people stand as roles, ``machine`` with their names; empty where they have their names anyway."""
    roles: Mapping[str, str] = {}
    """Likewise, what each person is called there → their name."""
    address: str = ""
    """Where readers reach the incident; empty where that is not known."""
    by: str = ""
    """Who asks for it; empty where nobody is to be named."""


class Copy(msgspec.Struct, frozen=True, kw_only=True):
    """A postmortem as it stands somewhere."""

    text: str
    revision: str
    """How that place calls this version: a commit, the time of an update."""
    body: str = ""
    """Of a page, what the wiki stores of it."""
    url: str = ""
    """Where people read it; empty where that is not known."""
    location: Mapping[str, str] = {}
    """By what it is found again: a path, the id of a comment."""
    cut: int = 0
    """How many characters of it were left out, which the text says."""

    @property
    def digest(self) -> str:
        """By what a later edit is known: white space at the ends of lines and of the text does not count."""
        return digest(self.text)


def digest(text: str) -> str:
    """SHA-256 of a text but for white space at the ends of its lines and of itself."""
    lines = (line.rstrip() for line in text.replace("\r\n", "\n").split("\n"))
    return hashlib.sha256("\n".join(lines).rstrip("\n").encode("utf-8", "replace")).hexdigest()


def fitted(text: str, most: int, plain: str, address: str) -> tuple[str, int]:
    """The text within so many characters, and how many of it were left out: the marks first, then its end.

    ``plain`` is the text without marks. What was left out is said in its last line.
    """
    if len(text) <= most:
        return text, 0
    if len(plain) <= most:
        return plain, 0
    where = f" The whole of it is at {address}." if address else ""
    note = "\n\n_The postmortem goes on for {} characters, which is more than fits here." + where + "_\n"
    shortened = plain[: most - len(note) - 20]
    shortened = shortened[: shortened.rfind("\n") + 1] or shortened
    left = len(plain) - len(shortened)
    return shortened.rstrip("\n") + note.format(f"{left:,}"), left


def decoded(content: bytes) -> str:
    """A file as text, by the mark that it begins with, which goes; UTF-8 without one.

    A byte that is none of UTF-8 is what it is on Windows, so that no letter of a person's is lost.
    """
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return content.decode("utf-16", "replace")
    text = content.removeprefix(codecs.BOM_UTF8).decode("utf-8", "surrogateescape")
    return _FOREIGN.sub(lambda byte: _of_windows(ord(byte[0]) - 0xDC00), text)


def _of_windows(byte: int) -> str:
    return bytes([byte]).decode("cp1252", "ignore") or f"\\x{byte:02x}"


def kept_texts(text: str, copy: str, source: str, parameter: str) -> dict[str, str]:
    """What is kept of a draft that people edited, and of their copy alone where that is another text.

    ``source`` names what is taken in, and ``parameter`` what gave it. Raises :class:`InvalidInput` for too much.
    """
    alone = copy if copy != text else ""
    size = len(text) + len(alone)
    if size > _LONGEST:
        raise InvalidInput(
            f"cannot take in {source}: with what was edited before, it has {size:,} characters; at most {_LONGEST:,} "
            "are kept", parameter
        )  # fmt: skip
    return {"text": text, **({"copy": alone} if alone else {})}


def split(text: str) -> tuple[str, str]:
    """The front matter of a file, without what stands around it, and the rest."""
    lines = re.sub("\r\n?", "\n", text).lstrip("\ufeff\n").split("\n")
    if lines[0].rstrip() != "---":
        return "", "\n".join(lines)
    ends = (at for at, line in enumerate(lines) if at and (line.rstrip() == "---" or _MARK in line))
    end = next(ends, 0)
    if not end:
        return "", "\n".join(lines)
    body = lines[end + (_MARK not in lines[end]) :]
    return "\n".join(lines[1:end]).rstrip("\n"), "\n".join(body).lstrip("\n")


def lines_of(text: str) -> list[str]:
    """The lines of a file's front matter, each by its digest: what people change in it is known by that."""
    return [digest(line)[:16] for line in split(text)[0].splitlines()]
