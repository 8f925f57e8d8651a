"""Whether the projections in a database have the shape this version works with, and giving it to them.

Projections are never migrated. The shape (the tables, and what is packed into
their columns) has a digest that the database keeps; where it differs from
ours, another version made them, and they are dropped and made again out of
the log. Numbers of incidents outlive that as they outlive a rebuild: in their
table where that one did not change, else in our own ``incident.opened`` events.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import msgspec
from sqlalchemy import Connection, Table, inspect
from sqlalchemy.schema import CreateIndex, CreateTable

from collector.correlation import Rules
from collector.correlation.signals import Unit
from collector.log import EventLog, reading
from collector.projections.tables import CONTENT, REBUILT, metadata, shape


def digest(connection: Connection) -> str:
    """What stands for the shape this version works with, on this kind of database."""
    said = [CONTENT, _packed(msgspec.json.schema(Unit))]
    for table in metadata.sorted_tables:
        said.append(str(CreateTable(table).compile(dialect=connection.dialect)))
        said += sorted(str(CreateIndex(index).compile(dialect=connection.dialect)) for index in table.indexes)
    return sha256("\n".join(said).encode()).hexdigest()


def rules_digest(rules: Rules) -> str:
    """What stands for the rules that grouped what lies in the lists."""
    return sha256(msgspec.json.encode(rules, order="sorted")).hexdigest()


def fits(connection: Connection) -> bool:
    """Whether what lies in the database can be read and gone on with."""
    if not inspect(connection).has_table(shape.name):
        return False
    return bool(connection.exec_driver_sql("SELECT digest FROM shape").scalar() == digest(connection))


def fit(connection: Connection) -> bool:
    """Drop what has another shape and make it anew, to be read from the log's beginning.

    Whether there was anything before. Within the caller's transaction; the follower alone does it.
    """
    known = set(inspect(connection).get_table_names())
    used = "cursor" in known and connection.exec_driver_sql("SELECT 1 FROM cursor").first() is not None
    stale = [table for table in metadata.sorted_tables if table in REBUILT or not _same(connection, table, known)]
    metadata.drop_all(connection, tables=stale)
    metadata.create_all(connection)
    # Without a number of its own the follower takes them from the log.
    if connection.exec_driver_sql("SELECT 1 FROM incident_number").first() is not None:
        empty(connection)
    connection.exec_driver_sql("DELETE FROM shape")
    connection.exec_driver_sql(f"INSERT INTO shape VALUES (1, '{digest(connection)}')")  # noqa: S608 - hexadecimal
    return used


def fitted(connection: Connection) -> None:
    """:func:`fit`, where it is needed."""
    if not fits(connection):
        fit(connection)


def emptied(connection: Connection) -> None:
    """:func:`empty`, or :func:`fit` where what is there cannot be gone on with."""
    if fits(connection):
        empty(connection)
    else:
        fit(connection)


def empty(connection: Connection) -> None:
    """Forget everything but the numbers, so that the log is read again from its beginning, quietly."""
    for table in REBUILT:
        connection.exec_driver_sql(f"DELETE FROM {table.name}")  # noqa: S608 - names of ours
    connection.exec_driver_sql("UPDATE incident_number SET goes_by = NULL")
    settled = "SELECT coalesce(max(number), 0) + 1 FROM incident_number"
    head = reading.head(connection)
    connection.exec_driver_sql(f"INSERT INTO cursor VALUES (1, 0, {head}, ({settled}), '')")  # noqa: S608 - ours


def remaking(connection: Connection) -> str:
    """How far the lists are where they are being made anew out of the log; empty where they are not.

    Until then an incident may lack what is known of it, and a number may stand for none.
    """
    row = connection.exec_driver_sql("SELECT position, quiet FROM cursor").one_or_none()
    if row is None or row[0] >= row[1]:
        return ""
    return f"they are being made anew out of the log, {row[0]} of {row[1]} events so far"


async def mismatch(log: EventLog) -> str:
    """Why lists cannot be read now; empty where they can."""
    if await log.query(fits):
        return ""
    return "its lists are not those of this version; start the daemon of this version, which makes them"


def _same(connection: Connection, table: Table, known: set[str]) -> bool:
    """Whether a table that outlives a rebuild has the columns of ours."""
    if table.name not in known:
        return False
    found = [column["name"] for column in inspect(connection).get_columns(table.name)]
    return found == [column.name for column in table.columns]


def _packed(described: Any) -> str:
    """A description of packed values, without the words that are for people."""

    def bare(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: bare(one) for key, one in value.items() if key not in ("description", "title")}
        return [bare(one) for one in value] if isinstance(value, list) else value

    return msgspec.json.encode(bare(described), order="sorted").decode()
