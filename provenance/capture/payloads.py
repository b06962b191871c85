"""What a hook's payload says: which host sent it, what the model wrote, what it was shown. It reads and writes no file.

Written against the published hook references and types of Claude Code 2.1.329 (``sdk.d.ts`` of the Agent SDK 0.3.329),
Codex 0.169 (``codex-rs/hooks/schema``), Cursor 2.x (cursor.com/docs/hooks), Gemini CLI 0.61
(``docs/hooks/reference.md``), GitHub Copilot CLI 1.0 and its SDK 1.0.14,
VS Code's agent hooks (preview), and this project's own opencode plugin.

Hosts run one another's hooks (Cursor and VS Code run those installed for Claude Code), so that the payload tells who
sends it, not the name under which the hook was installed. Fields and events are looked up under the names of all hosts.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from provenance.capture import claude_calls, shapes
from provenance.capture.foreign import dict_of, strings, text_of
from provenance.capture.shapes import Piece
from provenance.words import UNKNOWN, Status

HOSTS = ("claude-code", "codex", "cursor", "gemini-cli", "copilot-cli", "copilot-vscode", "opencode")
"""The assistants, by the names that their ingredients carry."""
BEFORE, AFTER, FAILED, DENIED, PROMPT, SAID, START, END, MODEL, COMPACT, READ = range(11)
EVENTS = {
    "pretooluse": BEFORE,
    "beforetool": BEFORE,
    "beforeshellexecution": BEFORE,
    "beforemcpexecution": BEFORE,
    "toolexecutebefore": BEFORE,
    "permissionrequest": BEFORE,
    "posttooluse": AFTER,
    "aftertool": AFTER,
    "afterfileedit": AFTER,
    "aftertabfileedit": AFTER,
    "aftershellexecution": AFTER,
    "aftermcpexecution": AFTER,
    "toolexecuteafter": AFTER,
    "posttoolusefailure": FAILED,
    "permissiondenied": DENIED,
    "userpromptsubmit": PROMPT,
    "userpromptsubmitted": PROMPT,
    "beforesubmitprompt": PROMPT,
    "beforeagent": PROMPT,
    "chatmessage": PROMPT,
    "stop": SAID,
    "subagentstop": SAID,
    "agentstop": SAID,
    "afteragent": SAID,
    "afteragentresponse": SAID,
    "afteragentthought": SAID,
    "experimentaltextcomplete": SAID,
    "agentturncomplete": SAID,
    "sessionstart": START,
    "sessionend": END,
    "postmodelswitch": MODEL,
    "precompact": COMPACT,
    "precompress": COMPACT,
    "beforereadfile": READ,
    "beforetabfileread": READ,
}
"""The events of all hosts, without capitals, dots, hyphens and underscores."""
_PASSES = frozenset({"webfetch", "web_fetch"})
"""Results that another model wrote about a page: neither shown text nor an output we can name the model of."""


class Call(NamedTuple):
    """One thing that the model wrote, in pieces, under the id that the host gave it (it may have none)."""

    pieces: tuple[Piece, ...]
    call: str
    status: Status
    first: int = 0
    """The ordinal of the first piece."""
    named: bool = True
    """Whether it is by the session's own model, which the host names; a subagent's model is not known."""


class Heard(NamedTuple):
    """A payload, whoever sent it."""

    host: str
    event: int
    session: str
    cwd: str
    transcript: str
    model: str
    version: str
    calls: tuple[Call, ...]
    shown: tuple[str, ...]
    """Text that the model was shown, after the calls."""
    targets: tuple[str, ...]
    """Files that a call is about to write: what they hold is shown before."""


class Unreadable(Exception):
    """A payload that is not what it should be; the message says why."""


def hear(payload: Any, named: str, event: str = "") -> Heard:
    """What a payload says; ``named`` is the assistant that the hook was installed for, ``event`` what the command line
    says about the event where the payload does not. Raises Unreadable."""
    if not isinstance(payload, dict):
        raise Unreadable("the payload is no JSON object")
    name = _text(payload, "hook_event_name", "hookEventName", "hook", "type", "event") or event
    kind = EVENTS.get("".join(char for char in name.lower() if char.isalnum()))
    if kind is None:
        kind = _event_of(payload) if not name else None
    if kind is None:
        raise Unreadable(f"unknown event {name[:40]!r}")
    host = host_of(payload, named)
    if host == "opencode":
        # The plugin passes on what opencode gives its hooks, as two objects.
        payload = {**payload, **dict_of(payload.get("output")), **dict_of(payload.get("input"))}
    cwd = _text(payload, "cwd", "workingDirectory", "working_directory", "directory") or next(
        strings(payload.get("workspace_roots")), ""
    )
    session = _text(payload, "session_id", "sessionId", "conversation_id", "sessionID", "thread-id", "thread_id")
    model = (
        _text(payload, "model", "to_model")
        or _text(dict_of(payload.get("model")), "modelID", "id")
        or _text(dict_of(payload.get("llm_request")), "model")
    )
    calls, shown, targets = _said(host, kind, payload, cwd)
    return Heard(
        host=host,
        event=kind,
        session=session or UNKNOWN,
        cwd=cwd,
        transcript=_text(payload, "agent_transcript_path", "transcript_path", "transcriptPath"),
        model=model or UNKNOWN,
        version=_text(payload, "cursor_version", "version", "cli_version") or UNKNOWN,
        calls=calls,
        shown=shown,
        targets=targets,
    )


def host_of(payload: dict[str, Any], named: str) -> str:
    """Who sends a payload: told by what only one host writes, else the assistant that the hook was installed for."""
    transcript = _text(payload, "transcript_path", "transcriptPath").replace("\\", "/")
    if "cursor_version" in payload or "workspace_roots" in payload or "/.cursor/" in transcript:
        return "cursor"
    if "extensionId" in payload or "/github.copilot" in transcript.lower():  # .../GitHub.copilot-chat/transcripts
        return "copilot-vscode"
    if _text(payload, "host") == "opencode":
        return "opencode"
    if (
        "toolArgs" in payload
        or "/.copilot/" in transcript
        or ("sessionId" in payload and "hook_event_name" not in payload)
    ):
        return "copilot-cli"
    if _text(payload, "hook_event_name") in ("BeforeTool", "AfterTool", "BeforeAgent", "AfterAgent", "PreCompress"):
        return "gemini-cli"
    if "turn_id" in payload or "turn-id" in payload:
        return "codex"
    return {"copilot": "copilot-cli"}.get(named, named)


def _event_of(payload: dict[str, Any]) -> int | None:
    """The event of a payload that does not name it (Copilot's)."""
    if _text(payload, "toolName", "tool_name"):
        return AFTER if "toolResult" in payload or "tool_response" in payload else BEFORE
    return PROMPT if "prompt" in payload else START if "source" in payload else END if "reason" in payload else None


def _said(
    host: str, kind: int, payload: dict[str, Any], cwd: str
) -> tuple[tuple[Call, ...], tuple[str, ...], tuple[str, ...]]:
    """The calls, what was shown, and the files that are about to be written."""
    if kind == PROMPT:
        return (), tuple(strings([payload.get(key) for key in ("prompt", "message", "attachments", "parts")])), ()
    if kind == READ:
        return (), tuple(strings(payload.get("content"))), ()
    if kind == SAID:
        shown = tuple(strings(payload.get("input-messages")))
        said = _text(
            payload,
            "last_assistant_message",
            "last-assistant-message",
            "prompt_response",
            "lastAssistantMessage",
            "response",
            "text",
        )
        one = Call((Piece((said,), (), "prose", ""),), "", Status.APPLIED, named="agent_id" not in payload)
        return ((one,) if said.strip() else ()), shown, ()
    if kind not in (BEFORE, AFTER, FAILED, DENIED):
        return (), (), ()
    tool = _text(payload, "tool_name", "toolName", "tool")
    given = next((payload[key] for key in ("tool_input", "toolArgs", "args") if key in payload), None)
    if given is None:  # Cursor's own events have the fields of the call at the top
        keys = ("file_path", "edits", "command", "content")
        given = {key: payload[key] for key in keys if key in payload}
    given = _value(given)
    result = next(
        (payload[key] for key in ("tool_response", "toolResult", "tool_output", "output") if key in payload), ""
    )
    result = _value(result)
    if kind == AFTER and tool.lower() in _PASSES:
        return (), (), ()
    status = {AFTER: _status_of(result), FAILED: Status.FAILED, DENIED: Status.DECLINED, BEFORE: Status.UNKNOWN}[kind]
    pieces = _pieces(host, tool, given, dict_of(result), cwd)
    call = _text(payload, "tool_use_id", "toolUseId", "tool_call_id", "toolCallId", "callID", "call_id")
    if kind == BEFORE:
        return (), (), tuple(piece.path for piece in pieces if piece.kind in ("write", "heredoc") and piece.path)
    calls = [Call(tuple(pieces), call, status)] if pieces else []
    shown = tuple(
        text for value in (result, payload.get("error"), payload.get("llm_response")) for text in strings(value)
    )
    if kind == AFTER and tool in claude_calls.SUBAGENTS and host == "claude-code":
        answers = claude_calls.texts(dict_of(result).get("content"))
        if answers and dict_of(result).get("status") != "async_launched":
            calls.append(Call((Piece(answers, (), "subagent", ""),), call, Status.APPLIED, 1000, named=False))
        shown = ()
    amended = _amended(given)
    return tuple(calls), (*amended, *shown), ()


def _pieces(host: str, tool: str, given: Any, result: dict[str, Any], cwd: str) -> list[Piece]:
    if host == "claude-code":
        return claude_calls.pieces(tool, given, result, cwd)
    if host == "codex" and tool == "apply_patch":
        return shapes.of_patch("\n".join(strings(given)), cwd)
    proposed = text_of(dict_of(given).get("ai_proposed_content"))
    if proposed and dict_of(given).get("modified_by_user") is True:
        # The person's version stands in content, or in old_string and new_string as whole files (Gemini CLI 0.61).
        before = text_of(given.get("old_string"))
        given = {"file_path": given.get("file_path"), "old_string": before, "new_string": proposed}
    return shapes.of_input(given, cwd)


def _amended(given: Any) -> tuple[str, ...]:
    """What a person made of a proposal before accepting it (Gemini CLI): text that the model is shown."""
    fields = dict_of(given)
    if fields.get("modified_by_user") is not True:
        return ()
    return tuple(text for key in ("content", "new_string") if (text := text_of(fields.get(key))))


def _status_of(result: Any) -> Status:
    """What a result says became of its call."""
    fields = dict_of(result)
    kind = text_of(fields.get("resultType")).lower()
    if fields.get("staged") is True:
        return Status.STAGED
    if kind in ("denied", "rejected"):
        return Status.DECLINED
    if kind in ("failure", "error") or fields.get("success") is False or fields.get("error"):
        return Status.FAILED
    return Status.APPLIED


def _value(given: Any) -> Any:
    """A value, or the JSON that a string holds (Copilot's and Cursor's arguments and results)."""
    if isinstance(given, str) and given.lstrip()[:1] in ("{", "["):
        import json

        try:
            return json.loads(given)
        except (ValueError, RecursionError):
            return given
    return given


def _text(fields: dict[str, Any], *names: str) -> str:
    return next((text for name in names if (text := text_of(fields.get(name)))), "")
