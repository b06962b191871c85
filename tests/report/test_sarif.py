"""SARIF: valid by the standard's own schema, shown by GitHub, and no name can break it."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from provenance.model import Action, Similarity
from provenance.policy import Applied, Finding, Judged, Level, Standing
from provenance.report import sarif
from tests.report.test_markdown import DUE, NASTY, WAIVERS, accused, found, hostile, names, reported, unprintable
from tests.report.test_text import COPY, FORBIDDEN, like

SCHEMA_DIGEST = "c3b4bb2d6093897483348925aaa73af03b3e3f4bd4ca38cef26dcb4212a2682e"
"""SHA-256 of sarif-schema-2.1.0.json as OASIS publishes it, errata 01 (oasis-tcs/sarif-spec, sarif-2.1/schema)."""
SCHEMA_FILE = Path(__file__).parents[1] / "fixtures" / "schemas" / "sarif-2.1.0.json"
SCHEMA = jsonschema.Draft4Validator(json.loads(SCHEMA_FILE.read_bytes()))
REFERENCE = re.compile(r"(file:///)?([A-Za-z0-9._~/-]|%[0-9A-F]{2})*")
"""RFC 3986: what a path in a URI may consist of, and what of it this project uses."""


def rendered(*findings: Finding, **facts: Any) -> dict[str, Any]:
    log = json.loads(sarif.render(reported(*findings, **facts), findings))
    check(log)
    run: dict[str, Any] = log["runs"][0]
    return run


def check(log: dict[str, Any]) -> None:
    """The schema, and what GitHub asks beyond it (SARIF support for code scanning)."""
    SCHEMA.validate(log)
    assert "2.1.0" == log["version"]
    for run in log["runs"]:
        rules = run["tool"]["driver"]["rules"]
        assert all(rule["help"]["text"] and rule["shortDescription"]["text"] for rule in rules)
        assert all(len(rule["shortDescription"]["text"]) <= 1024 for rule in rules)
        assert len(run["results"]) <= 5000
        for result in run["results"]:
            assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
            (location,) = result["locations"]
            assert REFERENCE.fullmatch(location["physicalLocation"]["artifactLocation"]["uri"])
            assert result["message"]["text"]
            assert "](" not in result["message"]["text"]


def test_the_schema_is_the_published_one() -> None:
    assert SCHEMA_DIGEST == hashlib.sha256(SCHEMA_FILE.read_bytes()).hexdigest()


def test_the_schema_finds_what_is_wrong() -> None:
    log = json.loads(sarif.render(reported(found()), [found()]))
    log["runs"][0]["results"][0]["level"] = "fatal"
    assert not SCHEMA.is_valid(log)


def test_a_result_names_rule_level_place_and_origin() -> None:
    run = rendered(found(file="src/a b.py", field="", row=0))
    (result,) = run["results"]
    assert ("no-rival", "error") == (result["ruleId"], result["level"])
    assert {
        "artifactLocation": {"uri": "src/a%20b.py", "uriBaseId": "%SRCROOT%"},
        "region": {"startLine": 3, "endLine": 9},
    } == result["locations"][0]["physicalLocation"]
    said = result["message"]["text"]
    assert said.startswith("lines 3-9: matches a recorded output: fragment, copied: 1,060 tokens verified")
    assert "; recorded as claude-opus-4-5 (anthropic), claude-code 2.1.62, session s1" in said
    assert said.endswith("; block by no-rival; evidence: transcript")


def test_a_row_has_a_logical_place_and_no_lines_since_they_would_be_the_files() -> None:
    (result,) = rendered(found(field="messages[2].content"))["results"]
    (location,) = result["locations"]
    assert {"artifactLocation": {"uri": "train.parquet", "uriBaseId": "%SRCROOT%"}} == location["physicalLocation"]
    assert [
        {"name": "messages[2].content", "fullyQualifiedName": "row 7, messages[2].content", "kind": "value"}
    ] == location["logicalLocations"]
    assert result["message"]["text"].startswith("row 7, messages[2].content, lines 3-9: matches")


@pytest.mark.parametrize(
    ("action", "level"), [("block", "error"), ("quarantine", "error"), ("warn", "warning"), ("allow", "note")]
)
def test_the_level_is_that_of_the_action(action: str, level: str) -> None:
    run = rendered(found(verdict=Action(action)))
    assert level == run["results"][0]["level"] == run["tool"]["driver"]["rules"][0]["defaultConfiguration"]["level"]


def test_further_matches_of_a_file_are_related_places() -> None:
    others = [like(first_line=line, last_line=line) for line in range(20, 40)]
    (result,) = rendered(found(COPY, *others, file="a.py", field="", row=0))["results"]
    regions = [one["physicalLocation"]["region"] for one in result["relatedLocations"]]
    assert [{"startLine": line, "endLine": line} for line in range(20, 30)] == regions
    assert result["message"]["text"].endswith("20 more matches")


def test_the_fingerprint_is_the_findings_id() -> None:
    """A file's line hash is left to GitHub's upload action, which has the line; a row has none but ours."""
    row, again, file = rendered(found(), found(row=8), found(field="", row=0))["results"]
    assert {"provenanceFinding/v1": "c0ffee", "primaryLocationLineHash": "c0ffee:1"} == row["partialFingerprints"]
    assert {"provenanceFinding/v1": "c0ffee", "primaryLocationLineHash": "c0ffee:2"} == again["partialFingerprints"]
    assert {"provenanceFinding/v1": "c0ffee"} == file["partialFingerprints"]


def test_rules_stand_in_the_policys_order_with_their_message() -> None:
    findings = [found(rule=rule, verdict=Action.WARN) for rule in ("(no rule)", "second", "first")]
    told = [
        {"rule": rule, "action": Action.WARN, "message": said, "texts": 1}
        for rule, said in (("first", "Ask."), ("unused", "Never."), ("second", ""))
    ]
    rules = rendered(*findings, rules=told)["tool"]["driver"]["rules"]
    assert ["first", "second", "(no rule)"] == [rule["id"] for rule in rules]
    assert "Ask." == rules[0]["fullDescription"]["text"]


def test_a_result_carries_zone_use_and_what_the_baseline_says_where_there_is_any() -> None:
    without, with_ = rendered(found(), found(zone="train-data", use="sft", baseline="todo"))["results"]
    assert {"finding", "verdict", "content", "matches"} == without["properties"].keys()
    assert {"zone": "train-data", "use": "sft", "baseline": "todo"}.items() <= with_["properties"].items()


def test_the_run_carries_the_digests_and_the_promise() -> None:
    run = rendered(found())
    known = run["properties"]
    assert {"name": "ours", "source": "ours.yaml", "digest": "0123456789abcdef"} == known["policy"]
    assert ("fedcba9876543210", "p1.k24", "block") == (known["index"], known["recipe"], known["verdict"])
    assert "Every run of 32 or more tokens" in known["promise"]
    assert ("provenance", "0.1.0") == (run["tool"]["driver"]["name"], run["tool"]["driver"]["version"])


def test_a_run_without_findings_is_valid_and_empty() -> None:
    run = rendered()
    assert ([], []) == (run["results"], run["tool"]["driver"]["rules"])


def test_of_very_many_the_most_severe_are_listed_and_the_rest_is_counted() -> None:
    many = [found(row=n, verdict=Action.WARN) for n in range(5001)] + [found(row=9999)]
    run = rendered(*many, verdicts={"allow": 0, "warn": 8000, "quarantine": 0, "block": 1})
    assert 5000 == len(run["results"])
    assert ["error", "warning"] == [one["level"] for one in run["results"][:2]]
    (said,) = run["invocations"][0]["toolExecutionNotifications"]
    assert (
        "3,001 of 8,001 texts that match are not listed here, none more severe than warn: see the whole report."
        == (said["message"]["text"])
    )
    assert "warning" == said["level"]


def test_skipped_rows_and_missed_captures_are_notifications() -> None:
    skipped = {"action": Action.BLOCK, "count": 3, "reasons": {"not JSON": 3}, "first": []}
    said = rendered(skipped=skipped, captures={"missed": 4})["invocations"][0]["toolExecutionNotifications"]
    assert [
        ("error", "3 could not be read, block: unread is not clean."),
        ("warning", "4 captures were missed: what they held is not in the index."),
    ] == [(one["level"], one["message"]["text"]) for one in said]


def test_a_finding_that_a_waiver_allows_is_suppressed_with_its_reason() -> None:
    waiver = Applied(Standing.WAIVED, "W-1", "Licensed to us in 2024.", "licensed", "K. Desk", "2027-01-31")
    judged = Judged(COPY, Action.ALLOW, "no-rival", Level.SOFT, Action.BLOCK, waiver)
    allowed = found(verdict=Action.ALLOW, matches=(judged, judged))
    blocked = found(matches=(judged, Judged(COPY, Action.BLOCK, "no-rival")))
    first, second = rendered(blocked, allowed)["results"]
    assert "suppressions" not in first
    assert [
        {
            "kind": "external",
            "status": "accepted",
            "justification": "licensed, approved by K. Desk, until 2027-01-31: Licensed to us in 2024.",
        }
    ] == second["suppressions"]


def test_an_expired_waiver_suppresses_nothing() -> None:
    waiver = Applied(Standing.EXPIRED, "W-1", "Licensed to us in 2024.", "licensed", "K. Desk", "2026-01-31")
    judged = Judged(COPY, Action.ALLOW, "no-rival", Level.SOFT, None, waiver)
    (result,) = rendered(found(verdict=Action.ALLOW, matches=(judged,)))["results"]
    assert "suppressions" not in result


@pytest.mark.parametrize(
    ("file", "uri"),
    [
        ("./data//train.jsonl", "data/train.jsonl"),
        ("a:b?c#d%e", "a%3Ab%3Fc%23d%25e"),
        ("été.py", "%C3%A9t%C3%A9.py"),
        ("raw\udcff.py", "raw%FF.py"),
        ("lone\ud800.py", "lone%ED%A0%80.py"),
        ("../up.py", "../up.py"),
    ],
)
def test_a_path_is_a_uri_reference_relative_to_where_the_tool_ran(file: str, uri: str) -> None:
    (result,) = rendered(found(file=file))["results"]
    assert {"uri": uri, "uriBaseId": "%SRCROOT%"} == result["locations"][0]["physicalLocation"]["artifactLocation"]


def test_an_absolute_path_is_a_file_uri() -> None:
    (result,) = rendered(found(file="/srv/da ta/x.parquet"))["results"]
    assert {"uri": "file:///srv/da%20ta/x.parquet"} == result["locations"][0]["physicalLocation"]["artifactLocation"]


@given(st.sampled_from(NASTY) | names.map(lambda name: name.encode("utf-8", "ignore").decode()))
def test_a_uri_is_the_name_of_the_very_file(file: str) -> None:
    (result,) = rendered(found(file=file))["results"]
    uri = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"].removeprefix("file://")
    named = unquote_to_bytes(uri).decode("utf-8", "surrogatepass" if "\ud800" in file else "surrogateescape")
    assert Path(file) == Path(named) or file.startswith("//")


@given(hostile())
def test_whatever_the_names_it_is_valid_and_all_of_it_can_be_seen(findings: list[Finding]) -> None:
    said = sarif.render(accused(findings), findings)
    check(json.loads(said))
    assert [] == unprintable(said.decode())
    assert said == sarif.render(accused(findings), iter(findings))


def test_no_result_says_what_a_match_does_not_prove() -> None:
    every = [found(like(similarity=similarity), verdict=action) for similarity in Similarity for action in Action]
    assert [] == FORBIDDEN.findall(sarif.render(reported(*every), every).decode())


def test_what_is_due_for_the_run_is_a_notification_and_waivers_and_digests_are_properties() -> None:
    judged = {"policy": "p", "all": "a", "day": "2026-11-21"}
    run = rendered(found(), due=DUE, waivers=WAIVERS, judged=judged, baseline={"todo": 4})
    (said,) = run["invocations"][0]["toolExecutionNotifications"]
    assert ("error", "block by much: 5 of 9 texts, more than 1 texts: Ask @all.") == (
        said["level"],
        said["message"]["text"],
    )
    known = run["properties"]
    assert (25, judged, {"todo": 4}) == (len(known["waivers"]), known["judged"], known["baseline"])
