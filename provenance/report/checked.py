"""What ``check`` found, as a report like that of a dataset: one text a file, and nothing is written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from provenance import __version__, committing, entries, fingerprint, index, policy
from provenance.index import Index
from provenance.model import Action, Similarity, Skipped
from provenance.policy import Finding, Judged, Judging, Loaded
from provenance.report import collect
from provenance.report.collect import Report


class Looked(NamedTuple):
    """A file that was looked at, and how much of it."""

    file: str
    size: int
    """Bytes."""
    tokens: int


def _is_declared(one: Judged) -> bool:
    return one.match.similarity is Similarity.NONE


def whole(name: str, text: bytes) -> Looked:
    """A file that counts as a whole."""
    return Looked(name, len(text), len(fingerprint.engine.tokens(text)))


def added(file: committing.Added) -> Looked:
    """A file of which the added lines count."""
    texts = [unit.text[first:end] for unit in committing.units(file) for first, end in unit.added]
    return Looked(file.path, sum(map(len, texts)), sum(len(fingerprint.engine.tokens(text)) for text in texts))


def report(
    findings: Iterable[Finding],
    looked: Iterable[Looked],
    skipped: Iterable[Skipped],
    loaded: Loaded,
    found_in: Index | None,
    store: Path,
    judge: Judging | None = None,
    judged: Mapping[str, str] | None = None,
) -> Report:
    """The report on findings that were judged by the policy against an index, or against records alone.

    All findings are listed. What could not be looked at is allowed, and budgets and missed captures are due for
    datasets alone, as the command's exit code has it. ``judge`` and ``judged`` as ``collect`` has them.
    """
    listed = sorted(findings, key=lambda one: -policy.ORDER.index(one.verdict))
    read = list(looked)
    passed = list(skipped)
    state = index.info(found_in.path) if found_in is not None else None
    folded = collect.Fold(judge or Judging(loaded.policy))
    for finding in listed:
        folded.take(finding)
    digest = state.digest if state else ""
    return Report(
        report=collect.FORMAT,
        tool=f"provenance {__version__}",
        engine=fingerprint.ENGINE,
        recipe=str(fingerprint.RECIPE),
        promise=collect.promise(state),
        verdict=policy.severest(folded.verdicts),
        policy={"name": loaded.policy.name, "source": loaded.source, "digest": loaded.digest},
        index={"digest": digest, "ingredients": state.counts.ingredients if state else 0},
        captures={"missed": entries.missed(store) if store.is_dir() else 0},
        dataset={"files": tuple(dict.fromkeys(one.file for one in read)), "fields": (), "unread": ()},
        counts={
            "rows": len(read),
            "texts": len(read),
            "nulls": 0,
            "bytes": sum(one.size for one in read),
            "tokens": sum(one.tokens for one in read),
            "matched": sum(any(not _is_declared(one) for one in found.matches) for found in listed),
            "skipped": len(passed),
            "declared": sum(any(map(_is_declared, found.matches)) for found in listed),
        },
        verdicts={str(action): folded.verdicts[action] for action in Action},
        matches=folded.said_of_matches(),
        rules=folded.said_of_rules(),
        skipped={
            "action": Action.ALLOW,
            "count": len(passed),
            "reasons": dict(sorted(Counter(one.reason for one in passed).items())),
            "first": passed[: collect.SHOWN_SKIPPED],
        },
        findings=listed,
        findings_omitted=0,
        declared=folded.said_of_declared(),
        judged=dict(judged or {"policy": loaded.digest, "index": digest}),
        waivers=folded.said_of_waivers(),
        baseline=dict(sorted(folded.baseline.items())),
        clauses=folded.said_of_clauses(),
        zones=dict(sorted(Counter(folded.judge.zones(one.file)[0] for one in read).items())),
    )
