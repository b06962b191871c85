"""``provenance status``."""

from __future__ import annotations

import os
import time
from pathlib import Path

import click


@click.command(name="status")
@click.option(
    "--store",
    type=click.Path(path_type=Path, file_okay=False),
    help="The store's folder.  [default: where a hook that runs here captures to]",
)
@click.option("--since", metavar="DATE", help="From this day on (UTC), e.g. 2026-11-01.  [default: today]")
def command(store: Path | None, since: str | None) -> None:
    """Show what was captured today and from whom, in one screen.

    \b
    Examples:
      provenance status
      provenance status --since 2026-11-01 --store /srv/provenance
    """
    from rich.console import Console
    from rich.table import Table

    from provenance import health, hook
    from provenance.errors import StoreError

    at = store or Path(hook.store_of(os.getcwd()))
    if not at.is_dir():
        raise StoreError(f"{at}: no store here (run 'provenance init', or name one with --store)")
    day = since or time.strftime("%Y-%m-%d", time.gmtime())
    try:
        time.strptime(day, "%Y-%m-%d")
    except ValueError as error:
        raise click.BadParameter(f"{day!r} is no day (write it as 2026-11-01)", param_hint="--since") from error
    found = health.captured(at, day)
    click.echo(
        f"{plain(str(at))} since {day} (UTC): "
        f"{sum(found.outputs.values()):,} outputs, {sum(found.tokens.values()):,} tokens, "
        f"{len(found.sessions):,} sessions, {len(found.files):,} files, {len(found.authors):,} people"
    )
    if found.outputs:
        table = Table(box=None, pad_edge=False)
        for name in ("assistant", "model", "evidence"):
            table.add_column(name, overflow="fold")
        for name in ("outputs", "tokens"):
            table.add_column(name, justify="right")
        for key, count in found.outputs.most_common(20):
            table.add_row(*map(plain, key), f"{count:,}", f"{found.tokens[key]:,}")
        Console(highlight=False, markup=False).print(table)
        more = len(found.outputs) - 20
        if more > 0:
            click.echo(f"... and {more:,} more kinds")
    for reason, count in found.missed.most_common(5):
        click.secho(f"missed {count:,}: {plain(reason)}", fg="yellow")
    if found.missed:
        click.echo("'provenance doctor' tells what to do about missed captures")


def plain(text: str) -> str:
    """The text with all that could steer a terminal shown as ``?``; lines and tabs stay."""
    return "".join(char if char.isprintable() or char in "\n\t" else "?" for char in text)
