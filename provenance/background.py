"""Backgrounds into commons: what an organisation's folders, datasets and git histories held before assistants did.

Every text counts with all its grams. A text with a NUL byte in its first 8 KB, or of more than 8 MB, is not read;
what was not read is counted in the set itself. It judges nothing: whether a background is free of assistants' text is
for who names it to know.
"""

from __future__ import annotations

import os
import stat
import subprocess
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, time
from itertools import pairwise
from pathlib import Path
from typing import IO, NamedTuple

import msgspec

from provenance import dataset
from provenance.errors import DatasetError, StoreError
from provenance.index import commons
from provenance.index.commons import Source

LARGEST = 8 << 20
"""Larger texts are data or generated."""
BINARY_HEAD = 8 << 10
BOOKKEEPING = frozenset({".git", ".hg", ".svn"})
"""Of version control, not of the organisation."""
HERE = frozenset(
    """GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE GIT_PREFIX GIT_COMMON_DIR GIT_OBJECT_DIRECTORY GIT_NAMESPACE
    GIT_ALTERNATE_OBJECT_DIRECTORIES GIT_SHALLOW_FILE GIT_GRAFT_FILE GIT_REPLACE_REF_BASE""".split()
)
"""Variables that would lead git to another repository (a hook has them set)."""
TELL_EVERY = 1 << 20

Tell = Callable[[str, int, int, int], None]
"""Takes the name of what is being read, its bytes done and in all (0 if unknown), and the grams so far."""


class Folder(NamedTuple):
    """All text files below a folder; links are not followed."""

    path: str


class Dataset(NamedTuple):
    """All texts of Parquet and JSONL files, or of some columns."""

    path: str
    columns: tuple[str, ...] = ()


class History(NamedTuple):
    """All files of all commits, of every branch and tag, whose committer date is not after ``until``."""

    repository: str
    until: datetime


class _Opened(NamedTuple):
    """A background that was found to be there: its source without counts, its bytes if known, how to read it."""

    where: str
    source: Source
    size: int
    read: Callable[[_Counter], None]


class _Counter:
    """Takes texts, and counts what was taken and what was left."""

    def __init__(self, into: commons.Gathering, of: _Opened, tell: Tell) -> None:
        self.into = into
        self.of = of
        self.tell = tell
        self.texts = self.size = 0
        self.skipped: Counter[str] = Counter()
        self.told = self.passed = 0

    def take(self, text: bytes) -> None:
        """Count a text with all its grams, if it is one."""
        if len(text) > LARGEST:
            self.skip("large", len(text))
        elif b"\0" in text[:BINARY_HEAD]:
            self.skip("binary", len(text))
        else:
            self.into.add(text)
            self.texts += 1
            self.size += len(text)
            self._pass(len(text))

    def skip(self, reason: str, size: int = 0, count: int = 1) -> None:
        """Count what is not read."""
        self.skipped[reason] += count
        self._pass(size)

    def _pass(self, size: int) -> None:
        self.passed += size
        if self.passed - self.told >= TELL_EVERY:
            self.told = self.passed
            self.tell(self.of.source.name, self.passed, self.of.size, self.into.grams)


def build(
    out: Path,
    backgrounds: Sequence[Folder | Dataset | History],
    name: str = "",
    tell: Tell = lambda label, done, all_, grams: None,
    chunk: int = commons.CHUNK,
) -> commons.Info:
    """Gather the backgrounds into a set at ``out``, in bounded memory; the same backgrounds give the same bytes.

    Every background is opened before any is read. DatasetError where one is missing or holds no text.
    """
    if (name or out.stem) == commons.BASE:
        raise StoreError(f"{out}: {commons.BASE} is the name of the set that ships with provenance (choose another)")
    with commons.gathering(out, chunk) as into:
        sources = []
        for opened in [_open(one, into, number) for number, one in enumerate(backgrounds)]:
            counter = _Counter(into, opened, tell)
            opened.read(counter)
            if not counter.texts:
                left = ", ".join(f"{count:,} {reason}" for reason, count in sorted(counter.skipped.items()))
                raise DatasetError(
                    f"{opened.where}: no text to gather{f' (skipped: {left})' if left else ''} "
                    "(name what holds the organisation's own text, or leave it out)"
                )
            sources.append(
                msgspec.structs.replace(
                    opened.source,
                    texts=counter.texts,
                    size=counter.size,
                    skipped=dict(sorted(counter.skipped.items())),
                )
            )
        return into.write(name, sources)


def moment(text: str) -> datetime:
    """A date (its end, UTC), or a date and time (UTC unless it says otherwise); ValueError where it is neither."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        exact = datetime.fromisoformat(text).replace(microsecond=0)
        return exact.astimezone(UTC) if exact.tzinfo else exact.replace(tzinfo=UTC)
    return datetime.combine(day, time(23, 59, 59), UTC)


def _open(background: Folder | Dataset | History, into: commons.Gathering, number: int) -> _Opened:
    if isinstance(background, Folder):
        return _open_folder(background, into)
    if isinstance(background, Dataset):
        return _open_dataset(background)
    scratch = into.folder / f"git-{number}"
    scratch.mkdir()
    return _open_history(background, scratch)


def _name(path: str) -> str:
    """The last part of a path, as UTF-8: no place on the machine."""
    return os.fsencode(Path(os.path.abspath(path)).name or "root").decode("utf-8", "replace")


def _open_folder(background: Folder, into: commons.Gathering) -> _Opened:
    path = background.path
    if not os.path.isdir(path):
        raise DatasetError(f"{path}: no such folder (check the path)")
    ours = {os.path.realpath(into.path), os.path.realpath(into.folder)}
    return _Opened(path, Source("folder", _name(path)), 0, lambda counter: _read_folder(path, ours, counter))


def _read_folder(top: str, ours: set[str], counter: _Counter) -> None:
    """Take the regular files below; what a build itself writes, links and version control's own are left out."""
    folders = [os.path.realpath(top)]
    while folders:
        try:
            with os.scandir(folders.pop()) as entries:
                found = [one for one in entries if one.name not in BOOKKEEPING and one.path not in ours]
        except OSError:
            counter.skip("unreadable")
            continue
        for one in found:
            if one.is_dir(follow_symlinks=False):
                folders.append(one.path)
            elif one.is_file(follow_symlinks=False):
                _read_file(one.path, counter)


def _read_file(path: str, counter: _Counter) -> None:
    try:
        with open(path, "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                return
            if status.st_size > LARGEST:
                counter.skip("large", status.st_size)
                return
            text = file.read(BINARY_HEAD)
            if b"\0" in text:
                counter.skip("binary", status.st_size)
                return
            text += file.read(LARGEST + 1)
    except OSError:
        counter.skip("unreadable")
        return
    counter.take(text)


def _open_dataset(background: Dataset) -> _Opened:
    path = background.path
    plan = dataset.plan(dataset.discover([path]), background.columns)
    if plan.problems:
        raise DatasetError("\n".join(plan.problems))
    if not plan.fields:
        raise DatasetError(
            f"{path}: no column holds text; it has {', '.join(plan.unread) or 'no column'} (leave it out)"
        )
    size = sum(unit.size for unit in plan.units)
    source = Source("dataset", _name(path), columns=background.columns)
    return _Opened(path, source, size, lambda counter: _read_dataset(plan, counter))


def _read_dataset(plan: dataset.Plan, counter: _Counter) -> None:
    for unit in plan.units:
        rows = 0
        for batch in dataset.read(unit):
            rows += batch.rows
            if batch.skipped:
                counter.skip("rows", count=len(batch.skipped))
            for texts in batch.texts:
                data = memoryview(texts.data)
                bounds = texts.offsets.tolist()
                for first, end in pairwise(bounds):
                    counter.take(bytes(data[first:end]))
        if unit.rows >= 0 and rows != unit.rows:
            raise DatasetError(f"{unit.file}: {rows} rows read, its footer promises {unit.rows} (the file is damaged)")


def _open_history(background: History, scratch: Path) -> _Opened:
    """List the commits that count and the files of them; the lists stand in the scratch folder."""
    where, until = background
    repository = os.path.realpath(where)
    if not os.path.isdir(repository):
        raise DatasetError(f"{where}: no such folder (check the path)")
    _refuse_parts(where, repository)
    commits, head = _list_commits(where, repository, until, scratch / "commits")
    size, large = _list_blobs(repository, scratch)
    name = _name(os.path.dirname(repository) if os.path.basename(repository) == ".git" else repository)
    source = Source(
        "git",
        name.removesuffix(".git") or name,
        until=f"{until:%Y-%m-%dT%H:%M:%SZ}",
        commits=commits,
        head=head,
    )

    def read(counter: _Counter) -> None:
        if large:
            counter.skip("large", count=large)
        _read_blobs(repository, scratch / "blobs", counter)

    return _Opened(where, source, size, read)


def _refuse_parts(where: str, repository: str) -> None:
    """A history that is not all here would be a smaller background than its record says."""
    with _git(
        repository, "rev-parse", "--is-shallow-repository", hint="name the top folder of a git repository"
    ) as out:
        shallow = out.read().strip() == b"true"
    if shallow:
        raise DatasetError(f"{where}: a shallow clone, its history is not here (git -C {where} fetch --unshallow)")
    with _git(repository, "config", "--get-regexp", r"^(extensions\.partialclone|remote\..*\.promisor)$", ok=1) as out:
        partial = out.read().strip()
    if partial:
        raise DatasetError(f"{where}: a partial clone, its older files are not here (clone it without --filter)")


def _list_commits(where: str, repository: str, until: datetime, into: Path) -> tuple[int, str]:
    """Write the ids of the commits not after ``until``: how many they are, and the latest.

    The dates are compared here: git would read a date that it does not understand as today.
    """
    last = int(until.timestamp())
    count, newest, oldest = 0, (-1, b""), -1
    with _git(repository, "rev-parse", "--quiet", "--verify", "HEAD^{commit}", ok=1) as out:
        tips = ["HEAD"] if out.read().strip() else []
    tips += ["--branches", "--tags", "--remotes"]
    with into.open("wb") as file, _git(repository, "rev-list", "--timestamp", *tips) as out:
        for line in out:
            stamp, commit = line.split()
            made = int(stamp)
            oldest = made if oldest < 0 else min(made, oldest)
            if made <= last:
                count += 1
                newest = max(newest, (made, commit))
                file.write(commit + b"\n")
    if oldest < 0:
        raise DatasetError(f"{where}: no commits in this repository (leave it out)")
    if not count:
        raise DatasetError(
            f"{where}: no commit up to {until:%Y-%m-%d}; the oldest is of {_day(oldest)} by its committer "
            "(choose a later --until, or leave it out)"
        )
    return count, newest[1].decode()


def _day(stamp: int) -> str:
    try:
        return f"{datetime.fromtimestamp(stamp, UTC):%Y-%m-%d}"
    except (ValueError, OverflowError, OSError):
        return f"second {stamp}"


def _list_blobs(repository: str, scratch: Path) -> tuple[int, int]:
    """Write the ids of the files of the listed commits, each once: their bytes, and how many larger ones there are."""
    size = large = 0
    with (
        (scratch / "commits").open("rb") as commits,
        (scratch / "blobs").open("wb") as blobs,
        _git(
            repository, "rev-list", "--objects", "--no-object-names", "--no-walk=unsorted", "--stdin", stdin=commits
        ) as listed,
        _git(
            repository,
            "cat-file",
            "--buffer",
            "--batch-check=%(objectname) %(objecttype) %(objectsize)",
            stdin=listed,
        ) as objects,
    ):
        for line in objects:
            name, kind, *rest = line.split()
            if kind == b"missing":
                raise _damaged(repository, name)
            if kind == b"blob":
                if int(rest[0]) > LARGEST:
                    large += 1
                else:
                    size += int(rest[0])
                    blobs.write(name + b"\n")
    return size, large


def _read_blobs(repository: str, blobs: Path, counter: _Counter) -> None:
    with blobs.open("rb") as ids, _git(repository, "cat-file", "--buffer", "--batch", stdin=ids) as out:
        for line in out:
            name, kind, *rest = line.split()
            if kind != b"blob":
                raise _damaged(repository, name)
            text = out.read(int(rest[0]) + 1)
            counter.take(text[:-1])


def _damaged(repository: str, name: bytes) -> DatasetError:
    return DatasetError(f"{repository}: object {name.decode()} is missing (git -C {repository} fsck; clone it again)")


@contextmanager
def _git(
    repository: str,
    *arguments: str,
    stdin: IO[bytes] | int = subprocess.DEVNULL,
    ok: int = 0,
    hint: str = "see what git -C REPO fsck says, or leave the repository out",
) -> Iterator[IO[bytes]]:
    """What a git command writes. DatasetError where it ends otherwise than with 0 or ``ok``; none is left running."""
    with tempfile.TemporaryFile() as said:
        try:
            process = subprocess.Popen(
                ["git", "-C", repository, *arguments],
                stdin=stdin,
                stdout=subprocess.PIPE,
                stderr=said,
                env=_environment(repository),
            )
        except FileNotFoundError as error:
            raise DatasetError(
                f"{repository}: reading its history needs git, which is not here "
                "(install git, or check the history out and name it with --folder)"
            ) from error
        assert process.stdout is not None
        try:
            yield process.stdout
            if process.wait() not in (0, ok):
                said.seek(0)
                lines = said.read().decode("utf-8", "replace").strip().splitlines()
                reason = lines[0].removeprefix("fatal: ") if lines else f"git {arguments[0]} failed"
                raise DatasetError(f"{repository}: {reason} ({hint})")
        finally:
            process.stdout.close()
            process.kill()
            process.wait()


def _environment(repository: str) -> dict[str, str]:
    """Git reads this repository and no other, as it was committed, and speaks English."""
    mine = {name: value for name, value in os.environ.items() if name not in HERE}
    return mine | {
        "GIT_CEILING_DIRECTORIES": os.path.dirname(repository),
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_OPTIONAL_LOCKS": "0",
        "LC_ALL": "C",
    }
