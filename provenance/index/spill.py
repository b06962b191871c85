"""Records that may be more than memory holds: partitioned by their place while they come, given back in order of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

HELD = 1 << 22
"""Records held before they are written out; what never has more stays in memory."""
PARTS = 256
"""Partitions, by the top byte of the place; places are spread evenly, so each is a 256th."""


class Spill:
    """Takes records whose first field is ``place`` (u64) in any order; gives them back in chunks of ascending place."""

    def __init__(self, folder: Path, name: str, kind: Any) -> None:
        import numpy as np

        self.folder = folder
        self.name = name
        self.kind = np.dtype(kind)
        self.held: list[NDArray[np.void]] = []
        self.holding = 0
        self.count = 0
        self.spilled = False

    def add(self, records: NDArray[np.void]) -> None:
        """Take some records."""
        self.held.append(records)
        self.holding += len(records)
        self.count += len(records)
        if self.holding >= HELD:
            self._write()

    def _write(self) -> None:
        import numpy as np

        records = np.concatenate(self.held)
        self.held, self.holding = [], 0
        part = (records["place"] >> np.uint64(56)).astype(np.uint8)
        octets = taken(records, np.argsort(part, kind="stable")).view(np.uint8).reshape(-1, self.kind.itemsize)
        # The top byte of the place, the eighth of a record, is the number of the file.
        octets = np.delete(octets, 7, axis=1)
        bounds = np.concatenate([[0], np.cumsum(np.bincount(part, minlength=PARTS))])
        # Opened anew each time: on macOS a process may have 256 files open.
        for part_ in range(PARTS):
            with self._path(part_).open("ab") as file:
                file.write(octets[bounds[part_] : bounds[part_ + 1]].data)
        self.spilled = True

    def chunks(self) -> Iterator[NDArray[np.void]]:
        """All records, chunk by chunk: each chunk sorted by place, no place in two.

        A chunk's file is removed once it was read.
        """
        import numpy as np

        if not self.spilled:
            records = np.concatenate([np.empty(0, self.kind), *self.held])
            self.held = []
            yield _sorted(records)
            return
        if self.held:
            self._write()
        for number in range(PARTS):
            octets = np.fromfile(self._path(number), np.uint8).reshape(-1, self.kind.itemsize - 1)
            self._path(number).unlink()
            whole = np.empty((len(octets), self.kind.itemsize), np.uint8)
            whole[:, :7], whole[:, 7], whole[:, 8:] = octets[:, :7], number, octets[:, 7:]
            records = whole.view(self.kind).ravel()
            yield _sorted(records)

    def _path(self, part: int) -> Path:
        return self.folder / f"{self.name}.{part:03d}"


def taken(records: NDArray[np.void], order: NDArray[np.int64]) -> NDArray[np.void]:
    """The records in this order; as opaque bytes, which numpy moves ten times as fast as records with fields."""
    import numpy as np

    return np.take(records.view(f"V{records.itemsize}"), order).view(records.dtype)


def _sorted(records: NDArray[np.void]) -> NDArray[np.void]:
    import numpy as np

    return taken(records, np.argsort(np.ascontiguousarray(records["place"])))
