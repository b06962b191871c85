from __future__ import annotations

import pytest

from provenance.capture.origin import channel_of, instant, provider_of


@pytest.mark.parametrize(
    ("model", "provider"),
    [
        ("claude-opus-4-7", "anthropic"),
        ("claude-sonnet-4-5@20250929", "anthropic"),
        ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", "anthropic"),
        ("arn:aws:bedrock:us-east-1:1:inference-profile/us.anthropic.claude-opus-4-6-v1", "anthropic"),
        ("vertex_ai/claude-haiku-4-5", "anthropic"),
        ("gpt-5.3-codex-spark", "openai"),
        ("gpt-4.1", "openai"),
        ("gpt-oss:120b", "openai"),
        ("o3", "openai"),
        ("o4-mini", "openai"),
        ("codex-mini-latest", "openai"),
        ("ft:gpt-4o:acme::8abc", "openai"),
        ("openrouter/openai/gpt-5.5", "openai"),
        ("models/gemini-3-pro", "google"),
        ("accounts/fireworks/models/kimi-k2", "moonshot"),
        ("@cf/meta/llama-4-scout", "meta"),
        ("hf.co:Qwen/Qwen3-Coder", "alibaba"),
        ("deepseek-ai/DeepSeek-R1-Distill-Qwen-32B", "deepseek"),
        ("grok-code-fast-1", "xai"),
        ("MiniMax-M2.5", "minimax"),
        ("glm-4.6", "zhipu"),
        ("phi-4", "microsoft"),
        ("devstral-small", "mistral"),
    ],
)
def test_the_maker_is_told_by_the_model_id_whatever_stands_before_it(model: str, provider: str) -> None:
    assert provider == provider_of(model)


@pytest.mark.parametrize(
    "model",
    ["", "unknown", "my-deployment", "gpt-j-6b", "gptzero", "claudette", "opus", "o365", "novaskill", "<synthetic>"],
)
def test_an_id_of_no_known_family_is_unknown(model: str) -> None:
    assert "unknown" == provider_of(model)


@pytest.mark.parametrize(
    ("message", "model", "channel"),
    [
        ("msg_bdrk_01", "claude-opus-4-6", "bedrock"),
        ("msg_vrtx_01", "claude-opus-4-6", "vertex"),
        ("msg_01", "us.anthropic.claude-opus-4-6-v1", "bedrock"),
        ("", "arn:aws:bedrock:eu-west-1:1:inference-profile/eu.anthropic.claude-opus-4-6", "bedrock"),
        ("", "claude-sonnet-4-5@20250929", "vertex"),
        ("msg_01", "claude-opus-4-6", "unknown"),
        ("", "", "unknown"),
    ],
)
def test_the_channel_is_told_where_an_id_spells_it_out(message: str, model: str, channel: str) -> None:
    assert channel == channel_of(message, model)


@pytest.mark.parametrize(
    ("recorded", "expected"),
    [
        ("2026-03-25T09:00:00.123Z", "2026-03-25T09:00:00.123Z"),
        ("2026-03-25T09:00:00Z", "2026-03-25T09:00:00.000Z"),
        ("2026-03-25T11:00:00.5+02:00", "2026-03-25T09:00:00.500Z"),
        ("2026-03-25 09:00:00", "2026-03-25T09:00:00.000Z"),
        (1774429200, "2026-03-25T09:00:00.000Z"),
        (1774429200500, "2026-03-25T09:00:00.500Z"),
        ("yesterday", "unknown"),
        ("", "unknown"),
        (None, "unknown"),
        (True, "unknown"),
        (float("inf"), "unknown"),
        (10**30, "unknown"),
        ("0001-01-01T00:00:00+23:59", "unknown"),
        ([], "unknown"),
    ],
)
def test_a_time_is_one_form_in_utc_or_unknown(recorded: object, expected: str) -> None:
    assert expected == instant(recorded)


def test_times_sort_as_text_however_they_were_recorded() -> None:
    inorder = [
        "2026-01-01T00:00:00Z",
        "2026-01-01T00:00:00.5Z",
        "2026-01-01T02:00:01+02:00",
        "2026-01-01T00:00:01.001Z",
    ]
    assert [instant(time) for time in inorder] == sorted(map(instant, inorder))
    assert "unknown" == max([*map(instant, inorder), "unknown"])
