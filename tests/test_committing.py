"""A repository's changes and an index in; findings on added lines out."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from provenance import checking, committing, policy
from provenance.index import Index
from provenance.model import Skipped
from provenance.policy import Finding, Judging
from tests.making import code, ingredient, opened


def lines(seed: int, tokens: int = 120) -> str:
    """Random code, eight tokens a line."""
    words = code(seed, tokens)
    return "\n".join(" ".join(words[at : at + 8]) for at in range(0, len(words), 8)) + "\n"


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM"):
        monkeypatch.setenv(name, os.devnull)
    for who in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{who}_NAME", "P")
        monkeypatch.setenv(f"GIT_{who}_EMAIL", "p@example.com")
    folder = tmp_path / "repo"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    return folder


def git(repo: Path, *arguments: str) -> None:
    subprocess.run(["git", "-C", str(repo), *arguments], check=True, capture_output=True)


def write(repo: Path, name: str, text: str, commit: str = "") -> None:
    (repo / name).parent.mkdir(parents=True, exist_ok=True)
    (repo / name).write_bytes(text.encode())
    git(repo, "add", "-A")
    if commit:
        git(repo, "commit", "-qm", commit)


@pytest.fixture
def index(tmp_path: Path) -> Index:
    return opened(tmp_path / "index", ingredient(lines(1)), ingredient(lines(2), call="c2"))


def found(added: object, index: Index) -> list[tuple[str, int, int, str]]:
    files = [one for one in added if isinstance(one, committing.Added)]  # type: ignore[attr-defined]
    judge = Judging(policy.load("clean-room").policy)
    findings: list[Finding] = list(committing.check(files, index, judge))
    return [
        (one.address.file, match.match.first_line, match.match.last_line, str(one.verdict))
        for one in findings
        for match in one.matches
    ]


def test_a_copy_in_added_lines_is_found_with_the_lines_of_the_file(repo: Path, index: Index) -> None:
    write(repo, "a.py", lines(7), "person")
    write(repo, "a.py", lines(7) + lines(1) + lines(8))
    assert [("a.py", 16, 30, "block")] == found(committing.staged(repo), index)


def test_what_was_there_before_is_not_looked_at(repo: Path, index: Index) -> None:
    write(repo, "a.py", lines(7) + lines(1), "before the tool")
    write(repo, "a.py", lines(7).replace("\n", "\n# a person's line\n", 1) + lines(1) + "done = True\n")
    assert [] == found(committing.staged(repo), index)


def test_a_line_added_within_a_copy_that_was_there_finds_nothing(repo: Path, index: Index) -> None:
    before = lines(1)
    write(repo, "a.py", before, "before the tool")
    cut = before.index("\n", 200) + 1
    write(repo, "a.py", before[:cut] + "limit = reading(gauge)\n" + before[cut:])
    assert [] == found(committing.staged(repo), index)


def test_a_copy_that_begins_in_lines_that_were_there_is_found(repo: Path, index: Index) -> None:
    whole = lines(1)
    cut = whole.index("\n", 60) + 1
    write(repo, "a.py", whole[:cut], "its first lines")
    write(repo, "a.py", whole)
    ((name, first, last, verdict),) = found(committing.staged(repo), index)
    assert ("a.py", 15, "block") == (name, last, verdict)
    assert first <= 3


def test_each_commit_of_a_range_is_looked_at(repo: Path, index: Index) -> None:
    write(repo, "a.py", "x = 1\n", "root")
    write(repo, "b.py", lines(1), "adds")
    write(repo, "b.py", "x = 2\n", "takes it away again")
    write(repo, "dir/c d.py", lines(2), "adds another")
    assert ["b.py", "dir/c d.py"] == [name for name, *_ in found(committing.commits(repo, ["HEAD~3..HEAD"]), index)]
    assert [] == found(committing.commits(repo, ["HEAD~2..HEAD~1"]), index)


def test_the_working_tree_is_looked_at_with_untracked_files(repo: Path, index: Index) -> None:
    write(repo, "a.py", "x = 1\n", "root")
    (repo / "a.py").write_text("x = 1\n" + lines(1))
    (repo / "new.py").write_text(lines(2))
    (repo / ".gitignore").write_text("ignored.py\n")
    (repo / "ignored.py").write_text(lines(2))
    assert {"a.py", "new.py"} == {name for name, *_ in found(committing.worktree(repo), index)}
    assert [] == found(committing.staged(repo), index)


def test_before_the_first_commit_everything_is_added(repo: Path, index: Index) -> None:
    write(repo, "a.py", lines(1))
    assert 1 == len(found(committing.staged(repo), index))
    assert 1 == len(found(committing.worktree(repo), index))


def test_binary_files_are_skipped_and_deletions_add_nothing(repo: Path, index: Index) -> None:
    write(repo, "a.py", lines(1), "root")
    (repo / "a.py").unlink()
    (repo / "b.bin").write_bytes(b"\0\1\2" * 100)
    git(repo, "add", "-A")
    added = list(committing.staged(repo))
    assert [("b.bin", True)] == [(one.where, "binary" in one.reason) for one in added if isinstance(one, Skipped)]
    assert [] == found(added, index)


@pytest.mark.parametrize("ending", ["\r\n", "\n"])
def test_line_ends_and_a_missing_last_one_change_nothing(repo: Path, index: Index, ending: str) -> None:
    write(repo, "a.py", "x = 1\n", "root")
    write(repo, "a.py", "x = 1\n" + lines(1).replace("\n", ending).rstrip())
    assert [("a.py", 2, 16, "block")] == found(committing.staged(repo), index)


def test_names_that_are_no_utf8_are_looked_at(repo: Path, index: Index) -> None:
    name = os.fsdecode(b"caf\xe9.py")
    (repo / name).write_text(lines(1))
    git(repo, "add", "-A")
    assert [name] == [one for one, *_ in found(committing.staged(repo), index)]


def test_a_new_file_has_the_id_that_its_text_has_as_a_file(repo: Path, index: Index) -> None:
    write(repo, "a.py", lines(7), "person")
    write(repo, "b.py", lines(7) + lines(1) + lines(8) + lines(2))
    judge = Judging(policy.load("clean-room").policy)
    added = [one for one in committing.staged(repo) if isinstance(one, committing.Added)]
    (staged,) = committing.check(added, index, judge)
    (whole,) = checking.check([("b.py", (repo / "b.py").read_bytes())], index, judge)
    assert (whole.id, whole.content, whole.tokens, 2) == (staged.id, staged.content, staged.tokens, len(staged.matches))


def test_stretches_far_apart_are_findings_of_their_own(repo: Path, index: Index) -> None:
    write(repo, "a.py", lines(7, 600), "person")
    old = lines(7, 600).splitlines(keepends=True)
    write(repo, "a.py", "".join([*old[:5], lines(1), *old[5:60], lines(2), *old[60:]]))
    judge = Judging(policy.load("clean-room").policy)
    added = [one for one in committing.staged(repo) if isinstance(one, committing.Added)]
    first, second = committing.check(added, index, judge)
    assert first.id != second.id
    assert first.content == next(checking.check([("x", lines(1).encode())], index, judge)).content
