"""A report as lines for a terminal: what was found, where, from whom, by which rule. Pure; it colours nothing."""

from __future__ import annotations

from collections.abc import Iterator

from provenance.model import UNKNOWN, Grade, Match, Similarity
from provenance.policy import Finding, Judged
from provenance.report.collect import Report

WORDS = {"block": "BLOCK", "quarantine": "QUARANTINE", "warn": "WARN", "allow": "ALLOW"}


def summary(report: Report) -> Iterator[str]:
    """What was read, with what, and the verdict."""
    counts = report.counts
    yield (
        f"{report.tool}, {report.engine}, recipe {report.recipe}; policy {report.policy['name']} "
        f"({report.policy['digest'][:12]}); "
        f"index {report.index['digest'][:12]} of {report.index['ingredients']:,} outputs"
    )
    files = report.dataset["files"]
    yield (
        f"read {counts['rows']:,} rows of {len(files):,} {'file' if len(files) == 1 else 'files'}: "
        f"{counts['texts']:,} texts, {counts['bytes'] / 1e6:,.1f} MB, {counts['tokens']:,} tokens; "
        f"{counts['nulls']:,} nulls; {counts['skipped']:,} skipped"
    )
    if report.dataset["unread"]:
        yield f"columns without text, not read: {', '.join(report.dataset['unread'])}"
    for reason, count in report.skipped["reasons"].items():
        yield f"  skipped, {reason}: {count:,}"
    found = ", ".join(f"{WORDS[action].lower()} {count:,}" for action, count in report.verdicts.items() if count)
    yield f"texts that match recorded outputs: {counts['matched']:,}" + (f" ({found})" if found else "")


def findings(report: Report, limit: int, idioms: bool = False) -> Iterator[tuple[str, list[str]]]:
    """The findings as (verdict, lines), the most severe first; those that are idioms alone on demand."""
    shown = 0
    listed = [one for one in report.findings if idioms or not _is_idiom(one)]
    for finding in listed[:limit]:
        shown += 1
        yield finding.verdict, list(_finding(finding))
    more = len(listed) - shown
    if more > 0:
        yield "", [f"... and {more:,} more in report.json and findings.parquet (--show N lists more here)"]
    hidden = len(report.findings) - len(listed)
    if hidden:
        yield "", [f"{hidden:,} texts share idioms only, which never block (--idioms lists them)"]


def _is_idiom(finding: Finding) -> bool:
    return all(one.match.grade is Grade.IDIOM for one in finding.matches)


def _finding(finding: Finding) -> Iterator[str]:
    address = finding.address
    field = f", {address.field}" if address.field else ""
    yield f"{WORDS[finding.verdict]}  {address.file}, row {address.row}{field}  [{finding.id}]"
    for one in finding.matches:
        yield from _match(one)


def _match(one: Judged) -> Iterator[str]:
    match = one.match
    yield f"    {where(match)}: {likeness(match)}"
    others = f" (and {match.others:,} later {'output' if match.others == 1 else 'outputs'})" if match.others else ""
    yield f"    recorded as {origin(match)}{others}"
    yield f"    {one.action} by {one.rule}; evidence: {match.evidence}"


def where(match: Match) -> str:
    """The lines of the text that match."""
    if match.first_line == match.last_line:
        return f"line {match.first_line}"
    return f"lines {match.first_line}-{match.last_line}"


def likeness(match: Match) -> str:
    """What the two texts share."""
    if match.similarity is Similarity.SIMILAR:
        return f"similar as a whole, Jaccard {match.jaccard:.2f} (estimated)"
    if match.similarity is Similarity.EXACT:
        return f"exact, {match.grade}: all {match.tokens:,} tokens"
    share = f"{match.ingredient_coverage:.0%} of the output"
    return f"{match.similarity}, {match.grade}: {match.tokens:,} tokens verified, {match.run:,} in one run, {share}"


def origin(match: Match) -> str:
    """Who wrote the matched output, where and when, as recorded."""
    one = match.origin
    place = f" of {match.path}" if match.path else ""
    status = "" if match.status in ("applied", "unknown") else f", {match.status}"
    version = f" {one.version}" if one.version != UNKNOWN else ""
    return (
        f"{one.model} ({one.provider}), {one.tool}{version}, session {one.session}, {one.time}: "
        f"{match.kind}{place}{status}"
    )
