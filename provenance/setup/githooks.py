"""Git's post-commit and post-rewrite hooks, as a marked block at the head of a shell script. It touches no file.

At the head, because scripts end in ``exit`` or ``exec`` (pre-commit's do), behind which nothing runs. The block cannot
fail the hook, and hands on the standard input that it reads (git gives post-rewrite the pairs of old and new commits,
githooks(5)). ``remove(add(text)) == text``, byte for byte.
"""

from __future__ import annotations

import re

NAMES = ("post-commit", "post-rewrite")
BEGIN = "# >>> provenance init >>>"
BEGIN_FILE = "# >>> provenance init, with this file >>>"
END = "# <<< provenance init <<<"

_SHEBANG = re.compile(r"#![^\r\n]*?\b(?:sh|bash|dash|ash|ksh|mksh|zsh)(?:[ \t][^\r\n]*)?(?:\r?\n|\Z)")
_BLOCK = re.compile(rf"(?:{BEGIN}|{BEGIN_FILE})\n.*?{END}", re.DOTALL)
_LINE = re.compile(r"(?:\| )?(.+ capture git post-(?:commit|rewrite)) (?:</dev/null )?>/dev/null \|\| true")


def is_shell(text: str) -> bool:
    """Whether git runs the script with a shell that understands the block; git hands scripts without a first line
    that names a program to sh."""
    return "\0" not in text and (not text.startswith("#!") or _SHEBANG.match(text) is not None)


def create(name: str, program: str) -> str:
    """A new hook that holds the block alone."""
    return f"#!/bin/sh\n{BEGIN_FILE}\n{_body(name, program)}\n{END}\n"


def add(text: str, name: str, program: str) -> str:
    """The script with the block behind its first line, in place of an older block; ``text`` must be a shell's."""
    bare = remove(text)
    if bare is None:
        return create(name, program)
    first = _SHEBANG.match(bare)
    head, rest = (first.group(), bare[first.end() :]) if first else ("", bare)
    block = f"{BEGIN}\n{_body(name, program)}\n{END}"
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
    found = _LINE.search(block.group()) if block else None
    return [found.group(1)] if found else []


def _body(name: str, program: str) -> str:
    line = f"{program} capture git {name}"
    if name == "post-commit":
        return f"{line} </dev/null >/dev/null || true"
    return "\n".join(
        (
            "provenance_rewritten=$(cat)",
            "printf '%s\\n' \"$provenance_rewritten\" \\",
            f"| {line} >/dev/null || true",
            'if [ -n "$provenance_rewritten" ]; then exec <<PROVENANCE_REWRITTEN',
            "$provenance_rewritten",
            "PROVENANCE_REWRITTEN",
            "fi",
        )
    )
