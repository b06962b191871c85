"""Gemini CLI's settings.json.

Written against Gemini CLI 0.61.0 and google-gemini/gemini-cli:docs/hooks/reference.md, docs/reference/configuration.md
and packages/cli/src/config/settingsSchema.ts (lists of the same event in several files are joined). Timeouts are in
milliseconds. AfterModel is left out: it runs once a chunk of an answer, hundreds of times where AfterAgent runs once,
and holds no tool calls. Exit code 2 refuses a call; a hook that cannot run lets it go ahead with a warning, and no
setting says otherwise.
"""

from __future__ import annotations

from provenance.setup.assistant import TIMEOUT, Assistant, Place, Target, group, handler
from provenance.setup.jsonmerge import Hooks
from provenance.setup.program import Enforced, asking

WRITING = "write_file|replace|run_shell_command|mcp_.*"
EVENTS = ("AfterTool", "BeforeAgent", "AfterAgent", "SessionStart", "SessionEnd", "PreCompress")


def hooks(program: str, enforced: Enforced | None = None) -> Hooks:
    """Every event that shows what the model writes and was shown."""
    entry = {"name": "provenance", **handler(f"{program} capture gemini-cli", TIMEOUT * 1000)}
    before = group(entry, WRITING)
    if enforced:
        asks = handler(asking(program, "gemini-cli", enforced), TIMEOUT * 1000)
        before += group({"name": "provenance-enforce", **asks}, WRITING)
    return {"BeforeTool": before, **{event: group(entry) for event in EVENTS}}


def _target(place: Place) -> Target:
    match place.kind:
        case "repository" | "shared" | "user":
            return Target(place.root / ".gemini" / "settings.json")
        case "managed":
            return Target(place.root / "gemini-cli" / "settings.json")


def _next_step(place: Place, enforced: Enforced | None) -> str:
    steps = []
    if place.kind not in ("user", "managed"):
        steps.append("Gemini CLI warns of new hooks in a project when it starts: accept them")
    if enforced:
        steps.append("where the program is gone, Gemini CLI warns and lets the call go ahead (provenance doctor tells)")
    return "; ".join(steps)


ASSISTANT = Assistant(
    name="gemini-cli",
    title="Gemini CLI",
    programs=("gemini",),
    folders=(".gemini",),
    target=_target,
    content=lambda program, place, enforced: hooks(program, enforced),
    next_step=_next_step,
)
