"""The schema of the log, revision by revision (Alembic), and which one a database is at.

``versions/`` holds one file for each revision, numbered from 0001; none of
them ever changes once it was released. A revision holds its statements for
each kind of database, and runs in the transaction of whoever upgrades: cut
off, it never was. There is no way back but a backup.

What is found decides what may be done. A database behind this version is
upgraded before anything is written to it. One ahead of it was upgraded by a
later version: it may be read, since revisions only add, and is never written
to. Projections are not part of this schema: they are made anew.

Alembic is imported only where there is something to upgrade.
"""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection, Text, column, inspect, select, table

from collector.errors import Unavailable

HEAD = "0006"
"""The newest revision: what this version writes to. A test holds it to ``versions/``."""
FIRST = "0001"
"""What timelined 0.1.0 made, which did not write down any revision."""
_stamp = table("alembic_version", column("version_num", Text))
_REVISION = select(_stamp.c.version_num)


class Schema(NamedTuple):
    """How the schema of a database stands to this version."""

    revision: str
    """What was found; empty where there is no log yet."""
    stamped: bool = True
    """Whether the database says its revision itself."""

    @property
    def behind(self) -> bool:
        """Whether ``timelined db upgrade`` has something to do."""
        return not self.stamped or self._number() < int(HEAD)

    @property
    def ahead(self) -> bool:
        """Whether a later version upgraded it. What is no number of ours is somebody else's, and later."""
        return self._number() > int(HEAD)

    @property
    def mismatch(self) -> str:
        """What is wrong and what to do, for an error; empty where the revision is the one this version writes to."""
        if self.ahead:
            return f"its schema is revision {self.revision} and this version knows up to {HEAD}; upgrade timelined"
        if not self.revision:
            return "there is no log in it yet; run `timelined db upgrade`, or start the daemon"
        if self._number() < int(HEAD):
            return f"its schema is revision {self.revision} and this version needs {HEAD}; run `timelined db upgrade`"
        return ""

    def _number(self) -> int:
        if not self.revision:
            return 0
        return int(self.revision) if self.revision.isascii() and self.revision.isdigit() else int(HEAD) + 1


def schema(connection: Connection) -> Schema:
    """Which revision a database is at."""
    inspector = inspect(connection)
    if inspector.has_table("alembic_version"):
        revision = connection.execute(_REVISION).scalar()
        return Schema(revision or "")
    return Schema(FIRST, stamped=False) if inspector.has_table("head") else Schema("")


def upgrade(connection: Connection) -> Schema:
    """Bring a database to :data:`HEAD` within the caller's transaction; the answer is what was found before.

    Raises :class:`collector.errors.Unavailable` where a later version wrote the schema, and
    :class:`collector.errors.LogDamaged` where one without a revision is not what 0.1.0 made.
    """
    before = schema(connection)
    if before.ahead:
        raise Unavailable(f"cannot write to this log: {before.mismatch}, or restore a backup made before")
    if before.behind:
        from collector.schema.migrations import running

        running.run(connection, adopt=FIRST if before.revision and not before.stamped else None)
    return before
