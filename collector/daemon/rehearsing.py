"""The application over a copy of a log, to see what a command would come to before it is done.

The copy is of one moment and is gone afterwards; the log itself is only read,
and a daemon may go on writing to it.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
from aiohttp import web

from collector import projections
from collector.backup import copy_as_it_is
from collector.daemon.opening import offline
from collector.daemon.runtime import Clock, proof_folder_of, wall_clock
from collector.errors import InvalidInput
from collector.proof.folder import ACKNOWLEDGED
from collector.settings import Settings
from collector.storage.urls import database_path
from collector.tasks import in_thread


@asynccontextmanager
async def rehearsal(settings: Settings, clock: Clock = wall_clock) -> AsyncIterator[web.Application]:
    """The whole application over a copy of the log, which takes as much room as the log in the folder for temporary
    files (``TMPDIR``).

    Raises :class:`collector.errors.InvalidInput` where the log is no file.
    """
    path = database_path(settings.storage.url)
    if path is None:
        raise InvalidInput(
            "cannot rehearse over PostgreSQL, which cannot be copied from here: restore a backup of it elsewhere, and "
            "try it there"
        )
    with tempfile.TemporaryDirectory(prefix="timelined-rehearsal-") as folder:
        await in_thread(lambda: _copied(settings, path, Path(folder)), lambda nothing: None)
        async with offline(_over(settings, Path(folder) / path.name), clock) as app:
            yield app


def _copied(settings: Settings, path: Path, folder: Path) -> None:
    """First what follows from the log or names its end, so that none of it is ahead of the copied log."""
    copy = folder / path.name
    proof_folder = Path(f"{copy}.proof")
    proof_folder.mkdir()
    for record in proof_folder_of(settings).folder.glob(f"{ACKNOWLEDGED}*"):
        shutil.copyfile(record, proof_folder / record.name)
    lists = projections.lists_path(path)
    if lists.exists():
        copy_as_it_is(lists, projections.lists_path(copy))
    copy_as_it_is(path, copy)


def _over(settings: Settings, copy: Path) -> Settings:
    """The same settings over the copy; what would be written beside goes beside that."""
    return msgspec.structs.replace(
        settings,
        storage=msgspec.structs.replace(settings.storage, url=f"sqlite:///{copy}"),
        proof=msgspec.structs.replace(settings.proof, dir=""),
        drafts=msgspec.structs.replace(settings.drafts, dir=str(copy.parent / "drafts")),
    )
