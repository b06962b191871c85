"""A report as text: every line a user reads, and the words that it never uses."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

import provenance
from provenance import policy
from provenance.model import Action, Address, Evidence, Grade, Match, Similarity, Status
from provenance.policy import Finding, Judged
from provenance.report import collect, text
from provenance.report.collect import Report
from tests.making import CLAUDE

COPY = Match(
    ingredient="i1",
    origin=CLAUDE,
    evidence=Evidence.TRANSCRIPT,
    kind="write",
    status=Status.APPLIED,
    path="src/a.py",
    similarity=Similarity.FRAGMENT,
    grade=Grade.COPIED,
    tokens=1060,
    verbatim=60,
    run=60,
    rarity=1,
    unit_coverage=0.5,
    ingredient_coverage=0.504,
    jaccard=0.0,
    start=0,
    end=200,
    first_line=3,
    last_line=9,
    ingredient_start=4,
    ingredient_end=64,
    others=0,
)
SOURCE = "claude-opus-4-5 (anthropic), claude-code 2.1.62, session s1, 2026-03-25T09:00:00.000Z: write of src/a.py"


def like(**facts: Any) -> Match:
    return msgspec.structs.replace(COPY, **facts)


def finding(*matches: Match, row: int = 0, field: str = "text", action: Action = Action.BLOCK) -> Finding:
    judged = tuple(Judged(one, action, "no-rival") for one in matches)
    return Finding("c0ffee", Address("train.parquet", row, field), "d1", 120, action, "no-rival", judged)


def report(*findings: Finding, **facts: Any) -> Report:
    known: dict[str, Any] = {
        "report": 1,
        "tool": "provenance 0.1.0",
        "engine": "c",
        "recipe": "p1.k24",
        "promise": collect.promise(None),
        "verdict": Action.BLOCK,
        "policy": {"name": "ours", "source": "ours.yaml", "digest": "0123456789abcdef"},
        "index": {"digest": "fedcba9876543210", "ingredients": 1234},
        "dataset": {"files": ("train.parquet",), "fields": ("text",), "unread": ()},
        "captures": {"missed": 0},
        "counts": {
            "rows": 1500,
            "texts": 1400,
            "nulls": 100,
            "bytes": 1_250_000,
            "tokens": 300_000,
            "matched": len(findings),
            "skipped": 0,
        },
        "verdicts": {"allow": 0, "warn": 0, "quarantine": 0, "block": len(findings)},
        "matches": [],
        "rules": [],
        "skipped": {"action": Action.ALLOW, "count": 0, "reasons": {}, "first": []},
        "findings": list(findings),
        "findings_omitted": 0,
    }
    return Report(**known | facts)


def shown(*findings: Finding, limit: int = 20, idioms: bool = False, **facts: Any) -> list[str]:
    return [line for _, lines in text.findings(report(*findings, **facts), limit, idioms) for line in lines]


def test_a_finding_says_where_what_from_whom_and_by_which_rule() -> None:
    assert [
        "BLOCK  train.parquet, row 7, messages[2].content  [c0ffee]",
        "    lines 3-9: fragment, copied: 1,060 tokens verified, 60 in one run, 50% of the output (its tokens 4-64)",
        f"    recorded as {SOURCE}",
        "    block by no-rival; evidence: transcript",
    ] == shown(finding(COPY, row=7, field="messages[2].content"))


@pytest.mark.parametrize(
    ("facts", "line"),
    [
        ({"similarity": Similarity.EXACT, "tokens": 60}, "lines 3-9: exact, copied: all 60 tokens"),
        (
            {"similarity": Similarity.SIMILAR, "jaccard": 0.8125, "grade": Grade.NEAR_COPY},
            "lines 3-9: similar as a whole, Jaccard 0.81 (estimated)",
        ),
        ({"similarity": Similarity.NONE, "tokens": 0}, "lines 3-9: declares itself: write; no text to compare"),
        (
            {"similarity": Similarity.RENAMED, "first_line": 4, "last_line": 4, "rarity": 3},
            "line 4: renamed, copied: 1,060 tokens verified, 60 of them word for word, 60 in one run, "
            "50% of the output (its tokens 4-64); its rarest gram stands in 3 indexed places",
        ),
    ],
)
def test_what_the_texts_share_is_said_for_each_similarity(facts: dict[str, Any], line: str) -> None:
    assert f"    {line}" == shown(finding(like(**facts)))[1]


@pytest.mark.parametrize(
    ("facts", "line"),
    [
        ({"evidence": Evidence.CAPTURED}, f"recorded as {SOURCE}"),
        ({"evidence": Evidence.TOOL_NOTE}, f"recorded as {SOURCE}"),
        ({"evidence": Evidence.DECLARED}, f"declared as {SOURCE}"),
        ({"evidence": Evidence.HEURISTIC}, f"guessed as {SOURCE}"),
        ({"others": 1}, f"recorded as {SOURCE} (and 1 further output)"),
        ({"others": 2500}, f"recorded as {SOURCE} (and 2,500 further outputs)"),
        ({"status": Status.DECLINED}, f"recorded as {SOURCE}, declined"),
        ({"path": "", "kind": "prose"}, f"recorded as {SOURCE.replace('write of src/a.py', 'prose')}"),
    ],
)
def test_the_origin_is_said_as_strongly_as_it_is_known(facts: dict[str, Any], line: str) -> None:
    assert f"    {line}" == shown(finding(like(**facts)))[2]


def test_a_text_that_was_read_unwrapped_says_how() -> None:
    assert shown(finding(like(view="fence")))[1].startswith("    lines 3-9, unwrapped (fence): fragment, copied: ")
    bare = like(view="without comments in diff")
    assert shown(finding(bare))[1].startswith("    lines 3-9, without comments in diff: fragment, copied: ")


def test_idioms_are_listed_on_demand_only() -> None:
    idiom, copy = finding(like(grade=Grade.IDIOM), row=1, action=Action.ALLOW), finding(COPY, like(grade=Grade.IDIOM))
    said = shown(copy, idiom)
    assert (
        "1 texts share idioms only or carry marks that name no model, which never block (--idioms lists them)"
        == said[-1]
    )
    assert 1 == sum("[c0ffee]" in line for line in said)
    assert 2 == sum("[c0ffee]" in line for line in shown(copy, idiom, idioms=True))


def test_what_is_not_shown_is_counted() -> None:
    said = shown(*[finding(COPY, row=row) for row in range(5)], limit=2, findings_omitted=7000)
    assert [
        "... and 3 more in report.json and findings.parquet (--show N lists more here)",
        "7,000 more texts, no more severe, are in findings.parquet alone",
    ] == said[-2:]
    assert 2 == sum("[c0ffee]" in line for line in said)


def test_the_summary_says_what_was_read_and_what_was_found() -> None:
    assert [
        "provenance 0.1.0, c, recipe p1.k24; policy ours (0123456789ab); index fedcba987654 of 1,234 outputs",
        "read 1,500 rows of 1 file: 1,400 texts, 1.2 MB, 300,000 tokens; 100 nulls; 0 skipped",
        "texts that match recorded outputs: 1 (block 1)",
    ] == list(text.summary(report(finding(COPY))))


def test_the_summary_names_skipped_rows_unread_columns_and_the_rules_that_decided() -> None:
    said = report(
        finding(COPY),
        dataset={"files": ("a", "b"), "fields": ("text",), "unread": ("n", "m")},
        skipped={"action": Action.WARN, "count": 3, "reasons": {"not JSON": 3}, "first": []},
        rules=[
            {"rule": "no-rival", "action": Action.BLOCK, "message": "Ask the desk.", "texts": 1},
            {"rule": "silent", "action": Action.WARN, "message": "", "texts": 1},
        ],
    )
    assert [
        "columns without text, not read: n, m",
        "  skipped, not JSON: 3",
        "  warn by the policy's default for skipped rows: unread is not clean",
        "texts that match recorded outputs: 1 (block 1)",
        "  no-rival says block, 1 text: Ask the desk.",
    ] == list(text.summary(said))[2:]


def test_a_terminal_is_told_nothing_by_names_in_the_data() -> None:
    evil = "\x1b[2J\r\n\u202ereversed\x9b"
    one = finding(
        like(path=evil, kind=evil, origin=msgspec.structs.replace(CLAUDE, model=evil, session=evil)), field=evil
    )
    facts = {
        "dataset": {"files": (evil,), "fields": (evil,), "unread": (evil,)},
        "skipped": {"action": Action.WARN, "count": 1, "reasons": {evil: 1}, "first": []},
    }
    lines = [*shown(one), *text.summary(report(one, **facts))]
    assert [] == [line for line in lines if not line.isprintable()]
    assert r"row 0, \x1b[2J\r\n\u202ereversed\x9b  [c0ffee]" in lines[0]


@given(st.text(alphabet=st.characters()))
def test_plain_text_is_printable_and_printable_text_stays(given_: str) -> None:
    assert text.plain(given_).isprintable()
    assert text.plain(text.plain(given_)) == text.plain(given_)


FORBIDDEN = re.compile(r"breach|infring|violat|plagiar|stolen|\bAI[- ](written|generated)\b|\bhuman\b", re.IGNORECASE)


def test_no_report_says_what_a_match_does_not_prove() -> None:
    """Wording: "matches", "recorded as", "declared as"; what a court may find is no word of ours."""
    every = [
        finding(like(similarity=similarity, grade=grade, evidence=evidence))
        for similarity in Similarity
        for grade in Grade
        for evidence in Evidence
    ]
    said = [*shown(*every, limit=1000, idioms=True), *text.summary(report(*every)), collect.promise(None)]
    said += [rule.message for name in policy.shipped() for rule in policy.load(name).policy.rules]
    assert [] == [line for line in said if FORBIDDEN.search(line)]


@pytest.mark.parametrize("module", ["policy/schema.py", "policy/judge.py", "report/collect.py", "report/text.py"])
def test_no_module_that_speaks_of_matches_has_such_a_word(module: str) -> None:
    assert [] == FORBIDDEN.findall((Path(provenance.__file__).parent / module).read_text())


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("::error file=x::y", "\\x3a:error file=x::y"),
        ("  ::set-output name=a::b", "  \\x3a:set-output name=a::b"),
        ("a ##[error]b", "a \\x23#[error]b"),
        ("##[group]", "\\x23#[group]"),
        ("std::vector ## [x]", "std::vector ## [x]"),
    ],
)
def test_no_name_is_a_command_to_a_runner_that_reads_the_log(name: str, shown: str) -> None:
    assert shown == text.plain(name)


def test_clauses_that_could_only_apply_are_told_from_those_that_do() -> None:
    both = Judged(COPY, Action.BLOCK, "r", clauses=("a.1", "a.2", "a.3"), assumed=("a.2", "a.3"))
    assert "; terms in force: a.1; terms that could apply, channel or plan not recorded: a.2, a.3" == text.terms(both)
    sure = Judged(COPY, Action.BLOCK, "r", clauses=("a.1", "a.2", "a.3", "a.4", "a.5"))
    assert "; terms in force: a.1, a.2, a.3 and 2 more" == text.terms(sure)


def test_the_summary_says_what_the_judgement_rests_on() -> None:
    digests = {"policy": "1" * 32, "waivers": "2" * 32, "baseline": "", "registry": "3" * 32, "index": "4" * 32}
    judged = digests | {"all": "5" * 32, "day": "2026-11-21", "use": "sft", "team": ""}
    wanted = (
        "judged as of 2026-11-21, use sft; digest 555555555555 of policy 111111111111 waivers 222222222222 "
        "registry 333333333333 index 444444444444"
    )
    assert wanted in list(text.summary(report(judged=judged)))


def test_missed_captures_are_said() -> None:
    said = "\n".join(text.summary(report(captures={"missed": 3})))
    assert "captures missed, by the ledger: 3" in said
    assert "missed" not in "\n".join(text.summary(report()))
