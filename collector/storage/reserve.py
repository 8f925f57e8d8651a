"""A little room on the disk that nobody else can take: a start over a full disk uses it.

SQLite reads and writes through a file that it shares out among connections
(``-shm``), which is gone after a proper stop. On a full disk it cannot be made
again, and without it nothing can even be read. So a few kilobytes are kept in
a file beside the database, given up when a start finds no room, and put back
once there is some.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from collector.files import FILE_MODE, close_to_others, sync

SIZE = 128 << 10
"""Bytes: the shared file takes 32 KiB for every 4096 pages that a dead process left in the write-ahead log."""


class Reserve:
    """The file ``<database>.reserve``. Used by whoever holds the writer's lock."""

    def __init__(self, database: Path) -> None:
        self.path = database.with_name(database.name + ".reserve")
        self._reserved = False

    def keep(self) -> None:
        """Have the room, where there is any; called as often as one likes."""
        if self._reserved:
            return
        close_to_others(self.path)
        with suppress(OSError):
            if not (self.path.exists() and self.path.stat().st_size == SIZE):
                self._make()
            self._reserved = True

    def _make(self) -> None:
        handle = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
        try:
            # Written, not only promised: some file systems take zeros that were never written for a hole.
            size_written = os.write(handle, os.urandom(SIZE))
        finally:
            os.close(handle)
        if size_written < SIZE:
            self.path.unlink()
            raise OSError("no room")

    def give_up(self) -> bool:
        """Let go of it; whether there was any."""
        self._reserved = False
        try:
            self.path.unlink()
            sync(self.path.parent)
        except OSError:
            return False
        return True
