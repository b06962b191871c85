"""What commits, the staging area and the working tree add, against the index: only added lines, in their context.

A unit is one stretch of added lines with some lines around it, so that a copy is seen whole where its ends were there
before; a match stands where enough of what it verifies was added. It judges by the policy given and keeps no state.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from provenance import fingerprint, git, matching, policy
from provenance.index import Index
from provenance.model import Address, Match, Skipped
from provenance.policy import Finding, Policy

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


def check(files: Iterable[Added], index: Index, rules: Policy, similar: bool = False) -> Iterator[Finding]:
    """The findings of what was added, in order; lines are those of the files."""
    import numpy as np

    every = [unit for file in files for unit in units(file)]
    if not every:
        return
    offsets = np.cumsum([0, *(len(unit.text) for unit in every)], dtype=np.int64)
    _, found = matching.match(b"".join(unit.text for unit in every), offsets, index, similar)
    for one in found:
        unit = every[one.unit]
        matches = tuple(_placed(match, unit) for match in one.matches if _is_new(match, unit))
        if matches:
            text = b"\n".join(unit.text[first:end] for first, end in unit.added)
            content = fingerprint.exact_digest(text).hex()
            yield policy.judge(Address(unit.path, 0, ""), content, one.tokens, matches, rules)


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
