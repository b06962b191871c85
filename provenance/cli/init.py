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
    from provenance.setup import Kind, Place, Plan

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
    uninstall: bool,
    dry_run: bool,
    yes: bool,
) -> None:
    """Install the hooks that capture what assistants write, in the settings of every assistant found.

    In a repository the hooks are yours alone unless --shared: files that git would show are added to
    .git/info/exclude, and files that git tracks are left alone. Other hooks, comments and layout stay byte for byte;
    --uninstall gives back the earlier files. Running it again changes nothing. A repository also gets its store,
    .provenance, which git ignores.

    \b
    Examples:
      provenance init                        here, for you
      provenance init --user                 in every repository, for you
      provenance init --shared --dry-run     what would be committed
      provenance init --managed fleet        for your device management
      provenance init --uninstall
    """
    from provenance import setup

    place = setup.place(_kind(shared, user, managed, codex_notify), managed or repo, os.environ)
    if place.kind in ("user", "managed") and "git" in names:
        raise click.UsageError("git hooks belong to a repository: leave out --user and --managed")
    if uninstall:
        plan = setup.plan_removal(place, names or setup.NAMES)
    else:
        found = names or tuple(setup.detected(place))
        if not set(found) - {"git"} and not names:
            click.echo(f"no assistant found (name one with --assistant: {', '.join(NAMES[:-1])})", err=True)
        plan = setup.plan(place, found, _program(place, program), codex_notify)
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
    for who, sentence in plan.notes:
        click.secho(plain(f"note: {who}: {sentence}"), fg="yellow", err=True)


def _agreed(yes: bool, count: int) -> bool:
    """Whether the user wants the files written; where nobody can be asked, only if they said so."""
    if yes:
        return True
    if not sys.stdin.isatty():
        raise ProvenanceError("no terminal to ask on, nothing was written (add --yes to write, --dry-run to look)")
    return click.confirm(f"Write {count} files?")
