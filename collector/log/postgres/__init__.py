"""The back end on PostgreSQL: one log for several daemons.

``collector.schema.postgresql`` is what the database itself keeps to;
``connecting`` gets a connection that may be trusted; ``batch`` and ``appender`` are the way in,
``sessions`` the threads of those who work on a connection, ``waking`` how one
daemon hears of another; ``log`` puts them together.
"""

from collector.log.postgres.log import PostgresLog, schema_of, upgrade

__all__ = ["PostgresLog", "schema_of", "upgrade"]
