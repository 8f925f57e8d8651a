"""A copy of a log in an SQLite file, made while a daemon writes to it, and checked before it is called a backup.

SQLite's backup interface copies a few pages at a time out of one read
transaction: the copy is of one moment, and the writer is held up by no more
than the pages of one step. (``VACUUM INTO`` makes a smaller file and holds the
writer up about twice as long.) The write-ahead log cannot start over until the
copy is made; it grows by what is written meanwhile.

The copy is read back from the disk and verified as ``timelined verify`` does
it; the head and the roots of both trees are compared with those of the source
at that moment. Only then it gets its name. It never takes the place of a file
that is there, and nobody but its owner can read it.
"""

from __future__ import annotations

import fcntl
import functools
import itertools
import os
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import msgspec
from sqlalchemy import Engine, NullPool, column, create_engine, func, literal_column, select, table

from collector.backup import older
from collector.errors import InvalidInput, LogDamaged, NotFound, Unavailable
from collector.files import sync
from collector.proof.tree import Range
from collector.schema import migrations
from collector.schema.tables import content, delivery, event, head
from collector.storage.sql import ask
from collector.verification.verify import Beyond, Verdict, verify

_PAGES = 64
"""Pages copied in one step, half a megabyte, …"""
_REST = 0.002
"""… and the seconds in which the disk belongs to the writer after it."""

_contents = select(func.count()).select_from(content).scalar_subquery()
STATE = select(head.c.position, head.c.delivery, head.c.content, _contents.label("contents"))
"""What the head row counts, and how many contents there are."""
LEAVES = (
    select(event.c.leaf).order_by(event.c.position),
    select(delivery.c.leaf).order_by(delivery.c.number),
)
"""Of both trees."""

Progress = Callable[[str, int, int], None]
"""Told what is being done (``copying``, ``checking``), how much of it is done, and how much there is."""


class Backup(NamedTuple):
    """A backup that was checked."""

    path: Path
    position: int
    """The last event in it."""
    root: bytes
    """Of the Merkle tree over all its events (RFC 6962)."""
    size: int
    """In bytes."""


def backup(
    source: Path, target: Path, progress: Progress = lambda what, done, of: None, *, attempt: str = ""
) -> Backup:  # fmt: skip
    """Copy the log in ``source`` to ``target``, check it, and only then give it that name. ``attempt`` is what an error
    says could not be done; empty: to back up the one to the other.

    Raises :class:`collector.errors.InvalidInput` where something is in the way at ``target``,
    :class:`collector.errors.Unavailable` where one of the two cannot be read or written, and
    :class:`collector.errors.LogDamaged` where what was copied contradicts itself or the source.
    """
    if not source.is_file():
        raise NotFound(f"cannot back up {source}: there is no such file; name the database with --storage.url")
    refuse_existing(target)
    try:
        with partial(target) as file, closing(reader(source, "mode=ro")) as origin:
            # From here on this connection sees one moment of the log.
            origin.execute("BEGIN")
            ask(origin, select(head.c.position)).fetchone()
            _copy(origin, file, progress)
            sync(file)
            verdict = _check(origin, file, progress)
            name_for_good(file, target)
    except (OSError, sqlite3.Error) as error:
        raise Unavailable(
            f"cannot {attempt or f'back up {source} to {target}'}: {getattr(error, 'strerror', None) or error}"
        ) from error
    return Backup(target, verdict.size, verdict.root, target.stat().st_size)


def copy_as_it_is(source: Path, target: Path) -> None:
    """Copy a database of ours of one moment, and check nothing: for a copy that is gone after one command.

    Raises :class:`collector.errors.Unavailable` where one of the two cannot be read or written.
    """
    try:
        with closing(reader(source, "mode=ro")) as origin:
            target.touch(0o600)
            _copy(origin, target, lambda what, done, of: None)
    except (OSError, sqlite3.Error) as error:
        raise Unavailable(
            f"cannot copy {source} to {target}: {getattr(error, 'strerror', None) or error}; name a folder with room "
            "for it by TMPDIR"
        ) from error


def refuse_existing(target: Path) -> None:
    """Raises :class:`InvalidInput`: SQLite would take a write-ahead log that lies beside a file for that file's own."""
    for suffix in ("", "-wal", "-shm", "-journal"):
        found = target.with_name(target.name + suffix)
        if found.exists() or found.is_symlink():
            raise InvalidInput(f"cannot back up to {target}: {found} is there already; move it away, or name another")


@contextmanager
def partial(target: Path) -> Iterator[Path]:
    """A file of our own beside the target; what a run that was killed left there is written over."""
    path = target.with_name(target.name + ".partial")
    # Closed last: closing any descriptor of a file takes SQLite's locks on it away.
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InvalidInput(f"cannot back up to {target}: another backup is being written there") from None
        os.fchmod(descriptor, 0o600)
        os.ftruncate(descriptor, 0)
        try:
            yield path
        finally:
            path.unlink(missing_ok=True)
    finally:
        os.close(descriptor)


def reader(path: Path, how: str) -> sqlite3.Connection:
    """A connection that changes nothing; ``how`` is what SQLite's URI says."""
    connection = sqlite3.connect(f"file:{quote(str(path))}?{how}", uri=True, isolation_level=None)
    connection.execute("PRAGMA query_only = ON")
    return connection


def _copy(origin: sqlite3.Connection, partial: Path, progress: Progress) -> None:
    """All pages, a few at a time."""

    def step(status: int, remaining: int, pages: int) -> None:
        progress("copying", pages - remaining, pages)
        if remaining:
            time.sleep(_REST)

    with closing(sqlite3.connect(partial, isolation_level=None)) as copy:
        # It is synced once, when it is whole; until then it is nothing that could be lost.
        copy.execute("PRAGMA synchronous = OFF")
        copy.execute("PRAGMA journal_mode = OFF")
        origin.backup(copy, pages=_PAGES, progress=step)
    with closing(sqlite3.connect(partial, isolation_level=None)) as copy:
        single_file(copy)


def single_file(connection: sqlite3.Connection) -> None:
    """Have the file be one that can be read where nothing can be written. The daemon sets its own mode again."""
    connection.execute("PRAGMA locking_mode = EXCLUSIVE")
    connection.execute("PRAGMA journal_mode = DELETE")


def name_for_good(partial: Path, target: Path) -> None:
    """Give the copy its name for good, unless another file took it meanwhile."""
    try:
        os.link(partial, target)
    except FileExistsError:
        raise InvalidInput(f"cannot back up to {target}: a file of that name came up meanwhile") from None
    except OSError:  # a file system without second names
        refuse_existing(target)
        partial.rename(target)
    with suppress(OSError):  # not every file system syncs folders
        sync(target.parent)


def _check(origin: sqlite3.Connection, partial: Path, progress: Progress) -> Verdict:
    """Verify the copy as it is read back, and compare it with the moment of the source that was copied.

    Raises :class:`LogDamaged` with the first differences.
    """
    state = ask(origin, STATE).fetchone()
    total, checked = sum(state[:2]), 0

    def read(count: int) -> None:
        nonlocal checked
        checked += count
        progress("checking", checked, total)

    with reading(partial).connect() as copy:
        copied = tuple(copy.execute(STATE).one())
        schema = migrations.schema(copy)
        if not schema.behind:
            verdict = sound(verify(copy, beyond=Beyond(), progress=read))
    if schema.behind:
        verdict = _check_older(origin, partial, read)
        roots = verdict.root, verdict.deliveries_root
    else:
        events, deliveries = LEAVES
        roots = root_of_leaves(ask(origin, events)), root_of_leaves(ask(origin, deliveries))
    if (copied, verdict.root, verdict.deliveries_root) != (state, *roots):
        raise damaged("the copy holds something else than the log does")
    return verdict


def _check_older(origin: sqlite3.Connection, partial: Path, progress: Callable[[int], None]) -> Verdict:
    """The same of an earlier schema, which is verified by its own leaves and as it will be upgraded."""
    with older.upgraded(partial, partial.parent) as (path, differences), reading(path).connect() as copy:
        verdict = verify(copy, beyond=Beyond(), progress=progress)
    sound(msgspec.structs.replace(verdict, differences=(*differences, *verdict.differences)))
    with closing(reader(partial, "mode=ro&immutable=1")) as copied:
        for name, number in (("event", "position"), ("delivery", "number")):
            if _digest(origin, name, number) != _digest(copied, name, number):
                raise damaged(f"the copy holds another table {name} than the log does")
    return verdict


def sound(verdict: Verdict) -> Verdict:
    """Raises :class:`LogDamaged` where anything differs."""
    if verdict.differences:
        shown = "; ".join(str(each) for each in verdict.differences[:3])
        raise damaged(f"what was copied is not what was committed to: {shown}")
    return verdict


def _digest(connection: sqlite3.Connection, name: str, number: str) -> bytes:
    """Of every row of a table."""
    digest = sha256()
    # With the columns that it has: another revision's has others.
    for row in ask(connection, select(literal_column("*")).select_from(table(name)).order_by(column(number))):
        digest.update(repr(row).encode())
    return digest.digest()


def before_upgrade(source: Path, revision: str) -> Path:
    """Keep a verified copy of a file before it is upgraded: ``<database>.<revision>``; a copy of the same log that is
    there already will do. Raises as :func:`backup`."""
    for number in itertools.count(1):
        target = source.with_name(f"{source.name}.{revision}{f'-{number}' if number > 1 else ''}")
        if not target.exists():
            return backup(source, target).path
        if _state(target) == _state(source):
            return target
    raise AssertionError  # names do not come to an end


def _state(path: Path) -> object:
    """What the head row of a file says; None where it says nothing."""
    try:
        with closing(reader(path, "mode=ro")) as connection:
            return ask(connection, STATE).fetchone()
    except sqlite3.Error:
        return None


def root_of_leaves(rows: Iterable[tuple[bytes]]) -> bytes:
    """Of the Merkle tree over the leaves in these rows."""
    grown = Range()
    for (leaf,) in rows:
        grown.append(leaf)
    return grown.root()


def reading(partial: Path) -> Engine:
    """Nobody writes to the copy, so no other file is needed beside it."""
    connect = functools.partial(reader, partial, "mode=ro&immutable=1")
    return create_engine("sqlite://", creator=connect, poolclass=NullPool)


def damaged(damage: str) -> LogDamaged:
    """What to raise, and that nothing was kept."""
    return LogDamaged(
        f"cannot back up: {damage}. Nothing was kept; the log may be damaged, or the disk that was written to"
    )
