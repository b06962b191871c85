from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from provenance import index
from provenance.cli import group
from provenance.errors import ProvenanceError
from tests.making import code, ingredient


def run(folder: Path, *arguments: str, given: str | None = None) -> tuple[int, str]:
    result = CliRunner().invoke(group, ["check", "--index", str(folder / "index"), *arguments], input=given)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


def known(folder: Path) -> str:
    text = " ".join(code(5, 150))
    index.build(folder / "index", [ingredient(text)])
    return text


def test_a_copy_is_named_with_its_lines_and_blocked(tmp_path: Path) -> None:
    text = known(tmp_path)
    file = tmp_path / "a.py"
    file.write_text("x = 1\n\n" + text + "\n\ny = 2\n")
    status, said = run(tmp_path, str(file))
    assert 1 == status
    assert f"BLOCK  {file}  [" in said
    assert "line 3: fragment, copied" in said


def test_clean_text_passes_and_says_nothing(tmp_path: Path) -> None:
    known(tmp_path)
    (tmp_path / "b.py").write_text(" ".join(code(77, 150)))
    assert (0, "") == run(tmp_path, str(tmp_path / "b.py"))


def test_standard_input_is_read_and_bytes_that_are_no_text_do_no_harm(tmp_path: Path) -> None:
    text = known(tmp_path)
    status, said = run(tmp_path, "-", given=text)
    assert 1 == status
    assert "BLOCK  standard input  [" in said
    (tmp_path / "c.bin").write_bytes(bytes(range(256)) * 9)
    assert (0, "") == run(tmp_path, str(tmp_path / "c.bin"))


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A repository in the working folder; the text of an output that the index beside it holds."""
    for name in ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM"):
        monkeypatch.setenv(name, os.devnull)
    who = ["-c", "user.name=P", "-c", "user.email=p@e.f"]
    (tmp_path / "repo").mkdir()
    monkeypatch.chdir(tmp_path / "repo")
    git("init", "-q")
    git(*who, "commit", "-qm", "0", "--allow-empty")
    words = code(5, 150)
    text = "\n".join(" ".join(words[at : at + 10]) for at in range(0, 150, 10)) + "\n"
    index.build(tmp_path / "index", [ingredient(text)])
    return text


def git(*arguments: str) -> None:
    subprocess.run(["git", *arguments], check=True, capture_output=True)


HUMAN = " ".join(code(77, 60)) + "\n"


def test_staged_lines_are_checked_and_a_copy_is_blocked(repo: str, tmp_path: Path) -> None:
    Path("a.py").write_text(HUMAN + repo)
    git("add", "a.py")
    status, said = run(tmp_path, "--staged")
    assert (1, True) == (status, said.startswith("BLOCK  a.py  ["))
    assert "lines 2-16: fragment, copied" in said
    assert (0, "") == run(tmp_path, "--commits", "HEAD")
    assert 1 == run(tmp_path, "--worktree")[0]


def test_nothing_to_say_nothing_printed(repo: str, tmp_path: Path) -> None:
    Path("a.py").write_text(HUMAN)
    git("add", "a.py")
    assert (0, "") == run(tmp_path, "--staged")


@pytest.mark.parametrize("arguments", [(), ("--staged", "--worktree"), ("--staged", "a.py")])
def test_one_thing_is_checked_at_a_time(repo: str, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    status, said = run(tmp_path, *arguments)
    assert (2, True) == (status, "name files, or one of" in said)


@pytest.mark.parametrize("revisions", ["--output=x", "no..such", "-n1"])
def test_revisions_that_are_none_are_an_error(repo: str, tmp_path: Path, revisions: str) -> None:
    with pytest.raises(ProvenanceError):
        CliRunner().invoke(
            group, ["check", "--index", str(tmp_path / "index"), "--commits", revisions], catch_exceptions=False
        )
    assert not Path("x").exists()


def test_a_file_that_cannot_be_looked_at_is_named(repo: str, tmp_path: Path) -> None:
    Path("b.bin").write_bytes(b"\0\1" * 99)
    git("add", "b.bin")
    status, said = run(tmp_path, "--staged")
    assert (0, True) == (status, "b.bin: not looked at: a binary file" in said)


HISTORY = "\n# aider chat started at 2026-01-01 00:00:00\n\n> Aider v0.86.1  \n> Model: gpt-5 with diff edit format  \n"


def test_a_chat_history_is_named_whatever_the_index_holds(tmp_path: Path) -> None:
    known(tmp_path)
    (tmp_path / "talk.md").write_text(HISTORY)
    status, said = run(tmp_path, str(tmp_path / "talk.md"))
    assert 0 == status
    assert "WARN" in said
    assert "declares itself: chat history" in said


def test_a_staged_history_is_named_and_one_that_was_there_before_is_not(repo: str, tmp_path: Path) -> None:
    path = Path(".aider.chat.history.md")
    path.write_text(HISTORY)
    subprocess.run(["git", "add", "-A"], check=True)
    assert "declares itself: chat history" in run(tmp_path, "--staged")[1]
    who = ["-c", "user.name=P", "-c", "user.email=p@e.f"]
    subprocess.run(["git", *who, "commit", "-q", "-m", "x"], check=True)
    Path("b.py").write_text("x = 1\n")
    subprocess.run(["git", "add", "-A"], check=True)
    assert (0, "") == run(tmp_path, "--staged")
    path.write_text(HISTORY + "\n#### Mend it  \n")
    subprocess.run(["git", "add", "-A"], check=True)
    assert "declares itself: chat history" in run(tmp_path, "--staged")[1]


def test_a_trailer_counts_only_where_it_was_added(repo: str, tmp_path: Path) -> None:
    trailer = "\n\nCo-Authored-By: Claude Opus 4.6 <noreply@anthropic.com>\n"
    who = ["-c", "user.name=P", "-c", "user.email=p@e.f"]
    Path("m.txt").write_text("Mend" + trailer)
    subprocess.run(["git", "add", "-A"], check=True)
    assert "declares itself: commit trailer" in run(tmp_path, "--staged")[1]
    subprocess.run(["git", *who, "commit", "-q", "-m", "x"], check=True)
    Path("m.txt").write_text("New first line\n\nMend" + trailer)
    subprocess.run(["git", "add", "-A"], check=True)
    assert (0, "") == run(tmp_path, "--staged")
