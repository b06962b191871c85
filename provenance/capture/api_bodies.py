"""Bodies of the Anthropic Messages API: what Claude Code writes to a folder, and single responses. No text is guessed.

``OTEL_LOG_RAW_API_BODIES=file:<folder>`` (code.claude.com/docs/en/monitoring-usage, Claude Code 2.1.274 and later)
writes ``<uuid>.request.json``, ``<request id>.response.json`` and, for each successful response, a line of
``index.jsonl``: ``timestamp, session_id, query_source, model, request_id, message_id, message_uuid, request_file,
response_file``. Thinking is ``<REDACTED>`` there. A tool call has the id, path and ordinal that the transcript of its
session gives it, so that both are one ingredient; a text has the transcript's id where its message is that one block.

A single response (Messages API, ``anthropic-version: 2023-06-01``), whole or as the server-sent events of a stream,
says neither the tool nor the session: both are unknown.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from provenance.capture import messages
from provenance.capture.messages import Exchange, Log, Message
from provenance.capture.origin import channel_of, instant, provider_of
from provenance.capture.session import Event, Tally, decoded, dict_of, list_of, records, strings, text_of
from provenance.errors import CaptureError
from provenance.model import UNKNOWN, Origin

TOOL = "api-bodies"
"""What the reader is called. ``Origin.tool`` is ``claude-code`` for a folder, else unknown."""
CLAUDE_CODE = "claude-code"
INDEX = "index.jsonl"
KEYS = frozenset({"session_id", "request_id", "request_file", "response_file"})
"""Keys that every line of an index has."""
LONGEST_BODY = 256 << 20
SUMMARIES = frozenset({"compact", "away_summary", "agent_summary"})
"""Sources of a query whose answer is a summary."""

_STREAM = re.compile(r"\s*(?:event: ?message_start\s+)?data: ?\{\s*\"type\": ?\"message_start\"")


class Request(NamedTuple):
    """The body of a request."""

    context: tuple[str, ...]
    messages: tuple[Message, ...]
    cwd: str
    """The folder that Claude Code names in its instructions; empty where it names none."""
    session: str
    """The session that Claude Code names in the metadata; empty where it names none."""


def recognise(record: dict[str, Any]) -> bool:
    """Whether a record is a response of the Messages API, or the event that begins one."""
    body = dict_of(record.get("message")) if record.get("type") == "message_start" else record
    return (
        body.get("type") == "message"
        and body.get("role") == "assistant"
        and isinstance(body.get("content"), list)
        and isinstance(body.get("model"), str)
        and ("stop_reason" in body or "usage" in body)
    )


def recognise_text(head: str) -> bool:
    """Whether a text is the server-sent events of a response."""
    return _STREAM.match(head) is not None


def read(lines: Iterable[bytes], tally: Tally) -> list[Event]:
    """The events of single responses: a body, bodies one a line, or the server-sent events of streams."""
    tally.assistant = TOOL
    log = Log(tally)
    for body in _bodies(records(_data(lines), tally), tally):
        log.add(_response(body, Request((), (), "", ""), Origin(), {}, tally))
    return list(log.events())


def recognise_folder(path: Path) -> bool:
    """Whether a folder holds bodies that Claude Code wrote, by the first line of its index."""
    try:
        if not (path / INDEX).is_file():
            return False
        with (path / INDEX).open("rb") as file:
            first = decoded(file.readline(1 << 20))
    except OSError:
        return False
    return isinstance(first, dict) and first.keys() >= KEYS


def read_folder(path: Path, tally: Tally) -> list[Event]:
    """The events of a folder of bodies, by way of its index; responses that the index does not name come last.

    A body that is missing or is no JSON object is counted as broken. Raises CaptureError where the index cannot be
    read.
    """
    tally.assistant = TOOL
    log = Log(tally)
    named: set[str] = set()
    try:
        if not (path / INDEX).is_file():
            raise CaptureError(f"{path / INDEX}: no such file (Claude Code 2.1.274 and later write it)")
        with (path / INDEX).open("rb") as file:
            for line in records(file, tally):
                if not line.keys() >= KEYS:
                    tally.stranger("index line")
                    continue
                named.add(_name(line["response_file"]))
                log.add(_indexed(path, line, tally))
        others = sorted(one for one in path.glob("*.response.json") if one.name not in named)
    except OSError as error:
        raise CaptureError(f"{path / INDEX}: {error.strerror or error} (check the file and its permissions)") from error
    for one in others:
        body = _body(one, tally)
        log.add(_response(body, Request((), (), "", ""), Origin(tool=CLAUDE_CODE), {}, tally))
    return list(log.events())


def request_of(body: dict[str, Any], tally: Tally) -> Request:
    """What the body of a request shows the model."""
    context = (*strings(_texts(body.get("system"))), *strings(body.get("tools")))
    sent = tuple(messages.message(one, tally) for one in list_of(body.get("messages")))
    session = messages.claude_session(text_of(dict_of(body.get("metadata")).get("user_id")))
    return Request(context, sent, messages.claude_folder(context, sent), session)


def kind_of(source: Any) -> str:
    """What the answer to a query is, by the source that Claude Code names for it."""
    return "summary" if text_of(source) in SUMMARIES else "prose"


def _texts(system: Any) -> list[str]:
    return [system] if isinstance(system, str) else [text_of(dict_of(one).get("text")) for one in list_of(system)]


def _indexed(folder: Path, line: dict[str, Any], tally: Tally) -> Exchange:
    sent = request_of(_body(folder / _name(line["request_file"]), tally), tally)
    body = _body(folder / _name(line["response_file"]), tally)
    session = text_of(line.get("session_id")) or sent.session or UNKNOWN
    model = text_of(line.get("model")) or UNKNOWN
    origin = Origin(model=model, tool=CLAUDE_CODE, session=session, time=instant(line.get("timestamp")))
    return _response(body, sent, origin, line, tally)


def _response(body: dict[str, Any], sent: Request, known: Origin, line: dict[str, Any], tally: Tally) -> Exchange:
    """The call of which this is the response."""
    id = text_of(body.get("id")) or text_of(line.get("message_id"))
    model = text_of(body.get("model")) or known.model
    answer = messages.answers(body, tally)
    # A transcript has a row for each block, and the index the id of one row.
    is_one = len(answer) == 1 and len(answer[0].parts) == 1
    return Exchange(
        origin=Origin(
            provider=provider_of(model),
            model=model,
            tool=known.tool,
            channel=channel_of(id, model),
            session=known.session,
            time=known.time,
        ),
        id=(text_of(line.get("message_uuid")) if is_one else "") or id,
        context=sent.context,
        request=sent.messages,
        answers=answer,
        at="" if known.time == UNKNOWN else known.time,
        cwd=sent.cwd,
        kind=kind_of(line.get("query_source")),
    )


def _name(recorded: Any) -> str:
    """The name of a file that the index names, with or without folders: it lies in the index's own."""
    return re.split(r"[/\\]", text_of(recorded))[-1] or "(none)"


def _body(path: Path, tally: Tally) -> dict[str, Any]:
    """The object in a file; empty, and counted, where there is none."""
    tally.records += 1
    body = b""
    with contextlib.suppress(OSError, ValueError):  # ValueError: a name with a zero byte
        if path.is_file():
            with path.open("rb") as file:
                body = file.read(LONGEST_BODY)
    found = decoded(body)
    tally.broken += not isinstance(found, dict)
    return dict_of(found)


def _data(lines: Iterable[bytes]) -> Iterator[bytes]:
    """The data of server-sent events; of any other text, its lines."""
    for line in lines:
        bare = line.lstrip(b" \t\r\n\xef\xbb\xbf")
        if bare.startswith(b"data:"):
            if bare[5:].strip() != b"[DONE]":
                yield bare[5:]
        elif not bare.startswith((b"event:", b"id:", b"retry:", b":")):
            yield line


def _bodies(found: Iterable[dict[str, Any]], tally: Tally) -> Iterator[dict[str, Any]]:
    """Whole responses, and those put together from the events of a stream; a stream that was cut counts as it is."""
    body: dict[str, Any] = {}
    places: dict[str, dict[str, Any]] = {}
    for record in found:
        kind = text_of(record.get("type"))
        if kind == "message_start":
            if body:
                yield _whole(body)
            body = {**dict_of(record.get("message")), "content": []}
            places = {}
        elif kind == "content_block_start" and body:
            block = {**dict_of(record.get("content_block")), "pieces": []}
            places[str(record.get("index"))] = block
            body["content"].append(block)
        elif kind == "content_block_delta" and body:
            pieces = dict_of(places.get(str(record.get("index")))).get("pieces")
            list_of(pieces).append(dict_of(record.get("delta")))
        elif kind == "message":
            yield record
        elif kind not in ("content_block_stop", "message_delta", "message_stop", "ping", "error"):
            tally.stranger(kind)
    if body:
        yield _whole(body)


def _whole(body: dict[str, Any]) -> dict[str, Any]:
    """A response with the pieces of its blocks joined."""
    blocks = []
    for block in body["content"]:
        given = "".join(text_of(piece.get("partial_json")) for piece in block["pieces"])
        joined: dict[str, Any] = {
            key: text_of(block.get(key)) + "".join(text_of(piece.get(key)) for piece in block["pieces"])
            for key in ("text", "thinking")
            if key == text_of(block.get("type"))
        }
        if given:
            joined["input"] = messages.arguments(given)
        blocks.append({**block, **joined})
    return {**body, "type": "message", "role": "assistant", "content": blocks}
