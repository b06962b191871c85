"""What the model added: written text minus what the session had shown it. It reads no format.

Of the text of one session, in its order: what was shown (prompts, files, output, pre-images) is marked by its
grams, unless the model itself had produced them first. Of what the model then writes,

- a run of t or more tokens that was shown word for word is taken out (a shorter one proves no copying: it is
  what two texts of one project share anyway). What is left are passages that never join across the gap; each
  keeps a margin of the text around it, so that a gram is the model's if at least NEW of its tokens are;
- a gram that was shown under other names stays, but is matched word for word only: the model's variant of a
  person's function must not make the person's function a renamed copy.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from provenance import fingerprint
from provenance.capture.session import Event, Shown, Wrote
from provenance.fingerprint import RECIPE
from provenance.model import Evidence, Ingredient, ingredient_id

# "   12→code", "   12\tcode", "12:code", "12-code" (Read, cat -n, grep -n), "path:12:code" (grep), "+code" (diff)
_PREFIX = re.compile(r"^(?:[ \t]*\d+[→\t:|-]|[\w./@-]+[:-]\d+[:-]|[+-](?![+-]{2} ))", re.MULTILINE)


NEW = 6
"""New tokens that make a gram the model's: a corrected word in a shown paragraph claims nothing."""


class Passage(NamedTuple):
    """A stretch of an output that nobody had shown the model."""

    text: bytes
    """The new tokens with their margins."""
    new: bytes
    """The new tokens alone."""
    verbatim: tuple[int, ...]
    """Places in the gram list of ``text`` whose parameterised form was shown: matched word for word only."""


class Added(NamedTuple):
    """One output of the model and its passages."""

    wrote: Wrote
    passages: tuple[Passage, ...]


def encode(text: str) -> bytes:
    """UTF-8, with lone surrogates (broken JSON escapes) replaced rather than refused."""
    return text.encode("utf-8", "replace")


def added(events: Iterable[Event]) -> Iterator[Added]:
    """What each output of one session adds, in order. Outputs that add nothing are yielded without passages."""
    session = list(events)
    written: set[int] = set()
    for event in session:
        if isinstance(event, Wrote):
            for block in event.blocks:
                written.update(_forms(encode(block)))
    shown: set[int] = set()
    own: set[int] = set()
    for event in session:
        if isinstance(event, Shown):
            shown |= written.intersection(_shown_forms(event.text)) - own
            continue
        for text in event.before:
            shown |= written.intersection(_forms(encode(text))) - own
        passages = tuple(passage for block in event.blocks for passage in _passages(encode(block), shown))
        for passage in passages:
            own.update(_forms(passage.text))
        yield Added(event, passages)


def ingredient(item: Added, evidence: Evidence) -> Ingredient | None:
    """The ingredient of an output, or nothing where it added no token."""
    wrote = item.wrote
    text = b"\n".join(passage.new for passage in item.passages)
    whole = fingerprint.outline(text)
    if not whole.tokens:
        return None
    return Ingredient(
        id=ingredient_id(wrote.origin.tool, wrote.origin.session, wrote.call, wrote.path, wrote.ordinal),
        origin=wrote.origin,
        evidence=evidence,
        kind=wrote.kind,
        status=wrote.status,
        path=encode(wrote.path).decode(),
        passages=tuple(fingerprint.fingerprint(passage.text) for passage in item.passages),
        verbatim=tuple(passage.verbatim for passage in item.passages),
        whole=whole,
        signature=fingerprint.engine.signature(text),
    )


def _forms(text: bytes) -> Iterator[int]:
    """Two marks for each eligible gram: its key, and its key with the check of its very words (bit 80 set)."""
    _, _, keys, checks, _ = fingerprint.engine.measure(text)
    for key, check in zip(array("Q", keys), array("H", checks), strict=True):
        yield key
        yield _WORDS | check << 64 | key


_WORDS = 1 << 80


def _shown_forms(text: str) -> Iterator[int]:
    yield from _forms(encode(text))
    bare = _PREFIX.sub("", text)
    if bare != text:
        yield from _forms(encode(bare))


def _passages(block: bytes, shown: set[int]) -> Iterator[Passage]:
    """The stretches of a block that no run of t shown tokens covers; the block itself where none does.

    Of a block shorter than t, such a run is the whole.
    """
    tokens, _, keys, checks, positions = fingerprint.engine.measure(block)
    runs: list[tuple[int, int]] = []
    for key, check, at in zip(array("Q", keys), array("H", checks), array("I", positions), strict=True):
        if _WORDS | check << 64 | key in shown:
            if runs and at <= runs[-1][1]:
                runs[-1] = (runs[-1][0], at + RECIPE.k)
            else:
                runs.append((at, at + RECIPE.k))
    runs = [run for run in runs if run[1] - run[0] >= min(RECIPE.t, tokens)]
    if not runs:
        yield _passage(block, block, shown)
        return
    spans = fingerprint.engine.tokens(block)
    free = 0
    for first, end in [*runs, (len(spans), len(spans))]:
        if first > free:
            margin = RECIPE.k - NEW if first - free >= NEW else 0
            low, high = max(0, free - margin), min(len(spans), first + margin)
            text = block[spans[low][0] : spans[high - 1][1]]
            yield _passage(text, block[spans[free][0] : spans[first - 1][1]], shown)
        free = end


def _passage(text: bytes, new: bytes, shown: set[int]) -> Passage:
    keys = array("Q", fingerprint.engine.measure(text)[2])
    return Passage(text, new, tuple(place for place, key in enumerate(keys) if key & 1 and key in shown))
