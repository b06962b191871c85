"""git-ai's notes: which lines they name, whose they are, and what is nobody's."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from provenance.capture import git_ai
from provenance.capture.git_ai import Agent, Named, Note
from provenance.capture.session import Shown, Tally, Wrote
from provenance.model import UNKNOWN, Status

CLAUDE = Agent("claude-code", "claude-opus-4-6", "11111111-2222")
CURSOR = Agent("cursor", UNKNOWN, "chat-7")


def note(attested: str, **about: Any) -> bytes:
    """A note of the form 3.0.0."""
    metadata = {"schema_version": "authorship/3.0.0", "base_commit_sha": "0" * 40, "prompts": {}, **about}
    return f"{attested}---\n{json.dumps(metadata, indent=2)}".encode("utf-8", "surrogateescape")


def session(agent: Agent, **more: Any) -> dict[str, Any]:
    tool = {"claude-code": "claude"}.get(agent.tool, agent.tool)
    return {"agent_id": {"tool": tool, "id": agent.session, "model": agent.model}, **more}


def parsed(data: bytes) -> tuple[Note, Tally]:
    tally = Tally()
    return git_ai.parse(data, tally), tally


MIXED = note(
    "src/main.rs\n"
    "  s_c9883b05a2487d::t_9f8e7d6c5b4a32 1-3,7\n"
    "  s_c9883b05a2487d::t_a1b2c3d4e5f678 4\n"
    "  h_31dce776f88375 5\n"
    '"src/my file.rs"\n'
    "  abcd1234abcd1234 1-2\n"
    "  02ad540 9\n",
    git_ai_version="1.4.5",
    sessions={"s_c9883b05a2487d": session(CLAUDE)},
    humans={"h_31dce776f88375": {"author": "Ada <ada@example.com>"}},
    prompts={"abcd1234abcd1234": session(CURSOR, accepted_lines=2), "02ad540": session(CURSOR)},
)


def test_a_note_of_the_present_form_names_lines_by_session() -> None:
    found, tally = parsed(MIXED)
    assert found.named == (
        Named("src/main.rs", "s_c9883b05a2487d", ((1, 3), (7, 7))),
        Named("src/main.rs", "s_c9883b05a2487d", ((4, 4),)),
        Named("src/main.rs", "h_31dce776f88375", ((5, 5),)),
        Named("src/my file.rs", "abcd1234abcd1234", ((1, 2),)),
        Named("src/my file.rs", "02ad540", ((9, 9),)),
    )
    assert {"s_c9883b05a2487d": CLAUDE, "abcd1234abcd1234": CURSOR, "02ad540": CURSOR} == found.agents
    assert (1, 0, {}) == (tally.records, tally.broken, dict(tally.unknown))


def test_lines_of_one_session_are_blocks_and_a_persons_and_unnamed_lines_are_nothing() -> None:
    found, _ = parsed(MIXED)
    text = "\n".join("abcdefgh")
    named = [one for one in found.named if one.path == "src/main.rs"]
    assert {CLAUDE: ("a\nb\nc\nd", "g")} == git_ai.texts(text, named, found.agents)


def test_the_last_entry_that_names_a_line_has_it() -> None:
    named = [Named("f", "a", ((1, 5),)), Named("f", "b", ((2, 2), (5, 9))), Named("f", "h_1", ((4, 4),))]
    agents = {"a": CLAUDE, "b": CURSOR}
    assert {CLAUDE: ("1", "3"), CURSOR: ("2", "5\n6")} == git_ai.texts("1\n2\n3\n4\n5\n6", named, agents)


def test_a_key_that_nothing_describes_is_an_unknown_assistants() -> None:
    named = [Named("f", "s_dead", ((1, 1),)), Named("f", "human", ((2, 2),)), Named("f", "ai_agent", ((3, 3),))]
    assert {Agent(UNKNOWN, UNKNOWN, "s_dead"): ("1",), Agent(UNKNOWN, UNKNOWN, "ai_agent"): ("3",)} == git_ai.texts(
        "1\n2\n3", named, {}
    )


def test_lines_that_the_file_has_not_and_blank_ones_are_nothing() -> None:
    named = [Named("f", "a", ((1, 2), (90, 4_000_000)))]
    assert {} == git_ai.texts(" \n\t\n", named, {"a": CLAUDE})
    assert {CLAUDE: ("x\ny",)} == git_ai.texts("x\r\ny", named, {"a": CLAUDE})


def test_what_stands_for_no_model_is_unknown_and_the_origin_has_only_what_is_recorded() -> None:
    for model in ("unknown", "default", "<synthetic>", "", "Auto"):
        found, _ = parsed(note("", sessions={"s": session(CLAUDE._replace(model=model))}))
        assert found.agents["s"].model == UNKNOWN
    origin = git_ai.origin(CURSOR, "2026-01-01")
    assert (UNKNOWN, "cursor", "chat-7", "2026-01-01") == (origin.provider, origin.tool, origin.session, origin.time)
    assert git_ai.origin(CLAUDE, UNKNOWN).provider == "anthropic"


def test_the_first_json_form_names_an_agent_or_a_mere_author() -> None:
    author = {"author": "Claude", "lines": [1, [3, 4]], "agent_metadata": None}
    agent = {"author": "cursor", "lines": [[8, 9], 11], "agent_metadata": {"model": "gpt-5"}}
    log = {"files": {"a.rs": {"file": "a.rs", "authors": [author, agent]}}, "schema_version": "authorship/0.0.1"}
    found, tally = parsed(json.dumps(log).encode())
    assert (Named("a.rs", "cursor", ((8, 9), (11, 11))),) == found.named
    assert {"cursor": Agent("cursor", "gpt-5", UNKNOWN)} == found.agents
    assert {"author without an agent": 1} == tally.unknown


def test_the_second_json_form_names_sessions() -> None:
    entries = [
        {"lines": [[1, 2]], "author_key": "ada", "prompt_session_id": "chat-7", "prompt_turn": 0},
        {"lines": [3], "author_key": "ada"},
    ]
    log = {"files": {"a.rs": entries}, "prompts": {"chat-7": session(CURSOR)}, "schema_version": "authorship/1.0.0"}
    found, tally = parsed(json.dumps(log).encode())
    assert (Named("a.rs", "chat-7", ((1, 2),)),) == found.named
    assert CURSOR == found.agents["chat-7"]
    assert {"author without an agent": 1} == tally.unknown


def test_what_cannot_be_read_is_counted_and_the_rest_is_read() -> None:
    data = note("  s_1 4\nf\n  s_1 1-2,x,9-3,0,5-\n  s_2\n  s_3 99999999999\n  s_4 7\n", sessions={})
    found, tally = parsed(data)
    assert (Named("f", "s_1", ((1, 2),)), Named("f", "s_4", ((7, 7),))) == found.named
    assert tally.broken == 7
    for nothing in (b"", b"---\n", b"f\n  s_1 1\n---\n[1]", b"f\n  s_1 1\n", b"{", b"{}", b"\xff"):
        found, tally = parsed(nothing)
        assert (Note((), {}, {}), 1) == (found, tally.broken)


def test_an_unknown_form_is_counted_and_read_as_far_as_it_is_the_same() -> None:
    found, tally = parsed(note("f\n  s_1 1\n", schema_version="authorship/9.0.0"))
    assert 1 == len(found.named)
    assert {"schema_version authorship/9.0.0": 1} == tally.unknown


TALK = [
    {"type": "user", "text": "Please add a retry.", "timestamp": "2025-10-01T10:00:00Z"},
    {"type": "assistant", "text": "I shall add one.", "timestamp": "2025-10-01T10:00:01Z"},
    {"type": "tool_use", "name": "Edit", "input": {"file_path": "a.py", "old_string": "go()",
                                                   "new_string": "go()\nretry()"}},
    {"type": "mystery"},
]  # fmt: skip


def test_a_talk_in_a_note_has_prose_and_edits_and_no_word_of_the_person() -> None:
    found, _ = parsed(note("", prompts={"p": session(CLAUDE, messages=TALK)}))
    tally = Tally()
    shown, prose, edit = git_ai.conversation(found.talks["p"], found.agents["p"], tally)
    assert shown == Shown("Please add a retry.")
    assert isinstance(prose, Wrote)
    assert isinstance(edit, Wrote)
    assert ("prose", ("I shall add one.",), Status.APPLIED) == (prose.kind, prose.blocks, prose.status)
    assert ("edit", ("retry()",), ("go()",), "a.py", Status.UNKNOWN) == (
        edit.kind, edit.blocks, edit.before, edit.path, edit.status,
    )  # fmt: skip
    assert ("11111111-2222", "2025-10-01T10:00:01.000Z") == (prose.origin.session, prose.origin.time)
    assert ({"message mystery": 1}, 1) == (tally.unknown, tally.edit_calls)
    assert prose.call != edit.call
    assert prose.call.startswith("said.")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.sampled_from(["files", "prompts", "sessions"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from("files prompts sessions agent_id messages authors lines type text tool model input".split())
            | st.text(max_size=4),
            inner,
            max_size=5,
        )
    ),
    max_leaves=20,
)


def consume(data: bytes) -> None:
    found, tally = parsed(data)
    for one in found.named:
        texts = git_ai.texts("one\ntwo\n\nthree\n", [one, *found.named], found.agents)
        assert all(block.strip() for blocks in texts.values() for block in blocks)
    for key, talk in found.talks.items():
        assert isinstance(git_ai.conversation(talk, found.agents[key], tally), list)
    assert all(name.isprintable() for name in tally.unknown)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=80), st.floats(0, 1), st.integers(0, 40))
def test_a_note_with_any_bytes_in_any_place_is_read_or_counted(data: bytes, where: float, size: int) -> None:
    at = int(where * len(MIXED))
    consume(MIXED[:at] + data + MIXED[at + size :])
    consume(data)


@settings(max_examples=300, deadline=None)
@given(JSON)
def test_any_json_is_read_or_counted(value: Any) -> None:
    consume(json.dumps(value).encode())
    consume(b"f\n  s_1 1-3\n  h_2 2\n---\n" + json.dumps(value).encode())
