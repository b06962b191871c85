"""Gemini CLI chats (``~/.gemini/tmp/<project>/chats/session-*``): ``.json`` documents (0.23), ``.jsonl`` logs (0.61).

Shapes after google-gemini/gemini-cli ``packages/core/src/services/chatRecordingService.ts`` and its types, compared
with the package of 0.61.0. A log repeats a message whenever it changes, sets fields of the head (``$set``, the
messages too), and takes messages back (``$rewindTo``). The last form of a message counts; what only an earlier form
says is kept, and so is what was taken back: the model wrote it. It decides nothing about novelty.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import xxhash

from provenance.capture import patch, shapes
from provenance.capture.origin import channel_of, instant, provider_of
from provenance.capture.session import (
    EDIT_KINDS,
    Event,
    Shown,
    Start,
    Tally,
    Wrote,
    dict_of,
    list_of,
    records,
    strings,
    text_of,
)
from provenance.capture.shapes import SHORT_INPUT, Piece
from provenance.model import UNKNOWN, Origin, Status

TOOL = "gemini-cli"

MESSAGES = frozenset({"user", "gemini", "info", "error", "warning"})
EDITING = frozenset({"replace", "write_file", "edit", "smart_edit"})
SUBAGENTS = frozenset({"invoke_agent", "delegate_to_agent", "codebase_investigator", "generalist", "cli_help"})
AMBIGUOUS = frozenset({"google_web_search", "web_fetch"})
"""Results that a model wrote about pages: neither shown text nor an output we can name the model of."""
CANNED = frozenset({"Got it. Thanks for the additional context!", "Binary content received. Proceeding with analysis."})
"""What the tool itself puts into the model's mouth, after a compression and for a picture."""
AMENDED = ("modified_by_user", "ai_proposed_content", "old_string", "new_string", "content")

SNAPSHOT = re.compile(r"\s*(?:<scratchpad>.*?</scratchpad>\s*)?<state_snapshot>", re.DOTALL)
REFUSED = re.compile(r"User did not allow tool call|User denied execution|User cancelled operation")
EXIT = re.compile(r"^Exit Code: [1-9]", re.MULTILINE)


class Conversation(NamedTuple):
    """One chat: the fields of its head, and every recorded form of each message, by id."""

    head: dict[str, Any]
    messages: dict[str, list[dict[str, Any]]]
    summaries: list[str]


def recognise(record: dict[str, Any]) -> bool:
    """Whether a first record is of this format: a head, a whole document, or a message of the model."""
    if text_of(record.get("sessionId")) and text_of(record.get("projectHash")):
        messages = record.get("messages", [])
        types = {text_of(dict_of(message).get("type")) for message in list_of(messages)}
        # Programs that descend from this one name the model's messages otherwise ("qwen").
        known = "gemini" in types or types <= MESSAGES
        return isinstance(messages, list) and known and bool(record.keys() & {"startTime", "lastUpdated"})
    told = bool(text_of(record.get("id"))) and {"timestamp", "content"} <= record.keys()
    return record.get("type") == "gemini" and told


def read(lines: Iterable[bytes], tally: Tally) -> list[Event]:
    """The events of one file, in its order."""
    tally.assistant = TOOL
    conversations = _conversations(records(lines, tally), tally)
    events: list[Event] = []
    for conversation in conversations:
        if len(conversations) > 1:
            events.append(Start(text_of(conversation.head.get("sessionId"))))
        for event in _Reader(conversation, tally).events():
            if isinstance(event, Wrote):
                tally.wrote[event.kind] += 1
            events.append(event)
    return events


def _conversations(session: Iterable[dict[str, Any]], tally: Tally) -> list[Conversation]:
    """The chats of a file, in order; a record that is neither head, message nor change is counted as unknown."""
    found = [Conversation({}, {}, [])]

    def add(message: Any) -> None:
        messages = found[-1].messages
        if isinstance(message, dict):
            messages.setdefault(text_of(message.get("id")) or f"#{len(messages)}", []).append(message)
        else:
            tally.stranger(f"message/{type(message).__name__}")

    for record in session:
        if isinstance(record.get("$rewindTo"), str):
            continue
        change = dict_of(record.get("$set"))
        if text_of(record.get("id")) and "type" in record:
            add(record)
        elif change or "$set" in record:
            found[-1].head.update({key: value for key, value in change.items() if key != "messages"})
            found[-1].summaries.append(text_of(change.get("summary")))
            for message in list_of(change.get("messages")):
                add(message)
        elif text_of(record.get("sessionId")) or isinstance(record.get("messages"), list):
            if found[-1].head.get("sessionId") not in (None, record.get("sessionId")):
                found.append(Conversation({}, {}, []))
            found[-1].head.update({key: value for key, value in record.items() if key != "messages"})
            found[-1].summaries.append(text_of(record.get("summary")))
            for message in list_of(record.get("messages")):
                add(message)
        elif "type" in record:
            add(record)
        else:
            tally.stranger(next(iter(record), "(none)"))
    return found


class _Reader:
    """What the messages of one chat say about one another: its folder, and the last model that was named."""

    def __init__(self, conversation: Conversation, tally: Tally) -> None:
        self.conversation = conversation
        self.tally = tally
        folders = [text_of(folder) for folder in list_of(conversation.head.get("directories"))]
        self.cwd = folders[0] if folders else ""
        self.provider = UNKNOWN

    def origin(self, message: dict[str, Any], model: str = UNKNOWN) -> Origin:
        """The origin of a message; of one that names no model, the provider that the chat named last."""
        if provider_of(model) != UNKNOWN:
            self.provider = provider_of(model)
        return Origin(
            provider=provider_of(model) if model != UNKNOWN else self.provider,
            model=model,
            tool=TOOL,
            channel=channel_of("", model),
            session=text_of(self.conversation.head.get("sessionId")) or UNKNOWN,
            time=instant(message.get("timestamp")),
        )

    def events(self) -> Iterator[Event]:
        for key, versions in self.conversation.messages.items():
            kind = text_of(versions[-1].get("type"))
            if kind not in MESSAGES:
                self.tally.stranger(f"message/{kind or '(none)'}")
            yield from self.gemini(key, versions) if kind == "gemini" else self.other(key, versions)
        head = {"timestamp": self.conversation.head.get("lastUpdated")}
        for text in dict.fromkeys(filter(str.strip, self.conversation.summaries)):
            key = f"summary.{_digest(text)}"
            yield Wrote((text,), (), "summary", "", key, 0, Status.APPLIED, self.origin(head))

    def other(self, key: str, versions: list[dict[str, Any]]) -> Iterator[Event]:
        """What a person typed or the tool said; a compression puts the model's snapshot in the person's place."""
        texts = [text for each in versions for text in strings([each.get("content"), each.get("displayContent")])]
        for text in dict.fromkeys(texts):
            if SNAPSHOT.match(text):
                yield Wrote((text,), (), "summary", "", key, 0, Status.APPLIED, self.origin(versions[-1]))
            else:
                yield Shown(text)

    def gemini(self, key: str, versions: list[dict[str, Any]]) -> Iterator[Event]:
        last = versions[-1]
        models = [model for each in versions if (model := text_of(each.get("model")))]
        origin = self.origin(last, models[-1] if models else UNKNOWN)
        canned = {text for each in versions for text in _said(each) if not models and text.strip() in CANNED}
        yield from map(Shown, sorted(canned))
        said = {"thinking": "", "prose": _normal("\n".join(sorted(canned)))}
        for place, each in enumerate(reversed(versions)):
            for kind, texts in (("thinking", _thoughts(each)), ("prose", _said(each))):
                new = tuple(text for text in texts if _normal(text) and _normal(text) not in said[kind])
                if new:
                    said[kind] += "\0" + "\0".join(map(_normal, new))
                    # Of a message of one form, prose is 0 and thinking is 1, whatever else it holds.
                    ordinal = 2 * place + (kind == "thinking")
                    yield Wrote(new, (), kind, "", key, ordinal, Status.APPLIED, origin)
        yield from self.calls(versions, origin)

    def calls(self, versions: list[dict[str, Any]], origin: Origin) -> Iterator[Event]:
        """The tool calls of a message, each with the call of the model's history where that differs."""
        calls: dict[str, dict[str, Any]] = {}
        asked: dict[str, Any] = {}
        results: dict[str, list[str]] = {}
        shown: list[str] = []
        for each in versions:
            for call in map(dict_of, list_of(each.get("toolCalls"))):
                use = text_of(call.get("id")) or f"call.{_digest(repr(call.get('args')))}"
                calls[use] = {**calls.get(use, {}), **call}
                results.setdefault(use, []).extend(strings(call.get("result")))
            for part in _parts(each):
                given = dict_of(part.get("functionCall"))
                if given:
                    use = text_of(given.get("id")) or f"call.{_digest(repr(given.get('args')))}"
                    asked.setdefault(use, given.get("args"))
                    calls.setdefault(use, given)
                shown += strings([part.get("functionResponse"), part.get("codeExecutionResult")])
        for use, call in calls.items():
            yield from self.call(use, call, asked.get(use), list(dict.fromkeys(results.get(use, []))), origin)
        yield from map(Shown, shown)

    def call(self, use: str, call: dict[str, Any], asked: Any, results: list[str], origin: Origin) -> Iterator[Event]:
        name = text_of(call.get("name"))
        status = _status(text_of(call.get("status")), results, name)
        pieces = self.pieces(call, asked)
        kinds = {piece.kind for piece in pieces}
        self.tally.edit_calls += name in EDITING or not kinds.isdisjoint(EDIT_KINDS - {"heredoc"})
        self.tally.unread += name in EDITING and status is Status.APPLIED and kinds.isdisjoint(EDIT_KINDS)
        for ordinal, piece in enumerate(pieces):
            if piece.kind in EDIT_KINDS and not piece.blocks:
                self.tally.deletions += 1
                yield from map(Shown, piece.before)
                continue
            became = shapes.status_of(piece, status)
            yield Wrote(piece.blocks, piece.before, piece.kind, piece.path, use, ordinal, became, origin)
        given = dict_of(call.get("args"))
        if given.get("modified_by_user") is True:
            yield from map(Shown, strings([given.get("new_string"), given.get("content")]))
        if name in SUBAGENTS or text_of(call.get("agentId")):
            texts = tuple(text for text in results if len(text.split()) >= SHORT_INPUT)
            if texts:
                yield Wrote(texts, (), "subagent", "", use, 1000, Status.APPLIED, self.origin(call))
        elif name not in AMBIGUOUS:
            yield from map(Shown, results)
            yield Shown(text_of(call.get("resultDisplay")))

    def pieces(self, call: dict[str, Any], asked: Any) -> list[Piece]:
        """What a call wrote. Of a proposal that a person amended, ``ai_proposed_content`` is the model's.

        ``replace`` then has the whole file as ``old_string``, and some builds repeat it as the proposal: of such a
        call nothing is the model's.
        """
        given = call.get("args")
        named = dict_of(given)
        original = text_of(dict_of(call.get("resultDisplay")).get("originalContent"))
        if named.get("modified_by_user") is True:
            if isinstance(asked, dict) and "modified_by_user" not in asked:
                return shapes.of_input(asked, self.cwd)
            pieces = shapes.of_input({key: value for key, value in named.items() if key not in AMENDED}, self.cwd)
            before = text_of(named.get("old_string")) or original
            proposed = text_of(named.get("ai_proposed_content"))
            if proposed.strip() and proposed != before:
                kind = "edit" if "new_string" in named else "write"
                path = shapes.relative(text_of(named.get("file_path")), self.cwd)
                blocks = tuple(patch.added_blocks(before, proposed))
                pieces.insert(0, Piece(blocks, (before,) if before else (), kind, path))
            return pieces
        if "ai_proposed_content" in named:
            given = {key: value for key, value in named.items() if key != "ai_proposed_content"}
        pieces = shapes.of_input(given, self.cwd)
        for at, piece in enumerate(pieces):
            if original and piece.kind == "write":
                blocks = tuple(patch.added_blocks(original, "\n".join(piece.blocks)))
                pieces[at] = piece._replace(blocks=blocks, before=(original,))
            elif original and piece.kind == "edit":
                pieces[at] = piece._replace(before=(*piece.before, original))
        return pieces


def _parts(message: dict[str, Any]) -> list[dict[str, Any]]:
    """The parts of a message's content, which may be a string, one part, or a list of either."""
    content = message.get("content")
    parts = content if isinstance(content, list) else [content]
    return [{"text": part} if isinstance(part, str) else dict_of(part) for part in parts]


def _said(message: dict[str, Any]) -> list[str]:
    """What a message says, as one text, and the code that it had the service run."""
    said = "".join(text_of(part.get("text")) for part in _parts(message) if part.get("thought") is not True)
    code = [text_of(dict_of(part.get("executableCode")).get("code")) for part in _parts(message)]
    return [said, *filter(None, code)]


def _thoughts(message: dict[str, Any]) -> list[str]:
    """The summaries of thoughts, in the field of their own or as parts that are marked so (``**subject** text``)."""
    thoughts = map(dict_of, list_of(message.get("thoughts")))
    texts = [f"{text_of(one.get('subject'))}\n{text_of(one.get('description'))}" for one in thoughts]
    parts = [text_of(part.get("text")) for part in _parts(message) if part.get("thought") is True]
    known = _normal("\n".join(texts))
    return [*texts, *(text for text in parts if text.strip() not in CANNED and _normal(text) not in known)]


def _status(recorded: str, results: list[str], name: str) -> Status:
    said = " ".join(text[:200] for text in results)
    if recorded == "cancelled":
        # Also of a call that was interrupted while it ran: what it had done by then is not recorded.
        return Status.DECLINED if REFUSED.search(said) else Status.UNKNOWN
    if recorded == "success" and name == "run_shell_command":
        return Status.FAILED if any(EXIT.search(text) for text in results) else Status.APPLIED
    return {"success": Status.APPLIED, "error": Status.FAILED}.get(recorded, Status.UNKNOWN)


def _normal(text: str) -> str:
    return " ".join(text.replace("**", " ").split())


def _digest(text: str) -> str:
    return xxhash.xxh3_64_hexdigest(text.encode("utf-8", "replace"))
