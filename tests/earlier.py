"""Database files as earlier versions left them, and what becomes of them."""

from __future__ import annotations

import gzip
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

from collector.backup import before_upgrade
from collector.log import HEAD, EventLog, open_log
from renderers.document import Options
from tests.scenario import Story, drafts, played

SCHEMAS = Path(__file__).parent / "schemas"
STORY = "deploy-rolled-back"
REVISIONS = [f"{number:04}" for number in range(1, int(HEAD) + 1)]


def unpacked(revision: str, folder: Path) -> Path:
    """A database file as the version of that revision left it."""
    path = folder / "timelined.db"
    path.write_bytes(gzip.decompress((SCHEMAS / f"{revision}.db.gz").read_bytes()))
    return path


def change(path: Path, *statements: str) -> None:
    """What another program, or another version, does to a file."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)


def at_revision(revision: str) -> str:
    """What marks a database as being at a revision."""
    return f"UPDATE alembic_version SET version_num = '{revision}'"  # noqa: S608 - ours


def made(path: Path) -> dict[str, str]:
    """Everything a database file holds by name, and the words it was made with, white space apart."""
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL")
        return {name: "".join(sql.split()) for name, sql in rows}


def made_events(path: Path) -> list[tuple[object, ...]]:
    """Every event of a file, as it stands there; making lists anew adds none."""
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(
            """SELECT position, id, revision, amendment, type, source, received_at, occurred_at, delivery, item, content
            FROM event ORDER BY position"""
        ).fetchall()


@asynccontextmanager
async def opened(path: Path, *, writable: bool = True) -> AsyncIterator[EventLog]:
    """A log for the length of a block."""
    log = await open_log(f"sqlite:///{path}", writable=writable, keep_copy=before_upgrade)
    try:
        yield log
    finally:
        await log.close()


async def replayed(path: Path, story: Story) -> list[str]:
    """The drafts of what a file holds, after whatever upgrading this version does."""
    async with played([], story.rules, path) as lists:
        return await drafts(lists, Options(zone=story.zone))
