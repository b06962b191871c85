"""What a recorded model id says about its maker and channel, and a recorded time about the instant.

It guesses nothing: an id that it does not know is unknown, and so is a time that is none.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator

from provenance.words import UNKNOWN

FAMILIES = (
    # The makers' own names of their model families (their model lists, read 2026-11).
    ("anthropic", r"claude"),
    ("openai", r"gpt(?=-?\d|-oss|-image|-realtime|-audio)|chatgpt|codex|o[1-9](?=-|$)|(?:text-)?davinci"),
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
    ("microsoft", r"phi"),
    ("nvidia", r"nemotron"),
)
PROVIDERS = frozenset(provider for provider, _ in FAMILIES)
_BREAK = re.compile(r"[/:.]")


@functools.lru_cache(1000)
def provider_of(model: str) -> str:
    """The maker of a recorded model id, with any vendor, region or account before it left aside.

    ``us.anthropic.claude-...``, ``openrouter/openai/gpt-...``, ``ft:gpt-...``, ``arn:aws:bedrock:...``.
    """
    if model == UNKNOWN:
        return UNKNOWN
    # "gpt-4.1" holds a dot too, so the id as it stands is tried first.
    for name in _tails(model[:500]):
        for provider, pattern in FAMILIES:
            if re.match(rf"(?:{pattern})(?![a-z])", name, re.IGNORECASE):
                return provider
    return UNKNOWN


def _tails(model: str) -> Iterator[str]:
    yield model
    yield from (model[found.end() :] for found in _BREAK.finditer(model))


def channel_of(message_id: str, model: str) -> str:
    """The channel that a message id or model id spells out (``msg_bdrk_...``, ``us.anthropic...``), else unknown."""
    if message_id.startswith("msg_bdrk_") or re.match(r"(?:arn:aws[\w-]*:bedrock:|(?:\w+\.)?anthropic\.)", model):
        return "bedrock"
    if message_id.startswith("msg_vrtx_") or re.match(r"claude-[\w.-]+@\d", model):
        return "vertex"
    return UNKNOWN


def instant(recorded: object) -> str:
    """A recorded time as ISO 8601 in UTC with milliseconds, so that times sort as text; else unknown.

    Records have text (without a zone: UTC, as both tools write) or the seconds or milliseconds since 1970.
    """
    from datetime import UTC, datetime

    try:
        if isinstance(recorded, str):
            time = datetime.fromisoformat(recorded.strip())
            time = time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
        elif isinstance(recorded, int | float) and not isinstance(recorded, bool):
            time = datetime.fromtimestamp(recorded / 1000 if recorded > 1e11 else recorded, UTC)
        else:
            return UNKNOWN
    except (ValueError, OverflowError, OSError):
        return UNKNOWN
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")
