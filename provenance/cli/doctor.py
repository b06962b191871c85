"""``provenance doctor``."""

from __future__ import annotations

import os
from pathlib import Path

import click

from provenance.cli.status import plain


@click.command(name="doctor")
@click.option(
    "--store",
    type=click.Path(path_type=Path, file_okay=False),
    help="The store's folder.  [default: where a hook that runs here captures to]",
)
@click.option("--days", type=click.IntRange(1), default=7, show_default=True, help="How far back transcripts are read.")
@click.option(
    "--transcripts",
    multiple=True,
    type=click.Path(path_type=Path, exists=True),
    help="Compare with these transcripts (repeatable).  [default: those in your home folder]",
)
def command(store: Path | None, days: int, transcripts: tuple[Path, ...]) -> None:
    """Say whether captures are live: hooks, keys, clock, what was missed, and edits that no hook captured.

    It reads the assistants' own transcripts and compares them with the ledger, and loads the policies by which hooks
    refuse. Exit code 1: something is not captured, or not enforced, and the line says what to do.

    \b
    Examples:
      provenance doctor
      provenance doctor --days 30 --transcripts ~/.claude/projects
    """
    from provenance import health, hook

    colours = {health.OK: "green", health.NOTE: "yellow", health.GAP: "red", health.OPEN: "red"}
    at = store or Path(hook.store_of(os.getcwd()))
    worst = False
    click.echo(plain(f"store {at}"))
    for found in health.examine(at, Path.cwd(), days, transcripts):
        level = click.style(f"{found.level:12}", fg=colours[found.level])
        click.echo(f"{level}  {found.about:12}  {plain(found.text)}")
        worst |= found.level in (health.GAP, health.OPEN)
    raise click.exceptions.Exit(1 if worst else 0)
