"""The statements that are run on any database, through SQLAlchemy or past it, as a test sees them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from sqlalchemy import event
from sqlalchemy.engine import Engine

from collector.storage import sql


@contextmanager
def seen(tell: Callable[[str, Any], None]) -> Iterator[None]:
    """Have each statement told, with its values, for the length of the block."""
    run, run_each = sql.run, sql.run_each

    def through(_: Any, __: Any, statement: str, values: Any, *___: Any) -> None:
        tell(statement, values)

    def past(driver: Any, statement: str, values: Any) -> Any:
        tell(statement, values)
        return run(driver, statement, values)

    def past_each(driver: Any, statement: str, rows: Any) -> None:
        tell(statement, list(rows))
        run_each(driver, statement, rows)

    event.listen(Engine, "before_cursor_execute", through)
    try:
        with patch.object(sql, "run", past), patch.object(sql, "run_each", past_each):
            yield
    finally:
        event.remove(Engine, "before_cursor_execute", through)
