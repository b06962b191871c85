"""``provenance scan``."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from provenance.cli import options

if TYPE_CHECKING:
    from provenance.index import Index

F = TypeVar("F", bound=Callable[..., Any])


def _shard(ctx: click.Context, param: click.Parameter, value: str | None) -> tuple[int, int] | None:
    """``i/n`` as (i, n), 1 <= i <= n."""
    if value is None:
        return None
    found = re.fullmatch(r"(\d{1,6})/(\d{1,6})", value)
    if found is None or not 1 <= int(found[1]) <= int(found[2]):
        raise click.BadParameter(f"{value!r} is no shard (write 2/8 for the second of eight)", ctx, param)
    return int(found[1]), int(found[2])


def sharing(command: F) -> F:
    """The options of every command that shares its work among machines."""
    for option in (
        click.option(
            "--join",
            "others",
            metavar="FOLDER",
            multiple=True,
            type=click.Path(path_type=Path, exists=True, file_okay=False),
            help="Take what another folder of the same scan has finished (repeatable).",
        ),
        click.option(
            "--shard",
            metavar="I/N",
            callback=_shard,
            help="Scan the I-th of N shares of the work, and judge nothing; a run without --shard joins them.",
        ),
    ):
        command = option(command)
    return command


def share(
    datasets: tuple[str, ...],
    index: Index,
    out: Path,
    shard: tuple[int, int],
    columns: tuple[str, ...],
    no_similar: bool,
    jobs: int,
    quiet: bool,
) -> None:
    """Scan a shard with a progress bar and say what is left to do."""
    from provenance import scan

    with options.progress("scanning", quiet) as tell:
        done, all_ = scan.share(datasets, index, out, shard, columns, not no_similar, jobs, tell)
    click.echo(
        f"shard {shard[0]}/{shard[1]} is scanned: {done:,} of {all_:,} work units are in {out}; no verdict yet "
        "(the same command without --shard joins and judges)"
    )


@click.command(name="scan")
@options.scanning
@sharing
def command(
    datasets: tuple[str, ...],
    store: Path,
    index_path: Path | None,
    out: Path,
    columns: tuple[str, ...],
    no_similar: bool,
    jobs: int,
    quiet: bool,
    shard: tuple[int, int] | None,
    others: tuple[Path, ...],
) -> None:
    """Look for indexed outputs in DATASETS: files of any format that is read, folders, globs.

    Every text column is read unless --column chooses, nested ones too (messages[].content). A run that was
    cut off goes on where it stopped when the same command is given again.

    \b
    Examples:
      provenance scan train.parquet
      provenance scan 'data/**/*.jsonl.zst' --column 'messages[].content' --out run-7
      provenance scan data/ --shard 2/8 --out /mnt/run-7
      provenance judge run-7 --policy clean-room
    """
    from provenance import index, scan

    opened = index.Index(options.index_of(index_path, store))
    if shard is not None:
        if others:
            raise click.UsageError("--shard only scans: give --join to the run that joins the shards")
        share(datasets, opened, out, shard, columns, no_similar, jobs, quiet)
        return
    with options.progress("scanning", quiet) as tell:
        done = scan.run(datasets, opened, out, columns, not no_similar, jobs, tell, others)
    click.echo(
        f"scanned {done.total('rows'):,} rows, {done.total('matched'):,} texts match; facts in {out} "
        f"(judge them: provenance judge {out})"
    )
