"""Clean-room records: who stands on which side of the wall, clean on day 0, what was released by whom and why.

Each is an entry of the ledger, of kind ``attested``; who read what is kept apart from the clean side is of kind
``access``. People stand in it under pseudonyms; a name only where it was given to be shown.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from datetime import date
from enum import StrEnum
from typing import Any, NamedTuple

from provenance import ledger, standalone
from provenance.dsse import Signer
from provenance.errors import StoreError
from provenance.standalone import RECORD, Key

ATTESTED = "attested"
ACCESS = "access"
LONGEST = 4096
"""Characters of a reason."""


class Kind(StrEnum):
    """What is recorded."""

    JOIN = "join"
    LEAVE = "leave"
    BASELINE = "baseline"
    RELEASE = "release"
    STATEMENT = "statement"
    ACCESS = "access"


class Side(StrEnum):
    """Of the wall: may not see rival output; may."""

    CLEAN = "clean"
    EXPOSED = "exposed"


class Record(NamedTuple):
    """One record, as reports show it. What nobody said is empty."""

    time: str
    """When it was written down (RFC 3339, UTC)."""
    entry: str
    """SHARD:NUMBER in the ledger."""
    kind: str
    who: str
    """Pseudonym of the person whom it is of."""
    name: str
    """As that person is called, where it was said."""
    side: str
    zone: str
    day: str
    """The day that it is of (ISO 8601)."""
    reason: str
    clause: str
    reviewer: str
    """Pseudonym of who cleared it."""
    subject: str
    """What it is of: a scan's SHA-256 (baseline), a finding or waiver (release), what was read (access)."""
    verdict: str
    """Of the scan that a baseline is of."""
    matched: int
    """Texts that match in it."""
    author: str
    """Pseudonym of who wrote it down."""
    signatures: tuple[tuple[str, str], ...]
    """Hints of the keys, and signatures (Base64)."""


def write(
    store: ledger.Store,
    kind: Kind,
    *,
    author: str,
    day: date,
    who: str = "",
    name: str = "",
    side: Side | None = None,
    zone: str = "",
    reason: str = "",
    clause: str = "",
    reviewer: str = "",
    subject: str = "",
    verdict: str = "",
    matched: int = 0,
    signers: Sequence[Signer] = (),
) -> dict[str, Any]:
    """Append one record, and say its facts; people are given by name and stand in it under pseudonyms.

    Raises StoreError where something is missing without which it says nothing: who and side (join, leave), the subject
    (baseline, release, access), the reason (release, statement, access), the reviewer (release).
    """
    given = {"who": who, "side": side, "subject": subject, "reason": reason, "reviewer": reviewer}
    missing = [one for one in NEEDED[kind] if not given[one]]
    if missing:
        raise StoreError(f"a record of kind '{kind}' needs {' and '.join(missing)}")
    if len(reason) > LONGEST:
        raise StoreError(f"a reason has at most {LONGEST:,} characters")
    if kind is Kind.RELEASE and reviewer == who:
        raise StoreError("who asks for a release does not clear it: name another reviewer")
    key = ledger.key(store)
    people = {one: ledger.pseudonym(key, said) for one, said in (("who", who), ("reviewer", reviewer)) if said}
    said: dict[str, Any] = {
        "record": str(kind),
        **people,
        "name": name,
        "side": str(side or ""),
        "zone": zone,
        "day": day.isoformat(),
        "reason": reason,
        "clause": clause,
        "subject": subject,
        "verdict": verdict,
        "author": ledger.pseudonym(key, author),
    }
    facts = {one: value for one, value in said.items() if value != ""}
    if kind is Kind.BASELINE:
        facts["matched"] = matched
    message = _signed(facts)
    if signers:
        pairs = [(one.key.keyid, base64.b64encode(one.sign(message)).decode()) for one in signers]
        facts["signatures"] = [{"keyid": keyid, "sig": sig} for keyid, sig in pairs]
    ledger.append(store, ACCESS if kind is Kind.ACCESS else ATTESTED, facts)
    return facts


NEEDED = {
    Kind.JOIN: ("who", "side"),
    Kind.LEAVE: ("who", "side"),
    Kind.BASELINE: ("subject",),
    Kind.RELEASE: ("subject", "reason", "reviewer"),
    Kind.STATEMENT: ("who", "reason"),
    Kind.ACCESS: ("who", "subject", "reason"),
}


def access(store: ledger.Store, who: str, subject: str, reason: str, day: date) -> None:
    """Log that somebody read what is kept apart: a text of the vault, an internal report."""
    write(store, Kind.ACCESS, author=who, who=who, subject=subject, reason=reason, day=day)


def _signed(facts: dict[str, Any]) -> bytes:
    bare = {name: value for name, value in facts.items() if name != "signatures"}
    return standalone.encoding(RECORD, ledger.canonical(bare))


def records(store: ledger.Store) -> list[Record]:
    """All records of a ledger, in the order of their times; an entry that is none of ours in form is left out."""
    found = []
    for entry in ledger.read(store):
        if isinstance(entry, ledger.Entry) and entry.kind in (ATTESTED, ACCESS):
            record = of_entry(entry)
            if record is not None:
                found.append(record)
    return sorted(found, key=lambda one: (one.time, one.entry))


def of_entry(entry: ledger.Entry) -> Record | None:
    """The record that an entry is."""
    facts = entry.facts
    texts = {name: facts.get(name, "") for name in TEXTS}
    matched = facts.get("matched", 0)
    signatures = facts.get("signatures", [])
    if facts.get("record") not in list(Kind) or not all(isinstance(one, str) for one in texts.values()):
        return None
    if not isinstance(matched, int) or not isinstance(signatures, list):
        return None
    pairs = []
    for one in signatures:
        if not isinstance(one, dict) or not all(isinstance(one.get(part), str) for part in ("keyid", "sig")):
            return None
        pairs.append((one["keyid"], one["sig"]))
    at = f"{entry.shard}:{entry.number}"
    return Record(entry.time, at, facts["record"], **texts, matched=matched, signatures=tuple(pairs))


TEXTS = ("who", "name", "side", "zone", "day", "reason", "clause", "reviewer", "subject", "verdict", "author")


def is_signed_by(entry: ledger.Entry, key: Key) -> bool:
    """Whether a record is signed by this key, over all that it says."""
    for one in entry.facts.get("signatures") or []:
        try:
            signature = base64.b64decode(one["sig"], validate=True)
        except (ValueError, TypeError, KeyError):
            continue
        if standalone.is_signed(key, signature, _signed(entry.facts)):
            return True
    return False


def standing(found: Iterable[Record], day: str) -> dict[str, set[tuple[str, str]]]:
    """On which sides of which zones each person stands on a day, from joining until the day of leaving."""
    sides: dict[str, set[tuple[str, str]]] = {}
    moves = [one for one in found if one.kind in (Kind.JOIN, Kind.LEAVE) and one.day <= day]
    for one in sorted(moves, key=lambda one: (one.day, one.time, one.entry)):
        place = (one.side, one.zone)
        (set.add if one.kind == Kind.JOIN else set.discard)(sides.setdefault(one.who, set()), place)
    return {who: places for who, places in sorted(sides.items()) if places}


def on_both_sides(found: Iterable[Record], day: str) -> dict[str, list[str]]:
    """Who stands on both sides of a zone on a day, with the zones. A record without a zone is of every zone."""
    both: dict[str, list[str]] = {}
    for who, places in standing(found, day).items():
        clean = {zone for side, zone in places if side == Side.CLEAN}
        exposed = {zone for side, zone in places if side == Side.EXPOSED}
        everywhere = ("" in clean and exposed) or ("" in exposed and clean)
        zones = sorted(clean | exposed if everywhere else clean & exposed)
        if zones:
            both[who] = zones
    return both
