"""Claude Code's settings.json.

Written against Claude Code 2.1.329 (events, settings files), its changelog to 2.1.240, code.claude.com/docs/en/hooks
and /settings, and the schema claude-code-settings.json of SchemaStore. Versions before 2.1.101 skip a settings file
whole when it names an event they do not know.

Reading tools matter after the call as much as writing ones: what the model was shown is no output of its own, so
PostToolUse matches every tool. Before the call only what may write matters, for the text that will be written over.

Copilot CLI reads a repository's .claude/settings*.json too and takes a PreToolUse command that fails, or is not
installed, for a refusal of the tool (docs.github.com/en/copilot/reference/hooks-reference); hence ``harmless``. The
hook that keeps assistants out of restricted zones is meant to refuse, and does so there too: with ``onFailure``
(2.1.295, before that a failing hook lets the call through) it refuses wherever it cannot run.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from functools import lru_cache
from typing import Any

from provenance.setup.assistant import Assistant, Place, Target, folder, group, handler
from provenance.setup.jsonmerge import Hooks
from provenance.setup.program import Enforced, asking, harmless

WRITING = "Edit|MultiEdit|Write|NotebookEdit|Bash|PowerShell|mcp__.*"
EVENTS = ("UserPromptSubmit", "SessionStart", "SessionEnd", "Stop", "SubagentStop", "PreCompact")
TOLERANT = (2, 1, 101)
"""The first version that reads a settings file with an event it does not know."""
CLOSING = (2, 1, 295)
"""The first version in which a hook that cannot run refuses the call."""


def hooks(program: str, tolerant: bool = True, enforced: Enforced | None = None) -> Hooks:
    """Every event that shows what the model writes, was shown, and which model it is.

    PostToolUseFailure and PostModelSwitch (2.1.251) are left out for versions that are not ``tolerant``.
    """
    line = f"{program} capture claude-code"
    always = {event: group(handler(line)) for event in EVENTS}
    newer = {
        "PostToolUseFailure": group(handler(line), WRITING),
        "PostModelSwitch": group(handler(line)),
    }
    asks: list[dict[str, Any]] = []
    if enforced:
        asks = group({**handler(asking(program, "claude-code", enforced)), "onFailure": "block"}, WRITING)
    return {
        "PreToolUse": group(handler(harmless(line)), WRITING) + asks,
        "PostToolUse": group(handler(line), "*"),
        **always,
        **(newer if tolerant else {}),
    }


def tolerant(place: Place) -> bool:
    """Whether the installed version reads a file with unknown events; true where none is installed to be harmed."""
    return _at_least(TOLERANT, place)


def _at_least(version: tuple[int, ...], place: Place) -> bool:
    """Whether the installed version is this one or newer, or nobody can tell."""
    program = shutil.which("claude", path=place.environ.get("PATH"))
    known = _version(program) if program and place.kind != "managed" else ()
    return not known or known >= version


@lru_cache
def _version(program: str) -> tuple[int, ...]:
    """Asks the program, once; nothing where it does not say."""
    try:
        said = subprocess.run(
            [program, "--version"], capture_output=True, timeout=20, check=False, stdin=subprocess.DEVNULL
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ()
    version = re.match(rb"(\d+)\.(\d+)\.(\d+)", said)
    return tuple(map(int, version.groups())) if version else ()


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


def _next_step(place: Place, enforced: Enforced | None) -> str:
    steps = []
    if not tolerant(place):
        steps.append(
            "the installed version is older than 2.1.101 and would skip a settings file with a newer event: failed "
            "calls and model switches are not captured; update it and run init again"
        )
    elif place.kind == "shared":
        steps.append(
            "versions before 2.1.101 skip a settings file that names PostModelSwitch: see that everyone has a newer one"
        )
    if enforced and (place.kind == "shared" or not _at_least(CLOSING, place)):
        steps.append("versions before 2.1.295 let a call go ahead where the enforcing hook cannot run: update them")
    if enforced and place.kind == "shared":
        steps.append(
            "Claude Code, and Copilot CLI, which reads this file too, refuse every writing tool to whoever has no "
            "provenance on the PATH"
        )
    return "; ".join(steps)


ASSISTANT = Assistant(
    name="claude-code",
    title="Claude Code",
    programs=("claude",),
    folders=(".claude",),
    target=_target,
    content=lambda program, place, enforced: hooks(program, tolerant(place), enforced),
    next_step=_next_step,
)
