"""Whether the projections in a database have the shape this version works with, and giving it to them.

Projections are never migrated. The shape (the tables, and what is packed into
their columns) has a digest that the database keeps, with the identity of the
log that they are of; where these differ from ours, or the log has not the
event they were followed up to, they are dropped and made again out of the log.
Numbers of incidents outlive that as they outlive a rebuild: in their table
where that one did not change, else in our own ``incident.opened`` events.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from typing import Any

import msgspec
from sqlalchemy import Connection, Table, inspect
from sqlalchemy.schema import CreateIndex, CreateTable

from collector.correlation import Rules
from collector.correlation.signals import Unit
from collector.log import queries
from collector.projections.tables import CONTENT, REBUILT, cursor, metadata, put, shape
from collector.proof import lost

_DIGESTS: dict[tuple[Any, ...], str] = {}


def digest(connection: Connection) -> str:
    """What stands for the shape this version works with, on this kind of database."""
    key = (connection.dialect.name, CONTENT, Unit, metadata)
    if key not in _DIGESTS:
        described = [CONTENT, _packed(msgspec.json.schema(Unit))]
        for table in metadata.sorted_tables:
            described.append(str(CreateTable(table).compile(dialect=connection.dialect)))
            indexes = (str(CreateIndex(index).compile(dialect=connection.dialect)) for index in table.indexes)
            described += sorted(indexes)
        _DIGESTS[key] = sha256("\n".join(described).encode()).hexdigest()
    return _DIGESTS[key]


def rules_digest(rules: Rules) -> str:
    """What stands for the rules that grouped what lies in the lists."""
    return sha256(msgspec.json.encode(rules, order="sorted")).hexdigest()


def fits(connection: Connection) -> bool:
    """Whether what lies in the database can be read and gone on with: of this shape, and of this log."""
    if not inspect(connection).has_table(shape.name):
        return False
    row = connection.exec_driver_sql("SELECT * FROM shape").one_or_none()
    return row is not None and tuple(row)[1:] == (digest(connection), _log(connection))


def goes_on(connection: Connection) -> bool:
    """Whether the log still has the event that the lists were followed up to; one that lost events has not."""
    row = connection.exec_driver_sql("SELECT position, leaf FROM cursor").one_or_none()
    return row is None or bytes(row[1]) == leaf_at(connection, row[0])


def leaf_at(connection: Connection, position: int) -> bytes:
    """The leaf of the event at a position; nothing where there is none."""
    found = connection.exec_driver_sql("SELECT leaf FROM event WHERE position = ?", (position,)).scalar()
    return bytes(found or b"")


def _log(connection: Connection) -> str:
    return lost.identity(connection).hex()


def fit(connection: Connection) -> bool:
    """Drop what has another shape, or is of another log, and make it anew, to be read from the log's beginning.

    Whether there was anything before. Within the caller's transaction; the follower alone does it.
    """
    with _beside(connection):
        known = set(inspect(connection).get_table_names())
        used = "cursor" in known and connection.exec_driver_sql("SELECT 1 FROM cursor").first() is not None
        same = _same(connection, cursor, known)
    # What says which log this is lies in the log's own schema.
    ours = _ours(connection, known, same=same)
    with _beside(connection):
        stale = [t for t in metadata.sorted_tables if t in REBUILT or not (ours and _same(connection, t, known))]
        metadata.drop_all(connection, tables=stale)
        metadata.create_all(connection)
    # Without a number of its own the follower takes them from the log.
    if connection.exec_driver_sql("SELECT 1 FROM incident_number LIMIT 1").first() is not None:
        empty(connection)
    connection.exec_driver_sql("DELETE FROM shape")
    connection.exec_driver_sql("INSERT INTO shape VALUES (1, ?, ?)", (digest(connection), _log(connection)))
    return used


def _ours(connection: Connection, known: set[str], *, same: bool) -> bool:
    """Whether numbers that lie here are of this log as it is; ``same``: whether the cursor can be read."""
    if not {"shape", "cursor"} <= known:
        return True
    row = connection.exec_driver_sql("SELECT * FROM shape").one_or_none()
    if row is None or (len(row) == len(shape.columns) and row[2] != _log(connection)):
        return row is None
    return not same or goes_on(connection)


@contextmanager
def _beside(connection: Connection) -> Iterator[None]:
    """Have what is made in the block made in the lists' own schema, where one database holds the log as well."""
    if connection.dialect.name == "sqlite":
        yield
        return
    path = connection.exec_driver_sql("SHOW search_path").scalar_one()
    lists = connection.exec_driver_sql("SELECT quote_ident(current_schema() || '_incidents')").scalar_one()
    connection.exec_driver_sql(f"SET LOCAL search_path TO {lists}, pg_temp")
    yield
    connection.exec_driver_sql("SELECT set_config('search_path', ?, true)", (path,))


def fitted(connection: Connection) -> None:
    """:func:`fit`, where it is needed."""
    if not (fits(connection) and goes_on(connection)):
        fit(connection)


def emptied(connection: Connection) -> None:
    """:func:`empty`, or :func:`fit` where what is there cannot be gone on with."""
    if fits(connection) and goes_on(connection):
        empty(connection)
    else:
        fit(connection)


def empty(connection: Connection) -> None:
    """Forget everything but the numbers, so that the log is read again from its beginning, quietly."""
    for table in REBUILT:
        connection.exec_driver_sql(f"DELETE FROM {table.name}")  # noqa: S608 - names of ours
    connection.exec_driver_sql("UPDATE incident_number SET goes_by = NULL")
    settled = connection.exec_driver_sql("SELECT coalesce(max(number), 0) + 1 FROM incident_number").scalar_one()
    put(connection, cursor, [(1, 0, queries.head(connection), settled, "", b"")])


def remaking(connection: Connection) -> str:
    """How far the lists are where they are being made anew out of the log; empty where they are not.

    Until then an incident may lack what is known of it, and a number may stand for none.
    """
    row = connection.exec_driver_sql("SELECT position, quiet, settled FROM cursor").one_or_none()
    if row is None or (row[0] >= row[1] and not row[2]):
        return ""
    return f"they are being made anew out of the log, {min(row[0], row[1])} of {row[1]} events so far"


def unusable(connection: Connection) -> str:
    """Why lists cannot be read now; empty where they can."""
    if not fits(connection):
        return "its lists are not those of this version and this log; start the daemon, which makes them"
    if not goes_on(connection):
        return "its lists are of events that the log has not; start the daemon, which makes them anew"
    return ""


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
