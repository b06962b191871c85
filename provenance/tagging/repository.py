"""The questions to git that only tags have: who last touched each line, and notes taken away. It interprets nothing."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from provenance import git


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
    out = git._ask(
        path, ["blame", "--line-porcelain", "--no-textconv", "-w", git._revision(path, revision), "--", file]
    )
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
            name = git._unquoted(row[9:]).decode("utf-8", "surrogateescape")
    return found


def remove_note(path: Path, ref: str, commit: str) -> None:
    """Take the note away that a commit has."""
    git._ask(path, ["notes", f"--ref={git._revision(path, ref)}", "remove", "--ignore-missing", commit])
