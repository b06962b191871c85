"""What a fleet's folder says about itself: where each file goes on each system. It touches no file.

Paths as of the versions named in the assistants' modules; Claude Code's from code.claude.com/docs/en/settings, Codex's
from developers.openai.com/codex (managed configuration).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from provenance.setup import ownfile
from provenance.setup.program import Enforced

PROGRAM = "/usr/local/bin/provenance"
"""Codex runs managed hooks only from the folder that its requirements name, hence no bare name."""

_ROWS = {
    "claude-code": (
        "claude-code/managed-settings.d/50-provenance.json",
        "/etc/claude-code/managed-settings.d",
        "/Library/Application Support/ClaudeCode/managed-settings.d",
        r"C:\Program Files\ClaudeCode\managed-settings.d",
        "Claude Code 2.1.83 or newer. With `allowManagedHooksOnly` these are the only hooks that run.",
    ),
    "codex": (
        "codex/requirements.toml",
        "/etc/codex",
        "/etc/codex",
        r"%ProgramData%\OpenAI\Codex",
        "Join it with requirements you have. Managed hooks run without anybody's trust. On Windows set "
        "`windows_managed_dir` and `command_windows` to the program's folder and path there.",
    ),
    "cursor": (
        "cursor/hooks.json",
        "/etc/cursor",
        "/Library/Application Support/Cursor",
        r"C:\ProgramData\Cursor",
        "Join it with hooks you have.",
    ),
    "gemini-cli": (
        "gemini-cli/settings.json",
        "/etc/gemini-cli",
        "/Library/Application Support/GeminiCli",
        r"C:\ProgramData\gemini-cli",
        "Join it with system settings you have; people's own hooks run beside it.",
    ),
    "copilot": (
        "copilot/policy.d/provenance.json",
        "/etc/github-copilot/policy.d",
        "/etc/github-copilot/policy.d",
        r"C:\ProgramData\GitHub\Copilot\policy.d",
        "Owned by root, writable by nobody else. Copilot CLI only.",
    ),
    "opencode": (
        "opencode/plugins/provenance.js",
        "~/.config/opencode/plugins",
        "~/.config/opencode/plugins",
        r"%USERPROFILE%\.config\opencode\plugins",
        "A person's own folder: opencode has no other for all.",
    ),
}


def readme(names: Iterable[str], program: str, asked: Mapping[str, Enforced]) -> str:
    """README.md of the fleet's folder; ``asked`` are the assistants whose hooks may refuse, and by which policy."""
    rows = []
    closed = ""
    if asked:
        policies = ", ".join(sorted({f"`{rules.policy}`" for rules in asked.values()}))
        closed = f"""
These hooks also ask before an assistant writes, and keep it out of the restricted zones of {policies}
({", ".join(sorted(asked))}). A policy that is a file must lie at that very path on every machine. Where the program or
the policy is missing, every writing tool is refused, but for Gemini CLI's: it warns and goes on without the program.
"""
    for name in [name for name in _ROWS if name in set(names)]:
        file, linux, macos, windows, note = _ROWS[name]
        rows.append(f"| `{file}` | `{linux}` | `{macos}` | `{windows}` | {note} |")
    body = f"""
# Capture hooks for a fleet

Install the program on every machine first; the hooks call `{program}`. Then copy each file to its place, by the
tool that manages your machines. Write another program into the files with `provenance init --managed FOLDER
--command PROGRAM`.
{closed}
| file | Linux | macOS | Windows | |
|---|---|---|---|---|
{chr(10).join(rows)}

Git hooks belong to a repository: `provenance init --assistant git` in each, or in the template that clones are made
from. `provenance doctor` on a machine shows which hooks are in force.
"""
    return ownfile.signed(body, "<!--", " -->")
