"""Which log this is, and what of it is lost for good.

A copy of a log is the same log: it has the same identity, by which what was
acknowledged of it is recognised, wherever the copy lies and however it is
reached. A loss that a person accepted is an event (``collector.lost``); from
it on the log is another history than the one before, and its checkpoints are
published under a name of their own: two histories must not share one.
"""

from __future__ import annotations

import msgspec
from sqlalchemy import Connection, select, update

from collector.event import MACHINE
from collector.schema.tables import LOST, content, event, head

TYPE = "collector.lost"

_ACCEPTED = (
    select(event.c.position, event.c.leaf, content.c.bytes)
    .join_from(event, content, content.c.number == event.c.content, isouter=True)
    .where(LOST, event.c.source == MACHINE, event.c.delivery == 0)
    .order_by(event.c.position.desc())
    .limit(1)
)
_RECORD = select(head.c.record)
IDENTITY = select(head.c.identity)


class _Data(msgspec.Struct):
    acknowledged: int = 0
    found: int = 0


class _Content(msgspec.Struct):
    title: str = ""
    data: _Data = msgspec.field(default_factory=_Data)


class Accepted(msgspec.Struct, frozen=True):
    """A loss that was found, and accepted."""

    position: int
    """Of the event that says so."""
    leaf: bytes
    acknowledged: int
    """The last position that had been acknowledged; 0 where nobody knew."""
    last: int
    """The last position that was left."""
    title: str
    """The loss as a sentence."""


class LogName(msgspec.Struct, frozen=True):
    """Which log this is, and which history of it."""

    identity: bytes = b""
    accepted: Accepted | None = None


UNKNOWN = LogName()
"""Before the log was asked."""


def about(connection: Connection) -> LogName:
    """Both at once."""
    return LogName(identity(connection), accepted(connection))


def record_location(connection: Connection) -> str:
    """Where it was last recorded what was acknowledged of this file; empty where no daemon has written that down."""
    return str(connection.execute(_RECORD).scalar_one() or "")


def set_record_location(connection: Connection, where: str) -> None:
    """Write that down: every copy of the file says it."""
    connection.execute(update(head).values(record=where))


def identity(connection: Connection) -> bytes:
    """What tells this log from any other."""
    return bytes(connection.execute(IDENTITY).scalar_one() or b"")


def accepted(connection: Connection) -> Accepted | None:
    """The last loss that was accepted; None where none ever was."""
    row = connection.execute(_ACCEPTED).one_or_none()
    if row is None:
        return None
    try:
        record = msgspec.json.decode(row.bytes or b"", type=_Content)
    except msgspec.DecodeError:
        record = _Content()
    return Accepted(int(row.position), bytes(row.leaf), record.data.acknowledged, record.data.found, record.title)


def origin_after(origin: str, accepted: Accepted | None) -> str:
    """Under which name the log is published after a loss: no other history has it, not even one that lost as much."""
    return origin if accepted is None else f"{origin}/after-{accepted.last}-{accepted.leaf.hex()[:8]}"
