"""A report as JUnit XML, which every CI system shows: one test suite a rule, one test case a finding.

Same report and findings, same bytes; no clock, hence no times. Block and quarantine are failures, since both fail
the gate. A warning is a skipped case: systems show those with their message and fail nothing. What is allowed
passes. A suite of its own has the verdict as a whole, so that a clean run has a case that passes. Elements and
attributes are those that Jenkins (junit-10.xsd of its xUnit plugin) and GitLab (its unit test reports) read.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePath
from xml.etree import ElementTree

from provenance import policy
from provenance.model import Action
from provenance.policy import Finding
from provenance.report import text
from provenance.report.collect import Report
from provenance.report.markdown import aside, clipped, is_row, matched, numbered, place, sentence, unlisted, worst_first

LIMIT = 5_000
"""Cases of findings; the case of the verdict says how many more there are."""


def render(report: Report, findings: Iterable[Finding]) -> bytes:
    """At most ``LIMIT`` findings, the most severe first, in the suites of their rules."""
    listed = worst_first(findings)
    shown = listed[:LIMIT]
    root = ElementTree.Element("testsuites", name="provenance")
    overall = ElementTree.SubElement(root, "testsuite", name="provenance")
    said = f"{report.verdict}. {matched(report)}"
    body = [*text.summary(report), unlisted(report, len(shown), listed[LIMIT:]), report.promise]
    whole = _case(overall, report.verdict, f"verdict by policy {clipped(report.policy['name'])}", said, body)
    whole.set("classname", "provenance")
    suites: dict[str, ElementTree.Element] = {}
    for finding, before in numbered(shown):
        if finding.rule not in suites:
            suites[finding.rule] = ElementTree.SubElement(root, "testsuite", name=clipped(finding.rule))
        _finding(suites[finding.rule], finding, before)
    for suite in root:
        _count(suite, list(suite))
    _count(root, list(root.iter("testcase")))
    ElementTree.indent(root)
    written: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return written + b"\n"


def _finding(suite: ElementTree.Element, finding: Finding, before: int) -> None:
    where = ", ".join(filter(None, [clipped(finding.address.file), place(finding)]))
    lines = [*text.finding_lines(finding), *aside(finding)]
    again = f" ({before + 1})" if before and not is_row(finding) else ""
    case = _case(suite, finding.verdict, f"{where} [{finding.id}]{again}", sentence(finding), lines)
    case.set("classname", f"provenance.{clipped(finding.rule)}")
    case.set("file", text.plain(PurePath(finding.address.file).as_posix()))


def _case(
    suite: ElementTree.Element, action: Action, name: str, message: str, body: Iterable[str]
) -> ElementTree.Element:
    """A case: failed, skipped or passed by the action; lists show the message, pages the body."""
    case = ElementTree.SubElement(suite, "testcase", name=name)
    shown = text.plain(message)
    if policy.fails(action):
        said = ElementTree.SubElement(case, "failure", message=shown, type=str(action))
    elif action is Action.WARN:
        said = ElementTree.SubElement(case, "skipped", message=shown)
    else:
        said = ElementTree.SubElement(case, "system-out")
    said.text = "\n".join(text.plain(line) for line in body if line)
    return case


def _count(element: ElementTree.Element, cases: list[ElementTree.Element]) -> None:
    element.set("tests", str(len(cases)))
    for plural, tag in (("failures", "failure"), ("skipped", "skipped")):
        element.set(plural, str(sum(case.find(tag) is not None for case in cases)))
    element.set("errors", "0")
