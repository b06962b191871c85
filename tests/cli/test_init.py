"""``provenance init`` as a user meets it: it shows, asks, writes, and takes back."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from provenance import cli, setup
from provenance.cli import init
from provenance.setup import jsonmerge
from tests.conftest import Ran

Run = Callable[..., Ran]


@pytest.fixture
def repo(tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder: a repository in which Claude Code was used."""
    monkeypatch.setitem(cli.COMMANDS, "init", "Install the hooks that capture what assistants write.")
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    root = tmp_path / "repo"
    (root / ".claude").mkdir(parents=True)
    subprocess.run(["git", "init", "-q", root], check=True)
    monkeypatch.chdir(root)
    return root


def test_it_says_what_it_writes_and_a_second_time_that_there_is_nothing(repo: Path, run: Run) -> None:
    first = run("init", "--yes", "--command", "/opt/provenance")
    expected = [
        f"create {repo}/.claude/settings.local.json (claude-code)",
        f"create {repo}/.git/hooks/post-commit (git)",
        f"create {repo}/.git/hooks/post-rewrite (git)",
        f"change {repo}/.git/info/exclude (git)",
        f"create {repo}/.provenance/.gitignore (store)",
        "done: 5 files",
    ]
    assert Ran(0, "\n".join(expected) + "\n", "") == first
    assert Ran(0, "nothing to change\n", "") == run("init", "--yes", "--command", "/opt/provenance")
    assert Ran(0, "nothing to change\n", "") == run("init", "--command", "/opt/provenance")


def test_uninstalling_says_what_it_deletes_and_leaves_the_store(repo: Path, run: Run) -> None:
    run("init", "--yes")
    said = run("init", "--uninstall", "--yes")
    assert (0, "") == (said.code, said.err)
    assert f"delete {repo}/.claude/settings.local.json (claude-code)\n" in said.out
    assert [".git", ".provenance"] == sorted(path.name for path in repo.iterdir())
    assert "nothing to change\n" == run("init", "--uninstall", "--yes").out


def test_a_dry_run_shows_a_diff_and_writes_nothing(repo: Path, run: Run) -> None:
    said = run("init", "--dry-run", "--assistant", "cursor", "--assistant", "codex")
    assert (0, True) == (said.code, said.err.startswith("note: codex: trust this project in Codex, "))
    assert f"--- /dev/null\n+++ {repo}/.cursor/hooks.json\n@@ -0,0 " in said.out
    assert "capture cursor" in said.out
    assert [".claude", ".git"] == sorted(path.name for path in repo.iterdir())


def test_without_a_terminal_nothing_is_written_unasked(repo: Path, run: Run) -> None:
    said = run("init")
    message = "error: no terminal to ask on, nothing was written (add --yes to write, --dry-run to look)\n"
    assert (2, message) == (said.code, said.err)
    assert [] == list((repo / ".claude").iterdir())


@pytest.mark.parametrize(("answer", "written"), [(True, True), (False, False)])
def test_on_a_terminal_it_asks(
    repo: Path, run: Run, monkeypatch: pytest.MonkeyPatch, answer: bool, written: bool
) -> None:
    asked: list[str] = []
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr(init.click, "confirm", lambda question: asked.append(question) or answer)
    assert 0 == run("init", "--assistant", "claude-code").code
    assert ["Write 3 files?"] == asked
    assert written == (repo / ".claude" / "settings.local.json").exists()


def test_a_repository_can_be_named_and_a_fleet_supplied(repo: Path, run: Run, tmp_path: Path) -> None:
    assert 0 == run("init", "--repo", repo / ".claude", "--shared", "--yes").code
    assert '"provenance capture claude-code"' in (repo / ".claude" / "settings.json").read_text()
    assert 0 == run("init", "--managed", tmp_path / "fleet", "--yes").code
    assert "/usr/local/bin/provenance capture cursor" in (tmp_path / "fleet" / "cursor" / "hooks.json").read_text()
    assert 0 == run("init", "--managed", tmp_path / "fleet", "--yes", "--uninstall").code
    assert [] == list((tmp_path / "fleet").iterdir())


def test_for_a_person_everywhere_it_touches_no_repository(repo: Path, run: Run) -> None:
    before = sorted(repo.rglob("*"))
    assert 0 == run("init", "--user", "--assistant", "codex", "--codex-notify", "--yes").code
    assert ["config.toml", "hooks.json"] == sorted(path.name for path in (Path.home() / ".codex").iterdir())
    assert before == sorted(repo.rglob("*"))


def test_where_no_assistant_is_found_it_says_how_to_name_one(run: Run, repo: Path) -> None:
    (repo / ".claude").rmdir()
    said = run("init", "--yes")
    assert said.err.startswith("no assistant found (name one with --assistant: claude-code, codex, cursor,")
    assert "post-commit (git)" in said.out


def test_a_broken_settings_file_is_named_with_line_and_column(repo: Path, run: Run) -> None:
    path = repo / ".claude" / "settings.local.json"
    path.write_text('{\n  "model" "opus"\n}\n')
    said = run("init", "--yes")
    where = "is no JSON object: line 2, column 11: ':' is missing, '\"' stands there (mend it first)"
    assert Ran(2, "", f"error: {path}: {where}\n") == said


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--user", "--shared"], "--shared, --user and --managed exclude each other"),
        (["--codex-notify"], "--codex-notify goes into your own config.toml: add --user"),
        (["--user", "--assistant", "git"], "git hooks belong to a repository"),
        (["--assistant", "clippy"], "'clippy' is not one of 'claude-code'"),
        (["--command", "wrapper"], "must name provenance"),
        (["--managed", "fleet", "--command", "provenance"], "a fleet's hooks need a whole path"),
        (["--team", "x"], "--team says for whom to enforce: add --enforce POLICY"),
        (["--uninstall", "--enforce", "applied-ai"], "takes out what enforces, too: leave out --enforce"),
        (["--enforce", "audit-only"], "this policy has no restricted zone, so nothing would be refused"),
        (["--enforce", "clean-room"], "this policy has no restricted zone, so nothing would be refused"),
        (["--enforce", "apllied-ai"], "no policy of this name"),
        (["--enforce", ""], "a policy and a team are named in one line of printable text"),
        (["--enforce", "applied-ai", "--team", "a\nb"], "a policy and a team are named in one line of printable text"),
    ],
)
def test_what_makes_no_sense_is_refused(repo: Path, run: Run, options: list[str], message: str) -> None:
    said = run("init", *options, "--yes")
    assert (2, "") == (said.code, said.out)
    assert message in said.err
    assert [] == list((repo / ".claude").iterdir())


RULES = """
version: 2
name: ours
zones: {kept: {paths: ["kept/**"]}}
rules: [{id: ours-alone, zones: [kept], action: block, level: hard, message: By hand.}]
"""


def lines(file: Path) -> list[str]:
    return [line for _, line in jsonmerge.commands(file.read_text()) if " hook enforce " in line]


def test_what_will_be_refused_is_said_and_said_again(repo: Path, run: Run) -> None:
    first = run("init", "--enforce", "applied-ai", "--team", "applied-ai", "--yes", "--command", "/opt/provenance")
    assert (0, "") == (first.code, first.err)
    assert f"create {repo}/.git/hooks/pre-commit (git)\n" in first.out
    last = "refused in the restricted zones of applied-ai: claude-code, git\n"
    assert first.out.endswith(f"{last}done: 6 files\n")
    expected = "/opt/provenance hook enforce claude-code --policy applied-ai --team applied-ai"
    assert [expected] == lines(repo / ".claude" / "settings.local.json")
    assert Ran(0, f"nothing to change\n{last}", "") == run("init", "--yes", "--command", "/opt/provenance")
    run("init", "--uninstall", "--yes")
    assert [".git", ".provenance"] == sorted(path.name for path in repo.iterdir())
    assert not (repo / ".git" / "hooks" / "pre-commit").exists()


@pytest.mark.parametrize("options", [[], ["--user"], ["--managed", "fleet"]])
def test_a_policy_file_is_named_by_its_whole_path(repo: Path, run: Run, options: list[str]) -> None:
    (repo / "rules").mkdir()
    (repo / "rules" / "ours.yaml").write_text(RULES)
    run("init", *options, "--enforce", "rules/../rules/ours.yaml", "--assistant", "cursor", "--yes")
    base = {0: repo / ".cursor", 1: Path.home() / ".cursor", 2: repo / "fleet" / "cursor"}[len(options)]
    assert all(line.endswith(f" --policy {repo}/rules/ours.yaml") for line in lines(base / "hooks.json"))
    assert 3 == len(lines(base / "hooks.json"))


def test_everyones_policy_lies_in_the_repository(
    repo: Path, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outside = tmp_path / "ours.yaml"
    outside.write_text(RULES)
    shared = ("init", "--shared", "--yes", "--enforce")
    said = run(*shared, outside)
    assert (2, "") == (said.code, said.out)
    assert f"lies outside of {repo}, where nobody else has it (move it in)" in said.err
    (repo / "rules").mkdir()
    outside.rename(repo / "rules" / "ours.yaml")
    monkeypatch.chdir(repo / "rules")
    said = run(*shared, "ours.yaml")
    assert f"note: {repo}/rules/ours.yaml: git does not track it: commit it with the hooks\n" in said.err
    expected = "provenance hook enforce claude-code --policy ./rules/ours.yaml"
    assert [expected] == lines(repo / ".claude" / "settings.json")
    subprocess.run(["git", "add", "."], cwd=repo, check=True)
    assert "git does not track it" not in run(*shared, "ours.yaml").err


@pytest.mark.parametrize("content", [b"", b"version: 2\nname: x\n", b"\xff", b"rules: ["])
def test_a_policy_that_cannot_be_read_installs_nothing(repo: Path, run: Run, content: bytes) -> None:
    (repo / "ours.yaml").write_bytes(content)
    said = run("init", "--enforce", "ours.yaml", "--yes")
    assert (2, "", True) == (said.code, said.out, said.err.startswith("error: ours.yaml: "))
    assert [] == list((repo / ".claude").iterdir())


def commit(repo: Path, *paths: str) -> tuple[int, str]:
    subprocess.run(["git", "add", *paths], cwd=repo, check=True)
    done = subprocess.run(["git", "commit", "-q", "-m", "x"], cwd=repo, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def test_what_an_assistant_wrote_into_the_zone_behind_the_hooks_back_stops_at_the_commit(repo: Path, run: Run) -> None:
    for name, value in (("user.name", "a"), ("user.email", "a@example.org")):
        subprocess.run(["git", "config", name, value], cwd=repo, check=True)
    (repo / "rules.yaml").write_text(RULES)
    assert 0 == run("init", "--enforce", "rules.yaml", "--yes").code
    for name in ("kept", "free"):
        (repo / name).mkdir()
    text = (
        "def score(level, limit=4):\n    total = limit * 3\n    for step in range(level):\n"
        "        total += drained_of(step, total) - limit\n        if total > 90:\n"
        "            return [drained_as(total, 'key', step) for step in sorted(limit)]\n    return total\n"
    )
    events = json.loads((repo / ".claude" / "settings.local.json").read_text())["hooks"]
    capture = events["PostToolUse"][0]["hooks"][0]["command"]
    for path in ("kept/a.py", "free/a.py"):
        (repo / path).write_text(text.replace("score", path[:4]))
        payload = {
            "hook_event_name": "PostToolUse",
            "session_id": "s",
            "cwd": str(repo),
            "transcript_path": "",
            "tool_name": "Write",
            "tool_use_id": f"toolu_{path}",
            "tool_input": {"file_path": str(repo / path), "content": (repo / path).read_text()},
            "tool_response": {},
        }
        subprocess.run(["sh", "-c", capture], input=json.dumps(payload), text=True, cwd=repo, check=True)
    (repo / "kept" / "b.py").write_text("total = 1\n")
    assert (0, "") == commit(repo, "kept/b.py")
    assert 0 == commit(repo, "free/a.py")[0]
    stopped, said = commit(repo, "kept/a.py")
    assert 1 == stopped
    assert "ours-alone" in said
    assert "could not be judged" not in said
    (repo / "rules.yaml").write_text("rules: [")
    stopped, said = commit(repo, "kept/a.py")
    assert 1 == stopped
    assert f"error: {repo}/rules.yaml: " in said
    assert said.endswith("provenance: not committed, for it could not be judged: mend what is said above\n")


def test_the_names_on_the_command_line_are_those_that_can_be_installed() -> None:
    assert setup.NAMES == init.NAMES
