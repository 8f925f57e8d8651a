"""What the store holds, row by row, read by statements of our own and not by the code under test."""

from __future__ import annotations

from struct import Struct
from typing import Any, NamedTuple

from sqlalchemy import Connection

from tests.faults.history import Placed

_TOLD = Struct(">16sQ?")

_EVENTS = """SELECT position, id, revision, amendment, type, source, received_at, occurred_at, delivery, item, content,
    content_commitment, commitment, leaf, salt, bytes
    FROM event LEFT JOIN content ON content.number = event.content ORDER BY position"""
_DELIVERIES = """SELECT delivery.number, source, received_at, size, authentication, status, reason, headers, told,
    content, commitment, leaf, salt, bytes
    FROM delivery LEFT JOIN content ON content.number = delivery.content ORDER BY delivery.number"""
_SEALED = "SELECT tree, size, root, note FROM checkpoint ORDER BY tree, size"


class StoredEvent(NamedTuple):
    """A row of ``event`` with its content; salt and content are None where they were erased."""

    position: int
    id: str
    revision: int
    amendment: str
    type: str
    source: str
    received_at: int
    occurred_at: int
    delivery: int
    item: int
    number: int
    """Of its content."""
    content_commitment: bytes
    commitment: bytes
    leaf: bytes
    salt: bytes | None
    content: bytes | None


class StoredDelivery(NamedTuple):
    """A row of ``delivery`` with its body."""

    number: int
    source: str
    received_at: int
    size: int
    authentication: str
    status: str
    reason: str
    headers: bytes
    packed: bytes
    """What it told, as the row has it."""
    content: int
    """The number of its body."""
    commitment: bytes
    leaf: bytes
    salt: bytes | None
    body: bytes | None

    @property
    def told(self) -> tuple[Placed, ...]:
        """The events it told."""
        return tuple(Placed(identity.hex(), at, known) for identity, at, known in _TOLD.iter_unpack(self.packed))


class Sealed(NamedTuple):
    """A checkpoint in the database."""

    tree: str
    size: int
    root: bytes
    note: str


class StoredLog(NamedTuple):
    """The whole log in one consistent view."""

    head: tuple[int, int]
    """The last position and the last delivery that the head row names."""
    events: tuple[StoredEvent, ...]
    """By position."""
    deliveries: tuple[StoredDelivery, ...]
    sealed: tuple[Sealed, ...] = ()

    def leaves(self, tree: str) -> list[bytes]:
        """The leaves of one of the two trees, in order."""
        return [row.leaf for row in (self.events if tree == EVENTS else self.deliveries)]


EVENTS, DELIVERIES = "event", "delivery"
EMPTY = StoredLog((0, 0), (), ())


def read(connection: Connection) -> StoredLog:
    """Everything that the transaction of ``connection`` sees."""
    execute = connection.exec_driver_sql
    position, delivery = execute("SELECT position, delivery FROM head").one()
    return StoredLog(
        (position, delivery),
        tuple(_event(*row) for row in execute(_EVENTS)),
        tuple(StoredDelivery(*row) for row in execute(_DELIVERIES)),
        tuple(Sealed(*row) for row in execute(_SEALED)),
    )


def _event(position: int, identity: bytes, *more: Any) -> StoredEvent:
    return StoredEvent(position, bytes(identity).hex(), *more)
