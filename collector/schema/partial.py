"""Indexes of those rows of a table that meet a condition, on both databases."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Index, TextClause
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.schema import CreateIndex


def partial(name: str, column: str, condition: TextClause) -> Index:
    """An index of a column, over the rows that meet a condition.

    The condition is a keyword of each dialect, and a table that has one takes the whole dialect in: PostgreSQL's is a
    fortieth of what a start over a file imports. So only SQLite's is given, and PostgreSQL gets it with the statement.
    """
    return Index(name, column, sqlite_where=condition)


@compiles(CreateIndex, "postgresql")
def _with_condition(create: CreateIndex, compiler: Any, **options: Any) -> str:
    index = create.element
    index.dialect_options["postgresql"]["where"] = index.dialect_options["sqlite"]["where"]
    statement: str = compiler.visit_create_index(create, **options)
    return statement
