"""``provenance index commons`` as a user meets it: a line in, a set and an exit code out."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from provenance.cli import commons as cli
from provenance.cli import index as index_cli
from provenance.index import commons
from tests.conftest import Ran
from tests.making import code

Run = Callable[..., Ran]


@pytest.fixture
def ask(run: Run, monkeypatch: pytest.MonkeyPatch) -> Run:
    """``provenance index commons ...``"""
    monkeypatch.setitem(index_cli.command.commands, "commons", cli.command)
    return lambda *arguments: run("index", "commons", *arguments)


@pytest.fixture(autouse=True)
def _plain_git(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")


def text(seed: int) -> str:
    return " ".join(code(seed, 80)) + "\n"


def has(path: str, *seeds: int) -> list[int]:
    """Which of the texts of these seeds a set holds whole."""
    held = set(commons.read(Path(path)).tolist())
    return [seed for seed in seeds if held.issuperset(commons.keys_of([text(seed).encode()]).tolist())]


def git(folder: Path, *arguments: str, date: str = "", author: str = "") -> str:
    dates = {"GIT_COMMITTER_DATE": date, "GIT_AUTHOR_DATE": author or date} if date else {}
    done = subprocess.run(
        ["git", "-C", str(folder), *arguments], check=True, capture_output=True, text=True, env=os.environ | dates
    )
    return done.stdout.strip()


def repository(folder: Path) -> Path:
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    git(folder, "config", "user.name", "nobody")
    git(folder, "config", "user.email", "nobody@example.com")
    return folder


def commit(folder: Path, date: str, author: str = "", **files: str) -> str:
    for name, content in files.items():
        (folder / name).write_text(content)
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "--allow-empty", "-m", "work", date=date, author=author)
    return git(folder, "rev-parse", "HEAD")


@pytest.fixture
def product(tmp_path: Path) -> Path:
    """A file written in 2019 and overwritten in 2020, one of 2021 and one of 2024."""
    folder = repository(tmp_path / "product")
    commit(folder, "2019-03-01T12:00:00Z", a=text(1))
    commit(folder, "2020-03-01T12:00:00Z", a=text(2), copy=text(1))
    commit(folder, "2021-06-30T23:30:00Z", b=text(3))
    commit(folder, "2024-03-01T12:00:00Z", b=text(4))
    return folder


def left(folder: Path) -> list[str]:
    return sorted(name for name in os.listdir(folder) if name not in ("home", "product"))


def test_a_folder_gives_every_gram_of_every_text_and_counts_what_it_skips(ask: Run, tmp_path: Path) -> None:
    (tmp_path / "src/deep/.git").mkdir(parents=True)
    (tmp_path / "src/a.py").write_text(text(1))
    (tmp_path / "src/deep/b.txt").write_text(text(2))
    (tmp_path / "src/late.bin").write_bytes(text(3).encode().ljust(9000) + b"\0")
    (tmp_path / "src/early.bin").write_bytes(text(4).encode() + b"\0")
    (tmp_path / "src/huge.txt").write_bytes(text(5).encode().ljust((8 << 20) + 1))
    (tmp_path / "src/deep/.git/config").write_text(text(6))
    (tmp_path / "elsewhere").write_text(text(7))
    (tmp_path / "src/link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "src/round").symlink_to(tmp_path / "src")
    os.mkfifo(tmp_path / "src/pipe")
    said = ask("build", "out/ours.grams", "--folder", tmp_path / "src")
    assert (0, "") == (said.code, said.err)
    assert "folder src; 3 texts, " in said.out
    assert "skipped 1 binary, 1 over 8 MB" in said.out
    assert [1, 2, 3] == has("out/ours.grams", *range(1, 8))
    assert ["ours.grams"] == os.listdir("out")
    assert said == ask("info", "out/ours.grams")


def test_the_set_itself_is_no_part_of_its_folder(ask: Run, tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src/a.py").write_text(text(1))
    first = ask("build", "src/ours.grams", "--folder", "src")
    content = Path("src/ours.grams").read_bytes()
    assert first == ask("build", "src/ours.grams", "--folder", "src")
    assert content == Path("src/ours.grams").read_bytes()


def test_datasets_give_all_their_texts_or_those_of_a_column(ask: Run, tmp_path: Path) -> None:
    pq.write_table(
        pa.table({"body": [text(1), None, text(2)], "note": ["", text(3), "x"], "n": [1, 2, 3]}), "a.parquet"
    )
    Path("b.jsonl").write_text('{"messages": [{"body": "' + text(4).strip().replace('"', "'") + '"}]}\n{broken\n')
    said = ask("build", "all.grams", "--dataset", tmp_path / "*.*", "--name", "all of it")
    assert said.code == 0
    assert "all.grams: all of it, " in said.out
    assert "dataset *.*; 6 texts, " in said.out
    assert "skipped 1 unreadable rows" in said.out
    assert [1, 2, 3, 4] == has("all.grams", 1, 2, 3, 4)
    said = ask("build", "one.grams", "--dataset", "a.parquet", "--column", "body")
    assert "dataset a.parquet; columns body; 2 texts, " in said.out
    assert [1, 2] == has("one.grams", 1, 2, 3, 4)


def test_a_history_gives_every_version_up_to_a_committer_date(ask: Run, product: Path) -> None:
    said = ask("build", "ours.grams", "--git", "product", "--until", "2021-06-30")
    assert (0, "") == (said.code, said.err)
    head = git(product, "rev-parse", "HEAD~1")
    assert f"git product; 3 commits up to 2021-06-30T23:59:59Z, the latest {head}; 3 texts, " in said.out
    assert [1, 2, 3] == has("ours.grams", 1, 2, 3, 4)


def test_a_moment_may_be_exact_and_has_a_zone(ask: Run, product: Path) -> None:
    for until, expected in {
        "2021-06-30T23:29:59": [1, 2],
        "2021-06-30T23:30:00": [1, 2, 3],
        "2021-07-01T01:29:59+02:00": [1, 2],
        "2021-07-01T01:30:00+02:00": [1, 2, 3],
        "2021-06-29": [1, 2],
    }.items():
        assert ask("build", "x.grams", "--git", product, "--until", until).code == 0
        assert expected == has("x.grams", 1, 2, 3, 4)


def test_the_committer_date_counts_not_the_author_date(ask: Run, product: Path) -> None:
    commit(product, "2024-05-01T00:00:00Z", author="2018-01-01T00:00:00Z", c=text(5))
    commit(product, "2018-01-01T00:00:00Z", author="2024-05-01T00:00:00Z", c=text(6))
    said = ask("build", "x.grams", "--git", product, "--until", "2018-12-31")
    assert "1 commits up to 2018-12-31T23:59:59Z" in said.out
    # The tree of that commit holds the whole product: what stands in a commit up to the date counts.
    assert [2, 4, 6] == has("x.grams", 2, 3, 4, 5, 6)


def test_every_branch_and_tag_counts_and_other_refs_do_not(ask: Run, product: Path) -> None:
    for number, ref in enumerate(("refs/heads/side", "refs/tags/old", "refs/remotes/origin/x", "refs/pull/1/head")):
        git(product, "checkout", "-q", "--detach", "main")
        made = commit(product, "2020-06-01T00:00:00Z", **{"side": text(10 + number)})
        git(product, "update-ref", ref, made)
    git(product, "checkout", "-q", "main")
    git(product, "tag", "a-file", git(product, "rev-parse", "HEAD:b"))
    assert ask("build", "x.grams", "--git", product, "--until", "2021-01-01").code == 0
    assert [10, 11, 12] == has("x.grams", 10, 11, 12, 13)
    git(product, "checkout", "-q", "--detach", "refs/pull/1/head")
    assert ask("build", "x.grams", "--git", product, "--until", "2021-01-01").code == 0
    assert [13] == has("x.grams", 13)


def test_large_and_binary_files_of_a_history_are_skipped_and_counted(ask: Run, product: Path) -> None:
    (product / "big").write_bytes(text(7).encode().ljust((8 << 20) + 1))
    (product / "bin").write_bytes(text(8).encode() + b"\0")
    commit(product, "2021-01-01T00:00:00Z", **{"name with\ttab": text(9)})
    said = ask("build", "x.grams", "--git", product, "--until", "2022-01-01")
    assert "skipped 1 binary, 1 over 8 MB" in said.out
    assert [9] == has("x.grams", 7, 8, 9)


def test_the_same_history_gives_the_same_bytes_elsewhere_and_later(ask: Run, product: Path, tmp_path: Path) -> None:
    ask("build", "a/ours.grams", "--git", product, "--until", "2022-01-01")
    commit(product, "2024-06-01T00:00:00Z", d=text(9))
    git(tmp_path, "clone", "-q", "--bare", str(product), str(tmp_path / "b/product.git"))
    for place, path in (("b", tmp_path / "b/product.git"), ("c", product / ".git"), ("d", product)):
        assert ask("build", f"{place}/ours.grams", "--git", path, "--until", "2022-01-01").code == 0
        assert Path("a/ours.grams").read_bytes() == Path(place, "ours.grams").read_bytes()
    assert str(tmp_path).encode() not in Path("a/ours.grams").read_bytes()


def test_backgrounds_come_together_each_history_with_its_date(ask: Run, product: Path, tmp_path: Path) -> None:
    other = repository(tmp_path / "other")
    commit(other, "2023-01-01T00:00:00Z", x=text(11))
    (tmp_path / "src").mkdir()
    (tmp_path / "src/x").write_text(text(12))
    both = ("--git", product, "--until", "2019-12-31", "--git", other, "--until", "2023-12-31")
    said = ask("build", "x.grams", *both, "--folder", "src")
    assert ["folder", "git", "git"] == [line.split()[0] for line in said.out.splitlines()[1:]]
    assert [1, 11, 12] == has("x.grams", 1, 2, 11, 12)
    assert ask("build", "y.grams", "--git", product, "--git", other, "--until", "2023-12-31").code == 0
    assert [1, 2, 3, 11] == has("y.grams", 1, 2, 3, 4, 11)


def test_variables_of_a_hook_lead_to_no_other_repository(
    ask: Run, product: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = repository(tmp_path / "other")
    commit(other, "2019-01-01T00:00:00Z", x=text(11))
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(other / ".git/index"))
    assert ask("build", "x.grams", "--git", product, "--until", "2022-01-01").code == 0
    assert [1, 2, 3] == has("x.grams", 1, 2, 3, 11)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "nothing to gather from"),
        (("--git", "product"), "1 --git but 0 --until"),
        (("--folder", "src", "--until", "2020-01-01"), "0 --git but 1 --until"),
        (("--git", "product", "--until", "2020-01-01", "--until", "2021-01-01"), "1 --git but 2 --until"),
        (("--git", "product", "--until", "last year"), "'last year' (write it as 2021-06-30"),
        (("--git", "product", "--until", "2021-02-30"), "(write it as 2021-06-30"),
        (("--git", "product", "--until", "0001-01-01T00:00+10:00"), "(write it as 2021-06-30"),
        (("--git", "none", "--until", "2021-06-30"), "none: no such folder (check the path)"),
        (("--git", "src", "--until", "2021-06-30"), "not a git repository"),
        (("--git", "product/deep", "--until", "2021-06-30"), "name the top folder of a git repository"),
        (("--git", "empty", "--until", "2021-06-30"), "empty: no commits in this repository (leave it out)"),
        (("--git", "product", "--until", "2018-06-30"), "no commit up to 2018-06-30; the oldest is of 2019-03-01"),
        (("--folder", "none"), "none: no such folder (check the path)"),
        (("--folder", "src"), "src: no text to gather (skipped: 1 binary) (name what"),
        (("--folder", "src", "--column", "body"), "--column chooses among the columns of a --dataset"),
        (("--dataset", "none.parquet"), "none.parquet: no such file or folder"),
        (("--dataset", "numbers.parquet"), "numbers.parquet: no column holds text; it has n: int64 (leave it out)"),
        (("--dataset", "numbers.parquet", "--column", "m"), "no column 'm'"),
        (("--folder", "product", "--name", "base"), "base is the name of the set that ships"),
    ],
)
def test_what_cannot_be_gathered_says_why_and_leaves_nothing(
    ask: Run, product: Path, tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src/x").write_bytes(b"\0")
    (product / "deep").mkdir()
    repository(tmp_path / "empty")
    pq.write_table(pa.table({"n": [1, 2]}), "numbers.parquet")
    before = left(tmp_path)
    said = ask("build", "x.grams", *arguments)
    assert (2, "") == (said.code, said.out)
    assert message in " ".join(said.err.split())
    assert before == left(tmp_path)


def test_a_history_that_is_not_all_here_is_refused(ask: Run, product: Path, tmp_path: Path) -> None:
    git(tmp_path, "clone", "-q", "--depth", "1", product.as_uri(), "shallow")
    said = ask("build", "x.grams", "--git", "shallow", "--until", "2030-01-01")
    assert (2, "error: shallow: a shallow clone, its history is not here (git -C shallow fetch --unshallow)\n") == (
        said.code,
        said.err,
    )
    git(tmp_path, "clone", "-q", str(product), "partial")
    git(tmp_path / "partial", "config", "remote.origin.promisor", "true")
    said = ask("build", "x.grams", "--git", "partial", "--until", "2030-01-01")
    assert said.code == 2
    assert "partial: a partial clone, its older files are not here (clone it without --filter)" in said.err


@pytest.mark.parametrize("kind", ["blob", "tree", "commit"])
def test_a_damaged_repository_is_an_error_and_leaves_nothing(
    ask: Run, product: Path, tmp_path: Path, kind: str
) -> None:
    revision = {"blob": "HEAD~2:a", "tree": "HEAD~2^{tree}", "commit": "HEAD~2"}[kind]
    name = git(product, "rev-parse", revision)
    (product / ".git/objects" / name[:2] / name[2:]).unlink()
    said = ask("build", "x.grams", "--git", product, "--until", "2030-01-01")
    assert (2, "") == (said.code, said.out)
    assert str(product) in said.err
    assert "fsck" in said.err
    assert [] == left(tmp_path)


def test_without_git_a_history_cannot_be_read(ask: Run, product: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    said = ask("build", "x.grams", "--git", product, "--until", "2021-01-01")
    assert said.code == 2
    assert "reading its history needs git, which is not here (install git, or" in said.err


@pytest.mark.parametrize("texts", [0, 2])
def test_an_interrupted_build_leaves_the_old_set_and_nothing_else(
    ask: Run, product: Path, tmp_path: Path, texts: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ask("build", "x.grams", "--folder", product).code == 0
    before, add, count = Path("x.grams").read_bytes(), commons.Gathering.add, iter(range(100))

    def interrupted(self: commons.Gathering, one: bytes) -> None:
        if next(count) == texts:
            raise KeyboardInterrupt
        add(self, one)

    monkeypatch.setattr(commons.Gathering, "add", interrupted)
    said = ask("build", "x.grams", "--git", product, "--until", "2030-01-01")
    assert said.code == 130
    assert before == Path("x.grams").read_bytes()
    assert ["x.grams"] == left(tmp_path)


def test_something_else_is_not_overwritten(ask: Run, product: Path) -> None:
    Path("work.py").write_text("x = 1\n")
    said = ask("build", "work.py", "--folder", product)
    assert (2, "error: work.py: holds something else than a commons set (name another file)\n") == (said.code, said.err)
    assert "x = 1\n" == Path("work.py").read_text()


def test_a_terminal_sees_progress_unless_quiet(ask: Run, product: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setattr("provenance.background.TELL_EVERY", 1)
    monkeypatch.setenv("TERM", "xterm")
    loud = ask("build", "x.grams", "--folder", product)
    quiet = ask("build", "x.grams", "--folder", product, "--quiet")
    assert (0, 0, "") == (loud.code, quiet.code, quiet.err)
    assert "product" in loud.err
    assert "grams" in loud.err
    assert loud.out == quiet.out


def test_info_of_several_files_and_of_the_set_that_ships(ask: Run, product: Path) -> None:
    import provenance.index

    ask("build", "x.grams", "--folder", product)
    shipped = Path(provenance.index.__file__).parent / "base.grams"
    said = ask("info", "x.grams", shipped)
    assert said.code == 0
    assert f"{shipped}: base, " in said.out
    assert "where it came from is not recorded" in said.out
    assert "folder product; 3 texts" in said.out


def test_info_of_a_damaged_or_foreign_file_says_what_to_do(ask: Run, product: Path) -> None:
    ask("build", "x.grams", "--folder", product)
    content = Path("x.grams").read_bytes()
    Path("x.grams").write_bytes(content[:-8])
    said = ask("info", "x.grams")
    assert said.code == 2
    assert (
        f"x.grams: damaged ({len(content) - 8:,} bytes instead of {len(content):,}; restore it, or build it" in said.err
    )
    said = ask("info", product / "a")
    assert "not a commons file (name one that provenance index commons build wrote)" in said.err
    assert ask("info").code == 2


def test_an_unreadable_file_is_counted(ask: Run, product: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As root every file can be read, so the trouble is played."""
    import builtins

    real = builtins.open

    def refusing(path: object, *rest: object, **more: object) -> object:
        if str(path).endswith("product/a"):
            raise PermissionError(13, "Permission denied", path)
        return real(path, *rest, **more)  # type: ignore[call-overload]

    monkeypatch.setattr(builtins, "open", refusing)
    said = ask("build", "x.grams", "--folder", product)
    assert said.code == 0
    assert "skipped 1 unreadable" in said.out


def test_a_killed_git_is_an_error(ask: Run, product: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A git that fails half-way: what it had listed is no background."""
    real = shutil.which("git")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/git").write_text(
        f'#!/bin/sh\ncase "$*" in *--batch) head -n 1 | {real} "$@"; kill -9 $$;; *) exec {real} "$@";; esac\n'
    )
    (tmp_path / "bin/git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    said = ask("build", "x.grams", "--git", product, "--until", "2030-01-01")
    assert said.code == 2
    assert "git cat-file failed" in said.err
    assert ["bin"] == left(tmp_path)
