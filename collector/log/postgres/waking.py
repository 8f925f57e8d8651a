"""How one daemon hears that another has added events: NOTIFY, and a slow look at the last one in case it was missed.

A hint either way. Whoever is woken reads after its own position. What was seen
is remembered as what was acknowledged here is: a server that comes up without
it lost it, and only who knew of it can tell.

That look is also what finds a server that is there and says nothing: nobody
else has to wait for it then.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import asyncpg
import structlog
from sqlalchemy import literal_column, select

from collector.log.postgres.connecting import READING, Database, as_text
from collector.schema.postgresql import CHANNEL
from collector.schema.tables import event
from collector.tasks import ended

log = structlog.get_logger(__name__)

_LAST = as_text(select(event.c.position, event.c.leaf).order_by(event.c.position.desc()).limit(literal_column("1")))
_WAITING = """SELECT count(*) AS commits, current_setting('synchronous_standby_names') AS standbys
    FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'SyncRep'"""

EVERY = 5.0
"""Seconds between two looks where nothing is heard, and between attempts to connect again."""
SOON = 0.1
"""Seconds in which what is heard of is gathered for one look."""
SILENT = 5.0
"""Seconds without an answer to a question that takes none, after which a server counts as silent."""
_AGAIN = 1.0
"""Seconds between attempts to connect to a silent server: others are refused until one succeeds."""


def _hindrance(waiting: Mapping[str, Any]) -> str:
    """What keeps commits waiting; a standby that lags for a moment is no hindrance yet to whoever did not time out."""
    if not waiting["commits"]:
        return ""
    return (
        f"the synchronous standby does not answer, and {waiting['commits']} commits wait for it; bring it back, or "
        f"take it out of synchronous_standby_names, which is '{waiting['standbys']}'"
    )


class CommitListener:
    """Calls ``wake`` for every commit of others, from :meth:`start` to :meth:`close`.

    ``ours`` says whether a session of the server is this process's own: who committed there wakes without the server.
    ``remember`` is told the last event's position and leaf, whoever added it; ``silent`` is told with every look
    whether the server left it without an answer.
    """

    def __init__(
        self, address: Database, wake: Callable[[], None], is_own: Callable[[int], bool],
        remember: Callable[[int, bytes], None], silent: Callable[[bool], None],
    ) -> None:  # fmt: skip
        self._address = address
        self._wake, self._ours, self._remember, self._unresponsive = wake, is_own, remember, silent
        self._notification = asyncio.Event()
        self._last_position = 0
        self._trouble = ""
        """Why we could not listen last: said once, and again when it is something else."""
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to listen on the running event loop; a second call changes nothing."""
        if self._task is None:
            self._task = asyncio.create_task(self._listen(), name="log-waker")

    async def close(self) -> None:
        """Stop listening."""
        task, self._task = self._task, None
        await ended(task)

    async def _listen(self) -> None:
        while True:
            try:
                await self._listen_once()
            except Exception as error:
                self._say(f"{type(error).__name__}: {error}")
                silent = any(isinstance(one, TimeoutError) for one in (error, error.__cause__))
                self._unresponsive(silent)
                await asyncio.sleep(_AGAIN if silent else EVERY)

    def _say(self, trouble: str) -> None:
        if trouble != self._trouble:
            log.warning("cannot listen for other daemons' events; looking again", error=trouble)
        self._trouble = trouble

    async def _listen_once(self) -> None:
        connection = await self._address.connect(READING)
        try:
            await connection.add_listener(CHANNEL, self._on_notification)
            # Whatever was said while nobody listened.
            while True:
                self._notification.clear()
                row = await connection.fetchrow(_LAST, timeout=SILENT)
                self._unresponsive(False)
                self._trouble = ""
                self._address.hindrance = _hindrance(await connection.fetchrow(_WAITING, timeout=SILENT))
                if row is not None:
                    self._remember(row["position"], row["leaf"])
                # What is being announced, or was committed by us, has a moment to be heard of.
                with suppress(TimeoutError):
                    async with asyncio.timeout(EVERY):
                        await self._notification.wait()
                    await asyncio.sleep(SOON)
                if row is not None and row["position"] > self._last_position:
                    self._last_position = row["position"]
                    self._wake()
        finally:
            connection.terminate()

    def _on_notification(self, connection: asyncpg.Connection, pid: int, channel: str, payload: Any) -> None:
        if self._ours(pid):
            self._last_position = max(self._last_position, int(payload))
            return
        # Another log of this database may be meant: only our own look says how far this one is.
        self._notification.set()
        self._wake()
