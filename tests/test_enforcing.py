"""Where an assistant may not write: every way of naming a restricted path is refused, and nothing else is."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provenance import enforcing, policy
from provenance.enforcing import Unclear

RULES = """
version: 2
name: test
organisation: {name: Us, competes_with: [anthropic]}
zones:
  harness: {paths: ["**/rl/harness/**"]}
  rl: {paths: ["**/rl/**"], datasets: ["**/pairs"], use: rl}
  rooted: {paths: ["secret/**"]}
  teams: {paths: ["**/theirs/**"], teams: [theirs]}
rules:
  - {id: paused, zones: [rl, teams], action: block, level: hard, message: Paused here.}
  - {id: rivals-out, zones: [rooted], origins: [competitors], action: block}
  - {id: advice, zones: [harness], action: block, level: advisory}
  - {id: everywhere, origins: [competitors], action: block}
"""
POLICY = policy.parse(RULES.encode(), "test")


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    root = tmp_path / "repo"
    for folder in (".git", "rl/harness", "docs", "secret", "theirs"):
        (root / folder).mkdir(parents=True)
    return root


def ask(repo: Path, given: Any, tool: str = "Write", assistant: str = "claude-code", **more: Any) -> str:
    """The rule that refuses a call, or nothing."""
    payload = {"hook_event_name": "PreToolUse", "tool_name": tool, "tool_input": given, "cwd": str(repo), **more}
    denied = enforcing.denial_of(payload, assistant, POLICY)
    return denied.rule if denied else ""


def shell(repo: Path, command: str) -> str:
    return ask(repo, {"command": command}, "Bash")


@pytest.mark.parametrize(
    "path", ["rl/a.py", "./docs/../rl/a.py", "rl/deep/er/a.py", "/elsewhere/rl/a.py", "data/pairs/a.jsonl"]
)
def test_a_file_in_a_restricted_zone_is_refused(repo: Path, path: str) -> None:
    assert "paused" == ask(repo, {"file_path": path, "content": "x"})
    assert "paused" == ask(repo, {"file_path": str(repo / path), "content": "x"})


@pytest.mark.parametrize("path", ["docs/a.py", "rl.py", "url/a.py", "rl/harness/a.py", "/elsewhere/a.py"])
def test_elsewhere_nothing_is_refused(repo: Path, path: str) -> None:
    assert "" == ask(repo, {"file_path": path, "content": "see rl/a.py"})


def test_the_refusal_names_rule_zone_path_and_message(repo: Path) -> None:
    payload = {"tool_name": "Write", "tool_input": {"file_path": "rl/a.py"}, "cwd": str(repo)}
    assert ("paused", "rl", str(Path("rl/a.py")), "Paused here.") == enforcing.denial_of(payload, "codex", POLICY)


def test_a_symlink_into_the_zone_is_followed_and_one_out_of_it_too(repo: Path) -> None:
    (repo / "way").symlink_to(repo / "rl")
    (repo / "rl" / "out").symlink_to(repo / "docs")
    assert "paused" == ask(repo, {"file_path": "way/a.py"})
    assert "paused" == ask(repo, {"file_path": "rl/out/a.py"})


def test_relative_globs_start_at_the_repository_wherever_the_assistant_stands(repo: Path) -> None:
    assert "rivals-out" == ask(repo, {"file_path": "secret/a"}, model="claude-opus-4-8")
    assert "rivals-out" == ask(repo, {"file_path": "../secret/a"}, cwd=str(repo / "docs"), model="claude-opus-4-8")
    assert "" == ask(repo, {"file_path": "docs/secret/a"}, model="claude-opus-4-8")


def test_a_rule_on_origins_refuses_theirs_and_whoever_is_not_known(repo: Path) -> None:
    assert "" == ask(repo, {"file_path": "secret/a"}, model="mistral-large-3")
    assert "rivals-out" == ask(repo, {"file_path": "secret/a"})


def test_a_zone_of_one_team_holds_for_it_and_for_whoever_names_none(repo: Path) -> None:
    payload = {"tool_name": "Write", "tool_input": {"file_path": "theirs/a"}, "cwd": str(repo)}
    assert enforcing.denial_of(payload, "codex", POLICY)
    assert enforcing.denial_of(payload, "codex", POLICY, team="theirs")
    assert not enforcing.denial_of(payload, "codex", POLICY, team="ours")


@pytest.mark.parametrize(
    "command",
    [
        "echo x > rl/a.py",
        "echo x>rl/a.py",
        "cd rl && echo x > a.py",
        "cd docs; cd ../rl; touch a.py",
        "git -C rl commit",
        "sed -i s/a/b/ 'rl/a.py'",
        "python3 -c \"open('rl/a.py', 'w')\"",
        "cp a.py rl",
        "rm -r rl",
        "tee rl/a.py <<'EOF'\nhello\nEOF",
        "cat > rl/a.py <<EOF\nhello\nEOF\n",
        "dd of=rl/a.py",
        "apply_patch <<'EOF'\n*** Begin Patch\n*** Add File: rl/a.py\n+x\n*** End Patch\nEOF",
        "echo 'unclosed > rl/a.py",
    ],
)
def test_a_command_that_names_the_zone_is_refused(repo: Path, command: str) -> None:
    assert "paused" == shell(repo, command)


@pytest.mark.parametrize(
    "command",
    [
        "make test",
        "git commit -m 'rl: a better reward, see rl/a.py'",
        "cat > docs/a.md <<'EOF'\nSee rl/a.py for more.\nEOF",
        "echo 'the rl of it'",
        "pytest docs -k rl_or_not",
        "cat rl/harness/a.py",
    ],
)
def test_a_command_that_only_speaks_of_it_goes_ahead(repo: Path, command: str) -> None:
    assert "" == shell(repo, command)


def test_a_command_inside_the_zone_is_refused_whatever_it_names(repo: Path) -> None:
    assert "paused" == ask(repo, {"command": "make"}, "Bash", cwd=str(repo / "rl"))
    assert "" == ask(repo, {"file_path": str(repo / "docs" / "a")}, cwd=str(repo / "rl"))


@pytest.mark.parametrize(
    ("assistant", "payload"),
    [
        ("codex", {"tool_name": "apply_patch", "tool_input": {"command": "*** Begin Patch\n*** Update File: rl/a\n"}}),
        ("codex", {"tool_name": "shell", "tool_input": {"command": ["bash", "-lc", "echo x > rl/a"]}}),
        ("gemini-cli", {"tool_name": "write_file", "tool_input": {"file_path": "rl/a", "content": "x"}}),
        ("cursor", {"workspace_roots": ["/r"], "tool_name": "Write", "tool_input": {"path": "rl/a"}}),
        ("cursor", {"cursor_version": "2", "hook_event_name": "beforeShellExecution", "command": "echo > rl/a"}),
        ("copilot", {"toolName": "edit", "toolArgs": json.dumps({"path": "rl/a", "new_str": "x"})}),
        ("claude-code", {"tool_name": "NotebookEdit", "tool_input": {"notebook_path": "rl/a.ipynb"}}),
        ("claude-code", {"tool_name": "mcp__files__move", "tool_input": {"from": "docs/a", "to": "rl/a"}}),
        ("claude-code", {"tool_name": "mcp__files__put", "tool_input": {"targets": [{"filePath": "rl/a"}]}}),
    ],
)
def test_every_assistants_own_tools_are_understood(repo: Path, assistant: str, payload: dict[str, Any]) -> None:
    denied = enforcing.denial_of({**payload, "cwd": str(repo)}, assistant, POLICY)
    assert denied is not None
    assert "paused" == denied.rule


@pytest.mark.parametrize("tool", ["Read", "read_file", "Grep", "list_dir", "TodoWrite", "task"])
def test_a_tool_that_writes_nothing_goes_ahead_wherever_it_looks(repo: Path, tool: str) -> None:
    assert "" == ask(repo, {"path": "rl/a.py"}, tool)
    assert "" == ask(repo, {"pattern": "x"}, tool, cwd=str(repo / "rl"))
    assert "paused" == ask(repo, {"path": "rl/a.py"}, f"mcp__files__{tool}")


def test_cursors_folder_is_the_one_it_was_opened_in_and_opencodes_call_lies_in_two_objects(repo: Path) -> None:
    payload: dict[str, Any] = {"tool_name": "Write", "tool_input": {"path": "rl/a"}, "workspace_roots": [str(repo)]}
    assert enforcing.denial_of(payload, "cursor", POLICY, folder="/elsewhere")
    rooted = {
        "host": "opencode",
        "directory": str(repo),
        "model": {"providerID": "mistral", "modelID": "mistral-large-3"},
        "input": {"tool": "write"},
        "output": {"args": {"filePath": "secret/a"}},
    }
    assert enforcing.denial_of(rooted, "opencode", POLICY) is None
    rooted["model"] = {"providerID": "anthropic", "modelID": "claude-opus-4-8"}
    denied = enforcing.denial_of(rooted, "opencode", POLICY)
    assert denied is not None
    assert "rivals-out" == denied.rule


def test_a_relative_policy_is_the_projects_before_any_in_a_subfolder(repo: Path) -> None:
    for folder in (repo, repo / "docs"):
        (folder / "ours.yaml").write_text(RULES)
    found = [enforcing.policy_file(name, str(repo / "docs"), {}) for name in ("ours.yaml", "./ours.yaml")]
    assert [repo / "ours.yaml"] * 2 == [Path(os.path.normpath(one)) for one in found]
    (repo / "ours.yaml").unlink()
    assert str(repo / "docs" / "ours.yaml") == enforcing.policy_file("ours.yaml", str(repo / "docs"), {})
    told = {"CLAUDE_PROJECT_DIR": str(repo / "docs")}
    assert str(repo / "docs" / "ours.yaml") == enforcing.policy_file("ours.yaml", "/", told)
    assert ["applied-ai", "/x.yaml", "gone.yaml"] == [
        enforcing.policy_file(name, str(repo), told) for name in ("applied-ai", "/x.yaml", "gone.yaml")
    ]


@pytest.mark.parametrize("payload", [None, [], {}, {"tool_input": {}}, {"toolName": "edit", "toolArgs": "{broken"}])
def test_a_call_that_nobody_understands_is_unclear_where_there_are_restricted_zones(payload: Any) -> None:
    with pytest.raises(Unclear):
        enforcing.denial_of(payload, "claude-code", POLICY)
    assert enforcing.denial_of(payload, "claude-code", policy.load("audit-only").policy) is None


def test_the_shipped_policy_for_zones_pauses_assistants_there_and_tooling_goes_on(repo: Path) -> None:
    rules = policy.load("applied-ai").policy
    for path, expected in [("sft/a.jsonl", True), ("rewards/a.py", True), ("src/a.py", False), ("pipelines/a", False)]:
        payload = {"tool_name": "Write", "tool_input": {"file_path": path}, "cwd": str(repo)}
        assert expected is (enforcing.denial_of(payload, "claude-code", rules) is not None), path


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(["tool_name", "tool_input", "toolArgs", "cwd", "model", "command"]), JSON))
def test_whatever_the_payload_the_answer_is_a_denial_none_or_unclear(payload: dict[str, Any]) -> None:
    with suppress(Unclear):
        denied = enforcing.denial_of(payload, "claude-code", POLICY)
        assert denied is None or denied.rule in {rule.id for rule in POLICY.rules}


@given(st.text(max_size=40), st.text(max_size=40))
def test_whatever_stands_around_a_redirection_into_the_zone_it_is_refused(before: str, after: str) -> None:
    quoted = any(char in before for char in "\"'\\#\n\r<") or "-m" in before
    command = f"{before} ; echo > /x/rl/a ; {after}" if not quoted else "echo > /x/rl/a"
    payload = {"tool_name": "Bash", "tool_input": {"command": command}, "cwd": "/"}
    assert enforcing.denial_of(payload, "claude-code", POLICY)
