"""Files that are whole or not there, and that their owner alone can read.

Whoever reads a file written here sees the old one or the new one, also after a
power cut.
"""

from __future__ import annotations

import itertools
import logging
import os
import stat
import tempfile
from pathlib import Path

from collector.errors import InvalidInput

log = logging.getLogger(__name__)

FILE_MODE = 0o600
"""Of every file that holds what senders and people wrote, or is known from it."""
FOLDER_MODE = 0o700
"""Of every folder that is made for such files."""


def read_secret(path: str, attempt: str) -> str:
    """The text of a file with a secret, read now, without white space around it.

    ``attempt`` is what it is needed for: ``publish``. Raises :class:`collector.errors.InvalidInput` where it cannot be
    read.
    """
    try:
        return Path(path).read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise InvalidInput(f"cannot {attempt}: the token in {path} cannot be read: {why}") from error


def replace(path: Path, content: bytes, mode: int = FILE_MODE) -> None:
    """Put a whole file in place of another, synced with its folder. Raises OSError, and nothing was changed then."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            os.fchmod(handle, mode)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)  # noqa: PTH105
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    sync(path.parent)


def keep(path: Path) -> Path:
    """Keep a file under a further name before another takes its place: ``NAME.~1~``, then ``NAME.~2~`` …

    What still writes into the file writes into what is kept. A version that is kept already is not kept twice. Raises
    OSError.
    """
    content = path.read_bytes()
    for number in itertools.count(1):
        copy = path.with_name(f"{path.name}.~{number}~")
        try:
            _linked(path, copy, content)
        except FileExistsError:
            if copy.read_bytes() == content:
                return copy
        else:
            sync(path.parent)
            return copy
    raise AssertionError("itertools.count() ended")


def _linked(path: Path, copy: Path, content: bytes) -> None:
    """The file under a second name; as a copy where the file system knows no second names."""
    try:
        copy.hardlink_to(path)
    except FileExistsError:
        raise
    except OSError:
        with copy.open("xb") as file:
            file.write(content)
            os.fchmod(file.fileno(), stat.S_IMODE(path.stat().st_mode))
            os.fsync(file.fileno())


def close_to_others(path: Path) -> None:
    """Take others' rights to a file or a folder away, if it is there; where that cannot be done, say so."""
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & 0o077:
            path.chmod(mode & 0o700)
    except FileNotFoundError:
        pass
    except OSError as error:
        log.warning("others may read %s, and that cannot be changed: %s", path, error.strerror)


def sync(path: Path) -> None:
    """Have what was written to a file, or the names in a folder, be on the disk."""
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
