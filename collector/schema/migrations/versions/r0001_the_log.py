"""The log as timelined 0.1.0 made it: events, deliveries, their content, and the head row that numbers them."""

from collector.schema.migrations.statements import run

revision = "0001"
down_revision = None

SQLITE = (
    """CREATE TABLE head (
        one INTEGER NOT NULL, position INTEGER NOT NULL, delivery INTEGER NOT NULL, content INTEGER NOT NULL,
        PRIMARY KEY (one) )""",
    """CREATE TABLE event (
        position INTEGER NOT NULL, id BLOB NOT NULL, revision INTEGER NOT NULL, amendment TEXT NOT NULL,
        type TEXT NOT NULL, source TEXT NOT NULL, received_at INTEGER NOT NULL, occurred_at INTEGER NOT NULL,
        delivery INTEGER NOT NULL, item INTEGER NOT NULL, content INTEGER NOT NULL, commitment BLOB NOT NULL,
        leaf BLOB NOT NULL, PRIMARY KEY (position) )""",
    """CREATE TABLE delivery (
        number INTEGER NOT NULL, source TEXT NOT NULL, received_at INTEGER NOT NULL, size INTEGER NOT NULL,
        authentication TEXT NOT NULL, status TEXT NOT NULL, reason TEXT NOT NULL, headers BLOB NOT NULL,
        told BLOB NOT NULL, content INTEGER NOT NULL, commitment BLOB NOT NULL, PRIMARY KEY (number) )""",
    """CREATE TABLE content (
        number INTEGER NOT NULL, salt BLOB NOT NULL, bytes BLOB NOT NULL, PRIMARY KEY (number) )""",
    """CREATE TABLE repeat (
        id BLOB NOT NULL, count INTEGER NOT NULL, last_at INTEGER NOT NULL, PRIMARY KEY (id) ) WITHOUT ROWID""",
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
    """CREATE TRIGGER content_refuses_update BEFORE UPDATE ON content
        BEGIN SELECT RAISE(ABORT, 'content: the log is append-only; UPDATE refused'); END""",
    """CREATE TRIGGER content_refuses_insert BEFORE INSERT ON content
        WHEN EXISTS (SELECT 1 FROM content WHERE number = NEW.number)
        BEGIN SELECT RAISE(ABORT, 'content: the log is append-only; INSERT refused'); END""",
    """CREATE TRIGGER head_refuses_update BEFORE UPDATE ON head
        WHEN NEW.one <> OLD.one OR NEW.position < OLD.position OR NEW.delivery < OLD.delivery
        OR NEW.content < OLD.content
        BEGIN SELECT RAISE(ABORT, 'head: the log is append-only; UPDATE refused'); END""",
    """CREATE TRIGGER head_refuses_delete BEFORE DELETE ON head
        BEGIN SELECT RAISE(ABORT, 'head: the log is append-only; DELETE refused'); END""",
    """CREATE TRIGGER head_refuses_insert BEFORE INSERT ON head
        WHEN EXISTS (SELECT 1 FROM head)
        BEGIN SELECT RAISE(ABORT, 'head: the log is append-only; INSERT refused'); END""",
    "INSERT INTO head VALUES (1, 0, 0, 0)",
)


def upgrade() -> None:
    """Make everything."""
    # No released version had PostgreSQL yet.
    run(sqlite=SQLITE, postgresql=())
