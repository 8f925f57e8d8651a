"""Whether a log's head counts what is there."""

from __future__ import annotations

from sqlalchemy import Connection, func, select

from collector.errors import LogDamaged
from collector.schema.tables import event, head

_last = select(func.coalesce(func.max(event.c.position), 0)).scalar_subquery()
_COUNTED = select(head.c.position, _last.label("last"))


def check_head(connection: Connection) -> None:
    """Raises :class:`LogDamaged` where the last event is not the one that the head counts."""
    row = connection.execute(_COUNTED).one()
    if row.position != row.last:
        raise LogDamaged(
            f"cannot write to this log: its head says {row.position} events and the last one is {row.last}"
        )
