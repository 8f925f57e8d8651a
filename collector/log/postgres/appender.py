"""The one connection that appends: one round trip a batch, the commit included."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import asyncpg

from collector.errors import Unavailable
from collector.log.appending import Appended
from collector.log.contract import Submission
from collector.log.postgres.batch import CALL, ArrayBatch, NeedsSlowPath
from collector.log.postgres.connecting import APPENDING, NOT_KEPT, Database
from collector.proof.acknowledged import Last
from collector.storage.outage import is_outage

_LONGEST = 10.0
"""Seconds until a batch is answered 503, though it may yet be committed: what comes again is then known."""


class Appender:
    """Appends on the event loop, one batch after the other."""

    def __init__(self, address: Database) -> None:
        self._address = address
        self._alone = asyncio.Lock()
        self._connection: asyncpg.Connection | None = None
        self._statement: Any = None

    @property
    def pid(self) -> int:
        """The server's process that serves us; 0 without a connection."""
        connection = self._connection
        return 0 if connection is None or connection.is_closed() else int(connection.get_server_pid())

    async def append(self, submissions: Sequence[Submission]) -> Appended:
        """Receipts after the commit, and the last event that was added.

        Raises :class:`NeedsSlowPath` where the batch has to be judged fact by fact, :class:`Unavailable` where nothing
        can be stored now, and what the driver raises for a value that cannot be stored. Nothing was stored then.
        """
        batch = ArrayBatch(submissions)
        before, first_delivery, positions, leaf = await self._call(batch.arguments())
        if positions is None:
            raise NeedsSlowPath
        return Appended(batch.receipts(before, first_delivery, positions), Last(max(positions), leaf) if leaf else None)

    async def _call(self, arguments: Sequence[Any]) -> tuple[int, int, list[int] | None, bytes | None]:
        async with self._alone:
            connection, statement = await self._ready()
            try:
                *answer, fsync, synchronous_commit = await statement.fetchrow(*arguments, timeout=_LONGEST)
            except Exception as error:
                if not (is_outage(error) or connection.is_closed()):
                    raise
                # What the server would still say, nobody would understand: the next batch has a connection of its own.
                self.drop()
                raise self._address.unavailable("write to", error) from error
            if connection.is_closed():
                self.drop()
                raise self._address.unavailable("write to", ConnectionError(NOT_KEPT))
            try:
                self._address.trust(fsync, synchronous_commit)
            except Unavailable:
                # The next one is refused before it stores anything.
                self.drop()
                raise
            before, first_delivery, positions, leaf = answer
            return before, first_delivery, positions, leaf

    async def _ready(self) -> tuple[asyncpg.Connection, Any]:
        if self._connection is None or self._connection.is_closed():
            connection = await self._address.connect(APPENDING)
            try:
                self._statement = await connection.prepare(CALL)
            except Exception as error:
                connection.terminate()
                raise self._address.unavailable("write to", error) from error
            self._connection = connection
        return self._connection, self._statement

    def drop(self) -> None:
        """Give the connection up, whatever it is doing."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.terminate()

    async def close(self) -> None:
        """Wait for the batch under way, and say goodbye."""
        async with self._alone:
            connection, self._connection = self._connection, None
            if connection is not None:
                try:
                    await connection.close(timeout=2)
                except Exception:  # a server that is gone hears no goodbye
                    connection.terminate()
