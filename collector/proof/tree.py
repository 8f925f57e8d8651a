"""The Merkle tree of RFC 6962, section 2.1, over leaf hashes that already exist.

:class:`Range` grows leaf by leaf and keeps one hash for each bit of its size:
what sealing goes on from. :class:`Tree` holds all nodes of a tree and answers
with proofs. Neither knows what a leaf stands for, nor where it is kept.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256

HASH_SIZE = 32
EMPTY = sha256(b"").digest()
"""The root of a tree without leaves."""


def parent(left: bytes, right: bytes) -> bytes:
    """SHA-256(0x01 ‖ left ‖ right)."""
    return sha256(b"\x01" + left + right).digest()


class Range:
    """The compact range of the first ``size`` leaves: the roots of its complete subtrees, the largest first."""

    __slots__ = ("nodes", "size")

    def __init__(self, size: int = 0, nodes: Iterable[bytes] = ()) -> None:
        self.size = size
        self.nodes = list(nodes)
        if len(self.nodes) != size.bit_count():
            raise ValueError(f"a range of {size} leaves has {size.bit_count()} nodes, not {len(self.nodes)}")

    @classmethod
    def unpacked(cls, size: int, packed: bytes) -> Range:
        """The range that :meth:`packed` gave; raises ValueError where the bytes cannot be of a range of this size."""
        if len(packed) % HASH_SIZE:
            raise ValueError("a packed range consists of whole hashes")
        return cls(size, [packed[i : i + HASH_SIZE] for i in range(0, len(packed), HASH_SIZE)])

    def packed(self) -> bytes:
        """The nodes one after the other."""
        return b"".join(self.nodes)

    def append(self, leaf: bytes) -> None:
        """Add the next leaf hash."""
        self.extend((leaf,))

    def extend(self, leaves: Iterable[bytes]) -> None:
        """Add the next leaf hashes. One loop: ``verify`` goes through it for every row."""
        nodes, size = self.nodes, self.size
        for node in leaves:
            size = carried = size + 1
            # As in counting: each trailing zero of the new size is a subtree that became complete.
            while not carried & 1:
                node = sha256(b"\x01" + nodes.pop() + node).digest()  # noqa: PLW2901 - what is carried
                carried >>= 1
            nodes.append(node)
        self.size = size

    def root(self) -> bytes:
        """The root of the tree over these leaves."""
        if not self.nodes:
            return EMPTY
        hashed = self.nodes[-1]
        for node in reversed(self.nodes[:-1]):
            hashed = parent(node, hashed)
        return hashed


class Tree:
    """Every node of the tree over some leaf hashes, given one after the other: 64 bytes of memory for each leaf."""

    def __init__(self, leaves: bytes) -> None:
        if len(leaves) % HASH_SIZE:
            raise ValueError("leaves are whole hashes")
        self.size = len(leaves) // HASH_SIZE
        self._levels = [leaves]
        while len(self._levels[-1]) >= 2 * HASH_SIZE:
            self._levels.append(_parents(self._levels[-1]))

    def root(self, size: int | None = None) -> bytes:
        """The root over the first ``size`` leaves; over all of them if none is given."""
        size = self._checked_size(self.size if size is None else size)
        return self._hash(0, size) if size else EMPTY

    def inclusion(self, index: int, size: int) -> list[bytes]:
        """PATH(index, D[size]): what leads from a leaf, counted from 0, to the root; the lowest node first."""
        if not 0 <= index < self._checked_size(size):
            raise ValueError(f"a tree of {size} leaves has no leaf {index}")
        return self._path(index, 0, size)

    def consistency(self, old: int, new: int) -> list[bytes]:
        """PROOF(old, D[new]): what shows that the tree of ``new`` leaves begins with the one of ``old``."""
        if not 0 < old <= self._checked_size(new):
            raise ValueError(f"a tree of {new} leaves grew out of none of {old}")
        return self._subproof(old, 0, new, whole=True)

    def _checked_size(self, size: int) -> int:
        if not 0 <= size <= self.size:
            raise ValueError(f"there are {self.size} leaves, not {size}")
        return size

    def _hash(self, low: int, high: int) -> bytes:
        """The root over the leaves from ``low`` to before ``high``, where ``low`` begins a subtree."""
        width = high - low
        if not width & (width - 1):
            level = width.bit_length() - 1
            at = (low >> level) * HASH_SIZE
            return self._levels[level][at : at + HASH_SIZE]
        middle = low + _left(width)
        return parent(self._hash(low, middle), self._hash(middle, high))

    def _path(self, index: int, low: int, high: int) -> list[bytes]:
        if high - low == 1:
            return []
        middle = low + _left(high - low)
        if index < middle:
            return [*self._path(index, low, middle), self._hash(middle, high)]
        return [*self._path(index, middle, high), self._hash(low, middle)]

    def _subproof(self, old: int, low: int, high: int, *, whole: bool) -> list[bytes]:
        if old == high:
            return [] if whole else [self._hash(low, high)]
        middle = low + _left(high - low)
        if old <= middle:
            return [*self._subproof(old, low, middle, whole=whole), self._hash(middle, high)]
        return [*self._subproof(old, middle, high, whole=False), self._hash(low, middle)]


def _left(width: int) -> int:
    """The largest power of two below ``width``: how many leaves stand on the left."""
    return 1 << (width - 1).bit_length() - 1


def _parents(level: bytes) -> bytes:
    """The parents of each two nodes; a last one without a neighbour is left for a later size."""
    pairs = range(0, len(level) - 2 * HASH_SIZE + 1, 2 * HASH_SIZE)
    return b"".join([sha256(b"\x01" + level[i : i + 2 * HASH_SIZE]).digest() for i in pairs])
