"""What a daemon records of itself: that it started, how it stopped before, and that it stopped on purpose.

A postmortem tells a time without alerts from a time without a collector by these.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import structlog

from collector.daemon.runtime import Runtime
from collector.errors import DiskFailed, TimelinedError, Unavailable
from collector.event import MACHINE, Event, event_id
from collector.settings import Settings
from collector.storage.urls import database_path
from collector.tasks import ended

log = structlog.get_logger(__name__)

GRACE = 0.5
"""Seconds that serving waits for the start to be recorded."""
AGAIN = 2.0
"""Seconds until a start that could not be recorded is tried again."""
_LAST_STARTS = 200
"""Records of starts and stops among which the last of each daemon is looked for."""


@asynccontextmanager
async def record_run(runtime: Runtime) -> AsyncIterator[None]:
    """Say in the log that we take webhooks for the length of the block, and what is known of the time before.

    Where nothing can be stored now, the start is recorded, with its own time, as soon as something can; a start that
    never could be has no stop either.
    """
    start = await _Start.now(runtime)
    recording = asyncio.create_task(_until_recorded(start), name="start")
    try:
        await _tried(start, recording)
        yield
    finally:
        await ended(recording)
        if start.recorded:
            await _record_stop(runtime)


async def _tried(start: _Start, recording: asyncio.Task[None]) -> None:
    """Wait for the first attempt, but not long: to look for the last stop in a log without lists takes its time."""
    tried = asyncio.create_task(start.tried.wait())
    await asyncio.wait((recording, tried), timeout=GRACE, return_when=asyncio.FIRST_COMPLETED)
    tried.cancel()
    if recording.done():
        recording.result()


class _Start:
    """One start, told once whatever becomes of the first attempts."""

    def __init__(self, runtime: Runtime, at: int, last_received_at: int | None) -> None:
        self.runtime = runtime
        self._at = at
        self._last_received_at = last_received_at
        self.recorded = False
        self.tried = asyncio.Event()

    @classmethod
    async def now(cls, runtime: Runtime) -> _Start:
        """That we start now; what arrives from here on is after it."""
        deliveries = await runtime.log.deliveries(limit=1)
        return cls(runtime, runtime.clock(), deliveries[0].received_at if deliveries else None)

    async def record(self) -> None:
        """Store it. Raises ``Unavailable``."""
        # A fact is small. Whether there is room for what senders tell is asked first.
        await self.runtime.log.append([])
        data: dict[str, Any] = {"previous_stop": await _previous_stop(self.runtime)}
        if self._last_received_at is not None:
            data["last_received_at"] = self._last_received_at
        await _record(self.runtime, "collector.started", self._at, data)
        self.recorded = True
        self.runtime.unrecorded = False


async def _until_recorded(start: _Start) -> None:
    while True:
        try:
            return await start.record()
        except DiskFailed:
            raise
        except Unavailable as error:
            if not start.tried.is_set():
                log.warning("cannot record the start yet", reason=str(error), seconds=AGAIN)
            start.runtime.unrecorded = True
            start.tried.set()
        await asyncio.sleep(AGAIN)


async def _previous_stop(runtime: Runtime) -> str:
    """How whoever took webhooks before us stopped: all of them, where several did."""
    if await runtime.log.others():
        return "others"
    last: dict[str, str] = {}
    for event in await runtime.projections.lives(_LAST_STARTS):
        last.setdefault(event.entity, event.type)
    if not last:
        return "first start"
    return "recorded" if set(last.values()) == {"collector.stopped"} else "missing"


async def _record_stop(runtime: Runtime) -> None:
    """Say that we stopped on purpose. Where that cannot be stored, the next start says that it is missing."""
    try:
        await _record(runtime, "collector.stopped", runtime.clock(), {})
    except TimelinedError as error:
        log.warning("cannot record the stop", error=str(error))


def _name(settings: Settings) -> str:
    """By what a daemon is told from others over the same log; the only one over a file needs no name."""
    alone = database_path(settings.storage.url) is not None
    return "collector" if alone else f"collector:{socket.gethostname()}:{','.join(settings.web.listen_address)}"


async def _record(runtime: Runtime, kind: str, now: int, data: dict[str, Any]) -> None:
    head = await runtime.log.head()
    # The head makes it a fact of its own even on a clock that stands.
    fact = Event(
        id=event_id("collector.1", MACHINE, now, kind, str(head)),
        type=kind,
        source=MACHINE,
        entity=_name(runtime.settings),
        occurred_at=now,
        data=data,
    )
    await runtime.intake.append_facts([fact], now)
