"""Writes tables of keys (``fingerprint.table`` has the layout), chunk by chunk. It looks nothing up."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any, BinaryIO

from provenance.errors import StoreError
from provenance.fingerprint.table import BLOCK, HEADER, MAGIC, PAGE, SALT, SPREAD, padded, shape

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

INVERSE = pow(SPREAD, -1, 1 << 64)
"""A place times this is the key again."""


class Writer:
    """Writes one table: ``add`` ascending chunks of places, then ``close``. ``most`` is the most keys there may be."""

    def __init__(self, file: BinaryIO, most: int) -> None:
        import numpy as np

        self.file = file
        self.blocks, self.bits, self.width = shape(most)
        self.fan_at = PAGE + padded(BLOCK * self.blocks)
        self.keys_at = self.fan_at + padded(4 * ((1 << self.bits) + 1))
        self.count = 0
        self.buckets = np.zeros((1 << self.bits) + 1, np.uint32)
        self.written = 0
        """Blocks of the filter that are on disk; the next one, which the next chunk may share, is held."""
        self.held = np.zeros((1, BLOCK // 4), np.uint32)

    def add(self, places: NDArray[np.uint64]) -> None:
        """Write a chunk, none of it below what came before."""
        import numpy as np

        if not len(places):
            return
        if self.count + len(places) > 0xFFFFFFFF:
            raise StoreError("more than 2**32 postings in one segment: build the index in parts with 'index add'")
        if self.bits:
            bucket = (places >> np.uint64(64 - self.bits)).astype(np.int64)
            starts = _starts(bucket)
            self.buckets[bucket[starts] + 1] += np.diff(np.append(starts, len(bucket))).astype(np.uint32)
        else:
            self.buckets[1] += np.uint32(len(places))
        self._filter(places)
        self.file.seek(self.keys_at + self.count * self.width)
        octets = np.ascontiguousarray(places, "<u8").view(np.uint8).reshape(-1, 8)
        self.file.write(np.ascontiguousarray(octets[:, : self.width]).data)
        self.count += len(places)

    def _filter(self, places: NDArray[np.uint64]) -> None:
        import numpy as np

        block = ((places >> np.uint64(32)) * np.uint64(self.blocks)) >> np.uint64(32)
        low = (places * np.uint64(INVERSE)).astype(np.uint32)
        starts = _starts(block)
        last = int(block[-1])
        words = np.zeros((last - self.written + 1, BLOCK // 4), np.uint32)
        words[0] = self.held[0]
        at = block[starts].astype(np.int64) - self.written
        for word, salt in enumerate(SALT):
            masks = np.uint32(1) << ((low * np.uint32(salt)) >> np.uint32(27))
            words[at, word] |= np.bitwise_or.reduceat(masks, starts)
        self.file.seek(PAGE + BLOCK * self.written)
        self.file.write(words[:-1].astype("<u4").data)
        self.written, self.held = last, words[-1:].copy()

    def close(self) -> None:
        """Write what is left: the last block of the filter, the fan and the header."""
        import numpy as np

        self.file.seek(PAGE + BLOCK * self.written)
        self.file.write(self.held.astype("<u4").tobytes())
        self.file.seek(self.fan_at)
        self.file.write(np.cumsum(self.buckets, dtype=np.uint32).astype("<u4").tobytes())
        self.file.seek(0)
        self.file.write(HEADER.pack(MAGIC, self.count, self.blocks, self.bits, self.width))
        self.file.truncate(self.keys_at + padded(self.count * self.width + 8))


def _starts(ascending: NDArray[Any]) -> NDArray[np.int64]:
    """Where each run of equal values begins."""
    import numpy as np

    return np.flatnonzero(np.concatenate([np.ones(min(1, len(ascending)), np.bool_), ascending[1:] != ascending[:-1]]))


def of(keys: NDArray[np.uint64]) -> bytes:
    """The table of these keys, in memory."""
    import numpy as np

    file = io.BytesIO()
    writer = Writer(file, len(keys))
    writer.add(np.sort(keys.astype(np.uint64) * np.uint64(SPREAD)))
    writer.close()
    content = file.getvalue()
    return content + bytes(padded(writer.keys_at + writer.count * writer.width + 8) - len(content))
