"""What SQLAlchemy compiles, once in a process of tests.

It keeps compiled statements for each engine by itself. A daemon has few engines
for as long as it runs; tests open a log of their own each, and half of the
processor time of opening one and reading it was compiling the same statements
again.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Engine, event


class _Statements(dict[Any, Any]):
    """Compiled statements by the kind of database that they are for, and not by the engine that asked first."""

    def get(self, key: Any, default: Any = None) -> Any:
        return super().get(_by_kind(key), default)

    def __setitem__(self, key: Any, compiled: Any) -> None:
        super().__setitem__(_by_kind(key), compiled)


def _by_kind(key: tuple[Any, ...]) -> tuple[Any, ...]:
    dialect, *statement = key
    return (dialect.name, dialect.driver, *statement)


_STATEMENTS = _Statements()


def share() -> None:
    """From now on, have all engines of this process compile into one place."""
    event.listen(Engine, "engine_connect", _have_ours)


def _have_ours(connection: Connection) -> None:
    connection.execution_options(compiled_cache=_STATEMENTS)
