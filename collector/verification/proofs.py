"""Proofs to hand out: that events are in the log, and that a log grew out of an earlier one.

A proof is one JSON file that carries its checkpoint. Who gets one checks it
with ``collector/proof/proofcheck.py``, which shares no code with this module and
needs nothing of ours. Without content a proof shows when and by whom an event
was told, and of which type it is; content goes in only where it is asked for,
since what was handed out can no longer be erased.

Proofs are computed from all leaves up to the checkpoint: about a second, and
64 bytes of memory each, for a million of them.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, bindparam, select

from collector.errors import LogDamaged, NotFound, Unavailable
from collector.proof.checkpoint import EVENTS
from collector.proof.merkle import NO_DELIVERY
from collector.proof.tree import Tree
from collector.schema.tables import checkpoint, event
from collector.verification import row_check, statements

FORMAT = "timelined-proof/1"

_sealed_events = checkpoint.c.tree == EVENTS
_CHECKPOINT = select(checkpoint.c.root, checkpoint.c.note).where(_sealed_events, checkpoint.c.size == bindparam("size"))
_LEAVES = select(event.c.leaf).where(event.c.position <= bindparam("size")).order_by(event.c.position)
_SIZES = select(checkpoint.c.size).where(_sealed_events).order_by(checkpoint.c.size.desc())


def inclusion(
    connection: Connection, positions: Sequence[int], *, subject: str, size: int | None = None, content: bool = False
) -> str:
    """The proof that the events at these positions are in the log, at its last checkpoint or the one of ``size``.

    Raises :class:`collector.errors.NotFound` where there is no such event or checkpoint, or one of them came after it,
    :class:`collector.errors.Unavailable` where one is not sealed yet, and
    :class:`collector.errors.LogDamaged` where the log is not what was sealed.
    """
    last = size is None
    size = _latest(connection) if size is None else size
    beyond = [position for position in positions if not 0 < position <= size]
    if beyond:
        attempt = f"cannot prove position {beyond[0]}"
        if not _rows(connection, beyond[0]):
            raise NotFound(f"{attempt}: no event is there; list them with timelined events")
        if not last:
            raise NotFound(f"{attempt} at {size}: it came later; leave --at out for the last checkpoint")
        raise Unavailable(
            f"{attempt}: the last checkpoint covers {size} events; the daemon seals the log soon after an incident "
            "resolves, at each start and stop, and as often as proof.every says"
        )
    tree, note = _sealed(connection, size)
    proved = []
    for position in sorted(set(positions)):
        [found] = _rows(connection, position)
        path = [node.hex() for node in tree.inclusion(position - 1, size)]
        proved.append(_event(found, content) | {"path": path})
    return _file({"kind": "inclusion", "subject": subject, "checkpoint": note, "events": proved})


def consistency(connection: Connection, old: int, new: int) -> str:
    """The proof that the log at the checkpoint of size ``new`` begins with the log at the one of ``old``.

    Raises as :func:`inclusion` does.
    """
    if old > new:
        raise NotFound(f"cannot prove that a log of {new} grew out of one of {old}; name the smaller one first")
    before = _note(connection, old)[1]
    tree, note = _sealed(connection, new)
    path = [node.hex() for node in tree.consistency(old, new)]
    return _file({"kind": "consistency", "old": before, "checkpoint": note, "path": path})


def _rows(connection: Connection, position: int) -> Sequence[Any]:
    """The event at a position, if there is one."""
    return connection.execute(statements.EVENTS, {"after": position - 1, "last": position}).all()


def _latest(connection: Connection) -> int:
    size = connection.execute(_SIZES.limit(1)).scalar()
    if size is None:
        raise NotFound(
            "cannot prove anything yet: the log has no checkpoint; the daemon seals it at its start and stop"
        )
    return int(size)


def _note(connection: Connection, size: int) -> tuple[bytes, str]:
    row = connection.execute(_CHECKPOINT, {"size": size}).one_or_none()
    if row is None:
        there = [str(each) for each in connection.execute(_SIZES.limit(10)).scalars()]
        raise NotFound(f"cannot find a checkpoint at {size}; the latest are at {', '.join(there) or 'no size yet'}")
    return bytes(row.root), str(row.note)


def _sealed(connection: Connection, size: int) -> tuple[Tree, str]:
    """All leaves of a checkpoint, and its note."""
    root, note = _note(connection, size)
    tree = Tree(b"".join(map(bytes, connection.execute(_LEAVES, {"size": size}).scalars())))
    if tree.size != size or tree.root() != root:
        raise LogDamaged(f"cannot prove anything at {size}: the log is not what was sealed; run timelined verify")
    return tree, note


def _event(row: Any, content: bool) -> dict[str, Any]:
    handed_out = content and row.bytes is not None
    if not (row_check.event_holds(row) if handed_out else row_check.event_row_holds(row)):
        raise LogDamaged(
            f"cannot prove position {row.position}: {row_check.event_explained(row, erased=True)}; run timelined verify"
        )
    return {
        "position": row.position,
        "id": row.id.hex(),
        "revision": row.revision,
        "type": row.type,
        "source": row.source,
        "occurred_at": row.occurred_at,
        "received_at": row.received_at,
        "amendment": row.amendment,
        "delivery": row.delivery,
        "item": row.item,
        "content_number": row.content,
        "content_commitment": row.content_commitment.hex(),
        "content": _content(row) if handed_out else None,
    }


def _content(row: Any) -> dict[str, str]:
    told_by = row.telling or NO_DELIVERY
    return {"salt": row.salt.hex(), "delivery_commitment": told_by.hex(), "text": row.bytes.decode()}


def _file(told: dict[str, Any]) -> str:
    """The file: one way of writing only, with a digest that finds a slip of the copy."""
    whole = {"format": FORMAT, **told}
    digest = sha256(_text(whole).encode()).hexdigest()
    return _text({**whole, "sha256": digest})


def _text(told: dict[str, Any]) -> str:
    return json.dumps(told, indent=1) + "\n"
