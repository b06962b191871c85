"""What is written in a policy, waivers or baseline and does nothing, or soon will not. Pure: the day is given."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, timedelta

from provenance.policy.baseline import Baseline, Disposition
from provenance.policy.findings import Finding, Standing
from provenance.policy.judge import UNKNOWN_ORIGIN, UNKNOWN_TERMS, Due
from provenance.policy.schema import Level, Policy, Rule, Zone
from provenance.policy.strict import nearest
from provenance.policy.waivers import Waiver, standing

SOON = timedelta(days=30)


class Seen:
    """What a scan's findings say about waivers and baseline; filled on their way through."""

    def __init__(self, waivers: Iterable[Waiver], baseline: Baseline) -> None:
        self.waivers = tuple(waivers)
        self.baseline = baseline
        self.findings: set[str] = set()
        self.ingredients: set[str] = set()
        self.standings: dict[str, set[Standing]] = {}
        self.covered: set[str] = set()
        """Baselined findings on which a waiver is in force."""
        self._findings = {one.finding for one in self.waivers} | set(baseline.entries)
        self._ingredients = {one.ingredient for one in self.waivers}

    def take(self, finding: Finding) -> None:
        """Note a finding of the scan."""
        if finding.id in self._findings:
            self.findings.add(finding.id)
        for one in finding.matches:
            if one.match.ingredient in self._ingredients:
                self.ingredients.add(one.match.ingredient)
            if one.waiver is not None:
                self.standings.setdefault(one.waiver.waiver, set()).add(one.waiver.standing)
                if one.waiver.standing is Standing.WAIVED:
                    self.covered.add(finding.id)


def policy_lines(policy: Policy, today: date) -> Iterator[str]:
    """What a policy says in vain."""
    used = {name for rule in policy.rules for name in rule.origins}
    for name in sorted(policy.origins.keys() - used):
        yield f"origins.{name}: no rule names this set"
    named = {name for rule in policy.rules for name in rule.zones}
    named |= {name for budget in policy.budgets for name in budget.zones}
    earlier: dict[str, Zone] = {}
    for name, zone in policy.zones.items():
        if name not in named and zone.use is None:
            yield f"zones.{name}: no rule or budget names it, and it gives no use"
        if zone.until and zone.until < today:
            yield f"zones.{name}: ended on {zone.until}"
        over = next((before for before, one in earlier.items() if _swallows(one, zone)), None)
        if over is not None:
            yield f"zones.{name}: never reached, since all that lies in it lies in {over}, which stands before it"
        earlier[name] = zone
    for number, rule in enumerate(policy.rules):
        for before, other in enumerate(policy.rules):
            above = (_weight(other), -before) > (_weight(rule), -number)
            if number != before and above and _covers(other, rule):
                yield f"rules.{rule.id}: never decides, since {other.id} holds wherever it does and stands above it"
                break
        uses = {policy.zones[name].use for name in rule.zones}
        if rule.uses and uses and None not in uses and uses.isdisjoint(rule.uses):
            yield f"rules.{rule.id}: never holds, since its zones are for {', '.join(sorted(map(str, uses)))}"


def _swallows(zone: Zone, later: Zone) -> bool:
    """Whether everything that lies in the later zone surely lies in this one."""
    if zone.teams or zone.start or zone.until:
        return False
    if "**" in (*zone.paths, *zone.datasets) or not (zone.paths or zone.datasets):
        return True
    return bool(later.paths or later.datasets) and (
        set(later.paths) <= set(zone.paths) and set(later.datasets) <= set(zone.datasets)
    )


def _weight(rule: Rule) -> tuple[int, int, bool]:
    return Due(rule.action, rule.level, rule.id).weight


def _covers(wide: Rule, narrow: Rule) -> bool:
    """Whether one rule holds wherever the other does."""
    for key in ("origins", "zones", "uses", "terms", "kinds", "clauses"):
        ours, theirs = set(getattr(wide, key)), set(getattr(narrow, key))
        if ours and not (theirs and theirs <= ours):
            return False
    inside = all(set(getattr(narrow, key)) <= set(getattr(wide, key)) for key in ("similarity", "grade", "evidence"))
    least = all(getattr(wide, key) <= getattr(narrow, key) for key in ("min_tokens", "min_coverage", "min_jaccard"))
    return inside and least


def waiver_lines(policy: Policy, waivers: Iterable[Waiver], today: date, seen: Seen | None = None) -> Iterator[str]:
    """Waivers that are not in force, soon end, name what is not there, or do nothing in the scan that was ``seen``."""
    levels = {rule.id: rule.level for rule in policy.rules} | {UNKNOWN_ORIGIN: Level.SOFT, UNKNOWN_TERMS: Level.SOFT}
    for one in waivers:
        at = f"waivers.{one.id}"
        state = standing(one, today)
        if state is Standing.EXPIRED:
            yield f"{at}: expired on {one.expires}: what it names is reported again (ask {one.approver}, or mend it)"
        elif state is Standing.EARLY:
            yield f"{at}: not in force before {one.approved}"
        elif one.expires - today <= SOON:
            yield f"{at}: expires on {one.expires} (ask {one.approver} before, or mend it)"
        for name in one.zones:
            if name not in policy.zones:
                yield f"{at}: no zone named '{name}' ({nearest(name, policy.zones)})"
        for name in one.rules:
            if name not in levels:
                yield f"{at}: no rule named '{name}' ({nearest(name, levels)})"
            elif levels[name] is Level.HARD:
                yield f"{at}: rule '{name}' is hard, and a hard rule cannot be waived"
        if seen is not None:
            yield from _in_scan(at, one, seen)


def _in_scan(at: str, waiver: Waiver, seen: Seen) -> Iterator[str]:
    if waiver.finding not in seen.findings and waiver.ingredient not in seen.ingredients:
        yield f"{at}: matches nothing in this scan"
        return
    states = seen.standings.get(waiver.id, set())
    if not states:
        why = "no rule stops what it names, its limits leave that out, or another waiver has it"
        yield f"{at}: sets nothing aside: {why}"
    elif states == {Standing.HARD}:
        yield f"{at}: only hard rules stop what it names, and a hard rule cannot be waived"


def baseline_lines(baseline: Baseline, seen: Seen | None = None) -> Iterator[str]:
    """Entries on which nobody decided, and those that match nothing in the scan that was ``seen``."""
    for name, entry in sorted(baseline.entries.items()):
        about = f" ({entry.rule})" if entry.rule else ""
        if entry.disposition is Disposition.TODO:
            others = ", ".join(one for one in Disposition if one is not Disposition.TODO)
            yield f"baseline.{name}{about}: todo: nobody has decided on it (write {others})"
        if seen is None:
            continue
        if name not in seen.findings:
            yield f"baseline.{name}{about}: matches nothing in this scan (baseline write --prune takes it out)"
        elif entry.disposition is Disposition.WAIVED and name not in seen.covered:
            yield f"baseline.{name}{about}: waived, but no waiver is in force on it, so it is reported"
