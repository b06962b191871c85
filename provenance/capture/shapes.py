"""What a tool call writes, told by the shape of its input. It knows no record format and no session.

Tools change their names with every release, and servers bring their own (``mcp__files__edit_file``), so that the
shape decides: a pair of old and new text is an edit, a path with content is a write, patch text is a patch.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from provenance.capture import patch
from provenance.capture.foreign import decoded
from provenance.words import Status

PATCH_MARK = "*** Begin Patch"


class Piece(NamedTuple):
    """One thing that a call writes: the added text, what it replaces, and where it goes."""

    blocks: tuple[str, ...]
    before: tuple[str, ...]
    kind: str
    path: str


# Names without underscores, hyphens and capitals, the telling ones first.
_PATHS = tuple("notebookpath filepath targetfile relativepath absolutepath path filename file uri".split())
_OLD = tuple("oldstring oldstr oldtext oldsource oldcode oldcontent search find original".split())
_NEW_ALONE = tuple("newstring newstr newtext newsource newcode newcontent".split())
_NEW = (*_NEW_ALONE, "replace", "replacement", "updated")
_CONTENT = tuple("content contents filetext filecontent codeedit inserttext".split())
_NESTED = frozenset({"edits", "files", "changes", "operations"})
_DIFFS = frozenset({"patch", "diff", "unifieddiff", "input"})
_COMMANDS = frozenset({"command", "cmd"})
_DIFF = re.compile(r"^--- [^\n]*\n\+\+\+ (?:b/)?([^\n\t]*)[^\n]*\n@@ ", re.MULTILINE)
_QUOTES = re.compile(r"[\s'\"\\]+")
_DEEPEST = 16

# Fewer words than this are a path, a pattern or a flag, and can hold no eligible gram.
SHORT_INPUT = 12
SHORT_COMMAND = 6


def of_input(given: Any, cwd: str) -> list[Piece]:
    """What the input of any tool writes: edits, writes and patches, else a command line, then its other long texts."""
    found = list(_walk(given, "", cwd, 0))
    pieces = [piece for piece in found if isinstance(piece, Piece)]
    if not pieces and isinstance(given, dict) and _COMMANDS & given.keys():
        from provenance.capture import shell

        command = shell.command_text({key: given[key] for key in given if key in _COMMANDS}) or ""
        pieces = of_shell(command, cwd)
        found = [text for key, value in given.items() if key not in _COMMANDS for text in _walk(value, "", cwd, 0)]
    long = tuple(text for text in found if isinstance(text, str) and len(text.split()) >= SHORT_INPUT)
    return [*pieces, Piece(long, (), "input", "")] if long else pieces


def of_patch(text: str, cwd: str, path: str = "") -> list[Piece]:
    """The changes of an ``apply_patch`` envelope or a unified diff; of any other text, none."""
    changes = patch.parse_apply_patch(text)
    if not changes and PATCH_MARK in text:
        # Escaped twice, or a JSON text that was cut.
        changes = patch.parse_apply_patch(text.replace("\\n", "\n").replace("\\t", "\t").replace('\\"', '"'))
    if not changes and (diff := _DIFF.search(text)):
        return of_diff(text, path or diff[1].strip(), cwd)
    return [Piece(change.added, change.removed, "patch", relative(change.path, cwd)) for change in changes]


def of_diff(diff: str, path: str, cwd: str) -> list[Piece]:
    """The change that a unified diff makes to one file."""
    change = patch.parse_unified_diff(diff, path)
    return [Piece(change.added, change.removed, "patch", relative(path, cwd))]


def of_shell(command: str, cwd: str) -> list[Piece]:
    """What a command line writes (heredocs, patches), then the command itself without those texts."""
    from provenance.capture import shell  # 9 ms that a hook pays for command lines only

    pieces: list[Piece] = []
    rest = [command]
    for written in shell.written(command):
        changes = of_patch(written.text, cwd) if written.form == "apply_patch" else []
        pieces += changes or [Piece((written.text,), (), "heredoc", relative(written.path, cwd))]
        rest = [piece for part in rest for piece in _without(part, written.text)]
    said = tuple(piece for piece in rest if len(piece.split()) >= SHORT_COMMAND)
    return [*pieces, Piece(said, (), "command", "")] if said else pieces


def _without(text: str, written: str) -> list[str]:
    """A text without what it writes; where that stands in it in other quotes or tabs, without its lines."""
    if not written:
        return [text]
    if written in text:
        return text.split(written)
    bare, inner = _QUOTES.sub("", text), _QUOTES.sub("", written)
    if inner in bare and 2 * len(inner) >= len(bare):
        return []
    lines = {line.strip() for line in written.split("\n")}
    return ["\n".join(line for line in text.split("\n") if not line.strip() or line.strip() not in lines)]


def _walk(given: Any, path: str, cwd: str, depth: int, name: str = "input") -> Iterator[Piece | str]:
    """The pieces of a JSON value, and the strings that are in none of them."""
    if isinstance(given, str):
        is_patch = PATCH_MARK in given or (name in _DIFFS and _DIFF.search(given))
        pieces = of_patch(given, cwd, path) if is_patch else []
        yield from pieces or (given,)
    elif depth < _DEEPEST and isinstance(given, list):
        for value in given:
            yield from _walk(value, path, cwd, depth + 1, name)
    elif depth < _DEEPEST and isinstance(given, dict):
        keys = {re.sub("[_-]", "", key).lower(): key for key in given}
        paths = (given[keys[name]] for name in _PATHS if name in keys)
        path = next((text for text in paths if isinstance(text, str)), path)
        place = relative(path, cwd)
        old_key, old = _first(given, keys, _OLD)
        new_key, new = _first(given, keys, _NEW if old_key else _NEW_ALONE)
        content_key, content = _first(given, keys, _CONTENT)
        taken: set[str] = set()
        if new_key and (old_key or path):
            taken = {old_key, new_key}
            kind = "notebook" if "notebookpath" in keys else "edit"
            yield Piece(tuple(patch.added_blocks(old, new)), (old,) if old else (), kind, place)
        elif content_key and path:
            taken = {content_key}
            patched = of_patch(content, cwd, path) if PATCH_MARK in content else []
            yield from patched or [Piece((content,), (), "write", place)]
        for key, value in given.items():
            if key in taken:
                continue
            name = re.sub("[_-]", "", key).lower()
            if name in _NESTED and isinstance(value, str):
                value = decoded(value) or value
            yield from _walk(value, path, cwd, depth + 1, name)


def _first(given: dict[str, Any], keys: dict[str, str], wanted: tuple[str, ...]) -> tuple[str, str]:
    """The first key of the wanted names that holds text (or a list of lines), and the text; else two empty ones."""
    for name in wanted:
        value = given[keys[name]] if name in keys else None
        if isinstance(value, list) and value and all(isinstance(line, str) for line in value):
            value = "\n".join(value)
        if isinstance(value, str):
            return keys[name], value
    return "", ""


def status_of(piece: Piece, call: Status) -> Status:
    """What became of a piece of a call: where a command line failed, its heredocs may have been written before."""
    return Status.UNKNOWN if piece.kind == "heredoc" and call is Status.FAILED else call


def relative(path: str, cwd: str) -> str:
    """A path relative to the session's folder where it lies inside, else as recorded; always with ``/``."""
    path, cwd = path.replace("\\", "/"), cwd.replace("\\", "/").rstrip("/")
    return path[len(cwd) + 1 :] if cwd and path.startswith(cwd + "/") else path
