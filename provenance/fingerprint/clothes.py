"""What texts are wrapped in, and how it is taken off: the rest of the specification (``reference``), in plain Python.

Signs are cheap and err on the side of more; what looks like clothes and is none costs time and adds nothing.
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_left
from collections.abc import Callable
from itertools import pairwise

from provenance.fingerprint.recipe import RECIPE

ESCAPED, DIFF, QUOTED, FENCED, COMMENTED, BARE = 1, 2, 4, 8, 16, 32
"""What ``clothes`` reports of a text; the last, never, is for ``unwrap`` alone."""


_LISTED = re.compile(rb'\\n"[ \t\r\n]*,[ \t\r\n]*"')
"""The end of a string of a list, as of a notebook's source, up to the beginning of the next."""


def clothes(data: bytes, offsets: bytes) -> bytes:
    """What each text may be wrapped in, one byte of flags a text: cheap signs, to be looked at by ``views``.

    ESCAPED: two ``\\n`` in letters, once or twice escaped, on one line, or two strings of a list that end in one
    (source code has many, one a line). DIFF: three lines or more begin with ``+``.
    QUOTED: with ``>``. FENCED: two or more runs of three backticks. COMMENTED: a comment (``_comments``).
    """
    bounds = memoryview(offsets).cast("B").cast("q")
    flags = bytearray()
    for first, end in pairwise(bounds):
        text = bytes(data[first:end])
        lines = text.split(b"\n")
        breaks = [
            pair.start()
            for pair in re.finditer(rb"\\(.)(?=(.?))", text, re.DOTALL)
            if pair[1] == b"n" or (pair[1], pair[2]) == (b"\\", b"n")
        ]
        together = any(b"\n" not in text[one:two] for one, two in pairwise(breaks))
        listed = sum(bool(_LISTED.match(text, one)) for one in breaks) >= 2
        escaped = together or listed
        diff = sum(line.startswith(b"+") for line in lines) >= 3
        quoted = sum(line.startswith(b">") for line in lines) >= 3
        fenced = text.count(b"```") >= 2
        commented = bool(_comments(text, first=True))
        flags.append(escaped * ESCAPED | diff * DIFF | quoted * QUOTED | fenced * FENCED | commented * COMMENTED)
    return bytes(flags)


_ESCAPE = re.compile(
    rb'\\n"[ \t]*,\s*"|(?:\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})'
)
_PLAIN = {b"n": b"\n", b"t": b"\t", b"r": b"\r", b"b": b"\b", b"f": b"\f"}
_SIGNS = {
    DIFF: re.compile(rb"^(?:[+ ](?!\+\+ )|(?:-|@@|\+\+\+ |diff |index |\\).*\n?)", re.MULTILINE),
    QUOTED: re.compile(rb"^[ \t]*(?:>[ \t]?)+", re.MULTILINE),
}
_FENCE = re.compile(rb"^[ \t]*(`{3,})[^\n`]*\n(.*?)(?:^[ \t]*\1|\Z)", re.MULTILINE | re.DOTALL)


def unwrap(data: bytes, offsets: bytes, flags: bytes, sign: int) -> tuple[bytes, bytes, bytes, bytes]:
    """Every text whose flags have a sign, without what it is the sign of: (texts, views, starts, places).

    Signs and flags are those of ``clothes``.
    ESCAPED: escapes are replaced, on lines with an escaped line break and the line behind each. DIFF: the lines of the
    new side. QUOTED: without the marks. FENCED: what stands in each fence. COMMENTED: what stands around comments,
    ``k`` tokens on either side, each comment a space: other grams are found as they stand. BARE: all of the text so.
    The views' texts are joined; ``views`` are
    three little-endian i64 each: the number of its text, its bytes, its pieces. A piece stands in its text as it stands
    in the view, or is an escape there: ``starts`` and ``places`` are u32 each, where it begins in view and text.
    ValueError for a text of 4 GB.
    """
    if sign not in (ESCAPED, DIFF, QUOTED, FENCED, COMMENTED, BARE):
        raise ValueError(f"sign: {sign} is none")
    bounds = memoryview(offsets).cast("B").cast("q")
    if len(flags) != max(0, len(bounds) - 1):
        raise ValueError(f"flags: {len(flags)} bytes for {max(0, len(bounds) - 1)} texts")
    texts = bytearray()
    views, starts, places = array("q"), array("I"), array("I")
    for number, ((first, end), worn) in enumerate(zip(pairwise(bounds), bytes(flags), strict=True)):
        if not worn & sign:
            continue
        if end - first >= 1 << 32:
            raise ValueError("a text of 4 GB or more: split it")
        text = bytes(data[first:end])
        for pieces in _pieces(text, sign):
            begun = len(texts)
            for place, piece in pieces:
                starts.append(len(texts) - begun)
                places.append(place)
                texts += piece
            views.extend((number, len(texts) - begun, len(pieces)))
    return bytes(texts), views.tobytes(), starts.tobytes(), places.tobytes()


def _pieces(text: bytes, sign: int) -> list[list[tuple[int, bytes]]]:
    """The views of a text, each as its pieces with the places from which they come."""
    if sign in (COMMENTED, BARE):
        pieces, cuts = _without_comments(text)
        return _around(pieces, cuts) if sign == COMMENTED else [[(place, piece) for _, place, piece in pieces]]
    if sign == FENCED:
        return [[(fence.start(2), fence[2])] for fence in _FENCE.finditer(text)]
    if sign == ESCAPED:
        return [_replaced(text, _ESCAPE, _unescaped, _escaped_lines(text))]
    return [_replaced(text, _SIGNS[sign], lambda _: b"", [(0, len(text))])]


_COMMENT = re.compile(
    rb"(?P<block>/\*)|(?P<markup><!--)|(?<!:)//[^\n]*"
    rb"|(?<![^ \t\n])#(?![A-Za-z0-9_\x80-\xff])[^\n]*|(?<![^ \t\n])--(?=[ \t])[^\n]*"
)


def _comments(text: bytes, first: bool = False) -> list[tuple[int, int]]:
    """Where the comments of a text begin and end, by what most languages begin one with; what looks like one and is
    none costs nothing but time. The first alone if that is all that is asked for."""
    found: list[tuple[int, int]] = []
    at = 0
    while (start := _COMMENT.search(text, at)) and not (first and found):
        end = start.end()
        if start.lastgroup:
            close = b"*/" if start["block"] else b"-->"
            stop = text.find(close, end)
            end = stop + len(close) if stop >= 0 else -1
        if end >= 0:
            found.append((start.start(), end))
        at = end if end >= 0 else start.start() + 1
    return found


_BEGIN = re.compile(rb"(?<![A-Za-z0-9_\x80-\xff])[A-Za-z0-9_]|[!-/:-@\[-^`{-~]")
"""Where a token of ASCII begins; of other scripts none is counted."""
_SHOWN = re.compile(rb"[^\x00-\x20\x7f]")


def _without_comments(text: bytes) -> tuple[list[tuple[int, int, bytes]], list[int]]:
    """The pieces of a text without its comments, each of which becomes a space: where in the bare text, where in the
    text, what. And where comments are, that have something shown before them behind which no other one is."""
    pieces: list[tuple[int, int, bytes]] = []
    cuts, size, done = [], 0, 0
    for first, end in [*_comments(text), (len(text), len(text))]:
        kept = text[done:first]
        if kept:
            pieces.append((size, done, kept))
        size += len(kept)
        if first < end:
            if _SHOWN.search(kept):
                cuts.append(size)
            pieces.append((size, first, b" "))
            size += 1
        done = end
    return pieces, cuts


def _around(pieces: list[tuple[int, int, bytes]], cuts: list[int]) -> list[list[tuple[int, bytes]]]:
    """Stretches of a bare text around where comments were, as pieces with their places."""
    bare = b"".join(piece for _, _, piece in pieces)
    starts = [found.start() for found in _BEGIN.finditer(bare)]
    ranges: list[tuple[int, int]] = []
    for cut in cuts:
        at = bisect_left(starts, cut)
        first = starts[at - RECIPE.k] if at >= RECIPE.k else 0
        end = starts[at + RECIPE.k] if at + RECIPE.k < len(starts) else len(bare)
        if ranges and first <= ranges[-1][1]:
            ranges[-1] = (ranges[-1][0], max(end, ranges[-1][1]))
        else:
            ranges.append((first, end))
    return [
        [
            (place + max(0, first - start), piece[max(0, first - start) : end - start])
            for start, place, piece in pieces
            if start < end and start + len(piece) > first
        ]
        for first, end in ranges
    ]


def _escaped_lines(text: bytes) -> list[tuple[int, int]]:
    """The lines with an escaped line break, each with the line behind it: a string lies on one line, and the last of a
    notebook's list has no break. The rest of a text that has a few such strings need not be read twice."""
    found: list[tuple[int, int]] = []
    at = text.find(b"\\n")
    while at >= 0:
        start = text.rfind(b"\n", 0, at) + 1
        end = text.find(b"\n", at)
        behind = text.find(b"\n", end + 1) if end >= 0 else -1
        last = behind + 1 if behind >= 0 else len(text)
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], last)
        else:
            found.append((start, last))
        at = text.find(b"\\n", end) if end >= 0 else -1
    return found


def _replaced(
    text: bytes, pattern: re.Pattern[bytes], plain: Callable[[bytes], bytes], ranges: list[tuple[int, int]]
) -> list[tuple[int, bytes]]:
    pieces = []
    for start, end in ranges:
        done = start
        for found in pattern.finditer(text, start, end):
            pieces += [(done, text[done : found.start()]), (found.start(), plain(found[0]))]
            done = found.end()
        pieces.append((done, text[done:end]))
    return [(place, piece) for place, piece in pieces if piece]


def _unescaped(escape: bytes) -> bytes:
    known = _PLAIN.get(escape[1:])
    if known is not None:
        return known
    if escape.startswith(b'\\n"'):
        return b"\n"  # the end of one line of a notebook's source and the beginning of the next
    if escape[1:2] == b"u":
        units = b"".join(int(unit, 16).to_bytes(2, "big") for unit in escape.split(b"\\u")[1:])
        return units.decode("utf-16-be", "replace").encode()
    return escape[1:]
