"""Taking addresses before anything is made, and listening on them once all is open.

An address that is taken ends the start while nothing is there yet that somebody
has to clean up. Until the log is open nobody is accepted: who comes is refused
by the kernel, and comes again.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from ipaddress import ip_address
from itertools import combinations
from typing import NamedTuple

from collector.daemon import systemd_sockets
from collector.errors import InvalidSettings, Unavailable
from collector.settings import Settings


class Bound(NamedTuple):
    """A socket that has its address."""

    address: str
    """The address as it is configured."""
    socket: socket.socket


@asynccontextmanager
async def bound(settings: Settings, handed: Sequence[socket.socket]) -> AsyncIterator[Sequence[Bound]]:
    """The sockets to listen on, for the length of the block: those that were handed to us, else one of our own each.

    Raises :class:`Unavailable` where an address cannot be had, and :class:`InvalidSettings` where two of them are one,
    or where a socket is open to more than ``web.listen_address`` says.
    """
    if handed:
        _check_handed(handed, settings)
        address = ", ".join(settings.web.listen_address)
        yield [Bound(address, one) for one in handed]
        return
    sockets: list[Bound] = []
    try:
        for address, (host, port) in zip(settings.web.listen_address, settings.web.addresses, strict=True):
            sockets += [Bound(address, one) for one in await _bind(address, host, port)]
        _check_apart(sockets)
        yield sockets
    finally:
        for one in sockets:
            one.socket.close()


async def _bind(address: str, host: str, port: int) -> Sequence[socket.socket]:
    """Sockets of an address, each of those that its name stands for. The event loop knows how; it listens later."""
    try:
        server = await asyncio.get_running_loop().create_server(
            asyncio.Protocol, host or None, port, start_serving=False
        )
    except OSError as error:
        raise refused(address, error) from error
    try:
        return [socket.socket(fileno=os.dup(one.fileno())) for one in server.sockets]
    finally:
        server.close()


def refused(address: str, error: OSError) -> Unavailable:
    """That an address cannot be listened on, and what to do."""
    return Unavailable(f"cannot listen on {address}: {_why_not(error)}")


def _why_not(error: OSError) -> str:
    if isinstance(error, socket.gaierror):
        return "this host has no such name; set web.listen_address to one of its own"
    if error.errno == errno.EADDRINUSE:
        return "another process does; stop it, or set web.listen_address to another port"
    if error.errno == errno.EACCES:
        return "ports below 1024 need a privilege; set web.listen_address to a higher one"
    return f"{os.strerror(error.errno or 0)}; set web.listen_address to an address of this host"


def _check_apart(sockets: Sequence[Bound]) -> None:
    """Refuse two addresses that are one: the kernel would say so only once the first of them listens."""
    for first, second in combinations(sockets, 2):
        if _overlap(first.socket, second.socket):
            both = first.address if first.address == second.address else f"{first.address} and {second.address}"
            raise InvalidSettings((f"cannot listen on {both}: that is one address twice; name it once",))


def _overlap(first: socket.socket, second: socket.socket) -> bool:
    (host, port), (other_host, other_port) = first.getsockname()[:2], second.getsockname()[:2]
    if first.family != second.family or port != other_port:
        return False
    return host == other_host or ip_address(host).is_unspecified or ip_address(other_host).is_unspecified


def _check_handed(sockets: Sequence[socket.socket], settings: Settings) -> None:
    """What is open to others was checked for the address in the settings; a socket must not be open to more."""
    for one in sockets:
        if settings.web.loopback and not systemd_sockets.is_loopback(one):
            host, port = one.getsockname()[:2]
            message = (
                f"cannot listen on the socket that systemd opened: others reach {host}, and web.listen_address is "
                f"{', '.join(settings.web.listen_address)}; set web.listen_address to {host}:{port} as well"
            )
            raise InvalidSettings((message,))
