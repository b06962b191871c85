from __future__ import annotations

import random

import numpy as np
import pytest

from provenance.fingerprint import RECIPE
from provenance.index.select import select


def brute(tokens: int, keys: list[int], positions: list[int], common: list[bool]) -> set[int]:
    """The places that a window-by-window search keeps."""
    count = tokens - RECIPE.k + 1
    if count < 1:
        return set()
    at = dict(zip(positions, range(len(positions)), strict=True))
    kept = set()
    width = min(RECIPE.w, count)
    for first in range(count - width + 1):
        window = [at[p] for p in range(first, first + width) if p in at and not common[at[p]]]
        if window:
            kept.add(min(window, key=lambda i: (keys[i] & 1 == 0, keys[i] >> 1, -positions[i])))
    free = [i for i in range(len(positions)) if not common[i]]
    return kept | ({free[0], free[-1]} if free else set())


@pytest.mark.parametrize("seed", range(60))
def test_selection_is_what_a_window_by_window_search_keeps(seed: int) -> None:
    rng = random.Random(seed)
    tokens = rng.choice([0, 5, RECIPE.k - 1, RECIPE.k, RECIPE.k + 3, RECIPE.t - 1, RECIPE.t, 60, 150])
    count = max(0, tokens - RECIPE.k + 1)
    positions = [p for p in range(count) if rng.random() < 0.8]
    keys = [rng.randrange(1 << (8 if rng.random() < 0.2 else 64)) for _ in positions]
    common = [rng.random() < 0.2 for _ in positions]
    chosen = select(tokens, np.array(keys, np.uint64), np.array(positions, np.uint32), np.array(common, np.bool_))
    assert brute(tokens, keys, positions, common) == set(chosen.chosen.tolist())


def test_every_window_is_counted_by_what_suppresses_it() -> None:
    tokens = RECIPE.k + RECIPE.w + 9  # 19 positions, 11 windows
    positions = np.arange(0, 19, dtype=np.uint32)[:10]
    keys = np.arange(2, 22, 2, dtype=np.uint64)  # literal keys
    nothing = select(tokens, keys, positions, np.zeros(10, np.bool_))
    everything = select(tokens, keys, positions, np.ones(10, np.bool_))
    assert (11, 1, 0, 10) == (nothing.windows, nothing.floor, nothing.commons, nothing.literal)
    assert (11, 1, 10, 0) == (everything.windows, everything.floor, everything.commons, everything.literal)
    assert [] == everything.chosen.tolist()
