"""Parquet: row groups cut into work units, text leaves read without copying. It chooses no files."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from provenance.dataset import units
from provenance.dataset.units import BATCH_SIZE, Batch, FilePlan, Texts, WorkUnit
from provenance.errors import DatasetError

PROBE_ROWS = 64
MAX_ROWS = 1 << 17
BUFFER_SIZE = 1 << 20
"""Column chunks are read in pieces of this size, not whole: a chunk may be gigabytes."""

Positions = NDArray[np.int64]


class Leaf(NamedTuple):
    """A leaf column: its number in the file, its path template, its Arrow type."""

    column: int
    field: str
    type: Any

    @property
    def is_text(self) -> bool:
        kind = self.type.value_type if pa.types.is_dictionary(self.type) else self.type
        return any(is_kind(kind) for is_kind in TEXT_KINDS)


TEXT_KINDS = (
    pa.types.is_string,
    pa.types.is_large_string,
    pa.types.is_string_view,
    pa.types.is_binary,
    pa.types.is_large_binary,
    pa.types.is_binary_view,
)


def plan(file: str, columns: Sequence[str], target_size: int) -> FilePlan:
    """Ranges of row groups whose chosen columns hold about ``target_size`` bytes, uncompressed."""
    try:
        stamp = units.stamp(file)
        parquet = _open(file)
        leaves = _leaves(parquet)
    except OSError as error:
        return FilePlan(problem=f"{file}: {error.strerror or error} (make it readable, or leave it out)")
    except DatasetError as error:
        return FilePlan(problem=str(error))
    with parquet:
        chosen = _choose(file, leaves, columns)
        footer = parquet.metadata
        try:
            _check_chunks(parquet, range(footer.num_row_groups), chosen)
        except (pa.ArrowException, OSError) as error:
            return FilePlan(problem=_bad_footer(file, error))
        fields = tuple(dict.fromkeys(leaf.field for leaf in chosen))
        plans: list[WorkUnit] = []
        first, rows, size, text = 0, 0, 0, 0
        for group in range(footer.num_row_groups):
            compressed, uncompressed = _group_size(footer.row_group(group), chosen)
            rows += footer.row_group(group).num_rows
            size += compressed
            text += uncompressed
            if text >= target_size or group == footer.num_row_groups - 1:
                if rows and chosen:
                    plans.append(WorkUnit(file, "parquet", first, group + 1, rows, size, stamp, fields))
                first, rows, size, text = group + 1, 0, 0, 0
        unread = tuple(f"{leaf.field}: {leaf.type}" for leaf in leaves if not leaf.is_text)
    return FilePlan(tuple(plans), fields, unread)


def read(unit: WorkUnit) -> Iterator[Batch]:
    """The unit's row groups, one after the other; every error names the row group."""
    try:
        parquet = _open(unit.file)
    except OSError as error:
        raise DatasetError(f"{unit.file}: {error.strerror or error} (make it readable)") from error
    with parquet:
        text_leaves = [leaf for leaf in _leaves(parquet) if leaf.is_text]
        chosen = [leaf for leaf in text_leaves if not unit.columns or leaf.field in unit.columns]
        try:
            _check_chunks(parquet, range(unit.first, unit.last), chosen)
        except (pa.ArrowException, OSError) as error:
            raise DatasetError(_bad_footer(unit.file, error)) from error
        base, row_size = 0, 0.0
        for group in range(unit.first, unit.last):
            about = parquet.metadata.row_group(group)
            if not about.num_rows:
                continue
            compressed, uncompressed = _group_size(about, chosen)
            rows = 0
            try:
                row_size = max(row_size, uncompressed / about.num_rows + _probe(parquet, group, chosen))
                for arrow in _record_batches(parquet, group, chosen, _rows_for(row_size)):
                    row_size = max(row_size, arrow.nbytes / max(1, arrow.num_rows))
                    size = compressed * (rows + arrow.num_rows) // about.num_rows
                    size -= compressed * rows // about.num_rows
                    yield _batch(arrow, chosen, base + rows, size)
                    rows += arrow.num_rows
            except (pa.ArrowException, OSError) as error:
                raise DatasetError(_damaged(unit, group, _first_line(error))) from error
            if rows != about.num_rows:
                reason = f"{rows} rows where the footer says {about.num_rows}"
                raise DatasetError(_damaged(unit, group, reason))
            base += rows


def _open(file: str) -> Any:
    """The opened file; ``OSError`` or a ``DatasetError`` that says what the file is instead."""
    size = os.stat(file).st_size
    if size == 0:
        raise DatasetError(f"{file}: an empty file, not Parquet (write it again, or leave it out)")
    with open(file, "rb") as stream:
        head = stream.read(4)
        stream.seek(max(0, size - 4))
        tail = stream.read(4)
    if b"PARE" in (head, tail):
        raise DatasetError(f"{file}: encrypted Parquet is not read (decrypt it first)")
    if head != b"PAR1":
        raise DatasetError(f"{file}: not a Parquet file (convert it, or leave it out)")
    if tail != b"PAR1" or size < 12:
        raise DatasetError(f"{file}: truncated, the Parquet footer is missing (copy or write the file again)")
    try:
        return pq.ParquetFile(file, buffer_size=BUFFER_SIZE, page_checksum_verification=True)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise DatasetError(_bad_footer(file, error)) from error


class _Untouched(Exception):
    """Arrow got as far as reading data."""


class _NoData(io.RawIOBase):
    """A file as large as any, whose data nobody gets."""

    def __init__(self) -> None:
        self.position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self.position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self.position = offset if whence == os.SEEK_SET else 1 << 60
        return self.position

    def read(self, size: int = -1) -> bytes:
        raise _Untouched


def _check_chunks(parquet: Any, groups: range, chosen: Sequence[Leaf]) -> None:
    """Raise Arrow's error for a column chunk whose entry in the footer is damaged, without reading data.

    ``RowGroupMetaData.column`` does not raise it but aborts the process (pyarrow 26; with 19.0.0 even on sound
    files, apache/arrow#45283), while a reader raises it before its first read. About 10 microseconds a chunk.
    """
    probe = pq.ParquetFile(_NoData(), metadata=parquet.metadata, buffer_size=BUFFER_SIZE)
    for group in groups:
        for leaf in chosen:
            try:
                probe.reader.read_row_group(group, column_indices=[leaf.column], use_threads=False)
            except _Untouched:
                continue


def _bad_footer(file: str, error: BaseException) -> str:
    return f"{file}: damaged Parquet footer: {_first_line(error)} (copy or write the file again)"


def _damaged(unit: WorkUnit, group: int, reason: str) -> str:
    return f"{unit.file}: row group {group} is damaged: {reason} (copy or write the file again)"


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(error).__name__


def _leaves(parquet: Any) -> list[Leaf]:
    """Every leaf column in file order, which is the depth-first order of the Arrow schema."""
    found = [leaf for field in parquet.schema_arrow for leaf in _leaves_below(field.name, field.type)]
    return [Leaf(column, field, kind) for column, (field, kind) in enumerate(found)]


def _leaves_below(path: str, kind: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(kind, pa.BaseExtensionType):
        kind = kind.storage_type
    if pa.types.is_struct(kind):
        for field in kind:
            yield from _leaves_below(f"{path}.{field.name}", field.type)
    elif pa.types.is_map(kind):
        yield from _leaves_below(f"{path}[].key", kind.key_type)
        yield from _leaves_below(f"{path}[].value", kind.item_type)
    elif _is_list(kind):
        yield from _leaves_below(f"{path}[]", kind.value_type)
    else:
        yield path, kind


def _is_list(kind: Any) -> bool:
    return bool(
        pa.types.is_list(kind)
        or pa.types.is_large_list(kind)
        or pa.types.is_fixed_size_list(kind)
        or pa.types.is_list_view(kind)
        or pa.types.is_large_list_view(kind)
    )


def _choose(file: str, leaves: list[Leaf], columns: Sequence[str]) -> list[Leaf]:
    texts = [leaf for leaf in leaves if leaf.is_text]
    for column in columns:
        named = [leaf for leaf in leaves if units.is_chosen(leaf.field, column)]
        if not named:
            raise DatasetError(units.no_such_column(file, column, [leaf.field for leaf in texts]))
        if not any(leaf.is_text for leaf in named):
            has = ", ".join(repr(leaf.field) for leaf in texts[: units.SHOWN_COLUMNS]) or "none"
            raise DatasetError(
                f"{file}: column {column!r} holds no text but {named[0].type}; columns with text: {has} "
                "(choose with --column)"
            )
    if not columns:
        return texts
    return [leaf for leaf in texts if any(units.is_chosen(leaf.field, column) for column in columns)]


def _group_size(group: Any, chosen: Sequence[Leaf]) -> tuple[int, int]:
    chunks = [group.column(leaf.column) for leaf in chosen]
    return sum(c.total_compressed_size for c in chunks), sum(c.total_uncompressed_size for c in chunks)


def _rows_for(row_size: float) -> int:
    return max(1, min(MAX_ROWS, int(BATCH_SIZE / max(1.0, row_size))))


def _probe(parquet: Any, group: int, chosen: Sequence[Leaf]) -> float:
    """Bytes of a row, as read, of those columns whose figure in the footer does not tell.

    That figure is after dictionary encoding: a 1 MB text that stands in every row counts there once.
    """
    about = parquet.metadata.row_group(group)
    folded = [leaf for leaf in chosen if _is_folded(about.column(leaf.column))]
    if not folded:
        return 0.0
    arrow = next(_record_batches(parquet, group, folded, PROBE_ROWS), None)
    return arrow.nbytes / max(1, arrow.num_rows) if arrow is not None else 0.0


def _is_folded(chunk: Any) -> bool:
    """Whether the chunk seems to hold only a dictionary and numbers into it, at most 32 bits a value."""
    if not chunk.has_dictionary_page:
        return False
    dictionary = chunk.data_page_offset - chunk.dictionary_page_offset
    return bool(chunk.total_compressed_size - dictionary <= 5 * chunk.num_values + 1024)


def _record_batches(parquet: Any, group: int, chosen: Sequence[Leaf], rows: int) -> Iterator[Any]:
    # By number: the dotted names that ParquetFile.iter_batches takes are ambiguous where a name has dots.
    numbers = [leaf.column for leaf in chosen]
    batches: Iterator[Any] = parquet.reader.iter_batches(
        rows, row_groups=[group], column_indices=numbers, use_threads=False
    )
    return batches


def _batch(arrow: Any, chosen: Sequence[Leaf], base: int, size: int) -> Batch:
    rows = np.arange(base, base + arrow.num_rows, dtype=np.int64)
    arrays = (leaf for column in arrow.columns for leaf in _flatten(column, rows, (), 0))
    texts, nulls = [], 0
    for leaf, (array, at, ordinals, lost) in zip(chosen, arrays, strict=True):
        data, offsets, valid = _buffers(array)
        nulls += lost
        places = np.stack(ordinals, axis=1) if ordinals else np.empty((len(at), 0), np.int64)
        if valid is not None:
            nulls += len(valid) - int(valid.sum())
            at, places = at[valid], places[valid]
        texts.append(Texts(leaf.field, data, offsets, at, places))
    return Batch(arrow.num_rows, nulls, (), tuple(texts), size)


def _flatten(
    array: Any, rows: Positions, ordinals: tuple[Positions, ...], nulls: int
) -> Iterator[tuple[Any, Positions, tuple[Positions, ...], int]]:
    """The leaf arrays below, each with its rows, its ordinals, and the nulls met on the way down.

    Nulls of a struct are handed down to its leaves (``StructArray.flatten``); a null list has no leaves,
    also where its extent is not empty (``ListArray.flatten``).
    """
    if isinstance(array, pa.ExtensionArray):
        array = array.storage
    kind = array.type
    if pa.types.is_struct(kind):
        for child in array.flatten():
            yield from _flatten(child, rows, ordinals, nulls)
        return
    if pa.types.is_map(kind):
        array = _as_list(array)
    elif not _is_list(kind):
        yield array, rows, ordinals, nulls
        return
    lengths = pc.list_value_length(array).fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64)
    starts = np.cumsum(lengths) - lengths
    places = np.arange(int(lengths.sum()), dtype=np.int64) - np.repeat(starts, lengths)
    deeper = tuple(np.repeat(above, lengths) for above in ordinals)
    yield from _flatten(array.flatten(), np.repeat(rows, lengths), (*deeper, places), nulls + array.null_count)


def _as_list(array: Any) -> Any:
    """A map is a list of key-value structs; list kernels do not take it as one (pyarrow 26)."""
    entries = array.values
    validity, offsets = array.buffers()[:2]
    return pa.Array.from_buffers(
        pa.list_(entries.type), len(array), [validity, offsets], offset=array.offset, children=[entries]
    )


def _buffers(array: Any) -> tuple[bytes | memoryview, Positions, NDArray[np.bool_] | None]:
    """Data, offsets of the texts that are not null, and which those are (``None`` for all)."""
    kind = array.type
    if pa.types.is_dictionary(kind):
        array = array.dictionary_decode()
    elif pa.types.is_string_view(kind) or pa.types.is_binary_view(kind):
        array = array.cast(pa.large_binary())
    valid = None
    if array.null_count:
        valid = array.is_valid().to_numpy(zero_copy_only=False)
    data, offsets = _extents(array)
    if valid is not None:
        if (np.diff(offsets)[~valid] == 0).all():
            offsets = np.append(offsets[:-1][valid], offsets[-1])
        else:  # a null that covers bytes: they have to be cut out
            data, offsets = _extents(array.drop_null())
    return data, offsets, valid


def _extents(array: Any) -> tuple[bytes | memoryview, Positions]:
    wide = pa.types.is_large_string(array.type) or pa.types.is_large_binary(array.type)
    _, offsets, data = array.buffers()
    if offsets is None or not len(array):
        return b"", np.zeros(1, np.int64)
    narrow = np.frombuffer(offsets, np.int64 if wide else np.int32)
    extent = narrow[array.offset : array.offset + len(array) + 1].astype(np.int64, copy=False)
    return b"" if data is None else memoryview(data).cast("B"), extent
