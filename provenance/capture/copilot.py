"""GitHub Copilot CLI sessions (``~/.copilot/session-state/<id>/events.jsonl``, 0.0.369 to 1.0.102): records to events.

Shapes after the event types of @github/copilot-sdk 1.0.14 (``session-events``) and recorded sessions of 1.0.45 to
1.0.68. VS Code's Copilot writes the same events (``vscode_copilot``). It decides nothing about novelty.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

import xxhash

from provenance.capture import shapes
from provenance.capture.origin import channel_of, instant, provider_of
from provenance.capture.session import (
    EDIT_KINDS,
    Event,
    Shown,
    Start,
    Tally,
    Wrote,
    decoded,
    dict_of,
    list_of,
    records,
    strings,
    text_of,
)
from provenance.capture.shapes import PATCH_MARK, SHORT_INPUT
from provenance.model import UNKNOWN, Origin, Status

TOOL = "copilot-cli"

CONVERSATION = frozenset(
    """session.start session.resume session.model_change session.auto_mode_resolved session.compaction_complete
    session.task_complete session.handoff session.shutdown user.message system.message system.notification
    assistant.message assistant.reasoning assistant.fusion_phase_completed tool.user_requested tool.execution_start
    tool.execution_complete external_tool.requested permission.requested permission.completed hook.end skill.invoked
    exit_plan_mode.requested user_input.requested user_input.completed elicitation.completed""".split()
)
BOOKKEEPING = frozenset(
    """abort pending_messages.modified session.remote_steerable_changed session.error session.idle session.info
    session.warning session.title_changed session.schedule_created session.schedule_rearmed session.schedule_cancelled
    session.autopilot_objective_changed session.auto_tier_recommendation session.auto_tier_switch_failed
    session.mode_changed session.mode_notice_delivered session.session_limits_changed session.permissions_changed
    session.plan_changed session.todos_changed session.workspace_file_changed session.truncation
    session.snapshot_rewind session.usage_checkpoint session.usage_info session.context_changed
    session.context_cleared session.compaction_start session.completion_receipt session.fusion_route_started
    session.fusion_route_failed session.fusion_resolved session.fusion_completed session.binary_asset
    session.tools_updated session.background_tasks_changed session.skills_loaded session.custom_agents_updated
    session.custom_notification session.mcp_servers_loaded session.mcp_server_status_changed
    session.mcp_server_removed session.mcp_server_needs_reconnect session.extensions_loaded session.canvas.opened
    session.canvas.registry_changed session.canvas.closed session.canvas.unavailable session.canvas.recorded
    session.canvas.removed session.extensions.attachments_pushed session.managed_settings_resolved
    session.managed_settings_enforced assistant.turn_start assistant.intent assistant.fusion_phase_started
    assistant.fusion_phase_activity assistant.fusion_phase_failed assistant.server_tool_progress
    assistant.reasoning_delta assistant.tool_call_delta assistant.streaming_delta assistant.message_start
    assistant.message_delta assistant.turn_end assistant.idle assistant.usage model.call_failure model.call_finished
    tool.execution_partial_result tool.execution_progress tool_search.activated subagent.started
    subagent.configured subagent.completed subagent.failed subagent.selected subagent.deselected hook.start
    hook.progress permission.carriedForward permission.messageAuthorization permission.messageAuthorizationRead
    permission.messageAuthorizationDegraded permission.assentDetected permission.contextualAuthorization
    elicitation.requested sampling.requested sampling.completed mcp.oauth_required mcp.oauth_completed
    mcp.headers_refresh_required mcp.headers_refresh_completed external_tool.completed command.queued command.execute
    command.completed auto_mode_switch.requested auto_mode_switch.completed session_limits_exhausted.requested
    session_limits_exhausted.completed commands.changed capabilities.changed exit_plan_mode.completed
    factory.run_started factory.run_updated factory.run_settled mcp.tools.list_changed mcp.resources.list_changed
    mcp.prompts.list_changed mcp_app.tool_call_complete ui.ephemeral_query""".split()
)
"""Event types that carry no text of the conversation, or repeat what a later event holds (types of 1.0.102)."""

EDITING = frozenset(
    """create edit str_replace_editor str_replace insert apply_patch Edit MultiEdit Write NotebookEdit create_file
    replace_string_in_file multi_replace_string_in_file insert_edit_into_file edit_notebook_file""".split()
)
VIEWS = frozenset({"view", "undo_edit"})
"""Commands of ``str_replace_editor`` that write nothing."""
SUBAGENTS = frozenset({"task", "Task", "Agent", "read_agent", "runSubagent", "search_subagent"})
AMBIGUOUS = frozenset({"web_search"})
"""Results that a model wrote about pages: neither shown text nor an output we can name the model of."""
EXIT = re.compile(r"<(?:exited|shellId: \S+ completed|command exited) with exit code [1-9]")
RESULTS = {
    "success": Status.APPLIED,
    "failure": Status.FAILED,
    "error": Status.FAILED,
    "rejected": Status.DECLINED,
    "denied": Status.DECLINED,
}
"""``result_type`` of results before 1.0.50, and ``error.code`` of those after."""


def recognise(record: dict[str, Any]) -> bool:
    """Whether a first record is of this format; VS Code's own event streams are not, though they look alike."""
    kind = text_of(record.get("type"))
    data = record.get("data")
    if not isinstance(data, dict) or not {"id", "timestamp", "parentId"} <= record.keys():
        return False
    return (kind in CONVERSATION or kind in BOOKKEEPING) and "vscodeVersion" not in data


def read(lines: Iterable[bytes], tally: Tally) -> list[Event]:
    """The events of one session, in its order."""
    return read_session(list(records(lines, tally)), tally, TOOL)


def read_session(session: list[dict[str, Any]], tally: Tally, tool: str) -> list[Event]:
    """The events of these records, as written by the tool of this name."""
    tally.assistant = tool
    events: list[Event] = []
    for event in _Reader(session, tally, tool).events():
        if isinstance(event, Wrote):
            tally.wrote[event.kind] += 1
        events.append(event)
    return events


class _Reader:
    """The state that a session spreads over its events: model, folder, and what became of each call."""

    def __init__(self, session: list[dict[str, Any]], tally: Tally, tool: str) -> None:
        self.session = session
        self.tally = tally
        self.tool = tool
        self.name = UNKNOWN
        self.version = UNKNOWN
        self.model = UNKNOWN
        self.cwd = ""
        self.users: set[str] = set()
        """Calls that a person made."""
        self.status: dict[str, Status] = {}
        self.models: dict[str, str] = {}
        """The model of each call, which some versions record with its result only."""
        self.agents: dict[str, str] = {}
        """The model of the agent that a call started."""
        self.last = Origin(tool=tool)
        """The origin of the last message of a named model."""
        self.calls: dict[str, tuple[str, Any]] = {}
        self.said: set[str] = set()
        """What the model said and wrote, to know again what another event repeats."""
        asked: dict[str, str] = {}
        for record in session:
            data = dict_of(record.get("data"))
            kind = text_of(record.get("type"))
            call = text_of(data.get("toolCallId"))
            if kind in ("tool.execution_start", "tool.execution_complete") and text_of(data.get("model")):
                self.models.setdefault(call, data["model"])
            if kind in ("subagent.started", "subagent.completed") and text_of(data.get("model")):
                self.agents[call] = data["model"]
            if kind == "tool.user_requested" or data.get("isUserRequested") is True:
                self.users.add(call)
            if kind == "permission.requested":
                use = text_of(dict_of(data.get("permissionRequest")).get("toolCallId"))
                asked[text_of(data.get("requestId"))] = use
            elif kind == "permission.completed":
                answer = text_of(dict_of(data.get("result")).get("kind"))
                if answer.startswith(("denied", "cancelled")):
                    self.status[call or asked.get(text_of(data.get("requestId")), "")] = Status.DECLINED
            elif kind == "tool.execution_complete" and self.status.get(call) is not Status.DECLINED:
                self.status[call] = _status(data)
        self.status.pop("", None)

    def origin(self, record: dict[str, Any], model: str) -> Origin:
        data = dict_of(record.get("data"))
        return Origin(
            provider=provider_of(model),
            model=model,
            tool=self.tool,
            version=self.version,
            channel=channel_of(text_of(data.get("apiCallId")), model),
            session=self.name,
            time=instant(record.get("timestamp")),
        )

    def unnamed(self, record: dict[str, Any]) -> Origin:
        """The origin of text that a model of the session wrote without being named: its provider, not its model."""
        own = self.origin(record, UNKNOWN)
        chosen = provider_of(self.model)
        return Origin(
            provider=chosen if chosen != UNKNOWN else self.last.provider,
            tool=self.tool,
            version=own.version,
            channel=self.last.channel,
            session=own.session,
            time=own.time,
        )

    def events(self) -> Iterator[Event]:
        seen: set[str] = set()
        for record in self.session:
            use = text_of(record.get("id"))
            if use and use in seen:
                continue
            seen.add(use)
            kind = text_of(record.get("type"))
            if kind not in CONVERSATION and kind not in BOOKKEEPING:
                self.tally.stranger(kind)
            data = dict_of(record.get("data"))
            if kind.startswith("session."):
                yield from self.state(kind, data, record)
            elif kind.startswith("assistant."):
                yield from self.assistant(kind, data, record)
            elif kind in ("tool.execution_start", "external_tool.requested"):
                name, given = text_of(data.get("toolName")), data.get("arguments")
                yield from self.call(text_of(data.get("toolCallId")), name, given, record, UNKNOWN)
            elif kind == "tool.execution_complete":
                yield from self.result(data, record)
            elif kind in ("exit_plan_mode.requested", "user_input.requested"):
                texts = [text_of(data.get(key)) for key in ("planContent", "summary", "question")]
                model = text_of(data.get("model")) or self.model
                yield from self.unsaid([*texts, *strings(data.get("choices"))], "prose", self.origin(record, model))
            elif kind in CONVERSATION and not kind.startswith("permission."):
                yield from map(Shown, strings(data))

    def state(self, kind: str, data: dict[str, Any], record: dict[str, Any]) -> Iterator[Event]:
        """What an event says about the session itself."""
        if kind == "session.start":
            name = text_of(data.get("sessionId")) or UNKNOWN
            if self.name not in (UNKNOWN, name):
                yield Start(name)
                self.model, self.last, self.said = UNKNOWN, Origin(tool=self.tool), set()
            self.name = name
            self.version = text_of(data.get("copilotVersion")) or self.version
        folder = text_of(dict_of(data.get("context")).get("cwd")) or text_of(data.get("cwd"))
        self.cwd = folder or self.cwd
        chosen = next((m for key in ("newModel", "selectedModel", "chosenModel") if (m := text_of(data.get(key)))), "")
        if chosen:
            # "auto" is no model: which one it is, a later event says, or each message.
            self.model = chosen if chosen != "auto" else UNKNOWN
        if kind == "session.compaction_complete":
            yield from self.unsaid([text_of(data.get("summaryContent"))], "summary", self.unnamed(record))
            yield Shown(text_of(data.get("customInstructions")))
        elif kind in ("session.task_complete", "session.handoff"):
            yield from self.unsaid([text_of(data.get("summary"))], "summary", self.unnamed(record))
            if isinstance(data.get("context"), str):
                yield Shown(data["context"])
        elif kind == "session.shutdown":
            self.tally.changed += bool(dict_of(data.get("codeChanges")).get("filesModified"))

    def assistant(self, kind: str, data: dict[str, Any], record: dict[str, Any]) -> Iterator[Event]:
        requests = [dict_of(request) for request in list_of(data.get("toolRequests"))]
        named = [text_of(data.get("model")), *(self.models.get(text_of(r.get("toolCallId")), "") for r in requests)]
        model = next(filter(None, named), self.model)
        origin = self.origin(record, model)
        self.last = origin if origin.provider != UNKNOWN else self.last
        content = text_of(data.get("content"))
        if kind == "assistant.reasoning":
            yield from self.unsaid([content], "thinking", origin)
        elif kind == "assistant.fusion_phase_completed":
            yield from self.unsaid([content], "prose", origin)
        elif kind == "assistant.message":
            key = text_of(data.get("messageId")) or text_of(record.get("id")) or f"said.{_digest(content)}"
            if text_of(data.get("chunkIndex")) or isinstance(data.get("chunkIndex"), int):
                key = f"{key}.{data['chunkIndex']}"
            if not content.strip() and not requests and data.get("outputTokens"):
                # Some builds record that the model spoke, and not what it said.
                self.tally.stranger("assistant.message without its text")
            yield from self.unsaid([text_of(data.get("reasoningText"))], "thinking", origin, key, 1)
            yield from self.unsaid([content], "prose", origin, key, 0)
            for request in requests:
                use = text_of(request.get("toolCallId"))
                yield from self.call(use, text_of(request.get("name")), request.get("arguments"), record, model)

    def unsaid(self, texts: list[str], kind: str, origin: Origin, call: str = "", ordinal: int = 0) -> Iterator[Wrote]:
        """What the model says, unless an event before this one said the same."""
        new = tuple(text for text in texts if _normal(text) and _normal(text) not in self.said)
        if new:
            self.said.update(map(_normal, new))
            key = call or f"said.{_digest(_normal(' '.join(new)))}"
            yield Wrote(new, (), kind, "", key, ordinal, Status.APPLIED, origin)

    def call(self, use: str, name: str, given: Any, record: dict[str, Any], model: str) -> Iterator[Event]:
        """What one call wrote. The message asks for it, a later event starts it: that one is read where none asked."""
        given = _arguments(given)
        use = use or f"call.{_digest(repr(given))}"
        if use in self.users:
            self.calls[use] = (name, given)
            yield from map(Shown, strings(given))
            return
        if use in self.calls:
            if self.calls[use][1] != given:
                # A hook or a person has changed it in between.
                yield from map(Shown, strings(given))
            return
        self.calls[use] = (name, given)
        model = model if model != UNKNOWN else self.models.get(use, self.model)
        pieces = shapes.of_input(given, self.cwd)
        kinds = {piece.kind for piece in pieces}
        self.said.update(_normal(text) for piece in pieces for text in piece.blocks)
        edits = name in EDITING and text_of(dict_of(given).get("command")) not in VIEWS
        edits = edits or any(PATCH_MARK in text for text in strings(given))
        status = self.status.get(use, Status.UNKNOWN)
        self.tally.edit_calls += edits or not kinds.isdisjoint(EDIT_KINDS - {"heredoc"})
        self.tally.unread += edits and status is Status.APPLIED and kinds.isdisjoint(EDIT_KINDS)
        for ordinal, piece in enumerate(pieces):
            if piece.kind in EDIT_KINDS and not piece.blocks:
                self.tally.deletions += 1
                yield from map(Shown, piece.before)
                continue
            became = shapes.status_of(piece, status)
            origin = self.origin(record, model)
            yield Wrote(piece.blocks, piece.before, piece.kind, piece.path, use, ordinal, became, origin)

    def result(self, data: dict[str, Any], record: dict[str, Any]) -> Iterator[Event]:
        use = text_of(data.get("toolCallId"))
        name = self.calls.get(use, (text_of(data.get("toolName")), None))[0]
        texts = list(dict.fromkeys(strings([data.get("result"), data.get("error")])))
        if name in SUBAGENTS and data.get("success") is not False:
            # An agent's own messages may stand in the session already, with its model's name.
            long = [text for text in texts if len(text.split()) >= SHORT_INPUT]
            model = self.agents.get(use)
            origin = self.origin(record, model) if model else self.unnamed(record)
            yield from self.unsaid(long, "subagent", origin, use, 1000)
        elif name not in AMBIGUOUS:
            yield from map(Shown, texts)


def _status(data: dict[str, Any]) -> Status:
    """What a result says became of its call; ``success`` is missing before 1.0.50."""
    result, error = dict_of(data.get("result")), dict_of(data.get("error"))
    told = RESULTS.get(text_of(error.get("code")) or text_of(result.get("result_type")), Status.UNKNOWN)
    if data.get("success") is False:
        return told if told is Status.DECLINED else Status.FAILED
    if data.get("success") is True:
        told = Status.APPLIED
    if told is Status.APPLIED and EXIT.search(text_of(result.get("content"))[-200:]):
        return Status.FAILED
    return told


def _arguments(given: Any) -> Any:
    """Arguments as recorded: an object, or a string that may hold one as JSON."""
    if isinstance(given, str) and given.lstrip()[:1] in ("{", "["):
        value = decoded(given)
        return given if value is None else value
    return given


def _normal(text: str) -> str:
    return " ".join(text.split())


def _digest(text: str) -> str:
    return xxhash.xxh3_64_hexdigest(text.encode("utf-8", "replace"))
