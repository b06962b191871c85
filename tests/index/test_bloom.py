from __future__ import annotations

import numpy as np

from provenance.index import bloom


def test_a_key_that_was_put_in_is_never_rejected() -> None:
    keys = np.random.default_rng(1).integers(0, 1 << 64, 5000, np.uint64)
    filter_ = bloom.build(keys)
    assert [] == [int(key) for key in keys if not bloom.contains(filter_, int(key))]


def test_about_one_absent_key_in_a_thousand_passes() -> None:
    rng = np.random.default_rng(2)
    filter_ = bloom.build(rng.integers(0, 1 << 64, 20000, np.uint64))
    passed = sum(bloom.contains(filter_, int(key)) for key in rng.integers(0, 1 << 64, 20000, np.uint64))
    assert passed < 100


def test_a_filter_of_nothing_rejects() -> None:
    assert not bloom.contains(bloom.build(np.empty(0, np.uint64)), 12345)


def test_small_keys_do_not_crowd_into_few_blocks() -> None:
    """Selected grams are minima, so most keys of an index are small."""
    rng = np.random.default_rng(3)
    filter_ = bloom.build(rng.integers(0, 1 << 62, 20000, np.uint64))
    passed = sum(bloom.contains(filter_, int(key)) for key in rng.integers(0, 1 << 62, 20000, np.uint64))
    assert passed < 100
