"""Every question to git, asked of real repositories, hostile ones too."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from provenance import git
from provenance.errors import CaptureError

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed here")


class Repository(NamedTuple):
    """A real repository to try things on."""

    path: Path

    def git(self, *arguments: str | bytes, given: bytes = b"") -> str:
        done = subprocess.run(["git", "-C", str(self.path), *arguments], input=given, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode("utf-8", "surrogateescape").removesuffix("\n")

    def commit(self, message: str, files: dict[str, str | bytes | None], author: str = "Ada <ada@example.com>") -> str:
        """Commit these files (None deletes one) and give the commit's id."""
        for name, content in files.items():
            file = self.path / name
            if content is None:
                file.unlink()
                continue
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content.encode() if isinstance(content, str) else content)
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", f"--author={author}", "-F", "-", given=message.encode())
        return self.git("rev-parse", "HEAD")

    def note(self, ref: str, commit: str, data: str | bytes) -> None:
        git.write_note(self.path, ref, commit, data.encode() if isinstance(data, str) else data)


def made(path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """A new repository, with nobody's configuration and a fixed clock."""
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    for who in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{who}_NAME", "Ada")
        monkeypatch.setenv(f"GIT_{who}_EMAIL", "ada@example.com")
        monkeypatch.setenv(f"GIT_{who}_DATE", "2026-03-04T05:06:07+01:00")
    path.mkdir()
    repository = Repository(path)
    repository.git("init", "-q", "-b", "main")
    return repository


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    return made(tmp_path / "work", monkeypatch)


def changed(repository: Repository) -> list[list[git.Change] | None]:
    """The changes of every commit, oldest first."""
    return [found for _, found in git.changes(repository.path, git.commits(repository.path))]


def added(repository: Repository) -> dict[str, list[tuple[int, tuple[str, ...]]]]:
    """What HEAD adds: for each path its hunks."""
    (found,) = [one for _, one in git.changes(repository.path, list(git.commits(repository.path))[-1:])]
    assert found is not None
    return {one.path: [tuple(hunk) for hunk in one.hunks] for one in found}  # type: ignore[misc]


def test_root_and_common_dir_are_found_from_any_folder_and_work_tree(repository: Repository, tmp_path: Path) -> None:
    repository.commit("one", {"a/b/file": "x\n"})
    repository.git("worktree", "add", "-q", str(tmp_path / "second"))
    assert git.root(repository.path / "a/b") == repository.path
    assert git.root(repository.path / ".git") == repository.path / ".git"
    assert git.root(tmp_path / "second") == tmp_path / "second"
    assert git.common_dir(tmp_path / "second") == git.common_dir(repository.path / "a") == repository.path / ".git"
    assert not git.is_bare(repository.path)


def test_a_bare_repository_has_its_folder_as_root(repository: Repository, tmp_path: Path) -> None:
    sha = repository.commit("one", {"file": "x\n"})
    repository.git("clone", "-q", "--bare", str(repository.path), str(tmp_path / "bare"))
    bare = tmp_path / "bare"
    assert git.is_bare(bare)
    assert git.root(bare) == bare
    assert git.head(bare) == sha
    assert [Change("file", 1)] == [Change(one.path, len(one.hunks)) for one in changed(Repository(bare))[0] or []]


class Change(NamedTuple):
    path: str
    hunks: int


def test_what_is_no_repository_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match=r"is in no git repository \(name a folder inside one\)"):
        git.root(tmp_path)
    with pytest.raises(CaptureError, match="no such folder"):
        git.root(tmp_path / "nowhere")
    with pytest.raises(CaptureError, match="is in no git repository"), git.objects(tmp_path) as read:
        read("HEAD")


def test_without_git_it_is_said_so(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(repository.path))
    with pytest.raises(CaptureError, match="git is not installed"):
        git.root(repository.path)
    with pytest.raises(CaptureError, match="git is not installed"):
        git.staged(repository.path)


def test_a_repository_without_a_commit_has_no_head_and_no_history(repository: Repository) -> None:
    assert git.head(repository.path) is None
    assert [] == list(git.commits(repository.path))
    assert [] == git.staged(repository.path)
    assert [] == git.tree(repository.path, "HEAD")


def test_a_revision_that_git_would_read_as_an_option_is_refused(repository: Repository) -> None:
    repository.commit("one", {"file": "x\n"})
    for name in ("--output=taken", "-x", "", "a\0b"):
        with pytest.raises(CaptureError, match="names no revision"):
            list(git.commits(repository.path, [name]))
        with pytest.raises(CaptureError, match="names no revision"):
            git.resolve(repository.path, name)
    assert not (repository.path / "taken").exists()
    assert git.resolve(repository.path, "nowhere") is None
    with pytest.raises(CaptureError, match="git could not answer"):
        list(git.commits(repository.path, ["nowhere"]))


def test_the_variables_of_a_hook_do_not_change_which_repository_is_asked(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sha = repository.commit("one", {"file": "x\n"})
    other = made(tmp_path / "other", monkeypatch)
    monkeypatch.setenv("GIT_DIR", str(other.path / ".git"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "nowhere"))
    assert git.head(repository.path) == sha
    assert [] == git.staged(repository.path)


def test_commits_come_with_their_parents_people_and_message_parents_first(repository: Repository) -> None:
    first = repository.commit("one", {"file": "x\n"})
    second = repository.commit("two\n\nbody\n\nKey: value\n", {"file": "y\n"}, "Bea Ü <b@example.com>")
    one, two = git.commits(repository.path)
    ada = git.Person("Ada", "ada@example.com", "2026-03-04T04:06:07.000Z")
    assert one == git.Commit(first, (), ada, ada, "one\n")
    assert two == git.Commit(second, (first,), ada._replace(name="Bea Ü", email="b@example.com"), ada,
                             "two\n\nbody\n\nKey: value\n")  # fmt: skip
    assert [second] == [commit.sha for commit in git.commits(repository.path, ["HEAD", f"^{first}"])]
    assert [second] == [commit.sha for commit in git.commits(repository.path, [f"{first}..main"])]


def test_every_branch_tag_and_remote_is_history_but_entires_records_are_not(repository: Repository) -> None:
    shas = {repository.commit("main", {"file": "x\n"})}
    for ref in ("refs/heads/side", "refs/tags/old", "refs/remotes/origin/theirs"):
        repository.git("checkout", "-q", "--detach", "main")
        shas.add(repository.commit(ref, {ref: "x\n"}))
        repository.git("update-ref", ref, "HEAD")
    for ref in ("refs/heads/entire/checkpoints/v1", "refs/remotes/origin/entire/checkpoints/v1", "refs/notes/x"):
        repository.git("checkout", "-q", "--detach", "main")
        repository.commit(ref, {ref: "x\n"})
        repository.git("update-ref", ref, "HEAD")
    repository.git("checkout", "-q", "main")
    assert shas == {commit.sha for commit in git.commits(repository.path)}


def test_people_stand_as_the_commit_has_them(repository: Repository) -> None:
    repository.commit("one", {".mailmap": "Someone <s@example.com> <ada@example.com>\n"})
    (commit,) = git.commits(repository.path)
    assert ("Ada", "ada@example.com") == commit.author[:2]


def test_a_message_in_another_encoding_is_read(repository: Repository) -> None:
    repository.git("config", "i18n.commitEncoding", "ISO-8859-1")
    repository.git("commit", "-q", "--allow-empty", "-F", "-", given="gr\u00fcn".encode("latin-1"))
    assert ["grün\n"] == [commit.message for commit in git.commits(repository.path)]


@pytest.mark.parametrize(
    "header",
    [
        b"author nobody",
        b"author <> x",
        b"author A <a@x> 99999999999999999999 +0000",
        b"encoding \xff\nauthor A <a> 1",
    ],
)
def test_a_malformed_commit_object_is_read_as_far_as_it_goes(repository: Repository, header: bytes) -> None:
    tree = repository.git("hash-object", "-w", "-t", "tree", "--stdin")
    raw = b"tree %s\n%s\n\nhello \xff" % (tree.encode(), header)
    sha = repository.git("hash-object", "-w", "--literally", "-t", "commit", "--stdin", given=raw)
    with git.objects(repository.path) as read:
        commit = git.commit_of(read(sha))
    assert commit is not None
    assert ("hello \ufffd", ()) == (commit.message, commit.parents)


def test_hunks_have_the_numbers_and_lines_of_the_new_file(repository: Repository) -> None:
    repository.commit("one", {"file": "".join(f"{n}\n" for n in range(1, 10))})
    repository.commit("two", {"file": "0\n1\n2\n3\n5\nsix\nseven\n8\n9\nten"})
    assert {"file": [(1, ("0",)), (6, ("six", "seven")), (10, ("ten",))]} == added(repository)


def test_the_first_commit_adds_all_that_it_holds(repository: Repository) -> None:
    repository.commit("one", {"a": "1\n2\n", "b/c": "3", "empty": ""})
    assert {"a": [(1, ("1", "2"))], "b/c": [(1, ("3",))], "empty": []} == added(repository)


def test_a_renamed_file_is_one_that_goes_and_one_that_comes(repository: Repository) -> None:
    text = "".join(f"line {n}\n" for n in range(20))
    repository.commit("one", {"old": text})
    repository.git("config", "diff.renames", "copies")
    repository.commit("two", {"old": None, "new": text})
    new, old = changed(repository)[1] or []
    assert ("new", "", "old", "") == (new.path, new.old, old.path, old.new)
    assert new.new == old.old
    assert (1, 0) == (len(new.hunks), len(old.hunks))


NAMES = [
    "with space", " leading", "trailing ", 'quo"te', "back\\slash", "tab\tx", "new\nline", "-rf", "--output=x",
    ":(top)x", "é", "a b/a b", "diff --git a b/x", "\x01", "@@ -1 +1 @@", "ünï\n\"q\"",
]  # fmt: skip


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such file names")
@pytest.mark.parametrize("name", [*NAMES, os.fsdecode(b"\xff\xfe bytes")])
def test_any_file_name_is_read_as_it_is(repository: Repository, name: str) -> None:
    repository.commit("one", {name: "x\n"})
    sha = repository.commit("two", {name: "x\ny\n"})
    assert {name: [(2, ("y",))]} == added(repository)
    assert [name] == [entry.path for entry in git.tree(repository.path, "HEAD")]
    with git.objects(repository.path) as read:
        assert git.text_of(read(f"{sha}:{name}")) == "x\ny\n"
    repository.git("--literal-pathspecs", "rm", "-q", "--cached", "--", os.fsencode(name))
    assert [(name, "")] == [(one.path, one.new) for one in git.staged(repository.path)]


def test_lines_that_look_like_a_diff_are_lines(repository: Repository) -> None:
    text = [
        "diff --git a/x b/x", "@@ -1 +1 @@", "-- x", "++ x", "\\ No newline at end of file", "a" * 40,
        "Binary files a and b differ", f"index {'1' * 40}..{'2' * 40}", "+++ b/y",
    ]  # fmt: skip
    repository.commit("one", {"file": "\n".join(text) + "\n"})
    assert {"file": [(1, tuple(text))]} == added(repository)
    repository.commit("two", {"file": "\n".join(reversed(text)) + "\n"})
    assert ["file"] == list(added(repository))


def test_a_carriage_return_belongs_to_its_line_and_broken_utf8_is_replaced(repository: Repository) -> None:
    repository.commit("one", {"file": b"a\r\nb\rc\x0cd\nx\xff\n"})
    assert {"file": [(1, ("a\r", "b\rc\x0cd", "x\ufffd"))]} == added(repository)


def test_a_binary_file_is_said_to_be_one_and_has_no_hunks(repository: Repository) -> None:
    repository.commit("one", {"picture": b"a\nb\0c\n", "text": "x\n"})
    picture, text = changed(repository)[0] or []
    assert (True, ()) == (picture.is_binary, picture.hunks)
    assert (False, 1) == (text.is_binary, len(text.hunks))


def test_more_than_the_limit_is_no_text_and_no_object(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(git, "LARGEST", 400)
    sha = repository.commit("one", {"large": "word\n" * 100, "line": "word" * 100, "small": "word\n"})
    assert [("large", True, 0), ("line", True, 0), ("small", False, 1)] == [
        (one.path, one.is_binary, len(one.hunks)) for one in changed(repository)[0] or []
    ]
    with git.objects(repository.path) as read:
        assert read(f"{sha}:large") is None
        assert read(f"{sha}:line") is not None
        assert git.text_of(read(f"{sha}:small")) == "word\n"


def test_attributes_hide_no_text(repository: Repository) -> None:
    repository.commit("one", {".gitattributes": "*.py -diff\n*.txt binary\n"})
    repository.commit("two", {"a.py": "x\n", "b.txt": "y\n"})
    assert {"a.py": [(1, ("x",))], "b.txt": [(1, ("y",))]} == added(repository)


def test_a_mode_alone_changes_no_text_and_a_submodule_is_no_file(repository: Repository) -> None:
    sha = repository.commit("one", {"tool": "x\n"})
    repository.git("update-index", "--chmod=+x", "tool")
    repository.git("update-index", "--add", "--cacheinfo", f"160000,{sha},sub")
    assert [("tool", ())] == [(one.path, one.hunks) for one in git.staged(repository.path)]


def test_a_merge_changes_what_its_first_parent_lacks(repository: Repository) -> None:
    repository.commit("base", {"file": "x\n"})
    repository.git("checkout", "-q", "-b", "side")
    repository.commit("side", {"side": "s\n"})
    repository.git("checkout", "-q", "main")
    repository.commit("main", {"main": "m\n"})
    repository.git("merge", "-q", "--no-ff", "-m", "merge", "side")
    assert {"side": [(1, ("s",))]} == added(repository)


def test_of_a_commit_whose_parent_a_shallow_clone_lacks_no_change_is_known(
    repository: Repository, tmp_path: Path
) -> None:
    for n in range(4):
        repository.commit(str(n), {f"file{n}": "x\n"})
    repository.git("clone", "-q", "--depth=2", f"file://{repository.path}", str(tmp_path / "shallow"))
    clone = Repository(tmp_path / "shallow")
    assert [None, ["file3"]] == [found and [one.path for one in found] for found in changed(clone)]
    assert frozenset([clone.git("rev-parse", "HEAD^")]) == git.shallow(clone.path)
    assert frozenset() == git.shallow(repository.path)


def test_a_commit_with_a_missing_file_is_unknown_and_the_others_are_read(repository: Repository) -> None:
    for n in range(5):
        repository.commit(str(n), {f"file{n}": f"text {n}\n"})
    for n in (0, 2, 4):
        oid = repository.git("rev-parse", f"HEAD:file{n}")
        (repository.path / ".git/objects" / oid[:2] / oid[2:]).unlink()
        (repository.path / f"file{n}").unlink()
    assert [None, ["file1"], None, ["file3"], None] == [
        found and [one.path for one in found] for found in changed(repository)
    ]


def test_objects_are_read_by_id_and_by_path_and_what_is_none_is_none(repository: Repository) -> None:
    sha = repository.commit("one", {"dir/file": "text\n", "raw": b"\0"})
    with git.objects(repository.path) as read:
        found = read(f"{sha}:dir/file")
        assert found is not None
        assert ("blob", b"text\n") == found[1:]
        assert read(found.oid) == found
        for name in (":x", "HEAD:../x", "HEAD:./dir", "HEAD:/dir", "HEAD:", "nowhere:x", "HEAD:nowhere 5", "x y 7", "",
                     "\0", "HEAD:no\nwhere", "HEAD:x missing", "1" * 40):  # fmt: skip
            assert read(name) is None, name
        folder = read("HEAD:dir")
        assert folder is not None
        assert ("tree", None) == (folder.kind, git.text_of(folder))
        assert git.text_of(read("HEAD:raw")) is None
        assert git.commit_of(read("HEAD:raw")) is None
        assert read(f"{sha}:dir/file") == found


def test_nothing_of_a_repository_is_run(repository: Repository, tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    script = tmp_path / "script"
    script.write_text(f"#!/bin/sh\necho x >> '{ran}'\ncat \"$1\" 2>/dev/null\nexit 0\n")
    script.chmod(0o755)
    sha = repository.commit("one", {".gitattributes": "* diff=evil filter=evil\n", "file": "x\n"})
    repository.commit("two", {"file": "x\ny\n"})
    for hook in ("pre-commit", "post-commit", "reference-transaction", "post-index-change", "fsmonitor-watchman"):
        shutil.copy(script, repository.path / ".git/hooks" / hook)
    keys = ("core.fsmonitor", "core.pager", "core.editor", "core.askPass", "core.sshCommand", "diff.external",
            "diff.evil.command", "diff.evil.textconv", "filter.evil.clean", "filter.evil.smudge", "gpg.program",
            "credential.helper", "pager.notes", "pager.rev-list")  # fmt: skip
    for key in keys:
        repository.git("config", key, str(script))
    repository.git("config", "commit.gpgSign", "true")
    repository.git("config", "log.showSignature", "true")
    ran.unlink(missing_ok=True)
    git.root(repository.path)
    git.staged(repository.path)
    git.write_note(repository.path, "refs/notes/x", sha, b"note")
    git.tree(repository.path, "HEAD")
    assert {"file": [(2, ("y",))]} == added(repository)
    assert not ran.exists()


def test_a_note_is_written_and_taken_away_where_git_knows_nobody(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    sha = repository.commit("one", {"file": "x\n"})
    for who in ("AUTHOR", "COMMITTER"):
        monkeypatch.delenv(f"GIT_{who}_NAME")
        monkeypatch.delenv(f"GIT_{who}_EMAIL")
    repository.git("config", "user.useConfigOnly", "true")
    repository.note("refs/notes/x", sha, "said")
    assert [sha] == [commit for commit, _ in git.notes(repository.path, "refs/notes/x")]
    git.remove_note(repository.path, "refs/notes/x", sha)
    assert [] == git.notes(repository.path, "refs/notes/x")


def test_a_replaced_object_is_read_as_it_was(repository: Repository) -> None:
    sha = repository.commit("one", {"file": "x\n"})
    other = repository.commit("two", {"file": "y\n"})
    repository.git("replace", sha, other)
    with git.objects(repository.path) as read:
        assert git.text_of(read(f"{sha}:file")) == "x\n"


def test_what_is_staged_is_the_index_and_not_the_work_tree(repository: Repository) -> None:
    repository.path.joinpath("first").write_text("a\n")
    repository.git("add", "first")
    repository.path.joinpath("first").write_text("a\nnot staged\n")
    (one,) = git.staged(repository.path)
    assert ("first", (git.Hunk(1, ("a",)),)) == (one.path, one.hunks)
    with git.objects(repository.path) as read:
        assert git.text_of(read(one.new)) == "a\n"


def test_another_index_file_is_asked_where_it_is_named(repository: Repository, tmp_path: Path) -> None:
    repository.commit("one", {"file": "x\n"})
    repository.path.joinpath("file").write_text("x\ny\n")
    shutil.copy(repository.path / ".git/index", tmp_path / "index")
    subprocess.run(
        ["git", "-C", str(repository.path), "add", "file"],
        env={**os.environ, "GIT_INDEX_FILE": str(tmp_path / "index")},
        check=True,
    )
    assert [] == git.staged(repository.path)
    assert ["file"] == [one.path for one in git.staged(repository.path, str(tmp_path / "index"))]


def test_a_note_is_kept_byte_for_byte_and_replaced_by_the_next(repository: Repository) -> None:
    first, second = repository.commit("one", {}), repository.commit("two", {})
    data = b"  lines \n\n\n\xff\0# no comment\n\n"
    repository.note("refs/notes/x", "HEAD", b"old")
    repository.note("refs/notes/x", "HEAD", data)
    repository.note("refs/notes/x", first, b"")
    with git.objects(repository.path) as read:
        found = {commit: read(oid) for commit, oid in git.notes(repository.path, "refs/notes/x")}
    assert {first: b"", second: data} == {commit: note.data for commit, note in found.items() if note}
    assert sorted(found) == list(found)
    assert [] == git.notes(repository.path, "refs/notes/y")
    with pytest.raises(CaptureError, match="no commit 'nowhere'"):
        repository.note("refs/notes/x", "nowhere", b"")


def test_refs_the_tree_and_the_configuration_are_told(repository: Repository) -> None:
    sha = repository.commit("one", {"b": "x\n", "a/c": "y\n"})
    repository.git("update-ref", "refs/notes/deep/er", sha)
    assert [("refs/heads/main", sha), ("refs/notes/deep/er", sha)] == git.refs(repository.path)
    assert [("refs/notes/deep/er", sha)] == git.refs(repository.path, "refs/notes", "refs/nowhere")
    assert git.ref_exists(repository.path, "refs/heads/main")
    assert not git.ref_exists(repository.path, "refs/heads/mai")
    assert ["a/c", "b"] == [entry.path for entry in git.tree(repository.path, sha)]
    assert [] == git.tree(repository.path, "nowhere")
    repository.git("config", "some.key", "a\nb ")
    assert git.config_get(repository.path, "some.key") == "a\nb "
    assert git.config_get(repository.path, "some.other") is None


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("https://user:token@example.com:8443/a/b.git", "https://example.com:8443/a/b.git"),
        ("git@example.com:a/b.git", "git@example.com:a/b.git"),
        ("https://[broken", None),
        ("/some/where", "/some/where"),
    ],
)
def test_the_address_of_a_remote_has_no_secret_in_it(repository: Repository, url: str, told: str | None) -> None:
    assert git.remote_url(repository.path) is None
    repository.git("config", "remote.origin.url", url)
    assert git.remote_url(repository.path) == told


ENOUGH = settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))


LINES = st.sampled_from(["a", "b", "", "+x", "-y", "@@ -1 +1 @@", "\\ x", "c\r"])


@ENOUGH
@given(before=st.lists(LINES, max_size=12), after=st.lists(LINES, max_size=12))
def test_hunks_and_the_lines_that_stay_make_the_new_file(
    repository: Repository, before: list[str], after: list[str]
) -> None:
    repository.commit("before", {"file": "".join(f"{line}\n" for line in before)})
    repository.commit("after", {"file": "".join(f"{line}\n" for line in after)})
    hunks = added(repository).get("file", [])
    numbered = {first + at: line for first, lines in hunks for at, line in enumerate(lines)}
    assert numbered == {number: after[number - 1] for number in numbered}
    kept = [line for number, line in enumerate(after, 1) if number not in numbered]
    rest = iter(before)
    assert all(line in rest for line in kept), "what is not added was there, in this order"


PIECES = [
    b"diff --git a/x b/x\n", b'diff --git "a/\\377" "b/\\377"\n', b"diff --git \n", b'diff --git "\\\n', b"+", b"\n",
    b"index " + b"0" * 40 + b".." + b"1" * 40 + b"\n", b"@@ -1 +1,2 @@\n", b"@@ -0,0 +1 @@\n", b"+x\n", b"-x\n",
    b"Binary files differ\n", b"a" * 40 + b"\n",
]  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(PIECES) | st.binary(max_size=30), max_size=15))
def test_any_bytes_are_parsed_as_a_diff(lines: list[bytes]) -> None:
    for item in git.parse_diff(lines):
        assert isinstance(item, str | git.Change)
