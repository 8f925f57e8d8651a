"""What was refused: logged while the daemon serves, and recorded in its log while that is open and at its end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import structlog

from collector.daemon.runtime import Runtime
from collector.errors import TimelinedError, Unavailable
from collector.tasks import ended
from collector.telemetry.refusals import Refusals

log = structlog.get_logger(__name__)

LOOK_EVERY = 5.0
"""Seconds between two looks at what was refused."""


@asynccontextmanager
async def refusals_said(refusals: Mapping[str, Refusals]) -> AsyncIterator[None]:
    """Log what is refused for the length of the block; by the log's name, empty where there is one alone.

    A log that is away, or was given up, goes on refusing, and that is when it matters most.
    """
    task = asyncio.create_task(_saying(refusals), name="refusals")
    try:
        yield
    finally:
        await ended(task)


async def _saying(refusals: Mapping[str, Refusals]) -> None:
    while True:
        await asyncio.sleep(LOOK_EVERY)
        for name, of_log in refusals.items():
            with structlog.contextvars.bound_contextvars(**({"log": name} if name else {})):
                of_log.say()


@asynccontextmanager
async def refusals_recorded(runtime: Runtime) -> AsyncIterator[None]:
    """Record what is refused for the length of the block."""
    task = asyncio.create_task(_recording(runtime), name="recording refusals")
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
        try:
            await _record(runtime)
        except Unavailable:
            continue  # it stays due, and what refuses it is what is counted


async def _record(runtime: Runtime, *, everything: bool = False) -> None:
    due = runtime.refusals.due(everything)
    if due:
        await runtime.intake.append_facts([refused.event() for refused in due], runtime.clock())
        runtime.refusals.recorded(due)
