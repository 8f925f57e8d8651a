"""Verifying the log: everything that is stored, against everything that was committed.

Nothing is believed. Every leaf is computed again from its row, every
commitment from salt and content, every column from the content where the
content says it too (``row_check``), both trees from the leaves, and their roots are
held to the checkpoints in the database and beside it. What is not as it was is
named by its position or number.

What this cannot see: a log rewritten together with its checkpoints, in the
database and beside it, by somebody who may sign. Checkpoints kept elsewhere
show that. ``repeat`` and the projections are not facts; they follow from facts
and may be dropped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from hashlib import sha256
from typing import Any

import msgspec
from sqlalchemy import Connection, bindparam, func, select

from collector.log import headers
from collector.proof.acknowledged import Last, loss
from collector.proof.checkpoint import DELIVERIES, EVENTS, TREES, parse
from collector.proof.lost import accepted
from collector.proof.seal import NO_DIGEST
from collector.proof.tree import HASH_SIZE, Range
from collector.schema.tables import checkpoint, content, delivery, event, head
from collector.verification import schema_check
from collector.verification.scan import Leaves, Scan, StoredDifference, cause
from collector.verification.workers import VerifyWorkers, split

Signature = Callable[[str], bool]
"""Whether the signatures of a note hold, as far as their keys are known."""

_ROWS = (
    select(checkpoint.c.size, checkpoint.c.root, checkpoint.c.frontier, checkpoint.c.note, checkpoint.c.digest)
    .where(checkpoint.c.tree == bindparam("tree"))
    .order_by(checkpoint.c.size)
)
_IDENTITY = 16
"""Bytes that tell one log from another."""
_TOLD_BY = (
    select(event.c.delivery)
    .distinct()
    .where(event.c.position >= bindparam("first"), event.c.position <= bindparam("last"), event.c.delivery > 0)
)
_HEADS = select(head.c.position, head.c.delivery)
_HEAD = select(head.c.one, head.c.position, head.c.delivery, head.c.content, head.c.identity)
_CONTENTS = select(content.c.number).order_by(content.c.number)


class Beyond(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of the log from outside its database. Read it first: the log only grows."""

    notes: Sequence[tuple[str, str, bytes]] = ()
    """Checkpoints kept beside the database: tree, name, content."""
    own_checkpoints: Sequence[tuple[str, str, bytes]] = ()
    """Checkpoints that a person kept, under names of their own."""
    acknowledged: Sequence[Last] = ()
    """What was acknowledged last, by each record there is."""
    signature: Signature = lambda note: True


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What was found."""

    size: int
    root: bytes
    deliveries: int
    deliveries_root: bytes
    checkpoints: int
    """How many of them, in the database, were held to the trees."""
    sealed: int
    """The size of the last one over the events."""
    removed: int
    """Contents and bodies that are gone, as the log records."""
    lost: str = ""
    """The last loss that a person accepted, as the log records it."""
    differences: tuple[StoredDifference, ...]
    """Empty where everything is as it was stored."""


def verify(
    connection: Connection,
    *,
    beyond: Beyond,
    only: Iterable[tuple[int, int]] | None = None,
    progress: Callable[[int], None] = lambda rows: None,
    helpers: VerifyWorkers | None = None,
) -> Verdict:
    """Verify the whole log, or with ``only`` the rows of some first and last positions; the trees are always whole.

    Runs for as long as reading the log takes, on one consistent view of it; ``workers`` share the work where there is
    much of it, and change nothing of what is found. Raises nothing for what is damaged.
    """
    scan = Scan(connection, progress)
    # The first thing that is read where anybody helps: this view begins here, and every helper's later.
    heads = counted_rows(connection) if helpers and only is None else {}
    if helpers and not helpers.worth(sum(heads.values())):
        helpers = None
    integrity = helpers.integrity() if helpers else schema_check.integrity
    if not schema_check.readable(connection, scan):
        return _unreadable(scan)
    trees = {tree: _GrowingTree(connection, scan, tree, beyond) for tree in TREES}
    if only is None:
        ends = {tree: _rows(scan, tree, trees[tree].grow, heads.get(tree, 0), helpers) for tree in TREES}
        _contents(connection, scan)
    else:
        ends = {tree: scan.leaves(tree, trees[tree].grow) for tree in TREES}
        _some(connection, scan, only)
    _head(connection, scan, ends, whole=only is None)
    for tree in trees.values():
        tree.finish()
    for last in beyond.acknowledged:
        _acknowledged(connection, scan, last)
    scan.differences[:0] = [StoredDifference("database", 0, line) for line in integrity(connection)]
    return Verdict(
        size=trees[EVENTS].grown.size,
        root=trees[EVENTS].grown.root(),
        deliveries=trees[DELIVERIES].grown.size,
        deliveries_root=trees[DELIVERIES].grown.root(),
        checkpoints=sum(len(tree.rows) for tree in trees.values()),
        sealed=max(trees[EVENTS].rows, default=0),
        removed=scan.removed,
        lost=_lost(connection),
        differences=tuple(scan.differences),
    )


def _lost(connection: Connection) -> str:
    try:
        last_accepted = accepted(connection)
    except Exception:
        return ""  # what cannot be read was named
    return f"position {last_accepted.position}: {last_accepted.title}" if last_accepted else ""


def _unreadable(scan: Scan) -> Verdict:
    """Of what is no database, or has no schema any more, nothing else can be said."""
    root = Range().root()
    return Verdict(
        size=0, root=root, deliveries=0, deliveries_root=root, checkpoints=0, sealed=0, removed=0,
        differences=tuple(scan.differences),
    )  # fmt: skip


def _rows(scan: Scan, tree: str, grow: Leaves, head: int, helpers: VerifyWorkers | None) -> int:
    """Verify every row of a tree; how far it came. From the first on that a helper did not find in order we read."""
    reached = 0
    for chunk, seen in helpers.in_order(tree, head) if helpers else ():
        grow(split(seen.leaves))
        scan.took(chunk.last - chunk.after, removed=seen.removed, contents=seen.contents, highest=seen.highest)
        reached = chunk.last
    return (scan.events if tree == EVENTS else scan.deliveries)(grow, reached)


def counted_rows(connection: Connection) -> dict[str, int]:
    """The last number of each tree by the head row; 0 where it does not say."""
    try:
        found = connection.execute(_HEADS).all()
        return {tree: int(number) for tree, number in zip(TREES, found[0], strict=True)}
    except Exception:
        return dict.fromkeys(TREES, 0)


def _some(connection: Connection, scan: Scan, only: Iterable[tuple[int, int]]) -> None:
    """Verify the rows of some positions, and the deliveries that told them."""
    numbers: set[int] = set()
    for first, last in only:
        if scan.events(_ignore, first - 1, last) < last:
            scan.differs(EVENTS, last, "it is missing, or what stands before it")
        found = connection.execute(_TOLD_BY, {"first": first, "last": last})
        numbers.update(map(int, found.scalars()))
    for number in sorted(numbers):
        scan.deliveries(_ignore, number - 1, number)


def _ignore(leaves: Sequence[Any]) -> None:
    """The tree takes its leaves from another pass."""


# --- what belongs to no row -------------------------------------------------------------------------------------------


def _head(connection: Connection, scan: Scan, ends: Mapping[str, int], *, whole: bool) -> None:
    try:
        rows = connection.execute(_HEAD).all()
    except Exception as error:
        scan.differs("head", 0, f"it cannot be read: {cause(error)}")
        return
    if len(rows) != 1 or rows[0][0] != 1:
        scan.differs("head", 0, f"it has {len(rows)} rows, where one numbered 1 belongs")
        return
    if not isinstance(rows[0][4], bytes) or len(rows[0][4]) != _IDENTITY:
        scan.differs("head", 0, "it does not say which log this is")
    for (tree, end), end_stated in zip(ends.items(), rows[0][1:3], strict=True):
        if isinstance(end_stated, int) and end_stated > end:
            until = f", and all up to {end_stated}" if end_stated > end + 1 else ""
            scan.differs(tree, end + 1, f"it is missing{until}: the head says that there are {end_stated}")
        elif end_stated != end:
            scan.differs("head", 0, f"it says that the last {tree} is {end_stated}, and {end} is")
    if whole and rows[0][3] != scan.highest:
        scan.differs("head", 0, f"it says that the last content is {rows[0][3]}, and {scan.highest} is")


def _contents(connection: Connection, scan: Scan) -> None:
    """No content that no row names: it would be one that was doubled, or whose number was changed."""
    try:
        elsewhere, wrong = headers.differing(connection)
        for number, what in wrong:
            scan.differs(DELIVERIES, number, what)
        if connection.execute(select(func.count()).select_from(content)).scalar_one() == scan.contents + elsewhere:
            return
        referenced = set(connection.execute(select(event.c.content)).scalars())
        referenced |= set(connection.execute(select(delivery.c.content)).scalars())
        referenced |= headers.contents(connection)
        for number in connection.execute(_CONTENTS).scalars():
            if number not in referenced:
                scan.differs("content", number, "no event and no delivery names it")
    except Exception as error:
        scan.differs("content", 0, f"it cannot be read: {cause(error)}")


def _acknowledged(connection: Connection, scan: Scan, last: Last) -> None:
    try:
        lacks = loss(connection, last)
    except Exception:
        return  # a row that cannot be read was named before
    if lacks is not None:
        scan.differs("acknowledged", 0, f"{lacks}")


# --- checkpoints ------------------------------------------------------------------------------------------------------


class _GrowingTree:
    """One tree while it grows, and the checkpoints it has to meet."""

    def __init__(self, connection: Connection, scan: Scan, tree: str, beyond: Beyond) -> None:
        self._scan = scan
        self._tree = tree
        self._signature = beyond.signature
        self.grown = Range()
        self.rows = self._stored(connection)
        """By size."""
        self._roots_elsewhere: dict[int, set[bytes]] = {}
        """The roots of checkpoints kept elsewhere, by size."""
        for of, name, note in beyond.notes:
            if of == tree:
                self._beside(name, note)
        for of, name, note in beyond.own_checkpoints:
            if of == tree:
                self._kept_by_a_person(name, note)
        self._ahead = sorted({*self.rows, *self._roots_elsewhere}, reverse=True)
        self._next = self._ahead.pop() if self._ahead else -1
        self._off = 0

    def grow(self, leaves: Sequence[Any]) -> None:
        """Take the next leaves, and meet the checkpoints on the way."""
        whole = [leaf if type(leaf) is bytes else b"" for leaf in leaves]
        begin, end = self.grown.size, self.grown.size + len(whole)
        while begin < self._next <= end:
            self.grown.extend(whole[self.grown.size - begin : self._next - begin])
            self._meet()
            self._next = self._ahead.pop() if self._ahead else -1
        self.grown.extend(whole[self.grown.size - begin :])

    def finish(self) -> None:
        """Name the checkpoints that the log does not reach."""
        ahead = [self._next, *reversed(self._ahead)] if self._next >= 0 else []
        for size in ahead:
            self._differs(size, f"the log ends at {self.grown.size}: {size - self.grown.size} were cut off")
        if self._off > 1:
            self._differs(0, f"{self._off - 1} later ones over this tree differ as well")

    def _differs(self, size: int, what: str) -> None:
        which = "" if self._tree == EVENTS else "of deliveries: "
        self._scan.differs("checkpoint", size, which + what)

    def _meet(self) -> None:
        size, root = self.grown.size, self.grown.root()
        row, roots = self.rows.get(size), set(self._roots_elsewhere.get(size, ()))
        if row is not None and row.root == root and row.frontier != self.grown.packed():
            self._differs(size, "its frontier is not the tree's")
        if row is not None and type(row.root) is bytes:
            roots.add(row.root)
        if roots != {root}:
            self._off += 1
            if self._off == 1:
                self._differs(size, "its root is not that of the log's first leaves")

    def _stored(self, connection: Connection) -> dict[int, Any]:
        """The rows, each held to itself and to the one before it."""
        try:
            rows = connection.execute(_ROWS, {"tree": self._tree}).all()
        except Exception as error:
            self._differs(0, f"they cannot be read: {cause(error)}")
            return {}
        digest = NO_DIGEST
        for row in rows:
            digest = self._linked(row, digest)
        return {row.size: row for row in rows if isinstance(row.size, int)}

    def _linked(self, row: Any, before: bytes) -> bytes:
        """Say what is wrong with a row by itself; its digest."""
        size, note, digest = row.size, row.note, row.digest
        try:
            told = parse(note)
            agrees = (told.size, told.root) == (size, row.root)
            agrees = agrees and len(row.frontier) == HASH_SIZE * size.bit_count()
        except (ValueError, TypeError, AttributeError):
            agrees = False
        if not agrees:
            self._differs(size, "its row is not what its note says")
        elif sha256(before + note.encode()).digest() != digest:
            self._differs(size, "its digest does not follow from the one before it: it was changed, or one is missing")
        elif not self._signature(note):
            self._differs(size, "its signature does not hold")
        return digest if isinstance(digest, bytes) else b""

    def _beside(self, name: str, content: bytes) -> None:
        """Hold a file to the row of its size."""
        try:
            note = parse(content.decode())
        except ValueError as error:
            self._differs(0, f"the file {name} beside the database cannot be read: {error}")
            return
        if not name.endswith(("-latest", f"-{note.size:020}")):
            self._differs(note.size, f"the file {name} beside the database is of this size")
        row = self.rows.get(note.size)
        if row is None:
            self._differs(note.size, f"the database does not have it, and the file {name} beside it does")
        elif row.note != content.decode():
            self._differs(note.size, f"the file {name} beside the database is another one")
        self._roots_elsewhere.setdefault(note.size, set()).add(note.root)

    def _kept_by_a_person(self, name: str, content: bytes) -> None:
        """Hold the log to it; others may have signed it since, so only what it says of the log counts."""
        note = parse(content.decode())
        if note.size not in self.rows:
            self._differs(note.size, f"the database does not have it, and {name} does")
        elif self.rows[note.size].root != note.root:
            self._differs(note.size, f"{name} says another root than the database")
        if not self._signature(content.decode()):
            self._differs(note.size, f"the signature in {name} does not hold")
        self._roots_elsewhere.setdefault(note.size, set()).add(note.root)
