"""What the model added: written text minus what the session had shown it. It reads no format.

Of the text of one session, in its order: what was shown (prompts, files, output, pre-images) is marked by its
grams, unless the model itself had produced them first. Of what the model then writes,

- a gram that was shown word for word, or in which fewer than NEW tokens are new, is evidence only in company: in
  one run with a gram that is the model's own. What a person wrote matches nothing by itself, however often the
  model repeats it, and a corrected word in it claims nothing;
- a run of CUT or more tokens that was shown word for word is taken out. What is left are passages that never join
  across the gap; each keeps a margin of the text around it;
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
"""New tokens that make a gram the model's own."""
CUT = 8 * RECIPE.t
"""Shown tokens in a row that are taken out of a passage. A shorter run is what an edit repeats of its surroundings."""


class Passage(NamedTuple):
    """A stretch of an output that nobody had shown the model."""

    text: bytes
    """The new tokens with what was shown between and around them."""
    new: bytes
    """The new tokens alone, one stretch a line."""
    verbatim: tuple[int, ...]
    """Places in the gram list of ``text`` whose parameterised form was shown: matched word for word only."""
    shown: tuple[int, ...]
    """Places of those that are not the model's own: evidence only in company."""


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
            own.update(form for form in _forms(passage.text) if form not in shown)
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
        shown=tuple(passage.shown for passage in item.passages),
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
    """The stretches of a block that no run of CUT shown tokens covers; the block itself where none does.

    Of a shorter block, such a run is the whole.
    """
    tokens, runs = _shown_runs(block, shown)
    cuts = [run for run in runs if run[1] - run[0] >= min(CUT, tokens)]
    if not cuts:
        yield _passage(block, shown)
        return
    spans = fingerprint.engine.tokens(block)
    free = 0
    for first, end in [*cuts, (tokens, tokens)]:
        if first > free:
            margin = RECIPE.k - NEW if first - free >= NEW else 0
            low, high = max(0, free - margin), min(tokens, first + margin)
            yield _passage(block[spans[low][0] : spans[high - 1][1]], shown, (free - low, first - low))
        free = end


def _passage(text: bytes, shown: set[int], inside: tuple[int, int] | None = None) -> Passage:
    """A passage of this text; of a cut block, only the tokens ``inside`` can be new, the others are margin."""
    tokens, runs = _shown_runs(text, shown)
    new = bytearray(b"\1") * tokens  # a byte for each token
    for first, end in runs:
        new[first:end] = bytes(end - first)
    if inside is not None:
        new[: inside[0]] = bytes(inside[0])
        new[inside[1] :] = bytes(tokens - inside[1])
    _, _, keys, _, positions = fingerprint.engine.measure(text)
    grams = list(zip(array("Q", keys), array("I", positions), strict=True))
    return Passage(
        text,
        _stretches(text, new) if 0 in new else text,
        verbatim=tuple(place for place, (key, _) in enumerate(grams) if key & 1 and key in shown),
        shown=tuple(place for place, (_, at) in enumerate(grams) if sum(new[at : at + RECIPE.k]) < NEW),
    )


def _shown_runs(text: bytes, shown: set[int]) -> tuple[int, list[tuple[int, int]]]:
    """The tokens of a text, and the runs of them that grams shown word for word cover: first and end."""
    tokens, _, keys, checks, positions = fingerprint.engine.measure(text)
    runs: list[tuple[int, int]] = []
    for key, check, at in zip(array("Q", keys), array("H", checks), array("I", positions), strict=True):
        if _WORDS | check << 64 | key in shown:
            if runs and at <= runs[-1][1]:
                runs[-1] = (runs[-1][0], at + RECIPE.k)
            else:
                runs.append((at, at + RECIPE.k))
    return tokens, runs


def _stretches(text: bytes, new: bytearray) -> bytes:
    """The stretches of new tokens, one a line."""
    spans = fingerprint.engine.tokens(text)
    stretches = (found.span() for found in re.finditer(b"\x01+", new))
    return b"\n".join(text[spans[first][0] : spans[end - 1][1]] for first, end in stretches)
