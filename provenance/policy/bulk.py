"""Many matches at once: the verdict on each row of an Arrow table, by asking the rules once a distinct tuple of facts.

Of single matches, without waivers and baseline, which name a finding: judge the findings that they name one by one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from provenance.model import Evidence, Grade, Match, Origin, Similarity, Status
from provenance.policy.judge import ORDER, Due, Judging, decisive

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

WORDS = ("provider", "model", "tool", "similarity", "grade", "evidence")
ASKED = ("channel", "plan", "time")
"""Columns that only a registry of terms asks for."""
MEASURES = {"tokens": "tokens", "unit_coverage": "coverage", "jaccard": "jaccard"}
"""Columns of numbers, of which rules see only which of their thresholds are reached."""
COMPACT = 1 << 40
"""Above this many thinkable tuples they are numbered by those that there are."""


def decide(facts: pa.Table | pa.RecordBatch, judging: Judging, zone: str) -> tuple[NDArray[np.intp], list[Due]]:
    """For each row the number of what is due, and the list of what these numbers mean.

    ``facts`` has the columns of a scan's matches, words as strings or dictionaries, for texts of one zone.
    """
    import numpy as np

    keys, first = _distinct(facts, judging)
    dues: dict[Due, int] = {}
    numbers = np.zeros(len(first), np.intp)
    for place, row in enumerate(facts.take(first).to_pylist()):
        due = decisive(judging.said(match(row), zone).dues)
        numbers[place] = dues.setdefault(due, len(dues))
    return numbers[keys], list(dues)


def tally(facts: pa.Table | pa.RecordBatch, judging: Judging, zone: str) -> dict[Due, int]:
    """How many rows come to what, the most severe first."""
    import numpy as np

    numbers, dues = decide(facts, judging, zone)
    counts = np.bincount(numbers, minlength=len(dues))
    order = sorted(range(len(dues)), key=lambda n: (-ORDER.index(dues[n].binding), dues[n].rule))
    return {dues[n]: int(counts[n]) for n in order}


def _distinct(facts: pa.Table | pa.RecordBatch, judging: Judging) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """For each row the number of its tuple, and for each tuple its first row."""
    import numpy as np

    keys: NDArray[np.int64] = np.zeros(facts.num_rows, np.int64)
    size = 1
    for name in (*WORDS, *(ASKED if judging.terms is not None else ())):
        codes, many = _codes(facts.column(name))
        keys, size = _joined(keys, size, codes, many)
    for name, thresholds in MEASURES.items():
        steps = getattr(judging, thresholds)
        if steps:
            codes = np.searchsorted(np.asarray(steps, np.float64), facts.column(name).to_numpy(), side="right")
            keys, size = _joined(keys, size, codes, len(steps) + 1)
    keys, size = _renumbered(keys)
    first = np.zeros(size, np.int64)
    first[keys[::-1]] = np.arange(len(keys) - 1, -1, -1)  # of equal places the last assignment stands: the first row
    return keys, first


def _joined(keys: Any, size: int, codes: Any, many: int) -> tuple[Any, int]:
    if size * many >= COMPACT:
        keys, size = _renumbered(keys)
    return keys * max(many, 1) + codes, size * max(many, 1)


def _renumbered(keys: Any) -> tuple[Any, int]:
    """The keys as numbers from 0, in the order in which they first stand."""
    import numpy as np
    import pyarrow as pa

    codes, many = _codes(pa.array(keys))
    return codes.astype(np.int64), many


def _codes(column: Any) -> tuple[Any, int]:
    """A column as numbers, one for each distinct value, and how many there are."""
    import pyarrow as pa

    if isinstance(column, pa.ChunkedArray):
        column = column.unify_dictionaries().combine_chunks() if column.num_chunks else pa.array([], column.type)
    if isinstance(column, pa.ChunkedArray):  # of no or several chunks, which older versions leave so
        column = pa.concat_arrays(column.chunks)
    coded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    return coded.indices.to_numpy(zero_copy_only=False), len(coded.dictionary)


def match(row: dict[str, Any]) -> Match:
    """A row's match, as far as rules can see it."""
    return Match(
        ingredient="",
        origin=Origin(**{name: row[name] for name in ("provider", "model", "tool", *ASKED) if name in row}),
        evidence=Evidence(row["evidence"]),
        kind="",
        status=Status.UNKNOWN,
        path="",
        similarity=Similarity(row["similarity"]),
        grade=Grade(row["grade"]),
        tokens=row["tokens"],
        verbatim=0,
        run=0,
        rarity=0,
        unit_coverage=row["unit_coverage"],
        ingredient_coverage=0.0,
        jaccard=row["jaccard"],
        start=0,
        end=0,
        first_line=0,
        last_line=0,
        ingredient_start=0,
        ingredient_end=0,
        others=0,
    )
