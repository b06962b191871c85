"""What a tool call of Claude Code writes, with the pre-images that its result holds. Transcripts and hooks share it, so
that both give one output one id. It knows no record format.

Tool inputs and results as in the Agent SDK's published types (``sdk-tools.d.ts`` 0.3.329, and ``MultiEdit`` before).
"""

from __future__ import annotations

from typing import Any

from provenance.capture import patch, shapes
from provenance.capture.foreign import decoded, dict_of, list_of, strings, text_of
from provenance.capture.shapes import SHORT_INPUT, Piece

EDITING = frozenset({"Edit", "MultiEdit", "Write", "NotebookEdit"})
SHELLS = frozenset({"Bash", "PowerShell"})
SUBAGENTS = frozenset({"Task", "Agent"})


def texts(content: Any) -> tuple[str, ...]:
    """The long texts of a result; short ones are labels."""
    return tuple(text for text in strings(content) if len(text.split()) >= SHORT_INPUT)


def pieces(name: str, given: Any, details: dict[str, Any], cwd: str) -> list[Piece]:
    """What a call wrote, with the pre-images that its result recorded."""
    if name in SHELLS:
        return shapes.of_shell(text_of(dict_of(given).get("command")), cwd)
    if name in SUBAGENTS:
        said = texts(given)
        return [Piece(said, (), "input", "")] if said else []
    found = shapes.of_input(given, cwd)
    original = text_of(details.get("originalFile")) or text_of(details.get("originalFileContents"))
    for at, piece in enumerate(found):
        whole = "".join(piece.blocks)
        if piece.kind == "write" and original:
            blocks = tuple(patch.added_blocks(original, whole))
            found[at] = piece._replace(blocks=blocks, before=(original,))
        elif piece.kind == "write":
            # Longer originals are not recorded (10,000 characters), but the patch has what was there.
            change = patch.parse_unified_diff(_unified(details.get("structuredPatch")), piece.path)
            # Where a person amended the text, the patch would add what that person typed.
            told = bool(change.added or change.removed) and details.get("userModified") is not True
            found[at] = piece._replace(blocks=change.added if told else piece.blocks, before=change.removed)
        elif piece.kind == "notebook":
            cells = tuple(strings(decoded(text_of(details.get("original_file")))))
            cell = text_of(details.get("old_source"))
            blocks = tuple(patch.added_blocks(cell, whole)) if cell else piece.blocks
            found[at] = piece._replace(blocks=blocks, before=tuple(text for text in (cell, *cells) if text))
        elif piece.kind == "edit" and original:
            found[at] = piece._replace(before=(*piece.before, original))
    return found


def _unified(hunks: Any) -> str:
    """``structuredPatch`` as a unified diff."""
    lines: list[str] = []
    for hunk in map(dict_of, list_of(hunks)):
        sizes = (hunk.get(key) for key in ("oldStart", "oldLines", "newStart", "newLines"))
        numbers = [size if isinstance(size, int) and size >= 0 else 0 for size in sizes]
        lines.append("@@ -{},{} +{},{} @@".format(*numbers))
        lines += (line for line in list_of(hunk.get("lines")) if isinstance(line, str))
    return "\n".join(lines)
