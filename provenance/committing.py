"""What commits, the staging area and the working tree add, against records and index: only added lines.

What the ledger and the captures of the store record of added lines is told first, by content, however short it is. For
the index a unit is one stretch of added lines with some lines around it, so that a copy is seen whole where its ends
were there before; a match stands where enough of what it verifies was added. It judges by what it is given and keeps
no state.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from provenance import fingerprint, git, hints, matching
from provenance.index import Index
from provenance.model import Address, Grade, Match, Origin, Similarity, Skipped, Status
from provenance.policy import Finding, Judging

if TYPE_CHECKING:
    from provenance.tagging.lines import Known, Tag

CONTEXT = 12
"""Lines around added ones that a unit holds, and of how many between two stretches one unit is made."""
LEAST = 13
"""Tokens of a matched stretch that were added: half of the least run that makes a near copy. With fewer, it is the text
around that matches, which was there before."""


class Unit(NamedTuple):
    """Added lines of one file with their context."""

    path: str
    text: bytes
    line: int
    """The number of its first line in the file, from 1."""
    start: int
    """Where it begins in the file, in bytes."""
    added: tuple[tuple[int, int], ...]
    """The stretches that were added: first and last byte (end exclusive) within ``text``."""


class Added(NamedTuple):
    """A changed file: its path, its bytes after the change, and the stretches of lines that the change adds."""

    path: str
    data: bytes
    hunks: tuple[git.Hunk, ...]


def staged(repository: Path, index: str = "") -> Iterator[Added | Skipped]:
    """What the staging area adds; ``index`` is GIT_INDEX_FILE in a hook."""
    yield from _added(repository, git.staged(repository, index))


def worktree(repository: Path) -> Iterator[Added | Skipped]:
    """What the working tree adds to HEAD, untracked files included."""
    root = git.root(repository)
    for one in git.worktree(repository):
        path = root / one.path
        if not one.hunks:
            if one.is_binary:
                yield Skipped(one.path, "a binary file")
            continue
        try:
            yield Added(one.path, path.read_bytes(), one.hunks)
        except OSError as error:
            yield Skipped(one.path, f"cannot be read: {error.strerror}")


def commits(repository: Path, revisions: Sequence[str]) -> Iterator[Added | Skipped]:
    """What each of the commits adds to its first parent, from the oldest."""
    of = list(git.commits(repository, revisions))
    for commit, changes in git.changes(repository, of):
        if changes is None:
            yield Skipped(commit.sha, "a commit whose parent is not here (a shallow clone?)")
        else:
            yield from _added(repository, changes)


def _added(repository: Path, changes: Iterable[git.Change]) -> Iterator[Added | Skipped]:
    with git.objects(repository) as read:
        for one in changes:
            if one.is_binary:
                yield Skipped(one.path, f"a binary file, or one of more than {git.LARGEST >> 20} MiB")
            elif one.hunks:
                found = read(one.new)
                if found is None:
                    yield Skipped(one.path, "its content is not in the repository")
                else:
                    yield Added(one.path, found.data, one.hunks)


def units(file: Added) -> Iterator[Unit]:
    """The units of a changed file: stretches of added lines at most CONTEXT lines apart, with as many around."""
    lines = _lines(file.data)
    places = [0]
    for line in lines:
        places.append(places[-1] + len(line))
    spans = sorted((hunk.first - 1, min(len(lines), hunk.first - 1 + len(hunk.lines))) for hunk in file.hunks)
    groups: list[list[tuple[int, int]]] = []
    for first, end in spans:
        if first >= end:
            continue
        if groups and first - groups[-1][-1][1] <= CONTEXT:
            groups[-1].append((first, end))
        else:
            groups.append([(first, end)])
    for group in groups:
        low, high = max(0, group[0][0] - CONTEXT), min(len(lines), group[-1][1] + CONTEXT)
        start = places[low]
        added = tuple((places[first] - start, places[end] - start) for first, end in group)
        yield Unit(file.path, file.data[start : places[high]], low + 1, start, added)


def _lines(data: bytes) -> list[bytes]:
    """Lines as git counts them: by newline only, each with its own."""
    return [line + b"\n" for line in data.split(b"\n")[:-1]] + [data.rpartition(b"\n")[2]]


def check(
    files: Iterable[Added], index: Index | None, judge: Judging, store: Path | None = None, similar: bool = False
) -> Iterator[Finding]:
    """The findings of what was added, file by file: by the records of a store, by the index, and by what a file says
    of itself in added lines; lines are those of the files.

    A file of whose added lines one unit is made has one finding; where it is new as a whole, that is the finding of the
    file's text, with the same id. Of another, each unit that the index knows is a finding, and what records and the
    file itself say of all its added lines is one more. What is recorded is not told again by the index. StoreError
    where store or index is damaged.
    """
    files = list(files)
    recorded = _recorded(files, store, index) if store is not None else {}
    stretches = [list(units(file)) for file in files]
    indexed = _matched(stretches, index, recorded, similar) if index is not None else {}
    for number, file in enumerate(files):
        of_all = (*recorded.get(number, ()), *_declared(file))
        parts = indexed.get(number, [])
        if len(stretches[number]) == 1:  # one text, which is that of the file where all of it was added
            of_all = (*of_all, *(match for _, matches in parts for match in matches))
            parts = []
        if of_all:
            yield _finding(file, _text(file), of_all, judge)
        for unit, matches in parts:
            yield _finding(file, b"\n".join(unit.text[first:end] for first, end in unit.added), matches, judge)


def _finding(file: Added, text: bytes, matches: tuple[Match, ...], judge: Judging) -> Finding:
    """Of text that a change adds to a file."""
    return judge(Address(file.path, 0, ""), fingerprint.exact_digest(text).hex(), _tokens(text), matches)


def _text(file: Added) -> bytes:
    rows = _lines(file.data)
    return b"".join(rows[line - 1] for hunk in file.hunks for line in _numbers(hunk))


def _recorded(files: list[Added], store: Path, index: Index | None) -> dict[int, tuple[Match, ...]]:
    """By the file's number: of what is recorded of its added lines, a match an output."""
    from provenance.tagging import lines as tags

    asked = [
        tags.Text((file.path,), file.data, {at: "" for hunk in file.hunks for at in _numbers(hunk)}) for file in files
    ]
    found = tags.find(asked, store, settled=index is None or not _covers(index, store))
    told: dict[int, tuple[Match, ...]] = {}
    for number, (file, lines) in enumerate(zip(files, found.lines, strict=True)):
        by_output: dict[str, dict[int, Tag]] = {}
        for line, tag in sorted(lines.items()):
            by_output.setdefault(tag.ingredient, {})[line] = tag
        if by_output:
            told[number] = tuple(_match(file, of, found.known[name]) for name, of in by_output.items())
    return told


def _covers(index: Index, store: Path) -> bool:
    """Whether the index is the store's own and no younger ingredient lies beside it."""
    if index.path.resolve() != (store / "index").resolve():
        return False
    made = (index.path / "manifest.json").stat().st_mtime_ns
    return all(file.stat().st_mtime_ns <= made for file in (store / "store").rglob("*") if file.is_file())


def _numbers(hunk: git.Hunk) -> range:
    return range(hunk.first, hunk.first + len(hunk.lines))


def _match(file: Added, lines: dict[int, Tag], known: Known) -> Match:
    """Added lines that are recorded as one output."""
    runs: list[list[int]] = []
    for line in lines:
        if runs and line == runs[-1][-1] + 1:
            runs[-1].append(line)
        else:
            runs.append([line])
    longest = max(runs, key=lambda run: sum(lines[line].tokens for line in run))
    rows = _lines(file.data)
    start = sum(map(len, rows[: longest[0] - 1]))
    similarity = min((tag.similarity for tag in lines.values()), key=tuple(Similarity).index)
    tokens = sum(tag.tokens for tag in lines.values())
    return Match(
        ingredient=next(iter(lines.values())).ingredient,
        origin=Origin(**known.origin),
        evidence=known.evidence,
        kind="output",
        status=Status.UNKNOWN,
        path="",
        similarity=similarity,
        grade=_grade(similarity, tokens),
        tokens=tokens,
        verbatim=0 if similarity is Similarity.RENAMED else tokens,
        run=sum(lines[line].tokens for line in longest),
        rarity=1,
        unit_coverage=min(1.0, tokens / max(1, _tokens(_text(file)))),
        ingredient_coverage=0.0,
        jaccard=0.0,
        start=start,
        end=start + sum(len(rows[line - 1]) for line in longest),
        first_line=longest[0],
        last_line=longest[-1],
        ingredient_start=0,
        ingredient_end=0,
        others=0,
    )


def _grade(similarity: Similarity, tokens: int) -> Grade:
    """A recorded edit is a copy however short; what is only alike must be as long as the promise."""
    if similarity is Similarity.RECORDED:
        return Grade.COPIED
    if tokens < fingerprint.RECIPE.t:
        return Grade.IDIOM
    return Grade.NEAR_COPY if similarity is Similarity.RENAMED else Grade.COPIED


def _matched(
    stretches: list[list[Unit]], index: Index, recorded: dict[int, tuple[Match, ...]], similar: bool
) -> dict[int, list[tuple[Unit, tuple[Match, ...]]]]:
    """By the file's number: its units that match, with what is not recorded of them anyway."""
    import numpy as np

    every = [(number, unit) for number, units in enumerate(stretches) for unit in units]
    told: dict[int, list[tuple[Unit, tuple[Match, ...]]]] = {}
    if not every:
        return told
    offsets = np.cumsum([0, *(len(unit.text) for _, unit in every)], dtype=np.int64)
    _, found = matching.match(b"".join(unit.text for _, unit in every), offsets, index, similar)
    for one in found:
        number, unit = every[one.unit]
        known = {match.ingredient for match in recorded.get(number, ())}
        new = (match for match in one.matches if match.ingredient not in known and _is_new(match, unit))
        if matches := tuple(_placed(match, unit) for match in new):
            told.setdefault(number, []).append((unit, matches))
    return told


def _declared(file: Added) -> tuple[Match, ...]:
    """What a changed file says of itself in lines that were added: of a transcript, any of them."""
    if not hints.may_declare(file.data):
        return ()
    from provenance import signals

    added = [(hunk.first, hunk.first + len(hunk.lines) - 1) for hunk in file.hunks if hunk.lines]
    said = signals.matches(file.data)
    return tuple(one for one in said if any(one.first_line <= end and first <= one.last_line for first, end in added))


def _is_new(match: Match, unit: Unit) -> bool:
    """Whether enough of what the match verifies was added: LEAST tokens, or all that was added."""
    pieces = [(max(match.start, first), min(match.end, end)) for first, end in unit.added]
    shared = sum(_tokens(unit.text[first:end]) for first, end in pieces if first < end)
    return shared >= min(LEAST, sum(_tokens(unit.text[first:end]) for first, end in unit.added))


def _tokens(text: bytes) -> int:
    return len(fingerprint.engine.tokens(text))


def _placed(match: Match, unit: Unit) -> Match:
    """The match with the places and lines of the file."""
    return msgspec.structs.replace(
        match,
        start=match.start + unit.start,
        end=match.end + unit.start,
        first_line=match.first_line + unit.line - 1,
        last_line=match.last_line + unit.line - 1,
    )
