"""Cursor's hooks.json, version 1.

Written against cursor.com/docs/hooks and /reference/third-party-hooks as of autumn 2026. A failing hook lets the
action through unless its handler says ``failClosed``; a capture does not, and the hook that keeps assistants out of
restricted zones does. The editor takes silence for a failure then (awslabs/aidlc-workflows issue 743), so the program
says ``allow``. Tools change their names between versions, so it is asked about every one, and lets through whoever only
reads. Cursor ignores events it does not know. Where it
is told to read Claude Code's settings too, an edit reaches the capture twice, and is known by its session and call.
"""

from __future__ import annotations

from provenance.setup.assistant import TIMEOUT, Assistant, Place, Target
from provenance.setup.jsonmerge import Hooks
from provenance.setup.program import Enforced, asking

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


ASKED = ("preToolUse", "beforeShellExecution", "beforeMCPExecution")
"""The events that can refuse."""


def hooks(program: str, enforced: Enforced | None = None) -> Hooks:
    """Every event that shows what the model writes and was shown."""
    found = {event: [{"command": f"{program} capture cursor", "timeout": TIMEOUT}] for event in EVENTS}
    if enforced:
        asks = {"command": asking(program, "cursor", enforced), "timeout": TIMEOUT, "failClosed": True}
        for event in ASKED:
            found[event] = [*found.get(event, ()), asks]
    return found


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
    content=lambda program, place, enforced: hooks(program, enforced),
    next_step=lambda place, enforced: (
        "" if place.kind in ("user", "managed") else "Cursor runs these in trusted workspaces only"
    ),
)
