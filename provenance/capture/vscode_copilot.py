"""Copilot in VS Code: chat sessions (``chatSessions/<id>.json``, ``.jsonl`` since 1.109) and event streams.

Shapes after microsoft/vscode ``chatModel.ts`` and ``chatService.ts`` (documents of versions 1 to 3),
``objectMutationLog.ts`` (a log: kind 0 the whole state, 1 set, 2 cut and push, 3 delete) and the tool call rounds of
microsoft/vscode-copilot-chat. An event stream has the records of ``copilot``. What a log takes back (a retry, an edited
prompt) is read too: the model wrote it. It decides nothing about novelty.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import xxhash

from provenance.capture import copilot, shapes
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
from provenance.capture.shapes import PATCH_MARK, SHORT_INPUT, Piece
from provenance.model import UNKNOWN, Origin, Status

TOOL = "copilot-vscode"

SILENT = frozenset(
    """inlineReference codeblockUri undoStop prepareToolInvocation mcpServersStarting reference usedContext command
    multiDiffData treeData extensions pullRequest workspaceEdit clearToPreviousToolInvocation move codeCitation
    mcpAuthenticationRequired mcpServersStartingSlow disabledClaudeHooks voiceProgress autoModeResolution externalEdit
    externalEdits usage""".split()
)
"""Kinds of response parts without text of the conversation."""
HARNESS = frozenset(
    """progressMessage progressTask progressTaskSerialized warning info systemNotification confirmation hook
    elicitation elicitationSerialized elicitation2 planReview""".split()
)
"""Kinds of response parts that the program or an extension words, not the model."""
EDITING = frozenset(
    """create_file replace_string_in_file multi_replace_string_in_file insert_edit_into_file edit_notebook_file
    apply_patch edit_file edit_files""".split()
)
SUBAGENTS = frozenset({"runSubagent", "search_subagent", "execution_subagent"})
NOTEBOOKS = frozenset({"edit_notebook_file"})

ELIDED = re.compile(r"^.*\.\.\. ?existing code ?\.\.\..*$|^\.\.\.\s*$", re.MULTILINE)
"""What stands for the file's own lines in the code of ``insert_edit_into_file``."""
REFUSED = re.compile(
    r"\s*(?:(?:the )?user (?:cancell?ed|chose to skip|declined|denied|rejected)|cancell?ed\b|tool call was skipped)",
    re.I,
)
FAILED = re.compile(r"\s*ERROR\b|\s*Error(?: while|:)")
NAME = re.compile(r"(.+?) • [\d.]+x")
"""A model's name with its price, as a chat shows it under an answer."""


class State(NamedTuple):
    """What a file holds: sessions as they stand at its end, and what its log took back, by request."""

    sessions: list[dict[str, Any]]
    removed: list[dict[str, Any]]
    """Requests that a log cut off."""
    parts: dict[str, list[Any]]
    """Response parts that a log cut off."""
    results: dict[str, list[dict[str, Any]]]
    """Results that a log replaced."""
    chosen: dict[str, str]
    """The model that was selected when a log took up the request."""


def recognise(record: dict[str, Any]) -> bool:
    """Whether a first record is of this format: a document, a line of a log, or the head of an event stream."""
    if record.get("type") == "session.start":
        return "vscodeVersion" in dict_of(record.get("data"))
    kind, at = record.get("kind"), list_of(record.get("k"))
    if isinstance(kind, int) and not isinstance(kind, bool):
        if kind == 0:
            return isinstance(dict_of(record.get("v")).get("requests"), list)
        return kind in (1, 2, 3) and bool(at) and at[0] in ("requests", "inputState")
    requests = record.get("requests")
    if not isinstance(requests, list):
        return False
    named = any("requestId" in dict_of(request) and "response" in dict_of(request) for request in requests)
    return named or bool(record.keys() & {"responderUsername", "initialLocation", "inputState"})


def read(lines: Iterable[bytes], tally: Tally) -> list[Event]:
    """The events of one file, in its order."""
    session = list(records(lines, tally))
    if any(text_of(record.get("type")) and "data" in record for record in session[:1]):
        return copilot.read_session(session, tally, TOOL)
    tally.assistant = TOOL
    state = _replayed(session, tally)
    events: list[Event] = []
    for chat in state.sessions:
        if len(state.sessions) > 1:
            events.append(Start(text_of(chat.get("sessionId"))))
        for event in _Reader(chat, state, tally).events():
            if isinstance(event, Wrote):
                tally.wrote[event.kind] += 1
            events.append(event)
    return events


def _replayed(session: list[dict[str, Any]], tally: Tally) -> State:
    """The state at the end of a file, with what its log took back; a line that changes nothing is unknown."""
    state = State([], [], {}, {}, {})
    for record in session:
        kind, at, value = record.get("kind"), list_of(record.get("k")), record.get("v")
        if kind == 0 and isinstance(value, dict):
            for one in state.sessions[-1:]:
                if one.get("sessionId") == value.get("sessionId"):
                    # Written anew: the same chat, shorter or longer.
                    _remove(state, ["requests"], one.get("requests"))
                    state.sessions.pop()
            state.sessions.append(value)
        elif isinstance(record.get("requests"), list):
            state.sessions.append(record)
        elif kind in (1, 2, 3) and at:
            if not state.sessions:
                state.sessions.append({"requests": []})
            if not _changed(state, kind, at, value, record.get("i")):
                tally.stranger(f"kind {kind} out of place")
        else:
            tally.stranger(f"record/{kind or next(iter(record), '(none)')}")
    return state._replace(removed=_folded(state))


def _folded(state: State) -> list[dict[str, Any]]:
    """The removed requests that stand nowhere any more; an earlier form of one that does is added to that one."""
    chats = (list_of(chat.get("requests")) for chat in state.sessions)
    known = {text_of(dict_of(request).get("requestId")) for chat in chats for request in chat} - {""}
    rest: list[dict[str, Any]] = []
    for request in state.removed:
        name = text_of(request.get("requestId"))
        if name in known:
            state.parts.setdefault(name, []).extend(list_of(request.get("response")))
            state.results.setdefault(name, []).append(dict_of(request.get("result")))
        else:
            rest.append(request)
            known |= {name} - {""}
    return rest


def _changed(state: State, kind: Any, at: list[Any], value: Any, start: Any) -> bool:
    """Whether one line of a log could be applied to the last session."""
    chat = state.sessions[-1]
    parent: Any = chat
    for key in at[:-1]:
        parent = _child(parent, key)
    last = at[-1]
    old = _child(parent, last)
    if kind == 2:
        array = old if isinstance(old, list) else []
        if isinstance(start, int) and 0 <= start < len(array):
            _remove(state, at, array[start:], chat)
            del array[start:]
        for request in map(dict_of, list_of(value) if at == ["requests"] else []):
            selected = text_of(dict_of(dict_of(chat.get("inputState")).get("selectedModel")).get("identifier"))
            state.chosen.setdefault(text_of(request.get("requestId")), selected)
        array.extend(list_of(value))
        value = array
    else:
        _remove(state, at, old, chat)
    if isinstance(parent, dict) and isinstance(last, str):
        if kind == 3:
            parent.pop(last, None)
        else:
            parent[last] = value
        return True
    if isinstance(parent, list) and isinstance(last, int) and not isinstance(last, bool) and 0 <= last <= len(parent):
        parent[last : last + 1] = [value]
        return True
    return False


def _child(parent: Any, key: Any) -> Any:
    if isinstance(parent, dict) and isinstance(key, str):
        return parent.get(key)
    if isinstance(parent, list) and isinstance(key, int) and 0 <= key < len(parent):
        return parent[key]
    return None


def _remove(state: State, at: list[Any], old: Any, chat: dict[str, Any] | None = None) -> None:
    """Keep what a change takes away from the requests of a chat."""
    if not at or at[0] != "requests":
        return
    if len(at) <= 2:
        state.removed.extend(one for one in (old if isinstance(old, list) else [old]) if isinstance(one, dict))
        return
    name = text_of(dict_of(_child(dict_of(chat).get("requests"), at[1])).get("requestId"))
    if at[2] == "response":
        state.parts.setdefault(name, []).extend(old if isinstance(old, list) else [old])
    elif at[2:] == ["result"] and isinstance(old, dict):
        state.results.setdefault(name, []).append(old)


class _Reader:
    """One chat: its folder, and what of the request at hand was read already."""

    def __init__(self, chat: dict[str, Any], state: State, tally: Tally) -> None:
        self.chat = chat
        self.state = state
        self.tally = tally
        self.cwd = ""
        self.said = ""
        """What the model wrote in this request, normal: the response repeats the rounds of calls."""
        self.calls: set[str] = set()
        self.paths: set[str] = set()
        """The files that calls of this request edit."""

    def events(self) -> Iterator[Event]:
        last = self.chat is self.state.sessions[-1]
        for request in [*list_of(self.chat.get("requests")), *(self.state.removed if last else [])]:
            if isinstance(request, dict):
                yield from self.request(request)
            else:
                self.tally.stranger(f"request/{type(request).__name__}")

    def origin(self, request: dict[str, Any]) -> Origin:
        identifier = _model(request, self.state.chosen)
        vendor, _, model = identifier.partition("/") if "/" in identifier else (UNKNOWN, "", identifier)
        provider = provider_of(model)
        result = dict_of(dict_of(request.get("result")).get("metadata"))
        session = text_of(self.chat.get("sessionId")) or text_of(result.get("sessionId"))
        return Origin(
            provider=provider,
            model=model,
            tool=TOOL,
            version=text_of(dict_of(request.get("agent")).get("extensionVersion")) or UNKNOWN,
            channel=vendor if vendor not in (UNKNOWN, provider) else channel_of("", model),
            session=session or UNKNOWN,
            time=instant(request.get("timestamp")),
        )

    def request(self, request: dict[str, Any]) -> Iterator[Event]:
        name = text_of(request.get("requestId"))
        origin = self.origin(request)
        parts = [_part(part) for part in list_of(request.get("response"))]
        gone = [_part(part) for part in reversed(self.state.parts.get(name, []) if name else [])]
        results = [dict_of(request.get("result")), *reversed(self.state.results.get(name, []) if name else [])]
        self.said, self.calls, self.paths = "", set(), set()
        folders = (dict_of(part.get("baseUri")) for part in parts)
        folder = next((text_of(uri.get("path")) for uri in folders if uri.get("scheme") == "file"), "")
        self.cwd = re.sub(r"^/(?=\w:)", "", folder) or self.cwd
        yield from map(Shown, strings([request.get("message"), request.get("variableData")]))
        invoked = {text_of(part.get("toolCallId")): part for part in parts if "toolCallId" in part}
        for result in results:
            yield from self.rounds(dict_of(result.get("metadata")), invoked, name, origin)
        yield from self.response(parts, name, origin)
        for part in gone:
            yield from self.response([part], name, origin)
        for follow in list_of(request.get("followups")):
            yield from self.unsaid([text_of(dict_of(follow).get("message"))], "prose", name, origin)

    def rounds(
        self, metadata: dict[str, Any], invoked: dict[str, dict[str, Any]], name: str, origin: Origin
    ) -> Iterator[Event]:
        """The rounds of an agent: what it thought, said and called, and what came of each call."""
        for key in ("renderedUserMessage", "renderedGlobalContext"):
            yield from map(Shown, strings(metadata.get(key)))
        outputs = dict_of(metadata.get("toolCallResults"))
        for turn in map(dict_of, list_of(metadata.get("toolCallRounds"))):
            thinking = [_joined(one.get("text")) for one in map(dict_of, _listed(turn.get("thinking")))]
            yield from self.unsaid(thinking, "thinking", name, origin)
            yield from self.unsaid([text_of(turn.get("response"))], "prose", name, origin)
            for call in map(dict_of, list_of(turn.get("toolCalls"))):
                use = text_of(call.get("id")) or f"{name}.{_digest(repr(call))}"
                if use in self.calls:
                    continue
                self.calls.add(use)
                output = [_rendered(part) for part in list_of(dict_of(outputs.get(use)).get("content"))]
                part = invoked.get(use) or invoked.get(use.partition("__vscode")[0]) or {}
                status = _status(part, output if use in outputs else None)
                yield from self.call(use, text_of(call.get("name")), call.get("arguments"), status, origin)
                if text_of(call.get("name")) in SUBAGENTS:
                    yield from self.unsaid(_long(output), "subagent", use, _nameless(origin), 1000)
                else:
                    yield from map(Shown, output)
            yield from self.unsaid([text_of(turn.get("summary"))], "summary", name, _nameless(origin))
            yield Shown(text_of(turn.get("hookContext")))
        for use in outputs.keys() - self.calls:
            yield from (Shown(_rendered(part)) for part in list_of(dict_of(outputs[use]).get("content")))
        for summary in map(dict_of, [metadata.get("summary"), *list_of(metadata.get("summaries"))]):
            yield from self.unsaid([text_of(summary.get("text"))], "summary", name, _nameless(origin))

    def call(self, use: str, name: str, given: Any, status: Status, origin: Origin) -> Iterator[Event]:
        given = _arguments(given)
        pieces = self.pieces(name, given)
        kinds = {piece.kind for piece in pieces}
        edits = name in EDITING or any(PATCH_MARK in text for text in strings(given))
        self.tally.edit_calls += edits or not kinds.isdisjoint(EDIT_KINDS - {"heredoc"})
        self.tally.unread += edits and status is Status.APPLIED and kinds.isdisjoint(EDIT_KINDS)
        self.paths |= {piece.path for piece in pieces if piece.kind in EDIT_KINDS}
        self.said += "\0" + "\0".join(map(_normal, strings(given)))
        yield from self.wrote(pieces, use, status, origin)

    def pieces(self, name: str, given: Any) -> list[Piece]:
        """What a call writes; the code of ``insert_edit_into_file`` leaves the file's own lines out."""
        named = dict_of(given)
        code = text_of(named.get("code"))
        if name in ("insert_edit_into_file", "edit_file") and code:
            rest = shapes.of_input({key: value for key, value in named.items() if key != "code"}, self.cwd)
            path = text_of(named.get("filePath")) or text_of(named.get("path"))
            blocks = tuple(block.strip("\n") for block in ELIDED.split(code) if block.strip())
            return [Piece(blocks, (), "edit", shapes.relative(path, self.cwd)), *rest]
        pieces = shapes.of_input(given, self.cwd)
        if name in NOTEBOOKS:
            pieces = [piece._replace(kind="notebook") if piece.kind == "edit" else piece for piece in pieces]
        return pieces

    def wrote(self, pieces: list[Piece], use: str, status: Status, origin: Origin) -> Iterator[Event]:
        for ordinal, piece in enumerate(pieces):
            if piece.kind in EDIT_KINDS and not piece.blocks:
                self.tally.deletions += 1
                yield from map(Shown, piece.before)
                continue
            became = shapes.status_of(piece, status)
            yield Wrote(piece.blocks, piece.before, piece.kind, piece.path, use, ordinal, became, origin)

    def unsaid(self, texts: list[str], kind: str, call: str, origin: Origin, ordinal: int = 0) -> Iterator[Wrote]:
        """What the model said, unless it was read already: the parts of a response repeat the rounds in pieces."""
        # A fence around code that stands in a part of its own is no text.
        told = (text for text in texts if any(map(str.isalnum, text)))
        new = tuple(text for text in told if _normal(text) not in self.said)
        if new:
            self.said += "\0" + "\0".join(map(_normal, new))
            key = call if ordinal else f"{call or 'said'}.{_digest(_normal(' '.join(new)))}"
            yield Wrote(new, (), kind, "", key, ordinal, Status.APPLIED, origin)

    def response(self, parts: list[dict[str, Any]], name: str, origin: Origin) -> Iterator[Event]:
        """The parts of a response, for what no round holds: plain chats, inner calls of subagents, cut answers."""
        said: list[str] = []
        for part in [*parts, {"kind": ""}]:
            kind = text_of(part.get("kind"))
            if kind in ("markdownContent", "markdownVuln"):
                said.append(_text(part.get("content")))
                continue
            if not kind and "value" in part:
                said.append(_text(part))
                continue
            if kind == "inlineReference":
                said.append(_reference(part))
                continue
            # A reference stands within a sentence, any other part between two.
            fresh = [text for text in said if any(map(str.isalnum, text)) and _normal(text) not in self.said]
            if fresh:
                yield from self.unsaid(["".join(said)], "prose", name, origin)
            said = []
            yield from self.part(kind, part, name, origin)

    def part(self, kind: str, part: dict[str, Any], name: str, origin: Origin) -> Iterator[Event]:
        if kind == "thinking":
            yield from self.unsaid([_joined(part.get("value"))], "thinking", name, origin)
        elif kind in ("textEditGroup", "notebookEditGroup"):
            yield from self.group(part, kind == "notebookEditGroup", name, origin)
        elif kind in ("toolInvocationSerialized", "toolInvocation"):
            yield from self.invocation(part, name, origin)
        elif kind == "questionCarousel":
            questions = [dict_of(one) for one in list_of(part.get("questions"))]
            keys = ("title", "message", "description", "detailedMessage")
            yield from self.unsaid([_text(one.get(key)) for one in questions for key in keys], "prose", name, origin)
            yield from map(Shown, strings(part.get("data")))
        elif kind in HARNESS:
            yield from map(Shown, strings(part))
        elif kind and kind not in SILENT:
            self.tally.stranger(f"response/{kind}")

    def group(self, part: dict[str, Any], cells: bool, name: str, origin: Origin) -> Iterator[Event]:
        """Edits that the editor made to one file, unless a call gave them: what was there before is not recorded."""
        path = shapes.relative(_path(part.get("uri")), self.cwd)
        blocks = _cells(part.get("edits")) if cells else _blocks(part.get("edits"))
        new = tuple(block for block in blocks if path not in self.paths and _normal(block) not in self.said)
        if new:
            self.tally.edit_calls += 1
            self.said += "\0" + "\0".join(map(_normal, new))
            status = Status.APPLIED if part.get("done") is True else Status.UNKNOWN
            kind = "notebook" if cells else "edit"
            yield from self.wrote([Piece(new, (), kind, path)], f"{name}.{_digest(repr(new))}", status, origin)

    def invocation(self, part: dict[str, Any], name: str, origin: Origin) -> Iterator[Event]:
        """What a response records of a call beside its round, which may be missing."""
        data, details = dict_of(part.get("toolSpecificData")), dict_of(part.get("resultDetails"))
        use = text_of(part.get("toolCallId")) or f"{name}.{_digest(repr(part))}"
        status = _status(part, None if part.get("isComplete") is not True else [])
        kind = data.get("kind")
        line = dict_of(data.get("commandLine"))
        if kind == "terminal":
            command = text_of(line.get("original")) or text_of(data.get("command"))
            yield from self.inner(use, {"command": command}, status, origin)
            yield Shown(text_of(line.get("userEdited")))
            yield Shown(text_of(dict_of(data.get("terminalCommandOutput")).get("text")))
        elif kind == "subagent":
            yield from self.inner(use, {"prompt": data.get("prompt")}, status, origin)
            model = text_of(data.get("modelId")) or text_of(data.get("modelName")) or UNKNOWN
            named = _nameless(origin, provider_of(model), model) if model != UNKNOWN else _nameless(origin)
            yield from self.unsaid([text_of(data.get("result"))], "subagent", use, named, 1000)
        elif kind == "input":
            yield from self.inner(use, data.get("rawInput"), status, origin)
        elif kind == "simpleToolInvocation":
            yield from self.inner(use, {"input": data.get("input")}, status, origin)
            yield Shown(text_of(data.get("output")))
        if "input" in details:
            yield from self.inner(use, _arguments(details.get("input")), status, origin)
            yield from map(Shown, strings(details.get("output")))

    def inner(self, use: str, given: Any, status: Status, origin: Origin) -> Iterator[Event]:
        texts = [text for text in map(_normal, strings(given)) if text]
        if use not in self.calls and any(text not in self.said for text in texts):
            self.calls.add(use)
            yield from self.call(use, "", given, status, origin)


def _part(value: Any) -> dict[str, Any]:
    """A response part; a string is a Markdown text."""
    return {"value": value} if isinstance(value, str) else dict_of(value)


def _model(request: dict[str, Any], chosen: dict[str, str]) -> str:
    """The model that a request names, the one that "auto" came to first; else the one selected when it was sent."""
    result = dict_of(request.get("result"))
    metadata = dict_of(result.get("metadata"))
    routed = [dict_of(dict_of(part).get("resolved")).get("id") for part in list_of(request.get("response"))]
    shown = NAME.match(text_of(result.get("details")))
    selected = chosen.get(text_of(request.get("requestId")), "")
    named = [
        request.get("modelId"),
        dict_of(result.get("usage")).get("actualModelId"),
        metadata.get("resolvedModel"),
        metadata.get("modelId"),
        *routed,
        shown[1] if shown and provider_of(shown[1]) != UNKNOWN else "",
        selected,
    ]
    ids = (text for text in map(text_of, named) if text and text.rpartition("/")[2] != "auto")
    return next(ids, UNKNOWN)


def _nameless(origin: Origin, provider: str = "", model: str = UNKNOWN) -> Origin:
    """The origin of text that another model wrote for this one: of the same provider where it is not named."""
    return Origin(
        provider=provider or origin.provider,
        model=model,
        tool=TOOL,
        version=origin.version,
        channel=origin.channel,
        session=origin.session,
        time=origin.time,
    )


def _status(part: dict[str, Any], output: list[str] | None) -> Status:
    """What became of a call: what the person decided (a yes or no before 1.104), else what came out."""
    confirmed = part.get("isConfirmed")
    reason = dict_of(confirmed).get("type")
    if confirmed is False or (isinstance(reason, int) and reason in (0, 5) and not isinstance(reason, bool)):
        return Status.DECLINED
    said = " ".join(output or [])[:200]
    if REFUSED.match(said):
        return Status.DECLINED
    if FAILED.match(said):
        return Status.FAILED
    return Status.UNKNOWN if output is None else Status.APPLIED


def _rendered(part: Any, depth: int = 0) -> str:
    """The text of a tool's output: plain, or a tree of rendered pieces of which some begin a line."""
    value = dict_of(part).get("value", part)
    if isinstance(value, str):
        return value
    node = dict_of(value).get("node")
    if node is None:
        return "\n".join(strings(value))
    return _leaves(node, depth)


def _leaves(node: Any, depth: int) -> str:
    if depth > 200:
        return ""
    text = text_of(dict_of(node).get("text"))
    own = "\n" + text if dict_of(node).get("lineBreakBefore") else text
    return own + "".join(_leaves(child, depth + 1) for child in list_of(dict_of(node).get("children")))


def _blocks(batches: Any) -> list[str]:
    """The text that edits put in, neighbours joined: an editor streams an answer line by line."""
    blocks: list[list[str]] = []
    end = -1
    for edit in (dict_of(edit) for batch in list_of(batches) for edit in list_of(batch)):
        text, place = text_of(edit.get("text")), dict_of(edit.get("range"))
        first, last = place.get("startLineNumber"), place.get("endLineNumber")
        if not isinstance(first, int) or not isinstance(last, int):
            first = last = -2
        joined = blocks and text and 0 <= first - end <= 1
        if joined:
            blocks[-1].append(text)
        elif text.strip():
            blocks.append([text])
        end = max(last, first + text.count("\n"))
    return ["\n".join(part.removesuffix("\n") for part in block) for block in blocks]


def _cells(batches: Any) -> list[str]:
    """The sources of cells that edits put into a notebook, and the text edits of cells."""
    blocks: list[str] = []
    for edit in (dict_of(edit) for batch in list_of(batches) for edit in list_of(batch)):
        blocks += (_joined(dict_of(cell).get("source")) for cell in list_of(edit.get("cells")))
        blocks.append(text_of(dict_of(edit.get("edit")).get("text")))
    return [block for block in blocks if block.strip()]


def _reference(part: dict[str, Any]) -> str:
    """What a reference to a file or symbol says in a sentence."""
    uri = dict_of(part.get("inlineReference"))
    uri = dict_of(uri.get("uri")) or dict_of(dict_of(uri.get("location")).get("uri")) or uri
    return text_of(part.get("name")) or _path(uri).replace("\\", "/").rpartition("/")[2]


def _path(uri: Any) -> str:
    """The path of a URI, ``fsPath`` first: a drive letter has no slash before it there."""
    path = text_of(dict_of(uri).get("fsPath")) or text_of(dict_of(uri).get("path"))
    return re.sub(r"^/(?=\w:)", "", path)


def _text(value: Any) -> str:
    """A string, or the value of a Markdown text."""
    return text_of(value) or text_of(dict_of(value).get("value"))


def _joined(value: Any) -> str:
    """A text that may come in pieces."""
    return "".join(piece for piece in value if isinstance(piece, str)) if isinstance(value, list) else _text(value)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _long(texts: list[str]) -> list[str]:
    return [text for text in texts if len(text.split()) >= SHORT_INPUT]


def _arguments(given: Any) -> Any:
    """Arguments as recorded: JSON in a string, or the value itself."""
    if isinstance(given, str) and given.lstrip()[:1] in ("{", "["):
        value = decoded(given)
        return given if value is None else value
    return given


def _normal(text: str) -> str:
    return " ".join(text.split())


def _digest(text: str) -> str:
    return xxhash.xxh3_64_hexdigest(text.encode("utf-8", "replace"))
