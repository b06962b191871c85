"""The form of a policy: strict YAML to frozen types. It judges nothing.

Every error names the key, and for a misspelt key or word the nearest valid one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from difflib import get_close_matches
from enum import StrEnum
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin

import msgspec
import yaml

from provenance.errors import PolicyError
from provenance.model import Action, Evidence, Grade, Similarity

SHIPPED = "clean-room"
VERSION = 1
LARGEST = 1 << 18
"""Bytes; a policy is some kilobytes, and YAML takes ten seconds a megabyte."""

T = TypeVar("T", bound=msgspec.Struct)


class OriginSet(msgspec.Struct, frozen=True):
    """A named set of origins: an origin belongs if each list holds a pattern that its value matches.

    Patterns are shell-style (``claude-*``) and see no difference between upper and lower case. A value that was
    not recorded is the word ``unknown``, which ``*`` matches like any other.
    """

    providers: tuple[str, ...] = ("*",)
    models: tuple[str, ...] = ("*",)
    tools: tuple[str, ...] = ("*",)


class Rule(msgspec.Struct, frozen=True):
    """Opinion on a class of matches: where every condition holds, the action is due."""

    id: str
    action: Action
    origins: tuple[str, ...] = ()
    """Names of origin sets, any of which must hold the origin; none given means every origin."""
    similarity: tuple[Similarity, ...] = tuple(Similarity)
    grade: tuple[Grade, ...] = (Grade.COPIED, Grade.NEAR_COPY)
    evidence: tuple[Evidence, ...] = (
        Evidence.CAPTURED,
        Evidence.TRANSCRIPT,
        Evidence.TOOL_NOTE,
        Evidence.DECLARED,
    )
    min_tokens: int = 0
    """Least verified tokens; of no account for ``similar``, which verifies none."""
    min_jaccard: float = 0.0
    """Least estimate; of account for ``similar`` alone."""
    message: str = ""
    """What the report says of the texts that the rule decided."""


class Defaults(msgspec.Struct, frozen=True):
    """What is due beside the rules: where both speak, the more severe stands."""

    unknown_origin: Action = Action.WARN
    """A match, better than an idiom, whose provider was not recorded."""
    skipped: Action = Action.WARN
    """A row that could not be read: unread is not clean."""


class Policy(msgspec.Struct, frozen=True):
    """A whole policy, version 1."""

    version: int
    name: str
    rules: tuple[Rule, ...]
    origins: dict[str, OriginSet] = {}
    defaults: Defaults = Defaults()
    description: str = ""


class Loaded(msgspec.Struct, frozen=True):
    """A policy with where it came from."""

    policy: Policy
    source: str
    """As it was named: a path, or a shipped policy's name."""
    digest: str
    """Of the file's bytes: SHA-256, the first 32 hex digits."""


def load(name: str) -> Loaded:
    """Load a shipped policy by name, or any by path; PolicyError says where, what, and what is valid.

    The name of a shipped policy means that one, whatever files lie about (``./clean-room`` names a file).
    """
    content = (_folder() / f"{name}.yaml").read_bytes() if name in shipped() else _read(Path(name))
    return Loaded(parse(content, name), name, hashlib.sha256(content).hexdigest()[:32])


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(LARGEST + 1)
    except FileNotFoundError as error:
        near = get_close_matches(str(path), shipped(), n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"shipped ones: {', '.join(shipped())}"
        raise PolicyError(f"{path}: no such policy file, and no policy of this name ({hint})") from error
    except (OSError, ValueError) as error:  # a folder; not ours to read; a name with a NUL
        reason = error.strerror if isinstance(error, OSError) else error
        raise PolicyError(f"{path}: cannot be read: {reason} (name a policy file)") from error


def shipped() -> list[str]:
    """The names of the policies that come with the project."""
    return sorted(entry.name.removesuffix(".yaml") for entry in _folder().iterdir() if entry.name.endswith(".yaml"))


def _folder() -> Traversable:
    """Inside an installed package; beside it in a checkout or an editable install."""
    inside = resources.files("provenance") / "policies"
    return inside if inside.is_dir() else Path(__file__).parents[2] / "policies"


def parse(content: bytes, where: str) -> Policy:
    """A policy from YAML; ``where`` names it in errors. Whatever the bytes, a Policy or a PolicyError."""
    if len(content) > LARGEST:
        raise PolicyError(f"{where}: larger than {LARGEST:,} bytes, which no policy is (name a policy file)")
    try:
        raw = yaml.load(content, Loader=_Loader)
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
    try:
        if not isinstance(raw, dict):
            raise _Wrong("a policy is a mapping with version, name and rules")
        if type(raw.get("version")) is not int or raw["version"] != VERSION:
            given = _shown(raw["version"]) if "version" in raw else "missing"
            raise _Wrong(f"version: {given} (this tool reads 'version: {VERSION}')")
        policy = _struct(Policy, raw, "")
        _check_sense(policy)
    except _Wrong as error:
        raise PolicyError(f"{where}: {error}") from None
    return policy


class _Loader(yaml.SafeLoader):
    """Safe YAML that refuses two things: an alias, since a few hundred bytes of them can stand for gigabytes, and
    a key given twice, of which plain YAML would silently keep the last."""

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            event = self.peek_event()  # type: ignore[no-untyped-call]  # the stubs leave it out
            problem = f"an alias, *{event.anchor} (write out what it stands for)"
            raise yaml.composer.ComposerError(None, None, problem, event.start_mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys: set[tuple[str, str]] = set()
        for key, _ in node.value if isinstance(node, yaml.MappingNode) else ():
            if isinstance(key, yaml.ScalarNode):
                if (key.tag, key.value) in keys:
                    raise yaml.constructor.ConstructorError(None, None, f"key '{key.value}' twice", key.start_mark)
                keys.add((key.tag, key.value))
        return super().construct_mapping(node, deep)


class _Wrong(Exception):
    """What is wrong and at which key; ``parse`` adds the file."""


def _struct(kind: type[T], given: Any, at: str) -> T:
    """A mapping as a type of this module; ``at`` is its place in the policy, empty for the whole."""
    if not isinstance(given, dict):
        raise _Wrong(f"{at}: {_shown(given)} is not a mapping of keys to values")
    fields = {field.name: field for field in msgspec.structs.fields(kind)}
    before = f"{at}." if at else ""
    for key in given:
        if key not in fields:
            raise _Wrong(f"unknown key {_shown(f'{before}{key}')} ({_nearest(key, fields)})")
    for name, field in fields.items():
        if field.required and name not in given:
            raise _Wrong(f"no key '{before}{name}' (it has to be given)")
    return kind(**{key: _value(fields[key].type, value, f"{before}{key}") for key, value in given.items()})


def _value(kind: Any, given: Any, at: str) -> Any:
    """A value as the type of its field; text on one line."""
    if get_origin(kind) is tuple:
        if not isinstance(given, list):
            raise _Wrong(f"{at}: {_shown(given)} is not a list (write [...])")
        member = get_args(kind)[0]
        if not given and member is not Rule:
            raise _Wrong(f"{at}: an empty list matches nothing (leave the key out to match all)")
        return tuple(_value(member, one, f"{at}[{i}]") for i, one in enumerate(given))
    if get_origin(kind) is dict:
        if not isinstance(given, dict):
            raise _Wrong(f"{at}: {_shown(given)} is not a mapping of names to values")
        return {_value(str, key, at): _value(get_args(kind)[1], one, f"{at}.{key}") for key, one in given.items()}
    if issubclass(kind, msgspec.Struct):
        return _struct(kind, given, at)
    if issubclass(kind, StrEnum):
        if not isinstance(given, str) or given not in list(kind):
            raise _Wrong(f"{at}: {_shown(given)} is not known ({_nearest(given, list(kind))})")
        return kind(given)
    if kind is str:
        if not isinstance(given, str):
            raise _Wrong(f"{at}: {_shown(given)} is not text (put it in quotes)")
        line = " ".join(given.split())
        if not line.isprintable():
            raise _Wrong(f"{at}: {_shown(given)} has characters that cannot be printed (reports print it)")
        return line
    if type(given) not in (int, kind):
        raise _Wrong(f"{at}: {_shown(given)} is not {'a whole number' if kind is int else 'a number'}")
    return given


def _shown(given: Any) -> str:
    """A value as errors quote it: one short line."""
    text = repr(given)
    return text if len(text) <= 60 else f"{text[:60]}..."


def _nearest(word: object, valid: Iterable[str]) -> str:
    names = list(valid)
    near = get_close_matches(str(word).lower()[:60], names, n=1)
    return f"did you mean '{near[0]}'?" if near else f"valid: {', '.join(names) or 'none'}"


def _check_sense(policy: Policy) -> None:
    """The laws that no type states: names exist and exist once, thresholds can be met and have something to
    measure, and neither an idiom nor a heuristic ever blocks."""
    if not policy.name:
        raise _Wrong("name: empty (reports name the policy by it)")
    seen: set[str] = set()
    for i, rule in enumerate(policy.rules):
        if not rule.id:
            raise _Wrong(f"rules[{i}].id: empty (findings name the rule by it)")
        at = f"rules[{i}] ({rule.id})"
        if rule.id in seen:
            raise _Wrong(f"{at}: two rules have this id (give each its own)")
        seen.add(rule.id)
        for name in rule.origins:
            if name not in policy.origins:
                raise _Wrong(f"{at}: origins: no set named {_shown(name)} ({_nearest(name, policy.origins)})")
        if rule.min_tokens < 0:
            raise _Wrong(f"{at}: min_tokens: {rule.min_tokens} (a number of tokens, 0 or more)")
        if not 0 <= rule.min_jaccard <= 1:
            raise _Wrong(f"{at}: min_jaccard: {rule.min_jaccard} (a share, from 0 to 1)")
        if rule.min_jaccard and Similarity.SIMILAR not in rule.similarity:
            raise _Wrong(f"{at}: min_jaccard measures 'similar' alone, which the rule leaves out")
        if rule.min_tokens and set(rule.similarity) == {Similarity.SIMILAR}:
            raise _Wrong(f"{at}: min_tokens does not measure 'similar', and the rule has nothing else")
        if rule.action in (Action.BLOCK, Action.QUARANTINE):
            if Grade.IDIOM in rule.grade:
                raise _Wrong(f"{at}: an idiom never blocks or quarantines (take 'idiom' out, or warn)")
            if Evidence.HEURISTIC in rule.evidence:
                raise _Wrong(f"{at}: heuristic evidence never blocks or quarantines (take it out, or warn)")
