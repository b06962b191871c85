"""A split gives the input back, row for row, in the input's own form; nothing less ever looks like one."""

from __future__ import annotations

import gzip
import io
import json
import os
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provenance import policy, scan, splitting
from provenance.dataset import columns, packing
from provenance.errors import DatasetError, StoreError
from provenance.index import Index
from provenance.policy.baseline import Disposition, Entry
from provenance.report import collect
from tests.making import code, ingredient, opened

OUTPUT = " ".join(code(1, 90))
HELD = {3, 4, 11, 29}
TEXTS = [OUTPUT if n in HELD else " ".join(code(100 + n, 20)) for n in range(30)]


@pytest.fixture
def index(tmp_path: Path) -> Index:
    return opened(tmp_path / "index", ingredient(OUTPUT))


def judged(index: Index, run: Path, *inputs: Path, rules: str = "clean-room") -> Path:
    scan.run([str(path) for path in inputs], index, run)
    collect.collect(run, policy.load(rules))
    return run


def rows_of(table: pa.Table) -> list[Any]:
    return table.to_pylist()


def table() -> pa.Table:
    numbers = pa.array([float("nan") if n == 5 else n / 3 for n in range(30)])
    chats = [[{"role": "user", "content": None}] if n % 3 else None for n in range(30)]
    made = pa.table({"n": range(30), "text": TEXTS, "score": numbers, "chat": chats})
    made = made.append_column("kind", pa.array([f"k{n % 3}" for n in range(30)]).dictionary_encode())
    return made.replace_schema_metadata({"card": "kept", "huggingface": '{"info": 1}'})


def test_parquet_keeps_schema_metadata_codecs_and_row_groups(tmp_path: Path, index: Index) -> None:
    path = tmp_path / "d" / "t.parquet"
    path.parent.mkdir()
    codecs = {"n": "snappy", "text": "zstd", "score": "none", "kind": "gzip", "chat.list.element.role": "brotli"}
    pq.write_table(table(), path, row_group_size=7, compression=codecs)
    done = splitting.split(judged(index, tmp_path / "run", path), tmp_path / "out")
    assert (30, 26, 4) == (done.rows, done.clean, done.quarantined)
    whole = pq.ParquetFile(path)
    for side, groups, chosen in (("clean", [5, 6, 7, 7, 1], False), ("quarantined", [2, 1, 1], True)):
        part = pq.ParquetFile(tmp_path / "out" / side / "t.parquet")
        assert whole.schema_arrow.equals(part.schema_arrow, check_metadata=True)
        assert whole.schema.equals(part.schema)
        assert groups == [part.metadata.row_group(n).num_rows for n in range(part.metadata.num_row_groups)]
        for column in range(whole.metadata.num_columns):
            one, other = (file.metadata.row_group(0).column(column) for file in (whole, part))
            assert (one.path_in_schema, one.compression) == (other.path_in_schema, other.compression)
        assert part.read()["n"].to_pylist() == [n for n in range(30) if (n in HELD) == chosen]
    assert (tmp_path / "out" / "_SUCCESS").exists()


def test_parquet_keeps_sorting_statistics_page_index_and_encodings(tmp_path: Path, index: Index) -> None:
    path = tmp_path / "t.parquet"
    pq.write_table(
        pa.table({"n": range(30), "text": TEXTS, "score": [n / 3 for n in range(30)]}),
        path,
        use_dictionary=False,
        column_encoding={"n": "DELTA_BINARY_PACKED", "text": "DELTA_BYTE_ARRAY", "score": "BYTE_STREAM_SPLIT"},
        sorting_columns=[pq.SortingColumn(0, descending=True)],
        write_page_index=True,
        write_statistics=["n"],
    )
    splitting.split(judged(index, tmp_path / "run", path), tmp_path / "out")
    whole, *parts = (
        pq.ParquetFile(one).metadata.row_group(0)
        for one in (path, tmp_path / "out" / "clean" / "t.parquet", tmp_path / "out" / "quarantined" / "t.parquet")
    )
    for part in parts:
        assert whole.sorting_columns == part.sorting_columns
        for number in range(3):
            one, other = whole.column(number), part.column(number)
            for name in ("encodings", "is_stats_set", "has_column_index", "has_offset_index", "has_dictionary_page"):
                assert getattr(one, name) == getattr(other, name), (number, name)


@pytest.mark.parametrize("form", ["parquet", "stream", "file"])
@pytest.mark.parametrize("kind", [pa.string_view(), pa.binary_view(), None])
def test_columns_that_arrow_cannot_filter_are_split_too(
    tmp_path: Path, index: Index, form: str, kind: pa.DataType | None
) -> None:
    texts = pa.array(TEXTS).cast(kind) if kind is not None else pa.array(TEXTS)
    if kind is None:
        if form == "parquet":
            pytest.skip("Parquet has no run-end encoding")
        texts = pa.RunEndEncodedArray.from_arrays(pa.array(range(1, 31), pa.int32()), texts)
    table = pa.table({"text": texts, "n": range(30)})
    path = tmp_path / f"t.{'parquet' if form == 'parquet' else 'arrow'}"
    if form == "parquet":
        pq.write_table(table, path)
    else:
        new = pa.ipc.new_stream if form == "stream" else pa.ipc.new_file
        with path.open("wb") as sink, new(sink, table.schema) as writer:
            writer.write_table(table, max_chunksize=7)
    done = splitting.split(judged(index, tmp_path / "run", path), tmp_path / "out")
    assert (30, 4) == (done.rows, done.quarantined)
    kept = tmp_path / "out" / "quarantined" / path.name
    if form == "parquet":
        assert sorted(HELD) == pq.read_table(kept)["n"].to_pylist()
    else:
        read = pa.ipc.open_stream if form == "stream" else pa.ipc.open_file
        assert sorted(HELD) == read(kept.read_bytes()).read_all()["n"].to_pylist()


@pytest.mark.parametrize("compression", [None, "zstd", "lz4"])
@pytest.mark.parametrize("stream", [True, False])
def test_arrow_keeps_form_schema_and_batches(
    tmp_path: Path, index: Index, stream: bool, compression: str | None
) -> None:
    from provenance.dataset import arrow

    path = tmp_path / "t.arrow"
    new = pa.ipc.new_stream if stream else pa.ipc.new_file
    options = pa.ipc.IpcWriteOptions(compression=compression)
    with path.open("wb") as sink, new(sink, table().schema, options=options) as writer:
        writer.write_table(table(), max_chunksize=7)
    splitting.split(judged(index, tmp_path / "run", path), tmp_path / "out")
    read = pa.ipc.open_stream if stream else pa.ipc.open_file
    for side, chosen in (("clean", False), ("quarantined", True)):
        kept = tmp_path / "out" / side / "t.arrow"
        assert arrow.form_of(str(path)) == arrow.form_of(str(kept))
        assert arrow.codec_of(str(kept)) == compression
        assert read(kept.read_bytes()).read_all()["n"].to_pylist() == [n for n in range(30) if (n in HELD) == chosen]


def jsonl() -> list[bytes]:
    return [json.dumps({"n": n, "text": text}).encode() + b" \r\n" for n, text in enumerate(TEXTS)]


@pytest.mark.parametrize("form", ["plain", "gzip", "zstd", "utf-16", "bom"])
def test_jsonl_lines_are_kept_byte_for_byte(tmp_path: Path, index: Index, form: str) -> None:
    lines = jsonl()
    lines[29] = lines[29].rstrip()
    text = b"".join(lines)
    suffix = {"gzip": ".gz", "zstd": ".zst"}.get(form, "")
    path = tmp_path / f"t.jsonl{suffix}"
    coding = packing.Coding(form if suffix else "", "utf-8", b"")
    if form == "utf-16":
        coding = packing.Coding("", "utf-16-le", b"\xff\xfe")
    if form == "bom":
        coding = packing.Coding("", "utf-8", b"\xef\xbb\xbf")
    with path.open("wb") as sink, packing.writing(sink, coding) as write:
        write(text)
    splitting.split(judged(index, tmp_path / "run", path), tmp_path / "out")
    for side, chosen in (("clean", False), ("quarantined", True)):
        kept = str(tmp_path / "out" / side / path.name)
        assert coding == packing.coding_of(kept)
        expected = b"".join(line for n, line in enumerate(lines) if (n in HELD) == chosen)
        assert expected == b"".join(packing.text_of(kept, coding))


def test_csv_keeps_its_header_and_every_byte_of_a_record(tmp_path: Path, index: Index) -> None:
    path = tmp_path / "t.csv.gz"
    records = [f'{n};"{text[:20]}\r\n{text[20:]}"\r\n'.encode() for n, text in enumerate(TEXTS)]
    records = [record.replace(b'\r\n"', b'"') for record in records]
    path.write_bytes(gzip.compress(b"n;text\r\n" + b"".join(records)))
    splitting.split(judged(index, tmp_path / "run", path), tmp_path / "out")
    for side, chosen in (("clean", False), ("quarantined", True)):
        expected = b"n;text\r\n" + b"".join(one for n, one in enumerate(records) if (n in HELD) == chosen)
        assert expected == gzip.decompress((tmp_path / "out" / side / "t.csv.gz").read_bytes())


def test_tar_members_are_kept_with_their_headers(tmp_path: Path, index: Index) -> None:
    path = tmp_path / "t.tar"
    with tarfile.open(path, "w") as archive:
        for n, text in enumerate(TEXTS):
            for end, data in ((".txt", text.encode()), (".jpg", bytes([n]) * 700)):
                about = tarfile.TarInfo(f"{'p' * 120}/{n:03}{end}")
                about.size, about.mtime, about.mode = len(data), 1_700_000_000.5, 0o640
                archive.addfile(about, io.BytesIO(data))
    splitting.split(judged(index, tmp_path / "run", path), tmp_path / "out")
    with tarfile.open(path) as archive:
        whole = [(one.name, one.size, one.mtime, one.mode) for one in archive]
    for side, chosen in (("clean", False), ("quarantined", True)):
        with tarfile.open(tmp_path / "out" / side / "t.tar") as archive:
            kept = [(one.name, one.size, one.mtime, one.mode) for one in archive]
        assert kept == [one for number, one in enumerate(whole) if (number // 2 in HELD) == chosen]


def test_a_folder_of_texts_and_rows_keeps_its_names(tmp_path: Path, index: Index) -> None:
    root = tmp_path / "d"
    (root / "src").mkdir(parents=True)
    for n, text in enumerate(TEXTS):
        (root / "src" / f"f{n:02}.py").write_text(text)
    (root / "logo.png").write_bytes(b"\x89PNG\0")
    (root / "broken").symlink_to("nowhere")
    (root / "rows").mkdir()
    (root / "rows" / "t.jsonl").write_bytes(b"".join(jsonl()))
    (root / "rows" / "empty.jsonl").write_bytes(b"")
    done = splitting.split(judged(index, tmp_path / "run", root), tmp_path / "out")
    assert {"rows/empty.jsonl": 0, "rows/t.jsonl": 30, "./": 31} == {one.file: one.rows for one in done.files}
    held = {path.name for path in (tmp_path / "out" / "quarantined" / "src").iterdir()}
    assert held == {f"f{n:02}.py" for n in HELD}
    assert (root / "logo.png").read_bytes() == (tmp_path / "out" / "clean" / "logo.png").read_bytes()
    assert ("broken",) == done.files[-1].unreadable


@pytest.mark.parametrize(("action", "held"), [("quarantine", 2), ("warn", 0)])
def test_rows_that_could_not_be_read_go_where_the_policy_says(
    tmp_path: Path, index: Index, action: str, held: int
) -> None:
    path = tmp_path / "t.jsonl"
    path.write_bytes(b'{"text": "fine"}\n{"text": \n\n{"text": "\xff"}\n{"text": "end"}\n')
    rules = tmp_path / "rules.yaml"
    rules.write_text(f"version: 1\nname: t\ndefaults: {{skipped: {action}}}\nrules: []\n")
    done = splitting.split(judged(index, tmp_path / "run", path, rules=str(rules)), tmp_path / "out")
    assert (4, 4 - held, held) == (done.rows, done.clean, done.quarantined)
    kept = (tmp_path / "out" / "clean" / "t.jsonl").read_bytes()
    assert (b"\xff" in kept) == (held == 0)


def test_a_split_that_does_not_give_the_input_back_is_none(
    tmp_path: Path, index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "t.jsonl"
    path.write_bytes(b"".join(jsonl()))
    run = judged(index, tmp_path / "run", path)
    real = splitting._write_pieces

    def careless(change: Callable[[bytes], bytes]) -> Callable[..., None]:
        def write(file: str, module: Any, is_held: Any, clean: Any, away: Any) -> None:
            real(file, module, is_held, clean, away)
            clean.seek(0)
            clean.truncate()
            clean.write(change(b"".join(line for n, line in enumerate(jsonl()) if n not in HELD)))

        return write

    changes: list[Callable[[bytes], bytes]] = [
        lambda text: text + b'{"more": 1}\n',
        lambda text: text[text.index(b"\n") + 1 :],
        lambda text: text.replace(b'"n": 7', b'"n": 8'),
        lambda text: text[:-20],
    ]
    for change in changes:
        monkeypatch.setattr(splitting, "_write_pieces", careless(change))
        with pytest.raises(DatasetError, match=r"row for row|rows that the input has not"):
            splitting.split(run, tmp_path / "out")
        assert not (tmp_path / "out" / "_SUCCESS").exists()
        assert [] == list((tmp_path / "out" / "clean").iterdir())


def test_what_changed_since_the_scan_and_what_was_not_judged_is_refused(tmp_path: Path, index: Index) -> None:
    path = tmp_path / "t.jsonl"
    path.write_bytes(b"".join(jsonl()))
    scan.run([str(path)], index, tmp_path / "run")
    with pytest.raises(StoreError, match="not judged yet"):
        splitting.split(tmp_path / "run", tmp_path / "out")
    judged(index, tmp_path / "run", path)
    path.write_bytes(b"".join(jsonl()[1:]))
    with pytest.raises(DatasetError, match="changed since it was scanned"):
        splitting.split(tmp_path / "run", tmp_path / "out")


def test_the_input_and_folders_of_something_else_are_left_alone(tmp_path: Path, index: Index) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "t.jsonl").write_bytes(b"".join(jsonl()))
    (tmp_path / "d" / "README.md").write_text("card")
    run = judged(index, tmp_path / "run", tmp_path / "d")
    for place in (tmp_path / "d", tmp_path / "d" / "out", tmp_path):
        with pytest.raises(StoreError, match="is in the dataset that is split"):
            splitting.split(run, place)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("mine")
    with pytest.raises(StoreError, match="holds something else than a split"):
        splitting.split(run, tmp_path / "mine")
    assert ["thesis.txt"] == os.listdir(tmp_path / "mine")


def test_another_judgement_splits_anew_and_the_same_does_nothing(tmp_path: Path, index: Index) -> None:
    path = tmp_path / "t.jsonl"
    path.write_bytes(b"".join(jsonl()))
    run, out = judged(index, tmp_path / "run", path), tmp_path / "out"
    first = splitting.split(run, out)
    written = (out / "clean" / "t.jsonl").stat().st_mtime_ns
    assert first == splitting.split(run, out)
    assert written == (out / "clean" / "t.jsonl").stat().st_mtime_ns
    rules = tmp_path / "rules.yaml"
    rules.write_text("version: 1\nname: t\nrules: []\n")
    again = splitting.split(judged(index, run, path, rules=str(rules)), out)
    assert (30, 0) == (again.clean, again.quarantined)


KILLED = """
import sys, time
from pathlib import Path
from provenance import splitting
real = splitting._split_file
def slow(*args):
    if len(list(Path(sys.argv[2]).glob("receipts/*.json"))) >= 5:
        time.sleep(600)  # until it is killed
    return real(*args)
splitting._split_file = slow
splitting.split(Path(sys.argv[1]), Path(sys.argv[2]))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
def test_a_split_that_was_killed_goes_on_and_never_looks_whole(tmp_path: Path, index: Index) -> None:
    (tmp_path / "d").mkdir()
    for number in range(20):
        (tmp_path / "d" / f"t{number:02}.jsonl").write_bytes(b"".join(jsonl()))
    run, out = judged(index, tmp_path / "run", tmp_path / "d"), tmp_path / "out"
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(run), str(out)])
    while len(list(out.glob("receipts/*.json"))) < 5:
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    kept = {path: path.stat().st_mtime_ns for path in out.glob("receipts/*.json")}
    assert 5 <= len(kept) < 20
    assert not (out / "_SUCCESS").exists()
    assert not (out / "split.json").exists()
    done = splitting.split(run, out)
    assert (600, 520, 80) == (done.rows, done.clean, done.quarantined)
    assert kept == {path: path.stat().st_mtime_ns for path in kept}
    whole = splitting.split(run, tmp_path / "whole")
    assert whole == done


@pytest.mark.parametrize(("disposition", "held"), [("todo", 4), ("remove", 4), ("accepted", 0), ("false-positive", 0)])
def test_what_a_baseline_says_is_to_go_is_held_though_it_fails_no_run(
    tmp_path: Path, index: Index, disposition: str, held: int
) -> None:
    path = tmp_path / "t.jsonl"
    path.write_bytes(b"".join(jsonl()))
    run = judged(index, tmp_path / "run", path)
    found = json.loads((run / "report.json").read_bytes())["findings"][0]
    entry = Entry(found["id"], Disposition(disposition), "", ())
    rules = policy.load("clean-room")
    report = collect.collect(run, rules, judge=policy.Judging(rules.policy, baseline={found["id"]: entry}))
    assert not policy.fails(report.verdict)
    done = splitting.split(run, tmp_path / "out")
    assert (30 - held, held) == (done.clean, done.quarantined)


def test_several_threads_split_as_one_does_and_tell_how_far_they_are(tmp_path: Path, index: Index) -> None:
    (tmp_path / "d").mkdir()
    for number in range(9):
        (tmp_path / "d" / f"t{number}.jsonl").write_bytes(b"".join(jsonl()))
        pq.write_table(table(), tmp_path / "d" / f"t{number}.parquet", row_group_size=7)
    (tmp_path / "d" / "a.txt").write_text(OUTPUT)
    run = judged(index, tmp_path / "run", tmp_path / "d")
    told: list[tuple[int, int, int]] = []
    one = splitting.split(run, tmp_path / "one", lambda *how_far: told.append(how_far))
    several = splitting.split(run, tmp_path / "several", jobs=5)
    assert one == several
    for path in (tmp_path / "one").rglob("*"):
        if path.is_file() and path.suffix in (".jsonl", ".parquet", ".txt"):
            assert path.read_bytes() == (tmp_path / "several" / path.relative_to(tmp_path / "one")).read_bytes()
    size = sum(path.stat().st_size for path in (tmp_path / "d").iterdir())
    assert told == sorted(told)
    assert {size} == {all_ for _, all_, _ in told}
    assert told[-1][0] == pytest.approx(size, abs=1)
    assert told[-1][2] == one.quarantined == 9 * 8 + 1


def test_one_file_that_cannot_be_split_is_named_and_the_others_are_done(tmp_path: Path, index: Index) -> None:
    (tmp_path / "d").mkdir()
    for number in range(4):
        (tmp_path / "d" / f"t{number}.jsonl").write_bytes(b"".join(jsonl()))
    run, out = judged(index, tmp_path / "run", tmp_path / "d"), tmp_path / "out"
    content = (tmp_path / "d" / "t1.jsonl").read_bytes()
    before = (tmp_path / "d" / "t1.jsonl").stat().st_mtime_ns
    (tmp_path / "d" / "t1.jsonl").write_bytes(content[:-40])
    with pytest.raises(DatasetError, match=r"t1\.jsonl: changed since it was scanned"):
        splitting.split(run, out, jobs=2)
    assert {"0.json", "2.json", "3.json"} == set(os.listdir(out / "receipts"))
    assert not (out / "_SUCCESS").exists()
    (tmp_path / "d" / "t1.jsonl").write_bytes(content)
    os.utime(tmp_path / "d" / "t1.jsonl", ns=(before, before))
    assert 16 == splitting.split(run, out, jobs=2).quarantined


@pytest.mark.parametrize("packing", ["", "gzip", "utf-16"])
def test_a_line_longer_than_any_that_is_read_is_split_in_pieces(
    tmp_path: Path, index: Index, monkeypatch: pytest.MonkeyPatch, packing: str
) -> None:
    monkeypatch.setattr("provenance.dataset.rows.MAX_LINE", 1000)
    lines = [*jsonl()[:6], ('{"text": "' + "é" * 3000 + '"}\n').encode(), *jsonl()[6:12]]
    content = b"".join(lines)
    path = tmp_path / "t.jsonl"
    stored = content.decode().encode("utf-16") if packing == "utf-16" else content
    path.write_bytes(gzip.compress(content) if packing == "gzip" else stored)
    rules = tmp_path / "rules.yaml"
    rules.write_text("version: 1\nname: t\ndefaults: {skipped: quarantine}\nrules: []\n")
    done = splitting.split(judged(index, tmp_path / "run", path, rules=str(rules)), tmp_path / "out")
    assert (13, 1) == (done.rows, done.quarantined)
    kept = (tmp_path / "out" / "quarantined" / "t.jsonl").read_bytes()
    kept = gzip.decompress(kept) if packing == "gzip" else kept
    assert lines[6].decode() == kept.decode("utf-16" if packing == "utf-16" else "utf-8")


CELLS = st.none() | st.text(max_size=5)
LISTS = st.none() | st.lists(st.none() | st.lists(CELLS, max_size=3), max_size=3)
ROWS = st.lists(
    st.fixed_dictionaries({"t": CELLS, "l": LISTS, "s": st.none() | st.fixed_dictionaries({"a": CELLS})}),
    min_size=2,
    max_size=8,
)
SCHEMA = pa.schema(
    {"t": pa.string(), "l": pa.list_(pa.list_(pa.string())), "s": pa.struct({"a": pa.string()})}  # type: ignore[arg-type]
)


@given(ROWS, st.integers(0, 3))
@settings(deadline=None)
def test_digests_are_equal_for_equal_rows_and_no_others(rows: list[dict[str, Any]], cut: int) -> None:
    batch = pa.RecordBatch.from_pylist(rows, SCHEMA)
    digests = columns.digests_of(batch)
    assert np.array_equal(digests[cut:], columns.digests_of(batch.slice(cut)))
    wide = pa.record_batch([batch["t"].dictionary_encode(), batch["l"], batch["s"]], names=["t", "l", "s"])
    assert np.array_equal(digests, columns.digests_of(wide))
    for i, one in enumerate(rows):
        for j, other in enumerate(rows):
            assert (one == other) == bool((digests[i] == digests[j]).all())
