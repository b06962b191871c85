from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provenance.capture import copilot, vscode_copilot
from provenance.capture.session import Event, Shown, Start, Tally
from provenance.model import Status
from tests.capture.recording import Record, added, lines, wrote
from tests.capture.test_copilot import (
    BODY,
    DAMAGES,
    FUZZ,
    PATCH,
    SPEECH,
    begun,
    message,
    start,
    survives,
    survives_bytes,
)
from tests.capture.test_copilot import request as tool_request

FILE = "import math\n\ndef disc(radius):\n    if radius < 0:\n        raise E()\n    return math.pi * radius**2\n"
URI = {"$mid": 1, "fsPath": "/w/a.py", "path": "/w/a.py", "scheme": "file"}
FOLDER = {"$mid": 1, "path": "/w/", "scheme": "file"}


def markdown(text: str, **fields: Any) -> Record:
    return {"value": text, "supportThemeIcons": False, "baseUri": FOLDER, **fields}


def reference() -> Record:
    return {"kind": "inlineReference", "inlineReference": URI}


def group(*edits: tuple[str, int, int], **fields: Any) -> Record:
    ranges = [{"text": text, "range": {"startLineNumber": a, "endLineNumber": b}} for text, a, b in edits]
    return {"kind": "textEditGroup", "uri": URI, "edits": [[edit] for edit in ranges], "done": True, **fields}


def invocation(**fields: Any) -> Record:
    return {"kind": "toolInvocationSerialized", "toolCallId": "c1", "toolId": "t", "isComplete": True, **fields}


def turn(text: str = "", *calls: tuple[str, Any], **fields: Any) -> Record:
    made = [
        {"name": name, "arguments": json.dumps(given), "id": f"c{number}"}
        for number, (name, given) in enumerate(calls, 1)
    ]
    return {"id": "round", "response": text, "toolCalls": made, **fields}


def leaf(text: str) -> Record:
    return {"type": 2, "text": text, "lineBreakBefore": True}


def rendered(*texts: str) -> Record:
    return {
        "content": [{"value": {"node": {"type": 1, "children": [{"type": 1, "children": list(map(leaf, texts))}]}}}]
    }


def request(
    *response: Any, rounds: list[Record] | None = None, results: Record | None = None, asked: str = "Go", **fields: Any
) -> Record:
    metadata: Record = {"codeBlocks": []}
    if rounds is not None:
        metadata |= {"toolCallRounds": rounds, "toolCallResults": results or {}}
    return {
        "requestId": "r1",
        "message": {"text": asked, "parts": [{"kind": "text", "text": asked}]},
        "variableData": {"variables": []},
        "response": list(response),
        "result": {"metadata": metadata},
        "agent": {"extensionVersion": "0.31.5"},
        "timestamp": 1759845073835,
        "modelId": "copilot/claude-sonnet-4",
        **fields,
    }


def chat(*requests: Record, **fields: Any) -> Record:
    head = {"version": 3, "responderUsername": "GitHub Copilot", "sessionId": "v1", "initialLocation": "panel"}
    return {**head, "requests": list(requests), **fields}


def events(*records: Record) -> tuple[list[Event], Tally]:
    tally = Tally()
    return vscode_copilot.read(lines(*records), tally), tally


def shown(found: list[Event]) -> list[str]:
    return [one.text for one in found if isinstance(one, Shown) and one.text]


WRITE = ("create_file", {"filePath": "/w/a.py", "content": BODY})
DONE = {"c1": rendered("The following files were successfully edited:", "/w/a.py")}
ONE = request(
    markdown("I have put the new function beside the old one in "),
    reference(),
    markdown(" today."),
    {"kind": "undoStop", "id": "u"},
    {"kind": "codeblockUri", "uri": URI, "isEdit": True},
    group((BODY, 1, 1)),
    rounds=[turn("I have put the new function beside the old one in `a.py` today.", WRITE, thinking={"text": "Hm."})],
    results=DONE,
)
FORMS: dict[str, list[Record]] = {
    "document": [chat(ONE)],
    "log": [{"kind": 0, "v": chat(ONE)}],
    "log with a request pushed": [{"kind": 0, "v": chat()}, {"kind": 2, "k": ["requests"], "v": [ONE]}],
    "log that grows": [
        {"kind": 0, "v": chat({**ONE, "response": [], "result": None})},
        {"kind": 2, "k": ["requests", 0, "response"], "v": ONE["response"][:1]},
        {"kind": 2, "k": ["requests", 0, "response"], "v": ONE["response"], "i": 0},
        {"kind": 1, "k": ["requests", 0, "result"], "v": ONE["result"]},
        {"kind": 3, "k": ["inputState", "inputText"]},
    ],
    "log written anew": [{"kind": 0, "v": chat(ONE)}, {"kind": 0, "v": chat(ONE)}],
}


@pytest.mark.parametrize("form", FORMS)
def test_a_chat_yields_each_output_once_with_its_origin_in_every_form(form: str) -> None:
    found, tally = events(*FORMS[form])
    assert Counter(thinking=1, prose=1, write=1) == tally.wrote
    assert (1, 0, 0, False) == (tally.edit_calls, tally.unread, tally.broken, tally.silent)
    (origin,) = {one.origin for one in wrote(found)}
    assert ("anthropic", "claude-sonnet-4", "copilot-vscode", "0.31.5") == (
        origin.provider,
        origin.model,
        origin.tool,
        origin.version,
    )
    assert ("copilot", "v1", "2025-10-07T13:51:13.835Z") == (origin.channel, origin.session, origin.time)
    (edit,) = wrote(found, "write")
    assert ("a.py", (BODY,), "c1", Status.APPLIED) == (edit.path, edit.blocks, edit.call, edit.status)
    assert wrote(found) == wrote(events(*FORMS["document"])[0])


@pytest.mark.parametrize(
    ("name", "given", "kind", "blocks"),
    [
        ("replace_string_in_file", {"filePath": "/w/a.py", "oldString": "x", "newString": "x\ny"}, "edit", ("y",)),
        (
            "multi_replace_string_in_file",
            {"explanation": "e", "replacements": [{"filePath": "/w/a.py", "oldString": "x", "newString": "y"}]},
            "edit",
            ("y",),
        ),
        (
            "insert_edit_into_file",
            {
                "filePath": "/w/a.py",
                "explanation": "e",
                "code": "// ...existing code...\ny = 2\n// ...existing code...",
            },
            "edit",
            ("y = 2",),
        ),
        (
            "edit_notebook_file",
            {"filePath": "/w/a.py", "cellId": "1", "editType": "insert", "newCode": ["y = 2\n", "z = 3"]},
            "notebook",
            ("y = 2\n\nz = 3",),
        ),
        ("apply_patch", {"input": PATCH.replace("/repo", "/w")}, "patch", ("def area(shape):\n    return 1",)),
    ],
)
def test_an_edit_is_read_whatever_the_tool(name: str, given: Record, kind: str, blocks: tuple[str, ...]) -> None:
    found, tally = events(chat(request(markdown("Done."), rounds=[turn("Done.", (name, given))], results=DONE)))
    (one,) = wrote(found, "edit", "notebook", "patch", "write")
    assert (kind, "a.py", blocks) == (one.kind, one.path, one.blocks)
    assert (1, 0) == (tally.edit_calls, tally.unread)


def test_an_editing_call_of_which_nothing_can_be_read_is_told() -> None:
    _, tally = events(chat(request(rounds=[turn("", ("create_file", {"v9": 1}))], results=DONE)))
    assert (1, 1, True) == (tally.edit_calls, tally.unread, tally.silent)


def test_what_a_person_typed_and_tools_put_out_is_not_claimed() -> None:
    asked = SPEECH + " Then run the tests of that folder, and tell me which of them needed a change."
    read = {"c1": rendered("```python", *FILE.splitlines(), "```")}
    rounds = [turn("", ("read_file", {"filePath": "/w/a.py"})), turn(f"{asked}\n\n{FILE}")]
    found, _ = events(chat(request(rounds=rounds, results=read, asked=asked)))
    assert [""] == added(found, "prose")


def test_without_rounds_the_parts_are_read_and_a_reference_keeps_its_sentence_whole() -> None:
    parts = [markdown("Look into "), reference(), markdown(" for it."), {"kind": "thinking", "value": ["So ", "so."]}]
    found, tally = events(chat(request(*parts, markdown("And that is all."))))
    assert ["Look into a.py for it.", "And that is all."] == [one.blocks[0] for one in wrote(found, "prose")]
    assert [("So so.",)] == [one.blocks for one in wrote(found, "thinking")]
    assert Counter() == tally.unknown


def test_without_a_call_the_edits_of_the_editor_are_read_with_neighbours_joined() -> None:
    fence = markdown("\n```\n")
    edits = group(("def area(a):", 1, 1), ("    return a", 2, 2), ("x = 1\n", 40, 41), done=False)
    found, tally = events(chat(request(fence, edits, fence)))
    (one,) = wrote(found)
    assert ("edit", "a.py", ("def area(a):\n    return a", "x = 1")) == (one.kind, one.path, one.blocks)
    assert (1, Status.UNKNOWN) == (tally.edit_calls, one.status)


def test_cells_of_a_notebook_are_read() -> None:
    cells = {"kind": "notebookEditGroup", "uri": URI, "done": True}
    edits = [[{"editType": 1, "index": 0, "cells": [{"source": BODY}]}, {"edit": {"text": "y = 2"}, "uri": URI}]]
    (one,) = wrote(events(chat(request({**cells, "edits": edits})))[0])
    assert ("notebook", (BODY, "y = 2")) == (one.kind, one.blocks)


PRICE = {"details": "Claude Sonnet 4.5 • 0.9x", "metadata": {}}


@pytest.mark.parametrize(
    ("fields", "provider", "model", "channel"),
    [
        ({"modelId": "copilot/gpt-4o"}, "openai", "gpt-4o", "copilot"),
        ({"modelId": "openrouter/anthropic/claude-x"}, "anthropic", "anthropic/claude-x", "openrouter"),
        ({"modelId": "anthropic/claude-x"}, "anthropic", "claude-x", "unknown"),
        ({"modelId": "copilot/auto", "result": PRICE}, "anthropic", "Claude Sonnet 4.5", "unknown"),
        ({"modelId": "copilot/auto", "result": {"metadata": {"resolvedModel": "gpt-5"}}}, "openai", "gpt-5", "unknown"),
        ({"modelId": "copilot/auto", "result": {"details": "2 files • 3x"}}, "unknown", "unknown", "unknown"),
        ({"modelId": None}, "unknown", "unknown", "unknown"),
    ],
)
def test_the_model_is_the_one_that_the_request_names(fields: Record, provider: str, model: str, channel: str) -> None:
    (one,) = wrote(events(chat(request(markdown(SPEECH), **fields)))[0])
    assert (provider, model, channel) == (one.origin.provider, one.origin.model, one.origin.channel)


def test_of_a_log_the_model_selected_when_a_request_came_is_its_model() -> None:
    state = chat(inputState={"selectedModel": {"identifier": "copilot/gpt-4o"}})
    later = {"kind": 1, "k": ["inputState", "selectedModel"], "v": {"identifier": "copilot/claude-x"}}
    push = {"kind": 2, "k": ["requests"], "v": [request(markdown(SPEECH), modelId=None)]}
    (one,) = wrote(events({"kind": 0, "v": state}, push, later)[0])
    assert "gpt-4o" == one.origin.model
    (one,) = wrote(events(chat(request(markdown(SPEECH), modelId=None), inputState=state["inputState"]))[0])
    assert "unknown" == one.origin.model


def test_what_a_log_took_back_is_still_the_models() -> None:
    retry = "No, there is a better way than that, and I shall take it at once instead of the first one."
    found, _ = events(
        {"kind": 0, "v": chat(request(markdown(SPEECH)))},
        {"kind": 2, "k": ["requests", 0, "response"], "v": [markdown(retry)], "i": 0},
        {"kind": 2, "k": ["requests"], "v": [request(markdown("Once more."), requestId="r2")]},
        {"kind": 2, "k": ["requests"], "i": 1},
    )
    assert [retry, SPEECH, "Once more."] == [one.blocks[0] for one in wrote(found)]
    assert len({one.call for one in wrote(found)}) == 3


def test_an_answer_that_streams_is_read_once() -> None:
    words = SPEECH.split()
    grown = [
        {"kind": 2, "k": ["requests", 0, "response"], "v": [markdown(" ".join(words[:n]))], "i": 0}
        for n in range(1, len(words) + 1)
    ]
    found, _ = events({"kind": 0, "v": chat(request())}, *grown)
    assert [(SPEECH,)] == [one.blocks for one in wrote(found)]


@pytest.mark.parametrize(
    ("part", "output", "became"),
    [
        ({"isConfirmed": {"type": 4}}, "The following files were successfully edited:", Status.APPLIED),
        ({"isConfirmed": {"type": 0}}, None, Status.DECLINED),
        ({"isConfirmed": {"type": 5}}, "The user chose to skip the tool call", Status.DECLINED),
        ({"isConfirmed": False}, None, Status.DECLINED),
        ({}, "User cancelled", Status.DECLINED),
        ({}, "ERROR while calling tool: no such file", Status.FAILED),
        ({}, None, Status.UNKNOWN),
    ],
)
def test_what_became_of_a_call_is_recorded_and_its_text_kept(part: Record, output: str | None, became: Status) -> None:
    results = {} if output is None else {"c1": {"content": [{"value": output}]}}
    (one,) = wrote(events(chat(request(invocation(**part), rounds=[turn("", WRITE)], results=results)))[0])
    assert (became, (BODY,)) == (one.status, one.blocks)


def test_a_command_that_no_round_holds_is_the_models_and_a_persons_change_of_it_is_not() -> None:
    line = {"original": "python -m build --sdist --wheel --outdir dist", "userEdited": "python -m build --wheel"}
    output = {"text": "Successfully built"}
    part = invocation(toolSpecificData={"kind": "terminal", "commandLine": line, "terminalCommandOutput": output})
    found, _ = events(chat(request(part)))
    assert [("command", (line["original"],))] == [(one.kind, one.blocks) for one in wrote(found)]
    assert {"python -m build --wheel", "Successfully built"} <= set(shown(found))
    rounds = [turn("", ("run_in_terminal", {"command": line["original"]}))]
    assert 1 == len(wrote(events(chat(request({**part, "toolCallId": "other"}, rounds=rounds)))[0]))


def test_a_subagents_answer_is_a_models_and_a_summary_too() -> None:
    given = {"prompt": "Find every caller of area and list file and line of each, nothing else, please."}
    data = {"kind": "subagent", **given, "result": SPEECH, "modelName": "GPT-5 mini"}
    (asked, one) = wrote(events(chat(request(invocation(toolSpecificData=data))))[0])
    assert ("input", "subagent", "GPT-5 mini", "openai") == (
        asked.kind,
        one.kind,
        one.origin.model,
        one.origin.provider,
    )
    results = {"c1": {"content": [{"value": SPEECH}]}}
    rounds = [turn("", ("runSubagent", given), summary="The person wants the callers of area listed.")]
    found, _ = events(chat(request(rounds=rounds, results=results)))
    kinds = [(one.kind, one.origin.provider, one.origin.model) for one in wrote(found, "subagent", "summary")]
    assert [("subagent", "anthropic", "unknown"), ("summary", "anthropic", "unknown")] == kinds


def test_a_servers_input_is_the_models_and_its_output_is_shown() -> None:
    details = {"input": json.dumps({"query": SPEECH}), "output": [{"type": "embed", "isText": True, "value": FILE}]}
    found, _ = events(chat(request(invocation(resultDetails=details))))
    assert [("input", (SPEECH,))] == [(one.kind, one.blocks) for one in wrote(found)]
    assert FILE in shown(found)


def test_words_of_the_program_are_not_claimed_and_unknown_parts_are_counted() -> None:
    progress = {"kind": "progressMessage", "content": {"value": SPEECH}}
    found, tally = events(chat(request(progress, {"kind": "oracle", "content": SPEECH})))
    assert ([], Counter({"response/oracle": 1})) == (wrote(found), tally.unknown)


def test_lines_of_a_log_that_change_nothing_are_counted() -> None:
    _, tally = events(
        {"kind": 0, "v": chat()},
        {"kind": 1, "k": ["requests", 9, "result"], "v": {}},
        {"kind": 7, "k": ["x"]},
        {"other": 1},
    )
    assert 3 == sum(tally.unknown.values())


def test_a_log_without_its_head_is_read() -> None:
    found, tally = events({"kind": 2, "k": ["requests"], "v": [request(markdown(SPEECH))]})
    assert ([(SPEECH,)], Counter()) == ([one.blocks for one in wrote(found)], tally.unknown)


def test_messages_and_answers_of_old_documents_may_be_plain_strings() -> None:
    old = {"requestId": "r", "message": "Go", "response": ["First.", {"value": " Second."}]}
    found, _ = events({"version": 1, "responderUsername": "GitHub Copilot", "requests": [old]})
    assert [("First. Second.",)] == [one.blocks for one in wrote(found)]
    assert ["Go"] == shown(found)


def test_chats_of_one_file_are_apart() -> None:
    found, _ = events(chat(request(markdown(SPEECH))), chat(request(markdown(SPEECH)), sessionId="v2"))
    assert ["v1", "v2"] == [one.session for one in found if isinstance(one, Start)]
    assert ["v1", "v2"] == [one.origin.session for one in wrote(found)]


STREAM = [
    start("t1", vscodeVersion="1.119.0"),
    message("I shall patch it.", tool_request("apply_patch", json.dumps({"input": PATCH})), model=None),
    begun("apply_patch", {"input": PATCH}),
]


def test_an_event_stream_is_read_with_the_reader_of_its_events_under_its_own_name() -> None:
    assert vscode_copilot.recognise(STREAM[0])
    assert not copilot.recognise(STREAM[0])
    found, tally = events(*STREAM)
    assert Counter(prose=1, patch=1) == tally.wrote
    assert {("copilot-vscode", "t1", "unknown")} == {
        (o.origin.tool, o.origin.session, o.origin.model) for o in wrote(found)
    }
    assert "copilot-vscode" == tally.assistant


@pytest.mark.parametrize(
    ("record", "known"),
    [
        (chat(), True),
        ({"sessionId": "s", "requests": [ONE]}, True),
        ({"kind": 0, "v": chat()}, True),
        ({"kind": 2, "k": ["requests"], "v": []}, True),
        ({"kind": 1, "k": ["inputState", "inputText"], "v": ""}, True),
        ({"kind": False, "v": {"requests": []}}, False),
        ({"kind": 0, "v": {}}, False),
        ({"kind": 2, "k": ["items"], "v": []}, False),
        ({"requests": [{"method": "GET"}]}, False),
        ({"requests": "many"}, False),
        (start(), False),
        ({"type": "session_meta", "payload": {}}, False),
    ],
    ids=lambda value: json.dumps(value)[:40],
)
def test_only_its_own_records_are_recognised(record: Record, known: bool) -> None:
    assert known is vscode_copilot.recognise(record)


PARTS = [
    *ONE["response"],
    invocation(toolSpecificData={"kind": "terminal", "commandLine": {"original": "ls -l a b c d e"}}),
    invocation(resultDetails={"input": '{"a": "b"}', "output": [{"value": "x"}]}, isConfirmed={"type": 0}),
    {"kind": "notebookEditGroup", "uri": URI, "edits": [[{"cells": [{"source": ["a", "b"]}]}]]},
    {"kind": "questionCarousel", "questions": [{"title": "Which?"}], "data": {"q": "a"}},
    {"kind": "markdownVuln", "content": {"value": "text"}},
]
ALL: list[Any] = [
    {"kind": 0, "v": chat({**ONE, "response": PARTS}, inputState={"selectedModel": {"identifier": "copilot/gpt-4o"}})},
    {"kind": 2, "k": ["requests", 0, "response"], "v": [markdown(SPEECH)], "i": 2},
    {"kind": 1, "k": ["requests", 0, "result"], "v": ONE["result"]},
    {"kind": 1, "k": ["requests", 0, "response", 1, "value"], "v": "a"},
    {"kind": 2, "k": ["requests"], "v": [{**ONE, "requestId": "r2"}]},
    {"kind": 3, "k": ["requests", 1]},
    chat(ONE),
]


@FUZZ
@given(st.data())
def test_records_with_any_value_in_any_place_are_read_or_counted(data: st.DataObject) -> None:
    survives(vscode_copilot, ALL, data)


@FUZZ
@given(DAMAGES)
def test_a_file_with_bytes_damaged_anywhere_is_read_or_counted(damages: list[tuple[float, int, bytes]]) -> None:
    survives_bytes(vscode_copilot, ALL, damages)
