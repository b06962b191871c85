"""The ingredient label, form 1: what is in a dataset build, in one JSON document. Types alone; it reads nothing.

Everything that is handed on about a dataset (exports, attestations, reports) is made from it. Same scan, dataset and
parents: same bytes. Keys are in the order below, with two spaces of indentation and a newline at the end, in UTF-8.
"""

from __future__ import annotations

import msgspec

FORM = 1


class File(msgspec.Struct, frozen=True):
    """A file of the dataset."""

    path: str
    """As the scan names it."""
    size: int
    sha256: str
    records: int
    root: str
    """Merkle root (RFC 6962) over the SHA-256 of its records, in their order; hex."""


class Subject(msgspec.Struct, frozen=True):
    """The dataset that the label is of."""

    name: str
    files: tuple[File, ...]
    root: str
    """Merkle root (RFC 6962) over the roots of its files, sorted by path; hex. It names the dataset."""


class Totals(msgspec.Struct, frozen=True):
    """How much it holds. Records are rows; a row can hold several texts, or none."""

    files: int
    records: int
    texts: int
    bytes: int
    """Of the texts."""
    tokens: int
    matched: int
    """Records with a match better than an idiom."""
    unknown: int
    """Records with none: of unknown origin, which is not to say that a person wrote them."""
    skipped: int
    """Records that could not be read: of these nothing is said."""


class Share(msgspec.Struct, frozen=True):
    """Records that match outputs of one origin, by how much and on what evidence.

    A record counts once, under its strongest match: evidence, then similarity, then verified tokens.
    """

    provider: str
    model: str
    tool: str
    similarity: str
    evidence: str
    action: str
    """What the policy does about them."""
    records: int
    tokens: int
    """Verified tokens: those that the records share with the outputs."""
    first: str
    """When the earliest of the outputs was made (RFC 3339, UTC), as recorded; empty where nobody recorded it."""
    last: str


class Judgement(msgspec.Struct, frozen=True):
    """By what it was judged, and how."""

    verdict: str
    """The most severe action due: allow, warn, quarantine, block."""
    policy: str
    """Its name."""
    digests: dict[str, str]
    """Of policy, waivers, baseline, registry and index, and ``all`` of them together."""
    verdicts: dict[str, int]
    """Matched texts by verdict."""
    day: str = ""
    """As on which day (ISO 8601): terms, waivers and what expires depend on it. Empty where nobody said."""
    use: str = ""
    """What the texts are for, as the command line said; a zone of the policy may say otherwise for its own."""
    team: str = ""
    """Whose texts they are."""


class Clause(msgspec.Struct, frozen=True):
    """A clause of a provider's terms that was in force when matched outputs were made."""

    id: str
    status: str
    """Its verification status in the registry."""
    records: int


class Waived(msgspec.Struct, frozen=True):
    """A waiver that was applied."""

    id: str
    reason: str
    basis: str
    approver: str
    expires: str
    records: int


class Tool(msgspec.Struct, frozen=True):
    """What made the facts: another version with the same recipe and index finds the same."""

    version: str
    engine: str
    recipe: str
    index: str
    """The index's digest."""
    ingredients: int
    """Outputs in the index."""
    suppressed: dict[str, int]
    """Windows of the index that are not looked for, by reason (floor, commons)."""
    missed_captures: int
    """Captures that hooks could not make, as the ledger counts them."""
    promise: str


class Parent(msgspec.Struct, frozen=True):
    """A label that this one is made from."""

    relation: str
    """``filter`` (this dataset has some of that one's records and no others), ``join`` (its records were put together
    with others), ``input`` (made from it in some other way), ``merge`` (it is a part of this one)."""
    name: str
    label: str
    """SHA-256 of the parent's label, as its file holds it."""
    root: str
    """The root of its subject."""
    records: int


class Label(msgspec.Struct, frozen=True):
    """The whole label."""

    label: int
    subject: Subject
    totals: Totals
    shares: tuple[Share, ...]
    """Sorted by provider, model, tool, similarity, evidence, action."""
    skipped: dict[str, int]
    """Reasons, with how many records."""
    judgement: Judgement
    clauses: tuple[Clause, ...]
    waivers: tuple[Waived, ...]
    tool: Tool
    parents: tuple[Parent, ...]
    contents: str
    """SHA-256 of the contents file beside the label (ingredients with their sessions, records and tokens: what
    ``trace`` asks); empty where none was written."""
