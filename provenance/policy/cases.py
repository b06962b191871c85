"""Tests of a policy, as a table anybody can read: facts on the left, what is due on the right. Pure but for reading."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import msgspec

from provenance.errors import PolicyError
from provenance.model import UNKNOWN, Action, Address, Evidence, Grade, Match, Origin, Similarity, Status
from provenance.policy import strict
from provenance.policy.findings import Judged
from provenance.policy.judge import Judging, Terms
from provenance.policy.schema import Level, Policy, TermsStatus, Use
from provenance.policy.strict import Wrong, nearest, shown

VERSION = 1


class Given(msgspec.Struct, frozen=True):
    """The facts of a case: what is left out is a long fragment, captured, of nobody knows whom."""

    provider: str = UNKNOWN
    model: str = UNKNOWN
    tool: str = UNKNOWN
    channel: str = UNKNOWN
    plan: str = UNKNOWN
    time: str = UNKNOWN
    """When the output was generated."""
    similarity: Similarity = Similarity.FRAGMENT
    grade: Grade = Grade.COPIED
    evidence: Evidence = Evidence.CAPTURED
    tokens: int = 100
    coverage: float = 0.5
    jaccard: float = 0.0
    file: str = ""
    """Where the text lies, which tells the zone."""
    zone: str = ""
    """The zone by its name, instead of a file."""
    team: str = ""
    use: Use | None = None
    today: date | None = None
    """The day of the judgement."""
    terms: TermsStatus | None = None
    """What the registry says; left out, none is asked."""
    kinds: tuple[str, ...] = ()
    clauses: tuple[str, ...] = ()


class Expected(msgspec.Struct, frozen=True):
    """What is due; what is left out may be anything."""

    action: Action
    rule: str | None = None
    level: Level | None = None
    would: Action | None = None


class Case(msgspec.Struct, frozen=True):
    """One line of the table."""

    name: str
    given: Given
    expect: Expected


class _File(msgspec.Struct, frozen=True):
    version: int
    cases: tuple[Case, ...]


class Outcome(msgspec.Struct, frozen=True):
    """What became of a case; it passed if nothing differs."""

    case: Case
    differs: tuple[str, ...]


def load(path: Path) -> tuple[Case, ...]:
    """The cases of a file; PolicyError where it is missing or malformed."""
    return parse(strict.read(path, "case"), str(path))


def parse(content: bytes, where: str) -> tuple[Case, ...]:
    """Cases from YAML. Whatever the bytes, cases or a PolicyError that names the place in ``where``."""
    raw = strict.document(content, where, "case")
    try:
        if not isinstance(raw, dict):
            raise Wrong("a case file is a mapping with version and cases")
        if type(raw.get("version")) is not int or raw["version"] != VERSION:
            given = shown(raw["version"]) if "version" in raw else "missing"
            raise Wrong(f"version: {given} (this tool reads 'version: {VERSION}')")
        read = strict.struct(_File, raw).cases
        for i, one in enumerate(read):
            _check(f"cases[{i}] ({one.name})", one)
    except Wrong as error:
        raise PolicyError(f"{where}: {error}") from None
    return read


def _check(at: str, case: Case) -> None:
    if not case.name:
        raise Wrong(f"{at}: name: empty (say what has to be true)")
    if case.given.zone and case.given.file:
        raise Wrong(f"{at}: given: a file tells its zone (give one of the two)")
    if (case.given.kinds or case.given.clauses) and case.given.terms is None:
        raise Wrong(f"{at}: given: kinds and clauses are what the registry says (give terms too)")


def run(policy: Policy, cases: Sequence[Case]) -> tuple[Outcome, ...]:
    """Judge every case; a case that names a zone or rule which the policy does not have is a PolicyError."""
    return tuple(_run(policy, one) for one in cases)


def _run(policy: Policy, case: Case) -> Outcome:
    given, expect = case.given, case.expect
    if given.zone and given.zone not in policy.zones:
        raise PolicyError(
            f"case '{case.name}': no zone named {shown(given.zone)} ({nearest(given.zone, policy.zones)})"
        )
    got = judged(policy, given)
    pairs = {
        "action": (expect.action, got.action),
        "rule": (expect.rule, got.rule),
        "level": (expect.level, got.level),
        "would": (expect.would, got.would),
    }
    differs = [
        f"{key} {ours} expected, got {theirs}" for key, (ours, theirs) in pairs.items() if ours not in (None, theirs)
    ]
    return Outcome(case, tuple(differs))


def judged(policy: Policy, given: Given) -> Judged:
    """What a policy makes of the facts of a case."""
    said = None if given.terms is None else Terms(given.terms, given.clauses, given.kinds)
    judging = Judging(
        policy,
        use=given.use,
        team=given.team,
        today=given.today,
        terms=None if said is None else lambda origin, use: said,
    )
    address = Address(given.file, 0, "")
    if given.zone or not given.file:
        finding = judging.within((given.zone,), address, "", 0, [_match(given)])
    else:
        finding = judging(address, "", 0, [_match(given)])
    return finding.matches[0]


def _match(given: Given) -> Match:
    names = ("provider", "model", "tool", "channel", "plan", "time")
    return Match(
        ingredient="0" * 32,
        origin=Origin(**{name: getattr(given, name) for name in names}),
        evidence=given.evidence,
        kind="write",
        status=Status.APPLIED,
        path="",
        similarity=given.similarity,
        grade=given.grade,
        tokens=given.tokens,
        verbatim=given.tokens,
        run=given.tokens,
        rarity=1,
        unit_coverage=given.coverage,
        ingredient_coverage=given.coverage,
        jaccard=given.jaccard,
        start=0,
        end=0,
        first_line=1,
        last_line=1,
        ingredient_start=0,
        ingredient_end=given.tokens,
        others=0,
    )
