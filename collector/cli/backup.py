"""Backing up the database, and trying whether a backup can be restored."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

import click

from collector.cli import output
from collector.cli.access import CONFIG_FILE, OUTPUT, STORAGE_URL, LogAccess
from collector.cli.logs import LOG
from collector.cli.output import Json
from collector.errors import InvalidInput, LogDamaged, TimelinedError
from collector.settings import Settings
from collector.storage.urls import database_path

if TYPE_CHECKING:
    from collector.backup import Backup


class _TargetFirst(click.Group):
    """Commands of which the first is meant where none is named: ``timelined backup FILE``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        is_command = args and (args[0] in self.commands or args[0] in ctx.help_option_names)
        if args and not is_command and (meant := get_close_matches(args[0], self.commands, 1)):
            raise click.NoSuchCommand(
                args[0], f"No such command {args[0]!r}; did you mean {meant[0]}? A file of that name is ./{args[0]}.",
                ctx=ctx,
            )  # fmt: skip
        return super().parse_args(ctx, args if is_command or not args else ["make", *args])


@click.group(cls=_TargetFirst)
def backup() -> None:
    """Copy the database, or try whether a copy can be restored.

    A daemon may be writing to it. `timelined backup TARGET` is `timelined backup make TARGET`. The daemon makes backups
    by itself where `backup.dir` is set.
    """


@backup.command()
@click.argument("target", type=click.Path(path_type=Path))
@click.option(
    "--keep", type=click.IntRange(min=1), metavar="N",
    help="In a folder, remove all but the latest N backups afterwards.",
)  # fmt: skip
@CONFIG_FILE
@STORAGE_URL
@LOG
@OUTPUT
def make(target: Path, keep: int | None, config_file: Path | None, storage_url: str | None, form: str) -> None:
    """Copy the database to the file TARGET, or into the folder TARGET under a name that says when.

    The copy is of one moment. It is read back and checked against the log before it gets its name. It never overwrites
    a file.
    """
    from collector import daemon
    from collector.backup import back_up, folder
    from collector.cli.progress import bars
    from collector.proof import upkeep

    settings = LogAccess(config_file=config_file, storage_url=storage_url).settings()
    if keep is not None and not target.is_dir():
        raise InvalidInput(f"cannot keep {keep} backups at {target}: it is no folder; make it, or leave --keep out")
    path = folder.path_at(target, daemon.wall_clock()) if target.is_dir() else target
    with bars("copying", "checking") as move:
        result = back_up(settings.storage.url, path, move)
    removed = folder.keep(result.path, keep) if keep is not None else ()
    word = upkeep.Upkeep(daemon.wall_clock(), well=True, position=result.position)
    upkeep.leave(daemon.proof_folder_of(settings).folder, "backup", word)
    summary = {**_described(result), "removed": [str(each) for each in removed]}
    if form == "json":
        output.as_json(summary)
    else:
        _show(summary)


@backup.command()
@click.argument("source", metavar="[BACKUP]", required=False, type=click.Path(path_type=Path))
@CONFIG_FILE
@STORAGE_URL
@LOG
@OUTPUT
def verify(source: Path | None, config_file: Path | None, storage_url: str | None, form: str) -> None:
    """Restore BACKUP on trial, beside everything else, and say what it holds.

    BACKUP is a file, or a folder, of which the latest backup is tried; by default it is `backup.dir`. The copy is
    checked as `timelined restore` does, and compared with the log if that is here. Then its lists and a draft are made.
    This needs as much room as the backup in the folder for temporary files (TMPDIR). It exits with 6 if anything
    differs.
    """
    from collector.backup import folder

    settings = LogAccess(config_file=config_file, storage_url=storage_url).settings()
    location = source or Path(settings.backup.dir)
    if not location.name:
        raise InvalidInput("cannot try a backup: none is named, and backup.dir is not set; name a file or a folder")
    try:
        summary = asyncio.run(_tried(settings, folder.latest(location)))
    except TimelinedError:
        _leave(settings, well=False, position=0)
        raise
    _leave(settings, well=True, position=summary["position"])
    if form == "json":
        output.as_json(summary)
    else:
        _show(summary)


async def _tried(settings: Settings, source: Path) -> Json:
    from collector import daemon
    from collector.cli import client
    from collector.cli.progress import bars

    with bars("copying", "checking") as move:
        async with daemon.restored(settings, source, move) as (made, app), client.in_process(app) as api:
            summary = {**_described(made), "path": str(source), **_compared(settings, made)}
            incidents = (await api.get("/api/v1/incidents", limit=1)).json()["incidents"]
            summary["incident"] = incidents[0]["number"] if incidents else None
            if incidents:
                summary["title"] = incidents[0]["title"]
                draft = await api.get(f"/api/v1/incidents/{incidents[0]['number']}/postmortem.md")
                summary["draft"] = len(draft.body)
            return summary


def _compared(settings: Settings, trial: Backup) -> Json:
    """How much of the log the backup lacks. Raises :class:`LogDamaged` where it is not the beginning of the log."""
    from collector.backup import folder

    path = database_path(settings.storage.url)
    head_and_root = folder.head_and_root(path, trial.position) if path is not None else None
    if head_and_root is None:
        return {"behind": None}
    head, root = head_and_root
    if head < trial.position or root != trial.root:
        raise LogDamaged(
            f"the backup is sound, and is not what the log {path} begins with: it is of another log, or this one was "
            "restored or changed since"
        )
    return {"behind": head - trial.position}


def _leave(settings: Settings, *, well: bool, position: int) -> None:
    from collector import daemon
    from collector.proof import upkeep

    word = upkeep.Upkeep(daemon.wall_clock(), well=well, position=position)
    upkeep.leave(daemon.proof_folder_of(settings).folder, "restore", word)


def _described(done: Backup) -> Json:
    root = b64encode(done.root).decode()
    return {"path": str(done.path), "position": done.position, "root": root, "size": done.size}


def _show(summary: Json) -> None:
    facts = [
        ("Backup", summary["path"]), ("Events", str(summary["position"])), ("Root", summary["root"]),
        ("Size", f"{summary['size']} bytes"),
        *(("Removed", each) for each in summary.get("removed", ())),
        ("The log has since", f"{summary['behind']} more events" if summary.get("behind") is not None else ""),
        ("Newest incident", f"{summary['incident']} {summary['title']}" if summary.get("incident") else ""),
        ("Its draft", f"{summary['draft']} bytes" if summary.get("draft") else ""),
    ]  # fmt: skip
    output.facts(facts)
