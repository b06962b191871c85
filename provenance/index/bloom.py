"""The filter that rejects absent grams in one cache line: a split-block Bloom filter. It holds no postings.

The layout is that of Apache Parquet's split-block filter (format/BloomFilter.md): blocks of eight u32 words,
one bit set in each. The bits of a key are chosen by its low 32 bits, its block by the high 32 bits of the key times
SPREAD: selected grams are minima, so most of their keys are small (at w = 9, 96 % in the lowest 30 %), and without
the product they crowded into a third of the blocks (scan of 162 MB against 4.2 million grams: 36 MB/s, now 100).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SALT = (0x47B6137B, 0x44974D91, 0x8824AD5B, 0xA2B7289D, 0x705495C7, 0x2DF1424B, 0x9EFC4947, 0x5C6BFB31)
SPREAD = 0x9E3779B97F4A7C15
"""An odd constant: 2**64 over the golden ratio."""
BLOCK = 32
"""Bytes of a block."""


def build(keys: NDArray[np.uint64], bits_per_key: int = 16) -> bytes:
    """The filter of these keys; at 16 bits a key about one absent key in a thousand passes."""
    import numpy as np

    blocks = max(1, len(keys) * bits_per_key // (8 * BLOCK))
    words = np.zeros((blocks, 8), np.uint32)
    block = (((keys * np.uint64(SPREAD)) >> np.uint64(32)) * np.uint64(blocks)) >> np.uint64(32)
    low = keys.astype(np.uint32)
    for i, salt in enumerate(SALT):
        bit = (low * np.uint32(salt)) >> np.uint32(27)
        np.bitwise_or.at(words[:, i], block.astype(np.int64), np.uint32(1) << bit)
    return words.astype("<u4").tobytes()


def contains(bloom: Any, key: int) -> bool:
    """Whether the key may be present; never False for a key that is."""
    blocks = len(bloom) // BLOCK
    at = (((key * SPREAD & 0xFFFFFFFFFFFFFFFF) >> 32) * blocks >> 32) * BLOCK
    for i, salt in enumerate(SALT):
        word = int.from_bytes(bloom[at + 4 * i : at + 4 * i + 4], "little")
        if not word >> ((key * salt & 0xFFFFFFFF) >> 27) & 1:
            return False
    return True
