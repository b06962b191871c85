"""What judging leaves: findings, as every report prints them. Types alone."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

import msgspec

from provenance.hashes import sha256
from provenance.model import Action, Address, Match
from provenance.policy.schema import Level


class Standing(StrEnum):
    """What became of a waiver that names a finding."""

    WAIVED = "waived"
    EXPIRED = "waiver expired"
    EARLY = "waiver not yet in force"
    HARD = "not waivable: the rule is hard"


class Applied(msgspec.Struct, frozen=True):
    """A waiver on a match that a rule stops: what became of it, and all that a reader asks of it."""

    standing: Standing
    waiver: str
    reason: str
    basis: str
    approver: str
    expires: str
    """ISO 8601: the last day."""


class Judged(msgspec.Struct, frozen=True, omit_defaults=True):
    """A match with the action due and the rule that decided."""

    match: Match
    action: Action
    rule: str
    level: Level = Level.SOFT
    would: Action | None = None
    """What the rule says by itself, where its level, a waiver or the baseline made it milder."""
    waiver: Applied | None = None
    clauses: tuple[str, ...] = ()
    """Ids of the clauses of terms in force on the output, for this use, on the day it was generated; none with an
    idiom, which is nobody's output."""
    assumed: tuple[str, ...] = ()
    """Those of them that could apply only: channel, plan or what else would make it sure was not recorded."""


class Finding(msgspec.Struct, frozen=True, omit_defaults=True):
    """A text with its matches and the verdict. Its id ignores row and line numbers."""

    id: str
    address: Address
    content: str
    tokens: int
    verdict: Action
    rule: str
    matches: tuple[Judged, ...]
    zone: str = ""
    """The zone that decided; empty for none."""
    use: str = ""
    """What the text is for, as far as anybody said."""
    baseline: str = ""
    """The disposition that it has in the baseline."""


def finding_id(content: str, ingredients: Iterable[str]) -> str:
    """The id of a finding: of the text's tokens and the recorded outputs that it matches, and of nothing else: what a
    text declares of itself has no output.

    16 hex digits. It stands in waivers and baselines of years ago: it must never change.
    """
    blob = "\n".join([content, *sorted(set(ingredients) - {""})])
    return sha256(blob.encode()).hexdigest()[:16]
