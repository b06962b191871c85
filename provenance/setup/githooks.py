"""Git's hooks, as a marked block at the head of a shell script. It touches no file.

post-commit and post-rewrite tag; pre-commit, where it is asked for, stops a commit that the policy blocks, and one that
could not be judged.

At the head, because scripts end in ``exit`` or ``exec`` (pre-commit's do), behind which nothing runs. The block cannot
fail the hook (but for pre-commit's), and hands on the standard input that it reads (git gives post-rewrite the pairs of
old and new commits, githooks(5)). ``remove(add(text)) == text``, byte for byte.
"""

from __future__ import annotations

import re

from provenance.setup.program import Enforced, checking, enforced

NAMES = ("post-commit", "post-rewrite")
CHECK = "pre-commit"
BEGIN = "# >>> provenance init >>>"
BEGIN_FILE = "# >>> provenance init, with this file >>>"
END = "# <<< provenance init <<<"

_SHEBANG = re.compile(r"#![^\r\n]*?\b(?:sh|bash|dash|ash|ksh|mksh|zsh)(?:[ \t][^\r\n]*)?(?:\r?\n|\Z)")
_BLOCK = re.compile(rf"(?:{BEGIN}|{BEGIN_FILE})\n.*?{END}", re.DOTALL)
_LINE = re.compile(r"(?:\| )?(.+ capture git post-(?:commit|rewrite)) (?:</dev/null )?>/dev/null \|\| true")
_CHECK = re.compile(r"^(.+ check --staged .+) </dev/null \|\| \{$", re.MULTILINE)


def is_shell(text: str) -> bool:
    """Whether git runs the script with a shell that understands the block; git hands scripts without a first line
    that names a program to sh."""
    return "\0" not in text and (not text.startswith("#!") or _SHEBANG.match(text) is not None)


def create(name: str, program: str, rules: Enforced | None = None) -> str:
    """A new hook that holds the block alone; pre-commit's needs the rules to check by."""
    return f"#!/bin/sh\n{BEGIN_FILE}\n{_body(name, program, rules)}\n{END}\n"


def add(text: str, name: str, program: str, rules: Enforced | None = None) -> str:
    """The script with the block behind its first line, in place of an older block; ``text`` must be a shell's."""
    bare = remove(text)
    if bare is None:
        return create(name, program, rules)
    first = _SHEBANG.match(bare)
    head, rest = (first.group(), bare[first.end() :]) if first else ("", bare)
    block = f"{BEGIN}\n{_body(name, program, rules)}\n{END}"
    return f"{head}\n{block}" if head and not head.endswith("\n") else f"{head}{block}\n{rest}"


def remove(text: str) -> str | None:
    """The script without the block; None where nothing is left of a file that was made for it."""
    found = _BLOCK.search(text)
    if found is None:
        return text
    start, end = found.span()
    if text[end : end + 1] == "\n":
        end += 1
    elif start:
        start -= 1
    bare = text[:start] + text[end:]
    return None if found.group().startswith(BEGIN_FILE) and bare == "#!/bin/sh\n" else bare


def commands(text: str) -> list[str]:
    """The command line in the block, if the script holds one."""
    block = _BLOCK.search(text)
    found = (_LINE.search(block.group()) or _CHECK.search(block.group())) if block else None
    return [found.group(1)] if found else []


def checks(text: str) -> Enforced | None:
    """The policy that the block judges commits by, if it does."""
    return next((rules for rules in map(enforced, commands(text)) if rules), None)


def line(name: str, program: str, rules: Enforced | None = None) -> str:
    """The command line that a hook calls."""
    return checking(program, rules) if rules and name == CHECK else f"{program} capture git {name}"


def _body(name: str, program: str, rules: Enforced | None) -> str:
    call = line(name, program, rules)
    if name == CHECK:
        return "\n".join(
            (
                f"{call} </dev/null || {{",
                '[ "$?" -eq 1 ] ||',
                "echo 'provenance: not committed, for it could not be judged: mend what is said above' >&2",
                "exit 1",
                "}",
            )
        )
    if name == "post-commit":
        return f"{call} </dev/null >/dev/null || true"
    return "\n".join(
        (
            "provenance_rewritten=$(cat)",
            "printf '%s\\n' \"$provenance_rewritten\" \\",
            f"| {call} >/dev/null || true",
            'if [ -n "$provenance_rewritten" ]; then exec <<PROVENANCE_REWRITTEN',
            "$provenance_rewritten",
            "PROVENANCE_REWRITTEN",
            "fi",
        )
    )
