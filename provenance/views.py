"""Code in other clothes: a text that looks so, read unwrapped, with the way back to its own bytes. It looks nothing up.

Training data is full of code in JSON strings, notebooks, ``+`` lines of diffs, ``>`` quotes and markdown fences.
Unwrapping errs on the side of reading more: a view adds matches and never takes one away.
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterator
from itertools import accumulate
from typing import NamedTuple

from provenance.fingerprint.reference import DIFF, ESCAPED, FENCED, QUOTED

RAW = "raw"
DEEP = 3
"""How many layers of clothes are taken off: a diff inside a JSON string inside a JSON string is three."""


class View(NamedTuple):
    """A text unwrapped: what it was wrapped in, its bytes, and where they stood."""

    name: str
    text: bytes
    starts: array[int]
    """Places of ``text`` at which a piece begins, ascending from 0,"""
    places: array[int]
    """... and the byte of the unit that each piece comes from."""

    def place(self, at: int) -> int:
        """The byte of the unit behind byte ``at`` of the view."""
        piece = max(0, bisect_right(self.starts, at) - 1)
        return self.places[piece] + at - self.starts[piece] if self.places else 0


_ESCAPE = re.compile(
    rb'\\n"[ \t]*,\s*"|(?:\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})'
)
_PLAIN = {b"n": b"\n", b"t": b"\t", b"r": b"\r", b"b": b"\b", b"f": b"\f"}
_DIFF = re.compile(rb"^(?:[+ ](?!\+\+ )|(?:-|@@|\+\+\+ |diff |index |\\).*\n?)", re.MULTILINE)
_QUOTE = re.compile(rb"^[ \t]*(?:>[ \t]?)+", re.MULTILINE)
_FENCE = re.compile(rb"^[ \t]*(`{3,})[^\n`]*\n(.*?)(?:^[ \t]*\1|\Z)", re.MULTILINE | re.DOTALL)


def views(text: bytes, flags: int, depth: int = DEEP) -> Iterator[View]:
    """The unwrapped forms of a text whose signs are ``flags`` (``reference.clothes``)."""
    if flags & ESCAPED:
        name = "notebook" if b"cell_type" in text else "JSON string"
        yield from _with_inner(_replaced(name, text, _ESCAPE, _unescaped, _escaped_lines(text)), depth)
    if flags & DIFF:
        yield from _with_inner(_replaced("diff", text, _DIFF, _nothing, [(0, len(text))]), depth)
    if flags & QUOTED:
        yield from _with_inner(_replaced("quote", text, _QUOTE, _nothing, [(0, len(text))]), depth)
    if flags & FENCED:
        for fence in _FENCE.finditer(text):
            yield View("fence", fence[2], array("q", [0]), array("q", [fence.start(2)]))


def _with_inner(view: View, depth: int) -> Iterator[View]:
    yield view
    if depth > 1:
        from provenance.fingerprint import engine

        bounds = b"".join(at.to_bytes(8, "little") for at in (0, len(view.text)))
        # What is left of a diff or quote can look like one again (``+`` lines of code) and is none; JSON nests.
        own = {"diff": DIFF, "quote": QUOTED}.get(view.name, 0)
        for inner in views(view.text, engine.clothes(view.text, bounds)[0] & ~own, depth - 1):
            places = array("q", (view.place(place) for place in inner.places))
            yield View(f"{inner.name} in {view.name}", inner.text, inner.starts, places)


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
    name: str, text: bytes, pattern: re.Pattern[bytes], plain: Callable[[bytes], bytes], ranges: list[tuple[int, int]]
) -> View:
    pieces: list[bytes] = []
    places: list[int] = []
    for start, end in ranges:
        done = start
        for found in pattern.finditer(text, start, end):
            first, last = found.span()
            if first > done:
                pieces.append(text[done:first])
                places.append(done)
            new = plain(found[0])
            if new:
                pieces.append(new)
                places.append(first)
            done = last
        if end > done:
            pieces.append(text[done:end])
            places.append(done)
    starts = array("q", [0])
    starts.extend(accumulate(map(len, pieces)))
    return View(name, b"".join(pieces), starts[:-1], array("q", places))


def _nothing(found: bytes) -> bytes:
    return b""


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
