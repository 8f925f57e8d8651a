"""Deliveries of one source are found by an index: those of one that seldom says anything took reading all of them."""

from collector.schema.migrations.statements import run

revision = "0005"
down_revision = "0004"

SQLITE = ("CREATE INDEX delivery_source ON delivery (source, number)",)
POSTGRESQL = SQLITE


def upgrade() -> None:
    """Make the index."""
    run(sqlite=SQLITE, postgresql=POSTGRESQL)
