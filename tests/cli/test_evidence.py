"""attest, pack and verify as a user meets them: a line in, text and an exit code out."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from provenance import __version__, ledger
from tests.conftest import Ran
from tests.evidence.conftest import evidence  # noqa: F401
from tests.evidence.making import Made

Run = Callable[..., Ran]


@pytest.fixture
def made(evidence: Made, monkeypatch: pytest.MonkeyPatch) -> Made:  # noqa: F811
    """The folder of a judged scan and all that belongs to it, to be read only."""
    monkeypatch.chdir(evidence.folder)
    return evidence


def payload(path: Path) -> Any:
    return json.loads(base64.b64decode(json.loads(path.read_bytes())["payload"]))


def test_a_label_is_attested_of_its_files(made: Made, run: Run, tmp_path: Path) -> None:
    said = run("attest", "label", made.label, "--key", made.key, "--out", tmp_path / "a.json")
    assert said.code == 0
    assert "signed by " in said.out
    statement = payload(tmp_path / "a.json")
    label = json.loads(made.label.read_bytes())
    assert "https://in-toto.io/Statement/v1" == statement["_type"]
    assert "urn:provenance-cleanroom:label:v1" == statement["predicateType"]
    assert label == statement["predicate"]
    files = label["subject"]["files"]
    assert [{"name": one["path"], "digest": {"sha256": one["sha256"]}} for one in files] == statement["subject"]
    assert run("attest", "label", made.label, "--key", made.key, "--out", tmp_path / "b.json").code == 0
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()


def test_a_verdict_is_a_verification_summary(
    made: Made, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1763715600")
    out = tmp_path / "v.json"
    said = run("attest", "verdict", made.scan, "--label", made.label, "--input", made.attestation, "--out", out)
    assert (said.code, said.out.split(":")[0]) == (0, "unsigned")
    statement = payload(out)
    predicate = statement["predicate"]
    assert "https://slsa.dev/verification_summary/v1" == statement["predicateType"]
    assert "2025-11-21T09:00:00Z" == predicate["timeVerified"]
    assert {"provenance-cleanroom": __version__} == predicate["verifier"]["version"]
    assert ("PASSED", ["PROVENANCE_WARN"]) == (predicate["verificationResult"], predicate["verifiedLevels"])
    assert len(predicate["policy"]["digest"]["sha256"]) == 64
    assert len(predicate["inputAttestations"]) == 1
    root = json.loads(made.label.read_bytes())["subject"]["root"]
    assert f"urn:provenance-cleanroom:dataset:{root}" == predicate["resourceUri"]


def test_a_verdict_is_not_attested_of_another_label_or_policy(made: Made, run: Run, tmp_path: Path) -> None:
    label = json.loads(made.label.read_bytes())
    label["judgement"]["digests"]["all"] = "0" * 32
    (tmp_path / "other.json").write_text(json.dumps(label, indent=2) + "\n")
    out = ("--out", tmp_path / "v.json")
    other = run("attest", "verdict", made.scan, "--label", tmp_path / "other.json", *out)
    assert (2, True) == (other.code, "not of the judgement" in other.err)
    policy = run("attest", "verdict", made.scan, "--label", made.label, "--policy", "audit-only", *out)
    assert policy.code == 2
    assert run("attest", "verdict", made.scan, "--label", made.label, "--time", "noon", *out).code == 2
    assert not (tmp_path / "v.json").exists()


def test_a_pack_has_the_same_bytes_each_time_and_holds(made: Made, run: Run, tmp_path: Path) -> None:
    for name in ("a.zip", "b.zip"):
        said = run("pack", *made.arguments(), "--out", tmp_path / name)
        assert said.code == 0, said.err
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
    assert "its verify.py has SHA-256" in said.out
    good = run("verify", tmp_path / "a.zip", "--public-key", made.public, "--dataset", ".")
    assert (0, "") == (good.code, good.err)
    for told in (
        "signed by the key that was named",
        "only grew",
        "made again",
        "the pack holds",
        "NOT VERIFIED: facts",
    ):
        assert told in good.out
    data = bytearray((tmp_path / "a.zip").read_bytes())
    data[len(data) // 3] ^= 16
    (tmp_path / "a.zip").write_bytes(data)
    bad = run("verify", tmp_path / "a.zip")
    assert bad.code == 1
    assert "FAULT " in bad.out
    assert "the pack does not hold" in bad.out


def test_a_pack_that_would_not_hold_is_not_left_behind(made: Made, run: Run, tmp_path: Path) -> None:
    label = made.label.read_text().replace('"unknown": 28', '"unknown": 27')
    (tmp_path / "label.json").write_text(label)
    for out in (tmp_path / "out.zip", tmp_path / "out"):
        said = run("pack", "--scan", made.scan, "--label", tmp_path / "label.json", "--root", made.folder, "--out", out)
        assert said.code == 1
        assert "FAULT label.json" in said.err
        assert not out.exists()


def test_what_does_not_belong_together_is_not_packed(made: Made, run: Run, tmp_path: Path) -> None:
    out = ("--out", tmp_path / "out.zip")
    (tmp_path / "w.yaml").write_text((made.store / "waivers.yaml").read_text() + "# other\n")
    waivers = run("pack", "--scan", made.scan, "--waivers", tmp_path / "w.yaml", *out)
    assert (2, True) == (waivers.code, "not what the scan was judged by" in waivers.err)
    assert run("pack", "--scan", made.scan, "--policy", "audit-only", *out).code == 2
    assert run("pack", *out).code == 2
    assert run("pack", "--label", made.label, "--since", made.since, *out).code == 2
    assert run("pack", "--scan", tmp_path, *out).code == 2
    assert not (tmp_path / "out.zip").exists()


def test_a_small_pack_says_what_it_leaves_open(made: Made, run: Run, tmp_path: Path) -> None:
    said = run("pack", "--label", made.label, "--out", tmp_path / "small.zip")
    assert said.code == 0
    assert "unsigned" in said.out
    for part in ("ledger", "judgement", "dataset", "MANIFEST.json"):
        assert f"NOT VERIFIED: {part}" in said.err


def test_an_opening_names_a_person_in_the_entries_shown_and_no_other(made: Made, run: Run, tmp_path: Path) -> None:
    shard = ledger.shard(made.store)
    base = ("pack", "--label", made.label, "--store", made.store, "--checkpoint", made.checkpoint)
    said = run(*base, "--entry", f"{shard}:7", "--open", "alice", "--out", tmp_path / "open")
    assert said.code == 0, said.err
    (opening,) = json.loads((tmp_path / "open" / "openings.json").read_bytes())["openings"]
    assert ("alice", "who", f"{shard}:7") == (opening["value"], opening["field"], opening["entry"])
    assert ["00000.json"] == os.listdir(tmp_path / "open" / "ledger" / "entries")
    assert "the packer's word" in said.err
    assert run(*base, "--entry", f"{shard}:1", "--open", "alice", "--out", tmp_path / "no").code == 2
    changed = (tmp_path / "open" / "openings.json").read_text().replace("who", "author")
    (tmp_path / "open" / "openings.json").write_text(changed)
    assert run("verify", tmp_path / "open").code == 1


def test_the_exit_code_of_a_pack_that_is_none(run: Run, tmp_path: Path) -> None:
    assert run("verify", tmp_path / "none.zip").code == 2
    (tmp_path / "words.zip").write_text("words")
    (tmp_path / "empty").mkdir()
    for path in ("words.zip", "empty"):
        said = run("verify", tmp_path / path)
        assert (1, True) == (said.code, "FAULT MANIFEST.json: is missing" in said.out)
    assert run("verify", tmp_path / "empty", "--public-key", tmp_path / "words.zip").code == 2


def test_records_are_written_and_listed(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("USER", "clerk")
    day = ("--day", "2026-11-01")
    assert run("attest", "join", "--side", "clean", "--zone", "pretraining", "--who", "alice", *day).code == 0
    assert run("attest", "release", "0123456789abcdef", "--reviewer", "bob", "--reason", "own work", *day).code == 0
    assert run("attest", "statement", "--reason", "I used none.", "--name", "The Clerk", *day).code == 0
    assert run("attest", "access", "vault/1", "--reason", "review", *day).code == 0
    said = run("attest", "list", "--at", "2026-11-21")
    assert said.code == 0
    for told in ("join", "clean pretraining", "cleared by", "The Clerk", "vault/1", "4 records"):
        assert told in said.out
    assert "alice" not in said.out
    assert run("attest", "join", "--side", "exposed", "--who", "alice", *day).code == 0
    both = run("attest", "list", "--at", "2026-11-21")
    assert (1, True) == (both.code, "on both sides" in both.out)
    assert run("attest", "leave", "--side", "exposed", "--who", "alice", "--day", "2026-11-02").code == 0
    assert run("attest", "list", "--at", "2026-11-21").code == 0
    assert run("attest", "release", "f", "--reviewer", "clerk", "--reason", "mine", *day).code == 2
    assert run("attest", "join", "--side", "clean", "--day", "soon").code == 2


def test_a_baseline_says_clean_only_where_nothing_matches(made: Made, run: Run, tmp_path: Path) -> None:
    said = run("attest", "baseline", made.scan, "--zone", "pretraining", "--store", tmp_path / "store")
    assert said.code == 0
    assert "2 texts match" in said.out
    assert "clean" not in said.out
    (entry,) = [one for one in ledger.read(tmp_path / "store") if isinstance(one, ledger.Entry)]
    assert (2, "warn") == (entry.facts["matched"], entry.facts["verdict"])
