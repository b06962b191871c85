from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provenance.capture import opencode
from provenance.capture.session import Event, Shown, Start, Tally, Wrote
from provenance.errors import CaptureError
from provenance.model import Status
from tests.capture.mutating import JSON, damaged, examples, kept, lines, mutated
from tests.capture.recording import Record, added, wrote

SPEECH = "I have put the new function beside the old one and left every caller as it was before today."
BODY = "def area(shape):\n    return shape.width * shape.height\n"
FILE = "import math\n\n\ndef circle(radius):\n    return math.pi * radius**2\n"
PROMPT = (
    "Please write an area function that a person has asked for in these very words here, and put it beside the border"
    " function, so that both of them stand in the one module that draws the shapes for the whole of the program."
)


def session(*messages: Record, key: str = "ses_1", **fields: Any) -> Record:
    info = {
        "id": key,
        "projectID": "p",
        "directory": "/repo",
        "version": "1.18.3",
        "title": "A title",
        "time": {"created": 1767225600000, "updated": 1767225700000},
    }
    return {"info": {**info, **fields}, "messages": list(messages)}


def person(*parts: Record | str, key: str = "msg_1", **fields: Any) -> Record:
    info = {"id": key, "sessionID": "ses_1", "role": "user", "time": {"created": 1767225601000}, **fields}
    return {"info": info, "parts": [text(part) if isinstance(part, str) else part for part in parts]}


def model(*parts: Record | str, key: str = "msg_2", **fields: Any) -> Record:
    info = {
        "id": key,
        "sessionID": "ses_1",
        "role": "assistant",
        "parentID": "msg_1",
        "modelID": "claude-sonnet-4-5",
        "providerID": "anthropic",
        "path": {"cwd": "/repo", "root": "/repo"},
        "time": {"created": 1767225602000},
    }
    return {"info": {**info, **fields}, "parts": [text(part) if isinstance(part, str) else part for part in parts]}


def text(words: str, kind: str = "text", key: str = "prt_1", **fields: Any) -> Record:
    return {"id": key, "messageID": "msg_2", "sessionID": "ses_1", "type": kind, "text": words, **fields}


def tool(name: str, given_input: Any, output: str = "done", status: str = "completed", **state: Any) -> Record:
    told = {"status": status, "input": given_input, "output": output, "metadata": {}, "time": {"start": 1767225603000}}
    part = {"id": "prt_2", "messageID": "msg_2", "sessionID": "ses_1", "type": "tool", "callID": "call_1", "tool": name}
    return {**part, "state": {**told, **state}}


def events(*records: Any) -> tuple[list[Event], Tally]:
    tally = Tally()
    return opencode.read(lines(records), tally), tally


def only(*parts: Record | str, **fields: Any) -> Wrote:
    (one,) = wrote(events(session(model(*parts, **fields)))[0])
    return one


def shown(found: list[Event]) -> list[str]:
    return [event.text for event in found if isinstance(event, Shown) and event.text]


SESSION = session(
    person(PROMPT, text("Called the Read tool with the following input", synthetic=True)),
    model(
        {"type": "step-start", "snapshot": "abc"},
        text("The person wants an area, so that I shall write one now.", "reasoning", "prt_0"),
        SPEECH,
        tool("write", {"filePath": "/repo/src/a.py", "content": BODY}, metadata={"exists": False}),
        tool(
            "bash", {"command": "git log --oneline --max-count 3 -- src/a.py", "description": "Look"}, "1a2b3c printed"
        )
        | {"callID": "call_2"},
        {"type": "patch", "hash": "abc", "files": ["src/a.py"]},
        {"type": "step-finish", "reason": "stop"},
    ),
)


def test_an_exported_session_yields_each_output_once_with_its_full_origin() -> None:
    found, tally = events(SESSION)
    assert {"thinking": 1, "prose": 1, "write": 1, "command": 1} == dict(tally.wrote)
    assert (1, 1, 0, 1, {}, False) == (
        tally.records,
        tally.edit_calls,
        tally.unread,
        tally.changed,
        dict(tally.unknown),
        tally.silent,
    )
    assert {("anthropic", "claude-sonnet-4-5", "opencode", "1.18.3", "unknown", "ses_1")} == {
        (
            one.origin.provider,
            one.origin.model,
            one.origin.tool,
            one.origin.version,
            one.origin.channel,
            one.origin.session,
        )
        for one in wrote(found)
    }
    (file,) = wrote(found, "write")
    assert ("src/a.py", "call_1", Status.APPLIED, "2026-01-01T00:00:03.000Z") == (
        file.path,
        file.call,
        file.status,
        file.origin.time,
    )
    assert [PROMPT, "Called the Read tool with the following input", "done", "1a2b3c printed"] == shown(found)


def test_what_was_shown_is_not_claimed() -> None:
    read = tool("read", {"filePath": "/repo/a.py"}, FILE)
    edit = tool("edit", {"filePath": "/repo/a.py", "oldString": FILE, "newString": FILE + "\n\n" + BODY})
    claimed = "\n".join(added(events(session(person(PROMPT), model(read, edit, PROMPT)))[0]))
    assert "shape.width" in claimed
    assert "math.pi" not in claimed
    assert "very words" not in claimed


@pytest.mark.parametrize(
    ("name", "given_input", "kind", "path", "blocks", "before"),
    [
        (
            "edit",
            {"filePath": "/repo/a.py", "oldString": "a = 1", "newString": "a = 1\nb = 2"},
            "edit",
            "a.py",
            ("b = 2",),
            ("a = 1",),
        ),
        ("edit", {"filePath": "/repo/a.py", "oldString": "", "newString": "b = 2"}, "edit", "a.py", ("b = 2",), ()),
        (
            "patch",
            {"patchText": "*** Begin Patch\n*** Add File: c.py\n+c = 3\n*** End Patch"},
            "patch",
            "c.py",
            ("c = 3",),
            (),
        ),
        (
            "multiedit",
            {"filePath": "/repo/a.py", "edits": [{"filePath": "/repo/a.py", "oldString": "a", "newString": "d = 4"}]},
            "edit",
            "a.py",
            ("d = 4",),
            ("a",),
        ),
        ("mcp_files_write", {"path": "/repo/e.py", "content": "e = 5"}, "write", "e.py", ("e = 5",), ()),
    ],
)
def test_every_editing_tool_is_read(
    name: str, given_input: Record, kind: str, path: str, blocks: tuple[str, ...], before: tuple[str, ...]
) -> None:
    one = only(tool(name, given_input))
    assert (kind, path, blocks, before) == (one.kind, one.path, one.blocks, one.before)


def test_the_pre_image_that_a_result_recorded_is_not_the_models() -> None:
    whole = {"filediff": {"file": "/repo/a.py", "before": FILE, "after": FILE + BODY}}
    one = only(tool("write", {"filePath": "/repo/a.py", "content": FILE + BODY}, metadata=whole))
    assert ((BODY.rstrip("\n"),), (FILE,)) == (one.blocks, one.before)
    diff = {"diff": "--- a.py\n+++ a.py\n@@ -1,1 +1,2 @@\n a = 1\n+b = 2\n", "exists": True}
    one = only(tool("write", {"filePath": "/repo/a.py", "content": "a = 1\nb = 2\n"}, metadata=diff))
    assert (("b = 2",), ("a = 1",)) == (one.blocks, one.before)
    one = only(tool("edit", {"filePath": "/repo/a.py", "oldString": "x", "newString": "y = 1"}, metadata=whole))
    assert ("x", FILE) == one.before


@pytest.mark.parametrize(
    ("state", "status"),
    [
        ({"status": "completed"}, Status.APPLIED),
        ({"status": "running"}, Status.UNKNOWN),
        ({"status": "pending"}, Status.UNKNOWN),
        ({"status": "error", "error": "Error: oldString not found in content"}, Status.FAILED),
        ({"status": "error", "error": "The user rejected permission to use this specific tool call."}, Status.DECLINED),
        (
            {"status": "error", "error": "The user has specified a rule which prevents you from using this"},
            Status.DECLINED,
        ),
    ],
)
def test_what_became_of_a_call_is_recorded_and_the_text_is_kept(state: Record, status: Status) -> None:
    found, tally = events(session(model(tool("write", {"filePath": "a.py", "content": BODY}, **state))))
    assert [status] == [one.status for one in wrote(found)]
    assert (1, 0) == (tally.edit_calls, tally.unread)
    assert state.get("error", "done") in shown(found)


def test_an_editing_call_of_which_nothing_is_read_is_loud() -> None:
    _, tally = events(session(model(tool("edit", {"where": "a.py", "what": "b"}))))
    assert (1, 1, True) == (tally.edit_calls, tally.unread, tally.silent)


@pytest.mark.parametrize(
    ("name", "route", "provider", "channel"),
    [
        ("claude-sonnet-4-5", "anthropic", "anthropic", "unknown"),
        ("anthropic/claude-sonnet-4.5", "openrouter", "anthropic", "openrouter"),
        ("gpt-5.2", "github-copilot", "openai", "github-copilot"),
        ("us.anthropic.claude-opus-4-1-v1:0", "amazon-bedrock", "anthropic", "bedrock"),
        ("claude-opus-4@20250514", "google-vertex-anthropic", "anthropic", "vertex"),
        ("big-pickle", "opencode", "unknown", "opencode"),
        ("some-model", "mistral", "mistral", "unknown"),
        ("", "", "unknown", "unknown"),
    ],
)
def test_provider_and_channel_are_those_of_the_message(name: str, route: str, provider: str, channel: str) -> None:
    origin = only(SPEECH, modelID=name, providerID=route).origin
    assert (provider, name or "unknown", channel) == (origin.provider, origin.model, origin.channel)


def test_a_subagents_answer_is_its_own_models_and_the_prompt_the_callers() -> None:
    answer = "There are three callers of the function, and all of them stand in the drawing module."
    output = f"task_id: ses_2 (for resuming)\n\n<task_result>\n{answer}\n</task_result>"
    details = {"sessionId": "ses_2", "model": {"modelID": "gpt-5.2", "providerID": "openai"}}
    asked = "Find every caller of the border function in this repository and name the module of each."
    call = tool("task", {"description": "Find callers", "prompt": asked}, output, metadata=details)
    found, _ = events(session(model(call)))
    assert [("input", "claude-sonnet-4-5", (asked,)), ("subagent", "gpt-5.2", (answer,))] == [
        (one.kind, one.origin.model, one.blocks) for one in wrote(found)
    ]
    assert [] == shown(found)
    older = tool("task", {"prompt": "Look"}, answer + "\n\n<task_metadata>\nsession_id: ses_2\n</task_metadata>")
    assert (answer,) == only(older).blocks


def test_the_summary_of_a_compaction_is_the_models() -> None:
    assert "summary" == only(SPEECH, summary=True).kind
    found, _ = events(session(person("hello", summary={"body": "The person greeted the model.", "diffs": []})))
    assert [("summary", "unknown", ("The person greeted the model.",))] == [
        (one.kind, one.origin.model, one.blocks) for one in wrote(found)
    ]


def test_a_command_that_a_person_ran_is_not_the_models() -> None:
    ran = person(text(opencode.BY_PERSON, synthetic=True))
    command = "ls the files of a person and write them out in one long line"
    found, tally = events(session(ran, model(tool("bash", {"command": command}, "printed"))))
    assert [] == wrote(found)
    assert [opencode.BY_PERSON, command, "printed"] == shown(found)
    assert 0 == tally.edit_calls


def test_text_that_the_harness_put_into_an_answer_is_shown() -> None:
    found, _ = events(session(model(text(SPEECH, synthetic=True))))
    assert ([], [SPEECH]) == (wrote(found), shown(found))


def test_types_that_nobody_knows_are_counted() -> None:
    odd = session(model({"type": "hologram"}), {"info": {"role": "oracle"}, "parts": []}, {"type": "seance"})
    assert {"part/hologram": 1, "message/oracle": 1, "message/seance": 1} == dict(events(odd)[1].unknown)


def test_the_events_of_a_run_are_read_and_name_no_model() -> None:
    records = [
        {
            "type": "step_start",
            "timestamp": 1767225602000,
            "sessionID": "ses_9",
            "part": {"type": "step-start", "messageID": "msg_9"},
        },
        {
            "type": "text",
            "timestamp": 1767225602000,
            "sessionID": "ses_9",
            "part": text(SPEECH) | {"messageID": "msg_9"},
        },
        {
            "type": "tool_use",
            "timestamp": 1767225603000,
            "sessionID": "ses_9",
            "part": tool("write", {"filePath": "a.py", "content": BODY}),
        },
        {"type": "error", "timestamp": 1767225603000, "sessionID": "ses_9", "error": {"name": "x"}},
    ]
    assert opencode.recognise(records[0])
    found, tally = events(*records)
    assert [("prose", "unknown", "ses_9"), ("write", "unknown", "ses_9")] == [
        (one.kind, one.origin.model, one.origin.session) for one in wrote(found)
    ]
    assert (1, {}) == (sum(isinstance(event, Start) for event in found), dict(tally.unknown))


FIRST = {
    "id": "msg_2",
    "role": "assistant",
    "parts": [
        {"type": "text", "text": SPEECH},
        {
            "type": "tool-invocation",
            "toolInvocation": {
                "state": "result",
                "toolCallId": "call_1",
                "toolName": "write",
                "args": {"filePath": "/repo/a.py", "content": BODY},
                "result": "written",
            },
        },
    ],
    "metadata": {
        "time": {"created": 1750000000000},
        "tool": {"call_1": {"title": "a.py", "time": {"start": 1750000001000, "end": 1750000002000}}},
        "assistant": {"modelID": "claude-sonnet-4-20250514", "providerID": "anthropic", "path": {"cwd": "/repo"}},
    },
}
NEWEST: list[Record] = [
    {"type": "model-switched", "id": "evt_0", "model": {"id": "gpt-5.2", "providerID": "openai"}},
    {"type": "user", "id": "evt_1", "text": PROMPT, "time": {"created": 1767225601000}},
    {"type": "synthetic", "id": "evt_2", "text": "reminder of the harness"},
    {"type": "shell", "id": "evt_3", "callID": "c", "command": "ls of the person", "output": "printed"},
    {
        "type": "assistant",
        "id": "evt_4",
        "agent": "build",
        "model": {"id": "gpt-5.2", "providerID": "openai"},
        "time": {"created": 1767225602000},
        "content": [
            {"type": "reasoning", "id": "r1", "text": "What is to be done?"},
            {"type": "text", "text": SPEECH},
            {
                "type": "tool",
                "id": "call_1",
                "name": "write",
                "state": {
                    "status": "completed",
                    "input": {"filePath": "/repo/a.py", "content": BODY},
                    "content": [{"type": "text", "text": "written"}],
                    "structured": {},
                },
                "time": {"created": 1767225603000},
            },
            {"type": "tool", "id": "call_2", "name": "edit", "state": {"status": "pending", "input": '{"filePath":'}},
            {
                "type": "tool",
                "id": "call_3",
                "name": "write",
                "state": {
                    "status": "error",
                    "input": {"filePath": "/repo/b.py", "content": BODY},
                    "content": [],
                    "structured": {},
                    "error": {"type": "unknown", "message": "The user rejected permission to use this tool"},
                },
            },
        ],
    },
    {"type": "compaction", "id": "evt_5", "reason": "auto", "summary": "What was said so far."},
]


def test_messages_of_the_first_versions_are_read() -> None:
    found, tally = events(session(FIRST, version="0.3.5"))
    assert [("prose", ""), ("write", "a.py")] == [(one.kind, one.path) for one in wrote(found)]
    assert {("anthropic", "claude-sonnet-4-20250514", "0.3.5")} == {
        (one.origin.provider, one.origin.model, one.origin.version) for one in wrote(found)
    }
    assert (["written"], {}) == (shown(found), dict(tally.unknown))


def test_messages_of_the_newest_versions_are_read() -> None:
    found, tally = events(session(*NEWEST))
    assert [
        ("thinking", Status.APPLIED, "gpt-5.2"),
        ("prose", Status.APPLIED, "gpt-5.2"),
        ("write", Status.APPLIED, "gpt-5.2"),
        ("write", Status.DECLINED, "gpt-5.2"),
        ("summary", Status.APPLIED, "unknown"),
    ] == [(one.kind, one.status, one.origin.model) for one in wrote(found)]
    assert (3, {}) == (tally.edit_calls, dict(tally.unknown))
    assert {PROMPT, "reminder of the harness", "ls of the person", "printed", "written"} <= set(shown(found))


@pytest.mark.parametrize(
    "record",
    [
        {},
        {"info": {"id": "ses_1"}},
        {"info": {"id": "chat_1", "time": {}}, "messages": []},
        {"info": {"title": "An API", "version": "1"}, "messages": []},
        {"messages": [{"role": "user", "content": "hi"}], "model": "gpt-5"},
        {"type": "text", "sessionID": "ses_1", "text": "x"},
        {"type": "user", "sessionId": "s", "message": {}},
        {"id": "msg_1", "role": "user", "sessionID": "ses_1"},
    ],
)
def test_other_records_are_not_claimed(record: Record) -> None:
    assert not opencode.recognise(record)


def test_an_export_is_recognised() -> None:
    assert opencode.recognise(SESSION)


def test_an_export_whose_ids_were_struck_out_is_read_and_its_calls_are_kept_apart() -> None:
    calls = [
        {**tool("write", {"filePath": f"/repo/{name}", "content": BODY + name}), "callID": "REDACTED", "id": "REDACTED"}
        for name in ("a.py", "b.py")
    ]
    struck = session(model(*calls), key="REDACTED", slug="calm-reef")
    assert opencode.recognise(struck)
    found, tally = events(struck)
    one, other = wrote(found)
    assert (BODY + "a.py", BODY + "b.py") == ("".join(one.blocks), "".join(other.blocks))
    assert one.call != other.call
    assert ("unknown", 0) == (one.origin.session, tally.unread)


# The storage folder -------------------------------------------------------------------------------------------------


def put(path: Path, value: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(value if isinstance(value, str) else json.dumps(value), "utf-8")


def stored(root: Path, record: Record) -> Path:
    info = record["info"]
    put(root / "session" / "p" / f"{info['id']}.json", info)
    for message in record["messages"]:
        put(root / "message" / info["id"] / f"{message['info']['id']}.json", message["info"])
        for at, part in enumerate(message["parts"]):
            put(root / "part" / message["info"]["id"] / f"prt_{at}.json", {**part, "id": f"prt_{at}"})
    return root


def read(given_lines: Iterable[bytes]) -> tuple[list[Event], Tally]:
    tally = Tally()
    return opencode.read(given_lines, tally), tally


def test_a_storage_folder_gives_the_same_as_an_export(tmp_path: Path) -> None:
    assert not opencode.is_storage(tmp_path)
    stored(tmp_path, SESSION)
    assert opencode.is_storage(tmp_path)
    found, tally = read(opencode.lines_of_storage(tmp_path))
    same = events(SESSION)[0]
    assert [(one.kind, one.path, one.blocks, one.origin) for one in wrote(same)] == [
        (one.kind, one.path, one.blocks, one.origin) for one in wrote(found)
    ]
    assert (shown(same), {}) == (shown(found), dict(tally.unknown))


def test_sessions_of_a_folder_are_apart_and_the_oldest_comes_first(tmp_path: Path) -> None:
    stored(tmp_path, session(person("later", key="msg_9"), key="ses_a", time={"created": 2000}))
    stored(tmp_path, session(person("earlier"), key="ses_b", time={"created": 1000}))
    found, _ = read(opencode.lines_of_storage(tmp_path))
    assert [Start("ses_b"), Shown("earlier"), Start("ses_a"), Shown("later")] == found


def test_the_first_layouts_of_the_folder_are_read(tmp_path: Path) -> None:
    put(tmp_path / "session" / "info" / "ses_1.json", session()["info"])
    put(tmp_path / "session" / "message" / "ses_1" / "msg_1.json", person()["info"])
    put(tmp_path / "session" / "part" / "ses_1" / "msg_1" / "prt_1.json", text(PROMPT))
    put(tmp_path / "session" / "message" / "ses_1" / "msg_2.json", FIRST)
    assert opencode.is_storage(tmp_path)
    found, tally = read(opencode.lines_of_storage(tmp_path))
    assert [PROMPT, "written"] == shown(found)
    assert {"prose": 1, "write": 1} == dict(tally.wrote)


def test_what_cannot_be_read_in_a_folder_is_counted(tmp_path: Path) -> None:
    stored(tmp_path, SESSION)
    put(tmp_path / "part" / "msg_2" / "prt_9.json", "no JSON")
    put(tmp_path / "message" / "ses_1" / "msg_9.json", "[")
    put(tmp_path / "message" / "ses_lost" / "msg_3.json", person("lost", key="msg_3")["info"])
    put(tmp_path / "part" / "msg_3" / "prt_1.json", text("words of a session without a file"))
    found, tally = read(opencode.lines_of_storage(tmp_path))
    assert {"part/(unreadable)": 1, "message/(unreadable)": 1} == dict(tally.unknown)
    assert "words of a session without a file" in shown(found)


# The database ---------------------------------------------------------------------------------------------------------

SCHEMA = """
CREATE TABLE session (id text PRIMARY KEY, project_id text, parent_id text, directory text, title text, version text,
    time_created integer, time_updated integer);
CREATE TABLE message (id text PRIMARY KEY, session_id text NOT NULL, time_created integer, data text NOT NULL);
CREATE TABLE part (id text PRIMARY KEY, message_id text NOT NULL, session_id text, time_created integer, data text);
CREATE TABLE session_message (id text PRIMARY KEY, session_id text, type text, time_created integer, data text);
"""


def database(path: Path, *records: Record, newer: Iterable[Record] = ()) -> Path:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(SCHEMA)
        for record in records:
            info = record["info"]
            row = (info["id"], "p", None, info["directory"], info["title"], info["version"], info["time"]["created"], 0)
            connection.execute("INSERT INTO session VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
            for message in record["messages"]:
                head = {key: value for key, value in message["info"].items() if key not in ("id", "sessionID")}
                one = f"{info['id']}.{message['info']['id']}"
                row = (one, info["id"], head["time"]["created"], json.dumps(head))
                connection.execute("INSERT INTO message VALUES (?, ?, ?, ?)", row)
                for at, part in enumerate(message["parts"]):
                    data = {key: value for key, value in part.items() if key not in ("id", "messageID", "sessionID")}
                    row = (f"{one}.{at}", one, info["id"], 0, json.dumps(data))
                    connection.execute("INSERT INTO part VALUES (?, ?, ?, ?, ?)", row)
        for at, message in enumerate(newer):
            data = {key: value for key, value in message.items() if key not in ("id", "type")}
            row = (message["id"], "ses_new", message["type"], at, json.dumps(data))
            connection.execute("INSERT INTO session_message VALUES (?, ?, ?, ?, ?)", row)
        connection.commit()
    return path


def test_a_database_gives_the_same_as_an_export(tmp_path: Path) -> None:
    path = database(tmp_path / "opencode.db", SESSION)
    before = path.read_bytes()
    assert opencode.is_database(path)
    found, tally = read(opencode.lines_of_database(path))
    same = events(SESSION)[0]
    assert [(one.kind, one.path, one.blocks, one.origin) for one in wrote(same)] == [
        (one.kind, one.path, one.blocks, one.origin) for one in wrote(found)
    ]
    assert (shown(same), {}) == (shown(found), dict(tally.unknown))
    assert before == path.read_bytes()
    assert [path] == list(tmp_path.glob("*.db*"))


def test_sessions_of_a_database_are_apart_and_the_oldest_comes_first(tmp_path: Path) -> None:
    late = session(person("later", key="msg_9"), key="ses_a", time={"created": 2000})
    early = session(person("earlier"), key="ses_b", time={"created": 1000})
    found, tally = read(opencode.lines_of_database(database(tmp_path / "x.db", late, early)))
    assert [Start("ses_b"), Shown("earlier"), Start("ses_a"), Shown("later")] == found
    assert 2 == tally.records


def test_the_newest_table_is_read_for_sessions_that_the_old_ones_do_not_have(tmp_path: Path) -> None:
    found, tally = read(opencode.lines_of_database(database(tmp_path / "x.db", SESSION, newer=NEWEST)))
    assert {"ses_1": 4, "ses_new": 5} == {
        name: sum(one.origin.session == name for one in wrote(found)) for name in ("ses_1", "ses_new")
    }
    assert {} == dict(tally.unknown)


def test_rows_that_are_lost_or_no_json_are_counted(tmp_path: Path) -> None:
    path = database(tmp_path / "x.db", SESSION)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("INSERT INTO part VALUES ('prt_x', 'msg_gone', 'ses_1', 0, ?)", (json.dumps(text(SPEECH)),))
        connection.execute("INSERT INTO part VALUES ('prt_y', 'ses_1.msg_2', 'ses_1', 0, 'no JSON')")
        connection.execute("INSERT INTO part VALUES ('prt_z', 'ses_1.msg_2', 'ses_1', 0, NULL)")
        connection.execute("INSERT INTO message VALUES ('msg_o', 'ses_gone', 0, ?)", (json.dumps(person()["info"]),))
        connection.commit()
    found, tally = read(opencode.lines_of_database(path))
    assert {"message/(lost)": 1, "part/(unreadable)": 2} == dict(tally.unknown)
    assert Start("ses_gone") in found


def test_what_is_still_in_the_write_ahead_log_is_read(tmp_path: Path) -> None:
    path = database(tmp_path / "x.db", SESSION)
    with closing(sqlite3.connect(path)) as writer:
        writer.execute("PRAGMA journal_mode = WAL")
        writer.execute("PRAGMA wal_autocheckpoint = 0")
        data = json.dumps({"type": "text", "text": "written a moment ago"})
        writer.execute("INSERT INTO part VALUES ('z', 'ses_1.msg_1', 'ses_1', 0, ?)", (data,))
        writer.commit()
        assert "written a moment ago" in shown(read(opencode.lines_of_database(path))[0])


@pytest.mark.parametrize(
    "script",
    [
        "DROP TABLE part",
        "DROP TABLE part; CREATE VIEW part AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)"
        " SELECT i AS id, 'm' AS message_id, '{}' AS data FROM n",
        "DROP TABLE message; CREATE TABLE message (id text PRIMARY KEY, data text)",
        "DROP TABLE part; CREATE TABLE part (id text PRIMARY KEY, message_id text, data text) WITHOUT ROWID",
        "DROP TABLE part; CREATE TABLE part (id text, message_id text,"
        " data text AS (printf('%.*c', 9000000, 'x')) VIRTUAL); INSERT INTO part VALUES ('a', 'ses_1.msg_2')",
        "DROP TABLE session; CREATE VIRTUAL TABLE session USING fts5(id)",
    ],
)
def test_a_database_of_another_shape_is_an_error_that_says_so(tmp_path: Path, script: str) -> None:
    path = database(tmp_path / "x.db", SESSION)
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(script)
    with pytest.raises(CaptureError, match=r"x\.db"):
        read(opencode.lines_of_database(path))


@pytest.mark.parametrize("data", [b"", b"SQLite format 3\0", b"SQLite format 3\0" + b"\xff" * 4096, b"{}\n"])
def test_a_file_that_is_no_database_is_an_error(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "x.db"
    path.write_bytes(data)
    assert not opencode.is_database(path)
    with pytest.raises(CaptureError, match=r"x\.db"):
        read(opencode.lines_of_database(path))


def test_a_database_that_is_not_there_is_an_error_and_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match="gone"):
        read(opencode.lines_of_database(tmp_path / "gone.db"))
    assert [] == list(tmp_path.glob("*.db*"))


def test_a_database_of_another_program_is_not_opencodes(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE session (id)")
    assert not opencode.is_database(path)


@examples(100)
@given(st.data())
def test_a_database_with_bytes_damaged_anywhere_is_read_or_an_error(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("db")
    source = database(folder / "sound.db", SESSION, newer=NEWEST).read_bytes()
    path = folder / "x.db"
    path.write_bytes(damaged(data, source))
    assert opencode.is_database(path) in (True, False)
    try:
        found, tally = read(opencode.lines_of_database(path))
    except CaptureError:
        return
    kept(found, tally)


ALL = [SESSION, session(FIRST), session(*NEWEST)]


@examples(150)
@given(st.data())
def test_records_with_any_value_in_any_place_are_read_or_counted(data: st.DataObject) -> None:
    records = mutated(data, ALL)
    assert all(opencode.recognise(record) in (True, False) for record in records if isinstance(record, dict))
    kept(*events(*records))


@examples(100)
@given(JSON, JSON, JSON)
def test_any_input_metadata_and_output_of_any_tool_is_read_or_counted(
    given_input: Any, details: Any, output: Any
) -> None:
    for name in ("edit", "write", "bash", "task", "apply_patch"):
        kept(*events(session(model(tool(name, given_input, output, metadata=details, error=output)))))


@examples(60)
@given(st.data())
def test_an_export_with_bytes_damaged_anywhere_is_read_or_counted(data: st.DataObject) -> None:
    tally = Tally()
    kept(opencode.read(damaged(data, b"".join(lines(ALL))).splitlines(keepends=True), tally), tally)
