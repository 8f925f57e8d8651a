"""Word that is left beside the log: when it was verified last, backed up, and restored on trial, and whether that went
well.

The daemon tells it to whoever watches. What cannot be written or read is not known, and nothing else hangs on it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec

from collector import files

NAMES = ("verify", "backup", "restore")
"""What word is left of."""
_MODE = 0o644
"""Whoever runs the daemon reads what another user's command left; nothing in it is anybody's content."""


class Upkeep(msgspec.Struct, frozen=True):
    """When something was done last, µs UTC, how, and up to which position of the log."""

    at: int
    well: bool
    position: int


def leave(folder: Path, name: str, record: Upkeep) -> None:
    """Leave word, where that can be: the folder is there once a daemon ran."""
    try:
        if folder.is_dir():
            files.replace(_path(folder, name), msgspec.json.encode(record) + b"\n", _MODE)
    except OSError:
        # A reader of a log need not be able to write beside it.
        return


def read(folder: Path) -> Mapping[str, Upkeep]:
    """What word there is."""
    upkeep: dict[str, Upkeep] = {}
    for name in NAMES:
        try:
            upkeep[name] = msgspec.json.decode(_path(folder, name).read_bytes(), type=Upkeep)
        except (OSError, msgspec.MsgspecError):
            continue
    return upkeep


def _path(folder: Path, name: str) -> Path:
    return folder / f"last-{name}.json"
