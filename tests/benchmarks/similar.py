"""Recall and false alarms of ``similar`` (MinHash LSH) by true Jaccard, pair by pair beside datasketch.

    python tests/benchmarks/similar.py [--human ../shared/data/human/pre2021.parquet] [--pairs 300] [--unrelated 2000]

A pair is a stretch of a human file (100 to 1,000 tokens) and the same with tokens replaced, put in and left out until
the true Jaccard of the two sets of literal 5-token shingles is within .01 of the level. Without the file, stretches are
made of random words. The first text of each pair is indexed, the second is checked.

A pair must not be found by anything else, or a fragment would stand in the place of ``similar`` (one match is reported
for an ingredient, and a fragment is the better evidence). So here ingredients have no grams and no digest, as the text
of an output too plain for a gram has none: their only way to a match is the signature. What is counted is what
``matching.match`` gives. The columns *with grams* show the same pairs as they are in use, with grams and digests.

datasketch: ``MinHashLSH(threshold=0.7, num_perm=128, params=(14, 9))`` with ``MinHash(scheme="affine32")`` over the
same 32-bit shingle hashes; its candidates count as found from an estimate of 0.7 on, as ours do. Found by one and not
by the other is a disagreement, and with equal parameters there must be none. Expected is the chance of both, a common
band and an estimate of 0.7, for a pair of exactly that Jaccard; candidates alone are expected at 1 - (1 - j^9)^14.

Unrelated pairs: stretches of files of different repositories, all against all; any match is a false alarm.
"""

from __future__ import annotations

import argparse
import random
import tempfile
from math import comb
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
import pyarrow.parquet as pq
from accuracy import ingredient
from datasketch import MinHash, MinHashLSH

from provenance import fingerprint, index, matching
from provenance.fingerprint import ENGINE, RECIPE, engine, minhash, reference
from provenance.index import Index
from provenance.model import Grade, Ingredient, Match, Similarity

LEVELS = tuple(round(0.5 + 0.05 * step, 2) for step in range(11))
WITHIN = 0.01
LEAST, MOST = 100, 1000
"""Tokens of a stretch."""
THRESHOLD = 0.7

Tokens = list[bytes]


class Stretch(NamedTuple):
    """Consecutive tokens of a human file."""

    source: str
    """The repository."""
    tokens: Tokens


class Pair(NamedTuple):
    """Two texts of known Jaccard."""

    known: bytes
    changed: bytes
    jaccard: float


def shingles(tokens: Tokens) -> set[tuple[bytes, ...]]:
    """The literal shingles of a text."""
    return {tuple(tokens[at : at + RECIPE.shingle]) for at in range(len(tokens) - RECIPE.shingle + 1)}


def tokens(text: bytes) -> Tokens:
    """The tokens of a text."""
    return [text[first:end] for first, end in engine.tokens(text)]


def human(path: Path, rng: random.Random) -> list[Stretch]:
    """The files cut into stretches, in random order."""
    stretches = []
    for row in pq.read_table(path, columns=["repo", "text"]).to_pylist():
        words = tokens(row["text"].encode())
        at = 0
        while len(words) - at >= LEAST:
            size = int(LEAST * (MOST / LEAST) ** rng.random())
            stretches.append(Stretch(row["repo"], words[at : at + size]))
            at += size
    rng.shuffle(stretches)
    return [one for one in stretches if len(one.tokens) >= LEAST]


def made(rng: random.Random) -> list[Stretch]:
    """Stretches of random words, frequent and rare ones as in a text."""
    words = [f"w{number}".encode() for number in range(5000)] + [mark.encode() for mark in "().,:=[]{}"] * 40
    rng.shuffle(words)
    stretches = []
    for number in range(6000):
        size = int(LEAST * (MOST / LEAST) ** rng.random())
        picked = [words[min(len(words) - 1, int(rng.paretovariate(0.6)))] for _ in range(size)]
        stretches.append(Stretch(f"made {number % 2}", picked))
    return stretches


def apart(stretches: list[Stretch]) -> list[Stretch]:
    """Those of which no two share a tenth of their shingles: a pair must not be alike to the text of another."""
    seen: set[int] = set()
    kept = []
    for one in stretches:
        mine = {hash(shingle) for shingle in shingles(one.tokens)}
        if len(mine & seen) < len(mine) / 10:
            seen |= mine
            kept.append(one)
    return kept


def jaccard(a: set[tuple[bytes, ...]], b: set[tuple[bytes, ...]]) -> float:
    """The true Jaccard of two sets."""
    return len(a & b) / len(a | b)


def change(words: Tokens, level: float, rng: random.Random) -> Pair:
    """Edit random tokens until the true Jaccard is within WITHIN of the level; an edit that goes beyond is undone."""
    mine, changed, now = shingles(words), list(words), 1.0
    while now > level + WITHIN:
        at = rng.randrange(len(changed))
        new = [rng.choice(words) + b"x%d" % rng.randrange(1000)] if rng.random() < 0.8 else [rng.choice(words)]
        # A token replaced, put in, or left out.
        first, end, put = rng.choice([(at, at + 1, new), (at, at, new), (at, at + 1, [])])
        tried = [*changed[:first], *put, *changed[end:]]
        then = jaccard(mine, shingles(tried))
        if then >= level - WITHIN:
            changed, now = tried, then
    known, other = b" ".join(words), b" ".join(changed)
    return Pair(known, other, jaccard(shingles(tokens(known)), shingles(tokens(other))))


def bare(number: int, text: bytes) -> Ingredient:
    """An output that can be found by its signature alone: no grams, no digest."""
    whole = msgspec.structs.replace(fingerprint.outline(text), digest=bytes(16), stream=0)
    return msgspec.structs.replace(ingredient(number, text.decode()), passages=(whole,), whole=whole)


def matches(known: list[Ingredient], texts: list[bytes], folder: Path) -> dict[int, tuple[Match, ...]]:
    """What ``matching.match`` gives for the texts that match anything, by their number."""
    index.build(folder, known)
    offsets = np.cumsum([0, *map(len, texts)], dtype=np.int64)
    _, found = matching.match(b"".join(texts), offsets, Index(folder), similar=True)
    return {one.unit: one.matches for one in found}


def sketch(text: bytes) -> MinHash:
    """datasketch's MinHash of the same shingle hashes."""
    one = MinHash(num_perm=RECIPE.permutations, scheme="affine32", hashfunc=lambda value: value)
    one.update_batch(sorted(set(reference.shingles(text))))
    return one


class Peer:
    """datasketch's LSH over many texts."""

    def __init__(self, texts: list[bytes]) -> None:
        self.sketches = [sketch(text) for text in texts]
        self.lsh = MinHashLSH(threshold=THRESHOLD, num_perm=RECIPE.permutations, params=(minhash.BANDS, minhash.ROWS))
        for number, one in enumerate(self.sketches):
            self.lsh.insert(number, one)

    def __call__(self, text: bytes) -> dict[int, float]:
        """The candidates for a text, with their estimates."""
        mine = sketch(text)
        return {number: float(self.sketches[number].jaccard(mine)) for number in self.lsh.query(mine)}


def curve(j: float) -> float:
    """The chance that a pair of this Jaccard has a band in common."""
    return float(1 - (1 - j**minhash.ROWS) ** minhash.BANDS)


def expected(j: float) -> float:
    """The chance of a common band and an estimate of THRESHOLD: rows are equal independently with probability j."""

    def agreeing(rows: int) -> np.ndarray:
        return np.array([comb(rows, n) * j**n * (1 - j) ** (rows - n) for n in range(rows + 1)])

    every, none = np.ones(1), np.ones(1)
    for _ in range(minhash.BANDS):
        band = agreeing(minhash.ROWS)
        every = np.convolve(every, band)
        band[-1] = 0
        none = np.convolve(none, band)
    rest = agreeing(RECIPE.permutations - minhash.BANDS * minhash.ROWS)
    least = int(np.ceil(THRESHOLD * RECIPE.permutations))
    return float((np.convolve(every, rest) - np.convolve(none, rest))[least:].sum())


def level_row(level: float, pairs: list[Pair], folder: Path) -> list[object]:
    """One level: ours, datasketch's, and where they differ."""
    known, texts = [pair.known for pair in pairs], [pair.changed for pair in pairs]
    ids = [ingredient(number, "").id for number in range(len(pairs))]
    alone = matches([bare(number, text) for number, text in enumerate(known)], texts, folder / f"bare{level}")
    whole = [ingredient(number, text.decode()) for number, text in enumerate(known)]
    in_use = matches(whole, texts, folder / f"whole{level}")
    peer = Peer(known)
    ours = theirs = candidates = differ = better = only = 0
    for number, text in enumerate(texts):
        mine = {one.ingredient for one in alone.get(number, ()) if one.similarity is Similarity.SIMILAR}
        assert sum(one.others for one in alone.get(number, ())) == 0, "a pair hides another: the texts are too alike"
        estimates = peer(text)
        similar = {ids[other] for other, estimate in estimates.items() if estimate >= THRESHOLD}
        ours += ids[number] in mine
        theirs += ids[number] in similar
        candidates += number in estimates
        differ += mine != similar
        of_it = [one for one in in_use.get(number, ()) if one.ingredient == ids[number]]
        better += any(one.grade is not Grade.IDIOM and one.similarity is not Similarity.SIMILAR for one in of_it)
        only += any(one.similarity is Similarity.SIMILAR for one in of_it)
    count, true = len(pairs), sum(pair.jaccard for pair in pairs) / len(pairs)
    shares = [ours / count, theirs / count]
    return [
        f"{level:.2f}",
        true,
        *shares,
        differ,
        sum(expected(pair.jaccard) for pair in pairs) / count,
        candidates / count,
        sum(curve(pair.jaccard) for pair in pairs) / count,
        better / count,
        only / count,
    ]


HEAD = [
    "Jaccard",
    "true, mean",
    "ours",
    "datasketch",
    "disagreements",
    "expected",
    "datasketch's candidates",
    "1 - (1 - j^9)^14",
    "with grams: by fragments",
    "with grams: similar",
]


def unrelated(stretches: list[Stretch], count: int, folder: Path) -> None:
    """False alarms among texts of different repositories."""
    known: list[bytes] = []
    texts: list[bytes] = []
    side: dict[str, bool] = {}
    for one in stretches:
        first = side.setdefault(one.source, len(known) <= len(texts))
        into = known if first else texts
        if len(into) < count:
            into.append(b" ".join(one.tokens))
    found = matches([bare(number, text) for number, text in enumerate(known)], texts, folder / "unrelated")
    peer = Peer(known)
    estimates = [peer(text) for text in texts]
    theirs = sum(any(estimate >= THRESHOLD for estimate in one.values()) for one in estimates)
    print(
        f"Unrelated: {len(texts):,} texts against {len(known):,} of other repositories, "
        f"{len(texts) * len(known):,} pairs: ours {len(found)}, datasketch {theirs} "
        f"(candidates before the estimate: {sum(map(len, estimates))})."
    )
    for unit, ones in sorted(found.items()):
        print(f"  {ones[0].similarity} {ones[0].jaccard}: {texts[unit][:200]!r}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--human", type=Path, default=Path("../shared/data/human/pre2021.parquet"))
    parser.add_argument("--pairs", type=int, default=300)
    parser.add_argument("--unrelated", type=int, default=2000)
    given = parser.parse_args()
    rng = random.Random(7)
    stretches = human(given.human, rng) if given.human.exists() else made(rng)
    pool = apart(stretches)
    print(f"engine {ENGINE}, recipe {RECIPE}: {given.pairs} pairs a level, of ", end="")
    source = given.human.name if given.human.exists() else "random words"
    print(f"{len(pool):,} stretches of {source}\n")
    print("| " + " | ".join(HEAD) + " |\n|" + "---|" * len(HEAD))
    with tempfile.TemporaryDirectory() as temporary:
        for level in LEVELS:
            pairs = [change(one.tokens, level, rng) for one in rng.sample(pool, given.pairs)]
            row = level_row(level, pairs, Path(temporary))
            print("| " + " | ".join(f"{cell:.3f}" if isinstance(cell, float) else str(cell) for cell in row) + " |")
        print()
        unrelated(stretches, given.unrelated, Path(temporary))


if __name__ == "__main__":
    main()
