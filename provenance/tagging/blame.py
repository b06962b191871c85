"""A file line by line: whose each is recorded as, by the store and by the notes that travelled. It prints nothing."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from difflib import SequenceMatcher
from pathlib import Path
from typing import NamedTuple

from provenance import fingerprint, git
from provenance.errors import CaptureError
from provenance.model import Similarity
from provenance.tagging import LARGEST, fits, lines, note_of, notes, until
from provenance.tagging.lines import Known, Text
from provenance.tagging.notes import Note


class Row(NamedTuple):
    """A line of a file and whose it is recorded as; of an unknown one, no ingredient."""

    number: int
    text: bytes
    commit: str
    """The commit that it is from; empty where it is not committed."""
    ingredient: str
    similarity: Similarity
    known: Known | None
    via: str
    """``store`` or ``note``; empty where it is unknown."""
    is_blank: bool
    """It has no token, so nothing is said of it unless the lines around it are one output's."""


class Blamed(NamedTuple):
    """The lines of a file, and what could not be read."""

    rows: list[Row]
    unread: list[str]


class _Named(NamedTuple):
    ingredient: str
    similarity: Similarity
    known: Known
    via: str


def place_of(file: Path, repo: Path) -> tuple[Path, str]:
    """The repository that a file is or was in, and its path there; in a bare repository it is named from its root.

    CaptureError where there is none.
    """
    at = (repo / file).absolute()
    folder = next((one for one in at.parents if one.is_dir()), repo)
    root = git.root(folder)
    if git.is_bare(root):
        return root, file.as_posix()
    inside = os.path.relpath(folder.resolve() / at.relative_to(folder), root)
    if inside.split(os.sep)[0] == os.pardir:
        raise CaptureError(f"{file}: lies outside the repository {root} (name a file in it)")
    return root, Path(inside).as_posix()


def blame(root: Path, path: str, revision: str = "", place: Path | None = None) -> Blamed:
    """The lines of a file, of the work tree's or of a revision. CaptureError where there is no such file, or no text.

    A line is told by the store at ``place``, unless it was recorded after the line was committed; else by the note of
    the commit that it is from.
    """
    unread: list[str] = []
    file = root / path
    if not revision and (git.is_bare(root) or not os.path.lexists(file)):
        revision = "HEAD"
    with git.objects(root) as read:
        committed = _committed(root, path, revision, read)
        data = committed if revision else _in_work_tree(file, path)
        if data is None:
            raise CaptureError(f"{path}: is no file of {revision} (name one that is, or another --rev)")
        if b"\0" in data:
            raise CaptureError(f"{path}: binary, it has no lines")
        rows = data.removesuffix(b"\n").split(b"\n") if data else []
        origins: dict[int, git.Line] = {}
        if committed:
            before = dict(enumerate(git.blame(root, path, revision or "HEAD"), 1))
            same = _same_lines(committed.split(b"\n"), rows)
            origins = {line: before[theirs] for line, theirs in same.items() if theirs in before}
        named = _by_store(place, path, data, origins, len(rows)) if place else {}
        attached = dict(git.notes(root, notes.REF))
        told: dict[tuple[str, str], dict[int, _Named]] = {}
        for number, origin in origins.items():
            if number in named or origin.commit not in attached:
                continue
            key = origin.commit, origin.path
            if key not in told:
                told[key] = _by_note(read, note_of(read, origin.commit, attached, unread), *key)
            if origin.number in told[key]:
                named[number] = told[key][origin.number]
    found = []
    for number, text in enumerate(rows, 1):
        one = named.get(number)
        commit = origins[number].commit if number in origins else ""
        blank = not fingerprint.engine.tokens(text)
        found.append(
            Row(number, text, commit, one.ingredient, one.similarity, one.known, one.via, blank)
            if one
            else Row(number, text, commit, "", Similarity.NONE, None, "", blank)
        )
    return Blamed(found, list(dict.fromkeys(unread)))


def _committed(root: Path, path: str, revision: str, read: git.Reader) -> bytes | None:
    """The file in a revision, in HEAD where none is named."""
    sha = git.resolve(root, revision or "HEAD")
    if sha is None and revision:
        raise CaptureError(f"{root}: {revision!r} names no commit (write a branch, a tag or an id)")
    found = read(f"{sha}:{path}") if sha else None
    return found.data if found and found.kind == "blob" else None


def _in_work_tree(file: Path, path: str) -> bytes:
    if file.is_symlink() or not file.is_file():
        raise CaptureError(f"{path}: a link or folder, it has no lines of its own (name a file)")
    if file.stat().st_size > LARGEST:
        raise CaptureError(f"{path}: larger than {LARGEST >> 20} MiB (name a file of text)")
    return file.read_bytes()


def _same_lines(before: list[bytes], now: list[bytes]) -> dict[int, int]:
    """For each line that is not new, from 1, which it was; white space is left aside.

    Git itself would put the work tree's file through the filters that the repository's configuration names, which are
    commands (gitattributes(5)).
    """
    old, new = ([b"".join(row.split()) for row in rows] for rows in (before, now))
    if old[: len(new)] == new:
        return {line: line for line in range(1, len(new) + 1)}
    blocks = SequenceMatcher(None, old, new).get_matching_blocks()
    return {one.b + step: one.a + step for one in blocks for step in range(1, one.size + 1)}


def _by_store(place: Path, path: str, data: bytes, origins: dict[int, git.Line], count: int) -> dict[int, _Named]:
    """The lines that the store knows."""
    limits = dict.fromkeys(range(1, count + 1), "")
    for number, origin in origins.items():
        limits[number] = until(datetime.fromtimestamp(origin.time, UTC).isoformat())
    paths = tuple(dict.fromkeys((path, *(origin.path for origin in origins.values()))))
    found = lines.find([Text(paths, data, limits)], place)
    return {
        line: _Named(one.ingredient, one.similarity, found.known[one.ingredient], "store")
        for one in notes.ranges(found.lines[0], data, limits)
        for line in range(one.first, one.last + 1)
    }


def _by_note(read: git.Reader, note: Note | None, commit: str, path: str) -> dict[int, _Named]:
    """What the note of a commit says of a file's lines, where it fits that commit."""
    file = read(f"{commit}:{path}") if note and path in note.files else None
    if note is None or file is None:
        return {}
    return {
        line: _Named(one.ingredient, Similarity.RECORDED, note.ingredients[one.ingredient], "note")
        for one in note.files[path]
        if fits(note, commit, one, file.data)
        for line in range(one.first, one.last + 1)
    }
