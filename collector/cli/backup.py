"""Backing up the database."""

from __future__ import annotations

import sys
from base64 import b64encode
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

from collector import daemon
from collector.backup import back_up
from collector.cli import output
from collector.cli.where import CONFIG_FILE, OUTPUT, STORAGE_URL, Where
from collector.proof import upkeep


@click.command()
@click.argument("target", type=click.Path(path_type=Path))
@CONFIG_FILE
@STORAGE_URL
@OUTPUT
def backup(target: Path, config_file: Path | None, storage_url: str | None, form: str) -> None:
    """Copy the database to the file TARGET, also while a daemon writes to it.

    The copy is of one moment. It is read back and checked against the log before it gets its name; TARGET is never
    written over.
    """
    settings = Where(config_file=config_file, storage_url=storage_url).settings()
    url = settings.storage.url
    with _shown() as shown:
        tasks = {what: shown.add_task(what, total=None) for what in ("copying", "checking")}
        done = back_up(url, target, lambda what, so_far, of: shown.update(tasks[what], completed=so_far, total=of))
    upkeep.leave(
        daemon.beside_of(settings).folder,
        "backup",
        upkeep.Upkeep(daemon.wall_clock(), well=True, position=done.position),
    )
    told = {"path": str(done.path), "position": done.position, "root": b64encode(done.root).decode(), "size": done.size}
    if form == "json":
        output.as_json(told)
    else:
        shown_facts = [("Backup", told["path"]), ("Events", told["position"]), ("Root", told["root"])]
        output.facts([(name, str(value)) for name, value in [*shown_facts, ("Size", f"{done.size} bytes")]])


def _shown() -> Progress:
    """A bar on a terminal, nothing elsewhere."""
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn())
    return Progress(*columns, console=Console(file=sys.stderr), transient=True, disable=not sys.stderr.isatty())
