"""Blocks in git's hooks: they run first, fail nothing, hand on what they read, and go without a trace."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provenance.setup import exclude, githooks
from provenance.setup.program import Enforced

HEADS = ("#!/bin/sh\n", "#!/usr/bin/env bash\n", "#!/bin/sh -e\r\n", "#!/bin/zsh", "", "# no program named\n")
scripts = st.builds(str.__add__, st.sampled_from(HEADS), st.text().filter(lambda text: "\0" not in text))


@given(scripts, st.sampled_from(githooks.NAMES))
def test_a_block_comes_out_of_any_script_without_a_trace(script: str, name: str) -> None:
    installed = githooks.add(script, name, "provenance")
    assert [f"provenance capture git {name}"] == githooks.commands(installed)
    assert installed == githooks.add(installed, name, "provenance")
    assert script == githooks.remove(installed)
    assert script == githooks.remove(githooks.add(installed, name, "/other/provenance"))


@given(scripts)
def test_the_check_of_commits_comes_out_of_any_script_without_a_trace(script: str) -> None:
    rules = Enforced("applied-ai", "a team")
    installed = githooks.add(script, githooks.CHECK, "provenance", rules)
    assert ["provenance check --staged --policy applied-ai --team 'a team'"] == githooks.commands(installed)
    assert rules == githooks.checks(installed)
    assert installed == githooks.add(installed, githooks.CHECK, "provenance", rules)
    assert script == githooks.remove(installed)
    assert githooks.remove(githooks.create(githooks.CHECK, "provenance", rules)) is None


def test_a_hook_that_tags_checks_nothing() -> None:
    assert githooks.checks(githooks.create("post-commit", "provenance")) is None
    assert githooks.checks("#!/bin/sh\nprovenance check --staged --policy x </dev/null || {\n") is None


def test_a_file_of_our_own_goes_unless_somebody_has_added_to_it() -> None:
    made = githooks.create("post-commit", "provenance")
    assert githooks.remove(made) is None
    assert "#!/bin/sh\necho theirs\n" == githooks.remove(made + "echo theirs\n")
    assert "#!/bin/sh\n" == githooks.remove(githooks.add("#!/bin/sh\n", "post-commit", "provenance"))


@pytest.mark.parametrize(
    ("head", "fit"),
    [
        ("#!/bin/sh", True),
        ("#! /usr/bin/env -S bash -eu\n", True),
        ("#!/usr/local/bin/zsh\r\n", True),
        ("echo plain\n", True),
        ("#!/usr/bin/env python3\n", False),
        ("#!/usr/bin/env node\n", False),
        ("#!/usr/bin/fish\n", False),
        ("#!/bin/csh\n", False),
        ("\x7fELF\0", False),
    ],
)
def test_only_scripts_of_a_shell_that_understands_the_block_are_fit(head: str, fit: bool) -> None:
    assert fit == githooks.is_shell(head)


def run(tmp_path: Path, name: str, script: str, stdin: str) -> tuple[int, str, list[str]]:
    """(exit code, output, what the program was called with) of a hook with the block."""
    program = tmp_path / "provenance"
    program.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/called\ncat >> {tmp_path}/called\necho noise\nexit 1\n')
    program.chmod(0o755)
    hook = tmp_path / name
    hook.write_text(githooks.add(script, name, str(program)))
    hook.chmod(0o755)
    done = subprocess.run([hook, "amend"], input=stdin, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, (tmp_path / "called").read_text().splitlines()


@pytest.mark.parametrize("shell", ["/bin/sh", "/bin/sh -eu", "/usr/bin/env bash"])
def test_the_hook_runs_on_with_its_input_and_its_own_exit_code(tmp_path: Path, shell: str) -> None:
    pairs = "aaa bbb\nccc $(touch never) `d` \\n\n"
    script = f'#!{shell}\ncat\necho "of $1"\nexit 7\n'
    assert (7, f"{pairs}of amend\n", ["capture git post-rewrite", *pairs.splitlines()]) == run(
        tmp_path, "post-rewrite", script, pairs
    )
    assert not (tmp_path / "never").exists()


def test_a_commit_is_seen_even_where_the_hook_ends_in_exec(tmp_path: Path) -> None:
    said = run(tmp_path, "post-commit", "#!/bin/sh\nexec echo theirs\n", "input nobody reads")
    assert (0, "theirs\n", ["capture git post-commit"]) == said


def test_a_missing_program_does_not_fail_the_hook(tmp_path: Path) -> None:
    hook = tmp_path / "post-commit"
    hook.write_text(githooks.add("#!/bin/sh -e\necho theirs\n", "post-commit", "/gone/provenance"))
    hook.chmod(0o755)
    done = subprocess.run([hook], capture_output=True, text=True, check=False)
    assert (0, "theirs\n") == (done.returncode, done.stdout)
    assert "/gone/provenance" in done.stderr


lists = st.lists(st.from_regex(r"/[a-z.]{1,8}", fullmatch=True), min_size=1, unique=True)


@given(st.none() | st.text(), lists)
def test_excluded_files_come_and_go_without_a_trace(text: str | None, wanted: list[str]) -> None:
    made = exclude.with_patterns(text, wanted)
    assert made is not None
    assert sorted(wanted) == exclude.patterns(made)
    assert made == exclude.with_patterns(made, wanted)
    assert text == exclude.with_patterns(made, [])
