"""Sealing: from stored leaf hashes to the next checkpoint.

Each tree goes on from the compact range of its last checkpoint, so a pass
reads only what came since. What is sealed was checked for gaps; whether a leaf
is right is ``verify``'s question. No two checkpoints of one origin ever
contradict each other: a range that does not give the last root is damage, and
nothing is sealed on top of it.

A pass reads first (:func:`extended`) and writes later (:func:`keep`), so that
nobody waits for the hashing. Whoever runs passes runs one at a time; the
table refuses a second checkpoint of a size.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import msgspec
from sqlalchemy import Column, Connection, Table, bindparam, insert, select

from collector.errors import LogDamaged
from collector.proof.checkpoint import Checkpoint, Signer, origin_of, published
from collector.proof.tree import Range
from collector.schema.tables import checkpoint, delivery, event, head

NO_DIGEST = bytes(32)
"""Stands for the digest of the checkpoint before the first."""

_PAGE = 10_000


def _leaves_of(table: Table, number: Column[int]) -> Any:
    return (
        select(number.label("number"), table.c.leaf)
        .where(number > bindparam("after"), number <= bindparam("until"))
        .order_by(number)
    )


_HEAD = {"event": select(head.c.position), "delivery": select(head.c.delivery)}
_LEAVES = {"event": _leaves_of(event, event.c.position), "delivery": _leaves_of(delivery, delivery.c.number)}
_of_tree = checkpoint.c.tree == bindparam("tree")
_LAST = select(checkpoint).where(_of_tree).order_by(checkpoint.c.size.desc()).limit(1)
_NOTES = select(checkpoint.c.note).where(_of_tree, checkpoint.c.size > bindparam("after")).order_by(checkpoint.c.size)


class Sealed(msgspec.Struct, frozen=True, kw_only=True):
    """A row of ``checkpoint``."""

    tree: str
    size: int
    root: bytes
    frontier: bytes
    note: str
    digest: bytes


def last(connection: Connection, tree: str) -> Sealed | None:
    """The latest checkpoint of a tree in the database."""
    row = connection.execute(_LAST, {"tree": tree}).one_or_none()
    if row is None:
        return None
    return Sealed(
        tree=tree, size=row.size, root=bytes(row.root), frontier=bytes(row.frontier), note=row.note,
        digest=bytes(row.digest),
    )  # fmt: skip


def extended(connection: Connection, tree: str, origin: str, signer: Signer | None) -> Sealed | None:
    """The next checkpoint of a tree; None where nothing came since the last.

    Raises :class:`collector.errors.LogDamaged` where the last checkpoint contradicts itself or a row is missing.
    """
    before = last(connection, tree)
    end = int(connection.execute(_HEAD[tree]).scalar_one())
    if end == (before.size if before else 0):
        return None
    grown = _range(before)
    _grow(connection, tree, grown, end)
    note = published(Checkpoint(origin_of(tree, origin), end, grown.root()), signer)
    digest = sha256((before.digest if before else NO_DIGEST) + note.encode()).digest()
    return Sealed(tree=tree, size=end, root=grown.root(), frontier=grown.packed(), note=note, digest=digest)


def keep(connection: Connection, sealed: Sealed) -> None:
    """Store a checkpoint. Raises :class:`LogDamaged` where the database did not, and gave no error."""
    if connection.execute(insert(checkpoint), msgspec.structs.asdict(sealed)).rowcount != 1:
        raise LogDamaged(
            f"cannot seal the log: the database did not store the checkpoint at {sealed.size}; a trigger or a rule "
            "that is not timelined's may be in it; run timelined verify"
        )


def root_at(connection: Connection, tree: str, size: int) -> bytes:
    """The root over the first ``size`` stored leaves. Raises :class:`LogDamaged` where there are fewer."""
    grown = Range()
    _grow(connection, tree, grown, size)
    return grown.root()


def notes(connection: Connection, tree: str, after: int = 0) -> list[str]:
    """The checkpoints of a tree above a size, as they are published, the smallest first."""
    return list(connection.execute(_NOTES, {"tree": tree, "after": after}).scalars())


def _range(before: Sealed | None) -> Range:
    if before is None:
        return Range()
    try:
        grown = Range.unpacked(before.size, before.frontier)
    except ValueError as error:
        raise LogDamaged(f"cannot go on from the checkpoint of {before.tree} at {before.size}: {error}") from error
    if grown.root() != before.root:
        raise LogDamaged(
            f"cannot go on from the checkpoint of {before.tree} at {before.size}: it contradicts itself; "
            "run timelined verify"
        )
    return grown


def _grow(connection: Connection, tree: str, grown: Range, end: int) -> None:
    """Append the stored leaves up to ``end``, none of which may be missing."""
    while grown.size < end:
        bounds = {"after": grown.size, "until": min(end, grown.size + _PAGE)}
        for row in connection.execute(_LEAVES[tree], bounds).all():
            if row.number == grown.size + 1:
                grown.append(bytes(row.leaf))
        if grown.size != bounds["until"]:
            raise LogDamaged(f"cannot seal the log: {tree} {grown.size + 1} is missing; run timelined verify")
