"""Settings as people have them, and a second opinion on what a JSON text with comments says."""

from __future__ import annotations

import json
import random
import re
from typing import Any

LINE = "provenance capture claude-code"
ASK = "provenance hook enforce claude-code --policy applied-ai"
WANTED: dict[str, list[dict[str, Any]]] = {
    "PreToolUse": [
        {"matcher": "Edit|Write", "hooks": [{"type": "command", "command": LINE, "timeout": 30}]},
        {"matcher": "Edit|Write", "hooks": [{"type": "command", "command": ASK, "onFailure": "block"}]},
    ],
    "PostToolUse": [{"matcher": "*", "hooks": [{"type": "command", "command": LINE}]}],
    "Stop": [{"hooks": [{"type": "command", "command": LINE}]}],
}
FLAT: dict[str, list[dict[str, Any]]] = {
    "preToolUse": [
        {"command": "/opt/my tools/provenance capture cursor", "timeout": 30},
        {"command": "provenance hook enforce cursor --policy 'a b' --team x", "failClosed": True},
    ],
    "stop": [{"type": "command", "bash": "provenance capture copilot", "powershell": "provenance capture copilot"}],
}
THEIRS = {"matcher": "Bash", "hooks": [{"type": "command", "command": "guard --strict"}]}

COMMENTED = """\
// My settings. Do not sort.
{
  "model": "opus", // the large one
  "permissions": { "allow": ["Bash(npm run *)"], "deny": [] },
  /* hooks of the team */
  "hooks": {
    "PreToolUse": [
      { "matcher": "Bash", "hooks": [ { "type": "command", "command": "guard" } ] }, // keep first
    ],
    "Stop": [],
  },
  "env": {"A":"1","B" : "2"},
}
"""

_GAPS = ("", "", " ", "\n  ", "\t", " /* a */ ", "\n// b\n  ", " // \u00e9\n\t", "\n\n")
_NAMES = ("hooks", "PreToolUse", "Stop", "version", "a", "b\u00e9", 'quo"te', "model", "")
_SCALARS = (None, True, False, 0, -1.5e10, "text", "// no comment", '"', "\u00fcn\u00ef", "a\\b", LINE + "x")


def document(dice: random.Random) -> tuple[dict[str, Any], str]:
    """An object as settings hold it, and a text that says it in a layout nobody would choose."""
    value: dict[str, Any] = {name: _value(dice, 3) for name in dice.sample(_NAMES[3:], dice.randrange(4))}
    if dice.random() < 0.8:
        events = dice.sample(("PreToolUse", "Stop", "Other", "preToolUse", "stop"), dice.randrange(4))
        lists: dict[str, Any] = {event: [_entry(dice) for _ in range(dice.randrange(3))] for event in events}
        if dice.random() < 0.2:
            lists["enabled"] = _value(dice, 1)
        value["hooks"] = lists
    names = dice.sample(list(value), len(value))
    value = {name: value[name] for name in names}
    plain = dice.random() < 0.3
    text = json.dumps(value, indent=dice.choice((None, 2, "\t")), ensure_ascii=False) if plain else _text(dice, value)
    newline = dice.choice(("\n", "\n", "\r\n"))
    around = "" if plain else _gap(dice)
    return value, dice.choice(("", "\ufeff")) + (around + text + dice.choice(("", "\n"))).replace("\n", newline)


def said(text: str) -> Any:
    """What the text says, comments and trailing commas apart; by other means than the code under test."""
    string = r'"(?:[^"\\]|\\.)*"'
    bare = re.sub(rf"({string})|//[^\r\n]*|/\*.*?\*/", lambda m: m[1] or " ", text.lstrip("\ufeff"), flags=re.DOTALL)
    return json.loads(re.sub(rf"({string})|,(?=\s*[}}\]])", lambda m: m[1] or "", bare))


def _entry(dice: random.Random) -> dict[str, Any]:
    handler = {"type": "command", "command": dice.choice(("guard", "other capture", "x"))}
    return handler if dice.random() < 0.3 else {"matcher": "Bash", "hooks": [handler] * dice.randrange(3)}


def _value(dice: random.Random, depth: int) -> Any:
    kind = dice.randrange(4 if depth else 2)
    if kind == 2:
        return [_value(dice, depth - 1) for _ in range(dice.randrange(4))]
    if kind == 3:
        return {name: _value(dice, depth - 1) for name in dice.sample(_NAMES, dice.randrange(4))}
    return dice.choice(_SCALARS)


def _gap(dice: random.Random) -> str:
    return dice.choice(_GAPS)


def _text(dice: random.Random, value: Any) -> str:
    if not isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=dice.random() < 0.5)
    if isinstance(value, dict):
        items = [f"{json.dumps(name)}{_gap(dice)}:{_gap(dice)}{_text(dice, inner)}" for name, inner in value.items()]
    else:
        items = [_text(dice, inner) for inner in value]
    opener, closer = "{}" if isinstance(value, dict) else "[]"
    trailing = "," if items and dice.random() < 0.3 else ""
    body = ",".join(f"{_gap(dice)}{item}{_gap(dice)}" for item in items)
    return f"{opener}{body}{trailing}{_gap(dice)}{closer}"
