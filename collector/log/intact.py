"""Whether a database is sound as such: what refuses changes in it; of an SQLite file also its schema and its pages."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from collector.log import tables
from collector.log.scan import Scan, cause

_TRIGGERS = {
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'trigger'",
    "postgresql": """SELECT tgname FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid
        WHERE relnamespace = to_regnamespace(quote_ident(current_schema())) AND NOT tgisinternal
        AND tgenabled IN ('O', 'A')""",
}
"""Those that fire."""
_MOST = 20
"""Lines of SQLite's own check: what differs is named by its row in any case."""


def readable(connection: Connection, scan: Scan) -> bool:
    """Whether there is a schema to read rows by; a trigger that is gone is a difference."""
    sqlite = connection.dialect.name == "sqlite"
    try:
        there = set(connection.exec_driver_sql(_TRIGGERS[connection.dialect.name]).scalars())
    except Exception as error:
        if not sqlite:
            raise
        scan.differs("database", 0, f"SQLite cannot read its schema: {cause(error)}")
        return False
    for name in _wanted(connection):
        if name not in there:
            how = "is gone" if sqlite else "is gone or disabled"
            scan.differs("database", 0, f"the trigger {name} {how}: changes are no longer refused")
    return True


def _wanted(connection: Connection) -> Sequence[str]:
    if connection.dialect.name != "sqlite":
        # Only where its driver is installed.
        from collector.log.postgres import schema

        return schema.TRIGGERS
    return [trigger.removeprefix("CREATE TRIGGER IF NOT EXISTS ").partition(" ")[0] for trigger in tables.TRIGGERS]


def integrity(connection: Connection) -> list[str]:
    """What SQLite's own check of its file says: indexes lie. Empty where all is well, and on other databases."""
    if connection.dialect.name != "sqlite":
        return []
    try:
        said = [str(row[0]) for row in connection.exec_driver_sql(f"PRAGMA integrity_check({_MOST})")]
    except Exception as error:
        return [f"SQLite cannot check its file: {cause(error)}"]
    return said if said != ["ok"] else []
