"""The writer's lock file: who writes to a database, and where that process listens.

``<database>.lock`` is held with flock for as long as the process lives, and
names its pid and address. The kernel lets go when the process dies, however it
dies: a file left behind locks nothing. A lock file can be removed, and a
database can have other names; so the database itself is locked as well
(``datafile.py``), and whoever holds the lock file looks now and then whether it
is still there. On a network file system neither lock may reach across machines;
keep the database on a local disk.
"""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path

import msgspec

from collector.errors import Unavailable
from collector.files import FILE_MODE, close_to_others

_PATIENCE = 0.5
"""Seconds. :func:`holder` takes the lock for an instant to look; a writer starting then must not give up."""
_SIZE = 1024
"""Bytes of the file. Always as many, so that saying something new takes no room on a full disk."""


class Holder(msgspec.Struct, frozen=True, kw_only=True):
    """Who writes to a database now."""

    pid: int = 0
    address: str = ""
    """Where its API listens (``http://127.0.0.1:9720``); empty while it does not."""


class WriterLock:
    """Held from construction to :meth:`release`; raises :class:`Unavailable` where another process holds it."""

    def __init__(self, database: Path, address: str = "") -> None:
        self.path = lock_path(database)
        self._address = address
        self._file = _open(self.path, os.O_RDWR | os.O_CREAT)
        close_to_others(self.path)
        if not _try_lock(self._file, _PATIENCE):
            other = _read(self._file)
            os.close(self._file)
            where = other.address or "no address yet"
            raise Unavailable(
                f"cannot write to {database}: process {other.pid} ({where}) writes to it; send writes there, or stop it"
            )
        self.unsaid = ""
        """The address that could not be written down; empty where it was."""
        self.announce(address)

    def announce(self, address: str) -> None:
        """Say where the API listens, once that is known. The lock holds, whether that can be written down or not."""
        self._address = address
        said = msgspec.json.encode(Holder(pid=os.getpid(), address=address))
        try:
            os.pwrite(self._file, said.ljust(_SIZE), 0)
            os.ftruncate(self._file, _SIZE)
        except OSError:
            # A full disk. What stands there is of another process, and would send people to it.
            os.ftruncate(self._file, 0)
            self.unsaid = address
        else:
            self.unsaid = ""

    def repeat(self) -> None:
        """Write down what could not be before."""
        if self.unsaid and self._file >= 0:
            self.announce(self.unsaid)

    @property
    def in_place(self) -> bool:
        """Whether the lock file at its path is the one that is held."""
        try:
            return os.path.samestat(self.path.stat(), os.fstat(self._file))
        except OSError:
            return False

    def renew(self) -> str:
        """Lock the file at the path, which was removed or replaced; who else holds it, or empty where nobody does.

        Waits as long as a process may take that tries to start and finds the database itself locked. Raises
        :class:`Unavailable` where the file cannot be made.
        """
        file = _open(self.path, os.O_RDWR | os.O_CREAT)
        if not _try_lock(file, 4 * _PATIENCE):
            other = _read(file)
            os.close(file)
            return f"process {other.pid} holds {self.path.name}, which took the place of ours"
        os.close(self._file)
        self._file = file
        self.announce(self._address)
        return ""

    def release(self) -> None:
        """Let the next writer in. The file stays: removing it would let two writers lock two files of one name."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


def lock_path(database: Path) -> Path:
    """Where a database's lock file stands."""
    return database.with_name(database.name + ".lock")


def holder(database: Path) -> Holder | None:
    """Who writes to this database now; None where nobody does."""
    path = lock_path(database)
    if not path.exists():
        return None
    file = _open(path, os.O_RDONLY)
    try:
        return None if _try_lock(file, 0, fcntl.LOCK_SH) else _read(file)
    finally:
        os.close(file)


def _open(path: Path, flags: int) -> int:
    try:
        return os.open(path, flags | os.O_CLOEXEC, FILE_MODE)
    except OSError as error:
        raise Unavailable(f"cannot open the lock file {path}: {error.strerror}") from error


def _try_lock(file: int, patience: float, kind: int = fcntl.LOCK_EX) -> bool:
    until = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(file, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= until:
                return False
            time.sleep(0.01)
        else:
            return True


def _read(file: int) -> Holder:
    try:
        return msgspec.json.decode(os.pread(file, 4096, 0), type=Holder)
    except msgspec.DecodeError:
        return Holder()
