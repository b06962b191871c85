"""What ``init`` has to know of an assistant, and of the place it installs in. It touches no file."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

from provenance.setup.jsonmerge import Hooks
from provenance.setup.program import Enforced

Kind = Literal["repository", "shared", "user", "managed"]

TIMEOUT = 30
"""Seconds a host waits for a hook: a capture takes a fraction of one, and the assistant waits for it."""


class Place(NamedTuple):
    """Where hooks go."""

    kind: Kind
    """One person's own files in a repository; a repository's committed files; a person's files for every
    repository; a folder from which a fleet is supplied."""
    root: Path
    """The repository's work tree, the home folder, or the fleet's folder."""
    environ: Mapping[str, str]
    """Where PATH and the assistants' own folders are looked up."""


class Target(NamedTuple):
    """The file that an assistant reads its hooks from."""

    path: Path
    versioned: bool = False
    """Whether the file must hold ``"version": 1``."""


class Assistant(NamedTuple):
    """One host of hooks."""

    name: str
    """As in ``provenance capture NAME``."""
    title: str
    programs: tuple[str, ...]
    folders: tuple[str, ...]
    """What on the PATH, in the home folder or in a repository shows that somebody uses it."""
    target: Callable[[Place], Target]
    content: Callable[[str, Place, Enforced | None], Hooks | str]
    """From the program, the place and what is enforced to the hooks to merge, or to the text of a file of its own."""
    next_step: Callable[[Place, Enforced | None], str]
    """What to tell the user; empty where there is nothing left to do."""


def in_use(assistant: Assistant, place: Place, home: Path) -> bool:
    """Whether the assistant is installed here, or somebody has used it here."""
    folders = [base / folder for base in (home, place.root) for folder in assistant.folders]
    path = place.environ.get("PATH")
    own = assistant.target(place._replace(kind="user", root=home)).path.parent
    return any(folder.is_dir() for folder in [*folders, own]) or any(
        shutil.which(program, path=path) for program in assistant.programs
    )


def folder(place: Place, variable: str, usual: str) -> Path:
    """An assistant's folder in the home folder, or wherever its variable says."""
    return Path(place.environ[variable]) if place.environ.get(variable) else place.root / usual


def handler(line: str, timeout: int = TIMEOUT) -> dict[str, Any]:
    """A command handler in the form that Claude Code, Codex and Gemini CLI share; ``timeout`` in the host's unit."""
    return {"type": "command", "command": line, "timeout": timeout}


def group(entry: dict[str, Any], matcher: str = "") -> list[dict[str, Any]]:
    """An event's list with one group of one handler; without a matcher it runs always."""
    return [{"matcher": matcher, "hooks": [entry]} if matcher else {"hooks": [entry]}]
