"""A whole log out of PostgreSQL into a file, and out of a file into PostgreSQL."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from pathlib import Path
from typing import TYPE_CHECKING

import click

from collector.cli import output
from collector.cli.access import CONFIG_FILE, OUTPUT, STORAGE_URL, LogAccess
from collector.cli.logs import LOG
from collector.cli.output import Json
from collector.errors import InvalidInput
from collector.storage.urls import database_path, without_credentials

if TYPE_CHECKING:
    from collector.backup import Progress


@click.command()
@click.argument("target", metavar="FILE", type=click.Path(path_type=Path))
@CONFIG_FILE
@STORAGE_URL
@LOG
@OUTPUT
def export(target: Path, config_file: Path | None, storage_url: str | None, form: str) -> None:
    """Write the whole log to the SQLite FILE, from wherever it is.

    Daemons may keep running: the file is of one moment. It is verified before it gets its name, and no existing FILE is
    overwritten. It has the roots of the log. A daemon can be started on it, and `timelined import log` brings it into
    PostgreSQL.
    """
    from collector.backup import back_up
    from collector.cli.progress import bars

    settings = LogAccess(config_file=config_file, storage_url=storage_url).settings()
    url = settings.storage.url
    with bars("copying", "checking") as move:
        if database_path(url) is None:
            summary = asyncio.run(_exported(url, target, move))
        else:
            done = back_up(url, target, move)
            summary = _summary(str(target), done.position, done.root)
    show(summary, form)


async def _exported(url: str, target: Path, move: Progress) -> Json:
    from collector import log
    from collector.backup import moving

    store = await log.open_log(url, writable=False)
    try:
        result = await moving.export(store, target, move)
    finally:
        await store.close()
    return _summary(str(target), result.position, result.root)


def brought_in(url: str, source: Path) -> Json:
    """Bring the log in a file into the empty database of a URL."""
    from collector.cli.progress import bars

    if database_path(url) is not None:
        raise InvalidInput(
            f"cannot import {source} into {without_credentials(url)}: a file is put there by timelined restore {source}"
        )
    with bars("copying", "checking") as move:
        return asyncio.run(_brought_in(url, source, move))


async def _brought_in(url: str, source: Path, move: Progress) -> Json:
    from collector import log, projections
    from collector.backup import moving

    await log.upgrade(url, [projections.metadata], projections.fitted)
    store = await log.open_log(url, extra_metadata=[projections.metadata])
    try:
        copied = await moving.bring_in(source, store, move)
    finally:
        await store.close()
    return _summary(without_credentials(url), copied.size, copied.root)


def _summary(where: str, position: int, root: bytes) -> Json:
    return {"log": where, "position": position, "root": b64encode(root).decode()}


def show(summary: Json, form: str) -> None:
    """Print what the log came to where it is now."""
    if form == "json":
        output.as_json(summary)
    else:
        output.facts([("Log", summary["log"]), ("Events", str(summary["position"])), ("Root", summary["root"])])
