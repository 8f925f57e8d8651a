"""The process: signals, the event loop, and what systemd is told."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any, TypeVar

import structlog

from collector.daemon import systemd_sockets
from collector.daemon.keeping import stopped_or_broken
from collector.daemon.reloading import Load
from collector.daemon.runtime import Clock, wall_clock
from collector.daemon.serving import Daemon, running
from collector.daemon.systemd_notify import Notifier
from collector.daemon.terminal import show_hints
from collector.errors import DiskFailed, Unavailable
from collector.event import SECOND
from collector.interpreter import loop_factory, share_memory, tune_gc
from collector.log import EventLog
from collector.settings import Settings
from collector.storage.urls import is_postgresql, without_credentials
from collector.tasks import ended

log = structlog.get_logger(__name__)
T = TypeVar("T")


async def serve(
    settings: Settings,
    *,
    ready: Callable[[str], None] | None = None,
    clock: Clock = wall_clock,
    accept_loss: bool = False,
    load: Load | None = None,
) -> None:
    """Run until SIGTERM or SIGINT, then finish what was begun; a second signal ends the process at once.

    ``ready`` is called with the URL once it serves; ``load`` reads the configuration again, which SIGHUP asks for.
    systemd is told where it asks to be. Raises
    :class:`collector.errors.DiskFailed` where the disk failed to keep a write: the process must end then, without
    closing what it left open.
    """
    stop, hangup = _stop_signals(), _hangup_signal()
    notifier = Notifier(os.environ)
    handed = systemd_sockets.sockets(os.environ)
    notifier.status("opening the log")
    async with AsyncExitStack() as stack:
        opening = running(settings, clock=clock, accept_loss=accept_loss, sockets=handed, own_process=True, load=load)
        daemon = await unless(stop, stack.enter_async_context(opening))
        if daemon is None:
            return
        stack.callback(notifier.stopping, "finishing what was accepted")
        notifier.ready(f"serving {daemon.address}")
        log.info("serving", address=daemon.address, **_storage(settings, daemon))
        if ready:
            ready(daemon.address)
        await stack.enter_async_context(_reloading(hangup, daemon, notifier))
        show_hints(settings, daemon.address)
        async with watchdog(notifier, daemon):
            failure = await stopped_or_broken(stop, daemon.logs.broken) or await _drained(settings, daemon, notifier)
        # What was given up is not closed either.
        if failure := failure or daemon.logs.given_up:
            log.critical("ending, since what is on the disk is not known", reason=failure)
            raise DiskFailed(failure)
        log.info("stopping: finishing what was accepted")
    log.info("stopped")


def run(
    settings: Settings,
    *,
    ready: Callable[[str], None] | None = None,
    clock: Clock = wall_clock,
    accept_loss: bool = False,
    load: Load | None = None,
) -> None:
    """:func:`serve` on the fastest event loop there is."""
    tune_gc()
    share_memory()
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(serve(settings, ready=ready, clock=clock, accept_loss=accept_loss, load=load))


def _stop_signals() -> asyncio.Event:
    """Set by the first SIGTERM or SIGINT; the second one is for people who do not want to wait."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def on_signal(number: int) -> None:
        if stop.is_set():
            os._exit(128 + number)
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal, number)
    return stop


def _hangup_signal() -> asyncio.Event:
    """Set by SIGHUP from here on: it asks for a reload, and never ends us."""
    hangup = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, hangup.set)
    return hangup


@asynccontextmanager
async def _reloading(hangup: asyncio.Event, daemon: Daemon, notifier: Notifier) -> AsyncIterator[None]:
    """Reload whenever SIGHUP asks for it, for the length of the block."""

    async def reload() -> None:
        while True:
            await hangup.wait()
            hangup.clear()
            notifier.reloading()
            try:
                failure = await daemon.reload()
            except Exception as error:  # the next one has to be heard, whatever this one met
                log.exception("cannot reload the configuration; the one in force goes on")
                failure = f"{type(error).__name__}, see the log"
            # Whatever became of it, the daemon serves: without this word the unit would stay "reloading".
            refused = f"; the reload was refused: {failure}" if failure else ""
            notifier.ready(f"serving {daemon.address}{refused}")

    task = asyncio.create_task(reload(), name="reload")
    try:
        yield
    finally:
        await ended(task)


async def unless(stop: asyncio.Event, opening: Coroutine[Any, Any, T]) -> T | None:
    """What ``opening`` gives; None where we were asked to stop first, and then what it had opened is closed."""
    task, stop_task = asyncio.create_task(opening), asyncio.create_task(stop.wait())
    try:
        await asyncio.wait((task, stop_task), return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            await ended(task)
        return None if task.cancelled() else task.result()
    finally:
        stop_task.cancel()
        task.cancel()


def _storage(settings: Settings, daemon: Daemon) -> dict[str, Any]:
    """Where the log is, or the names of several."""
    if daemon.logs.several:
        return {"logs": ",".join(each.name for each in daemon.logs)}
    return {"storage": without_credentials(settings.storage.url), **daemon.runtime.storage}


async def _drained(settings: Settings, daemon: Daemon, notifier: Notifier) -> str:
    """Tell balancers that we go, and serve on until they have noticed; why the log broke meanwhile, if it did."""
    seconds = settings.web.drain / SECOND
    if not seconds:
        return ""
    daemon.logs.stop()
    notifier.draining(seconds)
    log.info("draining: not ready any more, serving on", seconds=seconds)
    return await stopped_or_broken(asyncio.Event(), daemon.logs.broken, seconds)


@asynccontextmanager
async def watchdog(notifier: Notifier, daemon: Daemon) -> AsyncIterator[None]:
    """Keep the watchdog content for as long as this loop turns and the log's writer answers.

    A server's answer is not waited for: to start us anew would not mend it. Nor is that of one of several logs, since
    the others would be started anew with it.
    """
    if notifier.watchdog is None:
        yield
        return
    interval = notifier.watchdog / 3
    alone = not daemon.logs.several and not is_postgresql(daemon.runtime.settings.storage.url)
    beating = keep_alive(notifier, daemon.log, interval) if alone else watchdog_beat(notifier, interval)
    task = asyncio.create_task(beating, name="watchdog")
    try:
        yield
    finally:
        await ended(task)


async def watchdog_beat(notifier: Notifier, interval: float) -> None:
    """A sign of life as long as this loop turns."""
    while True:
        notifier.alive()
        await asyncio.sleep(interval)


async def keep_alive(notifier: Notifier, store: EventLog, interval: float) -> None:
    """One empty transaction at a time: while it hangs, so does the disk or the writer, and systemd starts us anew."""
    probe: asyncio.Future[None] | None = None
    while True:
        if probe is None or probe.done():
            probe = asyncio.ensure_future(_probe(store))
        await asyncio.wait((probe,), timeout=interval)
        if probe.done():
            notifier.alive()
        else:
            log.error("the log's writer does not answer", seconds=interval)
        await asyncio.sleep(interval)


async def _probe(store: EventLog) -> None:
    """An answer that nothing can be stored is an answer: starting anew would not empty a full disk."""
    with suppress(Unavailable):
        await store.transact(lambda connection: None)
