"""``provenance scan``."""

from __future__ import annotations

from pathlib import Path

import click

from provenance.cli import options


@click.command(name="scan")
@options.scanning
def command(
    datasets: tuple[str, ...],
    store: Path,
    index_path: Path | None,
    out: Path,
    columns: tuple[str, ...],
    no_similar: bool,
    jobs: int,
    quiet: bool,
) -> None:
    """Look for indexed outputs in DATASETS: Parquet and JSONL files, folders, globs.

    Every text column is read unless --column chooses, nested ones too (messages[].content). A run that was
    cut off goes on where it stopped when the same command is given again.

    \b
    Examples:
      provenance scan train.parquet
      provenance scan 'data/**/*.jsonl.zst' --column 'messages[].content' --out run-7
      provenance judge run-7 --policy clean-room
    """
    done = run(datasets, options.index_of(index_path, store), out, columns, no_similar, jobs, quiet)
    click.echo(
        f"scanned {done[0]:,} rows, {done[1]:,} texts match; facts in {out} (judge them: provenance judge {out})"
    )


def run(
    datasets: tuple[str, ...],
    index_path: Path,
    out: Path,
    columns: tuple[str, ...],
    no_similar: bool,
    jobs: int,
    quiet: bool,
) -> tuple[int, int]:
    """Scan with a progress bar: rows read, and texts matched."""
    from provenance import index, scan

    opened = index.Index(index_path)
    with options.progress("scanning", quiet) as tell:
        done = scan.run(datasets, opened, out, columns, not no_similar, jobs, tell)
    return done.total("rows"), done.total("matched")
