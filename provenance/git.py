"""Every question to git, one function each, asked of the ``git`` command. It interprets no format and prints nothing.

A repository is foreign: its configuration can run no command here (no hook, file monitor, pager, text converter,
diff driver, transport), its attributes hide no text, replacement objects are left aside, and nothing is fetched.
Git's own variables of the environment (a hook has GIT_DIR, GIT_INDEX_FILE ...) do not change which repository is
asked; ``staged`` takes the index file as an argument for that reason.

Paths are text with ``/`` as git has them, bytes that are no UTF-8 as surrogates (``os.fsdecode`` on Unix), and any
character but NUL may be in them. Every function raises CaptureError where git is not installed, the path is in no
repository, or git cannot answer. Read from git 2.30 on (gitformat-*, git-diff-tree, git-cat-file).
"""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, NamedTuple
from urllib.parse import urlsplit, urlunsplit

from provenance.errors import CaptureError

LARGEST = 32 << 20
"""Bytes of the largest object that is read, and of the most that is shown of what a change adds to a file."""

_SETTINGS = {
    "core.quotepath": "off",
    "core.fsmonitor": "false",
    "core.hooksPath": os.devnull,
    "protocol.allow": "never",  # a partial clone would fetch what it lacks
    "safe.directory": "*",
    "gc.auto": "0",
    "maintenance.auto": "false",
}
_ENVIRONMENT = {
    "LC_ALL": "C",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_PAGER": "cat",
}
_KEPT = re.compile(r"GIT_(?:CONFIG_(?:GLOBAL|SYSTEM|NOSYSTEM)|EXEC_PATH|CEILING_DIRECTORIES|(?:AUTHOR|COMMITTER)_\w+)$")
# --text: an attribute "-diff" in a repository would call any file binary, and so hide what it holds.
_DIFF = (
    "-p -U0 --text --no-renames --no-ext-diff --no-textconv --no-color --no-relative --full-index"
    " --ignore-submodules=all --diff-algorithm=myers --src-prefix=a/ --dst-prefix=b/"
).split()

EVERYWHERE = ("--exclude=entire/*", "--branches", "--tags", "--exclude=*/entire/*", "--remotes")
"""Where ``commits`` starts if no revision is named; the branches that Entire keeps its records in are no work."""


class Person(NamedTuple):
    """An author or committer, as the commit spells them."""

    name: str
    email: str
    time: str
    """ISO 8601, UTC, milliseconds; empty where the commit has none that can be read."""


class Commit(NamedTuple):
    """What a commit object says."""

    sha: str
    parents: tuple[str, ...]
    author: Person
    committer: Person
    message: str


class Hunk(NamedTuple):
    """Neighbouring lines that a change adds."""

    first: int
    """The number of the first line in the new file, from 1."""
    lines: tuple[str, ...]


class Change(NamedTuple):
    """What happens to one path. A renamed file is one path that goes and one that comes."""

    path: str
    old: str
    """The object id of the file before; empty where there was none."""
    new: str
    """The object id of the file after; empty where it is deleted."""
    hunks: tuple[Hunk, ...]
    """What is added; nothing where the file is binary."""
    is_binary: bool
    """Added lines hold a NUL, or are more than ``LARGEST`` bytes."""


class Object(NamedTuple):
    """An object of the repository."""

    oid: str
    kind: str
    """blob, tree, commit or tag."""
    data: bytes


class Entry(NamedTuple):
    """A file in a tree."""

    path: str
    mode: str
    oid: str


Reader = Callable[[str], Object | None]


def root(path: Path) -> Path:
    """The top folder of the work tree that a path is in; of a bare repository or inside ``.git``, the git folder."""
    code, out, error = _run(path, ["rev-parse", "--show-toplevel"])
    if code and "work tree" in error:
        return (path / _line(_ask(path, ["rev-parse", "--git-dir"]))).resolve()
    return Path(_line(_checked(path, code, out, error)))


def common_dir(path: Path) -> Path:
    """The git folder that all work trees of a repository share."""
    return (path / _line(_ask(path, ["rev-parse", "--git-common-dir"]))).resolve()


def is_bare(path: Path) -> bool:
    """Whether the repository has no work tree."""
    return _line(_ask(path, ["rev-parse", "--is-bare-repository"])) == "true"


def head(path: Path) -> str | None:
    """The commit that is checked out; None before the first commit."""
    return resolve(path, "HEAD")


def resolve(path: Path, revision: str) -> str | None:
    """The id of the commit that a revision names; None where there is none.

    A revision that begins with a dash, which git would read as an option, is a CaptureError.
    """
    code, out, error = _run(path, ["rev-parse", "--verify", "--quiet", f"{_revision(path, revision)}^{{commit}}"])
    return _line(_checked(path, code, out, error)) if code != 1 else None


def refs(path: Path, *patterns: str) -> list[tuple[str, str]]:
    """Every ref that a pattern covers (``refs/notes``, ``refs/remotes/*/x``), sorted, with the id it points at."""
    out = _ask(path, ["for-each-ref", "--format=%(objectname) %(refname)", *(_revision(path, one) for one in patterns)])
    pairs = (line.split(" ", 1) for line in _text(out).split("\n") if line)
    return [(name, oid) for oid, name in pairs]


def ref_exists(path: Path, ref: str) -> bool:
    """Whether a ref of this full name (``refs/notes/ai``) exists."""
    code, out, error = _run(path, ["show-ref", "--verify", "--quiet", _revision(path, ref)])
    return code != 1 and _checked(path, code, out, error) == b""


def config_get(path: Path, key: str) -> str | None:
    """The value of a configuration key, from the repository's, the user's or the system's file; None where unset."""
    code, out, error = _run(path, ["config", "--null", "--get", _revision(path, key)])
    return _text(_checked(path, code, out, error)).removesuffix("\0") if code != 1 else None


def remote_url(path: Path, remote: str = "origin") -> str | None:
    """The address of a remote without a password or token in it; None where there is no such remote."""
    url = config_get(path, f"remote.{remote}.url")
    if url is None or "://" not in url:
        return url
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def shallow(path: Path) -> frozenset[str]:
    """The commits whose parents a shallow clone has cut off: what they changed is not known."""
    try:
        return frozenset((common_dir(path) / "shallow").read_text("ascii").split())
    except (FileNotFoundError, NotADirectoryError):
        return frozenset()
    except (OSError, UnicodeError) as error:
        raise CaptureError(
            f"{path}: the list of cut-off commits cannot be read ({error}); fetch the history"
        ) from error


@contextmanager
def objects(path: Path) -> Iterator[Reader]:
    """A function that reads objects by name (``<id>``, ``<commit>:<path>``), all through one git process.

    It gives None for what is not there, is larger than ``LARGEST``, or is a name no object can have.
    """
    with _started(path, ["cat-file", "--batch"], subprocess.PIPE) as (process, complaint):
        given, out = process.stdin, process.stdout
        assert given is not None
        assert out is not None

        def read(name: str) -> Object | None:
            asked = _asked(path, name)
            if not asked:
                return None
            try:
                given.write(asked + b"\n")
                given.flush()
            except OSError as error:
                raise _failed(path, complaint) from error
            header = out.readline()
            words = header.split()
            if len(words) != 3 or not words[2].isdigit():
                if not header.endswith((b" missing\n", b" ambiguous\n", b" submodule\n")):
                    raise _failed(path, complaint)
                return None
            size = int(words[2])
            if size > LARGEST:
                while size > 0:
                    size -= len(out.read(min(size, 1 << 20)) or bytes(size))
                out.read(1)
                return None
            data = out.read(size)
            if len(data) != size or out.read(1) != b"\n":
                raise _failed(path, complaint)
            return Object(words[0].decode(), words[1].decode(), data)

        yield read


def text_of(found: Object | None) -> str | None:
    """The text of a file; None where it is no file or is binary (holds a NUL)."""
    if found is None or found.kind != "blob" or b"\0" in found.data:
        return None
    return found.data.decode("utf-8", "replace")


def commit_of(found: Object | None) -> Commit | None:
    """What a commit object says; None where it is none. Who wrote it stands as it is, whatever ``.mailmap`` says."""
    if found is None or found.kind != "commit":
        return None
    header, _, message = found.data.partition(b"\n\n")
    fields = [line.partition(b" ") for line in header.split(b"\n")]
    encoding = next((value for key, _, value in fields if key == b"encoding"), b"utf-8").decode("ascii", "replace")
    people = {key: _person(value, encoding) for key, _, value in reversed(fields) if key in (b"author", b"committer")}
    nobody = Person("", "", "")
    return Commit(
        found.oid,
        tuple(value.decode("ascii", "replace") for key, _, value in fields if key == b"parent"),
        people.get(b"author", nobody),
        people.get(b"committer", nobody),
        _decoded(message, encoding),
    )


def commits(path: Path, revisions: Sequence[str] = ()) -> Iterator[Commit]:
    """The commits of the revisions (``main``, ``a..b``, ``^a``), parents before children.

    Without any, those of HEAD and of every branch and tag, the remotes' too.
    """
    named = [_revision(path, one) for one in revisions] or [*EVERYWHERE, *(["HEAD"] if head(path) else [])]
    out = _ask(path, ["rev-list", "--topo-order", "--reverse", *named, "--"])
    with objects(path) as read:
        for sha in out.decode().split():
            commit = commit_of(read(sha))
            if commit is not None:
                yield commit


def changes(path: Path, of: Iterable[Commit]) -> Iterator[tuple[Commit, list[Change] | None]]:
    """What each commit changes against its first parent, in their order; of a root commit, all that it holds.

    None where that is not known: a shallow clone has cut the parent off, a partial one lacks a file.
    """
    waiting = list(of)
    cut = shallow(path)
    at = 0
    while at < len(waiting):
        for one in _until_git_fails(path, waiting[at:], cut):
            yield one
            at += 1
        if at < len(waiting):
            yield waiting[at], None
            at += 1


def _until_git_fails(path: Path, of: list[Commit], cut: frozenset[str]) -> Iterator[tuple[Commit, list[Change] | None]]:
    """The changes of the commits up to the first of which git cannot tell them."""
    asked = [one for one in of if one.sha not in cut]
    with tempfile.TemporaryFile() as given:
        given.writelines(f"{' '.join((one.sha, *one.parents[:1]))}\n".encode() for one in asked)
        given.seek(0)
        found: list[Change] | None = None
        waiting = iter(of)
        try:
            for item in parse_diff(_lines(path, ["diff-tree", "--stdin", "--root", "--always", "-r", *_DIFF], given)):
                if isinstance(item, Change):
                    assert found is not None
                    found.append(item)
                    continue
                if found is not None:
                    yield from _next(waiting, cut, found)
                found = []
        except CaptureError:
            root(path)  # where git or the repository is gone, this says so
            return
        yield from _next(waiting, cut, found or [])
        yield from ((one, None) for one in waiting)


def _next(
    waiting: Iterator[Commit], cut: frozenset[str], found: list[Change]
) -> Iterator[tuple[Commit, list[Change] | None]]:
    for one in waiting:
        yield one, None if one.sha in cut else found
        if one.sha not in cut:
            return


def staged(path: Path, index: str = "") -> list[Change]:
    """What the index changes against HEAD, or against nothing before the first commit.

    ``index`` names another index file: in a hook, that of GIT_INDEX_FILE, where ``git commit <path>`` has its own.
    """
    base = head(path) or _line(_ask(path, ["hash-object", "-t", "tree", "--stdin"]))
    environment = {"GIT_INDEX_FILE": index} if index else {}
    with tempfile.TemporaryFile() as given:
        lines = _lines(path, ["diff-index", "--cached", *_DIFF, base], given, environment)
        return [one for one in parse_diff(lines) if isinstance(one, Change)]


def worktree(path: Path) -> list[Change]:
    """What the working tree changes against HEAD, or against nothing before the first commit; untracked files that are
    not ignored are added whole. The new object id is empty: what is there now is in the file alone."""
    top = root(path)
    base = head(path) or _line(_ask(path, ["hash-object", "-t", "tree", "--stdin"]))
    with tempfile.TemporaryFile() as given:
        lines = _lines(top, ["diff-index", *_DIFF, base], given)
        found = [one._replace(new="") for one in parse_diff(lines) if isinstance(one, Change)]
    untracked = _text(_ask(top, ["ls-files", "--others", "--exclude-standard", "-z"])).split("\0")
    return [*found, *(_untracked(top, name) for name in untracked if name)]


def _untracked(top: Path, name: str) -> Change:
    path = top / name
    is_file = path.is_file() and not path.is_symlink() and path.stat().st_size <= LARGEST
    data = path.read_bytes() if is_file else b"\0"
    if b"\0" in data:
        return Change(name, "", "", (), True)
    lines = tuple(data.decode("utf-8", "replace").removesuffix("\n").split("\n")) if data else ()
    return Change(name, "", "", (Hunk(1, lines),) if lines else (), False)


def tree(path: Path, revision: str) -> list[Entry]:
    """Every file of a commit's or tree's folder, with its mode and object id; empty where the revision is none."""
    code, out, error = _run(path, ["ls-tree", "-r", "-z", "--full-tree", _revision(path, revision)])
    if code and "Not a valid object name" in error:
        return []
    entries = (entry.partition("\t") for entry in _text(_checked(path, code, out, error)).split("\0") if entry)
    return [Entry(name, *_mode_and_oid(head)) for head, _, name in entries]


def notes(path: Path, ref: str) -> list[tuple[str, str]]:
    """The notes of a ref (``refs/notes/ai``): what each is attached to, and the note's object id, sorted."""
    if not ref_exists(path, ref):
        return []
    out = _text(_ask(path, ["notes", f"--ref={ref}", "list"]))
    pairs = (line.split(" ") for line in out.split("\n") if line)
    return sorted((attached, oid) for oid, attached in pairs)


def write_note(path: Path, ref: str, commit: str, data: bytes) -> None:
    """Attach these very bytes to a commit, in place of the note it has; committed as the user, or as nobody where git
    was told on its command line alone who that is."""
    sha = resolve(path, commit)
    if sha is None:
        raise CaptureError(f"{path}: there is no commit {commit!r} to attach a note to")
    oid = _line(_ask(path, ["hash-object", "-w", "--stdin"], data))
    # -C copies the blob as it is; -F would strip white space.
    add = ["add", "--allow-empty", "-f", "-C", oid, sha]
    _ask(path, [*_somebody(path), "notes", f"--ref={_revision(path, ref)}", *add])


def remove_note(path: Path, ref: str, commit: str) -> None:
    """Take the note away that a commit has."""
    _ask(path, [*_somebody(path), "notes", f"--ref={_revision(path, ref)}", "remove", "--ignore-missing", commit])


def _somebody(path: Path) -> list[str]:
    """What git needs to commit where nobody told it who does."""
    code, _, _ = _run(path, ["var", "GIT_COMMITTER_IDENT"])
    return ["-c", "user.name=provenance", "-c", "user.email=provenance@localhost"] if code else []


class Line(NamedTuple):
    """Which commit a line is from."""

    commit: str
    number: int
    """The line's number in that commit."""
    path: str
    """The path in that commit."""
    time: int
    """When it was committed, in seconds since 1970."""


def blame(path: Path, file: str, revision: str) -> list[Line]:
    """For each line of a revision's file the commit that last changed more than its white space. CaptureError where
    there is no such file."""
    out = _ask(path, ["blame", "--line-porcelain", "--no-textconv", "-w", _revision(path, revision), "--", file])
    found: list[Line] = []
    commit, number, time, name = "", 0, 0, file
    for row in out.split(b"\n"):
        if row.startswith(b"\t"):
            found.append(Line(commit, number, name, time))
            commit = ""
        elif not commit:
            words = row.split(b" ")
            if len(words) > 2:
                commit, number = words[0].decode(), int(words[1])
        elif row.startswith(b"committer-time "):
            time = int(row[15:])
        elif row.startswith(b"filename "):
            name = _unquoted(row[9:]).decode("utf-8", "surrogateescape")
    return found


_HEADER = re.compile(rb"[0-9a-f]{40}(?:[0-9a-f]{24})?(?: [0-9a-f]{40,64})*\n")
_INDEX = re.compile(rb"index ([0-9a-f]{40,64})\.\.([0-9a-f]{40,64})")
_HUNK = re.compile(rb"@@ -\d+(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")


def parse_diff(lines: Iterable[bytes]) -> Iterator[str | Change]:
    """The ids and changes in the output of ``git diff-tree --stdin -p -U0 --full-index``, in order.

    The numbers of a hunk say how many lines are its own, so that no line of a file is taken for a header.
    """
    path, old, new = b"", b"", b""
    hunks: list[Hunk] = []
    is_binary = is_open = False
    removed = added = first = size = 0
    block: list[str] = []
    for line in lines:
        if removed > 0 and line[:1] == b"-":
            removed -= 1
        elif added > 0 and line[:1] == b"+":
            added -= 1
            size += len(line)
            is_binary = is_binary or b"\0" in line or size > LARGEST
            if not is_binary:
                block.append(line[1:].removesuffix(b"\n").decode("utf-8", "replace"))
            if not added:
                hunks.append(Hunk(first, tuple(block)))
        elif hunk := _HUNK.match(line) if is_open else None:
            removed, first, added = int(hunk[1] or 1), int(hunk[2]), int(hunk[3] or 1)
            block = []
        elif line.startswith(b"diff --git ") or _HEADER.fullmatch(line):
            if is_open:
                yield _change(path, old, new, hunks, is_binary)
            is_open = line.startswith(b"diff --git ")
            path, old, new, hunks, is_binary = line[11:].removesuffix(b"\n"), b"", b"", [], False
            removed = added = size = 0
            if not is_open:
                yield line.split()[0].decode()
        elif index := _INDEX.match(line):
            old, new = index[1], index[2]
        elif line.startswith(b"Binary files "):
            is_binary = True
    if is_open:
        yield _change(path, old, new, hunks, is_binary)


def _change(header: bytes, old: bytes, new: bytes, hunks: list[Hunk], is_binary: bool) -> Change:
    # Nothing is renamed, so "a/<path> b/<path>" has its path twice, at the same length.
    name = _unquoted(header[: (len(header) - 1) // 2])[2:].decode("utf-8", "surrogateescape")
    before, after = (oid.decode() if oid.strip(b"0") else "" for oid in (old, new))
    return Change(name, before, after, () if is_binary else tuple(hunks), is_binary)


_ESCAPED = re.compile(rb"\\([0-7]{3}|.)", re.DOTALL)
_ESCAPES = dict(zip(b"abtnvfr", b"\a\b\t\n\v\f\r", strict=True))


def _unquoted(name: bytes) -> bytes:
    """A path without the quotes and escapes that git writes around control characters."""
    if not name.startswith(b'"'):
        return name

    def plain(found: re.Match[bytes]) -> bytes:
        code = found[1]
        return bytes([int(code, 8) & 255]) if len(code) == 3 else bytes([_ESCAPES.get(code[0], code[0])])

    return _ESCAPED.sub(plain, name[1:].removesuffix(b'"'))


def _mode_and_oid(head: str) -> tuple[str, str]:
    mode, _, oid = head.split(" ")[:3]
    return mode, oid


_PERSON = re.compile(rb"(.*?) ?<(.*)> ?(-?\d+)?[^>]*", re.DOTALL)


def _person(value: bytes, encoding: str) -> Person:
    found = _PERSON.fullmatch(value)
    if not found:
        return Person(_decoded(value, encoding), "", "")
    try:
        time = datetime.fromtimestamp(int(found[3] or b""), UTC).isoformat(timespec="milliseconds")
    except (ValueError, OverflowError, OSError):
        time = ""
    return Person(_decoded(found[1], encoding), _decoded(found[2], encoding), time.replace("+00:00", "Z"))


def _decoded(data: bytes, encoding: str) -> str:
    try:
        return data.decode(encoding, "replace")
    except (LookupError, UnicodeError):
        return data.decode("utf-8", "replace")


def _asked(path: Path, name: str) -> bytes:
    """A name as ``cat-file --batch`` can be asked it; empty where no object has it."""
    revision, colon, below = name.partition(":")
    parts = below.split("/")
    if not revision or "\0" in name or (colon and not {"", ".", ".."}.isdisjoint(parts)):
        return b""  # "../x" would end the process, "" is the tree, "./x" depends on where it is asked
    if "\n" in name:  # a line is a question
        code, out, _ = _run(path, ["rev-parse", "--verify", "--quiet", _revision(path, name)])
        return b"" if code else out.strip()
    return _bytes(name)


def _revision(path: Path, name: str) -> str:
    if name.startswith("-") or not name or "\0" in name:
        raise CaptureError(f"{path}: {name!r} names no revision (write a branch, a tag, a commit id or a range)")
    return name


def _text(out: bytes) -> str:
    return out.decode("utf-8", "surrogateescape")


def _bytes(name: str) -> bytes:
    return name.encode("utf-8", "surrogateescape")


def _line(out: bytes) -> str:
    return os.fsdecode(out).removesuffix("\n").removesuffix("\r")


def _command(path: Path, question: Sequence[str]) -> list[str | bytes]:
    if not path.is_dir():
        raise CaptureError(f"{path}: no such folder (name a folder inside a git repository)")
    settings = (word for key, value in _SETTINGS.items() for word in ("-c", f"{key}={value}"))
    return ["git", *settings, "-C", str(path), *(os.fsencode(word) for word in question)]


def _environment() -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("GIT_") or _KEPT.match(key)}
    return kept | _ENVIRONMENT


def _run(path: Path, question: Sequence[str], given: bytes = b"") -> tuple[int, bytes, str]:
    """The exit code of a question, what git said, and what it complained of."""
    try:
        done = subprocess.run(
            _command(path, question), input=given, capture_output=True, env=_environment(), check=False
        )
    except (OSError, ValueError) as error:
        raise _cannot_start(path, error) from error
    return done.returncode, done.stdout, done.stderr.decode("utf-8", "replace")


def _ask(path: Path, question: Sequence[str], given: bytes = b"") -> bytes:
    return _checked(path, *_run(path, question, given))


def _checked(path: Path, code: int, out: bytes, error: str) -> bytes:
    if code:
        raise _refused(path, error)
    return out


def _refused(path: Path, complaint: str) -> CaptureError:
    if "not a git repository" in complaint.lower():
        return CaptureError(f"{path}: is in no git repository (name a folder inside one)")
    lines = [line for line in complaint.strip().split("\n") if line]
    said = next(
        (line for line in lines if line.startswith(("fatal:", "error:"))), lines[0] if lines else "no reason given"
    )
    return CaptureError(f"{path}: git could not answer: {said.partition(': ')[2] or said} (run `git fsck` there)")


def _cannot_start(path: Path, error: Exception) -> CaptureError:
    if isinstance(error, FileNotFoundError):
        return CaptureError("git is not installed, or is not on the PATH (install it, or leave the repository out)")
    return CaptureError(f"{path}: git could not be started ({error})")


def _failed(path: Path, complaint: IO[bytes]) -> CaptureError:
    complaint.seek(0)
    return _refused(path, complaint.read(4096).decode("utf-8", "replace") or "it ended before it had answered")


@contextmanager
def _started(
    path: Path, question: Sequence[str], given: int | IO[bytes], more: dict[str, str] | None = None
) -> Iterator[tuple[subprocess.Popen[bytes], IO[bytes]]]:
    """A git process that is gone when the block ends, and the file it complains to."""
    with tempfile.TemporaryFile() as complaint:
        try:
            process = subprocess.Popen(
                _command(path, question),
                stdin=given,
                stdout=subprocess.PIPE,
                stderr=complaint,
                env=_environment() | (more or {}),
            )
        except (OSError, ValueError) as error:
            raise _cannot_start(path, error) from error
        try:
            yield process, complaint
        finally:
            process.kill()
            for end in (process.stdin, process.stdout):
                if end is not None:
                    try:
                        end.close()
                    except BrokenPipeError:
                        continue
            process.wait()


def _lines(
    path: Path, question: Sequence[str], given: IO[bytes], more: dict[str, str] | None = None
) -> Iterator[bytes]:
    """The lines that git answers, as they come; CaptureError at their end where it failed.

    Of a line that is longer than ``LARGEST``, the beginning, with a NUL at its end.
    """
    with _started(path, question, given, more) as (process, complaint):
        out = process.stdout
        assert out is not None
        while line := out.readline(LARGEST):
            if line.endswith(b"\n") or len(line) < LARGEST:
                yield line
                continue
            while (rest := out.readline(1 << 20)) and not rest.endswith(b"\n"):
                continue
            yield line + b"\0\n"
        if process.wait():
            raise _failed(path, complaint)
