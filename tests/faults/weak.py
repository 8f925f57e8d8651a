"""The daemon with ``synchronous=OFF``: what a power cut must be seen to take, or the simulation proves nothing.

python -m tests.faults.weak serve …
"""

from __future__ import annotations

import re
import sqlite3
from typing import Any

from collector.cli import main

_SYNCHRONOUS = re.compile(r"synchronous = \w+", re.IGNORECASE)


class Weak(sqlite3.Connection):
    """A connection that never waits for the disk, whatever it is told."""

    def execute(self, statement: str, *values: Any) -> sqlite3.Cursor:
        """The statement, without its care."""
        return super().execute(_SYNCHRONOUS.sub("synchronous = OFF", statement), *values)


def _connect(*arguments: Any, **more: Any) -> sqlite3.Connection:
    connection: sqlite3.Connection = _really_connect(*arguments, **more | {"factory": Weak})
    connection.execute("PRAGMA synchronous = OFF")
    return connection


_really_connect = sqlite3.connect
sqlite3.connect = _connect  # type: ignore[assignment]

if __name__ == "__main__":
    main()
