"""Takes patches apart into the text they add and the text they replace. It applies nothing and reads no file.

Three sources of the same fact, what an assistant added: Codex's ``apply_patch`` envelope, the unified diff
that Codex records after applying it, and two versions of one text. A block is a run of added lines that are
neighbours in the result: a context line ends it, a removed line does not. Blocks without a visible
character are dropped everywhere, as there is nothing in them to recognise.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from itertools import pairwise
from typing import NamedTuple


class FileChange(NamedTuple):
    """What one patch does to one file."""

    path: str
    """The file as the patch names it; for a move, the new name."""
    operation: str
    """add, update, delete or move."""
    added: tuple[str, ...]
    """Blocks of added lines, in order, without a final newline."""
    removed: tuple[str, ...]
    """The text each hunk expects to find (removed and context lines), one string a hunk."""


MOST_LINES = 4_000
"""Two texts that both differ over more lines than this are compared as multisets of lines."""

MOST_PAIRS = 50_000
"""Likewise when more pairs of lines are equal: 499 braces (249,001 pairs) in turn with other lines took 4.6 s."""

_FILE = re.compile(r"\*\*\* (Add|Update|Delete) File:(.*)")
_MOVE = re.compile(r"\*\*\* Move to:(.*)")
_HUNK = re.compile(r"@@ -\d+(?:,(\d{1,9}))? \+\d+(?:,(\d{1,9}))? @@")


def parse_apply_patch(text: str) -> list[FileChange]:
    """The file changes of every ``apply_patch`` envelope in the text, in order; of any other text, none.

    The markers ``*** Begin Patch`` and ``*** End Patch`` may be missing: a ``*** Add File:`` line and its
    kin open a change, and all before the first of them is ignored.
    """
    changes: list[FileChange] = []
    draft: _Draft | None = None
    for line in _lines(text):
        if line.startswith("*** "):
            if file := _FILE.match(line):
                if draft:
                    changes.append(draft.change())
                draft = _Draft(file[2].strip(), file[1].lower())
            elif draft and (move := _MOVE.match(line)):
                draft.path, draft.operation = move[1].strip(), "move"
            elif draft and line.startswith("*** End of File"):
                draft.end_hunk()
            elif draft:
                changes.append(draft.change())
                draft = None
        elif not draft or draft.operation == "delete":
            continue
        elif draft.operation == "add":
            draft.take(line if line.startswith("+") else "?")
        elif line.startswith("@@"):
            draft.end_hunk()
        else:
            draft.take(line or " ")
    if draft:
        changes.append(draft.change())
    return changes


def parse_unified_diff(diff: str, path: str) -> FileChange:
    """The change a unified diff makes to the file at ``path``.

    Inside a hunk the header's numbers say which lines belong to it, so an added line ``++ x`` is not taken
    for a file header. Where there are no numbers, or more lines than they say (models miscount), a pair
    of ``---`` and ``+++`` lines is a header and every other ``+``, ``-`` or context line counts.
    """
    draft = _Draft(path, "update")
    old = new = 0
    in_hunk = in_header = False
    for line, following in pairwise([*_lines(diff), ""]):
        counted = old > 0 or new > 0
        if in_header:
            in_header = False
            if line[4:].startswith("/dev/null"):
                draft.operation = "delete"
        elif line.startswith("@@"):
            draft.end_hunk()
            numbers = _HUNK.match(line)
            old = int(numbers[1] or 1) if numbers else 0
            new = int(numbers[2] or 1) if numbers else 0
            in_hunk = True
        elif not counted and line.startswith("--- ") and following.startswith("+++ "):
            draft.end_hunk()
            in_hunk, in_header = False, True
            if line[4:].startswith("/dev/null"):
                draft.operation = "add"
        elif in_hunk and (line[:1] in {"+", "-", " "} or (counted and not line)):
            sign = line[:1] or " "
            old -= sign != "+"
            new -= sign != "-"
            draft.take(line or " ")
        elif in_hunk and line and not line.startswith("\\"):
            draft.end_hunk()
            in_hunk = False
            old = new = 0
    return draft.change()


def added_blocks(before: str, after: str) -> list[str]:
    """Blocks of lines that ``after`` has and ``before`` has not; white space that ends a line is ignored.

    What both texts begin and end with is set aside first. The rest goes to ``difflib.SequenceMatcher``,
    whose time grows with the square of the lines, and with the cube where the same line comes again and
    again; past ``MOST_LINES`` and ``MOST_PAIRS`` a line is added if it occurs more often than before.
    That keeps the order and costs one pass, but calls a moved line old.
    """
    if before == "":
        return [after] if after.strip() else []
    lines = _lines(after)
    new = [line.rstrip() for line in lines]
    old = [line.rstrip() for line in _lines(before)]
    shorter = min(len(old), len(new))
    start = next((i for i in range(shorter) if old[i] != new[i]), shorter)
    shorter -= start
    tail = next((i for i in range(shorter) if old[-1 - i] != new[-1 - i]), shorter)
    lines, new, old = (part[start : len(part) - tail] for part in (lines, new, old))
    counts = Counter(old)
    pairs = sum(counts[line] * times for line, times in Counter(new).items() if line in counts)
    if pairs > MOST_PAIRS or min(len(old), len(new)) > MOST_LINES:
        return _blocks(line if _is_more(counts, key) else None for line, key in zip(lines, new, strict=True))
    import difflib  # a hook whose edit only adds lines does without (1 ms)

    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    edits = matcher.get_opcodes()
    spans = ("\n".join(lines[low:high]) for tag, _, _, low, high in edits if tag in {"insert", "replace"})
    return [block for block in spans if block.strip()]


class _Draft:
    """A change as its lines come in; each line begins with ``+``, ``-``, a blank, or is none of ours."""

    def __init__(self, path: str, operation: str) -> None:
        self.path = path
        self.operation = operation
        self._added: list[str | None] = []
        self._hunk: list[str] = []
        self._removed: list[str] = []

    def take(self, line: str) -> None:
        sign, text = line[0], line[1:]
        if sign == "+":
            self._added.append(text)
        elif sign != "-":
            self._added.append(None)
        if sign in {"-", " "}:
            self._hunk.append(text)

    def end_hunk(self) -> None:
        self._added.append(None)
        if self._hunk:
            self._removed.append("\n".join(self._hunk))
            self._hunk = []

    def change(self) -> FileChange:
        self.end_hunk()
        return FileChange(self.path, self.operation, tuple(_blocks(self._added)), tuple(self._removed))


def _blocks(lines: Iterable[str | None]) -> list[str]:
    """Runs of lines joined by newlines; None separates them."""
    runs: list[list[str]] = [[]]
    for line in lines:
        if line is not None:
            runs[-1].append(line)
        elif runs[-1]:
            runs.append([])
    return [block for block in map("\n".join, runs) if block.strip()]


def _is_more(counts: Counter[str], line: str) -> bool:
    """Whether the counted lines are used up; uses one up if not."""
    if counts[line] > 0:
        counts[line] -= 1
        return False
    return True


def _lines(text: str) -> list[str]:
    """Lines by newline only (a form feed belongs to its line), without CR and without the empty last one."""
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    if lines[-1] == "":
        lines.pop()
    return lines
