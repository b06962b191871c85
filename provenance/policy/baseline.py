"""A baseline: what was found when the tool was adopted, each with what is to become of it. One line an entry.

JSON lines, sorted, without times, rows or file names: two branches' baselines merge line by line, and a merge that
left two opinions of one finding is an error that names both lines.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any

import msgspec

from provenance import files
from provenance.errors import PolicyError
from provenance.policy import strict
from provenance.policy.findings import Finding, Judged
from provenance.policy.schema import STOPS, Level, digest_of
from provenance.policy.strict import nearest, shown

PLACE = "baseline.jsonl"
"""Its name inside the store's folder."""
VERSION = 1
LIMIT = 1 << 30


class Disposition(StrEnum):
    """What is to become of a baselined finding."""

    TODO = "todo"
    """Nobody has looked. It does not fail a run, and is counted and named until somebody did."""
    REMOVE = "remove"
    """It is to be taken out; a split holds it."""
    ACCEPTED = "accepted"
    FALSE_POSITIVE = "false-positive"
    WAIVED = "waived"
    """A waiver says so: it counts as long as that one does, and the entry by itself sets nothing aside."""


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One finding of the baseline."""

    finding: str
    disposition: Disposition
    rule: str = ""
    """Which rule decided when it was written: for whoever reads the file."""
    origins: tuple[str, ...] = ()
    """Providers and models, likewise."""
    note: str = ""
    """Who decided, and why."""


class Baseline(msgspec.Struct, frozen=True):
    """The entries of a file by finding, with where it came from."""

    entries: dict[str, Entry] = {}
    source: str = ""
    digest: str = ""
    """Of the file's bytes: SHA-256, the first 32 hex digits; empty without a file."""
    content: bytes = b""

    def having(self, disposition: Disposition) -> list[Entry]:
        """The entries with a disposition, sorted by finding."""
        return [one for _, one in sorted(self.entries.items()) if one.disposition is disposition]


def load(path: Path) -> Baseline:
    """The baseline of a file; PolicyError where it is missing or malformed."""
    content = strict.read(path, "baseline", LIMIT)
    return Baseline(parse(content, str(path)), str(path), digest_of(content), content)


def beside(store: Path) -> Baseline:
    """The baseline that lies in the store's folder; an empty one where there is no such file."""
    path = store / PLACE
    return load(path) if path.exists() else Baseline()


def parse(content: bytes, where: str) -> dict[str, Entry]:
    """Entries from lines. Whatever the bytes, entries or a PolicyError that names the line in ``where``."""
    if len(content) > LIMIT:
        raise PolicyError(f"{where}: larger than {LIMIT:,} bytes, which no baseline is (name a baseline file)")
    found: dict[str, tuple[int, Entry]] = {}
    headed = False
    for number, line in enumerate(content.splitlines(), 1):
        if not line.strip():
            continue
        at = f"{where}: line {number}"
        raw = _object(line, at)
        if "baseline" in raw:
            if raw != {"baseline": VERSION}:
                raise PolicyError(f"{at}: {shown(raw)} (this tool reads baselines of version {VERSION})")
            headed = True
            continue
        entry = _entry(raw, at)
        before = found.setdefault(entry.finding, (number, entry))
        if before[1].disposition is not entry.disposition:
            raise PolicyError(
                f"{at}: {entry.finding} is '{entry.disposition}' here and '{before[1].disposition}' in line "
                f"{before[0]} (keep one)"
            )
        if (entry.note, entry.rule) > (before[1].note, before[1].rule):  # whichever branch's line comes first
            found[entry.finding] = (before[0], entry)
    if not headed:
        raise PolicyError(f"{where}: no line {{\"baseline\":{VERSION}}} (a baseline is what 'baseline write' leaves)")
    return {name: entry for name, (_, entry) in found.items()}


def _object(line: bytes, at: str) -> dict[str, Any]:
    try:
        raw = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        merge = line.startswith((b"<<<<<<<", b"=======", b">>>>>>>"))
        hint = "a merge conflict: keep the lines of both sides" if merge else "one JSON object a line"
        raise PolicyError(f"{at}: not JSON: {error} ({hint})") from error
    if not isinstance(raw, dict):
        raise PolicyError(f"{at}: {shown(raw)} is not an object")
    return raw


def _entry(raw: dict[str, Any], at: str) -> Entry:
    word = raw.get("disposition")
    if word not in list(Disposition):
        missing = "no 'disposition'" if word is None else f"disposition: {shown(word)} is not known"
        raise PolicyError(f"{at}: {missing} ({nearest(word, list(Disposition))})")
    for key in raw:
        if key not in Entry.__struct_fields__:
            raise PolicyError(f"{at}: unknown key {shown(key)} ({nearest(key, Entry.__struct_fields__)})")
    try:
        entry = msgspec.convert(raw, Entry)
    except msgspec.ValidationError as error:
        raise PolicyError(f"{at}: {error}") from error
    if len(entry.finding) != 16 or not set(entry.finding) <= set("0123456789abcdef"):
        raise PolicyError(f"{at}: finding: {shown(entry.finding)} (16 hex digits, as reports have it)")
    for text in (entry.rule, entry.note, *entry.origins):
        if not text.isprintable():
            raise PolicyError(f"{at}: {shown(text)} has characters that cannot be printed (reports print it)")
    return entry


def encode(entries: Iterable[Entry]) -> bytes:
    """The file: a header, then the entries sorted; the same entries, the same bytes."""
    lines = sorted(msgspec.json.encode(_bare(one)) for one in entries)
    return b"\n".join([msgspec.json.encode({"baseline": VERSION}), *lines, b""])


def _bare(entry: Entry) -> dict[str, Any]:
    """An entry without what is empty."""
    facts: dict[str, Any] = msgspec.to_builtins(entry)
    return {key: value for key, value in facts.items() if value}


def write(path: Path, entries: Iterable[Entry]) -> None:
    """Replace the file in one step."""
    with files.replacing(path) as file:
        file.write(encode(entries))


def stops(finding: Finding) -> bool:
    """Whether a finding is one for a baseline: it fails a run, and no hard rule says so."""
    stopped = _stopped(finding)
    return bool(stopped) and all(one.level is not Level.HARD for one in stopped)


def entry(finding: Finding) -> Entry:
    """A finding as a new entry, on which nobody has decided."""
    origins = {f"{one.match.origin.provider} {one.match.origin.model}" for one in _stopped(finding)}
    clean = sorted("".join(c if c.isprintable() else "?" for c in one) for one in origins)
    return Entry(finding.id, Disposition.TODO, finding.rule, tuple(clean))


def _stopped(finding: Finding) -> list[Judged]:
    return [one for one in finding.matches if one.action in STOPS]


class Merged(msgspec.Struct, frozen=True):
    """A baseline brought up to date."""

    entries: tuple[Entry, ...]
    added: int
    kept: int
    """Entries that still match; they keep disposition and note."""
    gone: int
    """Entries that match nothing any more."""


def merge(old: Mapping[str, Entry], new: Mapping[str, Entry], prune: bool = False) -> Merged:
    """The new entries beside the old ones, which keep what was decided; ``prune`` takes out what no longer matches."""
    kept = old.keys() & new.keys()
    gone = old.keys() - new.keys()
    entries = {**new, **old}
    if prune:
        entries = {name: one for name, one in entries.items() if name not in gone}
    return Merged(tuple(one for _, one in sorted(entries.items())), len(new) - len(kept), len(kept), len(gone))
