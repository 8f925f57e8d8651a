"""What is kept of the log beside its database, in a folder of its own.

    acknowledged            the last acknowledged event (``acknowledged.py``)
    checkpoints/ORIGIN/     every checkpoint as a file, and the latest of each tree

A database can be replaced by an older or an altered one, checkpoints included;
what lies elsewhere shows it. Copy the folder to another machine, or let
somebody else keep it, and nobody can rewrite the log unseen.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from collector.errors import LogDamaged
from collector.files import FOLDER_MODE, replace
from collector.proof.checkpoint import TREES, Checkpoint, parse

ACKNOWLEDGED = "acknowledged"
_NAME = re.compile(rf"({'|'.join(TREES)})-(\d{{20}}|latest)")


class ProofFolder:
    """The folder beside one database, for one origin. Nothing is made before something is written."""

    def __init__(self, folder: Path, origin: str) -> None:
        self.folder = folder
        self.checkpoints = folder / "checkpoints" / quote(origin, safe="")

    @property
    def acknowledged(self) -> Path:
        """Where the last acknowledged event is kept."""
        return self.folder / ACKNOWLEDGED

    def latest(self, tree: str) -> Checkpoint | None:
        """The latest checkpoint kept of a tree. Raises :class:`LogDamaged` where it cannot be read, and OSError."""
        path = self.checkpoints / f"{tree}-latest"
        try:
            return parse(path.read_bytes().decode())
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise LogDamaged(f"cannot read the checkpoint {path}: {error}; restore it from a copy") from error

    def keep(self, tree: str, note: str) -> None:
        """Write a checkpoint under its size, and then as the latest. Raises OSError."""
        for folder in (self.folder, self.checkpoints.parent, self.checkpoints):
            folder.mkdir(FOLDER_MODE, parents=True, exist_ok=True)
        for name in (f"{parse(note).size:020}", "latest"):
            replace(self.checkpoints / f"{tree}-{name}", note.encode())

    def every(self) -> set[bytes]:
        """What is in every checkpoint there, under whatever name the log had when it was sealed."""
        return {path.read_bytes() for path in self.checkpoints.parent.glob("*/*") if _NAME.fullmatch(path.name)}

    def checkpoint_files(self) -> Iterator[tuple[str, str, bytes]]:
        """Every checkpoint there: its tree, its file's name, and what is in it."""
        if self.checkpoints.is_dir():
            for path in sorted(self.checkpoints.iterdir()):
                if match := _NAME.fullmatch(path.name):
                    yield match[1], path.name, path.read_bytes()
