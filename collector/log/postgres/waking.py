"""How one daemon hears that another has added events: NOTIFY, and a slow look at the head in case it was missed.

A hint either way. Whoever is woken reads after its own position.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import asyncpg
import structlog

from collector.log.postgres.connecting import READING, Address
from collector.log.postgres.schema import CHANNEL

log = structlog.get_logger(__name__)

EVERY = 5.0
"""Seconds between two looks at the head, and between attempts to connect again."""


class Waker:
    """Calls ``wake`` for every commit of others, from :meth:`start` to :meth:`close`.

    ``ours`` says whether a session of the server is this process's own: who committed there wakes without the server.
    """

    def __init__(self, address: Address, wake: Callable[[], None], ours: Callable[[int], bool]) -> None:
        self._address = address
        self._wake = wake
        self._ours = ours
        self._seen = 0
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to listen on the running event loop; a second call changes nothing."""
        if self._task is None:
            self._task = asyncio.create_task(self._listen(), name="log-waker")

    async def close(self) -> None:
        """Stop listening."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _listen(self) -> None:
        while True:
            try:
                await self._listen_once()
            except Exception as error:
                log.debug("cannot listen for other daemons' events; looking again", error=str(error))
            await asyncio.sleep(EVERY)

    async def _listen_once(self) -> None:
        connection = await self._address.connect(READING)
        try:
            await connection.add_listener(CHANNEL, self._heard)
            # Whatever was said while nobody listened.
            while True:
                position = await connection.fetchval("SELECT position FROM head")
                # What is being announced, or was committed by us, has a moment to be heard of.
                await asyncio.sleep(EVERY)
                if position > self._seen:
                    self._seen = position
                    self._wake()
        finally:
            connection.terminate()

    def _heard(self, connection: asyncpg.Connection, pid: int, channel: str, payload: Any) -> None:
        self._seen = max(self._seen, int(payload))
        if not self._ours(pid):
            self._wake()
