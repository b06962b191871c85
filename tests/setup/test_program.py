"""The command line of a hook: one word that is a path, known again among others'."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provenance.errors import ProvenanceError
from provenance.setup import program


@pytest.mark.parametrize(
    ("line", "ours"),
    [
        ("provenance capture claude-code", True),
        ("'/my tools/provenance' capture codex || exit 0", True),
        ('& "C:/Program Files/provenance.exe" capture copilot; exit 0', True),
        ("python3 -m provenance capture gemini-cli", True),
        ("provenance capture codex-notify", True),
        ("provenance scan capture.jsonl", False),
        ("provenance-guard check", False),
        ("git-ai checkpoint claude", False),
        ("screen capture codex", False),
        ("uv run --project '/a b' provenance capture cursor", True),
        ("provenance capture copilot preToolUse || exit 0", True),
        ("/opt/slsa-provenance/bin/attest --sign capture git", False),
        ("data-provenance capture copilot", False),
        ("provenance capture copilot-logs", False),
        ("echo provenance; screen-tool capture cursor", False),
        ("tee-log /var/log/hooks && provenance capture claude-code", False),
        ("provenance capture claude-code | tee log", False),
        ("sh -c 'provenance capture claude-code'", False),
        ("provenance 'unclosed capture git", False),
    ],
)
def test_a_line_of_ours_is_known(line: str, ours: bool) -> None:
    assert ours == (program.is_ours(line))
    assert program.enforced(line) is None


@pytest.mark.parametrize(
    ("line", "rules"),
    [
        ("provenance hook enforce claude-code --policy applied-ai", ("applied-ai", "")),
        ("/opt/provenance hook enforce codex --policy ./our.yaml --team x || exit 2", ("./our.yaml", "x")),
        ("& 'C:/a b/provenance.exe' hook enforce copilot --policy 'a b' --team 'c d'", ("a b", "c d")),
        ("python3 -m provenance hook enforce cursor --policy 'it'\"'\"'s'", ("it's", "")),
        (
            "provenance hook enforce cursor --policy 'x hook enforce codex --policy y'",
            ("x hook enforce codex --policy y", ""),
        ),
        ("'/a hook enforce cursor --policy b/provenance' hook enforce cursor --policy c", ("c", "")),
        ("provenance hook enforce claude-code", None),
        ("provenance hook enforce aider --policy x", None),
        ("provenance hook enforce claude-code --policy", None),
        ("provenance hook enforce claude-code --policy x y", None),
        ("provenance hook enforce claude-code --policy $(id)", None),
        ('provenance hook enforce claude-code --policy "$HOME/x"', None),
        ("provenance hook enforce claude-code --policy x; rm -rf /", None),
        ("provenance hook enforce claude-code --policy x || exit 0", None),
        ("provenance hook enforce claude-code --policy x && guard", None),
        ("provenance hook enforce claude-code --policy x\nguard", None),
        ("guard; provenance hook enforce claude-code --policy x", None),
        ("sh -c 'provenance hook enforce claude-code --policy x'", None),
        ("slsa-provenance hook enforce claude-code --policy x", None),
        ("provenance hook test --policy x", None),
    ],
)
def test_a_line_of_ours_that_may_refuse_is_known_with_its_policy(line: str, rules: tuple[str, str] | None) -> None:
    assert (rules is not None) == program.is_ours(line)
    assert rules == program.enforced(line)


NAME = st.text(st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp")), min_size=1)


@given(NAME.filter(str.strip), st.just("") | NAME, st.sampled_from(["provenance", "'/my tools/provenance'"]))
def test_any_policy_and_team_can_be_read_back(policy: str, team: str, name: str) -> None:
    rules = program.Enforced(policy, team)
    for line in (program.asking(name, "cursor", rules), program.strict(program.asking(name, "codex", rules))):
        assert (True, rules, name) == (program.is_ours(line), program.enforced(line), program.of(line))
    line = program.checking(name, rules)
    assert (False, rules, name) == (program.is_ours(line), program.enforced(line), program.of(line))


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "cd / && provenance",
        "provenance-wrapper",
        "provenance\nrm -rf",
        "'provenance",
        "wrapper",
        "provenance\x1b[0m",
        "\udcff/provenance",
    ],
)
def test_what_could_not_be_known_again_is_refused(text: str) -> None:
    with pytest.raises(ProvenanceError, match="--command"):
        program.checked(text)


@given(st.text(st.characters(exclude_characters="\0/", exclude_categories=("Cs", "Cc", "Zl", "Zp")), min_size=1))
def test_any_path_is_one_word(name: str) -> None:
    path = Path("/tools") / name / "provenance"
    assert [path.as_posix()] == shlex.split(program.quoted(path))
    assert program.quoted(path) == program.of(f"{program.quoted(path)} capture git post-commit")


def test_the_program_is_this_installation_and_runs() -> None:
    found = program.checked(program.found({"PATH": ""}))
    assert program.runs(found, {"PATH": ""})
    said = subprocess.run([*shlex.split(found), "--version"], capture_output=True, text=True, check=True)
    assert said.stdout.startswith("provenance ")


def test_a_program_that_is_gone_does_not_run(tmp_path: Path) -> None:
    assert not program.runs("/gone/provenance", {"PATH": str(tmp_path)})
    assert not program.runs("provenance", {"PATH": str(tmp_path)})
    assert not program.runs("'unclosed provenance", {})
    tool = tmp_path / "provenance"
    tool.write_text("#!/bin/sh\n")
    tool.chmod(0o755)
    assert program.runs("provenance", {"PATH": str(tmp_path)})
