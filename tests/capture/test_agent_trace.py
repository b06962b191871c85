"""Agent Trace records: only lines that a hash proves are anybody's."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from provenance.capture import agent_trace
from provenance.capture.agent_trace import Trace
from provenance.capture.git_ai import Agent, Named
from provenance.capture.session import Tally, Wrote
from provenance.model import UNKNOWN, Origin


def sha(text: str, algorithm: str = "sha256") -> str:
    return f"{algorithm}:{hashlib.new(algorithm, text.encode()).hexdigest()}"


def record(content_hash: str | None = None, **more: Any) -> dict[str, Any]:
    """A record as the specification 0.1.0 has it."""
    lines = {"start_line": 2, "end_line": 3, **({"content_hash": content_hash} if content_hash else {})}
    talk = {
        "url": "https://example.com/talk/1",
        "contributor": {"type": "ai", "model_id": "anthropic/claude-opus-4-5-20251101"},
        "ranges": [lines],
    }
    return {
        "version": "0.1.0",
        "id": "550e8400-e29b-41d4-a716-446655440000",
        "timestamp": "2026-01-25T10:00:00Z",
        "vcs": {"type": "git", "revision": "a" * 40},
        "tool": {"name": "cursor", "version": "2.4.0"},
        "files": [{"path": "src/app.ts", "conversations": [talk]}],
        **more,
    }


def hooked(tool: str, path: str, **metadata: Any) -> dict[str, Any]:
    """A record as the reference hook writes it for a call."""
    talk = {
        "url": "file:///home/ada/t.jsonl", "contributor": {"type": "ai"}, "ranges": [{"start_line": 1, "end_line": 1}]
    }  # fmt: skip
    about = {"session_id": "s-1", "tool_name": tool, "tool_use_id": "toolu_1", **metadata}
    return record(
        version="1.0", tool={"name": "claude-code"}, files=[{"path": path, "conversations": [talk]}], metadata=about
    )


def parsed(*values: Any) -> tuple[list[Trace], list[Wrote], Tally]:
    tally = Tally()
    traces, commands = agent_trace.parse([json.dumps(value).encode() for value in values], tally)
    return traces, commands, tally


def test_a_range_with_a_hash_can_be_found_and_has_the_recorded_origin() -> None:
    (trace,), _, tally = parsed(record(sha("b\nc")))
    assert ("src/app.ts", "a" * 40, 2, 3, sha("b\nc")) == trace[2:7]
    assert trace.origin == Origin(
        provider="anthropic",
        model="anthropic/claude-opus-4-5-20251101",
        tool="cursor",
        version="2.4.0",
        session="https://example.com/talk/1",
        time="2026-01-25T10:00:00.000Z",
    )
    assert (1, 0) == (tally.edit_calls, tally.unread)


def test_a_range_without_a_hash_or_with_one_that_proves_nothing_is_unread() -> None:
    for proof in (None, "murmur3:9f2e8a1b", "sha256:12", "sha256:", "md5:" + "0" * 32, "x" * 64):
        traces, _, tally = parsed(record(proof))
        assert ([], 1) == (traces, tally.unread)


def test_what_the_reference_hook_writes_names_nothing_that_can_be_found() -> None:
    traces, commands, tally = parsed(
        hooked("Write", "src/new.py"),
        hooked("SessionStart", ".sessions", event="session_start"),
        hooked("Edit", "a.py"),
    )
    assert ([], [], 2, 2) == (traces, commands, tally.edit_calls, tally.unread)


def test_a_shell_command_of_the_reference_hook_is_recorded_whole() -> None:
    command = "cat > run.sh <<'EOF'\nset -e\necho started\nEOF\n"
    traces, (wrote, *_), tally = parsed(hooked("Bash", ".shell-history", command=command))
    assert ("heredoc", "run.sh", "toolu_1", "s-1") == (wrote.kind, wrote.path, wrote.call, wrote.origin.session)
    assert "set -e\necho started" in wrote.blocks[0]
    assert ([], 0) == (traces, tally.unread)


def test_only_an_assistants_ranges_count_and_a_range_may_have_its_own_contributor() -> None:
    for kind in ("human", "unknown", "mixed", 7):
        one = record(sha("b"))
        one["files"][0]["conversations"][0]["ranges"][0]["contributor"] = {"type": kind}
        traces, _, tally = parsed(one)
        assert [] == traces
        assert ({"contributor mixed": 1} if kind == "mixed" else {}) == tally.unknown


def trace(proof: str, first: int = 2, last: int = 3) -> Trace:
    return Trace("id", 0, "f", "HEAD", first, last, proof, Origin())


def test_lines_are_located_by_their_hash_where_they_are_said_to_be_or_elsewhere() -> None:
    for proof in (sha("b\nc"), sha("b\nc\n"), sha("b\nc", "sha1"), sha("b\nc", "sha512")):
        assert agent_trace.located("a\nb\nc\nd\n", trace(proof)) == "b\nc"
        assert agent_trace.located("b\nc\na\nb", trace(proof)) == "b\nc"
        assert agent_trace.located("b\nx\nc\n", trace(proof)) is None
        assert agent_trace.located("b", trace(proof)) is None
        assert agent_trace.located("", trace(proof, 900_000, 900_001)) is None
    assert agent_trace.located("x\r\ny\r\n\r\n", trace(sha("x\ny"), 1, 3)) == "x\r\ny\r\n\r"


def test_a_large_file_is_not_hashed_without_end(monkeypatch: Any) -> None:
    monkeypatch.setattr(agent_trace, "MOST_HASHED", 1000)
    text = "line\n" * 5000
    assert agent_trace.located(text + "b\nc", trace(sha("b\nc"))) is None
    assert agent_trace.located("b\nc\n" + text, trace(sha("b\nc"))) == "b\nc"


def test_a_commits_note_names_its_lines() -> None:
    segment = {"start_line": 2, "end_line": 3, "trace_id": "t-1", "type": "ai", "model_id": "openai/gpt-5"}
    ledger = {"files": {"a.py": {"line_attributions": [segment, {**segment, "type": "human"}, {"start_line": "x"}]}}}
    tally = Tally()
    found = agent_trace.note(json.dumps({"version": "2.0", "stats": {"ai_lines": 2}, "ledger": ledger}).encode(), tally)
    agent = Agent(UNKNOWN, "openai/gpt-5", "t-1")
    (key,) = found.agents
    assert ((Named("a.py", key, ((2, 3),)),), {key: agent}) == found[:2]
    assert (1, 0) == (tally.broken, tally.unread)


def test_a_commits_note_without_its_ledger_is_unread() -> None:
    tally = Tally()
    assert () == agent_trace.note(b'{"version":"2.0","stats":{"ai_lines":2}}', tally).named
    assert () == agent_trace.note(b"nothing", tally).named
    assert (1, 1) == (tally.unread, tally.broken)


KEYS = (
    "version id files conversations ranges contributor type start_line end_line content_hash metadata command tool vcs"
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.sampled_from(["ai", sha("x"), "1.0"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(KEYS.split()) | st.text(max_size=4), inner, max_size=6)
    ),
    max_leaves=25,
)


@settings(max_examples=300, deadline=None)
@given(JSON, st.sampled_from(["files", "metadata", "tool", "vcs", "id"]))
def test_any_json_is_read_or_counted(value: Any, place: str) -> None:
    for one in (value, {**record(sha("x"), metadata={"command": "cat > x <<E\na\nE"}), place: value}):
        traces, _, tally = parsed(one)
        for found in traces:
            agent_trace.located("x\ny", found)
        assert tally.unread <= tally.edit_calls
        agent_trace.note(json.dumps(one).encode(), tally)
        agent_trace.note(json.dumps({"ledger": {"files": {"f": {"line_attributions": [one]}}}}).encode(), tally)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.binary(max_size=60), max_size=4))
def test_any_bytes_are_read_or_counted(lines: list[bytes]) -> None:
    tally = Tally()
    agent_trace.parse(lines, tally)
    assert 0 <= tally.broken <= tally.records
    agent_trace.note(b"\n".join(lines), tally)
