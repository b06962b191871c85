"""Small makers of outputs, indexes and datasets for tests: they make data and assert nothing."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from provenance import fingerprint, index
from provenance.index import Index
from provenance.model import Evidence, Ingredient, Origin, Status, ingredient_id

CLAUDE = Origin(
    provider="anthropic",
    model="claude-opus-4-5",
    tool="claude-code",
    version="2.1.62",
    session="s1",
    time="2026-03-25T09:00:00.000Z",
)


def ingredient(*texts: str, call: str = "c1", origin: Origin = CLAUDE, path: str = "a.py") -> Ingredient:
    """An output whose passages are these texts."""
    passages = [text.encode() for text in texts]
    whole = b"\n".join(passages)
    return Ingredient(
        id=ingredient_id(origin.tool, origin.session, call, path, 0),
        origin=origin,
        evidence=Evidence.TRANSCRIPT,
        kind="write",
        status=Status.APPLIED,
        path=path,
        passages=tuple(map(fingerprint.fingerprint, passages)),
        verbatim=tuple(() for _ in passages),
        shown=tuple(() for _ in passages),
        whole=fingerprint.outline(whole),
        signature=fingerprint.engine.signature(whole),
    )


def opened(folder: Path, *ingredients: Ingredient, common: dict[str, NDArray[np.uint64]] | None = None) -> Index:
    """The index of these outputs, opened."""
    index.build(folder, ingredients, common)
    return Index(folder)


WORDS = (
    "alpha beta gamma delta count total index value widget buffer stream packet offset length header footer "
    "record column matrix vector kernel signal filter window cursor handle parser lexer symbol branch return "
    "if else for while def class import"
).split()
MARKS = list("()[]{}=+-*/.,:;<>")


def code(seed: int, tokens: int, names: int = 400) -> list[str]:
    """Random tokens that look like code: varied enough to be eligible and structured."""
    rng = random.Random(seed)
    made = []
    for _ in range(tokens):
        kind = rng.random()
        if kind < 0.45:
            made.append(rng.choice(WORDS) + str(rng.randrange(names)) if rng.random() < 0.6 else rng.choice(WORDS))
        elif kind < 0.9:
            made.append(rng.choice(MARKS))
        else:
            made.append(str(rng.randrange(1000)))
    return made
