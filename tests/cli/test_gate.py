"""``gate`` with its work shared among machines and its rows put apart, as a pipeline meets it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from provenance import files, index
from tests.conftest import Ran
from tests.making import code, ingredient

Run = Callable[..., Ran]
OUTPUT = " ".join(code(1, 90))
POLICY = "version: 1\nname: p\nrules:\n  - {{id: r, action: {}, grade: [copied]}}\n"


@pytest.fixture
def gate(run: Run, tmp_path: Path) -> Run:
    """``gate`` over six files of rows and a card, two rows of each file a copy, with a policy that quarantines."""
    index.build(tmp_path / "index", [ingredient(OUTPUT)])
    (tmp_path / "data").mkdir()
    for number in range(6):
        rows = [OUTPUT if n in (2, 5) else " ".join(code(100 * number + n + 9, 20)) for n in range(8)]
        text = "".join(json.dumps({"text": row}) + "\n" for row in rows)
        (tmp_path / "data" / f"{number}.jsonl").write_text(text)
    (tmp_path / "data" / "README.md").write_text("# A card")
    for action in ("quarantine", "block"):
        (tmp_path / f"{action}.yaml").write_text(POLICY.format(action))

    def call(*arguments: object, policy: str = "quarantine") -> Ran:
        return run("gate", "data", "--index", "index", "--policy", f"{policy}.yaml", *arguments)

    return call


def test_a_verified_split_lets_a_quarantine_pass_and_no_block(gate: Run, tmp_path: Path) -> None:
    assert 1 == gate().code
    said = gate("--split", "out")
    assert 0 == said.code
    assert "split: 49 rows = 37 clean" in said.out
    assert "+ 12 held back" in said.out
    held = (tmp_path / "out" / "quarantined" / "3.jsonl").read_text().splitlines()
    assert [OUTPUT, OUTPUT] == [json.loads(line)["text"] for line in held]
    assert "# A card" == (tmp_path / "out" / "clean" / "README.md").read_text()
    assert 1 == gate("--split", "out", policy="block").code
    assert 2 == gate("--split", "data/out").code


def test_what_is_due_for_the_run_as_a_whole_is_not_split_away(gate: Run, tmp_path: Path) -> None:
    budget = "budgets:\n  - {id: few, max_records: 3, counts: [warn], action: quarantine}\n"
    rules = POLICY.format("warn").replace("version: 1", "version: 2")
    (tmp_path / "budget.yaml").write_text(rules + budget)
    assert 1 == gate("--split", "out", policy="budget").code


def test_the_clean_part_passes_the_same_gate(gate: Run, run: Run) -> None:
    assert 0 == gate("--split", "out").code
    again = run("gate", "out/clean", "--index", "index", "--policy", "quarantine.yaml", "--out", "again")
    assert 0 == again.code
    assert "verdict: allow" in again.out


@pytest.mark.parametrize("apart", [False, True])
def test_shards_in_one_folder_or_in_several_give_what_one_run_gives(gate: Run, tmp_path: Path, apart: bool) -> None:
    assert 1 == gate("--out", "whole").code
    for shard, done in ((1, 3), (2, 2 if apart else 5), (3, 2 if apart else 7)):
        said = gate("--shard", f"{shard}/3", "--out", f"shard-{shard}" if apart else "shards")
        assert 0 == said.code
        assert f"shard {shard}/3 is scanned: {done} of 7 work units" in said.out
        assert "verdict:" not in said.out
    others = [one for shard in (1, 2, 3) for one in ("--join", f"shard-{shard}")] if apart else []
    parts = {one: one.stat().st_mtime_ns for one in tmp_path.glob("shards/parts/*")}
    assert 1 == gate("--out", "shards", *others).code
    assert apart or len(parts) == 7
    assert parts == {one: one.stat().st_mtime_ns for one in parts}
    for name in ("scan.json", "findings.parquet", "report.json"):
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "shards" / name).read_bytes()


def test_a_shard_leaves_what_another_is_writing(gate: Run, tmp_path: Path) -> None:
    assert 0 == gate("--shard", "1/2", "--out", "run").code
    (part,) = sorted(tmp_path.glob("run/parts/*.parquet"))[:1]
    theirs, ours = (part.with_name(f".{part.name}.00{n}.tmp") for n in (1, 2))
    theirs.touch()
    assert 0 == gate("--shard", "2/2", "--out", "run").code
    assert theirs.exists()
    ours.touch()
    assert 0 == gate("--shard", "1/2", "--out", "run").code
    assert not theirs.exists()
    assert not ours.exists()


@pytest.mark.parametrize("shard", ["0/3", "4/3", "1", "a/b", "1/0", "-1/3"])
def test_what_is_no_shard_is_refused(gate: Run, shard: str) -> None:
    said = gate("--shard", shard)
    assert 2 == said.code
    assert "is no shard" in said.err


def test_a_shard_has_no_verdict_to_write(gate: Run) -> None:
    assert 2 == gate("--shard", "1/2", "--split", "out").code


def test_a_shard_of_other_times_of_change_is_refused_and_takes_nothing_away(
    gate: Run, run: Run, tmp_path: Path
) -> None:
    assert 0 == gate("--shard", "1/2", "--out", "run").code
    parts = sorted(tmp_path.glob("run/parts/*.parquet"))
    os.utime(tmp_path / "data" / "3.jsonl", (1, 1))
    with files.locked(tmp_path / "run" / "lock-1-of-2"):
        said = gate("--shard", "2/2", "--out", "run")
    assert 2 == said.code
    assert "another shard is at work here on another plan" in said.err
    assert "times of change" in said.err
    assert parts == sorted(tmp_path.glob("run/parts/*.parquet"))
    for number in range(6):
        os.utime(tmp_path / "data" / f"{number}.jsonl", (1, 1))
    os.utime(tmp_path / "data" / "README.md", (1, 1))
    said = run("scan", "data", "--index", "index", "--join", "run", "--out", "joined")
    assert 2 == said.code
    assert "run: holds nothing of this scan" in said.err


def test_scan_is_shared_as_a_gate_is(gate: Run, run: Run, tmp_path: Path) -> None:
    assert 0 == run("scan", "data", "--index", "index", "--out", "whole").code
    for shard in (1, 2):
        said = run("scan", "data", "--index", "index", "--shard", f"{shard}/2", "--out", f"shard-{shard}")
        assert 0 == said.code
        assert f"shard {shard}/2 is scanned" in said.out
    said = run("scan", "data", "--index", "index", "--join", "shard-1", "--join", "shard-2", "--out", "joined")
    assert 0 == said.code
    assert "scanned 49 rows, 12 texts match" in said.out
    assert (tmp_path / "whole" / "scan.json").read_bytes() == (tmp_path / "joined" / "scan.json").read_bytes()
    assert 2 == run("scan", "data", "--index", "index", "--shard", "1/2", "--join", "shard-1").code


def test_a_place_for_the_split_that_cannot_be_is_refused_before_anything_is_scanned(
    gate: Run, run: Run, tmp_path: Path
) -> None:
    (tmp_path / "data" / "README.md").unlink()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("mine")
    for place, why in (
        ("data/out", "is in the dataset that is split"),
        ("provenance-scan", "need two folders"),
        ("mine", "holds something else than a split"),
    ):
        said = gate("--split", place)
        assert 2 == said.code
        assert why in said.err
    glob = ("gate", "data/**/*.jsonl", "--index", "index", "--policy", "quarantine.yaml")
    assert 2 == run(*glob, "--split", "data/out").code
    assert not (tmp_path / "provenance-scan").exists()
    assert 0 == run("gate", "data/3.jsonl", *glob[2:], "--split", "data/out").code
