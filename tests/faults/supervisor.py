"""A small supervisor: one daemon as a process of its own, started again after whatever ended it."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from tests import forked_follower, forks
from tests.faults.history import now
from tests.processes import pause

PROJECT = Path(__file__).parents[2]
PATIENCE = 120.0
"""Seconds that anything may take before a run says that it did not happen."""
_VERIFIED_WITHIN = 600.0
Process = subprocess.Popen[bytes] | forks.Child
"""One life of a daemon."""
_DIES_WITH_PARENT = 1  # PR_SET_PDEATHSIG of prctl(2)
_libc = ctypes.CDLL(None)


class DidNotHappenError(AssertionError):
    """Something that was waited for."""


async def until(condition: Callable[[], bool | Awaitable[bool]], name: str, patience: float = PATIENCE) -> float:
    """Wait for a condition; the seconds it took."""
    began = now()
    while not await _is_met(condition()):
        waited = now() - began
        if waited > patience:
            raise DidNotHappenError(f"{name}: not within {patience:g} s")
        await asyncio.sleep(pause(waited))
    return now() - began


async def reached(
    goal: float, measure: Callable[[], float | Awaitable[float]], name: str, patience: float = PATIENCE
) -> None:
    """Wait until a measure is at its goal. What goes on is waited for, however slow: it fails where nothing moved.

    ``patience`` is the seconds without a step towards the goal.
    """
    last, moved = float("nan"), now()
    began = moved
    while True:
        measured = measure()
        level = await measured if isinstance(measured, Awaitable) else measured
        if level >= goal:
            return
        if level != last:
            last, moved = level, now()
        elif now() - moved > patience:
            raise DidNotHappenError(f"{name}: at {level:g} and not at {goal:g} after {patience:g} s without a step")
        await asyncio.sleep(pause(now() - began))


async def _is_met(condition: bool | Awaitable[bool]) -> bool:
    return condition if isinstance(condition, bool) else await condition


class Supervisor:
    """Runs ``python -m MODULE serve`` on one port over one database, as often as it is asked to."""

    def __init__(
        self, folder: Path, url: str, *, module: str = "collector", environ: Mapping[str, str] | None = None,
        config: str = "drafts: {enabled: false}\n",
    ) -> None:  # fmt: skip
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.url, self._module = folder, url, module
        self.environ = dict(environ or {})
        self.port = free_port()
        self.said = folder / "stderr"
        self.starts = 0
        self._process: Process | None = None
        self._config = folder / "timelined.yml"
        self._config.write_text(config)

    @property
    def address(self) -> str:
        """Where it listens, in every life."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def process(self) -> Process:
        """The present life, or the last one."""
        assert self._process is not None, "it was never started"
        return self._process

    @property
    def alive(self) -> bool:
        """Whether a process runs."""
        return self._process is not None and self._process.poll() is None

    async def start(self) -> None:
        """Start it and wait until it listens."""
        self.launch()
        await until(self._listens, "the daemon listens")

    def launch(self) -> None:
        """Start it and do not wait."""
        assert not self.alive, "it runs already"
        self._process = self._launched(self._environ())
        self.starts += 1

    def _launched(self, environ: dict[str, str]) -> Process:
        with self.said.open("ab") as log_file, Path(os.devnull).open("r+b") as nothing:
            if forks.possible(environ):
                streams = (nothing.fileno(), nothing.fileno(), log_file.fileno())
                words = self._command()[3:]
                return forks.start(words, self.folder, environ, streams, follower=True, module=self._module)
            return subprocess.Popen(
                self._command(),
                cwd=self.folder,
                env=environ,
                stderr=log_file,
                preexec_fn=die_with_parent,  # noqa: PLW1509 - one system call, and no thread holds a lock it needs
            )

    def _command(self) -> Sequence[str]:
        flags = ("--web.listen-address", f"127.0.0.1:{self.port}", "--log.level", "warning")
        return (sys.executable, "-m", self._module, "serve", *self._where(), *flags)

    def _where(self) -> Sequence[str]:
        return ("--config.file", str(self._config), "--storage.url", self.url)

    def _environ(self) -> dict[str, str]:
        return _inherited() | self.environ

    def _listens(self) -> bool:
        self.require_alive()
        return self.accepts()

    def require_alive(self) -> None:
        """Raises what it ended with, and its last words, where it did: who waits for it would wait in vain."""
        if not self.alive:
            raise DidNotHappenError(f"the daemon ended with {self.process.returncode}: {self.last_words()}")

    def accepts(self) -> bool:
        """Whether a connection to it can be made."""
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def last_words(self) -> str:
        """The end of what it wrote to stderr."""
        return self.said.read_text("utf-8", "replace")[-2000:]

    def kill(self) -> None:
        """SIGKILL, and wait for the end, also of the process that follows the log for it: that dies with it."""
        follower = self.follower_pid()
        self.process.kill()
        self.process.wait()
        until = now() + PATIENCE
        while follower and not _has_ended(follower):
            if now() > until:
                raise DidNotHappenError(f"the follower ends with its daemon: not within {PATIENCE:g} s")
            time.sleep(0.005)

    def follower_pid(self) -> int:
        """The process that follows the log for it; 0 where there is none."""
        return forked_follower.follower_of(self.process.pid)

    def kill_follower(self) -> None:
        """SIGKILL to that process alone."""
        pid = self.follower_pid()
        if pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    async def terminate(self, patience: float = PATIENCE) -> int:
        """SIGTERM, and wait for the end; the exit code."""
        self.process.send_signal(signal.SIGTERM)
        await until(lambda: not self.alive, "the daemon ends after SIGTERM", patience)
        return int(self.process.returncode)

    async def stop_still(self) -> None:
        """SIGSTOP, and wait until every thread of it stands: a system call that had begun is finished first."""
        self.process.send_signal(signal.SIGSTOP)
        await until(lambda: _stands_still(self.process.pid), "the daemon stands still")

    async def verify(self) -> tuple[int, list[dict[str, Any]]]:
        """What ``timelined verify`` says of the log, whether a daemon runs or not: its exit code, what differs.

        It has none of what the daemon's environment does to the daemon.
        """
        words = ("verify", *self._where(), "-o", "json")
        ran = await asyncio.to_thread(forks.run, words, self.folder, _inherited(), _VERIFIED_WITHIN)
        try:
            return ran.returncode, msgspec.json.decode(ran.stdout)["differences"]
        except msgspec.DecodeError:
            return ran.returncode, [{"table": "?", "number": 0, "what": ran.stderr}]

    def close(self) -> None:
        """Whatever happened, it is gone."""
        if self.alive:
            self.kill()


def _inherited() -> dict[str, str]:
    """Our own environment, without what would configure a daemon."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("TIMELINED_")}
    return inherited | {"PYTHONPATH": str(PROJECT)}


def free_port() -> int:
    """A loopback port that nobody listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _stands_still(pid: int) -> bool:
    return _states(pid) == {"T"}


def _has_ended(pid: int) -> bool:
    """Whether no thread of a process runs any more. Who buries an orphan may take seconds to do so."""
    return _states(pid) <= {"Z", "X"}


def _states(pid: int) -> set[str]:
    """What the threads of a process are at, in the kernel's letters; none where there is no such process."""
    states = set()
    for path in Path(f"/proc/{pid}/task").glob("*/stat"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            states.add(path.read_text().rpartition(")")[2].split()[0])
    return states


def die_with_parent() -> None:
    """However the driving process ends, no daemon is left behind."""
    _libc.prctl(_DIES_WITH_PARENT, signal.SIGKILL)
