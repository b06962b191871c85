"""Strict YAML to frozen types: every error names the place, and for a misspelt key or word the nearest valid one.

It knows no form: what may be written is what the types say.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from types import NoneType
from typing import Any, TypeVar, get_args, get_origin

import msgspec
import yaml

from provenance.errors import PolicyError

LARGEST = 1 << 18
"""Bytes; a policy is some kilobytes, and YAML without libyaml takes ten seconds a megabyte."""
DEEPEST = 32
"""Collections within each other that libyaml is trusted with: it recurses without a limit. The forms have six."""

T = TypeVar("T", bound=msgspec.Struct)


class Wrong(Exception):
    """What is wrong and at which key; who opened the file adds its name."""


def read(path: Path, what: str, limit: int = LARGEST) -> bytes:
    """The bytes of a file (one more than the limit at most); PolicyError names it where it cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(limit + 1)
    except (OSError, ValueError) as error:  # a folder; not ours to read; a name with a NUL
        reason = error.strerror if isinstance(error, OSError) else error
        raise PolicyError(f"{path}: cannot be read: {reason} (name a {what} file)") from error


def document(content: bytes, where: str, what: str, limit: int = LARGEST) -> Any:
    """The plain values of a YAML document; whatever the bytes, values or a PolicyError."""
    if len(content) > limit:
        raise PolicyError(f"{where}: larger than {limit:,} bytes, which no {what} is (name a {what} file)")
    try:
        return _plain(content)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f"line {mark.line + 1}: " if mark else ""
        problem = repr(error.problem or error.context)[1:-1]  # it may quote the file, escapes for terminals and all
        raise PolicyError(f"{where}: {line}not YAML: {problem[:200]}") from error
    except yaml.reader.ReaderError as error:
        raise PolicyError(f"{where}: not text: {error.reason} at {error.position} (save it as UTF-8)") from error
    except Exception as error:
        # PyYAML lets through what its constructors run into: ValueError (month 13), KeyError ('!!bool x'),
        # AttributeError ('!!timestamp x'), RecursionError (a thousand brackets, one in the other).
        raise PolicyError(f"{where}: not YAML: {repr(str(error))[1:-1][:200]} (plain values are enough)") from error


def _plain(content: bytes) -> Any:
    """By way of libyaml where it is there, in a sixth of the time; what it refuses the other reader puts into words."""
    if _FAST is not None:
        try:
            depth = 0
            for event in yaml.parse(content, Loader=_FAST):
                depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
                if isinstance(event, yaml.AliasEvent) or depth > DEEPEST:
                    break
            else:
                return yaml.load(content, Loader=_FAST)
        except Exception:  # the same bytes again, below
            pass
    return yaml.load(content, Loader=_Slow)


class _Keys(yaml.constructor.SafeConstructor):
    """A key given twice is refused, of which plain YAML would silently keep the last; a day that there is not
    is refused with its line."""

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)
        except ValueError as error:
            raise yaml.constructor.ConstructorError(None, None, str(error), node.start_mark) from error

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys: set[tuple[str, str]] = set()
        for key, _ in node.value if isinstance(node, yaml.MappingNode) else ():
            if isinstance(key, yaml.ScalarNode):
                if (key.tag, key.value) in keys:
                    raise yaml.constructor.ConstructorError(None, None, f"key '{key.value}' twice", key.start_mark)
                keys.add((key.tag, key.value))
        return super().construct_mapping(node, deep)


class _Slow(_Keys, yaml.SafeLoader):
    """In Python. An alias is refused, since a few hundred bytes of them can stand for gigabytes."""

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            event = self.peek_event()  # type: ignore[no-untyped-call]  # the stubs leave it out
            problem = f"an alias, *{event.anchor} (write out what it stands for)"
            raise yaml.composer.ComposerError(None, None, problem, event.start_mark)
        return super().compose_node(parent, index)


_FAST: Any = type("_Fast", (_Keys, yaml.CSafeLoader), {}) if hasattr(yaml, "CSafeLoader") else None


Later = Mapping[type[msgspec.Struct], frozenset[str]]
"""Keys that the version at hand does not have."""


def struct(kind: type[T], given: Any, at: str = "", later: Later | None = None) -> T:
    """A mapping as a type; ``at`` is its place in the document, empty for the whole."""
    if not isinstance(given, dict):
        raise Wrong(f"{at}: {shown(given)} is not a mapping of keys to values")
    later = later or {}
    new = later.get(kind, frozenset())
    every = _fields(kind)
    fields = {name: field for name, field in every.items() if name not in new}
    before = f"{at}." if at else ""
    for key in given:
        if key in new:
            raise Wrong(f"unknown key {shown(f'{before}{key}')} (version 2 has it: write 'version: 2')")
        if key not in fields:
            raise Wrong(f"unknown key {shown(f'{before}{key}')} ({nearest(key, fields)})")
    for name, field in fields.items():
        if field.required and name not in given:
            raise Wrong(f"no key '{before}{name}' (it has to be given)")
    named = {fields[key].name: _value(fields[key].type, one, f"{before}{key}", later) for key, one in given.items()}
    return kind(**named)


@lru_cache
def _fields(kind: type[msgspec.Struct]) -> dict[str, Any]:
    """A type's fields by key; msgspec reads the annotations anew each time."""
    return {field.encode_name: field for field in msgspec.structs.fields(kind)}


def _value(kind: Any, given: Any, at: str, later: Later) -> Any:
    """A value as the type of its field; text on one line."""
    if NoneType in get_args(kind):
        (kind,) = (one for one in get_args(kind) if one is not NoneType)
    if get_origin(kind) is tuple:
        return _list(get_args(kind)[0], given, at, later)
    if get_origin(kind) is dict:
        if not isinstance(given, dict):
            raise Wrong(f"{at}: {shown(given)} is not a mapping of names to values")
        member = get_args(kind)[1]
        return {_text(key, at): _value(member, one, f"{at}.{key}", later) for key, one in given.items()}
    if issubclass(kind, msgspec.Struct):
        return struct(kind, given, at, later)
    if issubclass(kind, StrEnum):
        if not isinstance(given, str) or given not in list(kind):
            raise Wrong(f"{at}: {shown(given)} is not known ({nearest(given, list(kind))})")
        return kind(given)
    if kind is date:
        return _day(given, at)
    if kind is str:
        return _text(given, at)
    if type(given) not in (int, kind):
        raise Wrong(f"{at}: {shown(given)} is not {'a whole number' if kind is int else 'a number'}")
    return given


def _list(member: Any, given: Any, at: str, later: Later) -> tuple[Any, ...]:
    if not isinstance(given, list):
        raise Wrong(f"{at}: {shown(given)} is not a list (write [...])")
    if not given and not issubclass(member, msgspec.Struct):
        raise Wrong(f"{at}: an empty list matches nothing (leave the key out to match all)")
    return tuple(_value(member, one, f"{at}[{i}]", later) for i, one in enumerate(given))


def _text(given: Any, at: str) -> str:
    if not isinstance(given, str):
        raise Wrong(f"{at}: {shown(given)} is not text (put it in quotes)")
    line = " ".join(given.split())
    if not line.isprintable():
        raise Wrong(f"{at}: {shown(given)} has characters that cannot be printed (reports print it)")
    return line


def _day(given: Any, at: str) -> date:
    """A day; YAML itself reads 2026-11-21 as one."""
    if isinstance(given, date) and not isinstance(given, datetime):
        return given
    try:
        return date.fromisoformat(given)
    except (TypeError, ValueError):
        raise Wrong(f"{at}: {shown(given)} is not a day (write it as 2026-11-21)") from None


def shown(given: Any) -> str:
    """A value as errors quote it: one short line."""
    text = repr(given)
    return text if len(text) <= 60 else f"{text[:60]}..."


def nearest(word: object, valid: Iterable[str], all_of_them: str = "valid") -> str:
    """What was meant, perhaps; else everything that is valid."""
    from difflib import get_close_matches  # for errors alone

    names = list(valid)
    near = get_close_matches(str(word).lower()[:60], names, n=1)
    return f"did you mean '{near[0]}'?" if near else f"{all_of_them}: {', '.join(names) or 'none'}"
