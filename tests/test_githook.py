"""A commit in, through git's own hooks; its tags, what aider wrote, and an exit code that fails no commit out."""

from __future__ import annotations

import io
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from provenance import captures, entries, git, githook, hook, ingest, ledger, store, tagging
from provenance.capture import payloads
from provenance.model import UNKNOWN, Evidence
from provenance.setup import githooks
from provenance.tagging import notes
from tests.test_git import Repository, made
from tests.test_tagging import OWN, SHORT, code, noted, record, told

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed here")


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """A repository with a store of its own, in which we stand."""
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    one = made(tmp_path / "repo", monkeypatch)
    (one.path / ".provenance").mkdir()
    (one.path / ".provenance" / ".gitignore").write_text("*\n")
    monkeypatch.chdir(one.path)
    return one


@pytest.fixture
def place(repo: Repository) -> Path:
    return repo.path / ".provenance"


def call(monkeypatch: pytest.MonkeyPatch, event: str, given: bytes = b"") -> int:
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(given)))
    return githook.main(event)


def missed(place: Path) -> list[str]:
    found = ledger.read(place)
    return [one.facts["reason"] for one in found if isinstance(one, ledger.Entry) and one.kind == entries.MISSED]


def note(repo: Repository, revision: str = "HEAD") -> notes.Note | None:
    data = noted(repo, revision)
    return notes.parse(data) if data else None


def test_a_commit_is_tagged_when_it_is_made(repo: Repository, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record(place, code(1))
    repo.commit("one", {"a.py": OWN + code(1)})
    assert 0 == call(monkeypatch, "post-commit")
    assert [(5, 11, "exact")] == told(note(repo))
    repo.commit("own", {"b.py": code(2)})
    assert 0 == call(monkeypatch, "post-commit")
    assert note(repo) is None
    assert [] == missed(place)


def test_what_a_hook_captured_and_nobody_settled_yet_is_found(
    repo: Repository, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    payload = {
        "session_id": "s1",
        "transcript_path": "",
        "cwd": str(repo.path),
        "hook_event_name": "PostToolUse",
        "tool_name": "Edit",
        "tool_use_id": "toolu_01AAAAAAAAAAAAAAAAAAAAAA",
        "tool_input": {
            "file_path": str(repo.path / "a.py"),
            "old_string": "import sys\n",
            "new_string": f"import sys\n{SHORT}",
        },
        "tool_response": {"originalFile": OWN},
    }
    hook.capture(payloads.hear(payload, "claude-code"), str(place))
    monkeypatch.setenv("GIT_COMMITTER_DATE", "@4000000000 +0000")
    repo.commit("one", {"a.py": OWN.replace("import sys\n", f"import sys\n{SHORT}")})
    assert 0 == call(monkeypatch, "post-commit")
    assert [(3, 3, "recorded")] == told(note(repo))


def test_rewritten_commits_are_tagged_by_what_is_in_them(
    repo: Repository, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(place, code(1))
    old = repo.commit("one", {"a.py": code(1)})
    assert 0 == call(monkeypatch, "post-commit")
    repo.git("commit", "-q", "--amend", "-m", "other words")
    new = repo.git("rev-parse", "HEAD")
    assert 0 == call(monkeypatch, "post-rewrite", f"{old} {new}\n".encode())
    assert [(1, 7, "exact")] == told(note(repo))


def test_the_tags_of_colleagues_follow_a_rewritten_commit(
    repo: Repository, place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(tmp_path / "theirs", code(1))
    old = repo.commit("one", {"a.py": code(1)})
    (found,) = tagging.tag(repo.path, tmp_path / "theirs", tagging.commits_of(repo.path, ["HEAD"]))
    tagging.write(repo.path, place, found)
    new = repo.commit("two", {"a.py": code(1), "b.py": OWN})
    repo.git("reset", "-q", "--soft", f"{old}")
    repo.git("commit", "-q", "--amend", "-m", "both")
    new = repo.git("rev-parse", "HEAD")
    assert 0 == call(monkeypatch, "post-rewrite", f"{old} {new} more\n".encode())
    assert [(1, 7, "exact")] == told(note(repo))


def test_through_gits_own_hooks_a_rebase_keeps_its_tags(repo: Repository, place: Path) -> None:
    for name in githooks.NAMES:
        file = repo.path / ".git" / "hooks" / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(githooks.create(name, f"'{sys.executable}' -m provenance"))
        file.chmod(0o755)
    record(place, code(1))
    record(place, code(2), path="b.py", call="c2")
    base = repo.commit("own", {"c.py": OWN})
    repo.commit("one", {"a.py": code(1)})
    repo.commit("two", {"b.py": code(2)})
    assert [(1, 7, "exact")] == told(note(repo), "b.py")
    script = "sed -i.bak -e 2s/^pick/squash/"
    done = subprocess.run(
        ["git", "rebase", "-q", "-i", base],
        check=False,
        capture_output=True,
        env={**os.environ, "GIT_SEQUENCE_EDITOR": script, "GIT_EDITOR": "true"},
    )
    assert 0 == done.returncode, done.stderr.decode()
    assert [(1, 7, "exact")] * 2 == told(note(repo)) + told(note(repo), "b.py")
    assert [] == missed(place)


# what can go wrong


def test_a_repository_without_a_store_is_left_alone(
    repo: Repository, place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.rmtree(place)
    repo.commit("one", {"a.py": code(1)})
    assert 0 == call(monkeypatch, "post-commit")
    assert not (tmp_path / "home" / ".local").exists()


@pytest.mark.parametrize(
    ("event", "given", "why"),
    [
        ("pre-push", b"", "unknown event"),
        ("post-rewrite", b"no pair\n", "is not what git gives"),
        ("post-rewrite", b"\xff\xfe\x00", "is not what git gives"),
    ],
)
def test_what_git_would_not_ask_is_a_miss(
    repo: Repository,
    place: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    event: str,
    given: bytes,
    why: str,
) -> None:
    assert 1 == call(monkeypatch, event, given)
    (line,) = capsys.readouterr().err.splitlines()
    assert why in line
    assert 1 == len(missed(place))


def test_commits_that_are_gone_are_no_miss(repo: Repository, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repo.commit("one", {"a.py": code(1)})
    assert 0 == call(monkeypatch, "post-rewrite", f"{'1' * 40} {'2' * 40}\n\n".encode())
    assert 0 == call(monkeypatch, "post-rewrite", b"")
    assert [] == missed(place)


def test_a_damaged_store_fails_no_commit(
    repo: Repository, place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    record(place, code(1))
    shard = next((place / "store").glob("*.pvs"))
    shard.chmod(stat.S_IRUSR | stat.S_IWUSR)
    shard.write_bytes(shard.read_bytes()[:-9])
    repo.commit("one", {"a.py": code(1)})
    assert 1 == call(monkeypatch, "post-commit")
    assert "damaged" in capsys.readouterr().err
    assert 1 == len(missed(place))


def test_what_takes_longer_than_a_commit_should_is_left_to_a_command(
    repo: Repository, place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    record(place, code(1))
    monkeypatch.setattr(githook, "MOST_FILES", 1000)
    repo.commit("many", {f"{number}.py": code(1) for number in range(9)})
    assert 1 == call(monkeypatch, "post-commit")
    assert "'provenance tag' does it" in capsys.readouterr().err
    assert note(repo) is None


def test_a_picture_alone_is_no_miss(repo: Repository, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repo.commit("picture", {"a.png": b"\0\1\2"})
    assert 0 == call(monkeypatch, "post-commit")


def test_where_git_is_missing_it_is_said(
    repo: Repository, place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(repo.path / "nowhere"))
    assert 1 == call(monkeypatch, "post-commit")
    assert "git" in capsys.readouterr().err


# aider


AIDER = "Ada (aider) <ada@example.com>"
TRAILER = "\n\nCo-authored-by: aider (openai/gpt-5.2) <aider@aider.chat>\n"


def waiting(place: Path) -> list[Any]:
    return [one.ingredient for one in captures.waiting(place)]


def test_what_aider_commits_is_captured_with_the_model_that_it_names(
    repo: Repository, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo.commit("own", {"a.py": OWN})
    sha = repo.commit(f"feat: gauge{TRAILER}", {"a.py": OWN + code(2), "b.py": code(1)}, author=AIDER)
    assert 0 == call(monkeypatch, "post-commit")
    found = waiting(place)
    assert [("a.py", "captured"), ("b.py", "captured")] == sorted((one.path, str(one.evidence)) for one in found)
    assert {("aider", "openai/gpt-5.2", "openai", UNKNOWN, "2026-03-04T04:06:07.000Z")} == {
        (one.origin.tool, one.origin.model, one.origin.provider, one.origin.session, one.origin.time) for one in found
    }
    one = note(repo, sha)
    assert ([(5, 11, "exact")], [(1, 7, "exact")]) == (told(one), told(one, "b.py"))
    ingest.settle(place)
    assert {Evidence.CAPTURED} == {each.evidence for each in store.read(place)}


def test_a_commit_of_aiders_is_captured_once(repo: Repository, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repo.commit(f"feat{TRAILER}", {"a.py": code(1)}, author=AIDER)
    for _ in range(2):
        assert 0 == call(monkeypatch, "post-commit")
    assert 1 == len(waiting(place))
    ingest.settle(place)
    assert 0 == call(monkeypatch, "post-commit")
    assert [] == waiting(place)


def test_the_person_who_commits_and_the_one_who_amends_later_is_not_aider(
    repo: Repository, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo.commit("own", {"a.py": code(1)})
    assert 0 == call(monkeypatch, "post-commit")
    repo.commit(f"feat{TRAILER}", {"b.py": code(2)}, author=AIDER)
    monkeypatch.setenv("GIT_COMMITTER_DATE", "2026-03-04T06:06:07+01:00")
    (repo.path / "c.py").write_text(code(3))
    repo.git("add", "-A")
    repo.git("commit", "-q", "--amend", "--no-edit")
    assert 0 == call(monkeypatch, "post-commit")
    assert [] == waiting(place)


def test_lines_that_aider_only_moved_are_not_its_own(
    repo: Repository, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo.commit("own", {"a.py": OWN + code(1)})
    repo.commit(f"refactor{TRAILER}", {"a.py": OWN, "b.py": code(1)}, author=AIDER)
    assert 0 == call(monkeypatch, "post-commit")
    assert [] == waiting(place)
    assert git.resolve(repo.path, "HEAD")
    assert note(repo) is None
