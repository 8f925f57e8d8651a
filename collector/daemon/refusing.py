"""What was refused, said and recorded while the daemon serves, and once more when it stops."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog

from collector.daemon.parts import Parts
from collector.errors import TimelinedError, Unavailable
from collector.tasks import ended

log = structlog.get_logger(__name__)

LOOK_EVERY = 5.0
"""Seconds between two looks at what was refused."""


@asynccontextmanager
async def refusals_recorded(parts: Parts) -> AsyncIterator[None]:
    """Say and record what is refused for the length of the block."""
    task = asyncio.create_task(_recording(parts), name="refusals")
    try:
        yield
    finally:
        await ended(task)
        try:
            await _record(parts, everything=True)
        except TimelinedError as error:
            log.warning("cannot record what was refused", error=str(error))


async def _recording(parts: Parts) -> None:
    while True:
        await asyncio.sleep(LOOK_EVERY)
        parts.refusals.say()
        try:
            await _record(parts)
        except Unavailable:
            continue  # it stays due, and what refuses it is what is counted


async def _record(parts: Parts, *, everything: bool = False) -> None:
    due = parts.refusals.due(everything)
    if due:
        await parts.intake.append_facts([refused.event() for refused in due], parts.clock())
        parts.refusals.recorded(due)
