"""Judging again: a pack that was made anew, with digests that all agree, does not hold where its verdict does not."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from provenance.cli.policy import asking
from provenance.evidence import packing, standalone, verifying
from tests.evidence.making import Made

Change = Callable[[bytes], bytes]


def remade(evidence: Made, out: Path, **changes: Change | None) -> Path:
    """The pack with files changed (or left out), its manifest made anew, and nothing in it signed."""
    source = evidence.folder / "evidence"
    parts: packing.Parts = {}
    for path in sorted(one for one in source.rglob("*") if one.is_file()):
        name = path.relative_to(source).as_posix()
        if name not in (standalone.MANIFEST, standalone.SUM) and not name.startswith("attestations/"):
            parts[name] = path.read_bytes()
    for name, change in changes.items():
        before = parts.pop(name)
        if change is not None:
            assert isinstance(before, bytes)
            parts[name] = change(before)
            assert parts[name] != before
    packing.write(out, parts)
    return out


def edited(**values: object) -> Change:
    """Other values at the top of a JSON file."""

    def edit(data: bytes) -> bytes:
        return json.dumps({**json.loads(data), **values}, indent=2).encode()

    return edit


def parts_at_fault(path: Path) -> list[str]:
    return sorted({part for part, _ in verifying.verify(path, asking).faults})


def test_an_honest_pack_made_anew_holds(evidence: Made, tmp_path: Path) -> None:
    outcome = verifying.verify(remade(evidence, tmp_path / "same.zip"), asking)
    assert [] == outcome.faults
    assert any("judgement: made again" in one for one in outcome.verified)
    assert any("counted again: the same" in one for one in outcome.verified)
    assert any("not signed" in one for one in outcome.unverified)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("scan/report.json", edited(rules=[])),
        ("scan/report.json", edited(verdicts={"allow": 2, "warn": 0, "quarantine": 0, "block": 0})),
        ("scan/report.json", edited(zones={})),
        ("scan/report.json", edited(due=[{"rule": "x", "action": "warn", "level": "soft", "count": 1, "why": ""}])),
        ("scan/report.json", edited(captures={"missed": 3})),
    ],
)
def test_a_report_that_the_policy_does_not_give_does_not_hold(
    evidence: Made, tmp_path: Path, name: str, change: Change
) -> None:
    assert [name] == parts_at_fault(remade(evidence, tmp_path / "pack.zip", **{name: change}))


def test_a_milder_verdict_in_report_and_label_alike_does_not_hold(evidence: Made, tmp_path: Path) -> None:
    def label(data: bytes) -> bytes:
        return data.replace(b'"verdict": "warn"', b'"verdict": "allow"')

    path = remade(evidence, tmp_path / "pack.zip", **{"scan/report.json": edited(verdict="allow"), "label.json": label})
    assert not standalone.verify(str(path)).faults, "only judging again shows it"
    assert "scan/report.json" in parts_at_fault(path)


def test_findings_that_are_not_those_of_the_facts_do_not_hold(evidence: Made, tmp_path: Path) -> None:
    import io

    import pyarrow.parquet as pq

    def fewer(data: bytes) -> bytes:
        made = io.BytesIO()
        pq.write_table(pq.read_table(io.BytesIO(data)).slice(1), made)
        return made.getvalue()

    path = remade(evidence, tmp_path / "pack.zip", **{"scan/findings.parquet": fewer})
    assert ["scan/findings.parquet"] == parts_at_fault(path)


@pytest.mark.parametrize(
    ("name", "old", "new", "part"),
    [
        ("policy.yaml", b"action: block", b"action: warn", "policy.yaml"),
        ("waivers.yaml", b"W-1", b"W-2", "waivers.yaml"),
        ("baseline.jsonl", b"todo", b"accepted", "baseline.jsonl"),
        ("terms/shipped/anthropic.yaml", b"anthropic", b"Anthropic", "terms"),
        ("label.json", b'"unknown": 28', b'"unknown": 29', "label.json"),
        ("label.json", b'"records": 30', b'"records": 31', "label.json"),
        ("label.json", b'"tokens": 300', b'"tokens": 301', "label.json"),
        ("label.json", b'  "label": 1', b'   "label": 1', "label.json"),
        ("index/manifest.json", b'"manifest": "', b'"manifest": "0', "index/manifest.json"),
        ("ledger/entries/00002.json", b"train.parquet", b"other.parquet", "ledger/entries/00002.json"),
        ("ledger/entries/00002.json", b'"index":2', b'"index":3', "ledger/entries/00002.json"),
        ("ledger/consistency.json", b'"first":5', b'"first":4', "ledger/consistency.json"),
    ],
)
def test_a_part_that_does_not_belong_is_named(
    evidence: Made, tmp_path: Path, name: str, old: bytes, new: bytes, part: str
) -> None:
    path = remade(evidence, tmp_path / "pack.zip", **{name: lambda data: data.replace(old, new, 1)})
    assert part in parts_at_fault(path)


@pytest.mark.parametrize("name", ["policy.yaml", "waivers.yaml", "baseline.jsonl", "scan/scan.json", "run.json"])
def test_a_part_that_was_left_out_is_missed_where_it_is_needed(evidence: Made, tmp_path: Path, name: str) -> None:
    found = verifying.verify(remade(evidence, tmp_path / "pack.zip", **{name: None}), asking)
    if name == "run.json":
        assert not found.faults, "no zone of this policy is relative"
    else:
        assert found.faults


def test_a_checkpoint_that_someone_made_anew_is_not_signed_by_its_key(evidence: Made, tmp_path: Path) -> None:
    def unsigned(data: bytes) -> bytes:
        return json.dumps({**json.loads(data), "signatures": []}).encode()

    path = remade(evidence, tmp_path / "pack.zip", **{"ledger/checkpoint.json": unsigned})
    outcome = verifying.verify(path, asking)
    assert any(one.startswith("ledger/checkpoint.json: not signed") for one in outcome.unverified)


def test_findings_that_would_not_fit_are_not_unpacked(
    evidence: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import io

    import pyarrow as pa
    import pyarrow.parquet as pq

    def bomb(data: bytes) -> bytes:
        made = io.BytesIO()
        pq.write_table(
            pa.table({"a": pa.array([0] * 3_000_000, pa.int64())}), made, use_dictionary=False, compression="zstd"
        )
        assert len(made.getvalue()) < 20_000
        return made.getvalue()

    monkeypatch.setattr(verifying, "FINDINGS", 1 << 24)
    outcome = verifying.verify(remade(evidence, tmp_path / "pack.zip", **{"scan/findings.parquet": bomb}), asking)
    assert "would unpack to" in outcome.faults[0][1]
