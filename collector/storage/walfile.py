"""The write-ahead log that SQLite has open: whether it is still at its path, with everything that was written to it.

What it should hold is said by the file that SQLite's connections share
(``-shm``; https://sqlite.org/walformat.html): how many frames there are, and
the checksum of the last one. Files are only read here. The descriptor of the
shared file stays open until every connection is closed: closing one drops all
POSIX locks that the process has on it.
"""

from __future__ import annotations

import os
import struct
import time
from pathlib import Path
from typing import NamedTuple

_INDEX = struct.Struct("=4x4x4xBBHII8s8s8x")
"""Whether it is in use, how checksums are written, page size, frames, pages, checksum of the last frame, salts."""
_COPIED = struct.Struct("=I28xI")
"""Behind both: frames that checkpoints have copied, and up to which one of them has begun to."""
_HEADER, _FRAME = 32, 24
_ATTEMPTS = 50
_PATIENCE = 2.0
"""Seconds in which whoever writes the head of the shared file has written both copies of it, however busy it is."""


class _WalIndex(NamedTuple):
    """What the shared file says of the write-ahead log."""

    page: int
    """Bytes of a page."""
    frames: int
    checksum: bytes
    salts: bytes

    def begin(self) -> int:
        """Where the last frame begins."""
        return _HEADER + (self.frames - 1) * (_FRAME + self.page)


_EMPTY = _WalIndex(0, 0, b"", b"")


class WalFile:
    """The files ``-wal`` and ``-shm`` beside a database; both are there while a connection is open."""

    def __init__(self, database: Path) -> None:
        """Raises OSError where one of them cannot be read."""
        self.path = database.with_name(database.name + "-wal")
        self._file = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            shared = database.with_name(database.name + "-shm")
            self._shared = os.open(shared, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except OSError:
            os.close(self._file)
            raise
        self._open = ((self.path, _identity(os.fstat(self._file))), (shared, _identity(os.fstat(self._shared))))
        self._last_index = self._index() or _EMPTY
        self._copied = (0, 0, b"")
        self._copied = self._checkpoints()

    def difference(self) -> str:
        """How the file differs from what is written to it; empty where it does not. Others may write meanwhile."""
        for path, identity in self._open:
            try:
                status = path.stat()
            except FileNotFoundError:
                return f"{path.name} was removed or moved while it was in use"
            except OSError as error:
                return f"{path.name} cannot be looked at any more ({error.strerror})"
            if _identity(status) != identity:
                return f"another file took the place of {path.name} while it was in use"
        return self.damage()

    def copied_since(self) -> bool:
        """Whether a checkpoint, anybody's, copied something since this was asked last, or is under way."""
        before, self._copied = self._copied, self._checkpoints()
        return self._copied != before or self._copied[1] > self._copied[0]

    def _checkpoints(self) -> tuple[int, int, bytes]:
        header = os.pread(self._shared, 2 * _INDEX.size + _COPIED.size, 0)
        if len(header) < 2 * _INDEX.size + _COPIED.size:
            return self._copied
        copied, begun = _COPIED.unpack_from(header, 2 * _INDEX.size)
        return copied, begun, header[32:40]

    def damage(self) -> str:
        """Whether the last frame is there, and the one that was the last when this was asked before."""
        for _ in range(_ATTEMPTS):
            index = self._index()
            if index is None:
                return f"{self._open[1][0].name} was cut or written over while it was in use"
            if index.frames == 0 or (self._holds(index) and not self._has_hole(index)):
                self._last_index = index
                return ""
            if self._index() == index:
                return f"{self.path.name} was cut or written over while it was written to"
        return ""  # it starts over again and again under our eyes: so it is written to

    def _holds(self, index: _WalIndex) -> bool:
        if os.pread(self._file, 8, 16) != index.salts or not self._has_frame(index):
            return False
        before = self._last_index
        continues = before.salts == index.salts and 0 < before.frames < index.frames
        return not continues or self._has_frame(before)

    def _has_hole(self, index: _WalIndex) -> bool:
        """Whether pages are missing before the last frame, as in a file that was cut and grew again.

        Some file systems keep zeros as holes; but each frame begins with its page's number.
        """
        try:
            hole = os.lseek(self._file, 0, os.SEEK_HOLE)
            return hole < index.begin() and os.lseek(self._file, hole, os.SEEK_DATA) - hole >= index.page
        except OSError:  # nothing but a hole behind it, or a file system that cannot tell
            return False

    def _has_frame(self, index: _WalIndex) -> bool:
        """Whether the last frame of an index is in the file to its last byte."""
        begin = index.begin()
        frame = os.pread(self._file, _FRAME, begin)
        whole = os.fstat(self._file).st_size >= begin + _FRAME + index.page
        return whole and frame[8:16] == index.salts and frame[16:] == _words(index.checksum)

    def _index(self) -> _WalIndex | None:
        """What the shared file says; it says it twice, so that nobody takes a half for the whole. None where it says
        two things, or nothing, and nobody is just writing it."""
        until = 0.0
        while True:
            header = os.pread(self._shared, 2 * _INDEX.size, 0)
            if len(header) == 2 * _INDEX.size and header[: _INDEX.size] == header[_INDEX.size :]:
                break
            until = until or time.monotonic() + _PATIENCE
            if time.monotonic() > until:
                return None
        _, _, page, frames, _, checksum, salts = _INDEX.unpack_from(header)
        return _WalIndex(65536 if page == 1 else page, frames, checksum, salts)

    @property
    def frames(self) -> int:
        """Pages that wait for a checkpoint, or were copied by one and are not written over yet."""
        return self._last_index.frames

    @property
    def at_its_path(self) -> bool:
        """Whether the path names this very file."""
        try:
            return _identity(self.path.stat()) == self._open[0][1]
        except OSError:
            return False

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return os.fstat(self._file).st_size

    def close(self) -> None:
        """Let go of both; only after every connection."""
        for file in (self._file, self._shared):
            if file >= 0:
                os.close(file)
        self._file = self._shared = -1


def _identity(found: os.stat_result) -> tuple[int, int]:
    return found.st_dev, found.st_ino


def _words(checksum: bytes) -> bytes:
    """The two words of a checksum as a frame has them: big-endian."""
    return struct.pack(">II", *struct.unpack("=II", checksum))
