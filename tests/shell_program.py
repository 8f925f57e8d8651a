"""``timelined`` for a shell: a file to put on a PATH, whose every run is a fork.

A script of five commands would start five interpreters. The file hands its
arguments, folder, environment and streams to this process, which has the command
forked, and ends as the command does. What it is sent to end with it passes on.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests import forks

_PROGRAM = """\
#!{python} -IS
import json, os, signal, socket, sys
said = json.dumps([sys.argv[1:], os.getcwd(), dict(os.environ)]).encode()
with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as asking:
    asking.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, {largest})
    asking.connect({address!r})
    socket.send_fds(asking, [said], [0, 1, 2])
    pid = int(asking.recv(64))
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, frame: os.kill(pid, number))
    code = int(asking.recv(64))
if code < 0:
    signal.signal(-code, signal.SIG_DFL)
    os.kill(os.getpid(), -code)
sys.exit(code)
"""


@contextmanager
def timelined_in(folder: Path) -> Iterator[Path]:
    """The program ``timelined`` in a folder, which can be run for the length of the block."""
    program, address = folder / "timelined", folder / "forks"
    python = f"{sys.base_prefix}/bin/python{sys.version_info[0]}.{sys.version_info[1]}"
    program.write_text(_PROGRAM.format(python=python, address=str(address), largest=forks.LARGEST), "utf-8")
    program.chmod(0o700)
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listening:
        listening.bind(str(address))
        listening.listen()
        threading.Thread(target=_serve, args=(listening,), daemon=True).start()
        try:
            yield program
        finally:
            listening.shutdown(socket.SHUT_RDWR)


def _serve(listening: socket.socket) -> None:
    with suppress(OSError):  # it is closed
        while True:
            asker, _ = listening.accept()
            threading.Thread(target=_run, args=(asker,), daemon=True).start()


def _run(asker: socket.socket) -> None:
    with asker:
        data, streams, _, _ = socket.recv_fds(asker, forks.LARGEST, 3)
        arguments, folder, environ = json.loads(data)
        child = forks.start(arguments, Path(folder), environ, streams, follower="serve" in arguments)
        for stream in streams:
            os.close(stream)
        asker.send(str(child.pid).encode())
        asker.send(str(child.wait()).encode())
