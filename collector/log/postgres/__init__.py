"""The back end on PostgreSQL: one log for several daemons.

``collector.schema.postgresql`` is what the database itself keeps to;
``connecting`` gets a connection that may be trusted, ``sessions`` one for work
that is written as if it waited, ``waking`` is how one daemon hears of another;
``log`` puts them together. What is stored is decided by ``collector.log.appending``,
as on SQLite.
"""

from collector.log.postgres.log import PostgresLog, schema_of, upgrade

__all__ = ["PostgresLog", "schema_of", "upgrade"]
