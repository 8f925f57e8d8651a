"""How far the lists follow the log, as they say it themselves."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection, select

from collector.projections import tables

_cursor = tables.cursor.c
_CURSOR = select(_cursor.position, _cursor.quiet, _cursor.settled, _cursor.rules)


class Cursor(NamedTuple):
    """Where following goes on."""

    position: int
    quiet: int
    """Up to this position nothing is announced: it was before."""
    settled: int
    """While quiet: numbers below it were given out before. 0 where nothing has to be settled."""
    rules: str
    """A digest of the rules that grouped what is in the lists."""


def read_cursor(connection: Connection) -> Cursor | None:
    """The cursor; None where these lists have followed nothing yet."""
    row = connection.execute(_CURSOR).one_or_none()
    return None if row is None else Cursor(*row)
