"""Parquet as texts: nested leaves, nulls, slices, damage."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from provenance import dataset
from provenance.dataset import columns as arrays
from provenance.errors import DatasetError

Leaf = tuple[int, str, tuple[int, ...], bytes]


def leaves_of(path: Path, columns: tuple[str, ...] = (), target_size: int = 1 << 20) -> list[Leaf]:
    """Every text read from the file: row, template, ordinals, text; rows counted over the whole file."""
    found, base = [], 0
    for unit in dataset.plan([str(path)], columns, target_size).units:
        rows = 0
        for batch in dataset.read(unit):
            for texts in batch.texts:
                for i, row in enumerate(texts.rows.tolist()):
                    text = bytes(texts.data[texts.offsets[i] : texts.offsets[i + 1]])
                    found.append((base + row, texts.field, tuple(texts.ordinals[i].tolist()), text))
            rows += batch.rows
        base += rows
    return sorted(found)


def walk(value: Any, path: str, ordinals: tuple[int, ...]) -> Iterator[tuple[str, tuple[int, ...], bytes]]:
    if isinstance(value, str | bytes):
        yield path, ordinals, value.encode() if isinstance(value, str) else value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from walk(item, f"{path}.{key}" if path else key, ordinals)
    elif isinstance(value, list):
        for i, item in enumerate(value):
            yield from walk(item, path + "[]", (*ordinals, i))


def expected_leaves(table: pa.Table) -> list[Leaf]:
    return sorted((row, *leaf) for row, value in enumerate(table.to_pylist()) for leaf in walk(value, "", ()))


def write(path: Path, table: pa.Table, **options: Any) -> Path:
    pq.write_table(table, path, **options)
    return path


@pytest.mark.parametrize(
    "kind",
    [
        pa.string(),
        pa.large_string(),
        pa.string_view(),
        pa.binary(),
        pa.large_binary(),
        pa.dictionary(pa.int32(), pa.string()),
    ],
    ids=str,
)
def test_every_kind_of_text_column_is_read(tmp_path: Path, kind: pa.DataType) -> None:
    values = ["a", "", None, "ünïcode 🦊", "nul\0inside", "a"]
    array = pa.array([v if v is None else v.encode() for v in values], pa.binary())
    array = array.cast(pa.string()).dictionary_encode() if pa.types.is_dictionary(kind) else array.cast(kind)
    path = write(tmp_path / "t.parquet", pa.table({"text": array}))
    expected = [(row, "text", (), v.encode()) for row, v in enumerate(values) if v is not None]
    assert expected == leaves_of(path)


@pytest.mark.parametrize(
    "kind",
    [
        pa.list_(pa.string()),
        pa.large_list(pa.large_string()),
        pa.list_view(pa.string()),
        pa.list_(pa.dictionary(pa.int8(), pa.string())),
    ],
    ids=str,
)
def test_every_kind_of_list_is_read(tmp_path: Path, kind: pa.DataType) -> None:
    table = pa.table({"a": pa.array([["x", None, ""], None, [], ["y", "z"]], kind)})
    assert expected_leaves(table) == leaves_of(write(tmp_path / "t.parquet", table))


def test_fixed_size_lists_and_lists_of_lists_are_read(tmp_path: Path) -> None:
    table = pa.table(
        {
            "pair": pa.array([["a", "b"], None, ["c", None]], pa.list_(pa.string(), 2)),
            "grid": pa.array([[["a"], None, [], [None, "b"]], [], None], pa.list_(pa.list_(pa.string()))),
        }
    )
    assert expected_leaves(table) == leaves_of(write(tmp_path / "t.parquet", table))


def test_maps_are_read_as_keys_and_values(tmp_path: Path) -> None:
    array = pa.array([[("k", "v"), ("l", None)], None, [], [("m", "w")]], pa.map_(pa.string(), pa.string()))
    path = write(tmp_path / "t.parquet", pa.table({"m": array}))
    keys = [(0, "m[].key", (0,), b"k"), (0, "m[].key", (1,), b"l"), (3, "m[].key", (0,), b"m")]
    values = [(0, "m[].value", (0,), b"v"), (3, "m[].value", (0,), b"w")]
    assert sorted(keys + values) == leaves_of(path)
    assert keys == leaves_of(path, ("m[].key",))
    assert values == leaves_of(path, ("m.value",))


def test_only_the_chosen_leaves_of_a_nested_column_are_read(tmp_path: Path) -> None:
    table = pa.table(
        {
            "id": [1, 2],
            "a.b": ["flat", "dot"],
            "messages": [
                [{"role": "user", "n": 1, "content": "hi"}],
                [{"role": "bot", "n": 2, "content": "yo"}],
            ],
        }
    )
    path = write(tmp_path / "t.parquet", table)
    content = [(0, "messages[].content", (0,), b"hi"), (1, "messages[].content", (0,), b"yo")]
    assert content == leaves_of(path, ("messages[].content",))
    assert content == leaves_of(path, ("messages.content",))
    assert sorted({x[1] for x in leaves_of(path, ("messages",))}) == ["messages[].content", "messages[].role"]
    assert leaves_of(path, ("a.b",)) == [(0, "a.b", (), b"flat"), (1, "a.b", (), b"dot")]


def test_nulls_are_counted_at_every_level(tmp_path: Path) -> None:
    kind = pa.list_(pa.struct({"x": pa.string(), "y": pa.string()}))
    rows = [None, [], [None], [{"x": None, "y": "b"}], [{"x": "a", "y": "c"}]]
    path = write(tmp_path / "t.parquet", pa.table({"a": pa.array(rows, kind)}))
    (unit,) = dataset.plan([str(path)]).units
    (batch,) = dataset.read(unit)
    assert (batch.rows, batch.nulls) == (5, 2 + 2 + 1)


def test_a_null_that_covers_bytes_is_cut_out() -> None:
    offsets = pa.py_buffer(np.array([0, 2, 5, 6], np.int32))
    array = pa.Array.from_buffers(pa.string(), 3, [pa.py_buffer(b"\x05"), offsets, pa.py_buffer(b"aaXXXb")])
    batch = arrays.batch_of(pa.record_batch({"t": array}), [arrays.Leaf(0, "t", pa.string())], base=10, size=0)
    (texts,) = batch.texts
    got = [bytes(texts.data[a:b]) for a, b in zip(texts.offsets, texts.offsets[1:], strict=False)]
    assert (got, texts.rows.tolist(), batch.nulls) == ([b"aa", b"b"], [10, 12], 1)


def test_texts_of_a_plain_column_are_not_copied() -> None:
    array = pa.array(["x" * 1000, "y" * 1000])
    batch = arrays.batch_of(pa.record_batch({"t": array}), [arrays.Leaf(0, "t", pa.string())], base=0, size=0)
    assert array.buffers()[2].address == np.frombuffer(batch.texts[0].data, np.uint8).ctypes.data


def test_texts_outlive_the_batch_and_the_file(tmp_path: Path) -> None:
    values = [f"text {i} " * 50 for i in range(2000)]
    path = write(tmp_path / "t.parquet", pa.table({"t": values}), row_group_size=300)
    units = dataset.plan([str(path)]).units
    kept = [texts for unit in units for batch in dataset.read(unit) for texts in batch.texts]
    path.unlink()
    joined = b"".join(bytes(texts.data[texts.offsets[0] : texts.offsets[-1]]) for texts in kept)
    assert "".join(values).encode() == joined


def test_rows_and_sizes_of_batches_add_up_to_the_unit(tmp_path: Path) -> None:
    path = write(tmp_path / "t.parquet", pa.table({"t": ["x" * 100] * 1000}), row_group_size=100)
    units = dataset.plan([str(path)], target_size=300).units
    assert len(units) > 1
    for unit in units:
        batches = list(dataset.read(unit))
        assert (unit.rows, unit.size) == (sum(b.rows for b in batches), sum(b.size for b in batches))


def test_a_text_repeated_in_every_row_does_not_swell_a_batch(tmp_path: Path) -> None:
    text = "a long licence header " * 50_000
    table = pa.table({"t": pa.array([text] * 100).dictionary_encode().cast(pa.string())})
    path = write(tmp_path / "t.parquet", table)
    (unit,) = dataset.plan([str(path)]).units
    sizes = [texts.offsets[-1] - texts.offsets[0] for batch in dataset.read(unit) for texts in batch.texts]
    assert len(text) * 100 == sum(sizes)
    assert max(sizes) <= 20 << 20


def test_a_row_of_thirty_megabytes_is_read(tmp_path: Path) -> None:
    text = "0123456789" * 3_000_000
    path = write(tmp_path / "t.parquet", pa.table({"t": ["small", text, "end"]}))
    assert [5, len(text), 3] == [len(leaf[3]) for leaf in leaves_of(path)]


def test_damage_in_the_middle_yields_the_rows_before_and_names_the_row_group(tmp_path: Path) -> None:
    values = [f"{i} {np.random.default_rng(i).bytes(40).hex()}" for i in range(3000)]
    path = write(tmp_path / "t.parquet", pa.table({"t": values}), row_group_size=1000, use_dictionary=False)
    chunk = pq.ParquetFile(path).metadata.row_group(1).column(0)
    content = bytearray(path.read_bytes())
    start = chunk.data_page_offset
    content[start : start + 200] = b"\xff" * 200
    path.write_bytes(content)
    (unit,) = dataset.plan([str(path)]).units
    batches: list[dataset.Batch] = []
    with pytest.raises(DatasetError, match=r"t\.parquet: row group 1 is damaged: .+ \(copy or write"):
        batches.extend(dataset.read(unit))  # keeps what came before the error
    assert sum(batch.rows for batch in batches) == 1000


def test_a_page_with_a_wrong_checksum_is_damage(tmp_path: Path) -> None:
    options = {"write_page_checksum": True, "compression": "none", "use_dictionary": False}
    path = write(tmp_path / "t.parquet", pa.table({"t": ["hello world"] * 100}), **options)
    content = path.read_bytes()
    path.write_bytes(content.replace(b"hello world", b"hellO world", 50))
    (unit,) = dataset.plan([str(path)]).units
    with pytest.raises(DatasetError, match="row group 0 is damaged"):
        list(dataset.read(unit))


text_values = st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=4)
struct_type = pa.struct({"x": pa.string(), "deep": pa.list_(pa.string())})
structs = st.none() | st.fixed_dictionaries({"x": text_values, "deep": st.none() | st.lists(text_values, max_size=3)})
rows_strategy = st.lists(
    st.fixed_dictionaries(
        {
            "flat": text_values,
            "one": structs,
            "many": st.none() | st.lists(structs, max_size=3),
            "grid": st.none() | st.lists(st.none() | st.lists(text_values, max_size=2), max_size=2),
            "number": st.none() | st.integers(0, 9),
        }
    ),
    max_size=12,
)
schema = pa.schema(
    {
        "flat": pa.string(),
        "one": struct_type,
        "many": pa.list_(struct_type),
        "grid": pa.list_(pa.list_(pa.large_string())),
        "number": pa.int64(),
    }
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=rows_strategy, cut=st.integers(0, 5), group=st.integers(1, 5), target=st.sampled_from([1, 1 << 20]))
def test_random_nested_tables_read_as_a_naive_walk_reads_them(
    tmp_path: Path, rows: list[dict[str, Any]], cut: int, group: int, target: int
) -> None:
    table = pa.Table.from_pylist(rows, schema=schema).slice(cut)
    expected = expected_leaves(table)
    path = write(tmp_path / "t.parquet", table, row_group_size=group)
    assert expected == leaves_of(path, target_size=target)

    lines = tmp_path / "t.jsonl"
    lines.write_bytes(b"".join(msgspec.json.encode(row) + b"\n" for row in table.to_pylist()))
    assert expected == leaves_of(lines)


@settings(max_examples=100, deadline=None)
@given(rows=rows_strategy, cut=st.integers(0, 5))
def test_sliced_record_batches_read_as_a_naive_walk_reads_them(rows: list[dict[str, Any]], cut: int) -> None:
    text_schema = pa.schema([field for field in schema if field.name != "number"])
    arrow = pa.RecordBatch.from_pylist(rows, schema=text_schema).slice(cut)
    fields = [leaf for field in text_schema for leaf in arrays.leaves_below(field.name, field.type)]
    leaves = [arrays.Leaf(i, path, kind) for i, (path, kind) in enumerate(fields)]
    got = [
        (row, t.field, tuple(t.ordinals[i].tolist()), bytes(t.data[t.offsets[i] : t.offsets[i + 1]]))
        for t in arrays.batch_of(arrow, leaves, base=0, size=0).texts
        for i, row in enumerate(t.rows.tolist())
    ]
    assert expected_leaves(pa.Table.from_batches([arrow])) == sorted(got)
