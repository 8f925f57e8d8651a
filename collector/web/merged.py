"""Lists of several logs as one: merged by time, each log in its own order, with a cursor that has a place in each.

Nothing is joined: a row is of one log, and says of which. A log that cannot be read is left out and named.
"""

from __future__ import annotations

import heapq
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Generic, TypeVar

import msgspec

from collector.projections import Projections
from collector.web.each_log import read_each
from collector.web.keys import PROJECTIONS, OneLog
from collector.web.problems import InvalidParameter

T = TypeVar("T")

_PLACE = re.compile(r"([a-z][a-z0-9_-]{0,31})\.(\d{1,18})", re.ASCII)


class MergedRow(msgspec.Struct, Generic[T], frozen=True):
    """A row, and the log that it is of."""

    log: OneLog
    row: T


class MergedPage(msgspec.Struct, Generic[T], frozen=True):
    """A page of rows."""

    rows: Sequence[MergedRow[T]]
    following: str | None
    """The cursor of the next page; None where this is the last one."""
    away: Mapping[str, str]
    """Each log that could not be read, and why."""


def places(cursor: str | None, logs: Sequence[OneLog]) -> dict[str, int]:
    """A log's name → the row of it that was seen last. Raises :class:`InvalidParameter`."""
    by_log: dict[str, int] = {}
    log_names = {log.name for log in logs}
    for part in cursor.split(",") if cursor else ():
        match = _PLACE.fullmatch(part)
        if match is None or match[1] not in log_names:
            raise InvalidParameter(
                "cannot read the request: cursor is none of this list; take it from next", "cursor"
            )  # fmt: skip
        by_log[match[1]] = int(match[2])
    return by_log


def cursor_of(seen: Mapping[str, int]) -> str:
    """The cursor that has these places."""
    return ",".join(f"{name}.{number}" for name, number in seen.items())


async def merged(
    logs: Sequence[OneLog],
    cursor: str | None,
    limit: int,
    fetch: Callable[[Projections, int | None, int], Awaitable[Sequence[T]]],
    cursor_at: Callable[[T], int],
    at: Callable[[T], int],
) -> MergedPage[T]:
    """At most ``limit`` rows behind the cursor.

    ``fetch`` gives so many rows of one log at most, behind the row that is at a place. ``at`` is what they are merged
    by, the least first: of the logs' next rows the one that is least.
    """
    last_rows = places(cursor, logs)

    async def rows_of(log: OneLog) -> list[MergedRow[T]]:
        return [MergedRow(log, row) for row in await fetch(log.app[PROJECTIONS], last_rows.get(log.name), limit + 1)]

    read = await read_each(logs, rows_of)
    pages = [each for _, each in read.answers]
    rows = list(_first(limit, heapq.merge(*pages, key=lambda each: at(each.row))))
    last_rows |= {each.log.name: cursor_at(each.row) for each in rows}
    more = sum(map(len, pages)) > len(rows)
    return MergedPage(rows, cursor_of(last_rows) if more else None, read.away)


def _first(count: int, rows: Iterator[T]) -> Iterator[T]:
    for _, row in zip(range(count), rows, strict=False):
        yield row
