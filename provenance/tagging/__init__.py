"""Tags travel with the code: which lines of a commit are recorded as whose, as a note of the commit. It prints nothing.

Lines are found by their content, so that a commit that was rebased, squashed, picked or formatted is tagged like the
one that it comes from. Lines that nobody recorded are unknown, and are not in a note.

    lines        texts and records in, whose lines out
    notes        the form of a note, and those of other tools
    repository   questions to git
    blame        line by line, of a file
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from provenance import captures, files, fingerprint, git, store
from provenance.errors import CaptureError
from provenance.model import UNKNOWN
from provenance.tagging import lines, notes
from provenance.tagging.lines import Carried, Known, Tag, Text
from provenance.tagging.notes import Note, Range

SKEW = timedelta(minutes=5)
"""How much later than its commit an output may be recorded: two machines' clocks."""
LARGEST = 8 << 20
"""Bytes of a file; larger ones are data or generated."""
MOST_FORMER = 50
"""Files that a commit takes away, to each of which a new one is compared: each costs a reading."""
_TOGETHER = 8 << 20
"""Bytes of files that are looked for in one pass over the store."""
CUT = "what it changed is not known (a shallow or partial clone: fetch the history)"


class Tagged(NamedTuple):
    """What the records say of the lines that a commit adds."""

    commit: git.Commit
    note: Note | None
    added: int
    """Lines with a token that it adds."""
    recorded: Counter[tuple[str, str]]
    """Of these, the recorded ones, by tool and model."""
    later: int
    """Lines that match only outputs recorded after the commit, which are left out."""
    unread: tuple[str, ...]
    """What could not be looked at, and why."""
    texts: dict[str, bytes]
    """The files of the note."""
    untold: str = ""
    """Why nothing is told of the commit as a whole; empty where it was looked at."""


class _File(NamedTuple):
    """What a commit adds to a file."""

    path: str
    former: tuple[str, ...]
    """Paths of files that it takes away, with the same content."""
    data: bytes
    added: frozenset[int]
    """Lines, from 1, with a token."""


def commits_of(root: Path, revisions: Sequence[str]) -> list[git.Commit]:
    """The commits that are named: each by itself, or by a range (``A..B``), parents before children.

    CaptureError where one is none.
    """
    found: dict[str, git.Commit] = {}
    with git.objects(root) as read:
        for revision in revisions:
            if ".." in revision:
                found.update((one.sha, one) for one in git.commits(root, [revision]))
                continue
            sha = git.resolve(root, revision)
            commit = git.commit_of(read(sha)) if sha else None
            if commit is None:
                raise CaptureError(f"{root}: {revision!r} names no commit (write a branch, a tag, an id or A..B)")
            found[commit.sha] = commit
    return list(found.values())


def tag(
    root: Path,
    place: Path,
    commits: Iterable[git.Commit],
    rewritten: Mapping[str, Iterable[str]] | None = None,
    most: int = 0,
) -> Iterator[Tagged]:
    """The tags of the commits by the store at ``place``, in their order; nothing is written.

    Of a commit that changes files of more than ``most`` bytes, if that is not 0, nothing is told but so much.

    What another store's user wrote into a commit's note stays, unless this store knows the output and does not find it
    there. ``rewritten`` names, for a commit, those that it comes from: their notes are followed by content too.
    """
    attached = dict(git.notes(root, notes.REF))
    known = _Ids(place)
    with git.objects(root) as read:
        waiting: list[tuple[git.Commit, list[_File] | None, list[str]]] = []
        size = 0
        for commit, changes in git.changes(root, commits):
            unread: list[str] = []
            found = None if changes is None else list(_files(read, changes, commit.parents[1:], unread, most))
            if found is None:
                unread = [CUT]
            elif 0 < most < sum(len(one.data) for one in found):
                found, unread = None, [f"it changes files of more than {most >> 20} MiB"]
            waiting.append((commit, found, unread))
            size += sum(len(one.data) for one in found or ())
            if size >= _TOGETHER:
                yield from _tagged(read, place, waiting, attached, known, rewritten or {})
                waiting, size = [], 0
        yield from _tagged(read, place, waiting, attached, known, rewritten or {})


def tag_staged(root: Path, place: Path, index: str = "") -> list[Known]:
    """Whose the lines are that the next commit would add: for its message. ``index`` as in ``git.staged``."""
    unread: list[str] = []
    with git.objects(root) as read:
        added = list(_files(read, git.staged(root, index), (), unread))
    found = lines.find([_text(one, "") for one in added], place)
    return [found.known[id_] for id_ in sorted(found.known)]


def write(root: Path, place: Path, tagged: Tagged, force: bool = False) -> bool:
    """Attach the note; whether that changed anything. A commit with nothing recorded gets none, and loses its old.

    A note that cannot be read (a newer version's, somebody else's) stays as it is, unless ``force``.
    """
    sha = tagged.commit.sha
    # git notes writes its ref without a look at what it was: two at once would lose one note.
    with files.locked(place / "tagging"):
        attached = dict(git.notes(root, notes.REF)).get(sha)
        with git.objects(root) as read:
            had = read(attached) if attached else None
        if had and not force and not notes.is_readable(had.data):
            return False
        if tagged.note is None:
            if had and not tagged.unread:
                git.remove_note(root, notes.REF, sha)
            return had is not None and not tagged.unread
        data = notes.encode(tagged.note)
        if had and had.data == data:
            return False
        git.write_note(root, notes.REF, sha, data)
        return True


def write_git_ai(root: Path, tagged: Tagged, force: bool = False) -> bool:
    """Attach the tags in git-ai's form (refs/notes/ai); whether that changed anything.

    CaptureError where git-ai itself wrote a note there, unless ``force``.
    """
    if tagged.note is None:
        return False
    ref, sha, data = "refs/notes/ai", tagged.commit.sha, notes.to_git_ai(tagged.note)
    attached = dict(git.notes(root, ref)).get(sha)
    with git.objects(root) as read:
        had = read(attached) if attached else None
    if had and had.data == data:
        return False
    if had and not force and not notes.is_ours(had.data):
        raise CaptureError(f"{sha}: has a note of git-ai's own in {ref} (leave it, or replace it with --force)")
    git.write_note(root, ref, sha, data)
    return True


@dataclass(slots=True)
class Share:
    """How much of what commits add is tagged."""

    commits: int = 0
    tagged: int = 0
    """Commits with a note."""
    added: int = 0
    """Lines with a token that they add."""
    recorded: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Of these, those that the notes name, by tool and model."""
    unfit: int = 0
    """Ranges of notes that do not fit the commit they are attached to."""
    unread: list[str] = field(default_factory=list)


def check(root: Path, commits: Iterable[git.Commit]) -> Share:
    """What the notes alone say of the commits, as someone without the store sees it."""
    share = Share()
    attached = dict(git.notes(root, notes.REF))
    with git.objects(root) as read:
        for commit, changes in git.changes(root, commits):
            share.commits += 1
            if changes is None:
                share.unread.append(f"{commit.sha}: {CUT}")
                continue
            unread: list[str] = []
            added = {one.path: one for one in _files(read, changes, commit.parents[1:], unread)}
            share.unread += (f"{commit.sha}: {one}" for one in unread)
            share.added += sum(len(one.added) for one in added.values())
            if commit.sha not in attached:
                continue
            share.tagged += 1
            note = note_of(read, commit.sha, attached, share.unread)
            for path, several in note.files.items() if note else ():
                for one in several:
                    file = added.get(path)
                    if note is None or file is None or not fits(note, commit.sha, one, file.data):
                        share.unfit += 1
                        continue
                    who = name_of(note.ingredients[one.ingredient])
                    share.recorded[who] += sum(line in file.added for line in range(one.first, one.last + 1))
    return share


def fits(note: Note, sha: str, one: Range, data: bytes) -> bool:
    """Whether a range of a note says something of a commit's file: its digest is that of the lines; where they are too
    short for one, the note was written for this very commit."""
    return notes.holds(one, data) and (bool(one.digest) or note.commit == sha)


def name_of(known: Known) -> tuple[str, str]:
    """Tool and model."""
    return known.origin.get("tool", UNKNOWN), known.origin.get("model", UNKNOWN)


def _files(
    read: git.Reader, changes: list[git.Change], others: Sequence[str], unread: list[str], most: int = 0
) -> Iterator[_File]:
    """What changes add to text files; of a merge, what no parent has. It ends with the file that exceeds ``most``."""
    gone = [(one.path, one.old) for one in changes if not one.new]
    size = 0
    for change in changes:
        if change.is_binary:
            unread.append(f"{change.path}: binary")
        if not change.new or not change.hunks:
            continue
        found = read(change.new)
        if found is None or len(found.data) > LARGEST:
            unread.append(f"{change.path}: larger than {LARGEST >> 20} MiB" if found else f"{change.path}: not here")
            continue
        rows = found.data.split(b"\n")
        added = {at for hunk in change.hunks for at in range(hunk.first, hunk.first + len(hunk.lines))}
        for parent in others:
            theirs = read(f"{parent}:{change.path}")
            had = set(theirs.data.split(b"\n")) if theirs else set()
            added = {at for at in added if rows[at - 1] not in had}
        added = {at for at in added if fingerprint.engine.tokens(rows[at - 1])}
        if added:
            former = () if change.old else _former(read, change, gone, rows)
            yield _File(change.path, former, found.data, frozenset(added))
            size += len(found.data)
            if 0 < most < size:
                return


def _former(read: git.Reader, change: git.Change, gone: list[tuple[str, str]], rows: list[bytes]) -> tuple[str, ...]:
    """The paths that a new file may have had: those of the same file, else of the same name, else of any like it."""
    same = tuple(path for path, old in gone if old == change.new)
    if same:
        return same
    name = change.path.rpartition("/")[2]
    likely = [one for one in gone if one[0].rpartition("/")[2] == name] or gone
    return tuple(path for path, old in likely[:MOST_FORMER] if _is_like(read, old, rows))


def _is_like(read: git.Reader, old: str, rows: list[bytes]) -> bool:
    """Whether at least half of a file's lines were those of another."""
    found = read(old)
    if found is None or len(found.data) > LARGEST:
        return False
    had = Counter(found.data.split(b"\n"))
    return 2 * (had & Counter(rows)).total() >= len(rows)


def _text(one: _File, time: str) -> Text:
    limit = until(time)
    return Text((one.path, *one.former), one.data, dict.fromkeys(one.added, limit))


def until(time: str) -> str:
    """The latest time of a record that can be the source of what was committed then; empty where that is unknown."""
    if not time:
        return ""
    latest = datetime.fromisoformat(time) + SKEW
    return latest.isoformat(timespec="milliseconds").replace("+00:00", "Z")


class _Ids:
    """The ingredients that this store knows, read when they are first asked for."""

    def __init__(self, place: Path) -> None:
        self._place = place
        self._ids: set[str] | None = None

    def __contains__(self, id_: str) -> bool:
        if self._ids is None:
            self._ids = {*store.ids(self._place), *(one.ingredient.id for one in captures.waiting(self._place))}
        return id_ in self._ids


def note_of(read: git.Reader, sha: str, attached: Mapping[str, str], unread: list[str]) -> Note | None:
    """The note that a commit has, if it can be read."""
    found = read(attached[sha]) if sha in attached else None
    if found is None:
        return None
    try:
        return notes.parse(found.data)
    except CaptureError as error:
        unread.append(f"its note: {error}")
        return None


def _tagged(
    read: git.Reader,
    place: Path,
    waiting: list[tuple[git.Commit, list[_File] | None, list[str]]],
    attached: Mapping[str, str],
    known: _Ids,
    rewritten: Mapping[str, Iterable[str]],
) -> Iterator[Tagged]:
    """The tags of commits whose files are at hand."""
    texts = [_text(one, commit.committer.time) for commit, several, _ in waiting for one in several or ()]
    before = [old for commit, _, _ in waiting for old in rewritten.get(commit.sha, ())]
    carried = [one for old in dict.fromkeys(before) for one in _carried(read, old, attached, known)]
    found = lines.find(texts, place, carried) if texts else lines.Found([], {}, [])
    at = 0
    for commit, several, unread in waiting:
        if several is None:
            yield Tagged(commit, None, 0, Counter(), 0, tuple(unread), {}, unread[0])
            continue
        theirs = note_of(read, commit.sha, attached, unread)
        ranges: dict[str, tuple[Range, ...]] = {}
        known_here = dict(found.known)
        recorded: Counter[tuple[str, str]] = Counter()
        later = 0
        for one in several:
            tags, late = found.lines[at], found.later[at]
            at += 1
            later += len(late)
            kept = _kept(theirs, commit.sha, one, tags, known)
            if theirs:
                known_here = {**theirs.ingredients, **known_here}
            every = (*notes.ranges(tags, one.data, range(1, one.data.count(b"\n") + 2)), *kept)
            if every:
                ranges[one.path] = tuple(sorted(every))
            for each in every:
                who = name_of(known_here[each.ingredient])
                recorded[who] += sum(line in one.added for line in range(each.first, each.last + 1))
        named = {each.ingredient for every in ranges.values() for each in every}
        note = Note(commit.sha, ranges, {id_: known_here[id_] for id_ in sorted(named)}) if ranges else None
        data = {one.path: one.data for one in several if one.path in ranges}
        added = sum(len(one.added) for one in several)
        yield Tagged(commit, note, added, recorded, later, tuple(unread), data)


def _kept(theirs: Note | None, sha: str, file: _File, tags: Mapping[int, Tag], known: _Ids) -> list[Range]:
    """The ranges of a note that name outputs of other stores, but for the lines that have a tag by this one."""
    kept = []
    for one in theirs.files.get(file.path, ()) if theirs else ():
        if theirs is None or one.ingredient in known or not fits(theirs, sha, one, file.data):
            continue
        lines_of = range(one.first, one.last + 1)
        if not any(line in tags for line in lines_of):
            kept.append(one)
            continue
        rows = file.data.split(b"\n")
        sizes = {line: len(fingerprint.engine.tokens(rows[line - 1])) for line in lines_of if line not in tags}
        left = {line: Tag(one.ingredient, one.similarity, size) for line, size in sizes.items() if size}
        kept += notes.ranges(left, file.data, sizes)
    return kept


def _carried(read: git.Reader, old: str, attached: Mapping[str, str], known: _Ids) -> Iterator[Carried]:
    """What the note of a rewritten commit says of outputs that only other stores know."""
    note = note_of(read, old, attached, [])
    for path, several in note.files.items() if note else ():
        found = read(f"{old}:{path}")
        for one in several:
            if note and found and one.ingredient not in known and fits(note, old, one, found.data):
                text = b"\n".join(found.data.split(b"\n")[one.first - 1 : one.last])
                yield Carried(one.ingredient, note.ingredients[one.ingredient], path, text)
