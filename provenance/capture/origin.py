"""What a recorded model id says about its maker and channel. It guesses nothing: an id it does not know is unknown."""

from __future__ import annotations

import re

from provenance.model import UNKNOWN

FAMILIES = (
    # The makers' own names of their model families (their model lists, read 2026-11).
    ("anthropic", r"claude"),
    ("openai", r"gpt|chatgpt|codex|o[1-9](?:-|$)|text-davinci|davinci"),
    ("google", r"gemini|gemma|palm|bison|learnlm"),
    ("xai", r"grok"),
    ("meta", r"llama|codellama|muse"),
    ("mistral", r"mistral|mixtral|codestral|devstral|magistral|ministral|pixtral"),
    ("alibaba", r"qwen|qwq"),
    ("deepseek", r"deepseek"),
    ("moonshot", r"kimi|moonshot"),
    ("zhipu", r"glm|chatglm"),
    ("minimax", r"minimax|abab"),
    ("amazon", r"nova|titan"),
    ("cohere", r"command|c4ai"),
    ("ibm", r"granite"),
    ("microsoft", r"phi-"),
    ("nvidia", r"nemotron"),
)
_FAMILIES = tuple((provider, re.compile(rf"(?:{pattern})", re.IGNORECASE)) for provider, pattern in FAMILIES)
_PREFIX = re.compile(r"^(?:[a-z0-9-]+[./])+", re.IGNORECASE)


def provider_of(model: str) -> str:
    """The maker of a recorded model id, with any vendor or region prefix (``us.anthropic.claude-...``) left aside."""
    if model == UNKNOWN:
        return UNKNOWN
    # "gpt-4.1" holds a dot too, so the id as it stands is tried first.
    for name in (model, _PREFIX.sub("", model)):
        for provider, pattern in _FAMILIES:
            if pattern.match(name):
                return provider
    return UNKNOWN


def channel_of(message_id: str, model: str) -> str:
    """The channel that a message id or model id spells out (``msg_bdrk_...``, ``us.anthropic...``), else unknown."""
    if message_id.startswith("msg_bdrk_") or re.match(r"^(?:(?:us|eu|apac|global)\.)?anthropic\.", model):
        return "bedrock"
    if message_id.startswith("msg_vrtx_") or re.match(r"^claude-[\w.-]+@\d", model):
        return "vertex"
    return UNKNOWN
