"""What is known of the disk under a log, and what SQLite's errors say of it.

Most of them leave the file as it was: full, locked, unreadable. They pass, and
the next write may succeed. One kind does not pass: the disk could not keep
what it was given (``fsync`` or a write failed). The kernel may then count the
lost pages as written, and a second ``fsync`` would succeed over them. Nobody
can know from within this process what is on the disk; the next one reads it.
"""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from sqlalchemy import Connection

from collector.errors import DiskFailed, Unavailable
from collector.log import store
from collector.log.outage import is_outage
from collector.log.reserve import Reserve

_CHECKPOINT = 4000
"""Pages written, about, between two checkpoints; each costs two syncs."""
_PAGES_A_COMMIT = 6
"""Pages that a small commit changes; those it adds are counted."""
_ROOM = 1 << 20
"""Bytes that have to be free for us to say that deliveries can be stored: less fits some of them and not others."""

_UNCERTAIN = frozenset((
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_IOERR_FSYNC,
    sqlite3.SQLITE_IOERR_DIR_FSYNC,
    sqlite3.SQLITE_IOERR_WRITE,
    sqlite3.SQLITE_IOERR_TRUNCATE,
    sqlite3.SQLITE_IOERR_CLOSE,
))  # fmt: skip
"""Not those about reading, locking or shared memory: what was committed is not in doubt there."""


class Disk:
    """What is known of the disk under one file. Used by whoever has the writer's connection, one at a time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.failure = ""
        """Why nothing can be written any more; empty while all is well."""
        self.locked = False
        """Whether the last one who wanted to write waited in vain."""
        self.reserve = Reserve(path)
        self._written = 0
        self._pages = 0

    def due(self) -> bool:
        """Whether it is time for a checkpoint; says so once."""
        if self._written < _CHECKPOINT or self.failure:
            return False
        self._written = 0
        return True

    def check_room(self) -> None:
        """Raises :class:`Unavailable` where there is next to no space."""
        if self.full:
            raise Unavailable(f"cannot write to {self.path}: {self.full}; make room")
        self.reserve.keep()

    @property
    def full(self) -> str:
        """That there is next to no space, in words; empty where there is some."""
        there = os.statvfs(self.path.parent)
        free = there.f_bavail * there.f_frsize
        return f"the disk is full, {free} bytes are left" if free < _ROOM else ""

    def written(self, driver: sqlite3.Connection) -> None:
        """Count what a transaction is about to commit. SQLite would tell its hook, and Python does not give us that."""
        (pages,) = driver.execute("PRAGMA page_count").fetchone()
        self._written += _PAGES_A_COMMIT + max(0, pages - self._pages)
        self._pages = pages

    def recover(self, connection: Connection) -> None:
        """Have what an earlier process left in the write-ahead log on the disk before anything is built on it.

        If that one ended because a sync failed, its last commits may be in memory only, and look as if they were kept.
        Raises :class:`Unavailable` where there is no room for it.
        """
        error = self.checkpoint(connection, "TRUNCATE")
        if self.failure:
            raise DiskFailed(self.failure)
        if error is not None and is_full(error):
            raise Unavailable(f"cannot write to {self.path}: {cause(error)}; make room") from error

    def checkpoint(self, connection: Connection, kind: str = "PASSIVE") -> sqlite3.Error | None:
        """Copy the write-ahead log into the file; what hinders it only for now is answered, and tried again later."""
        hindrance = None
        driver = store.driver_of(connection)
        try:
            busy, frames, copied = driver.execute(f"PRAGMA wal_checkpoint({kind})").fetchone()
        except sqlite3.Error as error:
            busy, frames, copied = 1, 0, 0
            hindrance = error
            self.notice(error)
        if busy or frames != copied:
            # Readers of old pages hold it up: soon again, but not after every commit.
            self._written += _CHECKPOINT * 3 // 4
        return hindrance

    def notice(self, error: BaseException) -> None:
        """Remember an error that leaves the disk in doubt."""
        if is_uncertain(error) and not self.failure:
            self.failure = (
                f"cannot write to {self.path}: the disk failed to keep a write ({cause(error)}), so what is on "
                "it is not known; nothing more is stored until timelined starts again. Look at the disk"
            )

    def spoken(self, error: Exception) -> Exception:
        """The database's failures as ours; a mistake of the work's own, in its SQL too, stays what it is."""
        self.notice(error)
        if self.failure:
            return DiskFailed(self.failure)
        if not is_passing(error):
            return error
        return Unavailable(f"cannot write to {self.path}: {cause(error)}")

    def unopened(self, error: Exception) -> Exception:
        """The same of an error on opening, where SQLite often says no more than that something failed."""
        spoken = self.spoken(error)
        if self.failure or not self.full:
            return spoken
        return Unavailable(f"cannot open the log {self.path}: {self.full} ({cause(error)}); make room")


def _code(error: BaseException) -> int:
    return int(getattr(getattr(error, "orig", None) or error, "sqlite_errorcode", 0))


def is_uncertain(error: BaseException) -> bool:
    """Whether the disk may hold something else than the log was told."""
    return _code(error) in _UNCERTAIN


def is_busy(error: BaseException) -> bool:
    """Whether another program holds the write lock."""
    return _code(error) & 0xFF == sqlite3.SQLITE_BUSY


def is_full(error: BaseException) -> bool:
    """Whether there was no room; for the file that connections share, SQLite says so in another way."""
    return _code(error) in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_SHMSIZE)


def is_passing(error: BaseException) -> bool:
    """Whether the database, and not a value or a mistake in SQL, is why nothing was done: it may be well again soon."""
    return _code(error) != sqlite3.SQLITE_ERROR and is_outage(error)


def cause(error: BaseException) -> str:
    """The database's own words, without the statement and its values."""
    return str(getattr(error, "orig", None) or error)
