"""JUnit XML: what fails, what is skipped, what passes; and XML whatever the names."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given

from provenance.model import Action, Grade
from provenance.policy import Applied, Finding, Judged, Level, Standing
from provenance.report import junit
from tests.report.test_markdown import accused, found, hostile, reported, unprintable
from tests.report.test_text import COPY, FORBIDDEN, like

KNOWN = {
    "testsuites": ({"name", "tests", "failures", "skipped", "errors"}, {"testsuite"}),
    "testsuite": ({"name", "tests", "failures", "skipped", "errors"}, {"testcase"}),
    "testcase": ({"name", "classname", "file"}, {"failure", "skipped", "system-out"}),
    "failure": ({"message", "type"}, set()),
    "skipped": ({"message"}, set()),
    "system-out": (set(), set()),
}
"""Elements, with their attributes and children, that Jenkins and GitLab read."""


def rendered(*findings: Finding, **facts: Any) -> ElementTree.Element:
    root = ElementTree.fromstring(junit.render(reported(*findings, **facts), findings))
    check(root)
    return root


def check(root: ElementTree.Element) -> None:
    assert "testsuites" == root.tag
    for element in root.iter():
        attributes, children = KNOWN[element.tag]
        assert set(element.keys()) <= attributes
        assert {child.tag for child in element} <= children
    for element in [root, *root]:
        cases = list(element.iter("testcase"))
        assert [
            len(cases),
            *(sum(case.find(tag) is not None for case in cases) for tag in ("failure", "skipped")),
            0,
        ] == [int(element.attrib[name]) for name in ("tests", "failures", "skipped", "errors")]


def suites(root: ElementTree.Element) -> dict[str, list[str]]:
    """The cases of each suite, by what became of them."""
    return {suite.attrib["name"]: [case[0].tag for case in suite] for suite in root}


def test_a_rule_is_a_suite_and_a_finding_is_a_case() -> None:
    findings = [found(rule="b"), found(rule="a", verdict=Action.WARN, row=8), found(rule="b", row=9)]
    root = rendered(*findings)
    assert {"provenance": ["failure"], "b": ["failure", "failure"], "a": ["skipped"]} == suites(root)
    case = root[1][0]
    assert {
        "name": "train.parquet, row 7, text [c0ffee]",
        "classname": "provenance.b",
        "file": "train.parquet",
    } == case.attrib
    assert case[0].attrib["message"].startswith("row 7, text, lines 3-9: matches a recorded output: fragment")
    assert "block" == case[0].attrib["type"]
    assert "recorded as claude-opus-4-5 (anthropic)" in (case[0].text or "")


@pytest.mark.parametrize(
    ("action", "tag"),
    [("block", "failure"), ("quarantine", "failure"), ("warn", "skipped"), ("allow", "system-out")],
)
def test_what_fails_a_gate_fails_what_is_warned_of_is_skipped_what_is_allowed_passes(action: str, tag: str) -> None:
    assert {"provenance": [tag], "no-rival": [tag]} == suites(rendered(found(verdict=Action(action))))


def test_a_clean_run_has_one_case_which_passes_and_says_what_was_read() -> None:
    root = rendered()
    assert {"provenance": ["system-out"]} == suites(root)
    said = root[0][0][0].text or ""
    assert "read 1,500 rows of 1 file" in said
    assert "Every run of 32 or more tokens" in said


def test_the_verdict_can_fail_for_skipped_rows_alone() -> None:
    skipped = {"action": Action.BLOCK, "count": 3, "reasons": {"not JSON": 3}, "first": []}
    root = rendered(verdict=Action.BLOCK, skipped=skipped)
    assert {"provenance": ["failure"]} == suites(root)
    assert "block by the policy's default for skipped rows" in (root[0][0][0].text or "")


def test_every_case_has_a_name_of_its_own() -> None:
    """Of two cases with one name GitLab shows the first."""
    findings = [found(row=n % 3, field=f"f{n % 2}") for n in range(6)] + [found(field="", row=0, file="a.py")] * 2
    names = [case.attrib["name"] for case in rendered(*findings).iter("testcase")]
    assert len(names) == len(set(names)) == 9


def test_allowed_idioms_are_no_cases() -> None:
    assert ["provenance"] == list(suites(rendered(found(like(grade=Grade.IDIOM), verdict=Action.ALLOW))))


def test_a_waiver_is_carried() -> None:
    waiver = Applied(Standing.WAIVED, "W-1", "Licensed to us in 2024.", "licensed", "K. Desk", "2027-01-31")
    judged = Judged(COPY, Action.ALLOW, "no-rival", Level.SOFT, Action.BLOCK, waiver)
    root = rendered(found(verdict=Action.ALLOW, matches=(judged,)))
    assert "waived (W-1, licensed, approved by K. Desk, until 2027-01-31)" in (root[1][0][0].text or "")


def test_of_very_many_the_most_severe_are_cases_and_the_rest_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(junit, "LIMIT", 3)
    root = rendered(*[found(row=n, verdict=Action.WARN) for n in range(5)], found(row=9))
    assert {"provenance": ["failure"], "no-rival": ["failure", "skipped", "skipped"]} == suites(root)
    assert "3 of 6 texts that match are not listed here, none more severe than warn" in (root[0][0][0].text or "")


@given(hostile())
def test_whatever_the_names_it_is_xml_and_all_of_it_can_be_seen(findings: list[Finding]) -> None:
    said = junit.render(accused(findings), findings)
    check(ElementTree.fromstring(said))
    assert [] == unprintable(said.decode())
    assert said == junit.render(accused(findings), iter(findings))


def test_no_case_says_what_a_match_does_not_prove() -> None:
    every = [found(verdict=action) for action in Action]
    assert [] == FORBIDDEN.findall(junit.render(reported(*every), every).decode())
