"""The tables of the log, and what the database itself refuses.

This is the schema as it is now. What makes it, and brings an older one to it,
are the revisions in ``migrations``; a test holds the two together.

``event`` and ``delivery`` hold metadata, commitments and leaves, and
``checkpoint`` the sealed trees over them: no row of these is ever changed or
removed, by whatever program. ``content`` holds salts,
canonical content and raw bodies; its rows can be removed (erasure, retention)
but not changed. ``repeat`` and ``alert_end`` follow from
deliveries.

Every key only grows, so each insert touches the right edge of its tree: the
index pages, not Python, are what an insert costs.
"""

from __future__ import annotations

from sqlalchemy import Column, Index, LargeBinary, MetaData, Table, text, types

from collector.schema.partial import partial

metadata = MetaData()

Integer = types.BigInteger().with_variant(types.Integer(), "sqlite")
"""64 bits on every database: times are microseconds. SQLite's own INTEGER has them, and only it numbers rows."""

Text = types.Text().with_variant(types.Text(collation="C"), "postgresql")
"""Compared byte by byte on every database, whatever language it was set up for."""

NOT_READ = text("status <> 'read'")
"""What the index of deliveries that were not read is built on."""
LOST = text("type = 'collector.lost'")
"""What the index of losses that were accepted is built on."""

head = Table(
    "head",
    metadata,
    Column("one", Integer, primary_key=True, autoincrement=False),
    Column("position", Integer, nullable=False),
    Column("delivery", Integer, nullable=False),
    Column("content", Integer, nullable=False),
    Column("identity", LargeBinary(16), nullable=True, comment="which log this is, wherever it is copied to"),
    Column("record", Text, nullable=True, comment="of a file: where what was acknowledged is recorded"),
    comment="The last number given out of each kind. Numbers come from here, in the transaction that uses them.",
)

event = Table(
    "event",
    metadata,
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("id", LargeBinary(16), nullable=False),
    Column("revision", Integer, nullable=False),
    Column("amendment", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("received_at", Integer, nullable=False),
    Column("occurred_at", Integer, nullable=False),
    Column("delivery", Integer, nullable=False, comment="0 where a person or the daemon told it"),
    Column("item", Integer, nullable=False),
    Column("content", Integer, nullable=False),
    Column("content_commitment", LargeBinary(32), nullable=False, comment="salted: hides the content it stands for"),
    Column("commitment", LargeBinary(32), nullable=False, comment="that one, and the columns the leaf does not name"),
    Column("leaf", LargeBinary(32), nullable=False),
    # Ids begin with their time, so this index, too, grows at its end.
    Index("event_id_revision", "id", "revision", unique=True),
    # Free for all other events. What was lost, and accepted, is asked for at every start.
    partial("event_lost", "position", LOST),
)

delivery = Table(
    "delivery",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("source", Text, nullable=False),
    Column("received_at", Integer, nullable=False),
    Column("size", Integer, nullable=False),
    Column("authentication", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("headers", LargeBinary, nullable=False, comment="JSON: pairs of name and value"),
    Column("told", LargeBinary, nullable=False, comment="for each event it told: id, position u64, known u8"),
    Column("content", Integer, nullable=False),
    Column("commitment", LargeBinary(32), nullable=False),
    Column("leaf", LargeBinary(32), nullable=False, comment="of the deliveries' own tree"),
    # Each source has an edge of its own at which it grows.
    Index("delivery_source", "source", "number"),
    # Free for the deliveries that were read, which are nearly all.
    partial("delivery_not_read", "number", NOT_READ),
)

content = Table(
    "content",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("salt", LargeBinary(32), nullable=False),
    Column("bytes", LargeBinary, nullable=False),
)

checkpoint = Table(
    "checkpoint",
    metadata,
    Column("tree", Text, primary_key=True, comment="event or delivery: the table whose leaves it is over"),
    Column("size", Integer, primary_key=True, autoincrement=False),
    Column("root", LargeBinary(32), nullable=False),
    Column("frontier", LargeBinary, nullable=False, comment="the compact range: what the next one is computed from"),
    Column("note", Text, nullable=False, comment="the checkpoint as it is published"),
    Column("digest", LargeBinary(32), nullable=False, comment="SHA-256 of the one before it and the note"),
    sqlite_with_rowid=False,
)

repeat = Table(
    "repeat",
    metadata,
    Column("id", LargeBinary(16), primary_key=True),
    Column("count", Integer, nullable=False),
    Column("last_at", Integer, nullable=False),
    sqlite_with_rowid=False,
)

alert_end = Table(
    "alert_end",
    metadata,
    Column("firing", LargeBinary(16), primary_key=True),
    Column("resolve", LargeBinary(16), primary_key=True),
    Column("received_at", Integer, nullable=False, comment="when the resolve was told last"),
    Column("again_at", Integer, comment="when the firing was told again after that; the log has an event of it"),
    sqlite_with_rowid=False,
)

alert_text = Table(
    "alert_text",
    metadata,
    Column("firing", LargeBinary(16), primary_key=True),
    Column("text", LargeBinary(16), primary_key=True, comment="the id of the update that says it, or would"),
    Column("last_at", Integer, nullable=False, comment="when it was told last"),
    sqlite_with_rowid=False,
)
"""Of the firings that said several texts alone."""


def _refuse(table: str, verb: str, condition: str = "") -> str:
    when = f"WHEN {condition} " if condition else ""
    return (
        f"CREATE TRIGGER IF NOT EXISTS {table}_refuses_{verb.lower()} BEFORE {verb} ON {table} {when}"
        f"BEGIN SELECT RAISE(ABORT, '{table}: the log is append-only; {verb} refused'); END"
    )


# INSERT OR REPLACE removes the row in its way without asking a DELETE trigger, so an existing key is refused on INSERT.
TRIGGERS = (
    _refuse("event", "UPDATE"),
    _refuse("event", "DELETE"),
    _refuse("event", "INSERT", "EXISTS (SELECT 1 FROM event WHERE position = NEW.position) OR "
            "EXISTS (SELECT 1 FROM event WHERE id = NEW.id AND revision = NEW.revision)"),
    _refuse("delivery", "UPDATE"),
    _refuse("delivery", "DELETE"),
    _refuse("delivery", "INSERT", "EXISTS (SELECT 1 FROM delivery WHERE number = NEW.number)"),
    _refuse("content", "UPDATE"),
    _refuse("content", "INSERT", "EXISTS (SELECT 1 FROM content WHERE number = NEW.number)"),
    _refuse("checkpoint", "UPDATE"),
    _refuse("checkpoint", "DELETE"),
    _refuse("checkpoint", "INSERT", "EXISTS (SELECT 1 FROM checkpoint WHERE tree = NEW.tree AND size >= NEW.size)"),
    _refuse("head", "UPDATE", "NEW.one <> OLD.one OR NEW.position < OLD.position OR NEW.delivery < OLD.delivery "
            "OR NEW.content < OLD.content OR NEW.identity IS NOT OLD.identity"),
    _refuse("head", "DELETE"),
    _refuse("head", "INSERT", "EXISTS (SELECT 1 FROM head)"),
)  # fmt: skip
"""Statements for SQLite."""
