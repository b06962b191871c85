"""The JSON Schema of a policy, made from the types that read it: editors complete and check by it."""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from types import NoneType
from typing import Any, get_args, get_origin

import msgspec

from provenance.model import Action, Evidence, Grade
from provenance.policy.schema import SINCE_2, STOPS, Budget, Policy, Rule

ID = "policy.schema.json"
SHARES = {"min_coverage", "min_jaccard", "max_share"}


def schema() -> dict[str, Any]:
    """JSON Schema 2020-12 of a policy file, both versions; the same bytes each time.

    What it says is refused when a policy is loaded, with a sentence that names the place. It cannot say that names of
    sets and zones have to exist; loading does.
    """
    made: dict[str, Any] = {}
    for version in (1, 2):
        _struct(Policy, version, made)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": ID,
        "title": "A policy of provenance",
        "type": "object",
        "required": ["version", "name", "rules"],
        "properties": {"version": {"enum": [1, 2]}},
        "if": {"properties": {"version": {"const": 1}}},
        "then": {"$ref": "#/$defs/Policy1"},
        "else": {"$ref": "#/$defs/Policy2"},
        "$defs": dict(sorted(made.items())),
    }


def _name(kind: type, version: int) -> str:
    return f"{kind.__name__}{version}"


def _struct(kind: type[msgspec.Struct], version: int, made: dict[str, Any]) -> dict[str, str]:
    """A reference to a type's definition, which is made where it is not yet."""
    name = _name(kind, version)
    if name not in made:
        made[name] = {}
        new = SINCE_2.get(kind, frozenset()) if version == 1 else frozenset()
        fields = [field for field in msgspec.structs.fields(kind) if field.encode_name not in new]
        properties = {field.encode_name: _value(field.type, version, made) for field in fields}
        for key in SHARES & properties.keys():
            properties[key] |= {"minimum": 0, "maximum": 1}
        if kind is Budget:
            properties["action"] = {"enum": [str(one) for one in Action if one is not Action.ALLOW]}
            properties["counts"]["items"] = {"enum": [str(one) for one in Action if one not in STOPS]}
        for key in {"min_tokens", "max_records"} & properties.keys():
            properties[key] |= {"minimum": 0}
        if kind is Policy:
            properties["version"] = {"const": version}
        required = [field.encode_name for field in fields if field.required]
        made[name] = {"type": "object", "additionalProperties": False, "required": required, "properties": properties}
        made[name] |= LAWS.get(kind, {})
        if kind in NAMED:
            properties[NAMED[kind]] = {"type": "string", "minLength": 1}
    return {"$ref": f"#/$defs/{name}"}


def _value(kind: Any, version: int, made: dict[str, Any]) -> dict[str, Any]:
    if NoneType in get_args(kind):
        (kind,) = (one for one in get_args(kind) if one is not NoneType)
    if get_origin(kind) is tuple:
        member = get_args(kind)[0]
        least = {} if issubclass(member, msgspec.Struct) else {"minItems": 1}
        return {"type": "array", "items": _value(member, version, made), **least}
    if get_origin(kind) is dict:
        return {"type": "object", "additionalProperties": _value(get_args(kind)[1], version, made)}
    if issubclass(kind, msgspec.Struct):
        return dict(_struct(kind, version, made))
    if issubclass(kind, StrEnum):
        return {"enum": [str(one) for one in kind]}
    if kind is date:
        return {"type": "string", "format": "date"}
    return {"type": {str: "string", int: "integer", float: "number"}[kind]}


def _without(words: type[StrEnum], law: StrEnum) -> dict[str, Any]:
    return {"items": {"enum": [str(one) for one in words if one is not law]}}


LAWS: dict[type[msgspec.Struct], dict[str, Any]] = {
    Rule: {
        "if": {"properties": {"action": {"enum": [str(one) for one in STOPS]}}},
        "then": {
            "$comment": "Neither heuristic evidence nor an idiom ever blocks or quarantines.",
            "properties": {
                "evidence": _without(Evidence, Evidence.HEURISTIC),
                "grade": _without(Grade, Grade.IDIOM),
            },
        },
    },
    Budget: {
        "anyOf": [{"required": ["max_records"]}, {"required": ["max_share"]}],
    },
}
NAMED: dict[type[msgspec.Struct], str] = {Policy: "name", Rule: "id", Budget: "id"}


def encode() -> bytes:
    """The published file."""
    return msgspec.json.format(msgspec.json.encode(schema()), indent=2) + b"\n"
