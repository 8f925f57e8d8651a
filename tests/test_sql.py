"""Statements as expressions: for many values, in an order of joins, and over tables of which some rows are hidden."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Column, Connection, Integer, MetaData, Table, bindparam, create_engine, insert, select
from sqlalchemy.dialects import postgresql, sqlite

from collector.storage.sql import AMONG, Shadowed, in_order, select_among

_schema = MetaData()
_thing = Table("thing", _schema, Column("number", Integer, primary_key=True), Column("of", Integer))
_other = Table("other", _schema, Column("number", Integer, primary_key=True))
_AMONG = select(_thing.c.number).where(_thing.c.number.in_(AMONG), _thing.c.of == bindparam("wanted"))


@pytest.fixture
def connection() -> Iterator[Connection]:
    """A thousand things, of which every other one is of 1."""
    engine = create_engine("sqlite://")
    with engine.connect() as opened:
        _schema.create_all(opened)
        opened.execute(insert(_thing), [{"number": number, "of": number % 2} for number in range(1, 1001)])
        yield opened
    engine.dispose()


def test_a_statement_takes_any_number_of_values(connection: Connection) -> None:
    """One, some that fill no chunk, and more than a statement takes; other names keep their own values."""
    for size in (0, 1, 3, 700, 1000):
        numbers = list(range(1, size + 1))
        for remainder in (0, 1):
            rows = select_among(connection, _AMONG, numbers, {"wanted": remainder})
            assert sorted({row.number for row in rows}) == [n for n in numbers if n % 2 == remainder]


def test_sqlite_joins_in_the_order_that_is_given() -> None:
    """What SQLite would turn round for fewer rows stays as it is; PostgreSQL plans by itself."""
    third = _other.alias("third")
    tables = in_order(_thing, (_other, _other.c.number == _thing.c.of), (third, third.c.number == _other.c.number))
    statement = select(_thing.c.number).select_from(tables)
    assert str(statement.compile(dialect=sqlite.dialect())).count(" CROSS JOIN ") == 2
    elsewhere = postgresql.dialect()  # type: ignore[no-untyped-call]
    assert "CROSS" not in str(statement.compile(dialect=elsewhere))


def test_what_is_hidden_is_in_no_statement(connection: Connection) -> None:
    """Whether a statement is text or an expression, for one value or for many, and however its rows are taken."""
    tables = {"thing": "SELECT * FROM main.thing WHERE number NOT IN (SELECT number FROM hidden)"}
    shadowed = Shadowed(connection, tables, "hidden (number) AS (SELECT ?)", (3,))
    statement = select(_thing.c.number).where(_thing.c.number <= bindparam("most")).order_by(_thing.c.number)
    assert list(shadowed.execute(statement, {"most": 4}).scalars()) == [1, 2, 4]
    assert list(shadowed.scalars(statement, {"most": 4})) == [1, 2, 4]
    assert shadowed.scalar(select(_thing.c.number).where(_thing.c.number == 3)) is None
    assert list(shadowed.exec_driver_sql("SELECT number FROM thing WHERE number <= ?", (4,)).scalars()) == [1, 2, 4]
    assert {row.number for row in select_among(shadowed, _AMONG, [1, 3, 5], {"wanted": 1})} == {1, 5}
    assert list(connection.execute(statement, {"most": 4}).scalars()) == [1, 2, 3, 4]
