"""GitLab's Code Quality report: each finding its own fingerprint, a severity GitLab knows, a line."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given

from provenance.model import Action
from provenance.policy import Finding
from provenance.report import gitlab
from tests.report.test_markdown import DUE, accused, found, hostile, reported, unprintable
from tests.report.test_text import FORBIDDEN, like


def rendered(*findings: Finding, **facts: Any) -> list[dict[str, Any]]:
    issues: list[dict[str, Any]] = json.loads(gitlab.render(reported(*findings, **facts), findings))
    check(issues)
    return issues


def check(issues: list[dict[str, Any]]) -> None:
    """What GitLab asks of an entry (its documentation, "Code Quality report format")."""
    for one in issues:
        assert {"description", "check_name", "fingerprint", "severity", "location"} == one.keys()
        assert one["severity"] in ("info", "minor", "major", "critical", "blocker")
        assert {"path", "lines"} == one["location"].keys()
        assert 1 <= one["location"]["lines"]["begin"] <= one["location"]["lines"]["end"]
        assert not one["location"]["path"].startswith("./")
        assert all(isinstance(one[key], str) and one[key] for key in ("description", "check_name", "fingerprint"))
    fingerprints = [one["fingerprint"] for one in issues]
    assert len(fingerprints) == len(set(fingerprints))


def test_a_file_is_named_with_its_lines() -> None:
    (issue,) = rendered(found(file="./src/a b.py", field="", row=0))
    assert {"path": "src/a b.py", "lines": {"begin": 3, "end": 9}} == issue["location"]
    assert "no-rival" == issue["check_name"]
    assert issue["description"].startswith("lines 3-9: matches a recorded output: fragment, copied")
    assert "recorded as claude-opus-4-5 (anthropic)" in issue["description"]


def test_a_row_is_named_in_the_description_since_its_lines_are_not_the_files() -> None:
    (issue,) = rendered(found(like(first_line=40, last_line=50)))
    assert {"path": "train.parquet", "lines": {"begin": 1, "end": 1}} == issue["location"]
    assert issue["description"].startswith("row 7, text, lines 40-50: ")


@pytest.mark.parametrize(
    ("action", "severity"), [("block", "blocker"), ("quarantine", "critical"), ("warn", "minor"), ("allow", "info")]
)
def test_the_severity_is_that_of_the_action(action: str, severity: str) -> None:
    assert severity == rendered(found(verdict=Action(action)))[0]["severity"]


def test_a_fingerprint_outlives_moved_rows_and_lines() -> None:
    before = rendered(found(row=7), found(like(first_line=3), file="a.py", field="", row=0))
    after = rendered(found(row=99), found(like(first_line=90, last_line=96), file="a.py", field="", row=0))
    assert [one["fingerprint"] for one in before] == [one["fingerprint"] for one in after]


def test_a_text_that_a_file_holds_twice_is_two_entries_and_in_two_files_too() -> None:
    assert 3 == len(rendered(found(row=1), found(row=2), found(row=1, file="b.parquet")))


def test_of_very_many_the_most_severe_are_listed_and_an_entry_counts_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gitlab, "LIMIT", 2)
    issues = rendered(*[found(row=n, verdict=Action.WARN) for n in range(5)], found(row=9))
    assert ["blocker", "minor", "info"] == [one["severity"] for one in issues]
    assert "4 of 6 texts that match are not listed here, none more severe than warn" in issues[-1]["description"]


def test_nothing_found_is_an_empty_list() -> None:
    assert [] == rendered()


@given(hostile())
def test_whatever_the_names_it_is_valid_and_all_of_it_can_be_seen(findings: list[Finding]) -> None:
    said = gitlab.render(accused(findings), findings)
    check(json.loads(said))
    assert [] == unprintable(said.decode())
    assert said == gitlab.render(accused(findings), iter(findings))


def test_no_entry_says_what_a_match_does_not_prove() -> None:
    every = [found(verdict=action) for action in Action]
    assert [] == FORBIDDEN.findall(gitlab.render(reported(*every), every).decode())


def test_what_is_due_for_the_run_is_an_entry_at_the_first_file() -> None:
    report = reported(due=DUE)
    (entry,) = json.loads(gitlab.render(report, []))
    assert ("much", "blocker", "block by much: 5 of 9 texts, more than 1 texts: Ask @all.") == (
        entry["check_name"],
        entry["severity"],
        entry["description"],
    )
