"""Conversations of claude.ai (``conversations.json`` of the account's export, 2024 to 2026): records to events.

One conversation a record: ``uuid, name, summary, created_at, chat_messages[] {uuid, parent_message_uuid, sender,
text, content[], attachments[] {extracted_content}, files[], created_at}``. The format is not documented; shapes after
public parsers and exports on GitHub (bearspear/claude-takeout, withLinda/claude-conversation-exporter,
Sinity/polylogue docs/providers/claude-ai.md). The conversation object of the web service has the same form.

- Every message is read, side branches too: they are also what the model wrote.
- ``content`` is read; ``text`` repeats it, and counts only where there is no content (exports of 2024).
- Artifacts are in calls of the tool ``artifacts`` (``command, id, content, old_str, new_str``), in files that the model
  makes (``create_file``, ``str_replace``), and, in 2024, in ``<antArtifact>`` tags within the text.
- What a person pasted or attached was shown.
- claude.ai serves Anthropic's models alone and the export is Anthropic's own, so that is the provider; the model is
  unknown unless the message or the conversation names it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from provenance.capture import claude_calls as calls
from provenance.capture import messages, patch, shapes
from provenance.capture.messages import Part
from provenance.capture.origin import instant, provider_of
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
from provenance.capture.shapes import Piece
from provenance.model import UNKNOWN, Origin, Status

TOOL = "claude.ai"
PROVIDER = "anthropic"
ARTIFACTS = frozenset({"artifacts"})
SHELLS = frozenset({"bash_tool", "bash"})

# Attributes have a bound, else the time for tags that never end would grow with the square of their number.
_TAG = re.compile(r"<ant(Artifact|Thinking)\b([^>]{0,1000})>(.*?)(?:</ant\1>|\Z)", re.DOTALL)
_IDENTIFIER = re.compile(r"\bidentifier=\"([^\"]*)\"")


def recognise(record: dict[str, Any]) -> bool:
    """Whether a record is a conversation of claude.ai."""
    said = record.get("chat_messages")
    return (
        isinstance(said, list)
        and isinstance(record.get("uuid"), str)
        and all(isinstance(one, dict) and "sender" in one for one in said[:3])
    )


def read(lines: Iterable[bytes], tally: Tally) -> list[Event]:
    """The events of every conversation, each begun by ``Start``."""
    tally.assistant = TOOL
    events: list[Event] = []
    for record in records(lines, tally):
        if recognise(record):
            events.append(Start(record["uuid"]))
            events += _Conversation(record, tally).events()
        else:
            tally.stranger("record")
    return events


class _Conversation:
    """What the messages of one conversation say about one another: results of calls, and artifacts as they stand."""

    def __init__(self, record: dict[str, Any], tally: Tally) -> None:
        self.record = record
        self.tally = tally
        self.said = [
            (one, list(messages.parts(one.get("content"), tally))) for one in map(dict_of, record["chat_messages"])
        ]
        self.results = {part.call: part.status for _, said in self.said for part in said if part.kind == "result"}
        self.artifacts: dict[str, str] = {}

    def origin(self, one: dict[str, Any]) -> Origin:
        model = text_of(one.get("model")) or text_of(self.record.get("model")) or UNKNOWN
        provider = provider_of(model)
        return Origin(
            provider=PROVIDER if provider == UNKNOWN else provider,
            model=model,
            tool=TOOL,
            session=self.record["uuid"],
            time=instant(one.get("created_at")),
        )

    def events(self) -> Iterator[Event]:
        for one, found in self.said:
            sender = text_of(one.get("sender"))
            if not any(part.text.strip() or part.kind in ("call", "result") for part in found):
                found = [Part("prose", text_of(one.get("text")))]
            if sender == "assistant":
                yield from self.wrote(one, found)
            else:
                if sender != "human":
                    self.tally.stranger(f"sender/{sender}")
                yield from map(Shown, (text for part in found for text in (part.text, *strings(part.given)) if text))
            for attachment in list_of(one.get("attachments")):
                yield Shown(text_of(dict_of(attachment).get("extracted_content")))
        summary = text_of(self.record.get("summary"))
        if summary.strip():
            yield self.output((summary,), (), "summary", "", f"{self.record['uuid']}.summary", 0, self.record)

    def wrote(self, one: dict[str, Any], found: list[Part]) -> Iterator[Event]:
        id = text_of(one.get("uuid"))
        for place, part in enumerate(found):
            if part.kind == "result":
                yield from map(Shown, strings(part.given))
            elif part.kind == "call":
                yield from self.call(part, part.call or f"{id or 'call'}.{messages.digest(repr(part.given))}", one)
            elif part.text.strip():
                call = id or f"said.{messages.digest(part.text)}"
                yield from self.text(part.text, part.kind, call, place, one)

    def text(self, text: str, kind: str, call: str, place: int, one: dict[str, Any]) -> Iterator[Wrote]:
        """A text, and the artifacts and thoughts that stand in it as tags."""
        rest: list[str] = []
        end = 0
        for number, tag in enumerate(_TAG.finditer(text)):
            rest.append(text[end : tag.start()])
            end = tag.end()
            ordinal = 1000 * (place + 1) + number
            if tag[1] == "Thinking":
                yield self.output((tag[3],), (), "thinking", "", call, ordinal, one)
            else:
                name = _IDENTIFIER.search(tag[2])
                piece = self.artifact(name[1] if name else "", tag[3])
                self.tally.edit_calls += 1
                yield self.output(piece.blocks, piece.before, piece.kind, piece.path, call, ordinal, one)
        blocks = tuple(part for part in (*rest, text[end:]) if part.strip())
        if blocks:
            yield self.output(blocks, (), kind, "", call, place, one)

    def call(self, part: Part, call: str, one: dict[str, Any]) -> Iterator[Wrote]:
        """What a tool call wrote."""
        given = dict_of(part.given)
        if part.name in ARTIFACTS:
            pieces = self.updated(given)
        elif part.name in SHELLS:
            pieces = shapes.of_shell(text_of(given.get("command")), "")
        else:
            pieces = calls.pieces(part.name, part.given, {}, "")
        kinds = {piece.kind for piece in pieces}
        status = self.results.get(part.call, Status.UNKNOWN) if part.call else Status.UNKNOWN
        is_edit = part.name in ARTIFACTS or part.name in messages.EDITING
        self.tally.edit_calls += is_edit or not kinds.isdisjoint(EDIT_KINDS - {"heredoc"})
        self.tally.unread += is_edit and status is Status.APPLIED and kinds.isdisjoint(EDIT_KINDS)
        for ordinal, piece in enumerate(pieces):
            self.tally.deletions += piece.kind in EDIT_KINDS and not any(piece.blocks)
            became = shapes.status_of(piece, status)
            yield self.output(piece.blocks, piece.before, piece.kind, piece.path, call, ordinal, one, became)

    def updated(self, given: dict[str, Any]) -> list[Piece]:
        """What a call of the tool ``artifacts`` writes: a whole text, or a change of one."""
        name = text_of(given.get("id")) or text_of(given.get("title"))
        content, new = text_of(given.get("content")), text_of(given.get("new_str"))
        if content:
            return [self.artifact(name, content)]
        if "new_str" not in given:
            return []
        old = text_of(given.get("old_str"))
        if old:
            self.artifacts[name] = self.artifacts.get(name, "").replace(old, new, 1)
        return [Piece(tuple(patch.added_blocks(old, new)), (old,) if old else (), "edit", name)]

    def artifact(self, name: str, content: str) -> Piece:
        """A whole artifact, new or written again."""
        old = self.artifacts.get(name, "")
        self.artifacts[name] = content
        blocks = tuple(patch.added_blocks(old, content)) if old else (content,)
        return Piece(blocks, (old,) if old else (), "write", name)

    def output(
        self,
        blocks: tuple[str, ...],
        before: tuple[str, ...],
        kind: str,
        path: str,
        call: str,
        ordinal: int,
        one: dict[str, Any],
        status: Status = Status.APPLIED,
    ) -> Wrote:
        self.tally.wrote[kind] += 1
        return Wrote(blocks, before, kind, path, call, ordinal, status, self.origin(one))
