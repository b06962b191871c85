from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provenance.capture import chatgpt
from provenance.capture.session import Event, Shown, Start, Tally, Wrote
from provenance.model import Status
from tests.capture.mutating import damaged, examples, lines, mutated, taken
from tests.capture.recording import added, wrote

CODE = "def border(shape):\n    return 2 * (shape.width + shape.height)\n"
LONGER = CODE + "\n\ndef area(shape):\n    return shape.width * shape.height\n"
Node = tuple[str, str | None, dict[str, Any] | None]


def said(role: str, *parts: Any, content: Any = None, **fields: Any) -> dict[str, Any]:
    return {
        "author": {"role": role, "name": None, "metadata": {}},
        "create_time": 1770000000.5,
        "content": content or {"content_type": "text", "parts": list(parts)},
        "status": "finished_successfully",
        "metadata": {"model_slug": "gpt-5-2"} if role == "assistant" else {},
        "recipient": "all",
        **fields,
    }


def call(recipient: str, text: str, kind: str = "code") -> dict[str, Any]:
    content = {"content_type": kind, "language": "unknown", "text": text}
    return said("assistant", content=content, recipient=recipient)


def conversation(*nodes: Node, session: str = "c1", **fields: Any) -> dict[str, Any]:
    mapping: dict[str, Any] = {}
    for key, parent, message in nodes:
        message = {"id": key, **message} if message else None
        mapping[key] = {"id": key, "message": message, "parent": parent, "children": []}
        if parent in mapping:
            mapping[parent]["children"].append(key)
    return {
        "title": "Shapes",
        "create_time": 1770000000.0,
        "mapping": mapping,
        "current_node": nodes[-1][0] if nodes else "",
        "conversation_id": session,
        **fields,
    }


def chain(*messages: dict[str, Any] | None, session: str = "c1") -> dict[str, Any]:
    nodes = [(f"n{at}", f"n{at - 1}" if at else None, message) for at, message in enumerate(messages)]
    return conversation(*nodes, session=session)


def events_of(*records: Any) -> tuple[list[Event], Tally]:
    tally = Tally()
    return chatgpt.read(lines(records), tally), tally


def outputs(*messages: dict[str, Any]) -> list[Wrote]:
    return wrote(events_of(chain(*messages))[0])


def created(content: str, name: str = "border") -> dict[str, Any]:
    return call("canmore.create_textdoc", json.dumps({"name": name, "type": "code/python", "content": content}))


def updated(pattern: str, replacement: str) -> dict[str, Any]:
    update = {"pattern": pattern, "multiple": False, "replacement": replacement}
    return call("canmore.update_textdoc", json.dumps({"updates": [update]}))


def answered(text: str, **metadata: Any) -> dict[str, Any]:
    return said("tool", text, metadata=metadata)


EXPORT = [
    chain(
        None,
        said("system", ""),
        said(
            "user",
            content={"content_type": "user_editable_context", "user_profile": "", "user_instructions": "Be brief."},
        ),
        said("user", "Measure the border."),
        said(
            "assistant",
            content={"content_type": "thoughts", "thoughts": [{"summary": "Plan", "content": "Two sides."}]},
        ),
        said("assistant", content={"content_type": "reasoning_recap", "content": "Thought for 3s"}),
        created(LONGER),
        answered("Created", canvas={"textdoc_id": "t"}),
        call("python", "total = 0\nfor side in (1, 2, 3, 4, 5, 6, 7, 8):\n    total = total + side\nprint(total)"),
        said("tool", content={"content_type": "execution_output", "text": "36"}),
        said(
            "assistant",
            "The border is measured.",
            content={
                "content_type": "multimodal_text",
                "parts": ["The border.", {"content_type": "image_asset_pointer", "asset_pointer": "sediment://x"}],
            },
        ),
    ),
    chain(said("user", "Hi"), said("assistant", "Hello."), session="c2"),
]


def test_each_conversation_is_a_session_and_each_output_has_its_origin() -> None:
    events, tally = events_of(*EXPORT)
    assert ["c1", "c2"] == [one.session for one in events if isinstance(one, Start)]
    assert Counter(prose=2, thinking=2, write=1, input=1) == tally.wrote
    assert (2, 0, 1, 0, False) == (tally.records, tally.broken, tally.edit_calls, tally.unread, tally.silent)
    assert Counter() == tally.unknown
    origins = {(one.origin.provider, one.origin.model, one.origin.tool) for one in wrote(events)}
    assert {("openai", "gpt-5-2", "chatgpt")} == origins
    assert {"c1", "c2"} == {one.origin.session for one in wrote(events)}
    assert "2026-02-02T02:40:00.500Z" == wrote(events)[0].origin.time
    assert "Thought for 3s" not in [text for one in wrote(events) for text in one.blocks]


def test_people_tools_and_instructions_were_shown_and_are_never_claimed() -> None:
    shown = {one.text for one in events_of(EXPORT[0])[0] if isinstance(one, Shown)}
    assert {"Be brief.", "Measure the border.", "Created", "36"} == shown
    for role in ("user", "tool", "system", "developer"):
        echoed, tally = events_of(chain(said(role, LONGER), said("assistant", LONGER)))
        assert ([""], Counter()) == (added(echoed), tally.unknown)
    assert [LONGER.strip()] == [text.strip() for text in added(events_of(chain(said("assistant", LONGER)))[0])]


def test_custom_instructions_in_the_metadata_were_shown() -> None:
    context = {"user_context_message_data": {"about_user_message": LONGER, "about_model_message": ""}}
    events, _ = events_of(chain(said("system", "", metadata=context), said("assistant", LONGER)))
    assert [""] == added(events)


def test_memory_is_shown_although_the_assistant_is_its_author() -> None:
    memory = said("assistant", content={"content_type": "model_editable_context", "model_set_context": LONGER})
    assert [""] == added(events_of(chain(memory, said("assistant", LONGER)))[0])


def test_every_branch_is_read_each_answer_once() -> None:
    record = conversation(
        ("r", None, None),
        ("q", "r", said("user", "Why?")),
        ("a1", "q", said("assistant", "First answer.")),
        ("a2", "q", said("assistant", "Second answer.")),
        ("b", "a1", said("assistant", "After the first.")),
        ("lost", "gone", said("assistant", "Of a parent that is not there.")),
    )
    assert ["a1", "b", "a2", "lost"] == [one.call for one in wrote(events_of(record)[0])]


def test_a_tree_that_bites_its_tail_ends() -> None:
    record = chain(said("user", "a"), said("assistant", "b"))
    record["mapping"]["n1"]["children"] = ["n0", "n1"]
    record["mapping"]["n0"]["parent"] = "n1"
    assert ["n1"] == [one.call for one in wrote(events_of(record)[0])]


def test_a_conversation_of_thousands_of_turns_is_read() -> None:
    record = chain(*(said("assistant", f"Answer {number}.") for number in range(5000)))
    assert 5000 == len(wrote(events_of(record)[0]))


def test_a_canvas_is_a_write_and_its_changes_are_edits_of_what_is_new() -> None:
    first, second = outputs(
        created(CODE), answered("ok"), updated(".*", LONGER), answered("no", canvas={"is_failure": True})
    )
    assert ("write", "border", (CODE,), "n0", Status.APPLIED) == (
        first.kind,
        first.path,
        first.blocks,
        first.call,
        first.status,
    )
    assert ("edit", "border", (CODE,), Status.FAILED) == (second.kind, second.path, second.before, second.status)
    assert ["def area(shape):\n    return shape.width * shape.height"] == [block.strip() for block in second.blocks]


def test_a_canvas_as_text_parts_is_read_too() -> None:
    text = json.dumps({"name": "n", "type": "document", "content": CODE})
    (one,) = outputs(said("assistant", text, recipient="canmore.create_textdoc"))
    assert ("write", (CODE,)) == (one.kind, one.blocks)


def test_a_pattern_of_the_model_is_not_run() -> None:
    evil = updated("(a+)+$", "x = 1\ny = 2\n")
    (_, one) = outputs(created("a" * 60 + "!"), evil)
    assert ["x = 1\ny = 2"] == [block.strip() for block in one.blocks]


def test_an_applied_canvas_that_could_not_be_read_is_loud() -> None:
    _, tally = events_of(chain(call("canmore.create_textdoc", '{"name": "n", "conte'), answered("ok")))
    assert (1, True) == (tally.unread, tally.silent)


@pytest.mark.parametrize("result", [{"status": "success"}, {"status": "failed_with_in_kernel_exception"}])
def test_what_became_of_a_call_is_what_the_tool_said(result: dict[str, str]) -> None:
    code = call("python", "import math\n" * 12)
    (one,) = outputs(
        code,
        said("tool", content={"content_type": "execution_output", "text": ""}, metadata={"aggregate_result": result}),
    )
    assert ("input", Status.APPLIED if result["status"] == "success" else Status.FAILED) == (one.kind, one.status)


def test_a_model_that_was_not_recorded_is_unknown_but_the_service_is_openais() -> None:
    (one,) = outputs(said("assistant", "Hello.", metadata={"default_model_slug": "gpt-4o"}))
    assert ("openai", "unknown") == (one.origin.provider, one.origin.model)


def test_the_report_of_a_research_is_read_out_of_its_widget_once_an_id() -> None:
    report = {
        "id": "rep",
        "author": {"role": "assistant"},
        "content": {"content_type": "text", "parts": ["A long report."]},
    }
    state = json.dumps({"status": "completed", "report_message": report})
    (one,) = outputs(said("tool", "", metadata={"chatgpt_sdk": {"widget_state": state}}))
    assert (("A long report.",), "prose", "rep") == (one.blocks, one.kind, one.call)


def test_unknown_types_and_roles_are_counted() -> None:
    strange = chain(said("robot", "x"), said("assistant", content={"content_type": "hologram", "text": "Words."}))
    events, tally = events_of(strange, {"mapping": 1})
    assert Counter({"role/robot": 1, "content/hologram": 1, "record": 1}) == tally.unknown
    assert [("Words.",)] == [one.blocks for one in wrote(events)]


def test_other_json_is_not_claimed() -> None:
    assert all(map(chatgpt.recognise, EXPORT))
    others: list[dict[str, Any]] = [
        {"mapping": {"a": 1}, "current_node": "a"},
        {"mapping": {"a": {"x": 1}}, "create_time": 1},
        {"mapping": {}},
        {"mapping": [], "conversation_id": "c"},
        {"messages": [], "conversation_id": "c"},
    ]
    for record in others:
        assert not chatgpt.recognise(record)


@examples(80)
@given(st.data())
def test_conversations_with_any_value_in_any_place_are_read_or_counted(data: st.DataObject) -> None:
    records = mutated(data, EXPORT)
    assert all(chatgpt.recognise(record) in (True, False) for record in records if isinstance(record, dict))
    taken(chatgpt.read, lines(records))


@examples(60)
@given(st.data())
def test_damaged_bytes_are_read_or_counted(data: st.DataObject) -> None:
    taken(chatgpt.read, damaged(data, b"".join(lines(EXPORT))).splitlines(keepends=True))
