"""Copies of a log: a backup, and the copy that is kept before an upgrade."""

from __future__ import annotations

from pathlib import Path

from collector.backup.copying import Backup, Progress, backup, before_upgrade, copy_as_it_is
from collector.errors import InvalidInput
from collector.storage.urls import database_path

__all__ = ["Backup", "Progress", "back_up", "backup", "before_upgrade", "copy_as_it_is"]


def back_up(url: str, target: Path, progress: Progress = lambda what, done, of: None) -> Backup:
    """Copy the log of a URL to a file, while whoever writes to it goes on; see :func:`backup`."""
    path = database_path(url)
    if path is None:
        raise InvalidInput(
            "cannot back up a PostgreSQL database: its own tools do, and follow it continuously; use pg_basebackup or "
            "pgBackRest (docs/backup.md)"
        )
    return backup(path, target, progress)
