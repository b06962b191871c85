"""Where the members of a JSON document stand: offsets into the text, without changing or decoding the rest.

Reads JSON (RFC 8259) and what editors and assistants allow beyond it: ``//`` and ``/* */`` comments, trailing
commas, a byte order mark. It knows nothing of hooks and never writes.
"""

from __future__ import annotations

import json
import re
from typing import NamedTuple

SPACE = " \t\r\n"
_COMMENT = re.compile(r"//[^\r\n]*|/\*(?:[^*]|\*(?!/))*+\*/")
_TRIVIA = re.compile(rf"(?:[{SPACE}]+|{_COMMENT.pattern})*+")
_STRING = re.compile(r'"[^"\\\x00-\x1f]*+(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\x00-\x1f]*+)*+"')
_SCALAR = re.compile(rf"{_STRING.pattern}|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|true|false|null")
_CLOSER = {"{": "}", "[": "]"}


class Malformed(ValueError):
    """The text is no JSON from ``line`` and ``column`` on (both from 1)."""

    def __init__(self, text: str, offset: int, wanted: str) -> None:
        before = text[:offset].replace("\r\n", "\n").replace("\r", "\n")
        self.line = before.count("\n") + 1
        self.column = offset - max(text.rfind("\n", 0, offset), text.rfind("\r", 0, offset))
        found = repr(text[offset]) if offset < len(text) else "the end"
        super().__init__(f"line {self.line}, column {self.column}: {wanted} is missing, {found} stands there")


class Item(NamedTuple):
    """A member of an object or an element of an array."""

    key: str | None
    """Of a member: its name, decoded. Of an element: None."""
    start: int
    """Where it begins: the quote of the name, or the value."""
    value: int
    end: int
    """Behind the last character of the value."""
    comma: int | None
    """Where the comma behind it stands, if there is one."""


class Container(NamedTuple):
    """An object or array, one level deep."""

    open: int
    close: int
    """Where the two brackets stand."""
    items: tuple[Item, ...]


def document(text: str) -> Container:
    """The one object that the text is. Raises Malformed unless the whole text is one well-formed object."""
    start = _trivia(text, 1 if text.startswith("\ufeff") else 0)
    if text[start : start + 1] != "{":
        raise Malformed(text, start, "'{'")
    found = read(text, start)
    rest = _trivia(text, found.close + 1)
    if rest != len(text):
        raise Malformed(text, rest, "the end of the file")
    return found


def read(text: str, offset: int) -> Container:
    """The object or array that begins at ``offset``, its values checked but not taken apart. Raises Malformed."""
    closer = _CLOSER[text[offset]]
    items: list[Item] = []
    at = _trivia(text, offset + 1)
    while text[at : at + 1] != closer:
        start, key = at, None
        if closer == "}":
            at = _colon(text, at)
            found = _STRING.match(text, start)
            assert found is not None  # the colon stands behind it
            key = json.loads(found.group())
        end = value_end(text, at)
        behind = _trivia(text, end)
        comma = behind if text[behind : behind + 1] == "," else None
        items.append(Item(key, start, at, end, comma))
        at = behind if comma is None else _trivia(text, comma + 1)
        if comma is None and text[at : at + 1] != closer:
            raise Malformed(text, at, f"',' or {closer!r}")
    return Container(offset, at, tuple(items))


def value_end(text: str, at: int) -> int:
    """Behind the value that begins at ``at``, however deep it nests. Raises Malformed."""
    closers: list[str] = []
    while True:
        opener = text[at : at + 1]
        if opener in _CLOSER:
            closers.append(_CLOSER[opener])
            at = _trivia(text, at + 1)
            if text[at : at + 1] != closers[-1]:
                at = _colon(text, at) if opener == "{" else at
                continue
        else:
            at = _match(_SCALAR, text, at, "a value")
        while closers:
            at = _trivia(text, at)
            if text[at : at + 1] == ",":
                at = _trivia(text, at + 1)
                if text[at : at + 1] != closers[-1]:
                    at = _colon(text, at) if closers[-1] == "}" else at
                    break
            if text[at : at + 1] != closers[-1]:
                raise Malformed(text, at, f"',' or {closers[-1]!r}")
            closers.pop()
            at += 1
        else:
            return at


def comments(text: str, start: int, end: int) -> list[re.Match[str]]:
    """The comments between two neighbouring values, where nothing else but white space and a comma can stand."""
    return list(_COMMENT.finditer(text, start, end))


def _colon(text: str, at: int) -> int:
    """From a member's name to its value."""
    colon = _trivia(text, _match(_STRING, text, at, "a name in quotes"))
    if text[colon : colon + 1] != ":":
        raise Malformed(text, colon, "':'")
    return _trivia(text, colon + 1)


def _trivia(text: str, at: int) -> int:
    found = _TRIVIA.match(text, at)
    assert found is not None  # the pattern matches nothing at all, too
    return found.end()


def _match(pattern: re.Pattern[str], text: str, at: int, wanted: str) -> int:
    found = pattern.match(text, at)
    if found is None:
        raise Malformed(text, at, wanted)
    return found.end()
