"""What commits, the staging area and the working tree add, against records and index: only added lines.

What the ledger and the captures of the store record of added lines is told first, by content, however short it is. For
the index a unit is one stretch of added lines with some lines around it, so that a copy is seen whole where its ends
were there before; a match stands where enough of what it verifies was added. It judges by what it is given and keeps
no state.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from provenance import fingerprint, git, hints, matching
from provenance.index import Index
from provenance.model import Address, Grade, Match, Origin, Similarity, Skipped, Status
from provenance.policy import Finding, Judging
from provenance.tagging import lines as tags

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
    """The findings of what was added: by the records of a store, by the index, and of the files that declare
    themselves in what was added, each in order; lines are those of the files.

    What is recorded is not told again by the index. StoreError where store or index is damaged.
    """
    files = list(files)
    recorded: dict[str, set[str]] = {}
    if store is not None:
        for file, matches in _recorded(files, store, index):
            recorded[file.path] = {one.ingredient for one in matches}
            yield _finding(file, matches, judge)
    if index is not None:
        yield from _matched(files, index, judge, recorded, similar)
    for file in files:
        declared = _declared(file)
        if declared:
            yield _finding(file, declared, judge)


def _finding(file: Added, matches: tuple[Match, ...], judge: Judging) -> Finding:
    """Of all that a change adds to a file."""
    text = _text(file)
    return judge(Address(file.path, 0, ""), fingerprint.exact_digest(text).hex(), _tokens(text), matches)


def _text(file: Added) -> bytes:
    rows = _lines(file.data)
    return b"".join(rows[line - 1] for hunk in file.hunks for line in _numbers(hunk))


def _recorded(files: list[Added], store: Path, index: Index | None) -> Iterator[tuple[Added, tuple[Match, ...]]]:
    """The files of which added lines are recorded, with a match an output."""
    asked = [
        tags.Text((file.path,), file.data, {at: "" for hunk in file.hunks for at in _numbers(hunk)}) for file in files
    ]
    found = tags.find(asked, store, settled=index is None or not _covers(index, store))
    for file, lines in zip(files, found.lines, strict=True):
        if lines:
            by_output: dict[str, dict[int, tags.Tag]] = {}
            for line, tag in sorted(lines.items()):
                by_output.setdefault(tag.ingredient, {})[line] = tag
            yield file, tuple(_match(file, of, found.known[name]) for name, of in by_output.items())


def _covers(index: Index, store: Path) -> bool:
    """Whether the index is the store's own and no younger ingredient lies beside it."""
    if index.path.resolve() != (store / "index").resolve():
        return False
    made = (index.path / "manifest.json").stat().st_mtime_ns
    return all(file.stat().st_mtime_ns <= made for file in (store / "store").rglob("*") if file.is_file())


def _numbers(hunk: git.Hunk) -> range:
    return range(hunk.first, hunk.first + len(hunk.lines))


def _match(file: Added, lines: dict[int, tags.Tag], known: tags.Known) -> Match:
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
    files: list[Added], index: Index, judge: Judging, recorded: dict[str, set[str]], similar: bool
) -> Iterator[Finding]:
    import numpy as np

    every = [unit for file in files for unit in units(file)]
    if not every:
        return
    offsets = np.cumsum([0, *(len(unit.text) for unit in every)], dtype=np.int64)
    _, found = matching.match(b"".join(unit.text for unit in every), offsets, index, similar)
    for one in found:
        unit = every[one.unit]
        told = recorded.get(unit.path, ())
        matches = tuple(
            _placed(match, unit) for match in one.matches if match.ingredient not in told and _is_new(match, unit)
        )
        if matches:
            text = b"\n".join(unit.text[first:end] for first, end in unit.added)
            content = fingerprint.exact_digest(text).hex()
            yield judge(Address(unit.path, 0, ""), content, one.tokens, matches)


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
