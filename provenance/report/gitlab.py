"""A report as GitLab's Code Quality report (artifacts:reports:codequality): the subset of Code Climate it reads.

Same report and findings, same bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import PurePath
from typing import Any

import msgspec

from provenance.model import Action
from provenance.policy import Finding
from provenance.report import text
from provenance.report.collect import Report
from provenance.report.markdown import clipped, deciding, is_row, numbered, sentence, unlisted, worst_first

LIMIT = 5_000
"""Findings; a last entry says how many more there are."""
SEVERITY = {Action.BLOCK: "blocker", Action.QUARANTINE: "critical", Action.WARN: "minor", Action.ALLOW: "info"}


def render(report: Report, findings: Iterable[Finding]) -> bytes:
    """At most ``LIMIT`` findings, the most severe first, each with a fingerprint of its own."""
    listed = worst_first(findings)
    shown = listed[:LIMIT]
    issues = [*_for_run(report), *(_issue(finding, before) for finding, before in numbered(shown))]
    if len(listed) > len(shown):
        more = unlisted(report, len(shown), listed[LIMIT:])
        last = shown[-1].address.file
        issues.append(_entry("(not listed)", more, _fingerprint(last, "(not listed)", 0), "info", last, 1, 1))
    return msgspec.json.format(msgspec.json.encode(issues)) + b"\n"


def _for_run(report: Report) -> Iterator[dict[str, Any]]:
    """What is due for the run as a whole; the dataset's first file stands for all."""
    file = next(iter(report.dataset["files"]), ".")
    for due in report.due:
        if due.action is not Action.ALLOW:
            said, name = clipped(text.for_run(due), 500), clipped(due.rule)
            yield _entry(name, said, _fingerprint(file, due.rule, 0), SEVERITY[due.action], file, 1, 1)


def _issue(finding: Finding, before: int) -> dict[str, Any]:
    one = deciding(finding)
    file = finding.address.file
    # A row's lines are those of the text in it: the file's first line stands for it.
    lines = (1, 1) if one is None or is_row(finding) else (max(1, one.match.first_line), one.match.last_line)
    return _entry(
        clipped(finding.rule),
        sentence(finding),
        _fingerprint(file, finding.id, before),
        SEVERITY[finding.verdict],
        file,
        *lines,
    )


def _fingerprint(file: str, name: str, before: int) -> str:
    """Of two entries with one fingerprint GitLab shows the first alone: a text that a file holds twice counts on."""
    return hashlib.sha256(f"{file}\n{name}\n{before}".encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _entry(rule: str, said: str, fingerprint: str, severity: str, file: str, first: int, last: int) -> dict[str, Any]:
    return {
        "description": text.plain(said),
        "check_name": rule,
        "fingerprint": fingerprint,
        "severity": severity,
        "location": {
            "path": text.plain(PurePath(file).as_posix()),
            "lines": {"begin": first, "end": max(first, last)},
        },
    }
