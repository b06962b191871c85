"""What lies about in trees and repositories: told by name, by content, by ref; nothing read, nothing changed."""

from __future__ import annotations

import gzip
import json
import os
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from provenance import contamination
from provenance.cli import group
from provenance.contamination import Lying
from provenance.errors import CaptureError
from provenance.model import UNKNOWN
from tests.capture.mutating import damaged, examples
from tests.test_git import made
from tests.test_signals import NOTED

FIXTURES = Path(__file__).parent / "fixtures"
CLAUDE = (FIXTURES / "claude-code.jsonl").read_bytes()
AIDER = (FIXTURES / "aider.chat.history.md").read_bytes()
SPECSTORY = (FIXTURES / "specstory-v2.md").read_bytes()
with_git = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed here")


def tree(folder: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def found(folder: Path) -> dict[str, tuple[str, str, tuple[str, ...]]]:
    """Kind, assistant and how it was told, by the path in the tree."""
    result = contamination.find([folder])
    assert () == result.unread
    return {os.path.relpath(one.path, folder): (one.kind, one.assistant, one.told) for one in result.found}


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        (".aider.chat.history.md", AIDER, ("chat history", "aider", ("name", "content"))),
        (".aider.input.history", b"\n# 2026-01-01 00:00:00\n+Mend it\n", ("chat history", "aider", ("name",))),
        ("notes/talk.md", AIDER, ("chat history", "aider", ("content",))),
        (".specstory/history/a.md", SPECSTORY, ("chat history", "claude-code", ("name", "content"))),
        (".claude/projects/-src/s.jsonl", CLAUDE, ("transcript", "claude-code", ("name", "content"))),
        ("data/train.jsonl", CLAUDE, ("transcript", "claude-code", ("content",))),
        ("data/train.jsonl.gz", gzip.compress(CLAUDE), ("transcript", "claude-code", ("content",))),
        (".codex/sessions/2026/01/x.jsonl", (FIXTURES / "codex.jsonl").read_bytes(),
         ("transcript", "codex", ("name", "content"))),
        (".cursor/chats/a/b/store.db", b"SQLite format 3\0" + bytes(100), ("transcript", "cursor", ("name",))),
        ("note", NOTED.encode(), ("authorship note", "cursor", ("content",))),
        (".agent-trace/traces.jsonl", b"{}\n", ("agent trace", UNKNOWN, ("name",))),
    ],
)  # fmt: skip
def test_a_record_is_told_by_its_name_its_content_or_both(
    tmp_path: Path, name: str, content: bytes, expected: tuple[str, str, tuple[str, ...]]
) -> None:
    assert {name: expected} == found(tree(tmp_path, {name: content, "src/a.py": b"x = 1\n"}))


def test_what_is_no_record_is_not_listed(tmp_path: Path) -> None:
    ordinary = {
        "CLAUDE.md": b"Use Claude Code; transcripts lie in ~/.claude/projects.\n",
        ".claude/settings.json": b'{"permissions": {"allow": ["Bash"]}}',
        ".codex/config.toml": b'model = "gpt-5"\n',
        ".specstory/cli/config.toml": b"[local_sync]\n",
        ".aider.conf.yml": b"model: gpt-5\n",
        ".aider.chat.history.md": b"",
        "history.md": b"# aider\n\nIts history begins with `# aider chat started at`.\n",
        "package.json": b'{"name": "x", "type": "module"}',
        "a.png": b"\x89PNG\r\n\x1a\n\0\0",
        "a.sqlite": b"SQLite format 3\0" + bytes(100),
        "a.tar.gz": gzip.compress(CLAUDE),
    }
    assert {} == found(tree(tmp_path, ordinary))


def test_files_given_by_name_are_looked_at_and_a_missing_one_is_said(tmp_path: Path) -> None:
    file = tree(tmp_path, {"x.jsonl": CLAUDE}) / "x.jsonl"
    (one,) = contamination.find([file, file]).found
    assert (str(file), len(CLAUDE)) == (one.path, one.size)
    with pytest.raises(CaptureError, match="no such file or folder"):
        contamination.find([tmp_path / "nowhere"])


def test_links_and_pipes_are_not_followed(tmp_path: Path) -> None:
    tree(tmp_path, {"out/x.jsonl": CLAUDE, "in/a.py": b""})
    (tmp_path / "in" / "x.jsonl").symlink_to(tmp_path / "out" / "x.jsonl")
    (tmp_path / "in" / "far").symlink_to(tmp_path / "out")
    os.mkfifo(tmp_path / "in" / "pipe")
    assert {} == found(tmp_path / "in")


def test_a_file_that_cannot_be_unpacked_is_unread_and_not_clean(tmp_path: Path) -> None:
    tree(tmp_path, {"x.jsonl.gz": gzip.compress(CLAUDE)[:60]})
    result = contamination.find([tmp_path])
    assert ((), 1) == (result.found, len(result.unread))
    assert 2 == CliRunner().invoke(group, ["ingest", "--find", str(tmp_path)]).exit_code


@with_git
def test_refs_with_checkpoints_and_notes_are_listed_with_what_they_hold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = made(tmp_path / "work", monkeypatch)
    first = repository.commit("First", {"a.py": "x = 1\n"})
    second = repository.commit("Second", {"a.py": "x = 2\n"})
    for commit in (first, second):
        repository.note("refs/notes/ai", commit, NOTED)
        repository.git("update-ref", f"refs/ai/authorship/{commit}", commit)
    repository.note("refs/notes/commits", first, "a person's own note")
    repository.git("checkout", "-q", "--orphan", "entire/checkpoints/v1")
    repository.commit("Checkpoint", {"ab/cdef012345/0/full.jsonl": CLAUDE, "a.py": None})
    repository.git("checkout", "-q", "main")
    refs = {one.ref: (one.kind, one.assistant, one.size) for one in contamination.find([repository.path]).found}
    assert {
        "refs/heads/entire/checkpoints/v1": ("checkpoints", "entire", 1),
        "refs/notes/ai": ("authorship note", "git-ai", 2),
        "refs/ai/authorship": ("authorship note", "git-ai", 2),
    } == refs


@with_git
def test_a_repository_is_asked_once_and_found_from_above_and_from_within(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = made(tmp_path / "work", monkeypatch)
    commit = repository.commit("First", {"src/a.py": "x = 1\n"})
    repository.note("refs/notes/ai", commit, NOTED)
    for trees in ([tmp_path], [repository.path / "src"], [tmp_path, repository.path, repository.path / "src"]):
        result = contamination.find(trees)
        assert (1, ["refs/notes/ai"]) == (result.repositories, [one.ref for one in result.found])


def test_the_command_says_what_lies_about_and_reads_nothing_into_the_store(tmp_path: Path) -> None:
    folder, store = tree(tmp_path / "t", {".aider.chat.history.md": AIDER}), tmp_path / "store"
    run = CliRunner().invoke(group, ["ingest", "--find", str(folder), "--store", str(store)])
    assert 1 == run.exit_code
    assert (
        f".aider.chat.history.md: chat history, aider, anthropic (by name and content; {len(AIDER):,} bytes)"
        in run.output
    )
    assert not store.exists()
    assert AIDER == (folder / ".aider.chat.history.md").read_bytes()
    as_json = CliRunner().invoke(group, ["ingest", "--find", "--json", str(folder)])
    assert 1 == as_json.exit_code
    said = json.loads(as_json.output)
    assert (1, [], 1) == (said["files"], said["unread"], len(said["found"]))
    assert set(Lying.__struct_fields__) == set(said["found"][0])


def test_the_command_is_content_where_nothing_lies_about(tmp_path: Path) -> None:
    run = CliRunner().invoke(group, ["ingest", "--find", str(tree(tmp_path, {"a.py": b"x = 1\n"}))])
    assert (0, "looked at 1 file and 0 repositories: 0 found\n") == (run.exit_code, run.output)


@pytest.mark.parametrize("options", [["--find"], ["--find", "--git", ".", "."], ["--json", "."]])
def test_options_that_do_not_go_together_are_refused(options: list[str]) -> None:
    assert 2 == CliRunner().invoke(group, ["ingest", *options]).exit_code


@examples(60)
@given(st.data())
def test_damaged_records_are_listed_unread_or_nothing_and_never_an_error(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    content = data.draw(st.sampled_from([CLAUDE, AIDER, SPECSTORY, gzip.compress(CLAUDE), NOTED.encode()]))
    name = data.draw(st.sampled_from(["x.jsonl", "x.md", "x.json", "x.jsonl.gz", "x.jsonl.zst", "x.db"]))
    folder = tree(tmp_path_factory.mktemp("t"), {name: damaged(data, content)})
    result = contamination.find([folder])
    assert 1 == result.files
    assert all(one.path == str(folder / name) for one in result.found)
