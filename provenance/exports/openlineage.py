"""An OpenLineage RunEvent (spec 2-0-2) that tells a data platform what a dataset was labelled with: version, counts,
and a facet of our own, ``provenance_origin``.

Source: ``spec/OpenLineage.json`` and ``spec/facets`` of github.com/OpenLineage/OpenLineage. The facet's schema is
docs/openlineage-origin-facet.schema.json. Nothing is sent: the event is a file.
"""

from __future__ import annotations

from typing import Any

import msgspec

from provenance.exports import said
from provenance.exports.said import Given
from provenance.label.form import Label

NAMESPACE = "provenance"
PRODUCER = "urn:provenance"
_SPEC = "https://openlineage.io/spec"
_FACET = "urn:provenance:openlineage-origin-facet:1"


def render(label: Label, given: Given) -> bytes:
    """The event as JSON. ``given.date`` is its time, which OpenLineage demands; ValueError without."""
    if not given.date:
        raise ValueError("OpenLineage demands a time")
    totals = label.totals
    counts = {"rowCount": totals.records, "size": sum(one.size for one in label.subject.files)}
    output = {
        "namespace": NAMESPACE,
        "name": label.subject.name,
        "facets": {
            "version": _version(label.subject.root),
            "provenance_origin": {
                **_base(_FACET),
                "label": said.digest(label),
                "root": label.subject.root,
                "verdict": label.judgement.verdict,
                "policy": label.judgement.policy,
                **{name: getattr(totals, name) for name in ("records", "matched", "unknown", "skipped")},
                "shares": [msgspec.structs.asdict(one) for one in label.shares],
            },
        },
        "outputFacets": {
            "outputStatistics": {
                **_base(f"{_SPEC}/facets/1-0-2/OutputStatisticsOutputDatasetFacet.json"),
                **counts,
                "fileCount": totals.files,
            }
        },
    }
    event = {
        "eventType": "OTHER",
        "eventTime": given.date,
        "run": {"runId": said.uuid_of(label, "openlineage")},
        "job": {"namespace": NAMESPACE, "name": "label"},
        "inputs": [
            {"namespace": NAMESPACE, "name": one.name, "facets": {"version": _version(one.root)}}
            for one in label.parents
        ],
        "outputs": [output],
        "producer": PRODUCER,
        "schemaURL": f"{_SPEC}/2-0-2/OpenLineage.json#/$defs/RunEvent",
    }
    return said.json(event)


def _version(root: str) -> dict[str, Any]:
    return {**_base(f"{_SPEC}/facets/1-0-1/DatasetVersionDatasetFacet.json"), "datasetVersion": root}


def _base(schema: str) -> dict[str, str]:
    return {"_producer": PRODUCER, "_schemaURL": schema}
