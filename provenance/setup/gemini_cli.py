"""Gemini CLI's settings.json.

Written against Gemini CLI 0.61.0 and google-gemini/gemini-cli:docs/hooks/reference.md, docs/reference/configuration.md
and packages/cli/src/config/settingsSchema.ts (lists of the same event in several files are joined). Timeouts are in
milliseconds. AfterModel is left out: it runs once a chunk of an answer, hundreds of times where AfterAgent runs once,
and holds no tool calls.
"""

from __future__ import annotations

from provenance.setup.assistant import TIMEOUT, Assistant, Place, Target, group, handler
from provenance.setup.jsonmerge import Hooks

WRITING = "write_file|replace|run_shell_command|mcp_.*"
EVENTS = ("AfterTool", "BeforeAgent", "AfterAgent", "SessionStart", "SessionEnd", "PreCompress")


def hooks(program: str) -> Hooks:
    """Every event that shows what the model writes and was shown."""
    entry = {"name": "provenance", **handler(f"{program} capture gemini-cli", TIMEOUT * 1000)}
    return {"BeforeTool": group(entry, WRITING), **{event: group(entry) for event in EVENTS}}


def _target(place: Place) -> Target:
    match place.kind:
        case "repository" | "shared" | "user":
            return Target(place.root / ".gemini" / "settings.json")
        case "managed":
            return Target(place.root / "gemini-cli" / "settings.json")


def _next_step(place: Place) -> str:
    if place.kind in ("user", "managed"):
        return ""
    return "Gemini CLI warns of new hooks in a project when it starts: accept them"


ASSISTANT = Assistant(
    name="gemini-cli",
    title="Gemini CLI",
    programs=("gemini",),
    folders=(".gemini",),
    target=_target,
    content=lambda program, place: hooks(program),
    next_step=_next_step,
)
