"""Opinion: policies and the verdicts they give. It reads no dataset and no index."""

from provenance.policy.findings import Applied, Finding, Judged, Standing, finding_id
from provenance.policy.judge import ORDER, Judging, Terms, fails, held, judge, severest
from provenance.policy.schema import SHIPPED, Level, Loaded, Policy, TermsStatus, Use, digest, load, parse, shipped

__all__ = [
    "ORDER",
    "SHIPPED",
    "Applied",
    "Finding",
    "Judged",
    "Judging",
    "Level",
    "Loaded",
    "Policy",
    "Standing",
    "Terms",
    "TermsStatus",
    "Use",
    "digest",
    "fails",
    "finding_id",
    "held",
    "judge",
    "load",
    "parse",
    "severest",
    "shipped",
]
