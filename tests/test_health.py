"""Hooks, ledger and transcripts in; what is captured and what is not, out."""

from __future__ import annotations

import json
import os
import subprocess
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


RULES = """
version: 2
name: ours
zones: {kept: {paths: ["kept/**"]}, free: {paths: ["free/**"]}}
rules: [{id: ours-alone, zones: [kept], action: ACTION}]
"""


def enforcing(run: Any, place: Path) -> Path:
    """A repository in which Claude Code is kept out and Codex is not; the program, which can be run."""
    program = place / "bin" / "provenance"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    os.environ["PATH"] += ":/usr/bin:/bin"  # undone with the fixture's own change
    subprocess.run(["git", "init", "-q", "."], check=True)
    Path("ours.yaml").write_text(RULES.replace("ACTION", "block"))
    Path(".claude").mkdir()
    assert 0 == run("init", "--yes", "--command", program, "--enforce", "ours.yaml").code
    Path(".codex").mkdir()
    assert 0 == run("init", "--yes", "--command", program, "--assistant", "codex").code
    return program


def lines(about: str) -> list[tuple[str, str]]:
    return [(one.level, one.text) for one in health.examine(STORE, Path.cwd(), 7) if one.about == about]


def test_who_is_kept_out_by_what_is_said(run: Any, place: Path) -> None:
    enforcing(run, place)
    root = Path.cwd()
    policy = f"{root}/ours.yaml"
    expected = f"{root}/.claude/settings.local.json: refused in the zones kept of {policy}"
    assert (health.OK, expected) in lines("claude-code")
    assert (health.OK, f"{root}/.git/hooks/pre-commit: commits are judged by {policy}") in lines("git")
    assert (
        health.NOTE,
        "is not kept out of restricted zones, others are (provenance init --enforce POLICY --assistant codex)",
    ) in lines("codex")
    assert 0 == run("doctor").code


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, "refuses everything, for its policy cannot be read: "),
        ("rules: [", "refuses everything, for its policy cannot be read: "),
        (RULES.replace("ACTION", "warn"), "refuses nothing by "),
    ],
)
def test_a_policy_that_enforces_nothing_any_more_is_named(run: Any, place: Path, content: str | None, why: str) -> None:
    enforcing(run, place)
    Path("ours.yaml").unlink()
    if content is not None:
        Path("ours.yaml").write_text(content)
    assert [why] == [why for level, text in lines("claude-code") if level == health.OPEN and why in text]
    said: Ran = run("doctor")
    assert (1, True) == (said.code, "not enforced  claude-code" in said.out)


def test_a_hook_that_refuses_by_a_program_that_is_gone_is_named(run: Any, place: Path) -> None:
    enforcing(run, place).unlink()
    for about in ("claude-code", "git"):
        assert any(level == health.OPEN and "a program that is not there" in text for level, text in lines(about))
    assert 1 == run("doctor").code


def test_where_nobody_asked_for_it_nothing_is_said_of_refusals(run: Any, place: Path) -> None:
    enforcing(run, place)
    assert 0 == run("init", "--uninstall", "--yes").code
    assert [] == [text for level, text in lines("claude-code") + lines("git") if "zone" in text or "judged" in text]


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


def test_a_capture_that_was_cut_off_is_named() -> None:
    ledger.append(STORE, "torn", {"file": "captures"})
    assert ["1 times a hook was cut off while it wrote (provenance ingest mends it)"] == gaps()


def test_damaged_captures_are_named_and_stop_nothing() -> None:
    (STORE / "captures").mkdir(parents=True)
    (STORE / "captures" / "0123456789abcdef.pvc").write_bytes(b"provenance captures 1 p0.k1\nxyz")
    assert [True] == ["of another recipe or version" in text for text in gaps()]


def test_a_store_that_hooks_cannot_write_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    ledger.append(STORE, "ingest", {})
    (STORE / "sessions").write_text("")
    assert [f"{STORE / 'sessions'}: hooks cannot write here (mend its owner and mode)"] == gaps()
    (STORE / "sessions").unlink()
    monkeypatch.setattr(health, "LEAST_FREE", 1 << 80)
    assert [f"{STORE}: the disk is full (make room on it)"] == gaps()


def test_nothing_that_a_ledger_holds_steers_the_terminal(run: Any) -> None:
    ledger.append(STORE, entries.MISSED, {"assistant": "x\x1b[31m", "reason": "\x9b2J\u202e\x07"})
    captured("\x9b.py", ("a = 1",), tool="claude\x9b31m", model="\x1b]0;x\x07")
    (shard,) = ledger.shards(STORE)
    proof = run("ledger", "proof", f"{shard}:1")
    Path("proof.json").write_text(proof.out)
    said = [proof, run("doctor"), run("status"), run("ledger", "verify", "--proof", "proof.json")]
    assert [0, 1, 0, 0] == [one.code for one in said]
    assert set() == {char for one in said for char in one.out + one.err if not (char.isprintable() or char == "\n")}


@pytest.mark.parametrize("name", ["captures/0123456789abcdef.pvc", "captures/0123456789abcdef.settling"])
def test_a_pipe_in_the_store_is_named_and_not_waited_for(name: str) -> None:
    (STORE / name).parent.mkdir(parents=True)
    os.mkfifo(STORE / name)
    assert [f"{STORE / name}: is no regular file (move it away)"] == gaps()
