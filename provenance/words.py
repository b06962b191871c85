"""The fixed words of the vocabulary and the id of an output. A capture hook loads it: the standard library alone.

``model`` has the types that are made of them.
"""

from __future__ import annotations

from enum import StrEnum

from provenance.hashes import sha256

UNKNOWN = "unknown"
"""What stands where nothing was recorded. Never "human"."""


class Similarity(StrEnum):
    """What the texts share, from the closest to the loosest."""

    RECORDED = "recorded"
    EXACT = "exact"
    FRAGMENT = "fragment"
    RENAMED = "renamed"
    SIMILAR = "similar"
    NONE = "none"


class Grade(StrEnum):
    """How much of a copy the verified tokens show, from the strongest. An idiom never blocks."""

    COPIED = "copied"
    NEAR_COPY = "near copy"
    IDIOM = "idiom"


class Evidence(StrEnum):
    """How the origin is known, from the strongest. Heuristic never blocks."""

    CAPTURED = "captured"
    TRANSCRIPT = "transcript"
    TOOL_NOTE = "tool note"
    DECLARED = "declared"
    HEURISTIC = "heuristic"


class Action(StrEnum):
    """What a policy does about a match, from the mildest."""

    ALLOW = "allow"
    WARN = "warn"
    QUARANTINE = "quarantine"
    BLOCK = "block"


class Status(StrEnum):
    """What became of an output in its session. A declined output is still the model's text."""

    APPLIED = "applied"
    DECLINED = "declined"
    FAILED = "failed"
    STAGED = "staged"
    UNKNOWN = "unknown"


def ingredient_id(tool: str, session: str, call: str, path: str, ordinal: int) -> str:
    """The id of one output: equal for a hook, a transcript and a second copy of the same output.

    32 hex digits of SHA-256 over the five parts, each preceded by its length so that no two
    different five-tuples are written alike.
    """
    parts = [tool, session, call, path, str(ordinal)]
    blob = b"".join(len(p).to_bytes(8, "big") + p for p in (part.encode("utf-8", "surrogatepass") for part in parts))
    return sha256(blob).hexdigest()[:32]
