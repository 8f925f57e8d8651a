"""One run: daemons, their clients and readers, and the checker over all of them, in a folder of its own."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
from sqlalchemy import Connection, inspect

from collector.log import queries
from collector.settings import Settings
from tests.faults import stored, tree
from tests.faults.checker import Checkpoint, Verdict, check
from tests.faults.clients import Clients
from tests.faults.history import History
from tests.faults.stores import SqliteStore, Store
from tests.faults.supervisor import Supervisor, reached
from tests.faults.tail import Tail
from tests.regrouped import batch, kept

RULES = Settings().correlation
EVIDENCE = ("history.jsonl", "broken.db", "stderr")
"""What is kept of a run whose promises were broken."""


class Rig:
    """What a fault is done to: one daemon or several over one store."""

    def __init__(
        self,
        folder: Path,
        seed: str,
        *,
        store: Store | None = None,
        clients: int = 8,
        pairs: bool = False,
        daemons: int = 1,
        **daemon: Any,
    ) -> None:
        self.folder = folder
        self.random = random.Random(seed)  # noqa: S311 - to be repeated, not to be secret
        self.store = store or SqliteStore(folder / "timelined.db")
        places = [folder / f"daemon-{number}" for number in range(daemons)]
        self.daemons = [Supervisor(place, self.store.url, **daemon) for place in places]
        self.history = History()
        self.clients = Clients([each.address for each in self.daemons], self.history, seed, clients, pairs=pairs)
        self.tails = {f"the reader of daemon {n}": Tail(each.address) for n, each in enumerate(self.daemons)}
        self.checkpoints: list[Checkpoint] = []

    @property
    def daemon(self) -> Supervisor:
        """The first daemon, which is the only one in most runs."""
        return self.daemons[0]

    async def remember(self) -> None:
        """Keep the root over what a reader can see now: whatever comes, the tree must be a continuation of it."""
        log = await self.store.view(stored.read)
        for name in (stored.EVENTS, stored.DELIVERIES):
            leaves = log.leaves(name)
            self.checkpoints.append(Checkpoint(len(leaves), tree.root(leaves), name))
        # Those it sealed itself are on record, and stay so.
        self.checkpoints += [Checkpoint(each.size, each.root, each.tree) for each in log.sealed]

    async def judge(self, *, orderly: bool = False) -> Verdict:
        """Wait until the lists are up to date and the readers have seen everything; then compare all there is."""
        await self.caught_up()
        log, projections = await self.store.view(everything)
        for tail in self.tails.values():
            await tail.reach(log.head[0])
        shown = {name: tail.seen[: log.head[0]] for name, tail in self.tails.items()}
        verdict = check(
            self.history, log, tails=shown, checkpoints=self.checkpoints, projections=projections, orderly=orderly
        )
        await self.remember()
        if not verdict.ok:
            self.history.write(self.folder / EVIDENCE[0])
            self.store.copy(self.folder / EVIDENCE[1])
        return verdict

    async def caught_up(self) -> None:
        """Wait until the lists hold everything the log has, and the log everything that is said of them."""
        await caught_up(self.store, self._require_one)

    def _require_one(self) -> None:
        """Where all daemons ended nobody follows."""
        if not any(daemon.alive for daemon in self.daemons):
            self.daemon.require_alive()

    async def get(self, path: str, of: Supervisor | None = None) -> tuple[int, Mapping[str, str], Any]:
        """One request of a reader: status, headers, JSON."""
        timeout = aiohttp.ClientTimeout(total=20)
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.get((of or self.daemon).address + path) as answer,
        ):
            return answer.status, answer.headers, msgspec.json.decode(await answer.read())

    async def close(self) -> None:
        """Nothing of it goes on."""
        self.clients.cancel()
        for tail in self.tails.values():
            await tail.stop()
        for daemon in self.daemons:
            daemon.close()


@asynccontextmanager
async def rigged(folder: Path, seed: str, **more: Any) -> AsyncIterator[Rig]:
    """A rig whose daemons serve and whose readers follow."""
    rig = Rig(folder, seed, **more)
    try:
        for daemon in rig.daemons:
            await daemon.start()
        for tail in rig.tails.values():
            tail.start()
        yield rig
    finally:
        await rig.close()


_DUE = """SELECT (SELECT count(*) FROM outbox) + (SELECT count(*) FROM placement_due)
    + (SELECT count(*) FROM cursor WHERE settled > 0)"""


async def caught_up(store: Store, follows: Callable[[], None] = lambda: None) -> None:
    """Wait until the lists of a store hold everything its log has, and the log everything that is said of them.

    ``follows`` raises where there is nobody who could bring them there.
    """

    async def measured() -> float:
        ahead = await store.view(_ahead)
        if ahead < 0:
            follows()
        return ahead

    await reached(0, measured, "what the follower has to take in and to say, below 0")


def _ahead(connection: Connection) -> float:
    """How far the lists are from the end of the log, below 0; 0 where they hold all of it, and of no other log.

    A number that was not announced is known to these lists alone: others made of the log give another one.
    """
    if not any(inspect(connection).has_table("cursor", schema) for schema in inspect(connection).get_schema_names()):
        return float("-inf")  # the lists are not made yet
    row = connection.exec_driver_sql(
        "SELECT cursor.position - head.position, cursor.leaf, event.leaf FROM head, cursor "
        "LEFT JOIN event ON event.position = cursor.position"
    ).one_or_none()
    if row is None or bytes(row[1]) != bytes(row[2] or b""):
        return float("-inf")  # they are of events that the log has lost, and will be made anew
    return -abs(int(row[0])) - int(connection.exec_driver_sql(_DUE).scalar_one())


def everything(connection: Connection) -> tuple[stored.StoredLog, dict[str, tuple[Any, Any]]]:
    """The log, and each projection beside the same made afresh from the events it has taken in."""
    log = stored.read(connection)
    position = int(connection.exec_driver_sql("SELECT position FROM cursor").scalar_one())
    try:
        events = queries.read(connection, 0, position)
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
