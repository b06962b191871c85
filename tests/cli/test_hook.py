"""``provenance hook`` as assistants and people call it: what is refused, how that is said, and that nothing else is."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from provenance import __main__, enforcing
from provenance.enforcing import REFUSED
from provenance.setup import jsonmerge, opencode, program
from tests.conftest import Ran

Run = Callable[..., Ran]
Ask = Callable[..., Ran]
ZONE, ELSEWHERE = "sft/a.jsonl", "src/a.py"
RULES = """
version: 2
name: ours
zones: {{kept: {{paths: ["{zone}/**"]}}}}
rules: [{{id: ours-alone, zones: [kept], action: block, level: hard, message: By hand.}}]
"""


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder: a repository with a zone in it and a place outside of any."""
    root = tmp_path / "repo"
    for folder in ("sft", "src", "policies"):
        (root / folder).mkdir(parents=True)
    subprocess.run(["git", "init", "-q", root], check=True)
    for name in ("CLAUDE_PROJECT_DIR", "GEMINI_PROJECT_DIR", "CURSOR_PROJECT_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(root)
    return root


@pytest.fixture
def ask(repo: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> Ask:
    """Hand a payload to ``hook enforce`` on standard input."""

    def asking(payload: Any, assistant: str = "claude-code", policy: str = "applied-ai", *more: str) -> Ran:
        data = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(data)))
        return run("hook", "enforce", assistant, "--policy", policy, *more)

    return asking


def write(path: str = ZONE, **more: Any) -> dict[str, Any]:
    return {
        "hook_event_name": "PreToolUse",
        "session_id": "s",
        "cwd": os.getcwd(),
        "tool_name": "Write",
        "tool_input": {"file_path": path, "content": "x"},
        **more,
    }


def payload(assistant: str, path: str) -> dict[str, Any]:
    """What each host hands to its hook before it writes a file."""
    here = os.getcwd()
    patch = f"*** Begin Patch\n*** Add File: {path}\n+x\n*** End Patch"
    shapes: dict[str, dict[str, Any]] = {
        "claude-code": {**write(path), "transcript_path": "", "tool_use_id": "toolu_1", "permission_mode": "default"},
        "codex": {
            "hook_event_name": "PreToolUse",
            "session_id": "s",
            "turn_id": "1",
            "cwd": here,
            "model": "gpt-5.2-codex",
            "tool_name": "apply_patch",
            "tool_use_id": "call_1",
            "tool_input": {"command": patch},
        },
        "cursor": {
            "hook_event_name": "preToolUse",
            "conversation_id": "c",
            "generation_id": "g",
            "model": "claude-4.5-sonnet",
            "cursor_version": "2.1",
            "workspace_roots": [here],
            "tool_name": "Write",
            "tool_input": {"file_path": f"{here}/{path}", "content": "x"},
            "tool_use_id": "t",
        },
        "gemini-cli": {
            "hook_event_name": "BeforeTool",
            "session_id": "s",
            "cwd": here,
            "timestamp": "2026-11-20T10:00:00Z",
            "tool_name": "write_file",
            "tool_input": {"file_path": path, "content": "x"},
        },
        "copilot": {
            "sessionId": "c",
            "timestamp": 1763640000000,
            "cwd": here,
            "toolName": "create",
            "toolArgs": json.dumps({"path": f"{here}/{path}", "file_text": "x"}),
        },
        "opencode": {
            "host": "opencode",
            "api": 1,
            "hook": "tool.execute.before",
            "directory": here,
            "worktree": here,
            "model": {"providerID": "anthropic", "modelID": "claude-opus-4-8"},
            "input": {"tool": "write", "sessionID": "s", "callID": "1"},
            "output": {"args": {"filePath": f"{here}/{path}", "content": "x"}},
        },
    }
    return shapes[assistant]


HOSTS = ("claude-code", "codex", "cursor", "gemini-cli", "copilot", "opencode")


def is_refused(assistant: str, said: Ran) -> bool:
    """Whether the host would take an answer for a refusal, by its own rules; anything it would stumble over fails."""
    if assistant in ("cursor", "copilot") and said.code == 0:
        key = "permission" if assistant == "cursor" else "permissionDecision"
        answer = json.loads(said.out) if said.out else {}
        assert said.out or assistant == "copilot", "the editor takes silence for a failure"
        return bool(answer.get(key) == "deny")
    assert said.out == ""
    assert said.code in (0, 2)
    assert bool(said.err) == (said.code == 2)
    return said.code == 2


@pytest.mark.parametrize("assistant", HOSTS)
def test_every_host_is_refused_in_the_zone_in_its_own_way_and_nowhere_else(ask: Ask, assistant: str) -> None:
    inside, outside = (ask(payload(assistant, path), assistant) for path in (ZONE, ELSEWHERE))
    assert (True, False) == (is_refused(assistant, inside), is_refused(assistant, outside))
    assert "refused by rule assistants-paused: sft/a.jsonl lies in the restricted zone fine-tuning-data. Assist" in (
        inside.out + inside.err
    )
    assert "" == outside.err


@pytest.mark.parametrize("event", ["beforeShellExecution", "beforeMCPExecution"])
def test_cursors_own_events_are_understood(ask: Ask, event: str) -> None:
    head = {**payload("cursor", ""), "hook_event_name": event}
    for name in ("tool_name", "tool_input"):
        del head[name]
    shell = {"command": "echo x > sft/a", "cwd": os.getcwd(), "sandbox": False}
    tool = {"tool_name": "put", "tool_input": json.dumps({"path": f"{os.getcwd()}/{ZONE}"}), "url": "http://localhost"}
    said = ask({**head, **(shell if event == "beforeShellExecution" else tool)}, "cursor")
    assert "deny" == json.loads(said.out)["permission"]


@pytest.mark.parametrize(("assistant", "tool"), [("cursor", "Read"), ("opencode", "grep"), ("copilot", "view")])
def test_whoever_only_reads_is_let_through(ask: Ask, assistant: str, tool: str) -> None:
    given = payload(assistant, ZONE)
    if assistant == "opencode":
        given["input"]["tool"] = tool
    given["toolName" if assistant == "copilot" else "tool_name"] = tool
    assert not is_refused(assistant, ask(given, assistant))


def test_an_mcp_tool_that_is_called_like_a_reading_one_is_asked_about(ask: Ask) -> None:
    given = {**payload("cursor", ZONE), "hook_event_name": "beforeMCPExecution", "tool_name": "read"}
    assert is_refused("cursor", ask(given, "cursor"))


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "the payload is no JSON object"),
        (b"{", "the payload is no JSON ("),
        (b"\xff\xfe\x00", "the payload is no JSON ("),
        (b"[]", "the payload is no JSON object"),
        (b"[" * 200_000, "the payload is nested too deeply"),
        (b"{}", "the payload names no tool"),
        (b'{"tool_name": "Write", "tool_input": ' + b'{"a": ' * 30 + b"1" + b"}" * 31, "nested too deeply"),
    ],
)
@pytest.mark.parametrize("assistant", ["claude-code", "cursor", "copilot"])
def test_a_payload_that_nobody_understands_is_refused(ask: Ask, data: bytes, why: str, assistant: str) -> None:
    said = ask(data, assistant)
    assert (2, "", 1) == (said.code, said.out, said.err.count("\n"))
    assert said.err.startswith("provenance: refused, for it cannot be told whether this is a restricted zone: ")
    assert why in said.err
    assert "Traceback" not in said.err


def test_a_policy_without_restricted_zones_refuses_nothing_whatever_the_payload(ask: Ask) -> None:
    assert Ran(0, "", "") == ask(write(), "claude-code", "audit-only")


@pytest.mark.parametrize("content", [None, b"", b"version: 9\n", b"\xff\xfe", b"rules: [\n", b"- " * 5000])
def test_a_policy_that_cannot_be_read_refuses(ask: Ask, repo: Path, content: bytes | None) -> None:
    if content is not None:
        (repo / "ours.yaml").write_bytes(content)
    said = ask(write(ELSEWHERE), "claude-code", "ours.yaml")
    assert (2, "", 1) == (said.code, said.out, said.err.count("\n"))
    assert "ours.yaml: " in said.err


def test_more_than_anybody_calls_with_is_refused_without_reading_on(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(enforcing, "MOST", 1 << 20)
    given = json.dumps(write(ELSEWHERE)).encode()
    assert 0 == ask(given + b" " * ((1 << 20) - len(given))).code
    said = ask(given + b" " * (1 << 20))
    assert (2, True) == (said.code, "the payload has more than 1 MiB" in said.err)


@pytest.mark.parametrize(
    ("arguments", "asked"),
    [
        (["codex", "--policy", "p.yaml"], ("codex", "p.yaml", "")),
        (["--policy", "p.yaml", "codex", "--team", "evals"], ("codex", "p.yaml", "evals")),
        (["codex"], None),
        (["codex", "--policy"], None),
        (["codex", "--policy=p.yaml"], None),
        (["codex", "cursor", "--policy", "p.yaml"], None),
        (["--help", "codex", "--policy", "p.yaml"], None),
        ([], None),
    ],
)
def test_a_line_as_init_writes_it_is_answered_at_once_and_any_other_by_the_command_line(
    arguments: list[str], asked: tuple[str, str, str] | None
) -> None:
    assert asked == __main__._asked(arguments)


def test_the_team_of_the_environment_is_asked_for(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROVENANCE_TEAM", "evals")
    assert ("codex", "p.yaml", "evals") == __main__._asked(["codex", "--policy", "p.yaml"])


def test_a_tool_that_cannot_begin_refuses(ask: Ask, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.setitem(sys.modules, "provenance.enforcing", None)
    monkeypatch.delattr("provenance.enforcing", raising=False)
    assert REFUSED == ask(write(ELSEWHERE)).code
    assert REFUSED == __main__._enforced("codex", "applied-ai", "")
    assert "nobody could ask the policy: ModuleNotFoundError" in capsys.readouterr().err


@pytest.mark.parametrize("path", [ZONE, ELSEWHERE])
def test_both_ways_in_answer_alike(ask: Ask, repo: Path, path: str) -> None:
    command = [sys.executable, "-m", "provenance", "hook", "enforce", "cursor", "--policy", "applied-ai"]
    data = json.dumps(write(path)).encode()
    at_once = subprocess.run(command, input=data, capture_output=True, check=False)
    said = ask(write(path), "cursor")
    assert (said.code, said.out, said.err) == (at_once.returncode, at_once.stdout.decode(), at_once.stderr.decode())


def test_without_standard_input_it_is_refused(repo: Path) -> None:
    line = f"{program.found(os.environ)} hook enforce claude-code --policy applied-ai <&-"
    done = subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=False)
    assert (2, "") == (done.returncode, done.stdout)
    assert "there is no standard input to read the payload from" in done.stderr


@pytest.mark.parametrize("assistant", ["claude-code", "cursor"])
def test_a_refusal_that_nobody_can_read_is_one_all_the_same(repo: Path, assistant: str) -> None:
    """The host has closed its end of both pipes."""
    read, shut = os.pipe()
    os.close(read)
    words = f"{program.found(os.environ)} hook enforce {assistant} --policy applied-ai"
    given = json.dumps(payload(assistant, ZONE)).encode()
    done = subprocess.run(["sh", "-c", words], input=given, stdout=shut, stderr=shut, check=False)
    os.close(shut)
    assert 2 == done.returncode


@pytest.mark.parametrize("assistant", HOSTS)
def test_nothing_in_a_name_steers_the_terminal(ask: Ask, assistant: str) -> None:
    given = payload(assistant, "sft/\x1b[31m\x9b2J\u202e\x07.py")
    said = ask(given, assistant)
    assert is_refused(assistant, said)
    shown = said.err + "".join(json.loads(said.out).values() if said.out else ())
    assert set() == {char for char in shown if not (char.isprintable() or char == "\n")}
    broken = ask(b'{"tool_name": "\x1b[31m"', assistant)
    assert "\x1b" not in broken.err


@pytest.mark.parametrize("arguments", [[], ["claude-code", "--policy"], ["claude-code", "--polic\x1by", "x"]])
def test_a_command_line_with_a_mistake_refuses_too(run: Run, arguments: list[str]) -> None:
    assert 2 == run("hook", "enforce", *arguments).code


def test_a_team_that_is_not_meant_goes_ahead(ask: Ask) -> None:
    given = write("applied-ai/a.py")
    assert [2, 2, 0] == [
        ask(given, "claude-code", "applied-ai", *more).code for more in ([], ["--team", "applied-ai"], ["--team", "x"])
    ]


# A relative policy file is the project's, wherever the assistant stands.


def test_a_relative_policy_starts_at_the_root_of_the_repository(
    ask: Ask, repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (repo / "policies" / "ours.yaml").write_text(RULES.format(zone="src"))
    decoy = repo / "src" / "policies" / "ours.yaml"
    decoy.parent.mkdir()
    decoy.write_text(RULES.format(zone="nowhere"))
    monkeypatch.chdir(repo / "src")
    said = ask(write("a.py"), "claude-code", "./policies/ours.yaml")
    assert (2, True) == (said.code, "refused by rule ours-alone: src/a.py lies in the restricted zone kept" in said.err)


def test_outside_of_the_project_the_assistant_tells_where_it_is(
    ask: Ask, repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (repo / "ours.yaml").write_text(RULES.format(zone="src"))
    monkeypatch.chdir(tmp_path)
    given = write(str(repo / "src" / "a.py"))
    assert "no such policy file" in ask(given, "claude-code", "./ours.yaml").err
    monkeypatch.setenv("CLAUDE_PROJECT_DIR", str(repo))
    assert "refused by rule ours-alone" in ask(given, "claude-code", "./ours.yaml").err
    assert 0 == ask(write(str(repo / "docs" / "a.md")), "claude-code", "./ours.yaml").code


# What people ask.


def test_what_would_happen_is_shown_for_paths_and_commands(run: Run, repo: Path) -> None:
    said = run("hook", "test", "--policy", "applied-ai", ZONE, ELSEWHERE, "--command", "rm -r sft", "--command", "make")
    assert (1, "") == (said.code, said.err)
    first, second, third, fourth = said.out.splitlines()
    assert first.startswith(f"{ZONE}: refused by rule assistants-paused: {ZONE} lies in the restricted zone fine-tun")
    assert f"{ELSEWHERE}: allowed" == second
    assert third.startswith("rm -r sft: refused by rule assistants-paused: sft lies in")
    assert "make: allowed" == fourth
    assert Ran(0, f"{ELSEWHERE}: allowed\n", "") == run("hook", "test", "--policy", "applied-ai", ELSEWHERE)


def test_a_policy_that_restricts_nothing_is_said_to(run: Run, repo: Path) -> None:
    said = run("hook", "test", "--policy", "audit-only", ZONE)
    assert (0, f"{ZONE}: allowed\n") == (said.code, said.out)
    assert "note: the policy audit-only has no restricted zone" in said.err


@pytest.mark.parametrize("arguments", [[], ["--policy", "absent.yaml", "a"]])
def test_a_test_of_nothing_or_by_nothing_says_so(run: Run, repo: Path, arguments: list[str]) -> None:
    said = run("hook", "test", *arguments)
    assert (2, "", False) == (said.code, said.out, "Traceback" in said.err)


def test_a_name_that_would_steer_the_terminal_is_shown_plain(run: Run, repo: Path) -> None:
    said = run("hook", "test", "--policy", "applied-ai", "sft/\x1b[31m.py", "--command", "touch sft/\x9b2J")
    assert "\x1b" not in said.out
    assert "\x9b" not in said.out


# From what init writes to what the assistant is told.


def lines(repo: Path, assistant: str) -> list[str]:
    """The command lines in an assistant's settings that may refuse."""
    file = {
        "claude-code": ".claude/settings.local.json",
        "codex": ".codex/hooks.json",
        "cursor": ".cursor/hooks.json",
        "gemini-cli": ".gemini/settings.json",
        "copilot": ".github/copilot/settings.local.json",
        "opencode": ".opencode/plugins/provenance.js",
    }[assistant]
    text = (repo / file).read_text()
    found = opencode.commands(text) if assistant == "opencode" else [line for _, line in jsonmerge.commands(text)]
    return sorted({line for line in found if program.enforced(line) and not line.startswith("& ")})


def through_sh(line: str, given: dict[str, Any], folder: Path) -> Ran:
    data = json.dumps(given)
    done = subprocess.run(["sh", "-c", line], input=data, cwd=folder, capture_output=True, text=True, check=False)
    return Ran(done.returncode, done.stdout, done.stderr)


def test_the_lines_that_init_writes_refuse_in_the_zone_and_nowhere_else(run: Run, repo: Path) -> None:
    names = [word for name in HOSTS for word in ("--assistant", name)]
    assert 0 == run("init", "--enforce", "applied-ai", "--yes", *names).code
    for assistant in HOSTS:
        (line,) = lines(repo, assistant)
        said = {path: through_sh(line, payload(assistant, path), repo / "src") for path in (ZONE, ELSEWHERE)}
        assert [True, False] == [is_refused(assistant, one) for one in said.values()], assistant


def test_the_committed_lines_find_the_repositorys_policy_from_a_subfolder(run: Run, repo: Path) -> None:
    (repo / "policies" / "our rules.yaml").write_text(RULES.format(zone="src"))
    command = program.found(os.environ)
    arguments = ("--shared", "--enforce", "policies/our rules.yaml", "--command", command, "--yes")
    assert 0 == run("init", "--assistant", "claude-code", *arguments).code
    text = (repo / ".claude" / "settings.json").read_text()
    (line,) = {line for _, line in jsonmerge.commands(text) if program.enforced(line)}
    assert line.endswith(" hook enforce claude-code --policy './policies/our rules.yaml'")
    assert 2 == through_sh(line, write(ELSEWHERE), repo / "sft").code
    assert 0 == through_sh(line, write(ZONE), repo / "sft").code


def test_where_the_program_is_gone_codex_is_refused(run: Run, repo: Path) -> None:
    gone = ("--command", "/gone/provenance", "--assistant", "codex", "--yes")
    assert 0 == run("init", "--enforce", "applied-ai", *gone).code
    (line,) = lines(repo, "codex")
    said = through_sh(line, payload("codex", ELSEWHERE), repo)
    assert (2, "") == (said.code, said.out)
    assert said.err  # Codex wants a reason


def test_the_requirements_of_a_fleet_refuse(run: Run, repo: Path, tmp_path: Path) -> None:
    fleet = ("--managed", tmp_path / "fleet", "--assistant", "codex", "--yes")
    assert 0 == run("init", *fleet, "--enforce", "applied-ai", "--command", program.found(os.environ)).code
    said = tomllib.loads((tmp_path / "fleet" / "codex" / "requirements.toml").read_text())
    line = said["hooks"]["PreToolUse"][1]["hooks"][0]["command"]
    assert [2, 0] == [through_sh(line, payload("codex", path), repo).code for path in (ZONE, ELSEWHERE)]
