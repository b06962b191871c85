"""The form of a policy: strict YAML to frozen types. It judges nothing.

An unknown key is an error that names the key and the nearest valid one; so is every name that the vocabulary
does not have.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from difflib import get_close_matches
from enum import StrEnum
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import msgspec
import yaml

from provenance.errors import PolicyError
from provenance.model import Action, Evidence, Grade, Similarity

SHIPPED = "clean-room"


class OriginSet(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A named set of origins: an origin belongs if every list given holds its value; ``*`` stands for all."""

    providers: tuple[str, ...] = ("*",)
    models: tuple[str, ...] = ("*",)
    """Shell-style patterns, e.g. ``claude-*``."""
    tools: tuple[str, ...] = ("*",)


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
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
    """Least verified tokens (ignored for ``similar``, which verifies none)."""
    min_jaccard: float = 0.0
    """Least estimate, for ``similar`` alone."""
    message: str = ""


class Defaults(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is due where no rule speaks."""

    unknown_origin: Action = Action.WARN
    """A match, better than an idiom, whose provider was not recorded."""
    skipped: Action = Action.WARN
    """A row that could not be read: unread is not clean."""


class Policy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A whole policy, version 1."""

    version: int
    name: str
    rules: tuple[Rule, ...]
    origins: dict[str, OriginSet] = {}
    defaults: Defaults = Defaults()
    description: str = ""


class Loaded(msgspec.Struct, frozen=True):
    """A policy with the digest of the file it came from."""

    policy: Policy
    source: str
    digest: str


def load(name: str) -> Loaded:
    """Load a policy by path, or a shipped one by name; PolicyError says where, what, and what is valid."""
    path = Path(name)
    if path.is_file():
        content = path.read_bytes()
    elif "/" not in name and "\\" not in name and not path.suffix:
        content = _shipped(name)
    else:
        raise PolicyError(f"{name}: no such policy file (shipped ones: {', '.join(shipped())})")
    return Loaded(parse(content, name), name, hashlib.sha256(content).hexdigest()[:32])


def shipped() -> list[str]:
    """The names of the policies that come with the project."""
    return sorted(entry.name.removesuffix(".yaml") for entry in _folder().iterdir() if entry.name.endswith(".yaml"))


def _folder() -> Traversable:
    """Inside an installed package; beside it in a checkout or an editable install."""
    inside = resources.files("provenance") / "policies"
    return inside if inside.is_dir() else Path(__file__).parents[2] / "policies"


def _shipped(name: str) -> bytes:
    if name not in shipped():
        near = get_close_matches(name, shipped(), n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"shipped ones: {', '.join(shipped())}"
        raise PolicyError(f"{name}: no policy of this name, and no such file ({hint})")
    return (_folder() / f"{name}.yaml").read_bytes()


def parse(content: bytes, where: str) -> Policy:
    """A policy from YAML; ``where`` names it in errors."""
    try:
        raw = yaml.load(content, Loader=_Loader)
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise PolicyError(f"{where}: not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(raw, dict):
        raise PolicyError(f"{where}: a policy is a mapping with version, name and rules")
    if raw.get("version") != 1:
        raise PolicyError(f"{where}: version: {raw.get('version')!r} (this tool reads version 1)")
    _check_keys(raw, Policy, where, "")
    for i, rule in enumerate(_items(raw.get("rules"))):
        _check_keys(rule, Rule, where, f"rules[{i}].")
        for key, words in (("similarity", Similarity), ("grade", Grade), ("evidence", Evidence)):
            _check_words(_items(rule.get(key)), words, where, f"rules[{i}].{key}")
        _check_words([rule["action"]] if "action" in rule else [], Action, where, f"rules[{i}].action")
    for name, members in raw["origins"].items() if isinstance(raw.get("origins"), dict) else ():
        _check_keys(members, OriginSet, where, f"origins.{name}.")
    if isinstance(raw.get("defaults"), dict):
        _check_keys(raw["defaults"], Defaults, where, "defaults.")
        for key, value in raw["defaults"].items():
            _check_words([value], Action, where, f"defaults.{key}")
    try:
        policy = msgspec.convert(raw, Policy)
    except msgspec.ValidationError as error:
        raise PolicyError(f"{where}: {error}") from error
    _check_sense(policy, where)
    return policy


class _Loader(yaml.SafeLoader):
    """Safe YAML that refuses a key given twice, of which plain YAML would silently keep the last."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if isinstance(key, str) and key in seen:
                raise yaml.constructor.ConstructorError(None, None, f"key {key!r} given twice", key_node.start_mark)
            seen.add(key if isinstance(key, str) else id(key))
        return super().construct_mapping(node, deep)


def _items(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _check_keys(given: Any, kind: type[msgspec.Struct], where: str, prefix: str) -> None:
    """Name the first key that the type does not have, with the nearest that it has."""
    valid = [field.name for field in msgspec.structs.fields(kind)]
    for key in given if isinstance(given, dict) else ():
        if key not in valid:
            raise PolicyError(f"{where}: unknown key '{prefix}{key}' ({_nearest(str(key), valid)})")


def _check_words(given: Iterable[Any], words: type[StrEnum], where: str, at: str) -> None:
    valid = [str(word) for word in words]
    for word in given:
        if word not in valid:
            raise PolicyError(f"{where}: {at}: {word!r} is not known ({_nearest(str(word), valid)})")


def _nearest(word: str, valid: list[str]) -> str:
    near = get_close_matches(word, valid, n=1)
    return f"did you mean '{near[0]}'?" if near else f"valid: {', '.join(valid)}"


def _check_sense(policy: Policy, where: str) -> None:
    """The laws that no type can state: names exist once, and neither an idiom nor a heuristic ever blocks."""
    seen: set[str] = set()
    for i, rule in enumerate(policy.rules):
        at = f"{where}: rules[{i}] ({rule.id})"
        if rule.id in seen:
            raise PolicyError(f"{at}: two rules have this id (give each its own)")
        seen.add(rule.id)
        for name in rule.origins:
            if name not in policy.origins:
                raise PolicyError(f"{at}: origins: no set named {name!r} ({_nearest(name, list(policy.origins))})")
        if rule.action in (Action.BLOCK, Action.QUARANTINE):
            if Grade.IDIOM in rule.grade:
                raise PolicyError(f"{at}: an idiom never blocks or quarantines (take 'idiom' out, or warn)")
            if Evidence.HEURISTIC in rule.evidence:
                raise PolicyError(f"{at}: heuristic evidence never blocks or quarantines (take it out, or warn)")
