"""Files of earlier schemas: whether they are whole, and a copy of one before it is upgraded.

An earlier schema lacks columns that this version verifies by. So a file of one
is verified as it will be after its upgrade: on a copy, which is upgraded and
thrown away. What the earlier schema has and the upgrade computes anew, its
leaves, is held to their rows before.
"""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from hashlib import sha256
from pathlib import Path
from struct import Struct
from urllib.parse import quote

from sqlalchemy import NullPool, create_engine, select
from sqlalchemy.exc import SQLAlchemyError

from collector.errors import LogDamaged, Unavailable
from collector.schema import migrations
from collector.schema.tables import event
from collector.storage.disk import cause
from collector.storage.sql import ask
from collector.storage.urls import database_path
from collector.verification.scan import StoredDifference

_LEAF = Struct(">BQ16sHqH")
_columns = (event.c.id, event.c.revision, event.c.received_at, event.c.type, event.c.commitment)
_ROWS = select(event.c.position, *_columns, event.c.leaf).order_by(event.c.position)


@contextmanager
def verifiable(url: str) -> Iterator[tuple[str, list[StoredDifference]]]:
    """The address under which a log can be verified, for the length of the block: its own, or that of an upgraded copy;
    and what differs in a file of an earlier schema. Raises as :func:`upgraded`."""
    path = database_path(url)
    if path is None or not path.is_file() or not _is_older(path):
        yield url, []
    else:
        with upgraded(path) as (copy, differences):
            yield f"sqlite:///{copy}", differences


def _is_older(path: Path) -> bool:
    """What cannot be read is not older: it is damaged, and whoever verifies it says so."""
    engine = create_engine("sqlite://", creator=lambda: _reader(path), poolclass=NullPool)
    try:
        with engine.connect() as connection:
            schema = migrations.schema(connection)
    except (sqlite3.Error, SQLAlchemyError):
        return False
    return schema.behind and bool(schema.revision)


def _reader(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True)


@contextmanager
def upgraded(path: Path, folder: Path | None = None) -> Iterator[tuple[Path, list[StoredDifference]]]:
    """A copy of a file, upgraded, for the length of the block; and what differs in the file before any upgrade.

    The copy lies in a folder of its own in ``folder``, or where temporary files do. Raises :class:`Unavailable` where
    it cannot be made, and :class:`LogDamaged` where the file cannot be upgraded.
    """
    with tempfile.TemporaryDirectory(dir=folder, prefix=".upgraded-") as name:
        copy = Path(name, "timelined.db")
        try:
            _copy(path, copy)
            with closing(sqlite3.connect(copy, isolation_level=None)) as connection:
                differences = list(_leaves(connection))
            _upgrade(copy)
        except (sqlite3.DatabaseError, SQLAlchemyError) as error:
            code = getattr(getattr(error, "orig", None) or error, "sqlite_errorcode", 0)
            if code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE):
                raise Unavailable(
                    f"cannot look into {path}: a copy of it takes room ({cause(error)}); set TMPDIR"
                ) from error
            raise LogDamaged(f"{path} cannot be upgraded: {cause(error)}") from error
        yield copy, differences


def _copy(path: Path, copy: Path) -> None:
    with closing(_reader(path)) as source, closing(sqlite3.connect(copy)) as to:
        to.execute("PRAGMA synchronous = OFF")
        source.backup(to)


def _upgrade(copy: Path) -> None:
    connect = sqlite3.connect(copy, isolation_level=None)
    connect.execute("PRAGMA synchronous = OFF")
    engine = create_engine("sqlite://", creator=lambda: connect, poolclass=NullPool)
    with engine.connect() as connection:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        migrations.upgrade(connection)
        connection.commit()


def _leaves(connection: sqlite3.Connection) -> Iterator[StoredDifference]:
    """What revision 0001 computed a leaf from; later ones keep what ``verify`` computes."""
    if "content_commitment" in {name for _, name, *_ in connection.execute("PRAGMA table_info(event)")}:
        return
    for position, *row, leaf in ask(connection, _ROWS):
        try:
            expected = _leaf(position, *row)
        except Exception:  # a column that is no number, no text, or too large: whatever it is, no leaf is made of it
            expected = b""
        if expected != leaf:
            yield StoredDifference("event", position, "its row is not what its leaf was computed from")


def _leaf(position: int, identity: bytes, revision: int, received_at: int, kind: str, commitment: bytes) -> bytes:
    name = kind.encode()
    return sha256(_LEAF.pack(0, position, identity, revision, received_at, len(name)) + name + commitment).digest()
