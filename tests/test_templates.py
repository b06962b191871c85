"""Templates that can't rot: each parses, each command in it is one that the command line takes, and the hook works."""

from __future__ import annotations

import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import click
import pytest
import yaml

from provenance import index
from provenance.cli import group
from provenance.report import markdown
from tests.making import code, ingredient

ROOT = Path(__file__).parents[1]
HOOKS = ROOT / "hooks"
MANIFEST = ROOT / ".pre-commit-hooks.yaml"
YAML = (HOOKS / "github-gate.yml", HOOKS / "gitlab-gate.yml", HOOKS / "pre-commit-config.yaml", MANIFEST)
PYTHON = (HOOKS / "airflow_gate.py", HOOKS / "dagster_gate.py")
JENKINS = HOOKS / "Jenkinsfile"
WHEELS = os.environ.get("PROVENANCE_TEST_WHEELS", "")
"""A folder with the wheels of the base dependencies, numpy and setuptools: .ci/run makes one."""
COMMAND = re.compile(r"(?:^|(?<=[\s/'\"]))provenance (?=check|gate|judge|scan)")


def load(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


def strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    for one in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from strings(one)


def commands(text: str) -> Iterator[list[str]]:
    """Every command line of ours in a script, as words; a quote that was open before it ends it."""
    for line in text.replace("\\\n", " ").splitlines():
        for start in COMMAND.finditer(line):
            rest = line[start.end() :]
            words = shlex.split(re.sub(r'("\$@")?\' provenance$', "", rest))
            yield words


def accepted(words: list[str]) -> dict[str, Any]:
    """What the command line makes of it; click's error where it does not take it."""
    context = click.Context(group, info_name="provenance")
    command = group.get_command(context, words[0])
    assert command is not None
    parsed: dict[str, Any] = command.make_context(words[0], list(words[1:]), context).params
    return parsed


def test_every_command_line_in_a_template_is_one_that_is_taken() -> None:
    found = {path.name: [words for text in strings(load(path)) for words in commands(text)] for path in YAML}
    found[JENKINS.name] = list(commands(JENKINS.read_text()))
    assert {
        "github-gate.yml": ["check", "gate"],
        "gitlab-gate.yml": ["check", "gate"],
        "pre-commit-config.yaml": [],
        ".pre-commit-hooks.yaml": ["check", "check"],
        "Jenkinsfile": ["gate"],
    } == {name: [words[0] for words in lines] for name, lines in found.items()}
    for lines in found.values():
        for words in lines:
            accepted(words)


def test_a_command_line_that_is_not_taken_is_noticed() -> None:
    (words,) = commands("- x && provenance gate data/ \\\n  --output sarif=a --no-such-option")
    with pytest.raises(click.NoSuchOption):
        accepted(words)


def test_the_workflow_asks_for_no_more_rights_than_it_uses_and_knows_our_comment() -> None:
    workflow = load(HOOKS / "github-gate.yml")
    assert {"contents": "read", "security-events": "write", "pull-requests": "write"} == workflow["permissions"]
    steps = workflow["jobs"]["gate"]["steps"]
    scripts = [step["run"] for step in steps if "run" in step]
    # An expression in a script is a name of a stranger in a shell: they come by the environment.
    assert [] == [script for script in scripts if "${{" in script]
    assert f'startswith("{markdown.MARKER}")' in scripts[-1]
    written = set(re.findall(r"--output \w+=([\w.]+)", " ".join(scripts)))
    read = {step["with"]["sarif_file"] for step in steps if "sarif_file" in step.get("with", {})}
    assert {"commits.sarif", "datasets.sarif"} == read
    assert read | {"comment.md"} == written


def test_gitlab_is_given_the_reports_that_are_written() -> None:
    jobs = [job for name, job in load(HOOKS / "gitlab-gate.yml").items() if not name.startswith(".")]
    assert 2 == len(jobs)
    for job in jobs:
        (script,) = job["script"]
        written = dict(re.findall(r"--output (\w+)=([\w.]+)", script))
        assert {"codequality": written["gitlab"], "junit": written["junit"]} == job["artifacts"]["reports"]


def test_the_example_names_hooks_that_there_are() -> None:
    (ours,) = load(HOOKS / "pre-commit-config.yaml")["repos"]
    hooks = {hook["id"]: hook for hook in load(MANIFEST)}
    assert list(hooks) == [hook["id"] for hook in ours["hooks"]]
    assert [["pre-commit"], ["pre-push"]] == [hook["stages"] for hook in hooks.values()]


def test_the_brackets_and_quotes_of_the_jenkinsfile_close() -> None:
    text = re.sub(r"'''.*?'''|'[^'\n]*'|\"[^\"\n]*\"|//[^\n]*", "", JENKINS.read_text(), flags=re.DOTALL)
    assert not re.search("['\"]", text)
    opened = []
    for mark in re.findall(r"[(){}\[\]]", text):
        if mark in "({[":
            opened.append(mark)
        else:
            assert "({["[")}]".index(mark)] == opened.pop()
    assert [] == opened


class Failed(Exception):
    """Stands for what a scheduler takes as a failed run."""


class Blocked(Failed):
    """Stands for what a scheduler takes as one that a retry does not mend."""


@pytest.fixture
def scheduled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Path, int], tuple[ModuleType, Path]]:
    """A snippet, loaded where its scheduler is a stand-in and ``provenance`` writes its arguments and exits so."""

    def plain(*given: Any, **options: Any) -> Any:
        return given[0] if given and callable(given[0]) else lambda function: function

    airflow = {"airflow": {}, "airflow.exceptions": {"AirflowException": Failed, "AirflowFailException": Blocked}}
    airflow["airflow.sdk"] = {"dag": lambda **_: lambda function: lambda: None, "task": plain}
    dagster = {"dagster": {"asset_check": plain, "Failure": Failed, "AssetCheckResult": SimpleNamespace}}
    for name, members in (airflow | dagster).items():
        module = ModuleType(name)
        vars(module).update(members)
        monkeypatch.setitem(sys.modules, name, module)

    def make(path: Path, status: int) -> tuple[ModuleType, Path]:
        program = tmp_path / "bin" / "provenance"
        program.parent.mkdir(exist_ok=True)
        program.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > "{tmp_path}/given"\nexit {status}\n')
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
        spec = importlib.util.spec_from_file_location(path.stem, path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module, tmp_path / "given"

    return make


@pytest.mark.skipif(os.name == "nt", reason="the stand-in for provenance is a shell script")
@pytest.mark.parametrize(("status", "error"), [(0, None), (1, Blocked), (2, Failed), (3, Failed), (130, Failed)])
def test_airflow_is_told_to_go_on_to_stop_or_to_try_again(
    scheduled: Callable[[Path, int], tuple[ModuleType, Path]], status: int, error: type[Failed] | None
) -> None:
    module, given = scheduled(HOOKS / "airflow_gate.py", status)
    if error is None:
        assert "runs/7" == module.gate("data/train", "runs/7")
    else:
        with pytest.raises(Failed) as raised:
            module.gate("data/train", "runs/7")
        assert error is raised.type
    parsed = accepted(given.read_text().splitlines())
    assert (("data/train",), Path("runs/7")) == (parsed["datasets"], parsed["out"])


@pytest.mark.skipif(os.name == "nt", reason="the stand-in for provenance is a shell script")
@pytest.mark.parametrize(("status", "passed"), [(0, True), (1, False), (2, None), (3, None), (130, None)])
def test_dagster_is_told_whether_it_passed_or_that_nobody_knows(
    scheduled: Callable[[Path, int], tuple[ModuleType, Path]], status: int, passed: bool | None
) -> None:
    module, given = scheduled(HOOKS / "dagster_gate.py", status)
    if passed is None:
        with pytest.raises(Failed):
            module.clean_room()
    else:
        assert passed is module.clean_room().passed
    assert (module.DATASET,) == accepted(given.read_text().splitlines())["datasets"]


def git(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=False)


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository that uses the hooks of this project from a file URL, in an environment that is built from source
    with the wheels at hand; its index knows COPY, and its remote is beside it."""
    settings = {
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_SYSTEM": os.devnull,
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": WHEELS,
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PRE_COMMIT_HOME": str(tmp_path / "pre-commit"),
        "PRE_COMMIT_COLOR": "never",
        "VIRTUALENV_NO_PERIODIC_UPDATE": "1",
        "PROVENANCE_INDEX": str(tmp_path / "index"),
    }
    people = {f"GIT_{who}_{what}": "p@e.f" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    for name, value in (settings | people).items():
        monkeypatch.setenv(name, value)
    index.build(tmp_path / "index", [ingredient(COPY)])
    source, remote, repo = tmp_path / "source", tmp_path / "remote", tmp_path / "repo"
    source.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE", ".pre-commit-hooks.yaml"):
        shutil.copy(ROOT / name, source)
    for name in ("provenance", "policies"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__", "*.so", "*.pyd"))
    for folder, options in ((source, []), (remote, ["--bare"]), (repo, [])):
        git(tmp_path, "init", "-q", "-b", "main", *options, str(folder))
    config = load(HOOKS / "pre-commit-config.yaml")
    git(source, "add", "-A")
    git(source, "commit", "-qm", "a release")
    git(source, "tag", config["repos"][0]["rev"])
    config["repos"][0]["repo"] = source.as_uri()
    (repo / ".pre-commit-config.yaml").write_text(yaml.safe_dump(config))
    git(repo, "remote", "add", "origin", str(remote))
    installed = subprocess.run(
        [sys.executable, "-m", "pre_commit", "install", "--install-hooks"], cwd=repo, capture_output=True, text=True
    )
    assert 0 == installed.returncode, installed.stdout + installed.stderr
    return repo


COPY = " ".join(code(5, 150)) + "\n"
OWN = " ".join(code(77, 60)) + "\n"


@pytest.mark.skipif(importlib.util.find_spec("pre_commit") is None, reason="the pre-commit framework is not installed")
@pytest.mark.skipif(not Path(WHEELS or "-").is_dir(), reason="PROVENANCE_TEST_WHEELS names no folder of wheels")
def test_the_pre_commit_framework_builds_the_hooks_and_they_stop_a_commit_and_a_push(workplace: Path) -> None:
    (workplace / "own.py").write_text(OWN)
    git(workplace, "add", "-A")
    clean = git(workplace, "commit", "-m", "own")
    assert 0 == clean.returncode, clean.stdout + clean.stderr
    pushed = git(workplace, "push", "origin", "main")
    assert 0 == pushed.returncode, pushed.stdout + pushed.stderr

    (workplace / "own.py").write_text(OWN + COPY)
    git(workplace, "add", "-A")
    stopped = git(workplace, "commit", "-m", "a copy")
    assert 1 == stopped.returncode
    assert "BLOCK  own.py  [" in stopped.stderr
    assert "line 2: fragment, copied: 150 tokens verified" in stopped.stderr
    assert 1 == len(git(workplace, "log", "--oneline").stdout.splitlines())

    git(workplace, "commit", "--no-verify", "-m", "a copy all the same")
    kept = git(workplace, "push", "origin", "main")
    assert 1 == kept.returncode
    assert "BLOCK  own.py  [" in kept.stdout + kept.stderr
    assert "own" == git(workplace, "log", "-1", "--format=%s", "origin/main").stdout.strip()
    # A branch that is new to the remote: from what the remote has on.
    assert 1 == git(workplace, "push", "origin", "main:new-branch").returncode
    # A remote that has nothing yet is sent the whole history, and there is no range.
    git(workplace.parent, "init", "-q", "--bare", "empty")
    git(workplace, "remote", "add", "empty", str(workplace.parent / "empty"))
    everything = git(workplace, "push", "empty", "main")
    assert 1 == everything.returncode
    assert "BLOCK  own.py  [" in everything.stdout + everything.stderr
