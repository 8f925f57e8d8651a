"""The follower of a forked daemon, without the second that an interpreter and its imports take each time.

Beside a daemon that is forked a child of it is forked, which waits. The first
follower that the daemon starts is that child: it runs the module that an
interpreter would be given, with the one socket, the environment and the parent
that it would have. Every further follower of a daemon, and every one of a
daemon that was not forked, is an interpreter of its own, as in the product.
"""

from __future__ import annotations

import asyncio
import ctypes
import json
import os
import random
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
_DIES_WITH_PARENT, _SET_NAME = 1, 15  # PR_SET_PDEATHSIG and PR_SET_NAME of prctl(2)
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
    """A child of this process that is the follower once one is started."""

    def __init__(self, pid: int, control: socket.socket) -> None:
        self._pid, self._control = pid, control
        self._used = False

    async def start(
        self, program: str, *arguments: str, pass_fds: Sequence[int], stdin: int, env: Mapping[str, str]
    ) -> Started:
        """In the place of :func:`create_subprocess_exec`, which it is from the second time on."""
        if self._used or arguments[:2] != ("-m", MODULE):
            return await create_subprocess_exec(program, *arguments, pass_fds=pass_fds, stdin=stdin, env=env)
        self._used = True
        with self._control:
            socket.send_fds(self._control, [json.dumps(dict(env)).encode()], pass_fds)
        return Follower(self._pid)


def fork() -> bool:
    """Fork a child that waits to follow. True in that child, once it is to follow: run :data:`MODULE` then."""
    from collector.daemon import follower_process

    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _LARGEST)
    parent = os.getpid()
    pid = os.fork()
    if pid:
        theirs.close()
        setattr(follower_process, "create_subprocess_exec", Waiting(pid, ours).start)  # noqa: B010 - it exports it not
        return False
    ours.close()
    _wait(parent, theirs)
    return True


def _wait(parent: int, control: socket.socket) -> None:
    """Return with the streams, environment and arguments of a follower's interpreter; end where nobody asks."""
    prctl = ctypes.CDLL(None).prctl
    prctl(_DIES_WITH_PARENT, signal.SIGKILL)
    data, descriptors, _, _ = socket.recv_fds(control, _LARGEST, 1)
    if not data or os.getppid() != parent:
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
