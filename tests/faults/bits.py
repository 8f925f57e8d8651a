"""Where a bit of a row lies in an SQLite file: cells of a table's leaves, and what overflows from them.

After https://www.sqlite.org/fileformat2.html, section 1.6. Free space is left
out: what stands there is nothing that anybody stored. The first column of each
table must be its INTEGER PRIMARY KEY.
"""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

_INTERIOR, _LEAF = 0x05, 0x0D


class Piece(NamedTuple):
    """Some bytes of a file that belong to one row."""

    table: str
    row: int
    offset: int
    size: int


class BitPosition(NamedTuple):
    """One bit of a file, and whose it is."""

    table: str
    row: int
    """Its position or number."""
    offset: int
    mask: int

    def flip(self, path: Path) -> None:
        """Turn it; twice is not at all."""
        with path.open("r+b") as file:
            file.seek(self.offset)
            (byte,) = file.read(1)
            file.seek(self.offset)
            file.write(bytes([byte ^ self.mask]))


def places(path: Path, tables: tuple[str, ...], chance: random.Random, count: int) -> list[BitPosition]:
    """So many bits out of the rows of these tables, every byte as likely as every other within its table.

    The file must be whole: closed by its last writer, no WAL beside it. Its tables must be rowid tables.
    """
    spots: list[BitPosition] = []
    pieces = {table: list(pieces_of(path, table)) for table in tables}
    for number in range(count):
        of = pieces[tables[number % len(tables)]]
        (piece,) = chance.choices(of, weights=[each.size for each in of])
        offset = piece.offset + chance.randrange(piece.size)
        spots.append(BitPosition(piece.table, piece.row, offset, 1 << chance.randrange(8)))
    return spots


def pieces_of(path: Path, table: str) -> Iterator[Piece]:
    """Where the rows of a table lie, piece by piece; the first of a row holds its head."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        (root,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (table,)).fetchone()
    yield from _File(path.read_bytes(), table).tree(root)


class _File:
    def __init__(self, content: bytes, table: str) -> None:
        self._content, self._table = content, table
        self._page = int.from_bytes(content[16:18], "big")
        self._usable = self._page - content[20]

    def tree(self, number: int) -> Iterator[Piece]:
        """Every piece of every row below a page."""
        start = (number - 1) * self._page
        kind, count = self._content[start], self._number(start + 3, 2)
        assert kind in (_INTERIOR, _LEAF), f"page {number} is no page of a table"
        head = 12 if kind == _INTERIOR else 8
        for cell in range(count):
            at = start + self._number(start + head + 2 * cell, 2)
            yield from self.tree(self._number(at, 4)) if kind == _INTERIOR else self._cell(at)
        if kind == _INTERIOR:
            yield from self.tree(self._number(start + 8, 4))

    def _cell(self, at: int) -> Iterator[Piece]:
        size, after_size = self._varint(at)
        row, payload = self._varint(after_size)
        local = self._local(size)
        # The second byte of a record is the type of the first column, the number of the row, which stands in its key:
        # SQLite never looks at it, so to turn a bit there (8 alone moves nothing else) changes nothing.
        yield Piece(self._table, row, at, payload + 1 - at)
        yield Piece(self._table, row, payload + 2, local - 2)
        left, page = size - local, self._number(payload + local, 4) if local < size else 0
        while left > 0:
            start = (page - 1) * self._page
            here = min(left, self._usable - 4)
            yield Piece(self._table, row, start + 4, here)
            left, page = left - here, self._number(start, 4)

    def _local(self, size: int) -> int:
        """How much of a payload stands in the leaf itself."""
        most = self._usable - 35
        if size <= most:
            return size
        least = (self._usable - 12) * 32 // 255 - 23
        fitting = least + (size - least) % (self._usable - 4)
        return fitting if fitting <= most else least

    def _number(self, at: int, size: int) -> int:
        return int.from_bytes(self._content[at : at + size], "big")

    def _varint(self, at: int) -> tuple[int, int]:
        """A variable-length number, and where the next thing stands."""
        value = 0
        for offset in range(at, at + 8):
            value = value << 7 | self._content[offset] & 0x7F
            if self._content[offset] < 0x80:
                return value, offset + 1
        return value << 8 | self._content[at + 8], at + 9
