"""What a daemon records of itself: that it started, how it stopped before, and that it stopped on purpose.

A postmortem tells a time without alerts from a time without a collector by these.
"""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress
from typing import Any

import structlog

from collector.daemon.parts import Parts
from collector.errors import TimelinedError
from collector.event import MACHINE, Event, event_id
from collector.log import database_path
from collector.projections import EventFilter
from collector.settings import Settings

log = structlog.get_logger(__name__)
_PATIENCE = 5.0
"""Seconds that whoever follows gets to show what was recorded last."""
_LAST_STARTS = 200
"""Records of starts and stops among which the last of each daemon is looked for."""


async def record_start(parts: Parts) -> None:
    """Say in the log that we take webhooks from now on, and what is known of the time before."""
    data: dict[str, Any] = {"previous_stop": await _previous_stop(parts)}
    deliveries = await parts.log.deliveries(limit=1)
    if deliveries:
        data["last_received_at"] = deliveries[0].received_at
    await _record(parts, "collector.started", data)


async def _previous_stop(parts: Parts) -> str:
    """How whoever took webhooks before us stopped: all of them, where several did."""
    if await parts.log.others():
        return "others"
    await _followed_by_another(parts)
    known = await parts.projections.events(EventFilter(type="collector.*", newest_first=True, limit=_LAST_STARTS))
    last: dict[str, str] = {}
    for event in known:
        last.setdefault(event.entity, event.type)
    if not last:
        return "first start"
    return "recorded" if set(last.values()) == {"collector.stopped"} else "missing"


async def _followed_by_another(parts: Parts) -> None:
    """Let the one who follows show what was recorded last, where that is not us; but not for long."""
    with suppress(TimeoutError):
        async with asyncio.timeout(_PATIENCE):
            while await parts.projections.position() < await parts.log.head():  # noqa: ASYNC110
                await asyncio.sleep(0.05)  # a number that another process counts up


async def record_stop(parts: Parts) -> None:
    """Say that we stopped on purpose. Where that cannot be stored, the next start says that it is missing."""
    try:
        await _record(parts, "collector.stopped", {})
    except TimelinedError as error:
        log.warning("cannot record the stop", error=str(error))


def _name(settings: Settings) -> str:
    """By what a daemon is told from others over the same log; the only one over a file needs no name."""
    alone = database_path(settings.storage.url) is not None
    return "collector" if alone else f"collector:{socket.gethostname()}:{settings.web.listen_address}"


async def _record(parts: Parts, kind: str, data: dict[str, Any]) -> None:
    now = parts.clock()
    head = await parts.log.head()
    # The head makes it a fact of its own even on a clock that stands.
    fact = Event(
        id=event_id("collector.1", MACHINE, now, kind, str(head)),
        type=kind,
        source=MACHINE,
        entity=_name(parts.settings),
        occurred_at=now,
        data=data,
    )
    await parts.intake.append_facts([fact], now)
