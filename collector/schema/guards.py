"""What guards the log inside its database, held to what the schema says: triggers, functions, indexes, by their text.

A database obeys whoever may alter it. A trigger with ``RAISE(IGNORE)``, a rule
with ``DO INSTEAD NOTHING`` or a table that ignores conflicts would have a
commit succeed that stored nothing; a unique index more would refuse what is
right; an unlogged table is empty after a crash of its server. So each object of
the log's own tables has to be the one that the revisions made, no other may be
there, and no trigger at all that is not ours, on whatever table. What other
tables hold is nobody's business here, and they may come and go while they are
looked at.

Every start asks (:func:`refuse_foreign`), and so does ``timelined verify``.
"""

from __future__ import annotations

import functools
import re
import sqlite3
from collections import Counter
from collections.abc import Iterator, Mapping
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

from sqlalchemy import Connection

from collector.errors import LogDamaged
from collector.schema import migrations, tables
from collector.schema.migrations.statements import plain

_SQL = "SELECT type, name, tbl_name, sql FROM sqlite_master WHERE sql IS NOT NULL"
_TABLES = frozenset(tables.metadata.tables)
_VERBS = {"trigger": "changes are no longer refused", "index": "rows may be doubled", "table": "rows may be lost"}


def differing(connection: Connection) -> list[str]:
    """What is missing, altered or foreign, one sentence each; empty where all is as this version's schema says."""
    if migrations.schema(connection).revision != migrations.HEAD:
        # Another version's: it is upgraded, or only read.
        return []
    return list(_sqlite(connection) if connection.dialect.name == "sqlite" else _postgresql(connection))


def refuse_foreign(connection: Connection) -> None:
    """Raises :class:`LogDamaged`, naming the first of what differs."""
    if differences := differing(connection):
        more = f", and {len(differences) - 1} more" if len(differences) > 1 else ""
        raise LogDamaged(
            f"cannot write to this log: {differences[0]}{more}; timelined verify names all of them. Remove "
            "what is foreign; for what is missing or altered, restore a backup (docs/backup.md), or on PostgreSQL run "
            "timelined db upgrade as the owner"
        )


# --- SQLite -----------------------------------------------------------------------------------------------------------


def _sqlite(connection: Connection) -> Iterator[str]:
    existing = {(row[0], row[1]): (row[2], plain(row[3])) for row in connection.exec_driver_sql(_SQL)}
    expected = schema_objects()
    for (kind, name), (table, sql) in expected.items():
        if (kind, name) not in existing:
            yield f"the {kind} {name} is gone: {_VERBS[kind]}"
        elif existing[kind, name] != (table, sql):
            yield f"the {kind} {name} is not as it was made: {_VERBS[kind]}"
    for (kind, name), (table, _) in existing.items():
        if (kind, name) not in expected and (kind == "trigger" or (kind == "index" and table in _TABLES)):
            yield f"the {kind} {name} on {table} is not timelined's"


@functools.cache
def schema_objects() -> Mapping[tuple[str, str], tuple[str, str]]:
    """Everything that the revisions make in an empty SQLite file: kind and name, and table and text."""
    from collector.schema.migrations import versions

    fresh = sqlite3.connect(":memory:")
    try:
        for found in sorted(iter_modules(versions.__path__), key=lambda module: module.name):
            for statement in _statements(import_module(f"{versions.__name__}.{found.name}")):
                fresh.execute(statement)
        return {(kind, name): (table, plain(sql)) for kind, name, table, sql in fresh.execute(_SQL)}
    finally:
        fresh.close()


def _statements(revision: Any) -> tuple[str, ...]:
    """A revision's statements for SQLite, but for those that copy rows."""
    found: tuple[str, ...] = getattr(revision, "SQLITE", ()) or (*revision.BEFORE, *revision.AFTER)
    return found


# --- PostgreSQL -------------------------------------------------------------------------------------------------------

_OURS = ", ".join(f"'{name}'" for name in sorted(_TABLES))
# The server fails over the definition of what is dropped meanwhile, so it is asked for those of the log's tables alone.
_THERE = {
    "trigger": f"""SELECT tgname, relname, tgenabled IN ('O', 'A'),
            CASE WHEN relname IN ({_OURS}) THEN pg_get_triggerdef(t.oid, true) ELSE '' END
        FROM pg_trigger t JOIN pg_class c ON c.oid = tgrelid
        WHERE relnamespace = to_regnamespace(quote_ident(current_schema())) AND NOT tgisinternal""",  # noqa: S608 - names of ours
    "function": """SELECT proname, 'the schema', prosecdef, prosrc FROM pg_proc
        WHERE pronamespace = to_regnamespace(quote_ident(current_schema()))""",
    "index": f"""SELECT i.relname, c.relname, indisvalid, pg_get_indexdef(i.oid) FROM pg_index x
        JOIN pg_class i ON i.oid = indexrelid JOIN pg_class c ON c.oid = indrelid
        WHERE c.relnamespace = to_regnamespace(quote_ident(current_schema())) AND (indisunique OR indisexclusion)
            AND c.relname IN ({_OURS})""",  # noqa: S608 - names of ours
    "rule": """SELECT rulename, relname, true, '' FROM pg_rewrite JOIN pg_class c ON c.oid = ev_class
        WHERE relnamespace = to_regnamespace(quote_ident(current_schema()))""",
    "row-level security": """SELECT relname, relname, true, '' FROM pg_class
        WHERE relnamespace = to_regnamespace(quote_ident(current_schema())) AND relrowsecurity""",
}  # fmt: skip
_UNLOGGED = f"""SELECT relname FROM pg_class WHERE relpersistence <> 'p'
        AND relnamespace = to_regnamespace(quote_ident(current_schema())) AND relname IN ({_OURS})
    ORDER BY relname"""  # noqa: S608 - names of ours
_TRIGGER = re.compile(r"CREATE (?:OR REPLACE )?TRIGGER (\S+)\s+BEFORE (.+?) ON (\S+)\s+(.+)", re.DOTALL)
_INDEX = re.compile(r"CREATE UNIQUE INDEX (\S+) ON (\S+) (?:USING btree )?(\(.*)", re.DOTALL)
_LOOSE = re.compile(r'[\s()"]')


def _postgresql(connection: Connection) -> Iterator[str]:
    # Only where its driver is installed.
    from collector.schema import postgresql

    expected = {
        "trigger": dict(map(_trigger, postgresql.TRIGGERS)),
        "function": postgresql.functions(connection.exec_driver_sql("SELECT current_schema()").scalar_one()),
        "index": _unique(),
    }
    for kind, statement in _THERE.items():
        yield from _compared(kind, connection.exec_driver_sql(statement).all(), expected.get(kind, {}))
    for name in connection.exec_driver_sql(_UNLOGGED).scalars():
        yield f"the table {name} is unlogged: a crash of the server empties it (ALTER TABLE {name} SET LOGGED)"


def _compared(kind: str, rows: Any, expected: Mapping[str, tuple[bool, str]]) -> Iterator[str]:
    seen_names: set[str] = set()
    several = Counter(row[0] for row in rows)
    for name, table, holds, text in rows:
        if name not in expected:
            if kind == "trigger" or (kind != "function" and table in _TABLES):
                yield f"the {kind} {name} on {table} is not timelined's"
            continue
        if several[name] > 1 and name not in seen_names:
            yield f"there are {several[name]} of the {kind} {name}"
        elif several[name] == 1 and (holds, _read(kind, text)) != expected[name]:
            effect = _VERBS.get(kind, "nothing can be stored")
            yield f"the {kind} {name} is not as it was made, or is disabled: {effect}"
        seen_names.add(name)
    for name in sorted(expected.keys() - seen_names):
        yield f"the {kind} {name} is gone or disabled: {_VERBS.get(kind, 'nothing can be stored')}"


def _read(kind: str, text: str) -> str:
    """What a definition says, however the server writes it."""
    if kind == "trigger":
        return _trigger(text)[1][1]
    return _index(text)[1][1] if kind == "index" else text


def _trigger(statement: str) -> tuple[str, tuple[bool, str]]:
    """A trigger's name, that it is enabled, and what it does."""
    match = _TRIGGER.fullmatch(statement)
    if match is None:
        return "", (True, statement)
    name, verbs, table, rest = match.groups()
    when = " or ".join(sorted(verbs.upper().split(" OR ")))
    return name, (True, f"{when} on {table.rpartition('.')[2]} {_LOOSE.sub('', rest).lower()}")


def _index(statement: str) -> tuple[str, tuple[bool, str]]:
    """The same for a unique index."""
    match = _INDEX.fullmatch(statement)
    if match is None:
        return "", (True, statement)
    name, table, columns = match.groups()
    return name, (True, f"{table.rpartition('.')[2]} {_LOOSE.sub('', columns).lower()}")


def _unique() -> dict[str, tuple[bool, str]]:
    """The unique indexes of the log's tables: their keys, and those that say so."""
    indexes = {}
    for table in tables.metadata.sorted_tables:
        keys = [(f"{table.name}_pkey", table.primary_key.columns)]
        keys += [(str(index.name), index.columns) for index in table.indexes if index.unique]
        for name, columns in keys:
            indexes[name] = (True, f"{table.name} {','.join(column.name for column in columns)}")
    return indexes
