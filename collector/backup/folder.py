"""Backups in a folder: each is named after the time at which it was begun, and the latest few are kept."""

from __future__ import annotations

import fcntl
import os
import re
import sqlite3
from collections.abc import Sequence
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import select

from collector.backup.copying import LEAVES, root_of_leaves
from collector.errors import NotFound, Unavailable
from collector.event import SECOND
from collector.files import FOLDER_MODE
from collector.schema.tables import event, head
from collector.storage.sql import ask

_NAME = re.compile(r"timelined-(\d{8}T\d{6}Z)\.db")
_STAMP = "%Y%m%dT%H%M%SZ"


class BackupFile(NamedTuple):
    """A backup in a folder."""

    path: Path
    begun: int
    """µs UTC, by its name."""


def path_at(folder: Path, now: int) -> Path:
    """Where in the folder a backup that begins at ``now`` (µs UTC) goes; the folder is made where it is not there.

    Raises :class:`collector.errors.Unavailable` where it cannot be.
    """
    try:
        folder.mkdir(FOLDER_MODE, parents=True, exist_ok=True)
    except OSError as error:
        raise Unavailable(f"cannot make the folder for backups {folder}: {error.strerror}") from error
    return folder / f"timelined-{datetime.fromtimestamp(now // SECOND, UTC):{_STAMP}}.db"


def backups(folder: Path) -> list[BackupFile]:
    """The backups in a folder, oldest first; whatever else lies there is left out. None where it cannot be read."""
    try:
        matches = [(path, _NAME.fullmatch(path.name)) for path in folder.iterdir()]
    except OSError:
        return []
    return sorted(BackupFile(path, _begun(match[1])) for path, match in matches if match is not None)


def latest(path: Path) -> Path:
    """The backup itself where ``path`` is a file, the latest one in it where it is a folder.

    Raises :class:`collector.errors.NotFound`.
    """
    if not path.exists():
        raise NotFound(f"cannot try the backup {path}: there is no such file; name one, or the folder that it is in")
    if not path.is_dir():
        return path
    existing = backups(path)
    if not existing:
        raise NotFound(f"cannot find a backup in {path}: nothing in it is named timelined-TIME.db; name a file")
    return existing[-1].path


def keep(newest: Path, most: int) -> Sequence[Path]:
    """Remove all but the latest ``most`` backups beside the one that was made, and what killed runs left; what went.

    The one that was made stays, whatever the clock says. What cannot be removed now is tried after the next one.
    """
    removed = []
    others = [found.path for found in backups(newest.parent) if found.path != newest]
    for path in others[: max(0, len(others) + 1 - most)]:
        with suppress(OSError):
            path.unlink()
            removed.append(path)
    for path in newest.parent.glob("timelined-*.db.partial"):
        _remove_unless_written(path)
    return removed


def head_and_root(path: Path, size: int) -> tuple[int, bytes] | None:
    """The last position of the log in a file, and the root over its first ``size`` events; None where the file is not
    there, or is another version's."""
    if not path.is_file():
        return None
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            (position,) = ask(connection, select(head.c.position)).fetchone()
            return position, root_of_leaves(ask(connection, LEAVES[0].where(event.c.position <= size)))
    except (sqlite3.Error, TypeError):
        return None


def _remove_unless_written(partial: Path) -> None:
    with suppress(OSError):
        descriptor = os.open(partial, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            partial.unlink()
        finally:
            os.close(descriptor)


def _begun(stamp: str) -> int:
    try:
        return round(datetime.strptime(stamp, _STAMP).replace(tzinfo=UTC).timestamp()) * SECOND
    except ValueError:  # digits that are no date
        return 0
