"""Disks of our own: a small tmpfs that gets full, and a file system in a file whose power can be cut."""

from __future__ import annotations

import filecmp
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.faults.report import Skipped

_ATTEMPTS = 20


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, text=True)


def _mount_or_skip(*arguments: str) -> None:
    """The first mount of a run: where it is refused, no other would be allowed either."""
    if os.geteuid() != 0:
        raise Skipped("mounting needs root", kernel=True)
    try:
        _run("mount", *arguments)
    except subprocess.CalledProcessError as error:
        raise Skipped(f"the kernel refuses to mount here: {error.stderr.strip()}", kernel=True) from error


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    """A tmpfs of a few megabytes; :func:`resize` makes room on it."""
    folder.mkdir(parents=True)
    _mount_or_skip("-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder))
    try:
        yield folder
    finally:
        _run("umount", "--lazy", str(folder))


def resize(folder: Path, size: str) -> None:
    """Make a small disk larger or smaller while it is in use."""
    _run("mount", "-o", f"remount,size={size}", str(folder))


class Image:
    """An ext4 file system in a file, mounted through a loop device.

    What is in the file is what reached the disk. What only stands in the page cache of the file system inside is not
    in it: that is what a power cut takes. (A drive that lies about its own cache is not simulated.)
    """

    def __init__(self, folder: Path, megabytes: int = 192) -> None:
        self.mountpoint = folder / "mounted"
        self.mountpoint.mkdir(parents=True)
        self._file, self._copy = folder / "disk", folder / "disk-after-the-cut"
        with self._file.open("wb") as file:
            file.truncate(megabytes << 20)
        if shutil.which("mkfs.ext4") is None:
            raise Skipped("mkfs.ext4 is not installed")
        _run("mkfs.ext4", "-q", "-F", str(self._file))

    def mount(self, options: str = "") -> None:
        """Mount it; a journal that was left is replayed."""
        _run("mount", *self._what(options))

    def mount_or_skip(self) -> None:
        """The same, for the first time."""
        _mount_or_skip(*self._what(""))

    def _what(self, options: str) -> tuple[str, ...]:
        return ("-o", ",".join(("loop", *filter(None, [options]))), str(self._file), str(self.mountpoint))

    def unmount(self) -> None:
        """Let go of it and of its loop device."""
        _run("umount", str(self.mountpoint))

    def photograph(self) -> None:
        """Copy what is on the disk now. Whoever writes to it must stand still.

        The kernel may still write back on its own meanwhile, so the copy is compared with the disk afterwards: two
        readings in a row that are equal are one state.
        """
        for _ in range(_ATTEMPTS):
            _run("cp", "--sparse=always", str(self._file), str(self._copy))
            if filecmp.cmp(self._file, self._copy, shallow=False):
                return
        raise AssertionError("the disk never stood still")

    def lose_power(self) -> None:
        """From here on the disk is what was photographed. Nobody may have it open."""
        self.unmount()
        self._copy.replace(self._file)


@contextmanager
def image(folder: Path) -> Iterator[Image]:
    """An image, mounted for the length of the block, however it ends."""
    disk = Image(folder)
    disk.mount_or_skip()
    try:
        yield disk
    finally:
        if os.path.ismount(disk.mountpoint):
            _run("umount", "--lazy", str(disk.mountpoint))


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="timelined-faults-") as folder:
        yield Path(folder)
