"""What can be asked of a policy: cases, explanations, differences, lint, schema, runs, and many rows at once."""

from __future__ import annotations

import random
import re
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pyarrow as pa
import pytest
import yaml

from provenance import policy
from provenance.errors import PolicyError
from provenance.model import UNKNOWN, Action, Address, Evidence, Grade, Origin, Similarity
from provenance.policy import (
    Judging,
    Level,
    Policy,
    Terms,
    TermsStatus,
    Use,
    baseline,
    cases,
    explaining,
    linting,
    published,
    runs,
    waivers,
)
from provenance.policy.baseline import Baseline, Disposition, Entry
from provenance.policy.linting import Seen
from tests.benchmarks import policy_tuples
from tests.policy.facts import COPY, like
from tests.policy.test_situation import SHIPPED, TODAY, ours
from tests.policy.test_waivers import waiver

CASES = Path(__file__).parent / "cases"
ROOT = Path(__file__).parents[2]
HERE = Address("train/a.py", 3, "text")
STRICT = ours("rules: [{id: stop, action: block}]")
MILD = ours("rules: [{id: look, action: warn}]")


# Cases.


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_policy_does_what_its_cases_say(name: str) -> None:
    outcomes = cases.run(SHIPPED[name], cases.load(CASES / f"{name}.yaml"))
    assert len(outcomes) > 5
    assert [] == [(one.case.name, one.differs) for one in outcomes if one.differs]


@pytest.mark.parametrize("name", SHIPPED)
def test_every_rule_of_a_shipped_policy_has_a_case(name: str) -> None:
    table = cases.load(CASES / f"{name}.yaml")
    decided = {cases.judged(SHIPPED[name], one.given).rule for one in table}
    # What is said of a competitor's output elsewhere needs a use that no zone of this policy gives.
    elsewhere = {"no-rival-output-in-training", "resembles-rival-output"} if name == "applied-ai" else set()
    missing = {rule.id for rule in SHIPPED[name].rules} - decided - elsewhere
    assert missing <= {"resembles-model-output"}


def test_a_case_that_comes_out_otherwise_says_how() -> None:
    text = b"version: 1\ncases: [{name: x, given: {provider: a}, expect: {action: warn, rule: other, level: soft}}]"
    (outcome,) = cases.run(STRICT, cases.parse(text, "c"))
    assert ("action warn expected, got block", "rule other expected, got stop") == outcome.differs


@pytest.mark.parametrize(
    ("case", "message"),
    [
        ("{name: '', given: {}, expect: {action: warn}}", "cases[0] (): name: empty (say what has to be true)"),
        (
            "{name: x, given: {provder: a}, expect: {action: warn}}",
            "unknown key 'cases[0].given.provder' (did you mean ",
        ),
        ("{name: x, given: {}, expect: {}}", "no key 'cases[0].expect.action' (it has to be given)"),
        ("{name: x, given: {zone: a, file: b}, expect: {action: warn}}", "cases[0] (x): given: a file tells its zone"),
        ("{name: x, given: {kinds: [a]}, expect: {action: warn}}", "cases[0] (x): given: kinds and clauses are what"),
    ],
)
def test_a_mistake_in_a_case_is_named(case: str, message: str) -> None:
    with pytest.raises(PolicyError, match=f"^c: {re.escape(message)}"):
        cases.parse(f"version: 1\ncases: [{case}]".encode(), "c")


def test_a_case_in_a_zone_that_is_not_there_is_a_mistake() -> None:
    table = cases.parse(b"version: 1\ncases: [{name: x, given: {zone: rewrds}, expect: {action: warn}}]", "c")
    with pytest.raises(PolicyError, match=r"case 'x': no zone named 'rewrds' \(did you mean 'rewards'\?\)"):
        cases.run(SHIPPED["applied-ai"], table)


# Explanations and differences.


def explained(judging: Judging, **facts: Any) -> list[str]:
    finding = judging(HERE, "c0ffee", 120, [like(**facts)])
    return list(explaining.lines(finding, judging, judging.zones(HERE.file)))


def test_an_explanation_tries_every_rule_and_names_the_first_condition_that_is_not_met() -> None:
    rules = ours("""
organisation: {name: Labs, competes_with: [openai]}
zones: {other: {paths: ["other/**"]}}
rules:
  - {id: elsewhere, action: block, zones: [other]}
  - {id: evaluation, action: block, uses: [eval]}
  - {id: rival, action: block, origins: [competitors]}
  - {id: long, action: block, min_tokens: 400}
  - {id: forbidden, action: block, terms: [forbids]}
  - {id: advice, action: block, level: advisory}
""")
    said = explained(Judging(rules, use=Use.SFT, terms=lambda origin, use: Terms(TermsStatus.SILENT)))
    assert [
        "match 1 of 1: i1",
        "  in no zone, for sft: anthropic claude-opus-4-5, fragment, copied, transcript, 60 tokens; terms: silent",
        "    not     elsewhere: zones other; here no zone",
        "    not     evaluation: uses eval; here sft",
        "    not     rival: origins competitors; here anthropic, claude-opus-4-5, claude-code",
        "    not     long: min_tokens 400; here 60",
        "    not     forbidden: terms forbids; here silent",
        "    holds   advice: block, advisory: comes to warn",
        "  comes to warn by advice (the rule says block)",
        "verdict: warn by advice",
    ] == said


def test_an_explanation_names_the_clauses_in_force() -> None:
    judging = Judging(STRICT, terms=lambda origin, use: Terms(TermsStatus.FORBIDS, ("a.1", "a.2")))
    assert "  clauses in force: a.1, a.2" in explained(judging)
    unsure = Judging(judging.policy, terms=lambda origin, use: Terms(TermsStatus.FORBIDS, ("a.1", "a.2"), (), ("a.2",)))
    assert "  clauses in force: a.1" in explained(unsure)
    assert "  clauses that could apply, channel or plan not recorded: a.2" in explained(unsure)


def test_an_explanation_names_default_waiver_and_baseline() -> None:
    rules = ours("rules: [{id: stop, action: block}]\ndefaults: {unknown_origin: quarantine}")
    name = policy.finding_id("c0ffee", [COPY.ingredient])
    judging = Judging(rules, today=TODAY, waivers=[waiver()], baseline={name: Entry(name, Disposition.WAIVED)})
    said = explained(judging, provider=UNKNOWN)
    assert "    default (unknown origin): quarantine" in said
    assert "  waiver W-1: waived; own prior work, counsel@example.org, until 2027-05-31" in said
    assert "    We wrote this text before any assistant did." in said
    assert "baseline: waived (by itself this sets nothing aside)" in said
    assert "verdict: allow by stop" == said[-1]


def test_a_difference_counts_classes_and_shows_a_few_of_each() -> None:
    texts = [(Address("a.py", row, ""), f"c{row}", 120, (COPY,)) for row in range(5)]
    texts.append((Address("b.py", 0, ""), "idiom", 120, (like(grade=Grade.IDIOM),)))
    said = explaining.compare(Judging(MILD), Judging(STRICT), texts)
    ((change, count, examples),) = said.changes
    assert (6, 1, 0, 5, 3) == (said.texts, said.same, said.other_rule, count, len(examples))
    assert explaining.Change(Action.WARN, "look", Action.BLOCK, "stop") == change
    assert change.newly_fails
    back = explaining.compare(Judging(STRICT), Judging(MILD), texts)
    assert [False] == [one.newly_fails for one, _, _ in back.changes]
    renamed = ours("rules: [{id: halt, action: block}]")
    same = explaining.compare(Judging(STRICT), Judging(renamed), texts)
    assert (1, 5, ()) == (same.same, same.other_rule, same.changes)


# Lint.


def linted(text: str) -> list[str]:
    return list(linting.policy_lines(ours(text), TODAY))


def test_shipped_policies_say_nothing_in_vain() -> None:
    assert {} == {name: said for name in SHIPPED if (said := list(linting.policy_lines(SHIPPED[name], TODAY)))}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "rules: []\norigins: {b: {}, a: {}}",
            ["origins.a: no rule names this set", "origins.b: no rule names this set"],
        ),
        ("rules: []\nzones: {a: {paths: [x]}}", ["zones.a: no rule or budget names it, and it gives no use"]),
        (
            "rules: []\nzones: {a: {paths: [x], until: 2026-01-01, use: sft}}",
            ["zones.a: ended on 2026-01-01"],
        ),
        (
            "rules: []\nzones: {a: {paths: ['**'], use: sft}, b: {paths: [x], use: rl}}",
            ["zones.b: never reached, since all that lies in it lies in a, which stands before it"],
        ),
        (
            "rules: [{id: a, action: block}, {id: b, action: warn, uses: [sft]}]",
            ["rules.b: never decides, since a holds wherever it does and stands above it"],
        ),
        ("rules: [{id: a, action: block, min_tokens: 9}, {id: b, action: warn}]", []),
        (
            "rules: [{id: a, action: block}, {id: b, action: block, level: hard}]",
            ["rules.a: never decides, since b holds wherever it does and stands above it"],
        ),
        (
            "rules: [{id: a, action: block, zones: [z], uses: [rl]}]\nzones: {z: {paths: [x], use: sft}}",
            ["rules.a: never holds, since its zones are for sft"],
        ),
    ],
)
def test_lint_names_what_a_policy_says_in_vain(text: str, expected: list[str]) -> None:
    assert expected == linted(text)


def test_a_rule_that_lint_calls_idle_decides_nothing() -> None:
    """The claim of lint, held against judging itself."""
    rng = random.Random(5)
    idle = 0
    for _ in range(300):
        rules = [
            {
                "id": f"r{n}",
                "action": rng.choice(["allow", "warn", "block"]),
                "level": rng.choice(list(Level)),
                "min_tokens": rng.choice([0, 50, 100]),
                "similarity": rng.sample(["exact", "fragment", "renamed"], rng.randint(1, 3)),
                **({"uses": rng.sample(["sft", "rl"], 1)} if rng.random() < 0.3 else {}),
            }
            for n in range(3)
        ]
        made = ours("rules: " + msgspec.json.encode(rules).decode())
        named = {line.split(":")[0].removeprefix("rules.") for line in linting.policy_lines(made, TODAY)}
        idle += len(named)
        for tokens in (10, 60, 200):
            for similarity in (Similarity.EXACT, Similarity.FRAGMENT, Similarity.RENAMED):
                for use in (None, Use.SFT, Use.RL):
                    match = like(tokens=tokens, similarity=similarity)
                    assert Judging(made, use=use)(HERE, "c", 9, [match]).rule not in named
    assert idle > 50


def test_lint_names_waivers_that_do_nothing() -> None:
    rules = ours("""
zones: {train: {paths: ["train/**"]}}
rules: [{id: soft, action: block, zones: [train]}, {id: hard, action: block, level: hard, origins: [openai]}]
origins: {openai: {providers: [openai]}}
""")
    other = waiver(id="other", finding="f" * 16)
    waived = [
        waiver(id="gone", approved=date(2025, 1, 1), expires=date(2025, 12, 31)),
        waiver(id="soon", expires=date(2026, 12, 1)),
        waiver(id="early", approved=date(2026, 12, 1)),
        waiver(id="names", zones=("trian",), rules=("hard", "sotf")),
        other,
        waiver(id="good"),
    ]
    said = list(linting.waiver_lines(rules, waived, TODAY))
    assert [
        "waivers.gone: expired on 2025-12-31: what it names is reported again (ask counsel@example.org, or mend it)",
        "waivers.soon: expires on 2026-12-01 (ask counsel@example.org before, or mend it)",
        "waivers.early: not in force before 2026-12-01",
        "waivers.names: no zone named 'trian' (did you mean 'train'?)",
        "waivers.names: rule 'hard' is hard, and a hard rule cannot be waived",
        "waivers.names: no rule named 'sotf' (did you mean 'soft'?)",
    ] == said
    seen = Seen([waiver(id="good"), other, waiver(id="second")], Baseline())
    judging = Judging(rules, today=TODAY, waivers=seen.waivers)
    seen.take(judging(HERE, "c0ffee", 120, [COPY]))
    assert [
        "waivers.other: matches nothing in this scan",
        "waivers.second: sets nothing aside: no rule stops what it names, its limits leave that out, or another waiver "
        "has it",
    ] == list(linting.waiver_lines(rules, seen.waivers, TODAY, seen))
    hard = Seen([waiver()], Baseline())
    hard.take(
        Judging(rules, today=TODAY, waivers=hard.waivers)(Address("a", 0, ""), "c0ffee", 9, [like(provider="openai")])
    )
    assert ["waivers.W-1: only hard rules stop what it names, and a hard rule cannot be waived"] == list(
        linting.waiver_lines(rules, hard.waivers, TODAY, hard)
    )


def test_lint_names_baseline_entries_on_which_nobody_decided_and_those_that_match_nothing() -> None:
    name = policy.finding_id("c0ffee", [COPY.ingredient])
    entries = {
        "a" * 16: Entry("a" * 16, Disposition.ACCEPTED),
        name: Entry(name, Disposition.TODO, "stop"),
    }
    known = Baseline(entries)
    todo = f"baseline.{name} (stop): todo: nobody has decided on it (write remove, accepted, false-positive, waived)"
    assert [todo] == list(linting.baseline_lines(known))
    seen = Seen((), known)
    seen.take(Judging(STRICT, baseline=entries)(HERE, "c0ffee", 120, [COPY]))
    gone = f"baseline.{'a' * 16}: matches nothing in this scan (baseline write --prune takes it out)"
    assert sorted([todo, gone]) == sorted(linting.baseline_lines(known, seen))
    waived = Baseline({name: Entry(name, Disposition.WAIVED)})
    without = Seen((), waived)
    without.take(Judging(STRICT, baseline=waived.entries)(HERE, "c0ffee", 120, [COPY]))
    assert [f"baseline.{name}: waived, but no waiver is in force on it, so it is reported"] == list(
        linting.baseline_lines(waived, without)
    )


# What the docs show.


def test_the_examples_in_the_docs_are_read() -> None:
    text = (ROOT / "docs" / "policy.md").read_text()
    shown, waived, table = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    rules = policy.parse(shown.encode(), "docs")
    (one,) = waivers.parse(waived.encode(), "docs")
    assert waivers.LONGEST >= one.expires - one.approved
    assert [()] == [outcome.differs for outcome in cases.run(rules, cases.parse(table.encode(), "docs"))]
    lines = re.findall(r"^\{.*\}$", (ROOT / "docs" / "command-baseline.md").read_text(), re.MULTILINE)
    assert 1 == len(baseline.parse("\n".join(lines).encode(), "docs"))


# The published schema.

VALID = jsonschema.Draft202012Validator(published.schema(), format_checker=jsonschema.FormatChecker())


def test_the_published_schema_is_the_one_that_the_types_make() -> None:
    """Once the types change: provenance policy schema > policies/policy.schema.json"""
    assert (ROOT / "policies" / published.ID).read_bytes() == published.encode()
    jsonschema.Draft202012Validator.check_schema(published.schema())


def plain(text: str) -> Any:
    """As an editor sees it: days are text."""
    return msgspec.to_builtins(yaml.safe_load(text))


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_policies_are_valid_by_the_published_schema(name: str) -> None:
    assert [] == list(VALID.iter_errors(plain((ROOT / "policies" / f"{name}.yaml").read_text())))


@pytest.mark.parametrize(
    "text",
    [
        "version: 1\nname: x\nrules: []\nzones: {}",
        "version: 3\nname: x\nrules: []",
        "version: 2\nname: ''\nrules: []",
        "version: 2\nname: x",
        "version: 2\nname: x\nrules: []\nrulez: []",
        "version: 2\nname: x\nrules: [{id: a, action: block, evidence: [heuristic]}]",
        "version: 2\nname: x\nrules: [{id: a, action: quarantine, grade: [copied, idiom]}]",
        "version: 2\nname: x\nrules: [{id: a, action: warn, evidence: []}]",
        "version: 2\nname: x\nrules: [{id: a, action: warn, min_coverage: 2}]",
        "version: 2\nname: x\nrules: [{id: a, action: warn, min_tokens: -1}]",
        "version: 2\nname: x\nrules: []\nbudgets: [{id: a, action: warn}]",
        "version: 2\nname: x\nrules: []\nbudgets: [{id: a, action: allow, max_records: 1}]",
        "version: 2\nname: x\nrules: []\nzones: {a: {paths: [x], from: soon}}",
    ],
)
def test_what_loading_refuses_the_published_schema_refuses(text: str) -> None:
    with pytest.raises(PolicyError):
        policy.parse(text.encode(), "p")
    assert list(VALID.iter_errors(plain(text)))


# Runs.


def dues(
    text: str, found: dict[tuple[str, Action], int], read: dict[str, int], **more: Any
) -> list[tuple[str, Action, str]]:
    said = runs.due(Judging(ours(f"rules: []\n{text}")), found, read, **more)
    return [(one.rule, one.action, one.why) for one in said]


@pytest.mark.parametrize(
    ("limit", "count", "why"),
    [
        ("max_records: 3", 3, ""),
        ("max_records: 3", 4, "4 of 100 texts, more than 3 texts"),
        ("max_share: 0.05", 5, ""),
        ("max_share: 0.05", 6, "6 of 100 texts, more than a share of 0.05"),
        ("max_records: 1, max_share: 0.01", 2, "2 of 100 texts, more than 1 texts and a share of 0.01"),
    ],
)
def test_a_budget_is_exceeded_by_more_than_it_allows(limit: str, count: int, why: str) -> None:
    text = f"budgets: [{{id: b, action: quarantine, {limit}}}]"
    found = {("", Action.WARN): count, ("", Action.BLOCK): 50}
    assert ([("b", Action.QUARANTINE, why)] if why else []) == dues(text, found, {"": 100})


def test_a_budget_is_of_its_zones_and_uses_alone() -> None:
    zones = "zones: {a: {paths: [a/], use: sft}, b: {paths: [b/], use: eval}}\n"
    found = {("a", Action.WARN): 3, ("b", Action.WARN): 4, ("", Action.ALLOW): 5}
    read = {"a": 10, "b": 10, "": 80}
    for limits, expected in (
        ("zones: [a]", "3 of 10 texts"),
        ("uses: [eval]", "9 of 90 texts"),  # a use that nobody said counts as any
        ("counts: [warn]", "7 of 100 texts"),
    ):
        ((_, _, why),) = dues(f"{zones}budgets: [{{id: x, action: warn, max_records: 0, {limits}}}]", found, read)
        assert why.startswith(expected)


def test_an_advisory_budget_warns() -> None:
    text = "budgets: [{id: b, action: block, level: advisory, max_records: 0}]"
    assert [Action.WARN] == [action for _, action, _ in dues(text, {("", Action.ALLOW): 1}, {"": 1})]


def test_rows_not_read_and_captures_missed_have_their_defaults() -> None:
    text = "defaults: {skipped: block, missed_captures: quarantine}"
    assert [
        (runs.SKIPPED, Action.BLOCK, "1,200 rows could not be read: unread is not clean"),
        (runs.MISSED, Action.QUARANTINE, "3 captures were missed: what they held is not in the index"),
    ] == dues(text, {}, {}, skipped=1200, missed=3)
    assert [] == dues(text, {}, {})


def test_budgets_count_nothing_that_may_not_fail_a_run() -> None:
    name = policy.finding_id("c0ffee", [COPY.ingredient])

    def counted(match: Any = COPY, **more: Any) -> bool:
        return runs.is_counted(Judging(STRICT, today=TODAY, **more)(HERE, "c0ffee", 120, [match]))

    assert counted()
    assert not counted(like(grade=Grade.IDIOM))
    assert not counted(like(evidence=Evidence.HEURISTIC))
    assert not counted(waivers=[waiver()])
    assert not counted(baseline={name: Entry(name, Disposition.TODO)})
    assert counted(baseline={name: Entry(name, Disposition.WAIVED)})


# Many rows.


def rows(many: int, seed: int) -> list[dict[str, Any]]:
    rng = random.Random(seed)
    return [
        {
            "provider": rng.choice(["anthropic", "openai", "mistral", "example-labs", UNKNOWN]),
            "model": rng.choice(["m1", "m2", UNKNOWN]),
            "tool": rng.choice(["codex", UNKNOWN]),
            "similarity": str(rng.choice(list(Similarity))),
            "grade": str(rng.choice(list(Grade))),
            "evidence": str(rng.choice(list(Evidence))),
            "tokens": rng.randint(0, 200),
            "unit_coverage": rng.choice([0.0, 0.5, 1.0]),
            "jaccard": rng.choice([0.0, 0.69, 0.7, 0.71]),
            "channel": rng.choice(["api", UNKNOWN]),
            "plan": UNKNOWN,
            "time": rng.choice(["2026-01-01", UNKNOWN]),
        }
        for _ in range(many)
    ]


def ask(origin: Origin, use: Use | None) -> Terms:
    return Terms(TermsStatus.FORBIDS, ("m.1",), ("naming",)) if origin.channel == "api" else Terms()


@pytest.mark.parametrize("name", SHIPPED)
@pytest.mark.parametrize("coded", [False, True])
def test_many_rows_come_to_what_each_comes_to(name: str, coded: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policy_tuples, "COMPACT", 50)  # so that tuples are numbered anew on the way
    rules: Policy = SHIPPED[name]
    zone = next(iter(rules.zones), "")
    given = rows(2000, 3)
    table = pa.concat_tables([pa.Table.from_pylist(given[:700]), pa.Table.from_pylist(given[700:])])
    if coded:
        for place, field in enumerate(table.schema):
            if pa.types.is_string(field.type):
                table = table.set_column(place, field.name, table.column(place).dictionary_encode())
    numbers, meaning = policy_tuples.decide(table, Judging(rules, terms=ask), zone)
    single = Judging(rules, terms=ask)
    expected = [single.within((zone,), HERE, "c", 9, [policy_tuples.match(row)]) for row in given]
    assert [(one.verdict, one.rule) for one in expected] == [(meaning[n].binding, meaning[n].rule) for n in numbers]
    counts = policy_tuples.tally(table, Judging(rules, terms=ask), zone)
    assert Counter((one.verdict, one.rule) for one in expected) == {
        (due.binding, due.rule): many for due, many in counts.items()
    }


def test_no_rows_come_to_nothing() -> None:
    table = pa.Table.from_pylist(rows(1, 1)).slice(0, 0)
    assert {} == policy_tuples.tally(table, Judging(STRICT), "")
