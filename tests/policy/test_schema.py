"""Policies as written: what is accepted, and the sentence that a mistake gets."""

from __future__ import annotations

import re
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provenance import policy
from provenance.errors import PolicyError
from provenance.model import Action, Evidence, Grade, Similarity
from provenance.policy import Level, Policy, TermsStatus, Use, strict
from provenance.policy.schema import Budget, Defaults, Organisation, OriginSet, Rule, Zone
from provenance.policy.strict import LARGEST

BASE = "version: 1\nname: ours\n"


def parsed(text: str) -> Policy:
    return policy.parse(text.encode(), "ours.yaml")


def error_of(content: bytes | str) -> str:
    with pytest.raises(PolicyError) as error:
        policy.parse(content.encode() if isinstance(content, str) else content, "ours.yaml")
    assert "\n" not in str(error.value)
    return str(error.value)


def test_a_policy_is_read_as_it_is_written() -> None:
    text = """
        version: 1
        name: ours
        description: >
          What others' models wrote
          stays out.
        origins:
          rival: {providers: [anthropic, openai], models: ["claude-*"]}
        rules:
          - id: first
            action: block
            origins: [rival]
            similarity: [exact, similar]
            grade: [near copy]
            evidence: [tool note]
            min_tokens: 40
            min_jaccard: 1
            message: Ask the desk.
        defaults: {unknown_origin: quarantine, skipped: block}
    """
    expected = Policy(
        version=1,
        name="ours",
        description="What others' models wrote stays out.",
        origins={"rival": OriginSet(providers=("anthropic", "openai"), models=("claude-*",))},
        rules=(
            Rule(
                id="first",
                action=Action.BLOCK,
                origins=("rival",),
                similarity=(Similarity.EXACT, Similarity.SIMILAR),
                grade=(Grade.NEAR_COPY,),
                evidence=(Evidence.TOOL_NOTE,),
                min_tokens=40,
                min_jaccard=1.0,
                message="Ask the desk.",
            ),
        ),
        defaults=Defaults(Action.QUARANTINE, Action.BLOCK, unknown_terms=Action.ALLOW, missed_captures=Action.ALLOW),
    )
    assert expected == parsed(text)


def test_left_out_keys_mean_all_but_idioms_and_heuristics() -> None:
    (rule,) = parsed(f"{BASE}rules: [{{id: a, action: block}}]").rules
    assert tuple(Similarity) == rule.similarity
    assert set(Grade) - {Grade.IDIOM} == set(rule.grade)
    assert set(Evidence) - {Evidence.HEURISTIC} == set(rule.evidence)
    assert () == rule.origins


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_any_unicode_encoding_that_yaml_knows_is_read(encoding: str) -> None:
    assert "größe" == policy.parse("version: 1\nname: größe\nrules: []\n".encode(encoding), "p").name


def test_a_key_merged_from_a_mapping_written_there_is_read() -> None:
    (rule,) = parsed(f"{BASE}rules: [{{<<: {{action: warn, id: b}}, id: a}}]").rules
    assert ("a", Action.WARN) == (rule.id, rule.action)


RULE = "rules: [{id: a, action: warn, %s}]\n"
TWO = "version: 2\nname: ours\n"
MISTAKES = {
    # at every level a misspelt key, with the nearest valid one
    BASE + "ruels: []\n": "unknown key 'ruels' (did you mean 'rules'?)",
    BASE + "rules: []\nName: x\n": "unknown key 'Name' (did you mean 'name'?)",
    BASE
    + "rules: []\n? 2026-11-21\n: x\n": "unknown key '2026-11-21' (valid: version, name, rules, origins, defaults, "
    "description)",
    BASE + RULE % "similarty: [exact]": "unknown key 'rules[0].similarty' (did you mean 'similarity'?)",
    BASE + RULE % "2: x": "unknown key 'rules[0].2' (valid: id, action, origins, similarity, grade, evidence, "
    "min_tokens, min_jaccard, message)",
    BASE + "rules: []\norigins: {rival: {provider: [x]}}": "unknown key 'origins.rival.provider' "
    "(did you mean 'providers'?)",
    BASE + "rules: []\ndefaults: {unknown: warn}": "unknown key 'defaults.unknown' (did you mean 'unknown_origin'?)",
    # keys that are missing
    "name: ours\nrules: []": "version: missing (this tool reads 'version: 1' and 'version: 2')",
    "version: 1\nrules: []": "no key 'name' (it has to be given)",
    BASE: "no key 'rules' (it has to be given)",
    BASE + "rules: [{id: a, action: warn}, {id: b}]": "no key 'rules[1].action' (it has to be given)",
    # versions
    "version: 3\nfuture: x": "version: 3 (this tool reads 'version: 1' and 'version: 2')",
    "version: true\nname: x\nrules: []": "version: True (this tool reads 'version: 1' and 'version: 2')",
    "version: 1.0\nname: x\nrules: []": "version: 1.0 (this tool reads 'version: 1' and 'version: 2')",
    "version: '1'\nname: x\nrules: []": "version: '1' (this tool reads 'version: 1' and 'version: 2')",
    # words that the vocabulary does not have
    BASE + "rules: [{id: a, action: blok}]": "rules[0].action: 'blok' is not known (did you mean 'block'?)",
    BASE + "rules: [{id: a, action: on}]": "rules[0].action: True is not known (valid: allow, warn, quarantine, block)",
    BASE + "rules: [{id: a, action: [warn]}]": "rules[0].action: ['warn'] is not known (did you mean 'warn'?)",
    BASE + RULE % "grade: [near_copy]": "rules[0].grade[0]: 'near_copy' is not known (did you mean 'near copy'?)",
    BASE + RULE % "similarity: [exact, same]": "rules[0].similarity[1]: 'same' is not known (valid: recorded, exact, "
    "fragment, renamed, similar, none)",
    BASE + RULE % "evidence: [{a: b}]": "rules[0].evidence[0]: {'a': 'b'} is not known (valid: captured, transcript, "
    "tool note, declared, heuristic)",
    BASE + "rules: []\ndefaults: {skipped: wran}": "defaults.skipped: 'wran' is not known (did you mean 'warn'?)",
    BASE + RULE % "origins: [rivl]" + "origins: {rival: {}}": "rules[0] (a): origins: no set named 'rivl' "
    "(did you mean 'rival'?)",
    BASE + RULE % "origins: [rival]": "rules[0] (a): origins: no set named 'rival' (valid: none)",
    # values of another kind
    "": "a policy is a mapping with version, name and rules",
    "- version: 1": "a policy is a mapping with version, name and rules",
    BASE + "rules:": "rules: None is not a list (write [...])",
    BASE + "rules: {id: a}": "rules: {'id': 'a'} is not a list (write [...])",
    BASE + "rules: [abc]": "rules[0]: 'abc' is not a mapping of keys to values",
    BASE + "rules: [[]]": "rules[0]: [] is not a mapping of keys to values",
    BASE + RULE % "similarity: exact": "rules[0].similarity: 'exact' is not a list (write [...])",
    BASE + "rules: []\norigins: [rival]": "origins: ['rival'] is not a mapping of names to values",
    BASE + "rules: []\norigins:": "origins: None is not a mapping of names to values",
    BASE
    + "rules: []\norigins: {rival: [anthropic]}": "origins.rival: ['anthropic'] is not a mapping of keys to values",
    BASE + "rules: []\norigins: {rival: {providers: anthropic}}": "origins.rival.providers: 'anthropic' is not a list "
    "(write [...])",
    BASE + "rules: []\norigins: {1: {}}": "origins: 1 is not text (put it in quotes)",
    BASE
    + "rules: []\norigins: {rival: {models: [4.5]}}": "origins.rival.models[0]: 4.5 is not text (put it in quotes)",
    BASE + "rules: []\ndefaults:": "defaults: None is not a mapping of keys to values",
    "version: 1\nname: 7\nrules: []": "name: 7 is not text (put it in quotes)",
    "version: 1\nname: ''\nrules: []": "name: empty (reports name the policy by it)",
    'version: 1\nname: "\\ud800"\nrules: []': r"name: '\ud800' has characters that cannot be printed "
    "(reports print it)",
    BASE + 'rules: [{id: "\\e[2J", action: warn}]': r"rules[0].id: '\x1b[2J' has characters that cannot be printed "
    "(reports print it)",
    BASE + "rules: [{id: '', action: warn}]": "rules[0].id: empty (findings name the rule by it)",
    # lists that match nothing
    BASE + RULE % "evidence: []": "rules[0].evidence: an empty list matches nothing (leave the key out to match all)",
    BASE + RULE % "origins: []": "rules[0].origins: an empty list matches nothing (leave the key out to match all)",
    BASE + "rules: []\norigins: {rival: {tools: []}}": "origins.rival.tools: an empty list matches nothing (leave the "
    "key out to match all)",
    # thresholds that cannot be met, or measure nothing
    BASE + RULE % "min_tokens: -1": "rules[0] (a): min_tokens: -1 (a number of tokens, 0 or more)",
    BASE + RULE % "min_tokens: 1.5": "rules[0].min_tokens: 1.5 is not a whole number",
    BASE + RULE % "min_tokens: true": "rules[0].min_tokens: True is not a whole number",
    BASE + RULE % "min_jaccard: 70": "rules[0] (a): min_jaccard: 70 (a share, from 0 to 1)",
    BASE + RULE % "min_jaccard: .nan": "rules[0] (a): min_jaccard: nan (a share, from 0 to 1)",
    BASE + RULE % "min_jaccard: '0.7'": "rules[0].min_jaccard: '0.7' is not a number",
    BASE + RULE % "min_jaccard: 0.7, similarity: [exact]": "rules[0] (a): min_jaccard measures 'similar' alone, which "
    "the rule leaves out",
    BASE + RULE % "min_tokens: 40, similarity: [similar]": "rules[0] (a): min_tokens does not measure 'similar', and "
    "the rule has nothing else",
    # laws
    BASE + "rules: [{id: a, action: warn}, {id: a, action: warn}]": "rules[1] (a): two rules have this id (give each "
    "its own)",
    BASE + "rules: [{id: a, action: block, grade: [copied, idiom]}]": "rules[0] (a): an idiom never blocks or "
    "quarantines (take 'idiom' out, or warn)",
    BASE + "rules: [{id: a, action: quarantine, evidence: [heuristic]}]": "rules[0] (a): heuristic evidence never "
    "blocks or quarantines (take it out, or warn)",
    # what version 2 has
    BASE + "rules: []\nzones: {}": "unknown key 'zones' (version 2 has it: write 'version: 2')",
    BASE + RULE % "level: hard": "unknown key 'rules[0].level' (version 2 has it: write 'version: 2')",
    BASE + RULE % "origins: [competitors]": "rules[0] (a): origins: no set named 'competitors' (valid: none)",
    TWO + RULE % "level: mandatory": "rules[0].level: 'mandatory' is not known (valid: advisory, soft, hard)",
    TWO + RULE % "uses: [training]": "rules[0].uses[0]: 'training' is not known (did you mean 'pretrain'?)",
    TWO + RULE % "terms: [forbid]": "rules[0].terms[0]: 'forbid' is not known (did you mean 'forbids'?)",
    TWO + RULE % "zones: [tran]" + "zones: {train: {paths: [a]}}": "rules[0] (a): zones: no zone named 'tran' "
    "(did you mean 'train'?)",
    TWO + RULE % "origins: [competitor]" + "organisation: {name: x, competes_with: [y]}": "rules[0] (a): origins: no "
    "set named 'competitor' (did you mean 'competitors'?)",
    TWO + "rules: []\norigins: {competitors: {}}": "origins.competitors: this name stands for "
    "organisation.competes_with (give the set another)",
    TWO + "rules: []\norganisation: {name: ''}": "organisation.name: empty (reports name the organisation by it)",
    TWO + "rules: []\nzones: {a: {}}": "zones.a: nothing says what lies in it (give paths, datasets, teams, from or "
    "until)",
    TWO + "rules: []\nzones: {a: {use: sft}}": "zones.a: nothing says what lies in it",
    TWO + "rules: []\nzones: {a: {paths: [/]}}": "zones.a.paths: '/' names no file (write '**' for all)",
    TWO + "rules: []\nzones: {a: {from: soon}}": "zones.a.from: 'soon' is not a day (write it as 2026-11-21)",
    TWO + "rules: []\nzones: {a: {from: 2026-11-21T10:00:00}}": "zones.a.from: datetime.datetime(2026, 11, 21, 10, 0) "
    "is not a day (write it as 2026-11-21)",
    TWO + "rules: []\nzones: {a: {from: 2026-02-01, until: 2026-01-01}}": "zones.a: from 2026-02-01 is after until "
    "2026-01-01 (turn them round)",
    TWO
    + "rules: []\nzones: {a: {folders: [x]}}": "unknown key 'zones.a.folders' (valid: paths, datasets, teams, from, "
    "until, use)",
    TWO + RULE % "min_coverage: 2": "rules[0] (a): min_coverage: 2 (a share, from 0 to 1)",
    TWO + RULE % "min_coverage: 0.1, similarity: [similar]": "rules[0] (a): min_coverage does not measure 'similar', "
    "and the rule has nothing else",
    TWO + RULE % "terms: [unknown_terms], clauses: [a]": "rules[0] (a): clauses: where terms are unknown no clause is "
    "in force (take one of the two out)",
    TWO + "rules: []\nbudgets: [{id: b, action: allow, max_records: 1}]": "budgets[0] (b): action: a budget that "
    "allows limits nothing (warn, quarantine or block)",
    TWO + "rules: []\nbudgets: [{id: b, action: block}]": "budgets[0] (b): no limit (give max_records, max_share or "
    "both)",
    TWO + "rules: []\nbudgets: [{id: b, action: block, max_records: -1}]": "budgets[0] (b): max_records: -1 (a number "
    "of texts, 0 or more)",
    TWO + "rules: []\nbudgets: [{id: b, action: block, max_share: 3}]": "budgets[0] (b): max_share: 3 (a share, from "
    "0 to 1)",
    TWO + "rules: []\nbudgets: [{id: b, action: warn, max_records: 1, counts: [block]}]": "budgets[0] (b): counts: a "
    "budget is of what passes ('allow' or 'warn'); the rest fails by itself",
    TWO + RULE % "message: x" + "budgets: [{id: a, action: warn, max_records: 1}]": "budgets[0] (a): another budget or "
    "rule has this id (give each its own)",
    # YAML itself
    BASE + "rules: []\nname: theirs": "line 4: not YAML: key 'name' twice",
    BASE + "rules: [{id: a, id: b, action: warn}]": "line 3: not YAML: key 'id' twice",
    BASE + "rules: [&a {id: a, action: warn}, *a]": "line 3: not YAML: an alias, *a (write out what it stands for)",
    BASE + "rules: []\nzones: {z: {from: 2026-13-45}}": "line 4: not YAML: month must be in 1..12",
    "&a [*a]": "line 1: not YAML: an alias, *a (write out what it stands for)",
    BASE + "? [a]\n: x": "line 3: not YAML: found unhashable key",
    "!!python/object/apply:os.system ['true']": "line 1: not YAML: could not determine a constructor for the tag "
    "'tag:yaml.org,2002:python/object/apply:os.system'",
    BASE + "rules: !!timestamp x": "not YAML: 'NoneType' object has no attribute 'groupdict' (plain values are enough)",
    BASE + "rules: 2026-13-01": "line 3: not YAML: month must be in 1..12",
    BASE + "--- x": "line 3: not YAML: but found another document",
    "version: 1\n\tname: x": r"line 2: not YAML: found character '\\t' that cannot start any token",
    "[" * 10_000: "not YAML: maximum recursion depth exceeded",
}


@pytest.mark.parametrize("text", list(MISTAKES), ids=[re.sub(r"\s+", " ", text[:90]) for text in MISTAKES])
def test_a_mistake_is_named_with_its_place(text: str) -> None:
    assert error_of(text).startswith(f"ours.yaml: {MISTAKES[text]}")


def test_bytes_that_are_no_text_are_named() -> None:
    assert "ours.yaml: not text: invalid continuation byte at 6 (save it as UTF-8)" == error_of(b"name: \xe9e")
    assert error_of(b"name: \0").startswith("ours.yaml: not text: special characters are not allowed at 6")


def test_a_bomb_of_aliases_is_refused_at_the_first() -> None:
    lines = ["a0: &a0 [x,x,x,x,x,x,x,x,x]"]
    lines += [f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    assert "ours.yaml: line 2: not YAML: an alias, *a0 (write out what it stands for)" == error_of("\n".join(lines))


def test_a_file_larger_than_any_policy_is_refused_before_it_is_parsed() -> None:
    expected = "ours.yaml: larger than 262,144 bytes, which no policy is (name a policy file)"
    assert expected == error_of(b"- a\n" * (LARGEST // 4 + 1))


def test_an_error_stays_short_whatever_it_quotes() -> None:
    for text in (f"version: {'x' * 10_000}", f"{BASE}{'x' * 10_000}: 1", f"{BASE}rules: [{'[' * 90}{']' * 90}]"):
        assert len(error_of(text)) < 250


@given(st.binary(max_size=200))
def test_any_bytes_are_a_policy_or_a_policy_error(content: bytes) -> None:
    with pytest.raises(PolicyError, match=r"^p: "):
        policy.parse(content, "p")


WORDS = st.sampled_from(
    "version name rules origins defaults id action warn block 1 0.5 true ~ !!bool !!map !!set !!int !!float !!omap "
    "!!binary !!timestamp <<: = & * ? | > - : , [ ] { } ' # % --- ... similarity exact rival".split()
)


@given(st.lists(WORDS | st.sampled_from([" ", "\n", "\n  "])))
def test_any_words_of_yaml_are_a_policy_or_a_policy_error(words: list[str]) -> None:
    try:
        policy.parse(" ".join(words).encode(), "p")
    except PolicyError as error:
        assert str(error).startswith("p: ")  # noqa: PT017  # most of these are errors, a few may be none


@pytest.mark.parametrize("name", policy.shipped())
def test_shipped_policies_load_and_are_called_as_their_file(name: str) -> None:
    loaded = policy.load(name)
    assert (name, name) == (loaded.policy.name, loaded.source)


def test_version_2_is_read_as_it_is_written() -> None:
    text = """
        version: 2
        name: ours
        organisation: {name: Labs, competes_with: [openai], own: [labs]}
        zones:
          train: {paths: ["data/**"], datasets: ["s3://x"], teams: [a], from: 2026-01-01, until: 2026-12-31, use: sft}
        rules:
          - {id: r, action: block, level: hard, origins: [competitors], zones: [train], uses: [sft, rl],
             min_coverage: 0.5, terms: [forbids], kinds: [naming], clauses: ["openai.*"]}
        budgets: [{id: b, action: warn, level: advisory, zones: [train], uses: [sft], counts: [warn],
                   max_records: 3, max_share: 0.5, message: Much.}]
        defaults: {unknown_terms: quarantine, missed_captures: block, use: sft}
    """
    read = parsed(text)
    assert Organisation("Labs", ("openai",), ("labs",)) == read.organisation
    zone = Zone(("data/**",), ("s3://x",), ("a",), date(2026, 1, 1), date(2026, 12, 31), Use.SFT)
    assert {"train": zone} == read.zones
    rule = Rule(
        id="r",
        action=Action.BLOCK,
        level=Level.HARD,
        origins=("competitors",),
        zones=("train",),
        uses=(Use.SFT, Use.RL),
        min_coverage=0.5,
        terms=(TermsStatus.FORBIDS,),
        kinds=("naming",),
        clauses=("openai.*",),
    )
    assert (rule,) == read.rules
    budget = Budget("b", Action.WARN, Level.ADVISORY, ("train",), (Use.SFT,), (Action.WARN,), 3, 0.5, "Much.")
    assert (budget,) == read.budgets
    assert Defaults(unknown_terms=Action.QUARANTINE, missed_captures=Action.BLOCK, use=Use.SFT) == read.defaults


def test_version_1_knows_no_default_for_what_it_could_not_say() -> None:
    defaults = parsed(f"{BASE}rules: []").defaults
    assert (Action.ALLOW, Action.ALLOW) == (defaults.unknown_terms, defaults.missed_captures)
    assert (Action.WARN, Action.WARN) == (defaults.unknown_origin, defaults.skipped)


@pytest.mark.parametrize(
    "content", [*MISTAKES, "rules: []\nname: größe\nversion: 2", BASE + "rules: []", "{a: [1, 2.5]}"]
)
def test_with_and_without_libyaml_the_same_is_read_and_the_same_is_said(
    content: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def outcome() -> object:
        try:
            return policy.parse(content.encode(), "p")
        except PolicyError as error:
            return str(error)

    before = outcome()
    monkeypatch.setattr(strict, "_FAST", None)
    assert before == outcome()


def test_loading_a_policy_loads_nothing_heavy() -> None:
    script = (
        "import sys\nfrom provenance import policy\npolicy.load('clean-room')\n"
        "heavy = {'numpy', 'pyarrow', 'duckdb', 'difflib', 'importlib.resources', 'hashlib', 'fnmatch', 'rich'}\n"
        "print(sorted(heavy & set(sys.modules) - before))"
    )
    script = "import sys, click, msgspec, yaml\nbefore = set(sys.modules)\n" + script
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "[]" == done.stdout.strip()


def test_the_digest_of_a_judgement_is_of_every_part_and_of_no_order() -> None:
    one = policy.digest(policy="a", waivers="b", registry="c")
    assert one == policy.digest(registry="c", waivers="b", policy="a", baseline="")
    assert 4 == len({one, policy.digest(policy="b", waivers="a", registry="c"), policy.digest(policy="a"), ""})


def test_clean_room_is_shipped_and_blocks_recorded_rivals() -> None:
    assert policy.SHIPPED in policy.shipped()
    rules = policy.load(policy.SHIPPED).policy.rules
    assert ["no-rival-output"] == [rule.id for rule in rules if rule.action is Action.BLOCK]


def test_audit_only_stops_nothing() -> None:
    rules = policy.load("audit-only").policy
    assert {Level.ADVISORY} == {rule.level for rule in rules.rules}
    defaults = rules.defaults
    assert {Action.WARN} == {
        defaults.unknown_origin,
        defaults.unknown_terms,
        defaults.skipped,
        defaults.missed_captures,
    }


def test_every_rule_of_a_shipped_policy_says_something_to_its_reader() -> None:
    silent = [rule.id for name in policy.shipped() for rule in policy.load(name).policy.rules if not rule.message]
    assert [] == silent


def test_a_policy_is_loaded_by_path_with_its_digest(tmp_path: Path) -> None:
    (tmp_path / "ours.yaml").write_text(f"{BASE}rules: []\n")
    loaded = policy.load(str(tmp_path / "ours.yaml"))
    assert "ours" == loaded.policy.name
    assert "f1b2b290ea87b7fecdf3eb152e1210ce" == loaded.digest


def test_a_file_cannot_take_the_name_of_a_shipped_policy(tmp_path: Path) -> None:
    (tmp_path / "clean-room").write_text(f"{BASE}rules: []\n")
    assert "clean-room" == policy.load("clean-room").policy.name
    assert "ours" == policy.load("./clean-room").policy.name


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("clean-rom", "clean-rom: no such policy file, and no policy of this name (did you mean 'clean-room'?)"),
        (
            "x/ours.yaml",
            "x/ours.yaml: no such policy file, and no policy of this name (shipped ones: applied-ai, "
            "audit-only, clean-room, open-model-lab)",
        ),
        (".", ".: cannot be read: Is a directory (name a policy file)"),
        ("a\0b", "a\0b: cannot be read: embedded null byte (name a policy file)"),
    ],
)
def test_a_policy_that_cannot_be_found_or_read_is_named(name: str, message: str) -> None:
    with pytest.raises(PolicyError) as error:
        policy.load(name)
    assert message == str(error.value)
