from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from provenance.capture import claude_code
from provenance.capture.session import Shown, Wrote
from provenance.model import Origin, Status
from tests.capture import recording
from tests.capture.recording import added, assistant, call, claude_events, patched, prompt, result, row, tool, wrote

HUMAN = "def area(shape):\n    return shape.width * shape.height\n"
OWN = "def border(shape):\n    return 2 * (shape.width + shape.height)\n"
LONG = "The module has two functions now, and the second is written in the manner of the first one."


def only(*records: recording.Record) -> Wrote:
    (one,) = wrote(claude_events(*records)[0])
    return one


def shown(*records: recording.Record) -> list[str]:
    return [event.text for event in claude_events(*records)[0] if isinstance(event, Shown) and event.text]


def test_a_session_yields_each_output_with_its_full_origin() -> None:
    events, tally = recording.read(recording.CLAUDE)
    assert Counter(prose=2, thinking=1, edit=1, write=2, notebook=1, heredoc=1) == tally.wrote
    assert (19, 4, 0, 0, False) == (tally.records, tally.edit_calls, tally.unread, tally.broken, tally.silent)
    origins = {(one.origin.provider, one.origin.model, one.origin.tool, one.origin.version) for one in wrote(events)}
    assert {("anthropic", "claude-opus-4-5-20251101", "claude-code", "2.1.62")} == origins
    assert {"7c1f4a52-0d3b-4c58-9a53-6f1f0e4f2b11"} == {one.origin.session for one in wrote(events)}
    times = [one.origin.time for one in wrote(events)]
    assert sorted(times) == times
    assert "2026-03-25T09:01:00.000Z" == times[0]
    status = {one.path: one.status for one in wrote(events) if one.path}
    assert {
        "shapes.py": Status.APPLIED,
        "describe.py": Status.APPLIED,
        "deploy.py": Status.DECLINED,
        "areas.ipynb": Status.APPLIED,
        "shapes.toml": Status.APPLIED,
    } == status


def test_of_an_edit_only_the_added_lines_are_written_and_the_rest_is_pre_image() -> None:
    one = only(*tool("Edit", {"file_path": "/repo/a.py", "old_string": HUMAN, "new_string": HUMAN + "\n\n" + OWN}))
    assert ("edit", "a.py", "toolu_1", 0) == (one.kind, one.path, one.call, one.ordinal)
    assert OWN.strip() == "\n".join(one.blocks).strip()
    assert HUMAN in one.before


def test_replace_all_adds_its_text_once() -> None:
    given = {"file_path": "/repo/a.py", "old_string": "alpha", "new_string": "beta", "replace_all": True}
    details = {"originalFile": "alpha alpha alpha", "replaceAll": True, "structuredPatch": []}
    assert ("beta",) == only(*tool("Edit", given, details)).blocks


def test_a_multi_edit_is_an_output_an_edit() -> None:
    edits = [{"old_string": "a", "new_string": "b"}, "odd", {"old_string": "c", "new_string": "d"}]
    outputs = wrote(claude_events(*tool("MultiEdit", {"file_path": "/repo/a.py", "edits": edits}))[0])
    assert [(("b",), 0, "a.py"), (("d",), 1, "a.py")] == [(one.blocks, one.ordinal, one.path) for one in outputs]


def test_edits_that_were_recorded_as_a_json_text_are_read() -> None:
    edits = json.dumps([{"old_string": "a", "new_string": "b"}])
    assert ("b",) == only(*tool("MultiEdit", {"file_path": "/repo/a.py", "edits": edits})).blocks


def test_a_write_over_a_recorded_file_adds_what_is_new() -> None:
    details = {"type": "update", "originalFile": HUMAN, "structuredPatch": []}
    one = only(*tool("Write", {"file_path": "/repo/a.py", "content": HUMAN + OWN}, details))
    assert ((OWN.rstrip("\n"),), (HUMAN,)) == (one.blocks, one.before)


HUNK = {"oldStart": 1, "oldLines": 3, "newStart": 1, "newLines": 3, "lines": [" kept", "-gone", "+come", " last"]}


def test_a_write_over_a_file_too_long_to_be_recorded_is_read_from_its_patch() -> None:
    details = {"type": "update", "originalFile": None, "structuredPatch": [HUNK]}
    one = only(*tool("Write", {"file_path": "/repo/a.py", "content": "kept\ncome\nlast\n"}, details))
    assert (("come",), ("kept\ngone\nlast",)) == (one.blocks, one.before)


def test_what_a_person_changed_in_the_dialog_is_not_the_models() -> None:
    hunk = {**HUNK, "lines": [" kept", "-gone", "+typed by a person", " last"]}
    details = {"type": "update", "originalFile": None, "structuredPatch": [hunk], "userModified": True}
    one = only(*tool("Write", {"file_path": "/repo/a.py", "content": "kept\ncome\nlast\n"}, details))
    assert ("kept\ncome\nlast\n",) == one.blocks


def test_a_write_that_only_takes_lines_away_adds_nothing() -> None:
    hunk = {**HUNK, "lines": [" kept", "-gone", " last"]}
    details = {"type": "update", "originalFile": None, "structuredPatch": [hunk]}
    assert () == only(*tool("Write", {"file_path": "/repo/a.py", "content": "kept\nlast\n"}, details)).blocks


@pytest.mark.parametrize(
    ("details", "blocks"),
    [
        ({"edit_mode": "replace", "old_source": "x = 1\ny = 2"}, ("z = 3",)),
        ({"edit_mode": "insert", "old_source": None}, ("x = 1\ny = 2\nz = 3",)),
        ({}, ("x = 1\ny = 2\nz = 3",)),
    ],
)
def test_a_notebook_cell_adds_what_the_cell_did_not_have(details: dict[str, Any], blocks: tuple[str, ...]) -> None:
    given = {"notebook_path": "/repo/n.ipynb", "cell_id": "c", "new_source": "x = 1\ny = 2\nz = 3"}
    one = only(*tool("NotebookEdit", given, details))
    assert ("notebook", "n.ipynb", blocks) == (one.kind, one.path, one.blocks)


def test_the_cells_of_the_recorded_notebook_are_pre_image() -> None:
    notebook = json.dumps({"cells": [{"source": ["import csv\n"]}]})
    given = {"notebook_path": "/repo/n.ipynb", "new_source": "import csv\nprint(1)", "edit_mode": "insert"}
    assert "import csv\n" in only(*tool("NotebookEdit", given, {"original_file": notebook})).before


def test_a_deleted_cell_is_an_edit_that_adds_nothing() -> None:
    given = {"notebook_path": "/repo/n.ipynb", "cell_id": "c", "new_source": "", "edit_mode": "delete"}
    events, tally = claude_events(*tool("NotebookEdit", given, {"edit_mode": "delete", "old_source": "x = 1"}))
    assert [""] == added(events)
    assert (1, 0, False) == (tally.edit_calls, tally.unread, tally.silent)


WRITE = ("Write", {"file_path": "/repo/a.py", "content": OWN})
REJECTED = "The user doesn't want to proceed with this tool use. The tool use was rejected (eg. ..."


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ({"content": REJECTED, "details": "User rejected tool use", "error": True}, Status.DECLINED),
        ({"content": REJECTED, "details": f"Error: {REJECTED}", "error": True}, Status.DECLINED),
        ({"content": [{"type": "text", "text": REJECTED}], "error": True}, Status.DECLINED),
        ({"content": "[Request interrupted by user for tool use]", "error": True}, Status.DECLINED),
        ({"content": "stopped", "toolDenialKind": "interrupted"}, Status.DECLINED),
        ({"content": "<tool_use_error>File has not been read yet</tool_use_error>", "error": True}, Status.FAILED),
        ({"content": "Exit code 1\n! [rejected] main -> main (fetch first)", "error": True}, Status.FAILED),
        ({"content": "held for review", "details": {"staged": True}}, Status.STAGED),
        ({"content": "File created"}, Status.APPLIED),
    ],
)
def test_what_became_of_a_call_is_told_by_its_result(said: dict[str, Any], status: Status) -> None:
    one = only(*tool(*WRITE, **said))
    assert (status, (OWN,)) == (one.status, one.blocks)


def test_a_call_without_a_result_has_an_unknown_end() -> None:
    assert Status.UNKNOWN is only(assistant(call(*WRITE))).status


def test_a_heredoc_of_a_failed_command_may_have_been_written() -> None:
    command = f"cat > a.py <<'EOF'\n{OWN}EOF\npytest -q tests/unit tests/slow tests/other"
    outputs = wrote(claude_events(*tool("Bash", {"command": command}, content="1 failed", error=True))[0])
    assert [("heredoc", "a.py", Status.UNKNOWN), ("command", "", Status.FAILED)] == [
        (one.kind, one.path, one.status) for one in outputs
    ]
    assert OWN.rstrip("\n") not in "".join(outputs[1].blocks)


def test_a_patch_in_a_command_line_is_read_by_file() -> None:
    command = "apply_patch <<'EOF'\n" + patched(("/repo/a.py", "x = 1"), ("b.py", "y = 2")) + "\nEOF"
    outputs = wrote(claude_events(*tool("Bash", {"command": command}))[0], "patch")
    assert [("a.py", ("x = 1",)), ("b.py", ("y = 2",))] == [(one.path, one.blocks) for one in outputs]


def test_of_a_diff_handed_to_git_the_context_is_left_out() -> None:
    diff = "--- a/a.py\n+++ b/a.py\n@@ -1,2 +1,3 @@\n typed = 1\n+added = 2\n typed = 3\n"
    one = only(*tool("Bash", {"command": f"git apply <<'EOF'\n{diff}EOF"}))
    assert ("patch", "a.py", ("added = 2",)) == (one.kind, one.path, one.blocks)


def test_an_indented_heredoc_is_not_counted_again_as_a_command() -> None:
    command = "cat > a.txt <<-EOF\n" + "".join(f"\tline number {n} of the text\n" for n in range(9)) + "\tEOF"
    assert ["heredoc"] == [one.kind for one in wrote(claude_events(*tool("Bash", {"command": command}))[0])]


@pytest.mark.parametrize(
    ("name", "given", "kind", "path", "text"),
    [
        ("FileEdit", {"path": "a.py", "old_text": "x = 1", "new_text": "x = 1\ny = 2"}, "edit", "a.py", "y = 2"),
        (
            "str_replace_editor",
            {"command": "str_replace", "path": "a", "old_str": "x", "new_str": "y"},
            "edit",
            "a",
            "y",
        ),
        ("str_replace_editor", {"command": "create", "path": "a", "file_text": "y"}, "write", "a", "y"),
        ("str_replace_editor", {"command": "insert", "path": "a", "insert_line": 1, "new_str": "y"}, "edit", "a", "y"),
        ("mcp__fs__write_file", {"path": "/repo/a", "content": "y"}, "write", "a", "y"),
        ("mcp__fs__edit_file", {"path": "a", "edits": [{"oldText": "x", "newText": "y"}]}, "edit", "a", "y"),
        ("mcp__acp__Edit", {"file_path": "a", "old_string": "x", "new_string": "y"}, "edit", "a", "y"),
        ("mcp__github__push_files", {"files": [{"path": "a", "content": "y"}], "message": "m"}, "write", "a", "y"),
        ("CreateFile", {"absolutePath": "/repo/a", "content": ["x", "y"]}, "write", "a", "x\ny"),
        ("ApplyPatch", {"patch": patched(("a", "y"))}, "patch", "a", "y"),
        ("ApplyPatch", patched(("a", "y")), "patch", "a", "y"),
        ("ApplyDiff", {"file": "a", "diff": "--- a/a\n+++ b/a\n@@ -1 +1 @@\n-x\n+y\n"}, "patch", "a", "y"),
        ("RunCommand", {"command": "cat > a <<'EOF'\ny\nEOF"}, "heredoc", "a", "y"),
        ("RunCommand", {"cmd": ["bash", "-lc", "cat > a <<'EOF'\ny\nEOF"]}, "heredoc", "a", "y"),
    ],
)
def test_tools_of_new_names_are_read_by_the_shape_of_their_input(
    name: str, given: Any, kind: str, path: str, text: str
) -> None:
    events, tally = claude_events(*tool(name, given))
    (one,) = wrote(events)
    assert (kind, path, (text,)) == (one.kind, one.path, one.blocks)
    assert (int(kind != "heredoc"), False) == (tally.edit_calls, tally.silent)


@pytest.mark.parametrize(
    "given",
    [
        {"pattern": "x", "path": "a", "output_mode": "content"},
        {"todos": [{"content": "write the file a.py", "status": "pending"}]},
        {"title": "Bug", "body": "short"},
        {"query": "a", "path": "/repo"},
        {"old_string": "x"},
        {},
        None,
        [],
        3,
    ],
)
def test_inputs_of_other_shapes_are_no_edits(given: Any) -> None:
    events, tally = claude_events(*tool("SomeTool", given))
    assert ([], 0, False) == (wrote(events), tally.edit_calls, tally.silent)


def test_long_texts_of_any_call_are_the_models() -> None:
    (one,) = wrote(claude_events(*tool("mcp__x__create_issue", {"title": "Bug", "body": LONG}))[0])
    assert ("input", (LONG,)) == (one.kind, one.blocks)


@pytest.mark.parametrize(
    "given", [{}, {"file_path": 3, "content": ["x", 4]}, {"file_path": "/repo/a", "text": "y"}, None, "y", []]
)
def test_an_editing_call_that_cannot_be_read_is_told_loudly(given: Any) -> None:
    events, tally = claude_events(*tool("Write", given), *tool(*WRITE))
    assert (2, 1, True) == (tally.edit_calls, tally.unread, tally.silent)
    assert 1 == len(wrote(events, "write"))


def test_a_result_that_shows_a_change_of_an_unread_call_is_told_loudly() -> None:
    details = {"filePath": "/repo/a", "structuredPatch": [HUNK]}
    unread = [
        assistant(call("Mend", {"where": "a", "how": "y"}, use="toolu_2")),
        result("done", details, use="toolu_2"),
    ]
    _, tally = claude_events(*unread, *tool(*WRITE))
    assert (1, True) == (tally.unread, tally.silent)


def test_a_session_that_shows_changes_without_any_edit_is_told_loudly() -> None:
    snapshot = {"type": "file-history-snapshot", "messageId": "m", "snapshot": {"trackedFileBackups": {"a.py": {}}}}
    assert claude_events(snapshot, prompt("hello"))[1].silent
    assert not claude_events(prompt("hello"), assistant("hello"))[1].silent


def test_a_failed_call_with_a_bad_input_is_not_told_as_unread() -> None:
    _, tally = claude_events(*tool("Write", {}, content="InputValidationError", error=True))
    assert (1, 0, False) == (tally.edit_calls, tally.unread, tally.silent)


def test_one_message_over_several_lines_is_several_outputs() -> None:
    records = [assistant(text, uuid=uuid) for text, uuid in (("one", "u1"), ("two", "u2"), ("two", "u2"))]
    assert [("one",), ("two",)] == [one.blocks for one in wrote(claude_events(*records)[0])]


def test_outputs_without_ids_are_kept_apart_by_their_text() -> None:
    records = [assistant(text, uuid=None) for text in ("one", "two")]
    calls = [assistant(call("Write", {"file_path": "a", "content": text}, use=""), uuid=None) for text in "xy"]
    keys = [(one.call, one.ordinal) for one in wrote(claude_events(*records, *calls)[0])]
    assert 4 == len(set(keys))


def test_rows_that_the_tool_itself_made_are_no_output() -> None:
    error = assistant("API Error: 529", isApiErrorMessage=True)
    assert [] == wrote(claude_events(assistant("No response requested.", model="<synthetic>"), error)[0])


def test_what_people_type_and_read_is_shown_and_nothing_else() -> None:
    records = [
        prompt("typed"),
        row("user", message={"role": "user", "content": [{"type": "text", "text": "typed too"}, "odd", 3]}),
        *tool("Read", {"file_path": "a"}, {"file": {"content": "raw"}}, content=[{"type": "text", "text": "1→raw"}]),
        row("attachment", attachment={"type": "queued_command", "prompt": "queued"}),
        row("queue-operation", operation="enqueue", content="waiting"),
        row("system", content="notice"),
    ]
    assert {"typed", "typed too", "1→raw", "raw", "queued", "waiting", "notice"} <= set(shown(*records))
    assert [] == wrote(claude_events(*records)[0])


def test_a_summary_of_a_compaction_is_the_models_and_names_no_model() -> None:
    one = wrote(claude_events(assistant("hello"), prompt(LONG, isCompactSummary=True))[0])[1]
    assert ("summary", (LONG,)) == (one.kind, one.blocks)
    assert ("anthropic", "unknown", "s1") == (one.origin.provider, one.origin.model, one.origin.session)


def test_a_plan_that_opens_a_session_is_the_models_and_not_the_persons() -> None:
    plan = row("user", message={"role": "user", "content": f"Implement the plan:\n{LONG}"}, planContent=LONG)
    events, _ = claude_events(plan, assistant("hello"))
    assert [("plan", (LONG,), "anthropic")] == [(o.kind, o.blocks, o.origin.provider) for o in wrote(events, "plan")]
    assert ["Implement the plan:\n"] == [event.text for event in events if isinstance(event, Shown)]


def test_a_subagents_answer_is_the_models_without_the_tools_own_notes() -> None:
    note = "agentId: a1ce35a (for resuming to continue this agent's work if needed)\n<usage>total_tokens: 60618</usage>"
    texts = [{"type": "text", "text": LONG}]
    details = {"status": "completed", "agentId": "a1ce35a", "content": texts}
    events, _ = claude_events(*tool("Agent", {"prompt": "look"}, details, [*texts, {"type": "text", "text": note}]))
    assert [("subagent", (LONG,), "toolu_1")] == [(one.kind, one.blocks, one.call) for one in wrote(events)]


def test_the_notice_that_a_subagent_was_launched_is_the_tools() -> None:
    details = {"isAsync": True, "status": "async_launched", "agentId": "a1"}
    assert [] == wrote(claude_events(*tool("Agent", {"prompt": "look"}, details, f"Async agent launched. {LONG}"))[0])


def test_the_answer_of_a_background_agent_arrives_in_a_notice() -> None:
    notice = (
        "<task-notification>\n<task-id>a9e0</task-id>\n<tool-use-id>toolu_01QQtQnbQeWHKfjz</tool-use-id>\n"
        f"<status>completed</status>\n<result>{LONG}</result>\n</task-notification>"
    )
    for record in (prompt(notice), row("attachment", attachment={"type": "queued_command", "prompt": notice})):
        events, _ = claude_events(assistant("hello"), record)
        (one,) = wrote(events, "subagent")
        assert ((LONG,), "toolu_01QQtQnbQeWHKfjz", "anthropic") == (one.blocks, one.call, one.origin.provider)
        assert LONG not in [event.text for event in events if isinstance(event, Shown)]


def test_subagents_within_the_file_are_read_with_their_own_model() -> None:
    inner = assistant(call(*WRITE, use="toolu_9"), model="claude-haiku-4-5", sessionId=None, version=None, cwd=None)
    answer = result("done", use="toolu_9", sessionId=None)
    records = [row("progress", data={"type": "agent_progress", "message": one}) for one in (inner, answer)]
    one = only(*records, row("progress", data={"type": "bash_progress", "output": LONG}))
    assert ("a.py", "claude-haiku-4-5", Status.APPLIED) == (one.path, one.origin.model, one.status)
    assert ("s1", "2.1.62") == (one.origin.session, one.origin.version)


def test_a_forked_copy_is_known_by_the_session_and_row_it_was_copied_from() -> None:
    original = assistant("hello", uuid="u1")
    parent = {"sessionId": "s1", "messageUuid": "u1"}
    copy = {**original, "sessionId": "s2", "uuid": "u7", "forkedFrom": parent}
    first, second = only(original), only(copy)
    assert (first.call, first.origin.session) == (second.call, second.origin.session)


@pytest.mark.parametrize(
    ("model", "provider"),
    [("claude-opus-4-7", "anthropic"), ("kimi-k2-turbo", "moonshot"), ("gpt-5.5", "openai"), ("my-model", "unknown")],
)
def test_the_provider_is_the_models_never_the_tools(model: str, provider: str) -> None:
    one = only(assistant("hello", model=model)).origin
    assert (provider, model, "claude-code") == (one.provider, one.model, one.tool)


def test_without_a_model_nothing_is_known_but_the_tool() -> None:
    message = {"role": "assistant", "content": "hello", "model": ["odd"]}
    one = only({"type": "assistant", "message": message, "cwd": 3, "timestamp": {}, "version": None})
    assert Origin(tool="claude-code") == one.origin


def test_every_record_type_of_2026_is_known() -> None:
    kinds = sorted(claude_code.BOOKKEEPING | claude_code.CONVERSATION)
    _, tally = claude_events(*({"type": kind, "sessionId": "s"} for kind in kinds))
    assert Counter() == tally.unknown


def test_unknown_records_and_blocks_are_counted_under_printable_names() -> None:
    odd = {"type": "holo\x1b[2Jgram", "text": "a block of tomorrow"}
    _, tally = claude_events(
        {"type": "dream", "sessionId": "s"}, {"type": 5}, {"type": "dream"}, {"sessionId": "s"}, assistant(odd)
    )
    assert Counter({"dream": 2, "(none)": 2, "assistant/holo?[2Jgram": 1}) == tally.unknown


def test_text_in_a_block_of_an_unknown_type_is_still_the_models() -> None:
    assert ("a block of tomorrow",) == only(assistant({"type": "hologram", "text": "a block of tomorrow"})).blocks


def test_the_shipped_demo_is_read_whole() -> None:
    import provenance.cli.demo_data

    path = Path(provenance.cli.demo_data.__path__[0]) / "claude-code.jsonl"
    _, tally = recording.read(path)
    assert (0, Counter(), False) == (tally.broken, tally.unknown, tally.silent)
    assert tally.edit_calls > 0
