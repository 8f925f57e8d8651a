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
from hashlib import sha256

from tests.faults import tree
from tests.faults.checker import Seen
from tests.faults.history import Attempt, Fact, History, Outcome, Placed, now
from tests.faults.stored import StoredDelivery, StoredEvent, StoredLog


class Toy:
    """Transactions that take a while, several at a time."""

    def __init__(self, seed: str, *, sequence: bool) -> None:
        self._random = random.Random(seed)  # noqa: S311 - to be repeated, not to be secret
        self._sequence = sequence
        self._head = asyncio.Lock()
        self._numbers = itertools.count(1)
        self._committed: dict[int, tuple[StoredEvent, StoredDelivery]] = {}

    async def append(self, fact: Fact, body: bytes) -> Placed:
        """Store one fact; the answer comes after the commit."""
        if self._sequence:
            position = next(self._numbers)
            await self._transaction()
        else:
            async with self._head:
                await self._transaction()
                position = len(self._committed) + 1
                self._commit(position, fact, body)
        if self._sequence:
            self._commit(position, fact, body)
        return Placed(self._committed[position][0].id, position, known=False)

    def read(self, after: int) -> list[Seen]:
        """What stands after a position, in order, as far as it was committed."""
        found = sorted(position for position in self._committed if position > after)
        return [Seen(position, self._committed[position][0].id, 0) for position in found]

    def stored(self) -> StoredLog:
        """All of it."""
        rows = [self._committed[position] for position in sorted(self._committed)]
        return StoredLog((len(rows), len(rows)), tuple(row[0] for row in rows), tuple(row[1] for row in rows))

    async def _transaction(self) -> None:
        for _ in range(self._random.randint(0, 5)):
            await asyncio.sleep(0)

    def _commit(self, position: int, fact: Fact, body: bytes) -> None:
        identity = sha256(repr(fact).encode()).digest()[:16]
        packed = identity + position.to_bytes(8, "big") + b"\x00"
        salt, content = bytes(32), f'{{"entity":"{fact.entity}"}}'.encode()
        delivery = StoredDelivery(
            position, "toy", 0, len(body), "none", "read", "", b"[]", packed, 2 * position, b"", b"", salt, body
        )  # fmt: skip
        delivery = delivery._replace(commitment=tree.delivery_commitment(delivery))
        delivery = delivery._replace(leaf=tree.delivery_leaf(delivery))
        event = StoredEvent(
            position, identity.hex(), 0, "", fact.type, "toy", 0, 0, position, 0, 2 * position + 1, b"", b"", b"", salt,
            content,
        )  # fmt: skip
        event = event._replace(content_commitment=tree.content_commitment(event, delivery.commitment))
        event = event._replace(commitment=tree.event_commitment(event))
        self._committed[position] = (event._replace(leaf=tree.leaf(event)), delivery)


async def race(toy: Toy, clients: int, each: int) -> tuple[History, list[Seen]]:
    """Clients that append beside each other, and a reader that follows them: what they were told, what it was shown."""
    history, seen = History(), list[Seen]()

    async def client(number: int) -> None:
        for turn in range(each):
            fact, body, sent_at = Fact(f"{number}-{turn}", "toy.said"), f"{number}-{turn}".encode(), now()
            placed = await toy.append(fact, body)
            acked = Attempt(body, (fact,), Outcome.ACKED, 202, "", f"d{placed.position}", (placed,))
            history.add(acked._replace(sent_at=sent_at, heard_at=now()))

    async def reader() -> None:
        while len(history.attempts) < clients * each:
            seen.extend(toy.read(seen[-1].position if seen else 0))
            await asyncio.sleep(0)
        seen.extend(toy.read(seen[-1].position if seen else 0))

    await asyncio.gather(reader(), *(client(number) for number in range(clients)))
    return history, seen
