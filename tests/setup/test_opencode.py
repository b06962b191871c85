"""The plugin, in the JavaScript engine: each hook becomes one line, and a command that fails harms nothing."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from provenance.setup import opencode, ownfile
from provenance.setup.program import Enforced

needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="runs the plugin with node")

V1 = """
const hooks = await plugin.server({ directory: "/d", worktree: "/w" })
await hooks["chat.message"]({ sessionID: "s", model: { providerID: "p", modelID: "m" } }, { parts: [] })
hooks["tool.execute.before"]({ tool: "edit", sessionID: "s", callID: "1" }, { args: { filePath: "a" } })
await hooks["tool.execute.after"]({ tool: "edit", sessionID: "s", callID: "1" }, { title: "t", output: "o\\n" })
await hooks["chat.params"]({ sessionID: "s", model: { providerID: "p", id: "other" } })
await hooks["experimental.text.complete"]({ sessionID: "s" }, { text: "done" })
const loop = {}
loop.self = loop
await hooks["tool.execute.after"]({ tool: "x", sessionID: "s" }, loop)
"""
V2 = """
const called = {}
const domain = { hook: async (name, run) => { called[name] = run } }
await plugin.setup({ location: { directory: "/d" }, session: domain, tool: domain })
await called["context"]({ sessionID: "s", model: { providerID: "p", id: "m" } })
await called["prompt"]({ sessionID: "s", messageID: "n", prompt: { text: "hi" } })
await called["execute.before"]({ tool: "edit", sessionID: "s", id: "1", input: { path: "a" } })
const done = { status: "completed", result: { a: 1 } }
await called["execute.after"]({ tool: "edit", sessionID: "s", id: "1", input: {}, ...done })
"""


def play(
    tmp_path: Path, script: str, program: str, rules: Enforced | None = None
) -> tuple[str, list[dict[str, object]]]:
    """(what was said on standard error, the lines that the command got) of a script that calls the plugin."""
    (tmp_path / "plugin.mjs").write_text(opencode.plugin(program, rules))
    (tmp_path / "play.mjs").write_text(f'import plugin from "./plugin.mjs"\n{script}')
    done = subprocess.run(["node", tmp_path / "play.mjs"], capture_output=True, text=True, check=True, timeout=60)
    lines = tmp_path / "lines"
    return done.stderr, [json.loads(line) for line in lines.read_text().splitlines()] if lines.exists() else []


@pytest.fixture
def recorder(tmp_path: Path) -> str:
    """A program that writes down what it gets."""
    program = tmp_path / "my tools" / "provenance"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\n[ "$*" = "capture opencode" ] && cat >> "{tmp_path}/lines"\necho noise\nexit 1\n')
    program.chmod(0o755)
    return f"'{program}'"


@needs_node
def test_version_one_hands_on_every_hook_in_order(tmp_path: Path, recorder: str) -> None:
    said, lines = play(tmp_path, V1, recorder)
    assert ["chat.message", "tool.execute.before", "tool.execute.after", "experimental.text.complete"] == [
        line["hook"] for line in lines
    ]
    assert ["m", "m", "m", "other"] == [line["model"]["modelID"] for line in lines]  # type: ignore[index]
    assert {(1, "opencode", "/d", "/w")} == {tuple(line[key] for key in PLACE) for line in lines}
    assert {"title": "t", "output": "o\n"} == lines[2]["output"]
    assert "provenance: tool.execute.after: Converting circular structure" in said


PLACE = ("api", "host", "directory", "worktree")


@needs_node
def test_version_two_says_the_same_in_the_names_of_version_one(tmp_path: Path, recorder: str) -> None:
    _, lines = play(tmp_path, V2, recorder)
    assert ["chat.message", "tool.execute.before", "tool.execute.after"] == [line["hook"] for line in lines]
    assert {"tool": "edit", "sessionID": "s", "callID": "1"} == lines[1]["input"]
    assert {"args": {"path": "a"}} == lines[1]["output"]
    assert {"status": "completed", "result": {"a": 1}} == lines[2]["output"]
    assert {"providerID": "p", "modelID": "m"} == lines[2]["model"]


@needs_node
def test_a_missing_command_is_said_and_harms_nothing(tmp_path: Path) -> None:
    said, _ = play(tmp_path, V1 + 'console.error("went on")', "/gone/provenance")
    assert "/gone/provenance" in said
    assert said.endswith("went on\n")


def test_the_command_can_be_read_back() -> None:
    text = opencode.plugin('"C:/Program Files/provenance.exe"')
    assert ['"C:/Program Files/provenance.exe" capture opencode'] == opencode.commands(text)
    assert [] == opencode.commands("const COMMAND = 1")
    assert [] == opencode.commands(text.replace("const COMMAND", "const C"))


def test_a_change_by_hand_is_known() -> None:
    text = opencode.plugin("provenance")
    assert (True, True) == (ownfile.is_ours(text), ownfile.is_untouched(text))
    assert (True, False) == (ownfile.is_ours(text + " "), ownfile.is_untouched(text + " "))
    assert not ownfile.is_ours("// somebody's plugin\n" + text)


TRY_V1 = """
const hooks = await plugin.server({ directory: "/d", worktree: "/w" })
const before = (tool, args) => hooks["tool.execute.before"]({ tool, sessionID: "s", callID: "1" }, { args })
const loop = {}
loop.self = loop
for (const args of [{ filePath: "in" }, { filePath: "out" }, loop]) {
  await before("edit", args).then(() => console.error("went on"), (error) => console.error(`thrown: ${error.message}`))
}
await hooks["tool.execute.after"]({ tool: "edit", sessionID: "s", callID: "1" }, { output: "in" })
"""
TRY_V2 = """
const called = {}
const domain = { hook: async (name, run) => { called[name] = run } }
await plugin.setup({ location: { directory: "/d" }, session: domain, tool: domain })
for (const path of ["in", "out"]) {
  const event = { tool: "edit", sessionID: "s", id: "1", input: { path } }
  const said = (error) => console.error(`thrown: ${error.message}`)
  await called["execute.before"](event).then(() => console.error("went on"), said)
}
"""


@pytest.fixture
def guard(tmp_path: Path) -> str:
    """A program that records captures and refuses what names "in"."""
    program = tmp_path / "provenance"
    program.write_text(
        f'#!/bin/sh\n[ "$1" = capture ] && {{ cat >> "{tmp_path}/lines"; exit 1; }}\n'
        '[ "$*" = "hook enforce opencode --policy a b" ] || exit 9\n'
        "grep -q '\"in\"' || exit 0\necho 'refused by rule x' >&2\nexit 2\n"
    )
    program.chmod(0o755)
    return str(program)


@needs_node
@pytest.mark.parametrize("script", [TRY_V1, TRY_V2])
def test_what_the_program_refuses_is_thrown_and_captures_go_on(tmp_path: Path, guard: str, script: str) -> None:
    said, lines = play(tmp_path, script, guard, Enforced("a b"))
    spoken = said.splitlines()
    assert ["thrown: refused by rule x", "went on"] == spoken[:2]
    hooks = [line["hook"] for line in lines]
    assert ["tool.execute.before", "tool.execute.before"] == hooks[:2]
    if script is TRY_V1:
        assert any(line.startswith("thrown: Converting circular structure") for line in spoken[2:])
        assert "tool.execute.after" == hooks[2]


@needs_node
def test_a_program_that_is_gone_refuses(tmp_path: Path) -> None:
    said, _ = play(tmp_path, TRY_V1, "/gone/provenance", Enforced("a b"))
    assert "went on" not in said
    assert 2 == said.count("thrown: ") - said.count("thrown: Converting")


def test_a_plugin_that_only_captures_says_nothing_of_refusals() -> None:
    assert "enforce" not in opencode.plugin("provenance").lower()
    assert "@" not in opencode.plugin("provenance", Enforced("x"))
    assert ["provenance capture opencode", "provenance hook enforce opencode --policy x"] == opencode.commands(
        opencode.plugin("provenance", Enforced("x"))
    )
