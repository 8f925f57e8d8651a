"""Statements with many values, on an open connection to either kind of database."""

from __future__ import annotations

import re
import sqlite3
from collections import namedtuple
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import cache
from itertools import count
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from sqlalchemy import (
    ClauseElement,
    ColumnElement,
    Connection,
    Engine,
    Executable,
    FromClause,
    Join,
    Table,
    bindparam,
    event,
    insert,
)
from sqlalchemy.dialects import sqlite
from sqlalchemy.ext.compiler import compiles

_CHUNK = 512
"""Values in one statement; a statement takes 32,766 parameters at most."""
_ASKED = 256
"""Questions put in one statement."""
_SQLITE = sqlite.dialect()

Execute = Callable[..., Any]
"""Runs a statement with its values; the answer can be iterated, and has ``fetchone``."""


AMONG: Any = bindparam("among", expanding=True)
"""Stands in a statement for the values of :func:`select_among`."""


def select_among(
    connection: Connection, statement: Executable, values: Sequence[Any], parameters: Mapping[str, Any] = {}
) -> Iterator[Any]:
    """Rows of a statement with :data:`AMONG` standing for these values, chunk by chunk; ``parameters`` for other names.

    Chunks are filled up as those of :func:`select_in` are. The statement is one that stays: it is compiled once for
    each size of them. SQLAlchemy would write the marks into it anew each time, which for 512 values takes longer than
    what is asked for.
    """
    driver = _plain(connection)
    for some in _chunks(values):
        compiled = _compiled(connection, statement, len(some), parameters)
        among = zip(_marks(len(some)), some, strict=True)
        arguments = compiled.arguments({**parameters, **dict(among)})
        if driver is None:
            yield from connection.exec_driver_sql(compiled.text, arguments)
        else:
            yield from map(compiled.row, run(driver, compiled.text, arguments))


def each_row(connection: Connection, statement: Executable, values: Mapping[str, Any] = {}) -> Iterator[Any]:
    """The rows of a statement, each by its names, as they are taken. It is one that stays, with its values named.

    To SQLite past SQLAlchemy, which takes twelve times as long for a row by its key.
    """
    driver = _plain(connection)
    if driver is None:
        return iter(connection.execute(statement, values))
    compiled = _compiled(connection, statement, 0, values)
    return map(compiled.row, run(driver, compiled.text, compiled.arguments(values)))


def rows_of(connection: Connection, statement: Executable, values: Mapping[str, Any] = {}) -> list[Any]:
    """All of them."""
    return list(each_row(connection, statement, values))


def firsts_of(connection: Connection, statement: Executable, values: Mapping[str, Any] = {}) -> list[Any]:
    """The first column of each of these rows."""
    return [row[0] for row in each_row(connection, statement, values)]


def write_rows(connection: Connection, statement: str, rows: Collection[tuple[Any, ...]]) -> None:
    """Run a statement of SQLite's for each of these rows."""
    driver = _plain(connection)
    if driver is None:
        connection.exec_driver_sql(statement, list(rows))
    else:
        run_each(driver, statement, rows)


def run(driver: sqlite3.Connection, text: str, values: Sequence[Any]) -> sqlite3.Cursor:
    """Run one statement on the driver's own connection."""
    return driver.execute(text, values)


def run_each(driver: sqlite3.Connection, text: str, rows: Collection[tuple[Any, ...]]) -> None:
    """Run one statement there for each of these rows."""
    driver.executemany(text, rows)


def ask(driver: sqlite3.Connection, statement: ClauseElement) -> sqlite3.Cursor:
    """Run an expression on a connection of the driver's own: errors are the driver's, and no value is converted."""
    compiled: Any = statement.compile(dialect=_SQLITE)
    return driver.execute(str(compiled), [compiled.params[name] for name in compiled.positiontup])


def insert_rows(driver: sqlite3.Connection, table: Table, rows: Collection[tuple[Any, ...]]) -> None:
    """Add rows there, each with all columns in their order."""
    run_each(driver, str(insert(table).compile(dialect=_SQLITE)), rows)


class _Compiled(NamedTuple):
    """A statement as the driver takes it."""

    text: str
    names: Sequence[str]
    """Of its marks, in order."""
    constants: Mapping[str, Any]
    """What marks stand for where that is said in the statement."""
    row: Callable[[Sequence[Any]], Any]
    """Makes a row, by its names, of what the driver gives."""

    def arguments(self, values: Mapping[str, Any]) -> tuple[Any, ...]:
        """What its marks stand for, in order."""
        constants = self.constants
        return tuple([values[name] if name in values else constants[name] for name in self.names])


@cache
def _marks(count: int) -> tuple[str, ...]:
    """The names of the marks that stand for so many values of :data:`AMONG`."""
    return tuple([f"{AMONG.key}_{number}" for number in range(1, count + 1)])


_named: Callable[..., Any] = namedtuple
"""With the fields of a statement, which are not known here."""

_COMPILED: dict[tuple[Executable, str, int], _Compiled] = {}


def _compiled(connection: Connection, statement: Any, size: int, parameters: Mapping[str, Any]) -> _Compiled:
    """A statement for so many values."""
    key = (statement, connection.dialect.name, size)
    if key not in _COMPILED:
        compiled = statement.compile(dialect=connection.dialect)
        among = {AMONG.key: [None] * size} if size else {}
        expanded = compiled.construct_expanded_state({**parameters, **among})
        names = [str(getattr(column, "name", "")) for column in statement.selected_columns]
        row = _named("Row", names, rename=True)
        _COMPILED[key] = _Compiled(expanded.statement, expanded.positiontup, expanded.parameters, row._make)
    return _COMPILED[key]


def _plain(connection: Connection) -> sqlite3.Connection | None:
    """The driver's own connection, where nothing stands between it and who reads or writes here."""
    if isinstance(connection, Shadowed) or connection.dialect.driver != "pysqlite":
        return None
    return driver_of(connection)


def select_in(connection: Connection, statement: str, values: Sequence[Any]) -> Iterator[Any]:
    """Rows of ``statement`` with ``{}`` standing for these values, chunk by chunk.

    Chunks are filled up to a power of two by repeating the last value, so that the driver keeps a few prepared
    statements instead of one for each number of values.
    """
    return chunked(executing(connection), statement, values)


def chunked(execute: Execute, statement: str, values: Sequence[Any]) -> Iterator[Any]:
    """The same for who has :func:`executing` of a connection already."""
    for some in _chunks(values):
        yield from execute(statement.format(",".join("?" * len(some))), some)


def _chunks(values: Sequence[Any]) -> Iterator[tuple[Any, ...]]:
    for start in range(0, len(values), _CHUNK):
        some = tuple(values[start : start + _CHUNK])
        yield some + some[-1:] * ((1 << (len(some) - 1).bit_length()) - len(some))


def select_asked(
    connection: Connection, statement: str, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]
) -> Iterator[Any]:
    """Rows of ``statement``, which joins these as a table ``asked``; ``columns`` are its names, each with its type.

    On PostgreSQL one statement answers all of them, which come as columns. SQLite has no such thing: there they are
    rows, by chunks filled up to a power of two with NULL.
    """
    if not rows:
        return
    execute = executing(connection)
    names = ", ".join(column.split()[0] for column in columns)
    types = [column.split()[1] for column in columns]
    if connection.dialect.name != "sqlite":
        arrays = ", ".join(f"CAST(? AS {one}[])" for one in types)
        lists = tuple([list(column) for column in zip(*rows, strict=True)])
        whole = f"WITH asked ({names}) AS (SELECT * FROM unnest({arrays})) {statement}"  # noqa: S608 - names of ours
        yield from execute(whole, lists)
        return
    first = ",".join(f"CAST(? AS {one})" for one in types)
    more = ",({})".format(",".join("?" * len(columns)))
    for start in range(0, len(rows), _ASKED):
        some = rows[start : start + _ASKED]
        size = 1 << (len(some) - 1).bit_length()
        values = [value for row in some for value in row] + [None] * (len(columns) * (size - len(some)))
        yield from execute(f"WITH asked ({names}) AS (VALUES ({first}){more * (size - 1)}) {statement}", tuple(values))


def executing(connection: Connection) -> Execute:
    """Of a writer to SQLite the driver's own: to go past SQLAlchemy saves a tenth of a millisecond for each batch."""
    if isinstance(connection, Shadowed):
        return connection.exec_driver_sql
    return driver_of(connection).execute if connection.dialect.driver == "pysqlite" else connection.exec_driver_sql


def driver_of(connection: Connection) -> sqlite3.Connection:
    """The driver's own connection to SQLite."""
    driver = _DRIVERS.get(connection)
    if driver is None or connection.closed:
        driver = connection.connection.driver_connection
        assert isinstance(driver, sqlite3.Connection)  # noqa: S101 - connected
        _DRIVERS[connection] = driver
    return driver


_DRIVERS: WeakKeyDictionary[Connection, sqlite3.Connection] = WeakKeyDictionary()
"""To go down to it through SQLAlchemy takes as long as a statement."""


class OrderedJoin(Join):
    """A join that SQLite begins with its left side, however little it expects to find on the right one."""

    inherit_cache = True


@compiles(OrderedJoin)
def _as_any_join(join: OrderedJoin, compiler: Any, **options: Any) -> str:
    return str(compiler.visit_join(join, **options))


@compiles(OrderedJoin, "sqlite")
def _as_cross_join(join: OrderedJoin, compiler: Any, **options: Any) -> str:
    """In SQLite's words: what is joined by CROSS JOIN is never looked at in another order."""
    whole = str(compiler.visit_join(join, **options))
    left = str(compiler.process(join.left, **{**options, "asfrom": True}))
    return f"{left} CROSS{whole.removeprefix(left)}"


def in_order(first: FromClause, *others: tuple[FromClause, ColumnElement[bool]]) -> FromClause:
    """Tables, each joined on a condition to those before it, to be looked at in this order."""
    for other, condition in others:
        first = OrderedJoin(first, other, condition)
    return first


_SHADOW = "timelined_shadow"
"""The option of an execution that says behind which :class:`Shadowed` tables it is run."""


class Shadowed(Connection):
    """An open connection to read by, on which some tables have fewer rows than are stored.

    Each statement is run behind a definition of the tables that it names: what is read by a name is what was defined,
    whoever wrote the statement, and whether as text or as an expression.
    """

    def __init__(self, connection: Connection, tables: Mapping[str, str], base: str, values: Sequence[Any]) -> None:
        """``tables`` has a query for each name, ``base`` what those stand on, with ``values`` for its marks."""
        self._stored, self._tables, self._base, self._values = connection, tables, base, tuple(values)
        self.dialect = connection.dialect

    def __getattr__(self, name: str) -> Any:
        """What else there is of the connection."""
        return getattr(self._stored, name)

    def execute(self, statement: Any, parameters: Any = None, *, execution_options: Any = None) -> Any:
        """Run a query."""
        options = {**(execution_options or {}), _SHADOW: self}
        return self._stored.execute(statement, parameters, execution_options=options)

    def scalar(self, statement: Any, parameters: Any = None, *, execution_options: Any = None) -> Any:
        """The first column of the first row."""
        return self.execute(statement, parameters, execution_options=execution_options).scalar()

    def scalars(self, statement: Any, parameters: Any = None, *, execution_options: Any = None) -> Any:
        """The first column of each row."""
        return self.execute(statement, parameters, execution_options=execution_options).scalars()

    def exec_driver_sql(self, statement: str, parameters: Any = (), execution_options: Any = None) -> Any:
        """Run a query with a tuple of values."""
        options = {**(execution_options or {}), _SHADOW: self}
        return self._stored.exec_driver_sql(statement, tuple(parameters), options)

    def defined(self, statement: str, parameters: Any) -> tuple[str, Any]:
        """A statement as the driver is given it, behind the definitions that it needs."""
        names = [name for name in self._tables if re.search(rf"\b{name}\b", statement)]
        if not names:
            return statement, parameters
        definitions, values = self._base, (*self._values, *parameters)
        if "$1" in statement:
            # Marks with numbers are those of an expression for PostgreSQL: ours come after them.
            numbers = count(len(parameters) + 1)
            definitions = re.sub(r"\?", lambda mark: f"${next(numbers)}", definitions)
            values = (*parameters, *self._values)
        tables = ", ".join(f"{name} AS NOT MATERIALIZED ({self._tables[name]})" for name in names)
        rest = statement.lstrip()
        rest = f", {rest[5:]}" if rest.startswith("WITH ") else f" {rest}"
        return f"WITH {definitions}, {tables}{rest}", values


@event.listens_for(Engine, "before_cursor_execute", retval=True)
def _behind_definitions(
    connection: Connection, cursor: Any, statement: str, parameters: Any, context: Any, executemany: bool
) -> tuple[str, Any]:
    """Of every engine there is: a statement over a :class:`Shadowed` connection may not miss it."""
    shadow = context.execution_options.get(_SHADOW)
    return (statement, parameters) if shadow is None else shadow.defined(statement, parameters)
