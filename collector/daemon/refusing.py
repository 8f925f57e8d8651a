"""What was refused, said and recorded while the daemon serves, and once more when it stops."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog

from collector.daemon.runtime import Runtime
from collector.errors import TimelinedError, Unavailable
from collector.tasks import ended

log = structlog.get_logger(__name__)

LOOK_EVERY = 5.0
"""Seconds between two looks at what was refused."""


@asynccontextmanager
async def refusals_recorded(runtime: Runtime) -> AsyncIterator[None]:
    """Say and record what is refused for the length of the block."""
    task = asyncio.create_task(_recording(runtime), name="refusals")
    try:
        yield
    finally:
        await ended(task)
        try:
            await _record(runtime, everything=True)
        except TimelinedError as error:
            log.warning("cannot record what was refused", error=str(error))


async def _recording(runtime: Runtime) -> None:
    while True:
        await asyncio.sleep(LOOK_EVERY)
        runtime.refusals.say()
        try:
            await _record(runtime)
        except Unavailable:
            continue  # it stays due, and what refuses it is what is counted


async def _record(runtime: Runtime, *, everything: bool = False) -> None:
    due = runtime.refusals.due(everything)
    if due:
        await runtime.intake.append_facts([refused.event() for refused in due], runtime.clock())
        runtime.refusals.recorded(due)
