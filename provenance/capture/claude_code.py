"""Claude Code transcripts (``projects/<folder>/<session>.jsonl``, 1.0.98 to 2.1.329): records to events.

The record format is internal to the tool and undocumented; the shapes here were read from its published types
and from sessions of many versions. ``claude -p --output-format stream-json`` writes nearly the same records. It
decides nothing about novelty.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import xxhash

from provenance.capture import claude_calls as calls
from provenance.capture import shapes
from provenance.capture.origin import channel_of, instant, provider_of
from provenance.capture.session import (
    EDIT_KINDS,
    Event,
    Shown,
    Tally,
    Wrote,
    dict_of,
    list_of,
    records,
    strings,
    text_of,
)
from provenance.model import UNKNOWN, Origin, Status

TOOL = "claude-code"

CONVERSATION = frozenset({"user", "assistant", "system", "attachment", "progress"})
BOOKKEEPING = frozenset(
    """summary custom-title ai-title agent-name agent-color agent-setting tag mode permission-mode memory-mode repl-mode
    last-prompt continued-in ended-by-model derived-from relocated worktree-state cost-state tools-used session-owner
    isolation-latch atis-latch dev-mods bridge-session history-suppression observer-ref frame-link pr-link
    queue-operation resume-head-vouch fork-context-ref hybrid-organization artifact-comment-monitor
    artifact-autoreact-ledger file-history-snapshot file-history-delta content-replacement attribution-snapshot
    data-flow-records data-flow-incomplete api-request api-request-shape api-request-blob api-request-resumed""".split()
)
"""Record types that carry no text of the conversation (types of 2.1.329)."""
OWN = frozenset({"sessionId", "parentUuid", "messageId", "leafUuid", "isSidechain", "forkedFrom"})
ENVELOPE = OWN | {"session_id"}
"""Fields of which a record of this format has one at least."""
BLOCKS = frozenset(
    """text thinking redacted_thinking tool_use server_tool_use mcp_tool_use tool_result image document fallback
    web_search_tool_result web_fetch_tool_result mcp_tool_result tool_reference""".split()
)

AMBIGUOUS = frozenset({"WebFetch"})
"""Results that a small model wrote about a page: neither shown text nor an output we can name the model of."""
CHANGES = frozenset({"structuredPatch", "newString", "oldString", "gitDiff", "updated_file"})
"""Fields of a ``toolUseResult`` that say a file was changed, whatever the tool is called."""

REFUSED = re.compile(
    r"\s*(?:<tool_use_error>|Error: )?(?:User rejected tool use|The user doesn't want to"
    r"|Permission to use \S+ (?:with|has)|Claude requested permissions? to|\[Request interrupted by user)"
)
NOTIFICATION = re.compile(r"\s*<task-notification>")
NOTIFIED = re.compile(r"<result>(.*)</result>", re.DOTALL)
NOTIFIERS = (re.compile(r"<tool-use-id>([^<]{12,})</"), re.compile(r"<task-id>([^<]+)</"))


class Result(NamedTuple):
    """What became of a tool call."""

    status: Status
    details: dict[str, Any]
    """``toolUseResult`` where it is an object."""


def recognise(record: dict[str, Any]) -> bool:
    """Whether a first record is of this format."""
    kind = text_of(record.get("type"))
    if "payload" in record:
        return False
    if kind in ("user", "assistant"):
        message = dict_of(record.get("message"))
        named = not (OWN | {"uuid", "cwd", "parent_tool_use_id"}).isdisjoint(record)
        # Of other programs' records with these types: Qwen Code's messages have parts, Cursor's stream no model.
        return "content" in message and (named or ("session_id" in record and "model" in message))
    if "systemPayload" in record or ("apiKeySource" in record and "tools" not in record):
        return False  # Qwen Code's own records, and the head of the Cursor CLI's stream
    return (kind in CONVERSATION or kind in BOOKKEEPING) and not ENVELOPE.isdisjoint(record)


def read(lines: Iterable[bytes], tally: Tally) -> list[Event]:
    """The events of one transcript, in its order."""
    tally.assistant = TOOL
    session = list(records(lines, tally))
    for record in session:
        kind = text_of(record.get("type"))
        if kind not in CONVERSATION and kind not in BOOKKEEPING:
            tally.stranger(kind)
        if dict_of(dict_of(record.get("snapshot")).get("trackedFileBackups")):
            tally.changed += 1
    reader = _Reader([_own(record) for record in session], tally)
    events: list[Event] = []
    for event in reader.events():
        if isinstance(event, Wrote):
            tally.wrote[event.kind] += 1
        events.append(event)
    return events


def _own(record: dict[str, Any]) -> dict[str, Any]:
    """A record as it was first written: out of a subagent's ``progress`` wrapper, under the session it was forked from.

    A fork copies its parent's records under its own session; they say where they come from, and one output has
    one id.
    """
    inner = dict_of(dict_of(record.get("data")).get("message"))
    if record.get("type") == "progress" and inner:
        around = {key: record.get(key) for key in ("sessionId", "version", "cwd", "timestamp")}
        return {**around, **inner}
    parent = dict_of(record.get("forkedFrom"))
    if text_of(parent.get("sessionId")):
        uuid = text_of(parent.get("messageUuid")) or record.get("uuid")
        return {**record, "sessionId": parent["sessionId"], "uuid": uuid}
    return record


def _blocks(message: dict[str, Any]) -> list[dict[str, Any]]:
    content = message.get("content")
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    return [block for block in list_of(content) if isinstance(block, dict)]


def _results(record: dict[str, Any]) -> Iterator[tuple[str, Result]]:
    details = record.get("toolUseResult", record.get("tool_use_result"))
    for block in _blocks(dict_of(record.get("message"))):
        if block.get("type") != "tool_result":
            continue
        status = Status.APPLIED
        said = [text_of(details), *strings(block.get("content"))]
        if text_of(record.get("toolDenialKind")) or (block.get("is_error") and any(map(REFUSED.match, said))):
            status = Status.DECLINED
        elif block.get("is_error"):
            status = Status.FAILED
        elif dict_of(details).get("staged"):
            status = Status.STAGED
        yield text_of(block.get("tool_use_id")), Result(status, dict_of(details))


class _Reader:
    """What the records of one session say about one another: the result of each call, the model of each message."""

    def __init__(self, session: list[dict[str, Any]], tally: Tally) -> None:
        self.session = session
        self.tally = tally
        self.results = {call: result for record in session for call, result in _results(record)}
        self.tools: dict[str, tuple[str, Origin]] = {}
        self.version = next((v for r in session if (v := text_of(r.get("claude_code_version")))), UNKNOWN)
        models = (_Reader.origin(self, record) for record in session if record.get("type") == "assistant")
        self.last = next((one for one in models if one.provider != UNKNOWN), Origin(tool=TOOL))
        """The origin of the last message of a named model; before the first, of the first."""

    def origin(self, record: dict[str, Any]) -> Origin:
        message = dict_of(record.get("message"))
        model = text_of(message.get("model")) or UNKNOWN
        return Origin(
            provider=provider_of(model),
            model=model,
            tool=TOOL,
            version=text_of(record.get("version")) or self.version,
            channel=channel_of(text_of(message.get("id")), model),
            session=text_of(record.get("sessionId")) or text_of(record.get("session_id")) or UNKNOWN,
            time=instant(record.get("timestamp")),
        )

    def unnamed(self, record: dict[str, Any], caller: Origin) -> Origin:
        """The origin of text that a model of the session wrote without being named: its provider, not its model."""
        own = self.origin(record)
        return Origin(
            provider=caller.provider,
            tool=TOOL,
            version=own.version if own.version != UNKNOWN else caller.version,
            channel=caller.channel,
            session=own.session if own.session != UNKNOWN else caller.session,
            time=own.time,
        )

    def events(self) -> Iterator[Event]:
        seen: set[str] = set()
        for record in self.session:
            uuid = text_of(record.get("uuid"))
            if uuid and uuid in seen:
                continue
            seen.add(uuid)
            kind = record.get("type")
            if kind == "assistant":
                yield from self.assistant(record)
            elif kind == "user":
                yield from self.user(record)
            elif kind == "attachment":
                for text in strings(record.get("attachment")):
                    yield from self.shown(text, record)
            elif kind == "queue-operation":
                yield from self.shown(text_of(record.get("content")), record)
            elif kind == "system" and record.get("subtype") == "away_summary":
                yield from self.relayed((text_of(record.get("content")),), "summary", _key(record), 0, record)
            elif kind == "system":
                yield Shown(text_of(record.get("content")))

    def assistant(self, record: dict[str, Any]) -> Iterator[Event]:
        message = dict_of(record.get("message"))
        if message.get("model") == "<synthetic>" or record.get("isApiErrorMessage") is True:
            return  # made by the tool itself: API errors, "No response requested."
        origin = self.origin(record)
        self.last = origin if origin.provider != UNKNOWN else self.last
        for ordinal, block in enumerate(_blocks(message)):
            kind = text_of(block.get("type"))
            if kind not in BLOCKS:
                self.tally.stranger(f"assistant/{kind or '(none)'}")
            if kind.endswith("tool_use"):
                yield from self.tool(record, block, origin)
                continue
            text = text_of(block.get("text")) or text_of(block.get("thinking"))
            if text.strip():
                name = "thinking" if kind == "thinking" else "prose"
                yield Wrote((text,), (), name, "", _key(record, text), ordinal, Status.APPLIED, origin)

    def tool(self, record: dict[str, Any], block: dict[str, Any], origin: Origin) -> Iterator[Wrote]:
        name = text_of(block.get("name"))
        given = block.get("input")
        call = text_of(block.get("id")) or _key({}, repr(given))
        result = self.results.get(call, Result(Status.UNKNOWN, {}))
        self.tools[call] = (name, origin)
        pieces = calls.pieces(name, given, result.details, text_of(record.get("cwd")))
        kinds = {piece.kind for piece in pieces}
        self.tally.edit_calls += name in calls.EDITING or not kinds.isdisjoint(EDIT_KINDS - {"heredoc"})
        expected = name in calls.EDITING and result.status in (Status.APPLIED, Status.STAGED)
        if kinds.isdisjoint(EDIT_KINDS) and (expected or not CHANGES.isdisjoint(result.details)):
            self.tally.unread += 1
        for ordinal, piece in enumerate(pieces):
            status = shapes.status_of(piece, result.status)
            yield Wrote(piece.blocks, piece.before, piece.kind, piece.path, call, ordinal, status, origin)

    def user(self, record: dict[str, Any]) -> Iterator[Event]:
        details = dict_of(record.get("toolUseResult", record.get("tool_use_result")))
        self.tally.changed += "structuredPatch" in details
        plan = text_of(record.get("planContent"))
        if plan:
            # A session opened with a plan that the model had written in another: the record itself says so.
            yield from self.relayed((plan,), "plan", _key(record), 500, record)
        for ordinal, block in enumerate(_blocks(dict_of(record.get("message")))):
            kind = text_of(block.get("type"))
            if kind == "tool_result":
                yield from self.result(record, block, details)
            elif kind == "text" and record.get("isCompactSummary"):
                # Written by the model, though the row is the user's; the row does not name the model.
                yield from self.relayed((text_of(block.get("text")),), "summary", _key(record), ordinal, record)
            elif kind == "text":
                text = text_of(block.get("text"))
                yield from self.shown(text.replace(plan, "") if plan else text, record)
            elif kind not in BLOCKS:
                self.tally.stranger(f"user/{kind or '(none)'}")

    def result(self, record: dict[str, Any], block: dict[str, Any], details: dict[str, Any]) -> Iterator[Event]:
        call = text_of(block.get("tool_use_id"))
        name, caller = self.tools.get(call, ("", self.last))
        if name in AMBIGUOUS:
            return
        launched = details.get("isAsync") is True or details.get("status") == "async_launched"
        task = dict_of(details.get("task"))
        if name in calls.SUBAGENTS and not launched and not block.get("is_error"):
            # The result itself ends in notes of the tool (agent id, usage); the details have the text alone.
            texts = calls.texts(details.get("content")) or calls.texts(block.get("content"))
            yield from self.relayed(texts, "subagent", call, 1000, record, caller)
        elif text_of(task.get("task_type")).endswith("agent"):
            texts = calls.texts(task.get("result")) or calls.texts(task.get("output"))
            yield from self.relayed(texts, "subagent", call, 1000, record, caller)
        else:
            yield from map(Shown, strings(block.get("content")))
            yield Shown(text_of(dict_of(details.get("file")).get("content")))

    def shown(self, text: str, record: dict[str, Any]) -> Iterator[Event]:
        """What a row shows the model; the notice that a background agent is done holds that agent's answer."""
        answer = NOTIFIED.search(text) if NOTIFICATION.match(text) else None
        if answer:
            found = (notifier.search(text) for notifier in NOTIFIERS)
            call = next((match[1] for match in found if match), "") or _key({}, answer[1])
            caller = self.tools.get(call, ("", self.last))[1]
            yield from self.relayed((answer[1].strip(),), "subagent", call, 1001, record, caller)
        elif text:
            yield Shown(text)

    def relayed(
        self,
        texts: tuple[str, ...],
        kind: str,
        call: str,
        ordinal: int,
        record: dict[str, Any],
        caller: Origin | None = None,
    ) -> Iterator[Wrote]:
        """Text that a model wrote in another place, or earlier, and that the record only passes on."""
        if any(text.strip() for text in texts):
            origin = self.unnamed(record, caller or self.last)
            yield Wrote(texts, (), kind, "", call, ordinal, Status.APPLIED, origin)


def _key(record: dict[str, Any], text: str = "") -> str:
    """What an output is known by: its row, its message, or, where neither has an id, its text."""
    digest = xxhash.xxh3_64_hexdigest(text.encode("utf-8", "replace"))
    message = text_of(dict_of(record.get("message")).get("id"))
    return text_of(record.get("uuid")) or f"{message or 'said'}.{digest}"
