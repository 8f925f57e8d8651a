"""A backup, restored on trial: as `timelined restore` would put it in the place of the log, and read as the log is."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
from aiohttp import web

from collector import log, projections
from collector.backup import Backup, Progress, backup
from collector.daemon.opening import read_only
from collector.settings import Settings
from collector.tasks import in_thread


@asynccontextmanager
async def restored(
    settings: Settings, source: Path, progress: Progress
) -> AsyncIterator[tuple[Backup, web.Application]]:
    """What was checked, and the application over it, for the length of the block. It takes as much room as the backup
    in the folder for temporary files (``TMPDIR``), and its lists are made anew.

    Raises as :func:`collector.backup.backup`.
    """
    with tempfile.TemporaryDirectory(prefix="timelined-restore-") as folder:
        target = Path(folder) / "timelined.db"
        backup_copy = await in_thread(
            lambda: backup(source, target, progress, attempt=f"try the backup {source}"), lambda nothing: None
        )
        restored_settings = msgspec.structs.replace(
            settings,
            storage=msgspec.structs.replace(settings.storage, url=f"sqlite:///{target}"),
            proof=msgspec.structs.replace(settings.proof, dir=""),
        )
        if (await log.schema_of(restored_settings.storage.url)).behind:
            await log.upgrade(restored_settings.storage.url, [projections.metadata], projections.fitted, keep_copy=None)
        async with read_only(restored_settings) as app:
            yield backup_copy, app
