"""From files to facts: a judged scan or a period of a ledger, with label, policy, terms, texts. It prints nothing.

What is not there, or was made by an earlier version, is left out and named in ``missing``; what is there and is not
what it should be is an error.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from provenance import __version__, fingerprint, ledger, policy, scan, terms
from provenance.errors import PolicyError, StoreError
from provenance.hashes import sha256
from provenance.label.form import Label
from provenance.model import Action
from provenance.page import rows, texts, volume, wording
from provenance.page.facts import (
    Captured,
    Clause,
    Day,
    Due,
    Edition,
    Facts,
    Findings,
    Line,
    Part,
    Policy,
    Proof,
    Record,
    Waived,
    partner,
)
from provenance.policy import Loaded
from provenance.report import grounds
from provenance.words import UNKNOWN

STATIC = 25
"""Findings that a page lists without a script."""
PRINTED = 50
"""Findings that a PDF lists."""


class Sources(NamedTuple):
    """What a page is made from."""

    scan: Path | None = None
    """The folder of a judged scan; None for a period of the ledger."""
    store: Path | None = None
    label: Path | None = None
    start: str = ""
    """First and last day of the period (ISO 8601), empty for no bound."""
    end: str = ""
    datasets: tuple[str, ...] = ()
    vault: Path | None = None
    overlays: tuple[Path, ...] = ()
    listed: int = STATIC


def gather(sources: Sources, edition: Edition) -> Facts:
    """All that the page shows; for a partner, without what a partner may not see.

    Raises StoreError where report, findings or label are not what they should be.
    """
    facts = _of_scan(sources, edition) if sources.scan is not None else _of_period(sources)
    return partner(facts) if edition is Edition.PARTNER else facts


# ---- a scan ----


def _of_scan(sources: Sources, edition: Edition) -> Facts:
    assert sources.scan is not None
    folder = sources.scan
    content, report = _report(folder)
    table = rows.read(folder / "findings.parquet")
    done = _scan(folder)
    label, label_digest = _label(sources.label)
    missing = list(_missing(report, table, done, sources, label))
    found = rows.records(table)
    better = [one for one in found if not rows.is_idiom(table, one.lead)]
    counts, judged = report.get("counts", {}), report.get("judged", {})
    loaded = _policy_of(report.get("policy", {}), grounds.read(folder, judged).get(grounds.POLICY))
    if label is not None and label.totals.matched != len(better):
        missing.append(
            f"The label counts {label.totals.matched:,} matched records, "
            f"the findings {len(better):,}: they are of different scans."
        )
    captured, proof, attested = _beside(sources, missing)
    registry = grounds.registry(folder, judged, sources.overlays)
    clauses, differs = _clauses(table, registry, judged.get("registry", ""), judged.get("use", ""))
    shown = _findings(table, sources, report, content) if edition is Edition.INTERNAL else None
    totals = label.totals if label else None
    skipped = report.get("skipped", {})
    return Facts(
        edition=Edition.INTERNAL,
        is_scan=True,
        name=label.subject.name if label else _name(report),
        verdict=str(report.get("verdict", "")),
        tool=str(report.get("tool", "")),
        engine=str(report.get("engine", "")),
        recipe=str(report.get("recipe", "")),
        index=str(report.get("index", {}).get("digest", "")),
        ingredients=int(report.get("index", {}).get("ingredients", 0)),
        promise=str(report.get("promise", "")),
        suppressed=dict(label.tool.suppressed) if label else {},
        day=judged.get("day", ""),
        use=judged.get("use", ""),
        team=judged.get("team", ""),
        records=totals.records if totals else int(counts.get("rows", 0)),
        texts=int(counts.get("texts", 0)),
        size=int(counts.get("bytes", counts.get("size", 0))),
        tokens=int(counts.get("tokens", 0)),
        files=tuple(report.get("dataset", {}).get("files", ())),
        fields=tuple(report.get("dataset", {}).get("fields", ())),
        unread=tuple(report.get("dataset", {}).get("unread", ())),
        matched=len(better),
        declared_only=sum(table.match["similarity"].at(one.lead) == "none" for one in better),
        idioms=len(found) - len(better),
        skipped=totals.skipped if totals else int(skipped.get("count", 0)),
        skipped_action=str(skipped.get("action", "")),
        skipped_reasons=dict(skipped.get("reasons", {})),
        skipped_first=tuple((str(one["where"]), str(one["reason"])) for one in skipped.get("first", ())),
        missed=int(report.get("captures", {}).get("missed", 0)),
        actions=_counted(one.action for one in better),
        verdicts={str(name): int(count) for name, count in report.get("verdicts", {}).items()},
        shares=tuple(rows.shares(table, found)),
        parts=tuple(_parts(table, found, done)),
        months=tuple(_months(table, better)),
        declared=tuple(
            (str(one["kind"]), str(one["assistant"]), str(one["provider"]), int(one["texts"]))
            for one in report.get("declared", ())
        ),
        baseline=dict(report.get("baseline", {})),
        zones=dict(report.get("zones", {})),
        policy=_policy(report, loaded),
        dues=tuple(
            Due(one["rule"], one["action"], str(one.get("level", "")), int(one["count"]), str(one.get("why", "")))
            for one in report.get("due", ())
        ),
        waivers=tuple(
            Waived(**{name: str(one.get(old, "")) for name, old in _WAIVER.items()}, texts=int(one.get("texts", 0)))
            for one in report.get("waivers", ())
        ),
        clauses=clauses,
        registry=registry.digest,
        registry_differs=differs,
        findings=shown,
        captured=captured,
        proof=proof,
        attested=attested,
        label=label,
        digests=tuple(_digests(folder, content, judged, label, label_digest)),
        missing=tuple(missing),
    )


_WAIVER = {
    "id": "waiver",
    "standing": "standing",
    "basis": "basis",
    "reason": "reason",
    "approver": "approver",
    "expires": "expires",
}
_LATER = {
    "judged": "one digest of policy, waivers, baseline and registry",
    "due": "what is due for the run as a whole",
    "waivers": "waivers",
    "clauses": "clauses in force",
}
"""Parts of a report that earlier versions did not write."""


def _report(folder: Path) -> tuple[bytes, dict[str, Any]]:
    path = folder / "report.json"
    try:
        content = path.read_bytes()
        report = msgspec.json.decode(content)
    except OSError as error:
        raise StoreError(f"{path}: {error.strerror} (run 'provenance judge {folder}' first)") from error
    except (ValueError, RecursionError) as error:
        raise StoreError(f"{path}: not a report: {error} (run 'provenance judge {folder}' again)") from error
    if not isinstance(report, dict) or report.get("report") != 1:
        raise StoreError(f"{path}: not a report of version 1 (run 'provenance judge {folder}' again)")
    try:
        msgspec.convert(report, _Shape)
    except msgspec.ValidationError as error:
        raise StoreError(f"{path}: not as a report is: {error} (run 'provenance judge {folder}' again)") from error
    return content, report


class _Shape(msgspec.Struct):
    """What of a report a page relies on."""

    verdict: Action
    policy: dict[str, str]
    index: dict[str, Any]
    counts: dict[str, int]
    dataset: dict[str, list[str]]
    skipped: dict[str, Any]
    captures: dict[str, int] = {}
    verdicts: dict[str, int] = {}
    rules: list[dict[str, Any]] = []
    declared: list[dict[str, Any]] = []
    judged: dict[str, str] = {}
    due: list[dict[str, Any]] = []
    waivers: list[dict[str, Any]] = []
    baseline: dict[str, int] = {}
    clauses: list[dict[str, Any]] = []
    zones: dict[str, int] = {}


def _scan(folder: Path) -> scan.Scan | None:
    try:
        return scan.load(folder)
    except StoreError:
        return None  # a report can be shown without the parts it was made from


def _label(path: Path | None) -> tuple[Label | None, str]:
    if path is None:
        return None, ""
    try:
        content = path.read_bytes()
        return msgspec.json.decode(content, type=Label), sha256(content).hexdigest()
    except OSError as error:
        raise StoreError(f"{path}: {error.strerror} (run 'provenance label' first)") from error
    except (ValueError, RecursionError) as error:
        raise StoreError(f"{path}: not a label of form 1: {error} (run 'provenance label' again)") from error


def _missing(
    report: dict[str, Any], table: rows.Table, done: scan.Scan | None, sources: Sources, label: Label | None
) -> Iterable[str]:
    for key, what in _LATER.items():
        if key not in report:
            yield f"The report was made by an earlier version and does not say: {what}."
    if table.absent:
        yield f"The findings were made by an earlier version and lack: {', '.join(table.absent)}."
    if done is None:
        yield "The scan's own record (scan.json) is not here: records are not counted by file."
    if label is None:
        yield "No label was given: the dataset is named by its files, without their digests."
    elif label.judgement.verdict != report["verdict"] or label.judgement.policy != report["policy"].get("name"):
        yield (
            f"The label says {label.judgement.verdict} by {label.judgement.policy}, the report {report['verdict']} by "
            f"{report['policy'].get('name')}: they are of different judgements."
        )
    if sources.store is None:
        yield "No store was given: nothing is said of volume, ledger and statements."


def _name(report: dict[str, Any]) -> str:
    files = report["dataset"].get("files", [])
    first = files[0].rstrip("/").rpartition("/")[2] or files[0] if files else "no file"
    return f"{first} and {len(files) - 1:,} more" if len(files) > 1 else first


def _counted(actions: Iterable[str]) -> dict[str, int]:
    counts = Counter(actions)
    return {str(one): counts[one] for one in reversed(Action) if counts[one]}


def _parts(table: rows.Table, found: Sequence[rows.Record], done: scan.Scan | None) -> Iterable[Part]:
    """The files by their matched records, those with most first; a folder of texts is one."""
    records: Counter[str] = Counter()
    for unit in done.units if done else ():
        records[unit.file] += unit.receipt.rows
    source = _sources(table, records)
    actions: dict[str, Counter[str]] = defaultdict(Counter)
    for one in found:
        if rows.is_idiom(table, one.lead):
            continue
        actions[source.at(one.number)][one.action] += 1
    names = sorted({*records, *actions}, key=lambda name: (-actions[name].total(), -records[name], name))
    return [Part(name, records[name] if done else -1, _counted(actions[name].elements())) for name in names]


def _sources(table: rows.Table, names: Iterable[str]) -> rows.Column:
    """Which file of the dataset each finding counts for: a text in a folder of texts counts for the folder."""
    trees = {name.removeprefix("./"): name for name in names if name.endswith("/")}
    files = table.finding["file"]
    known = [next((name for tree, name in trees.items() if file.startswith(tree)), file) for file in files.values]
    return rows.coded(known[code] for code in files.index)


def _months(table: rows.Table, better: Iterable[rows.Record]) -> Iterable[Day]:
    time, provider = table.match["time"], table.match["provider"]
    dated = ((time.at(one.lead)[:10], provider.at(one.lead)) for one in better)
    return volume.series((day, name) for day, name in dated if day not in ("", UNKNOWN))


def _policy_of(said: dict[str, str], kept: bytes | None) -> Loaded | None:
    """The policy of a report: as it was kept, else the file at hand if it is still that one."""
    try:
        if kept is not None:
            return Loaded(policy.parse(kept, "policy"), said.get("source", ""), said.get("digest", ""), kept)
        loaded = policy.load(said.get("source") or said.get("name", ""))
    except PolicyError:
        return None
    return loaded if loaded.digest == said.get("digest") else None


def _policy(report: dict[str, Any], loaded: Loaded | None) -> Policy:
    said = report["policy"]
    decided = {one["rule"]: int(one.get("texts", 0)) for one in report.get("rules", ())}
    is_shipped = said.get("source") in policy.shipped() and loaded is not None
    if loaded is None:
        lines = [
            Line(one["rule"], str(one.get("action", "")), "", "", str(one.get("message", "")), int(one.get("texts", 0)))
            for one in report.get("rules", ())
        ]
        return Policy(
            said.get("name", ""), said.get("digest", ""), said.get("source", ""), False, False, "", "", (), tuple(lines)
        )
    one = loaded.policy
    lines = [
        Line(rule.id, rule.action, rule.level, wording.rule(rule, one), rule.message, decided.get(rule.id, 0))
        for rule in one.rules
    ]
    lines += [
        Line(budget.id, budget.action, budget.level, wording.budget(budget), budget.message, 0)
        for budget in one.budgets
    ]
    lines += [
        Line(name, action, "", words, "", decided.get(name, 0))
        for name, action, words in wording.defaults(one.defaults)
    ]
    return Policy(
        one.name,
        loaded.digest,
        said.get("source", ""),
        is_shipped,
        True,
        one.description,
        one.organisation.name if one.organisation else "",
        one.organisation.competes_with if one.organisation else (),
        tuple(lines),
    )


def _clauses(table: rows.Table, registry: terms.Registry, judged: str, use: str) -> tuple[tuple[Clause, ...], bool]:
    """The clauses in force on matched outputs, those on most texts first, and whether the registry at hand is another
    than the one that was judged by."""
    found: dict[str, _Held] = defaultdict(_Held)
    match = table.match
    lists = [value.split() for value in table.clauses.values]
    asked: dict[tuple[str, ...], list[str]] = {}
    for number in range(table.count):
        for one in range(table.first[number], table.first[number + 1]):
            time = match["time"].at(one)
            origin = tuple(match[name].at(one) for name in ("provider", "model", "channel", "plan", "tool"))
            if table.has_clauses:
                names = lists[table.clauses.index[one]]
            else:
                key = (*origin, time[:10])
                if key not in asked:
                    asked[key] = _resolved(registry, key, use)
                names = asked[key]
            for name in names:
                found[name].add(number, time[:10], origin[0], origin[2])
    known = {row.id: row for row in registry.rows}
    made = [_clause(name, held, known.get(name)) for name, held in found.items()]
    differs = bool(judged) and judged != registry.digest
    return tuple(sorted(made, key=lambda one: (-one.count, one.id))), differs


def _resolved(registry: terms.Registry, key: tuple[str, ...], use: str = UNKNOWN) -> list[str]:
    provider, model, channel, plan, tool, day = key
    said = terms.resolve(registry, provider, model, channel, plan, date=day, tool=tool, use=use or UNKNOWN)
    return [clause.row.id for clause in said.clauses]


class _Held:
    """What is kept of the outputs that a clause was in force on."""

    __slots__ = ("channels", "count", "first", "last", "latest", "providers")

    def __init__(self) -> None:
        self.latest = -1
        self.count = 0
        self.first = self.last = ""
        self.providers: set[str] = set()
        self.channels: set[str] = set()

    def add(self, number: int, day: str, provider: str, channel: str, count: int = 1) -> None:
        """Count what has this number once."""
        if number != self.latest:
            self.latest, self.count = number, self.count + count
        if day and day != UNKNOWN:
            self.first, self.last = min(self.first or day, day), max(self.last, day)
        self.providers.add(provider)
        self.channels.add(channel)


def _clause(name: str, held: _Held, row: terms.Row | None) -> Clause:
    seen = (name, held.count, held.first, held.last, tuple(sorted(held.providers)), tuple(sorted(held.channels)))
    if row is None:
        return Clause(*seen)
    return Clause(
        *seen,
        provider=row.provider,
        title=row.title,
        clause=row.clause,
        kind=row.kind,
        verdict=row.verdict,
        verification=row.verification,
        since=str(row.since or ""),
        until=str(row.until or ""),
        retrieved=str(row.retrieved or ""),
        url=row.url if row.url.startswith(("https://", "http://")) else "",
        quotation=row.quotation,
        is_private=row.is_private,
    )


def _findings(table: rows.Table, sources: Sources, report: dict[str, Any], content: bytes) -> Findings:
    beside, note = texts.beside(
        table,
        report["dataset"].get("files", ()),
        sources.datasets,
        sources.vault,
        sources.store,
        sha256(content).hexdigest(),
    )
    listed = [one | {"texts": beside.get(number, [])} for number, one in enumerate(rows.listed(table, sources.listed))]
    return Findings(
        table.count,
        rows.embedded(table, _sources(table, report["dataset"].get("files", ()))),
        tuple(listed),
        beside,
        note,
    )


def _digests(
    folder: Path, content: bytes, judged: dict[str, str], label: Label | None, label_digest: str
) -> Iterable[tuple[str, str]]:
    yield "report.json", sha256(content).hexdigest()
    with (folder / "findings.parquet").open("rb") as file:
        digest = sha256()
        while piece := file.read(1 << 20):
            digest.update(piece)
    yield "findings.parquet", digest.hexdigest()
    if label is not None:
        yield "label", label_digest
        yield "dataset: Merkle root over its records", label.subject.root
    for name in ("policy", "waivers", "baseline", "registry", "index", "all"):
        if judged.get(name):
            yield f"judged by: {'all of these' if name == 'all' else name}", judged[name]


# ---- the ledger ----


def _beside(sources: Sources, missing: list[str]) -> tuple[Captured | None, Proof | None, tuple[Record, ...]]:
    """What the store's ledger says, if a store was given and has one."""
    if sources.store is None:
        return None, None, ()
    if not ledger.shards(sources.store):
        missing.append("The store has no ledger: nothing is said of volume, ledger and statements.")
        return None, None, ()
    captured = volume.captured(sources.store, sources.start, sources.end)
    return captured, volume.proof(sources.store), volume.attested(sources.store)


def _of_period(sources: Sources) -> Facts:
    """A page on a period of a store's ledger; StoreError where there is none."""
    if sources.store is None:
        raise StoreError("no store was given (name one with --store, or a judged scan)")
    if not ledger.shards(sources.store):
        raise StoreError(f"{sources.store}: no ledger here (run 'provenance ingest PATH...' first, or name a scan)")
    missing: list[str] = []
    captured, proof, attested = _beside(sources, missing)
    assert captured is not None
    registry = terms.load(sources.overlays)
    found: dict[str, _Held] = defaultdict(_Held)
    asked = sorted(volume.outputs(sources.store, sources.start, sources.end).items())
    for number, (key, count) in enumerate(asked):
        for name in _resolved(registry, key):
            found[name].add(number, key[5], key[0], key[2], count)
    known = {row.id: row for row in registry.rows}
    clauses = sorted(
        (_clause(name, held, known.get(name)) for name, held in found.items()), key=lambda one: (-one.count, one.id)
    )
    label, label_digest = _label(sources.label)
    return Facts(
        edition=Edition.INTERNAL,
        is_scan=False,
        name=str(sources.store),
        verdict="",
        tool=f"provenance {__version__}",
        engine=fingerprint.ENGINE,
        recipe=str(fingerprint.RECIPE),
        index="",
        ingredients=0,
        promise="",
        suppressed={},
        day="",
        use="",
        team="",
        records=0,
        texts=0,
        size=0,
        tokens=0,
        files=(),
        fields=(),
        unread=(),
        matched=0,
        declared_only=0,
        idioms=0,
        skipped=0,
        skipped_action="",
        skipped_reasons={},
        skipped_first=(),
        missed=captured.missed,
        actions={},
        verdicts={},
        shares=(),
        parts=(),
        months=(),
        declared=(),
        baseline={},
        zones={},
        policy=None,
        dues=(),
        waivers=(),
        clauses=tuple(clauses),
        registry=registry.digest,
        registry_differs=False,
        findings=None,
        captured=captured,
        proof=proof,
        attested=attested,
        label=label,
        digests=(("label", label_digest),) if label else (),
        missing=tuple(missing),
    )
