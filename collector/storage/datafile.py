"""The database file under a log: which one it is, and whether it is still where its name says.

A file can be removed, moved, cut or replaced under a running process. SQLite
notices nothing of it: it goes on writing to what it has open, and what it was
given is then in a file that nobody finds. So the file is known by its device
and inode, and looked at before anything is acknowledged.

One process writes to a file, whatever name it is reached by: a lock lies on
the file itself, beyond all bytes that SQLite locks. A file with two names (hard
links), and one that is mounted by itself, would have a write-ahead log beside
each name; both are refused.

The descriptor of this file stays open until every connection of SQLite is
closed: closing one drops all POSIX locks that the process has on the file.
"""

from __future__ import annotations

import fcntl
import os
import re
import stat
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from collector.errors import LogDamaged, Unavailable
from collector.files import FILE_MODE, close_to_others, sync
from collector.storage.walfile import WalFile

_PATIENCE = 0.5
"""Seconds that a process which is just ending gets to let go."""
_LOCKED_BYTE = 1 << 61
"""SQLite locks bytes from 1 GiB on, a few hundred of them; no file is as long as this."""
_MAGIC = b"SQLite format 3\x00"
_HEADER = 100
_MOUNTS = Path("/proc/self/mountinfo")


class DataFile:
    """One database file, made where it is missing, locked, and open until :meth:`close`."""

    def __init__(self, path: Path) -> None:
        """Raises :class:`Unavailable` where the file cannot be had alone, and :class:`LogDamaged` where its
        write-ahead log is left and it is gone."""
        self.path = path
        self.wal: WalFile | None = None
        # A look on one thread and a checkpoint that begins or ends on another would see half of what changed.
        self._looking = threading.Lock()
        self._copying = False
        self._size = self._changed = self._counter = 0
        _refuse_orphan(path)
        self._file = _opened(path)
        try:
            _refuse_names(path, os.fstat(self._file))
            self._lock()
            found = os.fstat(self._file)
            self._identity = (found.st_dev, found.st_ino)
            self._settle()
            for suffix in ("", "-wal", "-shm"):
                close_to_others(path.with_name(path.name + suffix))
        except BaseException:
            os.close(self._file)
            raise

    def _lock(self) -> None:
        until = time.monotonic() + _PATIENCE
        while not _try_lock(self._file, self.path):
            if time.monotonic() >= until:
                raise Unavailable(
                    f"cannot write to {self.path}: another process writes to this file, perhaps under another name; "
                    "stop it"
                )
            time.sleep(0.01)

    def connected(self) -> None:
        """SQLite has the file open, and its write-ahead log. Raises :class:`Unavailable` where it opened another."""
        self.wal = WalFile(self.path)
        self._settle()
        if difference := self.difference():
            raise Unavailable(f"cannot write to {self.path}: {difference}, while it was being opened; start again")

    def difference(self) -> str:
        """How the file at the path differs from the one that is written to; empty where it does not.

        Costs a few system calls. Called on the event loop, while a transaction may be under way.
        """
        with self._looking:
            return self._difference()

    def _difference(self) -> str:
        try:
            status = self.path.stat()
        except FileNotFoundError:
            return "the file was removed or moved while it was written to"
        except OSError as error:
            return f"the file cannot be looked at any more ({error.strerror})"
        if (status.st_dev, status.st_ino) != self._identity:
            return "another file took its place while it was written to"
        if status.st_size < self._size:
            return f"the file was cut from {self._size} to {status.st_size} bytes while it was written to"
        if self.wal is None:
            return ""
        copied = self.wal.copied_since()
        if status.st_mtime_ns != self._changed and not self._copying and not (copied and self._is_later()):
            return "another program wrote over the file while it was written to"
        return self.wal.difference()

    def _is_later(self) -> bool:
        """Whether what is in the file continues this database, as another program's checkpoint does: SQLite counts
        changes in the header."""
        changed = os.fstat(self._file).st_mtime_ns
        whole, counter = self._header()
        if not whole or counter < self._counter:
            return False
        self._changed, self._counter = changed, counter
        return True

    def _header(self) -> tuple[bool, int]:
        """Whether the file begins as a database does, and how often that was changed."""
        header = os.pread(self._file, _HEADER, 0)
        if len(header) < _HEADER or not header.startswith(_MAGIC):
            return False, 0
        return True, int(struct.unpack_from(">I", header, 24)[0])

    @contextmanager
    def changing(self, least: int) -> Iterator[None]:
        """A checkpoint of ours for the length of the block, which leaves at least so many bytes."""
        with self._looking:
            self._size, self._copying = min(self._size, least), True
        try:
            yield
        finally:
            with self._looking:
                self._settle()
                self._copying = False

    def _settle(self) -> None:
        """The file is as we left it."""
        there = os.fstat(self._file)
        self._size, self._changed, self._counter = there.st_size, there.st_mtime_ns, self._header()[1]

    @property
    def first_hole(self) -> int:
        """Where the first part begins that no block of the disk holds; the file's size where there is none.

        It only ever moves down when the file is cut, or where the file system keeps zeros as holes.
        """
        try:
            return os.lseek(self._file, 0, os.SEEK_HOLE)
        except OSError:  # an empty file, or a file system that cannot tell
            return self.size

    @property
    def size(self) -> int:
        """In bytes."""
        return os.fstat(self._file).st_size

    @property
    def cut_off(self) -> bool:
        """Whether the file is shorter than its header says: its last pages are in the write-ahead log, or lost."""
        header = os.pread(self._file, _HEADER, 0)
        if len(header) < _HEADER:
            return False
        size = int(struct.unpack_from(">H", header, 16)[0])
        pages = int(struct.unpack_from(">I", header, 28)[0])
        return os.fstat(self._file).st_size < pages * (65536 if size == 1 else size)

    @property
    def has_name(self) -> bool:
        """Whether the file is somewhere still, under whatever name."""
        return os.fstat(self._file).st_nlink > 0

    @property
    def at_its_path(self) -> bool:
        """Whether the path names this very file."""
        try:
            status = self.path.stat()
        except OSError:
            return False
        return (status.st_dev, status.st_ino) == self._identity

    def set_aside(self) -> None:
        """Give what is at the write-ahead log's path another name, where it and the database there are not of one log.

        SQLite would take it for the database's own, and write its pages over it.
        """
        wal = self.path.with_name(self.path.name + "-wal")
        ours = self.wal is not None and self.wal.at_its_path
        with suppress(OSError):
            if self.path.exists() and wal.stat().st_size and ours != self.at_its_path:
                wal.rename(wal.with_name(f"{wal.name}.set-aside-{time.time_ns() // 1_000_000}"))
                sync(wal.parent)

    def close(self) -> None:
        """Let the next writer in; only after every connection to the file."""
        if self.wal is not None:
            self.wal.close()
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


def _opened(path: Path) -> int:
    try:
        # Made by us, since SQLite would let others read it; it gives its other files the mode of this one.
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, FILE_MODE)
    except OSError as error:
        raise Unavailable(f"cannot open the log {path}: {error.strerror}") from error


def _refuse_orphan(path: Path) -> None:
    """SQLite would throw away a write-ahead log that lies beside no database, or an empty one."""
    wal = path.with_name(path.name + "-wal")
    with suppress(OSError):
        if wal.stat().st_size and not (path.exists() and path.stat().st_size):
            raise LogDamaged(
                f"cannot open the log {path}: it is {'empty' if path.exists() else 'gone'}, and {wal.name}, which "
                "holds the last of what was acknowledged, is left; bring the file back, or move that away"
            )


def _refuse_names(path: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise Unavailable(f"cannot open the log {path}: it is not a file; name another with storage.url")
    if status.st_nlink > 1:
        raise Unavailable(
            f"cannot write to {path}: the file has {status.st_nlink} names (hard links), and each would have a "
            f"write-ahead log of its own; remove the others: find / -xdev -samefile {path}"
        )
    if _is_mounted(path):
        raise Unavailable(
            f"cannot write to {path}: the file is mounted by itself, so its write-ahead log would lie elsewhere; "
            "mount its folder"
        )


def _is_mounted(path: Path) -> bool:
    try:
        mounts = _MOUNTS.read_bytes()
    except OSError:  # another system than Linux
        return False
    wanted = os.fsencode(os.path.realpath(path))
    points = (line.split(b" ")[4] for line in mounts.splitlines())
    return any(re.sub(rb"\\(\d{3})", lambda octal: bytes((int(octal[1], 8),)), one) == wanted for one in points)


def _try_lock(file: int, path: Path) -> bool:
    """Lock a byte of the file for this descriptor. Unlike POSIX locks it counts within one process as well."""
    command = getattr(fcntl, "F_OFD_SETLK", None)
    if command is None:  # another system than Linux; the lock file has to do
        return True
    try:
        fcntl.fcntl(file, command, struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, _LOCKED_BYTE, 1, 0))
    except BlockingIOError:
        return False
    except OSError as error:
        raise Unavailable(f"cannot lock {path}: {error.strerror}; keep the database on a local disk") from error
    return True
