"""Matches to verdicts: a pure function of facts and policy. Same facts, same verdict."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from fnmatch import fnmatchcase

import msgspec

from provenance.model import UNKNOWN, Action, Address, Evidence, Grade, Match, Origin, Similarity
from provenance.policy.schema import OriginSet, Policy, Rule

ORDER = tuple(Action)
"""From the mildest; of several actions the most severe stands."""
NO_RULE = "(no rule)"
"""What stands as the rule where none holds."""
UNKNOWN_ORIGIN = "(unknown origin)"
"""What stands as the rule where the policy's default for unknown origins decided."""


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


def fails(verdict: Action) -> bool:
    """Whether a verdict fails a gate: block, and quarantine, since nothing here takes the text out."""
    return verdict in (Action.BLOCK, Action.QUARANTINE)


def judge(address: Address, content: str, tokens: int, matches: Iterable[Match], policy: Policy) -> Finding:
    """Judge one text: every rule of the policy speaks on every match, and the most severe action stands.

    Of rules equally severe the first in the policy is named. Neither the order of the matches nor the address
    changes id, verdict or rule.
    """
    judged = tuple(_judge(one, policy) for one in matches)
    verdict = severest(one.action for one in judged)
    order = [*(rule.id for rule in policy.rules), UNKNOWN_ORIGIN, NO_RULE]
    rule = min((one.rule for one in judged if one.action is verdict), key=order.index, default=NO_RULE)
    blob = "\n".join([content, *sorted({one.match.ingredient for one in judged})])
    name = hashlib.sha256(blob.encode()).hexdigest()[:16]
    return Finding(name, address, content, tokens, verdict, rule, judged)


def _judge(match: Match, policy: Policy) -> Judged:
    said = [(rule.action, rule.id) for rule in policy.rules if _holds(rule, match, policy)]
    if match.origin.provider == UNKNOWN and match.grade is not Grade.IDIOM:
        due = policy.defaults.unknown_origin
        # Heuristic evidence never blocks, whatever the default says.
        weak = match.evidence is Evidence.HEURISTIC
        said.append((min(due, Action.WARN, key=ORDER.index) if weak else due, UNKNOWN_ORIGIN))
    action, rule = max(said, key=lambda one: ORDER.index(one[0]), default=(Action.ALLOW, NO_RULE))
    return Judged(match, action, rule)


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
