"""A table of 64-bit keys, as it lies on disk and as it is looked up. It knows nothing of what the keys mean.

Version 1, little-endian; every section begins at a multiple of 4096 bytes, the rest is zeros:

    header  8 bytes ``pvtable1``, u64 count of keys, u64 blocks of the filter, u32 bits, u32 width
    filter  blocks x 32 bytes: a split-block Bloom filter
    fan     (2**bits + 1) u32: the keys of bucket b are numbers fan[b]..fan[b + 1]
    keys    count x width bytes: the low 8 * width bits of each place, ascending; at least 8 bytes of zeros follow

The *place* of a key is key * SPREAD mod 2**64, an odd product and so a bijection: selected grams are minima, so most
of their keys are small (at w = 9, 96 % in the lowest 30 %), and without it they crowd into a third of the buckets
and of the filter. Keys are sorted by place; the bucket is its top bits, so each key is there in all its 64 bits.
Equal keys follow each other: a lookup gives the number of the first and how many there are.

The filter has the layout of Apache Parquet's (format/BloomFilter.md): blocks of eight u32 words, one bit set in each,
chosen by the low half of the key; the block by the high half of the place.
"""

from __future__ import annotations

from bisect import bisect_left
from functools import cached_property
from struct import Struct
from typing import Any

MAGIC = b"pvtable1"
HEADER = Struct("<8sQQII")
PAGE = 4096
"""Sections are aligned to this; so many bytes are a block of ``touched``."""
SPREAD = 0x9E3779B97F4A7C15
"""An odd constant: 2**64 over the golden ratio."""
SALT = (0x47B6137B, 0x44974D91, 0x8824AD5B, 0xA2B7289D, 0x705495C7, 0x2DF1424B, 0x9EFC4947, 0x5C6BFB31)
BLOCK = 32
"""Bytes of a block of the filter."""
MOST_BITS = 24
FULL = 0xFFFFFFFFFFFFFFFF


def place(key: int) -> int:
    """Where a key stands in the order of the table."""
    return key * SPREAD & FULL


def shape(count: int) -> tuple[int, int, int]:
    """The filter's blocks, the bits and the width of a table of so many keys: 16 bits a key, 32 to 64 keys a bucket."""
    bits = min(MOST_BITS, max(0, count.bit_length() - 6))
    return max(1, count * 16 // (8 * BLOCK)), bits, (64 - bits + 7) // 8


def padded(size: int) -> int:
    """The size of a section on disk."""
    return (size + PAGE - 1) // PAGE * PAGE


class Layout:
    """Where the sections of a table begin, from its header. ValueError where the buffer is no such table."""

    def __init__(self, buffer: Any) -> None:
        view = memoryview(buffer).cast("B")
        if len(view) < PAGE:
            raise ValueError(f"table: {len(view)} bytes, shorter than a header")
        magic, self.count, self.blocks, self.bits, self.width = HEADER.unpack_from(view)
        if magic != MAGIC:
            raise ValueError("table: not a table of version 1")
        if self.count >> 32 or not 0 < self.blocks <= 1 << 32 or self.bits > MOST_BITS or not 1 <= self.width <= 8:
            raise ValueError("table: impossible header")
        if self.bits + 8 * self.width < 64:
            raise ValueError("table: impossible header")
        self.filter = PAGE
        self.fan = self.filter + padded(BLOCK * self.blocks)
        self.keys = self.fan + padded(4 * ((1 << self.bits) + 1))
        self.size = self.keys + padded(self.count * self.width + 8)
        if len(view) != self.size:
            raise ValueError(f"table: {len(view)} bytes where its header says {self.size}")
        self.view = view

    @cached_property
    def places(self) -> list[int]:
        """The places of all keys, as the buckets and the keys give them."""
        fan = memoryview(self.view[self.fan : self.fan + 4 * ((1 << self.bits) + 1)]).cast("I").tolist()
        low = 8 * self.width
        found = []
        for bucket in range(1 << self.bits):
            for number in range(fan[bucket], min(fan[bucket + 1], self.count)):
                at = self.keys + number * self.width
                rest = int.from_bytes(self.view[at : at + self.width], "little")
                high = bucket << (64 - self.bits)
                found.append(high >> low << low | rest)
        return found

    def find(self, key: int) -> tuple[int, int]:
        """The number of the first of these keys, and how many there are; (0, 0) if none."""
        wanted = place(key)
        first = bisect_left(self.places, wanted)
        count = 0
        while first + count < len(self.places) and self.places[first + count] == wanted:
            count += 1
        return (first, count) if count else (0, 0)

    def passes(self, key: int) -> bool:
        """Whether the filter lets the key through; never False for a key that is there."""
        at = self.filter + ((place(key) >> 32) * self.blocks >> 32) * BLOCK
        for i, salt in enumerate(SALT):
            word = int.from_bytes(self.view[at + 4 * i : at + 4 * i + 4], "little")
            if not word >> ((key * salt & 0xFFFFFFFF) >> 27) & 1:
                return False
        return True
