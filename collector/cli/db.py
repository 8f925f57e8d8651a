"""The database: which schema it has, bringing that to this version's, and making its lists anew."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import click

from collector.cli import output
from collector.cli.access import CONFIG_FILE, OUTPUT, STORAGE_URL, LogAccess
from collector.cli.logs import LOG
from collector.errors import InvalidInput, NotFound, Unavailable
from collector.storage.urls import database_path, without_credentials

if TYPE_CHECKING:
    from collector.log import Schema


@click.group()
def db() -> None:
    """Look at the schema of the database, upgrade it, or make its lists anew.

    The daemon, or a command that writes, upgrades an SQLite file when it opens it. PostgreSQL is upgraded only by this
    command, run as the owner of the tables (docs/postgresql.md).
    """


@db.command()
@CONFIG_FILE
@STORAGE_URL
@LOG
@OUTPUT
def current(config_file: Path | None, storage_url: str | None, form: str) -> None:
    """Say which revision the database is at, and which this version writes to."""
    from collector import log
    from collector.log import HEAD

    settings = LogAccess(config_file=config_file, storage_url=storage_url).settings()
    schema = asyncio.run(log.schema_of(settings.storage.url))
    if form == "json":
        output.as_json({"revision": schema.revision or None, "head": HEAD, "state": _state(schema)})
    else:
        output.facts([("Revision", schema.revision), ("This version", HEAD), ("State", _state(schema))])
    if schema.mismatch:
        output.say(f"{without_credentials(settings.storage.url)}: {schema.mismatch}.")


@db.command()
@click.option("--without-copy", is_flag=True, help="Keep no copy of an SQLite file, because you have a backup.")
@CONFIG_FILE
@STORAGE_URL
@LOG
def upgrade(without_copy: bool, config_file: Path | None, storage_url: str | None) -> None:
    """Bring the database to the schema of this version, in one transaction.

    The only way back is a copy made before. Of an SQLite file it keeps one beside it, verified, and named after its
    revision (timelined.db.0001). Back up PostgreSQL with its own tools.
    """
    from collector import backup, log, projections
    from collector.log import HEAD

    settings = LogAccess(config_file=config_file, storage_url=storage_url).settings()
    keep_copy = None if without_copy else backup.before_upgrade
    schema = asyncio.run(
        log.upgrade(settings.storage.url, [projections.metadata], projections.fitted, keep_copy=keep_copy)
    )
    if schema.behind:
        before = schema.revision or "nothing"
        click.echo(f"{before if schema.stamped else before + ', unmarked'} -> {HEAD}")
    else:
        output.say(f"{without_credentials(settings.storage.url)} is at revision {HEAD} already.")


@db.command()
@CONFIG_FILE
@STORAGE_URL
@LOG
def rebuild(config_file: Path | None, storage_url: str | None) -> None:
    """Drop the lists, and make them again out of the log.

    Stop the daemon first; of a PostgreSQL database, all daemons. If the rules of grouping changed, this applies them to
    what is grouped already. Incidents keep their numbers, and nothing is announced a second time. `timelined verify
    --lists` says whether it is needed. If it is interrupted, the next daemon goes on with it.
    """
    from collector import daemon

    settings = LogAccess(config_file=config_file, storage_url=storage_url).settings()
    count = asyncio.run(daemon.rebuild(settings))
    output.say(f"The lists of {without_credentials(settings.storage.url)} are made anew out of {count} events.")


@db.command()
@CONFIG_FILE
@STORAGE_URL
@LOG
def compact(config_file: Path | None, storage_url: str | None) -> None:
    """Write an SQLite file anew, without the room that removed rows left in it.

    Stop the daemon first. It needs as much free space again as the file has, and as long as a copy. It removes nothing:
    `timelined erase` and retention do that, and leave the file as large as it was.
    """
    from collector import daemon

    settings = LogAccess(config_file=config_file, storage_url=storage_url).settings()
    path = database_path(settings.storage.url)
    if path is None:
        raise InvalidInput("cannot compact PostgreSQL from here: VACUUM FULL on its server does that")
    if not path.exists():
        raise NotFound(f"cannot compact {path}: there is no such file")
    before = _size(path)
    left = asyncio.run(daemon.compact(settings))
    if left:
        raise Unavailable(f"cannot compact {path}: {left}")
    output.facts([("File", str(path)), ("Before", f"{before} bytes"), ("Now", f"{_size(path)} bytes")])


def _size(path: Path) -> int:
    """Bytes of the log and its lists, what waits beside them included."""
    from collector import projections

    files = [Path(f"{one}{end}") for one in (path, projections.lists_path(path)) for end in ("", "-wal")]
    return sum(file.stat().st_size for file in files if file.exists())


def _state(schema: Schema) -> str:
    """One word on how the database stands to this version."""
    if not schema.revision:
        return "empty"
    if not schema.stamped:
        return "unmarked"
    return "ahead" if schema.ahead else "behind" if schema.behind else "current"
