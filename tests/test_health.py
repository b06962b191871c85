"""Hooks, ledger and transcripts in; what is captured and what is not, out."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from provenance import entries, health, ledger
from provenance.words import Evidence
from tests.conftest import Ran


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home, a folder that is no repository, and no assistant on the PATH."""
    (tmp_path / "home").mkdir(exist_ok=True)
    (tmp_path / "work").mkdir(exist_ok=True)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    for name in ("PROVENANCE_STORE", "PROVENANCE_KEY", "XDG_DATA_HOME", "CLAUDE_CONFIG_DIR", "CODEX_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path


STORE = Path(".provenance")


def captured(path: str, blocks: tuple[str, ...], evidence: Evidence = Evidence.CAPTURED, **origin: str) -> None:
    said = {"tool": "claude-code", "model": "claude-x", "session": "s1", **origin}
    key = ledger.key(STORE)
    same = entries.same_key(said["session"], blocks, path)
    facts = entries.of(
        key,
        identity=same,
        same=same,
        evidence=evidence,
        what="write",
        status="applied",
        path=path,
        tokens=40,
        blocks=blocks,
        origin=said,
        novelty="hook",
    )
    ledger.append(STORE, entries.KIND, facts)


def transcript(place: Path, *contents: str, when: str = "2099-01-01T00:00:00.000Z") -> Path:
    rows = []
    for number, content in enumerate(contents):
        use = f"toolu_{number:022}"
        call = {
            "type": "tool_use",
            "id": use,
            "name": "Write",
            "input": {"file_path": f"f{number}.py", "content": content},
        }
        message = {"id": f"m{number}", "model": "claude-x", "role": "assistant", "content": [call]}
        result = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": use, "content": "ok"}]}
        head = {"sessionId": "s1", "timestamp": when}
        rows += [{**head, "type": "assistant", "uuid": f"a{number}", "message": message}]
        rows += [{**head, "type": "user", "uuid": f"u{number}", "message": result}]
    path = place / "home" / ".claude" / "projects" / "work" / "s1.jsonl"
    path.parent.mkdir(parents=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def gaps(**options: Any) -> list[str]:
    return [one.text for one in health.examine(STORE, Path.cwd(), 7, **options) if one.level == health.GAP]


def test_with_nothing_in_use_nothing_is_missing() -> None:
    assert [] == gaps()


def test_an_assistant_that_is_used_without_hooks_is_named(place: Path) -> None:
    (place / "home" / ".codex").mkdir()
    assert ["is used here and has no hooks (provenance init --assistant codex)"] == gaps()


def test_hooks_are_one_line_a_file_and_a_program_that_is_gone_is_named(run: Any, place: Path) -> None:
    program = place / "bin" / "provenance"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    (place / "home" / ".claude").mkdir()
    assert 0 == run("init", "--user", "--yes", "--command", program).code
    lines = [one for one in health.examine(STORE, Path.cwd(), 7) if one.about == "claude-code"]
    assert [(health.OK, True)] == [(one.level, "9 events" in one.text or "10 events" in one.text) for one in lines]
    program.unlink()
    assert any("a program that is not there" in text for text in gaps())


def test_edits_that_no_hook_captured_are_counted_with_the_reason(place: Path) -> None:
    transcript(place, "a = 1\n", "b = 2\n", "c = 3\n")
    (said,) = [text for text in gaps() if "edits" in text]
    assert "0 of 3 edits" in said
    assert "3 with no hook at work" in said
    captured("f0.py", ("a = 1\n",))
    (said,) = [text for text in gaps() if "edits" in text]
    assert "1 of 3 edits" in said
    assert "2 for a reason that the records do not tell" in said
    captured("f1.py", ("b = 2\n",))
    captured("f2.py", ("c = 3\n",))
    assert [] == [text for text in gaps() if "edits" in text]


def test_edits_from_before_the_first_capture_say_so(place: Path) -> None:
    transcript(place, "a = 1\n", when="2020-01-01T00:00:00.000Z")
    captured("other.py", ("z = 1\n",))
    (said,) = [text for text in gaps() if "edits" in text]
    assert "1 from before the first capture" in said


def test_what_a_transcript_told_is_no_capture(place: Path) -> None:
    transcript(place, "a = 1\n")
    captured("f0.py", ("a = 1\n",), Evidence.TRANSCRIPT)
    assert any("0 of 1 edits" in text for text in gaps())


def test_old_transcripts_are_left_alone(place: Path) -> None:
    path = transcript(place, "a = 1\n")
    os.utime(path, (1, 1))
    assert [] == [text for text in gaps() if "edits" in text]


def test_missed_captures_are_named_until_they_are_old() -> None:
    old = time.time_ns() - 30 * 86400 * 10**9
    ledger.append(STORE, entries.MISSED, {"assistant": "codex", "reason": "old"}, clock=lambda: old)
    assert [] == gaps()
    ledger.append(STORE, entries.MISSED, {"assistant": "codex", "reason": "no JSON"})
    assert ["1 times in the last 7 days: codex: no JSON"] == gaps()


def test_a_clock_that_was_set_back_is_noted() -> None:
    captured("a.py", ("a",))
    (shard,) = Path(".provenance/ledger").glob("*.jsonl")
    shard.write_bytes(shard.read_bytes().replace(b'"time":"2', b'"time":"9'))
    assert any(one.about == "clock" and one.level == health.NOTE for one in health.examine(STORE, Path.cwd(), 7))


def test_a_key_of_the_wrong_size_is_named() -> None:
    captured("a.py", ("a",))
    Path(".provenance/key").write_bytes(b"short")
    assert any("key" in text for text in gaps())


def test_doctor_exits_with_one_when_something_is_not_captured(run: Any, place: Path) -> None:
    said: Ran = run("doctor")
    assert (0, "") == (said.code, said.err)
    (place / "home" / ".claude").mkdir()
    said = run("doctor")
    assert 1 == said.code
    assert "not captured  claude-code" in said.out


def test_status_is_one_screen_of_today(run: Any) -> None:
    captured("a.py", ("a",))
    captured("b.py", ("b",), model="claude-y\x1b[31m")
    ledger.append(STORE, entries.MISSED, {"assistant": "codex", "reason": "no JSON"})
    said: Ran = run("status")
    assert 0 == said.code
    assert "2 outputs, 80 tokens, 1 sessions, 2 files, 1 people" in said.out
    assert "claude-x" in said.out
    assert "missed 1: codex: no JSON" in said.out
    assert "\x1b" not in said.out
    assert "0 outputs" in run("status", "--since", "2098-01-01").out


@pytest.mark.parametrize("arguments", [["--since", "yesterday"], ["--store", "absent"]])
def test_status_says_what_is_wrong(run: Any, arguments: list[str]) -> None:
    captured("a.py", ("a",))
    said: Ran = run("status", *arguments)
    assert (2, 1) == (said.code, said.err.count("rror: "))


def test_collect_says_what_came_and_what_did_not(run: Any) -> None:
    captured("a.py", ("a",))
    said: Ran = run("collect", ".provenance", "absent", "--into", "all")
    assert 1 == said.code
    assert "1 stores: 0 ingredients added (0 here already), 1 entries of 1 shards" in said.out
    assert "absent: no such folder" in said.err
