"""Parquet: row groups cut into work units, text leaves read without copying, rows split. It chooses no files."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from provenance.dataset import units
from provenance.dataset.columns import MAX_ROWS, Leaf, batch_of, choose, digests_of, filtered, leaves_of
from provenance.dataset.units import BATCH_SIZE, Batch, Digests, FilePlan, Held, WorkUnit
from provenance.errors import DatasetError

ENCRYPTED = "{}: encrypted Parquet is not read (decrypt it first)"
PROBE_ROWS = 64
BUFFER_SIZE = 1 << 20
"""Column chunks are read in pieces of this size, not whole: a chunk may be gigabytes."""
GROUP_SIZE = 256 << 20
"""Bytes of a row group, in memory, that a split writes as one; a larger one becomes several."""


def plan(file: str, columns: Sequence[str], target_size: int) -> FilePlan:
    """Ranges of row groups whose chosen columns hold about ``target_size`` bytes, uncompressed."""
    try:
        stamp = units.stamp(file)
        parquet = _open(file)
        leaves = leaves_of(parquet.schema_arrow)
    except OSError as error:
        return FilePlan(problem=f"{file}: {error.strerror or error} (make it readable, or leave it out)")
    except DatasetError as error:
        return FilePlan(problem=str(error))
    with parquet:
        chosen = choose(file, leaves, columns)
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
        text_leaves = [leaf for leaf in leaves_of(parquet.schema_arrow) if leaf.is_text]
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
                    yield batch_of(arrow, chosen, base + rows, size)
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
        raise DatasetError(ENCRYPTED.format(file))
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
    if "ecrypt" in str(error):  # a readable footer may be that of encrypted columns
        return ENCRYPTED.format(file)
    return f"{file}: damaged Parquet footer: {_first_line(error)} (copy or write the file again)"


def _damaged(unit: WorkUnit, group: int, reason: str) -> str:
    return f"{unit.file}: row group {group} is damaged: {reason} (copy or write the file again)"


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(error).__name__


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


def split(file: str, held: Held, clean: BinaryIO, quarantined: BinaryIO) -> None:
    """Both files get the input's schema, key-value metadata, codecs, encodings, order of sorting, statistics and page
    index, and of each row group the rows that are theirs.

    A row group of more than ``GROUP_SIZE`` bytes in memory becomes several; one without rows is left out.
    """
    with _opened(file) as parquet, ExitStack() as stack:
        kept = [stack.enter_context(_writer(parquet, sink)) for sink in (clean, quarantined)]
        waiting: list[list[Any]] = [[], []]
        current = 0
        for group, base, arrow in _all(file, parquet):
            if group != current or sum(one.nbytes for side in waiting for one in side) >= GROUP_SIZE:
                _write(kept, waiting)
                current = group
            mask = held(np.arange(base, base + arrow.num_rows, dtype=np.int64))
            for side, chosen in zip(waiting, (~mask, mask), strict=True):
                if chosen.any():
                    side.append(filtered(arrow, chosen))
        _write(kept, waiting)


def digests(file: str) -> Digests:
    """A digest of every row."""
    with _opened(file) as parquet:
        for _, base, arrow in _all(file, parquet):
            yield np.arange(base, base + arrow.num_rows, dtype=np.int64), digests_of(arrow)


def form_of(file: str) -> bytes:
    """What a split leaves as it is, beside rows and codecs: the schema with its metadata."""
    with _opened(file) as parquet:
        return bytes(parquet.schema_arrow.serialize())


def _opened(file: str) -> Any:
    parquet = _open(file)
    try:
        _check_chunks(parquet, range(parquet.metadata.num_row_groups), leaves_of(parquet.schema_arrow))
    except (pa.ArrowException, OSError) as error:
        raise DatasetError(_bad_footer(file, error)) from error
    return parquet


def _all(file: str, parquet: Any) -> Iterator[tuple[int, int, Any]]:
    """Every row with every column: row group, number of the first row, record batch of about ``BATCH_SIZE``."""
    leaves = leaves_of(parquet.schema_arrow)
    base, row_size = 0, 0.0
    for group in range(parquet.metadata.num_row_groups):
        about = parquet.metadata.row_group(group)
        if not about.num_rows:
            continue
        try:
            row_size = max(row_size, about.total_byte_size / about.num_rows + _probe(parquet, group, leaves))
            for arrow in _record_batches(parquet, group, leaves, _rows_for(row_size)):
                row_size = max(row_size, arrow.nbytes / max(1, arrow.num_rows))
                yield group, base, arrow
                base += arrow.num_rows
        except (pa.ArrowException, OSError) as error:
            raise DatasetError(f"{file}: row group {group} is damaged: {_first_line(error)}") from error


CODECS = {"UNCOMPRESSED": "NONE", "LZ4_RAW": "LZ4"}
ENCODINGS = ("DELTA_BINARY_PACKED", "DELTA_LENGTH_BYTE_ARRAY", "DELTA_BYTE_ARRAY", "BYTE_STREAM_SPLIT")
"""Those that a writer is asked for by name; all others it chooses as most writers do."""


def _writer(parquet: Any, sink: BinaryIO) -> Any:
    footer = parquet.metadata
    group = footer.row_group(0) if footer.num_row_groups else None
    form = {one.path_in_schema: one for one in map(group.column, range(group.num_columns))} if group else {}
    metadata = footer.metadata or {}
    folded = [path for path, one in form.items() if one.has_dictionary_page]
    encodings = {
        path: next(one for one in ENCODINGS if one in chunk.encodings)
        for path, chunk in form.items()
        if not chunk.has_dictionary_page and set(ENCODINGS) & set(chunk.encodings)
    }
    return pq.ParquetWriter(
        sink,
        parquet.schema_arrow,
        version=footer.format_version if footer.format_version in ("1.0", "2.4", "2.6") else "2.6",
        compression={path: CODECS.get(one.compression, one.compression) for path, one in form.items()} or "NONE",
        use_dictionary=folded or False,
        column_encoding=encodings or None,
        write_statistics=[path for path, one in form.items() if one.is_stats_set] or False,
        write_page_index=any(one.has_column_index or one.has_offset_index for one in form.values()),
        sorting_columns=(group.sorting_columns or None) if group else None,
        store_schema=b"ARROW:schema" in metadata,
        use_compliant_nested_type=not any(".list.item" in path for path in form),
        use_deprecated_int96_timestamps="INT96" in str(parquet.schema).upper(),
    )


def _write(kept: list[Any], waiting: list[list[Any]]) -> None:
    for writer, side in zip(kept, waiting, strict=True):
        if side:
            table = pa.Table.from_batches(side)
            writer.write_table(table, row_group_size=table.num_rows)
            side.clear()
