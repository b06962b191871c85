"""A run: resumed where it stopped, refused where it would harm, equal however it was cut."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from provenance import fingerprint, scan
from provenance.errors import DatasetError, StoreError
from provenance.index import Index
from provenance.model import Similarity, Skipped
from tests.making import code, ingredient, opened

OUTPUT = " ".join(code(1, 90))


@pytest.fixture
def index(tmp_path: Path) -> Index:
    return opened(tmp_path / "index", ingredient(OUTPUT))


def parquet(path: Path, groups: int = 8) -> Path:
    rows = [f"row {n} " + (OUTPUT if n % 10 == 3 else " ".join(code(100 + n, 30))) for n in range(10 * groups)]
    pq.write_table(pa.table({"id": range(len(rows)), "text": rows}), path, row_group_size=10)
    return path


def jsonl(path: Path, count: int = 40) -> Path:
    rows = [{"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": OUTPUT}]}] * count
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def rows_of(out: Path) -> list[tuple[str, int, str]]:
    done = scan.load(out)
    return [
        (hit.address.file, hit.address.row, hit.address.field)
        for hit in scan.read(out, done)
        if not isinstance(hit, Skipped)
    ]


def test_a_scan_finds_what_was_planted_and_says_where(tmp_path: Path, index: Index) -> None:
    data = parquet(tmp_path / "d.parquet")
    done = scan.run([str(data)], index, tmp_path / "out")
    assert [(str(data), n, "text") for n in range(3, 80, 10)] == rows_of(tmp_path / "out")
    assert (80, 8, 0) == (done.total("rows"), done.total("matched"), done.total("skipped"))
    assert ("id: int64",) == done.unread
    assert (tmp_path / "out" / "_SUCCESS").exists()


def test_nested_chat_columns_are_read_and_addressed(tmp_path: Path, index: Index) -> None:
    data = jsonl(tmp_path / "d.jsonl", 2)
    scan.run([str(data)], index, tmp_path / "out")
    assert [(str(data), n, "messages[1].content") for n in range(2)] == rows_of(tmp_path / "out")


def test_rows_are_numbered_through_the_file_when_it_is_cut_into_units(
    tmp_path: Path, index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, lines = parquet(tmp_path / "d.parquet"), jsonl(tmp_path / "d.jsonl")
    monkeypatch.setattr("provenance.dataset.TARGET_SIZE", 1)
    real = scan.dataset.plan
    monkeypatch.setattr(scan.dataset, "plan", lambda found, columns: real(found, columns, target_size=3000))
    whole = scan.run([str(data), str(lines)], index, tmp_path / "out")
    assert len(whole.units) > 10
    expected = [(str(lines), n, "messages[1].content") for n in range(40)] + [
        (str(data), n, "text") for n in range(3, 80, 10)
    ]
    assert sorted(expected) == sorted(rows_of(tmp_path / "out"))


def test_the_same_scan_again_does_nothing_and_gives_the_same_bytes(tmp_path: Path, index: Index) -> None:
    data = parquet(tmp_path / "d.parquet")
    scan.run([str(data)], index, tmp_path / "out")
    before = (tmp_path / "out" / "scan.json").read_bytes()
    parts = {part: part.stat().st_mtime_ns for part in (tmp_path / "out" / "parts").iterdir()}
    scan.run([str(data)], index, tmp_path / "out")
    assert before == (tmp_path / "out" / "scan.json").read_bytes()
    assert parts == {part: part.stat().st_mtime_ns for part in (tmp_path / "out" / "parts").iterdir()}


def test_a_changed_dataset_or_index_is_scanned_again(tmp_path: Path, index: Index) -> None:
    data = parquet(tmp_path / "d.parquet")
    scan.run([str(data)], index, tmp_path / "out")
    parquet(tmp_path / "d.parquet", groups=2)
    assert 20 == scan.run([str(data)], index, tmp_path / "out").total("rows")
    other = opened(tmp_path / "other", ingredient(" ".join(code(2, 90))))
    assert 0 == scan.run([str(data)], other, tmp_path / "out").total("matched")
    assert 1 == len(list((tmp_path / "out" / "parts").iterdir()))


KILLED = """
import sys
from provenance import dataset, scan
from provenance.index import Index
real = dataset.plan
scan.dataset.plan = lambda found, columns: real(found, columns, target_size=1)
scan.run([sys.argv[1]], Index(__import__("pathlib").Path(sys.argv[2])), __import__("pathlib").Path(sys.argv[3]),
         progress=lambda done, all_, matched: __import__("time").sleep(0.05 if done < all_ / 10 else 0.5))
"""


@pytest.mark.parametrize("blow", [signal.SIGKILL, signal.SIGINT] if sys.platform != "win32" else [signal.SIGTERM])
def test_a_run_that_was_cut_off_goes_on_where_it_stopped(
    tmp_path: Path, index: Index, monkeypatch: pytest.MonkeyPatch, blow: signal.Signals
) -> None:
    data, out = parquet(tmp_path / "d.parquet", groups=40), tmp_path / "out"
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(data), str(index.path), str(out)],
        stderr=subprocess.DEVNULL,
    )
    while len(list(out.glob("parts/*.parquet"))) < 3:
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(blow)
    process.wait()
    kept = {part: part.stat().st_mtime_ns for part in out.glob("parts/*.parquet")}
    assert 3 <= len(kept) < 40
    assert not (out / "_SUCCESS").exists()
    with pytest.raises(StoreError, match="was not finished: run the same scan again"):
        scan.load(out)
    real = scan.dataset.plan
    monkeypatch.setattr(scan.dataset, "plan", lambda found, columns: real(found, columns, target_size=1))
    done = scan.run([str(data)], index, out)
    assert (400, 40) == (done.total("rows"), done.total("matched"))
    assert kept == {part: part.stat().st_mtime_ns for part in kept}
    assert [] == [path.name for path in out.rglob("*.tmp")]


def test_threads_give_what_one_thread_gives(tmp_path: Path, index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    data = parquet(tmp_path / "d.parquet")
    real = scan.dataset.plan
    monkeypatch.setattr(scan.dataset, "plan", lambda found, columns: real(found, columns, target_size=1))
    one = scan.run([str(data)], index, tmp_path / "one", jobs=1)
    four = scan.run([str(data)], index, tmp_path / "four", jobs=4)
    assert one == four
    assert rows_of(tmp_path / "one") == rows_of(tmp_path / "four")


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path, index: Index) -> None:
    data, out = parquet(tmp_path / "d.parquet"), tmp_path / "out"
    out.mkdir()
    (out / "thesis.txt").write_text("mine")
    with pytest.raises(StoreError, match="holds something else than a scan"):
        scan.run([str(data)], index, out)
    assert ["thesis.txt"] == os.listdir(out)


def test_two_runs_in_one_folder_are_refused_not_mixed(tmp_path: Path, index: Index) -> None:
    from provenance import files

    data, out = parquet(tmp_path / "d.parquet"), tmp_path / "out"
    scan.run([str(data)], index, out)
    held, free = threading.Event(), threading.Event()

    def hold() -> None:
        with files.locked(out / "lock"):
            held.set()
            free.wait(10)

    other = threading.Thread(target=hold)
    other.start()
    held.wait(10)
    try:
        with pytest.raises(StoreError, match="another run is at work here"):
            scan.run([str(data)], index, out)
    finally:
        free.set()
        other.join()


def test_a_file_that_breaks_in_the_middle_is_named_and_the_others_are_kept(tmp_path: Path, index: Index) -> None:
    good, bad = parquet(tmp_path / "good.parquet"), parquet(tmp_path / "bad.parquet")
    content = bytearray(bad.read_bytes())
    content[200:400] = b"\x5a" * 200
    bad.write_bytes(bytes(content))
    with pytest.raises(DatasetError, match=r"bad\.parquet"):
        scan.run([str(good), str(bad)], index, tmp_path / "out")
    assert not (tmp_path / "out" / "_SUCCESS").exists()
    bad.unlink()
    assert 80 == scan.run([str(good)], index, tmp_path / "out").total("rows")


def test_skipped_rows_are_counted_and_listed(tmp_path: Path, index: Index) -> None:
    data = tmp_path / "d.jsonl"
    data.write_bytes(b'{"text": "fine"}\n{"text": \n{"text": "\xff"}\n' + json.dumps({"text": OUTPUT}).encode())
    done = scan.run([str(data)], index, tmp_path / "out")
    listed = [hit for hit in scan.read(tmp_path / "out", done) if isinstance(hit, Skipped)]
    assert (4, 2, 1) == (done.total("rows"), done.total("skipped"), done.total("matched"))
    assert [f"{data} line 2", f"{data} line 3"] == [one.where for one in listed]


CLAUDES = "Co-Authored-By: Claude Opus 4.6 <noreply@anthropic.com>"


def declared_of(out: Path) -> list[tuple[int, str, str, str]]:
    """Row, field, kind and maker of every declaration of a finished scan."""
    hits = [hit for hit in scan.read(out, scan.load(out)) if not isinstance(hit, Skipped)]
    return [
        (hit.address.row, hit.address.field, one.kind, one.origin.provider)
        for hit in hits
        for one in hit.matches
        if one.similarity is Similarity.NONE
    ]


def test_rows_that_declare_themselves_are_named_whatever_the_index_holds(tmp_path: Path, index: Index) -> None:
    texts = ["plain words", f"Mend\n\n{CLAUDES}\n", "more words", f"{OUTPUT}\n\n{CLAUDES}", OUTPUT]
    data = tmp_path / "d.parquet"
    pq.write_table(pa.table({"text": texts}), data)
    done = scan.run([str(data)], index, tmp_path / "out")
    trailer = ("text", "commit trailer", "anthropic")
    assert [(1, *trailer), (3, *trailer)] == declared_of(tmp_path / "out")
    assert [1, 3, 4] == [row for _, row, _ in rows_of(tmp_path / "out")]
    assert (2, 2) == (done.total("matched"), done.total("declared"))


def test_a_row_whose_model_is_named_beside_it_is_declared(tmp_path: Path, index: Index) -> None:
    data = tmp_path / "d.jsonl"
    rows = [{"model": name, "prompt": "Why?", "response": "So."} for name in ("our-own", "gpt-4-0613")]
    data.write_text("".join(json.dumps(row) + "\n" for row in rows))
    done = scan.run([str(data)], index, tmp_path / "out")
    assert [(1, "response", "model column", "openai")] == declared_of(tmp_path / "out")
    assert (0, 1) == (done.total("matched"), done.total("declared"))


def test_a_transcript_given_as_a_dataset_is_named_as_a_file(tmp_path: Path, index: Index) -> None:
    data = tmp_path / "d.jsonl"
    data.write_bytes((Path(__file__).parent / "fixtures" / "claude-code.jsonl").read_bytes())
    scan.run([str(data)], index, tmp_path / "out")
    assert (0, "", "transcript", "anthropic") in declared_of(tmp_path / "out")


def test_a_scan_made_before_there_were_declarations_is_read(tmp_path: Path, index: Index) -> None:
    scan.run([str(parquet(tmp_path / "d.parquet"))], index, tmp_path / "out")
    file = tmp_path / "out" / "scan.json"
    old = json.loads(file.read_text())
    for unit in old["units"]:
        del unit["receipt"]["declared"]
    file.write_text(json.dumps(old))
    assert (8, 0) == (scan.load(tmp_path / "out").total("matched"), scan.load(tmp_path / "out").total("declared"))
    assert [] == declared_of(tmp_path / "out")


def test_texts_are_counted_by_file_in_trees_too(tmp_path: Path, index: Index) -> None:
    (tmp_path / "d" / "src").mkdir(parents=True)
    (tmp_path / "d" / "README.md").write_text("card")
    (tmp_path / "d" / "src" / "a.py").write_text(OUTPUT)
    (tmp_path / "d" / "src" / "logo.png").write_bytes(b"\x89PNG")
    jsonl(tmp_path / "d" / "rows.jsonl", 3)
    done = scan.run([str(tmp_path / "d")], index, tmp_path / "out")
    folder = f"{tmp_path}/d"
    assert {f"{folder}/rows.jsonl": 12, f"{folder}/README.md": 1, f"{folder}/src/a.py": 1} == dict(
        scan.texts_by_file(tmp_path / "out", done)
    )


def test_declared_and_matched_texts_of_a_column_stand_in_their_order(tmp_path: Path, index: Index) -> None:
    rows = [
        {"model": None if n == 4 else "gpt-4-0613", "response": OUTPUT if n in (2, 4, 5) else f"So {n}.\nYes."}
        for n in range(8)
    ]
    (tmp_path / "d.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    done = scan.run([str(tmp_path / "d.jsonl")], index, tmp_path / "out")
    hits = [hit for hit in scan.read(tmp_path / "out", done) if not isinstance(hit, Skipped)]
    assert list(range(8)) == [hit.address.row for hit in hits]
    assert (7, 3) == (done.total("declared"), done.total("matched"))
    for hit in hits:
        text = rows[hit.address.row]["response"] or ""
        expected = {Similarity.NONE} if hit.address.row != 4 else set[Similarity]()
        expected |= {Similarity.EXACT} if text == OUTPUT else set[Similarity]()
        assert expected == {one.similarity for one in hit.matches}
        for one in hit.matches:
            if one.similarity is Similarity.NONE:
                assert (0, len(text), 1, text.count("\n") + 1) == (one.start, one.end, one.first_line, one.last_line)
                assert ("openai", "gpt-4-0613") == (one.origin.provider, one.origin.model)
        about = fingerprint.outline(text.encode())
        assert (about.digest.hex(), about.tokens) == (hit.content, hit.tokens)
