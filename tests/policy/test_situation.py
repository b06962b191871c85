"""What a verdict depends on beside match and rule: zone, use, team, day, level, terms."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provenance import policy
from provenance.model import UNKNOWN, Action, Address, Evidence, Grade, Origin, Similarity
from provenance.policy import ORDER, Judging, Level, Policy, Terms, TermsStatus, Use
from provenance.policy import zones as places
from provenance.policy.judge import NO_RULE, UNKNOWN_TERMS
from tests.policy.facts import COPY, HERE, like

TODAY = date(2026, 11, 21)


def ours(text: str) -> Policy:
    """A policy of version 2 from what follows its name."""
    return policy.parse(f"version: 2\nname: ours\n{text}".encode(), "ours.yaml")


def verdict(judging: Judging, file: str = "a.py", **facts: object) -> tuple[Action, str]:
    finding = judging(Address(file, 0, ""), "c0ffee", 120, [like(**facts)])
    return finding.verdict, finding.rule


ZONED = ours("""
zones:
  harness: {paths: ["**/harness/**"], use: tooling}
  train: {paths: ["train/"], datasets: ["s3://corp/train"], use: sft}
  pause: {paths: ["rewards/**"], from: 2026-06-01, until: 2026-12-31}
  division: {paths: ["common/**"], teams: [applied]}
rules:
  - {id: no-training, action: block, uses: [sft, rl]}
  - {id: paused, action: block, zones: [pause, division], level: hard}
""")


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("train/a.py", ("train",)),
        ("./train/x/../a.py", ("train",)),
        ("train/harness/run.py", ("harness",)),
        ("s3://corp/train/part-0.parquet", ("train",)),
        ("s3://corp/train", ("train",)),
        ("s3://corp/training/part-0.parquet", ("",)),
        ("training/a.py", ("",)),
        ("sub/train/a.py", ("",)),
        ("/home/me/repo/train/a.py", ("train",)),
        ("/elsewhere/train/a.py", ("",)),
        ("", ("",)),
    ],
)
def test_a_text_lies_in_the_first_zone_that_holds_it(file: str, expected: tuple[str, ...]) -> None:
    assert expected == places.of(ZONED, file, team="x", today=TODAY, root="/home/me/repo")


@pytest.mark.parametrize(
    ("glob", "inside", "outside"),
    [
        ("*.py", ["a.py"], ["x/a.py", "a.pyc"]),
        ("**/*.py", ["a.py", "x/a.py", "x/y/a.py"], ["a.rs"]),
        ("src/**", ["src/a", "src/x/y"], ["src", "asrc/a"]),
        ("src/", ["src/a"], ["src.py"]),
        ("a?.py", ["ab.py"], ["a.py", "a/.py"]),
        ("[ab].py", ["a.py"], ["c.py"]),
        ("[!ab].py", ["c.py"], ["a.py", "/.py"]),
        ("a.b", ["a.b"], ["axb"]),
        ("**", ["a", "x/y"], []),
        ("[z-a].py", ["[z-a].py"], ["z.py"]),
    ],
)
def test_a_glob_stays_within_a_folder_but_for_two_stars(glob: str, inside: list[str], outside: list[str]) -> None:
    known = places.pattern(glob)
    assert inside == [one for one in [*inside, *outside] if known.fullmatch(one)]


@given(st.text(max_size=20), st.text(max_size=20))
def test_any_text_is_a_glob_and_a_name(glob: str, name: str) -> None:
    places.pattern(glob).fullmatch(name)
    assert places.pattern("**").fullmatch(name)


@pytest.mark.parametrize(
    ("today", "stopped"), [("2026-05-31", False), ("2026-06-01", True), ("2026-12-31", True), ("2027-01-01", False)]
)
def test_a_zone_is_in_force_from_its_first_day_to_its_last(today: str, stopped: bool) -> None:
    judging = Judging(ZONED, today=date.fromisoformat(today), use=Use.EVAL)
    assert stopped == policy.fails(verdict(judging, "rewards/a.py")[0])


def test_where_team_or_day_are_not_known_both_ways_count_and_the_more_severe_stands() -> None:
    assert ("pause", "") == places.of(ZONED, "rewards/a.py")
    assert (Action.BLOCK, "paused") == verdict(Judging(ZONED, use=Use.EVAL), "rewards/a.py")
    assert (Action.BLOCK, "paused") == verdict(Judging(ZONED, use=Use.EVAL, today=TODAY), "common/a.py")
    assert (Action.ALLOW, NO_RULE) == verdict(Judging(ZONED, use=Use.EVAL, today=TODAY, team="x"), "common/a.py")
    assert (Action.BLOCK, "paused") == verdict(Judging(ZONED, use=Use.EVAL, team="applied"), "common/a.py")


def test_what_a_zone_is_for_stands_before_what_the_caller_says_and_nobody_saying_is_any_use() -> None:
    assert (Action.BLOCK, "no-training") == verdict(Judging(ZONED, use=Use.TOOLING, today=TODAY), "train/a.py")
    assert (Action.ALLOW, NO_RULE) == verdict(Judging(ZONED, use=Use.SFT, today=TODAY), "harness/a.py")
    assert (Action.ALLOW, NO_RULE) == verdict(Judging(ZONED, use=Use.EVAL, today=TODAY))
    assert (Action.BLOCK, "no-training") == verdict(Judging(ZONED, today=TODAY))


def test_a_finding_says_in_which_zone_and_for_what_it_was_judged() -> None:
    finding = Judging(ZONED, today=TODAY)(Address("train/a.py", 0, ""), "c0ffee", 120, [COPY])
    assert ("train", "sft") == (finding.zone, finding.use)
    assert ("", "") == (lambda one: (one.zone, one.use))(Judging(ZONED)(Address("a.py", 0, ""), "c", 1, [COPY]))


def test_judge_takes_zones_and_use_for_a_single_text() -> None:
    there = Address("x.py", 0, "")
    assert Action.ALLOW is policy.judge(there, "c", 9, [COPY], ZONED, use=Use.EVAL).verdict
    assert "paused" == policy.judge(there, "c", 9, [COPY], ZONED, use=Use.EVAL, zones=("pause",)).rule


def test_advice_goes_no_further_than_a_warning_and_says_what_it_would_do() -> None:
    rules = ours("rules: [{id: a, action: block, level: advisory}]")
    finding = Judging(rules)(Address("", 0, ""), "c", 1, [COPY])
    (judged,) = finding.matches
    assert (Action.WARN, Action.WARN, Action.BLOCK, Level.ADVISORY) == (
        finding.verdict,
        judged.action,
        judged.would,
        judged.level,
    )


@pytest.mark.parametrize("order", [("soft", "hard"), ("hard", "soft")])
def test_of_rules_equally_severe_the_hard_one_is_named(order: tuple[str, str]) -> None:
    rules = ours("rules: [" + ", ".join(f"{{id: {one}, action: block, level: {one}}}" for one in order) + "]")
    assert (Action.BLOCK, "hard") == verdict(Judging(rules))


@pytest.mark.parametrize(("coverage", "holds"), [(0.49, False), (0.5, True)])
def test_min_coverage_is_of_the_text(coverage: float, holds: bool) -> None:
    rules = ours("rules: [{id: a, action: block, min_coverage: 0.5}]")
    assert holds == policy.fails(verdict(Judging(rules), unit_coverage=coverage)[0])
    assert policy.fails(verdict(Judging(rules), similarity=Similarity.SIMILAR, unit_coverage=0.0)[0])


TERMS = ours("""
organisation: {name: Labs, competes_with: [openai], own: [labs]}
rules:
  - {id: forbidden, action: block, terms: [forbids]}
  - {id: named, action: warn, kinds: [naming]}
  - {id: clause, action: quarantine, clauses: ["anthropic.*"]}
  - {id: rival, action: block, origins: [competitors]}
defaults: {unknown_terms: quarantine}
""")


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (Terms(TermsStatus.FORBIDS, ("x.1",), ("training-use",)), (Action.BLOCK, "forbidden")),
        (Terms(TermsStatus.CONDITIONS, ("x.1",), ("training-use", "naming")), (Action.WARN, "named")),
        (Terms(TermsStatus.CONDITIONS, ("anthropic.c.4",), ("naming",)), (Action.QUARANTINE, "clause")),
        (Terms(TermsStatus.PERMITS, ("x.1",), ("training-use",)), (Action.ALLOW, NO_RULE)),
        (Terms(TermsStatus.SILENT), (Action.ALLOW, NO_RULE)),
        (Terms(), (Action.QUARANTINE, UNKNOWN_TERMS)),
    ],
)
def test_a_rule_can_rest_on_what_the_terms_say(said: Terms, expected: tuple[Action, str]) -> None:
    judging = Judging(TERMS, terms=lambda origin, use: said)
    assert expected == verdict(judging)
    (judged,) = judging(Address("", 0, ""), "c", 1, [COPY]).matches
    assert said.clauses == judged.clauses


def test_where_no_registry_is_asked_terms_are_unknown_to_rules_and_have_no_default() -> None:
    rules = ours("rules: [{id: a, action: block, terms: [unknown_terms]}]")
    assert (Action.BLOCK, "a") == verdict(Judging(rules))
    assert (Action.ALLOW, NO_RULE) == verdict(Judging(TERMS))


def test_the_registry_is_asked_once_for_each_origin_day_and_use_and_only_what_it_can_know() -> None:
    asked: list[tuple[Origin, Use | None]] = []

    def ask(origin: Origin, use: Use | None) -> Terms:
        asked.append((origin, use))
        return Terms(TermsStatus.SILENT)

    judging = Judging(ZONED, terms=ask, today=TODAY)
    for number in range(50):
        verdict(judging, "train/a.py", session=f"s{number}", time=f"2026-03-25T09:00:{number:02}Z", channel="api")
    origin = Origin(provider="anthropic", model="claude-opus-4-5", tool="claude-code", channel="api", time="2026-03-25")
    assert [(origin, Use.SFT)] == asked
    verdict(judging, "train/a.py", time="2026-03-26T00:00:00Z", channel="api")
    verdict(judging, "a.py", time="2026-03-25T00:00:00Z", channel="api")
    assert ["2026-03-25", "2026-03-26", "2026-03-25"] == [one.time for one, _ in asked]
    assert [Use.SFT, Use.SFT, None] == [use for _, use in asked]


def test_no_terms_bind_an_organisation_to_itself() -> None:
    judging = Judging(TERMS, terms=lambda origin, use: Terms(TermsStatus.FORBIDS, ("x.1",)))
    assert (Action.ALLOW, NO_RULE) == verdict(judging, provider="labs")
    assert (Action.BLOCK, "forbidden") == verdict(judging, provider="mistral")


def test_competitors_are_those_of_the_organisation() -> None:
    silent = Judging(TERMS, terms=lambda origin, use: Terms(TermsStatus.SILENT))
    assert (Action.BLOCK, "rival") == verdict(silent, provider="OpenAI")
    assert (Action.ALLOW, NO_RULE) == verdict(silent, provider="google")


FACTS = {
    "provider": st.sampled_from(["anthropic", "openai", "labs", UNKNOWN]),
    "similarity": st.sampled_from(Similarity),
    "grade": st.sampled_from(Grade),
    "evidence": st.sampled_from(Evidence),
    "tokens": st.integers(0, 400),
    "unit_coverage": st.floats(0, 1),
    "jaccard": st.floats(0, 1),
    "time": st.sampled_from(["2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z", UNKNOWN]),
}
SHIPPED = {name: policy.load(name).policy for name in policy.shipped()}
FILES = st.sampled_from(["a.py", "x/sft/a.jsonl", "harness/a.py", "rewards/a.py", "applied-ai/a.py"])


@settings(max_examples=60)
@given(
    st.sampled_from(list(SHIPPED)), st.lists(st.tuples(FILES, st.fixed_dictionaries(FACTS)), min_size=1, max_size=30)
)
def test_a_remembered_answer_is_the_answer(name: str, rows: list[tuple[str, dict[str, object]]]) -> None:
    def ask(origin: Origin, use: Use | None) -> Terms:
        forbidden = origin.provider == "openai" and origin.time == "2026-01-01" and use is not Use.TOOLING
        return Terms(TermsStatus.FORBIDS, ("o.1",), ("naming",)) if forbidden else Terms()

    one = Judging(SHIPPED[name], today=TODAY, terms=ask)
    for file, facts in rows:
        fresh = Judging(SHIPPED[name], today=TODAY, terms=ask)
        where = Address(file, 0, "")
        assert fresh(where, "c", 500, [like(**facts)]) == one(where, "c", 500, [like(**facts)])


@settings(max_examples=60)
@given(st.sampled_from(list(SHIPPED)), FILES, st.fixed_dictionaries(FACTS))
def test_no_shipped_policy_stops_an_idiom_or_heuristic_evidence(name: str, file: str, facts: dict[str, object]) -> None:
    judging = Judging(SHIPPED[name], terms=lambda origin, use: Terms(TermsStatus.FORBIDS, ("x",), ("naming",)))
    for weak in ({"grade": Grade.IDIOM}, {"evidence": Evidence.HEURISTIC}):
        assert ORDER.index(verdict(judging, file, **{**facts, **weak})[0]) <= ORDER.index(Action.WARN)


def test_no_terms_hold_for_an_idiom_which_is_nobodys_output() -> None:
    said = Terms(TermsStatus.FORBIDS, ("a.1", "a.2"), ("training-use",), ("a.2",))
    rules = policy.parse(
        b"version: 2\nname: n\nrules: [{id: r, action: warn, grade: [copied, idiom], terms: [forbids]}]", "n"
    )
    judging = Judging(rules, terms=lambda origin, use: said)
    copied, idiom = judging(HERE, "c", 9, [like(), like(ingredient="i2", grade=Grade.IDIOM)]).matches
    assert (("a.1", "a.2"), ("a.2",)) == (copied.clauses, copied.assumed)
    assert ((), ()) == (idiom.clauses, idiom.assumed)
