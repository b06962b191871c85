"""The tree is that of RFC 6962: published answers, its definition as it reads, wrong proofs refused.

The published answers are the leaves, roots, audit paths and consistency proofs of the known-answer tests in
google/certificate-transparency, cpp/merkletree/merkle_tree_test.cc (Apache-2.0), written here as leaf index from 0.
"""

from __future__ import annotations

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provenance.ledger import merkle

DATA = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
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
PATHS = {
    (0, 1): [],
    (0, 8): [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
    (5, 8): [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
    (2, 3): ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"],
    (1, 5): [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ],
}
PROOFS = {
    (1, 1): [],
    (1, 8): [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
    (6, 8): [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
    (2, 5): [
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ],
}
LEAVES = [merkle.leaf(bytes.fromhex(data)) for data in DATA]
SIZES = st.integers(1, 70)


def many(size: int) -> list[bytes]:
    return [merkle.leaf(b"%d" % number) for number in range(size)]


def head(leaves: list[bytes]) -> bytes:
    """MTH of RFC 6962 section 2.1, over leaf hashes."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    split = largest(len(leaves))
    return sha256(b"\1" + head(leaves[:split]) + head(leaves[split:])).digest()


def largest(size: int) -> int:
    return max(1 << bit for bit in range(size.bit_length()) if 1 << bit < size)


def path(index: int, leaves: list[bytes]) -> list[bytes]:
    """PATH of RFC 6962 section 2.1.1."""
    if len(leaves) == 1:
        return []
    split = largest(len(leaves))
    if index < split:
        return [*path(index, leaves[:split]), head(leaves[split:])]
    return [*path(index - split, leaves[split:]), head(leaves[:split])]


def subproof(first: int, leaves: list[bytes], is_whole: bool) -> list[bytes]:
    """SUBPROOF of RFC 6962 section 2.1.2."""
    if first == len(leaves):
        return [] if is_whole else [head(leaves)]
    split = largest(len(leaves))
    if first <= split:
        return [*subproof(first, leaves[:split], is_whole), head(leaves[split:])]
    return [*subproof(first - split, leaves[split:], False), head(leaves[:split])]


@pytest.mark.parametrize("size", range(9))
def test_roots_are_the_published_ones(size: int) -> None:
    assert ROOTS[size] == merkle.root(LEAVES[:size]).hex()


@pytest.mark.parametrize(("index", "size"), PATHS)
def test_audit_paths_are_the_published_ones(index: int, size: int) -> None:
    assert PATHS[index, size] == [one.hex() for one in merkle.inclusion(LEAVES, index, size)]


@pytest.mark.parametrize(("first", "second"), PROOFS)
def test_consistency_proofs_are_the_published_ones(first: int, second: int) -> None:
    assert PROOFS[first, second] == [one.hex() for one in merkle.consistency(LEAVES, first, second)]


@given(st.lists(st.binary(max_size=40), max_size=70))
def test_a_root_is_as_the_rfc_defines_it(data: list[bytes]) -> None:
    leaves = [merkle.leaf(one) for one in data]
    assert head(leaves) == merkle.root(iter(leaves))


@given(SIZES, st.sets(st.integers(0, 80)))
def test_roots_of_all_beginnings_come_from_one_pass(size: int, wanted: set[int]) -> None:
    leaves = many(size)
    expected = {one: head(leaves[:one]) for one in wanted if one <= size}
    assert (size, head(leaves), expected) == merkle.roots(iter(leaves), wanted)


@given(st.data())
def test_every_leaf_of_every_tree_has_the_path_of_the_rfc_and_it_verifies(data: st.DataObject) -> None:
    size = data.draw(SIZES)
    index = data.draw(st.integers(0, size - 1))
    leaves = many(size + data.draw(st.integers(0, 3)))
    found = merkle.inclusion(iter(leaves), index, size)
    assert path(index, leaves[:size]) == found
    assert merkle.is_included(leaves[index], index, size, found, head(leaves[:size]))


@given(st.data())
def test_every_tree_grew_from_every_beginning_of_it_and_the_proof_verifies(data: st.DataObject) -> None:
    second = data.draw(SIZES)
    first = data.draw(st.integers(0, second))
    leaves = many(second)
    found = merkle.consistency(iter(leaves), first, second)
    assert (subproof(first, leaves, True) if first else []) == found
    assert merkle.is_consistent(first, second, head(leaves[:first]), head(leaves), found)


def wrong_paths(found: list[bytes]) -> list[list[bytes]]:
    changed = [[*found[:at], bytes([one[0] ^ 1]) + one[1:], *found[at + 1 :]] for at, one in enumerate(found)]
    longer = [[*found, merkle.EMPTY], [merkle.EMPTY, *found], [*found, b""], [b"", *found], [*found, *found, *found]]
    shorter = [found[:-1], found[1:], found[::-1]]
    return [one for one in [*changed, *longer, *shorter] if one != found]


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 8, 9, 31, 33])
def test_a_wrong_inclusion_proof_is_refused(size: int) -> None:
    leaves = many(size)
    root = head(leaves)
    for index, leaf in enumerate(leaves):
        right = path(index, leaves)
        for wrong in wrong_paths(right):
            assert not merkle.is_included(leaf, index, size, wrong, root)
        for other in {index - 1, index + 1, index ^ 2, -1, size, size + 5} - {index}:
            assert not merkle.is_included(leaf, other, size, right, root)
        assert not merkle.is_included(leaf, index, 0, right, root)
        assert not merkle.is_included(leaf, index, 4 * size, right, root)
        assert not merkle.is_included(merkle.leaf(b"another"), index, size, right, root)
        assert not merkle.is_included(leaf, index, size, right, merkle.EMPTY)
        assert not merkle.is_included(leaf[:-1], index, size, right, root)


@pytest.mark.parametrize("second", [2, 3, 5, 7, 8, 9, 31, 33])
def test_a_wrong_consistency_proof_is_refused(second: int) -> None:
    leaves = many(second)
    root = head(leaves)
    for first in range(1, second):
        old = head(leaves[:first])
        right = subproof(first, leaves, True)
        for wrong in [*wrong_paths(right), []]:
            assert not merkle.is_consistent(first, second, old, root, wrong)
        for other in {first - 1, first + 1, second, second + 1, -1} - {first}:
            assert not merkle.is_consistent(other, second, old, root, right)
        assert not merkle.is_consistent(first, 4 * second, old, root, right)
        assert not merkle.is_consistent(first, second, root, old, right)
        assert not merkle.is_consistent(first, second, merkle.EMPTY, root, right)
        assert not merkle.is_consistent(first, second, old, merkle.EMPTY, right)


def test_a_proof_for_a_larger_tree_is_none_for_a_smaller_one() -> None:
    for size in range(2, 20):
        leaves = many(size)
        last = size - 1
        assert not merkle.is_included(leaves[last], 0, 1, path(last, leaves), head(leaves))
        assert not merkle.is_consistent(1, 2, leaves[0], head(leaves), subproof(1, leaves, True)) or size == 2


def test_a_tree_that_did_not_grow_needs_no_proof_and_has_none() -> None:
    root = head(many(5))
    assert merkle.is_consistent(5, 5, root, root, [])
    assert not merkle.is_consistent(5, 5, root, merkle.EMPTY, [])
    assert not merkle.is_consistent(5, 5, root, root, [root])
    assert merkle.is_consistent(0, 5, merkle.EMPTY, root, [])
    assert not merkle.is_consistent(0, 5, root, root, [])
    assert not merkle.is_consistent(0, 0, merkle.EMPTY, root, [])


def test_the_hash_of_a_node_is_the_hash_of_no_leaf() -> None:
    left, right = many(2)
    assert merkle.leaf(left + right) != merkle.node(left, right)


@pytest.mark.parametrize(("index", "size"), [(0, 0), (-1, 3), (3, 3), (4, 3)])
def test_a_leaf_that_is_not_there_has_no_path(index: int, size: int) -> None:
    with pytest.raises(ValueError, match="has no leaf"):
        merkle.inclusion(many(9), index, size)


def test_a_tree_does_not_begin_with_a_larger_one() -> None:
    with pytest.raises(ValueError, match="does not begin"):
        merkle.consistency(many(9), 4, 3)


def test_a_proof_over_more_leaves_than_there_are_is_refused() -> None:
    with pytest.raises(ValueError, match="fewer leaves than 8"):
        merkle.inclusion(many(6), 1, 8)


def test_proofs_read_the_leaves_once_and_hold_few() -> None:
    """A generator cannot be read twice; a million leaves would show a list of them in the peak memory."""
    import tracemalloc

    def leaves(count: int) -> object:
        return (b"%032d" % number for number in range(count))

    count = 1 << 17
    tracemalloc.start()
    path = merkle.inclusion(leaves(count), 77_777, count)  # type: ignore[arg-type]
    proof = merkle.consistency(leaves(count), 99_999, count)  # type: ignore[arg-type]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert 17 == len(path)
    assert len(proof) <= 18
    assert peak < 100_000
