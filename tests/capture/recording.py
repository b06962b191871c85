"""Makers of transcripts for tests, in the forms that Claude Code and Codex write. They assert nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from provenance.capture import claude_code, codex, novelty, reading
from provenance.capture.session import Event, Tally, Wrote

FIXTURES = Path(__file__).parent.parent / "fixtures"
CLAUDE = FIXTURES / "claude-code.jsonl"
CODEX = FIXTURES / "codex.jsonl"
BARE = FIXTURES / "codex-bare.jsonl"

Record = dict[str, Any]


def lines(*records: Record) -> list[bytes]:
    """The records as the lines of a file."""
    return [json.dumps(record).encode() + b"\n" for record in records]


def save(path: Path, *records: Record) -> Path:
    """A file of these records."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(lines(*records)))
    return path


def load(path: Path) -> list[Record]:
    """The records of a file."""
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def claude_events(*records: Record) -> tuple[list[Event], Tally]:
    """What the reader of Claude Code makes of these records."""
    tally = Tally()
    return claude_code.read(lines(*records), tally), tally


def codex_events(*records: Record) -> tuple[list[Event], Tally]:
    """What the reader of Codex makes of these records."""
    tally = Tally()
    return codex.read(lines(*records), tally), tally


def read(path: Path) -> tuple[list[Event], Tally]:
    """What capture makes of a file."""
    return reading.read(path, reading.reader_of(path) or "")


def wrote(events: list[Event], *kinds: str) -> list[Wrote]:
    """The outputs of these kinds, or all of them."""
    return [event for event in events if isinstance(event, Wrote) and (not kinds or event.kind in kinds)]


def added(events: list[Event], *kinds: str) -> list[str]:
    """The text that each output of these kinds adds."""
    outputs = [item for item in novelty.added(events) if not kinds or item.wrote.kind in kinds]
    return ["\n".join(passage.new.decode() for passage in item.passages) for item in outputs]


# Claude Code ------------------------------------------------------------------------------------------------------

_count = iter(range(1, 1_000_000_000))


def row(kind: str, **fields: Any) -> Record:
    """A record with the envelope that all share; a field given as None is left out."""
    number = next(_count)
    envelope = {
        "type": kind,
        "uuid": f"{number:08x}-0000-4000-8000-{number:012x}",
        "parentUuid": None,
        "sessionId": "s1",
        "version": "2.1.62",
        "cwd": "/repo",
        "timestamp": "2026-03-25T09:00:00.000Z",
    }
    return {key: value for key, value in {**envelope, **fields}.items() if value is not None or key == "parentUuid"}


def assistant(*blocks: Record | str, model: str = "claude-opus-4-5", **fields: Any) -> Record:
    """A message of the model: texts and tool calls."""
    content = [{"type": "text", "text": block} if isinstance(block, str) else block for block in blocks]
    return row("assistant", message={"role": "assistant", "model": model, "content": content}, **fields)


def call(name: str, given: Any, use: str = "toolu_1") -> Record:
    """A tool call."""
    return {"type": "tool_use", "id": use, "name": name, "input": given}


def prompt(text: str, **fields: Any) -> Record:
    """What a person typed."""
    return row("user", message={"role": "user", "content": text}, **fields)


def result(content: Any, details: Any = None, use: str = "toolu_1", error: bool = False, **fields: Any) -> Record:
    """The result of a tool call."""
    block = {"type": "tool_result", "tool_use_id": use, "content": content, "is_error": error}
    return row("user", message={"role": "user", "content": [block]}, toolUseResult=details, **fields)


def tool(name: str, given: Any, details: Any = None, content: Any = "done", **fields: Any) -> list[Record]:
    """A call and its result."""
    return [assistant(call(name, given)), result(content, details, **fields)]


# Codex ------------------------------------------------------------------------------------------------------------


def line(kind: str, payload: Any, time: str = "2026-04-02T10:00:00.000Z") -> Record:
    """A line of a rollout."""
    return {"timestamp": time, "type": kind, "payload": payload}


def meta(session: str = "c1", **fields: Any) -> Record:
    """The head of a rollout."""
    return line("session_meta", {"id": session, "cwd": "/repo", "cli_version": "0.142.3", **fields})


def turn(model: str | None = "gpt-5.5", **fields: Any) -> Record:
    """The context of a turn, which names the model."""
    return line("turn_context", {"cwd": "/repo", "model": model, **fields})


def item(kind: str, **fields: Any) -> Record:
    """A response item."""
    return line("response_item", {"type": kind, **fields})


def event(kind: str, **fields: Any) -> Record:
    """An event."""
    return line("event_msg", {"type": kind, **fields})


def custom(name: str, text: str, use: str = "call_1") -> Record:
    """A call of a freeform tool."""
    return item("custom_tool_call", name=name, input=text, call_id=use, status="completed")


def function(name: str, arguments: Any, use: str = "call_1") -> Record:
    """A call of a function."""
    return item("function_call", name=name, arguments=json.dumps(arguments), call_id=use)


def output(text: Any, use: str = "call_1") -> Record:
    """What a call put out."""
    return item("function_call_output", call_id=use, output=text)


def patched(*files: tuple[str, str]) -> str:
    """A patch that adds these files."""
    parts = [f"*** Add File: {path}\n" + "\n".join("+" + text for text in body.split("\n")) for path, body in files]
    return "\n".join(["*** Begin Patch", *parts, "*** End Patch"])
