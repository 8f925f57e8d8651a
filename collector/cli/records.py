"""The records in what a person saved of a sender's API: a list, pages of lists, or one on each line.

A file may be larger than memory: of its text only what is looked at is kept,
which is one record and what was read beyond it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import BinaryIO, NoReturn

from collector.cli import inputs
from collector.errors import InvalidInput

TOGETHER = 200
"""Records that are brought in at a time …"""
BYTES = 512 << 10
"""… or as many as have so many bytes."""
LONGEST = 32 << 20
"""Characters that one record may have; a daemon takes less by default."""

_SPACE = " \t\r\n"
_BETWEEN = _SPACE + ",\x1e"
"""What tools write between documents."""
_NEAR = 16
"""Characters at the end of what was read that may be the beginning of something: ``\\u00``, ``-Infinit``."""


class _NoNumberError(ValueError):
    """NaN or an infinity, which JSON does not have."""


def _no_number(text: str) -> NoReturn:
    raise _NoNumberError(f"{text} is no number")


# Numbers are only passed over here; as texts of any length they are digits, and no more.
_DECODER = json.JSONDecoder(parse_constant=_no_number, parse_int=float)


class _Window:
    """A text, of which only what is being looked at is in memory."""

    def __init__(self, pieces: Iterable[str], name: str) -> None:
        self._pieces, self._name = iter(pieces), name
        self._text, self._at = "", 0
        self._since: int | None = None
        """Where what is asked for again begins."""
        self._lines = 1
        """The line in which the text begins."""

    def _more(self) -> bool:
        """Read as much as there is again, so that a long record is not looked at once for each piece of it."""
        begin = self._at if self._since is None else self._since
        self._lines += self._text.count("\n", 0, begin)
        text = self._text[begin:]
        if len(text) > LONGEST:
            raise InvalidInput(
                f"cannot import {self._name}: the record that begins in line {self._lines} has more than {LONGEST:,} "
                "characters; nothing was imported"
            )
        pieces, size = [text], 0
        while size <= len(text) and (piece := next(self._pieces, "")):
            pieces.append(piece)
            size += len(piece)
        self._text, self._at = "".join(pieces), self._at - begin
        self._since = None if self._since is None else 0
        return size > 0

    def peek(self, skipped: str = _SPACE) -> str:
        """The next character that is none of those skipped; empty at the end."""
        while True:
            while self._at < len(self._text):
                if self._text[self._at] not in skipped:
                    return self._text[self._at]
                self._at += 1
            if not self._more():
                return ""

    def take(self, expected: str) -> str:
        """The next character, which has to be one of those wanted."""
        character = self.peek()
        if not character or character not in expected:
            self.wrong(f"{' or '.join(expected)} is missing")
        self._at += 1
        return character

    def value(self) -> str:
        """The next value as it is written."""
        self.peek()
        while True:
            try:
                _, end = _DECODER.raw_decode(self._text, self._at)
            except RecursionError:
                self.wrong("it is nested too deeply")
            except ValueError as error:
                if self._broken(error) or not self._more():
                    self.wrong(getattr(error, "msg", str(error)), getattr(error, "pos", None))
                continue
            # A number goes on where the text does.
            if end < len(self._text) or self._text[end - 1] in '}]"' or not self._more():
                self._at, begin = end, self._at
                return self._text[begin:end]

    def _broken(self, error: ValueError) -> bool:
        """Whether it stays wrong, whatever follows."""
        if not isinstance(error, json.JSONDecodeError):
            return True
        return not error.msg.startswith("Unterminated") and bool(self._text[error.pos + _NEAR :].strip(_SPACE))

    def keep(self) -> None:
        """Keep the text from here on."""
        self.peek()
        self._since = self._at

    def text_since(self) -> str:
        """The text since then."""
        begin, self._since = self._since or 0, None
        return self._text[begin : self._at]

    def forget(self) -> None:
        """Keep nothing any more."""
        self._since = None

    def wrong(self, flaw: str, at: int | None = None) -> NoReturn:
        """Say what is no JSON, and where."""
        line = self._lines + self._text.count("\n", 0, self._at if at is None else at)
        raise InvalidInput(f"cannot import {self._name}: line {line} is no JSON ({flaw}); nothing was imported")


def records(file: BinaryIO, name: str, within: str = "") -> Iterator[bytes]:
    """Every record of a file from its beginning, as it stands there. ``within`` is the key under which a page has them.

    Takes a list, an object with such a list, several of either after each other (as tools write pages), or one record
    on each line. Raises :class:`InvalidInput` with the line where that is no JSON, after what stands before it.
    """
    text = _Window(inputs.text_of(file, name), name)
    while first := text.peek(_BETWEEN):
        if first == "[":
            raw_records = _list(text)
        elif first == "{" and within:
            raw_records = _page(text, within)
        else:
            raw_records = iter((text.value(),))
        for record in raw_records:
            yield record.encode()


def counted(file: BinaryIO, name: str, within: str = "") -> int:
    """How many records a file has. Raises :class:`InvalidInput` where it has none, or anything in it is no JSON."""
    count = sum(1 for _ in records(file, name, within))
    if not count:
        raise InvalidInput(f"cannot import {name}: there is no record in it")
    return count


def _list(text: _Window) -> Iterator[str]:
    text.take("[")
    if text.peek() == "]":
        text.take("]")
        return
    yield text.value()
    while text.take(",]") == ",":
        yield text.value()


def _page(text: _Window, within: str) -> Iterator[str]:
    """The records of a page; an object that has none in a list is a record itself."""
    text.keep()
    text.take("{")
    listed = False
    after = text.take("}") if text.peek() == "}" else ","
    while after == ",":
        if text.peek() != '"':
            text.wrong("a name in quotes is missing")
        key = json.loads(text.value())
        text.take(":")
        if key == within and text.peek() == "[":
            listed = True
            text.forget()
            yield from _list(text)
        else:
            text.value()
        after = text.take(",}")
    if not listed:
        yield text.text_since()


def batches(stream: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
    """Lists of some records each, in JSON, with how many they are."""
    batch: list[bytes] = []
    size = 0
    for record in stream:
        if batch and (len(batch) >= TOGETHER or size + len(record) > BYTES):
            yield len(batch), b"[" + b",".join(batch) + b"]"
            batch, size = [], 0
        batch.append(record)
        size += len(record)
    if batch:
        yield len(batch), b"[" + b",".join(batch) + b"]"
