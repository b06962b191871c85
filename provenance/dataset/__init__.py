"""Datasets as columns of texts, in bounded memory: discover files, plan work units, read them.

It judges nothing and writes nothing. One module a format (``parquet``, ``jsonl``), imported when it is used,
for they need pyarrow and numpy (the ``data`` extra).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from provenance.dataset.discovery import discover, format_of
from provenance.dataset.units import Batch, FilePlan, Plan, Texts, WorkUnit, field_name, stamp
from provenance.errors import DatasetError

__all__ = [
    "PLANNERS",
    "READERS",
    "Batch",
    "Plan",
    "Texts",
    "WorkUnit",
    "discover",
    "field_name",
    "plan",
    "read",
]

T = TypeVar("T")

TARGET_SIZE = 64 << 20
"""Bytes of text in a work unit: few enough that threads end together, and that a run cut off loses little."""


def plan(files: Sequence[str], columns: Sequence[str] = (), target_size: int = TARGET_SIZE) -> Plan:
    """Cut the files into work units of about ``target_size`` bytes of text each.

    Without a choice every leaf that holds text is read. A column names a leaf (``messages[].content``, or
    ``messages.content``) or all text leaves below a field (``messages``). A column that a Parquet file does
    not have, or that holds no text, is an error; JSONL has no schema and can only be checked by reading.
    A file that cannot be read at all becomes one of ``problems``.
    """
    plans = [_plan_file(file, columns, target_size) for file in files]
    return Plan(
        units=tuple(unit for each in plans for unit in each.units),
        fields=tuple(sorted({field for each in plans for field in each.fields})),
        unread=tuple(sorted({column for each in plans for column in each.unread})),
        problems=tuple(each.problem for each in plans if each.problem),
    )


def read(unit: WorkUnit) -> Iterator[Batch]:
    """The unit's texts, batch by batch. Raises ``DatasetError`` where the file breaks off or has changed."""
    try:
        current = stamp(unit.file)
    except OSError as error:
        raise DatasetError(f"{unit.file}: {error.strerror or error} (restore it, or plan again)") from error
    if current != unit.stamp:
        raise DatasetError(f"{unit.file}: changed since it was planned (run again)")
    return _with_data_extra(unit.file, lambda: READERS[unit.format](unit))


def _plan_file(file: str, columns: Sequence[str], target_size: int) -> FilePlan:
    try:
        file_format = format_of(file)
    except DatasetError as error:
        return FilePlan(problem=str(error))
    return _with_data_extra(file, lambda: PLANNERS[file_format](file, columns, target_size))


def _with_data_extra(file: str, act: Callable[[], T]) -> T:
    try:
        return act()
    except ModuleNotFoundError as error:
        raise DatasetError(
            f"{file}: reading datasets needs {error.name} (pip install 'provenance-cleanroom[data]')"
        ) from error


def _plan_parquet(file: str, columns: Sequence[str], target_size: int) -> FilePlan:
    from provenance.dataset import parquet

    return parquet.plan(file, columns, target_size)


def _plan_jsonl(file: str, columns: Sequence[str], target_size: int) -> FilePlan:
    from provenance.dataset import jsonl

    return jsonl.plan(file, columns, target_size)


def _read_parquet(unit: WorkUnit) -> Iterator[Batch]:
    from provenance.dataset import parquet

    return parquet.read(unit)


def _read_jsonl(unit: WorkUnit) -> Iterator[Batch]:
    from provenance.dataset import jsonl

    return jsonl.read(unit)


PLANNERS: dict[str, Callable[[str, Sequence[str], int], FilePlan]] = {
    "parquet": _plan_parquet,
    "jsonl": _plan_jsonl,
}
READERS: dict[str, Callable[[WorkUnit], Iterator[Batch]]] = {"parquet": _read_parquet, "jsonl": _read_jsonl}
