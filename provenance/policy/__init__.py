"""Opinion: policies and the verdicts they give. It reads no dataset and no index."""

from provenance.policy.judge import ORDER, Finding, Judged, fails, judge, severest
from provenance.policy.schema import SHIPPED, Loaded, Policy, load, parse, shipped

__all__ = [
    "ORDER",
    "SHIPPED",
    "Finding",
    "Judged",
    "Loaded",
    "Policy",
    "fails",
    "judge",
    "load",
    "parse",
    "severest",
    "shipped",
]
