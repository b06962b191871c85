"""git-ai's authorship notes: which lines of a commit it attributes to which session. It reads no repository.

Forms: ``authorship/3.0.0`` (lines above a ``---``, JSON below; refs/notes/ai), and the JSON forms that came before,
``authorship/0.0.1`` to ``2.0.0`` (refs/ai/authorship/<commit>). Source: git-ai-project/git-ai, specs/
git_ai_standard_v3.0.0.md and src/authorship/authorship_log_serialization.rs, read at 1.6.

A key that begins with ``h_`` (or is ``human``) is a person's; lines without a key are untracked. Neither makes
anything here. A key whose session no note describes is an assistant's all the same: which one is unknown.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import xxhash

from provenance.capture import shapes
from provenance.capture.origin import channel_of, instant, provider_of
from provenance.capture.session import (
    EDIT_KINDS,
    Event,
    Shown,
    Tally,
    Wrote,
    decoded,
    dict_of,
    list_of,
    strings,
    text_of,
)
from provenance.model import UNKNOWN, Origin, Status

SOURCE = "git-ai"

TOOLS = {
    "claude": "claude-code",
    "gemini": "gemini-cli",
    "github-copilot": "copilot",
    "github-copilot-cli": "copilot-cli",
}
"""git-ai's names of tools that have another one here."""
NO_MODEL = frozenset({"", "unknown", "default", "auto", "none", "<synthetic>"})
"""What stands for a model where git-ai saw none."""


class Agent(NamedTuple):
    """A session as a note describes it."""

    tool: str
    model: str
    session: str


class Named(NamedTuple):
    """Lines of a file that a note gives to a key."""

    path: str
    key: str
    """``s_<14 hex>`` without its trace, 7 or 16 hex digits, or the session's own id."""
    ranges: tuple[tuple[int, int], ...]
    """First and last lines, from 1, in the order of the note."""


class Note(NamedTuple):
    """One note: the lines it names, whom its keys stand for, and the talks it holds (until git-ai 1.3.4)."""

    named: tuple[Named, ...]
    agents: dict[str, Agent]
    talks: dict[str, list[dict[str, Any]]]


def parse(data: bytes, tally: Tally) -> Note:
    """What a note says; what it says that cannot be read is counted in ``tally.broken``."""
    tally.records += 1
    if data.lstrip()[:1] == b"{":
        return _older(dict_of(decoded(data)), tally)
    lines = data.split(b"\n")
    end = next((at for at, line in enumerate(lines) if line.rstrip(b"\r") == b"---"), len(lines))
    about = decoded(b"\n".join(lines[end + 1 :])) if end < len(lines) else None
    if not isinstance(about, dict):
        tally.broken += 1
        return Note((), {}, {})
    version = text_of(about.get("schema_version"))
    if version != "authorship/3.0.0":
        tally.stranger(f"schema_version {version}")
    return Note(tuple(_attested(lines[:end], tally)), *_described(about))


def _attested(lines: Iterable[bytes], tally: Tally) -> Iterator[Named]:
    path = ""
    for line in (line.decode("utf-8", "surrogateescape").rstrip() for line in lines):
        if not line.startswith("  "):
            path = line[1:-1] if len(line) > 1 and line[0] == line[-1] == '"' else line
            continue
        key, _, ranges = line.strip().partition(" ")
        spans = [_span(part) for part in ranges.split(",") if part]
        tally.broken += spans.count(None) + (not path or not spans)
        found = tuple(span for span in spans if span)
        if path and found:
            yield Named(path, key.partition("::")[0], found)


def _span(part: str) -> tuple[int, int] | None:
    """``7`` or ``3-9`` as first and last line."""
    first, dash, last = part.partition("-")
    numbers = (first, last if dash else first)
    if not all(one.isascii() and one.isdigit() and len(one) < 10 for one in numbers):
        return None
    span = int(numbers[0]), int(numbers[1])
    return span if 0 < span[0] <= span[1] else None


def _described(about: dict[str, Any]) -> tuple[dict[str, Agent], dict[str, list[dict[str, Any]]]]:
    agents: dict[str, Agent] = {}
    talks: dict[str, list[dict[str, Any]]] = {}
    for key, about_one in (*dict_of(about.get("prompts")).items(), *dict_of(about.get("sessions")).items()):
        record = dict_of(about_one)
        who = dict_of(record.get("agent_id"))
        model = text_of(who.get("model")).strip('"')
        tool = text_of(who.get("tool"))
        agents[key] = Agent(
            TOOLS.get(tool, tool) or UNKNOWN,
            UNKNOWN if model.lower() in NO_MODEL else model,
            text_of(who.get("id")) or key,
        )
        talk = [message for message in list_of(record.get("messages")) if isinstance(message, dict)]
        if talk:
            talks[key] = talk
    return agents, talks


def _older(log: dict[str, Any], tally: Tally) -> Note:
    """The JSON forms: a list of entries for each file, each with lines and either a session or an author's name."""
    files = log.get("files")
    if not isinstance(files, dict):
        tally.broken += 1
        return Note((), {}, {})
    agents, talks = _described(log)
    named: list[Named] = []
    for path, entries in files.items():
        for entry in map(dict_of, list_of(dict_of(entries).get("authors")) or list_of(entries)):
            about = dict_of(entry.get("agent_metadata"))
            key = text_of(entry.get("prompt_session_id"))
            if about:
                key = text_of(entry.get("author"))
                model = text_of(about.get("model"))
                agents[key] = Agent(key or UNKNOWN, UNKNOWN if model.lower() in NO_MODEL else model, UNKNOWN)
            elif not key:
                # A bare name may be anybody's.
                tally.stranger("author without an agent")
                continue
            spans = [_pair(one) for one in list_of(entry.get("lines"))]
            tally.broken += spans.count(None)
            named.append(Named(path, key, tuple(span for span in spans if span)))
    return Note(tuple(named), agents, talks)


def _pair(lines: Any) -> tuple[int, int] | None:
    first, last = lines if isinstance(lines, list) and len(lines) == 2 else (lines, lines)
    sound = type(first) is int and type(last) is int and 0 < first <= last
    return (first, last) if sound else None


def is_human(key: str) -> bool:
    """Whether a key stands for a person."""
    return key.startswith("h_") or key == "human"


def texts(text: str, named: Iterable[Named], agents: Mapping[str, Agent]) -> dict[Agent, tuple[str, ...]]:
    """Of one file's text, the lines of each session: neighbouring lines as one block, in the order of the file.

    Where several entries name a line, the last one has it, as in git-ai; a person's makes nothing.
    """
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    owners = [""] * len(lines)
    free = list(range(len(lines) + 1))
    """For each line, the next one that nobody has, or nearer to it: with it, every line is visited once."""
    for one in reversed(list(named)):
        for first, last in one.ranges:
            at = _next_free(free, min(first - 1, len(lines)))
            while at < min(last, len(lines)):
                owners[at] = one.key
                free[at] = at + 1
                at = _next_free(free, at + 1)
    found: dict[Agent, list[str]] = {}
    before: Agent | None = None
    for owner, line in zip(owners, lines, strict=True):
        agent = None if not owner or is_human(owner) else agents.get(owner, Agent(UNKNOWN, UNKNOWN, owner))
        if agent is not None and agent == before:
            found[agent][-1] += f"\n{line}"
        elif agent is not None:
            found.setdefault(agent, []).append(line)
        before = agent
    kept = ((agent, tuple(block for block in blocks if block.strip())) for agent, blocks in found.items())
    return {agent: blocks for agent, blocks in kept if blocks}


def _next_free(free: list[int], at: int) -> int:
    end = at
    while free[end] != end:
        end = free[end]
    while free[at] != end:
        free[at], at = end, free[at]
    return end


def origin(agent: Agent, time: str) -> Origin:
    """The origin that a session's description spells out."""
    return Origin(
        provider=provider_of(agent.model),
        model=agent.model,
        tool=agent.tool,
        channel=channel_of("", agent.model),
        session=agent.session,
        time=time,
    )


def conversation(messages: Iterable[dict[str, Any]], agent: Agent, tally: Tally) -> list[Event]:
    """The events of a talk that a note holds. It has no results of calls: what became of an edit is unknown."""
    events: list[Event] = []
    for message in messages:
        kind = text_of(message.get("type"))
        text = text_of(message.get("text"))
        about = origin(agent, instant(message.get("timestamp")))
        if kind == "user":
            events.append(Shown(text))
        elif kind in ("assistant", "thinking", "plan"):
            name = "thinking" if kind == "thinking" else "prose"
            if text.strip():
                events.append(Wrote((text,), (), name, "", f"said.{digest(message)}", 0, Status.APPLIED, about))
        elif kind == "tool_use":
            pieces = shapes.of_input(message.get("input"), "")
            tally.edit_calls += not EDIT_KINDS.isdisjoint(piece.kind for piece in pieces)
            for at, piece in enumerate(pieces):
                call = f"said.{digest(message)}"
                events.append(Wrote(*piece, call, at, Status.UNKNOWN, about))
        else:
            tally.stranger(f"message {kind}")
    return events


def digest(message: dict[str, Any]) -> str:
    """What a message without an id is known by: its time and its texts."""
    parts = "\0".join(strings(message))
    return xxhash.xxh3_128_hexdigest(parts.encode("utf-8", "replace"))
