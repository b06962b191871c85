"""``provenance hook``: enforce, test."""

from __future__ import annotations

import json
import os
import sys
from contextlib import suppress
from datetime import date
from typing import TYPE_CHECKING, NoReturn

import click

from provenance.cli import options
from provenance.errors import ProvenanceError

if TYPE_CHECKING:
    from provenance.enforcing import Denial

REFUSED = 2
"""What Claude Code, Codex, Gemini CLI and Cursor take for a refusal, with the reason on standard error; Copilot CLI
takes any failure of a preToolUse hook for one."""
MOST = 64 << 20
"""Bytes of a payload."""

team = click.option("--team", default="", envvar="PROVENANCE_TEAM", help="Whose work it is, for zones of some teams.")


@click.group(name="hook")
def command() -> None:
    """Keep assistants out of restricted zones: the hook that asks before they write, and a way to try it.

    A restricted zone is one that a blocking rule of the policy names. 'provenance init --enforce POLICY' installs the
    hook; what it refuses names the rule.
    """


@command.command()
@options.policy
@team
@click.argument("assistant")
def enforce(policy_name: str, team: str, assistant: str) -> NoReturn:
    """Called before an assistant's tool runs: may it write there?

    Reads the hook's payload from standard input. Exit code 0 lets the call go ahead; 2 refuses it, with the reason on
    standard error (and in the assistant's own JSON on standard output, exit code 0, where it reads that). In a
    restricted zone, and where nobody can tell whether it is one, it fails closed. A relative policy file starts at
    the root of the repository.

    \b
    Examples:
      provenance hook enforce claude-code --policy applied-ai < payload.json
    """
    try:
        from provenance import enforcing, policy

        rules = policy.load(enforcing.policy_file(policy_name, os.getcwd(), os.environ)).policy
        if sys.stdin is None:
            raise enforcing.Unclear("there is no standard input to read the payload from")
        data = sys.stdin.buffer.read(MOST + 1)
        if len(data) > MOST:
            raise enforcing.Unclear(f"the payload has more than {MOST >> 20} MiB")
        payload = json.loads(data.decode("utf-8", "replace").lstrip("\ufeff") or "null")
        denied = enforcing.denial_of(payload, assistant, rules, folder=os.getcwd(), team=team, today=date.today())
    except BaseException as error:  # whatever happens, a call that nobody judged does not go ahead
        reason = f"provenance: refused, for it cannot be told whether this is a restricted zone: {_reason(error)}"
        _refuse(f"{reason} (mend it, or ask who keeps the policy; nothing was written)")
    if denied is None:
        if assistant == "cursor":  # with failClosed its editor takes silence for a refusal
            _answer({"permission": "allow"})
        raise click.exceptions.Exit(0)
    reason = _plain(f"provenance: refused by rule {denied.rule}: {_why(denied)}")
    if assistant == "cursor":
        _answer({"permission": "deny", "user_message": reason, "agent_message": reason})
    if assistant == "copilot":
        _answer({"permissionDecision": "deny", "permissionDecisionReason": reason})
    _refuse(reason)


@command.command()
@options.policy
@team
@click.option("--assistant", default="claude-code", show_default=True, help="Which one would write.")
@click.option("--model", default="unknown", show_default=True, help="Which model would write; unknown is anyone's.")
@click.option("--command", "commands", multiple=True, help="A shell command that it would run (repeatable).")
@click.argument("paths", nargs=-1)
def test(
    policy_name: str, team: str, assistant: str, model: str, commands: tuple[str, ...], paths: tuple[str, ...]
) -> NoReturn:
    """What would happen if an assistant wrote to these paths, or ran these commands. Nothing is written or run.

    Exit code 0 where all may go ahead, 1 where something would be refused.

    \b
    Examples:
      provenance hook test --policy applied-ai src/rewards/score.py docs/index.md
      provenance hook test --policy applied-ai --assistant codex --command 'sed -i s/a/b/ rl/x.py'
    """
    from provenance import enforcing, policy

    if not paths and not commands:
        raise click.UsageError("name a path, or a command with --command")
    rules = policy.load(enforcing.policy_file(policy_name, os.getcwd(), os.environ)).policy
    if not enforcing.restricted(rules):
        click.echo(f"note: the policy {rules.name} has no restricted zone: no blocking rule names a zone", err=True)
    refused = False
    asked = [(path, {"file_path": path}) for path in paths] + [(line, {"command": line}) for line in commands]
    for name, given in asked:
        payload = {"tool_name": "?", "tool_input": given, "model": "" if model == "unknown" else model}
        try:
            denied = enforcing.denial_of(payload, assistant, rules, folder=os.getcwd(), team=team, today=date.today())
            said = _why(denied) if denied else ""
            rule = f" by rule {denied.rule}" if denied else ""
        except enforcing.Unclear as error:
            said, rule = str(error), ""
        refused |= bool(said)
        verdict = click.style(f"refused{rule}", fg="red") if said else click.style("allowed", fg="green")
        click.echo(f"{_plain(name)}: {verdict}{': ' + said if said else ''}")
    raise click.exceptions.Exit(1 if refused else 0)


def _why(denied: Denial) -> str:
    said = f" {denied.message}" if denied.message else ""
    return _plain(f"{denied.path} lies in the restricted zone {denied.zone}.{said}")


def _answer(said: dict[str, str]) -> NoReturn:
    """Exit code 0 with an answer in the assistant's own form; a refusal where nobody can read it."""
    try:
        click.echo(json.dumps(said))
    except OSError:
        raise click.exceptions.Exit(REFUSED) from None
    raise click.exceptions.Exit(0)


def _refuse(reason: str) -> NoReturn:
    with suppress(OSError):  # refused all the same
        click.echo(_plain(reason), err=True)
    raise click.exceptions.Exit(REFUSED)


def _reason(error: BaseException) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"the payload is no JSON ({error.msg} at character {error.pos:,})"
    if isinstance(error, RecursionError):
        return "the payload is nested too deeply"
    known = isinstance(error, ProvenanceError) or type(error).__name__ == "Unclear"
    return str(error) if known and str(error) else f"{type(error).__name__}: {error}"


def _plain(text: str) -> str:
    return "".join(char if char.isprintable() else "?" for char in text)
