"""Whether the log still has what was acknowledged, and keeping that known.

A daemon that finds the log shorter than what it acknowledged, or different,
refuses to start: whoever sent those events believes them safe, and the
database that holds them may still exist. Going on is a person's decision, and
a fact in the log.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import structlog

from collector.errors import LogDamaged
from collector.event import MACHINE, Event, event_id
from collector.log import EventLog, Submission, acknowledged
from collector.log.acknowledged import Acknowledged, Loss
from collector.tasks import ended

log = structlog.get_logger(__name__)


@asynccontextmanager
async def watched(
    store: EventLog, path: Path, clock: Callable[[], int], *, accept_loss: bool
) -> AsyncIterator[Loss | None]:
    """Keep what is acknowledged for the length of the block; gives what the log lacks of what was before.

    Raises :class:`collector.errors.LogDamaged` for such a loss, unless a person accepts it. It is then the first
    fact that is recorded. Nothing may be written to the log before.
    """
    kept = Acknowledged(path)
    try:
        lost = await store.query(partial(acknowledged.loss, last=kept.read()))
        if lost is not None:
            await _accept(store, kept, lost, clock(), accept_loss)
        store.acknowledge(kept.record)
        async with _synced(kept):
            yield lost
    finally:
        _let_go(kept)


def _let_go(kept: Acknowledged) -> None:
    """Close the file; a failure changes nothing of what the log has."""
    try:
        kept.close()
    except OSError as error:
        log.error("cannot sync the last acknowledged event", file=str(kept.path), error=str(error))


async def _accept(store: EventLog, kept: Acknowledged, lost: Loss, now: int, accepted: bool) -> None:
    if not accepted:
        raise LogDamaged(
            f"cannot go on with the log: {lost}, as {kept.path} says; bring back the database that has it, "
            "or start once with --storage.accept-loss, which records the loss as an event"
        )
    log.error("acknowledged events are lost, and that was accepted", loss=str(lost))
    fact = Event(
        id=event_id("collector.1", MACHINE, now, "collector.lost", str(lost.acknowledged), str(lost.found)),
        type="collector.lost",
        source=MACHINE,
        entity="collector",
        occurred_at=now,
        title=str(lost),
        data={"acknowledged": lost.acknowledged, "found": lost.found},
    )
    (answer,) = await store.append([Submission(source=MACHINE, received_at=now, events=(fact,))])
    if isinstance(answer, Exception):
        raise answer
    last = await store.query(acknowledged.last)
    if last is not None:
        kept.restart(last)


@asynccontextmanager
async def _synced(kept: Acknowledged) -> AsyncIterator[None]:
    """Sync what is kept every few seconds."""
    task = asyncio.create_task(_keep_synced(kept), name="acknowledged")
    try:
        yield
    finally:
        await ended(task)


async def _keep_synced(kept: Acknowledged) -> None:
    while True:
        await asyncio.sleep(acknowledged.SYNC_EVERY)
        try:
            await asyncio.to_thread(kept.sync)
        except OSError as error:
            log.error("cannot sync the last acknowledged event", file=str(kept.path), error=str(error))
