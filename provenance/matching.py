"""Texts against an index: hits to graded matches. It reads no dataset, judges nothing, and keeps no state.

A hit is a gram of a unit that the index holds. Hits on one diagonal (the same distance between the position in
the unit and in the ingredient) verify each other; the stretch of tokens that they cover is a run.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from provenance import fingerprint, views
from provenance.fingerprint import RECIPE, minhash, reference
from provenance.fingerprint.clothes import COMMENTED
from provenance.index import Index, segment
from provenance.index.segment import Segment
from provenance.model import Grade, Match, Similarity

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# Grades, from verified tokens. Two sibling models given the same task share a run of 20 tokens on 48 % of tasks,
# of 30 on 20 %, of 50 on 5 % (docs/design.md, "Grades"); thresholds swept in tests/benchmarks/accuracy.py.
COPIED_RUN = {Similarity.FRAGMENT: 50, Similarity.RENAMED: 80}
"""A run of this many tokens is a copy,"""
COPIED_SHARE = (0.6, 40)
"""... or this share of the ingredient, at least so many tokens, with a run that makes a near copy."""
NEAR_RUN = {Similarity.FRAGMENT: 26, Similarity.RENAMED: 28}
"""A run of this many tokens is a near copy in an index of BAR tokens or fewer,"""
NEAR_MORE = {Similarity.FRAGMENT: 4, Similarity.RENAMED: 12}
"""... so many more for every tenfold larger index: runs that people and models write alike by chance grow in number
with the outputs they are compared with. 474 MB of code older than assistants share with 7,346 outputs (2.6 million
tokens) 6 varied runs of 24 tokens or more word for word, all but one of them under 28; under other names 60 of 27 or
more, 7 of 30, 2 of 37, 1 of 40, a tenth for every 8 to 12 tokens more (tests/benchmarks/false_alarms.py)."""
NEAR_ALL = RECIPE.k
"""Several runs are a near copy with so many tokens more than one run needs: one of them is by chance, two are not."""
BAR = 250_000
VARIETY = {Similarity.FRAGMENT: 18, Similarity.RENAMED: 24}
"""Distinct blinded token 3-grams that the verified tokens must have; with fewer they are an idiom."""
EXACT_TOKENS = 20
"""A whole unit equal to a whole output is a copy from this many tokens on; below, an idiom."""
EXACT_LEAST = 6
"""Below this many tokens equality says nothing at all (``return x``) and is not even an idiom."""
JACCARD = 0.7
SIMILAR_TOKENS = 48
UNWRAPPED = 32 << 20
"""Bytes: larger units are read as they stand only. 31 MB of nothing but twice escaped line breaks take
0.38 GB of memory unwrapped, of fences 0.31 GB, of JSON lines with code 0.07 GB."""
TOGETHER = 8 << 20
"""Bytes of texts that are unwrapped at a time, if one of them is not longer by itself."""
COMPARABLE = 2.0
"""Similar texts differ in length by at most this factor."""

_RANK = {Grade.COPIED: 0, Grade.NEAR_COPY: 1, Grade.IDIOM: 2}
_LIKENESS = {Similarity.EXACT: 0, Similarity.FRAGMENT: 1, Similarity.RENAMED: 2, Similarity.SIMILAR: 3}


class Found(NamedTuple):
    """The matches of one unit, by its number in the batch."""

    unit: int
    tokens: int
    matches: tuple[Match, ...]


class _Candidate(NamedTuple):
    number: int
    similarity: Similarity
    grade: Grade
    spans: tuple[tuple[int, int], ...]
    """Verified stretches of the unit, in tokens, disjoint and ascending."""
    run: tuple[int, int]
    """The longest stretch on one diagonal."""
    verified: int
    verbatim: int
    """Of these, word for word."""
    share: float
    theirs: tuple[int, int]
    """Where the longest stretch lies in the ingredient, in tokens."""
    rarity: int
    age: int
    jaccard: float
    holders: int
    """How many ingredients of the segment have this very text, where it is exact; else 1."""
    start: int
    """First and last byte of the longest stretch, or of the unit."""
    end: int


def match(data: Any, offsets: NDArray[np.int64], index: Index, similar: bool = True) -> tuple[int, Iterator[Found]]:
    """The number of tokens of all units, and the units that match anything, in order.

    Unit i is ``data[offsets[i]:offsets[i + 1]]``. Every gram of every unit is looked up; a unit that looks as if
    it were wrapped in something is looked up unwrapped too, and of two matches of one ingredient the stronger stands.
    """
    import numpy as np

    tokens, raw = _match(data, offsets, index, similar)
    sizes = np.diff(offsets)
    flags = np.frombuffer(fingerprint.engine.clothes(data, offsets), np.uint8) * (sizes <= UNWRAPPED)
    reached = np.cumsum(sizes * (flags > 0)) // TOGETHER

    def each() -> Iterator[Found]:
        unwrapped: dict[int, list[Match]] = {}
        for group in np.unique(reached[flags > 0]):
            for unit, match in _match_views(data, offsets, flags * (reached == group), index, similar):
                unwrapped.setdefault(unit, []).append(match)
        for unit in sorted(raw.keys() | unwrapped.keys()):
            yield Found(unit, int(tokens[unit]), _strongest([*raw.get(unit, ()), *unwrapped.get(unit, ())]))

    return int(tokens.sum(dtype=np.uint64)), each()


def _match(
    data: Any, offsets: NDArray[np.int64], index: Index, similar: bool
) -> tuple[NDArray[np.uint32], dict[int, list[Match]]]:
    """The tokens of each unit as it stands, and the matches of those that have any."""
    tokens, streams, found = _probe(data, offsets, index)
    rarity = _Rarity(found, index)
    view = memoryview(data)

    @lru_cache(maxsize=1)  # asked for each ingredient of a unit, one after the other
    def text_of(unit: int) -> bytes:
        return bytes(view[int(offsets[unit]) : int(offsets[unit + 1])])

    near = {how: near_run(how, index.counts.all_tokens) for how in NEAR_RUN}
    candidates: dict[int, list[_Candidate]] = {}
    for part, held in zip(index.segments, found, strict=True):
        for unit, candidate in _exact(text_of, tokens, streams, part):
            candidates.setdefault(unit, []).append(candidate)
        for unit, candidate in _aligned(held, part, text_of, rarity, near):
            candidates.setdefault(unit, []).append(candidate)
    if similar and any(len(part.arrays["signed"]) for part in index.segments):
        for unit, candidate in _similar(data, offsets, tokens, index):
            candidates.setdefault(unit, []).append(candidate)
    matches = {}
    for unit in sorted(candidates):
        text = text_of(unit)
        matches[unit] = list(_fold(candidates[unit], int(tokens[unit]), text, index))
    return tokens, matches


def _probe(
    data: Any, offsets: NDArray[np.int64], index: Index
) -> tuple[NDArray[np.uint32], NDArray[np.uint64], list[Any]]:
    """The tokens of each unit, their streams, and the hits (``HIT``) in each segment."""
    import numpy as np

    grams = [part.maps["grams"] for part in index.segments]
    checked = [part.checked["grams"] for part in index.segments]
    counts, streams, hits, touched = fingerprint.engine.probe(data, offsets, grams, checked)
    for part, pages in zip(index.segments, touched, strict=True):
        part.check_touched("grams", pages)
    return np.frombuffer(counts, "<u4"), np.frombuffer(streams, "<u8"), [np.frombuffer(one, HIT) for one in hits]


def _match_views(
    data: Any, offsets: NDArray[np.int64], flags: NDArray[np.uint8], index: Index, similar: bool
) -> Iterator[tuple[int, Match]]:
    """The matches of texts unwrapped, by unit, with places and lines of the text as it stands."""
    import numpy as np

    given = np.frombuffer(data, np.uint8)

    @lru_cache(maxsize=64)
    def line_of(unit: int) -> Callable[[int], int]:
        return _lines(given[int(offsets[unit]) : int(offsets[unit + 1])])

    for layer in views.layers(data, offsets, flags):
        if layer.sign == COMMENTED:
            # The stretches around comments tell cheaply which texts are worth a second look as a whole.
            _, _, hits = _probe(layer.texts, layer.offsets, index)
            touched = np.unique(np.concatenate([one["unit"] for one in hits]))
            if not len(touched):
                continue
            layer = views.bare(layer, touched)
        _, found = _match(layer.texts, layer.offsets, index, similar)
        for number, ones in found.items():
            unit, name = layer.unit(number), layer.name(number)
            line = line_of(unit)
            for one in ones:
                start, end = layer.place(number, one.start), layer.place(number, max(one.start, one.end - 1)) + 1
                lines = {"first_line": line(start), "last_line": line(end)}
                yield unit, msgspec.structs.replace(one, view=name, start=start, end=end, **lines)


def _lines(text: Any) -> Callable[[int], int]:
    """The line of a byte of a text (of u8), from 1."""
    import numpy as np

    breaks = np.flatnonzero(text == ord("\n"))
    return lambda at: int(breaks.searchsorted(at)) + 1


def _strongest(matches: list[Match]) -> tuple[Match, ...]:
    """One match an ingredient: by grade, verified tokens, similarity; of equals that of the text as it stands."""
    best: dict[str, Match] = {}
    for one in matches:
        held = best.get(one.ingredient)
        if held is None or _worth(one) < _worth(held):
            best[one.ingredient] = one
    return tuple(sorted(best.values(), key=lambda one: (*_worth(one), one.ingredient)))


def _worth(one: Match) -> tuple[int, int, int]:
    return _RANK[one.grade], -one.tokens, _LIKENESS[one.similarity]


HIT = [
    ("unit", "<u4"),
    ("position", "<u4"),
    ("start", "<u8"),
    ("end", "<u8"),
    ("first", "<u4"),
    ("count", "<u4"),
    ("check", "<u4"),
    ("around", "u1", 4),
]
"""``reference.HIT`` as a numpy record."""


class _Rarity:
    """In how many places of all indexed outputs the gram at a position of a unit stands."""

    def __init__(self, hits: list[Any], index: Index) -> None:
        import numpy as np

        where, count = [], []
        for part, held in zip(index.segments, hits, strict=True):
            totals = held["count"].astype(np.int64)
            for at in np.flatnonzero(totals >= segment.CAP).tolist():
                totals[at] = part.total(int(held["first"][at]), int(totals[at]))
            where.append(_where(held["unit"], held["position"]))
            count.append(totals)
        everywhere = np.concatenate([*where, np.empty(0, np.int64)])
        self.where = segment.distinct(everywhere)
        places = np.searchsorted(self.where, everywhere)
        self.count = np.bincount(places, np.concatenate([*count, np.empty(0)]), len(self.where)).astype(np.int64)

    def least(self, unit: int, positions: list[int]) -> int:
        """Of the rarest of these grams of a unit."""
        import numpy as np

        at = np.searchsorted(self.where, _where(np.int64(unit), np.array(positions)))
        return int(self.count[at].min())


def _where(unit: Any, position: Any) -> Any:
    return (unit.astype("i8") << 32) | position.astype("i8")


def _exact(
    text_of: Callable[[int], bytes], tokens: NDArray[np.uint32], streams: NDArray[np.uint64], part: Segment
) -> Iterator[tuple[int, _Candidate]]:
    """Units whose every token is that of an ingredient, or of one of its passages."""
    import numpy as np

    units = np.flatnonzero(tokens >= EXACT_LEAST)
    firsts, counts = part.find("exacts", streams[units])
    for at in np.flatnonzero(counts).tolist():
        unit = int(units[at])
        text = text_of(unit)
        digest = int.from_bytes(fingerprint.exact_digest(text)[:8], "little")
        rows = part.rows("exacted", np.arange(firsts[at], int(firsts[at]) + int(counts[at])))
        for number, holders, _ in rows[rows["digest"] == digest].tolist():
            count = int(tokens[unit])
            grade = Grade.COPIED if count >= EXACT_TOKENS else Grade.IDIOM
            here = np.array([number])
            yield (
                unit,
                _Candidate(
                    number=part.base + number,
                    similarity=Similarity.EXACT,
                    grade=grade,
                    spans=((0, count),),
                    run=(0, count),
                    verified=count,
                    verbatim=count,
                    share=min(1.0, count / max(1, int(part.rows("tokens", here)[0]))),
                    theirs=(0, count),
                    rarity=1,
                    age=int(part.rows("ages", here)[0]),
                    jaccard=0.0,
                    holders=holders,
                    start=0,
                    end=len(text.rstrip()),
                ),
            )


def _aligned(
    hits: Any, part: Segment, text_of: Callable[[int], bytes], rarity: _Rarity, near: dict[Similarity, int]
) -> Iterator[tuple[int, _Candidate]]:
    """Units that share grams with ingredients of a segment: one candidate for each pair."""
    import numpy as np

    if not len(hits):
        return
    first, count = hits["first"].astype(np.int64), hits["count"].astype(np.int64)
    repeats = np.minimum(count, segment.CAP)
    which = np.repeat(np.arange(len(hits)), repeats)
    at = np.arange(len(which)) - np.repeat(np.cumsum(repeats) - repeats, repeats) + np.repeat(first, repeats)
    crowded = np.flatnonzero(count > segment.CAP).tolist()
    if crowded:
        # Of a gram with many outputs the earliest were taken; further ones count word for word.
        words = hits["check"] & reference.WORDS
        more = [
            (hit, place) for hit in crowded for place in part.tail(int(first[hit]), int(count[hit]), int(words[hit]))
        ]
        which = np.concatenate([which, np.array([hit for hit, _ in more], np.int64)])
        at = np.concatenate([at, np.array([place for _, place in more], np.int64)])
    postings = part.rows("postings", at)
    number, theirs = part.owners(segment.tokens_of(postings))
    unit = hits["unit"][which].astype(np.int64)
    position = hits["position"][which].astype(np.int64)
    literal = (hits["check"][which] ^ postings["words"]) & reference.WORDS == 0
    new = postings["words"] & segment.SHOWN == 0
    exact, alike = _extents(hits["around"][which], postings["around"])
    # A gram that the session had shown the model under other names is evidence only word for word.
    stands = np.flatnonzero(literal | (postings["words"] & segment.VERBATIM == 0))
    if not len(stands):
        return
    order = stands[np.lexsort((position[stands], (position - theirs)[stands], number[stands], unit[stands]))]
    bounds = np.flatnonzero(np.diff(unit[order]) | np.diff(number[order])) + 1
    columns = (position, theirs, literal, new, *exact, *alike)
    sizes = part.rows("tokens", number[order]).tolist()
    ages = part.rows("ages", number[order]).tolist()
    begun = 0
    for group in np.split(order, bounds):
        pairs = [_Pair(*pair) for pair in zip(*(column[group].tolist() for column in columns), strict=True)]
        one = _candidate(part.base + int(number[group[0]]), pairs, sizes[begun], near)
        one = one._replace(age=ages[begun])
        begun += len(group)
        if one.spans:
            hit, here = hits[which[group]], int(unit[group[0]])
            within = (hit["position"] >= one.run[0]) & (hit["position"] + RECIPE.k <= one.run[1])
            bytes_of = _Bytes(hit, text_of(here))
            start, end = bytes_of(one.run)
            if one.grade is not Grade.IDIOM and _variety(bytes_of, one.spans) < VARIETY[one.similarity]:
                one = one._replace(grade=Grade.IDIOM)
            yield here, one._replace(start=start, end=end, rarity=rarity.least(here, hit["position"][within].tolist()))


def _extents(mine: Any, theirs: Any) -> tuple[tuple[Any, Any], tuple[Any, Any]]:
    """How many tokens before and behind each hit the marks around it verify: word for word, and under other names."""
    import numpy as np

    there = (mine > 0) & (theirs > 0)
    extents = []
    for same in (there & (mine == theirs), there & (mine >> 3 == theirs >> 3)):
        near, far = reference.NEAR
        for side in (0, 2):
            reach = np.where(same[:, side], np.where(same[:, side + 1], far, near), 0)
            extents.append(reach.astype(np.int64))
    return (extents[0], extents[1]), (extents[2], extents[3])


class _Bytes:
    """The bytes of runs of tokens of a text that hits verify."""

    def __init__(self, hits: Any, text: bytes) -> None:
        self.text = text
        self.starts = dict(zip(hits["position"].tolist(), hits["start"].tolist(), strict=True))
        self.ends = dict(zip((hits["position"] + RECIPE.k).tolist(), hits["end"].tolist(), strict=True))

    def __call__(self, run: tuple[int, int]) -> tuple[int, int]:
        """The first and last byte of a run: those of a hit, or a few tokens further out."""
        reach = (0, *reference.NEAR)
        before = next(by for by in reach if run[0] + by in self.starts)
        behind = next(by for by in reach if run[1] - by in self.ends)
        return (
            _back(self.text, self.starts[run[0] + before], before),
            _on(self.text, self.ends[run[1] - behind], behind),
        )


def _back(text: bytes, at: int, tokens: int) -> int:
    """Where the token begins that stands so many before this byte, at which one begins."""
    reach = 256
    while tokens:
        first = max(0, at - reach)
        spans = fingerprint.engine.tokens(text[first:at])
        # The first token of the slice may be cut.
        if len(spans) > tokens or not first:
            return first + int(spans[-tokens][0])
        reach *= 8
    return at


def _on(text: bytes, at: int, tokens: int) -> int:
    """Where the token ends that stands so many behind this byte, at which one ends."""
    reach = 256
    while tokens:
        spans = fingerprint.engine.tokens(text[at : at + reach])
        if len(spans) > tokens or at + reach >= len(text):
            return at + int(spans[tokens - 1][1])
        reach *= 8
    return at


class _Pair(NamedTuple):
    """A hit of one unit in one ingredient."""

    mine: int
    theirs: int
    literal: bool
    new: bool
    before: int
    """Tokens that the marks around it verify word for word, before it and behind it,"""
    behind: int
    before_alike: int
    """... and up to renaming."""
    behind_alike: int


def _candidate(number: int, pairs: list[_Pair], size: int, near: dict[Similarity, int]) -> _Candidate:
    """Grade one pair of unit and ingredient; ``pairs`` are its hits in order of diagonal and position."""
    verbatim = _measure([(p.mine, p.theirs, p.new, p.before, p.behind) for p in pairs if p.literal], size)
    alike = _measure([(p.mine, p.theirs, p.new, p.before_alike, p.behind_alike) for p in pairs], size)
    as_fragment = _grade(verbatim, Similarity.FRAGMENT, near[Similarity.FRAGMENT])
    as_renamed = _grade(alike, Similarity.RENAMED, near[Similarity.RENAMED])
    mostly_verbatim = 2 * verbatim.verified >= alike.verified
    if (_RANK[as_fragment], not mostly_verbatim) <= (_RANK[as_renamed], False):
        how, grade, found = Similarity.FRAGMENT, as_fragment, verbatim
    else:
        how, grade, found = Similarity.RENAMED, as_renamed, alike
    return _Candidate(
        number=number,
        similarity=how,
        grade=grade,
        spans=found.spans,
        run=found.run,
        verified=found.verified,
        verbatim=min(found.verified, verbatim.verified),
        share=found.share,
        theirs=found.theirs,
        rarity=0,
        age=0,
        jaccard=0.0,
        holders=1,
        start=0,
        end=0,
    )


class _Measured(NamedTuple):
    spans: tuple[tuple[int, int], ...]
    run: tuple[int, int]
    theirs: tuple[int, int]
    """The run, in the ingredient."""
    verified: int
    """Tokens that stand on both sides: a loop that recurs in the unit a hundred times is verified once."""
    share: float


def _measure(hits: list[tuple[int, int, bool, int, int]], size: int) -> _Measured:
    """Verified spans of the unit, the longest run on one diagonal, and the verified share of the ingredient.

    A hit is its position in the unit and in the ingredient, whether it is new, and how far it is verified before
    and behind the gram.
    """
    runs: list[tuple[int, int, int, bool]] = []  # diagonal, first and end token of the unit, whether any of it is new
    for mine, theirs, new, before, behind in hits:
        diagonal, first, end = mine - theirs, mine - before, mine + RECIPE.k + behind
        if runs and runs[-1][0] == diagonal and first <= runs[-1][2]:
            _, begun, reached, any_new = runs[-1]
            runs[-1] = (diagonal, min(begun, first), max(reached, end), any_new or new)
        else:
            runs.append((diagonal, first, end, new))
    runs = [run for run in runs if run[3]]
    diagonal, first, end, _ = max(runs, key=lambda run: run[2] - run[1], default=(0, 0, 0, True))
    mine_spans = _union((first, end) for _, first, end, _ in runs)
    their_spans = _union((first - diagonal, end - diagonal) for diagonal, first, end, _ in runs)
    verified = min(_length(mine_spans), _length(their_spans))
    return _Measured(
        mine_spans, (first, end), (first - diagonal, end - diagonal), verified, min(1.0, verified / max(1, size))
    )


def near_run(how: Similarity, tokens: int) -> int:
    """The run that makes a near copy in an index of so many tokens."""
    tenfold = max(0.0, math.log10(max(1, tokens) / BAR))
    return min(COPIED_RUN[how], round(NEAR_RUN[how] + NEAR_MORE[how] * tenfold))


def _grade(measured: _Measured, how: Similarity, near: int) -> Grade:
    run = measured.run[1] - measured.run[0]
    if run < near and measured.verified < near + NEAR_ALL:
        return Grade.IDIOM
    if run >= COPIED_RUN[how] or (measured.share >= COPIED_SHARE[0] and measured.verified >= COPIED_SHARE[1]):
        return Grade.COPIED
    return Grade.NEAR_COPY


def _variety(bytes_of: _Bytes, spans: tuple[tuple[int, int], ...]) -> int:
    """The distinct blinded token 3-grams of what is verified: with few of them it is an idiom, however long.

    Two tables of contents or lists of declarations look alike under other names at any length, but have few: a human
    table of contents 13 in 45 tokens, 40 tokens of Python 28 in the median.
    """
    found: set[tuple[bytes, ...]] = set()
    for span in spans:
        start, end = bytes_of(span)
        piece = bytes_of.text[start:end]
        blind = [fingerprint.blind(piece[first:last]) for first, last in fingerprint.engine.tokens(piece)]
        found.update(zip(blind, blind[1:], blind[2:], strict=False))
    return len(found)


def _union(spans: Iterator[tuple[int, int]] | Any) -> tuple[tuple[int, int], ...]:
    merged: list[tuple[int, int]] = []
    for first, end in sorted(spans):
        if merged and first <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((first, end))
    return tuple(merged)


def _length(spans: tuple[tuple[int, int], ...]) -> int:
    return sum(end - first for first, end in spans)


def _similar(
    data: Any, offsets: NDArray[np.int64], tokens: NDArray[np.uint32], index: Index
) -> Iterator[tuple[int, _Candidate]]:
    """Whole units that resemble whole ingredients of comparable size: LSH candidates, then the estimate."""
    import numpy as np

    # Only texts of a size that some ingredient compares with are sketched: of most corpora a small part.
    sizes = index.signed_sizes
    sizes = sizes[sizes >= SIMILAR_TOKENS]
    wanted = tokens >= SIMILAR_TOKENS
    least = np.searchsorted(sizes, tokens / COMPARABLE)
    wanted &= least < np.searchsorted(sizes, tokens * COMPARABLE, "right")
    units = np.flatnonzero(wanted)
    if not len(units):
        return
    blob = fingerprint.engine.signatures(data, offsets, wanted.astype(np.uint8))
    signatures = np.frombuffer(blob, "<u4").reshape(-1, RECIPE.permutations)
    hashes = segment.band_hashes(signatures).ravel()
    for part in index.segments:
        firsts, counts = part.find("bands", hashes)
        rows: dict[int, set[int]] = {}
        for at in np.flatnonzero(counts).tolist():
            held = part.rows("banded", np.arange(firsts[at], int(firsts[at]) + int(counts[at])))
            rows.setdefault(at // minhash.BANDS, set()).update(held.tolist())
        for row, several in rows.items():
            unit, count = int(units[row]), int(tokens[units[row]])
            length = int(offsets[unit + 1] - offsets[unit])
            those = np.array(sorted(several))
            jaccards = (part.rows("signatures", those) == signatures[row]).mean(axis=1)
            numbers = part.rows("signed", those).astype(np.int64)
            sizes, ages = part.rows("tokens", numbers).tolist(), part.rows("ages", numbers).tolist()
            for number, jaccard, size, age in zip(numbers.tolist(), jaccards.tolist(), sizes, ages, strict=True):
                comparable = size >= SIMILAR_TOKENS and max(size, count) <= COMPARABLE * min(size, count)
                if jaccard < JACCARD or not comparable:
                    continue
                yield (
                    unit,
                    _Candidate(
                        number=part.base + number,
                        similarity=Similarity.SIMILAR,
                        grade=Grade.NEAR_COPY,
                        spans=((0, count),),
                        run=(0, 0),
                        verified=0,
                        verbatim=0,
                        share=0.0,
                        theirs=(0, size),
                        rarity=0,
                        age=age,
                        jaccard=jaccard,
                        holders=1,
                        start=0,
                        end=length,
                    ),
                )


def _fold(candidates: list[_Candidate], tokens: int, text: bytes, index: Index) -> Iterator[Match]:
    """One match for the same text, however many ingredients hold it: the earliest, with the others counted.

    From the strongest candidate on, each ingredient that explains at least a gram of tokens not yet explained
    is a match; the others are counted with the match that explains their tokens.
    """
    import numpy as np

    best: dict[int, _Candidate] = {}
    for one in sorted(candidates, key=_strength):
        best.setdefault(one.number, one)
    # Within a segment ingredients of equal age are numbered by the MD5 of their ids; so they stand across segments.
    equals = Counter(_strength(one)[:-1] for one in best.values())

    def strength(one: _Candidate) -> tuple[Any, ...]:
        key = _strength(one)[:-1]
        alone = len(index.segments) < 2 or equals[key] == 1
        return *key, (0, 0) if alone else segment.order_of(index.card(one.number).id), one.number

    matches: list[tuple[_Candidate, list[_Candidate]]] = []
    explained: tuple[tuple[int, int], ...] = ()
    for one in sorted(best.values(), key=strength):
        union = _union([*explained, *one.spans])
        if not matches or _length(union) - _length(explained) >= RECIPE.k:
            matches.append((one, []))
            explained = union
        else:
            owner = max(matches, key=lambda kept: _overlap(kept[0].spans, one.spans))
            owner[1].append(one)
    line = _lines(np.frombuffer(text, np.uint8))
    for one, others in matches:
        card = index.card(one.number)
        yield Match(
            ingredient=card.id,
            origin=card.origin,
            evidence=card.evidence,
            kind=card.kind,
            status=card.status,
            path=card.path,
            similarity=one.similarity,
            grade=one.grade,
            tokens=one.verified,
            verbatim=one.verbatim,
            run=one.run[1] - one.run[0],
            rarity=one.rarity,
            unit_coverage=round(one.verified / max(1, tokens), 4),
            ingredient_coverage=round(one.share, 4),
            jaccard=round(one.jaccard, 4),
            start=one.start,
            end=one.end,
            first_line=line(one.start),
            last_line=line(one.end),
            ingredient_start=one.theirs[0],
            ingredient_end=one.theirs[1],
            others=_others(one, others),
        )


def _others(one: _Candidate, folded: list[_Candidate]) -> int:
    """How many further ingredients hold nine tenths of a match's tokens: of those that were folded into it, or, of a
    whole text that more have than are listed, all that have it."""
    whole = _length(one.spans)
    holding = [each for each in folded if 10 * _overlap(one.spans, each.spans) >= 9 * whole]
    exact = [each.holders for each in (one, *holding) if each.similarity is Similarity.EXACT]
    return max(len(holding), sum(exact) - 1)


def _strength(one: _Candidate) -> tuple[Any, ...]:
    """The order of candidates: grade, similarity, verified tokens, estimate, age."""
    return (_RANK[one.grade], _LIKENESS[one.similarity], -one.verified, -one.jaccard, one.age, one.number)


def _overlap(a: tuple[tuple[int, int], ...], b: tuple[tuple[int, int], ...]) -> int:
    return _length(a) + _length(b) - _length(_union([*a, *b]))
