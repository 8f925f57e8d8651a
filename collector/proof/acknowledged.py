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

**Of which log.** The file also names the log (its identity, which every copy
of it has) and the last loss that was accepted when it was written. So another
log in the place of this one is recognised, and what a person accepted once is
not found lost again by a daemon that keeps a file of its own.

Two slots are written in turn, each with a checksum: one torn by a power cut
leaves the other. Both have their place on the disk from the beginning, and are
written over where they are, so that a full disk does not hinder it. What could
not be written all the same is written as soon as it can be; until then the
file names an earlier event, which the log has as well: it may miss a loss, and
never claims one.
"""

from __future__ import annotations

import fcntl
import os
import re
import threading
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

import msgspec
from sqlalchemy import Connection, bindparam, select

from collector.errors import LogDamaged, Unavailable
from collector.files import FILE_MODE, FOLDER_MODE, close_to_others, sync
from collector.proof import lost
from collector.schema.tables import event, head

SYNC_EVERY = 5.0
"""Seconds between two syncs."""

_SLOT = 103
_LINE = re.compile(rb"(\d{20}) ([0-9a-f]{64}) ([0-9a-f]{16})\n")
_OWNER = re.compile(rb"log ([0-9a-f]{32}) (\d{20}) ([0-9a-f]{16})\n")
_OWNER_SIZE = 75
_NAMED = re.compile(r"(-\d+)?")

_LAST = select(event.c.position, event.c.leaf).order_by(event.c.position.desc()).limit(1)
_HEAD = select(head.c.position)
_LEAF = select(event.c.leaf).where(event.c.position == bindparam("position"))


class Last(msgspec.Struct, frozen=True):
    """The last event that was acknowledged."""

    position: int
    """0 where the file names its log and no event yet: nothing was acknowledged, or the power went before a sync."""
    leaf: bytes
    log: bytes = b""
    """The identity of its log; empty where an earlier version wrote the file."""
    after: int = 0
    """Where the last loss that had been accepted stands in that log; 0 where none had."""


class Loss(msgspec.Struct, frozen=True):
    """What a log lacks of what was acknowledged."""

    acknowledged: int
    """The last acknowledged position; 0 where nobody here knows it."""
    last: int
    """The last position the log has."""
    other: bool = False
    """Whether what was acknowledged is of another log altogether."""
    record: str = ""
    """Where it was recorded what was acknowledged, where that record is not here."""

    def __str__(self) -> str:
        if self.record:
            return (
                f"this is a copy that ends at position {self.last}, and what was acknowledged is not known here: "
                f"it was recorded at {self.record}"
            )
        if self.other and not self.acknowledged:
            return "this is another log than the one that was served from here"
        if self.other:
            return f"this is another log than the one of which position {self.acknowledged} was acknowledged"
        if self.last < self.acknowledged:
            missing = self.acknowledged - self.last
            return f"it ends at position {self.last}, and position {self.acknowledged} was acknowledged: {missing} lost"
        return f"position {self.acknowledged} is not the event that was acknowledged there"


class Shared(Unavailable):
    """Another process keeps its record in this file."""


class Acknowledged:
    """The file, open for writing. One process has it; raises :class:`Shared` where that is another."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._unsynced = False
        self._unwritten: Last | None = None
        self._turn = 0
        self._owner = self._unnamed = b""
        self._guard = threading.Lock()
        self._file = _opened(path)
        if os.fstat(self._file).st_size < 2 * _SLOT + _OWNER_SIZE:
            self._reserve()

    def _reserve(self) -> None:
        """Have room for both slots; what is there stays. On a full disk each line has to find its own."""
        with suppress(OSError):
            valid = os.pread(self._file, 2 * _SLOT + _OWNER_SIZE, 0)
            os.pwrite(self._file, bytes(2 * _SLOT + _OWNER_SIZE - len(valid)), len(valid))

    def read(self) -> Last | None:
        """What was acknowledged last; None in a file that names no log yet.

        Raises :class:`LogDamaged` where no line of it is whole.
        """
        content = os.pread(self._file, 4096, 0)
        newest = _newest(content, self.path)
        self._owner = content[2 * _SLOT : 2 * _SLOT + _OWNER_SIZE]
        # The next line goes over the older one.
        self._turn = 1 if newest and newest.position and content.startswith(_line(newest.position, newest.leaf)) else 0
        return newest

    def belong(self, log: bytes, after: int) -> None:
        """Say of which log it is, and after which accepted loss. Raises OSError."""
        with self._guard:
            self._unnamed = _owned(log, after)
            self._name()

    def _name(self) -> None:
        """Write which log it is, where the file does not yet; what a full disk keeps out waits for the next sync."""
        if self._unnamed not in (b"", self._owner) and self._file >= 0:
            os.pwrite(self._file, self._unnamed, 2 * _SLOT)
            self._owner, self._unsynced = self._unnamed, True

    def restart(self, last: Last) -> None:
        """Forget what was acknowledged and begin with this. Raises OSError, and nothing is forgotten then."""
        self._owner = self._unnamed = _owned(last.log, last.after) if last.log else b""
        with self._guard:
            line = _line(last.position, last.leaf).ljust(2 * _SLOT, b"\x00")
            os.pwrite(self._file, line + self._owner.ljust(_OWNER_SIZE, b"\x00"), 0)
            self._turn, self._unsynced = 1, True
        self.sync()

    def record(self, position: int, leaf: bytes) -> None:
        """Note what was committed. No sync and no error: what was committed is to be answered all the same."""
        with self._guard, suppress(OSError):
            self._write(Last(position, leaf))

    def _write(self, last_event: Last) -> None:
        """Put a line into the next slot. Where that fails the other one still names what was acknowledged before."""
        if self._file < 0:
            return
        self._unwritten = last_event
        os.pwrite(self._file, _line(last_event.position, last_event.leaf), self._turn * _SLOT)
        self._turn, self._unsynced, self._unwritten = 1 - self._turn, True, None

    def sync(self) -> None:
        """Write what could not be before, and make it survive a power cut. Raises OSError."""
        with self._guard:
            if self._unwritten is not None:
                self._write(self._unwritten)
            self._name()
        if self._unsynced:
            self._unsynced = False
            os.fdatasync(self._file)

    def renew(self) -> bool:
        """Make the file again that was removed or replaced, so that the next start finds what was acknowledged.

        Whether that had to be. Raises OSError where it cannot be made, :class:`Unavailable` where another has it.
        """
        if self._in_place():
            return False
        self.path.parent.mkdir(FOLDER_MODE, parents=True, exist_ok=True)
        file = _opened(self.path)
        with self._guard:
            try:
                os.ftruncate(file, 2 * _SLOT + _OWNER_SIZE)
                os.pwrite(file, os.pread(self._file, 2 * _SLOT + _OWNER_SIZE, 0), 0)
            except OSError:
                os.close(file)
                raise
            self._file, former = file, self._file
        os.close(former)
        self.settle()
        return True

    def _in_place(self) -> bool:
        """Whether the file at the path is the one that is open."""
        try:
            return os.path.samestat(self.path.stat(), os.fstat(self._file))
        except FileNotFoundError:
            return False

    def settle(self) -> None:
        """Have the file itself survive a power cut, with its name and its folder's. Raises OSError."""
        os.fsync(self._file)
        sync(self.path.parent)
        with suppress(PermissionError):
            sync(self.path.parent.parent)

    def close(self) -> None:
        """Sync and let go; what is recorded later is lost without a word. Raises OSError, having let go."""
        try:
            self.sync()
        finally:
            with self._guard:
                file, self._file = self._file, -1
                if file >= 0:
                    os.close(file)


def _opened(path: Path) -> int:
    """The file, open for this process alone. Raises :class:`Unavailable`, where another has it :class:`Shared`."""
    try:
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
    except OSError as error:
        raise Unavailable(f"cannot open {path}, which holds the last acknowledged event: {error.strerror}") from error
    close_to_others(path)
    if not _alone(file):
        os.close(file)
        raise Shared(f"cannot record what is acknowledged in {path}: another process does")
    return file


def own(path: Path) -> Acknowledged:
    """The record of this process: the file of that name, or the next one where other daemons keep theirs beside it."""
    number = 1
    while True:
        try:
            return Acknowledged(path if number == 1 else path.with_name(f"{path.name}-{number}"))
        except Shared:
            number += 1


def all_beside(path: Path) -> list[Path]:
    """The records that lie there: of one daemon, or of several over one log."""
    named = (each for each in path.parent.glob(f"{path.name}*") if _NAMED.fullmatch(each.name, len(path.name)))
    return sorted(named)


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
    row = connection.execute(_LAST).one_or_none()
    if row is None:
        return None
    known = lost.accepted(connection)
    return Last(int(row.position), bytes(row.leaf), lost.identity(connection), known.position if known else 0)


def loss(connection: Connection, last: Last | None) -> Loss | None:
    """What the log lacks of what was acknowledged, beyond what a person accepted; None where it lacks nothing."""
    if last is None:
        return None
    reached = int(connection.execute(_HEAD).scalar_one())
    if last.log and last.log != lost.identity(connection):
        return Loss(last.position, reached, other=True)
    if not last.position:
        return None
    leaf = connection.execute(_LEAF, {"position": last.position}).scalar()
    if leaf is not None and bytes(leaf) == last.leaf:
        return None
    known = lost.accepted(connection)
    if known is not None and last.after < known.position and last.position <= known.acknowledged:
        return None
    return Loss(last.position, reached)


def _alone(file: int) -> bool:
    """Whether nobody else keeps a record in it; where a file system has no such locks, nobody can say."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


def _owned(log: bytes, after: int) -> bytes:
    line = b"log %s %020d" % (log.hex().encode(), after)
    return b"%s %s\n" % (line, sha256(line).hexdigest()[:16].encode())


def _line(position: int, leaf: bytes) -> bytes:
    said = b"%020d %s" % (position, leaf.hex().encode())
    return b"%s %s\n" % (said, sha256(said).hexdigest()[:16].encode())


def _newest(content: bytes, path: Path) -> Last | None:
    lines = (_LINE.fullmatch(content[at : at + _SLOT]) for at in (0, _SLOT))
    valid = [match for match in lines if match and _line(int(match[1]), bytes.fromhex(match[2].decode())) == match[0]]
    if not valid and content[: 2 * _SLOT].strip(b"\x00"):
        raise LogDamaged(f"cannot read {path}, which holds the last acknowledged event: no line of it is whole")
    owner = _OWNER.fullmatch(content[2 * _SLOT : 2 * _SLOT + _OWNER_SIZE])
    log, after = (bytes.fromhex(owner[1].decode()), int(owner[2])) if owner else (b"", 0)
    if owner and _owned(log, after) != owner[0]:
        raise LogDamaged(f"cannot read {path}, which holds the last acknowledged event: the log it names is not whole")
    if not valid:
        return Last(0, b"", log, after) if owner else None
    newest = max(valid, key=lambda match: int(match[1]))
    return Last(int(newest[1]), bytes.fromhex(newest[2].decode()), log, after)
