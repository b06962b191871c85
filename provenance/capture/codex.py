"""Codex CLI rollouts (``sessions/.../rollout-*.jsonl``, 0.39 to 0.169, and the bare form before): records to events.

Shapes after openai/codex ``codex-rs/history`` and ``codex-rs/rollout``; the one document of the first CLI
(``rollout-*.json``, spring 2025) after its ``codex-cli/src/utils/storage/save-rollout.ts``. It decides nothing about
novelty.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

import xxhash

from provenance.capture import javascript, shapes, shell
from provenance.capture.origin import PROVIDERS, channel_of, instant, provider_of
from provenance.capture.session import (
    EDIT_KINDS,
    Event,
    Shown,
    Tally,
    Wrote,
    decoded,
    dict_of,
    list_of,
    records,
    strings,
    text_of,
)
from provenance.capture.shapes import PATCH_MARK, SHORT_INPUT, Piece
from provenance.model import UNKNOWN, Origin, Status

TOOL = "codex"

LINES = frozenset(
    """session_meta response_item inter_agent_communication inter_agent_communication_metadata compacted turn_context
    token_usage_record world_state retained_context security_risk_score event_msg realtime_item""".split()
)
ITEMS = frozenset(
    """message agent_message reasoning local_shell_call function_call function_call_output custom_tool_call
    custom_tool_call_output tool_search_call tool_search_output web_search_call image_generation_call additional_tools
    compaction context_compaction configuration_update compaction_trigger other ghost_snapshot""".split()
)
EVENTS = frozenset(
    """user_message agent_message agent_reasoning agent_reasoning_raw_content patch_apply_end token_count
    thread_goal_updated context_compacted entered_review_mode exited_review_mode mcp_tool_call_end
    thread_rolled_back turn_aborted task_started task_complete web_search_end image_generation_end
    sub_agent_activity item_completed exec_command_begin exec_command_end turn_diff thread_name_updated
    agent_reasoning_section_break patch_apply_begin mcp_tool_call_begin web_search_begin error warning
    background_event stream_error plan_update turn_started turn_complete""".split()
)
CALLS = frozenset({"function_call", "custom_tool_call", "local_shell_call"})
OUTPUTS = frozenset({"function_call_output", "custom_tool_call_output", "tool_search_output"})
SHELLS = frozenset({"shell", "shell_command", "exec_command", "container.exec", "local_shell"})
CODE_MODE = frozenset({"exec"})
SUBAGENTS = frozenset({"spawn_agent", "wait_agent", "wait", "send_input", "resume_agent", "close_agent"})
PATCH_CALLS = frozenset({"apply_patch"})
SAID = frozenset({"agent_message", "task_complete", "turn_complete"})
THOUGHT = frozenset({"agent_reasoning", "agent_reasoning_raw_content"})
PUT_OUT = ("stdout", "stderr", "aggregated_output", "formatted_output", "result")
"""Of the events that end a call, the fields that hold what came out: the others repeat what the model wrote."""

REFUSED = re.compile(
    r"(?:exec command|patch|command)? ?rejected by user|patch rejected|rejected by user approval", re.I
)
FAILED = re.compile(r"apply_patch verification failed|exit code: [1-9]|process exited with code [1-9]", re.I)


def recognise(record: dict[str, Any]) -> bool:
    """Whether a first record is of this format."""
    kind = text_of(record.get("type"))
    if isinstance(record.get("payload"), dict):
        return kind in LINES
    if "sessionId" in record or "session_id" in record:
        return False
    if isinstance(record.get("items"), list):
        return {"id", "timestamp"} <= dict_of(record.get("session")).keys()
    bare_head = "id" in record and "timestamp" in record and "instructions" in record and not kind
    # A line of type "message" alone could be any log of the Responses API.
    tool = kind in CALLS and (kind == "local_shell_call" or text_of(record.get("name")) in SHELLS | PATCH_CALLS)
    return bare_head or record.get("record_type") == "state" or (tool and "call_id" in record)


def read(lines: Iterable[bytes], tally: Tally) -> list[Event]:
    """The events of one rollout, in its order."""
    tally.assistant = TOOL
    reader = _Reader([line for record in records(lines, tally) for line in _lines(record)], tally)
    events = []
    for event in reader.events():
        if isinstance(event, Wrote):
            tally.wrote[event.kind] += 1
        events.append(event)
    return events


def _lines(record: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The lines of a record: of the first CLI's document its head and its items, of any other itself."""
    items, head = record.get("items"), record.get("session")
    if isinstance(items, list) and isinstance(head, dict) and "type" not in record:
        yield {**head, "instructions": head.get("instructions")}
        yield from (item for item in items if isinstance(item, dict))
    else:
        yield record


class _Reader:
    """The state that a rollout spreads over its lines: session, model, and what became of each call."""

    def __init__(self, session: list[dict[str, Any]], tally: Tally) -> None:
        self.session = session
        self.tally = tally
        self.meta: dict[str, Any] = {}
        self.model = UNKNOWN
        self.cwd = ""
        self.names: dict[str, str] = {}
        self.status: dict[str, Status] = {}
        self.said: set[str] = set()
        self.edits: set[tuple[str, str]] = set()
        """Every edit read: its path and its added text."""
        self.edited: set[str] = set()
        """The calls of which an edit was read."""
        for record in session:
            payload = self.payload(record)
            kind = text_of(payload.get("type"))
            call = text_of(payload.get("call_id"))
            if kind == "patch_apply_end":
                self.tally.changed += bool(payload.get("success"))
                self.status[call] = _patch_status(payload)
            elif kind in OUTPUTS:
                self.status.setdefault(call, _output_status(payload.get("output")))
            elif kind == "message" and payload.get("role") == "assistant":
                self.said.add(_normal("\n".join(_message_texts(payload))))
            elif kind == "reasoning":
                self.said.update(map(_normal, _reasoning_texts(payload)))

    @staticmethod
    def payload(record: dict[str, Any]) -> dict[str, Any]:
        """The payload of a line; of the bare form before 0.32, the line itself."""
        return record["payload"] if isinstance(record.get("payload"), dict) else record

    def origin(self, time: str) -> Origin:
        recorded = text_of(self.meta.get("model_provider")) or UNKNOWN
        maker = provider_of(self.model)
        # A provider of the configuration is a channel ("azure", "ollama"), unless it is a maker itself.
        provider = maker if maker != UNKNOWN else recorded if recorded in PROVIDERS else UNKNOWN
        return Origin(
            provider=provider,
            model=self.model,
            tool=TOOL,
            version=text_of(self.meta.get("cli_version")) or UNKNOWN,
            channel=channel_of("", self.model) if recorded in (UNKNOWN, provider) else recorded,
            session=text_of(self.meta.get("id")) or text_of(self.meta.get("session_id")) or UNKNOWN,
            # Lines of the bare form have no time of their own; the session's beginning is recorded.
            time=time if time != UNKNOWN else instant(self.meta.get("timestamp")),
        )

    def events(self) -> Iterator[Event]:
        for record in self.session:
            payload = self.payload(record)
            line = text_of(record.get("type"))
            time = instant(record.get("timestamp"))
            kind = text_of(payload.get("type"))
            if line == "session_meta" or ("instructions" in record and not line):
                # A forked or resumed rollout repeats its parent's head; the first head is the file's own.
                self.meta = self.meta or payload
                self.cwd = text_of(payload.get("cwd")) or self.cwd
                yield from map(Shown, strings(payload.get("base_instructions") or payload.get("instructions")))
            elif line == "turn_context":
                self.model = text_of(payload.get("model")) or self.model
                self.cwd = text_of(payload.get("cwd")) or self.cwd
                yield from map(Shown, strings(payload.get("user_instructions")))
                yield from map(Shown, strings(payload.get("developer_instructions")))
            elif line == "compacted":
                yield from self.prose([text_of(payload.get("message"))], "summary", time)
            elif line == "inter_agent_communication":
                yield from self.prose(_long(payload), "subagent", time)
            elif line == "event_msg":
                yield from self.event(kind, payload, time)
            elif line == "response_item" or kind in ITEMS:
                yield from self.item(kind, payload, time)
            elif line not in LINES and record.get("record_type") != "state":
                self.tally.stranger(line)

    def prose(self, texts: list[str], kind: str, time: str, call: str = "", ordinal: int = 0) -> Iterator[Wrote]:
        """What the model said, known by its text: not every build writes an id, and events repeat items."""
        if any(text.strip() for text in texts):
            key = call or f"said.{xxhash.xxh3_64_hexdigest(_normal(' '.join(texts)).encode('utf-8', 'replace'))}"
            yield Wrote(tuple(texts), (), kind, "", key, ordinal, Status.APPLIED, self.origin(time))

    def event(self, kind: str, payload: dict[str, Any], time: str) -> Iterator[Event]:
        """Events repeat what items say, except where an item is missing; then they are all there is."""
        if kind not in EVENTS:
            self.tally.stranger(f"event_msg/{kind}")
        if kind in SAID or kind in THOUGHT:
            text = next((text for key in ("message", "text", "last_agent_message") if (text := payload.get(key))), "")
            yield from self.unsaid(text_of(text), "prose" if kind in SAID else "thinking", time)
        elif kind == "item_completed":
            item = dict_of(payload.get("item"))
            if text_of(item.get("type")).lower() == "plan":
                yield from self.unsaid(text_of(item.get("text")), "plan", time)
        elif kind == "exited_review_mode":
            yield from self.prose(_long(payload.get("review_output")), "subagent", time)
        elif kind == "patch_apply_end":
            call = text_of(payload.get("call_id"))
            if call not in self.edited:
                for ordinal, (path, change) in enumerate(dict_of(payload.get("changes")).items()):
                    yield from self.applied(path, dict_of(change), call, 1000 + ordinal, time)
        elif kind == "user_message":
            yield from map(Shown, strings([payload.get("message"), payload.get("text_elements")]))
        elif kind in ("exec_command_end", "mcp_tool_call_end"):
            yield from map(Shown, strings([payload.get(key) for key in PUT_OUT]))

    def unsaid(self, text: str, kind: str, time: str) -> Iterator[Wrote]:
        normal = _normal(text)
        if normal and normal not in self.said and not any(normal in said for said in self.said):
            self.said.add(normal)
            yield from self.prose([text], kind, time)

    def applied(self, path: str, change: dict[str, Any], call: str, ordinal: int, time: str) -> Iterator[Wrote]:
        """A change that was applied, unless a call gave the same text for the same file (code mode may hide it)."""
        if change.get("type") == "add":
            pieces = [Piece((text_of(change.get("content")),), (), "patch", shapes.relative(path, self.cwd))]
        elif change.get("type") == "delete":
            pieces = [Piece((), (), "patch", path)]
        else:
            pieces = shapes.of_diff(text_of(change.get("unified_diff")), path, self.cwd)
        yield from self.wrote([piece for piece in pieces if _key(piece) not in self.edits], call, ordinal, time)

    def item(self, kind: str, payload: dict[str, Any], time: str) -> Iterator[Event]:
        call = text_of(payload.get("call_id")) or text_of(payload.get("id"))
        if kind == "message":
            texts = _message_texts(payload)
            if payload.get("role") == "assistant":
                yield from self.prose(texts, "prose", time)
            else:
                yield from map(Shown, texts)
        elif kind == "reasoning":
            yield from self.prose(_reasoning_texts(payload), "thinking", time)
        elif kind == "agent_message":
            yield from self.prose(_message_texts(payload), "subagent", time)
        elif kind in CALLS or (kind not in ITEMS and kind.endswith("_call")):
            given = next((payload[key] for key in ("input", "arguments", "action") if payload.get(key)), None)
            name = text_of(payload.get("name")) or ("local_shell" if kind == "local_shell_call" else kind)
            call = call or f"call.{xxhash.xxh3_64_hexdigest(repr(given).encode('utf-8', 'replace'))}"
            self.names[call] = name
            yield from self.tool(name, _arguments(given), call, time)
        elif kind in OUTPUTS:
            output = _arguments(payload.get("output"))
            if self.names.get(call) in SUBAGENTS:
                yield from self.prose(_long(output), "subagent", time, call, 2000)
            else:
                yield from map(Shown, strings(output))
        if kind not in ITEMS:
            self.tally.stranger(f"response_item/{kind}")

    def tool(self, name: str, given: Any, call: str, time: str) -> Iterator[Wrote]:
        """What one call wrote: a patch, JavaScript that patches or runs commands, a command line, or plain input."""
        script = _script(given) if name in CODE_MODE or _is_script(name, given) else ""
        if script:
            pieces = self.code(script)
        elif name in SHELLS or name in CODE_MODE:
            pieces = shapes.of_shell(shell.command_text(given) or "", self.cwd)
        elif name in PATCH_CALLS:
            pieces = shapes.of_patch("\n".join(strings(given)), self.cwd)
        elif name in SUBAGENTS:
            pieces = [Piece(tuple(_long(given)), (), "input", "")] if _long(given) else []
        else:
            pieces = shapes.of_input(given, self.cwd)
        kinds = {piece.kind for piece in pieces}
        patches = name in PATCH_CALLS or any(PATCH_MARK in text for text in strings(given))
        self.tally.edit_calls += patches or not kinds.isdisjoint(EDIT_KINDS - {"heredoc"})
        applied = self.status.get(call) is Status.APPLIED
        self.tally.unread += name in PATCH_CALLS and applied and kinds.isdisjoint(EDIT_KINDS)
        yield from self.wrote(pieces, call, 0, time)

    def wrote(self, pieces: list[Piece], call: str, ordinal: int, time: str) -> Iterator[Wrote]:
        for piece in pieces:
            status = shapes.status_of(piece, self.status.get(call, Status.UNKNOWN))
            if piece.kind in EDIT_KINDS:
                self.edits.add(_key(piece))
                self.edited.add(call)
            if piece.kind == "patch" and not piece.blocks:
                self.tally.deletions += 1
                continue
            yield Wrote(piece.blocks, piece.before, piece.kind, piece.path, call, ordinal, status, self.origin(time))
            ordinal += 1

    def code(self, source: str) -> list[Piece]:
        """Code mode (0.144 and later): patches and command lines are string literals of a script."""
        pieces: list[Piece] = []
        read: set[str] = set()
        for name, texts in javascript.calls(source, PATCH_CALLS | SHELLS):
            for text in texts:
                if text not in read:
                    read.add(text)
                    pieces += (shapes.of_patch if name in PATCH_CALLS else shapes.of_shell)(text, self.cwd)
        for text in javascript.string_literals(source):
            if PATCH_MARK in text and text not in read:
                read.add(text)
                known = {piece.blocks for piece in pieces}  # with the names in its ``${...}`` put in
                pieces += [piece for piece in shapes.of_patch(text, self.cwd) if piece.blocks not in known]
        if not pieces and PATCH_MARK in source:
            pieces = shapes.of_patch(source, self.cwd)
        others = (source,) if not pieces and not read else javascript.string_literals(source)
        left = tuple(t for t in others if len(t.split()) >= SHORT_INPUT and not any(t in text for text in read))
        return [*pieces, Piece(left, (), "input", "")] if left else pieces


def _key(piece: Piece) -> tuple[str, str]:
    return piece.path, _normal(" ".join(piece.blocks))


def _normal(text: str) -> str:
    return " ".join(text.split())


def _long(value: Any) -> list[str]:
    return [text for text in strings(value) if len(text.split()) >= SHORT_INPUT]


def _script(given: Any) -> str:
    """The source that a code mode call runs."""
    named = dict_of(given)
    return text_of(given) or next(
        (text for key in ("code", "source", "input") if (text := text_of(named.get(key)))), ""
    )


def _is_script(name: str, given: Any) -> bool:
    """Whether the freeform input of a tool we do not know is a script around patches and commands."""
    text = text_of(given).lstrip()
    inner = PATCH_MARK in text and not text.startswith((PATCH_MARK, "apply_patch"))
    return name not in SHELLS | PATCH_CALLS and (inner or "await tools." in text)


def _arguments(given: Any) -> Any:
    """Arguments as recorded: an object, or a string that may hold one as JSON."""
    if isinstance(given, str) and given.lstrip()[:1] in ("{", "["):
        value = decoded(given)
        return given if value is None else value
    return given


def _message_texts(payload: dict[str, Any]) -> list[str]:
    content = payload.get("content")
    if isinstance(content, str):
        return [content]
    return [text for part in list_of(content) if (text := text_of(dict_of(part).get("text")))]


def _reasoning_texts(payload: dict[str, Any]) -> list[str]:
    parts = list_of(payload.get("summary")) + list_of(payload.get("content"))
    texts = [text_of(dict_of(part).get("text")) for part in parts]
    return [text for text in texts if text.strip()]


def _patch_status(payload: dict[str, Any]) -> Status:
    named = {"completed": Status.APPLIED, "failed": Status.FAILED, "declined": Status.DECLINED}
    return named.get(text_of(payload.get("status"))) or (Status.APPLIED if payload.get("success") else Status.FAILED)


def _output_status(output: Any) -> Status:
    """What an output says became of its call, in its head; what a command printed says nothing."""
    output = _arguments(output)
    metadata = dict_of(dict_of(output).get("metadata"))
    head = " ".join(strings(dict_of(output).get("output", output)))[:200]
    if REFUSED.search(head):
        return Status.DECLINED
    failed = metadata.get("exit_code") not in (None, 0) or FAILED.search(head)
    return Status.FAILED if failed else Status.APPLIED
