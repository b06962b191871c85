"""Why a finding is judged as it is, and what another policy would make of it. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import msgspec

from provenance.model import Action, Address, Evidence, Grade, Match, Similarity
from provenance.policy.baseline import Disposition
from provenance.policy.findings import Finding, Judged
from provenance.policy.judge import ORDER, Due, Facts, Judging, defaults, fails, unmet
from provenance.policy.schema import Rule, TermsStatus

EXAMPLES = 3
"""Findings shown of each class of changes."""

FACTS: dict[str, Callable[[Facts], str]] = {
    "zones": lambda facts: facts.zone or "no zone",
    "uses": lambda facts: facts.use or "nobody said what for",
    "origins": lambda facts: f"{facts.provider}, {facts.model}, {facts.tool}",
    "evidence": lambda facts: facts.evidence,
    "similarity": lambda facts: facts.similarity,
    "grade": lambda facts: facts.grade,
    "min_tokens": lambda facts: f"{facts.tokens:,}",
    "min_coverage": lambda facts: f"{facts.coverage:.3f}",
    "min_jaccard": lambda facts: f"{facts.jaccard:.2f}",
    "terms": lambda facts: facts.terms.status if facts.terms else f"{TermsStatus.UNKNOWN}, no registry was asked",
    "kinds": lambda facts: ", ".join(facts.terms.kinds if facts.terms else ()) or "no clause",
    "clauses": lambda facts: ", ".join(facts.terms.clauses if facts.terms else ()) or "no clause",
}
"""What the facts are, beside each condition of a rule."""


def lines(finding: Finding, judging: Judging, zones: tuple[str, ...]) -> Iterator[str]:
    """The explanation, line by line: what was known, what each rule said, and what came of it."""
    for number, one in enumerate(finding.matches, 1):
        yield f"match {number} of {len(finding.matches)}: {one.match.ingredient}"
        for zone in zones:
            yield from _zone(one.match, judging, zone)
        yield from _outcome(one)
    if finding.baseline:
        effect = " (by itself this sets nothing aside)" if finding.baseline == Disposition.WAIVED else ""
        yield f"baseline: {finding.baseline}{effect}"
    yield f"verdict: {finding.verdict} by {finding.rule}"


def _zone(match: Match, judging: Judging, zone: str) -> Iterator[str]:
    facts = judging.facts(match, zone)
    terms = FACTS["terms"](facts)
    yield f"  in {zone or 'no zone'}, for {facts.use or 'a use that nobody named'}: {_facts(facts)}; terms: {terms}"
    for rule in judging.policy.rules:
        failed = unmet(rule, facts, judging.policy)
        if failed is None:
            yield f"    holds   {rule.id}: {_due(Due(rule.action, rule.level, rule.id))}"
        else:
            yield f"    not     {rule.id}: {failed} {_wanted(rule, failed)}; here {FACTS[failed](facts)}"
    for name, action in defaults(judging.policy, facts):
        yield f"    default {name}: {action}"


def _facts(facts: Facts) -> str:
    measured = f"Jaccard {facts.jaccard:.2f}" if facts.similarity is Similarity.SIMILAR else f"{facts.tokens:,} tokens"
    return f"{facts.provider} {facts.model}, {facts.similarity}, {facts.grade}, {facts.evidence}, {measured}"


def _wanted(rule: Rule, condition: str) -> str:
    wanted: Any = getattr(rule, condition)
    return ", ".join(map(str, wanted)) if isinstance(wanted, tuple) else f"{wanted:g}"


def _due(due: Due) -> str:
    softened = f", advisory: comes to {due.binding}" if due.binding is not due.action else f", {due.level}"
    return f"{due.action}{softened}"


def _outcome(judged: Judged) -> Iterator[str]:
    sure = [clause for clause in judged.clauses if clause not in judged.assumed]
    if sure:
        yield f"  clauses in force: {', '.join(sure)}"
    if judged.assumed:
        yield f"  clauses that could apply, channel or plan not recorded: {', '.join(judged.assumed)}"
    waiver = judged.waiver
    if waiver is not None:
        yield f"  waiver {waiver.waiver}: {waiver.standing}; {waiver.basis}, {waiver.approver}, until {waiver.expires}"
        yield f"    {waiver.reason}"
    would = f" (the rule says {judged.would})" if judged.would is not None else ""
    yield f"  comes to {judged.action} by {judged.rule}{would}"
    if judged.match.grade is Grade.IDIOM or judged.match.evidence is Evidence.HEURISTIC:
        what = "an idiom" if judged.match.grade is Grade.IDIOM else "heuristic evidence"
        yield f"  {what} never blocks"


class Change(msgspec.Struct, frozen=True):
    """One class of findings that change verdict: from what by which rule, to what by which."""

    old: Action
    old_rule: str
    new: Action
    new_rule: str

    @property
    def newly_fails(self) -> bool:
        """Whether they pass now and would not."""
        return fails(self.new) and not fails(self.old)


class Difference(msgspec.Struct, frozen=True):
    """All that changes, counted by class, with the first examples of each."""

    texts: int
    same: int
    """Same verdict by the same rule."""
    other_rule: int
    """Same verdict by another rule."""
    changes: tuple[tuple[Change, int, tuple[Finding, ...]], ...]
    """The most severe new verdicts first; the findings are as the new policy has them."""


def compare(old: Judging, new: Judging, texts: Iterable[tuple[Address, str, int, tuple[Match, ...]]]) -> Difference:
    """Judge the texts under both; ``texts`` are the arguments of ``judge``, and are read once."""
    counts: Counter[Change] = Counter()
    examples: dict[Change, list[Finding]] = {}
    same = other = total = 0
    for facts in texts:
        total += 1
        before, after = old(*facts), new(*facts)
        if before.verdict is after.verdict:
            same += before.rule == after.rule
            other += before.rule != after.rule
            continue
        change = Change(before.verdict, before.rule, after.verdict, after.rule)
        counts[change] += 1
        if len(shown := examples.setdefault(change, [])) < EXAMPLES:
            shown.append(after)
    changes = sorted(counts, key=lambda one: (-ORDER.index(one.new), ORDER.index(one.old), one.new_rule, one.old_rule))
    return Difference(total, same, other, tuple((one, counts[one], tuple(examples[one])) for one in changes))
