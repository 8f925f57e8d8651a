"""``python -m collector`` without the second that an interpreter and its imports take each time.

A process of its own imports the command line once. For each command it forks a
child, which gets the command's arguments, folder, environment and streams, and
runs the module as an interpreter would: with its own exit code, its own signals
and its own end. What a fresh interpreter has and a fork has not (``LD_PRELOAD``,
a hash seed) is for :mod:`subprocess`; so is any system without ``pidfd_open``.

A child that starts commands itself can be given a process of its own that forks
them: a fork of what it is made from, so that it imports nothing anew.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import json
import os
import random
import select
import signal
import socket
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from typing import Any, NoReturn

from tests import forked_follower

PROJECT = Path(__file__).parents[1]
COMMAND = "collector"
"""The module that ``timelined`` runs."""
LARGEST = 1 << 20
"""Bytes that a request may have."""
_DIES_WITH_PARENT = 1  # PR_SET_PDEATHSIG of prctl(2)
_NETWORK = 0x40000000  # CLONE_NEWNET of setns(2)
_STREAMS = 3
_IMPORTED_LATE = (
    "aiosqlite", "apscheduler.executors.asyncio", "apscheduler.triggers.interval", "collector.cli.client",
    "collector.cli.progress", "collector.cli.verdicts", "collector.telemetry.log_output", "encodings.idna",
)  # fmt: skip
"""What a daemon or a command imports only once it is needed."""
_NEEDS_AN_INTERPRETER = ("LD_PRELOAD", "PYTHONHASHSEED", "PYTHONWARNINGS", "FAKETIME")


class Child:
    """A command that runs or has ended: what :class:`subprocess.Popen` says of one."""

    def __init__(self, pid: int, ended: socket.socket) -> None:
        self.pid = pid
        self.returncode: int | Any = None
        self._ended = ended
        # Not in __del__: what is found unreachable together is finalized in any order, and a socket that comes first
        # warns that nobody closed it.
        weakref.finalize(self, ended.close)

    def poll(self) -> int | None:
        """The exit code, or None while it runs."""
        return self._look(0.0)

    def wait(self, timeout: float | None = None) -> int:
        """The exit code, once it has ended. Raises subprocess.TimeoutExpired after so many seconds."""
        code = self._look(timeout)
        if code is None:
            raise subprocess.TimeoutExpired(f"process {self.pid}", timeout or 0.0)
        return code

    def _look(self, seconds: float | None) -> int | None:
        if self.returncode is None and select.select([self._ended], [], [], seconds)[0]:
            status = self._ended.recv(64)
            assert status, "the process that forks is gone"
            self.returncode = os.waitstatus_to_exitcode(int(status))
            self._ended.close()
        code: int | None = self.returncode
        return code

    def send_signal(self, number: int) -> None:
        """Send a signal, unless it is known to have ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """SIGTERM."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL."""
        self.send_signal(signal.SIGKILL)


class Forks:
    """The process that forks, for as long as this one lives."""

    def __init__(self, control: socket.socket, ended: Callable[[], object]) -> None:
        self._control, self._ended = control, ended
        self._lock = threading.Lock()
        control.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, LARGEST)

    @classmethod
    def started(cls) -> Forks:
        """An interpreter that imports what commands need."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        environ = os.environ | {"PYTHONPATH": str(PROJECT)}
        with theirs:
            command = [sys.executable, "-m", "tests.forks", str(theirs.fileno())]
            return cls(ours, subprocess.Popen(command, env=environ, pass_fds=(theirs.fileno(),)).wait)

    def start(
        self,
        arguments: Sequence[str],
        folder: Path,
        environ: Mapping[str, str],
        streams: Sequence[int],
        **more: Any,
    ) -> Child:
        """Run a module with these arguments, as ``python -m`` does; stdin, stdout and stderr are ``streams``, and what
        stands behind them is a socket that listens.
        """
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        request = {"arguments": list(arguments), "folder": str(folder), "environ": dict(environ), **more}
        request["listens"] = len(streams) > _STREAMS
        with theirs, self._lock:
            socket.send_fds(self._control, [json.dumps(request).encode()], [theirs.fileno(), *streams])
        return Child(int(ours.recv(64)), ours)

    def close(self) -> None:
        """It ends, and has no children of ours left by then."""
        self._control.close()
        self._ended()


_forks: Forks | None = None
_making = threading.Lock()


def possible(environ: Mapping[str, str]) -> bool:
    """Whether a command with this environment needs no interpreter of its own."""
    return hasattr(os, "pidfd_open") and not any(name in environ for name in _NEEDS_AN_INTERPRETER)


def start(
    arguments: Sequence[str],
    folder: Path,
    environ: Mapping[str, str],
    streams: Sequence[int],
    *,
    follower: bool = False,
    within: bool = False,
    module: str = COMMAND,
    network: str = "",
) -> Child:
    """Run ``timelined`` with these arguments, in a process of its own; ``follower`` forks also that of a daemon.

    ``streams`` are stdin, stdout and stderr, and behind them a socket that listens, handed over as systemd does it.
    With ``within`` it can fork commands of its own; ``network`` is the namespace that it has for its network.
    """
    with _making:
        forks = _forks or _keep(Forks.started())
    return forks.start(
        arguments, folder, environ, streams, follower=follower, within=within, module=module, network=network
    )


def _keep(forks: Forks) -> Forks:
    global _forks  # noqa: PLW0603 - one for each process that runs tests
    _forks = forks
    atexit.register(forks.close)
    return forks


def inherited(control: socket.socket, pid: int) -> None:
    """Say that another process, a child of this one, forks what this one starts."""
    _keep(Forks(control, partial(os.waitpid, pid, 0)))


def fork_commands() -> None:
    """Have :class:`subprocess.Popen` fork, from now on, a ``timelined`` that writes to files."""
    popen = subprocess.Popen

    def fork(command: Sequence[str], *, env: Mapping[str, str] | None = None, **more: Any) -> Any:
        environ = os.environ if env is None else env
        files = [more.get(name) for name in ("stdout", "stderr")]
        to_files = more.keys() == {"stdout", "stderr"} and all(hasattr(each, "fileno") for each in files)
        if list(command[:3]) != [sys.executable, "-m", COMMAND] or not to_files or not possible(environ):
            return popen(command, env=env, **more)
        with Path(os.devnull).open("rb") as nothing:
            streams = (nothing.fileno(), *(each.fileno() for each in files if each is not None))
            return start(command[3:], Path.cwd(), environ, streams, follower=True)

    setattr(subprocess, "Popen", fork)  # noqa: B010 - it is a type, and what we put there is none


def ready() -> bool:
    """Whether there is a process that forks already."""
    return _forks is not None


def run(
    arguments: Sequence[str],
    folder: Path,
    environ: Mapping[str, str],
    seconds: float = 60.0,
    module: str = COMMAND,
    *,
    within: bool = False,
    stdin: int | None = None,
    stdout: int | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run ``timelined``, or another module, to its end; in an interpreter of its own where it needs one.

    ``stdin`` is a descriptor to read from instead of nothing, ``stdout`` one to write to, of which nothing is returned.
    """
    if not possible(environ):
        command = [sys.executable, "-m", module, *arguments]
        return subprocess.run(
            command, cwd=folder, env=environ, text=True, timeout=seconds, check=False, stdin=stdin,
            stdout=subprocess.PIPE if stdout is None else stdout, stderr=subprocess.PIPE,
        )  # fmt: skip
    with Path(os.devnull).open("rb") as nothing, TemporaryFile() as output, TemporaryFile() as stderr:
        streams = (
            nothing.fileno() if stdin is None else stdin, output.fileno() if stdout is None else stdout,
            stderr.fileno(),
        )  # fmt: skip
        child = start(arguments, folder, environ, streams, within=within, module=module)
        try:
            code = child.wait(seconds)
        finally:
            child.kill()
        output.seek(0)
        stderr.seek(0)
        return subprocess.CompletedProcess(arguments, code, output.read().decode(), stderr.read().decode())


# The process that forks


def serve(control: socket.socket) -> dict[str, Any] | None:
    """Fork a child for each request; in a child the request is returned, at the end of all of them nothing."""
    running: dict[int, tuple[int, socket.socket]] = {}
    while True:
        ready, _, _ = select.select([control.fileno(), *running], [], [])
        for ended in running.keys() & set(ready):
            os.close(ended)
            _report(*running.pop(ended))
        if control.fileno() not in ready:
            continue
        data, descriptors, _, _ = socket.recv_fds(control, LARGEST, 1 + _STREAMS + 1)
        if not data:
            return None
        pid = os.fork()
        if pid == 0:
            _become(descriptors)
            request: dict[str, Any] = json.loads(data)
            return request
        asker = socket.socket(fileno=descriptors[0])
        for descriptor in descriptors[1:]:
            os.close(descriptor)
        running[os.pidfd_open(pid)] = (pid, asker)
        with contextlib.suppress(OSError):
            asker.send(str(pid).encode())


def _report(pid: int, asker: socket.socket) -> None:
    """Say how a child ended; whoever asked for it may have gone."""
    status = os.waitpid(pid, 0)[1]
    with asker, contextlib.suppress(OSError):
        asker.send(str(status).encode())


def _become(descriptors: list[int]) -> None:
    """The child's streams are those that were sent, nothing else is open, and it does not outlive who forked it."""
    ctypes.CDLL(None).prctl(_DIES_WITH_PARENT, signal.SIGKILL)
    for number, descriptor in enumerate(descriptors[1:]):
        os.dup2(descriptor, number)
    os.closerange(len(descriptors) - 1, max(descriptors) + 64)
    sys.stdin = os.fdopen(0, "r", encoding="utf-8", closefd=False)
    sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
    sys.stderr = os.fdopen(2, "w", 1, encoding="utf-8", errors="backslashreplace", closefd=False)


def _enter(network: str) -> None:
    """Have the network of a namespace, as ``ip netns exec`` gives it."""
    libc = ctypes.CDLL(None, use_errno=True)
    with Path("/run/netns", network).open("rb") as namespace:
        if libc.setns(namespace.fileno(), _NETWORK):
            raise OSError(ctypes.get_errno(), f"cannot enter the network {network}")


def _open_a_log() -> None:
    """Open a log of our own once, with its lists: what is compiled and looked up for that each child has from here.

    It was a sixth of the processor time of a daemon's start.
    """
    import asyncio

    from collector import daemon
    from collector.settings import load_settings
    from tests import compiled

    async def opened(url: str) -> None:
        async with daemon.offline(load_settings(None, {}, {"storage.url": url})):
            pass

    compiled.share()
    with TemporaryDirectory() as folder:
        asyncio.run(opened(f"sqlite:///{folder}/timelined.db"))


def main() -> None:
    """Import what a command needs, then fork whenever it is asked for."""
    import gc
    import importlib
    import runpy

    import collector.cli
    import collector.following.work
    import collector.log.postgres
    import collector.web.pages

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    collector.cli.every_command()
    collector.web.pages.prepare()
    for name in (*_IMPORTED_LATE, *(("uvloop",) if sys.platform != "win32" else ())):
        importlib.import_module(name)
    _open_a_log()
    gc.freeze()
    control = socket.socket(fileno=int(sys.argv[1]))
    while (request := serve(control)) and request["within"]:
        control.detach()  # of the process above, and closed
        ours, control = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        pid = os.fork()
        if pid:
            control.close()
            module = importlib.import_module("tests.forks")
            module.inherited(ours, pid)
            if request["module"] == COMMAND:
                module.fork_commands()
            break
        ctypes.CDLL(None).prctl(_DIES_WITH_PARENT, signal.SIGKILL)
        ours.close()
    if request is None:
        return
    os.chdir(request["folder"])
    if request["network"]:
        _enter(request["network"])
    if request["follower"] and forked_follower.fork():
        runpy.run_module(forked_follower.MODULE, run_name="__main__", alter_sys=True)
        return
    signal.signal(signal.SIGINT, signal.default_int_handler)
    random.seed()
    os.environ.clear()
    os.environ.update(request["environ"])
    if request["listens"]:
        os.environ |= {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "1"}
    sys.argv = [request["module"], *request["arguments"]]
    forked_follower.customise(request["module"])
    runpy.run_module(request["module"], run_name="__main__", alter_sys=True)


def end(code: int) -> NoReturn:
    """End as an interpreter does, but for taking apart its modules: that takes ten times as long as a short command."""
    getattr(threading, "_shutdown")()  # noqa: B009 - waits for threads; neither has a public name
    getattr(atexit, "_run_exitfuncs")()  # noqa: B009
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    try:
        main()
    except SystemExit as ended:
        if ended.code is not None and not isinstance(ended.code, int):
            raise
        end((ended.code or 0) & 0xFF)
    end(0)
