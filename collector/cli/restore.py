"""Putting a backup in the place of the database, and going on without what is lost for good."""

from __future__ import annotations

import asyncio
import os
import shutil
from base64 import b64encode
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from collector.cli import output
from collector.cli.access import CONFIG_FILE, OUTPUT, STORAGE_URL, LogAccess
from collector.cli.logs import LOG
from collector.errors import InvalidInput, NotFound, Unavailable
from collector.files import FOLDER_MODE
from collector.settings import Settings
from collector.storage.urls import database_path

if TYPE_CHECKING:
    from collector.proof.acknowledged import Last, Loss

_FILES = ("", "-wal", "-shm", "-journal")


@click.command()
@click.argument("source", type=click.Path(path_type=Path), metavar="BACKUP")
@click.option("--record", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
              help="The record of what was acknowledged, where it is no longer beside the database.")  # fmt: skip
@click.option("--move-aside", is_flag=True, help="Rename a database that is there already, and keep it.")
@CONFIG_FILE
@STORAGE_URL
@LOG
@OUTPUT
def restore(
    source: Path, record: Path | None, move_aside: bool, config_file: Path | None, storage_url: str | None, form: str
) -> None:
    """Put the file BACKUP in the place of the database, and say what it lacks.

    Stop the daemon first. The copy is checked as a backup is. It is then compared with the record of what was
    acknowledged, in the file `acknowledged` beside the database, or where --record says. It exits with 6 if events are
    lost, or if that cannot be known. `timelined accept-loss` goes on without them.
    """
    from collector import daemon
    from collector.backup import backup

    settings = LogAccess(config_file=config_file, storage_url=storage_url).settings()
    target = database_path(settings.storage.url)
    if target is None:
        raise InvalidInput("cannot restore to PostgreSQL: its own tools do (docs/postgresql.md)")
    record_path = daemon.proof_folder_of(settings).acknowledged
    if not source.is_file():
        raise NotFound(f"cannot restore {source}: there is no such file; name a backup")
    if not move_aside:
        _refuse_existing(target)
    _bring(record, record_path)
    moved = _moved_aside(source, target) if move_aside else []
    result = backup(source, target, attempt=f"restore {source} to {target}")
    _give_to_owner(target)
    lacks, last = asyncio.run(_lacks(settings, record_path))
    summary = {
        "path": str(target), "position": result.position, "root": b64encode(result.root).decode(),
        "acknowledged": last.position if last else None, "lost": str(lacks) if lacks else None,
        "moved": [str(path) for path in moved],
    }  # fmt: skip
    if form == "json":
        output.as_json(summary)
    else:
        output.facts([(name.capitalize(), str(value or "")) for name, value in summary.items() if name != "moved"])
    for path in moved:
        output.say(f"What lay there is now {path}")
    if lacks is not None:
        output.say(f"Restored, and {lacks}. {_next(lacks)}")
        raise click.exceptions.Exit(output.DAMAGED)


def _refuse_existing(target: Path) -> None:
    """Raises :class:`InvalidInput` where something lies in the place of the database."""
    for path in (target.with_name(target.name + suffix) for suffix in _FILES):
        if path.exists():
            raise InvalidInput(f"cannot restore to {target}: {path} is there already; --move-aside renames it")


def _next(lacks: Loss) -> str:
    if lacks.record:
        return "Restore again with a copy of that record (--record), or run timelined accept-loss to go on without it."
    return "Restore a later copy, or run timelined accept-loss to go on without them; the daemon does not start before."


def _bring(record: Path | None, record_path: Path) -> None:
    """Put a record that a person brought where the daemon looks for it."""
    from collector.proof import acknowledged

    if record is None:
        return
    if acknowledged.read(record_path) is not None:
        raise InvalidInput(
            f"cannot take the record {record}: {record_path} is there already; leave --record out, or move it"
        )
    brought = acknowledged.read(record)
    if brought is None or not brought.position:
        raise NotFound(f"cannot take the record {record}: it names no event; bring the file named acknowledged")
    record_path.parent.mkdir(FOLDER_MODE, parents=True, exist_ok=True)
    shutil.copyfile(record, record_path)
    _give_to_owner(record_path.parent)
    _give_to_owner(record_path)


def _moved_aside(source: Path, target: Path) -> list[Path]:
    """Rename the database and the files that SQLite keeps beside it, unless a daemon writes to it."""
    from collector.storage.lock import WriterLock

    targets = [target.with_name(target.name + suffix) for suffix in _FILES]
    stamp = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    lock = WriterLock(target, "")
    try:
        if source.resolve() in [path.resolve() for path in targets]:
            raise InvalidInput(f"cannot restore {source}: it is the database itself")
        moved = []
        for suffix in _FILES:
            path = target.with_name(target.name + suffix)
            if path.exists():
                aside = target.with_name(f"{target.name}.before-{stamp}{suffix}")
                path.rename(aside)
                moved.append(aside)
        return moved
    except OSError as error:
        raise Unavailable(f"cannot move {target} aside: {error.strerror}") from error
    finally:
        lock.release()


def _give_to_owner(path: Path) -> None:
    """Root restores for the daemon's user, who owns the folder."""
    if os.geteuid() == 0:
        owner = path.parent.stat()
        os.chown(path, owner.st_uid, owner.st_gid)


async def _lacks(settings: Settings, record_path: Path) -> tuple[Loss | None, Last | None]:
    """The loss of the restored log, and the last event that was acknowledged."""
    from collector import log, projections
    from collector.backup import before_upgrade
    from collector.proof import acknowledged, lost
    from collector.proof.acknowledged import Loss

    if (await log.schema_of(settings.storage.url)).behind:
        await log.upgrade(settings.storage.url, [projections.metadata], projections.fitted, keep_copy=before_upgrade)
    last = acknowledged.read(record_path)
    store = await log.open_log(settings.storage.url, writable=False)
    try:
        lacks = await store.query(partial(acknowledged.loss, last=last))
        head, recorded = await store.head(), await store.query(lost.record_location)
    finally:
        await store.close()
    if last is None and head:
        return Loss(0, head, record=recorded or "a place that this backup does not name"), None
    return lacks, last


@click.command("accept-loss")
@CONFIG_FILE
@STORAGE_URL
@LOG
@OUTPUT
def accept_loss(config_file: Path | None, storage_url: str | None, form: str) -> None:
    """Go on without acknowledged events that are lost for good.

    If the log is a file, stop the daemon first. The loss is recorded as an event. From then on the log is sealed under
    a new name, and the daemon starts as usual. If nothing is lost, nothing happens.
    """
    from collector import daemon

    settings = LogAccess(config_file=config_file, storage_url=storage_url).settings()
    accepted = asyncio.run(daemon.accept_loss(settings))
    if form == "json":
        return output.as_json({"accepted": str(accepted) if accepted else None})
    if accepted is None:
        return output.say("Nothing is lost by the record here; nothing was recorded.")
    return output.say(f"Accepted, and recorded as an event: {accepted}.")
