"""One run: a daemon, its clients and a reader, and the checker over all of them, in a folder of its own."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
from sqlalchemy import Connection, NullPool, create_engine

from collector.log import reading
from collector.settings import Settings
from tests.faults import stored, tree
from tests.faults.checker import Checkpoint, Verdict, check
from tests.faults.clients import Clients
from tests.faults.history import History
from tests.faults.supervisor import Supervisor, until
from tests.faults.tail import Tail
from tests.regrouped import batch, kept

RULES = Settings().correlation
EVIDENCE = ("history.jsonl", "broken.db", "stderr")
"""What is kept of a run whose promises were broken."""


class Rig:
    """What a fault is done to."""

    def __init__(
        self, folder: Path, seed: str, *, database: Path | None = None, clients: int = 8, **daemon: Any
    ) -> None:
        self.folder = folder
        self.random = random.Random(seed)  # noqa: S311 - to be repeated, not to be secret
        self.database = database or folder / "timelined.db"
        self.daemon = Supervisor(folder, f"sqlite:///{self.database}", **daemon)
        self.history = History()
        self.clients = Clients([self.daemon.address], self.history, seed, clients)
        self.tail = Tail(self.daemon.address)
        self.checkpoints: list[Checkpoint] = []

    def remember(self) -> None:
        """Keep the root over what a reader can see now: whatever comes, the tree must be a continuation of it."""
        leaves = view(self.database, stored.leaves)
        self.checkpoints.append(Checkpoint(len(leaves), tree.root(leaves) if leaves else tree.EMPTY_ROOT))

    async def judge(self, *, orderly: bool = False) -> Verdict:
        """Wait until the daemon has caught up and the reader has seen everything; then compare all there is."""
        await self.caught_up()
        log, projections = view(self.database, everything)
        await self.tail.reach(log.head[0])
        shown = self.tail.seen[: log.head[0]]
        verdict = check(
            self.history, log, tails={"the tail": shown}, checkpoints=self.checkpoints, projections=projections,
            orderly=orderly,
        )  # fmt: skip
        self.remember()
        if not verdict.ok:
            self._keep_evidence()
        return verdict

    def _keep_evidence(self) -> None:
        """For whoever looks into it: what the clients know, and the file as it is."""
        self.history.write(self.folder / EVIDENCE[0])
        with (
            closing(stored.open_file(self.database)) as broken,
            closing(sqlite3.connect(self.folder / EVIDENCE[1])) as to,
        ):
            broken.backup(to)

    async def caught_up(self, patience: float = 60.0) -> None:
        """Wait until the lists hold everything the log has."""
        await until(lambda: view(self.database, _lag) == 0, "the follower has caught up", patience)

    async def get(self, path: str) -> tuple[int, Mapping[str, str], Any]:
        """One request of a reader: status, headers, JSON."""
        timeout = aiohttp.ClientTimeout(total=20)
        async with aiohttp.ClientSession(timeout=timeout) as session, session.get(self.daemon.address + path) as answer:
            return answer.status, answer.headers, msgspec.json.decode(await answer.read())

    def close(self) -> None:
        """Nothing of it goes on."""
        self.clients.cancel()
        self.daemon.close()


@asynccontextmanager
async def rigged(folder: Path, seed: str, *, start: bool = True, **more: Any) -> AsyncIterator[Rig]:
    """A rig whose daemon serves and whose reader follows."""
    rig = Rig(folder, seed, **more)
    try:
        if start:
            await rig.daemon.start()
        rig.tail.start()
        yield rig
    finally:
        await rig.tail.stop()
        rig.close()


def view(database: Path, work: Any) -> Any:
    """One consistent view of the file, read only."""
    engine = create_engine("sqlite://", creator=lambda: stored.open_file(database), poolclass=NullPool)
    with engine.connect() as connection:
        connection.exec_driver_sql("BEGIN")
        return work(connection)


def _lag(connection: Connection) -> int:
    row = connection.exec_driver_sql("SELECT head.position - cursor.position FROM head, cursor").one_or_none()
    return -1 if row is None else int(row[0])


def everything(connection: Connection) -> tuple[stored.StoredLog, dict[str, tuple[Any, Any]]]:
    """The log, and each projection beside the same made afresh from the events it has taken in."""
    log = stored.read(connection)
    position = int(connection.exec_driver_sql("SELECT position FROM cursor").scalar_one())
    try:
        events = reading.read(connection, 0, position)
    except msgspec.DecodeError as error:
        return log, {"all lists": ({}, {"an event that cannot be read": str(error)})}
    made = batch(events, RULES)
    names = ("incidents", "what joined nothing", "what is ignored")
    pairs = {name: (one, other) for name, one, other in zip(names, kept(connection), made, strict=True)}
    indexed = connection.exec_driver_sql("SELECT position, id, revision, type, source, entity FROM event_index")
    pairs["the list of events"] = (
        {row[0]: tuple(row) for row in indexed},
        {e.position: (e.position, e.id, e.revision, e.type, e.source, e.entity) for e in events},
    )
    return log, pairs
