"""What stands in the trees: commitments and leaves.

A leaf never holds content, only a salted commitment to it. With the salt gone
nobody can guess the content from the leaf, and the leaf stays provable; that
is how erasure and an unbroken tree go together. Everything else that a row
says is in its leaf as well, and can be computed from the row alone. The trees
themselves (``tree.py``) are built from stored leaves.
"""

from __future__ import annotations

from hashlib import sha256
from struct import Struct

SALT_SIZE = 32
NO_DELIVERY = bytes(32)
"""Stands for the delivery's commitment in what a person or the daemon recorded."""

_LEAF = Struct(">BQ16sHqH")
_ROW = Struct(">qQIQHH")
_DELIVERY = Struct(">BQqQQHHHIII")


def delivery_commitment(salt: bytes, body: bytes) -> bytes:
    """SHA-256(salt ‖ body): what the log holds of a body for good."""
    return sha256(salt + body).digest()


def content_commitment(salt: bytes, delivery: bytes, content: bytes) -> bytes:
    """SHA-256(salt ‖ the delivery's commitment ‖ canonical content).

    The body's digest is taken in through the delivery's commitment, which is salted itself: a plain digest beside an
    event that stays would let a neighbour erased from the same body be guessed.
    """
    return sha256(salt + delivery + content).digest()


def event_commitment(
    occurred_at: int, delivery: int, item: int, number: int, source: str, amendment: str, content: bytes
) -> bytes:
    """SHA-256(occurred_at i64 ‖ delivery u64 ‖ item u32 ‖ content's number u64 ‖ lengths of source and amendment, u16
    each ‖ source ‖ amendment ‖ :func:`content_commitment`).

    What a row says beside its leaf's own parts goes in here, outside the salted part, so that it can still be
    computed after the salt was erased: with it every column of a row is in its leaf. Raises ``struct.error`` for a
    number that does not fit.
    """
    teller, reason = source.encode(), amendment.encode()
    fixed = _ROW.pack(occurred_at, delivery, item, number, len(teller), len(reason))
    return sha256(fixed + teller + reason + content).digest()


def leaf(position: int, event_id: bytes, revision: int, received_at: int, event_type: str, commitment: bytes) -> bytes:
    """SHA-256(0x00 ‖ position u64 ‖ id ‖ revision u16 ‖ received_at i64 ‖ type, u16 length first ‖ commitment).

    Numbers are big-endian. Raises ``struct.error`` for a number that does not fit.
    """
    kind = event_type.encode()
    fixed = _LEAF.pack(0, position, event_id, revision, received_at, len(kind))
    return sha256(fixed + kind + commitment).digest()


def delivery_leaf(
    number: int,
    received_at: int,
    size: int,
    content: int,
    source: str,
    authentication: str,
    status: str,
    reason: str,
    headers: bytes,
    items: bytes,
    commitment: bytes,
) -> bytes:
    """SHA-256(0x00 ‖ number u64 ‖ received_at i64 ‖ size u64 ‖ content's number u64 ‖ lengths ‖ texts ‖ commitment).

    The texts are source, authentication, status (lengths u16), reason, headers, told (u32), in this order. Every
    column of a delivery is in its leaf: most of them follow from nothing else. Deliveries have a tree of their own.
    """
    sender, proof, state, why = source.encode(), authentication.encode(), status.encode(), reason.encode()
    lengths = (len(sender), len(proof), len(state), len(why), len(headers), len(items))
    fixed = _DELIVERY.pack(0, number, received_at, size, content, *lengths)
    return sha256(fixed + sender + proof + state + why + headers + items + commitment).digest()
