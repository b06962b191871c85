"""What two standards demand, as JSON Schema written for these tests after their published schemas.

Data Provenance Standards 1.0.0 (github.com/oasis-tcs/dps, ``contributions/schema/json``): the published file puts the
list of demanded groups where the groups themselves are described, and refers to a group by a name that leads nowhere,
so that no validator can use it as it is. OpenLineage 2-0-2: ``spec/OpenLineage.json``.
"""

from __future__ import annotations

from typing import Any

TEXT = {"type": "string"}


def thing(required: str, **properties: Any) -> dict[str, Any]:
    return {"type": "object", "required": required.split(), "properties": properties, "additionalProperties": False}


def some(item: Any, least: int = 0) -> dict[str, Any]:
    return {"type": "array", "items": item, "minItems": least, "uniqueItems": True}


_NAMED = thing("name", name=TEXT, address=some(TEXT))
_COUNTRY = thing("country", country=TEXT, state=TEXT)
_CODE = thing("code", code=TEXT, system=TEXT, description=TEXT)
DTA = thing(
    "source provenance use",
    source=thing(
        "version title id issuer description",
        **dict.fromkeys(("version", "title", "id", "location", "description"), TEXT),
        issuer=some(_NAMED, 1),
    ),
    provenance=thing(
        "origin-geography date generation-method",
        **{
            **dict.fromkeys(("source", "date", "previous-date"), TEXT),
            "origin": some(_NAMED),
            "origin-geography": some(_COUNTRY, 1),
            "generation-period": thing("", start=TEXT, end=TEXT),
            "generation-method": some(_CODE, 1),
            "format": some(TEXT),
        },
    ),
    use=thing(
        "intended-purpose",
        **{
            **dict.fromkeys(("consents", "license", "copyright", "patent", "trademark"), some(TEXT)),
            "intended-purpose": some(_CODE | {"required": ["code", "description"]}, 1),
        },
    ),
)

_URI = {"type": "string", "pattern": "^(https|urn):"}
_FACETS = {
    "type": "object",
    "additionalProperties": {
        "type": "object",
        "required": ["_producer", "_schemaURL"],
        "properties": {"_producer": _URI, "_schemaURL": _URI},
    },
}
_DATASET = thing("namespace name", namespace=TEXT, name=TEXT, facets=_FACETS, inputFacets=_FACETS, outputFacets=_FACETS)
OPENLINEAGE = thing(
    "eventTime run job producer schemaURL",
    eventType={"enum": ["START", "RUNNING", "COMPLETE", "ABORT", "FAIL", "OTHER"]},
    eventTime={"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$"},
    run=thing(
        "runId", runId={"type": "string", "pattern": "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"}, facets=_FACETS
    ),
    job=thing("namespace name", namespace=TEXT, name=TEXT, facets=_FACETS),
    inputs={"type": "array", "items": _DATASET},
    outputs={"type": "array", "items": _DATASET},
    producer=TEXT,
    schemaURL=TEXT,
)
