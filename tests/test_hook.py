"""A hook's payload in; the ledger's lines, the captures and the exit code out."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from provenance import captures, hook, ingest, ledger, memory, store
from provenance.capture import claude_code
from provenance.capture.session import Tally
from provenance.model import UNKNOWN, Evidence, Ingredient, Status


def code(seed: int) -> str:
    """Some lines of a program that no other seed gives."""
    name = "".join(chr(97 + int(digit)) * 2 for digit in str(seed * 7919 + 13))
    return (
        f"def {name}(level, limit={seed}):\n    total = limit * {seed + 3}\n    for step in range(level):\n"
        f"        total += {name}_of(step, total) - limit\n        if total > {seed + 90}:\n"
        f"            return [{name}_as(total, key=step) for step in sorted(limit)]\n    return total\n"
    )


SESSION = "0a1b2c3d-1111-2222-3333-444455556666"


@pytest.fixture(autouse=True)
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "repo"
    (folder / ".provenance").mkdir(parents=True)
    (folder / ".git").mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name in ("PROVENANCE_STORE", "PROVENANCE_KEY", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    return folder


def send(monkeypatch: pytest.MonkeyPatch, payload: Any, *arguments: str) -> int:
    data = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(data)))
    return hook.main(list(arguments or ["claude-code"]))


@pytest.fixture
def say(monkeypatch: pytest.MonkeyPatch) -> Any:
    def saying(payload: Any, *arguments: str) -> int:
        return send(monkeypatch, payload, *arguments)

    return saying


def event(name: str, **fields: Any) -> dict[str, Any]:
    return {"session_id": SESSION, "transcript_path": "", "cwd": os.getcwd(), "hook_event_name": name, **fields}


def edit(old: str, new: str, path: str = "a.py", use: str = "toolu_01AAAAAAAAAAAAAAAAAAAAAA", **response: Any) -> Any:
    given = {"file_path": f"{os.getcwd()}/{path}", "old_string": old, "new_string": new}
    result = {"originalFile": old, "userModified": False, **response}
    return event("PostToolUse", tool_name="Edit", tool_use_id=use, tool_input=given, tool_response=result)


def write(content: str, path: str = "a.py", use: str = "toolu_01BBBBBBBBBBBBBBBBBBBBBB", **response: Any) -> Any:
    given = {"file_path": f"{os.getcwd()}/{path}", "content": content}
    return event("PostToolUse", tool_name="Write", tool_use_id=use, tool_input=given, tool_response=response)


def waiting() -> list[Ingredient]:
    return [one.ingredient for one in captures.waiting(Path(".provenance"))]


def lines(kind: str = "ingredient") -> list[dict[str, Any]]:
    return [
        entry.facts for entry in ledger.read(".provenance") if isinstance(entry, ledger.Entry) and entry.kind == kind
    ]


def grams(one: Ingredient) -> int:
    """Grams by which the ingredient is found: not those that the session had shown."""
    return sum(len(passage.keys) // 8 - len(shown) for passage, shown in zip(one.passages, one.shown, strict=True))


def test_an_edit_is_tagged_with_what_it_added_and_who_wrote_it(say: Any) -> None:
    say(event("SessionStart", source="startup", model="claude-opus-4-5-20251101"))
    assert 0 == say(edit("import sys\n", "import sys\n" + code(1)))
    (one,) = waiting()
    assert ("a.py", "edit", Status.APPLIED, Evidence.CAPTURED) == (one.path, one.kind, one.status, one.evidence)
    assert ("anthropic", "claude-opus-4-5-20251101", "claude-code") == (
        one.origin.provider,
        one.origin.model,
        one.origin.tool,
    )
    (line,) = lines()
    assert (one.id, "captured", "hook", 1) == (line["id"], line["evidence"], line["novelty"], len(line["hunks"]))
    assert not any(word in json.dumps(line) for word in ("import", os.environ.get("USER") or "nobody at all"))


def test_the_lines_around_an_edit_are_not_claimed(say: Any) -> None:
    theirs = code(2)
    say(edit(theirs, theirs + code(1)))
    say(edit(theirs, theirs, use="toolu_01CCCCCCCCCCCCCCCCCCCCCC"))
    (one,) = waiting()
    alone = hookless(code(1))
    assert alone.whole.tokens == one.whole.tokens


def hookless(text: str) -> Ingredient:
    """What a transcript gives of a model's text alone."""
    events = claude_code.read([json.dumps(said(text)).encode()], Tally())
    from provenance.capture import novelty

    (item,) = novelty.added(events)
    found = novelty.ingredient(item, Evidence.TRANSCRIPT)
    assert found
    return found


def said(text: str) -> dict[str, Any]:
    message = {"id": "msg_1", "model": "claude-x", "role": "assistant", "content": [{"type": "text", "text": text}]}
    return {"type": "assistant", "sessionId": SESSION, "uuid": "u1", "message": message}


def test_code_that_the_session_had_read_is_not_claimed_when_it_is_moved(say: Any) -> None:
    theirs = code(3)
    file = {"file": {"filePath": "old.py", "content": theirs}, "type": "text"}
    say(event("PostToolUse", tool_name="Read", tool_use_id="toolu_r", tool_input={}, tool_response=file))
    say(write(theirs + code(1), "new.py"))
    (one,) = waiting()
    assert hookless(code(1)).whole.tokens == pytest.approx(one.whole.tokens, abs=8)


def test_what_the_model_wrote_first_stays_its_own_when_it_is_read_back(say: Any) -> None:
    say(write(code(1)))
    file = {"file": {"content": code(1)}}
    say(event("PostToolUse", tool_name="Read", tool_use_id="toolu_r", tool_input={}, tool_response=file))
    say(write(code(1), "b.py", "toolu_01DDDDDDDDDDDDDDDDDDDDDD"))
    first, second = waiting()
    assert grams(first) == grams(second) > 0


def test_a_prompt_that_holds_the_code_makes_it_the_persons(say: Any) -> None:
    say(event("UserPromptSubmit", prompt=f"please put this into a.py:\n{code(4)}"))
    say(write(code(4)))
    assert [] == waiting()


def test_the_pre_image_of_a_file_that_is_written_over_is_read_before(say: Any, repo: Path) -> None:
    (repo / "a.py").write_text(code(5))
    given = {"file_path": str(repo / "a.py"), "content": code(5) + code(1)}
    say(event("PreToolUse", tool_name="Write", tool_use_id="toolu_w", tool_input=given))
    say(write(code(5) + code(1)))
    (one,) = waiting()
    assert hookless(code(1)).whole.tokens == pytest.approx(one.whole.tokens, abs=8)


def test_cursor_is_told_to_go_on_and_nobody_else_is_told_anything(say: Any, capsys: pytest.CaptureFixture[str]) -> None:
    before = event("preToolUse", tool_name="Write", tool_input={"file_path": "a.py", "content": "x"})
    say(before, "cursor")
    assert {"permission": "allow"} == json.loads(capsys.readouterr().out)
    say(event("beforeSubmitPrompt", prompt="go"), "cursor")
    assert {"continue": True} == json.loads(capsys.readouterr().out)
    assert 1 == say("no payload at all", "cursor")
    assert {"permission": "allow"} == json.loads(capsys.readouterr().out)
    say(event("afterFileEdit", file_path="a.py", edits=[]), "cursor")
    say({**before, "hook_event_name": "PreToolUse"}, "claude-code")
    assert "" == capsys.readouterr().out


def test_two_hooks_that_see_one_edit_capture_it_once(say: Any) -> None:
    claude = edit("", code(1))
    cursor = {**claude, "cursor_version": "2.1", "conversation_id": SESSION, "model": "claude-4.5-sonnet"}
    file_edit = {
        "hook_event_name": "afterFileEdit",
        "conversation_id": SESSION,
        "workspace_roots": [os.getcwd()],
        "cursor_version": "2.1",
        "file_path": f"{os.getcwd()}/a.py",
        "edits": [{"old_string": "", "new_string": code(1)}],
    }
    assert [0, 0, 0] == [say(cursor), say(cursor), say(file_edit, "cursor")]
    assert ["cursor"] == [one.origin.tool for one in waiting()]
    assert 1 == len(lines())


@pytest.mark.parametrize(
    ("response", "status"),
    [({"staged": True}, Status.STAGED), ({}, Status.APPLIED), ({"userModified": True}, Status.APPLIED)],
)
def test_what_became_of_an_edit_is_kept(say: Any, response: dict[str, Any], status: Status) -> None:
    say(edit("", code(1), **response))
    assert [status] == [one.status for one in waiting()]


def test_an_edit_that_a_person_amended_is_the_models_proposal_and_the_rest_is_shown(say: Any) -> None:
    proposal, amended = code(1), code(6)
    say(edit("", proposal, userModified=True, newString=amended))
    say(write(amended, "b.py"))
    (one,) = waiting()
    assert hookless(proposal).whole.digest == one.whole.digest


def test_a_failed_edit_is_still_the_models_text(say: Any) -> None:
    payload = edit("", code(1))
    payload["hook_event_name"] = "PostToolUseFailure"
    del payload["tool_response"]
    say({**payload, "error": "String to replace not found"})
    assert [Status.FAILED] == [one.status for one in waiting()]


def test_geminis_proposal_is_the_models_and_the_persons_version_is_not(say: Any) -> None:
    given = {
        "file_path": "a.py",
        "content": code(6),
        "modified_by_user": True,
        "ai_proposed_content": code(1),
    }
    result = {"llmContent": "written", "returnDisplay": ""}
    payload = {
        "session_id": "g1",
        "transcript_path": "",
        "cwd": os.getcwd(),
        "hook_event_name": "AfterTool",
        "timestamp": "2026-11-20T10:00:00Z",
        "tool_name": "write_file",
        "tool_input": given,
        "tool_response": result,
    }
    assert 0 == say(payload, "gemini-cli")
    (one,) = waiting()
    assert ("gemini-cli", hookless(code(1)).whole.digest) == (one.origin.tool, one.whole.digest)


def test_a_codex_patch_says_its_model_itself(say: Any) -> None:
    added = "".join(f"+{line}\n" for line in code(1).splitlines())
    patch = f"*** Begin Patch\n*** Add File: tool.py\n{added}*** End Patch"
    payload = event("PostToolUse", turn_id="t1", model="gpt-5.2-codex", tool_name="apply_patch", tool_use_id="call_1")
    assert 0 == say({**payload, "tool_input": {"command": patch}, "tool_response": "ok"}, "codex")
    (one,) = waiting()
    assert ("codex", "openai", "patch", "tool.py") == (one.origin.tool, one.origin.provider, one.kind, one.path)


def test_codex_notify_gives_the_last_message(say: Any) -> None:
    message = {
        "type": "agent-turn-complete",
        "thread-id": "b5f6",
        "turn-id": "1",
        "cwd": os.getcwd(),
        "input-messages": ["do it"],
        "last-assistant-message": code(1),
    }
    assert 0 == say(b"", "codex-notify", json.dumps(message))
    assert [("codex", "prose")] == [(one.origin.tool, one.kind) for one in waiting()]


def test_copilots_payload_names_no_event_and_holds_arguments_as_text(say: Any) -> None:
    payload = {
        "sessionId": "c1",
        "timestamp": 1763640000000,
        "workingDirectory": os.getcwd(),
        "toolName": "create",
        "toolArgs": json.dumps({"path": "a.py", "file_text": code(1)}),
        "toolResult": {"resultType": "success", "textResultForLlm": "created"},
    }
    assert 0 == say(payload, "copilot")
    assert [("copilot-cli", "a.py", "write")] == [(one.origin.tool, one.path, one.kind) for one in waiting()]


def test_a_heredoc_is_a_write_and_a_web_page_is_nobodys(say: Any) -> None:
    command = f"cat > gen.py <<'EOF'\n{code(1)}EOF\n"
    say(
        event("PostToolUse", tool_name="Bash", tool_use_id="toolu_b", tool_input={"command": command}, tool_response={})
    )
    say(event("PostToolUse", tool_name="WebFetch", tool_use_id="toolu_f", tool_input={}, tool_response=code(7)))
    say(write(code(7), "b.py"))
    assert ["heredoc", "write"] == [one.kind for one in waiting()]


def test_the_transcripts_own_row_names_the_model_of_the_call(say: Any, tmp_path: Path) -> None:
    use = "toolu_01EEEEEEEEEEEEEEEEEEEEEE"
    row = {
        "type": "assistant",
        "version": "2.1.329",
        "message": {"model": "claude-haiku-4-5", "content": [{"id": use}]},
    }
    transcript = tmp_path / "t.jsonl"
    transcript.write_text(json.dumps(row, separators=(",", ":")) + "\n")
    say({**edit("", code(1), use=use), "transcript_path": str(transcript)})
    (one,) = waiting()
    assert ("claude-haiku-4-5", "2.1.329") == (one.origin.model, one.origin.version)


def transcript_of(path: Path, *rows: dict[str, Any]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def test_hook_and_transcript_make_one_ingredient_that_is_captured(say: Any, tmp_path: Path) -> None:
    use = "toolu_01FFFFFFFFFFFFFFFFFFFFFF"
    path = tmp_path / "t.jsonl"
    given = {"file_path": f"{os.getcwd()}/a.py", "content": code(8) + code(1)}
    call = {"type": "tool_use", "id": use, "name": "Write", "input": given}
    message = {"id": "m1", "model": "claude-opus-4-5", "role": "assistant", "content": [call]}
    result = {"type": "tool_result", "tool_use_id": use, "content": "ok"}
    head = {"sessionId": SESSION, "cwd": os.getcwd(), "version": "2.1.300"}
    transcript_of(
        path,
        {**head, "type": "user", "uuid": "1", "message": {"role": "user", "content": f"base it on\n{code(8)}"}},
        {**head, "type": "assistant", "uuid": "2", "message": message},
        {**head, "type": "user", "uuid": "3", "message": {"role": "user", "content": [result]}},
    )
    say({**write(code(8) + code(1), use=use), "transcript_path": str(path)})
    (pending,) = waiting()
    assert 1 == len(lines())
    assert "pending" == lines()[0]["novelty"]
    report = ingest.settle(Path(".provenance"))
    (settled,) = store.read(Path(".provenance"))
    assert (1, pending.id, Evidence.CAPTURED) == (report.captured, settled.id, settled.evidence)
    assert settled.whole.tokens < pending.whole.tokens  # the transcript knows the prompt, of which no hook told
    assert "claude-opus-4-5" == settled.origin.model
    assert [] == waiting()
    again = ingest.run([path], Path(".provenance"))
    assert (0, 1) == (sum(again.added.values()), len(list(store.read(Path(".provenance")))))


def test_a_capture_of_what_the_transcript_shows_to_be_the_persons_does_not_stand(say: Any, tmp_path: Path) -> None:
    use = "toolu_01GGGGGGGGGGGGGGGGGGGGGG"
    path = tmp_path / "t.jsonl"
    call = {"type": "tool_use", "id": use, "name": "Write", "input": {"file_path": "a.py", "content": code(8)}}
    head = {"sessionId": SESSION, "cwd": os.getcwd()}
    prompt = {"role": "user", "content": f"write this into a.py:\n{code(8)}"}
    transcript_of(
        path,
        {**head, "type": "user", "uuid": "1", "message": prompt},
        {**head, "type": "assistant", "uuid": "2", "message": {"id": "m1", "role": "assistant", "content": [call]}},
    )
    say({**write(code(8), use=use), "transcript_path": str(path)})
    assert 1 == len(waiting())
    ingest.settle(Path(".provenance"))
    assert [] == waiting() == list(store.shards(Path(".provenance")))


def test_a_capture_without_a_transcript_stands_as_the_hook_made_it(say: Any) -> None:
    say(edit("", code(1)))
    (one,) = waiting()
    ingest.settle(Path(".provenance"))
    (kept,) = store.read(Path(".provenance"))
    assert (one.id, one.whole, one.evidence) == (kept.id, kept.whole, kept.evidence)


def test_a_torn_tail_is_set_aside_and_nothing_before_it_is_lost(say: Any) -> None:
    say(edit("", code(1)))
    (file,) = Path(".provenance/captures").glob("*.pvc")
    whole = file.read_bytes()
    say(write(code(2), "b.py"))
    torn = file.read_bytes()
    for cut in (len(torn) - 1, len(torn) - 4, len(whole) + 3, len(whole) + 20):
        file.write_bytes(torn[:cut])
        assert 0 == say(write(code(cut), f"c{cut}.py", f"toolu_{cut}"))
        assert ["a.py", f"c{cut}.py"] == [one.path for one in waiting()]
    assert 4 == len(lines("torn"))
    assert file.with_suffix(".torn").stat().st_size


def test_a_settling_that_was_cut_off_is_done_by_the_next(say: Any) -> None:
    say(edit("", code(1)))
    with pytest.raises(RuntimeError), captures.taken(Path(".provenance")):
        raise RuntimeError("killed")
    say(write(code(2), "b.py"))
    ingest.settle(Path(".provenance"))
    assert {"a.py", "b.py"} == {one.path for one in store.read(Path(".provenance"))}
    assert [] == list(Path(".provenance/captures").glob("*.[ps]*"))


DEEP = b'{"tool_input":' + b"[" * 100_000 + b"]" * 100_000 + b"}"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"nope",
        b"[]",
        b"null",
        b"\xff\xfe",
        b'{"hook_event_name":"Unheard"}',
        b"{}",
        DEEP,
        b'{"hook_event_name":7}',
    ],
)
def test_a_payload_that_is_none_is_a_miss_with_one_line(data: bytes, say: Any, capsys: Any) -> None:
    assert 1 == say(data)
    shown = capsys.readouterr()
    assert "" == shown.out
    assert 1 == shown.err.count("\n")
    assert "not captured" in shown.err
    assert ["claude-code"] == [miss["assistant"] for miss in lines("missed")]


@pytest.mark.parametrize("field", ["session_id", "cwd", "tool_name", "tool_input", "tool_response", "tool_use_id"])
@pytest.mark.parametrize("value", [None, 7, [], {"a": [1]}, "\x1b[31mred\x07", "../../etc", "\ud800"])
def test_a_field_that_is_missing_or_strange_costs_nothing_else(field: str, value: Any, say: Any, repo: Path) -> None:
    assert say({**edit("", code(1)), field: value}) in (0, 1)
    home = Path(os.environ["HOME"])
    outside = [path for path in repo.parent.rglob("*") if path.is_file() and repo not in path.parents]
    assert all(home / ".local/share/provenance" in path.parents for path in outside)


def test_terminal_escapes_do_not_reach_the_terminal(say: Any, capsys: Any) -> None:
    say({"hook_event_name": "\x1b]0;owned\x07", "session_id": "x"})
    assert "\x1b" not in capsys.readouterr().err


def test_a_pipe_in_place_of_a_file_is_not_waited_for(say: Any, repo: Path) -> None:
    os.mkfifo(repo / "pipe")
    given = {"file_path": str(repo / "pipe"), "content": code(1)}
    assert 0 == say(event("PreToolUse", tool_name="Write", tool_use_id="t", tool_input=given))
    assert 0 == say({**edit("", code(1)), "transcript_path": str(repo / "pipe")})


@pytest.mark.skipif(os.getuid() == 0, reason="root writes everywhere")
def test_a_store_that_cannot_be_written_is_said_and_fails_nothing(say: Any, repo: Path, capsys: Any) -> None:
    (repo / ".provenance").chmod(0o500)
    assert 1 == say(edit("", code(1)))
    assert "could not be recorded" in capsys.readouterr().err


def test_a_store_that_is_no_folder_is_said_and_fails_nothing(
    say: Any, repo: Path, capsys: Any, monkeypatch: Any
) -> None:
    (repo / "file").write_text("")
    monkeypatch.setenv("PROVENANCE_STORE", str(repo / "file"))
    assert 1 == say(edit("", code(1)))
    assert "could not be recorded" in capsys.readouterr().err


def test_an_edit_of_many_megabytes_is_captured_and_left_to_the_transcript(say: Any) -> None:
    big = "\n".join(f"row_{n} = compute(row_{n - 1}, {n})" for n in range(200_000))
    assert 0 == say(write(big))
    (one,) = waiting()
    assert one.whole.tokens > 1_000_000
    assert "pending" == lines()[0]["novelty"]


def test_binary_and_windows_text_are_captured_as_any(say: Any) -> None:
    assert 0 == say(write("\0\x01\x02" * 1000 + code(1)))
    assert 0 == say(edit("a\r\n", "a\r\n" + code(2).replace("\n", "\r\n"), "w.py"))
    assert hookless(code(2)).whole.digest == waiting()[-1].whole.digest


def test_a_worktree_captures_into_the_main_one(say: Any, repo: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    (repo / ".git" / "worktrees" / "other").mkdir(parents=True)
    other.mkdir()
    (other / ".git").write_text(f"gitdir: {repo}/.git/worktrees/other\n")
    assert 0 == say({**edit("", code(1)), "cwd": str(other)})
    assert 1 == len(waiting())


def test_outside_of_any_repository_the_users_own_store_is_written(say: Any, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    assert 0 == say({**edit("", code(1)), "cwd": str(tmp_path / "elsewhere")})
    assert [] == waiting()
    own = Path(os.environ["HOME"], ".local", "share", "provenance")
    assert 1 == len(list(captures.waiting(own)))


HEAVY = {"numpy", "pyarrow", "duckdb", "datasketch", "click", "msgspec", "rich", "yaml", "pathlib", "dataclasses"}


def test_the_process_loads_nothing_heavy_and_prints_nothing(repo: Path) -> None:
    script = (
        "import sys, os\n"
        "def leave(code):\n"
        f"    print(sorted({HEAVY!r} & set(sys.modules)), code); sys.stdout.flush(); leaving(code)\n"
        "leaving, os._exit = os._exit, leave\n"
        "sys.argv = ['provenance', 'capture', 'claude-code']\n"
        "import provenance.__main__; provenance.__main__.main()\n"
    )
    payload = json.dumps(edit("", code(1))).encode()
    before = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-S", "-c", script], input=payload, capture_output=True, env=before, cwd=repo
    )
    assert ("[] 0", b"") == (done.stdout.decode().strip(), done.stderr)
    assert 1 == len(waiting())


def test_hooks_at_work_at_once_lose_and_tear_nothing(repo: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    def one(number: int) -> int:
        payload = {**edit("", code(number), f"f{number}.py", f"toolu_{number}"), "session_id": f"s{number % 3}"}
        command = [sys.executable, "-m", "provenance", "capture", "claude-code"]
        return subprocess.run(command, input=json.dumps(payload).encode(), cwd=repo).returncode

    with ThreadPoolExecutor(8) as pool:
        assert [0] * 24 == list(pool.map(one, range(24)))
    assert {f"f{n}.py" for n in range(24)} == {one.path for one in waiting()} == {line["path"] for line in lines()}
    assert UNKNOWN not in {one.id for one in waiting()}


def test_damage_in_the_middle_of_captures_costs_what_it_hits_alone(say: Any) -> None:
    for number in range(5):
        say(write(code(number), f"f{number}.py", f"toolu_{number}"))
    (file,) = Path(".provenance/captures").glob("*.pvc")
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    damaged: list[str] = []
    left = [one.ingredient.path for one in captures.waiting(Path(".provenance"), damaged)]
    assert (["f0.py", "f1.py", "f3.py", "f4.py"], 1) == (left, len(damaged))
    report = ingest.settle(Path(".provenance"))
    assert (4, 1) == (report.captured, len(report.damaged))
    (torn,) = Path(".provenance/captures").glob("*.torn")
    assert torn.stat().st_size < len(data) / 4


def test_a_tail_of_zeros_after_a_power_cut_loses_no_later_capture(say: Any) -> None:
    say(edit("", code(1)))
    (file,) = Path(".provenance/captures").glob("*.pvc")
    file.write_bytes(file.read_bytes() + bytes(700))
    assert 0 == say(write(code(2), "b.py"))
    assert ["a.py", "b.py"] == [one.path for one in waiting()]
    assert 1 == len(lines("torn"))


def test_captures_from_before_an_upgrade_stay_and_stop_nothing(say: Any) -> None:
    say(edit("", code(1)))
    (file,) = Path(".provenance/captures").glob("*.pvc")
    old = file.read_bytes().replace(str(captures.RECIPE).encode(), b"p0.k10")
    file.write_bytes(old)
    assert 0 == say(write(code(2), "b.py"))
    assert ["b.py"] == [one.path for one in waiting()]
    report = ingest.settle(Path(".provenance"))
    assert (1, 1) == (report.captured, len(report.damaged))
    assert [old] == [left.read_bytes() for left in Path(".provenance/captures").glob("*.settling")]


@pytest.mark.parametrize(
    "tail", [b"N\x04\0\0\0\0{}x", b"N\x02\0\0\0[]", b"S\x0d\0\0\0" + b"x" * 13, bytes(400), b"N\xff"], ids=str
)
def test_a_damaged_memory_costs_no_capture(tail: bytes, say: Any) -> None:
    say({**event("SessionStart"), "source": "startup"})
    (file,) = Path(".provenance/sessions").iterdir()
    file.write_bytes(file.read_bytes() + tail)
    assert 0 == say(edit("", code(1)))
    assert 0 == say(edit("", code(1)))
    assert ["hook"] == [line["novelty"] for line in lines()]


def test_a_memory_that_a_full_disk_cut_is_whole_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with memory.opened(str(tmp_path), "s") as known:
        known.add_note(model="a")
        whole = known._file

        class Full:
            name = "seen"
            seek, truncate = whole.seek, whole.truncate

            def write(self, data: bytes) -> int:
                return whole.write(data[:7])

        monkeypatch.setattr(known, "_file", Full())
        with pytest.raises(OSError, match="No space left"):
            known.add(memory.KEY, bytes(16))
        monkeypatch.setattr(known, "_file", whole)
        known.add_note(version="1")
    with memory.opened(str(tmp_path), "s") as known:
        assert ({"model": "a", "version": "1"}, set()) == (known.note, known.keys)


def test_sessions_that_are_long_over_are_forgotten_when_captures_are_settled(say: Any) -> None:
    say({**event("SessionStart"), "source": "startup"})
    (old,) = Path(".provenance/sessions").iterdir()
    os.utime(old, (1, 1))
    say({**event("SessionStart", session_id="new"), "source": "startup"})
    ingest.run((), Path(".provenance"))
    assert [False, 1] == [old.exists(), len(list(Path(".provenance/sessions").iterdir()))]


def test_what_was_too_long_to_be_remembered_makes_novelty_pending(say: Any, repo: Path) -> None:
    say({**event("SessionStart"), "source": "startup"})
    (repo / "a.py").write_text("x = 1\n" * (hook.PRE_IMAGE // 6 + 1))
    say({**write(code(1)), "hook_event_name": "PreToolUse"})
    say(write(code(1)))
    assert ["pending"] == [line["novelty"] for line in lines()]


@pytest.mark.skipif(sys.platform == "win32", reason="no alarms there")
@pytest.mark.parametrize("signalled", [False, True])
def test_a_payload_that_never_ends_is_a_miss_and_no_hang(signalled: bool, repo: Path) -> None:
    script = f"import sys; from provenance import hook; hook.PATIENCE = {60 if signalled else 1}; print(flush=True)"
    with subprocess.Popen(
        [sys.executable, "-c", f"{script}; sys.exit(hook.main(['claude-code']))"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=repo,
    ) as hanging:
        assert hanging.stdin is not None
        assert hanging.stdout is not None
        assert hanging.stderr is not None
        hanging.stdin.write(b'{"hook_event_name"')
        hanging.stdin.flush()
        hanging.stdout.readline()
        if signalled:
            time.sleep(0.3)
            hanging.terminate()
        assert 1 == hanging.wait(20)
        assert 1 == hanging.stderr.read().count(b"\n")
    why = "the host ended it" if signalled else "it took longer than 1 seconds"
    assert [why] == [line["reason"] for line in lines("missed")]


def test_a_working_folder_that_is_gone_costs_nothing(say: Any, repo: Path, tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    payload = edit("", code(1))
    os.chdir(gone)
    gone.rmdir()
    assert 0 == say(payload)
    os.chdir(repo)
    assert 1 == len(waiting())


@pytest.mark.parametrize("folder", ["GitHub.copilot-chat", "github.copilot-chat"])
def test_vs_code_that_runs_the_hooks_of_another_is_told_apart(folder: str, say: Any) -> None:
    transcript = f"/home/a/.config/Code/User/workspaceStorage/1f/{folder}/transcripts/s.jsonl"
    say({**write(code(1)), "transcript_path": transcript}, "claude-code")
    assert ["copilot-vscode"] == [one.origin.tool for one in waiting()]


@pytest.mark.parametrize("sign", ["> ", ">", "    > ", ">>> "])
def test_code_that_a_prompt_quotes_is_the_persons(sign: str, say: Any) -> None:
    quoted = "".join(f"{sign}{line}\n" for line in code(1).splitlines())
    say(event("UserPromptSubmit", prompt=f"Please take this:\n{quoted}"))
    say(write(code(1)))
    assert [] == waiting()
