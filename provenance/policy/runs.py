"""What is due for a run as a whole: budgets, rows not read, captures missed. Pure, like ``judge``."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from provenance.model import Action, Evidence, Grade
from provenance.policy.baseline import Disposition
from provenance.policy.findings import Finding, Standing
from provenance.policy.judge import Due, Judging
from provenance.policy.schema import Budget, Level

SKIPPED = "(skipped)"
MISSED = "(missed captures)"
"""What stands as the rule where the policy's defaults for these decided."""


class RunDue(msgspec.Struct, frozen=True):
    """What is due for a run, beside the verdicts on its texts."""

    rule: str
    """A budget's id, or the default."""
    action: Action
    level: Level
    count: int
    why: str
    message: str = ""


def is_counted(finding: Finding) -> bool:
    """Whether budgets count a finding: not what may never fail a run in whatever number.

    That is an idiom, heuristic evidence, what a waiver has set aside, and what stands in the baseline (there under
    ``waived`` the waiver alone counts).
    """
    if finding.baseline not in ("", Disposition.WAIVED):
        return False
    return any(
        one.match.grade is not Grade.IDIOM
        and one.match.evidence is not Evidence.HEURISTIC
        and (one.waiver is None or one.waiver.standing is not Standing.WAIVED)
        for one in finding.matches
    )


def due(
    judging: Judging,
    found: Mapping[tuple[str, Action], int],
    read: Mapping[str, int],
    skipped: int = 0,
    missed: int = 0,
) -> tuple[RunDue, ...]:
    """What is due for a run: budgets that were exceeded, rows that were not read, captures that were missed.

    ``found`` counts the findings that ``is_counted`` by zone and verdict, ``read`` the texts by the first zone that
    they may lie in. The run's verdict is the most severe of these actions and of its findings' verdicts.
    """
    policy = judging.policy
    over = (_over(budget, judging, found, read) for budget in policy.budgets)
    said = [one for one in over if one is not None]
    if skipped:
        why = f"{skipped:,} rows could not be read: unread is not clean"
        said.append(RunDue(SKIPPED, policy.defaults.skipped, Level.SOFT, skipped, why))
    if missed:
        why = f"{missed:,} captures were missed: what they held is not in the index"
        said.append(RunDue(MISSED, policy.defaults.missed_captures, Level.SOFT, missed, why))
    return tuple(said)


def _over(
    budget: Budget, judging: Judging, found: Mapping[tuple[str, Action], int], read: Mapping[str, int]
) -> RunDue | None:
    count = sum(n for (zone, verdict), n in found.items() if verdict in budget.counts and _in(budget, judging, zone))
    of = sum(n for zone, n in read.items() if _in(budget, judging, zone))
    limits = []
    if budget.max_records is not None and count > budget.max_records:
        limits.append(f"{budget.max_records:,} texts")
    if budget.max_share is not None and count > budget.max_share * of:
        limits.append(f"a share of {budget.max_share:g}")
    if not limits:
        return None
    action = Due(budget.action, budget.level, budget.id).binding
    why = f"{count:,} of {of:,} texts, more than {' and '.join(limits)}"
    return RunDue(budget.id, action, budget.level, count, why, budget.message)


def _in(budget: Budget, judging: Judging, zone: str) -> bool:
    use = judging.use_in(zone)
    return (not budget.zones or zone in budget.zones) and (not budget.uses or use is None or use in budget.uses)
