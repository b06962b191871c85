"""The Merkle tree of RFC 6962 over SHA-256: roots, inclusion and consistency proofs, and their verification.

Pure functions over leaf hashes (32 bytes each). What reads leaves reads them once, in order, and holds O(log n)
hashes, so that a proof over ten million leaves needs no more memory than one over ten.
Sources: RFC 6962 section 2.1 (trees and proofs), RFC 9162 sections 2.1.3.2 and 2.1.4.2 (verification).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from hashlib import sha256
from itertools import islice

EMPTY = sha256(b"").digest()
"""The root of a tree without leaves."""


def leaf(data: bytes) -> bytes:
    """The hash of one leaf; no leaf's hash is ever that of a node."""
    return sha256(b"\0" + data).digest()


def node(left: bytes, right: bytes) -> bytes:
    """The hash of two subtrees side by side."""
    return sha256(b"\1" + left + right).digest()


def root(leaves: Iterable[bytes]) -> bytes:
    """The hash of the whole tree."""
    *_, (_, last) = _growing(leaves, ())
    return last


def roots(leaves: Iterable[bytes], sizes: Collection[int]) -> tuple[int, bytes, dict[int, bytes]]:
    """How many leaves there are, the root of them all, and the root of the first n for each n in ``sizes``.

    A size larger than the tree has no root.
    """
    found = list(_growing(leaves, sizes))
    size, last = found[-1]
    return size, last, {size: root for size, root in found if size in sizes}


def _growing(leaves: Iterable[bytes], sizes: Collection[int]) -> Iterator[tuple[int, bytes]]:
    """(size, root) at each of the sizes that the tree grows through, and at the end."""
    peaks: list[bytes] = []
    size = 0
    for one in leaves:
        if size in sizes:
            yield size, _fold(peaks)
        _push(peaks, size, one)
        size += 1
    yield size, _fold(peaks)


def _push(peaks: list[bytes], size: int, one: bytes) -> None:
    """Add a leaf to a tree of ``size`` leaves, which is held as the roots of its complete subtrees, largest first."""
    while size & 1:
        one = node(peaks.pop(), one)
        size >>= 1
    peaks.append(one)


def _fold(peaks: Sequence[bytes]) -> bytes:
    if not peaks:
        return EMPTY
    folded = peaks[-1]
    for peak in reversed(peaks[:-1]):
        folded = node(peak, folded)
    return folded


def inclusion(leaves: Iterable[bytes], index: int, size: int) -> list[bytes]:
    """The audit path of leaf ``index`` (from 0) in the tree of the first ``size`` leaves, from the leaf upwards.

    Raises ValueError if there is no such leaf.
    """
    if not 0 <= index < size:
        raise ValueError(f"a tree of {size} leaves has no leaf {index}")
    ranges = []
    low, high = 0, size
    while high - low > 1:
        middle = low + _split(high - low)
        if index < middle:
            ranges.append((middle, high))
            high = middle
        else:
            ranges.append((low, middle))
            low = middle
    return _subtrees(leaves, ranges[::-1])


def consistency(leaves: Iterable[bytes], first: int, second: int) -> list[bytes]:
    """What shows that the tree of the first ``second`` leaves begins with that of the first ``first``.

    Empty where there is nothing to show: for ``first`` 0 or ``second``. Raises ValueError for any other order.
    """
    if not 0 <= first <= second:
        raise ValueError(f"a tree of {second} leaves does not begin with one of {first}")
    ranges = []
    low, high, rest = 0, second if first else 0, first
    while rest != high - low:
        size = _split(high - low)
        if rest <= size:
            ranges.append((low + size, high))
            high = low + size
        else:
            ranges.append((low, low + size))
            low, rest = low + size, rest - size
    if low:  # the subtree that is left is not the first tree itself, whose root the verifier has
        ranges.append((low, high))
    return _subtrees(leaves, ranges[::-1])


def _split(size: int) -> int:
    """The largest power of two below a size of two or more."""
    return 1 << ((size - 1).bit_length() - 1)


def _subtrees(leaves: Iterable[bytes], ranges: Sequence[tuple[int, int]]) -> list[bytes]:
    """The roots of disjoint ranges of leaves, in the order asked for, in one pass."""
    found: dict[tuple[int, int], bytes] = {}
    rest = iter(leaves)
    at = 0
    for low, high in sorted(ranges):
        size, last, _ = roots(islice(rest, low - at, high - at), ())
        if size != high - low:
            raise ValueError(f"there are fewer leaves than {high}")
        found[low, high] = last
        at = high
    return [found[one] for one in ranges]


def is_included(one: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> bool:
    """Whether the path shows that the leaf hash stands at ``index`` in the tree of this size and root."""
    if not 0 <= index < size or not _are_hashes(one, root, *path):
        return False
    at, last = index, size - 1
    for beside in path:
        if last == 0:
            return False
        if at & 1 or at == last:
            one = node(beside, one)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            one = node(one, beside)
        at, last = at >> 1, last >> 1
    return last == 0 and one == root


def is_consistent(first: int, second: int, first_root: bytes, second_root: bytes, path: Sequence[bytes]) -> bool:
    """Whether the path shows that the second tree begins with the leaves of the first, in the same order."""
    if not 0 <= first <= second or not _are_hashes(first_root, second_root, *path):
        return False
    if first == 0:
        return not path and first_root == EMPTY and (second > 0 or second_root == EMPTY)
    if first == second:
        return not path and first_root == second_root
    if first & (first - 1) == 0:  # a complete subtree of the second: its root is not repeated in the path
        path = [first_root, *path]
    if not path:
        return False
    at, last = first - 1, second - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    old = new = path[0]
    for beside in path[1:]:
        if last == 0:
            return False
        if at & 1 or at == last:
            old, new = node(beside, old), node(beside, new)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            new = node(new, beside)
        at, last = at >> 1, last >> 1
    return last == 0 and old == first_root and new == second_root


def _are_hashes(*values: bytes) -> bool:
    return all(len(value) == 32 for value in values)
