"""``provenance hook``: enforce, test."""

from __future__ import annotations

import os
from datetime import date
from typing import NoReturn

import click

from provenance.cli import options

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
        from provenance import enforcing

        code = enforcing.main(assistant, policy_name, team)
    except BaseException as error:  # a tool that cannot even begin lets nothing go ahead either
        click.echo(f"provenance: refused, for nobody could ask the policy: {type(error).__name__}", err=True)
        code = 2
    raise click.exceptions.Exit(code)


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
            said = enforcing.why(denied) if denied else ""
            rule = f" by rule {denied.rule}" if denied else ""
        except enforcing.Unclear as error:
            said, rule = str(error), ""
        refused |= bool(said)
        verdict = click.style(f"refused{rule}", fg="red") if said else click.style("allowed", fg="green")
        click.echo(f"{enforcing.plain(name)}: {verdict}{': ' + said if said else ''}")
    raise click.exceptions.Exit(1 if refused else 0)
