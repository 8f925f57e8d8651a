"""The toy of ``wrong.py`` in PostgreSQL itself: numbers of a sequence or of a head row, in overlapping transactions."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from tests.faults.checker import Observation
from tests.faults.history import Fact, Placed
from tests.faults.stored import StoredLog
from tests.faults.wrong import identity_of, log_of

_TABLES = """CREATE TABLE fact (position bigint PRIMARY KEY, entity text, type text, body bytea);
    CREATE SEQUENCE numbers; CREATE TABLE head (position bigint); INSERT INTO head VALUES (0)"""
_NUMBER = {True: "SELECT nextval('numbers')", False: "UPDATE head SET position = position + 1 RETURNING position"}


class SequenceLog:
    """A table whose positions come from a sequence, as ``bigserial`` would give them."""

    def __init__(self, pool: asyncpg.Pool, seed: str, *, sequence: bool) -> None:
        self._pool = pool
        self._random = random.Random(seed)  # noqa: S311 - to be repeated, not to be secret
        self._number = _NUMBER[sequence]

    async def append(self, fact: Fact, body: bytes) -> Placed:
        """See :class:`tests.faults.wrong.Log`."""
        async with self._pool.acquire() as connection, connection.transaction():
            position = await connection.fetchval(self._number)
            await connection.execute("INSERT INTO fact VALUES ($1, $2, $3, $4)", position, *fact, body)
            await connection.execute("SELECT pg_sleep($1)", self._random.choice((0, 0, 0.002)))
        return Placed(identity_of(fact), position, known=False)

    async def read(self, after: int) -> list[Observation]:
        """See :class:`tests.faults.wrong.Log`."""
        statement = "SELECT position, entity, type FROM fact WHERE position > $1 ORDER BY position"
        rows = await self._pool.fetch(statement, after)
        return [Observation(row["position"], identity_of(Fact(row["entity"], row["type"])), 0) for row in rows]

    async def stored(self) -> StoredLog:
        """All of it."""
        rows = await self._pool.fetch("SELECT * FROM fact")
        return log_of({row["position"]: (Fact(row["entity"], row["type"]), row["body"]) for row in rows})


@asynccontextmanager
async def sequence_log(host: str, database: str, *, sequence: bool) -> AsyncIterator[SequenceLog]:
    """One in an empty database; with ``sequence=False`` its numbers come from a head row."""
    async with asyncpg.create_pool(host=host, user="owner", database=database, min_size=9, max_size=9) as pool:
        await pool.execute(_TABLES)
        yield SequenceLog(pool, "a race", sequence=sequence)
