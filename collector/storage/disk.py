"""What is known of the disk under a log, and what SQLite's errors say of it.

Most of them leave the file as it was: full, locked, unreadable. They pass, and
the next write may succeed. Three kinds do not pass. The disk could not keep
what it was given (``fsync`` or a write failed): the kernel may then count the
lost pages as written, and a second ``fsync`` would succeed over them. The file
is not at its path any more (``datafile.py``): what is written is found by
nobody. Its pages are no database: what is built on them is none either. Nobody
can know then, from within this process, what is on the disk; the next one reads
it.

The write-ahead log is copied into the file whenever 8 MiB are in it, and starts
over where nobody reads older pages of it just then. Where somebody does, it is
tried again every 2 MiB without waiting, since all who send would wait as well.
Only from :data:`_BOUND` on the writer waits, for a moment. What is larger than
:data:`SPARE` is cut once nothing was written for some seconds.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sqlalchemy import Connection

from collector.errors import DiskFailed, LogDamaged, Unavailable
from collector.storage.datafile import DataFile
from collector.storage.outage import is_outage
from collector.storage.reserve import Reserve
from collector.storage.sql import driver_of

_CHECKPOINT = 1000
"""Pages in the write-ahead log after which it is copied; that costs two syncs. All who send wait meanwhile: with four
times as many it takes four times as long."""
_BOUND = 8 * _CHECKPOINT
"""Pages in it from which on the writer waits for readers, so that it can start over."""
_WAIT, _LONGEST = 0.05, 0.25
"""Seconds that it waits for them: so long for each time that the bound is in it, and never longer, …"""
_WAIT_AGAIN = 2.0
"""… and until it waits again, where another process reads for long: a backup, or ``timelined verify``."""
SPARE = 4 << 20
"""Bytes of the write-ahead log that are left when nothing is written: to write over is faster than to grow."""
IDLE = 2.0
"""Seconds without a write after which there is time to cut it."""
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

    def __init__(self, path: Path, file: DataFile | None = None) -> None:
        self.path = path
        self.file = file
        """The file that is written to; None for who only reads."""
        self.failure = ""
        """Why nothing can be written any more; empty while all is well."""
        self.locked = False
        """Whether the last one who wanted to write waited in vain."""
        self.reserve = Reserve(path)
        self._due = _CHECKPOINT
        self._frames = 0
        self._wait_from = 0.0
        self._used = time.monotonic()

    def due(self) -> bool:
        """Whether it is time for a checkpoint."""
        if self.failure or self.file is None or self.file.wal is None:
            return False
        self._used, frames = time.monotonic(), self.file.wal.frames
        if frames < self._frames:
            self._due = _CHECKPOINT  # it started over
        self._frames = frames
        return frames >= self._due

    def idle(self) -> bool:
        """Whether the write-ahead log is larger than it need be and there is time to cut it."""
        if self.failure or self.file is None or self.file.wal is None:
            return False
        return time.monotonic() - self._used > IDLE and self.file.wal.size > SPARE

    def look(self) -> None:
        """Raises :class:`DiskFailed` where what is written to is not, or no longer, the file at its path."""
        if not self.failure and (difference := self._difference()):
            self.failure = (
                f"cannot write to {self.path}: {difference}; nothing more is stored. Bring the file back, its "
                "write-ahead log with it, before timelined starts again (docs/backup.md)"
            )
        if self.failure:
            raise DiskFailed(self.failure)

    def _difference(self) -> str:
        if self.file is None:
            return ""
        try:
            return self.file.difference()
        except OSError as error:  # whatever cannot be looked at is not known to hold what was written
            return f"the file cannot be looked at any more ({error.strerror})"

    def check_room(self) -> None:
        """Raises :class:`Unavailable` where there is next to no space."""
        if shortage := self.shortage:
            raise Unavailable(shortage)
        self.reserve.keep()

    @property
    def shortage(self) -> str:
        """That deliveries do not fit, as a sentence; empty where they do."""
        full = self.full
        return f"cannot write to {self.path}: {full}; make room" if full else ""

    @property
    def full(self) -> str:
        """That there is next to no space, in words; empty where there is some."""
        there = os.statvfs(self.path.parent)
        free = there.f_bavail * there.f_frsize
        return f"the disk is full, {free} bytes are left" if free < _ROOM else ""

    def recover(self, connection: Connection) -> None:
        """Have what an earlier process left in the write-ahead log on the disk before anything is built on it.

        If that one ended because a sync failed, its last commits may be in memory only, and look as if they were kept.
        Raises :class:`Unavailable` where there is no room for it, and :class:`LogDamaged` where pages are missing.
        """
        cut_off = self.file is not None and self.file.cut_off
        error = self.checkpoint(connection, "TRUNCATE")
        if self.failure:
            raise DiskFailed(self.failure)
        if error is not None and is_full(error):
            raise Unavailable(f"cannot write to {self.path}: {cause(error)}; make room") from error
        if cut_off and (damage := _damage(driver_of(connection))):
            raise LogDamaged(
                f"cannot open the log {self.path}: pages at its end are missing ({damage}); restore a backup, and keep "
                "this file: what is left of it can be read"
            )

    def checkpoint(self, connection: Connection, kind: str = "") -> sqlite3.Error | None:
        """Copy the write-ahead log into the file; what hinders it only for now is answered, and tried again later.

        Without a kind it starts over if nobody reads older pages; the writer waits for those who do where the bound was
        reached. Nothing is copied into a file that is not the one at its path; ``failure`` says so then.
        """
        driver = driver_of(connection)
        waits = not kind and self._frames >= _BOUND and time.monotonic() >= self._wait_from
        # Readers that hold it up: soon again, but not after every commit.
        self._due = max(_CHECKPOINT, self._frames + _CHECKPOINT // 4)
        try:
            with self._changing(driver):
                _patience(driver, min(_LONGEST, _WAIT * self._frames / _BOUND) if waits else 0)
                told = driver.execute(f"PRAGMA wal_checkpoint({kind or 'RESTART'})")
                busy, _, _ = told.fetchone()
        except sqlite3.Error as error:
            self.notice(error)
            return error
        except DiskFailed:
            return None  # whoever writes next hears of it
        finally:
            _patience(driver, 0)
        if waits and busy:
            self._wait_from = time.monotonic() + _WAIT_AGAIN
        return None

    @contextmanager
    def _changing(self, driver: sqlite3.Connection) -> Iterator[None]:
        """A checkpoint for the length of the block, into the file at the path, which nobody cuts meanwhile."""
        if self.file is None:
            yield
            return
        self.look()
        (pages,), (size,) = (driver.execute(f"PRAGMA {what}").fetchone() for what in ("page_count", "page_size"))
        least = min(pages * size, self.file.size)
        hole = min(least, self.file.first_hole)
        with self.file.changing(least):
            yield
        if self.file.size < least or (self.file.first_hole < hole and _damage(driver)):
            self.failure = f"cannot write to {self.path}: the file was cut while it was written to; look who did that"
            raise DiskFailed(self.failure)

    def emptied(self, driver: sqlite3.Connection) -> bool:
        """Copy all of the write-ahead log and cut it; False where another process reads. Raises sqlite3.Error."""
        with self._changing(driver):
            busy, _, _ = driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        return not busy

    def leave(self, connection: Connection) -> None:
        """Leave nothing at the path that would be taken for a part of another file; and where what was acknowledged is
        whole in what we have open, have all of it in the one file, wherever that is now."""
        file = self.file
        if file is None or file.wal is None or (file.at_its_path and file.wal.at_its_path):
            return
        with suppress(sqlite3.Error, OSError):
            if file.has_name and not file.wal.damage():
                driver_of(connection).execute("PRAGMA wal_checkpoint(TRUNCATE)")
        file.set_aside()

    def notice(self, error: BaseException) -> None:
        """Remember an error that leaves the disk in doubt."""
        if is_damage(error) and not self.failure and self.file is not None:
            self.failure = (
                f"cannot write to {self.path}: its pages are not those of a database ({cause(error)}); nothing more is "
                "stored. Run timelined verify, and restore a backup (docs/backup.md)"
            )
        if is_uncertain(error) and not self.failure:
            self.failure = (
                f"cannot write to {self.path}: the disk failed to keep a write ({cause(error)}), so what is on "
                "it is not known; nothing more is stored until timelined starts again. Look at the disk"
            )

    def as_unavailable(self, error: Exception) -> Exception:
        """The database's failures as ours; a mistake of the work's own, in its SQL too, stays what it is."""
        self.notice(error)
        if self.failure:
            return DiskFailed(self.failure)
        if not is_passing(error):
            return error
        return Unavailable(f"cannot write to {self.path}: {cause(error)}")

    def as_unopenable(self, error: Exception) -> Exception:
        """The same of an error on opening, where SQLite often says no more than that something failed."""
        if is_damage(error):
            return LogDamaged(
                f"cannot open the log {self.path}: it is no database, or a damaged one ({cause(error)}); restore a "
                "backup, and keep this file: what is left of it can be read"
            )
        unavailable = self.as_unavailable(error)
        if self.failure or not self.full:
            return unavailable
        return Unavailable(f"cannot open the log {self.path}: {self.full} ({cause(error)}); make room")


def _code(error: BaseException) -> int:
    return int(getattr(getattr(error, "orig", None) or error, "sqlite_errorcode", 0))


def is_uncertain(error: BaseException) -> bool:
    """Whether the disk may hold something else than the log was told."""
    return _code(error) in _UNCERTAIN


def is_damage(error: BaseException) -> bool:
    """Whether what was read is no database, or not a whole one."""
    return _code(error) & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def is_busy(error: BaseException) -> bool:
    """Whether another program holds the write lock."""
    return _code(error) & 0xFF == sqlite3.SQLITE_BUSY


def is_full(error: BaseException) -> bool:
    """Whether there was no room; for the file that connections share, SQLite says so in another way."""
    return _code(error) in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_SHMSIZE)


def is_passing(error: BaseException) -> bool:
    """Whether the database, and not a value or a mistake in SQL, is why nothing was done: it may be well again soon."""
    return _code(error) != sqlite3.SQLITE_ERROR and is_outage(error)


def _patience(driver: sqlite3.Connection, seconds: float) -> None:
    """How long the next statement waits for other connections."""
    driver.execute(f"PRAGMA busy_timeout = {int(seconds * 1000)}")


def _damage(driver: sqlite3.Connection) -> str:
    """What SQLite's own check says of the file, page by page; empty where all is well. It reads the whole file."""
    try:
        driver.execute("PRAGMA shrink_memory")
        (answer,) = driver.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.Error as error:
        return cause(error)
    return "" if answer == "ok" else str(answer)


def cause(error: BaseException) -> str:
    """The database's own words, without the statement and its values."""
    return str(getattr(error, "orig", None) or error)
