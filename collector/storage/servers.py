"""Which server a connection is to: after a failover an address of several hosts does not say it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection

_SERVER = """SELECT coalesce(host(inet_server_addr()) || ':' || inet_server_port(), 'local socket'),
    (SELECT system_identifier::text FROM pg_control_system()),
    CASE WHEN pg_is_in_recovery() THEN (SELECT timeline_id FROM pg_control_checkpoint())
         ELSE ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::integer END"""
"""A promoted server writes to its new timeline at once, and says so in a checkpoint only later."""


def described(connection: Connection) -> dict[str, Any]:
    """``server``: its address and system identifier; ``timeline``: which history of it. Both None for a file."""
    if connection.dialect.name == "sqlite":
        return {"server": None, "timeline": None}
    address, system, timeline = connection.exec_driver_sql(_SERVER).one()
    return {"server": f"{address}, system {system}", "timeline": int(timeline)}
