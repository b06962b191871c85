"""Code in other clothes: texts that look so, read unwrapped, with the way back to their own bytes. It looks nothing up.

Training data is full of code in JSON strings, notebooks, ``+`` lines of diffs, ``>`` quotes and markdown fences.
Unwrapping errs on the side of reading more: a view adds matches and never takes one away. How each is unwrapped is
the fingerprint engine's (``fingerprint.clothes``).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from provenance.fingerprint import engine
from provenance.fingerprint.clothes import BARE, COMMENTED, DIFF, ESCAPED, FENCED, QUOTED

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

RAW = "raw"
DEEP = 3
"""How many layers of clothes are taken off: a diff inside a JSON string inside a JSON string is three."""
NAMES = {ESCAPED: "JSON string", DIFF: "diff", QUOTED: "quote", FENCED: "fence", BARE: "without comments"}
AGAIN = {ESCAPED: 255, DIFF: 255 & ~DIFF, QUOTED: 255 & ~QUOTED}
"""What is looked for inside. What is left of a diff or quote can look like one again (``+`` lines of code) and is none;
JSON nests; what stands in a fence, or is left without comments, is not looked at again."""


class Layer(NamedTuple):
    """One kind of clothes taken off many texts: the views, numbered from 0, and the way back."""

    sign: int
    data: Any
    """The texts that it was taken off: text i is ``data[bounds[i]:bounds[i + 1]]``,"""
    bounds: NDArray[np.int64]
    outer: Layer | None
    """... and they are this layer's views, or the texts that were given."""
    texts: bytes
    """The views: view i is ``texts[offsets[i]:offsets[i + 1]]``."""
    offsets: NDArray[np.int64]
    numbers: NDArray[np.int64]
    """Of which text each is."""
    pieces: NDArray[np.int64]
    """View i has the pieces ``pieces[i]`` to ``pieces[i + 1]``,"""
    starts: NDArray[np.uint32]
    """... which begin here in the view, ascending from 0,"""
    places: NDArray[np.uint32]
    """... and here in its text."""
    notebooks: dict[int, bool]
    """Which texts are notebooks, as far as it was asked."""

    def unit(self, view: int) -> int:
        """Which of the texts that were given a view is of."""
        number = int(self.numbers[view])
        return self.outer.unit(number) if self.outer else number

    def name(self, view: int) -> str:
        """What a view was wrapped in, from the inside out."""
        number, name = int(self.numbers[view]), NAMES[self.sign]
        if self.sign == ESCAPED:
            if number not in self.notebooks:
                text = bytes(self.data[self.bounds[number] : self.bounds[number + 1]])
                self.notebooks[number] = b"cell_type" in text
            name = "notebook" if self.notebooks[number] else name
        return f"{name} in {self.outer.name(number)}" if self.outer else name

    def place(self, view: int, at: int) -> int:
        """The byte of the text that was given behind byte ``at`` of a view."""
        first, end = int(self.pieces[view]), int(self.pieces[view + 1])
        here = 0
        if first < end:
            piece = first + max(0, int(self.starts[first:end].searchsorted(at, "right")) - 1)
            here = int(self.places[piece]) + at - int(self.starts[piece])
        return self.outer.place(int(self.numbers[view]), here) if self.outer else here


def layers(data: Any, offsets: NDArray[np.int64], flags: NDArray[np.uint8]) -> Iterator[Layer]:
    """The layers that can be taken off the texts whose signs are ``flags`` (``fingerprint.clothes``), each before those
    in it; text i is ``data[offsets[i]:offsets[i + 1]]``.

    One of the sign COMMENTED has the stretches around comments, for a first look: ``bare`` has the texts as a whole.
    """
    return _layers(memoryview(data), offsets, flags, None, DEEP)


def _layers(
    data: Any, bounds: NDArray[np.int64], flags: NDArray[np.uint8], outer: Layer | None, depth: int
) -> Iterator[Layer]:
    # One at a time: all layers of a hostile text at once took 100 bytes of memory a byte.
    import numpy as np

    any_has = int(np.bitwise_or.reduce(flags, initial=0))
    for sign in (ESCAPED, DIFF, QUOTED, FENCED, COMMENTED):
        if not any_has & sign:
            continue
        layer = _off(data, bounds, flags, sign, outer)
        yield layer
        if depth > 1 and sign in AGAIN:
            worn = np.frombuffer(engine.clothes(layer.texts, layer.offsets), np.uint8) & np.uint8(AGAIN[sign])
            yield from _layers(memoryview(layer.texts), layer.offsets, worn, layer, depth - 1)


def bare(around: Layer, views: NDArray[np.int64]) -> Layer:
    """The texts of some stretches around comments, each as a whole without its comments."""
    import numpy as np

    flags = np.zeros(len(around.bounds) - 1, np.uint8)
    flags[around.numbers[views]] = BARE
    return _off(around.data, around.bounds, flags, BARE, around.outer)


def _off(data: Any, bounds: NDArray[np.int64], flags: NDArray[np.uint8], sign: int, outer: Layer | None) -> Layer:
    import numpy as np

    texts, table, starts, places = engine.unwrap(data, bounds, flags, sign)
    numbers, sizes, pieces = np.frombuffer(table, "<i8").reshape(-1, 3).T
    offsets, counted = (np.concatenate([[0], np.cumsum(one)]).astype(np.int64) for one in (sizes, pieces))
    way = (np.frombuffer(starts, "<u4"), np.frombuffer(places, "<u4"))
    return Layer(sign, data, bounds, outer, texts, offsets, numbers, counted, *way, {})
