"""Codex's hooks.json, its older ``notify``, and its managed requirements.toml.

Written against Codex CLI 0.169.0 (events), developers.openai.com/codex/hooks.md, and openai/codex:codex-rs/config/src/
hook_config.rs, hooks/src/engine/discovery.rs and hooks/src/legacy_notify.rs. The root of hooks.json may hold
``description`` and ``hooks`` only. A SessionEnd hook gets three seconds at most.

Codex runs a hook only after a person has reviewed and trusted that very definition; managed hooks are exempt. A hook
that cannot run lets the call go ahead; exit code 2 with a reason refuses it (hooks/src/engine): hence ``strict``.
"""

from __future__ import annotations

import json
import re
import shlex
import tomllib
from pathlib import Path, PurePosixPath
from typing import Any

from provenance.errors import ProvenanceError
from provenance.setup import ownfile
from provenance.setup.assistant import Assistant, Place, Target, folder, group, handler
from provenance.setup.jsonmerge import Hooks
from provenance.setup.program import Enforced, asking, strict

WRITING = "Bash|apply_patch|Edit|Write|mcp__.*"
EVENTS = ("PostToolUse", "UserPromptSubmit", "SessionStart", "Stop", "SubagentStop", "PreCompact")
SESSION_END = 3

_MARK = "# Written by provenance init"
_OWN_FILE = "# Written by provenance init, with this file"
_LINE = re.compile(rf"^notify = \[[^\r\n]*\] (?:{_OWN_FILE}|{_MARK})(?:\r\n|\n|\Z)", re.MULTILINE)


def hooks(program: str, enforced: Enforced | None = None) -> Hooks:
    """Every event that shows what the model writes and was shown."""
    line = f"{program} capture codex"
    asks = group(handler(strict(asking(program, "codex", enforced))), WRITING) if enforced else []
    return {
        "PreToolUse": group(handler(line), WRITING) + asks,
        **{event: group(handler(line)) for event in EVENTS},
        "SessionEnd": group(handler(line, SESSION_END)),
    }


def with_notify(text: str | None, program: str) -> str:
    """config.toml with ``notify`` as its first line, before any table; the rest byte for byte as it was.

    Raises ProvenanceError (without the file's name) where the text is no TOML, or another program is notified.
    """
    bare = without_notify(text) if text is not None else None
    words = json.dumps([*shlex.split(program), "capture", "codex-notify"], ensure_ascii=False)
    if bare is None:
        return f"notify = {words} {_OWN_FILE}\n"
    before = _parsed(bare)
    if "notify" in before:
        raise ProvenanceError(
            f"notifies {before['notify']!r} already, and Codex knows one program only (call "
            f"{program} capture codex-notify from it, with its last argument)"
        )
    newline = "\r\n" if "\r\n" in bare else "\n"
    merged = f"notify = {words} {_MARK}{newline}{bare}"
    assert {name: value for name, value in _parsed(merged).items() if name != "notify"} == before
    return merged


def without_notify(text: str) -> str | None:
    """config.toml without our ``notify``; None where nothing is left of a file that was made for it."""
    _parsed(text)
    found = _LINE.search(text)
    if found is None:
        return text
    bare = text[: found.start()] + text[found.end() :]
    assert _parsed(bare) == {name: value for name, value in _parsed(text).items() if name != "notify"}
    return None if not bare and _OWN_FILE in found.group() else bare


def notified(text: str) -> list[str]:
    """The command line of our ``notify``, if config.toml names it."""
    words = _parsed(text).get("notify")
    ours = isinstance(words, list) and words[-2:] == ["capture", "codex-notify"]
    return [shlex.join(map(str, words))] if ours and isinstance(words, list) else []


def config(place: Place) -> Path:
    """The person's config.toml; a repository's may not name programs to notify."""
    return folder(place, "CODEX_HOME", ".codex") / "config.toml"


def requirements(program: str, enforced: Enforced | None = None) -> str:
    """requirements.toml for a fleet: hooks that run without anybody's trust and cannot be switched off.

    ``managed_dir`` must be an absolute folder that the command lies in: the program's.
    """
    directory = str(PurePosixPath(shlex.split(program)[0]).parent)
    lines = ["[features]", "hooks = true", "", "[hooks]", f"managed_dir = {json.dumps(directory)}"]
    for event, entries in hooks(program, enforced).items():
        for entry in entries:
            lines += ["", f"[[hooks.{event}]]"]
            lines += [f"matcher = {json.dumps(entry['matcher'])}"] if "matcher" in entry else []
            for one in entry["hooks"]:
                lines += ["", f"[[hooks.{event}.hooks]]"]
                lines += [f"{name} = {json.dumps(value, ensure_ascii=False)}" for name, value in one.items()]
    return ownfile.signed("\n".join(lines) + "\n")


def commands(text: str) -> list[str]:
    """The command lines that requirements.toml calls, if it stands as it was written here."""
    if not ownfile.is_untouched(text):
        return []
    return [
        str(one["command"])
        for entries in _parsed(text).get("hooks", {}).values()
        if isinstance(entries, list)
        for entry in entries
        for one in entry["hooks"]
    ]


def _parsed(text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ProvenanceError(f"is no TOML: {error} (mend it first)") from error


def _target(place: Place) -> Target:
    match place.kind:
        case "repository" | "shared":
            return Target(place.root / ".codex" / "hooks.json")
        case "user":
            return Target(folder(place, "CODEX_HOME", ".codex") / "hooks.json")
        case "managed":
            return Target(place.root / "codex" / "requirements.toml")


def _next_step(place: Place, enforced: Enforced | None) -> str:
    if place.kind == "managed":
        return ""
    project = "" if place.kind == "user" else "trust this project in Codex, then "
    return (
        f"{project}open /hooks in Codex, review the new hooks and trust them: until somebody does, Codex skips them "
        f"and captures {'and refuses ' if enforced else ''}nothing (so it is again whenever the command changes)"
    )


ASSISTANT = Assistant(
    name="codex",
    title="Codex",
    programs=("codex",),
    folders=(".codex",),
    target=_target,
    content=lambda program, place, enforced: (requirements if place.kind == "managed" else hooks)(program, enforced),
    next_step=_next_step,
)
