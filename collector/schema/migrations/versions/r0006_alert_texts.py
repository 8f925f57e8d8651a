"""When each text of an alert that says several was told last: by it the last of them is known.

Alerts that had said something new before are in it from the next time on that they do.
"""

from collector.schema.migrations.statements import run

revision = "0006"
down_revision = "0005"

SQLITE = (
    """CREATE TABLE alert_text (
        firing BLOB NOT NULL, text BLOB NOT NULL, last_at INTEGER NOT NULL,
        PRIMARY KEY (firing, text) ) WITHOUT ROWID""",
)
POSTGRESQL = (
    """CREATE TABLE alert_text (
        firing bytea NOT NULL, text bytea NOT NULL, last_at bigint NOT NULL, PRIMARY KEY (firing, text))""",
)


def upgrade() -> None:
    """Make the table."""
    run(sqlite=SQLITE, postgresql=POSTGRESQL)
