"""The files of one person's own hooks in ``.git/info/exclude``, as a marked block at its head. It touches no file."""

from __future__ import annotations

import re
from collections.abc import Iterable

_BLOCK = re.compile(r"# >>> provenance init(, with this file)? >>>\n(.*?)# <<< provenance init <<<\n", re.DOTALL)


def patterns(text: str | None) -> list[str]:
    """What the block holds; nothing where there is none."""
    found = _BLOCK.search(text or "")
    return found.group(2).splitlines() if found else []


def with_patterns(text: str | None, wanted: Iterable[str]) -> str | None:
    """The file with a block of these patterns and no other of ours; None where nothing is left of a file made for it.

    With no pattern there is no block, and the text is what it was before the first, byte for byte.
    """
    found = _BLOCK.search(text or "")
    own = text is None or (found is not None and found.group(1) is not None)
    bare = _BLOCK.sub("", text or "", count=1)
    lines = sorted(set(wanted))
    if not lines:
        return None if own and not bare else bare
    own_file = ", with this file" if own else ""
    return "\n".join([f"# >>> provenance init{own_file} >>>", *lines, "# <<< provenance init <<<", bare])
