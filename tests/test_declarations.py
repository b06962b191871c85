"""What the columns beside a text say of its origin: whose answers a model's name declares, and what it does not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from provenance import dataset, declarations
from tests.capture.mutating import JSON, examples


def told(tmp_path: Path, *rows: Any, form: str = "jsonl") -> list[tuple[int, str, str, str]]:
    """Row, field, maker and model of every declaration in a dataset of these rows."""
    file = tmp_path / f"d.{form}"
    if form == "parquet":
        pq.write_table(pa.Table.from_pylist(list(rows)), file)
    else:
        file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = []
    for unit in dataset.plan([str(file)]).units:
        for batch in dataset.read(unit):
            for number, signals in declarations.of(batch.texts).items():
                texts = batch.texts[number]
                for at, one in signals.items():
                    field = dataset.field_of(texts, at)
                    found.append((int(texts.rows[at]), field, one.provider, one.model))
    return sorted(found)


GPT4 = ("openai", "gpt-4-0613")


def turns(*said: str, **more: str) -> list[dict[str, str]]:
    return [
        {"role": "assistant" if at % 2 else "user", "content": text, **(more if at % 2 else {})}
        for at, text in enumerate(said)
    ]


@pytest.mark.parametrize("form", ["jsonl", "parquet"])
@pytest.mark.parametrize(
    ("row", "fields"),
    [
        ({"model": "gpt-4-0613", "prompt": "Why?", "response": "So."}, ["response"]),
        ({"generator": "gpt-4-0613", "instruction": "Why?", "output": "So."}, ["output"]),
        ({"model": "gpt-4-0613", "conversation": turns("Why?", "So.", "Yes?", "Yes.")},
         ["conversation[1].content", "conversation[3].content"]),
        ({"model": "gpt-4-0613",
          "conversations": [{"from": "human", "value": "Why?"}, {"from": "gpt", "value": "So."}]},
         ["conversations[1].value"]),
        ({"messages": [{"role": "user", "content": "Why?", "model": ""},
                       {"role": "assistant", "content": "So.", "model": "gpt-4-0613"}]}, ["messages[1].content"]),
        ({"completions": [{"model": "mine", "response": "No."}, {"model": "gpt-4-0613", "response": "So."}]},
         ["completions[1].response"]),
        ({"model_a": "gpt-4-0613", "model_b": "mine", "conversation_a": turns("Why?", "So."),
          "conversation_b": turns("Why?", "No.")}, ["conversation_a[1].content"]),
        ({"chosen": "So.", "chosen_model": "gpt-4-0613", "rejected": "No.", "rejected_model": "mine"}, ["chosen"]),
        ({"model": "gpt-4-0613", "text": "Words."}, ["model"]),
    ],
)  # fmt: skip
def test_a_models_name_declares_the_answers_of_its_record_and_no_others(
    tmp_path: Path, row: dict[str, Any], fields: list[str], form: str
) -> None:
    assert [(0, field, *GPT4) for field in fields] == told(tmp_path, row, form=form)


@pytest.mark.parametrize(
    "row",
    [
        {"messages": turns("Why?", "So.")},
        {"conversations": [{"from": "human", "value": "Why?"}, {"from": "gpt", "value": "So."}]},
        {"judge_model": "gpt-4-0613", "response": "So."},
        {"embedding_model": "gpt-4-0613", "text": "Words."},
        {"model": "our-own-7b", "response": "So."},
        {"model": None, "response": "So."},
        {"model": "Corolla", "answer": "A car."},
        {"model": "Nova SS", "answer": "A car."},
        {"model": "Titan", "answer": "A car."},
        {"model": "command-line", "output": "$"},
        {"model": "Claude Monet", "answer": "A painter."},
        {"model": "gpt-4-0613 wrote this and much more " * 20, "response": "So."},
        {"model_response": "gpt-4-0613"},
        {"remodel": "gpt-4-0613", "models": ["gpt-4-0613"], "response": "So."},
    ],
)
def test_roles_alone_other_peoples_models_and_look_alikes_declare_nothing(tmp_path: Path, row: dict[str, Any]) -> None:
    assert [] == told(tmp_path, row)


@pytest.mark.parametrize(
    ("name", "provider"),
    [
        ("gpt-3.5-turbo", "openai"),
        ("GPT-4 Turbo", "openai"),
        ("ChatGPT", "openai"),
        ("o1-mini", "openai"),
        ("text-davinci-003", "openai"),
        ("openai/gpt-4o", "openai"),
        ("claude-instant", "anthropic"),
        ("Claude 3.5 Sonnet", "anthropic"),
        ("us.anthropic.claude-3-opus-20240229-v1:0", "anthropic"),
        ("gemini-pro", "google"),
        ("meta-llama/Llama-3.1-70B-Instruct", "meta"),
        ("mistralai/Mixtral-8x7B-Instruct-v0.1", "mistral"),
        ("phi-3-mini", "microsoft"),
    ],
)
def test_names_are_told_as_datasets_spell_them(name: str, provider: str) -> None:
    assert (provider, name) == declarations.model_of(name.encode())


def test_every_row_is_declared_by_its_own_models_name(tmp_path: Path) -> None:
    rows = [{"model": name, "response": "So."} for name in ("gpt-4-0613", "mine", "claude-3-opus-20240229", None)]
    assert [(0, "response", *GPT4), (2, "response", "anthropic", "claude-3-opus-20240229")] == told(tmp_path, *rows)


KEYS = st.sampled_from(["model", "role", "content", "response", "messages", "chosen", "chosen_model", "from", "value"])
VALUES = st.sampled_from(["gpt-4-0613", "assistant", "So.", "", None, 7]) | JSON


@examples(60)
@given(
    st.lists(
        st.dictionaries(KEYS, VALUES | st.lists(st.dictionaries(KEYS, VALUES, max_size=4), max_size=3)), max_size=3
    )
)
def test_rows_of_any_shape_give_declarations_of_their_texts_and_no_error(
    tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, Any]]
) -> None:
    for row, field, provider, model in told(tmp_path_factory.mktemp("d"), *rows):
        assert row < len(rows)
        assert field.partition("[")[0].partition(".")[0] in rows[row]
        assert declarations.model_of(model.encode()) == (provider, model)
