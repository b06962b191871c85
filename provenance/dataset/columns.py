"""Arrow arrays as texts without copying: which leaves a schema has, and what they hold. It opens no file."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import xxhash
from numpy.typing import NDArray

from provenance.dataset import units
from provenance.dataset.units import Batch, Texts
from provenance.errors import DatasetError

MAX_ROWS = 1 << 17

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


def leaves_of(schema: Any) -> list[Leaf]:
    """Every leaf column, in the depth-first order of the schema."""
    found = [leaf for field in schema for leaf in leaves_below(field.name, field.type)]
    return [Leaf(column, field, kind) for column, (field, kind) in enumerate(found)]


def leaves_below(path: str, kind: Any) -> Iterator[tuple[str, Any]]:
    """Path template and type of each leaf of a column."""
    if isinstance(kind, pa.BaseExtensionType):
        kind = kind.storage_type
    if pa.types.is_struct(kind):
        for field in kind:
            yield from leaves_below(f"{path}.{field.name}", field.type)
    elif pa.types.is_map(kind):
        yield from leaves_below(f"{path}[].key", kind.key_type)
        yield from leaves_below(f"{path}[].value", kind.item_type)
    elif is_list(kind):
        yield from leaves_below(f"{path}[]", kind.value_type)
    elif pa.types.is_run_end_encoded(kind):
        yield from leaves_below(path, kind.value_type)
    else:
        yield path, kind


def is_list(kind: Any) -> bool:
    """Whether the type is any of Arrow's lists; a map is none."""
    return bool(
        pa.types.is_list(kind)
        or pa.types.is_large_list(kind)
        or pa.types.is_fixed_size_list(kind)
        or pa.types.is_list_view(kind)
        or pa.types.is_large_list_view(kind)
    )


def choose(file: str, leaves: list[Leaf], columns: Sequence[str]) -> list[Leaf]:
    """The text leaves that the columns name, all of them without a choice; DatasetError for a wrong name."""
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


def batch_of(arrow: Any, leaves: Sequence[Leaf], base: int, size: int, fields: Sequence[str] | None = None) -> Batch:
    """The texts of a record batch without copying; ``leaves`` are all of its leaves, ``fields`` those to read."""
    rows = np.arange(base, base + arrow.num_rows, dtype=np.int64)
    arrays = (leaf for column in arrow.columns for leaf in flatten(column, rows, (), 0))
    texts, nulls = [], 0
    for leaf, (array, at, ordinals, lost) in zip(leaves, arrays, strict=True):
        if fields is not None and (not leaf.is_text or leaf.field not in fields):
            continue
        data, offsets, valid = _buffers(array)
        nulls += lost
        places = np.stack(ordinals, axis=1) if ordinals else np.empty((len(at), 0), np.int64)
        if valid is not None:
            nulls += len(valid) - int(valid.sum())
            at, places = at[valid], places[valid]
        texts.append(Texts(leaf.field, data, offsets, at, places))
    return Batch(arrow.num_rows, nulls, (), tuple(texts), size)


def flatten(
    array: Any, rows: Positions, ordinals: tuple[Positions, ...], nulls: int
) -> Iterator[tuple[Any, Positions, tuple[Positions, ...], int]]:
    """The leaf arrays below, each with its rows, its ordinals, and the nulls met on the way down.

    Nulls of a struct are handed down to its leaves (``StructArray.flatten``); a null list has no leaves,
    also where its extent is not empty (``ListArray.flatten``).
    """
    if isinstance(array, pa.ExtensionArray):
        array = array.storage
    if pa.types.is_run_end_encoded(array.type):
        yield from flatten(pc.run_end_decode(array), rows, ordinals, nulls)
        return
    kind = array.type
    if pa.types.is_struct(kind):
        for child in array.flatten():
            yield from flatten(child, rows, ordinals, nulls)
        return
    if pa.types.is_map(kind):
        array = _as_list(array)
    elif not is_list(kind):
        yield array, rows, ordinals, nulls
        return
    lengths = pc.list_value_length(array).fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64)
    starts = np.cumsum(lengths) - lengths
    places = np.arange(int(lengths.sum()), dtype=np.int64) - np.repeat(starts, lengths)
    deeper = tuple(np.repeat(above, lengths) for above in ordinals)
    yield from flatten(array.flatten(), np.repeat(rows, lengths), (*deeper, places), nulls + array.null_count)


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
    size = 8 if wide else 4
    narrow = np.frombuffer(offsets, f"<i{size}", len(array) + 1, array.offset * size)
    extent = narrow.astype(np.int64, copy=False)
    return b"" if data is None else memoryview(data).cast("B"), extent


def weights(array: Any) -> NDArray[np.float64]:
    """Bytes that each element comes to when it is read: a text or list that many elements share counts in each.

    Views, dictionaries and runs can say much in few bytes (a row of views into one long list); a reader cuts by
    this figure before it unfolds them.
    """
    if isinstance(array, pa.ExtensionArray):
        array = array.storage
    kind = array.type
    count = len(array)
    if pa.types.is_struct(kind):
        sums: NDArray[np.float64] = np.zeros(count)
        for child in array.flatten():
            sums += weights(child)
        return sums
    if pa.types.is_run_end_encoded(kind):
        ends = array.run_ends.to_numpy(zero_copy_only=False)
        places = np.searchsorted(ends, array.offset + np.arange(count), side="right")
        return np.asarray(weights(array.values)[places], np.float64)
    if pa.types.is_dictionary(kind):
        entries = weights(array.dictionary)
        places = array.indices.fill_null(0).to_numpy(zero_copy_only=False)
        return entries[places] if len(entries) else np.zeros(count)
    if pa.types.is_map(kind):
        array = _as_list(array)
        kind = array.type
    if is_list(kind):
        first, last = _bounds(array)
        sums = np.concatenate(([0.0], np.cumsum(weights(array.values) + PLACE)))
        return np.asarray(sums[last] - sums[first], np.float64)
    if pa.types.is_string_view(kind) or pa.types.is_binary_view(kind):
        if not count:
            return np.zeros(0)
        views = np.frombuffer(array.buffers()[1], np.int32, 4 * count, 16 * array.offset)
        return views[::4].astype(np.float64)
    if any(is_kind(kind) for is_kind in TEXT_KINDS):
        return np.diff(_extents(array)[1]).astype(np.float64) if count else np.zeros(0)
    return np.full(count, 8.0)


PLACE = 16
"""Bytes a list element costs beside its text: its row and its position."""


def _bounds(array: Any) -> tuple[Positions, Positions]:
    """Where each list begins and ends in the array's values."""
    if pa.types.is_fixed_size_list(array.type):
        size = array.type.list_size
        first = (array.offset + np.arange(len(array), dtype=np.int64)) * size
        return first, first + size
    offsets = array.offsets.to_numpy(zero_copy_only=False).astype(np.int64)
    if pa.types.is_list(array.type) or pa.types.is_large_list(array.type):
        return offsets[:-1], offsets[1:]
    return offsets, offsets + array.sizes.to_numpy(zero_copy_only=False).astype(np.int64)


def filtered(arrow: Any, chosen: NDArray[np.bool_]) -> Any:
    """The chosen rows of a record batch, of any type; at least one is chosen."""
    if chosen.all():
        return arrow
    try:
        return arrow.filter(pa.array(chosen))
    except pa.ArrowNotImplementedError:  # views and run-end encodings have no such kernel (pyarrow 26)
        edges = np.flatnonzero(np.diff(chosen.astype(np.int8), prepend=0, append=0)).reshape(-1, 2).tolist()
        columns = [pa.concat_arrays([one.slice(first, end - first) for first, end in edges]) for one in arrow.columns]
        return pa.RecordBatch.from_arrays(columns, schema=arrow.schema)


# Digests -------------------------------------------------------------------------------------------------------------

Words = NDArray[np.uint64]
"""A digest of 128 bits each: two words a line."""

_ODD = np.array([0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F], np.uint64)
_MIX = np.array([0xBF58476D1CE4E5B9, 0x94D049BB133111EB], np.uint64)
_NULL = np.array([0x27220A95FE3D1C57, 0x8D4F6C4E21B9A3F1], np.uint64)


def digests_of(arrow: Any) -> Words:
    """A digest of every row of a record batch: equal rows, equal digests, however the batches are cut or encoded."""
    digest = np.tile(_ODD, (arrow.num_rows, 1))
    for column in arrow.columns:
        digest = _mixed(digest, _digests(column))
    return digest


def _mixed(first: Words, second: Words) -> Words:
    """Two digests as one, in this order (the finaliser of SplitMix64)."""
    words = (first * _MIX) ^ (second + _ODD)
    words ^= words >> np.uint64(30)
    words *= _MIX
    words ^= words >> np.uint64(27)
    words *= _MIX[::-1]
    words ^= words >> np.uint64(31)
    return words


def _digests(array: Any) -> Words:
    if isinstance(array, pa.ExtensionArray):
        array = array.storage
    kind = array.type
    count = len(array)
    if pa.types.is_run_end_encoded(kind):
        return _digests(pc.run_end_decode(array))
    if pa.types.is_dictionary(kind):
        entries = np.concatenate([_digests(array.dictionary), _NULL[None]])
        return np.asarray(entries[array.indices.fill_null(len(entries) - 1).to_numpy(zero_copy_only=False)], np.uint64)
    if pa.types.is_struct(kind):
        words = np.tile(_ODD, (count, 1))
        for child in array.flatten():
            words = _mixed(words, _digests(child))
    elif is_list(kind) or pa.types.is_map(kind):
        words = _digests_of_lists(_as_list(array) if pa.types.is_map(kind) else array)
    else:
        words = _digests_of_values(array)
    if array.null_count:
        words = np.where(array.is_null().to_numpy(zero_copy_only=False)[:, None], _NULL, words)
    return words


def _digests_of_lists(array: Any) -> Words:
    lengths = pc.list_value_length(array).fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64)
    ends = np.cumsum(lengths)
    places = np.arange(int(lengths.sum()), dtype=np.int64) - np.repeat(ends - lengths, lengths)
    below = _mixed(_digests(array.flatten()), _twice(places.astype(np.uint64)))
    sums = np.zeros((len(below) + 1, 2), np.uint64)
    np.cumsum(below, axis=0, out=sums[1:])
    return _mixed(sums[ends] - sums[ends - lengths], _twice(lengths.astype(np.uint64)))


def _digests_of_values(array: Any) -> Words:
    kind, count = array.type, len(array)
    if pa.types.is_string_view(kind) or pa.types.is_binary_view(kind):
        array = array.cast(pa.large_binary())
        kind = array.type
    if any(is_kind(kind) for is_kind in TEXT_KINDS):
        data, offsets = _extents(array)
        if not count:
            return np.zeros((0, 2), np.uint64)
        view, places = memoryview(data), offsets.tolist()
        digest = xxhash.xxh3_128_digest
        each = [digest(view[first:last]) for first, last in itertools.pairwise(places)]
        return np.frombuffer(b"".join(each), np.uint64).reshape(count, 2)
    if pa.types.is_boolean(kind):
        return _twice(array.fill_null(False).to_numpy(zero_copy_only=False).astype(np.uint64))
    if pa.types.is_primitive(kind) and kind.bit_width in (8, 16, 32, 64):
        size = kind.bit_width // 8
        if not count:
            return np.zeros((0, 2), np.uint64)
        values = np.frombuffer(array.buffers()[1], f"<u{size}", count, array.offset * size)
        return _twice(values.astype(np.uint64))
    each = [xxhash.xxh3_128_digest(repr(value.as_py()).encode("utf-8", "surrogatepass")) for value in array]
    return np.frombuffer(b"".join(each), np.uint64).reshape(count, 2)


def _twice(words: Words) -> Words:
    return np.stack([words, words], axis=1)
