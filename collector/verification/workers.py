"""Processes that help to verify a log, each over a connection of its own.

The log only grows, so rows up to a head that was read first are the same in
every later view of it, but for contents that are gone; and whatever view lacks
one has the record of its removal, which came with it. What a helper finds to be
in order is therefore in order. Where it finds anything else, or fails, it says
no more than that: whoever verifies reads on from there himself, on his own view
of the whole, so that what differs is named as if nobody had helped.
"""

from __future__ import annotations

import asyncio
import signal
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import suppress
from functools import partial
from itertools import islice
from multiprocessing import get_context
from typing import Any, NamedTuple

from sqlalchemy import Connection

from collector.log.contract import EventLog
from collector.proof.checkpoint import EVENTS
from collector.proof.tree import HASH_SIZE
from collector.removal.recorded_removals import RecordedRemovals
from collector.verification import schema_check
from collector.verification.scan import Scan

CHUNK_SIZE = 20_000
"""Rows that a helper is given at a time: a fifth of a second."""
WORTH = 300_000
"""Rows below which one process has verified them before others have started, which takes them a second."""
_AHEAD = 4
"""Parts for each helper that are given out before the first of them is taken back."""

Opener = Callable[[], Awaitable[EventLog]]
"""Opens the log to read; it goes to other processes, which import it by its name."""


class Chunk(NamedTuple):
    """Rows of one table, behind ``after`` up to ``last``."""

    table: str
    after: int
    last: int


class VerifiedChunk(NamedTuple):
    """A part of which everything is in order."""

    leaves: bytes
    """All of them, in their order."""
    removed: int
    contents: int
    highest: int
    """As in :class:`Scan`."""


class VerifyWorkers:
    """So many processes. They start with the first thing they are asked, and end with the block."""

    def __init__(self, opener: Opener, jobs: int, *, chunk_size: int = CHUNK_SIZE, worth: int = WORTH) -> None:
        self._opener, self._jobs, self._chunk_size, self._worth = opener, jobs, chunk_size, worth
        self._pool: ProcessPoolExecutor | None = None

    def __enter__(self) -> VerifyWorkers:
        return self

    def __exit__(self, *raised: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def worth(self, rows: int) -> bool:
        """Whether so many rows are verified sooner with help."""
        return self._jobs > 1 and rows >= self._worth

    def integrity(self) -> Callable[[Connection], list[str]]:
        """Have the file checked; what answers waits for it, and looks itself where that was not in order."""
        check = self._ask(schema_check.integrity)

        def answer(connection: Connection) -> list[str]:
            return [] if _result(check) == [] else schema_check.integrity(connection)

        return answer

    def in_order(self, table: str, last: int) -> Iterator[tuple[Chunk, VerifiedChunk]]:
        """Parts of a table from its first row on, whole ones up to ``last``, until one is not in order."""
        chunks = (
            Chunk(table, after, after + self._chunk_size)
            for after in range(0, last - self._chunk_size + 1, self._chunk_size)
        )
        submitted: deque[tuple[Chunk, Future[Any]]] = deque()
        try:
            while True:
                some = islice(chunks, _AHEAD * self._jobs - len(submitted))
                submitted += [(each, self._ask(partial(verified, chunk=each))) for each in some]
                if not submitted or (seen := _result(submitted[0][1])) is None:
                    return
                yield submitted.popleft()[0], seen
        finally:
            for _, asked in submitted:
                asked.cancel()

    def _ask(self, work: Callable[[Connection], Any]) -> Future[Any]:
        """Give work out; that nobody can take it is an answer like any other."""
        try:
            if self._pool is None:
                # A copy of this process would have locks that threads of this one hold.
                self._pool = ProcessPoolExecutor(self._jobs, get_context("spawn"), _begin, (self._opener,))
            return self._pool.submit(_look, work)
        except Exception as error:
            refused: Future[Any] = Future()
            refused.set_exception(error)
            return refused


def _result(future: Future[Any]) -> Any:
    """What a helper found; None where it could not say."""
    with suppress(Exception):
        return future.result()
    return None


def verified(connection: Connection, chunk: Chunk) -> VerifiedChunk | None:
    """Verify one part; None where anything about it is not in order."""
    leaves: list[bytes] = []
    scan = Scan(connection, lambda rows: None, _worker.absent.over(connection) if _worker else None)
    take: Callable[[Sequence[Any]], None] = leaves.extend
    reached = (scan.events if chunk.table == EVENTS else scan.deliveries)(take, chunk.after, chunk.last)
    if scan.differences or reached != chunk.last or len(leaves) != chunk.last - chunk.after:
        return None
    return VerifiedChunk(b"".join(leaves), scan.removed, scan.contents, scan.highest)


def split(leaves: bytes) -> list[bytes]:
    """The leaves of a part, one by one."""
    return [leaves[i : i + HASH_SIZE] for i in range(0, len(leaves), HASH_SIZE)]


# --- in a helper ------------------------------------------------------------------------------------------------------


class _Worker:
    """What a helper keeps between one part and the next."""

    def __init__(self, opener: Opener) -> None:
        self.runner = asyncio.Runner()
        self.log = self.runner.run(_opened(opener))
        self.absent = RecordedRemovals()


async def _opened(opener: Opener) -> EventLog:
    return await opener()


_worker: _Worker | None = None


def _begin(opener: Opener) -> None:
    # Whoever asked is interrupted as well, and ends us.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    global _worker  # noqa: PLW0603 - a process of a pool has no other place
    _worker = _Worker(opener)


def _look(work: Callable[[Connection], Any]) -> Any:
    assert _worker is not None  # noqa: S101 - the pool began with it
    return _worker.runner.run(_worker.log.query(work))
