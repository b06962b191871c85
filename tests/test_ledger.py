"""The ledger: what is appended is read back, whatever else happens to the file."""

from __future__ import annotations

import json
import multiprocessing
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provenance import ledger
from provenance.ledger import Entry, Torn

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
FACTS = st.dictionaries(st.text().filter(lambda key: key not in ("ledger", "kind")), JSON, max_size=4)


def lines(store: Path) -> list[bytes]:
    return (store / "ledger.jsonl").read_bytes().split(b"\n")


@given(entries=st.lists(st.builds(Entry, st.text(), FACTS), max_size=3))
def test_what_is_appended_is_read_back(entries: list[Entry]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for entry in entries:
            ledger.append(Path(folder), entry.kind, entry.facts)
        assert entries == list(ledger.read(Path(folder)))


def test_a_line_is_canonical(tmp_path: Path) -> None:
    ledger.append(tmp_path, "gate", {"rows": 3, "datasets": ["größe.parquet"], "exit": 0})
    expected = '{"datasets":["größe.parquet"],"exit":0,"kind":"gate","ledger":1,"rows":3}\n'
    assert expected.encode() == (tmp_path / "ledger.jsonl").read_bytes()


def test_the_order_of_facts_changes_no_byte(tmp_path: Path) -> None:
    ledger.append(tmp_path, "gate", {"a": {"x": 1, "y": 2}, "b": 2})
    ledger.append(tmp_path, "gate", {"b": 2, "a": {"y": 2, "x": 1}})
    first, second, _ = lines(tmp_path)
    assert first == second


def test_a_line_break_in_a_fact_does_not_break_the_line(tmp_path: Path) -> None:
    facts = {"path": "a\nb\r\n\u2028c\udcff"}
    ledger.append(tmp_path, "gate", facts)
    assert 2 == len(lines(tmp_path))
    assert [Entry("gate", facts)] == list(ledger.read(tmp_path))


@pytest.mark.parametrize("key", ["ledger", "kind"])
def test_facts_cannot_take_the_place_of_the_entrys_own_keys(tmp_path: Path, key: str) -> None:
    with pytest.raises(ValueError, match=f"facts of the ledger have no key \\['{key}'\\]"):
        ledger.append(tmp_path, "gate", {key: "other"})
    assert [] == list(ledger.read(tmp_path))


def test_what_json_cannot_say_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="Out of range float values"):
        ledger.append(tmp_path, "gate", {"share": float("nan")})
    assert [] == list(ledger.read(tmp_path))


def test_no_ledger_has_no_entries(tmp_path: Path) -> None:
    assert [] == list(ledger.read(tmp_path / "nowhere"))


@pytest.mark.parametrize("cut", range(1, 40, 6))
def test_a_torn_tail_is_set_aside_and_the_next_entry_stands_apart(tmp_path: Path, cut: int) -> None:
    ledger.append(tmp_path, "ingest", {"ingredients": 1})
    ledger.append(tmp_path, "ingest", {"ingredients": 2})
    path = tmp_path / "ledger.jsonl"
    path.write_bytes(path.read_bytes()[: -1 - cut])
    assert [Entry("ingest", {"ingredients": 1}), Torn(2)] == list(ledger.read(tmp_path))
    ledger.append(tmp_path, "gate", {"exit": 0})
    expected = [Entry("ingest", {"ingredients": 1}), Torn(2), Entry("gate", {"exit": 0})]
    assert expected == list(ledger.read(tmp_path))


def test_an_entry_that_lacks_its_line_break_alone_is_an_entry(tmp_path: Path) -> None:
    ledger.append(tmp_path, "ingest", {"ingredients": 1})
    path = tmp_path / "ledger.jsonl"
    path.write_bytes(path.read_bytes()[:-1])
    ledger.append(tmp_path, "gate", {"exit": 0})
    assert [Entry("ingest", {"ingredients": 1}), Entry("gate", {"exit": 0})] == list(ledger.read(tmp_path))


@pytest.mark.parametrize(
    "line",
    [
        b"{",
        b"[1]",
        b"null",
        b"\xff",
        b"[" * 100_000,
        b'{"kind":"gate"}',
        b'{"ledger":2,"kind":"gate"}',
        b'{"ledger":1}',
        b'{"ledger":1,"kind":[]}',
    ],
)
def test_a_line_that_is_no_entry_is_set_aside(tmp_path: Path, line: bytes) -> None:
    ledger.append(tmp_path, "gate", {"exit": 0})
    with (tmp_path / "ledger.jsonl").open("ab") as file:
        file.write(b"\n" + line + b"\n")
    ledger.append(tmp_path, "gate", {"exit": 1})
    assert [Entry("gate", {"exit": 0}), Torn(3), Entry("gate", {"exit": 1})] == list(ledger.read(tmp_path))


def _append(store: Path, writer: int, times: int) -> None:
    for number in range(times):
        ledger.append(store, "gate", {"writer": writer, "number": number, "filling": "x" * 5000})


def test_eight_processes_at_once_lose_and_tear_nothing(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_append, args=(tmp_path, writer, 20)) for writer in range(8)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    written: dict[Any, list[Any]] = {}
    for entry in ledger.read(tmp_path):
        assert isinstance(entry, Entry)
        written.setdefault(entry.facts["writer"], []).append(entry.facts["number"])
    assert {writer: list(range(20)) for writer in range(8)} == written


@pytest.mark.skipif(sys.platform == "win32", reason="resource limits are POSIX")
def test_a_full_disk_leaves_no_half_an_entry(tmp_path: Path) -> None:
    ledger.append(tmp_path, "gate", {"exit": 0})
    before = (tmp_path / "ledger.jsonl").read_bytes()
    limit = len(before) + 20
    script = (
        "import resource\nfrom pathlib import Path\nfrom provenance import ledger\n"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))\n"
        f"ledger.append(Path({str(tmp_path)!r}), 'gate', {{'exit': 1}})\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert f"OSError: [Errno 28] No space left on device: '{tmp_path / 'ledger.jsonl'}'" in done.stderr
    assert before == (tmp_path / "ledger.jsonl").read_bytes()


def test_entries_written_by_format_1_stay_readable(tmp_path: Path) -> None:
    old = {"engine": "c", "first": "unknown", "ingredients": 9, "kind": "ingest", "last": "unknown", "ledger": 1}
    (tmp_path / "ledger.jsonl").write_text(json.dumps(old) + "\n")
    facts = {"engine": "c", "first": "unknown", "ingredients": 9, "last": "unknown"}
    assert [Entry("ingest", facts)] == list(ledger.read(tmp_path))
