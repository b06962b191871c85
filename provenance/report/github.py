"""A report for GitHub Actions: annotations as workflow commands, and a job's summary page.

Same report and findings, same text. The commands are parsed as actions/runner does (src/Runner.Common/
ActionCommand.cs): ``%``, CR and LF escaped everywhere, ``:`` and ``,`` in properties too; and every name is shown
plain, so that nothing in a dataset is a command to the runner.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import PurePath

from provenance.model import Action
from provenance.policy import Finding
from provenance.report import text
from provenance.report.collect import Report
from provenance.report.markdown import (
    NAME,
    clipped,
    deciding,
    is_row,
    matched,
    page,
    place,
    said,
    unlisted,
    whole,
    worst_first,
)

LEVELS = {Action.BLOCK: "error", Action.QUARANTINE: "error", Action.WARN: "warning", Action.ALLOW: "notice"}
SHOWN = 10
"""Annotations of a level that GitHub keeps of a step (``_maxCountPerIssueType`` of actions/runner)."""
MESSAGE = 4_000
"""Characters of a message; the runner cuts at 4,096 (``_maxIssueMessageLength``)."""
SUMMARY = 1_000_000
"""Bytes of a summary; GitHub refuses more than 1 MiB a step."""


def render(report: Report, findings: Iterable[Finding]) -> bytes:
    """Workflow commands, to be printed: of each level the most severe findings, at most ``SHOWN`` in all with the
    last, which is a notice of the verdict and of how many are not shown."""
    listed = worst_first(findings)
    room = {"error": SHOWN, "warning": SHOWN, "notice": SHOWN - 1}
    lines = []
    left: list[Finding] = []
    for level, group in groupby(listed, key=lambda one: LEVELS[one.verdict]):
        found = list(group)
        lines += [_annotation(level, finding) for finding in found[: room[level]]]
        left += found[room[level] :]
    closing = " ".join(filter(None, _closing(report, len(lines), left)))
    lines.append(_command("notice", {"title": "clean-room gate"}, closing))
    return "\n".join([*lines, ""]).encode()


def summary(report: Report, findings: Iterable[Finding]) -> bytes:
    """A page of Markdown for ``$GITHUB_STEP_SUMMARY``, below 1 MiB."""
    return page(report, findings, SUMMARY)


def _annotation(level: str, finding: Finding) -> str:
    one = deciding(finding)
    where = {"file": PurePath(finding.address.file).as_posix()}
    if not is_row(finding) and one is not None and one.match.first_line > 0:
        first = one.match.first_line
        where |= {"line": str(first), "endLine": str(max(first, one.match.last_line))}
    title = ": ".join(filter(None, [f"{finding.verdict} by {clipped(finding.rule)}", place(finding)]))
    return _command(level, where | {"title": title}, "\n".join(said(finding)))


def _closing(report: Report, shown: int, left: list[Finding]) -> Iterator[str]:
    yield f"verdict {report.verdict} by policy {clipped(report.policy['name'])}. {matched(report)}."
    yield unlisted(report, shown, left)
    if report.skipped["count"]:
        yield f"{report.skipped['count']:,} could not be read: unread is not clean."
    yield "".join(f"\n{clipped(line, 2 * NAME)}" for line in whole(report))


def _command(name: str, properties: dict[str, str], message: str) -> str:
    pairs = ",".join(f"{key}={_escaped(text.plain(value), ':,')}" for key, value in properties.items())
    return f"::{name} {pairs}::{_escaped(_cut(message))}"


def _cut(message: str) -> str:
    lines = [text.plain(line) for line in message.split("\n")]
    whole = "\n".join(lines)
    return whole if len(whole) <= MESSAGE else f"{whole[: MESSAGE - 40]}... ({len(whole):,} characters)"


def _escaped(said: str, also: str = "") -> str:
    for mark in f"%\r\n{also}":
        said = said.replace(mark, f"%{ord(mark):02X}")
    return said
