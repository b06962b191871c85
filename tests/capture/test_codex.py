from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from provenance.capture import codex, reading
from provenance.capture.session import Shown, Wrote
from provenance.model import Status
from tests.capture import recording
from tests.capture.recording import (
    BARE,
    CODEX,
    added,
    codex_events,
    custom,
    event,
    function,
    item,
    line,
    meta,
    output,
    patched,
    turn,
    wrote,
)

LONG = "The module has two functions now, and the second is written in the manner of the first one."
BODY = "def border(shape):\n    return 2 * (shape.width + shape.height)"
PATCH = patched(("a.py", BODY))
DIFF = "@@ -1,2 +1,3 @@\n typed = 1\n+added = 2\n typed = 3\n"


def message(text: str, **fields: Any) -> recording.Record:
    return item("message", role="assistant", content=[{"type": "output_text", "text": text}], **fields)


def only(*records: recording.Record) -> Wrote:
    (one,) = wrote(codex_events(meta(), turn(), *records)[0])
    return one


def shown(*records: recording.Record) -> list[str]:
    return [one.text for one in codex_events(*records)[0] if isinstance(one, Shown) and one.text]


def test_a_rollout_yields_each_output_once_with_its_full_origin() -> None:
    events, tally = recording.read(CODEX)
    assert Counter(prose=1, thinking=1, patch=2) == tally.wrote
    assert (20, 2, 0, 0, False) == (tally.records, tally.edit_calls, tally.unread, tally.broken, tally.silent)
    origins = {(o.origin.provider, o.origin.model, o.origin.tool, o.origin.version) for o in wrote(events)}
    assert {("openai", "gpt-5.5", "codex", "0.142.3")} == origins
    assert {"019d2a8e-51c0-7cc1-b6bb-0a1b2c3d4e5f"} == {one.origin.session for one in wrote(events)}
    assert ["src/fit.rs", "src/read.rs"] == [one.path for one in wrote(events, "patch")]
    times = [one.origin.time for one in wrote(events)]
    assert (sorted(times), "2026-04-02T10:01:00.000Z") == (times, times[0])


def test_the_bare_form_before_2025_09_is_read_and_its_provider_is_not_guessed() -> None:
    events, tally = recording.read(BARE)
    assert Counter(heredoc=1, prose=1) == tally.wrote
    assert Counter() == tally.unknown
    first = wrote(events)[0]
    assert ("levels.sql", "unknown", "unknown", "codex") == (
        first.path,
        first.origin.provider,
        first.origin.model,
        first.origin.tool,
    )
    assert ("5973b6c0-94b8-487b-a530-2aeb6098ae0e", "2025-08-03T12:00:00.123Z") == (
        first.origin.session,
        first.origin.time,
    )


def test_the_one_document_of_the_first_cli_is_read(tmp_path: Path) -> None:
    call = {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "shell"}
    said = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": LONG}]}
    typed = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "as a person types"}]}
    done = json.dumps({"output": "Done!", "metadata": {"exit_code": 0, "duration_seconds": 0.1}})
    document = {
        "session": {"timestamp": "2025-05-02T10:00:00.000Z", "id": "ef2f-11", "instructions": "Write no comments."},
        "items": [
            typed,
            {**call, "arguments": json.dumps({"command": ["apply_patch", PATCH]})},
            {"type": "function_call_output", "call_id": "call_1", "output": done},
            said,
        ],
    }
    path = tmp_path / "rollout-2025-05-02-ef2f-11.json"
    path.write_text(json.dumps(document, indent=2))
    events, tally = recording.read(path)
    assert (Counter(patch=1, prose=1), Counter(), 1) == (tally.wrote, tally.unknown, tally.edit_calls)
    patch, prose = wrote(events)
    assert (BODY.split("\n"), "a.py", Status.APPLIED) == ("\n".join(patch.blocks).split("\n"), patch.path, patch.status)
    assert (LONG,) == prose.blocks
    assert {("ef2f-11", "2025-05-02T10:00:00.000Z")} == {(o.origin.session, o.origin.time) for o in wrote(events)}
    assert {"as a person types", "Write no comments."} < {one.text for one in events if isinstance(one, Shown)}


@pytest.mark.parametrize("items", [None, 1, {}, [None, 1, "x", [], {}, {"type": 3}]], ids=repr)
def test_a_first_document_with_anything_for_items_is_read_or_nobodys(items: Any, tmp_path: Path) -> None:
    path = tmp_path / "rollout.json"
    path.write_text(json.dumps({"session": {"timestamp": 1, "id": [], "instructions": {}}, "items": items}, indent=1))
    if isinstance(items, list):
        assert [] == wrote(recording.read(path)[0])
    else:
        assert reading.reader_of(path) is None


JS = {
    "string": f"const p = {json.dumps(PATCH)};\ntext(await tools.apply_patch(p));",
    "template": f"await tools.apply_patch(`{PATCH}`)",
    "raw template": f"const patch = String.raw`{PATCH}`; await tools.apply_patch({{input: patch}});",
    "joined lines": "await tools.apply_patch([" + ",".join(map(json.dumps, PATCH.split("\n"))) + "].join('\\n'))",
    "template with a name": f"const a = 'a.py'; await tools.apply_patch(`{PATCH.replace('a.py', '${a}')}`)",
    "unused literal": f"const p = {json.dumps(PATCH)};\nawait tools.mend(p)",
}
FORMS: dict[str, recording.Record] = {
    "custom tool": custom("apply_patch", PATCH),
    "function with JSON arguments": function("apply_patch", {"input": PATCH}),
    "function with escapes of escapes": function("apply_patch", {"input": PATCH.replace("\n", "\\n")}),
    "function with arguments cut off": item(
        "function_call", name="apply_patch", arguments=json.dumps({"input": PATCH})[:-10], call_id="call_1"
    ),
    "function with an argv": function("apply_patch", {"command": ["apply_patch", PATCH]}),
    "shell argv": function("shell", {"command": ["apply_patch", PATCH], "workdir": "/repo"}),
    "shell heredoc argv": function("shell", {"command": ["bash", "-lc", f"apply_patch <<'EOF'\n{PATCH}\nEOF"]}),
    "shell heredoc": function("shell_command", {"command": f"apply_patch <<'EOF'\n{PATCH}\nEOF"}),
    "exec_command": function("exec_command", {"cmd": f"apply_patch <<'EOF'\n{PATCH}\nEOF", "workdir": "/repo"}),
    "local shell": item(
        "local_shell_call",
        call_id="call_1",
        action={"type": "exec", "command": ["apply_patch", PATCH]},
        status="completed",
    ),
    "function exec with code": function("exec", {"code": JS["string"]}),
    "tool of tomorrow, freeform": custom("mend_files", PATCH),
    "tool of tomorrow, function": function("mend_files", {"changes": {"patch": PATCH}}),
    "tool of tomorrow, script": custom("js_repl", JS["string"]),
    "item of tomorrow": item("edit_call", call_id="call_1", name="mend", input=PATCH),
    "code mode shell": custom(
        "exec", "await tools.exec_command({cmd: " + json.dumps(f"apply_patch <<'E'\n{PATCH}\nE") + "})"
    ),
    **{f"code mode, {name}": custom("exec", source) for name, source in JS.items()},
}


@pytest.mark.parametrize("form", FORMS)
def test_a_patch_is_read_in_every_form_that_calls_take(form: str) -> None:
    events, tally = codex_events(meta(), turn(), FORMS[form])
    (one,) = wrote(events)
    assert ("patch", "a.py", (BODY,), "call_1") == (one.kind, one.path, one.blocks, one.call)
    assert (1, 0, False) == (tally.edit_calls, tally.unread, tally.silent)


@pytest.mark.parametrize("form", FORMS)
def test_the_event_that_a_patch_was_applied_adds_nothing_to_the_call(form: str) -> None:
    for use in ("call_1", "nested-1"):
        changes = {"/repo/a.py": {"type": "add", "content": BODY + "\n"}}
        end = event("patch_apply_end", call_id=use, success=True, status="completed", changes=changes)
        assert ["patch"] == [one.kind for one in wrote(codex_events(meta(), turn(), FORMS[form], end)[0])]


def test_one_script_with_several_patches_is_an_output_a_file() -> None:
    second = patched(("b.py", "x = 1"), ("c.py", "y = 2"))
    source = f"const a = `{PATCH}`;\nawait tools.apply_patch(a);\nawait tools.apply_patch({json.dumps(second)});"
    outputs = wrote(codex_events(meta(), custom("exec", source))[0])
    assert [("a.py", 0), ("b.py", 1), ("c.py", 2)] == [(one.path, one.ordinal) for one in outputs]


def test_a_heredoc_within_a_script_is_read() -> None:
    command = f"cat > a.py <<'EOF'\n{BODY}\nEOF"
    one = only(custom("exec", f"const r = await tools.exec_command({{cmd: {json.dumps(command)}}}); text(r)"))
    assert ("heredoc", "a.py", (BODY,)) == (one.kind, one.path, one.blocks)


@pytest.mark.parametrize("name", ["mcp__fs__edit_file", "replace", "str_replace_based_edit_tool"])
def test_edits_by_old_and_new_text_are_read_whatever_the_tool(name: str) -> None:
    one = only(function(name, {"path": "/repo/a.py", "edits": [{"oldText": "x = 1", "newText": "x = 1\ny = 2"}]}))
    assert ("edit", "a.py", ("y = 2",), ("x = 1",)) == (one.kind, one.path, one.blocks, one.before)


def test_a_script_in_an_argv_is_not_counted_again_as_a_command() -> None:
    script = "from pathlib import Path\nPath('a.py').write_text('print(1)' + chr(10) + 'print(2)')"
    one = only(function("shell", {"command": ["python3", "-c", script]}))
    assert ("heredoc", (script,)) == (one.kind, one.blocks)


def test_a_script_that_patches_nothing_is_plain_input() -> None:
    source = "const words = [1, 2, 3].map((n) => n * 2);\ntext(words.filter((n) => n > 2).join(' and ') + ' are left');"
    assert ("input", (source,)) == (only(custom("exec", source)).kind, only(custom("exec", source)).blocks)


def test_long_texts_of_a_script_that_go_elsewhere_than_into_a_patch_are_the_models() -> None:
    source = f"await tools.apply_patch({json.dumps(PATCH)}); await tools.mcp__x__comment({{body: {json.dumps(LONG)}}})"
    outputs = wrote(codex_events(meta(), custom("exec", source))[0])
    assert [("patch", (BODY,)), ("input", (LONG,))] == [(one.kind, one.blocks) for one in outputs]


def test_of_an_applied_change_that_no_call_shows_the_added_lines_are_read() -> None:
    changes = {"/repo/a.py": {"type": "update", "unified_diff": DIFF}, "b.py": {"type": "add", "content": "x = 1"}}
    end = event("patch_apply_end", call_id="p1", success=True, changes=changes)
    outputs = wrote(codex_events(meta(), turn(), end)[0])
    assert [("a.py", ("added = 2",)), ("b.py", ("x = 1",))] == [(one.path, one.blocks) for one in outputs]
    assert "typed = 1\ntyped = 3" in outputs[0].before


def test_an_applied_change_of_which_nothing_can_be_read_is_told_loudly() -> None:
    end = event("patch_apply_end", call_id="p1", success=True, stdout="Success", stderr="")
    assert codex_events(meta(), turn(), end)[1].silent


def test_an_applied_patch_that_cannot_be_read_is_told_loudly_beside_others() -> None:
    events, tally = codex_events(custom("apply_patch", "*** Start Patch"), output("Success"), custom("x", PATCH, "c2"))
    assert (1, True) == (tally.unread, tally.silent)
    assert ["patch"] == [one.kind for one in wrote(events)]


def test_a_patch_that_only_deletes_is_counted_and_not_silent() -> None:
    gone = "*** Begin Patch\n*** Delete File: a.py\n*** End Patch"
    events, tally = codex_events(custom("apply_patch", gone), output("Success"))
    assert ([], 1, 1, False) == (wrote(events), tally.deletions, tally.edit_calls, tally.silent)


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ([event("patch_apply_end", call_id="call_1", success=True)], Status.APPLIED),
        ([event("patch_apply_end", call_id="call_1", success=False)], Status.FAILED),
        ([event("patch_apply_end", call_id="call_1", success=False, status="declined")], Status.DECLINED),
        ([event("patch_apply_end", call_id="call_1", success=False, status=["odd"])], Status.FAILED),
        ([output("patch rejected by user")], Status.DECLINED),
        ([output("apply_patch verification failed: Failed to find expected lines")], Status.FAILED),
        ([output(json.dumps({"output": "no", "metadata": {"exit_code": 1}}))], Status.FAILED),
        ([output(json.dumps({"output": "ok", "metadata": {"exit_code": 0}}))], Status.APPLIED),
        (
            [output("Exit code: 0\nOutput:\n" + "." * 300 + "signature verification failed, rejected by user")],
            Status.APPLIED,
        ),
        ([output([{"type": "input_text", "text": "Success"}])], Status.APPLIED),
        ([], Status.UNKNOWN),
    ],
)
def test_what_became_of_a_patch_is_told_by_its_end(said: list[recording.Record], status: Status) -> None:
    assert status is only(custom("apply_patch", PATCH), *said).status


def test_prose_that_event_and_item_repeat_is_one_output() -> None:
    said = [event("agent_message", message=LONG), message(LONG), event("task_complete", last_agent_message=LONG)]
    assert [(LONG,)] == [one.blocks for one in wrote(codex_events(*said)[0])]


def test_prose_that_only_an_event_has_is_known_by_the_same_id_as_its_item() -> None:
    (one,) = wrote(codex_events(event("agent_message", message=LONG))[0])
    (same,) = wrote(codex_events(message(LONG, id="msg_1"))[0])
    assert (one.call, one.ordinal, one.kind) == (same.call, same.ordinal, same.kind)


def test_outputs_of_the_same_instant_are_kept_apart() -> None:
    records = [
        message("one"),
        message("two"),
        event("agent_message", message="three"),
        event("agent_reasoning", text="4"),
    ]
    calls = [item("custom_tool_call", name="apply_patch", input=patched(("a", text))) for text in "xy"]
    keys = [(one.call, one.ordinal) for one in wrote(codex_events(*records, *calls)[0])]
    assert 6 == len(set(keys))


def test_a_plan_that_no_message_holds_is_the_models() -> None:
    plan = event("item_completed", item={"type": "Plan", "id": "p", "text": LONG})
    assert ("plan", (LONG,)) == (only(plan).kind, only(plan).blocks)
    assert "prose" == only(plan, message(f"<proposed_plan>\n{LONG}\n</proposed_plan>")).kind


def test_what_other_agents_said_is_the_models() -> None:
    records = [
        function("wait_agent", {"ids": ["a1"]}),
        output(json.dumps({"status": {"a1": {"completed": LONG}}})),
        item("agent_message", author="a1", content=[{"type": "input_text", "text": LONG + " Yes."}]),
        event("exited_review_mode", review_output={"findings": [{"title": "x", "body": LONG + " No."}]}),
    ]
    events, _ = codex_events(meta(), turn(), *records)
    assert [("subagent", (LONG,)), ("subagent", (LONG + " Yes.",)), ("subagent", (LONG + " No.",))] == [
        (one.kind, one.blocks) for one in wrote(events)
    ]


def test_what_an_agent_is_told_to_do_is_the_models() -> None:
    assert ("input", (LONG,)) == (only(function("spawn_agent", {"message": LONG})).kind, (LONG,))


def test_a_compaction_is_a_summary_and_its_history_is_not_read_again() -> None:
    one = only(line("compacted", {"message": LONG, "replacement_history": [message("again")["payload"]]}))
    assert ("summary", (LONG,)) == (one.kind, one.blocks)


def test_what_people_type_and_commands_print_is_shown_but_not_what_the_model_ran() -> None:
    records = [
        meta(base_instructions={"text": "base"}),
        turn(user_instructions="mine", developer_instructions="theirs"),
        item("message", role="user", content=[{"type": "input_text", "text": "typed"}]),
        item("message", role="developer", content="told"),
        event("user_message", message="typed"),
        function("exec_command", {"cmd": "ls"}),
        output("printed"),
        event("exec_command_end", call_id="c", command=["echo", "the model's"], aggregated_output="put out"),
        event("mcp_tool_call_end", invocation={"arguments": {"q": "the model's"}}, result={"Ok": "found"}),
    ]
    texts = shown(*records)
    assert {"base", "mine", "theirs", "typed", "told", "printed", "put out", "found"} == set(texts)


def test_the_model_is_that_of_the_turn() -> None:
    events, _ = codex_events(meta(), turn("gpt-5.5"), message("a"), turn(None), message("b"), turn("o3"), message("c"))
    assert ["gpt-5.5", "gpt-5.5", "o3"] == [one.origin.model for one in wrote(events)]


@pytest.mark.parametrize(
    ("recorded", "model", "expected"),
    [
        ("openai", "gpt-5.5", ("openai", "unknown")),
        ("azure", "gpt-5.5", ("openai", "azure")),
        ("openrouter", "anthropic/claude-opus-4.7", ("anthropic", "openrouter")),
        ("ollama", "my-tune", ("unknown", "ollama")),
        ("openai", "my-deployment", ("openai", "unknown")),
        ("mistral", "devstral-2", ("mistral", "unknown")),
        (None, "my-deployment", ("unknown", "unknown")),
        (None, None, ("unknown", "unknown")),
        (["odd"], 5, ("unknown", "unknown")),
    ],
)
def test_the_provider_is_the_models_maker_and_the_configured_one_a_channel(
    recorded: Any, model: Any, expected: tuple[str, str]
) -> None:
    events, _ = codex_events(meta(model_provider=recorded), turn(model), message("a"))
    (one,) = wrote(events)
    assert expected == (one.origin.provider, one.origin.channel)


def test_a_fork_that_repeats_its_parents_head_keeps_its_own_session() -> None:
    events, _ = codex_events(meta("child", forked_from_id="parent"), meta("parent"), turn(), message("a"))
    assert ["child"] == [one.origin.session for one in wrote(events)]


def test_every_line_item_and_event_of_2026_is_known() -> None:
    records = [line(kind, {}) for kind in sorted(codex.LINES - {"response_item", "event_msg"})]
    records += [item(kind) for kind in sorted(codex.ITEMS)] + [event(kind) for kind in sorted(codex.EVENTS)]
    assert Counter() == codex_events(*records)[1].unknown


def test_unknown_lines_items_and_events_are_counted() -> None:
    records = [line("dream", {}), item("holo"), event("omen"), event("omen"), {"timestamp": 1}, line("x\x07", {})]
    expected = {"dream": 1, "response_item/holo": 1, "event_msg/omen": 2, "(none)": 1, "x?": 1}
    assert Counter(expected) == codex_events(*records)[1].unknown


def test_of_a_patch_only_the_added_lines_are_an_ingredient() -> None:
    events, _ = recording.read(CODEX)
    fit, reader = added(events, "patch")
    assert fit.startswith("/// Least squares")
    assert "mean" not in fit
    assert reader.startswith("//! Reads pairs")


def test_the_shipped_demo_is_read_whole() -> None:
    import provenance.cli.demo_data

    _, tally = recording.read(Path(provenance.cli.demo_data.__path__[0]) / "codex-rollout.jsonl")
    assert (0, Counter(), False) == (tally.broken, tally.unknown, tally.silent)
    assert tally.edit_calls > 0
