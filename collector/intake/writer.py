"""One commit for all who wait.

What is queued is answered after its commit, or why there was none. What does
not fit into the queue is refused at once, so that its sender comes again.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from time import perf_counter
from typing import NamedTuple

from collector.errors import TimelinedError, Unavailable
from collector.log import EventLog, Receipt, Submission
from collector.telemetry.crashes import Crashes
from collector.telemetry.metrics import DeliveryOutcome, Metrics

log = logging.getLogger(__name__)

Reply = Callable[[Receipt | Exception], None]
"""Takes the answer to a submission."""


class Writer:
    """One task that appends whatever waits in one transaction, and then whatever came meanwhile.

    There is no timer: while one transaction waits for the disk, the next one gathers. A submission is answered after
    its commit. What does not fit into the queue is refused at once.
    """

    def __init__(
        self, log: EventLog, *, queue_events: int = 10_000, queue_bytes: int = 64 << 20, batch_events: int = 1_000,
        metrics: Metrics | None = None,
    ) -> None:  # fmt: skip
        self.log = log
        self.metrics = metrics or Metrics()
        self._most_events = queue_events
        self._most_bytes = queue_bytes
        self._batch_events = batch_events
        self._crashes = Crashes()
        self._waiting: deque[_Waiting] = deque()
        self._task: asyncio.Task[None] | None = None
        self._closed = False
        self.events = 0
        """Events (a delivery without any counts as one) that are not answered yet."""
        self.bytes = 0
        """The size of the bodies that are not answered yet."""
        self.failure = ""
        """Why the last transaction stored nothing; empty where it did."""

    def submit(self, submission: Submission, *, sender_retries: bool = True) -> asyncio.Future[Receipt]:
        """Queue a submission; the future resolves after its commit. Refuses as :meth:`queue` does."""
        answer: asyncio.Future[Receipt] = asyncio.get_running_loop().create_future()
        self.queue(submission, partial(resolve, answer), sender_retries=sender_retries)
        return answer

    def queue(self, submission: Submission, tell: Reply, *, sender_retries: bool = True) -> None:
        """Queue a submission, and ``tell`` its receipt after its commit, or why it was not stored.

        The last tenth of the queue is for those that do not come again after a refusal. Raises
        :class:`Unavailable` at once where there is no room.
        """
        events, size = len(submission.events) or 1, len(submission.body)
        share = 0.9 if sender_retries else 1.0
        if self._closed:
            raise Unavailable("cannot store the delivery now: the daemon is stopping; send again")
        full = self.events + events > self._most_events * share or self.bytes + size > self._most_bytes * share
        # Alone, even what is larger than the queue is taken: refused, it would come again for ever.
        if full and self.events:
            raise Unavailable("cannot store the delivery now: the queue is full; send again")
        self.events += events
        self.bytes += size
        self._waiting.append(_Waiting(submission, events, size, tell))
        if self._task is None:
            self._task = asyncio.create_task(self._drain(), name="writer")

    async def check(self) -> str:
        """Why nothing can be stored now; empty where it can.

        Where the last transaction failed, one without anything in it is tried: what had been wrong may be over, and no
        sender may come to find out while a balancer keeps them away.
        """
        if self.failure and self._task is None:
            await self._append([])
        return self.failure

    async def close(self) -> None:
        """Refuse what comes now, and finish what was queued."""
        self._closed = True
        if self._task is not None:
            await self._task

    async def _drain(self) -> None:
        try:
            while self._waiting:
                await self._append(await self._gather())
        finally:
            self._task = None

    async def _gather(self) -> list[_Waiting]:
        """What waits, and what is just coming in: while more of it arrives at once, another commit costs more than
        waiting for it. Whoever is alone does not wait."""
        seen = 1
        while seen < len(self._waiting) < self._batch_events:
            seen = len(self._waiting)
            await asyncio.sleep(0)
        batch: list[_Waiting] = []
        events = 0
        while self._waiting and events < self._batch_events:
            batch.append(self._waiting.popleft())
            events += len(batch[-1].submission.events)
        return batch

    async def _append(self, batch: Sequence[_Waiting]) -> None:
        answers: Sequence[Receipt | Exception]
        begun = perf_counter()
        try:
            stored = await self.log.append([waiting.submission for waiting in batch])
            answers = [answer if isinstance(answer, Receipt) else answer.error() for answer in stored]
            self.failure = ""
        except Exception as error:  # whatever it was, nothing was stored, and everybody must hear it
            self.failure = str(error) if isinstance(error, TimelinedError) else type(error).__name__
            if not isinstance(error, TimelinedError):
                sources = ", ".join(sorted({waiting.submission.source for waiting in batch}))
                self._crashes.note("cannot commit: a mistake of ours; those who sent come again", sources, error)
            answers = [_refusal(error) for _ in batch]
        self.metrics.committed(begun, not self.failure)
        pairs = list(zip(batch, answers, strict=True))
        self.metrics.stored(
            [_counted(waiting.submission, answer) for waiting, answer in pairs if isinstance(answer, Receipt)]
        )
        for waiting, answer in pairs:
            self.events -= waiting.events
            self.bytes -= waiting.size
            try:
                waiting.tell(answer)
            except Exception as error:  # one who cannot be told must not keep it from the others
                log.error("cannot tell a sender that its delivery was stored: %s", type(error).__name__, exc_info=error)


class _Waiting(NamedTuple):
    """A submission on its way into the log."""

    submission: Submission
    events: int
    """A delivery without any counts as one."""
    size: int
    """Bytes of its body."""
    tell: Reply


def _counted(submission: Submission, receipt: Receipt) -> DeliveryOutcome:
    new = len([item for item in receipt.items if not item.stored_before])
    latest = max([event.occurred_at for event in submission.events], default=submission.received_at)
    return DeliveryOutcome(
        submission.source, receipt.status, submission.received_at, latest, new, repeated=not new and bool(receipt.items)
    )


def resolve(future: asyncio.Future[Receipt], answer: Receipt | Exception) -> None:
    """Tell a future, as a :data:`Reply`."""
    if future.done():
        return  # nobody waits for it any longer
    if isinstance(answer, Exception):
        future.set_exception(answer)
    else:
        future.set_result(answer)


def _refusal(error: Exception) -> Unavailable:
    """One for each who waits: an exception that is raised in several tasks gathers all their tracebacks."""
    said = str(error) if isinstance(error, TimelinedError) else f"cannot store the delivery now: {type(error).__name__}"
    refusal = Unavailable(said, error.retry_after if isinstance(error, Unavailable) else 5)
    refusal.__cause__ = error
    return refusal
