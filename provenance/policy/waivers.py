"""Waivers: who set which finding aside, why, and until when. A file of their own, with its own owner.

It reads and selects them; ``judge`` applies them. Every way to fail leads to the finding being reported.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date, timedelta
from enum import StrEnum
from pathlib import Path

import msgspec

from provenance.errors import PolicyError
from provenance.policy import strict
from provenance.policy.findings import Applied, Standing
from provenance.policy.schema import Use, digest_of
from provenance.policy.strict import Wrong, shown

PLACE = "waivers.yaml"
"""Its name inside the store's folder."""
VERSION = 1
LONGEST = timedelta(days=366)
"""Nobody can say today what will be right in two years."""
REASON = 20
"""Characters of the shortest reason."""
LIMIT = 1 << 20
"""Bytes: some three thousand waivers, which YAML reads in ten seconds."""


class Basis(StrEnum):
    """On what ground a waiver stands."""

    LICENSED = "licensed"
    FALSE_POSITIVE = "false positive"
    OWN = "own prior work"
    NEGOTIATED = "negotiated terms"
    EXCEPTION = "permitted exception"
    AUTHORISED = "authorised"


class Waiver(msgspec.Struct, frozen=True):
    """One waiver: of one finding, or of every match with one recorded output."""

    id: str
    reason: str
    basis: Basis
    approver: str
    approved: date
    expires: date
    """The last day; at most 366 days after ``approved``."""
    finding: str = ""
    """The finding's id: 16 hex digits."""
    ingredient: str = ""
    """The recorded output's id: 32 hex digits. It still counts when the text around is edited."""
    rules: tuple[str, ...] = ()
    """Only what these rules stop; none given means any."""
    zones: tuple[str, ...] = ()
    uses: tuple[Use, ...] = ()
    reference: str = ""
    """A ticket, a contract."""


class _File(msgspec.Struct, frozen=True):
    version: int
    waivers: tuple[Waiver, ...]


class Waivers(msgspec.Struct, frozen=True):
    """The waivers of a file, with where it came from."""

    waivers: tuple[Waiver, ...] = ()
    source: str = ""
    digest: str = ""
    """Of the file's bytes: SHA-256, the first 32 hex digits; empty without a file."""
    content: bytes = b""


def load(path: Path) -> Waivers:
    """The waivers of a file; PolicyError where it is missing or malformed."""
    content = strict.read(path, "waiver", LIMIT)
    return Waivers(parse(content, str(path)), str(path), digest_of(content), content)


def beside(store: Path) -> Waivers:
    """The waivers that lie in the store's folder; none where there is no such file."""
    path = store / PLACE
    return load(path) if path.exists() else Waivers()


def parse(content: bytes, where: str) -> tuple[Waiver, ...]:
    """Waivers from YAML. Whatever the bytes, waivers or a PolicyError that names the place in ``where``."""
    raw = strict.document(content, where, "waiver", LIMIT)
    try:
        if not isinstance(raw, dict):
            raise Wrong("a waiver file is a mapping with version and waivers")
        if type(raw.get("version")) is not int or raw["version"] != VERSION:
            given = shown(raw["version"]) if "version" in raw else "missing"
            raise Wrong(f"version: {given} (this tool reads 'version: {VERSION}')")
        read = strict.struct(_File, raw).waivers
        _check(read)
    except Wrong as error:
        raise PolicyError(f"{where}: {error}") from None
    return read


def _check(waivers: tuple[Waiver, ...]) -> None:
    seen: set[str] = set()
    for i, one in enumerate(waivers):
        if not one.id:
            raise Wrong(f"waivers[{i}].id: empty (reports name the waiver by it)")
        at = f"waivers[{i}] ({one.id})"
        if one.id in seen:
            raise Wrong(f"{at}: two waivers have this id (give each its own)")
        seen.add(one.id)
        if bool(one.finding) == bool(one.ingredient):
            raise Wrong(f"{at}: give either the id of a finding or of an ingredient")
        if one.finding and not re.fullmatch("[0-9a-f]{16}", one.finding):
            raise Wrong(f"{at}: finding: {shown(one.finding)} (16 hex digits, as reports have it)")
        if one.ingredient and not re.fullmatch("[0-9a-f]{32}", one.ingredient):
            raise Wrong(f"{at}: ingredient: {shown(one.ingredient)} (32 hex digits, as reports have it)")
        if len(one.reason) < REASON:
            raise Wrong(f"{at}: reason: {shown(one.reason)} (say in {REASON} characters or more why it is right)")
        if not one.approver:
            raise Wrong(f"{at}: approver: empty (who answers for it)")
        if one.expires < one.approved:
            raise Wrong(f"{at}: expires {one.expires}, before it was approved on {one.approved}")
        if one.expires - one.approved > LONGEST:
            raise Wrong(
                f"{at}: expires {one.expires}, more than a year after {one.approved} "
                f"({one.approved + LONGEST} at the latest; then ask again)"
            )


def covers(waiver: Waiver, zone: str, use: Use | None) -> bool:
    """Whether a waiver speaks of a zone and use at all; of a use that nobody said only if it names none."""
    return (not waiver.zones or zone in waiver.zones) and (not waiver.uses or use in waiver.uses)


def standing(waiver: Waiver, today: date | None) -> Standing:
    """Whether a waiver is in force; without a day it counts as expired."""
    if today is None or today > waiver.expires:
        return Standing.EXPIRED
    return Standing.EARLY if today < waiver.approved else Standing.WAIVED


def best(waivers: Iterable[Waiver], today: date | None) -> Waiver | None:
    """Of several the one that is in force, of equals the one that stands first in the file."""
    order = list(Standing)
    return min(waivers, key=lambda one: order.index(standing(one, today)), default=None)


def applied(waiver: Waiver, state: Standing) -> Applied:
    """A waiver as findings carry it."""
    return Applied(state, waiver.id, waiver.reason, str(waiver.basis), waiver.approver, waiver.expires.isoformat())
