"""Texts against an index: hits to graded matches. It reads no dataset, judges nothing, and keeps no state.

A hit is a gram of a unit that the index holds. Hits on one diagonal (the same distance between the position in
the unit and in the ingredient) verify each other; the stretch of tokens that they cover is a run.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from provenance import fingerprint, views
from provenance.fingerprint import RECIPE
from provenance.index import Index, segment
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
NEAR_RUN = {Similarity.FRAGMENT: 26, Similarity.RENAMED: 40}
"""A run of this many tokens is a near copy,"""
NEAR_ALL = {Similarity.FRAGMENT: 48, Similarity.RENAMED: 60}
"""... or so many tokens in several runs."""
VARIETY = {Similarity.FRAGMENT: 18, Similarity.RENAMED: 21}
"""Distinct blinded token 3-grams that the longest run must have; with fewer it is an idiom."""
EXACT_TOKENS = 20
"""A whole unit equal to a whole output is a copy from this many tokens on; below, an idiom."""
EXACT_LEAST = 6
"""Below this many tokens equality says nothing at all (``return x``) and is not even an idiom."""
JACCARD = 0.7
SIMILAR_TOKENS = 48
UNWRAPPED = 8 << 20
"""Bytes: larger units are read as they stand only (unwrapping 188 MB took 150 s and 10 GB, without it 5 s)."""
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
    share: float
    jaccard: float
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
    flags = np.frombuffer(fingerprint.engine.clothes(data, offsets), np.uint8)
    dressed = np.flatnonzero((flags > 0) & (np.diff(offsets) <= UNWRAPPED))
    view = memoryview(data)

    def each() -> Iterator[Found]:
        unwrapped: dict[int, list[Match]] = {}
        for unit in dressed.tolist():
            text = bytes(view[int(offsets[unit]) : int(offsets[unit + 1])])
            found = _match_views(text, int(flags[unit]), index, similar)
            if found:
                unwrapped[unit] = found
        for unit in sorted(raw.keys() | unwrapped.keys()):
            yield Found(unit, int(tokens[unit]), _strongest([*raw.get(unit, ()), *unwrapped.get(unit, ())]))

    return int(tokens.sum(dtype=np.uint64)), each()


def _match(
    data: Any, offsets: NDArray[np.int64], index: Index, similar: bool
) -> tuple[NDArray[np.uint32], dict[int, list[Match]]]:
    """The tokens of each unit as it stands, and the matches of those that have any."""
    import numpy as np

    part = index.segment
    counts, streams, hits = fingerprint.engine.probe(data, offsets, part.buffers["bloom"], part.buffers["grams"])
    tokens = np.frombuffer(counts, "<u4")
    candidates: dict[int, list[_Candidate]] = {}
    for unit, candidate in _exact(data, offsets, tokens, np.frombuffer(streams, "<u8"), part):
        candidates.setdefault(unit, []).append(candidate)
    for unit, candidate in _aligned(np.frombuffer(hits, HIT), part):
        candidates.setdefault(unit, []).append(candidate)
    if similar and len(part.bands):
        for unit, candidate in _similar(data, offsets, tokens, part):
            candidates.setdefault(unit, []).append(candidate)
    view = memoryview(data)
    found = {}
    for unit in sorted(candidates):
        text = bytes(view[int(offsets[unit]) : int(offsets[unit + 1])])
        graded = [_with_variety(one, text) for one in candidates[unit]]
        found[unit] = list(_fold(graded, int(tokens[unit]), text, part))
    return tokens, found


def _match_views(text: bytes, flags: int, index: Index, similar: bool) -> list[Match]:
    """The matches of a text unwrapped, with places and lines of the text as it stands."""
    import numpy as np

    unwrapped = list(views.views(text, flags))
    if not unwrapped:
        return []
    offsets = np.cumsum([0, *(len(view.text) for view in unwrapped)], dtype=np.int64)
    _, found = _match(b"".join(view.text for view in unwrapped), offsets, index, similar)
    matches = []
    for number, ones in found.items():
        for one in ones:
            start = unwrapped[number].place(one.start)
            end = unwrapped[number].place(max(one.start, one.end - 1)) + 1
            matches.append(
                msgspec.structs.replace(
                    one,
                    view=unwrapped[number].name,
                    start=start,
                    end=end,
                    first_line=text.count(b"\n", 0, start) + 1,
                    last_line=text.count(b"\n", 0, end) + 1,
                )
            )
    return matches


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
    ("gram", "<u4"),
    ("check", "<u4"),
]
"""``reference.HIT`` as a numpy record."""


def _exact(
    data: Any,
    offsets: NDArray[np.int64],
    tokens: NDArray[np.uint32],
    streams: NDArray[np.uint64],
    part: segment.Segment,
) -> Iterator[tuple[int, _Candidate]]:
    """Units whose every token is that of an ingredient, or of one of its passages."""
    import numpy as np

    if not len(part.streams):
        return
    first = np.searchsorted(part.streams, streams)
    present = part.streams[np.minimum(first, len(part.streams) - 1)] == streams
    for unit in np.flatnonzero(present & (tokens >= EXACT_LEAST)):
        text = bytes(memoryview(data)[int(offsets[unit]) : int(offsets[unit + 1])])
        digest = fingerprint.exact_digest(text)
        at = int(first[unit])
        while at < len(part.streams) and part.streams[at] == streams[unit]:
            if part.exacts["digest"][at].tobytes() == digest:
                number, count = int(part.exacts["ingredient"][at]), int(tokens[unit])
                grade = Grade.COPIED if count >= EXACT_TOKENS else Grade.IDIOM
                share = count / max(1, int(part.tokens[number]))
                spans = ((0, count),)
                yield (
                    int(unit),
                    _Candidate(
                        number, Similarity.EXACT, grade, spans, spans[0], count, share, 0.0, 0, len(text.rstrip())
                    ),
                )
            at += 1


def _aligned(hits: Any, part: segment.Segment) -> Iterator[tuple[int, _Candidate]]:
    """Units that share grams with ingredients: one candidate for each pair."""
    import numpy as np

    if not len(hits):
        return
    first, last = part.starts[hits["gram"]].astype(np.int64), part.starts[hits["gram"] + 1].astype(np.int64)
    repeats = np.minimum(last - first, segment.CAP)
    which = np.repeat(np.arange(len(hits)), repeats)
    at = np.arange(len(which)) - np.repeat(np.cumsum(repeats) - repeats, repeats) + np.repeat(first, repeats)
    crowded = np.flatnonzero(last - first > segment.CAP)
    if len(crowded):
        # Of a gram with many outputs the earliest were taken; further ones count word for word.
        more = [(hit, place) for hit in crowded.tolist() for place in part.tail(hits["gram"][hit], hits["check"][hit])]
        which = np.concatenate([which, np.array([hit for hit, _ in more], np.int64)])
        at = np.concatenate([at, np.array([place for _, place in more], np.int64)])
    postings = part.postings[at]
    unit = hits["unit"][which].astype(np.int64)
    number = postings["ingredient"].astype(np.int64)
    position = hits["position"][which].astype(np.int64)
    theirs = postings["position"].astype(np.int64)
    literal = hits["check"][which] == (postings["check"] & 0xFFFF)
    new = postings["check"] & segment.SHOWN == 0
    # A gram that the session had shown the model under other names is evidence only word for word.
    stands = np.flatnonzero(literal | (postings["check"] & segment.VERBATIM == 0))
    if not len(stands):
        return
    order = stands[np.lexsort((position[stands], (position - theirs)[stands], number[stands], unit[stands]))]
    bounds = np.flatnonzero(np.diff(unit[order]) | np.diff(number[order])) + 1
    for group in np.split(order, bounds):
        hit = hits[which[group]]
        starts = dict(zip(hit["position"].tolist(), hit["start"].tolist(), strict=True))
        ends = dict(zip((hit["position"] + RECIPE.k).tolist(), hit["end"].tolist(), strict=True))
        columns = (position[group], theirs[group], literal[group], new[group])
        pairs = [_Pair(*pair) for pair in zip(*(column.tolist() for column in columns), strict=True)]
        one = _candidate(int(number[group[0]]), pairs, int(part.tokens[number[group[0]]]))
        if one.spans:
            yield int(unit[group[0]]), one._replace(start=starts[one.run[0]], end=ends[one.run[1]])


class _Pair(NamedTuple):
    """A hit of one unit in one ingredient."""

    mine: int
    theirs: int
    literal: bool
    new: bool


def _candidate(number: int, pairs: list[_Pair], size: int) -> _Candidate:
    """Grade one pair of unit and ingredient; ``pairs`` are its hits in order of diagonal and position."""
    verbatim = _measure([pair for pair in pairs if pair.literal], size)
    alike = _measure(pairs, size)
    as_fragment = _grade(verbatim, Similarity.FRAGMENT)
    as_renamed = _grade(alike, Similarity.RENAMED)
    mostly_verbatim = 2 * verbatim.verified >= alike.verified
    if (_RANK[as_fragment], not mostly_verbatim) <= (_RANK[as_renamed], False):
        how, grade, found = Similarity.FRAGMENT, as_fragment, verbatim
    else:
        how, grade, found = Similarity.RENAMED, as_renamed, alike
    return _Candidate(number, how, grade, found.spans, found.run, found.verified, found.share, 0.0, 0, 0)


class _Measured(NamedTuple):
    spans: tuple[tuple[int, int], ...]
    run: tuple[int, int]
    verified: int
    """Tokens that stand on both sides: a loop that recurs in the unit a hundred times is verified once."""
    share: float


def _measure(pairs: list[_Pair], size: int) -> _Measured:
    """Verified spans of the unit, the longest run on one diagonal, and the verified share of the ingredient."""
    runs: list[tuple[int, int, int, bool]] = []  # diagonal, first and end token of the unit, whether any of it is new
    for pair in pairs:
        diagonal = pair.mine - pair.theirs
        if runs and runs[-1][0] == diagonal and pair.mine <= runs[-1][2]:
            runs[-1] = (diagonal, runs[-1][1], pair.mine + RECIPE.k, runs[-1][3] or pair.new)
        else:
            runs.append((diagonal, pair.mine, pair.mine + RECIPE.k, pair.new))
    runs = [run for run in runs if run[3]]
    longest = max(((first, end) for _, first, end, _ in runs), key=lambda run: run[1] - run[0], default=(0, 0))
    mine = _union((first, end) for _, first, end, _ in runs)
    theirs = _union((first - diagonal, end - diagonal) for diagonal, first, end, _ in runs)
    verified = min(_length(mine), _length(theirs))
    return _Measured(mine, longest, verified, min(1.0, verified / max(1, size)))


def _grade(measured: _Measured, how: Similarity) -> Grade:
    run = measured.run[1] - measured.run[0]
    if run < NEAR_RUN[how] and measured.verified < NEAR_ALL[how]:
        return Grade.IDIOM
    if run >= COPIED_RUN[how] or (measured.share >= COPIED_SHARE[0] and measured.verified >= COPIED_SHARE[1]):
        return Grade.COPIED
    return Grade.NEAR_COPY


def _with_variety(one: _Candidate, text: bytes) -> _Candidate:
    """A run needs variety, else it is an idiom, however long.

    Two tables of contents or lists of declarations look alike under other names at any length, but have few
    distinct blinded token 3-grams: a human table of contents 13 in 45 tokens, 40 tokens of Python 28 in the median.
    """
    if one.similarity not in VARIETY or one.grade is Grade.IDIOM:
        return one
    run = text[one.start : one.end]
    blind = [fingerprint.blind(run[first:end]) for first, end in fingerprint.engine.tokens(run)]
    variety = len(set(zip(blind, blind[1:], blind[2:], strict=False)))
    return one if variety >= VARIETY[one.similarity] else one._replace(grade=Grade.IDIOM)


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
    data: Any, offsets: NDArray[np.int64], tokens: NDArray[np.uint32], part: segment.Segment
) -> Iterator[tuple[int, _Candidate]]:
    """Whole units that resemble whole ingredients of comparable size: LSH candidates, then the estimate."""
    import numpy as np

    units = np.flatnonzero(tokens >= SIMILAR_TOKENS)
    if not len(units):
        return
    blob = fingerprint.engine.signatures(data, offsets)
    signatures = np.frombuffer(blob, "<u4").reshape(-1, RECIPE.permutations)[units]
    hashes = segment.band_hashes(signatures)
    at = np.searchsorted(part.bands, hashes)
    present = part.bands[np.minimum(at, len(part.bands) - 1)] == hashes
    for row in np.flatnonzero(present.any(axis=1)):
        numbers: set[int] = set()
        for band in np.flatnonzero(present[row]):
            end = np.searchsorted(part.bands, hashes[row, band], side="right")
            numbers.update(part.banded[int(at[row, band]) : int(end)].tolist())
        unit, count = int(units[row]), int(tokens[units[row]])
        for number in sorted(numbers):
            size = int(part.tokens[number])
            jaccard = float((part.signatures[number] == signatures[row]).mean())
            if jaccard >= JACCARD and size >= SIMILAR_TOKENS and max(size, count) <= COMPARABLE * min(size, count):
                length = int(offsets[unit + 1] - offsets[unit])
                grade = Grade.NEAR_COPY
                yield (
                    unit,
                    _Candidate(number, Similarity.SIMILAR, grade, ((0, count),), (0, 0), 0, 0.0, jaccard, 0, length),
                )


def _fold(candidates: list[_Candidate], tokens: int, text: bytes, part: segment.Segment) -> Iterator[Match]:
    """One match for the same text, however many ingredients hold it: the earliest, with the others counted.

    From the strongest candidate on, each ingredient that explains at least a gram of tokens not yet explained
    is a match; the others are counted with the match that explains their tokens.
    """
    best: dict[int, _Candidate] = {}
    for one in sorted(candidates, key=_strength):
        best.setdefault(one.number, one)
    matches: list[tuple[_Candidate, set[int]]] = []
    explained: tuple[tuple[int, int], ...] = ()
    for one in sorted(best.values(), key=_strength):
        union = _union([*explained, *one.spans])
        if not matches or _length(union) - _length(explained) >= RECIPE.k:
            matches.append((one, set()))
            explained = union
        else:
            owner = max(matches, key=lambda kept: _overlap(kept[0].spans, one.spans))
            owner[1].add(one.number)
    for one, others in matches:
        card = part.card(one.number)
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
            run=one.run[1] - one.run[0],
            unit_coverage=round(one.verified / max(1, tokens), 4),
            ingredient_coverage=round(one.share, 4),
            jaccard=round(one.jaccard, 4),
            start=one.start,
            end=one.end,
            first_line=text.count(b"\n", 0, one.start) + 1,
            last_line=text.count(b"\n", 0, one.end) + 1,
            others=len(others),
        )


def _strength(one: _Candidate) -> tuple[Any, ...]:
    """The order of candidates: grade, similarity, verified tokens, estimate, age."""
    return (_RANK[one.grade], _LIKENESS[one.similarity], -one.verified, -one.jaccard, one.number)


def _overlap(a: tuple[tuple[int, int], ...], b: tuple[tuple[int, int], ...]) -> int:
    return _length(a) + _length(b) - _length(_union([*a, *b]))
