"""Statements are expressions of SQLAlchemy: which modules hold SQL as text, and why."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from collector.projections import metadata as lists
from collector.schema.tables import metadata as of_log
from tests.syntax import module_of

ROOT = Path(__file__).parents[1]

FAST = "hot: the module says what that saves"
FILE = "settings of a file or a session, and transactions: SQLAlchemy has no form for them"
CATALOG = "the server's or SQLite's own catalog, functions and locks"
SCHEMA = "makes tables, indexes, triggers, functions and rights, each as it stood then"
PUT_TOGETHER = "puts pieces of statements together that are text by then"

HOLDERS = {
    "collector/log/statements.py": FAST,
    "collector/projections/grouping_store.py": FAST,
    "collector/projections/tables.py": FAST,
    "collector/projections/privacy.py": PUT_TOGETHER,
    "collector/storage/sql.py": PUT_TOGETHER,
    "collector/backup/copying.py": FILE,
    "collector/backup/moving.py": FILE,
    "collector/backup/older.py": FILE,
    "collector/log/sqlite.py": FILE,
    "collector/projections/database.py": FILE,
    "collector/projections/former.py": FILE,
    "collector/projections/regrouped.py": FILE,
    "collector/projections/shape.py": FILE,
    "collector/storage/disk.py": FILE,
    "collector/storage/readers.py": FILE,
    "collector/storage/scrubbing.py": FILE,
    "collector/storage/transaction.py": FILE,
    "collector/verification/schema_check.py": FILE,
    "collector/log/postgres/connecting.py": CATALOG,
    "collector/log/postgres/log.py": CATALOG,
    "collector/log/postgres/waking.py": CATALOG,
    "collector/schema/guards.py": CATALOG,
    "collector/storage/servers.py": CATALOG,
    "collector/log/postgres/copying.py": SCHEMA,
    "collector/schema/migrations/running.py": SCHEMA,
    "collector/schema/postgresql.py": SCHEMA,
    "collector/schema/tables.py": SCHEMA,
}
VERSIONS = "collector/schema/migrations/versions/"
"""Each revision of the schema makes what it made when it was written."""

_SQL = re.compile(
    r"""\s*(
    SELECT\s | INSERT\ INTO\s | UPDATE\s\S+\sSET\s | DELETE\ FROM\s | WITH\s | VALUES\s | (CREATE|ALTER|DROP)\s[A-Z]
    | PRAGMA\s | (SET|SHOW)\s[A-Za-z] | (UN)?LISTEN\s | NOTIFY\s | BEGIN(\s[A-Z]+)?$ | COMMIT$ | ROLLBACK | SAVEPOINT\s
    | VACUUM | (AT|DE)TACH\s | GRANT\s | REVOKE\s | LOCK\s | REINDEX | DO\ \$\$ | COPY\s | TRUNCATE\s | ANALYZE
    )""",
    re.VERBOSE,
)
_ROWS = re.compile(rf"\b(FROM|JOIN|INTO|UPDATE)\s+({'|'.join([*of_log.tables, *lists.tables])})\b")
_FIGURE = re.compile(r"\d µs|times as long")


def texts(module: ast.Module) -> Iterator[str]:
    """The texts that a module holds, but for what describes it; of a text with values in it the first piece."""
    described = {id(node.value) for node in ast.walk(module) if isinstance(node, ast.Expr)}
    for node in ast.walk(module):
        if isinstance(node, ast.JoinedStr):
            described |= {id(piece) for piece in node.values[1:]}
    for node in ast.walk(module):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in described:
            yield node.value


def statements() -> dict[str, list[str]]:
    """Module → what it holds of SQL; of the revisions of the schema nothing."""
    by_module: dict[str, list[str]] = {}
    for path in sorted(ROOT.glob("collector/**/*.py")):
        name = str(path.relative_to(ROOT))
        sql = [text for text in texts(module_of(path.read_text("utf-8"))) if _SQL.match(text)]
        if sql and not name.startswith(VERSIONS):
            by_module[name] = sql
    return by_module


def test_no_module_holds_sql_as_text_without_a_reason() -> None:
    """What is new is written as an expression, or named here with the reason why it is not."""
    assert sorted(statements()) == sorted(HOLDERS)


def test_who_holds_it_to_be_fast_says_what_that_saves() -> None:
    """A figure, measured against the same statement as an expression."""
    fast = [name for name, reason in HOLDERS.items() if reason is FAST]
    assert [name for name in fast if not _FIGURE.search((ROOT / name).read_text("utf-8"))] == []


def test_no_rows_are_read_or_written_by_text_but_where_that_is_the_reason() -> None:
    """Settings, catalogs and schemas are one thing, rows another."""
    others = {name: sql for name, sql in statements().items() if HOLDERS.get(name) in (FILE, CATALOG, SCHEMA)}
    made_by_functions = re.compile(r"\s*CREATE (OR REPLACE )?(FUNCTION|TRIGGER)")
    of_rows = [
        f"{name}: {text}"
        for name, sql in others.items()
        for text in sql
        if _ROWS.search(text) and not made_by_functions.match(text)
    ]
    assert of_rows == []


def test_a_statement_of_text_is_found() -> None:
    """However it is written; a sentence with such a word is none."""
    lines = ('"""SELECT it is."""', 'a = f"SELECT {a} FROM b"', 'b = "  UPDATE x SET y = 1"', 'c = "DELETE it here"')
    assert len([text for text in texts(ast.parse("\n".join(lines))) if _SQL.match(text)]) == 2
