"""Reading whole datasets back for tests, with what always holds checked on the way."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from provenance import dataset
from provenance.model import Skipped

Leaf = tuple[int, str, bytes]


def leaves_of(*paths: Path, columns: Sequence[str] = (), target_size: int = 1 << 20) -> list[Leaf]:
    """Row (through the file), field and text of everything."""
    found, base, file = [], 0, ""
    for unit in dataset.plan(dataset.discover([str(path) for path in paths]), columns, target_size).units:
        base, file = (base if unit.file == file else 0), unit.file
        for batch in dataset.read(unit):
            for texts in batch.texts:
                for i, row in enumerate(texts.rows.tolist()):
                    text = bytes(texts.data[texts.offsets[i] : texts.offsets[i + 1]])
                    found.append((base + row, dataset.field_of(texts, i), text))
        base += rows_of(unit)
    return sorted(found)


def rows_of(unit: dataset.WorkUnit) -> int:
    """How many rows a unit has."""
    return sum(batch.rows for batch in dataset.read(unit))


def skipped_of(*paths: Path) -> list[tuple[int, Skipped]]:
    """Row within its unit, and what was skipped there."""
    found = []
    for unit in dataset.plan(dataset.discover([str(path) for path in paths])).units:
        for batch in dataset.read(unit):
            found.extend(zip(batch.skipped_rows, batch.skipped, strict=True))
    return found


def total_of(path: Path, target_size: int = 1 << 20) -> tuple[int, int, int]:
    """Rows, skipped rows and nulls; the sizes of the batches add up to the units'."""
    rows = skipped = nulls = 0
    for unit in dataset.plan([str(path)], (), target_size).units:
        batches = list(dataset.read(unit))
        assert unit.size == sum(batch.size for batch in batches)
        rows += sum(batch.rows for batch in batches)
        skipped += sum(len(batch.skipped) for batch in batches)
        nulls += sum(batch.nulls for batch in batches)
    return rows, skipped, nulls
