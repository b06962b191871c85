"""Agent Trace records: which lines of a file a conversation wrote. It reads no repository.

Forms: the specification 0.1.0 (agent-trace.dev, cursor/agent-trace), what the reference hook there really writes
(version "1.0", read 2026-02), and agent-trace-cli 0.1.3 (PyPI; version "2.0", and a note for each commit in
refs/notes/agent-trace with the lines of that commit).

The lines of a record stand for themselves only where a hash says so. The reference hook gives as revision the HEAD
*before* the edit, to which its lines do not refer, gives lines 1 to 1 for a whole file, and no hash: such a record
names nothing that can be found, and is counted as unread. Its shell commands it records whole.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from provenance.capture import shapes
from provenance.capture.git_ai import Agent, Named, Note
from provenance.capture.origin import channel_of, instant, provider_of
from provenance.capture.session import Tally, Wrote, decoded, dict_of, list_of, records, text_of
from provenance.model import UNKNOWN, Origin, Status

SOURCE = "agent-trace"

PSEUDO_FILES = frozenset({".shell-history", ".sessions", ".unknown"})
"""What the reference hook names where an event has no file."""
HASHES = {"sha256": 64, "sha1": 40, "sha512": 128}
"""Hashes that prove a text, with their length in hex digits. ``murmur3``, as in the specification's example, has 32
bits and proves nothing."""
MOST_HASHED = 64 << 20
"""Bytes that are hashed at most to find a text in a file."""


class Trace(NamedTuple):
    """Lines of a file that an assistant wrote, and the hash by which they can be found."""

    id: str
    ordinal: int
    path: str
    revision: str
    first: int
    last: int
    content_hash: str
    """``<algorithm>:<hex digits>``."""
    origin: Origin


def parse(lines: Iterable[bytes], tally: Tally) -> tuple[list[Trace], list[Wrote]]:
    """The lines that can be found, and the shell commands; an assistant's lines that cannot are in ``tally.unread``."""
    traces: list[Trace] = []
    commands: list[Wrote] = []
    for record in records(lines, tally):
        files = record.get("files")
        if not isinstance(files, list) or not text_of(record.get("version")):
            tally.stranger("no trace record")
            continue
        if commanded := text_of(dict_of(record.get("metadata")).get("command")):
            commands += _commands(record, commanded)
        for ordinal, (path, talk, lines_of, by) in enumerate(_ranges(record)):
            kind = text_of(by.get("type")) or "unknown"
            if kind != "ai":
                if kind not in ("human", "unknown"):
                    tally.stranger(f"contributor {kind}")
                continue
            if path in PSEUDO_FILES:
                continue
            tally.edit_calls += 1
            first, last = lines_of.get("start_line"), lines_of.get("end_line")
            proof = _proof(lines_of.get("content_hash"))
            if not (type(first) is int and type(last) is int and 0 < first <= last and proof):
                tally.unread += 1
                continue
            about = _origin(record, talk, by)
            revision = text_of(dict_of(record.get("vcs")).get("revision"))
            traces.append(Trace(_id(record), ordinal, path, revision, first, last, proof, about))
    return traces, commands


def _ranges(record: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any], dict[str, Any], dict[str, Any]]]:
    """Path, conversation, range and contributor (the range's own, or its conversation's) of every range."""
    for file in map(dict_of, list_of(record.get("files"))):
        for talk in map(dict_of, list_of(file.get("conversations"))):
            for one in map(dict_of, list_of(talk.get("ranges"))):
                by = dict_of(one.get("contributor")) or dict_of(talk.get("contributor"))
                yield text_of(file.get("path")).replace("\\", "/"), talk, one, by


def _proof(value: Any) -> str:
    algorithm, _, digits = text_of(value).lower().partition(":")
    sound = len(digits) == HASHES.get(algorithm) and re.fullmatch("[0-9a-f]*", digits)
    return f"{algorithm}:{digits}" if sound else ""


def _commands(record: dict[str, Any], command: str) -> Iterator[Wrote]:
    talks = [talk for _, talk, _, by in _ranges(record) if by.get("type") == "ai"]
    if talks:
        about = _origin(record, talks[0], dict_of(talks[0].get("contributor")))
        for at, piece in enumerate(shapes.of_shell(command, "")):
            yield Wrote(*piece, _id(record), at, Status.APPLIED, about)


def _id(record: dict[str, Any]) -> str:
    """The id of the call where the record has it, as a transcript of the session would, else its own."""
    return text_of(dict_of(record.get("metadata")).get("tool_use_id")) or text_of(record.get("id"))


def _origin(record: dict[str, Any], talk: dict[str, Any], by: dict[str, Any]) -> Origin:
    more, tool = dict_of(record.get("metadata")), dict_of(record.get("tool"))
    names = (more.get("session_id"), more.get("conversation_id"), talk.get("id"), talk.get("url"))
    model = text_of(by.get("model_id")) or UNKNOWN
    return Origin(
        provider=provider_of(model),
        model=model,
        tool=text_of(tool.get("name")) or UNKNOWN,
        version=text_of(tool.get("version")) or UNKNOWN,
        channel=channel_of("", model),
        session=next((name for name in map(text_of, names) if name), UNKNOWN),
        time=instant(record.get("timestamp")),
    )


def located(text: str, trace: Trace) -> str | None:
    """The lines of a file's text that are those of the record, by their hash: at its place, else anywhere."""
    lines = text.split("\n")
    size = trace.last - trace.first + 1
    starts = [trace.first - 1, *range(max(0, len(lines) - size + 1))]
    left = MOST_HASHED
    for start in starts:
        found = "\n".join(lines[start : start + size])
        left -= len(found)
        if start + size <= len(lines) and _is_hash_of(trace.content_hash, found):
            return found
        if left < 0:
            return None
    return None


def _is_hash_of(proof: str, text: str) -> bool:
    """Whether a hash is that of the text: as it stands, with a newline, or without newlines at its end."""
    algorithm, _, digits = proof.partition(":")
    plain = text.replace("\r\n", "\n").replace("\r", "\n").rstrip("\n")
    return any(
        hashlib.new(algorithm, one.encode("utf-8", "surrogateescape"), usedforsecurity=False).hexdigest() == digits
        for one in (text, f"{text}\n", plain)
    )


def note(data: bytes, tally: Tally) -> Note:
    """The lines that a commit's note of agent-trace-cli names; none where it was written without its ledger."""
    tally.records += 1
    value = decoded(data)
    if not isinstance(value, dict):
        tally.broken += 1
        return Note((), {}, {})
    named: list[Named] = []
    agents: dict[str, Agent] = {}
    files = dict_of(dict_of(value.get("ledger")).get("files"))
    if not files and dict_of(value.get("stats")).get("ai_lines"):
        tally.unread += 1
    for path, about in files.items():
        for one in map(dict_of, list_of(dict_of(about).get("line_attributions"))):
            if one.get("type", "ai") != "ai":
                continue
            first, last = one.get("start_line"), one.get("end_line")
            if not (type(first) is int and type(last) is int and 0 < first <= last):
                tally.broken += 1
                continue
            session = text_of(one.get("conversation_id")) or text_of(one.get("trace_id")) or UNKNOWN
            agent = Agent(UNKNOWN, text_of(one.get("model_id")) or UNKNOWN, session)
            key = "\0".join(agent)
            agents[key] = agent
            named.append(Named(path, key, ((first, last),)))
    return Note(tuple(named), agents, {})
