"""Datasets as columns of texts, in bounded memory: discover files, plan work units, read them.

It judges nothing. One module a format, imported when it is used, for they need pyarrow and numpy (the ``data``
extra). Each has ``plan`` and ``read``, and for splits (``splitting``) either ``split`` and ``digests`` or ``pieces``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from provenance.dataset.discovery import discover, format_of
from provenance.dataset.units import (
    Batch,
    FilePlan,
    Plan,
    Texts,
    WorkUnit,
    address_of,
    field_name,
    field_of,
    stamp,
)
from provenance.errors import DatasetError

__all__ = [
    "FORMATS",
    "Batch",
    "Plan",
    "Texts",
    "WorkUnit",
    "address_of",
    "discover",
    "field_name",
    "field_of",
    "format_of",
    "module_of",
    "plan",
    "read",
    "stamp_of",
]

T = TypeVar("T")

TARGET_SIZE = 64 << 20
"""Bytes of text in a work unit: few enough that threads end together, and that a run cut off loses little."""

FORMATS = ("parquet", "jsonl", "arrow", "csv", "tar", "text")


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
    if stamp_of(unit.file, unit.format) != unit.stamp:
        raise DatasetError(f"{unit.file}: changed since it was planned (run again)")
    batches: Iterator[Batch] = _with_data_extra(unit.file, lambda: module_of(unit.format).read(unit))
    return batches


def stamp_of(file: str, file_format: str) -> str:
    """Changes when the file changes, or a file of the tree. Raises ``DatasetError`` where it is gone."""
    try:
        if file_format == "text":
            from provenance.dataset import trees

            return trees.stamp_of(trees.listing(file))
        return stamp(file)
    except OSError as error:
        raise DatasetError(f"{file}: {error.strerror or error} (restore it, or plan again)") from error


def module_of(file_format: str) -> Any:
    """The module that reads a format."""
    if file_format == "parquet":
        from provenance.dataset import parquet

        return parquet
    if file_format == "jsonl":
        from provenance.dataset import jsonl

        return jsonl
    if file_format == "arrow":
        from provenance.dataset import arrow

        return arrow
    if file_format == "csv":
        from provenance.dataset import delimited

        return delimited
    if file_format == "tar":
        from provenance.dataset import tars

        return tars
    from provenance.dataset import trees

    return trees


def _plan_file(file: str, columns: Sequence[str], target_size: int) -> FilePlan:
    try:
        file_format = format_of(file)
    except DatasetError as error:
        return FilePlan(problem=str(error))
    planned: FilePlan = _with_data_extra(file, lambda: module_of(file_format).plan(file, columns, target_size))
    return planned


def _with_data_extra(file: str, act: Callable[[], T]) -> T:
    try:
        return act()
    except ModuleNotFoundError as error:
        raise DatasetError(
            f"{file}: reading datasets needs {error.name} (pip install 'provenance-cleanroom[data]')"
        ) from error
