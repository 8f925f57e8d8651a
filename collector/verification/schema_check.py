"""Whether a database is sound as such: what guards the log in it; of an SQLite file also its schema and its pages."""

from __future__ import annotations

from sqlalchemy import Connection

from collector.schema import guards
from collector.verification.scan import Scan, cause

_MOST = 20
"""Lines of SQLite's own check: what differs is named by its row in any case."""


def readable(connection: Connection, scan: Scan) -> bool:
    """Whether there is a schema to read rows by; whatever guards the log and is gone, altered or foreign differs."""
    try:
        differences = guards.differing(connection)
    except Exception as error:
        if connection.dialect.name != "sqlite":
            raise
        scan.differs("database", 0, f"SQLite cannot read its schema: {cause(error)}")
        return False
    for line in differences:
        scan.differs("database", 0, line)
    return True


def integrity(connection: Connection) -> list[str]:
    """What SQLite's own check of its file says: indexes lie. Empty where all is well, and on other databases."""
    if connection.dialect.name != "sqlite":
        return []
    try:
        messages = list(map(str, connection.exec_driver_sql(f"PRAGMA integrity_check({_MOST})").scalars()))
    except Exception as error:
        return [f"SQLite cannot check its file: {cause(error)}"]
    return messages if messages != ["ok"] else []
