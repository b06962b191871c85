"""The canonical bytes of a row of columns: equal for equal values, however they are stored, batched or encoded.

A row is the JSON array of its column names, then its values. A value is self-delimiting: one byte for its kind, then

    0  null: nothing more, but as many zero bytes as the kind's head has
    1  a number, truth value, date ...: one byte for the width, then its little-endian bytes as Arrow has them
    2  text or bytes: the length (u64, little-endian), then the bytes
    3  a list; a map is a list of pairs: the number of elements (u64), then the elements
    4  a struct: its fields, in the schema's order

Parquet and Arrow files of the same table have the same rows. Dictionaries, views and runs count as what they stand for,
an extension type as its storage; a union, which Parquet has not, as the text of its Python form.
"""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from provenance.dataset.columns import TEXT_KINDS, _as_list, is_list

NULL, NUMBER, TEXT, LIST, STRUCT = range(5)
BINARY = pa.large_binary()
NOTHING = pa.scalar(b"", BINARY)

Bytes = NDArray[np.uint8]


def rows_of(batch: Any) -> tuple[memoryview, list[int]]:
    """The canonical bytes of every row of a record batch, end to end, and where each begins (and the last ends)."""
    names = pa.scalar(msgspec.json.encode(batch.schema.names), BINARY)
    count = batch.num_rows
    columns = [_encoded(column) for column in batch.columns] or [_array(np.zeros((count, 0), np.uint8))]
    data, offsets = _extents(pc.binary_join_element_wise(names, *columns, NOTHING))
    return data, offsets.tolist()


def _encoded(array: Any) -> Any:
    """The canonical bytes of every element, as large binaries without a null."""
    if isinstance(array, pa.ExtensionArray):
        array = array.storage
    kind = array.type
    if pa.types.is_run_end_encoded(kind):
        return _encoded(pc.run_end_decode(array))
    if pa.types.is_dictionary(kind):
        return _encoded(array.dictionary_decode())
    valid = array.is_valid().to_numpy(zero_copy_only=False)
    if pa.types.is_struct(kind):
        return _joined(
            _array(_heads(valid, STRUCT, np.zeros((len(array), 0), np.uint8))), *map(_encoded, array.flatten())
        )
    if pa.types.is_map(kind):
        array = _as_list(array)
    if is_list(array.type):
        return _lists(array, valid)
    if any(is_kind(kind) for is_kind in TEXT_KINDS) or pa.types.is_fixed_size_binary(kind):
        return _texts(array.cast(pa.binary() if pa.types.is_fixed_size_binary(kind) else BINARY).cast(BINARY), valid)
    if pa.types.is_union(kind):
        said = [None if one is None else repr(one).encode("utf-8", "surrogatepass") for one in array.to_pylist()]
        array = pa.array(said, BINARY)
        return _texts(array, array.is_valid().to_numpy(zero_copy_only=False))
    return _array(_numbers(array, valid))


def _texts(array: Any, valid: NDArray[np.bool_]) -> Any:
    lengths = pc.binary_length(array).fill_null(0).to_numpy(zero_copy_only=False).astype("<u8")
    return _joined(_array(_heads(valid, TEXT, _eight(lengths))), array.fill_null(b"") if array.null_count else array)


def _lists(array: Any, valid: NDArray[np.bool_]) -> Any:
    lengths = pc.list_value_length(array).fill_null(0).to_numpy(zero_copy_only=False).astype("<u8")
    data, offsets = _extents(_encoded(array.flatten()))
    ends = np.zeros(len(array) + 1, np.int64)
    np.cumsum(lengths, out=ends[1:])
    elements = pa.Array.from_buffers(BINARY, len(array), [None, pa.py_buffer(offsets[ends]), pa.py_buffer(data)])
    return _joined(_array(_heads(valid, LIST, _eight(lengths))), elements)


def _numbers(array: Any, valid: NDArray[np.bool_]) -> Bytes:
    if pa.types.is_boolean(array.type):
        array = array.cast(pa.uint8())
    width = 0 if pa.types.is_null(array.type) else array.type.bit_width // 8
    count = len(array)
    made = np.zeros((count, 1 + width), np.uint8)
    made[:, 0] = width
    if count and width:
        raw = np.frombuffer(array.buffers()[1], np.uint8, count * width, array.offset * width).reshape(count, width)
        made[:, 1:] = np.where(valid[:, None], raw, 0)
    return _heads(valid, NUMBER, made)


def _heads(valid: NDArray[np.bool_], kind: int, rest: Bytes) -> Bytes:
    """The byte of the kind, or of null, before what follows."""
    return np.concatenate([np.where(valid, kind, NULL).astype(np.uint8)[:, None], rest], axis=1)


def _eight(numbers: NDArray[Any]) -> Bytes:
    return np.ascontiguousarray(numbers).view(np.uint8).reshape(len(numbers), 8)


def _array(matrix: Bytes) -> Any:
    """Elements of one width as large binaries."""
    count, width = matrix.shape
    offsets = np.arange(count + 1, dtype=np.int64) * width
    data = np.ascontiguousarray(matrix).tobytes()
    return pa.Array.from_buffers(BINARY, count, [None, pa.py_buffer(offsets), pa.py_buffer(data)])


def _joined(*arrays: Any) -> Any:
    return pc.binary_join_element_wise(*arrays, NOTHING)


def _extents(array: Any) -> tuple[memoryview, NDArray[np.int64]]:
    _, offsets, data = array.buffers()
    places = np.frombuffer(offsets, np.int64, len(array) + 1, 8 * array.offset) if len(array) else np.zeros(1, np.int64)
    return memoryview(data if data is not None else b"").cast("B"), places
