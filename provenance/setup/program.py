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
from typing import NamedTuple

from provenance.errors import ProvenanceError

_HOSTS = "claude-code|codex|cursor|gemini-cli|copilot|opencode"
_WORD = r"(?:[\w@%+=:,./-]|'[^'\r\n]*'|\"[^\"$`\\\r\n]*\")+"
"""What a shell takes for one word, whatever it stands for."""
_JUDGE = rf"\s+--policy\s+{_WORD}(?:\s+--team\s+{_WORD})?"
_CALL = re.compile(
    rf"\s+capture\s+(?:codex-notify|{_HOSTS}|git)(?:\s+[\w-]+)?"
    r"(?: \|\| exit 0|; exit 0)?\s*"
)
"""What follows the program in a command line of ours that captures."""
_ASK = re.compile(rf"\s+hook\s+enforce\s+(?:{_HOSTS}){_JUDGE}(?: \|\| exit 2)?\s*", re.ASCII)
"""... that asks whether an assistant may write."""
_CHECK = re.compile(rf"\s+check\s+--staged{_JUDGE}\s*", re.ASCII)
"""... that judges a commit; it stands in git's hooks only."""
SHARED = "provenance"
"""The program in files that others read too: whatever their PATH holds."""


class Enforced(NamedTuple):
    """By which policy assistants are kept out of restricted zones."""

    policy: str
    """A shipped policy's name or a file's path, as it stands in the command line."""
    team: str = ""


def is_ours(line: str) -> bool:
    """Whether a command line is a capture, or asks whether an assistant may write, and nothing else: not another
    program's whose words are like ours, nor one that somebody has made a part of something larger."""
    return _behind(line, _CALL, " capture ") >= 0 or _behind(line, _ASK, " hook enforce ") >= 0


def enforced(line: str) -> Enforced | None:
    """The policy by which a command line of ours asks or checks; None of one that captures, or is not ours."""
    for call, sign in ((_ASK, " hook enforce "), (_CHECK, " check --staged ")):
        at = _behind(line, call, sign)
        if at >= 0:
            words = shlex.split(line[at:])
            given = {name: words[words.index(name) + 1] for name in ("--policy", "--team") if name in words}
            return Enforced(given["--policy"], given.get("--team", ""))
    return None


def _behind(line: str, call: re.Pattern[str], sign: str) -> int:
    """Where in a line of ours the program ends; -1 in any other. A quoted program or policy may hold the sign too."""
    at = line.find(sign)
    while at >= 0 and not (call.fullmatch(line, at) and _is_program(line[:at])):
        at = line.find(sign, at + 1)
    return at


def _is_program(text: str) -> bool:
    """Whether it is one command of a shell whose last word is a program called provenance."""
    reader = shlex.shlex(text.removeprefix("& "), posix=True, punctuation_chars=True)
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
    return _word(path.as_posix())


def _word(text: str) -> str:
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
    calls = ((_CALL, " capture "), (_ASK, " hook enforce "), (_CHECK, " check --staged "))
    at = max(_behind(line, call, sign) for call, sign in calls)
    return line[:at].removeprefix("& ").strip() if at >= 0 else line


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


def asking(program: str, assistant: str, rules: Enforced) -> str:
    """The command line that asks whether an assistant may write."""
    return f"{program} hook enforce {assistant}{_judge(rules)}"


def checking(program: str, rules: Enforced) -> str:
    """The command line that judges what is about to be committed."""
    return f"{program} check --staged{_judge(rules)}"


def _judge(rules: Enforced) -> str:
    team = f" --team {_word(rules.team)}" if rules.team else ""
    return f" --policy {_word(rules.policy)}{team}"


def strict(line: str) -> str:
    """The command line, ending in a refusal if it cannot run, for hosts that let a call go ahead then.

    sh, fish and cmd.exe understand ``|| exit 2``; PowerShell 5 does not.
    """
    return f"{line} || exit 2"


def for_powershell(line: str) -> str:
    """The command line for PowerShell, where a quoted program needs the call operator."""
    return f"& {line}" if line[:1] in "\"'" else line
