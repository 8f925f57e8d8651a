"""Files that a person names, read some at a time and as often as needed: their size is not what memory takes."""

from __future__ import annotations

import codecs
import io
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO, TextIO

from collector.errors import InvalidInput

CHUNK = 64 << 10
"""Bytes that are read at a time."""


@contextmanager
def rereadable(path: Path) -> Iterator[BinaryIO]:
    """The file at ``path``, open at its beginning; ``-`` is standard input.

    What can be read only once (standard input, a pipe) is copied to a temporary file that has no name, on the disk.
    Raises :class:`InvalidInput` where it cannot be opened, or there is no room for the copy.
    """
    with ExitStack() as stack:
        try:
            file = _opened(path, stack)
        except OSError as error:
            raise InvalidInput(f"cannot read {path}: {error.strerror}") from error
        yield file


def _opened(path: Path, stack: ExitStack) -> BinaryIO:
    stream = sys.stdin.buffer if str(path) == "-" else stack.enter_context(path.open("rb"))
    if stream.seekable() and str(path) != "-":
        return stream
    copy = stack.enter_context(tempfile.TemporaryFile(prefix="timelined-"))  # noqa: SIM115 - the stack closes it
    shutil.copyfileobj(stream, copy)
    return copy


def text_of(file: BinaryIO, name: str) -> Iterator[str]:
    """A file's text from its beginning, in pieces, without a byte order mark.

    Raises :class:`InvalidInput` with the place of the first byte that is not UTF-8.
    """
    file.seek(0)
    decoder = codecs.getincrementaldecoder("utf-8")()
    bytes_read, first = 0, True
    while True:
        chunk = file.read(CHUNK)
        begins = bytes_read - len(decoder.getstate()[0])
        try:
            text = decoder.decode(chunk, final=not chunk)
        except UnicodeDecodeError as error:
            raise InvalidInput(
                f"cannot import {name}: it is not UTF-8, at byte {begins + error.start}; save it as that"
            ) from error
        bytes_read += len(chunk)
        if first and text:
            text, first = text.removeprefix("\ufeff"), False
        if text:
            yield text
        if not chunk:
            return


@contextmanager
def lines_of(file: BinaryIO, name: str) -> Iterator[TextIO]:
    """A file's text from its beginning, line by line with the ends as they are. Raises as :func:`text_of` does."""
    for _ in text_of(file, name):
        pass
    file.seek(0)
    lines = io.TextIOWrapper(file, "utf-8-sig", newline="")
    try:
        yield lines
    finally:
        lines.detach()
