"""Leaves and roots computed once more, from the design alone: none of the code under test is asked."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from hashlib import sha256

from tests.faults.stored import StoredDelivery, StoredEvent

EMPTY_ROOT = sha256(b"").digest()


def delivery_commitment(delivery: StoredDelivery) -> bytes:
    """SHA-256(salt ‖ body)."""
    return sha256((delivery.salt or b"") + (delivery.body or b"")).digest()


def content_commitment(event: StoredEvent, delivery: bytes) -> bytes:
    """SHA-256(salt ‖ the delivery's commitment ‖ content)."""
    return sha256((event.salt or b"") + delivery + (event.content or b"")).digest()


def event_commitment(event: StoredEvent) -> bytes:
    """SHA-256(the columns that the leaf does not name ‖ the content's commitment)."""
    source, amendment = event.source.encode(), event.amendment.encode()
    parts = (
        event.occurred_at.to_bytes(8, "big", signed=True),
        event.delivery.to_bytes(8, "big"),
        event.item.to_bytes(4, "big"),
        event.number.to_bytes(8, "big"),
        len(source).to_bytes(2, "big"),
        len(amendment).to_bytes(2, "big"),
        source,
        amendment,
        event.content_commitment,
    )
    return sha256(b"".join(parts)).digest()


def delivery_leaf(delivery: StoredDelivery) -> bytes:
    """SHA-256(0x00 ‖ every column of its row)."""
    short = [text.encode() for text in (delivery.source, delivery.authentication, delivery.status)]
    long = [delivery.reason.encode(), delivery.headers, delivery.packed]
    parts = (
        b"\x00",
        delivery.number.to_bytes(8, "big"),
        delivery.received_at.to_bytes(8, "big", signed=True),
        delivery.size.to_bytes(8, "big"),
        delivery.content.to_bytes(8, "big"),
        *(len(text).to_bytes(2, "big") for text in short),
        *(len(text).to_bytes(4, "big") for text in long),
        *short,
        *long,
        delivery.commitment,
    )
    return sha256(b"".join(parts)).digest()


def leaf(event: StoredEvent) -> bytes:
    """SHA-256(0x00 ‖ position ‖ id ‖ revision ‖ received_at ‖ length of type ‖ type ‖ commitment)."""
    kind = event.type.encode()
    parts = (
        b"\x00",
        event.position.to_bytes(8, "big"),
        bytes.fromhex(event.id),
        event.revision.to_bytes(2, "big"),
        event.received_at.to_bytes(8, "big", signed=True),
        len(kind).to_bytes(2, "big"),
        kind,
        event.commitment,
    )
    return sha256(b"".join(parts)).digest()


def roots(leaves: Iterable[bytes], sizes: Collection[int]) -> dict[int, bytes]:
    """The RFC 6962 root over the first n leaves, for each n of ``sizes`` that there are leaves for."""
    roots_found = {0: EMPTY_ROOT} if 0 in sizes else {}
    peaks: list[tuple[int, bytes]] = []  # perfect subtrees, the largest first: (height, hash)
    for size, one in enumerate(leaves, 1):
        height, node = 0, one
        while peaks and peaks[-1][0] == height:
            node = _node(peaks.pop()[1], node)
            height += 1
        peaks.append((height, node))
        if size in sizes:
            roots_found[size] = _root([peak for _, peak in peaks])
    return roots_found


def root(leaves: list[bytes]) -> bytes:
    """The root over all of them."""
    return roots(leaves, {len(leaves)})[len(leaves)]


def _root(peaks: list[bytes]) -> bytes:
    node = peaks[-1]
    for peak in reversed(peaks[:-1]):
        node = _node(peak, node)
    return node


def _node(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()
