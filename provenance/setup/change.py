"""Files to write or delete, all or none of them, and how they look as a diff. It knows nothing of hooks."""

from __future__ import annotations

import difflib
import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from provenance import files
from provenance.errors import ProvenanceError


class Change(NamedTuple):
    """One file to write or to delete."""

    path: Path
    who: str
    """The assistant whose file it is, or ``git``, ``store`` or ``managed``."""
    before: bytes | None
    after: bytes | None
    """The whole content; None where there is no file."""
    executable: bool = False
    """Whether a new file is a program."""
    prune: Path | None = None
    """Emptied folders inside this one go with their last file."""


class Plan(NamedTuple):
    """What is to be done, and what a person has to know or do."""

    changes: tuple[Change, ...]
    notes: tuple[tuple[str, str], ...]
    """(assistant, sentence)."""
    enforced: tuple[tuple[str, str], ...] = ()
    """(assistant or ``git``, policy) of every hook that may refuse, once the plan is carried out."""


def read(path: Path) -> bytes | None:
    """The file's bytes, None where there is none. Raises ProvenanceError, naming the file, where it cannot be read."""
    try:
        if path.exists() and not (path.is_file() or path.is_dir()):
            raise ProvenanceError(f"{path}: is no regular file (move it away first)")  # a pipe would be waited for
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ProvenanceError(f"{path}: cannot be read ({error.strerror or error})") from error


def text(path: Path) -> str | None:
    """The file's text, None where there is no file. Raises ProvenanceError where it cannot be read or is no UTF-8."""
    content = read(path)
    if content is None:
        return None
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise ProvenanceError(f"{path}: byte {error.start + 1:,} is no UTF-8 (save it as UTF-8 first)") from error


def apply(plan: Plan) -> None:
    """Write what the plan says, or nothing: where one file cannot be written, those before it are put back.

    Symbolic links are followed; modes and owners stay. Raises ProvenanceError, with nothing written, where a file is
    not what it was when the plan was made, or may not be written.
    """
    for change in plan.changes:
        if read(change.path) != change.before:
            raise ProvenanceError(f"{change.path}: changed while init was at work (run it again)")
        _may_write(change.path)
    done: list[Change] = []
    try:
        for change in plan.changes:
            done.append(change)
            _write(change.path, change.after, change.executable)
    except BaseException:
        for change in reversed(done):
            with suppress(OSError):
                _write(change.path, change.before, change.executable)
        raise
    for change in plan.changes:
        if change.after is None and change.prune is not None:
            _prune(change.path.parent, change.prune)


def diff(change: Change) -> str:
    """A unified diff of the change; bytes that are no UTF-8 show as replacement characters."""
    before, after = (
        [] if content is None else content.decode("utf-8", "replace").splitlines(keepends=True)
        for content in (change.before, change.after)
    )
    old, new = (os.devnull if content is None else str(change.path) for content in (change.before, change.after))
    lines = difflib.unified_diff(before, after, old, new)
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)


def _may_write(path: Path) -> None:
    """Raises ProvenanceError where the file or its folder is read-only, for the superuser too."""
    target = path.resolve()
    if target.exists() and not target.stat().st_mode & stat.S_IWUSR:
        raise ProvenanceError(f"{path}: is read-only (nothing was written; make it writable and run init again)")
    folder = target.parent
    while not folder.exists():
        folder = folder.parent
    if not folder.is_dir():
        raise ProvenanceError(f"{folder}: is no folder, and {path.name} would have to go into it (nothing was written)")
    if not folder.stat().st_mode & stat.S_IWUSR or not os.access(folder, os.W_OK):
        raise ProvenanceError(f"{folder}: may not be written to (nothing was written)")


def _write(path: Path, content: bytes | None, executable: bool) -> None:
    target = path.resolve()
    if content is None:
        target.unlink(missing_ok=True)
        return
    known = target.stat() if target.exists() else None
    with files.replacing(target) as file:
        file.write(content)
        if known is not None:
            os.chmod(file.name, stat.S_IMODE(known.st_mode))
            if hasattr(os, "chown"):
                with suppress(PermissionError):
                    os.chown(file.name, known.st_uid, known.st_gid)
        elif executable:
            os.chmod(file.name, stat.S_IMODE(os.stat(file.name).st_mode) | 0o111)


def _prune(folder: Path, inside: Path) -> None:
    """Remove folders that are empty now, from the innermost on, but never ``inside`` itself."""
    while inside in folder.parents:
        try:
            folder.rmdir()
        except OSError:
            return
        folder = folder.parent
