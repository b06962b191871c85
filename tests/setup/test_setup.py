"""Every assistant, every scope: hooks go where the host reads them, next to other people's, and come back out."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from provenance import setup
from provenance.capture import payloads
from provenance.errors import ProvenanceError
from provenance.hook import store_of
from provenance.setup import claude_code, codex, jsonmerge, managed, opencode, program
from provenance.setup.assistant import Kind
from tests.setup.samples import COMMENTED, THEIRS, said

OWN = "/opt/provenance/bin/provenance"
RULES = setup.Enforced("/policies/our rules.yaml", "applied ai")
SAID = " --policy '/policies/our rules.yaml' --team 'applied ai'"
FILES: dict[Kind, dict[str, str]] = {
    "repository": {
        "claude-code": ".claude/settings.local.json",
        "codex": ".codex/hooks.json",
        "cursor": ".cursor/hooks.json",
        "gemini-cli": ".gemini/settings.json",
        "copilot": ".github/copilot/settings.local.json",
        "opencode": ".opencode/plugins/provenance.js",
    },
    "shared": {
        "claude-code": ".claude/settings.json",
        "codex": ".codex/hooks.json",
        "cursor": ".cursor/hooks.json",
        "gemini-cli": ".gemini/settings.json",
        "copilot": ".github/hooks/provenance.json",
        "opencode": ".opencode/plugins/provenance.js",
    },
    "user": {
        "claude-code": ".claude/settings.json",
        "codex": ".codex/hooks.json",
        "cursor": ".cursor/hooks.json",
        "gemini-cli": ".gemini/settings.json",
        "copilot": ".copilot/hooks/provenance.json",
        "opencode": ".config/opencode/plugins/provenance.js",
    },
    "managed": {
        "claude-code": "claude-code/managed-settings.d/50-provenance.json",
        "codex": "codex/requirements.toml",
        "cursor": "cursor/hooks.json",
        "gemini-cli": "gemini-cli/settings.json",
        "copilot": "copilot/policy.d/provenance.json",
        "opencode": "opencode/plugins/provenance.js",
    },
}
KINDS: list[Kind] = ["repository", "shared", "user", "managed"]
JSON = [(kind, name, file) for kind in KINDS for name, file in FILES[kind].items() if file.endswith(".json")]


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    """A repository with nothing in it."""
    root = tmp_path / "repo"
    root.mkdir()
    git(root, "init", "-q")
    return root


def git(root: Path, *arguments: str) -> str:
    names = ("-c", "user.name=a", "-c", "user.email=a@example.org")
    return subprocess.run(["git", *names, *arguments], cwd=root, capture_output=True, text=True, check=True).stdout


def place(kind: Kind, repo: Path, **environ: str) -> setup.Place:
    folder = repo.parent / "fleet" if kind == "managed" else repo
    return setup.place(kind, folder, {"PATH": "", **environ})


def tree(root: Path) -> dict[str, bytes]:
    """Every file below a folder, git's objects and the store apart."""
    paths = [path for path in root.rglob("*") if path.is_file() and ".provenance" not in path.parts]
    return {str(path.relative_to(root)): path.read_bytes() for path in paths if "objects" not in path.parts}


def install(
    where: setup.Place, names: object = setup.NAMES, program: str = OWN, enforced: setup.Enforced | None = None
) -> setup.Plan:
    names = [name for name in setup.NAMES if name in list(names)]  # type: ignore[call-overload]
    plan = setup.plan(where, names, program, enforced=enforced)
    setup.apply(plan)
    return plan


@pytest.mark.parametrize("kind", KINDS)
def test_everything_goes_in_once_and_comes_out_without_a_trace(kind: Kind, repo: Path) -> None:
    before = tree(repo.parent)
    where = place(kind, repo)
    install(where)
    assert all((where.root / file).is_file() for file in FILES[kind].values())
    assert () == setup.plan(where, setup.NAMES, OWN).changes
    setup.apply(setup.plan_removal(where, setup.NAMES))
    assert before == tree(repo.parent)
    assert () == setup.plan_removal(where, setup.NAMES).changes


@pytest.mark.parametrize(("kind", "name", "file"), JSON)
def test_other_peoples_settings_stay_byte_for_byte(kind: Kind, name: str, file: str, repo: Path) -> None:
    where = place(kind, repo)
    path = where.root / file
    path.parent.mkdir(parents=True, exist_ok=True)
    original = COMMENTED.replace('"model"', '"version": 1,\n  "model"').replace("\n", "\r\n").encode()
    path.write_bytes(original)
    install(where, [name])
    value = said(path.read_bytes().decode())
    assert {"matcher": "Bash", "hooks": [{"type": "command", "command": "guard"}]} == value["hooks"]["PreToolUse"][0]
    setup.apply(setup.plan_removal(where, [name]))
    assert original == path.read_bytes()


@pytest.mark.parametrize(("kind", "name", "file"), JSON)
def test_every_line_of_a_file_calls_its_own_capture(kind: Kind, name: str, file: str, repo: Path) -> None:
    where = place(kind, repo)
    install(where, [name])
    value = json.loads((where.root / file).read_text())
    for event, entries in value["hooks"].items():
        handlers = [handler for entry in entries for handler in entry.get("hooks", [entry])]
        lines = [handler[key] for handler in handlers for key in ("command", "bash", "powershell") if key in handler]
        named = f" {event}" if name == "copilot" else ""  # its payloads do not say which event they are of
        assert {f"{OWN} capture {name}{named}"} == {re.sub(r"(;| \|\|) exit 0$", "", line) for line in lines}


@pytest.mark.parametrize("name", list(setup.ASSISTANTS))
def test_the_capture_knows_every_event_that_is_installed(name: str, repo: Path) -> None:
    content = setup.ASSISTANTS[name].content(OWN, place("shared", repo), None)
    events = re.findall(r'send\("([a-z.]+)"', content) if isinstance(content, str) else list(content)
    assert len(events) >= 4
    assert [] == [event for event in events if event.replace(".", "").lower() not in payloads.EVENTS]


def test_hooks_that_a_host_takes_for_a_refusal_when_they_fail_cannot_fail(repo: Path) -> None:
    where = place("shared", repo)
    install(where, ["claude-code", "copilot"], "/gone/provenance")
    claude = json.loads((repo / FILES["shared"]["claude-code"]).read_text())["hooks"]["PreToolUse"][0]["hooks"][0]
    copilot = json.loads((repo / FILES["shared"]["copilot"]).read_text())["hooks"]["preToolUse"][0]
    for line in (claude["command"], copilot["bash"]):
        assert 0 == subprocess.run(["sh", "-c", line], capture_output=True, check=False).returncode


def test_timeouts_are_in_the_hosts_units(repo: Path) -> None:
    where = place("shared", repo)
    install(where)
    hooks = {name: json.loads((repo / FILES["shared"][name]).read_text())["hooks"] for name in setup.NAMES[:5]}
    assert 30 == hooks["claude-code"]["Stop"][0]["hooks"][0]["timeout"]
    assert (30, 3) == tuple(hooks["codex"][event][0]["hooks"][0]["timeout"] for event in ("Stop", "SessionEnd"))
    assert 30_000 == hooks["gemini-cli"]["AfterTool"][0]["hooks"][0]["timeout"]
    assert 30 == hooks["cursor"]["stop"][0]["timeout"]
    assert 30 == hooks["copilot"]["agentStop"][0]["timeoutSec"]


def test_one_persons_files_do_not_show_in_git_status(repo: Path) -> None:
    install(place("repository", repo))
    assert "" == git(repo, "status", "--porcelain", "-uall")
    install(place("shared", repo), program="provenance")
    shown = {line[3:] for line in git(repo, "status", "--porcelain", "-uall").splitlines()}
    assert set(FILES["shared"].values()) == shown
    assert "provenance capture codex" in (repo / ".codex/hooks.json").read_text()
    assert OWN not in (repo / ".codex/hooks.json").read_text()


def test_one_persons_hooks_do_not_enter_files_that_git_tracks(repo: Path) -> None:
    path = repo / ".cursor" / "hooks.json"
    path.parent.mkdir()
    path.write_text('{"version": 1, "hooks": {}}')
    git(repo, "add", ".")
    before = path.read_bytes()
    notes = install(place("repository", repo), ["cursor"]).notes
    assert [("cursor", f"{path} is tracked by git: use --shared (for all) or --user (for you)")] == list(notes)
    install(place("shared", repo), ["cursor"], "provenance")
    setup.apply(setup.plan_removal(place("repository", repo), setup.NAMES))
    assert "provenance capture cursor" in path.read_text()
    setup.apply(setup.plan_removal(place("shared", repo), setup.NAMES))
    assert before == path.read_bytes()


def test_a_mistake_in_one_file_stops_everything(repo: Path) -> None:
    (repo / ".gemini").mkdir()
    (repo / ".gemini" / "settings.json").write_text('{\n  "hooks": {,}\n}')
    before = tree(repo)
    with pytest.raises(ProvenanceError, match=r"\.gemini/settings\.json: is no JSON object: line 2, column 13"):
        install(place("repository", repo))
    assert before == tree(repo)


@pytest.mark.parametrize("content", [b"[]", b'{"hooks": "x"}', b"\xff\xfe{\0}\0", b"", b'{"hooks": {"Stop": 1}}'])
def test_settings_of_another_shape_are_named_and_kept(content: bytes, repo: Path) -> None:
    path = repo / ".claude" / "settings.local.json"
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(ProvenanceError, match=r"settings\.local\.json: "):
        install(place("repository", repo))
    assert content == path.read_bytes()


def test_a_stranger_of_the_plugins_name_is_left_alone(repo: Path) -> None:
    path = repo / FILES["repository"]["opencode"]
    path.parent.mkdir(parents=True)
    path.write_text("export default {}\n")
    with pytest.raises(ProvenanceError, match="is there already, and not ours"):
        setup.plan(place("repository", repo), ["opencode"], OWN)
    assert () == setup.plan_removal(place("repository", repo), ["opencode"]).changes


def test_a_plugin_changed_by_hand_is_neither_replaced_nor_deleted(repo: Path) -> None:
    where = place("repository", repo)
    install(where, ["opencode"])
    path = repo / FILES["repository"]["opencode"]
    path.write_text(path.read_text() + "// mine\n")
    with pytest.raises(ProvenanceError, match="was changed by hand"):
        setup.plan(where, ["opencode"], "/other/provenance")
    removal = setup.plan_removal(where, ["opencode"])
    assert [("opencode", f"{path} was changed by hand since init wrote it: delete it yourself")] == list(removal.notes)
    assert path not in [change.path for change in removal.changes]


def test_another_program_replaces_the_first(repo: Path) -> None:
    where = place("repository", repo)
    install(where)
    install(where, program="/new/provenance")
    assert not [file for file, content in tree(repo).items() if OWN.encode() in content]
    found = setup.installed([where])
    assert {"/new/provenance"} == {one.command.split(" capture ")[0] for one in found if one.assistant != "opencode"}


def test_variables_move_a_persons_files(repo: Path, tmp_path: Path) -> None:
    folders = {
        "CLAUDE_CONFIG_DIR": "claude",
        "CODEX_HOME": "codex",
        "COPILOT_HOME": "copilot",
        "XDG_CONFIG_HOME": "config",
    }
    install(place("user", repo, **{name: str(tmp_path / folder) for name, folder in folders.items()}))
    made = ("claude/settings.json", "codex/hooks.json", "copilot/hooks/provenance.json")
    assert all((tmp_path / file).is_file() for file in (*made, "config/opencode/plugins/provenance.js"))


def test_a_persons_settings_that_are_a_link_stay_one(repo: Path, tmp_path: Path) -> None:
    dotfiles = tmp_path / "dotfiles.json"
    dotfiles.write_text('{"model": "opus"}')
    link = Path.home() / ".claude" / "settings.json"
    link.parent.mkdir()
    link.symlink_to(dotfiles)
    install(place("user", repo), ["claude-code"])
    assert link.is_symlink()
    assert "provenance" in dotfiles.read_text()
    setup.apply(setup.plan_removal(place("user", repo), ["claude-code"]))
    assert '{"model": "opus"}' == dotfiles.read_text()


def test_notify_is_installed_only_when_asked_for(repo: Path) -> None:
    where = place("user", repo)
    config = Path.home() / ".codex" / "config.toml"
    install(where, ["codex"])
    assert not config.exists()
    setup.apply(setup.plan(where, ["codex"], OWN, codex_notify=True))
    assert ("notify",) in {one.events for one in setup.installed([where])}
    setup.apply(setup.plan_removal(where, ["codex"]))
    assert not config.exists()


def old_claude(tmp_path: Path, version: str) -> str:
    """A PATH with a Claude Code of this version."""
    program = tmp_path / version / "claude"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\necho '{version} (Claude Code)'\n")
    program.chmod(0o755)
    return str(program.parent)


@pytest.mark.parametrize(
    ("version", "newer"), [("1.0.98", False), ("2.1.100", False), ("2.1.101", True), ("odd", True)]
)
def test_old_versions_get_no_event_that_would_cost_them_the_file(
    version: str, newer: bool, repo: Path, tmp_path: Path
) -> None:
    where = place("repository", repo, PATH=old_claude(tmp_path, version))
    plan = install(where, ["claude-code"])
    events = set(json.loads((repo / ".claude/settings.local.json").read_text())["hooks"])
    assert newer == ({"PostToolUseFailure", "PostModelSwitch"} <= events)
    assert {"PreToolUse", "PostToolUse", *claude_code.EVENTS} <= events
    assert newer == (plan.notes == ())


def test_assistants_are_found_by_their_folder_or_their_program(repo: Path, tmp_path: Path) -> None:
    assert ["git"] == setup.detected(place("repository", repo))
    (repo / ".cursor").mkdir()
    (Path.home() / ".gemini").mkdir()
    assert ["cursor", "gemini-cli", "git"] == setup.detected(place("repository", repo))
    where = place("user", repo, PATH=old_claude(tmp_path, "2.2.0"), CODEX_HOME=str(tmp_path))
    assert ["claude-code", "codex", "gemini-cli"] == setup.detected(where)
    assert list(setup.ASSISTANTS) == setup.detected(place("managed", repo))


def test_codex_is_said_to_need_trust(repo: Path) -> None:
    notes = dict(setup.plan(place("repository", repo), ["codex"], OWN).notes)
    assert "open /hooks in Codex, review the new hooks and trust them" in notes["codex"]


def test_the_fleet_is_told_where_everything_goes(repo: Path) -> None:
    where = place("managed", repo)
    install(where, program=managed.PROGRAM)
    text = (where.root / "README.md").read_text()
    assert all(f"`{file}`" in text for file in FILES["managed"].values())
    assert r"| `C:\Program Files\ClaudeCode\managed-settings.d` |" in text


def test_a_store_is_made_once_and_git_ignores_it(repo: Path) -> None:
    install(place("repository", repo), [])
    assert "*\n" == (repo / ".provenance" / ".gitignore").read_text()
    (repo / ".provenance" / ".gitignore").unlink()
    assert () == setup.plan(place("repository", repo), [], OWN).changes
    install(place("user", repo), ["codex"])
    assert not (Path.home() / ".provenance").exists()


def test_outside_a_repository_there_is_nothing_to_install_in(tmp_path: Path) -> None:
    with pytest.raises(ProvenanceError, match="run it inside a repository, or install with --user"):
        setup.place("repository", tmp_path, {})


def test_a_subfolder_means_its_repository(repo: Path) -> None:
    (repo / "a" / "b").mkdir(parents=True)
    assert repo == setup.place("shared", repo / "a" / "b", {}).root


# Keeping assistants out of restricted zones.


def asking(path: Path) -> list[str]:
    """The command lines in a file that may refuse, PowerShell's apart."""
    text = path.read_text()
    if path.suffix == ".json":
        lines = [line for _, line in jsonmerge.commands(text)]
    else:
        lines = (opencode if path.suffix == ".js" else codex).commands(text)
    return [line for line in lines if program.enforced(line) and not line.startswith("& ")]


@pytest.mark.parametrize("kind", KINDS)
def test_what_refuses_goes_in_beside_the_captures_and_comes_out_with_them(kind: Kind, repo: Path) -> None:
    before = tree(repo.parent)
    where = place(kind, repo)
    plan = install(where, enforced=RULES)
    names = [*setup.ASSISTANTS, "git"] if kind in ("repository", "shared") else [*setup.ASSISTANTS]
    assert [(name, RULES.policy) for name in names] == list(plan.enforced)
    for name, file in FILES[kind].items():
        lines = set(asking(where.root / file))
        assert {f"{OWN} hook enforce {name}{SAID}{' || exit 2' if name == 'codex' else ''}"} == lines
        assert f"{OWN} capture {name}" in (where.root / file).read_text()
    assert () == setup.plan(where, setup.NAMES, OWN, enforced=RULES).changes
    setup.apply(setup.plan_removal(where, setup.NAMES))
    assert before == tree(repo.parent)


@pytest.mark.parametrize(("kind", "name", "file"), JSON)
def test_other_peoples_settings_stay_when_something_may_refuse(kind: Kind, name: str, file: str, repo: Path) -> None:
    where = place(kind, repo)
    path = where.root / file
    path.parent.mkdir(parents=True, exist_ok=True)
    original = COMMENTED.replace('"model"', '"version": 1,\n  "model"').encode()
    path.write_bytes(original)
    install(where, [name])
    install(where, [name], enforced=RULES)
    assert {"matcher": "Bash", "hooks": [{"type": "command", "command": "guard"}]} == said(path.read_text())["hooks"][
        "PreToolUse"
    ][0]
    setup.apply(setup.plan_removal(where, [name]))
    assert original == path.read_bytes()


@pytest.mark.parametrize("kind", KINDS)
def test_installing_again_without_a_policy_leaves_what_refuses(kind: Kind, repo: Path) -> None:
    where = place(kind, repo)
    install(where, enforced=RULES)
    before = tree(repo.parent)
    plan = install(where)
    assert ((), RULES.policy) == (plan.changes, plan.enforced[0][1])
    assert before == tree(repo.parent)
    install(where, program="/new/provenance")
    for name, file in FILES[kind].items():
        assert {f"/new/provenance hook enforce {name}{SAID}"} == {
            line.removesuffix(" || exit 2") for line in asking(where.root / file)
        }
    install(where, enforced=setup.Enforced("applied-ai"))
    rules = {program.enforced(line) for file in FILES[kind].values() for line in asking(where.root / file)}
    assert {setup.Enforced("applied-ai")} == rules


def test_one_assistant_can_be_kept_out_and_the_others_not(repo: Path) -> None:
    where = place("repository", repo)
    install(where, ["cursor"], enforced=RULES)
    assert [("cursor", RULES.policy)] == list(install(where).enforced)
    assert [] == asking(repo / FILES["repository"]["codex"])
    assert not (repo / ".git" / "hooks" / "pre-commit").exists()


def test_a_host_is_told_to_refuse_where_the_hook_cannot_run(repo: Path) -> None:
    install(place("shared", repo), enforced=RULES)
    files = FILES["shared"]
    hooks = {name: json.loads((repo / files[name]).read_text())["hooks"] for name in setup.NAMES[:5]}
    capture, enforce = (entry["hooks"][0] for entry in hooks["claude-code"]["PreToolUse"])
    assert (None, "block") == (capture.get("onFailure"), enforce["onFailure"])
    assert {claude_code.WRITING} == {entry["matcher"] for entry in hooks["claude-code"]["PreToolUse"]}
    for event in ("preToolUse", "beforeShellExecution", "beforeMCPExecution"):
        closed = [one.get("failClosed") for one in hooks["cursor"][event] if "enforce" in one["command"]]
        assert [True] == closed
    assert [None] == [one.get("failClosed") for one in hooks["cursor"]["stop"]]
    assert 30_000 == hooks["gemini-cli"]["BeforeTool"][1]["hooks"][0]["timeout"]
    copilot = hooks["copilot"]["preToolUse"][1]
    assert copilot["bash"] == copilot["powershell"] == f"{OWN} hook enforce copilot{SAID}"
    for name, line in (("claude-code", enforce["command"]), ("copilot", copilot["bash"])):
        gone = line.replace(OWN, "/gone/provenance")
        assert 127 == subprocess.run(["sh", "-c", gone], capture_output=True, check=False).returncode, name


def test_everyone_is_told_whom_a_shared_refusal_hits(repo: Path) -> None:
    notes = dict(setup.plan(place("shared", repo), setup.NAMES, "provenance", enforced=RULES).notes)
    assert "Copilot CLI, which reads this file too, refuse every writing tool to whoever has no" in notes["claude-code"]
    assert "versions before 2.1.295 let a call go ahead" in notes["claude-code"]
    assert "so is Copilot's cloud agent" in notes["copilot"]
    assert "where the program is gone, Gemini CLI warns and lets the call go ahead" in notes["gemini-cli"]
    assert "captures and refuses nothing" in notes["codex"]
    assert "refuse" not in " ".join(dict(setup.plan(place("shared", repo), setup.NAMES, "provenance").notes).values())


@pytest.mark.parametrize(("version", "told"), [("2.1.294", True), ("2.1.295", False)])
def test_a_claude_code_that_lets_calls_go_ahead_is_told(version: str, told: bool, repo: Path, tmp_path: Path) -> None:
    where = place("repository", repo, PATH=old_claude(tmp_path, version))
    assert told == ("claude-code" in dict(setup.plan(where, ["claude-code"], OWN, enforced=RULES).notes))


def test_a_fleet_is_told_where_the_policy_must_lie(repo: Path) -> None:
    where = place("managed", repo)
    install(where, program=managed.PROGRAM, enforced=RULES)
    text = (where.root / "README.md").read_text()
    assert "out of the restricted zones of `/policies/our rules.yaml`" in text
    assert "A policy that is a file must lie at that very path on every machine." in text
    install(where, program=managed.PROGRAM)
    assert text == (where.root / "README.md").read_text()


def test_what_refuses_is_listed_by_its_policy(repo: Path) -> None:
    places = [place("repository", repo), place("managed", repo)]
    for where in places:
        install(where, enforced=RULES)
    found = {(one.assistant, one.enforced, one.runs) for one in setup.installed(places) if one.enforced}
    assert {(name, RULES, False) for name in setup.NAMES} == found
    assert {None} == {one.enforced for one in setup.installed(places) if " capture " in one.command}


@pytest.mark.parametrize(
    "line",
    [
        "guard && provenance hook enforce cursor --policy applied-ai",
        "provenance hook enforce cursor --policy applied-ai | tee log",
        "provenance check --staged --policy applied-ai",
    ],
)
def test_somebody_elses_line_that_refuses_survives(line: str, repo: Path) -> None:
    file = repo / ".cursor" / "hooks.json"
    file.parent.mkdir()
    file.write_text(json.dumps({"version": 1, "hooks": {"preToolUse": [{"command": line}]}}))
    before = file.read_bytes()
    install(place("repository", repo), ["cursor"], enforced=RULES)
    assert json.dumps(line) in file.read_text()
    setup.apply(setup.plan_removal(place("repository", repo), ["cursor"]))
    assert before == file.read_bytes()


# Git's own hooks.


def hook(repo: Path, content: str | bytes, mode: int = 0o755, folder: str = ".git/hooks") -> Path:
    path = repo / folder / "post-commit"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    path.chmod(mode)
    return path


def test_a_commit_runs_the_capture_and_the_hook_that_was_there(repo: Path, tmp_path: Path) -> None:
    program = tmp_path / "provenance"
    program.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/called\nexit 1\n')
    program.chmod(0o755)
    original = f"#!/bin/sh\necho theirs >> {tmp_path}/called\nexit 3 # \xff\n".encode("latin-1")
    path = hook(repo, original)
    install(place("repository", repo), ["git"], str(program))
    git(repo, "commit", "--allow-empty", "-m", "one")
    git(repo, "commit", "--amend", "--allow-empty", "-m", "two")
    lines = (tmp_path / "called").read_text().splitlines()
    assert sorted(["capture git post-commit", "theirs"] * 2 + ["capture git post-rewrite"]) == sorted(lines)
    setup.apply(setup.plan_removal(place("repository", repo), ["git"]))
    assert (original, 0o755) == (path.read_bytes(), path.stat().st_mode & 0o777)


@pytest.mark.parametrize(
    ("content", "mode", "why"),
    [
        ("#!/usr/bin/env python3\n", 0o755, "is no shell script"),
        (b"\x7fELF\0\1", 0o755, "is no shell script"),
        ("#!/bin/sh\n", 0o644, "is not executable, so git does not run it"),
    ],
)
def test_a_hook_that_takes_no_block_is_left_alone(repo: Path, content: str | bytes, mode: int, why: str) -> None:
    path = hook(repo, content, mode)
    before = path.read_bytes()
    notes = install(place("repository", repo), ["git"]).notes
    by_hand = f"`{OWN} capture git post-commit` and `{OWN} capture git post-rewrite`"
    assert [("git", f"{path} {why}: call {by_hand} from your own hooks")] == list(notes)
    assert (before, mode) == (path.read_bytes(), path.stat().st_mode & 0o777)
    assert (repo / ".git" / "hooks" / "post-rewrite").exists()


def test_a_hook_that_is_a_link_is_left_alone(repo: Path) -> None:
    (repo / "hook.sh").write_text("#!/bin/sh\n")
    (repo / "hook.sh").chmod(0o755)
    hook(repo, "").unlink()
    (repo / ".git/hooks/post-commit").symlink_to(repo / "hook.sh")
    assert "is a symbolic link" in install(place("repository", repo), ["git"]).notes[0][1]
    assert "#!/bin/sh\n" == (repo / "hook.sh").read_text()


def test_pre_commits_own_hook_takes_the_block_and_it_is_said_that_it_may_go(repo: Path) -> None:
    path = hook(repo, "#!/usr/bin/env bash\n# File generated by pre-commit: https://pre-commit.com\nexec true\n")
    notes = install(place("repository", repo), ["git"]).notes
    assert "is written anew whenever pre-commit is installed" in notes[0][1]
    assert path.read_text().splitlines()[1] == "# >>> provenance init >>>"


@pytest.mark.parametrize("folder", [".husky/_", ".husky"])
def test_husky_gets_its_hooks_when_everyone_shall_have_them(repo: Path, folder: str) -> None:
    git(repo, "config", "core.hooksPath", folder)
    path = hook(repo, "npm test\n", 0o644, ".husky")
    notes = install(place("repository", repo), ["git"]).notes
    assert f"{repo / '.husky'} holds hooks for everyone: use --shared" in notes[0][1]
    install(place("shared", repo), ["git"], "provenance")
    assert path.read_text().endswith("# <<< provenance init <<<\nnpm test\n")
    assert not (repo / ".husky/_/post-commit").exists()
    setup.apply(setup.plan_removal(place("shared", repo), ["git"]))
    assert "npm test\n" == path.read_text()


def test_hooks_of_many_repositories_are_left_alone(repo: Path, tmp_path: Path) -> None:
    git(repo, "config", "core.hooksPath", str(tmp_path / "company"))
    for kind in ("repository", "shared"):
        notes = install(place(kind, repo), ["git"]).notes
        assert f"core.hooksPath is {tmp_path / 'company'}, for more than this repository" in notes[0][1]
    assert not (tmp_path / "company").exists()


def test_a_second_work_tree_shares_the_hooks(repo: Path, tmp_path: Path) -> None:
    git(repo, "commit", "--allow-empty", "-m", "one")
    git(repo, "worktree", "add", "-q", str(tmp_path / "second"))
    where = setup.place("repository", tmp_path / "second", {"PATH": ""})
    install(where, ["git", "codex"])
    assert (repo / ".git" / "hooks" / "post-commit").exists()
    assert "" == git(tmp_path / "second", "status", "--porcelain", "-uall")


def test_a_second_work_tree_captures_into_the_store_of_the_main_one(repo: Path, tmp_path: Path) -> None:
    git(repo, "commit", "--allow-empty", "-m", "one")
    git(repo, "worktree", "add", "-q", str(tmp_path / "second"))
    install(setup.place("repository", tmp_path / "second", {"PATH": ""}), ["codex"])
    assert not (tmp_path / "second" / ".provenance").exists()  # it would go with the work tree
    assert str(repo / ".provenance") == store_of(str(tmp_path / "second"))


def test_a_pipe_in_place_of_settings_is_not_waited_for(repo: Path) -> None:
    (repo / ".codex").mkdir()
    os.mkfifo(repo / ".codex" / "hooks.json")
    with pytest.raises(ProvenanceError, match=r"hooks\.json: is no regular file"):
        install(place("repository", repo), ["codex"])


@pytest.mark.parametrize(
    "line",
    ["tee-log /var/hooks && provenance capture cursor", "slsa-provenance attest --to x capture git"],
)
def test_a_line_of_somebody_elses_that_reads_like_ours_survives(line: str, repo: Path) -> None:
    file = repo / ".cursor" / "hooks.json"
    file.parent.mkdir()
    file.write_text(json.dumps({"version": 1, "hooks": {"stop": [{"command": line}]}}))
    before = file.read_bytes()
    install(place("repository", repo), ["cursor"])
    assert json.dumps(line) in file.read_text()
    setup.apply(setup.plan_removal(place("repository", repo), ["cursor"]))
    assert before == file.read_bytes()


def committing(tmp_path: Path, repo: Path, code: int, script: str = "", shell: str = "/bin/sh") -> tuple[int, str, str]:
    """(exit code, what the program was called with, what was said) of a commit that a program judges so."""
    tool = tmp_path / "provenance"
    tool.write_text(f'#!/bin/sh\ncase "$1" in check) echo "$@" >> {tmp_path}/called; cat; exit {code};; esac\nexit 0\n')
    tool.chmod(0o755)
    if script:
        path = hook(repo, f"#!{shell}\n{script}")
        path.rename(path.with_name("pre-commit"))
    install(place("repository", repo), ["git"], str(tool), RULES)
    names = ("-c", "user.name=a", "-c", "user.email=a@example.org")
    words = ["git", *names, "commit", "--allow-empty", "-m", "one"]
    done = subprocess.run(words, cwd=repo, input="not read", capture_output=True, text=True, check=False)
    return done.returncode, (tmp_path / "called").read_text(), done.stderr


def test_a_commit_that_may_pass_is_not_talked_about(repo: Path, tmp_path: Path) -> None:
    said = committing(tmp_path, repo, 0, "echo theirs >&2\n")
    assert (0, f"check --staged{SAID}\n".replace("'", ""), "theirs\n") == said


@pytest.mark.parametrize("shell", ["/bin/sh", "/bin/sh -eu", "/usr/bin/env bash"])
@pytest.mark.parametrize(
    ("code", "lines"),
    [
        (1, []),
        (2, ["provenance: not committed, for it could not be judged: mend what is said above"]),
        (3, ["provenance: not committed, for it could not be judged: mend what is said above"]),
    ],
)
def test_a_commit_is_stopped_where_the_policy_blocks_or_cannot_tell(
    repo: Path, tmp_path: Path, code: int, lines: list[str], shell: str
) -> None:
    stopped, _, said = committing(tmp_path, repo, code, "echo theirs >&2\n", shell)
    assert (1, lines) == (stopped, said.splitlines())
    assert "" == git(repo, "rev-list", "--all")


def test_a_commit_is_stopped_where_the_program_is_gone(repo: Path, tmp_path: Path) -> None:
    committing(tmp_path, repo, 0)
    (tmp_path / "provenance").unlink()
    names = ("-c", "user.name=a", "-c", "user.email=a@example.org")
    words = ["git", *names, "commit", "--allow-empty", "-m", "x"]
    done = subprocess.run(words, cwd=repo, capture_output=True, check=False)
    assert 1 == done.returncode
    assert b"could not be judged: mend what is said above" in done.stderr


def test_the_hook_that_was_there_gets_its_bytes_back(repo: Path) -> None:
    original = b"#!/bin/sh\necho theirs # \xff\n"
    path = hook(repo, original).rename(repo / ".git/hooks/pre-commit")
    install(place("repository", repo), ["git"], enforced=RULES)
    assert "# >>> provenance init >>>" == path.read_text("latin-1").splitlines()[1]
    install(place("repository", repo), ["git"], "/new/provenance")
    assert f"/new/provenance check --staged{SAID} </dev/null" in path.read_text("latin-1")
    setup.apply(setup.plan_removal(place("repository", repo), ["git"]))
    assert (original, 0o755) == (path.read_bytes(), path.stat().st_mode & 0o777)


def test_husky_and_hooks_of_many_repositories_are_said_to_need_the_check_too(repo: Path, tmp_path: Path) -> None:
    git(repo, "config", "core.hooksPath", ".husky/_")
    install(place("shared", repo), ["git"], "provenance", RULES)
    assert "provenance check --staged" in (repo / ".husky" / "pre-commit").read_text()
    git(repo, "config", "core.hooksPath", str(tmp_path / "company"))
    plan = install(place("repository", repo), ["git"], enforced=RULES)
    assert f"and `{OWN} check --staged{SAID}` from your own hooks" in plan.notes[0][1]
    assert () == plan.enforced


def test_a_hook_in_another_language_is_said_to_need_the_check(repo: Path) -> None:
    hook(repo, "#!/usr/bin/env python3\n").rename(repo / ".git/hooks/pre-commit")
    plan = install(place("repository", repo), ["git"], enforced=RULES)
    expected = f"is no shell script: call `{OWN} check --staged{SAID}` from your own hooks"
    assert [("git", f"{repo}/.git/hooks/pre-commit {expected}")] == list(plan.notes)
    assert () == plan.enforced


# What is there.


def test_what_is_installed_is_listed_with_its_events_and_whether_it_runs(repo: Path, tmp_path: Path) -> None:
    tool = tmp_path / "provenance"
    tool.write_text("#!/bin/sh\n")
    tool.chmod(0o755)
    mine, all_, user = place("repository", repo), place("shared", repo), place("user", repo)
    install(mine, ["claude-code", "opencode", "git"], str(tool))
    install(user, ["cursor", "copilot"], "/gone/provenance")
    found = setup.installed([mine, all_, user])
    assert {"claude-code": True, "opencode": True, "git": True, "cursor": False, "copilot": False} == {
        one.assistant: one.runs for one in found
    }
    stop = next(one for one in found if one.assistant == "claude-code" and "Stop" in one.events)
    assert (repo / ".claude/settings.local.json", f"{tool} capture claude-code", "") == (
        stop.path,
        stop.command,
        stop.trouble,
    )
    assert {("post-commit",), ("post-rewrite",), ("plugin",)} <= {one.events for one in found}
    assert 0 == len(setup.installed([place("managed", repo)]))


def test_a_file_that_cannot_be_read_is_listed_with_its_trouble(repo: Path) -> None:
    (repo / ".claude").mkdir()
    (repo / ".claude" / "settings.json").write_text("{")
    (found,) = setup.installed([place("shared", repo)])
    assert found.trouble.startswith(f"{repo}/.claude/settings.json: is no JSON object: line 1, column 2")
    assert (False, "") == (found.runs, found.command)


def test_others_hooks_are_not_listed(repo: Path) -> None:
    (repo / ".claude").mkdir()
    (repo / ".claude" / "settings.json").write_text(json.dumps({"hooks": {"Stop": [THEIRS]}}))
    assert [] == setup.installed([place("shared", repo)])


# What a user installs by hand says what init would.

HOOKS = Path(__file__).parents[2] / "hooks"


def test_the_shipped_plugin_of_opencode_is_the_one_that_init_writes(repo: Path) -> None:
    install(place("shared", repo), ["opencode"], "provenance")
    assert (HOOKS / "opencode-provenance.js").read_text() == (repo / FILES["shared"]["opencode"]).read_text()


def test_the_shipped_plugin_of_claude_code_runs_what_init_would(tmp_path: Path) -> None:
    plugin = tmp_path / "my plugins" / "provenance"
    shutil.copytree(HOOKS / "claude-code-plugin", plugin)
    said_hooks = json.loads((plugin / "hooks" / "hooks.json").read_text())["hooks"]
    assert claude_code.hooks('"${CLAUDE_PLUGIN_ROOT}"/scripts/provenance') == said_hooks
    assert "provenance" == json.loads((plugin / ".claude-plugin" / "plugin.json").read_text())["name"]
    tool = tmp_path / "tool"
    tool.write_text('#!/bin/sh\necho "$@"\n')
    tool.chmod(0o755)
    line = said_hooks["PostToolUse"][0]["hooks"][0]["command"]
    environ = {"CLAUDE_PLUGIN_ROOT": str(plugin), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}

    def ran(**more: str) -> tuple[int, str]:
        done = subprocess.run(["sh", "-c", line], env=environ | more, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout

    assert (0, "capture claude-code\n") == ran(PROVENANCE_COMMAND=str(tool))
    assert (1, "") == ran()
    (tmp_path / ".local" / "bin").mkdir(parents=True)
    tool.rename(tmp_path / ".local" / "bin" / "provenance")
    assert (0, "capture claude-code\n") == ran()
