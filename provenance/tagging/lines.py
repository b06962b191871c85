"""Which lines of a text are recorded as whose, found by content alone. It asks no git and writes nothing.

Two records tell: the fingerprints of the store and of captures that wait (every gram of a text is looked for, and
grams of one ingredient on one diagonal are a run), and the keyed digests in the ledger of what is too short for a gram
(every few lines that hold as many tokens are looked for). A line belongs to an output of which at least half of its
tokens are verified: not those that the session had shown the model, nor those of the commons.
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from importlib import resources
from itertools import compress, islice
from pathlib import Path
from typing import NamedTuple

from provenance import captures, entries, fingerprint, ledger, matching, store
from provenance.capture.novelty import NEW
from provenance.fingerprint import RECIPE
from provenance.index import commons
from provenance.model import UNKNOWN, Evidence, Fingerprint, Ingredient, Origin, Similarity, Status

SHORT = RECIPE.t
"""Tokens; blocks of fewer are looked for by their digests, from ``entries.LEAST`` on."""
ANYWHERE = 12
"""Tokens from which on a short block is recognised at any path; below, only at the one that was recorded,"""
WORDS = 2
"""... and if so many distinct names and numbers are in it: ``} else {`` is anybody's."""
ORIGIN = ("provider", "model", "tool", "version", "session", "time")
"""What of an origin stands with a tag."""
_BATCH = 500
_COMMA = re.compile(rb",(?=\s*[)\]}])")
_ENDING = re.compile(rb", (?=[)\]}])")


class Text(NamedTuple):
    """A file to look at."""

    paths: tuple[str, ...]
    """Its path in the repository, and those that it had before a renaming."""
    data: bytes
    lines: Mapping[int, str]
    """The lines that are asked about, from 1, each with the time (as in an Origin) after which no record can be its
    source; empty for no limit."""


class Known(NamedTuple):
    """What is told of an ingredient: nothing that is not recorded."""

    origin: dict[str, str]
    """Those of ``ORIGIN`` that are known."""
    evidence: Evidence


class Carried(NamedTuple):
    """An output that is known from a tag alone, with the lines that it names."""

    id: str
    known: Known
    path: str
    text: bytes


class Tag(NamedTuple):
    """Whose a line is."""

    ingredient: str
    similarity: Similarity
    tokens: int
    """Verified tokens of the line."""


class Found(NamedTuple):
    """The recorded lines of each text, and what they name."""

    lines: list[dict[int, Tag]]
    known: dict[str, Known]
    later: list[set[int]]
    """Of each text, lines that only match outputs recorded after their time."""


class _View(NamedTuple):
    """A text as it stands, or as it was before a formatter: every token at its byte all the same."""

    text: bytes
    keys: bytes
    checks: bytes
    positions: bytes


class _Source(NamedTuple):
    """An ingredient that shares grams with a text."""

    id: str
    known: Known
    path: str
    tokens: int


class _Posting(NamedTuple):
    """Where a gram stands in an ingredient."""

    source: int
    passage: int
    position: int
    check: int
    verbatim: bool
    proves: bool
    """Neither shown to the model nor of the commons: evidence without company."""


class _Run(NamedTuple):
    """Tokens of a view, in a row, that a passage has too."""

    passage: int
    first: int
    end: int
    diagonal: int


class _Hit(NamedTuple):
    """A gram of a view that a passage has too."""

    passage: int
    diagonal: int
    position: int
    literal: bool
    proves: bool


class _Grams(NamedTuple):
    """What the records have of the grams of the texts."""

    sources: list[_Source]
    postings: dict[int, list[_Posting]]
    old: dict[tuple[int, int], list[tuple[int, int]]]
    """For a passage of a source, stretches of its tokens that are not the model's own."""
    near: dict[Similarity, int]
    """The run that is no chance in a store of this size."""


class _Cover:
    """What an ingredient verifies of a text: tokens word for word, and up to names; for each line its longest run."""

    def __init__(self) -> None:
        self.literal: set[int] = set()
        self.alike: set[int] = set()
        self.runs: dict[int, int] = {}
        self.is_whole = False


def find(texts: list[Text], place: Path, carried: Iterable[Carried] = (), settled: bool = True) -> Found:
    """The recorded lines of the texts, by the store at ``place`` and by the outputs of other stores that tags name.

    Lines that nobody recorded are in no result. The same texts and records give the same. Without ``settled`` only
    captures that wait and the ledger are asked: for who has asked an index of the store. StoreError where the store is
    damaged.
    """
    carried = list(carried)
    views = {text.data: list(_views(text.data)) for text in texts}
    wanted = b"".join(view.keys for several in views.values() for view in several)
    grams = _grams(_ingredients(place, carried, settled), wanted)
    short = _short(texts, place, carried)
    found = Found([], {}, [])
    for number, text in enumerate(texts):
        tags, later = _lines(text, views[text.data], grams, short[number], found.known)
        found.lines.append(tags)
        found.later.append(later)
    return found


def has_path(recorded: str, paths: Iterable[str]) -> bool:
    """Whether a recorded path may be one of these in the repository: the one ends with the other."""
    recorded = recorded.replace("\\", "/").removeprefix("./")
    return any(
        recorded == path or recorded.endswith(f"/{path}") or (recorded and path.endswith(f"/{recorded}"))
        for path in paths
    )


def origin_of(origin: Origin) -> dict[str, str]:
    """What is known of an origin."""
    return {name: value for name in ORIGIN if (value := getattr(origin, name)) != UNKNOWN}


# ---- grams ----


def _views(data: bytes) -> Iterator[_View]:
    """The text, and what it may have been before a formatter: without commas that end a list, in single quotes."""
    bare = _COMMA.sub(b" ", data)
    for text in dict.fromkeys((data, bare, data.replace(b'"', b"'"), bare.replace(b'"', b"'"))):
        _, _, keys, checks, positions = fingerprint.engine.measure(text)
        yield _View(text, keys, checks, positions)


def _ingredients(place: Path, carried: Iterable[Carried], settled: bool) -> Iterator[Ingredient]:
    """The store's, then those that wait, then those of tags; what is told twice is found twice, and is one."""
    if settled and (place / "store").is_dir():
        yield from store.read(place)
    for one in captures.waiting(place):
        yield one.ingredient
    by_id: dict[str, list[Carried]] = defaultdict(list)
    for tag in carried:
        by_id[tag.id].append(tag)
    for several in by_id.values():
        passages = tuple(fingerprint.fingerprint(tag.text) for tag in several)
        yield Ingredient(
            id=several[0].id,
            origin=Origin(**several[0].known.origin),
            evidence=several[0].known.evidence,
            kind="",
            status=Status.UNKNOWN,
            path=several[0].path,
            passages=passages,
            verbatim=tuple(() for _ in passages),
            shown=tuple(() for _ in passages),
            whole=fingerprint.outline(b"\n".join(tag.text for tag in several)),
            signature=b"",
        )


def _grams(ingredients: Iterator[Ingredient], wanted: bytes) -> _Grams:
    """Every place in the ingredients of the grams that are wanted."""
    common = _among(wanted, _commons())
    found = _Grams([], defaultdict(list), {}, {})
    tokens = 0
    seen: set[str] = set()
    while batch := list(islice(ingredients, _BATCH)):
        keys = b"".join(passage.keys for one in batch for passage in one.passages)
        flags = fingerprint.engine.among(keys, wanted)
        end = 0
        for one in batch:
            at, end = end, end + sum(len(passage.keys) for passage in one.passages) // 8
            tokens += one.whole.tokens
            if flags.find(1, at, end) >= 0 and one.id not in seen:
                seen.add(one.id)
                _post(one, flags[at:end], common, found)
    found.near.update({how: matching.near_run(how, tokens) for how in matching.NEAR_RUN})
    return found


def _post(one: Ingredient, flags: bytes, common: set[int], into: _Grams) -> None:
    """Add an ingredient; a flag for each of its grams says whether it is wanted."""
    source = len(into.sources)
    known = Known(origin_of(one.origin), one.evidence)
    into.sources.append(_Source(one.id, known, one.path, one.whole.tokens))
    end = 0
    for number, passage in enumerate(one.passages):
        at, end = end, end + len(passage.keys) // 8
        shown, verbatim = set(one.shown[number]), set(one.verbatim[number])
        into.old[source, number] = _old(passage, shown, common)
        grams = zip(array("Q", passage.keys), array("H", passage.checks), array("I", passage.positions), strict=True)
        for place, (key, check, position) in compress(enumerate(grams), flags[at:end]):
            proves = place not in shown and key not in common
            into.postings[key].append(_Posting(source, number, position, check, place in verbatim, proves))


def _commons() -> bytes:
    """The keys of the set that ships, as they stand in its file (docs/format-commons.md): no numpy is needed."""
    data = (resources.files("provenance.index") / f"{commons.BASE}.grams").read_bytes()
    head = data.find(b"\n", data.find(b"\n") + 1) + 1
    return data[-(-head // commons.PAGE) * commons.PAGE :]


def _among(keys: bytes, others: bytes) -> set[int]:
    flags = fingerprint.engine.among(keys, others)
    return {key for key, flag in zip(array("Q", keys), flags, strict=True) if flag} if b"\1" in flags else set()


def _old(passage: Fingerprint, shown: set[int], common: set[int]) -> list[tuple[int, int]]:
    """Stretches of tokens that are not the model's own, by the grams that are marked so.

    A gram is marked as shown if fewer than NEW of its tokens are new: where a stretch of marks begins behind another
    gram, its first gram has NEW - 1 new tokens before what was shown, and so at its end.
    """
    stretches: list[tuple[int, int]] = []
    positions = array("I", passage.positions)
    first = -1
    for place in range(len(positions) + 1):
        if place in shown and first < 0:
            first = place
        elif place not in shown and first >= 0:
            begun = positions[first] + (NEW - 1 if first else 0)
            last = positions[place - 1] + RECIPE.k
            stretches.append((begun, last - (NEW - 1 if place < len(positions) else 0)))
            first = -1
    if common:
        pairs = zip(array("Q", passage.keys), positions, strict=True)
        stretches += [(at, at + RECIPE.k) for key, at in pairs if key in common]
    return _union(stretches)


def _union(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for first, end in sorted(spans):
        if merged and first <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        elif first < end:
            merged.append((first, end))
    return merged


def _without(first: int, end: int, cut: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """What is left of a stretch."""
    for low, high in cut:
        if high <= first or low >= end:
            continue
        if first < low:
            yield first, low
        first = max(first, high)
    if first < end:
        yield first, end


# ---- lines ----


class _Lines(NamedTuple):
    """The tokens of a text and the lines that they stand in."""

    spans: list[tuple[int, int]]
    line_of: list[int]
    sizes: Counter[int]


def _outline(data: bytes) -> _Lines:
    spans = fingerprint.engine.tokens(data)
    ends = [found.start() for found in re.finditer(b"\n", data)]
    line_of = [bisect_right(ends, start) + 1 for start, _ in spans]
    return _Lines(spans, line_of, Counter(line_of))


def _lines(
    text: Text, views: list[_View], grams: _Grams, short: list[_Place], known: dict[str, Known]
) -> tuple[dict[int, Tag], set[int]]:
    """The recorded lines of a text, and those that only later records know."""
    covers = _covers(text, views, grams)
    if not covers and not short:
        return {}, set()
    outline = _outline(text.data)
    ranked: dict[int, list[_Claim]] = defaultdict(list)
    parts: dict[int, list[_Claim]] = defaultdict(list)
    for source, cover in covers.items():
        for line, claim in _claims(source, cover, grams.sources[source], outline):
            if line in text.lines:
                half = 2 * claim.tag.tokens >= outline.sizes[line]
                (ranked if half else parts)[line].append(claim)
    for place in short:
        for line in range(place.first, place.last + 1):
            if line in text.lines and outline.sizes[line]:
                tag = Tag(place.id, Similarity.RECORDED, outline.sizes[line])
                ranked[line].append(_Claim(1, -place.tokens, _time(place.known), tag, place.known, -1))
    tags, later = {}, set()
    for line in ranked.keys() | parts.keys():
        limit = text.lines[line]
        fit = [one for one in ranked[line] if not limit or one.time <= limit]
        if not fit:
            fit = _together([one for one in parts[line] if not limit or one.time <= limit], line, covers, outline)
        if fit:
            best = min(fit)
            tags[line] = best.tag
            known[best.tag.ingredient] = best.known
        elif ranked[line]:
            later.add(line)
    return tags, later


class _Claim(NamedTuple):
    """What an output says of a line, the best first."""

    rank: int
    """0 the whole line word for word, 1 by a digest, 2 half of it word for word, 3 all of it under other names or less
    than half of it."""
    length: int
    """Minus the tokens in a row that stand there."""
    time: str
    tag: Tag
    known: Known
    source: int


def _claims(source: int, cover: _Cover, one: _Source, outline: _Lines) -> Iterator[tuple[int, _Claim]]:
    """What an ingredient claims, by line."""
    literal, alike = (Counter(outline.line_of[at] for at in found) for found in (cover.literal, cover.alike))
    for line, tokens in alike.items():
        size = outline.sizes[line]
        rank, how = 3, Similarity.RENAMED
        if 2 * literal[line] >= size:
            tokens, rank = literal[line], 0 if literal[line] == size else 2
            how = Similarity.EXACT if cover.is_whole else Similarity.FRAGMENT
        elif tokens < size:
            # Other names fit the first tokens of any statement behind a copied line: ``x = f(`` is like ``y = g(``.
            if not literal[line]:
                continue
            tokens, how = literal[line], Similarity.FRAGMENT
        yield line, _Claim(rank, -cover.runs[line], _time(one.known), Tag(one.id, how, tokens), one.known, source)


def _together(claims: list[_Claim], line: int, covers: dict[int, _Cover], outline: _Lines) -> list[_Claim]:
    """Of a line that several outputs wrote together, the claim of the one that has most of it."""
    first, end = bisect_left(outline.line_of, line), bisect_right(outline.line_of, line)
    held = sum(any(at in covers[one.source].literal for one in claims) for at in range(first, end))
    if not claims or 2 * held < end - first:
        return []
    return [min(claims, key=lambda one: (-one.tag.tokens, one))]


def _time(known: Known) -> str:
    """When it was recorded; empty where that is unknown, which no limit excludes."""
    return known.origin.get("time", "")


def _covers(text: Text, views: list[_View], grams: _Grams) -> dict[int, _Cover]:
    """What each ingredient verifies of a text."""
    covers: dict[int, _Cover] = defaultdict(_Cover)
    if not grams.postings:
        return covers
    keys = array("Q", grams.postings).tobytes()
    outline: _Lines | None = None
    for view in views:
        flags = fingerprint.engine.among(view.keys, keys)
        columns = zip(array("Q", view.keys), array("H", view.checks), array("I", view.positions), strict=True)
        hits: dict[int, list[_Hit]] = defaultdict(list)
        for key, check, position in compress(columns, flags):
            for one in grams.postings[key]:
                literal = one.check == check
                if literal or not one.verbatim:
                    diagonal = position - one.position
                    hits[one.source].append(_Hit(one.passage, diagonal, position, literal, one.proves))
        if not hits:
            continue
        outline = outline or _outline(text.data)
        places = _places(view, text.data, outline)
        for source, several in hits.items():
            several.sort()
            runs = list(_runs(one for one in several if one.literal))
            if _take(covers, source, runs, Similarity.FRAGMENT, text, outline, places, grams):
                is_all = _covered(runs, source, grams) >= grams.sources[source].tokens
                covers[source].is_whole |= is_all and view.text == text.data
            if not all(one.literal for one in several):
                _take(covers, source, list(_runs(several)), Similarity.RENAMED, text, outline, places, grams)
    return covers


def _covered(runs: list[_Run], source: int, grams: _Grams) -> int:
    """How many of an ingredient's own tokens stand in runs."""
    found = 0
    for passage in {run.passage for run in runs}:
        theirs = ((run.first - run.diagonal, run.end - run.diagonal) for run in runs if run.passage == passage)
        for span in _union(theirs):
            found += sum(end - first for first, end in _without(*span, grams.old[source, passage]))
    return found


def _places(view: _View, data: bytes, outline: _Lines) -> list[int] | range:
    """For each token of a view, its number in the text."""
    if view.text is data:
        return range(len(outline.spans))
    numbers = {start: number for number, (start, _) in enumerate(outline.spans)}
    return [numbers[start] for start, _ in fingerprint.engine.tokens(view.text)]


def _runs(hits: Iterable[_Hit]) -> Iterator[_Run]:
    """The runs of hits in order of passage, diagonal and position that hold a gram which proves."""
    run: _Run | None = None
    proven = False
    for passage, diagonal, position, _, proves in hits:
        if run and run.passage == passage and run.diagonal == diagonal and position <= run.end:
            run = run._replace(end=position + RECIPE.k)
            proven = proven or proves
            continue
        if run and proven:
            yield run
        run, proven = _Run(passage, position, position + RECIPE.k, diagonal), proves
    if run and proven:
        yield run


def _take(
    covers: dict[int, _Cover],
    source: int,
    runs: list[_Run],
    how: Similarity,
    text: Text,
    outline: _Lines,
    places: list[int] | range,
    grams: _Grams,
) -> bool:
    """Count the runs as verified, unless they may be there by chance; whether they were counted.

    Word for word at the recorded path one gram is enough. Elsewhere, and under other names, it takes what makes a near
    copy (``matching``): a run of so many tokens, or several, and that variety.
    """
    if not runs:
        return False
    if how is Similarity.RENAMED or not has_path(grams.sources[source].path, text.paths):
        near = grams.near[how]
        total = sum(end - first for first, end in _union((run.first, run.end) for run in runs))
        longest = max(run.end - run.first for run in runs)
        if longest < near and total < near + matching.NEAR_ALL:
            return False
        if not _is_varied(text.data, outline, places, runs, matching.VARIETY[how]):
            return False
    cover = covers[source]
    for run in runs:
        length = run.end - run.first
        cut = [(low + run.diagonal, high + run.diagonal) for low, high in grams.old[source, run.passage]]
        for first, end in _without(run.first, run.end, cut):
            numbers = places[first:end]
            cover.alike.update(numbers)
            if how is Similarity.FRAGMENT:
                cover.literal.update(numbers)
            for line in {outline.line_of[number] for number in numbers}:
                cover.runs[line] = max(length, cover.runs.get(line, 0))
    return True


def _is_varied(data: bytes, outline: _Lines, places: list[int] | range, runs: list[_Run], least: int) -> bool:
    """Whether the tokens of the runs have so many distinct blinded 3-grams."""
    seen: set[tuple[bytes, ...]] = set()
    for run in runs:
        before: tuple[bytes, ...] = ()
        for number in places[run.first : run.end]:
            start, end = outline.spans[number]
            before = (*before[-2:], fingerprint.blind(data[start:end]))
            if len(before) == 3:
                seen.add(before)
        if len(seen) >= least:
            return True
    return False


# ---- digests ----


class _Place(NamedTuple):
    """Lines of a text that are a short block of the ledger."""

    first: int
    last: int
    tokens: int
    id: str
    known: Known


class _Window(NamedTuple):
    """Lines of a text that have the tokens of a short block."""

    text: int
    first: int
    last: int
    tokens: int


class _Record(NamedTuple):
    """A block of the ledger."""

    id: str
    path: str
    known: Known


def _short(texts: list[Text], place: Path, carried: list[Carried]) -> list[list[_Place]]:
    """For each text, where short blocks of the ledger stand."""
    shards = ledger.shards(place)
    if not shards and not carried:
        return [[] for _ in texts]
    key = ledger.key(place) if shards else bytes(ledger.KEY_BYTES)
    windows: dict[bytes, list[_Window]] = defaultdict(list)
    for number, text in enumerate(texts):
        for window, form in _windows(number, text):
            for view in _short_views(form):
                windows[entries.hunk(key, view).encode()].append(window)
    records: dict[bytes, dict[str, _Record]] = defaultdict(dict)
    for digest, record in (*_recorded(place, shards, windows.keys()), *_of_tags(key, carried)):
        records[digest].setdefault(record.id, record)
    found: list[list[_Place]] = [[] for _ in texts]
    for digest in records.keys() & windows.keys():
        by_text = defaultdict(list)
        for window in windows[digest]:
            by_text[window.text].append(window)
        for number, several in by_text.items():
            fit = list(records[digest].values())
            if several[0].tokens < ANYWHERE:
                fit = [one for one in fit if has_path(one.path, texts[number].paths)]
                # More places than records: which of them is the model's, nobody knows.
                if len(several) > len(fit) or not _is_telling(texts[number].data, several[0]):
                    continue
            for one in fit:
                found[number] += [_Place(w.first, w.last, w.tokens, one.id, one.known) for w in several]
    return found


def _windows(number: int, text: Text) -> Iterator[tuple[_Window, bytes]]:
    """Lines in a row with as many tokens as a short block has, and whole stretches of lines asked about, with their
    normal form; each has a line asked about."""
    forms = [
        (line, form, form.count(b" ") + 1)
        for line, form in enumerate(map(fingerprint.engine.normal_form, text.data.split(b"\n")), 1)
        if form
    ]
    for at, (first, _, _) in enumerate(forms):
        tokens = 0
        joined: list[bytes] = []
        asked = False
        for line, form, size in islice(forms, at, at + SHORT):
            tokens += size
            if tokens >= SHORT:
                break
            joined.append(form)
            asked = asked or line in text.lines
            if asked and tokens >= entries.LEAST:
                yield _Window(number, first, line, tokens), b" ".join(joined)
    # Of longer blocks only whole stretches of the lines asked about: repetitive text has no gram that is looked for.
    stretch: list[tuple[int, bytes, int]] = []
    for one in [*forms, None]:
        if one is not None and one[0] in text.lines:
            stretch.append(one)
        elif stretch:
            tokens = sum(size for _, _, size in stretch)
            if tokens >= SHORT:
                window = _Window(number, stretch[0][0], stretch[-1][0], tokens)
                yield window, b" ".join(form for _, form, _ in stretch)
            stretch = []


def _short_views(form: bytes) -> Iterable[bytes]:
    """The normal form of lines, and what it may have been before a formatter (as ``_views``)."""
    bare = _ENDING.sub(b"", form)
    return dict.fromkeys((form, bare, form.replace(b'"', b"'"), bare.replace(b'"', b"'")))


def _is_telling(data: bytes, window: _Window) -> bool:
    """Whether the lines hold names enough to be somebody's."""
    lines = data.split(b"\n")[window.first - 1 : window.last]
    tokens = set(fingerprint.engine.normal_form(b"\n".join(lines)).split(b" "))
    return sum(fingerprint.blind(token) in (b"name", b"0") for token in tokens) >= WORDS


def _recorded(place: Path, shards: list[str], wanted: Iterable[bytes]) -> Iterator[tuple[bytes, _Record]]:
    """The ingredients of the ledger that have a block with one of these digests."""
    asked = set(wanted)
    for shard in shards:
        for number, line in enumerate(ledger.lines(place, shard)):
            _, _, rest = line.partition(b'"hunks":["')
            hit = asked.intersection(rest[: rest.find(b'"]')].split(b'","')) if rest else None
            if not hit:
                continue
            entry = ledger.parse(line, shard, number)
            if isinstance(entry, ledger.Entry) and entry.kind == entries.KIND:
                record = _record(entry)
                yield from ((digest, record) for digest in sorted(hit))


def _record(entry: ledger.Entry) -> _Record:
    facts = entry.facts
    recorded = facts.get("origin")
    origin = {
        name: value
        for name in ORIGIN
        if isinstance(recorded, dict) and isinstance(value := recorded.get(name), str) and value != UNKNOWN
    }
    evidence = facts.get("evidence")
    known = Known(origin, Evidence(evidence) if evidence in set(Evidence) else Evidence.HEURISTIC)
    return _Record(str(facts.get("id", "")), str(facts.get("path", "")), known)


def _of_tags(key: bytes, carried: Iterable[Carried]) -> Iterator[tuple[bytes, _Record]]:
    """The lines that tags name, where they are short."""
    for one in carried:
        form = fingerprint.engine.normal_form(one.text)
        if entries.LEAST <= form.count(b" ") + 1 < SHORT:
            yield entries.hunk(key, form).encode(), _Record(one.id, one.path, one.known)
