"""The words of this project as frozen types. It holds no behaviour beyond their laws.

Facts (Ingredient, Match), judgement (Rule, Verdict: see ``policy``) and print (``report``) are three
things; the types here are the facts. The fixed words they are made of are in ``words``.
"""

from __future__ import annotations

import msgspec

from provenance.words import UNKNOWN, Action, Evidence, Grade, Similarity, Status, ingredient_id

__all__ = [
    "UNKNOWN",
    "Action",
    "Address",
    "Evidence",
    "Fingerprint",
    "Grade",
    "Ingredient",
    "Match",
    "Origin",
    "Similarity",
    "Skipped",
    "Status",
    "ingredient_id",
]


class Origin(msgspec.Struct, frozen=True, omit_defaults=True):
    """Who made a text: recorded, never inferred. Tool and provider are separate facts."""

    provider: str = UNKNOWN
    """The model's maker, e.g. ``anthropic``."""
    model: str = UNKNOWN
    """The model id as the record spells it."""
    tool: str = UNKNOWN
    """The assistant, e.g. ``claude-code``."""
    version: str = UNKNOWN
    """The assistant's version."""
    channel: str = UNKNOWN
    """How the model was reached, e.g. ``bedrock``, where the record says so."""
    plan: str = UNKNOWN
    session: str = UNKNOWN
    time: str = UNKNOWN
    """ISO 8601, UTC, as recorded."""


class Fingerprint(msgspec.Struct, frozen=True):
    """What a text looks like under one recipe: same text and recipe, same bytes, on every engine.

    It knows nothing of commons or selection. ``keys``, ``checks`` and ``positions`` are parallel
    little-endian arrays (u64, u16, u32), one entry for each eligible gram, in order of position.
    """

    tokens: int
    """Number of tokens of the text."""
    digest: bytes
    """xxh3-128 (16 bytes, big-endian) of the tokens joined by single spaces."""
    stream: int
    """64-bit hash of the whole token stream, by which scans find candidates for ``digest``."""
    keys: bytes
    checks: bytes
    positions: bytes


class Ingredient(msgspec.Struct, frozen=True):
    """One piece of assistant output, tagged at creation: only what the model added."""

    id: str
    """``ingredient_id`` of where it came from; hook, transcript and second copy agree on it."""
    origin: Origin
    evidence: Evidence
    kind: str
    """edit, write, notebook, patch, heredoc, command, prose, thinking, subagent, summary or input."""
    status: Status
    path: str
    """Where it was written, as recorded; empty for prose."""
    passages: tuple[Fingerprint, ...]
    """What the model added, in order; grams never cross from one passage to the next."""
    verbatim: tuple[tuple[int, ...], ...]
    """For each passage, the places in its gram list that are matched word for word only: the session had shown
    the model the same under other names."""
    shown: tuple[tuple[int, ...], ...]
    """For each passage, the places of grams that the session had shown the model word for word: evidence only in
    company, in one run with a gram that it had not."""
    whole: Fingerprint
    """The new text of the passages joined by newlines, without grams: its tokens, digest and stream."""
    signature: bytes
    """MinHash of the whole: 128 little-endian u32; empty when the text has fewer tokens than a shingle."""
    copy: str = ""
    """Equal for an output and its copy in a fork or a resumed session, which have another session's id."""


class Skipped(msgspec.Struct, frozen=True):
    """A unit that could not be read, and why. Unread is not clean."""

    where: str
    reason: str


class Match(msgspec.Struct, frozen=True):
    """A fact: this span of this unit is like that ingredient. It contains no opinion."""

    ingredient: str
    origin: Origin
    evidence: Evidence
    kind: str
    status: Status
    path: str
    similarity: Similarity
    grade: Grade
    tokens: int
    """Tokens of the unit that the matched grams verify."""
    verbatim: int
    """Of these, word for word; the others stand under other names."""
    run: int
    """The longest stretch of verified tokens."""
    rarity: int
    """In how many places of all indexed outputs the rarest gram of that stretch stands; 0 for ``similar``."""
    unit_coverage: float
    """``tokens`` over the tokens of the unit."""
    ingredient_coverage: float
    """Verified tokens of the ingredient over its tokens."""
    jaccard: float
    """Estimated from signatures; 0 unless ``similar``."""
    start: int
    """First and last byte (end exclusive) of the longest stretch, or of the unit where it matches as a whole."""
    end: int
    first_line: int
    last_line: int
    ingredient_start: int
    """First and last token (end exclusive) of the longest stretch in the ingredient, whose passages are counted through
    with a gram's length between them; of the whole where it matches as a whole."""
    ingredient_end: int
    others: int
    """How many further ingredients contain the same text; this one is the earliest."""
    view: str = "raw"
    """How the text was read: raw, without comments, or unwrapped from a JSON string, notebook, diff, quote or fence."""


class Address(msgspec.Struct, frozen=True):
    """Where a unit is: a file, a row counted from 0 (a line, for JSONL), a field within the row."""

    file: str
    row: int
    field: str
