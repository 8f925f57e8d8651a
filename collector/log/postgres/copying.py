"""Whole tables of a log, brought into an empty database by COPY, in the transaction of whoever asks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import asyncpg
from sqlalchemy import Connection, select, update
from sqlalchemy.util import await_only

from collector.errors import InvalidInput
from collector.schema import tables

_head = tables.head
_NUMBERS = select(_head.c.position, _head.c.delivery, _head.c.content).where(_head.c.one == 1).with_for_update()


def refuse_used(connection: Connection) -> None:
    """Keep everybody else from appending until the transaction ends.

    Raises :class:`InvalidInput` where there is a log in the database already.
    """
    if connection.execute(_NUMBERS).all() != [(0, 0, 0)]:
        raise InvalidInput("cannot import into this database: there is a log in it already; name an empty one")


def copy_in(connection: Connection, table: str, rows: Sequence[tuple[Any, ...]]) -> None:
    """Add rows of one of the log's tables, each with all columns in their order.

    Raises :class:`InvalidInput` for a value that PostgreSQL cannot hold.
    """
    columns = [column.name for column in tables.metadata.tables[table].columns]
    driver = connection.connection.driver_connection
    assert driver is not None  # noqa: S101 - a session's connection is open
    try:
        await_only(driver.copy_records_to_table(table, records=rows, columns=columns))
    except asyncpg.DataError as error:
        raise InvalidInput(f"cannot import into this database: a row of {table} is refused: {error}") from error


def set_head(connection: Connection, values: Mapping[str, Any]) -> None:
    """Have the log go on from where these numbers end, as the log of this identity. The owner alone may do that."""
    connection.exec_driver_sql("ALTER TABLE head DISABLE TRIGGER USER")
    connection.execute(update(_head).where(_head.c.one == 1).values(**values, record=None))
    connection.exec_driver_sql("ALTER TABLE head ENABLE TRIGGER USER")
