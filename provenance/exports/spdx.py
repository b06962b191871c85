"""SPDX 3.0.1 JSON-LD with classes of its Dataset and AI profiles: the dataset, its files, and the part of it that
matches each model, which that model is said to generate.

Source: the SPDX 3.0.1 model (spdx.github.io/spdx-spec/v3.0.1). No conformance to the two profiles is claimed: they
demand who released the dataset where and when, which a label does not know. ``syntactic`` is no word for synthetic.
"""

from __future__ import annotations

from typing import Any

from provenance.exports import said
from provenance.exports.said import Given, Made
from provenance.label.form import File, Label, Parent
from provenance.words import UNKNOWN

_CREATION = "_:creation"


def render(label: Label, given: Given) -> bytes:
    """The document as JSON-LD. ``given.date`` is when it was made, which SPDX demands; ValueError without."""
    if not given.date:
        raise ValueError("SPDX demands a date")
    base = f"urn:uuid:{said.uuid_of(label, 'spdx')}#"
    elements = [
        _element("SoftwareAgent", f"{base}agent", name=f"provenance {label.tool.version}"),
        _dataset(base, label, given),
    ]
    if given.issuer != UNKNOWN:
        elements.append(_element("Organization", f"{base}issuer", name=given.issuer))
    if label.subject.files:
        elements += [_file(base, number, one) for number, one in enumerate(label.subject.files)]
        files = [f"{base}file-{number}" for number in range(len(label.subject.files))]
        elements.append(_relation(f"{base}has-files", f"{base}dataset", "contains", files, "complete"))
    for number, one in enumerate(said.made(label)):
        elements += _model(base, number, one)
    for number, parent in enumerate(label.parents):
        elements += _parent(base, number, parent)
    elements.append(
        _element(
            "Annotation",
            f"{base}facts",
            annotationType="other",
            subject=f"{base}dataset",
            contentType="application/json",
            statement=said.json(dict(said.facts(label))).decode(),
        )
    )
    document = _element(
        "SpdxDocument",
        f"{base}document",
        name=f"Label of {label.subject.name}",
        profileConformance=["core", "software"],
        rootElement=[f"{base}dataset"],
        element=[one["spdxId"] for one in elements],
    )
    creation = {
        "type": "CreationInfo",
        "@id": _CREATION,
        "specVersion": "3.0.1",
        "created": given.date,
        "createdBy": [f"{base}agent"],
    }
    graph = [creation, *elements, document]
    return said.json({"@context": "https://spdx.org/rdf/3.0.1/spdx-context.jsonld", "@graph": graph})


def _element(kind: str, identity: str, **facts: Any) -> dict[str, Any]:
    return {"type": kind, "spdxId": identity, "creationInfo": _CREATION, **facts}


def _dataset(base: str, label: Label, given: Given) -> dict[str, Any]:
    return _element(
        "dataset_DatasetPackage",
        f"{base}dataset",
        name=label.subject.name,
        description=" ".join([said.matched(label), *said.limits(label)]),
        **({"originatedBy": [f"{base}issuer"]} if given.issuer != UNKNOWN else {}),
        software_packageVersion=label.subject.root,
        software_primaryPurpose="data",
        dataset_datasetType=["noAssertion"],
        dataset_dataCollectionProcess=said.matched(label),
        dataset_datasetNoise=" ".join(said.limits(label)),
        dataset_datasetSize=label.totals.records,
        **({"dataset_intendedUse": given.purpose} if given.purpose != UNKNOWN else {}),
    )


def _file(base: str, number: int, one: File) -> dict[str, Any]:
    return _element(
        "software_File",
        f"{base}file-{number}",
        name=one.path,
        contentType=said.media_type(one.path),
        software_primaryPurpose="data",
        verifiedUsing=[{"type": "Hash", "algorithm": "sha256", "hashValue": one.sha256}],
    )


def _model(base: str, number: int, one: Made) -> list[dict[str, Any]]:
    part, model = f"{base}part-{number}", f"{base}model-{number}"
    maker = f"{base}maker-{number}"
    supplier = {"suppliedBy": maker} if one.provider != UNKNOWN else {}
    told = "; ".join(f"{name}: {value}" for name, value in said.of_model(one))
    return [
        *([_element("Organization", maker, name=one.provider)] if supplier else []),
        _element("ai_AIPackage", model, name=one.model, software_primaryPurpose="model", **supplier),
        _element(
            "dataset_DatasetPackage",
            part,
            name=f"records that match, or declare, outputs of {said.named(one)}",
            description=f"A record may hold other text as well. {told}",
            software_primaryPurpose="data",
            dataset_datasetType=["noAssertion"],
            dataset_datasetSize=one.records,
        ),
        _relation(f"{base}holds-{number}", f"{base}dataset", "contains", [part], "noAssertion"),
        _relation(f"{base}generates-{number}", model, "generates", [part], "noAssertion"),
    ]


def _parent(base: str, number: int, one: Parent) -> list[dict[str, Any]]:
    parent = f"{base}parent-{number}"
    return [
        _element(
            "dataset_DatasetPackage",
            parent,
            name=one.name,
            software_packageVersion=one.root,
            software_primaryPurpose="data",
            dataset_datasetType=["noAssertion"],
            dataset_datasetSize=one.records,
        ),
        _relation(f"{base}descends-{number}", parent, "ancestorOf", [f"{base}dataset"], "noAssertion"),
    ]


def _relation(identity: str, origin: str, kind: str, to: list[str], completeness: str) -> dict[str, Any]:
    return _element(
        "Relationship", identity, **{"from": origin}, relationshipType=kind, to=to, completeness=completeness
    )
