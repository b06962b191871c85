"""Matches to verdicts: a pure function of facts and policy. Same facts, same verdict; the clock is one of the facts.

A rule speaks on a distinct tuple of facts (``Facts``), of which even a large dataset has few: ``Judging`` asks the
rules once for each. What is due then passes level, waiver and baseline, which can make it milder and never more severe.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from functools import lru_cache
from typing import NamedTuple, TypeAlias, TypeVar

import msgspec

from provenance.model import UNKNOWN, Action, Address, Evidence, Grade, Match, Origin, Similarity
from provenance.policy import waivers as waiving
from provenance.policy import zones as places
from provenance.policy.baseline import Disposition, Entry
from provenance.policy.findings import Applied, Finding, Judged, Standing, finding_id
from provenance.policy.schema import STOPS, Level, OriginSet, Policy, Rule, TermsStatus, Use, sets
from provenance.policy.waivers import Waiver

ORDER = tuple(Action)
"""From the mildest; of several actions the most severe stands."""
NO_RULE = "(no rule)"
"""What stands as the rule where none holds."""
UNKNOWN_ORIGIN = "(unknown origin)"
"""What stands as the rule where the policy's default for unknown origins decided."""
UNKNOWN_TERMS = "(unknown terms)"
"""What stands as the rule where the policy's default for unknown terms decided."""
REMEMBERED = 1 << 17
"""Answers kept at most."""
CLEARED = (Disposition.ACCEPTED, Disposition.FALSE_POSITIVE)

K = TypeVar("K")
V = TypeVar("V")


class Terms(msgspec.Struct, frozen=True):
    """What the registry of terms says of one origin's output and one use, on the day it was generated."""

    status: TermsStatus = TermsStatus.UNKNOWN
    clauses: tuple[str, ...] = ()
    """Ids of the clauses in force."""
    kinds: tuple[str, ...] = ()
    """Their kinds."""
    assumed: tuple[str, ...] = ()
    """Those of the clauses that could apply only: what would make it sure was not recorded."""


Resolve: TypeAlias = Callable[[Origin, Use | None], Terms]
"""Asks the registry. The origin has provider, model, tool, channel, plan and, as its time, the day; no more."""


class Facts(NamedTuple):
    """All that a rule can ask about one match."""

    zone: str
    use: Use | None
    provider: str
    model: str
    tool: str
    similarity: Similarity
    grade: Grade
    evidence: Evidence
    tokens: int
    coverage: float
    jaccard: float
    terms: Terms | None
    """None where no registry was asked."""


class Due(NamedTuple):
    """What one rule, or one default, wants done."""

    action: Action
    """By the rule's words."""
    level: Level
    rule: str

    @property
    def binding(self) -> Action:
        """What it comes to: advice goes no further than a warning."""
        return milder(self.action, Action.WARN) if self.level is Level.ADVISORY else self.action

    @property
    def weight(self) -> tuple[int, int, bool]:
        """What stands of several: the most severe, of equals what was milder only by level, then what is hard."""
        return ORDER.index(self.binding), ORDER.index(self.action), self.level is Level.HARD


class Said(NamedTuple):
    """What every rule and default that holds has to say of one match, and the clauses in force on it (``Terms``)."""

    dues: tuple[Due, ...]
    """In the policy's order."""
    clauses: tuple[str, ...]
    assumed: tuple[str, ...]


NOTHING = Due(Action.ALLOW, Level.SOFT, NO_RULE)


def severest(actions: Iterable[Action]) -> Action:
    """The most severe of the actions; allow if there is none."""
    return max(actions, key=ORDER.index, default=Action.ALLOW)


def milder(one: Action, other: Action) -> Action:
    """The milder of two actions."""
    return min(one, other, key=ORDER.index)


def fails(verdict: Action) -> bool:
    """Whether a verdict fails a gate: block, and quarantine, since nothing here takes the text out."""
    return verdict in STOPS


def held(finding: Finding) -> bool:
    """Whether a split holds a text back: it fails a run, or did but for a baseline in which nobody has cleared it."""
    if fails(finding.verdict):
        return True
    covered = [one for one in finding.matches if one.level is Level.SOFT and not _is_waived(one)]
    uncleared = finding.baseline in (Disposition.TODO, Disposition.REMOVE)
    return uncleared and fails(severest(one.would or one.action for one in covered))


def _is_waived(judged: Judged) -> bool:
    return judged.waiver is not None and judged.waiver.standing is Standing.WAIVED


def judge(
    address: Address,
    content: str,
    tokens: int,
    matches: Iterable[Match],
    policy: Policy,
    *,
    zones: tuple[str, ...] = (places.NOWHERE,),
    use: Use | None = None,
    today: date | None = None,
    terms: Resolve | None = None,
    waivers: Iterable[Waiver] = (),
    baseline: Mapping[str, Entry] | None = None,
) -> Finding:
    """Judge one text: every rule of the policy speaks on every match, and the most severe action stands.

    Of rules equally severe a hard one is named, else the first in the policy. Neither the order of the matches nor
    the address changes id, verdict or rule. ``zones`` are those that the text may lie in (``zones.of``), ``use`` what
    it is for where none of them says, ``today`` decides which waivers are in force: without a day, none.
    """
    judging = Judging(policy, use=use, today=today, terms=terms, waivers=waivers, baseline=baseline)
    return judging.within(zones, address, content, tokens, matches)


class Judging:
    """Judges many texts under one policy, waivers, baseline and day: each gets what ``judge`` would give it.

    ``team`` is whose text it is; ``root`` the folder from which relative globs of zones start.
    """

    def __init__(
        self,
        policy: Policy,
        *,
        use: Use | None = None,
        team: str = "",
        today: date | None = None,
        root: str = "",
        terms: Resolve | None = None,
        waivers: Iterable[Waiver] = (),
        baseline: Mapping[str, Entry] | None = None,
    ) -> None:
        self.policy = policy
        self.use = use
        self.team = team
        self.today = today
        self.root = root
        self.terms = terms
        self.baseline = baseline or {}
        self.tokens = _thresholds(rule.min_tokens for rule in policy.rules)
        self.coverage = _thresholds(rule.min_coverage for rule in policy.rules)
        self.jaccard = _thresholds(rule.min_jaccard for rule in policy.rules)
        self._order = [*(rule.id for rule in policy.rules), UNKNOWN_ORIGIN, UNKNOWN_TERMS, NO_RULE]
        self.waivers = tuple(waivers)
        self._by_finding = _grouped((one.finding, one) for one in self.waivers)
        self._by_ingredient = _grouped((one.ingredient, one) for one in self.waivers)
        self._zones: dict[str, tuple[str, ...]] = {}
        self._said: dict[tuple[object, ...], Said] = {}

    def __call__(self, address: Address, content: str, tokens: int, matches: Iterable[Match]) -> Finding:
        """The finding of a text where it lies."""
        return self.within(self.zones(address.file), address, content, tokens, matches)

    def zones(self, file: str) -> tuple[str, ...]:
        """The zones that a file may lie in."""
        if (known := self._zones.get(file)) is None:
            known = places.of(self.policy, file, team=self.team, today=self.today, root=self.root)
            _remember(self._zones, file, known)
        return known

    def use_in(self, zone: str) -> Use | None:
        """What a text in a zone is for: as the zone says, else as the caller, else as the policy's default."""
        known = self.policy.zones.get(zone)
        return (known.use if known else None) or self.use or self.policy.defaults.use

    def within(
        self, zones: tuple[str, ...], address: Address, content: str, tokens: int, matches: Iterable[Match]
    ) -> Finding:
        """The finding of a text that may lie in any of these zones."""
        matches = tuple(matches)
        name = finding_id(content, (one.ingredient for one in matches))
        entry = self.baseline.get(name)
        judged, where = [], []
        for match in matches:
            options = [(self._settled(match, zone, name, entry), zone) for zone in zones]
            best = max(options, key=lambda one: self._weight(one[0]))
            judged.append(best[0])
            where.append(best[1])
        verdict = severest(one.action for one in judged)
        first = max(zip(judged, where, strict=True), key=lambda one: self._weight(one[0]), default=None)
        rule, zone = (first[0].rule, first[1]) if first else (NO_RULE, zones[0])
        return Finding(
            name,
            address,
            content,
            tokens,
            verdict,
            rule,
            tuple(judged),
            zone,
            str(self.use_in(zone) or ""),
            str(entry.disposition) if entry else "",
        )

    def _weight(self, judged: Judged) -> tuple[int, int, bool, int]:
        """As ``Due.weight``, with the waiver and the baseline; then the first rule."""
        would = judged.would or judged.action
        place = -self._order.index(judged.rule)
        return ORDER.index(judged.action), ORDER.index(would), judged.level is Level.HARD, place

    def _settled(self, match: Match, zone: str, finding: str, entry: Entry | None) -> Judged:
        said, clauses, assumed = self.said(match, zone)
        waiver, applied = self._waiver(match, zone, finding, said)
        waived = waiver if applied is not None and applied.standing is Standing.WAIVED else None

        def left(due: Due) -> Action:
            """What waiver and baseline leave of what is due."""
            if waived is not None and _waivable(due, waived):
                return Action.ALLOW
            if entry is None or due.level is Level.HARD or entry.disposition is Disposition.WAIVED:
                return due.binding
            return milder(due.binding, Action.ALLOW if entry.disposition in CLEARED else Action.WARN)

        due = max(said, key=lambda one: (ORDER.index(left(one)), *one.weight), default=NOTHING)
        action = left(due)
        if applied is not None and applied.standing is Standing.WAIVED and due.level is Level.HARD and action in STOPS:
            applied = msgspec.structs.replace(applied, standing=Standing.HARD)
        would = due.action if due.action is not action else None
        return Judged(match, action, due.rule, due.level, would, applied, clauses, assumed)

    def _waiver(
        self, match: Match, zone: str, finding: str, said: tuple[Due, ...]
    ) -> tuple[Waiver | None, Applied | None]:
        """The waiver that speaks of a match which something stops or warns of, with what becomes of it."""
        if not self.waivers:
            return None, None
        use = self.use_in(zone)
        named = [*self._by_finding.get(finding, ()), *self._by_ingredient.get(match.ingredient, ())]
        stopped = [one for one in said if one.action is not Action.ALLOW]
        fitting = [
            one
            for one in named
            if waiving.covers(one, zone, use) and any(not one.rules or due.rule in one.rules for due in stopped)
        ]
        waiver = waiving.best(fitting, self.today)
        if waiver is None:
            return None, None
        state = waiving.standing(waiver, self.today)
        if state is Standing.WAIVED and not any(_waivable(one, waiver) for one in stopped):
            state = Standing.HARD
        return waiver, waiving.applied(waiver, state)

    def said(self, match: Match, zone: str) -> Said:
        """What there is to say of a match in a zone; the rules are asked once a distinct tuple."""
        origin = match.origin
        asked = (origin.channel, origin.plan, origin.time[:10]) if self.terms is not None else ()
        key = (
            zone,
            origin.provider,
            origin.model,
            origin.tool,
            match.similarity,
            match.grade,
            match.evidence,
            bisect_right(self.tokens, match.tokens),
            bisect_right(self.coverage, match.unit_coverage),
            bisect_right(self.jaccard, match.jaccard),
            *asked,
        )
        if (known := self._said.get(key)) is None:
            facts = self.facts(match, zone)
            # An idiom is nobody's output: no terms hold for it.
            terms = facts.terms if facts.terms and facts.grade is not Grade.IDIOM else Terms()
            known = Said(speak(self.policy, facts), terms.clauses, terms.assumed)
            _remember(self._said, key, known)
        return known

    def facts(self, match: Match, zone: str) -> Facts:
        """What rules can ask about a match in a zone; the registry of terms is asked here."""
        use, origin = self.use_in(zone), match.origin
        return Facts(
            zone,
            use,
            origin.provider,
            origin.model,
            origin.tool,
            match.similarity,
            match.grade,
            match.evidence,
            match.tokens,
            match.unit_coverage,
            match.jaccard,
            self.terms_of(origin, use),
        )

    def terms_of(self, origin: Origin, use: Use | None) -> Terms | None:
        """What the registry says of an origin; no terms bind an organisation to itself."""
        if self.policy.organisation and _matches(self.policy.organisation.own, origin.provider):
            return Terms(TermsStatus.PERMITS)
        if self.terms is None:
            return None
        known = ("provider", "model", "tool", "channel", "plan")
        bare = Origin(**{name: getattr(origin, name) for name in known}, time=origin.time[:10])
        return self.terms(bare, use)


def _remember(memory: dict[K, V], key: K, value: V) -> None:
    """Keep an answer, within bounds: a row may declare any model, and a dataset have any number of files."""
    if len(memory) >= REMEMBERED:
        memory.clear()
    memory[key] = value


def _thresholds(values: Iterable[float]) -> list[float]:
    return sorted({value for value in values if value})


def _grouped(pairs: Iterable[tuple[str, Waiver]]) -> dict[str, list[Waiver]]:
    found: dict[str, list[Waiver]] = {}
    for key, one in pairs:
        if key:
            found.setdefault(key, []).append(one)
    return found


def _waivable(due: Due, waiver: Waiver) -> bool:
    return (
        due.level is not Level.HARD
        and due.action is not Action.ALLOW
        and (not waiver.rules or due.rule in waiver.rules)
    )


def decisive(said: Iterable[Due]) -> Due:
    """What stands of all that is due; of equals what was said first."""
    return max(said, key=lambda one: one.weight, default=NOTHING)


def speak(policy: Policy, facts: Facts) -> tuple[Due, ...]:
    """What the rules that hold, and the defaults that apply, have to say: in the policy's order."""
    said = [Due(rule.action, rule.level, rule.id) for rule in policy.rules if unmet(rule, facts, policy) is None]
    # Heuristic evidence never blocks, whatever a default says.
    most = Action.WARN if facts.evidence is Evidence.HEURISTIC else Action.BLOCK
    for name, action in defaults(policy, facts):
        said.append(Due(milder(action, most), Level.SOFT, name))
    return tuple(said)


def defaults(policy: Policy, facts: Facts) -> list[tuple[str, Action]]:
    """The defaults that apply, by what stands as their rule. An idiom is never anybody's output."""
    if facts.grade is Grade.IDIOM:
        return []
    if facts.provider == UNKNOWN:
        return [(UNKNOWN_ORIGIN, policy.defaults.unknown_origin)]
    if facts.terms is not None and facts.terms.status is TermsStatus.UNKNOWN:
        return [(UNKNOWN_TERMS, policy.defaults.unknown_terms)]
    return []


def unmet(rule: Rule, facts: Facts, policy: Policy) -> str | None:
    """The first condition of a rule that the facts do not meet; None where the rule holds."""
    return next((name for name, met in CONDITIONS.items() if not met(rule, facts, policy)), None)


def _of_origins(rule: Rule, facts: Facts, policy: Policy) -> bool:
    known = sets(policy) if rule.origins else {}
    return not rule.origins or any(_belongs(known[name], facts) for name in rule.origins)


def _of_terms(rule: Rule, facts: Facts, policy: Policy) -> bool:
    return not rule.terms or (facts.terms.status if facts.terms else TermsStatus.UNKNOWN) in rule.terms


CONDITIONS: dict[str, Callable[[Rule, Facts, Policy], bool]] = {
    "zones": lambda rule, facts, policy: not rule.zones or facts.zone in rule.zones,
    "uses": lambda rule, facts, policy: not rule.uses or facts.use is None or facts.use in rule.uses,
    "origins": _of_origins,
    "evidence": lambda rule, facts, policy: facts.evidence in rule.evidence,
    "similarity": lambda rule, facts, policy: facts.similarity in rule.similarity,
    "grade": lambda rule, facts, policy: facts.grade in rule.grade,
    "min_tokens": lambda rule, facts, policy: facts.similarity is Similarity.SIMILAR or facts.tokens >= rule.min_tokens,
    "min_coverage": lambda rule, facts, policy: (
        facts.similarity is Similarity.SIMILAR or facts.coverage >= rule.min_coverage
    ),
    "min_jaccard": lambda rule, facts, policy: (
        facts.similarity is not Similarity.SIMILAR or facts.jaccard >= rule.min_jaccard
    ),
    "terms": _of_terms,
    "kinds": lambda rule, facts, policy: (
        not rule.kinds or any(_matches(rule.kinds, one) for one in (facts.terms.kinds if facts.terms else ()))
    ),
    "clauses": lambda rule, facts, policy: (
        not rule.clauses or any(_matches(rule.clauses, one) for one in (facts.terms.clauses if facts.terms else ()))
    ),
}
"""Every condition of a rule by its key, in the order in which an explanation tries them."""


def _belongs(members: OriginSet, facts: Facts) -> bool:
    pairs = ((members.providers, facts.provider), (members.models, facts.model), (members.tools, facts.tool))
    return all(_matches(patterns, value) for patterns, value in pairs)


def _matches(patterns: Iterable[str], value: str) -> bool:
    return any(_pattern(one)(value.lower()) for one in patterns)


@lru_cache(maxsize=4096)
def _pattern(pattern: str) -> Callable[[str], object]:
    import re
    from fnmatch import translate

    return re.compile(translate(pattern.lower())).match
