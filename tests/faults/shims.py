"""Libraries put under a daemon: a disk whose fsync fails, and a clock that steps."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from tests.faults.report import Skipped

_FAKETIME = (
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib64/faketime/libfaketimeMT.so.1",
    "/usr/local/lib/faketime/libfaketimeMT.so.1",
)


class FailingSync:
    """After :meth:`fail` the next sync of the daemon's database fails with EIO, and those after it seem to work."""

    def __init__(self, folder: Path) -> None:
        self._switch = folder / "sync-fails"
        self.environ = {"LD_PRELOAD": _built("failing_sync", folder), "FAIL_SYNC": str(self._switch)}

    def fail(self) -> None:
        """The next one."""
        self._switch.touch()


class SlowSync:
    """While it is told to, each sync of the daemon's log takes long, and succeeds."""

    def __init__(self, folder: Path) -> None:
        self._switch = folder / "sync-slow"
        self.environ = {"LD_PRELOAD": _built("slow_sync", folder), "SLOW_SYNC": str(self._switch)}

    def slow(self, seconds: float) -> None:
        """Each takes so long from now on."""
        self._switch.write_text(f"{round(seconds * 1000)}\n")

    def work(self) -> None:
        """As ever."""
        self._switch.unlink(missing_ok=True)


def _built(name: str, folder: Path) -> str:
    """The path of a library made from a source beside the tests."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        raise Skipped("there is no C compiler for the library that hurts fsync; install gcc and libc6-dev")
    folder.mkdir(parents=True, exist_ok=True)
    library, source = folder / f"{name}.so", Path(__file__).parents[1] / f"{name}.c"
    command = [compiler, "-shared", "-fPIC", "-o", str(library), str(source), "-ldl"]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    if built.returncode:
        raise Skipped(f"the library that hurts fsync cannot be built: {built.stderr.strip()[-300:]}")
    return str(library)


class SteppedClock:
    """The daemon's wall clock, as far from ours as :meth:`step` says; its monotonic clock stays what it is."""

    def __init__(self, folder: Path) -> None:
        library = next((path for path in _FAKETIME if Path(path).exists()), None)
        if library is None:
            raise Skipped("libfaketime is not installed; on Debian: apt-get install libfaketime")
        folder.mkdir(parents=True, exist_ok=True)
        self._file = folder / "clock"
        self.step("+0")
        self.environ = {
            "LD_PRELOAD": library,
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DISABLE_SHM": "1",
            # With the fix for an old C library every wait for the interpreter ends at once, and begins again.
            "FAKETIME_FORCE_MONOTONIC_FIX": "0",
            # Otherwise timers stand still, which no step of a real clock does.
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }

    def step(self, offset: str) -> None:
        """``-1h``, ``+24h``: within a second, under the running daemon."""
        made = self._file.with_suffix(".new")
        made.write_text(offset + "\n")
        made.replace(self._file)  # never half written
