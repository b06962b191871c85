"""A table of keys written plainly, from the page of the format alone (docs/format-index.md): an oracle, and what the
fuzzer feeds the kernel, which must not need numpy."""

from __future__ import annotations

import struct
from collections.abc import Iterable

PAGE = 4096
SPREAD = 0x9E3779B97F4A7C15
SALT = (0x47B6137B, 0x44974D91, 0x8824AD5B, 0xA2B7289D, 0x705495C7, 0x2DF1424B, 0x9EFC4947, 0x5C6BFB31)


def padded(section: bytes) -> bytes:
    """A section with the zeros behind it."""
    return section + bytes(-len(section) % PAGE)


def table_of(keys: Iterable[int], most: int | None = None) -> bytes:
    """The table of these keys, made for so many (for as many as there are)."""
    pairs = sorted((key * SPREAD % 2**64, key) for key in keys)
    count = len(pairs) if most is None else most
    blocks = max(1, count // 16)
    bits = min(24, max(0, count.bit_length() - 6))
    width = (64 - bits + 7) // 8
    words = [0] * (8 * blocks)
    for place, key in pairs:
        block = (place >> 32) * blocks >> 32
        for i, salt in enumerate(SALT):
            words[8 * block + i] |= 1 << ((key * salt & 0xFFFFFFFF) >> 27)
    fan = [0] * ((1 << bits) + 1)
    for place, _ in pairs:
        fan[(place >> (64 - bits)) + 1] += 1
    for bucket in range(1 << bits):
        fan[bucket + 1] += fan[bucket]
    rests = b"".join(place.to_bytes(8, "little")[:width] for place, _ in pairs)
    return (
        padded(struct.pack("<8sQQII", b"pvtable1", len(pairs), blocks, bits, width))
        + padded(struct.pack(f"<{len(words)}I", *words))
        + padded(struct.pack(f"<{len(fan)}I", *fan))
        + padded(rests + bytes(8))
    )


def unchecked(*tables: bytes) -> tuple[bytes, ...]:
    """What a lookup is told of tables of which no page has been checked yet."""
    return tuple(bytes(len(one) // PAGE) for one in tables)
