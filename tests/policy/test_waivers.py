"""Waivers and the baseline: what sets a finding aside, until when, and what nothing sets aside."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provenance import policy
from provenance.errors import PolicyError
from provenance.model import Action, Address, Evidence, Grade
from provenance.policy import Finding, Judging, Policy, Standing, Use, baseline, waivers
from provenance.policy.baseline import Disposition, Entry
from provenance.policy.waivers import Basis, Waiver
from tests.policy.facts import COPY, like

TODAY = date(2026, 11, 21)
HERE = Address("train/a.py", 0, "")
OURS = policy.parse(
    b"""
version: 2
name: ours
zones: {train: {paths: ["train/**"]}, other: {paths: ["other/**"]}}
rules:
  - {id: soft, action: block, zones: [train, other]}
  - {id: hard, action: block, level: hard, origins: [openai]}
  - {id: warned, action: warn, level: advisory}
origins: {openai: {providers: [openai]}}
""",
    "ours.yaml",
)
NAME = policy.finding_id("c0ffee", [COPY.ingredient])


def waiver(**facts: Any) -> Waiver:
    given: dict[str, Any] = {
        "id": "W-1",
        "reason": "We wrote this text before any assistant did.",
        "basis": Basis.OWN,
        "approver": "counsel@example.org",
        "approved": date(2026, 6, 1),
        "expires": date(2027, 5, 31),
        "finding": NAME,
    }
    return Waiver(**{**given, **facts})


def judged(
    *waived: Waiver, today: date | None = TODAY, use: Use | None = None, match: Any = COPY, **more: Any
) -> Finding:
    return Judging(OURS, today=today, use=use, waivers=waived, **more)(HERE, "c0ffee", 120, [match])


def test_a_waiver_sets_a_finding_aside_and_the_finding_carries_it() -> None:
    finding = judged(waiver())
    (one,) = finding.matches
    assert (Action.ALLOW, "soft", Action.BLOCK) == (finding.verdict, finding.rule, one.would)
    assert one.waiver is not None
    assert (Standing.WAIVED, "W-1", "own prior work", "counsel@example.org", "2027-05-31") == (
        one.waiver.standing,
        one.waiver.waiver,
        one.waiver.basis,
        one.waiver.approver,
        one.waiver.expires,
    )
    assert not policy.held(finding)


@pytest.mark.parametrize(
    ("today", "verdict", "standing"),
    [
        (date(2026, 5, 31), Action.BLOCK, Standing.EARLY),
        (date(2026, 6, 1), Action.ALLOW, Standing.WAIVED),
        (date(2027, 5, 31), Action.ALLOW, Standing.WAIVED),
        (date(2027, 6, 1), Action.BLOCK, Standing.EXPIRED),
        (None, Action.BLOCK, Standing.EXPIRED),
    ],
)
def test_a_waiver_counts_to_its_last_day_and_then_the_finding_is_back_and_says_so(
    today: date | None, verdict: Action, standing: Standing
) -> None:
    finding = judged(waiver(), today=today)
    assert verdict is finding.verdict
    assert finding.matches[0].waiver is not None
    assert standing is finding.matches[0].waiver.standing


def test_of_two_waivers_the_one_in_force_counts() -> None:
    old = waiver(id="old", approved=date(2025, 1, 1), expires=date(2025, 6, 1))
    assert Action.ALLOW is judged(old, waiver()).verdict


@pytest.mark.parametrize(
    ("limits", "use", "is_waived"),
    [
        ({"zones": ("train",)}, None, True),
        ({"zones": ("other",)}, None, False),
        ({"uses": (Use.SFT,)}, Use.SFT, True),
        ({"uses": (Use.SFT,)}, Use.RL, False),
        ({"uses": (Use.SFT,)}, None, False),
        ({"rules": ("soft", "warned")}, None, True),
        ({"rules": ("hard",)}, None, False),
        ({"finding": "", "ingredient": COPY.ingredient}, None, True),
        ({"finding": "", "ingredient": "f" * 32}, None, False),
        ({"finding": "f" * 16}, None, False),
    ],
)
def test_a_waiver_counts_within_its_limits_alone(limits: dict[str, Any], use: Use | None, is_waived: bool) -> None:
    finding = judged(waiver(**limits), use=use)
    assert is_waived == (finding.verdict is Action.ALLOW)
    assert is_waived == (finding.matches[0].waiver is not None)


def test_what_a_waiver_leaves_of_other_rules_still_stands() -> None:
    finding = judged(waiver(rules=("soft",)))
    assert (Action.WARN, "warned") == (finding.verdict, finding.rule)


def test_nothing_sets_a_hard_rule_aside_though_a_soft_one_stands_before_it() -> None:
    rival = like(provider="openai")
    for disposition in Disposition:
        finding = judged(waiver(), match=rival, baseline={NAME: Entry(NAME, disposition)})
        assert (Action.BLOCK, "hard") == (finding.verdict, finding.rule)
        assert finding.matches[0].waiver is not None
        assert Standing.HARD is finding.matches[0].waiver.standing
        assert policy.held(finding)


def test_a_waiver_of_what_nothing_stops_is_not_applied() -> None:
    assert judged(waiver(), match=like(grade=Grade.IDIOM)).matches[0].waiver is None


@pytest.mark.parametrize(
    ("disposition", "verdict", "is_held"),
    [
        (Disposition.TODO, Action.WARN, True),
        (Disposition.REMOVE, Action.WARN, True),
        (Disposition.ACCEPTED, Action.ALLOW, False),
        (Disposition.FALSE_POSITIVE, Action.ALLOW, False),
        (Disposition.WAIVED, Action.BLOCK, True),
    ],
)
def test_a_baselined_finding_fails_no_run_and_says_what_it_would_do(
    disposition: Disposition, verdict: Action, is_held: bool
) -> None:
    finding = judged(baseline={NAME: Entry(NAME, disposition)})
    assert (verdict, "soft", str(disposition)) == (finding.verdict, finding.rule, finding.baseline)
    assert is_held == policy.held(finding)
    assert (Action.BLOCK if verdict is not Action.BLOCK else None) == finding.matches[0].would


def test_a_baselined_finding_that_is_waived_passes() -> None:
    finding = judged(waiver(), baseline={NAME: Entry(NAME, Disposition.WAIVED)})
    assert Action.ALLOW is finding.verdict


# The file of waivers.

FILE = """
version: 1
waivers:
  - id: W-1
    finding: 07cee110d427dcdd
    reason: We wrote this text before any assistant did.
    basis: own prior work
    approver: counsel@example.org
    approved: 2026-06-01
    expires: 2027-05-31
    rules: [no-rival-output]
    zones: [train]
    uses: [sft]
    reference: LEGAL-7
"""


def test_a_file_of_waivers_is_read_as_it_is_written(tmp_path: Path) -> None:
    (tmp_path / "waivers.yaml").write_text(FILE)
    read = waivers.beside(tmp_path)
    expected = waiver(
        finding="07cee110d427dcdd", rules=("no-rival-output",), zones=("train",), uses=(Use.SFT,), reference="LEGAL-7"
    )
    assert (expected,) == read.waivers
    assert 32 == len(read.digest)


def test_a_store_without_waivers_or_baseline_has_none(tmp_path: Path) -> None:
    assert ((), "") == (waivers.beside(tmp_path).waivers, waivers.beside(tmp_path).digest)
    assert ({}, "") == (baseline.beside(tmp_path).entries, baseline.beside(tmp_path).digest)


WAIVER_MISTAKES = {
    ("expires: 2027-05-31", "expires: 2027-06-30"): "waivers[0] (W-1): expires 2027-06-30, more than a year after "
    "2026-06-01 (2027-06-02 at the latest; then ask again)",
    ("    expires: 2027-05-31\n", ""): "no key 'waivers[0].expires' (it has to be given)",
    ("    approved: 2026-06-01\n", ""): "no key 'waivers[0].approved' (it has to be given)",
    ("    approver: counsel@example.org\n", ""): "no key 'waivers[0].approver' (it has to be given)",
    ("approver: counsel@example.org", "approver: ''"): "waivers[0] (W-1): approver: empty (who answers for it)",
    ("expires: 2027-05-31", "expires: 2026-05-31"): "waivers[0] (W-1): expires 2026-05-31, before it was approved on "
    "2026-06-01",
    ("expires: 2027-05-31", "expires: never"): "waivers[0].expires: 'never' is not a day (write it as 2026-11-21)",
    ("expires:", "expire:"): "unknown key 'waivers[0].expire' (did you mean 'expires'?)",
    ("own prior work", "own work"): "waivers[0].basis: 'own work' is not known (did you mean 'own prior work'?)",
    (
        "We wrote this text before any assistant did.",
        "Fine.",
    ): "waivers[0] (W-1): reason: 'Fine.' (say in 20 characters or more why it is right)",
    (
        "07cee110d427dcdd",
        "07CEE110D427DCDD",
    ): "waivers[0] (W-1): finding: '07CEE110D427DCDD' (16 hex digits, as reports have it)",
    (
        "finding: 07cee110d427dcdd",
        "ingredient: 07cee1a0",
    ): "waivers[0] (W-1): ingredient: '07cee1a0' (32 hex digits, as reports have it)",
    ("    finding: 07cee110d427dcdd\n", ""): "waivers[0] (W-1): give either the id of a finding or of an ingredient",
    ("id: W-1", "id: ''"): "waivers[0].id: empty (reports name the waiver by it)",
    ("version: 1", "version: 2"): "version: 2 (this tool reads 'version: 1')",
    ("version: 1\n", ""): "version: missing (this tool reads 'version: 1')",
    ("waivers:\n", "waiver:\n"): "unknown key 'waiver' (did you mean 'waivers'?)",
}


@pytest.mark.parametrize(("change", "message"), WAIVER_MISTAKES.items(), ids=range(len(WAIVER_MISTAKES)))
def test_a_mistake_in_a_waiver_is_named_with_its_place(change: tuple[str, str], message: str) -> None:
    assert change[0] in FILE
    with pytest.raises(PolicyError, match=f"^{re.escape('w.yaml: ' + message)}"):
        waivers.parse(FILE.replace(*change).encode(), "w.yaml")


def test_two_waivers_of_one_id_are_refused() -> None:
    text = FILE + FILE.partition("waivers:\n")[2]
    with pytest.raises(PolicyError, match=re.escape("waivers[1] (W-1): two waivers have this id")):
        waivers.parse(text.encode(), "w.yaml")


@settings(max_examples=150)
@given(st.integers(0, len(FILE) - 1), st.binary(max_size=4), st.integers(0, 3))
def test_a_damaged_file_of_waivers_is_read_or_refused(place: int, put: bytes, cut: int) -> None:
    content = FILE.encode()
    content = content[:place] + put + content[place + cut :]
    try:
        read = waivers.parse(content, "w.yaml")
    except PolicyError as error:
        assert str(error).startswith("w.yaml: ")  # noqa: PT017  # some are still well formed
    else:
        assert all(one.expires - one.approved <= waivers.LONGEST for one in read)


# The file of the baseline.

ENTRIES = [
    Entry("a" * 16, Disposition.TODO, "soft", ("anthropic claude-opus-4-5",)),
    Entry("b" * 16, Disposition.ACCEPTED, "soft", (), "Old demo, not trained on."),
    Entry("c" * 16, Disposition.REMOVE),
]


def test_the_baseline_is_one_sorted_line_an_entry_and_the_same_bytes_each_time(tmp_path: Path) -> None:
    content = baseline.encode(ENTRIES)
    assert content == baseline.encode(reversed(ENTRIES))
    first, *lines = content.decode().splitlines()
    assert '{"baseline":1}' == first
    assert [one.finding for one in ENTRIES] == [msgspec.json.decode(line)["finding"] for line in lines]
    baseline.write(tmp_path / baseline.PLACE, ENTRIES)
    read = baseline.beside(tmp_path)
    assert {one.finding: one for one in ENTRIES} == read.entries
    assert [ENTRIES[0]] == read.having(Disposition.TODO)


def test_the_union_of_two_branches_is_a_baseline_and_two_opinions_are_not() -> None:
    one, other = baseline.encode(ENTRIES[:2]), baseline.encode(ENTRIES[1:])
    assert 3 == len(baseline.parse(one + other, "b"))
    decided = msgspec.structs.replace(ENTRIES[0], disposition=Disposition.ACCEPTED)
    message = f"b: line 5: {'a' * 16} is 'accepted' here and 'todo' in line 2 (keep one)"
    with pytest.raises(PolicyError, match=re.escape(message)):
        baseline.parse(one + baseline.encode([decided]), "b")


def test_which_note_is_kept_does_not_depend_on_the_branch_that_comes_first() -> None:
    notes = [msgspec.structs.replace(ENTRIES[1], note=note) for note in ("first", "second")]
    for order in (notes, notes[::-1]):
        (entry,) = baseline.parse(b"".join(baseline.encode([one]) for one in order), "b").values()
        assert "second" == entry.note


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("<<<<<<< ours", "b: line 2: not JSON: .*a merge conflict: keep the lines of both sides"),
        ("[1]", r"b: line 2: \[1\] is not an object"),
        ('{"finding":"aaaaaaaaaaaaaaaa"}', "b: line 2: no 'disposition' .valid: todo, remove, accepted"),
        ('{"finding":"aaaaaaaaaaaaaaaa","disposition":"accept"}', "'accept' is not known .did you mean 'accepted'"),
        ('{"finding":"aa","disposition":"todo"}', "finding: 'aa' .16 hex digits"),
        ('{"finding":"aaaaaaaaaaaaaaaa","disposition":"todo","nots":"x"}', "unknown key 'nots' .did you mean 'note'"),
        ('{"finding":"aaaaaaaaaaaaaaaa","disposition":"todo","note":"\\u001b["}', "cannot be printed"),
        ('{"baseline":2}', "this tool reads baselines of version 1"),
    ],
)
def test_a_mistake_in_a_baseline_is_named_with_its_line(line: str, message: str) -> None:
    with pytest.raises(PolicyError, match=message):
        baseline.parse(f'{{"baseline":1}}\n{line}\n'.encode(), "b")


def test_a_file_that_is_no_baseline_is_refused() -> None:
    with pytest.raises(PolicyError, match=r'b: no line \{"baseline":1\}'):
        baseline.parse(b"", "b")


@given(st.binary(max_size=80))
def test_any_lines_are_a_baseline_or_a_policy_error(line: bytes) -> None:
    try:
        baseline.parse(b'{"baseline":1}\n' + line, "b")
    except PolicyError as error:
        assert str(error).startswith("b: line ")  # noqa: PT017  # white space alone is none


def test_bringing_a_baseline_up_to_date_keeps_what_was_decided() -> None:
    old = {one.finding: one for one in ENTRIES}
    new = {"b" * 16: Entry("b" * 16, Disposition.TODO), "d" * 16: Entry("d" * 16, Disposition.TODO)}
    merged = baseline.merge(old, new)
    assert (1, 1, 2) == (merged.added, merged.kept, merged.gone)
    assert [*ENTRIES, new["d" * 16]] == list(merged.entries)
    pruned = baseline.merge(old, new, prune=True)
    assert [ENTRIES[1], new["d" * 16]] == list(pruned.entries)


def test_an_entry_is_of_what_fails_a_run_and_not_of_what_a_hard_rule_stops() -> None:
    assert baseline.stops(judged())
    assert Entry(NAME, Disposition.TODO, "soft", ("anthropic claude-opus-4-5",)) == baseline.entry(judged())
    assert not baseline.stops(judged(match=like(provider="openai")))
    assert not baseline.stops(judged(match=like(grade=Grade.IDIOM)))
    assert not baseline.stops(judged(waiver()))


def test_a_model_name_with_characters_for_terminals_makes_no_entry_that_cannot_be_read() -> None:
    entry = baseline.entry(judged(match=like(model="x\x1b[2J", evidence=Evidence.TRANSCRIPT)))
    assert ("anthropic x?[2J",) == entry.origins
    assert baseline.parse(baseline.encode([entry]), "b")


RULES = st.builds(
    lambda actions: policy.parse(
        msgspec.json.encode(
            {
                "version": 2,
                "name": "any",
                "rules": [
                    {"id": f"r{n}", "action": str(action), "level": str(level)}
                    for n, (action, level) in enumerate(actions)
                ],
            }
        ),
        "any",
    ),
    st.lists(st.tuples(st.sampled_from(Action), st.sampled_from(policy.Level)), min_size=1, max_size=5),
)


@settings(max_examples=80)
@given(RULES, st.none() | st.sampled_from(Disposition), st.lists(st.sampled_from(["r0", "r1", "r2"]), max_size=2))
def test_waiver_and_baseline_make_milder_never_more_severe_and_never_what_is_hard(
    rules: Policy, disposition: Disposition | None, limits: list[str]
) -> None:
    order = policy.ORDER.index
    entries = {NAME: Entry(NAME, disposition)} if disposition else {}
    plain = Judging(rules, today=TODAY)(HERE, "c0ffee", 120, [COPY]).verdict
    for waived in ((), (waiver(rules=tuple(limits)),)):
        left = Judging(rules, today=TODAY, waivers=waived, baseline=entries)(HERE, "c0ffee", 120, [COPY]).verdict
        hard = [one.action for one in rules.rules if one.level is policy.Level.HARD]
        assert order(policy.severest(hard)) <= order(left) <= order(plain)
