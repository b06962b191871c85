"""Digests of files and records: what they are of, that they are the same however stored, and what is refused."""

from __future__ import annotations

import gzip
import hashlib
import os
import struct
import tarfile
from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provenance import dataset
from provenance.errors import DatasetError
from provenance.label import canonical, records
from provenance.label.form import File
from provenance.label.records import Planned


def of(path: Path, rows: int, folder: Path | None = None, tree: bool = False) -> File:
    """The digests of one file, which a scan of now is to have read."""
    name = f"{path}/" if tree else str(path)
    kind = dataset.format_of(name)
    planned = Planned(name, kind, dataset.stamp_of(name, kind), rows)
    (made,) = records.digested([planned], folder or path.parent / "receipts", 2, lambda done, all_: None)
    return made


def naive_root(digests: list[bytes]) -> bytes:
    """RFC 6962 section 2.1, word for word."""
    if not digests:
        return hashlib.sha256(b"").digest()
    if len(digests) == 1:
        return hashlib.sha256(b"\0" + digests[0]).digest()
    half = 1
    while half * 2 < len(digests):
        half *= 2
    return hashlib.sha256(b"\1" + naive_root(digests[:half]) + naive_root(digests[half:])).digest()


def root(*contents: bytes) -> str:
    return naive_root([hashlib.sha256(one).digest() for one in contents]).hex()


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_a_record_of_json_lines_is_its_line_without_the_end(tmp_path: Path, end: bytes) -> None:
    lines = [b'{"a": 1}', b'{"a":  "x"}', b"{broken", b'"bare"']
    content = end.join([*lines[:2], b"  ", *lines[2:]])
    path = tmp_path / "a.jsonl"
    path.write_bytes(content)
    made = of(path, 4)
    assert File(str(path), len(content), hashlib.sha256(content).hexdigest(), 4, root(*lines)) == made


def test_packing_and_encoding_change_the_file_and_no_record(tmp_path: Path) -> None:
    text = "".join(f'{{"text": "row {n} é"}}\n' for n in range(100))
    (tmp_path / "a.jsonl").write_text(text, encoding="utf-8")
    (tmp_path / "b.jsonl.gz").write_bytes(gzip.compress(text.encode()))
    (tmp_path / "c.jsonl").write_bytes(text.encode("utf-16"))
    made = [of(path, 100) for path in sorted(tmp_path.glob("*.*"))]
    assert 1 == len({one.root for one in made})
    assert 3 == len({one.sha256 for one in made})


def test_the_records_of_csv_are_its_lines_without_the_header(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b'id,text\n1,one\n\n2,"two\nlines"\n')
    assert root(b"1,one", b'2,"two\nlines"') == of(path, 2).root


def test_a_folder_of_texts_has_a_record_a_file_and_the_digest_that_sha256sum_gives(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    (tree / "sub").mkdir(parents=True)
    (tree / "a.py").write_bytes(b"a = 1\n")
    (tree / "sub" / "b.md").write_bytes(b"")
    os.symlink("nowhere", tree / "broken")
    made = of(tree, 3, tree=True)
    sums = {name: hashlib.sha256(content).hexdigest() for name, content in (("a.py", b"a = 1\n"), ("empty", b""))}
    lines = f"{sums['a.py']}  a.py\n{sums['empty']}  sub/b.md\n"
    assert hashlib.sha256(lines.encode()).hexdigest() == made.sha256
    assert (3, 6, root(b"a = 1\n", b"", b"")) == (made.records, made.size, made.root)


def test_the_records_of_a_tar_are_its_samples(tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    for name, content in (("1.txt", b"one"), ("1.json", b"{}"), ("2.txt", b"two")):
        (tmp_path / name).write_bytes(content)
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as archive:
        for name in ("1.txt", "1.json", "2.txt"):
            archive.add(tmp_path / name, name)
    raw = path.read_bytes()
    assert root(raw[: 4 * 512], raw[4 * 512 : 6 * 512]) == of(path, 2, tmp_path / "receipts").root


def plain(value: Any, kind: Any) -> bytes:
    """The canonical bytes of a value, after the words of the format alone."""
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        inner = b"".join(plain(one, kind.value_type) for one in value or ())
        return bytes([0 if value is None else 3]) + struct.pack("<Q", len(value or ())) + inner
    if pa.types.is_struct(kind):
        inner = b"".join(plain(None if value is None else value[one.name], one.type) for one in kind)
        return bytes([0 if value is None else 4]) + inner
    if pa.types.is_map(kind):
        pairs = b"".join(b"\4" + plain(k, kind.key_type) + plain(v, kind.item_type) for k, v in value or ())
        return bytes([0 if value is None else 3]) + struct.pack("<Q", len(value or ())) + pairs
    if isinstance(value, str | bytes) or pa.types.is_string(kind) or pa.types.is_binary(kind):
        data = value.encode() if isinstance(value, str) else value or b""
        return bytes([0 if value is None else 2]) + struct.pack("<Q", len(data)) + data
    width = {"int64": "q", "bool": "?", "double": "d"}[str(kind)]
    packed = struct.pack(f"<{width}", value or 0)
    return bytes([0 if value is None else 1, len(packed)]) + packed


KINDS = st.recursive(
    st.sampled_from([pa.int64(), pa.bool_(), pa.float64(), pa.string(), pa.binary()]),
    lambda inner: st.one_of(
        inner.map(pa.list_),
        st.lists(inner, max_size=3).map(lambda some: pa.struct([(f"f{n}", one) for n, one in enumerate(some)])),
        inner.map(lambda one: pa.map_(pa.string(), one)),
    ),
    max_leaves=4,
)


def values(kind: Any) -> st.SearchStrategy[Any]:
    if pa.types.is_list(kind):
        some: Any = st.lists(values(kind.value_type), max_size=3)
    elif pa.types.is_struct(kind):
        some = st.fixed_dictionaries({one.name: values(one.type) for one in kind})
    elif pa.types.is_map(kind):
        some = st.lists(st.tuples(st.text("ab", max_size=2), values(kind.item_type)), max_size=2)
    else:
        some = {
            "int64": st.integers(-(2**63), 2**63 - 1),
            "bool": st.booleans(),
            "double": st.floats(allow_nan=False),
            "string": st.text(max_size=4),
            "binary": st.binary(max_size=4),
        }[str(kind)]
    return st.none() | some


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_the_canonical_bytes_of_a_row_are_what_the_format_says(data: st.DataObject) -> None:
    kinds = data.draw(st.lists(KINDS, max_size=3))
    rows = data.draw(st.integers(0, 4))
    columns = [data.draw(st.lists(values(kind), min_size=rows, max_size=rows)) for kind in kinds]
    arrays = [pa.array(column, kind) for column, kind in zip(columns, kinds, strict=True)]
    if not arrays:
        return
    names = [f"c{n}" for n in range(len(kinds))]
    batch = pa.RecordBatch.from_arrays(arrays, names=names)
    head = ("[" + ",".join(f'"{name}"' for name in names) + "]").encode()
    expected = [
        head + b"".join(plain(column[row], kind) for column, kind in zip(columns, kinds, strict=True))
        for row in range(rows)
    ]
    found, places = canonical.rows_of(batch)
    assert expected == [bytes(found[a:b]) for a, b in pairwise(places)]
    cut = batch.slice(rows // 2)
    found, places = canonical.rows_of(cut)
    assert expected[rows // 2 :] == [bytes(found[a:b]) for a, b in pairwise(places)]


def test_parquet_arrow_and_other_encodings_of_one_table_have_the_same_records(tmp_path: Path) -> None:
    texts = ["one", None, "three", "one", ""]
    table = pa.table(
        {
            "text": texts,
            "when": pa.array([datetime(2026, 1, 1, tzinfo=UTC)] * 5, pa.timestamp("us", "UTC")),
            "price": pa.array([Decimal("1.50"), None, Decimal("-2.25"), Decimal("0.00"), Decimal("9.99")]),
            "tags": [["a"], [], None, ["b", None], ["c"]],
            "half": pa.array([1.5, None, -0.0, 2.0, 3.0], pa.float32()),
            "fixed": pa.array([b"ab", None, b"cd", b"ef", b"gh"], pa.binary(2)),
        }
    )
    pq.write_table(table, tmp_path / "a.parquet", compression="zstd", row_group_size=2)
    pq.write_table(table, tmp_path / "b.parquet", compression="none", use_dictionary=False)
    folded = table.set_column(0, "text", table["text"].combine_chunks().dictionary_encode())
    views = table.set_column(0, "text", table["text"].cast(pa.string_view()))
    large = table.set_column(0, "text", table["text"].cast(pa.large_string()))
    for name, one in (("c", table), ("d", folded), ("e", views), ("f", large)):
        with pa.OSFile(str(tmp_path / f"{name}.arrow"), "wb") as sink, pa.ipc.new_file(sink, one.schema) as writer:
            writer.write_table(one, max_chunksize=3)
    found = {path.name: of(path, 5).root for path in sorted(tmp_path.glob("*.*"))}
    assert 6 == len(found)
    assert 1 == len(set(found.values())), found


def test_every_value_name_and_place_counts(tmp_path: Path) -> None:
    tables = [
        {"a": ["x", "y"], "b": ["", ""]},
        {"a": ["y", "x"], "b": ["", ""]},
        {"a": ["x", "y"], "c": ["", ""]},
        {"a": ["x", "y"], "b": [None, ""]},
        {"a": ["", ""], "b": ["x", "y"]},
        {"a": [["x"], ["y"]], "b": ["", ""]},
    ]
    roots = set()
    for number, columns in enumerate(tables):
        pq.write_table(pa.table(columns), tmp_path / f"{number}.parquet")
        roots.add(of(tmp_path / f"{number}.parquet", 2).root)
    assert len(tables) == len(roots)


def test_a_file_that_changed_or_has_other_records_than_the_scan_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"a": "x"}\n' * 3)
    with pytest.raises(DatasetError, match="3 records where the scan read 4"):
        of(path, 4)
    stamp = dataset.stamp_of(str(path), "jsonl")
    path.write_bytes(b'{"a": "y"}\n' * 3)
    os.utime(path, ns=(1, 1))
    with pytest.raises(DatasetError, match="changed since it was scanned"):
        records.digested([Planned(str(path), "jsonl", stamp, 3)], tmp_path / "r", 1, lambda done, all_: None)


def test_what_was_read_is_not_read_again_and_damaged_receipts_are(tmp_path: Path, monkeypatch: Any) -> None:
    paths = [tmp_path / f"{n}.jsonl" for n in range(4)]
    planned = []
    for path in paths:
        path.write_bytes(b'{"a": "x"}\n')
        planned.append(Planned(str(path), "jsonl", dataset.stamp_of(str(path), "jsonl"), 1))
    read: list[str] = []
    real = records._records
    monkeypatch.setattr(records, "_records", lambda one: (read.append(one.file), real(one))[1])
    first = records.digested(planned[:3], tmp_path / "r", 1, lambda done, all_: None)
    damaged = sorted((tmp_path / "r").iterdir())[0]
    damaged.write_bytes(damaged.read_bytes()[:20])
    read.clear()
    again = records.digested(planned, tmp_path / "r", 3, lambda done, all_: None)
    assert first == again[:3]
    assert 2 == len(read)
    assert str(paths[3]) in read


def test_progress_ends_at_the_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"a": "x"}\n' * 1000)
    told: list[tuple[int, int]] = []
    planned = Planned(str(path), "jsonl", dataset.stamp_of(str(path), "jsonl"), 1000)
    records.digested([planned], tmp_path / "r", 2, lambda done, all_: told.append((done, all_)))
    assert (22_000, 22_000) == told[-1]
    assert sorted(told) == told


def test_any_damage_to_a_file_is_an_error_or_another_digest(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"text": ["one", "two"] * 50, "n": range(100)}), path)
    sound = path.read_bytes()
    whole = of(path, 100)
    for place in range(0, len(sound), 7):
        damaged = bytearray(sound)
        damaged[place] ^= 0x55
        path.write_bytes(damaged)
        try:
            assert whole.sha256 != of(path, 100).sha256
        except DatasetError as error:
            assert str(path) in str(error)  # noqa: PT017  # some are still tables
