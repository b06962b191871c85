"""A judged scan of made-up data with all that a pack holds, made by the commands a user has."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from provenance import index, ledger
from provenance.cli import group
from provenance.evidence import records
from tests.making import code, ingredient


class Made(NamedTuple):
    """Where everything is."""

    folder: Path
    store: Path
    scan: Path
    label: Path
    key: Path
    public: Path
    attestation: Path
    verdict: Path
    since: Path
    checkpoint: Path

    def arguments(self) -> list[str]:
        """The options of ``pack`` that put all of it in."""
        named = {
            "--store": self.store,
            "--scan": self.scan,
            "--label": self.label,
            "--report": self.folder / "report.html",
            "--attestation": self.attestation,
            "--checkpoint": self.checkpoint,
            "--since": self.since,
            "--key": self.key,
            "--root": self.folder,
        }
        pairs = [str(one) for pair in named.items() for one in pair]
        return [*pairs, "--attestation", str(self.verdict), "--command", "provenance gate train.parquet"]


def call(*arguments: object) -> int:
    """A command line, in this process."""
    try:
        code = group.main([str(one) for one in arguments], standalone_mode=False)
    except SystemExit as left:
        code = left.code
    return code if isinstance(code, int) else 0


def keypair(private: Path, public: Path) -> None:
    """An Ed25519 key pair as openssl writes it."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.generate()
    encoding, spki = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    private.write_bytes(key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    public.write_bytes(key.public_key().public_bytes(encoding, spki))


def made(folder: Path, rows: int = 30) -> Made:
    """A dataset of which a few rows match, scanned, judged with waivers and baseline, labelled and attested."""
    os.chdir(folder)
    store, scan = Path(".provenance"), Path("scan")
    output = " ".join(code(1, 200))
    index.build(store / "index", [ingredient(output), ingredient(" ".join(code(2, 300)), call="c2")])
    texts = [" ".join(code(seed, 120)) for seed in range(100, 100 + rows)]
    texts[3] += " " + output
    texts[7] = " ".join(code(2, 300))
    pq.write_table(pa.table({"text": texts}), "train.parquet")
    private, public = Path("private.pem"), Path("public.pem")
    keypair(private, public)
    Path("report.html").write_text("<!doctype html><title>Report</title><p>made up\n")
    day = ("--at", "2026-11-21")
    assert call("scan", "train.parquet", "--store", store, "--out", scan, "--quiet") == 0
    assert call("judge", scan, "--store", store, *day) == 1
    assert call("baseline", "write", scan, "--out", store / "baseline.jsonl") in (0, 1)
    (store / "waivers.yaml").write_text(WAIVERS)
    call("judge", scan, "--store", store, *day)
    assert call("label", "train.parquet", "--scan", scan, "--store", store, "--out", "train.label.json", "-q") == 0
    assert call("attest", "label", "train.label.json", "--key", private, "--out", "label.att.json") == 0
    verdict = ("--input", "label.att.json", "--time", "2026-11-21T09:00:00Z", "--key", private, "--out", "verdict.json")
    assert call("attest", "verdict", scan, "--label", "train.label.json", *verdict) == 0
    for number in range(5):
        ledger.append(store, "gate", {"datasets": ["train.parquet"], "exit": number})
    assert call("ledger", "checkpoint", "--store", store, "--key", private, "--out", "since.json") == 0
    assert call("attest", "join", "--store", store, "--side", "clean", "--who", "alice", "--key", private) == 0
    assert call("ledger", "checkpoint", "--store", store, "--key", private, "--out", "checkpoint.json") == 0
    assert records.records(store)
    names = ("train.label.json", "private.pem", "public.pem", "label.att.json", "verdict.json")
    paths = [Path(name) for name in (*names, "since.json", "checkpoint.json")]
    return Made(folder, store, scan, *paths)


WAIVERS = """\
version: 1
waivers:
  - id: W-1
    finding: "0123456789abcdef"
    reason: "a waiver that names no finding of this scan"
    basis: own prior work
    approver: legal
    approved: 2026-11-01
    expires: 2027-01-01
"""
