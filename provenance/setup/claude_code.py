"""Claude Code's settings.json.

Written against Claude Code 2.1.329 (events, settings files), its changelog to 2.1.240, code.claude.com/docs/en/hooks
and /settings, and the schema claude-code-settings.json of SchemaStore. Versions before 2.1.101 skip a settings file
whole when it names an event they do not know.

Reading tools matter after the call as much as writing ones: what the model was shown is no output of its own, so
PostToolUse matches every tool. Before the call only what may write matters, for the text that will be written over.

Copilot CLI reads a repository's .claude/settings*.json too and takes a PreToolUse command that fails, or is not
installed, for a refusal of the tool (docs.github.com/en/copilot/reference/hooks-reference); hence ``harmless``.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from functools import lru_cache

from provenance.setup.assistant import Assistant, Place, Target, folder, group, handler
from provenance.setup.jsonmerge import Hooks
from provenance.setup.program import harmless

WRITING = "Edit|MultiEdit|Write|NotebookEdit|Bash|PowerShell|mcp__.*"
EVENTS = ("UserPromptSubmit", "SessionStart", "SessionEnd", "Stop", "SubagentStop", "PreCompact")
TOLERANT = (2, 1, 101)
"""The first version that reads a settings file with an event it does not know."""


def hooks(program: str, tolerant: bool = True) -> Hooks:
    """Every event that shows what the model writes, was shown, and which model it is.

    PostToolUseFailure and PostModelSwitch (2.1.251) are left out for versions that are not ``tolerant``.
    """
    line = f"{program} capture claude-code"
    always = {event: group(handler(line)) for event in EVENTS}
    newer = {
        "PostToolUseFailure": group(handler(line), WRITING),
        "PostModelSwitch": group(handler(line)),
    }
    return {
        "PreToolUse": group(handler(harmless(line)), WRITING),
        "PostToolUse": group(handler(line), "*"),
        **always,
        **(newer if tolerant else {}),
    }


def tolerant(place: Place) -> bool:
    """Whether the installed version reads a file with unknown events; true where none is installed to be harmed."""
    program = shutil.which("claude", path=place.environ.get("PATH"))
    return program is None or place.kind == "managed" or _tolerant(program)


@lru_cache
def _tolerant(program: str) -> bool:
    """Asks the program, once."""
    try:
        said = subprocess.run(
            [program, "--version"], capture_output=True, timeout=20, check=False, stdin=subprocess.DEVNULL
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return True
    version = re.match(rb"(\d+)\.(\d+)\.(\d+)", said)
    return version is None or tuple(map(int, version.groups())) >= TOLERANT


def _target(place: Place) -> Target:
    match place.kind:
        case "repository":
            return Target(place.root / ".claude" / "settings.local.json")
        case "shared":
            return Target(place.root / ".claude" / "settings.json")
        case "user":
            return Target(folder(place, "CLAUDE_CONFIG_DIR", ".claude") / "settings.json")
        case "managed":
            return Target(place.root / "claude-code" / "managed-settings.d" / "50-provenance.json")


def _next_step(place: Place) -> str:
    if not tolerant(place):
        return (
            "the installed version is older than 2.1.101 and would skip a settings file with a newer event: failed "
            "calls and model switches are not captured; update it and run init again"
        )
    if place.kind == "shared":
        return (
            "versions before 2.1.101 skip a settings file that names PostModelSwitch: see that everyone has a newer one"
        )
    return ""


ASSISTANT = Assistant(
    name="claude-code",
    title="Claude Code",
    programs=("claude",),
    folders=(".claude",),
    target=_target,
    content=lambda program, place: hooks(program, tolerant(place)),
    next_step=_next_step,
)
