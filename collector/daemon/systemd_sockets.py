"""Listening sockets that systemd opened for us (sd_listen_fds).

While the daemon starts anew systemd keeps them open, and whoever connects
waits in the kernel's queue instead of being refused. The protocol is two
variables and file descriptors from 3 on, so no library is needed.
"""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Mapping
from ipaddress import ip_address

from collector.errors import InvalidSettings

_FIRST = 3
_DO = "write ListenStream=ADDRESS:PORT in the socket unit, and nothing else that listens"


def sockets(environ: Mapping[str, str]) -> tuple[socket.socket, ...]:
    """The sockets that were handed to this very process; none where it was started otherwise.

    Raises :class:`collector.errors.InvalidSettings` for what is not a TCP socket that listens.
    """
    count = environ.get("LISTEN_FDS", "")
    if environ.get("LISTEN_PID", "") != str(os.getpid()) or not count.isdecimal():
        return ()
    return tuple(_listening_socket(number) for number in range(_FIRST, _FIRST + int(count)))


def is_loopback(listening: socket.socket) -> bool:
    """Whether only this machine reaches it."""
    return ip_address(listening.getsockname()[0]).is_loopback


def _listening_socket(number: int) -> socket.socket:
    os.set_inheritable(number, False)
    if not stat.S_ISSOCK(os.fstat(number).st_mode):
        raise InvalidSettings((f"cannot take file descriptor {number} from systemd: it is no socket; {_DO}",))
    inherited = socket.socket(fileno=number)
    tcp = inherited.family in (socket.AF_INET, socket.AF_INET6) and inherited.type == socket.SOCK_STREAM
    if not tcp or not inherited.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        inherited.close()
        raise InvalidSettings((f"cannot take socket {number} from systemd: it is not TCP, or does not listen; {_DO}",))
    return inherited
