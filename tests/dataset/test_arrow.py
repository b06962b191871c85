"""Arrow IPC as texts: streams and files, what their batches are packed with, dictionaries, damage."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.feather as feather
import pytest

from provenance import dataset
from provenance.errors import DatasetError
from tests.dataset.reading import leaves_of, total_of

TABLE = pa.table(
    {
        "id": range(40),
        "text": [f"text {n}" if n % 7 else None for n in range(40)],
        "messages": [[{"role": "user", "content": f"say {n}"}] for n in range(40)],
    }
)


def write(path: Path, table: pa.Table = TABLE, stream: bool = True, rows: int = 10, **options: Any) -> Path:
    new = pa.ipc.new_stream if stream else pa.ipc.new_file
    with path.open("wb") as sink, new(sink, table.schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        writer.write_table(table, max_chunksize=rows)
    return path


def expected() -> list[tuple[int, str, bytes]]:
    found = [(n, "messages[0].content", f"say {n}".encode()) for n in range(40)]
    found += [(n, "messages[0].role", b"user") for n in range(40)]
    return sorted(found + [(n, "text", f"text {n}".encode()) for n in range(40) if n % 7])


@pytest.mark.parametrize("compression", [None, "lz4", "zstd"])
@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("target_size", [1, 3000, 1 << 20])
def test_every_text_is_read_however_it_is_stored_and_cut(
    tmp_path: Path, stream: bool, compression: str | None, target_size: int
) -> None:
    path = write(tmp_path / "d.arrow", stream=stream, compression=compression)
    units = dataset.plan([str(path)], (), target_size).units
    assert (len(units) == 4) == (target_size == 1)
    assert expected() == leaves_of(path, target_size=target_size)
    assert (40, 0, 6) == total_of(path, target_size)


def test_feather_is_an_arrow_file_and_its_first_version_is_named(tmp_path: Path) -> None:
    feather.write_feather(TABLE, tmp_path / "d.feather", chunksize=10)
    assert expected() == leaves_of(tmp_path / "d.feather")
    (tmp_path / "old.feather").write_bytes(b"FEA1" + bytes(100))
    (problem,) = dataset.plan([str(tmp_path / "old.feather")]).problems
    assert "Feather version 1 is not read (write it again as version 2)" in problem


@pytest.mark.parametrize("stream", [True, False])
def test_dictionaries_are_unfolded_and_a_long_text_in_every_row_is_cut_into_batches(
    tmp_path: Path, stream: bool
) -> None:
    table = pa.table({"t": pa.array(["x" * (1 << 20)] * 100).dictionary_encode()})
    path = write(tmp_path / "d.arrow", table, stream=stream, rows=100)
    assert path.stat().st_size < 2 << 20
    (unit,) = dataset.plan([str(path)]).units
    batches = list(dataset.read(unit))
    assert 100 == sum(batch.rows for batch in batches)
    assert max(len(texts.data) for batch in batches for texts in batch.texts) <= 17 << 20


def test_a_folder_as_datasets_saves_it_is_read_whole(tmp_path: Path) -> None:
    for split in ("train", "test"):
        (tmp_path / "d" / split).mkdir(parents=True)
        write(tmp_path / "d" / split / "data-00000-of-00001.arrow")
        (tmp_path / "d" / split / "state.json").write_text(json.dumps({"_fingerprint": "f"}, indent=2))
    (tmp_path / "d" / "dataset_dict.json").write_text('{"splits": ["train", "test"]}')
    (tmp_path / "d" / "README.md").write_text("# A card\n")
    found = leaves_of(tmp_path / "d")
    assert 2 * len(expected()) + 5 == len(found)
    assert (0, "README.md", b"# A card\n") in found


def test_a_column_is_chosen_and_a_wrong_one_named(tmp_path: Path) -> None:
    path = write(tmp_path / "d.arrow")
    assert {"text"} == {field for _, field, _ in leaves_of(path, columns=["text"])}
    with pytest.raises(DatasetError, match=r"no column 'txt' \(did you mean 'text'\?\)"):
        dataset.plan([str(path)], ["txt"])


def test_what_a_cut_stream_holds_is_read_and_then_the_file_is_named(tmp_path: Path) -> None:
    path = write(tmp_path / "d.arrow")
    path.write_bytes(path.read_bytes()[:-1500])
    rows = 0
    with pytest.raises(DatasetError, match=r"d\.arrow: damaged or truncated after \d record batches"):  # noqa: PT012
        for unit in dataset.plan([str(path)]).units:
            for batch in dataset.read(unit):
                rows += batch.rows
    assert 0 < rows < 40


def bad_texts() -> list[pa.Array]:
    """Three texts of which the second is not UTF-8, in every kind of column that can hold them."""
    raw = pa.array([b"fine", b"\xff\xfe", b"end"], pa.binary())
    texts = pa.Array.from_buffers(pa.string(), 3, raw.buffers())
    offsets = pa.array([0, 1, 2, 3], pa.int32())
    return [
        texts,
        raw.cast(pa.binary_view()).view(pa.string_view()),
        pa.Array.from_buffers(pa.large_string(), 3, raw.cast(pa.large_binary()).buffers()),
        pa.ListArray.from_arrays(offsets, texts),
        pa.LargeListArray.from_arrays(offsets.cast(pa.int64()), texts),
        pa.FixedSizeListArray.from_arrays(texts, 1),
        pa.MapArray.from_arrays(offsets, pa.array(["k"] * 3), texts),
        pa.StructArray.from_arrays([texts], ["a"]),
        pa.DictionaryArray.from_arrays(pa.array([0, 1, 2], pa.int32()), texts),
    ]


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("texts", bad_texts(), ids=lambda texts: str(texts.type))
def test_text_that_is_not_utf8_is_read_as_it_stands(tmp_path: Path, stream: bool, texts: pa.Array) -> None:
    path = write(tmp_path / "d.arrow", pa.table({"t": texts}), stream=stream)
    found = [text for _, field, text in leaves_of(path) if not field.endswith("key")]
    assert [b"fine", b"\xff\xfe", b"end"] == found


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("compression", [None, "zstd"])
def test_damaged_bytes_are_an_error_that_names_the_file_or_do_no_harm(
    tmp_path: Path, stream: bool, compression: str | None
) -> None:
    whole = write(tmp_path / "d.arrow", stream=stream, compression=compression).read_bytes()
    rng = random.Random(7)
    errors = 0
    for _ in range(150):
        content = bytearray(whole)
        for _ in range(rng.randrange(1, 4)):
            content[rng.randrange(len(content))] = rng.randrange(256)
        if rng.random() < 0.3:
            del content[rng.randrange(len(content)) :]
        path = tmp_path / "bad.arrow"
        path.write_bytes(bytes(content))
        try:
            plan = dataset.plan([str(path)])
            errors += len(plan.problems)
            for unit in plan.units:
                for _batch in dataset.read(unit):
                    pass
        except DatasetError as error:
            assert "bad.arrow" in str(error)  # noqa: PT017 (most are no error at all)
            errors += 1
    assert errors > 30
