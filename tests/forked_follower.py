"""The followers of a forked daemon, without the second that an interpreter and its imports take each time.

Beside a daemon that is forked a child of it is forked, which waits. For each
follower that the daemon starts it forks a sibling: a process with the same
parent, which runs the module that an interpreter would be given, with the one
socket, the environment and the parent that it would have. A daemon that was
not forked starts interpreters, as in the product.
"""

from __future__ import annotations

import asyncio
import ctypes
import json
import os
import random
import runpy
import signal
import socket
import sys
from asyncio.subprocess import create_subprocess_exec
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

MODULE = "collector.following.child"
_NAME = "follower"
"""What the kernel calls the process from when it follows; its command line stays that of whoever forked it."""
_DIES_WITH_PARENT, _SET_NAME, _TAKES_ORPHANS_IN = 1, 15, 36
"""PR_SET_PDEATHSIG, PR_SET_NAME and PR_SET_CHILD_SUBREAPER of prctl(2)."""
_LARGEST = 1 << 20


class Started(Protocol):
    """What a daemon asks of the process that it has started."""

    pid: int

    @property
    def returncode(self) -> int | None: ...

    def kill(self) -> None: ...

    async def wait(self) -> int: ...


class Follower:
    """A child that follows: what :class:`asyncio.subprocess.Process` says of one."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        loop = asyncio.get_running_loop()
        self._ended: asyncio.Future[int] = loop.create_future()
        self._descriptor = os.pidfd_open(pid)
        loop.add_reader(self._descriptor, self._bury)

    def _bury(self) -> None:
        asyncio.get_running_loop().remove_reader(self._descriptor)
        os.close(self._descriptor)
        self.returncode = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        self._ended.set_result(self.returncode)

    def kill(self) -> None:
        """SIGKILL."""
        os.kill(self.pid, signal.SIGKILL)

    async def wait(self) -> int:
        """The exit code, once it has ended."""
        return await asyncio.shield(self._ended)


class Waiting:
    """A child of this process that forks a follower whenever one is started."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control

    async def start(
        self, program: str, *arguments: str, pass_fds: Sequence[int], stdin: int, env: Mapping[str, str]
    ) -> Started:
        """In the place of :func:`create_subprocess_exec`, which it is for anything else."""
        if arguments[:2] != ("-m", MODULE):
            return await create_subprocess_exec(program, *arguments, pass_fds=pass_fds, stdin=stdin, env=env)
        socket.send_fds(self._control, [json.dumps(dict(env)).encode()], pass_fds)
        return Follower(int(self._control.recv(64)))


def fork() -> bool:
    """Fork a child that waits to fork followers. True in each of these, once it is to follow: run :data:`MODULE`."""
    from collector.daemon import follower_process

    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _LARGEST)
    parent = os.getpid()
    ctypes.CDLL(None).prctl(_TAKES_ORPHANS_IN, 1)
    if os.fork():
        theirs.close()
        setattr(follower_process, "create_subprocess_exec", Waiting(ours).start)  # noqa: B010 - it exports it not
        return False
    ours.close()
    os.closerange(3, theirs.fileno())  # no socket that the daemon was handed
    _wait(parent, theirs)
    return True


def _wait(parent: int, control: socket.socket) -> None:
    """Return with the streams, environment and arguments of a follower's interpreter, in each process that is forked.

    The one that forks ends where nobody asks any more.
    """
    prctl = ctypes.CDLL(None).prctl
    prctl(_DIES_WITH_PARENT, signal.SIGKILL)
    while True:
        data, descriptors, _, _ = socket.recv_fds(control, _LARGEST, 1)
        if not data or os.getppid() != parent:
            os._exit(0)
        pid = _forked_beside()
        if pid == 0:
            break
        os.close(descriptors[0])
        control.send(str(pid).encode())
    prctl(_DIES_WITH_PARENT, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(0)
    prctl(_SET_NAME, _NAME.encode())
    control.close()
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    random.seed()
    os.environ.clear()
    os.environ.update(json.loads(data))
    sys.argv = [MODULE, str(descriptors[0])]
    customise(MODULE)


def _forked_beside() -> int:
    """As :func:`os.fork`; the new process is a child of our parent, which alone can wait for it.

    Whoever forked it ends at once, and our parent takes orphans in.
    """
    (pids, pid_sent), (start, start_end) = os.pipe(), os.pipe()
    between = os.fork()
    if between == 0:
        pid = os.fork()
        if pid:
            os.write(pid_sent, str(pid).encode())
            os._exit(0)
        os.close(start_end)
        os.read(start, 1)
    else:
        os.waitpid(between, 0)
        pid = int(os.read(pids, 64))
        os.close(start_end)
    for descriptor in (pids, pid_sent, start):
        os.close(descriptor)
    return pid


def customise(module: str) -> None:
    """Run the ``sitecustomize`` that an interpreter with this environment would run before it runs a module."""
    sys.orig_argv = [sys.executable, "-m", module, *sys.argv[1:]]
    for folder in os.environ.get("PYTHONPATH", "").split(os.pathsep):
        if folder and (own := Path(folder, "sitecustomize.py")).exists():
            runpy.run_path(str(own))
            return


def follower_of(pid: int) -> int:
    """The process that follows the log for a daemon; 0 where there is none."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return 0
    return next((int(child) for child in children if _follows(Path(f"/proc/{child}"))), 0)


def _follows(process: Path) -> bool:
    try:
        return MODULE in (process / "cmdline").read_text() or (process / "comm").read_text().strip() == _NAME
    except OSError:
        return False
