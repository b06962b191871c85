"""Cursor's hooks.json, version 1.

Written against cursor.com/docs/hooks and /reference/third-party-hooks as of autumn 2026. A failing hook lets the
action through unless its handler says ``failClosed``; ours does not. Cursor ignores events it does not know. Where it
is told to read Claude Code's settings too, an edit reaches the capture twice, and is known by its session and call.
"""

from __future__ import annotations

from provenance.setup.assistant import TIMEOUT, Assistant, Place, Target
from provenance.setup.jsonmerge import Hooks

EVENTS = (
    "sessionStart",
    "beforeSubmitPrompt",
    "preToolUse",
    "postToolUse",
    "postToolUseFailure",
    "afterFileEdit",
    "afterTabFileEdit",
    "afterAgentResponse",
    "afterAgentThought",
    "subagentStop",
    "preCompact",
    "stop",
    "sessionEnd",
)
"""afterTabFileEdit is the only one that sees completions of the Tab key."""


def hooks(program: str) -> Hooks:
    """Every event that shows what the model writes and was shown."""
    return {event: [{"command": f"{program} capture cursor", "timeout": TIMEOUT}] for event in EVENTS}


def _target(place: Place) -> Target:
    match place.kind:
        case "repository" | "shared" | "user":
            return Target(place.root / ".cursor" / "hooks.json", versioned=True)
        case "managed":
            return Target(place.root / "cursor" / "hooks.json", versioned=True)


ASSISTANT = Assistant(
    name="cursor",
    title="Cursor",
    programs=("cursor", "cursor-agent"),
    folders=(".cursor",),
    target=_target,
    content=lambda program, place: hooks(program),
    next_step=lambda place: "" if place.kind in ("user", "managed") else "Cursor runs these in trusted workspaces only",
)
