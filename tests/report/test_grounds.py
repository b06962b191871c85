"""What a judgement rests on is kept with it: an upgrade, an edit or a move afterwards changes nothing of it."""

from __future__ import annotations

import json
import warnings
import zipfile
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provenance import index, ledger, terms
from provenance.errors import StoreError
from provenance.report import grounds
from tests.conftest import Ran
from tests.evidence.making import WAIVERS
from tests.making import code, ingredient
from tests.test_terms import OVERLAY

Run = Callable[..., Ran]
OUTPUT = " ".join(code(1, 200))
POLICY = """\
version: 2
name: ours
zones:
  training:
    paths: [train.parquet]
rules:
  - id: known
    action: block
    zones: [training]
    similarity: [exact, fragment, renamed]
    message: "{message}"
"""


@pytest.fixture
def judged(tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a scan that was judged by the policy, waivers and terms beside it."""
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    index.build(work / ".provenance" / "index", [ingredient(OUTPUT)])
    (work / ".provenance" / "waivers.yaml").write_text(WAIVERS)
    (work / "ours.yaml").write_text(POLICY.replace("{message}", "before"))
    pq.write_table(pa.table({"text": [OUTPUT, " ".join(code(2, 200))]}), "train.parquet")
    said = run("gate", "train.parquet", "--policy", "ours.yaml", "--out", "scan", "--at", "2026-11-21")
    assert said.code == 1, said.err
    return work


def test_what_judged_is_packed_and_shown_whatever_became_of_it(
    judged: Path, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (judged / "ours.yaml").write_text(POLICY.replace("{message}", "after"))
    (judged / ".provenance" / "waivers.yaml").unlink()
    away = tmp_path / "away"
    away.mkdir()
    monkeypatch.chdir(away)  # relative globs of zones would start from here
    monkeypatch.setattr(terms.rows, "_folder", lambda: away)  # an upgrade brought other terms: here none at all
    terms.rows._shipped.cache_clear()
    store, scan = judged / ".provenance", judged / "scan"
    said = run("pack", "--scan", scan, "--store", store, "--out", "a.zip")
    assert said.code == 0, said.err
    held = run("verify", "a.zip")
    assert held.code == 0, held.err
    assert "made again with the packed policy, waivers, baseline and terms: the same 1 findings" in held.out
    with zipfile.ZipFile("a.zip") as pack:
        assert b"before" in pack.read("policy.yaml")
        assert WAIVERS.encode() == pack.read("waivers.yaml")
        assert any(name.startswith("terms/shipped/") for name in pack.namelist())
        assert str(judged) == json.loads(pack.read("run.json"))["root"]
    assert run("report", scan, "--store", store, "--out", "report.html").code == 0
    page = (away / "report.html").read_text()
    assert ("before" in page, "after</" in page) == (True, False)
    terms.rows._shipped.cache_clear()


def test_a_part_that_is_named_is_taken_and_must_be_the_one(judged: Path, run: Run) -> None:
    (judged / "other.yaml").write_text(POLICY.replace("{message}", "after"))
    refused = run("pack", "--scan", "scan", "--policy", "other.yaml", "--out", "a.zip")
    assert (2, True) == (refused.code, "policy: not what the scan was judged by" in refused.err)
    assert run("pack", "--scan", "scan", "--policy", "ours.yaml", "--out", "a.zip").code == 0


def test_the_grounds_are_those_of_the_last_judgement(judged: Path, run: Run) -> None:
    kept = (judged / "scan" / grounds.PLACE).read_bytes()
    again = ("judge", "scan", "--at", "2026-11-21", "--policy")
    assert run(*again, "ours.yaml").code == 1
    assert kept == (judged / "scan" / grounds.PLACE).read_bytes()
    assert run(*again, "audit-only").code == 0
    report = json.loads((judged / "scan" / "report.json").read_bytes())
    found = grounds.read(judged / "scan", report["judged"])
    assert b"audit-only" in found[grounds.POLICY]
    assert terms.load().digest == terms.registry(grounds.of_terms(found)).digest == report["judged"]["registry"]


def test_each_judgement_is_in_the_ledger_with_what_it_was_of(judged: Path, run: Run) -> None:
    assert run("judge", "scan", "--policy", "audit-only", "--at", "2026-11-21").code == 0
    gate, judge = [one for one in ledger.read(judged / ".provenance") if one.kind in ("gate", "judge")]
    assert isinstance(gate, ledger.Entry)
    assert isinstance(judge, ledger.Entry)
    assert ("gate", 1, ["train.parquet"], 2) == (
        gate.kind,
        *(gate.facts[name] for name in ("exit", "datasets", "rows")),
    )
    assert ("judge", 0) == (judge.kind, judge.facts["exit"])
    assert sha256((judged / "scan" / "report.json").read_bytes()).hexdigest() == judge.facts["report"]
    assert gate.facts["report"] != judge.facts["report"]


def test_a_judgement_without_a_store_leaves_none(judged: Path, run: Run) -> None:
    assert run("judge", "scan", "--store", "elsewhere").code == 1
    assert not Path("elsewhere").exists()


def test_a_scan_that_an_early_version_judged_is_packed_with_what_is_found(judged: Path, run: Run) -> None:
    (judged / "scan" / grounds.PLACE).unlink()
    assert run("pack", "--scan", "scan", "--out", "a.zip").code == 0
    (judged / "ours.yaml").write_text(POLICY.replace("{message}", "after"))
    said = run("pack", "--scan", "scan", "--out", "b.zip")
    assert (2, True) == (said.code, "judge again" in said.err)


def _swapped(path: Path, name: str, content: bytes) -> None:
    with zipfile.ZipFile(path) as pack:
        parts = {one: pack.read(one) for one in pack.namelist()}
    grounds.write(path.parent, {**parts, name: content})


@pytest.mark.parametrize("name", ["policy.yaml", "waivers.yaml", "baseline.jsonl", "terms/overlays/000.yaml"])
def test_grounds_that_are_not_those_of_the_report_are_refused(judged: Path, run: Run, name: str) -> None:
    _swapped(judged / "scan" / grounds.PLACE, name, b"version: 1\n")
    for command in (("pack", "--scan", "scan", "--out", "a.zip"), ("report", "scan", "--out", "r.html")):
        said = run(*command)
        assert said.code == 2
        assert "judged.zip: its " in said.err
        assert "judge again" in said.err


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_damaged_grounds_are_the_same_or_an_error_that_names_them(
    data: Any, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("grounds")
    parts = {"policy.yaml": b"version: 1\n" * 9, "terms/shipped/a.yaml": b"x"}
    grounds.write(folder, parts)
    digests = {"policy": "7d1ab3d8", "registry": terms.digest(grounds.of_terms(parts))}
    with pytest.raises(StoreError):
        grounds.read(folder, digests)
    digests["policy"] = grounds.schema.digest_of(parts["policy.yaml"])
    whole = (folder / grounds.PLACE).read_bytes()
    broken = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 4))):
        broken[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    (folder / grounds.PLACE).write_bytes(bytes(broken[: data.draw(st.integers(0, len(whole)))]))
    try:
        found = grounds.read(folder, digests)
    except StoreError as error:
        assert grounds.PLACE in str(error)  # noqa: PT017  (either outcome is right)
    else:
        assert parts == {name: found[name] for name in parts}


@pytest.mark.parametrize("kind", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_parts_that_no_judgement_keeps_are_refused(judged: Path, run: Run, kind: int) -> None:
    path = judged / "scan" / grounds.PLACE
    whole = path.read_bytes()
    for name, how in (("policy.yaml", kind), ("../../evil", zipfile.ZIP_STORED), ("terms/shipped/a.yaml", kind)):
        path.write_bytes(whole)
        with zipfile.ZipFile(path, "a") as pack, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # two parts of one name
            pack.writestr(name, b"version: 1\n", how)
        said = run("pack", "--scan", "scan", "--out", "a.zip")
        assert (2, True) == (said.code, "judged.zip: " in said.err), said.err


def test_the_ledger_names_the_report_that_was_decided_not_the_one_that_lies_there_now(
    judged: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write(report: Any, specs: Any) -> None:
        (judged / "scan" / "report.json").write_bytes(b"another judgement's, meanwhile")

    before = (judged / "scan" / "report.json").read_bytes()
    monkeypatch.setattr("provenance.cli.outputs.write", write)
    assert run("judge", "scan", "--policy", "ours.yaml", "--at", "2026-11-21").code == 1
    (entry,) = [one for one in ledger.read(judged / ".provenance") if one.kind == "judge"]
    assert isinstance(entry, ledger.Entry)
    assert sha256(before).hexdigest() == entry.facts["report"]


def test_what_killed_judgements_left_is_swept_away_and_nothing_else(judged: Path, run: Run) -> None:
    for name in (".report.json.0123456789ab.tmp", ".page.html.0123456789ab.tmp"):
        (judged / "scan" / name).write_bytes(b"half")
    assert run("judge", "scan", "--policy", "ours.yaml").code == 1
    assert [".page.html.0123456789ab.tmp"] == [one.name for one in (judged / "scan").glob(".*.tmp")]


def test_terms_that_change_while_they_are_read_judge_nothing(
    judged: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    overlay = judged / "terms.yaml"
    overlay.write_text(OVERLAY)
    load = terms.load

    def meanwhile(overlays: Any) -> terms.Registry:
        overlay.write_text(f"{OVERLAY}# a word more\n")
        return load(overlays)

    monkeypatch.setattr(terms, "load", meanwhile)
    (judged / "scan" / "report.json").unlink()
    said = run("judge", "scan", "--policy", "clean-room", "--overlay", "terms.yaml")
    assert (2, True) == (said.code, "terms.yaml: changed while it was read (run again)" in said.err), said.err
    assert not (judged / "scan" / "report.json").exists()
