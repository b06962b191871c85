"""Capture hooks in and out of a JSON settings file, with every other byte left as it is. It touches no file.

``remove(add(text, wanted)) == text`` for every text that holds no hook of ours, and what stands in the file beside
them is the same, byte for byte, before and after. No note of the earlier text is kept: the layout tells. A container
that ``add`` makes has white space before its closing bracket; one that was there and empty is filled up to the
bracket; a file that ``add`` makes names its version behind the hooks.

Two shapes of hooks are known: ``{"hooks": {EVENT: [{"matcher": ..., "hooks": [HANDLER, ...]}, ...]}}`` (Claude Code,
Codex, Gemini CLI) and ``{"version": 1, "hooks": {EVENT: [HANDLER, ...]}}`` (Cursor, Copilot).
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from provenance.errors import ProvenanceError
from provenance.setup import jsonc
from provenance.setup.program import is_ours

Hooks = Mapping[str, Sequence[Mapping[str, Any]]]
"""What an event runs: groups of handlers, or handlers, as the host wants them."""

COMMANDS = ("command", "bash", "powershell")
"""The fields of a handler that hold a command line."""


class _Style(NamedTuple):
    """How a document is laid out: its line end and one step of indentation, or neither when it is one line."""

    newline: str
    unit: str


class _Parsed(NamedTuple):
    """What of a document the hooks have to do with."""

    root: jsonc.Container
    hooks: jsonc.Item | None
    container: jsonc.Container | None
    """What ``hooks`` holds."""
    events: list[tuple[jsonc.Item, list[_Group]]]
    """Its members with their entries; one that is no array (Gemini CLI once kept switches there) has none."""


class _Group(NamedTuple):
    """One entry of an event's list."""

    item: jsonc.Item
    handlers: jsonc.Container | None
    """The list inside, where the entry has one; else the entry is a handler itself."""
    doomed: tuple[int, ...]
    """Which of the handlers inside are ours; of an entry that is one itself: (0,) or nothing."""

    @property
    def ours(self) -> bool:
        """Whether nobody else's handler is in it, and at least one of ours."""
        return len(self.doomed) == (1 if self.handlers is None else len(self.handlers.items)) and bool(self.doomed)


def create(wanted: Hooks, versioned: bool) -> str:
    """A new file that holds the hooks and nothing else; ``versioned`` adds ``"version": 1``."""
    version = {"version": 1} if versioned else {}
    return json.dumps({"hooks": wanted, **version}, indent=2, ensure_ascii=False) + "\n"


def add(text: str, wanted: Hooks, versioned: bool = False) -> str:
    """The text with the hooks, in place of any hooks of ours that it held; the very text where it holds them already.

    Raises ProvenanceError (without the file's name) where the text is no JSON object, where what it calls hooks has
    another shape, and, if ``versioned``, where it names no version.
    """
    if versioned and _find(text, _parsed(text).root, "version") is None:
        raise ProvenanceError('names no "version", so its reader ignores it (add "version": 1)')
    if _wanted(wanted) == sorted(_present(text)):
        return text
    bare = remove(text)
    merged = create(wanted, versioned) if bare is None else _insert(bare, wanted)
    assert _others(merged) == _others(text) or bare is None
    assert sorted(_present(merged)) == _wanted(wanted)
    return merged


def remove(text: str) -> str | None:
    """The text without hooks of ours, and without the containers that ``add`` made for them; None where nothing is
    left of a file that ``add`` made. Raises ProvenanceError as ``add`` does."""
    root, item, container, events = _parsed(text)
    if item is None or container is None:
        return text
    spans: list[tuple[int, int]] = []
    emptied = []
    for number, (event, entries) in enumerate(events):
        doomed = [index for index, group in enumerate(entries) if group.ours]
        if doomed and len(doomed) == len(entries) and not _stays(text, _array(text, event)):
            emptied.append(number)
            continue
        if doomed:
            spans += _cut(text, _array(text, event), doomed)
        for group in entries:
            if group.handlers is not None and group.doomed and not group.ours:
                spans += _cut(text, group.handlers, group.doomed)
    if not emptied or len(emptied) < len(events) or _stays(text, container):
        bare = _without(text, spans + _cut(text, container, emptied))
    else:
        place = root.items.index(item)
        left = [other.key for other in root.items if other is not item]
        outside = text[: root.open].strip("\ufeff" + jsonc.SPACE) + text[root.close + 1 :].strip(jsonc.SPACE)
        if not outside and (not left or (left == ["version"] and place == 0)) and not _stays(text, root):
            return None
        bare = _without(text, _cut(text, root, [place]))
    assert _others(bare) == _others(text)
    assert not _present(bare)
    return bare


def commands(text: str) -> list[tuple[str, str]]:
    """(event, command line) of every hook of ours in the text. Raises ProvenanceError as ``add`` does."""
    return [(event, line) for event, _, lines in _present(text) for line in lines]


def _insert(text: str, wanted: Hooks) -> str:
    """The text, which holds none of ours, with the hooks behind what is there."""
    root, _, container, events = _parsed(text)
    newline = re.compile(r"\r\n|\n|\r").search(text, root.open, root.close)
    unit = _indent(text, root.items[0].start) if root.items else None
    style = _Style(newline.group(), unit or "  ") if newline else _Style("", "")
    if container is None:
        return _with(text, _fill(text, root, [_member("hooks", wanted, style)], style, 1))
    there = {event.key: event for event, _ in events}
    edits, fresh = [], []
    for event, entries in wanted.items():
        if event in there:
            texts = [_element(entry, style) for entry in entries]
            edits += _fill(text, _array(text, there[event]), texts, style, 3)
        else:
            fresh.append(_member(event, entries, style))
    if fresh:
        edits += _fill(text, container, fresh, style, 2)
    return _with(text, edits)


def _member(name: str, value: object, style: _Style) -> str:
    """``"name": value`` in the document's layout, from the margin; brackets that may go again stand apart."""
    if style.newline:
        text = json.dumps(value, indent=style.unit, ensure_ascii=False).replace("\n", style.newline)
    elif isinstance(value, Mapping):
        text = "{ " + ", ".join(_member(key, inner, style) for key, inner in value.items()) + " }"
    else:
        assert isinstance(value, Sequence)
        text = "[ " + ", ".join(_element(inner, style) for inner in value) + " ]"
    return f"{json.dumps(name)}: {text}"


def _element(entry: Mapping[str, Any], style: _Style) -> str:
    """One entry of an event's list in the document's layout, from the margin."""
    text = json.dumps(entry, indent=style.unit or None, ensure_ascii=False)
    return text.replace("\n", style.newline)


def _fill(text: str, into: jsonc.Container, texts: list[str], style: _Style, depth: int) -> list[tuple[int, str]]:
    """What to insert, and where, so that the texts stand behind the container's last item and its comments."""
    last = into.items[-1] if into.items else None
    indent = (_indent(text, last.start) if last else None) or style.unit * depth
    gap = style.newline + indent if style.newline else " "
    body = f",{gap}".join(one.replace(style.newline, style.newline + indent) if style.newline else one for one in texts)
    behind = into.open + 1 if last is None else last.end if last.comma is None else last.comma + 1
    notes = jsonc.comments(text, behind, into.close)
    if last is None:
        return [(notes[-1].end(), gap + body)] if notes else [(into.close, body)]
    at = notes[-1].end() if notes else behind
    if last.comma is not None:
        return [(at, f"{gap}{body},")]
    return [(last.end, ","), (at, gap + body)]


def _cut(text: str, container: jsonc.Container, doomed: Sequence[int]) -> list[tuple[int, int]]:
    """The spans to delete so that these items go, each with the white space before it and one comma."""
    items = container.items
    left = [index for index in range(len(items)) if index not in doomed]
    spans = []
    for index in doomed:
        item = items[index]
        start = item.start
        while text[start - 1] in jsonc.SPACE:
            start -= 1
        if start == container.open + 1 and not left:
            start = item.start  # the white space of a container that was empty before
        spans.append((start, item.end))
        if item.comma is not None:
            spans.append((item.comma, item.comma + 1))
    if left and left[-1] != len(items) - 1 and items[-1].comma is None:
        comma = items[left[-1]].comma
        assert comma is not None  # an item stands behind it
        spans.append((comma, comma + 1))
    ends = {note.end() for note in _notes(text, container) if note.group().startswith("//")}
    return [_line_end_kept(text, span, ends) for span in _merged(spans)]


def _merged(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Spans in order, those that touch as one."""
    merged: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if merged and merged[-1][1] == start:
            merged[-1] = (merged[-1][0], end)
        else:
            merged.append((start, end))
    return merged


def _line_end_kept(text: str, span: tuple[int, int], line_comments: set[int]) -> tuple[int, int]:
    """The span, shortened where it would draw what follows into a line comment before it."""
    start, end = span
    if start in line_comments and text[end] not in "\r\n":
        start = min(at for at in (text.find("\n", start), text.find("\r", start)) if at >= 0) + 1
    return start, end


def _without(text: str, spans: list[tuple[int, int]]) -> str:
    parts, at = [], 0
    for start, end in sorted(spans):
        parts.append(text[at:start])
        at = end
    return "".join([*parts, text[at:]])


def _with(text: str, edits: list[tuple[int, str]]) -> str:
    parts, at = [], 0
    for offset, inserted in sorted(edits, key=lambda edit: edit[0]):
        parts += [text[at:offset], inserted]
        at = offset
    return "".join([*parts, text[at:]])


def _stays(text: str, container: jsonc.Container) -> bool:
    """Whether a container was there before ``add`` filled it: filled up to its bracket, or with somebody's comment."""
    return text[container.close - 1] not in jsonc.SPACE or bool(_notes(text, container))


def _notes(text: str, container: jsonc.Container) -> list[re.Match[str]]:
    """The comments between a container's items."""
    starts = [container.open + 1, *(item.end for item in container.items)]
    ends = [*(item.start for item in container.items), container.close]
    return [note for start, end in zip(starts, ends, strict=True) for note in jsonc.comments(text, start, end)]


def _indent(text: str, start: int) -> str | None:
    """The white space before what begins a line; None where something else stands before it on its line."""
    line = max(text.rfind("\n", 0, start), text.rfind("\r", 0, start)) + 1
    before = text[line:start]
    return before if line and not before.strip(" \t") else None


@lru_cache(maxsize=3)  # a text is asked several things; 10 MB take a second each time
def _parsed(text: str) -> _Parsed:
    if not text.strip("\ufeff" + jsonc.SPACE):
        raise ProvenanceError("is empty, which is no JSON (delete it, or write {} into it)")
    try:
        root = jsonc.document(text)
    except jsonc.Malformed as error:
        raise ProvenanceError(f"is no JSON object: {error} (mend it first)") from error
    hooks = _find(text, root, "hooks")
    if hooks is None:
        return _Parsed(root, None, None, [])
    if text[hooks.value] != "{":
        raise ProvenanceError(f'"hooks" holds {_kind(text[hooks.value])}, not an object (mend it first)')
    container = jsonc.read(text, hooks.value)
    twice = next((key for key, count in Counter(item.key for item in container.items).items() if count > 1), None)
    if twice is not None:
        _find(text, container, twice)
    events = []
    for item in container.items:
        entries = jsonc.read(text, item.value).items if text[item.value] == "[" else ()
        events.append((item, [_group(text, entry) for entry in entries]))
    return _Parsed(root, hooks, container, events)


def _array(text: str, event: jsonc.Item) -> jsonc.Container:
    if text[event.value] != "[":
        raise ProvenanceError(f"hooks.{event.key} holds {_kind(text[event.value])}, not an array (mend it first)")
    return jsonc.read(text, event.value)


def _kind(first: str) -> str:
    return {"{": "an object", "[": "an array", '"': "a string", "t": "true", "f": "false", "n": "null"}.get(
        first, "a number"
    )


def _find(text: str, container: jsonc.Container, key: str) -> jsonc.Item | None:
    found = [item for item in container.items if item.key == key]
    if len(found) > 1:
        line = text.count("\n", 0, found[1].start) + 1
        raise ProvenanceError(f"names {json.dumps(key)} twice, again in line {line} (leave one)")
    return found[0] if found else None


def _group(text: str, item: jsonc.Item) -> _Group:
    if text[item.value] != "{":
        return _Group(item, None, ())
    entry = jsonc.read(text, item.value)
    inner = _find(text, entry, "hooks")
    if inner is None or text[inner.value] != "[":
        return _Group(item, None, (0,) if _lines(text, item) else ())
    handlers = jsonc.read(text, inner.value)
    return _Group(item, handlers, tuple(at for at, one in enumerate(handlers.items) if _lines(text, one)))


def _lines(text: str, handler: jsonc.Item) -> list[str]:
    """The command lines of ours that a handler holds."""
    strings = dict(_strings(text, handler))
    return [strings[name] for name in COMMANDS if name in strings and is_ours(strings[name])]


def _strings(text: str, item: jsonc.Item) -> list[tuple[str | None, str]]:
    """The members of an object that are strings, decoded."""
    if text[item.value] != "{":
        return []
    members = jsonc.read(text, item.value).items
    return [(one.key, json.loads(text[one.value : one.end])) for one in members if text[one.value] == '"']


def _present(text: str) -> list[tuple[str, str, tuple[str, ...]]]:
    """Every hook of ours as (event, matcher, command lines)."""
    found = []
    for event, entries in _parsed(text).events:
        for group in entries:
            handlers = (group.item,) if group.handlers is None else group.handlers.items
            lines = tuple(line for handler in handlers for line in _lines(text, handler))
            if lines:
                found.append((event.key or "", dict(_strings(text, group.item)).get("matcher", ""), lines))
    return found


def _wanted(hooks: Hooks) -> list[tuple[str, str, tuple[str, ...]]]:
    """Hooks as ``_present`` would find them."""
    found = []
    for event, entries in hooks.items():
        for entry in entries:
            handlers = entry.get("hooks", [entry])
            lines = tuple(handler[name] for handler in handlers for name in COMMANDS if name in handler)
            found.append((event, entry.get("matcher", ""), lines))
    return sorted(found)


def _others(text: str) -> list[object]:
    """What is not ours, as it stands in the text: what no edit may change."""
    parsed = _parsed(text)
    rest: list[object] = [(item.key, text[item.value : item.end]) for item in parsed.root.items if item.key != "hooks"]
    for event, entries in parsed.events:
        if text[event.value] != "[":
            rest.append((event.key, text[event.value : event.end]))
        for group in entries:
            if group.handlers is None and not group.doomed:
                rest.append((event.key, text[group.item.value : group.item.end]))
            elif group.handlers is not None and not group.ours:
                kept = [one for at, one in enumerate(group.handlers.items) if at not in group.doomed]
                rest.append((event.key, [text[one.value : one.end] for one in kept]))
    return rest
