"""What ``gate --split`` does when the scan is judged."""

from __future__ import annotations

from pathlib import Path

import click

from provenance.cli import options


def split(run: Path, out: Path, quiet: bool, aside: bool = False, jobs: int = 1) -> bool:
    """Split the dataset of a judged scan and say what was compared; whether any row is held back.

    ``aside``: standard output is for something else.
    """
    from provenance import splitting

    with options.progress("splitting", quiet) as tell:
        done = splitting.split(run, out, tell, jobs)
    click.echo(
        f"split: {done.rows:,} rows = {done.clean:,} clean ({out / 'clean'}) + {done.quarantined:,} held back "
        f"({out / 'quarantined'}); compared row for row, receipt: {out / 'split.json'}",
        err=aside,
    )
    for one in done.files:
        if one.unreadable:
            click.echo(f"not copied, for it cannot be read: {', '.join(one.unreadable[:5])}", err=True)
    return done.quarantined > 0
