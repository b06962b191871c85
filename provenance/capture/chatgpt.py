"""Conversations of ChatGPT (``conversations.json`` of the account's export, 2023 to 2026): records to events.

One conversation a record: ``title, create_time, conversation_id, mapping{id -> {message, parent, children[]}},
current_node``. The format is not documented; shapes after public parsers on GitHub (mitkury/chatgpt-export-parser,
jamesmoore/chatgpt-export, YuanpingSong/chatgpt-analytics).

- The mapping is a tree, and every branch is read: an answer that was asked for again is also what the model wrote.
- Roles other than ``assistant`` were shown: people, tools, instructions, custom instructions, memory.
- A message of the assistant to a recipient other than ``all`` calls a tool. Of ``canmore.create_textdoc`` and
  ``canmore.update_textdoc`` (canvas) the arguments are a document that the model writes.
- ChatGPT serves OpenAI's models alone and the export is OpenAI's own, so that is the provider; the model is
  ``metadata.model_slug``, and unknown without it (``default_model_slug`` is a setting, not who answered).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from provenance.capture import messages, patch, shapes
from provenance.capture.origin import instant, provider_of
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
from provenance.capture.shapes import Piece
from provenance.model import UNKNOWN, Origin, Status

TOOL = "chatgpt"
PROVIDER = "openai"

WRITTEN = frozenset({"text", "code", "multimodal_text", "thoughts"})
"""Types of content in which a model writes."""
SHOWN = frozenset(
    """execution_output tether_quote tether_browsing_display tether_browsing_code sonic_webpage system_error
    user_editable_context model_editable_context computer_output computer_initialize_state citable_code_output
    super_widget app_pairing_content""".split()
)
SILENT = frozenset({"reasoning_recap"})
"""How long the model thought: the service's own words."""
CANVAS = "canmore."
WHOLE = frozenset({".*", "(?s).*", "^.*$", "[\\s\\S]*"})
"""Patterns that stand for a whole document."""
FAILED = frozenset({"system_error"})


def recognise(record: dict[str, Any]) -> bool:
    """Whether a record is a conversation of ChatGPT."""
    mapping = record.get("mapping")
    if not isinstance(mapping, dict) or not {"current_node", "conversation_id", "create_time"} & record.keys():
        return False
    nodes = list(mapping.values())[:3]
    return all(isinstance(node, dict) and {"message", "children"} & node.keys() for node in nodes)


def read(lines: Iterable[bytes], tally: Tally) -> list[Event]:
    """The events of every conversation, each begun by ``Start``."""
    tally.assistant = TOOL
    events: list[Event] = []
    for record in records(lines, tally):
        if recognise(record):
            session = text_of(record.get("conversation_id")) or text_of(record.get("id")) or UNKNOWN
            events.append(Start(session))
            events += _Conversation(record, session, tally).events()
        else:
            tally.stranger("record")
    return events


def _walk(mapping: dict[str, Any]) -> Iterator[str]:
    """The nodes of the tree, every one once: from each root down, a branch before the one beside it."""
    seen: set[str] = set()
    roots = [key for key, node in mapping.items() if text_of(dict_of(node).get("parent")) not in mapping]
    for start in (*roots, *mapping):
        waiting = [start]
        while waiting:
            key = waiting.pop()
            if key in seen or key not in mapping:
                continue
            seen.add(key)
            yield key
            waiting += (child for child in reversed(list_of(dict_of(mapping[key]).get("children"))) if text_of(child))


class _Conversation:
    """What the messages of one conversation say about one another: results of calls, and the canvas as it stands."""

    def __init__(self, record: dict[str, Any], session: str, tally: Tally) -> None:
        self.mapping: dict[str, Any] = record["mapping"]
        self.session = session
        self.tally = tally
        self.name = ""
        self.document = ""

    def message(self, key: Any) -> dict[str, Any]:
        return dict_of(dict_of(self.mapping.get(text_of(key))).get("message"))

    def events(self) -> Iterator[Event]:
        for key in _walk(self.mapping):
            message = self.message(key)
            if not message:
                continue
            content = dict_of(message.get("content"))
            kind = text_of(content.get("content_type"))
            role = text_of(dict_of(message.get("author")).get("role"))
            metadata = dict_of(message.get("metadata"))
            if kind not in WRITTEN | SHOWN | SILENT:
                self.tally.stranger(f"content/{kind}")
            if role == "assistant" and kind in SILENT:
                continue
            if role == "assistant" and kind not in SHOWN:
                yield from self.wrote(key, message, content, kind)
                continue
            if role not in ("assistant", "user", "tool", "system", "developer"):
                self.tally.stranger(f"role/{role}")
            yield from map(Shown, _texts(content))
            yield from map(Shown, strings(metadata.get("user_context_message_data")))
            yield from self.report(metadata, message)

    def origin(self, message: dict[str, Any], metadata: dict[str, Any]) -> Origin:
        model = text_of(metadata.get("model_slug")) or UNKNOWN
        provider = provider_of(model)
        return Origin(
            provider=PROVIDER if provider == UNKNOWN else provider,
            model=model,
            tool=TOOL,
            session=self.session,
            time=instant(message.get("create_time")),
        )

    def wrote(self, key: str, message: dict[str, Any], content: dict[str, Any], kind: str) -> Iterator[Wrote]:
        texts = _texts(content)
        recipient = text_of(message.get("recipient")) or "all"
        if kind == "thoughts":
            pieces = [Piece((text,), (), "thinking", "") for text in texts]
            status = Status.APPLIED
        elif recipient == "all":
            # An answer in code is one in text; a picture in it is none.
            pieces = [Piece(tuple(texts), (), "prose", "")] if texts else []
            status = Status.APPLIED
        else:
            pieces = self.call(recipient, "\n".join(texts))
            status = self.status(key)
            kinds = {piece.kind for piece in pieces}
            is_edit = recipient in (CANVAS + "create_textdoc", CANVAS + "update_textdoc")
            self.tally.edit_calls += is_edit or not kinds.isdisjoint(EDIT_KINDS - {"heredoc"})
            self.tally.unread += is_edit and status is Status.APPLIED and kinds.isdisjoint(EDIT_KINDS)
        call = text_of(message.get("id")) or key
        origin = self.origin(message, dict_of(message.get("metadata")))
        for ordinal, piece in enumerate(pieces):
            self.tally.wrote[piece.kind] += 1
            self.tally.deletions += piece.kind in EDIT_KINDS and not any(piece.blocks)
            became = shapes.status_of(piece, status)
            yield Wrote(piece.blocks, piece.before, piece.kind, piece.path, call, ordinal, became, origin)

    def status(self, key: str) -> Status:
        """What became of a call, as the tool answered it."""
        node = dict_of(self.mapping.get(key))
        for child in map(self.message, list_of(node.get("children"))):
            if dict_of(child.get("author")).get("role") != "tool":
                continue
            metadata = dict_of(child.get("metadata"))
            result = text_of(dict_of(metadata.get("aggregate_result")).get("status"))
            is_failure = dict_of(metadata.get("canvas")).get("is_failure") is True
            failed = text_of(dict_of(child.get("content")).get("content_type")) in FAILED
            return Status.FAILED if failed or is_failure or result.startswith("failed") else Status.APPLIED
        return Status.UNKNOWN

    def call(self, recipient: str, text: str) -> list[Piece]:
        """What a tool call writes: a document of the canvas, or the input of any other tool."""
        given = messages.arguments(text)
        if recipient == CANVAS + "create_textdoc" and isinstance(given, dict):
            self.name = text_of(given.get("name"))
            self.document = text_of(given.get("content"))
            return [Piece((self.document,), (), "write", self.name)] if self.document else []
        if recipient == CANVAS + "update_textdoc" and isinstance(given, dict):
            return [self.updated(dict_of(one)) for one in list_of(given.get("updates"))]
        return shapes.of_input(given, "")

    def updated(self, update: dict[str, Any]) -> Piece:
        """A change of the document. The pattern is the model's; it is not run, so a change of a part counts as one
        that adds its lines."""
        new = text_of(update.get("replacement"))
        old = self.document
        is_whole = text_of(update.get("pattern")) in WHOLE
        self.document = new if is_whole else f"{old}\n{new}"
        blocks = tuple(patch.added_blocks(old, new)) if old else (new,)
        return Piece(blocks, (old,) if old else (), "edit", self.name)

    def report(self, metadata: dict[str, Any], message: dict[str, Any]) -> Iterator[Wrote]:
        """The report of a deep research, which the state of its widget holds."""
        state = dict_of(decoded(text_of(dict_of(metadata.get("chatgpt_sdk")).get("widget_state")) or "null"))
        said = dict_of(state.get("report_message"))
        texts = _texts(dict_of(said.get("content")))
        if texts and dict_of(said.get("author")).get("role", "assistant") == "assistant":
            self.tally.wrote["prose"] += 1
            call = text_of(said.get("id")) or f"said.{messages.digest(' '.join(texts))}"
            origin = self.origin(message, dict_of(said.get("metadata")))
            yield Wrote(tuple(texts), (), "prose", "", call, 0, Status.APPLIED, origin)


def _texts(content: dict[str, Any]) -> list[str]:
    """The texts of a content, whatever its type."""
    found: list[Any] = [content.get(key) for key in ("text", "result", "summary", "content", "model_set_context")]
    found += (content.get(key) for key in ("user_profile", "user_instructions"))
    for part in list_of(content.get("parts")):
        found.append(part if isinstance(part, str) else dict_of(part).get("text"))
    for thought in map(dict_of, list_of(content.get("thoughts"))):
        found += (thought.get("summary"), thought.get("content"))
    return [text for text in found if isinstance(text, str) and text.strip()]
