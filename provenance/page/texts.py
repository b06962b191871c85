"""The texts behind findings, side by side: what the dataset has, and what the vault has of the matched output.

A text is shown only if it is the one that was scanned, by its digest. The vault is a folder apart from store and index,
of files named by ingredient id; each one that is opened is logged in the ledger before it is read.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from provenance import dataset, entries, fingerprint, ledger, store
from provenance.errors import DatasetError, StoreError
from provenance.evidence import records
from provenance.fingerprint import RECIPE
from provenance.model import Ingredient, Similarity
from provenance.page.html import visible
from provenance.page.rows import Table

SHOWN = 1_000
"""Findings whose text is shown, the most severe first."""
MATCHES = 3
"""Matches of one finding that are shown side by side."""
ROOM = 8 << 20
"""Characters of all excerpts together."""
CONTEXT = 600
"""Bytes before and behind a matched span, at most three lines of them."""
LINES = 3
SPAN = 4_000
"""Bytes of a matched span; of a longer one the beginning and the end are shown."""
LARGEST = 8 << 20
"""Bytes of a file in the vault."""


class Excerpt(msgspec.Struct, frozen=True):
    """A span of a text with what stands around it."""

    before: str
    matched: str
    after: str


class Held(NamedTuple):
    """What a vault has of one output."""

    text: bytes
    passages: tuple[int, ...]
    """Tokens of each passage."""
    is_verified: bool
    """Whether the store says that this is the text."""


def excerpt(text: bytes, start: int, end: int) -> Excerpt:
    """The bytes from ``start`` to ``end`` with some lines around, every character visible."""
    start, end = max(0, min(start, len(text))), max(0, min(end, len(text)))
    before = text[max(0, start - CONTEXT) : start]
    after = text[end : end + CONTEXT]
    before = b"\n".join(before.split(b"\n")[-LINES - 1 :])
    after = b"\n".join(after.split(b"\n")[: LINES + 1])
    matched = text[start:end]
    if len(matched) > SPAN:
        half = SPAN // 2
        left = len(matched) - 2 * half
        matched = matched[:half] + f"\n… {left:,} bytes more …\n".encode() + matched[-half:]
    return Excerpt(*(visible(part.decode("utf-8", "replace")) for part in (before, matched, after)))


def beside(
    table: Table, files: Sequence[str], places: Sequence[str], vault: Path | None, target: Path | None, report: str
) -> tuple[dict[int, list[dict[str, Any]]], str]:
    """The excerpts of the first findings by their numbers, and a sentence on what could not be shown.

    ``files`` are the dataset's as the scan names them, ``places`` where they lie now; ``target`` is the store in whose
    ledger the vault's accesses are logged, ``report`` the digest of the report they are for.
    """
    wanted = range(min(SHOWN, table.count))
    ours = dict(_texts(table, wanted, files, places)) if places else {}
    held = _opened(table, wanted, vault, target, report) if vault is not None else {}
    shown: dict[int, list[dict[str, Any]]] = {}
    room = ROOM
    for number in wanted:
        found = []
        for one in _shown_matches(table, number):
            pair: dict[str, Any] = {"match": one - table.first[number]}
            span = table.numbers["start"][one], table.numbers["end"][one]
            if number in ours:
                pair["ours"] = msgspec.to_builtins(excerpt(ours[number], *span))
            theirs = held.get(table.match["ingredient"].at(one))
            if theirs is not None:
                first, last = table.numbers["ingredient_start"][one], table.numbers["ingredient_end"][one]
                pair["theirs"] = msgspec.to_builtins(excerpt(theirs.text, *_bytes_of(theirs, first, last)))
                pair["verified"] = theirs.is_verified
            if len(pair) > 1:
                found.append(pair)
                room -= sum(len(side[part]) for name in ("ours", "theirs") if (side := pair.get(name)) for part in side)
        if found and room > 0:
            shown[number] = found
    return shown, _note(table, shown, ours, places, vault)


def _note(
    table: Table, shown: dict[int, Any], ours: dict[int, bytes], places: Sequence[str], vault: Path | None
) -> str:
    first = min(SHOWN, table.count)
    said = [f"Text is shown for {len(shown):,} of {table.count:,} findings (of the first {first:,} at most)."]
    if places:
        absent = first - len(ours)
        if absent:
            said.append(
                f"Of {absent:,} the dataset has no such text where the scan found it: it has changed, is not at this "
                "place, or the finding is of a file as a whole."
            )
    else:
        said.append("The dataset was not given.")
    if vault is None:
        said.append("No text vault was given: outputs are known by their fingerprints alone.")
    return " ".join(said)


def _shown_matches(table: Table, number: int) -> list[int]:
    """The matches of a finding with a text to compare, the one with most tokens first."""
    none = str(Similarity.NONE)
    ones = range(table.first[number], table.first[number + 1])
    alike = [one for one in ones if table.match["similarity"].at(one) != none]
    return sorted(alike, key=lambda one: (-table.numbers["tokens"][one], one))[:MATCHES]


def _texts(
    table: Table, wanted: Iterable[int], files: Sequence[str], places: Sequence[str]
) -> Iterator[tuple[int, bytes]]:
    """The texts of these findings, where the dataset still has them."""
    by_file: dict[str, dict[int, dict[str, list[int]]]] = defaultdict(lambda: defaultdict(lambda: defaultdict(list)))
    trees = [name for name in files if name.endswith("/")]
    for number in wanted:
        file = table.finding["file"].at(number)
        if file not in files:
            file = next((tree for tree in trees if file.startswith(tree.removeprefix("./"))), file)
        by_file[file][table.rows[number]][table.contents[number]].append(number)
    found = dataset.discover(list(places))
    for file, rows in by_file.items():
        if (place := nearest(file, found)) is not None:
            yield from _of_file(place, rows)


def nearest(file: str, found: Sequence[str]) -> str | None:
    """The file that a scanned one most likely is now: of the same name, with the longest common end of the path."""
    parts = file.rstrip("/").split("/")

    def common(other: str) -> int:
        pairs = zip(reversed(parts), reversed(other.rstrip("/").split("/")), strict=False)
        return next((at for at, (one, two) in enumerate(pairs) if one != two), min(len(parts), other.count("/") + 1))

    alike = [other for other in found if other.endswith("/") == file.endswith("/")]
    if file.endswith("/") and len(alike) == 1:  # a folder may have been moved and renamed: digests decide
        return alike[0]
    best = max(alike, key=lambda other: (other == file, common(other)), default=None)
    return best if best is not None and common(best) else None


def _of_file(place: str, rows: dict[int, dict[str, list[int]]]) -> Iterator[tuple[int, bytes]]:
    import numpy as np

    asked = np.array(sorted(rows))
    plan = dataset.plan([place])
    if plan.problems:
        raise DatasetError("\n".join(plan.problems))
    first = 0
    for unit in plan.units:
        if unit.rows >= 0 and not ((asked >= first) & (asked < first + unit.rows)).any():
            first += unit.rows
            continue
        done = 0
        for batch in dataset.read(unit):
            done += batch.rows
            for texts in batch.texts:
                view = memoryview(texts.data)
                for at in np.flatnonzero(np.isin(texts.rows + first, asked)).tolist():
                    text = bytes(view[int(texts.offsets[at]) : int(texts.offsets[at + 1])])
                    digests = rows[int(texts.rows[at]) + first]
                    for number in digests.get(fingerprint.exact_digest(text).hex(), ()):
                        yield number, text
        first += done


def _opened(table: Table, wanted: Iterable[int], vault: Path, target: Path | None, report: str) -> dict[str, Held]:
    """What the vault has of the matched outputs; each access is in the ledger before it happens."""
    if target is None or not target.is_dir():
        raise StoreError(
            f"{vault}: a vault is opened beside a store only, whose ledger logs it (name one with --store)"
        )
    if not vault.is_dir():
        raise StoreError(f"{vault}: no folder (name the text vault)")
    names = {table.match["ingredient"].at(one) for number in wanted for one in _shown_matches(table, number)}
    there = {name: path for name in sorted(names) if (path := _file_of(vault, name)) is not None}
    key = ledger.key(target)
    who = ledger.pseudonym(key, entries.user())
    ledger.extend(
        target,
        [
            (
                records.ACCESS,
                {
                    "record": str(records.Kind.ACCESS),
                    "who": who,
                    "author": who,
                    "subject": name,
                    "reason": f"its text was taken from the vault for the report on {report}",
                },
            )
            for name in there
        ],
    )
    known = _known(target, set(there))
    return {name: _held(path.read_bytes(), known.get(name)) for name, path in there.items()}


def _file_of(vault: Path, name: str) -> Path | None:
    """The file of an output; none for a name that is no ingredient's id, or a file that is none of ours."""
    if not re.fullmatch(r"[0-9a-f]{32}", name):
        return None
    for path in (vault / name, vault / f"{name}.txt"):
        if path.is_file() and not path.is_symlink() and path.stat().st_size <= LARGEST:
            return path
    return None


def _known(target: Path, names: set[str]) -> dict[str, Ingredient]:
    if not names or not (target / "store").is_dir():
        return {}
    return {one.id: one for one in store.read(target) if one.id in names}


def _held(text: bytes, ingredient: Ingredient | None) -> Held:
    """A file of the vault; its passages are the store's, else what stands between form feeds."""
    if ingredient is not None and fingerprint.exact_digest(text) == ingredient.whole.digest:
        return Held(text, tuple(one.tokens for one in ingredient.passages), True)
    return Held(text, tuple(len(fingerprint.engine.tokens(part)) for part in text.split(b"\f")), False)


def _bytes_of(held: Held, first: int, last: int) -> tuple[int, int]:
    """The bytes of a span of tokens, counted through the passages with a gram's length between them."""
    spans = fingerprint.engine.tokens(held.text)
    if not spans or first >= last:
        return 0, 0

    def at(position: int) -> int:
        begun = counted = 0
        for tokens in held.passages:
            if position < begun + tokens:
                return counted + max(0, position - begun)
            begun, counted = begun + tokens + RECIPE.k, counted + tokens
        return counted - 1

    low, high = (min(max(0, at(one)), len(spans) - 1) for one in (first, last - 1))
    return spans[low][0], spans[high][1]
