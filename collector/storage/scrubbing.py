"""Leaving nothing of what was removed in SQLite's files.

``secure_delete`` overwrites a row as it is deleted, and that is not all: a
B-tree that was balanced keeps copies of rows it moved (measured: hundreds of
remains in tables with random keys), and the write-ahead log holds pages as they
were. So the file is written anew from the rows that are left (VACUUM), and the
log beside it is emptied.
"""

from __future__ import annotations

import shutil
import sqlite3
import time

from collector.storage.disk import Disk

_PATIENCE = 5.0
"""Seconds to wait for readers in other processes, which may still look at pages as they were."""


def scrub(connection: sqlite3.Connection, disk: Disk) -> str:
    """Write the file anew and empty its write-ahead log; why something may be left, or empty where nothing is.

    Takes as long as copying the file, and as much free space again. Nothing else may be written meanwhile.
    """
    size, free = disk.path.stat().st_size, shutil.disk_usage(disk.path.parent).free
    if free < 2 * size:
        return f"writing the file anew needs {2 * size >> 20} MiB of free space, and there are {free >> 20} MiB"
    until = time.monotonic() + _PATIENCE
    try:
        _patiently(connection, "VACUUM", until)
        while True:
            if disk.emptied(connection):
                return ""
            if time.monotonic() > until:
                return "another process reads the database, which keeps its write-ahead log from being emptied"
            time.sleep(0.02)
    except sqlite3.Error as error:
        disk.notice(error)
        return f"the file could not be written anew: {error}"


def _patiently(connection: sqlite3.Connection, statement: str, until: float) -> None:
    """Run a statement once no other program holds SQLite's lock."""
    while True:
        try:
            connection.execute(statement)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
            time.sleep(0.02)
        else:
            return
