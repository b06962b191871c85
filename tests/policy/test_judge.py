"""Judging: the laws of verdicts, rules and finding ids."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provenance import policy
from provenance.model import UNKNOWN, Action, Address, Evidence, Grade, Match, Similarity
from provenance.policy import ORDER, Finding, Policy
from provenance.policy.judge import NO_RULE, UNKNOWN_ORIGIN
from provenance.policy.schema import Defaults, OriginSet, Rule
from tests.policy.facts import COPY, HERE, like


def ours(*rules: Rule, unknown: Action = Action.ALLOW, **origins: OriginSet) -> Policy:
    return Policy(version=1, name="ours", rules=rules, origins=origins, defaults=Defaults(unknown_origin=unknown))


def judged(policy_: Policy, *matches: Match) -> Finding:
    return policy.judge(HERE, "c0ffee", 120, matches, policy_)


def verdict(policy_: Policy, *matches: Match) -> tuple[Action, str]:
    finding = judged(policy_, *matches)
    return finding.verdict, finding.rule


MATCHES = st.builds(
    like,
    ingredient=st.sampled_from(["i1", "i2", "i3"]),
    provider=st.sampled_from(["anthropic", "openai", "own", UNKNOWN]),
    model=st.sampled_from(["claude-opus-4-5", "gpt-5", UNKNOWN]),
    evidence=st.sampled_from(Evidence),
    similarity=st.sampled_from(Similarity),
    grade=st.sampled_from(Grade),
    tokens=st.integers(0, 100),
    jaccard=st.sampled_from([0.0, 0.69, 0.7, 1.0]),
)
LAW = settings(max_examples=40)
BLOCKING = (Action.QUARANTINE, Action.BLOCK)


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    """Any policy, through the same door as a file: so every one is a valid policy."""
    rules = []
    for number in range(draw(st.integers(0, 4))):
        action = draw(st.sampled_from(Action))
        rule: dict[str, object] = {
            "id": f"r{number}",
            "action": str(action),
            "similarity": [str(one) for one in draw(st.sets(st.sampled_from(Similarity), min_size=2))],
            "min_tokens": draw(st.integers(0, 80)),
        }
        if draw(st.booleans()):
            rule["origins"] = draw(st.lists(st.sampled_from(["rival", "claude"]), min_size=1))
        grades = [grade for grade in Grade if grade is not Grade.IDIOM or action not in BLOCKING]
        known = [one for one in Evidence if one is not Evidence.HEURISTIC or action not in BLOCKING]
        rule["grade"] = [str(one) for one in draw(st.sets(st.sampled_from(grades), min_size=1))]
        rule["evidence"] = [str(one) for one in draw(st.sets(st.sampled_from(known), min_size=1))]
        rules.append(rule)
    raw = {
        "version": 1,
        "name": "any",
        "rules": rules,
        "origins": {"rival": {"providers": ["anthropic", "openai"]}, "claude": {"models": ["claude-*"]}},
        "defaults": {"unknown_origin": str(draw(st.sampled_from(Action)))},
    }
    return policy.parse(msgspec.json.encode(raw), "any")


@LAW
@given(policies(), st.lists(MATCHES, max_size=4), st.randoms())
def test_the_order_of_matches_changes_no_id_no_verdict_and_no_rule(any_: Policy, matches: list[Match], random) -> None:  # type: ignore[no-untyped-def]
    before = judged(any_, *matches)
    random.shuffle(matches)
    after = judged(any_, *matches)
    assert (before.id, before.verdict, before.rule) == (after.id, after.verdict, after.rule)


@LAW
@given(policies(), st.lists(MATCHES, max_size=4), st.text(), st.integers(0, 2**40), st.text())
def test_the_address_changes_nothing_but_itself(
    any_: Policy, matches: list[Match], file: str, row: int, field: str
) -> None:
    there = Address(file, row, field)
    moved = msgspec.structs.replace(judged(any_, *matches), address=there)
    assert moved == policy.judge(there, "c0ffee", 120, matches, any_)


@LAW
@given(policies(), policies(), st.lists(MATCHES, min_size=1, max_size=4))
def test_the_policy_changes_no_finding_id(one: Policy, other: Policy, matches: list[Match]) -> None:
    assert judged(one, *matches).id == judged(other, *matches).id


@LAW
@given(policies(), st.lists(MATCHES, max_size=4))
def test_the_verdict_is_the_most_severe_action_of_any_match(any_: Policy, matches: list[Match]) -> None:
    finding = judged(any_, *matches)
    actions = [judged(any_, one).verdict for one in matches]
    assert actions == [one.action for one in finding.matches]
    assert max(actions, key=ORDER.index, default=Action.ALLOW) == finding.verdict


@LAW
@given(policies(), st.lists(MATCHES, max_size=4), MATCHES)
def test_one_match_more_never_makes_the_verdict_milder(any_: Policy, matches: list[Match], more: Match) -> None:
    before, after = judged(any_, *matches).verdict, judged(any_, *matches, more).verdict
    assert ORDER.index(before) <= ORDER.index(after)


@LAW
@given(policies(), st.lists(MATCHES.filter(lambda one: one.grade is Grade.IDIOM), max_size=3))
def test_idioms_never_block(any_: Policy, matches: list[Match]) -> None:
    assert judged(any_, *matches).verdict not in BLOCKING


@LAW
@given(policies(), st.lists(MATCHES.filter(lambda one: one.evidence is Evidence.HEURISTIC), max_size=3))
def test_heuristic_evidence_never_blocks(any_: Policy, matches: list[Match]) -> None:
    assert judged(any_, *matches).verdict not in BLOCKING


def test_a_text_without_matches_is_allowed_by_no_rule() -> None:
    assert (Action.ALLOW, NO_RULE) == verdict(ours(Rule(id="a", action=Action.BLOCK)))


def test_the_most_severe_rule_stands_and_of_equals_the_first_in_the_policy() -> None:
    rules = [Rule(id="w", action=Action.WARN), Rule(id="b1", action=Action.BLOCK), Rule(id="b2", action=Action.BLOCK)]
    assert (Action.BLOCK, "b1") == verdict(ours(*rules), COPY)
    assert (Action.BLOCK, "b2") == verdict(ours(*reversed(rules)), COPY)


def test_of_matches_decided_by_equal_rules_the_first_rule_is_named_whichever_match_comes_first() -> None:
    rules = ours(
        Rule(id="long", action=Action.BLOCK, min_tokens=80),
        Rule(id="short", action=Action.BLOCK),
    )
    short, long = like(tokens=60), like(tokens=90)
    assert (Action.BLOCK, "long") == verdict(rules, short, long)
    assert (Action.BLOCK, "long") == verdict(rules, long, short)


def test_a_rule_that_allows_is_named_where_nothing_more_severe_holds() -> None:
    assert (Action.ALLOW, "own") == verdict(ours(Rule(id="own", action=Action.ALLOW)), COPY)


@pytest.mark.parametrize(
    ("facts", "holds"),
    [
        ({}, True),
        ({"provider": "ANTHROPIC", "model": "Claude-x"}, True),
        ({"provider": "openai"}, False),
        ({"model": "gpt-5"}, False),
        ({"tool": "cursor"}, False),
        ({"model": UNKNOWN}, False),
    ],
)
def test_an_origin_belongs_to_a_set_if_each_list_matches(facts: dict[str, str], holds: bool) -> None:
    members = OriginSet(providers=("anthropic",), models=("claude-*", "opus"), tools=("claude-?ode",))
    rules = ours(Rule(id="a", action=Action.BLOCK, origins=("rival",)), rival=members)
    assert holds == (judged(rules, like(**facts)).verdict is Action.BLOCK)


def test_a_rule_holds_for_any_of_its_origin_sets() -> None:
    rules = ours(
        Rule(id="a", action=Action.BLOCK, origins=("one", "two")),
        one=OriginSet(providers=("openai",)),
        two=OriginSet(providers=("anthropic",)),
        three=OriginSet(),
    )
    assert Action.BLOCK == judged(rules, COPY).verdict
    assert Action.ALLOW == judged(rules, like(provider="google")).verdict


@pytest.mark.parametrize(
    ("facts", "holds"),
    [
        ({"tokens": 40}, True),
        ({"tokens": 39}, False),
        ({"similarity": Similarity.SIMILAR, "tokens": 0, "jaccard": 0.7}, True),
        ({"similarity": Similarity.SIMILAR, "tokens": 0, "jaccard": 0.69}, False),
    ],
)
def test_thresholds_measure_tokens_or_for_similar_the_estimate(facts: dict[str, object], holds: bool) -> None:
    rules = ours(Rule(id="a", action=Action.BLOCK, min_tokens=40, min_jaccard=0.7))
    assert holds == (judged(rules, like(**facts)).verdict is Action.BLOCK)


@pytest.mark.parametrize(
    ("default", "facts", "expected"),
    [
        (Action.BLOCK, {}, (Action.BLOCK, UNKNOWN_ORIGIN)),
        (Action.BLOCK, {"grade": Grade.IDIOM}, (Action.ALLOW, NO_RULE)),
        (Action.BLOCK, {"evidence": Evidence.HEURISTIC}, (Action.WARN, UNKNOWN_ORIGIN)),
        (Action.ALLOW, {}, (Action.ALLOW, UNKNOWN_ORIGIN)),
    ],
)
def test_an_origin_that_was_not_recorded_gets_the_default(
    default: Action, facts: dict[str, object], expected: tuple[Action, str]
) -> None:
    assert expected == verdict(ours(unknown=default), like(provider=UNKNOWN, **facts))


@pytest.mark.parametrize(
    ("rule", "default", "expected"),
    [
        (Action.BLOCK, Action.WARN, (Action.BLOCK, "a")),
        (Action.WARN, Action.BLOCK, (Action.BLOCK, UNKNOWN_ORIGIN)),
        (Action.WARN, Action.WARN, (Action.WARN, "a")),
    ],
)
def test_of_a_rule_and_the_default_the_more_severe_stands(
    rule: Action, default: Action, expected: tuple[Action, str]
) -> None:
    assert expected == verdict(ours(Rule(id="a", action=rule), unknown=default), like(provider=UNKNOWN))


def test_a_finding_id_is_of_content_and_ingredients() -> None:
    """The id stands in waivers and reports of years ago: it must never change."""
    assert "07cee110d427dcdd" == judged(ours(), COPY).id
    assert judged(ours(), COPY).id == judged(ours(), COPY, COPY).id
    assert judged(ours(), COPY).id != judged(ours(), like(ingredient="i2")).id
    assert judged(ours(), COPY).id != policy.judge(HERE, "other", 120, [COPY], ours()).id
