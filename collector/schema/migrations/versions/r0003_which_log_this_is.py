"""Which log this is: an identity that goes with every copy, and where what was acknowledged is recorded.

Losses that people accepted get an index: they are asked for at every start.
"""

from collector.schema.migrations.statements import run

revision = "0003"
down_revision = "0002"

_LOST = "CREATE INDEX event_lost ON event (position) WHERE type = 'collector.lost'"

SQLITE = (
    "ALTER TABLE head RENAME TO head_0002",
    """CREATE TABLE head (
        one INTEGER NOT NULL, position INTEGER NOT NULL, delivery INTEGER NOT NULL, content INTEGER NOT NULL,
        identity BLOB, record TEXT, PRIMARY KEY (one) )""",
    "INSERT INTO head SELECT one, position, delivery, content, randomblob(16), NULL FROM head_0002",
    "DROP TABLE head_0002",
    """CREATE TRIGGER head_refuses_update BEFORE UPDATE ON head
        WHEN NEW.one <> OLD.one OR NEW.position < OLD.position OR NEW.delivery < OLD.delivery
        OR NEW.content < OLD.content OR NEW.identity IS NOT OLD.identity
        BEGIN SELECT RAISE(ABORT, 'head: the log is append-only; UPDATE refused'); END""",
    """CREATE TRIGGER head_refuses_delete BEFORE DELETE ON head
        BEGIN SELECT RAISE(ABORT, 'head: the log is append-only; DELETE refused'); END""",
    """CREATE TRIGGER head_refuses_insert BEFORE INSERT ON head
        WHEN EXISTS (SELECT 1 FROM head)
        BEGIN SELECT RAISE(ABORT, 'head: the log is append-only; INSERT refused'); END""",
    _LOST,
)
POSTGRESQL = (
    'ALTER TABLE head ADD COLUMN identity bytea, ADD COLUMN record text COLLATE "C"',
    "UPDATE head SET identity = uuid_send(gen_random_uuid())",
    _LOST,
)


def upgrade() -> None:
    """Give the log its identity."""
    run(sqlite=SQLITE, postgresql=POSTGRESQL)
