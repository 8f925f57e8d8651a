"""A whole daemon for the length of a block: opened, recorded, and listening."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from aiohttp import web

from collector.daemon.face import Face
from collector.daemon.fronting import fronted
from collector.daemon.keeping import Logs
from collector.daemon.listening import Bound, bound, refused
from collector.daemon.overall import overall
from collector.daemon.reloading import Load, Reloader
from collector.daemon.rotating import rotated
from collector.daemon.runtime import Clock, Runtime, wall_clock
from collector.errors import InvalidSettings, Unavailable
from collector.log import EventLog
from collector.projections import Projections
from collector.settings import Settings
from collector.web import Front, Runner, server_kwargs
from collector.web.pages import prepare

_GRACE = 5.0
"""Seconds that bodies on their way get when the daemon stops; who is slower is asked to come again."""
_BACKLOG = 4096
"""Connections that wait in the kernel while we start: as many as systemd asks for, not aiohttp's 128."""


class Daemon:
    """A daemon that serves."""

    def __init__(self, logs: Logs, address: str, reloader: Reloader | None = None) -> None:
        self.logs = logs
        self._default = logs.default.runtime
        self._reloader = reloader
        self.address = address
        """Its URL, with the port it really got."""

    async def reload(self) -> str:
        """Take a changed configuration in, where that can be; whatever becomes of it is said and recorded. Why it was
        refused; empty where it was not."""
        if self._reloader is None:
            return ""
        try:
            await self._reloader.reload()
        except InvalidSettings as error:
            return str(error)
        return ""

    @property
    def runtime(self) -> Runtime:
        """What is open of the default log. Raises :class:`Unavailable` where that is away."""
        runtime = self.logs.default.runtime or self._default
        if runtime is None:
            raise Unavailable(f"cannot use the log: {self.logs.default.failure}")
        return runtime

    @property
    def log(self) -> EventLog:
        """What it writes to."""
        return self.runtime.log

    @property
    def projections(self) -> Projections:
        """What its lists are read from."""
        return self.runtime.projections


@asynccontextmanager
async def running(
    settings: Settings,
    *,
    clock: Clock = wall_clock,
    accept_loss: bool = False,
    sockets: Sequence[socket.socket] = (),
    own_process: bool = False,
    load: Load | None = None,
) -> AsyncIterator[Daemon]:
    """A whole daemon for the length of the block; it listens on ``sockets`` if there are any.

    ``own_process`` has the log followed in another process than this one, by the clock of this machine. ``load`` reads
    the configuration again for a reload.

    At its end it stops accepting, answers what is open, commits what was queued, and only then closes. Raises
    :class:`collector.errors.Unavailable` where the log, its folder or the port cannot be had, and
    :class:`collector.errors.LogDamaged` where acknowledged events are missing, unless ``accept_loss``.
    """
    async with AsyncExitStack() as stack:
        bound_sockets = await stack.enter_async_context(bound(settings, sockets))
        face = Face(settings, clock, Front(prefix=settings.web.prefix, root=settings.web.root))
        logs = Logs(settings, clock, face)
        reloader = Reloader(face, logs, load) if load is not None else None
        if reloader is not None and settings.web.enable_lifecycle:
            face.reload = reloader.reload
        await stack.enter_async_context(logs.open(accept_loss=accept_loss, own_process=own_process))
        face.take(settings)
        await stack.enter_async_context(fronted(face))
        await stack.enter_async_context(rotated(reloader, load))
        address = await _listen(stack, settings, logs, face, bound_sockets)
        stack.callback(logs.stop)
        await stack.enter_async_context(_pages_prepared())
        yield Daemon(logs, address, reloader)


@asynccontextmanager
async def _pages_prepared() -> AsyncIterator[None]:
    """Pages are compiled beside what is served already: who looks first does not wait for it, nor does a delivery."""
    task = asyncio.create_task(asyncio.to_thread(prepare), name="pages")
    try:
        yield
    finally:
        await task


async def _listen(
    stack: AsyncExitStack, settings: Settings, logs: Logs, face: Face, sockets: Sequence[Bound]
) -> str:  # fmt: skip
    """Listen, and say in the lock files where; the answer is the URL."""
    at = settings.web
    if logs.several:
        runner = Runner(overall(logs, face), logs.mounts, **server_kwargs())
    else:
        runner = Runner(logs.default.app(local_only=at.loopback), **server_kwargs())
    stack.push_async_callback(runner.cleanup)
    await runner.setup()
    tls = face.front.context
    for address_text, listening in sockets:
        try:
            await web.SockSite(runner, listening, backlog=_BACKLOG, ssl_context=tls).start()
        except OSError as error:
            raise refused(address_text, error) from error
    stack.push_async_callback(runner.drain, _GRACE)
    address = _url(runner.addresses[0], "https" if tls else "http") + at.prefix
    await logs.announce(address)
    return address


def _url(name: Any, scheme: str) -> str:
    """A socket's name as the URL under which this machine reaches it."""
    host, port = name[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared, not bound
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"
