"""What the database lets this process do; a file lets its owner do all of it."""

from __future__ import annotations

from sqlalchemy import Connection, func, select

_REMOVES = select(func.has_table_privilege("content", "DELETE"), func.current_user())


def missing_to_remove(connection: Connection) -> str:
    """What to grant so that content can be removed (erasure, retention); empty where it can be."""
    if connection.dialect.name == "sqlite":
        return ""
    may, user = connection.execute(_REMOVES).one()
    if may:
        return ""
    return f"{user} may not remove content; as a superuser: GRANT timelined_erasure TO {user} (docs/postgresql.md)"
