"""What is to be looked at in the registry: changes, faults of form, texts that moved on. It changes no row."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from datetime import date
from typing import NamedTuple

from provenance.terms.rows import Row, Verification

LONGEST = 25
"""Words of a quotation."""


class Change(NamedTuple):
    """What happened to a clause on a day."""

    what: str
    """began, changed, ended or repeated (the document got a new date, the clause kept its words)."""
    day: date
    row: Row
    before: Row | None = None
    """Of a change, the row that was superseded."""


class Fault(NamedTuple):
    """Something that a person should mend in a file of terms."""

    kind: str
    """overlap, gap, quotation, source, id or order."""
    row: str
    what: str


class Seen(NamedTuple):
    """A document as an archive has it."""

    day: date
    """Of the newest version."""
    commit: str
    text: str
    versions: tuple[tuple[date, str], ...]
    """The day and commit of each version that can be told apart, from the oldest."""


class Reviewed(NamedTuple):
    """What an archive has to say of the rows on one document."""

    document: str
    """Provider and document."""
    path: str
    """In the archive; empty where the archive lacks the document."""
    read: date | None
    """The last day of which the registry's wording is known, by its verified rows if it has any."""
    newest: date | None
    commit: str
    later: int
    """Versions since the last reading."""
    gone: tuple[str, ...]
    """Ids of rows in force whose quotation does not stand in the newest version."""
    standing: int
    """Rows in force whose quotation stands there."""
    older: int
    """Rows in force whose quotation does not stand there, and which were read after that version."""


def changes(rows: Iterable[Row], since: date, until: date) -> list[Change]:
    """What began, changed, ended or was repeated after the first day and up to the last one, in order of time."""
    held = {one.id: one for one in rows}
    superseded = {one.supersedes for one in held.values()}
    found = []
    for row in held.values():
        if row.since is not None and since < row.since <= until:
            before = held.get(row.supersedes)
            found.append(Change("changed" if before else "began", row.since, row, before))
        if row.until is not None and since < row.until <= until and row.id not in superseded:
            found.append(Change("ended", row.until, row))
        found.extend(Change("repeated", day, row) for day in row.repeated if since < day <= until)
    return sorted(found, key=lambda one: (one.day, one.row.id, one.what))


# ---- faults ----


def lint(rows: Iterable[Row]) -> list[Fault]:
    """The faults of rows that no type refuses: overlaps, gaps, long quotations, missing sources, odd ids and orders."""
    held = list(rows)
    by_id = {one.id: one for one in held}
    found = [fault for row in held for fault in (*_own_faults(row), *_chain_faults(row, by_id))]
    found.extend(_overlaps(held))
    return sorted(set(found), key=lambda one: (one.row, one.kind, one.what))


def _own_faults(row: Row) -> list[Fault]:
    found = []

    def fault(kind: str, what: str) -> None:
        found.append(Fault(kind, row.id, what))

    count = words(row.quotation)
    if count > LONGEST:
        fault("quotation", f"{count} words (at most {LONGEST})")
    is_verified = row.verification is Verification.VERIFIED
    if is_verified and not row.quotation and row.verdict not in ("silent", "unread"):
        fault("quotation", "verified, and quotes nothing")
    if not row.url and not row.read:
        fault("source", "neither the document's url nor where it was read")
    if is_verified and row.retrieved is None:
        fault("source", "verified, and no day on which it was retrieved")
    if not is_verified and not row.note:
        fault("source", f"{row.verification}, and no note says what it rests on")
    if row.verdict == "unread" and row.verification is not Verification.UNVERIFIED:
        fault("source", "a text that was not read cannot be verified")
    if not row.is_private:
        day = row.since.isoformat() if row.since else "undated"
        if not row.id.startswith(f"{row.provider}.{row.document}.{day}."):
            fault("id", f"does not begin with {row.provider}.{row.document}.{day}.")
    if list(row.repeated) != sorted(row.repeated) or any(row.since and day <= row.since for day in row.repeated):
        fault("order", "repeated: days after from, the oldest first")
    if row.until and any(day >= row.until for day in row.repeated):
        fault("order", "repeated after it has ended")
    return found


def _chain_faults(row: Row, by_id: Mapping[str, Row]) -> list[Fault]:
    """Where one wording follows another, the old one ends on the day on which the new one begins."""
    if not row.supersedes:
        return []
    before = by_id.get(row.supersedes)
    if before is None:
        return [Fault("order", row.id, f"supersedes {row.supersedes}, which is not there")]
    if before.until is None or row.since is None or before.until > row.since:
        end = before.until or "never"
        return [Fault("overlap", row.id, f"begins {row.since}, and what it supersedes, {before.id}, ends {end}")]
    if before.until < row.since:
        return [Fault("gap", row.id, f"begins {row.since}, and what it supersedes, {before.id}, ended {before.until}")]
    return []


def _overlaps(rows: list[Row]) -> list[Fault]:
    """Rows on one clause of one document that say one thing twice on the same day to the same people."""
    found = []
    groups: dict[tuple[str, ...], list[Row]] = {}
    for row in rows:
        if not row.is_private:
            groups.setdefault((row.provider, row.document, row.clause, row.kind), []).append(row)
    for held in groups.values():
        held.sort(key=lambda one: (one.since or date.min, one.id))
        for i, one in enumerate(held):
            for other in held[i + 1 :]:
                # An unconfirmed wording ends no other: both stand until someone has read it.
                is_due = other.supersedes == one.id or Verification.UNVERIFIED in {one.verification, other.verification}
                if not is_due and _same_day(one, other) and _same_people(one, other):
                    found.append(Fault("overlap", other.id, f"holds on the same days as {one.id}, of the same clause"))
    return found


def _same_day(one: Row, other: Row) -> bool:
    return (one.until or date.max) > (other.since or date.min) and (other.until or date.max) > (one.since or date.min)


def _same_people(one: Row, other: Row) -> bool:
    pairs = (
        (one.models, other.models),
        (one.channel, other.channel),
        (one.plan, other.plan),
        (one.region, other.region),
        (one.uses, other.uses),
    )
    return all(not a or not b or set(a) & set(b) for a, b in pairs)


def words(quotation: str) -> int:
    """How many words a quotation has; in scripts without spaces every character counts as one."""
    count = 0
    for word in quotation.split():
        wide = sum(unicodedata.east_asian_width(char) in "WF" and char.isalnum() for char in word)
        count += wide or any(char.isalnum() for char in word)
    return count


# ---- texts that moved on ----


def archived(rows: Iterable[Row]) -> dict[str, date | None]:
    """The archive paths of every document that has a row in force, and the last day on which such a row was read."""
    held: dict[str, list[Row]] = {}
    for row in rows:
        if row.until is None:
            for path in row.archive:
                held.setdefault(path, []).append(row)
    return {path: _last_read(of) for path, of in held.items()}


def _last_read(rows: Iterable[Row]) -> date | None:
    """What is not verified does not make a reading newer."""
    held = [row for row in rows if row.retrieved]
    verified = [row for row in held if row.verification is Verification.VERIFIED]
    return max((row.retrieved for row in verified or held if row.retrieved), default=None)


def review(rows: Iterable[Row], seen: Mapping[str, Seen]) -> list[Reviewed]:
    """What the newest versions of an archive say of the rows in force, by document; ``seen`` is by path."""
    documents: dict[tuple[str, tuple[str, ...]], list[Row]] = {}
    for row in rows:
        if row.until is None and row.archive:
            documents.setdefault((f"{row.provider}.{row.document}", row.archive), []).append(row)
    found = []
    for (name, paths), held in sorted(documents.items()):
        read = _last_read(held)
        there = [path for path in paths if path in seen]
        if not there:
            found.append(Reviewed(name, "", read, None, "", 0, (), 0, 0))
            continue
        path = max(there, key=lambda one: seen[one].day)
        newest = seen[path]
        later = sum(read is None or day > read for day, _ in newest.versions)
        quoted = [row for row in held if row.quotation]
        missing = [row for row in quoted if not stands(row.quotation, newest.text)]
        gone = tuple(row.id for row in missing if row.retrieved is None or row.retrieved <= newest.day)
        standing, older = len(quoted) - len(missing), len(missing) - len(gone)
        found.append(Reviewed(name, path, read, newest.day, newest.commit, later, gone, standing, older))
    return found


_LINK = re.compile(r"\]\((?:[^()\s]|\([^()\s]*\))*(?:\s+\"[^\"]*\")?\)")
_ESCAPED = re.compile(r"\\([!-/:-@\[-`{-~])")
_MARKS = str.maketrans({**dict.fromkeys("*_`[]#>\u2060\u200b\ufeff", ""), **dict(zip("“”‘’", "\"\"''", strict=True))})


def stands(quotation: str, text: str) -> bool:
    """Whether the parts of a quotation stand in a text in their order.

    White space, Markdown's marks, typographic quotes and the size of letters make no difference.
    """
    text = _bare(text)
    at = 0
    for part in re.split(r"\s*(?:…|\.{3})\s*", quotation):
        bare = _bare(part)
        at = text.find(bare, at)
        if at < 0:
            return False
        at += len(bare)
    return True


def _bare(text: str) -> str:
    """One line of small letters without marks."""
    return " ".join(_ESCAPED.sub(r"\1", _LINK.sub("", text)).translate(_MARKS).lower().split())
