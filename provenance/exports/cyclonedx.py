"""CycloneDX 1.7 (ECMA-424) as a machine-learning bill of materials: the dataset, its files, the models it matches.

Source: the JSON schema of CycloneDX 1.7 (github.com/CycloneDX/specification, ``schema/bom-1.7.schema.json``). What has
no field there stands in properties named ``provenance:...``. The composition is said to be incomplete, for it is: a
record of unknown origin may be of any model.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from provenance.exports import said
from provenance.exports.said import Given, Made
from provenance.label.form import File, Label, Parent
from provenance.words import UNKNOWN


def render(label: Label, given: Given) -> bytes:
    """The bill of materials as JSON."""
    models = said.made(label)
    dataset = _dataset(label, given)
    refs = [f"model-{number}" for number in range(len(models))]
    bom: dict[str, Any] = {
        "$schema": "http://cyclonedx.org/schema/bom-1.7.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.7",
        "serialNumber": f"urn:uuid:{said.uuid_of(label, 'cyclonedx')}",
        "version": 1,
        "metadata": {
            **({"timestamp": given.date} if given.date else {}),
            "tools": {"components": [{"type": "application", "name": "provenance", "version": label.tool.version}]},
            "component": dataset,
        },
        "components": [_model(ref, one) for ref, one in zip(refs, models, strict=True)],
        "dependencies": [{"ref": "dataset", "dependsOn": refs}, *({"ref": ref} for ref in refs)],
        "compositions": [{"aggregate": "incomplete", "dependencies": ["dataset"]}],
    }
    return said.json(bom)


def _dataset(label: Label, given: Given) -> dict[str, Any]:
    described = " ".join([said.matched(label), *said.limits(label)])
    supplier = {"supplier": {"name": given.issuer}} if given.issuer != UNKNOWN else {}
    ancestors = [_ancestor(number, one) for number, one in enumerate(label.parents)]
    return {
        "type": "data",
        "bom-ref": "dataset",
        **supplier,
        "name": label.subject.name,
        "version": label.subject.root,
        "description": described,
        **({"pedigree": {"ancestors": ancestors}} if ancestors else {}),
        "components": [_file(number, one) for number, one in enumerate(label.subject.files)],
        "data": [{"type": "dataset", "name": label.subject.name, "description": described}],
        "properties": _properties(said.facts(label)),
    }


def _file(number: int, one: File) -> dict[str, Any]:
    return {
        "type": "file",
        "mime-type": said.media_type(one.path),
        "bom-ref": f"file-{number}",
        "name": one.path,
        "hashes": [{"alg": "SHA-256", "content": one.sha256}],
        "properties": _properties([("bytes", str(one.size)), ("records", str(one.records)), ("root", one.root)]),
    }


def _model(ref: str, one: Made) -> dict[str, Any]:
    return {
        "type": "machine-learning-model",
        "bom-ref": ref,
        **({"supplier": {"name": one.provider}} if one.provider != UNKNOWN else {}),
        "name": one.model,
        "properties": _properties([("provider", one.provider), *said.of_model(one)]),
    }


def _ancestor(number: int, one: Parent) -> dict[str, Any]:
    pairs = [("relation", one.relation), ("label", one.label), ("records", str(one.records))]
    return {
        "type": "data",
        "bom-ref": f"parent-{number}",
        "name": one.name,
        "version": one.root,
        "properties": _properties(pairs),
    }


def _properties(pairs: Iterable[tuple[str, str]]) -> list[dict[str, str]]:
    return [{"name": f"provenance:{name}", "value": value} for name, value in pairs]
