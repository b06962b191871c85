"""``provenance init`` as a user meets it: it shows, asks, writes, and takes back."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from provenance import cli, setup
from provenance.cli import init
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
    ],
)
def test_what_makes_no_sense_is_refused(repo: Path, run: Run, options: list[str], message: str) -> None:
    said = run("init", *options, "--yes")
    assert (2, "") == (said.code, said.out)
    assert message in said.err


def test_the_names_on_the_command_line_are_those_that_can_be_installed() -> None:
    assert setup.NAMES == init.NAMES
