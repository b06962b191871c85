"""The questions that ``init`` has for git. It changes nothing."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import NamedTuple

from provenance.errors import ProvenanceError


class Repository(NamedTuple):
    """A work tree and where git keeps its own files."""

    root: Path
    git: Path
    """The folder that all work trees of the repository share."""
    hooks: Path
    """Where git looks for hooks: core.hooksPath, or inside ``git``."""
    exclude: Path
    """What this clone ignores beyond .gitignore."""
    main: Path
    """The main work tree, where the store is: a linked one goes, and its files with it. A linked one of a bare
    repository has no other and is its own."""


def at(folder: Path) -> Repository:
    """The repository that a folder belongs to. Raises ProvenanceError where there is none, or no git."""
    asked = ("--show-toplevel", "--git-common-dir", "--git-path", "hooks", "--git-path", "info/exclude", "--git-dir")
    done = _git(folder, "rev-parse", "--path-format=absolute", *asked)
    if done.returncode:
        why = done.stderr.decode(errors="replace").strip() or "no work tree"
        raise ProvenanceError(f"{folder}: {why} (run it inside a repository, or install with --user)")
    root, git, hooks, exclude, own = (Path(os.fsdecode(line)) for line in done.stdout.splitlines())
    is_linked = own != git and git.name == ".git"
    return Repository(root, git, hooks, exclude, git.parent if is_linked else root)


def around(folder: Path) -> Repository | None:
    """The repository that a folder belongs to, if it belongs to one."""
    try:
        return at(folder)
    except ProvenanceError:
        return None


def tracked(root: Path, path: Path) -> bool:
    """Whether git tracks the file."""
    return _git(root, "ls-files", "--error-unmatch", "--", str(path)).returncode == 0


def ignored(root: Path, path: Path) -> bool:
    """Whether git ignores the file already."""
    return _git(root, "check-ignore", "-q", "--", str(path)).returncode == 0


def _git(folder: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, check=False)
    except FileNotFoundError as error:
        raise ProvenanceError("git is not installed (install it, or install the hooks with --user)") from error
