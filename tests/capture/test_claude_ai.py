from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provenance.capture import claude_ai
from provenance.capture.session import Event, Shown, Start, Tally, Wrote
from provenance.model import Status
from tests.capture.mutating import damaged, examples, lines, mutated, taken
from tests.capture.recording import added, wrote

ROOT = "00000000-0000-4000-8000-000000000000"
CODE = "def border(shape):\n    return 2 * (shape.width + shape.height)\n"
LONGER = CODE + "\n\ndef area(shape):\n    return shape.width * shape.height\n"


def said(uuid: str, sender: str, *blocks: Any, **fields: Any) -> dict[str, Any]:
    content = [{"type": "text", "text": block} if isinstance(block, str) else block for block in blocks]
    text = "\n\n".join(block.get("text", "This block is not supported on your device yet.") for block in content)
    return {
        "uuid": uuid,
        "parent_message_uuid": ROOT,
        "sender": sender,
        "text": text,
        "content": content,
        "attachments": [],
        "files": [],
        "created_at": "2026-03-29T07:06:35.552627Z",
        **fields,
    }


def use(name: str, given: Any, id: str | None = "toolu_01Artefact") -> dict[str, Any]:
    return {"type": "tool_use", "id": id, "name": name, "input": given, "message": name, "display_content": None}


def result(content: Any, id: str | None = "toolu_01Artefact", error: bool = False) -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": id, "name": "x", "content": content, "is_error": error}


def conversation(*messages: Any, uuid: str = "c1", **fields: Any) -> dict[str, Any]:
    return {
        "uuid": uuid,
        "name": "Shapes",
        "account": {"uuid": "a"},
        "created_at": "2026-03-29T07:06:34Z",
        "chat_messages": list(messages),
        **fields,
    }


def events_of(*records: Any) -> tuple[list[Event], Tally]:
    tally = Tally()
    return claude_ai.read(lines(records), tally), tally


def outputs(*blocks: Any) -> list[Wrote]:
    return wrote(events_of(conversation(said("m1", "assistant", *blocks)))[0])


EXPORT = [
    conversation(
        said("m1", "human", "Measure the border.", attachments=[{"file_name": "a.py", "extracted_content": CODE}]),
        said("m2", "assistant", {"type": "thinking", "thinking": "A short task about the border of a shape."}, "Done."),
        said("m3", "assistant", use("artifacts", {"command": "create", "id": "border", "content": LONGER})),
        said("m4", "assistant", use("bash_tool", {"command": "cat > b.py <<'EOF'\nx = 1\ny = 2\nEOF"}), result("ok")),
        summary="The person asked for the border of a shape.",
    ),
    conversation(said("n1", "assistant", "Another answer.", content=[], text="Another answer."), uuid="c2"),
]


def test_each_conversation_is_a_session_and_each_output_has_its_origin() -> None:
    events, tally = events_of(*EXPORT)
    assert ["c1", "c2"] == [one.session for one in events if isinstance(one, Start)]
    assert Counter(prose=2, thinking=1, write=1, heredoc=1, summary=1) == tally.wrote
    assert (2, 0, 1, 0, False) == (tally.records, tally.broken, tally.edit_calls, tally.unread, tally.silent)
    assert Counter() == tally.unknown
    origins = {(one.origin.provider, one.origin.model, one.origin.tool, one.origin.session) for one in wrote(events)}
    assert {("anthropic", "unknown", "claude.ai", "c1"), ("anthropic", "unknown", "claude.ai", "c2")} == origins
    assert "2026-03-29T07:06:35.552Z" == wrote(events)[0].origin.time
    assert ("summary", "c1.summary") == (wrote(events, "summary")[0].kind, wrote(events, "summary")[0].call)


def test_what_a_person_wrote_pasted_or_attached_is_shown_and_never_claimed() -> None:
    events, _ = events_of(EXPORT[0])
    assert {"Measure the border.", CODE} <= {one.text for one in events if isinstance(one, Shown)}
    person = said("m1", "human", LONGER)
    echoed, _ = events_of(conversation(person, said("m2", "assistant", LONGER)))
    assert [""] == added(echoed)
    assert [LONGER.strip()] == [
        text.strip() for text in added(events_of(conversation(said("m2", "assistant", LONGER)))[0])
    ]


def test_what_one_conversation_showed_does_not_count_in_the_next() -> None:
    events, _ = events_of(
        conversation(said("m1", "human", LONGER)), conversation(said("m2", "assistant", LONGER), uuid="c2")
    )
    assert [LONGER.strip()] == [text.strip() for text in added(events)]


def test_side_branches_are_read_and_each_answer_has_its_own_id() -> None:
    question = said("m1", "human", "Why?")
    first = said("m2", "assistant", "Because of the first reason.", parent_message_uuid="m1")
    second = said("m3", "assistant", "Because of the second reason.", parent_message_uuid="m1")
    events, _ = events_of(conversation(question, first, second, current_leaf_message_uuid="m3"))
    assert [("m2", 0), ("m3", 0)] == [(one.call, one.ordinal) for one in wrote(events)]


def test_a_text_that_stands_in_text_and_content_is_read_once() -> None:
    (one,) = outputs("Only once.")
    assert (("Only once.",), "prose", "m1") == (one.blocks, one.kind, one.call)


def test_an_export_without_content_is_read_by_its_text() -> None:
    old = {"uuid": "m1", "sender": "assistant", "text": "An old answer.", "created_at": "2023-08-01T10:00:00Z"}
    (one,) = wrote(events_of(conversation(old))[0])
    assert ("An old answer.",) == one.blocks


def test_an_artifact_is_a_write_and_written_again_only_what_is_new() -> None:
    create = use("artifacts", {"command": "create", "id": "border", "title": "Border", "content": CODE}, "toolu_1")
    rewrite = use("artifacts", {"command": "rewrite", "id": "border", "content": LONGER}, "toolu_2")
    first, second = outputs(create, result("OK", "toolu_1"), rewrite)
    assert ("write", "border", (CODE,), "toolu_1") == (first.kind, first.path, first.blocks, first.call)
    assert (Status.APPLIED, Status.UNKNOWN) == (first.status, second.status)
    assert ("def area(shape):\n    return shape.width * shape.height",) == tuple(b.strip() for b in second.blocks)
    assert (CODE,) == second.before


def test_a_change_of_an_artifact_is_an_edit_of_its_new_lines() -> None:
    change = {"command": "update", "id": "border", "old_str": "x = 1", "new_str": "x = 1\ny = 2"}
    (one,) = outputs(use("artifacts", change))
    assert ("edit", "border", ("y = 2",), ("x = 1",)) == (one.kind, one.path, one.blocks, one.before)


def test_artifacts_of_2024_stand_in_tags_within_the_text() -> None:
    text = (
        "Here it is.\n<antThinking>Worth an artifact.</antThinking>\n"
        f'<antArtifact identifier="border-py" type="application/vnd.ant.code">\n{CODE}</antArtifact>\nEnd.'
    )
    found = {one.kind: one for one in outputs(text)}
    assert ("border-py", ("\n" + CODE,)) == (found["write"].path, found["write"].blocks)
    assert ("Worth an artifact.",) == found["thinking"].blocks
    assert ["Here it is.", "End."] == [block.strip() for block in found["prose"].blocks]
    assert 3 == len({(one.call, one.ordinal) for one in found.values()})


def test_tags_that_never_end_do_not_take_for_ever() -> None:
    (one,) = outputs("<antArtifact " * 50_000)
    assert "prose" == one.kind


@pytest.mark.parametrize("error", [False, True])
def test_files_that_the_model_makes_have_their_path_and_what_became_of_them(error: bool) -> None:
    make = use("create_file", {"description": "x", "path": "/home/claude/a.py", "file_text": CODE})
    (one,) = outputs(make, result([{"type": "text", "text": "ok", "uuid": "u"}], error=error))
    assert ("write", "/home/claude/a.py", (CODE,)) == (one.kind, one.path, one.blocks)
    assert (Status.FAILED if error else Status.APPLIED) is one.status


def test_an_edit_that_was_applied_and_could_not_be_read_is_loud() -> None:
    _, tally = events_of(conversation(said("m1", "assistant", use("artifacts", {"command": "new"}), result("OK"))))
    assert (1, True) == (tally.unread, tally.silent)


def test_a_call_without_an_id_is_known_by_its_message_and_its_input() -> None:
    first, second = outputs(
        use("artifacts", {"id": "a", "content": "x = 1"}, None), use("artifacts", {"id": "b", "content": "y = 2"}, None)
    )
    assert first.call.startswith("m1.")
    assert first.call != second.call


@pytest.mark.parametrize("where", ["message", "conversation"])
def test_the_model_is_the_recorded_one(where: str) -> None:
    model = {"model": "claude-opus-4-5"}
    one = said("m1", "assistant", "Hello there.", **(model if where == "message" else {}))
    (output,) = wrote(events_of(conversation(one, **(model if where == "conversation" else {})))[0])
    assert ("claude-opus-4-5", "anthropic") == (output.origin.model, output.origin.provider)


def test_unknown_blocks_and_senders_are_counted() -> None:
    strange = said("m1", "assistant", {"type": "hologram", "text": "x"}, {"type": "token_budget"})
    _, tally = events_of(conversation(strange, said("m2", "robot", "x")), {"uuid": "u", "name": "a project"})
    assert Counter({"block/hologram": 1, "sender/robot": 1, "record": 1}) == tally.unknown


def test_other_json_is_not_claimed() -> None:
    assert all(map(claude_ai.recognise, EXPORT))
    others: list[dict[str, Any]] = [
        {"chat_messages": [{"role": "user"}], "uuid": "u"},
        {"chat_messages": "x", "uuid": "u"},
        {"chat_messages": []},
        {"messages": [], "uuid": "u"},
        {"uuid": "u", "name": "n", "docs": []},
    ]
    for record in others:
        assert not claude_ai.recognise(record)


@examples(80)
@given(st.data())
def test_conversations_with_any_value_in_any_place_are_read_or_counted(data: st.DataObject) -> None:
    records = mutated(data, EXPORT)
    assert all(claude_ai.recognise(record) in (True, False) for record in records if isinstance(record, dict))
    taken(claude_ai.read, lines(records))


@examples(60)
@given(st.data())
def test_damaged_bytes_are_read_or_counted(data: st.DataObject) -> None:
    taken(claude_ai.read, damaged(data, b"".join(lines(EXPORT))).splitlines(keepends=True))
