"""``check --staged`` by the records of the store alone: captured a moment ago, nothing indexed."""

from __future__ import annotations

import html
import json
import os
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from provenance import hook
from provenance.capture import payloads
from provenance.cli import group
from provenance.errors import ProvenanceError

SHORT = "def tide_at(hour):\n    return LEVELS[hour] + surge\n"
LONG = """
def drained(level, limit=4):
    total = limit * 3
    for step in range(level):
        total += drained_of(step, total) - limit
        if total > 90:
            return [drained_as(total, 'key', step) for step in sorted(limit)]
    return total
"""


def captured(repo: Path, text: str, path: str = "a.py") -> None:
    """What Claude Code's hook hands over when it wrote a file."""
    payload = {
        "hook_event_name": "PostToolUse",
        "session_id": "s1",
        "cwd": str(repo),
        "tool_name": "Write",
        "tool_use_id": "toolu_1",
        "tool_input": {"file_path": str(repo / path), "content": text},
        "tool_response": {"type": "create", "filePath": str(repo / path), "content": text, "originalFile": None},
        "model": "claude-opus-4-8",
    }
    hook.capture(payloads.hear(payload, "claude-code"), hook.store_of(str(repo)))


@pytest.fixture
def tracked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with a store, and nothing indexed."""
    for name in ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM"):
        monkeypatch.setenv(name, os.devnull)
    folder = tmp_path / "repo"
    (folder / ".provenance").mkdir(parents=True)
    monkeypatch.chdir(folder)
    git(folder, "init", "-q")
    (folder / ".git" / "info" / "exclude").write_text(".provenance\n")
    return folder


def git(repo: Path, *arguments: str) -> None:
    who = ["-c", "user.name=P", "-c", "user.email=p@e.f"]
    subprocess.run(["git", "-C", str(repo), *who, *arguments], check=True, capture_output=True)


def stage(repo: Path, name: str, text: str) -> None:
    (repo / name).parent.mkdir(exist_ok=True)
    (repo / name).write_text(text)
    git(repo, "add", "-A")


def staged(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(group, ["check", "--staged", *arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


def test_what_was_captured_a_moment_ago_is_recorded_before_anything_is_indexed(tracked: Path) -> None:
    captured(tracked, LONG)
    stage(tracked, "a.py", "import os\n\n" + LONG)
    status, said = staged()
    assert 1 == status
    assert "BLOCK  a.py" in said
    assert "recorded as claude-opus-4-8 (anthropic), claude-code" in said
    assert "What next:" in said


def test_an_edit_too_short_for_a_gram_is_recorded_by_the_ledger(tracked: Path) -> None:
    captured(tracked, SHORT)
    stage(tracked, "a.py", "import os\n\n" + SHORT)
    status, said = staged()
    assert 1 == status
    assert "lines 3-4: recorded, copied: 13 tokens of added lines" in said


def test_a_long_edit_without_a_gram_of_its_own_is_recorded_by_the_ledger(tracked: Path) -> None:
    text = "".join(f"score_{at} = weigh(sample, {at})\n" for at in range(12))
    captured(tracked, text)
    stage(tracked, "a.py", "import os\n\nROOT = 1\n")
    git(tracked, "commit", "-qm", "a")
    stage(tracked, "a.py", "import os\n\n" + text + "\nROOT = 1\n")
    status, said = staged()
    assert 1 == status
    assert "lines 3-14: recorded, copied: 96 tokens of added lines" in said


def test_lines_that_nobody_recorded_pass_in_silence(tracked: Path) -> None:
    captured(tracked, LONG)
    stage(tracked, "b.py", "import os\n\nROOT = os.getcwd()\n")
    assert (0, "") == staged()


def test_what_was_committed_before_it_was_captured_is_not_looked_at(tracked: Path) -> None:
    stage(tracked, "a.py", LONG)
    git(tracked, "commit", "-qm", "a")
    captured(tracked, LONG, "c.py")
    stage(tracked, "a.py", LONG + "\nROOT = 4\n")
    assert (0, "") == staged()


def test_zones_of_the_policy_hold_for_paths_in_the_repository(tracked: Path) -> None:
    captured(tracked, LONG, "sft/a.py")
    stage(tracked, "sft/a.py", LONG)
    status, said = staged("--policy", "applied-ai")
    assert 1 == status
    assert "assistants-paused" in said
    git(tracked, "mv", "sft/a.py", "tool.py")
    assert 0 == staged("--policy", "applied-ai")[0]


def test_a_waiver_lets_a_recorded_edit_pass_and_is_shown(tracked: Path) -> None:
    captured(tracked, LONG)
    stage(tracked, "a.py", LONG)
    _, said = staged()
    finding = said.partition("[")[2].partition("]")[0]
    fields = [
        f"finding: {finding}",
        "reason: Ours since 2019 by history",
        "basis: own prior work",
        "approver: Ada",
        "approved: 2026-11-01",
        "expires: 2027-01-01",
    ]
    (tracked / ".provenance" / "waivers.yaml").write_text(
        f"version: 1\nwaivers:\n  - {{id: w1, {', '.join(fields)}}}\n"
    )
    status, said = staged("--at", "2026-11-21")
    assert 0 == status, said
    assert "w1" in said
    assert 1 == staged("--at", "2027-02-01")[0]


def test_a_store_in_which_nothing_is_recorded_yet_stops_nobody(tracked: Path) -> None:
    stage(tracked, "a.py", LONG)
    assert (0, "") == staged()


def test_without_a_store_and_an_index_the_check_says_what_to_do(tracked: Path) -> None:
    (tracked / ".provenance").rmdir()
    stage(tracked, "a.py", LONG)
    result = CliRunner().invoke(group, ["check", "--staged"])
    assert isinstance(result.exception, ProvenanceError)
    assert "no index here" in str(result.exception)


def test_what_can_be_set_aside_is_named_by_finding_and_by_output(tracked: Path) -> None:
    captured(tracked, LONG)
    stage(tracked, "a.py", "import os\n\n" + LONG)
    said = staged()[1]
    finding = said.partition("[")[2].partition("]")[0]
    assert f"    finding: {finding}  (" in said
    output = said.partition("    ingredient: ")[2][:32]
    fields = ["reason: Ours since 2019 by history", "basis: own prior work", "approver: Ada"]
    fields += ["approved: 2026-11-01", "expires: 2027-01-01", f"ingredient: {output}"]
    (tracked / ".provenance" / "waivers.yaml").write_text(
        f"version: 1\nwaivers:\n  - {{id: w1, {', '.join(fields)}}}\n"
    )
    stage(tracked, "a.py", "import os\n\nROOT = os.getcwd()\n" + LONG)
    status, said = staged("--at", "2026-11-21")
    assert 0 == status, said
    assert finding not in said


def test_what_a_hard_rule_stops_is_not_said_to_be_waivable(tracked: Path) -> None:
    captured(tracked, LONG, "sft/a.py")
    stage(tracked, "sft/a.py", LONG)
    said = staged("--policy", "applied-ai")[1]
    assert "assistants-paused: hard, which no waiver sets aside." in said
    assert "waivers.yaml" not in said


def test_the_report_on_a_commit_says_what_it_rests_on_and_which_waivers_it_met(tracked: Path) -> None:
    captured(tracked, LONG)
    stage(tracked, "a.py", LONG)
    name = staged()[1].partition("[")[2].partition("]")[0]
    fields = ["reason: Ours since 2019 by history", "basis: own prior work", "approver: Ada"]
    fields += ["approved: 2026-01-01", "expires: 2026-06-01", f"finding: {name}"]
    (tracked / ".provenance" / "waivers.yaml").write_text(
        f"version: 1\nwaivers:\n  - {{id: w1, {', '.join(fields)}}}\n"
    )
    status, said = staged("--at", "2026-11-21", "--output", "sarif=o.sarif", "--output", "markdown=o.md")
    assert 1 == status, said
    known = json.loads(Path("o.sarif").read_text())["runs"][0]["properties"]
    assert [("w1", "waiver expired")] == [(one["waiver"], one["standing"]) for one in known["waivers"]]
    assert {"policy", "waivers", "registry"} <= {key for key, value in known["judged"].items() if value}
    assert "waiver expired, 1 text: w1, until 2026-06-01, by Ada" in html.unescape(Path("o.md").read_text())
