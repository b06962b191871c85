"""``provenance init``."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from provenance.cli.status import plain
from provenance.errors import ProvenanceError

if TYPE_CHECKING:
    from provenance.setup import Enforced, Kind, Place, Plan

NAMES = ("claude-code", "codex", "cursor", "gemini-cli", "copilot", "opencode", "git")


@click.command(name="init")
@click.option("--shared", is_flag=True, help="Write the repository's committed files, for everyone who works in it.")
@click.option("--user", is_flag=True, help="Write your own files in your home folder, for every repository.")
@click.option(
    "--managed",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write a folder with the files of a fleet and where each of them goes.",
)
@click.option(
    "--repo",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    default=Path("."),
    show_default=True,
    help="A folder of the repository.",
)
@click.option(
    "--assistant",
    "names",
    multiple=True,
    type=click.Choice(NAMES),
    help="Whose hooks (repeatable); git stands for commits, aider's too.  [default: those found]",
)
@click.option(
    "--command",
    "program",
    metavar="TEXT",
    help="The program that hooks call.  [default: this one by its path; with --shared: provenance]",
)
@click.option("--codex-notify", is_flag=True, help="With --user: also Codex's notify, for versions without hooks.")
@click.option(
    "--enforce",
    "policy_name",
    metavar="POLICY",
    help="Also keep assistants out of the policy's restricted zones, and stop commits that it blocks.",
)
@click.option("--team", help="With --enforce: whose work it is, for zones of some teams.")
@click.option("--uninstall", is_flag=True, help="Take out what init put in, and nothing else.")
@click.option("--dry-run", is_flag=True, help="Show what would change as a diff; write nothing.")
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
def command(
    shared: bool,
    user: bool,
    managed: Path | None,
    repo: Path,
    names: tuple[str, ...],
    program: str | None,
    codex_notify: bool,
    policy_name: str | None,
    team: str | None,
    uninstall: bool,
    dry_run: bool,
    yes: bool,
) -> None:
    """Install the hooks that capture what assistants write, in the settings of every assistant found.

    In a repository the hooks are yours alone unless --shared: files that git would show are added to
    .git/info/exclude, and files that git tracks are left alone. Other hooks, comments and layout stay byte for byte;
    --uninstall gives back the earlier files. Running it again changes nothing. A repository also gets its store,
    .provenance, which git ignores.

    With --enforce the assistants ask before they write, and git before it commits: in a restricted zone (one that a
    blocking rule of the policy names) they are refused. A policy is a shipped one's name or a file; --shared wants it
    in the repository. Running init again without --enforce leaves such hooks as they are.

    \b
    Examples:
      provenance init                        here, for you
      provenance init --user                 in every repository, for you
      provenance init --shared --dry-run     what would be committed
      provenance init --managed fleet        for your device management
      provenance init --enforce applied-ai   assistants paused where that policy says so
      provenance init --uninstall
    """
    from provenance import setup

    if team is not None and policy_name is None:
        raise click.UsageError("--team says for whom to enforce: add --enforce POLICY")
    if uninstall and policy_name is not None:
        raise click.UsageError("--uninstall takes out what enforces, too: leave out --enforce")
    place = setup.place(_kind(shared, user, managed, codex_notify), managed or repo, os.environ)
    if place.kind in ("user", "managed") and "git" in names:
        raise click.UsageError("git hooks belong to a repository: leave out --user and --managed")
    if uninstall:
        plan = setup.plan_removal(place, names or setup.NAMES)
    else:
        found = names or tuple(setup.detected(place))
        if not set(found) - {"git"} and not names:
            click.echo(f"no assistant found (name one with --assistant: {', '.join(NAMES[:-1])})", err=True)
        rules = None if policy_name is None else _enforced(place, policy_name, team or "")
        plan = setup.plan(place, found, _program(place, program), codex_notify, rules)
    _show(plan, place, dry_run)
    if plan.changes and not dry_run and _agreed(yes, len(plan.changes)):
        setup.apply(plan)
        click.echo(f"done: {len(plan.changes)} files")


def _kind(shared: bool, user: bool, managed: Path | None, codex_notify: bool) -> Kind:
    """What the options ask for."""
    if shared + user + (managed is not None) > 1:
        raise click.UsageError("--shared, --user and --managed exclude each other: run init once for each")
    if codex_notify and not user:
        raise click.UsageError("--codex-notify goes into your own config.toml: add --user")
    return "shared" if shared else "user" if user else "managed" if managed is not None else "repository"


def _program(place: Place, given: str | None) -> str:
    """The program that hooks call: as given, else what fits the place."""
    from provenance.setup import managed, program

    if given is not None:
        checked = program.checked(given)
        if place.kind == "managed" and not checked.startswith("/"):
            raise ProvenanceError(f"--command {given!r}: a fleet's hooks need a whole path, as {managed.PROGRAM}")
        return checked
    if place.kind == "managed":
        return managed.PROGRAM
    return program.SHARED if place.kind == "shared" else program.checked(program.found(place.environ))


def _enforced(place: Place, name: str, team: str) -> Enforced:
    """The policy as the hooks are to name it: it can be loaded, has restricted zones, and is found where they run."""
    from provenance import enforcing, policy, setup
    from provenance.setup import repository

    if not all(text.isprintable() and text.strip() == text for text in (name, team)) or not name:
        raise ProvenanceError(f"--enforce {name!r}: a policy and a team are named in one line of printable text")
    rules = policy.load(name).policy
    if not enforcing.restricted(rules):
        raise ProvenanceError(
            f"--enforce {name}: this policy has no restricted zone, so nothing would be refused (let a rule of level "
            "soft or hard, with 'action: block', name zones, as in applied-ai)"
        )
    if name in policy.shipped():
        return setup.Enforced(name, team)
    file = Path(os.path.abspath(name))
    if place.kind != "shared":
        return setup.Enforced(file.as_posix(), team)
    file = file.parent.resolve() / file.name
    if not file.is_relative_to(place.root):
        raise ProvenanceError(f"--enforce {name}: lies outside of {place.root}, where nobody else has it (move it in)")
    if not repository.tracked(place.root, file):
        click.secho(plain(f"note: {file}: git does not track it: commit it with the hooks"), fg="yellow", err=True)
    return setup.Enforced(f"./{file.relative_to(place.root).as_posix()}", team)


def _show(plan: Plan, place: Place, dry_run: bool) -> None:
    """What would change, and what a person has to know."""
    from provenance import setup

    for change in plan.changes:
        if dry_run:
            click.echo(plain(setup.diff(change)), nl=False)
        else:
            verb = "create" if change.before is None else "delete" if change.after is None else "change"
            click.echo(plain(f"{verb} {change.path} ({change.who})"))
    if not plan.changes:
        click.echo("nothing to change")
    for name in dict.fromkeys(name for _, name in plan.enforced):
        whose = ", ".join(who for who, other in plan.enforced if other == name)
        click.echo(plain(f"refused in the restricted zones of {name}: {whose}"))
    for who, sentence in plan.notes:
        click.secho(plain(f"note: {who}: {sentence}"), fg="yellow", err=True)


def _agreed(yes: bool, count: int) -> bool:
    """Whether the user wants the files written; where nobody can be asked, only if they said so."""
    if yes:
        return True
    if not sys.stdin.isatty():
        raise ProvenanceError("no terminal to ask on, nothing was written (add --yes to write, --dry-run to look)")
    return click.confirm(f"Write {count} files?")
