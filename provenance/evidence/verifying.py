"""What the installed tool verifies of a pack: all that the one inside does, and the judgement, made again."""

from __future__ import annotations

import functools
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec

from provenance import policy, scan, standalone, terms
from provenance.errors import ProvenanceError, StoreError
from provenance.evidence import packing
from provenance.label import reading
from provenance.label.form import Label
from provenance.policy import Judging, Loaded, Policy, Use, baseline, runs, schema, waivers
from provenance.policy.judge import Resolve
from provenance.report import collect
from provenance.standalone import Key, Outcome, Pack
from provenance.terms import Registry
from provenance.words import UNKNOWN

Asking = Callable[[Callable[[], Registry], Policy], Resolve]
"""How a policy asks a registry of terms."""
FINDINGS = 1 << 33
"""Bytes of facts or findings, unpacked, that are read: as their files say, before they are."""
APART = {"promise", "captures", "due", "verdict"}
"""What a report takes from index and ledger too; due and verdict are compared by themselves."""


def verify(path: Path, asking: Asking, keys: Sequence[Key] = (), dataset: Path | None = None) -> Outcome:
    """Verify a pack and judge again. StoreError where it cannot be read at all."""
    try:
        pack, outcome = standalone.verify_opened(str(path), keys, str(dataset) if dataset is not None else "")
        _verifier(pack, outcome)
        if outcome.faults:
            outcome.unverified.append("judgement: not made again, since a part does not hold")
            return outcome
        if "label.json" in pack.files:
            _label(pack, outcome)
        if "scan/report.json" in pack.files:
            _judgement(pack, asking, outcome)
    except OSError as error:
        raise StoreError(f"{path}: cannot be read: {error.strerror or error} (name an evidence pack)") from error
    return outcome


def _verifier(pack: Pack, outcome: Outcome) -> None:
    ours = sha256(packing.verifier()).hexdigest()
    if "verify.py" in pack.files and pack.files["verify.py"].sha256 != ours:
        outcome.unverified.append("verify.py: not the one of this version; it was not run, nor looked at")


def _label(pack: Pack, outcome: Outcome) -> None:
    try:
        reading.parse(pack.read("label.json"), "label.json")
    except (StoreError, ValueError) as error:
        outcome.fault("label.json", str(error))


def _judgement(pack: Pack, asking: Asking, outcome: Outcome) -> None:
    """The packed policy, waivers, baseline and terms, applied to the packed facts: the same findings and report."""
    try:
        import pyarrow as pa
    except ImportError:
        outcome.unverified.append("judgement: not made again: no pyarrow (pip install 'provenance-cleanroom[data]')")
        return
    part = "scan"
    try:
        with _unpacked(pack) as folder:
            report = msgspec.json.decode((folder / "report.json").read_bytes(), type=dict[str, Any])
            theirs = _findings(folder)
            for one in (folder / "parts").glob("*.parquet"):
                _check_size(one)
            judging, loaded = _judging(pack, report, asking)
            again = collect.collect(folder, loaded, None, None, judging, report["judged"])
            part = "scan/findings.parquet"
            if not _findings(folder).equals(theirs):
                outcome.fault(part, "are not the findings that the packed policy gives of the packed facts")
            part = "scan/report.json"
            made = msgspec.json.decode(msgspec.json.encode(again), type=dict[str, Any])
            for key in sorted((set(made) | set(report)) - APART):
                if made.get(key) != report.get(key):
                    outcome.fault(part, f"its '{key}' is not what the packed policy gives of the packed facts")
            missed = report["captures"]["missed"]
            due = (*again.due, *runs.due(judging, {}, {}, 0, missed))
            verdict = policy.severest([again.verdict, *(one.action for one in due)])
            if verdict != report["verdict"]:
                outcome.fault(part, f"says '{report['verdict']}'; judged again it is '{verdict}'")
            if msgspec.json.decode(msgspec.json.encode(due)) != report["due"]:
                outcome.fault(part, "its 'due' is not what the packed policy gives of the packed facts")
            part = "label.json"
            if part in pack.files and not outcome.faults:
                _made_again(pack, folder, report, outcome)
    except (ProvenanceError, OSError, ValueError, TypeError, LookupError, ArithmeticError, pa.ArrowException) as error:
        outcome.fault(part, f"could not be judged again: {type(error).__name__}: {str(error)[:300]}")
        return
    if not outcome.faults:
        outcome.verified.append(
            f"judgement: made again with the packed policy, waivers, baseline and terms: the same "
            f"{sum(report['verdicts'].values()):,} findings, verdict {report['verdict']}"
        )
        outcome.unverified.append(
            "facts: the scan was not made again (that needs dataset and index); the promise's figures and the number "
            "of missed captures are as the report has them"
        )


def _made_again(pack: Pack, folder: Path, report: dict[str, Any], outcome: Outcome) -> None:
    """All that a label says, but the digests of the dataset, against scan, findings, report and terms."""
    label = reading.parse(pack.read("label.json"), "label.json")
    done = scan.load(folder)
    names = [one.path for one in label.subject.files]
    if sorted(names) != sorted(set(done.files)):
        outcome.fault("label.json", "its files are not those of the scan")
        return
    try:
        from provenance.label import tallying

        with tallying.tallied(folder, done, names, 1) as tally:
            shares, skipped, clauses, waived = tally.shares(), tally.skipped(), tally.clauses(), tally.waivers()
            matched = tally.matched()
            held = _is_held(pack, tally, outcome)
    except ImportError:
        outcome.unverified.append("label: its shares were not counted again: no duckdb (pip install with [data])")
        return
    rows: Counter[str] = Counter(dict.fromkeys(done.files, 0))
    for unit in done.units:
        rows[unit.file] += unit.receipt.rows
    count, unread, tool = rows.total(), sum(skipped.values()), label.tool
    counts = (done.total("texts"), done.total("size"), done.total("tokens"), matched, count - matched - unread, unread)
    totals = (len(names), count, *counts)
    judged = label.judgement
    for what, alike in (
        ("totals are not those of the scan", msgspec.structs.astuple(label.totals) == totals),
        ("files have other records than in the scan", {one.path: one.records for one in label.subject.files} == rows),
        ("shares are not those of the findings", shares == label.shares),
        ("skipped records are not those of the scan", skipped == label.skipped),
        ("clauses are not those of the findings", clauses == [(one.id, one.records) for one in label.clauses]),
        ("clauses have another verification than the packed terms", _are_verified_so(pack, label)),
        ("waivers are not those of the findings", waived == label.waivers),
        ("contents are not those of the findings", held),
        ("policy has another name than in the report", judged.policy == report["policy"]["name"]),
        ("verdicts are not those of the report", judged.verdicts == report["verdicts"]),
        (
            "tool is not that of the scan",
            (tool.version, tool.engine, tool.recipe, tool.index, tool.ingredients)
            == (done.tool, done.engine, done.recipe, done.index, done.ingredients),
        ),
        (
            "missed captures or promise are not those of the report",
            (tool.missed_captures, tool.promise) == (report["captures"]["missed"], report["promise"]),
        ),
    ):
        if not alike:
            outcome.fault("label.json", f"its {what}")
    if not outcome.faults:
        told = ", contents" if pack.under("contents") else ""
        outcome.verified.append(
            f"label: its totals, shares, clauses, waivers and skipped records{told} were counted again: the same"
        )


def _is_held(pack: Pack, tally: Any, outcome: Outcome) -> bool:
    """Whether the packed contents are those of the findings; true where none are packed."""
    import pyarrow as pa

    from provenance.label import contents

    packed = pack.under("contents")
    if not packed:
        return True
    with tempfile.TemporaryDirectory(prefix="provenance-verify-") as name:
        path = Path(name) / "contents.parquet"
        _copied(pack, packed[0], path)
        _check_size(path)
        theirs = pa.Table.from_batches(contents.batches(path), contents.schema())
    return bool(theirs.equals(pa.Table.from_batches(tally.sets(), contents.schema())))


def _are_verified_so(pack: Pack, label: Label) -> bool:
    """Whether each clause has the verification status of the packed terms; true where none are packed."""
    if not pack.under("terms"):
        return True
    status = {row.id: str(row.verification) for row in _registry(pack).rows}
    return all(one.status == status.get(one.id, UNKNOWN) for one in label.clauses)


def _copied(pack: Pack, part: str, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with pack.open(part) as source, target.open("xb") as file:
        left = pack.files[part].size
        while left and (piece := source.read(min(left, 1 << 20))):
            left -= len(piece)
            file.write(piece)


@contextmanager
def _unpacked(pack: Pack) -> Iterator[Path]:
    """The scan in a folder of its own, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="provenance-verify-") as name:
        folder = Path(name) / "scan"
        for part in pack.under("scan"):
            _copied(pack, part, folder / part.removeprefix("scan/"))
        yield folder


def _findings(folder: Path) -> Any:
    """The table of findings as it stands in a folder now."""
    import pyarrow.parquet as pq

    path = folder / "findings.parquet"
    _check_size(path)
    return pq.read_table(path, memory_map=False).replace_schema_metadata(None)


def _check_size(path: Path) -> None:
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        about = file.metadata
        size = sum(about.row_group(number).total_byte_size for number in range(about.num_row_groups))
    if not 0 <= size <= FINDINGS:
        raise ValueError(f"{path.name} would unpack to {size:,} bytes, which no scan leaves")


def _judging(pack: Pack, report: dict[str, Any], asking: Asking) -> tuple[Judging, Loaded]:
    content = pack.read("policy.yaml")
    rules = policy.parse(content, "policy.yaml")
    loaded = Loaded(rules, report["policy"]["source"], schema.digest_of(content))
    judged = report["judged"]
    waived = waivers.parse(pack.read("waivers.yaml"), "waivers.yaml") if "waivers.yaml" in pack.files else ()
    known = baseline.parse(pack.read("baseline.jsonl"), "baseline.jsonl") if "baseline.jsonl" in pack.files else {}
    root = msgspec.json.decode(pack.read("run.json"), type=dict[str, Any])["root"] if "run.json" in pack.files else ""
    judging = Judging(
        rules,
        use=Use(judged["use"]) if judged.get("use") else None,
        team=judged.get("team", ""),
        today=date.fromisoformat(judged["day"]) if judged.get("day") else None,
        root=root,
        terms=asking(functools.cache(lambda: _registry(pack)), rules) if judged.get("registry") else None,
        waivers=waived,
        baseline=known,
    )
    return judging, loaded


def _registry(pack: Pack) -> Registry:
    """The packed rows of terms."""
    names = pack.under("terms")
    if not names:
        raise StoreError("terms: not in the pack, and the policy asks for them")
    return terms.registry({name: pack.read(name) for name in names})
