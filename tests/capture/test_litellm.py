from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provenance.capture import claude_code, litellm
from provenance.capture.session import Event, Shown, Start, Tally, Wrote
from provenance.model import Status, ingredient_id
from tests.capture import recording
from tests.capture.mutating import damaged, examples, lines, mutated, taken
from tests.capture.recording import added, wrote

CODE = "def border(shape):\n    return 2 * (shape.width + shape.height)\n"
LONGER = CODE + "\n\ndef area(shape):\n    return shape.width * shape.height\n"
SESSION = "7f1d2c3b-0000-4000-8000-0123456789ab"


def payload(messages: Any, response: Any, **fields: Any) -> dict[str, Any]:
    return {
        "id": "chatcmpl-0001abcdef",
        "trace_id": "t1",
        "session_id": "s1",
        "litellm_call_id": "l1",
        "call_type": "acompletion",
        "status": "success",
        "custom_llm_provider": "openai",
        "model": "gpt-4.1",
        "api_base": "https://api.openai.com/v1",
        "startTime": 1770000000.5,
        "endTime": 1770000003.0,
        "messages": messages,
        "response": response,
        "metadata": {},
        "model_parameters": {},
        "request_tags": [],
        "cache_hit": None,
        "user_agent": None,
        "saved_cache_cost": 0.0,
        **fields,
    }


def reply(
    content: str | None, *calls: dict[str, Any], id: str = "chatcmpl-0001abcdef", **fields: Any
) -> dict[str, Any]:
    message = {"role": "assistant", "content": content, "tool_calls": list(calls) or None, **fields}
    choices = [{"index": 0, "finish_reason": "stop", "message": message}]
    return {"id": id, "object": "chat.completion", "model": "alias", "choices": choices}


def tool(name: str, given: Any, id: str = "call_0001abcdefgh") -> dict[str, Any]:
    return {"id": id, "type": "function", "function": {"name": name, "arguments": json.dumps(given)}}


def user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


def events_of(*records: Any) -> tuple[list[Event], Tally]:
    tally = Tally()
    return litellm.read(lines(records), tally), tally


def only(record: Any) -> Wrote:
    (one,) = wrote(events_of(record)[0])
    return one


def shown(events: list[Event]) -> list[str]:
    return [one.text for one in events if isinstance(one, Shown)]


WRITE = tool("write_file", {"path": "a.py", "content": CODE})
FIRST = payload([{"role": "system", "content": "Be brief."}, user("Measure it.")], reply("I write it.", WRITE))
HISTORY = [
    *FIRST["messages"],
    FIRST["response"]["choices"][0]["message"],
    {"role": "tool", "tool_call_id": "call_0001abcdefgh", "content": "written"},
]
SECOND = payload(
    HISTORY, reply("All done.", id="chatcmpl-0002abcdef"), id="chatcmpl-0002abcdef", startTime=1770000009.0
)
ANTHROPIC = payload(
    [user("Change it.")],
    {
        "id": "msg_bdrk_0003abcdef",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-4-5",
        "content": [
            {"type": "thinking", "thinking": "The border needs an area beside it, I believe.", "signature": "x"},
            {
                "type": "tool_use",
                "id": "toolu_0001",
                "name": "Edit",
                "input": {"file_path": "/r/a.py", "old_string": "x = 1", "new_string": "x = 1\ny = 2"},
            },
        ],
    },
    call_type="anthropic_messages",
    custom_llm_provider="bedrock",
    model="bedrock/us.anthropic.claude-sonnet-4-5-20250929-v1:0",
    session_id="s2",
)
LOG = [FIRST, SECOND, ANTHROPIC]


def test_each_output_comes_once_with_its_call_and_origin_although_requests_repeat_it() -> None:
    events, tally = events_of(*LOG)
    assert Counter(prose=2, write=1, edit=1, thinking=1) == tally.wrote
    assert (3, 2, 0, 0, False) == (tally.records, tally.edit_calls, tally.unread, tally.broken, tally.silent)
    assert Counter() == tally.unknown
    assert ["s1", "s2"] == [one.session for one in events if isinstance(one, Start)]
    text, write, done, thought, edit = wrote(events)
    assert ("chatcmpl-0001abcdef", 0, ("I write it.",)) == (text.call, text.ordinal, text.blocks)
    assert ("write", "a.py", "call_0001abcdefgh", (CODE,)) == (write.kind, write.path, write.call, write.blocks)
    assert ("openai", "gpt-4.1", "unknown", "s1") == (
        text.origin.provider,
        text.origin.model,
        text.origin.tool,
        text.origin.session,
    )
    assert ("2026-02-02T02:40:00.500Z", ("All done.",)) == (text.origin.time, done.blocks)
    assert ("anthropic", "bedrock", "msg_bdrk_0003abcdef") == (
        thought.origin.provider,
        thought.origin.channel,
        thought.call,
    )
    assert (("y = 2",), ("x = 1",), "toolu_0001") == (edit.blocks, edit.before, edit.call)


def test_prompts_instructions_and_tool_output_are_shown_once_and_the_models_own_words_never() -> None:
    assert ["Be brief.", "Measure it.", "written"] == shown(events_of(FIRST, SECOND)[0])


def test_what_a_person_sent_is_not_claimed() -> None:
    assert [""] == added(events_of(payload([user(LONGER)], reply(LONGER)))[0])
    assert [LONGER.strip()] == [text.strip() for text in added(events_of(payload([user("Go.")], reply(LONGER)))[0])]


def test_words_of_an_assistant_that_no_response_of_the_log_holds_are_of_an_unknown_author() -> None:
    example = {"role": "assistant", "content": LONGER}
    events, _ = events_of(payload([user("Go."), example, user("Again.")], reply(LONGER)))
    assert (["Go.", LONGER, "Again."], [""]) == (shown(events), added(events))


def test_the_model_may_repeat_what_it_wrote_in_an_earlier_call() -> None:
    first = payload([user("Go.")], reply("Here.", tool("write_file", {"path": "a.py", "content": CODE})))
    read_back = {"role": "tool", "tool_call_id": "call_0001abcdefgh", "content": CODE}
    again = reply(None, tool("write_file", {"path": "a.py", "content": LONGER}, "call_0002abcdefgh"), id="chatcmpl-2")
    history = [*first["messages"], first["response"]["choices"][0]["message"], read_back]
    events, _ = events_of(first, payload(history, again, startTime=1770000100))
    assert [CODE.strip(), LONGER.strip()] == [text.strip() for text in added(events, "write")]


def test_a_log_out_of_order_gives_what_the_log_in_order_gives() -> None:
    assert added(events_of(*LOG)[0]) == added(events_of(SECOND, ANTHROPIC, FIRST)[0])
    assert wrote(events_of(*LOG)[0]) == wrote(events_of(SECOND, FIRST, ANTHROPIC)[0])


def test_calls_of_several_sessions_are_told_apart_even_where_their_lines_alternate() -> None:
    asked = payload([user(LONGER)], reply("Seen.", id="r1"))
    other = payload([user("Go.")], reply(LONGER, id="r2"), session_id="s9", id="r2")
    events, _ = events_of(asked, other, payload([user("More.")], reply("Yes.", id="r3"), startTime=1770000100))
    assert ["s1", "s9"] == [one.session for one in events if isinstance(one, Start)]
    assert ["Seen.", "Yes.", LONGER.strip()] == [text.strip() for text in added(events)]


def test_calls_of_no_session_share_nothing() -> None:
    asked = payload([user(LONGER)], reply("Seen.", id="r1"), session_id="", trace_id=None)
    other = payload([user("Go.")], reply(LONGER, id="r2"), session_id="", trace_id=None)
    assert ["Seen.", LONGER.strip()] == [text.strip() for text in added(events_of(asked, other)[0])]


def test_a_call_that_was_logged_twice_counts_once() -> None:
    assert wrote(events_of(FIRST)[0]) == wrote(events_of(FIRST, FIRST)[0])


def test_outputs_of_a_server_that_gives_all_the_same_id_are_all_kept() -> None:
    events, _ = events_of(*(payload([user("Go.")], reply(f"Answer {word}.", id="cmpl")) for word in ("one", "two")))
    assert [("Answer one.",), ("Answer two.",)] == [one.blocks for one in wrote(events)]
    assert 2 == len({(one.call, one.ordinal) for one in wrote(events)})


def test_a_hit_of_the_cache_has_the_id_of_the_call_that_wrote_it_and_no_time() -> None:
    hit = payload([user("Go.")], reply("Old words."), id="chatcmpl-0001abcdef_cache_hit1770000000.1", cache_hit=True)
    assert ("chatcmpl-0001abcdef", "unknown") == (only(hit).call, only(hit).origin.time)
    bare = {**hit, "response": "Old words."}
    assert "chatcmpl-0001abcdef" == only(bare).call


SERVICES = {
    ("bedrock", "bedrock/us.anthropic.claude-sonnet-4-5-20250929-v1:0"): ("anthropic", "bedrock"),
    ("azure", "azure/gpt-4.1"): ("openai", "azure"),
    ("azure_ai", "azure_ai/mistral-large"): ("mistral", "azure"),
    ("azure", "azure/our-deployment"): ("unknown", "azure"),
    ("vertex_ai", "vertex_ai/claude-opus-4-5@20251101"): ("anthropic", "vertex"),
    ("gemini", "gemini/gemini-2.5-pro"): ("google", "unknown"),
    ("anthropic", "claude-next"): ("anthropic", "unknown"),
    ("anthropic", "our-alias"): ("anthropic", "unknown"),
    ("openrouter", "openrouter/deepseek/deepseek-chat"): ("deepseek", "openrouter"),
    ("openai", "openai/qwen3-coder"): ("alibaba", "unknown"),
    ("hosted_vllm", "hosted_vllm/ours"): ("unknown", "hosted_vllm"),
}


@pytest.mark.parametrize(("service", "model"), SERVICES, ids=str)
def test_the_maker_is_told_by_the_model_and_a_service_of_many_makers_is_a_channel(service: str, model: str) -> None:
    origin = only(payload([], reply("Hello."), custom_llm_provider=service, model=model, api_base="")).origin
    assert (*SERVICES[service, model], model) == (origin.provider, origin.channel, origin.model)


def test_a_server_that_speaks_openais_protocol_is_not_openai() -> None:
    def provider(base: str) -> str:
        return only(payload([], reply("Hello."), model="ours", api_base=base)).origin.provider

    assert ["openai", "openai", "unknown"] == [
        provider(base) for base in ("", "https://api.openai.com", "http://gpu:8000")
    ]


AGENTS = {
    "claude-cli/2.1.329 (external, cli)": ("claude-code", "2.1.329"),
    "codex_cli_rs/0.169.0 (Linux)": ("codex", "0.169.0"),
    "GeminiCLI/v0.61.0 (linux; x64)": ("gemini-cli", "0.61.0"),
    "opencode/1.18.33 ai-sdk/5": ("opencode", "1.18.33"),
    "python-requests/2.0": ("unknown", "unknown"),
}


@pytest.mark.parametrize("agent", AGENTS)
def test_the_tool_is_what_the_user_agent_names_and_else_unknown(agent: str) -> None:
    for fields in ({"user_agent": agent}, {"request_tags": ["x", "User-Agent: " + agent]}):
        origin = only(payload([], reply("Hello."), **fields)).origin
        assert AGENTS[agent] == (origin.tool, origin.version)


@pytest.mark.parametrize(
    "named", [f"user_ab12_account__session_{SESSION}", json.dumps({"device_id": "d", "session_id": SESSION})]
)
def test_claude_codes_own_session_is_taken_where_its_request_names_it(named: str) -> None:
    record = payload([], reply("Hello."), user_agent="claude-cli/2.1.329 (external, cli)", end_user=named)
    assert SESSION == only(record).origin.session
    assert "s1" == only({**record, "user_agent": "curl/8"}).origin.session


def test_a_call_of_claude_code_is_one_ingredient_in_the_log_and_in_its_transcript() -> None:
    use = {
        "type": "tool_use",
        "id": "toolu_0001",
        "name": "Write",
        "input": {"file_path": "/repo/a.py", "content": CODE},
    }
    named = f"user_ab12_account__session_{SESSION}"
    told = [{"role": "system", "content": "Rules.\n - Primary working directory: /repo\n"}, user("Go.")]
    record = payload(told, {**ANTHROPIC["response"], "content": [use]}, user_agent="claude-cli/2.1.329", end_user=named)
    row = recording.assistant(use, sessionId=SESSION)
    (there,) = wrote(claude_code.read(lines([row]), Tally()))
    assert _known_by(there) == _known_by(only(record))


def _known_by(one: Wrote) -> str:
    return ingredient_id(one.origin.tool, one.origin.session, one.call, one.path, one.ordinal)


def test_every_form_of_a_response_is_read() -> None:
    responses_api = {
        "id": "resp_1",
        "object": "response",
        "output": [
            {"type": "reasoning", "id": "rs", "summary": [{"type": "summary_text", "text": "Thinking it over."}]},
            {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Said."}]},
            {
                "type": "custom_tool_call",
                "call_id": "call_9",
                "name": "apply_patch",
                "input": f"*** Begin Patch\n*** Add File: a.py\n+{CODE.splitlines()[0]}\n*** End Patch",
            },
        ],
    }
    gemini = {
        "candidates": [
            {
                "content": {
                    "role": "model",
                    "parts": [
                        {"text": "Hm.", "thought": True},
                        {"text": "Said."},
                        {"functionCall": {"name": "write_file", "args": {"file_path": "a.py", "content": CODE}}},
                    ],
                }
            }
        ]
    }
    expected = {
        "reasoning content": (reply("Said.", reasoning_content="Hm."), ["thinking", "prose"]),
        "thinking blocks": (
            reply("Said.", thinking_blocks=[{"type": "thinking", "thinking": "Hm."}]),
            ["thinking", "prose"],
        ),
        "function call": (
            reply(None, function_call={"name": "w", "arguments": json.dumps({"path": "a", "content": "x"})}),
            ["write"],
        ),
        "custom tool": (
            reply(
                None,
                {
                    "id": "c",
                    "type": "custom",
                    "custom": {"name": "w", "input": "one two three four five six seven eight nine ten eleven twelve"},
                },
            ),
            ["input"],
        ),
        "text completion": ({"id": "c", "choices": [{"text": "Said."}]}, ["prose"]),
        "responses": (responses_api, ["thinking", "prose", "patch"]),
        "gemini": (gemini, ["thinking", "prose", "write"]),
        "anthropic": (ANTHROPIC["response"], ["thinking", "edit"]),
        "string": ("Said.", ["prose"]),
        "passed through": ({"response": json.dumps(reply("Said."))}, ["prose"]),
        "in a string": (json.dumps(reply("Said.")), ["prose"]),
        "refusal": (reply(None, refusal="I will not."), ["prose"]),
        "several choices": (
            {"choices": [{"message": {"content": "One."}}, {"message": {"content": "Two."}}]},
            ["prose", "prose"],
        ),
    }
    for name, (response, kinds) in expected.items():
        events, tally = events_of(payload([user("Go.")], response))
        assert (name, kinds, Counter()) == (name, [one.kind for one in wrote(events)], tally.unknown)
        assert len(kinds) == len({(one.call, one.ordinal) for one in wrote(events)})


def test_rows_of_the_spend_log_are_read_and_what_it_cut_is_counted() -> None:
    row = {
        "request_id": "chatcmpl-0001abcdef",
        "call_type": "acompletion",
        "model": "gpt-4.1",
        "custom_llm_provider": "openai",
        "api_base": "",
        "startTime": "2026-02-02T02:40:00.500000+00:00",
        "session_id": "s1",
        "metadata": "{}",
        "messages": "{}",
        "response": json.dumps(reply("Begun... (litellm_truncated skipped 900 chars. x) ...ended.")),
        "proxy_server_request": json.dumps({"messages": [user(LONGER)], "tools": [{"description": "A tool."}]}),
        "cache_hit": "False",
        "request_tags": "[]",
    }
    events, tally = events_of(row)
    assert ["A tool.", LONGER] == shown(events)
    assert ({"litellm_truncated": 1}, "2026-02-02T02:40:00.500Z") == (tally.unknown, wrote(events)[0].origin.time)


def test_redacted_text_is_counted_and_not_claimed() -> None:
    events, tally = events_of(payload([user("redacted-by-litellm")], reply("redacted-by-litellm")))
    assert ([], {"redacted": 1}) == ([one for one in events if not isinstance(one, Start)], tally.unknown)


def test_vectors_and_failures_hold_no_text_of_a_model() -> None:
    for fields in ({"call_type": "aembedding"}, {"status": "failure"}):
        assert [] == wrote(events_of(payload(["x"], "Error: no such model", **fields))[0])


def test_results_of_the_messages_api_say_what_became_of_a_call() -> None:
    def after(error: bool, text: str) -> Status:
        block = {"type": "tool_result", "tool_use_id": "toolu_0001", "content": text, "is_error": error}
        later = payload([{"role": "user", "content": [block]}], reply("So."), session_id="s2", startTime=1770000100)
        return wrote(events_of(ANTHROPIC, later)[0], "edit")[0].status

    assert [Status.APPLIED, Status.FAILED, Status.DECLINED] == [
        after(False, "ok"),
        after(True, "no such text"),
        after(True, "The user doesn't want to proceed"),
    ]


def test_an_edit_that_was_applied_and_could_not_be_read_is_loud() -> None:
    use = {"type": "tool_use", "id": "toolu_1", "name": "Edit", "input": {"instructions": "shorter"}}
    done = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "ok"}
    first = payload([], {"type": "message", "content": [use]})
    _, tally = events_of(first, payload([{"role": "user", "content": [done]}], reply("So.")))
    assert (1, 1, True) == (tally.edit_calls, tally.unread, tally.silent)


def test_unknown_blocks_responses_and_records_are_counted() -> None:
    strange = payload([{"role": "user", "content": [{"type": "hologram"}]}], {"object": "telepathy", "x": 1})
    _, tally = events_of(strange, payload([], {"response": "data: {}\n\n"}), {"some": "row"})
    assert Counter({"block/hologram": 1, "response/telepathy": 1, "response/stream": 1, "record": 1}) == tally.unknown


def test_a_payload_within_what_a_callback_writes_is_read_and_other_json_is_not_claimed() -> None:
    assert all(map(litellm.recognise, LOG))
    wrapped = {"kwargs": {"standard_logging_object": FIRST}}
    assert litellm.recognise(wrapped)
    assert wrote(events_of(FIRST)[0]) == wrote(events_of(wrapped)[0])
    for record in (
        {"model": "gpt-4.1", "messages": [], "response": "x"},
        {"call_type": "x", "model": "m", "response": "r"},
        {"call_type": [], "model": "m", "response": "r", "api_base": "", "litellm_call_id": ""},
        reply("x"),
        {"standard_logging_object": 1},
    ):
        assert not litellm.recognise(record)


def test_memory_grows_with_the_text_and_not_with_its_repetition() -> None:
    history: list[Any] = [user("Go.")]
    records = []
    for number in range(60):
        records.append(
            payload(list(history), reply(f"Answer {number}.", id=f"r{number}"), startTime=1770000000 + number)
        )
        history += [{"role": "assistant", "content": f"Answer {number}."}, user(f"Question {number}.")]
    events, _ = events_of(*records)
    assert (1 + 60 + 60) == len(events)


@examples(80)
@given(st.data())
def test_logs_with_any_value_in_any_place_are_read_or_counted(data: st.DataObject) -> None:
    records = mutated(data, LOG)
    assert all(litellm.recognise(record) in (True, False) for record in records if isinstance(record, dict))
    taken(litellm.read, lines(records))


@examples(60)
@given(st.data())
def test_damaged_bytes_are_read_or_counted(data: st.DataObject) -> None:
    taken(litellm.read, damaged(data, b"".join(lines(LOG))).splitlines(keepends=True))
