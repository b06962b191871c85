"""What forms of others declare: read for what it says, and never taken for more."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provenance import importing
from provenance.errors import DatasetError
from provenance.exports import FORMS, Given
from provenance.importing import Declared
from provenance.words import Evidence
from tests.exports.samples import MIXED

CARD = b"""---
pretty_name: Chats
tags: [synthetic, gpt-4, english]
language_creators: [machine-generated, found]
source_datasets: [extended|squad, original]
---
"""
INITIATIVE = {
    "chats": {"Unique Dataset Identifier": "chats-1", "Model Generated": ["OpenAI GPT-3"], "Languages": ["en"]}
}


def read(content: bytes) -> Declared:
    return importing.read(content, "form")


def models(found: Declared) -> dict[str, str]:
    return {one.model: one.provider for one in found.claims}


@pytest.mark.parametrize("form", ["cyclonedx", "croissant"])
def test_what_we_export_is_read_again(form: str) -> None:
    found = read(FORMS[form].render(MIXED, Given()))
    assert {"claude-opus-4-5": "anthropic", "gpt-5.1-codex": "openai", "unknown": "unknown"} == models(found)
    counts: dict[str, int] = {}
    for one in found.claims:
        counts[one.model] = counts.get(one.model, 0) + one.records
    assert {"claude-opus-4-5": 5, "gpt-5.1-codex": 4, "unknown": 1} == counts
    assert ("raw",) == found.sources


def test_a_cards_tags_and_sources_are_declarations() -> None:
    found = read(CARD)
    assert {("unknown", "language_creators"), ("unknown", "tags: synthetic"), ("gpt-4", "tags")} == {
        (one.model, one.where) for one in found.claims
    }
    assert ("squad",) == found.sources
    assert {Evidence.DECLARED} == {one.evidence for one in found.claims}


def test_the_card_that_we_write_is_read_again() -> None:
    assert ["language_creators"] == [one.where for one in read(FORMS["huggingface"].render(MIXED, Given())).claims]


def test_cards_of_the_data_provenance_initiative_name_models() -> None:
    found = read(json.dumps(INITIATIVE).encode())
    assert [("OpenAI GPT-3", "openai", "chats-1")] == [(one.model, one.provider, one.dataset) for one in found.claims]
    assert found.claims == read(json.dumps(INITIATIVE["chats"]).encode()).claims


def test_croissants_annotation_tools_are_declarations() -> None:
    croissant = {
        "@context": {},
        "@type": "sc:Dataset",
        "name": "x",
        "rai:machineAnnotationTools": ["claude-3-opus", "ner"],
    }
    assert {"claude-3-opus": "anthropic", "ner": "unknown"} == models(read(json.dumps(croissant).encode()))


def test_a_form_that_names_no_model_declares_nothing() -> None:
    assert () == read(b"---\nlicense: mit\n---\n").claims


@pytest.mark.parametrize(
    "content", [b"", b"text", b"[]", b"{}", b'{"bomFormat": "SPDX"}', b"---\na: 1\n", b"[" * 100_000]
)
def test_what_is_none_of_the_forms_is_refused_by_name(content: bytes) -> None:
    with pytest.raises(DatasetError, match=r"^form"):
        read(content)


def test_a_file_that_is_not_there_is_named() -> None:
    with pytest.raises(DatasetError, match="nowhere"):
        importing.load(Path("nowhere.json"))


inner_values = st.lists(st.text(max_size=20) | st.integers(), max_size=3) | st.text()
values = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                "bomFormat components metadata component pedigree ancestors properties name value type @type @context "
                "tags isBasedOn provenance:shares provenance:records rai:machineAnnotationTools source_datasets "
                "language_creators".split()
            ),
            inner | st.sampled_from(["CycloneDX", "sc:Dataset", "machine-learning-model", "provenance:records"]),
            max_size=5,
        )
    ),
    max_leaves=25,
)


@settings(max_examples=300, deadline=None)
@given(values | st.fixed_dictionaries({"Model Generated": inner_values}), st.booleans())
def test_any_form_is_read_or_refused(value: object, is_card: bool) -> None:
    content = json.dumps(value).encode()
    try:
        read(b"---\n" + content + b"\n---\n" if is_card else content)
    except DatasetError:
        return


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 1 << 30), st.integers(0, 255), st.sampled_from(["cyclonedx", "croissant", "card"]))
def test_a_changed_byte_is_read_or_refused(place: int, byte: int, form: str) -> None:
    whole = bytearray(CARD if form == "card" else FORMS[form].render(MIXED, Given()))
    whole[place % len(whole)] = byte
    try:
        read(bytes(whole))
    except DatasetError:
        return
