"""Data Provenance Standards 1.0.0 of the Data & Trust Alliance: source, provenance and use of a dataset.

Source: ``data-provenance-standards-1.0.0.schema.json`` (github.com/oasis-tcs/dps, ``contributions/schema/json``). What
it demands and nobody gave is ``unknown``, which its schema allows; the country of origin is always that.
"""

from __future__ import annotations

from provenance.exports import said
from provenance.exports.said import Given
from provenance.label.form import Label
from provenance.words import UNKNOWN

SYSTEM = "urn:provenance:label:1"
"""Names the codes of ``generation-method``: they are the label's words for similarity."""


def render(label: Label, given: Given) -> bytes:
    """The metadata as JSON."""
    models = said.made(label)
    first = min((one.first for one in models if one.first), default="")
    last = max((one.last for one in models if one.last), default="")
    methods = [
        {
            "code": f"matches-or-declares-model-output:{one.provider}/{one.model}",
            "system": SYSTEM,
            "description": "; ".join(f"{name}: {value}" for name, value in said.of_model(one)),
        }
        for one in models
    ]
    methods.append({"code": UNKNOWN, "system": SYSTEM, "description": " ".join(said.limits(label))})
    sources = ", ".join(f"{one.name} (urn:sha256:{one.root})" for one in label.parents)
    # The standard has one period for the whole dataset; of records of unknown origin nobody knows it.
    whole = first and label.totals.matched == label.totals.records
    document = {
        "source": {
            "version": "1.0.0",
            "title": label.subject.name,
            "id": f"urn:sha256:{label.subject.root}",
            "issuer": [{"name": given.issuer}],
            "description": said.matched(label),
        },
        "provenance": {
            **({"source": sources} if sources else {}),
            "origin-geography": [{"country": UNKNOWN}],
            "date": given.date or UNKNOWN,
            **({"generation-period": {"start": first, "end": last}} if whole else {}),
            "generation-method": methods,
            "format": sorted({said.media_type(one.path) for one in label.subject.files}),
        },
        "use": {
            "license": [f"clause {one.id} ({one.status}): {one.records} records" for one in label.clauses],
            "intended-purpose": [
                {
                    "code": given.purpose,
                    "description": f"verdict by policy {label.judgement.policy}: {label.judgement.verdict}",
                }
            ],
        },
    }
    return said.json(document)
