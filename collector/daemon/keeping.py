"""The logs of one daemon. Where there are several, each is opened by itself, and one that is away keeps no other away.

A log that cannot be opened is tried again, for as long as the daemon serves. One
that breaks while it is open (its file was moved, its disk failed) is given up: a
process that cannot know what it stored must not open it again.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import structlog
from aiohttp import web

from collector.daemon.face import Face, Host
from collector.daemon.lifecycle import record_run
from collector.daemon.opening import opened
from collector.daemon.refusing import refusals_recorded, refusals_said
from collector.daemon.runtime import FACTS, Clock, Runtime, body_limits, endpoints, request_limits
from collector.errors import DiskFailed, TimelinedError
from collector.intake import Verifier
from collector.settings import DEFAULT_LOG, Settings, log_names, of_log, path_of
from collector.web import Frame, Mounts, OneLog, Readiness, build_away
from collector.web.options import Renderings, WebLimits
from renderers.formats import STYLES

log = structlog.get_logger(__name__)

FIRST, LONGEST = 0.5, 15.0
"""Seconds until a log that could not be opened is tried again: at first, and at most; they double."""
START = 10.0
"""Seconds that a start waits for logs that take their time to open; it serves the others then."""


class KeptLog:
    """One log of a daemon: open, or away."""

    def __init__(self, name: str, settings: Settings, clock: Clock, host: Host) -> None:
        self.name, self.settings = name, settings
        self.host = host
        self._clock = clock
        self.runtime: Runtime | None = None
        """What is open of it; None while it is away."""
        self.failure = "it is being opened"
        """Why it is away; empty while it is not."""
        self.opening = False
        """Whether it is being opened now."""
        self.tried = asyncio.Event()
        """Set once it is open, or could not be opened."""
        self.broken = asyncio.Event()
        """Set where this process gave it up."""
        self._verifier = Verifier(endpoints(settings), body_limits(settings))
        self._verify()

    @asynccontextmanager
    async def open(self, *, accept_loss: bool = False, own_process: bool = False) -> AsyncIterator[Runtime]:
        """Have it open, recorded and followed for the length of the block. Raises as :func:`opened`."""
        async with AsyncExitStack() as stack:
            self.opening = True
            stack.callback(self._leave)
            opening = opened(
                self.settings, self._clock, self.host, writable=True, jobs_too=True, accept_loss=accept_loss,
                own_process=own_process,
            )  # fmt: skip
            runtime = await stack.enter_async_context(opening)
            await stack.enter_async_context(record_run(runtime))
            await stack.enter_async_context(refusals_recorded(runtime))
            runtime.serving = True
            self.runtime, self.failure, self.opening = runtime, "", False
            try:
                yield runtime
            finally:
                self.runtime, self.failure = None, self.failure or "the daemon is stopping"

    def _leave(self) -> None:
        self.opening = False

    def take(self, settings: Settings) -> None:
        """Have changed settings of this log in force."""
        self.settings = settings
        self._verify()
        self.host.metrics.begin(settings.sources)
        if self.runtime is not None:
            self.runtime.take(settings)

    def _verify(self) -> None:
        """Have senders verified by the settings in force while the log is away."""
        self._verifier.serve(endpoints(self.settings), endpoints(self.host.face.settings))

    async def readiness(self) -> Readiness:
        """Whether deliveries can be stored in it."""
        if self.runtime is not None:
            return await self.runtime.readiness()
        facts = {**dict.fromkeys(FACTS), "check": "log", **self.host.face.facts}
        return Readiness(ready=False, reason=self.failure, facts=facts)

    def app(self, *, local_only: bool) -> web.Application:
        """What answers for it now."""
        if self.runtime is not None:
            return self.runtime.app(local_only=local_only)
        return self.app_away(local_only=local_only)

    def app_away(self, *, local_only: bool) -> web.Application:
        """What answers for it while it is away."""
        face = self.host.face
        frame = Frame(
            clock=self._clock, metrics=self.host.metrics, refusals=self.host.refusals, logs=self.host.logs,
            renderings=Renderings(zone=self.settings.drafts.zone, styles=STYLES), front=face.front,
            access=face.access(local_only=local_only), root=self.host.root,
            bounds=WebLimits(limits=request_limits(self.settings)),
        )  # fmt: skip
        return build_away(frame, self.readiness, self._verifier, lambda: self.failure)


class Logs:
    """All logs of a daemon, the default one first."""

    def __init__(self, settings: Settings, clock: Clock, face: Face) -> None:
        self._face = face
        self._address = ""
        names = log_names(settings)
        self.several = len(names) > 1
        self.mounts = Mounts(self._log_of, DEFAULT_LOG)
        """Where there are several, what answers for each."""
        self._by_name: dict[str, KeptLog] = {}
        for name in names:
            own = of_log(settings, name)
            host = Host(
                own, clock, face, self.served if self.several else None, own.web.root, name if self.several else ""
            )
            self._by_name[name] = KeptLog(name, own, clock, host)

    def __iter__(self) -> Iterator[KeptLog]:
        return iter(self._by_name.values())

    @property
    def default(self) -> KeptLog:
        """That of ``storage.url``."""
        return self._by_name[DEFAULT_LOG]

    @property
    def runtimes(self) -> list[Runtime]:
        """What is open of each that is."""
        return [each.runtime for each in self if each.runtime is not None]

    def served(self) -> Sequence[OneLog]:
        """Each with what answers for it."""
        apps = self.mounts.apps
        return [OneLog(name=name, path=path_of(name), app=apps[name]) for name in self._by_name if name in apps]

    def _log_of(self, source: str) -> str:
        said = self._face.settings.sources.get(source)
        return said.log or DEFAULT_LOG if said is not None else DEFAULT_LOG

    def take(self, settings: Settings) -> None:
        """Have a changed configuration in force in each of them."""
        for each in self:
            each.take(of_log(settings, each.name))

    def stop(self) -> None:
        """Have each say that it is not ready any more."""
        for runtime in self.runtimes:
            runtime.stopping = True

    async def announce(self, address: str) -> None:
        """Say in each log where the daemon listens."""
        self._address = address
        for each in self:
            await self._announce(each)

    async def _announce(self, kept_log: KeptLog) -> None:
        if self._address and kept_log.runtime is not None:
            kept_log.runtime.log.announce(self._address + path_of(kept_log.name))
            # With this question others see us, before anybody is told that we serve.
            await kept_log.runtime.log.lead()

    async def broken(self) -> str:
        """Wait until there is no log left that this process could write to; why."""
        if not self.several and self.default.runtime is not None:
            return await self.default.runtime.log.broken()
        for each in self:
            await each.broken.wait()
        return self.given_up

    @property
    def given_up(self) -> str:
        """Which logs were given up, and why; empty where none was."""
        return "; ".join(f"{each.name}: {each.failure}" for each in self if each.broken.is_set())

    @asynccontextmanager
    async def open(self, *, accept_loss: bool, own_process: bool) -> AsyncIterator[None]:
        """Have all of them open for the length of the block; where there is one alone, raises as :func:`opened`."""
        async with refusals_said({each.host.name: each.host.refusals for each in self}):
            if not self.several:
                async with self.default.open(accept_loss=accept_loss, own_process=own_process):
                    yield
                return
            async with self._open_each(accept_loss=accept_loss, own_process=own_process):
                yield

    @asynccontextmanager
    async def _open_each(self, *, accept_loss: bool, own_process: bool) -> AsyncIterator[None]:
        stop = asyncio.Event()
        options = {"accept_loss": accept_loss, "own_process": own_process}
        for kept_log in self:
            await self.mounts.put(kept_log.name, kept_log.app_away(local_only=self._face.settings.web.loopback))
        keeping = [asyncio.create_task(self._keep(each, stop, options), name=f"log {each.name}") for each in self]
        tried = asyncio.create_task(self._tried(), name="logs")
        try:
            await asyncio.wait((tried,), timeout=START)
            yield
        finally:
            tried.cancel()
            stop.set()
            await self.mounts.close()
            for kept_log, task in zip(self, keeping, strict=True):
                # Whoever waits for a server that does not answer is not waited for.
                if kept_log.opening:
                    task.cancel()
            await asyncio.wait(keeping)

    async def _tried(self) -> None:
        for each in self:
            await each.tried.wait()

    async def _keep(self, kept_log: KeptLog, stop: asyncio.Event, options: dict[str, Any]) -> None:
        """Have one of several open until ``stop``; every line that is logged meanwhile says which it is."""
        pause, last_failure = FIRST, ""
        with structlog.contextvars.bound_contextvars(log=kept_log.name):
            while not stop.is_set():
                try:
                    await self._open(kept_log, stop, options)
                    return
                except DiskFailed as error:
                    if not kept_log.broken.is_set():
                        self._give_up(kept_log, str(error))
                    return
                except TimelinedError as error:
                    kept_log.failure = str(error)
                except Exception as error:
                    log.exception("cannot keep the log open")
                    kept_log.failure = (
                        f"a mistake of timelined's own ({type(error).__name__}); the daemon's log has it whole"
                    )
                if last_failure != kept_log.failure:
                    log.error("cannot open the log; it is tried again, and the others go on", reason=kept_log.failure)
                last_failure = kept_log.failure
                kept_log.tried.set()
                await unless_set(stop, pause)
                pause = min(2 * pause, LONGEST)

    async def _open(self, kept_log: KeptLog, stop: asyncio.Event, how: dict[str, Any]) -> None:
        async with kept_log.open(**how) as runtime:
            local_only = self._face.settings.web.loopback
            await self.mounts.put(kept_log.name, kept_log.app(local_only=local_only))
            await self._announce(kept_log)
            kept_log.tried.set()
            log.info("opened the log")
            if failure := await stopped_or_broken(stop, runtime.log.broken):
                # Before it is closed, which takes a while: a stop meanwhile is no clean end either.
                self._give_up(kept_log, failure)
                # Nobody may be answered out of what is about to be closed.
                kept_log.runtime = None
                await self.mounts.put(kept_log.name, kept_log.app(local_only=local_only))
                raise DiskFailed(failure)

    def _give_up(self, kept_log: KeptLog, failure: str) -> None:
        kept_log.failure = f"{failure}; put it right, and restart the daemon"
        kept_log.broken.set()
        kept_log.tried.set()
        log.critical("gave the log up, since what is on the disk is not known; the others go on", reason=failure)


async def stopped_or_broken(
    stop: asyncio.Event, broken: Callable[[], Awaitable[str]], seconds: float | None = None
) -> str:  # fmt: skip
    """Wait until we are asked to stop, or until a log cannot know any more what it holds; why, in that case."""
    stop_task, failed = asyncio.ensure_future(stop.wait()), asyncio.ensure_future(broken())
    try:
        await asyncio.wait((stop_task, failed), timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        return failed.result() if failed.done() else ""
    finally:
        stop_task.cancel()
        failed.cancel()


async def unless_set(stop: asyncio.Event, seconds: float) -> None:
    """Wait so long, or until the event is set."""
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return
