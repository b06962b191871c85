"""A report as SARIF 2.1.0 (OASIS standard, with errata 01), as GitHub's code scanning reads it.

Same report and findings, same bytes. One run, one result a finding. A result always has a physical location, since
GitHub refuses a whole file over one that has none; it has lines only where the text is the file. GitHub's own
limits are in its documentation of SARIF support for code scanning: 25,000 results a run are taken, 5,000 shown.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import PurePath
from typing import Any
from urllib.parse import quote

import msgspec

from provenance.model import Action, Match
from provenance.policy import Finding, Standing
from provenance.policy.runs import MISSED, SKIPPED
from provenance.report import text
from provenance.report.collect import Report
from provenance.report.markdown import clipped, deciding, is_row, numbered, place, sentence, unlisted, worst_first

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
LIMIT = 5_000
"""Results a run; GitHub shows no more."""
RELATED = 10
"""Further places of one finding that are listed."""
LEVELS = {Action.BLOCK: "error", Action.QUARANTINE: "error", Action.WARN: "warning", Action.ALLOW: "note"}
FINGERPRINT = "provenanceFinding/v1"
"""The finding's id: of content and matched outputs, free of row and line numbers (SARIF 2.1.0, appendix B)."""
ROOT = "%SRCROOT%"


def render(report: Report, findings: Iterable[Finding]) -> bytes:
    """At most ``LIMIT`` results, the most severe first; a notification says how many were left out."""
    listed = worst_first(findings)
    shown = listed[:LIMIT]
    messages = {rule["rule"]: text.plain(rule["message"]) for rule in report.rules}
    worst = {one.rule: one.verdict for one in reversed(shown)}
    # In the policy's order; then what decided without a rule.
    rules = [rule for rule in messages if rule in worst] + sorted(worst.keys() - messages.keys())
    described = [_rule(rule, worst[rule], messages.get(rule, "")) for rule in rules]
    name, _, version = clipped(report.tool).partition(" ")
    run = {
        "tool": {"driver": {"name": name or "provenance", "version": version or "unknown", "rules": described}},
        "invocations": [{"executionSuccessful": True, "toolExecutionNotifications": list(_said(report, listed))}],
        "originalUriBaseIds": {ROOT: {"description": {"text": "The folder in which the tool ran."}}},
        "columnKind": "unicodeCodePoints",
        "results": [_result(one, rules.index(one.rule), before) for one, before in numbered(shown)],
        "properties": {
            "verdict": str(report.verdict),
            "policy": {key: clipped(value) for key, value in report.policy.items()},
            "index": clipped(report.index["digest"]),
            "recipe": clipped(report.recipe),
            "engine": clipped(report.engine),
            "promise": text.plain(report.promise),
            "matched": report.counts["matched"],
            "judged": {key: clipped(value) for key, value in report.judged.items()},
            "baseline": report.baseline,
            "waivers": [
                {key: clipped(value, 500) if isinstance(value, str) else value for key, value in one.items()}
                for one in report.waivers
            ],
            "listed": len(shown),
        },
    }
    log = {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}
    return msgspec.json.format(msgspec.json.encode(log)) + b"\n"


def _rule(rule: str, action: Action, message: str) -> dict[str, Any]:
    short = f"Matches a recorded output: {action} by {clipped(rule)}"
    said = (
        f"{message or short} A match is a fact about two texts; the policy's rule {clipped(rule)} says what to do. "
        "Where the rule does not fit the case, ask those who keep the policy."
    )
    return {
        "id": clipped(rule),
        "shortDescription": {"text": short},
        "fullDescription": {"text": message or short},
        "help": {"text": said},
        "defaultConfiguration": {"level": LEVELS[action]},
        "properties": {"tags": ["clean-room", "provenance"]},
    }


def _result(finding: Finding, rule: int, before: int) -> dict[str, Any]:
    one = deciding(finding)
    others = [judged.match for judged in finding.matches if judged is not one] if not is_row(finding) else []
    related = [
        {"id": number, "message": {"text": _literal(text.plain(text.likeness(match)))}, **_location(finding, match)}
        for number, match in enumerate(others[:RELATED], 1)
    ]
    waived = _waived(finding)
    return {
        "ruleId": clipped(finding.rule),
        "ruleIndex": rule,
        "level": LEVELS[finding.verdict],
        "message": {"text": _literal(sentence(finding))},
        "locations": [_location(finding, one.match if one else None)],
        **({"relatedLocations": related} if related else {}),
        **({"suppressions": waived} if waived else {}),
        "partialFingerprints": _fingerprints(finding, before),
        "properties": {
            "finding": finding.id,
            "verdict": str(finding.verdict),
            "content": finding.content,
            "matches": len(finding.matches),
            **{key: clipped(said) for key in ("zone", "use", "baseline") if (said := getattr(finding, key))},
        },
    }


def _waived(finding: Finding) -> list[dict[str, Any]]:
    """The waivers by which a finding is allowed; a result with one is not counted as open (SARIF 2.1.0, 3.27.23)."""
    applied = [one.waiver for one in finding.matches if one.waiver and one.waiver.standing is Standing.WAIVED]
    if finding.verdict is not Action.ALLOW or not applied:
        return []
    each = {one.waiver: one for one in applied}
    said = (f"{one.basis}, approved by {one.approver}, until {one.expires}: {one.reason}" for one in each.values())
    return [{"kind": "external", "status": "accepted", "justification": clipped(line, 500)} for line in said]


def _fingerprints(finding: Finding, before: int) -> dict[str, str]:
    """GitHub tells alerts of one file and rule apart by ``primaryLocationLineHash``. Its upload action makes one from
    the line, warns of any other, and passes over results without a line (github/codeql-action, src/fingerprints.ts):
    so a row has ours, numbered as theirs are, and a file none."""
    known = {FINGERPRINT: finding.id}
    return known | {"primaryLocationLineHash": f"{finding.id}:{before + 1}"} if is_row(finding) else known


def _location(finding: Finding, match: Match | None) -> dict[str, Any]:
    physical: dict[str, Any] = {"artifactLocation": _artifact(finding.address.file)}
    if is_row(finding):
        field = clipped(finding.address.field)
        logical = {"name": field, "fullyQualifiedName": place(finding), "kind": "value"}
        return {"physicalLocation": physical, "logicalLocations": [logical]}
    if match is not None and match.first_line > 0:
        physical["region"] = {"startLine": match.first_line, "endLine": max(match.first_line, match.last_line)}
    return {"physicalLocation": physical}


def _artifact(file: str) -> dict[str, str]:
    """A path as a URI reference (RFC 3986): relative to where the tool ran, or ``file:``; every byte that is no plain
    letter is percent-encoded, so that the URI names the same file and holds nothing a reader would obey."""
    path = PurePath(file).as_posix()
    # Bytes that are no UTF-8 come as lone surrogates (PEP 383) and go back to what they were; others stay visible.
    broken = re.search("[\ud800-\udc7f\udd00-\udfff]", path)
    uri = quote(path.encode("utf-8", "surrogatepass" if broken else "surrogateescape"), safe="/")
    if PurePath(file).is_absolute():
        return {"uri": f"file:///{uri.lstrip('/')}"}
    return {"uri": uri, "uriBaseId": ROOT}


def _said(report: Report, listed: list[Finding]) -> Iterator[dict[str, Any]]:
    """What a reader of the results alone would not know."""
    more = unlisted(report, len(listed[:LIMIT]), listed[LIMIT:])
    if more:
        yield {"level": "warning" if len(listed) > LIMIT else "note", "message": {"text": more}}
    if report.skipped["count"]:
        said = f"{report.skipped['count']:,} could not be read, {report.skipped['action']}: unread is not clean."
        yield {"level": LEVELS[Action(report.skipped["action"])], "message": {"text": said}}
    for due in report.due:
        if due.rule != SKIPPED:
            yield {"level": LEVELS[due.action], "message": {"text": _literal(clipped(text.for_run(due), 500))}}
    if report.captures["missed"] and not any(due.rule == MISSED for due in report.due):
        said = f"{report.captures['missed']:,} captures were missed: what they held is not in the index."
        yield {"level": "warning", "message": {"text": said}}


def _literal(said: str) -> str:
    """A message that holds no link: ``[text](target)`` is one even in plain text (SARIF 2.1.0, 3.11.6)."""
    return said.replace("](", "] (")
