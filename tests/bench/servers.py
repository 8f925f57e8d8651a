"""Servers that a benchmark starts: each a process of its own, ended with the benchmark, its processor time counted."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple

from tests import forks

PATIENCE = 30.0
"""Seconds that starting or stopping may take."""
ROOT = Path(__file__).parents[2]


class Running(NamedTuple):
    """A server that takes connections."""

    port: int
    pids: tuple[int, ...]
    """Its process and those that work for it, a database's for one; their children count with them."""


@contextmanager
def server(*command: str, beside: tuple[int, ...] = (), cwd: Path = ROOT) -> Iterator[Running]:
    """A server module of ours, ``PORT`` in its arguments standing for a free port; ``beside`` are its helpers' pids."""
    environ = os.environ | {"PYTHONPATH": str(ROOT)}
    with _serving(command, partial(module, cwd, environ)) as (port, pid):
        yield Running(port, (pid, *beside))


Started = subprocess.Popen[bytes] | forks.Child


def module(cwd: Path, environ: Mapping[str, str], command: Sequence[str]) -> Started:
    """Start a module of ours with its arguments: an interpreter, or a fork where nothing is measured."""
    return (_forked if forks.ready() else _interpreted)(cwd, environ, command)


def _interpreted(cwd: Path, environ: Mapping[str, str], command: Sequence[str]) -> Started:
    return subprocess.Popen([sys.executable, "-m", *command], cwd=cwd, env=environ)


def _forked(cwd: Path, environ: Mapping[str, str], command: Sequence[str]) -> Started:
    """Where nothing is measured: in a test."""
    name, *arguments = command
    follower = name == forks.COMMAND
    with Path(os.devnull).open("rb") as nothing:
        streams = (nothing.fileno(), 1, 2)
        return forks.start(arguments, cwd, environ, streams, follower=follower, module=name)


@contextmanager
def process(*command: str, cwd: Path = ROOT, env: Mapping[str, str] | None = None) -> Iterator[tuple[int, int]]:
    """Any server, ``PORT`` standing for a free port: that port and its pid, once it takes connections."""
    with _serving(command, lambda named: subprocess.Popen(named, cwd=cwd, env=env)) as started:
        yield started


@contextmanager
def _serving(command: Sequence[str], start: Callable[[Sequence[str]], Started]) -> Iterator[tuple[int, int]]:
    port = free_port()
    with_port = [part.replace("PORT", str(port)) for part in command]
    started = start(with_port)
    try:
        _await(port, started, with_port)
        yield port, started.pid
    finally:
        end(started)


def end(started: Started, how: signal.Signals = signal.SIGTERM) -> None:
    """Ask a process to end; make it, where it does not."""
    started.send_signal(how)
    try:
        started.wait(PATIENCE)
    except BaseException:
        started.kill()
        started.wait()
        raise


def free_port() -> int:
    """A loopback port nobody listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _await(port: int, started: Started, command: Sequence[str]) -> None:
    until = time.monotonic() + PATIENCE
    while started.poll() is None and time.monotonic() < until:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise SystemExit(f"cannot measure: the server on port {port} did not start ({command!r})")


def cpu(pids: tuple[int, ...]) -> float:
    """Processor seconds so far of processes and all their descendants, those that ended included."""
    stats = dict(_stats())
    ticks = sum(int(field) for pid in _families(pids, stats) for field in stats[pid][11:15])
    return ticks / os.sysconf("SC_CLK_TCK")


def resident(pids: tuple[int, ...]) -> float:
    """MB of memory that processes and all their descendants hold; what several of them share counts once."""
    kilobytes = 0
    for pid in _families(pids, dict(_stats())):
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text("ascii").splitlines()
        kilobytes += next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return kilobytes / 1024


def _families(pids: tuple[int, ...], stats: Mapping[int, list[str]]) -> set[int]:
    """Those of the processes that still run, and all their descendants."""
    wanted_pids, before = set(pids), 0
    while before < len(wanted_pids):
        before = len(wanted_pids)
        wanted_pids |= {pid for pid, fields in stats.items() if int(fields[1]) in wanted_pids}
    return wanted_pids & stats.keys()


def _stats() -> Iterator[tuple[int, list[str]]]:
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                yield int(folder.name), folder.joinpath("stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue  # it ended meanwhile


def settle(pids: tuple[int, ...], patience: float = 10.0) -> None:
    """Wait until a server has nothing left to do, so that what it still owes does not slow the next one."""
    until = time.monotonic() + patience
    before = cpu(pids)
    while time.monotonic() < until:
        time.sleep(0.05)
        now = cpu(pids)
        if now - before < 0.015:
            return
        before = now
