"""A toy of a log that numbers as ours does, or as a sequence would: the second must be found out.

A sequence gives its numbers out before the commit. Whoever got 11 may commit
after whoever got 12; a reader that was shown 12 in between goes on after 12 and
is never shown 11. SQLite, with one writer at a time, cannot be brought to show
this with AUTOINCREMENT; two transactions of PostgreSQL can.
"""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import Mapping
from hashlib import sha256
from typing import Protocol

from tests.faults import tree
from tests.faults.checker import Observation
from tests.faults.history import Attempt, Fact, History, Outcome, Placed, now
from tests.faults.stored import StoredDelivery, StoredEvent, StoredLog


class Log(Protocol):
    """What numbers facts."""

    async def append(self, fact: Fact, body: bytes) -> Placed:
        """Store one fact; the answer comes after the commit."""

    async def read(self, after: int) -> list[Observation]:
        """What stands after a position, in order, as far as it was committed."""


class Toy:
    """Transactions that take a while, several at a time."""

    def __init__(self, seed: str, *, sequence: bool) -> None:
        self._random = random.Random(seed)  # noqa: S311 - to be repeated, not to be secret
        self._sequence = sequence
        self._head = asyncio.Lock()
        self._numbers = itertools.count(1)
        self._committed: dict[int, tuple[Fact, bytes]] = {}

    async def append(self, fact: Fact, body: bytes) -> Placed:
        """See :class:`Log`."""
        if self._sequence:
            position = next(self._numbers)
            await self._transaction()
            self._committed[position] = (fact, body)
        else:
            async with self._head:
                await self._transaction()
                position = len(self._committed) + 1
                self._committed[position] = (fact, body)
        return Placed(identity_of(fact), position, known=False)

    async def read(self, after: int) -> list[Observation]:
        """See :class:`Log`."""
        found = sorted(position for position in self._committed if position > after)
        return [Observation(position, identity_of(self._committed[position][0]), 0) for position in found]

    def stored(self) -> StoredLog:
        """All of it."""
        return log_of(self._committed)

    async def _transaction(self) -> None:
        for _ in range(self._random.randint(0, 5)):
            await asyncio.sleep(0)


def identity_of(fact: Fact) -> str:
    """An id that follows from what a fact states."""
    return sha256(repr(fact).encode()).hexdigest()[:32]


def log_of(rows: Mapping[int, tuple[Fact, bytes]]) -> StoredLog:
    """Positions, and what was told by which body, as the checker sees a log whose every hash is right."""
    pairs = [_row(position, *rows[position]) for position in sorted(rows)]
    return StoredLog((len(rows), len(rows)), tuple(pair[0] for pair in pairs), tuple(pair[1] for pair in pairs))


def _row(position: int, fact: Fact, body: bytes) -> tuple[StoredEvent, StoredDelivery]:
    identity, salt, content = identity_of(fact), bytes(32), f'{{"entity":"{fact.entity}"}}'.encode()
    packed = bytes.fromhex(identity) + position.to_bytes(8, "big") + b"\x00"
    delivery = StoredDelivery(
        position, "toy", 0, len(body), "none", "read", "", b"[]", packed, 2 * position, b"", b"", salt, body
    )  # fmt: skip
    delivery = delivery._replace(commitment=tree.delivery_commitment(delivery))
    delivery = delivery._replace(leaf=tree.delivery_leaf(delivery))
    event = StoredEvent(
        position, identity, 0, "", fact.type, "toy", 0, 0, position, 0, 2 * position + 1, b"", b"", b"", salt, content
    )  # fmt: skip
    event = event._replace(content_commitment=tree.content_commitment(event, delivery.commitment))
    event = event._replace(commitment=tree.event_commitment(event))
    return event._replace(leaf=tree.leaf(event)), delivery


async def race(log: Log, clients: int, per_client: int) -> tuple[History, list[Observation]]:
    """Clients that append beside each other, and a reader that follows them: what they were told, what it was shown."""
    history, events = History(), list[Observation]()

    async def client(number: int) -> None:
        for turn in range(per_client):
            fact, body, sent_at = Fact(f"{number}-{turn}", "toy.said"), f"{number}-{turn}".encode(), now()
            placed = await log.append(fact, body)
            acked = Attempt(body, (fact,), Outcome.ACKED, 202, "", f"d{placed.position}", (placed,))
            history.add(acked._replace(sent_at=sent_at, heard_at=now()))

    async def reader() -> None:
        while len(history.attempts) < clients * per_client:
            events.extend(await log.read(events[-1].position if events else 0))
            await asyncio.sleep(0)
        events.extend(await log.read(events[-1].position if events else 0))

    await asyncio.gather(reader(), *(client(number) for number in range(clients)))
    return history, events
