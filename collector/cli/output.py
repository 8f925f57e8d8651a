"""What a command prints.

The result alone goes to stdout, everything said about it to stderr. A
stranger's text is made harmless before it reaches a terminal: no control
character, no escape sequence, no character that turns the writing direction
or cannot be seen (U+FFFD stands there), and never markup of rich's. On a pipe the same text comes in plain
columns of fixed form, without colours, however wide it is, unless the variable COLUMNS says how wide it may be.
"""

from __future__ import annotations

import json
import sys
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from rich.cells import cell_len

from collector.cli import fitting
from collector.errors import InvalidInput, InvalidSettings, LogDamaged, NotFound, TimelinedError, Unavailable
from renderers.escape import INVISIBLE, JOINERS

DONE, FAILED, USAGE, NOT_FOUND, UNAVAILABLE = range(5)
DAMAGED = 6
EXIT_CODES: Mapping[int, str] = {
    DONE: "done; also where a list is empty",
    FAILED: "it could not be done as asked, or a check found mistakes",
    USAGE: "the command line was wrong",
    NOT_FOUND: "what was named does not exist",
    UNAVAILABLE: "the database or the daemon cannot be reached now; come again",
    DAMAGED: "the log is not what it was, or a proof does not hold",
}
"""How a command may end."""

_CODES: Mapping[type[TimelinedError], int] = {
    NotFound: NOT_FOUND,
    InvalidInput: FAILED,
    InvalidSettings: FAILED,
    Unavailable: UNAVAILABLE,
    LogDamaged: DAMAGED,
}

Json = Mapping[str, Any]
Rows = Sequence[Sequence[str]]

_UNSEEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}


def exit_code(error: TimelinedError) -> int:
    """The exit code an error ends a command with; the nearest class decides."""
    return next((_CODES[kind] for kind in type(error).__mro__ if kind in _CODES), FAILED)


def harmless(text: object) -> str:
    """One line of text that a terminal shows and never obeys."""
    shown = "".join(" " if character.isspace() else character for character in str(text))
    return "".join("\ufffd" if _is_unseen(c) else c for c in INVISIBLE.sub("\ufffd", shown))


def _is_unseen(character: str) -> bool:
    """Whether nobody would see it, or it changes how others are seen; also what no Unicode release has assigned. A
    joiner that is left is part of a word."""
    return unicodedata.category(character) in _UNSEEN and character not in JOINERS


def harmless_lines(text: str) -> str:
    """The same for a text of several lines."""
    return "\n".join(harmless(line) for line in text.replace("\r\n", "\n").split("\n"))


def say(message: str) -> None:
    """A word to the person, on stderr."""
    click.echo(harmless_lines(message), err=True)


def result(text: str) -> None:
    """A text as the result: byte for byte on a pipe, made harmless on a terminal."""
    click.echo(harmless_lines(text) if sys.stdout.isatty() else text, nl=not text.endswith("\n"))


def write(path: Path, content: bytes) -> None:
    """A result into a file, whose folder is made where it is not there. Raises :class:`InvalidInput` where it cannot
    be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    except OSError as error:
        raise InvalidInput(f"cannot write {path}: {error.strerror}") from error


class TargetFile(click.Path):
    """Where a result goes: a file, or ``-`` for standard output, which is :data:`STDOUT`."""

    def __init__(self) -> None:
        super().__init__(path_type=Path, dir_okay=False, allow_dash=True)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The path."""
        if not str(value):
            self.fail("it is empty; name a file, or - for standard output", param, ctx)
        return super().convert(value, param, ctx)


TARGET = TargetFile()
STDOUT = Path("-")


def as_json(value: object) -> None:
    """A value as the result, for a machine. ASCII only, so that it is exact on a pipe and harmless on a terminal."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=True))


def table(headings: Sequence[str], rows: Rows) -> None:
    """Rows as the result: fitted and coloured on a terminal, fitted where COLUMNS says how wide, in plain columns
    elsewhere."""
    clean = [[harmless(cell) for cell in row] for row in rows]
    if _is_fitted():
        fitting.show(headings, clean)
    else:
        click.echo(_plain([list(headings), *clean]))


def facts(pairs: Sequence[tuple[str, str]]) -> None:
    """Names and values, one a line, wrapped as a table is; those without a value are left out."""
    known = [(name, harmless(value)) for name, value in pairs if value]
    widest = max((len(name) for name, _ in known), default=0) + 1
    for name, value in known:
        lines = fitting.wrapped(value, widest + 1) if _is_fitted() else [value]
        click.echo(f"{name + ':':<{widest}} " + f"\n{'':<{widest}} ".join(lines))


def _is_fitted() -> bool:
    """Whether the width is somebody's: a terminal's, or what COLUMNS says, as ``watch`` has it."""
    return sys.stdout.isatty() or fitting.columns_said()


def _plain(rows: Rows) -> str:
    widths = [max(cell_len(cell) for cell in column) for column in zip(*rows, strict=True)]
    padded = ("  ".join(c + " " * (w - cell_len(c)) for c, w in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(line.rstrip() for line in padded)


def time(text: str | None) -> str:
    """A time of the API's as lists show it: ``2026-03-04 14:02:10``, UTC; empty where there is none."""
    if not text:
        return ""
    return datetime.fromisoformat(text).astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def lasted(start: str, end: str | None) -> str:
    """How long something took, ``21m`` or ``1h07m``; ``ongoing`` where it has no end."""
    if not end:
        return "ongoing"
    ends = [datetime.fromisoformat(each).replace(microsecond=0) for each in (start, end)]
    minutes, seconds = divmod(int((ends[1] - ends[0]).total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes:02}m" if hours else f"{minutes}m" if minutes else f"{seconds}s"


def short(identifier: str) -> str:
    """The end of an id: enough of it to name the event in the next command."""
    return identifier[-8:]
