"""Judging again: a pack that was made anew, with digests that all agree, does not hold where its verdict does not."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from provenance import dsse, ledger, standalone
from provenance.cli.policy import asking
from provenance.evidence import packing, verifying
from provenance.label import merging, reading
from provenance.ledger import checkpoint, proof, verify
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
    assert name in parts_at_fault(remade(evidence, tmp_path / "pack.zip", **{name: change}))


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
        ("label.json", b'"missed_captures": 0', b'"missed_captures": 1', "label.json"),
        ("label.json", b'"engine": "', b'"engine": "another ', "label.json"),
        ("label.json", b'"day": "2026-11-21"', b'"day": "2026-11-22"', "label.json"),
        ("label.json", b'"policy": "', b'"policy": "other-', "label.json"),
        ("ledger/checkpoint.json", b'"payloadType":"', b'"payloadType":"x', "ledger"),
        ("index/manifest.json", b'"manifest": "', b'"manifest": "0', "index/manifest.json"),
        ("ledger/entries/00002.json", b"train.parquet", b"other.parquet", "ledger/entries/00002.json"),
        ("ledger/entries/00002.json", b'"index":2', b'"index":3', "ledger/entries/00002.json"),
        ("ledger/consistency.json", b'"first":7', b'"first":6', "ledger/consistency.json"),
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
    assert any("ledger/checkpoint.json: not signed" in one for one in outcome.unverified)


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


def parts_of(evidence: Made) -> packing.Parts:
    source = evidence.folder / "evidence"
    names = sorted(one.relative_to(source).as_posix() for one in source.rglob("*") if one.is_file())
    return {one: (source / one).read_bytes() for one in names if one not in (standalone.MANIFEST, standalone.SUM)}


def faults_of(path: Path, parts: packing.Parts) -> dict[str, str]:
    packing.write(path, parts)
    return dict(standalone.verify(str(path)).faults)


def resealed(data: bytes, kind: str = standalone.PAYLOAD, **changes: object) -> bytes:
    """An envelope with another predicate, by nobody."""
    said = json.loads(standalone.envelope(data).payload)
    said["predicate"].update(changes)
    return dsse.sealed(kind, ledger.canonical(said), [])


def test_a_statement_of_another_judgement_or_under_another_type_does_not_hold(evidence: Made, tmp_path: Path) -> None:
    parts = parts_of(evidence)
    name = next(one for one in parts if one.endswith("verdict.json"))
    data = parts[name]
    assert isinstance(data, bytes)
    policy = json.loads(standalone.envelope(data).payload)["predicate"]["policy"]
    later = {**policy, "annotations": {"judged": {**policy["annotations"]["judged"], "day": "2026-11-22"}}}
    for changed, why in (
        (resealed(data, policy=later), "another judgement"),
        (resealed(data, policy={**policy, "digest": {"sha256": "0" * 64}}), "policy"),
        (resealed(data, verificationResult="FAILED"), "says FAILED"),
        (resealed(data, verifiedLevels=["PROVENANCE_ALLOW"]), "levels"),
        (resealed(data, kind="text/plain"), "no in-toto Statement"),
    ):
        assert why in faults_of(tmp_path / "pack.zip", {**parts, name: changed})[name]


def test_a_statement_without_a_label_beside_it_is_not_called_verified(evidence: Made, tmp_path: Path) -> None:
    parts = {name: data for name, data in parts_of(evidence).items() if name.startswith("attestations/")}
    packing.write(tmp_path / "pack.zip", parts)
    outcome = standalone.verify(str(tmp_path / "pack.zip"))
    assert not any("attestations" in one for one in outcome.verified)
    assert any("no label.json in the pack to compare it with" in one for one in outcome.unverified)


def test_an_earlier_checkpoint_that_is_not_earlier_does_not_hold(evidence: Made, tmp_path: Path) -> None:
    parts = parts_of(evidence)
    same = packing.of_ledger(evidence.folder / evidence.store, evidence.folder / evidence.checkpoint)
    now = checkpoint.load(evidence.folder / evidence.checkpoint)
    grown = ledger.canonical(msgspec.to_builtins(proof.of_growth(evidence.folder / evidence.store, now, now)))
    found = faults_of(
        tmp_path / "pack.zip",
        {**parts, "ledger/since.json": same["ledger/checkpoint.json"], "ledger/consistency.json": grown},
    )
    assert "is no earlier checkpoint" in found["ledger/since.json"]
    outcome = standalone.verify(str(tmp_path / "pack.zip"))
    assert not any("only grew" in one for one in outcome.verified)


def test_an_entry_is_shown_once_and_is_one(evidence: Made, tmp_path: Path) -> None:
    parts = parts_of(evidence)
    parts["ledger/entries/99999.json"] = parts["ledger/entries/00000.json"]
    assert "which another file shows" in faults_of(tmp_path / "pack.zip", parts)["ledger/entries/99999.json"]


def with_record(evidence: Made, folder: Path, **changes: str) -> packing.Parts:
    """The entries of a ledger whose one record was signed, and then changed."""
    facts = next(
        dict(one.facts)
        for one in ledger.read(evidence.folder / evidence.store)
        if isinstance(one, ledger.Entry) and one.kind == "attested"
    )
    store = folder / "store"
    ledger.append(store, "attested", {**facts, **changes})
    shards = verify.verify(store, [])
    made = checkpoint.make([one.head for one in shards], "2026-11-21T00:00:00.000Z")
    (folder / "now.json").write_bytes(made)
    return packing.of_ledger(store, folder / "now.json")


def test_the_signature_of_a_record_is_checked(evidence: Made, tmp_path: Path) -> None:
    public = dsse.public(evidence.folder / evidence.public)
    parts = with_record(evidence, tmp_path)
    packing.write(tmp_path / "sound.zip", parts)
    sound = standalone.verify(str(tmp_path / "sound.zip"))
    assert any("records in the ledger: 1 signed by a key that is not here" in one for one in sound.unverified)
    packing.write(tmp_path / "brought.zip", parts, keys=[public])
    brought = standalone.verify(str(tmp_path / "brought.zip"))
    assert any("records in the ledger: 1 signed by a key that the pack itself" in one for one in brought.unverified)
    (tmp_path / "other").mkdir()
    packing.write(tmp_path / "forged.zip", with_record(evidence, tmp_path / "other", side="exposed"), keys=[public])
    forged = dict(standalone.verify(str(tmp_path / "forged.zip")).faults)
    assert f"the signature does not hold: key {public.keyid}" == forged["ledger/entries/00000.json"]


def test_an_entry_that_names_the_report_is_said(evidence: Made, tmp_path: Path) -> None:
    parts = parts_of(evidence)
    packing.write(tmp_path / "with.zip", parts)
    outcome = standalone.verify(str(tmp_path / "with.zip"))
    assert not outcome.faults
    assert any("scan/report.json is what an entry names" in one for one in outcome.verified)
    store = tmp_path / "store"
    ledger.append(store, "gate", {"report": hashlib.sha256(b"another report").hexdigest(), "exit": 1})
    (tmp_path / "now.json").write_bytes(
        checkpoint.make([one.head for one in verify.verify(store, [])], "2026-11-21T00:00:00.000Z")
    )
    others = {name: data for name, data in parts.items() if not name.startswith(("ledger/", "openings"))}
    packing.write(tmp_path / "without.zip", {**others, **packing.of_ledger(store, tmp_path / "now.json")})
    outcome = standalone.verify(str(tmp_path / "without.zip"))
    assert not outcome.faults
    assert any("names scan/report.json" in one for one in outcome.unverified)


def test_many_proofs_are_those_of_each_entry(tmp_path: Path) -> None:
    store = tmp_path / "store"
    for number in range(21):
        ledger.append(store, "gate" if number % 3 else "index", {"number": number})
    (tmp_path / "now.json").write_bytes(
        checkpoint.make([one.head for one in verify.verify(store, [])], "2026-11-21T00:00:00.000Z")
    )
    now = checkpoint.load(tmp_path / "now.json")
    shown = [
        json.loads(data) for name, data in packing.of_ledger(store, tmp_path / "now.json").items() if "/ent" in name
    ]
    assert [number for number in range(21) if number % 3] == [one["index"] for one in shown]
    (shard,) = now.heads
    alone = [proof.of_entry(store, f"{shard}:{one['index']}", now) for one in shown]
    assert [msgspec.json.encode(one) for one in alone] == [
        msgspec.json.encode(msgspec.convert(one, proof.Inclusion)) for one in shown
    ]


def test_what_a_label_says_of_its_parents_is_what_they_say(evidence: Made, tmp_path: Path) -> None:
    label = evidence.folder / evidence.label
    read = reading.load(label)
    honest = reading.parent_of(read, "filter")
    content = ""
    for parent, fault in ((honest, False), (msgspec.structs.replace(honest, records=99), True)):
        made = msgspec.structs.replace(read.label, parents=(parent,), contents=content)
        parts: packing.Parts = {"label.json": reading.encode(made), "parents/p.json": label.read_bytes()}
        assert fault == ("label.json" in faults_of(tmp_path / "pack.zip", parts))
    other: packing.Parts = {"label.json": reading.encode(made), "parents/p.json": b"{}"}
    assert "parents/p.json" in faults_of(tmp_path / "pack.zip", other)


def test_a_merged_label_sums_up_its_parts(evidence: Made, tmp_path: Path) -> None:
    label = evidence.folder / evidence.label
    part = reading.load(label)
    merging.merge([part], "whole", tmp_path / "whole.json")
    whole = reading.load(tmp_path / "whole.json").label
    assert "2026-11-21" == whole.judgement.day
    parts: packing.Parts = {"label.json": tmp_path / "whole.json", "parents/p.json": label}
    assert {} == faults_of(tmp_path / "pack.zip", parts)
    more = msgspec.structs.replace(whole, totals=msgspec.structs.replace(whole.totals, texts=99))
    digests = {**whole.judgement.digests, "policy": "0" * 32}
    judged = msgspec.structs.replace(whole, judgement=msgspec.structs.replace(whole.judgement, digests=digests))
    for forged in (more, judged):
        assert "label.json" in faults_of(tmp_path / "pack.zip", {**parts, "label.json": reading.encode(forged)})
