"""Stores of many machines in; one store and its ledger out, however often it is done."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from provenance import collecting, ledger, store
from tests.making import ingredient

GIT = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_SYSTEM": os.devnull,
    "GIT_AUTHOR_NAME": "a",
    "GIT_AUTHOR_EMAIL": "a@b.c",
}
GIT |= {"GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@b.c"}


@pytest.fixture(autouse=True)
def no_organisation_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PROVENANCE_KEY", raising=False)


def machine(folder: Path, *texts: str) -> Path:
    """A store with one shard of the ledger, as a machine leaves it."""
    store.append(folder, [ingredient(text, call=text) for text in texts])
    ledger.append(folder, "ingest", {"ingredients": len(texts)})
    return folder


def held(into: Path) -> tuple[int, int]:
    """Ingredients and entries."""
    return len(list(store.read(into))), sum(isinstance(one, ledger.Entry) for one in ledger.read(into))


def git(repository: Path, *arguments: str) -> None:
    subprocess.run(["git", "-C", str(repository), *arguments], check=True, env=os.environ | GIT, capture_output=True)


def test_every_machines_ingredients_come_once_however_often_they_are_collected(tmp_path: Path) -> None:
    for number in range(5):
        machine(tmp_path / "all" / str(number), f"a{number}", "shared by every machine")
    into = tmp_path / "into"
    first = collecting.run([str(tmp_path / "all")], into)
    assert (5, 6, 4, 5) == (first.stores, first.ingredients, first.known, first.entries)
    again = collecting.run([str(tmp_path / "all"), str(tmp_path / "all" / "3")], into)
    assert (6, 0, 0, []) == (again.stores, again.ingredients, again.entries, again.troubles)
    assert (6, 5) == held(into)


def test_what_a_machine_gained_since_is_added(tmp_path: Path) -> None:
    one = machine(tmp_path / "m", "a")
    collecting.run([str(one)], tmp_path / "into")
    machine(one, "b")
    report = collecting.run([str(one)], tmp_path / "into")
    assert (1, 1, 1) == (report.ingredients, report.entries, report.shards)
    assert (2, 2) == held(tmp_path / "into")


def test_a_shard_that_was_rewritten_is_not_taken_and_is_named(tmp_path: Path) -> None:
    one = machine(tmp_path / "m", "a")
    collecting.run([str(one)], tmp_path / "into")
    (shard,) = (one / "ledger").glob("*.jsonl")
    shard.write_bytes(shard.read_bytes().replace(b'"ingredients":1', b'"ingredients":7'))
    machine(one, "b")
    report = collecting.run([str(one)], tmp_path / "into")
    assert [True] == ["no continuation" in trouble and shard.stem in trouble for trouble in report.troubles]
    assert (2, 1) == held(tmp_path / "into")


def test_a_damaged_store_is_named_and_the_others_come_in(tmp_path: Path) -> None:
    bad = machine(tmp_path / "all" / "bad", "a")
    machine(tmp_path / "all" / "good", "b")
    (shard,) = (bad / "store").glob("*.pvs")
    shard.write_bytes(shard.read_bytes()[:-3])
    report = collecting.run([str(tmp_path / "all")], tmp_path / "into")
    assert (1, 1) == (report.ingredients, len(report.troubles))
    assert "damaged" in report.troubles[0]


def test_a_line_that_is_being_written_comes_with_the_next_run(tmp_path: Path) -> None:
    one = machine(tmp_path / "m", "a")
    (shard,) = (one / "ledger").glob("*.jsonl")
    whole = shard.read_bytes()
    shard.write_bytes(whole + whole[:30])
    assert 1 == collecting.run([str(one)], tmp_path / "into").entries
    shard.write_bytes(whole + whole)
    assert 1 == collecting.run([str(one)], tmp_path / "into").entries


@pytest.mark.parametrize("bare", [False, True])
def test_a_git_ref_holds_stores(tmp_path: Path, bare: bool) -> None:
    work = tmp_path / "work"
    machine(work / "machines" / "m1", "a")
    machine(work / "machines" / "m2", "b")
    git(tmp_path, "init", "-q", "work")
    git(work, "add", "-A")
    git(work, "commit", "-qm", "stores")
    git(work, "update-ref", "refs/provenance/stores", "HEAD")
    place = work
    if bare:
        place = tmp_path / "bare.git"
        git(tmp_path, "clone", "-q", "--mirror", str(work), str(place))
    report = collecting.run([f"{place}#refs/provenance/stores"], tmp_path / "into")
    assert (2, 2, 2, []) == (report.stores, report.ingredients, report.entries, report.troubles)


def test_an_object_store_is_named_by_its_url(tmp_path: Path) -> None:
    machine(tmp_path / "bucket" / "m1", "a")
    report = collecting.run([(tmp_path / "bucket").as_uri()], tmp_path / "into")
    assert (1, 1, []) == (report.ingredients, report.entries, report.troubles)


@pytest.mark.parametrize("source", ["absent", "repo#refs/heads/none", "file:///nowhere/at/all", "weird://x/y", "empty"])
def test_a_source_that_is_none_is_named_and_the_others_come_in(
    tmp_path: Path, source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    git(tmp_path, "init", "-q", "repo")
    (tmp_path / "empty").mkdir()
    machine(tmp_path / "m", "a")
    report = collecting.run([source, "m"], tmp_path / "into")
    assert (1, 1) == (report.ingredients, len(report.troubles))
    assert source.split("#")[0].removeprefix("file://").strip("/") in report.troubles[0]


def test_a_store_is_not_collected_into_itself(tmp_path: Path) -> None:
    one = machine(tmp_path / "m", "a")
    assert "into" in collecting.run([str(one)], one).troubles[0]


def test_a_file_that_is_no_shard_by_its_name_costs_no_other_machine(tmp_path: Path) -> None:
    for number in range(3):
        machine(tmp_path / "all" / str(number), f"a{number}")
    (tmp_path / "all" / "0" / "store" / "copy of 00000001.pvs").write_bytes(b"x")
    (tmp_path / "all" / "0" / "ledger" / "copy.jsonl").write_bytes(b"x\n")
    report = collecting.run([str(tmp_path / "all")], tmp_path / "into")
    assert (3, 3, 2) == (report.ingredients, report.entries, len(report.troubles))


def test_the_store_to_collect_into_among_the_sources_costs_no_other_machine(tmp_path: Path) -> None:
    machine(tmp_path / "all" / "a-into", "here")
    machine(tmp_path / "all" / "machine", "there")
    report = collecting.run([str(tmp_path / "all")], tmp_path / "all" / "a-into")
    assert (1, ["is the store to collect into"]) == (
        report.ingredients,
        [one.rpartition(": ")[2].partition(" (")[0] for one in report.troubles],
    )


@pytest.mark.parametrize("name", ["ledger/0123456789abcdef.jsonl", "store/00000002.pvs", "captures/x.pvc"])
@pytest.mark.parametrize("kind", ["link", "pipe", "folder"])
def test_what_leads_out_of_a_source_or_is_no_file_is_named_and_not_read(name: str, kind: str, tmp_path: Path) -> None:
    one = machine(tmp_path / "all" / "m", "a")
    machine(tmp_path / "all" / "n", "b")
    (tmp_path / "secret").write_text("password\n")
    bad = one / name
    bad.parent.mkdir(exist_ok=True)
    if kind == "link":
        bad.symlink_to(tmp_path / "secret")
    elif kind == "pipe":
        os.mkfifo(bad)
    else:
        bad.mkdir()
    report = collecting.run([str(tmp_path / "all")], tmp_path / "into")
    assert (2, 1) == (report.ingredients, len(report.troubles))
    assert all(b"password" not in path.read_bytes() for path in (tmp_path / "into").rglob("*") if path.is_file())


def test_what_is_no_entry_does_not_enter_the_ledger(tmp_path: Path) -> None:
    one = machine(tmp_path / "m", "a")
    (one / "ledger" / "0123456789abcdef.jsonl").write_text('{"text":"def secret(): ..."}\n')
    report = collecting.run([str(one)], tmp_path / "into")
    assert (1, 1) == (report.entries, len(report.troubles))
    assert "shard 0123456789abcdef is not taken: line 1 is not an entry of format 2" in report.troubles[0]
    assert (1, 1) == held(tmp_path / "into")
