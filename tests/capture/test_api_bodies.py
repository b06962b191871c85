from __future__ import annotations

import json
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provenance.capture import api_bodies, claude_code
from provenance.capture.session import Event, Shown, Start, Tally, Wrote
from provenance.errors import CaptureError
from provenance.model import Status, ingredient_id
from tests.capture import recording
from tests.capture.mutating import damaged, examples, kept, lines, mutated, taken
from tests.capture.recording import added, wrote

CODE = "def border(shape):\n    return 2 * (shape.width + shape.height)\n"
LONGER = CODE + "\n\ndef area(shape):\n    return shape.width * shape.height\n"
SYSTEM = [{"type": "text", "text": "Rules.\n<env>\nWorking directory: /repo\nPlatform: linux\n</env>"}]
EDIT = {"file_path": "/repo/src/b.py", "old_string": "x = 1", "new_string": "x = 1\ny = 2"}
SHELL = {
    "command": "cat > /repo/c.py <<'EOF'\nz = 3\nEOF\npython /repo/c.py --verbose --all --twice",
    "description": "x",
}
TASK = {"description": "Look", "prompt": "Look through every file of the folder and say which of them mention a border"}


def response(*blocks: Any, id: str = "msg_0001", model: str = "claude-opus-4-5") -> dict[str, Any]:
    content = [{"type": "text", "text": block} if isinstance(block, str) else block for block in blocks]
    return {
        "id": id,
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": content,
        "stop_reason": "end_turn",
        "usage": {"output_tokens": 3},
    }


def use(name: str, given: Any, id: str) -> dict[str, Any]:
    return {"type": "tool_use", "id": id, "name": name, "input": given}


def request(*messages: Any, **fields: Any) -> dict[str, Any]:
    return {"model": "claude-opus-4-5", "max_tokens": 9, "system": SYSTEM, "messages": list(messages), **fields}


def user(content: Any) -> dict[str, Any]:
    return {"role": "user", "content": content}


def result(id: str, text: str, error: bool = False) -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": id, "content": text, "is_error": error}


WRITE = use("Write", {"file_path": "/repo/a.py", "content": CODE}, "toolu_0001")
FIRST = response({"type": "thinking", "thinking": "<REDACTED>", "signature": "s"}, "I write it.", WRITE)
SECOND = response("All done.", id="msg_0002")
ASKED = request(user("Measure it."), tools=[{"name": "Write", "description": "Writes a file."}])
AGAIN = request(
    user("Measure it."), {"role": "assistant", "content": FIRST["content"]}, user([result("toolu_0001", "written")])
)
CALLS = [(ASKED, FIRST), (AGAIN, SECOND)]


def folder(path: Path, calls: list[tuple[Any, Any]], session: str = "s1", source: str = "repl_main_thread") -> Path:
    path.mkdir(parents=True, exist_ok=True)
    index = []
    for number, (sent, got) in enumerate(calls):
        names = {"request_file": f"u{number}.request.json", "response_file": f"req_{number}.response.json"}
        index.append(
            {
                "timestamp": f"2026-03-25T09:00:0{number}.000Z",
                "session_id": session,
                "query_source": source,
                "model": "claude-opus-4-5",
                "request_id": f"req_{number}",
                "message_id": dict(got).get("id") if isinstance(got, dict) else None,
                "message_uuid": f"row-{number}",
                # As in the event's body_ref, with its folder.
                **{key: f"/elsewhere/{name}" if number % 2 else name for key, name in names.items()},
            }
        )
        (path / names["request_file"]).write_text(json.dumps(sent))
        (path / names["response_file"]).write_text(json.dumps(got))
    (path / "index.jsonl").write_bytes(b"".join(lines(index)))
    return path


def of_folder(path: Path) -> tuple[list[Event], Tally]:
    tally = Tally()
    return api_bodies.read_folder(path, tally), tally


def of_bodies(*records: Any) -> tuple[list[Event], Tally]:
    tally = Tally()
    return api_bodies.read(lines(records), tally), tally


def ids(outputs: list[Wrote]) -> set[str]:
    return {ingredient_id(o.origin.tool, o.origin.session, o.call, o.path, o.ordinal) for o in outputs}


def test_a_folder_gives_each_output_once_with_its_origin(tmp_path: Path) -> None:
    path = folder(tmp_path / "bodies", CALLS)
    assert api_bodies.recognise_folder(path)
    events, tally = of_folder(path)
    assert ["s1"] == [one.session for one in events if isinstance(one, Start)]
    assert Counter(prose=2, write=1) == tally.wrote
    assert (6, 0, 1, 0, Counter(redacted=1)) == (
        tally.records,
        tally.broken,
        tally.edit_calls,
        tally.unread,
        tally.unknown,
    )
    text, write, done = wrote(events)
    assert ("I write it.", "msg_0001", 1) == (text.blocks[0], text.call, text.ordinal)
    assert ("a.py", "toolu_0001", Status.APPLIED) == (write.path, write.call, write.status)
    assert ("All done.", "row-1", 0) == (done.blocks[0], done.call, done.ordinal)
    assert ("anthropic", "claude-opus-4-5", "claude-code", "s1", "2026-03-25T09:00:00.000Z") == (
        text.origin.provider,
        text.origin.model,
        text.origin.tool,
        text.origin.session,
        text.origin.time,
    )
    shown = [one.text for one in events if isinstance(one, Shown)]
    assert [SYSTEM[0]["text"], "Write", "Writes a file.", "Measure it.", "written"] == shown


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("Write", WRITE["input"]),
        ("Edit", EDIT),
        ("Bash", SHELL),
        ("Task", TASK),
        ("NotebookEdit", {"notebook_path": "/repo/n.ipynb", "new_source": CODE}),
        ("mcp__files__edit", {"path": "/repo/d.py", "edits": [{"oldText": "x = 1", "newText": "x = 1\ny = 2"}]}),
    ],
)
def test_a_call_in_a_body_and_in_the_transcript_of_its_session_is_one_ingredient(
    name: str, given: Any, tmp_path: Path
) -> None:
    row = recording.assistant(use(name, given, "toolu_0009"))
    in_transcript = wrote(claude_code.read(lines([row]), Tally()))
    in_body = wrote(of_folder(folder(tmp_path / "b", [(ASKED, response(use(name, given, "toolu_0009")))]))[0])
    assert in_body
    assert ids(in_transcript) == ids(in_body)
    assert [one.blocks for one in in_transcript] == [one.blocks for one in in_body]


def test_a_text_that_is_a_message_of_its_own_has_the_id_of_its_row(tmp_path: Path) -> None:
    row = recording.assistant("All done.", uuid="row-0")
    in_body = wrote(of_folder(folder(tmp_path / "b", [(ASKED, SECOND)]))[0])
    assert ids(wrote(claude_code.read(lines([row]), Tally()))) == ids(in_body)


def test_a_later_request_says_what_became_of_a_call(tmp_path: Path) -> None:
    def after(block: dict[str, Any]) -> Status:
        calls = [(ASKED, FIRST), (request(user([block])), SECOND)]
        return wrote(of_folder(folder(tmp_path / "b", calls))[0], "write")[0].status

    assert Status.FAILED is after(result("toolu_0001", "no such folder", True))
    assert Status.DECLINED is after(result("toolu_0001", "The user doesn't want to proceed with this", True))
    assert Status.UNKNOWN is after(result("toolu_0002", "of another call"))


def test_what_the_requests_show_is_not_claimed(tmp_path: Path) -> None:
    for sent in (request(user(LONGER)), request(user([result("toolu_9", LONGER)])), request(system=LONGER)):
        assert [""] == added(of_folder(folder(tmp_path / "b", [(sent, response(LONGER))]))[0])
    events, _ = of_folder(folder(tmp_path / "b", [(ASKED, response(LONGER))]))
    assert [LONGER.strip()] == [text.strip() for text in added(events)]


def test_the_answer_to_a_compaction_is_a_summary(tmp_path: Path) -> None:
    (one,) = wrote(of_folder(folder(tmp_path / "b", [(ASKED, SECOND)], source="compact"))[0])
    assert "summary" == one.kind


def test_a_session_that_the_index_lacks_is_read_from_the_request(tmp_path: Path) -> None:
    session = "7f1d2c3b-0000-4000-8000-0123456789ab"
    sent = request(user("Hi"), metadata={"user_id": f"user_1_account_2_session_{session}"})
    (one,) = wrote(of_folder(folder(tmp_path / "b", [(sent, SECOND)], session=""))[0])
    assert session == one.origin.session


def test_bodies_that_are_missing_or_broken_are_counted_and_the_others_read(tmp_path: Path) -> None:
    path = folder(tmp_path / "b", [*CALLS, (ASKED, response("A third.", id="msg_3"))])
    (path / "u0.request.json").unlink()
    (path / "req_1.response.json").write_text("{broken")
    events, tally = of_folder(path)
    assert (9, 2) == (tally.records, tally.broken)
    assert ["I write it.", CODE, "A third."] == [one.blocks[0] for one in wrote(events)]


def test_responses_that_the_index_does_not_name_are_read_as_claude_codes(tmp_path: Path) -> None:
    path = folder(tmp_path / "b", CALLS[:1])
    (path / "req_x.response.json").write_text(json.dumps(SECOND))
    (one,) = (one for one in wrote(of_folder(path)[0]) if one.call == "msg_0002")
    assert ("claude-code", "unknown") == (one.origin.tool, one.origin.session)


def test_no_file_outside_the_folder_is_read(tmp_path: Path) -> None:
    (tmp_path / "secret.response.json").write_text(json.dumps(SECOND))
    path = folder(tmp_path / "b", CALLS[:1])
    index = json.loads((path / "index.jsonl").read_text())
    (path / "index.jsonl").write_bytes(b"".join(lines([{**index, "response_file": "../secret.response.json"}])))
    assert "All done." not in [one.blocks[0] for one in wrote(of_folder(path)[0])]


def test_other_folders_are_not_claimed_and_a_folder_without_an_index_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "index.jsonl").write_text('{"session_id": "s", "file": "x"}\n')
    (tmp_path / "empty").mkdir()
    (tmp_path / "odd" / "index.jsonl").mkdir(parents=True)
    for path in (tmp_path, tmp_path / "empty", tmp_path / "odd", tmp_path / "absent"):
        assert not api_bodies.recognise_folder(path)
    with pytest.raises(CaptureError, match="no such file"):
        of_folder(tmp_path / "empty")
    _, tally = of_folder(tmp_path)
    assert {"index line": 1} == tally.unknown


def test_a_single_response_is_read_but_its_tool_and_session_are_unknown() -> None:
    events, tally = of_bodies(FIRST)
    text, write = wrote(events)
    assert ("unknown", "unknown", "anthropic", "claude-opus-4-5") == (
        text.origin.tool,
        text.origin.session,
        text.origin.provider,
        text.origin.model,
    )
    assert ("/repo/a.py", Status.UNKNOWN, 1) == (write.path, write.status, tally.edit_calls)


def test_the_channel_is_what_the_id_spells_out() -> None:
    ids = {"msg_bdrk_01": "bedrock", "msg_vrtx_01": "vertex", "msg_01": "unknown"}
    for id, channel in ids.items():
        assert channel == wrote(of_bodies(response("Hi.", id=id))[0])[0].origin.channel


def stream(body: dict[str, Any]) -> list[dict[str, Any]]:
    """The events that a server sends for a response: texts and inputs in pieces of seven characters."""
    events: list[dict[str, Any]] = [{"type": "message_start", "message": {**body, "content": [], "stop_reason": None}}]
    for index, block in enumerate(body["content"]):
        kind = block["type"]
        empty = {**block, "input": {}} if kind == "tool_use" else {**block, kind: ""}
        text = json.dumps(block["input"]) if kind == "tool_use" else block[kind]
        field = {"tool_use": "partial_json"}.get(kind, kind)
        events.append({"type": "content_block_start", "index": index, "content_block": empty})
        for at in range(0, len(text), 7):
            delta = {"type": f"{field}_delta", field: text[at : at + 7]}
            events.append({"type": "content_block_delta", "index": index, "delta": delta})
        events.append({"type": "content_block_stop", "index": index})
    return [*events, {"type": "ping"}, {"type": "message_stop"}]


def sent(events: list[dict[str, Any]]) -> bytes:
    return b"".join(f"event: {one['type']}\ndata: {json.dumps(one)}\n\n".encode() for one in events)


TALK = response({"type": "thinking", "thinking": "Two sides.", "signature": "s"}, "I write it.", WRITE)


def test_a_stream_gives_what_the_whole_response_gives() -> None:
    text = sent([*stream(TALK), *stream(SECOND)])
    assert api_bodies.recognise_text(text.decode())
    tally = Tally()
    events = api_bodies.read(text.splitlines(keepends=True), tally)
    assert wrote(of_bodies(TALK, SECOND)[0]) == wrote(events)
    assert Counter() == tally.unknown
    assert 0 == tally.broken
    as_lines = api_bodies.read(lines([*stream(TALK), *stream(SECOND)]), Tally())
    assert wrote(events) == wrote(as_lines)


def test_a_stream_that_was_cut_gives_what_came() -> None:
    events, _ = of_bodies(*stream(response("One two three four."))[:4])
    assert ["One two three "] == [one.blocks[0] for one in wrote(events)]


def test_other_json_and_text_are_not_claimed() -> None:
    assert api_bodies.recognise(FIRST)
    assert api_bodies.recognise(stream(FIRST)[0])
    for record in (
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "x"}]},
        {"type": "message", "role": "user", "content": [], "model": "m", "usage": {}},
        {"type": "assistant", "message": FIRST},
        {"type": "message_start"},
        {"type": ["message"]},
        ASKED,
    ):
        assert not api_bodies.recognise(record)
    assert not api_bodies.recognise_text("event: message\ndata: {}\n")
    assert not api_bodies.recognise_text("# message_start\n")


@examples(80)
@given(st.data())
def test_bodies_with_any_value_in_any_place_are_read_or_counted(data: st.DataObject) -> None:
    records = mutated(data, data.draw(st.sampled_from([[TALK, SECOND], stream(TALK), [[TALK]]])))
    assert all(api_bodies.recognise(record) in (True, False) for record in records if isinstance(record, dict))
    taken(api_bodies.read, lines(records))


@examples(60)
@given(st.data())
def test_damaged_bytes_are_read_or_counted(data: st.DataObject) -> None:
    taken(api_bodies.read, damaged(data, sent(stream(TALK))).splitlines(keepends=True))


@examples(40)
@given(st.data())
def test_folders_with_any_value_or_damage_are_read_or_counted(data: st.DataObject) -> None:
    sent, got, *_ = [*mutated(data, list(CALLS[0])), None, None]
    with tempfile.TemporaryDirectory() as where:
        path = folder(Path(where), [(sent, got), CALLS[1]])
        (path / "index.jsonl").write_bytes(damaged(data, (path / "index.jsonl").read_bytes()))
        assert api_bodies.recognise_folder(path) in (True, False)
        kept(*of_folder(path))
