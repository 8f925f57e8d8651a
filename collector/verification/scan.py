"""Reading every row of the facts, damaged or not.

A damaged database may fail at any row, give a row a number that is not its
own, or leave rows out. Each is a difference that is named where it is, and
reading goes on behind it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection, Select

from collector.proof.checkpoint import DELIVERIES, EVENTS
from collector.removal.recorded_removals import RecordedRemovals
from collector.verification import row_check, statements

MOST = 1000
"""Differences after which looking for more is pointless."""
BEGIN, END = -(1 << 63), (1 << 63) - 1
"""Before and behind every number: a damaged one may be anywhere."""

_PAGE = 100
"""Rows fetched at a time: so many lie in the processor's cache while they are verified."""

Leaves = Callable[[Sequence[Any]], None]
"""Takes the stored leaves in their order, some at a time."""


class StoredDifference(msgspec.Struct, frozen=True):
    """Something that is not as it was stored."""

    table: str
    """``event``, ``delivery``, ``content``, ``head``, ``checkpoint``, ``acknowledged`` or ``database``."""
    number: int
    """The position, the delivery's or the content's number, the checkpoint's size; 0 for the whole table."""
    what: str

    def __str__(self) -> str:
        named = {EVENTS: "position ", DELIVERIES: "delivery d", "content": "content ", "checkpoint": "checkpoint at "}
        place = f"{named[self.table]}{self.number}" if self.number and self.table in named else self.table
        return f"{place}: {self.what}"


class _Rows(NamedTuple):
    """One table's rows, and how they are verified."""

    table: str
    statement: Select[Any]
    holds: Callable[[Any], bool]
    row_holds: Callable[[Any], bool]
    """The same without its content."""
    removed: Callable[[Any], bool]
    """Whether its content is gone, as the log records."""
    explained: Callable[[Any], str]
    leaf: int
    """Where in a row its leaf is, …"""
    content: int
    """… its content, …"""
    number: int
    """… and the number of that."""


class Scan:
    """A pass over rows on one consistent view. What differs gathers in :attr:`differences`."""

    def __init__(
        self, connection: Connection, progress: Callable[[int], None], absent: RecordedRemovals | None = None
    ) -> None:
        self._connection = connection
        self._progress = progress
        self._absent = absent or RecordedRemovals().over(connection)
        self.differences: list[StoredDifference] = []
        self.removed = 0
        """Contents and bodies that are gone, as the log records."""
        self.contents = 0
        """Contents that were found."""
        self.highest = 0
        """The content's number of the last row."""

    @property
    def full(self) -> bool:
        """Whether so much differs that going on is pointless."""
        return len(self.differences) >= MOST

    def differs(self, table: str, number: int, difference: str) -> None:
        """Note a difference."""
        if not self.full:
            self.differences.append(StoredDifference(table, number, difference))

    def took(self, rows: int, *, removed: int, contents: int, highest: int) -> None:
        """Count rows that were verified elsewhere, and are in order."""
        self.removed += removed
        self.contents += contents
        self.highest = max(self.highest, highest)
        self._progress(rows)

    def events(self, receive: Leaves, after: int = 0, last: int = END) -> int:
        """Verify the events behind ``after`` up to ``last``, handing on each stored leaf; how far it came."""
        rows = _Rows(
            EVENTS, statements.EVENTS, row_check.event_holds, row_check.event_row_holds, self._erased,
            lambda row: row_check.event_explained(row, erased=self._may_lack(row)), leaf=13, content=15, number=10,
        )  # fmt: skip
        return self._verified(rows, receive, after, last)

    def deliveries(self, receive: Leaves, after: int = 0, last: int = END) -> int:
        """Verify the deliveries behind ``after`` up to ``last``, handing on each stored leaf; how far it came."""
        rows = _Rows(
            DELIVERIES, statements.DELIVERIES, row_check.delivery_holds, row_check.delivery_row_holds, self._expired,
            row_check.delivery_explained, leaf=11, content=13, number=9,
        )  # fmt: skip
        return self._verified(rows, receive, after, last)

    def _verified(self, rows: _Rows, receive: Leaves, after: int, last: int) -> int:
        expected, holds = after, rows.holds
        for page in self._pages(rows.statement, rows.table, after, last):
            for read in page:
                row = read
                if row[0] != expected + 1:
                    row, expected = self._displaced(rows.table, row, expected, rows.row_holds)
                expected += 1
                if not holds(row) and not rows.removed(row):
                    self.differs(rows.table, expected, rows.explained(row))
            receive([row[rows.leaf] for row in page])
            self._read(page, rows.content, rows.number)
        return expected

    def leaves(self, tree: str, receive: Leaves) -> int:
        """Hand on the stored leaves of a tree without verifying their rows; how far it came."""
        expected = 0
        for page in self._pages(statements.LEAVES[tree], tree, 0, END):
            for found in page:
                row = found
                if row[0] != expected + 1:
                    row, expected = self._displaced(tree, row, expected, lambda row: False)
                expected += 1
            receive([row[1] for row in page])
        return expected

    def _read(self, page: Sequence[Any], content: int, number: int) -> None:
        self.contents += sum([row[content] is not None for row in page])
        found = page[-1][number]
        if isinstance(found, int):
            self.highest = max(self.highest, found)
        self._progress(len(page))

    def _may_lack(self, row: Any) -> bool:
        """Whether the log explains that content is missing, whatever else is wrong with the row."""
        return isinstance(row[2], int) and self._absent.event(row[1], row[2])

    def _erased(self, row: Any) -> bool:
        """Whether the content of an event is gone, as an erasure recorded, and all that is left holds."""
        gone = row[15] is None and row_check.event_row_holds(row) and self._absent.event(row[1], row[2])
        self.removed += gone
        return bool(gone)

    def _expired(self, row: Any) -> bool:
        """Whether a delivery has no body, as the log recorded, and all that is left holds."""
        if row[13] is not None or not row_check.delivery_row_holds(row):
            return False
        gone = row[9] == 0 or self._absent.body(row[0], row[1], row[8])
        self.removed += gone
        return gone

    def _displaced(self, table: str, row: Any, expected: int, holds: Callable[[Any], bool]) -> tuple[Any, int]:
        """A row that does not follow the one before: its number is damaged, or rows before it are missing.

        The answer is the row as it is to be verified, and the number before it.
        """
        right = (expected + 1, *row[1:])
        if holds(right) or row[0] <= expected:
            self.differs(table, expected + 1, f"it is numbered {row[0]}")
            return right, expected
        until = f", and all up to {row[0] - 1}" if row[0] > expected + 2 else ""
        self.differs(table, expected + 1, f"it is missing{until}")
        return row, row[0] - 1

    def _pages(self, statement: Select[Any], table: str, after: int, last: int) -> Iterator[Sequence[Any]]:
        """Rows in order, many at a time. Where one cannot be read it is named, and reading goes on behind it."""
        reached = after or BEGIN
        while reached < last and not self.full:
            try:
                cursor = self._cursor(statement, reached, last)
                while page := cursor.fetchmany(_PAGE):
                    yield page
                    reached = page[-1][0]
                return
            except Exception as error:
                found, reached = self._singly(statement, table, max(reached, 0), last, error)
            if found:
                yield found

    def _cursor(self, statement: Select[Any], after: int, last: int) -> Any:
        """Rows in portions, of which SQLAlchemy holds the first."""
        values = {"after": after, "last": last}
        return self._connection.execute(statement, values, execution_options={"stream_results": True})

    def _singly(
        self, statement: Select[Any], table: str, after: int, last: int, error: Exception
    ) -> tuple[list[Any], int]:
        """Those rows of the next page that can be read, and how far that came; those that cannot are named."""
        rows: list[Any] = []
        end, before = min(last, after + _PAGE), len(self.differences)
        for number in range(after + 1, end + 1):
            try:
                rows += self._cursor(statement, number - 1, number).fetchall()
            except Exception as single:
                self.differs(table, number, f"it cannot be read: {cause(single)}")
        if len(self.differences) == before:
            self.differs(table, 0, f"it cannot be read in order behind {after}: {cause(error)}")
        return rows, last if end >= self._bound(table) else end

    def _bound(self, table: str) -> int:
        try:
            return int(self._connection.execute(statements.HEADS[table]).scalar_one())
        except Exception:
            return 0


def cause(error: Exception) -> str:
    """The database's own words, in one line."""
    return str(getattr(error, "orig", None) or error).splitlines()[0]
