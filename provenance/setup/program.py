"""The program that the hooks call, as a piece of a shell's command line. It runs nothing.

A hook of ours is known by its command line alone: hosts rewrite their settings and drop fields they do not know
(anthropics/claude-code issue 88113).
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from provenance.errors import ProvenanceError

_CALL = re.compile(
    r"\s+capture\s+(?:codex-notify|claude-code|codex|cursor|gemini-cli|copilot|opencode|git)(?:\s+[\w-]+)?"
    r"(?: \|\| exit 0|; exit 0)?\s*"
)
"""What follows the program in a command line of ours."""
SHARED = "provenance"
"""The program in files that others read too: whatever their PATH holds."""


def is_ours(line: str) -> bool:
    """Whether a command line is a capture and nothing else: not another program's whose words are like ours, nor one
    that somebody has made a part of something larger."""
    at = line.rfind(" capture ")
    if at < 0 or not _CALL.fullmatch(line, at):
        return False
    reader = shlex.shlex(line[:at].removeprefix("& "), posix=True, punctuation_chars=True)
    reader.whitespace_split, reader.commenters = True, ""
    try:
        words = list(reader)
    except ValueError:
        return False
    if not words or any(word[0] in "();<>|&" and set(word) <= set("();<>|&") for word in words):
        return False
    return re.split(r"[/\\]", words[-1])[-1].partition(".")[0] == "provenance"


def found(environ: Mapping[str, str]) -> str:
    """The program of this installation, by its whole path, so that no other environment's takes its place."""
    own = Path(sys.executable).with_name("provenance.exe" if sys.platform == "win32" else "provenance")
    if own.is_file():
        return quoted(own)
    known = shutil.which("provenance", path=environ.get("PATH"))
    return quoted(Path(known)) if known else f"{quoted(Path(sys.executable))} -m provenance"


def quoted(path: Path) -> str:
    """A path as one word for sh, and for cmd.exe and PowerShell where it needs no quotes."""
    text = path.as_posix()
    if sys.platform == "win32":
        return f'"{text}"' if " " in text else text
    return shlex.quote(text)


def checked(program: str) -> str:
    """The program as given, if its hooks can be known again and it is one line. Raises ProvenanceError."""
    try:
        words = shlex.split(program)
        program.encode()
    except ValueError as error:
        raise ProvenanceError(f"--command {program!r}: no command line ({error})") from error
    if not words or not program.isprintable():
        raise ProvenanceError(f"--command {program!r}: a command line is one line of printable text")
    if not is_ours(f"{program} capture git"):
        raise ProvenanceError(
            f"--command {program!r}: must name provenance as its last word (its hooks are known by 'provenance "
            "capture') and nothing but one program; a wrapper can be called provenance too"
        )
    return program


def of(line: str) -> str:
    """The program of a command line of ours."""
    return re.split(r"\scapture\s", line, maxsplit=1)[0].removeprefix("& ").strip()


def runs(program: str, environ: Mapping[str, str]) -> bool:
    """Whether the program's first word is something that can be run here."""
    try:
        words = shlex.split(program)
    except ValueError:
        return False
    return bool(words) and shutil.which(os.path.expanduser(words[0]), path=environ.get("PATH")) is not None


def harmless(line: str) -> str:
    """The command line, ending well whatever happens, for hosts that take a failing hook for a refusal.

    ``|| exit 0`` is understood by sh, cmd.exe and PowerShell 7.
    """
    return f"{line} || exit 0"


def for_powershell(line: str) -> str:
    """The command line for PowerShell, where a quoted program needs the call operator."""
    return f"& {line}" if line[:1] in "\"'" else line
