"""GitHub Copilot's hooks: a file of our own, or the ``hooks`` of a repository's settings.local.json.

Written against docs.github.com/en/copilot/reference/hooks-reference as of autumn 2026 and Copilot CLI 1.0.102. The
cloud agent reads .github/hooks/*.json too, on a machine without this program, and a preToolUse command that fails
denies the tool: hence ``harmless``, except where the hook is there to refuse. That one has no matcher: servers name
their own tools, and whoever only reads is let through by the program.
"""

from __future__ import annotations

from typing import Any

from provenance.setup.assistant import TIMEOUT, Assistant, Place, Target, folder
from provenance.setup.jsonmerge import Hooks
from provenance.setup.program import Enforced, asking, for_powershell, harmless

WRITING = "create|edit|str_replace_editor|apply_patch|bash|powershell"
EVENTS = (
    "postToolUse",
    "postToolUseFailure",
    "userPromptSubmitted",
    "sessionStart",
    "sessionEnd",
    "agentStop",
    "subagentStop",
    "preCompact",
)


def hooks(program: str, enforced: Enforced | None = None) -> Hooks:
    """Every event that shows what the model writes and was shown; the command line names it, the payload does not."""
    found = {}
    for event in ("preToolUse", *EVENTS):
        line = f"{program} capture copilot {event}"
        shell = for_powershell(line)
        before = event == "preToolUse"
        found[event] = [
            {"matcher": WRITING, **_handler(harmless(line), f"{shell}; exit 0")} if before else _handler(line, shell)
        ]
    if enforced:
        asks = asking(program, "copilot", enforced)
        found["preToolUse"].append(_handler(asks, for_powershell(asks)))
    return found


def _handler(bash: str, powershell: str) -> dict[str, Any]:
    return {"type": "command", "bash": bash, "powershell": powershell, "timeoutSec": TIMEOUT}


def _target(place: Place) -> Target:
    match place.kind:
        case "repository":
            return Target(place.root / ".github" / "copilot" / "settings.local.json")
        case "shared":
            return Target(place.root / ".github" / "hooks" / "provenance.json", versioned=True)
        case "user":
            return Target(folder(place, "COPILOT_HOME", ".copilot") / "hooks" / "provenance.json", versioned=True)
        case "managed":
            return Target(place.root / "copilot" / "policy.d" / "provenance.json", versioned=True)


def _next_step(place: Place, enforced: Enforced | None) -> str:
    if not enforced or place.kind != "shared":
        return ""
    return (
        "whoever has no provenance on the PATH is refused every tool, and so is Copilot's cloud agent, unless its "
        "setup steps install it"
    )


ASSISTANT = Assistant(
    name="copilot",
    title="GitHub Copilot",
    programs=("copilot",),
    folders=(".copilot", ".github/copilot", ".github/hooks"),
    target=_target,
    content=lambda program, place, enforced: hooks(program, enforced),
    next_step=_next_step,
)
