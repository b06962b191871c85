"""Codex CLI rollouts (``sessions/.../rollout-*.jsonl``, 0.66 to 0.169, and the bare form before): records to events.

Shapes after openai/codex ``codex-rs/history`` and ``codex-rs/rollout``. It decides nothing about novelty.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
import xxhash

from provenance.capture import javascript, patch, shell
from provenance.capture.claude_code import SHORT_INPUT, from_shell, relative
from provenance.capture.origin import channel_of, provider_of
from provenance.capture.session import Event, Shown, Tally, Wrote, dict_of, list_of, records, strings, text_of
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
SHELLS = frozenset({"shell", "shell_command", "exec_command", "container.exec", "local_shell"})
CODE_MODE = frozenset({"exec"})
SUBAGENTS = frozenset({"spawn_agent", "wait_agent", "wait", "send_input", "resume_agent", "close_agent"})
PATCH_CALLS = frozenset({"apply_patch"})


def recognise(record: dict[str, Any]) -> bool:
    """Whether a first record is of this format."""
    if isinstance(record.get("payload"), dict):
        return record.get("type") in LINES
    bare_head = "id" in record and "timestamp" in record and "instructions" in record and "type" not in record
    return bare_head or (record.get("record_type") == "state") or _is_bare_item(record)


def _is_bare_item(record: dict[str, Any]) -> bool:
    return "sessionId" not in record and record.get("type") in ITEMS and ("role" in record or "call_id" in record)


def read(lines: Iterable[bytes], tally: Tally) -> list[Event]:
    """The events of one rollout, in its order."""
    tally.assistant = TOOL
    reader = _Reader(list(records(iter(lines), tally)), tally)
    events = []
    for event in reader.events():
        if isinstance(event, Wrote):
            tally.wrote[event.kind] += 1
        events.append(event)
    return events


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
        self.edits: set[tuple[str, ...]] = set()
        for record in session:
            payload = self.payload(record)
            if payload.get("type") == "patch_apply_end":
                self.tally.changed += bool(payload.get("success"))
                self.status[text_of(payload.get("call_id"))] = _patch_status(payload)
            elif payload.get("type") in ("function_call_output", "custom_tool_call_output"):
                call = text_of(payload.get("call_id"))
                if call not in self.status:
                    self.status[call] = _output_status(payload.get("output"))
            elif payload.get("type") == "message" and payload.get("role") == "assistant":
                self.said.add(_normal("\n".join(_message_texts(payload))))
            elif payload.get("type") == "reasoning":
                self.said.update(_normal(text) for text in _reasoning_texts(payload))

    @staticmethod
    def payload(record: dict[str, Any]) -> dict[str, Any]:
        """The payload of a line; of the bare form before 0.32, the line itself."""
        return record["payload"] if isinstance(record.get("payload"), dict) else record

    def origin(self, time: str) -> Origin:
        recorded = text_of(self.meta.get("model_provider")) or UNKNOWN
        maker = provider_of(self.model)
        return Origin(
            provider=maker if maker != UNKNOWN else recorded,
            model=self.model,
            tool=TOOL,
            version=text_of(self.meta.get("cli_version")) or UNKNOWN,
            channel=channel_of("", self.model) if recorded in (UNKNOWN, maker) else recorded,
            session=text_of(self.meta.get("id")) or text_of(self.meta.get("session_id")) or UNKNOWN,
            time=time or UNKNOWN,
        )

    def events(self) -> Iterator[Event]:
        for number, record in enumerate(self.session):
            payload = self.payload(record)
            line = text_of(record.get("type"))
            time = text_of(record.get("timestamp"))
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
            elif line == "compacted":
                text = text_of(payload.get("message"))
                if text.strip():
                    yield self.wrote((text,), (), "summary", "", f"compacted.{number}", 0, time)
            elif line == "event_msg":
                yield from self.event(kind, payload, time, number)
            elif line == "response_item" or kind in ITEMS:
                yield from self.item(kind, payload, time, number)
            elif line not in LINES and record.get("record_type") != "state":
                self.tally.unknown[line or "(none)"] += 1

    def wrote(
        self,
        blocks: Iterable[str],
        before: tuple[str, ...],
        kind: str,
        path: str,
        call: str,
        ordinal: int,
        time: str,
    ) -> Wrote:
        status = Status.APPLIED if kind in ("prose", "thinking", "summary") else self.status.get(call, Status.UNKNOWN)
        return Wrote(tuple(blocks), before, kind, path, call, ordinal, status, self.origin(time))

    def event(self, kind: str, payload: dict[str, Any], time: str, number: int) -> Iterator[Event]:
        """Events repeat what items say, except where an item is missing; then they are all there is."""
        if kind not in EVENTS:
            self.tally.unknown[f"event_msg/{kind or '(none)'}"] += 1
        if kind in ("agent_message", "agent_reasoning", "agent_reasoning_raw_content"):
            text = text_of(payload.get("message")) or text_of(payload.get("text"))
            if text.strip() and _normal(text) not in self.said:
                self.said.add(_normal(text))
                name = "prose" if kind == "agent_message" else "thinking"
                yield self.wrote((text,), (), name, "", f"{kind}.{time or number}", 0, time)
        elif kind == "patch_apply_end":
            call = text_of(payload.get("call_id"))
            for ordinal, (path, change) in enumerate(dict_of(payload.get("changes")).items()):
                yield from self.applied(path, dict_of(change), call, 1000 + ordinal, time)
        elif kind in ("user_message", "exec_command_end", "mcp_tool_call_end"):
            yield from map(Shown, strings(payload))

    def applied(self, path: str, change: dict[str, Any], call: str, ordinal: int, time: str) -> Iterator[Wrote]:
        """A change that was applied, unless the call itself gave the same added text (code mode may hide it)."""
        added: tuple[str, ...]
        before: tuple[str, ...]
        if change.get("type") == "add":
            added, before = (text_of(change.get("content")),), ()
        else:
            parsed = patch.parse_unified_diff(text_of(change.get("unified_diff")), path)
            added, before = parsed.added, parsed.removed
        if any(block.strip() for block in added) and _key(added) not in self.edits:
            self.edits.add(_key(added))
            yield self.wrote(added, before, "patch", relative(path, self.cwd), call, ordinal, time)

    def item(self, kind: str, payload: dict[str, Any], time: str, number: int) -> Iterator[Event]:
        call = text_of(payload.get("call_id")) or text_of(payload.get("id")) or f"{kind}.{time or number}"
        if kind == "message":
            texts = _message_texts(payload)
            if payload.get("role") == "assistant":
                # Not every build writes an id; time and text are the same in every copy of the line.
                said = xxhash.xxh3_64_hexdigest(repr(texts).encode("utf-8", "replace"))
                key = text_of(payload.get("id")) or f"message.{time}.{said}"
                yield self.wrote(texts, (), "prose", "", key, 0, time)
            else:
                yield from map(Shown, texts)
        elif kind == "reasoning":
            texts = _reasoning_texts(payload)
            if texts:
                yield self.wrote(texts, (), "thinking", "", call, 0, time)
        elif kind in ("function_call", "custom_tool_call", "local_shell_call"):
            name = text_of(payload.get("name")) or "local_shell"
            self.names[call] = name
            given = payload.get("input") if kind == "custom_tool_call" else payload.get("arguments")
            yield from self.tool(name, _arguments(given if given is not None else payload.get("action")), call, time)
        elif kind in ("function_call_output", "custom_tool_call_output"):
            texts = list(strings(_arguments(payload.get("output"))))
            if self.names.get(call) in SUBAGENTS:
                long = [text for text in texts if len(text.split()) >= SHORT_INPUT]
                if long:
                    yield self.wrote(long, (), "subagent", "", call, 2000, time)
            else:
                yield from map(Shown, texts)
        elif kind == "agent_message":
            yield self.wrote(list(strings(payload.get("content"))), (), "subagent", "", call, 0, time)
        elif kind not in ITEMS:
            self.tally.unknown[f"response_item/{kind or '(none)'}"] += 1

    def tool(self, name: str, given: Any, call: str, time: str) -> Iterator[Wrote]:
        """What one call wrote: a patch, JavaScript that patches or runs commands, a command line, or plain input."""
        if name in PATCH_CALLS:
            text = given if isinstance(given, str) else "\n".join(strings(given))
            self.tally.edit_calls += 1
            yield from self.patched(text, call, 0, time)
        elif name in CODE_MODE and isinstance(given, str):
            yield from self.code(given, call, time)
        elif name in SHELLS:
            yield from self.command(shell.command_text(given) or "", call, 0, time)
        else:
            texts = [text for text in strings(given) if len(text.split()) >= SHORT_INPUT]
            if texts:
                yield self.wrote(texts, (), "input", "", call, 0, time)

    def patched(self, text: str, call: str, ordinal: int, time: str) -> Iterator[Wrote]:
        for change in patch.parse_apply_patch(text):
            if not change.added:
                self.tally.deletions += 1
            else:
                self.edits.add(_key(change.added))
                path = relative(change.path, self.cwd)
                yield self.wrote(change.added, change.removed, "patch", path, call, ordinal, time)
                ordinal += 1

    def command(self, text: str, call: str, ordinal: int, time: str) -> Iterator[Wrote]:
        self.tally.edit_calls += "*** Begin Patch" in text
        for wrote in from_shell(
            text, self.cwd, call, ordinal, self.status.get(call, Status.UNKNOWN), self.origin(time)
        ):
            if wrote.kind == "patch":
                self.edits.add(_key(wrote.blocks))
            yield wrote

    def code(self, source: str, call: str, time: str) -> Iterator[Wrote]:
        """Code mode (0.144 and later): patches and command lines are string literals of a script."""
        self.tally.edit_calls += "*** Begin Patch" in source
        ordinal = 0
        consumed: list[str] = []
        for name, texts in javascript.calls(source, PATCH_CALLS | SHELLS):
            for text in texts:
                found = list(self.patched(text, call, ordinal, time) if name in PATCH_CALLS else ())
                if name in SHELLS and text not in consumed:
                    found = list(self.command(text, call, ordinal, time))
                consumed.append(text)
                ordinal += len(found)
                yield from found
        for text in javascript.string_literals(source):
            if "*** Begin Patch" in text and text not in consumed:
                consumed.append(text)
                found = list(self.patched(text, call, ordinal, time))
                ordinal += len(found)
                yield from found
        if not consumed and len(source.split()) >= SHORT_INPUT:
            yield self.wrote((source,), (), "input", "", call, ordinal, time)


def _key(blocks: Iterable[str]) -> tuple[str, ...]:
    return tuple(_normal(block) for block in blocks if block.strip())


def _normal(text: str) -> str:
    return " ".join(text.split())


def _arguments(given: Any) -> Any:
    """Arguments as recorded: an object, or a string that may hold one as JSON."""
    if isinstance(given, str) and given.lstrip()[:1] in ("{", "["):
        try:
            return msgspec.json.decode(given)
        except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
            return given
    return given


def _message_texts(payload: dict[str, Any]) -> list[str]:
    content = payload.get("content")
    if isinstance(content, str):
        return [content]
    return [text_of(dict_of(part).get("text")) for part in list_of(content)]


def _reasoning_texts(payload: dict[str, Any]) -> list[str]:
    parts = list_of(payload.get("summary")) + list_of(payload.get("content"))
    texts = [text_of(dict_of(part).get("text")) for part in parts]
    return [text for text in texts if text.strip()]


def _patch_status(payload: dict[str, Any]) -> Status:
    named = {"completed": Status.APPLIED, "failed": Status.FAILED, "declined": Status.DECLINED}
    status = payload.get("status")
    if isinstance(status, str) and status in named:
        return named[status]
    return Status.APPLIED if payload.get("success") else Status.FAILED


def _output_status(output: Any) -> Status:
    text = " ".join(strings(_arguments(output)))[:2000]
    if "rejected by user" in text or "patch rejected" in text:
        return Status.DECLINED
    return Status.FAILED if "verification failed" in text else Status.APPLIED
