"""``provenance tag`` and ``provenance blame`` as a user meets them."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from provenance import cli, git
from provenance.capture import agent_trace
from provenance.capture.session import Tally
from provenance.model import Origin
from provenance.tagging import notes
from tests.conftest import Ran
from tests.test_git import Repository, made
from tests.test_tagging import ONE, OWN, code, noted, record, told

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed here")
Run = Callable[..., Ran]


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """A repository with a store that knows ``code(1)``, in which we stand; HEAD adds it to a person's lines."""
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    for name in ("tag", "blame"):
        monkeypatch.setitem(cli.COMMANDS, name, "")
    one = made(tmp_path / "repo", monkeypatch)
    (one.path / ".provenance").mkdir()
    (one.path / ".provenance" / ".gitignore").write_text("*\n")
    monkeypatch.chdir(one.path)
    record(Path(".provenance"), code(1))
    one.commit("own", {"a.py": OWN})
    one.commit("both", {"a.py": OWN + code(1)})
    return one


def head(repo: Repository) -> str:
    return (git.resolve(repo.path, "HEAD") or "")[:12]


def test_a_commit_is_tagged_and_said_in_a_line(run: Run, repo: Repository) -> None:
    done = run("tag")
    assert (0, "") == (done.code, done.err)
    assert f"{head(repo)}  7 of 7 added lines recorded: claude-code claude-opus-4-5 7\n" == done.out
    assert [(5, 11, "exact")] == told(notes.parse(noted(repo)))


def test_a_range_is_tagged_and_its_share_is_told(run: Run, repo: Repository) -> None:
    repo.commit("more", {"b.py": code(2)})
    assert 3 == len(run("tag", "HEAD~2", "HEAD~2..HEAD").out.splitlines())
    done = run("tag", "--range", "HEAD~2..HEAD", "--check")
    assert (0, "2 commits, 1 with tags: 7 of 14 added lines recorded (50.0 %), 7 unknown") == (
        done.code,
        done.out.splitlines()[0],
    )
    assert "human" not in done.out


def test_quiet_says_nothing_but_warns(run: Run, repo: Repository) -> None:
    repo.commit("picture", {"b.png": b"\0"})
    done = run("tag", "--quiet")
    assert ("", f"warning: {head(repo)}: b.png: binary\n") == (done.out, done.err)


def test_trailers_are_printed_and_nothing_is_written(run: Run, repo: Repository) -> None:
    assert f"{ONE}\n" == run("tag", "--trailer", "HEAD~1", "HEAD").out
    assert b"" == noted(repo)


def test_a_message_gets_the_trailers_of_what_is_staged(run: Run, repo: Repository, tmp_path: Path) -> None:
    message = tmp_path / "COMMIT_EDITMSG"
    message.write_bytes(b"Caf\xe9\n\n# comment\n")
    run("tag", "--trailer", "--message", message)
    assert b"Caf\xe9\n\n# comment\n" == message.read_bytes()
    (repo.path / "c.py").write_text(code(1))
    repo.git("add", "c.py")
    for _ in range(2):
        assert 0 == run("tag", "--trailer", "--message", message).code
        assert f"Caf\udce9\n\n{ONE}\n\n# comment\n".encode(errors="surrogateescape") == message.read_bytes()


def test_what_is_committed_by_path_has_an_index_of_its_own(
    run: Run, repo: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    message = tmp_path / "message"
    message.write_text("Fix\n")
    (repo.path / "c.py").write_text(code(1))
    repo.git("add", "c.py")
    shutil.copy(repo.path / ".git" / "index", tmp_path / "index")
    repo.git("reset", "-q")
    run("tag", "--trailer", "--message", message)
    assert "Fix\n" == message.read_text()
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "index"))
    run("tag", "--trailer", "--message", message)
    assert f"Fix\n\n{ONE}\n" == message.read_text()


def test_tags_go_out_in_the_forms_of_others(run: Run, repo: Repository) -> None:
    assert 0 == run("tag", "--export", "git-ai").code
    assert notes.is_ours(noted(repo, ref="refs/notes/ai"))
    assert b"" == noted(repo)
    repo.note("refs/notes/ai", "HEAD", b"a.py\n  0123456789abcdef 1-7\n---\n{}")
    done = run("tag", "--export", "git-ai")
    assert (2, True) == (done.code, "leave it, or replace it with --force" in done.err)
    assert 0 == run("tag", "--export", "git-ai", "--force").code


def test_agent_trace_records_are_lines_of_json(run: Run, repo: Repository) -> None:
    done = run("tag", "--export", "agent-trace", "HEAD~1..HEAD")
    (trace,), _ = agent_trace.parse([done.out.encode()], Tally())
    assert ("a.py", 5, 11) == (trace.path, trace.first, trace.last)


@pytest.mark.parametrize(
    "arguments",
    [
        ("--check", "--trailer"),
        ("--message", "a.py"),
        ("--trailer", "--message", "a.py", "HEAD"),
        ("--check", "--force"),
        ("--export", "spdx"),
    ],
)
def test_what_does_not_go_together_is_said(run: Run, repo: Repository, arguments: tuple[str, ...]) -> None:
    assert 2 == run("tag", *arguments).code


def test_what_is_missing_is_said(run: Run, repo: Repository, tmp_path: Path) -> None:
    assert "'nothing' names no commit" in run("tag", "nothing").err
    assert "no store here" in run("tag", "--store", tmp_path / "none").err
    (tmp_path / "empty").mkdir()
    assert 2 == run("tag", "--repo", tmp_path / "empty").code
    assert 2 == run("blame", "--store", tmp_path / "none", "a.py").code
    assert "is no file of HEAD" in run("blame", "none.py").err


def test_every_line_says_whose_it_is(run: Run, repo: Repository) -> None:
    said = run("blame", "a.py").out.splitlines()
    assert 11 == len(said)
    assert said[0].startswith("unknown ")
    assert said[0].endswith("  1) import os")
    assert "" == said[2].split("3)")[0].strip()
    assert said[4].startswith("claude-code claude-opus-4-5 s1 2026-03-01 exact transcript")
    assert said[4].endswith("5) def drained(level, limit=4):")
    assert "human" not in "".join(said)


def test_lines_are_counted_by_origin(run: Run, repo: Repository) -> None:
    assert ["      7  claude-code claude-opus-4-5: exact, transcript", "      3  unknown"] == run(
        "blame", "--summary", "a.py"
    ).out.splitlines()
    facts = json.loads(run("blame", "--summary", "--json", "--rev", "HEAD~1", "a.py").out)
    assert [{"what": "unknown", "lines": 3}] == facts["summary"]


def test_a_program_reads_every_line(run: Run, repo: Repository) -> None:
    facts = json.loads(run("blame", "--json", "a.py").out)
    assert ["unknown", "unknown", None, "unknown"] == [line["origin"] for line in facts["lines"][:4]]
    assert {("store", "exact", "transcript", "s1")} == {
        (line["via"], line["similarity"], line["evidence"], line["origin"]["session"]) for line in facts["lines"][4:]
    }


def test_without_a_store_the_notes_tell(run: Run, repo: Repository) -> None:
    run("tag")
    shutil.rmtree(".provenance")
    said = run("blame", "a.py").out.splitlines()
    assert said[4].startswith("claude-code claude-opus-4-5 s1 2026-03-01 recorded transcript (note)")
    assert said[0].startswith("unknown")


def test_what_a_terminal_would_obey_is_shown_as_its_escape(run: Run, repo: Repository) -> None:
    evil = "\x1b]0;owned\x07\x1b[2J"
    record(Path(".provenance"), code(2), path="b.py", call="c9", origin=Origin(tool="codex", model=f"gpt{evil}"))
    repo.commit("evil", {"b.py": code(2) + f"# {evil}\u202e\tx\r\n"})
    for done in (run("blame", "b.py"), run("blame", "--summary", "b.py"), run("tag")):
        assert not {"\x1b", "\x07", "\u202e"}.intersection(done.out + done.err)
    assert r"# \x1b]0;owned\x07\x1b[2J\u202e" in run("blame", "b.py").out


@pytest.mark.skipif(os.name == "nt", reason="paths are text there")
def test_a_file_is_named_from_where_one_stands(
    run: Run, repo: Repository, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    name = os.fsdecode(b"caf\xe9.py")
    repo.commit("deep", {f"deep/er/{name}": code(1)})
    monkeypatch.chdir(repo.path / "deep" / "er")
    assert "7  claude-code" in run("blame", "--summary", name).out
    assert "7  claude-code" in run("blame", "--summary", "../../a.py").out
    monkeypatch.chdir(tmp_path)
    assert "7  claude-code" in run("blame", "--repo", "repo", "--summary", "a.py").out
    (repo.path / "deep").rename(tmp_path / "elsewhere")
    assert "7  claude-code" in run("blame", "--repo", "repo", "--summary", f"deep/er/{name}").out
