"""The tables that the follower keeps: computed from events, safe to drop.

Only ``incident_number`` holds something that events in another order would
not give again; the daemon's own ``incident.opened`` events hold it too.

Statements are written once for every database: with ``?`` for values, and only
what SQLite and PostgreSQL both understand; only how many rows are written at
once (:func:`put`) is each one's own.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from functools import cache
from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    Index,
    LargeBinary,
    MetaData,
    Select,
    Table,
    bindparam,
    func,
    literal_column,
    select,
    text,
    union_all,
)

from collector.schema.partial import partial
from collector.schema.tables import Integer, Text
from collector.storage.sql import in_order, write_rows

metadata = MetaData()

_ARRAYS = {int: "bigint[]", str: "text[]", bytes: "bytea[]"}
CONTENT = "5"
"""Counted up when what is put into these tables changes without their shape showing it: then they are made anew."""

shape = Table(
    "shape",
    metadata,
    Column("one", Integer, primary_key=True, autoincrement=False),
    Column("digest", Text, nullable=False),
    Column("log", Text, nullable=False, comment="the identity of the log that they are of"),
    comment="which version's shape these tables have, and of which log they are; see shape.py",
)


cursor = Table(
    "cursor",
    metadata,
    Column("one", Integer, primary_key=True, autoincrement=False),
    Column("position", Integer, nullable=False),
    Column("quiet", Integer, nullable=False, comment="up to this position nothing is announced: it was before"),
    Column("settled", Integer, nullable=False, comment="while quiet: numbers below it were given out before"),
    Column("rules", Text, nullable=False, comment="a digest of the rules that grouped what is here"),
    Column("leaf", LargeBinary, nullable=False, comment="of the event at the position: the log must still have it"),
)

BLOCK_BITS = 11
"""Each event is put somewhere into the last block: the smaller that is, the fewer pages a round writes."""
BLOCK, ENDING = f"(position >> {BLOCK_BITS})", "(substr(id, 29))"
"""What citations are found by: 2,048 positions together, and the last four digits of an id."""

event_index = Table(
    "event_index",
    metadata,
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("id", Text, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("type", Text, nullable=False),
    Column("family", Text, nullable=False, comment="the type up to its dot"),
    Column("source", Text, nullable=False),
    Column("service", Text, comment="folded and aliased"),
    Column("entity", Text, nullable=False),
    Column("occurred_at", Integer, nullable=False),
    Column("received_at", Integer, nullable=False),
    Index("event_index_id", "id"),
    Index("event_index_family", "family", "occurred_at"),
    Index("event_index_service", "service"),
    Index("event_index_entity", "entity"),
    Index("event_index_kind", "source", "type", "position"),
    Index("event_index_ending", text(BLOCK), text(ENDING)),
)

event_kind = Table(
    "event_kind",
    metadata,
    Column("source", Text, primary_key=True),
    Column("type", Text, primary_key=True),
    Column("family", Text, nullable=False),
    sqlite_with_rowid=False,
    comment="the pairs of source and type that event_index has",
)

event_unit = Table(
    "event_unit",
    metadata,
    Column("event", Text, primary_key=True),
    Column("unit", Text, nullable=False),
    Column("fold", Text, nullable=False, comment="the entity it is folded into"),
    Index("event_unit_unit", "unit"),
    sqlite_with_rowid=False,
)

influence = Table(
    "influence",
    metadata,
    Column("fold", Text, primary_key=True),
    Column("event", Text, primary_key=True),
    Index("influence_event", "event"),
    sqlite_with_rowid=False,
)

signal = Table(
    "signal",
    metadata,
    Column("uid", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("opening", Integer, nullable=False),
    Column("fold", Text, nullable=False),
    Column("start", Integer, nullable=False),
    Column("last", Integer, nullable=False),
    Column("ended", Integer, nullable=False, comment="0 while an alert or a page is open"),
    Column("service", Text),
    Column("environment", Text),
    Column("events", Integer, nullable=False),
    Column("missed", Text, nullable=False, comment="why it joined nothing"),
    Column("body", LargeBinary, nullable=False),
    Index("signal_fold", "fold", "start"),
    Index("signal_start", "start"),
    partial("signal_last", "last", text("opening = 0")),
    partial("signal_open", "start", text("ended = 0")),
    partial("signal_missed", "start", text("missed <> ''")),
    comment="what is grouped as one: alert episodes, pages, deployments and everything else",
)

signal_key = Table(
    "signal_key",
    metadata,
    Column("key", Text, primary_key=True),
    Column("uid", Text, primary_key=True),
    Column("start", Integer, nullable=False),
    Column("cover", Integer, nullable=False),
    sqlite_with_rowid=False,
)

unjoined = Table(
    "unjoined",
    metadata,
    Column("reason", Text, primary_key=True),
    Column("events", Integer, nullable=False),
    sqlite_with_rowid=False,
    comment="how many events joined nothing; see unjoined.py",
)

membership = Table(
    "membership",
    metadata,
    Column("uid", Text, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("rule", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Index("membership_number", "number"),
    sqlite_with_rowid=False,
)

placement = Table(
    "placement",
    metadata,
    Column("uid", Text, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("rule", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Index("placement_number", "number"),
    sqlite_with_rowid=False,
    comment="what joined nothing by service or reference, and is shown to belong or to have followed all the same",
)

placement_due = Table(
    "placement_due",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    comment="incidents whose placements are to be decided again",
)

belongs = placement.c.rule != "follow_up"
"""Holds for a placement that makes something a part of an incident."""
member = union_all(
    select(membership.c.uid, membership.c.number, membership.c.rule, membership.c.reason),
    select(placement.c.uid, placement.c.number, placement.c.rule, placement.c.reason).where(belongs),
).subquery("member")
"""All that belongs to an incident, as a table of (uid, number, rule, reason)."""
ZERO: Any = literal_column("0")
NOTHING: Any = literal_column("''")
"""As an index of some rows has them in its condition: with a mark in their place no statement is known to meet it."""
joined_nothing = signal.c.missed != NOTHING
"""Holds for a signal that is in no incident."""


def _at(table: Table) -> Select[Any]:
    # SQLite would read all that belongs to any incident first.
    tables = in_order(
        event_index, (event_unit, event_unit.c.event == event_index.c.id), (table, table.c.uid == event_unit.c.unit)
    )
    return (
        select(table.c.number, event_index.c.position)
        .select_from(tables)
        .where(event_index.c.position.between(bindparam("first"), bindparam("last")))
    )


members_at = union_all(_at(membership), _at(placement).where(belongs)).subquery("member")
"""What belongs to an incident of the events from one position (``first``) to another: (number, position)."""

incident = Table(
    "incident",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("component", Integer, nullable=False),
    Column("key", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("started_at", Integer, nullable=False),
    Column("ended_at", Integer),
    Column("last_at", Integer, nullable=False),
    Column("services", Text, nullable=False, comment="JSON"),
    Column("environments", Text, nullable=False, comment="JSON"),
    Column("severity", Text),
    Column("lead", Text),
    Column("events", Integer, nullable=False),
    Column("low", Integer, nullable=False),
    Column("high", Integer, nullable=False),
    Index("incident_component", "component"),
    Index("incident_high", "high"),
    partial("incident_outlasted", "ended_at", text("ended_at > high")),
    Index("incident_started", "started_at"),
)

incident_number = Table(
    "incident_number",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("anchor", Text, nullable=False, comment="the event that it hangs on"),
    Column("goes_by", Integer, comment="itself; the number it became part of; nothing where its event opens nothing"),
    Index("incident_number_goes_by", "goes_by"),
)

incident_key = Table(
    "incident_key",
    metadata,
    Column("key", Text, primary_key=True),
    Column("number", Integer, primary_key=True),
    Index("incident_key_number", "number"),
    sqlite_with_rowid=False,
)

services_of = select(func.substr(incident_key.c.key, 9)).where(
    incident_key.c.number == bindparam("number"), incident_key.c.key.like("service:%")
)
"""The services of an incident (``number``), by the keys that it is found by."""

incident_news = Table(
    "incident_news",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("position", Integer, nullable=False, comment="of the latest revision of any of its events"),
)

ref_service = Table(
    "ref_service",
    metadata,
    Column("token", Text, primary_key=True),
    Column("service", Text, primary_key=True),
    Column("count", Integer, nullable=False),
    sqlite_with_rowid=False,
)

ignored = Table(
    "ignored",
    metadata,
    Column("event", Text, primary_key=True),
    Column("reason", Text, nullable=False),
    sqlite_with_rowid=False,
)

set_aside = Table(
    "set_aside",
    metadata,
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("event", Text, nullable=False),
    Column("error", Text, nullable=False, comment="its class"),
    Index("set_aside_event", "event"),
    comment="events that grouping could not take, and goes on without",
)

attempt = Table(
    "attempt",
    metadata,
    Column("one", Integer, primary_key=True, autoincrement=False),
    Column("first", Integer, nullable=False),
    Column("last", Integer, nullable=False),
    Column("tries", Integer, nullable=False, comment="how often the process that read these alone ended over it"),
    Column("life", Text, nullable=False, comment="of the daemon whose follower took it"),
    Column("ends", Integer, nullable=False, comment="how often a daemon ended over it, and the follower with it"),
    comment="the round that is about to be taken: a process that ends over it leaves it here",
)

outbox = Table(
    "outbox",
    metadata,
    Column("id", Text, primary_key=True),
    Column("body", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
    comment="the daemon's own events that are still to be appended",
)

REBUILT = (
    *(cursor, event_index, event_kind, event_unit, influence, signal, signal_key, unjoined),
    *(membership, incident_key, incident_news),
    *(placement, placement_due, ref_service, ignored, set_aside, attempt),
)
"""What a rebuild empties. Numbers stay, with what lists showed of them: one that was merged away still answers."""


def put(connection: Connection, table: Table, rows: Collection[tuple[Any, ...]], *, keep: bool = False) -> None:
    """Write whole rows, no two with the same key: in place of those that are there, or beside them with ``keep``.

    As text, made of the table's columns: for eight rows an expression takes two and a half times as long.
    """
    if not rows:
        return
    _write(connection, _putting(table, keep, together=_takes_columns(connection)), rows)


def remove(connection: Connection, rows: Collection[tuple[Any, ...]], *columns: Column[Any]) -> None:
    """Remove the rows of a table that have one of these values in these columns."""
    if rows:
        _write(connection, _removing(columns, _takes_columns(connection)), rows)


def _takes_columns(connection: Connection) -> bool:
    """To a server each row by itself is a message; it takes columns of rows at once."""
    return connection.dialect.name != "sqlite"


def _write(connection: Connection, statement: str, rows: Collection[tuple[Any, ...]]) -> None:
    if _takes_columns(connection):
        connection.exec_driver_sql(statement, tuple([list(column) for column in zip(*rows, strict=True)]))
    else:
        write_rows(connection, statement, rows)


@cache
def _putting(table: Table, keep: bool, together: bool) -> str:
    keys = [column.name for column in table.primary_key]
    rest = [column.name for column in table.columns if column.name not in keys]
    if keep or not rest:
        conflict = "DO NOTHING"
    else:
        conflict = f"({', '.join(keys)}) DO UPDATE SET " + ", ".join(f"{name} = excluded.{name}" for name in rest)
    marks = ", ".join("?" * len(table.columns))
    if together:
        return f"INSERT INTO {table.name} SELECT * FROM {_unnested(table.columns)} ON CONFLICT {conflict}"  # noqa: S608
    return f"INSERT INTO {table.name} VALUES ({marks}) ON CONFLICT {conflict}"  # noqa: S608 - names of ours


@cache
def _removing(columns: tuple[Column[Any], ...], together: bool) -> str:
    (table,) = {column.table.name for column in columns}
    names = [column.name for column in columns]
    if together:
        same = " AND ".join(f"{table}.{name} = gone.{name}" for name in names)
        return f"DELETE FROM {table} USING {_unnested(columns)} AS gone ({', '.join(names)}) WHERE {same}"  # noqa: S608
    return f"DELETE FROM {table} WHERE {' AND '.join(f'{name} = ?' for name in names)}"  # noqa: S608 - names of ours


def _unnested(columns: Iterable[Column[Any]]) -> str:
    return f"unnest({', '.join(f'CAST(? AS {_ARRAYS[column.type.python_type]})' for column in columns)})"
