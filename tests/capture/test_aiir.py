"""AIIR receipts: what was declared is declared, what AIIR guessed is a guess."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provenance.capture import aiir
from provenance.capture.session import Tally
from provenance.model import UNKNOWN, Evidence


def receipt(*signals: str, attested: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """A receipt as aiir 1.7.0 writes it."""
    return {
        "type": "aiir.commit_receipt",
        "schema": "aiir/commit_receipt.v2",
        "version": "1.7.0",
        "commit": {"sha": "a" * 40, "author": {"name": "Ada", "date": "2026-03-04T05:06:07+01:00"}},
        "ai_attestation": {"is_ai_authored": bool(signals) or bool(attested), "signals_detected": list(signals)},
        "extensions": {"agent_attestation": attested} if attested else {},
        **more,
    }


def parsed(*values: Any) -> tuple[list[aiir.Receipt], Tally]:
    tally = Tally()
    return aiir.parse([json.dumps(value).encode() for value in values], tally), tally


@pytest.mark.parametrize(
    ("signals", "evidence", "tool", "provider"),
    [
        (["message_match:co-authored-by: cursor"], Evidence.DECLARED, "cursor", UNKNOWN),
        (
            ["message_match:claude code", "message_match:co-authored-by: claude"],
            Evidence.DECLARED,
            UNKNOWN,
            "anthropic",
        ),
        (["trailer:assisted-by"], Evidence.DECLARED, UNKNOWN, UNKNOWN),
        (["message_match:claude code"], Evidence.HEURISTIC, UNKNOWN, UNKNOWN),
        (["author_name_bot:copilot"], Evidence.HEURISTIC, UNKNOWN, UNKNOWN),
        (["message_match:tabnine"], Evidence.HEURISTIC, UNKNOWN, UNKNOWN),
    ],
)
def test_a_receipt_is_as_good_as_what_it_rests_on(
    signals: list[str], evidence: Evidence, tool: str, provider: str
) -> None:
    (found,), _ = parsed(receipt(*signals))
    assert ("a" * 40, evidence, tool, provider) == (
        found.commit,
        found.evidence,
        found.origin.tool,
        found.origin.provider,
    )
    assert found.origin.time == "2026-03-04T04:06:07.000Z"


def test_an_attestation_of_the_agent_is_a_declaration_and_names_the_origin() -> None:
    about = {"tool_id": "claude-code", "model_class": "claude-opus-4-5", "session_id": "s-1", "tool_version": "2.1"}
    (found,), _ = parsed(receipt("message_match:claude code", attested={**about, "confidence": "declared"}))
    assert found.evidence == Evidence.DECLARED
    assert ("claude-code", "anthropic", "claude-opus-4-5", "s-1", "2.1") == (
        found.origin.tool, found.origin.provider, found.origin.model, found.origin.session, found.origin.version,
    )  # fmt: skip
    (guess,), _ = parsed(receipt("message_match:claude code", attested={**about, "confidence": "inferred"}))
    assert guess.evidence == Evidence.HEURISTIC


def test_a_receipt_that_calls_a_commit_a_persons_says_nothing() -> None:
    found, tally = parsed(receipt())
    assert ([], 1, {}) == (found, tally.records, tally.unknown)


def test_other_records_are_counted_and_not_receipts() -> None:
    found, tally = parsed(
        receipt("trailer:ai-model", type="aiir.review_receipt"),
        {"contract_version": "aiir/agent_receipt.v0.1", "actor": {}},
        receipt("trailer:ai-model", commit={"sha": "HEAD; rm"}),
        [1],
    )
    assert [] == found
    assert ({"aiir/agent_receipt.v0.1": 1}, 2) == (tally.unknown, tally.broken)


KEYS = "sha author date signals_detected agent_attestation is_ai_authored model_class".split()
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.sampled_from(["trailer:x", "a" * 40]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=300, deadline=None)
@given(JSON, st.sampled_from(["type", "commit", "ai_attestation", "extensions"]))
def test_any_json_is_read_or_counted(value: Any, place: str) -> None:
    for one in (value, {**receipt("trailer:ai-model", attested={"tool_id": "x"}), place: value}):
        found, tally = parsed(one)
        assert all(len(each.commit) >= 40 for each in found)
        assert all(name.isprintable() for name in tally.unknown)
