"""The lists that earlier versions kept in the log's own file: dropped, since nobody cleans them after an erasure.

Once, when a daemon of this version writes to the file for the first time. The
pages they took are free for the log to use; what stood on them is gone with the
next erasure, which writes the file anew.
"""

from __future__ import annotations

from sqlalchemy import Connection, MetaData, Table, inspect
from sqlalchemy.schema import DropTable

_TABLES = (
    "shape", "cursor", "event_index", "event_unit", "influence", "signal", "signal_key", "membership", "placement",
    "placement_due", "incident", "incident_number", "incident_key", "incident_news", "lesson", "ignored", "set_aside",
    "outbox",
)  # fmt: skip
"""As the last version named them that kept them there. None of them is a table of the log's."""


def has_former(connection: Connection) -> bool:
    """Whether there are any, on a connection to the log."""
    return bool(_present_tables(connection))


def _present_tables(connection: Connection) -> set[str]:
    return set(inspect(connection).get_table_names()) & set(_TABLES)


def drop_former(connection: Connection) -> bool:
    """Drop them, on the connection that writes to the log; whether there were any."""
    tables = _present_tables(connection)
    # To write over each of their pages would keep senders waiting for as long as it takes to copy them.
    connection.exec_driver_sql("PRAGMA secure_delete = OFF")
    for table in sorted(tables):
        connection.execute(DropTable(Table(table, MetaData())))
    connection.exec_driver_sql("PRAGMA secure_delete = ON")
    return bool(tables)
