"""A finished scan and a policy to a report: judges every match, folds, writes. It prints nothing.

The report is ``report.json`` (docs/format-report.md) and every finding is in ``findings.parquet``. Same scan and
policy, same bytes: no clock, no random id. The report is written last: where it stands, it is of these findings, and
``judged.zip`` beside it holds what it rests on.
"""

from __future__ import annotations

import heapq
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from provenance import entries, files, index, policy, scan
from provenance.fingerprint import RECIPE
from provenance.model import Action, Address, Similarity, Skipped
from provenance.policy import Finding, Judging, Loaded, runs
from provenance.policy.findings import Applied
from provenance.policy.runs import RunDue
from provenance.report import grounds
from provenance.scan import Hit

if TYPE_CHECKING:
    import pyarrow as pa

FORMAT = 1
LISTED = 10_000
"""Findings written into report.json; findings.parquet holds all."""
WAIVER = tuple(one.name for one in msgspec.structs.fields(Applied))
"""Columns of what a waiver says: standing, waiver, reason, basis, approver, expires."""
SHOWN_SKIPPED = 100
SHOWN_DECLARED = 5
ROWS_A_WRITE = 10_000


class Report(msgspec.Struct, frozen=True):
    """The outcome, as ``report.json`` has it."""

    report: int
    tool: str
    engine: str
    recipe: str
    promise: str
    verdict: Action
    policy: dict[str, str]
    index: dict[str, Any]
    captures: dict[str, int]
    """missed: captures that hooks could not make, as the store's ledger records them."""
    dataset: dict[str, tuple[str, ...]]
    counts: dict[str, int]
    """rows, texts, nulls, bytes, tokens, matched (texts with a match of any grade), skipped, declared (texts that
    declare themselves)."""
    verdicts: dict[str, int]
    """Texts that match or declare themselves, by verdict."""
    matches: list[dict[str, Any]]
    """Matches by similarity, grade, evidence, provider and action."""
    rules: list[dict[str, Any]]
    """The rules that decided, in the policy's order: rule, action, message, texts."""
    skipped: dict[str, Any]
    """The action due, count, reasons (their numbers as N), and the first hundred."""
    findings: list[Finding]
    """The most severe first, then in the dataset's order."""
    findings_omitted: int
    declared: list[dict[str, Any]] = []
    """What texts say of themselves: kind, assistant, provider, texts, the first few addresses. Reports written before
    there were signals have none, nor what follows."""
    judged: dict[str, str] = {}
    """The digests of policy, waivers, baseline, registry and index, and ``all`` of them together; the day, use and team
    that the texts were judged for."""
    due: list[RunDue] = []
    """What is due for the run as a whole: budgets, rows not read, captures missed."""
    waivers: list[dict[str, Any]] = []
    """Every waiver that names a text which something stops: waiver, standing, reason, basis, approver, expires,
    texts."""
    baseline: dict[str, int] = {}
    """Texts that stand in the baseline, by disposition."""
    clauses: list[dict[str, Any]] = []
    """Clauses of terms on matched outputs: id, texts, and for how many of these it is sure to apply (sure)."""
    zones: dict[str, int] = {}
    """Texts read, by zone; those in none under the empty name."""


def promise(state: index.Info | None) -> str:
    """The guarantee of the recipe in use, with what it does not cover in this index."""
    text = (
        f"Every run of {RECIPE.t} or more tokens that a text shares with a passage of an indexed output, verbatim "
        "up to white space, is found, and so is every such run shared up to consistent renaming, except where a whole "
        "window is suppressed or, for renaming, has no structured gram. A run that is found without variety, or is too "
        "short for a copy, is listed as an idiom and never blocks."
    )
    if state is None:
        return text
    counts = state.counts
    return (
        f"{text} Of {counts.windows:,} windows in this index {counts.windows_floor:,} are suppressed by the "
        f"distinct floor, {counts.windows_commons:,} by commons ({', '.join(state.commons) or 'none'}), and "
        f"{counts.windows_literal:,} are covered verbatim only; {counts.short_ingredients:,} outputs "
        f"({counts.short_tokens:,} of {counts.all_tokens:,} tokens) are too short for a gram and are found as "
        "whole texts only."
    )


def collect(
    out: Path,
    loaded: Loaded,
    index_path: Path | None = None,
    store: Path | None = None,
    judge: Judging | None = None,
    judged: Mapping[str, str] | None = None,
    rests_on: Mapping[str, bytes] | None = None,
) -> Report:
    """Judge a finished scan and leave ``report.json`` and ``findings.parquet`` in its folder.

    ``index_path`` is the index that the scan used, for the promise's figures, ``store`` the one whose
    ledger counts the missed captures; the dataset is not read. ``judge`` has waivers, baseline, terms and day beside
    the policy, ``judged`` names them in the report and ``rests_on`` has their bytes (``grounds``); without it the
    policy judges alone, and nothing is kept of it.
    """
    done = scan.load(out)
    judge = judge or Judging(loaded.policy)
    judged = judged or {"policy": loaded.digest, "index": done.index}
    with files.locked(out / "lock", wait=False):
        (out / "report.json").unlink(missing_ok=True)
        folded = Fold(judge)
        with files.replacing(out / "findings.parquet") as file:
            _write(file, folded.through(scan.read(out, done)))
        state = index.info(index_path) if index_path is not None else None
        missed = entries.missed(store) if store else 0
        report = _report(out, done, folded, loaded, promise(state), missed, judged)
        grounds.write(out, rests_on or {})
        with files.replacing(out / "report.json") as file:
            file.write(encode(report))
        # Of its own files only: a page or label may be on its way into this folder.
        for name in ("findings.parquet", grounds.PLACE, "report.json"):
            for left in out.glob(f".{name}.*.tmp"):
                left.unlink(missing_ok=True)
    return report


def encode(report: Report) -> bytes:
    """The bytes of ``report.json``."""
    return msgspec.json.format(msgspec.json.encode(report)) + b"\n"


def _report(
    out: Path, done: scan.Scan, folded: Fold, loaded: Loaded, promised: str, missed: int, judged: Mapping[str, str]
) -> Report:
    zones: Counter[str] = Counter()
    for file, texts in scan.texts_by_file(out, done):
        zones[folded.judge.zones(file)[0]] += texts
    skipped = sum(folded.skipped.values())
    due = runs.due(folded.judge, folded.counted, zones, skipped, missed)
    return Report(
        report=FORMAT,
        tool=done.tool,
        engine=done.engine,
        recipe=done.recipe,
        promise=promised,
        verdict=policy.severest([*folded.verdicts, *(one.action for one in due)]),
        policy={"name": loaded.policy.name, "source": loaded.source, "digest": loaded.digest},
        index={"digest": done.index, "ingredients": done.ingredients},
        captures={"missed": missed},
        dataset={"files": done.files, "fields": done.fields, "unread": done.unread},
        counts={
            ("bytes" if name == "size" else name): done.total(name)
            for name in ("rows", "texts", "nulls", "size", "tokens", "matched", "skipped", "declared")
        },
        verdicts={str(action): folded.verdicts[action] for action in Action},
        matches=folded.said_of_matches(),
        rules=folded.said_of_rules(),
        skipped={
            "action": next((one.action for one in due if one.rule == runs.SKIPPED), Action.ALLOW),
            "count": skipped,
            "reasons": dict(sorted(folded.skipped.items())),
            "first": folded.first,
        },
        findings=folded.listed(),
        findings_omitted=max(0, sum(folded.verdicts.values()) - LISTED),
        declared=folded.said_of_declared(),
        judged=dict(judged),
        due=list(due),
        waivers=folded.said_of_waivers(),
        baseline=dict(sorted(folded.baseline.items())),
        clauses=folded.said_of_clauses(),
        zones=dict(sorted(zones.items())),
    )


class Fold:
    """What is kept of a stream of findings: counts, and the most severe ones."""

    def __init__(self, judge: Judging) -> None:
        self.judge = judge
        self.counted: Counter[tuple[str, Action]] = Counter()
        self.waivers: Counter[Applied] = Counter()
        self.baseline: Counter[str] = Counter()
        self.clauses: Counter[str] = Counter()
        self.sure: Counter[str] = Counter()
        self.verdicts: Counter[Action] = Counter()
        self.rules: Counter[str] = Counter()
        self.matches: Counter[tuple[str, ...]] = Counter()
        self.declared: Counter[tuple[str, str, str]] = Counter()
        self.declared_first: dict[tuple[str, str, str], list[Address]] = {}
        self.skipped: Counter[str] = Counter()
        self.first: list[Skipped] = []
        self.heap: list[tuple[int, int, Finding]] = []

    def through(self, hits: Iterable[Hit | Skipped]) -> Iterator[Finding]:
        """The findings of a scan, each folded on its way."""
        for number, hit in enumerate(hits):
            if isinstance(hit, Skipped):
                self._skip(hit)
                continue
            finding = self.judge(hit.address, hit.content, hit.tokens, hit.matches)
            self.take(finding)
            entry = (policy.ORDER.index(finding.verdict), -number, finding)
            if len(self.heap) < LISTED:
                heapq.heappush(self.heap, entry)
            else:
                heapq.heappushpop(self.heap, entry)
            yield finding

    def take(self, finding: Finding) -> None:
        """Count a finding."""
        self.verdicts[finding.verdict] += 1
        self.rules[finding.rule] += 1
        for one in finding.matches:
            facts = one.match
            key = (facts.similarity, facts.grade, facts.evidence, facts.origin.provider, one.action)
            self.matches[tuple(map(str, key))] += 1
        self._declare(finding)
        self._standing(finding)

    def _declare(self, finding: Finding) -> None:
        matches = [one.match for one in finding.matches if one.match.similarity is Similarity.NONE]
        for key in sorted({(one.kind, one.origin.tool, one.origin.provider) for one in matches}):
            self.declared[key] += 1
            first = self.declared_first.setdefault(key, [])
            if len(first) < SHOWN_DECLARED:
                first.append(finding.address)

    def _standing(self, finding: Finding) -> None:
        """What waivers, baseline and terms say of a finding, and whether budgets count it."""
        if runs.is_counted(finding):
            self.counted[finding.zone, finding.verdict] += 1
        if finding.baseline:
            self.baseline[finding.baseline] += 1
        self.waivers.update({one.waiver for one in finding.matches if one.waiver is not None})
        self.clauses.update({clause for one in finding.matches for clause in one.clauses})
        self.sure.update({clause for one in finding.matches for clause in one.clauses if clause not in one.assumed})

    def _skip(self, row: Skipped) -> None:
        # "not UTF-8 at byte 17 of the line" is one reason, whatever the byte.
        self.skipped[re.sub(r"(?<= )\d+", "N", row.reason.split(":")[0])] += 1
        if len(self.first) < SHOWN_SKIPPED:
            self.first.append(row)

    def said_of_matches(self) -> list[dict[str, Any]]:
        """``Report.matches``."""
        names = ("similarity", "grade", "evidence", "provider", "action", "count")
        return [dict(zip(names, (*key, count), strict=True)) for key, count in sorted(self.matches.items())]

    def said_of_rules(self) -> list[dict[str, Any]]:
        """``Report.rules``."""
        return [
            {"rule": rule.id, "action": rule.action, "message": rule.message, "texts": self.rules[rule.id]}
            for rule in self.judge.policy.rules
            if self.rules[rule.id]
        ]

    def said_of_declared(self) -> list[dict[str, Any]]:
        """``Report.declared``."""
        names = ("kind", "assistant", "provider")
        return [
            {**dict(zip(names, key, strict=True)), "texts": count, "first": self.declared_first[key]}
            for key, count in sorted(self.declared.items())
        ]

    def said_of_waivers(self) -> list[dict[str, Any]]:
        """``Report.waivers``."""
        counted = sorted(self.waivers.items(), key=lambda one: (one[0].waiver, one[0].standing))
        return [{**msgspec.structs.asdict(waiver), "texts": count} for waiver, count in counted]

    def said_of_clauses(self) -> list[dict[str, Any]]:
        """``Report.clauses``."""
        return [{"id": one, "texts": count, "sure": self.sure[one]} for one, count in sorted(self.clauses.items())]

    def listed(self) -> list[Finding]:
        """The most severe findings first, equals in the dataset's order."""
        return [finding for _, _, finding in sorted(self.heap, key=lambda entry: (-entry[0], -entry[1]))]


def _write(file: Any, findings: Iterator[Finding]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = _schema()
    with pq.ParquetWriter(file, schema, compression="zstd") as writer:
        rows: list[dict[str, Any]] = []
        for finding in findings:
            rows.extend(_rows(finding))
            if len(rows) >= ROWS_A_WRITE:
                writer.write_table(pa.Table.from_pylist(rows, schema))
                rows = []
        writer.write_table(pa.Table.from_pylist(rows, schema))


def _rows(finding: Finding) -> Iterator[dict[str, Any]]:
    """One row a match, with the finding's own columns repeated."""
    head = {
        "finding": finding.id,
        "file": finding.address.file,
        "row": finding.address.row,
        "field": finding.address.field,
        "content": finding.content,
        "unit_tokens": finding.tokens,
        "verdict": str(finding.verdict),
        "zone": finding.zone,
        "use": finding.use,
        "baseline": finding.baseline,
    }
    for one in finding.matches:
        facts = msgspec.structs.asdict(one.match)
        origin = facts.pop("origin")
        opinion = {
            "action": str(one.action),
            "rule": one.rule,
            "level": str(one.level),
            "would": str(one.would or one.action),
            "clauses": list(one.clauses),
            "assumed": list(one.assumed),
            **(msgspec.structs.asdict(one.waiver) if one.waiver else dict.fromkeys(WAIVER, "")),
        }
        yield head | opinion | facts | msgspec.structs.asdict(origin)


def _schema() -> pa.Schema:
    import pyarrow as pa

    names = ("finding", "file", "row", "field", "content", "unit_tokens", "verdict", "zone", "use", "baseline")
    kinds = {name: pa.int64() if name in ("row", "unit_tokens") else pa.string() for name in names}
    kinds |= dict.fromkeys(("action", "rule", "level", "would"), pa.string())
    kinds |= dict.fromkeys(("clauses", "assumed"), pa.list_(pa.string()))
    kinds |= dict.fromkeys(WAIVER, pa.string())
    kinds |= scan.fact_kinds()
    return pa.schema(list(kinds.items()))
