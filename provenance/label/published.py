"""The JSON Schema of a label, made from its types: whoever reads labels without this tool checks by it."""

from __future__ import annotations

import ast
import inspect
from types import ModuleType
from typing import Any

import msgspec

from provenance.label import form, reading

ID = "label.schema.json"
HEX = {"pattern": "^[0-9a-f]{64}$"}


def schema() -> dict[str, Any]:
    """JSON Schema 2020-12 of a label of this form; the same bytes each time.

    What it says is refused when a label is read. It cannot say that sums and roots agree; reading checks them.
    """
    (_, types) = msgspec.json.schema_components([form.Label], ref_template="#/$defs/{name}")
    said = _said(form)
    for name, one in types.items():
        one["additionalProperties"] = False
        one["required"] = list(one["properties"])
        for field, kind in one["properties"].items():
            kind.pop("default", None)
            kind.update({"description": said[name, field]} if (name, field) in said else {})
            if kind.get("type") == "integer":
                kind |= {"minimum": 0, "maximum": reading.MOST}
            if kind.get("additionalProperties") == {"type": "integer"}:
                kind["additionalProperties"] = {"type": "integer", "minimum": 0, "maximum": reading.MOST}
            if field in ("sha256", "root") or (name, field) == ("Parent", "label"):
                kind |= HEX
    types["Label"]["properties"]["label"] |= {"const": form.FORM}
    types["Parent"]["properties"]["relation"]["enum"] = list(reading.RELATIONS)
    types["Label"]["properties"]["contents"]["pattern"] = "^([0-9a-f]{64})?$"
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": ID,
        "title": "The ingredient label of a dataset",
        "$ref": "#/$defs/Label",
        "$defs": dict(sorted(types.items())),
    }


def encode() -> bytes:
    """The published file."""
    return msgspec.json.format(msgspec.json.encode(schema()), indent=2) + b"\n"


def _said(module: ModuleType) -> dict[tuple[str, str], str]:
    """What the module says under each field of its types."""
    said = {}
    for one in ast.parse(inspect.getsource(module)).body:
        if isinstance(one, ast.ClassDef):
            for field, text in zip(one.body, one.body[1:], strict=False):
                if isinstance(field, ast.AnnAssign) and isinstance(text, ast.Expr):
                    told = ast.literal_eval(text.value)
                    said[one.name, ast.unparse(field.target)] = " ".join(str(told).split())
    return said
