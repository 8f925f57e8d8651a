"""Whether the log still has what was acknowledged, and keeping that known.

A daemon that finds the log shorter than what it acknowledged, or different,
refuses to start: whoever sent those events believes them safe, and the
database that holds them may still exist. Going on is a person's decision, and
a fact in the log.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path

import structlog

from collector.errors import LogDamaged, Unavailable
from collector.event import MACHINE, Event, event_id
from collector.files import replace
from collector.log import EventLog, Submission, receipt_of
from collector.proof import acknowledged, lost
from collector.proof.acknowledged import Acknowledged, Loss
from collector.tasks import ended

log = structlog.get_logger(__name__)


@asynccontextmanager
async def watch(
    store: EventLog,
    path: Path,
    clock: Callable[[], int],
    *,
    accept_loss: bool,
    location: str = "",
    pointer: Path | None = None,
) -> AsyncIterator[Loss | None]:
    """Keep what is acknowledged for the length of the block; gives what the log lacks of what was before.

    ``path`` is the record; other daemons over the same log keep theirs beside it. ``location`` is where a file is told
    that its record lies, and ``pointer`` a file that names the log which a server's address led to before.

    Raises :class:`collector.errors.LogDamaged` for such a loss, unless a person accepts it. It is then the first
    fact that is recorded. Nothing may be written to the log before.
    """
    record = acknowledged.own(path)
    try:
        record.read()
        lacks = await _lacks(store, path, location, pointer)
        if lacks is not None:
            await _accept(store, record, lacks, clock(), accept_loss)
            _restart_others(path, record)
        await _write_down(store, record, location, pointer)
        store.acknowledge(record.record)
        async with _synced(record):
            yield lacks
    finally:
        _let_go(record)


async def _lacks(store: EventLog, path: Path, location: str, pointer: Path | None) -> Loss | None:
    """What the log lacks by the record of any daemon here; the worst of it."""
    records = [last for each in acknowledged.all_beside(path) if (last := acknowledged.read(each)) is not None]
    losses = [lacks for last in records if (lacks := await store.query(partial(acknowledged.loss, last=last)))]
    about, head = await store.query(lost.about), await store.head()
    if pointer is not None and (before := _pointed(pointer)) and before != about.identity:
        losses.append(Loss(0, head, other=True))
    if losses or records or not head:
        return max(losses, key=lambda lacks: lacks.acknowledged, default=None)
    if location and (known := await store.query(lost.record_location)):
        return Loss(0, head, record=known)
    log.warning(
        "no record here of what was acknowledged before: whether anything is missing at the end of the log cannot be "
        "shown; the record begins now",
        record=str(path),
        position=head,
    )
    return None


def _pointed(pointer: Path) -> bytes:
    """The log that an address led to before; empty where nobody knows."""
    try:
        return bytes.fromhex(pointer.read_text("ascii").strip())
    except (FileNotFoundError, ValueError):
        return b""


async def _write_down(store: EventLog, record: Acknowledged, location: str, pointer: Path | None) -> None:
    """Have record, log and pointer name each other. What cannot be written now is written at the next start."""
    about = await store.query(lost.about)
    try:
        record.belong(about.identity, about.accepted.position if about.accepted else 0)
        if pointer is not None and _pointed(pointer) != about.identity:
            replace(pointer, about.identity.hex().encode())
        # A log that names its record counts on it after a power cut.
        await asyncio.to_thread(record.settle)
        if location and await store.query(lost.record_location) != location:
            await store.transact(partial(lost.set_record_location, where=location))
    except (OSError, Unavailable) as error:
        log.warning("cannot write down where the record of this log lies; the next start tries again", error=str(error))


def _restart_others(path: Path, record: Acknowledged) -> None:
    """Have the records of daemons that do not run begin anew as well: theirs is the same loss."""
    last = acknowledged.read(record.path)
    for record_path in acknowledged.all_beside(path):
        if last is None or record_path == record.path:
            continue
        with suppress(Unavailable):
            other = Acknowledged(record_path)
            try:
                other.restart(last)
            finally:
                other.close()


def _let_go(record: Acknowledged) -> None:
    """Close the file; a failure changes nothing of what the log has."""
    try:
        record.close()
    except OSError as error:
        log.error("cannot sync the last acknowledged event", file=str(record.path), error=str(error))


async def _accept(store: EventLog, record: Acknowledged, lacks: Loss, now: int, accepted: bool) -> None:
    if not accepted:
        reason = f"{lacks}; bring that record (timelined restore --record FILE)"
        if not lacks.record:
            reason = f"{lacks}, as {record.path.parent} says; bring back the database that has it"
        raise LogDamaged(
            f"cannot go on with the log: {reason}, or run timelined accept-loss once, which records the loss "
            "as an event"
        )
    log.error("acknowledged events are lost, and that was accepted", loss=str(lacks))
    data = {"found": lacks.last, "known": False} if lacks.record else {
        "acknowledged": lacks.acknowledged, "found": lacks.last
    }  # fmt: skip
    fact = Event(
        id=event_id("collector.1", MACHINE, now, "collector.lost", str(lacks.acknowledged), str(lacks.last)),
        type="collector.lost",
        source=MACHINE,
        entity="collector",
        occurred_at=now,
        title=str(lacks),
        data=data,
    )
    receipt_of(*await store.append([Submission(source=MACHINE, received_at=now, events=(fact,))]))
    last = await store.query(acknowledged.last)
    if last is not None:
        record.restart(last)


@asynccontextmanager
async def _synced(kept: Acknowledged) -> AsyncIterator[None]:
    """Sync what is kept every few seconds."""
    task = asyncio.create_task(_keep_synced(kept), name="acknowledged")
    try:
        yield
    finally:
        await ended(task)


async def _keep_synced(record: Acknowledged) -> None:
    while True:
        await asyncio.sleep(acknowledged.SYNC_EVERY)
        try:
            if await asyncio.to_thread(record.renew):
                log.warning(
                    "the record of what is acknowledged was removed, and is written again; leave it where it is",
                    file=str(record.path),
                )
            await asyncio.to_thread(record.sync)
        except (OSError, Unavailable) as error:
            log.error("cannot sync the last acknowledged event", file=str(record.path), error=str(error))
