"""What forms of others declare of a dataset as a whole: which models had a part in it, and what it was made from.

Read are CycloneDX (models, with our properties where we wrote it), Croissant (RAI fields), Hugging Face cards, and the
cards of the Data Provenance Initiative. All of it is ``declared`` origin evidence: a reason to look, never a proof, and
a form that names no model leaves the origin unknown.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import yaml

from provenance import declarations
from provenance.capture.origin import provider_of
from provenance.errors import DatasetError
from provenance.words import UNKNOWN, Evidence

LARGEST = 1 << 26
"""Bytes of a form."""
SYNTHETIC = frozenset(
    {"synthetic", "synthetic-data", "distilabel", "distillation", "model-generated", "machine-generated"}
)
"""Tags of Hugging Face cards by which a card says that models made data, without saying which."""
MACHINE = "machine-generated"
_FRONT = re.compile(rb"---[ \t]*\r?\n(.*?)^---[ \t]*$", re.DOTALL | re.MULTILINE)


class Claim(NamedTuple):
    """A model, or models in general, that a form says had a part in a dataset."""

    provider: str
    model: str
    """As the form spells it."""
    records: int
    """How many records, by the form; -1 where it does not say."""
    where: str
    """The field that says so."""
    dataset: str
    """The form's name for the dataset; empty where it has none."""
    evidence: Evidence = Evidence.DECLARED


class Declared(NamedTuple):
    """What a form declares."""

    form: str
    claims: tuple[Claim, ...]
    sources: tuple[str, ...]
    """Datasets that it says the dataset was made from."""


def load(path: Path) -> Declared:
    """What the form in a file declares; DatasetError where it cannot be read or is none of the four."""
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
    except (OSError, ValueError) as error:
        raise DatasetError(f"{path}: cannot be read: {error} (name a form's file)") from error
    return read(content, str(path))


def read(content: bytes, where: str) -> Declared:
    """What a form declares, whatever its bytes: that, or a DatasetError that begins with ``where``."""
    if len(content) > LARGEST:
        raise DatasetError(f"{where}: larger than {LARGEST >> 20} MB, which no such form is")
    content = content.removeprefix(b"\xef\xbb\xbf")
    if content.startswith(b"---"):
        return _made("Hugging Face card", *_card(content, where))
    try:
        value = msgspec.json.decode(content)
    except (ValueError, RecursionError) as error:
        raise DatasetError(f"{where}: neither JSON nor a card with front matter: {str(error)[:200]}") from error
    if isinstance(value, dict):
        if value.get("bomFormat") == "CycloneDX":
            return _made("CycloneDX", list(_bom_claims(value)), list(_bom_sources(value)))
        if "@context" in value and "Dataset" in str(value.get("@type", value.get("type", "")))[:100]:
            return _made("Croissant", list(_croissant_claims(value)), list(_names(value.get("isBasedOn"))))
        records = list(_initiative(value))
        if records:
            claims = [claim for name, record in records for claim in _generated(name, record)]
            sources = [one for _, record in records for one in _texts(record.get("Derived from Datasets"))]
            return _made("Data Provenance Initiative card", claims, sources)
    raise DatasetError(
        f"{where}: no form that declares origins (read are CycloneDX, Croissant, Hugging Face cards and Data "
        "Provenance Initiative cards)"
    )


def _made(form: str, claims: list[Claim], sources: list[str]) -> Declared:
    return Declared(form, tuple(dict.fromkeys(claims)), tuple(dict.fromkeys(sources)))


def _claim(model: str, where: str, dataset: str, provider: str = UNKNOWN, records: int = -1) -> Claim:
    if provider == UNKNOWN:
        # "OpenAI GPT-3": a maker's name may stand before the model's.
        words = model[:200].split()
        tails = ("-".join(words[start:]) for start in range(min(len(words), 4)))
        provider = next((found for tail in tails if (found := provider_of(tail)) != UNKNOWN), UNKNOWN)
    return Claim(provider, model or UNKNOWN, records, where, dataset)


def _bom_claims(bom: dict[str, Any]) -> Iterator[Claim]:
    dataset = _text(_dict(_dict(bom.get("metadata")).get("component")).get("name"))
    for one in _dicts(bom.get("components")):
        if one.get("type") == "machine-learning-model":
            held = {_text(each.get("name")): _text(each.get("value")) for each in _dicts(one.get("properties"))}
            provider = held.get("provenance:provider") or UNKNOWN
            count = held.get("provenance:records", "")
            records = int(count) if re.fullmatch(r"[0-9]{1,18}", count) else -1
            yield _claim(_text(one.get("name")), "components[machine-learning-model]", dataset, provider, records)


def _bom_sources(bom: dict[str, Any]) -> Iterator[str]:
    component = _dict(_dict(bom.get("metadata")).get("component"))
    for one in (component, *_dicts(bom.get("components"))):
        yield from _names(_dict(one.get("pedigree")).get("ancestors"))


def _croissant_claims(value: dict[str, Any]) -> Iterator[Claim]:
    dataset = _text(value.get("name"))
    for key in ("rai:machineAnnotationTools", "machineAnnotationTools"):
        for tool in _texts(value.get(key)):
            yield _claim(tool, key, dataset)
    for share in _dicts(value.get("provenance:shares")):
        records = share.get("provenance:records")
        yield _claim(
            _text(share.get("provenance:model")),
            "provenance:shares",
            dataset,
            _text(share.get("provenance:provider")) or UNKNOWN,
            records if isinstance(records, int) else -1,
        )
    for key in ("rai:dataCollectionType", "dataCollectionType"):
        if any("synthetic" in one.lower() or "machine" in one.lower() for one in _texts(value.get(key))):
            yield Claim(UNKNOWN, UNKNOWN, -1, key, dataset)


def _card(content: bytes, where: str) -> tuple[list[Claim], list[str]]:
    found = _FRONT.match(content)
    if found is None:
        raise DatasetError(f"{where}: the card's front matter does not end (close it with a line of ---)")
    try:
        value = yaml.safe_load(found[1])
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise DatasetError(f"{where}: the card's front matter is not YAML: {str(error)[:200]}") from error
    if not isinstance(value, dict):
        raise DatasetError(f"{where}: the card's front matter is no mapping of keys")
    dataset = _text(value.get("pretty_name"))
    creators = (key for key in ("language_creators", "annotations_creators") if MACHINE in _texts(value.get(key)))
    claims = [Claim(UNKNOWN, UNKNOWN, -1, key, dataset) for key in creators]
    for tag in _texts(value.get("tags")):
        model = declarations.model_of(tag.encode("utf-8", "replace"))
        if model:
            claims.append(Claim(*model, -1, "tags", dataset))
        elif tag.lower() in SYNTHETIC:
            claims.append(Claim(UNKNOWN, UNKNOWN, -1, f"tags: {tag}", dataset))
    extended = [one.removeprefix("extended|") for one in _texts(value.get("source_datasets"))]
    return claims, [one for one in extended if one not in ("original", "extended")]


def _initiative(value: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The records of a card: one, or many by their names."""
    if "Model Generated" in value:
        yield _text(value.get("Unique Dataset Identifier")), value
        return
    for name, record in value.items():
        if isinstance(record, dict) and "Model Generated" in record:
            yield _text(record.get("Unique Dataset Identifier")) or str(name), record


def _generated(name: str, record: dict[str, Any]) -> Iterator[Claim]:
    for model in _texts(record.get("Model Generated")):
        yield _claim(model, "Model Generated", name)


def _names(value: Any) -> Iterator[str]:
    for one in value if isinstance(value, list) else [value]:
        name = _text(one.get("name") or one.get("@id")) if isinstance(one, dict) else _text(one)
        if name:
            yield name


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _texts(value: Any) -> list[str]:
    return [one for one in (value if isinstance(value, list) else [value]) if isinstance(one, str) and one]


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
