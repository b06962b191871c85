"""Selection on both engines, against winnowing by sliding windows in numpy."""

from __future__ import annotations

import random
import struct
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
import pytest

from provenance.fingerprint import RECIPE, engine, reference
from tests.fingerprint.plain import table_of
from tests.making import code

K, W, T = RECIPE.k, RECIPE.w, RECIPE.t
ENGINES = pytest.mark.parametrize("made_by", [reference, engine], ids=["reference", "engine in use"])
LENGTHS = (0, 5, K - 1, K, K + 1, K + W - 2, T - 1, T, T + 1, K + 3, 60, 150)


class Passage(NamedTuple):
    """The grams of a passage as they are measured, and which of them the commons hold."""

    tokens: int
    keys: list[int]
    checks: list[int]
    positions: list[int]
    flags: list[int]
    common: list[bool]


def drawn(rng: random.Random, common: float = 0.2) -> Passage:
    """A passage with grams at some positions; now and then with few distinct keys, so that there are equals."""
    tokens = rng.choice(LENGTHS)
    eligible = rng.choice([0.0, 0.5, 0.8, 1.0])
    positions = [p for p in range(tokens - K + 1) if rng.random() < eligible]
    bits = rng.choice([3, 63, 63])
    held = [rng.random() < common for _ in positions]
    # The commons hold keys with a high bit, the others have none: a key is common wherever it stands.
    keys = [rng.getrandbits(bits) | one << 63 for one in held]
    checks = [rng.getrandbits(16) for _ in positions]
    return Passage(tokens, keys, checks, positions, [rng.choice([0, 0, 0, 1, 2, 3]) for _ in positions], held)


def columns(passages: list[Passage]) -> tuple[bytes, ...]:
    """What ``select`` takes, but for the commons."""

    def packed(code_: str, values: list[int]) -> bytes:
        return struct.pack(f"<{len(values)}{code_}", *values)

    return (
        packed("I", [one.tokens for one in passages]),
        packed("I", [len(one.keys) for one in passages]),
        *(
            packed(kind, [value for one in passages for value in getattr(one, name)])
            for kind, name in (("Q", "keys"), ("H", "checks"), ("I", "positions"), ("B", "flags"))
        ),
    )


def selected(made_by: ModuleType, passages: list[Passage]) -> tuple[Any, ...]:
    common = [key for one in passages for key, held in zip(one.keys, one.common, strict=True) if held]
    *blobs, counts = made_by.select(*columns(passages), table_of(common) if common else b"")
    kinds = ("<u8", "<u4", "<u4", "<u2", ("u1", 4))
    return (*(np.frombuffer(blob, kind).tolist() for blob, kind in zip(blobs, kinds, strict=True)), counts)


def oracle(passages: list[Passage]) -> tuple[Any, ...]:
    """The same by sliding windows over ranks."""
    rows: list[tuple[int, int, int, int, list[int]]] = []
    counts = np.zeros(4, np.int64)
    for number, one in enumerate(passages):
        count = one.tokens - K + 1
        if count < 1:
            continue
        keys, positions, common = np.array(one.keys, np.uint64), np.array(one.positions, np.int64), np.array(one.common)
        none = np.uint64(2**64 - 1)
        ranks, eligible, place = np.full(count, none), np.zeros(count, np.bool_), np.zeros(count, np.int64)
        ranks[positions] = np.where(common, none, keys >> np.uint64(1) | (~keys << np.uint64(63)))
        eligible[positions], place[positions] = True, np.arange(len(positions))
        windows = np.lib.stride_tricks.sliding_window_view(ranks, min(W, count))
        any_eligible = np.lib.stride_tricks.sliding_window_view(eligible, min(W, count)).any(axis=1)
        best = np.arange(len(windows)) + min(W, count) - 1 - np.argmin(windows[:, ::-1], axis=1)
        least = ranks[best]
        empty = least == none
        literal = ~empty & (least >> np.uint64(63) == 1)
        counts += [len(windows), (empty & ~any_eligible).sum(), (empty & any_eligible).sum(), literal.sum()]
        free = np.flatnonzero(~common) if len(common) else np.empty(0, np.int64)
        marks = np.zeros(count + 12, np.int64)
        for gram in free.tolist():
            if not one.flags[gram] & 1:
                marks[6 + one.positions[gram]] = _mark(one.keys[gram], one.checks[gram])
        for gram in np.unique([*place[best[~empty]], *free[:1], *free[-1:]]).astype(int).tolist():
            at = 6 + one.positions[gram]
            words = one.checks[gram] % 2**14 + 2**14 * one.flags[gram]
            rows.append((one.keys[gram], number, one.positions[gram], words, marks[[at - 3, at - 6, at + 3, at + 6]]))
    return (*([row[i] if i < 4 else row[i].tolist() for row in rows] for i in range(5)), tuple(counts.tolist()))


def _mark(key: int, check: int) -> int:
    """Five bits of the key from the second on, three of the check; 8 in place of 0."""
    return key // 2 % 32 * 8 + check % 8 or 8


@ENGINES
@pytest.mark.parametrize("seed", range(60))
def test_selection_is_what_a_window_by_window_search_keeps(made_by: ModuleType, seed: int) -> None:
    rng = random.Random(seed)
    passages = [drawn(rng, common=seed % 3 * 0.2) for _ in range(rng.choice([0, 1, 1, 5, 12]))]
    assert oracle(passages) == selected(made_by, passages)


@ENGINES
def test_passages_together_are_the_passages_one_by_one(made_by: ModuleType) -> None:
    rng = random.Random(1)
    passages = [drawn(rng, common=0) for _ in range(12)]
    together = selected(made_by, passages)
    alone = [selected(made_by, [one]) for one in passages]
    for column in (0, 2, 3, 4):
        assert together[column] == [value for one in alone for value in one[column]]
    assert together[1] == [number for number, one in enumerate(alone) for _ in one[0]]
    assert together[5] == tuple(map(sum, zip(*(one[5] for one in alone), strict=True)))


@ENGINES
def test_every_window_is_counted_by_what_suppresses_it(made_by: ModuleType) -> None:
    tokens = K + W + 9  # 19 positions, 11 windows
    literal = list(range(2, 22, 2))
    nothing = Passage(tokens, literal, [0] * 10, list(range(10)), [0] * 10, [False] * 10)
    everything = nothing._replace(common=[True] * 10)
    structured = nothing._replace(keys=[key | 1 for key in literal])
    assert (11, 1, 0, 10) == selected(made_by, [nothing])[5]
    assert (11, 1, 10, 0) == selected(made_by, [everything])[5]
    assert (11, 1, 0, 0) == selected(made_by, [structured])[5]
    assert [] == selected(made_by, [everything])[0]


@ENGINES
def test_a_structured_gram_is_kept_before_a_smaller_literal_one(made_by: ModuleType) -> None:
    one = Passage(T, [2, 2**40 + 1, 4, 6], [0] * 4, [2, 4, 5, 7], [0] * 4, [False] * 4)
    assert [2, 4, 7] == selected(made_by, [one])[2]  # the first, the structured one, the last


@ENGINES
def test_of_equal_grams_the_rightmost_of_a_window_is_kept(made_by: ModuleType) -> None:
    one = Passage(K + 19, [3] * 20, [0] * 20, list(range(20)), [0] * 20, [False] * 20)
    assert [0, *range(8, 20)] == selected(made_by, [one])[2]


@ENGINES
def test_the_first_and_the_last_eligible_gram_are_kept(made_by: ModuleType) -> None:
    one = Passage(K + 7, [9, 1, 9], [0] * 3, [0, 3, 7], [0] * 3, [False] * 3)
    assert [0, 3, 7] == selected(made_by, [one])[2]
    assert [3, 7] == selected(made_by, [one._replace(keys=[9 | 1 << 63, 1, 9], common=[True, False, False])])[2]


@ENGINES
def test_flags_stand_with_the_words_of_a_gram_and_do_not_change_what_is_kept(made_by: ModuleType) -> None:
    rng = random.Random(5)
    plain = drawn(rng, common=0)._replace(tokens=150)
    while len(plain.keys) < 50:
        plain = drawn(rng, common=0)
    flags = [rng.randrange(4) for _ in plain.keys]
    bare, flagged = (selected(made_by, [plain._replace(flags=one)]) for one in ([0] * len(flags), flags))
    assert (bare[0], bare[2]) == (flagged[0], flagged[2])
    of = dict(zip(plain.positions, zip(plain.checks, flags, strict=True), strict=True))
    assert flagged[3] == [of[at][0] & reference.WORDS | of[at][1] << 14 for at in flagged[2]]


@ENGINES
def test_a_neighbour_of_the_commons_or_of_these_words_only_verifies_nothing(made_by: ModuleType) -> None:
    keys = [2 * n + 1 for n in range(100, 113)]
    keys[6] = 1  # the one that is kept, with marks from 0, 3, 9 and 12
    plain = Passage(K + 12, keys, list(range(13)), list(range(13)), [0] * 13, [False] * 13)

    def around(one: Passage) -> list[int]:
        answer = selected(made_by, [one])
        marks: list[int] = answer[4][answer[2].index(6)]
        return marks

    assert [_mark(keys[at], at) for at in (3, 0, 9, 12)] == around(plain)
    for at, side in ((3, 0), (0, 1), (9, 2), (12, 3)):
        flags = [int(n == at) * reference.VERBATIM for n in range(13)]
        common = [n == at for n in range(13)]
        expected = [mark * (n != side) for n, mark in enumerate(around(plain))]
        assert expected == around(plain._replace(flags=flags))
        assert expected == around(plain._replace(common=common))
        assert around(plain) == around(plain._replace(flags=[2 * flag for flag in flags]))


@ENGINES
def test_nothing_gives_nothing(made_by: ModuleType) -> None:
    assert ((b"",) * 5, (0, 0, 0, 0)) == ((answer := made_by.select(*[b""] * 7))[:5], answer[5])
    assert (b"",) * 5 == made_by.select(*[b""] * 6, table_of([1, 2, 3]))[:5]


@pytest.mark.parametrize("wrong", range(6))
def test_columns_of_different_lengths_are_refused(wrong: int) -> None:
    given = list(columns([drawn(random.Random(3), common=0), Passage(T, [2, 4], [0, 0], [1, 3], [0, 0], [False] * 2)]))
    given[wrong] += bytes(8)
    with pytest.raises(ValueError, match="select: columns of different lengths"):
        _kernel().select(*given, b"")


def test_a_gram_that_lies_outside_its_passage_is_refused() -> None:
    for tokens, sizes, position in ((T, 1, W), (T, 1, 2**32 - 1), (K - 1, 1, 0), (T, 2, 0)):
        lengths, counts = struct.pack("<I", tokens), struct.pack("<I", sizes)
        with pytest.raises(ValueError, match="offsets"):
            _kernel().select(lengths, counts, bytes(8), bytes(2), struct.pack("<I", position), b"\0", b"")


def test_what_is_kept_of_a_real_text_covers_every_window() -> None:
    tokens, _, keys, checks, positions = engine.measure(" ".join(code(1, 2000)).encode())
    sizes = struct.pack("<I", len(keys) // 8)
    kept = engine.select(struct.pack("<I", tokens), sizes, keys, checks, positions, bytes(len(keys) // 8), b"")
    at = np.frombuffer(kept[2], "<u4")
    assert at[0] == 0
    assert at[-1] == tokens - K
    assert int(np.diff(at).max()) <= W
    assert 0.15 < len(at) / tokens < 0.25


def _kernel() -> ModuleType:
    if engine is reference:
        pytest.skip("the C kernel is not built")
    return engine  # type: ignore[no-any-return]
