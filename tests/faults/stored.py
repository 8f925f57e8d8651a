"""What the store holds, row by row, read by statements of our own and not by the code under test."""

from __future__ import annotations

from struct import Struct
from typing import NamedTuple

from sqlalchemy import Connection

from tests.faults.history import Placed

_TOLD = Struct(">16sQ?")

_EVENTS = """SELECT position, id, revision, amendment, type, source, received_at, delivery, item, commitment, leaf,
    salt, bytes FROM event LEFT JOIN content ON content.number = event.content ORDER BY position"""
_DELIVERIES = """SELECT delivery.number, told, commitment, salt, bytes
    FROM delivery LEFT JOIN content ON content.number = delivery.content ORDER BY delivery.number"""


class StoredEvent(NamedTuple):
    """A row of ``event`` with its content; salt and content are None where they were erased."""

    position: int
    id: str
    revision: int
    amendment: str
    type: str
    source: str
    received_at: int
    delivery: int
    item: int
    commitment: bytes
    leaf: bytes
    salt: bytes | None
    content: bytes | None


class StoredDelivery(NamedTuple):
    """A row of ``delivery`` with its body."""

    number: int
    told: tuple[Placed, ...]
    commitment: bytes
    salt: bytes | None
    body: bytes | None


class StoredLog(NamedTuple):
    """The whole log in one consistent view."""

    head: tuple[int, int]
    """The last position and the last delivery that the head row names."""
    events: tuple[StoredEvent, ...]
    """By position."""
    deliveries: tuple[StoredDelivery, ...]


EMPTY = StoredLog((0, 0), (), ())


def read(connection: Connection) -> StoredLog:
    """Everything that the transaction of ``connection`` sees."""
    execute = connection.exec_driver_sql
    position, delivery = execute("SELECT position, delivery FROM head").one()
    return StoredLog(
        (position, delivery),
        tuple(_event(*row) for row in execute(_EVENTS)),
        tuple(_delivery(*row) for row in execute(_DELIVERIES)),
    )


def leaves(connection: Connection) -> list[bytes]:
    """The stored leaf hashes in the order of positions."""
    return [bytes(leaf) for leaf in connection.exec_driver_sql("SELECT leaf FROM event ORDER BY position").scalars()]


def _event(
    position: int, identity: bytes, revision: int, amendment: str, kind: str, source: str, received_at: int,
    delivery: int, item: int, commitment: bytes, leaf: bytes, salt: bytes | None, content: bytes | None,
) -> StoredEvent:  # fmt: skip
    return StoredEvent(
        position, bytes(identity).hex(), revision, amendment, kind, source, received_at, delivery, item,
        bytes(commitment), bytes(leaf), salt, content,
    )  # fmt: skip


def _delivery(number: int, told: bytes, commitment: bytes, salt: bytes | None, body: bytes | None) -> StoredDelivery:
    placed = tuple(Placed(identity.hex(), at, known) for identity, at, known in _TOLD.iter_unpack(told))
    return StoredDelivery(number, placed, bytes(commitment), salt, body)
