"""A whole log between PostgreSQL and a file, row by row: the same identity, positions, leaves and roots.

What is exported is read in one transaction, so it is of one moment of the log, and it is a file like any other: a
daemon opens it, ``timelined backup verify`` tries it, and it can be imported again. What is imported goes into an empty
database in one transaction. Either side is verified as it was written before it counts: cut off, or found to differ,
nothing was done.

The lists are not taken along. The follower makes them anew out of the log, with the same numbers.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import Connection, NullPool, Select, Table, create_engine, literal, select, tuple_, update

from collector.backup import copying, older
from collector.backup.copying import (
    STATE,
    Backup,
    Progress,
    damaged,
    name_for_good,
    partial,
    reader,
    reading,
    refuse_existing,
    root_of_leaves,
    single_file,
    sound,
)
from collector.errors import InvalidInput, NotFound, Unavailable
from collector.files import sync
from collector.log import EventLog
from collector.proof.checkpoint import DELIVERIES, EVENTS
from collector.schema import guards, migrations, tables
from collector.storage.lock import holder
from collector.storage.sql import ask, insert_rows
from collector.verification.statements import LEAVES
from collector.verification.verify import Beyond, Verdict, verify

_ROWS = {"content": 100}
"""Rows that are read at a time: a content may be megabytes; …"""
_MANY = 5000
"""… of other tables there are more."""
_TABLES = ("event", "delivery", "content", "checkpoint", "repeat", "alert_end", "alert_text")

Query = Callable[[Select[Any]], list[tuple[Any, ...]]]
"""All rows of a statement, out of either kind of database."""


class _Numbers(NamedTuple):
    """The head row of a log."""

    position: int
    delivery: int
    content: int
    identity: bytes


_WORD = select(literal(1))
_HEAD = select(*(tables.head.c[name] for name in _Numbers._fields))


def _rows(query: Query, table: Table) -> Iterator[list[tuple[Any, ...]]]:
    """All rows of a table in the order of its key, some at a time, each with all columns in their order."""
    keys = tuple(table.primary_key.columns)
    positions = [list(table.columns).index(key) for key in keys]
    statement = select(table).order_by(*keys).limit(_ROWS.get(table.name, _MANY))
    rows = query(statement)
    while rows:
        yield rows
        last = [literal(rows[-1][position], key.type) for position, key in zip(positions, keys, strict=True)]
        rows = query(statement.where(tuple_(*keys) > tuple_(*last)))


def _all_rows(query: Query, total: int, progress: Progress) -> Iterator[tuple[Table, list[tuple[Any, ...]]]]:
    """All tables after each other."""
    copied = 0
    for table in (tables.metadata.tables[name] for name in _TABLES):
        for rows in _rows(query, table):
            yield table, rows
            copied += len(rows)
            progress("copying", min(copied, total), total)


# --- out of PostgreSQL ------------------------------------------------------------------------------------------------


async def export(store: EventLog, target: Path, progress: Progress = lambda what, done, of: None) -> Backup:
    """Write the whole log of a database to the file ``target``, while whoever appends to it goes on.

    Raises as :func:`collector.backup.backup`.
    """
    refuse_existing(target)
    try:
        with partial(target) as file:
            await store.query(lambda connection: _write(connection, file, progress))
            # The server ends a transaction in which nothing is asked for half a minute: none is open meanwhile.
            verdict = await asyncio.to_thread(_checked, file, progress)
            await store.query(lambda connection: _compared(connection, verdict))
            return _finish(file, target, verdict)
    except (OSError, sqlite3.Error) as error:
        raise Unavailable(f"cannot export to {target}: {getattr(error, 'strerror', None) or error}") from error


def _finish(written: Path, target: Path, verdict: Verdict) -> Backup:
    name_for_good(written, target)
    return Backup(target, verdict.size, verdict.root, target.stat().st_size)


def _write(source: Connection, target: Path, progress: Progress) -> None:
    head = _Numbers(*source.execute(_HEAD).one())
    _make(target)
    with closing(sqlite3.connect(target, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("BEGIN EXCLUSIVE")
        for table, rows in _all_rows(_asking(source), sum(head[:3]), progress):
            insert_rows(connection, table, rows)
        _set_head(connection, head)
        connection.execute("COMMIT")


def _asking(connection: Connection) -> Query:
    return lambda statement: list(map(tuple, connection.execute(statement)))


def _make(path: Path) -> None:
    """An empty log of this version's schema."""
    engine = create_engine("sqlite://", creator=lambda: sqlite3.connect(path, isolation_level=None), poolclass=NullPool)
    with engine.connect() as connection:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        migrations.upgrade(connection)
        connection.commit()


def _set_head(connection: sqlite3.Connection, head: _Numbers) -> None:
    """Go on from these numbers as the log of this identity, which an update of a log that is in use cannot say."""
    triggers = [name for kind, name in guards.schema_objects() if kind == "trigger" and name.startswith("head_")]
    for name in triggers:
        connection.execute(f"DROP TRIGGER {name}")
    ask(connection, update(tables.head).values(**head._asdict(), record=None))
    for statement in tables.TRIGGERS:
        if " ON head " in statement:
            connection.execute(statement)


def _checked(target: Path, progress: Progress) -> Verdict:
    """Have what was written be on the disk in a file by itself, and verify it."""
    with closing(sqlite3.connect(target, isolation_level=None)) as connection:
        head = _Numbers(*ask(connection, _HEAD).fetchone())
        single_file(connection)
    sync(target)
    with reading(target).connect() as copy:
        return sound(verify(copy, beyond=Beyond(), progress=_counting(progress, sum(head[:2]))))


def _compared(source: Connection, verdict: Verdict) -> None:
    """Hold the roots of what was written to the leaves that the source stores.

    Events may have come since, and contents may have gone: neither changes a leaf that was there.
    """
    for tree, size, root in (
        (EVENTS, verdict.size, verdict.root),
        (DELIVERIES, verdict.deliveries, verdict.deliveries_root),
    ):
        if root_of_leaves(_leaves(source, LEAVES[tree], size)) != root:
            raise damaged("the copy holds something else than the log does")


def _leaves(source: Connection, statement: Select[Any], size: int) -> Iterator[tuple[bytes]]:
    for after in range(0, size, _MANY):
        for _, leaf in source.execute(statement, {"after": after, "last": min(after + _MANY, size)}):
            yield (leaf,)


def _counting(progress: Progress, total: int) -> Callable[[int], None]:
    checked = 0

    def read(count: int) -> None:
        nonlocal checked
        checked = min(checked + count, total)
        progress("checking", checked, total)

    return read


# --- into PostgreSQL --------------------------------------------------------------------------------------------------


async def bring_in(source: Path, store: EventLog, progress: Progress = lambda what, done, of: None) -> Verdict:
    """Bring the log in a file into an empty database; what was found there, in the same transaction.

    Raises :class:`collector.errors.InvalidInput` where there is a log in the database, a daemon writes to the file, or
    a value of it cannot be stored there, :class:`collector.errors.NotFound` where there is no file, and
    :class:`collector.errors.LogDamaged` where the file contradicts itself.
    """
    _refuse_written(source)
    with older.verifiable(f"sqlite:///{source}") as (url, differences):
        if differences:
            raise damaged(f"{source} differs: {differences[0]}")
        path = Path(url.removeprefix("sqlite:///"))
        return await store.transact(lambda connection: _bring(path, connection, progress))


def _refuse_written(source: Path) -> None:
    if not source.is_file():
        raise NotFound(f"cannot import {source}: there is no such file")
    writing = holder(source)
    if writing is not None:
        raise InvalidInput(
            f"cannot import {source}: process {writing.pid} writes to it; stop it first, so that nothing stays behind"
        )


def _bring(source: Path, connection: Connection, progress: Progress) -> Verdict:
    from collector.log.postgres import copying as postgres  # only where its driver is installed

    postgres.refuse_used(connection)
    with closing(reader(source, "mode=ro")) as origin:
        # From here on this connection sees one moment of the log.
        origin.execute("BEGIN")
        head = _Numbers(*ask(origin, _HEAD).fetchone())
        for table, rows in _all_rows(lambda statement: ask(origin, statement).fetchall(), sum(head[:3]), progress):
            postgres.copy_in(connection, table.name, rows)
        postgres.set_head(connection, head._asdict())
        verdict = sound(verify(connection, beyond=Beyond(), progress=_counting(progress, sum(head[:2]))))
        stored = tuple(connection.execute(STATE).one())
        roots = [root_of_leaves(_with_keepalive(ask(origin, of), connection)) for of in copying.LEAVES]
        if (stored, [verdict.root, verdict.deliveries_root]) != (ask(origin, STATE).fetchone(), roots):
            raise damaged("the database holds something else than the file does")
    return verdict


def _with_keepalive(rows: sqlite3.Cursor, connection: Connection) -> Iterator[tuple[bytes]]:
    """The same rows, and a word to the server at times: it ends a transaction in which nothing is asked for long."""
    while some := rows.fetchmany(_MANY):
        connection.execute(_WORD)
        yield from some
