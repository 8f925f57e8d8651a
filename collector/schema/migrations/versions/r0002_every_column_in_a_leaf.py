"""Every column of an event and of a delivery is in a leaf, and checkpoints over both trees are kept.

The commitment of 0001 becomes ``content_commitment``; a second one takes in the
columns that no leaf named, and leaves are computed anew. This rewrites rows,
which no later revision may do: nothing had been sealed over the old leaves, and
no version before this one could show a proof.

On PostgreSQL it is the first revision that makes anything.
"""

from __future__ import annotations

import sqlite3
from hashlib import sha256
from struct import Struct

from collector.schema.migrations.statements import run

revision = "0002"
down_revision = "0001"

_ROW, _LEAF, _DELIVERY = Struct(">qQIQHH"), Struct(">BQ16sHqH"), Struct(">BQqQQHHHIII")

BEFORE = (
    "ALTER TABLE event RENAME TO event_0001",
    "ALTER TABLE delivery RENAME TO delivery_0001",
    "DROP INDEX event_id_revision",
    "DROP INDEX delivery_not_read",
    """CREATE TABLE event (
        position INTEGER NOT NULL, id BLOB NOT NULL, revision INTEGER NOT NULL, amendment TEXT NOT NULL,
        type TEXT NOT NULL, source TEXT NOT NULL, received_at INTEGER NOT NULL, occurred_at INTEGER NOT NULL,
        delivery INTEGER NOT NULL, item INTEGER NOT NULL, content INTEGER NOT NULL, content_commitment BLOB NOT NULL,
        commitment BLOB NOT NULL, leaf BLOB NOT NULL, PRIMARY KEY (position) )""",
    """CREATE TABLE delivery (
        number INTEGER NOT NULL, source TEXT NOT NULL, received_at INTEGER NOT NULL, size INTEGER NOT NULL,
        authentication TEXT NOT NULL, status TEXT NOT NULL, reason TEXT NOT NULL, headers BLOB NOT NULL,
        told BLOB NOT NULL, content INTEGER NOT NULL, commitment BLOB NOT NULL, leaf BLOB NOT NULL,
        PRIMARY KEY (number) )""",
    """CREATE TABLE checkpoint (
        tree TEXT NOT NULL, size INTEGER NOT NULL, root BLOB NOT NULL, frontier BLOB NOT NULL, note TEXT NOT NULL,
        digest BLOB NOT NULL, PRIMARY KEY (tree, size) ) WITHOUT ROWID""",
)
COPY = (
    """INSERT INTO event SELECT position, id, revision, amendment, type, source, received_at, occurred_at, delivery,
        item, content, commitment, x'', x'' FROM event_0001 ORDER BY position""",
    """UPDATE event SET commitment =
        commitment_0002(occurred_at, delivery, item, content, source, amendment, content_commitment)""",
    "UPDATE event SET leaf = leaf_0002(position, id, revision, received_at, type, commitment)",
    """INSERT INTO delivery SELECT *, delivery_leaf_0002(number, received_at, size, content, source, authentication,
        status, reason, headers, told, commitment) FROM delivery_0001 ORDER BY number""",
)
AFTER = (
    "DROP TABLE event_0001",
    "DROP TABLE delivery_0001",
    "CREATE UNIQUE INDEX event_id_revision ON event (id, revision)",
    "CREATE INDEX delivery_not_read ON delivery (number) WHERE status <> 'read'",
    """CREATE TRIGGER event_refuses_update BEFORE UPDATE ON event
        BEGIN SELECT RAISE(ABORT, 'event: the log is append-only; UPDATE refused'); END""",
    """CREATE TRIGGER event_refuses_delete BEFORE DELETE ON event
        BEGIN SELECT RAISE(ABORT, 'event: the log is append-only; DELETE refused'); END""",
    """CREATE TRIGGER event_refuses_insert BEFORE INSERT ON event
        WHEN EXISTS (SELECT 1 FROM event WHERE position = NEW.position)
        OR EXISTS (SELECT 1 FROM event WHERE id = NEW.id AND revision = NEW.revision)
        BEGIN SELECT RAISE(ABORT, 'event: the log is append-only; INSERT refused'); END""",
    """CREATE TRIGGER delivery_refuses_update BEFORE UPDATE ON delivery
        BEGIN SELECT RAISE(ABORT, 'delivery: the log is append-only; UPDATE refused'); END""",
    """CREATE TRIGGER delivery_refuses_delete BEFORE DELETE ON delivery
        BEGIN SELECT RAISE(ABORT, 'delivery: the log is append-only; DELETE refused'); END""",
    """CREATE TRIGGER delivery_refuses_insert BEFORE INSERT ON delivery
        WHEN EXISTS (SELECT 1 FROM delivery WHERE number = NEW.number)
        BEGIN SELECT RAISE(ABORT, 'delivery: the log is append-only; INSERT refused'); END""",
    """CREATE TRIGGER checkpoint_refuses_update BEFORE UPDATE ON checkpoint
        BEGIN SELECT RAISE(ABORT, 'checkpoint: the log is append-only; UPDATE refused'); END""",
    """CREATE TRIGGER checkpoint_refuses_delete BEFORE DELETE ON checkpoint
        BEGIN SELECT RAISE(ABORT, 'checkpoint: the log is append-only; DELETE refused'); END""",
    """CREATE TRIGGER checkpoint_refuses_insert BEFORE INSERT ON checkpoint
        WHEN EXISTS (SELECT 1 FROM checkpoint WHERE tree = NEW.tree AND size >= NEW.size)
        BEGIN SELECT RAISE(ABORT, 'checkpoint: the log is append-only; INSERT refused'); END""",
)
POSTGRESQL = (
    """CREATE TABLE head (
        one bigint PRIMARY KEY, position bigint NOT NULL, delivery bigint NOT NULL, content bigint NOT NULL)""",
    """CREATE TABLE event (
        position bigint PRIMARY KEY, id bytea NOT NULL, revision bigint NOT NULL, amendment text COLLATE "C" NOT NULL,
        type text COLLATE "C" NOT NULL, source text COLLATE "C" NOT NULL, received_at bigint NOT NULL,
        occurred_at bigint NOT NULL, delivery bigint NOT NULL, item bigint NOT NULL, content bigint NOT NULL,
        content_commitment bytea NOT NULL, commitment bytea NOT NULL, leaf bytea NOT NULL)""",
    """CREATE TABLE delivery (
        number bigint PRIMARY KEY, source text COLLATE "C" NOT NULL, received_at bigint NOT NULL, size bigint NOT NULL,
        authentication text COLLATE "C" NOT NULL, status text COLLATE "C" NOT NULL, reason text COLLATE "C" NOT NULL,
        headers bytea NOT NULL, told bytea NOT NULL, content bigint NOT NULL, commitment bytea NOT NULL,
        leaf bytea NOT NULL)""",
    "CREATE TABLE content (number bigint PRIMARY KEY, salt bytea NOT NULL, bytes bytea NOT NULL)",
    """CREATE TABLE checkpoint (
        tree text COLLATE "C" NOT NULL, size bigint NOT NULL, root bytea NOT NULL, frontier bytea NOT NULL,
        note text COLLATE "C" NOT NULL, digest bytea NOT NULL, PRIMARY KEY (tree, size))""",
    "CREATE TABLE repeat (id bytea PRIMARY KEY, count bigint NOT NULL, last_at bigint NOT NULL)",
    "CREATE UNIQUE INDEX event_id_revision ON event (id, revision)",
    "CREATE INDEX delivery_not_read ON delivery (number) WHERE status <> 'read'",
    "INSERT INTO head VALUES (1, 0, 0, 0)",
)
"""The whole log: no version before this one had PostgreSQL. What refuses, appends and grants is no part of a revision;
it is made anew after each upgrade (``collector.schema.postgresql``)."""


def upgrade() -> None:
    """Make both tables anew, with what every row has to say."""
    from alembic import op

    driver = op.get_bind().connection.driver_connection
    if isinstance(driver, sqlite3.Connection):
        _teach(driver)
    run(sqlite=[*BEFORE, *COPY, *AFTER], postgresql=POSTGRESQL)


def _teach(driver: sqlite3.Connection) -> None:
    """What SQL cannot compute. Spelled out: what ``merkle`` computes may change with a later revision."""
    for function, count in ((commitment_0002, 7), (leaf_0002, 6), (delivery_leaf_0002, 11)):
        driver.create_function(function.__name__, count, function, deterministic=True)


def commitment_0002(
    occurred_at: int, delivery: int, item: int, number: int, source: str, amendment: str, committed: bytes
) -> bytes:
    """Of an event: the columns that its leaf does not name, and the commitment to its content."""
    who, why = source.encode(), amendment.encode()
    return sha256(_ROW.pack(occurred_at, delivery, item, number, len(who), len(why)) + who + why + committed).digest()


def leaf_0002(position: int, identity: bytes, revision: int, received_at: int, kind: str, commitment: bytes) -> bytes:
    """Of an event."""
    name = kind.encode()
    return sha256(_LEAF.pack(0, position, identity, revision, received_at, len(name)) + name + commitment).digest()


def delivery_leaf_0002(
    number: int, received_at: int, size: int, content: int, source: str, authentication: str, status: str, reason: str,
    headers: bytes, events_told: bytes, commitment: bytes,
) -> bytes:  # fmt: skip
    """Of a delivery: every column."""
    texts = (source.encode(), authentication.encode(), status.encode(), reason.encode(), headers, events_told)
    fixed = _DELIVERY.pack(0, number, received_at, size, content, *map(len, texts))
    return sha256(fixed + b"".join(texts) + commitment).digest()
