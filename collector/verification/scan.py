"""Reading every row of the facts, damaged or not.

A damaged database may fail at any row, give a row a number that is not its
own, or leave rows out. Each is a difference that is named where it is, and
reading goes on behind it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from operator import itemgetter
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection, Select

from collector.proof.checkpoint import DELIVERIES, EVENTS
from collector.removal.recorded_removals import RecordedRemovals
from collector.verification import row_check, statements
from collector.verification.statements import IN_DELIVERY, IN_EVENT

MOST = 1000
"""Differences after which looking for more is pointless."""
BEGIN, END = -(1 << 63), (1 << 63) - 1
"""Before and behind every number: a damaged one may be anywhere."""

_PAGE = 100
"""Rows fetched at a time: so many lie in the processor's cache while they are verified."""

_number = itemgetter(0)
"""What a row is numbered, as it is stored: each statement here begins with that."""
Leaves = Callable[[Sequence[Any]], None]
"""Takes the stored leaves in their order, some at a time."""


class StoredDifference(msgspec.Struct, frozen=True):
    """Something that is not as it was stored."""

    table: str
    """``event``, ``delivery``, ``content``, ``head``, ``checkpoint``, ``acknowledged`` or ``database``."""
    number: int
    """The position, the delivery's or the content's number, the checkpoint's size; 0 for the whole table."""
    description: str

    def __str__(self) -> str:
        named = {EVENTS: "position ", DELIVERIES: "delivery d", "content": "content ", "checkpoint": "checkpoint at "}
        place = f"{named[self.table]}{self.number}" if self.number and self.table in named else self.table
        return f"{place}: {self.description}"


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
    columns: Mapping[str, int]
    """Where in a row a column is."""


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
            lambda row: row_check.event_explained(row, erased=self._may_lack(row)), IN_EVENT,
        )  # fmt: skip
        return self._verified(rows, receive, after, last)

    def deliveries(self, receive: Leaves, after: int = 0, last: int = END) -> int:
        """Verify the deliveries behind ``after`` up to ``last``, handing on each stored leaf; how far it came."""
        rows = _Rows(
            DELIVERIES, statements.DELIVERIES, row_check.delivery_holds, row_check.delivery_row_holds, self._expired,
            row_check.delivery_explained, IN_DELIVERY,
        )  # fmt: skip
        return self._verified(rows, receive, after, last)

    def _verified(self, rows: _Rows, receive: Leaves, after: int, last: int) -> int:
        expected, holds, leaf = after, rows.holds, rows.columns["leaf"]
        for page in self._pages(rows.statement, rows.table, after, last):
            for read in page:
                row = read
                if _number(row) != expected + 1:
                    row, expected = self._displaced(rows.table, row, expected, rows.row_holds)
                expected += 1
                if not holds(row) and not rows.removed(row):
                    self.differs(rows.table, expected, rows.explained(row))
            receive([row[leaf] for row in page])
            self._read(page, rows.columns)
        return expected

    def leaves(self, tree: str, receive: Leaves) -> int:
        """Hand on the stored leaves of a tree without verifying their rows; how far it came."""
        expected = 0
        for page in self._pages(statements.LEAVES[tree], tree, 0, END):
            for found in page:
                row = found
                if _number(row) != expected + 1:
                    row, expected = self._displaced(tree, row, expected, lambda row: False)
                expected += 1
            receive([leaf for _, leaf in page])
        return expected

    def _read(self, page: Sequence[Any], columns: Mapping[str, int]) -> None:
        content = columns["bytes"]
        self.contents += sum([row[content] is not None for row in page])
        found = page[-1][columns["content"]]
        if isinstance(found, int):
            self.highest = max(self.highest, found)
        self._progress(len(page))

    def _may_lack(self, row: Any) -> bool:
        """Whether the log explains that content is missing, whatever else is wrong with the row."""
        revision = row[IN_EVENT["revision"]]
        return isinstance(revision, int) and self._absent.event(row[IN_EVENT["id"]], revision)

    def _erased(self, row: Any) -> bool:
        """Whether the content of an event is gone, as an erasure recorded, and all that is left holds."""
        if row[IN_EVENT["bytes"]] is not None or not row_check.event_row_holds(row):
            return False
        gone = self._absent.event(row[IN_EVENT["id"]], row[IN_EVENT["revision"]])
        self.removed += gone
        return gone

    def _expired(self, row: Any) -> bool:
        """Whether a delivery has no body, as the log recorded, and all that is left holds."""
        if row[IN_DELIVERY["bytes"]] is not None or not row_check.delivery_row_holds(row):
            return False
        number, source, told = (row[IN_DELIVERY[name]] for name in ("number", "source", "told"))
        gone = row[IN_DELIVERY["content"]] == 0 or self._absent.body(number, source, told)
        self.removed += gone
        return gone

    def _displaced(self, table: str, row: Any, expected: int, holds: Callable[[Any], bool]) -> tuple[Any, int]:
        """A row that does not follow the one before: its number is damaged, or rows before it are missing.

        The answer is the row as it is to be verified, and the number before it.
        """
        number, *others = row
        right = (expected + 1, *others)
        if holds(right) or number <= expected:
            self.differs(table, expected + 1, f"it is numbered {number}")
            return right, expected
        until = f", and all up to {number - 1}" if number > expected + 2 else ""
        self.differs(table, expected + 1, f"it is missing{until}")
        return row, number - 1

    def _pages(self, statement: Select[Any], table: str, after: int, last: int) -> Iterator[Sequence[Any]]:
        """Rows in order, many at a time. Where one cannot be read it is named, and reading goes on behind it."""
        reached = after or BEGIN
        while reached < last and not self.full:
            try:
                cursor = self._cursor(statement, reached, last)
                while page := cursor.fetchmany(_PAGE):
                    yield page
                    reached = _number(page[-1])
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
