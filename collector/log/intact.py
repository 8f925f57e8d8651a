"""Whether an SQLite file is sound as such: its schema, its pages, and what refuses changes in it."""

from __future__ import annotations

from sqlalchemy import Connection

from collector.log import tables
from collector.log.scan import Scan, cause

_MOST = 20
"""Lines of SQLite's own check: what differs is named by its row in any case."""


def readable(connection: Connection, scan: Scan) -> bool:
    """Whether there is a schema to read rows by; a trigger that is gone is a difference."""
    if connection.dialect.name != "sqlite":
        return True
    try:
        there = set(connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'trigger'").scalars())
    except Exception as error:
        scan.differs("database", 0, f"SQLite cannot read its schema: {cause(error)}")
        return False
    for trigger in tables.TRIGGERS:
        name = trigger.removeprefix("CREATE TRIGGER IF NOT EXISTS ").partition(" ")[0]
        if name not in there:
            scan.differs("database", 0, f"the trigger {name} is gone: changes are no longer refused")
    return True


def integrity(connection: Connection) -> list[str]:
    """What SQLite's own check of its file says: indexes lie. Empty where all is well, and on other databases."""
    if connection.dialect.name != "sqlite":
        return []
    try:
        said = [str(row[0]) for row in connection.exec_driver_sql(f"PRAGMA integrity_check({_MOST})")]
    except Exception as error:
        return [f"SQLite cannot check its file: {cause(error)}"]
    return said if said != ["ok"] else []
