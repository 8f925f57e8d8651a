"""The last acknowledged (position, leaf), kept outside the database.

A database can come back shorter than it was: restored from a backup, or
promoted from a replica that lagged. It cannot say so itself. This file can,
and the daemon compares the two before it writes anything.

**What it is worth.** It is written after each commit and before anybody is
answered, so it names every acknowledged event, and never one that is not
committed. It is written into the page cache, which a crash of the process or
of the database's machine does not touch, and synced every few seconds: only
where this machine itself loses power may it fall behind by that much. Then
the database, synced at each commit, is what is ahead, and a loss is missed
only if the database goes back within those same seconds.

Two slots are written in turn, each with a checksum: one torn by a power cut
leaves the other. Both have their place on the disk from the beginning, and are
written over where they are, so that a full disk does not hinder it. What could
not be written all the same is written as soon as it can be; until then the
file names an earlier event, which the log has as well: it may miss a loss, and
never claims one.
"""

from __future__ import annotations

import os
import re
import threading
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

import msgspec
from sqlalchemy import Connection, text

from collector.errors import LogDamaged, Unavailable
from collector.files import FILE_MODE, close_to_others

SYNC_EVERY = 5.0
"""Seconds between two syncs."""

_SLOT = 103
_LINE = re.compile(rb"(\d{20}) ([0-9a-f]{64}) ([0-9a-f]{16})\n")


class Last(msgspec.Struct, frozen=True):
    """The last event that was acknowledged."""

    position: int
    leaf: bytes


class Loss(msgspec.Struct, frozen=True):
    """What a log lacks of what was acknowledged."""

    acknowledged: int
    """The last acknowledged position."""
    found: int
    """The last position the log has."""

    def __str__(self) -> str:
        if self.found < self.acknowledged:
            missing = self.acknowledged - self.found
            return (
                f"it ends at position {self.found}, and position {self.acknowledged} was acknowledged: {missing} lost"
            )
        return f"position {self.acknowledged} is not the event that was acknowledged there"


class Acknowledged:
    """The file, open for writing. One process has it: the one that holds the writer's lock."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._dirty = False
        self._unwritten: Last | None = None
        self._turn = 0
        self._guard = threading.Lock()
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
        except OSError as error:
            raise Unavailable(
                f"cannot open {path}, which holds the last acknowledged event: {error.strerror}"
            ) from error
        close_to_others(path)
        if os.fstat(self._file).st_size < 2 * _SLOT:
            self._reserve()

    def _reserve(self) -> None:
        """Have room for both slots; what is there stays. On a full disk each line has to find its own."""
        with suppress(OSError):
            held = os.pread(self._file, 2 * _SLOT, 0)
            os.pwrite(self._file, bytes(2 * _SLOT - len(held)), len(held))

    def read(self) -> Last | None:
        """What was acknowledged last; None in a new file. Raises :class:`LogDamaged` where no line of it is whole."""
        content = os.pread(self._file, 4096, 0)
        newest = _newest(content, self.path)
        # The next line goes over the older one.
        self._turn = 1 if newest and content.startswith(_line(newest.position, newest.leaf)) else 0
        return newest

    def restart(self, last: Last) -> None:
        """Forget what was acknowledged and begin with this. Raises OSError, and nothing is forgotten then."""
        with self._guard:
            os.pwrite(self._file, _line(last.position, last.leaf).ljust(2 * _SLOT, b"\x00"), 0)
            self._turn, self._dirty = 1, True
        self.sync()

    def record(self, position: int, leaf: bytes) -> None:
        """Note what was committed. No sync and no error: what was committed is to be answered all the same."""
        with self._guard, suppress(OSError):
            self._write(Last(position, leaf))

    def _write(self, told: Last) -> None:
        """Put a line into the next slot. Where that fails the other one still names what was acknowledged before."""
        if self._file < 0:
            return
        self._unwritten = told
        os.pwrite(self._file, _line(told.position, told.leaf), self._turn * _SLOT)
        self._turn, self._dirty, self._unwritten = 1 - self._turn, True, None

    def sync(self) -> None:
        """Write what could not be before, and make it survive a power cut. Raises OSError."""
        with self._guard:
            if self._unwritten is not None:
                self._write(self._unwritten)
        if self._dirty:
            self._dirty = False
            os.fdatasync(self._file)

    def close(self) -> None:
        """Sync and let go; what is recorded later is lost without a word. Raises OSError, having let go."""
        try:
            self.sync()
        finally:
            with self._guard:
                file, self._file = self._file, -1
                if file >= 0:
                    os.close(file)


def read(path: Path) -> Last | None:
    """What was acknowledged last, for who only looks; None where there is no such file."""
    try:
        return _newest(path.read_bytes(), path)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Unavailable(f"cannot read {path}: {error.strerror}") from error


def last(connection: Connection) -> Last | None:
    """The last event of the log; None while it has none."""
    row = connection.execute(text("SELECT position, leaf FROM event ORDER BY position DESC LIMIT 1")).one_or_none()
    return None if row is None else Last(int(row[0]), bytes(row[1]))


def loss(connection: Connection, last: Last | None) -> Loss | None:
    """What the log lacks of what was acknowledged; None where it has it."""
    if last is None:
        return None
    statement = text("SELECT leaf, (SELECT position FROM head) FROM event WHERE position = :position")
    row = connection.execute(statement, {"position": last.position}).one_or_none()
    if row is None:
        return Loss(last.position, int(connection.execute(text("SELECT position FROM head")).scalar_one()))
    return None if bytes(row[0]) == last.leaf else Loss(last.position, int(row[1]))


def _line(position: int, leaf: bytes) -> bytes:
    said = b"%020d %s" % (position, leaf.hex().encode())
    return b"%s %s\n" % (said, sha256(said).hexdigest()[:16].encode())


def _newest(content: bytes, path: Path) -> Last | None:
    lines = (_LINE.fullmatch(content[at : at + _SLOT]) for at in (0, _SLOT))
    held = [match for match in lines if match and _line(int(match[1]), bytes.fromhex(match[2].decode())) == match[0]]
    if not held:
        if content.strip(b"\x00"):
            raise LogDamaged(f"cannot read {path}, which holds the last acknowledged event: no line of it is whole")
        return None
    newest = max(held, key=lambda match: int(match[1]))
    return Last(int(newest[1]), bytes.fromhex(newest[2].decode()))
