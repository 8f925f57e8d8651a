"""The daemon's own backups: one into ``backup.dir`` whenever the latest there is older than ``backup.every``.

A backup reads the whole log twice and computes its hashes, so a process of its own makes it (``collector.backup``),
at a lower priority than anything else here. How it went is left beside the log, where metrics and status read it.
"""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process, create_subprocess_exec
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import structlog

from collector.backup import folder
from collector.errors import Unavailable
from collector.interpreter import handed_down
from collector.proof import upkeep
from collector.settings import Settings
from collector.storage.urls import database_path

log = structlog.get_logger(__name__)

EVERY = 60.0
"""Seconds between two looks at whether one is due."""
_PAUSE = 15 * 60 * 1_000_000
"""µs after one that failed."""


class BackupJob:
    """Makes backups of the log that ``settings`` name; ``beside`` is the folder where word is left."""

    def __init__(self, settings: Settings, beside: Path, clock: Callable[[], int]) -> None:
        self._settings, self._beside, self._clock = settings.backup, beside, clock
        self._log = database_path(settings.storage.url) or Path()
        self._folder = Path(settings.backup.dir)
        self._failed_at = 0

    async def run(self) -> bool | None:
        """Make one if it is due; False where it could not be made, until it is tried again. Cut off, it ends what it
        started."""
        now = self._clock()
        if not await asyncio.to_thread(self._due, now):
            return None
        if 0 <= now - self._failed_at < min(_PAUSE, self._settings.every):
            return False
        backup_made, failure = await self._make(now)
        if failure:
            self._failed_at = now
            log.error("cannot make a backup; it is tried again", folder=str(self._folder), reason=failure)
            last = (await asyncio.to_thread(upkeep.read, self._beside)).get("backup")
            await self._leave(upkeep.Upkeep(*((last.at, False, last.position) if last else (0, False, 0))))
            return False
        log.info("made a backup", **backup_made)
        await self._leave(upkeep.Upkeep(self._clock(), well=True, position=backup_made["position"]))
        return True

    def _due(self, now: int) -> bool:
        """Whether nothing was made within ``every``; what is dated after now says nothing of that."""
        begun = (found.begun for found in folder.backups(self._folder))
        return not any(now - self._settings.every < at <= now for at in begun)

    async def _leave(self, done: upkeep.Upkeep) -> None:
        await asyncio.to_thread(upkeep.leave, self._beside, "backup", done)

    async def _make(self, now: int) -> tuple[Mapping[str, Any], str]:
        """What the process says that it made, and why it made nothing; one of the two is empty."""
        try:
            target = await asyncio.to_thread(folder.path_at, self._folder, now)
            asked = (str(self._log), str(target), str(self._settings.keep))
            process = await create_subprocess_exec(
                sys.executable, "-m", "collector.backup", *asked,
                stdin=DEVNULL, stdout=PIPE, stderr=PIPE, env=handed_down(),
            )  # fmt: skip
        except Unavailable as error:
            return {}, str(error)
        except OSError as error:
            return {}, f"its process could not be started: {error.strerror}"
        try:
            out, err = await process.communicate()
        finally:
            await _end(process)
        if process.returncode:
            said = err.decode("utf-8", "replace").strip().splitlines()
            return {}, said[-1] if said else f"its process ended with {process.returncode}"
        return msgspec.json.decode(out), ""


async def _end(process: Process) -> None:
    with suppress(ProcessLookupError):
        if process.returncode is None:
            process.terminate()
    await process.wait()
