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

import itertools
import re
from array import array
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from provenance import fingerprint
from provenance.capture.session import Event, Shown, Start, Wrote
from provenance.fingerprint import RECIPE
from provenance.words import Evidence, ingredient_id

if TYPE_CHECKING:
    from provenance.model import Ingredient

# "   12→code", "   12\tcode", "12:code", "12-code" (Read, cat -n, grep -n), "path:12:code" (grep), "+code" (diff),
# "> code" (a quotation), ">>> code" (Python's prompt)
_PREFIX = re.compile(r"^(?:[ \t]*\d+[→\t:|-]|[\w./@-]+[:-]\d+[:-]|[+-](?![+-]{2} )|[ \t]*(?:>[ \t]?)+)", re.MULTILINE)


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
    """What each output of a file adds, in order, by what its session had shown. Outputs that add nothing are yielded
    without passages."""
    session = list(events)
    starts = [at for at, event in enumerate(session) if isinstance(event, Start)]
    for first, end in itertools.pairwise([0, *starts, len(session)]):
        yield from _session(session[first:end])


def _session(session: list[Event]) -> Iterator[Added]:
    written: set[int] = set()
    for event in session:
        if isinstance(event, Wrote):
            for block in event.blocks:
                written.update(forms(encode(block)))
    shown: set[int] = set()
    own: set[int] = set()
    for event in session:
        if isinstance(event, Shown):
            shown |= written.intersection(shown_forms(event.text)) - own
        elif isinstance(event, Wrote):
            yield Added(event, passages_of(event.blocks, event.before, shown, own))


def passages_of(blocks: Iterable[str], before: Iterable[str], shown: set[int], own: set[int]) -> tuple[Passage, ...]:
    """The passages of one output, given what its session had shown and what the model had produced first (the forms of
    either; those that are not in the output may be missing). Both grow by what the output replaces and adds."""
    texts = [encode(block) for block in blocks]
    written = {form for text in texts for form in forms(text)}
    for text in before:
        shown |= written.intersection(forms(encode(text))) - own
    passages = tuple(passage for text in texts for passage in _passages(text, shown))
    for passage in passages:
        own.update(written.intersection(forms(passage.text)) - shown)
    return passages


def identity(wrote: Wrote) -> str:
    """The id of an output: equal for a hook, a transcript and a second copy."""
    return ingredient_id(wrote.origin.tool, wrote.origin.session, wrote.call, wrote.path, wrote.ordinal)


def ingredient(item: Added, evidence: Evidence) -> Ingredient | None:
    """The ingredient of an output, or nothing where it added no token."""
    from provenance.model import Ingredient

    wrote = item.wrote
    text = b"\n".join(passage.new for passage in item.passages)
    whole = fingerprint.outline(text)
    if not whole.tokens:
        return None
    return Ingredient(
        id=identity(wrote),
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


def forms(text: bytes) -> array[int]:
    """Two marks of 64 bits for each eligible gram: its key, and its key with the check of its very words."""
    return array("Q", fingerprint.engine.marks(text))


def shown_forms(text: str) -> array[int]:
    """The marks of a text that was shown, as it stands and without the line numbers or signs before its lines."""
    bare = _PREFIX.sub("", text)
    return forms(encode(text)) + (forms(encode(bare)) if bare != text else array("Q"))


def _passages(block: bytes, shown: set[int]) -> Iterator[Passage]:
    """The stretches of a block that no run of CUT shown tokens covers; the block itself where none does.

    Of a shorter block, such a run is the whole.
    """
    if not shown:
        yield Passage(block, block, (), ())
        return
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
    verbatim = tuple(place for place, key in enumerate(array("Q", keys)) if key in shown and key & 1)
    if 0 not in new:
        return Passage(text, text, verbatim, ())
    places = enumerate(array("I", positions))
    few = tuple(place for place, at in places if new.count(1, at, at + RECIPE.k) < NEW)
    return Passage(text, _stretches(text, new), verbatim, few)


def _shown_runs(text: bytes, shown: set[int]) -> tuple[int, list[tuple[int, int]]]:
    """The tokens of a text, and the runs of them that grams shown word for word cover: first and end."""
    tokens, _, _, _, positions = fingerprint.engine.measure(text)
    runs: list[tuple[int, int]] = []
    for words, at in zip(forms(text)[1::2], array("I", positions), strict=True):
        if words in shown:
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
