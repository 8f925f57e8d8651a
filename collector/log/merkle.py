"""What stands in the tree: commitments and leaves.

A leaf never holds content, only a salted commitment to it. With the salt gone
nobody can guess the content from the leaf, and the leaf stays provable; that
is how erasure and an unbroken tree go together. The tree itself (RFC 6962) is
built from stored leaves.
"""

from __future__ import annotations

from hashlib import sha256
from struct import Struct

SALT_SIZE = 32
NO_DELIVERY = bytes(32)
"""Stands for the delivery's commitment in what a person or the daemon recorded."""

_LEAF = Struct(">BQ16sHqH")


def delivery_commitment(salt: bytes, body: bytes) -> bytes:
    """SHA-256(salt ‖ body): what the log holds of a body for good."""
    return sha256(salt + body).digest()


def event_commitment(salt: bytes, delivery: bytes, content: bytes) -> bytes:
    """SHA-256(salt ‖ the delivery's commitment ‖ canonical content).

    The body's digest is taken in through the delivery's commitment, which is salted itself: a plain digest beside an
    event that stays would let a neighbour erased from the same body be guessed.
    """
    return sha256(salt + delivery + content).digest()


def leaf(position: int, event_id: bytes, revision: int, received_at: int, event_type: str, commitment: bytes) -> bytes:
    """SHA-256(0x00 ‖ position u64 ‖ id ‖ revision u16 ‖ received_at i64 ‖ type, u16 length first ‖ commitment).

    Numbers are big-endian. Raises ``struct.error`` for a number that does not fit.
    """
    kind = event_type.encode()
    fixed = _LEAF.pack(0, position, event_id, revision, received_at, len(kind))
    return sha256(fixed + kind + commitment).digest()
