"""Call logs of the LiteLLM gateway (1.109.1): ``StandardLoggingPayload`` and rows of its spend log, as events.

Fields after ``litellm/types/utils.py`` (StandardLoggingPayload), ``litellm/proxy/_types.py`` (SpendLogsPayload) and
docs.litellm.ai/docs/proxy/logging_spec: one record a call, an array or JSON lines, bare or inside a callback's
``standard_logging_object``.

- ``messages`` are what the call was sent and ``response`` is what the model wrote; see ``messages`` for the words of
  the assistant that requests repeat.
- ``model`` is the deployment's, which the gateway puts its own alias over in ``response.model``; the maker is told by
  the model id. ``custom_llm_provider`` is a channel (``bedrock``, ``azure``, ``vertex``), or the maker where the id
  says nothing. "openai" with another host is any server of that protocol, hence no maker.
- ``cache_hit``: the text is of an earlier call; it keeps that call's id, and its time is unknown.
- The tool is what ``user_agent`` names, else unknown. Claude Code's own session and folder are read where its request
  names them, so that a tool call in the log and in the transcript is one ingredient.
- Redacted responses and those that the spend log cut are counted.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from provenance.capture import messages
from provenance.capture.messages import Exchange, Log, arguments
from provenance.capture.origin import channel_of, instant
from provenance.capture.session import Event, Tally, dict_of, list_of, records, strings, text_of
from provenance.model import UNKNOWN, Origin

TOOL = "litellm"
"""What the reader is called; the gateway is no assistant, so it is no ``Origin.tool``."""

MARKS = frozenset({"litellm_call_id", "model_map_information", "saved_cache_cost", "custom_llm_provider", "api_base"})
"""Fields of which a payload has two at least."""
NEEDED = frozenset({"call_type", "model", "response"})
CUT = "litellm_truncated"
AGENTS = (
    ("claude-code", re.compile(r"claude-cli/([\w.-]+)")),
    ("codex", re.compile(r"codex[_-](?:cli_rs|exec|tui|vscode)/([\w.-]+)")),
    ("gemini-cli", re.compile(r"GeminiCLI(?:-[\w.-]+)?/v?([\w.-]+)")),
    ("opencode", re.compile(r"opencode/([\w.-]+)")),
    ("github-copilot", re.compile(r"GitHubCopilotChat/([\w.-]+)")),
)
"""Names that assistants give in ``User-Agent``, with their version."""
SILENT_CALLS = re.compile(r"embedding|rerank|moderation|image|speech|transcription|ocr|list_|retrieve|delete|health")


def recognise(record: dict[str, Any]) -> bool:
    """Whether a record is the log of one call."""
    return bool(_payload(record))


def read(lines: Iterable[bytes], tally: Tally) -> list[Event]:
    """The events of a log: by session, and in a session by time."""
    tally.assistant = TOOL
    log = Log(tally)
    for record in records(lines, tally):
        payload = _payload(record)
        if payload:
            log.add(_exchange(payload, tally))
        else:
            tally.stranger("record")
    return list(log.events())


def _payload(record: dict[str, Any]) -> dict[str, Any]:
    """The payload in a record, bare or wrapped; empty where there is none."""
    around = (record, dict_of(record.get("kwargs")))
    for one in (record, *(dict_of(outer.get("standard_logging_object")) for outer in around)):
        if isinstance(one.get("call_type"), str) and one.keys() >= NEEDED and len(MARKS & one.keys()) > 1:
            return one
    return {}


def _exchange(payload: dict[str, Any], tally: Tally) -> Exchange:
    body = dict_of(arguments(payload.get("proxy_server_request")))
    body = dict_of(body.get("body")) or body
    sent = arguments(payload.get("messages")) or body.get("messages") or body.get("input")
    system = [part for key in ("system", "instructions", "tools") for part in strings(body.get(key))]
    parameters = dict_of(payload.get("model_parameters"))
    system += [part for key in ("system", "instructions", "tools") for part in strings(parameters.get(key))]
    if isinstance(sent, dict) and "role" not in sent:
        # The native form of an API, as Gemini's {"contents": [...]}, or none that is known.
        system += [part for key, value in sent.items() if key != "contents" for part in strings(value)]
        sent = sent.get("contents")
    response = arguments(payload.get("response"))
    if any(CUT in text for text in strings(response)):
        tally.stranger(CUT)
    # Vectors, pictures and speech are no text of a model.
    is_text = not SILENT_CALLS.search(text_of(payload.get("call_type")))
    if payload.get("status") == "failure" and isinstance(response, str):
        is_text = False  # the gateway's own words
    at = instant(payload.get("startTime"))
    is_cached = payload.get("cache_hit") in (True, "True", "true")
    id = text_of(dict_of(response).get("id"))
    origin = _origin(payload, body, UNKNOWN if is_cached else at)
    request = tuple(messages.message(one, tally) for one in (sent if isinstance(sent, list) else [sent]) if one)
    return Exchange(
        origin=origin,
        id=id or (text_of(payload.get("id")) or text_of(payload.get("request_id"))).split("_cache_hit")[0],
        context=tuple(system),
        request=request,
        answers=messages.answers(response, tally) if is_text else (),
        at="" if at == UNKNOWN else at,
        cwd=messages.claude_folder(system, request) if origin.tool == "claude-code" else "",
    )


def _origin(payload: dict[str, Any], body: dict[str, Any], time: str) -> Origin:
    model = text_of(payload.get("model")) or text_of(dict_of(payload.get("response")).get("model")) or UNKNOWN
    service = text_of(payload.get("custom_llm_provider"))
    base = text_of(payload.get("api_base"))
    if service == "openai" and base and "openai.com" not in base:
        service = ""
    provider, channel = messages.origin_of(service, model)
    if channel == UNKNOWN:
        channel = channel_of(text_of(dict_of(arguments(payload.get("response"))).get("id")), model)
    metadata = dict_of(arguments(payload.get("metadata")))
    tool, version = _agent(payload, metadata)
    session = text_of(payload.get("session_id")) or text_of(payload.get("trace_id")) or UNKNOWN
    if tool == "claude-code":
        users = (
            payload.get("end_user"),
            metadata.get("user_api_key_end_user_id"),
            dict_of(metadata.get("requester_metadata")).get("user_id"),
            dict_of(body.get("metadata")).get("user_id"),
        )
        session = next((found for user in users if (found := messages.claude_session(text_of(user)))), session)
    return Origin(
        provider=provider,
        model=model,
        tool=tool,
        version=version,
        channel=channel,
        session=session,
        time=time,
    )


def _agent(payload: dict[str, Any], metadata: dict[str, Any]) -> tuple[str, str]:
    """The assistant that made the call and its version, by the ``User-Agent`` that it gave."""
    tags = [tag for tag in list_of(arguments(payload.get("request_tags"))) if text_of(tag).startswith("User-Agent: ")]
    for given in (payload.get("user_agent"), metadata.get("user_agent"), *tags):
        for tool, pattern in AGENTS:
            if found := pattern.search(text_of(given)[:500]):
                return tool, found[1]
    return UNKNOWN, UNKNOWN
