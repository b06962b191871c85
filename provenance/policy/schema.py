"""Policies as written, version 2: their types, the laws that they keep, and where they are found. It judges nothing.

Every error names the key, and for a misspelt key or word the nearest valid one.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from enum import StrEnum
from pathlib import Path

import msgspec

from provenance.errors import PolicyError
from provenance.hashes import sha256
from provenance.model import Action, Evidence, Grade, Similarity
from provenance.policy import strict
from provenance.policy.strict import Wrong, nearest, shown

SHIPPED = "clean-room"
VERSIONS = (1, 2)
STOPS = (Action.QUARANTINE, Action.BLOCK)
"""What fails a run: quarantine too, since a gate by itself takes nothing out."""
RIVALS = "competitors"
"""The origin set that always stands for ``organisation.competes_with``."""


class Use(StrEnum):
    """What a text is for. Unsaid it is None, which counts as any of them."""

    PRETRAIN = "pretrain"
    SFT = "sft"
    RL = "rl"
    EVAL = "eval"
    CLASSIFIER = "classifier"
    TOOLING = "tooling"


class Level(StrEnum):
    """How binding a rule is: advisory never fails a run, soft can be set aside by a waiver or baseline, hard by
    nothing."""

    ADVISORY = "advisory"
    SOFT = "soft"
    HARD = "hard"


class TermsStatus(StrEnum):
    """What the terms registry says of one use of one origin's output, on the day it was generated."""

    FORBIDS = "forbids"
    CONDITIONS = "conditions"
    PERMITS = "permits"
    SILENT = "silent"
    UNKNOWN = "unknown_terms"


class Organisation(msgspec.Struct, frozen=True):
    """Who judges. Whom it competes with is its own legal position, not the tool's."""

    name: str
    competes_with: tuple[str, ...] = ()
    """Providers; the origin set ``competitors`` stands for them."""
    own: tuple[str, ...] = ()
    """Providers that are the organisation itself: no terms bind it to itself."""


class OriginSet(msgspec.Struct, frozen=True):
    """A named set of origins: an origin belongs if each list holds a pattern that its value matches.

    Patterns are shell-style (``claude-*``) and see no difference between upper and lower case. A value that was
    not recorded is the word ``unknown``, which ``*`` matches like any other.
    """

    providers: tuple[str, ...] = ("*",)
    models: tuple[str, ...] = ("*",)
    tools: tuple[str, ...] = ("*",)


class Zone(msgspec.Struct, frozen=True):
    """A part of the house where rules can differ: of a text's zones the first in the policy counts.

    A text lies in the zone if a glob of ``paths`` or ``datasets`` matches (or none is given), the team is one of
    ``teams`` and the day within ``from`` and ``until`` (where given).
    """

    paths: tuple[str, ...] = ()
    """Globs over a file's path; ``**`` stands for any number of folders."""
    datasets: tuple[str, ...] = ()
    """Globs over a dataset's file or any folder above it, or over a URI."""
    teams: tuple[str, ...] = ()
    start: date | None = msgspec.field(name="from", default=None)
    until: date | None = None
    """The last day."""
    use: Use | None = None
    """What all that lies here is for, whatever a command line says."""


class Rule(msgspec.Struct, frozen=True):
    """Opinion on a class of matches: where every condition holds, the action is due."""

    id: str
    action: Action
    level: Level = Level.SOFT
    origins: tuple[str, ...] = ()
    """Names of origin sets, any of which must hold the origin; none given means every origin."""
    zones: tuple[str, ...] = ()
    """Names of zones, one of which the text must lie in; none given means everywhere."""
    uses: tuple[Use, ...] = ()
    """None given means any. A use that nobody said counts as any."""
    similarity: tuple[Similarity, ...] = tuple(Similarity)
    grade: tuple[Grade, ...] = (Grade.COPIED, Grade.NEAR_COPY)
    evidence: tuple[Evidence, ...] = (
        Evidence.CAPTURED,
        Evidence.TRANSCRIPT,
        Evidence.TOOL_NOTE,
        Evidence.DECLARED,
    )
    min_tokens: int = 0
    """Least verified tokens; of no account for ``similar``, which verifies none."""
    min_coverage: float = 0.0
    """Least share of the text's tokens that are verified; of no account for ``similar``."""
    min_jaccard: float = 0.0
    """Least estimate; of account for ``similar`` alone."""
    terms: tuple[TermsStatus, ...] = ()
    """What the terms registry must say of origin and use; none given means whatever it says."""
    kinds: tuple[str, ...] = ()
    """Patterns, one of which the kind of a clause in force must match."""
    clauses: tuple[str, ...] = ()
    """Patterns, one of which the id of a clause in force must match."""
    message: str = ""
    """What the report says of the texts that the rule decided."""


class Defaults(msgspec.Struct, frozen=True):
    """What is due beside the rules: where both speak, the more severe stands."""

    unknown_origin: Action = Action.WARN
    """A match, better than an idiom, whose provider was not recorded."""
    skipped: Action = Action.WARN
    """A row that could not be read: unread is not clean."""
    unknown_terms: Action = Action.WARN
    """A match, better than an idiom, with another's output for whose provider, channel, plan and day the registry
    has no row."""
    missed_captures: Action = Action.WARN
    """A run beside a ledger that counts captures which hooks could not make."""
    use: Use | None = None
    """What a text is for where neither its zone nor the command line says."""


class Budget(msgspec.Struct, frozen=True):
    """How much of what does not fail by itself may come together: more of it, and the action is due for the run."""

    id: str
    action: Action
    level: Level = Level.SOFT
    zones: tuple[str, ...] = ()
    uses: tuple[Use, ...] = ()
    counts: tuple[Action, ...] = (Action.ALLOW, Action.WARN)
    """Texts with one of these verdicts are counted; idioms, heuristic evidence, waived and baselined ones never."""
    max_records: int | None = None
    max_share: float | None = None
    """Of the texts that were read in these zones."""
    message: str = ""


class Policy(msgspec.Struct, frozen=True):
    """A whole policy."""

    version: int
    name: str
    rules: tuple[Rule, ...]
    origins: dict[str, OriginSet] = {}
    defaults: Defaults = Defaults()
    description: str = ""
    organisation: Organisation | None = None
    zones: dict[str, Zone] = {}
    budgets: tuple[Budget, ...] = ()


SINCE_2: dict[type[msgspec.Struct], frozenset[str]] = {
    Policy: frozenset({"organisation", "zones", "budgets"}),
    Rule: frozenset({"level", "zones", "uses", "min_coverage", "terms", "kinds", "clauses"}),
    Defaults: frozenset({"unknown_terms", "missed_captures", "use"}),
}
"""The keys that version 1 does not have."""


class Loaded(msgspec.Struct, frozen=True):
    """A policy with where it came from."""

    policy: Policy
    source: str
    """As it was named: a path, or a shipped policy's name."""
    digest: str
    """Of the file's bytes: SHA-256, the first 32 hex digits."""
    content: bytes = b""
    """The file's bytes, where there is a file."""


def load(name: str) -> Loaded:
    """Load a shipped policy by name, or any by path; PolicyError says where, what, and what is valid.

    The name of a shipped policy means that one, whatever files lie about (``./clean-room`` names a file).
    """
    content = (_folder() / f"{name}.yaml").read_bytes() if name in shipped() else _read(Path(name))
    return Loaded(parse(content, name), name, digest_of(content), content)


def digest_of(content: bytes) -> str:
    """SHA-256 of a file's bytes, the first 32 hex digits."""
    return sha256(content).hexdigest()[:32]


def digest(**parts: str) -> str:
    """One digest of all that a judgement rests on: policy, waivers, baseline, registry, index, each by its own.

    32 hex digits of SHA-256 over the sorted names and digests; a part that is empty counts as not there.
    """
    lines = [f"{name} {value}\n" for name, value in sorted(parts.items()) if value]
    return digest_of("".join(lines).encode())


def _read(path: Path) -> bytes:
    if not path.name or "\0" in str(path) or path.exists():
        return strict.read(path, "policy")
    hint = nearest(path, shipped(), "shipped ones")
    raise PolicyError(f"{path}: no such policy file, and no policy of this name ({hint})")


def shipped() -> list[str]:
    """The names of the policies that come with the project."""
    return sorted(entry.name.removesuffix(".yaml") for entry in _folder().iterdir() if entry.name.endswith(".yaml"))


def _folder() -> Path:
    """Inside an installed package; beside it in a checkout or an editable install."""
    inside = Path(__file__).parents[1] / "policies"  # importlib.resources costs 15 ms to import
    return inside if inside.is_dir() else Path(__file__).parents[2] / "policies"


def parse(content: bytes, where: str) -> Policy:
    """A policy from YAML; ``where`` names it in errors. Whatever the bytes, a Policy or a PolicyError.

    Version 1 is read as it always was: what only version 2 can say is due to nobody.
    """
    raw = strict.document(content, where, "policy")
    try:
        if not isinstance(raw, dict):
            raise Wrong("a policy is a mapping with version, name and rules")
        if type(raw.get("version")) is not int or raw["version"] not in VERSIONS:
            given = shown(raw["version"]) if "version" in raw else "missing"
            raise Wrong(f"version: {given} (this tool reads 'version: 1' and 'version: 2')")
        first = raw["version"] == 1
        policy = strict.struct(Policy, raw, later=SINCE_2 if first else {})
        if first:
            silent = msgspec.structs.replace(policy.defaults, unknown_terms=Action.ALLOW, missed_captures=Action.ALLOW)
            policy = msgspec.structs.replace(policy, defaults=silent)
        _check(policy)
    except Wrong as error:
        raise PolicyError(f"{where}: {error}") from None
    return policy


def sets(policy: Policy) -> dict[str, OriginSet]:
    """The origin sets that rules can name: those of the policy, and the competitors of the organisation."""
    rivals = policy.organisation.competes_with if policy.organisation else ()
    return {**policy.origins, **({RIVALS: OriginSet(providers=rivals)} if rivals else {})}


def _check(policy: Policy) -> None:
    """The laws that no type states: names exist and exist once, thresholds can be met and have something to
    measure, and neither an idiom nor a heuristic ever blocks."""
    if not policy.name:
        raise Wrong("name: empty (reports name the policy by it)")
    if policy.organisation is not None and not policy.organisation.name:
        raise Wrong("organisation.name: empty (reports name the organisation by it)")
    if RIVALS in policy.origins:
        raise Wrong(f"origins.{RIVALS}: this name stands for organisation.competes_with (give the set another)")
    for name, zone in policy.zones.items():
        _check_zone(name, zone)
    seen: set[str] = set()
    for i, rule in enumerate(policy.rules):
        if not rule.id:
            raise Wrong(f"rules[{i}].id: empty (findings name the rule by it)")
        at = f"rules[{i}] ({rule.id})"
        if rule.id in seen:
            raise Wrong(f"{at}: two rules have this id (give each its own)")
        seen.add(rule.id)
        _check_names(at, "origins", "set", rule.origins, sets(policy))
        _check_names(at, "zones", "zone", rule.zones, policy.zones)
        _check_rule(at, rule)
    for i, budget in enumerate(policy.budgets):
        if not budget.id:
            raise Wrong(f"budgets[{i}].id: empty (reports name the budget by it)")
        at = f"budgets[{i}] ({budget.id})"
        if budget.id in seen:
            raise Wrong(f"{at}: another budget or rule has this id (give each its own)")
        seen.add(budget.id)
        _check_names(at, "zones", "zone", budget.zones, policy.zones)
        _check_budget(at, budget)


def _check_names(at: str, key: str, what: str, names: Iterable[str], known: Iterable[str]) -> None:
    for name in names:
        if name not in known:
            raise Wrong(f"{at}: {key}: no {what} named {shown(name)} ({nearest(name, known)})")


def _check_zone(name: str, zone: Zone) -> None:
    at = f"zones.{name}"
    if not name:
        raise Wrong("zones: a name is empty (rules name the zone by it)")
    for key, globs in (("paths", zone.paths), ("datasets", zone.datasets)):
        for glob in globs:
            if not glob.strip("/"):
                raise Wrong(f"{at}.{key}: {shown(glob)} names no file (write '**' for all)")
    if zone.start and zone.until and zone.start > zone.until:
        raise Wrong(f"{at}: from {zone.start} is after until {zone.until} (turn them round)")
    if zone == Zone(use=zone.use):
        raise Wrong(f"{at}: nothing says what lies in it (give paths, datasets, teams, from or until)")


def _check_rule(at: str, rule: Rule) -> None:
    if rule.min_tokens < 0:
        raise Wrong(f"{at}: min_tokens: {rule.min_tokens} (a number of tokens, 0 or more)")
    for key, share in (("min_coverage", rule.min_coverage), ("min_jaccard", rule.min_jaccard)):
        if not 0 <= share <= 1:
            raise Wrong(f"{at}: {key}: {share} (a share, from 0 to 1)")
    if rule.min_jaccard and Similarity.SIMILAR not in rule.similarity:
        raise Wrong(f"{at}: min_jaccard measures 'similar' alone, which the rule leaves out")
    for key, least in (("min_tokens", rule.min_tokens), ("min_coverage", rule.min_coverage)):
        if least and set(rule.similarity) == {Similarity.SIMILAR}:
            raise Wrong(f"{at}: {key} does not measure 'similar', and the rule has nothing else")
    for key, patterns in (("kinds", rule.kinds), ("clauses", rule.clauses)):
        if patterns and set(rule.terms) == {TermsStatus.UNKNOWN}:
            raise Wrong(f"{at}: {key}: where terms are unknown no clause is in force (take one of the two out)")
    if rule.action in STOPS:
        if Grade.IDIOM in rule.grade:
            raise Wrong(f"{at}: an idiom never blocks or quarantines (take 'idiom' out, or warn)")
        if Evidence.HEURISTIC in rule.evidence:
            raise Wrong(f"{at}: heuristic evidence never blocks or quarantines (take it out, or warn)")


def _check_budget(at: str, budget: Budget) -> None:
    if budget.action is Action.ALLOW:
        raise Wrong(f"{at}: action: a budget that allows limits nothing (warn, quarantine or block)")
    if not set(budget.counts).isdisjoint(STOPS):
        raise Wrong(f"{at}: counts: a budget is of what passes ('allow' or 'warn'); the rest fails by itself")
    if budget.max_records is None and budget.max_share is None:
        raise Wrong(f"{at}: no limit (give max_records, max_share or both)")
    if budget.max_records is not None and budget.max_records < 0:
        raise Wrong(f"{at}: max_records: {budget.max_records} (a number of texts, 0 or more)")
    if budget.max_share is not None and not 0 <= budget.max_share <= 1:
        raise Wrong(f"{at}: max_share: {budget.max_share} (a share, from 0 to 1)")
