"""A match as tests of policies vary it."""

from __future__ import annotations

import msgspec

from provenance.model import Address, Evidence, Grade, Match, Origin, Similarity, Status

HERE = Address("train.parquet", 0, "text")
COPY = Match(
    ingredient="i1",
    origin=Origin(provider="anthropic", model="claude-opus-4-5", tool="claude-code"),
    evidence=Evidence.TRANSCRIPT,
    kind="write",
    status=Status.APPLIED,
    path="a.py",
    similarity=Similarity.FRAGMENT,
    grade=Grade.COPIED,
    tokens=60,
    verbatim=60,
    run=60,
    rarity=1,
    unit_coverage=0.5,
    ingredient_coverage=0.5,
    jaccard=0.0,
    start=0,
    end=200,
    first_line=1,
    last_line=9,
    ingredient_start=4,
    ingredient_end=64,
    others=0,
)


def like(**facts: object) -> Match:
    """The copy, with other facts; those of its origin by their own names."""
    origin = {name: facts.pop(name) for name in list(facts) if name in Origin.__struct_fields__}
    return msgspec.structs.replace(COPY, origin=msgspec.structs.replace(COPY.origin, **origin), **facts)
