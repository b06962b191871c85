"""Matches to verdicts: a pure function of facts and policy. Same facts, same verdict."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from fnmatch import fnmatchcase

import msgspec

from provenance.model import UNKNOWN, Action, Address, Evidence, Grade, Match, Origin, Similarity
from provenance.policy.schema import OriginSet, Policy, Rule

ORDER = (Action.ALLOW, Action.WARN, Action.QUARANTINE, Action.BLOCK)
"""From the mildest; of several verdicts the most severe stands."""
NO_RULE = "(no rule)"
UNKNOWN_ORIGIN = "(unknown origin)"


class Judged(msgspec.Struct, frozen=True):
    """A match with the action due and the rule that decided."""

    match: Match
    action: Action
    rule: str


class Finding(msgspec.Struct, frozen=True):
    """A text with its matches and the verdict. Its id ignores row and line numbers."""

    id: str
    address: Address
    content: str
    tokens: int
    verdict: Action
    rule: str
    matches: tuple[Judged, ...]


def severest(actions: Iterable[Action]) -> Action:
    """The most severe of the actions; allow if there is none."""
    return max(actions, key=ORDER.index, default=Action.ALLOW)


def judge(address: Address, content: str, tokens: int, matches: Iterable[Match], policy: Policy) -> Finding:
    """Judge one text: each match by every rule, the most severe action wins, of equals the first rule."""
    judged = tuple(_judge(one, policy) for one in matches)
    verdict = severest(one.action for one in judged)
    rule = next((one.rule for one in judged if one.action == verdict), NO_RULE)
    blob = "\n".join([content, *sorted({one.match.ingredient for one in judged})])
    name = hashlib.sha256(blob.encode()).hexdigest()[:16]
    return Finding(name, address, content, tokens, verdict, rule, judged)


def _judge(match: Match, policy: Policy) -> Judged:
    action, decided = Action.ALLOW, NO_RULE
    for rule in policy.rules:
        if ORDER.index(rule.action) > ORDER.index(action) and _holds(rule, match, policy):
            action, decided = rule.action, rule.id
    unknown = match.origin.provider == UNKNOWN and match.grade is not Grade.IDIOM
    if unknown and ORDER.index(policy.defaults.unknown_origin) > ORDER.index(action):
        # What an unknown origin leaves open, a weak kind of evidence does not settle: never more than a warning.
        weak = match.evidence is Evidence.HEURISTIC
        action = (
            min(policy.defaults.unknown_origin, Action.WARN, key=ORDER.index)
            if weak
            else policy.defaults.unknown_origin
        )
        decided = UNKNOWN_ORIGIN
    return Judged(match, action, decided)


def _holds(rule: Rule, match: Match, policy: Policy) -> bool:
    if match.similarity not in rule.similarity or match.grade not in rule.grade or match.evidence not in rule.evidence:
        return False
    if rule.origins and not any(_belongs(policy.origins[name], match.origin) for name in rule.origins):
        return False
    if match.similarity is Similarity.SIMILAR:
        return match.jaccard >= rule.min_jaccard
    return match.tokens >= rule.min_tokens


def _belongs(members: OriginSet, origin: Origin) -> bool:
    pairs = (
        (members.providers, origin.provider),
        (members.models, origin.model),
        (members.tools, origin.tool),
    )
    return all(any(fnmatchcase(value.lower(), pattern.lower()) for pattern in patterns) for patterns, value in pairs)
