"""Arrow IPC, stream and file (Feather version 2): record batches cut into work units, text leaves read, rows split.

The messages of a stream are walked by their headers, so that planning reads no data (Arrow columnar format 1.5,
"Encapsulated message format"; Message.fbs).
"""

from __future__ import annotations

import itertools
import os
import struct
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import pyarrow as pa

from provenance.dataset import units
from provenance.dataset.columns import MAX_ROWS, batch_of, choose, digests_of, filtered, leaves_of, weights
from provenance.dataset.units import BATCH_SIZE, Batch, Digests, FilePlan, Held, WorkUnit
from provenance.errors import DatasetError

MAGIC = b"ARROW1"
FEATHER_1 = b"FEA1"
CONTINUED = b"\xff\xff\xff\xff"
RECORD_BATCH = 3
"""Message.fbs, ``union MessageHeader``: Schema 1, DictionaryBatch 2, RecordBatch 3."""
MAX_HEADER = 64 << 20
CODECS = ("lz4", "zstd")

BROKEN = (pa.ArrowException, OSError, struct.error, UnicodeDecodeError, NotImplementedError, OverflowError)
"""What reading raises where the bytes are damaged or break off."""


class Message(NamedTuple):
    """A message of a stream."""

    position: int
    end: int
    kind: int
    codec: str | None
    """Of a record batch: what its buffers are packed with."""


def plan(file: str, columns: Sequence[str], target_size: int) -> FilePlan:
    """Ranges of record batches (of a file) or bytes (of a stream) of about ``target_size`` bytes, as stored."""
    try:
        stamp = units.stamp(file)
        size = os.stat(file).st_size
        with open(file, "rb") as raw:
            start = raw.read(8)
        if start.startswith(FEATHER_1):
            return FilePlan(problem=f"{file}: Feather version 1 is not read (write it again as version 2)")
        schema = _schema(file)
        edges = _edges_of_file(file, target_size) if start.startswith(MAGIC) else _edges(file, schema, target_size)
        leaves = leaves_of(schema)
    except OSError as error:
        return FilePlan(problem=f"{file}: {error.strerror or _said(error)} (make it readable, or leave it out)")
    except BROKEN as error:
        return FilePlan(problem=f"{file}: not a whole Arrow file: {_said(error)} (write it again, or leave it out)")
    chosen = choose(file, leaves, columns)
    fields = tuple(dict.fromkeys(leaf.field for leaf in chosen))
    total = max(1, edges[-1] - edges[0])
    plans = [
        WorkUnit(
            file,
            "arrow",
            first,
            last,
            -1,
            size * (last - edges[0]) // total - size * (first - edges[0]) // total,
            stamp,
            fields,
        )
        for first, last in itertools.pairwise(edges)
        if fields
    ]
    unread = tuple(f"{leaf.field}: {leaf.type}" for leaf in leaves if not leaf.is_text)
    return FilePlan(tuple(plans), fields, unread)


def read(unit: WorkUnit) -> Iterator[Batch]:
    """The unit's record batches, in slices of about ``BATCH_SIZE`` bytes of text; every error names the file."""
    base = done = 0
    for arrow, share in _batches(unit.file, unit.first, unit.last):
        leaves = leaves_of(arrow.schema)
        size = int(unit.size * share) - done
        for first, last in _cuts(arrow):
            yield batch_of(arrow.slice(first, last - first), leaves, base + first, size, unit.columns)
            done, size = done + size, 0
        base += arrow.num_rows
    if done < unit.size:
        yield Batch(0, 0, (), (), unit.size - done)


def split(file: str, held: Held, clean: BinaryIO, quarantined: BinaryIO) -> None:
    """Both files get the input's schema and codec, and of each record batch the rows that are theirs."""
    schema = _schema(file)
    with open(file, "rb") as raw:
        is_file = raw.read(len(MAGIC)) == MAGIC
    options = pa.ipc.IpcWriteOptions(compression=codec_of(file), unify_dictionaries=is_file)
    new = pa.ipc.new_file if is_file else pa.ipc.new_stream
    base = 0
    with new(clean, schema, options=options) as kept, new(quarantined, schema, options=options) as away:
        for arrow, _ in _batches(file, 0, -1):
            mask = held(np.arange(base, base + arrow.num_rows, dtype=np.int64))
            for writer, chosen in ((kept, ~mask), (away, mask)):
                if chosen.any():
                    writer.write_batch(filtered(arrow, chosen))
            base += arrow.num_rows


def digests(file: str) -> Digests:
    """A digest of every row."""
    base = 0
    for arrow, _ in _batches(file, 0, -1):
        for first, last in _cuts(arrow):
            part = arrow.slice(first, last - first)
            yield np.arange(base + first, base + last, dtype=np.int64), digests_of(part)
        base += arrow.num_rows


def form_of(file: str) -> object:
    """What a split leaves as it is, beside the rows: schema with its metadata, file or stream."""
    with open(file, "rb") as raw:
        is_file = raw.read(len(MAGIC)) == MAGIC
    return _schema(file).serialize().to_pybytes(), is_file


def _schema(file: str) -> Any:
    with pa.OSFile(file) as source:
        if source.read(len(MAGIC)) == MAGIC:
            return pa.ipc.open_file(source).schema
    _check_header(file)
    with pa.OSFile(file) as source:
        return pa.ipc.open_stream(source).schema


def _edges_of_file(file: str, target_size: int) -> list[int]:
    with pa.OSFile(file) as source:
        count = pa.ipc.open_file(source).num_record_batches
    pieces = max(1, min(count, -(-os.stat(file).st_size // max(1, target_size))))
    return sorted({count * number // pieces for number in range(pieces + 1)})


def _edges(file: str, schema: Any, target_size: int) -> list[int]:
    """Where units begin; the whole stream is one where it has dictionaries, which belong to what comes before."""
    size = os.stat(file).st_size
    edges: list[int] = []
    if not _has_dictionary(schema):
        for message in _messages(file, 0):
            if message.kind == RECORD_BATCH and (not edges or message.position - edges[-1] >= target_size):
                edges.append(message.position)
    # What stands behind the last whole message is of the last unit: reading it says what is wrong with it.
    if not edges:
        return [0, size]
    return [*edges, size]


def _has_dictionary(schema: Any) -> bool:
    return any(_is_folded(field.type) for field in schema)


def _is_folded(kind: Any) -> bool:
    if pa.types.is_dictionary(kind):
        return True
    if isinstance(kind, pa.BaseExtensionType):
        return _is_folded(kind.storage_type)
    if pa.types.is_map(kind):
        return _is_folded(kind.key_type) or _is_folded(kind.item_type)
    if pa.types.is_run_end_encoded(kind):
        return _is_folded(kind.value_type)
    if pa.types.is_nested(kind):
        return any(_is_folded(kind.field(number).type) for number in range(kind.num_fields))
    return False


def _batches(file: str, first: int, last: int) -> Iterator[tuple[Any, float]]:
    """The record batches of a range (``last`` -1: all), each with the share of the range that is then read."""
    count = 0
    try:
        with pa.OSFile(file) as source:
            found = _of_file if source.read(len(MAGIC)) == MAGIC else _of_stream
        for arrow, share in found(file, first, last):
            _check(arrow)
            yield arrow, share
            count += 1
    except BROKEN as error:
        raise DatasetError(
            f"{file}: damaged or truncated after {count} record batches: {_said(error)} (copy or write the file again)"
        ) from error


def _check(arrow: Any) -> None:
    """Raise Arrow's error for damage; text that is not UTF-8 is none, and is read as it stands."""
    try:
        arrow.validate(full=True)
    except pa.ArrowInvalid:
        for column in arrow.columns:
            column.view(_as_bytes(column.type)).validate(full=True)


def _as_bytes(kind: Any) -> Any:
    """The type with bytes wherever it has strings."""
    if isinstance(kind, pa.BaseExtensionType):
        return _as_bytes(kind.storage_type)
    if pa.types.is_string(kind):
        return pa.binary()
    if pa.types.is_large_string(kind):
        return pa.large_binary()
    if pa.types.is_string_view(kind):
        return pa.binary_view()
    if pa.types.is_dictionary(kind):
        return pa.dictionary(kind.index_type, _as_bytes(kind.value_type), kind.ordered)
    if pa.types.is_map(kind):
        return pa.map_(_as_bytes(kind.key_type), kind.item_field.with_type(_as_bytes(kind.item_type)), kind.keys_sorted)
    if pa.types.is_struct(kind):
        return pa.struct([one.with_type(_as_bytes(one.type)) for one in kind])
    if pa.types.is_list(kind):
        return pa.list_(kind.value_field.with_type(_as_bytes(kind.value_type)))
    if pa.types.is_large_list(kind):
        return pa.large_list(kind.value_field.with_type(_as_bytes(kind.value_type)))
    if pa.types.is_fixed_size_list(kind):
        return pa.list_(kind.value_field.with_type(_as_bytes(kind.value_type)), kind.list_size)
    return kind


def _of_file(file: str, first: int, last: int) -> Iterator[tuple[Any, float]]:
    with pa.OSFile(file) as source:
        reader = pa.ipc.open_file(source)
        end = reader.num_record_batches if last < 0 else last
        for number in range(first, end):
            yield reader.get_batch(number), (number + 1 - first) / (end - first)


def _of_stream(file: str, first: int, last: int) -> Iterator[tuple[Any, float]]:
    size = os.stat(file).st_size
    schema = _schema(file)
    end = size if last < 0 else last
    with pa.OSFile(file) as source:
        if first == 0:
            reader = pa.ipc.open_stream(source)
            # By header first: Arrow allocates what a damaged header asks for.
            for message in _messages(file, 0):
                if message.kind == RECORD_BATCH:
                    yield reader.read_next_batch(), message.end / size
            _check_end(file, size)
            return
        for message in _messages(file, first):
            if message.position >= end:
                return
            if message.kind == RECORD_BATCH:
                source.seek(message.position)
                arrow = pa.ipc.read_record_batch(pa.ipc.read_message(source), schema)
                yield arrow, (message.end - first) / (end - first)
    if end == size:
        _check_end(file, size)


def _check_end(file: str, size: int) -> None:
    """Raise EOFError's like where the stream stops in the middle of a message."""
    position = 0
    for message in _messages(file, 0):
        position = message.end
    with open(file, "rb") as raw:
        raw.seek(position)
        rest = raw.read(8)
    if rest not in (b"", CONTINUED + bytes(4), bytes(4)) and rest[:4] != bytes(4):
        raise OSError(f"a message is cut off or damaged at byte {position} of {size}")


def _check_header(file: str) -> None:
    if next(_messages(file, 0), None) is None:
        raise OSError("its first message is not a schema that ends within the file")


def _messages(file: str, position: int) -> Iterator[Message]:
    """The whole messages from a position on, without their data; ends at the end mark or where one is cut off."""
    size = os.stat(file).st_size
    with open(file, "rb") as raw:
        while True:
            raw.seek(position)
            prefix = raw.read(8)
            lead = 8 if prefix[:4] == CONTINUED else 4  # before Arrow 0.15 there was no continuation mark
            if len(prefix) < lead:
                return
            (length,) = struct.unpack_from("<i", prefix, lead - 4)
            if not 0 < length <= min(MAX_HEADER, size - position - lead):
                return
            raw.seek(position + lead)
            try:
                kind, body, codec = _header(raw.read(length))
            except (struct.error, IndexError):
                return
            end = position + lead + length + body
            if body < 0 or end > size:
                return
            yield Message(position, end, kind, codec)
            position = end


def _header(data: bytes) -> tuple[int, int, str | None]:
    """Kind, bytes of body and codec, from the flatbuffer (Message.fbs)."""
    (root,) = struct.unpack_from("<I", data, 0)
    kind_at, header_at, body_at = (_slot(data, root, number) for number in (1, 2, 3))
    kind = data[kind_at] if kind_at else 0
    body = struct.unpack_from("<q", data, body_at)[0] if body_at else 0
    codec = None
    if kind == RECORD_BATCH and header_at:
        batch = header_at + struct.unpack_from("<I", data, header_at)[0]
        packed_at = _slot(data, batch, 3)
        if packed_at:
            packed = packed_at + struct.unpack_from("<I", data, packed_at)[0]
            codec_at = _slot(data, packed, 0)
            codec = CODECS[data[codec_at] if codec_at else 0]
    return kind, int(body), codec


def _slot(data: bytes, table: int, number: int) -> int:
    """Where a field of a flatbuffer table stands; 0 where it has its default."""
    if table > len(data):
        raise IndexError(table)
    fields = table - struct.unpack_from("<i", data, table)[0]
    if fields < 0:
        raise IndexError(fields)
    if struct.unpack_from("<H", data, fields)[0] <= 4 + 2 * number:
        return 0
    offset = struct.unpack_from("<H", data, fields + 4 + 2 * number)[0]
    return table + int(offset) if offset else 0


def codec_of(file: str) -> str | None:
    """What the buffers of the first record batch are packed with: lz4, zstd or None."""
    with open(file, "rb") as raw:
        start = 8 if raw.read(len(MAGIC)) == MAGIC else 0
    return next((one.codec for one in _messages(file, start) if one.kind == RECORD_BATCH), None)


def _cuts(arrow: Any) -> Iterator[tuple[int, int]]:
    """Ranges of rows that come to about ``BATCH_SIZE`` bytes each once they are unfolded."""
    count = arrow.num_rows
    sums = np.cumsum(sum((weights(column) for column in arrow.columns), np.zeros(count)))
    first = 0
    while first < count:
        before = sums[first - 1] if first else 0.0
        last = int(np.searchsorted(sums, before + BATCH_SIZE, side="right"))
        last = min(max(last, first + 1), first + MAX_ROWS, count)
        yield first, last
        first = last


def _said(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(error).__name__
