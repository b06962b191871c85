"""A report as lines for a terminal: what was found, where, from whom, by which rule. Pure; it colours nothing.

Names in datasets and transcripts are others' text: what a terminal would obey or hide is shown as its escape.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from provenance.words import UNKNOWN, Evidence, Grade, Similarity, Status

if TYPE_CHECKING:
    # A pre-commit hook prints with this module: it loads neither scanning nor judging.
    from provenance.model import Address, Match
    from provenance.policy import Applied, Finding, Judged
    from provenance.policy.runs import RunDue
    from provenance.report.collect import Report

KNOWN_AS = {Evidence.DECLARED: "declared as", Evidence.HEURISTIC: "guessed as"}
"""How the origin is said to be known; anything stronger is "recorded as"."""


RESTS_ON = ("policy", "waivers", "baseline", "registry", "index")
CLAUSES = 3
"""Clauses named with a match; the report has all."""


def summary(report: Report) -> Iterator[str]:
    """What was read, with what, and the verdict."""
    counts = report.counts
    yield (
        f"{report.tool}, {report.engine}, recipe {report.recipe}; policy {report.policy['name']} "
        f"({report.policy['digest'][:12]}); "
        f"index {report.index['digest'][:12]} of {report.index['ingredients']:,} outputs"
    )
    if rests_on(report):
        yield rests_on(report)
    files = report.dataset["files"]
    yield (
        f"read {counts['rows']:,} rows of {len(files):,} {'file' if len(files) == 1 else 'files'}: "
        f"{counts['texts']:,} texts, {counts['bytes'] / 1e6:,.1f} MB, {counts['tokens']:,} tokens; "
        f"{counts['nulls']:,} nulls; {counts['skipped']:,} skipped"
    )
    if report.dataset["unread"]:
        yield f"columns without text, not read: {plain(', '.join(report.dataset['unread']))}"
    for reason, count in report.skipped["reasons"].items():
        yield f"  skipped, {plain(reason)}: {count:,}"
    if report.skipped["count"]:
        yield f"  {report.skipped['action']} by the policy's default for skipped rows: unread is not clean"
    if report.captures["missed"]:
        yield f"captures missed, by the ledger: {report.captures['missed']:,} (what they held is not in the index)"
    found = ", ".join(f"{action} {count:,}" for action, count in report.verdicts.items() if count)
    declared = f"; texts that declare themselves: {counts['declared']:,}" if report.declared else ""
    yield f"texts that match recorded outputs: {counts['matched']:,}{declared}" + (f" ({found})" if found else "")
    for one in report.declared:
        yield f"  {plain(_said(one))}: {one['texts']:,} ({plain('; '.join(map(place, one['first'])))}{_more(one)})"
    for one in report.rules:
        if one["message"]:
            yield plain(f"  {one['rule']} says {one['action']}, {_texts(one['texts'])}: {one['message']}")
    for due in report.due:
        if due.rule != "(skipped)":  # said above
            yield f"  {for_run(due)}"
    yield from (f"  {line}" for line in waived(report))
    if report.baseline:
        yield f"  in the baseline: {', '.join(f'{name} {count:,}' for name, count in report.baseline.items())}"


def rests_on(report: Report) -> str:
    """The day and the situation that was judged for, and the digest of all that the judgement rests on; empty for a
    report that does not say."""
    known = report.judged
    if not known.get("all"):
        return ""
    about = [known[key] for key in ("day",) if known.get(key)]
    about += [f"{key} {plain(known[key])}" for key in ("use", "team") if known.get(key)]
    parts = " ".join(f"{key} {known[key][:12]}" for key in RESTS_ON if known.get(key))
    return f"judged as of {', '.join(about)}; digest {known['all'][:12]} of {parts}"


def for_run(due: RunDue) -> str:
    """What is due for a run as a whole, and why."""
    return f"{due.action} by {plain(due.rule)}: {plain(due.why)}{': ' + plain(due.message) if due.message else ''}"


def waived(report: Report) -> Iterator[str]:
    """Each waiver that names a text which something stops, with all that a reader asks of it."""
    for one in report.waivers:
        who = f"{plain(one['waiver'])}, until {one['expires']}, by {plain(one['approver'])}"
        yield f"{one['standing']}, {_texts(one['texts'])}: {who}: {plain(one['reason'])} ({one['basis']})"


def _texts(count: int) -> str:
    return f"{count:,} {'text' if count == 1 else 'texts'}"


def _said(one: dict[str, Any]) -> str:
    """A kind of declaration with whom it names."""
    return ", ".join([one["kind"], *(name for name in (one["assistant"], one["provider"]) if name != UNKNOWN)])


def _more(one: dict[str, Any]) -> str:
    return "; ..." if one["texts"] > len(one["first"]) else ""


def place(address: Address) -> str:
    """Where a text is: a file as a whole, or a row and field."""
    return f"{address.file}, row {address.row}, {address.field}" if address.field else address.file


def findings(report: Report, limit: int, idioms: bool = False) -> Iterator[tuple[str, list[str]]]:
    """The findings as (verdict, lines), the most severe first; those that are idioms alone on demand."""
    listed = [one for one in report.findings if idioms or not is_idiom(one)]
    for finding in listed[:limit]:
        yield finding.verdict, list(finding_lines(finding))
    more = len(listed) - len(listed[:limit])
    if more and limit:
        yield "", [f"... and {more:,} more in report.json and findings.parquet (--show N lists more here)"]
    hidden = len(report.findings) - len(listed)
    if hidden:
        only = "texts share idioms only or carry marks that name no model"
        yield "", [f"{hidden:,} {only}, which never block (--idioms lists them)"]
    if report.findings_omitted:
        yield "", [f"{report.findings_omitted:,} more texts, no more severe, are in findings.parquet alone"]


def is_idiom(finding: Finding) -> bool:
    """Whether a text shares idioms only, or carries marks that name no model."""
    return all(one.match.grade is Grade.IDIOM for one in finding.matches)


def finding_lines(finding: Finding) -> Iterator[str]:
    """A finding: where, what, from whom, and the rule that decided."""
    yield f"{finding.verdict.upper()}  {plain(place(finding.address))}  [{finding.id}]"
    for one in finding.matches:
        yield from _match(one)


def _match(one: Judged) -> Iterator[str]:
    match = one.match
    yield plain(f"    {where(match)}: {likeness(match)}")
    others = f" (and {match.others:,} further {'output' if match.others == 1 else 'outputs'})" if match.others else ""
    yield f"    {KNOWN_AS.get(match.evidence, 'recorded as')} {origin(match)}{others}"
    yield plain(f"    {one.action} by {one.rule}; evidence: {match.evidence}{terms(one)}")
    if one.waiver is not None:
        yield f"    {plain(waiver(one.waiver))}"


def terms(one: Judged) -> str:
    """The clauses of terms in force on the output, and those that could be; the first few by name."""
    could = set(one.assumed)
    sure = [clause for clause in one.clauses if clause not in could]
    said = f"; terms in force: {_few(sure)}" if sure else ""
    perhaps = f"; terms that could apply, channel or plan not recorded: {_few(one.assumed)}" if could else ""
    return said + perhaps


def _few(clauses: Sequence[str]) -> str:
    more = f" and {len(clauses) - CLAUSES} more" if len(clauses) > CLAUSES else ""
    return ", ".join(clauses[:CLAUSES]) + more


def waiver(one: Applied) -> str:
    """What became of a waiver, and all that a reader asks of it."""
    return f"{one.standing}: {one.waiver}, until {one.expires}, by {one.approver}: {one.reason} ({one.basis})"


def where(match: Match) -> str:
    """The lines of the text that match, and how they were read."""
    if match.first_line == match.last_line:
        lines = f"line {match.first_line}"
    else:
        lines = f"lines {match.first_line}-{match.last_line}"
    if match.view.startswith("without"):
        return f"{lines}, {match.view}"
    return lines if match.view == "raw" else f"{lines}, unwrapped ({match.view})"


def likeness(match: Match) -> str:
    """What the two texts share."""
    if match.similarity is Similarity.SIMILAR:
        return f"similar as a whole, Jaccard {match.jaccard:.2f} (estimated)"
    if match.similarity is Similarity.NONE:
        return f"declares itself: {match.kind}; no text to compare"
    if match.similarity is Similarity.EXACT:
        return f"exact, {match.grade}: all {match.tokens:,} tokens"
    words = f", {match.verbatim:,} of them word for word" if match.similarity is Similarity.RENAMED else ""
    if match.similarity is Similarity.RECORDED or not match.ingredient_coverage:
        return f"{match.similarity}, {match.grade}: {match.tokens:,} tokens of added lines"
    share = (
        f"{match.ingredient_coverage:.0%} of the output (its tokens {match.ingredient_start}-{match.ingredient_end})"
    )
    rare = "" if match.rarity <= 1 else f"; its rarest gram stands in {match.rarity:,} indexed places"
    return (
        f"{match.similarity}, {match.grade}: {match.tokens:,} tokens verified{words}, {match.run:,} in one run, "
        f"{share}{rare}"
    )


def origin(match: Match) -> str:
    """Who wrote the matched output, where and when, as recorded."""
    one = match.origin
    place = f" of {match.path}" if match.path else ""
    status = "" if match.status in (Status.APPLIED, Status.UNKNOWN) else f", {match.status}"
    version = f" {one.version}" if one.version != UNKNOWN else ""
    return plain(
        f"{one.model} ({one.provider}), {one.tool}{version}, session {one.session}, {one.time}: "
        f"{match.kind}{place}{status}"
    )


def plain(text: str) -> str:
    """The text on one line, every character visible, and no command: line breaks, terminal controls and marks that turn
    the direction of writing are shown as escapes, and so is the first sign of what GitHub's runner would obey in a log
    (``##[`` anywhere, ``::`` where the text begins; actions/runner, src/Runner.Common/ActionCommand.cs)."""
    shown = text if text.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
    shown = shown.replace("##[", "\\x23#[")
    bare = shown.lstrip()
    return f"{shown[: len(shown) - len(bare)]}\\x3a{bare[1:]}" if bare.startswith("::") else shown
