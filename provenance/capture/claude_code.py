"""Claude Code transcripts (``projects/<folder>/<session>.jsonl``, 1.0.98 to 2.1.329): records to events.

The record format is internal to the tool and undocumented; the shapes here were read from its published types
and from sessions of many versions. It decides nothing about novelty.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from provenance.capture import patch, shell
from provenance.capture.origin import channel_of, provider_of
from provenance.capture.session import Event, Shown, Tally, Wrote, dict_of, list_of, records, strings, text_of
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

EDITING = frozenset({"Edit", "MultiEdit", "Write", "NotebookEdit"})
SHELLS = frozenset({"Bash", "PowerShell"})
SUBAGENTS = frozenset({"Task", "Agent"})
AMBIGUOUS = frozenset({"WebFetch"})
"""Results that a small model wrote about a page: neither shown text nor an output we can name the model of."""

# A tool input with fewer words than this is a path, a pattern or a flag, and can hold no eligible gram.
SHORT_INPUT = 12


class Result(NamedTuple):
    """What became of a tool call."""

    status: Status
    details: dict[str, Any]
    """``toolUseResult`` where it is an object."""


def recognise(record: dict[str, Any]) -> bool:
    """Whether a first record is of this format."""
    kind = record.get("type")
    if "payload" in record or not isinstance(kind, str):
        return False
    if kind in CONVERSATION:
        return "sessionId" in record or ("uuid" in record and "parentUuid" in record)
    return kind in BOOKKEEPING


def read(lines: Iterable[bytes], tally: Tally) -> list[Event]:
    """The events of one transcript, in its order."""
    tally.assistant = TOOL
    session = list(records(iter(lines), tally))
    results = {call: result for record in _flat(session) for call, result in _results(record)}
    models = (
        _origin(record, dict_of(record.get("message"))) for record in session if record.get("type") == "assistant"
    )
    first = next((origin for origin in models if origin.provider != UNKNOWN), Origin(tool=TOOL))
    tools: dict[str, Wrote] = {}
    events: list[Event] = []
    seen: set[str] = set()
    for record in session:
        kind = text_of(record.get("type")) or "(none)"
        if kind not in CONVERSATION and kind not in BOOKKEEPING:
            tally.unknown[kind] += 1
        if dict_of(dict_of(record.get("snapshot")).get("trackedFileBackups")):
            tally.changed += 1
    for record in _flat(session):
        uuid = text_of(record.get("uuid"))
        if uuid and uuid in seen:
            continue
        seen.add(uuid)
        for event in _events(record, results, tools, tally, first):
            if isinstance(event, Wrote):
                tally.wrote[event.kind] += 1
            events.append(event)
    return events


def _flat(session: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The records, with those of subagents (``progress`` of ``agent_progress``) lifted out of their wrapper."""
    for record in session:
        inner = dict_of(dict_of(record.get("data")).get("message"))
        if record.get("type") == "progress" and inner:
            around = {key: record.get(key) for key in ("sessionId", "version", "cwd", "timestamp")}
            yield {**around, **inner}
        else:
            yield record


def _results(record: dict[str, Any]) -> Iterator[tuple[str, Result]]:
    for block in list_of(dict_of(record.get("message")).get("content")):
        if not isinstance(block, dict) or block.get("type") != "tool_result":
            continue
        details = record.get("toolUseResult")
        status = Status.APPLIED
        if block.get("is_error"):
            said = " ".join(strings(block.get("content"))) + text_of(details)
            refused = "rejected" in said or "doesn't want to proceed" in said or "toolDenialKind" in record
            status = Status.DECLINED if refused else Status.FAILED
        elif dict_of(details).get("staged"):
            status = Status.STAGED
        yield text_of(block.get("tool_use_id")), Result(status, dict_of(details))


def _origin(record: dict[str, Any], message: dict[str, Any]) -> Origin:
    model = text_of(message.get("model")) or UNKNOWN
    return Origin(
        provider=provider_of(model),
        model=model,
        tool=TOOL,
        version=text_of(record.get("version")) or UNKNOWN,
        channel=channel_of(text_of(message.get("id")), model),
        session=text_of(record.get("sessionId")) or UNKNOWN,
        time=text_of(record.get("timestamp")) or UNKNOWN,
    )


def _events(
    record: dict[str, Any], results: dict[str, Result], tools: dict[str, Wrote], tally: Tally, first: Origin
) -> Iterator[Event]:
    kind = record.get("type")
    message = dict_of(record.get("message"))
    if kind == "assistant":
        if message.get("model") == "<synthetic>":
            return  # made by the tool itself: API errors, "No response requested."
        origin = _origin(record, message)
        call = text_of(record.get("uuid")) or text_of(message.get("id"))
        content = message.get("content")
        blocks = [{"type": "text", "text": content}] if isinstance(content, str) else list_of(content)
        for ordinal, block in enumerate(b for b in blocks if isinstance(b, dict)):
            if block.get("type") in ("text", "thinking"):
                text = text_of(block.get("text")) or text_of(block.get("thinking"))
                if text.strip():
                    name = "prose" if block["type"] == "text" else "thinking"
                    yield Wrote((text,), (), name, "", call, ordinal, Status.APPLIED, origin)
            elif block.get("type") == "tool_use":
                use = text_of(block.get("id")) or f"{call}.{ordinal}"
                result = results.get(use, Result(Status.UNKNOWN, {}))
                cwd = text_of(record.get("cwd"))
                found = list(
                    _tool(text_of(block.get("name")), dict_of(block.get("input")), use, result, origin, cwd, tally)
                )
                tools[use] = Wrote((), (), text_of(block.get("name")), "", use, 0, result.status, origin)
                yield from found
    elif kind == "user":
        yield from _user(record, message, tools, tally, first)
    elif kind == "attachment":
        for text in strings(record.get("attachment")):
            yield Shown(text)
    elif kind == "system":
        yield Shown(text_of(record.get("content")))


def _user(
    record: dict[str, Any], message: dict[str, Any], tools: dict[str, Wrote], tally: Tally, first: Origin
) -> Iterator[Event]:
    content = message.get("content")
    blocks = [{"type": "text", "text": content}] if isinstance(content, str) else list_of(content)
    details = dict_of(record.get("toolUseResult"))
    plan = text_of(record.get("planContent"))
    if plan:
        # A session opened with a plan that the model had written in another: the record itself says so.
        yield Wrote(
            (plan,),
            (),
            "plan",
            "",
            text_of(record.get("uuid")),
            500,
            Status.APPLIED,
            _inherit(_origin(record, {}), first),
        )
    if "structuredPatch" in details or dict_of(details.get("gitOperation")).get("commit"):
        tally.changed += 1
    for ordinal, block in enumerate(b for b in blocks if isinstance(b, dict)):
        if block.get("type") == "text":
            text = text_of(block.get("text"))
            if record.get("isCompactSummary"):
                # Written by the model, though the row is the user's; the row does not name the model.
                last = next((use.origin for use in reversed(tools.values())), first)
                origin = _inherit(_origin(record, {}), last)
                yield Wrote((text,), (), "summary", "", text_of(record.get("uuid")), ordinal, Status.APPLIED, origin)
            else:
                yield Shown(text.replace(plan, "") if plan else text)
        elif block.get("type") == "tool_result":
            use = tools.get(text_of(block.get("tool_use_id")))
            if use is not None and use.kind in AMBIGUOUS:
                continue
            if use is not None and use.kind in SUBAGENTS:
                texts = tuple(text for text in strings(block.get("content")) if len(text.split()) >= SHORT_INPUT)
                if texts and not block.get("is_error"):
                    origin = _inherit(_origin(record, {}), use.origin)
                    yield Wrote(texts, (), "subagent", "", use.call, 1000, Status.APPLIED, origin)
                continue
            for text in strings(block.get("content")):
                yield Shown(text)
            yield Shown(text_of(dict_of(details.get("file")).get("content")))


def _inherit(own: Origin, caller: Origin) -> Origin:
    """The origin of text that a model of the same session wrote without being named: its provider, not its model."""
    return Origin(
        provider=caller.provider,
        tool=TOOL,
        version=own.version if own.version != UNKNOWN else caller.version,
        channel=caller.channel,
        session=own.session if own.session != UNKNOWN else caller.session,
        time=own.time,
    )


def _tool(
    name: str, given: dict[str, Any], call: str, result: Result, origin: Origin, cwd: str, tally: Tally
) -> Iterator[Wrote]:
    path = relative(text_of(given.get("file_path")) or text_of(given.get("notebook_path")), cwd)
    original = text_of(result.details.get("originalFile")) or text_of(result.details.get("originalFileContents"))
    tally.edit_calls += name in EDITING

    def wrote(blocks: Iterable[str], before: tuple[str, ...], kind: str, path: str, ordinal: int) -> Wrote:
        return Wrote(tuple(blocks), before, kind, path, call, ordinal, result.status, origin)

    if name == "Write":
        content = text_of(given.get("content"))
        yield wrote(patch.added_blocks(original, content), (original,) if original else (), "write", path, 0)
    elif name in ("Edit", "MultiEdit"):
        edits = list_of(given.get("edits")) if name == "MultiEdit" else [given]
        for ordinal, edit in enumerate(e for e in edits if isinstance(e, dict)):
            old, new = text_of(edit.get("old_string")), text_of(edit.get("new_string"))
            before = tuple(text for text in (old, original) if text)
            yield wrote(patch.added_blocks(old, new), before, "edit", path, ordinal)
    elif name == "NotebookEdit":
        old = text_of(result.details.get("old_source"))
        new = text_of(given.get("new_source"))
        yield wrote(patch.added_blocks(old, new), (old,) if old else (), "notebook", path, 0)
    elif name in SHELLS:
        yield from from_shell(text_of(given.get("command")), cwd, call, 0, result.status, origin)
    else:
        texts = [text for text in strings(given) if len(text.split()) >= SHORT_INPUT]
        if texts:
            yield wrote(texts, (), "input", "", 0)


def from_shell(command: str, cwd: str, call: str, ordinal: int, status: Status, origin: Origin) -> Iterator[Wrote]:
    """What a command line writes (heredocs, patches), then the command itself without those texts.

    Shared by the assistants that record command lines.
    """
    rest = [command]
    for written in shell.written(command):
        changes = patch.parse_apply_patch(written.text) if written.form == "apply_patch" else []
        if changes:
            for change in changes:
                path = relative(change.path, cwd)
                yield Wrote(change.added, change.removed, "patch", path, call, ordinal, status, origin)
                ordinal += 1
        else:
            yield Wrote((written.text,), (), "heredoc", relative(written.path, cwd), call, ordinal, status, origin)
            ordinal += 1
        if written.text:
            rest = [piece for part in rest for piece in part.split(written.text)]
    pieces = tuple(piece for piece in rest if len(piece.split()) >= SHORT_INPUT // 2)
    if pieces:
        yield Wrote(pieces, (), "command", "", call, ordinal, status, origin)


def relative(path: str, cwd: str) -> str:
    """A path relative to the session's folder where it lies inside, else as recorded; always with ``/``."""
    path, cwd = path.replace("\\", "/"), cwd.replace("\\", "/").rstrip("/")
    return path[len(cwd) + 1 :] if cwd and path.startswith(cwd + "/") else path
