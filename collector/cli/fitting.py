"""Tables and texts on a terminal: as wide as it is, wrapped between words, without what there is no room for.

What names something (a number, an event, a delivery) is never cut and never left out.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

Rows = Sequence[Sequence[str]]

_GAP = 2
"""Blanks between two columns."""
_ROOM = 24
"""What the columns that wrap shall have at least, in characters."""
_WRAPPED = {"TITLE": 3, "REASON": 3, "WHY": 3, "HOW": 3, "AUTHENTICATED BY": 3, "SERVICES": 1, "SERVICE": 1}
"""The columns that are wrapped, and how much of what is left each takes."""
_LEFT_OUT = ("AUTH", "LAST", "TOLD", "LASTED", "SERVICES", "SERVICE", "TYPE", "STARTED (UTC)", "SINCE (UTC)", "EVENTS")
"""What is left out on a narrow terminal, the first first."""
_COLOURS = {"open": "bold red", "firing": "bold red", "triggered": "bold red", "acknowledged": "yellow"}
_COLOURS |= {"resolved": "green", "merged": "dim", "unrecognised": "yellow", "malformed": "bold red"}


def show(headings: Sequence[str], rows: Rows) -> None:
    """Print a table of harmless cells on the terminal."""
    console = _console()
    fitted = fit(headings, rows, console.width)
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, _GAP, 0, 0))
    for heading, width in fitted.columns:
        wrapped = heading in _WRAPPED
        table.add_column(heading, no_wrap=not wrapped, overflow="fold", width=width)
    for row in fitted.rows:
        table.add_row(*(Text(cell, style=_COLOURS.get(cell, "")) for cell in row))
    console.print(table)


def columns_said() -> bool:
    """Whether the environment says how wide the output is."""
    said = os.environ.get("COLUMNS", "")
    return said.isascii() and said.isdigit() and int(said) > 0


def wrapped(text: str, indent: int) -> list[str]:
    """A text in lines that fit behind so many blanks, broken between words; a longer word stays whole, to be copied."""
    room, lines = _console().width - indent, [""]
    for word in text.split(" "):
        longer = f"{lines[-1]} {word}" if lines[-1] else word
        if lines[-1] and cell_len(longer) > room:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines


def _console() -> Console:
    return Console(markup=False, highlight=False, emoji=False)


class Fitted:
    """A table as it is shown: headings with their widths, and rows."""

    def __init__(self, columns: list[tuple[str, int]], rows: list[list[str]]) -> None:
        self.columns = columns
        self.rows = rows


def fit(headings: Sequence[str], rows: Rows, room: int) -> Fitted:
    """What of a table fits into so many characters."""
    names, cells = list(headings), [list(row) for row in rows]
    if _needed(names, cells) > room:
        names, cells = _without_date(names, cells)
    if _needed(names, cells) > room:
        cells = _without_family(names, cells)
    for heading in _LEFT_OUT:
        if _needed(names, cells) <= room:
            break
        if heading in names and not (_WRAPPED.get(heading) and sum(name in _WRAPPED for name in names) == 1):
            at = names.index(heading)
            names.pop(at)
            for row in cells:
                row.pop(at)
    return Fitted(list(zip(names, _widths(names, cells, room), strict=True)), cells)


def _natural(names: Sequence[str], cells: Rows) -> list[int]:
    return [
        max(cell_len(line) for cell in column for line in cell.split("\n"))
        for column in zip(names, *cells, strict=True)
    ]


def _needed(names: Sequence[str], cells: Rows) -> int:
    """How much room there must be: all of what is not wrapped, and enough for what is."""
    natural = _natural(names, cells)
    fixed = sum(width for name, width in zip(names, natural, strict=True) if name not in _WRAPPED)
    wrapped = sum(width for name, width in zip(names, natural, strict=True) if name in _WRAPPED)
    return fixed + min(wrapped, _ROOM) + _GAP * (len(names) - 1)


def _widths(names: Sequence[str], cells: Rows, room: int) -> list[int]:
    """How wide each column is: those that are wrapped share what the others leave."""
    natural = _natural(names, cells)
    widths = [0 if name in _WRAPPED else width for name, width in zip(names, natural, strict=True)]
    remaining = max(room - sum(widths) - _GAP * (len(names) - 1), 1)
    open_columns = [at for at, name in enumerate(names) if name in _WRAPPED]
    for at in sorted(open_columns, key=lambda at: natural[at] / _WRAPPED[names[at]]):
        shares = sum(_WRAPPED[names[other]] for other in open_columns if not widths[other])
        widths[at] = max(min(natural[at], remaining * _WRAPPED[names[at]] // shares), 1)
        remaining -= widths[at]
    return widths


def _without_family(names: list[str], cells: list[list[str]]) -> list[list[str]]:
    """Of each type its last word, which tells the end of an alert from its firing."""
    if "TYPE" not in names:
        return cells
    at = names.index("TYPE")
    return [[*row[:at], row[at].rpartition(".")[2], *row[at + 1 :]] for row in cells]


def _without_date(names: list[str], cells: list[list[str]]) -> tuple[list[str], list[list[str]]]:
    """The date into the heading, where all times of a column are of one day."""
    for at, name in enumerate(names):
        days = {row[at][:10] for row in cells}
        if name.endswith("(UTC)") and len(days) == 1 and all(len(row[at]) > 10 for row in cells):
            names = [*names[:at], f"{days.pop()}\n(UTC)", *names[at + 1 :]]
            cells = [[*row[:at], row[at][11:], *row[at + 1 :]] for row in cells]
    return names, cells
