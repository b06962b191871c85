"""What the model added: written text minus what the session had shown it. It reads no format.

Of the text of one session, in its order: what was shown (prompts, files, output, pre-images) is marked by its
grams, unless the model itself had produced them first; what the model then writes loses every token that such
a gram covers, and what is left falls into passages that never join across the gap.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from provenance import fingerprint
from provenance.capture.session import Event, Shown, Wrote
from provenance.fingerprint import RECIPE
from provenance.model import Evidence, Fingerprint, Ingredient, ingredient_id

# "   12→code", "   12\tcode", "12:code", "12-code" (Read, cat -n, grep -n), "path:12:code" (grep), "+code" (diff)
_PREFIX = re.compile(r"^(?:[ \t]*\d+[→\t:|-]|[\w./@-]+[:-]\d+[:-]|[+-](?![+-]{2} ))", re.MULTILINE)


class Added(NamedTuple):
    """One output of the model and the passages of it that nobody had shown it."""

    wrote: Wrote
    passages: tuple[bytes, ...]


def encode(text: str) -> bytes:
    """UTF-8, with lone surrogates (broken JSON escapes) replaced rather than refused."""
    return text.encode("utf-8", "replace")


def added(events: Iterable[Event]) -> Iterator[Added]:
    """What each output of one session adds, in order. Outputs that add nothing are yielded without passages."""
    session = list(events)
    candidates: set[int] = set()
    for event in session:
        if isinstance(event, Wrote):
            for block in event.blocks:
                candidates.update(_keys(encode(block)))
    shown: set[int] = set()
    own: set[int] = set()
    for event in session:
        if isinstance(event, Shown):
            shown |= candidates.intersection(_shown_keys(event.text)) - own
            continue
        for text in event.before:
            shown |= candidates.intersection(_keys(encode(text))) - own
        passages = tuple(passage for block in event.blocks for passage in _without(encode(block), shown))
        for passage in passages:
            own.update(_keys(passage))
        yield Added(event, passages)


def ingredient(item: Added, evidence: Evidence) -> Ingredient | None:
    """The ingredient of an output, or nothing where it added no token."""
    prints = tuple(one for one in map(fingerprint.fingerprint, item.passages) if one.tokens)
    if not prints:
        return None
    wrote = item.wrote
    text = b"\n".join(item.passages)
    whole: Fingerprint = fingerprint.outline(text)
    return Ingredient(
        id=ingredient_id(wrote.origin.tool, wrote.origin.session, wrote.call, wrote.path, wrote.ordinal),
        origin=wrote.origin,
        evidence=evidence,
        kind=wrote.kind,
        status=wrote.status,
        path=wrote.path,
        passages=prints,
        whole=whole,
        signature=fingerprint.engine.signature(text),
    )


def _keys(text: bytes) -> array[int]:
    keys: array[int] = array("Q")
    keys.frombytes(fingerprint.engine.measure(text)[2])
    return keys


def _shown_keys(text: str) -> Iterator[int]:
    yield from _keys(encode(text))
    bare = _PREFIX.sub("", text)
    if bare != text:
        yield from _keys(encode(bare))


def _without(block: bytes, shown: set[int]) -> Iterator[bytes]:
    """The stretches of a block that no shown gram covers; the block itself where none does."""
    _, _, keys, _, positions = fingerprint.engine.measure(block)
    known = [at for key, at in zip(array("Q", keys), array("I", positions), strict=True) if key in shown]
    if not known:
        yield block
        return
    spans = fingerprint.engine.tokens(block)
    free = 0
    for at in [*known, len(spans)]:
        if at > free:
            yield block[spans[free][0] : spans[at - 1][1]]
        free = max(free, at + RECIPE.k)
