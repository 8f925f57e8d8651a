"""Which resolve ended which firing, and when it was told: by it an alert that fires again is known.

Alerts that ended before are not in it: told again, they say nothing new.
"""

from collector.schema.migrations.statements import run

revision = "0004"
down_revision = "0003"

SQLITE = (
    """CREATE TABLE alert_end (
        firing BLOB NOT NULL, resolve BLOB NOT NULL, received_at INTEGER NOT NULL, again_at INTEGER,
        PRIMARY KEY (firing, resolve) ) WITHOUT ROWID""",
)
POSTGRESQL = (
    """CREATE TABLE alert_end (
        firing bytea NOT NULL, resolve bytea NOT NULL, received_at bigint NOT NULL, again_at bigint,
        PRIMARY KEY (firing, resolve))""",
    # It takes two more arrays now; the new one is made with everything else after the upgrade.
    "DROP FUNCTION IF EXISTS append",
)


def upgrade() -> None:
    """Make the table."""
    run(sqlite=SQLITE, postgresql=POSTGRESQL)
