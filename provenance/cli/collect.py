"""``provenance collect``."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from provenance.cli.status import plain


@click.command(name="collect")
@click.argument("sources", nargs=-1, required=True)
@click.option("--into", required=True, type=click.Path(path_type=Path, file_okay=False), help="The store to fill.")
@click.option("--quiet", "-q", is_flag=True, help="No progress on standard error.")
def command(sources: tuple[str, ...], into: Path, quiet: bool) -> None:
    """Bring the stores and ledgers of many machines together, so that scans know everyone's ingredients.

    SOURCES are folders (a store, or a folder with stores anywhere below it), REPOSITORY#REF (a git ref whose tree holds
    them) and URLs of an object store (s3://, gs://, file://). What is here already is not added twice: the same command
    can be run every hour. Exit code 1: something could not be brought in; the rest is here.

    \b
    Examples:
      provenance collect /mnt/machines --into /srv/provenance
      provenance collect s3://lab-provenance/stores origin.git#refs/heads/captures --into /srv/provenance
    """
    from provenance import collecting

    def tell(name: str) -> None:
        if not quiet and sys.stderr.isatty():
            click.echo(f"\r\x1b[K{plain(name[-70:])}", nl=False, err=True)

    try:
        report = collecting.run(list(sources), into, tell)
    finally:
        if not quiet and sys.stderr.isatty():
            click.echo("\r\x1b[K", nl=False, err=True)
    click.echo(
        f"{report.stores:,} stores: {report.ingredients:,} ingredients added ({report.known:,} here already), "
        f"{report.entries:,} entries of {report.shards:,} shards added to the ledger of {plain(str(into))}"
    )
    for trouble in report.troubles:
        click.secho(plain(f"warning: {trouble}"), fg="yellow", err=True)
    if report.troubles:
        raise click.exceptions.Exit(1)
