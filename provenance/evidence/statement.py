"""in-toto Statements, version 1: what is said of which files, by digest. Pure: same inputs, same bytes.

Sources: in-toto/attestation, spec/v1 (statement.md, resource_descriptor.md, field_types.md); SLSA Verification Summary
Attestation, https://slsa.dev/verification_summary/v1.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Any
from urllib.parse import quote

from provenance import ledger
from provenance.errors import StoreError
from provenance.standalone import LABEL_TYPE, PACK, PACK_TYPE, STATEMENT, VSA_TYPE

NAMESPACE = "urn:provenance-cleanroom"
"""Of the project's own types; in-toto asks of a TypeURI that it be unlikely to collide, not that it resolve."""
TOOL = f"{NAMESPACE}:tool"
PASSING = ("allow", "warn")


def of_label(label: Mapping[str, Any]) -> bytes:
    """The payload that says a label of its dataset's files."""
    return _payload(_subjects(label), LABEL_TYPE, label)


def of_verdict(
    report: Mapping[str, Any],
    label: Mapping[str, Any],
    policy: bytes,
    time: str,
    uri: str = "",
    inputs: Iterable[tuple[str, bytes]] = (),
) -> bytes:
    """The payload of a verification summary: this policy, applied to this dataset, passed or failed.

    ``report`` is of the scan that was judged, ``policy`` the bytes of its file, ``inputs`` names and bytes of
    attestations that it rests on, ``time`` RFC 3339 in UTC. Raises StoreError where report, label and policy do not
    speak of the same judgement.
    """
    judged = report.get("judged") or {}
    digest = sha256(policy).hexdigest()
    if digest[:32] != report["policy"]["digest"]:
        raise StoreError("the policy is not the one that the report was judged by (name it with --policy)")
    if not judged.get("all") or label["judgement"]["digests"].get("all") != judged["all"]:
        raise StoreError("the label is not of the judgement in this scan's report (judge again, then label again)")
    if label["judgement"]["verdict"] != report["verdict"]:
        raise StoreError("the label has another verdict than this scan's report (label again)")
    verdict = report["verdict"]
    passed = verdict in PASSING
    annotations = {name: value for name, value in sorted(judged.items()) if value}
    predicate = {
        "verifier": {"id": TOOL, "version": {"provenance-cleanroom": report["tool"].removeprefix("provenance ")}},
        "timeVerified": time,
        "resourceUri": uri or f"{NAMESPACE}:dataset:{label['subject']['root']}",
        "policy": {
            "uri": f"{NAMESPACE}:policy:{quote(report['policy']['name'], safe='')}",
            "digest": {"sha256": digest},
            "annotations": {"judged": annotations},
        },
        "inputAttestations": [
            {"uri": f"{NAMESPACE}:attestation:{quote(name, safe='')}", "digest": {"sha256": sha256(data).hexdigest()}}
            for name, data in inputs
        ],
        "verificationResult": "PASSED" if passed else "FAILED",
        "verifiedLevels": [f"PROVENANCE_{verdict.upper()}" if passed else "FAILED"],
    }
    return _payload(_subjects(label), VSA_TYPE, predicate)


def of_pack(files: Mapping[str, tuple[int, str]], tool: str) -> bytes:
    """The payload of a pack's manifest: size and SHA-256 of every file in it, by name."""
    subjects = [{"name": name, "digest": {"sha256": digest}} for name, (_, digest) in sorted(files.items())]
    sizes = {name: size for name, (size, _) in files.items()}
    return _payload(subjects, PACK_TYPE, {"pack": PACK, "sizes": sizes, "tool": tool})


def _subjects(label: Mapping[str, Any]) -> list[dict[str, Any]]:
    files = label["subject"]["files"]
    if not files:
        raise StoreError("the label names no file, and a statement is of files (label a dataset that has some)")
    return [{"name": one["path"], "digest": {"sha256": one["sha256"]}} for one in files]


def _payload(subjects: list[dict[str, Any]], kind: str, predicate: Mapping[str, Any]) -> bytes:
    return ledger.canonical({"_type": STATEMENT, "subject": subjects, "predicateType": kind, "predicate": predicate})
