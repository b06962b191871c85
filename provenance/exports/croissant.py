"""Croissant 1.1 (MLCommons) JSON-LD with fields of its Responsible AI vocabulary: files, limits, counts by origin.

Source: the Croissant 1.1 and RAI specifications (docs.mlcommons.org/croissant) and the context that ``mlcroissant``
1.1.1 writes. Counts stand in a namespace of our own. ``rai:machineAnnotationTools`` is left alone: a match says that
text is like a recorded output, not that a machine annotated anything.
"""

from __future__ import annotations

import urllib.parse
from typing import Any

import msgspec

from provenance.exports import said
from provenance.exports.said import Given
from provenance.label.form import Label
from provenance.words import UNKNOWN

NAMESPACE = "urn:provenance:label:1#"
_CROISSANT = (
    "arrayShape citeAs column conformsTo containedIn equivalentProperty extract field fileProperty fileObject fileSet "
    "format includes isArray isLiveDataset jsonPath key md5 parentField path recordSet references regex repeated "
    "replace samplingRate separator source subField transform"
).split()


def render(label: Label, given: Given) -> bytes:
    """The dataset as JSON-LD."""
    totals = label.totals
    document: dict[str, Any] = {
        "@context": _context(),
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.1",
        "name": label.subject.name,
        "description": " ".join([said.matched(label), *said.limits(label)]),
        **({"dateCreated": given.date} if given.date else {}),
        **({"creator": {"@type": "sc:Organization", "name": given.issuer}} if given.issuer != UNKNOWN else {}),
        "identifier": f"urn:sha256:{label.subject.root}",
        **({"isBasedOn": [_parent(one.name, one.root) for one in label.parents]} if label.parents else {}),
        "distribution": [
            {
                "@type": "cr:FileObject",
                "@id": f"file-{number}",
                "name": one.path,
                "contentUrl": urllib.parse.quote(one.path),
                "contentSize": f"{one.size} B",
                "encodingFormat": said.media_type(one.path),
                "sha256": one.sha256,
            }
            for number, one in enumerate(label.subject.files)
        ],
        "rai:dataCollection": said.matched(label),
        "rai:dataLimitations": said.limits(label),
        "provenance:label": said.digest(label),
        "provenance:verdict": label.judgement.verdict,
        "provenance:records": totals.records,
        "provenance:matched": totals.matched,
        "provenance:unknown": totals.unknown,
        "provenance:skipped": totals.skipped,
        "provenance:shares": [
            {f"provenance:{name}": value for name, value in msgspec.structs.asdict(one).items()} for one in label.shares
        ],
    }
    return said.json(document)


def _parent(name: str, root: str) -> dict[str, str]:
    return {"@type": "sc:Dataset", "name": name, "identifier": f"urn:sha256:{root}"}


def _context() -> dict[str, Any]:
    plain = {name: f"cr:{name}" for name in _CROISSANT}
    return {
        "@language": "en",
        "@vocab": "https://schema.org/",
        **plain,
        "conformsTo": "dct:conformsTo",
        "cr": "http://mlcommons.org/croissant/",
        "data": {"@id": "cr:data", "@type": "@json"},
        "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
        "dct": "http://purl.org/dc/terms/",
        "description": {"@container": "@language"},
        "examples": {"@id": "cr:examples", "@type": "@json"},
        "name": {"@container": "@language"},
        "provenance": NAMESPACE,
        "rai": "http://mlcommons.org/croissant/RAI/",
        "sc": "https://schema.org/",
    }
