"""The Merkle tree: against the definition of RFC 6962 written out, and against values others published."""

from __future__ import annotations

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.proof.tree import EMPTY, Range, Tree

LEAVES = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
"""The leaves with which implementations of Certificate Transparency test each other, in hexadecimal."""
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
"""Their published roots for the sizes 0 to 8."""


def hashed(leaves: list[bytes]) -> list[bytes]:
    """Leaf hashes as RFC 6962 makes them."""
    return [sha256(b"\x00" + leaf).digest() for leaf in leaves]


def mth(leaves: list[bytes]) -> bytes:
    """The definition of RFC 6962, section 2.1, word for word."""
    n = len(leaves)
    if n == 0:
        return sha256(b"").digest()
    if n == 1:
        return leaves[0]
    k = 1
    while k * 2 < n:
        k *= 2
    return sha256(b"\x01" + mth(leaves[:k]) + mth(leaves[k:])).digest()


def of_bytes(leaves: list[bytes]) -> Range:
    """A range with these leaf hashes appended one by one."""
    grown = Range()
    for leaf in leaves:
        grown.append(leaf)
    return grown


REFERENCE = hashed([bytes.fromhex(leaf) for leaf in LEAVES])
some_leaves = st.lists(st.binary(min_size=32, max_size=32), max_size=70)


@pytest.mark.parametrize("size", range(9))
def test_the_roots_are_those_that_others_published(size: int) -> None:
    """Both ways of computing a root give the known answer."""
    assert of_bytes(REFERENCE[:size]).root().hex() == ROOTS[size]
    assert Tree(b"".join(REFERENCE)).root(size).hex() == ROOTS[size]


def test_an_inclusion_path_is_written_out() -> None:
    """The path of the third of seven leaves, as the figure in RFC 6962, section 2.1.3, names its nodes."""
    d = REFERENCE[:7]
    path = [d[3], mth(d[0:2]), mth(d[4:7])]
    assert Tree(b"".join(d)).inclusion(2, 7) == path


def test_a_consistency_proof_is_written_out() -> None:
    """The three examples of RFC 6962, section 2.1.3: from 3, 4 and 6 leaves to 7."""
    d = REFERENCE[:7]
    tree = Tree(b"".join(d))
    c, dd, g, ll = d[2], d[3], mth(d[0:2]), mth(d[4:7])
    i, j, k = mth(d[4:6]), d[6], mth(d[0:4])
    assert tree.consistency(3, 7) == [c, dd, g, ll]
    assert tree.consistency(4, 7) == [ll]
    assert tree.consistency(6, 7) == [i, j, k]


@given(some_leaves)
def test_a_range_and_a_tree_agree_with_the_definition(leaves: list[bytes]) -> None:
    """Whatever the leaves, growing one by one and computing all at once give the root of the definition."""
    assert of_bytes(leaves).root() == Tree(b"".join(leaves)).root() == mth(leaves)


@given(some_leaves, st.data())
def test_a_range_goes_on_where_it_was_packed(leaves: list[bytes], data: st.DataObject) -> None:
    """Sealing a part, keeping it as bytes and going on later is the same as sealing at once."""
    cut = data.draw(st.integers(0, len(leaves)))
    first = of_bytes(leaves[:cut])
    again = Range.unpacked(cut, first.packed())
    for leaf in leaves[cut:]:
        again.append(leaf)
    assert (again.size, again.root()) == (len(leaves), mth(leaves))


@pytest.mark.parametrize(("size", "packed"), [(3, bytes(32)), (1, bytes(31)), (0, bytes(32)), (4, bytes(64))])
def test_a_range_of_the_wrong_length_is_refused(size: int, packed: bytes) -> None:
    """A range whose nodes cannot be of its size never becomes a root."""
    with pytest.raises(ValueError, match="range"):
        Range.unpacked(size, packed)


def test_what_was_never_there_has_no_proof() -> None:
    """A leaf beyond the tree, a size beyond the leaves and an old size of nothing are refused."""
    tree = Tree(b"".join(REFERENCE))
    for search, numbers in ((tree.inclusion, (8, 8)), (tree.inclusion, (0, 9)), (tree.consistency, (0, 8))):
        with pytest.raises(ValueError):
            search(*numbers)
    with pytest.raises(ValueError, match="whole"):
        Tree(bytes(33))
    assert Tree(b"").root() == EMPTY
