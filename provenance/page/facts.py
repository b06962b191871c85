"""What a page shows, as types; and what of it a partner may see. It reads nothing and prints nothing."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import msgspec

from provenance.label.form import Label
from provenance.model import Action
from provenance.words import UNKNOWN


class Edition(StrEnum):
    """For whom a page is."""

    INTERNAL = "internal"
    """Evidence and names."""
    PARTNER = "partner"
    """Counts and clauses: no name of a person, file or dataset, and no text."""


class Origin(msgspec.Struct, frozen=True, order=True):
    """Whose output, as recorded."""

    provider: str
    model: str
    tool: str


class Share(msgspec.Struct, frozen=True):
    """Records of one origin, each counted once, under its strongest match."""

    origin: Origin
    similarity: str
    evidence: str
    action: str
    records: int
    tokens: int
    first: str
    last: str


class Part(msgspec.Struct, frozen=True):
    """One file of the dataset, or one folder of texts."""

    name: str
    records: int
    """-1 where the scan does not say."""
    actions: dict[str, int]
    """Its matched records, by the most severe action."""


class Day(msgspec.Struct, frozen=True):
    """A day, or where there are many a month, of one provider's output."""

    when: str
    provider: str
    count: int


class Clause(msgspec.Struct, frozen=True):
    """A clause in force on the day on which matched or captured output was generated."""

    id: str
    count: int
    """Texts that match such output; of a period, outputs."""
    first: str
    last: str
    providers: tuple[str, ...]
    channels: tuple[str, ...]
    provider: str = ""
    """From here on as the registry has it; empty where it has no such clause."""
    title: str = ""
    clause: str = ""
    kind: str = ""
    verdict: str = ""
    verification: str = ""
    since: str = ""
    until: str = ""
    retrieved: str = ""
    url: str = ""
    quotation: str = ""
    is_private: bool = False


class Waived(msgspec.Struct, frozen=True):
    """A waiver that names a matched text."""

    id: str
    standing: str
    basis: str
    reason: str
    approver: str
    expires: str
    texts: int


class Line(msgspec.Struct, frozen=True):
    """One rule, budget or default of the policy, in plain words."""

    id: str
    action: str
    level: str
    words: str
    message: str
    texts: int


class Policy(msgspec.Struct, frozen=True):
    """The policy that decided."""

    name: str
    digest: str
    source: str
    is_shipped: bool
    is_here: bool
    """Whether the policy itself is at hand, so that its rules can be told."""
    description: str
    organisation: str
    competes_with: tuple[str, ...]
    lines: tuple[Line, ...]


class Due(msgspec.Struct, frozen=True):
    """What is due for the run as a whole."""

    rule: str
    action: str
    level: str
    count: int
    why: str


class Volume(msgspec.Struct, frozen=True):
    """How much one provider's models were used, as the ledger records it."""

    provider: str
    outputs: int
    tokens: int
    sessions: int
    authors: int
    days: int
    first: str
    last: str
    busiest: str
    busiest_outputs: int
    median: int
    """Outputs of a session."""
    largest: int


class Captured(msgspec.Struct, frozen=True):
    """What the ledger of a store records for a period."""

    start: str
    """First and last day asked for; empty for none."""
    end: str
    outputs: int
    undated: int
    """Outputs without a day, which no period holds: counted only where none was asked for."""
    missed: int
    volumes: tuple[Volume, ...]
    uses: tuple[tuple[Origin, str, int, int, int], ...]
    """Origin, evidence, outputs, tokens, sessions."""
    days: tuple[Day, ...]
    sizes: tuple[tuple[str, int], ...]
    """Sessions by how many outputs they made."""
    gates: tuple[dict[str, Any], ...]
    """Gate runs: time, policy, exit."""
    accesses: int
    """Times a text vault was opened."""
    kinds: dict[str, int]
    """Entries of the ledger by kind."""


class Shard(msgspec.Struct, frozen=True):
    """One shard of the ledger, as verified."""

    name: str
    size: int
    root: str
    faults: tuple[str, ...]
    notes: tuple[str, ...]
    agreeing: int


class Proof(msgspec.Struct, frozen=True):
    """What verifying the ledger said."""

    shards: tuple[Shard, ...]
    checkpoints: tuple[tuple[str, int, tuple[str, ...]], ...]
    """Time, entries, key ids of who signed."""


class Record(msgspec.Struct, frozen=True):
    """What a person stated, or a release, as the ledger records it."""

    time: str
    kind: str
    day: str
    who: str
    side: str
    zone: str
    subject: str
    reason: str
    clause: str
    reviewer: str
    signatures: int


class Findings(msgspec.Struct, frozen=True):
    """The findings, ready to be looked through (``rows``)."""

    count: int
    columns: dict[str, Any]
    listed: tuple[dict[str, Any], ...]
    """The first of them in full, as the page shows them where no script runs."""
    texts: dict[int, list[dict[str, Any]]]
    """Texts side by side, by the number of the finding."""
    texts_note: str


class Facts(msgspec.Struct, frozen=True):
    """All that a page shows. Whatever was not given is empty, and ``missing`` says so."""

    edition: Edition
    is_scan: bool
    name: str
    verdict: str
    tool: str
    engine: str
    recipe: str
    index: str
    ingredients: int
    promise: str
    suppressed: dict[str, int]
    """Windows of the index that are not looked for, by reason."""
    day: str
    use: str
    team: str
    records: int
    texts: int
    size: int
    tokens: int
    files: tuple[str, ...]
    fields: tuple[str, ...]
    unread: tuple[str, ...]
    matched: int
    """Records with a match better than an idiom."""
    declared_only: int
    """Of these, records with no match but what the text, or its row, says of itself."""
    idioms: int
    """Records that share idioms only."""
    skipped: int
    skipped_action: str
    skipped_reasons: dict[str, int]
    skipped_first: tuple[tuple[str, str], ...]
    missed: int
    actions: dict[str, int]
    """Matched records by the most severe action."""
    verdicts: dict[str, int]
    """Texts by verdict."""
    shares: tuple[Share, ...]
    parts: tuple[Part, ...]
    months: tuple[Day, ...]
    declared: tuple[tuple[str, str, str, int], ...]
    baseline: dict[str, int]
    zones: dict[str, int]
    policy: Policy | None
    dues: tuple[Due, ...]
    waivers: tuple[Waived, ...]
    clauses: tuple[Clause, ...]
    registry: str
    registry_differs: bool
    findings: Findings | None
    captured: Captured | None
    proof: Proof | None
    attested: tuple[Record, ...]
    label: Label | None
    digests: tuple[tuple[str, str], ...]
    """What the page was made from, and what the judgement rests on: name, digest."""
    missing: tuple[str, ...]

    @property
    def unknown(self) -> int:
        """Records of unknown origin: read, and without a match better than an idiom."""
        return max(0, self.records - self.matched - self.skipped)


def partner(facts: Facts) -> Facts:
    """The same without any name of a person, team, file, dataset, session or rule, and without any text.

    What is left is counts, digests, days, providers, models and tools as recorded, the fixed words, and clauses of
    the public registry.
    """
    return msgspec.structs.replace(
        facts,
        edition=Edition.PARTNER,
        name="",
        team="",
        files=(),
        fields=(),
        unread=(),
        promise=facts.promise.partition(" Of ")[0],
        skipped_reasons={},
        skipped_first=(),
        parts=(),
        zones={},
        policy=_policy(facts.policy),
        dues=tuple(
            msgspec.structs.replace(one, rule=one.rule if one.rule.startswith("(") else "a budget", why="")
            for one in facts.dues
        ),
        waivers=tuple(msgspec.structs.replace(one, id="", reason="", approver="") for one in facts.waivers),
        clauses=tuple(map(_clause, facts.clauses)),
        findings=None,
        captured=_captured(facts.captured),
        proof=_proof(facts.proof),
        attested=tuple(
            msgspec.structs.replace(one, who="", zone="", subject="", reason="", clause="", reviewer="")
            for one in facts.attested
        ),
        label=None,
        missing=(),
    )


def _policy(policy: Policy | None) -> Policy | None:
    if policy is None:
        return None
    return msgspec.structs.replace(
        policy,
        name=policy.name if policy.is_shipped else "",
        source="",
        description=policy.description if policy.is_shipped else "",
        organisation="",
        lines=tuple(
            msgspec.structs.replace(
                line,
                id=line.id if policy.is_shipped or line.id.startswith("(") else f"rule {number}",
                message=line.message if policy.is_shipped else "",
            )
            for number, line in enumerate(policy.lines, 1)
        ),
    )


def _clause(clause: Clause) -> Clause:
    """A clause of a private contract is a name and a text too."""
    if not clause.is_private and clause.provider:
        return clause
    blank = msgspec.structs.replace(clause, id="a private clause", title="", clause="", url="", quotation="")
    return msgspec.structs.replace(blank, provider="")


def _captured(captured: Captured | None) -> Captured | None:
    if captured is None:
        return None
    gates = tuple({key: one[key] for key in ("time", "policy", "exit")} for one in captured.gates)
    return msgspec.structs.replace(captured, gates=gates)


def _proof(proof: Proof | None) -> Proof | None:
    if proof is None:
        return None
    shards = tuple(
        msgspec.structs.replace(one, faults=("a fault",) * len(one.faults), notes=("a note",) * len(one.notes))
        for one in proof.shards
    )
    return msgspec.structs.replace(proof, shards=shards)


def first(facts: Facts, count: int) -> Facts:
    """The same with no more than so many findings listed without a script."""
    if facts.findings is None:
        return facts
    found = msgspec.structs.replace(facts.findings, listed=facts.findings.listed[:count])
    return msgspec.structs.replace(facts, findings=found)


def total(actions: dict[str, int]) -> int:
    """All of them."""
    return sum(actions.values())


ORDER = tuple(map(str, reversed(Action)))
"""Actions, the most severe first."""
NOBODY = UNKNOWN
