from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provenance.capture import codex, gemini
from provenance.capture.session import Event, Shown, Start, Tally
from provenance.model import Status
from tests.capture.recording import Record, added, lines, wrote
from tests.capture.test_copilot import DAMAGES, FUZZ, survives, survives_bytes

HEAD = {
    "sessionId": "3f0c1d5e-0000-4000-8000-000000000001",
    "projectHash": "ab" * 32,
    "startTime": "2026-01-10T02:08:26.108Z",
    "lastUpdated": "2026-01-10T02:20:00.000Z",
}
SPEECH = "I have put the new function beside the old one and left every caller as it was before today."
BODY = "def area(shape):\n    return shape.width * shape.height\n"
FILE = "import math\n\n\ndef circle(radius):\n    return math.pi * radius**2\n"


def person(text: Any, **fields: Any) -> Record:
    return {"id": "u1", "timestamp": "2026-01-10T02:08:26.108Z", "type": "user", "content": text, **fields}


def model(text: Any = "", *calls: Record, key: str = "g1", **fields: Any) -> Record:
    time = "2026-01-10T02:09:21.386Z"
    message = {"id": key, "timestamp": time, "type": "gemini", "content": text, "model": "gemini-2.5-flash"}
    return {**message, **({"toolCalls": list(calls)} if calls else {}), **fields}


def call(name: str, args: Any, output: Any = "done", status: str = "success", **fields: Any) -> Record:
    answer = {"functionResponse": {"id": "c1", "name": name, "response": {"output": output}}}
    return {"id": "c1", "name": name, "args": args, "result": [answer], "status": status, **fields}


def document(*messages: Record, **fields: Any) -> Record:
    return {**HEAD, "messages": list(messages), **fields}


def events(*records: Record) -> tuple[list[Event], Tally]:
    tally = Tally()
    return gemini.read(lines(*records), tally), tally


def shown(found: list[Event]) -> list[str]:
    return [event.text for event in found if isinstance(event, Shown) and event.text]


SESSION = [
    person("Put an area function into a.py"),
    model(
        SPEECH,
        call("write_file", {"file_path": "a.py", "content": BODY}),
        thoughts=[{"subject": "Placing It", "description": "The file is new, so it is written whole, once."}],
    ),
]
FORMS: dict[str, list[Record]] = {
    "document": [document(*SESSION)],
    "log": [HEAD, *SESSION],
    "log set anew": [HEAD, {"$set": {"messages": SESSION}}],
}


@pytest.mark.parametrize("form", FORMS)
def test_a_chat_yields_each_output_once_with_its_origin_in_every_form(form: str) -> None:
    found, tally = events(*FORMS[form])
    assert Counter(thinking=1, prose=1, write=1) == tally.wrote
    assert (1, 0, 0, Counter(), False) == (tally.edit_calls, tally.unread, tally.broken, tally.unknown, tally.silent)
    assert [("g1", 1), ("g1", 0), ("c1", 0)] == [(one.call, one.ordinal) for one in wrote(found)]
    (origin,) = {one.origin for one in wrote(found)}
    assert ("google", "gemini-2.5-flash", "gemini-cli") == (origin.provider, origin.model, origin.tool)
    assert (HEAD["sessionId"], "2026-01-10T02:09:21.386Z") == (origin.session, origin.time)
    (edit,) = wrote(found, "write")
    assert ("a.py", (BODY,), Status.APPLIED) == (edit.path, edit.blocks, edit.status)


def test_the_document_and_the_log_it_becomes_give_the_same_outputs() -> None:
    assert wrote(events(*FORMS["document"])[0]) == wrote(events(*FORMS["log"])[0])


def test_what_a_person_typed_and_tools_put_out_is_not_claimed() -> None:
    read = call("read_file", {"file_path": "a.py"}, FILE * 4)
    asked = SPEECH + " Then run the tests of that folder, and tell me which of them needed a change."
    found, _ = events(document(person(asked), model("", read), model(asked + "\n\n" + FILE * 4, key="g2")))
    assert [""] == added(found, "prose")


def test_the_last_form_of_a_message_counts_and_what_only_an_earlier_form_says_is_kept() -> None:
    early = "Before that, let me say in one sentence what the plan for this whole change was at first."
    steps = [model(early), model(SPEECH), model(SPEECH, call("write_file", {"file_path": "a", "content": BODY}))]
    found, tally = events(HEAD, *steps, {**steps[2], "tokens": {"input": 1}})
    assert [(SPEECH,), (early,)] == [one.blocks for one in wrote(found, "prose")]
    assert Counter(prose=2, write=1) == tally.wrote
    assert len({(one.call, one.ordinal) for one in wrote(found)}) == 3


def test_what_was_taken_back_is_still_the_models() -> None:
    found, tally = events(HEAD, person("a"), model(SPEECH), {"$rewindTo": "u1"}, model("Fine.", key="g2"))
    assert [SPEECH, "Fine."] == [one.blocks[0] for one in wrote(found)]
    assert Counter() == tally.unknown


def test_output_that_was_masked_later_counts_as_shown() -> None:
    full = model("", call("read_file", {}, FILE * 4))
    masked = model("", call("read_file", {}, "[masked]"))
    found, _ = events(HEAD, full, {"$set": {"messages": [masked]}}, model(FILE * 4, key="g2"))
    assert [""] == added(found, "prose")


def test_a_call_names_its_file_relative_to_the_folder_that_the_head_names() -> None:
    found, _ = events(
        document(model("", call("write_file", {"file_path": "/w/a.py", "content": "x"})), directories=["/w"])
    )
    assert ["a.py"] == [one.path for one in wrote(found)]


def test_a_replacement_adds_only_what_differs() -> None:
    given = {"file_path": "a.py", "old_string": "x = 1\ny = 2", "new_string": "x = 1\nz = 3\ny = 2"}
    (one,) = wrote(events(document(model("", call("replace", given))))[0])
    assert ("edit", ("z = 3",), ("x = 1\ny = 2",)) == (one.kind, one.blocks, one.before)


def test_a_write_over_a_file_adds_only_what_the_file_had_not() -> None:
    display = {"fileDiff": "", "fileName": "a.py", "originalContent": FILE, "newContent": FILE + BODY}
    given = {"file_path": "a.py", "content": FILE + BODY}
    (one,) = wrote(events(document(model("", call("write_file", given, resultDisplay=display))))[0])
    assert (("".join(one.blocks)).strip(), one.before) == (BODY.strip(), (FILE,))


HUMAN = "def surface(shape: Shape) -> float:\n    # metres, as the drawing has them\n    return shape.w * shape.h\n"


@pytest.mark.parametrize(
    ("name", "given", "kind"),
    [
        ("write_file", {"file_path": "a.py", "content": HUMAN}, "write"),
        ("replace", {"file_path": "a.py", "old_string": FILE, "new_string": FILE + HUMAN}, "edit"),
    ],
)
def test_of_an_amended_proposal_the_models_text_is_claimed_and_the_persons_shown(
    name: str, given: Record, kind: str
) -> None:
    amended = {**given, "modified_by_user": True, "ai_proposed_content": BODY}
    found, tally = events(document(model("", call(name, amended))))
    (one,) = wrote(found)
    assert (kind, "a.py", BODY.rstrip("\n")) == (one.kind, one.path, "".join(one.blocks).rstrip("\n"))
    assert any(HUMAN in text for text in shown(found))
    assert (1, 0) == (tally.edit_calls, tally.unread)


def test_where_the_proposal_repeats_the_old_file_nothing_is_claimed_and_the_loss_is_told() -> None:
    given = {"file_path": "a.py", "old_string": FILE, "new_string": FILE + HUMAN}
    amended = {**given, "modified_by_user": True, "ai_proposed_content": FILE}
    found, tally = events(document(model("", call("replace", amended))))
    assert [] == wrote(found)
    assert (1, 1, True) == (tally.edit_calls, tally.unread, tally.silent)


def test_the_call_in_the_models_history_has_the_text_before_a_person_amended_it() -> None:
    given = {"file_path": "a.py", "old_string": FILE, "new_string": FILE + HUMAN}
    amended = {**given, "modified_by_user": True, "ai_proposed_content": FILE}
    asked = {"file_path": "a.py", "old_string": "return math.pi * radius**2", "new_string": BODY}
    part = {"functionCall": {"id": "c1", "name": "replace", "args": asked}}
    found, tally = events(HEAD, model("", call("replace", amended)), {"$set": {"messages": [model([part])]}})
    (one,) = wrote(found)
    assert ((BODY.rstrip("\n"),), 1, 0) == (tuple(b.rstrip("\n") for b in one.blocks), tally.edit_calls, tally.unread)


def test_a_proposal_beside_content_that_nobody_amended_is_read_once() -> None:
    given = {"file_path": "a.py", "content": BODY * 3, "ai_proposed_content": BODY * 3, "modified_by_user": False}
    assert Counter(write=1) == events(document(model("", call("write_file", given))))[1].wrote


@pytest.mark.parametrize(
    ("status", "output", "became"),
    [
        ("success", "fine", Status.APPLIED),
        ("error", "no such file", Status.FAILED),
        ("cancelled", "[Operation Cancelled] Reason: User did not allow tool call", Status.DECLINED),
        ("cancelled", "[Operation Cancelled] Reason: User denied execution.", Status.DECLINED),
        ("cancelled", "[Operation Cancelled] User cancelled tool execution.", Status.UNKNOWN),
        ("awaiting_approval", "", Status.UNKNOWN),
    ],
)
def test_what_became_of_a_call_is_recorded_and_its_text_kept(status: str, output: str, became: Status) -> None:
    given = {"file_path": "a.py", "content": BODY}
    (one,) = wrote(events(document(model("", call("write_file", given, output, status))))[0])
    assert (became, (BODY,)) == (one.status, one.blocks)


def test_a_command_line_gives_its_heredoc_and_fails_with_its_exit_code() -> None:
    command = "cat > a.py <<'EOF'\n" + BODY + "EOF\npython a.py --all --verbose --with every option that there is"
    output = f"Command: {command}\nOutput: (empty)\nExit Code: 1"
    found, tally = events(document(model("", call("run_shell_command", {"command": command}, output))))
    assert [("heredoc", Status.UNKNOWN), ("command", Status.FAILED)] == [(one.kind, one.status) for one in wrote(found)]
    assert BODY.split() == added(found, "heredoc")[0].split()
    assert 0 == tally.edit_calls


def test_the_snapshot_of_a_compression_is_the_models_and_the_tools_own_answer_is_not() -> None:
    snapshot = f"<state_snapshot><overall_goal>{SPEECH}</overall_goal></state_snapshot>"
    canned = {"id": "k", "timestamp": "", "type": "gemini", "content": [{"text": sorted(gemini.CANNED)[1]}]}
    found, _ = events(HEAD, model("Hello."), {"$set": {"messages": [person([{"text": snapshot}]), canned]}})
    assert [("prose", "gemini-2.5-flash"), ("summary", "unknown")] == [(o.kind, o.origin.model) for o in wrote(found)]
    assert ["google", "google"] == [one.origin.provider for one in wrote(found)]


def test_the_summary_in_the_head_is_the_models_and_its_provider_is_not_guessed() -> None:
    found, _ = events(
        HEAD, {"$set": {"summary": "Adds an area function"}}, {"$set": {"summary": "Adds an area function"}}
    )
    (one,) = wrote(found)
    assert ("summary", "unknown", "2026-01-10T02:20:00.000Z") == (one.kind, one.origin.provider, one.origin.time)


def test_a_subagents_answer_is_a_models_and_a_search_answer_is_neither() -> None:
    asked = call("codebase_investigator", {"objective": "x"}, SPEECH)
    named = {**call("my_agent", {}, SPEECH + " Again."), "id": "c2", "agentId": "a-1"}
    search = {**call("google_web_search", {"query": "x"}, "Web results: " + SPEECH), "id": "c3"}
    found, _ = events(document(model("", asked, named, search)))
    assert [("c1", (SPEECH,)), ("c2", (SPEECH + " Again.",))] == [(o.call, o.blocks) for o in wrote(found, "subagent")]
    assert not any("Web results" in text for text in shown(found))


def test_parts_of_the_models_history_are_read_as_what_they_are() -> None:
    parts = [
        {"text": "**Weighing It** whether one file is enough", "thought": True},
        {"text": SPEECH},
        {"executableCode": {"language": "PYTHON", "code": "print(6 * 7)"}},
        {"codeExecutionResult": {"output": "42"}},
    ]
    found, _ = events(document(model(parts)))
    assert [("thinking", 1), ("prose", 0)] == [(one.kind, one.ordinal) for one in wrote(found)]
    assert (SPEECH, "print(6 * 7)") == wrote(found, "prose")[0].blocks
    assert "42" in shown(found)


def test_chats_of_one_file_are_apart() -> None:
    found, _ = events(document(person("a"), model(SPEECH)), {**document(model(SPEECH)), "sessionId": "other"})
    assert [HEAD["sessionId"], "other"] == [event.session for event in found if isinstance(event, Start)]
    assert [HEAD["sessionId"], "other"] == [one.origin.session for one in wrote(found)]


def test_unknown_records_and_messages_are_counted_and_not_claimed() -> None:
    found, tally = events(HEAD, {**model(SPEECH), "type": "oracle"}, {"odd": 1}, {"$set": {"messages": [3]}})
    assert [] == wrote(found)
    assert Counter({"message/oracle": 1, "odd": 1, "message/int": 1}) == tally.unknown
    assert SPEECH in shown(found)


def test_a_log_without_its_head_is_read() -> None:
    assert gemini.recognise(model(SPEECH))
    (one,) = wrote(events(model(SPEECH))[0])
    assert ("unknown", "google") == (one.origin.session, one.origin.provider)


@pytest.mark.parametrize(
    ("record", "known"),
    [
        (HEAD, True),
        (document(*SESSION), True),
        (document(person("a"), {**model("b"), "type": "qwen"}), False),
        ({"sessionId": "s", "projectHash": "h"}, False),
        ({"sessionId": "s", "messages": [], "startTime": ""}, False),
        ({"type": "gemini", "name": "a zodiac sign"}, False),
        ({"$set": {"a": 1}}, False),
        (person("a"), False),
        ({"type": "session_meta", "payload": {}}, False),
    ],
    ids=lambda value: json.dumps(value)[:40],
)
def test_only_its_own_records_are_recognised(record: Record, known: bool) -> None:
    assert known is gemini.recognise(record)
    assert not codex.recognise(record) or not known


ALL: list[Any] = [
    HEAD,
    *SESSION,
    {"$set": {"messages": [model([{"functionCall": {"id": "c1", "name": "replace", "args": {}}}, {"text": "a"}])]}},
    {"$set": {"summary": "b"}},
    {"$rewindTo": "u1"},
    model("", call("replace", {"old_string": "a", "new_string": "b", "modified_by_user": True}), key="g3"),
    document(*SESSION),
]


@FUZZ
@given(st.data())
def test_records_with_any_value_in_any_place_are_read_or_counted(data: st.DataObject) -> None:
    survives(gemini, ALL, data)


@FUZZ
@given(DAMAGES)
def test_a_file_with_bytes_damaged_anywhere_is_read_or_counted(damages: list[tuple[float, int, bytes]]) -> None:
    survives_bytes(gemini, ALL, damages)
