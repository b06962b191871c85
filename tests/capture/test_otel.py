from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provenance.capture import claude_code, otel
from provenance.capture.session import Event, Shown, Start, Tally, Wrote
from provenance.model import Status, ingredient_id
from tests.capture import recording
from tests.capture.mutating import damaged, examples, lines, mutated, taken
from tests.capture.recording import added, wrote

CODE = "def border(shape):\n    return 2 * (shape.width + shape.height)\n"
LONGER = CODE + "\n\ndef area(shape):\n    return shape.width * shape.height\n"
TIME = 1770000000_500000000


def value(given: Any) -> dict[str, Any]:
    if isinstance(given, bool):
        return {"boolValue": given}
    if isinstance(given, int):
        return {"intValue": str(given)}
    if isinstance(given, list):
        return {"arrayValue": {"values": [value(one) for one in given]}}
    if isinstance(given, dict):
        return {"kvlistValue": {"values": pairs(given)}}
    return {"stringValue": given}


def pairs(given: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"key": key, "value": value(one)} for key, one in given.items()]


def span(attributes: dict[str, Any], *events: Any, id: str = "b1", trace: str = "t1", after: int = 0) -> dict[str, Any]:
    return {
        "traceId": trace,
        "spanId": id,
        "name": "chat",
        "startTimeUnixNano": str(TIME + after * 10**9),
        "attributes": pairs(attributes),
        "events": [{"name": n, "timeUnixNano": str(TIME), "attributes": pairs(a)} for n, a in events],
    }


def spans(*all: Any, service: str = "planner") -> dict[str, Any]:
    resource = {"attributes": pairs({"service.name": service, "service.version": "1.2"})}
    return {"resourceSpans": [{"resource": resource, "scopeSpans": [{"scope": {"name": "x"}, "spans": list(all)}]}]}


def log(name: str, attributes: dict[str, Any], body: Any = None, after: int = 0, id: str = "b1") -> dict[str, Any]:
    record = {
        "timeUnixNano": str(TIME + after * 10**9),
        "eventName": name,
        "attributes": pairs(attributes),
        "traceId": "t1",
        "spanId": id,
    }
    return record if body is None else {**record, "body": value(body)}


def logs(*all: Any, service: str = "planner") -> dict[str, Any]:
    resource = {"attributes": pairs({"service.name": service, "service.version": "2.1.329"})}
    return {"resourceLogs": [{"resource": resource, "scopeLogs": [{"logRecords": list(all)}]}]}


def claude(name: str, after: int = 0, **attributes: Any) -> dict[str, Any]:
    given = {"event.name": name, "session.id": "s1", **{key.replace("__", "."): one for key, one in attributes.items()}}
    return {**log("", given, "claude_code." + name, after), "traceId": "", "spanId": ""}


def said(role: str, *parts: Any, **fields: Any) -> dict[str, Any]:
    return {
        "role": role,
        "parts": [{"type": "text", "content": p} if isinstance(p, str) else p for p in parts],
        **fields,
    }


def events_of(*records: Any) -> tuple[list[Event], Tally]:
    tally = Tally()
    return otel.read(lines(records), tally), tally


def shown(events: list[Event]) -> list[str]:
    return [one.text for one in events if isinstance(one, Shown)]


CALL = {"type": "tool_call", "id": "call_0001", "name": "write_file", "arguments": {"path": "a.py", "content": CODE}}
ANSWER = said(
    "assistant",
    {"type": "reasoning", "content": "A border has two sides."},
    "I write it.",
    CALL,
    finish_reason="tool_call",
)
ASKED = [said("system", "Be brief."), said("user", "Measure it.")]
WHO = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-4.1",
    "gen_ai.response.model": "gpt-4.1-2025-04-14",
    "gen_ai.response.id": "chatcmpl-0001",
    "gen_ai.conversation.id": "conv1",
}
MESSAGES = {"gen_ai.input.messages": ASKED, "gen_ai.output.messages": [ANSWER]}
RESULT = said("tool", {"type": "tool_call_response", "id": "call_0001", "response": "written"})
LATER = {
    **WHO,
    "gen_ai.response.id": "chatcmpl-0002",
    "gen_ai.input.messages": json.dumps([*ASKED, ANSWER, RESULT]),
    "gen_ai.output.messages": json.dumps([said("assistant", "All done.", finish_reason="stop")]),
}
RUN = {
    "gen_ai.operation.name": "execute_tool",
    "gen_ai.tool.name": "write_file",
    "gen_ai.tool.call.id": "call_0001",
    "gen_ai.tool.call.arguments": json.dumps(CALL["arguments"]),
    "gen_ai.tool.call.result": "written",
    "gen_ai.conversation.id": "conv1",
}
AGENT = {
    **WHO,
    "gen_ai.operation.name": "invoke_agent",
    "gen_ai.response.id": "",
    "gen_ai.output.messages": [said("assistant", "All done.", finish_reason="stop")],
}
TRACE = spans(
    span({**WHO, **MESSAGES}),
    span(RUN, id="b2", after=1),
    span(LATER, id="b3", after=2),
    span(AGENT, id="b0"),
)
OLD = [
    log("gen_ai.system.message", {"gen_ai.system": "openai"}, {"content": "Be brief."}),
    log("gen_ai.user.message", {"gen_ai.system": "openai"}, {"content": "Measure it."}),
    log("gen_ai.assistant.message", {"gen_ai.system": "openai"}, {"content": "An earlier answer.", "tool_calls": []}),
    log("gen_ai.tool.message", {"gen_ai.system": "openai"}, {"id": "call_0", "content": "36"}),
    log(
        "gen_ai.choice",
        {"gen_ai.system": "openai"},
        {
            "index": 0,
            "finish_reason": "stop",
            "message": {
                "content": "I write it.",
                "tool_calls": [
                    {
                        "id": "call_1",
                        "type": "function",
                        "function": {"name": "w", "arguments": json.dumps(CALL["arguments"])},
                    }
                ],
            },
        },
    ),
]
BODY = {
    "id": "msg_0001",
    "type": "message",
    "role": "assistant",
    "model": "claude-opus-4-5",
    "content": [
        {"type": "thinking", "thinking": "<REDACTED>", "signature": "x"},
        {"type": "text", "text": "I write it."},
        {
            "type": "tool_use",
            "id": "toolu_0001",
            "name": "Write",
            "input": {"file_path": "/repo/a.py", "content": CODE},
        },
    ],
}
SENT = {
    "model": "claude-opus-4-5",
    "system": [{"type": "text", "text": "Rules.\n - Primary working directory: /repo\n - Platform: linux"}],
    "messages": [{"role": "user", "content": "Measure it."}],
    "tools": [{"name": "Write", "description": "Writes a file."}],
    "metadata": {"user_id": "user_x_account__session_s1"},
}
CLAUDE = logs(
    claude("user_prompt", prompt="Measure it.", prompt_length="11"),
    claude("api_request_body", body=json.dumps(SENT), model="claude-opus-4-5"),
    claude(
        "assistant_response", 2, response="I write it.", request_id="req_1", message__uuid="u1", model="claude-opus-4-5"
    ),
    claude("api_response_body", 2, body=json.dumps(BODY), request_id="req_1", query_source="repl_main_thread"),
    claude("tool_result", 3, tool_name="Write", tool_use_id="toolu_0001", success="true"),
    claude(
        "assistant_response",
        4,
        response="All done.",
        request_id="req_2",
        message__uuid="u2",
        model="claude-opus-4-5",
        response_length=9,
    ),
    service="claude-code",
)
EXPORTS = [TRACE, logs(*OLD), CLAUDE]


def test_messages_on_spans_come_once_although_later_calls_and_the_agent_repeat_them() -> None:
    events, tally = events_of(TRACE)
    assert Counter(thinking=1, prose=2, write=1) == tally.wrote
    assert (1, 1, 0, 0) == (tally.records, tally.edit_calls, tally.unread, len(tally.unknown))
    assert ["conv1"] == [one.session for one in events if isinstance(one, Start)]
    assert ["Be brief.", "Measure it.", "written"] == shown(events)
    thought, text, write, done = wrote(events)
    assert ("chatcmpl-0001", 1, "chatcmpl-0002") == (text.call, text.ordinal, done.call)
    assert ("write", "a.py", "call_0001", (CODE,)) == (write.kind, write.path, write.call, write.blocks)
    origin = thought.origin
    assert ("openai", "gpt-4.1-2025-04-14", "planner", "1.2", "conv1", "2026-02-02T02:40:00.500Z") == (
        origin.provider,
        origin.model,
        origin.tool,
        origin.version,
        origin.session,
        origin.time,
    )


def test_an_agents_own_messages_and_a_tools_arguments_count_where_no_call_holds_them() -> None:
    events, _ = events_of(spans(span(AGENT, id="b0"), span(RUN, id="b2", after=1)))
    assert [("prose", "All done."), ("write", CODE)] == [(one.kind, one.blocks[0]) for one in wrote(events)]
    assert ["written"] == shown(events)


def test_the_event_of_a_call_is_the_same_output_as_its_span() -> None:
    event = logs(log("gen_ai.client.inference.operation.details", {**WHO, **MESSAGES}))
    call = spans(span({**WHO, **MESSAGES}))
    assert _known_by(call) == _known_by(event) == _known_by(call, event)


def _known_by(*records: Any) -> list[tuple[str, str, int, tuple[str, ...]]]:
    return [(one.origin.session, one.call, one.ordinal, one.blocks) for one in wrote(events_of(*records)[0])]


def test_what_a_person_sent_is_not_claimed() -> None:
    sent = {
        **WHO,
        "gen_ai.input.messages": [said("user", LONGER)],
        "gen_ai.output.messages": [said("assistant", LONGER)],
    }
    assert [""] == added(events_of(spans(span(sent)))[0])
    told = {**sent, "gen_ai.input.messages": [], "gen_ai.system_instructions": [{"type": "text", "content": LONGER}]}
    assert [""] == added(events_of(spans(span(told)))[0])
    assert [LONGER.strip()] == [
        t.strip() for t in added(events_of(spans(span({**sent, "gen_ai.input.messages": []})))[0])
    ]


def test_a_result_in_json_shows_what_stands_in_it() -> None:
    result = said("tool", {"type": "tool_call_response", "id": "c", "response": json.dumps({"content": LONGER})})
    sent = {**WHO, "gen_ai.input.messages": [result], "gen_ai.output.messages": [said("assistant", LONGER)]}
    assert [""] == added(events_of(spans(span(sent)))[0])


def test_the_older_events_are_joined_by_their_span_which_names_the_model() -> None:
    events, tally = events_of(logs(*OLD), spans(span(WHO)))
    assert Counter(prose=1, write=1) == tally.wrote
    assert Counter() == tally.unknown
    assert ["Be brief.", "Measure it.", "An earlier answer.", "36"] == shown(events)
    assert {"gpt-4.1-2025-04-14"} == {one.origin.model for one in wrote(events)}
    assert ["chatcmpl-0001", "call_1"] == [one.call for one in wrote(events)]
    bare = wrote(events_of(logs(*OLD))[0])[0]
    assert ("openai", "unknown", "b1", "t1") == (
        bare.origin.provider,
        bare.origin.model,
        bare.call,
        bare.origin.session,
    )


def test_the_oldest_events_stand_on_the_span() -> None:
    prompt = ("gen_ai.content.prompt", {"gen_ai.prompt": json.dumps([{"role": "user", "content": "Hi"}])})
    answer = (
        "gen_ai.content.completion",
        {"gen_ai.completion": json.dumps([{"role": "assistant", "content": "Hello."}])},
    )
    plain = ("gen_ai.content.completion", {"gen_ai.completion": "Hello."})
    for completion in (answer, plain):
        events, _ = events_of(spans(span(WHO, prompt, completion)))
        assert (["Hi"], [("Hello.",)]) == (shown(events), [one.blocks for one in wrote(events)])


PROVIDERS = {
    ("aws.bedrock", "us.anthropic.claude-sonnet-4-5"): ("anthropic", "bedrock"),
    ("azure.ai.openai", "gpt-4o"): ("openai", "azure"),
    ("gcp.vertex_ai", "gemini-2.5-pro"): ("google", "vertex"),
    ("mistral_ai", "ours"): ("mistral", "unknown"),
    ("openai", "llama-4"): ("meta", "unknown"),
    ("groq", "ours"): ("unknown", "groq"),
}


@pytest.mark.parametrize(("service", "model"), PROVIDERS, ids=str)
def test_the_maker_is_told_by_the_model_and_a_service_of_many_makers_is_a_channel(service: str, model: str) -> None:
    who = {**WHO, "gen_ai.provider.name": service, "gen_ai.response.model": model, **MESSAGES}
    origin = wrote(events_of(spans(span(who)))[0])[0].origin
    assert PROVIDERS[service, model] == (origin.provider, origin.channel)


def test_a_service_without_a_name_is_an_unknown_tool() -> None:
    for service, tool in (("unknown_service:node", "unknown"), ("", "unknown"), ("codex_cli_rs", "codex")):
        events, _ = events_of(spans(span({**WHO, **MESSAGES}), service=service))
        assert {tool} == {one.origin.tool for one in wrote(events)}


def test_the_events_of_claude_code_give_each_answer_once() -> None:
    events, tally = events_of(CLAUDE)
    assert Counter(prose=2, write=1) == tally.wrote
    assert Counter(redacted=1) == tally.unknown
    text, write, done = wrote(events)
    assert (("I write it.",), "msg_0001", ("All done.",), "u2") == (text.blocks, text.call, done.blocks, done.call)
    assert ("a.py", "toolu_0001", Status.APPLIED) == (write.path, write.call, write.status)
    assert ("claude-code", "2.1.329", "s1", "anthropic", "claude-opus-4-5") == (
        write.origin.tool,
        write.origin.version,
        write.origin.session,
        write.origin.provider,
        write.origin.model,
    )
    assert {"Measure it.", "Writes a file."} <= set(shown(events))


def test_an_output_in_telemetry_and_in_the_transcript_of_its_session_is_one() -> None:
    row = recording.assistant("All done.", uuid="u2")
    tool = recording.assistant(recording.call("Write", {"file_path": "/repo/a.py", "content": CODE}, "toolu_0001"))
    transcript = wrote(claude_code.read(lines([tool, row]), Tally()))
    telemetry = wrote(events_of(CLAUDE)[0])
    assert {_id(one) for one in transcript} <= {_id(one) for one in telemetry}


def _id(one: Wrote) -> str:
    return ingredient_id(one.origin.tool, one.origin.session, one.call, one.path, one.ordinal)


def test_what_was_cut_lies_in_a_file_or_is_of_an_unknown_kind_is_counted() -> None:
    _, tally = events_of(
        logs(
            claude("api_response_body", body=json.dumps(BODY)[:-30], body_truncated="true", request_id="r"),
            claude("api_response_body", body_ref="/bodies/r.response.json", request_id="r"),
            claude("assistant_response", response="Begun", response_length="99999", request_id="r2"),
            {**log("claude_code.dream", {}), "traceId": ""},
            service="claude-code",
        ),
        spans(span(WHO), span({"gen_ai.completion.0.content": "x"}, id="b9")),
        logs(log("gen_ai.telepathy", {})),
        {"rows": []},
    )
    assert {
        "api_response_body cut": 1,
        "api_response_body in a file": 1,
        "assistant_response cut": 1,
        "claude_code.dream": 1,
        "span without its messages": 1,
        "span with gen_ai.completion.<n>": 1,
        "gen_ai.telepathy": 1,
        "record": 1,
    } == tally.unknown


def test_other_telemetry_and_other_json_are_not_claimed() -> None:
    assert all(map(otel.recognise, EXPORTS))
    others: list[dict[str, Any]] = [
        spans(span({"http.method": "GET"})),
        logs(log("http.request", {}, "a line")),
        {"resourceMetrics": []},
        {"resourceSpans": [1, {"scopeSpans": 3}]},
        {"gen_ai.output.messages": []},
    ]
    for record in others:
        assert not otel.recognise(record)


def test_values_of_any_depth_end() -> None:
    deep: dict[str, Any] = {"stringValue": "x"}
    for _ in range(200):
        deep = {"arrayValue": {"values": [deep]}}
    record = spans(span(WHO))
    attributes = record["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["attributes"]
    attributes.append({"key": "gen_ai.output.messages", "value": deep})
    assert [] == wrote(events_of(record)[0])


@examples(80)
@given(st.data())
def test_exports_with_any_value_in_any_place_are_read_or_counted(data: st.DataObject) -> None:
    records = mutated(data, [data.draw(st.sampled_from(EXPORTS))])
    assert all(otel.recognise(record) in (True, False) for record in records if isinstance(record, dict))
    taken(otel.read, lines(records))


@examples(60)
@given(st.data())
def test_damaged_bytes_are_read_or_counted(data: st.DataObject) -> None:
    taken(otel.read, damaged(data, b"".join(lines(EXPORTS))).splitlines(keepends=True))
