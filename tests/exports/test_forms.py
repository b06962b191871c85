"""Labels in the forms of others: each form is what its standard says, holds the label's facts, and makes up none."""

from __future__ import annotations

import html
import io
import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import given, settings
from markdown_it import MarkdownIt

from provenance.exports import FORMS, Given, said
from provenance.label.form import Label
from tests.exports import standards
from tests.exports.samples import MIXED, NOTHING, labels

SCHEMAS = Path(__file__).parents[1] / "fixtures" / "schemas"
FACET = Path(__file__).parents[2] / "docs" / "openlineage-origin-facet.schema.json"
SAID = Given("2026-11-21T12:00:00Z", "Example Lab", "training")
SILENT = Given("2026-11-21T12:00:00Z")


def made(form: str, label: Label = MIXED, given: Given = SAID) -> Any:
    return json.loads(FORMS[form].render(label, given))


def cyclonedx_validator() -> jsonschema.Draft7Validator:
    from referencing import Registry, Resource

    names = {
        "bom-1.7": "cyclonedx-bom-1.7",
        "jsf-0.82.SNAPSHOT": "cyclonedx-jsf-0.82",
        "spdx.SNAPSHOT": "cyclonedx-spdx",
        "cryptography-defs.SNAPSHOT": "cyclonedx-cryptography-defs",
    }
    schemas = {name: json.loads((SCHEMAS / f"{file}.json").read_text()) for name, file in names.items()}
    resources = (
        (f"http://cyclonedx.org/schema/{name}.schema.json", Resource.from_contents(one))
        for name, one in schemas.items()
    )
    return jsonschema.Draft7Validator(schemas["bom-1.7"], registry=Registry().with_resources(resources))


@pytest.mark.parametrize("form", FORMS)
def test_the_same_label_gives_the_same_bytes(form: str) -> None:
    assert FORMS[form].render(MIXED, SAID) == FORMS[form].render(MIXED, SAID)
    assert FORMS[form].render(MIXED, SAID) != FORMS[form].render(NOTHING, SAID)


@pytest.mark.parametrize("form", FORMS)
def test_no_form_calls_what_matches_nothing_a_persons(form: str) -> None:
    text = FORMS[form].render(NOTHING, SILENT).decode().lower()
    assert "human" not in text
    assert "unknown" in text


@pytest.mark.parametrize("form", FORMS)
def test_every_form_names_each_model_with_its_records(form: str) -> None:
    text = FORMS[form].render(MIXED, SAID).decode()
    assert {"claude-opus-4-5", "gpt-5.1-codex"} <= set(re.findall(r"[\w.-]*\d[\w.-]*", text.replace("&#46;", ".")))


@pytest.mark.parametrize("label", [MIXED, NOTHING], ids=["mixed", "nothing"])
@pytest.mark.parametrize("given_", [SAID, SILENT], ids=["given", "silent"])
def test_cyclonedx_is_valid_by_its_own_schema(label: Label, given_: Given) -> None:
    cyclonedx_validator().validate(made("cyclonedx", label, given_))


def test_the_cyclonedx_schema_refuses_what_is_wrong() -> None:
    bom = made("cyclonedx")
    bom["components"][0]["type"] = "model"
    with pytest.raises(jsonschema.ValidationError):
        cyclonedx_validator().validate(bom)


@settings(max_examples=10, deadline=None)
@given(labels)
def test_every_label_makes_valid_documents(label: Label) -> None:
    cyclonedx_validator().validate(made("cyclonedx", label))
    jsonschema.Draft202012Validator(standards.DTA).validate(made("dta", label))
    jsonschema.Draft202012Validator(standards.OPENLINEAGE).validate(made("openlineage", label))


def test_cyclonedx_says_that_its_list_of_models_is_incomplete() -> None:
    bom = made("cyclonedx")
    assert [{"aggregate": "incomplete", "dependencies": ["dataset"]}] == bom["compositions"]
    counted = {
        one["name"]: {each["name"]: each["value"] for each in one["properties"]}["provenance:records"]
        for one in bom["components"]
    }
    assert {"claude-opus-4-5": "5", "gpt-5.1-codex": "4", "unknown": "1"} == counted


def test_cyclonedx_has_the_digest_of_every_file() -> None:
    files = made("cyclonedx")["metadata"]["component"]["components"]
    assert [(one.path, one.sha256) for one in MIXED.subject.files] == [
        (one["name"], one["hashes"][0]["content"]) for one in files
    ]


@pytest.mark.parametrize("label", [MIXED, NOTHING], ids=["mixed", "nothing"])
def test_data_provenance_standards_have_every_field_demanded(label: Label) -> None:
    jsonschema.Draft202012Validator(standards.DTA).validate(made("dta", label, SILENT))


def test_data_provenance_standards_give_no_period_where_a_record_is_of_unknown_origin() -> None:
    assert "generation-period" not in made("dta")["provenance"]


def test_openlineage_events_and_our_facet_are_valid() -> None:
    event = made("openlineage")
    jsonschema.Draft202012Validator(standards.OPENLINEAGE).validate(event)
    facet = event["outputs"][0]["facets"]["provenance_origin"]
    jsonschema.Draft202012Validator(json.loads(FACET.read_text())).validate(facet)
    assert (19, 10, 7, 2) == tuple(facet[name] for name in ("records", "matched", "unknown", "skipped"))


@pytest.mark.parametrize("form", [name for name, one in FORMS.items() if one.needs_date])
def test_what_demands_a_date_gets_none_made_up(form: str) -> None:
    with pytest.raises(ValueError, match="demands"):
        FORMS[form].render(MIXED, Given())


@pytest.mark.parametrize("label", [MIXED, NOTHING], ids=["mixed", "nothing"])
def test_spdx_is_read_by_the_model_of_the_specification(label: Label) -> None:
    bindings = pytest.importorskip("spdx_python_model.bindings.v3_0_1", reason="spdx-python-model is not installed")
    objects = bindings.SHACLObjectSet()
    bindings.JSONLDDeserializer().read(io.BytesIO(FORMS["spdx"].render(label, SAID)), objects)
    datasets = list(objects.foreach_type(bindings.dataset_DatasetPackage))
    named = {one.name: one.dataset_datasetSize for one in datasets}
    assert label.totals.records == named[label.subject.name]
    assert len(label.subject.files) == len(list(objects.foreach_type(bindings.software_File)))
    assert not objects.missing_ids


def test_spdx_names_every_element_once_and_points_to_nothing_else() -> None:
    graph = made("spdx")["@graph"]
    known = [one["spdxId"] for one in graph if "spdxId" in one]
    assert len(set(known)) == len(known)
    pointed = [one["from"] for one in graph if "from" in one] + [to for one in graph for to in one.get("to", [])]
    assert set(pointed) <= set(known)
    models = {one["spdxId"] for one in graph if one["type"] == "ai_AIPackage"}
    assert models == {one["from"] for one in graph if one.get("relationshipType") == "generates"}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("label", [MIXED, NOTHING], ids=["mixed", "nothing"])
def test_croissant_is_valid_by_its_own_library(label: Label, tmp_path: Path) -> None:
    mlcroissant = pytest.importorskip("mlcroissant", reason="mlcroissant (pandas, scipy, rdflib) is not installed")
    file = tmp_path / "croissant.json"
    file.write_bytes(FORMS["croissant"].render(label, SAID))
    dataset = mlcroissant.Dataset(jsonld=str(file))
    assert not dataset.metadata.ctx.issues.errors
    assert [one.sha256 for one in label.subject.files] == [one.sha256 for one in dataset.metadata.distribution]


def test_the_ai_act_draft_says_that_it_is_one_and_what_section_2_5_does_not_cover() -> None:
    draft = made("ai-act-json")
    page = FORMS["ai-act"].render(MIXED, SAID).decode()
    assert draft["draft"].startswith("Draft")
    assert draft["draft"] in page
    assert draft["not_covered"] in page
    assert [5, 4, 1] == sorted((one["records"] for one in draft["models"]), reverse=True)
    assert {"unknown"} == {one["available_on_the_market"] for one in draft["models"]}


@settings(max_examples=50, deadline=None)
@given(labels)
def test_names_are_no_markup_in_what_is_markdown(label: Label) -> None:
    for form in ("ai-act", "huggingface"):
        body = FORMS[form].render(label, SILENT).decode().split("\n---\n", 1)[-1]
        page = MarkdownIt("commonmark").enable("table").render(body)
        assert not re.search(r"<(?:script|b|a|img)\b", page)


@pytest.mark.parametrize(
    "name", ["claude-2.1", "gpt-5.3-codex", "2026-02-23T12:56:03Z", "org/model:7b-v1.2 (beta)", "a, b; c? d = e"]
)
def test_a_name_without_markup_is_read_in_the_source_as_it_is(name: str) -> None:
    assert name == said.escaped(name)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("https://evil.example", "https&#58;//evil.example"),
        ("HTTP://evil.example", "HTTP&#58;//evil.example"),
        ("www.evil.example", "www&#46;evil.example"),
        ("mailto:a@b.example", "mailto&#58;a&#64;b.example"),
        (":skull:", "&#58;skull:"),
        ("<b>|**x**", "&#60;b&#62;&#124;&#42;&#42;x&#42;&#42;"),
        ("a\u202eb\nc", "a&#92;u202eb&#92;nc"),
    ],
)
def test_what_would_be_markup_or_a_link_is_written_out(name: str, shown: str) -> None:
    assert shown == said.escaped(name)
    visible = "".join(one if one.isprintable() else ascii(one)[1:-1] for one in name)
    assert f"<p>{visible}</p>" == html.unescape(MarkdownIt().render(shown)).strip()


def test_a_card_made_new_has_front_matter_that_parses() -> None:
    card = FORMS["huggingface"].render(MIXED, SAID).decode()
    front = yaml.safe_load(card.split("---\n")[1])
    assert ["machine-generated"] == front["language_creators"]
    assert 10 == front["provenance_label"]["matched"]
    assert "language_creators" not in yaml.safe_load(
        FORMS["huggingface"].render(NOTHING, SAID).decode().split("---\n")[1]
    )
