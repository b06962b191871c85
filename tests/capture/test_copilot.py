from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from provenance.capture import claude_code, codex, copilot, novelty
from provenance.capture.session import Event, Shown, Start, Tally
from provenance.model import Evidence, Status
from tests.capture.recording import Record, added, lines, wrote

SPEECH = "I have put the new function beside the old one and left every caller as it was before today."
BODY = "def area(shape):\n    return shape.width * shape.height\n"
PATCH = "*** Begin Patch\n*** Add File: /repo/a.py\n+def area(shape):\n+    return 1\n*** End Patch"

_count = iter(range(1, 1_000_000_000))


def event(kind: str, **data: Any) -> Record:
    number = next(_count)
    return {
        "type": kind,
        "data": data,
        "id": f"e{number}",
        "timestamp": "2026-06-25T01:50:34.403Z",
        "parentId": f"e{number - 1}",
    }


def start(session: str = "s1", **data: Any) -> Record:
    given = {"sessionId": session, "version": 1, "producer": "copilot-agent", "copilotVersion": "1.0.64"}
    return event("session.start", **given, context={"cwd": "/repo"}, **data)


def message(content: str = "", *requests: Record, model: str | None = "claude-sonnet-4.6", **data: Any) -> Record:
    named = {} if model is None else {"model": model}
    return event("assistant.message", messageId="m1", content=content, toolRequests=list(requests), **named, **data)


def request(name: str, arguments: Any, use: str = "toolu_1") -> Record:
    return {"toolCallId": use, "name": name, "arguments": arguments, "type": "function"}


def begun(name: str, arguments: Any, use: str = "toolu_1", **data: Any) -> Record:
    return event("tool.execution_start", toolCallId=use, toolName=name, arguments=arguments, **data)


def done(content: str = "done", use: str = "toolu_1", success: bool = True, **data: Any) -> Record:
    return event("tool.execution_complete", toolCallId=use, success=success, result={"content": content}, **data)


def events(*records: Record) -> tuple[list[Event], Tally]:
    tally = Tally()
    return copilot.read(lines(*records), tally), tally


def shown(found: list[Event]) -> list[str]:
    return [one.text for one in found if isinstance(one, Shown) and one.text]


def test_a_session_yields_each_output_once_with_its_full_origin() -> None:
    given = {"path": "/repo/a.py", "file_text": BODY}
    found, tally = events(
        start(),
        event("session.model_change", newModel="gpt-4.1"),
        event("user.message", content="Put an area function into a.py", attachments=[]),
        message(SPEECH, request("create", given), reasoningText="The file is new.", apiCallId="msg_bdrk_01"),
        begun("create", given, model="claude-sonnet-4.6"),
        done("Created file /repo/a.py with 2 lines"),
    )
    assert Counter(thinking=1, prose=1, write=1) == tally.wrote
    assert (1, 0, 0, Counter(), False) == (tally.edit_calls, tally.unread, tally.broken, tally.unknown, tally.silent)
    assert [("m1", 1), ("m1", 0), ("toolu_1", 0)] == [(one.call, one.ordinal) for one in wrote(found)]
    (origin,) = {one.origin for one in wrote(found)}
    assert ("anthropic", "claude-sonnet-4.6", "copilot-cli", "1.0.64") == (
        origin.provider,
        origin.model,
        origin.tool,
        origin.version,
    )
    assert ("bedrock", "s1", "2026-06-25T01:50:34.403Z") == (origin.channel, origin.session, origin.time)
    (edit,) = wrote(found, "write")
    assert ("a.py", (BODY,), Status.APPLIED) == (edit.path, edit.blocks, edit.status)


FORMS: dict[str, tuple[str, Any, str, str]] = {
    "create": ("create", {"path": "/repo/a.py", "file_text": BODY}, "write", BODY),
    "edit": ("edit", {"path": "/repo/a.py", "old_str": "x = 1", "new_str": f"x = 1\n{BODY}"}, "edit", BODY),
    "edit in Claude's words": ("Edit", {"file_path": "/repo/a.py", "old_string": "", "new_string": BODY}, "edit", BODY),
    "write in Claude's words": ("Write", {"file_path": "/repo/a.py", "content": BODY}, "write", BODY),
    "editor, create": (
        "str_replace_editor",
        {"command": "create", "path": "/repo/a.py", "file_text": BODY},
        "write",
        BODY,
    ),
    "editor, replace": (
        "str_replace_editor",
        {"command": "str_replace", "path": "/repo/a.py", "old_str": "y", "new_str": BODY},
        "edit",
        BODY,
    ),
    "editor, insert": (
        "str_replace_editor",
        {"command": "insert", "path": "/repo/a.py", "insert_line": 3, "new_str": BODY},
        "edit",
        BODY,
    ),
    "patch as text": ("apply_patch", PATCH, "patch", "def area(shape):\n    return 1"),
    "patch as a field": ("apply_patch", {"input": PATCH}, "patch", "def area(shape):\n    return 1"),
    "heredoc in bash": ("bash", {"command": f"cat > a.py <<'E'\n{BODY}E"}, "heredoc", BODY),
}


@pytest.mark.parametrize("json_text", [False, True], ids=["object", "JSON text"])
@pytest.mark.parametrize("form", FORMS)
def test_an_edit_is_read_in_every_form_that_versions_gave_their_tools(form: str, json_text: bool) -> None:
    name, arguments, kind, text = FORMS[form]
    given = json.dumps(arguments) if json_text and isinstance(arguments, dict) else arguments
    for records in ([message("", request(name, given))], [begun(name, given)], [message("", request(name, given))] * 2):
        found, tally = events(start(), *records, begun(name, arguments), done())
        (one,) = wrote(found)
        assert (kind, "a.py", text.rstrip("\n")) == (one.kind, one.path, one.blocks[0].rstrip("\n"))
        assert (Status.APPLIED, int(kind != "heredoc"), 0) == (one.status, tally.edit_calls, tally.unread)


def test_looking_at_a_file_is_no_edit() -> None:
    given = {"command": "view", "path": "/repo/a.py"}
    _, tally = events(start(), message("", request("str_replace_editor", given)), done(BODY))
    assert (0, 0, Counter()) == (tally.edit_calls, tally.unread, tally.wrote)


def test_an_editing_call_of_which_nothing_can_be_read_is_told() -> None:
    _, tally = events(start(), message("", request("edit", {"changes_v2": 7})), done())
    assert (1, 1, True) == (tally.edit_calls, tally.unread, tally.silent)


def test_a_session_whose_end_counts_changed_files_without_an_edit_is_silent() -> None:
    end = event("session.shutdown", codeChanges={"linesAdded": 3, "filesModified": ["/repo/a.py"]})
    assert events(start(), message(SPEECH), end)[1].silent
    assert not events(start(), message(SPEECH), event("session.shutdown", codeChanges={"filesModified": []}))[1].silent


def test_an_answer_that_the_record_leaves_out_is_counted() -> None:
    _, tally = events(start(), message("", outputTokens=101))
    assert Counter({"assistant.message without its text": 1}) == tally.unknown


def test_what_a_person_and_the_program_said_and_tools_put_out_is_not_claimed() -> None:
    asked = SPEECH + " Then run the tests of that folder, and tell me which of them needed a change."
    system = (
        "Answer in as few words as you can, never touch a file that nobody asked about, and keep to this folder: /repo"
    )
    read = "import math\n\ndef disc(radius):\n    if radius < 0:\n        raise E()\n    return math.pi * radius**2\n"
    found, _ = events(
        start(),
        event("system.message", role="system", content=system),
        event("user.message", content=asked, transformedContent=f"<now/>{asked}"),
        message("", request("view", {"path": "/repo/a.py"})),
        done(read),
        {**message(f"{system}\n\n{asked}\n\n{read}"), "id": "last"},
    )
    assert [""] == added(found, "prose")


@pytest.mark.parametrize(
    ("said", "provider", "model"),
    [
        ([message(SPEECH, model="gpt-5.3-codex")], "openai", "gpt-5.3-codex"),
        ([event("session.model_change", newModel="gpt-4.1"), message(SPEECH, model=None)], "openai", "gpt-4.1"),
        ([message(SPEECH, request("view", {}), model=None), done(model="gemini-3-pro")], "google", "gemini-3-pro"),
        ([event("session.auto_mode_resolved", chosenModel="grok-4"), message(SPEECH, model=None)], "xai", "grok-4"),
        ([event("session.model_change", newModel="auto"), message(SPEECH, model=None)], "unknown", "unknown"),
        ([message(SPEECH, model=None)], "unknown", "unknown"),
    ],
    ids=["own", "chosen", "of its call", "chosen for it", "auto", "none"],
)
def test_the_model_is_the_messages_own_or_the_one_last_chosen(said: list[Record], provider: str, model: str) -> None:
    (one,) = wrote(events(start(), *said)[0], "prose")
    assert (provider, model) == (one.origin.provider, one.origin.model)


def test_the_first_model_may_be_named_by_the_start() -> None:
    (one,) = wrote(events(start(selectedModel="gpt-5.4-mini"), message(SPEECH, model=None))[0])
    assert "gpt-5.4-mini" == one.origin.model


GIVEN = {"path": "/repo/a.py", "file_text": BODY}
REJECTED = event("tool.execution_complete", toolCallId="toolu_1", success=False, error={"code": "rejected"})


@pytest.mark.parametrize(
    ("after", "became"),
    [
        ([done()], Status.APPLIED),
        ([done(success=False)], Status.FAILED),
        ([REJECTED], Status.DECLINED),
        (
            [
                event("permission.requested", requestId="r", permissionRequest={"toolCallId": "toolu_1"}),
                event("permission.completed", requestId="r", result={"kind": "denied-interactively-by-user"}),
                done(success=False),
            ],
            Status.DECLINED,
        ),
        ([event("permission.completed", toolCallId="toolu_1", result={"kind": "approved"}), done()], Status.APPLIED),
        ([event("tool.execution_complete", toolCallId="toolu_1", result={"result_type": "success"})], Status.APPLIED),
        ([event("tool.execution_complete", toolCallId="toolu_1", result={"result_type": "denied"})], Status.DECLINED),
        ([], Status.UNKNOWN),
    ],
    ids=["done", "failed", "rejected", "denied", "approved", "old, done", "old, denied", "no result"],
)
def test_what_became_of_a_call_is_recorded_and_its_text_kept(after: list[Record], became: Status) -> None:
    (one,) = wrote(events(start(), message("", request("create", GIVEN)), *after)[0])
    assert (became, (BODY,)) == (one.status, one.blocks)


def test_a_command_that_ended_with_a_code_failed() -> None:
    command = "python -m build --sdist --wheel --outdir dist ."
    failed = done("Traceback\n<shellId: 4 completed with exit code 2>")
    (one,) = wrote(events(start(), message("", request("bash", {"command": command})), failed)[0])
    assert ("command", Status.FAILED) == (one.kind, one.status)


def test_a_command_that_a_person_ran_is_shown() -> None:
    given = {"command": f"cat > a.py <<'E'\n{BODY}E"}
    found, tally = events(
        start(),
        event("tool.user_requested", toolCallId="toolu_1", toolName="bash", arguments=given),
        begun("bash", given),
        done("fine", isUserRequested=True),
    )
    assert ([], Counter()) == (wrote(found), tally.wrote)
    assert given["command"] in shown(found)


def test_of_arguments_that_were_changed_before_the_call_the_models_are_claimed() -> None:
    other = {"path": "/repo/a.py", "file_text": "# as the hook wants it\n"}
    found, _ = events(start(), message("", request("create", GIVEN)), begun("create", other), done())
    assert [(BODY,)] == [one.blocks for one in wrote(found)]
    assert "# as the hook wants it\n" in shown(found)


def test_summaries_are_the_models_and_name_its_provider_alone() -> None:
    summary = "The person wanted an area function; it is in a.py, tested, and nothing else was touched so far."
    found, _ = events(
        start(), message(SPEECH), event("session.compaction_complete", success=True, summaryContent=summary)
    )
    (one,) = wrote(found, "summary")
    assert ("anthropic", "unknown", (summary,)) == (one.origin.provider, one.origin.model, one.blocks)


def test_what_several_events_repeat_is_read_once() -> None:
    plan = "First the function, then its test, then the one caller that computes the same by hand, in this order."
    found, tally = events(
        start(),
        event("assistant.reasoning", reasoningId="r", content="The file is new."),
        message(SPEECH, request("exit_plan_mode", {"summary": plan}), reasoningText="The file is new."),
        event("exit_plan_mode.requested", requestId="q", summary=plan, planContent=plan),
        event("session.task_complete", summary=SPEECH),
        done(),
    )
    assert Counter(thinking=1, prose=1, input=1) == tally.wrote
    assert len({(one.call, one.ordinal) for one in wrote(found)}) == 3


def test_an_event_written_twice_is_read_once() -> None:
    said = message(SPEECH)
    assert 1 == len(wrote(events(start(), said, said)[0]))


def test_a_subagents_answer_is_a_models_whose_name_its_own_message_has() -> None:
    task = request(
        "task", {"prompt": "Find every caller of area and list file and line of each, nothing else, please."}
    )
    answer = "There are two callers, one in draw.py at line twelve and one in plan.py at line ninety of it."
    alone, _ = events(start(), message("", task), done(answer))
    (one,) = wrote(alone, "subagent")
    assert ("toolu_1", (answer,), "unknown", "anthropic") == (
        one.call,
        one.blocks,
        one.origin.model,
        one.origin.provider,
    )
    inner = event("assistant.message", messageId="m2", content=answer, model="gpt-5-mini", parentToolCallId="toolu_1")
    named, _ = events(
        start(), message("", task), event("subagent.started", toolCallId="toolu_1", model="o3"), done(answer)
    )
    assert ["o3"] == [one.origin.model for one in wrote(named, "subagent")]
    both, _ = events(start(), message("", task), inner, done(answer))
    assert [("input", "claude-sonnet-4.6"), ("prose", "gpt-5-mini")] == [(o.kind, o.origin.model) for o in wrote(both)]


def test_unknown_events_are_counted_and_not_claimed() -> None:
    found, tally = events(start(), event("session.oracle", content=SPEECH), event("hook.start", input={"a": 1}))
    assert ([], Counter({"session.oracle": 1})) == (wrote(found), tally.unknown)


def test_sessions_of_one_file_are_apart() -> None:
    found, _ = events(start(), message(SPEECH), start("s2"), {**message(SPEECH, model=None), "id": "z"})
    assert ["s2"] == [one.session for one in found if isinstance(one, Start)]
    assert [("s1", "anthropic"), ("s2", "unknown")] == [(o.origin.session, o.origin.provider) for o in wrote(found)]


@pytest.mark.parametrize(
    ("record", "known"),
    [
        (start(), True),
        (message(SPEECH), True),
        (event("hook.start", hookType="userPromptSubmitted"), True),
        (start(vscodeVersion="1.109.3"), False),
        (event("order.created", amount=3), False),
        ({"type": "session.start", "data": {}}, False),
        ({**start(), "data": "x"}, False),
        ({"type": "user", "message": {}, "uuid": "u", "sessionId": "s"}, False),
        ({"type": "session_meta", "payload": {}}, False),
    ],
    ids=lambda value: json.dumps(value)[:40],
)
def test_only_its_own_records_are_recognised(record: Record, known: bool) -> None:
    assert known is copilot.recognise(record)
    assert not known or not (claude_code.recognise(record) or codex.recognise(record))


ALL: list[Any] = [
    start(),
    event("session.model_change", newModel="gpt-4.1"),
    event("user.message", content="a", transformedContent="b", attachments=[{"type": "file"}]),
    message(SPEECH, request("create", GIVEN), request("bash", {"command": "ls -l a b c d e f"}, "toolu_2")),
    event("permission.requested", requestId="r", permissionRequest={"toolCallId": "toolu_1"}),
    event("permission.completed", requestId="r", result={"kind": "denied-by-rules"}),
    begun("create", GIVEN, model="claude-x"),
    done("fine", error={"code": "rejected", "message": "no"}),
    event("session.compaction_complete", success=True, summaryContent=SPEECH),
    event("session.shutdown", codeChanges={"filesModified": ["a"]}),
    event("exit_plan_mode.requested", planContent="a", summary="b", model="c"),
]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20) | st.sampled_from([PATCH, "\ud800", "\0", "a\nb"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["id", "text", "kind"]), inner),
    max_leaves=8,
)


def spread(value: Any) -> list[tuple[Any, Any]]:
    """Every dict and list within a JSON value, with each of its keys."""
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else []
    return [(value, key) for key in keys] + [pair for key in keys for pair in spread(value[key])]


def survives(reader: Any, session: list[Any], data: st.DataObject) -> None:
    """With a few values replaced, taken out or put elsewhere, the records are read or counted."""
    session = json.loads(json.dumps(session))
    for _ in range(data.draw(st.integers(1, 4))):
        everywhere = spread(session)
        if not everywhere:
            break
        parent, key = data.draw(st.sampled_from(everywhere))
        other, at = data.draw(st.sampled_from(everywhere))
        fresh = data.draw(JSON | st.just(...))
        if fresh is not ...:
            parent[key] = fresh
        elif data.draw(st.booleans()):
            parent[key] = json.loads(json.dumps(other[at]))
        else:
            del parent[key]
    assert all(reader.recognise(record) in (True, False) for record in session if isinstance(record, dict))
    tally = Tally()
    for item in novelty.added(reader.read([json.dumps(record).encode() for record in session], tally)):
        one = novelty.ingredient(item, Evidence.TRANSCRIPT)
        assert one is None or one.id
    assert 0 <= tally.broken <= tally.records == len(session)
    assert all(name.isprintable() and len(name) <= 80 for name in tally.unknown)


def survives_bytes(reader: Any, session: list[Any], damages: list[tuple[float, int, bytes]]) -> None:
    """With bytes damaged anywhere, the lines are read or counted as broken."""
    text = b"".join(lines(*session))
    for where, length, new in damages:
        at = int(where * len(text))
        text = text[:at] + new + text[at + length :]
    tally = Tally()
    list(novelty.added(reader.read(text.splitlines(), tally)))
    assert 0 <= tally.broken <= tally.records


DAMAGES = st.lists(st.tuples(st.floats(0, 1), st.integers(0, 60), st.binary(max_size=8)), min_size=1, max_size=5)
FUZZ = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))


@FUZZ
@given(st.data())
def test_records_with_any_value_in_any_place_are_read_or_counted(data: st.DataObject) -> None:
    survives(copilot, ALL, data)


@FUZZ
@given(DAMAGES)
def test_a_file_with_bytes_damaged_anywhere_is_read_or_counted(damages: list[tuple[float, int, bytes]]) -> None:
    survives_bytes(copilot, ALL, damages)
